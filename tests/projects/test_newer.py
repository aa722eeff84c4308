"""Newer data about what a case was handed in with: told and compared, and the evidence stays as frozen. Real runs of the
hand-worked town."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from planning.services.plan_freeze import freeze_version
from projects.models import Case, Evidence
from projects.selectors import evidence as figures
from projects.selectors import newer
from projects.services import cases, drafts, money, routes, working_days
from tests.planning.conftest import compute, own_artefacts, person, priced, town  # noqa: F401
from tests.planning.test_plans import suggested

pytestmark = pytest.mark.django_db


@pytest.fixture
def handed_in(priced: Any, compute: Any, person: Any) -> Case:  # noqa: F811
    """A project from a frozen plan of the town, handed in along the filing route."""
    working_days.load_calendar(until=2028)
    # The town knows one service; of the shipped routes the filing asks for nothing that it lacks.
    document = routes.read_document((routes.SHIPPED / "filing.yaml").read_text(encoding="utf-8"))
    routes.publish(user=None, route=routes.store_draft(user=None, document=document))
    lin = person("lin.wei", "planner")
    version = freeze_version(user=lin, version=suggested(priced, compute(priced), 70_000))
    project = drafts.from_plan(user=lin, version=version, orders=[1])[0]
    project.duplicate_reason = "people of this quarter walk here"
    project.save(update_fields=["duplicate_reason"])
    money.set_lines(user=lin, project=project, lines=[(2027, "local", project.cost_fen)])
    return cases.submit(user=lin, project=project, route=routes.current(code="filing"))


def test_evidence_holds_plan_run_snapshot_standard_and_place_each_with_its_hash(handed_in):
    kinds = set(handed_in.evidence.values_list("kind", flat=True))
    assert {"plan", "run", "snapshot", "standards"} <= kinds
    assert kinds & {"facility", "idle"}
    assert all(len(one.sha256) == 64 for one in handed_in.evidence.all())
    run = handed_in.evidence.get(kind="run")
    assert run.content == figures.of_run(run.run, handed_in.project)
    states = run.content["city"]
    assert states["gap"] == states["need"] - states["served"] > 0
    standard = handed_in.evidence.get(kind="standards").content
    assert standard["service"] == handed_in.project.service.code and standard["reach_limit"]
    assert newer.of_case(handed_in).evidence == []


def test_a_newer_run_of_the_same_question_is_told_figure_by_figure(handed_in, priced, compute, person):  # noqa: F811
    frozen = handed_in.evidence.get(kind="run")
    first = frozen.content["city"]
    # The registry changes: a place that served loses a half; the next run finds a larger gap.
    role = max(priced.service.capabilities.all(), key=lambda one: one.capacity)
    role.capacity = role.capacity // 2
    role.save(update_fields=["capacity"])
    run = compute(priced)[0]
    assert run.pk != frozen.run_id
    found = newer.of_case(handed_in)
    told = next(one for one in found.evidence if one.kind == "run")
    by = {figure.code: figure for figure in told.figures}
    now = next(row for row in run.totals if row["service"] == priced.service.code)
    assert by["city.gap"].frozen == first["gap"]
    assert by["city.gap"].newer == now["need"] - now["served"]
    assert by["city.gap"].difference == now["need"] - now["served"] - first["gap"]
    assert by["snapshot"].changed
    assert run.ref in found.summary[0]
    # Nothing frozen has moved, and nobody can move it.
    frozen.refresh_from_db()
    assert frozen.content["city"] == first
    with pytest.raises(DatabaseError), transaction.atomic():
        Evidence.objects.filter(pk=frozen.pk).update(content={})


def test_a_run_of_another_question_is_no_news(handed_in, priced, compute):  # noqa: F811
    compute(priced, ["day"])
    assert [one for one in newer.of_case(handed_in).evidence if one.kind == "run"] == []


def test_a_newer_frozen_version_of_the_plan_and_a_changed_place_are_told(handed_in, priced, compute, person):  # noqa: F811
    project = handed_in.project
    place = project.facility or project.idle_asset
    place.name = "改名后的点位"
    place.save(update_fields=["name"])
    plan = project.intervention.version.plan
    second = suggested(priced, compute(priced), 1_000_000, plan=plan)
    freeze_version(user=person("zhao", "planner"), version=second)
    told = next(one for one in newer.of_case(handed_in).evidence if one.kind == "plan")
    assert told.newer_words == f"version {second.number}"
    told = next(one for one in newer.of_case(handed_in).evidence if one.kind in ("facility", "idle"))
    by = {figure.code: figure for figure in told.figures}
    assert by["name"].changed and by["name"].newer == "改名后的点位"


def test_page_api_and_command_compare_alike(handed_in, priced, compute, capsys):  # noqa: F811
    role = max(priced.service.capabilities.all(), key=lambda one: one.capacity)
    role.capacity = role.capacity // 2
    role.save(update_fields=["capacity"])
    run = compute(priced)[0]
    lin = handed_in.drafter
    client = Client()
    client.force_login(lin)
    case_page = client.get(reverse("project", args=[handed_in.project.ref])).content.decode()
    assert "Newer data" in case_page and reverse("case_newer", args=[handed_in.ref]) in case_page
    page = client.get(reverse("case_newer", args=[handed_in.ref])).content.decode()
    assert f"/runs/{run.ref}/" in page and "As frozen" in page
    api = APIClient()
    api.force_authenticate(lin)
    said = api.get(f"/api/v1/cases/{handed_in.ref}/newer/").json()
    assert [one["newer_link"] for one in said["evidence"] if one["kind"] == "run"] == [f"/runs/{run.ref}/"]
    call_command("case", "newer", handed_in.ref, "--as", lin.username, "--json")
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(said))
