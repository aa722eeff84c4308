import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.checks import InvalidInput
from engine.need import morton_order, need_units

PEOPLE = arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 5000))


def test_half_people_are_not_lost_and_not_doubled():
    # Worked example of docs/algorithms/need.md: five cells of 3 people, 20 rooms per 100 people.
    assert need_units([3, 3, 3, 3, 3], 1.0, 0.2).tolist() == [1, 0, 1, 0, 1]


@given(people=PEOPLE, share=st.floats(0, 1), ratio=st.floats(0, 3))
def test_the_total_is_the_exact_total_rounded(people, share, ratio):
    need = need_units(people, share, ratio)
    assert need.dtype == np.int64
    assert (need >= 0).all()
    assert abs(int(need.sum()) - float(np.sum(people * share * ratio))) <= 0.5 + 1e-6


@given(people=PEOPLE, seed=st.integers(0, 99), share=st.floats(0, 1))
def test_any_run_of_neighbours_is_within_one_unit(people, seed, share):
    rng = np.random.default_rng(seed)
    order = morton_order(rng.random(len(people)), rng.random(len(people)))
    need = need_units(people, share, 0.7, order)
    error = np.concatenate([[0], np.cumsum((need - people * share * 0.7)[order])])
    assert float(error.max() - error.min()) <= 1 + 1e-6


def test_a_share_may_differ_by_cell():
    assert need_units([100, 100], [0.1, 0.5], 1.0).tolist() == [10, 50]


def test_the_morton_curve_visits_quarters_one_after_another():
    x, y = np.meshgrid(np.arange(4), np.arange(4))
    order = morton_order(x.ravel(), y.ravel())
    quarters = (x.ravel()[order] // 2) + 2 * (y.ravel()[order] // 2)
    assert quarters.tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4


@pytest.mark.parametrize(
    "bad", [([np.nan], 1, 1), ([-1], 1, 1), ([1], np.nan, 1), ([1], 1, np.inf), ([1], -0.1, 1)]
)
def test_a_missing_rate_refuses_and_is_never_zero(bad):
    with pytest.raises(InvalidInput):
        need_units(*bad)


def test_all_problems_are_told_at_once():
    with pytest.raises(InvalidInput) as refused:
        need_units([np.nan], np.nan, np.nan)
    assert len(refused.value.problems) == 3
