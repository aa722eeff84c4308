"""Hazard layers on pages, over the API and by command: the same import, the same refusals, the same rights."""

import json
import math
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from core.models import Job
from core.services import jobs
from planning.models import HazardLayer
from planning.services.tiles import zone_tile
from tests.planning.test_hazard_layers import bring, drawn, flooded, metres, raster_options, write
from tests.planning.town import box

DEPTH = np.array([[0.4, 2.0, 2.0, 0.1, 0.1, 0.1, 0.1]], np.float32)
ROWS = [("shallow", "0.3", "1"), ("medium", "0.7", "2"), ("deep", "1.5", "3")]
CUT_OFFS = json.dumps([{"klass": k, "from": float(f), "severity": int(s)} for k, f, s in ROWS])


@pytest.fixture(autouse=True)
def own_media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def depths(tmp_path: Path) -> Path:
    """c1 in shallow water; c2, the yard, c3 and B in deep water; c4 dry."""
    return write(tmp_path / "depths.tif", **metres(DEPTH, -250, 250, 500))


@pytest.fixture
def layer(town: Any, depths: Path) -> HazardLayer:
    found: HazardLayer = bring(town, depths, **raster_options(return_period_years=100, certainty="B")).layer
    return found


def upload(path: Path) -> SimpleUploadedFile:
    return SimpleUploadedFile(path.name, path.read_bytes())


def browser(
    person: Any, name: str = "lin", role: str = "planner", language: str = "en", area: Any = None
) -> Client:
    client = Client(headers={"accept-language": language})
    client.force_login(person(name, role, area))
    return client


