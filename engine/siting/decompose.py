"""Large questions: a master over the decisions alone, and proven lines on what they can serve.

The master is the frame of the question with lines instead of flows, so its best is a bound for every aim, rule and limit.
1. Prices of worlds and areas come from the master's linear program, prices of people's need from prices.py; each search
   adds one line per world, and the linear program is the bound.
2. The master's whole plans are measured exactly, mended and polished by search on the true aim; the minimal cuts of each
   measured plan become lines that are tight there. When the master's bound meets the best plan, it is proved
   (Benders 1962; Geoffrion 1972).
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from engine.siting.exact import Found
from engine.siting.frame import Frame, Goal, blur, measure_world
from engine.siting.lines import cut_lines, lines
from engine.siting.polishing import Polisher
from engine.siting.prices import Prices, PriceSearch
from engine.siting.valuing import Value, Valuer

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
CLOSED = 1e-7
QUICK_EDGES = 1000
ENOUGH = 1e-4  # further price rounds that gain less than this share of the gap are left


class Master:
    """The frame with lines; grows as they are found."""

    def __init__(self, valuer: Valuer, goal: Goal) -> None:
        self.case, self.goal = valuer.case, goal
        self.frame = Frame.of(self.case)
        self.frame.aim(goal)
        self.world = measure_world(self.case)
        self.omega: list[Floats] = []
        self.row: list[int] = []

    def add(self, omega: Floats, constant: Floats, slope: Floats) -> None:
        """Lines of the worlds that omega (measures,) prices."""
        for w in range(len(self.case.weights)):
            mine = np.flatnonzero((self.world == w) & (omega > 0))
            if len(mine) == 0:
                continue
            used = np.flatnonzero(slope[w])
            self.row.append(
                self.frame.program.limit(
                    np.concatenate([self.frame.y[mine], self.frame.x[used]]),
                    np.concatenate([omega[mine], -slope[w][used]]),
                    high=float(constant[w]) + 1e-9 * abs(float(constant[w])),
                )
            )
            self.omega.append(np.where(self.world == w, omega, 0.0))

    def prices(self, duals: Floats) -> Floats:
        """(measures,) what one more unit served would be worth to the linear program."""
        if not self.row:
            return np.zeros(self.case.measures)
        return np.maximum(duals[self.row], 0.0) @ np.array(self.omega)


class Decomposition:
    def __init__(self, valuer: Valuer, goal: Goal, seed: int, clock) -> None:
        self.valuer, self.case, self.goal, self.clock, self.seed = valuer, valuer.case, goal, clock, seed
        self.flip = goal.small(self.case)
        self.sign = -1.0 if self.flip else 1.0
        self.master = Master(valuer, goal)
        self.bound = -self.sign * -np.inf
        self.best: Flags | None = None
        self.value = self.sign * -np.inf
        self.seen: set[bytes] = set()
        self.share: Floats | None = None  # near-primal shares of the last price search

    @property
    def gap(self) -> float:
        """Distance of value and bound, relative to the larger."""
        largest = max(abs(self.bound), abs(self.value))
        if not np.isfinite(largest):
            return np.inf
        if self.sign * (self.bound - self.value) <= blur(self.case, self.goal):
            return 0.0
        return self.sign * (self.bound - self.value) / largest if largest > 0 else 0.0

    def prove(self, bound: float) -> None:
        if self.sign * bound < self.sign * self.bound:
            self.bound = bound
            self.clock.improve(self.value, self.bound)

    def consider(self, taken: Flags) -> Value:
        """Measure a plan, keep it if it is the best, and let its minimal cuts bound others."""
        found = self.valuer.value(taken, self.goal)
        if found.kept and self.case.keeps_limits(taken) and self.sign * found.value > self.sign * self.value:
            self.best, self.value = taken.copy(), found.value
            self.clock.improve(self.value, self.bound)
        if taken.tobytes() not in self.seen:
            self.seen.add(taken.tobytes())
            rank = None
            if self.case.apart_areas:
                omega = np.ones(self.case.measures) if found.omega is None else found.omega
                rank = self.valuer.ranks(omega)
            for line in cut_lines(self.case, self.valuer.serve(taken, rank)[1], rank):
                self.master.add(*line)
        return found

    def relaxed(self, seconds: float) -> tuple[Floats, Floats] | None:
        """(x, prices) of the master's linear program; its value is a bound. None where there is no plan."""
        solved = self.master.frame.program.solve(
            seconds, relaxed=True, seed=self.seed, should_stop=self.clock.over
        )
        if solved.infeasible:
            return None
        if solved.x is None or solved.duals is None or not solved.closed:
            return np.zeros(0), np.zeros(0)
        self.prove(self.master.frame.stated(solved.bound + 1e-9 * abs(solved.bound)))
        return solved.x[self.master.frame.x], self.master.prices(solved.duals)

    def worth_of(self) -> tuple[Floats, tuple[Floats, float] | None]:
        """(worth of each decision beside people, a row in place of the aim where that is the charge)."""
        case = self.case
        if self.flip:
            level = self.bound if np.isfinite(self.bound) else self.value
            if not np.isfinite(level):
                level = float(np.maximum(case.charge, 0).sum())
            return np.zeros(case.decisions), (case.charge, max(level - case.charge_done, 1.0))
        if self.goal.world >= 0 or self.goal.keep is not None or self.goal.by_area(case):
            return np.zeros(case.decisions), None
        return case.merit, None


