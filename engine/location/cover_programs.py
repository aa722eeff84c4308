"""Covering models as mixed-integer programs for HiGHS."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csc_array

from engine.location.grouping import Grouped, grouped_free
from engine.location.mip import Solved, minimise

Floats = NDArray[np.float64]


def rows_of(group: Grouped) -> csc_array:
    """(groups, sites) 1 where the site covers the group."""
    row = np.repeat(np.arange(group.groups), np.diff(group.indptr))
    return coo_array((np.ones(len(group.site)), (row, group.site)), shape=(group.groups, group.sites)).tocsc()


def with_covered(
    group: Grouped, objective: Floats, side: Floats, low: float, high: float, seconds: float, seed: int,
    start: Floats | None = None, gap: float = 1e-9, should_stop: Callable[[], bool] | None = None,
    told: Callable[[float, float], None] | None = None,
) -> Solved:  # fmt: skip
    """Columns: sites (whole), groups covered (0..1), covered <= sites that cover it; one row `side` x in low..high."""
    g, m = group.groups, group.sites
    base = rows_of(group).tocoo()
    each = np.arange(g)
    used = np.flatnonzero(side)
    row = np.concatenate([base.row, each, np.full(len(used), g)])
    col = np.concatenate([base.col, m + each, used])
    value = np.concatenate([base.data, -np.ones(g), side[used]])
    matrix = coo_array((value, (row, col)), shape=(g + 1, m + g)).tocsc()
    whole = np.concatenate([np.ones(m, bool), np.zeros(g, bool)])
    return minimise(
        objective, matrix, np.r_[np.zeros(g), low], np.r_[np.full(g, np.inf), high], whole, seconds, seed,
        start=start, rel_gap=max(gap, 1e-9), should_stop=should_stop, told=told,
    )  # fmt: skip


def best_of_rest(
    group: Grouped, p: int, held: NDArray[np.int64], free: NDArray[np.int64], start: NDArray[np.int64], value: float,
    seconds: float, seed: int, gap: float, should_stop: Callable[[], bool] | None = None,
    live: Callable[[float, float], None] | None = None,
) -> tuple[NDArray[np.int64] | None, float]:  # fmt: skip
    """(choice, bound): p sites with the `held` ones, the others among the `free`; the bound holds for every choice that
    is better than `value`, if such a choice must hold the ones and leave the rest."""
    part, sure = grouped_free(group, held, free)
    count = p - len(held)
    if count <= 0 or not part.groups:
        return np.sort(np.r_[held, free[: max(count, 0)]]), max(sure, value)
    g, m = part.groups, part.sites
    scale = max(float(part.weight.sum()), 1e-300)
    known = np.isin(free, start).astype(np.float64)
    at = np.r_[known, np.minimum(rows_of(part) @ known, 1)] if known.sum() == count else None

    def told(worth: float, ceiling: float) -> None:
        if live is not None:
            live(sure - worth * scale if np.isfinite(worth) else -np.inf,
                 max(sure - ceiling * scale, value) if np.isfinite(ceiling) else np.inf)  # fmt: skip

    found = with_covered(
        part, np.r_[np.zeros(m), -part.weight / scale], np.r_[np.ones(m), np.zeros(g)], float(count), float(count),
        seconds, seed, at, gap * max(value, 1e-300) / scale, should_stop, None if live is None else told,
    )  # fmt: skip
    # What was fixed may only be fixed if the answer must beat `value`: at worst `value` is the best.
    ceiling = max(sure - found.bound * scale, value) if np.isfinite(found.bound) else np.inf
    if found.x is None:
        return None, ceiling
    return np.sort(np.r_[held, free[np.argsort(-found.x[:m], kind="stable")[:count]]]), ceiling
