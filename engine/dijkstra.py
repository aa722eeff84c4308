"""Kernels of the travel search: bounded Dijkstra with a binary heap, and cells near a point on a grid.

All release the interpreter, so blocks of sites run on threads. Rows come out with cells ascending.
"""

from __future__ import annotations

import numpy as np
from numba import njit


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
def _grown_i(array, need):
    out = np.empty(max(need, 2 * array.size), array.dtype)
    out[: array.size] = array
    return out


@njit(cache=True, nogil=True)
def _grown_f(array, need):
    out = np.empty(max(need, 2 * array.size), array.dtype)
    out[: array.size] = array
    return out


@njit(cache=True, nogil=True)
def _offer(cell, cost, limit, best, touched, count):
    """Keep the cheapest cost of a cell if it is within the limit."""
    if np.float32(cost) <= limit:
        if best[cell] == np.inf:
            touched[count] = cell
            count += 1
            best[cell] = cost
        elif cost < best[cell]:
            best[cell] = cost
    return count


@njit(cache=True, nogil=True)
def _offer_near(x, y, cx, cy, start, member, x0, y0, size, columns, lines, radius, per_metre, extra,
                limit, best, touched, count):  # fmt: skip
    """Offer every cell within `radius` (<= size) of (x, y) at straight distance x per_metre + extra."""
    column, line = int(np.floor((x - x0) / size)), int(np.floor((y - y0) / size))
    for j in range(max(line - 1, 0), min(line + 2, lines)):
        for i in range(max(column - 1, 0), min(column + 2, columns)):
            bucket = j * columns + i
            for p in range(start[bucket], start[bucket + 1]):
                c = member[p]
                d = np.hypot(cx[c] - x, cy[c] - y)
                if d <= radius:
                    count = _offer(c, extra + d * per_metre, limit, best, touched, count)
    return count


@njit(cache=True, nogil=True)
def _empty_row(best, touched, count, out_cell, out_cost, used):
    """Append the touched cells in ascending order and clear them."""
    if used + count > out_cell.size:
        out_cell = _grown_i(out_cell, used + count)
        out_cost = _grown_f(out_cost, used + count)
    row = np.sort(touched[:count])
    for i in range(count):
        c = row[i]
        out_cell[used + i] = c
        out_cost[used + i] = best[c]
        best[c] = np.inf
    return out_cell, out_cost, used + count


@njit(cache=True, nogil=True)
def straight_block(sx, sy, extra, cx, cy, start, member, x0, y0, size, columns, lines, radius, per_metre, limit):
    n = cx.size
    best = np.full(n, np.inf)
    touched = np.empty(n, np.int32)
    lengths = np.empty(sx.size, np.int64)
    out_cell, out_cost, used = np.empty(1024, np.int32), np.empty(1024, np.float32), 0
    for s in range(sx.size):
        count = _offer_near(sx[s], sy[s], cx, cy, start, member, x0, y0, size, columns, lines, radius, per_metre,
                            extra[s], limit, best, touched, 0)  # fmt: skip
        out_cell, out_cost, used = _empty_row(best, touched, count, out_cell, out_cost, used)
        lengths[s] = count
    return lengths, out_cell[:used].copy(), out_cost[:used].copy()


