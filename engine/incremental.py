"""Edit, add or close a facility and score again, touching only what it changes: equal to the full run.

A `Standing` holds the nearest-first assignment of one world open. An edit closes, resizes or inserts sinks there,
lets the chains run (engine/repair.py), reads the rows and sinks that were touched into a copy of the score, and puts
everything back. What an edit may change besides its own site, through the exclusive role that counts, is found by
comparing the supply of all roles in both worlds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.changes import Change, alone_at_its_point, changes_between, incomparable, ties_after
from engine.checks import InvalidInput
from engine.coverage import role_ready, role_supply, score_world
from engine.standing import RoomUsedUp, StandingService
from engine.tally import merged_pairs
from engine.transport import cell_ties, role_ties, sink_pairs, transport_of
from engine.world import STATES, Reach, Score, World

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rescored:
    """score; full: why everything was scored again ("" when only what changed was); cells, roles: how many were
    touched."""

    score: Score
    full: str
    cells: int
    roles: int


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What a new facility would change, by cell (n,) in units. served_gain: served in time more than before, here or
    anywhere along the chain; never negative. late_gain: late more than before (negative where late people are served
    now). newly_in_reach: need that had no capacity in reach before. special_served_gain: the part that needs
    barrier-free places, None where not told apart. taken: units in the new facility."""

    served_gain: Ints
    late_gain: Ints
    newly_in_reach: Ints
    special_served_gain: Ints | None
    taken: int


