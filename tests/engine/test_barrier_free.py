from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from engine.checks import InvalidInput
from engine.coverage import role_ready, score_world, sum_by_area, sum_states
from engine.explain import explain_cells
from engine.interventions import apply_options
from engine.world import STATES, Option
from tests.engine.towns import random_town, street_town, with_barrier_free

BOTH = pytest.mark.parametrize("assignment", ["nearest", "best"])
SEEDS = st.integers(0, 10_000)


def grouped_street(cells, roles, special_need, special_capacity):
    world = street_town(cells, roles)
    return replace(
        world,
        demand=replace(world.demand, special_need=np.array([special_need])),
        supply=replace(world.supply, role_special_capacity=np.array(special_capacity)),
    )


def test_those_who_need_a_barrier_free_place_only_get_one():
    # Worked example of docs/algorithms/assignment.md: 10 people, 4 of them in wheelchairs, a school for 8 of which 3
    # places are barrier-free, and a hall for 6 with none.
    world = grouped_street([(0, 10)], [(100, 8), (200, 6)], [4], [3, 0])
    for assignment in ("nearest", "best"):
        score = score_world(world, assignment)
        assert score.totals().tolist() == [[9, 0, 1, 0]]
        assert score.special[:, 0, 0].tolist() == [3, 0, 1, 0]
        assert score.role_served.tolist() == [8, 1]
        assert (score.role_special.tolist(), score.role_special_taken.tolist()) == ([3, 0], [3, 0])
        assert (score.pair_units.tolist(), score.pair_special.tolist()) == ([8, 1], [3, 0])


def test_need_without_any_barrier_free_place_in_reach_is_out_of_reach():
    score = score_world(grouped_street([(0, 5)], [(0, 9)], [2], [0]))
    assert score.totals().tolist() == [[3, 0, 0, 2]]
    assert score.special[:, 0, 0].tolist() == [0, 0, 0, 2]


def test_full_barrier_free_room_is_named_as_what_binds():
    world = grouped_street([(0, 10)], [(100, 8), (200, 6)], [4], [3, 0])
    told = explain_cells(world, score_world(world), 0, [0])
    assert (told.special_need, told.special_served, told.binds) == (4, 3, "barrier_free_room")
    assert [(r.reason, r.special_capacity, r.special_taken) for r in told.roles] == [
        ("full", 3, 3),
        ("barrier_free_full", 0, 0),
    ]


@BOTH
@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_where_every_place_is_barrier_free_the_groups_change_no_total(assignment, seed):
    world = random_town(seed)
    plain, grouped = (
        score_world(w, assignment) for w in (world, with_barrier_free(world, seed, everything=True))
    )
    assert plain.totals().tolist() == grouped.totals().tolist()
    if assignment == "nearest":
        for state in STATES:
            assert getattr(plain, state).tolist() == getattr(grouped, state).tolist()
        assert plain.role_served.tolist() == grouped.role_served.tolist()
        assert plain.pair_units.tolist() == grouped.pair_units.tolist()
    assert plain.travel == pytest.approx(grouped.travel)


@BOTH
@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_the_states_of_both_groups_add_up_and_special_need_is_never_in_ordinary_room(assignment, seed):
    world = with_barrier_free(random_town(seed), seed)
    score = score_world(world, assignment)
    assert (score.need == world.demand.need).all()
    assert (score.special.sum(axis=0) == world.demand.special_need).all()
    states = np.stack([getattr(score, state) for state in STATES])
    assert (score.special >= 0).all() and (score.special <= states).all()
    special = np.bincount(score.pair_role, score.pair_special, world.supply.roles)
    taken = score.role_served + score.role_late
    assert (special <= score.role_special_taken).all()
    assert (score.role_special_taken <= score.role_special).all()
    # The ordinary part holds what is left and never more than there is of it.
    assert (taken - score.role_special_taken <= score.role_supply - score.role_special).all()
    areas = np.arange(world.demand.cells) % 3
    assert sum_states(score.special, areas, 3).sum(axis=0).tolist() == score.special.sum(axis=2).T.tolist()
    assert (sum_states(states, areas, 3) == sum_by_area(score, areas, 3)).all()


@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_best_with_groups_equals_a_general_solver(seed):
    world = with_barrier_free(random_town(seed, services=1), seed)
    score, supply = score_world(world, "best"), world.supply
    site, cell = [], []
    for j in range(supply.sites):
        site += [j] * len(world.reach[0].row(j)[0])
        cell += world.reach[0].row(j)[0].tolist()
    ready, special = role_ready(world), np.minimum(supply.role_special_capacity, score.role_supply)
    variables, worth = [], []  # (cell, group, role, barrier-free part of the role)
    for j, c, cost in zip(site, cell, world.reach[0].cost, strict=True):
        for role in np.flatnonzero((supply.role_site == j) & (score.role_supply > 0)):
            for group, part in ((0, 1), (1, 0), (1, 1)):
                variables.append((c, group, role, part))
                worth.append((-2e4 if ready[role] else -1e4) + float(cost))
    if not variables:
        return
    rows = sorted({("need", v[0], v[1]) for v in variables} | {("room", v[2], v[3]) for v in variables})
    limits = np.zeros((len(rows), len(variables)))
    for number, (c, group, role, part) in enumerate(variables):
        limits[rows.index(("need", c, group)), number] = 1
        limits[rows.index(("room", role, part)), number] = 1
    need = np.stack([world.demand.special_need[0], world.demand.need[0] - world.demand.special_need[0]])
    room = np.stack([score.role_supply - special, special])
    most = [need[row[2], row[1]] if row[0] == "need" else room[row[2], row[1]] for row in rows]
    solved = linprog(worth, A_ub=limits, b_ub=most, method="highs")
    served, late = int(score.served.sum()), int(score.late.sum())
    assert -2e4 * served - 1e4 * late + score.travel[0] == pytest.approx(solved.fun, abs=1e-3)


def test_special_need_without_a_word_on_the_room_is_refused():
    world = street_town([(0, 5)], [(0, 5)])
    asked = replace(world, demand=replace(world.demand, special_need=np.array([[2]])))
    with pytest.raises(InvalidInput):
        score_world(asked)
    with pytest.raises(InvalidInput):
        score_world(grouped_street([(0, 5)], [(0, 5)], [6], [6]))


def test_what_a_plan_adds_is_barrier_free_and_what_stands_stays_as_it_is():
    world = grouped_street([(0, 10)], [(100, 8)], [4], [3])
    planned = apply_options(world, [Option(0, 0, "build", 5, 100, 0.0)])
    assert planned.supply.role_special_capacity.tolist() == [3, 5]
    assert score_world(planned).special[:, 0, 0].tolist() == [4, 0, 0, 0]
