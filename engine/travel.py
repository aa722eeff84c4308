"""Who reaches what: bounded travel from many sites to many cells, as a Reach.

A trip is the shorter of two: by road (straight entry leg to the nearest street, along streets, straight leg out), or
straight across the block x detour when the straight line is at most `direct_m`. On foot, a place farther than
`direct_m` from every street lies off the map: the streets it has are not in the file, so straight x detour holds for
its trips of any length. People travel from the cell to the
site, so the search runs from each site against the traffic. Costs are float32 metres or minutes; a cell is in reach
when its cost is <= the limit. See docs/algorithms/reach.md.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.checks import InvalidInput
from engine.dijkstra import road_block, straight_block
from engine.network import MOST_KMH, RoadGraph, Snap
from engine.world import Reach

WALK_M_PER_MIN = 75.0
ENTRY_M_PER_MIN = 250.0  # 15 km/h on the lanes between a door and the mapped road, when driving
DETOUR = 1.3
DIRECT_M = 500.0
BLOCK_SITES = 128


def reach_by_road(
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
    threads: int | None = None,
    sites_snap: Snap | None = None,
    cells_snap: Snap | None = None,
    snap_limit_m: float = np.inf,
) -> Reach:
    """Cells (n,) within `limit` of each site (m,), local metres, over the graph's streets.

    unit "m": metres travelled. unit "min": walking at walk_m_per_min both ways on every street that allows it, or
    driving at each street's own speed in its allowed directions, with entry legs at entry_m_per_min. weight
    (streets,) multiplies the cost of each street; inf = closed: it carries nobody and lets nobody in, ever. closed
    (streets,) bool is a short form of that. site_extra (m,) cost units are added to every trip of a site (minutes at
    the gate). direct_m 0 leaves roads alone to decide. to_site False turns the trips round (from the site to the
    cell). sites_snap, cells_snap: what graph.snap(x, y, mode=mode) told before, on the open network; who entered by
    a street that is closed now is snapped anew. Farther than snap_limit_m from every street: no trip by road.
    Raises InvalidInput.
    """
    _check(limit, unit, mode, detour, direct_m)
    sx, sy = _points("sites", site_x, site_y)
    cx, cy = _points("cells", cell_x, cell_y)
    factor = street_factors(graph, weight, closed)
    extra = extra_costs(site_extra, len(sx))
    ab, ba, leg = street_costs(graph, unit, mode, walk_m_per_min, entry_m_per_min)
    shut = np.isinf(factor)
    ab, ba = (np.where(shut, np.inf, way * np.where(shut, 1.0, factor)) for way in (ab, ba))
    if not to_site:
        ab, ba = ba, ab
    site, far_site = entries(graph, sx, sy, mode, shut, sites_snap, snap_limit_m, direct_m)
    cell, far_cell = entries(graph, cx, cy, mode, shut, cells_snap, snap_limit_m, direct_m)
    indptr, node, cost = _incoming(graph, ab, ba)
    by_street = np.argsort(cell.street, kind="stable")
    first_cell = np.searchsorted(cell.street[by_street], np.arange(graph.streets + 1)).astype(np.int64)
    street_ptr, street_of = _streets_of_nodes(graph)
    direct = _Grid(cx, cy, direct_m)
    # Sorted sources touch the same nodes one after another: the caches stay warm.
    order = np.lexsort((sy, site.street))

    def run(block: NDArray[np.int64]):
        return road_block(
            indptr, node, cost, graph.a, graph.b, ab, ba, street_ptr, street_of,
            first_cell, by_street.astype(np.int32), cell.along, cell.entry_m * leg,
            site.street[block], site.along[block], site.entry_m[block] * leg, extra[block], sx[block], sy[block],
            cx, cy, direct.start, direct.member, direct.x0, direct.y0, direct.size, direct.columns, direct.lines,
            float(direct_m), float(detour) * leg, np.float32(limit),
        )  # fmt: skip

    found = _gather(run, order, len(sx), threads)
    if mode != "walk" or direct_m == 0:
        return found
    parts = [found]
    for sites, cells in (
        (np.arange(len(sx)), np.flatnonzero(far_cell)),
        (np.flatnonzero(far_site), np.arange(len(cx))),
    ):
        if len(sites) and len(cells):
            off = reach_straight(
                sx[sites],
                sy[sites],
                cx[cells],
                cy[cells],
                limit,
                unit,
                mode,
                detour,
                site_extra=extra[sites],
                walk_m_per_min=walk_m_per_min,
            )
            parts.append(_placed(off, sites, cells, len(sx)))
    return parts[0] if len(parts) == 1 else _cheapest(parts, len(sx), len(cx))


def entries(
    graph: RoadGraph,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    mode: str,
    shut: NDArray[np.bool_],
    known: Snap | None,
    snap_limit_m: float,
    direct_m: float,
) -> tuple[Snap, NDArray[np.bool_]]:
    """Where points enter when streets `shut` (e,) are closed, and whether they lie off the map: farther than direct_m
    from every street, closed ones too, for a flooded street is not a missing one."""
    snap = graph.snap(x, y, mode=mode) if known is None else known
    if snap.street.shape != x.shape:
        raise InvalidInput([f"snap of {snap.street.size} points for {x.size}"])
    far = snap.entry_m > direct_m
    if shut.any():
        again = np.flatnonzero((snap.street >= 0) & shut[np.maximum(snap.street, 0)])
        if again.size:
            snap = snap.with_rows(again, graph.snap(x[again], y[again], shut, mode=mode))
    if np.isfinite(snap_limit_m):
        street = np.where(snap.entry_m <= snap_limit_m, snap.street, np.int32(-1)).astype(np.int32)
        snap = Snap(street, snap.along, snap.entry_m)
    return snap, far


def street_speeds(graph: RoadGraph, kmh_of_class: ArrayLike, factor_of_class: ArrayLike) -> RoadGraph:
    """The same streets at other speeds: the speed of the street's class (km/h, NaN = the source's own), times the
    factor of its class. Both (classes,); classes beyond them keep their speeds. Where driving is not allowed it stays
    so. Raises InvalidInput when a speed leaves (0, 200]."""
    kmh, factor = np.asarray(kmh_of_class, np.float64), np.asarray(factor_of_class, np.float64)
    if kmh.shape != factor.shape or kmh.ndim != 1:
        raise InvalidInput(["street speeds: one speed and one factor for each class"])
    klass = np.asarray(graph.klass, np.int64)
    listed = (klass >= 0) & (klass < len(kmh))
    at = np.where(listed, klass, 0)
    class_kmh = np.where(listed, kmh[at], np.nan) if len(kmh) else np.full(graph.streets, np.nan)
    class_factor = np.where(listed, factor[at], 1.0) if len(kmh) else np.ones(graph.streets)
    speeds = []
    for speed in (np.asarray(graph.speed_ab_kmh), np.asarray(graph.speed_ba_kmh)):
        speeds.append(
            np.where(speed > 0, np.where(np.isnan(class_kmh), speed, class_kmh) * class_factor, 0.0)
        )
        bad = (speed > 0) & ~((speeds[-1] > 0) & (speeds[-1] <= MOST_KMH))
        if bad.any():
            raise InvalidInput(
                [
                    f"street speeds: {int(bad.sum())} streets would not lie above 0 and at most {MOST_KMH:g} km/h"
                ]
            )
    arrays = {**graph.arrays(), "speed_ab_kmh": speeds[0], "speed_ba_kmh": speeds[1]}
    quicker = RoadGraph.from_arrays(arrays)
    quicker.known["segments"] = graph.segments()  # the lines are the same
    return quicker


def _placed(reach: Reach, sites: NDArray[np.int64], cells: NDArray[np.int64], all_sites: int) -> Reach:
    """A reach over some sites and some cells, in the numbers of all of them."""
    lengths = np.zeros(all_sites, np.int64)
    lengths[sites] = np.diff(reach.indptr)
    return Reach(np.concatenate([[0], np.cumsum(lengths)]), cells[reach.cell].astype(np.int32), reach.cost)


def _cheapest(parts: list[Reach], sites: int, cells: int) -> Reach:
    """Every pair of any part once, at its least cost."""
    site = np.concatenate([np.repeat(np.arange(sites), np.diff(part.indptr)) for part in parts])
    cell = np.concatenate([part.cell for part in parts])
    cost = np.concatenate([part.cost for part in parts])
    pair = site * cells + cell
    order = np.lexsort((cost, pair))
    order = order[np.concatenate([[True], np.diff(pair[order]) > 0])] if len(order) else order
    indptr = np.concatenate([[0], np.cumsum(np.bincount(site[order], minlength=sites))])
    return Reach(indptr, cell[order], cost[order])


def reach_straight(
    site_x: ArrayLike,
    site_y: ArrayLike,
    cell_x: ArrayLike,
    cell_y: ArrayLike,
    limit: float,
    unit: str,
    mode: str,
    detour: float = DETOUR,
    *,
    site_extra: ArrayLike | None = None,
    walk_m_per_min: float = WALK_M_PER_MIN,
    drive_kmh: float = 30.0,
) -> Reach:
    """Cells within `limit` of each site by straight line x detour, for cities without roads.

    unit "m": straight metres x detour. unit "min": that at walk_m_per_min, or at drive_kmh when driving.
    site_extra (m,) cost units are added to every trip of a site.
    """
    _check(limit, unit, mode, detour, 0.0)
    sx, sy = _points("sites", site_x, site_y)
    cx, cy = _points("cells", cell_x, cell_y)
    extra = extra_costs(site_extra, len(sx))
    speed = walk_m_per_min if mode == "walk" else drive_kmh * 1000.0 / 60.0
    per_metre = float(detour) * (1.0 if unit == "m" else 1.0 / speed)
    radius = float(limit) / per_metre
    grid = _Grid(cx, cy, radius)

    def run(block: NDArray[np.int64]):
        return straight_block(
            sx[block], sy[block], extra[block], cx, cy, grid.start, grid.member, grid.x0, grid.y0, grid.size, grid.columns,
            grid.lines, radius * (1 + 1e-6), per_metre, np.float32(limit),
        )  # fmt: skip

    return _gather(run, np.arange(len(sx)), len(sx), None)


def _check(limit: float, unit: str, mode: str, detour: float, direct_m: float) -> None:
    problems = []
    if not (np.isfinite(limit) and limit > 0):
        problems.append("limit must be above 0")
    if unit not in ("m", "min"):
        problems.append(f"unit {unit!r} is not m or min")
    if mode not in ("walk", "drive"):
        problems.append(f"mode {mode!r} is not walk or drive")
    if not detour >= 1:
        problems.append("detour must be at least 1")
    if not direct_m >= 0:
        problems.append("direct_m must not be negative")
    if problems:
        raise InvalidInput(problems)


def _points(name: str, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    px, py = np.ascontiguousarray(x, np.float64), np.ascontiguousarray(y, np.float64)
    if px.ndim != 1 or px.shape != py.shape:
        raise InvalidInput([f"{name}: as many x as y"])
    bad = ~(np.isfinite(px) & np.isfinite(py))
    if bad.any():
        raise InvalidInput([f"{name}: {int(bad.sum())} have no finite x and y"])
    return px, py


def street_factors(
    graph: RoadGraph, weight: ArrayLike | None, closed: ArrayLike | None = None
) -> NDArray[np.float64]:
    """(e,) what multiplies each street's cost; inf = closed. Raises InvalidInput."""
    factor = np.ones(graph.streets) if weight is None else np.array(weight, np.float64)
    if factor.shape != (graph.streets,):
        raise InvalidInput([f"street weights: {factor.size} for {graph.streets} streets"])
    if not np.all(factor > 0):
        raise InvalidInput([f"street weights: {int(np.sum(~(factor > 0)))} are not above 0"])
    if closed is not None:
        shut = np.asarray(closed, bool)
        if shut.shape != factor.shape:
            raise InvalidInput([f"closed streets: {shut.size} for {graph.streets} streets"])
        factor[shut] = np.inf
    return factor


