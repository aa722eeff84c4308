"""Every aim, rule and limit as rows over the decisions x and the weighted units y served by world (and area).

What ties y to x is added by the caller: flows in the exact model, proven lines in the decomposition. Each limit may be
given slack, which is how the smallest change that lets a plan exist is found. Formulas: docs/algorithms/siting-aims.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.siting.case import APART, Case, Row
from engine.siting.program import INF, Program
from engine.siting.question import CHEAPEST, EXPECTED, FAIREST, REGRET, TAIL, WORST

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
KEPT = 1e-9  # of the aim: what rounding may take from it while a second one is followed
SHORTFALL = 1e-9  # of the need: what rounding may take from a target


@dataclass(frozen=True, slots=True)
class Target:
    """sum of weight (measures,) y >= needed. name: target or area:<number>; whole: the weighted need it is a share of;
    share: as asked; world: -1 for the weighted sum of all."""

    name: str
    weight: Floats
    needed: float
    whole: float
    share: float
    world: int = -1


def targets(case: Case) -> list[Target]:
    """The shares that must be served, as rows over y."""
    q, found = case.question, []
    each = [int(w) for w in case.live] if q.rule == WORST else [-1]
    if q.target is not None:
        for world in each:
            weight = _world_weights(case, world)
            whole = float(weight @ case.need)
            if whole > 0:
                found.append(_target("target", weight[measure_world(case)], whole, float(q.target), world))
    if q.area_target is not None:
        for area in np.flatnonzero(np.isfinite(q.area_target)):
            for world in each:
                weight = _world_weights(case, world)
                whole = float(weight @ case.area_need[:, area])
                if whole > 0:
                    over = weight[measure_world(case)] * (measure_area(case) == area)
                    found.append(_target(f"area:{area}", over, whole, float(q.area_target[area]), world))
    return found


def _target(name: str, weight: Floats, whole: float, share: float, world: int) -> Target:
    return Target(name, weight, (share - SHORTFALL) * whole, whole, share, world)


def _world_weights(case: Case, world: int) -> Floats:
    if world < 0:
        return case.weights
    return (np.arange(len(case.weights)) == world).astype(float)


def measure_world(case: Case) -> Ints:
    """(measures,) world of each measure."""
    return np.repeat(np.arange(len(case.weights)), case.measures // len(case.weights))


def measure_area(case: Case) -> Ints:
    """(measures,) area of each measure, -1 none."""
    return np.arange(case.measures) % (case.measures // len(case.weights)) - 1


def world_served(case: Case, y: Floats) -> Floats:
    """(w,) weighted units served."""
    return np.bincount(measure_world(case), y, len(case.weights)).astype(np.float64)


def area_shares(case: Case, y: Floats) -> Floats:
    """(w, a) share served, NaN where nothing is needed."""
    served = y.reshape(len(case.weights), -1)[:, 1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(case.area_need > 0, served / case.area_need, np.nan)


def worst_shares(case: Case, y: Floats) -> Floats:
    """(w,) smallest share of any area in each world, 1 where nobody needs anything."""
    shares = area_shares(case, y)
    return np.nanmin(np.where(np.isnan(shares), 1.0, shares), axis=1, initial=1.0)


def tail_mean(loss: Floats, weights: Floats, tail: float) -> float:
    """Mean of the largest losses that make up `tail` of the weight (Rockafellar, Uryasev 2000)."""
    order = np.argsort(-loss, kind="stable")
    share = weights[order] / weights.sum()
    before = np.cumsum(share) - share
    part = np.clip(tail - before, 0.0, share)
    return float(part @ loss[order]) / tail


@dataclass(frozen=True, slots=True)
class Goal:
    """What a solver is after: the question's own aim; or what `world` alone could have (the measure regret is taken
    from); or the largest share of `area` (under the rule "worst" in any world); or, with `keep`, the most served in all
    while the aim stays at least there. best (w,): what each world could have alone, where the rule is regret."""

    world: int = -1
    area: int = -1
    best: Floats | None = None
    keep: float | None = None

    def small(self, case: Case) -> bool:
        """The smaller, the better."""
        return case.question.aim == CHEAPEST and self.keep is None and self.world < 0 and self.area < 0

    def by_area(self, case: Case) -> bool:
        """Who goes where decides how good a plan is."""
        return self.area >= 0 or case.question.aim == FAIREST


def blur(case: Case, goal: Goal) -> float:
    """Differences of the goal that are arithmetic, not people: a hundred-millionth of all that is at stake."""
    if goal.area >= 0 or (goal.keep is None and case.question.aim == FAIREST):
        return 1e-8
    if goal.small(case):
        return 1e-8 * max(float(np.abs(case.charge).sum()), 1.0)
    return 1e-8 * max(float(case.weights @ case.need), float(case.need.max(initial=0.0)), 1.0)


def area_worlds(case: Case, area: int) -> list[Floats]:
    """Weights (w,) over worlds in which an area's share is looked at: of all, or of each under the rule "worst"."""
    each = (
        [_world_weights(case, int(w)) for w in case.live] if case.question.rule == WORST else [case.weights]
    )
    return [f for f in each if f @ case.area_need[:, area] > 0]


