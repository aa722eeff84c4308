import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

from engine.allocation import assign_best, assign_nearest
from engine.checks import InvalidInput
from engine.coverage import class_breaks, role_supply, score_world, sum_by_area
from engine.loss import loss_of_each
from engine.world import REASON_INSIDE_HAZARD, REASON_OTHER_ROLE, Supply
from tests.engine.towns import random_town, standard, street_town

BOTH = pytest.mark.parametrize("assignment", ["nearest", "best"])
SEEDS = st.integers(0, 10_000)


def totals(world, assignment="best"):
    return score_world(world, assignment).totals().tolist()


def test_a_town_of_four_cells_in_four_states():
    # Worked example of docs/algorithms/assignment.md. Reach 1,000 m, ready within 24 h.
    # Cells at 0, 500, 3000, 9000; a ready place for 8 at 0, a slow one (72 h) for 3 at 600, a ready one for 4 at 3000.
    world = street_town(
        [(0, 6), (500, 7), (3000, 5), (9000, 4)],
        [(0, 8), {"x": 600, "capacity": 3, "hours": 72.0}, (3000, 4)],
    )
    score = score_world(world, "nearest")
    assert score.served[0].tolist() == [6, 2, 4, 0]
    assert score.late[0].tolist() == [0, 3, 0, 0]
    assert score.no_room[0].tolist() == [0, 2, 1, 0]
    assert score.out_of_reach[0].tolist() == [0, 0, 0, 4]
    assert score.totals().tolist() == [[12, 3, 3, 4]]
    assert score.travel[0] == 0 * 6 + 2 * 500 + 3 * 100 + 0
    assert (score.role_served.tolist(), score.role_late.tolist()) == ([8, 0, 4], [0, 3, 0])


def test_best_serves_those_whom_nearest_leaves_out():
    # The cell at 400 takes the place at 500 that alone reaches the cell at 1400; it could have gone to 0.
    world = street_town([(400, 10), (1400, 10)], [(0, 10), (500, 10)])
    assert totals(world, "nearest") == [[10, 0, 10, 0]]
    assert totals(world, "best") == [[20, 0, 0, 0]]
    assert score_world(world, "best").travel[0] == 10 * 400 + 10 * 900


def test_best_prefers_a_ready_unit_to_any_number_of_late_ones():
    world = street_town([(0, 5)], [(900, 5), {"x": 0, "capacity": 50, "hours": 100.0}])
    assert totals(world, "best") == [[5, 0, 0, 0]]
    assert totals(world, "nearest") == [[5, 0, 0, 0]]


def test_of_the_exclusive_roles_of_a_site_only_the_first_counts():
    standards = [standard("shelter"), standard("isolation")]
    role = {"x": 0, "capacity": 10, "exclusive": True}
    roles = [role | {"service": 0, "rank": 2}, role | {"service": 1, "rank": 1}]
    both = street_town([(0, 0)], roles, standards=standards, needs=[[4], [4]])
    assert role_supply(both)[0].tolist() == [0, 10]
    assert role_supply(both)[1].tolist() == [REASON_OTHER_ROLE, 0]
    assert totals(both) == [[0, 0, 0, 4], [4, 0, 0, 0]]
    only_shelter = street_town([(0, 0)], roles, standards=standards, needs=[[4], [0]])
    assert totals(only_shelter) == [[4, 0, 0, 0], [0, 0, 0, 0]]
    lapsed = [roles[0], roles[1] | {"usable": False}]
    assert totals(street_town([(0, 0)], lapsed, standards=standards, needs=[[4], [4]]))[0] == [4, 0, 0, 0]


def test_a_place_inside_the_hazard_supplies_nothing_and_says_why():
    world = street_town([(0, 5)], [{"x": 0, "capacity": 9, "usable": False, "reason": REASON_INSIDE_HAZARD}])
    score = score_world(world)
    assert score.totals().tolist() == [[0, 0, 0, 5]]
    assert score.role_reason.tolist() == [REASON_INSIDE_HAZARD]


def test_unknown_hours_are_late_where_there_is_a_limit_and_ready_where_there_is_none():
    roles = [{"x": 0, "capacity": 5, "hours": np.nan}]
    assert totals(street_town([(0, 5)], roles)) == [[0, 5, 0, 0]]
    assert totals(street_town([(0, 5)], roles, standards=[standard(hours=None)])) == [[5, 0, 0, 0]]


@BOTH
@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_the_four_states_add_up_and_no_role_is_overfull(assignment, seed):
    world = random_town(seed)
    score = score_world(world, assignment)
    assert (score.need == world.demand.need).all()
    for state in (score.served, score.late, score.no_room, score.out_of_reach):
        assert (state >= 0).all()
    assert (score.role_served + score.role_late <= score.role_supply).all()
    by_role = np.bincount(score.pair_role, score.pair_units, world.supply.roles)
    assert by_role.tolist() == (score.role_served + score.role_late).tolist()
    assert sum_by_area(score, np.arange(8) % 3, 3).sum(axis=0).tolist() == score.totals().tolist()


