"""People x affected share x ratio -> whole units of need that add up."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.checks import InvalidInput


def _spread_bits(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Put a zero bit between the low 31 bits of each value."""
    v = values & np.uint64(0x7FFFFFFF)
    for shift, mask in (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ):
        v = (v | (v << np.uint64(shift))) & np.uint64(mask)
    return v


def morton_order(x: ArrayLike, y: ArrayLike) -> NDArray[np.int64]:
    """Indices that walk points (n,) along the Morton (Z) curve: neighbours on the curve are neighbours on the
    ground. Ties keep their order. Any unit; both axes are scaled together. Source: Morton 1966."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.size == 0:
        return np.empty(0, np.int64)
    span = max(float(np.ptp(x)), float(np.ptp(y)), 1e-12)
    steps = float(2**24 - 1)
    column = ((x - x.min()) / span * steps).astype(np.uint64)
    line = ((y - y.min()) / span * steps).astype(np.uint64)
    return np.argsort(_spread_bits(column) | (_spread_bits(line) << np.uint64(1)), kind="stable")


def need_units(
    people: ArrayLike, share: ArrayLike, ratio: float, order: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Whole units needed per cell, (n,) int64.

    need = people x share x ratio, rounded cumulatively along `order` (by default the given order; give the Morton
    order so that every neighbourhood is right): any run of cells along it is within one unit of its exact need, and
    the total is the exact total rounded half up. `share` is one number or (n,). Raises InvalidInput for values that
    are negative or not finite: a missing rate is never zero by silence.
    """
    people = np.asarray(people, np.float64)
    share = np.asarray(share, np.float64)
    problems = []
    for name, values in (("people", people), ("share", share), ("ratio", np.asarray(ratio, np.float64))):
        if not np.all(np.isfinite(values)):
            problems.append(f"{name}: not a finite number in {int(np.sum(~np.isfinite(values)))} places")
        elif np.any(values < 0):
            problems.append(f"{name}: negative in {int(np.sum(values < 0))} places")
    if problems:
        raise InvalidInput(problems)
    exact = np.broadcast_to(people * share * float(ratio), people.shape)
    places = np.arange(people.size) if order is None else np.asarray(order, np.int64)
    # 1e-9 of a unit forgives the sum's own rounding error, so that 0.1 x 5 counts as a half.
    upto = np.floor(np.cumsum(exact[places]) + 0.5 + 1e-9).astype(np.int64)
    need = np.empty(people.size, np.int64)
    need[places] = np.diff(upto, prepend=0)
    return need


def part_units(
    part: ArrayLike, share: ArrayLike, ratio: float, need: ArrayLike, order: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Of the need (n,), the whole units of a group that is `part` (n,) of the people, (n,) int64, never more than need.

    The same chain and the same cumulative rounding as `need_units`; where a cell's need is too small to hold the
    group's unit, it passes to the next cell along `order` that can. Raises InvalidInput as `need_units`, and when a
    need is negative.
    """
    need = np.asarray(need, np.int64)
    if need.size and need.min() < 0:
        raise InvalidInput(["need: negative"])
    places = np.arange(need.size) if order is None else np.asarray(order, np.int64)
    wanted = np.cumsum(need_units(part, share, ratio, order)[places])
    whole = np.cumsum(need[places])
    # Given up to cell j = min(given up to j - 1 + need of j, wanted up to j), as a running minimum.
    given = whole + np.minimum(np.minimum.accumulate(wanted - whole), 0) if need.size else whole
    units = np.empty(need.size, np.int64)
    units[places] = np.diff(given, prepend=0)
    return units
