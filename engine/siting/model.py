"""The siting model: what each option adds, where it can matter, and who could use it.

Blocks are (world, service). In each block only capacity that is ready in time counts. Three exact reductions:
1. Only cells that a shortage can be felt in matter: start at the cells with unserved need, go to every facility they
   reach (all full, or the flow would not be maximal), to every cell served there, and so on. New capacity outside
   this set cannot serve one unit more.
2. Options that add nothing in any block fall away.
3. Cells that reach the same facilities and options become one group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.coverage import role_ready, role_supply, served_in_time
from engine.grouping import group_rows
from engine.siting.blocks import collapse
from engine.world import CLOSING_KINDS, READYING_KINDS, REASON_OTHER_ROLE, Option, World

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SitingModel:
    """All blocks in one bipartite network of nodes (capacity) and groups (need); blocks share no edge.

    node_option (v,) option index or -1 for what exists already; node_units (v,); node_weight (v,) value of one unit;
    node_world (v,). Edges by node: node_ptr (v+1,), edge_group (e,). group_need (g,), group_weight (g,).
    options (o,) indices of options that can matter; cost (o,) fen, all within the budget.
    conflicts: arrays of positions in `options`, at most one of each may be taken.
    base: (w, k) units served in time before. kept_cells: how many cells the reduction kept.

    What a Question adds, None where it asks for nothing of the kind:
    inverted (o,): the option retires a role, and its decision in the solvers is to KEEP it (its node is open when the
    decision is taken; cost, rows and merit are those of keeping, constants are already in the budget and row_limit).
    So every decision only ever adds capacity and the flow only grows with what is taken.
    forced (o,): decisions that are taken in any case. merit (o,): worth of a decision beside the people served.
    rows (r, o), row_limit (r,): sum of rows[i] over the decisions taken <= row_limit[i]; row_name (r,): Limit names.
    group_area (g,): area of each group, -1 none; then groups of different areas are kept apart.
    cell_group: (world, service, first group, group (n,) of each cell counted from there, -1 outside) of each block, so
    that what is found for groups can be told of cells.
    """

    node_option: Ints
    node_units: Ints
    node_weight: NDArray[np.float64]
    node_world: Ints
    node_ptr: Ints
    edge_group: NDArray[np.int32]
    group_need: Ints
    group_weight: NDArray[np.float64]
    options: Ints
    cost: Ints
    conflicts: tuple[Ints, ...]
    base: Ints
    kept_cells: int
    displacing: tuple[int, ...]
    inverted: NDArray[np.bool_] | None = None
    forced: NDArray[np.bool_] | None = None
    merit: NDArray[np.float64] | None = None
    rows: Ints | None = None
    row_limit: Ints | None = None
    row_name: tuple[str, ...] = ()
    group_area: Ints | None = None
    cell_group: tuple[tuple[int, int, int, NDArray[np.int32]], ...] = ()

    @property
    def nodes(self) -> int:
        return len(self.node_option)

    @property
    def edges(self) -> int:
        return int(self.node_ptr[-1])

    @property
    def groups(self) -> int:
        return len(self.group_need)


def option_units(world: World, options: Sequence[Option]) -> tuple[Ints, list[int]]:
    """Units ready in time that each option adds in this world, and the options left out because they would push
    another role of the same place aside (that is a change of use, not an addition)."""
    supply, reason = role_supply(world)
    ready, roles = role_ready(world), world.supply
    in_play = world.demand.need.sum(axis=1) > 0
    limits = [
        np.inf if s.conversion_limit_hours is None else s.conversion_limit_hours for s in world.standards
    ]
    rivals: dict[int, list[int]] = {}
    for rival in np.flatnonzero(roles.role_exclusive & roles.role_usable & (roles.role_capacity > 0)):
        if in_play[roles.role_service[rival]]:
            rivals.setdefault(int(roles.role_site[rival]), []).append(int(rival))
    units, displacing = np.zeros(len(options), np.int64), []
    for index, option in enumerate(options):
        if (
            option.kind in CLOSING_KINDS
            or option.hours > limits[option.service]
            or not in_play[option.service]
        ):
            continue
        if option.kind not in READYING_KINDS:
            units[index] = option.units
            continue
        role = option.role
        if supply[role] > 0:
            units[index] = 0 if ready[role] else supply[role]
        elif reason[role] != REASON_OTHER_ROLE and not roles.role_usable[role]:
            units[index] = roles.role_capacity[role]
            if roles.role_exclusive[role]:
                others = [(int(roles.role_rank[r]), r) for r in rivals.get(option.site, [])]
                if any(other < (int(roles.role_rank[role]), role) for other in others):
                    units[index] = 0
                elif others:
                    units[index] = 0
                    displacing.append(index)
    return units, displacing


def _conflicts(worlds: Sequence[World], options: Sequence[Option]) -> list[list[int]]:
    """Sets of which at most one may be taken: the caller's keys, one readying per role, and one readying of a lapsed
    exclusive role per site."""
    sets: dict[tuple, list[int]] = {}
    roles = worlds[0].supply
    for number, option in enumerate(options):
        if option.exclusive_key >= 0:
            sets.setdefault(("key", option.exclusive_key), []).append(number)
        if option.kind in READYING_KINDS:
            sets.setdefault(("role", option.role), []).append(number)
            if roles.role_exclusive[option.role]:
                sets.setdefault(("site", option.site), []).append(number)
    return [members for members in sets.values() if len(members) > 1]


def felt_cells(
    cell, facility, units, cells, facilities, deficit
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Cells and facilities reachable from unserved need by re-routing (the residual graph of a maximal flow)."""
    in_cell, in_place = deficit.copy(), np.zeros(facilities, bool)
    used = units > 0
    used_cell, used_place = cell[used], facility[used]
    while True:
        in_place[facility[in_cell[cell]]] = True
        grown = in_cell.copy()
        grown[used_cell[in_place[used_place]]] = True
        if np.array_equal(grown, in_cell):
            return in_cell, in_place
        in_cell = grown


