"""What a cover may be told by: lists of sites, coordinates with a radius, or cells in reach of each site.

All three group to the same thing, and all three say what a choice covers on the demands as they came, one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.checks import InvalidInput
from engine.location.grouping import Grouped, grouped, grouped_reach, grouped_straight
from engine.location.records import Cover
from engine.world import Reach

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StraightCover:
    """Sites (m,) cover the cells (n,) within radius_m straight metres (<=). weight (n,): people. Nothing is kept by pair,
    so that a city of millions of cells fits."""

    site_x: Floats
    site_y: Floats
    cell_x: Floats
    cell_y: Floats
    weight: Floats
    radius_m: float

    @property
    def sites(self) -> int:
        return len(self.site_x)

    @property
    def demands(self) -> int:
        return len(self.weight)


@dataclass(frozen=True, slots=True)
class ReachCover:
    """rows: for each of the m sites the cells in its reach (int32), each cell once: `Reach` cut at the limit, or blocks
    of one. weight (n,): people. xy (n, 2): where the cells are, if known: a city too large for one tree is proved region by
    region then."""

    rows: Sequence[NDArray[np.int32]]
    weight: Floats
    xy: Floats | None = None

    @property
    def sites(self) -> int:
        return len(self.rows)

    @property
    def demands(self) -> int:
        return len(self.weight)

    @classmethod
    def of(cls, reach: Reach, weight: Floats, xy: Floats | None = None) -> ReachCover:
        """Every cell of the reach counts, whatever it costs; cut it at a limit before with Reach.within."""
        return cls([reach.row(j)[0] for j in range(reach.sites)], weight, xy)


Coverage = Cover | StraightCover | ReachCover


def groups_of(cover: Coverage) -> Grouped:
    """Raises InvalidInput."""
    if isinstance(cover, StraightCover):
        return grouped_straight(
            cover.site_x, cover.site_y, cover.cell_x, cover.cell_y, cover.weight, cover.radius_m
        )
    if isinstance(cover, ReachCover):
        weight = np.asarray(cover.weight, np.float64)
        if not np.isfinite(weight).all() or (weight < 0).any():
            raise InvalidInput(["weight: negative or not finite"])
        outside = [
            j
            for j, row in enumerate(cover.rows)
            if len(row) and not 0 <= row.min() <= row.max() < len(weight)
        ]
        if outside:
            raise InvalidInput([f"rows: {len(outside)} sites reach cells outside 0..{len(weight) - 1}"])
        return grouped_reach(cover.rows, weight, cover.sites, cover.xy)
    return grouped(cover)


def times_covered(cover: Coverage, chosen: NDArray[np.integer]) -> NDArray[np.int32]:
    """(n,) how many of the chosen sites cover each demand, from the demands as they came: no group has a part in it."""
    times = np.zeros(cover.demands, np.int32)
    if isinstance(cover, StraightCover):
        x, y = np.asarray(cover.cell_x, np.float64), np.asarray(cover.cell_y, np.float64)
        for j in np.asarray(chosen).tolist():
            far_x, far_y = cover.site_x[j] - x, cover.site_y[j] - y
            times += far_x * far_x + far_y * far_y <= cover.radius_m * cover.radius_m
    elif isinstance(cover, ReachCover):
        for j in np.asarray(chosen).tolist():
            times[cover.rows[j]] += 1
    else:
        is_open = np.zeros(cover.sites, bool)
        is_open[chosen] = True
        demand = np.repeat(np.arange(cover.demands), np.diff(cover.indptr))
        open_entry = is_open[cover.site]
        pairs = np.unique(demand[open_entry] * cover.sites + cover.site[open_entry])
        times += np.bincount(pairs // cover.sites, minlength=cover.demands).astype(np.int32)
    return times


def covered_value(cover: Coverage, chosen: NDArray[np.integer]) -> float:
    return float(np.asarray(cover.weight, np.float64)[times_covered(cover, chosen) > 0].sum())
