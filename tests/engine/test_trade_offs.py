"""Plans between four aims: nothing beaten stays, figures measured again by the scorer, the ceiling over every subset."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.checks import InvalidInput
from engine.coverage import score_world
from engine.interventions import apply_options
from engine.siting.front import ceiling, trade_offs, undominated
from engine.siting.question import Limit, Question
from engine.world import Demand, Option, World
from tests.engine.towns import random_options, random_town, street_town


def served_of(worlds, weights, options, chosen) -> float:
    total = 0.0
    for weight, world in zip(weights, worlds, strict=True):
        after = score_world(apply_options(world, options, chosen), "best", minimise_travel=False)
        total += weight * float(after.served.sum(axis=1) @ [s.weight for s in world.standards])
    return total


def allowed_together(world, options, chosen, limits=()) -> bool:
    picked = [options[i] for i in chosen]
    keys = [o.exclusive_key for o in picked if o.exclusive_key >= 0]
    readied = [o.role for o in picked if o.kind in ("upgrade", "stock")]
    places = [int(world.supply.role_site[r]) for r in readied if world.supply.role_exclusive[r]]
    if any(len(set(items)) < len(items) for items in (keys, readied, places)):
        return False
    for limit in limits:
        total = sum(int(limit.amount[i]) for i in chosen)
        if (limit.most is not None and total > limit.most) or (
            limit.least is not None and total < limit.least
        ):
            return False
    return True


def town(seed, options=9):
    rng = np.random.default_rng(seed)
    world = random_town(seed, int(rng.integers(5, 10)), int(rng.integers(3, 7)), 2)
    worlds, weights = [world], (1.0,)
    if seed % 2:
        need = rng.integers(0, 12, world.demand.need.shape)
        night = Demand(world.demand.x_m, world.demand.y_m, need, world.demand.people, world.demand.area)
        worlds, weights = [world, World(night, world.supply, world.standards, world.reach)], (0.5, 0.5)
    listed = [o for o in random_options(seed, world, 14) if o.kind in ("build", "convert", "extend")][
        :options
    ]
    area = rng.integers(-1, 3, world.demand.cells)
    peacetime = rng.integers(-20, 40, len(listed))
    budget = int(sum(o.cost_fen for o in listed) * 0.7)
    return worlds, listed, Question(budget_fen=budget, weights=weights, area=area, areas=3), peacetime


@pytest.mark.parametrize("seed", range(16))
def test_small_towns(seed):
    worlds, options, question, peacetime = town(seed)
    if seed % 4 == 3:
        amount = np.ones(len(options), np.int64)
        question = replace(
            question, limits=(Limit("number", amount, most=max(len(options) - 2, 1), least=1),)
        )
    if seed % 5 == 4:
        question = replace(question, banned=(0,))
    front = trade_offs(worlds, options, question, peacetime, time_limit_s=3.0, seed=seed)
    assert front.status == "done" and front.plans
    today = served_of(worlds, question.weights, options, ())
    images = []
    for plan in front.plans:
        assert allowed_together(worlds[0], options, plan.chosen, question.limits)
        assert not set(plan.chosen) & set(question.banned)
        assert plan.cost_fen == sum(options[i].cost_fen for i in plan.chosen) <= question.budget_fen
        assert plan.peacetime_fen_year == int(peacetime[list(plan.chosen)].sum())
        now = served_of(worlds, question.weights, options, plan.chosen)
        assert plan.value == pytest.approx(now - today, abs=1e-6)
        assert plan.bound >= plan.value and 0 <= plan.gap <= 1
        assert plan.worst_share == pytest.approx(fair_share(worlds, question, options, plan.chosen), abs=1e-6)
        images.append((-plan.cost_fen, plan.value, plan.worst_share, plan.peacetime_fen_year))
    for i, j in combinations(range(len(images)), 2):
        assert not all(a >= b for a, b in zip(images[i], images[j], strict=True))
        assert not all(a <= b for a, b in zip(images[i], images[j], strict=True))
    for size in range(len(options) + 1):
        for chosen in combinations(range(len(options)), size):
            if not allowed_together(worlds[0], options, chosen, question.limits) or set(chosen) & set(
                question.banned
            ):
                continue
            cost = sum(options[i].cost_fen for i in chosen)
            if cost <= question.budget_fen:
                worth = served_of(worlds, question.weights, options, chosen) - today
                assert worth <= front.ceiling(cost) + 1e-6


def fair_share(worlds, question, options, chosen) -> float:
    """The share of the worst served area when as many are served as can be and that area as well as can be: a linear
    program over all assignments, cell by cell."""
    import highspy

    h = highspy.Highs()
    h.setOptionValue("output_flag", False)
    inf = highspy.kHighsInf
    share = h.addVariable(0.0, 1.0)
    by_area = {a: [] for a in range(question.areas)}
    needed = np.zeros(question.areas)
    for weight, world in zip(question.weights, worlds, strict=True):
        changed = apply_options(world, options, chosen)
        score = score_world(changed, "best", minimise_travel=False)
        for k, standard in enumerate(changed.standards):
            value = weight * standard.weight
            need, reach = changed.demand.need[k], changed.reach[k]
            roles = np.flatnonzero((changed.supply.role_service == k) & (score.role_supply > 0))
            ready = [
                r for r in roles
                if standard.conversion_limit_hours is None
                or changed.supply.role_hours[r] <= standard.conversion_limit_hours
            ]  # fmt: skip
            cells = [[] for _ in need]
            total = []
            for r in ready:
                site = int(changed.supply.role_site[r])
                near = reach.cell[reach.indptr[site] : reach.indptr[site + 1]]
                mine = [h.addVariable(0.0, inf) for _ in near]
                if mine:
                    h.addConstr(sum(mine) <= int(score.role_supply[r]))
                for cell, flow in zip(near, mine, strict=True):
                    cells[int(cell)].append(flow)
                    total.append(flow)
            for cell, flows in enumerate(cells):
                if flows:
                    h.addConstr(sum(flows) <= int(need[cell]))
                area = int(question.area[cell])
                if area >= 0:
                    needed[area] += value * int(need[cell])
                    by_area[area] += [(value, flow) for flow in flows]
            if total:
                h.addConstr(sum(total) >= int(score.served[k].sum()))
    for area, parts in by_area.items():
        if needed[area] > 0:
            told = sum((value * flow for value, flow in parts), 0.0 * share)
            h.addConstr(told - needed[area] * share >= 0)
    h.maximize(share)
    return float(h.val(share))


def test_a_city_has_at_least_fifteen_plans_to_choose_from():
    rng = np.random.default_rng(7)
    world = random_town(7, 120, 40, 2, scale=5)
    options = [o for o in random_options(7, world, 90) if o.kind in ("build", "convert", "extend")]
    question = Question(
        budget_fen=int(sum(o.cost_fen for o in options) * 0.4), area=rng.integers(0, 6, 120), areas=6
    )
    front = trade_offs(
        [world], options, question, rng.integers(-50, 80, len(options)), time_limit_s=6.0, seed=1
    )
    assert len(front.plans) >= 15
    assert len({plan.worst_share for plan in front.plans}) > 1
    assert max(plan.gap for plan in front.plans if plan.cost_fen > 0.5 * question.budget_fen) < 0.5


def test_a_street_with_two_districts():
    """Worked example of docs/algorithms/trade-off.md.

    West: 100 people, nothing there; east: 60 people, 30 served. A builds 60 in the west for 50, B builds 30 in the east
    for 30 and is worth 8 a year, C builds 40 in the west for 40. Every pair of districts is 10 km apart.
    """
    world = street_town([(0, 100), (10_000, 60)], [(10_000, 30)], sites=[0, 10_000])
    options = [
        Option(0, 0, "build", 60, 50, 0.0),
        Option(1, 0, "build", 30, 30, 0.0),
        Option(0, 0, "build", 40, 40, 0.0),
    ]
    question = Question(budget_fen=120, area=np.array([0, 1]), areas=2)
    front = trade_offs([world], options, question, [0, 8, 0], time_limit_s=2.0)
    told = [
        (p.chosen, p.cost_fen, p.value, round(p.worst_share, 3), p.peacetime_fen_year) for p in front.plans
    ]
    assert told == [
        ((1,), 30, 30, 0.0, 8),
        ((2,), 40, 40, 0.4, 0),
        ((0,), 50, 60, 0.5, 0),
        ((1, 2), 70, 70, 0.4, 8),
        ((0, 1), 80, 90, 0.6, 8),
        ((0, 2), 90, 100, 0.5, 0),
        ((0, 1, 2), 120, 130, 1.0, 8),
    ]
    assert front.worst_share_before == 0.0
    # No more than 130 lack a place.
    assert front.ceiling(120) == pytest.approx(130) and front.ceiling(0) >= 0


def test_stopping_keeps_what_there_is_and_cancelling_keeps_nothing():
    worlds, options, question, peacetime = town(3)
    calls = []
    kept = trade_offs(
        worlds,
        options,
        question,
        peacetime,
        time_limit_s=30,
        should_finish=lambda: calls.append(1) or len(calls) > 12,
    )
    assert kept.status == "stopped" and kept.plans and kept.seconds < 20
    gone = trade_offs(worlds, options, question, peacetime, should_stop=lambda: True)
    assert gone.status == "cancelled" and not gone.plans


def test_without_areas_there_are_three_axes():
    worlds, options, question, peacetime = town(2)
    front = trade_offs(worlds, options, replace(question, area=None, areas=0), peacetime, time_limit_s=2)
    assert front.plans and all(one.worst_share is None and one.shares == () for one in front.plans)


def test_must_is_in_every_plan_and_a_must_that_is_too_dear_leaves_none():
    worlds, options, question, peacetime = town(2)
    dear = int(np.argmax([one.cost_fen for one in options]))
    front = trade_offs(worlds, options, replace(question, must=(dear,)), peacetime, time_limit_s=2)
    assert front.plans and all(dear in one.chosen for one in front.plans)
    none = trade_offs(
        worlds,
        options,
        replace(question, must=(dear,), budget_fen=options[dear].cost_fen - 1),
        peacetime,
        time_limit_s=2,
    )
    assert not none.plans


def test_bad_input_is_refused():
    worlds, options, question, _ = town(2)
    with pytest.raises(InvalidInput):
        trade_offs(worlds, options, question, [1])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_what_stays_is_what_no_row_beats(rows):
    image = np.array(rows, float)
    kept = undominated(image)
    for i, row in enumerate(image):
        beaten = any((other >= row).all() and (other > row).any() for other in image)
        first = next(j for j, other in enumerate(image) if (other == row).all())
        assert (i in kept) == (not beaten and i == first)


def test_a_ceiling_without_lines_is_no_limit():
    assert ceiling([], 5) == float("inf") and ceiling([(3.0, 1.0), (10.0, 0.0)], 5) == 8.0