def extra_costs(site_extra: ArrayLike | None, sites: int) -> NDArray[np.float64]:
    """(m,) cost added to every trip of a site, 0 when not told. Raises InvalidInput."""
    extra = np.zeros(sites) if site_extra is None else np.asarray(site_extra, np.float64)
    if extra.shape != (sites,) or not np.all((extra >= 0) & np.isfinite(extra)):
        raise InvalidInput(["extra cost of sites: one finite number of at least 0 for each site"])
    return extra


def street_costs(graph, unit, mode, walk_m_per_min=WALK_M_PER_MIN, entry_m_per_min=ENTRY_M_PER_MIN):
    """Cost of each street a->b and b->a (inf: not allowed) and cost per metre of an entry leg."""
    length = np.asarray(graph.length_m, np.float64)
    if mode == "walk":
        cost = np.where(graph.walk, length / (1.0 if unit == "m" else walk_m_per_min), np.inf)
        return cost, cost.copy(), 1.0 if unit == "m" else 1.0 / walk_m_per_min
    with np.errstate(divide="ignore", invalid="ignore"):
        costs = []
        for speed in (graph.speed_ab_kmh, graph.speed_ba_kmh):
            full = length if unit == "m" else length * 60.0 / (np.asarray(speed) * 1000.0)
            costs.append(np.where(np.asarray(speed) > 0, full, np.inf))
    return costs[0], costs[1], 1.0 if unit == "m" else 1.0 / entry_m_per_min


