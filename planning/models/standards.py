from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty
from planning.choices import (
    Driver,
    NeedBasis,
    PeopleGroup,
    Phase,
    ProfileLevel,
    ProfileStatus,
    ReachUnit,
    TravelMode,
)


class StandardProfile(models.Model):
    """A version of a set of standards that are used together. A published one never changes: the database refuses.

    What a profile does not say for a service it takes from its parent, and so on upwards (nation, province, city,
    district). `family` names all versions of one profile; at most one of them is published at a time.
    """

    code = models.SlugField(_("code"), max_length=60, unique=True)
    family = models.SlugField(_("family"), max_length=60, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1)
    level = models.CharField(
        _("level"), max_length=10, choices=ProfileLevel.choices, default=ProfileLevel.CITY
    )
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
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("drafted by"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True, null=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True, null=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("reviewed by"),
    )
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    retired_at = models.DateTimeField(_("retired"), null=True, blank=True)

    class Meta:
        ordering = ["code"]
        verbose_name = _("standard profile")
        verbose_name_plural = _("standard profiles")
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="one_default_profile"
            ),
            models.UniqueConstraint(
                fields=["family", "version"], condition=~models.Q(family=""), name="profile_version_once"
            ),
            models.UniqueConstraint(
                fields=["family"],
                condition=models.Q(status="published") & ~models.Q(family=""),
                name="one_published_version",
            ),
            models.CheckConstraint(
                condition=~models.Q(parent=models.F("id")), name="profile_is_not_its_own_parent"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Standard(models.Model):
    """How much of a service people need, how near, and how soon. Each number carries its own source.

    Rows of one service in one profile differ by phase and agree in whom they count (`driver`, `group`).
    """

    profile = models.ForeignKey(
        StandardProfile, on_delete=models.CASCADE, related_name="standards", verbose_name=_("profile")
    )
    service = models.ForeignKey(
        "facilities.ServiceType",
        on_delete=models.PROTECT,
        related_name="standards",
        verbose_name=_("service"),
    )
    phase = models.CharField(
        _("phase"), max_length=10, choices=Phase.choices, blank=True, help_text=_("Empty: all the time.")
    )
    driver = models.CharField(_("counts"), max_length=10, choices=Driver.choices)
    group = models.CharField(
        _("only people"),
        max_length=20,
        choices=PeopleGroup.choices,
        blank=True,
        help_text=_("Empty: everybody."),
    )
    ratio = models.FloatField(_("units a person"))
    ratio_low = models.FloatField(_("lowest likely"), null=True, blank=True)
    ratio_high = models.FloatField(_("highest likely"), null=True, blank=True)
    per_people = models.PositiveIntegerField(
        _("shown for so many people"),
        default=1,
        help_text=_("10,000 shows a ratio of 0.002 as 20 for 10,000 people."),
    )
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
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_to = models.DateField(_("valid to"), null=True, blank=True)
    reason = models.TextField(
        _("reason"), blank=True, help_text=_("Why it differs from the profile above. Required where it does.")
    )
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("reviewed by"),
    )
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("changed by"),
    )

    class Meta:
        ordering = ["profile", "service__sort_order", "phase"]
        verbose_name = _("standard")
        verbose_name_plural = _("standards")
        constraints = [
            models.UniqueConstraint(fields=["profile", "service", "phase"], name="standard_once_a_phase"),
            models.CheckConstraint(
                condition=(
                    models.Q(ratio_low__isnull=True)
                    | models.Q(ratio_low__gte=0, ratio_low__lte=models.F("ratio"))
                )
                & (models.Q(ratio_high__isnull=True) | models.Q(ratio_high__gte=models.F("ratio")))
                & models.Q(per_people__gte=1),
                name="standard_range_holds_the_ratio",
            ),
            models.CheckConstraint(
                condition=models.Q(ratio__gt=0, reach_limit__gt=0, weight__gte=0), name="standard_is_positive"
            ),
        ]


class MinimumNeed(models.Model):
    """What one sheltered person needs: water, food, toilets, space, beds, staff. Each number carries its own source.

    `amount` is read by `basis`: 15 (L) for each person and day; 20 (people) to one toilet.
    """

    profile = models.ForeignKey(
        StandardProfile, on_delete=models.CASCADE, related_name="minimum_needs", verbose_name=_("profile")
    )
    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80)
    unit = models.CharField(_("unit"), max_length=20)
    unit_en = models.CharField(_("English unit"), max_length=20)
    basis = models.CharField(_("counted"), max_length=20, choices=NeedBasis.choices)
    amount = models.FloatField(_("amount"))
    phase = models.CharField(
        _("phase"), max_length=10, choices=Phase.choices, blank=True, help_text=_("Empty: all the time.")
    )
    source = models.CharField(_("source"), max_length=200)
    clause = models.CharField(_("clause"), max_length=80, blank=True)
    certainty = models.CharField(_("certainty"), max_length=1, choices=Certainty.choices)
    reason = models.TextField(_("reason"), blank=True)
    sort_order = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        ordering = ["profile", "sort_order", "code", "phase"]
        verbose_name = _("minimum need")
        verbose_name_plural = _("minimum needs")
        constraints = [
            models.UniqueConstraint(fields=["profile", "code", "phase"], name="minimum_need_once"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="minimum_need_is_positive"),
        ]
