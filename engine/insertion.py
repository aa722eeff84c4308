"""A new sink among the lists of a ledger, and out again: each row it reaches gets its list written anew at the end."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.ledger import Ledger, with_work


class Used(NamedTuple):
    """What of the ledger's lists is in use: at (3,) pairs, sinks, places of row_list. And what an inserted sink wrote
    over: row, begin, end, worst (q,) of `saved` (1,) rows, newest last."""

    at: NDArray[np.int64]
    row: NDArray[np.int32]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    worst: NDArray[np.int64]
    saved: NDArray[np.int64]


def used_of(pairs: int, sinks: int, writes: int) -> Used:
    return Used(
        np.array([pairs, sinks, pairs], np.int64), np.empty(writes, np.int32), np.empty(writes, np.int64),
        np.empty(writes, np.int64), np.empty(writes, np.int64), np.zeros(1, np.int64),
    )  # fmt: skip


def widened(ledger: Ledger, pairs: int, sinks: int, places: int) -> Ledger:
    """The ledger with that many more places behind its lists."""
    more = {"row": pairs, "sink": pairs, "row_at": pairs, "units": pairs, "row_list": places, "sink_begin": sinks,
            "sink_end": sinks, "room": sinks, "last": sinks}  # fmt: skip
    names = (*more, "row_begin", "row_end", "left", "worst")

    def longer(array: NDArray[Any], by: int) -> NDArray[Any]:
        out = np.empty(len(array) + by, array.dtype)
        out[: len(array)] = array
        return out

    return with_work(**{name: longer(getattr(ledger, name), more.get(name, 0)) for name in names})


@njit(cache=True, nogil=True)
def places_needed(ledger, rows):
    """Places of row_list that a sink reaching `rows` needs."""
    total = 0
    for r in rows:
        total += ledger.row_end[r] - ledger.row_begin[r] + 1
    return total


@njit(cache=True, nogil=True)
def insert_sink(ledger, used, cost, late, tie, is_open, rows, row_costs, sink_late, sink_tie):
    """A closed sink for `rows` (best first) at `row_costs`; its number. Every pair (cost), sink (late, tie) in use is
    compared by (late, cost, tie); the new one's own are written at its numbers. Closed sinks are passed over, for their
    ties may have moved."""
    s, first = used.at[1], used.at[0]
    used.at[1] = s + 1
    late[s], tie[s] = sink_late, sink_tie
    ledger.sink_begin[s], ledger.sink_end[s] = first, first + rows.size
    ledger.room[s], ledger.last[s] = 0, first - 1
    for i in range(rows.size):
        p, r = first + i, rows[i]
        ledger.row[p], ledger.sink[p], ledger.units[p] = r, s, 0
        cost[p] = row_costs[i]
        begin, end, to = ledger.row_begin[r], ledger.row_end[r], used.at[2]
        at = used.saved[0]
        used.row[at], used.begin[at], used.end[at] = r, begin, end
        used.saved[0] = at + 1
        used.worst[at] = ledger.worst[r]
        placed, worst = False, ledger.worst[r]
        ledger.worst[r] = to - 1
        ledger.row_begin[r] = to
        for e in range(begin, end):
            other = ledger.row_list[e]
            o = ledger.sink[other]
            if (not placed and is_open[o]) and (
                late[o] > sink_late
                or (
                    late[o] == sink_late
                    and (cost[other] > cost[p] or (cost[other] == cost[p] and tie[o] > sink_tie))
                )
            ):
                ledger.row_list[to] = p
                ledger.row_at[p] = to
                to += 1
                placed = True
            ledger.row_list[to] = other
            ledger.row_at[other] = to
            if e == worst:
                ledger.worst[r] = to
            to += 1
        if not placed:
            ledger.row_list[to] = p
            ledger.row_at[p] = to
            to += 1
        ledger.row_end[r] = to
        used.at[2] = to
    used.at[0] = first + rows.size
    return s


@njit(cache=True, nogil=True)
def take_out(ledger, used, pairs, sinks, places):
    """Lists as they were when `pairs`, `sinks`, `places` were in use; after engine.ledger.undo, whose log may know a row
    only since the sink came."""
    for at in range(used.saved[0] - 1, -1, -1):
        r = used.row[at]
        ledger.row_begin[r], ledger.row_end[r], ledger.worst[r] = used.begin[at], used.end[at], used.worst[at]
        for e in range(used.begin[at], used.end[at]):
            ledger.row_at[ledger.row_list[e]] = e
    used.saved[0] = 0
    used.at[0], used.at[1], used.at[2] = pairs, sinks, places
