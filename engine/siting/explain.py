"""Why each option of a plan is in it, and why each other one is not. See docs/algorithms/explaining-plans.md.

Every value is an exact maximal flow (engine.siting.swaps). Weighted units are Standard.weight x units newly served in
time, summed over the worlds with the question's weights unless a row says otherwise; the rule of the question decides
what an exchange gains. Letters in shapes: w worlds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.checks import InvalidInput
from engine.coverage import role_ready, role_supply, served_in_time
from engine.interventions import apply_options
from engine.siting.model import _conflicts
from engine.siting.question import CHEAPEST, WORST, Question
from engine.siting.rules import Rules
from engine.siting.swaps import (
    TINY,
    Cancelled,
    Effects,
    PlanFlow,
    best_swaps,
    effects,
    measure,
    rule_measured,
)
from engine.world import ADDING_KINDS, CLOSING_KINDS, Option, World

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Kept:
    """One option of the plan.

    only_need, only_people (w,): units of need, and people, within reach of no other open place of that service that
    counts. lost_units (w,): units the plan serves less without it, lost: the same weighted; value_without: weighted units
    newly served by the rest. rank: place by lost per fen, 1 is the best value for money. next_option: the best single
    other option once it is gone (-1 none), next_value: what the plan is then worth, next_lost_units (w,): units still
    lost. keeps_target: the targets hold without it (None: none are set, or they speak of areas).
    """

    option: int
    only_need: Ints
    only_people: Floats
    lost_units: Ints
    lost: float
    value_without: float
    per_yuan: float
    rank: int
    next_option: int
    next_value: float
    next_newly: Floats
    keeps_target: bool | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """One option that is not in the plan.

    reason: see engine.siting.rules.REASONS. by: the chosen option in the way (-1 none). limit: name of the Limit that is full ("budget" for
    the budget). gain_units (w,), gain: what it adds on top of the plan; alone: what it adds with nothing else
    opened (what the plan closes is closed).
    per_yuan: gain per yuan of cost. swap_out: the chosen option best given up for it (-1: none may be), swap_net: what
    the exchange gains by the question's rule (None: none is allowed), swap_bound: no exchange of one for it gains more.
    swap_saves_fen: under "cheapest", what an exchange saves with every target kept (0: nothing can be saved; None: cannot
    be told), saves_out: by giving up which.
    """

    option: int
    reason: str
    by: int
    limit: str
    gain_units: Ints
    gain: float
    alone: float
    per_yuan: float
    swap_out: int
    swap_net: float | None
    swap_bound: float | None
    swap_saves_fen: int | None
    saves_out: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """value: weighted units newly served by the plan; newly (w,): in each world. kept: in the order asked; rejected: all
    others. worst_per_yuan: the least lost per yuan among the kept ones that cost something. rule: by which exchanges
    are ranked. no_swap_helps: proved that exchanging any one for any one gains nothing. complete: False when the time ran
    out and some exchanges are only bounded. tried: exchanges measured."""

    value: float
    newly: Floats
    kept: tuple[Kept, ...]
    rejected: tuple[Rejected, ...]
    worst_per_yuan: float | None
    rule: str
    no_swap_helps: bool
    complete: bool
    tried: int
    seconds: float


def explain_plan(
    worlds: Sequence[World], options: Sequence[Option], question: Question, chosen: Sequence[int], *,
    time_limit_s: float = 60.0, progress: Callable[[float], None] | None = None, should_stop: Callable[[], bool] | None = None,
) -> Explanation | None:  # fmt: skip
    """Explain `chosen` (positions in options, in the plan's order; any set whose parts do not exclude each other, also
    one made by hand). None when should_stop() said so. Raises InvalidInput."""
    started = time.monotonic()
    plan = np.array([int(i) for i in chosen], np.int64)
    _check(worlds, options, question, plan)

    def tell(share: float) -> None:
        if progress:
            progress(share)
        if should_stop and should_stop():
            raise Cancelled

    try:
        return _explain(worlds, options, question, plan, started, started + float(time_limit_s), tell)
    except Cancelled:
        return None


def _check(worlds: Sequence[World], options: Sequence[Option], question: Question, plan: Ints) -> None:
    problems = []
    if not worlds:
        problems.append("worlds: at least one")
    if wrong := [int(i) for i in plan if not 0 <= i < len(options)]:
        problems.append(f"chosen: no option {', '.join(map(str, wrong))}")
    elif len(set(plan.tolist())) < len(plan):
        problems.append("chosen: an option twice")
    elif worlds:
        picked = set(plan.tolist())
        if any(len(picked & set(members)) > 1 for members in _conflicts(worlds, options)):
            problems.append("chosen: two options that exclude each other")
    if problems:
        raise InvalidInput(problems)


def _explain(
    worlds: Sequence[World], options: Sequence[Option], question: Question, plan: Ints, started: float, deadline: float,
    tell: Callable[[float], None],
) -> Explanation:  # fmt: skip
    tell(0.0)
    today, direct = list(worlds), _closed_apart(worlds[0], options)
    shut = [int(i) for i in plan if int(i) in direct]
    if shut:  # such closings are told by measuring the cells again; everything else sees them done
        worlds = [apply_options(world, options, shut) for world in today]
    closing = np.array([option.kind in CLOSING_KINDS for option in options], bool)
    inside = np.zeros(len(options), bool)
    inside[plan] = True
    others = np.flatnonzero(~inside)
    tell(0.05)
    weights = question.world_weights(len(worlds))
    service_weight = np.array([[s.weight for s in world.standards] for world in worlds])
    need = np.array([[float(row.sum()) for row in world.demand.need] for world in worlds])
    base, moved = _served(today), np.zeros(len(worlds))
    if shut:
        moved = ((_served(worlds) - base) * service_weight).sum(axis=1)
    flows = [PlanFlow(world, options, direct, float(moved[w])) for w, world in enumerate(worlds)]
    tell(0.1)
    known = effects(flows, plan, others, lambda share: tell(0.1 + 0.4 * share))
    for row in (row for row, option in enumerate(plan.tolist()) if option in direct):
        known.loss[row] = -_closing_again(today, options, int(plan[row]), shut, plan, service_weight)
    for row in (row for row, option in enumerate(others.tolist()) if option in direct):
        known.gain[row] = -_closing_again(
            today, options, int(others[row]), [*shut, int(others[row])], plan, service_weight
        )
    wanted, served = (need * service_weight).sum(axis=1), (base * service_weight).sum(axis=1)
    merit = np.zeros(len(options)) if question.merit is None else np.asarray(question.merit, np.float64)
    kept = _targets(question, weights, wanted, served)
    rules = Rules(worlds, options, question, plan)
    # Exchanges are asked of what adds: a closing frees money or land, and is told by its own effect.
    swapped = np.flatnonzero(~closing[plan])
    allowed = np.zeros((len(swapped), len(others)), bool)
    for row, at in enumerate(swapped.tolist()):
        allowed[row] = rules.exchange(int(plan[at]), others) & ~closing[others]
    opened = plan[swapped]
    cheapest = question.aim == CHEAPEST and kept is not None
    charge = rules.cost if question.charge is None else np.asarray(question.charge, np.int64)
    swaps = best_swaps(
        flows, opened, others, Effects(known.newly, known.loss[swapped], known.gain, known.alone), allowed,
        ~np.isin(opened, np.asarray(question.must, np.int64)),
        lambda newly: measure(question, wanted - served, newly), merit[others][None, :] - merit[opened][:, None],
        kept if cheapest else None,
        (charge[opened][:, None] - charge[others][None, :]).astype(float) if cheapest else None,
        deadline, lambda share: tell(0.5 + 0.4 * share),
    )  # fmt: skip
    tell(0.92)
    value, lost = float(known.newly @ weights), known.loss @ weights
    only_need, only_people = _only(worlds, options, plan)
    per_yuan = _per_yuan(lost, rules.cost[plan])
    rank = np.empty(len(plan), np.int64)
    rank[np.argsort(-per_yuan, kind="stable")] = np.arange(1, len(plan) + 1)
    place = np.full(len(plan), -1, np.int64)
    place[swapped] = np.arange(len(swapped))
    rows = []
    for row, option in enumerate(plan.tolist()):
        after = int(swaps.next_row[place[row]]) if place[row] >= 0 else -1
        without = known.newly - known.loss[row]
        newly = swaps.next_newly[place[row]] if after >= 0 else without
        rows.append(
            Kept(
                option, only_need[row], only_people[row], _units(known.loss[row], service_weight[:, options[option].service]),
                float(lost[row]), value - float(lost[row]), float(per_yuan[row]), int(rank[row]),
                int(others[after]) if after >= 0 else -1, float(newly @ weights), newly, None if kept is None else bool(kept(without)),
            )
        )  # fmt: skip
    paid = (rules.cost[plan] > 0) & ~closing[plan]
    worst = float(per_yuan[paid].min()) if paid.any() else None
    better = measure(question, wanted - served, known.newly + known.gain) - measure(
        question, wanted - served, known.newly
    )
    better = better + merit[others]
    fits = rules.adding(others)
    gain, alone = known.gain @ weights, known.alone @ weights
    out = []
    for row, option in enumerate(others.tolist()):
        taken = int(swaps.out_row[row])
        net = float(swaps.net[row]) if taken >= 0 else None
        saving = None if not cheapest else int(swaps.saves[row])
        reason, by, limit = rules.reason(
            option, helps=bool(alone[row] > TINY or better[row] > TINY), adds=bool(gain[row] > TINY or better[row] > TINY),
            fits=bool(fits[row] and better[row] > TINY and question.aim != CHEAPEST),
            swap=bool(saving) if cheapest else net is not None and net > TINY,
        )  # fmt: skip
        out.append(
            Rejected(
                option, reason, by, limit, _units(known.gain[row], service_weight[:, options[option].service]), float(gain[row]),
                float(alone[row]), float(_per_yuan(gain[row : row + 1], rules.cost[[option]])[0]),
                int(opened[taken]) if taken >= 0 else -1, net, float(swaps.net_bound[row]) if taken >= 0 else None, saving,
                int(opened[swaps.saves_row[row]]) if swaps.saves_row[row] >= 0 else -1,
            )
        )  # fmt: skip
    helps_not = swaps.helps_not if not cheapest else swaps.complete and not swaps.saves.any()
    return Explanation(
        value, known.newly, tuple(rows), tuple(out), worst, rule_measured(question), helps_not, swaps.complete, swaps.tried,
        time.monotonic() - started,
    )  # fmt: skip


def _served(worlds: Sequence[World]) -> Floats:
    """(w, k) units served in time under the best assignment."""
    return np.array([[float(served_in_time(world, k)[0]) for k in range(world.services)] for world in worlds])


def _closed_apart(world: World, options: Sequence[Option]) -> frozenset[int]:
    """Closings where another exclusive role of the place would step in, or that share a role with another closing."""
    roles, found, seen = world.supply, set(), {}
    exclusive = np.bincount(roles.role_site[roles.role_exclusive], minlength=roles.sites)
    for number, option in enumerate(options):
        if option.kind in CLOSING_KINDS:
            if roles.role_exclusive[option.role] and exclusive[option.site] > 1:
                found.add(number)
            if option.role in seen:
                found |= {number, seen[option.role]}
            seen[option.role] = number
    return frozenset(found)


def _closing_again(
    today: Sequence[World], options: Sequence[Option], option: int, shut: Sequence[int], plan: Ints, service_weight: Floats
) -> Floats:  # fmt: skip
    """(w,) weighted units more that are served without this closing: the plan measured on the cells with and without."""
    done = [int(i) for i in plan if int(i) not in shut]
    rest = [i for i in shut if i != option]
    gained = np.zeros(len(today))
    for w, world in enumerate(today):
        without = apply_options(world, options, [*done, *rest])
        closed = apply_options(world, options, [*done, *shut])
        for service in range(world.services):  # another role of the place may step in for another service
            gained[w] += service_weight[w, service] * (
                served_in_time(without, service)[0] - served_in_time(closed, service)[0]
            )
    return gained


def _targets(
    question: Question, weights: Floats, wanted: Floats, served: Floats
) -> Callable[[Floats], Flags] | None:
    """Whether V (…, w) keeps the question's target of the whole; None where there is none, or it speaks of areas too."""
    if question.target is None or question.area_target is not None:
        return None
    share = float(question.target)
    if question.rule == WORST:
        return lambda newly: np.asarray((served + newly >= share * wanted - TINY * (1 + wanted)).all(axis=-1))
    floor = share * float(weights @ wanted)
    return lambda newly: np.asarray((served + newly) @ weights >= floor - TINY * (1 + floor))


