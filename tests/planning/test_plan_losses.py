"""If one place fails, in the hand-worked town: today against with the plan, equal to scoring the city without the place."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from core.errors import DomainError
from core.services import jobs
from planning.models import Analysis
from planning.services import plan_losses
from tests.planning.test_plans import suggested
from tests.planning.town import SERVICE


@pytest.fixture
def version(priced, compute):
    return suggested(priced, compute(priced), 70_000)


def started(version: Any) -> None:
    for job in plan_losses.start_losses(user=None, version=version):
        jobs.perform(job.ref)
        job.refresh_from_db()
        assert job.state == "done", job.error


def losses(version: Any, priced: Any, user: Any = None) -> Any:
    return plan_losses.losses_of(user=user, version=version, service=priced.service)


def test_each_place_is_told_with_what_its_loss_costs_today_and_with_the_plan(version, priced):
    assert not losses(version, priced).ready
    started(version)
    told = losses(version, priced)
    assert told.ready
    sides = {
        one.place.name_en: (
            one.today.lost if one.today else None,
            one.planned.lost if one.planned else None,
            one.changed,
        )
        for one in told.places
    }
    # Today only A serves: 60, nobody takes over. With the plan A serves 80, B 20 and C 15, each alone in reach.
    assert sides == {"Place 1": (60, 80, True), "Place 2": (0, 20, True), "Place 3": (None, 15, True)}
    assert told.critical(False) == 1 and told.critical(True) == 3
    assert told.worst(True).place.name_en == "Place 1" and told.worst(True).planned.people == 80
    assert plan_losses.start_losses(user=None, version=version) == []


def test_a_place_the_plan_builds_on_idle_land_is_lost_too(priced, compute):
    version = suggested(priced, compute(priced), 200_000, kinds=["build", "convert"])
    started(version)
    told = losses(version, priced)
    yard = next(one for one in told.places if not one.is_facility)
    # 25 go to the yard of whom 5 find room at A, where 10 had gone before: A has 5 left of its 60.
    assert yard.place == priced.yard and yard.today is None and yard.planned.served == 25
    assert yard.planned.lost == 20 and yard.changed


def test_a_run_that_is_no_baseline_is_refused(version, priced):
    with pytest.raises(DomainError) as refused:
        plan_losses.start_losses(user=None, version=version, run="R-0")
    assert refused.value.code == "unknown-run"


def test_the_api_starts_and_tells(version, priced, person):
    client, address = APIClient(), f"/api/v1/plans/{version.plan.ref}/versions/1/losses/"
    client.force_authenticate(person("lin", "planner"))
    assert client.get(address, {"service": SERVICE}).json()["ready"] is False
    answer = client.post(address, {}, format="json")
    assert answer.status_code == 202 and len(answer.json()["jobs"]) == 2
    for ref in answer.json()["jobs"]:
        jobs.perform(ref)
    assert client.post(address, {}, format="json").status_code == 200
    said = client.get(address, {"service": SERVICE}).json()
    assert said["ready"] and said["critical_with_plan"] == 3
    assert said["places"][0]["with_plan"] == {"lost": 80, "served": 80, "people": 80}
    assert client.get(address, {"service": "nothing"}).status_code == 404
    assert client.get(address, {"service": SERVICE, "run": "R-0"}).status_code == 404
    client.force_authenticate(person("chen", ""))
    assert client.get(address, {"service": SERVICE}).status_code == 404
    client.force_authenticate(person("zhao", "approver"))
    assert client.post(address, {}, format="json").status_code == 403


def test_a_planner_of_one_district_sees_only_its_places(version, priced, person):
    started(version)
    seen = losses(version, priced, person("east", "planner", priced.right))
    assert {one.place.name_en for one in seen.places} == {"Place 2", "Place 3"}


def test_the_command_prints_the_same(version):
    out = StringIO()
    call_command(
        "plan_losses",
        version.plan.ref,
        "--service",
        SERVICE,
        "--inline",
        "--json",
        stdout=out,
        stderr=StringIO(),
    )
    said = json.loads(out.getvalue())
    assert said["ready"] and said["places"][0]["with_plan"]["lost"] == 80 and Analysis.objects.count() == 2
    for wrong in (
        ["--service", "x"],
        ["--service", SERVICE, "--run", "R-0"],
        ["--service", SERVICE, "--number", "7"],
    ):
        with pytest.raises(CommandError):
            call_command("plan_losses", version.plan.ref, *wrong, stdout=StringIO())


def test_the_page_starts_and_shows(version, priced, person):
    client = Client()
    client.force_login(person("lin", "planner"))
    address = f"/plans/{version.plan.ref}/losses/"
    page = client.get(address).content
    assert b"Lose each place once" in page
    run = version.baseline_runs.get().ref
    sent = client.post(address + "start/", {"version": 1, "run": run, "service": SERVICE})
    assert sent.status_code == 302
    for analysis in Analysis.objects.all():
        jobs.perform(analysis.job.ref)
    page = client.get(sent["Location"]).content.decode()
    assert 'id="loss-table"' in page and "Place 1" in page and "1 → 3" in page
