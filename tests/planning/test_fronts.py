"""Trade-offs of a plan in the hand-worked town: points are true, one becomes a version, rights hold."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from core.errors import DomainError
from core.services import jobs
from planning.choices import VersionState
from planning.models import Front, PlanVersion
from planning.services import fronts
from planning.services.plan_freeze import freeze_version
from tests.planning.test_plans import suggested


@pytest.fixture
def version(priced, compute):
    return suggested(priced, compute(priced), 70_000)


def found(version: Any, **more: Any) -> Front:
    front = fronts.start_front(user=None, version=version, time_limit_seconds=5, **more)
    if front.state == VersionState.COMPUTING:
        jobs.perform(front.job.ref)
        front.job.refresh_from_db()
        assert front.job.state == "done", front.job.error
    front.refresh_from_db()
    return front


def test_every_point_says_what_a_version_of_it_is_worth(version):
    front = found(version)
    assert front.state == VersionState.DRAFT and front.engine_version and front.seconds
    told = {(one["cost_fen"], one["value"]) for one in front.points}
    # Stock 8,000: 20. Stock and renew 28,000: 35. Stock and extend 48,000: 40. All three 68,000: 55.
    assert {(8_000, 20.0), (28_000, 35.0), (48_000, 40.0), (68_000, 55.0)} <= told
    assert all(one["value"] <= one["bound"] + 1e-9 and one["cost_fen"] <= 70_000 for one in front.points)
    images = [
        (-one["cost_fen"], one["value"], one["worst_share"], one["peacetime_fen_year"])
        for one in front.points
    ]
    for one in images:
        assert not any(
            other != one and all(a >= b for a, b in zip(other, one, strict=True)) for other in images
        )
    # West needs 80 of which 60 are served today; East 35, nobody served.
    assert front.facts["worst_share_before"] == 0
    every = next(one for one in front.points if one["cost_fen"] == 68_000)
    assert every["shares"] == dict.fromkeys(every["shares"], 1.0) and len(every["shares"]) == 2
    assert set(front.facts["places"]) == {key for one in front.points for key in one["keys"]}


def test_a_point_picked_is_a_draft_with_exactly_its_places_and_its_value(version):
    front = found(version)
    point = next(one for one in front.points if one["cost_fen"] == 28_000)
    made = fronts.pick_point(user=None, front=front, point=point["number"])
    assert fronts.pick_point(user=None, front=front, point=point["number"]) == made
    jobs.perform(made.job.ref)
    made.refresh_from_db()
    assert made.state == VersionState.DRAFT and sorted(made.facts["keys"]) == sorted(point["keys"])
    assert made.value == pytest.approx(point["value"]) and made.cost_fen == point["cost_fen"]
    # Its money is its cost, and what was proved at that cost is its bound.
    assert made.budget_fen == point["cost_fen"] and made.bound == pytest.approx(point["bound"])
    assert made.gap == pytest.approx(point["gap"], abs=1e-9)
    assert made.facts["front"] == front.ref and made.facts["front_point"] == point["number"]
    freeze_version(user=None, version=made)
    assert fronts.pick_point(user=None, front=front, point=point["number"]) == made
    own = next(one for one in front.points if one["cost_fen"] == 68_000)
    assert fronts.pick_point(user=None, front=front, point=own["number"]) == version
    with pytest.raises(DomainError) as refused:
        fronts.pick_point(user=None, front=front, point=999)
    assert refused.value.code == "unknown-point"


def test_the_same_question_is_answered_from_the_store(version):
    front = found(version)
    assert found(version) == front and Front.objects.count() == 1
    assert found(version, budget_fen=200_000) != front
    # Everybody is served for 68,000, so no dearer plan stands unbeaten; it is the version's own change-set.
    dear = Front.objects.order_by("-id").first()
    assert max(one["cost_fen"] for one in dear.points) == 68_000


def test_ending_early_is_asked_once_and_only_of_what_runs(version):
    front = fronts.start_front(user=None, version=version, time_limit_seconds=5)
    fronts.finish_front(user=None, front=front)
    front = fronts.finish_front(user=None, front=front)
    assert front.facts["finish"] is True
    jobs.perform(front.job.ref)
    front.refresh_from_db()
    assert front.state == VersionState.DRAFT and front.facts["stopped"] is True and front.points
    with pytest.raises(DomainError):
        fronts.finish_front(user=None, front=front)


def test_a_front_whose_job_is_cancelled_says_so(version):
    front = fronts.start_front(user=None, version=version, time_limit_seconds=5)
    jobs.cancel(user=None, job=front.job)
    jobs.perform(front.job.ref)
    front.refresh_from_db()
    assert front.state == VersionState.FAILED and front.facts["failure"]


def test_bad_settings_are_refused(version):
    for more in ({"budget_fen": 0}, {"budget_fen": 10**18}, {"time_limit_seconds": 0}):
        with pytest.raises(DomainError):
            fronts.start_front(user=None, version=version, **more)
    PlanVersion.objects.filter(pk=version.pk).update(state=VersionState.FAILED)
    version.refresh_from_db()
    with pytest.raises(DomainError):
        fronts.start_front(user=None, version=version)


# --- API, command, page -------------------------------------------------------------------------------------------------


def api_of(user: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def test_the_api_starts_reads_and_picks(version, person):
    lin, address = api_of(person("lin", "planner")), f"/api/v1/plans/{version.plan.ref}/versions/1/fronts/"
    answer = lin.post(address, {"time_limit_seconds": 5}, format="json")
    assert answer.status_code == 202 and answer["Location"].startswith("/api/v1/jobs/")
    ref = answer.json()["front"]
    jobs.perform(answer.json()["job"]["ref"])
    assert lin.post(address, {"time_limit_seconds": 5}, format="json").status_code == 200
    assert lin.get(address).json()["results"][0]["ref"] == ref
    said = lin.get(f"/api/v1/fronts/{ref}/").json()
    assert (
        said["state"] == "done"
        and said["count"] == len(said["points"])
        and said["points"][0]["interventions"][0]["lon"]
    )
    picked = lin.post(f"/api/v1/fronts/{ref}/pick/", {"point": 1}, format="json")
    assert picked.status_code == 202 and picked.json()["version"] == 2
    assert lin.get(f"/api/v1/fronts/{ref}/").json()["points"][0]["made"] == 2
    assert lin.post(f"/api/v1/fronts/{ref}/pick/", {"point": 99}, format="json").status_code == 404
    assert lin.post(f"/api/v1/fronts/{ref}/finish/").status_code == 409
    assert lin.post(address, {"time_limit_seconds": 0}, format="json").status_code == 422


def test_rights(version, person, priced):
    front, address = found(version), f"/api/v1/plans/{version.plan.ref}/versions/1/fronts/"
    wang = api_of(person("wang", "reviewer"))
    assert wang.get(f"/api/v1/fronts/{front.ref}/").status_code == 200
    assert wang.post(address, {}, format="json").status_code == 403
    assert wang.post(f"/api/v1/fronts/{front.ref}/pick/", {"point": 1}, format="json").status_code == 403
    assert wang.post(f"/api/v1/fronts/{front.ref}/finish/").status_code == 403
    # Its figures are of the whole city: whoever sees one district only sees none of them.
    east = api_of(person("east", "planner", priced.right))
    assert (
        east.get(f"/api/v1/fronts/{front.ref}/").status_code == 404
        and east.get(address).json()["results"] == []
    )
    assert api_of(person("chen", "")).get(address).status_code == 404
    client = Client()
    client.force_login(person("west", "planner", priced.left))
    page = client.get(f"/plans/{version.plan.ref}/trade-offs/")
    assert (
        page.status_code == 200
        and b"your account sees a part" in page.content
        and b"front-config" not in page.content
    )


def test_the_command_finds_and_picks(version):
    out = StringIO()
    call_command(
        "front", version.plan.ref, "--seconds", "5", "--inline", "--json", stdout=out, stderr=StringIO()
    )
    said = json.loads(out.getvalue())
    assert {one["cost_fen"] for one in said["points"]} >= {8_000, 28_000, 68_000}
    number = next(one["number"] for one in said["points"] if one["cost_fen"] == 8_000)
    out = StringIO()
    call_command(
        "front", version.plan.ref, "--number", "1", "--seconds", "5", "--pick", str(number), "--inline", "--json",
        stdout=out, stderr=StringIO(),
    )  # fmt: skip
    assert json.loads(out.getvalue())["cost_fen"] == 8_000
    for wrong in (
        ["--budget-yuan", "x"],
        ["--number", "9"],
        ["--number", "1", "--seconds", "5", "--pick", "99"],
    ):
        with pytest.raises(CommandError):
            call_command("front", version.plan.ref, *wrong, "--inline", stdout=StringIO(), stderr=StringIO())


def test_the_page_starts_shows_and_picks(version, person):
    client = Client()
    client.force_login(person("lin", "planner"))
    address = f"/plans/{version.plan.ref}/trade-offs/"
    assert b"Look for plans" in client.get(address).content
    wrong = client.post(address + "start/", {"version": 1, "budget": "x", "time_limit_seconds": "1"})
    assert wrong.status_code == 422 and b"Please check" in wrong.content
    sent = client.post(address + "start/", {"version": 1, "budget": "0.0007", "time_limit_seconds": "5"})
    assert sent.status_code == 302
    front = Front.objects.get()
    assert b"Stop and keep what is found" in client.get(sent["Location"]).content
    jobs.perform(front.job.ref)
    page = client.get(sent["Location"]).content.decode()
    assert "none of them beaten by another" in page and 'id="front-table"' in page
    picked = client.post(address + "pick/", {"version": 1, "front": front.ref, "point": "1"})
    assert picked.status_code == 302 and picked["Location"].endswith("?version=2")
    assert client.post(address + "pick/", {"version": 1, "front": "TF-0", "point": "1"}).status_code == 404
