"""Rows of a cover told as differences from other rows.

Neighbouring groups of a city are covered by nearly the same sites, so most rows are another row and one site more. Told
that way, the sums over rows that a first-order method needs cost one addition a row in place of one an entry: 86,000
groups with 2.1 million entries of a city take 0.1 million differences. Rows that resemble no other are told in full.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.grouping import slot_of, table_size, words

# Rows before and after in the list (neighbours in space, mostly) that are looked at where no row is one site smaller.
NEIGHBOURS = 24


@dataclass(frozen=True, slots=True)
class Chains:
    """Rows in an order in which each follows the row it is told from. order (n,): the row at each place; parent (n,):
    place of the row it is told from, -1 none; differences of place i are change[ptr[i]:ptr[i + 1]]: site j comes as j
    and goes as ~j."""

    order: NDArray[np.int64]
    parent: NDArray[np.int32]
    ptr: NDArray[np.int64]
    change: NDArray[np.int32]


def chains(indptr: NDArray[np.int64], site: NDArray[np.int32], sites: int) -> Chains:
    """Tell the rows site[indptr[i]:indptr[i + 1]], each ascending, as differences."""
    parent = _parents(indptr, site, *words(sites))
    order = _family_order(parent)
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    own = np.where(parent >= 0, place[np.maximum(parent, 0)], -1).astype(np.int32)[order]
    ptr, change = _changes(indptr, site, order, parent)
    return Chains(order, own, ptr, change)


@njit(nogil=True, cache=True)
def _is_less_one(indptr, site, i, without, other):
    """Whether row `other` is row i without its entry `without` (a place in site)."""
    if indptr[other + 1] - indptr[other] != indptr[i + 1] - indptr[i] - 1:
        return False
    at = indptr[other]
    for q in range(indptr[i], indptr[i + 1]):
        if q != without:
            if site[at] != site[q]:
                return False
            at += 1
    return True


@njit(nogil=True, cache=True)
def _distance(indptr, site, i, k, most):
    """Sites in one of two rows and not in the other, counted up to `most`."""
    a, b, far = indptr[i], indptr[k], 0
    while a < indptr[i + 1] and b < indptr[k + 1] and far < most:
        if site[a] == site[b]:
            a += 1
            b += 1
        elif site[a] < site[b]:
            a += 1
            far += 1
        else:
            b += 1
            far += 1
    return far + (indptr[i + 1] - a) + (indptr[k + 1] - b)


@njit(nogil=True, cache=True)
def _parents(indptr, site, high_word, low_word):
    """The row each row is told from, or -1: one site smaller where there is such a row, otherwise the nearest of the
    neighbours in the list. It is always shorter, or as long and before: so nothing goes round in circles."""
    rows = len(indptr) - 1
    size = table_size(rows)
    table = np.full(size, -1, np.int32)
    highs, lows = np.zeros(rows, np.uint64), np.zeros(rows, np.uint64)
    for i in range(rows):
        for q in range(indptr[i], indptr[i + 1]):
            highs[i] += high_word[site[q]]
            lows[i] += low_word[site[q]]
        at = slot_of(highs[i], lows[i], size)
        while table[at] >= 0:
            at = (at + 1) & (size - 1)
        table[at] = i
    parent = np.full(rows, -1, np.int32)
    for i in range(rows):
        count = indptr[i + 1] - indptr[i]
        for q in range(indptr[i], indptr[i + 1]):
            high, low = highs[i] - high_word[site[q]], lows[i] - low_word[site[q]]
            at = slot_of(high, low, size)
            while table[at] >= 0:
                k = table[at]
                if highs[k] == high and lows[k] == low and _is_less_one(indptr, site, i, q, k):
                    parent[i] = k
                    break
                at = (at + 1) & (size - 1)
            if parent[i] >= 0:
                break
        if parent[i] >= 0 or count < 2:
            continue
        best = count
        for k in range(max(0, i - NEIGHBOURS), min(rows, i + NEIGHBOURS + 1)):
            other = indptr[k + 1] - indptr[k]
            if other < count or (other == count and k < i):
                far = _distance(indptr, site, i, k, best)
                if far < best:
                    best, parent[i] = far, k
    return parent


@njit(nogil=True, cache=True)
def _family_order(parent):
    """Rows so that each follows its parent, families together."""
    rows = len(parent)
    ptr = np.zeros(rows + 2, np.int64)
    for i in range(rows):
        ptr[parent[i] + 2] += 1
    for i in range(rows + 1):
        ptr[i + 1] += ptr[i]
    at, child = ptr[:-1].copy(), np.empty(rows, np.int64)
    for i in range(rows):
        child[at[parent[i] + 1]] = i
        at[parent[i] + 1] += 1
    order, stack = np.empty(rows, np.int64), np.empty(rows, np.int64)
    height, done = 0, 0
    for q in range(ptr[1] - 1, ptr[0] - 1, -1):
        stack[height] = child[q]
        height += 1
    while height:
        height -= 1
        i = stack[height]
        order[done] = i
        done += 1
        for q in range(ptr[i + 2] - 1, ptr[i + 1] - 1, -1):
            stack[height] = child[q]
            height += 1
    return order


@njit(nogil=True, cache=True)
def _changes(indptr, site, order, parent):
    rows = len(order)
    ptr = np.zeros(rows + 1, np.int64)
    change = np.empty(max(len(site), 1), np.int32)
    at = 0
    for place in range(rows):
        i = order[place]
        k = parent[i]
        a, b = indptr[i], indptr[k] if k >= 0 else 0
        last = indptr[k + 1] if k >= 0 else 0
        while a < indptr[i + 1] or b < last:
            if b >= last or (a < indptr[i + 1] and site[a] < site[b]):
                change[at] = site[a]
                a += 1
                at += 1
            elif a >= indptr[i + 1] or site[b] < site[a]:
                change[at] = ~site[b]
                b += 1
                at += 1
            else:
                a += 1
                b += 1
        ptr[place + 1] = at
    return ptr, change[:at].copy()