class Standing:
    """The nearest-first assignment of a world, kept to be changed many times. Not for several threads at once.

    Services are opened when first needed; each keeps about 50 bytes a pair in reach.
    """

    def __init__(self, world: World, score: Score) -> None:
        if score.assignment != "nearest":
            raise InvalidInput(["only a nearest-first score can be changed in place"])
        self.world, self.score = world, score
        self.supply, _ = role_supply(world)
        self.ready, self.tie, self.cell_tie = role_ready(world), role_ties(world.supply), cell_ties(world)
        self.alone = alone_at_its_point(world.supply)
        self._services: dict[int, StandingService] = {}

    def service(self, number: int) -> StandingService:
        if number not in self._services:
            self._services[number] = StandingService(
                transport_of(self.world, number, self.supply, self.ready, self.tie, self.cell_tie)
            )
        return self._services[number]

    def rescored(self, after: World, sites: ArrayLike) -> Rescored:
        """The score of `after`, which differs from the world at `sites` only (their roles, their capacity, hours,
        state or place, their reach); roles and sites may be added at the end.

        What cannot be compared is scored in full, and `full` says why: other cells, need or services; roles in
        another order; reach that changed elsewhere.
        """
        why = incomparable(self.world, after, np.asarray(sites, np.int64).reshape(-1))
        if not why:
            try:
                return self._rescored(after, np.asarray(sites, np.int64).reshape(-1))
            except RoomUsedUp:
                why = "too large a change"
        return Rescored(score_world(after, "nearest"), why, after.demand.cells, after.supply.roles)

    def _rescored(self, after: World, sites: Ints) -> Rescored:
        supply, reason = role_supply(after)
        ready, tie = role_ready(after), ties_after(self, after)
        draft = _Draft(self.score, after)
        for service, changes in changes_between(self, after, supply, ready, tie, sites).items():
            standing = self.service(service)
            try:
                self._apply(standing, after, service, changes, tie)
                draft.take(service, standing, changes)
            finally:
                standing.restore()
        return draft.finished(supply, reason)

    def _apply(
        self, standing: StandingService, after: World, service: int, changes: list[Change], tie: Ints
    ) -> None:
        """Takings first, then givings; each ends in the assignment of the capacities of that moment."""
        for change in changes:
            if change.closes:
                standing.close(change.sink)
            elif change.sink >= 0 and change.by < 0:
                standing.resize(change.sink, change.by)
        standing.settle()
        before = standing.sinks
        standing.tie[:before] = 2 * tie[standing.role[:before]] + standing.special[:before]
        needs = standing.transport.need
        for change in changes:
            if change.sink >= 0 and not change.closes and change.by > 0:
                standing.resize(change.sink, change.by)
            elif change.inserts:
                site = int(after.supply.role_site[change.role])
                reach = _row_of(after.reach[service], site)
                _, row, _, cost = sink_pairs(
                    reach,
                    np.zeros(1, np.int64),
                    np.array([change.special]),
                    needs,
                    standing.transport.grouped,
                )
                standing.insert(
                    row, cost, change.capacity, ready=change.ready, tie=int(2 * tie[change.role] + change.special),
                    role=change.role, special=change.special,
                )  # fmt: skip
        standing.fill()

    def what_if(
        self, service: int, cells: ArrayLike, costs: ArrayLike, capacity: int, special_capacity: int = 0,
        ready: bool = True,
    ) -> WhatIf:  # fmt: skip
        """See the function of that name."""
        world = self.world
        cells, costs = np.asarray(cells, np.int32).reshape(-1), np.asarray(costs, np.float32).reshape(-1)
        _check_what_if(world, service, cells, costs, capacity, special_capacity)
        order = np.argsort(cells, kind="stable")
        reach = Reach([0, len(cells)], cells[order], costs[order])
        standing = self.service(service)
        parts = [(False, int(capacity))]
        if world.grouped:
            parts = [(False, int(capacity) - int(special_capacity)), (True, int(special_capacity))]
        reached_before = ~_unreached(self.score, service, world.grouped)
        last = 2 * int(self.tie.max(initial=0)) + 2  # of equal trips the ones that are made already stay
        sinks = []
        try:
            for special, units in parts:
                if units > 0:
                    _, row, _, cost = sink_pairs(
                        reach,
                        np.zeros(1, np.int64),
                        np.array([special]),
                        standing.transport.need,
                        standing.transport.grouped,
                    )
                    sinks.append(
                        standing.insert(row, cost, units, ready=ready, tie=last + special, special=special)
                    )
            standing.fill()
            touched = standing.touched_rows()
            taken = int(standing.held(np.array(sinks, np.int64))[2].sum())
        finally:
            standing.restore()
        served, late, special_served = _by_cell(self.score, service, touched, world.grouped)
        newly = np.zeros(len(standing.transport.need), np.int64)
        fresh = touched.rows[touched.reachable & ~reached_before[touched.rows]]
        newly[fresh] = standing.transport.need[fresh]
        return WhatIf(
            served - self.score.served[service],
            late - self.score.late[service],
            standing.transport.by_cell(newly),
            None if special_served is None else special_served - self.score.special[0, service],
            taken,
        )


def rescore(
    world_before: World,
    score_before: Score,
    world_after: World,
    sites: ArrayLike,
    standing: Standing | None = None,
) -> Score:
    """Score equal to score_world(world_after, "nearest") from the score of `world_before`, from which it differs at
    `sites` only. A `standing` of the world before, kept between edits, makes this fast; without one it is opened
    here, which costs about as much as scoring the services that change."""
    return (standing or Standing(world_before, score_before)).rescored(world_after, sites).score


def what_if(
    world: World, score: Score, service: int, cells: ArrayLike, costs: ArrayLike, capacity: int,
    special_capacity: int = 0, ready: bool = True, standing: Standing | None = None,
) -> WhatIf:  # fmt: skip
    """What a new facility of `capacity` units (`special_capacity` of them barrier-free) would change: cells (c,) it
    reaches at `costs` (c,) metres or minutes. Equal to adding it and scoring again nearest-first, where no two trips
    are equal; of equal trips those made already stay. Raises InvalidInput."""
    return (standing or Standing(world, score)).what_if(
        service, cells, costs, capacity, special_capacity, ready
    )