def build_model(
    worlds: Sequence[World], options: Sequence[Option], weights: Sequence[float], budget_fen: int
) -> SitingModel:
    """Build and reduce; see the module text. weights (w,) value worlds, Standard.weight values services."""
    affordable = np.array([option.cost_fen <= budget_fen for option in options], bool)
    base = np.zeros((len(worlds), worlds[0].services), np.int64)
    parts, group_need, group_weight, displacing, cell_group = [], [], [], set(), []
    groups, kept = 0, 0
    added = []
    for world in worlds:
        units, pushed = option_units(world, options)
        added.append(units)
        displacing.update(pushed)
    blocked = np.zeros(len(options), bool)
    blocked[list(displacing)] = True
    for number, world in enumerate(worlds):
        units = np.where(affordable & ~blocked, added[number], 0)
        for service in range(world.services):
            weight = float(weights[number]) * world.standards[service].weight
            block = _block(world, service, options, units)
            base[number, service] = block["base"]
            if weight == 0 or block["cells"] == 0 or not (block["option"] >= 0).any():
                continue
            kept += block["cells"]
            parts.append(
                (block, np.full(len(block["units"]), weight), np.full(len(block["units"]), number), groups)
            )
            cell_group.append((number, service, groups, block["cell_group"]))
            group_need.append(block["need"])
            group_weight.append(np.full(len(block["need"]), weight))
            groups += len(block["need"])
    node_option = np.concatenate([p[0]["option"] for p in parts] or [np.empty(0, np.int64)])
    matters = np.unique(node_option[node_option >= 0])
    position = np.full(len(options), -1, np.int64)
    position[matters] = np.arange(len(matters))
    conflicts = []
    for members in _conflicts(worlds, options):
        inside = position[members]
        inside = np.unique(inside[inside >= 0])
        if len(inside) > 1:
            conflicts.append(inside)
    lengths = np.concatenate([p[0]["lengths"] for p in parts] or [np.empty(0, np.int64)])
    return SitingModel(
        node_option=np.where(node_option >= 0, position[node_option], -1),
        node_units=np.concatenate([p[0]["units"] for p in parts] or [np.empty(0, np.int64)]),
        node_weight=np.concatenate([p[1] for p in parts] or [np.empty(0)]),
        node_world=np.concatenate([p[2] for p in parts] or [np.empty(0, np.int64)]),
        node_ptr=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        edge_group=np.concatenate([p[0]["group"] + np.int32(p[3]) for p in parts] or [np.empty(0, np.int32)]),
        group_need=np.concatenate(group_need or [np.empty(0, np.int64)]).astype(np.int64),
        group_weight=np.concatenate(group_weight or [np.empty(0)]),
        options=matters.astype(np.int64),
        cost=np.array([options[i].cost_fen for i in matters], np.int64),
        conflicts=tuple(conflicts),
        base=base,
        kept_cells=kept,
        displacing=tuple(sorted(displacing)),
        cell_group=tuple(cell_group),
    )


