"""solve(): whatever a siting is asked, answered with value, bound, gap and an honest status. See question.py."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from engine.checks import InvalidInput, check_siting
from engine.siting.question import Answer, Question, check_question
from engine.siting.suggest import suggest_sites
from engine.world import Choice, Option, World

Live = Callable[[float, float], None]


def solve(
    worlds: Sequence[World],
    options: Sequence[Option],
    question: Question,
    *,
    time_limit_s: float = 60.0,
    seed: int = 0,
    progress: Callable[[float, str], None] | None = None,
    live: Live | None = None,
    should_stop: Callable[[], bool] | None = None,
    should_finish: Callable[[], bool] | None = None,
    warm: Sequence[int] | None = None,
) -> Answer:
    """Answer a question. Raises InvalidInput with every problem of the worlds, the options and the question.

    progress(share, stage); live(value, bound) whenever either improves, of the aim, inf where not known; should_stop()
    cancels; should_finish() ends with the best so far, its bound and honest status; warm: option positions to start from.
    """
    started = time.monotonic()
    weights = question.world_weights(len(worlds)).tolist()
    check_siting(worlds, options, 0, weights)
    check_question(question, len(worlds), len(options), worlds[0].demand.cells)
    if not question.plain:
        raise InvalidInput(["this question is not answered yet"])
    return _plain(worlds, options, question, weights, time_limit_s, seed, progress, live, should_stop, started)


def _plain(worlds, options, question, weights, time_limit_s, seed, progress, live, should_stop, started) -> Answer:
    """One budget, exclusive keys, an expected value: suggest_sites on the options that are not banned."""
    offered = np.setdiff1d(np.arange(len(options)), np.asarray(question.banned, np.int64))
    budget = question.budget_fen
    if budget is None:
        budget = sum(option.cost_fen for option in options)
    choice = suggest_sites(
        worlds, [options[i] for i in offered], budget, weights, time_limit_s, seed, progress, should_stop
    )
    answer = of_choice(worlds, options, question, replace(choice, chosen=offered[choice.chosen]), started)
    if live and answer.status != "cancelled":
        live(answer.value, answer.bound)
    return answer


def of_choice(
    worlds: Sequence[World], options: Sequence[Option], question: Question, choice: Choice, started: float
) -> Answer:
    """A Choice of suggest_sites as an Answer."""
    per_unit = np.array([[s.weight for s in world.standards] for world in worlds])
    charge = [o.cost_fen for o in options] if question.charge is None else question.charge
    return Answer(
        aim=question.aim,
        rule=question.rule,
        chosen=choice.chosen,
        value=choice.value,
        bound=choice.bound,
        gap=choice.gap,
        status=choice.status,
        cost_fen=choice.cost_fen,
        charge=int(sum(int(charge[i]) for i in choice.chosen)),
        newly=((choice.served_after - choice.served_before) * per_unit).sum(axis=1),
        worth=choice.people_newly_served,
        units=choice.units_newly_served,
        served_before=choice.served_before,
        served_after=choice.served_after,
        bound_source=choice.bound_source,
        seed=choice.seed,
        seconds=time.monotonic() - started,
        trail=((time.monotonic() - started, choice.value, choice.bound),),
        notes=choice.notes,
    )
