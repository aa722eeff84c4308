"""A pack that is right: what stands in the database afterwards."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from django.core.management import call_command

from core.models import Area, AuditEntry, City, MapFeature, PackLayer
from engine import crs
from facilities.models import Capability, Facility, ImportBatch
from inventory.models import AssetOption, IdleAsset
from planning.models import CellPopulation, DemandCell, HazardZone, PopulationLayer, RoadNetwork, Scenario
from planning.services.city_packs import load_city
from tests.packs.conftest import FILES, features, square

pytestmark = pytest.mark.django_db


def test_every_layer_of_the_pack_is_there_after_loading(pack: Callable[..., Path]) -> None:
    report = load_city(path=pack())
    city = City.objects.get(code="9001")
    assert report.changed and report.city == city and city.synthetic
    assert list(DemandCell.objects.order_by("number").values_list("number", flat=True)) == [0, 1, 2]
    assert (
        sum(CellPopulation.objects.values_list("people", flat=True))
        == PopulationLayer.objects.get().people
        == 350
    )
    assert RoadNetwork.objects.get(current=True).edges == 1  # two links that only bend are one street
    assert MapFeature.objects.filter(kind="road").exists()
    assert HazardZone.objects.get().klass == "deep"
    assert Scenario.objects.get().zone_rates == {"deep": {"affected": 1.0, "displaced": 0.5}}
    assert AssetOption.objects.get().cost_fen == 90_000_000
    assert AuditEntry.objects.filter(act="city.load").count() == 1
    assert {layer.name: layer.rows for layer in PackLayer.objects.all()}["places"] == 2


def test_capacity_of_a_role_comes_from_the_rule_of_its_use(pack: Callable[..., Path]) -> None:
    load_city(path=pack())
    found = {
        (c.facility.source_id, c.service.code): (
            c.status,
            c.capacity,
            c.conversion_hours_declared,
            c.conversion_cost_fen,
        )
        for c in Capability.objects.all()
    }
    assert found[("S1", "short_fixed_shelter")] == ("active", 4000 * 0.60 / 2.0, 48, None)
    assert found[("H1", "short_fixed_shelter")] == ("active", 140, 48, None)
    assert found[("H1", "isolation_lodging")] == ("possible", 100, 30, 100 * 100 * 100)
    assert len(found) == 3


def test_areas_nest_by_containment_and_places_know_their_area(pack: Callable[..., Path]) -> None:
    load_city(path=pack())
    assert Area.objects.get(code="900102").path == "9001/900102/"
    assert Facility.objects.get(source_id="H1").area.code == "900102"
    assert IdleAsset.objects.get().area.code == "900102"
    assert DemandCell.objects.get(code="a").area.code == "900101"


def test_a_point_just_outside_every_border_belongs_to_the_nearest_area(pack: Callable[..., Path]) -> None:
    people = FILES["people.csv"] + "d,104.2003,30.05,7\ne,104.25,30.05,9\n"
    load_city(path=pack(**{"people.csv": people}))
    assert DemandCell.objects.get(code="d").area.code == "900102"
    assert DemandCell.objects.get(code="e").area is None


def test_loading_twice_changes_nothing(pack: Callable[..., Path]) -> None:
    path = pack()
    load_city(path=path)
    before = [
        list(model.objects.order_by("pk").values())
        for model in (Facility, Capability, DemandCell, PackLayer, City)
    ]
    report = load_city(path=path)
    after = [
        list(model.objects.order_by("pk").values())
        for model in (Facility, Capability, DemandCell, PackLayer, City)
    ]
    assert not report.changed and "Nothing changed" in report.message
    assert before == after
    assert ImportBatch.objects.count() == 1


def test_a_changed_layer_is_updated_and_keeps_its_references(pack: Callable[..., Path]) -> None:
    load_city(path=pack())
    ref = Facility.objects.get(source_id="S1").ref
    cell = DemandCell.objects.get(code="b").pk
    places = FILES["places.csv"].replace("4000", "5000") + "P1,新公园,park,104.11,30.02,9000,\n"
    people = FILES["people.csv"].replace("250", "300") + "aa,104.02,30.02,11\n"
    report = load_city(path=pack(**{"places.csv": places, "people.csv": people}))
    states = {layer.name: layer.state for layer in report.layers}
    assert (
        states["places"] == states["night"] == "loaded" and states["areas"] == states["roads"] == "unchanged"
    )
    school = Facility.objects.get(source_id="S1")
    assert (school.ref, school.area_m2, school.version) == (ref, 5000, 2)
    assert Facility.objects.get(source_id="H1").version == 1
    assert school.capabilities.get().capacity == 1500
    batch = ImportBatch.objects.first()
    assert (batch.added, batch.changed, batch.unchanged) == (1, 1, 1)
    assert DemandCell.objects.get(code="b").pk == cell
    assert DemandCell.objects.get(code="b").counts.get().people == 300
    assert sorted(DemandCell.objects.values_list("number", flat=True)) == [0, 1, 2, 3]


def test_a_city_keeps_apart_from_another(pack: Callable[..., Path]) -> None:
    load_city(path=pack())
    load_city(path=pack(folder="other", manifest=('code = "9001"', 'code = "9002"')))
    assert (
        Facility.objects.filter(city__code="9001").count()
        == Facility.objects.filter(city__code="9002").count()
        == 2
    )
    assert DemandCell.objects.filter(city__code="9002").count() == 3


def test_points_keep_their_original_coordinates_and_move_by_the_declared_datum(
    pack: Callable[..., Path],
) -> None:
    before = MANIFEST_PLACES
    load_city(path=pack(manifest=(before, before.replace("WGS-84", "GCJ-02"))))
    hotel = Facility.objects.get(source_id="H1")
    assert (hotel.datum, hotel.original_x, hotel.original_y) == ("GCJ-02", 104.15, 30.05)
    expected = crs.to_wgs84([104.15], [30.05], "GCJ-02")
    assert np.allclose(hotel.point.coords, [expected[0][0], expected[1][0]], atol=1e-9)
    shift = ImportBatch.objects.get().median_shift_m
    assert 200 < shift < 700 and PackLayer.objects.get(name="places").median_shift_m == shift


def test_projected_coordinates_are_read_by_their_epsg_code(pack: Callable[..., Path]) -> None:
    x, y = crs.from_wgs84([104.05, 104.15], [30.05, 30.05], "EPSG:4544")
    places = f"id,name,use,lon,lat,area_m2,rooms\nS1,小学,school,{x[0]},{y[0]},100,\nS2,小学,school,{x[1]},{y[1]},100,\n"
    before = MANIFEST_PLACES
    load_city(path=pack(manifest=(before, before.replace("WGS-84", "EPSG:4544")), **{"places.csv": places}))
    assert Facility.objects.get(source_id="S2").point.x == pytest.approx(104.15, abs=1e-6)


def test_a_gb18030_file_loads_when_it_is_declared(pack: Callable[..., Path]) -> None:
    before = MANIFEST_PLACES
    after = before + '\nencoding = "gb18030"'
    load_city(path=pack(manifest=(before, after), **{"places.csv": FILES["places.csv"].encode("gb18030")}))
    assert Facility.objects.get(source_id="S1").name == "第一小学"


def test_a_workbook_a_geopackage_and_a_shapefile_load_like_csv(pack: Callable[..., Path]) -> None:
    import openpyxl

    folder = pack(manifest=('path = "places.csv"', 'path = "places.xlsx"'))
    book = openpyxl.Workbook()
    for row in (line.split(",") for line in FILES["places.csv"].splitlines()):
        book.active.append([float(cell) if cell.replace(".", "").isdigit() else cell or None for cell in row])
    book.save(folder / "places.xlsx")
    load_city(path=folder)
    assert Facility.objects.get(source_id="H1").rooms == 100
    shapes = shapely.to_wkb(np.array([shapely.box(104.0, 30.0, 104.2, 30.1)]))
    for name, code in (("areas.gpkg", "9003"), ("areas.shp", "9004")):
        folder = pack(folder=name.replace(".", "-"))
        manifest = (folder / "city.toml").read_text(encoding="utf-8")
        manifest = manifest.replace("areas.geojson", name).replace('code = "9001"', f'code = "{code}"')
        (folder / "city.toml").write_text(manifest, encoding="utf-8")
        data = [
            np.array([code], dtype=object),
            np.array(["小镇"], dtype=object),
            np.array(["city"], dtype=object),
        ]
        pyogrio.raw.write(
            folder / name, shapes, data, np.array(["code", "name", "level"]), geometry_type="Polygon", crs="EPSG:4326",
            encoding="utf-8",
        )  # fmt: skip
        load_city(path=folder)
        assert Area.objects.get(code=code).name == "小镇"


def test_a_new_border_moves_places_to_their_new_area(pack: Callable[..., Path]) -> None:
    load_city(path=pack())
    areas = features(
        ({"code": "9001", "name": "小镇", "level": "city"}, square(104.0, 30.0, 104.2, 30.1)),
        ({"code": "900101", "name": "西区", "level": "district"}, square(104.0, 30.0, 104.18, 30.1)),
        ({"code": "900102", "name": "东区", "level": "district"}, square(104.18, 30.0, 104.2, 30.1)),
    )
    load_city(path=pack(**{"areas.geojson": areas}))
    assert Facility.objects.get(source_id="H1").area.code == "900101"
    assert DemandCell.objects.get(code="b").area.code == "900101"


def test_the_command_prints_one_json_object(
    pack: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    call_command("load_city", str(pack()), "--json")
    said = json.loads(capsys.readouterr().out)
    assert said["city"] == {"code": "9001", "name": "小镇", "synthetic": True}
    assert {layer["name"]: layer["rows"] for layer in said["layers"]}["night"] == 3


MANIFEST_PLACES = 'path = "places.csv"\ndatum = "WGS-84"'


def test_nobody_lives_any_more_in_an_area_that_the_pack_has_lost(pack: Callable[..., Path]) -> None:
    load_city(path=pack())
    areas = features(
        ({"code": "9001", "name": "小镇", "level": "city"}, square(104.0, 30.0, 104.2, 30.1)),
        ({"code": "900101", "name": "西区", "level": "district"}, square(104.0, 30.0, 104.2, 30.1)),
    )
    load_city(path=pack(**{"areas.geojson": areas}))
    assert Area.objects.filter(code="900102").exists()  # kept for what was computed with it
    assert set(DemandCell.objects.values_list("area__code", flat=True)) == {"900101"}
    assert Facility.objects.get(source_id="H1").area.code == "900101"
