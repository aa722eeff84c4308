"""From people by source (a township, a pixel, an old cell) to people by cell, with every source's total kept.

What a source holds is shared out over its overlaps with cells in proportion to their weights (area, buildings, people
who are known to sleep there). Totals in whole people stay whole: each overlap gets the whole part of its share and the
persons left over go to the largest remainders (Hamilton's method), ties to the earlier row. The fraction of a total that
is not whole goes to its largest share. See docs/algorithms/reallocation.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Remainders that differ by less are ties: the same share may be a hair apart after a division.
DIGITS = 9


@dataclass(frozen=True)
class Spread:
    """`people` (cells,) by cell; `rows` (m,) by overlap; `unplaced` (k,) sources that hold people and overlap nothing."""

    people: Floats
    rows: Floats
    unplaced: NDArray[np.int64]


@dataclass(frozen=True)
class Scaled:
    """`people` (n,) after scaling; `factor` (a,) of each area, nan where it has no total or nobody to scale;
    `unplaced` (k,) areas with a total above nought and nobody to give it to."""

    people: Floats
    factor: Floats
    unplaced: NDArray[np.int64]


def spread(
    source_totals: Floats,
    source_of: NDArray[np.int64],
    cell_of: NDArray[np.int64],
    weight: Floats,
    cells: int,
    whole: bool = True,
) -> Spread:
    """People by cell out of people by source.

    source_totals (s,) people; source_of, cell_of (m,) which source and cell each overlap joins; weight (m,) its share
    of the source (any unit, at least 0). `whole`: keep whole people whole. Raises ValueError for negative or endless
    input, or rows that name no source or cell."""
    totals = _checked(source_totals, source_of, weight)
    if len(cell_of) and not (int(cell_of.min()) >= 0 and int(cell_of.max()) < cells):
        raise ValueError("an overlap names a cell that is not there")
    rows, unplaced = _shared(totals, source_of, np.asarray(weight, np.float64), whole)
    return Spread(np.bincount(cell_of, rows, minlength=cells).astype(np.float64), rows, unplaced)


def spread_part(
    part_totals: Floats,
    source_of: NDArray[np.int64],
    weight: Floats,
    most: Floats,
    whole: bool = True,
) -> Floats:
    """A part of the people (a group) by overlap, (m,): in proportion to `weight` and nowhere more than `most` (m,).

    Shares that would pass the limit stop there; what is left goes where there is room, in proportion to the room. With
    whole limits and whole totals the answer is whole. Raises ValueError when a source's part is larger than all its
    room, beside the checks of `spread`."""
    totals = _checked(part_totals, source_of, weight)
    weight, most = np.asarray(weight, np.float64), np.asarray(most, np.float64)
    room = np.bincount(source_of, most, minlength=len(totals))
    if (totals > room * (1 + 1e-12) + 1e-9).any():
        raise ValueError("a part is larger than the whole")
    split = np.zeros(len(totals), bool)
    split[source_of[most != np.floor(most)]] = True
    keep = whole & ~split & (totals == np.floor(totals))
    share = _shares(totals, source_of, weight)
    rows = np.minimum(np.where(keep[source_of], np.floor(share), share), most)
    left = np.maximum(totals - np.bincount(source_of, rows, minlength=len(totals)), 0.0)
    free = np.where(rows < most, share - rows, -1.0)
    ones = keep[source_of] & (rows < most) & (_place(source_of, free) < left[source_of])
    rows = rows + ones
    left = np.maximum(totals - np.bincount(source_of, rows, minlength=len(totals)), 0.0)
    left[~keep & (left <= 1e-12 * totals)] = 0.0
    if (left > 0).any():
        more, _none = _shared(left, source_of, most - rows, keep)
        rows = np.minimum(rows + more, most)
    return rows


def scale_to_totals(people: Floats, area_of: NDArray[np.int64], totals: Floats, whole: bool = True) -> Scaled:
    """People by cell brought to the totals of their areas, each area by its own factor.

    people (n,); area_of (n,) index of the area of each cell, -1 for none; totals (a,) people wanted, nan where it is not
    known. Cells without an area or without a total stay as they are."""
    people, totals = np.asarray(people, np.float64), np.asarray(totals, np.float64)
    told = np.isfinite(totals)
    here = np.flatnonzero((area_of >= 0) & told[np.maximum(area_of, 0)])
    of = area_of[here]
    made = spread(np.where(told, totals, 0.0), of, np.arange(len(here)), people[here], len(here), whole)
    scaled = people.copy()
    held = np.bincount(of, people[here], minlength=len(totals))
    scaled[here] = np.where(held[of] > 0, made.people, people[here])
    factor = np.full(len(totals), np.nan)
    np.divide(totals, held, out=factor, where=told & (held > 0))
    return Scaled(scaled, factor, made.unplaced)


def _checked(totals: Floats, source_of: NDArray[np.int64], weight: Floats) -> Floats:
    totals = np.asarray(totals, np.float64)
    if not (np.isfinite(totals).all() and (totals >= 0).all()):
        raise ValueError("totals must be numbers of at least 0")
    if not (np.isfinite(weight).all() and (np.asarray(weight) >= 0).all()):
        raise ValueError("weights must be numbers of at least 0")
    if len(source_of) and not (int(source_of.min()) >= 0 and int(source_of.max()) < len(totals)):
        raise ValueError("an overlap names a source that is not there")
    return totals


def _shares(totals: Floats, source_of: NDArray[np.int64], weight: Floats) -> Floats:
    """Exact shares (m,), 0 where a source has no weight at all."""
    sums = np.bincount(source_of, weight, minlength=len(totals))
    share = np.zeros(len(source_of))
    np.divide(totals[source_of] * weight, sums[source_of], out=share, where=sums[source_of] > 0)
    return share


def _place(source_of: NDArray[np.int64], rank: Floats) -> NDArray[np.int64]:
    """Place (m,) of each row among those of its source, the highest rank first, ties in the order given."""
    order = np.lexsort((-np.round(rank, DIGITS), source_of))
    count = np.bincount(source_of) if len(source_of) else np.zeros(0, np.int64)
    start = np.cumsum(count) - count
    place = np.empty(len(source_of), np.int64)
    place[order] = np.arange(len(source_of)) - start[source_of[order]]
    return place


def _shared(
    totals: Floats, source_of: NDArray[np.int64], weight: Floats, whole: bool | NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.int64]]:
    """Rows (m,) that add up to each source's total, and the sources that could not be placed. `whole` (s,) or one."""
    share = _shares(totals, source_of, weight)
    reached = np.bincount(source_of, weight, minlength=len(totals)) > 0
    unplaced = np.flatnonzero(~reached & (totals > 0))
    if not len(source_of):
        return share, unplaced
    keep = np.broadcast_to(np.asarray(whole, bool), totals.shape)
    floor = np.floor(totals)
    if keep.any():
        exact = _shares(np.where(keep, floor, totals), source_of, weight)
        base = np.floor(exact)
        left = np.where(reached, floor - np.bincount(source_of, base, minlength=len(totals)), 0.0)
        # nobody may go where there is no weight
        rank = np.where(weight > 0, exact - base, -1.0)
        share = np.where(keep[source_of], base + (_place(source_of, rank) < left[source_of]), share)
    # the fraction of a total, and what rounding has lost, belong to the largest share
    lost = np.where(reached, totals - np.bincount(source_of, share, minlength=len(totals)), 0.0)
    if (lost != 0).any():
        largest = (_place(source_of, np.where(weight > 0, share, -1.0)) == 0) & (weight > 0)
        share = np.where(largest, np.maximum(share + lost[source_of], 0.0), share)
    return share, unplaced
