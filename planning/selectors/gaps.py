"""Reads what runs found: totals, areas and facilities, each only as far as the person may see."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum

from core import policies
from core.choices import AreaLevel
from core.models import Area, City
from facilities.models import ServiceType
from planning.choices import ProfileStatus, RunState, SupplyReason
from planning.models import AreaResult, FacilityResult, Run

STATE_FIELDS = ("need", "served", "late", "no_room", "out_of_reach")


@dataclass(frozen=True)
class Totals:
    """The four states of everything the person may see of a run and service; they add up to `need`."""

    people: float
    need: int
    served: int
    late: int
    no_room: int
    out_of_reach: int

    @property
    def gap(self) -> int:
        return self.late + self.no_room + self.out_of_reach


def registry_runs(*, user: Any, city: City) -> QuerySet[Run]:
    """Finished runs of today's registry (not of a plan), newest first, also those with a number of the scenario varied."""
    if not policies.allows(user, "view", city):
        return Run.objects.none()
    runs = Run.objects.filter(city=city, state=RunState.DONE, plan_version=None)
    return runs.select_related("scenario", "profile", "snapshot", "created_by").order_by("-id")


def baseline_runs(*, user: Any, city: City) -> QuerySet[Run]:
    """Those with the scenario as it is written and standards that are in force: what speaks for a scenario. A draft of
    standards is only tried out, unless it is the default."""
    tried = Q(profile__status=ProfileStatus.DRAFT, profile__is_default=False)
    return registry_runs(user=user, city=city).filter(variation={}).exclude(tried)


def main_run(*, user: Any, city: City) -> Run | None:
    """What a page opens on: the newest run of the city's first scenario that has one, by the default standards if any is."""
    runs = baseline_runs(user=user, city=city)
    return runs.order_by("scenario__ref", "-profile__is_default", "-id").first()


def sees_whole_city(user: Any, city_id: int) -> bool:
    """Counts of the whole city are for those who may see all of it."""
    return policies.sees_whole_city(user, city_id)


def same_run_at(run: Run, time_of_day: str, *, user: Any) -> Run | None:
    """The newest finished run that differs from `run` only in the time of day."""
    if run.time_of_day == time_of_day:
        return run
    return (
        registry_runs(user=user, city=run.city)
        .filter(
            scenario=run.scenario, scenario_version=run.scenario_version, variation=run.variation, profile=run.profile,
            assignment=run.assignment, reach_overrides=run.reach_overrides, time_of_day=time_of_day,
            speeds_frozen=run.speeds_frozen,
        )
        .first()
    )  # fmt: skip


def services_of(run: Run) -> list[ServiceType]:
    return list(
        ServiceType.objects.filter(pk__in=AreaResult.objects.filter(run=run).values("service").distinct())
    )


def area_results(run: Run, service: ServiceType, *, user: Any) -> QuerySet[AreaResult]:
    rows = AreaResult.objects.filter(run=run, service=service).filter(
        policies.visible(user, area="area", city="area__city")
    )
    return rows.select_related("area", "area__parent")


def area_rows(
    run: Run, service: ServiceType, *, user: Any, level: int, parent: Area | None = None
) -> list[AreaResult]:
    """Areas of one level, widest gap first."""
    rows = area_results(run, service, user=user).filter(area__level=level)
    if parent is not None:
        rows = rows.filter(area__path__startswith=parent.path)
    return list(rows.order_by(-(F("late") + F("no_room") + F("out_of_reach")), "area__path"))


def levels_of(run: Run, service: ServiceType, *, user: Any) -> dict[int, int]:
    """How many areas of each level below the city the run has results for."""
    counts = (
        area_results(run, service, user=user).filter(area__level__gt=AreaLevel.CITY)
        .values("area__level").annotate(count=Count("pk")).order_by("area__level")
    )  # fmt: skip
    return {row["area__level"]: row["count"] for row in counts}


def totals(run: Run, service: ServiceType, *, user: Any) -> Totals | None:
    """The whole city for those who may see it, else the sum of the person's own areas; None without results.

    The stored city totals include cells that lie in no area, so they are used where they may be shown.
    """
    paths = policies.visible_paths(user, run.city_id)
    if paths is None or sees_whole_city(user, run.city_id):
        return stored_totals(run, service)
    own = Area.objects.filter(city_id=run.city_id, path__in=paths)
    tops = [
        area.pk for area in own if not any(area.path != path and area.path.startswith(path) for path in paths)
    ]
    found = AreaResult.objects.filter(run=run, service=service, area__in=tops).aggregate(
        people=Sum("people"), **{name: Sum(name) for name in STATE_FIELDS}
    )
    return None if found["need"] is None else Totals(**found)


def stored_totals(run: Run, service: ServiceType) -> Totals | None:
    """The whole city, whoever asks; None without results."""
    stored = next((row for row in run.totals if row["service"] == service.code), None)
    if stored is None:
        return None
    return Totals(stored.get("people") or 0, *(int(stored[name]) for name in STATE_FIELDS))


