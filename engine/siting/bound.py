"""A proven upper bound on what any plan within the budget can add.

Put a price u on each group's need (0 <= u <= its weight). At those prices every option is worth at most
phi = its capacity filled with the best paid groups in reach, each no further than its need; the budget then buys
options by knapsack:

    bound(u) = sum need u + sum over existing nodes of their best filling + max knapsack of phi - existing value.

It holds for every u, so any search for good prices is allowed and the certificate is u alone. The prices are found by
smoothing all maxima and descending with L-BFGS while the temperature falls.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.descent import descend
from engine.siting.model import SitingModel

Floats = NDArray[np.float64]
TEMPERATURES = (0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)


@dataclass(frozen=True, slots=True)
class Bound:
    """value: the proven bound above what exists. price: (g,) the certificate, relative to the group's weight.
    profit: (o,) worth of each option less its price in money; key_profit: (o,) best of its exclusive set;
    second_profit: (o,) best of that set without it. share: (o,) near-primal shares. fee (v,) and money: the prices of
    room and budget that go with it."""

    value: float
    price: Floats
    profit: Floats
    key_profit: Floats
    second_profit: Floats
    share: Floats
    fee: Floats
    money: float


@njit(cache=True, nogil=True)
def node_worth(node_ptr, edge_group, units, need, price):
    """(v,) best filling of each node at relative prices: units go to the groups that pay 1 - price most. And (v,) what
    the last of its units earns: 0 where it is not filled."""
    out, last = np.zeros(units.size), np.zeros(units.size)
    for v in range(units.size):
        lo, hi = node_ptr[v], node_ptr[v + 1]
        pay = np.empty(hi - lo)
        for e in range(lo, hi):
            pay[e - lo] = price[edge_group[e]]
        total = 0
        for e in range(lo, hi):
            if price[edge_group[e]] < 1.0:
                total += need[edge_group[e]]
        worth, room = 0.0, units[v]
        if total <= room:
            for e in range(lo, hi):
                if pay[e - lo] < 1.0:
                    worth += (1.0 - pay[e - lo]) * need[edge_group[e]]
        else:
            for i in np.argsort(pay):
                if pay[i] >= 1.0 or room == 0:
                    break
                take = min(room, need[edge_group[lo + i]])
                worth += (1.0 - pay[i]) * take
                room -= take
                if room == 0:
                    last[v] = 1.0 - pay[i]
        out[v] = worth
    return out, last


@njit(cache=True, nogil=True, fastmath=True)
def _soft_edges(node_ptr, edge_group, need, price, fee, heat, worth, slope):
    """worth (v,): sum of need x softplus(1 - price - fee); slope (e,): need x its derivative."""
    for v in range(fee.size):
        total = 0.0
        for e in range(node_ptr[v], node_ptr[v + 1]):
            g = edge_group[e]
            z = (1.0 - price[g] - fee[v]) / heat
            if z > 30.0:
                total += need[g] * z * heat
                slope[e] = need[g]
            elif z < -30.0:
                slope[e] = 0.0
            else:
                x = np.exp(z)
                total += need[g] * heat * np.log1p(x)
                slope[e] = need[g] * x / (1.0 + x)
        worth[v] = total


@njit(cache=True, nogil=True)
def _spread(node_ptr, edge_group, slope, factor, grad_price, grad_fee):
    for v in range(factor.size):
        if factor[v] == 0.0:
            continue
        total = 0.0
        for e in range(node_ptr[v], node_ptr[v + 1]):
            d = factor[v] * slope[e]
            total += d
            grad_price[edge_group[e]] -= d
        grad_fee[v] -= total


class DualPrices:
    """Finds prices for one model and budget."""

    def __init__(self, model: SitingModel, budget_fen: int) -> None:
        self.model, self.budget = model, float(max(budget_fen, 1))
        self.existing = model.node_option < 0
        self.option = np.where(self.existing, 0, model.node_option)
        self.options = len(model.options)
        # The exclusive sets, each option in one of them only: leaving the others out keeps the bound valid.
        self.key = np.arange(self.options)
        for members in model.conflicts:
            if np.array_equal(self.key[members], members):
                self.key[members] = members[0]
        self.cost = model.cost / self.budget
        self.existing_value = float(np.sum((model.node_units * model.node_weight)[self.existing]))
        weight = model.node_weight * model.node_units
        self.scale = np.maximum(
            np.bincount(self.option, np.where(self.existing, 0, weight), self.options), 1e-12
        )
        key_scale = np.zeros(self.options)
        np.maximum.at(key_scale, self.key, self.scale)
        self.key_scale = key_scale[self.key]

    def evaluate(self, price: Floats) -> Bound:
        """The exact bound at relative prices (g,), with the best money price found by a line search."""
        m = self.model
        price = np.clip(price, 0.0, 1.0)
        worth, fee = node_worth(m.node_ptr, m.edge_group, m.node_units, m.group_need, price)
        worth *= m.node_weight
        phi = np.bincount(self.option, np.where(self.existing, 0, worth), self.options)
        fixed = (
            float(np.sum(m.group_need * m.group_weight * price) + worth[self.existing].sum())
            - self.existing_value
        )
        low, high = 0.0, float(np.max(phi / np.maximum(self.cost, 1e-15), initial=0.0)) + 1.0
        high = min(high, float(phi.sum()) + 1.0)

        def spent(money: float) -> float:
            profit = phi - money * self.cost
            best = self._best(profit)
            taken = (profit >= best[self.key] - 1e-12) & (profit > 0)
            first = np.full(self.options, self.options)
            np.minimum.at(first, self.key[taken], np.flatnonzero(taken))
            return float(self.cost[first[first < self.options]].sum())

        for _ in range(60):
            middle = (low + high) / 2
            if spent(middle) > 1.0:
                low = middle
            else:
                high = middle
        totals = [(money + self._best(phi - money * self.cost).sum(), money) for money in (0.0, low, high)]
        total, money = min(totals)
        profit = phi - money * self.cost
        best = self._best(profit)
        ranked = profit.copy()
        lead = np.flatnonzero(profit >= best[self.key] - 1e-12)
        ranked[lead] = -np.inf
        alone = self._best(ranked)
        several = np.bincount(self.key[lead], minlength=self.options) > 1
        alone = np.where(several, best, alone)
        second = np.where(profit >= best[self.key] - 1e-12, alone[self.key], best[self.key])
        return Bound(
            fixed + total, price, profit, best[self.key], second, np.zeros(self.options), fee, float(money)
        )

    def _best(self, profit: Floats) -> Floats:
        best = np.zeros(self.options)
        np.maximum.at(best, self.key, profit)
        return best

    def search(
        self,
        seconds: float,
        target: float,
        should_stop: Callable[[], bool],
        seen: Callable[[float], None] = lambda share: None,
        guess: Floats | None = None,
    ) -> Bound:
        """Descend until the time is up, the bound is within 1e-5 of `target`, or the last temperature is cold. `guess`
        (g,): prices to start from, for example those of a good plan."""
        m, started = self.model, time.monotonic()
        size = m.group_need * m.group_weight
        u_scale = np.sqrt(max(float(size.mean()), 1e-12) / np.maximum(size, 1e-12))
        node_size = np.maximum(m.node_units * m.node_weight, 1e-12)
        v_scale = np.sqrt(float(node_size.mean()) / node_size)
        total = max(self.existing_value + abs(target), float(size.sum()) * 1e-3, 1e-9)
        groups, nodes = m.groups, m.nodes
        best, heats = self.evaluate(np.zeros(groups)), TEMPERATURES
        if guess is not None:
            guessed = self.evaluate(guess)
            if guessed.value < best.value:
                best, heats = guessed, TEMPERATURES[2:5]  # near already: heat would only drive it away
        x = np.concatenate([best.price / u_scale, best.fee / v_scale, [best.money / total]])
        share = np.zeros(self.options)
        worth, slope = np.empty(nodes), np.empty(m.edges)
        units = m.node_units.astype(np.float64)
        need = m.group_need.astype(np.float64)

        def soft(t: Floats, heat: float) -> tuple[float, Floats]:
            price, fee, money = t[:groups] * u_scale, t[groups:-1] * v_scale, t[-1] * total
            _soft_edges(m.node_ptr, m.edge_group, need, price, fee, heat, worth, slope)
            node_value = m.node_weight * (units * fee + worth)
            phi = np.bincount(self.option, np.where(self.existing, 0, node_value), self.options)
            warmth = self.key_scale * heat
            z = np.minimum((phi - money * self.cost) / warmth, 1e6)
            top = np.maximum(self._best(z), 0.0)
            e = np.exp(z - top[self.key])
            sums = np.exp(-top) + np.bincount(self.key, e, self.options)
            share[:] = e / sums[self.key]
            live = np.unique(self.key)
            chosen = float(np.sum(warmth[live] * (top[live] + np.log(sums[live]))))
            value = float(size @ price) + float(node_value[self.existing].sum()) + chosen + money
            factor = np.where(self.existing, 1.0, share[self.option]) * m.node_weight
            grad_price, grad_fee = size.copy(), factor * units
            _spread(m.node_ptr, m.edge_group, slope, factor, grad_price, grad_fee)
            grad = np.concatenate(
                [grad_price * u_scale, grad_fee * v_scale, [(1.0 - float(share @ self.cost)) * total]]
            )
            return value / total, grad / total

        low = np.zeros(len(x))
        high = np.concatenate([1.0 / u_scale, 1.0 / v_scale, [np.inf]])

        def go_on() -> bool:
            return time.monotonic() - started < seconds and not should_stop()

        for step, heat in enumerate(heats):
            share_of_time = (step + 1) / len(heats)

            def cooling(share: float = share_of_time) -> bool:
                return go_on() and time.monotonic() - started < seconds * share

            x = descend(partial(soft, heat=heat), x, low, high, 3000, cooling)
            ended = not go_on()
            found = self.evaluate(x[:groups] * u_scale)
            if found.value < best.value:
                best = replace(found, share=share.copy())
            seen((step + 1) / len(heats))
            if ended or best.value <= target * (1 + 1e-5) + 1e-9:
                break
        if not best.share.any():
            best = replace(best, share=share.copy())
        return best


def surely_out(bound: Bound, value: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(never, always): options whose taking, or leaving, would push the bound below a value already in hand. Fixing
    them loses no better plan."""
    floor = value - 1e-9 * max(abs(value), 1.0)
    never = bound.value - bound.key_profit + bound.profit < floor
    always = bound.value - bound.key_profit + np.maximum(bound.second_profit, 0.0) < floor
    return never, always & ~never & (bound.profit >= bound.key_profit - 1e-12)
