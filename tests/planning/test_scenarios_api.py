"""Scenarios on the API: every field, versions, preview, and answers that name everything that is wrong."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from core.models import City
from planning.models import Run, Scenario
from tests.planning.town import SERVICE, box

pytestmark = pytest.mark.django_db
BASE = "/api/v1/scenarios/"


@pytest.fixture
def program(person: Any) -> Any:
    def sign_in(name: str = "lin", role: str = "planner", area: Any = None) -> APIClient:
        client = APIClient()
        client.force_authenticate(person(name, role, area))
        return client

    return sign_in


def ground(x0: float, x1: float) -> dict[str, Any]:
    return json.loads(box(x0, -100, x1, 100).json)


def told(**more: Any) -> dict[str, Any]:
    return {
        "city": "town", "name": "暴雨", "hazard": "flood", "services": [SERVICE], "times_of_day": ["night"], "extent": "drawn",
        "drawn": ground(-60, 460), "affected_share": 0.5, "displaced_share": 0.25,
    } | more  # fmt: skip


def test_every_field_is_written_and_read_back(town: Any, program: Any) -> None:
    lin = program()
    more = {
        "seeking_share": 0.8, "rate_facts": {"displaced_share": {"low": 0.2, "high": 0.3, "source": "survey", "clause": "2", "certainty": "B"}},
        "population_layers": {"night": "night"}, "duration_hours": 240.0, "stay_shares": {"d4_15": 0.5}, "multipliers": {SERVICE: 1.5},
        "close_from_severity": 2, "closed_facilities": ["FA-90001"], "notes": "why", "rate_source": "plan", "rate_certainty": "C",
    }  # fmt: skip
    made = lin.post(BASE, told(**more, note="first"), format="json")
    assert made.status_code == 201 and made["ETag"] == '"1"', made.json()
    answer = lin.get(made["Location"]).json()
    assert {name: answer[name] for name in more} == more
    assert answer["drawn"]["type"] == "MultiPolygon" and answer["template"] == "custom"
    changed = lin.patch(made["Location"], {"drawn": None, "extent": "everywhere", "note": "wider"}, format="json", HTTP_IF_MATCH='"1"')  # fmt: skip
    assert changed.status_code == 200 and changed.json()["drawn"] is None and changed["ETag"] == '"2"'


def test_one_answer_lists_every_problem_by_field(town: Any, program: Any) -> None:
    bad = told(affected_share=1.5, services=["nothing"], multipliers={"x": 2}, drawn=ground(90_000, 91_000))
    answer = program().post(BASE, bad, format="json")
    assert answer.status_code == 400 and answer["Content-Type"] == "application/problem+json"
    found = answer.json()
    assert found["code"] == "bad-scenario"
    assert {one["column"] for one in found["problems"]} == {
        "affected_share",
        "services",
        "multipliers.x",
        "drawn",
    }
    nobody = program("wu").post(BASE, told(drawn=ground(1500, 2500)), format="json")
    assert nobody.status_code == 422 and nobody.json()["problems"][0]["code"] == "nobody_inside"
    assert Scenario.objects.count() == 1


def test_versions_are_listed_compared_and_restored(town: Any, program: Any) -> None:
    lin = program()
    address = lin.post(BASE, told(note="first"), format="json")["Location"]
    lin.patch(address, {"displaced_share": 0.4, "note": "more"}, format="json", HTTP_IF_MATCH="*")
    listed = lin.get(f"{address}versions/").json()["results"]
    assert [(one["version"], one["note"], one["created_by"]) for one in listed] == [(2, "more", "lin"), (1, "first", "lin")]  # fmt: skip
    assert lin.get(f"{address}versions/1/").json()["document"]["displaced_share"] == 0.25
    changes = lin.get(f"{address}versions/2/changes/").json()
    assert changes == {"older": 1, "newer": 2, "changes": [{"field": "displaced_share", "before": 0.25, "after": 0.4}]}  # fmt: skip
    assert lin.post(f"{address}versions/1/restore/", {}, format="json").status_code == 428
    assert (
        lin.post(f"{address}versions/1/restore/", {}, format="json", HTTP_IF_MATCH='"1"').status_code == 412
    )
    restored = lin.post(f"{address}versions/1/restore/", {}, format="json", HTTP_IF_MATCH='"2"')
    assert restored.status_code == 200 and restored.json()["version"] == 3
    assert restored.json()["displaced_share"] == 0.25
    assert lin.get(f"{address}versions/9/").status_code == 404


def test_the_preview_counts_without_storing(town: Any, program: Any) -> None:
    lin = program()
    answer = lin.post(f"{BASE}preview/", told(), format="json")
    assert answer.status_code == 200, answer.json()
    found = answer.json()
    night = next(row for row in found["chains"] if row["time_of_day"] == "night")
    assert (night["inside"], night["displaced"]["mid"], found["need"][0]["by_time"]) == (
        160,
        20,
        {"night": 20},
    )
    half = lin.post(f"{BASE}preview/", {"city": "town", "extent": "areas", "areas": ["T2"]}, format="json")
    assert half.json()["people"] == 70
    assert Scenario.objects.count() == 1 and not Run.objects.exists()


def test_another_citys_scenarios_are_not_there(town: Any, program: Any) -> None:
    lin = program()
    address = lin.post(BASE, told(), format="json")["Location"]
    city = City.objects.create(code="other", name="他市", bounds=town.city.bounds)
    Scenario.objects.filter(pk=town.scenario.pk).update(city=city)
    ref = town.scenario.ref
    for path in ("", "versions/", "versions/1/", "versions/1/changes/"):
        assert lin.get(f"{BASE}{ref}/{path}").status_code == 404
    assert lin.post(f"{BASE}preview/", told(city="other"), format="json").status_code == 404
    viewer = program("he", "viewer")
    assert viewer.get(f"{address}versions/").status_code == 200
    assert (
        viewer.post(f"{address}versions/1/restore/", {}, format="json", HTTP_IF_MATCH="*").status_code == 403
    )
    assert viewer.post(f"{BASE}preview/", told(), format="json").status_code == 403
