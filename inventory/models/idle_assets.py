from django.contrib.gis.db import models
from django.utils.translation import gettext_lazy as _

from inventory.choices import AssetKind, AssetStatus, InterventionKind, Tenure


class IdleAsset(models.Model):
    """Vacant premises or land that may become a facility. Idle things come first: building is dear."""

    city = models.ForeignKey(
        "core.City", on_delete=models.PROTECT, related_name="idle_assets", verbose_name=_("city")
    )
    ref = models.CharField(_("reference"), max_length=24, unique=True)
    source_id = models.CharField(_("id in the source"), max_length=80, blank=True)
    name = models.CharField(_("name"), max_length=200)
    name_en = models.CharField(_("English name"), max_length=200, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=AssetKind.choices)
    status = models.CharField(
        _("status"), max_length=10, choices=AssetStatus.choices, default=AssetStatus.IDLE
    )
    former_use = models.CharField(_("former use"), max_length=80, blank=True)
    tenure = models.CharField(_("tenure"), max_length=12, choices=Tenure.choices, default=Tenure.UNKNOWN)
    area = models.ForeignKey(
        "core.Area",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="idle_assets",
        verbose_name=_("area"),
    )
    address = models.CharField(_("address"), max_length=300, blank=True)
    point = models.PointField(_("position"))
    datum = models.CharField(_("declared datum"), max_length=16)
    original_x = models.FloatField(_("original x or longitude"))
    original_y = models.FloatField(_("original y or latitude"))
    floor_m2 = models.FloatField(_("floor area, m²"), null=True, blank=True)
    land_m2 = models.FloatField(_("land area, m²"), null=True, blank=True)
    constraints_text = models.CharField(_("constraints"), max_length=300, blank=True)
    synthetic = models.BooleanField(_("synthetic"), default=False)
    layer = models.ForeignKey(
        "core.PackLayer",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="idle_assets",
        verbose_name=_("read from"),
    )
    version = models.PositiveIntegerField(_("version"), default=1)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        ordering = ["ref"]
        verbose_name = _("idle asset")
        verbose_name_plural = _("idle assets")
        constraints = [
            models.UniqueConstraint(
                fields=["city", "source_id"], condition=~models.Q(source_id=""), name="idle_asset_source_once"
            )
        ]

    def __str__(self) -> str:
        return self.name


class AssetOption(models.Model):
    """One thing an idle asset may become, with its size, cost and time."""

    asset = models.ForeignKey(
        IdleAsset, on_delete=models.CASCADE, related_name="options", verbose_name=_("idle asset")
    )
    service = models.ForeignKey(
        "facilities.ServiceType", on_delete=models.PROTECT, related_name="+", verbose_name=_("service")
    )
    kind = models.CharField(_("intervention"), max_length=10, choices=InterventionKind.choices)
    capacity = models.FloatField(_("capacity gained"))
    cost_fen = models.BigIntegerField(_("cost, fen"))
    conversion_hours = models.FloatField(_("conversion hours afterwards"), null=True, blank=True)
    lead_months = models.PositiveSmallIntegerField(_("lead time, months"), default=6)

    class Meta:
        ordering = ["asset", "service"]
        verbose_name = _("option")
        verbose_name_plural = _("options")
        constraints = [
            models.UniqueConstraint(fields=["asset", "service", "kind"], name="asset_option_once"),
            models.CheckConstraint(
                condition=models.Q(capacity__gte=0, cost_fen__gte=0), name="asset_option_not_negative"
            ),
        ]
