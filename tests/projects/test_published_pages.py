"""Files and publication through pages, API and command: the same rules, and the file for everybody."""

from __future__ import annotations

import io
import json
from typing import Any

import openpyxl
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from rest_framework.test import APIClient

from core.choices import Role
from core.models import Area
from core.services import jobs
from projects.models import Case, Project, Publication, PublicationRule
from projects.services import publications
from tests.projects.published import approve, build

pytestmark = pytest.mark.django_db
RULE = {"prefix": "oc4ids-a1b2c3", "publisher": "小城人民政府", "licence": "", "fields": ["title", "status", "budget.amount"]}  # fmt: skip
OPEN = "/open/town/oc4ids.json"


def web(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def api(user: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def built(project: Project, people: dict[str, Any], approval: Any) -> Project:
    approve(project, people, approval)
    build(project, people)
    return project


def test_a_project_goes_out_through_the_pages_and_is_taken_back(built, people):
    lin, zhao, anybody = web(people["lin"]), web(people["zhao"]), Client()
    assert anybody.get(OPEN).status_code == 404
    assert "there is no rule" in zhao.get("/publication/").content.decode()
    refused = lin.post("/publication/rule/", RULE | {"prefix": "mine"})
    page = refused.content.decode()
    assert refused.status_code == 422 and "oc4ids-123abc" in page and 'value="mine"' in page
    assert 'value="title" checked' in page and 'value="description" checked' not in page
    assert lin.post("/publication/rule/", RULE).status_code == 302
    assert zhao.post("/publication/rule/", RULE).status_code == 403
    assert zhao.post("/publication/marks/", {"ref": ["PJ-1"], "published": "1"}).status_code == 302
    page = zhao.get("/publication/").content.decode()
    assert "Publish 1 projects" in page and "oc4ids-a1b2c3-PJ-1" in page
    assert "Publish 1 projects" not in lin.get("/publication/").content.decode()
    seen = publications.preview(user=people["zhao"], city=built.city).seen_sha256
    assert web(people["wang"]).post("/publication/publish/", {"seen": seen}).status_code == 403
    assert anybody.get(OPEN).status_code == 404
    assert zhao.post("/publication/publish/", {"seen": seen}).status_code == 302

    answer = anybody.get(OPEN)
    told = answer.json()["projects"]
    assert answer.status_code == 200 and told == [
        {
            "id": "oc4ids-a1b2c3-PJ-1", "language": "zh", "title": "文轩体育馆改造", "status": "completion",
            "budget": {"amount": {"amount": 24_600_000, "currency": "CNY"}},
        }
    ]  # fmt: skip
    assert zhao.post("/publication/withdraw/", {"reason": " "}).status_code == 422
    assert zhao.post("/publication/withdraw/", {"reason": "数据有误"}).status_code == 302
    gone = anybody.get(OPEN)
    assert gone.status_code == 410 and gone["Content-Type"] == "application/problem+json"
    assert "taken back" in zhao.get("/publication/").content.decode()
    assert Publication.objects.count() == 2


def test_the_open_file_is_cached_by_its_hash_and_says_only_what_was_published(built, people):
    publications.draft_rule(user=people["lin"], city=built.city, **RULE)
    publications.mark(user=people["zhao"], city=built.city, refs=["PJ-1"], published=True)
    seen = publications.preview(user=people["zhao"], city=built.city).seen_sha256
    made = publications.publish(user=people["zhao"], city=built.city, seen_sha256=seen)
    client = Client()
    first = client.get(OPEN)
    assert (
        first["ETag"] == f'"{made.sha256}"'
        and "max-age=300" in first["Cache-Control"]
        and first["Last-Modified"]
    )
    assert "Set-Cookie" not in first and "sessionid" not in client.cookies
    assert first["Access-Control-Allow-Origin"] == "*"
    import hashlib

    assert hashlib.sha256(first.content).hexdigest() == made.sha256
    assert client.get(OPEN, HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 304
    assert client.head(OPEN).status_code == 200 and client.post(OPEN).status_code == 405
    Project.objects.filter(pk=built.pk).update(name="改过的名字")
    assert client.get(OPEN).content == first.content, "what was not published shows"
    assert client.get("/open/elsewhere/oc4ids.json").status_code == 404


def test_publication_goes_by_the_api_with_the_same_refusals(built, people):
    lin, zhao = api(people["lin"]), api(people["zhao"])
    rule = {"city": "town", "prefix": RULE["prefix"], "publisher": RULE["publisher"], "paths": RULE["fields"]}
    assert zhao.post("/api/v1/publications/rule/", rule, format="json").status_code == 403
    made = lin.post("/api/v1/publications/rule/", rule, format="json")
    assert made.status_code == 201 and made.json()["fields"] == RULE["fields"] and made.json()["version"] == 1
    unknown = lin.post("/api/v1/publications/rule/", rule | {"paths": ["drafter"]}, format="json")
    assert unknown.status_code == 400
    marks = {"city": "town", "refs": ["PJ-1"], "published": True}
    assert lin.post("/api/v1/publications/marks/", marks, format="json").status_code == 403
    assert zhao.post("/api/v1/publications/marks/", marks, format="json").json()["changed"] == ["PJ-1"]
    seen = zhao.get("/api/v1/publications/preview/?city=town").json()
    assert seen["projects"] == 1 and seen["difference"]["added"] == ["oc4ids-a1b2c3-PJ-1"]
    stale = zhao.post("/api/v1/publications/", {"city": "town", "seen_sha256": "0" * 64}, format="json")
    assert stale.status_code == 409 and stale.json()["code"] == "publication-changed"
    sent = zhao.post(
        "/api/v1/publications/", {"city": "town", "seen_sha256": seen["seen_sha256"]}, format="json"
    )
    assert sent.status_code == 201 and sent.json()["number"] == 1
    listed = zhao.get("/api/v1/publications/").json()
    assert [one["number"] for one in listed["results"]] == [1]
    assert api(people["chen"]).get("/api/v1/publications/preview/?city=town").status_code in (403, 404)
    back = zhao.post("/api/v1/publications/withdraw/", {"city": "town", "reason": "数据有误"}, format="json")
    assert back.status_code == 201 and back.json()["projects"] == 0


def test_publication_goes_by_the_command_with_the_same_refusals(built, people, tmp_path, capsys):
    def say(*words: str) -> Any:
        call_command("publish_projects", *words, "--json")
        return json.loads(capsys.readouterr().out)

    assert say("rule", "town", "--prefix", "oc4ids-a1b2c3", "--publisher", "小城人民政府", "--as", "lin.wei")["version"] == 1  # fmt: skip
    with pytest.raises(CommandError, match="forbidden"):
        say("mark", "town", "PJ-1", "--as", "lin.wei")
    assert say("mark", "town", "PJ-1", "--as", "zhao.min")["changed"] == ["PJ-1"]
    path = tmp_path / "look.json"
    seen = say("preview", "town", "--out", str(path), "--as", "zhao.min")
    assert len(json.loads(path.read_text())["projects"]) == 1
    assert say("publish", "town", "--seen", seen["seen_sha256"], "--as", "zhao.min")["number"] == 1
    with pytest.raises(CommandError, match="reason-needed"):
        say("unmark", "town", "PJ-1", "--as", "zhao.min")
    assert say("withdraw", "town", "--reason", "数据有误", "--as", "zhao.min")["projects"] == 0


def test_the_files_of_a_project_come_from_its_page_in_the_language_asked_for(built, people):
    client = web(people["lin"])
    case = Case.objects.get(project=built, tranche=None)
    page = client.get("/projects/PJ-1/files/").content.decode()
    assert case.ref in page and case.submissions.get().sha256[:12] in page
    answer = client.post("/projects/PJ-1/files/dossier/", {"format": "xlsx", "language": "zh-hans"})
    assert answer["Content-Disposition"] == 'attachment; filename="PJ-1-zh-hans.xlsx"'
    assert len(openpyxl.load_workbook(io.BytesIO(answer.content)).sheetnames) > 8
    own = client.post("/projects/PJ-1/files/dossier/", {"format": "docx", "language": "en", "case": case.ref})
    assert own["Content-Disposition"].endswith(f'"{case.ref}-en.docx"')
    waits = client.post("/projects/PJ-1/files/dossier/", {"format": "pdf", "language": "en"})
    assert waits.status_code == 302 and waits.url.endswith("#dossiers")
    assert "hx-get" in client.get("/projects/PJ-1/files/").content.decode()
    told = client.get(f"/projects/PJ-1/files/{case.ref}/rounds/1.json").json()
    assert told["sha256"] == case.submissions.get().sha256 and told["content"]["name"] == "文轩体育馆改造"
    assert client.post("/projects/PJ-1/files/dossier/", {"format": "odt"}).status_code == 422
    assert client.get("/projects/PJ-1/files/dossier/").status_code == 405


def test_who_does_not_see_the_project_gets_none_of_its_files(built, people, person):
    top = Area.objects.get(code="510100")
    Area.objects.create(city=built.city, code="510105", name="青羊区", level=2, parent=top, path="510100/510105/", geometry=top.geometry, label_point=top.label_point)  # fmt: skip
    elsewhere, own = (
        person("mo.li", Role.VIEWER, area="510105"),
        person("he.jing", Role.VIEWER, area="510104"),
    )
    case = Case.objects.get(project=built, tranche=None)
    addresses = ["/projects/PJ-1/files/", f"/projects/PJ-1/files/{case.ref}/rounds/1.json"]
    for user, status in ((elsewhere, 404), (people["chen"], 404), (own, 200)):
        for address in addresses:
            assert web(user).get(address).status_code == status, address
        assert web(user).post("/projects/PJ-1/files/dossier/", {"format": "docx"}).status_code == status
        assert api(user).get("/api/v1/projects/PJ-1/dossier/?format=docx").status_code == status


def test_the_api_answers_the_file_or_the_job_that_makes_it(built, people):
    client = api(people["lin"])
    docx = client.get("/api/v1/projects/PJ-1/dossier/?format=docx&lang=zh-hans")
    assert docx.status_code == 200 and docx.content[:2] == b"PK" and len(docx["X-Content-SHA256"]) == 64
    waits = client.get("/api/v1/projects/PJ-1/dossier/?format=pdf&lang=en")
    assert waits.status_code == 202 and waits["Location"].startswith("/api/v1/jobs/")
    jobs.perform(json.loads(waits.content)["job"]["ref"])
    made = client.get("/api/v1/projects/PJ-1/dossier/?format=pdf&lang=en")
    assert made.status_code == 200 and made.content.startswith(b"%PDF-")
    assert client.get("/api/v1/projects/PJ-1/dossier/?format=docx&lang=fr").status_code == 422
    assert client.get("/api/v1/projects/PJ-1/dossier/?format=odt").status_code == 406
    case = Case.objects.get(project=built, tranche=None)
    assert client.get(f"/api/v1/projects/PJ-1/dossier/?format=xlsx&case={case.ref}").status_code == 200
    assert client.get("/api/v1/projects/PJ-1/dossier/?format=xlsx&case=C-77").status_code == 404


# --- in a browser ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_files_and_publication_are_accessible_and_fit_a_phone(transactional_db, built, people, open_page, axe, language):  # fmt: skip
    publications.draft_rule(user=people["lin"], city=built.city, **RULE)
    publications.mark(user=people["zhao"], city=built.city, refs=["PJ-1"], published=True)
    for user, addresses in {
        "zhao": ["/publication/", "/projects/PJ-1/files/"],
        "lin": ["/publication/rule/"],
    }.items():
        page = open_page(user=people[user], language=language, width=400, height=860)
        for address in addresses:
            assert page.goto(address).status == 200, address
            assert axe(page) == [], address
            assert page.evaluate("document.documentElement.scrollWidth") <= 400, address
        assert page.problems == [] and page.outside_calls == []


def test_a_rule_is_drafted_and_projects_go_out_by_keyboard_alone(transactional_db, built, people, open_page):
    page = open_page(user=people["lin"], language="en")
    page.goto("/publication/rule/")
    page.locator("#prefix").focus()
    page.keyboard.type("oc4ids-a1b2c3")
    page.keyboard.press("Enter")
    page.wait_for_url("**/publication/")
    assert PublicationRule.objects.get().prefix == "oc4ids-a1b2c3"
    publications.mark(user=people["zhao"], city=built.city, refs=["PJ-1"], published=True)
    page = open_page(user=people["zhao"], language="en")
    page.goto("/publication/")
    page.get_by_role("button", name="Publish 1 projects").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Publication 1 is out.").wait_for()
    assert Publication.objects.get().projects == 1
