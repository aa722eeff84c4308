"""How large the area under the coverage curve can be at most, and schedules that come near it.

V, the weighted units newly served by a set, never falls and its gains only shrink. So for every set A

    V(S) <= V(A) + sum over i in S, not in A, of (V(A + i) - V(A))

and the largest area is a linear program over the years of each option with one such row for every A and every stretch
of months (Nemhauser, Wolsey 1981). Rows are added where the last answer broke them. Each answer of the solver bounds
the area from above, first without and then with whole decisions; when no row is broken any more, it is the best.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import highspy
import numpy as np
from numpy.typing import NDArray

from engine.siting.program import threads

if TYPE_CHECKING:
    from engine.siting.phasing import Case

Ints = NDArray[np.int64]
# What the solver's tolerances may hide: it is added to every bound.
SLACK = 2e-7
MOST_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Proof:
    """year (o,): the best schedule met. bound: no schedule has more area."""

    year: Ints
    bound: float
    source: str


def tighten(case: Case, start: Ints, late: Callable[[], bool], left_s: Callable[[], float]) -> Proof:
    """Bound the area, from `start` on, until it is proved the best or `late()`."""
    best, area = start, case.area(start)
    every = np.ones(len(case.cost), bool)
    total = case.growth.value(every) if len(case.cost) else 0.0
    # At worst everything counts from its own earliest month on.
    earliest = np.where(case.cost <= case.budgets.largest, 0, -1)
    bound = case.area(earliest)
    if bound <= area * (1 + 1e-9) or total <= 0:
        return Proof(best, bound, "everything as early as its lead time allows")
    source = "everything as early as its lead time allows"
    program = _Program(case, total)
    for done in (np.zeros(len(every), bool), every, *case.steps(start)[1]):
        program.add_rows(done)
    whole = False
    for _ in range(MOST_ROUNDS):
        if late():
            break
        answer = program.solve(left_s(), whole)
        if answer is None:
            break
        told, shares, closed = answer
        if told * (1 + SLACK) < bound:
            bound, source = (
                told * (1 + SLACK),
                "rows of sets, whole decisions" if whole else "rows of sets, shares",
            )
        met = program.schedule(shares)
        if case.area(met) > area:
            best = case.improve(case.settle(met), late)
            area = case.area(best)
        if bound <= area * (1 + 1e-6) or not closed:
            break
        if not program.cut(shares, met, late):
            if whole:
                break
            whole = True
    return Proof(best, bound, source)


class _Program:
    """The linear program: shares z (option, year), then V of each stretch of months as a share of `total`."""

    def __init__(self, case: Case, total: float) -> None:
        self.case, self.total = case, total
        budgets = case.budgets
        years, options = len(budgets.years), len(case.cost)
        self.option, self.year = (part.ravel() for part in np.indices((options, years)))
        self.ready = budgets.begin_month[self.year] + case.lead[self.option]
        months = np.unique(self.ready)
        self.begin, self.length = months, np.diff(np.append(months, case.horizon)) / 12.0
        self.columns, self.stretches = len(self.option), len(months)
        self.asked: set[tuple[int, bytes]] = set()
        h = self.h = highspy.Highs()
        h.setOptionValue("output_flag", False)
        h.setOptionValue("threads", threads())
        h.setOptionValue("mip_rel_gap", 1e-7)
        top = np.concatenate([np.ones(self.columns), np.ones(self.stretches)])
        h.addVars(self.columns + self.stretches, np.zeros(self.columns + self.stretches), top)
        worth = np.concatenate([np.zeros(self.columns), self.length])
        h.changeColsCost(len(worth), np.arange(len(worth), dtype=np.int32), worth)
        h.changeObjectiveSense(highspy.ObjSense.kMaximize)
        for one in range(options):
            self._row(np.flatnonzero(self.option == one), np.ones(years), 1.0)
        scale = float(max(case.cost.max(initial=1), 1))
        for now in range(years):
            paid = self.year <= now if budgets.carry else self.year == now
            money = budgets.money_fen[: now + 1].sum() if budgets.carry else budgets.money_fen[now]
            mine = np.flatnonzero(paid)
            self._row(mine, case.cost[self.option[mine]] / scale, float(money) / scale)
        dear = case.cost[self.option] > (
            np.cumsum(budgets.money_fen)[self.year] if budgets.carry else budgets.money_fen[self.year]
        )
        for column in np.flatnonzero(dear):
            h.changeColBounds(int(column), 0.0, 0.0)

    def _row(self, columns: NDArray, values: NDArray, most: float) -> None:
        self.h.addRow(
            -highspy.kHighsInf, most, len(columns), columns.astype(np.int32), np.asarray(values, np.float64)
        )

    def add_rows(self, done: NDArray[np.bool_], stretches: NDArray | None = None) -> int:
        """The row of the set `done` for these stretches (all when None); how many were new."""
        growth, key, added = self.case.growth, done.tobytes(), 0
        for stretch in range(self.stretches) if stretches is None else stretches.tolist():
            if (stretch, key) in self.asked:
                continue
            self.asked.add((stretch, key))
            gain = growth.gains(done) / self.total
            counts = np.flatnonzero((self.ready <= self.begin[stretch]) & (gain[self.option] > 0))
            columns = np.append(counts, self.columns + stretch)
            self._row(columns, np.append(-gain[self.option[counts]], 1.0), growth.value(done) / self.total)
            added += 1
        return added

    def solve(self, seconds: float, whole: bool) -> tuple[float, NDArray, bool] | None:
        """(bound on the area, shares (columns,), solved to the end)."""
        h = self.h
        kind = highspy.HighsVarType.kInteger if whole else highspy.HighsVarType.kContinuous
        for column in range(self.columns):
            h.changeColIntegrality(column, kind)
        h.setOptionValue("time_limit", float(h.getRunTime() + max(seconds, 0.05)))  # its clock runs on
        h.run()
        closed = h.getModelStatus() == highspy.HighsModelStatus.kOptimal
        info = h.getInfo()
        if not closed and not whole:
            return None
        bound = float(info.mip_dual_bound if whole else info.objective_function_value) * self.total
        values = np.asarray(h.getSolution().col_value, np.float64)
        if len(values) < self.columns or not np.isfinite(bound):
            return None
        return bound, values, closed

    def schedule(self, shares: NDArray) -> Ints:
        """A schedule within the money: options by the year their shares speak for, moved on where it is spent."""
        case = self.case
        table = shares[: self.columns].reshape(len(case.cost), -1)
        favoured, surest = table.argmax(axis=1), table.max(axis=1)
        year = np.full(len(case.cost), -1, np.int64)
        spent = np.zeros(len(case.budgets.years), np.int64)
        for one in np.lexsort((np.arange(len(year)), favoured, -np.round(surest, 6))).tolist():
            room = case.budgets.first_room(spent, int(case.cost[one]), int(favoured[one]))
            year[one] = room if room >= 0 else case.budgets.first_room(spent, int(case.cost[one]))
            if year[one] >= 0:
                spent[year[one]] += case.cost[one]
        return year

    def cut(self, shares: NDArray, met: Ints, late: Callable[[], bool]) -> bool:
        """Add the rows of sets that the answer breaks; whether there was any."""
        case, added = self.case, 0
        sets: dict[bytes, NDArray[np.bool_]] = {}
        for stretch in range(self.stretches):
            counting = np.bincount(
                self.option,
                np.where(self.ready <= self.begin[stretch], shares[: self.columns], 0.0),
                len(case.cost),
            )
            for least in (0.99, 0.5, 0.01):
                done = counting >= least
                sets.setdefault(done.tobytes(), done)
        for done in case.steps(met)[1]:
            sets.setdefault(done.tobytes(), done)
        for done in sets.values():
            if late():
                break
            gain, worth = case.growth.gains(done) / self.total, case.growth.value(done) / self.total
            broken = []
            for stretch in range(self.stretches):
                counts = self.ready <= self.begin[stretch]
                allowed = worth + float(np.sum((gain[self.option] * shares[: self.columns])[counts]))
                if shares[self.columns + stretch] > allowed + 1e-8:
                    broken.append(stretch)
            added += self.add_rows(done, np.array(broken, np.int64))
        return added > 0
