"""Hazard layers from polygons and rasters: areas and people by hand, replacements, rights, and a run on the town.

The town's plane is 4 km x 1 km. The raster of five columns and four rows has 0.01° x 0.005° pixels; its values, in metres of
water, are below. Cut-offs: shallow from 0.3, medium from 0.7, deep from 1.5.

    0.0  0.1  0.3  0.3  0.7        .  .  s  s  m
    0.2  0.3  0.7  0.7  0.7        .  s  m  m  m
    0.2  0.7  1.5  2.0   —         .  m  d  d  —
    0.0  0.2  1.4  1.5   —         .  .  m  d  —       shallow 3, medium 6, deep 3, below 6, without value 2
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from django.contrib.gis.geos import MultiPolygon

from core.errors import DomainError, Forbidden, InvalidInput
from core.models import AuditEntry
from facilities.importers.problems import Problems
from planning.importers.hazard_rasters import checked_cut_offs, classify, counted, ground_of
from planning.importers.rasters import read_raster
from planning.models import HazardLayer, HazardZone, Scenario
from planning.selectors import hazards as selectors
from planning.services.hazard_imports import import_now
from planning.services.hazards import delete_layer, edit_facts
from tests.planning.town import PLANE, box

NONE = -9999.0
DEPTH = np.array(
    [[0.0, 0.1, 0.3, 0.3, 0.7], [0.2, 0.3, 0.7, 0.7, 0.7], [0.2, 0.7, 1.5, 2.0, NONE], [0.0, 0.2, 1.4, 1.5, NONE]],
    np.float32,
)  # fmt: skip
CUT_OFFS = [
    {"klass": "deep", "from": 1.5, "severity": 3},
    {"klass": "shallow", "from": 0.3, "severity": 1},
    {"klass": "medium", "from": 0.7, "severity": 2},
]
DEGREES = Affine(0.01, 0, 104.0, 0, -0.005, 30.62)


def write(
    path: Path,
    values: np.ndarray = DEPTH,
    crs: Any = "EPSG:4326",
    transform: Affine = DEGREES,
    nodata: Any = NONE,
) -> Path:
    shape = {"count": 1, "height": values.shape[0], "width": values.shape[1], "dtype": values.dtype}
    with rasterio.open(
        path, "w", driver="GTiff", crs=crs, transform=transform, nodata=nodata, **shape
    ) as out:
        out.write(values, 1)
    return path


def drawn(path: Path, *rows: tuple[str, Any]) -> Path:
    features = [
        {"type": "Feature", "properties": {"class": name}, "geometry": json.loads(ground.json)}
        for name, ground in rows
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False))
    return path


def raster_options(**more: Any) -> dict[str, Any]:
    return {
        "hazard": "flood",
        "cut_offs": CUT_OFFS,
        "unit": "m",
        "title": "洪水",
        "title_en": "Flood",
        **more,
    }


def bring(town: Any, path: Path, code: str = "flood", user: Any = None, **options: Any) -> Any:
    return import_now(user=user, city=town.city, code=code, path=path, options=options)


def refused(town: Any, path: Path, code: str = "flood", **options: Any) -> list[str]:
    with pytest.raises(InvalidInput) as answer:
        bring(town, path, code, **options)
    assert not HazardZone.objects.exists()
    return [problem.code for problem in answer.value.problems]


def metres(values: np.ndarray, x: float, y: float, pixel: float) -> dict[str, Any]:
    """A raster on the town's own plane, `pixel` metres wide, from (x, y) east and south, as a projected file."""
    plane = f"+proj=tmerc +lat_0={PLANE.lat0} +lon_0={PLANE.lon0} +k=1 +x_0=0 +y_0=0 +ellps=WGS84 +datum=WGS84 +units=m +no_defs"
    return {"values": values, "crs": plane, "transform": Affine(pixel, 0, x, 0, -pixel, y)}


def test_values_fall_into_classes_as_worked_out_by_hand(tmp_path: Path) -> None:
    problems = Problems()
    raster = read_raster(write(tmp_path / "a.tif"), problems, label="a")
    cut_offs = checked_cut_offs(CUT_OFFS, problems)
    assert raster is not None and [one.klass for one in cut_offs] == ["shallow", "medium", "deep"]
    classes = classify(raster, cut_offs)
    assert classes.tolist() == [[-1, -1, 0, 0, 1], [-1, 0, 1, 1, 1], [-1, 1, 2, 2, -2], [-1, -1, 1, 2, -2]]
    pixels, area_m2 = counted(raster, classes, 3)
    assert pixels.tolist() == [3, 6, 3]
    # a pixel of 0.01° x 0.005° at 30.6° N: about 958.6 m x 554.3 m
    assert area_m2 == pytest.approx(np.array([3, 6, 3]) * 958.6 * 554.3, rel=1e-3)


