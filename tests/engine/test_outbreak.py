import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from engine.checks import InvalidInput
from engine.outbreak import Outbreak, outbreak_course

BY_HAND = Outbreak(
    reproduction_number=2, latent_days=2, infectious_days=4, found_share=0.5, days_until_found=2, isolation_days=10,
    contacts_per_case=10, quarantine_days=5, cases_at_home=0, contacts_at_home=0, initial_share=0.01,
)  # fmt: skip
OUTBREAKS = st.builds(
    Outbreak,
    reproduction_number=st.floats(0, 8),
    latent_days=st.floats(1, 10),
    infectious_days=st.floats(4, 15),
    found_share=st.floats(0, 1),
    days_until_found=st.floats(1, 4),
    isolation_days=st.floats(1, 20),
    contacts_per_case=st.floats(0, 50),
    quarantine_days=st.floats(1, 20),
    cases_at_home=st.floats(0, 1),
    contacts_at_home=st.floats(0, 1),
    initial_share=st.floats(0, 0.05),
    control_day=st.none() | st.floats(0, 60),
    control_factor=st.floats(0, 1),
)


def test_the_first_three_days_worked_out_by_hand():
    # Worked example of docs/algorithms/epidemic.md.
    course = outbreak_course(BY_HAND, 3)
    day1 = [0.99, 0.005, 0.0025, 0.0025, 0, 0]
    day2 = [0.987528091, 0.004971909, 0.003125, 0.0025, 0.00125, 0.000625]
    assert course.compartments[1].tolist() == pytest.approx(day1)
    assert course.compartments[2].tolist() == pytest.approx(day2, abs=1e-9)
    assert course.places.tolist() == pytest.approx([0, 0, 0.013656673, 0.024557472], abs=1e-8)
    assert (course.peak_day, course.rising) == (3, True)
    assert course.peak == pytest.approx(0.024557472, abs=1e-8)


@given(outbreak=OUTBREAKS)
@settings(max_examples=60)
def test_everybody_is_in_one_compartment_and_nobody_is_isolated_twice(outbreak):
    course = outbreak_course(outbreak, 200)
    assert (course.compartments >= -1e-12).all()
    np.testing.assert_allclose(course.compartments.sum(axis=1), 1.0, atol=1e-9)
    assert (course.contacts >= -1e-12).all()
    assert (course.contacts + course.compartments[:, 4] <= 1 + 1e-9).all()
    assert 0 <= course.peak <= 1 + 1e-9


@given(outbreak=OUTBREAKS, number=st.floats(0, 0.9))
@settings(max_examples=40)
def test_below_one_the_outbreak_dies_out(outbreak, number):
    course = outbreak_course(replace(outbreak, reproduction_number=number), 1500)
    assert course.compartments[-1, 1:4].sum() <= 0.01 * outbreak.initial_share + 1e-12
    # Whoever falls ill descends from the first: at most 1 / (1 - R) of them.
    ill = 1 - course.compartments[-1, 0]
    assert ill <= outbreak.initial_share / (1 - number) + 1e-9


@given(outbreak=OUTBREAKS)
@settings(max_examples=40)
def test_with_everybody_at_home_no_place_is_needed(outbreak):
    course = outbreak_course(replace(outbreak, cases_at_home=1, contacts_at_home=1), 200)
    assert course.peak == 0 and not course.rising


@given(outbreak=OUTBREAKS, more=st.floats(0.05, 3))
@settings(max_examples=60)
def test_a_faster_spread_never_needs_fewer_places(outbreak, more):
    outbreak = replace(outbreak, control_day=None)
    worse = replace(outbreak, reproduction_number=outbreak.reproduction_number + more)
    assert outbreak_course(worse, 400).peak >= outbreak_course(outbreak, 400).peak - 1e-9


