"""The nearest site of every cell: one search from all sites at once."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.buckets import bucket_width
from engine.network import RoadGraph, Snap
from engine.rows import grown
from engine.search import FLOAT32_MARGIN
from engine.squares import square_range
from engine.trips import (
    DETOUR,
    DIRECT_M,
    ENTRY_M_PER_MIN,
    WALK_M_PER_MIN,
    RoadTrips,
    arcs,
    arriving,
)


def nearest_by_road(
    graph: RoadGraph,
    site_x: ArrayLike,
    site_y: ArrayLike,
    cell_x: ArrayLike,
    cell_y: ArrayLike,
    limit: float,
    unit: str,
    mode: str,
    detour: float = DETOUR,
    direct_m: float = DIRECT_M,
    *,
    closed: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    site_extra: ArrayLike | None = None,
    walk_m_per_min: float = WALK_M_PER_MIN,
    entry_m_per_min: float = ENTRY_M_PER_MIN,
    to_site: bool = True,
    sites_snap: Snap | None = None,
    cells_snap: Snap | None = None,
    snap_limit_m: float = np.inf,
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """(cost (n,) float32, inf where none; site (n,) int32, -1 where none): the nearest site by the
    trips of reach_by_road with the same arguments, of equally near ones the first. Raises InvalidInput."""
    trips = RoadTrips.of(
        graph, (site_x, site_y), (cell_x, cell_y), limit, unit, mode, detour, direct_m, closed=closed, weight=weight,
        site_extra=site_extra, walk_m_per_min=walk_m_per_min, entry_m_per_min=entry_m_per_min, to_site=to_site,
        sites_snap=sites_snap, cells_snap=cells_snap, snap_limit_m=snap_limit_m,
    )  # fmt: skip
    ptr, near, _side = arcs(graph)
    cost = arriving(graph, trips.ab, trips.ba)
    far, inverse = limit * (1 + FLOAT32_MARGIN), 1.0 / bucket_width(cost, limit)
    dist, owner = _owned(*trips.seeds(), ptr, near, cost, far, inverse, int(far * inverse) + 2)
    place, at = trips.places(), trips.sites.snap
    best, site = np.full(len(trips.cell_x), np.inf), np.full(len(trips.cell_x), -1, np.int32)
    _spread(dist, owner, place.point, place.node_a, place.node_b, place.from_a, place.from_b, best, site)
    _a, _b, ab, ba = trips.site_streets()
    _own_street(
        at.street, at.along, ab, ba, at.entry_m * trips.leg + trips.extra, place.street_first, place.point,
        place.along, place.leg, best, site,
    )  # fmt: skip
    squares, off_map = trips.squares()
    _straight(
        trips.site_x, trips.site_y, trips.extra, trips.cell_x, trips.cell_y, squares, off_map, trips.sites.off_map,
        trips.direct_m, trips.off_map_m, trips.straight_cost, best, site,
    )  # fmt: skip
    told = best.astype(np.float32)
    late = ~(told <= np.float32(limit))
    told[late], site[late] = np.inf, -1
    return told, site


@njit(cache=True, nogil=True)
def _owned(seed_node, seed_cost, ptr, near, cost, far, inverse, buckets):
    """(dist (v,), owner (v,) int32): the nearest site of each node, of equally near ones the first. The queue is that
    of engine.buckets; a node waits again too when an equally near but earlier site comes by."""
    nodes = ptr.size - 1
    dist, owner = np.full(nodes, np.inf), np.full(nodes, np.int32(-1), np.int32)
    head = np.full(buckets, -1, np.int32)
    after, entry, top, k = np.empty(near.size + 1024, np.int32), np.empty(near.size + 1024, np.int32), 0, 0
    for s in range(len(seed_node)):
        for end in range(seed_node.shape[1]):
            v, d = seed_node[s, end], seed_cost[s, end]
            if d <= far and d < dist[v]:  # of equal ones the first has come first
                dist[v], owner[v] = d, s
                b = int(d * inverse)
                after, entry = grown(after, top + 1), grown(entry, top + 1)
                entry[top], after[top], head[b] = v, head[b], top
                top += 1
    while k < buckets:
        while head[k] >= 0:
            v = entry[head[k]]
            head[k] = after[head[k]]
            d = dist[v]
            if int(d * inverse) != k:
                continue
            for e in range(ptr[v], ptr[v + 1]):
                w = near[e]
                longer = d + cost[e]
                if longer <= far and (longer < dist[w] or (longer == dist[w] and owner[v] < owner[w])):
                    dist[w], owner[w] = longer, owner[v]
                    b = int(longer * inverse)
                    after, entry = grown(after, top + 1), grown(entry, top + 1)
                    entry[top], after[top], head[b] = w, head[b], top
                    top += 1
        k += 1
    return dist, owner


@njit(cache=True, nogil=True)
def _take(cell, cost, s, best, site):
    if cost < best[cell] or (cost == best[cell] and s < site[cell]):
        best[cell], site[cell] = cost, s


@njit(cache=True, nogil=True)
def _spread(dist, owner, point, node_a, node_b, from_a, from_b, best, site):
    """From the ends of their streets to the cells."""
    for p in range(point.size):
        over_a, over_b = dist[node_a[p]] + from_a[p], dist[node_b[p]] + from_b[p]
        if over_a < np.inf:
            _take(point[p], over_a, owner[node_a[p]], best, site)
        if over_b < np.inf:
            _take(point[p], over_b, owner[node_b[p]], best, site)


@njit(cache=True, nogil=True)
def _own_street(street, share, to_ab, to_ba, seed_leg, street_first, point, along, leg, best, site):
    """Along the street that cell and site share."""
    for s in range(street.size):
        if street[s] < 0:
            continue
        t = share[s]
        for p in range(street_first[street[s]], street_first[street[s] + 1]):
            u = along[p]
            if u <= t and to_ab[s] < np.inf:
                _take(point[p], seed_leg[s] + leg[p] + (t - u) * to_ab[s], s, best, site)
            if u >= t and to_ba[s] < np.inf:
                _take(point[p], seed_leg[s] + leg[p] + (u - t) * to_ba[s], s, best, site)


@njit(cache=True, nogil=True)
def _straight(sx, sy, extra, cx, cy, near, off_map, site_off_map, direct_m, off_map_m, per_metre, best, site):
    """Straight across the block, and to and from what lies off the map."""
    for s in range(sx.size):
        for turn in range(2):
            squares = near if turn == 0 else off_map
            radius = off_map_m if turn == 1 or site_off_map[s] else direct_m
            if radius <= 0 or (turn == 1 and site_off_map[s]):
                continue
            i0, i1, j0, j1 = square_range(squares, sx[s], sy[s], radius)
            for j in range(j0, j1 + 1):
                for i in range(i0, i1 + 1):
                    square = j * squares.columns + i
                    for p in range(squares.start[square], squares.start[square + 1]):
                        c = squares.member[p]
                        d = np.hypot(cx[c] - sx[s], cy[c] - sy[s])
                        if d <= radius:
                            _take(c, extra[s] + d * per_metre, s, best, site)
