"""A plan by area, service and run: before, with the plan, what it closes, and what is done there for how much.

For every run and service the rows of the widest areas that a person sees (`top`), together with the row "outside every
area" where there is one, add up to the total. Interventions and their cost belong to a service, not to a run: they stand
beside each run of the baseline and are added up once for each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from core import policies
from core.choices import AreaLevel
from core.models import Area
from facilities.models import ServiceType
from inventory.choices import InterventionKind
from planning.models import AreaResult, Intervention, PlanVersion, Run
from planning.selectors import gaps
from planning.selectors.change_sets import Pair, pairs

STATES = gaps.STATE_FIELDS


@dataclass
class Works:
    """What a change-set does somewhere: how many interventions, units gained, cost, and what they run up or bring in."""

    count: int = 0
    units: int = 0
    cost_fen: int = 0
    running_fen_year: int = 0
    peacetime_fen_year: int = 0

    def add(self, one: Intervention) -> None:
        self.count += 1
        self.units += -one.units if one.kind == InterventionKind.RETIRE else one.units
        self.cost_fen += one.cost_fen
        self.running_fen_year += one.running_fen_year
        self.peacetime_fen_year += one.peacetime_fen_year


@dataclass(frozen=True)
class Side:
    """The four states, in whole service units."""

    need: int
    served: int
    late: int
    no_room: int
    out_of_reach: int

    @property
    def gap(self) -> int:
        return self.late + self.no_room + self.out_of_reach

    @property
    def coverage(self) -> float | None:
        return self.served / self.need if self.need else None

    def less(self, other: Side) -> Side:
        return Side(*(getattr(self, name) - getattr(other, name) for name in STATES))


NOTHING = Side(0, 0, 0, 0, 0)


@dataclass(frozen=True)
class PlanAreaRow:
    """`area` None: all that the person sees (`total`), or what lies outside every area. `after` None: the plan's run is
    not there. `top`: not inside another row of the same run and service."""

    before_run: Run
    after_run: Run | None
    service: ServiceType
    area: Area | None
    before: Side
    after: Side | None
    works: Works = field(default_factory=Works)
    top: bool = False
    total: bool = False

    @property
    def closed(self) -> int | None:
        return None if self.after is None else self.before.gap - self.after.gap


def plan_area_rows(
    version: PlanVersion, *, user: Any, levels: Iterable[int] = (AreaLevel.DISTRICT, AreaLevel.STREET)
) -> list[PlanAreaRow]:
    """By run, service and the areas' order, each total first. `user` None: a command of this machine. The number of queries
    does not grow with the areas."""
    found: list[PlanAreaRow] = []
    shown = pairs(version)
    services = {row["service"] for pair in shown for row in pair.before.totals}
    ordered = list(ServiceType.objects.filter(code__in=services).order_by("sort_order", "code"))
    areas = _areas(version, user, levels)
    by_id = {area.pk: area for area in areas}
    tops = _tops(areas)
    works, whole = _works(version, user)
    results = _results(shown, by_id)
    sees_all = user is None or policies.sees_whole_city(user, version.plan.city_id)
    for pair in shown:
        for service in ordered:
            if service.code not in {row["service"] for row in pair.before.totals}:
                continue
            total = _total(pair, service, user)
            if total is None:
                continue
            all_works = whole.get(service.pk, Works())
            found.append(PlanAreaRow(pair.before, pair.after, service, None, *total, all_works, total=True))
            rows = [
                PlanAreaRow(
                    pair.before,
                    pair.after,
                    service,
                    area,
                    results.get((pair.before.pk, service.pk, area.pk), NOTHING),
                    results.get((pair.after.pk, service.pk, area.pk), NOTHING) if pair.after else None,
                    works.get((service.pk, area.path), Works()),
                    top=area.pk in tops,
                )
                for area in areas
            ]
            rows = [
                row for row in rows if row.before.need or (row.after and row.after.need) or row.works.count
            ]
            found += rows
            if sees_all and (outside := _outside(found[-len(rows) - 1], rows)):
                found.append(outside)
    return found


def _areas(version: PlanVersion, user: Any, levels: Iterable[int]) -> list[Area]:
    areas = Area.objects.filter(city=version.plan.city_id, level__in=list(levels)).defer("geometry")
    paths = None if user is None else policies.visible_paths(user, version.plan.city_id)
    if paths is not None:
        inside = Q(pk__in=[])
        for path in paths:
            inside |= Q(path__startswith=path)
        areas = areas.filter(inside)
    return list(areas.order_by("path"))


def _tops(areas: list[Area]) -> set[int]:
    """Areas that lie in none of the others; `areas` in the order of their paths, so that a parent comes first."""
    tops, last = set(), ""
    for area in areas:
        if not last or not area.path.startswith(last):
            tops.add(area.pk)
            last = area.path
    return tops


def _works(version: PlanVersion, user: Any) -> tuple[dict[tuple[int, str], Works], dict[int, Works]]:
    """By (service, path of the area and of each area around it), and by service for everything that is seen."""
    rows = version.interventions.select_related("area")
    if user is not None:
        rows = rows.filter(policies.visible(user, area="area", city="version__plan__city"))
    by_place: dict[tuple[int, str], Works] = {}
    whole: dict[int, Works] = {}
    for one in rows:
        whole.setdefault(one.service_id, Works()).add(one)
        codes = one.area.path.strip("/").split("/") if one.area else []
        for n in range(1, len(codes) + 1):
            by_place.setdefault((one.service_id, "/".join(codes[:n]) + "/"), Works()).add(one)
    return by_place, whole


def _results(shown: list[Pair], areas: dict[int, Area]) -> dict[tuple[int, int, int], Side]:
    runs = [run.pk for pair in shown for run in (pair.before, pair.after) if run is not None]
    rows = AreaResult.objects.filter(run__in=runs, area__in=list(areas))
    return {
        (run, service, area): Side(*states)
        for run, service, area, *states in rows.values_list("run_id", "service_id", "area_id", *STATES)
    }


def _total(pair: Pair, service: ServiceType, user: Any) -> tuple[Side, Side | None] | None:
    sides = [
        None
        if run is None
        else gaps.stored_totals(run, service)
        if user is None
        else gaps.totals(run, service, user=user)
        for run in (pair.before, pair.after)
    ]
    if sides[0] is None:
        return None
    before, after = (side and Side(*(getattr(side, name) for name in STATES)) for side in sides)
    return before or NOTHING, after


def _outside(total: PlanAreaRow, rows: list[PlanAreaRow]) -> PlanAreaRow | None:
    """What the total holds beyond its top areas: cells and places that lie in none. None where there is nothing."""
    tops = [row for row in rows if row.top]
    before = total.before
    after = total.after
    works = Works(**vars(total.works))
    for row in tops:
        before = before.less(row.before)
        after = after.less(row.after or NOTHING) if after is not None else None
        for name, value in vars(row.works).items():
            setattr(works, name, getattr(works, name) - value)
    if before == NOTHING and after in (None, NOTHING) and not works.count:
        return None
    return PlanAreaRow(total.before_run, total.after_run, total.service, None, before, after, works, top=True)
