"""Demands that the same sites cover are one demand: exact, and often a hundredth of the size."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.location.records import Cover
from engine.siting.model import group_rows


@dataclass(frozen=True, slots=True)
class Grouped:
    """groups as in a Cover: sites of group i are site[indptr[i]:indptr[i + 1]]; weight (groups,) the sum of its
    demands. uncovered: weight that no site covers."""

    indptr: NDArray[np.int64]
    site: NDArray[np.int32]
    weight: NDArray[np.float64]
    sites: int
    uncovered: float
    _by_site: list[tuple[NDArray[np.int64], NDArray[np.int32]]] = field(default_factory=list)

    @property
    def groups(self) -> int:
        return len(self.weight)

    @property
    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
        return self.indptr, self.site, self.weight

    def by_site(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The same entries by site: groups of site j are group[ptr[j]:ptr[j + 1]], ascending."""
        if not self._by_site:
            order = np.argsort(self.site, kind="stable")
            row = np.repeat(np.arange(self.groups, dtype=np.int32), np.diff(self.indptr))
            count = np.bincount(self.site, minlength=self.sites)
            self._by_site.append((np.concatenate([[0], np.cumsum(count)]), row[order]))
        return self._by_site[0]


def grouped(cover: Cover) -> Grouped:
    """Groups of positive weight that some site covers."""
    lengths = np.diff(cover.indptr)
    counted = cover.weight > 0
    uncovered = float(cover.weight[(lengths == 0) & counted].sum())
    demand = np.repeat(np.arange(cover.demands), lengths)
    keep = counted[demand]
    return _grouped(demand[keep], cover.site[keep], cover.weight, cover.sites, uncovered)


def grouped_free(group: Grouped, held: NDArray[np.int64], free: NDArray[np.int64]) -> tuple[Grouped, float]:
    """What is left to decide among `free` sites when the `held` ones are open: (groups over the free sites by their
    place in `free`, weight that is covered already)."""
    is_held = np.zeros(group.sites, bool)
    is_held[held] = True
    row = np.repeat(np.arange(group.groups), np.diff(group.indptr))
    done = np.zeros(group.groups, bool)
    done[row[is_held[group.site]]] = True
    place = np.full(group.sites, -1, np.int32)
    place[free] = np.arange(len(free))
    keep = ~done[row] & (place[group.site] >= 0)
    rest = _grouped(row[keep], place[group.site[keep]], group.weight, len(free), 0.0)
    return rest, float(group.weight[done].sum())


def _grouped(
    row: NDArray[np.int64], site: NDArray[np.int32], weight: NDArray[np.float64], sites: int, uncovered: float
) -> Grouped:
    """Rows are ascending, sites ascending within a row."""
    present, local = np.unique(row, return_inverse=True)
    if not len(present):
        return Grouped(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0), sites, uncovered)
    own = group_rows(local.astype(np.int64), site.astype(np.int64), len(present), sites)
    groups = int(own.max()) + 1
    total = np.bincount(own, weight[present], groups)
    first = np.full(groups, len(present), np.int64)
    np.minimum.at(first, own, np.arange(len(present)))
    lengths = np.bincount(local, minlength=len(present))
    start = np.concatenate([[0], np.cumsum(lengths)])
    count = lengths[first]
    indptr = np.concatenate([[0], np.cumsum(count)])
    index = np.arange(indptr[-1]) - np.repeat(indptr[:-1] - start[first], count)
    return Grouped(indptr, site[index].astype(np.int32), total, sites, uncovered)
