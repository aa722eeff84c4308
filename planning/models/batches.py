"""Many scenarios asked as one question."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from planning.choices import Assignment


class Batch(models.Model):
    """Runs of several scenarios with the same standards, computed as one job, to be ranked and compared."""

    city = models.ForeignKey(
        "core.City", on_delete=models.CASCADE, related_name="batches", verbose_name=_("city")
    )
    ref = models.CharField(_("reference"), max_length=24, unique=True)
    name = models.CharField(_("name"), max_length=120)
    profile = models.ForeignKey(
        "planning.StandardProfile", on_delete=models.PROTECT, related_name="+", verbose_name=_("standards")
    )
    assignment = models.CharField(
        _("assignment"), max_length=8, choices=Assignment.choices, default=Assignment.NEAREST
    )
    sweep = models.JSONField(
        _("one number in steps"),
        default=dict,
        blank=True,
        help_text=_(
            '{"scenario": "S-00001", "path": "displaced_share", "from": 0.05, "to": 0.3, "steps": 6}; empty: scenarios as'
            " written."
        ),
    )
    runs = models.ManyToManyField(
        "planning.Run", through="planning.BatchRun", related_name="batches", verbose_name=_("runs")
    )
    job = models.ForeignKey(
        "core.Job",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="batches",
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

    class Meta:
        ordering = ["-id"]
        verbose_name = _("batch")
        verbose_name_plural = _("batches")

    def __str__(self) -> str:
        return self.ref


class BatchRun(models.Model):
    """A run's place in a batch. A run that was computed before may stand in several batches."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="entries")
    run = models.ForeignKey("planning.Run", on_delete=models.CASCADE, related_name="entries")
    position = models.PositiveIntegerField(_("position"))

    class Meta:
        ordering = ["batch", "position"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "run"], name="batch_run_once"),
            models.UniqueConstraint(fields=["batch", "position"], name="batch_position_once"),
        ]
