"""Why a facility serves what it serves: whom it reaches, who else does, what it took, and what stops it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from engine.coverage import role_ready
from engine.explain import explain_cells
from engine.world import REASON_NONE, REASON_WORDS
from facilities.models import Facility, ServiceType
from planning.bridge.freeze import FACILITY
from planning.bridge.world import COUNTS, REASONS
from planning.choices import AnalysisKind, RunState
from planning.models import LossResult, Run
from planning.services.kept_scores import kept_score
from planning.services.runs import changes_of, situation_of

AREAS_SHOWN = 12


@dataclass(frozen=True)
class FromArea:
    """What one area sends to the facility, and the mean trip in metres or minutes."""

    area_id: int
    units: int
    mean_cost: float


@dataclass(frozen=True)
class WhyFacility:
    """One role of a facility in a run. All in whole units; costs in the unit of the reach.

    need_in_reach = taken_here + taken_by_others + left_over, for the cells it reaches. binds: full | late |
    full_and_late | everybody_placed (nobody in its reach is left without a place) | nobody_in_reach | a SupplyReason.
    rivals: other usable facilities that reach at least one of the same cells. lost_if_fails None: not analysed yet.
    """

    standard: dict[str, Any]
    limit: float
    capacity: int
    supply: int
    served: int
    late: int
    hours: float | None
    cells_in_reach: int
    need_in_reach: int
    taken_by_others: int
    left_over: int
    rivals: int
    farthest: float | None
    areas: list[FromArea]
    binds: str
    lost_if_fails: int | None

    @property
    def taken(self) -> int:
        return self.served + self.late


def why_facility(*, run: Run, facility: Facility, service: ServiceType) -> WhyFacility:
    """Explain one role of `facility` in `run`. Raises DomainError when the run keeps no score, does not count the
    service, or knows no such role."""
    if service.code not in {row["service"] for row in run.standards_frozen}:
        raise DomainError("service-not-counted", _("This run does not count the service."), status=404)
    score, situation = kept_score(run), situation_of(run, changes_of(run))
    frozen, world, roles = situation.frozen, situation.world, situation.roles
    k = [row["service"] for row in situation.standards].index(service.code)
    kind, pk = np.asarray(frozen["site_kind"])[roles.site], np.asarray(frozen["site_id"])[roles.site]
    mine = np.flatnonzero((kind == FACILITY) & (pk == facility.pk) & (roles.service == k))
    if not len(mine):
        raise DomainError("no-such-role", _("This run knows no such role of the facility."), status=404)
    supply, reach = int(score.role_supply[mine].sum()), world.reach[k]
    site = int(roles.site[mine[0]])
    cells = np.unique(reach.row(site)[0])
    wanted = cells[world.demand.need[k][cells] > 0]
    found = explain_cells(world, score, k, wanted, most=0) if len(wanted) else None
    pairs = np.flatnonzero(np.isin(score.pair_role, mine))
    taken = int((score.role_served + score.role_late)[mine].sum())
    others = (found.served + found.late - taken) if found else 0
    hours = float(np.min(roles.hours[mine])) if np.isfinite(roles.hours[mine]).any() else None
    left_over = found.no_room + found.out_of_reach if found else 0
    return WhyFacility(
        standard=situation.standards[k], limit=float(world.standards[k].reach_limit),
        capacity=int(roles.capacity[mine].sum()), supply=supply, served=int(score.role_served[mine].sum()),
        late=int(score.role_late[mine].sum()), hours=hours, cells_in_reach=len(cells),
        need_in_reach=int(world.demand.need[k][cells].sum()), taken_by_others=others, left_over=left_over,
        rivals=_rivals(world, score, k, site, wanted), farthest=float(score.pair_cost[pairs].max()) if len(pairs) else None,
        areas=_areas(situation, score, pairs),
        binds=_binds(
            int(roles.reason[mine[0]]), int(score.role_reason[mine[0]]), supply - taken, bool(role_ready(world)[mine].all()), len(wanted)
        ),
        lost_if_fails=_lost(run, facility, service),
    )  # fmt: skip


def _binds(reason: int, engine_reason: int, room: int, ready: bool, wanted: int) -> str:
    if reason != COUNTS:
        return str(REASONS[reason])
    if engine_reason != REASON_NONE:
        return REASON_WORDS[engine_reason]
    if room <= 0:
        return "full" if ready else "full_and_late"
    if not wanted:
        return "nobody_in_reach"
    return "everybody_placed" if ready else "late"


def _rivals(world: Any, score: Any, k: int, site: int, cells: np.ndarray) -> int:
    sites = np.unique(world.supply.role_site[(world.supply.role_service == k) & (score.role_supply > 0)])
    sites = sites[sites != site]
    inside = np.zeros(world.demand.cells, bool)
    inside[cells] = True
    reach = world.reach[k].take(sites)
    sums = np.concatenate([[0], np.cumsum(inside[reach.cell])])
    return int((sums[reach.indptr[1:]] > sums[reach.indptr[:-1]]).sum())


def _areas(situation: Any, score: Any, pairs: np.ndarray) -> list[FromArea]:
    """The smallest areas of those who go there, the largest share first."""
    index = np.asarray(situation.frozen["cell_area"])[score.pair_cell[pairs]]
    ids = np.asarray(situation.frozen["area_id"])
    held = index >= 0
    units, cost = score.pair_units[pairs][held], score.pair_cost[pairs][held]
    sums = np.bincount(index[held], units, len(ids))
    trips = np.bincount(index[held], units * cost, len(ids))
    order = [int(n) for n in np.argsort(-sums, kind="stable")[:AREAS_SHOWN] if sums[n] > 0]
    return [FromArea(int(ids[n]), int(sums[n]), float(trips[n] / sums[n])) for n in order]


def _lost(run: Run, facility: Facility, service: ServiceType) -> int | None:
    rows = LossResult.objects.filter(
        analysis__run=run, analysis__kind=AnalysisKind.LOSS, analysis__state=RunState.DONE, facility=facility,
        service=service, other=None,
    )  # fmt: skip
    return rows.order_by("-analysis_id").values_list("lost", flat=True).first()
