"""Capacitated facility location: which warehouses to open, and who is served from where, at least cost."""

from __future__ import annotations

import time

import numpy as np
from scipy.sparse import coo_array

from engine.location.capacitated_search import Search
from engine.location.mip import minimise
from engine.location.records import Located, Warehouses, impossible, located

SOURCE = "branch and cut on the model with a link for every pair"
PRICED = "branch and bound on prices of the demands"
# Beyond this many pairs the model with its links is slower than prices.
MOST_PAIRS = 8_000


def capacitated(plants: Warehouses, seconds: float = 300.0, seed: int = 0) -> Located:
    """Least fixed cost + service cost so that every demand is served in full within the capacities.

    A demand may be served in parts (the transport problem); each part costs its share of `cost`. A demand uses a
    warehouse only as far as it is open, pair by pair: without these links the bound is weak; large ones are answered by
    prices on the demands, which give the same bound without the rows. `assigned`: where most of the demand comes from. Source: Kuehn and Hamburger 1963; Cornuejols, Sridharan and Thizy 1991.
    """
    begun = time.monotonic()
    n, m = plants.cost.shape
    demand, site = np.nonzero(np.isfinite(plants.cost))
    pairs = len(demand)
    if pairs > MOST_PAIRS and len(np.unique(demand)) == n:
        return _priced(plants, seconds, seed, begun)
    column = np.arange(pairs)
    share = plants.demand[demand]
    # Columns: x of a pair (share of the demand), then y of a site. Rows: demands, capacities, links, total capacity.
    row = np.concatenate(
        [demand, n + site, n + m + column, n + m + column, n + np.arange(m), np.full(m, n + m + pairs)]
    )
    col = np.concatenate([column, column, column, pairs + site, pairs + np.arange(m), pairs + np.arange(m)])
    value = np.concatenate(
        [np.ones(pairs), share, np.ones(pairs), -np.ones(pairs), -plants.capacity, plants.capacity]
    )
    rows = n + m + pairs + 1
    matrix = coo_array((value, (row, col)), shape=(rows, pairs + m)).tocsc()
    low = np.concatenate([np.ones(n), np.full(m + pairs, -np.inf), [plants.demand.sum()]])
    high = np.concatenate([np.ones(n), np.zeros(m + pairs), [np.inf]])
    objective = np.concatenate([plants.cost[demand, site], plants.fixed])
    whole = np.concatenate([np.zeros(pairs, bool), np.ones(m, bool)])
    found = minimise(objective, matrix, low, high, whole, seconds, seed)
    spent = time.monotonic() - begun
    if found.x is None and found.infeasible:
        return impossible("capacitated", n, spent, seed, SOURCE)
    if found.x is None:
        return located("capacitated", np.empty(0, np.int64), np.inf, found.bound, spent, seed, SOURCE)
    opened = np.flatnonzero(found.x[pairs:] > 0.5)
    flow = np.zeros((n, m))
    flow[demand, site] = found.x[:pairs]
    worth = float(plants.fixed[opened].sum() + (plants.cost[demand, site] * found.x[:pairs]).sum())
    bound = min(found.bound, worth)
    return located("capacitated", opened, worth, bound, spent, seed, SOURCE, flow.argmax(axis=1))


def _priced(plants: Warehouses, seconds: float, seed: int, begun: float) -> Located:
    n = len(plants.demand)
    search = Search(plants, seconds, seed)
    floor = search.run()
    spent = time.monotonic() - begun
    if not np.isfinite(search.best):
        if floor == np.inf:
            return impossible("capacitated", n, spent, seed, PRICED)
        return located("capacitated", np.empty(0, np.int64), np.inf, floor, spent, seed, PRICED)
    assigned = search.flow.argmax(axis=1)
    return located(
        "capacitated", search.opened, search.best, min(floor, search.best), spent, seed, PRICED, assigned
    )
