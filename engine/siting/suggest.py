"""What to build, how much, where: the best options under one budget, with a proven bound.

Value = weighted units newly served in time, over all worlds and services; maximising it leaves the least weighted gap.
Stages: exact reduction (model) -> lazy greedy -> the exact model on HiGHS when it is small -> otherwise a dual
bound and a plan from it by search (large), fixing of options the bound decides, and HiGHS on the rest; where the model
is too large for a solver, prices and search alone. The answer is measured again by exact assignment on the cells as they came. See docs/algorithms/siting.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine import ENGINE_VERSION
from engine.checks import check_siting
from engine.coverage import served_in_time
from engine.interventions import apply_options
from engine.siting import mip
from engine.siting.bound import surely_out
from engine.siting.flow import UNHURRIED, OpenSet
from engine.siting.large import solve_large
from engine.siting.model import SitingModel, build_model, focus
from engine.siting.plan_search import Search
from engine.siting.search import Progress, fill_greedily
from engine.world import Choice, Option, World

OPTIMAL_GAP = 1e-6
TARGET_GAP = 1e-4
SMALL_MODEL_EDGES = 20_000
FEW_EDGES = 20_000  # the solver settles the rest soon, so that prices and search need little of the time
UNHURRIED_EDGES = (
    200_000  # on larger models a re-routing may look at QUICK_EFFORT edges while plans are compared
)
QUICK_EFFORT = 50_000
LARGE_EDGES = 300_000  # beyond, HiGHS rarely gets past its first linear program in a minute


class _Cancelled(Exception):
    pass


@dataclass
class _Watch:
    """The clock, and who is told what."""

    started: float
    deadline: float
    progress: Progress | None
    live: Callable[[float, float], None] | None
    should_stop: Callable[[], bool] | None
    should_finish: Callable[[], bool] | None
    value: float = -np.inf
    bound: float = np.inf
    trail: list[tuple[float, float, float]] = field(default_factory=list)

    def stopped(self) -> bool:
        return bool(self.should_stop and self.should_stop())

    def over(self) -> bool:
        """The search must end now: cancelled or asked to finish."""
        return self.stopped() or bool(self.should_finish and self.should_finish())

    def left(self) -> float:
        return -1.0 if self.should_finish and self.should_finish() else self.deadline - time.monotonic()

    def tell(self, share: float, stage: str) -> None:
        if self.progress:
            self.progress(share, stage)
        if self.stopped():
            raise _Cancelled

    def improved(self, value: float, bound: float) -> None:
        if value <= self.value + 1e-9 and bound >= self.bound - 1e-9:
            return
        self.value, self.bound = max(value, self.value), min(bound, self.bound)
        self.trail.append((time.monotonic() - self.started, self.value, self.bound))
        if self.live:
            self.live(self.value, self.bound)


@dataclass(frozen=True)
class _Made:
    """taken (o,), its bound and source, and how to share the value out among the options."""

    taken: NDArray[np.bool_]
    bound: float
    source: str
    notes: dict
    search: Search | None = None


def suggest_sites(
    worlds: Sequence[World],
    options: Sequence[Option],
    budget_fen: int,
    weights: Sequence[float] | None = None,
    time_limit_s: float = 60.0,
    seed: int = 0,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    live: Callable[[float, float], None] | None = None,
    should_finish: Callable[[], bool] | None = None,
    warm: Sequence[int] | None = None,
) -> Choice:
    """Choose options, each as a whole, at most one per exclusive_key, total cost <= budget_fen.

    worlds: the same sites, roles and services under different demand or travel (day and night); one choice serves all.
    weights (w,): value of each world, by default equal shares of 1. Standard.weight values one unit of each service.
    progress(share, stage) and should_stop() are called often. The stage is one of model, greedy, proof, bound, search,
    check. A cancelled call returns status "cancelled" and nothing chosen. live(value, bound) is called whenever either
    improves, inf where not known. should_finish() ends at once with the best so far, its bound and honest status. warm:
    positions of options to start from, as far as they fit. notes["trail"]: (seconds, value, bound) as they improved.
    Raises InvalidInput with every problem.
    """
    started = time.monotonic()
    weights = [1.0 / max(len(worlds), 1)] * len(worlds) if weights is None else list(weights)
    check_siting(worlds, options, budget_fen, weights)
    watch = _Watch(started, started + float(time_limit_s), progress, live, should_stop, should_finish)
    try:
        watch.tell(0.0, "model")
        model = build_model(worlds, options, weights, int(budget_fen))
        # The last measurement takes about as long as building the model did.
        watch.deadline -= min(1.2 * (time.monotonic() - started) + 0.5, 0.4 * float(time_limit_s))
        begin = np.isin(model.options, np.asarray(warm, np.int64)) if warm is not None else None
        made = _choose(model, int(budget_fen), seed, watch, begin)
        watch.tell(0.92, "check")
        return _answer(worlds, options, weights, model, made, seed, watch)
    except _Cancelled:
        empty = np.empty(0, np.int64)
        none = np.zeros((len(worlds), worlds[0].services), np.int64)
        return Choice(
            empty, 0.0, 0.0, 0.0, "cancelled", 0, np.empty(0), np.zeros((0, len(worlds)), np.int64), none, none,
            "none", seed, time.monotonic() - started, ENGINE_VERSION,
        )  # fmt: skip


def _choose(
    model: SitingModel, budget: int, seed: int, watch: _Watch, warm: NDArray[np.bool_] | None
) -> _Made:
    """The best plan of the reduced model."""
    tell = watch.tell
    notes = {"options": len(model.options), "groups": model.groups, "edges": model.edges,
             "cells": model.kept_cells, "displacing": list(model.displacing), "trail": watch.trail}  # fmt: skip
    none, every = np.zeros(len(model.options), bool), np.ones(len(model.options), bool)
    if len(model.options) == 0:
        return _Made(none, 0.0, "nothing can help", notes)
    if model.edges > LARGE_EDGES:
        return _choose_large(model, budget, seed, watch, warm, notes)
    begun = watch.left()
    work = OpenSet(model, _effort(model))
    existing_value = float(np.sum((model.node_units * model.node_weight)[model.node_option < 0]))
    first = np.array([_gain(work, o, tell, 0.05) for o in range(len(model.options))])
    empty = work.save()
    best, best_value = work.taken.copy(), 0.0
    plenty = np.zeros(model.groups, bool)
    for by_cost in (True, False):
        if not by_cost and watch.left() < 0.85 * begun:
            break
        work.restore(empty)
        fill_greedily(work, first, budget, by_cost, lambda: watch.left() < 0.65 * begun, tell)
        work.complete()
        if work.value > best_value:
            best, best_value, plenty = work.taken.copy(), work.value, work.plenty()
    notes["greedy_value"] = float(best_value)
    if first.sum() == 0 and _effort(model) == UNHURRIED:
        return _Made(best, 0.0, "nothing can help", notes)
    if int(model.cost.sum()) <= budget and not model.conflicts:
        work.restore(empty)
        for option in range(len(model.options)):
            work.add(option)
        work.complete()
        return _Made(work.taken.copy(), work.value, "everything fits the budget", notes)
    best, best_value = _better(work, empty, best, best_value, warm, first, budget, tell)
    watch.improved(best_value, np.inf)

    mip_bound = float("inf")
    if model.edges <= SMALL_MODEL_EDGES:
        tell(0.3, "proof")
        proof = mip.solve(
            model,
            budget,
            existing_value,
            best,
            none,
            every,
            max(watch.left() * 0.7, 1.0),
            0.0,
            seed,
            watch.over,
        )
        best, best_value = _better(work, empty, best, best_value, proof.taken, first, budget, tell)
        watch.improved(best_value, float(proof.bound))
        if proof.closed:
            return _Made(best, max(proof.bound, best_value), "HiGHS, tree closed", notes)
        mip_bound = float(proof.bound)
    tell(0.3, "bound")
    found = solve_large(
        model, budget, max(watch.left() * (0.15 if model.edges <= FEW_EDGES else 0.5), 0.5), seed, watch.over, watch.improved,
        lambda share, stage: tell(0.3 + 0.4 * share, stage), best, plenty.astype(float), TARGET_GAP,
    )  # fmt: skip
    dual, bound, source = found.bound, found.bound.value, "dual prices"
    if mip_bound < bound:
        bound, source = mip_bound, "HiGHS, tree open"
    best, best_value = _better(work, empty, best, best_value, found.taken, first, budget, tell)
    best, best_value = _better(work, empty, best, best_value, dual.share > 0.5, first, budget, tell)
    notes["dual_bound"] = float(dual.value)
    if watch.left() > 1.0 and bound - best_value > TARGET_GAP * bound:
        never, always = surely_out(dual, best_value)
        free = ~never & ~always
        notes["left_open"] = int(free.sum())
        rest = focus(model, always, free)
        tell(0.75, "proof")
        spare = budget - int(model.cost[always].sum())
        proof = mip.solve(
            rest,
            spare,
            existing_value,
            best,
            always,
            free,
            watch.left() * 0.9,
            TARGET_GAP / 2,
            seed,
            watch.over,
        )
        best, best_value = _better(work, empty, best, best_value, proof.taken, first, budget, tell)
        rest_bound = max(proof.bound, best_value)
        if rest_bound < bound:
            bound, source = rest_bound, "HiGHS after fixing by dual prices"
    watch.improved(best_value, max(bound, best_value))
    return _Made(best, max(bound, best_value), source, notes)


def _choose_large(
    model: SitingModel, budget: int, seed: int, watch: _Watch, warm: NDArray[np.bool_] | None, notes: dict
) -> _Made:
    """Prices and search alone; too large for a solver."""
    found = solve_large(
        model,
        budget,
        max(watch.left(), 0.5),
        seed,
        watch.over,
        watch.improved,
        watch.tell,
        warm,
        None,
        TARGET_GAP,
    )
    notes["dual_bound"] = float(found.bound.value)
    taken = np.zeros(len(model.options), bool) if found.taken is None else found.taken
    return _Made(taken, max(found.bound.value, found.value, 0.0), "dual prices", notes, found.search)


def _effort(model: SitingModel) -> int:
    return QUICK_EFFORT if model.edges > UNHURRIED_EDGES else UNHURRIED


def _gain(state: OpenSet, option: int, tell: Progress, share: float) -> float:
    if option % 64 == 0:
        tell(share, "greedy")
    return state.gain(option)


def _better(work, empty, best, best_value, taken, first, budget, tell, order=None):
    """The better of the plan in hand and `taken` made affordable (in `order`, or by gain) and filled up."""
    if taken is None:
        return best, best_value
    work.restore(empty)
    for option in np.flatnonzero(taken) if order is None else order[taken[order]]:
        if work.allowed(int(option), budget):
            work.add(int(option))
    fill_greedily(work, first, budget, True, tell=tell)
    if work.value > best_value + 1e-9:
        return work.taken.copy(), work.value
    return best, best_value


def _shared_out(model: SitingModel, made: _Made, worlds: int) -> tuple[list[int], NDArray[np.int64], float]:
    """(options in order of value for money, units each adds by world (c, w), value by the model's flow)."""
    taken = made.taken
    if made.search is not None:
        order = made.search.by_value_for_money(taken)
        units = made.search.served(order)
        return order.tolist(), units, float(made.search.town.value[0] - made.search.base)
    state = OpenSet(model, _effort(model))
    empty = state.save()
    upper = np.zeros(len(taken))
    for position in np.flatnonzero(taken).tolist():
        upper[position] = state.gain(position)
    listed = fill_greedily(state, upper, int(model.cost[taken].sum()), True)
    ordered = set(listed)
    listed += [o for o in np.flatnonzero(taken).tolist() if o not in ordered]
    state.restore(empty)
    units = np.zeros((len(listed), worlds), np.int64)
    for row, position in enumerate(listed):
        gained = state.add(position)
        np.add.at(units[row], model.node_world[state.nodes_of[position]], gained)
    rest = state.complete()
    for row, position in enumerate(listed):
        nodes = state.nodes_of[position]
        np.add.at(units[row], model.node_world[nodes], rest[nodes])
    return listed, units, float(state.value)


def _answer(worlds, options, weights, model: SitingModel, made: _Made, seed: int, watch: _Watch) -> Choice:
    """Measure the chosen options on the cells as they came, and share the value out in order of value for money."""
    order, units, model_value = _shared_out(model, made, len(worlds))
    bound, source, notes = made.bound, made.source, made.notes
    still = lambda: watch.tell(0.95, "check")  # noqa: E731
    useful = units.any(axis=1)  # what adds nothing is not proposed
    order, units = [o for o, use in zip(order, useful, strict=True) if use], units[useful]
    still()
    chosen = model.options[order].astype(np.int64)
    after = model.base.copy()
    touched = sorted({options[int(i)].service for i in chosen})
    for number, world in enumerate(worlds):
        changed = apply_options(world, options, chosen)
        for service in touched:  # an option never moves another service: displacing ones are left out
            still()
            after[number, service] = served_in_time(changed, service)[0]
    value_of = np.array(
        [[w * s.weight for s in world.standards] for w, world in zip(weights, worlds, strict=True)]
    )
    value = float(np.sum((after - model.base) * value_of))
    services = np.array([options[int(i)].service for i in chosen], np.int64)
    worth = np.array([units[row] @ value_of[:, service] for row, service in enumerate(services)], np.float64)
    bound = max(float(bound), value)
    gap = (bound - value) / bound if bound > 0 else 0.0
    gap = 0.0 if gap < 1e-12 else gap
    notes["model_value"] = model_value
    watch.improved(value, bound)
    return Choice(
        chosen=chosen,
        value=value,
        bound=bound,
        gap=gap,
        status="optimal" if gap <= OPTIMAL_GAP else "within" if np.isfinite(bound) else "feasible",
        cost_fen=int(sum(options[int(i)].cost_fen for i in chosen)),
        people_newly_served=worth,
        units_newly_served=units,
        served_before=model.base,
        served_after=after,
        bound_source=source,
        seed=seed,
        seconds=time.monotonic() - watch.started,
        engine_version=ENGINE_VERSION,
        notes=notes,
    )
