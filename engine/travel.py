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
from engine.nearest import nearest_by_road
from engine.network import MOST_KMH, RoadGraph, Snap
from engine.search import Scratch, Search
from engine.spreading import road_block, straight_block
from engine.squares import Squares
from engine.trips import (
    DETOUR,
    DIRECT_M,
    ENTRY_M_PER_MIN,
    WALK_M_PER_MIN,
    RoadTrips,
    arcs,
    arriving,
    check_trips,
    extra_costs,
    in_blocks,
    points,
    street_costs,
    street_factors,
)
from engine.world import Reach

__all__ = [
    "DETOUR", "DIRECT_M", "ENTRY_M_PER_MIN", "WALK_M_PER_MIN", "nearest_by_road", "node_times", "reach_by_road",
    "reach_straight", "street_speeds",
]  # fmt: skip


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
    trips = RoadTrips.of(
        graph, (site_x, site_y), (cell_x, cell_y), limit, unit, mode, detour, direct_m, closed=closed, weight=weight,
        site_extra=site_extra, walk_m_per_min=walk_m_per_min, entry_m_per_min=entry_m_per_min, to_site=to_site,
        sites_snap=sites_snap, cells_snap=cells_snap, snap_limit_m=snap_limit_m,
    )  # fmt: skip
    ptr, near, _side = arcs(graph)
    search = Search.of(ptr, near, arriving(graph, trips.ab, trips.ba), limit, kernel)
    place, at = trips.places(), trips.sites.snap
    seed_node, seed_cost = trips.seeds()
    _a, _b, ab, ba = trips.site_streets()
    seed_leg = at.entry_m * trips.leg + trips.extra
    squares, off_map = trips.squares()
    # Sorted sources touch the same nodes one after another: the caches stay warm.
    order = np.lexsort((trips.site_y, at.street))

    def run(block: NDArray[np.int64], own: Scratch):
        row_length, row_node, row_cost = search.to_far_nodes(seed_node[block], seed_cost[block], own)
        return own.kept(road_block(
            row_length, row_node, row_cost, at.street[block], at.along[block], ab[block], ba[block], seed_leg[block], trips.extra[block],
            trips.site_x[block], trips.site_y[block], place.street_first, place.point, place.along, place.leg,
            place.node_a, place.node_b, place.from_a, place.from_b, place.a_first, place.b_first, place.b_place,
            trips.cell_x, trips.cell_y, squares, off_map, trips.sites.off_map[block], trips.direct_m,
            trips.off_map_m, trips.straight_cost, np.float32(limit), own.dist, own.best, own.bits,
            own.out_number, own.out_cost,
        ))  # fmt: skip

    return in_blocks(order, len(order), threads, lambda: search.scratch(len(trips.cell_x)), run)


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
    squares = Squares.of(cx, cy, radius / 2)

    def run(block: NDArray[np.int64], own: Scratch):
        return own.kept(straight_block(
            sx[block], sy[block], extra[block], cx, cy, squares, radius * (1 + 1e-6), per_metre, np.float32(limit),
            own.best, own.bits, own.out_number, own.out_cost,
        ))  # fmt: skip

    return in_blocks(np.arange(len(sx)), len(sx), threads, lambda: Scratch(numbers=len(cx)), run)
