"""Plans by search on the true aim: greedy, mending what the master proposes, ruin and recreate.

Gains are of units served, weighted by world as the goal values them now (all weight on the worst world under "worst", on
the tail under "tail" …); whether a plan is better is decided by the goal itself.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.siting.flow import UNHURRIED, OpenSet
from engine.siting.frame import Goal, goal_value, world_served
from engine.siting.question import EXPECTED, FAIREST, TAIL
from engine.siting.search import neighbours
from engine.siting.valuing import Valuer

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
HURRIED_EDGES, QUICK_EFFORT = 200_000, 50_000


class Polisher:
    def __init__(
        self, valuer: Valuer, goal: Goal, random: np.random.Generator, over: Callable[[], bool]
    ) -> None:
        case = self.case = valuer.case
        self.valuer, self.goal, self.random, self.over = valuer, goal, random, over
        m = case.model
        self.flip = goal.small(case)
        self.weight = m.node_weight.copy()
        self.unit = np.zeros(m.nodes)
        first_edge = m.node_ptr[:-1]
        has = np.diff(m.node_ptr) > 0
        self.unit[has] = case.group_value[m.edge_group[first_edge[has]]]
        plain = replace(
            m,
            node_weight=self.weight,
            rows=None,
            row_limit=None,
            row_name=(),
            forced=None,
            merit=None,
            conflicts=(),
        )
        self.state = OpenSet(plain, QUICK_EFFORT if m.edges > HURRIED_EDGES else UNHURRIED)
        self.empty = self.state.save()
        self.near = neighbours(plain)
        self.amount = np.array([row.amount for row in case.rows], np.int64).reshape(
            len(case.rows), case.decisions
        )
        self.most = np.array([row.most for row in case.rows], np.int64)
        self.rivals: list[list[Ints]] = [[] for _ in range(case.decisions)]
        for members, _ in case.sets:
            for member in members:
                self.rivals[int(member)].append(members)
        money = case.charge if self.flip else case.cost[0].astype(np.float64)
        self.price = np.maximum(money, max(float(np.abs(money).max(initial=1.0)) * 1e-6, 1.0))
        merit = np.zeros(case.decisions) if self.flip or goal.world >= 0 or goal.by_area(case) else case.merit
        self.merit = merit
        self.inverted = np.zeros(case.decisions, bool) if m.inverted is None else m.inverted

    # What is open

    def _open(self, plan: Flags) -> None:
        self.state.restore(self.empty)
        for d in np.flatnonzero(plan):
            self.state.add(int(d))
        self.used = self.amount[:, plan].sum(axis=1)

    def _fits(self, d: int) -> bool:
        """It may be added: limits that speak of at most something, and exclusive sets."""
        if self.state.taken[d]:
            return False
        up = self.amount[:, d] > 0
        if (self.used[up] + self.amount[up, d] > self.most[up]).any():
            return False
        return not any(self.state.taken[members].any() for members in self.rivals[d])

    def _add(self, d: int) -> None:
        self.state.add(d)
        self.used = self.used + self.amount[:, d]

    def _drop(self, d: int) -> None:
        self.state.remove(d)
        self.used = self.used - self.amount[:, d]

    def _y(self) -> Floats:
        case = self.case
        served = case.group_value * (case.model.group_need - self.state.net.deficit)
        return case.steady + np.bincount(case.group_measure, served, case.measures)

    def _done(self) -> bool:
        """For the cheapest: the targets are kept, nothing more is needed."""
        return self.flip and self.valuer._kept(self._y()) and bool((self.used <= self.most).all())

    def _weigh(self) -> None:
        """Weights of worlds that the goal has at the plan now open."""
        case, q = self.case, self.case.question
        live = case.live
        weight = np.zeros(len(case.weights))
        if self.goal.world >= 0:
            weight[self.goal.world] = 1.0
        elif self.goal.keep is not None or self.goal.area >= 0 or q.rule == EXPECTED or self.flip:
            weight = case.weights / case.weights.sum()
        else:
            gap = case.need - world_served(case, self._y())
            if self.goal.best is not None and q.aim != FAIREST:
                gap = self.goal.best - (case.need - case.today - gap)
            order = live[np.argsort(-gap[live], kind="stable")]
            share = case.weights[order] / case.weights.sum()
            tail = q.tail if q.rule == TAIL else 1e-9
            weight[order] = np.clip(tail - (np.cumsum(share) - share), 0.0, share) / tail
        weight = weight + 0.02 * case.weights / case.weights.sum()
        self.weight[:] = weight[case.model.node_world] * self.unit

    def _fill(self, pool: Ints, noise: float = 0.0, within: Callable[[], bool] = lambda: True) -> None:
        """Add what gains most per money until nothing fits (or, for the cheapest, nothing is needed)."""
        jitter = np.exp(self.random.normal(0, noise, len(pool))) if noise else np.ones(len(pool))
        factor = dict(zip(pool.tolist(), jitter.tolist(), strict=True))
        merit = self.merit

        def score(d: int) -> float:
            return (self.state.gain(d) + float(merit[d])) / float(self.price[d]) * factor[d]

        heap = [(-score(int(d)), int(d), 0) for d in pool if not self.state.taken[d]]
        heapq.heapify(heap)
        added = 0
        while heap and within() and not self._done():
            value, d, seen = heapq.heappop(heap)
            if not self._fits(d) or value >= 0:
                continue
            if seen != added:
                heapq.heappush(heap, (-score(d), d, added))
                continue
            self._add(d)
            added += 1
            if added % 8 == 0:
                self._weigh()

    def _lighten(self) -> None:
        """For the cheapest: drop what is not needed, dearest first."""
        for d in np.argsort(-self.case.charge, kind="stable"):
            d = int(d)
            if not self.state.taken[d] or self.case.forced[d] or self.case.charge[d] <= 0 or self.over():
                continue
            self._drop(d)
            if not self._done():
                self._add(d)

    def greedy(self) -> Flags | None:
        """Forced decisions, roles kept, then the best gains; None where a limit is left unkept."""
        self._open(self.case.forced | self.inverted)
        self._weigh()
        self._fill(np.arange(self.case.decisions), within=lambda: not self.over())
        if self.flip:
            self._lighten()
        plan = self.state.taken.copy()
        return plan if self.case.keeps_limits(plan) else None

    def mend(self, plan: Flags) -> Flags | None:
        """A plan of the master filled up (or, for the cheapest, until the targets are kept, then lightened)."""
        self._open(plan)
        self._weigh()
        self._fill(np.arange(self.case.decisions), within=lambda: not self.over())
        if self.flip:
            self._lighten()
        found = self.state.taken.copy()
        return found if self.case.keeps_limits(found) else None

    def polish(self, plan: Flags, value: float, seconds: float, share: Floats | None = None) -> Flags | None:
        """Ruin and recreate from a plan: drop a few decisions around a random one, fill up among those that compete for
        the same people and the leaders (share (d,), near-primal). A better plan, or None."""
        case, sign = self.case, -1.0 if self.flip else 1.0
        end = time.monotonic() + seconds
        best, found = value, None
        self._open(plan)
        leaders = np.arange(case.decisions)
        if share is not None:
            leaders = np.argsort(-share, kind="stable")[: max(64, 2 * int(plan.sum()))]
        while time.monotonic() < end and not self.over():
            self._weigh()
            saved, used = self.state.save(), self.used
            chosen = np.flatnonzero(self.state.taken & ~case.forced)
            if len(chosen) == 0:
                break
            around = self.near(int(self.random.choice(chosen if self.random.random() < 0.7 else leaders)))
            mine = around[self.state.taken[around] & ~case.forced[around]]
            count = int(self.random.integers(1, min(8, len(chosen)) + 1))
            drop = self.random.permutation(mine)[:count]
            if len(drop) < count and self.random.random() < 0.5:
                drop = np.unique(np.append(drop, self.random.permutation(chosen)[: count - len(drop)]))
            for d in drop:
                self._drop(int(d))
            pool = np.append(self.random.permutation(around)[:48], self.random.permutation(leaders)[:24])
            self._fill(np.unique(np.append(pool, drop)), 0.15)
            now = self.state.taken.copy()
            better = False
            if case.keeps_limits(now):
                measured = self._value(now)
                if measured is not None and sign * measured > sign * best + 1e-9 * max(abs(best), 1e-9):
                    best, found, better = measured, now, True
                elif measured is not None and sign * measured >= sign * best:
                    better = True  # a step aside
            if not better:
                self.state.restore(saved)
                self.used = used
        return found

    def _value(self, plan: Flags) -> float | None:
        case = self.case
        if case.apart_areas:
            found = self.valuer.value(plan, self.goal)
            return found.value if found.kept else None
        y = self._y()
        return goal_value(case, y, plan, self.goal) if self.valuer._kept(y) else None