def _per_yuan(worth: Floats, cost: Ints) -> Floats:
    """Weighted units per yuan; what costs nothing is worth without end when it is worth anything."""
    free = np.where(worth > 0, np.inf, 0.0)
    return np.where(cost > 0, worth / np.maximum(cost, 1) * 100.0, free)


def _units(weighted: Floats, weight: Floats) -> Ints:
    """(w,) whole units of one service from weighted ones. A flow moves whole units, so the quotient is one."""
    return np.rint(np.divide(weighted, weight, out=np.zeros(len(weighted)), where=weight > 0)).astype(
        np.int64
    )


def _only(worlds: Sequence[World], options: Sequence[Option], plan: Ints) -> tuple[Ints, Floats]:
    """(c, w) need and people in reach of each option of the plan and of no other place of its service that counts."""
    need, people = np.zeros((len(plan), len(worlds)), np.int64), np.zeros((len(plan), len(worlds)))
    for w, world in enumerate(worlds):
        after = apply_options(world, options, plan)
        counts = np.where(role_ready(after), role_supply(after)[0], 0) > 0
        adding = [int(i) for i in plan if options[int(i)].kind in ADDING_KINDS]
        role = {option: world.supply.roles + number for number, option in enumerate(adding)}
        for service in range(world.services):
            open_roles = np.flatnonzero(counts & (after.supply.role_service == service))
            rows = after.reach[service].take(after.supply.role_site[open_roles])
            places = np.bincount(rows.cell, minlength=world.demand.cells)
            needed = world.demand.need[service]
            for c, option in enumerate(plan.tolist()):
                one = options[option]
                own = role.get(option, one.role)
                if one.service != service or not counts[own]:
                    continue
                cell = after.reach[service].row(one.site)[0]
                alone = cell[(places[cell] == 1) & (needed[cell] > 0)]
                need[c, w], people[c, w] = needed[alone].sum(), world.demand.people[alone].sum()
    return need, people
