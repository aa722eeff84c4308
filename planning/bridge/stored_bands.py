"""A stored reach asked band by band, so that a score never holds more pairs than it needs at the moment."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.bands import PAIRS_AT_ONCE, BandedReach
from engine.world import Reach
from planning.bridge import artefacts
from planning.bridge.searches import Values


def stored_bands(
    reach: Reach, name: str, cells: int, limit: float, pairs_at_once: int = PAIRS_AT_ONCE
) -> BandedReach:
    """Stands in for `reach` in World.reach and scores nearest-first alike. `name`: the folder whose pairs `reach` maps,
    in the same order; they are read, not mapped, since a page that is mapped counts as the worker's memory."""
    arrays, _meta = artefacts.load(name)
    first = np.asarray(reach.indptr)

    def rows(sites: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        with Values(arrays["cell"]) as cell, Values(arrays["cost"]) as cost:
            for site in sites.tolist():
                at, count = int(first[site]), int(first[site + 1] - first[site])
                yield cell.read(at, count), cost.read(at, count)

    def search(sites: np.ndarray, wanted: np.ndarray, low: float, high: float) -> Reach:
        found_cells: list[np.ndarray] = [np.empty(0, np.int32)]
        found_costs: list[np.ndarray] = [np.empty(0, np.float32)]
        lengths = np.zeros(len(sites), np.int64)
        for number, (cell, cost) in enumerate(rows(sites)):
            kept = np.flatnonzero((cost > np.float32(low)) & (cost <= np.float32(high)) & wanted[cell])
            found_cells.append(cell[kept])
            found_costs.append(cost[kept])
            lengths[number] = len(kept)
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        return Reach(indptr, np.concatenate(found_cells), np.concatenate(found_costs))

    def nearest(sites: np.ndarray, high: float) -> np.ndarray:
        least = np.full(cells, np.inf, np.float32)
        for cell, cost in rows(sites):
            least[cell] = np.minimum(least[cell], cost)  # a row names no cell twice
        least[least > np.float32(high)] = np.inf
        return least

    return BandedReach(reach.sites, float(limit), search, nearest, pairs_at_once)
