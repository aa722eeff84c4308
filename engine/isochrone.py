"""Isochrones: the area from which a place is reached within limits, for drawing only. Counting uses Reach.

A raster of costs: every point near a street takes the cheapest of the streets around it, as far along them as the limit
allows and from there straight across; contours of that raster (marching squares, Lorensen & Cline 1987) are the
areas.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.checks import InvalidInput
from engine.contours import rings
from engine.network import RoadGraph
from engine.search import Search
from engine.trips import DETOUR, DIRECT_M, ENTRY_M_PER_MIN, WALK_M_PER_MIN, RoadTrips, arcs, arriving

# Places this near a street are drawn with it: half a large block.
ASIDE_M = 120.0
FINEST_M = 10.0
POINTS_A_SIDE = 640


def isochrones(
    graph: RoadGraph,
    x: float,
    y: float,
    limits: Sequence[float],
    unit: str,
    mode: str,
    *,
    weight: ArrayLike | None = None,
    closed: ArrayLike | None = None,
    extra: float = 0.0,
    detour: float = DETOUR,
    direct_m: float = DIRECT_M,
    walk_m_per_min: float = WALK_M_PER_MIN,
    entry_m_per_min: float = ENTRY_M_PER_MIN,
    to_site: bool = True,
    aside_m: float = ASIDE_M,
) -> list[shapely.MultiPolygon]:
    """Areas in plane metres from which (x, y) is reached within each of `limits`, in their order; each holds all
    smaller ones. Empty where nothing is.

    The trips are those of reach_by_road (to_site False: from (x, y) outwards), except that one leaves a street at any
    point and at most aside_m from it. Outlines are simplified to half a raster step, 10 m or 1/640 of the
    width. Raises InvalidInput.
    """
    wanted = np.asarray(limits, np.float64)
    if wanted.ndim != 1 or wanted.size == 0 or not np.all(wanted > 0) or not np.all(np.isfinite(wanted)):
        raise InvalidInput(["limits: at least one, each above 0"])
    if not (np.isfinite(aside_m) and aside_m > 0):
        raise InvalidInput(["aside_m must be above 0"])
    limit = float(wanted.max())
    trips = RoadTrips.of(
        graph, ([x], [y]), (np.empty(0), np.empty(0)), limit, unit, mode, detour, direct_m, closed=closed,
        weight=weight, site_extra=[extra], walk_m_per_min=walk_m_per_min, entry_m_per_min=entry_m_per_min,
        to_site=to_site, sites_snap=None, cells_snap=None, snap_limit_m=np.inf,
    )  # fmt: skip
    straight_m = trips.off_map_m if trips.sites.off_map[0] else trips.direct_m
    straight_m = min(straight_m, max(limit - extra, 0.0) / trips.straight_cost)
    dist, pieces = _reached(graph, trips)
    field, x0, y0, step = _raster(graph, trips, dist, pieces, aside_m, straight_m, limit)
    drawn: dict[float, shapely.MultiPolygon] = {}
    inner = shapely.MultiPolygon()
    for one in np.unique(wanted):
        area = _area(field, float(one), x0, y0, step)
        inner = _multi(shapely.union(inner, area)) if not inner.is_empty else area
        drawn[float(one)] = inner
    return [drawn[float(one)] for one in wanted]


def _reached(graph: RoadGraph, trips: RoadTrips) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Cost of each node (inf beyond the limit), and the straight pieces of streets that begin, end or lie there."""
    ptr, near, _side = arcs(graph)
    search = Search.of(ptr, near, arriving(graph, trips.ab, trips.ba), trips.limit, "bucket")
    own = search.scratch()
    _length, node, cost = search.to_far_nodes(*trips.seeds(), own)
    dist = np.full(graph.nodes, np.inf)
    dist[node[: _length[0]]] = cost[: _length[0]]
    touched = np.zeros(graph.streets, bool)
    touched[np.isfinite(dist[np.asarray(graph.a)]) | np.isfinite(dist[np.asarray(graph.b)])] = True
    street = int(trips.sites.snap.street[0])
    if street >= 0:
        touched[street] = True
    touched &= np.isfinite(trips.ab) | np.isfinite(trips.ba)
    return dist, np.flatnonzero(touched[graph.segments().street])


