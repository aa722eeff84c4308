"""Reach by road in bands: what `reach_by_road` would tell, searched when a score asks for it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.bands import PAIRS_AT_ONCE, BandedReach
from engine.nearest import nearest_by_road
from engine.network import RoadGraph
from engine.travel import reach_by_road
from engine.world import Reach


def road_bands(
    graph: RoadGraph,
    site_x: ArrayLike,
    site_y: ArrayLike,
    cell_x: ArrayLike,
    cell_y: ArrayLike,
    limit: float,
    unit: str,
    mode: str,
    *,
    site_extra: ArrayLike | None = None,
    pairs_at_once: int = PAIRS_AT_ONCE,
    **way: Any,
) -> BandedReach:
    """Stands in for reach_by_road(...) with the same arguments in World.reach where its pairs would not fit.

    way: further keywords of reach_by_road (detour, direct_m, weight, closed, walk_m_per_min, entry_m_per_min, to_site,
    snap_limit_m). Cells are put on the network once.
    """
    sx, sy, cx, cy = (np.asarray(a, np.float64) for a in (site_x, site_y, cell_x, cell_y))
    extra = np.zeros(len(sx)) if site_extra is None else np.asarray(site_extra, np.float64)
    snap = graph.snap(cx, cy, mode=mode)

    def search(sites: NDArray[np.int64], wanted: NDArray[np.bool_], low: float, high: float) -> Reach:
        cells = np.flatnonzero(wanted).astype(np.int32)
        part = replace(snap, **{f.name: getattr(snap, f.name)[cells] for f in fields(snap)})
        found = reach_by_road(
            graph, sx[sites], sy[sites], cx[cells], cy[cells], high, unit, mode, site_extra=extra[sites],
            cells_snap=part, **way,
        )  # fmt: skip
        return Reach(found.indptr, cells[found.cell], found.cost)

    def nearest(sites: NDArray[np.int64], high: float) -> NDArray[np.float32]:
        return nearest_by_road(
            graph,
            sx[sites],
            sy[sites],
            cx,
            cy,
            high,
            unit,
            mode,
            site_extra=extra[sites],
            cells_snap=snap,
            **way,
        )[0]

    return BandedReach(len(sx), float(limit), search, nearest, pairs_at_once)
