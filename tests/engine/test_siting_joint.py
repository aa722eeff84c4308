"""Joint siting: several services, several worlds, exclusive roles, one budget; rows, merit and forced decisions."""

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest

from engine.siting import mip
from engine.siting import suggest as siting
from engine.siting.bound import DualPrices, existing_value
from engine.siting.certificate import bound_by_cells, check_plan, prices_by_cell
from engine.siting.flow import OpenSet
from engine.siting.large import solve_large
from engine.siting.model import SitingModel, build_model
from engine.siting.plan_search import Search
from engine.siting.ruin import set_option, undo
from engine.siting.suggest import suggest_sites
from engine.siting.town import begin, settle
from tests.bench._siting_joint import joint_town
from tests.engine.test_siting import small_case


def tiny_model(seed: int) -> tuple[SitingModel, int]:
    """Up to 8 options over 3 groups of blocks, with existing nodes, conflicts, rows of both signs, merit, forced options
    and negative costs."""
    rng = np.random.default_rng(seed)
    options, groups, blocks = int(rng.integers(3, 9)), 12, 3
    node_option, node_units, node_world, ptr, edges = [], [], [], [0], []
    for block in range(blocks):
        for option in [-1, *range(options)]:
            if option >= 0 and rng.random() < 0.35:
                continue
            reach = np.flatnonzero(rng.random(4) < 0.6) + 4 * block
            if len(reach):
                node_option.append(option)
                node_units.append(int(rng.integers(1, 12)))
                node_world.append(block)
                edges.extend(reach.tolist())
                ptr.append(len(edges))
    weight = np.repeat(rng.uniform(0.3, 2.0, blocks), 4)
    node_world = np.array(node_world, np.int64)
    cost = rng.integers(1, 40, options)
    if seed % 3 == 0:
        cost[rng.integers(0, options)] *= -1
    forced = rng.random(options) < 0.12
    conflicts = (np.sort(rng.choice(options, 2, replace=False)),) if seed % 2 else ()
    for members in conflicts:
        if forced[members].sum() > 1:
            forced[members] = False
    rows = rng.integers(-2, 4, (2, options)) if seed % 4 else None
    model = SitingModel(
        np.array(node_option), np.array(node_units), weight[::4][node_world], node_world, np.array(ptr),
        np.array(edges, np.int32), rng.integers(0, 9, groups), weight, np.arange(options), cost, conflicts,
        np.zeros((blocks, 1), np.int64), groups, (),
        forced=forced if seed % 5 else None,
        merit=rng.uniform(-3, 5, options) if seed % 2 == 0 else None,
        rows=rows,
        row_limit=None if rows is None else np.array([int(rng.integers(2, 8)), int(rng.integers(-1, 4))]),
    )  # fmt: skip
    return model, int(rng.integers(10, 120))


def plain_flow(model: SitingModel) -> SitingModel:
    return replace(model, forced=None, merit=None, rows=None, row_limit=None)


def all_plans(model: SitingModel, budget: int | None):
    """(taken, value) of every choice that keeps the limits, by exact flows."""
    state = OpenSet(plain_flow(model))
    empty = state.save()
    for picks in product((False, True), repeat=len(model.options)):
        taken = np.array(picks)
        if budget is not None and int(model.cost[taken].sum()) > budget:
            continue
        if any(taken[members].sum() > 1 for members in model.conflicts):
            continue
        if model.forced is not None and not taken[model.forced].all():
            continue
        if model.rows is not None and (model.rows @ taken > model.row_limit).any():
            continue
        state.restore(empty)
        for option in np.flatnonzero(taken):
            state.add(int(option))
        yield taken, state.value + (0.0 if model.merit is None else float(model.merit[taken].sum()))


