"""p-median: p sites so that everybody's way to the nearest of them is shortest in all."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.location.p_centre import p_centre
from engine.location.records import Located, Sites, check_count, impossible, located

SOURCE = "branch and bound on prices of the demands"
FREE, IN, OUT = 0, 1, 2


@njit(cache=True)
def nearest_two(cost, chosen, first, second, which):
    """For each demand the costs of its nearest and second nearest chosen site, and the place of the nearest in
    `chosen`. With one site the second is as far as any can be. cost: (m, n) by site, finite."""
    first[:], second[:], which[:] = np.inf, cost.max(), 0
    for k in range(len(chosen)):
        row = cost[chosen[k]]
        for i in range(len(first)):
            if row[i] < first[i]:
                if k > 0:
                    second[i] = first[i]
                first[i], which[i] = row[i], k
            elif row[i] < second[i]:
                second[i] = row[i]


@njit(cache=True)
def interchange(cost, chosen):
    """Exchange one chosen site for a free one while the sum falls, the best exchange each time; the final sum.

    Costs are finite here (a missing way costs more than all others together). Source: Teitz and Bart 1968; bookkeeping:
    Resende and Werneck 2007.
    """
    m, n, p = cost.shape[0], cost.shape[1], len(chosen)
    first, second, which = np.empty(n), np.empty(n), np.empty(n, np.int64)
    gain, loss, both = np.empty(m), np.empty(p), np.empty((p, m))
    is_open = np.zeros(m, np.bool_)
    for k in range(p):
        is_open[chosen[k]] = True
    while True:
        nearest_two(cost, chosen, first, second, which)
        total = first.sum()
        gain[:], loss[:], both[:] = 0.0, 0.0, 0.0
        for i in range(n):
            loss[which[i]] += second[i] - first[i]
        for j in range(m):
            row = cost[j]
            for i in range(n):
                if row[i] < first[i]:
                    gain[j] += first[i] - row[i]
                    both[which[i], j] += second[i] - first[i]
                elif row[i] < second[i]:
                    both[which[i], j] += second[i] - row[i]
        best, come, go = 1e-9 * max(total, 1e-300), -1, -1
        for k in range(p):
            for j in range(m):
                if is_open[j]:
                    continue
                change = gain[j] - loss[k] + both[k, j]
                if change > best:
                    best, come, go = change, j, k
        if come < 0:
            return total
        is_open[chosen[go]], is_open[come] = False, True
        chosen[go] = come


@njit(parallel=True, cache=True)
def _worths(cost, price, worth):
    """worth[j]: sum of min(0, cost - price) over the demands: what opening j takes off the sum of the prices."""
    for j in prange(cost.shape[0]):
        total = 0.0
        for i in range(cost.shape[1]):
            saved = cost[j, i] - price[i]
            if saved < 0.0:
                total += saved
        worth[j] = total


@njit(cache=True)
def _served(cost, price, opened, times):
    times[:] = 0
    for k in range(len(opened)):
        row = cost[opened[k]]
        for i in range(len(times)):
            if row[i] < price[i]:
                times[i] += 1


@dataclass
class _Node:
    state: NDArray[np.int8]
    price: NDArray[np.float64]
    floor: float


class _Search:
    """Depth-first search; `best` and `sites` improve along the way."""

    def __init__(self, cost: NDArray[np.float64], p: int, whole: bool, until: float, seed: int) -> None:
        self.cost, self.p, self.whole, self.until = cost, p, whole, until
        self.m, self.n = cost.shape
        self.random = np.random.Generator(np.random.PCG64(seed))
        self.best, self.sites = np.inf, np.arange(p)

    def improve(self, start: NDArray[np.int64]) -> None:
        chosen = np.asarray(start, np.int64).copy()
        total = float(interchange(self.cost, chosen))
        if total < self.best:
            self.best, self.sites = total, np.sort(chosen)

    def enough(self, floor: float) -> bool:
        """Nothing better than the best known lies above this floor."""
        if self.whole:
            return np.ceil(floor - 1e-6) >= self.best - 1e-6
        return floor >= self.best * (1 - 1e-9)

    def bound(self, node: _Node, rounds: int) -> NDArray[np.float64]:
        """Raise the node's floor by moving its prices; fixes sites that the floor decides. Average openings (m,)."""
        # Sites that are out are not looked at: deep nodes cost a fraction of the root.
        rows = np.flatnonzero(node.state != OUT)
        cost = self.cost if len(rows) == self.m else self.cost[rows]
        forced, free = np.flatnonzero(node.state[rows] == IN), np.flatnonzero(node.state[rows] == FREE)
        room, price, worth = self.p - len(forced), node.price.copy(), np.empty(len(rows))
        average, step, stall = np.zeros(self.m), 1.5 if rounds > 300 else 0.5, 0
        slope: NDArray[np.float64] | None = None
        times = np.empty(self.n, np.int64)
        kept_worth, top = None, -np.inf
        for turn in range(rounds):
            _worths(cost, price, worth)
            opened = np.concatenate([forced, free[np.argsort(worth[free], kind="stable")[:room]]])
            floor = float(price.sum() + worth[opened].sum())
            if floor > top + 1e-7 * abs(top if np.isfinite(top) else 1.0):
                stall = 0
            else:
                stall += 1
            if floor > top:
                top, node.price, kept_worth = floor, price.copy(), worth.copy()
                node.floor = max(node.floor, floor)
            if self.enough(node.floor):
                return average
            mark = np.zeros(self.m)
            mark[rows[opened]] = 1.0
            average = mark if turn == 0 else 0.9 * average + 0.1 * mark
            if rounds > 300 and turn % 40 == 25:
                self.improve(self._from(average, node.state))
                if self.enough(node.floor):
                    return average
            if stall >= 20:
                step, stall, price, slope = step * 0.7, 0, node.price.copy(), None
                if step < 1e-4 or time.monotonic() > self.until:
                    break
                continue
            _served(cost, price, opened, times)
            # Half of the last direction steadies the walk between facets.
            slope = 1.0 - times if slope is None else 0.5 * slope + 0.5 * (1.0 - times)
            size = float((slope * slope).sum())
            if size == 0:
                break
            target = self.best if np.isfinite(self.best) else 1.05 * abs(floor)
            price = price + step * max(target - floor, 1e-9 * abs(floor)) / size * slope
        if kept_worth is not None:
            full = np.zeros(self.m)
            full[rows] = kept_worth
            self._fix(node, full, top)
        return average

    def _from(self, average: NDArray[np.float64], state: NDArray[np.int8]) -> NDArray[np.int64]:
        score = average + np.where(state == IN, 2.0, np.where(state == OUT, -2.0, 0.0))
        return np.argsort(-score, kind="stable")[: self.p]

    def _fix(self, node: _Node, worth: NDArray[np.float64], floor: float) -> None:
        """Sites whose opening or closing would lift the floor past the best known are decided."""
        free = np.flatnonzero(node.state == FREE)
        room = self.p - int((node.state == IN).sum())
        order = free[np.argsort(worth[free], kind="stable")]
        inside, outside = order[:room], order[room:]
        if not room or not len(outside):
            return
        for j in outside.tolist():
            if self.enough(floor + worth[j] - worth[inside[-1]]):
                node.state[j] = OUT
        for j in inside.tolist():
            if self.enough(floor - worth[j] + worth[outside[0]]):
                node.state[j] = IN

    def run(self, root: _Node) -> float:
        """Search to the end or to the time limit; the proved floor."""
        average = self.bound(root, 2_500)
        stack = [(root, average)]
        while stack:
            node, average = stack.pop()
            if self.enough(node.floor):
                continue
            if time.monotonic() > self.until:
                stack.append((node, average))
                break
            forced, free = (node.state == IN).sum(), np.flatnonzero(node.state == FREE)
            if forced + len(free) == self.p or forced == self.p:
                chosen = np.flatnonzero((node.state == IN) | ((node.state == FREE) & (forced < self.p)))
                total = float(self.cost[chosen].min(axis=0).sum())
                if total < self.best:
                    self.best, self.sites = total, np.sort(chosen)
                continue
            site = int(free[np.argmin(np.abs(average[free] - 0.5))])
            children = []
            for value in (OUT, IN):
                child = _Node(node.state.copy(), node.price.copy(), node.floor)
                child.state[site] = value
                children.append((child, self.bound(child, 120)))
            # The likelier side last, so that it is looked at first.
            if average[site] < 0.5:
                children.reverse()
            stack += [one for one in children if not self.enough(one[0].floor)]
        return min([self.best, *(node.floor for node, _average in stack)])


