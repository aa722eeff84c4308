"""Contours of a raster by marching squares (Lorensen & Cline 1987), as closed rings."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


def rings(
    field: NDArray[np.float64], limit: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """(x, y, ring number), each (p,): closed rings around what is <= limit in a field (lines, columns), in steps of the
    raster from point (0, 0); holes are rings too. Points of the field's edge must lie above the limit."""
    follow = _follow(field <= limit)
    return _traced(field, float(limit), follow)


@njit(cache=True, nogil=True)
def _follow(inside):
    """For each crossed raster edge the next one round, inside on the left; -1 where there is none.

    Edge 2 x p goes from point p to the one right of it, 2 x p + 1 to the one above it. Where two opposite corners of a
    square are inside, they stay apart.
    """
    lines, columns = inside.shape
    follow = np.full(2 * lines * columns, -1, np.int64)
    for j in range(lines - 1):
        for i in range(columns - 1):
            p = j * columns + i
            corners = inside[j, i] + 2 * inside[j, i + 1] + 4 * inside[j + 1, i + 1] + 8 * inside[j + 1, i]
            below, right, above, left = 2 * p, 2 * (p + 1) + 1, 2 * (p + columns), 2 * p + 1
            if corners == 1:
                follow[below] = left
            elif corners == 2:
                follow[right] = below
            elif corners == 3:
                follow[right] = left
            elif corners == 4:
                follow[above] = right
            elif corners == 5:
                follow[below], follow[above] = left, right
            elif corners == 6:
                follow[above] = below
            elif corners == 7:
                follow[above] = left
            elif corners == 8:
                follow[left] = above
            elif corners == 9:
                follow[below] = above
            elif corners == 10:
                follow[right], follow[left] = below, above
            elif corners == 11:
                follow[right] = above
            elif corners == 12:
                follow[left] = right
            elif corners == 13:
                follow[below] = right
            elif corners == 14:
                follow[left] = below
    return follow


@njit(cache=True, nogil=True)
def _traced(field, limit, follow):
    columns = field.shape[1]
    points = 0
    for edge in range(follow.size):
        if follow[edge] >= 0:
            points += 1
    # every ring comes back to its first point
    x, y, ring = np.empty(2 * points), np.empty(2 * points), np.empty(2 * points, np.int64)
    used, number = 0, 0
    for first in range(follow.size):
        if follow[first] < 0:
            continue
        edge, start = first, used
        while True:
            p = edge >> 1
            i, j = p % columns, p // columns
            up = edge & 1
            here, there = field[j, i], field[j + up, i + 1 - up]
            share = 0.5  # beside what is nowhere
            if here < np.inf and there < np.inf:
                share = (limit - here) / (there - here)
            x[used], y[used], ring[used] = i + (0 if up else share), j + (share if up else 0), number
            used += 1
            after = follow[edge]
            follow[edge] = -1
            edge = after
            if edge == first:
                break
        x[used], y[used], ring[used] = x[start], y[start], number
        used += 1
        number += 1
    return x[:used].copy(), y[:used].copy(), ring[:used].copy()
