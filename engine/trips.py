"""What a search over roads is given: cost of each street, where points enter, the arcs around each node."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.checks import InvalidInput
from engine.network import RoadGraph, Snap
from engine.places import Places
from engine.rows import gathered
from engine.search import Scratch
from engine.spreading import seeds_of
from engine.squares import Squares
from engine.world import Reach

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WALK_M_PER_MIN = 75.0
ENTRY_M_PER_MIN = 250.0  # 15 km/h on the lanes between a door and the mapped road, when driving
DETOUR = 1.3
DIRECT_M = 500.0
BLOCK_SITES = 64


def check_trips(limit: float, unit: str, mode: str, detour: float = 1.0, direct_m: float = 0.0) -> None:
    """Raise InvalidInput with everything that is wrong with what is asked."""
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


def points(name: str, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Coordinates (n,) of one plain kind, whatever they came as. Raises InvalidInput."""
    px, py = np.array(x, np.float64), np.array(y, np.float64)
    if px.ndim != 1 or px.shape != py.shape:
        raise InvalidInput([f"{name}: as many x as y"])
    bad = ~(np.isfinite(px) & np.isfinite(py))
    if bad.any():
        raise InvalidInput([f"{name}: {int(bad.sum())} have no finite x and y"])
    return px, py


def street_factors(graph: RoadGraph, weight: ArrayLike | None, closed: ArrayLike | None = None) -> Floats:
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


def extra_costs(site_extra: ArrayLike | None, sites: int) -> Floats:
    """(m,) cost added to every trip of a site, 0 when not told. Raises InvalidInput."""
    extra = np.zeros(sites) if site_extra is None else np.array(site_extra, np.float64)
    if extra.shape != (sites,) or not np.all((extra >= 0) & np.isfinite(extra)):
        raise InvalidInput(["extra cost of sites: one finite number of at least 0 for each site"])
    return extra


def leg_cost(
    unit: str,
    mode: str,
    walk_m_per_min: float = WALK_M_PER_MIN,
    entry_m_per_min: float = ENTRY_M_PER_MIN,
) -> float:
    """Cost of one metre off the streets."""
    if unit == "m":
        return 1.0
    return 1.0 / (walk_m_per_min if mode == "walk" else entry_m_per_min)


def street_costs(
    graph: RoadGraph, unit: str, mode: str, factor: Floats, walk_m_per_min: float = WALK_M_PER_MIN
) -> tuple[Floats, Floats]:
    """(e,) cost of each street from a to b and from b to a; inf where `mode` may not go or the street is closed."""
    length = np.asarray(graph.length_m, np.float64)
    shut = np.isinf(factor)
    scale = np.where(shut, 1.0, factor)
    if mode == "walk":
        cost = np.where(graph.walk & ~shut, length / (1.0 if unit == "m" else walk_m_per_min) * scale, np.inf)
        return cost, cost
    costs = []
    for speed in (np.asarray(graph.speed_ab_kmh), np.asarray(graph.speed_ba_kmh)):
        allowed = (speed > 0) & ~shut
        metres_a_minute = 1.0 if unit == "m" else np.where(allowed, speed, 1.0) * (1000.0 / 60.0)
        costs.append(np.where(allowed, length / metres_a_minute * scale, np.inf))
    return costs[0], costs[1]


@dataclass(frozen=True, slots=True)
class Entries:
    """Where points enter: their snap, and whether they lie off the map."""

    snap: Snap
    off_map: NDArray[np.bool_]


