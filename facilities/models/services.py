from django.db import models
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty
from facilities.choices import CapacityAttribute


class ServiceType(models.Model):
    """A kind of help. Rows, not code: a city may add its own."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80)
    domain = models.CharField(_("domain"), max_length=40, help_text=_("shelter, lodging, medical or supply"))
    unit = models.CharField(_("unit"), max_length=20, help_text=_("Unit of capacity and need, in English."))
    unit_name = models.CharField(_("unit in Chinese"), max_length=20)
    shape = models.CharField(_("map shape"), max_length=12, default="shelter")
    sort_order = models.PositiveSmallIntegerField(_("order"), default=0)
    description = models.CharField(_("description"), max_length=300, blank=True)
    description_en = models.CharField(_("English description"), max_length=300, blank=True)

    class Meta:
        ordering = ["sort_order", "code"]
        verbose_name = _("service type")
        verbose_name_plural = _("service types")

    def __str__(self) -> str:
        return self.name


class PeacetimeUse(models.Model):
    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80)
    sort_order = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        ordering = ["sort_order", "code"]
        verbose_name = _("peacetime use")
        verbose_name_plural = _("peacetime uses")

    def __str__(self) -> str:
        return self.name


class CapacityRule(models.Model):
    """How much of a service a place of this use gives: capacity = attribute x factor / divisor."""

    service = models.ForeignKey(
        ServiceType, on_delete=models.PROTECT, related_name="capacity_rules", verbose_name=_("service")
    )
    use = models.ForeignKey(
        PeacetimeUse, on_delete=models.PROTECT, related_name="capacity_rules", verbose_name=_("peacetime use")
    )
    attribute = models.CharField(_("attribute"), max_length=12, choices=CapacityAttribute.choices)
    factor = models.FloatField(_("factor"))
    divisor = models.FloatField(_("divisor"), default=1)
    conversion_hours = models.FloatField(_("conversion hours, default"), null=True, blank=True)
    exclusive = models.BooleanField(_("excludes other roles"), default=True)
    rank = models.PositiveSmallIntegerField(_("rank among the roles of one place"), default=1)
    formula = models.CharField(_("formula"), max_length=120)
    source = models.CharField(_("source"), max_length=200)
    clause = models.CharField(_("clause"), max_length=80, blank=True)
    certainty = models.CharField(_("certainty"), max_length=1, choices=Certainty.choices)

    class Meta:
        ordering = ["service", "use"]
        verbose_name = _("capacity rule")
        verbose_name_plural = _("capacity rules")
        constraints = [
            models.UniqueConstraint(fields=["service", "use"], name="capacity_rule_once"),
            models.CheckConstraint(
                condition=models.Q(factor__gte=0, divisor__gt=0), name="capacity_rule_is_sane"
            ),
        ]
