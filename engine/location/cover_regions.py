"""A ceiling for maximal covering below that of the linear relaxation, on a city too large for one tree.

The groups are split into rectangular regions several reaches wide. Every site gets a copy in each region that it touches, and
each copy a price. With prices mu[r, j],

    bound = sum over the regions of the best (weight covered there - prices of the copies open there)
          + the p greatest sums of a site's prices

is at least what any p sites cover, whatever the prices: open copies of one choice pay in the regions what the sites earn
together. Prices that a linear dual pays give its bound; every region's own branch and bound lowers it, and the gains of
the regions add up. Prices then move where copies disagree (deflected subgradient; back to the best prices after
failures, with half the step), and trees and the duals of their leaves stay. Source: Guignard and Kim 1987 (copies);
Camerini, Fratta and Maffioli 1975 (deflection).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.checks import InvalidInput
from engine.location.cover_bound import CoverBound
from engine.location.cover_tree import CoverTree, Leaf, check_leaves
from engine.location.grouping import Grouped
from engine.pairs import on_threads

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WIDEST, LEAST = 7.0, 3.0  # sides of a region, in reaches
MOST_GROUPS = 6_000  # of a region that can be cut further: a tree on more grows too slowly
MOST_BYTES = 500_000_000  # of prices kept in all trees
FIRST_STEP = 0.3  # share of the way to the known value that the first step of the prices goes
FAILURES = 2
NODE_ROUNDS = 400


@dataclass(frozen=True, slots=True)
class Region:
    """rows: groups of the region; sites: those that touch it, in the order of the copies; part: groups over the copies."""

    rows: Ints
    sites: Ints
    part: Grouped


@dataclass(frozen=True, slots=True)
class RegionalProof:
    """What proves a regional ceiling: label (groups,): region of each group; price: of the copies, by region, sites
    ascending; leaves of each region's tree."""

    label: Ints
    price: tuple[Floats, ...]
    leaves: tuple[tuple[Leaf, ...], ...]


def split(group: Grouped, label: Ints) -> list[Region]:
    """Regions 0 … of the groups by their label (groups,)."""
    regions = []
    row_of = np.repeat(np.arange(group.groups), np.diff(group.indptr))
    lengths = np.diff(group.indptr)
    for number in range(int(label.max(initial=-1)) + 1):
        rows = np.flatnonzero(label == number)
        entries = group.site[label[row_of] == number]
        sites, own = np.unique(entries, return_inverse=True)
        indptr = np.concatenate([[0], np.cumsum(lengths[rows])])
        part = Grouped(indptr, own.astype(np.int32), group.weight[rows], len(sites), 0.0)
        regions.append(Region(rows, sites.astype(np.int64), part))
    return regions


def cut(
    group: Grouped, reach: float, widest: float = WIDEST, least: float = LEAST, most: int = MOST_GROUPS
) -> Ints:
    """(groups,) region of each group: rectangles halved along their longer side at the median group, until none is wider
    than `widest` reaches; and further where more than `most` groups are in one, as long as halves stay `least` reaches
    wide: below that a fractional plan can be cut without waste, and nothing is gained."""
    if group.middle is None:
        raise InvalidInput(["middle: places of the groups are needed to cut regions"])
    label, stack, count = np.zeros(group.groups, np.int64), [np.arange(group.groups)], 0
    while stack:
        rows = stack.pop()
        place = group.middle[rows]
        low, high = place.min(axis=0), place.max(axis=0)
        side = int(np.argmax(high - low))
        width = float(high[side] - low[side])
        middle = float(np.median(place[:, side]))
        # Not nearer to either end than the least width.
        middle = min(max(middle, low[side] + least * reach), high[side] - least * reach)
        first = place[:, side] <= middle
        crowded = len(rows) > most and width >= 2 * least * reach
        if (width > widest * reach or crowded) and first.any() and not first.all():
            stack += [rows[first], rows[~first]]
            continue
        label[rows], count = count, count + 1
    return label


