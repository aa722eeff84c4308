"""Rows of an incidence list that name the same columns are one: exact, in time linear in the entries.

Each column gets two random 64-bit words, each row the two sums of its columns' words. Rows are looked up in a table by
these 128 bits, and a row joins a group only after its columns were compared one by one with the group's, so a
coincidence costs time and never merges different rows.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]

SEED = 20240101


def words(columns: int) -> NDArray[np.uint64]:
    """(2, columns) random words."""
    return np.random.default_rng(SEED).integers(0, 2**63, (2, max(columns, 1)), dtype=np.uint64)


def group_rows(row: NDArray, column: NDArray, rows: int, columns: int) -> Ints:
    """Group number (rows,) of rows of an incidence list (row, column), in any order, with exactly the same columns;
    groups are numbered as they first appear."""
    indptr, by_row = rows_of_list(np.asarray(row, np.int64), np.asarray(column, np.int64), rows)
    return group_csr(indptr, sorted_rows(indptr, by_row), columns)[0]


def group_csr(indptr: Ints, column: NDArray, columns: int) -> tuple[Ints, Ints]:
    """(group (rows,), first row (groups,)) of rows column[indptr[i]:indptr[i + 1]], each ascending."""
    return _groups(indptr, column, *words(columns))


def sorted_rows(indptr: Ints, column: NDArray) -> NDArray:
    """The same rows with ascending columns; the array itself where they are ascending already."""
    if _ascending(indptr, column):
        return column
    column = column.copy()
    _sort_rows(indptr, column)
    return column


@njit(nogil=True, cache=True)
def rows_of_list(row, column, rows):
    """(indptr, column) by row of the entries (row, column), which keep their order within a row."""
    indptr = np.zeros(rows + 1, np.int64)
    for q in range(len(row)):
        indptr[row[q] + 1] += 1
    for i in range(rows):
        indptr[i + 1] += indptr[i]
    at, out = indptr[:-1].copy(), np.empty(len(row), column.dtype)
    for q in range(len(row)):
        out[at[row[q]]] = column[q]
        at[row[q]] += 1
    return indptr, out


@njit(nogil=True, cache=True)
def _ascending(indptr, column):
    for i in range(len(indptr) - 1):
        for q in range(indptr[i] + 1, indptr[i + 1]):
            if column[q] < column[q - 1]:
                return False
    return True


@njit(nogil=True, cache=True)
def _sort_rows(indptr, column):
    for i in range(len(indptr) - 1):
        column[indptr[i] : indptr[i + 1]].sort()


@njit(nogil=True, cache=True)
def slot_of(high, low, size):
    """Where a row of these sums starts looking in a table of `size` (a power of two) places."""
    mixed = (high ^ (low >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64((mixed >> np.uint64(20)) & np.uint64(size - 1))


@njit(nogil=True, cache=True)
def table_size(rows):
    size = 16
    while size < 2 * rows:
        size *= 2
    return size


@njit(nogil=True, cache=True)
def same_columns(column, start, count, other, from_other):
    t = 0
    while t < count and column[start + t] == other[from_other + t]:
        t += 1
    return t == count


@njit(nogil=True, cache=True)
def _groups(indptr, column, high_word, low_word):
    rows = len(indptr) - 1
    size = table_size(rows)
    table = np.full(size, -1, np.int32)
    group = np.empty(rows, np.int64)
    first = np.empty(rows, np.int64)
    highs, lows = np.empty(rows, np.uint64), np.empty(rows, np.uint64)
    groups = 0
    for i in range(rows):
        high, low = np.uint64(0), np.uint64(0)
        start, count = indptr[i], indptr[i + 1] - indptr[i]
        for q in range(start, start + count):
            high += high_word[column[q]]
            low += low_word[column[q]]
        at = slot_of(high, low, size)
        found = -1
        while table[at] >= 0:
            g = table[at]
            if highs[g] == high and lows[g] == low:
                lead = first[g]
                if indptr[lead + 1] - indptr[lead] == count and same_columns(
                    column, start, count, column, indptr[lead]
                ):
                    found = g
                    break
            at = (at + 1) & (size - 1)
        if found < 0:
            found = groups
            table[at], highs[groups], lows[groups], first[groups] = groups, high, low, i
            groups += 1
        group[i] = found
    return group, first[:groups].copy()
