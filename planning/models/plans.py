from collections.abc import Iterable

from django.conf import settings
from django.contrib.gis.db import models
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty
from inventory.choices import InterventionKind
from planning.choices import Aim, Rule, VersionState


class CostRate(models.Model):
    """What an intervention costs when the place itself names no price. A proposal until a city confirms it."""

    service = models.ForeignKey(
        "facilities.ServiceType",
        on_delete=models.PROTECT,
        related_name="cost_rates",
        verbose_name=_("service"),
    )
    kind = models.CharField(_("intervention"), max_length=10, choices=InterventionKind.choices)
    use = models.ForeignKey(
        "facilities.PeacetimeUse",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("peacetime use"),
    )
    fixed_fen = models.BigIntegerField(_("fixed cost, fen"))
    per_unit_fen = models.BigIntegerField(_("cost a unit, fen"))
    max_share = models.FloatField(_("at most this share of today's capacity"), null=True, blank=True)
    hours = models.FloatField(_("conversion hours afterwards"), null=True, blank=True)
    lead_months = models.PositiveSmallIntegerField(_("lead time, months"), default=3)
    steps = models.JSONField(
        _("size steps, shares of the whole"),
        default=list,
        blank=True,
        help_text=_("Sizes a place may be taken in, such as 0.5 and 1; empty: as a whole only."),
    )
    running_fen_unit = models.BigIntegerField(_("running cost a unit and year, fen"), default=0)
    peacetime_fen_unit = models.BigIntegerField(_("peacetime value a unit and year, fen"), default=0)
    source = models.CharField(_("source"), max_length=200)
    certainty = models.CharField(_("certainty"), max_length=1, choices=Certainty.choices, default=Certainty.D)

    class Meta:
        ordering = ["service", "kind", "use"]
        verbose_name = _("cost rate")
        verbose_name_plural = _("cost rates")
        constraints = [
            models.UniqueConstraint(
                fields=["service", "kind", "use"], nulls_distinct=False, name="cost_rate_once"
            )
        ]


class Plan(models.Model):
    city = models.ForeignKey(
        "core.City", on_delete=models.CASCADE, related_name="plans", verbose_name=_("city")
    )
    ref = models.CharField(_("reference"), max_length=24, unique=True)
    name = models.CharField(_("name"), max_length=120)
    name_en = models.CharField(_("English name"), max_length=120, blank=True)
    notes = models.TextField(_("notes"), blank=True)
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
        ordering = ["-id"]
        verbose_name = _("plan")
        verbose_name_plural = _("plans")

    def __str__(self) -> str:
        return self.name