class RegionalBound:
    """Regions with their trees and prices. `best`: the lowest ceiling so far; `proof()` proves it."""

    def __init__(self, group: Grouped, p: int, prices: CoverBound, value: float, reach: float) -> None:
        """prices: of the linear relaxation; value: what a known choice covers; reach: metres."""
        self.group, self.p, self.value = group, p, value
        self.label = cut(group, reach)
        self.regions = split(group, self.label)
        self.price = [
            np.bincount(
                one.part.site, np.repeat(prices.price[one.rows], np.diff(one.part.indptr)), one.part.sites
            )
            for one in self.regions
        ]
        self.most = [
            np.bincount(one.part.site, np.repeat(one.part.weight, np.diff(one.part.indptr)), one.part.sites)
            for one in self.regions
        ]
        self.trees: list[CoverTree] = []
        for one, price in zip(self.regions, self.price, strict=True):
            m = one.part.sites
            warm = CoverBound(
                np.inf, prices.price[one.rows], np.zeros(m), prices.open_share[one.sites], 0.0, None, np.zeros(m),
                np.ones(m), prices.balance, 0,
            )  # fmt: skip
            self.trees.append(
                CoverTree(
                    one.part,
                    None,
                    charge=price,
                    bound_before=warm,
                    rounds=NODE_ROUNDS,
                    root_seconds=0.0,
                    better=lambda share: np.flatnonzero(share > 0.5), most_bytes=MOST_BYTES // len(self.regions),
                )
            )  # fmt: skip
        self.step, self.failed = FIRST_STEP, 0
        self.direction: list[Floats] | None = None
        self.best = np.inf
        self._note()

    @property
    def nodes(self) -> int:
        return sum(tree.nodes for tree in self.trees)

    @property
    def ceiling(self) -> float:
        """At the present prices and leaves."""
        total = np.zeros(self.group.sites)
        for one, price in zip(self.regions, self.price, strict=True):
            total[one.sites] += price
        return sum(tree.ceiling for tree in self.trees) + float(np.sort(total)[::-1][: self.p].sum())

    def _note(self) -> bool:
        """Keep what is proved now if it is the best; whether it is."""
        now = self.ceiling
        if now >= self.best:
            return False
        self.best = now
        self.best_price = [price.copy() for price in self.price]
        self.best_leaves = [tree.leaves for tree in self.trees]
        return True

    def proof(self) -> RegionalProof:
        return RegionalProof(
            self.label, tuple(self.best_price), tuple(tuple(one) for one in self.best_leaves)
        )

    def grow(self, seconds: float, should_stop: Callable[[], bool] | None = None) -> float:
        """Grow the regions' trees at the present prices, those with most to gain longest; the best ceiling."""
        gains = np.array([max(tree.ceiling - tree.value, 0.0) for tree in self.trees])
        if gains.sum() <= 0:
            return self.best
        order = np.argsort(-gains, kind="stable")
        shares = gains[order] / gains.sum()

        def work(place: int) -> None:
            # Two regions at a time: each may take twice its share of the clock.
            self.trees[order[place]].grow(max(2 * seconds * shares[place], 0.05), should_stop=should_stop)

        on_threads(work, len(order), 2)
        self._note()
        return self.best

    def move(self) -> None:
        """One step of the prices along the disagreement of the copies with the choice of all regions together."""
        total, weight, mean = np.zeros((3, self.group.sites))
        shares = [tree.share for tree in self.trees]
        for one, price, most, share in zip(self.regions, self.price, self.most, shares, strict=True):
            total[one.sites] += price
            weight[one.sites] += most
            mean[one.sites] += most * share
        mean /= np.maximum(weight, 1e-12)
        top = np.zeros(self.group.sites)
        top[np.argsort(-total, kind="stable")[: self.p]] = 1.0
        wanted = 0.5 * mean + 0.5 * top
        # A copy that is open more than its site is elsewhere gets dearer.
        fresh = [wanted[one.sites] - share for one, share in zip(self.regions, shares, strict=True)]
        if self.direction is None:
            self.direction = fresh
        else:
            self.direction = [0.5 * old + 0.5 * new for old, new in zip(self.direction, fresh, strict=True)]
        length = sum(
            float((one * one * most).sum()) for one, most in zip(self.direction, self.most, strict=True)
        )
        step = self.step * max(self.best - self.value, 0.0) / max(length, 1e-12)
        self._set(
            [
                np.clip(price - step * one * most, 0.0, most)
                for price, one, most in zip(self.price, self.direction, self.most, strict=True)
            ]
        )

    def _set(self, price: list[Floats]) -> None:
        self.price = price
        for tree, one in zip(self.trees, price, strict=True):
            tree.recharge(one)
        self._note()

    def run(
        self, seconds: float, gap: float = 0.0, should_stop: Callable[[], bool] | None = None,
        told: Callable[[float], None] | None = None,
    ) -> float:  # fmt: skip
        """Grow first at the prices given, then move prices and grow by turns; the best ceiling."""
        begun = time.monotonic()
        span, rounds = 0.3 * seconds, 0

        def over() -> bool:
            late = time.monotonic() - begun > seconds or (should_stop is not None and should_stop())
            return late or self.best - self.value <= gap * self.best

        while not over():
            before = self.best
            self.grow(min(span, max(seconds - (time.monotonic() - begun), 0.1)), should_stop)
            if told is not None and (self.best < before or not rounds):
                told(self.best)
            if over():
                break
            self.failed = 0 if self.best < before else self.failed + 1
            if self.failed >= FAILURES:
                self.step, self.failed, self.direction = 0.5 * self.step, 0, None
                self._set([price.copy() for price in self.best_price])
            rounds += 1
            span = 0.06 * seconds
            self.move()
        return self.best


def check_regions(group: Grouped, p: int, proof: RegionalProof) -> float:
    """The ceiling that a regional proof proves, in float64, from the groups, its prices and the prices of its leaves.
    Raises InvalidInput where it is not one."""
    label = np.asarray(proof.label)
    if label.shape != (group.groups,) or (group.groups and label.min() < 0):
        raise InvalidInput(["label: one region per group is needed"])
    regions = split(group, label)
    if not len(regions) == len(proof.price) == len(proof.leaves):
        raise InvalidInput(
            [f"regions: {len(regions)}, but {len(proof.price)} prices and {len(proof.leaves)} trees"]
        )
    total, ceiling = np.zeros(group.sites), 0.0
    for number, (one, price, leaves) in enumerate(zip(regions, proof.price, proof.leaves, strict=True)):
        if np.shape(price) != (one.part.sites,) or not np.isfinite(price).all():
            raise InvalidInput([f"region {number}: one finite price per site that touches it is needed"])
        total[one.sites] += price
        ceiling += check_leaves(
            one.part, None, [replace(leaf, ceiling=np.inf) for leaf in leaves], np.asarray(price)
        )
    return ceiling + float(np.sort(total)[::-1][:p].sum())
