"""Branch and bound for maximal covering over the sites, with the first-order bound at every node.

A leaf holds some sites in and some out; its prices prove a ceiling for every choice that keeps to that
(`cover_bound.bound_of`). Children go on from their parent's prices and fractions. The leaves divide all choices among
them at any moment, so the greatest of their ceilings, or what is known to be covered, is a ceiling for all. The
certificate is the leaves; `check_leaves` believes nothing but the prices in them.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.checks import InvalidInput
from engine.location.cover_bound import CoverBound, bound, bound_of
from engine.location.grouping import Grouped

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDS = 1_000  # iterations at a node: fewer hardly move a ceiling from where its parent left it
ROUNDED_EVERY = 10  # nodes between two choices from a node's fractions
LEAST_FRACTION = 1e-3
MOST_BYTES = 400_000_000  # of prices kept in leaves; a tree does not grow beyond


@dataclass(frozen=True, slots=True)
class Leaf:
    """Sites held in and out, and the prices (groups,) float32 that prove `ceiling` for the choices that keep to it."""

    inside: tuple[int, ...]
    outside: tuple[int, ...]
    price: NDArray[np.float32]
    ceiling: float


@dataclass(slots=True)
class _Node:
    inside: tuple[int, ...]
    outside: tuple[int, ...]
    price: NDArray[np.float32]
    share: NDArray[np.float32]
    worth: NDArray[np.float32]
    ceiling: float
    relaxed: float
    balance: float
    stamp: int = 0


class CoverTree:
    """Grows until told to stop; may be asked to grow again, also at other charges.

    group, p (None: any number of sites, each at its charge), charge (m,): as for `cover_bound.bound`. sites: a
    choice that is known. better(share (m,)) may return a choice made from
    fractions. bound_before: of the same groups, to start from.
    """

    def __init__(
        self, group: Grouped, p: int | None, *, charge: Floats | None = None,
        sites: Ints | None = None, better: Callable[[Floats], Ints] | None = None, bound_before: CoverBound | None = None,
        rounds: int = ROUNDS, root_seconds: float = 30.0, most_bytes: int = MOST_BYTES,
    ) -> None:  # fmt: skip
        self.group, self.p, self.rounds, self.better = group, p, rounds, better
        self.nodes, self.stamp, self.most_bytes = 0, 0, most_bytes
        self._entered = 0
        self.charge = np.zeros(group.sites) if charge is None else np.asarray(charge, np.float64)
        self.value, self.sites = -np.inf, np.empty(0, np.int64)
        self.offer(np.arange(p or 0) if sites is None else np.asarray(sites, np.int64))
        # What a site covers, for the choice of the site to branch on.
        self.size = np.sqrt(
            np.bincount(group.site, np.repeat(group.weight, np.diff(group.indptr)), group.sites)
        )
        first = bound(
            group, p, charge=self.charge, warm=bound_before, value=self.value, gap=1e-9, settled=1e-6,
            seconds=root_seconds, start=sites if bound_before is None else None,
        )  # fmt: skip
        root = self._node((), (), first, np.inf)
        self.open: list[tuple[float, int, _Node]] = []
        self.closed: list[_Node] = []
        self._keep(root)

    @property
    def ceiling(self) -> float:
        """No choice is worth more: the best open leaf, or the best known choice. Valid at any moment."""
        # Closed leaves are those at or below what was known when they were closed.
        closed = max((node.ceiling for node in self.closed), default=-np.inf)
        highest = max(-self.open[0][0] if self.open else -np.inf, closed)
        return max(highest, self.value)

    @property
    def leaves(self) -> list[Leaf]:
        return [
            Leaf(node.inside, node.outside, node.price, node.ceiling)
            for node in [*(entry[2] for entry in self.open), *self.closed]
        ]

    @property
    def share(self) -> Floats:
        """(m,) fractions of the leaves that decide the ceiling."""
        best = [entry[2] for entry in heapq.nsmallest(4, self.open)] or sorted(
            self.closed, key=lambda node: -node.ceiling
        )[:1]
        return np.mean([node.share for node in best], axis=0).astype(np.float64)

    def offer(self, sites: Ints) -> bool:
        """Keep a choice if it is better than what is known."""
        worth = worth_of_choice(self.group, sites, self.charge)
        if worth <= self.value:
            return False
        self.value, self.sites = worth, np.sort(sites)
        return True

    def grow(
        self, seconds: float, gap: float = 0.0, nodes: int = 1_000_000, should_stop: Callable[[], bool] | None = None,
        told: Callable[[float, float], None] | None = None,
    ) -> float:  # fmt: skip
        """Branch on the best open leaf until its ceiling is within `gap` of the value, the time or the number of nodes
        is over, or should_stop(); the ceiling. told(value, ceiling) after each node."""
        until, left = time.monotonic() + seconds, nodes
        while self.open and left > 0 and time.monotonic() < until:
            if should_stop is not None and should_stop():
                break
            node = self.open[0][2]
            if self._done(node.ceiling, gap):
                break
            if (len(self.open) + len(self.closed)) * self.group.groups * 4 > self.most_bytes:
                break
            if node.stamp != self.stamp:
                # The charges changed since: better prices first, they may be all it takes.
                heapq.heappop(self.open)
                left -= 1
                self._keep(self._child(node, node.inside, node.outside))
                continue
            site = self._site(node)
            if site is None:
                heapq.heappop(self.open)
                self.closed.append(node)
                continue
            heapq.heappop(self.open)
            left -= 1
            for side in (0, 1):
                inside = (*node.inside, site) if side else node.inside
                outside = node.outside if side else (*node.outside, site)
                self._keep(self._child(node, inside, outside))
            if told is not None:
                told(self.value, self.ceiling)
        return self.ceiling

    def recharge(self, charge: Floats) -> float:
        """The same leaves at other charges (m,): their prices prove other ceilings. Prices are improved as leaves come to
        the front when the tree grows on."""
        self.charge = np.asarray(charge, np.float64)
        nodes = [*(entry[2] for entry in self.open), *self.closed]
        self.open, self.closed = [], []
        self.stamp += 1
        self.value = -np.inf
        self.offer(self.sites)
        for node in nodes:
            low, high = self._limits(node.inside, node.outside)
            node.ceiling = bound_of(self.group, self.p, node.price.astype(np.float64), low, high, self.charge)
            if self._empty(node.inside, node.outside):
                node.ceiling = -np.inf
            self._keep(node)
        return self.ceiling

    def _limits(self, inside: tuple[int, ...], outside: tuple[int, ...]) -> tuple[Floats, Floats]:
        low, high = np.zeros(self.group.sites), np.ones(self.group.sites)
        low[list(inside)], high[list(outside)] = 1.0, 0.0
        return low, high

    def _only(self, inside: tuple[int, ...], outside: tuple[int, ...]) -> Ints | None:
        """The only choice that keeps to this, None if there are others or none."""
        if self._empty(inside, outside):
            return None
        if self.p == len(inside) or len(inside) + len(outside) == self.group.sites:
            return np.array(sorted(inside), np.int64)
        if self.p is not None and self.group.sites - len(outside) == self.p:
            return np.setdiff1d(np.arange(self.group.sites), np.array(outside, np.int64))
        return None

    def _empty(self, inside: tuple[int, ...], outside: tuple[int, ...]) -> bool:
        """No choice of p sites keeps to this."""
        return self.p is not None and (len(inside) > self.p or self.group.sites - len(outside) < self.p)

    def _done(self, ceiling: float, gap: float) -> bool:
        return ceiling <= self.value + max(gap, 1e-9) * max(abs(ceiling), 1e-300)

    def _keep(self, node: _Node) -> None:
        if self._done(node.ceiling, 0.0):
            self.closed.append(node)
            return
        self._entered += 1  # of equals the older comes first
        heapq.heappush(self.open, (-node.ceiling, self._entered, node))
        if self.better is not None and self._entered % ROUNDED_EVERY == 1:
            self.offer(self.better(node.share.astype(np.float64)))

    def _site(self, node: _Node) -> int | None:
        """The free site whose fraction decides most; None where the leaf is a single choice."""
        if self._only(node.inside, node.outside) is not None or self._empty(node.inside, node.outside):
            return None
        free = np.ones(self.group.sites, bool)
        free[list(node.inside)] = False
        free[list(node.outside)] = False
        share = node.share.astype(np.float64)
        # Sites that surely are near 1 decide more than those near 0.
        score = np.where(free, np.minimum(share, 1 - share).clip(0) * (1 + share) * self.size, -1.0)
        site = int(np.argmax(score))
        if min(share[site], 1 - share[site]) < LEAST_FRACTION:
            # A whole point whose prices do not prove it yet: the site whose worth is nearest to the border.
            border = np.abs(node.worth.astype(np.float64))
            site = int(np.argmin(np.where(free, border, np.inf)))
        return site

    def _child(self, parent: _Node, inside: tuple[int, ...], outside: tuple[int, ...]) -> _Node:
        low, high = self._limits(inside, outside)
        wanted = None if self.p is None else int(min(self.p, high.sum()))
        warm = CoverBound(
            parent.ceiling, parent.price.astype(np.float64), parent.worth.astype(np.float64),
            parent.share.astype(np.float64), parent.relaxed, wanted, low, high, parent.balance, 0,
        )  # fmt: skip
        distance = (parent.ceiling - self.value) / max(abs(parent.ceiling), 1e-300)
        found = bound(
            self.group, wanted, fixed_in=np.array(inside, np.int64), fixed_out=np.array(outside, np.int64),
            charge=self.charge, warm=warm, value=self.value, gap=1e-9,
            settled=float(np.clip(0.02 * distance, 1e-8, 1e-5)), rounds=self.rounds,
        )  # fmt: skip
        return self._node(inside, outside, found, parent.ceiling)

    def _node(
        self, inside: tuple[int, ...], outside: tuple[int, ...], found: CoverBound, most: float
    ) -> _Node:
        self.nodes += 1
        low, high = self._limits(inside, outside)
        only = self._only(inside, outside)
        # Ceilings are proved by the prices as they are kept, rounded to float32.
        price = found.price.astype(np.float32)
        if only is not None:
            # One choice is left: what it does not cover is priced in full, the rest at nothing, and that is its worth.
            price = np.where(_covered(self.group, only), 0.0, self.group.weight).astype(np.float32)
            self.offer(only)
        ceiling = bound_of(self.group, self.p, price.astype(np.float64), low, high, self.charge)
        if self._empty(inside, outside):
            ceiling = -np.inf
        return _Node(
            inside, outside, price, found.open_share.astype(np.float32), found.worth.astype(np.float32),
            min(ceiling, most), found.relaxed, found.balance, self.stamp,
        )  # fmt: skip


def worth_of_choice(group: Grouped, sites: Ints, charge: Floats | None = None) -> float:
    """Weight of the groups that one of the sites covers, less the charges."""
    return float(
        group.weight[_covered(group, sites)].sum() - (0.0 if charge is None else charge[sites].sum())
    )


def _covered(group: Grouped, sites: Ints) -> NDArray[np.bool_]:
    """(groups,) whether one of the sites covers it."""
    is_open = np.zeros(group.sites, bool)
    is_open[sites] = True
    covered = np.zeros(group.groups, bool)
    covered[np.searchsorted(group.indptr, np.flatnonzero(is_open[group.site]), side="right") - 1] = True
    return covered


def check_leaves(group: Grouped, p: int | None, leaves: list[Leaf], charge: Floats | None = None) -> float:
    """The ceiling that leaves prove, from their prices in float64. Raises InvalidInput when they do not divide all
    choices among them. No ceiling that a leaf claims is believed; a leaf that no choice can keep to counts for nothing.
    """
    if not leaves:
        raise InvalidInput(["leaves: there is none"])
    wrong = []
    for number, leaf in enumerate(leaves):
        fixed = [*leaf.inside, *leaf.outside]
        if len(set(fixed)) != len(fixed) or any(not 0 <= j < group.sites for j in fixed):
            wrong.append(f"leaf {number}: a site is unknown, or held twice")
        elif np.shape(leaf.price) != (group.groups,) or not np.isfinite(leaf.price).all():
            wrong.append(f"leaf {number}: one finite price per group is needed")
    if wrong:
        raise InvalidInput(wrong)
    # Each site that all leaves of a branch hold cuts the branch in two; a leaf that is left alone must have no more cuts.
    stack = [
        (
            [*range(len(leaves))],
            [dict.fromkeys(leaf.inside, 1) | dict.fromkeys(leaf.outside, 0) for leaf in leaves],
        )
    ]
    while stack:
        numbers, held = stack.pop()
        if len(numbers) == 1 and not held[0]:
            continue
        common = set(held[0]).intersection(*held[1:])
        if not common:
            raise InvalidInput([f"leaves {numbers[:6]} do not divide the choices among them"])
        site = min(common)
        for side in (0, 1):
            here = [k for k in range(len(numbers)) if held[k][site] == side]
            if not here:
                raise InvalidInput([f"leaves: nothing covers site {site} {'in' if side else 'out'}"])
            rest = [{j: v for j, v in held[k].items() if j != site} for k in here]
            stack.append(([numbers[k] for k in here], rest))
    highest = -np.inf
    for leaf in leaves:
        if p is not None and (len(leaf.inside) > p or group.sites - len(leaf.outside) < p):
            continue
        low, high = np.zeros(group.sites), np.ones(group.sites)
        low[list(leaf.inside)], high[list(leaf.outside)] = 1.0, 0.0
        highest = max(highest, bound_of(group, p, np.asarray(leaf.price, np.float64), low, high, charge))
    return highest
