"""Covering models: everybody, a share of everybody, as many as possible, and as many as possible twice."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csc_array

from engine.checks import InvalidInput
from engine.location.cover_bound import bound as cover_bound
from engine.location.cover_search import add_greedily, covered_weight, interchange, perturb
from engine.location.grouping import Grouped, grouped, grouped_free
from engine.location.mip import Solved, minimise
from engine.location.records import Cover, Located, check_count, impossible, located

# A model this small goes to the solver whole: it proves sooner than the bound settles.
SMALL_ENTRIES = 3_000


def _rows(group: Grouped) -> csc_array:
    """(groups, sites) 1 where the site covers the group."""
    row = np.repeat(np.arange(group.groups), np.diff(group.indptr))
    return coo_array((np.ones(len(group.site)), (row, group.site)), shape=(group.groups, group.sites)).tocsc()


def set_cover(
    cover: Cover, seconds: float = 300.0, seed: int = 0, cost: NDArray[np.float64] | None = None
) -> Located:
    """Fewest sites (or least `cost` (m,)) that cover every demand of positive weight.

    Source: Toregas, Swain, ReVelle and Bergman 1971.
    """
    begun = time.monotonic()
    group, name = grouped(cover), "set cover"
    if group.uncovered > 0:
        return impossible(name, cover.demands, time.monotonic() - begun, seed, "a demand that no site covers")
    price = np.ones(cover.sites) if cost is None else np.asarray(cost, np.float64)
    matrix, low, high = _rows(group), np.ones(group.groups), np.full(group.groups, np.inf)
    found = minimise(price, matrix, low, high, np.ones(cover.sites, bool), seconds, seed)
    spent = time.monotonic() - begun
    if found.x is None:
        if found.infeasible:
            return impossible(name, cover.demands, spent, seed, "branch and cut")
        chosen = _greedy_cover(cover)
        floor = max(found.bound, 0.0) if np.isfinite(found.bound) else 0.0
        return located(name, chosen, float(price[chosen].sum()), floor, spent, seed, "branch and cut")
    chosen = np.flatnonzero(found.x > 0.5)
    value = float(price[chosen].sum())
    # A number of sites is whole.
    bound = np.ceil(found.bound - 1e-6) if cost is None else found.bound
    return located(name, chosen, value, min(float(bound), value), spent, seed, "branch and cut")


def partial_cover(cover: Cover, share: float, seconds: float = 300.0, seed: int = 0) -> Located:
    """Fewest sites that cover at least `share` (0–1] of the weight. Source: Daskin and Owen 1999."""
    begun = time.monotonic()
    if not 0 < share <= 1:
        raise InvalidInput([f"share: {share} is not above 0 and at most 1"])
    group, name = grouped(cover), "partial set cover"
    total = float(cover.weight.sum())
    wanted = share * total
    if group.weight.sum() < wanted * (1 - 1e-12):
        return impossible(
            name, cover.demands, time.monotonic() - begun, seed, "what all sites cover together"
        )
    g, m = group.groups, group.sites
    found = _with_covered(
        group, np.r_[np.ones(m), np.zeros(g)], np.r_[np.zeros(m), group.weight / max(total, 1e-300)],
        (wanted / max(total, 1e-300)) * (1 - 1e-12), np.inf, seconds, seed,
    )  # fmt: skip
    spent = time.monotonic() - begun
    if found.x is None:
        return located(name, np.arange(m), float(m), max(found.bound, 0.0), spent, seed, "branch and cut")
    chosen = np.flatnonzero(found.x[:m] > 0.5)
    bound = min(float(np.ceil(found.bound - 1e-6)), float(len(chosen)))
    return located(name, chosen, float(len(chosen)), bound, spent, seed, "branch and cut")


def backup_cover(cover: Cover, p: int, twice: float = 0.5, seconds: float = 300.0, seed: int = 0) -> Located:
    """p sites with the greatest (1 - twice) x weight covered + twice x weight covered by at least two.

    Source: Hogan and ReVelle 1986 (backup coverage, second model).
    """
    begun = time.monotonic()
    check_count(p, cover.sites)
    if not 0 <= twice <= 1:
        raise InvalidInput([f"twice: {twice} is not between 0 and 1"])
    group = grouped(cover)
    g, m = group.groups, group.sites
    # Columns: sites, covered (0..1), covered twice (0..1): once + again <= sites that cover it, again <= once.
    base = _rows(group).tocoo()
    each = np.arange(g)
    row = np.concatenate([base.row, each, each, g + each, g + each, np.full(m, 2 * g)])
    col = np.concatenate([base.col, m + each, m + g + each, m + g + each, m + each, np.arange(m)])
    value = np.concatenate([base.data, -np.ones(2 * g), np.ones(g), -np.ones(g), np.ones(m)])
    matrix = coo_array((value, (row, col)), shape=(2 * g + 1, m + 2 * g)).tocsc()
    low = np.concatenate([np.zeros(g), np.full(g, -np.inf), [float(p)]])
    high = np.concatenate([np.full(g, np.inf), np.zeros(g), [float(p)]])
    gain = np.concatenate([np.zeros(m), (1 - twice) * group.weight, twice * group.weight])
    whole = np.concatenate([np.ones(m, bool), np.zeros(2 * g, bool)])
    found = minimise(-gain, matrix, low, high, whole, seconds, seed)
    spent = time.monotonic() - begun
    if found.x is None:
        chosen = _best_p(cover, p)
    else:
        chosen = np.sort(np.argsort(-found.x[:m], kind="stable")[:p])
    value_found = _backup_value(cover, chosen, twice)
    ceiling = float(gain.sum()) if not np.isfinite(found.bound) else -found.bound
    return located(
        "backup cover", chosen, value_found, max(ceiling, value_found), spent, seed, "branch and cut"
    )


def maximal_cover(cover: Cover, p: int, seconds: float = 300.0, seed: int = 0, gap: float = 0.0) -> Located:
    """p sites that cover the greatest weight. Stops at a proved gap of at most `gap`, or after `seconds`.

    Demands covered by the same sites are one; greedy and interchange give a start; a first-order method on the linear
    relaxation gives prices that bound every choice; its fractions, rounded and shaken, give better choices; sites that
    the prices decide are fixed, and the solver gets the rest. Source: Church and ReVelle 1974; interchange: Resende and
    Werneck 2007; bound: Pock and Chambolle 2011, Applegate et al. 2021.
    """
    begun = time.monotonic()
    check_count(p, cover.sites)
    name, group = "maximal cover", grouped(cover)

    def left() -> float:
        return seconds - (time.monotonic() - begun)

    if not group.groups:
        return located(name, np.arange(p), 0.0, 0.0, time.monotonic() - begun, seed, "nobody can be covered")
    if len(group.site) <= SMALL_ENTRIES:
        return _whole(group, cover, p, seconds, seed, begun)
    by_site = group.by_site()
    chosen = add_greedily(*group.arrays, *by_site, p)
    interchange(*group.arrays, *by_site, chosen)
    value = covered_weight(*group.arrays, chosen, group.sites)
    bound = cover_bound(
        group,
        p,
        start=chosen,
        value=value,
        gap=max(gap, 1e-9),
        settled=max(0.1 * gap, 1e-7),
        seconds=0.45 * max(left(), 0.1),
    )
    rounded = np.argsort(-bound.open_share, kind="stable")[:p].astype(np.int64)
    interchange(*group.arrays, *by_site, rounded)
    worth = covered_weight(*group.arrays, rounded, group.sites)
    if worth > value:
        chosen, value = rounded, worth
    source, ceiling = "prices of the linear relaxation", bound.value
    rounds, shaken_until = 0, time.monotonic() + 0.3 * max(left(), 0.0)
    while (ceiling - value) > max(gap, 1e-9) * ceiling and time.monotonic() < shaken_until and rounds < 40:
        other = perturb(*group.arrays, *by_site, chosen, bound.open_share, seed * 1_000 + rounds, 10)
        worth = covered_weight(*group.arrays, other, group.sites)
        rounds = 0 if worth > value * (1 + 1e-12) else rounds + 1
        if worth > value:
            chosen, value = other, worth
        # Few sites left open: the solver is quicker than more shaking.
        if bound.undecided(value) <= 60:
            break
    if (ceiling - value) > max(gap, 1e-9) * ceiling and left() > 0.2:
        surely_in, surely_out = bound.decided(value)
        best, proved = _rest(group, p, surely_in, surely_out, chosen, value, left(), seed, max(gap, 1e-9))
        if best is not None:
            worth = covered_weight(*group.arrays, best, group.sites)
            if worth > value:
                chosen, value = best, worth
        if proved < ceiling:
            ceiling, source = max(proved, value), "branch and cut on the sites that prices leave open"
    value = _cover_value(cover, chosen)
    return located(name, chosen, value, max(ceiling, value), time.monotonic() - begun, seed, source)


def _whole(group: Grouped, cover: Cover, p: int, seconds: float, seed: int, begun: float) -> Located:
    nothing = np.zeros(group.sites, bool)
    start = add_greedily(*group.arrays, *group.by_site(), p)
    worth = covered_weight(*group.arrays, start, group.sites)
    best, proved = _rest(group, p, nothing, nothing, start, worth, seconds, seed, 1e-9)
    chosen = start if best is None else best
    value = _cover_value(cover, chosen)
    spent = time.monotonic() - begun
    return located("maximal cover", chosen, value, max(proved, value), spent, seed, "branch and cut")


def _rest(
    group: Grouped, p: int, surely_in: NDArray[np.bool_], surely_out: NDArray[np.bool_], start: NDArray[np.int64],
    value: float, seconds: float, seed: int, gap: float,
) -> tuple[NDArray[np.int64] | None, float]:  # fmt: skip
    """The best choice among undecided sites and a bound on every choice that is better than `value`."""
    held = np.flatnonzero(surely_in)
    free = np.flatnonzero(~surely_in & ~surely_out)
    part, sure = grouped_free(group, held, free)
    count = p - len(held)
    if count <= 0 or not part.groups:
        return np.sort(np.r_[held, free[: max(count, 0)]]), sure + float(
            part.weight.sum() if count > 0 else 0.0
        )
    g, m = part.groups, part.sites
    scale = max(float(part.weight.sum()), 1e-300)
    at = np.zeros(m + g)
    at[:m] = np.isin(free, start)
    if at[:m].sum() == count:
        inside = _rows(part) @ at[:m]
        at[m:] = np.minimum(inside, 1)
    else:
        at = np.empty(0)
    found = _with_covered(
        part, np.r_[np.zeros(m), -part.weight / scale], np.r_[np.ones(m), np.zeros(g)], float(count), float(count),
        seconds, seed, at if len(at) else None, gap * max(value, 1e-300) / scale,
    )  # fmt: skip
    ceiling = sure - found.bound * scale if np.isfinite(found.bound) else np.inf
    # What was fixed may only be fixed if the answer must beat `value`: at worst `value` is the best.
    ceiling = max(ceiling, value)
    if found.x is None:
        return None, ceiling
    return np.sort(np.r_[held, free[np.argsort(-found.x[:m], kind="stable")[:count]]]), ceiling


def _with_covered(
    group: Grouped, objective: NDArray[np.float64], side: NDArray[np.float64], low: float, high: float, seconds: float,
    seed: int, start: NDArray[np.float64] | None = None, gap: float = 1e-9,
) -> Solved:  # fmt: skip
    """Columns: sites (whole), groups covered (0..1), covered <= sites that cover it; one row `side` x in low..high."""
    g, m = group.groups, group.sites
    base = _rows(group).tocoo()
    each = np.arange(g)
    used = np.flatnonzero(side)
    row = np.concatenate([base.row, each, np.full(len(used), g)])
    col = np.concatenate([base.col, m + each, used])
    value = np.concatenate([base.data, -np.ones(g), side[used]])
    matrix = coo_array((value, (row, col)), shape=(g + 1, m + g)).tocsc()
    whole = np.concatenate([np.ones(m, bool), np.zeros(g, bool)])
    return minimise(
        objective, matrix, np.r_[np.zeros(g), low], np.r_[np.full(g, np.inf), high], whole, seconds, seed,
        start=start, rel_gap=max(gap, 1e-9),
    )  # fmt: skip


def _greedy_cover(cover: Cover) -> NDArray[np.int64]:
    """Sites in the order of what they add until nobody is left."""
    group = grouped(cover)
    chosen = add_greedily(*group.arrays, *group.by_site(), group.sites)
    for count in range(1, len(chosen) + 1):
        if covered_weight(*group.arrays, chosen[:count], group.sites) >= group.weight.sum() * (1 - 1e-12):
            return np.sort(chosen[:count])
    return np.sort(chosen)


def _best_p(cover: Cover, p: int) -> NDArray[np.int64]:
    group = grouped(cover)
    return np.sort(add_greedily(*group.arrays, *group.by_site(), p))


def _times_covered(cover: Cover, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    open_site = np.zeros(cover.sites, np.int64)
    open_site[chosen] = 1
    demand = np.repeat(np.arange(cover.demands), np.diff(cover.indptr))
    return np.bincount(demand, open_site[cover.site], cover.demands).astype(np.int64)


def _cover_value(cover: Cover, chosen: NDArray[np.int64]) -> float:
    """On the demands as they came, not on groups."""
    return float(cover.weight[_times_covered(cover, chosen) > 0].sum())


def _backup_value(cover: Cover, chosen: NDArray[np.int64], twice: float) -> float:
    times = _times_covered(cover, chosen)
    return float((1 - twice) * cover.weight[times > 0].sum() + twice * cover.weight[times > 1].sum())
