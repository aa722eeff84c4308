"""Models too large for a solver: prices first, on all threads; then a plan from them by search, while the prices go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.siting.bound import HEATS, Bound, DualPrices
from engine.siting.model import SitingModel
from engine.siting.plan_search import Search

Flags = NDArray[np.bool_]
PRICES_SHARE = 0.3  # of the time, before the search begins
LATE_HEATS = HEATS[-3:]
ENOUGH = 1e-4


@dataclass(frozen=True, slots=True)
class Found:
    """taken: (o,) the best plan that keeps every limit, None where none was found. value: what it adds with its merit,
    by the flow of the model (never too much). bound: the proof. search: as it stands, for telling shares."""

    taken: Flags | None
    value: float
    bound: Bound
    search: Search


def solve_large(
    model: SitingModel,
    budget: int | None,
    seconds: float,
    seed: int,
    over: Callable[[], bool],
    improved: Callable[[float, float], None] = lambda value, bound: None,
    tell: Callable[[float, str], None] = lambda share, stage: None,
    warm: Flags | None = None,
    guess: NDArray[np.float64] | None = None,
    enough: float = ENOUGH,
) -> Found:
    """The best plan found in `seconds`, and a bound. over(): end at once with the best so far. improved(value, bound) is
    told whenever either does. tell(share, stage) may raise to cancel. warm (o,): a plan to start from; guess (g,): prices.
    Honours rows, merit and forced options of the model."""
    started = time.monotonic()
    left = lambda: seconds - (time.monotonic() - started)  # noqa: E731
    prices = DualPrices(model, budget)
    state = {"value": -np.inf, "bound": np.inf}

    def told(value: float, bound: float) -> None:
        if value > state["value"] + 1e-9 or bound < state["bound"] - 1e-9:
            state["value"], state["bound"] = max(value, state["value"]), min(bound, state["bound"])
            improved(state["value"], state["bound"])

    bound = prices.search(
        PRICES_SHARE * seconds, 0.0, over, lambda share: tell(0.3 * share, "bound"), guess=guess,
        better=lambda found: told(-np.inf, found.value),
    )  # fmt: skip
    told(-np.inf, bound.value)
    tell(0.3, "search")
    search = Search(model, budget, seed, bound.price)
    search.start(bound, warm)
    told(search.value, bound.value)
    later, end = [bound], threading.Event()

    def go_on() -> None:
        alone = DualPrices(model, budget, threads=1)
        later[0] = alone.search(
            max(left(), 0.0) * 0.9, max(search.value, 0.0), end.is_set, heats=LATE_HEATS, start=bound,
            better=lambda found: later.append(found),
        )  # fmt: skip

    helper = threading.Thread(target=go_on, daemon=True) if prices.threads > 1 else None

    def watch() -> None:
        tell(0.3 + 0.6 * (1.0 - max(left(), 0.0) / max(seconds, 1e-9)), "search")
        told(search.value, min(found.value for found in later))

    def enough_proved() -> bool:
        best = min(found.value for found in later)
        return over() or best - search.value <= enough * abs(best)

    try:
        if helper:
            helper.start()
        search.run(bound, enough_proved, max(left(), 0.0), watch)
    finally:
        end.set()
        if helper:
            helper.join()
    best = min(later, key=lambda found: found.value)
    best = best if best.share.any() else replace(best, share=bound.share)
    told(search.value, best.value)
    taken = search.plan.copy() if np.isfinite(search.value) else None
    return Found(taken, search.value, best, search)