def p_median(sites: Sites, p: int, seconds: float = 300.0, seed: int = 0) -> Located:
    """Least sum of weight x cost to the nearest of p sites.

    Prices on the demands give a floor (Lagrangian relaxation of "everybody is served once"); interchange from the average
    of its openings gives choices; sites that the floor decides are fixed; what is left is branched on. Where all weighted
    costs are whole numbers a floor above best - 1 is a proof. Source: Hakimi 1964; Narula, Ogbu and Samuelsson 1977;
    Beasley 1993.
    """
    begun = time.monotonic()
    n, m = sites.cost.shape
    check_count(p, m)
    counted = np.flatnonzero(sites.weight > 0)
    cost = np.ascontiguousarray((sites.cost[counted] * sites.weight[counted, None]).T)
    if not len(counted):
        none = np.full(n, -1, np.int64)
        return located(
            "p-median", np.arange(p), 0.0, 0.0, time.monotonic() - begun, seed, "nobody counts", none
        )
    held = np.isfinite(cost)
    if not held.any(axis=0).all():
        return impossible("p-median", n, time.monotonic() - begun, seed, "a demand that no site may serve")
    # A missing way costs more than all ways together: it is taken only where p sites cannot reach everybody.
    missing = float(np.where(held, cost, 0.0).max(axis=0).sum()) + 1.0
    cost[~held] = missing
    whole = bool((cost == np.rint(cost)).all() and cost.sum() < 2**52)
    search = _Search(cost, p, whole, begun + seconds, seed)
    search.improve(_greedy(cost, p))
    for _turn in range(3):
        search.improve(search.random.permutation(m)[:p])
    root = _Node(np.zeros(m, np.int8), np.sort(cost, axis=0)[min(1, m - 1)].copy(), -np.inf)
    floor = search.run(root)
    spent = time.monotonic() - begun
    chosen = search.sites
    if search.best >= missing:
        # Whether p sites can reach everybody at all is the question of the p-centre, which answers it with proof.
        reach = p_centre(sites, p, max(begun + seconds - time.monotonic(), 1.0), seed)
        if reach.status == "infeasible":
            return impossible("p-median", n, time.monotonic() - begun, seed, reach.bound_source)
        chosen = reach.sites
    if whole and floor < search.best:
        floor = min(float(np.ceil(floor - 1e-6)), search.best)
    way = sites.cost[:, chosen]
    value = float((way.min(axis=1)[counted] * sites.weight[counted]).sum())
    assigned = np.where(np.isfinite(way.min(axis=1)), chosen[way.argmin(axis=1)], -1)
    return located("p-median", chosen, value, min(floor, value), spent, seed, SOURCE, assigned)


def _greedy(cost: NDArray[np.float64], p: int) -> NDArray[np.int64]:
    near = np.full(cost.shape[1], np.inf)
    chosen: list[int] = []
    for _turn in range(p):
        total = np.minimum(cost, near).sum(axis=1)
        total[chosen] = np.inf
        best = int(np.argmin(total))
        chosen.append(best)
        near = np.minimum(near, cost[best])
    return np.array(chosen)
