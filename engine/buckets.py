"""The fast search: bounded shortest times with a queue of buckets, exact to the last bit.

Nodes wait in buckets by their time (Dial 1969). Times stay float64: a bucket is worked on until nothing in it gets
better (Meyer & Sanders, Delta-stepping, 2003, in sequence), so its width changes the work and never a result: the
smallest sum over all routes, added up street by street, is what the heap of engine.dijkstra finds too.
See docs/adr/0006.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.rows import grown, mark

MOST_BUCKETS = 1 << 16
FEWEST_BUCKETS = 16


def bucket_width(cost: np.ndarray, limit: float) -> float:
    """A quarter of the usual street's cost: few nodes are looked at twice, few buckets are empty."""
    sample = np.asarray(cost[:: max(1, len(cost) // 100_000)])
    sample = sample[np.isfinite(sample)]
    usual = float(np.median(sample)) / 4 if sample.size else limit
    return min(max(usual, limit / MOST_BUCKETS), limit / FEWEST_BUCKETS)


@njit(cache=True, nogil=True)
def bucket_search(
    ptr, near, cost, limit, inverse, seed_node, seed_cost, seeds, dist, bits, head, after, entry
):
    """Times dist (v,) (inf before) of all nodes within limit of the seeds; they are marked in bits.

    ptr (v+1,), near, cost (arcs,): from node i, near[k] is reached at cost[k] for k in ptr[i]:ptr[i+1]. inverse is 1 /
    bucket width; head (buckets,) is all -1 before and after. after, entry are the waiting lists; returned with the
    lowest and highest marked word.
    """
    low, high, top, last = bits.size, -1, 0, 0
    for s in range(seeds):
        v, d = seed_node[s], seed_cost[s]
        if d <= limit and d < dist[v]:
            dist[v] = d
            mark(bits, v)
            low, high = min(low, v >> 6), max(high, v >> 6)
            b = int(d * inverse)
            if top == entry.size:
                entry, after = grown(entry, top + 1), grown(after, top + 1)
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
                    dist[w] = longer
                    b = int(longer * inverse)
                    if before == np.inf:
                        word = w >> 6
                        mark(bits, w)
                        if word < low:
                            low = word
                        if word > high:
                            high = word
                    elif b != k and int(before * inverse) == b:
                        continue  # waits there already
                    if top == entry.size:
                        entry, after = grown(entry, top + 1), grown(after, top + 1)
                    entry[top] = w
                    after[top] = head[b]
                    head[b] = top
                    top += 1
                    if b > last:
                        last = b
        k += 1
    return low, high, after, entry
