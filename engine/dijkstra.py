"""The reference search: bounded Dijkstra with a binary heap of float64 times (Dijkstra 1959)."""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.rows import emptied_row, grown, mark


@njit(cache=True, nogil=True)
def _push(heap_cost, heap_node, size, cost, node):
    at = size
    while at > 0:
        up = (at - 1) >> 1
        if heap_cost[up] <= cost:
            break
        heap_cost[at] = heap_cost[up]
        heap_node[at] = heap_node[up]
        at = up
    heap_cost[at] = cost
    heap_node[at] = node
    return size + 1


@njit(cache=True, nogil=True)
def _pop(heap_cost, heap_node, size):
    """Remove the top; the caller has read it."""
    size -= 1
    cost, node = heap_cost[size], heap_node[size]
    at = 0
    while True:
        down = 2 * at + 1
        if down >= size:
            break
        if down + 1 < size and heap_cost[down + 1] < heap_cost[down]:
            down += 1
        if heap_cost[down] >= cost:
            break
        heap_cost[at] = heap_cost[down]
        heap_node[at] = heap_node[down]
        at = down
    heap_cost[at] = cost
    heap_node[at] = node
    return size


@njit(cache=True, nogil=True)
def heap_rows(seed_node, seed_cost, ptr, near, cost, limit, far, dist, bits, out_node, out_cost):
    """The same question and answer as engine.buckets.bucket_rows."""
    lengths, used = np.empty(len(seed_node), np.int64), 0
    heap_cost, heap_node = np.empty(1024), np.empty(1024, np.int32)
    for s in range(len(seed_node)):
        low, high, size = bits.size, -1, 0
        for k in range(seed_node.shape[1]):
            v, d = seed_node[s, k], seed_cost[s, k]
            if d <= far and d < dist[v]:
                dist[v] = d
                mark(bits, v)
                low, high = min(low, v >> 6), max(high, v >> 6)
                size = _push(heap_cost, heap_node, size, d, v)
        while size > 0:
            d, v = heap_cost[0], heap_node[0]
            size = _pop(heap_cost, heap_node, size)
            if d > dist[v]:
                continue
            for e in range(ptr[v], ptr[v + 1]):
                w = near[e]
                longer = d + cost[e]
                if longer <= far and longer < dist[w]:
                    if dist[w] == np.inf:
                        mark(bits, w)
                        low, high = min(low, w >> 6), max(high, w >> 6)
                    dist[w] = longer
                    heap_cost, heap_node = grown(heap_cost, size + 1), grown(heap_node, size + 1)
                    size = _push(heap_cost, heap_node, size, longer, w)
        before = used
        out_node, out_cost, used = emptied_row(dist, bits, low, high, limit, out_node, out_cost, used)
        lengths[s] = used - before
    return lengths, out_node, out_cost, used
