"""Need and gap of many draws at once: the same town, the same pairs, other numbers of people in need.

What does not depend on the need is done once for a service: the pairs in reach and their strict order. A draw is then one
walk along that order. Eight draws walk side by side, so that each pair is read once for all of them. Late capacity is left
out: it is only taken when no capacity in time is left, and never lowers a gap. The units are those of
`engine.coverage.score_world`, draw by draw. See docs/algorithms/uncertainty.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.allocation import assign_best_of
from engine.checks import InvalidInput
from engine.coverage import ASSIGNMENTS, role_ready, supply_in_play
from engine.order import transport_order
from engine.pairs import on_threads
from engine.transport import (
    Transport,
    cell_ties,
    rank_by,
    role_ties,
    row_ranks,
    sink_pairs,
    sinks_of,
    transport_of,
)
from engine.world import Reach, World

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ABREAST = 8  # draws that walk the pairs together: one line of memory


@dataclass(frozen=True, slots=True)
class DrawnNeed:
    """The need of one service in every draw: people x share x ratio, rounded as `engine.need.need_units` does.

    people (n,) those the service counts; group (n,) which column of `share` a cell reads; share (d, groups), ratio (d,).
    part (n,): of the people, those only barrier-free capacity may serve (None: not told apart).
    """

    people: Floats
    group: NDArray[np.int32]
    share: Floats
    ratio: Floats
    part: Floats | None = None

    @property
    def draws(self) -> int:
        return len(self.ratio)

    def of_draw(self, number: int) -> tuple[Ints, Ints]:
        """(need (n,), barrier-free part (n,)) of one draw."""
        cells = np.arange(len(self.people))
        need, part = np.zeros((2, len(cells), 1), np.int64)
        _needs(cells, *self._given(), number, number + 1, need, part)
        return need[:, 0], part[:, 0]

    def totals(self) -> Ints:
        """(d,) units of all cells."""
        return _totals(self.people, self.group, self.share, self.ratio)

    def _given(self) -> tuple[Floats, NDArray[np.int32], Floats, Floats, Floats, bool]:
        part = np.zeros(0) if self.part is None else self.part
        return self.people, self.group, self.share, self.ratio, part, self.part is not None


def _checked(world: World, needs: Sequence[DrawnNeed], assignment: str) -> None:
    problems = []
    if assignment not in ASSIGNMENTS:
        problems.append(f"assignment {assignment!r} is not nearest or best")
    if len(needs) != world.services:
        problems.append(f"needs: {len(needs)} services, expected {world.services}")
    for k, one in enumerate(needs):
        n, d = world.demand.cells, needs[0].draws
        if (
            one.people.shape != (n,)
            or one.group.shape != (n,)
            or (one.part is not None and one.part.shape != (n,))
        ):
            problems.append(f"service {k}: people and groups must have one value a cell")
        elif one.share.ndim != 2 or one.ratio.shape != (d,) or len(one.share) != d:
            problems.append(f"service {k}: share and ratio must have one row a draw")
        elif n and not (one.group.min() >= 0 and one.group.max() < one.share.shape[1]):
            problems.append(f"service {k}: a cell reads a share that is not there")
        for name, values in (
            ("people", one.people),
            ("share", one.share),
            ("ratio", one.ratio),
            ("part", one.part),
        ):
            if values is not None and not (np.isfinite(values) & (values >= 0)).all():
                problems.append(f"service {k}: {name} must be finite and not negative")
    if problems:
        raise InvalidInput(problems)


class Draws:
    """A world under many draws of its need. areas (n,) gives the area each cell is summed into, below `area_count`; -1 for
    none, which is summed in a last column of its own. Raises InvalidInput."""

    def __init__(
        self, world: World, needs: Sequence[DrawnNeed], areas: NDArray[np.int32], area_count: int,
        assignment: str = "nearest", *, threads: int | None = None,
    ) -> None:  # fmt: skip
        _checked(world, needs, assignment)
        self.world, self.needs, self.assignment, self.threads = world, needs, assignment, threads
        self.area = np.where(np.asarray(areas) < 0, area_count, areas).astype(np.int64)
        self.areas = area_count + 1
        self.ready, self.role_tie, self.cell_tie = (
            role_ready(world),
            role_ties(world.supply),
            cell_ties(world),
        )
        # Which of the exclusive roles of a place counts depends on what anybody needs in a draw.
        in_play = np.stack([one.totals() > 0 for one in needs], axis=1) if needs else np.zeros((0, 0), bool)
        self.patterns, self.pattern = np.unique(in_play, axis=0, return_inverse=True)
        self.pattern = self.pattern.reshape(-1)

    def pairs(self, k: int) -> int:
        """How many pairs a draw of service k looks at, at most."""
        reach = self.world.reach[k]
        sites = self.world.supply.role_site[self.world.supply.role_service == k]
        return int(np.diff(reach.indptr)[sites].sum())

    def service(self, k: int) -> tuple[Ints, Ints]:
        """(need (d, areas + 1), gap (d, areas + 1)) units of service k in every draw."""
        draws = self.needs[k].draws
        need, gap = np.zeros((2, draws, self.areas), np.int64)
        for number, in_play in enumerate(self.patterns):
            mine = np.flatnonzero(self.pattern == number)
            if not in_play[k]:
                continue
            supply, _reason = supply_in_play(self.world.supply, in_play)
            if self.assignment == "best":
                self._best(k, supply, mine, need, gap)
            else:
                self._nearest(k, supply, mine, need, gap)
        return need, gap

    def _nearest(self, k: int, supply: Ints, mine: Ints, need: Ints, gap: Ints) -> None:
        asked, reach, grouped = self.needs[k], self.world.reach[k], self.world.grouped
        if not isinstance(reach, Reach):
            raise InvalidInput([f"reach {k}: its pairs are searched in bands, which draws cannot use"])
        # Only cells with people and a share in some draw can ever need a unit.
        cells = np.flatnonzero((asked.people > 0) & (asked.share[mine].max(axis=0) > 0)[asked.group])
        transport = self._prepared(k, np.where(self.ready, supply, 0), cells)
        order = transport_order(transport)
        place = np.full(self.world.demand.cells, -1, np.int32)
        place[cells] = np.arange(len(cells), dtype=np.int32)
        row = transport.row[order]
        row = 2 * place[row // 2] + row % 2 if grouped else place[row]
        sink = transport.sink[order]
        people, group = asked.people[cells], np.ascontiguousarray(asked.group[cells], np.int32)
        part = np.zeros(0) if asked.part is None else asked.part[cells]
        share, ratio = np.ascontiguousarray(asked.share[mine]), np.ascontiguousarray(asked.ratio[mine])
        area, out_need, out_gap = self.area[cells], need[mine], gap[mine]
        blocks = -(-len(mine) // ABREAST)

        def work(number: int) -> None:
            first = number * ABREAST
            last = min(first + ABREAST, len(mine))
            _walk(
                people, group, share, ratio, part, asked.part is not None, first, last, grouped, area, row, sink,
                transport.capacity, out_need, out_gap,
            )  # fmt: skip

        on_threads(work, blocks, self.threads)
        need[mine], gap[mine] = out_need, out_gap

    def _prepared(self, k: int, supply: Ints, cells: Ints) -> Transport:
        """The transport problem of service k with every cell in it that can need anything, whatever the draw."""
        world, grouped = self.world, self.world.grouped
        special_supply = np.minimum(world.supply.role_special_capacity, supply) if grouped else None
        role, special, capacity = sinks_of(world, k, supply, special_supply)
        there = np.zeros(world.demand.cells, np.int64)
        there[cells] = 1
        if grouped:
            # A unit of the part may pass on to a cell that has none of its people, so every cell gets a row for it.
            rows = np.zeros(2 * len(there), np.int64)
            rows[0::2], rows[1::2] = (0 if self.needs[k].part is None else there), there
            there = rows
        sites = world.supply.role_site[role].astype(np.int64)
        ptr, row, sink, cost = sink_pairs(world.reach[k], sites, special, there, grouped)
        return Transport(
            there, capacity, np.ones(len(role), bool), role, special, row_ranks(self.cell_tie, grouped),
            rank_by(2 * self.role_tie[role] + special), ptr, row, sink, cost, grouped,
        )  # fmt: skip

    def _best(self, k: int, supply: Ints, mine: Ints, need: Ints, gap: Ints) -> None:
        """A minimum-cost flow a draw, as `score_world` has it."""
        world = self.world

        def work(at: int) -> None:
            number = int(mine[at])
            units, part = self.needs[k].of_draw(number)
            wanted = np.zeros((world.services, len(units)), np.int64)
            wanted[k] = units
            special = None
            if world.demand.special_need is not None:
                special = np.zeros_like(wanted)
                special[k] = part
            one = replace(world, demand=replace(world.demand, need=wanted, special_need=special))
            transport = transport_of(one, k, supply, self.ready, self.role_tie, self.cell_tie)
            moved = assign_best_of(transport).units
            in_time = transport.ready[transport.sink]
            served = np.bincount(transport.row[in_time], moved[in_time], len(transport.need))
            missing = transport.by_cell(transport.need - np.rint(served).astype(np.int64))
            np.add.at(need[number], self.area, units)
            np.add.at(gap[number], self.area, missing)

        on_threads(work, len(mine), self.threads)


@njit(cache=True, nogil=True)
def _totals(people, group, share, ratio):
    out = np.empty(ratio.size, np.int64)
    for d in range(ratio.size):
        upto = 0.0
        for i in range(people.size):
            upto += people[i] * share[d, group[i]] * ratio[d]
        out[d] = np.int64(np.floor(upto + 0.5 + 1e-9))
    return out


@njit(cache=True, nogil=True)
def _needs(cells, people, group, share, ratio, part, has_part, first, last, need, special):
    """need, special (c, draws) of draws first..last, with the sums and roundings of need_units and part_units."""
    for d in range(first, last):
        b = d - first
        exact, exact_part = 0.0, 0.0
        upto, given, lag = np.int64(0), np.int64(0), np.int64(0)
        for i in range(cells.size):
            g = group[i]
            exact += people[i] * share[d, g] * ratio[d]
            whole = np.int64(np.floor(exact + 0.5 + 1e-9))
            need[i, b] = whole - upto
            upto = whole
            if has_part:
                exact_part += part[i] * share[d, g] * ratio[d]
                wanted = np.int64(np.floor(exact_part + 0.5 + 1e-9))
                lag = min(lag, wanted - whole)
                special[i, b] = whole + lag - given
                given = whole + lag


@njit(cache=True, nogil=True)
def _walk(
    people,
    group,
    share,
    ratio,
    part,
    has_part,
    first,
    last,
    grouped,
    area,
    row,
    sink,
    capacity,
    out_need,
    out_gap,
):
    """need and gap by area of the draws first..last (at most ABREAST)."""
    cells = people.size
    need, special = np.zeros((cells, ABREAST), np.int64), np.zeros((cells, ABREAST), np.int64)
    _needs(area, people, group, share, ratio, part, has_part, first, last, need, special)
    if grouped:
        left = np.empty((2 * cells, ABREAST), np.int64)
        for i in range(cells):
            for b in range(ABREAST):
                left[2 * i, b] = special[i, b]
                left[2 * i + 1, b] = need[i, b] - special[i, b]
    else:
        left = need.copy()
    room = np.empty((capacity.size, ABREAST), np.int64)
    for s in range(capacity.size):
        for b in range(ABREAST):
            room[s, b] = capacity[s]
    # Most pairs of a wide reach come when nobody is left or no room: those are passed over for all draws at once.
    row_over, sink_full = np.zeros(left.shape[0], np.bool_), np.zeros(room.shape[0], np.bool_)
    for p in range(row.size):
        r, s = row[p], sink[p]
        if row_over[r] or sink_full[s]:
            continue
        people_left, room_left = np.int64(0), np.int64(0)
        for b in range(ABREAST):
            take = min(left[r, b], room[s, b])
            left[r, b] -= take
            room[s, b] -= take
            people_left |= left[r, b]
            room_left |= room[s, b]
        row_over[r] = people_left == 0
        sink_full[s] = room_left == 0
    for i in range(cells):
        for b in range(last - first):
            out_need[first + b, area[i]] += need[i, b]
            missing = left[2 * i, b] + left[2 * i + 1, b] if grouped else left[i, b]
            out_gap[first + b, area[i]] += missing
