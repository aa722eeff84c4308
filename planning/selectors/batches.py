"""Reads batches: every run as a row with its services, ranked by what is asked; the worst run of each district."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, F, Min, Q, QuerySet, Sum

from core import policies
from core.choices import AreaLevel
from core.models import Area, City
from facilities.models import ServiceType
from planning.choices import AnalysisKind, RunState
from planning.models import Analysis, AreaRange, AreaResult, Batch, Run
from planning.selectors.gaps import STATE_FIELDS, Totals

GAP = F("late") + F("no_room") + F("out_of_reach")
# What runs may be ranked by; True: the largest first.
MEASURES = {
    "gap": True, "need": True, "served": True, "late": True, "no_room": True, "out_of_reach": True, "coverage": False,
}  # fmt: skip


@dataclass
class ServiceOutcome:
    """One service of one run, of what the person may see; `worst` is the district with the largest gap (None: no gap)."""

    totals: Totals
    worst: AreaResult | None = None
    gap_range: tuple[int, int, int] | None = None

    @property
    def coverage(self) -> float | None:
        """Served of the need; None where nothing is needed."""
        return self.totals.served / self.totals.need if self.totals.need else None

    def value(self, measure: str) -> float | None:
        return self.coverage if measure == "coverage" else float(getattr(self.totals, measure))


@dataclass
class BatchRow:
    """A run in a batch. `value` is the number that a sweep varies; `rank` counts from 1, None where nothing is known."""

    position: int
    run: Run
    value: float | None = None
    services: dict[str, ServiceOutcome] = field(default_factory=dict)
    rank: int | None = None

    @property
    def coverage(self) -> float | None:
        """Mean coverage of the services that are needed, each counting the same: their units cannot be added."""
        known = [one.coverage for one in self.services.values() if one.coverage is not None]
        return sum(known) / len(known) if known else None

    def measured(self, service: str, measure: str) -> float | None:
        """The number a row is ranked by; without a service only the coverage can be told."""
        if not service:
            return self.coverage
        found = self.services.get(service)
        return found.value(measure) if found else None


@dataclass(frozen=True)
class WorstOfDistrict:
    """The run of a batch that leaves the largest gap of a service in a district."""

    area: Area
    row: BatchRow
    result: AreaResult


def batches_visible_to(user: Any, city: City | None = None) -> QuerySet[Batch]:
    """Batches of the cities the person has a role in, newest first, with how far they are."""
    found = Batch.objects.filter(city__in=City.objects.filter(policies.visible_cities(user)))
    if city is not None:
        found = found.filter(city=city)
    return with_counts(found).select_related("city", "profile", "job", "created_by").order_by("-id")


def with_counts(batches: QuerySet[Batch]) -> QuerySet[Batch]:
    """`count`, `done`, `waiting`, `refused`, `failed`: its runs by state; `scenarios`: how many there are."""
    state = "runs__state"
    return batches.annotate(
        count=Count("runs"),
        scenarios=Count("runs__scenario", distinct=True),
        **{
            one: Count("runs", filter=Q(**{state: one}))
            for one in (RunState.DONE, RunState.WAITING, RunState.REFUSED, RunState.FAILED)
        },
    )


def batch_rows(batch: Batch, *, user: Any, service: str = "", measure: str = "gap") -> list[BatchRow]:
    """Every run of the batch, the worst by `measure` of `service` first (the largest gap, the smallest coverage), then
    those without a result in their order. Without a service by mean coverage. `user` None: a command of this machine.

    Six queries, however many runs there are.
    """
    entries = list(batch.entries.select_related("run__scenario", "run__job").order_by("position"))
    # The steps of a sweep stand in their order, each with all its times of day.
    values = step_values(batch.sweep) if batch.sweep else []
    times = max(len(entries) // len(values), 1) if values else 1
    rows = [
        BatchRow(entry.position, entry.run, values[n // times] if values else None)
        for n, entry in enumerate(entries)
    ]
    finished = {row.run.pk: row for row in rows if row.run.state == RunState.DONE}
    for pk, outcomes in _totals(batch, [row.run for row in finished.values()], user).items():
        finished[pk].services = outcomes
    _add_worst(finished, user)
    _add_ranges(batch, finished, user)
    return ranked(rows, service, measure if service else "coverage")


def step_values(sweep: dict[str, Any]) -> list[float]:
    """The values of a sweep, from the lowest to the highest in equal steps; rounded, so that 0.05 to 0.30 in six steps
    names 0.15 and not 0.15000000000000002."""
    width = (sweep["to"] - sweep["from"]) / (sweep["steps"] - 1)
    return [round(sweep["from"] + n * width, 9) for n in range(sweep["steps"])]


def ranked(rows: Iterable[BatchRow], service: str, measure: str) -> list[BatchRow]:
    known = [row for row in rows if row.measured(service, measure) is not None]
    others = [row for row in rows if row.measured(service, measure) is None]
    sign = -1 if MEASURES[measure] else 1
    known.sort(key=lambda row: (sign * (row.measured(service, measure) or 0.0), row.position))
    rank, last = 0, None
    for n, row in enumerate(known, start=1):
        if (value := row.measured(service, measure)) != last:
            rank, last = n, value
        row.rank = rank
    for row in others:
        row.rank = None
    return known + sorted(others, key=lambda row: row.position)


def services_of(rows: Iterable[BatchRow]) -> list[ServiceType]:
    """The services that any of the runs counts, in their order."""
    codes = {code for row in rows for code in row.services}
    return list(ServiceType.objects.filter(code__in=codes).order_by("sort_order", "code"))


def worst_by_district(rows: Iterable[BatchRow], service: ServiceType, *, user: Any) -> list[WorstOfDistrict]:
    """For each district the run with the largest gap of the service, the largest first; districts without any gap are
    left out. What must be built for the worst case is not one scenario's answer: each district has its own."""
    by_run = {row.run.pk: row for row in rows if row.run.state == RunState.DONE}
    results = _districts(list(by_run), user).filter(service=service)
    worst = results.filter(served__lt=F("need")).order_by("area_id", -GAP, "run_id").distinct("area_id")
    found = [WorstOfDistrict(one.area, by_run[one.run_id], one) for one in worst.select_related("area")]
    return sorted(found, key=lambda one: (-one.result.gap, one.area.path))


