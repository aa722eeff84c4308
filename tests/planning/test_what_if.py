"""What if there were a facility here: equal to building it and scoring again, and said only to who may see it."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from core.errors import DomainError
from facilities.models import Capability
from planning.services import what_if as service_module
from planning.services.what_if import what_if
from tests.planning.town import PLANE, SERVICE, box, facility


@pytest.fixture(autouse=True)
def nothing_kept() -> Any:
    """Each test has its own database: a run kept from the one before must not answer."""
    service_module._kept.clear()
    yield
    service_module._kept.clear()


def degrees(x: float, y: float = 0.0) -> dict[str, float]:
    lon, lat = PLANE.inverse([x], [y])
    return {"lon": float(lon[0]), "lat": float(lat[0])}


def ask(run: Any, town: SimpleNamespace, x: float, capacity: int, **more: Any) -> Any:
    more.setdefault("user", None)
    return what_if(run=run, service=town.service, **degrees(x), capacity=capacity, **more)


def test_a_new_place_serves_who_had_nothing_and_frees_room_for_others(
    town: SimpleNamespace, compute: Any
) -> None:
    """At 300 m: c2 (100 m) and c1 (300 m) reach it. 30 of c2 come to it, 20 of them had no room; A's 10 places that
    c2 leaves stay empty, for c1 is served."""
    run = compute(town)[0]
    found = ask(run, town, 300, 40)
    assert (found.served_gain, found.late_gain, found.newly_in_reach, found.taken) == (20, 0, 0, 30)
    assert (found.gap_before, found.gap_after, found.people) == (55, 35, 20)
    assert [(row.area.code, row.served_gain, row.gap_before, row.gap_after) for row in found.areas] == [
        ("T1", 20, 20, 0)
    ]
    assert found.cells["gain"].tolist() == [20]


def test_the_answer_is_that_of_a_run_with_the_place_built(town: SimpleNamespace, compute: Any) -> None:
    before = compute(town)[0]
    cases = [
        (300, 40, 24.0),
        (300, 7, 24.0),
        (700, 100, 24.0),
        (700, 100, 100.0),
        (2900, 9, 0.0),
        (0, 1, 72.0),
    ]
    told = {case: ask(before, town, case[0], case[1], hours=case[2]) for case in cases}
    for case, found in told.items():
        x, capacity, hours = case
        place = facility(town.city, town.left, 80 + cases.index(case), x, town.park)
        Capability.objects.create(
            facility=place,
            service=town.service,
            status="active",
            capacity=capacity,
            conversion_hours_declared=hours,
        )
        after = compute(town)[0]
        place.delete()
        gained = after.totals[0]["served"] - before.totals[0]["served"]
        late = after.totals[0]["late"] - before.totals[0]["late"]
        assert (found.served_gain, found.late_gain) == (gained, late), case


@pytest.mark.parametrize("assignment", ["nearest", "best"])
def test_both_assignments_answer(town: SimpleNamespace, compute: Any, assignment: str) -> None:
    run = compute(town, assignment=assignment)[0]
    found = ask(run, town, 700, 100, hours=24.0)
    # Everyone at c2 and c3 reaches it in time: 20 without room and 20 late.
    assert found.served_gain == 40 and found.late_gain == -20


def test_a_place_that_opens_too_late_serves_late(town: SimpleNamespace, compute: Any) -> None:
    found = ask(compute(town)[0], town, 3000, 40, hours=100.0)
    assert not found.ready
    assert (found.served_gain, found.late_gain, found.newly_in_reach) == (0, 15, 15)


def test_a_place_inside_the_hazard_zone_supplies_nothing(town: SimpleNamespace, compute: Any) -> None:
    from django.contrib.gis.geos import MultiPolygon

    from planning.models import HazardLayer, HazardZone

    layer = HazardLayer.objects.create(
        city=town.city, code="flood", name="洪水", name_en="Flood", hazard="earthquake"
    )
    ground = MultiPolygon(box(2500, -400, 3400, 400), srid=4326)
    HazardZone.objects.create(layer=layer, klass="deep", severity=3, geometry=ground)
    town.scenario.hazard_layer, town.scenario.close_inside_zone = layer, True
    town.scenario.save()
    run = compute(town)[0]
    found = ask(run, town, 3000, 40)
    assert found.served_gain == 0 and "hazard zone" in found.reason
    assert ask(run, town, 300, 40).served_gain == 20


@pytest.mark.parametrize("assignment", ["nearest", "best"])
def test_people_who_need_barrier_free_places_are_served_by_such_places_only(
    town: SimpleNamespace, compute: Any, assignment: str
) -> None:
    layer = town.layers["night"]
    layer.counts.update(barrier_free=0)
    layer.counts.filter(cell=town.cells[3]).update(barrier_free=30)
    layer.barrier_free = 30
    layer.save()
    run = compute(town, assignment=assignment)[0]
    plain = ask(run, town, 3000, 40)
    assert (plain.served_gain, plain.special_served_gain, plain.taken) == (0, 0, 0)
    found = ask(run, town, 3000, 40, barrier_free_capacity=10)
    assert (found.served_gain, found.special_served_gain, found.taken) == (10, 10, 10)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"capacity": 0}, "capacity-out-of-range"),
        ({"capacity": 10, "barrier_free_capacity": 11}, "barrier-free-out-of-range"),
        ({"capacity": 10, "hours": -1.0}, "hours-out-of-range"),
        ({"capacity": 10, "x": 90_000}, "outside-city"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    town: SimpleNamespace, compute: Any, changes: dict[str, Any], code: str
) -> None:
    run = compute(town)[0]
    asked = {"x": 300, **changes}
    with pytest.raises(DomainError) as refused:
        ask(run, town, asked.pop("x"), asked.pop("capacity"), **asked)
    assert refused.value.code == code


def test_the_api_answers_and_stores_nothing(town: SimpleNamespace, compute: Any, person: Any) -> None:
    run = compute(town)[0]
    client = APIClient()
    client.force_authenticate(person("lin", "planner"))
    body = {"service": SERVICE, **degrees(300), "capacity": 40, "cells": True, "shape": True}
    answer = client.post(f"/api/v1/runs/{run.ref}/what-if/", body, format="json")
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["newly_served"], told["gap_after"], told["saved"]) == (20, 35, False)
    assert told["cells"]["features"][0]["properties"] == {"newly_served": 20}
    assert told["shape"]["type"] in {"Polygon", "MultiPolygon"}
    assert told["areas"][0]["area"] == "T1"
    bad = client.post(f"/api/v1/runs/{run.ref}/what-if/", {**body, "capacity": 0, "colour": 1}, format="json")
    assert bad.status_code == 400 and bad["Content-Type"] == "application/problem+json"
    run.refresh_from_db()
    assert run.totals[0]["served"] == 60


def test_a_districts_viewer_hears_of_the_district_only(
    town: SimpleNamespace, compute: Any, person: Any
) -> None:
    run = compute(town)[0]
    he = person("he", "viewer", town.right)
    found = ask(run, town, 700, 100, hours=24.0, user=he)
    assert (found.served_gain, found.gap_before, found.gap_after) == (20, 35, 15)
    assert [row.area.code for row in found.areas] == ["T2"]
    client = APIClient()
    client.force_authenticate(person("chen", ""))
    body = {"service": SERVICE, **degrees(300), "capacity": 40}
    assert client.post(f"/api/v1/runs/{run.ref}/what-if/", body, format="json").status_code == 404


def test_the_command_says_the_same(town: SimpleNamespace, compute: Any, capsys: Any) -> None:
    run, place = compute(town)[0], degrees(300)
    at = f"{place['lon']},{place['lat']}"
    call_command("what_if", run.ref, "--at", at, "--capacity", "40", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["newly_served"] == 20
    call_command("what_if", run.ref, "--at", at, "--capacity", "40")
    assert "newly served 20" in capsys.readouterr().out


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_page_and_card_answer_in_both_languages(
    town: SimpleNamespace, compute: Any, person: Any, language: str
) -> None:
    run, place = compute(town)[0], degrees(300)
    browser = Client(headers={"accept-language": language})
    browser.force_login(person("lin", "planner"))
    empty = browser.get(f"/runs/{run.ref}/what-if/")
    assert empty.status_code == 200 and b'name="lon"' in empty.content
    query = f"service={SERVICE}&pin={place['lon']},{place['lat']}&cap=40&opens=24"
    page = browser.get(f"/runs/{run.ref}/what-if/?{query}").content.decode()
    card = browser.get(f"/runs/{run.ref}/what-if/?{query}&part=card").content.decode()
    assert "what-if-drawing" in card and "<html" not in card and "/inventory/idle/new/?lon=" in card
    if language == "en":
        assert "Newly served: 20 places in 1 area." in page and "Newly served: 20 places in 1 area." in card
    wrong = browser.get(
        f"/runs/{run.ref}/what-if/?service={SERVICE}&pin=here&cap=40&part=card"
    ).content.decode()
    assert 'role="alert"' in wrong
    assert "what-if-open" in browser.get(f"/map/?run={run.ref}").content.decode()
    fresh = browser.get(
        f"/inventory/idle/new/?lon={place['lon']:.6f}&lat={place['lat']:.6f}"
    ).content.decode()
    assert f"{place['lon']:.6f}" in fresh
