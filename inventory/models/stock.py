from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from inventory.choices import MovementKind


class ItemType(models.Model):
    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80)
    unit = models.CharField(_("unit"), max_length=20)
    per_place = models.FloatField(_("needed for one place"), null=True, blank=True)

    class Meta:
        ordering = ["code"]
        verbose_name = _("item")
        verbose_name_plural = _("items")

    def __str__(self) -> str:
        return self.name


class Lot(models.Model):
    """Goods of one kind in one place with one date of expiry."""

    facility = models.ForeignKey(
        "facilities.Facility", on_delete=models.PROTECT, related_name="lots", verbose_name=_("facility")
    )
    item = models.ForeignKey(ItemType, on_delete=models.PROTECT, related_name="lots", verbose_name=_("item"))
    number = models.CharField(_("lot number"), max_length=60, blank=True)
    expires_on = models.DateField(_("expires"), null=True, blank=True)

    class Meta:
        ordering = ["facility", "item", "expires_on"]
        verbose_name = _("lot")
        verbose_name_plural = _("lots")


class StockMovement(models.Model):
    """A line of the stock ledger. Append-only; the level is the sum of its lines."""

    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="movements", verbose_name=_("lot"))
    kind = models.CharField(_("kind"), max_length=12, choices=MovementKind.choices)
    quantity = models.IntegerField(_("quantity, signed"))
    at = models.DateTimeField(_("when"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name = _("stock movement")
        verbose_name_plural = _("stock movements")


class Stocktake(models.Model):
    facility = models.ForeignKey(
        "facilities.Facility", on_delete=models.PROTECT, related_name="stocktakes", verbose_name=_("facility")
    )
    counted_on = models.DateField(_("counted on"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )

    class Meta:
        ordering = ["-counted_on"]
        verbose_name = _("stocktake")
        verbose_name_plural = _("stocktakes")


class StocktakeLine(models.Model):
    stocktake = models.ForeignKey(Stocktake, on_delete=models.CASCADE, related_name="lines")
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="+")
    expected = models.IntegerField(_("expected"))
    counted = models.PositiveIntegerField(_("counted"))