def _block(world: World, service: int, options: Sequence[Option], units: Ints) -> dict:
    """One (world, service): base served, and the reduced nodes and groups."""
    base, roles, facility, cell, flow = served_in_time(world, service)
    supply, need = world.supply.role_capacity, world.demand.need[service]
    deficit = need - np.bincount(cell, flow, len(need)).astype(np.int64) > 0
    empty = np.empty(0, np.int64)
    nothing = {"base": base, "cells": 0, "option": empty, "units": empty, "lengths": empty, "group": empty,
               "need": empty}  # fmt: skip
    mine = np.array([i for i in np.flatnonzero(units > 0) if options[i].service == service], np.int64)
    if len(mine) == 0 or not deficit.any():
        return nothing
    in_cell, in_place = felt_cells(cell, facility, flow, len(need), len(roles), deficit)
    places = np.flatnonzero(in_place)
    sites = np.array([options[i].site for i in mine], np.int64)
    # Options and places at one site reach the same cells, so each site is looked at once.
    distinct, row = np.unique(
        np.concatenate([world.supply.role_site[roles[places]], sites]), return_inverse=True
    )
    rows = world.reach[service].take(distinct)
    group, row_ptr, row_group = collapse(rows.indptr, rows.cell, np.arange(len(distinct)), in_cell)
    cells = int(in_cell.sum())
    lengths = np.diff(row_ptr)[row]
    keep = lengths > 0
    start, lengths = row_ptr[row[keep]], lengths[keep]
    ends = np.cumsum(lengths)
    edge = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(start - (ends - lengths), lengths)
    option = np.concatenate([np.full(len(places), -1, np.int64), mine])
    return {
        "base": base,
        "cells": cells,
        "option": option[keep],
        "units": np.concatenate([supply[roles[places]], units[mine]])[keep],
        "lengths": lengths,
        "group": row_group[edge],
        "cell_group": group.astype(np.int32),
        "need": np.bincount(group[in_cell], need[in_cell]).astype(np.int64),
    }


def focus(model: SitingModel, taken: NDArray[np.bool_], free: NDArray[np.bool_]) -> SitingModel:
    """The same model with options outside taken and free gone, taken ones standing as if they existed, and groups
    merged again. Positions in `options` stay, so answers carry over."""
    option = model.node_option
    kind_free = np.where(option >= 0, free[option], False)
    keep = (option < 0) | kind_free | np.where(option >= 0, taken[option], False)
    lengths = np.diff(model.node_ptr)
    edge_keep = np.repeat(keep, lengths)
    number = np.cumsum(keep) - 1
    node = number[np.repeat(np.arange(model.nodes), lengths)[edge_keep]]
    old_group = model.edge_group[edge_keep].astype(np.int64)
    group = group_rows(old_group, node, model.groups, max(int(keep.sum()), 1))
    # Groups that reach nothing any more stand alone; they only carry need nobody can serve.
    _, first, dense = np.unique(group, return_index=True, return_inverse=True)
    need = np.bincount(dense, model.group_need).astype(np.int64)
    pairs = np.unique(node * len(first) + dense[old_group])
    node, group = pairs // len(first), pairs % len(first)
    return SitingModel(
        np.where(kind_free, option, -1)[keep],
        model.node_units[keep],
        model.node_weight[keep],
        model.node_world[keep],
        np.concatenate([[0], np.cumsum(np.bincount(node, minlength=int(keep.sum())))]).astype(np.int64),
        group.astype(np.int32),
        need,
        model.group_weight[first],
        model.options,
        model.cost,
        model.conflicts,
        model.base,
        model.kept_cells,
        model.displacing,
    )
