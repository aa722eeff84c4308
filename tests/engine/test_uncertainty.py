"""Draws of uncertain inputs, percentiles, drivers; need and gap of many draws against the score of each."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.checks import InvalidInput
from engine.coverage import score_world, sum_by_area
from engine.draws import DrawnNeed, Draws
from engine.need import need_units, part_units
from engine.uncertainty import Input, draw, percentiles, quantile, variance_shares
from tests.engine.towns import any_town, standard, street_town

SHARE, RATIO = Input("share", 0.2, 0.5, 0.6), Input("ratio", 1.0, 1.0, 2.0)


# --- draws -----------------------------------------------------------------------------------------


def test_every_stratum_of_every_input_is_hit_once():
    values = draw([SHARE, RATIO], 50, 1)
    # The chance of a value, found back from the shape of the two triangles.
    share = values[:, 0]
    below = 0.5 * ((share - 0.2) / 0.3) ** 2
    above = 1 - 0.5 * ((0.6 - share) / 0.1) ** 2
    chance = np.where(share < 0.5, below, above)
    assert sorted((chance * 50).astype(int)) == list(range(50))


@given(st.integers(0, 2**31), st.integers(1, 400), st.tuples(*[st.floats(-1e6, 1e6)] * 3))
def test_values_stay_in_their_range_and_the_middle_is_the_median(seed, count, numbers):
    low, mid, high = sorted(numbers)
    one = Input("x", low, mid, high)
    values = draw([one], count, seed)[:, 0]
    assert (values >= low).all() and (values <= high).all()
    assert quantile(one, 0.5) == mid
    assert (values <= mid).sum() >= count // 2 and (values >= mid).sum() >= count // 2


def test_the_same_seed_gives_the_same_values_whatever_is_named_after():
    assert np.array_equal(draw([SHARE], 30, 5), draw([SHARE, RATIO], 30, 5)[:, :1])
    assert not np.array_equal(draw([SHARE], 30, 5), draw([SHARE], 30, 6))


def test_an_input_without_a_range_is_the_number_itself():
    assert (draw([Input("x", 3.0, 3.0, 3.0)], 20, 1) == 3.0).all()


def test_ranges_that_cannot_be_are_refused_all_at_once():
    with pytest.raises(InvalidInput) as refused:
        draw([Input("a", 2, 1, 3), Input("b", 0, np.nan, 1), Input("c", 0, 1, 1), Input("c", 0, 1, 1)], 10, 1)
    assert len(refused.value.problems) == 3


# --- percentiles and drivers -----------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=300))
def test_percentiles_are_numbers_that_were_drawn(values):
    found = percentiles(values)
    assert found.tolist() == [np.percentile(values, q, method="inverted_cdf") for q in (10, 50, 90)]
    assert set(found.tolist()) <= set(values)


def test_shares_of_the_spread_follow_the_variances_of_a_sum():
    values = draw([Input("a", 0, 5, 10), Input("b", 0, 10, 20), Input("c", 1, 1, 1)], 4_000, 2)
    shares = variance_shares(values, values.sum(axis=1), ["a", "b", "c"])
    # b varies twice as far: four times the variance.
    assert shares["b"] == pytest.approx(0.8, abs=0.03) and shares["a"] == pytest.approx(0.2, abs=0.03)
    assert shares["c"] == 0


def test_inputs_of_one_name_are_taken_together_and_nothing_moves_a_constant():
    values = draw([Input("a", 0, 5, 10), Input("b", 0, 5, 10)], 1_000, 2)
    assert variance_shares(values, values.sum(axis=1), ["x", "x"])["x"] == pytest.approx(1, abs=0.05)
    assert variance_shares(values, np.ones(1_000), ["a", "b"]) == {"a": 0.0, "b": 0.0}


# --- need and gap of every draw --------------------------------------------------------------------


def scored(world, needs, areas, count, assignment):
    """The second way: a world and its score for each draw."""
    found = np.zeros((2, needs[0].draws, world.services, count + 1), np.int64)
    for d in range(needs[0].draws):
        need = np.stack([need_units(one.people, one.share[d][one.group], one.ratio[d]) for one in needs])
        special = None
        if world.grouped:
            parts = [one.people * 0 if one.part is None else one.part for one in needs]
            special = np.stack(
                [
                    part_units(part, one.share[d][one.group], one.ratio[d], need[k])
                    for k, (one, part) in enumerate(zip(needs, parts, strict=True))
                ]
            )
        score = score_world(
            replace(world, demand=replace(world.demand, need=need, special_need=special)), assignment
        )
        states = sum_by_area(score, np.where(areas < 0, count, areas), count + 1)
        found[0, d], found[1, d] = states.sum(axis=2).T, states[:, :, 1:].sum(axis=2).T
    return found


@pytest.mark.parametrize("assignment", ["nearest", "best"])
@given(st.integers(0, 10_000))
def test_every_draw_is_scored_as_the_town_would_be(assignment, seed):
    world, random = any_town(seed), np.random.default_rng(seed)
    cells, draws = world.demand.cells, 11
    areas = random.integers(-1, 3, cells)
    needs = []
    for _ in range(world.services):
        people = random.integers(0, 40, cells).astype(float)
        # In some draws nobody needs the service: then other roles of a place count.
        share = random.random((draws, 3)) * (random.random((draws, 1)) < 0.8)
        part = np.floor(people * random.random(cells)) if world.grouped and random.random() < 0.8 else None
        group = random.integers(0, 3, cells).astype(np.int32)
        needs.append(DrawnNeed(people, group, share, random.random(draws), part))
    found = Draws(world, needs, areas, 3, assignment)
    wanted = scored(world, needs, areas, 3, assignment)
    for k in range(world.services):
        need, gap = found.service(k)
        assert np.array_equal(need, wanted[0, :, k]) and np.array_equal(gap, wanted[1, :, k])


def test_the_worked_example():
    """docs/algorithms/uncertainty.md: two cells of 100 people, one place of 60 beds at the first."""
    world = street_town([(0, 0), (900, 0)], [(0, 60)], standards=[standard(limit=1000.0)])
    share = np.array([[0.2], [0.5], [0.6]])
    need = DrawnNeed(np.array([100.0, 100.0]), np.zeros(2, np.int32), share, np.ones(3))
    found_need, found_gap = Draws(world, [need], np.array([0, 1]), 2).service(0)
    assert found_need.tolist() == [[20, 20, 0], [50, 50, 0], [60, 60, 0]]
    assert found_gap.tolist() == [[0, 0, 0], [0, 40, 0], [0, 60, 0]]
    # Quantiles of the share at 10 %, 50 % and 90 %, by hand: 0.2 + 0.3 x sqrt(0.2), 0.5, 0.6 - 0.1 x sqrt(0.2).
    assert quantile(SHARE, [0.1, 0.5, 0.9]) == pytest.approx([0.33416, 0.5, 0.55528], abs=1e-5)
    drawn = draw([SHARE], 1_000, 1)
    many = DrawnNeed(np.array([100.0, 100.0]), np.zeros(2, np.int32), drawn, np.ones(1_000))
    totals = Draws(world, [many], np.array([0, 1]), 2).service(0)
    need_at, gap_at = (percentiles(one.sum(axis=1)).tolist() for one in totals)
    assert need_at == [67, 100, 111] and gap_at == [7, 40, 51]


def test_draws_that_cannot_be_are_refused_all_at_once():
    world = street_town([(0, 5)], [(0, 5)])
    bad = DrawnNeed(np.array([-1.0]), np.array([3], np.int32), np.ones((2, 1)), np.array([1.0, np.nan]))
    with pytest.raises(InvalidInput) as refused:
        Draws(world, [bad], np.zeros(1, np.int32), 1, "farthest")
    assert len(refused.value.problems) == 4
