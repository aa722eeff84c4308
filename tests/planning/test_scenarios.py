"""Scenarios as versioned documents: what is kept, what is refused, and who is inside while one is written."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from django.contrib.gis.geos import MultiPolygon
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.utils.translation import override

from core.errors import DomainError, InvalidInput
from engine.crs import from_wgs84
from planning.models import HazardLayer, HazardZone, Run, Scenario, ScenarioVersion, Snapshot
from planning.services import scenarios
from planning.services.scenario_extents import ground_of_upload
from planning.services.scenario_preview import people_inside, preview_scenario, preview_told
from planning.services.scenario_versions import compare_versions, version_document, version_of
from tests.planning.town import SERVICE, box

pytestmark = pytest.mark.django_db


def told(**more: Any) -> dict[str, Any]:
    return {
        "name": "暴雨", "name_en": "Storm", "hazard": "flood", "services": [SERVICE], "times_of_day": ["night"], "affected_share": 0.5,
        "displaced_share": 0.25, "rate_source": "worked example",
    } | more  # fmt: skip


def ground(x0: float, x1: float, height: float = 100) -> dict[str, Any]:
    """A box along the town's line, metres east of the centre, as GeoJSON."""
    return json.loads(box(x0, -height, x1, height).json)


def problems_of(error: pytest.ExceptionInfo[InvalidInput]) -> dict[str, str]:
    return {problem.column: problem.code for problem in error.value.problems}


def flood(town: Any) -> HazardLayer:
    """Deep water (severity 3) over c1 and A, shallow water (1) over c2."""
    layer = HazardLayer.objects.create(city=town.city, code="flood", name="洪水", hazard="flood", source="worked example")  # fmt: skip
    for klass, severity, x0, x1 in (("deep", 3, -100, 150), ("shallow", 1, 350, 430)):
        HazardZone.objects.create(layer=layer, klass=klass, severity=severity, geometry=multi(x0, x1))
    return layer


def multi(x0: float, x1: float) -> MultiPolygon:
    return MultiPolygon(box(x0, -100, x1, 100), srid=4326)


# --- versions -----------------------------------------------------------------------------------


def test_every_save_is_a_version_with_who_and_why(town: Any, person: Any) -> None:
    lin, wu = person("lin", "planner"), person("wu", "planner")
    made = scenarios.create_told(user=lin, city=town.city, told=told(), note="first draft")
    changed = scenarios.update_told(
        user=wu, scenario=made, version=1, told={"displaced_share": 0.3, "notes": "after the talk"}, note="new survey",
    )  # fmt: skip
    kept = list(ScenarioVersion.objects.filter(scenario=made).order_by("version"))
    assert [(one.version, one.note, one.created_by) for one in kept] == [
        (1, "first draft", lin),
        (2, "new survey", wu),
    ]
    assert kept[0].document["displaced_share"] == 0.25 and kept[1].document["displaced_share"] == 0.3
    assert compare_versions(scenario=changed, older=1, newer=2) == [
        {"field": "displaced_share", "before": 0.25, "after": 0.3},
        {"field": "notes", "before": None, "after": "after the talk"},
    ]


def test_saving_what_stands_there_already_makes_no_version(town: Any) -> None:
    made = scenarios.create_told(user=None, city=town.city, told=told())
    again = scenarios.update_told(user=None, scenario=made, version=1, told=told())
    assert again.version == 1 and made.versions.count() == 1


def test_a_scenario_from_before_keeps_its_present_version_at_the_first_change(town: Any) -> None:
    assert town.scenario.versions.count() == 0
    assert version_of(scenario=town.scenario, number=1).document["displaced_share"] == 0.5
    scenarios.update_told(user=None, scenario=town.scenario, version=None, told={"displaced_share": 0.1})
    stored = dict(town.scenario.versions.values_list("version", "document__displaced_share"))
    assert stored == {1: 0.5, 2: 0.1}


def test_a_version_is_restored_as_a_new_one(town: Any) -> None:
    facts = {"displaced_share": {"low": 0.2, "high": 0.3, "source": "survey", "certainty": "B"}}
    first = told(
        extent="drawn", drawn=ground(-60, 460), rate_facts=facts, stay_shares={"d4_15": 0.5}, multipliers={SERVICE: 2},
        duration_hours=240, closed_facilities=["FA-90001"], notes="one",
    )  # fmt: skip
    made = scenarios.create_told(user=None, city=town.city, told=first)
    before = version_document(made)
    plain = {
        "extent": "everywhere",
        "rate_facts": {},
        "stay_shares": {},
        "multipliers": {},
        "duration_hours": None,
    }
    scenarios.update_told(
        user=None, scenario=made, version=1, told={**plain, "closed_facilities": [], "notes": ""}
    )
    restored = scenarios.restore_version(user=None, scenario=made, number=1)
    assert restored.version == 3 and version_document(restored) == before
    assert compare_versions(scenario=restored, older=1, newer=3) == []


