"""Rows of results in ascending order without sorting: a bit for each number touched, read word by word."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.world import Reach

# Position of the lowest set bit by a de Bruijn sequence (Leiserson, Prokop, Randall 1998).
_SEQUENCE = np.uint64(0x03F79D71B4CB0A89)
_PLACE = np.empty(64, np.int64)
for _bit in range(64):
    _PLACE[(((1 << _bit) * 0x03F79D71B4CB0A89) & (2**64 - 1)) >> 58] = _bit


def words(count: int) -> NDArray[np.uint64]:
    """Cleared marks for numbers 0..count-1."""
    return np.zeros((count + 63) >> 6, np.uint64)


@njit(cache=True, nogil=True)
def mark(bits, number):
    bits[number >> 6] |= np.uint64(1) << np.uint64(number & 63)


@njit(cache=True, nogil=True)
def lowest(word):
    """Position of the lowest set bit of a word that is not 0."""
    return _PLACE[((word & (~word + np.uint64(1))) * _SEQUENCE) >> np.uint64(58)]


@njit(cache=True, nogil=True)
def grown(array, need):
    """The array with room for at least `need` values."""
    if need <= array.size:
        return array
    out = np.empty(max(need, 2 * array.size), array.dtype)
    out[: array.size] = array
    return out


@njit(cache=True, nogil=True)
def emptied_row(best, bits, low, high, limit, out_number, out_cost, used):
    """Append the marked numbers of words low..high whose best cost is, in float32, <= limit, ascending; clear all.

    Returns the two output arrays (grown where needed) and how much of them is used.
    """
    for at in range(low, high + 1):
        word = bits[at]
        if word == 0:
            continue
        bits[at] = np.uint64(0)
        if used + 64 > out_number.size:
            out_number, out_cost = grown(out_number, used + 64), grown(out_cost, used + 64)
        while word != 0:
            number = (at << 6) + lowest(word)
            word &= word - np.uint64(1)
            cost = best[number]
            best[number] = np.inf
            if np.float32(cost) <= limit:
                out_number[used] = number
                out_cost[used] = cost
                used += 1
    return out_number, out_cost, used


@njit(cache=True, nogil=True)
def _placed(sites, lengths, cell, cost, indptr, out_cell, out_cost):
    at = 0
    for row in range(sites.size):
        to = indptr[sites[row]]
        for p in range(lengths[row]):
            out_cell[to + p] = cell[at + p]
            out_cost[to + p] = cost[at + p]
        at += lengths[row]


def gathered(blocks: list[NDArray[np.int64]], parts: list, sites: int) -> Reach:
    """One Reach from the rows of blocks of sites: parts[i] = (lengths, cells, costs) of the sites blocks[i]. The
    parts are let go one by one while they are copied, so that the whole is held about once."""
    length = np.zeros(sites, np.int64)
    for block, part in zip(blocks, parts, strict=True):
        length[block] = part[0]
    indptr = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    cell, cost = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.float32)
    for number, block in enumerate(blocks):
        lengths, cells, costs = parts[number]
        parts[number] = None
        _placed(block, lengths, cells, costs, indptr, cell, cost)
    return Reach(indptr, cell, cost)
