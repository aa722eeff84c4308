"""A proven upper bound on what any plan within the limits can add.

Put a price u on each group's need (0 <= u <= 1, as a share of its weight), a price `money` on the budget and one on each
further row. At those prices a unit of a group pays weight (1 - u), every option is worth at most

    phi = its nodes filled with the best paying groups in reach, each no further than its need, + its merit,

and the limits are paid for, so

    bound(u) = sum need weight u + sum over existing nodes of their best filling - existing value
             + money x budget + sum row price x row limit
             + sum over exclusive sets of max(0, best of phi - money x cost - sum row price x row)

(a forced option stands in its set whatever it earns). It holds for every choice of prices >= 0, so any search for good
ones is allowed and the certificate is the prices alone: certificate.py computes it again by other code. Without the
rule that a group may use an option no further than its own need the bound would be several percent weaker.

The prices are found on the smoothed bound (smooth.py) by quasi-Newton steps (engine.descent) while the heat falls.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.descent import descend
from engine.maxflow import place_most
from engine.pairs import worker_threads
from engine.siting.model import SitingModel
from engine.siting.smooth import fillings, fillings_exactly, hard_choice, pulls, soft_choice

Floats = NDArray[np.float64]
HEATS = (0.06, 0.02, 0.006, 0.002, 0.0006, 0.0002)
ASLEEP = 25.0  # an option this many heats below its set's best has no pull worth computing at every step
FEW_EDGES = 200_000  # fewer are not worth a second thread


@dataclass(frozen=True, slots=True)
class Bound:
    """value: the proven bound above what exists. price: (g,) relative to the group's weight, money and row_price (r,):
    the certificate. profit: (o,) worth of each option less what it costs at these prices; key_profit: (o,) what its
    exclusive set earns at most; second_profit: (o,) the same without the set's best option, for members that are it, else
    key_profit. worth: (o,) phi. share: (o,) near-primal shares. fee: (v,) what the last unit of room earns."""

    value: float
    price: Floats
    profit: Floats
    key_profit: Floats
    second_profit: Floats
    share: Floats
    fee: Floats
    money: float
    row_price: Floats
    worth: Floats


def existing_value(model: SitingModel) -> float:
    """Weighted units that what exists already serves, by a maximal flow of its nodes alone. (In build_model's models they
    are all full; other models need not have that.)"""
    existing = model.node_option < 0
    if not existing.any():
        return 0.0
    node = np.repeat(np.arange(model.nodes), np.diff(model.node_ptr))
    mine = existing[node]
    row, sink = model.edge_group[mine].astype(np.int64), node[mine]
    units = np.zeros(len(row), np.int64)
    place_most(
        row,
        sink,
        model.group_need.astype(np.int64),
        model.node_units.astype(np.int64),
        np.ones(model.nodes, np.bool_),
        units,
    )
    return float(units @ model.group_weight[row])


class DualPrices:
    """Finds and values prices for one model and budget (None: no budget)."""

    def __init__(self, model: SitingModel, budget_fen: int | None, threads: int | None = None) -> None:
        self.model = model
        self.options = len(model.options)
        self.existing = model.node_option < 0
        self.option = np.where(self.existing, 0, model.node_option)
        self.need = model.group_need.astype(np.float64)
        self.size = self.need * model.group_weight
        self.merit = np.zeros(self.options) if model.merit is None else model.merit.astype(np.float64)
        self.forced = np.zeros(self.options, bool) if model.forced is None else model.forced
        # Money in shares of the budget, rows in shares of their largest amount, so that prices are of one size.
        self.unit_fen = float(max(abs(budget_fen), 1)) if budget_fen is not None else 1.0
        self.cost = model.cost / self.unit_fen if budget_fen is not None else np.zeros(self.options)
        self.budget = budget_fen / self.unit_fen if budget_fen is not None else 0.0
        rows = np.zeros((0, self.options)) if model.rows is None else model.rows.astype(np.float64)
        limit = np.zeros(0) if model.row_limit is None else model.row_limit.astype(np.float64)
        self.row_unit = np.maximum(np.abs(rows).max(axis=1, initial=1.0), 1.0)
        self.rows, self.row_limit = rows / self.row_unit[:, None], limit / self.row_unit
        self.existing_value = existing_value(model)
        self._sets(model)
        weight = model.node_weight * model.node_units
        self.scale = np.maximum(self._by_option(weight), 1e-12)
        self.warmth = (
            np.maximum.reduceat(self.scale[self.key_option], self.key_ptr[:-1])
            if self.options
            else self.scale
        )
        self.threads = 1 if model.edges < FEW_EDGES else min(worker_threads(threads), 8)

    def _sets(self, model: SitingModel) -> None:
        """The exclusive sets, each option in one of them only: leaving the others out keeps the bound valid."""
        key = np.arange(self.options)
        for members in model.conflicts:
            if np.array_equal(key[members], members):
                key[members] = members[0]
        self.key_option = np.argsort(key, kind="stable")
        firsts, self.key = np.unique(key, return_inverse=True)
        self.key_ptr = np.searchsorted(key[self.key_option], firsts, side="left")
        self.key_ptr = np.append(self.key_ptr, self.options).astype(np.int64)

    def _by_option(self, of_node: Floats) -> Floats:
        sums: Floats = np.bincount(self.option, np.where(self.existing, 0.0, of_node), self.options).astype(
            np.float64
        )
        return sums

    def _filled(self, price: Floats) -> tuple[float, Floats, Floats]:
        """(value of need and existing nodes, phi with merit (o,), fee (v,)) at prices (g,)."""
        m = self.model
        pay = m.group_weight * (1.0 - price)
        worth, last = np.empty(m.nodes), np.empty(m.nodes)
        cuts = self._cuts(np.arange(m.nodes))

        def part(i: int) -> None:
            fillings_exactly(
                cuts[i], cuts[i + 1], m.node_ptr, m.edge_group, m.node_units, m.group_need, pay, worth, last
            )

        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(part, range(self.threads)))
        fixed = float(self.size @ price) + float(worth[self.existing].sum()) - self.existing_value
        return fixed, self._by_option(worth) + self.merit, last

    def _cuts(self, nodes: NDArray) -> list[int]:
        """Where to cut the listed nodes so that each thread has about as many edges."""
        ends = np.cumsum(self.model.node_ptr[nodes + 1] - self.model.node_ptr[nodes])
        total = int(ends[-1]) if len(ends) else 0
        inner = np.searchsorted(ends, total * np.arange(1, self.threads) / self.threads)
        return [0, *inner.tolist(), len(nodes)]

    def _chosen(self, profit: Floats) -> tuple[float, Floats, Floats, NDArray]:
        count = len(self.key_ptr) - 1
        best, second, lead = np.empty(count), np.empty(count), np.empty(count, np.int64)
        total = hard_choice(self.key_ptr, self.key_option, profit, self.forced, best, second, lead)
        return total, best, second, lead

    def evaluate(self, price: Floats, money: float | None = None, row_price: Floats | None = None) -> Bound:
        """The exact bound at relative prices (g,), row prices (r,) in value per unit of the row (none: 0), and a price
        of one fen, by default the best there is for them."""
        price = np.clip(price, 0.0, 1.0)
        fixed, phi, fee = self._filled(price)
        asked = np.zeros(len(self.rows)) if row_price is None else np.maximum(row_price, 0.0) * self.row_unit
        return self._bound(
            price, fixed, phi, fee, None if money is None else max(money, 0.0) * self.unit_fen, asked
        )

    def line(self, price: Floats, money: float, row_price: Floats | None = None) -> float:
        """a, such that every choice x of options that keeps the exclusive sets, the forced ones and the rows is worth at
        most a + money x cost of x in fen; whatever the budget. Prices as in evaluate."""
        found = self.evaluate(price, money, row_price)
        return found.value - max(money, 0.0) * self.unit_fen * self.budget

    def _bound(self, price, fixed, phi, fee, money, row_price) -> Bound:
        gross = phi - row_price @ self.rows
        fixed += float(row_price @ self.row_limit)
        money = self._best_money(gross) if money is None else money
        profit = gross - money * self.cost
        total, best, second, lead = self._chosen(profit)
        is_lead = np.zeros(self.options, bool)
        is_lead[lead[lead >= 0]] = True
        return Bound(
            value=fixed + total + money * self.budget,
            price=price,
            profit=profit,
            key_profit=best[self.key],
            second_profit=np.where(is_lead, second[self.key], best[self.key]),
            share=np.zeros(self.options),
            fee=fee,
            money=money / self.unit_fen,
            row_price=row_price / self.row_unit,
            worth=phi,
        )

    def _best_money(self, gross: Floats) -> float:
        """The price of the budget at which the bound is least: it is convex in it, its slope is what is left over."""
        if not self.cost.any():
            return 0.0

        def left(money: float) -> float:
            _, _, _, lead = self._chosen(gross - money * self.cost)
            return self.budget - float(self.cost[lead[lead >= 0]].sum())

        low, high = (
            0.0,
            float(np.abs(gross).sum()) / max(float(np.abs(self.cost).min(initial=1.0)), 1e-9) + 1.0,
        )
        if left(0.0) >= 0:
            return 0.0
        if left(high) < 0:
            return high
        start = float(np.abs(gross).sum()) + 1.0
        if start < high and left(start) >= 0:
            high = start
        for _ in range(80):
            middle = (low + high) / 2
            if left(middle) < 0:
                low = middle
            else:
                high = middle
        values = [(m * self.budget + self._chosen(gross - m * self.cost)[0], m) for m in (low, high)]
        return min(values)[1]

    def search(
        self,
        seconds: float,
        target: float,
        should_stop: Callable[[], bool],
        seen: Callable[[float], None] = lambda share: None,
        guess: Floats | None = None,
        heats: tuple[float, ...] | None = None,
        better: Callable[[Bound], None] = lambda bound: None,
        start: Bound | None = None,
    ) -> Bound:
        """Descend until the time is up, the bound is within 1e-5 of `target`, or the last heat is done. `guess` (g,):
        prices to start from, for example those of a good plan; `start`: a bound found before. better(bound) is told of
        every improvement with its shares."""
        started = time.monotonic()
        best = start or self.evaluate(np.zeros(self.model.groups))
        steps = heats or HEATS
        if guess is not None:
            guessed = self.evaluate(guess)
            if guessed.value < best.value:
                best, steps = guessed, heats or HEATS[2:5]  # near already: heat would only drive it away
        smooth = _Smoothed(self, max(self.existing_value + abs(target), float(self.size.sum()) * 1e-3, 1e-9))
        x = smooth.start(best)

        def go_on() -> bool:
            return time.monotonic() - started < seconds and not should_stop()

        try:
            for step, heat in enumerate(steps):
                until = seconds * (step + 1) / len(steps)
                smooth.heat = heat
                x = descend(
                    smooth, x, smooth.low, smooth.high, 3000,
                    lambda until=until: go_on() and time.monotonic() - started < until,
                )  # fmt: skip
                ended = not go_on()
                found = replace(self._at(smooth, x), share=smooth.share.copy())
                if found.value < best.value:
                    best = found
                    better(best)
                seen((step + 1) / len(steps))
                if ended or best.value <= target * (1 + 1e-5) + 1e-9:
                    break
        finally:
            smooth.close()
        return best if best.share.any() else replace(best, share=smooth.share.copy())

    def _at(self, smooth: _Smoothed, x: Floats) -> Bound:
        price, _fee, _money, row_price = smooth.parts(x)
        fixed, phi, fee = self._filled(np.clip(price, 0.0, 1.0))
        return self._bound(np.clip(price, 0.0, 1.0), fixed, phi, fee, None, np.maximum(row_price, 0.0))


class _Smoothed:
    """The smoothed bound as a function of one vector: prices, fees, money, row prices, each scaled by the root of what
    it moves, and the whole by `total`."""

    def __init__(self, prices: DualPrices, total: float) -> None:
        p, m = prices, prices.model
        self.prices, self.total, self.heat = p, total, HEATS[0]
        groups, nodes, rows = m.groups, m.nodes, len(p.rows)
        self.cuts = (groups, groups + nodes, groups + nodes + 1)
        node_size = np.maximum(m.node_units * m.node_weight, 1e-12)
        mean = max(float(p.size.mean()) if groups else 1.0, 1e-12)
        self.u_scale = np.sqrt(mean / np.maximum(p.size, 1e-12))
        self.v_scale = np.sqrt(float(node_size.mean()) / node_size) if nodes else np.ones(0)
        self.low = np.zeros(groups + nodes + 1 + rows)
        self.high = np.concatenate([1.0 / self.u_scale, 1.0 / self.v_scale, np.full(1 + rows, np.inf)])
        self.share = np.zeros(p.options)
        self.worth, self.load = np.zeros(nodes), np.zeros(nodes)
        self.units = m.node_units.astype(np.float64)
        self.every = np.arange(nodes)
        self.awake = self.every
        self.pool = ThreadPoolExecutor(p.threads) if p.threads > 1 else None

    def close(self) -> None:
        if self.pool:
            self.pool.shutdown()

    def parts(self, x: Floats) -> tuple[Floats, Floats, float, Floats]:
        """(prices (g,), fees (v,) relative to the node's weight, money, row prices) in the units of DualPrices."""
        a, b, c = self.cuts
        return x[:a] * self.u_scale, x[a:b] * self.v_scale, float(x[b]) * self.total, x[c:] * self.total

    def start(self, bound: Bound) -> Floats:
        p = self.prices
        fee = bound.fee / np.maximum(p.model.node_weight, 1e-300)
        money = bound.money * p.unit_fen / self.total
        return np.concatenate(
            [
                bound.price / self.u_scale,
                fee / self.v_scale,
                [money],
                bound.row_price * p.row_unit / self.total,
            ]
        )

    def _split(self, nodes: NDArray, kernel: Callable[[int, NDArray], None]) -> None:
        if self.pool is None:
            kernel(0, nodes)
            return
        cuts = self.prices._cuts(nodes)
        list(self.pool.map(lambda i: kernel(i, nodes[cuts[i] : cuts[i + 1]]), range(self.prices.threads)))

    def __call__(self, x: Floats, whole: bool) -> tuple[float, Floats]:
        p, m = self.prices, self.prices.model
        price, fee, money, row_price = self.parts(x)
        pay, fee = m.group_weight * (1.0 - price), fee * m.node_weight
        heat = self.heat * m.node_weight
        nodes = self.every if whole else self.awake

        def fill(_i: int, mine: NDArray) -> None:
            fillings(mine, m.node_ptr, m.edge_group, p.need, pay, fee, heat, self.worth, self.load)

        self._split(nodes, fill)
        value_of = self.units * fee + self.worth
        profit = p._by_option(value_of) + p.merit - money * p.cost - row_price @ p.rows
        warmth = p.warmth * self.heat
        chosen = soft_choice(p.key_ptr, p.key_option, profit, warmth, p.forced, self.share)
        if whole:
            up = self.share > np.exp(-ASLEEP)
            self.awake = np.flatnonzero(p.existing | up[p.option])
            nodes = self.awake
        factor = np.where(p.existing, 1.0, self.share[p.option])
        pulled = [np.zeros(m.groups) for _ in range(p.threads)]

        def pull(i: int, mine: NDArray) -> None:
            pulls(mine, m.node_ptr, m.edge_group, p.need, pay, fee, heat, factor, pulled[i])

        self._split(nodes, pull)
        value = (
            float(p.size @ price) + float(value_of[p.existing].sum()) + chosen
            + money * p.budget + float(row_price @ p.row_limit)
        )  # fmt: skip
        pull_all = pulled[0]
        for other in pulled[1:]:
            pull_all += other
        gradient = np.concatenate(
            [
                (p.size - m.group_weight * pull_all) * self.u_scale / self.total,
                factor * (self.units - self.load) * m.node_weight * self.v_scale / self.total,
                [p.budget - float(self.share @ p.cost)],
                p.row_limit - p.rows @ self.share,
            ]
        )
        return value / self.total, gradient


def surely_out(bound: Bound, value: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(never, always): options whose taking, or leaving, would push the bound below a value already in hand. Fixing
    them loses no better plan."""
    floor = value - 1e-9 * max(abs(value), 1.0)
    never = bound.value - bound.key_profit + bound.profit < floor
    always = bound.value - bound.key_profit + bound.second_profit < floor
    return never, always & ~never & (bound.profit >= bound.key_profit - 1e-12)
