"""Branch and bound for large capacitated location: prices on the demands, one continuous knapsack a warehouse.

With a price u[i] on "demand i is served once" and with V[j] = fixed[j] + least sum of (cost - u) x share over shares that
fit into j's capacity,

    sum(u) + min over lam >= 0 … of lam x missing capacity + sum of min(0, V[j] - lam x capacity[j]) over the free
           + sum of V[j] over those held open

is at most the cost of any plan (the warehouses open must hold the demand; lam is the price of that). It is as strong as
the linear relaxation with a link for every pair, without its rows. Source: Geoffrion and McBride 1978; Beasley 1988;
Cornuejols, Sridharan and Thizy 1991.
"""

from __future__ import annotations

import heapq
import time

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.sparse import coo_array

from engine.location.mip import minimise
from engine.location.records import Warehouses

Floats = NDArray[np.float64]
FREE, IN, OUT = 0, 1, 2
ROOT_ROUNDS, NODE_ROUNDS = 900, 70
TOLERANCE = 1e-9


@njit(parallel=True, cache=True)
def _knapsacks(cost, demand, capacity, fixed, state, price, worth, share):
    """worth (m,): V; share (m, n): what fills each warehouse best. cost (m, n) by warehouse."""
    for j in prange(len(capacity)):
        share[j, :] = 0.0
        if state[j] == OUT:
            worth[j] = 0.0
            continue
        gain = cost[j] - price
        wanted = np.flatnonzero(gain < 0.0)
        rate = np.empty(len(wanted))
        for k in range(len(wanted)):
            # Demands of nothing come first: they take no room.
            rate[k] = gain[wanted[k]] / max(demand[wanted[k]], 1e-300)
        total, room = fixed[j], capacity[j]
        for k in np.argsort(rate):
            i = wanted[k]
            part = 1.0 if demand[i] <= room else room / demand[i]
            share[j, i] = part
            total += part * gain[i]
            room -= part * demand[i]
            if room <= 0.0:
                break
        worth[j] = total


class _Node:
    __slots__ = ("floor", "likely", "price", "state")

    def __init__(self, state: NDArray[np.int8], price: Floats, floor: float) -> None:
        self.state, self.price, self.floor = state, price, floor
        self.likely = np.zeros(len(state))


