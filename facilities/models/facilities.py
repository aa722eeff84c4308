from django.conf import settings
from django.contrib.gis.db import models
from django.contrib.postgres.indexes import GinIndex
from django.utils.translation import gettext_lazy as _

from facilities.choices import (
    CapabilityStatus,
    CapacitySource,
    FacilityStatus,
    Hazard,
    ProposalState,
    Readiness,
)


class Facility(models.Model):
    """A place with a peacetime use that can take emergency roles."""

    city = models.ForeignKey(
        "core.City", on_delete=models.PROTECT, related_name="facilities", verbose_name=_("city")
    )
    ref = models.CharField(_("reference"), max_length=24, unique=True)
    source_id = models.CharField(_("id in the source"), max_length=80, blank=True)
    name = models.CharField(_("name"), max_length=200)
    name_en = models.CharField(_("English name"), max_length=200, blank=True)
    use = models.ForeignKey(
        "facilities.PeacetimeUse",
        on_delete=models.PROTECT,
        related_name="facilities",
        verbose_name=_("peacetime use"),
    )
    status = models.CharField(
        _("status"), max_length=10, choices=FacilityStatus.choices, default=FacilityStatus.ACTIVE
    )
    area = models.ForeignKey(
        "core.Area",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="facilities",
        verbose_name=_("area"),
    )
    address = models.CharField(_("address"), max_length=300, blank=True)
    point = models.PointField(_("position"))
    footprint = models.MultiPolygonField(_("footprint"), null=True, blank=True)
    datum = models.CharField(_("declared datum"), max_length=16)
    original_x = models.FloatField(_("original x or longitude"))
    original_y = models.FloatField(_("original y or latitude"))
    area_m2 = models.FloatField(_("area, m²"), null=True, blank=True)
    rooms = models.PositiveIntegerField(_("rooms"), null=True, blank=True)
    beds = models.PositiveIntegerField(_("beds"), null=True, blank=True)
    units = models.FloatField(_("units"), null=True, blank=True)
    stars = models.PositiveSmallIntegerField(_("stars"), null=True, blank=True)
    entry_minutes = models.FloatField(
        _("minutes from the street to the door"),
        default=0,
        help_text=_("Added to every trip that is measured in minutes."),
    )
    readiness_minutes = models.FloatField(
        _("minutes until somebody opens"), default=0, help_text=_("Added to the hours of conversion.")
    )
    owner = models.CharField(_("owner"), max_length=120, blank=True)
    operator = models.CharField(_("operator"), max_length=120, blank=True)
    contact = models.CharField(_("contact"), max_length=120, blank=True)
    synthetic = models.BooleanField(_("synthetic"), default=False)
    layer = models.ForeignKey(
        "core.PackLayer",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="facilities",
        verbose_name=_("read from"),
    )
    confirmed_on = models.DateField(_("last confirmed"), null=True, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        ordering = ["ref"]
        verbose_name = _("facility")
        verbose_name_plural = _("facilities")
        constraints = [
            models.UniqueConstraint(
                fields=["city", "source_id"], condition=~models.Q(source_id=""), name="facility_source_once"
            ),
            models.CheckConstraint(
                condition=models.Q(area_m2__isnull=True) | models.Q(area_m2__gte=0),
                name="facility_area_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    entry_minutes__gte=0,
                    entry_minutes__lte=240,
                    readiness_minutes__gte=0,
                    readiness_minutes__lte=14_400,
                ),
                name="facility_minutes_in_range",
            ),
        ]
        indexes = [
            GinIndex(fields=["name"], name="facility_name_trgm", opclasses=["gin_trgm_ops"]),
            GinIndex(fields=["name_en"], name="facility_name_en_trgm", opclasses=["gin_trgm_ops"]),
        ]

    def __str__(self) -> str:
        return self.name


