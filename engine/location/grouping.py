"""Demands that the same sites cover are one demand: exact, and often a hundredth of the size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.checks import InvalidInput
from engine.grouping import group_csr, same_columns, slot_of, sorted_rows, table_size, words
from engine.location.records import Cover
from engine.pairs import SQUARES_A_RADIUS, SquareIndex, points, square_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grouped:
    """groups as in a Cover: sites of group i are site[indptr[i]:indptr[i + 1]], ascending; weight (groups,) the sum of
    its demands. uncovered: weight that no site covers. middle (groups, 2): mean place of a group's demands, weighed,
    where places are known."""

    indptr: Ints
    site: NDArray[np.int32]
    weight: Floats
    sites: int
    uncovered: float
    _by_site: list[tuple[Ints, NDArray[np.int32]]] = field(default_factory=list)
    middle: Floats | None = None
    _prepared: list[Any] = field(default_factory=list)

    @property
    def groups(self) -> int:
        return len(self.weight)

    @property
    def arrays(self) -> tuple[Ints, NDArray[np.int32], Floats]:
        return self.indptr, self.site, self.weight

    def by_site(self) -> tuple[Ints, NDArray[np.int32]]:
        """The same entries by site: groups of site j are group[ptr[j]:ptr[j + 1]], ascending."""
        if not self._by_site:
            self._by_site.append(_turned(self.indptr, self.site, self.sites))
        return self._by_site[0]


def grouped(cover: Cover) -> Grouped:
    """Groups of positive weight that some site covers."""
    indptr, site = cover.indptr, sorted_rows(cover.indptr, cover.site)
    if _repeats(indptr, site):
        indptr, site = _without_repeats(indptr, site)
    return _grouped(indptr, site, cover.weight, cover.sites)[0]


def grouped_straight(
    site_x: ArrayLike,
    site_y: ArrayLike,
    cell_x: ArrayLike,
    cell_y: ArrayLike,
    weight: ArrayLike,
    radius_m: float,
) -> Grouped:
    """The groups of cells (n,) that sites (m,) within `radius_m` straight metres cover, straight from coordinates: one
    walk over the cells, which keeps a list of sites for each group and none for a cell. <= is decided in float64, as in
    engine.pairs. Raises InvalidInput."""
    sx, sy, cx, cy = points(site_x, site_y, cell_x, cell_y)
    people = np.ascontiguousarray(weight, np.float64)
    problems = []
    if not (np.isfinite(radius_m) and radius_m > 0):
        problems.append("radius_m must be above 0")
    if people.shape != cx.shape or not np.isfinite(people).all() or (people < 0).any():
        problems.append(f"weight: {len(cx)} finite values from 0 are needed")
    if problems:
        raise InvalidInput(problems)
    if not len(sx) or not len(cx):
        return Grouped(
            np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0), len(sx), float(people.sum())
        )
    index = SquareIndex(sx, sy, float(radius_m) / SQUARES_A_RADIUS)
    high, low = words(len(sx))
    indptr, place, total, sum_x, sum_y, uncovered = _straight(
        cx, cy, people, index.x, index.y, index.start, index.x0, index.y0, index.size, index.columns, index.lines,
        float(radius_m), high, low,
    )  # fmt: skip
    site = index.order[place].astype(np.int32)
    site = sorted_rows(indptr, site)
    middle = np.column_stack([sum_x, sum_y]) / total[:, None]
    return Grouped(indptr, site, total, len(sx), float(uncovered), middle=middle)


def grouped_reach(
    rows: Iterable[NDArray[np.int32]], weight: ArrayLike, sites: int, xy: Floats | None = None
) -> Grouped:
    """The groups of cells (n,) from the cells that each site covers, one array a site in the sites' order: what travel
    times are kept as. xy (n, 2): places of the cells, for Grouped.middle.

    Cells are named by the sums of the words of the sites that reach them, so nothing is turned round. Then every site is
    asked whether it covers all cells of a group or none: a coincidence of sums would break that, and is looked for.
    """
    people = np.ascontiguousarray(weight, np.float64)
    cells = len(people)
    kept = [np.ascontiguousarray(row, np.int32) for row in rows]
    if len(kept) != sites:
        raise InvalidInput([f"sites: {len(kept)} rows of cells for {sites} sites"])
    high_word, low_word = words(sites)
    high, low, times = np.zeros(cells, np.uint64), np.zeros(cells, np.uint64), np.zeros(cells, np.int32)
    for j, row in enumerate(kept):
        _name(row, high_word[j], low_word[j], high, low, times)
    own, first = _group_names(high, low, times, people > 0)
    total = np.bincount(own[own >= 0], people[own >= 0], len(first))
    size = np.bincount(own[own >= 0], minlength=len(first))
    count = np.zeros(len(first), np.int64)
    lead = np.full(cells, -1, np.int32)
    lead[first] = np.arange(len(first), dtype=np.int32)
    ptr, parts = np.zeros(sites + 1, np.int64), []
    for j, row in enumerate(kept):
        if not _whole_groups(row, own, size, count):
            # Two different sets with the same 128 bits: never seen, and told apart the long way.
            return grouped(_turned_cover(kept, people, sites))
        part = lead[row]
        parts.append(part[part >= 0])
        ptr[j + 1] = ptr[j] + len(parts[-1])
    indptr, site = _turned(ptr, np.concatenate(parts) if parts else np.empty(0, np.int32), len(first))
    middle = None
    if xy is not None and len(first):
        sums = [np.bincount(own[own >= 0], (people * xy[:, axis])[own >= 0], len(first)) for axis in (0, 1)]
        middle = np.column_stack(sums) / total[:, None]
    return Grouped(indptr, site, total, sites, float(people[times == 0].sum()), middle=middle)


def grouped_free(group: Grouped, held: Ints, free: Ints) -> tuple[Grouped, float]:
    """What is left to decide among `free` sites when the `held` ones are open: (groups over the free sites by their
    place in `free`, weight that is covered already)."""
    place = np.full(group.sites, -1, np.int32)
    place[free] = np.arange(len(free))
    is_held = np.zeros(group.sites, bool)
    is_held[held] = True
    indptr, site, done = _left(group.indptr, group.site, is_held, place)
    weight = np.where(done, 0.0, group.weight)
    rest, own = _grouped(indptr, sorted_rows(indptr, site), weight, len(free))
    if group.middle is not None and rest.groups:
        inside = own >= 0
        sums = [
            np.bincount(own[inside], (weight * group.middle[:, axis])[inside], rest.groups) for axis in (0, 1)
        ]
        rest = Grouped(
            rest.indptr,
            rest.site,
            rest.weight,
            rest.sites,
            0.0,
            middle=np.column_stack(sums) / rest.weight[:, None],
        )
    return Grouped(*rest.arrays, rest.sites, 0.0, middle=rest.middle), float(group.weight[done].sum())


def undominated(group: Grouped) -> NDArray[np.bool_]:
    """(sites,) False for sites that cover nothing more than another one does; of equals the first stays."""
    return _undominated(group.indptr, group.site, *group.by_site())


def _grouped(indptr: Ints, site: NDArray[np.int32], weight: Floats, sites: int) -> tuple[Grouped, Ints]:
    """(groups, group of each row or -1). Rows are ascending, without repeats."""
    own, first = group_csr(indptr, site, sites)
    total = np.bincount(own, weight, len(first))
    length = (indptr[1:] - indptr[:-1])[first]
    uncovered = float(total[length == 0].sum())
    keep = (length > 0) & (total > 0)
    number = np.where(keep, np.cumsum(keep) - 1, -1)
    first, length = first[keep], length[keep]
    out = np.zeros(len(first) + 1, np.int64)
    np.cumsum(length, out=out[1:])
    return Grouped(out, _rows_at(indptr, site, first, out), total[keep], sites, uncovered), number[own]


def _turned_cover(rows: list[NDArray[np.int32]], weight: Floats, sites: int) -> Cover:
    ptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    indptr, site = _turned(ptr, np.concatenate(rows), len(weight))
    return Cover(indptr, site, weight, sites)


@njit(nogil=True, cache=True)
def _turned(indptr, member, columns):
    """The same entries by member: (ptr, row), rows ascending."""
    ptr = np.zeros(columns + 1, np.int64)
    for q in range(len(member)):
        ptr[member[q] + 1] += 1
    for j in range(columns):
        ptr[j + 1] += ptr[j]
    at, row = ptr[:-1].copy(), np.empty(len(member), np.int32)
    for i in range(len(indptr) - 1):
        for q in range(indptr[i], indptr[i + 1]):
            row[at[member[q]]] = i
            at[member[q]] += 1
    return ptr, row


@njit(nogil=True, cache=True)
def _repeats(indptr, site):
    for i in range(len(indptr) - 1):
        for q in range(indptr[i] + 1, indptr[i + 1]):
            if site[q] == site[q - 1]:
                return True
    return False


@njit(nogil=True, cache=True)
def _without_repeats(indptr, site):
    out, kept, at = np.zeros_like(indptr), np.empty_like(site), 0
    for i in range(len(indptr) - 1):
        for q in range(indptr[i], indptr[i + 1]):
            if q == indptr[i] or site[q] != site[q - 1]:
                kept[at] = site[q]
                at += 1
        out[i + 1] = at
    return out, kept[:at].copy()


@njit(nogil=True, cache=True)
def _rows_at(indptr, site, rows, out):
    kept = np.empty(out[-1], site.dtype)
    for k in range(len(rows)):
        start = indptr[rows[k]]
        for t in range(out[k + 1] - out[k]):
            kept[out[k] + t] = site[start + t]
    return kept


@njit(nogil=True, cache=True)
def _left(indptr, site, is_held, place):
    rows = len(indptr) - 1
    done, out = np.zeros(rows, np.bool_), np.zeros(rows + 1, np.int64)
    kept, at = np.empty(len(site), np.int32), 0
    for i in range(rows):
        for q in range(indptr[i], indptr[i + 1]):
            if is_held[site[q]]:
                done[i] = True
                break
        if not done[i]:
            for q in range(indptr[i], indptr[i + 1]):
                if place[site[q]] >= 0:
                    kept[at] = place[site[q]]
                    at += 1
        out[i + 1] = at
    return out, kept[:at].copy(), done


@njit(nogil=True, cache=True)
def _straight(cx, cy, weight, fx, fy, start, x0, y0, size, columns, lines, radius, high_word, low_word):
    """Groups of cells by the sites (places in the index, ascending) within the radius, as they first appear."""
    square = radius * radius
    places = 1 << 16
    table = np.full(places, -1, np.int32)
    room, entries = 1 << 14, 1 << 18
    indptr, total, sum_x, sum_y = np.zeros(room + 1, np.int64), np.zeros(room), np.zeros(room), np.zeros(room)
    highs, lows = np.empty(room, np.uint64), np.empty(room, np.uint64)
    kept, seen = np.empty(entries, np.int32), np.empty(len(fx), np.int32)
    groups, uncovered = 0, 0.0
    for i in range(len(cx)):
        if weight[i] <= 0:
            continue
        x, y = cx[i], cy[i]
        first, last = square_of(x - radius, x0, size, columns), square_of(x + radius, x0, size, columns)
        count, high, low = 0, np.uint64(0), np.uint64(0)
        for line in range(square_of(y - radius, y0, size, lines), square_of(y + radius, y0, size, lines) + 1):
            for q in range(start[line * columns + first], start[line * columns + last + 1]):
                dx, dy = fx[q] - x, fy[q] - y
                if dx * dx + dy * dy <= square:
                    seen[count] = q
                    count += 1
        if count == 0:
            uncovered += weight[i]
            continue
        for t in range(count):
            high += high_word[seen[t]]
            low += low_word[seen[t]]
        at, found = slot_of(high, low, places), -1
        while table[at] >= 0:
            g = table[at]
            same = highs[g] == high and lows[g] == low and indptr[g + 1] - indptr[g] == count
            if same and same_columns(seen, 0, count, kept, indptr[g]):
                found = g
                break
            at = (at + 1) & (places - 1)
        if found < 0:
            found = groups
            if groups == room:
                room *= 2
                indptr, total = _grown(indptr, room + 1), _grown(total, room)
                sum_x, sum_y = _grown(sum_x, room), _grown(sum_y, room)
                highs, lows = _grown(highs, room), _grown(lows, room)
            if indptr[groups] + count > entries:
                entries = max(2 * entries, indptr[groups] + count)
                kept = _grown(kept, entries)
            for t in range(count):
                kept[indptr[groups] + t] = seen[t]
            indptr[groups + 1] = indptr[groups] + count
            highs[groups], lows[groups] = high, low
            total[groups], sum_x[groups], sum_y[groups] = 0.0, 0.0, 0.0
            groups += 1
            if 2 * groups > places:
                places *= 2
                table = np.full(places, -1, np.int32)
                for g in range(groups):
                    slot = slot_of(highs[g], lows[g], places)
                    while table[slot] >= 0:
                        slot = (slot + 1) & (places - 1)
                    table[slot] = g
            else:
                table[at] = found
        total[found] += weight[i]
        sum_x[found] += weight[i] * x
        sum_y[found] += weight[i] * y
    return (
        indptr[: groups + 1].copy(), kept[: indptr[groups]].copy(), total[:groups].copy(), sum_x[:groups].copy(),
        sum_y[:groups].copy(), uncovered,
    )  # fmt: skip


@njit(nogil=True, cache=True)
def _grown(array, room):
    out = np.empty(room, array.dtype)
    out[: len(array)] = array
    return out


@njit(nogil=True, cache=True)
def _name(row, high_word, low_word, high, low, times):
    for q in range(len(row)):
        high[row[q]] += high_word
        low[row[q]] += low_word
        times[row[q]] += 1


@njit(nogil=True, cache=True)
def _group_names(high, low, times, counted):
    """(group of each cell or -1, its first cell): cells of the same 128 bits, as they first appear."""
    cells = len(high)
    size = table_size(cells)
    table = np.full(size, -1, np.int32)
    own, first, groups = np.full(cells, -1, np.int32), np.empty(cells, np.int64), 0
    for i in range(cells):
        if not counted[i] or times[i] == 0:
            continue
        at = slot_of(high[i], low[i], size)
        while table[at] >= 0:
            lead = first[table[at]]
            if high[lead] == high[i] and low[lead] == low[i]:
                break
            at = (at + 1) & (size - 1)
        if table[at] < 0:
            table[at], first[groups] = groups, i
            groups += 1
        own[i] = table[at]
    return own, first[:groups].copy()


@njit(nogil=True, cache=True)
def _whole_groups(row, own, size, count):
    """Whether a site covers every cell of a group or none; count (groups,) comes as zeros and leaves so."""
    same = True
    for q in range(len(row)):
        if own[row[q]] >= 0:
            count[own[row[q]]] += 1
    for q in range(len(row)):
        g = own[row[q]]
        if g >= 0 and count[g] != 0:
            same = same and count[g] == size[g]
            count[g] = 0
    return same


@njit(nogil=True, cache=True)
def _undominated(indptr, site, ptr, group):
    sites = len(ptr) - 1
    keep = np.ones(sites, np.bool_)
    mark = np.full(len(indptr) - 1, -1, np.int32)
    for j in range(sites):
        size = ptr[j + 1] - ptr[j]
        if size == 0:
            keep[j] = False
            continue
        few = group[ptr[j]]
        for q in range(ptr[j], ptr[j + 1]):
            mark[group[q]] = j
            if indptr[group[q] + 1] - indptr[group[q]] < indptr[few + 1] - indptr[few]:
                few = group[q]
        # Whoever covers all of these covers the group that fewest sites cover.
        for t in range(indptr[few], indptr[few + 1]):
            k = site[t]
            other = ptr[k + 1] - ptr[k]
            if k == j or not keep[k] or other < size or (other == size and k > j):
                continue
            shared = 0
            for q in range(ptr[k], ptr[k + 1]):
                shared += mark[group[q]] == j
                if shared + ptr[k + 1] - q - 1 < size:
                    break
            if shared == size:
                keep[j] = False
                break
    return keep
