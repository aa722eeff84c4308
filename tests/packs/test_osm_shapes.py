"""Areas, buildings and places out of OpenStreetMap, in hand-made files and in whole countries."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from django.conf import settings
from django.db.models import Sum

from core.models import Area, City
from facilities.importers.columns import Column
from facilities.importers.problems import Problems
from facilities.models import Capability, Facility
from planning.importers.buildings import spread_over_buildings, whole_parts
from planning.importers.osm_shapes import PLACES, SURFACES, read_osm_table, wanted_tags
from planning.models import CellPopulation, DemandCell, RoadNetwork
from planning.services.city_packs import load_city
from tests.packs.test_osm_streets import osm

CORNERS = {1: (0, 0), 2: (20, 0), 3: (20, 10), 4: (0, 10), 5: (5, 5), 6: (200, 200), 7: (300, 200)}
HOUSE = [1, 2, 3, 4, 1]
COLUMNS = {
    "id": Column("@id"), "name": Column("name"), "area": Column("@area_m2", "number"), "stars": Column("stars", "whole"),
}  # fmt: skip


def table(tmp_path: Path, wanted: dict[str, Any], ways: Any, tags: Any = None, **options: Any) -> Any:
    path = tmp_path / "town.osm"
    path.write_text(osm(CORNERS, ways, tags), encoding="utf-8")
    problems = Problems()
    told = wanted_tags(wanted, "town.osm", "osm", problems)
    assert told is not None
    return read_osm_table(path, "town.osm", told, COLUMNS, problems, **options), problems


def test_outlines_and_points_become_rows_with_numbers_out_of_words(tmp_path: Path) -> None:
    ways = [(HOUSE, {"tourism": "hotel", "name": "Krone", "stars": "4 S"}), ([6, 7], {"tourism": "hotel"})]
    tags = {6: {"tourism": "hostel", "name": "Berg"}, 7: {"tourism": "museum"}}
    rows, problems = table(tmp_path, {"tourism": ["hotel", "hostel"]}, ways, tags, kind=PLACES)
    assert not len(problems)
    assert dict(zip(rows["id"], rows["name"], strict=True)) == {"n6": "Berg", "w100": "Krone"}
    area = dict(zip(rows["id"], rows["area"], strict=True))
    assert area["w100"] == pytest.approx(200, rel=0.02) and np.isnan(area["n6"])
    assert dict(zip(rows["id"], rows["stars"], strict=True))["w100"] == 4


def test_a_place_drawn_as_point_and_outline_is_one_place(tmp_path: Path) -> None:
    ways, tags = [(HOUSE, {"tourism": "hotel"})], {5: {"tourism": "hotel"}}
    rows, _problems = table(tmp_path, {"tourism": True}, ways, tags, kind=PLACES)
    assert rows["id"].tolist() == ["w100"]


def test_every_tag_must_be_there_and_only_wanted_shapes_are_taken(tmp_path: Path) -> None:
    ways = [
        (HOUSE, {"building": "yes"}),
        ([5, 6, 7, 5], {"building": "yes", "name": "Rathaus"}),
        ([6, 7], {"building": "yes"}),
    ]
    rows, _problems = table(tmp_path, {"building": "yes", "name": True}, ways)
    assert rows["name"].tolist() == ["Rathaus"]
    rows, _problems = table(tmp_path, {"building": "yes"}, ways, kind=SURFACES)
    assert sorted(shape.geom_type for shape in rows.shapes) == ["LineString", "MultiPolygon", "MultiPolygon"]


def test_what_a_file_does_not_have_is_an_error_for_areas_and_a_warning_for_places(tmp_path: Path) -> None:
    for kind, level in (("areas", "error"), (PLACES, "warning")):
        rows, problems = table(tmp_path, {"amenity": "school"}, [(HOUSE, {"building": "yes"})], kind=kind)
        assert rows is None and problems.count(level) == len(problems) == 1


def test_a_declaration_of_tags_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    for declared in (None, {}, "building", {"building": 3}, {"building": []}, {"building": False}):
        problems = Problems()
        assert wanted_tags(declared, "city.toml", "osm", problems) is None
        assert problems.has_errors


def test_people_go_where_buildings_are_whole_and_complete() -> None:
    boxes = [(9.5, 47.1), (9.5001, 47.1), (9.53, 47.1)]
    shapes = np.array([shapely.box(x, y, x + 1e-4, y + 1e-4) for x, y in boxes], dtype=object)
    squares = spread_over_buildings(shapes, np.array([100.0, 100.0, 100.0]), 100, 500)
    assert sorted(squares.people.tolist()) == [33, 67] and squares.people.sum() == 100
    east = squares.lon > 9.52
    assert squares.people[east].tolist() == [33]
    assert whole_parts(np.array([1.0, 1.0, 1.0]), 2).tolist() == [1, 1, 0]


COUNTRY = "cases/liechtenstein"


@pytest.mark.django_db
def test_liechtenstein_loads_from_one_file_with_everybody_in_a_municipality(shared_data_dir: Path) -> None:
    report = load_city(path=settings.BASE_DIR / COUNTRY)
    assert not report.warnings
    names = set(Area.objects.filter(level=2).values_list("name", flat=True))
    assert len(names) == 11 and {"Vaduz", "Schaan", "Balzers", "Triesenberg", "Ruggell"} <= names
    assert 150 < Area.objects.get(level=1).area_km2 < 170  # the country has 160 km²
    assert CellPopulation.objects.aggregate(sum=Sum("people"))["sum"] == 39_000
    assert not DemandCell.objects.filter(area=None).exists()
    network = RoadNetwork.objects.get()
    assert network.nodes > 5_000 and network.largest_part_share > 0.95
    assert network.facts["driven_km"] == pytest.approx(440, rel=0.1)
    assert network.facts["on_foot_only_km"] > 500 and network.facts["layers"][0]["barriers"]["nodes"] == 17
    assert Facility.objects.filter(use__code="hotel").count() >= 12
    assert not Facility.objects.filter(use__code="hotel", rooms=None).exists()
    assert not Capability.objects.filter(capacity__lte=0).exists()
    assert not load_city(path=settings.BASE_DIR / COUNTRY).changed


@pytest.mark.django_db
def test_another_country_loads_with_the_same_pack_and_another_file(
    shared_data_dir: Path, tmp_path: Path
) -> None:
    text = (settings.BASE_DIR / COUNTRY / "city.toml").read_text(encoding="utf-8")
    text = text.replace("liechtenstein-latest.osm.pbf", "andorra.osm.gz").replace(
        "../../../shared/data", str(shared_data_dir)
    )
    (tmp_path / "city.toml").write_text(text, encoding="utf-8")
    report = load_city(path=tmp_path)
    assert [warning.code for warning in report.warnings] == ["file_empty"]  # no sports hall in this file
    assert City.objects.get().layers.get(name="halls").rows == 0
    assert Area.objects.filter(level=2).count() == 6
    assert RoadNetwork.objects.get().largest_part_share > 0.9


@pytest.mark.django_db
def test_a_field_that_is_not_read_cannot_be_assumed(
    shared_data_dir: Path, tmp_path: Path, refused: Callable[..., Any]
) -> None:
    text = (settings.BASE_DIR / COUNTRY / "city.toml").read_text(encoding="utf-8")
    text = text.replace("../../../shared/data", str(shared_data_dir)).replace(
        "rooms = 20,", 'rooms = "many", floors = 3,'
    )
    (tmp_path / "city.toml").write_text(text, encoding="utf-8")
    assert {problem.code for problem in refused(tmp_path)} == {"key_unknown", "not_a_number"}
