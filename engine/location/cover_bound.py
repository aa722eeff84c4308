"""A ceiling for maximal covering from prices on the groups, and the fractions of the linear relaxation.

With a price 0 <= price[i] <= weight[i] on covering group i,

    bound(price) = sum(weight - price) + the p greatest site worths,  worth[j] = sum of the prices of j's groups

is at least what any p sites cover: a group gives at most weight - price, plus price for each open site that covers it.
The prices come from a primal-dual first-order method with steps by row and column and restarts at the better of the
current and the averaged point (Chambolle and Pock 2011; Pock and Chambolle 2011; Applegate et al. 2021). Every iterate
gives a valid bound; the best is kept.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.location.grouping import Grouped

CHECK_EVERY = 20


@dataclass(frozen=True, slots=True)
class CoverBound:
    """value: the ceiling. price (groups,), worth (sites,): its proof. open_share (sites,): fractions of the best point
    of the relaxation; relaxed: what they cover. p: sites to choose."""

    value: float
    price: NDArray[np.float64]
    worth: NDArray[np.float64]
    open_share: NDArray[np.float64]
    relaxed: float
    p: int

    def decided(self, value: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(sites,) twice: those in every choice better than `value`, and those in none. Forcing a site in or out costs
        the bound the difference to the last site in, or the first one out."""
        order = np.argsort(-self.worth, kind="stable")
        surely_in, surely_out = np.zeros(len(order), bool), np.zeros(len(order), bool)
        inside, outside = order[: self.p], order[self.p :]
        if len(outside):
            last, first = self.worth[inside[-1]], self.worth[outside[0]]
            slack = 1e-9 * max(abs(value), 1.0)
            surely_out[outside] = self.value - (last - self.worth[outside]) < value - slack
            surely_in[inside] = self.value - (self.worth[inside] - first) < value - slack
        return surely_in, surely_out

    def undecided(self, value: float) -> int:
        surely_in, surely_out = self.decided(value)
        return int((~surely_in & ~surely_out).sum())


def bound_of(group: Grouped, by_site: tuple[NDArray[np.int64], NDArray[np.int32]], p: int, price: NDArray[np.float64]) -> float:  # fmt: skip
    """The ceiling that prices (groups,) prove, summed anew in float64: the independent check of a kept bound."""
    price = np.clip(price, 0.0, group.weight)
    worth = np.zeros(group.sites)
    np.add.at(worth, group.site, np.repeat(price, np.diff(group.indptr)))
    return float((group.weight - price).sum() + np.sort(worth)[::-1][:p].sum())


@njit(parallel=True, cache=True)
def _price_step(indptr, site, weight, ahead, price, step):
    for i in prange(len(weight)):
        covered = -1.0
        for q in range(indptr[i], indptr[i + 1]):
            covered += ahead[site[q]]
        price[i] = min(weight[i], max(0.0, price[i] - step[i] * covered))


@njit(parallel=True, cache=True)
def _worths(ptr, group, price, worth):
    for j in prange(len(ptr) - 1):
        total = 0.0
        for q in range(ptr[j], ptr[j + 1]):
            total += price[group[q]]
        worth[j] = total


@njit(parallel=True, cache=True)
def _covered_by_shares(indptr, site, weight, share):
    total = 0.0
    for i in prange(len(weight)):
        covered = 0.0
        for q in range(indptr[i], indptr[i + 1]):
            covered += share[site[q]]
        total += weight[i] * min(1.0, covered)
    return total


@njit(cache=True)
def _to_p(values, step, p):
    """The nearest shares in 0..1 that sum to p, distances weighed by 1/step: values - shift x step, cut to 0..1."""
    low, high = ((values - 1.0) / step).min(), (values / step).max()
    for _ in range(60):
        middle = 0.5 * (low + high)
        total = 0.0
        for j in range(len(values)):
            total += min(1.0, max(0.0, values[j] - middle * step[j]))
        if total > p:
            low = middle
        else:
            high = middle
    out = np.empty(len(values))
    for j in range(len(values)):
        out[j] = min(1.0, max(0.0, values[j] - high * step[j]))
    return out


def _greatest(worth: NDArray[np.float64], p: int) -> float:
    return float(np.partition(worth, len(worth) - p)[len(worth) - p :].sum())


def cover_bound(
    group: Grouped, by_site: tuple[NDArray[np.int64], NDArray[np.int32]], p: int, value: float,
    start: NDArray[np.int64], gap: float, seconds: float,
) -> CoverBound:  # fmt: skip
    """Prices that prove a ceiling; stops when it is within `gap` of `value` (a choice that is known), when the
    relaxation is solved to a tenth of that, or after `seconds`."""
    begun = time.monotonic()
    indptr, site, weight = group.arrays
    ptr, member = by_site
    sites = group.sites
    share = np.full(sites, 0.5 * p / sites)
    share[start] += 0.5
    whole = np.zeros(sites)
    _worths(ptr, member, weight, whole)
    positive = whole[whole > 0]
    site_step = 1.0 / np.maximum(whole, 0.5 * positive.min() if len(positive) else 1.0)
    row_step = weight / np.maximum(np.diff(indptr), 1)
    share = _to_p(share, site_step, p)
    price = np.zeros(group.groups)
    _price_step(indptr, site, weight, share, price, row_step)
    worth = np.zeros(sites)
    _worths(ptr, member, price, worth)
    best = (np.inf, price.copy(), worth.copy())
    relaxed, shares = 0.0, share.copy()
    sum_share, sum_price, count, last = np.zeros(sites), np.zeros(group.groups), 0, np.inf
    averaged = np.zeros(sites)
    rounds = 0
    while True:
        forward = _to_p(share + site_step * worth, site_step, p)
        _price_step(indptr, site, weight, 2.0 * forward - share, price, row_step)
        share = forward
        _worths(ptr, member, price, worth)
        sum_share += share
        sum_price += price
        count += 1
        rounds += 1
        if rounds % CHECK_EVERY:
            continue
        mean_share, mean_price = sum_share / count, sum_price / count
        _worths(ptr, member, mean_price, averaged)
        at_mean = float((weight - mean_price).sum()) + _greatest(averaged, p)
        here = float((weight - price).sum()) + _greatest(worth, p)
        value_mean = _covered_by_shares(indptr, site, weight, mean_share)
        value_here = _covered_by_shares(indptr, site, weight, share)
        for ceiling, prices, worths in ((at_mean, mean_price, averaged), (here, price, worth)):
            if ceiling < best[0]:
                best = (ceiling, prices.copy(), worths.copy())
        for worth_of, given in ((value_mean, mean_share), (value_here, share)):
            if worth_of > relaxed:
                relaxed, shares = worth_of, given.copy()
        if best[0] - value <= gap * best[0] or best[0] - relaxed <= max(0.1 * gap, 1e-7) * best[0]:
            break
        if time.monotonic() - begun > seconds:
            break
        gap_mean, gap_here = at_mean - value_mean, here - value_here
        if min(gap_mean, gap_here) < 0.3 * last or count >= 400:
            if gap_mean < gap_here:
                share, price, worth = mean_share, mean_price, averaged.copy()
            last, count = min(gap_mean, gap_here), 0
            sum_share[:] = 0.0
            sum_price[:] = 0.0
    # Prices are summed anew so that the proof does not rest on sums kept along the way.
    return CoverBound(max(bound_of(group, by_site, p, best[1]), 0.0), best[1], best[2], shares, relaxed, p)