def goal_value(case: Case, y: Floats, taken: NDArray[np.bool_], goal: Goal) -> float:
    """The goal in the sense of the aim (small is good for the cheapest), from what is served."""
    if goal.keep is not None:
        return float(case.weights @ (world_served(case, y) - case.today))
    if goal.area >= 0:
        each = area_worlds(case, goal.area)
        served = y.reshape(len(case.weights), -1)[:, goal.area + 1]
        return float(min(((f @ served) / (f @ case.area_need[:, goal.area]) for f in each), default=1.0))
    if goal.world >= 0:
        if case.question.aim == FAIREST:
            return float(worst_shares(case, y)[goal.world])
        return float((world_served(case, y) - case.today)[goal.world])
    return aim_value(case, y, taken, goal.best)


def aim_value(case: Case, y: Floats, taken: NDArray[np.bool_], best: Floats | None = None) -> float:
    """The aim in its own sense, from what is served. best (w,): what each world could have alone, for regret."""
    q, live = case.question, case.live
    if q.aim == CHEAPEST:
        return float(case.charge[taken].sum()) + case.charge_done
    if q.aim == FAIREST:
        if q.rule == EXPECTED:
            whole = case.weights @ case.area_need
            served = case.weights @ y.reshape(len(case.weights), -1)[:, 1:]
            return float(np.min(served[whole > 0] / whole[whole > 0], initial=1.0))
        each = worst_shares(case, y)
        if q.rule == WORST:
            return float(each[live].min())
        if q.rule == TAIL:
            return -tail_mean(-each[live], case.weights[live], q.tail)
        assert best is not None
        return -float((best[live] - each[live]).max())
    merit = float(case.merit[taken].sum()) + case.merit_done
    served = world_served(case, y)
    gap = case.need - served
    if q.rule == EXPECTED:
        return float(case.weights @ (served - case.today)) + merit
    if q.rule == WORST:
        return -float(gap[live].max()) + merit
    if q.rule == TAIL:
        return -tail_mean(gap[live], case.weights[live], q.tail) + merit
    assert best is not None
    return -float((best[live] - (served - case.today)[live]).max()) + merit


