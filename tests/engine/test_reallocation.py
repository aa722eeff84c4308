"""People from sources to cells: every total is kept, by two programs that know nothing of each other."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.reallocation import scale_to_totals, spread, spread_part

# docs/algorithms/reallocation.md: townships A (1,000), B (500.5), C (7, off the grid) on three cells.
TOTALS = np.array([1000.0, 500.5, 7.0])
SOURCE, CELL = np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 1, 2])
AREA = np.array([1.0, 1.0, 1.0, 3.0, 1.0])


def test_the_worked_example_of_the_page() -> None:
    made = spread(TOTALS, SOURCE, CELL, AREA, 3)
    # A: 333.33 each, the odd person to the first; B: 375 and 125, its half a person to the largest share
    assert made.rows.tolist() == [334, 333, 333, 375.5, 125]
    assert made.people.tolist() == [334, 708.5, 458]
    assert made.unplaced.tolist() == [2]


def test_the_worked_example_of_a_group() -> None:
    people = np.array([1.0, 5.0, 4.0])
    source = np.zeros(3, np.int64)
    # 9 of 10: shares 0.9, 4.5, 3.6; whole parts 0, 4, 3; the two left go to 0.9 and 0.6
    assert spread_part(np.array([9.0]), source, people, people).tolist() == [1, 4, 4]
    # where only 2 fit in the second cell, what is left goes where there is room
    assert spread_part(np.array([5.0]), source, people, np.array([1.0, 2.0, 4.0])).tolist() == [1, 2, 2]


def test_the_worked_example_of_scaling() -> None:
    people, area = np.array([50.0, 30.0, 20.0, 15.0, 3.0]), np.array([0, 0, 1, 1, -1])
    made = scale_to_totals(people, area, np.array([100.0, np.nan]))
    # 62.5 and 37.5: a tie, so the odd person stays with the first
    assert made.people.tolist() == [63, 37, 20, 15, 3]
    assert made.factor[0] == 1.25 and np.isnan(made.factor[1])


def by_fractions(totals, source, weight) -> list[Fraction]:
    """The same by exact fractions, one source and one row at a time."""
    rows = [Fraction(0)] * len(source)
    for number, total in enumerate(totals):
        mine = [i for i, one in enumerate(source) if one == number]
        whole = sum(weight[i] for i in mine)
        if not whole:
            continue
        exact = {i: Fraction(int(total)) * weight[i] / whole for i in mine}
        for i in mine:
            rows[i] = Fraction(exact[i].numerator // exact[i].denominator)
        left = int(total) - sum(rows[i] for i in mine)
        for i in sorted(mine, key=lambda i: (-(exact[i] - rows[i]), i))[: int(left)]:
            rows[i] += 1
        largest = max((i for i in mine if weight[i]), key=lambda i: (rows[i], -i))
        rows[largest] += Fraction(total) - int(total)
    return rows


overlaps = st.integers(1, 5).flatmap(
    lambda sources: st.tuples(
        st.lists(
            st.one_of(st.integers(0, 10_000), st.sampled_from([0.5, 3.25, 99.75])), min_size=sources, max_size=sources
        ),
        st.lists(
            st.tuples(st.integers(0, sources - 1), st.integers(0, 6), st.integers(0, 40)), max_size=25
        ),
    )
)  # fmt: skip


@given(overlaps)
def test_another_program_gives_every_row_the_same_people(drawn) -> None:
    totals, rows = drawn
    source = np.array([row[0] for row in rows], np.int64)
    cell = np.array([row[1] for row in rows], np.int64)
    weight = [row[2] for row in rows]
    made = spread(np.array(totals, float), source, cell, np.array(weight, float), 7)
    assert made.rows.tolist() == [float(one) for one in by_fractions(totals, source.tolist(), weight)]


@given(overlaps, st.booleans())
def test_every_source_keeps_its_total(drawn, whole: bool) -> None:
    totals, rows = np.array(drawn[0], float), drawn[1]
    source = np.array([row[0] for row in rows], np.int64)
    cell = np.array([row[1] for row in rows], np.int64)
    made = spread(totals, source, cell, np.array([row[2] for row in rows], float), 7, whole)
    kept = np.bincount(source, made.rows, minlength=len(totals))
    placed = np.setdiff1d(np.arange(len(totals)), made.unplaced)
    np.testing.assert_allclose(kept[placed], totals[placed], rtol=1e-9)
    assert (kept[made.unplaced] == 0).all()
    np.testing.assert_allclose(made.people.sum(), totals[placed].sum(), rtol=1e-9)
    if whole:
        assert (kept[placed] == totals[placed]).all()
        of_whole = (totals == np.floor(totals))[source]
        assert (made.rows[of_whole] == np.floor(made.rows[of_whole])).all()


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=30),
    st.lists(st.floats(0, 1), min_size=4, max_size=4), st.booleans(), st.booleans(),
)  # fmt: skip
def test_a_group_is_never_larger_than_the_people_and_keeps_its_total(rows, share, whole, split) -> None:
    source = np.array([row[0] for row in rows], np.int64)
    people = np.array([row[1] for row in rows], float) + (0.5 if split else 0.0)
    room = np.bincount(source, people, minlength=4)
    totals = room * share
    totals = np.floor(totals) if whole else totals
    made = spread_part(totals, source, np.array([row[2] for row in rows], float), people, whole)
    assert (made <= people).all() and (made >= 0).all()
    np.testing.assert_allclose(np.bincount(source, made, minlength=4), totals, rtol=1e-9, atol=1e-9)
    if whole and not split:
        assert (made == np.floor(made)).all()


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(-1, 3)), min_size=1, max_size=40),
    st.lists(st.one_of(st.none(), st.integers(0, 9_000)), min_size=4, max_size=4),
)
def test_scaling_reaches_every_total_and_leaves_the_others(rows, wanted) -> None:
    people, area = np.array([row[0] for row in rows], float), np.array([row[1] for row in rows], np.int64)
    totals = np.array([np.nan if one is None else one for one in wanted])
    made = scale_to_totals(people, area, totals)
    held = np.bincount(area[area >= 0], people[area >= 0], minlength=4)
    after = np.bincount(area[area >= 0], made.people[area >= 0], minlength=4)
    for number, total in enumerate(wanted):
        if total is None or held[number] == 0:
            assert after[number] == held[number] and (not total or number in made.unplaced)
        else:
            assert after[number] == total
    assert (made.people[area < 0] == people[area < 0]).all()


def test_order_of_sources_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    source, cell = rng.integers(0, 50, 4000), rng.integers(0, 900, 4000)
    weight, totals = rng.random(4000), rng.integers(0, 9_000, 50).astype(float)
    turned = rng.permutation(50)
    back = np.empty(50, np.int64)
    back[turned] = np.arange(50)
    one, two = (
        spread(totals, source, cell, weight, 900),
        spread(totals[turned], back[source], cell, weight, 900),
    )
    assert one.people.tolist() == two.people.tolist() and one.people.sum() == totals.sum()


@pytest.mark.parametrize(
    ("totals", "source", "weight"),
    [([-1.0], [0], [1.0]), ([np.nan], [0], [1.0]), ([1.0], [0], [-1.0]), ([1.0], [1], [1.0])],
)
def test_input_that_means_nothing_is_refused(totals, source, weight) -> None:
    with pytest.raises(ValueError):
        spread(np.array(totals), np.array(source), np.array([0]), np.array(weight), 1)


def test_a_group_larger_than_its_people_is_refused() -> None:
    with pytest.raises(ValueError):
        spread_part(np.array([6.0]), np.array([0]), np.array([1.0]), np.array([5.0]))
