"""Pages of scenarios: the list, the composer, the record and the versions, as a planner meets them."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from planning.models import HazardLayer, HazardZone, Run, Scenario
from planning.services import scenarios
from tests.planning.test_scenarios import flood, ground, multi, told
from tests.planning.town import SERVICE

pytestmark = pytest.mark.django_db


@pytest.fixture
def browse(person: Any) -> Any:
    def sign_in(name: str = "lin", role: str = "planner", area: Any = None, language: str = "en") -> Client:
        client = Client(headers={"accept-language": language})
        client.force_login(person(name, role, area))
        return client

    return sign_in


def typed(town: Any, **more: Any) -> dict[str, Any]:
    """The form as a person fills it."""
    return {
        "template": "custom", "name": "暴雨", "name_en": "Storm", "hazard": "flood", "extent": "everywhere", "affected_percent": "50", "rate_source": "worked example",
        "displaced_percent": "25", "services": [str(town.service.pk)], "times_of_day": ["night"], "rate_certainty": "D",
        "close_inside_zone": "on",
    } | more  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_of_scenarios_opens_in_both_languages(town: Any, browse: Any, language: str) -> None:
    layer = flood(town)
    made = scenarios.create_told(
        user=None, city=town.city, told=told(extent="zones", hazard_layer=layer.code)
    )
    scenarios.update_told(user=None, scenario=made, version=1, told={"notes": "x"})
    client = browse(language=language)
    pages = ["", "new/", "new/?template=flood", "new/?template=earthquake_damage", "new/?template=epidemic_curve", "new/?template=mass_event"]  # fmt: skip
    pages += [
        f"{made.ref}/",
        f"{made.ref}/edit/",
        f"{made.ref}/versions/",
        "?hazard=flood&extent=zones&search=Storm",
    ]
    for address in pages:
        page = client.get(f"/scenarios/{address}")
        assert page.status_code == 200, address
        assert "None" not in re.sub(r"<[^>]+>|rate_facts", "", page.content.decode()), address
    assert client.get("/scenarios/new/?template=nothing").status_code == 404


def test_the_list_tells_people_inside_and_is_narrowed(town: Any, browse: Any) -> None:
    scenarios.create_told(user=None, city=town.city, told=told(extent="areas", areas=["T2"]))
    client = browse()
    page = client.get("/scenarios/").content.decode()
    assert "Storm" in page and "Earthquake" in page and ">70<" in page and ">230<" in page
    narrow = client.get("/scenarios/?extent=areas").content.decode()
    assert "Storm" in narrow and "S-90001" not in narrow
    assert "Nothing matches" in client.get("/scenarios/?search=typhoon").content.decode()


def test_ranges_and_sources_are_typed_beside_each_rate(town: Any, browse: Any) -> None:
    layer = flood(town)
    form = typed(
        town, extent="zones", hazard_layer=layer.code, affected_percent="100", displaced_percent="",
        **{
            "rate:zone_rates.deep.displaced:low": "50", "rate:zone_rates.deep.displaced:mid": "60", "rate:zone_rates.deep.displaced:high": "70",
            "rate:zone_rates.deep.displaced:source": "survey", "rate:zone_rates.deep.displaced:certainty": "B",
            "rate:zone_rates.shallow.displaced:mid": "5", "stay:d4_15": "40", f"times:{SERVICE}": "1.5", "close_from_severity": "2",
            "closed_facilities": "FA-90001，FA-90002", "duration_hours": "240",
        },
    )  # fmt: skip
    answer = browse().post("/scenarios/new/", form)
    assert answer.status_code == 302, answer.content.decode()
    made = Scenario.objects.get(name_en="Storm")
    assert made.zone_rates == {"deep": {"displaced": 0.6}, "shallow": {"displaced": 0.05}}
    assert made.rate_facts == {"zone_rates.deep.displaced": {"low": 0.5, "high": 0.7, "source": "survey", "certainty": "B"}}  # fmt: skip
    assert made.stay_shares == {"d4_15": 0.4} and made.multipliers == {SERVICE: 1.5}
    assert (
        made.close_from_severity == 2 and made.closed_facilities.count() == 2 and made.duration_hours == 240
    )


def test_a_form_sent_back_unchanged_changes_nothing(town: Any, browse: Any) -> None:
    layer = flood(town)
    full = told(
        extent="zones", hazard_layer=layer.code, zone_rates={"deep": {"displaced": 0.07}, "shallow": {"seeking": 0.3}},
        rate_facts={"zone_rates.deep.displaced": {"low": 0.029, "high": 0.07, "source": "a", "clause": "b", "certainty": "B"}},
        stay_shares={"d4_15": 0.29}, multipliers={SERVICE: 1.1}, ratio_overrides={SERVICE: 0.006}, population_layers={"night": "night"},
        duration_hours=100.5, closed_facilities=["FA-90001"], close_inside_zone=False, notes="n",
    )  # fmt: skip
    made = scenarios.create_told(user=None, city=town.city, told=full)
    client = browse()
    page = client.get(f"/scenarios/{made.ref}/edit/")
    form = page.context["form"]
    data: dict[str, Any] = {"template": form.template.code, "scenario": made.ref}
    for field in form:
        value = field.value()
        if value not in (None, "", []) and value is not False:
            data[field.html_name] = value
    answer = client.post(f"/scenarios/{made.ref}/edit/", data)
    assert answer.status_code == 302, [str(error) for error in answer.context["form"].errors.items()]
    made.refresh_from_db()
    assert made.version == 1


def test_a_template_brings_its_rates_by_the_classes_of_the_layer(town: Any, browse: Any) -> None:
    flood(town)
    client = browse()
    page = client.get("/scenarios/new/?template=flood")
    form = page.context["form"]
    assert form["hazard_layer"].value() == "flood"
    assert form["rate:zone_rates.deep.displaced:mid"].value() == 5
    assert form["rate:zone_rates.deep.displaced:certainty"].value() == "A"
    other = HazardLayer.objects.create(city=town.city, code="dam", name="溃坝", hazard="flood")
    HazardZone.objects.create(layer=other, klass="wet", severity=1, geometry=multi(-100, 150))
    swapped = client.post(
        "/scenarios/rates/", typed(town, template="flood", extent="zones", hazard_layer="dam"), headers={"hx-request": "true"},
    )  # fmt: skip
    words = swapped.content.decode()
    assert "zone_rates.wet.displaced" in words and "zone_rates.deep" not in words


def test_people_inside_are_told_while_the_form_is_filled(town: Any, browse: Any) -> None:
    client = browse()
    form = typed(town, name="", extent="drawn", drawn=json.dumps(ground(-60, 460)))
    page = client.post("/scenarios/preview/", form, headers={"hx-request": "true"})
    words = page.content.decode()
    assert page.status_code == 200 and ">160<" in words and "20<span" in words and "West" in words
    wrong = client.post(
        "/scenarios/preview/", form | {"drawn": json.dumps(ground(1500, 2500))}
    ).content.decode()
    assert "Nobody is inside: 0 of the 230 people of the city." in wrong
    assert Scenario.objects.count() == 1 and not Run.objects.exists()


def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(town: Any, browse: Any) -> None:
    form = typed(town, name="", affected_percent="120", **{"rate:displaced_share:low": "30", "rate:displaced_share:high": "40"})  # fmt: skip
    page = browse().post("/scenarios/new/", form)
    assert page.status_code == 422
    errors = page.context["form"].errors
    assert set(errors) == {"name", "affected_percent", "displaced_percent"}
    assert (
        'value="120"' in page.content.decode() and not Scenario.objects.exclude(pk=town.scenario.pk).exists()
    )


def test_the_second_of_two_editors_is_told_and_loses_nothing(town: Any, browse: Any, person: Any) -> None:
    made = scenarios.create_told(user=None, city=town.city, told=told())
    client = browse()
    scenarios.update_told(user=person("wu", "planner"), scenario=made, version=1, told={"displaced_share": 0.4}, note="survey")  # fmt: skip
    form = typed(town, version="1", notes="mine", displaced_percent="30")
    page = client.post(f"/scenarios/{made.ref}/edit/", form)
    words = page.content.decode()
    assert page.status_code == 412 and "Changed meanwhile" in words and "displaced_share" in words
    assert "mine" in words and 'name="version" value="2"' in words
    made.refresh_from_db()
    assert (made.version, made.notes) == (2, "")
    again = client.post(f"/scenarios/{made.ref}/edit/", form | {"version": "2", "note": "both known"})
    assert again.status_code == 302
    made.refresh_from_db()
    assert (made.version, made.notes, made.displaced_share) == (3, "mine", 0.3)


def test_a_ground_is_uploaded_for_the_drawing_or_with_the_form(town: Any, browse: Any) -> None:
    from tests.planning.test_scenarios import upload

    client = browse()
    collection = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": ground(-60, 460)}]}  # fmt: skip
    data = json.dumps(collection).encode()
    found = client.post(
        "/scenarios/ground/", {"ground_file": upload("g.geojson", data), "ground_datum": "WGS-84"}
    )
    assert found.status_code == 200 and found.json()["geometry"]["type"] == "Polygon"
    silent = client.post("/scenarios/ground/", {"ground_file": upload("g.geojson", data)})
    assert silent.status_code == 422 and "datum" in silent.json()["problems"][0]
    form = typed(town, extent="drawn", ground_file=upload("g.geojson", data), ground_datum="WGS-84")
    assert client.post("/scenarios/new/", form).status_code == 302
    assert Scenario.objects.get(name_en="Storm").drawn.num_coords == 5


def test_a_scenario_is_copied_run_and_restored_from_its_page(town: Any, browse: Any) -> None:
    made = scenarios.create_told(user=None, city=town.city, told=told())
    scenarios.update_told(user=None, scenario=made, version=1, told={"displaced_share": 0.5})
    client = browse()
    page = client.get(f"/scenarios/{made.ref}/").content.decode()
    assert "From people inside to people who seek shelter" in page and "not counted by these services" in page
    versions = client.get(f"/scenarios/{made.ref}/versions/?older=1&newer=2").content.decode()
    assert "displaced_share" in versions and "Restore version 1" in versions
    assert client.post(f"/scenarios/{made.ref}/versions/1/restore/", {"version": "1"}).status_code == 412
    assert client.post(f"/scenarios/{made.ref}/versions/1/restore/", {"version": "2"}).status_code == 302
    made.refresh_from_db()
    assert (made.version, made.displaced_share) == (3, 0.25)
    copied = client.post(f"/scenarios/{made.ref}/copy/")
    assert copied.status_code == 302 and copied["Location"].endswith("/edit/")
    assert client.post(f"/scenarios/{made.ref}/run/")["Location"].startswith("/jobs/")
    assert Run.objects.filter(scenario=made).count() == 1


def test_who_may_not_edit_sees_no_forms(town: Any, browse: Any) -> None:
    client = browse("he", "viewer")
    ref = town.scenario.ref
    page = client.get(f"/scenarios/{ref}/").content.decode()
    assert "/edit/" not in page and "/copy/" not in page
    for address in ("new/", f"{ref}/edit/"):
        assert client.get(f"/scenarios/{address}").status_code == 403
    for address in (
        "preview/",
        "rates/",
        "ground/",
        f"{ref}/copy/",
        f"{ref}/run/",
        f"{ref}/versions/1/restore/",
    ):
        assert client.post(f"/scenarios/{address}").status_code == 403
    stranger = browse("mo", "")
    for address in (f"{ref}/", f"{ref}/edit/", f"{ref}/versions/"):
        assert stranger.get(f"/scenarios/{address}").status_code == 404
