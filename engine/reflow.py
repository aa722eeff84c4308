"""Loss under the best possible assignment: take places out of a maximal flow and re-route those who stood there.

Only rows turned away need a new search: whoever had no way to a free place before has none with fewer places
(Ford and Fulkerson 1956), and nobody is moved from a place to none, since augmenting never unserves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.order import counting_order
from engine.transport import Transport


class Flow(NamedTuple):
    """q rows, s sinks, p pairs. Lists: row, sink (p,), sink_ptr (s+1,), row_ptr (q+1,), row_list (p,) pair numbers;
    hopeful (s,): sinks from which re-routing can end at a free place. Flow: units (p,), room (s,), short (q,).
    Work: via_row, via_sink (pair numbers), *_mark, queue, stamp; log_pair, log_units, pair_mark, logged."""

    row: NDArray[np.int32]
    sink: NDArray[np.int32]
    sink_ptr: NDArray[np.int64]
    row_ptr: NDArray[np.int64]
    row_list: NDArray[np.int32]
    hopeful: NDArray[np.bool_]
    units: NDArray[np.int64]
    room: NDArray[np.int64]
    short: NDArray[np.int64]
    via_row: NDArray[np.int32]
    via_sink: NDArray[np.int32]
    row_mark: NDArray[np.int64]
    sink_mark: NDArray[np.int64]
    queue: NDArray[np.int32]
    stamp: NDArray[np.int64]
    pair_mark: NDArray[np.int64]
    log_pair: NDArray[np.int32]
    log_units: NDArray[np.int64]
    logged: NDArray[np.int64]


def flow_of(transport: Transport, units: NDArray[np.int64]) -> Flow:
    """The residual network of a maximal flow `units` (p,) of a transport problem."""
    rows, sinks, pairs = len(transport.need), len(transport.capacity), transport.pairs
    row_list = counting_order(transport.row, rows, np.arange(pairs, dtype=np.int32))
    row_ptr = np.concatenate([[0], np.cumsum(np.bincount(transport.row, minlength=rows), dtype=np.int64)])
    room = transport.capacity - np.bincount(transport.sink, units, sinks).astype(np.int64)
    hopeful = _hopeful(transport.row, transport.sink, transport.sink_ptr, row_ptr, row_list, units, room)
    return _with_work(
        transport.row,
        transport.sink,
        transport.sink_ptr,
        row_ptr,
        row_list,
        hopeful,
        units,
        room,
        rows,
        pairs,
    )


def copy_of(flow: Flow) -> Flow:
    """A flow of its own for one thread."""
    return _with_work(*flow[:6], flow.units.copy(), flow.room.copy(), len(flow.short), len(flow.row))


def _with_work(row, sink, sink_ptr, row_ptr, row_list, hopeful, units, room, rows, pairs) -> Flow:
    sinks = len(room)
    return Flow(
        row, sink, sink_ptr, row_ptr, row_list, hopeful, units, room, np.zeros(rows, np.int64),
        np.empty(rows, np.int32), np.empty(sinks, np.int32), np.zeros(rows, np.int64), np.zeros(sinks, np.int64),
        np.empty(rows, np.int32), np.zeros(1, np.int64), np.zeros(pairs, np.int64), np.empty(pairs, np.int32),
        np.empty(pairs, np.int64), np.zeros(1, np.int64),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _hopeful(row, sink, sink_ptr, row_ptr, row_list, units, room):
    hopeful, seen = room > 0, np.zeros(row_ptr.size - 1, np.bool_)
    stack = np.empty(room.size, np.int32)
    size = 0
    for s in range(room.size):
        if hopeful[s]:
            stack[size] = s
            size += 1
    while size > 0:
        size -= 1
        s = stack[size]
        for p in range(sink_ptr[s], sink_ptr[s + 1]):
            r = row[p]
            if seen[r]:
                continue
            seen[r] = True
            for e in range(row_ptr[r], row_ptr[r + 1]):
                other = sink[row_list[e]]
                if units[row_list[e]] > 0 and not hopeful[other]:
                    hopeful[other] = True
                    stack[size] = other
                    size += 1
    return hopeful


@njit(cache=True, nogil=True)
def _add(flow, p, amount):
    if flow.pair_mark[p] != flow.stamp[0]:
        flow.pair_mark[p] = flow.stamp[0]
        flow.log_pair[flow.logged[0]] = p
        flow.log_units[flow.logged[0]] = flow.units[p]
        flow.logged[0] += 1
    flow.units[p] += amount


@njit(cache=True, nogil=True)
def lost_without(flow, sinks):
    """Units that no sink serves when `sinks` fall out, the flow as before at the end."""
    flow.stamp[0] += 1
    case = flow.stamp[0]
    flow.logged[0] = 0
    turned, search = 0, np.int64(0)
    room_before = flow.room.copy()
    count = 0
    for s in sinks:
        flow.sink_mark[s] = np.int64(1) << 62  # never visited
        flow.room[s] = 0
        count += flow.sink_ptr[s + 1] - flow.sink_ptr[s]
    freed = np.empty(count, np.int32)
    count = 0
    for s in sinks:
        for p in range(flow.sink_ptr[s], flow.sink_ptr[s + 1]):
            if flow.units[p] > 0:
                r = flow.row[p]
                if flow.short[r] == 0:
                    freed[count] = r
                    count += 1
                flow.short[r] += flow.units[p]
                turned += flow.units[p]
                _add(flow, p, -flow.units[p])
    placed = 0
    while placed < turned:
        search += 1
        pushed = _search(flow, freed[:count], case * (np.int64(1) << 24) + search)
        if pushed == 0:
            break
        placed += pushed
    for i in range(count):
        flow.short[freed[i]] = 0
    for i in range(flow.logged[0]):
        flow.units[flow.log_pair[i]] = flow.log_units[i]
    flow.room[:] = room_before
    for s in sinks:
        flow.sink_mark[s] = 0
    return turned - placed


@njit(cache=True, nogil=True)
def _search(flow, freed, stamp):
    """One breadth-first search from all rows that are short; pushes along its tree until a length is used up."""
    tail, pushed = 0, 0
    for r in freed:
        if flow.short[r] > 0:
            flow.row_mark[r] = stamp
            flow.via_row[r] = -1
            flow.queue[tail] = r
            tail += 1
    head, level_end = 0, tail
    while head < tail:
        if head == level_end:
            if pushed > 0:
                break
            level_end = tail
        r = flow.queue[head]
        head += 1
        for e in range(flow.row_ptr[r], flow.row_ptr[r + 1]):
            p = flow.row_list[e]
            s = flow.sink[p]
            if not flow.hopeful[s] or flow.sink_mark[s] >= stamp:
                continue
            if flow.room[s] > 0:
                # A branch of the tree that an earlier push used up carries nothing; the next search takes it up.
                amount, x = flow.room[s], r
                while flow.via_row[x] >= 0:
                    back = flow.via_row[x]
                    amount = min(amount, flow.units[back])
                    x = flow.row[flow.via_sink[flow.sink[back]]]
                amount = min(amount, flow.short[x])
                if amount > 0:
                    flow.room[s] -= amount
                    flow.short[x] -= amount
                    _add(flow, p, amount)
                    x = r
                    while flow.via_row[x] >= 0:
                        back = flow.via_row[x]
                        _add(flow, back, -amount)
                        on = flow.via_sink[flow.sink[back]]
                        _add(flow, on, amount)
                        x = flow.row[on]
                    pushed += amount
                continue
            flow.sink_mark[s] = stamp
            flow.via_sink[s] = p
            for q in range(flow.sink_ptr[s], flow.sink_ptr[s + 1]):
                other = flow.row[q]
                if flow.units[q] > 0 and flow.row_mark[other] != stamp:
                    flow.row_mark[other] = stamp
                    flow.via_row[other] = q
                    flow.queue[tail] = other
                    tail += 1
    return pushed
