from django.conf import settings
from django.contrib.gis.db import models
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty
from facilities.choices import Hazard


class HazardLayer(models.Model):
    city = models.ForeignKey(
        "core.City", on_delete=models.CASCADE, related_name="hazard_layers", verbose_name=_("city")
    )
    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=120)
    name_en = models.CharField(_("English name"), max_length=120, blank=True)
    hazard = models.CharField(_("hazard"), max_length=12, choices=Hazard.choices)
    return_period_years = models.PositiveIntegerField(_("return period, years"), null=True, blank=True)
    source = models.CharField(_("source"), max_length=300, blank=True)
    certainty = models.CharField(_("certainty"), max_length=1, choices=Certainty.choices, default=Certainty.D)
    layer = models.ForeignKey(
        "core.PackLayer",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("read from"),
    )
    synthetic = models.BooleanField(_("synthetic"), default=False)
    unit = models.CharField(_("unit of the classes"), max_length=20, blank=True)
    cut_offs = models.JSONField(
        _("class cut-offs"),
        default=list,
        blank=True,
        help_text=_(
            'Of a raster, lowest first: [{"klass": "deep", "from": 1.5, "severity": 3}]; a class ends where the next begins.'
        ),
    )
    facts = models.JSONField(_("what the import found"), default=dict, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True, null=True)

    class Meta:
        ordering = ["city", "code"]
        verbose_name = _("hazard layer")
        verbose_name_plural = _("hazard layers")
        constraints = [models.UniqueConstraint(fields=["city", "code"], name="hazard_layer_once")]

    def __str__(self) -> str:
        return self.name


class HazardZone(models.Model):
    """Ground that one class of a hazard covers. A higher `severity` wins where zones overlap."""

    layer = models.ForeignKey(
        HazardLayer, on_delete=models.CASCADE, related_name="zones", verbose_name=_("layer")
    )
    klass = models.CharField(_("class"), max_length=40)
    severity = models.PositiveSmallIntegerField(_("severity"), default=1)
    geometry = models.MultiPolygonField(_("ground"))

    class Meta:
        ordering = ["layer", "-severity"]
        verbose_name = _("hazard zone")
        verbose_name_plural = _("hazard zones")
