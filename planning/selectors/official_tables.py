"""What the official tables need beside the rows of a run: usable capacity by area, ground by class, runs of one question."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import F, QuerySet, Window
from django.db.models.functions import Rank

from planning.choices import RunState, SupplyReason
from planning.models import AreaResult, Run

_CAPACITY = """
    with own as (
        select r.service_id, coalesce(f.area_id, i.area_id) area_id, sum(r.capacity) capacity
        from planning_facilityresult r
        left join facilities_facility f on f.id = r.facility_id
        left join planning_intervention i on i.id = r.intervention_id
        where r.run_id = %s and r.reason = %s
        group by 1, 2)
    select own.service_id, above.id, sum(own.capacity)
    from own
    join core_area a on a.id = own.area_id
    cross join lateral generate_series(1, array_length(string_to_array(a.path, '/'), 1) - 1) n
    join core_area above on above.city_id = a.city_id
      and above.path = array_to_string((string_to_array(a.path, '/'))[1:n], '/') || '/'
    group by 1, 2
"""
_GROUND = """
    select klass, max(severity), sum(st_area(geometry::geography)) / 1e6
    from planning_hazardzone where layer_id = %s group by klass
"""


def usable_capacity(run: Run) -> dict[tuple[int, int], int]:
    """(service id, area id) -> units of usable places that stand in the area or below it, those of the run's plan included."""
    with connection.cursor() as cursor:
        cursor.execute(_CAPACITY, [run.pk, str(SupplyReason.COUNTS)])
        return {(service, area): int(units) for service, area, units in cursor.fetchall()}


@dataclass(frozen=True)
class Ground:
    severity: int
    km2: float


def ground_by_class(layer_id: int) -> dict[str, Ground]:
    """The ground of a hazard layer by class; empty when the layer is no longer there."""
    with connection.cursor() as cursor:
        cursor.execute(_GROUND, [layer_id])
        return {klass: Ground(severity, km2) for klass, severity, km2 in cursor.fetchall()}


def extent_km2(city_id: int, codes: list[str] | None, drawn: dict[str, Any] | None) -> float | None:
    """Ground of a drawn shape (GeoJSON), else of the areas named, else of the whole city; None where it has no outline."""
    with connection.cursor() as cursor:
        if drawn:
            cursor.execute("select st_area(st_geomfromgeojson(%s)::geography) / 1e6", [json.dumps(drawn)])
        elif codes is not None:
            cursor.execute(
                "select st_area(st_union(geometry)::geography) / 1e6 from core_area where city_id = %s and code = any(%s)",
                [city_id, codes],
            )
        else:
            cursor.execute(
                "select st_area(geometry::geography) / 1e6 from core_area where city_id = %s and parent_id is null",
                [city_id],
            )
        row = cursor.fetchone()
    return None if row is None or row[0] is None else float(row[0])


def ranked_results(run: Run, *, areas: QuerySet[Any]) -> QuerySet[Any]:
    """The run's rows in these areas; `rank` 1 has the widest gap of its service and level among them."""
    rank = Window(
        Rank(),
        partition_by=[F("service"), F("area__level")],
        order_by=(F("late") + F("no_room") + F("out_of_reach")).desc(),
    )
    rows = AreaResult.objects.filter(run=run, area__in=areas).annotate(rank=rank)
    return rows.select_related("area", "service").order_by(
        "service__sort_order", "service__code", "area__level", "rank", "area__path"
    )


def times_of_question(run: Run) -> list[Run]:
    """The run and the newest finished ones that differ from it in nothing but the time of day, in the order of the day."""
    rows = Run.objects.filter(
        city=run.city, state=RunState.DONE, scenario=run.scenario, scenario_version=run.scenario_version,
        variation=run.variation, standards_frozen=run.standards_frozen, assignment=run.assignment,
        reach_overrides=run.reach_overrides, detour_factor=run.detour_factor, speeds_frozen=run.speeds_frozen,
        plan_version=run.plan_version,
    )  # fmt: skip
    rows = rows.exclude(time_of_day=run.time_of_day).select_related("scenario", "profile", "snapshot", "city")
    others = {one.time_of_day: one for one in rows.order_by("id")}
    order = [code for code, _label in Run._meta.get_field("time_of_day").choices or []]
    return sorted([run, *others.values()], key=lambda one: order.index(one.time_of_day))
