"""solve(): whatever a siting is asked, answered with value, bound, gap and an honest status. See question.py.

Plain questions go to suggest_sites. All others become a Case (case.py). Small ones are solved whole on HiGHS (exact.py),
large ones by decomposition (decompose.py); where no plan keeps the limits, infeasible.py says what would have to give.
The plan is measured again on the cells as they came (measuring.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.checks import check_siting
from engine.siting import decompose, exact, expected
from engine.siting.case import Case, build_case
from engine.siting.exact import Found
from engine.siting.frame import Goal, blur
from engine.siting.infeasible import relaxations
from engine.siting.measuring import measure, order, stated_value
from engine.siting.question import CHEAPEST, FAIREST, REGRET, Answer, Question, check_question
from engine.siting.suggest import OPTIMAL_GAP, suggest_sites
from engine.siting.valuing import Valuer
from engine.world import Choice, Option, World

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
SMALL_MODEL_EDGES = 20_000
SEARCHED_FIRST = 0.8  # of the time; where no plan was found in it the others go on
TINY_MODEL_EDGES = 2_000  # proved by HiGHS at once
DECOMPOSED_FIRST = 0.4  # of the time


class Cancelled(Exception):
    """The caller asked to stop."""


@dataclass
class Clock:
    """What the caller is told and may ask, and when the time is up."""

    limit_s: float
    progress: Callable[[float, str], None] | None
    live: Callable[[float, float], None] | None
    should_stop: Callable[[], bool] | None
    should_finish: Callable[[], bool] | None
    flip: bool  # small is good
    started: float = field(default_factory=time.monotonic)
    trail: list[tuple[float, float, float]] = field(default_factory=list)
    value: float = 0.0
    bound: float = 0.0
    reserve_s: float = 0.0
    quiet: bool = False  # something other than the aim itself is being worked out

    def __post_init__(self) -> None:
        self.value = np.inf if self.flip else -np.inf
        self.bound = -self.value

    def tell(self, share: float, stage: str) -> None:
        if self.progress:
            self.progress(share, stage)
        if self.should_stop and self.should_stop():
            raise Cancelled

    def over(self) -> bool:
        """The search must end now: cancelled, asked to finish, or out of time."""
        return (
            bool(self.should_stop and self.should_stop())
            or bool(self.should_finish and self.should_finish())
            or self.left() <= 0
        )

    def left(self) -> float:
        return self.limit_s - self.reserve_s - (time.monotonic() - self.started)

    def seconds(self) -> float:
        return time.monotonic() - self.started

    def improve(self, value: float, bound: float) -> None:
        """Remember and tell what is better than before."""
        if self.quiet:
            return
        sign = -1.0 if self.flip else 1.0
        better = False
        if sign * value > sign * self.value:
            self.value, better = value, True
        if sign * bound < sign * self.bound:
            self.bound, better = bound, True
        if better:
            self.trail.append((self.seconds(), self.value, self.bound))
            if self.live:
                self.live(self.value, self.bound)


def solve(
    worlds: Sequence[World],
    options: Sequence[Option],
    question: Question,
    *,
    time_limit_s: float = 60.0,
    seed: int = 0,
    progress: Callable[[float, str], None] | None = None,
    live: Callable[[float, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    should_finish: Callable[[], bool] | None = None,
    warm: Sequence[int] | None = None,
) -> Answer:
    """Answer a question. Raises InvalidInput with every problem of the worlds, the options and the question.

    progress(share, stage), stage being one of model, greedy, bound, search, proof, relax, check; live(value, bound)
    whenever either improves, of the aim, inf where not known; should_stop() cancels; should_finish() ends at once with the
    best so far, its bound and honest status; warm: option positions to start from.
    """
    clock = Clock(float(time_limit_s), progress, live, should_stop, should_finish, question.aim == CHEAPEST)
    weights = question.world_weights(len(worlds)).tolist()
    check_siting(worlds, options, 0, weights)
    check_question(question, len(worlds), len(options), worlds[0].demand.cells)
    if question.plain and min(weights) > 0:
        return _plain(worlds, options, question, weights, seed, clock, warm)
    try:
        clock.tell(0.0, "model")
        case = build_case(worlds, options, question)
        clock.reserve_s = min(1.2 * clock.seconds() + 0.2, 0.4 * clock.limit_s)
        return _general(worlds, options, case, seed, clock, warm)
    except Cancelled:
        return _nothing(worlds, question, "cancelled", seed, clock)


def _general(worlds, options, case: Case, seed: int, clock: Clock, warm) -> Answer:
    question, valuer = case.question, Valuer(case)
    start = None if warm is None else case.taken(warm)
    notes = {"options": case.decisions, "groups": case.model.groups, "edges": case.model.edges,
             "cells": case.model.kept_cells, "displacing": list(case.model.displacing)}  # fmt: skip
    goal, surest = Goal(), Goal()
    before = None
    if question.areas:
        none = np.empty(0, np.int64)
        before = measure(
            worlds, options, question, none, None, None, lambda: clock.tell(0.03, "model")
        ).shares
        clock.reserve_s = min(2.0 * clock.reserve_s, 0.4 * clock.limit_s)
    if question.rule == REGRET and question.aim != CHEAPEST:
        goal, surest, infeasible = _alone(valuer, seed, clock, start, notes)
        if infeasible is not None:
            return _infeasible(worlds, options, case, infeasible, seed, clock, notes)
    clock.tell(0.2, "proof")
    found = _optimise(valuer, goal, seed, clock, start, clock.left())
    if found.infeasible:
        return _infeasible(worlds, options, case, found, seed, clock, notes)
    bound = found.bound
    if goal.best is not surest.best and np.isfinite(bound):
        # What each world could have alone is known between two ends: the bound takes the lower, the value the higher.
        assert goal.best is not None and surest.best is not None
        bound += float(np.max((goal.best - surest.best)[case.live], initial=0.0))
    if found.taken is None:
        status = "unknown"
        return replace(
            _nothing(worlds, question, status, seed, clock),
            bound=bound,
            bound_source=found.source,
            notes=notes,
        )
    taken = found.taken
    if question.aim == FAIREST and not clock.over():
        taken = _then_most(valuer, goal, found, seed, clock, notes)
    if not case.apart_areas:
        taken = without_idle(valuer, taken, goal)
    clock.tell(0.92, "check")
    return _answer(worlds, options, case, goal, taken, bound, found.source, before, seed, clock, notes)


def _optimise(
    valuer: Valuer, goal: Goal, seed: int, clock: Clock, start: Flags | None, seconds: float
) -> Found:
    """Large models that ask for the mean of the worlds go to prices and search. Tiny models go to HiGHS whole. Larger ones are decomposed first; unless they are large, HiGHS goes on from there
    with the time that is left, and the better plan and the better bound of the two stand."""
    edges, end = valuer.case.model.edges, time.monotonic() + max(seconds, 0.1)
    first = None
    if edges > SMALL_MODEL_EDGES and expected.answers(valuer.case, goal):
        first = expected.optimise(
            valuer, seconds=SEARCHED_FIRST * seconds, seed=seed, start=start, clock=clock
        )
        if first.taken is not None:
            return first
    if edges > TINY_MODEL_EDGES:
        share = seconds if edges > SMALL_MODEL_EDGES else DECOMPOSED_FIRST * seconds
        first = decompose.optimise(valuer, goal, seconds=max(share, 0.1), seed=seed, start=start, clock=clock)
    if first is None or not (first.closed or first.infeasible or clock.over() or edges > SMALL_MODEL_EDGES):
        second = exact.optimise(
            valuer,
            goal,
            seconds=max(end - time.monotonic(), 0.1),
            seed=seed,
            start=start if first is None or first.taken is None else first.taken,
            should_stop=clock.over,
            live=clock.improve,
        )
        first = second if first is None else _better(first, second, -1.0 if goal.small(valuer.case) else 1.0)
    if clock.should_stop and clock.should_stop():
        raise Cancelled
    if first.taken is None and not first.infeasible and not clock.over() and time.monotonic() < end:
        first = decompose.optimise(
            valuer, goal, seconds=end - time.monotonic(), seed=seed, start=start, clock=clock
        )
    return first


def _better(one: Found, two: Found, sign: float) -> Found:
    """The better plan with the better bound."""
    if two.infeasible:
        return one if one.taken is not None else two
    plan = (
        two if one.taken is None or (two.taken is not None and sign * two.value > sign * one.value) else one
    )
    proof = two if sign * two.bound < sign * one.bound else one
    return replace(plan, bound=proof.bound, source=proof.source, closed=one.closed or two.closed)


def _alone(valuer: Valuer, seed: int, clock: Clock, start, notes) -> tuple[Goal, Goal, Found | None]:
    """What each world could have if the plan were made for it alone: (never too low, never too high, no plan at all)."""
    case = valuer.case
    high, low = np.zeros(len(case.weights)), np.zeros(len(case.weights))
    clock.quiet = True
    for number, world in enumerate(case.live):
        clock.tell(0.05 + 0.15 * number / len(case.live), "proof")
        share = clock.left() * 0.5 / (len(case.live) - number)
        goal = Goal(world=int(world))
        found = _optimise(valuer, goal, seed, clock, start, share)
        if found.infeasible:
            clock.quiet = False
            return Goal(), Goal(), found
        high[world] = min(
            found.bound, 1.0 if case.question.aim == FAIREST else float(case.need[world] - case.today[world])
        )
        low[world] = found.value if found.taken is not None else -np.inf
        if high[world] - low[world] <= max(OPTIMAL_GAP * abs(high[world]), blur(case, goal)):
            high[world] = low[world]
    clock.quiet = False
    notes["best_alone"] = [float(v) if np.isfinite(v) else None for v in low]
    notes["best_alone_bound"] = high.tolist()
    goal = Goal(best=high)
    return goal, goal if np.array_equal(low, high) else Goal(best=low), None


def _then_most(valuer: Valuer, goal: Goal, found: Found, seed: int, clock: Clock, notes) -> Flags:
    """Among the fairest plans the one that serves most; the first plan where no better one is found in time."""
    assert found.taken is not None
    clock.quiet = True
    clock.tell(0.8, "proof")
    kept = Goal(best=goal.best, keep=found.value)
    second = _optimise(valuer, kept, seed, clock, found.taken, clock.left())
    clock.quiet = False
    first = valuer.value(found.taken, kept).value
    notes["then_most_bound"] = float(second.bound) if np.isfinite(second.bound) else None
    if second.taken is None or second.value <= first:
        return found.taken
    return second.taken


def without_idle(valuer: Valuer, taken: Flags, goal: Goal) -> Flags:
    """The plan without options that nobody, no merit and no limit needs: dearest first, as long as nothing is lost."""
    case, taken = valuer.case, taken.copy()
    inverted = np.zeros(case.decisions, bool) if case.model.inverted is None else case.model.inverted
    best = valuer.value(taken, goal)
    newly = valuer.serve(taken)[0] @ np.ones(case.measures)
    idle = taken & ~case.forced & ~inverted & (case.merit <= 0)
    if idle.sum() > 200:  # each costs a maximal flow
        return taken
    for decision in np.flatnonzero(idle)[np.argsort(-case.model.cost[idle], kind="stable")]:
        taken[decision] = False
        y = valuer.serve(taken)[0]
        after = valuer.value(taken, goal)
        sign = -1.0 if goal.small(case) else 1.0
        worse = sign * after.value < sign * best.value - 1e-12 * max(abs(best.value), 1.0)
        if (
            worse
            or not after.kept
            or y @ np.ones(case.measures) < newly - 1e-9
            or not case.keeps_limits(taken)
        ):
            taken[decision] = True
    return taken


def _answer(
    worlds, options, case: Case, goal: Goal, taken, bound, source, before, seed, clock: Clock, notes
) -> Answer:
    """The plan measured again, in order, with its gap. before (a,): shares of areas today, None without areas."""
    question = case.question
    ordered = order(case, worlds, options, taken)
    still = lambda: clock.tell(0.95, "check")  # noqa: E731
    measured = measure(worlds, options, question, ordered.chosen, goal, case.model.base, still)
    value = stated_value(case, measured, taken, goal)
    notes["model_value"] = float(Valuer(case).value(taken, goal).value)
    flip = question.aim == CHEAPEST
    slip = blur(case, Goal())
    bound = min(float(bound), value) if flip else max(float(bound), value)
    if abs(bound - value) <= slip:
        bound = value
    largest = max(abs(bound), abs(value))
    gap = (
        abs(bound - value) / largest
        if np.isfinite(bound) and largest > 0
        else (0.0 if bound == value else np.inf)
    )
    status = "optimal" if gap <= OPTIMAL_GAP else "within" if np.isfinite(bound) else "feasible"
    clock.improve(value, bound)
    per_unit = np.array([[s.weight for s in world.standards] for world in worlds])
    charge = [o.cost_fen for o in options] if question.charge is None else question.charge
    today = case.model.base
    return Answer(
        aim=question.aim, rule=question.rule, chosen=ordered.chosen, value=float(value), bound=float(bound),
        gap=float(gap), status=status, cost_fen=int(sum(int(options[int(i)].cost_fen) for i in ordered.chosen)),
        charge=int(sum(int(charge[int(i)]) for i in ordered.chosen)),
        newly=((measured.served - today) * per_unit).sum(axis=1), worth=ordered.worth, units=ordered.units,
        served_before=today, served_after=measured.served, bound_source=source, seed=seed, seconds=clock.seconds(),
        area_share_before=before, area_share_after=measured.shares,
        trail=tuple(clock.trail), notes=notes,
    )  # fmt: skip


def _infeasible(worlds, options, case: Case, found: Found, seed: int, clock: Clock, notes) -> Answer:
    clock.tell(0.6, "relax")
    listed, proven = relaxations(
        worlds, options, case.question, clock=clock, seed=seed, small=case.model.edges <= SMALL_MODEL_EDGES
    )
    notes["relaxations_proven"] = proven
    answer = _nothing(worlds, case.question, "infeasible", seed, clock)
    return replace(
        answer, relaxations=tuple(listed), bound_source=found.source, served_before=case.model.base,
        served_after=case.model.base, notes=notes,
    )  # fmt: skip


def _nothing(worlds, question: Question, status: str, seed: int, clock: Clock) -> Answer:
    empty = np.empty(0, np.int64)
    none = np.zeros((len(worlds), worlds[0].services), np.int64)
    worst = np.inf if question.aim == CHEAPEST else -np.inf
    return Answer(
        aim=question.aim, rule=question.rule, chosen=empty, value=worst, bound=-worst, gap=np.inf, status=status,
        cost_fen=0, charge=0, newly=np.zeros(len(worlds)), worth=np.empty(0), units=np.zeros((0, len(worlds)), np.int64),
        served_before=none, served_after=none, bound_source="none", seed=seed, seconds=clock.seconds(),
        trail=tuple(clock.trail),
    )  # fmt: skip


def _plain(worlds, options, question: Question, weights, seed: int, clock: Clock, warm) -> Answer:
    """One budget, exclusive keys, an expected value: suggest_sites on the options that are not banned."""
    offered = np.setdiff1d(np.arange(len(options)), np.asarray(question.banned, np.int64))
    budget = question.budget_fen
    if budget is None:
        budget = sum(option.cost_fen for option in options)
    place = {int(number): at for at, number in enumerate(offered)}
    choice = suggest_sites(
        worlds,
        [options[i] for i in offered],
        budget,
        weights,
        clock.limit_s,
        seed,
        clock.progress,
        clock.should_stop,
        live=clock.improve,
        should_finish=clock.should_finish,
        warm=None if warm is None else [place[int(i)] for i in warm if int(i) in place],
    )
    return of_choice(worlds, options, question, replace(choice, chosen=offered[choice.chosen]), clock)


def of_choice(worlds, options, question: Question, choice: Choice, clock: Clock) -> Answer:
    """A Choice of suggest_sites as an Answer."""
    if choice.status == "cancelled":
        return _nothing(worlds, question, "cancelled", choice.seed, clock)
    per_unit = np.array([[s.weight for s in world.standards] for world in worlds])
    charge = [o.cost_fen for o in options] if question.charge is None else question.charge
    before = after = None
    if question.areas:
        still = lambda: clock.tell(0.95, "check")  # noqa: E731
        after = measure(worlds, options, question, choice.chosen, None, choice.served_before, still).shares
        before = measure(
            worlds, options, question, choice.chosen[:0], None, choice.served_before, still
        ).shares
    clock.improve(choice.value, choice.bound)
    return Answer(
        aim=question.aim, rule=question.rule, chosen=choice.chosen, value=choice.value, bound=choice.bound,
        gap=choice.gap, status=choice.status, cost_fen=choice.cost_fen,
        charge=int(sum(int(charge[int(i)]) for i in choice.chosen)),
        newly=((choice.served_after - choice.served_before) * per_unit).sum(axis=1), worth=choice.people_newly_served,
        units=choice.units_newly_served, served_before=choice.served_before, served_after=choice.served_after,
        bound_source=choice.bound_source, seed=choice.seed, seconds=clock.seconds(), area_share_before=before,
        area_share_after=after, trail=tuple(clock.trail), notes=choice.notes,
    )  # fmt: skip
