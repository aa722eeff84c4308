"""Inputs that are only known within a range: seeded draws, percentiles, and which input drives the spread.

See docs/algorithms/uncertainty.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from engine.checks import InvalidInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PERCENTILES = (10, 50, 90)
FEWEST_DRAWS, MOST_DRAWS = 100, 10_000


@dataclass(frozen=True, slots=True)
class Input:
    """A number that lies between `low` and `high`, as likely above `mid` as below."""

    key: str
    low: float
    mid: float
    high: float


@dataclass(frozen=True, slots=True)
class Driver:
    """share: of the variance of the (ranked) outcome that goes with this input, 0 to 1. low, high: the outcome with this
    input at its low and its high end and all others in the middle."""

    key: str
    share: float
    low: int
    high: int

    @property
    def swing(self) -> int:
        return self.high - self.low


def check_inputs(inputs: Sequence[Input]) -> None:
    """Raises InvalidInput with everything that is wrong."""
    problems = []
    for one in inputs:
        if not np.isfinite([one.low, one.mid, one.high]).all():
            problems.append(f"{one.key}: not a finite number")
        elif not one.low <= one.mid <= one.high:
            problems.append(f"{one.key}: {one.low:g} <= {one.mid:g} <= {one.high:g} does not hold")
    if len({one.key for one in inputs}) < len(inputs):
        problems.append("an input is named twice")
    if problems:
        raise InvalidInput(problems)


def draw(inputs: Sequence[Input], count: int, seed: int) -> Floats:
    """(count, inputs) values, by Latin hypercube: of `count` equally likely strata of each input every one is hit once,
    in an order of its own (McKay, Beckman and Conover 1979). Same seed, same values; the values of an input do not
    depend on the inputs named after it. Raises InvalidInput."""
    check_inputs(inputs)
    if count < 1:
        raise InvalidInput(["draws: at least one is needed"])
    random = np.random.Generator(np.random.PCG64(seed))
    found = np.empty((count, len(inputs)))
    for column, one in enumerate(inputs):
        chance = (random.permutation(count) + random.random(count)) / count
        found[:, column] = quantile(one, chance)
    return found


def quantile(one: Input, chance: ArrayLike) -> Floats:
    """Values (…,) of an input at these chances (0 to 1): two triangles that meet at `mid`, each with half of the
    probability, so that `mid` is the median however lopsided the range is."""
    chance = np.asarray(chance, np.float64)
    below = one.mid - (one.mid - one.low) * (1.0 - np.sqrt(2.0 * np.minimum(chance, 0.5)))
    above = one.mid + (one.high - one.mid) * (1.0 - np.sqrt(2.0 * (1.0 - np.maximum(chance, 0.5))))
    # Held inside the range: the last bit of a sum must not carry a share beyond 1.
    return np.clip(np.where(chance < 0.5, below, above), one.low, one.high)


def percentiles(values: ArrayLike, wanted: Sequence[int] = PERCENTILES) -> Ints:
    """(percentiles, …) of draws (d, …) in whole units: the smallest value drawn that at least so many percent of the draws
    do not exceed (the inverse of the empirical distribution). It is always a number that was drawn, never a mean of two."""
    values = np.asarray(values, np.int64)
    # Whole percents, so that the tenth of 1,000 draws is exactly the hundredth smallest.
    places = [max(-(-one * len(values) // 100) - 1, 0) for one in wanted]
    return np.sort(values, axis=0)[places]


def variance_shares(values: ArrayLike, outcome: ArrayLike, names: Sequence[str]) -> dict[str, float]:
    """Share of the outcome's variance that goes with each name: squared standardised rank regression coefficients.

    values (d, inputs), outcome (d,), names (inputs,): inputs of one name are taken together. Ranks make it fit for any
    rising or falling answer (Saltelli et al. 2008, chapter 1; Helton and Davis 2003). Shares are scaled to add up to the
    part of the variance that the regression explains; what is missing to 1 is interplay of inputs. Zero for everybody where
    the outcome never changes.
    """
    values, outcome = np.asarray(values, np.float64), np.asarray(outcome, np.float64)
    shares = dict.fromkeys(names, 0.0)
    varied = np.flatnonzero(np.ptp(values, axis=0) > 0) if values.size else np.empty(0, np.int64)
    if not len(varied) or np.ptp(outcome) == 0:
        return shares
    x = _standardised(np.column_stack([rankdata(values[:, column]) for column in varied]))
    y = _standardised(rankdata(outcome)[:, None])[:, 0]
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    explained = float(np.clip(1.0 - np.mean((y - x @ beta) ** 2), 0.0, 1.0))
    squares = beta**2
    for column, square in zip(varied, squares / max(squares.sum(), 1e-300) * explained, strict=True):
        shares[names[column]] += float(square)
    return shares


def _standardised(columns: Floats) -> Floats:
    return (columns - columns.mean(axis=0)) / columns.std(axis=0)
