"""Why this number: for a set of cells and one service, every role in reach and what stops it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from engine.bands import BandedReach
from engine.coverage import role_ready
from engine.world import REASON_NONE, REASON_WORDS, Score, World


@dataclass(frozen=True, slots=True)
class RoleInReach:
    """One role that reaches at least one of the cells with need.

    nearest_cost: least travel from any of them (metres or minutes). cells, need: how many of the cells it reaches and
    their need. capacity: declared; supply: what counts now. taken: units taken by all cells; taken_here: by these.
    room: supply - taken. hours: to convert. reason: why it cannot take more of these people in time, one of
    full | late | full_and_late | lapsed | inside_hazard | closed | unusable | other_role | no_capacity |
    barrier_free_full (it has room, but no barrier-free place for those still short who need one) |
    room_left_out_of_reach (it has room, but those of these cells still short are out of its reach) |
    none (none of these cells is short). special_capacity, special_taken: its barrier-free places that count now, and
    those of them that are taken by anybody; 0 where they are not told apart.
    """

    role: int
    site: int
    nearest_cost: float
    cells: int
    need: int
    capacity: int
    supply: int
    taken: int
    taken_here: int
    room: int
    hours: float
    ready: bool
    reason: str
    special_capacity: int = 0
    special_taken: int = 0


@dataclass(frozen=True, slots=True)
class Explanation:
    """Need and states of the cells; `binds` is what holds most of the gap back: distance (out of reach), room (no
    room), barrier_free_room (need for a barrier-free place, where ordinary places are in reach), time (late) or none;
    `roles` nearest first. `roles_left_out` counts those beyond the first `most`. special_need and special_served: the
    part that needs barrier-free places, None where it is not told apart."""

    need: int
    served: int
    late: int
    no_room: int
    out_of_reach: int
    binds: str
    roles: tuple[RoleInReach, ...]
    roles_left_out: int
    special_need: int | None = None
    special_served: int | None = None


def explain_cells(world: World, score: Score, service: int, cells: ArrayLike, most: int = 200) -> Explanation:
    """Explain the four states of `cells` (indices) for `service` as `score` found them."""
    cells = np.unique(np.asarray(cells, np.int64))
    states = [
        int(getattr(score, name)[service][cells].sum())
        for name in ("served", "late", "no_room", "out_of_reach")
    ]
    served, late, no_room, out_of_reach = states
    need = world.demand.need[service]
    inside = np.zeros(world.demand.cells, bool)
    inside[cells] = True
    roles = np.flatnonzero(world.supply.role_service == service)
    reach, sites = world.reach[service], world.supply.role_site[roles]
    reach = reach.to_cells(sites, inside) if isinstance(reach, BandedReach) else reach.take(sites)
    place = np.repeat(np.arange(len(roles)), np.diff(reach.indptr))
    here = inside[reach.cell] & (need[reach.cell] > 0)
    place, cell, cost = place[here], reach.cell[here], reach.cost[here]
    count = len(roles)
    nearest = np.full(count, np.inf)
    np.minimum.at(nearest, place, cost)
    reached = np.bincount(place, minlength=count)
    reached_need = np.bincount(place, need[cell], count).astype(np.int64)
    reached_at_all = np.zeros(world.demand.cells, bool)
    reached_at_all[cell[score.role_supply[roles[place]] > 0]] = True
    short, special, special_short = _barrier_free(score, service, cells, reached_at_all)
    supplied, special_taken = (
        np.zeros(world.supply.roles, np.int64) if part is None else part
        for part in (score.role_special, score.role_special_taken)
    )
    taken = score.role_served + score.role_late
    mine = inside[score.pair_cell]
    taken_here = np.bincount(score.pair_role[mine], score.pair_units[mine], world.supply.roles).astype(
        np.int64
    )
    ready = role_ready(world)
    seen = np.flatnonzero(reached > 0)
    seen = seen[np.lexsort((roles[seen], nearest[seen]))]
    rows = []
    for i in seen[:most]:
        role = int(roles[i])
        supply = int(score.role_supply[role])
        room = supply - int(taken[role])
        rows.append(
            RoleInReach(
                role=role,
                site=int(world.supply.role_site[role]),
                nearest_cost=float(nearest[i]),
                cells=int(reached[i]),
                need=int(reached_need[i]),
                capacity=int(world.supply.role_capacity[role]),
                supply=supply,
                taken=int(taken[role]),
                taken_here=int(taken_here[role]),
                room=room,
                hours=float(world.supply.role_hours[role]),
                ready=bool(ready[role]),
                reason=_reason(
                    int(score.role_reason[role]), bool(world.supply.role_usable[role]), bool(ready[role]), room, short,
                    special_short if supplied[role] <= special_taken[role] else 0,
                ),
                special_capacity=int(supplied[role]),
                special_taken=int(special_taken[role]),
            )
        )  # fmt: skip
    causes = {
        "distance": out_of_reach - (special_short - special[2]),
        "room": no_room - special[2],
        "barrier_free_room": special_short,
        "time": late,
    }
    binds = max(causes, key=lambda cause: causes[cause]) if sum(causes.values()) else "none"
    return Explanation(
        sum(states), served, late, no_room, out_of_reach, binds, tuple(rows), len(seen) - len(rows),
        *(() if score.special is None else (sum(special), special[0])),
    )  # fmt: skip


def _barrier_free(
    score: Score, service: int, cells: np.ndarray, reached: np.ndarray
) -> tuple[int, list[int], int]:
    """(units of `cells` not served in time, the four states of their need for barrier-free places, how many of those
    have no such place though some place with capacity reaches them)."""
    short = int(score.gap[service][cells].sum())
    if score.special is None:
        return short, [0, 0, 0, 0], 0
    states = score.special[:, service, cells]
    return short, states.sum(axis=1).tolist(), int(states[2].sum() + states[3][reached[cells]].sum())


def _reason(code: int, usable: bool, ready: bool, room: int, whole_gap: int, special_gap: int) -> str:
    if code != REASON_NONE:
        return REASON_WORDS[code]
    if not usable:
        return "unusable"
    if room <= 0:
        return "full" if ready else "full_and_late"
    if not ready:
        return "late"
    if special_gap > 0:
        return "barrier_free_full"
    # A ready role with room whose reach holds a gap cannot be: either assignment would have used it.
    return "room_left_out_of_reach" if whole_gap > 0 else "none"
