"""Planning over the API: start, follow, read, compare; and nobody sees beyond their areas."""

import json

import pytest
from rest_framework.test import APIClient

from core.models import Job
from core.services import jobs
from planning.models import CostRate, PlanVersion, Run, Scenario
from tests.planning.town import SERVICE


@pytest.fixture
def program(person):
    """`program("lin", "planner", area)`: a client that is signed in as this person."""

    def make(*who):
        client = APIClient()
        client.force_authenticate(person(*who))
        return client

    return make


@pytest.fixture
def done(town, compute):
    return compute(town, ["night", "day"])


def test_a_run_is_started_by_post_and_followed_as_a_job(town, program):
    lin = program("lin", "planner")
    answer = lin.post(
        "/api/v1/runs/",
        {"scenario": town.scenario.ref, "times_of_day": ["night"], "detour_factor": 1},
        format="json",
    )
    assert answer.status_code == 202 and answer["Location"] == f"/api/v1/jobs/{answer.json()['job']['ref']}/"
    jobs.perform(Job.objects.get().ref)
    run = lin.get(f"/api/v1/runs/{answer.json()['runs'][0]}/").json()
    assert run["state"] == "done" and run["totals"][0]["served"] == 60
    again = lin.post(
        "/api/v1/runs/",
        {"scenario": town.scenario.ref, "times_of_day": ["night"], "detour_factor": 1},
        format="json",
    )
    assert again.status_code == 200 and again.json()["runs"] == [run["ref"]]


def test_missing_rates_are_answered_with_422_and_named(town, program):
    Scenario.objects.update(displaced_share=None)
    answer = program("lin", "planner").post("/api/v1/runs/", {"scenario": town.scenario.ref}, format="json")
    assert answer.status_code == 422 and answer.json()["code"] == "run-refused"
    assert {row["code"] for row in answer.json()["missing"]} == {"no_displaced_share"}


def test_results_are_read_by_area_cell_and_facility_in_three_formats(done, program):
    lin, ref = program("lin", "planner"), done[0].ref
    areas = lin.get(f"/api/v1/runs/{ref}/areas/", {"service": SERVICE, "level": 2}).json()["results"]
    assert [(row["code"], row["need"], row["gap"]) for row in areas] == [("T1", 80, 20), ("T2", 35, 35)]
    cells = lin.get(f"/api/v1/runs/{ref}/cells/", {"format": "geojson"})
    features = json.loads(b"".join(cells.streaming_content))["features"]
    assert (
        len(features) == 4
        and features[0]["geometry"]["type"] == "Polygon"
        and features[0]["properties"]["served"] == 50
    )
    lines = (
        b"".join(lin.get(f"/api/v1/runs/{ref}/facilities/", {"format": "csv"}).streaming_content)
        .decode()
        .splitlines()
    )
    assert len(lines) == 5 and "lapsed_agreement" in "\n".join(lines)


@pytest.mark.parametrize(("path", "mine"), [("areas", 1), ("cells", 2), ("facilities", 1)])
def test_a_person_of_one_district_reads_only_its_rows(done, program, town, path, mine):
    wang = program("wang", "viewer", town.left)
    assert wang.get(f"/api/v1/runs/{done[0].ref}/{path}/").json()["count"] == mine
    assert (
        len(
            b"".join(wang.get(f"/api/v1/runs/{done[0].ref}/{path}/", {"format": "csv"}).streaming_content)
            .decode()
            .splitlines()
        )
        == mine + 1
    )
    assert wang.get(f"/api/v1/runs/{done[0].ref}/").json()["totals"][0]["need"] == 80


def test_someone_without_a_role_finds_nothing(done, program, town):
    chen = program("chen", "")
    for noun in ("runs", "scenarios", "population-layers", "snapshots", "plans"):
        assert chen.get(f"/api/v1/{noun}/").json()["count"] == 0
    assert chen.get(f"/api/v1/runs/{done[0].ref}/areas/").status_code == 404
    assert chen.post("/api/v1/runs/", {"scenario": town.scenario.ref}, format="json").status_code == 404


def test_a_viewer_may_read_but_not_start(done, program, town):
    he = program("he", "viewer")
    assert he.get("/api/v1/runs/").json()["count"] == 2
    assert he.post("/api/v1/runs/", {"scenario": town.scenario.ref}, format="json").status_code == 403


