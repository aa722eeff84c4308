"""From units on pairs to the four states: sums by cell and role, and the pairs that carry anybody."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.transport import Transport

Ints = NDArray[np.int64]


class ServiceTally(NamedTuple):
    """One service of a Score. states: (4, n); special: (4, n) or None. sink_served, sink_late: (s,) units.
    pair_role, pair_cell, pair_units, pair_special, pair_cost: (u,) pairs that carry units, by role, then cell."""

    states: Ints
    special: Ints | None
    sink_served: Ints
    sink_late: Ints
    pair_role: NDArray[np.int32]
    pair_cell: NDArray[np.int32]
    pair_units: Ints
    pair_special: Ints
    pair_cost: NDArray[np.float32]
    travel: float


def tally(transport: Transport, units: Ints) -> ServiceTally:
    """Four states from the units (p,) of an assignment."""
    rows, sinks = len(transport.need), len(transport.capacity)
    served, late, reachable, sink_served, sink_late, used = _sums(
        transport.row, transport.sink, units, transport.ready, rows, sinks
    )
    states, special = four_states(transport.need, served, late, reachable, transport.grouped)
    role, cell, carried, carried_special, cost = _carried(
        transport.sink_ptr, transport.role, transport.row, transport.cost, units, transport.grouped, used
    )
    travel = float(np.sum(carried * cost.astype(np.float64)))
    return ServiceTally(
        states, special, sink_served, sink_late, role, cell, carried, carried_special, cost, travel
    )


def tally_taken(
    transport: Transport, sink: NDArray[np.int32], row: NDArray[np.int32], units: Ints, cost: NDArray[np.float32],
    reachable: NDArray[np.bool_],
) -> ServiceTally:  # fmt: skip
    """Four states from pairs that carry units (u,), in any order; reachable (q,) rows with any capacity in reach. The
    pairs of `transport` itself are not looked at."""
    rows, sinks, ready = len(transport.need), len(transport.capacity), transport.ready[sink]
    served, late = (np.bincount(row[which], units[which], rows).astype(np.int64) for which in (ready, ~ready))
    sink_served, sink_late = (
        np.bincount(sink[which], units[which], sinks).astype(np.int64) for which in (ready, ~ready)
    )
    states, special = four_states(transport.need, served, late, reachable, transport.grouped)
    pairs = merged_pairs(transport.role[sink], row, units, cost, transport.cells, transport.grouped)
    travel = float(np.sum(pairs[2] * pairs[4].astype(np.float64)))
    return ServiceTally(states, special, sink_served, sink_late, *pairs, travel)


def merged_pairs(
    role: NDArray[np.int32],
    row: NDArray[np.int32],
    units: Ints,
    cost: NDArray[np.float32],
    cells: int,
    grouped: bool,
) -> tuple[NDArray[np.int32], NDArray[np.int32], Ints, Ints, NDArray[np.float32]]:
    """(role, cell, units, special units, cost) by role, then cell, both rows of a cell and both sinks of a role
    together."""
    cell = row // 2 if grouped else row
    key = role.astype(np.int64) * cells + cell
    order = np.argsort(key, kind="stable")
    first = np.ones(len(order), bool)
    first[1:] = key[order[1:]] != key[order[:-1]]
    start, at = np.flatnonzero(first), order[first]
    special = np.where(row % 2 == 0, units, 0) if grouped else np.zeros(len(row), np.int64)
    if len(at) == 0:
        return role, cell, units, special, cost
    return (
        role[at],
        cell[at],
        np.add.reduceat(units[order], start),
        np.add.reduceat(special[order], start),
        cost[at],
    )


def four_states(
    need: Ints, served: Ints, late: Ints, reachable: NDArray[np.bool_], grouped: bool
) -> tuple[Ints, Ints | None]:
    """(states (4, n), special (4, n) or None) from what each row (q,) got and whether any capacity reaches it."""
    left = need - served - late
    rows = np.stack([served, late, np.where(reachable, left, 0), np.where(reachable, 0, left)])
    if not grouped:
        return rows, None
    return rows[:, 0::2] + rows[:, 1::2], np.ascontiguousarray(rows[:, 0::2])


def put_special_first(transport: Transport, units: Ints) -> None:
    """Within a cell, give a barrier-free place held by an ordinary person to one who needs it and has none, in place:
    the trip is the same and nobody else is touched."""
    if transport.grouped:
        _swap(transport.row, transport.sink, units, transport.ready, transport.need)


@njit(cache=True, nogil=True)
def _swap(row, sink, units, ready, need):
    left = need.copy()
    for p in range(row.size):
        left[row[p]] -= units[p]
    for in_time in (True, False):
        for p in range(1, row.size):
            # The two rows of a cell follow each other in a barrier-free sink.
            if units[p] == 0 or row[p] % 2 == 0 or ready[sink[p]] != in_time:
                continue
            if row[p - 1] != row[p] - 1 or sink[p - 1] != sink[p]:
                continue
            moved = min(units[p], left[row[p - 1]])
            if moved > 0:
                units[p] -= moved
                units[p - 1] += moved
                left[row[p]] += moved
                left[row[p - 1]] -= moved


@njit(cache=True, nogil=True)
def _sums(row, sink, units, ready, rows, sinks):
    served, late = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    reachable = np.zeros(rows, np.bool_)
    sink_served, sink_late = np.zeros(sinks, np.int64), np.zeros(sinks, np.int64)
    used = 0
    for p in range(row.size):
        reachable[row[p]] = True
        if units[p] > 0:
            used += 1
            if ready[sink[p]]:
                served[row[p]] += units[p]
                sink_served[sink[p]] += units[p]
            else:
                late[row[p]] += units[p]
                sink_late[sink[p]] += units[p]
    return served, late, reachable, sink_served, sink_late, used


@njit(cache=True, nogil=True)
def _carried(sink_ptr, sink_role, row, cost, units, grouped, used):
    """Pairs (role, cell) that carry units, both sinks of a role and both rows of a cell together."""
    role, cell = np.empty(used, np.int32), np.empty(used, np.int32)
    total, special = np.empty(used, np.int64), np.empty(used, np.int64)
    price = np.empty(used, np.float32)
    at, s = 0, 0
    while s < sink_role.size:
        a, a_end = sink_ptr[s], sink_ptr[s + 1]
        b, b_end = a_end, a_end
        s += 1
        if grouped and s < sink_role.size and sink_role[s] == sink_role[s - 1]:
            b_end = sink_ptr[s + 1]
            s += 1
        begun = at
        while a < a_end or b < b_end:
            if b >= b_end or (a < a_end and row[a] // 2 <= row[b] // 2):
                p = a
                a += 1
            else:
                p = b
                b += 1
            if units[p] == 0:
                continue
            c = row[p] // 2 if grouped else row[p]
            if at == begun or cell[at - 1] != c:
                role[at], cell[at], price[at] = sink_role[s - 1], c, cost[p]
                total[at] = 0
                special[at] = 0
                at += 1
            total[at - 1] += units[p]
            if grouped and row[p] % 2 == 0:
                special[at - 1] += units[p]
    return role[:at], cell[:at], total[:at], special[:at], price[:at]
