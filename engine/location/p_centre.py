"""p-centre: p sites so that the worst-served demand is as near as possible."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from engine.location.mip import minimise
from engine.location.records import Located, Sites, check_count, impossible, located

SOURCE = "covers of few demands within rising limits"
ADDED_AT_ONCE = 4


def p_centre(sites: Sites, p: int, seconds: float = 300.0, seed: int = 0) -> Located:
    """Least greatest cost from a demand to its nearest chosen site; demands of weight 0 do not count.

    The answer is one of the costs in the table: bisection over them, each limit decided with proof. A limit is too small
    when p sites cannot even cover some few of the demands within it; it is enough when the sites that cover those few
    turn out to cover everybody, else the farthest are added to the few. The few stay from limit to limit. The bound is
    the smallest cost that is not proved too small. Source: Minieka 1970; Chen and Chen 2009.
    """
    begun = time.monotonic()
    n, m = sites.cost.shape
    check_count(p, m)
    counted = np.flatnonzero(sites.weight > 0)
    cost = sites.cost[counted]
    # Below the greatest of the nearest costs somebody has no site at all.
    nearest = float(cost.min(axis=1).max(initial=0.0))
    if not len(counted) or not np.isfinite(nearest):
        return impossible("p-centre", n, time.monotonic() - begun, seed, "a demand that no site may serve")
    values = np.unique(cost[np.isfinite(cost)])
    search = _Limits(cost, p, begun + seconds, seed)
    low, high = int(np.searchsorted(values, nearest)), len(values) - 1
    best = search.sites_within(float(values[high]))
    if best is None and not search.late:
        return impossible("p-centre", n, time.monotonic() - begun, seed, "p sites that reach everybody")
    if best is not None:
        high = int(np.searchsorted(values, _worst(cost, best)))
    while low < high and not search.late:
        middle = (low + high) // 2
        found = search.sites_within(float(values[middle]))
        if found is not None:
            best, high = found, int(np.searchsorted(values, _worst(cost, found)))
        elif not search.late:
            low = middle + 1
    spent = time.monotonic() - begun
    chosen = np.sort(search.filled(np.empty(0, np.int64)) if best is None else best)
    worst = _worst(cost, chosen)
    way = sites.cost[:, chosen]
    assigned = np.where(np.isfinite(way.min(axis=1)), chosen[way.argmin(axis=1)], -1)
    floor = float(values[min(low, len(values) - 1)])
    return located("p-centre", chosen, worst, min(floor, worst), spent, seed, SOURCE, assigned)


def _worst(cost: NDArray[np.float64], chosen: NDArray[np.int64]) -> float:
    return float(cost[:, chosen].min(axis=1).max())


class _Limits:
    """Answers whether p sites are enough within a limit. `few`: demands that decided earlier limits. `late`: the time was
    over before the last question was decided."""

    def __init__(self, cost: NDArray[np.float64], p: int, until: float, seed: int) -> None:
        self.cost, self.p, self.until, self.seed = cost, p, until, seed
        self.few: list[int] = [int(np.argmax(cost.min(axis=1)))]
        self.late = False

    def sites_within(self, limit: float) -> NDArray[np.int64] | None:
        """p sites with everybody within the limit; None: there are none (or `late`)."""
        while True:
            left = self.until - time.monotonic()
            if left <= 0:
                self.late = True
                return None
            chosen = self._cover_few(limit, left)
            if chosen is None:
                return None
            chosen = self.filled(chosen)
            way = self.cost[:, chosen].min(axis=1)
            if way.max() <= limit:
                return chosen
            # The farthest, then those farthest from everybody who was added just now.
            for _turn in range(ADDED_AT_ONCE):
                far = int(np.argmax(way))
                if way[far] <= limit:
                    break
                self.few.append(far)
                near = int(np.argmin(self.cost[far]))
                way = np.minimum(way, self.cost[:, near])

    def _cover_few(self, limit: float, seconds: float) -> NDArray[np.int64] | None:
        """At most p sites that cover the few; None: proved impossible (or `late`)."""
        inside = (self.cost[self.few] <= limit).T
        pattern, first = np.unique(inside, axis=0, return_index=True)
        covers = pattern.astype(np.float64)
        # A site that covers no more of the few than another is not needed.
        more = covers @ (1.0 - covers).T
        np.fill_diagonal(more, 1.0)
        kept = np.flatnonzero((more > 0).all(axis=1))
        matrix = csc_array(np.vstack([covers[kept].T, np.ones(len(kept))]))
        k = len(self.few)
        found = minimise(
            np.ones(len(kept)), matrix, np.r_[np.ones(k), -np.inf], np.r_[np.full(k, np.inf), float(self.p)],
            np.ones(len(kept), bool), seconds, self.seed, rel_gap=1.0,
        )  # fmt: skip
        if found.x is None:
            self.late = not found.infeasible
            return None
        return first[kept[found.x > 0.5]]

    def filled(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """p sites: those given, and then for each farthest demand the one nearest to it."""
        sites = list(dict.fromkeys(chosen.tolist()))
        free = np.ones(self.cost.shape[1], bool)
        free[sites] = False
        way = self.cost[:, sites].min(axis=1) if sites else np.full(len(self.cost), np.inf)
        while len(sites) < self.p:
            far = int(np.argmax(way))
            site = int(np.argmin(np.where(free, self.cost[far], np.inf)))
            site = site if free[site] else int(np.flatnonzero(free)[0])
            sites.append(site)
            free[site] = False
            way = np.minimum(way, self.cost[:, site])
        return np.array(sites, np.int64)
