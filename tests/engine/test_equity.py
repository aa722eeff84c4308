"""Lorenz, Gini, the worst-off tenth and groups: by hand and against person by person."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.checks import InvalidInput
from engine.equity import by_group, gini, lorenz, worst_part, worst_share


def by_person(values, weights):
    """Half the mean difference between any two people over the mean."""
    held = np.repeat(values, weights).astype(float)
    return np.abs(np.subtract.outer(held, held)).mean() / (2 * held.mean())


def test_four_quarters_worked_by_hand():
    # 100, 200, 300, 400 people of whom 0, 0.5, 0.5, 1.0 of the need is met
    share, people = [0.5, 0.0, 1.0, 0.5], [200, 100, 400, 300]
    x, y = lorenz(share, people)
    # 650 are met in all; the 100 worst off hold nothing, the next 500 hold 250
    assert x == pytest.approx([0, 0.1, 0.6, 1.0])
    assert y == pytest.approx([0, 0, 250 / 650, 1.0])
    area = 0.5 * 0.5 * (250 / 650) + 0.4 * 0.5 * (250 / 650 + 1)
    assert gini(share, people) == pytest.approx(1 - 2 * area) == pytest.approx(0.2538461538)
    assert worst_share(share, people, 0.1) == 0
    assert worst_share(share, people, 0.2) == pytest.approx(0.25)
    assert worst_share(share, people, 1.0) == pytest.approx(0.65)
    assert worst_part(share, people, 0.2) == pytest.approx([40, 100, 0, 60])


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_gini_is_half_the_mean_difference_between_people(seed, rows):
    random = np.random.default_rng(seed)
    values, weights = random.integers(0, 5, rows) / 4, random.integers(0, 9, rows)
    weights[0] = 1
    if values @ weights == 0:
        assert gini(values, weights) == 0
        return
    assert gini(values, weights) == pytest.approx(by_person(values, weights), abs=1e-12)
    x, y = lorenz(values, weights)
    assert gini(values, weights) == pytest.approx(1 - np.sum(np.diff(x) * (y[1:] + y[:-1])), abs=1e-12)


@given(st.integers(0, 10_000))
def test_the_lorenz_curve_rises_below_the_diagonal(seed):
    random = np.random.default_rng(seed)
    x, y = lorenz(random.random(20), random.random(20))
    assert x[0] == y[0] == 0 and x[-1] == pytest.approx(1) and y[-1] == pytest.approx(1)
    assert (np.diff(x) > 0).all() and (np.diff(y) >= 0).all() and (y <= x + 1e-12).all()
    assert (np.diff(np.diff(y) / np.diff(x)) >= -1e-9).all()


def test_the_worst_tenth_is_that_of_single_people():
    random = np.random.default_rng(4)
    values, weights = random.random(50), random.integers(1, 20, 50) * 10
    people = np.sort(np.repeat(values, weights))
    assert worst_share(values, weights) == pytest.approx(people[: len(people) // 10].mean())
    part = worst_part(values, weights)
    assert part.sum() == pytest.approx(weights.sum() / 10)
    assert part @ values / part.sum() == pytest.approx(worst_share(values, weights))


def test_everybody_alike_is_even_and_one_owner_of_many_is_not():
    assert gini([0.4, 0.4], [10, 90]) == 0
    assert gini([0, 0, 0], [1, 1, 1]) == 0
    assert lorenz([0, 0], [1, 3])[1].tolist() == [0, 1]
    assert gini([0] * 99 + [1], [1] * 100) == pytest.approx(0.99)


def test_rows_of_nobody_count_for_nothing():
    assert gini([0.2, 0.7, np.nan], [5, 5, 0]) == gini([0.2, 0.7], [5, 5])
    assert worst_share([0.0, 0.7], [0, 5]) == 0.7


def test_it_does_not_matter_how_cells_are_cut():
    whole = gini([0.1, 0.9], [100, 300])
    assert gini([0.1, 0.1, 0.9, 0.9, 0.9], [40, 60, 100, 150, 50]) == pytest.approx(whole)


def test_groups_are_measured_within_and_against_the_whole():
    values, weights = [0.2, 0.6, 1.0, 0.5, 0.9], [10, 10, 20, 0, 60]
    told = by_group(values, weights, [0, 0, 1, 2, -1], 3, 0.5)
    assert told.weight.tolist() == [20, 20, 0]
    assert told.mean[:2] == pytest.approx([0.4, 1.0]) and np.isnan(told.mean[2])
    assert told.gini[:2] == pytest.approx([0.25, 0.0]) and np.isnan(told.gini[2])
    assert told.worst[:2] == pytest.approx([0.2, 1.0])
    assert told.share == pytest.approx([8 / 28, 20 / 28, 0])
    assert told.people_share == pytest.approx([0.5, 0.5, 0])


@pytest.mark.parametrize(
    ("values", "weights"),
    [([1, -1], [1, 1]), ([1, np.nan], [1, 1]), ([1, 1], [1, -1]), ([1, 1], [0, 0]), ([1], [1, 2]), ([], [])],
)
def test_what_cannot_be_shared_is_refused(values, weights):
    for figure in (gini, lorenz, worst_share):
        with pytest.raises(InvalidInput):
            figure(values, weights)


def test_a_share_of_nobody_and_an_unknown_group_are_refused():
    with pytest.raises(InvalidInput, match="share"):
        worst_share([1], [1], 0)
    with pytest.raises(InvalidInput, match="group"):
        by_group([1], [1], [3], 2)
