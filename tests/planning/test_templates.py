"""Scenario templates in a real run on the hand-worked town: worked examples of docs/algorithms/{flood,earthquake,epidemic,
mass-event}.md."""

import json
from io import StringIO

import numpy as np
import pytest
from django.contrib.gis.geos import MultiPolygon
from django.core.management import call_command

from core.errors import DomainError
from facilities.models import ServiceType
from planning.bridge.calibration import zhengzhou_check
from planning.bridge.drawn_needs import needs_drawn
from planning.bridge.scenario_rules import number_at, scenario_problems, with_number
from planning.bridge.templates import fitted_document, worked_out
from planning.bridge.uncertain import uncertain_inputs
from planning.choices import ScenarioTemplate
from planning.models import CellPopulation, HazardLayer, HazardZone, PopulationLayer, Standard
from planning.selectors.scenario_templates import template_document, templates
from planning.services.runs import situation_of
from planning.services.scenario_templates import begun_document
from tests.planning.town import SERVICE, box, standard

# West: c1 and c2 (100 and 60 people by night); middle: c3 (40); c4 (30) in the east.
WEST, MIDDLE, EAST = box(-60, -60, 460, 60), box(900, -60, 1060, 60), box(2900, -60, 3100, 60)


def zones(town, hazard, **grounds):
    """A hazard layer of the town; grounds by class, hardest hit first."""
    layer = HazardLayer.objects.create(city=town.city, code="ground", name="分区", hazard=hazard)
    for severity, (klass, ground) in enumerate(reversed(grounds.items()), start=1):
        HazardZone.objects.create(
            layer=layer, klass=klass, severity=severity, geometry=MultiPolygon(ground, srid=4326)
        )
    return layer


def begin(town, document, layer=None, **changes):
    """Give the town's scenario the values of a template."""
    scenario, document = town.scenario, document | changes
    for name, value in document.items():
        if name not in ("services", "hazard_layer"):
            setattr(scenario, name, value)
    scenario.hazard_layer = layer
    scenario.save()
    return scenario


def need(run):
    assert run.state == "done", run.refusal
    return {row["service"]: row["need"] for row in run.totals}


def test_the_two_floods_are_far_apart_and_each_is_worked_out_on_its_own(town, compute):
    layer = zones(town, "flood", deep=WEST, shallow=MIDDLE)
    begin(town, begun_document(code="flood", layer=layer), layer)
    # 160 x 0.05 + 40 x 0.01 = 8.4
    assert need(compute(town)[0]) == {SERVICE: 8}
    begin(town, begun_document(code="flood", variant="henan_2021", layer=layer), layer)
    # 200 x 0.1012 = 20.24
    assert need(compute(town)[0]) == {SERVICE: 20}


def test_the_earthquake_ladder_by_intensity(town, compute):
    layer = zones(town, "earthquake", VIII=WEST, VII=box(900, -60, 3100, 60))
    begin(town, begun_document(code="earthquake_ladder", layer=layer), layer)
    # 160 x 0.50 + 70 x 0.10 = 87
    assert need(compute(town)[0]) == {SERVICE: 87}


DAMAGE = {
    "VIII": {"moderate": 0.2, "extensive": 0.2, "complete": 0.1},
    "VII": {"moderate": 0.1, "extensive": 0.05, "complete": 0.0},
}
DWELLINGS = {"single_family": 0.1, "multi_family": 0.9}