def test_a_version_that_names_what_is_gone_is_not_restored(town: Any) -> None:
    made = scenarios.create_told(user=None, city=town.city, told=told(closed_facilities=["FA-90001"]))
    scenarios.update_told(user=None, scenario=made, version=1, told={"closed_facilities": []})
    town.places[0].capabilities.all().delete()
    town.places[0].delete()
    with pytest.raises(InvalidInput) as refused:
        scenarios.restore_version(user=None, scenario=made, number=1)
    assert problems_of(refused) == {"closed_facilities": "code_unknown"}
    made.refresh_from_db()
    assert made.version == 2


def test_two_people_at_once_the_second_is_told(town: Any) -> None:
    made = scenarios.create_told(user=None, city=town.city, told=told())
    scenarios.update_told(user=None, scenario=made, version=1, told={"displaced_share": 0.3})
    with pytest.raises(DomainError) as late:
        scenarios.update_told(user=None, scenario=made, version=1, told={"displaced_share": 0.4})
    assert (late.value.status, late.value.code, late.value.extra) == (
        412,
        "changed-meanwhile",
        {"version": 2},
    )


def test_a_copy_has_everything_and_its_own_versions(town: Any) -> None:
    layer = flood(town)
    first = told(
        extent="zones", hazard_layer=layer.code, zone_rates={"deep": {"displaced": 0.6}, "shallow": {"displaced": 0.1}},
        rate_facts={"zone_rates.deep.displaced": {"low": 0.5, "high": 0.7}}, close_from_severity=2, closed_facilities=["FA-90002"],
        multipliers={SERVICE: 1.5}, population_layers={"night": "night"},
    )  # fmt: skip
    made = scenarios.create_told(user=None, city=town.city, told=first)
    copied = scenarios.copy_scenario(user=None, scenario=made, name="又一", name_en="Another")
    mine, its = version_document(copied), version_document(made)
    assert {name for name in its if mine[name] != its[name]} == {"ref", "name", "name_en"}
    assert copied.version == 1 and made.ref in copied.versions.get().note


def test_only_planners_of_the_city_write(town: Any, person: Any) -> None:
    viewer = person("he", "viewer")
    for act in (
        lambda: scenarios.create_told(user=viewer, city=town.city, told=told()),
        lambda: scenarios.update_told(user=viewer, scenario=town.scenario, version=None, told={"name": "x"}),
        lambda: preview_told(user=viewer, city=town.city, told=told()),
    ):
        with pytest.raises(DomainError) as refused:
            act()
        assert refused.value.status == 403


# --- what is refused ----------------------------------------------------------------------------


def test_everything_that_is_wrong_is_said_at_once(town: Any) -> None:
    bad = told(
        name=" ", services=[], affected_share=1.2, displaced_share=-0.1, seeking_share="many", extent="areas", areas=["T9"],
        hazard_layer="none", multipliers={SERVICE: 2}, stay_shares={"week": 0.5, "d4_15": 3}, duration_hours=-1,
        population_layers={"night": "old"}, rate_facts={"zone_rates.deep.displaced": {"low": 0.1, "high": 0.2}},
        closed_facilities=["FA-1"], rate_certainty="Z",
    )  # fmt: skip
    with pytest.raises(InvalidInput) as refused:
        scenarios.create_told(user=None, city=town.city, told=bad)
    assert problems_of(refused) == {
        "name": "name_missing", "services": "services_missing", "affected_share": "share_invalid", "displaced_share": "share_invalid",
        "seeking_share": "share_invalid", "areas": "areas_missing", "hazard_layer": "code_unknown",
        f"multipliers.{SERVICE}": "choice_unknown", "stay_shares.week": "choice_unknown", "stay_shares.d4_15": "share_invalid",
        "duration_hours": "hours_invalid", "population_layers.night": "code_unknown",
        "rate_facts.zone_rates.deep.displaced": "place_unknown", "closed_facilities": "code_unknown", "rate_certainty": "choice_unknown",
    }  # fmt: skip
    assert not Scenario.objects.exclude(pk=town.scenario.pk).exists()


