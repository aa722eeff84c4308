"""Plans between cost, coverage, fairness and peacetime value, none better than another in all four.

Letters in shapes: o options, d decisions of the case, a areas, l lines.

Every plan is looked for by a quick search for one budget and one way of weighing people by area, or peacetime value
beside people, each starting from the one before; then it is measured exactly in all four: cost in fen, weighted units
newly served (maximal flows), the share served of the worst served area (of all ways of serving as many, the one that
serves that area most), and peacetime value less running cost. What another plan beats in all is left out.

The ceiling is proven: prices of people and money found for some budgets give lines a + b x cost that no plan of any cost
is worth more than (siting.bound). How near the found plans are to it is told for each. See docs/algorithms/trade-off.md.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine import ENGINE_VERSION
from engine.checks import InvalidInput
from engine.siting.bound import DualPrices, existing_value
from engine.siting.case import Case, build_case
from engine.siting.frame import Goal, world_served
from engine.siting.front_search import Seeker
from engine.siting.question import EXPECTED, FAIREST, MOST, Question, check_question
from engine.siting.valuing import Valuer
from engine.world import CLOSING_KINDS, Option, World

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
BUDGETS = 16  # steps of the budget grid
MORE_TRIES = 48  # budgets looked at besides where plans lie far apart
FAIR_POWERS = (2.0, 6.0)
MERIT_RATES = (0.3, 1.0, 3.0)
LINES = (0.06, 0.15, 0.3, 0.55, 1.0)  # shares of the largest budget that lines are made for
BOUND_SHARE = 0.35  # of the time


@dataclass(frozen=True, slots=True)
class FrontPlan:
    """chosen: option numbers. value: weighted units newly served. worst_share: share of its weighted need served in the
    worst served area, worst_area its number, shares (a,) of all (NaN: nobody in need); None and empty without areas.
    peacetime_fen_year: peacetime value less running cost. bound, gap: the ceiling at its cost."""

    chosen: tuple[int, ...]
    cost_fen: int
    value: float
    worst_share: float | None
    worst_area: int | None
    shares: tuple[float, ...]
    peacetime_fen_year: int
    bound: float
    gap: float


@dataclass(frozen=True, slots=True)
class TradeOffs:
    """plans by rising cost, none beaten in all. lines: (a, b), no plan within the limits is worth more than a + b x cost
    for any of them. value, worst share of today: 0 and worst_share_before. tried: different plans measured. status: done
    | stopped (asked to keep what there was, or out of time) | cancelled (nothing kept)."""

    plans: tuple[FrontPlan, ...]
    lines: tuple[tuple[float, float], ...]
    worst_share_before: float | None
    tried: int
    status: str
    seed: int
    seconds: float
    engine_version: str = ENGINE_VERSION

    def ceiling(self, cost_fen: float) -> float:
        return ceiling(self.lines, cost_fen)


def ceiling(lines: Sequence[tuple[float, float]], cost_fen: float) -> float:
    """No plan of that cost is worth more."""
    return min((a + b * cost_fen for a, b in lines), default=float("inf"))


class Cancelled(Exception):
    pass


def trade_offs(
    worlds: Sequence[World],
    options: Sequence[Option],
    question: Question,
    peacetime_fen_year: ArrayLike,
    *,
    time_limit_s: float = 120.0,
    seed: int = 0,
    wanted: int = 24,
    known_bound: float | None = None,
    progress: Callable[[float, str], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    should_finish: Callable[[], bool] | None = None,
) -> TradeOffs:
    """The front of a question: its weights, area, limits, must, banned and apart hold for every plan; its budget is the
    largest looked at (None: what everything costs). Targets, aim, rule and merit are not asked: they are the axes.

    peacetime_fen_year (o,): peacetime value less running cost. Retiring is done where it is a must, not otherwise.
    wanted: plans to look for at least, as far as there are so many. known_bound: proved already, that no plan within the
    limits and the largest budget newly serves more (weighted units); it joins the ceiling. Raises InvalidInput.
    """
    started = time.monotonic()
    worth = np.asarray(peacetime_fen_year, np.int64)
    if worth.shape != (len(options),):
        raise InvalidInput(["peacetime_fen_year: one whole number per option"])
    asked = _axes(question, options, worth)
    check_question(asked, len(worlds), len(options), worlds[0].demand.cells)
    try:
        hunt = _Hunt(
            worlds,
            options,
            asked,
            worth,
            started,
            float(time_limit_s),
            seed,
            progress,
            should_stop,
            should_finish,
        )
        return hunt.run(wanted, known_bound)
    except Cancelled:
        return TradeOffs((), (), None, 0, "cancelled", seed, time.monotonic() - started)


def _axes(question: Question, options: Sequence[Option], worth: Ints) -> Question:
    """The question without what is an axis; merit keeps options in that serve nobody but have peacetime value."""
    retiring = {i for i, one in enumerate(options) if one.kind in CLOSING_KINDS}
    return replace(
        question,
        aim=FAIREST if question.area is not None and question.areas else MOST,
        rule=EXPECTED,
        target=None,
        area_target=None,
        merit=worth.astype(np.float64),
        charge=None,
        banned=tuple(sorted(set(question.banned) | (retiring - set(question.must)))),
    )


class _Hunt:
    def __init__(
        self, worlds, options, asked, worth, started, limit_s, seed, progress, should_stop, should_finish
    ) -> None:
        self.worlds, self.options, self.asked, self.worth = worlds, options, asked, worth
        self.started, self.limit_s, self.seed = started, limit_s, seed
        self.progress, self.should_stop = (
            progress or (lambda share, stage: None),
            should_stop or (lambda: False),
        )
        self.should_finish = should_finish or (lambda: False)
        self.tell(0.0, "model")
        self.case: Case = build_case(worlds, options, asked)
        self.seeker = Seeker(self.case, seed, self.halt)
        self.valuer = Valuer(self.case)
        self.found: dict[bytes, tuple[Flags, int, float, Floats | None, int]] = {}
        self.lines: list[tuple[float, float]] = []

    # --- time ------------------------------------------------------------------------------------------------

    def tell(self, share: float, stage: str) -> None:
        self.progress(share, stage)
        if self.should_stop():
            raise Cancelled

    def spent(self) -> float:
        return (time.monotonic() - self.started) / max(self.limit_s, 1e-9)

    def halt(self) -> bool:
        return self.should_stop() or self.should_finish() or self.spent() >= 1.0

    # --- the hunt --------------------------------------------------------------------------------------------

    def run(self, wanted: int, known_bound: float | None) -> TradeOffs:
        case = self.case
        self.lines = [(float(case.weights @ (case.need - case.today)), 0.0)]
        if known_bound is not None:
            self.lines.append((float(known_bound), 0.0))
        given = len(self.lines)
        low = case.cost[1] + int(case.cost[0][case.forced].sum())
        most = case.cost[1] + int(case.cost[0][case.cost[0] > 0].sum())
        top = most if self.asked.budget_fen is None else min(int(self.asked.budget_fen), most)
        if case.barred or not case.decisions or low > top:
            return self.answer("done")
        grid = np.unique(np.linspace(low, top, BUDGETS + 1).astype(np.int64)[1:])
        quick = (1.0 - BOUND_SHARE) * self.limit_s
        slice_s = quick / (4.0 * len(grid))
        plans = self.by_budget(grid, slice_s)
        if not self.halt():
            self.fair(plans, slice_s)
        if not self.halt():
            self.peacetime(plans, slice_s)
        if not self.halt():
            self.ceilings(low, top)
        self.between(wanted, slice_s)
        return self.answer(
            "stopped" if self.halt() and (self.should_finish() or len(self.lines) == given) else "done"
        )

    def by_budget(self, grid: Ints, slice_s: float) -> list[tuple[int, Flags]]:
        """The most people for each budget, each search starting from the plan for the one before."""
        plans: list[tuple[int, Flags]] = []
        last: Flags | None = None
        for number, budget in enumerate(grid.tolist()):
            self.tell(0.05 + 0.3 * number / len(grid), "search")
            if self.halt() and any(row[0].any() for row in self.found.values()):
                break
            last = self.seeker.most(budget, last, slice_s)
            self.keep(last)
            plans.append((budget, last))
        return plans

    def fair(self, plans: list[tuple[int, Flags]], slice_s: float) -> None:
        """For every other budget: the worst served area first, and people of badly served areas counted more."""
        if not self.case.apart_areas:
            return
        picked = plans[1::2]
        for number, (budget, start) in enumerate(picked):
            self.tell(0.35 + 0.2 * number / max(len(picked), 1), "fair")
            if self.halt():
                return
            self.keep(self.seeker.fairest(budget))
            shares = self.shares(start)
            for power in FAIR_POWERS:
                if shares is None or self.halt():
                    break
                least = float(np.nanmin(shares)) if np.isfinite(shares).any() else 0.0
                of_area = np.nan_to_num(((least + 0.05) / (shares + 0.05)) ** power, nan=1.0)
                taken = self.seeker.weighed(budget, of_area, None, start, slice_s)
                self.keep(taken)
                shares = self.shares(taken)

    def peacetime(self, plans: list[tuple[int, Flags]], slice_s: float) -> None:
        """For every third budget: peacetime value weighed against people at three rates."""
        merit = self.case.merit
        if not merit.any():
            return
        picked = plans[2::3]
        for number, (budget, start) in enumerate(picked):
            self.tell(0.55 + 0.1 * number / max(len(picked), 1), "peacetime")
            served = self.of(start)[1] if self.of(start) else 0.0
            largest = float(np.abs(merit).max())
            rate = max(served, 1.0) / max(int(start.sum()), 1) / largest
            for times in MERIT_RATES:
                if self.halt():
                    return
                self.keep(self.seeker.weighed(budget, None, merit * rate * times, start, slice_s))

    def between(self, wanted: int, slice_s: float) -> None:
        """More budgets where neighbours lie furthest apart, while plans are fewer than wanted."""
        seen: set[int] = set()
        for number in range(MORE_TRIES):
            self.tell(0.9 + 0.08 * number / MORE_TRIES, "search")
            best = self.undominated()
            if self.halt() or len(best) >= wanted:
                return
            costs = sorted({0, *(self.found[key][1] for key in best)})
            gaps = [(b - a, a, b) for a, b in itertools.pairwise(costs) if b - 1 not in seen and b - a > 1]
            if not gaps:
                return
            # One fen less than the dearer neighbour: whatever fits in between is another plan.
            _, cheap, dear = max(gaps)
            seen.add(dear - 1)
            budget = dear - 1 if number % 2 else (cheap + dear) // 2
            self.keep(self.seeker.most(budget, None, slice_s))

    def ceilings(self, low: int, top: int) -> None:
        """Lines from prices found at some budgets. Prices start from those of the budget before."""
        model = replace(self.case.model, merit=None)
        size = (1.0 - self.spent()) * self.limit_s
        budgets = np.unique([max(int(low + share * (top - low)), 1) for share in LINES])[::-1].tolist()
        guess = None
        for number, budget in enumerate(budgets):
            self.tell(0.65 + 0.25 * number / len(budgets), "bound")
            if self.halt():
                return
            within = budget - self.case.cost[1]
            prices = DualPrices(model, max(within, 1))
            value = max((v for _, cost, v, _, _ in self.found.values() if cost <= budget), default=0.0)
            best = prices.search(
                max(0.8 * size / len(budgets), 0.2), value + self.offset, self.halt, guess=guess
            )
            guess = best.price
            a = prices.line(best.price, best.money, best.row_price)
            slack = 1e-9 * max(abs(a), 1.0)
            self.lines.append((a - self.offset - best.money * self.case.cost[1] + slack, float(best.money)))

    # --- what plans are worth ----------------------------------------------------------------------------------

    @cached_property
    def offset(self) -> float:
        """What bounds of the model, which count from its existing places, say above what is newly served today."""
        case, model = self.case, self.case.model
        existing = existing_value(model)
        return float(case.weights @ (case.today - world_served(case, case.steady))) - existing

    def keep(self, taken: Flags) -> None:
        """Measure a plan and remember it."""
        key = taken.tobytes()
        if key in self.found or not self.case.keeps_limits(taken):
            return
        case = self.case
        served = self.valuer.serve(taken)[0]
        value = float(case.weights @ (world_served(case, served) - case.today))
        shares = None
        if case.apart_areas:
            shares = self._shares_of(self.valuer.value(taken, Goal()).y)
        chosen = case.chosen(taken)
        cost = sum(int(self.options[int(i)].cost_fen) for i in chosen)
        self.found[key] = (taken.copy(), cost, round(value, 9), shares, int(self.worth[chosen].sum()))

    def of(self, taken: Flags):
        """(cost, value, shares, peacetime) of a plan kept; None for one that broke a limit."""
        row = self.found.get(taken.tobytes())
        return None if row is None else row[1:]

    def shares(self, taken: Flags) -> Floats | None:
        row = self.of(taken)
        return None if row is None else row[2]

    def _shares_of(self, y: Floats) -> Floats:
        """(a,) share of the weighted need served over all worlds."""
        case = self.case
        whole = case.weights @ case.area_need
        served = case.weights @ y.reshape(len(case.weights), -1)[:, 1:]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(whole > 0, np.round(served / whole, 9), np.nan)

    def undominated(self) -> list[bytes]:
        keys = list(self.found)
        if not keys:
            return []
        image = np.array([self._image(self.found[key]) for key in keys])
        return [keys[i] for i in undominated(image)]

    @staticmethod
    def _image(row) -> tuple[float, ...]:
        _taken, cost, value, shares, peacetime = row
        worst = 0.0 if shares is None or not np.isfinite(shares).any() else float(np.nanmin(shares))
        return (-float(cost), value, worst, float(peacetime))

    def answer(self, status: str) -> TradeOffs:
        self.tell(0.99, "check")
        case, plans = self.case, []
        before = None
        if case.apart_areas and (case.weights @ case.area_need).any():
            before = float(np.nanmin(self._today_shares()))
        for key in self.undominated():
            taken, cost, value, shares, peacetime = self.found[key]
            chosen = case.chosen(taken)
            if not len(chosen):
                continue  # doing nothing is no plan
            lid = max(ceiling(self.lines, cost), value)
            known = shares is not None and bool(np.isfinite(shares).any())
            plans.append(
                FrontPlan(
                    tuple(int(i) for i in chosen), cost, value, float(np.nanmin(shares)) if known else None,
                    int(np.nanargmin(shares)) if known else None, () if shares is None else tuple(shares.tolist()),
                    peacetime, lid, (lid - value) / lid if lid > 0 else 0.0,
                )
            )  # fmt: skip
        plans.sort(key=lambda one: (one.cost_fen, one.value))
        return TradeOffs(
            tuple(plans),
            tuple(self.lines),
            before,
            len(self.found),
            status,
            self.seed,
            time.monotonic() - self.started,
        )

    def _today_shares(self) -> Floats:
        """Shares of today: nothing chosen, what must be retired still there."""
        asked = replace(self.asked, must=(), merit=None, limits=(), budget_fen=None, apart=(), banned=())
        case = build_case(self.worlds, [], asked) if self.case.done else self.case
        return self._shares_of(Valuer(case).value(np.zeros(case.decisions, bool), Goal()).y)


def undominated(image: Floats) -> list[int]:
    """Rows (n, m), larger is better in every column, that no other row beats: at least as good in all and better in one.
    Of equal rows the first stays. Sorted by the first column, a row can only be beaten by one before it (Kung, Luccio,
    Preparata 1975)."""
    order = np.lexsort(
        [np.arange(len(image)), *(-image[:, column] for column in range(image.shape[1] - 1, -1, -1))]
    )
    kept: list[int] = []
    for row in order.tolist():
        if not any((image[other] >= image[row]).all() for other in kept):
            kept.append(row)
    return sorted(kept)
