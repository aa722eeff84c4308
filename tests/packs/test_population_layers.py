"""Population and census layers of city packs: grids, rasters, groups, errors; people made by hand survive a load."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from django.conf import settings
from django.db.models import Sum
from rasterio.transform import from_origin

from core.errors import Problem
from planning.models import CellPopulation, CensusTotal, DemandCell, PopulationLayer
from planning.selectors.population import reconcile
from planning.services.city_packs import load_city
from planning.services.population import scale_layer, set_current
from planning.services.population_imports import import_now
from planning.services.synthetic_city import make_city
from tests.packs.conftest import features, square

pytestmark = pytest.mark.django_db
NIGHT = 'cell = { shape = "hexagon", spacing_m = 300 }\n'
CENSUS = """
[[census]]
name = "count"
path = "census.csv"
year = 2020
columns = { code = "code", people = "people" }

[[census]]
name = "ages"
path = "ages.csv"
columns = { code = "code", year = "year", age_0_14_share = "kids", age_60_up_share = "b + c" }

[[roads]]
"""
TABLES = {
    "census.csv": "code,people\n900101,80\n900102,300\n4711,5\n4712,5\n4713,5\n",
    "ages.csv": "code,year,kids,b,c\n900101,2020,0.2,0.1,0.05\n900102,2020,0.1,0.1,0.1\n",
}


def test_a_layer_says_its_certainty_errors_and_whether_it_is_in_use(pack: Callable[..., Path]) -> None:
    said = (
        'as_of = 2024-05-01\ncertainty = "B"\nerror_share = 0.1\nerror_source = "a survey"\ncurrent = false\n'
    )
    load_city(path=pack(manifest=(NIGHT, NIGHT + said)))
    layer = PopulationLayer.objects.get()
    assert (layer.as_of, layer.certainty, layer.error_share) == (date(2024, 5, 1), "B", 0.1)
    assert (layer.error_source, layer.current, layer.method) == ("a survey", False, "cells")


def test_what_a_layer_says_wrong_is_told_with_its_key(
    pack: Callable[..., Path], refused: Callable[[Path], list[Problem]]
) -> None:
    said = 'as_of = "May"\ncertainty = "X"\nerror_share = 1.2\nkind = "lines"\n'
    found = {(one.code, one.column) for one in refused(pack(manifest=(NIGHT, NIGHT + said)))}
    assert found == {
        ("not_a_date", "night.as_of"), ("choice_unknown", "night.certainty"), ("share_invalid", "night.error_share"),
        ("key_missing", "night.error_source"), ("choice_unknown", "night.kind"),
    }  # fmt: skip


def test_a_census_comes_with_the_pack_and_tells_the_groups(pack: Callable[..., Path]) -> None:
    manifest = pack(manifest=("\n[[roads]]\n", CENSUS), **TABLES)
    text = (manifest / "city.toml").read_text(encoding="utf-8")
    (manifest / "city.toml").write_text(
        text.replace(NIGHT, NIGHT + "groups_from_census = 2020\n"), encoding="utf-8"
    )
    report = load_city(path=manifest)
    assert not report.warnings
    told = set(CensusTotal.objects.values_list("area__code", "group", "people"))
    assert told == {
        ("900101", "", 80), ("900102", "", 300), ("900101", "age_0_14", 16), ("900101", "age_60_up", 12),
        ("900102", "age_0_14", 30), ("900102", "age_60_up", 60),
    }  # fmt: skip
    layer = PopulationLayer.objects.get()
    assert layer.groups == {"age_0_14": 20 + 25, "age_60_up": 15 + 50}
    assert layer.facts["groups_from"]["census"] == 2020
    found = reconcile(layer, 2020)
    assert [row.difference for row in found.rows] == [20, -50]
    assert not load_city(path=manifest).changed
    # a census that changes brings the groups along
    (manifest / "ages.csv").write_text(TABLES["ages.csv"].replace("0.2,", "0.4,"))
    load_city(path=manifest)
    assert PopulationLayer.objects.get().groups["age_0_14"] == 40 + 25


def test_groups_from_a_census_that_is_not_there_refuse_the_pack(
    pack: Callable[..., Path], refused: Callable[[Path], list[Problem]]
) -> None:
    (problem,) = refused(pack(manifest=(NIGHT, NIGHT + "groups_from_census = 2020\n")))
    assert problem.code == "groups_unknown"


def test_ages_are_checked_against_each_other(
    pack: Callable[..., Path], refused: Callable[[Path], list[Problem]]
) -> None:
    columns = 'people = "people" }\n' + NIGHT
    named = 'people = "people", age_0_14 = "kids", age_60_up = "old", age_65_up_share = "older" }\n' + NIGHT
    people = "code,lon,lat,people,kids,old,older\na,104.05,30.05,100,60,41,0.2\nb,104.15,30.05,250,1,5,0.1\n"
    found = refused(pack(manifest=(columns, named), **{"people.csv": people}))
    assert [(one.code, one.row, one.column) for one in found] == [
        ("group_too_large", 3, "older"), ("group_too_large", 2, "kids")
    ]  # fmt: skip
    people = "code,lon,lat,people,kids,old,older\na,104.05,30.05,100,60,40,0.2\nb,104.15,30.05,250,1,50,0.1\n"
    load_city(path=pack(manifest=(columns, named), **{"people.csv": people}))
    assert PopulationLayer.objects.get().groups == {"age_0_14": 61, "age_60_up": 90, "age_65_up": 45}


@pytest.mark.parametrize(
    "spread", ['{ shape = "h3", resolution = 7 }', '{ shape = "square", spacing_m = 900, by = "area" }']
)
def test_polygons_come_onto_hexagons_or_squares_with_their_totals(
    pack: Callable[..., Path], spread: str
) -> None:
    towns = features(
        ({"n": 1001, "s": 0.25}, square(104.0, 30.0, 104.1, 30.1)), ({"n": 77.5, "s": 0}, square(104.1, 30.0, 104.2, 30.1))
    )  # fmt: skip
    path = pack(
        manifest=(
            'path = "people.csv"\ndatum = "WGS-84"\ncolumns = { code = "code", lon = "lon", lat = "lat", people = "people" }\n'
            + NIGHT,
            f'path = "towns.geojson"\ndatum = "WGS-84"\ncolumns = {{ people = "n", age_60_up_share = "s" }}\nspread = {spread}\n',
        ),
        **{"towns.geojson": towns},
    )  # fmt: skip
    load_city(path=path)
    layer = PopulationLayer.objects.get()
    assert (layer.people, layer.groups["age_60_up"], layer.method) == (1078.5, 250.25, "polygons")
    assert CellPopulation.objects.aggregate(sum=Sum("people"))["sum"] == 1078.5
    assert (
        DemandCell.objects.filter(geometry=None).count() == 0
        and layer.cells == DemandCell.objects.count() > 10
    )


def test_a_raster_goes_onto_the_cells_of_another_layer(pack: Callable[..., Path], tmp_path: Path) -> None:
    more = """
