"""Pairs within a straight distance, against every pair measured one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.checks import InvalidInput
from engine.pairs import SquareIndex, pairs_within


def every_pair(sx, sy, cx, cy, radius):
    far = np.hypot(np.subtract.outer(sx, cx), np.subtract.outer(sy, cy))
    site, cell = np.nonzero(far <= radius)
    return site, cell, far[site, cell]


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 400), st.floats(0.5, 3_000))
def test_pairs_are_those_measured_one_by_one(seed, sites, cells, radius):
    random = np.random.default_rng(seed)
    sx, sy, cx, cy = (random.random(size) * 1_000 for size in (sites, sites, cells, cells))
    found = pairs_within(sx, sy, cx, cy, radius)
    site, cell, far = every_pair(sx, sy, cx, cy, radius)
    assert np.array_equal(np.repeat(np.arange(sites), np.diff(found.indptr)), site)
    assert np.array_equal(found.cell, cell)
    assert np.allclose(found.cost, far, rtol=1e-6, atol=1e-4)


def test_a_place_at_exactly_the_radius_counts():
    found = pairs_within([0.0], [0.0], [3_000.0, 3_000.0, 0.0], [0.0, 0.01, -3_000.0], 3_000)
    assert found.cell.tolist() == [0, 2]
    assert found.cost.tolist() == [3_000.0, 3_000.0]


def test_rows_do_not_depend_on_the_number_of_threads():
    random = np.random.default_rng(3)
    sx, sy = random.random((2, 300)) * 20_000
    cx, cy = random.random((2, 30_000)) * 20_000
    one, four = (pairs_within(sx, sy, cx, cy, 1_500, threads=threads) for threads in (1, 4))
    for name in ("indptr", "cell", "cost"):
        assert np.array_equal(getattr(one, name), getattr(four, name))


def test_places_in_one_point_and_far_apart_are_found():
    found = pairs_within([5.0, 5.0], [5.0, 5.0], [5.0, 1e7], [5.0, 1e7], 1.0)
    assert found.cell.tolist() == [0, 0] and found.indptr.tolist() == [0, 1, 2]


def test_a_small_radius_on_a_wide_plane_does_not_need_endless_squares():
    index = SquareIndex(np.array([0.0, 5e6]), np.array([0.0, 5e6]), 0.5)
    assert index.columns * index.lines <= 4_100_000


def test_no_sites_and_no_cells_make_no_pairs():
    assert pairs_within([], [], [1.0], [1.0], 5).indptr.tolist() == [0]
    assert pairs_within([1.0], [1.0], [], [], 5).indptr.tolist() == [0, 0]


@pytest.mark.parametrize("radius", [0, -1, np.nan, np.inf])
def test_a_radius_that_is_no_distance_is_refused(radius):
    with pytest.raises(InvalidInput, match="radius"):
        pairs_within([0.0], [0.0], [0.0], [0.0], radius)


def test_every_wrong_place_is_told():
    with pytest.raises(InvalidInput) as told:
        pairs_within([0.0, np.nan], [0.0, 1.0], [0.0], [0.0, 1.0], 5)
    assert len(told.value.problems) == 2