def _check_what_if(
    world: World, service: int, cells: NDArray, costs: NDArray, capacity: int, special_capacity: int
) -> None:
    problems = []
    if not 0 <= service < world.services:
        problems.append(f"service {service} does not exist")
    if len(cells) != len(costs):
        problems.append(f"costs: {len(costs)} for {len(cells)} cells")
    if ((cells < 0) | (cells >= world.demand.cells)).any() or len(np.unique(cells)) != len(cells):
        problems.append("cells: each must exist and be given once")
    if not (np.isfinite(costs) & (costs >= 0)).all():
        problems.append("costs: must be finite and not negative")
    if int(capacity) != capacity or int(special_capacity) != special_capacity:
        problems.append("capacity: must be whole units")
    if not 0 <= special_capacity <= capacity:
        problems.append("special capacity: must be between 0 and the capacity")
    if problems:
        raise InvalidInput(problems)


def _row_of(reach: Reach, site: int) -> Reach:
    cells, costs = reach.row(site)
    return Reach([0, len(cells)], cells, costs)


def _unreached(score: Score, service: int, grouped: bool) -> NDArray[np.bool_]:
    """(q,) rows of which some need is out of reach, that is all of it."""
    if not grouped:
        return score.out_of_reach[service] > 0
    special = score.special[3, service]
    rows = np.empty(2 * len(special), bool)
    rows[0::2], rows[1::2] = special > 0, score.out_of_reach[service] - special > 0
    return rows


def _by_cell(score: Score, service: int, touched, grouped: bool) -> tuple[Ints, Ints, Ints | None]:
    """(served, late (n,), special served or None) after a change."""
    served, late = score.served[service].copy(), score.late[service].copy()
    if not grouped:
        served[touched.rows], late[touched.rows] = touched.served, touched.late
        return served, late, None
    special_served, special_late = score.special[0, service].copy(), score.special[1, service].copy()
    ordinary_served, ordinary_late = served - special_served, late - special_late
    cell, is_special = touched.rows // 2, touched.rows % 2 == 0
    for rows, mine, behind in (
        (is_special, special_served, special_late),
        (~is_special, ordinary_served, ordinary_late),
    ):
        mine[cell[rows]], behind[cell[rows]] = touched.served[rows], touched.late[rows]
    return special_served + ordinary_served, special_late + ordinary_late, special_served


