"""Who reaches one place, or is reached from it: cells, places, and the line around them on the map.

Counted on travel times at cells; the lines are for drawing only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from engine.crs import LocalMetric
from engine.isochrone import isochrones
from engine.network import RoadGraph, Snap
from engine.travel import DIRECT_M, reach_by_road, reach_straight
from planning.bridge.frozen import Frozen
from planning.bridge.roads import RoadState, load_roads
from planning.bridge.searches import cells_snap

USUAL_DRIVE_M_PER_MIN, USUAL_WALK_M_PER_MIN = 500.0, 75.0


def plane_of(frozen: Frozen) -> LocalMetric:
    return LocalMetric(*frozen.meta["plane"])


def _graph(roads: RoadState) -> RoadGraph:
    """The graph at its speeds; what was made for snapping to the network serves at every speed."""
    roads.graph.known.setdefault("segments", load_roads(roads.network_sha).graph.segments())
    return roads.graph


@dataclass(frozen=True)
class Way:
    """How one goes: limits in "min" or "m", "walk" or "drive", straight legs x detour, to the place or from it."""

    unit: str
    mode: str
    detour: float
    to_place: bool = True


def cells_of_place(
    frozen: Frozen, roads: RoadState | None, x: float, y: float, limit: float, way: Way
) -> tuple[np.ndarray, np.ndarray]:
    """(cells (c,) int32 ascending, cost (c,) float32 in the way's unit) within `limit` of a place in plane metres.
    roads None: straight lines x detour."""
    snap = cells_snap(frozen, roads.network_sha, way.mode) if roads else None
    return _reached(frozen["cell_x"], frozen["cell_y"], roads, x, y, limit, way, snap)


def sites_of_place(
    frozen: Frozen, roads: RoadState | None, x: float, y: float, limit: float, way: Way
) -> tuple[np.ndarray, np.ndarray]:
    """The same for the facilities and idle assets of the snapshot: (sites (s,), cost (s,))."""
    return _reached(frozen["site_x"], frozen["site_y"], roads, x, y, limit, way, None)


def _reached(
    to_x: np.ndarray,
    to_y: np.ndarray,
    roads: RoadState | None,
    x: float,
    y: float,
    limit: float,
    way: Way,
    snap: Snap | None,
) -> tuple[np.ndarray, np.ndarray]:
    to_x, to_y = np.asarray(to_x), np.asarray(to_y)
    if roads is None:
        return reach_straight([x], [y], to_x, to_y, limit, way.unit, way.mode, way.detour).row(0)
    return reach_by_road(
        _graph(roads), [x], [y], to_x, to_y, limit, way.unit, way.mode, way.detour, weight=roads.weight_for(way.unit),
        to_site=way.to_place, threads=1, walk_m_per_min=roads.walk_m_per_min, entry_m_per_min=roads.entry_m_per_min,
        cells_snap=snap,
    ).row(0)  # fmt: skip


def rings_of_place(
    frozen: Frozen, roads: RoadState | None, x: float, y: float, limits: Sequence[float], way: Way
) -> list[shapely.Geometry]:
    """The ground within each limit, in degrees, for drawing; each lies inside the next larger. Without roads, circles."""
    plane = plane_of(frozen)
    if roads is None:
        speed = USUAL_WALK_M_PER_MIN if way.mode == "walk" else USUAL_DRIVE_M_PER_MIN
        metres = [limit if way.unit == "m" else limit * speed for limit in limits]
        shapes = [shapely.Point(x, y).buffer(one / way.detour, quad_segs=24) for one in metres]
    else:
        shapes = isochrones(
            _graph(roads), x, y, list(limits), way.unit, way.mode, weight=roads.weight_for(way.unit),
            walk_m_per_min=roads.walk_m_per_min, entry_m_per_min=roads.entry_m_per_min, detour=way.detour,
            direct_m=DIRECT_M, to_site=way.to_place,
        )  # fmt: skip
    return [
        shapely.transform(shape, lambda at: np.column_stack(plane.inverse(at[:, 0], at[:, 1])))
        for shape in shapes
    ]
