"""Kernels from sites to cells: straight across the block, along the own street, and from reached nodes on.

All release the interpreter, so blocks of sites run on threads; each thread hands in its own scratch arrays, which come
back clean. Rows come out with cells ascending, in output arrays that come back larger where needed.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.rows import emptied_row, mark
from engine.squares import square_range


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
def _offer_near(x, y, cx, cy, squares, radius, per_metre, extra, limit, best, bits, low, high):
    """Offer every cell of the squares within `radius` of (x, y) at straight distance x per_metre + extra."""
    i0, i1, j0, j1 = square_range(squares, x, y, radius)
    for j in range(j0, j1 + 1):
        for i in range(i0, i1 + 1):
            square = j * squares.columns + i
            for p in range(squares.start[square], squares.start[square + 1]):
                c = squares.member[p]
                d = np.hypot(cx[c] - x, cy[c] - y)
                if d <= radius:
                    low, high = _offer(c, extra + d * per_metre, limit, best, bits, low, high)
    return low, high


@njit(cache=True, nogil=True)
def straight_block(sx, sy, extra, cx, cy, squares, radius, per_metre, limit, best, bits, out_cell, out_cost):
    """Rows (lengths, cells, costs, used) of sites by straight line."""
    lengths, used = np.empty(sx.size, np.int64), 0
    for s in range(sx.size):
        low, high = _offer_near(
            sx[s], sy[s], cx, cy, squares, radius, per_metre, extra[s], limit, best, bits, bits.size, -1
        )
        before = used
        out_cell, out_cost, used = emptied_row(best, bits, low, high, limit, out_cell, out_cost, used)
        lengths[s] = used - before
    return lengths, out_cell, out_cost, used


@njit(cache=True, nogil=True)
def seeds_of(node_a, node_b, share, to_ab, to_ba, leg):
    """(m, 2) nodes and costs by which each site is reached: the ends of its street. to_ab, to_ba: the whole street.

    inf x 0 is not a number: a closed direction never seeds, even at the street's very end, where the node's other
    streets are reached through the open direction of cost 0.
    """
    node, cost = np.zeros((share.size, 2), np.int64), np.full((share.size, 2), np.inf)
    for s in range(share.size):
        node[s, 0], node[s, 1] = node_a[s], node_b[s]
        t = share[s]
        if to_ab[s] < np.inf:
            cost[s, 0] = leg[s] + t * to_ab[s]
        elif t == 0.0 and to_ba[s] < np.inf:
            cost[s, 0] = leg[s]
        if to_ba[s] < np.inf:
            cost[s, 1] = leg[s] + (1.0 - t) * to_ba[s]
        elif t == 1.0 and to_ab[s] < np.inf:
            cost[s, 1] = leg[s]
    return node, cost


@njit(cache=True, nogil=True)
def road_block(
    row_length, row_node, row_cost, site_street, site_along, site_ab, site_ba, site_leg, extra, sx, sy,
    street_first, cell_of, along, leg, node_a, node_b, from_a, from_b, a_first, b_first, b_place,
    cx, cy, near, off_map, site_off_map, direct_m, off_map_m, straight_cost, limit, dist, best, bits, out_cell, out_cost,
):  # fmt: skip
    """Rows (lengths, cells, costs, used) of sites by road and across the block, against the traffic.

    row_length, row_node, row_cost: the nodes each site's search reached. site_leg holds the site's extra too. Places
    of cells on streets are as engine.places.Places says. near holds all cells, off_map those off the map: within
    direct_m of the site, or within off_map_m (0: never) where either is off the map, the straight way counts too.
    """
    lengths, used, row_at = np.empty(sx.size, np.int64), 0, 0
    for s in range(sx.size):
        low, high = bits.size, -1
        radius = off_map_m if site_off_map[s] else direct_m
        if radius > 0:
            low, high = _offer_near(
                sx[s], sy[s], cx, cy, near, radius, straight_cost, extra[s], limit, best, bits, low, high
            )
        if off_map_m > 0 and not site_off_map[s]:
            low, high = _offer_near(
                sx[s],
                sy[s],
                cx,
                cy,
                off_map,
                off_map_m,
                straight_cost,
                extra[s],
                limit,
                best,
                bits,
                low,
                high,
            )
        street = site_street[s]
        if street >= 0:
            t, entry_leg, to_ab, to_ba = site_along[s], site_leg[s], site_ab[s], site_ba[s]
            # Cells on the site's own street can arrive without passing a node.
            for p in range(street_first[street], street_first[street + 1]):
                u = along[p]
                if u <= t and to_ab < np.inf:
                    told = entry_leg + leg[p] + (t - u) * to_ab
                    low, high = _offer(cell_of[p], told, limit, best, bits, low, high)
                if u >= t and to_ba < np.inf:
                    told = entry_leg + leg[p] + (u - t) * to_ba
                    low, high = _offer(cell_of[p], told, limit, best, bits, low, high)
        row = slice(row_at, row_at + row_length[s])
        nodes, costs = row_node[row], row_cost[row]
        row_at += row_length[s]
        for i in range(nodes.size):
            dist[nodes[i]] = costs[i]
        for i in range(nodes.size):
            v, d = nodes[i], costs[i]
            for p in range(a_first[v], a_first[v + 1]):
                told = min(d + from_a[p], dist[node_b[p]] + from_b[p])
                low, high = _offer(cell_of[p], told, limit, best, bits, low, high)
            for q in range(b_first[v], b_first[v + 1]):
                p = b_place[q]
                if dist[node_a[p]] == np.inf:  # else it was told from the other end
                    low, high = _offer(cell_of[p], d + from_b[p], limit, best, bits, low, high)
        for i in range(nodes.size):
            dist[nodes[i]] = np.inf
        before = used
        out_cell, out_cost, used = emptied_row(best, bits, low, high, limit, out_cell, out_cost, used)
        lengths[s] = used - before
    return lengths, out_cell, out_cost, used
