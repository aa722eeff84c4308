"""Snapping: the nearest point on the nearest street, by grids of street pieces, coarse over fine.

A point looks at the squares around it ring by ring; far from every street it goes on with squares four times as
large, so a point in the hills costs no more than one in town.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

PIECES_A_SQUARE = 2.0
COARSER = 4
RINGS = 3
MOST_SQUARES = 1 << 23
BLOCK_POINTS = 65_536


@dataclass(frozen=True, slots=True)
class Snap:
    """Where points (n,) enter the network: street (n,) int32 (-1 none), along (n,) share of the street from its `a`
    end, entry_m (n,) straight metres from the point to the street."""

    street: NDArray[np.int32]
    along: Floats
    entry_m: Floats

    def with_rows(self, rows: NDArray[np.int64], other: Snap) -> Snap:
        """A copy where the points at `rows` (q,) enter as `other` (q,) says."""
        street, along, entry = np.array(self.street), np.array(self.along), np.array(self.entry_m)
        street[rows], along[rows], entry[rows] = other.street, other.along, other.entry_m
        return Snap(street, along, entry)


@dataclass(frozen=True, slots=True)
class Segments:
    """The straight pieces (s,) of streets: ends, the street of each, the share of the street where it begins and
    ends, and for each level of the grid the pieces that cross each square."""

    ax: Floats
    ay: Floats
    bx: Floats
    by: Floats
    street: NDArray[np.int32]
    share_from: Floats
    share_to: Floats
    box: Floats  # low x, low y, high x, high y
    size: Floats
    columns: NDArray[np.int64]
    lines: NDArray[np.int64]
    level_first: NDArray[np.int64]
    start: NDArray[np.int64]
    member: NDArray[np.int32]

    @classmethod
    def of(cls, node_x, node_y, a, b, line_ptr, line_x, line_y) -> Segments:
        """Pieces in the order of streets, and the grids over them."""
        pieces = _pieces(*(np.array(one) for one in (node_x, node_y, a, b, line_ptr, line_x, line_y)))
        ax, ay, bx, by, street, share_from, share_to = pieces
        if len(ax) == 0:
            none = np.zeros(0, np.int64)
            return cls(
                ax,
                ay,
                bx,
                by,
                street,
                share_from,
                share_to,
                np.zeros(4),
                np.zeros(0),
                none,
                none,
                none,
                none,
                np.zeros(0, np.int32),
            )
        x0, y0 = float(min(ax.min(), bx.min())), float(min(ay.min(), by.min()))
        wide = max(float(max(ax.max(), bx.max())) - x0, 1.0)
        high = max(float(max(ay.max(), by.max())) - y0, 1.0)
        squares = min(max(len(ax) / PIECES_A_SQUARE, 1.0), MOST_SQUARES)
        size = max(np.sqrt(wide * high / squares), max(wide, high) / squares)
        sizes, columns, lines, starts, members, first = [], [], [], [], [], [0]
        while True:
            across, up = int(wide // size) + 1, int(high // size) + 1
            count = _count(ax, ay, bx, by, x0, y0, size, across, up)
            start = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
            members.append(_fill(ax, ay, bx, by, x0, y0, size, across, up, start))
            before = sum(len(one) for one in members[:-1])
            starts.append(start + before)
            sizes.append(size)
            columns.append(across)
            lines.append(up)
            first.append(first[-1] + len(start))
            if across == up == 1:
                break
            size *= COARSER
        return cls(
            ax, ay, bx, by, street, share_from, share_to, np.array([x0, y0, x0 + wide, y0 + high]), np.array(sizes), np.array(columns), np.array(lines), np.array(first),
            np.concatenate(starts), np.concatenate(members),
        )  # fmt: skip

    def nearest(
        self, x_m: ArrayLike, y_m: ArrayLike, mask: NDArray[np.bool_], limit_m: float = np.inf
    ) -> Snap:
        """Of streets where mask (e,) is True; of two equally near the one of the lower number. On threads."""
        x, y = np.ascontiguousarray(x_m, np.float64), np.ascontiguousarray(y_m, np.float64)
        street = np.full(x.shape, -1, np.int32)
        along, entry = np.zeros(x.shape), np.full(x.shape, np.inf)
        if len(self.ax) == 0 or x.size == 0:
            return Snap(street, along, entry)
        mask = np.ascontiguousarray(mask)

        def run(first: int) -> None:
            part = slice(first, first + BLOCK_POINTS)
            _nearest(
                x[part], y[part], mask, float(limit_m), self.ax, self.ay, self.bx, self.by, self.street,
                self.share_from, self.share_to, self.box, self.size, self.columns, self.lines,
                self.level_first, self.start, self.member, street[part], along[part], entry[part],
            )  # fmt: skip

        blocks = range(0, x.size, BLOCK_POINTS)
        if len(blocks) == 1:
            run(0)
        else:
            with ThreadPoolExecutor(min(8, len(os.sched_getaffinity(0)))) as pool:
                list(pool.map(run, blocks))
        return Snap(street, along, entry)


@njit(cache=True, nogil=True)
def _pieces(node_x, node_y, a, b, line_ptr, line_x, line_y):
    """(ax, ay, bx, by, street, share_from, share_to) of the pieces of each street, from a to b."""
    streets = a.size
    total = streets + line_ptr[streets]
    ax, ay, bx, by = np.empty(total), np.empty(total), np.empty(total), np.empty(total)
    street = np.empty(total, np.int32)
    share_from, share_to = np.empty(total), np.empty(total)
    at = 0
    for e in range(streets):
        first = at
        px, py, length = node_x[a[e]], node_y[a[e]], 0.0
        for p in range(line_ptr[e], line_ptr[e + 1] + 1):
            if p < line_ptr[e + 1]:
                qx, qy = line_x[p], line_y[p]
            else:
                qx, qy = node_x[b[e]], node_y[b[e]]
            ax[at], ay[at], bx[at], by[at], street[at] = px, py, qx, qy, e
            share_from[at] = length
            length += np.hypot(qx - px, qy - py)
            share_to[at] = length
            px, py = qx, qy
            at += 1
        for p in range(first, at):
            share_from[p] = share_from[p] / length if length > 0 else 0.0
            share_to[p] = share_to[p] / length if length > 0 else 1.0
        share_to[at - 1] = 1.0
    return ax, ay, bx, by, street, share_from, share_to


@njit(cache=True, nogil=True)
def _spans(ax, ay, bx, by, x0, y0, size, columns, lines, line):
    """First and last column that the piece crosses in a line of squares, a little more rather than less."""
    low, high = y0 + line * size, y0 + (line + 1) * size
    if ay == by:
        left, right = min(ax, bx), max(ax, bx)
    else:
        t0, t1 = (low - ay) / (by - ay), (high - ay) / (by - ay)
        if t0 > t1:
            t0, t1 = t1, t0
        t0, t1 = max(t0, 0.0), min(t1, 1.0)
        left, right = ax + t0 * (bx - ax), ax + t1 * (bx - ax)
        if left > right:
            left, right = right, left
    slack = 1e-6 * size
    first = int(np.floor((left - slack - x0) / size))
    last = int(np.floor((right + slack - x0) / size))
    return max(first, 0), min(last, columns - 1)


@njit(cache=True, nogil=True)
def _lines_of(ay, by, y0, size, lines):
    slack = 1e-6 * size
    first = int(np.floor((min(ay, by) - slack - y0) / size))
    last = int(np.floor((max(ay, by) + slack - y0) / size))
    return max(first, 0), min(last, lines - 1)


@njit(cache=True, nogil=True)
def _count(ax, ay, bx, by, x0, y0, size, columns, lines):
    """Pieces in each square."""
    count = np.zeros(columns * lines, np.int64)
    for s in range(ax.size):
        j0, j1 = _lines_of(ay[s], by[s], y0, size, lines)
        for j in range(j0, j1 + 1):
            i0, i1 = _spans(ax[s], ay[s], bx[s], by[s], x0, y0, size, columns, lines, j)
            for i in range(i0, i1 + 1):
                count[j * columns + i] += 1
    return count


@njit(cache=True, nogil=True)
def _fill(ax, ay, bx, by, x0, y0, size, columns, lines, start):
    """The pieces of each square, ascending."""
    at = start[:-1].copy()
    member = np.empty(start[-1], np.int32)
    for s in range(ax.size):
        j0, j1 = _lines_of(ay[s], by[s], y0, size, lines)
        for j in range(j0, j1 + 1):
            i0, i1 = _spans(ax[s], ay[s], bx[s], by[s], x0, y0, size, columns, lines, j)
            for i in range(i0, i1 + 1):
                square = j * columns + i
                member[at[square]] = s
                at[square] += 1
    return member


@njit(cache=True, nogil=True)
def _nearest(
    x, y, mask, limit, ax, ay, bx, by, street, share_from, share_to, box, sizes, columns, lines, level_first,
    start, member, out_street, out_along, out_entry,
):  # fmt: skip
    for n in range(x.size):
        px, py = x[n], y[n]
        if not (np.isfinite(px) and np.isfinite(py)):
            continue
        # A point outside the grid looks around its nearest point inside; what lies at a distance d from there lies
        # at least hypot(d, outside) away, for the grid is convex.
        gx, gy = min(max(px, box[0]), box[2]), min(max(py, box[1]), box[3])
        outside = (px - gx) ** 2 + (py - gy) ** 2
        best, piece, share = limit * limit, -1, 0.0
        for level in range(sizes.size):
            size, wide, high, base = sizes[level], columns[level], lines[level], level_first[level]
            ux, uy = gx - box[0], gy - box[1]
            ci, cj = int(ux // size), int(uy // size)
            inner = min(ux - ci * size, (ci + 1) * size - ux, uy - cj * size, (cj + 1) * size - uy)
            last_level = level == sizes.size - 1
            done = False
            if last_level:  # one square holds everything
                for p in range(start[base], start[base + 1]):
                    s = member[p]
                    if mask[street[s]]:
                        d, t = _to_piece(px, py, ax[s], ay[s], bx[s], by[s])
                        if d < best or (d == best and (piece < 0 or s < piece)):
                            best, piece, share = d, s, t
                break
            for ring in range(RINGS + 1):
                for j in range(max(cj - ring, 0), min(cj + ring, high - 1) + 1):
                    edge = j == cj - ring or j == cj + ring
                    step = 1 if edge or ring == 0 else 2 * ring
                    for i in range(ci - ring, ci + ring + 1, step):
                        if i < 0 or i >= wide:
                            continue
                        square = base + j * wide + i
                        for p in range(start[square], start[square + 1]):
                            s = member[p]
                            if mask[street[s]]:
                                d, t = _to_piece(px, py, ax[s], ay[s], bx[s], by[s])
                                if d < best or (d == best and (piece < 0 or s < piece)):
                                    best, piece, share = d, s, t
                sure = max(ring * size + inner, 0.0) * (1 - 1e-9)
                if best < outside * (1 - 1e-9) + sure * sure:
                    done = True
                    break
            if done:
                break
        if piece >= 0:
            out_street[n] = street[piece]
            out_entry[n] = np.sqrt(best)
            if share >= 1.0:
                out_along[n] = share_to[piece]
            elif share <= 0.0:
                out_along[n] = share_from[piece]
            else:
                out_along[n] = share_from[piece] + share * (share_to[piece] - share_from[piece])


@njit(cache=True, nogil=True)
def _to_piece(px, py, ax, ay, bx, by):
    """(squared distance, share along) of the nearest point of a straight piece."""
    dx, dy = bx - ax, by - ay
    squared = dx * dx + dy * dy
    t = 0.0
    if squared > 0:
        t = ((px - ax) * dx + (py - ay) * dy) / squared
        t = min(max(t, 0.0), 1.0)
    ex, ey = ax + t * dx - px, ay + t * dy - py
    return ex * ex + ey * ey, t
