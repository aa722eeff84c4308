"""Analyses over the API and by command: ask, follow, read; nobody sees beyond their areas."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from core.models import Job
from core.services import jobs
from planning.services.analyses import start_analysis
from tests.planning.town import SERVICE


@pytest.fixture
def night(town, compute):
    return compute(town)[0]


@pytest.fixture
def program(person):
    def make(*who):
        client = APIClient()
        client.force_authenticate(person(*who))
        return client

    return make


@pytest.fixture
def done(night):
    """`done("loss")`: the reference of a finished analysis."""

    def act(kind, **params):
        analysis, job = start_analysis(user=None, run=night, kind=kind, params=params)
        if job is not None:
            jobs.perform(job.ref)
        return analysis.ref

    return act


def test_an_analysis_is_asked_by_post_followed_as_a_job_and_answered_from_the_store(night, program):
    lin, address = program("lin", "planner"), f"/api/v1/runs/{night.ref}/analyses/"
    answer = lin.post(address, {"kind": "hours", "params": {"hours": [24, 100]}}, format="json")
    assert answer.status_code == 202 and answer["Location"] == f"/api/v1/jobs/{answer.json()['job']['ref']}/"
    jobs.perform(Job.objects.get(kind="analyse").ref)
    said = lin.get(f"/api/v1/analyses/{answer.json()['analysis']}/").json()
    assert said["state"] == "done" and said["facts"]["services"][SERVICE]["served"] == [0, 60, 80]
    again = lin.post(address, {"kind": "hours", "params": {"hours": [100, 24]}}, format="json")
    assert again.status_code == 201 and again.json()["ref"] == said["ref"]
    assert again["Location"] == f"/api/v1/analyses/{said['ref']}/"
    assert [row["ref"] for row in lin.get(address).json()["results"]] == [said["ref"]]


def test_hours_are_listed_by_area_service_and_hour_in_three_formats(done, program):
    lin, ref = program("lin", "planner"), done("hours")
    rows = lin.get(f"/api/v1/analyses/{ref}/hours/", {"area": "T1", "hour": 24, "service": SERVICE}).json()[
        "results"
    ]
    assert [(row["code"], row["hour"], row["need"], row["served"]) for row in rows] == [("T1", 24, 80, 60)]
    lines = b"".join(lin.get(f"/api/v1/analyses/{ref}/hours/", {"format": "csv"}).streaming_content).decode()
    assert len(lines.splitlines()) == 1 + 3 * 5
    drawn = json.loads(
        b"".join(lin.get(f"/api/v1/analyses/{ref}/hours/", {"format": "geojson"}).streaming_content)
    )
    assert drawn["features"][0]["geometry"]["type"] == "MultiPolygon"


def test_areas_and_cells_carry_what_the_analysis_found(done, program):
    lin = program("lin", "planner")
    areas = lin.get(f"/api/v1/analyses/{done('hours', share=0.75)}/areas/", {"level": 2}).json()["results"]
    assert [(row["code"], row["hour_of_share"], row["served_at_72h"]) for row in areas] == [
        ("T1", 24, 60),
        ("T2", None, 0),
    ]
    cells = lin.get(f"/api/v1/analyses/{done('access', method='2sfca')}/cells/").json()["results"]
    assert {row["cell"]: row["score"] for row in cells} == pytest.approx(
        {"c1": 0.75, "c2": 0.75, "c3": 1.5, "c4": 0}
    )
    cells = lin.get(f"/api/v1/analyses/{done('backup')}/cells/", {"area": "T1"}).json()["results"]
    assert [(row["facilities_in_reach"], row["cost_2"]) for row in cells] == [(1, None), (1, None)]
    text = b"".join(
        lin.get(f"/api/v1/analyses/{done('equity')}/areas/", {"format": "csv"}).streaming_content
    ).decode()
    assert "worst_served_need" in text.splitlines()[0]


def test_losses_are_ranked_and_can_be_narrowed_to_single_places(done, program, town):
    lin, ref = program("lin", "planner"), done("loss")
    rows = lin.get(f"/api/v1/analyses/{ref}/losses/", {"pairs": "false", "ordering": "-lost"}).json()[
        "results"
    ]
    assert [(row["facility"], row["served"], row["lost"], row["taken_over"]) for row in rows] == [
        (town.places[0].ref, 60, 60, 0),
        (town.places[1].ref, 0, 0, 0),
    ]
    assert lin.get(f"/api/v1/analyses/{ref}/losses/", {"pairs": "true"}).json()["count"] == 0
    assert lin.get(f"/api/v1/analyses/{ref}/losses/", {"facility": town.places[1].ref}).json()["count"] == 1


@pytest.mark.parametrize("part", ["hours", "losses", "areas", "cells"])
def test_unknown_filters_and_orderings_are_refused(done, program, part):
    lin = program("lin", "planner")
    ref = done("loss" if part == "losses" else "hours")
    assert lin.get(f"/api/v1/analyses/{ref}/{part}/", {"colour": "red"}).json()["code"] == "unknown-filter"
    assert (
        lin.get(f"/api/v1/analyses/{ref}/{part}/", {"ordering": "colour"}).json()["code"]
        == "unknown-ordering"
    )


def test_a_kind_without_such_rows_answers_not_found(done, program):
    lin, ref = program("lin", "planner"), done("equity")
    for part in ("hours", "losses", "cells"):
        assert lin.get(f"/api/v1/analyses/{ref}/{part}/").status_code == 404


def test_a_person_of_one_district_reads_only_its_rows(done, program, town):
    wang = program("wang", "viewer", town.left)
    ref = done("hours")
    assert wang.get(f"/api/v1/analyses/{ref}/").json()["facts"] is None
    assert {row["code"] for row in wang.get(f"/api/v1/analyses/{ref}/hours/").json()["results"]} == {"T1"}
    assert wang.get(f"/api/v1/analyses/{ref}/areas/").json()["count"] == 1
    assert wang.get(f"/api/v1/analyses/{ref}/cells/").json()["count"] == 2
    assert wang.get(f"/api/v1/analyses/{done('loss')}/losses/").json()["count"] == 1


def test_someone_without_a_role_finds_nothing(night, done, program):
    chen, ref = program("chen", ""), done("loss")
    assert chen.get("/api/v1/analyses/").json()["count"] == 0
    for address in (
        f"/api/v1/analyses/{ref}/",
        f"/api/v1/analyses/{ref}/losses/",
        f"/api/v1/runs/{night.ref}/analyses/",
    ):
        assert chen.get(address).status_code == 404
    assert (
        chen.post(f"/api/v1/runs/{night.ref}/analyses/", {"kind": "loss"}, format="json").status_code == 404
    )


def test_a_viewer_may_read_but_not_ask_and_nonsense_is_refused(night, program):
    asked = {"kind": "loss"}
    assert (
        program("he", "viewer").post(f"/api/v1/runs/{night.ref}/analyses/", asked, format="json").status_code
        == 403
    )
    lin = program("lin", "planner")
    answer = lin.post(
        f"/api/v1/runs/{night.ref}/analyses/", {"kind": "access", "params": {"beta": -1}}, format="json"
    )
    assert answer.status_code == 422 and answer.json()["code"] == "setting-out-of-range"
    assert lin.post(f"/api/v1/runs/{night.ref}/analyses/", {"kind": "luck"}, format="json").status_code == 400


@pytest.mark.parametrize("kind", ["hours", "loss", "backup", "access", "equity"])
def test_the_command_asks_and_answers_in_json_and_in_lines(night, town, kind):
    out = StringIO()
    call_command("analyse", night.ref, kind, "--inline", "--json", stdout=out)
    answer = json.loads(out.getvalue())
    assert answer["run"] == night.ref and answer["services"][SERVICE]["need"] in (115, pytest.approx(115))
    out = StringIO()
    call_command("analyse", night.ref, kind, stdout=out)
    assert answer["ref"] in out.getvalue() and len(out.getvalue().splitlines()) > 2


def test_the_command_says_what_is_wrong(night):
    for asked in (
        ["R-0000-0000", "loss"],
        [night.ref, "loss", "--hours", "1"],
        [night.ref, "hours", "--hours", "soon"],
    ):
        with pytest.raises(CommandError):
            call_command("analyse", *asked, "--inline")
