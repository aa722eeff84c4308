"""Who reaches what: bounded travel from many sites to many cells, as a Reach.

A trip is the shorter of two: by road (straight entry leg to the nearest street, along streets, straight leg out), or
straight across the block x detour when the straight line is at most `direct_m`. On foot, a place farther than
`direct_m` from every street lies off the map: the streets it has are not in the file, so straight x detour holds for
its trips of any length. People travel from the cell to the
site, so the search runs from each site against the traffic. Costs are float32 metres or minutes; a cell is in reach
when its cost is <= the limit. See docs/algorithms/reach.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.checks import InvalidInput
from engine.network import MOST_KMH, RoadGraph, Snap
from engine.places import Places
from engine.search import Scratch, Search
from engine.spreading import road_block, seeds_of, straight_block
from engine.trips import (
    ENTRY_M_PER_MIN,
    WALK_M_PER_MIN,
    arcs,
    arriving,
    check_trips,
    entries,
    extra_costs,
    in_blocks,
    leg_cost,
    points,
    street_costs,
    street_factors,
)
from engine.world import Reach

DETOUR = 1.3
DIRECT_M = 500.0


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
    kernel: str = "bucket",
) -> Reach:
    """Cells (n,) within `limit` of each site (m,), local metres, over the graph's streets.

    unit "m": metres travelled. unit "min": walking at walk_m_per_min both ways on every street that allows it, or
    driving at each street's own speed in its allowed directions, with entry legs at entry_m_per_min. weight
    (streets,) multiplies the cost of each street; inf = closed: it carries nobody and lets nobody in, ever. closed
    (streets,) bool is a short form of that. site_extra (m,) cost units are added to every trip of a site (minutes at
    the gate). direct_m 0 leaves roads alone to decide. to_site False turns the trips round (from the site to the
    cell). sites_snap, cells_snap: what graph.snap(x, y, mode=mode) told before, on the open network; who entered by
    a street that is closed now is snapped anew. Farther than snap_limit_m from every street: no trip by road.
    kernel "float" searches with the reference queue; both give the same. Raises InvalidInput.
    """
    check_trips(limit, unit, mode, detour, direct_m)
    sx, sy = points("sites", site_x, site_y)
    cx, cy = points("cells", cell_x, cell_y)
    factor, extra = street_factors(graph, weight, closed), extra_costs(site_extra, len(sx))
    ab, ba = street_costs(graph, unit, mode, factor, walk_m_per_min)
    if not to_site:
        ab, ba = ba, ab
    leg = leg_cost(unit, mode, walk_m_per_min, entry_m_per_min)
    ptr, near, _side = arcs(graph)
    cost = arriving(graph, ab, ba)
    search = Search.of(ptr, near, cost, limit, kernel)
    site = entries(graph, sx, sy, mode, factor, sites_snap, snap_limit_m, direct_m)
    cell = entries(graph, cx, cy, mode, factor, cells_snap, snap_limit_m, direct_m)
    place = Places.of(graph, cell.snap, ab, ba, leg)
    at = site.snap
    ends = [_of_street(column, at.street) for column in (graph.a, graph.b, ab, ba)]
    seed_leg = at.entry_m * leg + extra
    seed_node, seed_cost = seeds_of(*ends[:2], at.along, *ends[2:], seed_leg)
    seed_cost[at.street < 0] = np.inf
    direct = _Grid(cx, cy, direct_m)
    # Sorted sources touch the same nodes one after another: the caches stay warm.
    order = np.lexsort((sy, at.street))

    def run(block: NDArray[np.int64], own: Scratch):
        reached = search.to_far_nodes(seed_node[block], seed_cost[block], own)
        return own.kept(road_block(
            *reached, at.street[block], at.along[block], ends[2][block], ends[3][block], seed_leg[block],
            extra[block], sx[block], sy[block], place.street_first, place.point, place.along, place.leg,
            place.node_a, place.node_b, place.from_a, place.from_b, place.a_first, place.b_first, place.b_place,
            cx, cy, direct.start, direct.member, direct.x0, direct.y0, direct.size, direct.columns, direct.lines,
            float(direct_m), float(detour) * leg, np.float32(limit), own.dist, own.best, own.bits,
            own.out_number, own.out_cost,
        ))  # fmt: skip

    found = in_blocks(order, len(sx), threads, lambda: search.scratch(len(cx)), run)
    if mode != "walk" or direct_m == 0:
        return found
    parts = [found]
    for sites, cells in (
        (np.arange(len(sx)), np.flatnonzero(cell.off_map)),
        (np.flatnonzero(site.off_map), np.arange(len(cx))),
    ):
        if len(sites) and len(cells):
            off = reach_straight(
                sx[sites], sy[sites], cx[cells], cy[cells], limit, unit, mode, detour, site_extra=extra[sites],
                walk_m_per_min=walk_m_per_min, threads=threads,
            )  # fmt: skip
            parts.append(_placed(off, sites, cells, len(sx)))
    return parts[0] if len(parts) == 1 else _cheapest(parts, len(sx), len(cx))


def node_times(
    graph: RoadGraph,
    source_nodes: ArrayLike,
    limit: float,
    unit: str,
    mode: str,
    *,
    weight: ArrayLike | None = None,
    kernel: str = "bucket",
    threads: int | None = None,
    to_source: bool = True,
    walk_m_per_min: float = WALK_M_PER_MIN,
) -> Reach:
    """Nodes within `limit` of each source node (m,): a Reach whose `cell` are node numbers.

    Costs are from the node to the source (to_source False: from the source). weight, unit, mode, kernel as in
    reach_by_road. Raises InvalidInput.
    """
    check_trips(limit, unit, mode)
    source = np.array(source_nodes, np.int64)
    if source.ndim != 1 or np.any((source < 0) | (source >= graph.nodes)):
        raise InvalidInput(["source nodes: some do not exist"])
    ab, ba = street_costs(graph, unit, mode, street_factors(graph, weight), walk_m_per_min)
    if not to_source:
        ab, ba = ba, ab
    ptr, near, _side = arcs(graph)
    cost = arriving(graph, ab, ba)
    search = Search.of(ptr, near, cost, limit, kernel)
    seed_node, seed_cost = source[:, None], np.zeros((len(source), 1))

    def run(block: NDArray[np.int64], own: Scratch):
        return search.to_nodes(seed_node[block], seed_cost[block], own)

    order = np.argsort(source, kind="stable")
    return in_blocks(order, len(source), threads, search.scratch, run)


def street_speeds(graph: RoadGraph, kmh_of_class: ArrayLike, factor_of_class: ArrayLike) -> RoadGraph:
    """The same streets at other speeds: the speed of the street's class (km/h, NaN = the source's own), times the
    factor of its class. Both (classes,); classes beyond them keep their speeds. Where driving is not allowed it stays
    so. Raises InvalidInput when a speed leaves (0, 200]."""
    kmh, factor = np.asarray(kmh_of_class, np.float64), np.asarray(factor_of_class, np.float64)
    if kmh.shape != factor.shape or kmh.ndim != 1:
        raise InvalidInput(["street speeds: one speed and one factor for each class"])
    # the last entry stands for every class that is not listed
    kmh, factor = np.append(kmh, np.nan), np.append(factor, 1.0)
    klass = np.asarray(graph.klass, np.int64)
    klass = np.where((klass >= 0) & (klass < len(kmh) - 1), klass, len(kmh) - 1)
    speeds = []
    for speed in (np.asarray(graph.speed_ab_kmh), np.asarray(graph.speed_ba_kmh)):
        own = np.where(np.isnan(kmh[klass]), speed, kmh[klass]) * factor[klass]
        speeds.append(np.where(speed > 0, own, 0.0))
        bad = (speed > 0) & ~((own > 0) & (own <= MOST_KMH))
        if bad.any():
            raise InvalidInput(
                [
                    f"street speeds: {int(bad.sum())} streets would not lie above 0 and at most {MOST_KMH:g} km/h"
                ]
            )
    arrays = {**graph.arrays(), "speed_ab_kmh": speeds[0], "speed_ba_kmh": speeds[1]}
    quicker = RoadGraph.from_arrays(arrays)
    quicker.known.update(segments=graph.segments(), arcs=arcs(graph))  # lines and crossings are the same
    return quicker


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
    threads: int | None = None,
) -> Reach:
    """Cells within `limit` of each site by straight line x detour, for cities without roads.

    unit "m": straight metres x detour. unit "min": that at walk_m_per_min, or at drive_kmh when driving.
    site_extra (m,) cost units are added to every trip of a site. Raises InvalidInput.
    """
    check_trips(limit, unit, mode, detour)
    sx, sy = points("sites", site_x, site_y)
    cx, cy = points("cells", cell_x, cell_y)
    extra = extra_costs(site_extra, len(sx))
    speed = walk_m_per_min if mode == "walk" else drive_kmh * 1000.0 / 60.0
    per_metre = float(detour) * (1.0 if unit == "m" else 1.0 / speed)
    radius = float(limit) / per_metre
    grid = _Grid(cx, cy, radius)

    def run(block: NDArray[np.int64], own: Scratch):
        return own.kept(straight_block(
            sx[block], sy[block], extra[block], cx, cy, grid.start, grid.member, grid.x0, grid.y0, grid.size,
            grid.columns, grid.lines, radius * (1 + 1e-6), per_metre, np.float32(limit), own.best, own.bits,
            own.out_number, own.out_cost,
        ))  # fmt: skip

    return in_blocks(np.arange(len(sx)), len(sx), threads, lambda: Scratch(numbers=len(cx)), run)


def _of_street(column: NDArray, street: NDArray[np.int32]) -> NDArray:
    """A column (e,) at each street, anything where the street is -1."""
    values = np.asarray(column)
    return values[np.maximum(street, 0)] if len(values) else np.zeros(len(street), values.dtype)


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
