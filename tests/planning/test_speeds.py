"""Speeds are data: a run freezes the profile it is asked with, and the source's own speeds are never overridden."""

import json
from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command

from planning.bridge.asked import frozen_of, question_of
from planning.bridge.roads import road_state, speeds_at
from planning.models import SpeedProfile, SpeedRule, Standard, StandardProfile
from planning.services.reference import load_reference
from tests.planning.streets import add_streets
from tests.planning.town import publish


def profile(code="slow", rules=(), **fields):
    made = SpeedProfile.objects.create(
        code=code,
        name="慢",
        name_en="Slow",
        walk_source="worked example",
        **({"walk_m_per_min": 60} | fields),
    )
    for road_class, time_of_day, kmh, factor in rules:
        SpeedRule.objects.create(
            profile=made, road_class=road_class, time_of_day=time_of_day, kmh=kmh, factor=factor, source="worked example"
        )  # fmt: skip
    return made


@pytest.fixture
def streets(town):
    add_streets(town)
    Standard.objects.update(reach_unit="min", reach_limit=8)
    town.scenario.refresh_from_db()
    return town


def state_of(run):
    return road_state(frozen_of(run), question_of(run))


def test_walking_speed_comes_from_the_profile_and_is_frozen_with_the_run(streets, compute):
    # 550 m: 7.33 min at 75 m/min, 9.17 min at 60 m/min
    plain = compute(streets)[0]
    assert plain.speeds_frozen == {} and plain.speed_profile is None and plain.totals[0]["late"] == 30
    slow = profile()
    run = compute(streets, speed_profile=slow)[0]
    assert run.totals[0]["late"] == 20 and run.speeds_frozen["walk_m_per_min"] == 60
    SpeedProfile.objects.update(walk_m_per_min=90)
    run.refresh_from_db()
    assert state_of(run).walk_m_per_min == 60
    assert compute(streets, speed_profile=SpeedProfile.objects.get())[0].pk != run.pk


def test_the_default_profile_is_taken_when_none_is_named(streets, compute):
    chosen = profile(is_default=True)
    assert compute(streets)[0].speed_profile == chosen


def test_speeds_that_a_source_gives_are_kept_and_only_multiplied(streets, compute):
    run = compute(streets, speed_profile=profile(rules=[("main", "", 50, 1), ("*", "night", None, 0.5)]))[0]
    graph = state_of(run).graph
    # 30 km/h in the source, halved at night for every class
    assert set(np.asarray(graph.speed_ab_kmh).tolist()) == {15.0}
    day = compute(streets, ["day"], speed_profile=SpeedProfile.objects.get())[0]
    assert set(np.asarray(state_of(day).graph.speed_ab_kmh).tolist()) == {30.0}


def test_kmh_of_a_class_stand_in_where_no_source_gave_a_speed(town, compute):
    add_streets(town, assumed=True)
    run = compute(town, speed_profile=profile(rules=[("main", "", 50, 0.8), ("*", "", 20, 1)]))[0]
    graph = state_of(run).graph
    by_class = {
        klass: set(np.asarray(graph.speed_ab_kmh)[np.asarray(graph.klass) == klass].tolist())
        for klass in (0, 1)
    }
    assert by_class == {0: {40.0}, 1: {20.0}}


def test_a_class_and_a_time_of_day_say_more_than_all_and_always():
    rules = [("*", "", 20, 0.9), ("main", "", 50, 1.0), ("*", "day", None, 0.7), ("main", "day", None, 0.5)]
    said = {
        "rules": [
            {"road_class": name, "time_of_day": time, "kmh": kmh, "factor": factor}
            for name, time, kmh, factor in rules
        ]
    }
    kmh, factor = speeds_at(said, "day", ("main", "lane"))
    assert kmh.tolist() == [50, 20] and factor.tolist() == [0.5, 0.7]
    kmh, factor = speeds_at(said, "night", ("main", "lane"))
    assert kmh.tolist() == [50, 20] and factor.tolist() == [1.0, 0.9]
    kmh, factor = speeds_at({}, "night", ("main",))
    assert np.isnan(kmh).all() and factor.tolist() == [1.0]


def test_roads_keep_their_key_while_nothing_about_their_times_changes(streets, compute):
    plain = state_of(compute(streets)[0])
    same = state_of(
        compute(streets, speed_profile=profile("same", [("main", "", 50, 1)], walk_m_per_min=75))[0]
    )
    other = state_of(compute(streets, speed_profile=profile("other", walk_m_per_min=76))[0])
    assert same.key == plain.key != other.key


def test_driving_takes_longer_where_the_profile_slows_the_roads(streets, compute):
    Standard.objects.update(mode="drive", reach_limit=2)
    fast = compute(streets)[0]
    slow = compute(streets, speed_profile=profile(rules=[("*", "", None, 0.1)], walk_m_per_min=75))[0]
    reached = {run.pk: sum(run.facts["pairs_in_reach"].values()) for run in (fast, slow)}
    assert reached[slow.pk] < reached[fast.pk]


def test_the_speeds_of_a_fresh_installation_change_no_source_speed(streets, compute):
    plain = compute(streets)[0]
    StandardProfile.objects.update(is_default=False)
    load_reference()
    run = compute(streets, profile=streets.profile)[0]
    assert run.speed_profile.is_default and run.totals == plain.totals
    assert state_of(run).key == state_of(plain).key


def test_a_run_is_asked_with_speeds_by_api_and_command_and_its_page_says_them(
    streets, person, client, compute
):
    profile(rules=[("main", "night", 50, 0.5)])
    out = StringIO()
    call_command(
        "score", "--city", "town", "--time", "night", "--speeds", "slow", "--inline", "--json", stdout=out
    )
    ref = json.loads(out.getvalue())["runs"][0]["ref"]
    client.force_login(person("lin", "planner"))
    told = client.get(f"/api/v1/runs/{ref}/").json()
    assert told["speed_profile"] == "slow" and told["speeds_frozen"]["rules"][0]["factor"] == 0.5
    page = client.get(f"/runs/{ref}/").content.decode()
    assert "Slow" in page and "on foot 60 m/min" in page
    sent = {"scenario": streets.scenario.ref, "times_of_day": ["night"], "speed_profile": "none-such"}
    assert client.post("/api/v1/runs/", sent, content_type="application/json").status_code == 400
    found = client.get("/api/v1/speed-profiles/").json()["results"]
    assert found[0]["code"] == "slow" and found[0]["rules"][0]["kmh"] == 50
    listed = client.get("/standards/").content.decode()
    assert "Slow" in listed and "worked example" in listed


def test_the_map_offers_the_speeds_and_runs_with_the_chosen_one(streets, compute, person, client):
    profile(is_default=True, walk_m_per_min=75)
    profile("slow-walk")
    publish(streets.profile)
    first = compute(streets)[0]
    client.force_login(person("lin", "planner"))
    page = client.get(f"/map/?run={first.ref}").content.decode()
    assert 'name="speeds"' in page and '<option value="slow" selected>' in page
    sent = {
        "scenario": streets.scenario.ref, "profile": "worked", "service": "short_fixed_shelter", "time_of_day": "night",
        "assignment": "nearest", "speeds": "slow-walk",
    }  # fmt: skip
    client.post("/map/run/", sent)
    assert streets.scenario.runs.order_by("-id").first().speed_profile.code == "slow-walk"