def _raster(graph, trips, dist, pieces, aside_m, straight_m, limit):
    """(field (lines, columns), x0, y0, step): costs of raster points, inf where nothing drawn goes."""
    segments, px, py = graph.segments(), float(trips.site_x[0]), float(trips.site_y[0])
    corners = [
        np.concatenate([first[pieces], second[pieces]])
        for first, second in ((segments.ax, segments.bx), (segments.ay, segments.by))
    ]
    low = [min(one.min(initial=p), p - straight_m) for one, p in zip(corners, (px, py), strict=True)]
    high = [max(one.max(initial=p), p + straight_m) for one, p in zip(corners, (px, py), strict=True)]
    step = max(FINEST_M, max(high[0] - low[0], high[1] - low[1]) / POINTS_A_SIDE)
    aside = max(aside_m, 2 * step)
    x0, y0 = low[0] - aside - 2 * step, low[1] - aside - 2 * step
    columns, lines = (int(np.ceil((high[k] + aside - start) / step)) + 3 for k, start in enumerate((x0, y0)))
    field = np.full((lines, columns), np.inf)
    street = segments.street[pieces].astype(np.int64)
    site, share = trips.sites.snap, float(trips.sites.snap.along[0])
    seed_leg = float(site.entry_m[0]) * trips.leg + float(trips.extra[0])
    a, b = np.asarray(graph.a)[street], np.asarray(graph.b)[street]
    _fill(
        field, x0, y0, step, aside, segments.ax[pieces], segments.ay[pieces], segments.bx[pieces],
        segments.by[pieces], segments.share_from[pieces], segments.share_to[pieces], dist[a], dist[b],
        trips.ab[street], trips.ba[street], street == site.street[0], share, seed_leg, trips.leg, limit,
    )  # fmt: skip
    if straight_m > 0:
        gx, gy = np.meshgrid(x0 + step * np.arange(columns) - px, y0 + step * np.arange(lines) - py)
        far = np.hypot(gx, gy)
        direct = np.where(far <= straight_m, float(trips.extra[0]) + far * trips.straight_cost, np.inf)
        field = np.minimum(field, direct)
    return field, x0, y0, step


@njit(cache=True, nogil=True)
def _fill(field, x0, y0, step, aside, ax, ay, bx, by, share_from, share_to, dist_a, dist_b, ab, ba, own, site_share,
          seed_leg, leg, limit):  # fmt: skip
    """Offer every raster point within `aside` of a piece the cost by its nearest point on the piece."""
    for s in range(ax.size):
        dx, dy = bx[s] - ax[s], by[s] - ay[s]
        squared = dx * dx + dy * dy
        i0 = max(int(np.ceil((min(ax[s], bx[s]) - aside - x0) / step)), 1)
        i1 = min(int(np.floor((max(ax[s], bx[s]) + aside - x0) / step)), field.shape[1] - 2)
        j0 = max(int(np.ceil((min(ay[s], by[s]) - aside - y0) / step)), 1)
        j1 = min(int(np.floor((max(ay[s], by[s]) + aside - y0) / step)), field.shape[0] - 2)
        for j in range(j0, j1 + 1):
            for i in range(i0, i1 + 1):
                gx, gy = x0 + i * step, y0 + j * step
                u = 0.0
                if squared > 0:
                    u = min(max(((gx - ax[s]) * dx + (gy - ay[s]) * dy) / squared, 0.0), 1.0)
                off = np.hypot(ax[s] + u * dx - gx, ay[s] + u * dy - gy)
                if off > aside:
                    continue
                t = share_from[s] + u * (share_to[s] - share_from[s])
                told = np.inf
                if ba[s] < np.inf:
                    told = dist_a[s] + t * ba[s]
                if ab[s] < np.inf:
                    told = min(told, dist_b[s] + (1.0 - t) * ab[s])
                if own[s] and t <= site_share and ab[s] < np.inf:
                    told = min(told, seed_leg + (site_share - t) * ab[s])
                if own[s] and t >= site_share and ba[s] < np.inf:
                    told = min(told, seed_leg + (t - site_share) * ba[s])
                told += off * leg
                if told <= 2 * limit and told < field[j, i]:
                    field[j, i] = told


def _area(
    field: NDArray[np.float64], limit: float, x0: float, y0: float, step: float
) -> shapely.MultiPolygon:
    """Where the raster is at most the limit."""
    cx, cy, ring = rings(field, limit)
    if len(ring) == 0:
        return shapely.MultiPolygon()
    outlines = shapely.linearrings(np.column_stack([x0 + step * cx, y0 + step * cy]), indices=ring)
    area = shapely.build_area(shapely.geometrycollections(outlines))
    return _multi(shapely.make_valid(shapely.simplify(area, step / 2, preserve_topology=True)))


def _multi(area: shapely.Geometry) -> shapely.MultiPolygon:
    """The polygons of a shape."""
    polygons = [
        one for one in shapely.get_parts(area).tolist() if one.geom_type == "Polygon" and one.area > 0
    ]
    return shapely.MultiPolygon(polygons)