def test_damage_to_dwellings_becomes_affected_displaced_and_seeking(town, compute):
    layer = zones(town, "earthquake", VIII=WEST, VII=box(900, -60, 3100, 60))
    document = begun_document(code="earthquake_damage", layer=layer) | {"rate_facts": {}}
    document["model"] = {"dwellings": DWELLINGS, "damage": DAMAGE, "alpha": 0.3}
    begin(town, document, layer)
    run = compute(town)[0]
    # displaced: 160 x 0.262 + 70 x 0.0405 = 44.755
    assert need(run) == {SERVICE: 45}
    frozen = run.scenario_frozen
    assert frozen["zone_rates"]["VIII"] == pytest.approx({"affected": 0.5, "displaced": 0.524})
    assert frozen["seeking_share"] == 0.3
    Standard.objects.filter(profile=town.profile).update(driver="affected")
    assert need(compute(town)[0]) == {SERVICE: 160 // 2 + 10 + 1}  # 80 + 10.5
    Standard.objects.filter(profile=town.profile).update(driver="sheltered")
    assert need(compute(town)[0]) == {SERVICE: 13}  # 44.755 x 0.3 = 13.43


def test_who_seeks_shelter_is_asked_for_when_neither_told_nor_worked_out(town, compute):
    document = template_document("earthquake_damage") | {"extent": "everywhere", "rate_facts": {}}
    document["model"] = {"dwellings": DWELLINGS, "damage": {"*": DAMAGE["VIII"]}}
    begin(town, document)
    Standard.objects.filter(profile=town.profile).update(driver="sheltered")
    run = compute(town)[0]
    assert [problem["code"] for problem in run.refusal] == ["no_seeking_share"]
    town.scenario.model |= {
        "income": {"under_10k": 0.1, "10k_20k": 0.2, "20k_30k": 0.3, "30k_40k": 0.2, "over_40k": 0.2}
    }
    town.scenario.save()
    # 230 x 0.262 x 0.303 = 18.26
    assert need(compute(town)[0]) == {SERVICE: 18}


@pytest.mark.parametrize(("at_home", "expected"), [(0.0, 35), (0.5, 17), (1.0, 0)])
def test_isolation_places_for_10_000_and_the_switch_to_stay_at_home(town, compute, at_home, expected):
    Standard.objects.filter(profile=town.profile).update(driver="residents")
    begin(town, template_document("epidemic_tier"), rate_facts={}, times_of_day=["night"])
    town.scenario.model = {"places_per_10000": 1500, "home_isolation_share": at_home, "service": SERVICE}
    town.scenario.save()
    # 230 x 0.15 = 34.5 places
    assert need(compute(town)[0]) == {SERVICE: expected}


CURVE = {
    "reproduction_number": 2, "latent_days": 2, "infectious_days": 4, "found_share": 0.5, "days_until_found": 2,
    "isolation_days": 10, "contacts_per_case": 10, "quarantine_days": 5, "cases_at_home_share": 0,
    "contacts_at_home_share": 0, "initial_per_10000": 100, "horizon_days": 3, "service": SERVICE,
}  # fmt: skip


def test_the_peak_of_an_outbreak_becomes_places_for_each_resident(town, compute):
    Standard.objects.filter(profile=town.profile).update(driver="residents")
    begin(
        town, template_document("epidemic_curve"), rate_facts={}, times_of_day=["night"], duration_hours=None
    )
    town.scenario.model = CURVE
    town.scenario.save()
    run = compute(town)[0]
    # Day 3 of the example: 245.57 places for 10,000, so 5.65 for 230.
    assert need(run) == {SERVICE: 6}
    worked = run.scenario_frozen["worked"]
    assert (worked["peak_day"], worked["still_rising"]) == (3, True)
    assert worked["peak_per_10000"] == pytest.approx(245.57472, abs=1e-4)


@pytest.fixture
def event(town):
    """250 people on a square at c2 and c3, told by a layer of the event, and a medical point counted by people present."""
    layer = PopulationLayer.objects.create(
        city=town.city, code="fair", name="集市", time_of_day="event", people=250, cells=4
    )
    for cell, people in zip(town.cells, (0, 200, 50, 0), strict=True):
        CellPopulation.objects.create(layer=layer, cell=cell, people=people)
    medical = ServiceType.objects.create(
        code="medical_point", name="医疗点", name_en="Medical point", domain="medical", unit="beds"
    )
    standard(town.profile, medical, driver="present", ratio=0.1)
    document = template_document("mass_event") | {"rate_facts": {}, "displaced_share": 0.5}
    document["model"] |= {"beds_per_1000": 8}
    begin(town, document, drawn=MultiPolygon(box(300, -100, 1100, 100), srid=4326))
    town.scenario.services.add(medical)
    return town


def test_the_people_of_the_event_layer_are_counted_where_no_attendance_is_told(event, compute):
    # 250 x 0.2 x 0.5 = 25 places, 250 x 8 / 1000 = 2 beds
    assert need(compute(event, ["event"])[0]) == {SERVICE: 25, "medical_point": 2}


def test_an_attendance_scales_the_people_on_the_ground(event, compute):
    event.scenario.model |= {"attendance": 500, "staffed_beds": 10}
    event.scenario.save()
    run = compute(event, ["event"])[0]
    assert need(run) == {SERVICE: 50, "medical_point": 4}
    worked = run.scenario_frozen["worked"]
    assert (worked["times"], worked["beds"], worked["beds_freed"]) == (2, 4, pytest.approx(1.8))
    # Working the frozen document out again changes nothing.
    assert worked_out(run.scenario_frozen) == run.scenario_frozen


def test_an_attendance_keeps_what_the_planner_multiplied(event, compute):
    event.scenario.model |= {"attendance": 500}
    event.scenario.multipliers = {SERVICE: 3}
    event.scenario.save()
    assert need(compute(event, ["event"])[0]) == {SERVICE: 150, "medical_point": 4}


def test_an_attendance_where_nobody_is_counted_is_refused(event, compute):
    event.scenario.model |= {"attendance": 500}
    event.scenario.drawn = MultiPolygon(box(-100, -100, 100, 100), srid=4326)
    event.scenario.save()
    with pytest.raises(DomainError) as refused:
        compute(event, ["event"])
    assert refused.value.code == "nobody-inside"


def test_an_attendance_changes_neither_residents_nor_another_time_of_day(event, compute):
    event.scenario.model |= {"attendance": 500}
    event.scenario.save()
    Standard.objects.filter(profile=event.profile, service=event.service).update(driver="residents")
    run = compute(event, ["night"])[0]
    assert {problem["code"] for problem in run.refusal} == {"attendance_of_residents", "attendance_elsewhere"}


# --- inputs of a model that are only known within a range -------------------------------------------


def spread(run):
    """Need of the town's shelter service with every uncertain input in the middle, then each at its low and high end."""
    situation = situation_of(run)
    found = uncertain_inputs(situation)
    values = np.vstack([found.middle, found.ends()])
    number = [row["service"] for row in situation.standards].index(SERVICE)
    return [row["key"] for row in found.told], needs_drawn(situation, found, values)[number].totals().tolist()


def test_a_range_of_the_attendance_moves_every_need(event, compute):
    event.scenario.model |= {"attendance": 500}
    event.scenario.rate_facts = {"model.attendance": {"low": 250, "high": 1000}}
    event.scenario.save()
    run = compute(event, ["event"])[0]
    assert need(run)[SERVICE] == 50
    assert spread(run) == (["model.attendance"], [50, 25, 100])


def test_ranges_of_damage_and_of_who_seeks_shelter_move_the_need(town, compute):
    layer = zones(town, "earthquake", VIII=WEST, VII=box(900, -60, 3100, 60))
    document = begun_document(code="earthquake_damage", layer=layer) | {
        "rate_facts": {
            "model.damage.VIII.extensive": {"low": 0.0, "high": 0.4},
            "model.alpha": {"low": 0.1, "high": 0.6},
        }
    }
    document["model"] = {"dwellings": DWELLINGS, "damage": DAMAGE, "alpha": 0.3}
    begin(town, document, layer)
    Standard.objects.filter(profile=town.profile).update(driver="sheltered")
    # 160 x (0.1 + 0.81 x P(extensive)) + 2.835 seek with 0.3; 44.755 x alpha
    low, high = round(18.835 * 0.3), round(70.675 * 0.3)
    keys, found = spread(compute(town)[0])
    assert dict(zip(["run", *[f"{key} {end}" for key in keys for end in ("low", "high")]], found, strict=True)) == {
        "run": 13, "model.damage.VIII.extensive low": low, "model.damage.VIII.extensive high": high,
        "model.alpha low": 4, "model.alpha high": 27,
    }  # fmt: skip


def test_a_range_of_the_outbreak_moves_the_places(town, compute):
    Standard.objects.filter(profile=town.profile).update(driver="residents")
    facts = {"model.initial_per_10000": {"low": 50, "high": 100}}
    begin(
        town, template_document("epidemic_curve"), rate_facts=facts, times_of_day=["night"], duration_hours=None
    )  # fmt: skip
    town.scenario.model = CURVE
    town.scenario.save()
    keys, found = spread(compute(town)[0])
    assert keys == ["model.initial_per_10000"]
    low = worked_out({**template_document("epidemic_curve"), "ratio_overrides": {}, "model": CURVE | {"initial_per_10000": 50}})  # fmt: skip
    assert found == [6, round(230 * low["ratio_overrides"][SERVICE]), 6]


# --- the templates themselves ---------------------------------------------------------------------


def test_every_variant_begins_a_sound_scenario_and_works_out():
    assert {one.code for one in templates()} == set(ScenarioTemplate.values)
    for template in templates():
        for variant in template.variants:
            document = template_document(template.code, variant.code)
            assert scenario_problems(document) == [], (template.code, variant.code)
            bare = {"ratio_overrides": {}, "multipliers": {}}
            once = worked_out(document | bare)
            assert worked_out(once) == once


def test_every_range_holds_its_number_and_names_its_source():
    for template in templates():
        for variant in template.variants:
            document = template_document(template.code, variant.code)
            for place, fact in document["rate_facts"].items():
                assert fact["low"] <= number_at(document, place) <= fact["high"], place
                assert fact["source"] and fact["certainty"] in "ABCD"


def test_both_ends_of_every_range_can_be_worked_out():
    for template in templates():
        for variant in template.variants:
            document = template_document(template.code, variant.code) | {
                "ratio_overrides": {},
                "multipliers": {},
            }
            for end in ("low", "high"):
                for place, fact in document["rate_facts"].items():
                    document = with_number(document, place, fact[end])
                worked_out(document)


def test_a_template_takes_the_names_of_the_layer_and_leaves_out_what_it_does_not_know():
    document = template_document("earthquake_damage", "", ["8度", "7", "unknown"])
    assert list(document["model"]["damage"]) == ["8度", "7"]
    assert scenario_problems(document, classes=["8度", "7"]) == []
    document = template_document("earthquake_ladder", "", ["VIII度", "7", "unknown"])
    assert document["zone_rates"] == {
        "VIII度": {"affected": 1.0, "displaced": 0.5},
        "7": {"affected": 1.0, "displaced": 0.1},
    }
    assert {"zone_rates.VIII度.displaced", "zone_rates.7.displaced", "seeking_share"} == set(
        document["rate_facts"]
    )


def test_a_class_of_a_raster_is_known_by_where_it_begins():
    starts = {"1.6 m and more": 1.6, "below": 0.0}
    document = fitted_document("flood", "", ["1.6 m and more", "shallow", "below"], starts, "m")
    assert document["zone_rates"] == {
        "shallow": {"affected": 1.0, "displaced": 0.01},
        "1.6 m and more": {"affected": 1.0, "displaced": 0.05},
    }
    assert document["rate_facts"]["zone_rates.1.6 m and more.displaced"]["high"] == 0.07
    assert scenario_problems(document) == []
    # In feet nothing is known of them.
    assert set(fitted_document("flood", "", ["1.6 m and more"], starts, "ft")["zone_rates"]) == set()


def test_the_check_against_zhengzhou_says_what_it_rests_on():
    check = zhengzhou_check()
    assert check.people == pytest.approx(1_289_607, abs=1)
    assert check.rate == pytest.approx(1.4708 / 14.53)
    assert check.evacuated_rate == pytest.approx(0.0643, abs=1e-4)
    assert check.floor_rate == pytest.approx(0.1 / 12.74)
    assert "2021-08-02" in check.province.source


def test_the_command_lists_what_the_page_offers():
    out = StringIO()
    call_command("scenario_templates", json=True, stdout=out)
    told = json.loads(out.getvalue())["templates"]
    assert [row["code"] for row in told] == [one.code for one in templates()]
    out = StringIO()
    call_command("scenario_templates", stdout=out)
    assert "zone_rates.VIII.displaced  0.3–0.625" in out.getvalue()


# --- bad input ------------------------------------------------------------------------------------


def told(document, **kwargs):
    return {(problem.code, problem.column) for problem in scenario_problems(document, **kwargs)}


def test_rates_over_one_and_turned_ranges_are_all_named():
    document = template_document("flood") | {"displaced_share": 1.2, "seeking_share": -0.1}
    document["zone_rates"] |= {"deep": {"affected": True, "displaced": 0.05, "fled": 1}}
    document["rate_facts"] = {
        "zone_rates.medium.displaced": {"low": 0.05, "high": 0.01},
        "zone_rates.shallow.displaced": {"low": 0.0},
        "zone_rates.wet.displaced": {"low": 0.0, "high": 2, "certainty": "Z", "why": "?"},
        "zone_rates.flat.displaced": {"low": 0.0, "high": 1.0},
    }
    assert told(document) == {
        ("share_invalid", "displaced_share"), ("share_invalid", "seeking_share"),
        ("share_invalid", "zone_rates.deep.affected"), ("choice_unknown", "zone_rates.deep.fled"),
        ("range_turned", "rate_facts.zone_rates.medium.displaced"),
        ("end_missing", "rate_facts.zone_rates.shallow.displaced"),
        ("share_invalid", "rate_facts.zone_rates.wet.displaced.high"),
        ("choice_unknown", "rate_facts.zone_rates.wet.displaced.certainty"),
        ("choice_unknown", "rate_facts.zone_rates.wet.displaced.why"),
        ("place_unknown", "rate_facts.zone_rates.flat.displaced"),
    }  # fmt: skip


def test_unknown_classes_services_phases_and_templates_are_named():
    document = template_document("earthquake_damage") | {
        "multipliers": {"ferry": 2}, "ratio_overrides": {"medical_point": 0}, "stay_shares": {"week": 0.5, "d4_15": 3},
        "population_layers": {"dusk": "x", "night": ""}, "duration_hours": -1, "close_from_severity": 1.5,
    }  # fmt: skip
    assert told(document, classes=["VIII", "VII", "IX", "XI"]) == {
        ("choice_unknown", "multipliers.ferry"), ("ratio_invalid", "ratio_overrides.medical_point"),
        ("choice_unknown", "stay_shares.week"), ("share_invalid", "stay_shares.d4_15"),
        ("choice_unknown", "population_layers.dusk"), ("text_missing", "population_layers.night"),
        ("hours_invalid", "duration_hours"), ("severity_invalid", "close_from_severity"),
        ("choice_unknown", "model.damage.X"),
    }  # fmt: skip
    assert told({"template": "meteor"}) == {("choice_unknown", "template")}


def test_dwellings_and_chances_that_do_not_add_up_are_named():
    document = template_document("earthquake_damage")
    document["model"] |= {
        "dwellings": {"single_family": 0.3, "multi_family": 0.6},
        "income": {"under_10k": 0.9},
    }
    document["model"]["damage"] = {
        "X": {"moderate": 0.5, "extensive": 0.4, "complete": 0.2},
        "IX": {"moderate": 0.3, "extensive": -0.1},
        "VIII": {"moderate": 0.5, "extensive": 0.3, "complete": 0.1},
    }
    document["rate_facts"] = {
        "model.damage.VIII.complete": {"low": 0.1, "high": 0.3},
        "model.dwellings.multi_family": {"low": 0.5, "high": 0.7},
    }
    assert told(document) == {
        ("shares_not_one", "model.dwellings"), ("shares_not_one", "model.income"), ("told_twice", "model.alpha"),
        ("chances_above_one", "model.damage.X"), ("share_invalid", "model.damage.IX.extensive"),
        ("key_missing", "model.damage.IX.complete"), ("chances_above_one", "model.damage.VIII"),
        ("cannot_vary", "rate_facts.model.dwellings.multi_family"),
    }  # fmt: skip


def test_an_outbreak_that_cannot_be_is_named():
    document = template_document("epidemic_curve")
    document["model"] |= {
        "latent_days": 0, "found_share": 2, "control_factor": None, "bed_share": 0.1, "service": "ferry",
        "days_until_found": 6, "speed": 3,
    }  # fmt: skip
    del document["model"]["isolation_days"]
    document["rate_facts"] = {}
    assert told(document) == {
        ("number_invalid", "model.latent_days"), ("share_invalid", "model.found_share"),
        ("key_missing", "model.control_day"), ("key_missing", "model.bed_share"),
        ("service_unknown", "model.service"), ("found_too_late", "model.days_until_found"),
        ("key_unknown", "model.speed"), ("key_missing", "model.isolation_days"),
    }  # fmt: skip


def test_an_attendance_needs_a_ground_and_the_time_of_the_event():
    document = template_document("mass_event") | {"extent": "everywhere", "times_of_day": ["night"]}
    document["model"] |= {"attendance": 0}
    document["rate_facts"] = {}
    assert told(document) == {
        ("number_invalid", "model.attendance"), ("no_ground", "model.attendance"),
        ("not_event_time", "model.attendance"),
    }  # fmt: skip


def test_a_model_that_went_bad_refuses_with_its_reasons():
    document = template_document("epidemic_tier") | {"ratio_overrides": {}}
    document["model"] = {"places_per_10000": -5, "service": "isolation_lodging"}
    with pytest.raises(DomainError) as refused:
        worked_out(document)
    assert [problem.column for problem in refused.value.problems] == [
        "model.places_per_10000", "model.home_isolation_share",
    ]  # fmt: skip
