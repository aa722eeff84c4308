"""Choices for maximal covering: greedy, interchange, and shaking. Kernels over entries by group and by site.

indptr, site, weight: groups as in `Grouped`; ptr, group: the same entries by site.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def covered_weight(indptr, site, weight, chosen, sites):
    """Weight of the groups that one of `chosen` covers."""
    is_open = np.zeros(sites, np.bool_)
    for k in range(len(chosen)):
        is_open[chosen[k]] = True
    total = 0.0
    for i in range(len(weight)):
        for q in range(indptr[i], indptr[i + 1]):
            if is_open[site[q]]:
                total += weight[i]
                break
    return total


@njit(cache=True)
def add_greedily(indptr, site, weight, ptr, group, p):
    """(p,) sites, each the one that adds most to those before it; the lowest number among equals."""
    sites = len(ptr) - 1
    gain = np.zeros(sites)
    for j in range(sites):
        for q in range(ptr[j], ptr[j + 1]):
            gain[j] += weight[group[q]]
    covered = np.zeros(len(weight), np.bool_)
    is_open = np.zeros(sites, np.bool_)
    chosen = np.empty(p, np.int64)
    for k in range(p):
        best = -1
        for j in range(sites):
            if not is_open[j] and (best < 0 or gain[j] > gain[best]):
                best = j
        chosen[k] = best
        is_open[best] = True
        for q in range(ptr[best], ptr[best + 1]):
            i = group[q]
            if not covered[i]:
                covered[i] = True
                for t in range(indptr[i], indptr[i + 1]):
                    gain[site[t]] -= weight[i]
    return chosen


@njit(cache=True)
def interchange(indptr, site, weight, ptr, group, chosen):
    """Change `chosen` in place by the best exchange of one site for another while one gains; the number of exchanges.

    gain[j]: what site j adds; loss[k]: what only the k-th chosen covers; both[k, j]: what is in both, and so is not lost
    when j comes for k. Kept up to date group by group (Resende and Werneck 2007).
    """
    sites, p = len(ptr) - 1, len(chosen)
    place = np.full(sites, -1, np.int64)
    for k in range(p):
        place[chosen[k]] = k
    times = np.zeros(len(weight), np.int32)
    gain, loss, both = np.zeros(sites), np.zeros(p), np.zeros((p, sites))
    total = 0.0
    for i in range(len(weight)):
        only = -1
        for t in range(indptr[i], indptr[i + 1]):
            if place[site[t]] >= 0:
                times[i] += 1
                only = place[site[t]]
        if times[i] == 0:
            for t in range(indptr[i], indptr[i + 1]):
                gain[site[t]] += weight[i]
        else:
            total += weight[i]
            if times[i] == 1:
                loss[only] += weight[i]
                for t in range(indptr[i], indptr[i + 1]):
                    both[only, site[t]] += weight[i]
    moves = 0
    while moves < 100_000:
        best, come, go = 1e-9 * max(total, 1e-300), -1, -1
        for k in range(p):
            for j in range(sites):
                if place[j] < 0:
                    change = gain[j] - loss[k] + both[k, j]
                    if change > best:
                        best, come, go = change, j, k
        if come < 0:
            return moves
        moves += 1
        total += best
        gone = chosen[go]
        for q in range(ptr[gone], ptr[gone + 1]):
            i = group[q]
            if times[i] == 1:
                for t in range(indptr[i], indptr[i + 1]):
                    gain[site[t]] += weight[i]
            elif times[i] == 2:
                for t in range(indptr[i], indptr[i + 1]):
                    k = place[site[t]]
                    if k >= 0 and k != go:
                        loss[k] += weight[i]
                        for s in range(indptr[i], indptr[i + 1]):
                            both[k, site[s]] += weight[i]
                        break
            times[i] -= 1
        place[gone] = -1
        loss[go] = 0.0
        both[go, :] = 0.0
        chosen[go] = come
        for q in range(ptr[come], ptr[come + 1]):
            i = group[q]
            if times[i] == 0:
                loss[go] += weight[i]
                for t in range(indptr[i], indptr[i + 1]):
                    gain[site[t]] -= weight[i]
                    both[go, site[t]] += weight[i]
            elif times[i] == 1:
                for t in range(indptr[i], indptr[i + 1]):
                    k = place[site[t]]
                    if k >= 0:
                        loss[k] -= weight[i]
                        for s in range(indptr[i], indptr[i + 1]):
                            both[k, site[s]] -= weight[i]
                        break
            times[i] += 1
        place[come] = go
    return moves


def perturb(
    indptr: NDArray[np.int64], site: NDArray[np.int32], weight: NDArray[np.float64], ptr: NDArray[np.int64],
    group: NDArray[np.int32], chosen: NDArray[np.int64], open_share: NDArray[np.float64], seed: int, most: int,
) -> NDArray[np.int64]:  # fmt: skip
    """Another choice: some of the chosen go (those that share most with one of them), others come with the probability
    that the relaxation gives them, then interchange."""
    random = np.random.Generator(np.random.PCG64(seed))
    other, sites, p = chosen.copy(), len(ptr) - 1, len(chosen)
    count = min(int(random.integers(1, max(min(most, p), 1) + 1)), p)
    middle = chosen[random.integers(p)]
    mine = np.zeros(len(weight))
    mine[group[ptr[middle] : ptr[middle + 1]]] = 1.0
    shared = np.array([mine[group[ptr[j] : ptr[j + 1]]].sum() for j in chosen.tolist()])
    going = np.argsort(-(shared + random.random(p)), kind="stable")[:count]
    chance = open_share + 0.02 * max(open_share.sum(), 1e-9) / sites
    chance[chosen] = 0.0
    chance[chosen[going]] = 0.0
    enough = int((chance > 0).sum()) >= count
    if enough:
        other[going] = random.choice(sites, count, replace=False, p=chance / chance.sum())
    interchange(indptr, site, weight, ptr, group, other)
    return other
