"""Why one number is what it is: the sum behind the need, every role in reach and what stops it, and what could help.

Nothing is computed twice: the reach of a run and its score lie on disk, and the engine explains them. What could help
is scored alone, by the same engine; the answer is kept for an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from core.models import Area
from engine.coverage import score_world
from engine.explain import Explanation, explain_cells
from engine.interventions import apply_options
from engine.world import Option, Score
from facilities.models import ServiceType
from planning.bridge.analyses import cell_places
from planning.bridge.freeze import FACILITY
from planning.bridge.frozen import Frozen
from planning.bridge.one_service import world_of_one
from planning.bridge.options import Candidate, RateCard, candidates, engine_options
from planning.bridge.situation import local_factor, people_counted, ratio_of, share_counted
from planning.bridge.world import COUNTS, NOT_DESIGNATED, REASONS, Situation
from planning.models import DemandCell, Run
from planning.services.kept_scores import kept_score
from planning.services.runs import changes_of, situation_of
from planning.services.siting import KINDS

OPTIONS_SCORED, OPTIONS_AT_MOST = 8, 6
KEPT_SECONDS = 3600


@dataclass(frozen=True)
class InReach:
    """One designated role that reaches the area. `counts`: it may be used in this scenario; `reason`: a SupplyReason
    where it may not, else the engine's word for what stops it (full, late, full_and_late, room_left_out_of_reach, none).
    nearest in metres or minutes; capacity and taken in whole units."""

    facility_id: int
    nearest: float
    capacity: int
    taken: int
    taken_here: int
    hours: float | None
    counts: bool
    reason: str


@dataclass(frozen=True)
class Help:
    """An intervention scored alone: `here` is what it closes of this area's gap, `everywhere` of the whole city's."""

    key: str
    kind: str
    facility_id: int | None
    asset_id: int | None
    units: int
    here: int
    everywhere: int
    hours: float
    cost_fen: int
    lead_months: int


@dataclass(frozen=True)
class Why:
    """`share` of `people` counted x `ratio` gives the need, up to rounding; `standard` as frozen in the run. Where
    districts have ratios of their own, `ratio` is the mean over those who count, and `local` names the rows that hold
    here (`whole`: in all of it).
    affected, displaced, seeking: mean shares of those people, whether the standard multiplies them or not."""

    standard: dict[str, Any]
    limit: float
    people: float
    share: float
    affected: float
    displaced: float
    seeking: float
    ratio: float
    local: list[dict[str, Any]]
    binds: str
    roles: list[InReach]
    helps: list[Help]


def why_number(*, run: Run, area: Area | None, service: ServiceType, cell: DemandCell | None = None) -> Why:
    """Explain the result of `run` for `service` in `area` and everything below it, or in one `cell` alone.

    Raises DomainError when the run keeps no arrays or does not count the service.
    """
    if not run.facts.get("results"):
        raise DomainError("no-score", _("This run keeps no details. Run it again to see why."))
    if service.code not in {row["service"] for row in run.standards_frozen}:
        raise DomainError("service-not-counted", _("This run does not count the service."), status=404)
    place = f"cell{cell.pk}" if cell else str(area.pk if area else "")
    key = f"why-2:{run.ref}:{run.params_sha256[:16]}:{service.code}:{place}"
    found = cache.get(key)
    if found is None:
        found = _explained(run, area, service, cell)
        cache.set(key, found, KEPT_SECONDS)
    return found


def _explained(run: Run, area: Area | None, service: ServiceType, cell: DemandCell | None) -> Why:
    situation = situation_of(run, changes_of(run))
    k = [row["service"] for row in situation.standards].index(service.code)
    frozen, standard = situation.frozen, situation.standards[k]
    inside = (
        _one(run, frozen, cell) if cell else frozen.cells_in(frozen.areas_below([area.code] if area else []))
    )
    score = kept_score(run)
    found = explain_cells(situation.world, score, k, np.flatnonzero(inside), most=10_000)
    people = people_counted(frozen, run.scenario_frozen, standard, run.time_of_day)[inside]
    counted = people * share_counted(situation.shares, standard["driver"])[inside]
    weighted = float(counted.sum())
    factor = np.broadcast_to(local_factor(frozen, run.scenario_frozen, standard), (frozen.cells,))[inside]
    own_ratio = (
        float((counted * factor).sum()) / weighted
        if weighted
        else float(factor.mean())
        if len(factor)
        else 1.0
    )
    total = float(people.sum())
    within = people * situation.shares.inside[inside]
    affected, displaced = situation.shares.affected[inside], situation.shares.displaced[inside]
    out_of_home = within * np.nan_to_num(affected) * np.nan_to_num(displaced)
    return Why(
        standard=standard,
        limit=float(run.reach_overrides.get(service.code) or standard["reach_limit"]),
        people=total,
        share=weighted / total if total else 0.0,
        affected=_mean(affected, within),
        displaced=_mean(displaced, within * np.nan_to_num(affected)),
        seeking=_mean(situation.shares.seeking[inside], out_of_home),
        ratio=ratio_of(run.scenario_frozen, standard) * own_ratio,
        local=_local(run, frozen, standard, inside),
        binds=found.binds,
        roles=_roles(situation, found),
        helps=[] if run.plan_version_id else _helps(run, situation, score, k, inside),
    )


def _one(run: Run, frozen: Frozen, cell: DemandCell) -> np.ndarray:
    inside = np.zeros(frozen.cells, bool)
    place = int(cell_places(run, [cell.pk])[0])
    if place < 0:
        raise DomainError("no-such-cell", _("The cell is not in the snapshot of this run."), status=404)
    inside[place] = True
    return inside


def _local(run: Run, frozen: Frozen, standard: dict[str, Any], inside: np.ndarray) -> list[dict[str, Any]]:
    """The districts' own ratios that hold in some of the cells (n,) bool; a narrower one comes before a wider one in its
    place."""
    if standard["service"] in run.scenario_frozen["ratio_overrides"]:
        return []
    left, found = inside.copy(), []
    for row in reversed(standard.get("local") or []):
        here = frozen.cells_in(frozen.areas_below([row["area"]]))
        if (here & left).any():
            found.append(row | {"whole": bool(here[inside].all())})
        left &= ~here
    return found


def _mean(values: np.ndarray, weight: np.ndarray) -> float:
    held = np.isfinite(values) & (weight > 0)
    return float(np.average(values[held], weights=weight[held])) if held.any() else 0.0


def _roles(situation: Situation, found: Explanation) -> list[InReach]:
    """Designated roles in reach, the largest first; what nobody has designated is an option, not supply."""
    frozen, roles = situation.frozen, situation.roles
    rows = []
    for one in found.roles:
        number = int(roles.reason[one.role])
        if number == NOT_DESIGNATED or frozen["site_kind"][one.site] != FACILITY:
            continue
        counts = number == COUNTS and one.reason != "other_role"
        rows.append(
            InReach(
                facility_id=int(frozen["site_id"][one.site]), nearest=one.nearest_cost, capacity=one.capacity, taken=one.taken,
                taken_here=one.taken_here, hours=None if np.isnan(one.hours) or np.isinf(one.hours) else one.hours, counts=counts,
                reason=one.reason if number == COUNTS else str(REASONS[number]),
            )
        )  # fmt: skip
    return sorted(rows, key=lambda row: (-row.capacity, row.nearest))


def _helps(run: Run, situation: Situation, score: Score, k: int, inside: np.ndarray) -> list[Help]:
    """The options that could take most of the gap here, each scored alone; those that close most come first."""
    code, gap = situation.standards[k]["service"], score.gap[k]
    listed, _left_out = candidates([situation], RateCard.now(), [code], KINDS)
    reach, short = situation.world.reach[k], np.where(inside, gap, 0)
    sums = np.concatenate([[0], np.cumsum(short[reach.cell])])
    within = sums[reach.indptr[1:]] - sums[reach.indptr[:-1]]
    ranked = sorted(listed, key=lambda one: (-min(one.units, int(within[one.site])), one.cost_fen, one.key))
    world, place = world_of_one(situation.world, score, k)
    rows = []
    for one in ranked[:OPTIONS_SCORED]:
        if min(one.units, int(within[one.site])) <= 0:
            break
        whole = engine_options(situation, [one])[0]
        option = Option(
            whole.site, 0, whole.kind, whole.units, whole.cost_fen, whole.hours, -1, place.get(whole.role, -1)
        )
        after = score_world(
            apply_options(world, [option]), run.assignment, minimise_travel=False, check=False
        ).gap[0]
        rows.append(_help(situation.frozen, one, int((gap - after)[inside].sum()), int((gap - after).sum())))
    rows = [row for row in rows if row.here > 0]
    return sorted(rows, key=lambda row: (-row.here, row.cost_fen, row.key))[:OPTIONS_AT_MOST]


def _help(frozen: Frozen, one: Candidate, here: int, everywhere: int) -> Help:
    pk, is_facility = int(frozen["site_id"][one.site]), frozen["site_kind"][one.site] == FACILITY
    return Help(
        key=one.key, kind=one.kind, facility_id=pk if is_facility else None, asset_id=None if is_facility else pk, units=one.units,
        here=here, everywhere=everywhere, hours=one.hours, cost_fen=one.cost_fen, lead_months=one.lead_months,
    )  # fmt: skip
