"""Who reaches what: bounded travel from many sites to many cells, as a Reach.

A trip is the shorter of two: by road (straight entry leg to the nearest street, along streets, straight leg out), or
straight across the block x detour when the straight line is at most `direct_m`. People travel from the cell to the
site, so the search runs from each site against the traffic. Costs are float32 metres or minutes; a cell is in reach
when its cost is <= the limit. See docs/algorithms/reach.md.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.checks import InvalidInput
from engine.network import RoadGraph
from engine.world import Reach

WALK_M_PER_MIN = 75.0
ENTRY_M_PER_MIN = 250.0  # 15 km/h on the lanes between a door and the mapped road, when driving
DETOUR = 1.3
DIRECT_M = 500.0
BLOCK_SITES = 128


def reach_by_road(
    graph: RoadGraph,
    site_x: ArrayLike,
    site_y: ArrayLike,
    cell_x: ArrayLike,
    cell_y: ArrayLike,
    limit: float,
    unit: str,
    mode: str,
    detour: float = DETOUR,
    direct_m: float = DIRECT_M,
    *,
    closed: ArrayLike | None = None,
    walk_m_per_min: float = WALK_M_PER_MIN,
    entry_m_per_min: float = ENTRY_M_PER_MIN,
    to_site: bool = True,
    threads: int | None = None,
) -> Reach:
    """Cells (n,) within `limit` of each site (m,), local metres, over the graph's streets.

    unit "m": metres travelled. unit "min": walking at walk_m_per_min both ways on every street, or driving at each
    street's own speed in its allowed directions, with entry legs at entry_m_per_min. closed (streets,) bool: closed
    streets carry nobody and let nobody in. to_site False turns the trips round (from the site to the cell).
    """
    _check(limit, unit, mode, detour, direct_m)
    sx, sy = np.asarray(site_x, np.float64), np.asarray(site_y, np.float64)
    cx, cy = np.asarray(cell_x, np.float64), np.asarray(cell_y, np.float64)
    ab, ba, leg = _street_costs(graph, unit, mode, walk_m_per_min, entry_m_per_min)
    shut = np.zeros(graph.streets, bool) if closed is None else np.asarray(closed, bool)
    ab, ba = np.where(shut, np.inf, ab), np.where(shut, np.inf, ba)
    if not to_site:
        ab, ba = ba, ab
    site, cell = graph.snap(sx, sy, shut), graph.snap(cx, cy, shut)
    indptr, node, weight = _incoming(graph, ab, ba)
    by_street = np.argsort(cell.street, kind="stable")
    first_cell = np.searchsorted(cell.street[by_street], np.arange(graph.streets + 1)).astype(np.int64)
    street_ptr, street_of = _streets_of_nodes(graph)
    direct = _Grid(cx, cy, direct_m)
    # Sorted sources touch the same nodes one after another: the caches stay warm.
    order = np.lexsort((sy, site.street))

    def run(block: NDArray[np.int64]):
        return _road_block(
            indptr, node, weight, graph.a, graph.b, ab, ba, street_ptr, street_of,
            first_cell, by_street.astype(np.int32), cell.along, cell.entry_m * leg,
            site.street[block], site.along[block], site.entry_m[block] * leg, sx[block], sy[block],
            cx, cy, direct.start, direct.member, direct.x0, direct.y0, direct.size, direct.columns, direct.lines,
            float(direct_m), float(detour) * leg, np.float32(limit),
        )  # fmt: skip

    return _gather(run, order, len(sx), threads)


def reach_straight(
    site_x: ArrayLike,
    site_y: ArrayLike,
    cell_x: ArrayLike,
    cell_y: ArrayLike,
    limit: float,
    unit: str,
    mode: str,
    detour: float = DETOUR,
    *,
    walk_m_per_min: float = WALK_M_PER_MIN,
    drive_kmh: float = 30.0,
) -> Reach:
    """Cells within `limit` of each site by straight line x detour, for cities without roads.

    unit "m": straight metres x detour. unit "min": that at walk_m_per_min, or at drive_kmh when driving.
    """
    _check(limit, unit, mode, detour, 0.0)
    sx, sy = np.asarray(site_x, np.float64), np.asarray(site_y, np.float64)
    cx, cy = np.asarray(cell_x, np.float64), np.asarray(cell_y, np.float64)
    speed = walk_m_per_min if mode == "walk" else drive_kmh * 1000.0 / 60.0
    per_metre = float(detour) * (1.0 if unit == "m" else 1.0 / speed)
    radius = float(limit) / per_metre
    grid = _Grid(cx, cy, radius)

    def run(block: NDArray[np.int64]):
        return _straight_block(
            sx[block], sy[block], cx, cy, grid.start, grid.member, grid.x0, grid.y0, grid.size, grid.columns,
            grid.lines, radius * (1 + 1e-6), per_metre, np.float32(limit),
        )  # fmt: skip

    return _gather(run, np.arange(len(sx)), len(sx), None)


def _check(limit: float, unit: str, mode: str, detour: float, direct_m: float) -> None:
    problems = []
    if not (np.isfinite(limit) and limit > 0):
        problems.append("limit must be above 0")
    if unit not in ("m", "min"):
        problems.append(f"unit {unit!r} is not m or min")
    if mode not in ("walk", "drive"):
        problems.append(f"mode {mode!r} is not walk or drive")
    if not detour >= 1:
        problems.append("detour must be at least 1")
    if not direct_m >= 0:
        problems.append("direct_m must not be negative")
    if problems:
        raise InvalidInput(problems)


def _street_costs(graph, unit, mode, walk_m_per_min, entry_m_per_min):
    """Cost of each street a->b and b->a (inf: not allowed) and cost per metre of an entry leg."""
    length = np.asarray(graph.length_m, np.float64)
    if mode == "walk":
        cost = length / (1.0 if unit == "m" else walk_m_per_min)
        return cost, cost.copy(), 1.0 if unit == "m" else 1.0 / walk_m_per_min
    with np.errstate(divide="ignore"):
        costs = []
        for speed in (graph.speed_ab_kmh, graph.speed_ba_kmh):
            full = length if unit == "m" else length * 60.0 / (np.asarray(speed) * 1000.0)
            costs.append(np.where(np.asarray(speed) > 0, full, np.inf))
    return costs[0], costs[1], 1.0 if unit == "m" else 1.0 / entry_m_per_min


def _incoming(graph: RoadGraph, ab, ba):
    """CSR by head node: from which node, at which cost, one can come. Only what is open."""
    go, back = np.isfinite(ab), np.isfinite(ba)
    head = np.concatenate([graph.b[go], graph.a[back]])
    tail = np.concatenate([graph.a[go], graph.b[back]])
    weight = np.concatenate([ab[go], ba[back]])
    order = np.argsort(head, kind="stable")
    indptr = np.searchsorted(head[order], np.arange(graph.nodes + 1)).astype(np.int64)
    return indptr, tail[order].astype(np.int32), weight[order]


def _streets_of_nodes(graph: RoadGraph):
    ends = np.concatenate([graph.a, graph.b])
    order = np.argsort(ends, kind="stable")
    indptr = np.searchsorted(ends[order], np.arange(graph.nodes + 1)).astype(np.int64)
    return indptr, (order % graph.streets).astype(np.int32)


class _Grid:
    """Points bucketed in squares of side `size`, so that all within `size` lie in 3 x 3 squares."""

    def __init__(self, x, y, size: float) -> None:
        self.size = max(float(size), 1.0)
        if len(x) == 0:
            x, y, member = np.zeros(1), np.zeros(1), np.empty(0, np.int32)
        else:
            member = None
        self.x0, self.y0 = float(x.min()), float(y.min())
        extent = max(float(np.ptp(x)), float(np.ptp(y)))
        self.size = max(self.size, extent / 2000.0)  # never more than 4 M squares
        self.columns = int(np.ptp(x) // self.size) + 1
        self.lines = int(np.ptp(y) // self.size) + 1
        bucket = ((y - self.y0) // self.size).astype(np.int64) * self.columns
        bucket += ((x - self.x0) // self.size).astype(np.int64)
        order = np.argsort(bucket, kind="stable") if member is None else member
        self.member = order.astype(np.int32)
        self.start = np.searchsorted(bucket[order], np.arange(self.columns * self.lines + 1)).astype(np.int64)


def _gather(run, order, sites: int, threads: int | None) -> Reach:
    """Run blocks of sites on threads (the kernels release the interpreter) and put rows back in site order."""
    blocks = [order[i : i + BLOCK_SITES] for i in range(0, len(order), BLOCK_SITES)]
    if not blocks:
        return Reach(np.zeros(sites + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
    workers = threads or min(8, len(os.sched_getaffinity(0)))
    if workers == 1 or len(blocks) == 1:
        parts = [run(block) for block in blocks]
    else:
        with ThreadPoolExecutor(workers) as pool:
            parts = list(pool.map(run, blocks))
    lengths = np.empty(sites, np.int64)
    lengths[order] = np.concatenate([part[0] for part in parts])
    ordered = Reach(
        np.concatenate([[0], np.cumsum(np.concatenate([part[0] for part in parts]))]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([part[2] for part in parts]),
    )
    if np.array_equal(order, np.arange(sites)):
        return ordered
    back = np.empty(sites, np.int64)
    back[order] = np.arange(sites)
    return ordered.take(back)


@njit(cache=True, nogil=True)
def _push(heap_cost, heap_node, size, cost, node):
    at = size
    while at > 0:
        up = (at - 1) >> 1
        if heap_cost[up] <= cost:
            break
        heap_cost[at] = heap_cost[up]
        heap_node[at] = heap_node[up]
        at = up
    heap_cost[at] = cost
    heap_node[at] = node
    return size + 1


@njit(cache=True, nogil=True)
def _pop(heap_cost, heap_node, size):
    """Remove the top; the caller has read it."""
    size -= 1
    cost, node = heap_cost[size], heap_node[size]
    at = 0
    while True:
        down = 2 * at + 1
        if down >= size:
            break
        if down + 1 < size and heap_cost[down + 1] < heap_cost[down]:
            down += 1
        if heap_cost[down] >= cost:
            break
        heap_cost[at] = heap_cost[down]
        heap_node[at] = heap_node[down]
        at = down
    heap_cost[at] = cost
    heap_node[at] = node
    return size


@njit(cache=True, nogil=True)
def _grown_i(array, need):
    out = np.empty(max(need, 2 * array.size), array.dtype)
    out[: array.size] = array
    return out


@njit(cache=True, nogil=True)
def _grown_f(array, need):
    out = np.empty(max(need, 2 * array.size), array.dtype)
    out[: array.size] = array
    return out


@njit(cache=True, nogil=True)
def _offer(cell, cost, limit, best, touched, count):
    """Keep the cheapest cost of a cell if it is within the limit."""
    if np.float32(cost) <= limit:
        if best[cell] == np.inf:
            touched[count] = cell
            count += 1
            best[cell] = cost
        elif cost < best[cell]:
            best[cell] = cost
    return count


@njit(cache=True, nogil=True)
def _offer_near(x, y, cx, cy, start, member, x0, y0, size, columns, lines, radius, per_metre, limit,
                best, touched, count):  # fmt: skip
    """Offer every cell within `radius` (<= size) of (x, y) at straight distance x per_metre."""
    column, line = int(np.floor((x - x0) / size)), int(np.floor((y - y0) / size))
    for j in range(max(line - 1, 0), min(line + 2, lines)):
        for i in range(max(column - 1, 0), min(column + 2, columns)):
            bucket = j * columns + i
            for p in range(start[bucket], start[bucket + 1]):
                c = member[p]
                d = np.hypot(cx[c] - x, cy[c] - y)
                if d <= radius:
                    count = _offer(c, d * per_metre, limit, best, touched, count)
    return count


@njit(cache=True, nogil=True)
def _empty_row(best, touched, count, out_cell, out_cost, used):
    """Append the touched cells in ascending order and clear them."""
    if used + count > out_cell.size:
        out_cell = _grown_i(out_cell, used + count)
        out_cost = _grown_f(out_cost, used + count)
    row = np.sort(touched[:count])
    for i in range(count):
        c = row[i]
        out_cell[used + i] = c
        out_cost[used + i] = best[c]
        best[c] = np.inf
    return out_cell, out_cost, used + count


@njit(cache=True, nogil=True)
def _straight_block(sx, sy, cx, cy, start, member, x0, y0, size, columns, lines, radius, per_metre, limit):
    n = cx.size
    best = np.full(n, np.inf)
    touched = np.empty(n, np.int32)
    lengths = np.empty(sx.size, np.int64)
    out_cell, out_cost, used = np.empty(1024, np.int32), np.empty(1024, np.float32), 0
    for s in range(sx.size):
        count = _offer_near(sx[s], sy[s], cx, cy, start, member, x0, y0, size, columns, lines, radius, per_metre,
                            limit, best, touched, 0)  # fmt: skip
        out_cell, out_cost, used = _empty_row(best, touched, count, out_cell, out_cost, used)
        lengths[s] = count
    return lengths, out_cell[:used].copy(), out_cost[:used].copy()


@njit(cache=True, nogil=True)
def _road_block(
    indptr, node, weight, a, b, ab, ba, street_ptr, street_of, first_cell, cell_at, cell_along, cell_leg,
    site_street, site_along, site_leg, sx, sy, cx, cy, start, member, x0, y0, size, columns, lines,
    direct_m, direct_cost, limit,
):  # fmt: skip
    """Bounded Dijkstra from each site of the block against the traffic, spread to the cells along the streets.

    From a cell at share t of street (a, b): on to b costs (1-t) x ab, back to a costs t x ba.
    """
    nodes, n = indptr.size - 1, cx.size
    far = np.float64(limit) * (1 + 1e-6)
    dist = np.full(nodes, np.inf)
    reached = np.empty(nodes, np.int32)
    heap_cost, heap_node = np.empty(4 * nodes + 16), np.empty(4 * nodes + 16, np.int32)
    best = np.full(n, np.inf)
    touched = np.empty(n, np.int32)
    lengths = np.empty(sx.size, np.int64)
    out_cell, out_cost, used = np.empty(4096, np.int32), np.empty(4096, np.float32), 0
    for s in range(sx.size):
        count = 0
        if direct_m > 0:
            count = _offer_near(sx[s], sy[s], cx, cy, start, member, x0, y0, size, columns, lines, direct_m,
                                direct_cost, limit, best, touched, count)  # fmt: skip
        street = site_street[s]
        if street >= 0 and site_leg[s] <= far:
            t, leg = site_along[s], site_leg[s]
            # Cells on the site's own street can arrive without passing a node.
            for p in range(first_cell[street], first_cell[street + 1]):
                c = cell_at[p]
                u = cell_along[c]
                if u <= t and ab[street] < np.inf:
                    count = _offer(c, leg + cell_leg[c] + (t - u) * ab[street], limit, best, touched, count)
                if u >= t and ba[street] < np.inf:
                    count = _offer(c, leg + cell_leg[c] + (u - t) * ba[street], limit, best, touched, count)
            found, heap = 0, 0
            for end in range(2):
                v = a[street] if end == 0 else b[street]
                # inf x 0 is not a number: a closed direction never seeds, even at the street's very end,
                # where the node's other streets are reached through the open direction of cost 0.
                if end == 0:
                    along = ab[street]
                    share = t
                    other = ba[street]
                else:
                    along = ba[street]
                    share = 1.0 - t
                    other = ab[street]
                if along < np.inf:
                    d = leg + share * along
                elif share == 0.0 and other < np.inf:
                    d = leg
                else:
                    continue
                if d <= far and d < dist[v]:
                    if dist[v] == np.inf:
                        reached[found] = v
                        found += 1
                    dist[v] = d
                    heap = _push(heap_cost, heap_node, heap, d, v)
            while heap > 0:
                d, v = heap_cost[0], heap_node[0]
                heap = _pop(heap_cost, heap_node, heap)
                if d > dist[v]:
                    continue
                for e in range(indptr[v], indptr[v + 1]):
                    w = node[e]
                    longer = d + weight[e]
                    if longer <= far and longer < dist[w]:
                        if dist[w] == np.inf:
                            reached[found] = w
                            found += 1
                        dist[w] = longer
                        if heap == heap_cost.size:
                            heap_cost = _grown_f(heap_cost, heap + 1)
                            heap_node = _grown_i(heap_node, heap + 1)
                        heap = _push(heap_cost, heap_node, heap, longer, w)
            for i in range(found):
                v = reached[i]
                d = dist[v]
                for q in range(street_ptr[v], street_ptr[v + 1]):
                    e = street_of[q]
                    if a[e] == v:
                        if ba[e] < np.inf:
                            for p in range(first_cell[e], first_cell[e + 1]):
                                c = cell_at[p]
                                count = _offer(
                                    c, d + cell_leg[c] + cell_along[c] * ba[e], limit, best, touched, count
                                )
                        else:
                            for p in range(first_cell[e], first_cell[e + 1]):
                                c = cell_at[p]
                                if cell_along[c] == 0.0:
                                    count = _offer(c, d + cell_leg[c], limit, best, touched, count)
                    if b[e] == v:
                        if ab[e] < np.inf:
                            for p in range(first_cell[e], first_cell[e + 1]):
                                c = cell_at[p]
                                count = _offer(c, d + cell_leg[c] + (1.0 - cell_along[c]) * ab[e], limit, best,
                                               touched, count)  # fmt: skip
                        else:
                            for p in range(first_cell[e], first_cell[e + 1]):
                                c = cell_at[p]
                                if cell_along[c] == 1.0:
                                    count = _offer(c, d + cell_leg[c], limit, best, touched, count)
            for i in range(found):
                dist[reached[i]] = np.inf
        out_cell, out_cost, used = _empty_row(best, touched, count, out_cell, out_cost, used)
        lengths[s] = count
    return lengths, out_cell[:used].copy(), out_cost[:used].copy()
