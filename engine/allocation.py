"""Who goes where when room is short: to the nearest with room, or as well as possible.

Both work on one service: pairs (cell, facility, cost) in reach, whole units of need and of capacity. A facility is
"ready" when it converts within the standard's limit; ready ones are taken before late ones. Both never exceed a
capacity, and the second serves at least as many as the first. See docs/algorithms/assignment.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.flow import greedy, greedy_tree, simplex
from engine.maxflow import place_most
from engine.order import counting_order, pair_order, transport_order
from engine.transport import Transport

# Travel costs become whole numbers of about this size; a power of two keeps float32 costs exact to 2**-26 of the
# largest one.
COST_STEPS = 2.0**26


@dataclass(frozen=True, slots=True)
class Assignment:
    """units: (p,) int64 moved over each pair. travel_minimised: no other assignment with as many served and as many
    assigned travels less. pivots: work done."""

    units: NDArray[np.int64]
    travel_minimised: bool
    pivots: int = 0


def _inputs(pair_cell, pair_facility, need, capacity):
    return (
        np.ascontiguousarray(pair_cell, np.int32),
        np.ascontiguousarray(pair_facility, np.int32),
        np.ascontiguousarray(need, np.int64),
        np.ascontiguousarray(capacity, np.int64),
    )


def assign_nearest(
    pair_cell: ArrayLike,
    pair_facility: ArrayLike,
    pair_cost: ArrayLike,
    need: ArrayLike,
    capacity: ArrayLike,
    ready: ArrayLike,
    cell_tie: ArrayLike | None = None,
    facility_tie: ArrayLike | None = None,
) -> Assignment:
    """People go to the nearest with room: pairs (p,) are taken by (ready first, cost, ties), each as far as the cell
    (need (n,)) and the facility (capacity (f,)) still allow.

    This is the stable matching when both sides prefer the shorter trip, so more capacity never serves fewer
    (Gale and Sotomayor 1985).
    """
    pair_cell, pair_facility, need, capacity = _inputs(pair_cell, pair_facility, need, capacity)
    ready = np.asarray(ready, bool)
    order = pair_order(
        pair_cell, pair_facility, np.asarray(pair_cost), ready, len(need), cell_tie, facility_tie
    )
    return Assignment(greedy(order, pair_cell, pair_facility, need, capacity), False)


def assign_nearest_of(transport: Transport) -> Assignment:
    """assign_nearest for the pairs of one service."""
    order = transport_order(transport)
    units = greedy(order, transport.row, transport.sink, transport.need, transport.capacity)
    return Assignment(units, False)


def assign_best_of(transport: Transport, *, minimise_travel: bool = True) -> Assignment:
    """assign_best for the pairs of one service."""
    return assign_best(
        transport.row, transport.sink, transport.cost, transport.need, transport.capacity, transport.ready,
        transport.row_rank, transport.sink_rank, minimise_travel=minimise_travel,
    )  # fmt: skip


def assign_best(
    pair_cell: ArrayLike,
    pair_facility: ArrayLike,
    pair_cost: ArrayLike,
    need: ArrayLike,
    capacity: ArrayLike,
    ready: ArrayLike,
    cell_tie: ArrayLike | None = None,
    facility_tie: ArrayLike | None = None,
    *,
    minimise_travel: bool = True,
    max_pivots: int = 20_000_000,
) -> Assignment:
    """The best possible assignment, exact: most units served by ready facilities; of those the most units assigned at
    all; of those (unless minimise_travel is False) the least travel.

    One minimum-cost flow in whole numbers: a late unit costs more than any detour, an unassigned one twice that. The
    quantities are always exact; should max_pivots run out, they are finished without the travel, and travel_minimised
    says so.
    """
    pair_cell, pair_facility, need, capacity = _inputs(pair_cell, pair_facility, need, capacity)
    cost, ready = np.ascontiguousarray(pair_cost, np.float32), np.asarray(ready, bool)
    units = np.zeros(len(pair_cell), np.int64)
    live = (need[pair_cell] > 0) & (capacity[pair_facility] > 0)
    if not live.any():
        return Assignment(units, True)
    index = np.flatnonzero(live).astype(np.int32)
    cells, cell = _packed(pair_cell[index], len(need))
    places, place = _packed(pair_facility[index], len(capacity))
    need, capacity, ready = need[cells], capacity[places], ready[places]
    # By cell, so that the search for a better pair reads memory in order.
    by_cell = counting_order(cell, len(cells), np.arange(len(index), dtype=np.int32))
    index, cell, place = index[by_cell], cell[by_cell], place[by_cell]
    cost = cost[index]
    cell_ptr = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=len(cells)), dtype=np.int64)])
    order = pair_order(
        cell,
        place,
        cost,
        ready,
        len(cells),
        None if cell_tie is None else _ranks(np.asarray(cell_tie)[cells]),
        None if facility_tie is None else _ranks(np.asarray(facility_tie)[places]),
    )
    pivots, done = 0, False
    if minimise_travel:
        flow, parent, pred = greedy_tree(order, cell, place, need, capacity)
        top = max(float(cost.max()), 1e-9)
        whole = np.rint(cost.astype(np.float64) * 2.0 ** np.floor(np.log2(COST_STEPS / top))).astype(np.int32)
        # A simple cycle visits each facility once, so no re-routing of one unit can cost more than this.
        detour = np.int64(whole.max() + 1) * np.int64(2 * len(places) + 4)
        late = (~ready).astype(np.int64) * detour
        pivots, done = simplex(
            cell_ptr,
            cell,
            place,
            whole,
            need,
            capacity,
            2 * detour,
            late,
            flow,
            parent,
            pred,
            np.int64(max_pivots),
        )
    else:
        flow = greedy(order, cell, place, need, capacity)
    if not done:
        place_most(cell, place, need, capacity, ready, flow)
    units[index] = flow
    return Assignment(units, bool(done), int(pivots))


def _packed(values: NDArray[np.int32], size: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Distinct values (each < size) ascending, and each value's place among them."""
    present = np.zeros(size, bool)
    present[values] = True
    number = np.cumsum(present, dtype=np.int64).astype(np.int32) - np.int32(1)
    return np.flatnonzero(present), number[values]


def _ranks(values: NDArray[np.int64]) -> NDArray[np.int64]:
    ranks = np.empty(len(values), np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks
