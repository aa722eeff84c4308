"""The exact model of any question: decisions, who goes where, and the frame of its aim, rule and limits.

subject to  flow out of a group <= need;  flow into an existing node <= units;
            flow into an option's node <= units x taken;  each flow <= need x taken (a group may use a site only as far as
            the site is open: without it the bound is several percent too high);
            weighted units of a world (and area) = what flows from its groups + what is served in any case.
For fixed decisions who goes where is a linear program. Its best is whole numbers where every unit weighs the same; where
shares of areas are weighed against each other it need not be, so nothing here relies on it: solve.py measures again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.siting.frame import Frame, Goal
from engine.siting.valuing import Valuer


def tie_flows(frame: Frame) -> None:
    """Columns and rows of who goes where."""
    case, p = frame.case, frame.program
    m = case.model
    lengths = np.diff(m.node_ptr)
    edge_node = np.repeat(np.arange(m.nodes), lengths)
    group = m.edge_group.astype(np.int64)
    option = m.node_option[edge_node]
    most = np.minimum(m.group_need[group], m.node_units[edge_node]).astype(float)
    flow = p.add(m.edges, 0.0, most)
    p.limits(group, flow, 1.0, m.groups, high=m.group_need.astype(float))
    free = np.flatnonzero(m.node_option >= 0)
    p.limits(
        np.concatenate([edge_node, free]),
        np.concatenate([flow, frame.x[m.node_option[free]]]),
        np.concatenate([np.ones(m.edges), -m.node_units[free].astype(float)]),
        m.nodes,
        high=np.where(m.node_option >= 0, 0.0, m.node_units),
    )
    tied = np.flatnonzero((option >= 0) & (m.group_need[group] < m.node_units[edge_node]))
    count = np.arange(len(tied))
    p.limits(
        np.concatenate([count, count]),
        np.concatenate([flow[tied], frame.x[option[tied]]]),
        np.concatenate([np.ones(len(tied)), -most[tied]]),
        len(tied),
        high=0.0,
    )
    measure = case.group_measure[group]
    p.limits(
        np.concatenate([measure, np.arange(case.measures)]),
        np.concatenate([flow, frame.y]),
        np.concatenate([-case.group_value[group], np.ones(case.measures)]),
        case.measures,
        low=case.steady,
        high=case.steady,
    )


@dataclass(frozen=True, slots=True)
class Found:
    """taken (d,): best decisions, None where none are known. value: the goal there, measured. bound: proven. infeasible:
    proved that there is no plan. source: of the proof."""

    taken: NDArray[np.bool_] | None
    value: float
    bound: float
    closed: bool
    infeasible: bool
    source: str


def optimise(
    valuer: Valuer,
    goal: Goal,
    *,
    seconds: float,
    seed: int = 0,
    start: NDArray[np.bool_] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    live: Callable[[float, float], None] | None = None,
) -> Found:
    """The best plan by HiGHS. A plan whose whole numbers break a limit by the solver's rounding is cut off and sought
    again; the first bound holds for all."""
    case = valuer.case
    end = time.monotonic() + seconds
    frame = Frame.of(case)
    frame.aim(goal)
    tie_flows(frame)
    flip = goal.small(case)
    worst = np.inf if flip else -np.inf
    bound, found = -worst, None

    def tell(value: float, proven: float) -> None:
        if live:
            live(frame.stated(value), frame.stated(proven))

    for attempt in range(5):
        solved = frame.program.solve(
            max(end - time.monotonic(), 0.1), seed=seed, rel_gap=1e-8, should_stop=should_stop, live=tell,
            start=None if start is None else (frame.x, start.astype(float)),
        )  # fmt: skip
        if solved.infeasible:
            return Found(None, worst, worst, True, attempt == 0, "HiGHS, no plan keeps the limits")
        if attempt == 0:
            bound = frame.stated(solved.bound)
        if solved.x is None:
            break
        taken = solved.x[frame.x] > 0.5
        value = valuer.value(taken, goal)
        if case.keeps_limits(taken) and value.kept:
            found = Found(taken, value.value, bound, solved.closed, False,
                          "HiGHS, tree closed" if solved.closed else "HiGHS, tree open")  # fmt: skip
            break
        sign = np.where(taken, 1.0, -1.0)
        frame.program.limit(frame.x, sign, high=float(taken.sum()) - 1.0)
    if start is not None and case.keeps_limits(
        start
    ):  # the plan begun with, where none or only a worse one was found
        known = valuer.value(start, goal)
        better = found is None or (known.value < found.value if flip else known.value > found.value)
        if known.kept and better:
            found = Found(start, known.value, bound, False, False, "HiGHS, tree open")
    return found or Found(None, worst, bound, False, False, "HiGHS, tree open")
