"""Which cells lie within a straight distance of which sites, and the square index behind it.

Cells are walked in their own order against an index of the sites, so each site's row fills in ascending cell order
without a sort. Rows and costs do not depend on the number of threads. See docs/algorithms/access.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.checks import InvalidInput
from engine.world import Reach

Floats = NDArray[np.float64]

MAX_SQUARES = 4_000_000
SQUARES_A_RADIUS = 4.0
LEAST_CELLS = 4_096  # fewer are not worth a thread


def pairs_within(
    site_x: ArrayLike,
    site_y: ArrayLike,
    cell_x: ArrayLike,
    cell_y: ArrayLike,
    radius_m: float,
    *,
    threads: int | None = None,
) -> Reach:
    """Cells (n,) within `radius_m` straight metres (<=, decided in float64) of each site (m,), as a Reach whose cost
    is that distance in float32 metres. Raises InvalidInput for places or a radius that are not finite numbers."""
    sx, sy, cx, cy = points(site_x, site_y, cell_x, cell_y)
    if not (np.isfinite(radius_m) and radius_m > 0):
        raise InvalidInput(["radius_m must be above 0"])
    sites, cells = len(sx), len(cx)
    if sites == 0 or cells == 0:
        return Reach(np.zeros(sites + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
    index = SquareIndex(sx, sy, radius_m / SQUARES_A_RADIUS)
    parts = spans(cells, threads, LEAST_CELLS)
    counts = np.zeros((len(parts), sites), np.int64)
    radius = float(radius_m)

    def count(number):
        low, high = parts[number]
        _count(cx, cy, low, high, *index.arrays, radius, counts[number])

    on_threads(count, len(parts), threads)
    indptr = np.zeros(sites + 1, np.int64)
    totals = np.empty(sites, np.int64)
    totals[index.order] = counts.sum(axis=0)
    np.cumsum(totals, out=indptr[1:])
    # Where each part of the cells writes in each row: rows in the sites' own order, parts in the cells' order.
    at = indptr[:-1][index.order] + np.cumsum(counts, axis=0) - counts
    cell, cost = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.float32)

    def fill(number):
        low, high = parts[number]
        _fill(cx, cy, low, high, *index.arrays, radius, at[number], cell, cost)

    on_threads(fill, len(parts), threads)
    return Reach(indptr, cell, cost)


def points(*coordinates: ArrayLike) -> list[Floats]:
    """x, y, x, y … as contiguous float64. Raises InvalidInput unless each pair is as long and finite."""
    arrays = [np.ascontiguousarray(values, np.float64) for values in coordinates]
    problems = []
    for name, x, y in zip(("sites", "cells"), arrays[::2], arrays[1::2], strict=False):
        if x.ndim != 1 or x.shape != y.shape:
            problems.append(f"{name}: x {x.shape} and y {y.shape} must be as long")
        elif not (np.isfinite(x).all() and np.isfinite(y).all()):
            problems.append(f"{name}: every place must be a finite number")
    if problems:
        raise InvalidInput(problems)
    return arrays


def worker_threads(threads: int | None = None) -> int:
    return threads or min(8, len(os.sched_getaffinity(0)))


def spans(count: int, threads: int | None, least: int) -> list[tuple[int, int]]:
    """`count` rows cut in consecutive spans, about four a thread so that none waits long for another."""
    workers = worker_threads(threads)
    wanted = 1 if workers == 1 else max(1, min(4 * workers, count // least))
    cuts = np.linspace(0, count, wanted + 1).astype(np.int64).tolist()
    return list(pairwise(cuts))


def on_threads(work: Callable[[int], Any], count: int, threads: int | None = None) -> None:
    """Run work(0) … work(count - 1) on threads; the kernels release the interpreter."""
    if count == 1 or worker_threads(threads) == 1:
        for number in range(count):
            work(number)
        return
    with ThreadPoolExecutor(worker_threads(threads)) as pool:
        for _done in pool.map(work, range(count)):
            pass


class SquareIndex:
    """Points bucketed in squares of about `size` metres, line by line, so that the points of neighbouring squares of
    one line lie side by side.

    order: (m,) the points' own numbers in index order; x, y: (m,) in index order; start: (lines x columns + 1,).
    """

    def __init__(self, x: Floats, y: Floats, size: float) -> None:
        self.x0, self.y0 = float(x.min()), float(y.min())
        width, height = float(np.ptp(x)), float(np.ptp(y))
        # Squares grow where a small radius on a wide plane would make too many of them.
        self.size = max(
            float(size), float(np.sqrt(width * height / MAX_SQUARES)), max(width, height) / 2e6, 1e-9
        )
        self.columns, self.lines = int(width // self.size) + 1, int(height // self.size) + 1
        self.order, self.start = _bucket(x, y, self.x0, self.y0, self.size, self.columns, self.lines)
        self.x, self.y = x[self.order], y[self.order]

    @property
    def arrays(self) -> tuple[Any, ...]:
        """What the kernels take, in their order."""
        return self.order, self.x, self.y, self.start, self.x0, self.y0, self.size, self.columns, self.lines


@njit(nogil=True, cache=True)
def _bucket(x, y, x0, y0, size, columns, lines):
    count = len(x)
    start = np.zeros(columns * lines + 1, np.int64)
    square = np.empty(count, np.int64)
    for i in range(count):
        column = min(int((x[i] - x0) / size), columns - 1)
        line = min(int((y[i] - y0) / size), lines - 1)
        square[i] = line * columns + column
        start[square[i] + 1] += 1
    for s in range(columns * lines):
        start[s + 1] += start[s]
    at = start[:-1].copy()
    order = np.empty(count, np.int32)
    for i in range(count):
        order[at[square[i]]] = i
        at[square[i]] += 1
    return order, start


@njit(nogil=True, cache=True, inline="always")
def square_of(value, origin, size, count):
    """Column or line of a coordinate, held inside the index."""
    number = int(np.floor((value - origin) / size))
    return min(max(number, 0), count - 1)


@njit(nogil=True, cache=True)
def _count(cx, cy, low, high, order, fx, fy, start, x0, y0, size, columns, lines, radius, out):
    """out (m,) in index order: how many of the cells low..high each site reaches."""
    square = radius * radius
    for i in range(low, high):
        x, y = cx[i], cy[i]
        first, last = square_of(x - radius, x0, size, columns), square_of(x + radius, x0, size, columns)
        for line in range(square_of(y - radius, y0, size, lines), square_of(y + radius, y0, size, lines) + 1):
            for q in range(start[line * columns + first], start[line * columns + last + 1]):
                dx, dy = fx[q] - x, fy[q] - y
                out[q] += 1 if dx * dx + dy * dy <= square else 0


@njit(nogil=True, cache=True)
def _fill(cx, cy, low, high, order, fx, fy, start, x0, y0, size, columns, lines, radius, at, cell, cost):
    """Writes the cells low..high into the rows of their sites; at (m,) in index order says where, and moves on."""
    square = radius * radius
    for i in range(low, high):
        x, y = cx[i], cy[i]
        first, last = square_of(x - radius, x0, size, columns), square_of(x + radius, x0, size, columns)
        for line in range(square_of(y - radius, y0, size, lines), square_of(y + radius, y0, size, lines) + 1):
            for q in range(start[line * columns + first], start[line * columns + last + 1]):
                dx, dy = fx[q] - x, fy[q] - y
                far = dx * dx + dy * dy
                if far <= square:
                    cell[at[q]] = i
                    cost[at[q]] = np.sqrt(far)
                    at[q] += 1