class Capability(models.Model):
    """What a facility can give in one emergency role. Capacity belongs to the role, never to the place."""

    facility = models.ForeignKey(
        Facility, on_delete=models.CASCADE, related_name="capabilities", verbose_name=_("facility")
    )
    service = models.ForeignKey(
        "facilities.ServiceType",
        on_delete=models.PROTECT,
        related_name="capabilities",
        verbose_name=_("service"),
    )
    status = models.CharField(_("status"), max_length=10, choices=CapabilityStatus.choices)
    capacity = models.FloatField(_("capacity"))
    barrier_free_capacity = models.FloatField(
        _("of it barrier-free"),
        null=True,
        blank=True,
        help_text=_("Empty: not known, and then nothing is promised to people who need it."),
    )
    capacity_source = models.CharField(
        _("where the capacity comes from"),
        max_length=10,
        choices=CapacitySource.choices,
        default=CapacitySource.RULE,
    )
    rule = models.ForeignKey(
        "facilities.CapacityRule",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="capabilities",
        verbose_name=_("rule"),
    )
    hazards = models.JSONField(
        _("hazards it may serve"), default=list, blank=True, help_text=_("Empty: any hazard.")
    )
    conversion_hours_declared = models.FloatField(_("conversion, declared, h"), null=True, blank=True)
    conversion_hours_observed = models.FloatField(_("conversion, observed, h"), null=True, blank=True)
    conversion_cost_fen = models.BigIntegerField(_("conversion cost, fen"), null=True, blank=True)
    exclusive = models.BooleanField(_("excludes other roles"), default=True)
    rank = models.PositiveSmallIntegerField(_("rank among the roles of this place"), default=1)
    conditions = models.CharField(_("conditions"), max_length=300, blank=True)
    synthetic = models.BooleanField(_("hours or cost are assumed"), default=False)

    class Meta:
        ordering = ["facility", "rank", "service"]
        verbose_name = _("capability")
        verbose_name_plural = _("capabilities")
        constraints = [
            models.UniqueConstraint(fields=["facility", "service"], name="capability_once"),
            models.CheckConstraint(
                condition=models.Q(capacity__gte=0), name="capability_capacity_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(barrier_free_capacity__isnull=True)
                | models.Q(barrier_free_capacity__gte=0, barrier_free_capacity__lte=models.F("capacity")),
                name="capability_barrier_free_within_capacity",
            ),
        ]

    @property
    def conversion_hours(self) -> float | None:
        """Observed beats declared: a drill proves what a form only promises."""
        observed = self.conversion_hours_observed
        return self.conversion_hours_declared if observed is None else observed

    @property
    def supplies(self) -> bool:
        """False for a retired role and, where readiness was read along, for one whose papers lapsed."""
        return self.status != CapabilityStatus.RETIRED and getattr(self, "readiness", "") != Readiness.LAPSED

    @property
    def hazard_words(self) -> list[str]:
        return [str(dict(Hazard.choices).get(code, code)) for code in self.hazards]


class Certificate(models.Model):
    facility = models.ForeignKey(
        Facility, on_delete=models.CASCADE, related_name="certificates", verbose_name=_("facility")
    )
    kind = models.CharField(_("kind"), max_length=80)
    number = models.CharField(_("number"), max_length=80, blank=True)
    valid_from = models.DateField(_("from"), null=True, blank=True)
    valid_to = models.DateField(_("until"), null=True, blank=True)

    class Meta:
        ordering = ["facility", "-valid_to"]
        verbose_name = _("certificate")
        verbose_name_plural = _("certificates")


class Agreement(models.Model):
    """The right to use a place in an emergency. Lapsed: the place supplies nothing."""

    facility = models.ForeignKey(
        Facility, on_delete=models.CASCADE, related_name="agreements", verbose_name=_("facility")
    )
    party = models.CharField(_("other party"), max_length=120, blank=True)
    valid_from = models.DateField(_("from"), null=True, blank=True)
    valid_to = models.DateField(_("until"), null=True, blank=True)
    synthetic = models.BooleanField(_("synthetic"), default=False)

    class Meta:
        ordering = ["facility", "-valid_to"]
        verbose_name = _("agreement")
        verbose_name_plural = _("agreements")


class ChangeProposal(models.Model):
    """A change someone proposes to a facility; a steward accepts or rejects it."""

    ref = models.CharField(_("reference"), max_length=24, unique=True)
    facility = models.ForeignKey(
        Facility, on_delete=models.CASCADE, related_name="proposals", verbose_name=_("facility")
    )
    changes = models.JSONField(_("changes"))
    reason = models.TextField(_("reason"))
    base_version = models.PositiveIntegerField(_("version it was written against"))
    state = models.CharField(
        _("state"), max_length=10, choices=ProposalState.choices, default=ProposalState.OPEN
    )
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("proposed by")
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    answer = models.TextField(_("answer"), blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("change proposal")
        verbose_name_plural = _("change proposals")
