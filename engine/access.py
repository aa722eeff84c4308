"""Two-step floating catchments: how much capacity a person of each cell can count on.

Step 1 divides each facility's capacity by the people who can get to it, weighted by distance; step 2 adds up these
ratios over the facilities a cell can get to, weighted the same way. 2SFCA, E2SFCA and the Gaussian form differ in the
weight only. See docs/algorithms/access.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.checks import InvalidInput
from engine.pairs import SquareIndex, on_threads, points, spans, square_of
from engine.world import Reach

Floats = NDArray[np.float64]

BLOCK_CELLS = 32_768  # a shard is whole blocks: sums of blocks are the same wherever they are worked out
SQUARE_CELLS = 128
LEAST_PAIRS = 200_000  # fewer are not worth a thread


@dataclass(frozen=True, slots=True)
class Decay:
    """What a trip of a given cost counts, 0 beyond `limit`. Costs and edges are metres or minutes, as the reach.

    edges, weights: (z,) the weight of a trip that costs more than the edge before and at most this edge. beta: of the
    Gaussian form, whose only edge is the limit; None for zones. to_zero: lower and stretch the Gaussian so that it
    ends at 0. Make one with step, zones or gaussian.
    """

    edges: tuple[float, ...]
    weights: tuple[float, ...]
    beta: float | None = None
    to_zero: bool = False

    def __post_init__(self) -> None:
        problems = []
        edges, weights = np.asarray(self.edges, np.float64), np.asarray(self.weights, np.float64)
        if edges.ndim != 1 or len(edges) == 0 or edges.shape != weights.shape:
            problems.append("decay: one weight for each edge, at least one")
        else:
            if not np.isfinite(edges).all() or edges[0] <= 0 or (np.diff(edges) <= 0).any():
                problems.append("decay edges: above 0, rising, finite")
            if not np.isfinite(weights).all() or (weights < 0).any():
                problems.append("decay weights: finite, not negative")
        if self.beta is not None and not (np.isfinite(self.beta) and self.beta > 0):
            problems.append("decay beta: above 0")
        if problems:
            raise InvalidInput(problems)

    @classmethod
    def step(cls, limit: float) -> Decay:
        """2SFCA (Luo & Wang 2003): every trip within the limit counts 1."""
        return cls((float(limit),), (1.0,))

    @classmethod
    def zones(cls, edges: ArrayLike, weights: ArrayLike) -> Decay:
        """E2SFCA (Luo & Qi 2009): one weight for each travel zone."""
        return cls(
            tuple(np.ravel(edges).astype(float).tolist()), tuple(np.ravel(weights).astype(float).tolist())
        )

    @classmethod
    def gaussian(cls, limit: float, beta: float = 0.5, *, to_zero: bool = False) -> Decay:
        """g(c) = exp(-(c / limit)^2 / beta), cut at the limit. beta 0.5 (exp(-2) = 0.135 at the limit) gives the scores
        the Chengdu study published. to_zero: (g(c) - g(limit)) / (1 - g(limit)), 1 at the door and 0 at the limit;
        with beta 2 that is the form of Dai (2010)."""
        return cls((float(limit),), (1.0,), float(beta), to_zero)

    @property
    def limit(self) -> float:
        return self.edges[-1]

    @property
    def floor(self) -> float:
        """What is taken off the Gaussian."""
        return float(np.exp(-1.0 / self.beta)) if self.beta is not None and self.to_zero else 0.0

    def of(self, cost: ArrayLike) -> Floats:
        """Weight of each cost, decided in the costs' own precision at the edges."""
        cost = np.asarray(cost)
        edges = np.asarray(self.edges, cost.dtype if cost.dtype.kind == "f" else np.float64)
        if self.beta is None:
            return np.append(self.weights, 0.0)[np.searchsorted(edges, cost, side="left")]
        floor = self.floor
        raw = np.exp(-((cost.astype(np.float64) / self.limit) ** 2) / self.beta) - floor
        return np.where(cost <= edges[-1], np.maximum(raw / (1.0 - floor), 0.0), 0.0)