def test_pixels_of_a_class_that_share_an_edge_are_one_polygon(tmp_path: Path) -> None:
    raster = read_raster(write(tmp_path / "a.tif"), Problems(), label="a")
    assert raster is not None
    cut_offs = checked_cut_offs(CUT_OFFS, Problems())
    classes = classify(raster, cut_offs)
    shapes, owner = ground_of(raster, classes)
    # shallow: two above, one alone below them across a corner; medium: four in a row and a step, one left, one below; deep: one
    assert np.bincount(owner).tolist() == [2, 3, 1]
    deep = shapes[owner == 2][0]
    assert shapely.area(deep) == pytest.approx(3 * 0.01 * 0.005)
    assert shapely.bounds(deep) == pytest.approx([104.02, 30.60, 104.04, 30.61])
    geod = pyproj.Geod(ellps="WGS84")
    _pixels, area_m2 = counted(raster, classes, 3)
    for number in range(3):
        ground = shapely.multipolygons(shapes[owner == number])
        assert abs(geod.geometry_area_perimeter(ground)[0]) == pytest.approx(area_m2[number], rel=1e-4)


def test_a_projected_raster_covers_the_same_ground_as_its_twin_in_degrees(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    values = np.kron(rng.uniform(0, 3, (10, 12)), np.ones((10, 10))).astype(np.float32)
    flat = read_raster(
        write(tmp_path / "flat.tif", nodata=None, **metres(values, -3000, 2000, 50)), Problems(), label="flat"
    )
    assert flat is not None
    lon, lat = np.meshgrid(
        104.0 + (np.arange(-3100, 3100, 50) + 25) / 95_880, 30.6 - (np.arange(-2100, 3100, 50) + 25) / 110_870
    )
    x, y = PLANE.forward(lon.ravel(), lat.ravel())
    column, row = np.floor((x + 3000) / 50).astype(int), np.floor((2000 - y) / 50).astype(int)
    inside = (column >= 0) & (column < 120) & (row >= 0) & (row < 100)
    twin_values = np.full(lon.size, NONE, np.float32)
    twin_values[inside] = values[row[inside], column[inside]]
    steps = (lon[0, 1] - lon[0, 0], lat[1, 0] - lat[0, 0])
    place = Affine(steps[0], 0, lon[0, 0] - steps[0] / 2, 0, steps[1], lat[0, 0] - steps[1] / 2)
    twin = read_raster(
        write(tmp_path / "twin.tif", twin_values.reshape(lon.shape), transform=place),
        Problems(),
        label="twin",
    )
    assert twin is not None
    cut_offs = checked_cut_offs(CUT_OFFS, Problems())
    grounds = []
    for raster in (flat, twin):
        shapes, owner = ground_of(raster, classify(raster, cut_offs))
        in_metres = shapely.transform(shapes, lambda at: np.column_stack(PLANE.forward(at[:, 0], at[:, 1])))
        grounds.append([shapely.union_all(in_metres[owner == number]) for number in range(3)])
    for one, other in zip(*grounds, strict=True):
        # whatever one covers and the other does not lies within a pixel of its border
        assert shapely.area(shapely.difference(one, shapely.buffer(other, 71))) == pytest.approx(0, abs=1)
        assert shapely.area(shapely.difference(other, shapely.buffer(one, 71))) == pytest.approx(0, abs=1)
        assert shapely.area(one) == pytest.approx(shapely.area(other), rel=0.02)


def test_a_limit_means_the_precision_of_the_file(tmp_path: Path) -> None:
    raster = read_raster(
        write(tmp_path / "a.tif", np.array([[0.7, 0.69]], np.float32)), Problems(), label="a"
    )
    assert raster is not None and raster.values[0, 0] < 0.7
    assert classify(
        raster, checked_cut_offs([{"klass": "a", "from": 0.7, "severity": 1}], Problems())
    ).tolist() == [[0, -1]]


def test_cut_offs_are_checked_all_at_once() -> None:
    problems = Problems()
    said = [
        {"klass": "", "from": 1, "severity": 1},
        {"klass": "a", "from": "deep", "severity": 0},
        {"klass": "b", "from": 2, "severity": 1},
        {"klass": "b", "from": 2, "severity": 2},
        {"klass": "c"},
    ]
    assert checked_cut_offs(said, problems) == []
    assert sorted(problem.code for problem in problems) == [
        "class_invalid", "class_twice", "cut_off_invalid", "cut_off_twice", "not_a_number", "severity_invalid",
    ]  # fmt: skip


def test_a_raster_layer_tells_what_was_counted(town: Any, tmp_path: Path) -> None:
    done = bring(
        town, write(tmp_path / "depth.tif"), **raster_options(return_period_years=100, certainty="B")
    )
    layer = done.layer
    assert (layer.unit, layer.return_period_years, layer.certainty, layer.source) == (
        "m",
        100,
        "B",
        "depth.tif",
    )
    assert [one["klass"] for one in layer.cut_offs] == ["shallow", "medium", "deep"]
    rows = selectors.classes_of(layer)
    assert [(row["klass"], row["severity"], row["from"], row["to"], row["pixels"]) for row in rows] == [
        ("deep", 3, 1.5, None, 3), ("medium", 2, 0.7, 1.5, 6), ("shallow", 1, 0.3, 0.7, 3),
    ]  # fmt: skip
    assert (layer.facts["below"], layer.facts["without_value"]) == (6, 2)
    assert set(layer.zones.values_list("klass", flat=True)) == {"shallow", "medium", "deep"}


def test_a_run_on_a_raster_hazard_gives_the_need_worked_out_by_hand(
    town: Any, tmp_path: Path, compute: Any
) -> None:
    """Pixels of 500 m from 250 m west: c1 and c2 (0, 400 m) in shallow and deep, c3 in deep, c4 (3,000 m) below all.
    Need by night: 100 x 0.1 + 60 x 0.5 + 40 x 0.5 = 60."""
    depth = np.array([[0.4, 2.0, 2.0, 0.1, 0.1, 0.1, 0.1]], np.float32)
    bring(town, write(tmp_path / "a.tif", **metres(depth, -250, 250, 500)), **raster_options())
    scenario = town.scenario
    scenario.extent, scenario.hazard, scenario.hazard_layer = "zones", "flood", HazardLayer.objects.get()
    scenario.affected_share = scenario.displaced_share = None
    scenario.zone_rates = {
        "shallow": {"affected": 1, "displaced": 0.1},
        "deep": {"affected": 1, "displaced": 0.5},
    }
    scenario.save()
    run = compute(town)[0]
    assert run.totals[0]["need"] == 60
    need = {row.cell.code: row.need for row in run.cell_results.select_related("cell")}
    assert need == {"c1": 10, "c2": 30, "c3": 20}


def test_people_and_places_inside_are_counted_by_class_time_and_district(town: Any, tmp_path: Path) -> None:
    depth = np.array([[0.4, 2.0, 2.0, 0.1, 0.1, 0.1, 0.1]], np.float32)
    layer = bring(town, write(tmp_path / "a.tif", **metres(depth, -250, 250, 500)), **raster_options()).layer
    rows = selectors.people_inside(None, layer)
    assert {(row["klass"], row["time_of_day"], row["district"]): row["people"] for row in rows} == {
        ("shallow", "night", "T1"): 100, ("shallow", "day", "T1"): 60,
        ("deep", "night", "T1"): 60, ("deep", "day", "T1"): 60, ("deep", "night", "T2"): 40, ("deep", "day", "T2"): 0,
    }  # fmt: skip
    places = selectors.places_by_class(selectors.places_inside(None, layer))
    # A at 100 m is in shallow water, B at 950 m in deep water, the yard at 450 m too
    assert places == {("shallow", "facility"): 1, ("deep", "facility"): 1, ("deep", "idle_asset"): 1}


def test_a_person_of_one_district_sees_the_people_there_only(town: Any, tmp_path: Path, person: Any) -> None:
    depth = np.array([[0.4, 2.0, 2.0]], np.float32)
    layer = bring(town, write(tmp_path / "a.tif", **metres(depth, -250, 250, 500)), **raster_options()).layer
    chen = person("chen", "planner", town.right)
    assert selectors.people_at(selectors.people_inside(chen, layer)) == 40
    assert {row["ref"] for row in selectors.places_inside(chen, layer)} == {town.places[1].ref}


@pytest.mark.parametrize(
    ("change", "said", "code"),
    [
        ({"crs": None}, {}, "datum_missing"),
        ({"nodata": None}, {}, "nodata_undeclared"),
        ({"transform": Affine(0.01, 0, 116, 0, -0.01, 40)}, {}, "outside_city"),
        ({"values": DEPTH / 100}, {}, "hazard_empty"),
        ({}, {"cut_offs": []}, "cut_offs_missing"),
        ({}, {"hazard": "storm surge"}, "key_missing"),
        ({}, {"columns": {"class": "depth"}}, "key_unknown"),
        ({}, {"band": 3}, "band_missing"),
        ({}, {"return_period_years": -5}, "not_whole"),
        ({}, {"datum": "EPSG:32648"}, "datum_wrong"),
    ],
)
def test_a_bad_raster_is_refused_with_words(
    town: Any, tmp_path: Path, change: dict[str, Any], said: dict[str, Any], code: str
) -> None:
    assert code in refused(town, write(tmp_path / "a.tif", **change), **raster_options(**said))


def test_polygons_of_equal_severity_must_not_overlap(town: Any, tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.geojson", ("east", box(0, 0, 300, 100)), ("west", box(200, 0, 500, 100)))
    with pytest.raises(InvalidInput) as answer:
        bring(town, path, hazard="flood", datum="WGS-84", severity={"east": 2, "west": 2})
    (problem,) = answer.value.problems
    assert problem.code == "classes_overlap" and "10,000 m²" in str(problem.message)
    lon, lat = PLANE.inverse([250], [50])
    assert f"{lon[0]:.2f}" in str(problem.message) and f"{lat[0]:.2f}" in str(problem.message)


def test_overlaps_of_different_severity_are_told(town: Any, tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.geojson", ("deep", box(0, 0, 300, 100)), ("shallow", box(200, 0, 500, 100)))
    layer = bring(town, path, hazard="flood", datum="WGS-84", severity={"deep": 2, "shallow": 1}).layer
    (row,) = layer.facts["overlaps"]
    assert (row["winner"], row["other"]) == ("deep", "shallow")
    assert row["area_m2"] == pytest.approx(10_000, rel=1e-3)
    assert {one["klass"]: round(one["area_m2"], -2) for one in layer.facts["classes"]} == {
        "deep": 30_000,
        "shallow": 30_000,
    }


def test_neighbours_that_share_a_border_do_not_overlap(town: Any, tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.geojson", ("east", box(0, 0, 300, 100)), ("west", box(300, 0, 500, 100)))
    assert (
        bring(town, path, hazard="flood", datum="WGS-84", severity={"east": 2, "west": 2}).layer.facts[
            "overlaps"
        ]
        == []
    )


def test_bad_polygons_are_refused_with_words(town: Any, tmp_path: Path) -> None:
    plain = {"hazard": "flood", "datum": "WGS-84", "severity": {"deep": 1}}
    ground = box(0, 0, 300, 100)
    assert refused(town, drawn(tmp_path / "a.geojson", ("", ground)), **plain) == ["value_missing"]
    assert refused(town, drawn(tmp_path / "b.geojson", ("high", ground)), **plain) == ["class_unknown"]
    assert refused(town, drawn(tmp_path / "c.geojson", ("deep", ground)), **(plain | {"datum": ""})) == [
        "datum_missing"
    ]
    far = shapely.box(116, 40, 116.1, 40.1)
    (tmp_path / "d.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [
            {"type": "Feature", "properties": {"class": "deep"}, "geometry": shapely.geometry.mapping(far)}
        ]})
    )  # fmt: skip
    assert refused(town, tmp_path / "d.geojson", **plain) == ["outside_city"]
    assert refused(
        town, drawn(tmp_path / "e.geojson", ("deep", ground)), **(plain | {"cut_offs": CUT_OFFS})
    ) == ["key_unknown"]


def flooded(town: Any, tmp_path: Path) -> HazardLayer:
    """The town's scenario stands on classes deep and shallow of a drawn layer."""
    path = drawn(
        tmp_path / "first.geojson", ("deep", box(340, -60, 470, 60)), ("shallow", box(-60, -60, 300, 60))
    )
    layer: HazardLayer = bring(
        town, path, hazard="flood", datum="WGS-84", severity={"deep": 2, "shallow": 1}
    ).layer
    scenario = town.scenario
    scenario.extent, scenario.hazard_layer, scenario.hazard = "zones", layer, "flood"
    scenario.zone_rates = {
        "deep": {"affected": 1, "displaced": 0.5},
        "shallow": {"affected": 1, "displaced": 0.1},
    }
    scenario.save()
    return layer


def test_new_ground_must_keep_the_classes_that_scenarios_count_on(town: Any, tmp_path: Path) -> None:
    layer = flooded(town, tmp_path)
    only = drawn(tmp_path / "b.geojson", ("deep", box(0, 0, 300, 100)))
    with pytest.raises(InvalidInput) as answer:
        bring(town, only, hazard="flood", datum="WGS-84", severity={"deep": 2})
    (problem,) = answer.value.problems
    assert (
        problem.code == "class_in_use"
        and problem.value == "shallow"
        and town.scenario.ref in str(problem.message)
    )
    assert layer.zones.count() == 2
    both = drawn(tmp_path / "c.geojson", ("deep", box(0, 0, 300, 100)), ("shallow", box(400, 0, 500, 100)))
    done = bring(town, both, hazard="flood", datum="WGS-84", severity={"deep": 2, "shallow": 1})
    assert done.replaces and done.layer.pk == layer.pk


def test_a_layer_of_another_hazard_keeps_its_code(town: Any, tmp_path: Path) -> None:
    flooded(town, tmp_path)
    path = drawn(tmp_path / "b.geojson", ("deep", box(0, 0, 300, 100)), ("shallow", box(400, 0, 500, 100)))
    with pytest.raises(InvalidInput) as answer:
        bring(town, path, hazard="earthquake", datum="WGS-84", severity={"deep": 2, "shallow": 1})
    assert [problem.code for problem in answer.value.problems] == ["hazard_differs"]


def test_past_runs_keep_their_numbers_when_the_ground_changes(
    town: Any, tmp_path: Path, compute: Any
) -> None:
    flooded(town, tmp_path)
    before = compute(town)[0]
    need = before.totals[0]["need"]
    assert need == 100 * 0.1 + 60 * 0.5
    both = drawn(
        tmp_path / "c.geojson", ("deep", box(-60, -60, 300, 60)), ("shallow", box(2900, -60, 3100, 60))
    )
    bring(town, both, hazard="flood", datum="WGS-84", severity={"deep": 2, "shallow": 1})
    after = compute(town)[0]
    before.refresh_from_db()
    assert before.totals[0]["need"] == need and after.totals[0]["need"] == 100 * 0.5 + 30 * 0.1
    assert after.pk != before.pk


def test_facts_are_corrected_and_the_change_is_kept(town: Any, tmp_path: Path, person: Any) -> None:
    layer = flooded(town, tmp_path)
    lin = person("lin", "planner")
    edit_facts(user=lin, layer=layer, return_period_years=100, certainty="B", source="水利局 2024")
    layer.refresh_from_db()
    assert (layer.return_period_years, layer.certainty, layer.source) == (100, "B", "水利局 2024")
    entry = AuditEntry.objects.get(act="hazard.edit")
    assert entry.after["return_period_years"] == 100 and entry.before["return_period_years"] is None
    with pytest.raises(InvalidInput) as answer:
        edit_facts(user=lin, layer=layer, return_period_years=0, certainty="E", name="", classes=[])
    assert sorted(problem.code for problem in answer.value.problems) == [
        "choice_unknown", "key_unknown", "not_whole", "value_missing",
    ]  # fmt: skip


def test_only_layers_that_nothing_stands_on_are_deleted(town: Any, tmp_path: Path) -> None:
    layer = flooded(town, tmp_path)
    with pytest.raises(DomainError) as answer:
        delete_layer(user=None, layer=layer)
    assert answer.value.code == "layer-in-use" and town.scenario.ref in str(answer.value.message)
    Scenario.objects.update(
        hazard_layer=None, road_rules=[{"kind": "zone", "zone_class": "*", "hazard_layer": "flood"}]
    )
    with pytest.raises(DomainError):
        delete_layer(user=None, layer=layer)
    Scenario.objects.update(road_rules=[])
    delete_layer(user=None, layer=layer)
    assert not HazardLayer.objects.exists()


def test_only_who_may_import_hazards_may_change_them(town: Any, tmp_path: Path, person: Any) -> None:
    layer = flooded(town, tmp_path)
    viewer = person("he", "viewer")
    for act in (
        lambda: edit_facts(user=viewer, layer=layer, source="x"),
        lambda: delete_layer(user=viewer, layer=layer),
        lambda: bring(town, write(tmp_path / "a.tif"), user=viewer, **raster_options()),
    ):
        with pytest.raises(Forbidden):
            act()


def test_a_layer_made_before_areas_were_counted_still_tells_them(town: Any) -> None:
    layer = HazardLayer.objects.create(city=town.city, code="old", name="旧", hazard="flood")
    HazardZone.objects.create(
        layer=layer, klass="deep", severity=1, geometry=MultiPolygon(box(0, 0, 1000, 100), srid=4326)
    )
    (row,) = selectors.classes_of(layer)
    assert row["klass"] == "deep" and row["area_m2"] == pytest.approx(100_000, rel=1e-3)
