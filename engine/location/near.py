"""Which sites lie within a cutoff of which demands, nearest first: what the p-median of a whole city is solved on.

Letters in shapes: n demands, r rows, m sites, e pairs of a row and a site.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray

from engine.checks import InvalidInput
from engine.location.records import Sites
from engine.pairs import SQUARES_A_RADIUS, SquareIndex, points, square_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Nearby:
    """Rows are demands of positive weight that some site reaches; demands at one place are one row (their costs are
    equal, nothing is rounded for it).

    indptr (r + 1,), site (e,), cost (e,): the sites of row i within the cutoff, site[indptr[i]:indptr[i + 1]], their
    costs ascending; weight (r,). row (n,): of each demand, -1 for one of no weight or without a site; alone: the weight
    of those without a site; people (n,): of each demand; first (r,): a demand of each row. `cost` is float32 where it is a distance between places: the answer and its bound are then
    computed anew from `places` (cell x, y, site x, y; metres) in float64.
    """

    indptr: NDArray[np.int64]
    site: NDArray[np.unsignedinteger]
    cost: NDArray[np.floating]
    weight: Floats
    sites: int
    cutoff: float
    row: NDArray[np.int32]
    alone: float
    people: Floats
    places: tuple[Floats, Floats, Floats, Floats] | None
    first: NDArray[np.int64]
    _by_site: list[tuple[NDArray[np.int64], NDArray[np.int32]]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.weight)

    @property
    def arrays(self) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        return self.indptr, self.site, self.cost, self.weight

    def exact_cost(
        self, pairs: NDArray[np.int64] | None = None, rows: NDArray[np.int64] | None = None
    ) -> Floats:
        """Costs in float64 of some pairs, whose rows are given too; of all by default."""
        if pairs is None or rows is None:
            pairs, rows = np.arange(len(self.site)), np.repeat(np.arange(self.rows), np.diff(self.indptr))
        if self.places is None:
            return self.cost[pairs].astype(np.float64)
        cx, cy, sx, sy = self.places
        at, site = self.first[rows], self.site[pairs]
        return np.sqrt((cx[at] - sx[site]) ** 2 + (cy[at] - sy[site]) ** 2)

    def by_site(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Rows of site j: row[ptr[j]:ptr[j + 1]], ascending."""
        if not self._by_site:
            self._by_site.append(_turned(self.indptr, self.site, self.sites))
        return self._by_site[0]


def near_places(
    cell_x: ArrayLike, cell_y: ArrayLike, weight: ArrayLike, site_x: ArrayLike, site_y: ArrayLike, cutoff_m: float
) -> Nearby:  # fmt: skip
    """Pairs at most `cutoff_m` straight metres apart (decided in float64). Raises InvalidInput with every problem."""
    sx, sy, cx, cy = points(site_x, site_y, cell_x, cell_y)
    people = np.ascontiguousarray(weight, np.float64)
    problems = _wrong(people, len(cx), len(sx), cutoff_m)
    if problems:
        raise InvalidInput(problems)
    row, first, total = _by_place(cx, cy, people)
    index: Any = SquareIndex(sx, sy, cutoff_m / SQUARES_A_RADIUS)
    count = np.zeros(len(first), np.int32)
    box: list[Any] = [*index.arrays, float(cutoff_m)]
    _count(*[cx[first], cy[first], *box, count])
    reached = np.flatnonzero(count > 0)
    alone = float(total[count == 0].sum())
    place = np.full(len(first) + 1, -1, np.int32)
    place[reached] = np.arange(len(reached), dtype=np.int32)
    indptr = np.concatenate([[0], np.cumsum(count[reached], dtype=np.int64)])
    site = np.empty(indptr[-1], _narrow(len(sx)))
    cost = np.empty(indptr[-1], np.float32)
    at = first[reached]
    _fill(*[cx[at], cy[at], *box, indptr, site, cost])
    return Nearby(
        indptr, site, cost, total[reached], len(sx), float(cutoff_m), place[row], alone, people, (cx, cy, sx, sy), at,
    )  # fmt: skip


