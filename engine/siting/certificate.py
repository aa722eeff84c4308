"""A checker of its own: is the bound proved by these prices, and is the plan worth what is said?

Nothing here is shared with what finds plans and prices: no model, no groups, no compiled kernels. The bound is added up
cell by cell in float64 from one price per (world, service, cell); the value is a maximal flow of scipy's on the cells as
they came; cost, exclusive sets and roles are counted from the options. Slower than the search's own figures, and on purpose
another way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_flow

from engine.coverage import role_ready, role_supply, served_in_time
from engine.interventions import apply_options
from engine.siting.model import SitingModel, felt_cells, option_units
from engine.world import Option, World

Floats = NDArray[np.float64]
LARGEST_FLOW = 2**31 - 1  # of scipy's 32-bit capacities


@dataclass(frozen=True, slots=True)
class Checked:
    """value, bound: weighted units newly served, worked out anew. cost_fen. problems: rules the plan breaks."""

    value: float
    bound: float
    cost_fen: int
    problems: tuple[str, ...]

    @property
    def gap(self) -> float:
        return (self.bound - self.value) / self.bound if self.bound > 0 else 0.0


def served_by_flow(world: World, service: int) -> int:
    """Units of the service served in time at most, by scipy's maximal flow between cells and ready roles."""
    supply, _reason = role_supply(world)
    usable = (world.supply.role_service == service) & (supply > 0) & role_ready(world)
    roles = np.flatnonzero(usable)
    need = world.demand.need[service]
    wanted = np.flatnonzero(need > 0)
    if not len(roles) or not len(wanted):
        return 0
    rows = world.reach[service].take(world.supply.role_site[roles])
    number = np.full(len(need), -1, np.int64)
    number[wanted] = np.arange(len(wanted))
    role = np.repeat(np.arange(len(roles)), np.diff(rows.indptr))
    cell = number[rows.cell]
    role, cell = role[cell >= 0], cell[cell >= 0]
    # A place takes no more than all it reaches need, which also keeps the figures within 32 bits.
    room = np.minimum(supply[roles], np.bincount(role, need[wanted][cell], len(roles)).astype(np.int64))
    if int(need.sum()) > LARGEST_FLOW:
        raise OverflowError("more need than scipy's flow can hold")
    source, sink = len(wanted) + len(roles), len(wanted) + len(roles) + 1
    tail = np.concatenate([np.full(len(wanted), source), cell, len(wanted) + np.arange(len(roles))])
    head = np.concatenate([np.arange(len(wanted)), len(wanted) + role, np.full(len(roles), sink)])
    capacity = np.concatenate([need[wanted], need[wanted][cell], room])
    graph = csr_matrix((capacity.astype(np.int32), (tail, head)), shape=(sink + 1, sink + 1))
    return int(maximum_flow(graph, source, sink).flow_value)


def _filled(pay: Floats, need: NDArray[np.int64], units: int) -> float:
    """The best that `units` can earn among needs that pay so much a unit."""
    order = np.argsort(-pay, kind="stable")
    until = np.minimum(np.cumsum(need[order]), units)
    return float(np.maximum(pay[order], 0.0) @ np.diff(until, prepend=0))


def bound_by_cells(
    worlds: Sequence[World],
    options: Sequence[Option],
    weights: Sequence[float],
    budget_fen: int,
    price: Sequence[Sequence[Floats]],
    money: float,
    barred: Sequence[int] = (),
) -> float:
    """The bound that prices prove: price[w][k] (n,) for a unit of need of service k in world w, as a share of its worth,
    money for one fen. Any prices >= 0 do. barred: options that may not be taken (those that push another role aside)."""
    total = money * budget_fen
    earned = np.zeros(len(options))
    for number, world in enumerate(worlds):
        supply, _reason = role_supply(world)
        ready = role_ready(world)
        units, pushed = option_units(world, options)
        for service, standard in enumerate(world.standards):
            worth = float(weights[number]) * standard.weight
            need = world.demand.need[service]
            share = np.clip(np.asarray(price[number][service], np.float64), 0.0, 1.0)
            total += worth * float(share @ need)
            for role in np.flatnonzero((world.supply.role_service == service) & (supply > 0) & ready):
                cells, _cost = world.reach[service].row(int(world.supply.role_site[role]))
                total += worth * _filled(1.0 - share[cells], need[cells], int(supply[role]))
            total -= worth * served_by_flow(world, service)
            for index, option in enumerate(options):
                if option.service == service and units[index] > 0 and index not in pushed:
                    cells, _cost = world.reach[service].row(option.site)
                    earned[index] += worth * _filled(1.0 - share[cells], need[cells], int(units[index]))
    left = earned - money * np.array([option.cost_fen for option in options], np.float64)
    left[np.array([option.cost_fen > budget_fen for option in options], bool)] = 0.0
    left[list(barred)] = 0.0
    keys = np.array([o.exclusive_key if o.exclusive_key >= 0 else -1 - i for i, o in enumerate(options)])
    _, key = np.unique(keys, return_inverse=True)
    best = np.zeros(int(key.max(initial=-1)) + 1)
    np.maximum.at(best, key, left)
    return total + float(best.sum())


def check_plan(
    worlds: Sequence[World],
    options: Sequence[Option],
    weights: Sequence[float],
    budget_fen: int,
    chosen: Sequence[int],
    price: Sequence[Sequence[Floats]],
    money: float,
    barred: Sequence[int] = (),
) -> Checked:
    """Value, bound and rules of a plan, all worked out anew."""
    picked = [options[int(i)] for i in chosen]
    cost = sum(option.cost_fen for option in picked)
    problems = []
    if cost > budget_fen:
        problems.append(f"costs {cost} fen, {cost - budget_fen} over the budget")
    keys = [option.exclusive_key for option in picked if option.exclusive_key >= 0]
    if len(keys) != len(set(keys)):
        problems.append("two options of one exclusive set")
    roles = [option.role for option in picked if option.role >= 0]
    if len(roles) != len(set(roles)):
        problems.append("one role readied twice")
    value = 0.0
    for weight, world in zip(weights, worlds, strict=True):
        after = apply_options(world, options, np.asarray(chosen, np.int64))
        for service, standard in enumerate(world.standards):
            gained = served_by_flow(after, service) - served_by_flow(world, service)
            value += float(weight) * standard.weight * gained
    bound = bound_by_cells(worlds, options, weights, budget_fen, price, money, barred)
    return Checked(value, bound, int(cost), tuple(problems))


def prices_by_cell(model: SitingModel, price: Floats, worlds: Sequence[World]) -> list[list[Floats]]:
    """A model's group prices (g,) laid on the cells: price[w][k] (n,).

    Cells the model left out feel no shortage and have the full price. Blocks it left out have no option, so the sides of
    a minimal cut are their prices: 0 where a shortage is felt, else 1.
    """
    known = {(world, service): (first, group) for world, service, first, group in model.cell_group}
    out = []
    for number, world in enumerate(worlds):
        row = []
        for service in range(world.services):
            if (number, service) in known:
                first, group = known[number, service]
                share = np.ones(len(group))
                share[group >= 0] = price[first + group[group >= 0]]
            else:
                _served, roles, facility, cell, units = served_in_time(world, service)
                need = world.demand.need[service]
                short = need - np.bincount(cell, units, len(need)).astype(np.int64) > 0
                share = np.where(felt_cells(cell, facility, units, len(need), len(roles), short)[0], 0.0, 1.0)
            row.append(share)
        out.append(row)
    return out
