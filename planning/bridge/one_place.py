"""Who reaches one place, or is reached from it: cells, places, and the line around them on the map.

Counted on travel times at cells; the lines are for drawing only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely

from engine.crs import LocalMetric
from engine.isochrone import isochrones
from engine.network import RoadGraph
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


def cells_of_place(
    frozen: Frozen,
    roads: RoadState | None,
    x: float,
    y: float,
    limit: float,
    unit: str,
    mode: str,
    detour: float,
    *,
    to_place: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """(cells (c,) int32 ascending, cost (c,) float32 in `unit`) within `limit` of a place in plane metres. roads None:
    straight lines x detour."""
    cells = np.asarray(frozen["cell_x"]), np.asarray(frozen["cell_y"])
    way = (limit, unit, mode, detour)
    if roads is None:
        return reach_straight([x], [y], *cells, *way).row(0)
    reach = reach_by_road(
        _graph(roads), [x], [y], *cells, *way, weight=roads.weight_for(unit), to_site=to_place, threads=1,
        walk_m_per_min=roads.walk_m_per_min, entry_m_per_min=roads.entry_m_per_min,
        cells_snap=cells_snap(frozen, roads.network_sha, mode),
    )  # fmt: skip
    return reach.row(0)


def sites_of_place(
    frozen: Frozen,
    roads: RoadState | None,
    x: float,
    y: float,
    limit: float,
    unit: str,
    mode: str,
    detour: float,
    *,
    to_place: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """The same for the facilities and idle assets of the snapshot: (sites (s,), cost (s,))."""
    sites = np.asarray(frozen["site_x"]), np.asarray(frozen["site_y"])
    way = (limit, unit, mode, detour)
    if roads is None:
        return reach_straight([x], [y], *sites, *way).row(0)
    reach = reach_by_road(
        _graph(roads), [x], [y], *sites, *way, weight=roads.weight_for(unit), to_site=to_place, threads=1,
        walk_m_per_min=roads.walk_m_per_min, entry_m_per_min=roads.entry_m_per_min,
    )  # fmt: skip
    return reach.row(0)


def rings_of_place(
    frozen: Frozen,
    roads: RoadState | None,
    x: float,
    y: float,
    limits: Sequence[float],
    unit: str,
    mode: str,
    detour: float,
    *,
    to_place: bool = True,
) -> list[shapely.Geometry]:
    """The ground within each limit, in degrees, for drawing; each lies inside the next larger. Without roads, circles."""
    plane = plane_of(frozen)
    if roads is None:
        speed = USUAL_WALK_M_PER_MIN if mode == "walk" else USUAL_DRIVE_M_PER_MIN
        metres = [limit if unit == "m" else limit * speed for limit in limits]
        shapes = [shapely.Point(x, y).buffer(one / detour, quad_segs=24) for one in metres]
    else:
        shapes = isochrones(
            _graph(roads), x, y, list(limits), unit, mode, weight=roads.weight_for(unit),
            walk_m_per_min=roads.walk_m_per_min, entry_m_per_min=roads.entry_m_per_min, detour=detour,
            direct_m=DIRECT_M, to_site=to_place,
        )  # fmt: skip
    return [
        shapely.transform(shape, lambda at: np.column_stack(plane.inverse(at[:, 0], at[:, 1])))
        for shape in shapes
    ]
