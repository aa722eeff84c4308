"""What one plan is worth in each scenario and under each rule, from the served units that the engine measured.

G(w) is today's weighted gap of run w, V(w) what the plan newly serves of it, both in weighted units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.siting.question import EXPECTED, REGRET, TAIL, WORST, Answer
from engine.world import World


def weighted_gap(worlds: Sequence[World], served: np.ndarray) -> np.ndarray:
    """G (w,): weighted need not served in time; served (w, k) units."""
    return np.array(
        [
            sum(
                rule.weight * (int(need.sum()) - int(units))
                for rule, need, units in zip(world.standards, world.demand.need, row, strict=True)
            )
            for world, row in zip(worlds, served, strict=True)
        ],
        np.float64,
    )


def tail_mean(loss: np.ndarray, shares: np.ndarray, tail: float) -> float:
    """Mean loss over the worst `tail` of the shares (conditional value at risk; Rockafellar, Uryasev 2000)."""
    order = np.argsort(-loss, kind="stable")
    left, total = tail, 0.0
    for number in order:
        part = min(left, float(shares[number]))
        total += part * float(loss[number])
        left -= part
        if left <= 1e-12:
            break
    return total / tail


def rules_of(
    gap: np.ndarray, newly: np.ndarray, shares: np.ndarray, tail: float, best: np.ndarray | None
) -> dict[str, float | None]:
    """The value under each rule, as the engine states it: the mean newly served; the largest gap left; the mean gap left in
    the worst share; the largest regret, None unless the best V of each run alone (w,) is known. Losses negative."""
    left = gap - newly
    counted = shares > 0
    return {
        EXPECTED: float(shares @ newly),
        WORST: -float(left[counted].max()),
        TAIL: -tail_mean(left, shares, tail),
        REGRET: None if best is None else -float((best - newly)[counted].max()),
    }


def told_by_run(
    refs: Sequence[str], worlds: Sequence[World], answer: Answer, shares: Sequence[float], tail: float
) -> dict[str, Any]:
    """{"runs": [{ref, weight, gap_before, newly, best}], "rules": …} to be kept with a version."""
    gap = weighted_gap(worlds, answer.served_before)
    found = answer.notes.get("best_alone")
    # Where a run alone was not worked out to an end, no regret can be told.
    best = None if found is None or None in found else np.asarray(found, np.float64)
    p = np.asarray(shares, np.float64)
    return {
        "runs": [
            {
                "ref": ref, "weight": float(p[n]), "gap_before": float(gap[n]), "newly": float(answer.newly[n]),
                "best": None if best is None else float(best[n]),
            }
            for n, ref in enumerate(refs)
        ],
        "rules": rules_of(gap, answer.newly, p, tail, best),
        "tail": tail,
    }  # fmt: skip
