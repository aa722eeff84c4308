from django.conf import settings
from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty, TimeOfDay
from facilities.choices import Hazard
from planning.choices import Extent, ScenarioTemplate


class Scenario(models.Model):
    """A hazard, where it strikes, and what it does to people. A missing rate refuses the run; it is never zero."""

    city = models.ForeignKey(
        "core.City", on_delete=models.CASCADE, related_name="scenarios", verbose_name=_("city")
    )
    ref = models.CharField(_("reference"), max_length=24, unique=True)
    code = models.CharField(_("code in the pack"), max_length=60, blank=True)
    name = models.CharField(_("name"), max_length=120)
    name_en = models.CharField(_("English name"), max_length=120, blank=True)
    hazard = models.CharField(_("hazard"), max_length=12, choices=Hazard.choices)
    template = models.CharField(
        _("template"), max_length=20, choices=ScenarioTemplate.choices, default=ScenarioTemplate.CUSTOM
    )
    model = models.JSONField(
        _("inputs of the template's model"),
        default=dict,
        blank=True,
        help_text=_("What the rates are worked out from; empty for a template whose rates are set by hand."),
    )
    extent = models.CharField(_("extent"), max_length=12, choices=Extent.choices, default=Extent.EVERYWHERE)
    areas = models.ManyToManyField("core.Area", blank=True, related_name="+", verbose_name=_("areas"))
    hazard_layer = models.ForeignKey(
        "planning.HazardLayer",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="scenarios",
        verbose_name=_("hazard layer"),
    )
    affected_share = models.FloatField(_("share of people affected"), null=True, blank=True)
    displaced_share = models.FloatField(_("share of the affected who leave home"), null=True, blank=True)
    seeking_share = models.FloatField(_("share of the displaced who seek shelter"), null=True, blank=True)
    zone_rates = models.JSONField(
        _("rates by class"),
        default=dict,
        blank=True,
        help_text=_('{"class": {"affected": 1, "displaced": 0.05}}'),
    )
    rate_source = models.CharField(_("source of the rates"), max_length=300, blank=True)
    rate_certainty = models.CharField(
        _("certainty of the rates"), max_length=1, choices=Certainty.choices, default=Certainty.D
    )
    rate_facts = models.JSONField(
        _("range and source of each number"),
        default=dict,
        blank=True,
        help_text=_(
            'By the number\'s place in the scenario: {"zone_rates.deep.displaced": {"low": 0.03, "high": 0.08, "source": "…",'
            ' "clause": "", "certainty": "B"}}'
        ),
    )
    drawn = models.MultiPolygonField(_("drawn ground"), null=True, blank=True)
    population_layers = models.JSONField(
        _("population layer by time of day"),
        default=dict,
        blank=True,
        help_text=_('{"night": "census-2020"}; a time that is not named takes the layer in use.'),
    )
    duration_hours = models.FloatField(
        _("lasts, h"), null=True, blank=True, help_text=_("Empty: every phase counts.")
    )
    stay_shares = models.JSONField(
        _("share still in need by phase"),
        default=dict,
        blank=True,
        help_text=_('{"d4_15": 0.6, "d15_plus": 0.2}; a phase that is not named keeps everybody.'),
    )
    multipliers = models.JSONField(
        _("need multiplied by service"), default=dict, blank=True, help_text=_('{"medical_point": 1.5}')
    )
    ratio_overrides = models.JSONField(
        _("ratios set by the scenario"), default=dict, blank=True, help_text=_('{"isolation_lodging": 0.006}')
    )
    services = models.ManyToManyField("facilities.ServiceType", related_name="+", verbose_name=_("services"))
    times_of_day = ArrayField(
        models.CharField(max_length=8, choices=TimeOfDay.choices), verbose_name=_("times of day")
    )
    close_inside_zone = models.BooleanField(_("places inside the zone supply nothing"), default=True)
    close_from_severity = models.PositiveSmallIntegerField(
        _("from this severity on"),
        null=True,
        blank=True,
        help_text=_("Empty: places in every class of the zone supply nothing."),
    )
    closed_facilities = models.ManyToManyField(
        "facilities.Facility", blank=True, related_name="+", verbose_name=_("closed facilities")
    )
    road_rules = models.JSONField(
        _("closed and slowed roads"),
        default=list,
        blank=True,
        help_text=_(
            '[{"zone_class": "deep", "road_classes": ["*"], "factor": null}]: factor null closes, 2 takes twice as long'
        ),
    )
    synthetic = models.BooleanField(_("assumed"), default=False)
    notes = models.TextField(_("notes"), blank=True)
    version = models.PositiveIntegerField(_("version"), default=1)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        ordering = ["city", "ref"]
        verbose_name = _("scenario")
        verbose_name_plural = _("scenarios")
        constraints = [
            models.UniqueConstraint(
                fields=["city", "code"], condition=~models.Q(code=""), name="scenario_code_once"
            ),
            models.CheckConstraint(
                condition=(
                    models.Q(affected_share__isnull=True)
                    | models.Q(affected_share__gte=0, affected_share__lte=1)
                )
                & (
                    models.Q(displaced_share__isnull=True)
                    | models.Q(displaced_share__gte=0, displaced_share__lte=1)
                )
                & (
                    models.Q(seeking_share__isnull=True)
                    | models.Q(seeking_share__gte=0, seeking_share__lte=1)
                ),
                name="scenario_rates_are_shares",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ScenarioVersion(models.Model):
    """The whole document of a scenario as it was in one version. Written with the version, never changed."""

    scenario = models.ForeignKey(
        Scenario, on_delete=models.CASCADE, related_name="versions", verbose_name=_("scenario")
    )
    version = models.PositiveIntegerField(_("version"))
    document = models.JSONField(_("document"))
    note = models.CharField(_("what changed"), max_length=300, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["scenario", "-version"]
        verbose_name = _("scenario version")
        verbose_name_plural = _("scenario versions")
        constraints = [models.UniqueConstraint(fields=["scenario", "version"], name="scenario_version_once")]
