from django.conf import settings
from django.contrib.gis.db import models
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty, OrganisationKind
from inventory.choices import InterventionKind
from projects.choices import Origin, ProjectState, RouteState


class Project(models.Model):
    """What is to be done at one place, from the first draft to the capability that the next run counts."""

    city = models.ForeignKey(
        "core.City", on_delete=models.PROTECT, related_name="projects", verbose_name=_("city")
    )
    ref = models.CharField(_("reference"), max_length=24, unique=True)
    investment_code = models.CharField(_("national investment code"), max_length=24, blank=True)
    name = models.CharField(_("name"), max_length=200)
    name_en = models.CharField(_("English name"), max_length=200, blank=True)
    description = models.TextField(_("what is done"), blank=True)
    origin = models.CharField(_("origin"), max_length=8, choices=Origin.choices, default=Origin.HAND)
    state = models.CharField(
        _("state"), max_length=14, choices=ProjectState.choices, default=ProjectState.DRAFT
    )
    # Counts every change; a page that shows an old one is told so instead of overwriting.
    version = models.PositiveIntegerField(_("version"), default=1)
    kind = models.CharField(_("intervention"), max_length=10, choices=InterventionKind.choices)
    service = models.ForeignKey(
        "facilities.ServiceType", on_delete=models.PROTECT, related_name="projects", verbose_name=_("service")
    )
    facility = models.ForeignKey(
        "facilities.Facility",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="projects",
        verbose_name=_("facility"),
    )
    idle_asset = models.ForeignKey(
        "inventory.IdleAsset",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="projects",
        verbose_name=_("idle asset"),
    )
    area = models.ForeignKey(
        "core.Area",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="projects",
        verbose_name=_("area"),
    )
    point = models.PointField(_("position"))
    units = models.BigIntegerField(_("units gained"))
    conversion_hours = models.FloatField(_("ready after, h"), null=True, blank=True)
    cost_fen = models.BigIntegerField(_("cost asked for, fen"))
    approved_fen = models.BigIntegerField(_("cost approved, fen"), null=True, blank=True)
    approved_units = models.BigIntegerField(_("units approved"), null=True, blank=True)
    starts_on = models.DateField(_("start"), null=True, blank=True)
    ends_on = models.DateField(_("end"), null=True, blank=True)
    # The plan it came from; what the plan said stays frozen here even if the plan is deleted.
    intervention = models.OneToOneField(
        "planning.Intervention",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="project",
        verbose_name=_("intervention of the plan"),
    )
    need = models.JSONField(_("need and gap it answers"), default=dict, blank=True)
    gap_promised = models.BigIntegerField(_("gap closed as promised"), null=True, blank=True)
    alternatives = models.JSONField(_("alternatives not taken"), default=list, blank=True)
    land_m2 = models.FloatField(_("land, m²"), null=True, blank=True)
    # What a list of projects says besides (project list of a city's plan: site, builder, lead department, stage).
    site = models.CharField(_("site in words"), max_length=200, blank=True)
    builder = models.CharField(_("who builds it"), max_length=160, blank=True)
    lead_department = models.CharField(_("department in the lead"), max_length=120, blank=True)
    stage = models.CharField(_("stage, as the list has it"), max_length=60, blank=True)
    # What stands or is planned nearby that could do the same; a written reason is needed above the thresholds.
    duplicate_reason = models.TextField(_("why it is built although others are near"), blank=True)
    started_on = models.DateField(_("works begun"), null=True, blank=True)
    # Asked to be published; what goes out is in the city's allow-list.
    published = models.BooleanField(_("published"), default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("drafted by"),
    )
    created_at = models.DateTimeField(_("drafted"), auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("project")
        verbose_name_plural = _("projects")
        constraints = [
            models.UniqueConstraint(
                fields=["investment_code"],
                condition=~models.Q(investment_code=""),
                name="investment_code_once",
            ),
            models.CheckConstraint(
                condition=models.Q(cost_fen__gte=0, units__gte=0), name="project_not_negative"
            ),
        ]
        indexes = [models.Index(fields=["city", "state"])]

    def __str__(self) -> str:
        return self.name


class Responsibility(models.Model):
    """Who answers for what: leadership, territory, department, enterprise (四方责任)."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="responsibilities", verbose_name=_("project")
    )
    level = models.CharField(_("level"), max_length=12, choices=OrganisationKind.choices)
    organisation = models.ForeignKey(
        "core.Organisation", on_delete=models.PROTECT, related_name="+", verbose_name=_("organisation")
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="responsibilities",
        verbose_name=_("person"),
    )
    task = models.CharField(_("task"), max_length=200)
    due_on = models.DateField(_("due"), null=True, blank=True)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    note = models.TextField(_("what was done"), blank=True)

    class Meta:
        ordering = ["due_on", "id"]
        verbose_name = _("responsibility")
        verbose_name_plural = _("responsibilities")


class DuplicateRule(models.Model):
    """When something near counts as the same again, as versioned data. Empty service: all that have no own rule."""

    city = models.ForeignKey(
        "core.City", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("city")
    )
    service = models.ForeignKey(
        "facilities.ServiceType",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("service"),
    )
    version = models.PositiveSmallIntegerField(_("version"), default=1)
    state = models.CharField(_("state"), max_length=10, choices=RouteState.choices, default=RouteState.DRAFT)
    overlap_percent = models.FloatField(_("overlap of catchments, %"))
    idle_radius_m = models.FloatField(_("idle assets within, m"))
    reason = models.TextField(_("reason"), blank=True)
    source = models.CharField(_("source"), max_length=300, blank=True)
    certainty = models.CharField(_("certainty"), max_length=1, choices=Certainty.choices, default=Certainty.D)
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    published_at = models.DateTimeField(_("published"), null=True, blank=True)

    class Meta:
        ordering = ["service__code", "-version"]
        verbose_name = _("rule against building twice")
        verbose_name_plural = _("rules against building twice")
        constraints = [
            models.UniqueConstraint(
                fields=["city", "service", "version"], name="duplicate_rule_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=models.Q(overlap_percent__gte=0, overlap_percent__lte=100, idle_radius_m__gte=0),
                name="duplicate_rule_in_range",
            ),
            models.CheckConstraint(
                condition=models.Q(published_by=None) | ~models.Q(published_by=models.F("drafted_by")),
                name="duplicate_rule_by_two_people",
            ),
        ]


class DuplicateCheck(models.Model):
    """What was found near a project when it was checked: kept, so that a decision can be read with it."""

    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="duplicate_checks", verbose_name=_("project")
    )
    rule = models.ForeignKey(
        DuplicateRule, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("rule")
    )
    # Built facilities, planned ones (projects and interventions) and idle assets, each with its share and distance.
    found = models.JSONField(_("found"), default=dict)
    overlap_percent = models.FloatField(_("largest overlap, %"))
    needs_reason = models.BooleanField(_("a reason is needed"))
    checked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    checked_at = models.DateTimeField(_("checked"), auto_now_add=True)

    class Meta:
        ordering = ["-checked_at", "-id"]
        verbose_name = _("check against building twice")
        verbose_name_plural = _("checks against building twice")