def facility_rows(
    run: Run, service: ServiceType, *, user: Any, area: Area | None = None
) -> QuerySet[FacilityResult]:
    # roles that nobody has designated are candidates of a plan, not supply
    rows = FacilityResult.objects.filter(run=run, service=service, facility__isnull=False)
    rows = rows.exclude(reason=SupplyReason.NOT_DESIGNATED)
    rows = rows.filter(policies.visible(user, area="facility__area", city="facility__city"))
    if area is not None:
        rows = rows.filter(facility__area__path__startswith=area.path)
    rows = rows.select_related("facility", "facility__use", "facility__area")
    return rows.annotate(free=F("capacity") - F("served") - F("late")).order_by("-capacity", "facility__ref")


def big_capacity(run: Run, service: ServiceType, shown: int = 60) -> int:
    """The capacity from which on a role is among the `shown` largest: what a wide view has room for."""
    rows = FacilityResult.objects.filter(run=run, service=service).exclude(reason=SupplyReason.NOT_DESIGNATED)
    capacities = list(rows.order_by("-capacity").values_list("capacity", flat=True)[:shown])
    return max(capacities[-1], 1) if capacities else 1


@dataclass(frozen=True)
class RoleCount:
    service: ServiceType
    usable: int
    all: int


def role_counts(run: Run, *, user: Any) -> tuple[list[RoleCount], dict[str, int]]:
    """Roles by service with how many of them count, and how many do not by reason."""
    rows = FacilityResult.objects.filter(run=run, facility__isnull=False).exclude(
        reason=SupplyReason.NOT_DESIGNATED
    )
    rows = rows.filter(policies.visible(user, area="facility__area", city="facility__city"))
    counts = {
        row["service"]: row
        for row in rows.values("service").annotate(
            all=Count("pk"), usable=Count("pk", filter=Q(reason=SupplyReason.COUNTS))
        )
    }
    services = ServiceType.objects.in_bulk(list(counts))
    listed = [RoleCount(services[pk], row["usable"], row["all"]) for pk, row in counts.items()]
    reasons = dict(rows.exclude(reason=SupplyReason.COUNTS).values_list("reason").annotate(count=Count("pk")))
    return sorted(listed, key=lambda row: row.service.sort_order), reasons


def all_area_results(run: Run, *, user: Any) -> QuerySet[AreaResult]:
    """Every service and every area below the city that the person may see."""
    rows = AreaResult.objects.filter(run=run, area__level__gt=AreaLevel.CITY)
    rows = rows.filter(policies.visible(user, area="area", city="area__city"))
    return rows.select_related("area", "area__parent", "service")


def levels_in(rows: QuerySet[AreaResult]) -> dict[int, int]:
    counts = rows.values("area__level").annotate(count=Count("area", distinct=True)).order_by("area__level")
    return {row["area__level"]: row["count"] for row in counts}


def narrowed(
    rows: QuerySet[AreaResult], *, levels: list[str], services: list[str], causes: list[str], search: str
) -> QuerySet[AreaResult]:
    """Rows that pass the filters; several causes mean any of them."""
    if levels:
        rows = rows.filter(area__level__in=[level for level in levels if level.isdigit()])
    if services:
        rows = rows.filter(service__code__in=services)
    wanted = Q()
    for cause in {"late", "no_room", "out_of_reach"} & set(causes):
        wanted |= Q(**{f"{cause}__gt": 0})
    if search:
        rows = rows.filter(
            Q(area__name__icontains=search) | Q(area__name_en__icontains=search) | Q(area__code=search)
        )
    return rows.filter(wanted)


def short_summary(rows: QuerySet[AreaResult]) -> dict[str, int]:
    """How many areas there are and how many fall short in some service."""
    short = Q(late__gt=0) | Q(no_room__gt=0) | Q(out_of_reach__gt=0)
    return rows.aggregate(all=Count("area", distinct=True), short=Count("area", distinct=True, filter=short))


def latest_of_each(*, user: Any, city: City) -> list[Run]:
    """The newest run of each scenario and time of day, by the default standards where there is one."""
    runs = baseline_runs(user=user, city=city).order_by(
        "scenario_id", "time_of_day", "-profile__is_default", "-id"
    )
    return list(runs.distinct("scenario_id", "time_of_day"))


def runs_visible_to(user: Any, city: City | None = None) -> QuerySet[Run]:
    """Every run of the cities the person has a role in, also refused ones and those of plans."""
    runs = Run.objects.filter(city__in=City.objects.filter(policies.visible_cities(user)))
    if city is not None:
        runs = runs.filter(city=city)
    related = (
        "scenario",
        "profile",
        "snapshot",
        "snapshot__network",
        "created_by",
        "job",
        "plan_version__plan",
    )
    return runs.select_related(*related).order_by("-id")


def run_in_view(*, user: Any, city: City, ref: str) -> Run | None:
    """The run asked for if the person may see it, else the main one."""
    runs = registry_runs(user=user, city=city)
    return (runs.filter(ref=ref).first() if ref else None) or main_run(user=user, city=city)
