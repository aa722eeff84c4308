"""Quick searches for single plans of a front: most people, the worst served area first, or people and areas weighed."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.siting.case import Case
from engine.siting.flow import UNHURRIED, OpenSet
from engine.siting.search import neighbours

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
MANY_EDGES, QUICK_EFFORT = 200_000, 50_000


class Seeker:
    """Finds plans of one case. They keep every limit that says "at most"; whoever uses them asks the case for the rest.

    A plan's score is the sum over decisions of gain x weight of the decision + its bonus; a decision's weight is the mean
    of its areas' weights over the people it reaches.
    """

    def __init__(self, case: Case, seed: int, halt: Callable[[], bool]) -> None:
        m = case.model
        self.case, self.halt = case, halt
        self.random = np.random.default_rng(seed)
        bare = replace(m, rows=None, row_limit=None, row_name=(), forced=None, merit=None)
        self.state = OpenSet(bare, QUICK_EFFORT if m.edges > MANY_EDGES else UNHURRIED)
        for one in np.flatnonzero(case.forced):
            self.state.add(int(one))
        self.state.complete()
        self.empty = self.state.save()
        self.cost = np.asarray(m.cost, np.int64)
        plain = [row for row in case.rows if row.name != "budget"]
        self.rows = np.array([row.amount for row in plain], np.int64).reshape(len(plain), case.decisions)
        self.row_limit = np.array([row.most for row in plain], np.int64)
        self.near = neighbours(m)
        self.first = np.array(
            [0.0 if self.state.taken[o] else self.state.gain(o) for o in range(case.decisions)]
        )
        self.reached = self._reached()

    def _reached(self) -> Floats:
        """(d, a) weighted need of each area that each decision reaches."""
        m, areas = self.case.model, self.case.area_need.shape[1]
        out = np.zeros((self.case.decisions, areas))
        if m.group_area is None:
            return out
        node = np.repeat(np.arange(m.nodes), np.diff(m.node_ptr))
        option, area = m.node_option[node], m.group_area[m.edge_group]
        inside = (option >= 0) & (area >= 0)
        size = (m.group_need * m.group_weight)[m.edge_group]
        np.add.at(out, (option[inside], area[inside]), size[inside])
        return out

    # --- single plans ---------------------------------------------------------------------------------------------

    def most(self, budget: int, start: Flags | None, seconds: float) -> Flags:
        """The most weighted units within the budget."""
        return self.weighed(budget, None, None, start, seconds)

    def weighed(
        self, budget: int, of_area: Floats | None, bonus: Floats | None, start: Flags | None, seconds: float
    ) -> Flags:
        """People weighed by area (a,) and a bonus (d,) for each decision: greed from nothing and from `start`, the better
        of the two improved by ruin and recreate."""
        weight, bonus = self._weights(of_area), np.zeros(self.case.decisions) if bonus is None else bonus
        room = budget - self.case.cost[1]
        self._open(None, room)
        self._fill(room, weight, bonus)
        score = self._score(of_area, bonus)
        if start is not None:
            greedy = self.state.save()
            self._open(start, room)
            self._fill(room, weight, bonus)
            if (found := self._score(of_area, bonus)) > score:
                score = found
            else:
                self.state.restore(greedy)
        self._improve(room, weight, bonus, of_area, score, seconds)
        return self.state.taken.copy()

    def fairest(self, budget: int) -> Flags:
        """Greed for the area that is worst served at each moment; where nothing helps it, for the next."""
        m, case = self.case.model, self.case
        room = budget - case.cost[1]
        self._open(None, room)
        whole = case.weights @ case.area_need
        steady = case.weights @ case.steady.reshape(len(case.weights), -1)[:, 1:]
        size = m.group_weight
        while not self.halt():
            served = m.group_need - self.state.net.deficit
            inside = m.group_area >= 0
            by_area = np.bincount(m.group_area[inside], (size * served)[inside], len(whole)) + steady
            share = np.where(whole > 0, by_area / np.where(whole > 0, whole, 1.0), np.inf)
            if not self._help(np.argsort(share, kind="stable"), share, room):
                break
        weight = self._weights(None)
        self._fill(room, weight, np.zeros(case.decisions))
        return self.state.taken.copy()

    def _help(self, areas: Ints, share: Floats, room: int) -> bool:
        for area in areas:
            if not np.isfinite(share[area]):
                return False
            best, worth = -1, 0.0
            for one in np.flatnonzero((self.reached[:, area] > 0) & (self.first > 0)):
                if not self._may(int(one), room):
                    continue
                part = self.reached[one, area] / self.reached[one].sum()
                gain = self.state.gain(int(one)) * part / max(int(self.cost[one]), 1)
                if gain > worth:
                    best, worth = int(one), gain
            if best >= 0:
                self.state.add(best)
                return True
        return False

    # --- moves ------------------------------------------------------------------------------------------------------

    def _weights(self, of_area: Floats | None) -> Floats:
        if of_area is None or not self.reached.shape[1]:
            return np.ones(self.case.decisions)
        whole = self.reached.sum(axis=1)
        return np.where(whole > 0, self.reached @ of_area / np.where(whole > 0, whole, 1.0), 1.0)

    def _open(self, start: Flags | None, room: int) -> None:
        self.state.restore(self.empty)
        # What a limit asks for at least comes first: options that help it, cheapest first.
        if start is not None:
            for one in np.flatnonzero(start & ~self.state.taken).tolist():
                if self._may(one, room):
                    self.state.add(one)
        for row in np.flatnonzero((self.rows < 0).any(axis=1)):
            helping = np.flatnonzero(self.rows[row] < 0)
            for one in helping[np.lexsort((helping, self.cost[helping] / -self.rows[row][helping]))].tolist():
                if int(self.rows[row][self.state.taken].sum()) <= self.row_limit[row]:
                    break
                if self._may(one, room):
                    self.state.add(one)

    def _may(self, one: int, room: int) -> bool:
        """Whether it can be added and every "at most" still holds."""
        if not self.state.allowed(one, room):
            return False
        if not len(self.rows):
            return True
        amount = self.rows[:, one]
        used = self.rows[:, self.state.taken].sum(axis=1)
        return bool((used + amount <= self.row_limit)[amount > 0].all())

    def _fill(self, room: int, weight: Floats, bonus: Floats, among: Ints | None = None) -> None:
        """Lazy greed by score per fen. A bonus below 0 can keep an option out."""
        price = np.maximum(self.cost, 1)
        listed = np.arange(len(weight)) if among is None else among
        upper = self.first * weight + bonus
        heap = [(float(-upper[o] / price[o]), int(o), -1) for o in listed.tolist() if upper[o] > 0]
        heapq.heapify(heap)
        added = 0
        while heap:
            _, one, seen = heapq.heappop(heap)
            if not self._may(one, room):
                continue
            if seen == added:
                self.state.add(one)
                added += 1
                continue
            gain = self.state.gain(one) * weight[one] + bonus[one]
            if gain > 0:
                heapq.heappush(heap, (float(-gain / price[one]), one, added))

    def _score(self, of_area: Floats | None, bonus: Floats) -> float:
        """Weighted units now served, by area where that is asked, and the bonuses."""
        m = self.case.model
        extra = float(bonus[self.state.taken].sum())
        if of_area is None or m.group_area is None:
            return self.state.value + extra
        by_group = np.where(m.group_area >= 0, of_area[m.group_area], 1.0)
        return float((m.group_weight * by_group) @ (m.group_need - self.state.net.deficit)) + extra

    def _improve(
        self, room: int, weight: Floats, bonus: Floats, of_area: Floats | None, score: float, seconds: float
    ) -> None:
        """Ruin and recreate (Schrimpf and others 2000): drop a few that lie together, fill up again, keep what is not
        worse."""
        until, forced = time.monotonic() + seconds, self.case.forced
        small = min(400, 30 * max(int(self.state.taken.sum()), 1))
        for _round in range(small):
            chosen = np.flatnonzero(self.state.taken & ~forced)
            if not len(chosen) or time.monotonic() > until or self.halt():
                return
            saved = self.state.save()
            around = self.near(int(self.random.choice(chosen)))
            mine = self.random.permutation(around[self.state.taken[around] & ~forced[around]])
            drop = mine[: int(self.random.integers(1, 4))]
            if self.random.random() < 0.3:
                drop = np.unique(np.append(drop, self.random.choice(chosen)))
            for one in drop.tolist():
                self.state.remove(int(one))
            leaders = np.flatnonzero(self.first * weight + bonus > 0)
            pool = np.union1d(around, self.random.permutation(leaders)[:32])
            noise = np.exp(self.random.normal(0.0, 0.1, len(weight)))
            self._fill(room, weight * noise, bonus, pool)
            found = self._score(of_area, bonus)
            if found >= score - 1e-9:
                score = found
            else:
                self.state.restore(saved)
