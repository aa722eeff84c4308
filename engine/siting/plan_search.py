"""A plan rounded from prices and improved by ruin and recreate (ruin.py), on models of any size. bound.py proves."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.siting.bound import Bound
from engine.siting.model import SitingModel
from engine.siting.ruin import allowed, feasible, moves, refill, set_option
from engine.siting.town import Town, begin, complete, settle

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
BESIDE = 64  # nodes that may take over when one is closed
NEAR = 96  # options looked at around a place
SAMPLED_GROUPS = 48
EFFORT = 300  # groups one re-routing may look at while plans are compared
JOURNAL = 1 << 21
FAILURES = 1 << 20
MOVES_A_CALL = 64
MOST_DROPPED = 9
FEW_EDGES, FIRST_CALLS = 20_000, 20
SAVED = 0.7  # money that a move leaves over counts this share of its price
HOTTEST = 4e-5  # at first a move may cost this share of the bound
SETTLE_S = 2.0  # limited re-routing leaves a little undone; every so often the flow is made maximal


@njit(cache=True, nogil=True)
def _beside(node_ptr, edge_group, group_ptr, group_node, need, sampled, most):
    """(ptr, nodes): for each node those it shares most of its sampled need with."""
    nodes = node_ptr.size - 1
    ptr, out = np.zeros(nodes + 1, np.int64), np.empty(nodes * most, np.int32)
    weight, seen, found = np.zeros(nodes), np.full(nodes, -1, np.int64), np.empty(nodes, np.int64)
    for v in range(nodes):
        count, at = 0, ptr[v]
        step = max(1, (node_ptr[v + 1] - node_ptr[v]) // sampled)
        for e in range(node_ptr[v], node_ptr[v + 1], step):
            g = edge_group[e]
            for q in range(group_ptr[g], group_ptr[g + 1]):
                w = group_node[q]
                if w != v:
                    if seen[w] != v:
                        seen[w] = v
                        weight[w] = 0.0
                        found[count] = w
                        count += 1
                    weight[w] += need[g] * step
        order = np.argsort(-weight[found[:count]])
        for i in range(min(count, most)):
            out[at + i] = found[order[i]]
        ptr[v + 1] = at + min(count, most)
    return ptr, out[: ptr[nodes]].copy()


@njit(cache=True, nogil=True)
def _best_first(node_ptr, edge_group, pay):
    """Order the groups of every node by what they pay, best first."""
    for v in range(node_ptr.size - 1):
        mine = edge_group[node_ptr[v] : node_ptr[v + 1]].copy()
        edge_group[node_ptr[v] : node_ptr[v + 1]] = mine[np.argsort(-pay[mine], kind="mergesort")]


@njit(cache=True, nogil=True)
def _near(
    node_ptr, edge_group, group_ptr, group_node, node_option, option_ptr, option_node, need, sampled, most
):
    """(ptr, options): for each option those it shares most of its sampled need with, itself first."""
    options = option_ptr.size - 1
    ptr = np.zeros(options + 1, np.int64)
    out = np.empty(options * most, np.int64)
    weight, seen, found = np.zeros(options), np.full(options, -1, np.int64), np.empty(options, np.int64)
    for o in range(options):
        count = 0
        for i in range(option_ptr[o], option_ptr[o + 1]):
            v = option_node[i]
            length = node_ptr[v + 1] - node_ptr[v]
            step = max(1, length // sampled)
            for e in range(node_ptr[v], node_ptr[v + 1], step):
                g = edge_group[e]
                for q in range(group_ptr[g], group_ptr[g + 1]):
                    other = node_option[group_node[q]]
                    if other >= 0 and other != o:
                        if seen[other] != o:
                            seen[other] = o
                            weight[other] = 0.0
                            found[count] = other
                            count += 1
                        weight[other] += need[g] * step
        order = np.argsort(-weight[found[:count]])
        at = ptr[o]
        out[at] = o
        at += 1
        for i in range(min(count, most - 1)):
            out[at] = found[order[i]]
            at += 1
        ptr[o + 1] = at
    return ptr, out[: ptr[options]].copy()


def _lists(size: int, groups: list[NDArray]) -> tuple[NDArray, NDArray]:
    """(ptr (size + 1,), numbers of the `groups` each of `size` items is in)."""
    item = np.concatenate([np.asarray(g, np.int64) for g in groups] or [np.empty(0, np.int64)])
    number = np.repeat(np.arange(len(groups)), [len(g) for g in groups]).astype(np.int64)
    order = np.argsort(item, kind="stable")
    return np.searchsorted(item[order], np.arange(size + 1)).astype(np.int64), number[order]


class Search:
    """One plan that is changed move by move. `plan` (o,) and `value` are the best found that keeps every limit; value
    counts merit and is above what exists already; -inf where no plan that keeps the limits was found."""

    def __init__(
        self, model: SitingModel, budget: int | None, seed: int = 0, price: Floats | None = None
    ) -> None:
        """price (g,), of bound.py: then every node serves those first who pay best, which is nearly how a maximal flow
        of a good plan looks (complementary slackness) and saves most of the re-routing."""
        self.model = model
        self.budget = int(budget) if budget is not None else int(np.iinfo(np.int64).max // 4)
        self.random = np.random.default_rng(seed)
        options, nodes, groups, edges = len(model.options), model.nodes, model.groups, model.edges
        edge_node = np.repeat(np.arange(nodes, dtype=np.int32), np.diff(model.node_ptr))
        order = np.argsort(model.edge_group, kind="stable")
        group_node = edge_node[order]
        del order, edge_node
        group_ptr = np.concatenate([[0], np.cumsum(np.bincount(model.edge_group, minlength=groups))]).astype(
            np.int64
        )
        by_option = np.argsort(model.node_option, kind="stable")
        option_ptr = np.searchsorted(model.node_option[by_option], np.arange(options + 1)).astype(np.int64)
        self.existing, option_node = by_option[: option_ptr[0]], by_option[option_ptr[0] :].astype(np.int64)
        option_ptr = option_ptr - option_ptr[0]
        set_ptr, option_set = _lists(options, list(model.conflicts))
        rows = np.zeros((0, options), np.int64) if model.rows is None else model.rows
        limit = np.zeros(0, np.int64) if model.row_limit is None else model.row_limit
        self.forced = np.zeros(options, bool) if model.forced is None else model.forced
        edge_group = model.edge_group
        if price is not None:
            edge_group = edge_group.copy()
            _best_first(model.node_ptr, edge_group, model.group_weight * (1.0 - price))
        beside_ptr, beside = _beside(
            model.node_ptr, model.edge_group, group_ptr, group_node, model.group_need, SAMPLED_GROUPS, BESIDE
        )
        journal = min(JOURNAL, 4096 + 64 * edges)
        self.town = Town(
            node_ptr=model.node_ptr, edge_group=edge_group, group_ptr=group_ptr, group_node=group_node,
            units=model.node_units.astype(np.int64), weight=model.group_weight.astype(np.float64),
            open=np.zeros(nodes, np.bool_), room=model.node_units.astype(np.int64).copy(),
            deficit=model.group_need.astype(np.int64).copy(), serve_node=np.zeros(edges, np.int32),
            serve_units=np.zeros(edges, np.int64), serve_count=np.zeros(groups, np.int32),
            mark_node=np.zeros(nodes, np.int64), mark_group=np.zeros(groups, np.int64), via_node=np.zeros(nodes, np.int64),
            via_group=np.zeros(groups, np.int64), queue=np.zeros(nodes + 1, np.int64), stamp=np.zeros(1, np.int64),
            dead=np.zeros(groups, np.int32), ended=np.zeros(FAILURES, np.bool_), link=np.zeros(FAILURES, np.int32),
            ends=np.zeros(1, np.int64), journal_group=np.zeros(journal, np.int32), journal_node=np.zeros(journal, np.int32),
            journal_units=np.zeros(journal, np.int64), journal_size=np.zeros(1, np.int64), option_ptr=option_ptr,
            option_node=option_node, taken=np.zeros(options, np.bool_), cost=model.cost.astype(np.int64),
            merit=np.zeros(options) if model.merit is None else model.merit.astype(np.float64), set_ptr=set_ptr,
            option_set=option_set, set_taken=np.zeros(len(model.conflicts), np.int64),
            rows=np.ascontiguousarray(rows.T.astype(np.int64)), row_limit=limit.astype(np.int64),
            row_used=np.zeros(len(limit), np.int64), spent=np.zeros(1, np.int64), value=np.zeros(1),
            effort=np.array([EFFORT]), beside_ptr=beside_ptr, beside=beside, roomy=np.zeros(nodes + 1, np.int64),
            roomy_mark=np.zeros(nodes, np.int64), roomy_size=np.zeros(1, np.int64), number=np.zeros(1, np.int64),
        )  # fmt: skip
        self.town.open[self.existing] = True
        complete(self.town)
        self.base = float(self.town.value[0])
        self._best, self.plan = np.full(1, -np.inf), np.zeros(options, np.bool_)
        self.told = np.zeros(3, np.int64)
        self.near = _near(
            model.node_ptr, model.edge_group, group_ptr, group_node, model.node_option, option_ptr, option_node,
            model.group_need, SAMPLED_GROUPS, NEAR,
        )  # fmt: skip

    @property
    def value(self) -> float:
        return float(self._best[0]) - self.base

    def load(self, taken: Flags) -> None:
        """Make the plan in work exactly `taken`."""
        begin(self.town)
        for option in np.flatnonzero(self.town.taken & ~taken):
            set_option(self.town, option, False)
        self._forget()
        for option in np.flatnonzero(taken & ~self.town.taken):
            set_option(self.town, option, True)
        settle(self.town)

    def _forget(self) -> None:
        """Failed searches are numbered anew before the numbers run out."""
        self.town.dead[:] = 0
        self.town.ends[0] = 0
        self.town.journal_size[0] = 0

    def note(self) -> bool:
        """Remember the plan in work when it keeps every limit and is the best."""
        forced_in = bool(self.town.taken[self.forced].all())
        if forced_in and feasible(self.town, self.budget) and self.town.value[0] > self._best[0] + 1e-9:
            self._best[0] = self.town.value[0]
            self.plan[:] = self.town.taken
            return True
        return False

    def complete(self) -> None:
        """Finish what limited effort left undone: the flow of the plan in work is exactly maximal after it."""
        begin(self.town)
        complete(self.town)

    def charges(self, bound: Bound) -> Floats:
        """(o,) what each option uses up of the limits at their prices, at least a little."""
        rows = 0.0 if self.model.rows is None else bound.row_price @ self.model.rows
        charge = bound.money * self.model.cost + rows
        floor = 1e-3 * max(float(np.abs(bound.worth).mean()) if len(charge) else 0.0, 1e-9)
        return np.maximum(charge, floor)

    def fill(self, bound: Bound, order: NDArray | None = None, least: float = 0.0) -> None:
        """Take what `order` (o,) says as far as it is allowed, then add whatever still gives something, best first."""
        begin(self.town)
        for option in () if order is None else order:
            if allowed(self.town, option, self.budget):
                set_option(self.town, option, True)
        settle(self.town)
        options = np.flatnonzero(~self.town.taken)
        refill(
            self.town, options, len(options), bound.worth, self.charges(bound), np.ones(len(options)), 0.3, least,
            self.budget, np.empty(4 * len(self.plan) + 8, np.int64), 0,
        )  # fmt: skip
        settle(self.town)
        self.note()

    def start(self, bound: Bound, warm: Flags | None = None) -> None:
        """A first plan: forced options, then `warm` (o,) or what the prices take for more than half, mended where a row
        asks for more, and filled up."""
        wanted = bound.share > 0.5 if warm is None else warm
        begin(self.town)
        for option in np.flatnonzero(self.forced & ~self.town.taken):
            set_option(self.town, option, True)
        order = np.argsort(
            -(bound.share + 1e-3 * bound.profit / max(float(np.abs(bound.profit).max(initial=0.0)), 1e-12))
        )
        order = order[wanted[order]]
        order = order[np.argsort(self.model.cost[order] >= 0, kind="stable")]  # what brings money first
        self._mend(bound)
        self.fill(bound, order)
        self.complete()
        self.note()

    def _mend(self, bound: Bound) -> None:
        """Take options until no row is over its limit (rows that ask for at least something are negative)."""
        charge, town = self.charges(bound), self.town
        while True:
            over = np.maximum(town.row_used - town.row_limit, 0)
            if not over.any():
                return
            helps = np.minimum(-np.minimum(town.rows, 0), over) @ (1.0 / np.maximum(over, 1))
            score = np.where(town.taken, 0.0, helps) * (np.maximum(bound.worth, 0.0) + charge) / charge
            for option in np.argsort(-score, kind="stable"):
                if score[option] <= 0:
                    return
                if allowed(town, option, self.budget):
                    set_option(town, option, True)
                    break

    def run(
        self,
        bound: Bound,
        until: Callable[[], bool],
        seconds: float,
        told: Callable[[], None] = lambda: None,
        hottest: float = HOTTEST,
    ) -> None:
        """Ruin and recreate from the plan in work until the time is up or until() is true; told() now and then."""
        started, charge = time.monotonic(), self.charges(bound)
        undecided = np.flatnonzero((bound.share > 0.01) & (bound.share < 0.99))
        leaders = np.concatenate([undecided, np.flatnonzero(self.town.taken)])
        settled = started
        calls = FIRST_CALLS if self.model.edges <= FEW_EDGES else 1  # some moves in any case
        while len(leaders) and not until() and ((now := time.monotonic()) - started < seconds or calls > 0):
            calls -= 1
            share = max(0.0, 1.0 - 1.25 * (now - started) / max(seconds, 1e-9))
            if self.town.ends[0] > FAILURES // 2:
                self._forget()
            fine = moves(
                self.town, self.random, MOVES_A_CALL, MOST_DROPPED, *self.near, leaders, bound.worth, charge, self.forced,
                self.budget, hottest * abs(bound.value) * share**2, SAVED, self._best, self.plan, self.told,
            )  # fmt: skip
            if not fine:
                self.load(np.zeros_like(self.plan))
                self.load(self.plan)
            if not fine or now - settled > SETTLE_S:
                self.complete()
                self.note()
                settled = now
            told()
        # The best plan met on the way may be a little better still once its flow is maximal.
        kept = self.plan.copy()
        if np.isfinite(self.value):
            self.load(kept)
            self.complete()
            self.note()
        told()

    def by_value_for_money(self, taken: Flags) -> NDArray:
        """Numbers of the taken options, each the one that adds most at hand per fen after those before it."""
        self.load(np.zeros_like(self.plan))
        begin(self.town)
        chosen = np.flatnonzero(taken)
        flips = np.empty(4 * len(chosen) + 8, np.int64)
        cost = np.maximum(self.model.cost.astype(np.float64), 1.0)
        count = refill(
            self.town, chosen, len(chosen), np.zeros(len(taken)), cost, np.ones(len(chosen)), 0.0, 0.0, self.budget,
            flips, 0,
        )  # fmt: skip
        listed = [int(o) for o in flips[:count] if self.town.taken[o]]
        rest = np.setdiff1d(chosen, listed)
        return np.concatenate([np.array(listed, np.int64), rest]).astype(np.int64)

    def served(self, order: NDArray) -> NDArray[np.int64]:
        """(len(order), worlds) units each option of `order` adds after those before it; together exactly the plan's."""
        self.load(np.zeros_like(self.plan))
        begin(self.town)
        for option in order:
            set_option(self.town, option, True)
        self.complete()
        taken = np.where(self.town.open, self.town.units - self.town.room, 0)
        out = np.zeros((len(order), len(self.model.base)), np.int64)
        for row, option in enumerate(order):
            nodes = self.town.option_node[self.town.option_ptr[option] : self.town.option_ptr[option + 1]]
            np.add.at(out[row], self.model.node_world[nodes], taken[nodes])
        return out