@pytest.mark.parametrize(
    ("fact", "code"),
    [
        ({"low": 0.3, "high": 0.4}, "range_turned"),
        ({"low": 0.4, "high": 0.1}, "range_turned"),
        ({"low": 0.1}, "end_missing"),
        ({"low": -0.1, "high": 0.3}, "share_invalid"),
        ({"certainty": "E"}, "choice_unknown"),
        ({"best": 0.2}, "choice_unknown"),
    ],
)
def test_a_range_must_hold_its_number(town: Any, fact: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        scenarios.create_told(user=None, city=town.city, told=told(rate_facts={"displaced_share": fact}))
    assert code in problems_of(refused).values()


@pytest.mark.parametrize(
    ("drawn", "code"),
    [
        (None, "drawn_missing"),
        ({"type": "Point", "coordinates": [104, 30.6]}, "geometry_invalid"),
        ({"type": "FeatureCollection", "features": []}, "geometry_invalid"),
        ("{not json", "geometry_invalid"),
        ({"type": "Polygon", "coordinates": [[[104, 30], [104.1, 30.1], [104.1, 30], [104, 30.1], [104, 30]]]}, "geometry_invalid"),
        ({"type": "Polygon", "coordinates": [[[500, 30], [501, 30], [501, 31], [500, 30]]]}, "geometry_invalid"),
        (ground(90_000, 91_000), "drawn_outside"),
        (ground(1500, 2500), "nobody_inside"),
    ],
)  # fmt: skip
def test_a_drawing_must_be_ground_of_the_city_with_people(town: Any, drawn: Any, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        scenarios.create_told(user=None, city=town.city, told=told(extent="drawn", drawn=drawn))
    assert problems_of(refused) == {"drawn": code}


def test_a_scenario_that_touches_nobody_names_the_count(town: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        scenarios.create_told(user=None, city=town.city, told=told(extent="drawn", drawn=ground(1500, 2500)))
    assert "0 of the 230 people" in str(refused.value.problems[0].message)


def test_an_area_inside_another_chosen_one_is_refused(town: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        scenarios.create_told(user=None, city=town.city, told=told(extent="areas", areas=["T", "T1"]))
    assert problems_of(refused) == {"areas": "areas_overlap"}


def test_classes_of_another_layer_are_refused(town: Any) -> None:
    layer = flood(town)
    with pytest.raises(InvalidInput) as refused:
        scenarios.create_told(
            user=None, city=town.city, told=told(extent="zones", hazard_layer=layer.code, zone_rates={"VIII": {"displaced": 0.5}}),
        )  # fmt: skip
    assert problems_of(refused) == {"zone_rates.VIII": "choice_unknown"}


def test_problems_are_told_in_the_readers_language(town: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        scenarios.create_told(user=None, city=town.city, told=told(name="", services=[]))
    with override("en"):
        assert "Give the scenario a name." in [str(one.message) for one in refused.value.problems]


# --- people inside ------------------------------------------------------------------------------


def test_people_inside_a_drawing_and_what_follows(town: Any) -> None:
    """c1 and c2 hold 100 + 60 people by night, 60 + 60 by day: 160 inside; half affected 80; a quarter of them leave 20,
    15 to 30 with the range; the standard gives each one place: 12.5 -> and 7.5 -> 20 places in whole units."""
    facts = {"affected_share": {"low": 0.5, "high": 0.6}, "displaced_share": {"low": 0.2, "high": 0.3}}
    found = preview_told(
        user=None, city=town.city, told=told(extent="drawn", drawn=ground(-60, 460), rate_facts=facts)
    )
    night = next(row for row in found.chains if row["time_of_day"] == "night")
    assert night["inside"] == 160 and night["affected"]["mid"] == 80
    assert night["displaced"] == pytest.approx({"low": 16, "mid": 20, "high": 28.8})
    assert night["seeking"] is None
    assert found.districts == [
        {"code": "T1", "name": "West", "name_en": "West", "inside": {"day": 120.0, "night": 160.0}}
    ]
    (need,) = found.need
    assert need["by_time"] == {"night": 20} and need["certainty"] == "D" and need["missing"] == []
    assert found.cells == 2 and found.people == 160 and found.problems == []


def test_parts_of_a_drawing_that_overlap_count_nobody_twice(town: Any) -> None:
    parts = [{"type": "Feature", "properties": {}, "geometry": ground(x, 460)} for x in (-60, -50, 390)]
    found = preview_told(
        user=None,
        city=town.city,
        told=told(extent="drawn", drawn={"type": "FeatureCollection", "features": parts}),
    )
    assert found.people == 160


def test_people_inside_zones_take_the_rates_of_their_class(town: Any) -> None:
    layer = flood(town)
    found = preview_told(
        user=None, city=town.city,
        told=told(
            extent="zones", hazard_layer=layer.code, affected_share=1,
            zone_rates={"deep": {"displaced": 0.6}, "shallow": {"displaced": 0.1}}, displaced_share=None,
        ),
    )  # fmt: skip
    night = next(row for row in found.chains if row["time_of_day"] == "night")
    assert (night["inside"], night["displaced"]["mid"]) == (160, pytest.approx(100 * 0.6 + 60 * 0.1))


def test_a_missing_rate_leaves_the_need_untold_and_says_why(town: Any) -> None:
    found = preview_told(user=None, city=town.city, told=told(displaced_share=None))
    (need,) = found.need
    assert need["by_time"] == {"night": None} and any("leave home" in words for words in need["missing"])
    assert found.chains[0]["affected"] is not None and found.chains[0]["displaced"] is None


def test_rates_without_a_source_are_a_warning_not_a_refusal(town: Any) -> None:
    bare = told(rate_source="", rate_facts={"displaced_share": {"source": "survey", "certainty": "B"}})
    (problem,) = preview_told(user=None, city=town.city, told=bare).problems
    assert (problem.code, problem.level, problem.column) == ("source_missing", "warning", "rate_source")
    assert "1 of 2 rates" in str(problem.message)
    assert scenarios.create_told(user=None, city=town.city, told=bare).version == 1


def test_a_district_is_told_its_own_people_only(town: Any, person: Any) -> None:
    chen = person("chen", "viewer", town.left)
    found = preview_scenario(user=chen, scenario=town.scenario)
    assert found.partly and found.people == 160 and [row["code"] for row in found.districts] == ["T1"]
    assert found.need[0]["by_time"]["night"] == 80
    assert people_inside(user=chen, scenarios=[town.scenario]) == {}


def test_a_template_works_its_rates_out_in_the_preview(town: Any) -> None:
    """Half the dwellings moderately, a tenth extensively, a twentieth completely damaged: 0.65 affected; lost are nine of
    ten extensive and all complete ones of many families, 0.14; so 0.14 / 0.65 of the affected leave, a third seeks."""
    model = {
        "dwellings": {"single_family": 0.0, "multi_family": 1.0}, "alpha": 0.3,
        "damage": {"*": {"moderate": 0.5, "extensive": 0.1, "complete": 0.05}},
    }  # fmt: skip
    plain = told(
        hazard="earthquake",
        template="earthquake_damage",
        model=model,
        affected_share=None,
        displaced_share=None,
    )
    found = preview_told(user=None, city=town.city, told=plain)
    night = next(row for row in found.chains if row["time_of_day"] == "night")
    assert night["affected"]["mid"] == pytest.approx(230 * 0.65)
    assert night["displaced"]["mid"] == pytest.approx(230 * 0.14)
    assert night["seeking"]["mid"] == pytest.approx(230 * 0.14 * 0.3)


def test_a_preview_stores_no_scenario_and_no_run(town: Any) -> None:
    preview_told(user=None, city=town.city, told=told())
    preview_told(user=None, city=town.city, told=told(extent="areas", areas=["T1"]))
    assert Scenario.objects.count() == 1 and not Run.objects.exists() and Snapshot.objects.count() == 1


def test_a_preview_of_half_a_scenario_tells_what_it_can(town: Any) -> None:
    empty = preview_told(user=None, city=town.city, told={"extent": "drawn"})
    assert empty.chains == [] and empty.problems == []
    bare = preview_told(user=None, city=town.city, told={"extent": "areas", "areas": ["T2"]})
    assert bare.people == 70 and bare.chains[1]["affected"] is None and bare.need == []


def test_the_need_of_a_preview_is_the_need_of_the_run(town: Any, compute: Any) -> None:
    town.scenario = scenarios.create_told(
        user=None,
        city=town.city,
        told=told(extent="drawn", drawn=ground(-60, 1050), multipliers={SERVICE: 3}),
    )
    found = preview_scenario(user=None, scenario=town.scenario)
    (run,) = compute(town, ["night"])
    assert run.totals[0]["need"] == found.need[0]["by_time"]["night"] == 75
    assert people_inside(user=None, scenarios=[town.scenario]) == {town.scenario.pk: 200.0}


# --- uploads ------------------------------------------------------------------------------------


def upload(name: str, data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def shapefile(folder: Path, ring: Any) -> bytes:
    path = folder / "ground.shp"
    pyogrio.raw.write(
        path, np.array([shapely.to_wkb(ring)], dtype=object), [np.array(["a"], dtype=object)], ["name"],
        geometry_type="Polygon", crs="EPSG:4326",
    )  # fmt: skip
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for one in folder.glob("ground.*"):
            archive.write(one, f"inner/{one.name}")
    return packed.getvalue()


def test_an_uploaded_ground_is_read_in_its_datum(town: Any, person: Any, tmp_path: Path) -> None:
    lin = person("lin", "planner")
    ring = shapely.from_geojson(json.dumps(ground(-60, 460)))
    lon, lat = from_wgs84(*shapely.get_coordinates(ring).T, "GCJ-02")
    moved = shapely.Polygon(np.column_stack([lon, lat]))
    for name, data, datum in (
        ("g.geojson", json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": json.loads(shapely.to_geojson(moved))}]}).encode(), "GCJ-02"),
        ("g.zip", shapefile(tmp_path, ring), "WGS-84"),
    ):  # fmt: skip
        found = ground_of_upload(user=lin, city=town.city, upload=upload(name, data), datum=datum)
        read = shapely.from_geojson(json.dumps(found))
        assert shapely.hausdorff_distance(read, ring) < 1e-5
        assert preview_told(user=lin, city=town.city, told=told(extent="drawn", drawn=found)).people == 160


@pytest.mark.parametrize(
    ("name", "data", "datum", "code"),
    [
        ("g.geojson", b'{"type": "FeatureCollection", "features": []}', "", "datum_missing"),
        ("g.geojson", b"not json", "WGS-84", "file_broken"),
        ("g.geojson", b"", "WGS-84", "file_empty"),
        ("g.kml", b"<kml/>", "WGS-84", "format_unknown"),
        ("g.zip", b"PK", "WGS-84", "file_broken"),
        (
            "g.geojson",
            json.dumps({"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [104, 30]}}).encode(),
            "WGS-84",
            "geometry_kind",
        ),
    ],
)  # fmt: skip
def test_a_bad_file_is_answered_in_words(town: Any, person: Any, name: str, data: bytes, datum: str, code: str) -> None:  # fmt: skip
    with pytest.raises(InvalidInput) as refused:
        ground_of_upload(
            user=person("lin", "planner"), city=town.city, upload=upload(name, data), datum=datum
        )
    assert code in {problem.code for problem in refused.value.problems}


def test_an_archive_keeps_to_its_folder(town: Any, person: Any, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.shp", b"x")
        archive.writestr("a/../../../escaped.shp", b"x")
    with pytest.raises(InvalidInput) as refused:
        ground_of_upload(
            user=person("lin", "planner"),
            city=town.city,
            upload=upload("g.zip", packed.getvalue()),
            datum="WGS-84",
        )
    assert {problem.code for problem in refused.value.problems} == {"archive_shapes"}


# --- command ------------------------------------------------------------------------------------


def run_command(capsys: Any, *words: str) -> Any:
    call_command("scenario", *words, "--json")
    return json.loads(capsys.readouterr().out)


def test_the_command_writes_changes_previews_and_restores(town: Any, tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "storm.json"
    file.write_text(json.dumps(told(extent="drawn", drawn=ground(-60, 460))), encoding="utf-8")
    seen = run_command(capsys, "--preview", str(file))
    assert seen["people"] == 160 and seen["need"][0]["by_time"] == {"night": 20}
    ref = run_command(capsys, "--create", str(file), "--city", "town")["ref"]
    file.write_text('{"displaced_share": 0.5}', encoding="utf-8")
    assert run_command(capsys, "--change", ref, str(file), "--note", "doubled")["version"] == 2
    newest, oldest = run_command(capsys, "--versions", ref)
    assert newest["note"] == "doubled" and newest["changes"][0]["field"] == "displaced_share"
    assert oldest["document"]["displaced_share"] == 0.25
    assert run_command(capsys, "--restore", ref, "1")["version"] == 3
    shown = run_command(capsys, "--show", ref)
    assert shown["document"]["displaced_share"] == 0.25 and shown["preview"]["people"] == 160
    assert {row["ref"] for row in run_command(capsys, "--list")} == {ref, "S-90001"}


def test_the_command_names_everything_that_is_wrong(town: Any, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(told(affected_share=2, services=[])), encoding="utf-8")
    with pytest.raises(CommandError) as refused:
        call_command("scenario", "--create", str(file))
    assert "affected_share" in str(refused.value) and "services" in str(refused.value)
    with pytest.raises(CommandError, match="there is no scenario"):
        call_command("scenario", "--show", "S-0")
    file.write_text("[", encoding="utf-8")
    with pytest.raises(CommandError, match="is not JSON"):
        call_command("scenario", "--preview", str(file))
