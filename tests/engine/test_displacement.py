import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.checks import InvalidInput
from engine.displacement import (
    SEEKING_BY_INCOME,
    displacement_chain,
    dwelling_damage,
    isolation_places,
    rate_of,
    rates_at,
    seeking_by_income,
    surge_beds,
)

SHARE = st.floats(0, 1)


def test_the_chain_keeps_each_link_inside_the_one_before():
    # Worked example of docs/algorithms/displacement.md.
    chain = displacement_chain([1000, 200], [0.8, 0.25], [0.5, 0.4], 0.3)
    assert chain.affected.tolist() == [800, 50]
    assert chain.displaced.tolist() == [400, 20]
    assert chain.seeking.tolist() == pytest.approx([120, 6])


@given(
    people=arrays(np.float64, 5, elements=st.floats(0, 1e7)),
    affected=SHARE,
    displaced=SHARE,
    seeking=SHARE,
)
def test_no_link_is_larger_than_the_one_before(people, affected, displaced, seeking):
    chain = displacement_chain(people, affected, displaced, seeking)
    links = [chain.exposed, chain.affected, chain.displaced, chain.seeking]
    assert all((after <= before).all() for before, after in itertools.pairwise(links))


def test_negative_people_and_rates_over_one_are_all_named():
    with pytest.raises(InvalidInput) as refused:
        displacement_chain([-1, 5], 1.2, [0.1, -0.1], float("nan"))
    assert refused.value.problems == [
        "exposed: 1 values are negative or not finite",
        "affected: 1 values are not shares from 0 to 1",
        "displaced: 1 values are not shares from 0 to 1",
        "seeking: 1 values are not shares from 0 to 1",
    ]


def test_a_depth_takes_the_rate_of_its_class():
    # docs/algorithms/flood.md: 0.1, 0.7 and 1.5 m with 1, 3 and 5 %.
    rates = rates_at([0.05, 0.1, 0.69, 0.7, 1.5, 4.0, np.nan], [0.1, 0.7, 1.5], [0.01, 0.03, 0.05])
    assert rates[:-1].tolist() == [0, 0.01, 0.01, 0.03, 0.05, 0.05]
    assert np.isnan(rates[-1])


def test_classes_that_do_not_rise_are_refused():
    with pytest.raises(InvalidInput, match="rise"):
        rates_at([1.0], [0.7, 0.1], [0.01, 0.03])
    with pytest.raises(InvalidInput, match="classes"):
        rates_at([1.0], [0.1, 0.7], [0.01])


def test_the_rate_of_henan_on_zhengzhou_is_about_1_29_million():
    rate = rate_of(1_470_800, 14_530_000)
    assert rate == pytest.approx(0.101225, abs=1e-6)
    assert float(displacement_chain(12_740_000, 1, rate).displaced) == pytest.approx(1_289_607, abs=1)
    assert rate_of(100_000, 12_740_000) == pytest.approx(0.0078, abs=5e-5)


@pytest.mark.parametrize(("part", "base"), [(2, 1), (-1, 5), (0, 0), (1, float("inf"))])
def test_a_rate_belongs_to_a_base_that_holds_it(part, base):
    with pytest.raises(InvalidInput):
        rate_of(part, base)


def test_damage_to_dwellings_worked_out_by_hand():
    # Worked example of docs/algorithms/earthquake.md: a tenth of the people in dwellings of one family.
    found = dwelling_damage(0.1, 0.9, [[0.2, 0.2, 0.1], [0.1, 0.05, 0.0], [0.0, 0.0, 0.0]])
    assert found.lost.tolist() == pytest.approx([0.1 * 0.1 + 0.9 * (0.9 * 0.2 + 0.1), 0.9 * 0.9 * 0.05, 0])
    assert found.affected.tolist() == pytest.approx([0.5, 0.15, 0])
    assert found.displaced.tolist() == pytest.approx([0.524, 0.27, 0])


@given(multi=SHARE, chances=arrays(np.float64, (4, 3), elements=st.floats(0, 1 / 3)))
def test_nobody_is_displaced_who_is_not_affected(multi, chances):
    found = dwelling_damage(1 - multi, multi, chances)
    assert (found.lost <= found.affected + 1e-12).all()
    np.testing.assert_allclose(found.affected * found.displaced, found.lost, atol=1e-12)


def test_the_displaced_follow_the_equations_of_the_manual_counted_in_households():
    # A second way: households, as the manual writes them (%SF, %MF, #DH), with numbers of units.
    single, multi, households, people = 300.0, 700.0, 900.0, 2500.0
    moderate, extensive, complete = 0.2, 0.3, 0.15
    sf = 0.0 * moderate + 0.0 * extensive + 1.0 * complete
    mf = 0.0 * moderate + 0.9 * extensive + 1.0 * complete
    displaced_households = (single * sf + multi * mf) * households / (single + multi)
    seeking = displaced_households * people / households * 0.3
    found = dwelling_damage(0.3, 0.7, [[moderate, extensive, complete]])
    chain = displacement_chain(people, found.affected, found.displaced, 0.3)
    assert float(chain.seeking[0]) == pytest.approx(seeking)


@pytest.mark.parametrize(
    ("single", "multi", "damage", "words"),
    [
        (0.1, 0.8, [[0, 0, 0]], "0.9 in all"),
        (-0.1, 1.1, [[0, 0, 0]], "not shares"),
        (0.5, 0.5, [[0.5, 0.4, 0.2]], "more than 1"),
        (0.5, 0.5, [[0.5, 0.4]], "expected"),
    ],
)
def test_dwellings_that_do_not_add_up_are_refused(single, multi, damage, words):
    with pytest.raises(InvalidInput, match=words):
        dwelling_damage(single, multi, damage)


def test_income_alone_says_who_seeks_shelter():
    assert seeking_by_income([0.1, 0.2, 0.3, 0.2, 0.2]) == pytest.approx(
        0.062 + 0.084 + 0.087 + 0.044 + 0.026
    )
    for band, factor in enumerate(SEEKING_BY_INCOME):
        assert seeking_by_income(np.eye(5)[band]) == factor


@given(shares=arrays(np.float64, 5, elements=st.floats(0.001, 1)))
def test_it_lies_between_the_lowest_and_the_highest_factor(shares):
    assert 0.13 - 1e-9 <= seeking_by_income(shares / shares.sum()) <= 0.62 + 1e-9


def test_incomes_that_do_not_add_up_are_refused():
    with pytest.raises(InvalidInput, match=r"0\.9 in all"):
        seeking_by_income([0.1, 0.2, 0.2, 0.2, 0.2])
    with pytest.raises(InvalidInput, match="expected 5"):
        seeking_by_income([1.0])


def test_who_isolates_at_home_needs_no_place():
    assert isolation_places(60, 0) == 0.006
    assert isolation_places(60, 0.75) == pytest.approx(0.0015)
    assert isolation_places(130, 1) == 0
    with pytest.raises(InvalidInput) as refused:
        isolation_places(-1, 2)
    assert len(refused.value.problems) == 2


def test_a_crowd_of_80_000_needs_40_beds_and_1_000_staffed_beds_free_180():
    # Worked example of docs/algorithms/mass-event.md.
    beds = surge_beds(80_000, 0.5, 1_000)
    assert (beds.needed, beds.freed) == (40, 180)
    assert surge_beds(80_000, 0.5).freed is None
    with pytest.raises(InvalidInput):
        surge_beds(-1, 0.5, -1)
