"""A program: its token is made and revoked in the browser; between the two it reads, writes and waits for a job."""

import time
from typing import Any

import pytest
from playwright.sync_api import expect

from core.models import ApiToken
from planning.models import Run
from tests.planning.town import SERVICE


class Answer:
    def __init__(self, raw: Any) -> None:
        self.status_code, self.headers = raw.status, raw.headers
        self.content, self.text, self.json = raw.body(), raw.text(), raw.json


class Program:
    """Another system: a token and addresses, no session and no page."""

    def __init__(self, browser: Any, base: str, key: str) -> None:
        self.base, self.token = base, {"Authorization": f"Bearer {key}"}
        self.request = browser.new_context().request

    def __call__(
        self, method: str, path: str, json: Any = None, headers: Any = None, data: Any = None
    ) -> Answer:
        address = path if path.startswith("http") else self.base + path
        return Answer(
            self.request.fetch(
                address, method=method, data=data if json is None else json, headers={**self.token, **(headers or {})}
            )
        )  # fmt: skip


def test_a_program_runs_a_scenario_and_reads_the_answer(
    town: Any, at_work: Any, person: Any, open_page: Any, axe: Any, live_server: Any, browser: Any
) -> None:
    page = open_page(user=person("lin", "planner"))
    page.goto("/developers/")
    assert axe(page) == []
    page.goto("/account/tokens/")
    page.locator("#id_name").fill("warehouse system")
    page.locator("[name=can_write]").check()
    page.get_by_role("button", name="Make a token").click()
    key = page.locator("[data-copy]").get_attribute("data-copy")
    page.goto("/account/tokens/")
    expect(page.locator("main")).not_to_contain_text(key)
    ask = Program(browser, live_server.url, key)

    # what may be asked is described, and every list of it answers
    schema = ask("GET", "/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"}).json()
    for path, acts in schema["paths"].items():
        if "get" in acts and "{" not in path:
            answer = ask("GET", path)
            must = [
                one
                for one in acts["get"].get("parameters", [])
                if one["in"] == "query" and one.get("required")
            ]
            expected = 403 if path in ("/api/v1/audit/", "/api/v1/webhooks/") else 400 if must else 200
            assert answer.status_code == expected, (path, answer.text[:300])

    # 202, a job to follow, the same answer to the same question
    body = {"city": "town", "scenario": "S-90001", "times_of_day": ["night"], "detour_factor": 1.0}
    started = ask("POST", "/api/v1/runs/", json=body, headers={"Idempotency-Key": "first"})
    assert started.status_code == 202, started.text
    again = ask("POST", "/api/v1/runs/", json=body, headers={"Idempotency-Key": "first"})
    assert again.json()["runs"] == started.json()["runs"] and Run.objects.count() == 1
    deadline = time.monotonic() + 15
    while not (job := ask("GET", started.headers["location"]).json())["over"]:
        assert time.monotonic() < deadline, job
        time.sleep(0.3)
    assert job["state"] == "done", job

    # four states that add up at every level, as JSON, CSV and GeoJSON
    ref = started.json()["runs"][0]
    rows = ask("GET", f"/api/v1/runs/{ref}/areas/?service={SERVICE}&ordering=-need").json()["results"]
    assert [row["need"] for row in rows] == sorted((row["need"] for row in rows), reverse=True)
    for row in rows:
        assert row["need"] == row["served"] + row["late"] + row["no_room"] + row["out_of_reach"]
    by_code = {row["code"]: row["need"] for row in rows}
    assert by_code["T"] == by_code["T1"] + by_code["T2"] == 115
    cells = ask("GET", f"/api/v1/runs/{ref}/cells/?service={SERVICE}").json()["results"]
    assert sum(row["need"] for row in cells) == 115
    table = ask("GET", f"/api/v1/runs/{ref}/areas/?format=csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert len(table.content.decode("utf-8-sig").strip().splitlines()) == len(rows) + 1
    shapes = ask("GET", f"/api/v1/runs/{ref}/areas/?format=geojson").json()
    assert {one["properties"]["code"] for one in shapes["features"]} == set(by_code)

    # a plan, and its change-set
    asked = {"city": "town", "name": "API", "runs": [ref], "budget_fen": 200_000, "time_limit_seconds": 5}
    planned = ask("POST", "/api/v1/plans/", json=asked)
    assert planned.status_code == 202, planned.text
    while not (job := ask("GET", planned.headers["location"]).json())["over"]:
        assert time.monotonic() < deadline + 60, job
        time.sleep(0.3)
    assert job["state"] == "done", job
    version = f"/api/v1/plans/{planned.json()['plan']}/versions/1/"
    said = ask("GET", version).json()
    steps = ask("GET", version + "interventions/").json()["results"]
    assert said["cost_fen"] == sum(step["cost_fen"] for step in steps) <= 200_000
    assert said["bound"] >= said["value"]

    page.goto("/account/tokens/")
    page.get_by_role("button", name="Revoke warehouse system").click()
    expect(page.get_by_text("Revoked", exact=True)).to_be_visible()
    assert ask("GET", "/api/v1/runs/").status_code == 401
    assert ApiToken.objects.get().revoked_at is not None and page.problems == []


@pytest.fixture
def program(person: Any, live_server: Any, browser: Any) -> Program:
    from core.services.tokens import make_token

    _token, key = make_token(user=person("sun", "steward"), name="test", can_write=True)
    return Program(browser, live_server.url, key)


def test_wrong_input_is_answered_with_a_problem_that_names_it(program: Program) -> None:
    for method, path, options, status in (
        ("GET", "/api/v1/nothing/", {}, 404),
        ("GET", "/api/v1/facilities/FA-00000/", {}, 404),
        ("GET", "/api/v1/facilities/?page=99", {}, 404),
        ("GET", "/api/v1/facilities/?in_bbox=1,2,x", {}, 400),
        ("DELETE", "/api/v1/facilities/FA-90001/", {}, 405),
        ("POST", "/api/v1/runs/", {"data": "{", "headers": {"Content-Type": "application/json"}}, 400),
        ("PATCH", "/api/v1/facilities/FA-90001/", {"json": {"no_such_field": 1}}, 400),
        ("POST", "/api/v1/runs/", {"json": {"city": "town", "scenario": "S-90001"}}, 403),
    ):
        answer = program(method, path, **options)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text[:300])
        assert answer.headers["content-type"].startswith("application/problem+json"), path
        assert {"type", "title", "status", "code"} <= set(answer.json()), path


def test_two_programs_cannot_overwrite_each_other(program: Program) -> None:
    seen = program("GET", "/api/v1/facilities/FA-90001/")
    mark = {"If-Match": seen.headers["etag"]}
    first = program("PATCH", "/api/v1/facilities/FA-90001/", json={"operator": "甲"}, headers=mark)
    second = program("PATCH", "/api/v1/facilities/FA-90001/", json={"operator": "乙"}, headers=mark)
    assert (first.status_code, second.status_code) == (200, 412)
    assert program("GET", "/api/v1/facilities/FA-90001/").json()["operator"] == "甲"


def test_pages_of_a_list_hold_every_row_once(program: Program) -> None:
    refs, address = [], "/api/v1/facilities/?page_size=2&ordering=ref"
    while address:
        answer = program("GET", address).json()
        refs += [row["ref"] for row in answer["results"]]
        address = answer["next"]
    assert refs == [f"FA-9000{n}" for n in (1, 2, 3, 4)]
