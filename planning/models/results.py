"""Results of runs, in whole units. In every row: served + late + no_room + out_of_reach = need."""

from django.contrib.gis.db import models
from django.utils.translation import gettext_lazy as _

from planning.choices import PeopleGroup, SupplyReason


class FourStates(models.Model):
    need = models.BigIntegerField(_("need"))
    served = models.BigIntegerField(_("served"))
    late = models.BigIntegerField(_("late"))
    no_room = models.BigIntegerField(_("no room"))
    out_of_reach = models.BigIntegerField(_("out of reach"))

    class Meta:
        abstract = True

    @property
    def gap(self) -> int:
        return self.late + self.no_room + self.out_of_reach


ADDS_UP = models.Q(
    need=models.F("served") + models.F("late") + models.F("no_room") + models.F("out_of_reach")
)


class CellResult(FourStates):
    """Cells with need. A cell with people and no row has need 0.

    Millions of rows come in one COPY from ids that the snapshot holds: a foreign-key check a row would take longer than
    the engine. The run is locked by the transaction that writes them, and its rows by area, written with them, carry
    the check for all. The unique key serves as the run's index.
    """

    run = models.ForeignKey(
        "planning.Run",
        on_delete=models.CASCADE,
        related_name="cell_results",
        db_index=False,
        db_constraint=False,
    )
    service = models.ForeignKey(
        "facilities.ServiceType",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    cell = models.ForeignKey(
        "planning.DemandCell", on_delete=models.CASCADE, related_name="results", db_constraint=False
    )
    people = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "service", "cell"], name="cell_result_once"),
            models.CheckConstraint(condition=ADDS_UP, name="cell_result_adds_up"),
        ]


class CellGroupResult(FourStates):
    run = models.ForeignKey(
        "planning.Run", on_delete=models.CASCADE, related_name="group_results", db_index=False
    )
    service = models.ForeignKey(
        "facilities.ServiceType",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    group = models.ForeignKey(
        "planning.CellGroup", on_delete=models.CASCADE, related_name="results", db_constraint=False
    )
    people = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "service", "group"], name="group_result_once"),
            models.CheckConstraint(condition=ADDS_UP, name="group_result_adds_up"),
        ]


class AreaResult(FourStates):
    run = models.ForeignKey("planning.Run", on_delete=models.CASCADE, related_name="area_results")
    service = models.ForeignKey("facilities.ServiceType", on_delete=models.PROTECT, related_name="+")
    area = models.ForeignKey("core.Area", on_delete=models.CASCADE, related_name="results")
    people = models.FloatField(_("people"))
    cells = models.PositiveIntegerField(_("cells"), default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "service", "area"], name="area_result_once"),
            models.CheckConstraint(condition=ADDS_UP, name="area_result_adds_up"),
        ]


class AreaGroupResult(FourStates):
    """The part of an area's need that only barrier-free places may serve; it is contained in the area's result."""

    run = models.ForeignKey("planning.Run", on_delete=models.CASCADE, related_name="area_group_results")
    service = models.ForeignKey("facilities.ServiceType", on_delete=models.PROTECT, related_name="+")
    area = models.ForeignKey("core.Area", on_delete=models.CASCADE, related_name="group_results")
    group = models.CharField(_("group"), max_length=20, choices=PeopleGroup.choices)
    people = models.FloatField(_("people"))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "service", "area", "group"], name="area_group_result_once"
            ),
            models.CheckConstraint(condition=ADDS_UP, name="area_group_result_adds_up"),
        ]


class FacilityResult(models.Model):
    """What one role supplied in a run, and why no more. A plan's new place has an intervention instead of a capability."""

    run = models.ForeignKey("planning.Run", on_delete=models.CASCADE, related_name="facility_results")
    service = models.ForeignKey("facilities.ServiceType", on_delete=models.PROTECT, related_name="+")
    facility = models.ForeignKey(
        "facilities.Facility", on_delete=models.CASCADE, null=True, blank=True, related_name="results"
    )
    intervention = models.ForeignKey(
        "planning.Intervention", on_delete=models.CASCADE, null=True, blank=True, related_name="results"
    )
    capacity = models.BigIntegerField(_("capacity"))
    served = models.BigIntegerField(_("served"))
    late = models.BigIntegerField(_("late"))
    hours = models.FloatField(_("ready after, h"), null=True, blank=True)
    cells_in_reach = models.PositiveIntegerField(_("cells in reach"), default=0)
    reason = models.CharField(_("why"), max_length=20, choices=SupplyReason.choices)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    served__gte=0, late__gte=0, capacity__gte=models.F("served") + models.F("late")
                ),
                name="facility_result_within_capacity",
            )
        ]
        indexes = [models.Index(fields=["run", "service"])]
