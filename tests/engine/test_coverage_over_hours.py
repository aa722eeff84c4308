from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.checks import InvalidInput
from engine.coverage import score_world
from engine.hours import coverage_over_hours, hour_of_share
from tests.engine.towns import any_town, street_town

BOTH = pytest.mark.parametrize("assignment", ["nearest", "best"])
SEEDS = st.integers(0, 10_000)
HOURS = [0.0, 1.0, 24.0, 48.0, 72.0]


def test_a_street_fills_as_its_places_convert():
    # Worked example of docs/algorithms/hours.md. Reach 1,000 m; places at 0 (at once), 500 (6 h), 600 (unknown hours).
    world = street_town(
        [(0, 6), (400, 6)],
        [
            (0, 8),
            {"x": 500, "capacity": 3, "hours": 6.0},
            {"x": 600, "capacity": 50, "hours": np.nan},
            {"x": 900, "capacity": 9, "hours": 60.0},
        ],
    )
    served = coverage_over_hours(world, [1, 6, 24, 72])
    assert served[:, 0].tolist() == [[6, 2], [6, 5], [6, 5], [6, 6]]
    assert hour_of_share(served.sum(axis=2)[:, 0], 12, [1, 6, 24, 72]).tolist() == 6.0
    assert np.isnan(hour_of_share([[1]], [2], [6]))


@BOTH
@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_each_hour_equals_a_town_of_the_roles_converted_by_then(assignment, seed):
    world = any_town(seed)
    limitless = [replace(s, conversion_limit_hours=None) for s in world.standards]
    served = coverage_over_hours(world, HOURS, assignment)
    for number, hour in enumerate(HOURS):
        # What counts among exclusive roles does not change with the hour: late ones are given no room instead.
        late = ~(world.supply.role_hours <= hour)
        counts = score_world(world).role_supply > 0
        supply = replace(
            world.supply, role_usable=counts & ~late, role_exclusive=np.zeros(world.supply.roles, bool)
        )
        again = score_world(replace(world, supply=supply, standards=limitless), assignment).served
        if assignment == "nearest":
            assert served[number].tolist() == again.tolist()
        assert served[number].sum(axis=1).tolist() == again.sum(axis=1).tolist()


@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_no_cell_ever_loses_service_as_places_convert(seed):
    served = coverage_over_hours(any_town(seed), HOURS)
    assert (np.diff(served, axis=0) >= 0).all()


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_hours_may_be_asked_in_any_order(seed):
    world = any_town(seed)
    assert (coverage_over_hours(world, HOURS[::-1]) == coverage_over_hours(world, HOURS)[::-1]).all()


def test_the_hour_of_a_share_is_told_by_district_and_to_the_unit():
    served = np.array([[9, 0, 8], [9, 0, 9], [10, 0, 9]])
    assert hour_of_share(served, [10, 0, 10], [1, 6, 24]).tolist() == [1.0, 1.0, 6.0]
    assert hour_of_share(served, [10, 0, 10], [1, 6, 24], share=1.0)[0] == 24.0
    assert np.isnan(hour_of_share(served, [10, 0, 10], [1, 6, 24], share=1.0)[2])


def test_hours_that_are_no_hours_are_refused():
    world = street_town([(0, 5)], [(0, 5)])
    with pytest.raises(InvalidInput):
        coverage_over_hours(world, [-1.0])