def entries(
    graph: RoadGraph,
    x: Floats,
    y: Floats,
    mode: str,
    factor: Floats,
    known: Snap | None = None,
    snap_limit_m: float = np.inf,
    off_map_m: float = np.inf,
) -> Entries:
    """Where points enter by open streets (factor not inf). Off the map is what lies farther than off_map_m from every
    street of the mode, closed ones too, for a flooded street is not a missing one. `known` is a snap on the open
    network: who entered by a street that is closed now is snapped anew. Farther than snap_limit_m: no street."""
    snap = graph.snap(x, y, mode=mode) if known is None else known
    if snap.street.shape != x.shape:
        raise InvalidInput([f"snap of {snap.street.size} points for {x.size}"])
    off_map = np.asarray(snap.entry_m) > off_map_m
    shut = np.isinf(factor)
    if shut.any():
        street = np.asarray(snap.street)
        again = np.flatnonzero((street >= 0) & shut[np.maximum(street, 0)])
        if again.size:
            snap = snap.with_rows(again, graph.snap(x[again], y[again], shut, mode=mode))
    if np.isfinite(snap_limit_m):
        near = np.asarray(snap.entry_m) <= snap_limit_m
        snap = Snap(np.where(near, snap.street, np.int32(-1)).astype(np.int32), snap.along, snap.entry_m)
    return Entries(snap, off_map)


def arcs(graph: RoadGraph) -> tuple[Ints, NDArray[np.int32], NDArray[np.int32]]:
    """(ptr (v+1,), near (2e,), street and side (2e,)) the streets around each node, made once for a graph. Raises
    InvalidInput when streets do not stand in the order of their a end.

    Entry k of node v leads to node near[k] by street side[k] >> 1, of which v is the a end (side[k] & 1 == 0) or the b
    end (1).
    """
    if "arcs" not in graph.known:
        first = np.asarray(graph.a)
        if np.any(first[1:] < first[:-1]):  # engine.places reads what begins at a node in one go
            raise InvalidInput(
                ["streets must stand in the order of their a end, as RoadGraph.build puts them"]
            )
        graph.known["arcs"] = _arcs(np.array(graph.a), np.array(graph.b), graph.nodes)
    return graph.known["arcs"]


def arriving(graph: RoadGraph, ab: Floats, ba: Floats) -> Floats:
    """(2e,) cost of each arc of `arcs` against its direction: from near[k] to the node."""
    return _arc_costs(arcs(graph)[2], np.ascontiguousarray(ab), np.ascontiguousarray(ba))


@njit(cache=True, nogil=True)
def _arcs(a, b, nodes):
    ptr = np.zeros(nodes + 1, np.int64)
    for e in range(a.size):
        ptr[a[e] + 1] += 1
        ptr[b[e] + 1] += 1
    for v in range(nodes):
        ptr[v + 1] += ptr[v]
    at = ptr[:-1].copy()
    near, side = np.empty(2 * a.size, np.int32), np.empty(2 * a.size, np.int32)
    for e in range(a.size):
        near[at[a[e]]], side[at[a[e]]] = b[e], 2 * e
        at[a[e]] += 1
        near[at[b[e]]], side[at[b[e]]] = a[e], 2 * e + 1
        at[b[e]] += 1
    return ptr, near, side


@njit(cache=True, nogil=True)
def _arc_costs(side, ab, ba):
    out = np.empty(side.size)
    for k in range(side.size):
        street = side[k] >> 1
        out[k] = ab[street] if side[k] & 1 else ba[street]
    return out


