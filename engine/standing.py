"""One service's nearest-first assignment held open, with room for sinks that are tried out and taken out again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.insertion import insert_sink, places_needed, take_out, used_of, widened
from engine.ledger import ledger_of, mark, touch_row, undo
from engine.repair import close, fill, grow, settle, shrink
from engine.transport import Transport

Ints = NDArray[np.int64]
SPARE_PAIRS = 4096
SPARE_SINKS = 16


class RowStates(NamedTuple):
    """What `rows` (t,) got after a change: served, late (t,) units; reachable (t,) any capacity in reach."""

    rows: NDArray[np.int32]
    served: Ints
    late: Ints
    reachable: NDArray[np.bool_]


class StandingService:
    """Change it with close/resize/insert, read what changed, then `restore`. Not for several threads at once."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.sinks, self.pairs = len(transport.capacity), transport.pairs
        self.ledger, pair = ledger_of(transport, (SPARE_PAIRS, SPARE_SINKS, 16 * SPARE_PAIRS))
        self.used = used_of(self.pairs, self.sinks, SPARE_PAIRS)
        self.cost = np.concatenate([transport.cost[pair], np.empty(SPARE_PAIRS, np.float32)])
        spare = SPARE_SINKS
        self.late = np.concatenate([~transport.ready, np.zeros(spare, bool)])
        self.tie = np.concatenate([transport.sink_rank, np.zeros(spare, np.int64)])
        self.open = np.concatenate([np.ones(self.sinks, bool), np.zeros(spare, bool)])
        self.role = np.concatenate([transport.role, np.full(spare, -1, np.int32)])
        self.special = np.concatenate([transport.special, np.zeros(spare, bool)])
        self.changed: list[int] = []
        mark(self.ledger)

    def close(self, sink: int) -> None:
        close(self.ledger, sink)
        self.open[sink] = False
        self.changed.append(sink)

    def resize(self, sink: int, by: int) -> None:
        """Give `by` units, or take them; the sink stays open. Takings wait until `settle`, givings until `fill`."""
        shrink(self.ledger, sink, -by) if by < 0 else grow(self.ledger, sink, by)

    def settle(self) -> None:
        settle(self.ledger)

    def fill(self) -> None:
        fill(self.ledger)

    def insert(
        self,
        rows: NDArray[np.int32],
        costs: NDArray[np.float32],
        capacity: int,
        *,
        ready: bool,
        tie: int,
        role: int = -1,
        special: bool = False,
    ) -> int:
        """A new sink reaching `rows` with need at `costs`; its people come with `fill`. The sink's number."""
        order = np.lexsort((self.transport.row_rank[rows], costs))
        rows, costs = np.ascontiguousarray(rows[order]), np.ascontiguousarray(costs[order], np.float32)
        self._make_room(len(rows), int(places_needed(self.ledger, rows)))
        sink = int(
            insert_sink(
                self.ledger, self.used, self.cost, self.late, self.tie, self.open, rows, costs, not ready, tie
            )
        )
        self.open[sink], self.role[sink], self.special[sink] = True, role, special
        self.changed.append(sink)
        grow(self.ledger, sink, capacity)
        return sink

    def _make_room(self, pairs: int, places: int) -> None:
        pairs_left = len(self.ledger.row) - int(self.used.at[0])
        places_left = len(self.ledger.row_list) - int(self.used.at[2])
        sinks_left = len(self.ledger.room) - int(self.used.at[1])
        writes_left = len(self.used.row) - int(self.used.saved[0])
        if pairs <= min(pairs_left, writes_left) and places <= places_left and sinks_left:
            return
        if self.used.saved[0] or self.ledger.logged.any() or self.ledger.waiting.any():
            raise RoomUsedUp
        self.ledger = widened(self.ledger, 2 * pairs, SPARE_SINKS, 4 * places)
        self.used = used_of(self.pairs, self.sinks, 2 * pairs + SPARE_PAIRS)
        self.cost = np.concatenate([self.cost, np.empty(2 * pairs, np.float32)])
        for name in ("late", "tie", "open", "role", "special"):
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.zeros(SPARE_SINKS, array.dtype)]))
        mark(self.ledger)

    def touched_rows(self) -> RowStates:
        """Every row whose states may have changed since `restore`."""
        return RowStates(*_touched_rows(self.ledger, np.array(self.changed, np.int64), self.late, self.open))

    def touched_sinks(self) -> Ints:
        """Every sink, inserted ones too, that holds other people than before."""
        return _touched_sinks(self.ledger, np.array(self.changed, np.int64))

    def held(self, sinks: Ints) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """(sink, row, units, cost) of the pairs of `sinks` that carry units."""
        return _held(self.ledger, self.cost, sinks)

    def restore(self) -> None:
        """Everything as it stood."""
        undo(self.ledger)
        take_out(self.ledger, self.used, self.pairs, self.sinks, self.pairs)
        for sink in self.changed:
            self.open[sink] = sink < self.sinks
        self.tie[: self.sinks] = self.transport.sink_rank
        self.changed.clear()


class RoomUsedUp(Exception):
    """The spare places do not hold all sinks of one change."""


@njit(cache=True, nogil=True)
def _touched_rows(ledger, changed, late, is_open):
    # The log names each row once. A row that holds what it held matters only where all its sinks changed.
    for i in range(ledger.logged[0]):
        touch_row(ledger, ledger.row[ledger.log_pair[i]])
    for s in changed:
        for p in range(ledger.sink_begin[s], ledger.sink_end[s]):
            r = ledger.row[p]
            if ledger.row_end[r] - ledger.row_begin[r] <= changed.size:
                touch_row(ledger, r)
    rows = ledger.log_row[: ledger.logged[1]].copy()
    served, behind = np.zeros(rows.size, np.int64), np.zeros(rows.size, np.int64)
    reachable = np.zeros(rows.size, np.bool_)
    for i in range(rows.size):
        worst = ledger.worst[rows[i]]
        for e in range(ledger.row_begin[rows[i]], ledger.row_end[rows[i]]):
            if e > worst and reachable[i]:
                break
            p = ledger.row_list[e]
            s = ledger.sink[p]
            reachable[i] |= is_open[s]
            if late[s]:
                behind[i] += ledger.units[p]
            else:
                served[i] += ledger.units[p]
    return rows, served, behind, reachable


@njit(cache=True, nogil=True)
def _touched_sinks(ledger, changed):
    sinks = np.empty(ledger.logged[0] + changed.size, np.int64)
    for i in range(ledger.logged[0]):
        sinks[i] = ledger.sink[ledger.log_pair[i]]
    sinks[ledger.logged[0] :] = changed
    return np.unique(sinks)


@njit(cache=True, nogil=True)
def _held(ledger, cost, sinks):
    count = 0
    for s in sinks:
        for p in range(ledger.sink_begin[s], ledger.last[s] + 1):
            count += ledger.units[p] > 0
    of, row = np.empty(count, np.int64), np.empty(count, np.int32)
    units, price = np.empty(count, np.int64), np.empty(count, np.float32)
    at = 0
    for s in sinks:
        for p in range(ledger.sink_begin[s], ledger.last[s] + 1):
            if ledger.units[p] > 0:
                of[at], row[at], units[at], price[at] = s, ledger.row[p], ledger.units[p], cost[p]
                at += 1
    return of, row, units, price
