"""A ceiling for maximal covering from prices on the groups, and the fractions of the linear relaxation.

With a price 0 <= price[i] <= weight[i] on covering group i,

    bound(price) = sum(weight - price) + the p greatest site worths,  worth[j] = sum of the prices of j's groups

is at least what any p sites cover: a group gives at most weight - price, plus price for each open site that covers it.
With sites fixed, those held in count in any case and those held out not at all. With a charge on each site its worth is
less by it; without p as many sites count as gain. The prices come from `first_order`; every iterate's prices are clipped
to what makes them valid, and the best bound is kept and summed anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.location import first_order
from engine.location.chains import Chains, chains
from engine.location.grouping import Grouped

Floats = NDArray[np.float64]

# Work between two looks at the clock, in sums of rows and differences: some hundredths of a second.
WORK_A_LOOK = 2e7


@dataclass(frozen=True, slots=True)
class CoverBound:
    """value: the ceiling, less the charges. price (groups,), worth (sites,), worth less charge: its proof. open_share
    (sites,): fractions of the best point of the relaxation; relaxed: what they cover, less the charges. p: sites to
    choose, None for any number. low, high (sites,): 1, 1 held in, 0, 0 held out, 0, 1 free. balance: of the two step
    sizes, for a warm start. rounds: iterations done."""

    value: float
    price: Floats
    worth: Floats
    open_share: Floats
    relaxed: float
    p: int | None
    low: Floats
    high: Floats
    balance: float
    rounds: int

    def decided(self, value: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(sites,) twice: those in every choice better than `value`, and those in none. Forcing a site in or out costs
        the bound the difference to the last site in, or the first one out."""
        surely_in, surely_out = self.low > 0.5, self.high < 0.5
        free = np.flatnonzero(~surely_in & ~surely_out)
        slack = 1e-9 * max(abs(value), 1.0)
        if self.p is None:
            surely_out[free] = self.value + np.minimum(self.worth[free], 0.0) < value - slack
            surely_in[free] = self.value - np.maximum(self.worth[free], 0.0) < value - slack
            return surely_in, surely_out
        order = free[np.argsort(-self.worth[free], kind="stable")]
        count = max(self.p - int(surely_in.sum()), 0)
        inside, outside = order[:count], order[count:]
        if len(inside) and len(outside):
            last, first = self.worth[inside[-1]], self.worth[outside[0]]
            surely_out[outside] = self.value - (last - self.worth[outside]) < value - slack
            surely_in[inside] = self.value - (self.worth[inside] - first) < value - slack
        return surely_in, surely_out

    def undecided(self, value: float) -> int:
        surely_in, surely_out = self.decided(value)
        return int((~surely_in & ~surely_out).sum())


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Rows in the order of the chains: weight, row_step (groups,); site_step (sites,)."""

    chains: Chains
    weight: Floats
    row_step: Floats
    site_step: Floats


def _prepared(group: Grouped) -> _Prepared:
    if not group._prepared:
        told = chains(group.indptr, group.site, group.sites)
        weight = group.weight[told.order]
        whole = np.zeros(group.sites)
        first_order.worths(told.parent, told.ptr, told.change, weight, np.empty(group.groups), whole)
        least = whole[whole > 1e-9 * whole.max(initial=0.0)].min(initial=np.inf)
        floor = 0.5 * least if np.isfinite(least) else 1.0
        steps = weight / np.maximum(np.diff(group.indptr)[told.order], 1)
        group._prepared.append(_Prepared(told, weight, steps, 1.0 / np.maximum(whole, floor)))
    return group._prepared[0]


def bound_of(
    group: Grouped, p: int | None, price: Floats, low: Floats | None = None, high: Floats | None = None,
    charge: Floats | None = None,
) -> float:  # fmt: skip
    """The ceiling that prices (groups,) prove, from the entries as they are, in float64: the independent check of a kept
    bound. low, high (sites,) tell what is held in and out."""
    price = np.clip(price, 0.0, group.weight)
    net = _worth_of(group.indptr, group.site, price, group.sites)
    if charge is not None:
        net -= charge
    held = np.zeros(group.sites, bool) if low is None else low > 0.5
    free = ~held & (np.ones(group.sites, bool) if high is None else high > 0.5)
    rest = np.sort(net[free])[::-1]
    count = max(p - int(held.sum()), 0) if p is not None else int((rest > 0).sum())
    return float((group.weight - price).sum() + net[held].sum() + rest[:count].sum())


@njit(nogil=True, cache=True)
def _worth_of(indptr, site, price, sites):
    worth = np.zeros(sites)
    for i in range(len(price)):
        for q in range(indptr[i], indptr[i + 1]):
            worth[site[q]] += price[i]
    return worth


def bound(
    group: Grouped,
    p: int | None,
    *,
    fixed_in: NDArray[np.integer] | None = None,
    fixed_out: NDArray[np.integer] | None = None,
    charge: Floats | None = None,
    warm: CoverBound | None = None,
    start: NDArray[np.integer] | None = None,
    value: float = -np.inf,
    gap: float = 1e-4,
    settled: float = 1e-5,
    seconds: float = np.inf,
    rounds: int = 1_000_000,
    should_stop: Callable[[], bool] | None = None,
    told: Callable[[float], None] | None = None,
) -> CoverBound:
    """The best ceiling found for what p sites (None: any number, each at its charge) cover, less the charges.

    fixed_in, fixed_out: numbers of sites held. charge (sites,): taken off for each open site. warm: a bound of the same
    groups to go on from (other fixings, charges and p are allowed). start: sites of a known choice, without warm. Stops
    when the ceiling is within `gap` of `value` (what a known choice covers) or below it, when the relaxation is settled
    to `settled` of the ceiling, after `seconds`, after `rounds` iterations, or when should_stop() says so; told(ceiling)
    whenever it fell. The answer depends on the clock only where `seconds` cuts it short.
    """
    begun = time.monotonic()
    ready, sites = _prepared(group), group.sites
    line, weight = ready.chains, ready.weight
    low, high = np.zeros(sites), np.ones(sites)
    if fixed_in is not None:
        low[fixed_in] = 1.0
    if fixed_out is not None:
        high[fixed_out] = 0.0
    price_of_site = np.zeros(sites) if charge is None else np.asarray(charge, np.float64)
    if warm is not None:
        share, price, balance = (
            np.clip(warm.open_share, low, high),
            warm.price[line.order].copy(),
            warm.balance,
        )
    else:
        share, price, balance = np.full(sites, 0.5 * (sites if p is None else p) / max(sites, 1)), None, 8.0
        if start is not None:
            share[start] += 0.5
    wanted = -1.0 if p is None else float(np.clip(p, low.sum(), high.sum()))
    if p is not None:
        share, _shift = first_order.to_p(share, ready.site_step, low, high, wanted, 0.0)
    else:
        share = np.clip(share, low, high)
    below, reached, worth = np.empty(len(weight)), np.empty(len(weight)), np.empty(sites)
    first_order.covered(line.parent, line.ptr, line.change, share, reached)
    if price is None:
        price = np.where(reached < 1.0, 0.5 * weight, 0.0)
    first_order.worths(line.parent, line.ptr, line.change, price, below, worth)
    scalars = np.zeros(first_order.SCALARS)
    scalars[first_order.BALANCE] = balance
    scalars[first_order.RELAXED] = float(weight @ np.minimum(1.0, reached) - price_of_site @ share)
    scalars[first_order.BOUND] = float((weight - price).sum()) + first_order.best_worth(
        worth - price_of_site, low, high, wanted
    )
    best_price, best_share = price.copy(), share.copy()
    anchor = share.copy(), price.copy(), reached.copy(), worth.copy()
    look = first_order.CHECK_EVERY
    work = 2 * len(weight) + 2 * len(line.change) + 20 * sites
    look *= int(np.clip(WORK_A_LOOK / (look * max(work, 1)), 1, 25))
    ceiling, done = np.inf, 0
    while True:
        if scalars[first_order.BOUND] < ceiling:
            ceiling = float(scalars[first_order.BOUND])
            if told is not None:
                told(ceiling)
        size = max(abs(ceiling), 1e-300)
        if ceiling - value <= gap * size or ceiling - scalars[first_order.RELAXED] <= settled * size:
            break
        if (
            done >= rounds
            or time.monotonic() - begun > seconds
            or (should_stop is not None and should_stop())
        ):
            break
        turn = min(look, rounds - done)
        first_order.advance(
            turn, line.parent, line.ptr, line.change, weight, ready.row_step, ready.site_step, low, high, wanted,
            price_of_site, share, price, reached, worth, *anchor, scalars, best_price, best_share,
        )  # fmt: skip
        done += turn
    # Prices go back to the groups' own order and are summed anew, so that the proof does not rest on sums kept along
    # the way.
    proof = np.empty(len(weight))
    proof[line.order] = best_price
    net = _worth_of(group.indptr, group.site, proof, sites) - price_of_site
    return CoverBound(
        bound_of(group, None if p is None else int(wanted), proof, low, high, price_of_site), proof, net, best_share,
        float(scalars[first_order.RELAXED]), None if p is None else int(wanted), low, high,
        float(scalars[first_order.BALANCE]), done,
    )  # fmt: skip
