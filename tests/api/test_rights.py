"""Who sees and does what: role times area, in list, count, tile, export and search."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from core import policies
from core.choices import Role
from core.errors import DomainError, Forbidden
from core.models import Area, Organisation
from core.services import audit, jobs
from core.services.people import give_role, take_role

# What each role may do, written out once more so that nobody widens the matrix by accident.
MAY = {
    "viewer": {"view"},
    "steward": {
        "view",
        "facility.edit",
        "facility.propose",
        "facility.import",
        "idle_asset.edit",
        "stock.move",
        "network.import",
        "population.import",
        "hazard.import",
        "alert.explain",
        "handover.report",
        "works.report",
    },
    "planner": {
        "view",
        "facility.propose",
        "idle_asset.edit",
        "scenario.edit",
        "standard.edit",
        "network.import",
        "population.import",
        "hazard.import",
        "run.start",
        "plan.edit",
        "plan.comment",
        "project.edit",
        "project.submit",
        "job.view",
        "alert.explain",
        "contract.edit",
        "duplicate_rule.edit",
        "handover.report",
        "project.import",
        "publication.edit",
        "responsibility.edit",
        "works.report",
    },
    "reviewer": {
        "view",
        "facility.propose",
        "standard.publish",
        "run.start",
        "plan.comment",
        "condition.settle",
        "money.edit",
        "money.pay",
        "job.view",
        "alert.assign",
        "alert.close",
        "alert.explain",
        "alert.run",
        "contract.edit",
        "handover.check",
        "works.inspect",
    },
    "approver": {
        "view",
        "facility.propose",
        "standard.publish",
        "plan.comment",
        "condition.settle",
        "route.publish",
        "deputy.edit",
        "alert.assign",
        "alert.run",
        "alert_rule.publish",
        "duplicate_rule.publish",
        "handover.accept",
        "inspection.draw",
        "money.agree",
        "publication.publish",
    },
    "auditor": {
        "view",
        "audit.view",
        "job.view",
        "alert.assign",
        "alert.close",
        "alert.run",
        "alert_rule.edit",
        "handover.check",
        "inspection.draw",
        "works.inspect",
    },
    # An administrator keeps the platform; handing in, deciding, money, works and what is seen of them are officers' own.
    "admin": set(policies.GRANTS)
    - {"project.submit", "condition.settle", "money.edit", "money.pay", "money.agree", "route.publish"}
    - {"contract.edit", "duplicate_rule.publish", "alert_rule.publish", "publication.publish"}
    - {"works.report", "works.inspect", "inspection.draw", "alert.explain", "alert.close", "alert.assign"}
    - {"handover.report", "handover.check", "handover.accept"},
}


@pytest.mark.parametrize("role", Role.values)
def test_each_role_may_do_exactly_this(person: Any, city: Any, role: str) -> None:
    user = person("someone", role)
    top = Area.objects.get(code="51")
    assert {act for act in policies.GRANTS if policies.allows(user, act, top)} == MAY[role]


def test_a_role_counts_in_its_area_and_below_and_nowhere_else(
    person: Any, city: Any, other_city: Any, district: Any
) -> None:
    chen = person("chen", "steward", area=district)
    assert policies.allows(chen, "facility.edit", district)
    for elsewhere in (
        Area.objects.get(code="5102"),
        Area.objects.get(code="51"),
        city,
        Area.objects.get(code="1101"),
    ):
        assert not policies.allows(chen, "facility.edit", elsewhere)
    assert policies.allows(chen, "view", city)
    assert not policies.allows(chen, "view", other_city)
    with pytest.raises(Forbidden):
        policies.demand(chen, "facility.edit", city)


def test_a_membership_counts_only_on_its_days(person: Any, city: Any) -> None:
    user = person("he", "planner")
    user.memberships.update(valid_to="2020-01-01")
    assert not policies.allows(user, "view", city)


def test_a_person_without_a_role_in_a_district_sees_nothing_of_it(
    api: Callable[..., APIClient], person: Any, city: Any, other_city: Any, district: Any
) -> None:
    Organisation.objects.create(
        city=city, code="east", name="东区", kind="territory", area=Area.objects.get(code="5102")
    )
    chen = person("chen", "viewer", area=district)
    program = api(chen)
    answer = program.get("/api/v1/areas/").json()
    assert ([area["code"] for area in answer["results"]], answer["count"]) == (["51", "5101"], 2)
    hidden = Area.objects.get(code="5102")
    assert program.get(f"/api/v1/areas/{hidden.pk}/").status_code == 404
    assert program.get("/api/v1/areas/?area=5102").json()["count"] == 0
    assert b"5102" not in b"".join(program.get("/api/v1/areas/?format=csv").streaming_content)
    assert b"5102" not in b"".join(program.get("/api/v1/areas/?format=geojson&geometry=1").streaming_content)
    assert [each["code"] for each in program.get("/api/v1/organisations/").json()["results"]] == []
    assert [each["code"] for each in program.get("/api/v1/cities/").json()["results"]] == ["51"]
    browser = Client()
    browser.force_login(chen)
    assert "5102" not in browser.get("/search/?q=District").content.decode()
    tile = browser.get("/tiles/areas/10/808/422.pbf?city=51", headers={"Accept-Encoding": "gzip"})
    drawn = gzip.decompress(tile.content)
    assert b"5101" in drawn
    assert b"5102" not in drawn
    assert browser.get("/tiles/areas/10/808/422.pbf?city=11").status_code == 404


def test_someone_without_any_role_sees_no_city_at_all(
    api: Callable[..., APIClient], person: Any, city: Any
) -> None:
    program = api(person("nobody"))
    for noun in ("cities", "areas", "organisations", "pack-layers", "jobs", "memberships"):
        assert program.get(f"/api/v1/{noun}/").json()["count"] == 0, noun
    assert program.get("/api/v1/audit/").status_code == 403
    assert program.get("/tiles/roads/10/808/422.pbf?city=51").status_code == 404


def test_jobs_are_seen_by_their_owner_and_by_who_may_start_or_audit_them(
    api: Callable[..., APIClient], person: Any, city: Any, district: Any
) -> None:
    job, _created = jobs.submit(
        kind="nobody", params={}, city=city, user=person("owner", "viewer", area=district)
    )
    seen = {
        name: api(person(name, role, area=area)).get("/api/v1/jobs/").json()["count"]
        for name, role, area in (
            ("a", "planner", None),
            ("b", "auditor", None),
            ("c", "viewer", None),
            ("d", "planner", district),
        )
    }
    assert seen == {"a": 1, "b": 1, "c": 0, "d": 0}
    assert api(job.created_by).get("/api/v1/jobs/").json()["count"] == 1


def test_the_audit_is_read_where_one_audits(
    api: Callable[..., APIClient], person: Any, city: Any, other_city: Any, district: Any
) -> None:
    for act, subject in (
        ("in.west", district),
        ("in.east", Area.objects.get(code="5102")),
        ("elsewhere", other_city),
        ("whole", city),
    ):
        audit.record(user=None, act=act, subject=subject)
    acts = {}
    for name, role, area in (
        ("city-wide", "auditor", city.areas.get(level=1)),
        ("west", "auditor", district),
    ):
        program = api(person(name, role, area=area))
        acts[name] = {each["act"] for each in program.get("/api/v1/audit/").json()["results"]} - {
            "token.make"
        }
    assert acts == {"city-wide": {"in.west", "in.east", "whole"}, "west": {"in.west"}}
    assert api(person("lin", "planner", area=district)).get("/api/v1/audit/").status_code == 403


def test_an_administrator_gives_roles_only_in_their_area(person: Any, city: Any, district: Any) -> None:
    boss, he = person("boss", "admin", area=district), person("he")
    office = Organisation.objects.get(code="51-bureau")
    given = give_role(user=boss, person=he, organisation=office, role="viewer", area=district)
    with pytest.raises(Forbidden):
        give_role(user=boss, person=he, organisation=office, role="viewer", area=Area.objects.get(code="51"))
    with pytest.raises(DomainError) as twice:
        give_role(user=boss, person=he, organisation=office, role="viewer", area=district)
    assert twice.value.code == "role-held"
    take_role(user=boss, membership=given)
    with pytest.raises(DomainError) as own:
        take_role(user=boss, membership=boss.memberships.get())
    assert own.value.code == "own-administration"
