"""Where a search begins that asks a question of a plan again: the plan, mended and filled up."""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence

from engine.siting.question import CHEAPEST, Question
from engine.siting.rules import mended
from engine.siting.swaps import PlanFlow
from engine.world import CLOSING_KINDS, Option, World


def start_from(
    worlds: Sequence[World], options: Sequence[Option], question: Question, plan: Sequence[int], *, time_limit_s: float = 10.0
) -> list[int]:  # fmt: skip
    """Positions of options: the plan within the limits of this question, then what money and limits still allow, the most
    weighted need for its cost first (lazily: gains only shrink; Minoux 1978). For "cheapest" nothing is added.

    Not more than a beginning: the rule is read as the mean, and nothing of the plan is exchanged."""
    deadline = time.monotonic() + float(time_limit_s)
    room = mended(worlds, options, question, plan)
    if question.aim == CHEAPEST:
        return room.order
    weights = question.world_weights(len(worlds))
    flows = [PlanFlow(world, options) for world in worlds]
    for flow in flows:
        for option in room.order:
            flow.add(option)

    def worth(option: int) -> float:
        gained = sum(
            float(weight) * flow.gain(option) for weight, flow in zip(weights, flows, strict=True) if weight
        )
        merit = 0.0 if question.merit is None else float(question.merit[option])
        return (gained + merit) / max(options[option].cost_fen, 1)

    heap = []
    for number, one in enumerate(options):
        if one.kind not in CLOSING_KINDS and room.fits(number):
            if time.monotonic() > deadline:
                return room.order
            if (first := worth(number)) > 0:
                heap.append((-first, number))
    heapq.heapify(heap)
    while heap and time.monotonic() < deadline:
        _stated, number = heapq.heappop(heap)
        if not room.fits(number):
            continue
        now = worth(number)
        if now <= 0:
            continue
        if heap and now < -heap[0][0] - 1e-15:
            heapq.heappush(heap, (-now, number))
            continue
        room.take(number)
        for flow in flows:
            flow.add(number)
    return room.order
