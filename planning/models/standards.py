from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty
from planning.choices import Driver, ProfileStatus, ReachUnit, TravelMode


class StandardProfile(models.Model):
    """A set of standards that are used together. A published one never changes."""

    code = models.SlugField(_("code"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=120)
    name_en = models.CharField(_("English name"), max_length=120)
    parent = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("derived from"),
    )
    area = models.ForeignKey(
        "core.Area", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("area")
    )
    status = models.CharField(
        _("status"), max_length=10, choices=ProfileStatus.choices, default=ProfileStatus.DRAFT
    )
    is_default = models.BooleanField(_("default"), default=False)
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_to = models.DateField(_("valid to"), null=True, blank=True)
    reason = models.TextField(_("reason for local values"), blank=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("reviewed by"),
    )

    class Meta:
        ordering = ["code"]
        verbose_name = _("standard profile")
        verbose_name_plural = _("standard profiles")
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="one_default_profile"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Standard(models.Model):
    """How much of a service people need, how near, and how soon. Each number carries its own source."""

    profile = models.ForeignKey(
        StandardProfile, on_delete=models.CASCADE, related_name="standards", verbose_name=_("profile")
    )
    service = models.ForeignKey(
        "facilities.ServiceType",
        on_delete=models.PROTECT,
        related_name="standards",
        verbose_name=_("service"),
    )
    driver = models.CharField(_("counts"), max_length=10, choices=Driver.choices)
    ratio = models.FloatField(_("units a person"))
    ratio_text = models.CharField(_("ratio in words"), max_length=120)
    ratio_text_en = models.CharField(_("ratio in English words"), max_length=120)
    ratio_source = models.CharField(_("source of the ratio"), max_length=200)
    ratio_clause = models.CharField(_("clause of the ratio"), max_length=80, blank=True)
    ratio_certainty = models.CharField(_("certainty of the ratio"), max_length=1, choices=Certainty.choices)
    reach_limit = models.FloatField(_("reach"))
    reach_unit = models.CharField(_("unit of reach"), max_length=3, choices=ReachUnit.choices)
    mode = models.CharField(_("travel"), max_length=5, choices=TravelMode.choices)
    reach_source = models.CharField(_("source of the reach"), max_length=200)
    reach_clause = models.CharField(_("clause of the reach"), max_length=80, blank=True)
    reach_certainty = models.CharField(_("certainty of the reach"), max_length=1, choices=Certainty.choices)
    conversion_limit_hours = models.FloatField(_("ready within, h"), null=True, blank=True)
    conversion_source = models.CharField(_("source of the time limit"), max_length=200, blank=True)
    conversion_clause = models.CharField(_("clause of the time limit"), max_length=80, blank=True)
    conversion_certainty = models.CharField(
        _("certainty of the time limit"), max_length=1, choices=Certainty.choices, blank=True
    )
    weight = models.FloatField(_("weight of one unit in siting"), default=1)

    class Meta:
        ordering = ["profile", "service__sort_order"]
        verbose_name = _("standard")
        verbose_name_plural = _("standards")
        constraints = [
            models.UniqueConstraint(fields=["profile", "service"], name="standard_once"),
            models.CheckConstraint(
                condition=models.Q(ratio__gt=0, reach_limit__gt=0, weight__gte=0), name="standard_is_positive"
            ),
        ]
