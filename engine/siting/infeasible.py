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

import numpy as np
from numpy.typing import NDArray

from engine.siting import decompose
from engine.siting.case import APART, EXCLUSIVE, Case, build_case
from engine.siting.exact import tie_flows
from engine.siting.frame import Frame, Goal, targets, world_served
from engine.siting.program import Solved
from engine.siting.question import CHEAPEST, EXPECTED, MOST, WORST, Question, Relaxation
from engine.siting.valuing import Valuer
from engine.world import Option, World

Flags = NDArray[np.bool_]
AT_LEAST_S = 5.0  # explaining may take this long even when the time for solving is up
TINY = 1e-7


@dataclass
class Explainer:
    worlds: Sequence[World]
    options: Sequence[Option]
    case: Case
    clock: object
    seed: int
    small: bool
    end: float
    proven: bool = True

    def over(self) -> bool:
        clock = self.clock
        stop, finish = clock.should_stop, clock.should_finish  # type: ignore[attr-defined]
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
        return [Relaxation("banned", 0, int(used[listed].sum()))]

    # Large models: the question turned round

    def money(self) -> list[Relaxation]:
        """The least money that keeps everything else."""
        q = self.case.question
        cost = np.array([o.cost_fen for o in self.options], np.int64)
        question = replace(q, aim=CHEAPEST, charge=cost, budget_fen=None, rule=q.rule if q.rule == WORST else EXPECTED)
        found = self._large(build_case(self.worlds, self.options, question))
        if found is None or q.budget_fen is None:
            return []
        return [Relaxation("budget", q.budget_fen, int(round(found[1])))] if found[1] > q.budget_fen else []

    def people(self) -> list[Relaxation]:
        """The largest share of all that the limits allow."""
        q = self.case.question
        if q.target is None:
            return []
        rule = WORST if q.rule == WORST else EXPECTED
        question = replace(q, aim=MOST, rule=rule, target=None, merit=None)
        case = build_case(self.worlds, self.options, question)
        found = self._large(case)
        if found is None:
            return []
        y = Valuer(case).value(found[0], Goal()).y
        served, live = world_served(case, y), case.live
        if rule == WORST:
            shares = served[live][case.need[live] > 0] / case.need[live][case.need[live] > 0]
            needed, whole = float(shares.min(initial=1.0)), float(case.need[live].max())
        else:
            whole = float(case.weights @ case.need)
            needed = float(case.weights @ served) / whole
        return [Relaxation("target", q.target, needed, (q.target - needed) * whole)] if needed < q.target else []

    def _large(self, case: Case) -> tuple[Flags, float] | None:
        clock = self.clock
        was, clock.quiet = clock.quiet, True  # type: ignore[attr-defined]
        limit, reserve = clock.limit_s, clock.reserve_s  # type: ignore[attr-defined]
        clock.limit_s = clock.seconds() + max(self.end - time.monotonic(), 0.1)  # type: ignore[attr-defined]
        clock.reserve_s = 0.0  # type: ignore[attr-defined]
        try:
            share = max((self.end - time.monotonic()) * 0.5, 0.5)
            found = decompose.optimise(Valuer(case), Goal(), seconds=share, seed=self.seed, clock=clock)
        finally:
            clock.quiet, clock.limit_s, clock.reserve_s = was, limit, reserve  # type: ignore[attr-defined]
        self.proven &= found.closed
        return None if found.taken is None else (found.taken, found.value)


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
    end = time.monotonic() + max(clock.left(), AT_LEAST_S)
    work = Explainer(worlds, options, case, clock, seed, small, end)
    names = [row.name for row in case.rows if row.name not in (EXCLUSIVE, APART)]
    wanted = [target.name for target in targets(case)]
    if any(spacing for _, spacing in case.sets) or any(row.name == APART for row in case.rows):
        names.append(APART)
    names, wanted = list(dict.fromkeys(names)), list(dict.fromkeys(wanted))
    found: list[Relaxation] = []
    if small or not wanted:
        for name in names + wanted:
            if not work.over():
                found += work.alone(name)
    else:
        found += work.money() + work.people()
        work.proven = False
    if small or not wanted:
        for number in question.must:
            if not work.over():
                found += work.without_must(int(number))
        if question.banned and not work.over():
            found += work.with_banned()
    if not found and not work.over():
        every = frozenset([*names, *wanted, *(f"must:{i}" for i in question.must)])
        frame = Frame.of(case, every)
        frame.least_slack()
        solved = work.solve(frame)
        if solved.x is not None:
            found = work.told(frame, solved.x, True)
            found += [Relaxation(f"must:{i}", 1, 0, None, True) for i in case.barred]
    return found, work.proven and not work.over()
