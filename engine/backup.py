"""How many facilities could step in for each cell, and how far the second or third nearest is.

Counts places, not roles: two roles of one service at one site fall out together.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.checks import InvalidInput, check_world
from engine.coverage import role_ready, role_supply
from engine.pairs import on_threads, spans
from engine.world import Reach, World

LEAST_CELLS = 16_384  # fewer are not worth a thread


def backup_coverage(world: World) -> NDArray[np.int32]:
    """(k, n) how many sites with usable capacity, ready in time, each cell has in reach per service. 0: nobody,
    1: no backup. Raises InvalidInput."""
    check_world(world)
    count = np.zeros((world.services, world.demand.cells), np.int32)
    for service, sites in enumerate(ready_sites(world)):
        count[service] = np.bincount(world.reach[service].take(sites).cell, minlength=world.demand.cells)
    return count


def kth_cost(world: World, kth: int) -> NDArray[np.float32]:
    """(k, n) metres or minutes to the kth nearest (1 = nearest) of those sites; inf where there are fewer in reach.
    Raises InvalidInput."""
    check_world(world)
    if int(kth) != kth or kth < 1:
        raise InvalidInput(["kth: whole, from 1"])
    cells = world.demand.cells
    out = np.full((world.services, cells), np.inf, np.float32)
    for service, sites in enumerate(ready_sites(world)):
        reach = world.reach[service].take(sites)
        if reach.pairs and cells:
            out[service] = _kth(reach, cells, int(kth))
    return out


def ready_sites(world: World) -> list[NDArray[np.int64]]:
    """Per service, the sites (ascending) with a role that supplies something and is ready in time."""
    supplies = (role_supply(world)[0] > 0) & role_ready(world)
    return [
        np.unique(world.supply.role_site[supplies & (world.supply.role_service == service)]).astype(np.int64)
        for service in range(world.services)
    ]


def _kth(reach: Reach, cells: int, kth: int) -> NDArray[np.float32]:
    out = np.empty(cells, np.float32)
    cuts = spans(cells, None, LEAST_CELLS)
    on_threads(lambda n: _kth_of_cells(reach.indptr, reach.cell, reach.cost, *cuts[n], kth, out), len(cuts))
    return out


@njit(nogil=True, cache=True)
def _kth_of_cells(indptr, cell, cost, low, high, kth, out):
    """Keeps the kth lowest costs of the cells low..high, sorted, while the rows go by."""
    best = np.full((high - low, kth), np.inf, np.float32)
    for site in range(len(indptr) - 1):
        row = cell[indptr[site] : indptr[site + 1]]
        for p in range(indptr[site] + np.searchsorted(row, low), indptr[site + 1]):
            if cell[p] >= high:
                break
            mine, value = best[cell[p] - low], cost[p]
            at = kth
            while at > 0 and value < mine[at - 1]:
                if at < kth:
                    mine[at] = mine[at - 1]
                at -= 1
            if at < kth:
                mine[at] = value
    for i in range(low, high):
        out[i] = best[i - low, kth - 1]
