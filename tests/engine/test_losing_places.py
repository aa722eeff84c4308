import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.checks import InvalidInput
from engine.coverage import score_world
from engine.loss import loss_of_each, loss_of_pairs
from tests.engine.towns import any_town, standard, street_town, without_sites

BOTH = pytest.mark.parametrize("assignment", ["nearest", "best"])
SEEDS = st.integers(0, 10_000)


def lost_by_running_again(world, sites, assignment):
    after = score_world(without_sites(world, sites), assignment).served.sum(axis=1)
    return (score_world(world, assignment).served.sum(axis=1) - after).tolist()


def test_those_who_are_turned_away_push_others_out_down_the_street():
    # Worked example of docs/algorithms/loss.md: places at 0, 1,000 and 2,300 m, reach 1,000 m. Without the first its
    # people take the second, whose people take the third, where the last cell finds no room any more.
    world = street_town([(480, 10), (1600, 10), (3050, 4)], [(0, 10), (1000, 10), (2300, 10)])
    assert loss_of_each(world, "nearest")[:, 0].tolist() == [4, 4, 4]
    assert lost_by_running_again(world, [0], "nearest") == [4]
    assert loss_of_pairs(world, [[0, 2]], "nearest").tolist() == [[14]]


def test_what_falls_out_takes_all_its_roles_with_it():
    standards = [standard("shelter"), standard("kitchen")]
    world = street_town(
        [(0, 0)],
        [{"x": 0, "capacity": 5}, {"x": 0, "capacity": 7, "service": 1}],
        standards=standards,
        needs=[[4], [9]],
    )
    assert loss_of_each(world).tolist() == [[4, 7]]


@BOTH
@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_the_loss_of_each_place_equals_running_again_without_it(assignment, seed):
    world = any_town(seed)
    lost = loss_of_each(world, assignment, threads=2)
    assert (lost >= 0).all()
    for site in range(world.supply.sites):
        assert lost[site].tolist() == lost_by_running_again(world, [site], assignment)


@BOTH
@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_the_loss_of_two_places_equals_running_again_without_both(assignment, seed):
    world = any_town(seed)
    pairs = np.random.default_rng(seed).integers(0, world.supply.sites, (4, 2))  # a place twice is itself
    lost = loss_of_pairs(world, pairs, assignment)
    for pair, told in zip(pairs, lost, strict=True):
        assert told.tolist() == lost_by_running_again(world, pair, assignment)


def test_a_place_that_does_not_exist_is_refused():
    world = street_town([(0, 5)], [(0, 5)])
    with pytest.raises(InvalidInput):
        loss_of_each(world, "nearest", [1])
    with pytest.raises(InvalidInput):
        loss_of_each(world, "fair")
