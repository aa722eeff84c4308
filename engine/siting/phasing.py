"""In which year each option of a plan is done, so that people are served as early as the yearly money allows.

Letters in shapes: o options, t years, e steps of the coverage curve, w worlds, k services.

An option is paid whole in the year it starts, starts with the year, and counts from the end of its lead time. With
S(m) the options that count in month m and V their weighted units newly served, what is made as large as can be is

    area = sum over months m of V(S(m)) / 12                 weighted units x years

up to the end of the last year plus the longest lead time, so that whatever is started counts for a year at least.
Greedy orders give the first plan, moves and exchanges better it, and phasing_bound proves how good it can be. The
answer is never worse than the greedy order. What a plan retires is done last, its money set aside first; area and bound
speak of what is added, the curve tells all. See docs/algorithms/phasing.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine import ENGINE_VERSION
from engine.checks import InvalidInput
from engine.coverage import served_in_time
from engine.interventions import apply_options
from engine.siting.growth import Growth
from engine.siting.phasing_bound import tighten
from engine.world import CLOSING_KINDS, Option, World

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
OPTIMAL_GAP = 1e-6
TOO_DEAR, NO_ROOM = "too-dear", "no-room"


@dataclass(frozen=True, slots=True)
class Budgets:
    """years (t,): calendar years, rising. money_fen (t,). carry: what a year leaves over may be spent later."""

    years: Ints
    money_fen: Ints
    carry: bool

    @property
    def begin_month(self) -> Ints:
        """(t,) months from the start of the first year."""
        return 12 * (self.years - self.years[0])

    def fits(self, spent: Ints) -> bool:
        """Whether sums spent by year (t,) stay within the money, to the fen."""
        over = np.cumsum(spent - self.money_fen) if self.carry else spent - self.money_fen
        return bool((over <= 0).all())

    def first_room(self, spent: Ints, cost: int, earliest: int = 0) -> int:
        """First year from `earliest` on that can pay `cost` besides, -1 for none."""
        left = np.cumsum(self.money_fen - spent) if self.carry else self.money_fen - spent
        if self.carry:
            left = np.minimum.accumulate(left[::-1])[::-1]
        room = np.flatnonzero(left[earliest:] >= cost)
        return int(room[0]) + earliest if len(room) else -1

    @property
    def largest(self) -> int:
        """What a single option may cost at most to be done in any year."""
        if not len(self.money_fen):
            return -1
        return int(self.money_fen.sum() if self.carry else self.money_fen.max())


@dataclass(frozen=True, slots=True)
class Phasing:
    """year (o,): position in the years, -1 for what is not done. left: (option, too-dear | no-room) for those: no year's
    money is enough for it alone, or the others take it. area, bound, gap, status: of the sum that is made large
    (status: optimal at a gap of 1e-6 or less, else within). greedy_year, greedy_area: of the greedy order.
    month (e,): when the curve steps up, from the start of the first year; value (e,): weighted units newly served from
    then on; units (e, w, k); the same of the greedy order. horizon: month where the area ends. spent (t,) fen.
    """

    year: Ints
    left: tuple[tuple[int, str], ...]
    area: float
    bound: float
    gap: float
    status: str
    bound_source: str
    greedy_year: Ints
    greedy_area: float
    month: Ints
    value: Floats
    units: Ints
    greedy_month: Ints
    greedy_value: Floats
    horizon: int
    spent: Ints
    seconds: float
    engine_version: str = ENGINE_VERSION

    def at(self, months: ArrayLike, greedy: bool = False) -> Floats:
        """Weighted units newly served at the end of these months."""
        month, value = (self.greedy_month, self.greedy_value) if greedy else (self.month, self.value)
        step = np.searchsorted(month, np.asarray(months), side="right")
        return np.concatenate([[0.0], value])[step]

    def units_at(self, months: ArrayLike) -> Ints:
        """(months, w, k) the same in units of each world and service."""
        step = np.searchsorted(self.month, np.asarray(months), side="right")
        return np.concatenate([np.zeros((1, *self.units.shape[1:]), np.int64), self.units])[step]


def phase_plan(
    worlds: Sequence[World],
    options: Sequence[Option],
    lead_months: ArrayLike,
    years: ArrayLike,
    money_fen: ArrayLike,
    *,
    carry: bool = True,
    weights: Sequence[float] | None = None,
    time_limit_s: float = 20.0,
    should_stop: Callable[[], bool] = lambda: False,
) -> Phasing:
    """See the module text. options: all those of the plan, in its order; lead_months (o,); years, money_fen (t,); weights
    (w,) of the worlds, by default equal shares of 1. The time limit is that of the search; when it is up or should_stop() says so, the best so far and
    the bound so far stand. Raises InvalidInput."""
    started = time.monotonic()
    lead, budgets = _checked(options, lead_months, years, money_fen, carry)
    weights = [1.0 / max(len(worlds), 1)] * len(worlds) if weights is None else list(weights)
    closing = np.array([one.kind in CLOSING_KINDS for one in options], bool)
    cost = np.array([one.cost_fen for one in options], np.int64)
    last = _last_years(cost, closing, budgets)
    set_aside = np.zeros(len(budgets.years), np.int64)
    np.add.at(set_aside, last[last >= 0], cost[last >= 0])
    adding = np.flatnonzero(~closing)
    growth = Growth(worlds, [options[one] for one in adding], weights)
    growth.gains(np.zeros(len(adding), bool))
    searched = time.monotonic()
    case = Case(growth, cost[adding], lead[adding], replace(budgets, money_fen=budgets.money_fen - set_aside))

    def late(share: float) -> bool:
        return should_stop() or time.monotonic() - searched > share * time_limit_s

    greedy = case.in_order(case.greedy_order())
    best = max((greedy, case.year_by_year(), case.in_order(range(len(adding)))), key=case.area)
    best = case.improve(case.settle(best), lambda: late(0.4))
    proof = tighten(
        case, best, lambda: late(1.0), lambda: max(time_limit_s - (time.monotonic() - searched), 0.0)
    )
    if case.area(proof.year) > case.area(best):
        best = case.settle(proof.year)
    area, bound = case.area(best), max(proof.bound, case.area(best))
    gap = (bound - area) / bound if bound > 0 else 0.0
    curves = []
    for schedule in (best, greedy):
        year = last.copy()
        year[adding] = schedule
        curves.append((year, *_curve(case, schedule, worlds, options, weights, lead, year)))
    (year, month, value, units), (greedy_year, greedy_month, greedy_value, _) = curves
    spent = np.zeros(len(budgets.years), np.int64)
    np.add.at(spent, year[year >= 0], cost[year >= 0])
    return Phasing(
        year=year, left=tuple((int(one), TOO_DEAR if cost[one] > budgets.largest else NO_ROOM) for one in np.flatnonzero(year < 0)),
        area=area, bound=bound, gap=gap, status="optimal" if gap <= OPTIMAL_GAP else "within", bound_source=proof.source,
        greedy_year=greedy_year, greedy_area=case.area(greedy), month=month, value=value, units=units,
        greedy_month=greedy_month, greedy_value=greedy_value,
        horizon=int(budgets.begin_month[-1]) + 12 + int(lead.max(initial=0)), spent=spent, seconds=time.monotonic() - started,
    )  # fmt: skip


def _last_years(cost: Ints, closing: NDArray[np.bool_], budgets: Budgets) -> Ints:
    """(o,) the last year that can pay what closes, -1 for all else."""
    year, spent = np.full(len(cost), -1, np.int64), np.zeros(len(budgets.years), np.int64)
    for one in np.flatnonzero(closing):
        for last in range(len(budgets.years) - 1, -1, -1):
            if budgets.first_room(spent, int(cost[one]), last) == last:
                year[one] = last
                spent[last] += cost[one]
                break
    return year


def _curve(
    case: Case, schedule: Ints, worlds, options, weights, lead: Ints, year: Ints
) -> tuple[Ints, Floats, Ints]:
    """Months where the curve steps, weighted units newly served from each on, and units (e, w, k). From the month on in
    which something closes, the changed city is scored anew."""
    month, sets = case.steps(schedule)
    value, units = np.array(case.growth.along(sets)), case.growth.units(sets)
    ready = np.where(year >= 0, case.budgets.begin_month[year] + lead, np.iinfo(np.int64).max)
    shut = [i for i, one in enumerate(options) if one.kind in CLOSING_KINDS and year[i] >= 0]
    if not shut:
        return month, value, units
    first = min(int(ready[i]) for i in shut)
    months = np.unique(ready[year >= 0])
    before = np.array([[served_in_time(world, k)[0] for k in range(world.services)] for world in worlds])
    standards = np.array([one.weight for one in worlds[0].standards])
    told_value, told_units = [], []
    for now in months:
        if now < first:
            step = int(np.searchsorted(month, now, side="right")) - 1
            told_value.append(float(value[step]))
            told_units.append(units[step])
            continue
        done = np.flatnonzero(ready <= now)
        changed = [apply_options(world, options, done) for world in worlds]
        after = np.array([[served_in_time(world, k)[0] for k in range(world.services)] for world in changed])
        told_units.append(after - before)
        told_value.append(float(np.asarray(weights) @ (after - before) @ standards))
    return months, np.array(told_value), np.array(told_units)


def _checked(options: Sequence[Option], lead_months, years, money_fen, carry: bool) -> tuple[Ints, Budgets]:
    lead, problems = np.asarray(lead_months), []
    year, money = np.asarray(years), np.asarray(money_fen)
    if lead.shape != (len(options),) or (lead < 0).any() or (lead != np.rint(lead)).any():
        problems.append("lead_months: a whole number of 0 or more per option")
    if year.ndim != 1 or not len(year) or (np.diff(year) <= 0).any():
        problems.append("years: at least one, rising")
    if money.shape != year.shape or (money < 0).any() or (money != np.rint(money)).any():
        problems.append("money_fen: whole fen of 0 or more per year")
    if any(one.cost_fen < 0 for one in options):
        problems.append("options: a cost is below 0")
    if problems:
        raise InvalidInput(problems)
    return lead.astype(np.int64), Budgets(year.astype(np.int64), money.astype(np.int64), bool(carry))


class Case:
    """One phasing question: sets by time, areas, and moves. A schedule is (o,) year positions, -1 for not done."""

    def __init__(self, growth: Growth, cost: Ints, lead: Ints, budgets: Budgets) -> None:
        self.growth, self.cost, self.lead, self.budgets = growth, cost, lead, budgets
        last = int(budgets.begin_month[-1]) + 12
        self.horizon = last + int(lead.max(initial=0))
        self._area: dict[bytes, float] = {}

    def ready(self, year: Ints) -> Ints:
        """(o,) month from which each option counts; the horizon for those not done."""
        return np.where(year >= 0, self.budgets.begin_month[year] + self.lead, self.horizon)

    def spent(self, year: Ints) -> Ints:
        done = year >= 0
        out = np.zeros(len(self.budgets.years), np.int64)
        np.add.at(out, year[done], self.cost[done])
        return out

    def steps(self, year: Ints) -> tuple[Ints, list[NDArray[np.bool_]]]:
        """Months where the set of counting options grows, and the set from each on."""
        ready = self.ready(year)
        months = np.unique(ready[year >= 0])
        return months, [(year >= 0) & (ready <= month) for month in months]

    def area(self, year: Ints) -> float:
        key = year.tobytes()
        if key not in self._area:
            months, sets = self.steps(year)
            length = np.diff(np.append(months, self.horizon))
            self._area[key] = float(np.dot(length, self.growth.along(sets)) / 12.0)
        return self._area[key]

    def greedy_order(self) -> list[int]:
        """By what each yuan buys, each counted after those before it; then those that add nothing, as given."""
        none, price = np.zeros(len(self.cost), bool), np.maximum(self.cost, 1).astype(np.float64)
        order = list(self.growth.greedily(price, lambda one: True, none, self.growth.gains(none).copy()))
        listed = set(order)
        return order + [one for one in range(len(self.cost)) if one not in listed]

    def in_order(self, order: Sequence[int]) -> Ints:
        """Each option in the first year whose money is still enough for it."""
        year = np.full(len(self.cost), -1, np.int64)
        spent = np.zeros(len(self.budgets.years), np.int64)
        for one in order:
            year[one] = self.budgets.first_room(spent, int(self.cost[one]))
            if year[one] >= 0:
                spent[year[one]] += self.cost[one]
        return year

    def year_by_year(self) -> Ints:
        """Greedy within each year: what buys most of those the year can still pay, counted after all started."""
        year = np.full(len(self.cost), -1, np.int64)
        spent = np.zeros(len(self.budgets.years), np.int64)
        price = np.maximum(self.cost, 1).astype(np.float64)
        upper = self.growth.gains(np.zeros(len(self.cost), bool)).copy()
        for now in range(len(self.budgets.years)):

            def fits(one: int, now: int = now) -> bool:
                return self.budgets.first_room(spent, int(self.cost[one]), now) == now

            for one in self.growth.greedily(price, fits, year >= 0, upper):
                year[one] = now
                spent[now] += self.cost[one]
        return year

    def settle(self, year: Ints) -> Ints:
        """Everything that fits somewhere is done, and nothing later than its year's money asks: costs no area."""
        year = year.copy()
        while True:
            before = year.copy()
            for one in np.lexsort((np.arange(len(year)), self.ready(year))).tolist():
                spent = self.spent(np.where(np.arange(len(year)) == one, -1, year))
                room = self.budgets.first_room(spent, int(self.cost[one]))
                if room >= 0 and (year[one] < 0 or room < year[one]):
                    year[one] = room
            if np.array_equal(year, before):
                return year

    def improve(self, year: Ints, late: Callable[[], bool]) -> Ints:
        """Earlier years for one option while at most one other gives way, until no such move adds area."""
        best, area = year, self.area(year)
        again = True
        while again and not late():
            again = False
            for one in np.argsort(-self.growth.gains(np.zeros(len(year), bool)), kind="stable").tolist():
                for early in range(len(self.budgets.years) if best[one] < 0 else int(best[one])):
                    if late():
                        return best
                    for tried in self._moves(best, one, early):
                        if self.area(tried) > area + 1e-9 * max(area, 1.0):
                            best = self.settle(tried)
                            area, again = self.area(best), True
                            break
                    if best[one] == early:
                        break
        return best

    def _moves(self, year: Ints, one: int, early: int):
        """Schedules with `one` in the year `early`: as it is, or with one other moved to the first year left for it."""
        moved = year.copy()
        moved[one] = early
        if self.budgets.fits(self.spent(moved)):
            yield moved
            return
        for other in np.flatnonzero(moved >= 0).tolist():
            if other == one:
                continue
            tried = moved.copy()
            tried[other] = -1
            spent = self.spent(tried)
            if not self.budgets.fits(spent):
                continue
            tried[other] = self.budgets.first_room(spent, int(self.cost[other]))
            yield tried
