"""Good prices for whole families of plans: the Lagrangian dual of a weighted question, smoothed and descended.

For prices omega of worlds and areas and a worth c of each decision by itself, the dual in prices p of need, fees f of
room and prices m of the limits is

    sum need pay p + sum of existing nodes' worth + sum over exclusive sets of max(0, best c + nodes' worth - m rows) + m limits
    worth of a node = units f + sum in reach need (pay (1 - p) - f)+.

All maxima are smoothed with a temperature that falls, and descended with L-BFGS. Whatever comes out is only a guess:
lines.py turns the prices into a line that holds in any case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.descent import descend
from engine.siting.case import Case

Floats = NDArray[np.float64]
HOT = (0.03, 0.01, 0.003, 0.001, 0.0003)
COLD = (0.003, 0.001, 0.0003)


@njit(cache=True, nogil=True, fastmath=True)
def _soft_edges(node_ptr, edge_group, need, pay, price, fee, heat, worth, slope):
    """worth (v,): sum of need x softplus(pay (1 - price) - fee), heat measured in pay; slope (e,): its derivative."""
    for v in range(fee.size):
        total = 0.0
        for e in range(node_ptr[v], node_ptr[v + 1]):
            g = edge_group[e]
            slope[e] = 0.0
            if pay[g] <= 0.0:
                continue
            warm = heat * pay[g]
            z = (pay[g] * (1.0 - price[g]) - fee[v]) / warm
            if z > 30.0:
                total += need[g] * z * warm
                slope[e] = need[g]
            elif z > -30.0:
                x = np.exp(z)
                total += need[g] * warm * np.log1p(x)
                slope[e] = need[g] * x / (1.0 + x)
        worth[v] = total


@njit(cache=True, nogil=True)
def _spread(node_ptr, edge_group, slope, pay, factor, grad_price, grad_fee):
    for v in range(factor.size):
        if factor[v] == 0.0:
            continue
        total = 0.0
        for e in range(node_ptr[v], node_ptr[v + 1]):
            d = factor[v] * slope[e]
            total += d
            grad_price[edge_group[e]] -= d * pay[edge_group[e]]
        grad_fee[v] -= total


@dataclass
class Prices:
    """price (g,) relative to pay, fee (v,), limit (r,) prices of the rows; share (d,) near-primal."""

    price: Floats
    fee: Floats
    limit: Floats
    share: Floats


class PriceSearch:
    """Descends for one case; keeps nothing between calls but the network."""

    def __init__(self, case: Case) -> None:
        m = case.model
        self.case, self.m = case, m
        self.stands = m.node_option < 0
        self.option = np.where(self.stands, 0, m.node_option)
        self.need = m.group_need.astype(np.float64)
        self.units = m.node_units.astype(np.float64)
        self.rows = np.array([row.amount for row in case.rows], np.float64).reshape(
            len(case.rows), case.decisions
        )
        self.most = np.array([row.most for row in case.rows], np.float64)
        self.forced = case.forced
        key = np.arange(case.decisions)
        for (
            members,
            _,
        ) in case.sets:  # each decision in one set only: leaving others out only loosens the guess
            if np.array_equal(key[members], members) and not self.forced[members].any():
                key[members] = members[0]
        self.key = key

    def search(
        self, omega: Floats, worth_of: Floats, start: Prices | None, go_on: Callable[[float], bool],
        cap: tuple[Floats, float] | None = None,
    ) -> Prices:  # fmt: skip
        """omega (measures,), worth_of (d,): of each decision beside people. go_on(share): may the search go on, when
        this share of its temperatures is done. cap: one more row (amount (d,), most)."""
        m, d = self.m, self.case.decisions
        if not m.edges or not d:
            return Prices(np.zeros(m.groups), np.zeros(m.nodes), np.zeros(len(self.most)), np.zeros(d))
        rows = self.rows if cap is None else np.vstack([self.rows, cap[0]])
        most = self.most if cap is None else np.append(self.most, cap[1])
        pay = omega[self.case.group_measure] * self.case.group_value
        size = self.need * pay
        top = np.zeros(m.nodes)
        np.maximum.at(top, np.repeat(np.arange(m.nodes), np.diff(m.node_ptr)), pay[m.edge_group])
        node_size = np.maximum(self.units * top, 1e-12)
        mean = max(float(size.mean()) if len(size) else 0.0, 1e-12)
        u_scale = np.sqrt(mean / np.maximum(size, mean * 1e-6))
        v_scale = np.sqrt(
            float(node_size.mean()) / np.maximum(node_size, node_size.mean() * 1e-6)
        ) * np.maximum(top, 1e-12)
        total = max(float(size.sum()) * 0.05, float(np.abs(worth_of).sum()) * 0.05, 1e-9)
        row_size = np.maximum(np.abs(rows).max(axis=1, initial=0.0), np.abs(most))
        r_scale = total / np.maximum(row_size, 1e-12)
        scale = np.maximum(
            np.bincount(self.option, np.where(self.stands, 0, self.units * top), d), np.abs(worth_of)
        )
        scale = np.maximum(scale, 1e-9 * max(float(scale.max(initial=0.0)), 1e-12))
        key_scale = np.zeros(d)
        np.maximum.at(key_scale, self.key, scale)
        warmth = key_scale[self.key]
        live = np.unique(self.key[~self.forced]) if d else np.empty(0, np.int64)
        groups, nodes = m.groups, m.nodes
        worth, slope, share = np.empty(nodes), np.empty(m.edges), np.zeros(d)

        def soft(t: Floats, whole: bool, heat: float) -> tuple[float, Floats]:
            price, fee, money = (
                t[:groups] * u_scale,
                t[groups : groups + nodes] * v_scale,
                t[groups + nodes :] * r_scale,
            )
            _soft_edges(m.node_ptr, m.edge_group, self.need, pay, price, fee, heat, worth, slope)
            node_value = self.units * fee + worth
            phi = np.bincount(self.option, np.where(self.stands, 0, node_value), d) + worth_of - money @ rows
            z = np.minimum(phi / (warmth * heat), 1e6)
            z[self.forced] = -1e6
            best = np.zeros(d)
            np.maximum.at(best, self.key, z)
            e = np.exp(z - best[self.key])
            sums = np.exp(-best) + np.bincount(self.key, e, d)
            share[:] = np.where(self.forced, 1.0, e / sums[self.key])
            chosen = float(np.sum(warmth[live] * heat * (best[live] + np.log(sums[live])))) + float(
                phi[self.forced].sum()
            )
            value = float(size @ price) + float(node_value[self.stands].sum()) + chosen + float(money @ most)
            factor = np.where(self.stands, 1.0, share[self.option]) if d else np.ones(nodes)
            grad_price, grad_fee = size.copy(), factor * self.units
            _spread(m.node_ptr, m.edge_group, slope, pay, factor, grad_price, grad_fee)
            grad_money = (most - rows @ share) * r_scale
            return value / total, np.concatenate(
                [grad_price * u_scale, grad_fee * v_scale, grad_money]
            ) / total

        heats = HOT if start is None else COLD
        if start is None:
            x = np.zeros(groups + nodes + len(most))
        else:
            money = np.zeros(len(most))
            money[: min(len(most), len(start.limit))] = start.limit[: len(most)]
            x = np.concatenate([start.price / u_scale, start.fee / v_scale, money / r_scale])
        high = np.concatenate([1.0 / u_scale, np.maximum(top, 1e-12) / v_scale, np.full(len(most), np.inf)])
        low = np.zeros(len(x))
        for step, heat in enumerate(heats):
            done = (step + 1) / len(heats)
            try:
                x = descend(partial(soft, heat=heat), x, low, high, 2000, lambda done=done: go_on(done))
            except ZeroDivisionError:  # steps too small for its memory: as cold as it gets
                break
            if not go_on(1.0):
                break
        x = np.nan_to_num(x, posinf=0.0)  # a guess that went astray is no guess
        return Prices(
            np.clip(x[:groups] * u_scale, 0.0, 1.0),
            x[groups : groups + nodes] * v_scale,
            x[groups + nodes :] * r_scale,
            np.nan_to_num(share),
        )