@dataclass(slots=True)
class Frame:
    """A Program of a case: columns x (d,) and y (measures,), the limits, the aim. constant: what the aim adds to the
    objective; sense: -1 where the aim is to be small. slack: columns by limit name, (column, units of the limit each)."""

    case: Case
    program: Program = field(default_factory=Program)
    x: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    y: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    limit_rows: dict[int, Row] = field(default_factory=dict)
    slack: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    constant: float = 0.0
    sense: float = 1.0

    @classmethod
    def of(
        cls, case: Case, elastic: frozenset[str] = frozenset(), fixed: NDArray[np.bool_] | None = None
    ) -> Frame:
        """Columns and limits. elastic: names of limits that may be broken, "must:<option>" among them. fixed (d,): the
        decisions are these, and only the targets are limits."""
        frame = cls(case)
        p = frame.program
        lower = case.forced.astype(float)
        for number, option in enumerate(case.model.options):
            if f"must:{option}" in elastic:
                lower[number] = 0.0
        upper = np.ones(case.decisions)
        if fixed is not None:
            lower = upper = fixed.astype(float)
        frame.x = p.add(case.decisions, lower, upper, whole=True)
        need = np.bincount(case.group_measure, case.group_value * case.model.group_need, case.measures)
        frame.y = p.add(case.measures, case.steady, case.steady + need)
        if fixed is None:
            frame._limits(elastic)
        for target in targets(case):
            used = np.flatnonzero(target.weight)
            columns, values = frame.y[used], target.weight[used]
            if target.name in elastic:
                columns = np.append(columns, frame._slack(target.name, target.share, 1.0, shared=True))
                values = np.append(values, target.whole)
            p.limit(columns, values, low=target.needed)
        return frame

    def _limits(self, elastic: frozenset[str]) -> None:
        case, p = self.case, self.program
        for number in np.flatnonzero(case.forced):
            name = f"must:{case.model.options[number]}"
            if name in elastic:
                slack = self._slack(name, 1.0, 1.0)
                p.limit([self.x[number], slack], [1.0, 1.0], low=1.0)
        for row in case.rows:
            used = np.flatnonzero(row.amount)
            columns, values = self.x[used], row.amount[used].astype(float)
            if row.name in elastic:
                unit = max(float(np.abs(row.amount).max(initial=0)), abs(float(row.most)), 1.0)
                columns = np.append(columns, self._slack(row.name, unit))
                values = np.append(values, -unit)
            self.limit_rows[p.limit(columns, values, high=float(row.most))] = row
        for members, spacing in case.sets:
            columns, values = self.x[members], np.ones(len(members))
            if spacing and APART in elastic:
                columns, values = np.append(columns, self._slack(APART, 1.0)), np.append(values, -1.0)
            p.limit(columns, values, high=1.0)
        if any(
            f"must:{number}" not in elastic for number in case.barred
        ):  # a must that cannot be done at all
            p.limit([], [], low=1.0)

    def stated(self, objective: float) -> float:
        """The goal's own value for an objective of the program."""
        return self.sense * (objective + self.constant)

    def _slack(self, name: str, unit: float, most: float = INF, shared: bool = False) -> int:
        """A column for breaking a limit, in its own units where shared (targets), else in `unit`s of it."""
        if shared and name in self.slack:
            return self.slack[name][0][0]
        column = int(self.program.add(1, 0.0, most)[0])
        self.slack.setdefault(name, []).append((column, 1.0 if shared else unit))
        return column

    def aim(self, goal: Goal) -> None:
        """Add the goal's rows and make it the objective."""
        if goal.area >= 0:
            self._share_of(goal.area)
        elif goal.world >= 0:
            self._alone(goal.world)
        else:
            self._aim(goal.best)
        if goal.keep is not None:
            self._keep(goal.keep)

    def _alone(self, world: int) -> None:
        """What one world could have by itself within the limits."""
        case, p = self.case, self.program
        mine = np.flatnonzero(measure_world(case) == world)
        if case.question.aim != FAIREST:
            self.constant = -float(case.today[world])
            p.aim(self.y[mine], np.ones(len(mine)))
            return
        t = int(p.add(1, -INF, 1.0)[0])
        for a in np.flatnonzero(case.area_need[world] > 0):
            p.limit([t, self.y[mine[a + 1]]], [1.0, -1.0 / case.area_need[world, a]], high=0.0)
        p.aim([t], [1.0])

    def _share_of(self, area: int) -> None:
        """The largest share of one area."""
        case, p, world = self.case, self.program, measure_world(self.case)
        mine = np.flatnonzero(measure_area(case) == area)
        t = int(p.add(1, -INF, 1.0)[0])
        for factor in area_worlds(case, area):
            used = mine[factor[world[mine]] > 0]
            value = -factor[world[used]] / float(factor @ case.area_need[:, area])
            p.limit([t, *self.y[used]], [1.0, *value], high=0.0)
        p.aim([t], [1.0])

    def _aim(self, best: Floats | None) -> None:
        case, p, q = self.case, self.program, self.case.question
        x, y, worlds = self.x, self.y, measure_world(self.case)
        live, share = case.live, case.weights / case.weights.sum()
        if q.aim == CHEAPEST:
            self.sense, self.constant = -1.0, -case.charge_done
            p.aim(x, -case.charge)
            return
        if q.aim == FAIREST:
            self._fairest(best)
            return
        self.constant = case.merit_done
        if q.rule == EXPECTED:
            self.constant -= float(case.weights @ case.today)
            p.aim(np.concatenate([x, y]), np.concatenate([case.merit, case.weights[worlds]]))
            return
        # -gap of world w is sum y - need; V is sum y - today.
        floor = (
            case.need
            if q.rule != REGRET
            else case.today + (np.zeros(len(case.need)) if best is None else best)
        )
        if q.rule in (WORST, REGRET):
            t = int(p.add(1, -INF, INF)[0])
            for w in live:
                mine = y[worlds == w]
                p.limit([t, *mine], [1.0, *-np.ones(len(mine))], high=-float(floor[w]))
            p.aim([*x, t], [*case.merit, 1.0])
            return
        level = int(p.add(1, -INF, INF)[0])
        over = p.add(len(live), 0.0)
        for number, w in enumerate(live):
            mine = y[worlds == w]
            p.limit([over[number], level, *mine], np.ones(2 + len(mine)), low=float(case.need[w]))
        p.aim([*x, level, *over], [*case.merit, -1.0, *(-share[live] / q.tail)])

    def _fairest(self, best: Floats | None) -> None:
        case, p, q = self.case, self.program, self.case.question
        area, world, live = measure_area(case), measure_world(case), case.live
        if q.rule == EXPECTED:
            t = int(p.add(1, -INF, 1.0)[0])
            whole = case.weights @ case.area_need
            for a in np.flatnonzero(whole > 0):
                mine = np.flatnonzero(area == a)
                p.limit([t, *self.y[mine]], [1.0, *(-case.weights[world[mine]] / whole[a])], high=0.0)
            p.aim([t], [1.0])
            return
        each = p.add(len(live), -INF, 1.0)
        for number, w in enumerate(live):
            for a in np.flatnonzero(case.area_need[w] > 0):
                mine = self.y[(area == a) & (world == w)]
                p.limit([each[number], *mine], [1.0, *-np.ones(len(mine)) / case.area_need[w, a]], high=0.0)
        if q.rule in (WORST, REGRET):
            t = int(p.add(1, -INF, INF)[0])
            for number, w in enumerate(live):
                floor = 0.0 if q.rule == WORST or best is None else float(best[w])
                p.limit([t, each[number]], [1.0, -1.0], high=-floor)
            p.aim([t], [1.0])
            return
        share = case.weights[live] / case.weights.sum()
        level = int(p.add(1, -INF, INF)[0])
        under = p.add(len(live), 0.0)
        for number in range(len(live)):
            p.limit([under[number], level, each[number]], [1.0, -1.0, 1.0], low=0.0)
        p.aim([level, *under], [1.0, *(-share / q.tail)])

    def _keep(self, least: float) -> None:
        """The objective so far must stay at `least` (of the aim); the total served becomes the objective."""
        p = self.program
        cost = np.concatenate(p.cost)
        cost = np.concatenate([cost, np.zeros(p.columns - len(cost))])
        used = np.flatnonzero(cost)
        p.limit(used, cost[used], low=self.sense * least - self.constant - KEPT * max(abs(least), 1e-3))
        self.constant = -float(self.case.weights @ self.case.today)
        self.sense = 1.0
        p.aim(self.y, self.case.weights[measure_world(self.case)])

    def least_slack(self) -> None:
        """Break the elastic limits as little as possible."""
        columns = [column for listed in self.slack.values() for column, _ in listed]
        self.constant, self.sense = 0.0, -1.0
        self.program.aim(columns, -np.ones(len(columns)))