class PlanVersion(models.Model):
    """An ordered change-set on frozen baseline runs, with how good it is and how sure that is."""

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="versions", verbose_name=_("plan"))
    number = models.PositiveSmallIntegerField(_("version"))
    state = models.CharField(
        _("state"), max_length=10, choices=VersionState.choices, default=VersionState.COMPUTING
    )
    baseline_runs = models.ManyToManyField(
        "planning.Run", related_name="baseline_of", verbose_name=_("baseline runs")
    )
    budget_fen = models.BigIntegerField(_("budget, fen"))
    services = models.ManyToManyField(
        "facilities.ServiceType", blank=True, related_name="+", verbose_name=_("services")
    )
    weights = models.JSONField(_("weights by service"), default=dict, blank=True)
    aim = models.CharField(_("aim"), max_length=10, choices=Aim.choices, default=Aim.MOST)
    rule = models.CharField(
        _("rule over scenarios"), max_length=10, choices=Rule.choices, default=Rule.EXPECTED
    )
    question = models.JSONField(
        _("limits and wishes"),
        default=dict,
        blank=True,
        help_text=_("The rest of the question as a document; see planning.bridge.siting_question."),
    )
    parent = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("made from version"),
    )
    finish_requested = models.BooleanField(_("asked to keep the best so far"), default=False)
    trail = models.JSONField(
        _("value and bound as they improved"),
        default=list,
        blank=True,
        help_text=_("[[seconds, value, bound], …]"),
    )
    aim_value = models.FloatField(_("value of the aim"), null=True, blank=True)
    aim_bound = models.FloatField(_("bound of the aim"), null=True, blank=True)
    cost_fen = models.BigIntegerField(_("cost, fen"), default=0)
    value = models.FloatField(_("weighted need newly served"), null=True, blank=True)
    bound = models.FloatField(_("no plan can serve more than"), null=True, blank=True)
    gap = models.FloatField(_("distance from the bound, share"), null=True, blank=True)
    status = models.CharField(_("proof"), max_length=12, blank=True)
    seed = models.BigIntegerField(_("seed"), default=1)
    time_limit_seconds = models.PositiveIntegerField(_("time limit, s"), default=60)
    seconds = models.FloatField(_("seconds"), null=True, blank=True)
    engine_version = models.CharField(_("engine"), max_length=20, blank=True)
    candidates = models.PositiveIntegerField(_("options weighed"), default=0)
    facts = models.JSONField(_("facts about the solution"), default=dict, blank=True)
    params_sha256 = models.CharField(max_length=64, blank=True)
    job = models.ForeignKey(
        "core.Job",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="plan_versions",
        verbose_name=_("job"),
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    frozen_at = models.DateTimeField(_("frozen"), null=True, blank=True)
    frozen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("frozen by"),
    )
    content_sha256 = models.CharField(
        _("hash of what was frozen"),
        max_length=64,
        blank=True,
        help_text=_("Of question, runs, change-set and money; see planning.services.plan_freeze."),
    )

    class Meta:
        ordering = ["plan", "-number"]
        verbose_name = _("plan version")
        verbose_name_plural = _("plan versions")
        constraints = [
            models.UniqueConstraint(fields=["plan", "number"], name="plan_version_once"),
            models.CheckConstraint(
                condition=models.Q(cost_fen__lte=models.F("budget_fen")), name="plan_within_budget"
            ),
        ]

    def worth_of(self, orders: Iterable[int]) -> float:
        """Weighted need newly served by these interventions, mean of the baseline runs, under the best possible
        assignment, each counted after those before it: all together they are worth `value`."""
        worth = self.facts.get("worth") or []
        return float(sum(worth[order - 1] for order in orders if order <= len(worth)))

    @property
    def worth_seen(self) -> float | None:
        """The same for the interventions listed in `orders`; None where a version does not tell."""
        return self.worth_of(getattr(self, "orders", [])) if self.facts.get("worth") is not None else None


class Intervention(models.Model):
    version = models.ForeignKey(
        PlanVersion, on_delete=models.CASCADE, related_name="interventions", verbose_name=_("version")
    )
    order = models.PositiveSmallIntegerField(_("order"))
    kind = models.CharField(_("intervention"), max_length=10, choices=InterventionKind.choices)
    service = models.ForeignKey(
        "facilities.ServiceType", on_delete=models.PROTECT, related_name="+", verbose_name=_("service")
    )
    facility = models.ForeignKey(
        "facilities.Facility",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="interventions",
        verbose_name=_("facility"),
    )
    idle_asset = models.ForeignKey(
        "inventory.IdleAsset",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="interventions",
        verbose_name=_("idle asset"),
    )
    name = models.CharField(_("place"), max_length=200)
    name_en = models.CharField(_("place in English"), max_length=200, blank=True)
    area = models.ForeignKey(
        "core.Area", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("area")
    )
    point = models.PointField(_("position"))
    units = models.BigIntegerField(_("units gained"))
    cost_fen = models.BigIntegerField(_("cost, fen"))
    hours = models.FloatField(_("ready after, h"), null=True, blank=True)
    lead_months = models.PositiveSmallIntegerField(_("lead time, months"), default=0)
    people_newly_served = models.BigIntegerField(_("need newly served"), default=0)
    running_fen_year = models.BigIntegerField(_("running cost a year, fen"), default=0)
    peacetime_fen_year = models.BigIntegerField(_("peacetime value a year, fen"), default=0)
    year = models.PositiveSmallIntegerField(_("year of the work"), null=True, blank=True)
    key = models.CharField(_("option"), max_length=60, blank=True)

    class Meta:
        ordering = ["version", "order"]
        verbose_name = _("intervention")
        verbose_name_plural = _("interventions")
        constraints = [
            models.UniqueConstraint(fields=["version", "order"], name="intervention_order_once"),
            models.CheckConstraint(
                condition=models.Q(units__gte=0, cost_fen__gte=0), name="intervention_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(facility__isnull=False, idle_asset__isnull=True)
                | models.Q(facility__isnull=True, idle_asset__isnull=False),
                name="intervention_at_one_place",
            ),
        ]
