"""What is asked of a finished run beyond its four states. It reads the run's snapshot and settings, nothing newer."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from planning.choices import AnalysisKind, RunState


class Analysis(models.Model):
    """One question about a run. Same run, settings and engine: the same answer is given, not computed again.

    Arrays (values by cell, by facility) lie in `folder` of the artefact store; `facts` holds what a page shows first.
    """

    run = models.ForeignKey(
        "planning.Run", on_delete=models.CASCADE, related_name="analyses", verbose_name=_("run")
    )
    ref = models.CharField(_("reference"), max_length=24, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=AnalysisKind.choices)
    params = models.JSONField(_("settings"), default=dict, blank=True)
    params_sha256 = models.CharField(_("hash of the settings"), max_length=64)
    state = models.CharField(_("state"), max_length=10, choices=RunState.choices, default=RunState.WAITING)
    folder = models.CharField(_("folder"), max_length=120, blank=True)
    facts = models.JSONField(_("facts"), default=dict, blank=True)
    engine_version = models.CharField(_("engine"), max_length=20)
    seconds = models.FloatField(_("seconds"), null=True, blank=True)
    job = models.ForeignKey(
        "core.Job",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="analyses",
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
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("analysis")
        verbose_name_plural = _("analyses")
        constraints = [
            models.UniqueConstraint(
                fields=["params_sha256"], condition=models.Q(state="done"), name="analysis_once"
            )
        ]

    def __str__(self) -> str:
        return self.ref


class AreaHourResult(models.Model):
    """Need served in an area by what is ready `hour` hours after activation. It never falls from hour to hour."""

    analysis = models.ForeignKey(Analysis, on_delete=models.CASCADE, related_name="hours")
    service = models.ForeignKey("facilities.ServiceType", on_delete=models.PROTECT, related_name="+")
    area = models.ForeignKey("core.Area", on_delete=models.CASCADE, related_name="+")
    hour = models.FloatField(_("hours after activation"))
    need = models.BigIntegerField(_("need"))
    served = models.BigIntegerField(_("served"))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["analysis", "service", "area", "hour"], name="area_hour_result_once"
            ),
            models.CheckConstraint(
                condition=models.Q(served__gte=0, served__lte=models.F("need")), name="area_hour_within_need"
            ),
        ]


class LossResult(models.Model):
    """Need no longer served in time when one facility falls out, or two together (`other`)."""

    analysis = models.ForeignKey(Analysis, on_delete=models.CASCADE, related_name="losses")
    service = models.ForeignKey("facilities.ServiceType", on_delete=models.PROTECT, related_name="+")
    facility = models.ForeignKey("facilities.Facility", on_delete=models.CASCADE, related_name="+")
    other = models.ForeignKey(
        "facilities.Facility", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    lost = models.BigIntegerField(_("no longer served in time"))
    served = models.BigIntegerField(_("served in time by it today"))

    class Meta:
        ordering = ["analysis", "-lost", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["analysis", "service", "facility", "other"],
                nulls_distinct=False,
                name="loss_result_once",
            ),
            models.CheckConstraint(condition=models.Q(lost__gte=0), name="loss_not_negative"),
        ]
        indexes = [models.Index(fields=["analysis", "service", "-lost"])]


class AreaRange(models.Model):
    """Need and gap of an area as the run has them, and where the draws put them: one in ten lies below p10, half below
    p50, nine in ten below p90. All in whole service units."""

    analysis = models.ForeignKey(Analysis, on_delete=models.CASCADE, related_name="ranges")
    service = models.ForeignKey("facilities.ServiceType", on_delete=models.PROTECT, related_name="+")
    area = models.ForeignKey("core.Area", on_delete=models.CASCADE, related_name="+")
    need = models.BigIntegerField(_("need"))
    need_p10 = models.BigIntegerField(_("need, P10"))
    need_p50 = models.BigIntegerField(_("need, P50"))
    need_p90 = models.BigIntegerField(_("need, P90"))
    gap = models.BigIntegerField(_("gap"))
    gap_p10 = models.BigIntegerField(_("gap, P10"))
    gap_p50 = models.BigIntegerField(_("gap, P50"))
    gap_p90 = models.BigIntegerField(_("gap, P90"))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["analysis", "service", "area"], name="area_range_once"),
            models.CheckConstraint(
                condition=models.Q(
                    need_p10__gte=0, need_p50__gte=models.F("need_p10"), need_p90__gte=models.F("need_p50"),
                    gap_p10__gte=0, gap_p50__gte=models.F("gap_p10"), gap_p90__gte=models.F("gap_p50"),
                ),
                name="area_range_rises",
            ),
        ]  # fmt: skip