def _totals(batch: Batch, finished: list[Run], user: Any) -> dict[int, dict[str, ServiceOutcome]]:
    """By run and service: the whole city for those who may see it, else the sum of the person's own areas."""
    paths = None if user is None else policies.visible_paths(user, batch.city_id)
    if paths is None or any(policies.city_wide(path) for path in paths):
        return {
            run.pk: {
                one["service"]: ServiceOutcome(
                    Totals(one.get("people") or 0, *(int(one[name]) for name in STATE_FIELDS))
                )
                for one in run.totals
            }
            for run in finished
        }
    own = list(Area.objects.filter(city_id=batch.city_id, path__in=paths))
    tops = [
        one.pk for one in own if not any(one.path != path and one.path.startswith(path) for path in paths)
    ]
    sums = (
        AreaResult.objects.filter(run__in=finished, area__in=tops)
        .values("run", "service__code")
        .annotate(all_people=Sum("people"), **{f"all_{name}": Sum(name) for name in STATE_FIELDS})
    )
    found: dict[int, dict[str, ServiceOutcome]] = {}
    one: dict[str, Any]
    for one in sums:
        totals = Totals(one["all_people"], *(int(one[f"all_{name}"]) for name in STATE_FIELDS))
        found.setdefault(one["run"], {})[one["service__code"]] = ServiceOutcome(totals)
    return found


def _districts(run_ids: list[int], user: Any) -> QuerySet[AreaResult]:
    """Rows of these runs by district: the widest areas below the city that have results and that the person may see."""
    rows = AreaResult.objects.filter(run__in=run_ids, area__level__gt=AreaLevel.CITY)
    if user is not None:
        rows = rows.filter(policies.visible(user, area="area", city="area__city"))
    level = rows.aggregate(least=Min("area__level"))["least"]
    return rows.filter(area__level=level)


def _add_worst(finished: dict[int, BatchRow], user: Any) -> None:
    worst = (
        _districts(list(finished), user)
        .filter(served__lt=F("need"))
        .order_by("run_id", "service_id", -GAP, "area__path")
        .distinct("run_id", "service_id")
    )
    for one in worst.select_related("area", "service"):
        if outcome := finished[one.run_id].services.get(one.service.code):
            outcome.worst = one


def _add_ranges(batch: Batch, finished: dict[int, BatchRow], user: Any) -> None:
    """P10, P50 and P90 of the city's gap, for those who may see the whole city, where somebody asked for a range."""
    if user is not None and not policies.sees_whole_city(user, batch.city_id):
        return
    newest = (
        Analysis.objects.filter(run__in=list(finished), kind=AnalysisKind.RANGE, state=RunState.DONE)
        .order_by("run_id", "-id")
        .distinct("run_id")
    )
    rows = AreaRange.objects.filter(analysis__in=newest.values("pk"), area__level=AreaLevel.CITY)
    for one in rows.select_related("analysis", "service"):
        if outcome := finished[one.analysis.run_id].services.get(one.service.code):
            outcome.gap_range = (one.gap_p10, one.gap_p50, one.gap_p90)
