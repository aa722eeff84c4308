"""Why no plan exists, from the model: the smallest change of each limit alone that lets one exist, and where no single one
helps, the smallest changes of several together.

Each limit gets slack in turn, all others stay, and the slack is made as small as can be. On small models that is proved;
on large ones the question is turned round (the least money that keeps the targets, the most that the money serves), so
what is told suffices, and is the smallest as far as that search proved. See docs/algorithms/infeasible.md.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.siting import decompose
from engine.siting.case import APART, EXCLUSIVE, Case, build_case
from engine.siting.exact import tie_flows
from engine.siting.frame import Frame, Goal, area_worlds, targets, world_served
from engine.siting.program import Solved
from engine.siting.question import CHEAPEST, EXPECTED, MOST, WORST, Question, Relaxation
from engine.siting.valuing import Valuer
from engine.world import Option, World

Flags = NDArray[np.bool_]
AT_LEAST_S = 5.0  # explaining may take this long even when the time for solving is up
AT_LEAST_LARGE_S = 30.0
BANNED = "banned"
TINY = 1e-7


@dataclass
class Explainer:
    worlds: Sequence[World]
    options: Sequence[Option]
    case: Case
    clock: Any
    seed: int
    small: bool
    end: float
    proven: bool = True
    share_s: float = 5.0

    def over(self) -> bool:
        stop, finish = self.clock.should_stop, self.clock.should_finish
        return time.monotonic() > self.end or bool(stop and stop()) or bool(finish and finish())

    def solve(self, frame: Frame) -> Solved:
        """Small models with everybody's flow; large ones over the decisions alone."""
        if self.small:
            tie_flows(frame)
        left = max(self.end - time.monotonic(), 0.1)
        solved = frame.program.solve(left, seed=self.seed, should_stop=self.over)
        if not (solved.closed or solved.infeasible):
            self.proven = False
        return solved

    # One limit

    def alone(self, name: str) -> list[Relaxation]:
        frame = Frame.of(self.case, frozenset([name]))
        frame.least_slack()
        solved = self.solve(frame)
        return [] if solved.x is None else self.told(frame, solved.x, False)

    def told(self, frame: Frame, x: NDArray[np.float64], together: bool) -> list[Relaxation]:
        """What the plan x changes of each limit, in the limit's own numbers."""
        case, found = self.case, []
        taken = x[frame.x] > 0.5
        for row in case.rows:
            over = int(row.amount[taken].sum()) - row.most
            if over > 0 and row.name in frame.slack:
                if row.name == APART:
                    continue
                needed = row.asked - over if row.least else row.asked + over
                found.append(Relaxation(row.name, row.asked, needed, None, together))
        if APART in frame.slack:
            most = max([int(taken[m].sum()) for m, spacing in case.sets if spacing], default=1)
            broken = sum(float(x[column]) * unit for column, unit in frame.slack[APART])
            if broken > TINY:
                found.append(Relaxation(APART, 1, max(most, 2), None, together))
        for number in np.flatnonzero(case.forced & ~taken):
            name = f"must:{case.model.options[number]}"
            if name in frame.slack:
                found.append(Relaxation(name, 1, 0, None, together))
        told = set()
        for target in targets(case):
            if target.name not in frame.slack or target.name in told:
                continue
            told.add(target.name)
            slack = float(x[frame.slack[target.name][0][0]])
            if slack > TINY:
                whole = max(t.whole for t in targets(case) if t.name == target.name)
                needed = max(target.share - slack, 0.0)
                found.append(Relaxation(target.name, target.share, needed, slack * whole, together))
        return found

    def without_must(self, number: int) -> list[Relaxation]:
        """Does it help that this option need not be done?"""
        q = self.case.question
        question = replace(q, must=tuple(i for i in q.must if i != number))
        case = unpruned(self.worlds, self.options, question)
        frame = Frame.of(case)
        solved = self.solve(frame)
        return [] if solved.x is None else [Relaxation(f"must:{number}", 1, 0)]

    def with_banned(self) -> list[Relaxation]:
        """The fewest banned options that would have to be let in."""
        q = self.case.question
        case = unpruned(self.worlds, self.options, replace(q, banned=()))
        frame = Frame.of(case)
        listed = np.isin(case.model.options, q.banned)
        kept = np.zeros(case.decisions, bool) if case.model.inverted is None else case.model.inverted
        frame.program.aim(frame.x[listed], np.where(kept[listed], 1.0, -1.0))
        solved = self.solve(frame)
        if solved.x is None:
            return []
        used = (solved.x[frame.x] > 0.5) ^ kept
        return [Relaxation(BANNED, 0, int(used[listed].sum()))]

    # Large models: the question turned round, so that what gave way becomes the aim

    def turned(self, name: str) -> list[Relaxation]:
        """The smallest value of one limit while all others are kept."""
        q = self.case.question
        rule = WORST if q.rule == WORST else EXPECTED
        money = np.array([o.cost_fen for o in self.options], np.int64)
        least = replace(q, aim=CHEAPEST, rule=rule, charge=money)
        if name == "target":
            return self._target(replace(q, aim=MOST, rule=rule, target=None, merit=None))
        if name.startswith("area:"):
            return self._area(int(name[5:]), rule)
        if name == "budget":
            found = self._large(replace(least, budget_fen=None))
            needed = None if found is None else round(found[2])
            return (
                []
                if needed is None or needed <= int(q.budget_fen or 0)
                else [Relaxation(name, q.budget_fen, needed)]
            )
        if name.startswith("must:"):
            number = int(name[5:])
            found = self._large(replace(least, must=tuple(i for i in q.must if i != number)))
            return [] if found is None else [Relaxation(name, 1, 0)]
        if name in (APART, BANNED):
            found = self._large(replace(least, apart=()) if name == APART else replace(least, banned=()))
            if found is None:
                return []
            chosen = found[0].chosen(found[1])
            if name == BANNED:
                return [Relaxation(name, 0, int(np.isin(chosen, q.banned).sum()))]
            return [Relaxation(name, 1, max(int(np.isin(members, chosen).sum()) for members in q.apart))]
        relaxed = []
        for limit in q.limits:
            if limit.name != name:
                continue
            others = tuple(other for other in q.limits if other is not limit)
            amount = np.asarray(limit.amount, np.int64)
            for asked, sign, other in (
                (limit.most, 1, replace(limit, most=None)),
                (limit.least, -1, replace(limit, least=None)),
            ):
                if asked is None:
                    continue
                kept = others if other.most is None and other.least is None else (*others, other)
                found = self._large(replace(least, limits=kept, charge=sign * amount))
                needed = None if found is None else sign * round(found[2])
                if needed is not None and sign * needed > sign * asked:
                    relaxed.append(Relaxation(name, asked, needed))
        return relaxed

    def _target(self, question: Question) -> list[Relaxation]:
        """The largest share of all that the limits allow."""
        found, share = self._large(question), self.case.question.target
        if found is None or share is None:
            return []
        case, taken, _value = found
        served, live = world_served(case, Valuer(case).value(taken, Goal()).y), case.live
        if question.rule == WORST:
            needing = live[case.need[live] > 0]
            needed, whole = (
                float((served[needing] / case.need[needing]).min(initial=1.0)),
                float(case.need[live].max()),
            )
        else:
            whole = float(case.weights @ case.need)
            needed = float(case.weights @ served) / whole
        return [Relaxation("target", share, needed, (share - needed) * whole)] if needed < share else []

    def _area(self, area: int, rule: str) -> list[Relaxation]:
        """The largest share of one area that the limits and the other targets allow."""
        q = self.case.question
        assert q.area_target is not None
        wanted = np.array(q.area_target, np.float64)
        share, wanted[area] = float(wanted[area]), 0.0
        found = self._large(replace(q, aim=MOST, rule=rule, merit=None, area_target=wanted), Goal(area=area))
        if found is None or found[2] >= share:
            return []
        whole = max(float(f @ self.case.area_need[:, area]) for f in area_worlds(self.case, area))
        return [Relaxation(f"area:{area}", share, found[2], (share - found[2]) * whole)]

    def without_targets(self) -> list[Relaxation]:
        """Where no single change helps: what the plan that serves most within the limits leaves of each target."""
        q = self.case.question
        rule = WORST if q.rule == WORST else EXPECTED
        zero = None if q.area_target is None else np.where(np.isfinite(q.area_target), 0.0, np.nan)
        found = self._large(replace(q, aim=MOST, rule=rule, merit=None, target=None, area_target=zero))
        if found is None:
            return []
        return self.shortfalls(found[0], found[1])

    def shortfalls(self, case: Case, taken: Flags) -> list[Relaxation]:
        """What a plan leaves of each target."""
        y, told = Valuer(case).value(taken, Goal()).y, {}  # type: ignore[var-annotated]
        for target in targets(self.case):
            share = float(target.weight @ y) / target.whole
            if share < target.share - TINY and share < told.get(target.name, (2.0,))[0]:
                told[target.name] = (share, target.share, target.whole)
        return [Relaxation(n, asked, s, (asked - s) * whole, True) for n, (s, asked, whole) in told.items()]

    def _large(self, question: Question, goal: Goal | None = None) -> tuple[Case, Flags, float] | None:
        """(case, plan, value) of a turned question, by decomposition within this limit's share of the time."""
        case, clock = build_case(self.worlds, self.options, question), self.clock
        was, limit, reserve = clock.quiet, clock.limit_s, clock.reserve_s
        clock.quiet, clock.reserve_s = True, 0.0
        clock.limit_s = clock.seconds() + self.share_s
        try:
            found = decompose.optimise(
                Valuer(case), goal or Goal(), seconds=self.share_s, seed=self.seed, clock=clock
            )
        finally:
            clock.quiet, clock.limit_s, clock.reserve_s = was, limit, reserve
        self.proven &= found.closed
        return None if found.taken is None else (case, found.taken, found.value)


