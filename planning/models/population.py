from django.conf import settings
from django.contrib.gis.db import models
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty, TimeOfDay
from planning.choices import LayerMethod, PeopleGroup


class PopulationLayer(models.Model):
    """Where people are at a time of day, from one source. Runs take the `current` layer of their time of day unless the
    scenario names another; the others are kept for comparison."""

    city = models.ForeignKey(
        "core.City", on_delete=models.CASCADE, related_name="population_layers", verbose_name=_("city")
    )
    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=120)
    name_en = models.CharField(_("English name"), max_length=120, blank=True)
    time_of_day = models.CharField(_("time of day"), max_length=8, choices=TimeOfDay.choices)
    people = models.FloatField(_("people"), default=0)
    barrier_free = models.FloatField(
        _("of these, people who need barrier-free places"),
        null=True,
        blank=True,
        help_text=_("Empty: the source does not tell them apart."),
    )
    cells = models.PositiveIntegerField(_("cells"), default=0)
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
    method = models.CharField(
        _("method"), max_length=10, choices=LayerMethod.choices, default=LayerMethod.CELLS
    )
    groups = models.JSONField(
        _("people by group"),
        default=dict,
        blank=True,
        help_text=_("Groups the source tells apart: their totals."),
    )
    source = models.CharField(_("source"), max_length=300, blank=True)
    as_of = models.DateField(_("as of"), null=True, blank=True)
    certainty = models.CharField(_("certainty"), max_length=1, choices=Certainty.choices, default=Certainty.D)
    error_share = models.FloatField(
        _("likely error of the total, as a share"),
        null=True,
        blank=True,
        help_text=_("0.1: the true total lies within 10 % above or below, all districts alike."),
    )
    error_share_district = models.FloatField(
        _("likely error of each district, as a share"),
        null=True,
        blank=True,
        help_text=_("On top of the error of the total, each district for itself."),
    )
    error_source = models.CharField(_("source of the error"), max_length=300, blank=True)
    made_from = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="derived",
        verbose_name=_("made from"),
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
        ordering = ["city", "time_of_day", "code"]
        verbose_name = _("population layer")
        verbose_name_plural = _("population layers")
        constraints = [
            models.UniqueConstraint(fields=["city", "code"], name="population_layer_once"),
            models.UniqueConstraint(
                fields=["city", "time_of_day"],
                condition=models.Q(current=True),
                name="one_current_layer_a_time",
            ),
            models.CheckConstraint(
                condition=(
                    models.Q(error_share__isnull=True) | models.Q(error_share__gte=0, error_share__lt=1)
                )
                & (
                    models.Q(error_share_district__isnull=True)
                    | models.Q(error_share_district__gte=0, error_share_district__lt=1)
                ),
                name="layer_errors_are_shares",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DemandCell(models.Model):
    """A small area that holds people. `number` runs from 0 along the Morton curve of the city's cells."""

    city = models.ForeignKey("core.City", on_delete=models.CASCADE, related_name="cells")
    number = models.PositiveIntegerField()
    code = models.CharField(max_length=40)
    area = models.ForeignKey("core.Area", on_delete=models.PROTECT, null=True, related_name="cells")
    point = models.PointField()
    geometry = models.PolygonField(null=True, spatial_index=True)
    area_m2 = models.FloatField(null=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["city", "code"], name="cell_code_once"),
            models.UniqueConstraint(fields=["city", "number"], name="cell_number_once"),
        ]


class CellPopulation(models.Model):
    layer = models.ForeignKey(PopulationLayer, on_delete=models.CASCADE, related_name="counts")
    cell = models.ForeignKey(DemandCell, on_delete=models.CASCADE, related_name="counts")
    people = models.FloatField()
    barrier_free = models.FloatField(null=True, help_text=_("Of these, people who need barrier-free places."))
    age_0_14 = models.FloatField(null=True)
    age_60_up = models.FloatField(null=True)
    age_65_up = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["layer", "cell"], name="cell_people_once"),
            models.CheckConstraint(condition=models.Q(people__gte=0), name="cell_people_not_negative"),
            models.CheckConstraint(
                condition=models.Q(barrier_free__isnull=True)
                | models.Q(barrier_free__gte=0, barrier_free__lte=models.F("people")),
                name="cell_barrier_free_within_people",
            ),
            models.CheckConstraint(
                condition=(
                    (models.Q(age_0_14__isnull=True) | models.Q(age_0_14__gte=0))
                    & (models.Q(age_60_up__isnull=True) | models.Q(age_60_up__gte=0))
                    & (models.Q(age_65_up__isnull=True) | models.Q(age_65_up__gte=0))
                ),
                name="cell_ages_not_negative",
            ),
        ]


class CensusTotal(models.Model):
    """People counted in an area, to hold a population layer against. `group` empty: everybody."""

    city = models.ForeignKey(
        "core.City", on_delete=models.CASCADE, related_name="census_totals", verbose_name=_("city")
    )
    area = models.ForeignKey(
        "core.Area", on_delete=models.CASCADE, related_name="census_totals", verbose_name=_("area")
    )
    year = models.PositiveSmallIntegerField(_("year"))
    group = models.CharField(_("group"), max_length=20, choices=PeopleGroup.choices, blank=True)
    people = models.PositiveBigIntegerField(_("people"))
    source = models.CharField(_("source"), max_length=300)
    certainty = models.CharField(_("certainty"), max_length=1, choices=Certainty.choices, default=Certainty.B)
    layer = models.ForeignKey(
        "core.PackLayer",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("read from"),
    )

    class Meta:
        ordering = ["city", "-year", "area__path", "group"]
        verbose_name = _("census total")
        verbose_name_plural = _("census totals")
        constraints = [
            models.UniqueConstraint(fields=["city", "area", "year", "group"], name="census_total_once")
        ]


class CellGroup(models.Model):
    """Cells drawn as one hexagon in wide views. `level` is the map zoom it is made for; `key` names the hexagon."""

    city = models.ForeignKey("core.City", on_delete=models.CASCADE, related_name="cell_groups")
    level = models.PositiveSmallIntegerField()
    key = models.BigIntegerField()
    cells = models.PositiveIntegerField()
    geometry = models.PolygonField(srid=3857)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["city", "level", "key"], name="cell_group_once")]