@given(outbreak=OUTBREAKS, share=st.floats(0, 1))
@settings(max_examples=40)
def test_places_shrink_with_the_share_at_home(outbreak, share):
    away = replace(outbreak, cases_at_home=0, contacts_at_home=0)
    home = replace(outbreak, cases_at_home=share, contacts_at_home=share)
    expected = outbreak_course(away, 200).peak * (1 - share)
    assert outbreak_course(home, 200).peak == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("found", [0.0, 0.6])
def test_the_outbreak_ends_where_kermack_and_mckendrick_say(found):
    """ln(S0 / S end) = R (S0 + E0 - S end), R the spread left over after isolation: exact for daily steps too."""
    outbreak = replace(BY_HAND, reproduction_number=3.0, found_share=found, initial_share=0.001)
    effective = 3.0 * ((1 - found) + found * outbreak.days_until_found / outbreak.infectious_days)
    end = brentq(lambda s: math.log(0.999 / s) - effective * (1.0 - s), 1e-9, 0.6)
    course = outbreak_course(outbreak, 1500)
    assert course.compartments[-1, 0] == pytest.approx(end, abs=1e-9)


def test_an_independent_integration_of_the_equations_gives_the_same_peak():
    o = replace(
        BY_HAND, reproduction_number=3.0, initial_share=0.001, control_day=25.0, control_factor=0.3,
        latent_days=3.0, infectious_days=5.0, quarantine_days=7.0,
    )  # fmt: skip

    def flow(t, y):
        s, e, u, d, j, _r, k = y
        spread = o.reproduction_number / o.infectious_days * (o.control_factor if t >= o.control_day else 1)
        infected, onset = spread * s * (u + d), e / o.latent_days
        isolated = d / o.days_until_found
        return [
            -infected, infected - onset, (1 - o.found_share) * onset - u / o.infectious_days,
            o.found_share * onset - isolated, isolated - j / o.isolation_days,
            u / o.infectious_days + j / o.isolation_days,
            o.contacts_per_case * isolated * (1 - j - k) - isolated * k / (1 - j) - k / o.quarantine_days,
        ]  # fmt: skip

    start = [1 - o.initial_share, o.initial_share, 0, 0, 0, 0, 0]
    before = solve_ivp(flow, (0, 25), start, rtol=1e-9, atol=1e-12, t_eval=np.arange(26))
    after = solve_ivp(flow, (25, 200), before.y[:, -1], rtol=1e-9, atol=1e-12, t_eval=np.arange(25, 201))
    places = np.concatenate([(before.y[4] + before.y[6]), (after.y[4] + after.y[6])[1:]])
    fine = outbreak_course(o, 200, steps_per_day=200)
    np.testing.assert_allclose(fine.places, places, rtol=0.02, atol=2e-5)
    assert fine.peak == pytest.approx(places.max(), rel=0.01)
    # Whole days are coarser, and stay near it.
    assert outbreak_course(o, 200).peak == pytest.approx(places.max(), rel=0.2)


def test_places_count_people_of_the_population():
    assert outbreak_course(BY_HAND, 60, population=10_000).peak == pytest.approx(
        outbreak_course(BY_HAND, 60).peak * 10_000
    )


def test_cases_in_a_hospital_bed_are_not_in_an_isolation_place():
    course = outbreak_course(replace(BY_HAND, bed_share=0.25, contacts_per_case=0), 60)
    np.testing.assert_allclose(course.beds, course.compartments[:, 4] * 0.25)
    np.testing.assert_allclose(course.beds + course.places, course.compartments[:, 4])


def test_every_bad_input_is_named_at_once():
    bad = replace(
        BY_HAND,
        found_share=1.2,
        latent_days=0.5,
        days_until_found=9,
        initial_share=-0.1,
        reproduction_number=99,
    )
    with pytest.raises(InvalidInput) as refused:
        outbreak_course(bad, 0, population=-5)
    assert {line.split(":")[0] for line in refused.value.problems} == {
        "found_share", "latent_days", "days_until_found", "initial_share", "reproduction_number", "days", "population",
    }  # fmt: skip
