"""Why one number is what it is: the sum behind the need, every role in reach and what stops it, and what could help.

Nothing is computed twice: the reach of a run and its score lie on disk, and the engine explains them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from core.models import Area
from engine.explain import Explanation, explain_cells
from engine.world import STATES, Score
from facilities.models import ServiceType
from planning.bridge import artefacts
from planning.bridge.freeze import FACILITY
from planning.bridge.options import Candidate, RateCard, candidates
from planning.bridge.situation import people_counted, ratio_of, share_counted
from planning.bridge.world import COUNTS, NOT_DESIGNATED, REASONS, Situation
from planning.models import Run
from planning.services.runs import situation_of
from planning.services.siting import KINDS

OPTIONS_AT_MOST = 6
ARRAYS = ("role_served", "role_late", "role_supply", "role_reason", "pair_role", "pair_cell", "pair_units", "pair_cost", "travel")


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
    """An intervention that reaches cells still short here: `here` is the most it could take of this area's gap."""

    kind: str
    facility_id: int | None
    asset_id: int | None
    units: int
    here: int
    cost_fen: int
    lead_months: int


@dataclass(frozen=True)
class Why:
    """`share` of `people` counted x `ratio` gives the need, up to rounding; `standard` as frozen in the run."""

    standard: dict[str, Any]
    limit: float
    people: float
    share: float
    ratio: float
    binds: str
    roles: list[InReach]
    helps: list[Help]


def why_number(*, run: Run, area: Area, service: ServiceType) -> Why:
    """Explain the result of `run` for `service` in `area` and everything below it.

    Raises DomainError when the run keeps no arrays or does not count the service.
    """
    if not run.facts.get("results"):
        raise DomainError("no-score", _("This run keeps no details. Run it again to see why."))
    situation = situation_of(run)
    codes = [row["service"] for row in situation.standards]
    if service.code not in codes:
        raise DomainError("service-not-counted", _("This run does not count the service."), status=404)
    k = codes.index(service.code)
    frozen, standard = situation.frozen, situation.standards[k]
    inside = frozen.cells_in(frozen.areas_below([area.code]))
    score = _score(run)
    found = explain_cells(situation.world, score, k, np.flatnonzero(inside), most=10_000)
    people = people_counted(frozen, standard["driver"], run.time_of_day)[inside]
    weighted = float((people * share_counted(situation.shares, standard["driver"])[inside]).sum())
    total = float(people.sum())
    return Why(
        standard=standard,
        limit=float(run.reach_overrides.get(service.code) or standard["reach_limit"]),
        people=total,
        share=weighted / total if total else 0.0,
        ratio=ratio_of(run.scenario_frozen, standard),
        binds=found.binds,
        roles=_roles(situation, found),
        helps=_helps(situation, score, k, inside, service.code),
    )


def _score(run: Run) -> Score:
    arrays, meta = artefacts.load(run.facts["results"])
    return Score(
        **{name: arrays[name] for name in (*STATES, *ARRAYS)},
        travel_minimised=bool(meta["travel_minimised"]), assignment=meta["assignment"],
    )  # fmt: skip


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


def _helps(situation: Situation, score: Score, k: int, inside: np.ndarray, code: str) -> list[Help]:
    """Options whose reach holds cells of the area that are short, most units here per yuan first."""
    listed, _left_out = candidates([situation], RateCard.now(), [code], KINDS)
    reach, short = situation.world.reach[k], np.where(inside, score.gap[k], 0)
    sums = np.concatenate([[0], np.cumsum(short[reach.cell])])
    within = sums[reach.indptr[1:]] - sums[reach.indptr[:-1]]
    frozen = situation.frozen
    rows = [(min(one.units, int(within[one.site])), one) for one in listed]
    rows = [(here, one) for here, one in rows if here > 0]
    rows.sort(key=lambda row: (-row[0] / max(row[1].cost_fen, 1), -row[0], row[1].key))
    return [_help(frozen, here, one) for here, one in _one_a_site(rows)]


def _one_a_site(rows: Iterable[tuple[int, Candidate]]) -> list[tuple[int, Candidate]]:
    kept: dict[int, tuple[int, Candidate]] = {}
    for here, one in rows:
        if one.site not in kept:
            kept[one.site] = (here, one)
        if len(kept) == OPTIONS_AT_MOST:
            break
    return list(kept.values())


def _help(frozen: Any, here: int, one: Candidate) -> Help:
    pk, is_facility = int(frozen["site_id"][one.site]), frozen["site_kind"][one.site] == FACILITY
    return Help(
        kind=one.kind, facility_id=pk if is_facility else None, asset_id=None if is_facility else pk,
        units=one.units, here=here, cost_fen=one.cost_fen, lead_months=one.lead_months,
    )  # fmt: skip
