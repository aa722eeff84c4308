"""The list, the board and the sums of a programme: counts filter, exports match, sums add up a second way."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from django.contrib.gis.geos import Point
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from core.choices import Role
from core.models import Area, City
from facilities.models import ServiceType
from planning.choices import FundSource
from projects.models import Project
from projects.selectors import pages, programme
from projects.services import money

pytestmark = pytest.mark.django_db
SERVICES = ("short_fixed_shelter", "medical_point", "supply_warehouse")


@pytest.fixture
def as_() -> Callable[[Any], Client]:
    def signed(user: Any) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed


@pytest.fixture
def many(town: City, people: dict[str, Any]) -> list[Project]:
    """Sixty projects in two districts, three services and four states."""
    first = Area.objects.get(code="510104")
    second = Area.objects.create(
        city=town, code="510105", name="青羊区", name_en="Qingyang", level=2, parent=first.parent, path="510100/510105/",
        geometry=first.geometry, label_point=first.label_point,
    )  # fmt: skip
    services = [ServiceType.objects.get(code=code) for code in SERVICES]
    states = ["draft", "review", "returned", "refused"]
    today = timezone.localdate()
    made = [
        Project(
            city=town, ref=f"PJ-{n:03d}", name=f"项目{n}", kind="build" if n % 5 else "convert", units=10 + n, cost_fen=(n + 1) * 10**6,
            service=services[n % 3], area=(first, second)[n % 2], point=Point(104.05, 30.05, srid=4326), state=states[n % 4],
            gap_promised=n if n % 3 else None, created_by=people["lin"], starts_on=today, ends_on=today + timedelta(days=n),
        )
        for n in range(60)
    ]  # fmt: skip
    return Project.objects.bulk_create(made)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_list_filters_by_counts_and_sorts(
    many: Any, people: dict[str, Any], as_: Any, language: str
) -> None:
    lin = as_(people["lin"])
    lin.cookies["django_language"] = language
    page = lin.get("/projects/")
    assert page.status_code == 200 and page.context["page"].paginator.count == 60
    facets = {one["name"]: one for one in page.context["facets"]}
    assert {one["value"]: one["count"] for one in facets["state"]["options"]} == {
        "draft": 15,
        "review": 15,
        "returned": 15,
        "refused": 15,
    }
    assert {one["value"]: one["count"] for one in facets["area"]["options"]} == {"510104": 30, "510105": 30}
    narrowed = lin.get("/projects/?state=draft&state=review&area=510104&ordering=-cost_fen")
    rows = list(narrowed.context["page"])
    assert [row.cost_fen for row in rows] == sorted((row.cost_fen for row in rows), reverse=True)
    assert {row.state for row in rows} <= {"draft", "review"} and {row.area.code for row in rows} == {
        "510104"
    }
    assert len(narrowed.context["pills"]) == 2
    # a facet counts with every filter but its own
    states = {
        one["value"]: one["count"]
        for f in narrowed.context["facets"]
        if f["name"] == "state"
        for one in f["options"]
    }
    assert sum(states.values()) == 30
    assert lin.get("/projects/?state=nonsense").context["page"].paginator.count == 0
    assert lin.get("/projects/?search=项目59").context["page"].paginator.count == 1


def test_a_district_officer_sees_and_counts_only_the_own_rows(
    many: Any, person: Callable[..., Any], as_: Any
) -> None:
    officer = as_(person("du.jie", Role.PLANNER, area="510105"))
    for address in ("/projects/", "/projects/board/"):
        page = officer.get(address)
        facets = {one["name"]: one for one in page.context["facets"]}
        assert sum(one["count"] for one in facets["state"]["options"]) == 30
    assert officer.get("/projects/board/").context["sum"].projects == 30
    assert officer.get("/projects/?search=PJ-000").context["page"].paginator.count == 0
    assert not Client().get("/projects/board/").context


def test_the_query_string_means_the_same_in_the_api_and_the_exports(
    many: Any, people: dict[str, Any], as_: Any
) -> None:
    query = "state=draft&service=medical_point&ordering=-cost_fen"
    lin = as_(people["lin"])
    refs = [row.ref for row in lin.get(f"/projects/?{query}").context["page"]]
    assert refs
    client = APIClient()
    client.force_authenticate(people["lin"])
    assert [row["ref"] for row in client.get(f"/api/v1/projects/?{query}").json()["results"]] == refs
    text = b"".join(client.get(f"/api/v1/projects/?{query}&format=csv").streaming_content).decode("utf-8-sig")
    assert [row["ref"] for row in csv.DictReader(io.StringIO(text))] == refs
    book = openpyxl.load_workbook(io.BytesIO(lin.get(f"/projects/list.xlsx?{query}").content))
    names = [row[1] for row in book.worksheets[0].iter_rows(min_row=2, values_only=True)]
    assert names == [Project.objects.get(ref=ref).name for ref in refs]
    assert client.get("/api/v1/projects/?ordering=nonsense").status_code == 400
    assert client.get(f"/api/v1/projects/?{query}&format=geojson").status_code == 200


def test_sums_add_up_a_second_way(many: list[Project], people: dict[str, Any], town: City) -> None:
    paid = many[4]
    money.set_lines(user=people["lin"], project=paid, lines=[(2026, FundSource.CENTRAL, paid.cost_fen)])
    found = programme.lines(pages.projects_visible_to(people["lin"], town))
    in_all = programme.total(found)
    assert (in_all.projects, in_all.cost_fen) == (60, sum(one.cost_fen for one in many))
    by_hand: dict[str, int] = {}
    for one in many:
        if one.gap_promised is not None:
            by_hand[one.service.unit] = by_hand.get(one.service.unit, 0) + one.gap_promised
    assert {unit: n for (unit, _name), n in in_all.promised.items()} == by_hand
    assert in_all.unsaid == sum(one.gap_promised is None for one in many)
    for key in (
        lambda one: one.service,
        lambda one: programme.district_of(one.area_path),
        lambda one: one.state,
    ):
        parts = programme.grouped(found, key).values()
        assert sum(part.projects for part in parts) == 60
        assert sum(part.cost_fen for part in parts) == in_all.cost_fen
    columns = programme.board(found)
    assert [one.state for one in columns] == [
        "draft",
        "review",
        "returned",
        "approved",
        "works",
        "commissioned",
        "refused",
    ]
    assert sum(one.totals.cost_fen for one in columns) == in_all.cost_fen
    assert all(len(one.cards) + one.more == one.totals.projects for one in columns)


def test_the_programme_is_read_in_few_statements(
    many: Any, people: dict[str, Any], town: City, django_assert_max_num_queries: Any
) -> None:
    rows = pages.projects_visible_to(people["lin"], town)
    with django_assert_max_num_queries(5):
        assert len(programme.lines(rows)) == 60


def test_what_is_late_comes_first(
    many: list[Project], people: dict[str, Any], town: City, approval: Any
) -> None:
    from projects.services import cases

    late = Project.objects.create(
        city=town, ref="PJ-X", name="拖了的", kind="build", units=1, cost_fen=0, service=many[0].service, area=many[0].area,
        point=many[0].point, created_by=people["lin"],
    )  # fmt: skip
    case = cases.submit(user=people["lin"], project=late, route=approval)
    today = timezone.localdate()
    case.steps.filter(state="open").update(due_on=today - timedelta(days=3))
    found = programme.lines(pages.projects_visible_to(people["lin"], town))
    review = next(one for one in programme.board(found) if one.state == "review")
    assert (review.cards[0].ref, review.cards[0].overdue_days) == ("PJ-X", 3)
    assert [one.ref for one in Project.objects.filter(programme.overdue())] == ["PJ-X"]


def test_the_sums_over_the_api(
    many: list[Project], people: dict[str, Any], person: Callable[..., Any]
) -> None:
    client = APIClient()
    client.force_authenticate(people["lin"])
    said = client.get("/api/v1/programme/?city=town").json()
    assert said["in_all"]["projects"] == 60 and {row["label"] for row in said["by_area"]} == {
        "510104",
        "510105",
    }
    assert sum(row["cost_fen"] for row in said["by_service"]) == said["in_all"]["cost_fen"]
    assert client.get("/api/v1/programme/?state=nonsense").status_code == 400
    client.force_authenticate(person("du.jie", Role.PLANNER, area="510105"))
    assert client.get("/api/v1/programme/").json()["in_all"]["projects"] == 30
    client.force_authenticate(people["chen"])
    assert client.get("/api/v1/programme/").json()["in_all"]["projects"] == 0