class Search:
    """Best plan and floor so far. `opened`: warehouses of the best plan; flow (n, m): shares of each demand."""

    def __init__(self, plants: Warehouses, seconds: float, seed: int) -> None:
        self.plants, self.until, self.seed = plants, time.monotonic() + seconds, seed
        self.cost = np.ascontiguousarray(plants.cost.T)
        self.best, self.opened = np.inf, np.empty(0, np.int64)
        self.flow = np.zeros(plants.cost.shape)
        self.tried: set[bytes] = set()
        m, n = self.cost.shape
        self.worth, self.share = np.empty(m), np.empty((m, n))

    @property
    def late(self) -> bool:
        return time.monotonic() > self.until

    def offer(self, opened: NDArray[np.int64]) -> float:
        """The cost of the best plan with these warehouses open, which is kept if it is the best; inf if there is none."""
        opened = np.sort(opened)
        if self.late and np.isfinite(self.best):
            return np.inf
        if opened.tobytes() in self.tried or self.plants.capacity[opened].sum() < self.plants.demand.sum() * (
            1 - 1e-12
        ):
            return np.inf
        self.tried.add(opened.tobytes())
        flow = served_from(self.plants, opened, max(self.until - time.monotonic(), 1.0))
        if flow is None:
            return np.inf
        total = cost_of_plan(self.plants, opened, flow)
        if total < self.best:
            self.best, self.opened, self.flow = total, opened, flow
        return total

    def bound(self, node: _Node, rounds: int) -> None:
        """Raise the node's floor by moving its prices; fix the warehouses that the floor decides."""
        capacity, fixed, demand = self.plants.capacity, self.plants.fixed, self.plants.demand
        price, step, stall = node.price.copy(), 1.0 if rounds > NODE_ROUNDS else 0.4, 0
        direction, top, kept = None, -np.inf, None
        for turn in range(rounds):
            _knapsacks(self.cost, demand, capacity, fixed, node.state, price, self.worth, self.share)
            least, reduced, y = self._choose(node.state, demand.sum())
            floor = float(price.sum()) + least
            stall = 0 if floor > top + 1e-7 * abs(top if np.isfinite(top) else 1.0) else stall + 1
            if floor > top:
                top, node.price, kept = floor, price.copy(), reduced
                node.floor = max(node.floor, floor)
            if self.enough(node.floor) or not np.isfinite(floor):
                break
            node.likely = y if turn == 0 else 0.93 * node.likely + 0.07 * y
            if rounds > NODE_ROUNDS and turn % 100 == 60:
                self.round(node)
            if stall >= 12:
                step, stall, price, direction = 0.6 * step, 0, node.price.copy(), None
                if step < 1e-3 or self.late:
                    break
                continue
            slope = 1.0 - y @ self.share
            direction = slope if direction is None else 0.6 * direction + 0.4 * slope
            length = float((direction * direction).sum())
            if length < 1e-14:
                break
            target = self.best if np.isfinite(self.best) else 1.1 * abs(floor)
            price = price + step * max(target - floor, 1e-7 * abs(floor)) / length * direction
        if kept is not None and np.isfinite(self.best):
            free = node.state == FREE
            slack = TOLERANCE * abs(self.best)
            node.state[free & (kept > 0) & (top + kept > self.best + slack)] = OUT
            node.state[free & (kept < 0) & (top - kept > self.best + slack)] = IN

    def _choose(self, state: NDArray[np.int8], needed: float) -> tuple[float, Floats, Floats]:
        """(least sum over the warehouses, reduced costs (m,), shares open (m,)) under the capacity needed in all."""
        capacity = self.plants.capacity
        held = state == IN
        y = held.astype(np.float64)
        total, missing = float(self.worth[held].sum()), needed - float(capacity[held].sum())
        free = np.flatnonzero(state == FREE)
        cheap = free[self.worth[free] < 0]
        y[cheap] = 1.0
        lam = 0.0
        short = missing - float(capacity[cheap].sum())
        if short > 1e-9 * max(needed, 1.0):
            rest = free[(self.worth[free] >= 0) & (capacity[free] > 0)]
            rest = rest[np.argsort(self.worth[rest] / capacity[rest], kind="stable")]
            for j in rest.tolist():
                part = min(1.0, short / capacity[j])
                y[j], lam = part, self.worth[j] / capacity[j]
                short -= part * capacity[j]
                if short <= 1e-9 * max(needed, 1.0):
                    break
            else:
                return np.inf, np.zeros(len(y)), y
        reduced = self.worth - lam * capacity
        total += lam * max(missing, 0.0) + float(np.minimum(reduced[free], 0.0).sum())
        if lam == 0.0:
            total = float(self.worth[held].sum() + self.worth[cheap].sum())
        return total, reduced, y

    def round(self, node: _Node) -> None:
        """Plans from the likely openings: most likely first until the demand fits, and all that are more likely than not."""
        score = node.likely + 2.0 * (node.state == IN) - 2.0 * (node.state == OUT)
        order = np.argsort(-score, kind="stable")
        fits = (
            int(
                np.searchsorted(
                    np.cumsum(self.plants.capacity[order]), self.plants.demand.sum() * (1 - 1e-12)
                )
            )
            + 1
        )
        for count in {fits, fits + 1, int((score > 0.5).sum())}:
            if fits <= count <= len(order):
                self.offer(order[:count])

    def exchange(self) -> None:
        """Drop, add and swap single warehouses near the best plan while one helps and there is time."""
        better = True
        while better and not self.late:
            better, now = False, self.opened
            others = np.setdiff1d(np.arange(len(self.plants.fixed)), now)
            likely = others[np.argsort(self.worth[others], kind="stable")[:6]]
            for trial in [
                *(np.setdiff1d(now, [j]) for j in now),
                *(np.append(now, j) for j in likely),
                *(np.append(np.setdiff1d(now, [k]), j) for j in likely for k in now),
            ]:
                before = self.best
                self.offer(trial.astype(np.int64))
                if self.best < before:
                    better = True
                    break
                if self.late:
                    break

    def enough(self, floor: float) -> bool:
        return floor >= self.best - TOLERANCE * abs(self.best)

    def run(self) -> float:
        """Search to the end or to the time limit; the proved floor."""
        m = len(self.plants.fixed)
        finite = np.where(np.isfinite(self.plants.cost), self.plants.cost, np.nan)
        root = _Node(np.zeros(m, np.int8), np.nanmin(finite, axis=1), -np.inf)
        self.bound(root, ROOT_ROUNDS)
        self.round(root)
        if not np.isfinite(self.best):
            # Where ways are missing few warehouses may reach nobody; all of them reach whom they can.
            self.offer(np.arange(m))
        if np.isfinite(self.best):
            self.exchange()
            self.bound(root, ROOT_ROUNDS // 3)
        heap, number = [(root.floor, 0, root)], 0
        while heap:
            if self.enough(heap[0][0]) or self.late:
                break
            node = heapq.heappop(heap)[2]
            free = np.flatnonzero(node.state == FREE)
            if not len(free):
                # One set of warehouses is left: its best plan is known exactly. Those with nothing to lose stay open.
                self.offer(np.flatnonzero(node.state == IN))
                if self.late:
                    heapq.heappush(heap, (node.floor, number, node))
                continue
            self.round(node)
            site = int(free[np.argmin(np.abs(node.likely[free] - 0.5))])
            for value in (IN, OUT):
                child = _Node(node.state.copy(), node.price, node.floor)
                child.state[site] = value
                child.likely = node.likely.copy()
                if self.plants.capacity[child.state != OUT].sum() < self.plants.demand.sum() * (1 - 1e-12):
                    continue
                self.bound(child, NODE_ROUNDS)
                number += 1
                if not self.enough(child.floor):
                    heapq.heappush(heap, (child.floor, number, child))
        return min([self.best, *(entry[0] for entry in heap)])


def served_from(plants: Warehouses, opened: NDArray[np.int64], seconds: float) -> Floats | None:
    """(n, m) shares of the cheapest plan from the open warehouses, None where there is none: the transport problem."""
    n, m = plants.cost.shape
    demand, place = np.nonzero(np.isfinite(plants.cost[:, opened]))
    pairs, k = len(demand), len(opened)
    column = np.arange(pairs)
    matrix = coo_array(
        (np.concatenate([np.ones(pairs), plants.demand[demand]]), (np.concatenate([demand, n + place]), np.tile(column, 2))),
        shape=(n + k, pairs),
    ).tocsc()  # fmt: skip
    low = np.concatenate([np.ones(n), np.full(k, -np.inf)])
    high = np.concatenate([np.ones(n), plants.capacity[opened]])
    found = minimise(plants.cost[demand, opened[place]], matrix, low, high, np.zeros(pairs, bool), seconds)
    if found.x is None or not found.closed:
        return None
    flow = np.zeros((n, m))
    flow[demand, opened[place]] = found.x
    return flow


def cost_of_plan(plants: Warehouses, opened: NDArray[np.int64], flow: Floats) -> float:
    used = flow > 0
    return float(plants.fixed[opened].sum() + (plants.cost[used] * flow[used]).sum())
