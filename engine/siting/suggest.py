"""What to build, how much, where: the best options under one budget, with a proven bound.

Value = weighted units newly served in time, over all worlds and services; maximising it leaves the least weighted gap.
Stages: exact reduction (model) -> lazy greedy -> the exact model on HiGHS when it is small -> otherwise a dual
bound (bound), a plan rounded from it, ruin-and-recreate search, fixing of options the bound decides, and HiGHS
on the rest. The answer is measured again by exact assignment on the cells as they came. See docs/algorithms/siting.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine import ENGINE_VERSION
from engine.checks import check_siting
from engine.coverage import served_in_time
from engine.interventions import apply_options
from engine.siting import mip
from engine.siting.bound import DualPrices, surely_out
from engine.siting.flow import UNHURRIED, OpenSet
from engine.siting.model import SitingModel, build_model, focus
from engine.siting.search import Progress, fill_greedily, neighbours, ruin_and_recreate
from engine.world import Choice, Option, World

OPTIMAL_GAP = 1e-6
TARGET_GAP = 1e-4
SMALL_MODEL_EDGES = 20_000
UNHURRIED_EDGES = (
    200_000  # on larger models a re-routing may look at QUICK_EFFORT edges while plans are compared
)
QUICK_EFFORT = 50_000
LARGEST_MIP_EDGES = 300_000  # beyond, HiGHS rarely gets past its first linear program in a minute


class _Cancelled(Exception):
    pass


def suggest_sites(
    worlds: Sequence[World],
    options: Sequence[Option],
    budget_fen: int,
    weights: Sequence[float] | None = None,
    time_limit_s: float = 60.0,
    seed: int = 0,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Choice:
    """Choose options, each as a whole, at most one per exclusive_key, total cost <= budget_fen.

    worlds: the same sites, roles and services under different demand or travel (day and night); one choice serves all.
    weights (w,): value of each world, by default equal shares of 1. Standard.weight values one unit of each service.
    progress(share, stage) and should_stop() are called often. The stage is one of model, greedy, proof, bound, search,
    check. A cancelled call returns status "cancelled" and nothing chosen. Raises InvalidInput with every problem.
    """
    started = time.monotonic()
    weights = [1.0 / max(len(worlds), 1)] * len(worlds) if weights is None else list(weights)
    check_siting(worlds, options, budget_fen, weights)
    stop = should_stop or (lambda: False)
    deadline = started + float(time_limit_s)

    def tell(share: float, stage: str) -> None:
        if progress:
            progress(share, stage)
        if stop():
            raise _Cancelled

    try:
        tell(0.0, "model")
        model = build_model(worlds, options, weights, int(budget_fen))
        # The last measurement takes about as long as building the model did.
        deadline -= min(1.2 * (time.monotonic() - started) + 0.5, 0.4 * float(time_limit_s))
        taken, bound, source, notes = _choose(model, int(budget_fen), deadline, seed, tell, stop)
        tell(0.92, "check")
        return _answer(
            worlds,
            options,
            weights,
            model,
            taken,
            bound,
            source,
            notes,
            seed,
            started,
            lambda: tell(0.95, "check"),
        )
    except _Cancelled:
        empty = np.empty(0, np.int64)
        none = np.zeros((len(worlds), worlds[0].services), np.int64)
        return Choice(
            empty, 0.0, 0.0, 0.0, "cancelled", 0, np.empty(0), np.zeros((0, len(worlds)), np.int64), none, none,
            "none", seed, time.monotonic() - started, ENGINE_VERSION,
        )  # fmt: skip


def _choose(
    model: SitingModel,
    budget: int,
    deadline: float,
    seed: int,
    tell: Progress,
    stop: Callable[[], bool],
) -> tuple[NDArray[np.bool_], float, str, dict]:
    """(taken (o,), bound, its source, notes) for the reduced model."""
    notes = {"options": len(model.options), "groups": model.groups, "edges": model.edges,
             "cells": model.kept_cells, "displacing": list(model.displacing)}  # fmt: skip
    if len(model.options) == 0:
        return np.zeros(0, bool), 0.0, "nothing can help", notes
    left = lambda: deadline - time.monotonic()  # noqa: E731
    begun = left()
    start = OpenSet(model, _effort(model))
    existing_value = float(np.sum((model.node_units * model.node_weight)[model.node_option < 0]))
    first = np.array([_gain(start, o, tell, 0.05) for o in range(len(model.options))])
    work = start
    empty = work.save()
    best, best_value = work.taken.copy(), 0.0
    plenty = np.zeros(model.groups, bool)
    for by_cost in (True, False):
        if not by_cost and left() < 0.85 * begun:
            break
        work.restore(empty)
        fill_greedily(work, first, budget, by_cost, lambda: left() < 0.65 * begun, tell)
        work.complete()
        if work.value > best_value:
            best, best_value, plenty = work.taken.copy(), work.value, work.plenty()
    notes["greedy_value"] = float(best_value)
    if first.sum() == 0 and _effort(model) == UNHURRIED:
        return best, 0.0, "nothing can help", notes
    if int(model.cost.sum()) <= budget and not model.conflicts:
        work.restore(empty)
        for option in range(len(model.options)):
            work.add(option)
        work.complete()
        return work.taken.copy(), work.value, "everything fits the budget", notes
    none, every = np.zeros(len(model.options), bool), np.ones(len(model.options), bool)

    mip_bound = float("inf")
    if model.edges <= SMALL_MODEL_EDGES:
        tell(0.3, "proof")
        proof = mip.solve(
            model, budget, existing_value, best, none, every, max(left() * 0.7, 1.0), 0.0, seed, stop
        )
        best, best_value = _better(work, empty, best, best_value, proof.taken, first, budget, tell)
        if proof.closed:
            return best, max(proof.bound, best_value), "HiGHS, tree closed", notes
        if stop():
            raise _Cancelled
        mip_bound = float(proof.bound)
    tell(0.3, "bound")
    prices = DualPrices(model, budget)
    dual = prices.search(
        max(left() * (0.15 if model.edges <= LARGEST_MIP_EDGES else 0.5), 0.5),
        best_value,
        stop,
        lambda share: tell(0.3 + 0.25 * share, "bound"),
        plenty.astype(float),
    )
    bound, source = dual.value, "dual prices"
    if mip_bound < bound:
        bound, source = mip_bound, "HiGHS, tree open"
    rounded = np.argsort(
        -(dual.share + 1e-3 * dual.profit / max(np.abs(dual.profit).max(), 1e-12)), kind="stable"
    )
    best, best_value = _better(work, empty, best, best_value, dual.share > 0.5, first, budget, tell, rounded)
    notes["dual_bound"], notes["rounded_value"] = float(dual.value), float(best_value)
    mip_tried = False
    random = np.random.default_rng(seed)
    near = neighbours(model)
    work.restore(empty)
    for option in np.flatnonzero(best):
        work.add(int(option))
    while left() > 1.0 and bound - best_value > TARGET_GAP * bound:
        slice_end = time.monotonic() + max(left() * (0.1 if model.edges <= LARGEST_MIP_EDGES else 0.6), 0.5)
        best, best_value = ruin_and_recreate(
            work, best, best_value, dual, near, first, budget, random,
            lambda end=slice_end: time.monotonic() > end, tell,
        )  # fmt: skip
        if mip_tried or bound - best_value <= TARGET_GAP * bound:
            break
        never, always = surely_out(dual, best_value)
        free = ~never & ~always
        notes["left_open"] = int(free.sum())
        rest = focus(model, always, free)
        mip_tried = True
        if rest.edges <= LARGEST_MIP_EDGES and left() > 2.0:
            tell(0.75, "proof")
            spare = budget - int(model.cost[always].sum())
            proof = mip.solve(
                rest, spare, existing_value, best, always, free, left() * 0.8, TARGET_GAP / 2, seed, stop
            )
            if stop():
                raise _Cancelled
            best, best_value = _better(work, empty, best, best_value, proof.taken, first, budget, tell)
            rest_bound = max(proof.bound, best_value)
            if rest_bound < bound:
                bound, source = rest_bound, "HiGHS after fixing by dual prices"
            work.restore(empty)
            for option in np.flatnonzero(best):
                work.add(int(option))
    return best, max(bound, best_value), source, notes


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


def _answer(worlds, options, weights, model, taken, bound, source, notes, seed, started, still) -> Choice:
    """Measure the chosen options on the cells as they came, and share the value out in order of value for money."""
    state = OpenSet(model, _effort(model))
    empty = state.save()
    upper = np.zeros(len(taken))
    for position in np.flatnonzero(taken).tolist():
        upper[position] = state.gain(position)
    order = fill_greedily(state, upper, int(model.cost[taken].sum()), True)
    ordered = set(order)
    order += [o for o in np.flatnonzero(taken).tolist() if o not in ordered]
    state.restore(empty)
    units = np.zeros((len(order), len(worlds)), np.int64)
    for row, position in enumerate(order):
        gained = state.add(position)
        np.add.at(units[row], model.node_world[state.nodes_of[position]], gained)
    rest = state.complete()
    for row, position in enumerate(order):
        nodes = state.nodes_of[position]
        np.add.at(units[row], model.node_world[nodes], rest[nodes])
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
    notes["model_value"] = float(state.value)
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
        seconds=time.monotonic() - started,
        engine_version=ENGINE_VERSION,
        notes=notes,
    )
