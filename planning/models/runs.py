from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.choices import TimeOfDay
from planning.choices import Assignment, ReachMethod, RunState


class Snapshot(models.Model):
    """Frozen inputs of a city: a folder of arrays named by the hash of what is in it. Never changed."""

    city = models.ForeignKey(
        "core.City", on_delete=models.CASCADE, related_name="snapshots", verbose_name=_("city")
    )
    sha256 = models.CharField(_("hash"), max_length=64, unique=True)
    folder = models.CharField(_("folder"), max_length=120)
    cells = models.PositiveIntegerField(_("cells"))
    sites = models.PositiveIntegerField(_("facilities and idle assets"))
    network = models.ForeignKey(
        "planning.RoadNetwork",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("roads"),
    )
    as_of = models.DateField(_("agreements and certificates as of"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")

    @property
    def short(self) -> str:
        return self.sha256[:8]


class Run(models.Model):
    """One call of the engine on one snapshot. Same snapshot, settings and engine: the same run is answered."""

    ref = models.CharField(_("reference"), max_length=24, unique=True)
    city = models.ForeignKey(
        "core.City", on_delete=models.CASCADE, related_name="runs", verbose_name=_("city")
    )
    scenario = models.ForeignKey(
        "planning.Scenario", on_delete=models.PROTECT, related_name="runs", verbose_name=_("scenario")
    )
    scenario_version = models.PositiveIntegerField(_("version of the scenario"))
    scenario_frozen = models.JSONField(_("scenario as it was"), default=dict)
    variation = models.JSONField(
        _("numbers changed for this run"),
        default=dict,
        blank=True,
        help_text=_(
            'By their place in the scenario: {"displaced_share": 0.1}; empty: the scenario as written.'
        ),
    )
    profile = models.ForeignKey(
        "planning.StandardProfile", on_delete=models.PROTECT, related_name="runs", verbose_name=_("standards")
    )
    standards_frozen = models.JSONField(_("standards as they were"), default=list)
    snapshot = models.ForeignKey(
        Snapshot,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="runs",
        verbose_name=_("snapshot"),
    )
    time_of_day = models.CharField(_("time of day"), max_length=8, choices=TimeOfDay.choices)
    assignment = models.CharField(
        _("assignment"), max_length=8, choices=Assignment.choices, default=Assignment.NEAREST
    )
    reach_method = models.CharField(_("reach"), max_length=10, choices=ReachMethod.choices, blank=True)
    reach_overrides = models.JSONField(_("reach set for this run"), default=dict, blank=True)
    speed_profile = models.ForeignKey(
        "planning.SpeedProfile",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="runs",
        verbose_name=_("speeds"),
    )
    speeds_frozen = models.JSONField(_("speeds as they were"), default=dict, blank=True)
    detour_factor = models.FloatField(_("detour factor"), default=1.3)
    plan_version = models.ForeignKey(
        "planning.PlanVersion",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="runs",
        verbose_name=_("with the changes of"),
    )
    params_sha256 = models.CharField(_("hash of the settings"), max_length=64)
    engine_version = models.CharField(_("engine"), max_length=20)
    state = models.CharField(_("state"), max_length=10, choices=RunState.choices, default=RunState.WAITING)
    refusal = models.JSONField(_("why it was refused"), default=list, blank=True)
    totals = models.JSONField(_("totals by service"), default=list, blank=True)
    breaks = models.JSONField(_("class breaks by service"), default=dict, blank=True)
    facts = models.JSONField(_("facts about the run"), default=dict, blank=True)
    job = models.ForeignKey(
        "core.Job",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="runs",
        verbose_name=_("job"),
    )
    seconds = models.FloatField(_("seconds"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        constraints = [
            models.UniqueConstraint(
                fields=["params_sha256"], condition=models.Q(state="done"), name="run_once"
            )
        ]

    def __str__(self) -> str:
        return self.ref
