"""Nearest-first where the pairs do not fit into memory: the same answer, band of cost by band of cost.

The greedy takes pairs by (ready first, cost, ties). So pairs up to a cost may be taken before any beyond it is even
looked for, and beyond it only rows still short and sinks with room can take anything. Ready sinks go through all bands
first, then late ones. How long 120 minutes of driving are then matters less: nearly everybody has a place long before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.checks import InvalidInput
from engine.order import pair_order
from engine.transport import Transport, sink_pairs
from engine.world import Reach

Ints = NDArray[np.int64]

# search(sites, wanted, low, high) -> Reach with one row a site of `sites`, in that order: at least the cells of
# `wanted` (n,) bool that it reaches at a cost in (low, high]; low < 0 means from 0 on. Others may be there too.
Search = Callable[[Ints, NDArray[np.bool_], float, float], Reach]
# nearest(sites, high) -> (n,) least cost from any of `sites`, inf beyond `high`.
Nearest = Callable[[Ints, float], NDArray[np.float32]]

FIRST_BAND = 1 / 16  # of the limit
PAIRS_AT_ONCE = 20_000_000
BLOCK = 32  # sites of the first search of a band; the next ones as many as fit
SMALLEST_BAND = 2.0**-20  # of the limit; pairs of one cost cannot be told apart by bands


@dataclass(frozen=True)
class BandedReach:
    """Stands in for a Reach in World.reach: pairs are searched for as they are needed, at most about `pairs_at_once`
    at a time. sites: how many it can search. Only nearest-first scores and explanations can use it."""

    sites: int
    limit: float
    search: Search
    nearest: Nearest
    pairs_at_once: int = PAIRS_AT_ONCE

    def to_cells(self, sites: ArrayLike, wanted: NDArray[np.bool_]) -> Reach:
        """Pairs of some sites and the `wanted` cells (n,), a row each."""
        found = self.search(np.asarray(sites, np.int64), wanted, -1.0, self.limit)
        return _kept(found, wanted[found.cell] & (found.cost <= np.float32(self.limit)))

    def reachable(self, sites: ArrayLike) -> NDArray[np.bool_]:
        """(n,) cells that any of `sites` reaches."""
        return self.nearest(np.unique(np.asarray(sites, np.int64)), self.limit) <= np.float32(self.limit)


class Taken(NamedTuple):
    """Pairs that carry units, in the order they were taken: sink, row, units, cost (u,). left (q,), room (s,) after.
    searched: pairs looked at in all; most_held: the most at once; bands: how many searches."""

    sink: NDArray[np.int32]
    row: NDArray[np.int32]
    units: Ints
    cost: NDArray[np.float32]
    left: Ints
    room: Ints
    searched: int
    most_held: int
    bands: int


def assign_nearest_in_bands(
    search: Search,
    limit: float,
    sink_site: ArrayLike,
    sinks: Transport,
    pairs_at_once: int = PAIRS_AT_ONCE,
) -> Taken:
    """assign_nearest for the rows and sinks of a service whose pairs are not there, equal to it unit by unit.

    sink_site (s,) is what `search` is asked for. A band is halved until the cells still short have at most
    `pairs_at_once` pairs in it, sites being searched in blocks; a band that cannot be halved any more is taken whole.
    Ready sinks take all bands before late ones.
    """
    if not limit > 0 or pairs_at_once < 1:
        raise InvalidInput(["bands: the limit and the pairs at once must be above 0"])
    state = _State(search, np.asarray(sink_site, np.int64), sinks, pairs_at_once)
    for in_time in (True, False):
        mine = sinks.ready == in_time
        low, width = -1.0, limit * FIRST_BAND
        while low < limit and state.hope(mine):
            high = min(limit, max(low, 0.0) + width)
            if state.take_band(mine, low, high, width > limit * SMALLEST_BAND):
                low, width = high, width * 2
            else:
                width /= 2
    return state.taken()


class _State:
    def __init__(self, search: Search, sites: Ints, sinks: Transport, pairs_at_once: int) -> None:
        self.search, self.sites, self.sinks = search, sites, sinks
        self.left, self.room = sinks.need.copy(), sinks.capacity.copy()
        self.pairs_at_once = pairs_at_once
        self.parts: list[tuple[NDArray, ...]] = []
        self.searched = self.most_held = self.bands = 0

    def hope(self, mine: NDArray[np.bool_]) -> bool:
        """Somebody is short and some sink has room."""
        return bool((self.left > 0).any() and (self.room[mine] > 0).any())

    def take_band(self, mine: NDArray[np.bool_], low: float, high: float, may_halve: bool) -> bool:
        """Search one band and take its pairs in order; False where it holds too many and may be halved."""
        open_sinks = np.flatnonzero(mine & (self.room > 0))
        wanted, grouped = self.left > 0, self.sinks.grouped
        if grouped:
            wanted = wanted[0::2] | wanted[1::2]
        # Both sinks of a role are at one site, which is searched once.
        places, place = np.unique(self.sites[open_sinks], return_inverse=True)
        self.bands += 1
        columns, held, first, step = [], 0, 0, BLOCK
        while first < len(places):
            block = places[first : first + step]
            found = self.search(block, wanted, low, high)
            here = np.flatnonzero((place >= first) & (place < first + len(block)))
            self.searched += found.pairs
            _, row, sink, cost = sink_pairs(
                _between(found, low, high), (place[here] - first).astype(np.int64),
                self.sinks.special[open_sinks[here]], self.left, grouped,
            )  # fmt: skip
            held += len(row)
            self.most_held = max(self.most_held, held, found.pairs)
            if held > self.pairs_at_once and may_halve:
                return False
            columns.append((row, open_sinks[here][sink].astype(np.int32), cost))
            first += len(block)
            each = max(1, found.pairs // len(block))
            step = max(1, min(1024, self.pairs_at_once // (2 * each)))
        row, sink, cost = (np.concatenate(column) for column in zip(*columns, strict=True))
        together = np.ones(len(self.room), bool)
        order = pair_order(
            row, sink, cost, together, len(self.left), self.sinks.row_rank, self.sinks.sink_rank
        )
        at, units = _take(order, row, sink, self.left, self.room)
        self.parts.append((sink[at], row[at], units, cost[at]))
        return True

    def taken(self) -> Taken:
        empty = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float32))
        sink, row, units, cost = (np.concatenate(column) for column in zip(empty, *self.parts, strict=True))
        return Taken(
            sink, row, units, cost, self.left, self.room, self.searched, self.most_held, self.bands
        )  # fmt: skip


def _between(reach: Reach, low: float, high: float) -> Reach:
    """Pairs with a cost in (low, high] only; a search may tell more than it was asked for."""
    return _kept(reach, (reach.cost > np.float32(low)) & (reach.cost <= np.float32(high)))


def _kept(reach: Reach, keep: NDArray[np.bool_]) -> Reach:
    if keep.all():
        return reach
    kept = np.concatenate([[0], np.cumsum(keep, dtype=np.int64)])
    return Reach(kept[reach.indptr], reach.cell[keep], reach.cost[keep])


@njit(cache=True, nogil=True)
def _take(order, row, sink, left, room):
    """The greedy on pairs in `order`, left and room written in place: (pairs that carry units, units)."""
    at, units = np.empty(order.size, np.int64), np.empty(order.size, np.int64)
    size = 0
    for p in order:
        amount = min(left[row[p]], room[sink[p]])
        if amount > 0:
            left[row[p]] -= amount
            room[sink[p]] -= amount
            at[size], units[size] = p, amount
            size += 1
    return at[:size], units[:size]
