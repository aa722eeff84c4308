"""The fast search: bounded shortest times with a queue of buckets, exact to the last bit.

Nodes wait in buckets by their time (Dial 1969). Times stay float64: a bucket is worked on until nothing in it gets
better (Meyer & Sanders, Delta-stepping, 2003, in sequence), so its width changes the work and never a result: the
smallest sum over all routes, added up street by street, is what the heap of engine.dijkstra finds too.
See docs/adr/0006.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.rows import emptied_row, mark

MOST_BUCKETS = 1 << 16
FEWEST_BUCKETS = 16


def bucket_width(cost: np.ndarray, limit: float) -> float:
    """A quarter of the usual street's cost: few nodes are looked at twice, few buckets are empty."""
    sample = np.asarray(cost[:: max(1, len(cost) // 100_000)])
    sample = sample[np.isfinite(sample)]
    usual = float(np.median(sample)) / 4 if sample.size else limit
    return min(max(usual, limit / MOST_BUCKETS), limit / FEWEST_BUCKETS)


@njit(cache=True, nogil=True)
def bucket_rows(seed_node, seed_cost, ptr, near, cost, limit, far, inverse, dist, bits, head, after, entry, out_node,
                out_cost):  # fmt: skip
    """Nodes within `far` of each source, with their times: one row a source, nodes ascending.

    seed_node, seed_cost (m, 2): where each source enters the network and what that costs (inf: not). ptr (v+1,), near,
    cost (arcs,): from node i, near[k] is reached at cost[k] for k in ptr[i]:ptr[i+1]. inverse is 1 / bucket width.
    dist (v,) all inf, bits all 0, head (buckets,) all -1: before and after. after, entry hold the waiting lists.
    limit float32: what lies beyond it in float32 is left out. Returns (lengths (m,), out_node, out_cost, used), the
    outputs larger where needed.
    """
    lengths, used = np.empty(len(seed_node), np.int64), 0
    for s in range(len(seed_node)):
        low, high, fits = _search(
            ptr, near, cost, far, inverse, seed_node[s], seed_cost[s], dist, bits, head, after, entry
        )
        while not fits:  # seldom: begin again with more room
            emptied_row(dist, bits, low, high, np.float32(-1), out_node, out_cost, used)
            head[:] = -1
            after, entry = np.empty(2 * after.size, np.int32), np.empty(2 * entry.size, np.int32)
            low, high, fits = _search(
                ptr, near, cost, far, inverse, seed_node[s], seed_cost[s], dist, bits, head, after, entry
            )
        before = used
        out_node, out_cost, used = emptied_row(dist, bits, low, high, limit, out_node, out_cost, used)
        lengths[s] = used - before
    return lengths, out_node, out_cost, used


@njit(cache=True, nogil=True)
def _search(ptr, near, cost, limit, inverse, seed_node, seed_cost, dist, bits, head, after, entry):
    """One search; (lowest, highest marked word, True), False when the lists are full. An array that could be replaced
    inside the loop would cost half the speed."""
    low, high, top, last, room = bits.size, -1, 0, 0, entry.size
    for s in range(seed_node.size):
        v, d = seed_node[s], seed_cost[s]
        if d <= limit and d < dist[v]:
            if top == room:
                return low, high, False
            dist[v] = d
            mark(bits, v)
            low, high = min(low, v >> 6), max(high, v >> 6)
            b = int(d * inverse)
            entry[top] = v
            after[top] = head[b]
            head[b] = top
            top += 1
            last = max(last, b)
    k = 0
    while k <= last:
        while head[k] >= 0:
            first = head[k]
            head[k] = after[first]
            v = entry[first]
            d = dist[v]
            if int(d * inverse) != k:  # it found a shorter way since and was done in an earlier bucket
                continue
            for e in range(ptr[v], ptr[v + 1]):
                w = near[e]
                longer = d + cost[e]
                before = dist[w]
                if longer < before and longer <= limit:
                    b = int(longer * inverse)
                    if before == np.inf:
                        word = w >> 6
                        mark(bits, w)
                        low, high = min(low, word), max(high, word)
                    elif b != k and int(before * inverse) == b:
                        dist[w] = longer  # waits there already
                        continue
                    dist[w] = longer
                    if top == room:
                        return low, high, False
                    entry[top] = w
                    after[top] = head[b]
                    head[b] = top
                    top += 1
                    last = max(last, b)
        k += 1
    return low, high, True
