"""Kernels from sites to cells: straight across the block, along the own street, and from reached nodes on.

All release the interpreter, so blocks of sites run on threads; each thread hands in its own scratch arrays, which come
back clean. Rows come out with cells ascending.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.buckets import bucket_search
from engine.dijkstra import heap_search
from engine.rows import emptied_row, lowest, mark

BUCKET, HEAP = 0, 1


class Scratch:
    """What one thread needs to search a graph of v nodes and fill rows of n numbers; reused from block to block."""

    def __init__(self, nodes: int, arcs: int, numbers: int, buckets: int) -> None:
        self.dist = np.full(nodes, np.inf)
        self.node_bits = np.zeros((nodes + 63) >> 6, np.uint64)
        self.head = np.full(buckets, -1, np.int32)
        # Both queues use the same two arrays of waiting nodes; more than these are made on the way, seldom.
        self.after = np.empty(arcs + 1024, np.int32)
        self.entry = np.empty(arcs + 1024, np.int32)
        self.heap_cost = np.empty(1024)
        self.best = np.full(numbers, np.float32(np.inf), np.float32)
        self.bits = np.zeros((numbers + 63) >> 6, np.uint64)


@njit(cache=True, nogil=True)
def _search(
    kernel,
    ptr,
    near,
    cost,
    far,
    inverse,
    seed_node,
    seed_cost,
    seeds,
    dist,
    bits,
    head,
    after,
    entry,
    heap_cost,
):
    """One search by either queue; (lowest, highest marked word, the lists)."""
    if kernel == 0:
        low, high, after, entry = bucket_search(
            ptr, near, cost, far, inverse, seed_node, seed_cost, seeds, dist, bits, head, after, entry
        )
    else:
        low, high, heap_cost, entry = heap_search(
            ptr, near, cost, far, seed_node, seed_cost, seeds, dist, bits, heap_cost, entry
        )
    return low, high, after, entry, heap_cost


@njit(cache=True, nogil=True)
def _offer(cell, cost, limit, best, bits, low, high):
    """Keep the cheapest cost of a cell if it is within the limit; (lowest, highest marked word)."""
    told = np.float32(cost)
    if told <= limit and told < best[cell]:
        if best[cell] == np.inf:
            mark(bits, cell)
            word = cell >> 6
            low, high = min(low, word), max(high, word)
        best[cell] = told
    return low, high


@njit(cache=True, nogil=True)
def _offer_near(x, y, cx, cy, start, member, x0, y0, size, columns, lines, radius, per_metre, extra, limit, best, bits,
                low, high):  # fmt: skip
    """Offer every cell within `radius` (<= size) of (x, y) at straight distance x per_metre + extra."""
    column, line = int(np.floor((x - x0) / size)), int(np.floor((y - y0) / size))
    for j in range(max(line - 1, 0), min(line + 2, lines)):
        for i in range(max(column - 1, 0), min(column + 2, columns)):
            bucket = j * columns + i
            for p in range(start[bucket], start[bucket + 1]):
                c = member[p]
                d = np.hypot(cx[c] - x, cy[c] - y)
                if d <= radius:
                    low, high = _offer(c, extra + d * per_metre, limit, best, bits, low, high)
    return low, high


@njit(cache=True, nogil=True)
def straight_block(sx, sy, extra, cx, cy, start, member, x0, y0, size, columns, lines, radius, per_metre, limit, best,
                   bits):  # fmt: skip
    """Rows (lengths, cells, costs) of sites by straight line."""
    lengths = np.empty(sx.size, np.int64)
    out_cell, out_cost, used = np.empty(1024, np.int32), np.empty(1024, np.float32), 0
    for s in range(sx.size):
        low, high = _offer_near(sx[s], sy[s], cx, cy, start, member, x0, y0, size, columns, lines, radius, per_metre,
                                extra[s], limit, best, bits, bits.size, -1)  # fmt: skip
        before = used
        out_cell, out_cost, used = emptied_row(best, bits, low, high, limit, out_cell, out_cost, used)
        lengths[s] = used - before
    return lengths, out_cell[:used].copy(), out_cost[:used].copy()


@njit(cache=True, nogil=True)
def node_block(source, ptr, near, cost, limit, kernel, inverse, dist, bits, head, after, entry, heap_cost):
    """Rows (lengths, nodes, costs) of nodes within the limit of each source node."""
    far = np.float64(limit) * (1 + 1e-6)
    lengths = np.empty(source.size, np.int64)
    out_node, out_cost, used = np.empty(4096, np.int32), np.empty(4096, np.float32), 0
    seed_node, seed_cost = np.empty(1, np.int64), np.zeros(1)
    for s in range(source.size):
        seed_node[0] = source[s]
        low, high, after, entry, heap_cost = _search(kernel, ptr, near, cost, far, inverse, seed_node, seed_cost, 1, dist,
                                                     bits, head, after, entry, heap_cost)  # fmt: skip
        before = used
        out_node, out_cost, used = emptied_row(dist, bits, low, high, limit, out_node, out_cost, used)
        lengths[s] = used - before
    return lengths, out_node[:used].copy(), out_cost[:used].copy()


@njit(cache=True, nogil=True)
def seeds_of(node_a, node_b, share, to_ab, to_ba, leg, seed_node, seed_cost):
    """The ends of a site's street from which it is reached, and at what cost; how many. to_ab, to_ba: the whole street.

    inf x 0 is not a number: a closed direction never seeds, even at the street's very end, where the node's other
    streets are reached through the open direction of cost 0.
    """
    seeds = 0
    if to_ab < np.inf or (share == 0.0 and to_ba < np.inf):
        seed_node[seeds], seed_cost[seeds] = node_a, leg + (share * to_ab if share > 0.0 else 0.0)
        seeds += 1
    if to_ba < np.inf or (share == 1.0 and to_ab < np.inf):
        seed_node[seeds], seed_cost[seeds] = node_b, leg + ((1.0 - share) * to_ba if share < 1.0 else 0.0)
        seeds += 1
    return seeds


@njit(cache=True, nogil=True)
def road_block(
    site_street, site_a, site_b, site_along, site_ab, site_ba, site_leg, extra, sx, sy, ptr, near, cost, street_first,
    cell_of, along, leg,
    node_a, node_b, from_a, from_b, a_first, b_first, b_place, cx, cy, start, member, x0, y0, size, columns, lines,
    direct_m, direct_cost, limit, kernel, inverse, dist, node_bits, head, after, entry, heap_cost, best, bits,
):  # fmt: skip
    """Rows (lengths, cells, costs) of sites by road and across the block, against the traffic.

    Places of cells on streets lie in the order of streets: place p holds cell cell_of[p] at share along[p] of a street
    from node_a[p] to node_b[p]; it reaches those ends at from_a[p] and from_b[p]. Places of street e are
    street_first[e]:street_first[e+1], those of streets that begin at node v a_first[v]:a_first[v+1], and
    b_place[b_first[v]:b_first[v+1]] are the places of streets that end there.
    """
    far = np.float64(limit) * (1 + 1e-6)
    lengths = np.empty(sx.size, np.int64)
    out_cell, out_cost, used = np.empty(4096, np.int32), np.empty(4096, np.float32), 0
    seed_node, seed_cost = np.empty(2, np.int64), np.empty(2)
    for s in range(sx.size):
        low, high = bits.size, -1
        if direct_m > 0:
            low, high = _offer_near(sx[s], sy[s], cx, cy, start, member, x0, y0, size, columns, lines, direct_m,
                                    direct_cost, extra[s], limit, best, bits, low, high)  # fmt: skip
        street = site_street[s]
        if street >= 0 and extra[s] + site_leg[s] <= far:
            t, entry_leg, to_ab, to_ba = site_along[s], extra[s] + site_leg[s], site_ab[s], site_ba[s]
            # Cells on the site's own street can arrive without passing a node.
            for p in range(street_first[street], street_first[street + 1]):
                u = along[p]
                if u <= t and to_ab < np.inf:
                    low, high = _offer(
                        cell_of[p], entry_leg + leg[p] + (t - u) * to_ab, limit, best, bits, low, high
                    )
                if u >= t and to_ba < np.inf:
                    low, high = _offer(
                        cell_of[p], entry_leg + leg[p] + (u - t) * to_ba, limit, best, bits, low, high
                    )
            seeds = seeds_of(site_a[s], site_b[s], t, to_ab, to_ba, entry_leg, seed_node, seed_cost)
            first, last, after, entry, heap_cost = _search(kernel, ptr, near, cost, far, inverse, seed_node, seed_cost,
                                                           seeds, dist, node_bits, head, after, entry, heap_cost)  # fmt: skip
            for at in range(first, last + 1):
                word = node_bits[at]
                while word != 0:
                    v = (at << 6) + lowest(word)
                    word &= word - np.uint64(1)
                    d = dist[v]
                    for p in range(a_first[v], a_first[v + 1]):
                        told = min(d + from_a[p], dist[node_b[p]] + from_b[p])
                        low, high = _offer(cell_of[p], told, limit, best, bits, low, high)
                    for q in range(b_first[v], b_first[v + 1]):
                        p = b_place[q]
                        if dist[node_a[p]] == np.inf:  # else it was told from the other end
                            low, high = _offer(cell_of[p], d + from_b[p], limit, best, bits, low, high)
            for at in range(first, last + 1):
                word = node_bits[at]
                node_bits[at] = np.uint64(0)
                while word != 0:
                    dist[(at << 6) + lowest(word)] = np.inf
                    word &= word - np.uint64(1)
        before = used
        out_cell, out_cost, used = emptied_row(best, bits, low, high, limit, out_cell, out_cost, used)
        lengths[s] = used - before
    return lengths, out_cell[:used].copy(), out_cost[:used].copy()
