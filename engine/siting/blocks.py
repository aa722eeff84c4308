"""Cells that the same places reach are one group: found, and proved, in two passes over the reach itself.

The first pass adds two random 64-bit words per place and keeps apart what differs. The second walks every place's cells
by group: cells of one group reach the same places exactly when every place reaches all of a group or none of it. So
nothing is transposed or sorted by pair, and no coincidence of words can merge cells that differ.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@njit(cache=True, nogil=True)
def _sums(indptr, cell, rows, inside, words, first, second):
    """Add each row's words to its cells."""
    for i in range(rows.size):
        for e in range(indptr[rows[i]], indptr[rows[i] + 1]):
            c = cell[e]
            if inside[c]:
                first[c] += words[0, i]
                second[c] += words[1, i]


@njit(cache=True, nogil=True)
def _runs(order, first, second, group):
    """group (n,): number of the run of equal words each cell of `order` is in, numbered by `order`. Returns how many."""
    count = 0
    for i in range(order.size):
        c = order[i]
        if i and first[c] == first[order[i - 1]] and second[c] == second[order[i - 1]]:
            group[c] = group[order[i - 1]]
        else:
            group[c] = count
            count += 1
    return count


@njit(cache=True, nogil=True)
def _by_place(group, count):
    """Number groups anew in the order of their first cells, so that neighbours are close in memory. Sizes (count,)."""
    anew = np.full(count, -1, np.int64)
    size = np.zeros(count, np.int64)
    made = 0
    for c in range(group.size):
        g = group[c]
        if g >= 0:
            if anew[g] < 0:
                anew[g] = made
                made += 1
            group[c] = anew[g]
            size[anew[g]] += 1
    return size


@njit(cache=True, nogil=True)
def _edges(indptr, cell, rows, group, size, seen, held, out, out_ptr, mixed):
    """out[out_ptr[i]:out_ptr[i + 1]] receives the groups of row i. mixed (g,): reached by a row only in part."""
    at = out_ptr[0]
    for i in range(rows.size):
        begin = at
        for e in range(indptr[rows[i]], indptr[rows[i] + 1]):
            g = group[cell[e]]
            if g < 0:
                continue
            if seen[g] != i:
                seen[g] = i
                held[g] = 0
                out[at] = g
                at += 1
            held[g] += 1
        out_ptr[i + 1] = at
        for k in range(begin, at):
            if held[out[k]] != size[out[k]]:
                mixed[out[k]] = True


def collapse(
    indptr: Ints, cell: NDArray, rows: Ints, inside: NDArray[np.bool_], label: Ints | None = None
) -> tuple[Ints, Ints, NDArray[np.int32]]:
    """(group (n,) of each cell, -1 outside; row_ptr (rows + 1,); row_group) for the rows numbered `rows`, each once, of
    a reach (indptr, cell): the groups row i reaches are row_group[row_ptr[i]:row_ptr[i + 1]], ascending by first cell.
    Cells with different labels (n,) are never together."""
    cells = len(inside)
    words = np.random.default_rng(20240101).integers(0, 2**63, (2, len(rows)), dtype=np.uint64)
    first, second = np.zeros(cells, np.uint64), np.zeros(cells, np.uint64)
    rows = np.ascontiguousarray(rows, np.int64)
    _sums(indptr, cell, rows, inside, words, first, second)
    if label is not None:
        marks = np.random.default_rng(20240102).integers(0, 2**63, int(label.max(initial=0)) + 2, np.uint64)
        first += marks[label + 1]
        second ^= marks[label + 1]
    kept = np.flatnonzero(inside)
    group = np.full(cells, -1, np.int64)
    count = _runs(kept[np.argsort(first[kept], kind="stable")], first, second, group)
    while True:
        size = _by_place(group, count)
        pairs = int((indptr[rows + 1] - indptr[rows]).sum())
        out, out_ptr = np.empty(pairs, np.int32), np.zeros(len(rows) + 1, np.int64)
        mixed = np.zeros(count, bool)
        _edges(
            indptr, cell, rows, group, size, np.full(count, -1, np.int64), np.zeros(count, np.int64), out, out_ptr,
            mixed,
        )  # fmt: skip
        if label is not None:
            lead = np.full(count, -1, np.int64)
            lead[group[kept[::-1]]] = kept[::-1]
            mixed[group[kept[label[kept] != label[lead[group[kept]]]]]] = True
        if not mixed.any():
            return group, out_ptr, out[: out_ptr[-1]].copy()
        # Equal words, different cells: they stand alone. Splitting is always right.
        alone = kept[mixed[group[kept]]]
        group[alone] = count + np.arange(len(alone))
        _, dense = np.unique(group[kept], return_inverse=True)
        group[kept] = dense
        count = int(dense.max()) + 1
