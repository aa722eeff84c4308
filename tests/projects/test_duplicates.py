"""Nothing is built twice: overlaps worked by hand and a second way, the rule, the reason, rights, page, API, command."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from io import StringIO
from typing import Any

import numpy as np
import pytest
from django.contrib.gis.geos import Point
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from core.choices import Role
from core.errors import DomainError
from core.models import Area, City
from engine.crs import LocalMetric
from facilities.models import Capability, Facility, PeacetimeUse, ServiceType
from inventory.models import AssetOption, IdleAsset
from planning.bridge.catchments import Ground, Limit, circle_percent, shared_people
from planning.models import CellPopulation, DemandCell, PopulationLayer
from projects.choices import ProjectState, RouteState
from projects.models import DuplicateCheck, DuplicateRule, Project
from projects.selectors import duplicates as near
from projects.services import cases, drafts, duplicate_rules, duplicates

pytestmark = pytest.mark.django_db
# One degree of longitude at the equator of the plane is not needed: places are set in metres from the project.
HERE = (104.05, 30.05)


def ground(x: Any, y: Any, people: Any, detour: float = 1.0) -> Ground:
    x, y = np.asarray(x, float), np.asarray(y, float)
    return Ground(np.arange(len(x)), x, y, np.asarray(people, float), LocalMetric(*HERE), "night", detour)


def lonlat(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    lon, lat = LocalMetric(*HERE).inverse(np.asarray(x, float), np.asarray(y, float))
    return np.asarray(lon), np.asarray(lat)


# --- the numbers ---------------------------------------------------------------------------------------


def test_the_worked_example_of_the_method() -> None:
    """docs/algorithms/duplicate-building.md: 1,000 m on foot, cells at 0, 600 and 900 m east with 100, 300, 600 people."""
    town = ground([0, 600, 900], [0, 0, 0], [100, 300, 600])
    lon, lat = lonlat([1500, 3000], [0, 0])
    found = shared_people(town, Limit(1000, "m", "walk"), "x", *HERE, lon, lat, np.array([-1, -1]))
    assert found.people == 1000
    # The place at 1,500 m reaches the cells at 600 m (900 m away) and 900 m (600 m away): 900 of 1,000 people.
    assert found.percent.tolist() == [90.0, 0.0]
    assert found.distance_m == pytest.approx([1500, 3000], abs=0.5)


def test_the_overlap_of_two_circles_is_known_by_hand() -> None:
    # Two unit circles whose centres lie one radius apart share 2 pi / 3 - sqrt(3) / 2 of pi.
    by_hand = 100 * (2 * math.pi / 3 - math.sqrt(3) / 2) / math.pi
    found = circle_percent(np.array([0.0, 500.0, 1000.0, 2000.0]), 500.0)
    assert found[1] == pytest.approx(by_hand) == pytest.approx(39.1, abs=0.05)
    assert found[[0, 2, 3]].tolist() == pytest.approx([100, 0, 0])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000), cells=st.integers(1, 400), others=st.integers(1, 40), reach=st.floats(200, 3000),
    detour=st.sampled_from([1.0, 1.3]),
)  # fmt: skip
def test_random_towns_agree_with_every_pair_looked_at(
    seed: int, cells: int, others: int, reach: float, detour: float
) -> None:
    """The second way: all distances between all cells and all places, in one plain table."""
    draw = np.random.default_rng(seed)
    x, y = draw.uniform(-3000, 3000, (2, cells))
    people = draw.integers(0, 500, cells).astype(float)
    ox, oy = draw.uniform(-4000, 4000, (2, others))
    found = shared_people(
        ground(x, y, people, detour), Limit(reach, "m", "walk"), "x", *HERE, *lonlat(ox, oy), np.full(others, -1)
    )  # fmt: skip
    mine = np.hypot(x, y) * detour <= reach
    theirs = np.hypot(x[:, None] - ox, y[:, None] - oy) * detour <= reach
    total = people[mine].sum()
    assert found.people == pytest.approx(total)
    if total:
        both = (people[:, None] * (mine[:, None] & theirs)).sum(axis=0)
        assert found.percent == pytest.approx(100 * both / total, abs=1e-3)
        assert ((found.percent >= 0) & (found.percent <= 100)).all()
    else:
        assert np.isnan(found.percent).all()


@settings(max_examples=40, deadline=None)
@given(distance=st.lists(st.floats(0, 10_000), min_size=2, max_size=20), radius=st.floats(1, 5000))
def test_circles_share_less_the_farther_they_are_apart(distance: list[float], radius: float) -> None:
    found = circle_percent(np.sort(np.array(distance)), radius)
    assert (np.diff(found) <= 1e-9).all()
    assert ((found >= 0) & (found <= 100)).all()


# --- what is found in a city ---------------------------------------------------------------------------


@pytest.fixture
def shelter() -> ServiceType:
    return ServiceType.objects.get(code="short_fixed_shelter")


@pytest.fixture
def rule(town: City) -> DuplicateRule:
    duplicate_rules.load_shipped()
    return DuplicateRule.objects.get(city=None, service=None)


@pytest.fixture
def cells(town: City) -> PopulationLayer:
    """A row of cells east of the project, 100 m apart, ten people in each."""
    layer = PopulationLayer.objects.create(
        city=town, code="n", name="夜", time_of_day="night", people=210, cells=21
    )
    for number in range(21):
        lon, lat = lonlat([100.0 * number], [0.0])
        cell = DemandCell.objects.create(
            city=town, number=number, code=f"c{number}", point=Point(lon[0], lat[0], srid=4326)
        )
        CellPopulation.objects.create(layer=layer, cell=cell, people=10)
    return layer


def place(town: City, metres: float, **more: Any) -> Facility:
    lon, lat = lonlat([metres], [0.0])
    number = Facility.objects.count() + 1
    return Facility.objects.create(
        city=town, ref=f"FA-{number:05d}", name=f"体育馆{number}", use=PeacetimeUse.objects.first(), area=Area.objects.get(code="510104"),
        point=Point(lon[0], lat[0], srid=4326), datum="WGS-84", original_x=lon[0], original_y=lat[0], **more,
    )  # fmt: skip


def has_role(
    facility: Facility, service: ServiceType, capacity: float = 500, status: str = "active"
) -> Capability:
    return Capability.objects.create(facility=facility, service=service, capacity=capacity, status=status)


def idle(town: City, metres: float, service: ServiceType, **more: Any) -> IdleAsset:
    lon, lat = lonlat([0.0], [metres])
    number = IdleAsset.objects.count() + 1
    made = IdleAsset.objects.create(
        city=town, ref=f"IA-{number:05d}", name=f"旧厂房{number}", kind="premises", area=Area.objects.get(code="510104"),
        point=Point(lon[0], lat[0], srid=4326), datum="WGS-84", original_x=lon[0], original_y=lat[0], **more,
    )  # fmt: skip
    AssetOption.objects.create(
        asset=made, service=service, kind="convert", capacity=300, cost_fen=5_000_000_00
    )
    return made


def test_a_designated_place_that_serves_the_same_people_is_found(
    town: City, people: dict[str, Any], project: Project, shelter: ServiceType, cells: Any, rule: Any
) -> None:
    """Reach of the standard: 1,000 m with a detour of 1.3, so straight 769.2 m: cells 0 to 7, 80 people. A place at 500 m
    reaches cells 0 (500 m) to 12: all of them. One at 1,000 m reaches 3 to 17: five of eight. One at 1,700: none."""
    for metres in (500, 1000, 1700):
        has_role(place(town, metres), shelter)
    made = duplicates.check(user=people["lin"], project=project)
    assert made.found["basis"] == "straight" and made.found["people"] == 80
    assert [(row["distance_m"], row["overlap_percent"]) for row in made.found["rows"]] == [
        (500, 100.0),
        (1000, 62.5),
    ]
    assert made.overlap_percent == 100.0 and made.needs_reason
    assert made.found["counts"] == {"facility": 2, "project": 0, "intervention": 0, "above": 2, "idle": 0}


@pytest.mark.parametrize("metres, above", [(1000, True), (1100, False)])
def test_half_is_the_threshold_and_is_allowed(
    town: City,
    people: dict[str, Any],
    project: Project,
    shelter: ServiceType,
    cells: Any,
    rule: Any,
    metres: int,
    above: bool,
) -> None:
    """At 1,100 m cells 4 to 7 are shared: exactly 50 %, which is not above the rule."""
    has_role(place(town, metres), shelter)
    made = duplicates.check(user=people["lin"], project=project)
    assert made.overlap_percent == (62.5 if above else 50.0)
    assert made.needs_reason is above


def test_what_does_not_count_is_left_out(
    town: City, people: dict[str, Any], project: Project, shelter: ServiceType, cells: Any, rule: Any
) -> None:
    other = ServiceType.objects.get(code="medical_point")
    has_role(place(town, 100), other)
    has_role(place(town, 110), shelter, status="possible")
    has_role(place(town, 120, status="closed"), shelter)
    own = place(town, 0)
    has_role(own, shelter)
    Project.objects.filter(pk=project.pk).update(facility=own)
    project.refresh_from_db()
    made = duplicates.check(user=people["lin"], project=project)
    assert made.found["rows"] == [] and not made.needs_reason


@pytest.mark.parametrize(
    "state, counts",
    [("draft", True), ("review", True), ("returned", True), ("refused", False), ("withdrawn", False)],
)
def test_planned_projects_count_until_they_are_given_up(
    town: City, people: dict[str, Any], project: Project, cells: Any, rule: Any, state: str, counts: bool
) -> None:
    Project.objects.create(
        city=town, ref="PJ-9", name="另一个", kind="build", units=10, cost_fen=1, service=project.service, area=project.area,
        point=project.point, state=state,
    )  # fmt: skip
    made = duplicates.check(user=people["lin"], project=project)
    assert [row["ref"] for row in made.found["rows"]] == (["PJ-9"] if counts else [])
    assert made.needs_reason is counts


def test_idle_assets_near_ask_for_a_reason_too(
    town: City, people: dict[str, Any], project: Project, shelter: ServiceType, cells: Any, rule: Any
) -> None:
    idle(town, 900, shelter)
    idle(town, 1100, shelter)
    idle(town, 100, ServiceType.objects.get(code="medical_point"))
    idle(town, 200, shelter, status="used")
    own = idle(town, 0, shelter)
    Project.objects.filter(pk=project.pk).update(idle_asset=own)
    project.refresh_from_db()
    made = duplicates.check(user=people["lin"], project=project)
    assert [row["distance_m"] for row in made.found["idle"]] == [900]
    assert made.needs_reason and made.found["idle"][0]["cost_fen"] == 5_000_000_00


def test_an_upgrade_builds_nothing_twice(
    town: City, people: dict[str, Any], project: Project, shelter: ServiceType, cells: Any, rule: Any
) -> None:
    has_role(place(town, 100), shelter)
    Project.objects.filter(pk=project.pk).update(kind="upgrade")
    project.refresh_from_db()
    made = duplicates.check(user=people["lin"], project=project)
    assert made.found["rows"] and not made.needs_reason and made.found["building"] is False


def test_where_nobody_lives_the_circles_are_compared(
    town: City, people: dict[str, Any], project: Project, shelter: ServiceType, rule: Any
) -> None:
    has_role(place(town, 100), shelter)
    made = duplicates.check(user=people["lin"], project=project)
    row = made.found["rows"][0]
    assert made.found["by"] == "circles" and row["overlap_percent"] == row["circle_percent"] > 50
    assert made.needs_reason


def test_without_a_rule_nothing_is_asked(
    town: City, people: dict[str, Any], project: Project, shelter: ServiceType, cells: Any
) -> None:
    has_role(place(town, 100), shelter)
    made = duplicates.check(user=people["lin"], project=project)
    assert made.rule is None and made.overlap_percent == 100.0 and not made.needs_reason


def test_the_same_found_again_is_one_row_and_stays(
    town: City, people: dict[str, Any], project: Project, shelter: ServiceType, cells: Any, rule: Any
) -> None:
    has_role(place(town, 500), shelter)
    first = duplicates.check(user=people["lin"], project=project)
    assert duplicates.check(user=people["lin"], project=project) == first
    has_role(place(town, 600), shelter)
    assert duplicates.check(user=people["lin"], project=project) != first
    assert project.duplicate_checks.count() == 2
    with pytest.raises(IntegrityError), transaction.atomic():
        DuplicateCheck.objects.filter(pk=first.pk).update(needs_reason=False)


def test_a_check_needs_few_statements_however_many_are_near(
    town: City, people: dict[str, Any], project: Project, shelter: ServiceType, cells: Any, rule: Any,
    django_assert_max_num_queries: Any,
) -> None:  # fmt: skip
    for metres in range(0, 600, 10):
        has_role(place(town, metres), shelter)
    with django_assert_max_num_queries(40):
        made = duplicates.check(user=people["lin"], project=project)
    assert made.found["counts"]["facility"] == 60 and len(made.found["rows"]) == 60


# --- the reason ----------------------------------------------------------------------------------------


def test_above_the_rule_a_project_is_handed_in_only_with_a_reason(
    town: City,
    people: dict[str, Any],
    project: Project,
    shelter: ServiceType,
    cells: Any,
    rule: Any,
    approval: Any,
) -> None:
    has_role(place(town, 100), shelter)
    duplicates.check(user=people["lin"], project=project)
    with pytest.raises(DomainError) as refused:
        duplicates.demand_reason(project=project)
    assert refused.value.code == "duplicate-reason" and "体育馆" in str(refused.value.message)
    with pytest.raises((DomainError, IntegrityError)), transaction.atomic():
        cases.submit(user=people["lin"], project=project, route=approval)
    project.refresh_from_db()
    assert project.state == ProjectState.DRAFT
    drafts.edit(user=people["lin"], project=project, version=project.version, duplicate_reason="附近场馆已满，仍缺 38 个床位。")  # fmt: skip
    duplicates.demand_reason(project=project)
    case = cases.submit(user=people["lin"], project=project, route=approval)
    assert case.submissions.get().content["duplicate_reason"].startswith("附近")


def test_the_database_refuses_a_submission_without_the_reason(
    town: City, people: dict[str, Any], project: Project, approval: Any
) -> None:
    case = cases.submit(user=people["lin"], project=project, route=approval)
    DuplicateCheck.objects.create(project=project, found={}, overlap_percent=90, needs_reason=True)
    row = case.submissions.get()
    row.pk, row.round = None, 2
    with pytest.raises(IntegrityError, match="a reason is needed"), transaction.atomic():
        row.save(force_insert=True)


def test_spaces_are_no_reason(people: dict[str, Any], project: Project) -> None:
    DuplicateCheck.objects.create(project=project, found={"rows": [], "idle": [], "counts": {}}, overlap_percent=90, needs_reason=True)  # fmt: skip
    drafts.edit(user=people["lin"], project=project, version=1, duplicate_reason="  \n ")
    with pytest.raises(DomainError, match="Write why"):
        duplicates.demand_reason(project=project)


# --- rules ---------------------------------------------------------------------------------------------


def drafted(people: dict[str, Any], town: City, **more: Any) -> DuplicateRule:
    said = {"service": None, "overlap_percent": 30.0, "idle_radius_m": 500.0, "reason": "更严"} | more
    return duplicate_rules.draft(user=people["lin"], city=town, **said)


def test_a_rule_is_drafted_by_one_and_published_by_another(
    town: City, people: dict[str, Any], person: Callable[..., Any], shelter: ServiceType, rule: DuplicateRule
) -> None:
    mine = drafted(people, town)
    both = person("lin.wei", Role.APPROVER)
    with pytest.raises(DomainError, match="does not publish"):
        duplicate_rules.publish(user=both, rule=mine)
    with pytest.raises(DomainError):
        duplicate_rules.publish(user=people["wang"], rule=mine)
    assert near.rule_for(town, shelter) == rule
    duplicate_rules.publish(user=people["zhao"], rule=mine)
    assert near.rule_for(town, shelter) == mine
    own = duplicate_rules.publish(
        user=people["zhao"], rule=drafted(people, town, service=shelter, overlap_percent=80.0)
    )
    assert near.rule_for(town, shelter) == own
    second = duplicate_rules.publish(user=people["zhao"], rule=drafted(people, town))
    mine.refresh_from_db()
    assert (mine.state, second.version) == (RouteState.RETIRED, 2)


@pytest.mark.parametrize(
    "change",
    ["overlap_percent = 1", "reason = 'x'", "state = 'draft'", "idle_radius_m = 0", "published_by_id = null"],
)
def test_the_database_keeps_published_rules(town: City, people: dict[str, Any], change: str) -> None:
    mine = duplicate_rules.publish(user=people["zhao"], rule=drafted(people, town))
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"update projects_duplicaterule set {change} where id = %s", [mine.pk])
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("delete from projects_duplicaterule where id = %s", [mine.pk])
    with pytest.raises(IntegrityError), transaction.atomic():
        DuplicateRule.objects.filter(pk=drafted(people, town).pk).update(state="published", published_by=people["lin"])  # fmt: skip


def test_a_bad_rule_says_everything_at_once(town: City, people: dict[str, Any]) -> None:
    with pytest.raises(DomainError) as refused:
        drafted(people, town, overlap_percent=120.0, idle_radius_m=-1.0, reason=" ")
    words = str(refused.value.message)
    assert all(part in words for part in ("0 to 100", "50,000", "a reason"))


# --- page, API, command --------------------------------------------------------------------------------


@pytest.fixture
def as_() -> Callable[[Any], Client]:
    def signed(user: Any) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_page_shows_what_is_near_and_takes_the_reason(
    town: City,
    people: dict[str, Any],
    project: Project,
    shelter: ServiceType,
    cells: Any,
    rule: Any,
    as_: Any,
    language: str,
) -> None:
    has_role(place(town, 500), shelter)
    idle(town, 300, shelter)
    client = as_(people["lin"])
    client.cookies["django_language"] = language
    address = f"/projects/{project.ref}/duplicates/"
    assert client.get(address).status_code == 200
    assert client.post(address, {"look": "1"}).status_code == 302
    text = client.get(address).content.decode()
    assert "体育馆1" in text and "旧厂房1" in text and "100.0" in text
    stale = client.post(address, {"duplicate_reason": "仍有缺口", "version": project.version + 1})
    assert stale.status_code == 409 and "仍有缺口" in stale.content.decode()
    client.post(address, {"duplicate_reason": "仍有缺口", "version": project.version})
    project.refresh_from_db()
    assert project.duplicate_reason == "仍有缺口"
    assert as_(people["chen"]).get(address).status_code == 404


def test_a_district_officer_is_told_without_names_what_lies_elsewhere(
    town: City,
    people: dict[str, Any],
    person: Callable[..., Any],
    project: Project,
    shelter: ServiceType,
    cells: Any,
    rule: Any,
) -> None:
    area = Area.objects.get(code="510104")
    elsewhere = Area.objects.create(
        city=town, code="510105", name="青羊区", level=2, parent=area.parent, path="510100/510105/", geometry=area.geometry,
        label_point=area.label_point,
    )  # fmt: skip
    secret, mine = place(town, 400), place(town, 600)
    for one in (secret, mine):
        has_role(one, shelter)
    Facility.objects.filter(pk=secret.pk).update(area=elsewhere)
    duplicates.check(user=people["lin"], project=project)
    officer = person("du.jie", Role.PLANNER, area="510104")
    seen = near.newest(project, officer)
    assert [(row["name"], row["href"] != "") for row in seen.rows] == [("", False), (mine.name, True)]
    assert seen.rows[0]["overlap_percent"] == 100.0
    assert all(row["name"] for row in near.newest(project, people["lin"]).rows)


def test_the_api_says_the_same_as_the_page(
    town: City, people: dict[str, Any], project: Project, shelter: ServiceType, cells: Any, rule: Any
) -> None:
    has_role(place(town, 500), shelter)
    client = APIClient()
    client.force_authenticate(people["lin"])
    address = f"/api/v1/projects/{project.ref}/duplicates/"
    assert client.get(address).json()["checked_at"] is None
    said = client.post(address).json()
    assert said["needs_reason"] and said["rows"][0]["overlap_percent"] == 100.0 and said["people"] == 80
    assert client.get(address).json()["rows"] == said["rows"]
    client.force_authenticate(people["wang"])
    assert client.post(address).status_code == 403
    client.force_authenticate(people["chen"])
    assert client.get(address).status_code == 404


def test_rules_over_the_api(town: City, people: dict[str, Any]) -> None:
    client = APIClient()
    client.force_authenticate(people["lin"])
    body = {"city": "town", "service": "short_fixed_shelter", "overlap_percent": 70, "idle_radius_m": 800, "reason": "步行圈小"}  # fmt: skip
    made = client.post("/api/v1/duplicate-rules/", body, format="json")
    assert made.status_code == 201, made.content
    address = f"/api/v1/duplicate-rules/{made.json()['id']}/"
    assert client.post(f"{address}publish/").status_code == 403
    client.force_authenticate(people["zhao"])
    assert client.post(f"{address}publish/").json()["state"] == "published"
    assert client.post(f"{address}publish/").status_code == 409
    client.force_authenticate(people["lin"])
    assert client.delete(address).status_code == 409
    client.force_authenticate(people["chen"])
    assert client.get(address).status_code == 404


def test_rules_on_their_page(town: City, people: dict[str, Any], rule: Any, as_: Any) -> None:
    lin = as_(people["lin"])
    body = {
        "service": "",
        "overlap_percent": "40",
        "idle_radius_m": "600",
        "reason": "紧凑城区",
        "source": "",
        "certainty": "D",
    }
    assert lin.post("/rules/duplicates/", body | {"overlap_percent": "140"}).status_code == 422
    assert lin.post("/rules/duplicates/", body).status_code == 302
    mine = DuplicateRule.objects.get(city=town)
    lin.post(f"/rules/duplicates/{mine.pk}/", {"move": "publish"})
    mine.refresh_from_db()
    assert mine.state == "draft"
    as_(people["zhao"]).post(f"/rules/duplicates/{mine.pk}/", {"move": "publish"})
    mine.refresh_from_db()
    assert mine.state == "published"


def test_the_command_checks_and_writes_the_reason(
    town: City, people: dict[str, Any], project: Project, shelter: ServiceType, cells: Any, rule: Any
) -> None:
    has_role(place(town, 500), shelter)
    out = StringIO()
    call_command("duplicates", "check", project.ref, "--as", "lin.wei", "--json", stdout=out)
    assert json.loads(out.getvalue())["needs_reason"] is True
    call_command("duplicates", "reason", project.ref, "仍有缺口", "--as", "lin.wei", stdout=StringIO())
    project.refresh_from_db()
    assert project.duplicate_reason == "仍有缺口"
    with pytest.raises(CommandError, match="no project"):
        call_command("duplicates", "show", project.ref, "--as", "chen.yu")
