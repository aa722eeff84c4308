"""Reads plans as change-sets: what is done where, what it costs, and how the runs before and after compare."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Prefetch, Q, QuerySet, Sum, Value
from django.utils.translation import gettext as _

from core import policies
from core.models import City
from facilities.choices import CapabilityStatus
from facilities.models import Capability, ServiceType
from inventory.choices import AssetStatus
from inventory.models import AssetOption
from planning.choices import RunState
from planning.models import Intervention, Plan, PlanVersion, Run
from planning.selectors import gaps

# Lead times as people speak of them: the upper edge in months, None for longer.
LEAD_STEPS = (3, 6, 12, None)


@dataclass(frozen=True)
class Pair:
    """One run of the baseline and the run of the same settings with the plan's changes."""

    before: Run
    after: Run | None


@dataclass(frozen=True)
class Outcome:
    """A service at one time of day, before and after."""

    service: ServiceType
    before: gaps.Totals
    after: gaps.Totals | None

    @property
    def closed(self) -> int | None:
        return None if self.after is None else self.before.gap - self.after.gap


@dataclass(frozen=True)
class LeadGroup:
    """Interventions that are ready within the same span; `kinds` is [(kind, cost in fen)]."""

    up_to: int | None
    kinds: list[tuple[str, int]]
    cost_fen: int
    units: int


def plans_visible_to(user: Any, city: City) -> QuerySet[Plan]:
    if not policies.allows(user, "view", city):
        return Plan.objects.none()
    # counted and summed like everything else: only what lies where the person may see
    mine = policies.visible(user, area="interventions__area", city="plan__city")
    versions = PlanVersion.objects.order_by("-number").annotate(
        steps=Count("interventions", filter=mine),
        cost=Sum("interventions__cost_fen", filter=mine),
        orders=ArrayAgg("interventions__order", filter=mine, default=Value([])),
    )
    return (
        Plan.objects.filter(city=city).select_related("created_by").order_by("-id")
        .prefetch_related(Prefetch("versions", versions, to_attr="listed_versions"))
    )  # fmt: skip


def version_of(plan: Plan, number: int | None = None) -> PlanVersion | None:
    versions = plan.versions.select_related("job", "created_by").prefetch_related("services")
    return versions.filter(number=number).first() if number else versions.order_by("-number").first()


# What became of an intervention is known by apps above planning: they say it here, in their `ready`.
Follower = Callable[[Any, PlanVersion], dict[int, dict[str, str]]]
_FOLLOWERS: list[Follower] = []


def register_follower(source: Follower) -> Follower:
    """`source(user, version)` -> {order: {"label", "href"}} of the interventions something came of."""
    if source not in _FOLLOWERS:
        _FOLLOWERS.append(source)
    return source


def followed(version: PlanVersion, *, user: Any) -> dict[int, dict[str, str]]:
    """What came of which intervention, as far as the person may see it."""
    found: dict[int, dict[str, str]] = {}
    for source in _FOLLOWERS:
        found |= source(user, version)
    return found


def interventions_of(version: PlanVersion, *, user: Any) -> list[Intervention]:
    """In order, with their places; only those in areas the person may see."""
    rows = version.interventions.filter(policies.visible(user, area="area", city="version__plan__city"))
    return list(
        rows.select_related("service", "area", "facility", "facility__use", "idle_asset").order_by("order")
    )


def pairs(version: PlanVersion) -> list[Pair]:
    befores = version.baseline_runs.select_related("scenario", "profile").order_by(
        "scenario_id", "time_of_day"
    )
    afters = {
        (run.scenario_id, run.time_of_day): run
        for run in Run.objects.filter(plan_version=version, state=RunState.DONE)
        .select_related("scenario")
        .order_by("id")
    }
    return [Pair(run, afters.get((run.scenario_id, run.time_of_day))) for run in befores]


def outcomes(pair: Pair, *, user: Any) -> list[Outcome]:
    found = []
    for service in gaps.services_of(pair.before):
        before = gaps.totals(pair.before, service, user=user)
        after = gaps.totals(pair.after, service, user=user) if pair.after else None
        if before is not None:
            found.append(Outcome(service, before, after))
    return found


def lead_groups(interventions: list[Intervention]) -> list[LeadGroup]:
    """The change-set by when it is ready: the shortest span first, empty spans left out."""
    groups, low = [], -1
    for step in LEAD_STEPS:
        inside = [
            one
            for one in interventions
            if one.lead_months > low and (step is None or one.lead_months <= step)
        ]
        low = step if step is not None else low
        if inside:
            kinds: dict[str, int] = {}
            for one in inside:
                kinds[one.kind] = kinds.get(one.kind, 0) + one.cost_fen
            total = sum(one.cost_fen for one in inside)
            groups.append(LeadGroup(step, sorted(kinds.items()), total, sum(one.units for one in inside)))
    return groups


def money_curve(version: PlanVersion, interventions: list[Intervention]) -> list[dict[str, float]]:
    """What each further intervention buys: cumulated cost (fen) and weighted need newly served, mean of the runs, in the
    plan's order. Over the whole change-set it ends at the version's value."""
    points, cost, served = [{"order": 0, "cost_fen": 0, "served": 0.0}], 0, 0.0
    for one in interventions:
        cost += one.cost_fen
        served += version.worth_of([one.order])
        points.append({"order": one.order, "cost_fen": cost, "served": served})
    return points


def best_closed(
    version: PlanVersion, interventions: list[Intervention], before: Run, service: ServiceType
) -> int | None:
    """What these interventions close in one run under the best possible assignment, which is what the search counts:
    people who go to the nearest place with room may leave part of it unused. None where a version does not tell."""
    units = (version.facts.get("newly_served_by_run") or {}).get(before.ref)
    if units is None:
        return None
    return sum(units[one.order - 1] for one in interventions if one.service_id == service.pk)


def plan_counts(user: Any, city: City) -> dict[str, int]:
    plans = plans_visible_to(user, city)
    return {
        "all": plans.count(),
        "computing": plans.filter(Q(versions__state="computing")).distinct().count(),
    }


def candidate_counts(city: City) -> list[tuple[str, int]]:
    """What the solver may choose from, counted."""
    possible = Capability.objects.filter(facility__city=city, status=CapabilityStatus.POSSIBLE)
    active = Capability.objects.filter(facility__city=city, status=CapabilityStatus.ACTIVE)
    options = AssetOption.objects.filter(asset__city=city, asset__status=AssetStatus.IDLE)
    return [
        (_("Roles that could be converted"), possible.count()),
        (_("Designated roles that could extend or be upgraded"), active.count()),
        (_("Options at idle premises and land"), options.count()),
    ]