def test_why_names_the_sum_and_what_helps(done, program, town):
    lin = program("lin", "planner")
    why = lin.get(f"/api/v1/runs/{done[0].ref}/why/", {"area": "T1", "service": SERVICE}).json()
    assert why["need"] == 80 and why["people"] * why["share"] * why["ratio"] == pytest.approx(80)
    assert [row["facility"] for row in why["roles"]] == [town.places[0].ref]
    assert why["helps"][0]["idle_asset"] == town.yard.ref and why["helps"][0]["here"] == 20
    assert (
        program("wu", "viewer", town.right)
        .get(f"/api/v1/runs/{done[0].ref}/why/", {"area": "T1", "service": SERVICE})
        .status_code
        == 404
    )


def test_a_plan_is_asked_for_read_compared_edited_and_frozen(done, program, town):
    CostRate.objects.create(
        service=town.service,
        kind="stock",
        fixed_fen=5_000,
        per_unit_fen=100,
        hours=24,
        source="worked example",
    )
    lin = program("lin", "planner")
    ask = {
        "city": "town",
        "name": "方案",
        "runs": [run.ref for run in done],
        "budget_fen": 200_000,
        "time_limit_seconds": 5,
    }
    answer = lin.post("/api/v1/plans/", ask, format="json")
    assert answer.status_code == 202
    base = f"/api/v1/plans/{answer.json()['plan']}/versions/{answer.json()['version']}/"
    jobs.perform(answer.json()["job"]["ref"])
    version = lin.get(base).json()
    assert (
        version["state"] == "draft"
        and version["cost_fen"] <= 200_000
        and version["bound"] >= version["value"]
    )
    steps = lin.get(f"{base}interventions/").json()["results"]
    assert {step["kind"] for step in steps} == {"stock", "build"}
    assert all(step["need_newly_served"] == step["people_newly_served"] == 20 for step in steps)
    rows = lin.get(f"{base}before-after/").json()["rows"]
    west = next(row for row in rows if row["area"] == "T1" and row["run"] == done[0].ref)
    assert (west["before"]["gap"], west["after"]["gap"]) == (20, 0)
    assert lin.post("/api/v1/plans/", ask, format="json").status_code == 200
    edited = lin.post(f"{base}edit/", {"remove": [1]}, format="json")
    assert edited.status_code == 202 and edited.json()["version"] == 2
    jobs.perform(edited.json()["job"]["ref"])
    assert PlanVersion.objects.get(number=2).interventions.count() == 1
    assert lin.post(f"{base}freeze/").json()["state"] == "frozen"
    assert lin.post(f"{base}freeze/").status_code == 409


def test_scenarios_are_written_against_their_version(town, program):
    lin = program("lin", "planner")
    ref = town.scenario.ref
    first = lin.get(f"/api/v1/scenarios/{ref}/")
    changed = lin.patch(
        f"/api/v1/scenarios/{ref}/", {"displaced_share": 0.2}, format="json", HTTP_IF_MATCH=first["ETag"]
    )
    assert (
        changed.status_code == 200
        and changed.json()["version"] == 2
        and changed.json()["displaced_share"] == 0.2
    )
    late = lin.patch(
        f"/api/v1/scenarios/{ref}/", {"displaced_share": 0.3}, format="json", HTTP_IF_MATCH=first["ETag"]
    )
    assert late.status_code == 412
    assert (
        lin.patch(
            f"/api/v1/scenarios/{ref}/", {"displaced_share": 1.5}, format="json", HTTP_IF_MATCH="*"
        ).status_code
        == 400
    )
    new = {
        "city": "town",
        "name": "洪水",
        "hazard": "flood",
        "services": [SERVICE],
        "times_of_day": ["day"],
        "areas": ["T1"],
        "extent": "areas",
    }
    made = lin.post("/api/v1/scenarios/", new, format="json")
    assert made.status_code == 201 and made.json()["areas"] == ["T1"]
    copied = lin.post(f"/api/v1/scenarios/{made.json()['ref']}/copy/", {"name": "另一"}, format="json")
    assert copied.status_code == 201 and copied.json()["areas"] == ["T1"] and copied.json()["version"] == 1


def test_a_scenario_of_chosen_areas_needs_only_there(town, compute):
    town.scenario.extent = "areas"
    town.scenario.save()
    town.scenario.areas.set([town.left])
    run = compute(town)[0]
    assert run.totals[0]["need"] == 80 and run.totals[0]["people"] == 230


def test_unknown_references_are_refused_in_words(town, program):
    lin = program("lin", "planner")
    bad = {"city": "town", "name": "x", "runs": ["R-0"], "budget_fen": 1}
    assert lin.post("/api/v1/plans/", bad, format="json").json()["code"] == "unknown-run"
    scenario = {
        "city": "town",
        "name": "x",
        "hazard": "flood",
        "services": [SERVICE],
        "times_of_day": ["day"],
        "areas": ["nowhere"],
    }
    assert lin.post("/api/v1/scenarios/", scenario, format="json").status_code == 400
    assert Run.objects.count() == 0