def program(user: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def perform(kind: str = "import_hazard") -> Job:
    job = Job.objects.filter(kind=kind).latest("id")
    jobs.perform(job.ref)
    job.refresh_from_db()
    return job


@pytest.mark.parametrize(("language", "words"), [("en", "Flood"), ("zh-hans", "洪水")])
def test_list_and_record_say_the_same_in_both_languages(
    layer: HazardLayer, person: Any, language: str, words: str
) -> None:
    client = browser(person, language=language)
    listed = client.get("/hazards/").content.decode()
    assert words in listed and "depths.tif" in listed and ">200<" in listed
    record = client.get("/hazards/flood/")
    assert record.status_code == 200
    text = record.content.decode()
    assert words in text and "200" in text and "≥ 1.5" in text and "0.3 – 0.7" in text
    for address in ("/hazards/import/", "/hazards/import/?code=flood", "/hazards/flood/facts/"):
        assert client.get(address).status_code == 200


def test_the_record_counts_people_by_district_and_time(layer: HazardLayer, person: Any) -> None:
    text = browser(person).get("/hazards/flood/?time=day").content.decode()
    assert "Flood: 200 people inside by night" in text
    assert "West" in text and ">120<" in text.replace(" ", "")
    assert "Old yard" in text and "Place 1" in text and "Place 3" not in text


def test_a_viewer_of_one_district_sees_its_people_only(layer: HazardLayer, person: Any, town: Any) -> None:
    client = browser(person, "chen", "viewer", area=town.right)
    text = client.get("/hazards/flood/").content.decode()
    assert "Flood: 40 people inside by night" in text and "Place 1" not in text
    assert "only people and places in your areas are counted" in text
    assert client.get("/hazards/import/").status_code == 403
    assert client.post("/hazards/flood/delete/").status_code == 403


def test_layers_of_another_city_are_not_there(layer: HazardLayer, person: Any) -> None:
    stranger = browser(person, "wu", "")
    assert stranger.get("/hazards/flood/").status_code == 404
    assert program(person("ma", "")).get(f"/api/v1/hazard-layers/{layer.pk}/").status_code == 404


def form_of(path: Path, **changes: str) -> dict[str, Any]:
    said = {
        "code": "pluvial",
        "hazard": "flood",
        "name": "内涝",
        "kind": "raster",
        "certainty": "C",
        "unit": "m",
        "file": upload(path),
    }
    for number, row in enumerate(ROWS, start=1):
        said |= dict(zip((f"klass_{number}", f"from_{number}", f"severity_{number}"), row, strict=True))
    return said | changes


def test_a_page_checks_first_and_then_applies(town: Any, depths: Path, person: Any, tmp_path: Path) -> None:
    client = browser(person, "sun", "steward")
    sent = client.post("/hazards/import/", form_of(depths))
    check = perform()
    assert sent["Location"] == f"/hazards/import/{check.ref}/" and check.state == "done", check.error
    text = client.get(sent["Location"]).content.decode()
    assert "Import the hazard layer pluvial?" in text and not HazardLayer.objects.exists()
    applied = client.post(sent["Location"])
    done = perform()
    assert applied["Location"] == f"/hazards/import/{done.ref}/" and done.state == "done", done.error
    assert client.get(applied["Location"])["Location"] == "/hazards/pluvial/?city=town"
    layer = HazardLayer.objects.get(code="pluvial")
    assert (layer.certainty, layer.unit, layer.created_by.username) == ("C", "m", "sun")
    assert not list((tmp_path / "media").rglob("*.tif"))
    gone = client.post(sent["Location"])
    assert gone.status_code == 409 and "Choose it again" in gone.content.decode()


def test_a_check_tells_every_problem_and_keeps_what_was_typed(town: Any, depths: Path, person: Any) -> None:
    client = browser(person)
    sent = client.post("/hazards/import/", form_of(depths, from_2="deep", severity_3="high", band="4"))
    check = perform()
    assert check.state == "done"
    text = client.get(sent["Location"]).content.decode()
    assert "3 problems" in text and "there is no band 4" in text
    assert client.post(sent["Location"]).status_code == 409
    again = client.get(f"/hazards/import/?again={check.ref}").content.decode()
    assert 'value="pluvial"' in again and 'value="high"' in again


def test_polygons_come_in_by_the_page_too(town: Any, person: Any, tmp_path: Path) -> None:
    client = browser(person)
    path = drawn(tmp_path / "a.geojson", ("deep", box(0, 0, 300, 100)), ("shallow", box(200, 0, 500, 100)))
    told = form_of(path, kind="polygons", datum="WGS-84", **{f"from_{n}": "" for n in (1, 2, 3)})
    sent = client.post("/hazards/import/", told)
    perform()
    assert "deep lies on shallow on 10,0" in client.get(sent["Location"]).content.decode()


def test_a_wrong_code_is_said_beside_the_form(town: Any, depths: Path, person: Any) -> None:
    answer = browser(person).post("/hazards/import/", form_of(depths, code="import"))
    assert answer.status_code == 422 and not Job.objects.exists()


def test_facts_are_corrected_and_an_unused_layer_is_deleted_on_the_page(
    layer: HazardLayer, person: Any
) -> None:
    client = browser(person)
    said = {
        "name": "洪水",
        "name_en": "Flood",
        "return_period_years": "50",
        "certainty": "A",
        "source": "水利局",
        "unit": "m",
    }
    assert client.post("/hazards/flood/facts/", said)["Location"] == "/hazards/flood/"
    layer.refresh_from_db()
    assert (layer.return_period_years, layer.certainty, layer.source) == (50, "A", "水利局")
    assert client.post("/hazards/flood/facts/", said | {"name": ""}).status_code == 422
    assert client.post("/hazards/flood/delete/")["Location"] == "/hazards/"
    assert not HazardLayer.objects.exists()


def test_a_layer_in_use_is_not_deleted(town: Any, tmp_path: Path, person: Any) -> None:
    flooded(town, tmp_path)
    answer = browser(person).post("/hazards/flood/delete/")
    assert answer.status_code == 409 and town.scenario.ref in answer.content.decode()


def test_the_api_imports_reads_corrects_and_deletes(town: Any, depths: Path, person: Any) -> None:
    client = program(person("lin", "planner"))
    body = {
        "city": "town",
        "code": "flood",
        "hazard": "flood",
        "cut_offs": CUT_OFFS,
        "unit": "m",
        "title": "洪水",
    }
    answer = client.post("/api/v1/hazard-layers/", {**body, "file": upload(depths)})
    assert answer.status_code == 202, answer.content
    job = perform()
    assert job.state == "done", job.error
    number = HazardLayer.objects.get().pk
    told = client.get(f"/api/v1/hazard-layers/{number}/").json()
    assert [(row["klass"], row["from"], row["to"]) for row in told["ground"]] == [
        ("deep", 1.5, None), ("medium", 0.7, 1.5), ("shallow", 0.3, 0.7),
    ]  # fmt: skip
    assert (
        told["classes"] == ["deep", "shallow"]
        and told["cut_offs"][0]["klass"] == "shallow"
        and told["scenarios"] == []
    )
    people = client.get(f"/api/v1/hazard-layers/{number}/people/").json()
    assert {"klass": "deep", "time_of_day": "night", "district": "T2", "people": 40.0} in people
    changed = client.patch(f"/api/v1/hazard-layers/{number}/", {"return_period_years": 20}, format="json")
    assert changed.status_code == 200 and changed.json()["return_period_years"] == 20
    wrong = client.patch(f"/api/v1/hazard-layers/{number}/", {"hazard": "earthquake"}, format="json")
    assert wrong.status_code == 400
    assert client.delete(f"/api/v1/hazard-layers/{number}/").status_code == 204


def test_the_api_checks_without_writing_and_fails_a_bad_file_with_every_problem(
    town: Any, tmp_path: Path, person: Any
) -> None:
    client = program(person("lin", "planner"))
    bad = write(
        tmp_path / "bad.tif",
        nodata=None,
        **(metres(DEPTH, -250, 250, 500) | {"crs": None, "values": DEPTH * -9999 / 0.4}),
    )
    body = {"city": "town", "code": "flood", "hazard": "flood", "cut_offs": CUT_OFFS}
    client.post("/api/v1/hazard-layers/", {**body, "dry_run": "true", "file": upload(bad)})
    check = perform()
    assert check.state == "done"
    assert {row["code"] for row in check.result["problems"]} >= {"datum_missing", "nodata_undeclared"}
    client.post("/api/v1/hazard-layers/", {**body, "file": upload(bad)})
    failed = perform()
    assert failed.state == "failed" and "datum" in failed.error and "-9999" in failed.error
    assert not HazardLayer.objects.exists() and not list((tmp_path / "media").rglob("import*.tif"))


def test_who_may_not_import_is_refused_at_once(town: Any, depths: Path, person: Any) -> None:
    body = {"city": "town", "code": "flood", "hazard": "flood", "cut_offs": CUT_OFFS, "file": upload(depths)}
    assert program(person("he", "viewer")).post("/api/v1/hazard-layers/", body).status_code == 403
    assert not Job.objects.exists()


def command(*words: str) -> dict[str, Any]:
    out = StringIO()
    call_command("import_hazard", *words, "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_the_command_imports_a_raster_and_polygons(town: Any, depths: Path, tmp_path: Path) -> None:
    cut_offs = [word for row in ROWS for word in ("--cut-off", ":".join(row))]
    told = command(str(depths), "--city", "town", "--code", "flood", "--hazard", "flood", *cut_offs)
    assert {row["klass"]: row["pixels"] for row in told["facts"]["classes"]} == {
        "shallow": 1,
        "medium": 0,
        "deep": 2,
    }
    assert told["warnings"][0]["code"] == "class_empty"
    path = drawn(tmp_path / "a.geojson", ("VIII", box(0, 0, 300, 100)), ("VII", box(300, 0, 500, 100)))
    words = [
        "--hazard",
        "earthquake",
        "--datum",
        "WGS-84",
        "--severity",
        "VIII=2",
        "VII=1",
        "--class-column",
        "class",
    ]
    assert command(str(path), "--city", "town", "--code", "fault", *words, "--dry-run")["id"] is None
    assert (
        command(str(path), "--city", "town", "--code", "fault", *words)["id"]
        == HazardLayer.objects.get(code="fault").pk
    )


def test_the_command_refuses_with_every_problem(town: Any, depths: Path) -> None:
    out = StringIO()
    with pytest.raises(CommandError):
        call_command(
            "import_hazard", str(depths), "--city", "town", "--code", "flood", "--hazard", "flood", "--cut-off", "deep:x:0",
            "--json", stdout=out,
        )  # fmt: skip
    told = json.loads(out.getvalue())
    assert sorted(row["code"] for row in told["problems"]) == ["not_a_number", "severity_invalid"]
    with pytest.raises(CommandError, match="town2"):
        call_command("import_hazard", str(depths), "--city", "town2", "--code", "flood", "--hazard", "flood")


def test_tiles_follow_new_ground(town: Any, layer: HazardLayer, tmp_path: Path) -> None:
    lon, lat = 104.004, 30.6
    z = 13
    x = int((lon + 180) / 360 * 2**z)
    y = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**z)
    before = zone_tile(layer=layer, z=z, x=x, y=y)
    assert not before.empty
    bring(
        town, write(tmp_path / "b.tif", **metres(DEPTH[:, ::-1].copy(), -250, 250, 500)), **raster_options()
    )
    layer.refresh_from_db()
    assert zone_tile(layer=layer, z=z, x=x, y=y).etag != before.etag