def two_step(
    reach: Reach,
    people: ArrayLike,
    capacity: ArrayLike,
    decay: Decay,
    *,
    back: Reach | None = None,
    threads: int | None = None,
) -> tuple[Floats, Floats]:
    """(access (n,) units of capacity per person, ratio (m,) units per weighted person) from costs of any metric.

    `reach` holds the trips people make from a cell to a site: they decide who shares a facility (step 1) and, unless
    `back` is given, what a cell can count on (step 2). Give `back` where the service comes to the people and its trips
    from the site to the cell cost something else: then step 2 uses those. Where nobody can get to a facility its ratio
    is 0. Raises InvalidInput."""
    who, room = _amounts(people, capacity, reach.sites)
    trips = reach if back is None else back
    problems = [
        f"{name}: {table.sites} sites for {len(room)} capacities, or cells beyond {len(who)}"
        for name, table in (("reach", reach), ("back", trips))
        if table.sites != len(room) or (table.pairs and int(table.cell.max()) >= len(who))
    ]
    if problems:
        raise InvalidInput(problems)
    demand = np.zeros(reach.sites)
    given = _kernel_decay(decay, np.float32)
    parts = spans(reach.sites, threads, max(1, LEAST_PAIRS * reach.sites // max(reach.pairs, 1)))
    on_threads(
        lambda n: _row_demand(reach.indptr, reach.cell, reach.cost, who, *given, *parts[n], demand),
        len(parts),
        threads,
    )
    ratio = _ratio(room, demand)
    access = np.zeros(len(who))
    cuts = spans(len(who), threads, max(1, LEAST_PAIRS * len(who) // max(trips.pairs, 1)))
    on_threads(
        lambda n: _cell_access(trips.indptr, trips.cell, trips.cost, ratio, *given, *cuts[n], access),
        len(cuts),
        threads,
    )
    return access, ratio


def two_step_straight(
    site_x: ArrayLike,
    site_y: ArrayLike,
    cell_x: ArrayLike,
    cell_y: ArrayLike,
    people: ArrayLike,
    capacity: ArrayLike,
    decay: Decay,
    *,
    threads: int | None = None,
) -> tuple[Floats, Floats]:
    """(access (n,), ratio (m,)) as two_step over straight distances in float64 metres, never storing a pair.
    Raises InvalidInput."""
    catchments = StraightCatchments(site_x, site_y, cell_x, cell_y, decay)
    who, room = _amounts(people, capacity, catchments.sites)
    if len(who) != catchments.cells:
        raise InvalidInput([f"people: {len(who)} for {catchments.cells} cells"])
    partial = np.zeros((catchments.blocks, catchments.sites))

    def step_1(block: int) -> None:
        partial[block] = catchments.demand(block, who)

    on_threads(step_1, catchments.blocks, threads)
    ratio = _ratio(room, partial.sum(axis=0))
    access = np.zeros(catchments.cells)

    def step_2(block: int) -> None:
        cell, value = catchments.access(block, ratio)
        access[cell] = value

    on_threads(step_2, catchments.blocks, threads)
    return access, ratio


class StraightCatchments:
    """Cells cut in blocks of neighbours, each of which can be worked out anywhere: demand(block, people) for all
    blocks adds up to step 1, then access(block, ratio) is step 2 of the block's own cells.

    What a block gives does not depend on threads or on the other blocks.
    """

    def __init__(
        self, site_x: ArrayLike, site_y: ArrayLike, cell_x: ArrayLike, cell_y: ArrayLike, decay: Decay
    ) -> None:
        sx, sy, cx, cy = points(site_x, site_y, cell_x, cell_y)
        self.sites, self.cells, self.decay = len(sx), len(cx), decay
        self._given = _kernel_decay(decay, np.float64, squared=True)
        if self.sites == 0 or self.cells == 0:
            self.blocks = 0
            return
        area = max(float(np.ptp(cx)) * float(np.ptp(cy)), 1.0)
        reach = decay.limit
        self._sites = SquareIndex(sx, sy, reach / 3)
        self._cells = SquareIndex(
            cx, cy, min(reach / 2, max(reach / 8, float(np.sqrt(SQUARE_CELLS * area / self.cells))))
        )
        self.blocks = -(-self.cells // BLOCK_CELLS)

    def _span(self, block: int) -> tuple[int, int]:
        return block * BLOCK_CELLS, min((block + 1) * BLOCK_CELLS, self.cells)

    def _work(self, kernel, values, low, high, out):
        cells, sites = self._cells, self._sites
        kernel(values, low, high, cells.x, cells.y, cells.start, sites.x, sites.y, sites.start, sites.x0, sites.y0,
               sites.size, sites.columns, sites.lines, *self._given, out)  # fmt: skip

    def demand(self, block: int, people: Floats) -> Floats:
        """(m,) weighted people of this block at each site."""
        low, high = self._span(block)
        found = np.zeros(self.sites)
        self._work(_block_demand, people[self._cells.order[low:high]], low, high, found)
        out = np.empty(self.sites)
        out[self._sites.order] = found
        return out

    def access(self, block: int, ratio: Floats) -> tuple[NDArray[np.int32], Floats]:
        """(cells, access) of this block."""
        low, high = self._span(block)
        out = np.zeros(high - low)
        self._work(_block_access, ratio[self._sites.order], low, high, out)
        return self._cells.order[low:high], out


def _amounts(people: ArrayLike, capacity: ArrayLike, sites: int) -> tuple[Floats, Floats]:
    who, room = np.ascontiguousarray(people, np.float64), np.ascontiguousarray(capacity, np.float64)
    problems = []
    for name, array in (("people", who), ("capacity", room)):
        if array.ndim != 1 or not np.isfinite(array).all() or (array < 0).any():
            problems.append(f"{name}: every one must be a finite number, not negative")
    if len(room) != sites:
        problems.append(f"capacity: {len(room)} for {sites} sites")
    if problems:
        raise InvalidInput(problems)
    return who, room


def _ratio(capacity: Floats, demand: Floats) -> Floats:
    ratio = np.zeros(len(capacity))
    np.divide(capacity, demand, out=ratio, where=demand > 0)
    return ratio


def _kernel_decay(decay: Decay, kind: type, squared: bool = False) -> tuple[Floats, Floats, float, float]:
    """edges (z,) (squared where costs are), weights (z + 1,) of which the last is 0, -1 / (beta limit^2) or 0, the floor."""
    edges = np.asarray(decay.edges, kind).astype(np.float64)
    edges = edges**2 if squared else edges
    weights = np.append(decay.weights, 0.0)
    return edges, weights, 0.0 if decay.beta is None else -1.0 / (decay.beta * decay.limit**2), decay.floor


@njit(nogil=True, cache=True, inline="always")
def _weight(cost, edges, weights, bend, floor):
    """Of one cost of a stored pair."""
    if bend != 0.0:
        if cost > edges[0]:
            return 0.0
        return max((np.exp(bend * cost * cost) - floor) / (1.0 - floor), 0.0)
    for z in range(len(edges)):
        if cost <= edges[z]:
            return weights[z]
    return 0.0


@njit(nogil=True, cache=True)
def _row_demand(indptr, cell, cost, people, edges, weights, bend, floor, low, high, demand):
    for site in range(low, high):
        total = 0.0
        for p in range(indptr[site], indptr[site + 1]):
            total += people[cell[p]] * _weight(np.float64(cost[p]), edges, weights, bend, floor)
        demand[site] = total


@njit(nogil=True, cache=True)
def _cell_access(indptr, cell, cost, ratio, edges, weights, bend, floor, low, high, access):
    """Cells low..high only; rows are ascending, so each row's part of them is found by halving."""
    for site in range(len(ratio)):
        if ratio[site] == 0.0:
            continue
        row = cell[indptr[site] : indptr[site + 1]]
        first = indptr[site] + np.searchsorted(row, low)
        for p in range(first, indptr[site + 1]):
            if cell[p] >= high:
                break
            access[cell[p]] += ratio[site] * _weight(np.float64(cost[p]), edges, weights, bend, floor)


@njit(nogil=True, cache=True, fastmath={"reassoc", "nsz"})
def _block_demand(people, low, high, cx, cy, cells_start, fx, fy, start, x0, y0, size, columns, lines, edges, weights,
                  bend, floor, found):  # fmt: skip
    """found (m,) in index order gains the weighted people of the cells low..high."""
    reach = np.sqrt(edges[-1])
    square = np.searchsorted(cells_start, low, side="right") - 1
    i = low
    while i < high:
        while cells_start[square + 1] <= i:
            square += 1
        end = min(cells_start[square + 1], high)
        x, y, who = cx[i:end], cy[i:end], people[i - low : end - low]
        left, right, bottom, top = x.min(), x.max(), y.min(), y.max()
        everybody = who.sum()
        first, last = square_of(left - reach, x0, size, columns), square_of(right + reach, x0, size, columns)
        for line in range(
            square_of(bottom - reach, y0, size, lines), square_of(top + reach, y0, size, lines) + 1
        ):
            for q in range(start[line * columns + first], start[line * columns + last + 1]):
                near, far = _zones_of(left, right, bottom, top, fx[q], fy[q], edges)
                if near == len(edges):
                    continue
                if bend != 0.0:
                    found[q] += _bell_sum(x, y, fx[q], fy[q], edges[0], bend, floor, who)
                elif near == far:
                    found[q] += weights[near] * everybody
                else:
                    # Zone by zone: who is within its edge, less who is within the edge before.
                    within = 0.0
                    for z in range(near, far):
                        inner, edge = 0.0, edges[z]
                        for j in range(len(x)):
                            dx, dy = x[j] - fx[q], y[j] - fy[q]
                            inner += who[j] if dx * dx + dy * dy <= edge else 0.0
                        found[q] += weights[z] * (inner - within)
                        within = inner
                    found[q] += weights[far] * (everybody - within)
        i = end


@njit(nogil=True, cache=True)
def _block_access(ratio, low, high, cx, cy, cells_start, fx, fy, start, x0, y0, size, columns, lines, edges, weights,
                  bend, floor, out):  # fmt: skip
    """out (high - low,) gains what the cells low..high can count on."""
    reach = np.sqrt(edges[-1])
    square = np.searchsorted(cells_start, low, side="right") - 1
    i = low
    while i < high:
        while cells_start[square + 1] <= i:
            square += 1
        end = min(cells_start[square + 1], high)
        x, y, mine = cx[i:end], cy[i:end], out[i - low : end - low]
        left, right, bottom, top = x.min(), x.max(), y.min(), y.max()
        everywhere = 0.0
        first, last = square_of(left - reach, x0, size, columns), square_of(right + reach, x0, size, columns)
        for line in range(
            square_of(bottom - reach, y0, size, lines), square_of(top + reach, y0, size, lines) + 1
        ):
            for q in range(start[line * columns + first], start[line * columns + last + 1]):
                near, far = _zones_of(left, right, bottom, top, fx[q], fy[q], edges)
                if near == len(edges):
                    continue
                if bend != 0.0:
                    for j in range(len(x)):
                        mine[j] += ratio[q] * _bell(x[j] - fx[q], y[j] - fy[q], edges[0], bend, floor)
                elif near == far:
                    everywhere += ratio[q] * weights[near]
                else:
                    everywhere += ratio[q] * weights[far]
                    for z in range(near, far):
                        edge, more = edges[z], ratio[q] * (weights[z] - weights[z + 1])
                        for j in range(len(x)):
                            dx, dy = x[j] - fx[q], y[j] - fy[q]
                            mine[j] += more if dx * dx + dy * dy <= edge else 0.0
        for j in range(len(x)):
            mine[j] += everywhere
        i = end


@njit(nogil=True, cache=True, inline="always")
def _zones_of(left, right, bottom, top, x, y, edges):
    """First and last zone that a trip from the box to (x, y) may fall in; len(edges) is beyond the limit. Widened by
    the rounding of the squares, so that a zone is never missed."""
    dx, dy = max(left - x, x - right, 0.0), max(bottom - y, y - top, 0.0)
    nearest = (dx * dx + dy * dy) * (1 - 1e-12)
    dx, dy = max(x - left, right - x), max(y - bottom, top - y)
    farthest = (dx * dx + dy * dy) * (1 + 1e-12)
    near, far = 0, 0
    for z in range(len(edges)):
        near += 1 if nearest > edges[z] else 0
        far += 1 if farthest > edges[z] else 0
    return near, far


@njit(nogil=True, cache=True, inline="always")
def _bell(dx, dy, edge, bend, floor):
    square = dx * dx + dy * dy
    return max((np.exp(bend * square) - floor) / (1.0 - floor), 0.0) if square <= edge else 0.0


@njit(nogil=True, cache=True)
def _bell_sum(x, y, site_x, site_y, edge, bend, floor, people):
    total = 0.0
    for j in range(len(x)):
        total += people[j] * _bell(x[j] - site_x, y[j] - site_y, edge, bend, floor)
    return total
