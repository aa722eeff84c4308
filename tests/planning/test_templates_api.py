"""Scenario templates on the API, on their help page, and begun on a hazard layer."""

import json
from io import StringIO

import pytest
from django.contrib.gis.geos import MultiPolygon
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from core.models import City
from planning.models import HazardLayer, HazardZone
from planning.selectors.scenario_templates import template_document, templates
from tests.planning.town import box

ADDRESS = "/api/v1/scenario-templates/"


@pytest.fixture
def program(person):
    client = APIClient()
    client.force_authenticate(person("lin", "planner"))
    return client


def depths(city):
    """A raster's layer: classes with names of its own and the depth they begin at."""
    layer = HazardLayer.objects.create(
        city=city, code="depths", name="水深", hazard="flood", unit="m",
        cut_offs=[{"klass": "knee", "from": 0.3, "severity": 1}, {"klass": "roof", "from": 2.0, "severity": 2}],
    )  # fmt: skip
    for severity, klass in enumerate(("knee", "roof"), start=1):
        HazardZone.objects.create(
            layer=layer,
            klass=klass,
            severity=severity,
            geometry=MultiPolygon(box(0, 0, 100 * severity, 50), srid=4326),
        )
    return layer


def test_every_template_is_listed_and_read_by_its_code(program):
    rows = program.get(ADDRESS).json()["results"]
    assert [row["code"] for row in rows] == [one.code for one in templates()]
    one = program.get(f"{ADDRESS}earthquake_damage/").json()
    assert one == next(row for row in rows if row["code"] == "earthquake_damage")
    assert one["variants"][0]["rate_facts"]["model.alpha"]["high"] == 0.62
    assert [field["kind"] for field in one["fields"]] == ["shares", "by_class", "share", "shares"]


def test_what_does_not_exist_is_refused_not_ignored(program):
    assert program.get(f"{ADDRESS}meteor/").json()["code"] == "unknown-template"
    assert program.get(f"{ADDRESS}?hazard=flood").json()["code"] == "unknown-filter"
    answer = program.get(f"{ADDRESS}flood/document/?variant=noah")
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown-variant")


def test_nobody_reads_without_signing_in(db):
    assert APIClient().get(ADDRESS).status_code == 401


def test_a_scenario_is_begun_on_the_classes_of_a_layer_and_posted(town, program):
    depths(town.city)
    document = program.get(f"{ADDRESS}flood/document/?city=town&hazard_layer=depths").json()
    assert document["zone_rates"] == {
        "roof": {"affected": 1.0, "displaced": 0.05},
        "knee": {"affected": 1.0, "displaced": 0.01},
    }
    document |= {"city": "town", "name": "洪水", "services": [town.service.code]}
    made = program.post("/api/v1/scenarios/", document, format="json")
    assert made.status_code == 201, made.content
    said = made.json()
    assert (said["template"], said["model"], said["hazard_layer"]) == (
        "flood",
        {"table": "inasafe_depth"},
        "depths",
    )
    assert said["rate_facts"]["zone_rates.roof.displaced"]["high"] == 0.07


def test_a_layer_of_a_city_one_does_not_see_is_not_there(town, program):
    other = City.objects.create(code="other", name="别处", name_en="Elsewhere")
    depths(other)
    answer = program.get(f"{ADDRESS}flood/document/?hazard_layer=depths")
    assert (answer.status_code, answer.json()["code"]) == (404, "no-such-layer")


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ("1,289,607", "10.1", "0.8")), ("zh-hans", ("1,289,607", "10.1%", "0.8%", "按住宅破坏计的地震"))],
)
def test_the_help_page_shows_the_check_worked_out_in_both_languages(client, person, language, words):
    client.force_login(person("lin", "viewer"))
    client.cookies["django_language"] = language
    page = client.get("/help/templates/")
    text = page.content.decode()
    assert page.status_code == 200
    for word in words:
        assert word in text
    assert 'id="zhengzhou"' in text and 'id="mass_event"' in text


def test_the_course_of_an_outbreak_is_told_day_by_day(town, program, client, person):
    scenario = town.scenario
    scenario.template, scenario.model = "epidemic_curve", template_document("epidemic_curve")["model"]
    scenario.save()
    course = program.get(f"/api/v1/scenarios/{scenario.ref}/course/").json()
    assert len(course["days"]) == 366
    assert course["peak_per_10000"] == pytest.approx(max(row["places"] for row in course["days"]), abs=1e-3)
    assert course["days"][course["peak_day"]]["places"] == pytest.approx(course["peak_per_10000"], abs=1e-3)
    parts = ("susceptible", "infected", "infectious_unfound", "infectious_found", "isolated", "recovered")
    assert sum(course["days"][100][name] for name in parts) == pytest.approx(10_000, abs=0.01)
    out = StringIO()
    call_command("scenario_templates", course=scenario.ref, json=True, stdout=out)
    assert json.loads(out.getvalue())["days"] == course["days"]
    client.force_login(person("he", "viewer"))
    assert 'class="course"' in client.get(f"/scenarios/{scenario.ref}/").content.decode()


def test_a_scenario_without_an_outbreak_has_no_course_and_somebody_elses_is_not_there(town, program):
    answer = program.get(f"/api/v1/scenarios/{town.scenario.ref}/course/")
    assert (answer.status_code, answer.json()["code"]) == (404, "no-outbreak")
    with pytest.raises(CommandError, match="course of an outbreak"):
        call_command("scenario_templates", course=town.scenario.ref)
    other = City.objects.create(code="other", name="别处", name_en="Elsewhere")
    town.scenario.city = other
    town.scenario.save()
    assert program.get(f"/api/v1/scenarios/{town.scenario.ref}/course/").json()["code"] == "not-found"