def near_table(sites: Sites, cutoff: float) -> Nearby:
    """Pairs of a table whose cost is at most `cutoff`; costs stay float64."""
    n, m = sites.cost.shape
    if problems := _wrong(sites.weight, n, m, cutoff):
        raise InvalidInput(problems)
    inside = (sites.cost <= cutoff) & (sites.weight > 0)[:, None]
    reached = np.flatnonzero(inside.any(axis=1))
    row = np.full(n, -1, np.int32)
    row[reached] = np.arange(len(reached))
    demand, site = np.nonzero(inside[reached])
    cost = sites.cost[reached[demand], site]
    order = np.lexsort((site, cost, demand))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(demand, minlength=len(reached)))]).astype(np.int64)
    alone = float(sites.weight[~inside.any(axis=1)].sum())
    return Nearby(
        indptr, site[order].astype(_narrow(m)), cost[order], sites.weight[reached], m, float(cutoff), row, alone,
        sites.weight, None, reached,
    )  # fmt: skip


def _wrong(weight: Floats, demands: int, sites: int, cutoff: float) -> list[str]:
    problems = []
    if not (np.isfinite(cutoff) and cutoff > 0):
        problems.append(f"cutoff: {cutoff} is not a number above 0")
    if not sites:
        problems.append("sites: there is none")
    if weight.shape != (demands,):
        problems.append(f"weight: {weight.size} values for {demands} demands")
    elif not np.isfinite(weight).all() or (weight < 0).any():
        problems.append("weight: negative or not finite")
    return problems


def _narrow(sites: int) -> type:
    return np.uint16 if sites <= 65_536 else np.uint32


def _by_place(x: Floats, y: Floats, weight: Floats) -> tuple[Any, Any, Any]:
    """Demands of positive weight by place: (place of each demand, -1 for no weight; a demand of each place; weight)."""
    counted = np.flatnonzero(weight > 0)
    order = counted[np.lexsort((y[counted], x[counted]))]
    fresh = np.ones(len(order), bool)
    fresh[1:] = (np.diff(x[order]) != 0) | (np.diff(y[order]) != 0)
    row = np.full(len(x), -1, np.int32)
    if fresh.all():
        # Nobody shares a place: rows stay in the demands' own order, which lies better in memory.
        row[counted] = np.arange(len(counted), dtype=np.int32)
        return row, counted, weight[counted]
    row[order] = np.cumsum(fresh, dtype=np.int32) - 1
    return row, order[fresh], np.bincount(row[order], weight[order])


@njit(parallel=True, cache=True)
def _count(cx, cy, order, fx, fy, start, x0, y0, size, columns, lines, radius, out):
    square = radius * radius
    for i in prange(len(cx)):
        x, y, count = cx[i], cy[i], 0
        first, last = square_of(x - radius, x0, size, columns), square_of(x + radius, x0, size, columns)
        for line in range(square_of(y - radius, y0, size, lines), square_of(y + radius, y0, size, lines) + 1):
            for q in range(start[line * columns + first], start[line * columns + last + 1]):
                dx, dy = fx[q] - x, fy[q] - y
                count += 1 if dx * dx + dy * dy <= square else 0
        out[i] = count


@njit(parallel=True, cache=True)
def _fill(cx, cy, order, fx, fy, start, x0, y0, size, columns, lines, radius, indptr, site, cost):
    square = radius * radius
    for i in prange(len(cx)):
        x, y, low, at = cx[i], cy[i], indptr[i], indptr[i]
        first, last = square_of(x - radius, x0, size, columns), square_of(x + radius, x0, size, columns)
        for line in range(square_of(y - radius, y0, size, lines), square_of(y + radius, y0, size, lines) + 1):
            for q in range(start[line * columns + first], start[line * columns + last + 1]):
                dx, dy = fx[q] - x, fy[q] - y
                far = dx * dx + dy * dy
                if far <= square:
                    way = np.float32(np.sqrt(far))
                    # Rows are short: each pair is sunk to its place as it comes.
                    back = at
                    while back > low and (
                        cost[back - 1] > way or (cost[back - 1] == way and site[back - 1] > order[q])
                    ):
                        cost[back], site[back] = cost[back - 1], site[back - 1]
                        back -= 1
                    cost[back], site[back] = way, order[q]
                    at += 1


@njit(cache=True)
def _turned(indptr, site, sites):
    ptr = np.zeros(sites + 1, np.int64)
    for q in range(len(site)):
        ptr[site[q] + 1] += 1
    for j in range(sites):
        ptr[j + 1] += ptr[j]
    at, row = ptr[:-1].copy(), np.empty(len(site), np.int32)
    for i in range(len(indptr) - 1):
        for q in range(indptr[i], indptr[i + 1]):
            row[at[site[q]]] = i
            at[site[q]] += 1
    return ptr, row
