"""The price of robustness: what each plan is worth under every rule and in every world.

A plan made for the expected value may leave one scenario badly off, and one made for the worst case may serve fewer in
all. The table says by how much (Bertsimas and Sim 2004 named the trade; here it is simply measured).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.coverage import served_in_time
from engine.interventions import apply_options
from engine.siting.frame import tail_mean
from engine.siting.question import RULES, Question
from engine.world import Option, World

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Robustness:
    """plans p, worlds w, rules r (in the order of RULES).

    newly, gap (p, w): weighted units newly served, and still lacking. value (p, r): by rule, the larger the better, without
    merit. price (p, r): what the plan gives up under a rule against the best of these plans. best_alone (w,): what any
    plan does for a world alone; of these plans where the caller knows no better, and then regret is at least as said.
    best_known: the caller gave it.
    """

    newly: Floats
    gap: Floats
    value: Floats
    price: Floats
    best_alone: Floats
    best_known: bool
    rules: tuple[str, ...] = RULES


def price_of_robustness(
    worlds: Sequence[World],
    options: Sequence[Option],
    plans: Sequence[Sequence[int]],
    question: Question,
    best_alone: Sequence[float] | None = None,
) -> Robustness:
    """plans: option positions of each plan. question: for its weights and tail. best_alone (w,): for regret, as
    Answer.notes["best_alone"] of an answer under that rule has it; NaN or None where not known."""
    weights = question.world_weights(len(worlds))
    live = weights > 0
    unit = np.array([[s.weight for s in world.standards] for world in worlds])
    need = np.array([world.demand.need.sum(axis=1) @ unit[w] for w, world in enumerate(worlds)], float)
    today = np.array([_served(world, options, ()) @ unit[w] for w, world in enumerate(worlds)])
    served = np.array(
        [[_served(world, options, plan) @ unit[w] for w, world in enumerate(worlds)] for plan in plans], float
    ).reshape(len(plans), len(worlds))
    newly, gap = served - today, need - served
    best = newly.max(axis=0, initial=-np.inf) if len(plans) else np.zeros(len(worlds))
    known = best_alone is not None
    if best_alone is not None:
        best = np.fmax(np.array([np.nan if b is None else b for b in best_alone], float), best)
    value = np.zeros((len(plans), len(RULES)))
    for p in range(len(plans)):
        value[p] = [  # expected, worst, tail, regret
            float(weights @ newly[p]),
            -float(gap[p, live].max()),
            -tail_mean(gap[p, live], weights[live], question.tail),
            -float((best - newly[p])[live].max()),
        ]
    price = value.max(axis=0) - value if len(plans) else value
    return Robustness(newly, gap, value, price, best, known)


def _served(world: World, options: Sequence[Option], plan: Sequence[int]) -> NDArray[np.int64]:
    changed = apply_options(world, options, plan)
    return np.array([served_in_time(changed, service)[0] for service in range(world.services)], np.int64)
