"""The strict order of pairs that both assignments rest on: ready first, then cost, then who and where.

Radix sorts, stable, least key first: linear in the pairs, where comparing takes the logarithm of 20 million on top.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.transport import Transport

DIGIT_BITS = 11


@njit(cache=True, nogil=True)
def counting_order(key, groups, order):
    """`order` rearranged by key[order], stable; key < groups."""
    start = np.zeros(groups + 1, np.int64)
    for i in range(key.size):
        start[key[i] + 1] += 1
    for g in range(groups):
        start[g + 1] += start[g]
    out = np.empty_like(order)
    for i in range(order.size):
        g = key[order[i]]
        out[start[g]] = order[i]
        start[g] += 1
    return out


@njit(cache=True, nogil=True)
def radix_order(key, order):
    """`order` (p,) rearranged by the uint32 key[order], stable. Digits that all keys share are passed over."""
    size = order.size
    keys, other_keys = np.empty(size, np.uint32), np.empty(size, np.uint32)
    for i in range(size):
        keys[i] = key[order[i]]
    other = np.empty_like(order)
    buckets = 1 << DIGIT_BITS
    for shift in range(0, 32, DIGIT_BITS):
        start = np.zeros(buckets + 1, np.int64)
        for i in range(size):
            start[((keys[i] >> np.uint32(shift)) & np.uint32(buckets - 1)) + 1] += 1
        if start.max() == size:
            continue
        for b in range(buckets):
            start[b + 1] += start[b]
        for i in range(size):
            b = (keys[i] >> np.uint32(shift)) & np.uint32(buckets - 1)
            at = start[b]
            start[b] = at + 1
            other[at], other_keys[at] = order[i], keys[i]
        order, other = other, order
        keys, other_keys = other_keys, keys
    return order


def cost_key(cost: NDArray[np.float32], late: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """(p,) numbers that sort as (late, cost) do: the bits of a float32 that is not negative sort as it does, and its
    top bit is free for "late"."""
    key = np.ascontiguousarray(cost, np.float32).view(np.uint32) & np.uint32(0x7FFFFFFF)
    return key | (late.astype(np.uint32) << np.uint32(31))


def pair_order(
    pair_cell: NDArray[np.int32],
    pair_facility: NDArray[np.int32],
    pair_cost: NDArray[np.float32],
    ready: NDArray[np.bool_],
    cells: int,
    cell_tie: ArrayLike | None = None,
    facility_tie: ArrayLike | None = None,
) -> NDArray[np.int32]:
    """Pairs by (ready first, cost, cell_tie, facility_tie). The ties are ranks (0..) of each cell and facility; ranks
    made from what things are (place, size) and not from their row keep results independent of row order."""
    order = np.arange(len(pair_cell), dtype=np.int32)
    if len(order) == 0:
        return order
    facility_rank = (np.arange(len(ready)) if facility_tie is None else np.asarray(facility_tie)).astype(
        np.int32
    )
    order = counting_order(facility_rank[pair_facility], len(ready), order)
    cell_rank = (np.arange(cells) if cell_tie is None else np.asarray(cell_tie)).astype(np.int32)
    order = counting_order(cell_rank[pair_cell], cells, order)
    return radix_order(cost_key(pair_cost, ~np.asarray(ready, bool)[pair_facility]), order)


def transport_order(transport: Transport) -> NDArray[np.int32]:
    """The same for all pairs of a transport problem."""
    return pair_order(
        transport.row, transport.sink, transport.cost, transport.ready, len(transport.need), transport.row_rank,
        transport.sink_rank,
    )  # fmt: skip