@dataclass(frozen=True, slots=True)
class RoadTrips:
    """One question to the roads, looked at and laid out: sites and cells in metres, extra (m,), cost of each street
    along and back as trips run (ab, ba), cost of a metre off the streets, where sites and cells enter."""

    graph: RoadGraph
    limit: float
    site_x: Floats
    site_y: Floats
    cell_x: Floats
    cell_y: Floats
    extra: Floats
    ab: Floats
    ba: Floats
    leg: float
    straight_cost: float
    direct_m: float
    off_map_m: float
    sites: Entries
    cells: Entries

    @classmethod
    def of(
        cls,
        graph: RoadGraph,
        sites: tuple[ArrayLike, ArrayLike],
        cells: tuple[ArrayLike, ArrayLike],
        limit: float,
        unit: str,
        mode: str,
        detour: float,
        direct_m: float,
        *,
        closed: ArrayLike | None,
        weight: ArrayLike | None,
        site_extra: ArrayLike | None,
        walk_m_per_min: float,
        entry_m_per_min: float,
        to_site: bool,
        sites_snap: Snap | None,
        cells_snap: Snap | None,
        snap_limit_m: float,
    ) -> RoadTrips:
        """As engine.travel.reach_by_road is asked. Raises InvalidInput."""
        check_trips(limit, unit, mode, detour, direct_m)
        sx, sy = points("sites", *sites)
        cx, cy = points("cells", *cells)
        factor, extra = street_factors(graph, weight, closed), extra_costs(site_extra, len(sx))
        ab, ba = street_costs(graph, unit, mode, factor, walk_m_per_min)
        if not to_site:
            ab, ba = ba, ab
        leg = leg_cost(unit, mode, walk_m_per_min, entry_m_per_min)
        straight_cost = float(detour) * leg
        # On foot, who lives off the map may go straight as far as the limit lets them.
        off_map_m = float(limit) / straight_cost * (1 + 1e-6) if mode == "walk" and direct_m > 0 else 0.0
        entered = [
            entries(graph, x, y, mode, factor, known, snap_limit_m, direct_m if off_map_m else np.inf)
            for x, y, known in ((sx, sy, sites_snap), (cx, cy, cells_snap))
        ]
        return cls(
            graph, float(limit), sx, sy, cx, cy, extra, ab, ba, leg, straight_cost, float(direct_m), off_map_m,
            *entered,
        )  # fmt: skip

    def site_streets(self) -> tuple[Ints, ...]:
        """(a, b, ab, ba), each (m,): the ends of the street of each site and the cost of all of it, both ways."""
        street = self.sites.snap.street
        columns = [np.asarray(column) for column in (self.graph.a, self.graph.b, self.ab, self.ba)]
        if self.graph.streets == 0:
            return tuple(np.zeros(len(street), column.dtype) for column in columns)
        return tuple(column[np.maximum(street, 0)] for column in columns)

    def seeds(self) -> tuple[Ints, Floats]:
        """(m, 2) nodes and costs by which each site is reached; its extra cost is in them."""
        at = self.sites.snap
        a, b, ab, ba = self.site_streets()
        node, cost = seeds_of(a, b, at.along, ab, ba, at.entry_m * self.leg + self.extra)
        cost[at.street < 0] = np.inf
        return node, cost

    def places(self) -> Places:
        """Of cells."""
        return Places.of(self.graph, self.cells.snap, self.ab, self.ba, self.leg)

    def squares(self) -> tuple[Squares, Squares]:
        """Of all cells, and of those off the map."""
        off = np.flatnonzero(self.cells.off_map)
        return (
            Squares.of(self.cell_x, self.cell_y, self.direct_m),
            Squares.of(self.cell_x, self.cell_y, self.off_map_m / 2, off),
        )


def usual_threads(threads: int | None) -> int:
    return threads or min(8, len(os.sched_getaffinity(0)))


def in_blocks(
    order: Ints,
    sites: int,
    threads: int | None,
    scratch: Callable[[], Scratch],
    run: Callable[[Ints, Any], tuple],
) -> Reach:
    """Rows of all sites: blocks of `order` (m,) run on threads (the kernels release the interpreter), each thread with
    one scratch of its own."""
    blocks = [order[first : first + BLOCK_SITES] for first in range(0, len(order), BLOCK_SITES)]
    workers = min(usual_threads(threads), len(blocks))
    if workers <= 1:
        own = scratch() if blocks else None
        return gathered(blocks, [run(block, own) for block in blocks], sites)
    free: queue.SimpleQueue[Scratch] = queue.SimpleQueue()
    for _ in range(workers):
        free.put(scratch())

    def one(block: Ints) -> tuple:
        mine = free.get()
        rows = run(block, mine)
        free.put(mine)
        return rows

    with ThreadPoolExecutor(workers) as pool:
        return gathered(blocks, list(pool.map(one, blocks)), sites)
