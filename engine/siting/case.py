"""A Question put into numbers: which options are decisions, what every limit means for them, and the network of people.

The reductions of model.py, kept exact for everything a Question may ask:
- A role that may be retired is capacity that may go away, so what can feel a shortage is found on the supply with all
  such roles gone; in the network the role's node is open when the decision KEEP is taken. From there everything only adds.
- Where areas matter, cells of different areas are kept apart, and services that no option helps stay in as long as
  somebody lacks them: who goes where then decides how their shares come out.
- A decision nobody feels stays in where it is a must, has merit, or helps a limit that asks for at least something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.checks import InvalidInput
from engine.coverage import role_ready, role_supply, served_in_time
from engine.siting.blocks import collapse
from engine.siting.model import SitingModel, _conflicts, felt_cells, option_units
from engine.siting.question import FAIREST, Question
from engine.world import CLOSING_KINDS, READYING_KINDS, REASON_CLOSED, Option, World

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
EXCLUSIVE, APART = "exclusive", "apart"


@dataclass(frozen=True, slots=True)
class Row:
    """Sum of amount (d,) over the decisions taken <= most; least <= it is written with the signs turned. name: budget, a
    Limit's name, apart or exclusive. least: it was. asked: the limit in the caller's own numbers."""

    name: str
    amount: Ints
    most: int
    least: bool = False
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """d decisions (model.options, model.inverted …), w worlds, a areas, g groups.

    rows: every limit, the budget among them, except the sets. sets: (positions, spacing?) of which at most one is taken.
    done: options done in any case that are no decision (retired by must). barred: must options that cannot be done.
    weights (w,): of the worlds. group_world (g,), group_value (g,): service weight; group_measure (g,): world x (a + 1) +
    area + 1, or world where areas do not matter; measures: how many. apart_areas: they do.
    steady (measures,): weighted units served whatever is chosen, outside the network. today (w,), need (w,): weighted
    units served and needed. area_need (w, a). merit, charge: of the decisions, with what is spent in any case.
    """

    question: Question
    model: SitingModel
    rows: tuple[Row, ...]
    sets: tuple[tuple[Ints, bool], ...]
    done: tuple[int, ...]
    barred: tuple[int, ...]
    weights: Floats
    group_world: Ints
    group_value: Floats
    group_measure: Ints
    measures: int
    apart_areas: bool
    steady: Floats
    today: Floats
    need: Floats
    area_need: Floats
    merit: Floats
    merit_done: float
    charge: Floats
    charge_done: float
    cost: tuple[Ints, int]

    @property
    def decisions(self) -> int:
        return len(self.model.options)

    @property
    def live(self) -> Ints:
        """Worlds that count: those with a weight."""
        return np.flatnonzero(self.weights > 0)

    def chosen(self, taken: NDArray[np.bool_]) -> Ints:
        """Option numbers done when these decisions are taken."""
        inverted = self.model.inverted
        acts = taken if inverted is None else taken ^ inverted
        return np.union1d(self.model.options[acts], np.asarray(self.done, np.int64)).astype(np.int64)

    def taken(self, chosen: Sequence[int]) -> NDArray[np.bool_]:
        """The decisions that come nearest to a set of options."""
        acts = np.isin(self.model.options, np.asarray(chosen, np.int64))
        taken = acts if self.model.inverted is None else acts ^ self.model.inverted
        return taken | self.forced

    @property
    def forced(self) -> NDArray[np.bool_]:
        forced = self.model.forced
        return np.zeros(self.decisions, bool) if forced is None else forced

    def keeps_limits(self, taken: NDArray[np.bool_]) -> bool:
        """Every limit but the targets, in whole numbers."""
        return (
            not self.barred
            and bool(taken[self.forced].all())
            and all(int(row.amount[taken].sum()) <= row.most for row in self.rows)
            and all(int(taken[members].sum()) <= 1 for members, _ in self.sets)
        )


def areas_matter(question: Question) -> bool:
    return question.aim == FAIREST or (
        question.area_target is not None and bool(np.isfinite(question.area_target).any())
    )


def build_case(worlds: Sequence[World], options: Sequence[Option], question: Question) -> Case:
    """Everything of a question that does not depend on how it is solved."""
    q = question
    weights = q.world_weights(len(worlds))
    split = areas_matter(q)
    merit = np.zeros(len(options)) if q.merit is None else np.asarray(q.merit, np.float64)
    cost = np.array([o.cost_fen for o in options], np.int64)
    charge = cost if q.charge is None else np.asarray(q.charge, np.int64)
    banned, must = np.zeros(len(options), bool), np.zeros(len(options), bool)
    banned[list(q.banned)], must[list(q.must)] = True, True
    closing = np.array([o.kind in CLOSING_KINDS for o in options], bool)

    roles = [options[i].role for i in np.flatnonzero(closing)]
    if twice := sorted({role for role in roles if roles.count(role) > 1}):
        raise InvalidInput([f"role {role}: more than one option retires it" for role in twice])

    added, aside = [], set()
    for world in worlds:
        units, pushed = option_units(world, options)
        added.append(units)
        aside.update(pushed)
    aside |= _changes_of_use(worlds, options, np.flatnonzero(closing)) | _setbacks(worlds, options)
    out = banned.copy()
    out[list(aside)] = True
    useful = (merit > 0) | (charge < 0)
    for limit in q.limits:
        amount = np.asarray(limit.amount)
        useful |= ((amount > 0) & (limit.least is not None)) | ((amount < 0) & (limit.most is not None))
    if q.budget_fen is not None:
        out |= ~must & (cost > q.budget_fen)
    ends = closing & must & ~out
    may_end = closing & ~must & ~out & useful

    blocks, today, need = [], np.zeros(len(worlds)), np.zeros(len(worlds))
    measures = len(worlds) * (q.areas + 1 if split else 1)
    steady_sum, area_need = np.zeros(measures), np.zeros((len(worlds), q.areas))
    base = np.zeros((len(worlds), worlds[0].services), np.int64)
    kept = 0
    for number, world in enumerate(worlds):
        keeps = {int(options[i].role): int(i) for i in np.flatnonzero(may_end)}
        gone = [int(options[i].role) for i in np.flatnonzero(may_end | ends)]
        least = _without(world, gone)
        ready = np.where(role_ready(world), role_supply(world)[0], 0)
        for service in range(world.services):
            value = world.standards[service].weight
            flow = served_in_time(least, service)
            base[number, service] = flow[0] if not gone else served_in_time(world, service)[0]
            if value == 0 or weights[number] == 0:
                continue
            wanted = world.demand.need[service]
            area = np.asarray(q.area, np.int64) if q.area is not None else np.full(len(wanted), -1, np.int64)
            need[number] += value * float(wanted.sum())
            today[number] += value * float(base[number, service])
            inside = area >= 0
            area_need[number] += value * np.bincount(area[inside], wanted[inside], q.areas)[: q.areas]
            mine = [(int(i), int(added[number][i])) for i in np.flatnonzero((added[number] > 0) & ~out & ~closing)
                    if options[i].service == service]  # fmt: skip
            mine += [
                (option, int(ready[role])) for role, option in keeps.items()
                if ready[role] > 0 and options[option].service == service
            ]  # fmt: skip
            label = area if split else None
            block, always = _block(least, service, flow, options, mine, label)
            measure = number * (q.areas + 1) + area + 1 if split else np.full(len(wanted), number)
            steady_sum += value * np.bincount(measure, always, measures)
            if block is None:
                continue
            kept += block["cells"]
            blocks.append((number, value, block))
    model, group_world, group_value, group_area = _joined(blocks, weights, split)

    touched = np.zeros(len(options), bool)
    touched[np.unique(model.node_option[model.node_option >= 0])] = True
    normal = ~closing & ~out & (touched | must | useful)
    decision = np.flatnonzero(normal | may_end)
    inverted = closing[decision]
    position = np.full(len(options) + 1, -1, np.int64)  # the last one: what is there already, -1
    position[decision] = np.arange(len(decision))
    done = np.flatnonzero(ends)
    barred = tuple(np.flatnonzero(must & out).tolist())

    def over(amount: Ints) -> tuple[Ints, int]:
        """(coefficients over the decisions taken, what is there in any case)."""
        amount = np.asarray(amount)
        return (
            np.where(inverted, -amount[decision], amount[decision]),
            amount[decision[inverted]].sum() + amount[done].sum(),
        )

    rows = []
    if q.budget_fen is not None:
        amount, spent = over(cost)
        rows.append(Row("budget", amount, int(q.budget_fen) - int(spent), asked=int(q.budget_fen)))
    for limit in q.limits:
        amount, spent = over(np.asarray(limit.amount, np.int64))
        if limit.most is not None:
            rows.append(Row(limit.name, amount, int(limit.most) - int(spent), asked=int(limit.most)))
        if limit.least is not None:
            rows.append(Row(limit.name, -amount, int(spent) - int(limit.least), True, int(limit.least)))
    sets: list[tuple[Ints, bool]] = []
    ended = np.zeros(len(options), bool)
    ended[done] = True
    groups = [(members, False) for members in _conflicts(worlds, options)]
    groups += [(members, False) for members in _retirings(worlds[0], options, closing)]
    for members, spacing in groups + [(np.asarray(m, np.int64).tolist(), True) for m in q.apart]:
        listed = np.unique(np.asarray(members, np.int64))
        inside = position[listed][position[listed] >= 0]
        taken_up = int(ended[listed].sum())
        if len(inside) + taken_up < 2:
            continue
        if not taken_up and not inverted[inside].any():
            sets.append((inside, spacing))
            continue
        amount = np.zeros(len(decision), np.int64)
        amount[inside] = np.where(inverted[inside], -1, 1)
        rows.append(
            Row(APART if spacing else EXCLUSIVE, amount, 1 - taken_up - int(inverted[inside].sum()), asked=1)
        )
    cost_of, cost_done = over(cost)
    merit_of, merit_done = over(merit)
    charge_of, charge_done = over(charge)
    plain = [row for row in rows if row.name != "budget"]
    model = replace(
        model,
        node_option=position[model.node_option],
        options=decision.astype(np.int64),
        cost=cost_of,
        conflicts=tuple(members for members, _ in sets),
        base=base,
        kept_cells=kept,
        displacing=tuple(sorted(aside)),
        inverted=inverted if inverted.any() else None,
        forced=must[decision] if must[decision].any() else None,
        merit=merit_of if merit_of.any() else None,
        rows=np.array([row.amount for row in plain], np.int64) if plain else None,
        row_limit=np.array([row.most for row in plain], np.int64) if plain else None,
        row_name=tuple(row.name for row in plain),
        group_area=group_area if split else None,
    )
    return Case(
        question=q, model=model, rows=tuple(rows), sets=tuple(sets), done=tuple(done.tolist()), barred=barred,
        weights=weights, group_world=group_world, group_value=group_value,
        group_measure=group_world * (q.areas + 1) + group_area + 1 if split else group_world,
        measures=measures, apart_areas=split, steady=steady_sum, today=today, need=need, area_need=area_need,
        merit=merit_of, merit_done=float(merit_done), charge=charge_of.astype(np.float64),
        charge_done=float(charge_done), cost=(cost_of, int(cost_done)),
    )  # fmt: skip


def _without(world: World, roles: Sequence[int]) -> World:
    if not roles:
        return world
    usable, reason = world.supply.role_usable.copy(), world.supply.role_reason.copy()
    usable[list(roles)], reason[list(roles)] = False, REASON_CLOSED
    return world.with_supply(replace(world.supply, role_usable=usable, role_reason=reason))


def _changes_of_use(worlds: Sequence[World], options: Sequence[Option], retiring: Ints) -> set[int]:
    """Retirings that would let another exclusive role of the same place take over: a change of use, left out."""
    found = set()
    for world in worlds:
        supply, _ = role_supply(world)
        roles = world.supply
        in_play = world.demand.need.sum(axis=1) > 0
        waiting = (
            roles.role_exclusive & roles.role_usable & (roles.role_capacity > 0) & in_play[roles.role_service]
        )
        for number in retiring:
            role = options[number].role
            if roles.role_exclusive[role] and supply[role] > 0:
                others = waiting & (roles.role_site == roles.role_site[role])
                others[role] = False
                if others.any():
                    found.add(int(number))
    return found


def _setbacks(worlds: Sequence[World], options: Sequence[Option]) -> set[int]:
    """Stocking or upgrading that would make a ready role slow, or let a slow one push a ready one aside: left out."""
    found = set()
    listed = [i for i, option in enumerate(options) if option.kind in READYING_KINDS]
    for world in worlds if listed else ():
        supply, ready, roles = role_supply(world)[0], role_ready(world), world.supply
        for number in listed:
            option = options[number]
            limit = world.standards[option.service].conversion_limit_hours
            if limit is None or option.hours <= limit:
                continue
            role = option.role
            rivals = roles.role_exclusive & (roles.role_site == option.site) & (supply > 0)
            pushes = not roles.role_usable[role] and roles.role_exclusive[role] and rivals.any()
            if pushes or (supply[role] > 0 and ready[role]):
                found.add(number)
    return found


def _retirings(world: World, options: Sequence[Option], closing: NDArray[np.bool_]) -> list[list[int]]:
    """A role is retired once or made ready, not both; and to retire an exclusive role while another one of its place is
    made ready would be a change of use."""
    roles, by_role, ending = world.supply, {}, {}  # type: ignore[var-annotated]
    for number, option in enumerate(options):
        if option.kind in CLOSING_KINDS + READYING_KINDS:
            by_role.setdefault(option.role, []).append(number)
        if closing[number] and roles.role_exclusive[option.role]:
            ending.setdefault(option.site, []).append(number)
    found = [members for members in by_role.values() if len(members) > 1 and closing[members].any()]
    for number, option in enumerate(options):
        if option.kind in READYING_KINDS and roles.role_exclusive[option.role]:
            found += [[number, e] for e in ending.get(option.site, []) if options[e].role != option.role]
    return found


def _block(world, service, flow, options, mine, label):
    """One (world, service) of the least supply: (nodes and groups, or None where nothing can change), and (n,) units
    served whatever is chosen. flow: of served_in_time. mine: (option, units) of those that would add here."""
    wanted = world.demand.need[service]
    _base, roles, facility, cell, flow = flow
    deficit = wanted - np.bincount(cell, flow, len(wanted)).astype(np.int64) > 0
    if not deficit.any():
        return None, wanted
    if not mine and label is None:
        return None, np.bincount(cell, flow, len(wanted)).astype(np.int64)
    in_cell, in_place = felt_cells(cell, facility, flow, len(wanted), len(roles), deficit)
    places = np.flatnonzero(in_place)
    sites = np.concatenate(
        [
            world.supply.role_site[roles[places]].astype(np.int64),
            np.array([options[i].site for i, _ in mine], np.int64),
        ]
    )
    distinct, at = np.unique(sites, return_inverse=True)
    reach = world.reach[service].take(distinct)
    group, row_ptr, row_group = collapse(reach.indptr, reach.cell, np.arange(len(distinct)), in_cell, label)
    lengths = np.diff(row_ptr)[at]
    start = row_ptr[:-1][at]
    index = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths - start, lengths)
    option = np.concatenate([np.full(len(places), -1, np.int64), np.array([i for i, _ in mine], np.int64)])
    units = np.concatenate(
        [world.supply.role_capacity[roles[places]], np.array([u for _, u in mine], np.int64)]
    )
    keep = lengths > 0
    inside = group >= 0
    groups = int(group.max()) + 1
    area = np.full(groups, -1, np.int64)
    if label is not None:
        area[group[inside]] = label[inside]
    need = np.bincount(group[inside], wanted[inside], groups).astype(np.int64)
    return {
        "cells": int(inside.sum()), "option": option[keep], "units": units[keep].astype(np.int64),
        "lengths": lengths[keep].astype(np.int64), "group": row_group[index].astype(np.int64), "need": need, "area": area,
    }, np.where(in_cell, 0, wanted)  # fmt: skip


def _joined(blocks, weights: Floats, split: bool) -> tuple[SitingModel, Ints, Floats, Ints]:
    """All blocks in one network; node_option still numbers the options as given."""
    first = np.cumsum([0, *(len(b["need"]) for _, _, b in blocks)])

    def column(make, dtype):
        return np.concatenate([np.empty(0, dtype), *(make(*b) for b in blocks)]).astype(dtype)

    lengths = column(lambda n, v, b: b["lengths"], np.int64)
    model = SitingModel(
        node_option=column(lambda n, v, b: b["option"], np.int64),
        node_units=column(lambda n, v, b: b["units"], np.int64),
        node_weight=column(lambda n, v, b: np.full(len(b["units"]), v * weights[n]), np.float64),
        node_world=column(lambda n, v, b: np.full(len(b["units"]), n), np.int64),
        node_ptr=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        edge_group=np.concatenate(
            [np.empty(0, np.int64), *(b["group"] + at for (_, _, b), at in zip(blocks, first, strict=False))]
        ).astype(np.int32),
        group_need=column(lambda n, v, b: b["need"], np.int64),
        group_weight=column(lambda n, v, b: np.full(len(b["need"]), v * weights[n]), np.float64),
        options=np.empty(0, np.int64), cost=np.empty(0, np.int64), conflicts=(), base=np.empty((0, 0), np.int64),
        kept_cells=0, displacing=(),
    )  # fmt: skip
    return (
        model,
        column(lambda n, v, b: np.full(len(b["need"]), n), np.int64),
        column(lambda n, v, b: np.full(len(b["need"]), v), np.float64),
        column(lambda n, v, b: b["area"], np.int64),
    )
