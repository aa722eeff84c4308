"""Points in squares, to find those within a distance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

MOST_A_SIDE = 2000  # never more than 4 M squares


class Squares(NamedTuple):
    """Points member[start[i]:start[i+1]] of square i = line x columns + column, of side `size` from (x0, y0)."""

    start: NDArray[np.int64]
    member: NDArray[np.int32]
    x0: float
    y0: float
    size: float
    columns: int
    lines: int

    @classmethod
    def of(
        cls, x: NDArray[np.float64], y: NDArray[np.float64], size: float, of: NDArray | None = None
    ) -> Squares:
        """Squares of about this side over the points (n,), or over those of them that `of` (q,) names."""
        member = np.arange(len(x)) if of is None else of
        if len(member) == 0:
            return cls(np.zeros(2, np.int64), np.empty(0, np.int32), 0.0, 0.0, 1.0, 1, 1)
        px, py = x[member], y[member]
        x0, y0, wide, high = float(px.min()), float(py.min()), float(np.ptp(px)), float(np.ptp(py))
        side = max(float(size), 1.0, max(wide, high) / MOST_A_SIDE)
        columns, lines = int(wide // side) + 1, int(high // side) + 1
        square = ((py - y0) // side).astype(np.int64) * columns + ((px - x0) // side).astype(np.int64)
        order = np.argsort(square, kind="stable")
        start = np.searchsorted(square[order], np.arange(columns * lines + 1)).astype(np.int64)
        return cls(start, member[order].astype(np.int32), x0, y0, side, columns, lines)


@njit(cache=True, nogil=True)
def square_range(squares, x, y, radius):
    """(first column, last, first line, last) of the squares within radius of (x, y); empty when first > last."""
    i0 = int(np.floor((x - radius - squares.x0) / squares.size))
    i1 = int(np.floor((x + radius - squares.x0) / squares.size))
    j0 = int(np.floor((y - radius - squares.y0) / squares.size))
    j1 = int(np.floor((y + radius - squares.y0) / squares.size))
    return max(i0, 0), min(i1, squares.columns - 1), max(j0, 0), min(j1, squares.lines - 1)
