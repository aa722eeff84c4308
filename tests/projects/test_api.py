"""The whole way of a project by the API, and that it is no way round anything."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from projects.models import Case, Release

pytestmark = pytest.mark.django_db
NEW = {
    "city": "town", "name": "文轩体育馆改造", "kind": "convert", "service": "short_fixed_shelter", "longitude": 104.05,
    "latitude": 30.05, "units": 900, "cost_fen": 300_000_000, "investment_code": "2603-510104-04-01-482917",
}  # fmt: skip


def api(user: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def do(user: Any, case: str, task: str, outcome: str, status: int = 200, **more: Any) -> Any:
    said = {"outcome": outcome, "reason": "as seen"} | more
    answer = api(user).post(f"/api/v1/cases/{case}/steps/{task}/", said, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def test_the_whole_way_of_a_project_goes_by_the_api(town, people):
    lin = api(people["lin"])
    project = lin.post("/api/v1/projects/", NEW, format="json").json()
    money = {
        "lines": [{"year": 2026, "source": "local", "amount_fen": 300_000_000}],
        "tranches": [
            {"name": "合同", "amount_fen": 100_000_000},
            {"name": "验收", "amount_fen": 200_000_000},
        ],
    }
    assert lin.put(f"/api/v1/projects/{project['ref']}/money/", money, format="json").status_code == 200
    case = lin.post(
        f"/api/v1/projects/{project['ref']}/submit/", {"route": "verification"}, format="json"
    ).json()
    assert [step["task"] for step in case["steps"] if step["state"] == "open"] == ["completeness"]
    assert len(api(people["reform"]).get("/api/v1/inbox/").json()["results"]) == 1
    assert do(people["wang"], case["ref"], "completeness", "done", 403)["code"] == "forbidden"
    do(people["reform"], case["ref"], "completeness", "done")
    back = do(people["housing"], case["ref"], "housing", "return", items=["疏散图"])
    assert back["state"] == "returned"
    item = back["items"][0]["id"]
    assert lin.post(f"/api/v1/cases/{case['ref']}/resubmit/").json()["code"] == "items-open"
    lin.post(f"/api/v1/cases/{case['ref']}/answer/", {"item": item, "text": "已补"}, format="json")
    assert lin.post(f"/api/v1/cases/{case['ref']}/resubmit/").json()["round"] == 2
    do(people["reform"], case["ref"], "completeness", "done")
    for department in ("natural_resources", "housing", "emergency"):
        do(people[department], case["ref"], department.replace("_", "-"), "agree")
    do(people["reform"], case["ref"], "recommend", "approve")
    done = do(
        people["zhao"],
        case["ref"],
        "decide",
        "conditions",
        conditions=[{"text": "第二水源", "due_on": "2026-12-15"}],
    )
    assert done["state"] == "conditional"
    ask = lin.post(f"/api/v1/projects/{project['ref']}/tranches/1/ask/").json()
    do(people["wang"], ask["ref"], "finance", "approve")
    blocked = do(people["zhao"], ask["ref"], "decide", "approve", 409)
    assert (blocked["code"], "第二水源" in blocked["reasons"][0]) == ("tranche-blocked", True)
    condition = lin.get(f"/api/v1/projects/{project['ref']}/conditions/").json()[0]["id"]
    address = f"/api/v1/projects/{project['ref']}/conditions/{condition}/settle/"
    assert lin.post(address, {"note": "接通"}, format="json").status_code == 403
    assert api(people["wang"]).post(address, {"note": "接通，照片"}, format="json").json()["state"] == "met"
    do(people["zhao"], ask["ref"], "decide", "approve")
    assert Release.objects.get().amount_fen == 100_000_000
    pay = {"tranche": 1, "amount_fen": 40_000_000, "payee": "锦江城投", "paid_on": "2026-11-20", "key": "k1"}
    for _ in range(2):
        paid = (
            api(people["wang"])
            .post(f"/api/v1/projects/{project['ref']}/payments/", pay, format="json")
            .json()
        )
    assert paid["paid_fen"] == 40_000_000
    too_much = api(people["wang"]).post(
        f"/api/v1/projects/{project['ref']}/payments/",
        pay | {"key": "k2", "amount_fen": 70_000_000},
        format="json",
    )
    assert too_much.json()["code"] == "payment-refused"


def test_strangers_see_nothing_and_bad_input_is_told_whole(town, people):
    assert api(people["chen"]).get("/api/v1/projects/").json()["count"] == 0
    wrong = api(people["lin"]).post(
        "/api/v1/projects/", NEW | {"investment_code": "2613-990104-04-01-482917"}, format="json"
    )
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bad-investment-code")
    outside = api(people["lin"]).post("/api/v1/projects/", NEW | {"longitude": 10.0}, format="json")
    assert outside.json()["code"] == "outside-city"
    assert api(people["wang"]).post("/api/v1/projects/", NEW, format="json").status_code == 403


def test_of_two_people_who_act_at_once_the_second_is_told(town, people):
    lin = api(people["lin"])
    project = lin.post("/api/v1/projects/", NEW | {"cost_fen": 0}, format="json").json()
    case = lin.post(f"/api/v1/projects/{project['ref']}/submit/", {"route": "filing"}, format="json").json()
    assert (
        lin.post(f"/api/v1/projects/{project['ref']}/submit/", {"route": "filing"}, format="json").status_code
        == 409
    )
    do(people["reform"], case["ref"], "recommend", "approve")
    assert do(people["reform"], case["ref"], "recommend", "refuse", 409)["code"] == "step-not-open"
    assert Case.objects.count() == 1