[[population]]
name = "fair"
time_of_day = "holiday"
path = "fair.tif"
spread = { onto = "cells" }
raster = { nodata = -9999 }

[[roads]]
"""
    path = pack(manifest=("\n[[roads]]\n", more))
    values = np.array([[3.5, -9999.0], [0.25, 8.0]], "float32")
    with rasterio.open(
        path / "fair.tif", "w", driver="GTiff", height=2, width=2, count=1, dtype="float32", crs="EPSG:4326",
        transform=from_origin(104.049, 30.051, 0.001, 0.001),
    ) as out:  # fmt: skip
        out.write(values, 1)
    load_city(path=path)
    layer = PopulationLayer.objects.get(code="fair")
    assert (layer.time_of_day, layer.current, layer.method, layer.people) == (
        "holiday",
        True,
        "raster",
        11.75,
    )
    assert CellPopulation.objects.get(layer=layer, people__gt=0).cell.code == "a"
    assert PopulationLayer.objects.get(code="night").people == 350


def test_layers_made_by_hand_stay_when_the_pack_brings_other_cells(
    pack: Callable[..., Path], tmp_path: Path
) -> None:
    path = pack(manifest=("\n[[roads]]\n", CENSUS), **TABLES)
    city = load_city(path=path).city
    fair = tmp_path / "fair.csv"
    fair.write_text("lon,lat,people\n104.05,30.05,40\n104.15,30.05,9\n")
    options = {"time_of_day": "night", "datum": "WGS-84"}
    brought = import_now(user=None, city=city, code="fair", path=fair, options=options)
    made = scale_layer(user=None, layer=PopulationLayer.objects.get(code="night"), year=2020, code="fit")
    set_current(user=None, layer=made)
    moved = "code,lon,lat,people\na,104.05,30.05,100\nq,104.151,30.05,200\nr,104.149,30.05,50\n"
    (path / "people.csv").write_text(moved)
    load_city(path=path)
    totals = dict(CellPopulation.objects.values_list("layer__code").annotate(sum=Sum("people")))
    assert totals == {"night": 350, "fair": 49, "fit": 380}
    assert set(DemandCell.objects.values_list("code", flat=True)) == {"a", "q", "r"}
    assert PopulationLayer.objects.get(current=True, time_of_day="night").code == "fit"
    kept = PopulationLayer.objects.get(code="fair")
    assert kept.pk == brought.layer.pk and kept.facts["sha256"] != brought.layer.facts["sha256"]


def test_chengdu_lies_ten_percent_above_the_census(shared_data_dir: Path) -> None:
    load_city(path=settings.BASE_DIR / "cases" / "chengdu")
    night = PopulationLayer.objects.get(code="nighttime")
    found = reconcile(night, 2020)
    assert found is not None and found.compared is not None and not found.without_census
    assert (found.compared.census, round(found.compared.share, 3)) == (6_361_365, 0.1)
    assert sum(row.layer.people for row in found.rows) == found.compared.layer.people == 6_998_920
    # most of the surplus lies in Wuhou
    assert max(found.rows, key=lambda row: row.difference).area.name_en == "Wuhou"
    assert night.error_share == 0.1 and night.error_source
    # the groups of the districts are the census's shares of the people who are there
    for row in found.rows:
        share = row.census_groups["age_60_up"] / row.census
        assert row.layer.groups["age_60_up"] == pytest.approx(row.layer.people * share, abs=1)
    made = scale_layer(user=None, layer=night, year=2020)
    assert made.people == 6_361_365 and made.groups["age_60_up"] == found.compared.census_groups["age_60_up"]
    assert night.people == 6_998_920


def test_the_made_city_has_ages_and_a_census_that_differs_a_little(tmp_path: Path) -> None:
    make_city(folder=tmp_path / "city", people=100_000, seed=7)
    load_city(path=tmp_path / "city")
    night = PopulationLayer.objects.get(code="night")
    found = reconcile(night, 2020)
    assert found is not None and found.compared is not None and not found.without_census
    assert 0 < found.compared.share < 0.1 and all(abs(row.share) < 0.25 for row in found.rows)
    assert 0 < night.groups["age_65_up"] < night.groups["age_60_up"] < 0.3 * night.people
    assert set(PopulationLayer.objects.values_list("error_share", flat=True)) == {0.05}
