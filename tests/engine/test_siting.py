from itertools import combinations

import numpy as np
import pytest

from engine.checks import InvalidInput
from engine.coverage import score_world
from engine.interventions import apply_options
from engine.siting import bound as siting_bound
from engine.siting import suggest as siting
from engine.siting.bound import DualPrices
from engine.siting.flow import OpenSet
from engine.siting.model import build_model
from engine.siting.search import fill_greedily
from engine.siting.suggest import suggest_sites
from engine.world import Demand, Option, World
from tests.engine.towns import random_options, random_town, standard, street_town


def value_of(worlds, weights, options, chosen) -> float:
    """The definition, by the scorer: weighted units newly served in time."""
    total = 0.0
    for weight, world in zip(weights, worlds, strict=True):
        before = score_world(world, "best", minimise_travel=False).served.sum(axis=1)
        after = score_world(apply_options(world, options, chosen), "best", minimise_travel=False).served.sum(
            axis=1
        )
        total += weight * float((after - before) @ [s.weight for s in world.standards])
    return total


def brute_force(worlds, weights, options, budget, displacing) -> float:
    """The best of all subsets within the budget and the rules."""
    roles, best = worlds[0].supply, 0.0
    for size in range(len(options) + 1):
        for chosen in combinations(range(len(options)), size):
            picked = [options[i] for i in chosen]
            keys = [o.exclusive_key for o in picked if o.exclusive_key >= 0]
            readied = [o.role for o in picked if o.kind in ("upgrade", "stock")]
            places = [int(roles.role_site[r]) for r in readied if roles.role_exclusive[r]]
            if sum(o.cost_fen for o in picked) > budget or displacing & set(chosen):
                continue
            if any(len(set(items)) < len(items) for items in (keys, readied, places)):
                continue
            best = max(best, value_of(worlds, weights, options, chosen))
    return best


def small_case(seed):
    rng = np.random.default_rng(seed)
    world = random_town(seed, int(rng.integers(3, 9)), int(rng.integers(2, 6)), int(rng.integers(1, 3)))
    worlds, weights = [world], [1.0]
    if seed % 2:
        need = rng.integers(0, 12, world.demand.need.shape)
        night = Demand(world.demand.x_m, world.demand.y_m, need, world.demand.people, world.demand.area)
        worlds, weights = [world, World(night, world.supply, world.standards, world.reach)], [0.5, 1.0]
    return worlds, weights, random_options(seed, world, 6), int(rng.integers(0, 120))


@pytest.mark.parametrize("path", ["exact model", "prices and search"])
@pytest.mark.parametrize("seed", range(20))
def test_small_plans_equal_brute_force(seed, path, monkeypatch):
    if path == "prices and search":
        monkeypatch.setattr(siting, "SMALL_MODEL_EDGES", -1)
    worlds, weights, options, budget = small_case(seed + (100 if path == "exact model" else 200))
    choice = suggest_sites(worlds, options, budget, weights, time_limit_s=5, seed=seed)
    best = brute_force(worlds, weights, options, budget, set(choice.notes.get("displacing", [])))
    assert choice.value == pytest.approx(best, abs=1e-9)
    assert choice.bound >= best - 1e-9
    assert choice.gap <= (1e-6 if path == "exact model" else 0.01)
    assert choice.cost_fen == sum(options[i].cost_fen for i in choice.chosen) <= budget
    assert choice.value == pytest.approx(value_of(worlds, weights, options, choice.chosen), abs=1e-9)
    assert choice.people_newly_served.sum() == pytest.approx(choice.value, abs=1e-9)
    assert choice.units_newly_served.sum(axis=0).tolist() == (
        (choice.served_after - choice.served_before).sum(axis=1).tolist()
    )


def test_a_town_with_one_sum_of_money_for_two_ideas():
    # Worked example of docs/algorithms/siting.md. Ten people at 0, eight at 5000, a full shelter for 4 at 0.
    # Extending it by 6 costs 60; a new one for 8 at 5000 costs 80; stocking a slow one for 3 at 5500 costs 10.
    world = street_town(
        [(0, 10), (5000, 8)], [(0, 4), {"x": 5500, "capacity": 3, "hours": 72.0}], sites=[5000]
    )
    options = [
        Option(0, 0, "extend", 6, 60),
        Option(1, 0, "build", 8, 80, exclusive_key=1),
        Option(2, 0, "stock", 3, 10, 12.0, role=1),
        Option(1, 0, "build", 12, 200, exclusive_key=1),
    ]
    choice = suggest_sites([world], options, 90)
    assert (choice.chosen.tolist(), choice.value, choice.cost_fen) == ([2, 0], 9.0, 70)
    assert choice.people_newly_served.tolist() == [3.0, 6.0]
    assert (choice.status, choice.bound, choice.gap) == ("optimal", 9.0, 0.0)
    everything = suggest_sites([world], options, 1000)
    assert everything.value == 14.0
    assert suggest_sites([world], options, 9).chosen.size == 0


