"""Who answers for what: four levels on a project, a list of the city with the overdue first, done by the named person."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.test import Client
from rest_framework.test import APIClient

from core.choices import Role
from core.errors import DomainError, Forbidden, InvalidInput
from core.models import AuditEntry, Membership, Organisation, User
from projects.models import OutboxEvent, Project, Responsibility
from projects.selectors import responsibilities as read
from projects.services import responsibilities
from tests.projects.handover.steps import TODAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(town: Any, crew: Any) -> Project:
    return Project.objects.create(
        city=town.city, ref="PJ-1", name="改造", kind="convert", service=town.service, units=15, cost_fen=0, area=town.left,
        point=town.places[0].point, facility=town.places[0], created_by=crew.lin,
    )  # fmt: skip


@pytest.fixture
def street(town: Any) -> Organisation:
    return Organisation.objects.create(city=town.city, code="street", name="街道办", kind="territory")


def named(
    project: Project, crew: Any, organisation: Organisation, days: int | None = 10, **more: Any
) -> Responsibility:
    due = None if days is None else TODAY + timedelta(days=days)
    said = {"level": organisation.kind, "task": "协调用地", "due_on": due} | more
    return responsibilities.name(user=crew.lin, project=project, organisation=organisation, **said)


def test_all_four_are_asked_for_and_each_is_of_its_own_kind(project, crew, street, town):
    assert read.missing_levels(project) == ["leadership", "territory", "department", "enterprise"]
    named(project, crew, street)
    named(project, crew, crew.office)
    assert read.missing_levels(project) == ["leadership", "enterprise"]
    with pytest.raises(InvalidInput) as refused:
        responsibilities.name(
            user=crew.lin, project=project, level="enterprise", organisation=street, task=" ", due_on="soon"
        )
    assert {one.column for one in refused.value.problems} == {"organisation", "task", "due_on"}
    with pytest.raises(InvalidInput):
        responsibilities.name(
            user=crew.lin, project=project, level="community", organisation=street, task="x"
        )
    body = web(crew.lin).get(f"/projects/{project.ref}/responsibilities/").content.decode()
    assert "Nobody is named for: Leadership, Enterprise" in body


def test_named_twice_at_once_is_one_line(project, crew, street):
    assert named(project, crew, street).pk == named(project, crew, street).pk
    assert AuditEntry.objects.filter(act="responsibility.name").count() == 1


def test_only_planners_name_and_only_the_named_person_or_they_say_done(project, crew, street, town):
    one = named(project, crew, street, person=crew.chen)
    for user in (crew.sun, crew.wang, crew.zhao, crew.chen):
        with pytest.raises(Forbidden):
            responsibilities.change(user=user, responsibility=one, task="别的")
    with pytest.raises(Forbidden):
        responsibilities.done(user=crew.wang, responsibility=one, note="done")
    with pytest.raises(DomainError, match="what was done"):
        responsibilities.done(user=crew.chen, responsibility=one, note=" ")
    done = responsibilities.done(user=crew.chen, responsibility=one, note="用地已协调，附会议纪要")
    assert (done.done_by, done.note) == (crew.chen, "用地已协调，附会议纪要")
    assert (
        responsibilities.done(user=crew.chen, responsibility=one, note="again").note
        == "用地已协调，附会议纪要"
    )
    with pytest.raises(DomainError) as refused:
        responsibilities.done(user=crew.lin, responsibility=one, note="mine")
    assert refused.value.code == "responsibility-done"
    with pytest.raises(DomainError):
        responsibilities.change(user=crew.lin, responsibility=one, task="别的")
    assert OutboxEvent.objects.get(kind="responsibility.done").payload["task"] == "协调用地"


def test_a_line_is_changed_or_taken_out_with_a_reason_and_the_audit_keeps_it(project, crew, street):
    one = named(project, crew, street)
    responsibilities.change(user=crew.lin, responsibility=one, task="协调拆迁", person=crew.wang)
    assert AuditEntry.objects.get(act="responsibility.change").before["task"] == "协调用地"
    with pytest.raises(DomainError):
        responsibilities.remove(user=crew.lin, responsibility=one, reason="")
    responsibilities.remove(user=crew.lin, responsibility=one, reason="重复")
    assert (
        not Responsibility.objects.exists()
        and AuditEntry.objects.get(act="responsibility.remove").reason == "重复"
    )
    with pytest.raises(DomainError) as refused:
        responsibilities.change(user=crew.lin, responsibility=one, task="x")
    assert refused.value.code == "responsibility-gone"


def test_the_database_keeps_what_was_done(project, crew, street):
    one = named(project, crew, street)
    with pytest.raises(DatabaseError, match="by somebody"), transaction.atomic():
        Responsibility.objects.filter(pk=one.pk).update(done_at="2026-01-01T00:00Z")
    responsibilities.done(user=crew.lin, responsibility=one, note="ok")
    for act in (
        lambda rows: rows.update(note="other"),
        lambda rows: rows.update(done_at=None, done_by=None),
        lambda rows: rows.delete(),
    ):
        with pytest.raises(DatabaseError, match="stays done"), transaction.atomic():
            act(Responsibility.objects.filter(pk=one.pk))


def test_an_enterprise_is_entered_once_by_whoever_names_it(project, crew, town):
    made = responsibilities.add_enterprise(user=crew.lin, city=town.city, name=" 锦江城投 ")
    assert (made.kind, made.name) == ("enterprise", "锦江城投")
    assert responsibilities.add_enterprise(user=crew.lin, city=town.city, name="锦江城投").pk == made.pk
    with pytest.raises(Forbidden):
        responsibilities.add_enterprise(user=crew.wang, city=town.city, name="别家")
    sent = {
        "level": "enterprise",
        "organisation": "",
        "enterprise": "新企业",
        "task": "按期完工",
        "person": "",
        "due_on": "2026-12-31",
    }
    assert web(crew.lin).post(f"/projects/{project.ref}/responsibilities/", sent).status_code == 302
    assert Responsibility.objects.get().organisation.name == "新企业"


def test_the_list_of_the_city_begins_with_the_overdue_and_its_counts_are_what_the_filters_show(
    project, crew, street, town
):
    late = named(project, crew, street, days=-3, task="迟", person=crew.wang)
    soon = named(project, crew, crew.office, days=2, task="近")
    free = named(project, crew, street, days=None, task="无期")
    over = named(project, crew, crew.office, days=-9, task="完")
    responsibilities.done(user=crew.lin, responsibility=over, note="ok")
    found = read.listing(crew.lin, town.city, {})
    assert [one.pk for one in found.rows] == [late.pk, soon.pk, free.pk]
    assert (found.total, found.overdue) == (3, 1)
    for name, choices in (
        ("due", found.dues),
        ("level", found.levels),
        ("organisation", found.organisations),
        ("person", found.people),
    ):
        for one in choices:
            assert read.listing(crew.lin, town.city, {name: one.value}).total == one.count, (name, one)
    assert {one.value: one.count for one in found.dues} == {"open": 3, "overdue": 1, "done": 1, "all": 4}
    body = web(crew.lin).get("/responsibilities/?due=overdue").content.decode()
    assert "迟" in body and "无期" not in body


def test_a_district_sees_its_own_and_a_person_sees_what_they_answer_for(project, crew, street, town):
    far = Membership.objects.get(user=crew.wu)
    assert far.area == town.right
    named(project, crew, street)
    assert read.listing(User.objects.get(pk=crew.wu.pk), town.city, {}).total == 0
    assert web(crew.chen).get(f"/projects/{project.ref}/responsibilities/").status_code == 404
    mine = named(project, crew, street, task="由陈负责", person=crew.chen)
    assert web(crew.chen).get(f"/projects/{project.ref}/responsibilities/").status_code == 200
    rows = read.waiting_for(User.objects.get(pk=crew.chen.pk), town.city)
    assert [(row["kind"], row["title"], row["project"]) for row in rows] == [
        ("responsibility", "由陈负责", project)
    ]
    assert (
        web(crew.chen)
        .post(f"/projects/{project.ref}/responsibilities/{mine.pk}/done/", {"note": "好了"})
        .status_code
        == 302
    )
    assert read.waiting_for(User.objects.get(pk=crew.chen.pk), town.city) == []
    assert crew.zhao.memberships.filter(role=Role.APPROVER).exists()


def web(user: User) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    return client


def api(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(User.objects.get(pk=user.pk))
    return client


def test_page_keeps_what_was_typed_and_changes_a_line(project, crew, street):
    at = f"/projects/{project.ref}/responsibilities/"
    wrong = web(crew.lin).post(
        at,
        {
            "level": "enterprise",
            "organisation": "street",
            "task": "打好字的任务",
            "due_on": "2026-13-45",
            "person": "",
        },
    )
    assert (
        wrong.status_code == 422
        and "打好字的任务" in wrong.content.decode()
        and "another kind" in wrong.content.decode()
    )
    one = named(project, crew, street)
    changed = {
        "level": "territory",
        "organisation": "street",
        "task": "新任务",
        "due_on": "",
        "person": "wang.jun",
    }
    assert web(crew.lin).post(f"{at}{one.pk}/", changed).status_code == 302
    one.refresh_from_db()
    assert (one.task, one.person, one.due_on) == ("新任务", crew.wang, None)
    assert web(crew.wang).get(f"{at}{one.pk}/").status_code == 403
    assert web(crew.lin).post(f"{at}{one.pk}/", {"remove": "yes", "reason": "重复"}).status_code == 302
    assert not Responsibility.objects.exists()


def test_the_same_over_the_api_and_by_command(project, crew, street):
    lin = api(crew.lin)
    new = {
        "project": project.ref,
        "level": "territory",
        "organisation": "street",
        "task": "协调",
        "person": "wang.jun",
        "due_on": "2026-01-05",
    }
    made = lin.post("/api/v1/responsibilities/", new, format="json")
    assert made.status_code == 201, made.content
    one = made.json()["id"]
    assert api(crew.wang).post("/api/v1/responsibilities/", new, format="json").status_code == 403
    assert (
        lin.post("/api/v1/responsibilities/", new | {"person": "nobody"}, format="json").json()["code"]
        == "unknown-person"
    )
    assert (
        lin.patch(f"/api/v1/responsibilities/{one}/", {"task": "协调用地"}, format="json").json()["task"]
        == "协调用地"
    )
    assert lin.get("/api/v1/responsibilities/?due=overdue").json()["count"] == 1
    assert (
        api(crew.wang)
        .post(f"/api/v1/responsibilities/{one}/done/", {"note": "好"}, format="json")
        .json()["done_by"]
        == "wang.jun"
    )
    assert lin.get("/api/v1/responsibilities/").json()["count"] == 0
    assert (
        lin.post(f"/api/v1/responsibilities/{one}/remove/", {"reason": "x"}, format="json").json()["code"]
        == "responsibility-done"
    )
    assert (
        lin.post(
            "/api/v1/responsibilities/enterprises/", {"city": "town", "name": "企业甲"}, format="json"
        ).status_code
        == 201
    )
    assert api(crew.chen).get("/api/v1/responsibilities/").json()["count"] == 0

    def told(*words: Any, **options: Any) -> Any:
        out = StringIO()
        call_command("responsibilities", *words, stdout=out, json=True, **options)
        return json.loads(out.getvalue())

    code = told("enterprise", project.ref, task="企业乙", who="lin.wei")["code"]
    line = told(
        "name",
        project.ref,
        level="enterprise",
        organisation=code,
        task="完工",
        on="2026-12-31",
        who="lin.wei",
    )
    assert [row["id"] for row in told("list", who="lin.wei")] == [line["id"]]
    with pytest.raises(CommandError, match="forbidden"):
        told("remove", str(line["id"]), note="x", who="wang.jun")
    assert told("done", str(line["id"]), note="已完工", who="lin.wei")["done_by"] == "lin.wei"
