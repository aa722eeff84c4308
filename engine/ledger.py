"""The nearest-first assignment kept open for changes: who holds what, in lists that a repair can walk.

Pairs are numbered by sink and, within a sink, by the strict order of pairs; each row lists its pairs in that order too.
So "better for this sink" and "better for this row" are comparisons of numbers. See engine/repair.py for the changes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.order import transport_order
from engine.transport import Transport


class Ledger(NamedTuple):
    """q rows, s sinks, p pairs, each with spare places behind them.

    Lists, which only an inserted sink changes: row, sink (p,) int32; sink_begin, sink_end (s,): pairs of a sink, best
    first; row_list: pair numbers, those of row r at row_begin[r]..row_end[r], best first; row_at (p,): where a pair
    stands in row_list.
    Assignment: units (p,); left (q,) units of the row without a place; room (s,); last (s,), worst (q,): no pair behind
    this one carries units (pair number; place in row_list).
    Work: want, want_from, row_stack, row_waits and vacant_from, sink_stack, sink_waits; waiting: (rows, sinks) on them.
    Log of what changed since `mark`: epoch, *_mark, log_*, logged (pairs, rows, sinks).
    """

    row: NDArray[np.int32]
    sink: NDArray[np.int32]
    sink_begin: NDArray[np.int64]
    sink_end: NDArray[np.int64]
    row_list: NDArray[np.int32]
    row_begin: NDArray[np.int64]
    row_end: NDArray[np.int64]
    row_at: NDArray[np.int32]
    units: NDArray[np.int64]
    left: NDArray[np.int64]
    room: NDArray[np.int64]
    last: NDArray[np.int64]
    worst: NDArray[np.int64]
    want: NDArray[np.int64]
    want_from: NDArray[np.int64]
    row_stack: NDArray[np.int32]
    row_waits: NDArray[np.bool_]
    vacant_from: NDArray[np.int64]
    sink_stack: NDArray[np.int32]
    sink_waits: NDArray[np.bool_]
    epoch: NDArray[np.int32]
    pair_mark: NDArray[np.int32]
    row_mark: NDArray[np.int32]
    sink_mark: NDArray[np.int32]
    log_pair: NDArray[np.int32]
    log_units: NDArray[np.int64]
    log_row: NDArray[np.int32]
    log_left: NDArray[np.int64]
    log_worst: NDArray[np.int64]
    log_sink: NDArray[np.int32]
    log_room: NDArray[np.int64]
    log_last: NDArray[np.int64]
    logged: NDArray[np.int64]
    waiting: NDArray[np.int64]


def ledger_of(
    transport: Transport, spare: tuple[int, int, int] = (0, 0, 0), *, empty: bool = False
) -> tuple[Ledger, NDArray[np.int32]]:
    """(ledger, pair): pair (p,) is the transport's number of each of the ledger's pairs. spare: places for more (pairs,
    sinks, entries of row_list). `empty`: every sink closed and nobody placed."""
    rows, sinks, pairs = len(transport.need), len(transport.capacity), transport.pairs
    more_pairs, more_sinks, more_entries = spare
    row_end = np.cumsum(np.bincount(transport.row, minlength=rows), dtype=np.int64)
    row_begin = np.concatenate([[0], row_end[:-1]]).astype(np.int64)
    capacity = np.zeros(sinks, np.int64) if empty else transport.capacity

    def column(first: NDArray[Any]) -> NDArray[Any]:
        out = np.empty(sinks + more_sinks, np.int64)
        out[:sinks] = first
        return out

    left, room = transport.need.copy(), column(capacity)
    pair, row, row_at = (np.empty(pairs + more, np.int32) for more in (0, more_pairs, more_pairs))
    row_list, units = np.empty(pairs + more_entries, np.int32), np.empty(pairs + more_pairs, np.int64)
    _enter(
        transport_order(transport), transport.row, transport.sink, transport.sink_ptr[:-1].copy(), row_begin.copy(),
        left, room, pair, row, row_list, row_at, units,
    )  # fmt: skip
    sink = transport.sink
    if more_pairs:
        sink = np.empty(pairs + more_pairs, np.int32)
        sink[:pairs] = transport.sink
    ledger = with_work(
        row=row, sink=sink, sink_begin=column(transport.sink_ptr[:-1]), sink_end=column(transport.sink_ptr[1:]),
        row_list=row_list, row_begin=row_begin, row_end=row_end, row_at=row_at, units=units, left=left, room=room,
        last=column(transport.sink_ptr[1:] - 1), worst=row_end - 1,
    )  # fmt: skip
    return ledger, pair


@njit(cache=True, nogil=True)
def _enter(order, row, sink, sink_at, row_at_end, left, room, pair, own_row, row_list, row_at, units):
    """Number the pairs by sink and list them by row, both in `order`, and take each as far as both ends allow."""
    for i in order:
        r, s = row[i], sink[i]
        p, e = sink_at[s], row_at_end[r]
        sink_at[s], row_at_end[r] = p + 1, e + 1
        pair[p], own_row[p], row_list[e], row_at[p] = i, r, p, e
        taken = min(left[r], room[s])
        left[r] -= taken
        room[s] -= taken
        units[p] = taken


def with_work(**lists: NDArray[Any]) -> Ledger:
    """The ledger with what its repairs write into; pages that are never touched cost no memory."""
    p, q, s = len(lists["row"]), len(lists["left"]), len(lists["room"])
    return Ledger(
        **lists,
        want=np.zeros(q, np.int64), want_from=np.empty(q, np.int64), row_stack=np.empty(q, np.int32),
        row_waits=np.zeros(q, bool), vacant_from=np.empty(s, np.int64), sink_stack=np.empty(s, np.int32),
        sink_waits=np.zeros(s, bool), epoch=np.ones(1, np.int32), pair_mark=np.zeros(p, np.int32),
        row_mark=np.zeros(q, np.int32), sink_mark=np.zeros(s, np.int32), log_pair=np.empty(p, np.int32),
        log_units=np.empty(p, np.int64), log_row=np.empty(q, np.int32), log_left=np.empty(q, np.int64),
        log_worst=np.empty(q, np.int64), log_sink=np.empty(s, np.int32), log_room=np.empty(s, np.int64),
        log_last=np.empty(s, np.int64), logged=np.zeros(3, np.int64),
        waiting=np.zeros(2, np.int64),
    )  # fmt: skip


def copy_of(ledger: Ledger) -> Ledger:
    """A ledger of its own for one thread: same lists, own assignment."""
    lists = {
        name: getattr(ledger, name)
        for name in ("row", "sink", "sink_begin", "sink_end", "row_list", "row_begin", "row_end", "row_at")
    }
    own = {name: getattr(ledger, name).copy() for name in ("units", "left", "room", "last", "worst")}
    return with_work(**lists, **own)


@njit(cache=True, nogil=True)
def mark(ledger):
    """Begin a log: what changes from here on can be undone."""
    ledger.epoch[0] += 1
    ledger.logged[:] = 0


@njit(cache=True, nogil=True)
def undo(ledger):
    """Back to where the log began."""
    for i in range(ledger.logged[0]):
        ledger.units[ledger.log_pair[i]] = ledger.log_units[i]
    for i in range(ledger.logged[1]):
        ledger.left[ledger.log_row[i]] = ledger.log_left[i]
        ledger.worst[ledger.log_row[i]] = ledger.log_worst[i]
    for i in range(ledger.logged[2]):
        ledger.room[ledger.log_sink[i]] = ledger.log_room[i]
        ledger.last[ledger.log_sink[i]] = ledger.log_last[i]
    mark(ledger)


@njit(cache=True, nogil=True)
def touch_pair(ledger, p):
    if ledger.pair_mark[p] != ledger.epoch[0]:
        ledger.pair_mark[p] = ledger.epoch[0]
        at = ledger.logged[0]
        ledger.log_pair[at] = p
        ledger.log_units[at] = ledger.units[p]
        ledger.logged[0] = at + 1


@njit(cache=True, nogil=True)
def touch_row(ledger, r):
    if ledger.row_mark[r] != ledger.epoch[0]:
        ledger.row_mark[r] = ledger.epoch[0]
        at = ledger.logged[1]
        ledger.log_row[at] = r
        ledger.log_left[at] = ledger.left[r]
        ledger.log_worst[at] = ledger.worst[r]
        ledger.logged[1] = at + 1


@njit(cache=True, nogil=True)
def touch_sink(ledger, s):
    if ledger.sink_mark[s] != ledger.epoch[0]:
        ledger.sink_mark[s] = ledger.epoch[0]
        at = ledger.logged[2]
        ledger.log_sink[at] = s
        ledger.log_room[at] = ledger.room[s]
        ledger.log_last[at] = ledger.last[s]
        ledger.logged[2] = at + 1