def unpruned(worlds: Sequence[World], options: Sequence[Option], question: Question) -> Case:
    """The case with options left in that the budget alone rules out, so that more money can be asked for."""
    if question.budget_fen is None:
        return build_case(worlds, options, question)
    plenty = max(sum(int(o.cost_fen) for o in options), int(question.budget_fen))
    case = build_case(worlds, options, replace(question, budget_fen=plenty))
    less = plenty - int(question.budget_fen)
    rows = tuple(
        replace(row, most=row.most - less, asked=int(question.budget_fen)) if row.name == "budget" else row
        for row in case.rows
    )
    return replace(case, rows=rows, question=question)


def relaxations(
    worlds: Sequence[World], options: Sequence[Option], question: Question, *, clock, seed: int, small: bool
) -> tuple[list[Relaxation], bool]:
    """(what would have to give, whether each is proved the smallest). Singles first; several together where none helps."""
    case = unpruned(worlds, options, question)
    flows = small or not targets(case)
    end = time.monotonic() + max(clock.left(), AT_LEAST_S if flows else AT_LEAST_LARGE_S)
    work = Explainer(worlds, options, case, clock, seed, small, end)
    names = [row.name for row in case.rows if row.name not in (EXCLUSIVE, APART)]
    names += [target.name for target in targets(case)]
    if any(spacing for _, spacing in case.sets) or any(row.name == APART for row in case.rows):
        names.append(APART)
    names = list(
        dict.fromkeys([*names, *(f"must:{i}" for i in question.must), *([BANNED] if question.banned else [])])
    )
    found: list[Relaxation] = []
    for number, name in enumerate(names):
        if work.over():
            break
        work.share_s = max((end - time.monotonic()) / (len(names) - number + 1), 0.5)
        if not flows:
            found += work.turned(name)
        elif name.startswith("must:"):
            found += work.without_must(int(name[5:]))
        elif name == BANNED:
            found += work.with_banned()
        else:
            found += work.alone(name)
    if not found and not work.over() and not flows:
        work.proven = False
        found = work.without_targets()
    if not found and not work.over():
        frame = Frame.of(case, frozenset(names))
        frame.least_slack()
        solved = work.solve(frame)
        if solved.x is not None:
            found = work.told(frame, solved.x, True)
            if not flows:
                told = {one.name for one in found}
                plan = solved.x[frame.x] > 0.5
                found += [one for one in work.shortfalls(case, plan) if one.name not in told]
            found += [Relaxation(f"must:{i}", 1, 0, None, True) for i in case.barred]
    return found, work.proven and not work.over()
