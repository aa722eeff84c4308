"""The same three acts over pages, API and commands, in both languages, usable on a phone and by whoever cannot see it."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from core.models import User
from facilities.models import Facility
from inventory.models import ItemType
from projects.models import Commissioning, Project, RealisedGap, Responsibility
from projects.selectors import checklist
from projects.services import results
from tests.projects.handover.steps import TODAY, handed_over, report, tried, yes_to_all

pytestmark = pytest.mark.django_db


def web(user: User, language: str = "en") -> Client:
    client = Client(headers={"accept-language": language})
    client.force_login(User.objects.get(pk=user.pk))
    client.cookies["django_language"] = language
    return client


def api(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(User.objects.get(pk=user.pk))
    return client


def told(command: str, *words: Any, **options: Any) -> Any:
    out = io.StringIO()
    call_command(command, *words, stdout=out, json=True, **options)
    return json.loads(out.getvalue())


@pytest.fixture
def building(town: SimpleNamespace, in_works: Any) -> Project:
    ItemType.objects.create(code="bed", name="床", name_en="Bed", unit="pieces")
    return in_works("build", units=25, idle_asset=town.yard, gap_promised=25)


FORM = {
    "built_units": "25", "barrier_free_units": "", "reported_hours": "24", "name": "新馆", "use": "park", "area_m2": "900",
    "agreements-party": ["业主", ""], "agreements-valid_from": ["2026-01-01", ""], "agreements-valid_to": ["", ""],
    "certificates-kind": [""], "certificates-number": [""], "certificates-valid_from": [""], "certificates-valid_to": [""],
    "goods-item": ["bed"], "goods-quantity": ["25"], "goods-lot_number": ["L-7"], "goods-expires_on": [""], "note": "按图施工",
}  # fmt: skip


def test_a_building_goes_through_the_pages_into_the_registry(town, crew, building):
    at = f"/projects/{building.ref}/handover/"
    wrong = web(crew.sun).post(at + "report/", FORM | {"use": "", "built_units": "many"})
    assert wrong.status_code == 422
    body = wrong.content.decode()
    assert "peacetime use" in body and "many" in body and "L-7" in body and "业主" in body
    assert web(crew.sun).post(at + "report/", FORM).url == at
    found = Commissioning.objects.get()
    assert (
        found.built_units,
        found.as_built["goods"][0]["quantity"],
        found.as_built["agreements"][0]["party"],
    ) == (25, 25, "业主")
    answers = {f"item-{one.code}": "yes" for one in checklist.items_for(building)}
    said = answers | {
        "checked_on": TODAY.isoformat(),
        "tried_units": "25",
        "tried_hours": "80",
        "passed": "yes",
    }
    refused = web(crew.wang).post(at + "check/", said)
    assert (
        refused.status_code == 422
        and "may take" in refused.content.decode()
        and 'value="80"' in refused.content.decode()
    )
    assert web(crew.wang).post(at + "check/", said | {"passed": "no", "note": "太慢"}).url == at
    assert web(crew.wang).post(at + "check/", said | {"tried_hours": "24"}).url == at
    shown = web(crew.zhao).get(at).content.decode()
    assert "Check 1" in shown and "Check 2" in shown and "太慢" in shown and "handover/accept/" in shown
    asked = web(crew.zhao).get(at + "accept/").content.decode()
    assert 'name="check_number" value="2"' in asked and "新馆" in asked
    assert web(crew.zhao).post(at + "accept/", {"check_number": "2"}).url == at
    place = Facility.objects.get(name="新馆")
    assert place.ref in web(crew.zhao).get(at).content.decode()
    record = web(crew.lin).get(f"/facilities/{place.ref}/").content.decode()
    assert f"/projects/{building.ref}/handover/" in record and "Works that were accepted" in record


def test_pages_are_refused_to_whom_they_are_not_meant_for(town, crew, building):
    at = f"/projects/{building.ref}/handover/"
    assert web(crew.chen).get(at).status_code == 404
    assert web(crew.wang).get(at + "report/").status_code == 403
    assert web(crew.sun).get(at + "check/").status_code == 403
    assert web(crew.lin).get(at + "accept/").status_code == 403
    assert web(crew.chen).get("/projects/results/").status_code in (200, 404)


def test_the_same_way_over_the_api(town, crew, building):
    at = f"/api/v1/handovers/{building.ref}/"
    lin = api(crew.lin)
    assert lin.get(at).json()["stage"] == "report"
    wrong = api(crew.sun).post(
        at + "report/", {"built_units": 25, "as_built": {"use": "castle"}}, format="json"
    )
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid-input")
    assert {one["column"] for one in wrong.json()["problems"]} == {"use", "reported_hours"}
    sent = {"built_units": 25, "reported_hours": 24, "as_built": {"use": "park"}}
    assert api(crew.wang).post(at + "report/", sent, format="json").status_code == 403
    assert api(crew.sun).post(at + "report/", sent, format="json").json()["stage"] == "check"
    items = lin.get(at + "checklist/").json()
    assert items["limit_hours"] == 72 and {one["code"] for one in items["items"]} >= {"capacity", "plan"}
    seen = {
        "checked_on": TODAY.isoformat(),
        "tried_units": 25,
        "tried_hours": 24,
        "answers": yes_to_all(building),
        "passed": True,
    }
    checked = api(crew.wang).post(at + "check/", seen, format="json")
    assert (checked.status_code, checked.json()["stage"]) == (201, "accept")
    assert (
        api(crew.zhao).post(at + "accept/", {"check_number": 7}, format="json").json()["code"]
        == "handover-changed"
    )
    for _twice in range(2):
        done = api(crew.zhao).post(at + "accept/", {"check_number": 1}, format="json").json()
        assert (done["stage"], done["state"], bool(done["commissioning"]["facility"])) == (
            "accepted",
            "commissioned",
            True,
        )
    assert api(crew.chen).get(at).status_code == 404


def test_the_same_way_by_command(town, crew, building, tmp_path):
    file = tmp_path / "built.json"
    file.write_text(json.dumps({"use": "park"}))
    with pytest.raises(CommandError, match="reported_hours"):
        told("handover", "report", building.ref, units="25", who="sun.li", as_built=str(file))
    told("handover", "report", building.ref, units="25", hours="24", who="sun.li", as_built=str(file))
    with pytest.raises(CommandError, match="check-not-passed"):
        told(
            "handover",
            "check",
            building.ref,
            units="25",
            hours="24",
            passed=True,
            no=["plan"],
            who="wang.jun",
        )
    told(
        "handover",
        "check",
        building.ref,
        units="25",
        hours="24",
        passed=True,
        na=["stock=没有物资"],
        who="wang.jun",
    )
    with pytest.raises(CommandError, match="forbidden"):
        told("handover", "accept", building.ref, check=1, who="lin.wei")
    assert told("handover", "accept", building.ref, check=1, who="zhao.min")["stage"] == "accepted"
    with pytest.raises(CommandError, match="no-run"):
        told("handover", "reckon", who="lin.wei")


def test_results_stand_on_page_api_and_command_alike(town, crew, building, compute):
    handed_over(building, crew, 25, use="park")
    assert "Not counted yet" in web(crew.lin).get("/projects/results/").content.decode()
    run = compute(town)[0]
    asked = api(crew.lin).post("/api/v1/realised-gaps/", {"city": "town"}, format="json")
    assert asked.status_code == 202
    from core.services import jobs

    jobs.perform(asked.json()["job"]["ref"])
    body = web(crew.lin).get("/projects/results/").content.decode()
    assert run.ref in body and "60 → 80" in body and "others would serve 5" in body
    rows = api(crew.lin).get("/api/v1/realised-gaps/").json()["results"]
    assert [(row["project"], row["realised_units"], row["difference_units"]) for row in rows] == [
        (building.ref, 20, -5),
        (None, 20, -5),
    ]
    assert [row["realised_units"] for row in told("handover", "results", who="lin.wei")] == [20]
    assert "20" in web(crew.lin).get(f"/projects/{building.ref}/handover/").content.decode()
    assert web(crew.lin).post("/projects/results/").status_code == 302
    assert api(crew.chen).get("/api/v1/realised-gaps/").json()["count"] == 0
    assert RealisedGap.objects.count() == 2


# --- in a browser ---------------------------------------------------------------------------------------------


@pytest.fixture
def standing(
    transactional_db: None, town: SimpleNamespace, crew: SimpleNamespace, in_works: Any, compute: Any
) -> SimpleNamespace:
    """One project at each stage, with results and responsibilities."""
    done = in_works(
        "build",
        units=25,
        idle_asset=town.yard,
        gap_promised=25,
        name="一个名字很长很长的平急两用公共基础设施建设项目工程",
    )
    handed_over(done, crew, 25, use="park")
    compute(town)
    job, _created = results.start(user=None, city=town.city)
    from core.services import jobs

    jobs.perform(job.ref)
    open_one = in_works("upgrade", units=40, facility=town.places[2])
    report(open_one, crew, 40)
    tried(open_one, crew, 30, 90, passed=False)
    tried(open_one, crew, 40)
    Responsibility.objects.create(project=open_one, level="department", organisation=crew.office, person=crew.wang, task="督促续签场馆协议并报送结果", due_on="2026-01-05")  # fmt: skip
    return SimpleNamespace(done=done, open=open_one)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_of_the_handover_is_accessible_and_fits_a_phone(standing, crew, open_page, axe, language):
    pages = {
        crew.zhao: [f"/projects/{standing.done.ref}/handover/", f"/projects/{standing.open.ref}/handover/", f"/projects/{standing.open.ref}/handover/accept/", "/responsibilities/"],
        crew.sun: [f"/projects/{standing.open.ref}/handover/report/"],
        crew.wang: [f"/projects/{standing.open.ref}/handover/check/"],
        crew.lin: ["/projects/results/", f"/projects/{standing.open.ref}/responsibilities/", f"/projects/{standing.open.ref}/responsibilities/{Responsibility.objects.get().pk}/"],
    }  # fmt: skip
    for user, addresses in pages.items():
        page = open_page(user=user, language=language, width=400, height=860)
        for address in addresses:
            answer = page.goto(address)
            assert answer.status == 200, address
            assert axe(page) == [], address
            assert page.evaluate("document.documentElement.scrollWidth") <= 400, address
        assert page.problems == [] and page.outside_calls == []


def test_works_are_accepted_by_keyboard_alone(standing, crew, open_page):
    page = open_page(user=crew.zhao, language="en")
    page.goto(f"/projects/{standing.open.ref}/handover/accept/")
    page.locator("#although").focus()
    page.keyboard.type("agreement follows")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/handover/")
    assert Commissioning.objects.get(project=standing.open).written["although"] == "agreement follows"
