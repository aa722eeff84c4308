from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from facilities.choices import BatchState


class ImportBatch(models.Model):
    """One file of facilities brought in, or refused, with everything that was found in it."""

    ref = models.CharField(_("reference"), max_length=24, unique=True)
    city = models.ForeignKey(
        "core.City", on_delete=models.CASCADE, related_name="import_batches", verbose_name=_("city")
    )
    layer = models.ForeignKey(
        "core.PackLayer",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="batches",
        verbose_name=_("layer"),
    )
    file_name = models.CharField(_("file"), max_length=300)
    sha256 = models.CharField(_("hash"), max_length=64)
    datum = models.CharField(_("declared datum"), max_length=16)
    mapping = models.JSONField(_("column mapping"), default=dict)
    state = models.CharField(_("state"), max_length=10, choices=BatchState.choices)
    rows = models.PositiveIntegerField(_("rows read"), default=0)
    added = models.PositiveIntegerField(_("added"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    errors = models.PositiveIntegerField(_("errors"), default=0)
    warnings = models.PositiveIntegerField(_("warnings"), default=0)
    median_shift_m = models.FloatField(_("median shift of the datum, m"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )
    created_at = models.DateTimeField(_("when"), auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("import")
        verbose_name_plural = _("imports")


class RowIssue(models.Model):
    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="issues")
    level = models.CharField(_("level"), max_length=8)
    row = models.PositiveIntegerField(_("row"), null=True, blank=True)
    column = models.CharField(_("column"), max_length=80, blank=True)
    code = models.CharField(_("code"), max_length=60)
    message = models.CharField(_("message"), max_length=400)
    value = models.CharField(_("value"), max_length=200, blank=True)

    class Meta:
        ordering = ["batch", "row", "column"]
