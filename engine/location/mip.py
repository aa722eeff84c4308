"""Mixed-integer models on HiGHS: minimise c x, with lo <= A x <= hi, 0 <= x <= upper."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array


@dataclass(frozen=True, slots=True)
class Solved:
    """x: best found, None where there is none. value, bound: of the objective; no x is below the bound. closed: proved.
    infeasible: proved that there is no x."""

    x: NDArray[np.float64] | None
    value: float
    bound: float
    closed: bool
    infeasible: bool


def solver_threads() -> int:
    """ENGINE_THREADS where the worker is given that many, otherwise the cores there are, at most 8."""
    return max(1, int(os.environ.get("ENGINE_THREADS") or 0) or min(8, len(os.sched_getaffinity(0))))


def minimise(
    objective: NDArray[np.float64], matrix: csc_array, low: NDArray[np.float64], high: NDArray[np.float64],
    whole: NDArray[np.bool_], seconds: float, seed: int = 0, upper: NDArray[np.float64] | float = 1.0,
    start: NDArray[np.float64] | None = None, rel_gap: float = 1e-9, threads: int | None = None,
    should_stop: Callable[[], bool] | None = None, told: Callable[[float, float], None] | None = None,
) -> Solved:  # fmt: skip
    """Solve within `seconds`; `whole` (columns,) tells which variables are whole numbers. Numbers are scaled so that
    absolute tolerances of the solver do not matter. threads: solver_threads() when not told. should_stop() true ends the
    search with what it has; told(value, bound) is called as it goes, inf and -inf where not known."""
    rows, columns = matrix.shape
    scale = max(float(np.abs(objective).max(initial=0.0)), 1e-12)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = columns, rows
    lp.col_cost_ = np.asarray(objective, np.float64) / scale
    lp.col_lower_ = np.zeros(columns)
    lp.col_upper_ = np.broadcast_to(np.asarray(upper, np.float64), (columns,)).copy()
    lp.row_lower_ = np.where(np.isfinite(low), low, -highspy.kHighsInf)
    lp.row_upper_ = np.where(np.isfinite(high), high, highspy.kHighsInf)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = matrix.indptr.astype(np.int32)
    lp.a_matrix_.index_ = matrix.indices.astype(np.int32)
    lp.a_matrix_.value_ = matrix.data.astype(np.float64)
    kinds = np.where(whole, 1, 0)
    lp.integrality_ = [
        highspy.HighsVarType.kInteger if kind else highspy.HighsVarType.kContinuous for kind in kinds.tolist()
    ]
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("time_limit", float(max(seconds, 0.1)))
    solver.setOptionValue("random_seed", int(seed) % 2_000_000_000)
    solver.setOptionValue("mip_rel_gap", float(rel_gap))
    solver.setOptionValue("mip_abs_gap", 1e-9)
    solver.setOptionValue("threads", threads or solver_threads())
    solver.passModel(lp)
    if start is not None:
        given = highspy.HighsSolution()
        given.col_value = list(np.asarray(start, np.float64))
        solver.setSolution(given)
    if should_stop is not None or told is not None:

        def look(event: highspy.highs.HighsCallbackEvent) -> None:
            if should_stop is not None and should_stop():
                event.interrupt()
            if told is not None:
                told(event.data_out.mip_primal_bound * scale, event.data_out.mip_dual_bound * scale)

        solver.cbMipInterrupt += look
    status = solver.run()
    if status == highspy.HighsStatus.kError:
        # The solver's threads are made once in a process; another count than the first is refused until they are gone.
        highspy.Highs.resetGlobalScheduler(True)
        solver.run()
    status, info = solver.getModelStatus(), solver.getInfo()
    found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    closed = status == highspy.HighsModelStatus.kOptimal
    x = np.asarray(solver.getSolution().col_value, np.float64) if found else None
    value = float(objective @ x) if x is not None else np.inf
    if whole.any():
        bound = float(info.mip_dual_bound) * scale if np.isfinite(info.mip_dual_bound) else -np.inf
    else:
        bound = value if closed else -np.inf
    infeasible = status in (
        highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible,
    )  # fmt: skip
    return Solved(x, value, bound, closed, infeasible)
