"""The linear relaxation of maximal cover by a peer: python -m tests.bench._siting_cover_peer pdlp|ipm MODEL.npz SECONDS.

Prints {"value", "seconds", "closed"}; ends with 3 where the peer is not installed. Only solving is timed.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from scipy.sparse import coo_array

from tests.bench import _rows

TOLERANCE = 1e-4


def model(path: str) -> tuple:
    """(cost, matrix csc, low, high of rows, scale): least -weight x covered; columns sites, groups; covered <= sites
    that cover it; p sites. Weights add up to 1,000."""
    told = np.load(path)
    indptr, site, weight, m, p = (
        told["indptr"],
        told["site"],
        told["weight"],
        int(told["sites"]),
        int(told["p"]),
    )
    g, each = len(weight), np.arange(len(weight))
    row = np.concatenate([np.repeat(each, np.diff(indptr)), each, np.full(m, g)])
    column = np.concatenate([site, m + each, np.arange(m)])
    value = np.concatenate([np.ones(len(site)), -np.ones(g), np.ones(m)])
    scale = weight.sum() / 1e3
    matrix = coo_array((value, (row, column)), shape=(g + 1, m + g)).tocsc()
    return (
        np.r_[np.zeros(m), -weight / scale],
        matrix,
        np.r_[np.zeros(g), p],
        np.r_[np.full(g, np.inf), p],
        scale,
    )


def by_pdlp(path: str, limit_s: float) -> dict:
    _rows.with_peers()
    from ortools.pdlp import solve_log_pb2, solvers_pb2
    from ortools.pdlp.python import pdlp
    from scipy.sparse import csc_matrix

    cost, matrix, low, high, scale = model(path)
    problem = pdlp.QuadraticProgram()
    problem.resize_and_initialize(len(cost), len(low))
    problem.objective_vector, problem.constraint_matrix = cost, csc_matrix(matrix)
    problem.constraint_lower_bounds, problem.constraint_upper_bounds = low.astype(float), high
    problem.variable_lower_bounds, problem.variable_upper_bounds = np.zeros(len(cost)), np.ones(len(cost))
    settings = solvers_pb2.PrimalDualHybridGradientParams()
    settings.num_threads = 2
    criteria = settings.termination_criteria
    criteria.simple_optimality_criteria.eps_optimal_relative = TOLERANCE
    criteria.simple_optimality_criteria.eps_optimal_absolute = TOLERANCE
    criteria.time_sec_limit = limit_s
    begun = time.perf_counter()
    found = pdlp.primal_dual_hybrid_gradient(problem, settings)
    seconds = time.perf_counter() - begun
    closed = found.solve_log.termination_reason == solve_log_pb2.TERMINATION_REASON_OPTIMAL
    return {"value": -float(cost @ found.primal_solution) * scale, "seconds": seconds, "closed": bool(closed)}


def by_ipm(path: str, limit_s: float) -> dict:
    import highspy

    cost, matrix, low, high, scale = model(path)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(cost), len(low)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, np.zeros(len(cost)), np.ones(len(cost))
    lp.row_lower_, lp.row_upper_ = low.astype(float), np.where(np.isfinite(high), high, highspy.kHighsInf)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32)
    lp.a_matrix_.value_ = matrix.data
    solver = highspy.Highs()
    for name, setting in (
        ("output_flag", False), ("solver", "ipm"), ("run_crossover", "off"), ("threads", 2), ("time_limit", limit_s),
        ("ipm_optimality_tolerance", TOLERANCE),
    ):  # fmt: skip
        solver.setOptionValue(name, setting)
    solver.passModel(lp)
    begun = time.perf_counter()
    solver.run()
    seconds = time.perf_counter() - begun
    # Without crossover an answer at the tolerance may be called "unknown"; what ended before the time is taken.
    closed = solver.getModelStatus() != highspy.HighsModelStatus.kTimeLimit and seconds < limit_s
    value = -solver.getInfo().objective_function_value * scale
    return {"value": value, "seconds": seconds, "closed": closed}


if __name__ == "__main__":
    try:
        told = {"pdlp": by_pdlp, "ipm": by_ipm}[sys.argv[1]](sys.argv[2], float(sys.argv[3]))
    except ImportError:
        sys.exit(3)
    print(json.dumps(told))
