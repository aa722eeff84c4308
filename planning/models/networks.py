from django.db import models
from django.utils.translation import gettext_lazy as _


class RoadNetwork(models.Model):
    """One version of a city's roads: a folder of arrays in the artefact store, named by its hash."""

    city = models.ForeignKey(
        "core.City", on_delete=models.CASCADE, related_name="road_networks", verbose_name=_("city")
    )
    ref = models.CharField(_("reference"), max_length=24, unique=True)
    sha256 = models.CharField(_("hash"), max_length=64)
    folder = models.CharField(_("folder"), max_length=120)
    nodes = models.PositiveIntegerField(_("nodes"))
    edges = models.PositiveIntegerField(_("edges"))
    length_km = models.FloatField(_("length, km"))
    largest_part_share = models.FloatField(_("share of nodes in the largest part"), default=1)
    layer = models.ForeignKey(
        "core.PackLayer",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("read from"),
    )
    synthetic = models.BooleanField(_("synthetic"), default=False)
    current = models.BooleanField(_("in use"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("road network")
        verbose_name_plural = _("road networks")
        constraints = [
            models.UniqueConstraint(
                fields=["city"], condition=models.Q(current=True), name="one_current_network"
            )
        ]