@BOTH
@given(seed=SEEDS, role=st.integers(0, 30), more=st.integers(1, 15))
@settings(max_examples=60, deadline=None)
def test_more_capacity_never_serves_fewer(assignment, seed, role, more):
    world = random_town(seed)
    supply = world.supply
    grown = supply.role_capacity.copy()
    grown[role % supply.roles] += more * (grown[role % supply.roles] > 0)
    larger = Supply(supply.x_m, supply.y_m, supply.role_site, supply.role_service, grown, supply.role_hours,
                    supply.role_usable, supply.role_rank, supply.role_exclusive)  # fmt: skip
    before = score_world(world, assignment).totals()
    after = score_world(world.with_supply(larger), assignment).totals()
    assert (after[:, 0] >= before[:, 0]).all()
    assert (after[:, :2].sum(axis=1) >= before[:, :2].sum(axis=1)).all()


@BOTH
@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_the_order_of_facilities_does_not_matter(assignment, seed):
    world = random_town(seed)
    supply = world.supply
    # Roles of one site with equal rank are told apart by their order, so ranks are made distinct first.
    rank = np.random.default_rng(seed).permutation(supply.roles)
    columns = [supply.role_site, supply.role_service, supply.role_capacity, supply.role_hours, supply.role_usable,
               rank, supply.role_exclusive]  # fmt: skip
    mixed = np.random.default_rng(seed + 1).permutation(supply.roles)
    one = world.with_supply(Supply(supply.x_m, supply.y_m, *columns))
    other = world.with_supply(Supply(supply.x_m, supply.y_m, *[column[mixed] for column in columns]))
    assert totals(one, assignment) == totals(other, assignment)


@BOTH
@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_twice_the_people_and_twice_the_room_keep_the_shares(assignment, seed):
    once, twice = totals(random_town(seed), assignment), totals(random_town(seed, scale=2), assignment)
    assert (2 * np.array(once)).tolist() == twice


@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_best_serves_at_least_as_many_as_nearest(seed):
    world = random_town(seed)
    nearest, best = score_world(world, "nearest").totals(), score_world(world, "best").totals()
    assert (best[:, 0] >= nearest[:, 0]).all()
    assert (best[:, :2].sum(axis=1) >= nearest[:, :2].sum(axis=1)).all()


@given(seed=SEEDS)
@settings(max_examples=80, deadline=None)
def test_best_equals_the_transport_programme_of_a_general_solver(seed):
    rng = np.random.default_rng(seed)
    cells, places = int(rng.integers(1, 14)), int(rng.integers(1, 9))
    cell, place = np.nonzero(rng.random((cells, places)) < rng.choice([0.3, 0.7, 1.0]))
    if len(cell) == 0:
        return
    cost = rng.integers(0, 20, len(cell)).astype(np.float32)
    need, capacity = rng.integers(0, 10, cells), rng.integers(0, 15, places)
    ready = rng.random(places) < 0.6
    best = assign_best(cell, place, cost, need, capacity, ready)
    near = assign_nearest(cell, place, cost, need, capacity, ready)
    for units in (best.units, near.units):
        assert (units >= 0).all()
        assert (np.bincount(cell, units, cells) <= need).all()
        assert (np.bincount(place, units, places) <= capacity).all()
    worth = np.where(ready[place], -2e4, -1e4) + cost
    pairs = np.arange(len(cell))
    limits = coo_matrix((np.ones(2 * len(cell)), (np.concatenate([cell, cells + place]), np.tile(pairs, 2))))
    limits.resize(cells + places, len(cell))
    solved = linprog(worth, A_ub=limits.tocsr(), b_ub=np.concatenate([need, capacity]), method="highs")
    assert worth @ best.units == pytest.approx(solved.fun, abs=1e-4)
    assert best.travel_minimised
    hurried = assign_best(cell, place, cost, need, capacity, ready, max_pivots=1)
    only = assign_best(cell, place, cost, need, capacity, ready, minimise_travel=False)
    for units in (hurried.units, only.units):
        assert units[ready[place]].sum() == best.units[ready[place]].sum()
        assert units.sum() == best.units.sum()


def test_the_loss_of_a_place_is_what_the_others_cannot_take_over():
    world = street_town([(0, 10)], [(0, 8), (500, 6)])
    assert loss_of_each(world, "best", [0, 1])[:, 0].tolist() == [4, 2]


def test_class_breaks_are_round_and_hold_every_value():
    values = np.concatenate([np.zeros(50), np.arange(1, 988)])
    breaks = class_breaks(values)
    assert breaks.tolist() == [200, 400, 600, 800, 1000]
    assert class_breaks([0, 0]).size == 0
    assert class_breaks([3, 3, 3]).tolist() == [3]


@given(values=st.lists(st.floats(0, 1e7, allow_subnormal=False), min_size=1, max_size=50))
def test_class_breaks_rise_and_reach_the_largest_value(values):
    breaks = class_breaks(values)
    if max(values) > 0:
        assert 1 <= len(breaks) <= 5
        assert (np.diff(breaks) > 0).all()
        assert breaks[-1] >= max(values) * (1 - 1e-9)


def test_every_problem_of_a_world_is_told_at_once():
    good = street_town([(0, 5)], [(0, 5)])
    supply = Supply([0.0], [np.nan], [3], [0], [-1], [0.0], [True], [0], [False])
    with pytest.raises(InvalidInput) as refused:
        score_world(good.with_supply(supply))
    assert len(refused.value.problems) == 3
    with pytest.raises(InvalidInput):
        score_world(good, "fair")
