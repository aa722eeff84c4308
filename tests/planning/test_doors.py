"""Minutes at the gate and until somebody opens: added to every trip in minutes, and to the hours of conversion."""

import pytest

from core.services import jobs
from facilities.models import Facility
from planning.models import FacilityResult, Run, Standard
from planning.services import plans
from tests.planning.streets import add_streets


@pytest.fixture
def streets(town):
    add_streets(town)
    Standard.objects.update(reach_unit="min", reach_limit=8)
    town.scenario.refresh_from_db()
    return town


def test_minutes_to_the_door_are_added_to_every_trip_in_minutes(streets, compute):
    # c2 to B takes 7.33 min: half a minute at the gate still fits into eight, one does not
    places = Facility.objects.filter(pk=streets.places[1].pk)
    for minutes, late in ((0.5, 30), (1.0, 20)):
        places.update(entry_minutes=minutes)
        assert compute(streets)[0].totals[0]["late"] == late


def test_a_limit_in_metres_knows_no_minutes(streets, compute):
    Standard.objects.update(reach_unit="m", reach_limit=560)
    Facility.objects.update(entry_minutes=200)
    assert compute(streets)[0].totals[0]["late"] == 30


def test_straight_trips_take_their_minutes_at_the_gate_too(town, compute):
    Standard.objects.update(reach_unit="min", reach_limit=5)
    assert compute(town)[0].totals[0]["served"] == 60
    # c1 to A 1.33 min, c2 to A 4 min: with 2 minutes at the gate only c1 comes
    Facility.objects.filter(pk=town.places[0].pk).update(entry_minutes=2)
    assert compute(town)[0].totals[0]["served"] == 50


def test_minutes_until_somebody_opens_come_before_the_conversion(town, compute):
    hours = {
        minutes: (run := _with_readiness(town, compute, minutes)).totals[0]["served"]
        and FacilityResult.objects.get(run=run, facility=town.places[0]).hours
        for minutes in (0, 60)
    }
    assert hours == {0: 24, 60: 25}
    # 24 h and 48.1 h of waiting pass the 72 h of the standard: A is late, and nobody is served in time
    late = _with_readiness(town, compute, 48 * 60 + 6)
    assert late.totals[0]["served"] == 0 and late.totals[0]["late"] == 80


def _with_readiness(town, compute, minutes):
    Facility.objects.filter(pk=town.places[0].pk).update(readiness_minutes=minutes)
    return compute(town)[0]


def test_a_place_that_opens_too_late_is_no_help_and_the_run_after_a_plan_agrees(town, compute):
    """The yard's 25 places and D's 15 could close the gap; D converts in 48 h, and nobody opens it for 25 h before."""
    town.roles[3].conversion_cost_fen = 50_000
    town.roles[3].save()
    version = _suggested(town, compute(town)[0])
    assert {row.kind for row in version.interventions.all()} == {"build", "convert"}
    assert Run.objects.get(plan_version=version).totals[0]["served"] == 95
    Facility.objects.filter(pk=town.places[3].pk).update(readiness_minutes=25 * 60)
    version = _suggested(town, compute(town)[0])
    assert [row.kind for row in version.interventions.all()] == ["build"]
    assert version.value == 20 and Run.objects.get(plan_version=version).totals[0]["served"] == 80


def _suggested(town, run):
    version = plans.suggest_plan(
        user=None, city=town.city, runs=[run], budget_fen=500_000, name="p", time_limit_seconds=10
    )
    jobs.perform(version.job.ref)
    version.refresh_from_db()
    assert version.status == "optimal", version.facts
    return version
