"""The works through pages, API and command: from the first day to a closed finding, in both languages, on a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from projects.models import Finding, Inspection, Milestone, Photo, ProgressReport, Project
from projects.selectors import works as seen
from projects.services import inspections, milestones, works
from projects.services.inspections import FindingSaid
from projects.services.pictures import read_all
from tests.projects.site_pictures import approved_on, jpeg, scene, shot, upload

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def today() -> Iterator[None]:
    with patch("django.utils.timezone.now", return_value=datetime(2026, 11, 21, 4, tzinfo=UTC)):
        yield


@pytest.fixture
def approved(project: Project, people: dict[str, Any], settings: Any, tmp_path: Path) -> Project:
    settings.MEDIA_ROOT = tmp_path
    settings.SESSION_COOKIE_AGE = 10 * 365 * 24 * 3600  # the server's clock stands, the browser's goes on
    return approved_on(datetime(2026, 8, 3, 2, tzinfo=UTC), project, people)


@pytest.fixture
def begun(approved: Project, people: dict[str, Any]) -> Project:
    return works.start(user=people["lin"], project=approved, started_on=date(2026, 8, 12), reason="自行施工")


@pytest.fixture
def busy(begun: Project, people: dict[str, Any]) -> Project:
    """Everything that a page of works can show."""
    for month, percent in ((8, 8), (9, 20)):
        works.report(
            user=people["lin"], project=begun, month=date(2026, month, 1), works_percent=percent, text="基坑",
            pictures=read_all([shot(month * 10, datetime(2026, month, 15), lon=104.05 if month == 8 else 104.2)]),
        )  # fmt: skip
    works.correct_report(
        user=people["lin"],
        report=begun.reports.get(month=date(2026, 9, 1)),
        works_percent=18,
        text="基坑",
        reason="核减",
    )
    first, second = begun.milestones.filter(number__lte=2).order_by("number")
    milestones.report(user=people["lin"], milestone=first, reported_on=date(2026, 10, 22))
    planned = inspections.plan(user=people["wang"], project=begun, planned_on=date(2026, 11, 3))
    inspections.do(
        user=people["wang"], inspection=planned, done_on=date(2026, 11, 3), works_percent=22, note="现场", milestones=[first],
        findings=[FindingSaid("护栏缺失", "safety", "JGJ 80-2016"), FindingSaid("记录不全", "minor")],
        pictures=read_all([shot(91, datetime(2026, 11, 3))]),
    )  # fmt: skip
    milestones.revise(user=people["wang"], milestone=second, planned_on=date(2027, 1, 9), reason="雨季")
    inspections.rectify(user=people["lin"], finding=Finding.objects.first(), text="已装")
    inspections.plan(user=people["wang"], project=begun, planned_on=date(2026, 11, 30))
    return begun


def as_(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def api(user: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def text(answer: Any) -> str:
    return answer.content.decode()


# --- pages -----------------------------------------------------------------------------------------


def test_works_go_from_the_first_day_to_a_closed_finding_by_pages(approved, people):
    lin, wang = as_(people["lin"]), as_(people["wang"])
    page = reverse("project_works", args=["PJ-1"])
    assert "Begin the works" in text(lin.get(page))
    assert "Begin the works" not in text(wang.get(page))
    start = reverse("works_start", args=["PJ-1"])
    refused = lin.post(start, {"started_on": "2026-08-12", "reason": ""})
    assert (refused.status_code, "No contract" in text(refused)) == (422, True)
    assert lin.post(start, {"started_on": "2026-08-12", "reason": "自行施工"}).url == page
    report = reverse("works_report", args=["PJ-1"]) + "?month=2026-10"
    sent = lin.post(
        report,
        {
            "works_percent": "35",
            "text": "基坑支护",
            "photos": [shot(1, datetime(2026, 10, 9)), shot(2, None, lon=None)],
        },
    )
    assert sent.url == page
    shown = text(wang.get(page))
    assert "基坑支护" in shown
    assert "no position" in shown
    lin.post(reverse("works_milestone", args=["PJ-1", 1]), {"reported_on": "2026-10-22", "text": ""})
    looked = wang.get(reverse("works_milestone", args=["PJ-1", 1]))
    assert "seen on site?" in text(looked)
    assert wang.post(reverse("inspection_plan", args=["PJ-1"]), {"planned_on": "2026-11-10"}).url == page
    inspection = Inspection.objects.get()
    done = wang.post(
        reverse("inspection", args=[inspection.ref]),
        {
            "done_on": "2026-11-10", "works_percent": "30", "note": "现场查看", "milestone": ["1"],
            "finding": ["护栏缺失", ""], "severity": ["safety", "minor"], "clause": ["JGJ 80", ""], "due_on": ["", ""],
            "photos": [shot(5, datetime(2026, 11, 10))],
        },
    )  # fmt: skip
    assert done.status_code == 302
    assert Milestone.objects.get(number=1).reached_on == date(2026, 11, 10)
    finding = Finding.objects.get()
    address = reverse("finding", args=[finding.ref])
    assert "What was done about it?" in text(lin.get(address))
    lin.post(address, {"text": "已装护栏", "photos": [shot(6, datetime(2026, 11, 12))]})
    assert "Is it put right?" in text(wang.get(address))
    assert "Is it put right?" not in text(lin.get(address))
    wang.post(address, {"answer": "again", "text": "北侧仍缺", "due_on": "2026-11-25"})
    lin.post(address, {"text": "北侧已补"})
    wang.post(address, {"answer": "accept", "text": "已查看"})
    finding.refresh_from_db()
    assert finding.state == "closed"
    assert "北侧仍缺" in text(lin.get(address))


def test_a_refused_form_loses_neither_words_nor_photos(begun, people):
    lin = as_(people["lin"])
    works.report(user=people["lin"], project=begun, month=date(2026, 8, 1), works_percent=30, text="x")
    address = reverse("works_report", args=["PJ-1"]) + "?month=2026-09"
    said = {"works_percent": "20", "text": "返工", "reason": ""}
    refused = lin.post(address, said | {"photos": [shot(1, datetime(2026, 9, 9)), upload(b"no", "bad.jpg")]})
    assert refused.status_code == 422
    assert "bad.jpg is no JPEG" in text(refused)
    assert "返工" in text(refused)
    token = refused.context["kept"][0][0]
    again = lin.post(address, said | {"kept": [token]})
    assert "An earlier month reported 30 %" in text(again)
    assert not Photo.objects.exists()
    stranger = as_(people["reform"])
    assert stranger.post(address, said).status_code == 403
    assert (
        lin.post(address, said | {"reason": "支护重做", "kept": [again.context["kept"][0][0]]}).status_code
        == 302
    )
    photo = Photo.objects.get()
    assert photo.name == "IMG_0001.jpg"
    assert photo.report.works_percent == 20


def test_a_photo_kept_for_one_person_is_not_taken_by_another(begun, people, person):
    lin, other = as_(people["lin"]), as_(person("second.planner", "planner"))
    address = reverse("works_report", args=["PJ-1"]) + "?month=2026-09"
    refused = lin.post(address, {"works_percent": "500", "text": "x", "photos": [shot(1)]})
    token = refused.context["kept"][0][0]
    stolen = other.post(address, {"works_percent": "20", "text": "x", "kept": [token, "made-up"]})
    assert stolen.status_code == 422
    assert not Photo.objects.exists()


def test_an_old_page_does_not_overwrite_a_newer_correction(busy, people):
    lin = as_(people["lin"])
    address = reverse("works_report", args=["PJ-1"]) + "?month=2026-09"
    assert 'name="version" value="2"' in text(lin.get(address))
    said = {"works_percent": "19", "text": "x", "reason": "again", "version": "1"}
    refused = lin.post(address, said)
    assert refused.status_code == 422
    assert "corrected this report meanwhile" in text(refused)


def test_an_inspection_that_is_refused_keeps_its_rows(busy, people):
    planned = Inspection.objects.get(done_on=None)
    said = {
        "done_on": "2026-11-20", "works_percent": "30", "note": "现场", "finding": ["裂缝", ""], "severity": ["major", "minor"],
        "clause": ["GB 50204", ""], "due_on": ["2026-01-01", ""],
    }  # fmt: skip
    refused = as_(people["wang"]).post(reverse("inspection", args=[planned.ref]), said)
    assert refused.status_code == 422
    assert "裂缝" in text(refused)
    assert 'value="GB 50204"' in text(refused)
    assert Finding.objects.count() == 2


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_day_that_is_proposed_is_one_that_a_browser_takes(busy, people, language):
    client = as_(people["wang"])
    client.cookies["django_language"] = language
    planned = Inspection.objects.get(done_on=None)
    assert 'value="2026-11-21"' in text(client.get(reverse("inspection", args=[planned.ref])))
    moved = text(client.get(reverse("works_milestone", args=["PJ-1", 2]) + "?move=1"))
    assert 'value="2027-01-09"' in moved


def test_strangers_find_nothing_and_the_other_side_has_no_buttons(busy, people):
    names = [
        reverse("project_works", args=["PJ-1"]), reverse("finding", args=[Finding.objects.first().ref]),
        reverse("inspection", args=[Inspection.objects.first().ref]), reverse("works_report", args=["PJ-1"]),
    ]  # fmt: skip
    for address in names:
        assert as_(people["chen"]).get(address).status_code == 404
    assert as_(people["wang"]).get(reverse("works_report", args=["PJ-1"])).status_code == 403
    assert as_(people["lin"]).get(reverse("inspection_plan", args=["PJ-1"])).status_code == 403
    assert "Record the inspection" not in text(as_(people["lin"]).get(names[2]))
    assert as_(people["zhao"]).get(names[0]).status_code == 200


def test_the_page_asks_the_database_a_fixed_number_of_times(busy, people, django_assert_max_num_queries):
    client = as_(people["wang"])
    address = reverse("project_works", args=["PJ-1"])
    client.get(address)
    for month, percent in ((10, 30), (11, 40)):
        works.report(
            user=people["lin"], project=busy, month=date(2026, month, 1), works_percent=percent, text="x",
            pictures=read_all([shot(month * 7 + n, datetime(2026, month, 9)) for n in range(5)]),
        )  # fmt: skip
    with django_assert_max_num_queries(60):
        client.get(address)


def test_the_summary_stands_by_its_one_variable(busy):
    from django.template.loader import render_to_string

    shown = render_to_string("projects/parts/works_summary.html", {"works": seen.summary(busy)})
    assert "22 %" in shown
    assert "主体完成" in shown or "Shell" in shown


def test_limits_are_drafted_and_published_on_their_page(town, people, person):
    tang = as_(person("tang.lei", "admin"))
    address = reverse("works_rules")
    refused = tang.post(address, {"photo_distance_m": "5", "source": "x", "certainty": "D", "reason": "y"})
    assert refused.status_code == 422
    assert 'value="5"' in text(refused)
    tang.post(address, {"photo_distance_m": "300", "source": "本市", "certainty": "B", "reason": "小工地"})
    as_(people["zhao"]).post(address, {"publish": "2"})
    assert "Version 2 is in force" in text(as_(people["lin"]).get(address))


# --- API and command -------------------------------------------------------------------------------


def test_the_whole_way_goes_by_the_api(approved, people):
    lin, wang = api(people["lin"]), api(people["wang"])
    base = "/api/v1/works/PJ-1/"
    assert (
        lin.post(f"{base}start/", {"started_on": "2026-08-12"}, format="json").json()["code"] == "no-contract"
    )
    begun = lin.post(f"{base}start/", {"started_on": "2026-08-12", "reason": "自行施工"}, format="json")
    assert begun.json()["started_on"] == "2026-08-12"
    assert (
        wang.post(
            f"{base}reports/", {"month": "2026-10", "works_percent": 5, "text": "x"}, format="json"
        ).status_code
        == 403
    )
    said = {
        "month": "2026-10",
        "works_percent": "35",
        "text": "x",
        "photos": [shot(1, datetime(2026, 10, 9))],
    }
    made = lin.post(f"{base}reports/", said, format="multipart")
    assert made.status_code == 201, made.content
    (photo,) = made.json()["photos"]
    corrected = lin.post(
        f"{base}reports/2026-10/correct/", {"works_percent": 33, "text": "x", "reason": "核减"}, format="json"
    ).json()
    assert (corrected["version"], corrected["versions"][0]["works_percent"]) == (2, 35)
    lin.post(f"{base}milestones/1/report/", {"reported_on": "2026-10-22"}, format="json")
    assert (
        lin.post(f"{base}milestones/1/see/", {"reached_on": "2026-10-22"}, format="json").status_code == 403
    )
    plan = wang.post(f"{base}inspections/", {"planned_on": "2026-11-10"}, format="json").json()
    done = wang.post(
        f"/api/v1/inspections/{plan['ref']}/done/",
        {
            "done_on": "2026-11-10", "works_percent": 30, "note": "x", "milestones": [1],
            "findings": [{"text": "护栏", "severity": "safety"}],
        }, format="json",
    )  # fmt: skip
    assert done.status_code == 200, done.content
    finding = done.json()["findings"][0]
    lin.post(f"/api/v1/findings/{finding}/rectify/", {"text": "已装"}, format="json")
    assert (
        lin.post(
            f"/api/v1/findings/{finding}/check/", {"accepted": True, "answer": "x"}, format="json"
        ).status_code
        == 403
    )
    closed = wang.post(
        f"/api/v1/findings/{finding}/check/", {"accepted": True, "answer": "ok"}, format="json"
    )
    assert closed.json()["state"] == "closed"
    found = wang.get(base).json()
    assert (found["percent"], found["shares"][-1]["basis"]) == (30, "seen")
    assert wang.get(f"{base}milestones/").json()[0]["reached_on"] == "2026-11-10"
    shown = wang.get(f"/api/v1/photos/{photo}/").json()
    assert (shown["problems"], shown["month"]) == ([], "2026-10-01")
    assert wang.get(f"/api/v1/photos/{photo}/small/")["Content-Type"] == "image/jpeg"
    assert api(people["chen"]).get(f"/api/v1/photos/{photo}/original/").status_code == 404
    bad = lin.post(
        "/api/v1/photos/", {"project": "PJ-1", "photos": [upload(b"no", "a.jpg")]}, format="multipart"
    )
    assert (bad.status_code, bad.json()["code"]) == (422, "bad-photo")
    (row,) = wang.get("/api/v1/works/").json()["results"]
    assert (row["seen_percent"], row["reported_percent"], row["findings_open"]) == (30, 33, 0)
    assert wang.get("/api/v1/works/?format=csv").status_code == 200
    for name in ("works", "inspections", "findings", "photos", "inspection-draws", "works-rules"):
        assert wang.get(f"/api/v1/{name}/").status_code == 200, name


def test_the_command_does_what_the_pages_do(approved, people, tmp_path, capsys):
    def run(*words: str, **more: Any) -> Any:
        call_command("works", *words, json=True, **more)
        return json.loads(capsys.readouterr().out)

    picture = tmp_path / "a.jpg"
    picture.write_bytes(jpeg(scene(1), taken=datetime(2026, 10, 9), lon=104.2, lat=30.05))
    with pytest.raises(CommandError, match="no-contract"):
        run("start", "PJ-1", "2026-08-12", who="lin.wei")
    run("start", "PJ-1", "2026-08-12", who="lin.wei", reason="自行施工")
    told = run("report", "PJ-1", "2026-10", "35", "基坑", who="lin.wei", photo=[str(picture)])
    assert told["photos"][0]["problems"][0]["code"] == "far"
    run("milestone", "PJ-1", "1", "2026-10-22", who="lin.wei")
    ref = run("plan", "PJ-1", "2026-11-10", who="wang.jun")["inspection"]
    done = run(
        "inspect",
        ref,
        "2026-11-10",
        "30",
        "现场",
        who="wang.jun",
        seen=[1],
        finding=["safety|护栏|JGJ 80|2026-12-01"],
    )
    finding = done["findings"][0]["ref"]
    run("rectify", finding, "已装", who="lin.wei")
    with pytest.raises(CommandError, match="forbidden"):
        run("close", finding, "ok", who="lin.wei")
    assert run("close", finding, "ok", who="wang.jun")["state"] == "closed"
    shown = run("show", "PJ-1", who="wang.jun")
    assert (shown["percent"], shown["milestones"][0]["reached_on"]) == (30, "2026-11-10")
    assert shown["photos"][0]["problems"] == ["taken 14.5 km from the site"]
    assert run("waiting", who="lin.wei") == []
    assert [row["kind"] for row in run("waiting", who="wang.jun")] == []
    run("plan", "PJ-1", "2026-11-30", who="wang.jun")
    assert [row["kind"] for row in run("waiting", who="wang.jun")] == ["inspection"]
    assert ProgressReport.objects.count() == 1


# --- browser ---------------------------------------------------------------------------------------


def addresses(project: Project) -> list[str]:
    open_, rectified = Finding.objects.get(state="open").ref, Finding.objects.get(state="rectified").ref
    planned, done = (
        Inspection.objects.get(done_on=None).ref,
        Inspection.objects.exclude(done_on=None).get().ref,
    )
    return [
        f"/projects/{project.ref}/works/", f"/projects/{project.ref}/works/milestones/2/", f"/inspections/{planned}/",
        f"/inspections/{done}/", f"/findings/{rectified}/", f"/findings/{open_}/", f"/photos/{Photo.objects.first().pk}/",
        f"/projects/{project.ref}/works/inspect/", "/supervision/draws/", "/rules/works/",
    ]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_are_accessible_whole_and_fit_a_phone(
    transactional_db: None, open_page: Any, axe: Any, busy: Project, people: dict[str, Any], language: str
) -> None:
    page = open_page(user=people["wang"], language=language)
    for address in addresses(busy):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert axe(page) == [], address
    assert page.problems == []
    assert page.outside_calls == []
    phone = open_page(user=people["lin"], language=language, width=400)
    mine = [f"/projects/{busy.ref}/works/report/?month=2026-10", *addresses(busy)[:7], "/supervision/draws/"]
    for address in mine:
        phone.goto(address)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 400, address


def test_a_month_is_reported_from_a_phone_with_a_photo(
    transactional_db: None, open_page: Any, begun: Project, people: dict[str, Any], tmp_path: Path
) -> None:
    picture = tmp_path / "IMG_7.jpg"
    picture.write_bytes(jpeg(scene(7), taken=datetime(2026, 10, 9), lon=104.05, lat=30.05))
    phone = open_page(user=people["lin"], width=400)
    phone.goto(f"/projects/{begun.ref}/works/report/?month=2026-10")
    camera = phone.locator("#id_camera")
    assert camera.get_attribute("capture") == "environment"
    camera.set_input_files(str(picture))
    phone.get_by_label("Works done by the end of the month, %").fill("35")
    phone.get_by_label("What was done").fill("基坑支护")
    phone.get_by_role("button", name="Report", exact=True).click()
    phone.wait_for_url("**/works/")
    assert phone.locator(".photo-grid img").count() == 1
    phone.locator(".photo-grid img").scroll_into_view_if_needed()
    phone.wait_for_function("document.querySelector('.photo-grid img').naturalWidth > 0")
    assert Photo.objects.get().problems == []