@pytest.mark.parametrize("seed", range(200))
def test_plans_and_bounds_of_small_models_stand_beside_all_subsets(seed):
    model, budget = tiny_model(seed)
    plans = {tuple(taken): value for taken, value in all_plans(model, budget)}
    best = max(plans.values(), default=-np.inf)
    prices, rng = DualPrices(model, budget), np.random.default_rng(seed)
    rows = 0 if model.rows is None else len(model.rows)
    for _ in range(4):
        price, row_price = rng.random(model.groups), rng.random(rows) * rng.integers(0, 3)
        assert prices.evaluate(price, None, row_price).value >= best - 1e-9
        assert prices.evaluate(price, float(rng.random()), row_price).value >= best - 1e-9
    money = float(rng.random())
    line = prices.line(price, money, row_price)
    for taken, value in all_plans(model, None):
        assert value <= line + money * int(model.cost[np.array(taken)].sum()) + 1e-9
    found = solve_large(model, budget, 0.4, seed, lambda: False)
    assert found.bound.value >= best - 1e-9
    if found.taken is not None:
        assert found.value == pytest.approx(plans[tuple(found.taken.tolist())], abs=1e-9)
        assert found.value <= best + 1e-9
    elif rows == 0:
        assert not plans or model.forced is not None


def test_small_plans_are_mostly_the_best():
    """What the search misses of 60 tiny models with every kind of limit is little."""
    hit = counted = 0
    for seed in range(300, 360):
        model, budget = tiny_model(seed)
        best = max((value for _taken, value in all_plans(model, budget)), default=None)
        if best is None:
            continue
        found = solve_large(model, budget, 0.2, seed, lambda: False)
        counted += 1
        hit += found.taken is not None and found.value >= best - 1e-9
    assert hit >= 0.9 * counted


@pytest.fixture(scope="module")
def town():
    worlds, options, budget, weights = joint_town(2_500, 40, seed=3)
    return worlds, options, budget, weights, build_model(worlds, options, weights, budget)


def test_groups_may_weigh_differently_inside_a_block(town):
    model, budget = town[4], town[2]
    rng = np.random.default_rng(4)
    uneven = replace(model, group_weight=model.group_weight * rng.uniform(0.2, 1.0, model.groups))
    prices = DualPrices(uneven, budget)
    search = Search(uneven, budget, 1)
    bound = prices.search(1.0, 0.0, lambda: False)
    search.start(bound)
    search.run(bound, lambda: False, 1.0)
    served = uneven.group_need - search.town.deficit
    assert (served @ uneven.group_weight) == pytest.approx(search.town.value[0])
    for _ in range(5):
        assert prices.evaluate(rng.random(model.groups)).value >= search.value - 1e-6
    assert bound.value >= search.value - 1e-6


def test_undoing_a_move_brings_the_value_back(town):
    _worlds, _options, budget, _weights, model = town
    search = Search(model, budget, 7)
    search.start(DualPrices(model, budget).search(1.0, 0.0, lambda: False))
    rng, state = np.random.default_rng(0), search.town
    for _ in range(200):
        begin(state)
        value, ends, flow = float(state.value[0]), int(state.ends[0]), state.deficit.copy()
        spent = int(state.spent[0])
        flips = rng.integers(0, len(model.options), 6)
        for option in flips:
            set_option(state, option, not state.taken[option])
        settle(state)
        assert undo(state, flips, len(flips), value, ends)
        assert state.value[0] == pytest.approx(value, abs=1e-9)
        assert np.array_equal(state.deficit, flow)
        assert int(state.spent[0]) == spent
        served = float((model.group_need - state.deficit) @ model.group_weight)
        assert served == pytest.approx(value, abs=1e-6)


def test_the_flow_of_a_search_is_maximal_once_complete(town):
    *_, model = town
    search = Search(model, None, 7)
    rng = np.random.default_rng(1)
    exact = OpenSet(model)
    for _ in range(25):
        option = int(rng.integers(0, len(model.options)))
        begin(search.town)
        if exact.taken[option]:
            exact.remove(option)
            set_option(search.town, option, False)
        else:
            exact.add(option)
            set_option(search.town, option, True)
        search.complete()
        assert search.town.value[0] - search.base == pytest.approx(exact.value)


