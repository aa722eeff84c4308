"""The exact siting model on HiGHS: binaries per option, flows from groups to nodes.

maximise   sum weight x flow - existing value
subject to flow out of a group <= need;  flow into an existing node <= units;
           flow into an option's node <= units x open;  each flow <= need x open (a group may use a site only as far
           as the site is open: without it the bound is several percent too high);
           cost <= budget;  at most one option of an exclusive set.
For fixed binaries the flows are integral, so they stay continuous.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

from engine.siting.model import SitingModel


@dataclass(frozen=True, slots=True)
class Proof:
    """taken: (o,) best set found or None. bound: proven, above what exists; inf when nothing was proven. closed: the
    search tree is closed."""

    taken: NDArray[np.bool_] | None
    bound: float
    closed: bool


def solve(
    model: SitingModel,
    budget_fen: int,
    existing_value: float,
    start: NDArray[np.bool_],
    forced: NDArray[np.bool_],
    free: NDArray[np.bool_],
    seconds: float,
    rel_gap: float,
    seed: int,
    should_stop: Callable[[], bool],
) -> Proof:
    """Solve over the `free` options with the `forced` ones taken (their nodes stand as existing in `model`, their
    cost is already out of budget_fen). existing_value: weighted units served before any option. `start` (o,) is a
    known feasible set."""
    x_of = np.full(len(model.options), -1, np.int64)
    chosen = np.flatnonzero(free)
    x_of[chosen] = np.arange(len(chosen))
    lengths = np.diff(model.node_ptr)
    edge_node = np.repeat(np.arange(model.nodes), lengths)
    edge_option = model.node_option[edge_node]
    n_x, n_f = len(chosen), model.edges
    flow_limit = np.minimum(model.group_need[model.edge_group], model.node_units[edge_node]).astype(float)

    # Rows: groups, nodes, strong links, budget, exclusive sets.
    flow_column = n_x + np.arange(n_f)
    optional = model.node_option >= 0
    linked = np.flatnonzero(
        (edge_option >= 0) & (model.group_need[model.edge_group] < model.node_units[edge_node])
    )
    g, v, s = model.groups, model.nodes, len(linked)
    divisor = int(np.gcd.reduce(model.cost[chosen])) if n_x else 1
    divisor = max(divisor, 1)
    cost = model.cost[chosen] // divisor
    room = int(budget_fen) // divisor
    sets = [x_of[members][x_of[members] >= 0] for members in model.conflicts]
    sets = [members for members in sets if len(members) > 1]
    shut = [x_of[m][x_of[m] >= 0] for m in model.conflicts if forced[m].any()]
    node_x = np.flatnonzero(optional)
    row = np.concatenate(
        [model.edge_group, g + edge_node, g + node_x, g + v + np.arange(s), g + v + np.arange(s),
         np.full(n_x, g + v + s)]
        + [np.full(len(members), g + v + s + 1 + i) for i, members in enumerate(sets)]
    )  # fmt: skip
    column = np.concatenate(
        [flow_column, flow_column, x_of[model.node_option[node_x]], flow_column[linked], x_of[edge_option[linked]],
         np.arange(n_x), *sets]
    )  # fmt: skip
    value = np.concatenate(
        [np.ones(n_f), np.ones(n_f), -model.node_units[node_x].astype(float), np.ones(s), -flow_limit[linked],
         cost.astype(float)]
        + [np.ones(len(members)) for members in sets]
    )  # fmt: skip
    upper = np.concatenate(
        [
            model.group_need,
            np.where(optional, 0, model.node_units),
            np.zeros(s),
            [float(room)],
            np.ones(len(sets)),
        ]
    ).astype(float)
    rows = len(upper)
    order = np.lexsort((row, column))
    starts = np.searchsorted(column[order], np.arange(n_x + n_f + 1))
    unit_value = model.node_weight[edge_node] if n_f else np.empty(0)
    scale = max(float(unit_value.max(initial=0.0)), 1e-12)

    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n_x + n_f, rows
    lp.col_cost_ = np.concatenate([np.zeros(n_x), unit_value / scale])
    lp.col_lower_ = np.zeros(n_x + n_f)
    x_upper = np.ones(n_x)
    for members in shut:
        x_upper[members] = 0.0
    lp.col_upper_ = np.concatenate([x_upper, flow_limit])
    lp.row_lower_, lp.row_upper_ = np.full(rows, -highspy.kHighsInf), upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = starts.astype(np.int32)
    lp.a_matrix_.index_ = row[order].astype(np.int32)
    lp.a_matrix_.value_ = value[order]
    lp.sense_ = highspy.ObjSense.kMaximize
    lp.integrality_ = [highspy.HighsVarType.kInteger] * n_x + [highspy.HighsVarType.kContinuous] * n_f

    h = highspy.Highs()
    h.setOptionValue("output_flag", False)
    h.setOptionValue("time_limit", float(max(seconds, 0.1)))
    h.setOptionValue("random_seed", int(seed) % 2_000_000_000)
    h.setOptionValue("mip_rel_gap", float(rel_gap))
    h.setOptionValue("mip_abs_gap", 1e-7)
    h.setOptionValue("threads", 2)
    h.passModel(lp)

    def interrupt(kind, message, out, given, data) -> None:
        if should_stop():
            given.user_interrupt = True

    h.setCallback(interrupt, None)
    kinds = highspy.cb.HighsCallbackType
    for kind in (kinds.kCallbackMipInterrupt, kinds.kCallbackSimplexInterrupt, kinds.kCallbackIpmInterrupt):
        h.startCallback(kind)
    if start is not None and start[chosen].any():
        h.setSolution(n_x, np.arange(n_x, dtype=np.int32), start[chosen].astype(float))
    h.run()
    info, status = h.getInfo(), h.getModelStatus()
    closed = status == highspy.HighsModelStatus.kOptimal
    bound = (
        float(info.mip_dual_bound) * scale - existing_value if np.isfinite(info.mip_dual_bound) else np.inf
    )
    taken = None
    if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
        taken = forced.copy()
        taken[chosen] = np.asarray(h.getSolution().col_value[:n_x]) > 0.5
    return Proof(taken, bound, closed)
