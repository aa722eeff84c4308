"""The most people in the mean of the worlds, with limits, in models too large for a solver: prices and search (large.py)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.siting.bound import existing_value
from engine.siting.case import Case
from engine.siting.exact import Found
from engine.siting.frame import Goal
from engine.siting.large import solve_large
from engine.siting.question import EXPECTED, MOST
from engine.siting.valuing import Valuer

SOURCE = "dual prices"


def answers(case: Case, goal: Goal) -> bool:
    """Does the search speak of exactly this goal? Targets, areas, closings and other rules it does not know."""
    question = case.question
    if goal.best is not None:
        return False
    return (
        (goal.world, goal.area, goal.keep) == (-1, -1, None)
        and question.aim == MOST
        and question.rule == EXPECTED
        and question.target is None
        and question.area_target is None
        and case.model.inverted is None
        and not case.apart_areas
        and not case.barred
        and case.decisions > 0
    )


def optimise(valuer: Valuer, *, seconds: float, seed: int, start: NDArray[np.bool_] | None, clock) -> Found:
    """The best plan found and a bound, both as the goal counts them; taken None where no plan was found. clock: of
    solve.py; it may raise to cancel."""
    case = valuer.case
    # The search counts from what stands in its network, the goal from what is served today.
    model_today = existing_value(case.model)
    above = float(case.weights @ (case.today - case.steady)) - model_today
    budget = case.question.budget_fen
    found = solve_large(
        case.model,
        None if budget is None else int(budget) - case.cost[1],
        seconds,
        seed,
        clock.over,
        lambda value, bound: clock.improve(value - above + case.merit_done, bound - above + case.merit_done),
        lambda share, stage: clock.tell(0.2 + 0.7 * share, stage),
        start,
    )
    bound = float(found.bound.value) - above + case.merit_done
    taken = found.taken
    if taken is None or not case.keeps_limits(taken):
        return Found(None, -np.inf, bound, False, False, SOURCE)
    value = valuer.value(taken, Goal()).value
    return Found(taken, float(value), max(bound, float(value)), False, False, SOURCE)