def test_people_are_counted_once_when_two_places_reach_them():
    world = street_town([(0, 10)], [], sites=[100, 200])
    options = [Option(0, 0, "build", 10, 5), Option(1, 0, "build", 10, 5)]
    choice = suggest_sites([world], options, 10)
    assert (len(choice.chosen), choice.value) == (1, 10.0)


def test_what_is_too_slow_for_the_standard_is_not_proposed():
    world = street_town([(0, 10)], [], sites=[0])
    assert suggest_sites([world], [Option(0, 0, "build", 10, 5, hours=48.0)], 10).chosen.size == 0
    slow = street_town([(0, 10)], [], sites=[0], standards=[standard(hours=None)])
    assert suggest_sites([slow], [Option(0, 0, "build", 10, 5, hours=48.0)], 10).value == 10


def test_a_heavier_service_goes_first():
    standards = [standard("shelter"), standard("medical", weight=3.0)]
    world = street_town([(0, 0)], [], sites=[0], standards=standards, needs=[[10], [10]])
    options = [Option(0, 0, "build", 10, 10), Option(0, 1, "build", 5, 10)]
    choice = suggest_sites([world], options, 10)
    assert (choice.chosen.tolist(), choice.value) == ([1], 15.0)


def larger_case(seed=5):
    rng = np.random.default_rng(seed)
    world = random_town(seed, cells=150, sites=80, services=2)
    options = [
        Option(int(rng.integers(0, 80)), int(rng.integers(0, 2)), "build", int(rng.integers(5, 60)),
               int(rng.integers(100, 2000)), 0.0, int(rng.integers(0, 60)))
        for _ in range(150)
    ]  # fmt: skip
    return world, options


def test_exact_is_at_least_greedy_and_the_bound_at_least_exact():
    world, options = larger_case()
    budget = 9000
    choice = suggest_sites([world], options, budget, time_limit_s=8)
    model = build_model([world], options, [1.0], budget)
    greedy = OpenSet(model)
    first = np.array([greedy.gain(o) for o in range(len(model.options))])
    fill_greedily(greedy, first, budget, True)
    assert choice.value >= greedy.value - 1e-9
    assert choice.bound >= choice.value
    assert choice.cost_fen <= budget
    keys = [options[i].exclusive_key for i in choice.chosen]
    assert len(keys) == len(set(keys))


def test_any_prices_prove_a_bound():
    world, options = larger_case()
    model = build_model([world], options, [1.0], 9000)
    prices = DualPrices(model, 9000)
    best = suggest_sites([world], options, 9000, time_limit_s=8)
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert prices.evaluate(rng.random(model.groups) ** rng.integers(1, 5)).value >= best.value - 1e-6
    found = prices.search(2.0, best.value, lambda: False)
    assert best.value - 1e-6 <= found.value < prices.evaluate(np.zeros(model.groups)).value
    never, always = siting_bound.surely_out(found, best.value)
    taken = np.isin(model.options, best.chosen)
    assert not (never & always).any()
    if best.status == "optimal" and found.value > best.value * (1 + 1e-6):
        assert not (never & taken).any()


def test_opening_and_closing_keeps_the_exact_maximal_flow():
    world, options = larger_case(7)
    model = build_model([world], options, [1.0], 10**6)
    state, rng = OpenSet(model), np.random.default_rng(1)
    for _ in range(60):
        option = int(rng.integers(0, len(model.options)))
        if state.taken[option]:
            state.remove(option)
        else:
            gain, before = state.gain(option), state.value
            state.add(option)
            assert state.value - before == pytest.approx(gain)
    chosen = model.options[np.flatnonzero(state.taken)]
    assert state.value == pytest.approx(value_of([world], [1.0], options, chosen))


def test_where_every_cell_reaches_every_site_the_model_collapses():
    cells = [(float(x), 5) for x in range(200)]
    world = street_town(
        cells, [(0, 10)], sites=[float(s) for s in range(50, 90)], standards=[standard(limit=9e4)]
    )
    options = [Option(s, 0, "build", 20, 1000 + s) for s in range(1, 41)]
    model = build_model([world], options, [1.0], 20_000)
    assert model.groups == 1
    choice = suggest_sites([world], options, 20_000)
    assert (choice.status, choice.value) == ("optimal", 19 * 20)


def test_progress_is_told_and_a_stop_is_obeyed():
    world, options = larger_case()
    seen = []
    suggest_sites(
        [world], options, 3000, time_limit_s=5, progress=lambda share, stage: seen.append((share, stage))
    )
    assert {"model", "greedy", "check"} <= {stage for _, stage in seen}
    assert all(0 <= share <= 1 for share, _ in seen)
    stopped = suggest_sites([world], options, 3000, should_stop=lambda: True)
    assert (stopped.status, stopped.chosen.size) == ("cancelled", 0)


def test_every_problem_of_the_options_is_told_at_once():
    world = street_town([(0, 10)], [(0, 5)])
    bad = [Option(9, 0, "build", 1, 1), Option(0, 0, "dig", 1, 1), Option(0, 0, "stock", 1, -1)]
    with pytest.raises(InvalidInput) as refused:
        suggest_sites([world], bad, -5)
    assert len(refused.value.problems) == 5
