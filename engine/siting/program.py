"""Mixed-integer programs on HiGHS, put together piece by piece: columns, then rows in bulk, then solved as often as wished.

Every row is divided by its largest coefficient, so that the solver's absolute tolerances mean the same for fen and for
people. Whole variables come back rounded; whoever needs an exact limit checks it again in whole numbers.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
INF = float("inf")
PATIENCE_S = 1.0  # how long a solver that was asked to end may take before it is left to end by itself


def threads() -> int:
    """Threads a solver may use: ENGINE_THREADS, otherwise at most two of the machine's."""
    return max(1, int(os.environ.get("ENGINE_THREADS") or 0) or min(2, len(os.sched_getaffinity(0))))


@dataclass(frozen=True, slots=True)
class Solved:
    """x: best found, None where there is none. value: the objective there. bound: proven; +-inf where nothing is known.
    closed: the tree is closed. infeasible: proved. duals (rows,) of a linear program, of the rows as they were given."""

    x: Floats | None
    value: float
    bound: float
    closed: bool
    infeasible: bool
    duals: Floats | None = None


class Program:
    """maximise cost x with low <= rows x <= high and bounds on x."""

    def __init__(self) -> None:
        self.lower: list[Floats] = []
        self.upper: list[Floats] = []
        self.cost: list[Floats] = []
        self.whole: list[NDArray[np.bool_]] = []
        self.columns = self.rows = 0
        self._row: list[Ints] = []
        self._column: list[Ints] = []
        self._value: list[Floats] = []
        self._low: list[Floats] = []
        self._high: list[Floats] = []
        self._scale: list[Floats] = []

    def add(
        self,
        count: int,
        lower: ArrayLike = 0.0,
        upper: ArrayLike = INF,
        *,
        cost: ArrayLike = 0.0,
        whole: bool = False,
    ) -> Ints:
        """Numbers of `count` new columns."""
        for kept, given in ((self.lower, lower), (self.upper, upper), (self.cost, cost)):
            kept.append(np.broadcast_to(np.asarray(given, np.float64), (count,)).copy())
        self.whole.append(np.full(count, whole))
        self.columns += count
        return np.arange(self.columns - count, self.columns)

    def limit(self, column: ArrayLike, value: ArrayLike, low: float = -INF, high: float = INF) -> int:
        """One row."""
        column = np.asarray(column, np.int64).ravel()
        return int(self.limits(np.zeros(len(column), np.int64), column, value, 1, low, high)[0])

    def limits(
        self,
        row: ArrayLike,
        column: ArrayLike,
        value: ArrayLike,
        count: int,
        low: ArrayLike = -INF,
        high: ArrayLike = INF,
    ) -> Ints:
        """`count` rows at once; `row` counts from 0. Numbers of the rows."""
        row, column = np.asarray(row, np.int64), np.asarray(column, np.int64)
        value = np.broadcast_to(np.asarray(value, np.float64), row.shape)
        largest = np.zeros(count)
        np.maximum.at(largest, row, np.abs(value))
        largest[largest == 0] = 1.0
        self._row.append(row + self.rows)
        self._column.append(column)
        self._value.append(value / largest[row])
        self._low.append(np.broadcast_to(np.asarray(low, np.float64), (count,)) / largest)
        self._high.append(np.broadcast_to(np.asarray(high, np.float64), (count,)) / largest)
        self._scale.append(largest)
        self.rows += count
        return np.arange(self.rows - count, self.rows)

    def bound(self, column: ArrayLike, lower: float, upper: float) -> None:
        """New bounds of some columns."""
        low, high = np.concatenate(self.lower), np.concatenate(self.upper)
        low[np.asarray(column, np.int64)], high[np.asarray(column, np.int64)] = lower, upper
        self.lower, self.upper = [low], [high]

    def aim(self, column: ArrayLike, value: ArrayLike) -> None:
        """A new objective, to be maximised."""
        cost = np.zeros(self.columns)
        np.add.at(cost, np.asarray(column, np.int64), np.asarray(value, np.float64))
        self.cost = [cost]

    def solve(
        self,
        seconds: float,
        *,
        seed: int = 0,
        rel_gap: float = 0.0,
        relaxed: bool = False,
        start: tuple[Ints, Floats] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        live: Callable[[float, float], None] | None = None,
    ) -> Solved:
        """Maximise. relaxed: whole variables may be fractions, and duals are given. start: (columns, values) of a known
        plan, which the solver completes. live(value, bound) as the tree goes."""
        column, row = (
            np.concatenate([np.empty(0, np.int64), *self._column]),
            np.concatenate([np.empty(0, np.int64), *self._row]),
        )
        value, cost = np.concatenate([np.empty(0), *self._value]), np.concatenate(self.cost)
        low, high = np.concatenate([np.empty(0), *self._low]), np.concatenate([np.empty(0), *self._high])
        whole = np.concatenate(self.whole) & (not relaxed)
        if len(cost) < self.columns:
            cost = np.concatenate([cost, np.zeros(self.columns - len(cost))])
        order = np.lexsort((row, column))
        column, row, value = column[order].astype(np.int64), row[order].astype(np.int64), value[order]
        # The same place named twice is one entry.
        first = np.ones(len(row), bool)
        first[1:] = (row[1:] != row[:-1]) | (column[1:] != column[:-1])
        value = np.bincount(np.cumsum(first) - 1, value) if len(row) else value
        column, row = column[first], row[first]
        scale = max(float(np.abs(cost).max(initial=0.0)), 1e-12)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = self.columns, self.rows
        lp.col_cost_ = cost / scale
        lp.col_lower_, lp.col_upper_ = (
            _infinite(np.concatenate(self.lower)),
            _infinite(np.concatenate(self.upper)),
        )
        lp.row_lower_, lp.row_upper_ = _infinite(low), _infinite(high)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_ = np.searchsorted(column, np.arange(self.columns + 1)).astype(np.int32)
        lp.a_matrix_.index_ = row.astype(np.int32)
        lp.a_matrix_.value_ = value
        lp.sense_ = highspy.ObjSense.kMaximize
        mixed = bool(whole.any())
        if mixed:
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            lp.integrality_ = [kinds[int(w)] for w in whole]
        h = highspy.Highs()
        for name, given in (
            ("output_flag", False), ("time_limit", float(max(seconds, 0.1))), ("random_seed", int(seed) % 2_000_000_000),
            ("mip_rel_gap", float(rel_gap)), ("mip_abs_gap", 1e-9), ("mip_feasibility_tolerance", 1e-9),
            ("primal_feasibility_tolerance", 1e-9), ("dual_feasibility_tolerance", 1e-9), ("threads", threads()),
        ):  # fmt: skip
            h.setOptionValue(name, given)
        h.passModel(lp)
        if start is not None and mixed:
            h.setSolution(len(start[0]), np.asarray(start[0], np.int32), np.asarray(start[1], np.float64))
        best: list[Floats] = []
        told = [(-INF, INF)]
        ended = self._run(h, seconds, scale, should_stop, live, best, told)
        if not ended:
            # The solver had to be left at its work: what it had told by then stays true.
            x = None
            if best:
                x = best[0].copy()
                x[whole] = np.rint(x[whole])
            return Solved(x, float(cost @ x) if x is not None else -INF, told[0][1], False, False)
        info, status = h.getInfo(), h.getModelStatus()
        states = highspy.HighsModelStatus
        if status in (states.kInfeasible, states.kUnboundedOrInfeasible):
            return Solved(None, -INF, -INF, True, True)
        closed = status == states.kOptimal
        x = None
        if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
            x = np.asarray(h.getSolution().col_value, np.float64)
            x[whole] = np.rint(x[whole])
        bound = INF
        if mixed and np.isfinite(info.mip_dual_bound):
            bound = float(info.mip_dual_bound) * scale
        duals = None
        if not mixed and closed:
            bound = float(info.objective_function_value) * scale
            duals = (
                np.asarray(h.getSolution().row_dual, np.float64)
                * scale
                / np.concatenate([np.empty(0), *self._scale])
            )
        return Solved(x, float(cost @ x) if x is not None else -INF, bound, closed, False, duals)

    def _run(
        self, h, seconds: float, scale: float, should_stop, live, best: list[Floats], told: list
    ) -> bool:
        """Run the solver beside the caller's thread, so that a request to end is met within a second even where the
        solver does not look up from its work. False where it had to be left: `best` then holds the best solution it had
        told of, if any, and told[0] its value and the bound proved by then."""
        asked = threading.Event()
        heard: list[tuple[float, float]] = []
        last: list[tuple[float, float]] = []

        def interrupt(kind, message, out, given, data) -> None:
            if kind == kinds.kCallbackMipImprovingSolution:
                best[:] = [np.array(out.mip_solution, np.float64)]
                return
            if kind == kinds.kCallbackMipInterrupt:
                said = float(out.mip_primal_bound) * scale, float(out.mip_dual_bound) * scale
                if not last or last[0] != said:
                    last[:] = [said]
                    told[0] = (
                        said[0] if abs(said[0]) < 1e300 else -INF,
                        said[1] if abs(said[1]) < 1e300 else INF,
                    )
                    heard.append(said)
            if asked.is_set():
                given.user_interrupt = True

        kinds = highspy.cb.HighsCallbackType
        h.setCallback(interrupt, None)
        for kind in (
            kinds.kCallbackMipImprovingSolution,
            kinds.kCallbackMipInterrupt,
            kinds.kCallbackSimplexInterrupt,
            kinds.kCallbackIpmInterrupt,
        ):
            h.startCallback(kind)
        failure: list[BaseException] = []

        def run() -> None:
            try:
                h.run()
            except BaseException as error:
                failure.append(error)

        worker = threading.Thread(
            target=run
        )  # not a daemon: a solver left behind ends before the process does
        worker.start()
        deadline = time.monotonic() + max(seconds, 0.1) + PATIENCE_S
        given_up = INF
        while worker.is_alive():
            worker.join(0.005 if not heard else 0.02)
            while heard and live:
                found, proven = heard.pop(0)
                live(found if abs(found) < 1e300 else -INF, proven if abs(proven) < 1e300 else INF)
            now = time.monotonic()
            if not asked.is_set() and (should_stop() or now > deadline):
                asked.set()
                given_up = now + PATIENCE_S
            if now > given_up:
                return False
        if failure:
            raise failure[0]
        return True


def _infinite(values: Floats) -> Floats:
    return np.where(
        np.isposinf(values), highspy.kHighsInf, np.where(np.isneginf(values), -highspy.kHighsInf, values)
    )
