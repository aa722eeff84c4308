"""From links as sources write them to streets: order along a curve, loops cut, mirrored links merged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Two links that mirror each other are one street when their lengths agree this well and their middles lie this close;
# else they are two roads, as the two halves of a crescent are.
TWIN_LENGTH_TOLERANCE = 0.1
TWIN_MIDDLE_M = 30.0
CURVE_BITS = 16


@dataclass(slots=True)
class Links:
    """Links (e,) while a graph is built: ends, metres, km/h, one-way, walking, class, source; corners line_x/line_y
    [line_ptr[i]:line_ptr[i+1]] from start to end."""

    start: Ints
    end: Ints
    length: Floats
    speed: Floats
    oneway: NDArray[np.bool_]
    walk: NDArray[np.bool_]
    klass: NDArray[np.int16]
    source_id: Ints
    line_ptr: Ints
    line_x: Floats
    line_y: Floats

    def take(self, index: NDArray[np.int64]) -> Links:
        """Links at these positions."""
        line_ptr, corners = taken_lines(self.line_ptr, index)
        columns = {name: getattr(self, name)[index] for name in self.__slots__[:8]}
        return Links(**columns, line_ptr=line_ptr, line_x=self.line_x[corners], line_y=self.line_y[corners])


def taken_lines(line_ptr: Ints, index: Ints, turned: NDArray[np.bool_] | None = None) -> tuple[Ints, Ints]:
    """(pointers (q+1,), positions of corners) of the lines at `index` (q,), those marked `turned` back to front."""
    counts = np.diff(line_ptr)[index]
    new_ptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    place = np.arange(new_ptr[-1]) - np.repeat(new_ptr[:-1], counts)
    first = np.repeat(line_ptr[:-1][index], counts)
    if turned is not None:
        back = np.repeat(turned[index], counts)
        place = np.where(back, np.repeat(counts, counts) - 1 - place, place)
    return new_ptr, first + place


def curve_order(x: Floats, y: Floats) -> Ints:
    """(v,) order of points along a Hilbert curve, so that neighbours in space are neighbours in memory.

    D. Hilbert, Ueber die stetige Abbildung einer Linie auf ein Flaechenstueck, 1891.
    """
    if len(x) == 0:
        return np.empty(0, np.int64)
    extent = max(float(np.ptp(x)), float(np.ptp(y)), 1e-9)
    top = (1 << CURVE_BITS) - 1
    # the curve runs along x first; each quarter is turned so that the ends meet
    across = ((y - y.min()) / extent * top).astype(np.int64)
    along = ((x - x.min()) / extent * top).astype(np.int64)
    place = np.zeros(len(x), np.int64)
    side = 1 << (CURVE_BITS - 1)
    while side:
        right, upper = (across & side) > 0, (along & side) > 0
        place += side * side * ((3 * right) ^ upper)
        mirrored = ~upper & right
        across = np.where(mirrored, top - across, across)
        along = np.where(mirrored, top - along, along)
        across, along = np.where(upper, across, along), np.where(upper, along, across)
        side >>= 1
    return np.argsort(place, kind="stable")


def cut_loops(x: Floats, y: Floats, links: Links) -> tuple[Floats, Floats, Links]:
    """A link that ends where it starts is cut at its middle corner into two streets with a new node between them;
    without corners it leads nowhere and falls away."""
    loop = links.start == links.end
    if not loop.any():
        return x, y, links
    corners = np.diff(links.line_ptr)
    whole, cut = np.flatnonzero(~loop), np.flatnonzero(loop & (corners > 0))
    kept = links.take(whole)
    if cut.size == 0:
        return x, y, kept
    middle = links.line_ptr[:-1][cut] + corners[cut] // 2
    node = len(x) + np.arange(len(cut))
    near, far = links.take(cut), links.take(cut)
    drawn = line_lengths(x, y, links.start, links.end, links.line_ptr, links.line_x, links.line_y)[cut]
    near.end, far.start = node, node.copy()
    near.line_ptr, at = _ranges(links.line_ptr[:-1][cut], middle)
    near.line_x, near.line_y = links.line_x[at], links.line_y[at]
    far.line_ptr, at = _ranges(middle + 1, links.line_ptr[1:][cut])
    far.line_x, far.line_y = links.line_x[at], links.line_y[at]
    x, y = np.concatenate([x, links.line_x[middle]]), np.concatenate([y, links.line_y[middle]])
    half = line_lengths(x, y, near.start, near.end, near.line_ptr, near.line_x, near.line_y)
    share = half / np.maximum(drawn, 1e-12)
    near.length, far.length = near.length * share, far.length * (1 - share)
    return x, y, joined([kept, near, far])


def joined(parts: list[Links]) -> Links:
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in Links.__slots__
        if name != "line_ptr"
    }
    counts = np.concatenate([np.diff(part.line_ptr) for part in parts])
    return Links(**columns, line_ptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def merged(x: Floats, y: Floats, links: Links) -> dict[str, NDArray]:
    """Columns of streets, each pair of mirrored links once, sorted by (low node, high node, length).

    A one-way link joins the next one of the same ends when that runs the other way, and exact repeats of a link fall
    away. The street keeps the line, class and source of the longer; walking is allowed where either allows it.
    """
    low, high = np.minimum(links.start, links.end), np.maximum(links.start, links.end)
    turned = links.start > links.end
    order = np.lexsort((links.speed, links.length, high, low))
    line_ptr, corners = taken_lines(links.line_ptr, order, turned)
    line_x, line_y = links.line_x[corners], links.line_y[corners]
    low, high, length, turned = low[order], high[order], links.length[order], turned[order]
    single, speed = links.oneway[order], links.speed[order]
    up_speed = np.where(single & turned, 0.0, speed)
    down_speed = np.where(single & ~turned, 0.0, speed)
    walk = links.walk[order]
    middle_x, middle_y = _middles(x, y, low, high, line_ptr, line_x, line_y)
    alone = _merge(low, high, length, up_speed, down_speed, walk, middle_x, middle_y)
    kept = np.flatnonzero(alone)
    new_ptr, corners = taken_lines(line_ptr, kept)
    return {
        "a": low[kept].astype(np.int32), "b": high[kept].astype(np.int32), "length_m": length[kept],
        "speed_ab_kmh": up_speed[kept], "speed_ba_kmh": down_speed[kept], "walk": walk[kept],
        "klass": links.klass[order][kept], "source_id": links.source_id[order][kept],
        "line_ptr": new_ptr, "line_x": line_x[corners], "line_y": line_y[corners],
    }  # fmt: skip


def _ranges(first: Ints, last: Ints) -> tuple[Ints, Ints]:
    counts = last - first
    ptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return ptr, np.arange(ptr[-1]) - np.repeat(ptr[:-1], counts) + np.repeat(first, counts)


@njit(cache=True, nogil=True)
def line_lengths(x, y, start, end, line_ptr, line_x, line_y):
    """(e,) metres along the drawn line of each link."""
    out = np.empty(start.size)
    for e in range(start.size):
        px, py, total = x[start[e]], y[start[e]], 0.0
        for p in range(line_ptr[e], line_ptr[e + 1]):
            total += np.hypot(line_x[p] - px, line_y[p] - py)
            px, py = line_x[p], line_y[p]
        out[e] = total + np.hypot(x[end[e]] - px, y[end[e]] - py)
    return out


@njit(cache=True, nogil=True)
def _middles(x, y, start, end, line_ptr, line_x, line_y):
    """The point half-way along each line."""
    whole = line_lengths(x, y, start, end, line_ptr, line_x, line_y)
    mx, my = np.empty(start.size), np.empty(start.size)
    for e in range(start.size):
        px, py, left = x[start[e]], y[start[e]], whole[e] / 2
        for p in range(line_ptr[e], line_ptr[e + 1] + 1):
            if p < line_ptr[e + 1]:
                qx, qy = line_x[p], line_y[p]
            else:
                qx, qy = x[end[e]], y[end[e]]
            step = np.hypot(qx - px, qy - py)
            if step >= left or p == line_ptr[e + 1]:
                share = min(left / step, 1.0) if step > 0 else 0.0
                mx[e], my[e] = px + share * (qx - px), py + share * (qy - py)
                break
            left -= step
            px, py = qx, qy
    return mx, my


@njit(cache=True, nogil=True)
def _merge(low, high, length, up_speed, down_speed, walk, middle_x, middle_y):
    """True for links that stay; what falls away has given its speeds to the next link of the same ends."""
    alone = np.ones(low.size, np.bool_)
    for first in range(low.size - 1):
        second = first + 1
        if low[first] != low[second] or high[first] != high[second]:
            continue
        if length[second] > length[first] * (1 + TWIN_LENGTH_TOLERANCE):
            continue
        apart = np.hypot(middle_x[first] - middle_x[second], middle_y[first] - middle_y[second])
        if apart > TWIN_MIDDLE_M:
            continue
        up, down = up_speed[first] > 0, down_speed[first] > 0
        up_too, down_too = up_speed[second] > 0, down_speed[second] > 0
        driven, driven_too = up or down, up_too or down_too
        mirrored = driven and driven_too and ((not up and not down_too) or (not down and not up_too))
        repeated = up == up_too and down == down_too
        if mirrored or repeated:
            up_speed[second] = max(up_speed[first], up_speed[second])
            down_speed[second] = max(down_speed[first], down_speed[second])
            walk[second] = walk[first] or walk[second]
            length[second] = length[first]
            alone[first] = False
    return alone
