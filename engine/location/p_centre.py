"""p-centre: p sites so that the worst-served demand is as near as possible."""

from __future__ import annotations

import time

import numpy as np

from engine.location.covering import set_cover
from engine.location.records import Located, Sites, check_count, cover_within, impossible, located

SOURCE = "set covers within rising limits"


def p_centre(sites: Sites, p: int, seconds: float = 300.0, seed: int = 0) -> Located:
    """Least greatest cost from a demand to its nearest chosen site; demands of weight 0 do not count.

    The answer is one of the costs in the table. p sites suffice within a limit when a set cover of that limit takes at
    most p: bisection over the sorted costs, each question answered with proof. The bound is the smallest cost that is
    not proved too small. Source: Minieka 1970.
    """
    begun = time.monotonic()
    n, m = sites.cost.shape
    check_count(p, m)
    counted = np.flatnonzero(sites.weight > 0)
    cost = sites.cost[counted]
    values = np.unique(cost[np.isfinite(cost)])
    ask = Sites(cost, np.ones(len(counted)))
    best: np.ndarray | None = None
    # Below the greatest of the nearest costs somebody has no site at all.
    nearest = cost.min(axis=1)
    if not len(counted) or not np.isfinite(nearest.max(initial=0)):
        return impossible("p-centre", n, time.monotonic() - begun, seed, "a demand that no site may serve")
    low, high = int(np.searchsorted(values, nearest.max())), len(values) - 1
    sure = low
    while low < high or best is None:
        middle = (low + high) // 2 if best is not None else high
        left = seconds - (time.monotonic() - begun)
        cover = set_cover(cover_within(ask, values[middle]), seconds=left, seed=seed, at_most=p)
        if cover.status != "infeasible" and len(cover.sites) <= p:
            best, high = cover.sites, middle
        elif cover.status == "infeasible" or cover.bound > p + 1e-6:
            if middle == len(values) - 1:
                return impossible("p-centre", n, time.monotonic() - begun, seed, SOURCE)
            low = sure = middle + 1
        else:
            break
        if left <= 0:
            break
    spent = time.monotonic() - begun
    if best is None:
        best = np.arange(min(p, m))
    chosen = _filled(best, p, m)
    within = cost[:, chosen]
    worst = float(within.min(axis=1).max())
    assigned = chosen[sites.cost[:, chosen].argmin(axis=1)]
    return located("p-centre", chosen, worst, min(float(values[sure]), worst), spent, seed, SOURCE, assigned)


def _filled(chosen: np.ndarray, p: int, m: int) -> np.ndarray:
    """p sites: those chosen, and more of the others where fewer are enough."""
    rest = np.setdiff1d(np.arange(m), chosen)
    return np.sort(np.concatenate([chosen, rest[: p - len(chosen)]]))
