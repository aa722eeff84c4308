"""A draft is changed by several hands, deleted before it was handed in, and begins with what its plan said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from rest_framework.test import APIClient

from core.choices import Role
from core.errors import DomainError
from core.models import Area, AuditEntry, City
from facilities.models import Facility, PeacetimeUse, ServiceType
from planning.models import Intervention, Plan, PlanVersion
from projects.models import DuplicateCheck, Milestone, OutboxEvent, Project
from projects.services import cases, drafts

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_() -> Callable[[Any], Client]:
    def signed(user: Any) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed


def form_of(project: Project, **more: Any) -> dict[str, Any]:
    from projects.forms.drafts import ProjectForm

    said = {name: "" if value is None else str(value) for name, value in ProjectForm.of(project).items()}
    return said | {"version": str(project.version)} | {name: str(value) for name, value in more.items()}


def test_a_change_counts_up_the_version_and_tells_it(people: dict[str, Any], project: Project) -> None:
    done = drafts.edit(
        user=people["lin"], project=project, version=1, units=950, builder="城投公司", name=project.name
    )
    assert (done.units, done.builder, done.version) == (950, "城投公司", 2)
    entry = AuditEntry.objects.get(act="project.edit")
    assert entry.before == {"units": 900, "builder": ""} and entry.after == {
        "units": 950,
        "builder": "城投公司",
        "version": 2,
    }
    event = OutboxEvent.objects.get(kind="project.changed")
    assert event.payload["fields"] == ["builder", "units"]


def test_nothing_changed_is_no_change(people: dict[str, Any], project: Project) -> None:
    assert drafts.edit(user=people["lin"], project=project, version=1, units=900).version == 1
    assert not AuditEntry.objects.filter(act="project.edit").exists()
    with pytest.raises(DomainError):
        drafts.edit(user=people["lin"], project=project, version=7, units=900)


def test_the_second_of_two_is_told_what_the_first_changed(people: dict[str, Any], project: Project) -> None:
    drafts.edit(user=people["lin"], project=project, version=1, units=950)
    drafts.edit(user=people["lin"], project=project, version=2, units=970, builder="城投公司")
    with pytest.raises(DomainError) as refused:
        drafts.edit(user=people["lin"], project=project, version=1, units=800)
    assert refused.value.code == "project-changed" and refused.value.extra["version"] == 3
    told = {one["field"]: (one["before"], one["now"]) for one in refused.value.extra["changes"]}
    assert told == {"units": (900, 970), "builder": ("", "城投公司")}
    project.refresh_from_db()
    assert project.units == 970


def test_everything_wrong_is_said_at_once(people: dict[str, Any], project: Project) -> None:
    with pytest.raises(DomainError) as refused:
        drafts.edit(
            user=people["lin"], project=project, version=1, name=" ", units=0, cost_fen=-1, land_m2=-5.0, conversion_hours=-1.0,
            starts_on=date(2028, 1, 1), ends_on=date(2027, 1, 1), longitude=500.0, kind="x", site="x" * 300,
        )  # fmt: skip
    words = str(refused.value.message)
    for part in (
        "a name",
        "units",
        "the cost",
        "the land",
        "the hours",
        "the end",
        "the position",
        "the intervention",
        "200",
    ):
        assert part in words, part


def test_money_is_whole_fen_and_never_a_float(people: dict[str, Any], project: Project) -> None:
    for bad in (1.5, "1", None, float("nan"), 10**16):
        with pytest.raises(DomainError):
            drafts.edit(user=people["lin"], project=project, version=1, cost_fen=bad)


def test_a_moved_project_lies_in_its_new_area_and_not_outside(
    town: City, people: dict[str, Any], person: Callable[..., Any], project: Project
) -> None:
    west = Area.objects.create(
        city=town, code="510105", name="青羊区", level=3, parent=project.area, path="510100/510104/510105/",
        geometry=project.area.geometry, label_point=project.area.label_point,
    )  # fmt: skip
    moved = drafts.edit(user=people["lin"], project=project, version=1, longitude=104.02)
    assert (moved.area, moved.point.x, moved.point.y) == (west, 104.02, 30.05)
    with pytest.raises(DomainError, match="outside"):
        drafts.edit(user=people["lin"], project=project, version=2, latitude=40.0)


def test_a_district_planner_drafts_in_the_own_district_only(
    town: City, person: Callable[..., Any], project: Project
) -> None:
    mine = person("du.jie", Role.PLANNER, area="510104")
    said = {
        "city": town,
        "name": "新",
        "kind": "build",
        "longitude": 104.05,
        "latitude": 30.05,
        "units": 1,
        "cost_fen": 1,
    }
    made = drafts.draft(user=mine, service=project.service, **said)
    assert (
        made.area.code == "510104"
        and OutboxEvent.objects.filter(kind="project.drafted", project=made).exists()
    )
    Area.objects.filter(code="510104").update(code="510199", path="510100/510199/")
    del mine._memberships_in_force
    other = Area.objects.get(code="510199")
    Area.objects.create(
        city=town, code="510106", name="金牛区", level=3, parent=other, path="510100/510106/", geometry=other.geometry,
        label_point=other.label_point,
    )  # fmt: skip
    with pytest.raises(DomainError):
        drafts.draft(user=mine, service=project.service, **said)


def test_what_is_being_decided_on_does_not_change(
    people: dict[str, Any], project: Project, approval: Any
) -> None:
    cases.submit(user=people["lin"], project=project, route=approval)
    with pytest.raises(DomainError) as refused:
        drafts.edit(user=people["lin"], project=project, version=1, units=1)
    assert refused.value.code == "project-in-approval"


# --- deleting ------------------------------------------------------------------------------------------


def test_a_draft_that_was_never_handed_in_goes_with_all_that_hangs_on_it(
    people: dict[str, Any], project: Project
) -> None:
    drafts.set_tranches(
        user=people["lin"],
        project=project,
        tranches=[("一", project.cost_fen)],
        milestones=[("开工", date(2027, 1, 1), 0)],
    )
    DuplicateCheck.objects.create(project=project, overlap_percent=0, needs_reason=False)
    drafts.edit(user=people["lin"], project=project, version=1, units=950)
    with pytest.raises(DomainError, match="Somebody else changed"):
        drafts.delete_draft(user=people["lin"], project=project, version=1)
    drafts.delete_draft(user=people["lin"], project=project, version=2)
    assert not Project.objects.exists()
    assert AuditEntry.objects.get(act="project.delete").before["name"] == "文轩体育馆改造"
    assert OutboxEvent.objects.filter(payload__deleted=True).count() == 1
    drafts.delete_draft(user=people["lin"], project=project, version=2)  # a double click


def test_what_was_handed_in_once_is_kept(people: dict[str, Any], project: Project, approval: Any) -> None:
    case = cases.submit(user=people["lin"], project=project, route=approval)
    cases.withdraw(user=people["lin"], case=case, reason="再想想")
    project.refresh_from_db()
    with pytest.raises(DomainError, match="never handed in"):
        drafts.delete_draft(user=people["lin"], project=project, version=project.version)
    check = project.duplicate_checks.first() or DuplicateCheck.objects.create(
        project=project, overlap_percent=0, needs_reason=False
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        check.delete()


def test_events_of_other_projects_keep_their_tie(
    people: dict[str, Any], project: Project, approval: Any
) -> None:
    cases.submit(user=people["lin"], project=project, route=approval)
    with pytest.raises(IntegrityError), transaction.atomic():
        OutboxEvent.objects.filter(project=project).update(project=None)


# --- page and API --------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_page_keeps_what_was_typed_and_shows_what_the_other_changed(
    people: dict[str, Any], project: Project, as_: Any, language: str
) -> None:
    lin = as_(people["lin"])
    lin.cookies["django_language"] = language
    address = f"/projects/{project.ref}/edit/"
    assert lin.get(address).status_code == 200
    stale = form_of(project, units=1234, builder="我写的")
    drafts.edit(user=people["lin"], project=project, version=1, units=950)
    answer = lin.post(address, stale)
    text = answer.content.decode()
    assert (
        answer.status_code == 409
        and "我写的" in text
        and 'value="1234"' in text
        and "950" in text
        and "lin.wei" in text
    )
    assert 'name="version" value="2"' in text
    assert lin.post(address, stale | {"version": "2"}).status_code == 302
    project.refresh_from_db()
    assert (project.units, project.builder) == (1234, "我写的")


def test_bad_input_loses_nothing_typed(people: dict[str, Any], project: Project, as_: Any) -> None:
    lin = as_(people["lin"])
    answer = lin.post(
        f"/projects/{project.ref}/edit/", form_of(project, units="-4", description="很长的说明")
    )
    assert answer.status_code == 422 and "很长的说明" in answer.content.decode()
    answer = lin.post(
        f"/projects/{project.ref}/edit/", form_of(project, investment_code="12-34", description="很长的说明")
    )
    assert answer.status_code == 422 and "很长的说明" in answer.content.decode()
    assert lin.post(f"/projects/{project.ref}/edit/", form_of(project) | {"version": "x"}).status_code == 422


def test_only_planners_open_the_form(people: dict[str, Any], project: Project, as_: Any) -> None:
    assert as_(people["wang"]).get(f"/projects/{project.ref}/edit/").status_code == 403
    assert as_(people["chen"]).get(f"/projects/{project.ref}/edit/").status_code == 404
    assert as_(people["wang"]).post(f"/projects/{project.ref}/delete/", {"version": "1"}).status_code == 403


def test_deleting_on_the_page(people: dict[str, Any], project: Project, as_: Any) -> None:
    lin = as_(people["lin"])
    assert lin.post(f"/projects/{project.ref}/delete/", {"version": "9"}).status_code == 302
    assert Project.objects.count() == 1
    lin.post(f"/projects/{project.ref}/delete/", {"version": "1"})
    assert not Project.objects.exists()


def test_patch_and_delete_over_the_api_name_the_version(people: dict[str, Any], project: Project) -> None:
    client = APIClient()
    client.force_authenticate(people["lin"])
    address = f"/api/v1/projects/{project.ref}/"
    etag = client.get(address)["ETag"]
    assert client.patch(address, {"units": 950}, format="json").status_code == 428
    done = client.patch(
        address, {"units": 950, "site": "锦江大道"}, format="json", headers={"If-Match": etag}
    )
    assert done.status_code == 200 and (done.json()["units"], done.json()["site"], done["ETag"]) == (
        950,
        "锦江大道",
        '"2"',
    )
    stale = client.patch(address, {"units": 990}, format="json", headers={"If-Match": etag})
    assert stale.status_code == 409 and stale.json()["code"] == "project-changed"
    assert stale.json()["changes"][0]["field"] in ("units", "site")
    assert (
        client.patch(address, {"state": "approved"}, format="json", headers={"If-Match": "*"}).status_code
        == 400
    )
    assert client.delete(address, headers={"If-Match": etag}).status_code == 409
    client.force_authenticate(people["wang"])
    assert client.patch(address, {"units": 1}, format="json", headers={"If-Match": "*"}).status_code == 403
    client.force_authenticate(people["lin"])
    assert client.delete(address, headers={"If-Match": '"2"'}).status_code == 204
    assert client.get(address).status_code == 404


# --- from a plan ---------------------------------------------------------------------------------------


@pytest.fixture
def version(town: City, people: dict[str, Any]) -> PlanVersion:
    plan = Plan.objects.create(city=town, ref="P-1", name="方案")
    made = PlanVersion.objects.create(plan=plan, number=1, state="draft", budget_fen=10**12)
    area = Area.objects.get(code="510104")
    facility = Facility.objects.create(
        city=town, ref="FA-1", name="体育馆", use=PeacetimeUse.objects.first(), area=area, point=Point(104.05, 30.05, srid=4326),
        datum="WGS-84", original_x=104.05, original_y=30.05,
    )  # fmt: skip
    for order, (year, months) in enumerate([(2027, 14), (2028, 0), (None, 6)], start=1):
        Intervention.objects.create(
            version=made, order=order, kind="convert", service=ServiceType.objects.get(code="short_fixed_shelter"), facility=facility,
            name=f"体育馆{order}", area=area, point=facility.point, units=100, cost_fen=10**8, lead_months=months, year=year,
        )  # fmt: skip
    PlanVersion.objects.filter(pk=made.pk).update(state="frozen")
    made.refresh_from_db()
    return made


def test_a_draft_begins_and_ends_as_its_plan_has_it(people: dict[str, Any], version: PlanVersion) -> None:
    first, second, third = drafts.from_plan(user=people["lin"], version=version)
    assert (first.starts_on, first.ends_on) == (date(2027, 1, 1), date(2028, 2, 29))
    points = [(one.planned_on, one.works_percent) for one in first.milestones.all()]
    assert points == [(date(2027, 1, 1), 0), (date(2027, 8, 1), 50), (date(2028, 2, 29), 100)]
    assert (second.starts_on, second.ends_on, second.milestones.count()) == (date(2028, 1, 1), None, 0)
    assert (third.starts_on, third.ends_on) == (None, None)
    assert (
        drafts.from_plan(user=people["lin"], version=version)[0] == first and Milestone.objects.count() == 3
    )


def test_what_the_plan_says_stays_the_plans(people: dict[str, Any], version: PlanVersion, as_: Any) -> None:
    project = drafts.from_plan(user=people["lin"], version=version, orders=[1])[0]
    for field in ({"longitude": 104.01}, {"kind": "build"}, {"service": project.service}):
        with pytest.raises(DomainError) as refused:
            drafts.edit(user=people["lin"], project=project, version=1, **field)
        assert refused.value.code == "from-plan"
    page = as_(people["lin"]).get(f"/projects/{project.ref}/edit/").content.decode()
    assert 'name="longitude"' not in page and "P-1" in page
    drafts.edit(user=people["lin"], project=project, version=1, units=90)


def test_the_trace_goes_both_ways(people: dict[str, Any], version: PlanVersion) -> None:
    from django.template.loader import render_to_string

    from planning.selectors import change_sets

    project = drafts.from_plan(user=people["lin"], version=version, orders=[2])[0]
    then = change_sets.followed(version, user=people["lin"])
    assert then == {2: {"label": f"{project.ref}, Draft", "href": f"/projects/{project.ref}/"}}
    assert change_sets.followed(version, user=people["chen"]) == {}
    need = render_to_string("projects/parts/project_need.html", {"project": project})
    assert "/plans/P-1/?version=1&amp;order=2" in need


def test_loading_routes_loads_the_rule_too(town: City) -> None:
    from projects.models import DuplicateRule

    for _again in range(2):
        call_command("load_routes", stdout=StringIO())
    rule = DuplicateRule.objects.get()
    assert (rule.state, rule.overlap_percent, rule.idle_radius_m, rule.certainty) == (
        "published",
        50,
        1000,
        "D",
    )


def test_days_stand_in_the_form_in_every_language(people: dict[str, Any], project: Project, as_: Any) -> None:
    drafts.edit(user=people["lin"], project=project, version=1, starts_on=date(2027, 3, 1))
    for language in ("en", "zh-hans"):
        lin = as_(people["lin"])
        lin.cookies["django_language"] = language
        assert 'value="2027-03-01"' in lin.get(f"/projects/{project.ref}/edit/").content.decode()
