"""What given decisions are worth: exact flows, and who goes where so that areas come out as the goal wants them.

In one world the vectors of units served by area that some assignment reaches form a polymatroid (Edmonds 1970): serving
areas in any order, each as far as re-routing allows, never takes back what earlier ones have, ends at a maximal flow,
and the orders give all corners. So the best mixture of areas is found by column generation: price the areas, serve them
in the order of their prices, add the corner, price again (Dantzig, Wolfe 1960). Shares may then count part of a unit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.maxflow import place_most
from engine.siting.case import Case
from engine.siting.frame import Frame, Goal, goal_value, measure_world, targets

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
TOLERANCE = 1e-9
KEPT_TOO = 1e-7  # of an aim that is kept while a second one is followed
MOST_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Value:
    """value: of the goal, in the aim's sense. y (measures,): weighted units served. kept: the targets are kept. omega
    (measures,): prices at which no assignment does better, for lines; None where areas do not matter."""

    value: float
    y: Floats
    kept: bool
    omega: Floats | None = None


class Valuer:
    """Measures decisions of one case."""

    def __init__(self, case: Case) -> None:
        m = case.model
        self.case = case
        self.edge_node = np.repeat(np.arange(m.nodes), np.diff(m.node_ptr)).astype(np.int32)
        self.edge_group = np.ascontiguousarray(m.edge_group, np.int32)
        self.ready = np.ones(m.nodes, bool)
        self.targets = targets(case)

    def serve(self, taken: Flags, rank: Ints | None = None) -> tuple[Floats, list[tuple[Flags, Flags]]]:
        """y (measures,) at a maximal flow that serves measures of smaller rank (measures,) first. And for each step (in
        it (g,), short (g,)): groups served so far, and those of them that could still use room."""
        m, case = self.case.model, self.case
        is_open = np.ones(m.nodes, bool)
        options = m.node_option >= 0
        is_open[options] = taken[m.node_option[options]]
        room = np.where(is_open, m.node_units, 0)
        units = np.zeros(m.edges, np.int64)
        steps = []
        order = [0] if rank is None else np.unique(rank)
        for step in order:
            inside = np.ones(m.groups, bool) if rank is None else rank[case.group_measure] <= step
            need = np.where(inside, m.group_need, 0)
            if m.edges:
                place_most(self.edge_group, self.edge_node, need, room, self.ready, units)
            left = need - np.bincount(self.edge_group, units, m.groups).astype(np.int64)
            steps.append((inside, self._short(left > 0, units, is_open)))
        served = np.bincount(self.edge_group, units, m.groups)
        return case.steady + np.bincount(case.group_measure, case.group_value * served, case.measures), steps

    def _short(self, short: Flags, units: Ints, is_open: Flags) -> Flags:
        """Groups that are short or served where somebody short could be served instead."""
        open_edge, used = is_open[self.edge_node], units > 0
        while True:
            node = np.zeros(len(is_open), bool)
            node[self.edge_node[short[self.edge_group] & open_edge]] = True
            grown = short.copy()
            grown[self.edge_group[used & node[self.edge_node]]] = True
            if np.array_equal(grown, short):
                return short
            short = grown

    def value(self, taken: Flags, goal: Goal) -> Value:
        """Exact: the best over all assignments for these decisions."""
        case = self.case
        if not case.apart_areas:
            y = self.serve(taken)[0]
            return Value(goal_value(case, y, taken, goal), y, self._kept(y))
        kept, omega = True, None
        corners = [self.serve(taken)[0]]
        y = corners[0]
        if self.targets:
            y, omega, slack = self._mixed(taken, None, corners)
            kept = slack <= 1e-8
        if goal.by_area(case) and kept:
            aim = replace(goal, keep=None)
            y, omega, _ = self._mixed(taken, aim, corners)
            if goal.keep is not None:
                kept = goal_value(case, y, taken, aim) >= goal.keep - KEPT_TOO * max(abs(goal.keep), 1e-3)
        return Value(goal_value(case, y, taken, goal), y, kept and self._kept(y), omega)

    def _kept(self, y: Floats) -> bool:
        return all(float(t.weight @ y) >= t.needed - 1e-8 * max(t.whole, 1.0) for t in self.targets)

    def _mixed(self, taken: Flags, goal: Goal | None, corners: list[Floats]) -> tuple[Floats, Floats, float]:
        """(y, prices, slack) of the mixture of corners that is best for the goal; for the targets where it is None."""
        case = self.case
        world = measure_world(case)
        names = frozenset(t.name for t in self.targets)
        omega, y, slack = np.zeros(case.measures), corners[0], np.inf
        for _ in range(MOST_ROUNDS):
            frame = Frame.of(case, names if goal is None else frozenset(), taken)
            p = frame.program
            if goal is None:
                frame.least_slack()
            else:
                frame.aim(goal)
            part = p.add(len(corners) * len(case.weights)).reshape(len(corners), -1)
            for w in range(len(case.weights)):
                p.limit(part[:, w], np.ones(len(corners)), low=1.0, high=1.0)
            corner = np.array(corners)
            number = np.arange(case.measures)
            link = p.limits(
                np.concatenate([number, np.tile(number, len(corners))]),
                np.concatenate([frame.y, part[:, world].ravel()]),
                np.concatenate([np.ones(case.measures), -corner.ravel()]),
                case.measures,
                low=0.0,
                high=0.0,
            )
            solved = p.solve(3600.0, relaxed=True)
            if solved.x is None or solved.duals is None:
                break
            y, slack = solved.x[frame.y], max(-solved.value, 0.0) if goal is None else 0.0
            omega = np.maximum(solved.duals[link], 0.0)
            found = self.serve(taken, self.ranks(omega))[0]
            now = np.bincount(world, omega * y, len(case.weights))
            could = np.bincount(world, omega * found, len(case.weights))
            size = max(float(np.abs(now).max()), 1e-12)
            if (could <= now + TOLERANCE * size).all():
                break
            corners.append(found)
        return y, omega, slack

    def ranks(self, omega: Floats) -> Ints:
        """(measures,) 0 for the dearest of each world; equal prices, and areas without any, share a rank."""
        top = max(float(omega.max(initial=0.0)), 1e-300)
        steps = np.rint(omega / top * 1e9).astype(np.int64)
        rank = np.zeros(len(omega), np.int64)
        world = measure_world(self.case)
        for w in range(len(self.case.weights)):
            mine = world == w
            rank[mine] = len(np.unique(steps[mine])) - 1 - np.unique(steps[mine], return_inverse=True)[1]
        return rank
