"""Covering models: everybody, a share of everybody, as many as possible twice. As many as possible: `maximal`."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import coo_array

from engine.checks import InvalidInput
from engine.location.cover_bound import bound as cover_bound
from engine.location.cover_programs import rows_of, with_covered
from engine.location.cover_search import add_greedily, covered_weight, interchange
from engine.location.grouping import Grouped, grouped_free, undominated
from engine.location.incidence import Coverage, groups_of, times_covered
from engine.location.maximal import SOLVER_ENTRIES, maximal_cover
from engine.location.mip import minimise
from engine.location.records import Located, check_count, impossible, located

__all__ = ["backup_cover", "maximal_cover", "partial_cover", "set_cover"]

Stop = Callable[[], bool] | None
Live = Callable[[float, float], None] | None


def set_cover(
    cover: Coverage, seconds: float = 300.0, seed: int = 0, cost: NDArray[np.float64] | None = None, *,
    live: Live = None, should_stop: Stop = None,
) -> Located:  # fmt: skip
    """Fewest sites (or least `cost` (m,)) that cover every demand of positive weight.

    Only groups matter that no smaller group is part of (who covers the smaller one covers them), and, where costs are
    equal, only sites that cover more than any other; both are repeated until nothing falls away, and the solver gets the
    rest. live(value, bound) is told each improvement. Source: Toregas, Swain, ReVelle and Bergman 1971.
    """
    begun = time.monotonic()
    group, name = groups_of(cover), "set cover"
    if group.uncovered > 0:
        return impossible(name, cover.demands, time.monotonic() - begun, seed, "a demand that no site covers")
    price = np.ones(cover.sites) if cost is None else np.asarray(cost, np.float64)
    part, kept = _least(group, cost is None)
    matrix, low, high = rows_of(part), np.ones(part.groups), np.full(part.groups, np.inf)
    found = minimise(
        price[kept], matrix, low, high, np.ones(part.sites, bool), seconds - (time.monotonic() - begun), seed,
        should_stop=should_stop, told=live,
    )  # fmt: skip
    spent = time.monotonic() - begun
    greedy = _greedy_cover(group)
    if found.x is None:
        if found.infeasible:
            return impossible(name, cover.demands, spent, seed, "branch and cut")
        floor = max(found.bound, 0.0) if np.isfinite(found.bound) else 0.0
        return located(name, greedy, float(price[greedy].sum()), floor, spent, seed, "branch and cut")
    chosen = kept[np.flatnonzero(found.x > 0.5)]
    if price[greedy].sum() < price[chosen].sum():
        chosen = greedy
    value = float(price[chosen].sum())
    # A number of sites is whole.
    bound = np.ceil(found.bound - 1e-6) if cost is None else found.bound
    return located(name, chosen, value, min(float(bound), value), spent, seed, "branch and cut")


def partial_cover(
    cover: Coverage, share: float, seconds: float = 300.0, seed: int = 0, *, live: Live = None,
    should_stop: Stop = None,
) -> Located:  # fmt: skip
    """Fewest sites that cover at least `share` (0–1] of the weight. Large covers: no number of sites is enough whose
    greatest cover has a bound below the share, and the least number for which a choice is found is the answer; the
    others go to the solver. Source: Daskin and Owen 1999."""
    begun = time.monotonic()
    if not 0 < share <= 1:
        raise InvalidInput([f"share: {share} is not above 0 and at most 1"])
    group, name = groups_of(cover), "partial set cover"
    total = float(np.sum(cover.weight))
    wanted = share * total * (1 - 1e-12)
    if group.weight.sum() < wanted:
        return impossible(
            name, cover.demands, time.monotonic() - begun, seed, "what all sites cover together"
        )
    chosen, floor = _bracket(group, wanted, seconds, seed, live, should_stop)
    source = "prices of the linear relaxation"
    left = seconds - (time.monotonic() - begun)
    stopped = should_stop is not None and should_stop()
    if floor < len(chosen) and left > 0 and not stopped and len(group.site) <= SOLVER_ENTRIES:
        g, m = group.groups, group.sites
        known = np.zeros(m)
        known[chosen] = 1.0
        start = np.r_[known, np.minimum(rows_of(group) @ known, 1)]
        found = with_covered(
            group, np.r_[np.ones(m), np.zeros(g)], np.r_[np.zeros(m), group.weight / max(total, 1e-300)],
            wanted / max(total, 1e-300), np.inf, left, seed, start, should_stop=should_stop, told=live,
        )  # fmt: skip
        if found.x is not None:
            better = np.flatnonzero(found.x[:m] > 0.5)
            enough = covered_weight(*group.arrays, better, m) >= wanted
            chosen = better if enough and len(better) < len(chosen) else chosen
        if np.isfinite(found.bound) and np.ceil(found.bound - 1e-6) > floor:
            floor, source = int(np.ceil(found.bound - 1e-6)), "branch and cut"
    spent = time.monotonic() - begun
    return located(name, chosen, float(len(chosen)), float(min(floor, len(chosen))), spent, seed, source)


def _bracket(
    group: Grouped, wanted: float, seconds: float, seed: int, live: Live, should_stop: Stop
) -> tuple[NDArray[np.int64], int]:
    """(choice, floor): a choice that covers `wanted`, and a number of sites below which none does."""
    begun = time.monotonic()
    chosen = _until(group, wanted)
    floor, warm = 1, None

    def left() -> float:
        stopped = should_stop is not None and should_stop()
        return 0.0 if stopped else 0.5 * seconds - (time.monotonic() - begun)

    # Greedy is at most a few sites from the best, so floors are tried downwards from it until one is proved.
    for p in range(len(chosen) - 1, 0, -1):
        if left() <= 0:
            break
        # Enough is known once the ceiling is below what is wanted, or a fraction covers it.
        warm = cover_bound(
            group, p, warm=warm, value=wanted * (1 - 1e-9), gap=0.0, settled=1e-7, seconds=left(), rounds=20_000,
            should_stop=should_stop,
        )  # fmt: skip
        if warm.value < wanted * (1 - 1e-9):
            floor = p + 1
            break
        fewer = np.sort(np.argsort(-warm.open_share, kind="stable")[:p]).astype(np.int64)
        if interchange(*group.arrays, *group.by_site(), fewer) >= wanted and p < len(chosen):
            chosen = np.sort(fewer)
        if live is not None:
            live(float(len(chosen)), float(floor))
    if live is not None:
        live(float(len(chosen)), float(floor))
    return chosen, min(floor, len(chosen))


def _until(group: Grouped, wanted: float) -> NDArray[np.int64]:
    """Sites in the order of what they add until they cover `wanted`."""
    order = add_greedily(*group.arrays, *group.by_site(), group.sites)
    low, high = 1, group.sites
    while low < high:
        middle = (low + high) // 2
        if covered_weight(*group.arrays, order[:middle], group.sites) >= wanted:
            high = middle
        else:
            low = middle + 1
    return np.sort(order[:low])


def backup_cover(
    cover: Coverage, p: int, twice: float = 0.5, seconds: float = 300.0, seed: int = 0, *, live: Live = None,
    should_stop: Stop = None,
) -> Located:  # fmt: skip
    """p sites with the greatest (1 - twice) x weight covered + twice x weight covered by at least two.

    Source: Hogan and ReVelle 1986 (backup coverage, second model).
    """
    begun = time.monotonic()
    check_count(p, cover.sites)
    if not 0 <= twice <= 1:
        raise InvalidInput([f"twice: {twice} is not between 0 and 1"])
    group = groups_of(cover)
    g, m = group.groups, group.sites
    # Columns: sites, covered (0..1), covered twice (0..1): once + again <= sites that cover it, again <= once.
    base = rows_of(group).tocoo()
    each = np.arange(g)
    row = np.concatenate([base.row, each, each, g + each, g + each, np.full(m, 2 * g)])
    col = np.concatenate([base.col, m + each, m + g + each, m + g + each, m + each, np.arange(m)])
    value = np.concatenate([base.data, -np.ones(2 * g), np.ones(g), -np.ones(g), np.ones(m)])
    matrix = coo_array((value, (row, col)), shape=(2 * g + 1, m + 2 * g)).tocsc()
    low = np.concatenate([np.zeros(g), np.full(g, -np.inf), [float(p)]])
    high = np.concatenate([np.full(g, np.inf), np.zeros(g), [float(p)]])
    gain = np.concatenate([np.zeros(m), (1 - twice) * group.weight, twice * group.weight])
    whole = np.concatenate([np.ones(m, bool), np.zeros(2 * g, bool)])
    told = None if live is None else lambda worth, floor: live(-worth, -floor)
    found = minimise(-gain, matrix, low, high, whole, seconds, seed, should_stop=should_stop, told=told)
    greedy = np.sort(add_greedily(*group.arrays, *group.by_site(), p))
    chosen = greedy if found.x is None else np.sort(np.argsort(-found.x[:m], kind="stable")[:p])
    best = max((_backup_value(cover, one, twice), number, one) for number, one in enumerate((greedy, chosen)))
    ceiling = float(gain.sum()) if not np.isfinite(found.bound) else -found.bound
    return located(
        "backup cover", best[2], best[0], max(ceiling, best[0]), time.monotonic() - begun, seed, "branch and cut"
    )  # fmt: skip


def _backup_value(cover: Coverage, chosen: NDArray[np.int64], twice: float) -> float:
    times, weight = times_covered(cover, chosen), np.asarray(cover.weight, np.float64)
    return float((1 - twice) * weight[times > 0].sum() + twice * weight[times > 1].sum())


def _greedy_cover(group: Grouped) -> NDArray[np.int64]:
    return _until(group, float(group.weight.sum()) * (1 - 1e-12)) if group.groups else np.empty(0, np.int64)


def _least(group: Grouped, equal_costs: bool) -> tuple[Grouped, NDArray[np.int64]]:
    """(what is left of a set cover, its sites' numbers)."""
    kept = np.arange(group.sites)
    while True:
        entries = len(group.site)
        needed = _needed_rows(
            group.indptr, group.site, np.argsort(np.diff(group.indptr), kind="stable"), group.sites
        )
        weight = np.where(needed, group.weight, 0.0)
        useful = np.ones(group.sites, bool)
        group = _with_weight(group, weight)
        if equal_costs and group.groups:
            useful = undominated(group)
        free = np.flatnonzero(useful)
        group, kept = grouped_free(group, np.empty(0, np.int64), free)[0], kept[free]
        if len(group.site) == entries:
            return group, kept


def _with_weight(group: Grouped, weight: NDArray[np.float64]) -> Grouped:
    """The same groups without those of weight 0."""
    rest = Grouped(group.indptr, group.site, weight, group.sites, 0.0)
    return grouped_free(rest, np.empty(0, np.int64), np.arange(group.sites))[0]


@njit(nogil=True, cache=True)
def _needed_rows(indptr, site, order, sites):
    """(rows,) False for rows that hold all sites of another row; rows come shortest first in `order`. A kept row waits
    at one of its sites, and is looked at by rows that have this site."""
    rows = len(order)
    needed = np.ones(rows, np.bool_)
    waiting, following = np.full(sites, -1, np.int64), np.full(rows, -1, np.int64)
    count = np.zeros(sites, np.int64)
    mark = np.full(sites, -1, np.int64)
    for place in range(rows):
        i = order[place]
        for q in range(indptr[i], indptr[i + 1]):
            mark[site[q]] = i
        for q in range(indptr[i], indptr[i + 1]):
            k = waiting[site[q]]
            while k >= 0 and needed[i]:
                t = indptr[k]
                while t < indptr[k + 1] and mark[site[t]] == i:
                    t += 1
                needed[i] = t < indptr[k + 1]
                k = following[k]
            if not needed[i]:
                break
        if needed[i]:
            at = -1
            for q in range(indptr[i], indptr[i + 1]):
                if at < 0 or count[site[q]] < count[at]:
                    at = site[q]
            if at >= 0:
                count[at] += 1
                following[i], waiting[at] = waiting[at], i
    return needed
