"""A floor for the p-median with a cutoff, from prices on the rows.

With a price 0 <= price[i] <= penalty on row i,

    bound(price) = sum(weight x price) - the p greatest site worths,
    worth[j] = sum over j's rows of weight x max(0, price - cost)

is at most the cost of any p sites (Lagrangian relaxation of "every row is served once"; being served by nobody costs the
penalty, so no price above it helps). Source: Narula, Ogbu and Samuelsson 1977; Barahona and Anbil 2000 (averaged primal).
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

# The rows are summed in this many parts whatever the number of threads, so that sums do not depend on it.
PARTS = 16


@njit(parallel=True, cache=True)
def move(indptr, site, cost, weight, is_open, price, direction, keep, step, penalty, parts, sums):
    """One step of every price along the kept direction, and the worths at the new prices, in one walk over the pairs.

    is_open (m,): the sites that the relaxation opens at the present prices. direction (r,) = keep x direction +
    (1 - keep) x (1 - times served). parts (PARTS, m), sums (PARTS, 2): worths, sum of weight x price, squared length.
    """
    rows = len(weight)
    for part in prange(PARTS):
        worth = parts[part]
        worth[:] = 0.0
        total, length = 0.0, 0.0
        for i in range(part * rows // PARTS, (part + 1) * rows // PARTS):
            low, high, u, w = indptr[i], indptr[i + 1], price[i], weight[i]
            served = 0
            for q in range(low, high):
                if cost[q] >= u:
                    break
                if is_open[site[q]]:
                    served += 1
            d = keep * direction[i] + (1.0 - keep) * (1.0 - served)
            direction[i] = d
            floor = np.float64(cost[low])
            if (u >= penalty and d > 0.0) or (u <= floor and d < 0.0):
                d = 0.0
            length += w * d * d
            # Below the nearest site's cost a price only loses.
            u = min(penalty, max(floor, u + step * d))
            price[i] = u
            total += w * u
            for q in range(low, high):
                c = cost[q]
                if c >= u:
                    break
                worth[site[q]] += w * (u - c)
        sums[part, 0], sums[part, 1] = total, length


@njit(parallel=True, cache=True)
def between(indptr, site, cost, penalty, is_open, price):
    """Prices to start from: between the costs of the nearest and the second nearest open site."""
    for i in prange(len(price)):
        first, second = penalty, penalty
        found = False
        for q in range(indptr[i], indptr[i + 1]):
            if is_open[site[q]]:
                if found:
                    second = np.float64(cost[q])
                    break
                first, found = np.float64(cost[q]), True
        price[i] = first + 0.5 * (second - first)
