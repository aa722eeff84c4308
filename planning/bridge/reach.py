"""Who reaches what, kept on disk: the same network, places, cells and limit are searched once."""

from __future__ import annotations

import hashlib
import json

import numpy as np
from django.utils.translation import gettext as _

from core.errors import DomainError
from engine import ENGINE_VERSION
from engine.travel import DETOUR, WALK_M_PER_MIN, reach_by_road, reach_straight
from engine.world import Reach
from planning.bridge import artefacts
from planning.bridge.frozen import Frozen
from planning.bridge.roads import RoadState
from planning.choices import ReachMethod

# Eight bytes a pair, twice while rows are put together: what a worker of 8 GiB can hold.
MOST_PAIRS = 400_000_000
USUAL_DRIVE_M_PER_MIN = 500.0


def reach_method(frozen: Frozen) -> str:
    return ReachMethod.ROADS if frozen.meta["network"] else ReachMethod.STRAIGHT


def reach_of_service(
    frozen: Frozen,
    service: int,
    limit: float,
    unit: str,
    mode: str,
    detour: float,
    roads: RoadState | None = None,
) -> Reach:
    """Reach of every site of the snapshot (m rows); only sites that have, could take or could be given a role of
    `service` (its position in the snapshot) are searched, the rows of the others are empty.
    `roads`: closures, slow-downs and speeds of the question; minutes at the gate of a site come from the snapshot."""
    sites = np.unique(
        np.concatenate(
            [
                frozen["role_site"][frozen["role_service"] == service],
                frozen["option_site"][frozen["option_service"] == service],
            ]
        ).astype(np.int64)
    )
    x, y = np.asarray(frozen["site_x"])[sites], np.asarray(frozen["site_y"])[sites]
    extra = frozen.site_column("entry_minutes")[sites] if unit == "min" else np.zeros(len(sites))
    told = [
        frozen.meta["cells_key"],
        roads.key if roads else None,
        float(limit),
        unit,
        mode,
        float(detour),
        ENGINE_VERSION,
    ]
    digest = hashlib.sha256(json.dumps(told).encode())
    for column in (x, y, extra):
        digest.update(np.ascontiguousarray(column).tobytes())
    name = f"reach/{digest.hexdigest()}"
    try:
        arrays, _meta = artefacts.load(name)
        part = Reach(arrays["indptr"], arrays["cell"], arrays["cost"])
    except FileNotFoundError:
        part = _search(frozen, x, y, extra, limit, unit, mode, detour, roads)
        artefacts.keep(name, {"indptr": part.indptr, "cell": part.cell, "cost": part.cost}, {"told": told})
    lengths = np.zeros(frozen.sites, np.int64)
    lengths[sites] = np.diff(part.indptr)
    return Reach(np.concatenate([[0], np.cumsum(lengths)]), part.cell, part.cost)


def _refuse_if_too_large(
    frozen: Frozen, x: np.ndarray, y: np.ndarray, limit: float, unit: str, mode: str
) -> None:
    """Say in words what would otherwise end a worker for want of memory. Estimated on a sample of places."""
    if len(x) * frozen.cells <= MOST_PAIRS:
        return
    metres = limit if unit == "m" else limit * (WALK_M_PER_MIN if mode == "walk" else USUAL_DRIVE_M_PER_MIN)
    cx, cy = np.asarray(frozen["cell_x"]), np.asarray(frozen["cell_y"])
    sample = np.linspace(0, len(x) - 1, min(len(x), 40)).astype(int)
    near = [np.count_nonzero(np.hypot(cx - x[n], cy - y[n]) <= metres / DETOUR) for n in sample]
    pairs = float(np.mean(near)) * len(x)
    if pairs > MOST_PAIRS:
        words = _(
            "About %(pairs)d million pairs of places and cells lie within this reach, more than the"
            " %(most)d million a worker can hold. Set a shorter reach, or load the people in larger cells."
        )
        facts = {"pairs": round(pairs / 1e6), "most": MOST_PAIRS // 10**6}
        raise DomainError("reach-too-large", words % facts)


def _search(
    frozen: Frozen,
    x: np.ndarray,
    y: np.ndarray,
    extra: np.ndarray,
    limit: float,
    unit: str,
    mode: str,
    detour: float,
    roads: RoadState | None,
) -> Reach:
    _refuse_if_too_large(frozen, x, y, limit, unit, mode)
    cells = np.asarray(frozen["cell_x"]), np.asarray(frozen["cell_y"])
    if roads is None:
        return reach_straight(x, y, *cells, limit, unit, mode, detour, site_extra=extra)
    return reach_by_road(
        roads.graph, x, y, *cells, limit, unit, mode, detour, weight=roads.weight_for(unit), site_extra=extra,
        walk_m_per_min=roads.walk_m_per_min, entry_m_per_min=roads.entry_m_per_min,
    )  # fmt: skip
