"""The most units that can be placed, whatever the travel: blocking flows along shortest re-routings.

Levels are counted backwards from the places with room, so that a search sees only what can lead to one, and each pair is
looked at once a level (Dinic 1970; on such networks Hopcroft and Karp 1973).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.order import counting_order


@njit(cache=True, nogil=True)
def place_most(row, sink, need, capacity, ready, units):
    """Improve `units` (p,) in place: first the most in ready sinks, then the most at all without losing one of those.

    row, sink (p,) in any order; need (q,), capacity (s,); units feasible. Returns how many searches it took.
    """
    pairs, rows, sinks = row.size, need.size, capacity.size
    number = np.arange(pairs).astype(np.int32)
    row_list, sink_list = counting_order(row, rows, number), counting_order(sink, sinks, number)
    row_ptr, sink_ptr = np.zeros(rows + 1, np.int64), np.zeros(sinks + 1, np.int64)
    left, room = need.copy(), capacity.copy()
    for p in range(pairs):
        row_ptr[row[p] + 1] += 1
        sink_ptr[sink[p] + 1] += 1
        if not ready[sink[p]]:
            units[p] = 0
        left[row[p]] -= units[p]
        room[sink[p]] -= units[p]
    row_ptr, sink_ptr = np.cumsum(row_ptr), np.cumsum(sink_ptr)
    kept = room.copy()
    for s in range(sinks):
        if not ready[s]:
            room[s] = 0
    searches = _saturate(row, sink, row_ptr, row_list, sink_ptr, sink_list, units, left, room)
    late = False
    for s in range(sinks):
        if not ready[s]:
            room[s] = kept[s]
            late = True
    if late:
        searches += _saturate(row, sink, row_ptr, row_list, sink_ptr, sink_list, units, left, room)
    return searches


@njit(cache=True, nogil=True)
def _saturate(row, sink, row_ptr, row_list, sink_ptr, sink_list, units, left, room):
    rows, sinks = left.size, room.size
    row_level, sink_level = np.empty(rows, np.int32), np.empty(sinks, np.int32)
    row_at, sink_at = np.empty(rows, np.int64), np.empty(sinks, np.int64)
    queue = np.empty(sinks, np.int32)
    path = np.empty(2 * sinks + 2, np.int32)
    searches = 0
    while True:
        searches += 1
        if not _levels(
            row, sink, row_ptr, row_list, sink_ptr, sink_list, units, left, room, row_level, sink_level, queue
        ):
            return searches
        row_at[:] = row_ptr[:-1]
        sink_at[:] = sink_ptr[:-1]
        for r in range(rows):
            if left[r] > 0 and row_level[r] >= 0:
                _push_from(
                    r, row, sink, row_ptr, row_list, sink_ptr, sink_list, units, left, room, row_level, sink_level,
                    row_at, sink_at, path,
                )  # fmt: skip


@njit(cache=True, nogil=True)
def _levels(
    row, sink, row_ptr, row_list, sink_ptr, sink_list, units, left, room, row_level, sink_level, queue
):
    """Steps to the nearest room, as far as the nearest row that is short; False where none is."""
    row_level[:] = -1
    sink_level[:] = -1
    tail = 0
    for s in range(room.size):
        if room[s] > 0:
            sink_level[s] = 0
            queue[tail] = s
            tail += 1
    head, found, last = 0, False, np.int32(1 << 30)
    while head < tail:
        s = queue[head]
        head += 1
        level = sink_level[s]
        if level >= last:
            break
        for i in range(sink_ptr[s], sink_ptr[s + 1]):
            r = row[sink_list[i]]
            if row_level[r] >= 0:
                continue
            row_level[r] = level + 1
            if left[r] > 0:
                found, last = True, level + 1
            if found:
                continue
            for e in range(row_ptr[r], row_ptr[r + 1]):
                other = sink[row_list[e]]
                if sink_level[other] < 0 and units[row_list[e]] > 0:
                    sink_level[other] = level + 2
                    queue[tail] = other
                    tail += 1
    return found


@njit(cache=True, nogil=True)
def _push_from(
    start, row, sink, row_ptr, row_list, sink_ptr, sink_list, units, left, room, row_level, sink_level, row_at, sink_at,
    path,
):  # fmt: skip
    """Everything that row `start` can send one level at a time. path: pairs taken, forth and back in turn."""
    r, size = np.int64(start), 0
    while True:
        step = False
        while row_at[r] < row_ptr[r + 1]:
            p = row_list[row_at[r]]
            if sink_level[sink[p]] == row_level[r] - 1:
                step = True
                break
            row_at[r] += 1
        if not step:
            row_level[r] = -1
            if size == 0:
                return
            size -= 1  # back over the pair that led here
            sink_at[sink[path[size]]] += 1
        else:
            path[size] = row_list[row_at[r]]
            size += 1
        # At the sink of the last pair forth.
        while True:
            p = path[size - 1]
            s = sink[p]
            if room[s] > 0 and sink_level[s] == 0:
                amount = min(room[s], left[start])
                for i in range(1, size, 2):
                    amount = min(amount, units[path[i]])
                room[s] -= amount
                left[start] -= amount
                for i in range(size):
                    units[path[i]] += amount if i % 2 == 0 else -amount
                if left[start] == 0:
                    return
                r, size = np.int64(start), 0
                break
            onward = False
            if sink_level[s] > 0:
                while sink_at[s] < sink_ptr[s + 1]:
                    q = sink_list[sink_at[s]]
                    if units[q] > 0 and row_level[row[q]] == sink_level[s] - 1:
                        onward = True
                        break
                    sink_at[s] += 1
            if onward:
                path[size] = sink_list[sink_at[s]]
                r = np.int64(row[path[size]])
                size += 1
                break
            sink_level[s] = -2
            size -= 1
            r = np.int64(row[p])
            row_at[r] += 1
            break
