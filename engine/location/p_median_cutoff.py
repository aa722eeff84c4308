"""p-median with a cutoff on a whole city: p sites so that ways are shortest in all, a fixed cost beyond the cutoff."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.checks import InvalidInput
from engine.location.near import Nearby
from engine.location.p_median import p_median
from engine.location.p_median_check import cost_on_demands, floor_of_prices
from engine.location.p_median_exchange import cost_of, exchange, open_greedily, overlaps, shake
from engine.location.p_median_prices import PARTS, between, move
from engine.location.records import Located, Sites, check_count, located

SOURCE = "prices on the demands"
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SMALL_TABLE = 400_000  # rows x sites: branch and bound on the whole table proves sooner
FIRST_STEP = 0.05  # share of the distance to the known choice that the first steps go
KEPT = 0.9  # share of the last direction that a step keeps
PATIENCE = 25  # steps without a better floor before going back to the best prices with shorter steps
SHORTER = 0.5
LEAST_STEP = 2e-4  # steps shorter than this no longer move the floor
AVERAGED = 0.07  # weight of the newest openings in their average
SEEDED_EVERY = 75  # steps between two choices seeded by the averaged openings
SHAKES = 20  # rounds of shaking between two looks at the clock
TIRED = 60  # looks without a better choice before shaking ends
WIDEST = 4  # sites that change places in a shake


class _Ascent:
    """Prices and the best floor so far. `open_share` (m,): averaged openings, near the shares of the relaxation."""

    def __init__(self, near: Nearby, p: int, penalty: float, chosen: Ints) -> None:
        self.near, self.p, self.penalty = near, p, penalty
        self.parts, self.sums = np.zeros((PARTS, near.sites)), np.zeros((PARTS, 2))
        self.is_open = _marks(chosen, near.sites)
        self.open_share = self.is_open.astype(np.float64)
        self.price, self.direction = np.empty(near.rows), np.zeros(near.rows)
        between(*near.arrays[:3], penalty, self.is_open, self.price)
        self.best, self.best_price, self.best_worth = -np.inf, self.price.copy(), np.zeros(near.sites)
        self.step_share, self.stall, self.length = FIRST_STEP, 0, 0.0
        self._walk(0.0, 0.0)
        self.fresh = True

    @property
    def settled(self) -> bool:
        return self.step_share < LEAST_STEP

    def _open(self, worth: Floats) -> Ints:
        top = np.argpartition(-worth, self.p - 1)[: self.p]
        self.is_open = _marks(top, self.near.sites)
        return top

    def _walk(self, keep: float, step: float) -> None:
        move(
            *self.near.arrays, self.is_open, self.price, self.direction, keep, step, self.penalty, self.parts, self.sums
        )  # fmt: skip
        self.worth = self.parts.sum(axis=0)
        total, self.length = (float(value) for value in self.sums.sum(axis=0))
        self.floor = total - float(self.worth[self._open(self.worth)].sum())
        self.stall = 0 if self.floor > self.best + 1e-6 * abs(self.best) else self.stall + 1
        if self.floor > self.best:
            self.best = self.floor
            self.best_price[:], self.best_worth[:] = self.price, self.worth
        self.open_share = (1 - AVERAGED) * self.open_share + AVERAGED * self.is_open

    def turn(self, value: float) -> None:
        """One step towards `value`, the cost of a choice that is known."""
        if self.stall >= PATIENCE:
            self.step_share, self.stall, self.fresh = self.step_share * SHORTER, 0, True
            self.price[:] = self.best_price
            self._open(self.best_worth)
            self.floor = self.best
        if self.fresh:
            # Looks only: the length of the direction is known before the first step along it.
            self._walk(0.0, 0.0)
            self.fresh = False
        step = self.step_share * max(value - self.floor, 1e-9 * value) / max(self.length, 1e-9)
        self._walk(KEPT, step)

    def open_for(self, value: float) -> Ints:
        """Sites that may still be in a choice cheaper than `value`: opening another lifts the floor above it."""
        last = np.partition(self.best_worth, -self.p)[-self.p]
        return np.flatnonzero(self.best + last - self.best_worth <= value * (1 + 1e-9))


def p_median_cutoff(
    near: Nearby, p: int, penalty: float | None = None, seconds: float = 300.0, seed: int = 0, gap: float = 0.0,
    should_stop: Callable[[], bool] | None = None, live: Callable[[float, float], None] | None = None,
) -> Located:  # fmt: skip
    """Least sum of weight x cost to the nearest of p sites; who has none within the cutoff costs `penalty` (by default
    the cutoff; no less than it).

    A first choice by greedy and interchange; prices by steps along a kept direction, each point a floor; averaged openings
    seed further choices; what the floor leaves open is shaken and exchanged. Stops at a proved gap of at most `gap`,
    after `seconds`, when should_stop() says so, or when neither side moves any more. live(value, bound) whenever either
    is better. `prices` of the answer (rows of `near`,) proves its bound: see p_median_check. Source: Narula, Ogbu and
    Samuelsson 1977; Resende and Werneck 2007; Barahona and Anbil 2000.
    """
    begun = time.monotonic()
    check_count(p, near.sites)
    penalty = near.cutoff if penalty is None else float(penalty)
    if not (np.isfinite(penalty) and penalty >= near.cutoff):
        raise InvalidInput([f"penalty: {penalty} is not a number from the cutoff {near.cutoff:g}"])
    alone = near.alone * penalty
    if not near.rows:
        spent = time.monotonic() - begun
        nobody = np.where(near.people > 0, -1, -1)
        return located("p-median", np.arange(p), alone, alone, spent, seed, "nobody is near", nobody)
    if near.rows * near.sites <= SMALL_TABLE:
        return _whole(near, p, penalty, seconds, seed, begun)
    arrays, by_site, everywhere = near.arrays, near.by_site(), np.arange(near.sites)
    chosen = open_greedily(*arrays, *by_site, penalty, p)
    exchange(*arrays, *by_site, penalty, chosen, everywhere, 10_000)
    value = cost_of(*arrays, penalty, chosen, near.sites)
    ascent, told = _Ascent(near, p, penalty, chosen), (np.inf, -np.inf)

    def over(share: float) -> bool:
        nonlocal told
        if live is not None and (value < told[0] or ascent.best > told[1]):
            told = (value, ascent.best)
            live(value + alone, ascent.best + alone)
        late = time.monotonic() - begun > share * seconds or (should_stop is not None and should_stop())
        return late or value - ascent.best <= max(gap, 1e-9) * value

    random, turns = np.random.Generator(np.random.PCG64(seed)), 0
    while not over(0.6) and not ascent.settled:
        ascent.turn(value)
        turns += 1
        if turns % SEEDED_EVERY == 0:
            other = np.argsort(-ascent.open_share, kind="stable")[:p].astype(np.int64)
            exchange(*arrays, *by_site, penalty, other, ascent.open_for(value), 10_000)
            cost = cost_of(*arrays, penalty, other, near.sites)
            if cost < value:
                chosen, value = other, cost
    idle, looks, shared = 0, 0, overlaps(near.indptr, near.site, near.weight, near.sites)
    while idle < TIRED and not over(0.97):
        other, allowed = chosen.copy(), ascent.open_for(value)
        shake(
            *arrays, *by_site, penalty, other, allowed, ascent.open_share + 0.01, shared, random, SHAKES,
            WIDEST,
        )  # fmt: skip
        cost, looks, idle = cost_of(*arrays, penalty, other, near.sites), looks + 1, idle + 1
        if cost < value * (1 - 1e-12):
            chosen, value, idle = other, cost, 0
            if ascent.step_share < FIRST_STEP / 4:
                # Nearer targets make other steps: some more of them, from the best prices.
                ascent.step_share, ascent.stall = min(4 * ascent.step_share, FIRST_STEP), PATIENCE
        for _turn in range(5 if not ascent.settled else 0):
            ascent.turn(value)
    floor = floor_of_prices(near, p, penalty, ascent.best_price)
    cost, assigned = cost_on_demands(near, penalty, chosen)
    answer = located(
        "p-median", chosen, cost, min(floor, cost), time.monotonic() - begun, seed, SOURCE, assigned
    )
    if live is not None:
        live(answer.value, answer.bound)
    return replace(answer, prices=ascent.best_price)


def _whole(near: Nearby, p: int, penalty: float, seconds: float, seed: int, begun: float) -> Located:
    """Branch and bound on the table of rows by sites."""
    table = np.full((near.rows, near.sites), penalty)
    demand = np.repeat(np.arange(near.rows), np.diff(near.indptr))
    table[demand, near.site] = near.exact_cost()
    answer = p_median(Sites(table, near.weight), p, max(seconds - (time.monotonic() - begun), 0.1), seed)
    cost, assigned = cost_on_demands(near, penalty, answer.sites)
    bound = min(answer.bound + near.alone * penalty, cost)
    return located(
        "p-median", answer.sites, cost, bound, time.monotonic() - begun, seed, answer.bound_source, assigned
    )


def _marks(chosen: Ints, sites: int) -> NDArray[np.bool_]:
    marks = np.zeros(sites, bool)
    marks[chosen] = True
    return marks
