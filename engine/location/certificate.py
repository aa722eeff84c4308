"""An answer of maximal cover checked by a second way: the value on the demands one by one, the bound from the prices alone.

Nothing is taken from the search: groups are made anew, prices are cut to what makes them valid, sums are numpy's in
float64. A bound that a solver or a tree brought below the prices' one is not checked here; what the prices prove is told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.location.grouping import grouped_free, undominated
from engine.location.incidence import Coverage, covered_value, groups_of
from engine.location.records import Located

# Sums of millions of numbers in another order differ in their last figures.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Checked:
    """value: what the sites cover, demand by demand. bound: what the prices prove, inf without prices. proved: value and
    bound as stated (value equal; the stated bound not below the value and, where its source are prices, what they
    prove)."""

    value: float
    bound: float
    proved: bool


def check_maximal(cover: Coverage, p: int, answer: Located) -> Checked:
    """Check an answer of maximal_cover(cover, p)."""
    value = covered_value(cover, answer.sites)
    sites_fit = len(np.unique(answer.sites)) == p
    whole = groups_of(cover)
    bound = np.inf
    if answer.prices is not None:
        part = grouped_free(whole, np.empty(0, np.int64), np.flatnonzero(undominated(whole)))[0]
        if len(answer.prices) == part.groups:
            price = np.minimum(np.maximum(answer.prices, 0.0), part.weight)
            worth = np.bincount(part.site, np.repeat(price, np.diff(part.indptr)), part.sites)
            bound = float((part.weight - price).sum() + np.sort(worth)[::-1][:p].sum())
    slack = ROUNDING * max(abs(value), 1.0)
    by_prices = answer.bound_source.startswith("prices")
    proved = (
        sites_fit
        and abs(value - answer.value) <= slack
        and answer.bound >= value - slack
        and answer.bound <= bound + slack
        and (not by_prices or answer.bound >= min(bound, float(whole.weight.sum())) - slack)
    )
    return Checked(value, bound, bool(proved))
