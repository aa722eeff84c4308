from django.contrib.gis.db import models
from django.utils.translation import gettext_lazy as _

from core.choices import TimeOfDay


class PopulationLayer(models.Model):
    """Where people are at a time of day, from one source."""

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

    class Meta:
        ordering = ["city", "time_of_day", "code"]
        verbose_name = _("population layer")
        verbose_name_plural = _("population layers")
        constraints = [models.UniqueConstraint(fields=["city", "code"], name="population_layer_once")]

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

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["layer", "cell"], name="cell_people_once"),
            models.CheckConstraint(condition=models.Q(people__gte=0), name="cell_people_not_negative"),
            models.CheckConstraint(
                condition=models.Q(barrier_free__isnull=True)
                | models.Q(barrier_free__gte=0, barrier_free__lte=models.F("people")),
                name="cell_barrier_free_within_people",
            ),
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
