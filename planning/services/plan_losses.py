"""If one place fails: who is no longer served, today and with a plan. Both are the loss analysis of a run: the baseline's,
and that of the run with the plan, so the figures are those of the runs' own pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.models import Job
from facilities.models import Facility, ServiceType
from inventory.models import IdleAsset
from planning.choices import AnalysisKind, RunState
from planning.models import Analysis, PlanVersion
from planning.selectors import analyses as read
from planning.selectors import change_sets
from planning.services.analyses import start_analysis
from planning.services.answers import people_behind

KIND = AnalysisKind.LOSS


@dataclass(frozen=True)
class Side:
    """Units that are lost without the place, units it serves, people behind the units lost."""

    lost: int
    served: int
    people: int


@dataclass(frozen=True)
class CriticalPlace:
    """today, planned: None where the place holds no role of the service then. changed: the plan does something here."""

    place: Facility | IdleAsset
    today: Side | None
    planned: Side | None
    changed: bool

    @property
    def is_facility(self) -> bool:
        return isinstance(self.place, Facility)

    @property
    def more(self) -> int:
        """Units more (or fewer) lost with the plan than today."""
        return (self.planned.lost if self.planned else 0) - (self.today.lost if self.today else 0)


@dataclass(frozen=True)
class Losses:
    """A baseline run with the run of the plan and their analyses, as far as they are there; `jobs` compute what is not.
    places: those whose loss leaves somebody without, the worst with the plan first."""

    pair: change_sets.Pair
    today: Analysis | None
    planned: Analysis | None
    jobs: list[Job]
    places: list[CriticalPlace]

    @property
    def ready(self) -> bool:
        return self.today is not None and self.planned is not None

    def critical(self, planned: bool) -> int:
        """How many places leave somebody without."""
        return sum(_lost(one, planned) > 0 for one in self.places)

    def worst(self, planned: bool) -> CriticalPlace | None:
        """The place whose loss takes most."""
        held = [one for one in self.places if (one.planned if planned else one.today)]
        return max(held, key=lambda one: _lost(one, planned), default=None)


def _lost(one: CriticalPlace, planned: bool) -> int:
    side = one.planned if planned else one.today
    return side.lost if side else 0


def pair_of(version: PlanVersion, run: str = "") -> change_sets.Pair:
    """The baseline run of that reference (the first that has a run with the plan) and its twin. Raises DomainError."""
    listed = change_sets.pairs(version)
    found = next((one for one in listed if one.before.ref == run), None) if run else None
    if run and found is None:
        raise DomainError(
            "unknown-run", _("%(run)s is no baseline of this version.") % {"run": run}, status=404
        )
    found = found or next((one for one in listed if one.after), None)
    if found is None or found.after is None:
        raise DomainError("no-after-run", _("This version has no run with its plan."), status=409)
    return found


def start_losses(*, user: Any, version: PlanVersion, run: str = "") -> list[Job]:
    """The jobs that lose each place of both runs; none when both analyses are there. `run`: a baseline run's reference."""
    if user is not None:
        policies.demand(user, "run.start", version.plan.city)
    pair = pair_of(version, run)
    found = [
        start_analysis(user=user, run=one, kind=KIND) for one in (pair.before, pair.after) if one is not None
    ]
    return [job for _analysis, job in found if job is not None]


def losses_of(*, user: Any, version: PlanVersion, service: ServiceType, run: str = "") -> Losses:
    """What the analyses say of a service, only of places the person may see. `user` None: a command of this machine."""
    pair = pair_of(version, run)
    both = [_newest(one) for one in (pair.before, pair.after)]
    done = [one if one is not None and one.state == RunState.DONE else None for one in both]
    jobs = [one.job for one in both if one is not None and one.state == RunState.WAITING and one.job]
    places: list[CriticalPlace] = []
    if done[0] is not None and done[1] is not None:
        sides = [_sides(one, service, user) for one in done if one is not None]
        changed = set(version.interventions.values_list("facility_id", "idle_asset_id"))
        facilities = {pk for pk, _asset in changed if pk}
        assets = {pk for _facility, pk in changed if pk}
        for key, place in {**_places(sides[0]), **_places(sides[1])}.items():
            today, planned = (side.get(key, (None, None))[1] for side in sides)
            if (today and today.lost) or (planned and planned.lost):
                mine = place.pk in (facilities if isinstance(place, Facility) else assets)
                places.append(CriticalPlace(place, today, planned, mine))
    places.sort(
        key=lambda one: (
            -(one.planned.lost if one.planned else 0),
            -(one.today.lost if one.today else 0),
            one.place.ref,
        )
    )
    return Losses(pair, done[0], done[1], jobs, places)


def _newest(run: Any) -> Analysis | None:
    """The finished analysis of the usual settings, else the newest under way or failed."""
    rows = Analysis.objects.filter(run=run, kind=KIND).select_related("job").order_by("-id")
    return rows.filter(state=RunState.DONE).first() or rows.first()


def _places(side: dict[Any, tuple[Any, Side]]) -> dict[Any, Any]:
    return {key: place for key, (place, _side) in side.items()}


def _sides(analysis: Analysis, service: ServiceType, user: Any) -> dict[Any, tuple[Any, Side]]:
    """{place: (its record, what its loss costs)} of one analysis."""
    ratio = next(
        (row["ratio"] for row in analysis.run.standards_frozen if row["service"] == service.code), 1.0
    )
    found: dict[Any, tuple[Any, Side]] = {}
    rows = (
        analysis.losses.select_related("facility__area", "facility__use")
        if user is None
        else read.loss_rows(analysis, user=user)
    )
    for row in rows.filter(service=service, other=None):
        found["facility", row.facility_id] = (
            row.facility,
            Side(row.lost, row.served, people_behind(row.lost, ratio)),
        )
    told = {
        one["asset"]: one
        for one in ((analysis.facts.get("services") or {}).get(service.code) or {}).get("assets", [])
    }
    seen = IdleAsset.objects.filter(ref__in=told).select_related("area")
    if user is not None:
        seen = seen.filter(policies.visible(user, area="area", city="city"))
    for asset in seen:
        one = told[asset.ref]
        found["asset", asset.pk] = (asset, Side(one["lost"], one["served"], one["people"]))
    return found


def losses_answer(version: PlanVersion, service: ServiceType, losses: Losses) -> dict[str, Any]:
    """The document of the API and the command."""

    def side(one: Side | None) -> dict[str, int] | None:
        return None if one is None else {"lost": one.lost, "served": one.served, "people": one.people}

    return {
        "plan": version.plan.ref, "version": version.number, "run": losses.pair.before.ref,
        "after_run": losses.pair.after.ref if losses.pair.after else None, "service": service.code,
        "analysis": losses.today.ref if losses.today else None, "after_analysis": losses.planned.ref if losses.planned else None,
        "ready": losses.ready, "jobs": [job.ref for job in losses.jobs],
        "critical_today": losses.critical(False), "critical_with_plan": losses.critical(True),
        "places": [
            {
                "ref": one.place.ref, "kind": "facility" if one.is_facility else "idle_asset", "name": one.place.name,
                "name_en": one.place.name_en, "changed_by_plan": one.changed, "today": side(one.today), "with_plan": side(one.planned),
            }
            for one in losses.places
        ],
    }  # fmt: skip
