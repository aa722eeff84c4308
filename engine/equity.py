"""How evenly a quantity is shared among people: Lorenz curve, Gini, the worst-off share, groups.

`values` is what one person of a row has (the share of need served in a cell, an access score), `weights` how many
people the row stands for. Rows without people count for nothing. See docs/algorithms/equity.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.checks import InvalidInput

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GroupEquity:
    """One figure (g,) per group. weight: people. mean: what one person has on average, NaN without people. gini and
    worst: within the group; worst is the mean of its worst-off tenth (or the share asked for). share: the group's part
    of the whole quantity, beside people_share, its part of the people."""

    weight: Floats
    mean: Floats
    gini: Floats
    worst: Floats
    share: Floats
    people_share: Floats


def lorenz(values: ArrayLike, weights: ArrayLike) -> tuple[Floats, Floats]:
    """(people, quantity): cumulative shares of people, worst off first, and of the quantity they hold, both from 0 to
    1, one point for each different value and the origin. Where nobody has anything the curve is the diagonal.

    Raises InvalidInput for values or weights that are negative or not finite, or when no weight is above 0."""
    held, people = _sorted(values, weights)
    last = np.append(held[1:] != held[:-1], True)
    share_of_people = _shares(np.cumsum(people)[last])
    quantity = np.cumsum(held * people)[last]
    return share_of_people, _shares(quantity) if quantity[-1] > 0 else share_of_people.copy()


def gini(values: ArrayLike, weights: ArrayLike) -> float:
    """0 when everybody has the same, towards 1 the fewer hold everything: 1 - twice the area under the Lorenz curve.
    0 where nobody has anything. Raises InvalidInput as lorenz does."""
    held, people = _sorted(values, weights)
    return _gini(held, people)


def worst_share(values: ArrayLike, weights: ArrayLike, share: float = 0.1) -> float:
    """Mean of `values` among the worst-off `share` of the people (0 < share <= 1); a row at the border counts in part.
    Raises InvalidInput as lorenz does."""
    _check_share(share)
    held, people = _sorted(values, weights)
    return _worst(held, people, share)


def worst_part(values: ArrayLike, weights: ArrayLike, share: float = 0.1) -> Floats:
    """(n,) how much of each row's weight belongs to the worst-off `share`: rows of the border value are taken in the
    same proportion, so that it does not matter in which order they stand."""
    _check_share(share)
    held, people = _inputs(values, weights)
    order = np.argsort(held, kind="stable")
    before = np.cumsum(people[order])
    border = held[order][min(int(np.searchsorted(before, share * before[-1])), len(order) - 1)]
    below = people[held < border].sum()
    at = people[held == border].sum()
    part = min(1.0, max(0.0, (share * people.sum() - below) / at)) if at > 0 else 0.0
    return np.where(held < border, people, np.where(held == border, people * part, 0.0))


def by_group(
    values: ArrayLike, weights: ArrayLike, group: ArrayLike, groups: int, share: float = 0.1
) -> GroupEquity:
    """Figures per group; group (n,) numbers each row's group 0..groups-1, -1 for none (left out).
    Raises InvalidInput as lorenz does."""
    _check_share(share)
    held, people = _inputs(values, weights)
    number = np.asarray(group, np.int64)
    if number.shape != held.shape or (len(number) and (number.min() < -1 or number.max() >= groups)):
        raise InvalidInput([f"group: (n,) numbers from -1 to {groups - 1}"])
    kept = np.flatnonzero((number >= 0) & (people > 0))
    kept = kept[np.lexsort((held[kept], number[kept]))]
    held, people, number = held[kept], people[kept], number[kept]
    weight = np.bincount(number, people, groups)
    total = np.bincount(number, people * held, groups)
    ends = np.searchsorted(number, np.arange(groups + 1))
    within, worst = np.full(groups, np.nan), np.full(groups, np.nan)
    for one in np.flatnonzero(weight > 0):
        rows = slice(ends[one], ends[one + 1])
        within[one], worst[one] = _gini(held[rows], people[rows]), _worst(held[rows], people[rows], share)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / weight
    whole = float(total.sum())
    return GroupEquity(
        weight, mean, within, worst,
        total / whole if whole > 0 else np.zeros(groups),
        weight / weight.sum() if weight.sum() > 0 else np.zeros(groups),
    )  # fmt: skip


def _inputs(values: ArrayLike, weights: ArrayLike) -> tuple[Floats, Floats]:
    held, people = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    problems = []
    if held.ndim != 1 or held.shape != people.shape:
        raise InvalidInput([f"values {held.shape} and weights {people.shape} must be as long"])
    for name, array in (("values", held[people > 0]), ("weights", people)):
        if not np.isfinite(array).all() or (array < 0).any():
            problems.append(f"{name}: every one must be a finite number, not negative")
    if not problems and not (people > 0).any():
        problems.append("weights: nobody is there")
    if problems:
        raise InvalidInput(problems)
    # A row of nobody may hold anything, or nothing that can be told.
    return np.where(people > 0, held, 0.0), people


def _sorted(values: ArrayLike, weights: ArrayLike) -> tuple[Floats, Floats]:
    held, people = _inputs(values, weights)
    held, people = held[people > 0], people[people > 0]
    order = np.argsort(held, kind="stable")
    return held[order], people[order]


def _shares(cumulative: Floats) -> Floats:
    return np.append(0.0, cumulative / cumulative[-1])


def _gini(held: Floats, people: Floats) -> float:
    """Of rows sorted by what they hold."""
    quantity = held * people
    total = float(quantity.sum())
    if total <= 0:
        return 0.0
    after = np.cumsum(quantity)
    return max(0.0, 1.0 - float(people @ (2 * after - quantity)) / (float(people.sum()) * total))


def _worst(held: Floats, people: Floats, share: float) -> float:
    """Of rows sorted by what they hold."""
    wanted = share * float(people.sum())
    before = np.cumsum(people) - people
    taken = np.clip(wanted - before, 0.0, people)
    return float(taken @ held / taken.sum())


def _check_share(share: float) -> None:
    if not 0 < share <= 1:
        raise InvalidInput(["share must be above 0 and at most 1"])