class _Draft:
    """A score on its way from one world to the next."""

    def __init__(self, score: Score, after: World) -> None:
        self.before, self.after, self.k = score, after, after.services
        self.states = np.stack([getattr(score, name) for name in STATES])
        self.special = None if score.special is None else score.special.copy()
        more = after.supply.roles - len(score.role_served)

        def longer(column: Ints) -> Ints:
            return np.concatenate([column, np.zeros(more, column.dtype)])

        self.role_served, self.role_late = longer(score.role_served), longer(score.role_late)
        self.taken = None if score.special is None else longer(score.role_special_taken)
        self.cells, self.touched = 0, np.zeros(after.supply.roles, bool)
        self.pairs: list[tuple[NDArray, ...]] = []
        self.services: list[int] = []

    def take(self, service: int, standing: StandingService, changes: list[Change]) -> None:
        """Read what one service's change touched."""
        rows = standing.touched_rows()
        need, grouped = standing.transport.need, standing.transport.grouped
        self.cells += len(rows.rows)
        left = need[rows.rows] - rows.served - rows.late
        fresh = np.stack(
            [rows.served, rows.late, np.where(rows.reachable, left, 0), np.where(rows.reachable, 0, left)]
        )
        if not grouped:
            self.states[:, service, rows.rows] = fresh
        else:
            special = rows.rows % 2 == 0
            cell = rows.rows // 2
            ordinary = self.states[:, service] - self.special[:, service]
            self.special[:, service, cell[special]] = fresh[:, special]
            ordinary[:, cell[~special]] = fresh[:, ~special]
            self.states[:, service] = ordinary + self.special[:, service]
        roles = np.unique(standing.role[standing.touched_sinks()])
        roles = np.union1d(roles, np.array([change.role for change in changes], np.int64)).astype(np.int64)
        self.touched[roles] = True
        inside = np.zeros(self.after.supply.roles, bool)
        inside[roles] = True
        mine = np.flatnonzero(inside[standing.role[: int(standing.used.at[1])]])
        sink, row, units, cost = standing.held(mine)
        role = standing.role[sink]
        self.role_served[roles] = self.role_late[roles] = 0
        late = standing.late[sink]
        np.add.at(self.role_served, role[~late], units[~late])
        np.add.at(self.role_late, role[late], units[late])
        if grouped:
            self.taken[roles] = 0
            in_special = standing.special[sink]
            np.add.at(self.taken, role[in_special], units[in_special])
        self.services.append(service)
        self.pairs.append(merged_pairs(role, row, units, cost, self.after.demand.cells, grouped))

    def finished(self, supply: Ints, reason: NDArray[np.int8]) -> Rescored:
        before, service_of = self.before, self.after.supply.role_service
        old_special = np.zeros(0, np.int64) if before.pair_special is None else before.pair_special
        role, cell, units, special, cost = (
            before.pair_role, before.pair_cell, before.pair_units, before.pair_special, before.pair_cost,
        )  # fmt: skip
        travel = before.travel
        if self.pairs:
            new = [np.concatenate(column) for column in zip(*self.pairs, strict=True)]
            by_service = np.argsort(service_of, kind="stable")
            role, cell, units, special, cost, ends = _spliced(
                by_service, service_of, self.k, self.touched, role, cell, units, old_special, cost, *new
            )
            travel = travel.copy()
            for service in self.services:
                one = slice(ends[service], ends[service + 1])
                travel[service] = float(np.sum(units[one] * cost[one].astype(np.float64)))
        grouped = self.special is not None
        score = replace(
            before, **dict(zip(STATES, self.states, strict=True)), role_served=self.role_served,
            role_late=self.role_late, role_supply=supply, role_reason=reason, pair_role=role, pair_cell=cell,
            pair_units=units, pair_cost=cost, travel=travel, special=self.special,
            pair_special=special if grouped else None,
            role_special=np.minimum(self.after.supply.role_special_capacity, supply) if grouped else None,
            role_special_taken=self.taken,
        )  # fmt: skip
        return Rescored(score, "", self.cells, int(self.touched.sum()))


@njit(cache=True, nogil=True)
def _spliced(
    roles,
    service_of,
    services,
    touched,
    role,
    cell,
    units,
    special,
    cost,
    new_role,
    new_cell,
    new_units,
    new_special,
    new_cost,
):
    """Pairs in the order of `roles`: those of touched roles from the new ones, the others from the old; both are
    ordered by service, role and cell within each. Last: where each service begins (k+1,)."""
    ends = np.zeros(services + 1, np.int64)
    kept = 0
    for p in range(role.size):
        kept += not touched[role[p]]
    grouped = special.size > 0
    size = kept + new_role.size
    out_role, out_cell = np.empty(size, np.int32), np.empty(size, np.int32)
    out_units, out_special = np.empty(size, np.int64), np.zeros(size, np.int64)
    out_cost = np.empty(size, np.float32)
    # Where each role's new pairs begin; those of one service come together, ordered by role.
    begin = np.full(touched.size, -1, np.int64)
    for p in range(new_role.size - 1, -1, -1):
        begin[new_role[p]] = p
    at, old = 0, 0
    for r in roles:
        while old < role.size and role[old] == r:
            if not touched[r]:
                out_role[at], out_cell[at], out_units[at] = r, cell[old], units[old]
                out_cost[at] = cost[old]
                if grouped:
                    out_special[at] = special[old]
                at += 1
            old += 1
        p = begin[r]
        while p >= 0 and p < new_role.size and new_role[p] == r:
            out_role[at], out_cell[at], out_units[at] = r, new_cell[p], new_units[p]
            out_cost[at], out_special[at] = new_cost[p], new_special[p]
            at += 1
            p += 1
        ends[service_of[r] + 1] = at
    for k in range(services):
        ends[k + 1] = max(ends[k + 1], ends[k])
    return out_role[:at], out_cell[:at], out_units[:at], out_special[:at], out_cost[:at], ends