def test_a_town_of_sixty_sites_against_the_solver():
    worlds, options, budget, weights = joint_town(1_600, 60, seed=11, chosen=14)
    model = build_model(worlds, options, weights, budget)
    every = np.ones(len(model.options), bool)
    today = existing_value(model)  # both count from what exists, or the comparison says nothing
    proof = mip.solve(model, budget, today, ~every, ~every, every, 40.0, 1e-4, 1, lambda: False)
    found = solve_large(model, budget, 12.0, 2, lambda: False)
    assert found.bound.value >= found.value
    assert found.value <= proof.bound + 1e-6
    state = OpenSet(model)
    for option in np.flatnonzero(proof.taken):
        state.add(int(option))
    assert found.bound.value >= state.value - 1e-6
    assert found.value >= state.value * (1 - 0.003)


def test_the_checker_agrees_on_cells_as_they_came(monkeypatch, town):
    monkeypatch.setattr(siting, "LARGE_EDGES", 0)
    worlds, options, budget, weights, model = town
    choice = suggest_sites(worlds, options, budget, weights, time_limit_s=4, seed=3)
    dual = DualPrices(model, budget).search(2.0, choice.value, lambda: False)
    price = prices_by_cell(model, dual.price, worlds)
    checked = check_plan(worlds, options, weights, budget, choice.chosen, price, dual.money)
    assert checked.problems == ()
    assert checked.value == pytest.approx(choice.value, rel=1e-9)
    assert checked.bound == pytest.approx(dual.value, rel=1e-9)
    assert checked.cost_fen == choice.cost_fen <= budget
    assert choice.units_newly_served.sum(axis=0).tolist() == (
        (choice.served_after - choice.served_before).sum(axis=1).tolist()
    )
    twice = [i for i, o in enumerate(options) if o.exclusive_key == options[0].exclusive_key][:2]
    assert check_plan(worlds, options, weights, 1, twice, price, dual.money).problems


@pytest.mark.parametrize("seed", range(12))
def test_bounds_by_cells_hold_in_small_towns(seed):
    worlds, weights, options, budget = small_case(seed + 400)
    model = build_model(worlds, options, weights, budget)
    best = suggest_sites(worlds, options, budget, weights, time_limit_s=3, seed=seed)
    rng = np.random.default_rng(seed)
    cells = worlds[0].demand.cells
    for _ in range(3):
        price = [[rng.random(cells) for _ in world.standards] for world in worlds]
        assert (
            bound_by_cells(worlds, options, weights, budget, price, float(rng.random())) >= best.value - 1e-9
        )
    dual = DualPrices(model, budget).search(0.3, best.value, lambda: False) if len(model.options) else None
    if dual is not None:
        price = prices_by_cell(model, dual.price, worlds)
        proved = bound_by_cells(worlds, options, weights, budget, price, dual.money, model.displacing)
        assert proved >= best.value - 1e-6


def test_a_search_ends_when_asked_and_tells_on_the_way(monkeypatch):
    monkeypatch.setattr(siting, "LARGE_EDGES", 0)
    worlds, options, budget, weights = joint_town(2_500, 40, seed=5)
    told = []
    ended = suggest_sites(
        worlds, options, budget, weights, time_limit_s=30, live=lambda value, bound: told.append((value, bound)),
        should_finish=lambda: bool(told) and np.isfinite(told[-1][0]),
    )  # fmt: skip
    assert ended.seconds < 25
    assert ended.status in ("within", "optimal")
    assert all(a[0] <= b[0] and a[1] >= b[1] for a, b in pairwise(told))
    assert ended.notes["trail"][-1][1:] == (pytest.approx(ended.value), pytest.approx(ended.bound))
    warm = suggest_sites(worlds, options, budget, weights, time_limit_s=4, warm=ended.chosen.tolist())
    assert warm.value >= ended.value * 0.999