@njit(cache=True, nogil=True)
def road_block(
    indptr, node, weight, a, b, ab, ba, street_ptr, street_of, first_cell, cell_at, cell_along, cell_leg,
    site_street, site_along, site_leg, extra, sx, sy, cx, cy, start, member, x0, y0, size, columns, lines,
    direct_m, direct_cost, limit,
):  # fmt: skip
    """Bounded Dijkstra from each site of the block against the traffic, spread to the cells along the streets.

    From a cell at share t of street (a, b): on to b costs (1-t) x ab, back to a costs t x ba.
    """
    nodes, n = indptr.size - 1, cx.size
    far = np.float64(limit) * (1 + 1e-6)
    dist = np.full(nodes, np.inf)
    reached = np.empty(nodes, np.int32)
    heap_cost, heap_node = np.empty(4 * nodes + 16), np.empty(4 * nodes + 16, np.int32)
    best = np.full(n, np.inf)
    touched = np.empty(n, np.int32)
    lengths = np.empty(sx.size, np.int64)
    out_cell, out_cost, used = np.empty(4096, np.int32), np.empty(4096, np.float32), 0
    for s in range(sx.size):
        count = 0
        if direct_m > 0:
            count = _offer_near(sx[s], sy[s], cx, cy, start, member, x0, y0, size, columns, lines, direct_m,
                                direct_cost, extra[s], limit, best, touched, count)  # fmt: skip
        street = site_street[s]
        if street >= 0 and extra[s] + site_leg[s] <= far:
            t, leg = site_along[s], extra[s] + site_leg[s]
            # Cells on the site's own street can arrive without passing a node.
            for p in range(first_cell[street], first_cell[street + 1]):
                c = cell_at[p]
                u = cell_along[c]
                if u <= t and ab[street] < np.inf:
                    count = _offer(c, leg + cell_leg[c] + (t - u) * ab[street], limit, best, touched, count)
                if u >= t and ba[street] < np.inf:
                    count = _offer(c, leg + cell_leg[c] + (u - t) * ba[street], limit, best, touched, count)
            found, heap = 0, 0
            for end in range(2):
                v = a[street] if end == 0 else b[street]
                # inf x 0 is not a number: a closed direction never seeds, even at the street's very end,
                # where the node's other streets are reached through the open direction of cost 0.
                if end == 0:
                    along = ab[street]
                    share = t
                    other = ba[street]
                else:
                    along = ba[street]
                    share = 1.0 - t
                    other = ab[street]
                if along < np.inf:
                    d = leg + share * along
                elif share == 0.0 and other < np.inf:
                    d = leg
                else:
                    continue
                if d <= far and d < dist[v]:
                    if dist[v] == np.inf:
                        reached[found] = v
                        found += 1
                    dist[v] = d
                    heap = _push(heap_cost, heap_node, heap, d, v)
            while heap > 0:
                d, v = heap_cost[0], heap_node[0]
                heap = _pop(heap_cost, heap_node, heap)
                if d > dist[v]:
                    continue
                for e in range(indptr[v], indptr[v + 1]):
                    w = node[e]
                    longer = d + weight[e]
                    if longer <= far and longer < dist[w]:
                        if dist[w] == np.inf:
                            reached[found] = w
                            found += 1
                        dist[w] = longer
                        if heap == heap_cost.size:
                            heap_cost = _grown_f(heap_cost, heap + 1)
                            heap_node = _grown_i(heap_node, heap + 1)
                        heap = _push(heap_cost, heap_node, heap, longer, w)
            for i in range(found):
                v = reached[i]
                d = dist[v]
                for q in range(street_ptr[v], street_ptr[v + 1]):
                    e = street_of[q]
                    if a[e] == v:
                        if ba[e] < np.inf:
                            for p in range(first_cell[e], first_cell[e + 1]):
                                c = cell_at[p]
                                count = _offer(
                                    c, d + cell_leg[c] + cell_along[c] * ba[e], limit, best, touched, count
                                )
                        else:
                            for p in range(first_cell[e], first_cell[e + 1]):
                                c = cell_at[p]
                                if cell_along[c] == 0.0:
                                    count = _offer(c, d + cell_leg[c], limit, best, touched, count)
                    if b[e] == v:
                        if ab[e] < np.inf:
                            for p in range(first_cell[e], first_cell[e + 1]):
                                c = cell_at[p]
                                count = _offer(c, d + cell_leg[c] + (1.0 - cell_along[c]) * ab[e], limit, best,
                                               touched, count)  # fmt: skip
                        else:
                            for p in range(first_cell[e], first_cell[e + 1]):
                                c = cell_at[p]
                                if cell_along[c] == 1.0:
                                    count = _offer(c, d + cell_leg[c], limit, best, touched, count)
            for i in range(found):
                dist[reached[i]] = np.inf
        out_cell, out_cost, used = _empty_row(best, touched, count, out_cell, out_cost, used)
        lengths[s] = count
    return lengths, out_cell[:used].copy(), out_cost[:used].copy()
