"""An answer in figures: a plan measured again on the cells as they came, and what each option adds in order."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.coverage import served_in_time
from engine.interventions import apply_options
from engine.siting.case import Case, areas_matter, build_case
from engine.siting.flow import UNHURRIED, OpenSet
from engine.siting.frame import Goal, goal_value
from engine.siting.question import EXPECTED, FAIREST, REGRET, Question
from engine.siting.valuing import Valuer
from engine.world import Option, World

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
UNHURRIED_EDGES, QUICK_EFFORT = 200_000, 50_000


@dataclass(frozen=True, slots=True)
class Measured:
    """served (w, k) units in time; y (measures,) of a Case; shares (a,) of the weighted need, None without areas."""

    served: Ints
    y: Floats
    shares: Floats | None


def measure(
    worlds: Sequence[World],
    options: Sequence[Option],
    question: Question,
    chosen: Ints,
    goal: Goal | None = None,
    before: Ints | None = None,
    still: Callable[[], None] = lambda: None,
) -> Measured:
    """The worlds after the chosen options, by exact assignment on their own cells. before (w, k): today's units, which
    stay for services nothing was done to. goal: for whom areas are served first, by default the smallest share."""
    changed = [apply_options(world, options, chosen) for world in worlds]
    touched = {options[int(i)].service for i in chosen}
    value = np.array([[s.weight for s in world.standards] for world in worlds])
    weights = question.world_weights(len(worlds))
    if question.area is None:
        served = np.zeros((len(worlds), worlds[0].services), np.int64)
        for number, world in enumerate(changed):
            for service in range(world.services):
                still()
                if before is not None and service not in touched:
                    served[number, service] = before[number, service]
                else:
                    served[number, service] = served_in_time(world, service)[0]
        return Measured(served, (served * value).sum(axis=1) * (weights > 0), None)
    still()
    split = areas_matter(question)
    asked = replace(
        question, budget_fen=None, limits=(), must=(), banned=(), apart=(), merit=None, charge=None
    )
    if not split:
        asked = replace(asked, aim=FAIREST, rule=EXPECTED, target=None, area_target=None)
    if asked.rule == REGRET and (goal is None or goal.best is None):
        asked = replace(asked, rule=EXPECTED)
    case = build_case(changed, [], asked)
    served = case.model.base
    still()
    y = Valuer(case).value(np.zeros(0, bool), (goal or Goal()) if split else Goal()).y
    by_area = y.reshape(len(worlds), -1)[:, 1:]
    whole = weights @ case.area_need
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(whole > 0, (weights @ by_area) / whole, np.nan)
    if not split:
        y = (served * value).sum(axis=1) * (weights > 0)
    return Measured(served, y, shares)


def stated_value(case: Case, measured: Measured, taken: NDArray[np.bool_], goal: Goal) -> float:
    """The goal from the measurement on the cells."""
    return goal_value(case, measured.y, taken, goal)


@dataclass(frozen=True, slots=True)
class Ordered:
    """chosen (c,) option numbers, best worth for money first, retirings last; units (c, w) each adds in that order;
    worth (c,) the same in weighted units of the expected value."""

    chosen: Ints
    units: Ints
    worth: Floats


def order(
    case: Case, worlds: Sequence[World], options: Sequence[Option], taken: NDArray[np.bool_]
) -> Ordered:
    """What each option adds after those before it. Starts from today: roles that might be retired are open."""
    model = case.model
    inverted = np.zeros(case.decisions, bool) if model.inverted is None else model.inverted
    state = _today(case, inverted)
    empty = state.save()
    heap = [
        (-state.gain(int(d)) / max(int(model.cost[d]), 1), int(d), 0)
        for d in np.flatnonzero(taken & ~inverted)
    ]
    heapq.heapify(heap)
    listed: list[int] = []
    while heap:
        _gain, decision, seen = heapq.heappop(heap)
        if seen != len(listed):
            fresh = -state.gain(decision) / max(int(model.cost[decision]), 1)
            heapq.heappush(heap, (fresh, decision, len(listed)))
            continue
        state.add(decision)
        listed.append(decision)
    state.restore(empty)
    listed += np.flatnonzero(inverted & ~taken).tolist()
    numbers = [int(model.options[d]) for d in listed]
    table = _adds(case, state, inverted, listed)
    unseen = np.flatnonzero(case.weights == 0)  # worlds without weight are in no network of the question's
    if len(unseen):
        every = Question(merit=np.ones(len(options)), must=case.done)
        other = build_case([worlds[w] for w in unseen], options, every)
        turned = np.zeros(other.decisions, bool) if other.model.inverted is None else other.model.inverted
        place = {int(option): at for at, option in enumerate(other.model.options)}
        table[:, unseen] = _adds(other, _today(other, turned), turned, [place.get(n, -1) for n in numbers])
    if case.done:
        table, numbers = _with_done(case, worlds, options, table, numbers, list(case.done))
    value = np.array([[s.weight for s in world.standards] for world in worlds])
    service = [options[i].service for i in numbers]
    worth = np.array(
        [float(row @ (case.weights * value[:, k])) for row, k in zip(table, service, strict=True)]
    )
    return Ordered(np.array(numbers, np.int64), table, worth)


def _today(case: Case, inverted: NDArray[np.bool_]) -> OpenSet:
    """The flow with every role that might be retired."""
    model = replace(case.model, rows=None, row_limit=None, row_name=(), forced=None, merit=None, conflicts=())
    state = OpenSet(model, QUICK_EFFORT if model.edges > UNHURRIED_EDGES else UNHURRIED)
    for decision in np.flatnonzero(inverted):
        state.add(int(decision))
    state.complete()
    return state


def _adds(case: Case, state: OpenSet, inverted: NDArray[np.bool_], listed: list[int]) -> Ints:
    """(c, w) units each decision adds, or takes where it retires a role, in this order; -1 adds nothing."""
    worlds = len(case.weights)
    table = np.zeros((len(listed), worlds), np.int64)

    def short() -> Ints:
        return np.bincount(case.group_world, state.net.deficit, worlds).astype(np.int64)

    def finish(row: int) -> None:
        """What limited effort left undone, to whom it belongs."""
        if state.net.effort[0] != UNHURRIED:
            rest = state.complete()
            owner = {decision: at for at, decision in enumerate(listed[:row])}
            for node in np.flatnonzero(rest):
                at = owner.get(int(case.model.node_option[node]), 0)
                table[at, case.model.node_world[node]] += rest[node]

    now, added = short(), True
    for row, decision in enumerate(listed):
        if decision < 0:
            continue
        if inverted[decision] and added:
            finish(row)
            now, added = short(), False
        if inverted[decision]:
            state.remove(decision)
        else:
            state.add(decision)
        after = short()
        table[row] = now - after
        now = after
    if added and listed:
        finish(len(listed))
    return table


def _with_done(case, worlds, options, table, numbers, extra):
    """Roles retired by must are gone before anything is chosen: what that costs is measured world by world."""
    rows = []
    done: list[int] = []
    before = case.model.base
    for number in extra:
        done.append(number)
        service = options[number].service
        after = before.copy()
        for w, world in enumerate(worlds):
            after[w, service] = served_in_time(apply_options(world, options, done), service)[0]
        rows.append((after - before)[:, service])
        before = after
    return np.concatenate([table, np.array(rows, np.int64)]), numbers + extra
