"""Value and floor of a p-median with a cutoff, computed anew in float64: from the pairs, and without them.

`floor_of_prices` and `cost_on_demands` use the pairs of `Nearby` but take the costs from the places. `check_places` knows
nothing of pairs, rows or sums kept on the way: it walks every cell and every site. It decides whether an answer holds.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.location.near import Nearby

Floats = NDArray[np.float64]
PARTS = 64


def floor_of_prices(near: Nearby, p: int, penalty: float, price: Floats) -> float:
    """The floor that prices (rows,) prove, people without a site near included."""
    price = np.clip(price, 0.0, penalty)
    worths, sums = np.zeros((PARTS, near.sites)), np.zeros(PARTS)
    if near.places is None:
        nowhere = np.zeros(0)
        places = (nowhere, nowhere, nowhere, nowhere)
    else:
        cx, cy, sx, sy = near.places
        places = (cx[near.first], cy[near.first], sx, sy)
    _sum_pairs(*near.arrays, price, *places, worths, sums)
    return float(sums.sum() - np.sort(worths.sum(axis=0))[::-1][:p].sum() + near.alone * penalty)


@njit(parallel=True, cache=True)
def _sum_pairs(indptr, site, cost, weight, price, cx, cy, sx, sy, worths, sums):
    for part in prange(PARTS):
        worth = worths[part]
        for i in range(part * len(weight) // PARTS, (part + 1) * len(weight) // PARTS):
            sums[part] += weight[i] * price[i]
            for q in range(indptr[i], indptr[i + 1]):
                j = site[q]
                way = (
                    np.float64(cost[q])
                    if len(sx) == 0
                    else np.sqrt((cx[i] - sx[j]) ** 2 + (cy[i] - sy[j]) ** 2)
                )
                worth[j] += weight[i] * max(0.0, price[i] - way)


def cost_on_demands(
    near: Nearby, penalty: float, chosen: NDArray[np.int64]
) -> tuple[float, NDArray[np.int64]]:
    """(sum over the demands as they came, site of each, -1 where none is near or nobody counts)."""
    is_open = np.zeros(near.sites, bool)
    is_open[chosen] = True
    kept = np.flatnonzero(is_open[near.site])
    demand = np.searchsorted(near.indptr, kept, side="right") - 1
    # Rows are in order of cost: the first open one is the nearest.
    first = np.ones(len(kept), bool)
    first[1:] = demand[1:] != demand[:-1]
    way, who = np.full(near.rows, penalty), np.full(near.rows + 1, -1, np.int64)
    way[demand[first]] = near.exact_cost(kept[first], demand[first])
    who[demand[first]] = near.site[kept[first]]
    return float((near.weight * way).sum() + near.alone * penalty), who[near.row]


@njit(parallel=True, cache=True)
def _walk(cx, cy, people, price, sx, sy, cutoff, penalty, is_open, worths, sums):
    for part in prange(PARTS):
        worth = worths[part]
        for i in range(part * len(cx) // PARTS, (part + 1) * len(cx) // PARTS):
            if people[i] <= 0:
                continue
            way = penalty
            for j in range(len(sx)):
                dx, dy = cx[i] - sx[j], cy[i] - sy[j]
                square = dx * dx + dy * dy
                if square <= cutoff * cutoff:
                    far = np.sqrt(square)
                    worth[j] += people[i] * max(0.0, price[i] - far)
                    if is_open[j]:
                        way = min(way, far)
            sums[part, 0] += people[i] * price[i]
            sums[part, 1] += people[i] * way


def check_places(
    cell_x: Floats, cell_y: Floats, people: Floats, site_x: Floats, site_y: Floats, cutoff: float, penalty: float,
    p: int, price: Floats, chosen: NDArray[np.int64],
) -> tuple[float, float]:  # fmt: skip
    """(floor, cost) from prices of the cells (n,), any numbers, and a choice: every cell against every site."""
    is_open = np.zeros(len(site_x), bool)
    is_open[chosen] = True
    worths, sums = np.zeros((PARTS, len(site_x))), np.zeros((PARTS, 2))
    _walk(
        cell_x, cell_y, people, np.clip(price, 0.0, penalty), site_x, site_y, float(cutoff), float(penalty), is_open,
        worths, sums,
    )  # fmt: skip
    total, cost = sums.sum(axis=0)
    return float(total - np.sort(worths.sum(axis=0))[::-1][:p].sum()), float(cost)


def price_of_demands(near: Nearby, price: Floats, penalty: float) -> Floats:
    """(n,) prices of the demands from those of their rows; the penalty where no site is near."""
    return np.append(price, penalty)[near.row]