def optimise(
    valuer: Valuer, goal: Goal, *, seconds: float, seed: int = 0, start: Flags | None = None, clock
) -> Found:
    """The best plan and a bound, until the time is up, the caller wants an end, or it is proved."""
    case = valuer.case
    end = time.monotonic() + seconds
    work = Decomposition(valuer, goal, seed, clock)
    left = lambda: min(end - time.monotonic(), clock.left())  # noqa: E731
    over = lambda: clock.over() or left() <= 0  # noqa: E731
    everything = np.ones(case.measures)
    work.master.add(everything, *lines(case, everything, np.zeros(case.model.groups)))
    state = work.relaxed(max(left(), 1.0))
    nothing = np.inf if work.flip else -np.inf
    if state is None:
        return Found(None, nothing, nothing, True, True, "linear program, no plan keeps the limits")
    polisher = Polisher(valuer, goal, np.random.default_rng(seed), over)
    clock.tell(0.25, "greedy")
    for plan in (start, polisher.greedy()):
        if plan is not None:
            work.consider(plan)
    if not _price(work, polisher, state, left, over):
        return Found(None, nothing, nothing, True, True, "proven lines, no plan keeps the limits")
    source = "proven lines, linear program"
    _round(work, polisher, over)
    # Polishing gets as long as the proof: on large models the proof moves little, on small ones it soon ends.
    rounds, polish_s = 0, max(0.1 * seconds, 0.5) if case.model.edges > QUICK_EDGES else 0.2
    while not over() and work.gap > CLOSED:
        rounds += 1
        clock.tell(min(0.55 + 0.01 * rounds, 0.85), "search")
        solved = work.master.frame.program.solve(
            max(min(left(), max(2.0, 0.1 * seconds)), 0.1), seed=seed + rounds, rel_gap=1e-8 if rounds > 1 else 1e-4,
            should_stop=over,
            start=None if work.best is None else (work.master.frame.x, work.best.astype(float)),
        )  # fmt: skip
        if solved.infeasible:
            if work.best is None:
                return Found(None, nothing, nothing, True, True, "proven lines, no plan keeps the limits")
            work.prove(work.value)
            break
        before = work.sign * work.bound
        if np.isfinite(solved.bound):
            work.prove(work.master.frame.stated(solved.bound + 1e-9 * abs(solved.bound)))
        if work.sign * work.bound < before:
            source = "proven lines, whole decisions"
        if over():
            break
        known = solved.x is None
        if solved.x is not None:
            plan = solved.x[work.master.frame.x] > 0.5
            known = plan.tobytes() in work.seen
            work.consider(plan)
            mended = polisher.mend(plan)
            if mended is not None:
                work.consider(mended)
        if known and solved.closed and work.best is None:
            break  # rounding of the solver stands in the way: nothing more to learn here
        if work.best is not None and not over() and work.gap > CLOSED:
            better = polisher.polish(work.best, work.value, polish_s, work.share)
            if better is not None:
                work.consider(better)
    if work.best is None:
        return Found(None, nothing, work.bound, False, False, source)
    return Found(work.best, work.value, work.bound, work.gap <= CLOSED, False, source)


def _round(work: Decomposition, polisher: Polisher, over) -> None:
    """The plan that the near-primal shares point to."""
    if work.share is None or over():
        return
    rounded = polisher.mend(work.case.forced | (work.share > 0.5))
    if rounded is not None:
        work.consider(rounded)


def _price(work: Decomposition, polisher: Polisher, state: tuple[Floats, Floats], left, over) -> bool:
    """Rounds of prices and lines until they gain little or half the time is gone. False: no plan keeps the limits."""
    case, clock = work.case, work.clock
    search = PriceSearch(case)
    prices: Prices | None = None
    total, middle, step, gained = max(left(), 0.1), None, 4.0, 0.0
    for number in range(60):
        if over() or left() < 0.5 * total or work.gap <= CLOSED:
            break
        clock.tell(0.3 + 0.2 * (1 - max(left(), 0.0) / total), "bound")
        _x, omega = state
        if len(omega) == 0 or not omega.any():
            omega = case.weights[measure_world(case)]
        else:
            # The linear program leans the way the prices should go, but only as far as its lines are good: while that
            # gains, go further each time; once it does not, go half the way.
            lean = omega / omega.sum()
            even = case.weights[measure_world(case)] + 1e-3 * case.weights.max()
            middle = even / even.sum() if middle is None else middle
            middle = np.maximum(middle + step * (lean - middle), 0.02 * even / even.sum())
            omega = middle = middle / middle.sum()
        worth, cap = work.worth_of()
        if cap is None and worth.any():
            omega = omega * float(case.weights.sum()) * (1 if not case.apart_areas else omega.size)
        stop_at = time.monotonic() + total * (0.25 if number == 0 else 0.08)
        begun = time.monotonic()

        def go_on(share: float, begun: float = begun, stop_at: float = stop_at) -> bool:
            now = time.monotonic()
            return now - begun < (stop_at - begun) * share and not over()

        prices = search.search(
            omega / max(float(omega.max()), 1e-300),
            worth / max(float(omega.max()), 1e-300),
            prices,
            go_on,
            cap,
        )
        work.share = prices.share
        scaled = omega / omega.max()
        pay = scaled[case.group_measure] * case.group_value
        work.master.add(scaled, *lines(case, scaled, prices.price * pay))
        before = work.bound
        new = work.relaxed(max(left(), 1.0))
        if new is None:
            return False
        state = new
        if number == 0:
            _round(work, polisher, over)
        now = abs(before - work.bound) if np.isfinite(before) else 0.0
        failed = now < 0.5 * gained
        if failed and step <= 0.5 and number > 8 and now <= ENOUGH * abs(work.bound):
            break
        step, gained = (max(0.5, step / 8.0) if failed else min(2.0 * step, 256.0)), now
    return True