def _incoming(graph: RoadGraph, ab, ba):
    """CSR by head node: from which node, at which cost, one can come. Only what is open."""
    go, back = np.isfinite(ab), np.isfinite(ba)
    head = np.concatenate([graph.b[go], graph.a[back]])
    tail = np.concatenate([graph.a[go], graph.b[back]])
    weight = np.concatenate([ab[go], ba[back]])
    order = np.argsort(head, kind="stable")
    indptr = np.searchsorted(head[order], np.arange(graph.nodes + 1)).astype(np.int64)
    return indptr, tail[order].astype(np.int32), weight[order]


def _streets_of_nodes(graph: RoadGraph):
    ends = np.concatenate([graph.a, graph.b])
    order = np.argsort(ends, kind="stable")
    indptr = np.searchsorted(ends[order], np.arange(graph.nodes + 1)).astype(np.int64)
    return indptr, (order % graph.streets).astype(np.int32)


class _Grid:
    """Points bucketed in squares of side `size`, so that all within `size` lie in 3 x 3 squares."""

    def __init__(self, x, y, size: float) -> None:
        self.size = max(float(size), 1.0)
        if len(x) == 0:
            x, y, member = np.zeros(1), np.zeros(1), np.empty(0, np.int32)
        else:
            member = None
        self.x0, self.y0 = float(x.min()), float(y.min())
        extent = max(float(np.ptp(x)), float(np.ptp(y)))
        self.size = max(self.size, extent / 2000.0)  # never more than 4 M squares
        self.columns = int(np.ptp(x) // self.size) + 1
        self.lines = int(np.ptp(y) // self.size) + 1
        bucket = ((y - self.y0) // self.size).astype(np.int64) * self.columns
        bucket += ((x - self.x0) // self.size).astype(np.int64)
        order = np.argsort(bucket, kind="stable") if member is None else member
        self.member = order.astype(np.int32)
        self.start = np.searchsorted(bucket[order], np.arange(self.columns * self.lines + 1)).astype(np.int64)


def _gather(run, order, sites: int, threads: int | None) -> Reach:
    """Run blocks of sites on threads (the kernels release the interpreter) and put rows back in site order."""
    blocks = [order[i : i + BLOCK_SITES] for i in range(0, len(order), BLOCK_SITES)]
    if not blocks:
        return Reach(np.zeros(sites + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
    workers = threads or min(8, len(os.sched_getaffinity(0)))
    if workers == 1 or len(blocks) == 1:
        parts = [run(block) for block in blocks]
    else:
        with ThreadPoolExecutor(workers) as pool:
            parts = list(pool.map(run, blocks))
    lengths = np.empty(sites, np.int64)
    lengths[order] = np.concatenate([part[0] for part in parts])
    ordered = Reach(
        np.concatenate([[0], np.cumsum(np.concatenate([part[0] for part in parts]))]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([part[2] for part in parts]),
    )
    if np.array_equal(order, np.arange(sites)):
        return ordered
    back = np.empty(sites, np.int64)
    back[order] = np.arange(sites)
    return ordered.take(back)
