"""Population layers of the hand-worked town: brought in, taken into use, held against a census, scaled, deleted."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rasterio
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db.models import Sum
from rasterio.transform import from_origin

from core.errors import DomainError, Forbidden, InvalidInput
from core.models import AuditEntry
from core.services import jobs
from planning.models import CellPopulation, CensusTotal, DemandCell, PopulationLayer
from planning.selectors.population import by_level, layer_in_use, reconcile
from planning.services import population as services
from planning.services.census import import_census
from planning.services.population_imports import apply_checked, import_now, import_upload
from tests.planning.town import NIGHT, at

pytestmark = pytest.mark.django_db
POINTS = "lon,lat,people,old\n"


def place(x: float, y: float = 0.0) -> str:
    point = at(x, y)
    return f"{point.x:.7f},{point.y:.7f}"


def table(path: Path, *rows: tuple[float, float, float, float]) -> Path:
    path.write_text(POINTS + "".join(f"{place(x, y)},{people:g},{old:g}\n" for x, y, people, old in rows))
    return path


def ring(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    return [[p.x, p.y] for p in (at(x0, y0), at(x1, y0), at(x1, y1), at(x0, y1), at(x0, y0))]


def drawing(path: Path, *rows: tuple[tuple[float, float, float, float], dict[str, Any]]) -> Path:
    features = [
        {"type": "Feature", "properties": told, "geometry": {"type": "Polygon", "coordinates": [ring(*box)]}}
        for box, told in rows
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def grid_file(path: Path, values: Any, x0: float, y1: float, width: float, **more: Any) -> Path:
    """A raster with its upper left corner at (x0, y1) metres and square pixels of `width` metres."""
    corner, other = at(x0, y1), at(x0 + width, y1 - width)
    told = {"crs": "EPSG:4326", "nodata": -9999.0} | more
    array = np.array(values, "float32")
    with rasterio.open(
        path, "w", driver="GTiff", height=array.shape[0], width=array.shape[1], count=1, dtype="float32",
        transform=from_origin(corner.x, corner.y, other.x - corner.x, corner.y - other.y), **told,
    ) as out:  # fmt: skip
        out.write(array, 1)
    return path


def bring(town: SimpleNamespace, path: Path, code: str = "new", **options: Any) -> Any:
    said = {"time_of_day": "night", "datum": "WGS-84", "title": "新", "title_en": "New"} | options
    return import_now(user=None, city=town.city, code=code, path=path, options=said)


def people(code: str) -> dict[str, float]:
    rows = CellPopulation.objects.filter(layer__code=code).order_by("cell__number")
    return dict(rows.values_list("cell__code", "people"))


def codes(refused: Any) -> list[str]:
    return [problem.code for problem in refused.value.problems if problem.level == "error"]


# --- points -----------------------------------------------------------------------------------------


def test_points_give_their_people_to_the_cell_they_lie_in(town: SimpleNamespace, tmp_path: Path) -> None:
    path = table(tmp_path / "p.csv", (10, 10, 7, 2), (-20, 0, 5, 0), (410, 0, 11, 11), (480, 0, 3, 1))
    done = bring(town, path, columns={"age_60_up": "old"})
    # the last point lies 30 m beside its cell: it goes into the nearest one, and that is told
    assert people("new") == {"c1": 12, "c2": 14}
    assert done.groups == {"age_60_up": 14} and done.people == 26
    assert done.facts["moved"]["people"] == 3 and done.facts["moved"]["farthest_m"] == pytest.approx(
        30, abs=0.5
    )
    layer = PopulationLayer.objects.get(code="new")
    assert (layer.method, layer.groups, layer.people, layer.cells) == ("points", {"age_60_up": 14.0}, 26, 2)
    assert not layer.current and len(layer.facts["sha256"]) == 64
    assert [(row["code"], row["people"]) for row in done.areas] == [("T1", 26), ("T2", 0)]


def test_points_outside_the_city_are_named_or_left_out(town: SimpleNamespace, tmp_path: Path) -> None:
    path = table(tmp_path / "p.csv", (0, 0, 7, 2), (9000, 0, 5, 0))
    with pytest.raises(InvalidInput) as refused:
        bring(town, path)
    assert codes(refused) == ["outside_city"] and refused.value.problems[0].row == 3
    assert not PopulationLayer.objects.filter(code="new").exists()
    done = bring(town, path, clip=True)
    assert done.people == 7 and done.facts["left_out"] == {"sources": 1, "people": 5}


def test_every_problem_of_a_file_is_told_at_once(town: SimpleNamespace, tmp_path: Path) -> None:
    path = table(tmp_path / "p.csv", (0, 0, -4, 0), (0, 0, 5, 9), (0, 0, 5, 1))
    with pytest.raises(InvalidInput) as refused:
        bring(town, path, columns={"age_60_up": "old"}, error_share=1.5, time_of_day="noon")
    found = codes(refused)
    assert {"negative", "group_too_large", "share_invalid", "key_missing"} <= set(found)
    with pytest.raises(InvalidInput) as refused:
        bring(town, path, colour="red")
    assert codes(refused) == ["key_unknown"]


# --- polygons ---------------------------------------------------------------------------------------


def test_polygons_are_spread_by_area_and_keep_their_totals(town: SimpleNamespace, tmp_path: Path) -> None:
    # the first covers c1 and half of c2, the second c3 and c4 as a whole
    path = drawing(
        tmp_path / "p.geojson",
        ((-50, -50, 400, 50), {"people": 100, "kids": 0.2}), ((900, -60, 3200, 60), {"people": 31, "kids": 0.5}),
    )  # fmt: skip
    done = bring(town, path, columns={"age_0_14_share": "kids"})
    # 100 people: 66.67 and 33.33; 31: a tie of 15.5, the odd one to the first
    assert people("new") == {"c1": 67, "c2": 33, "c3": 16, "c4": 15}
    assert done.groups["age_0_14"] == 20 + 15.5
    assert PopulationLayer.objects.get(code="new").method == "polygons"


def test_polygons_may_be_spread_as_another_layer_lies(town: SimpleNamespace, tmp_path: Path) -> None:
    path = drawing(tmp_path / "p.geojson", ((-60, -60, 3200, 60), {"people": 2300}))
    bring(town, path, by="night")
    assert list(people("new").values()) == [1000, 600, 400, 300]
    assert PopulationLayer.objects.get(code="new").facts["spread_by"] == "night"


def test_overlapping_polygons_are_told_and_polygons_without_a_cell_refused(
    town: SimpleNamespace, tmp_path: Path
) -> None:
    path = drawing(
        tmp_path / "p.geojson", ((-60, -60, 450, 60), {"people": 10}), ((-60, -60, 200, 60), {"people": 4}),
        ((1500, -60, 1600, 60), {"people": 9}),
    )  # fmt: skip
    with pytest.raises(InvalidInput) as refused:
        bring(town, path)
    told = {problem.code: problem for problem in refused.value.problems}
    assert set(told) == {"polygons_overlap", "outside_city"} and told["polygons_overlap"].level == "warning"
    assert told["outside_city"].row == 3


# --- rasters ----------------------------------------------------------------------------------------


def test_small_pixels_go_by_their_middle_and_the_total_is_kept(town: SimpleNamespace, tmp_path: Path) -> None:
    # 50 m pixels over c1 and its surroundings: 4 in the cell, the others in the city but in no cell
    values = np.full((4, 4), 1.25)
    values[0, 0] = -9999
    done = bring(town, grid_file(tmp_path / "p.tif", values, -100, 100, 50), datum="")
    assert done.facts["by"] == "centre" and done.facts["nodata"] == [-9999]
    assert people("new") == {"c1": 15 * 1.25} and done.people == done.facts["people_in_file"] == 18.75
    assert PopulationLayer.objects.get(code="new").method == "raster"


def test_large_pixels_are_shared_out_by_area_and_cut_at_the_border(
    town: SimpleNamespace, tmp_path: Path
) -> None:
    # one pixel of 1,000 m: from -100 to 900 m it covers c1 and c2; a fifth of it lies north of the city
    done = bring(town, grid_file(tmp_path / "p.tif", [[90.0]], -100, 700, 1000), datum="")
    assert done.facts["by"] == "area"
    assert done.people == pytest.approx(72, rel=0.01)
    assert done.people + done.facts["left_out"]["people"] == pytest.approx(90, rel=1e-12)
    assert people("new")["c1"] == pytest.approx(people("new")["c2"], rel=0.001)


@pytest.mark.parametrize(
    ("more", "code"),
    [({"crs": None}, "datum_missing"), ({"nodata": None}, "nodata_undeclared"), ({"nodata": -1.0}, "nodata_undeclared")],
)  # fmt: skip
def test_rasters_without_a_datum_or_with_undeclared_codes_are_refused(
    town: SimpleNamespace, tmp_path: Path, more: dict[str, Any], code: str
) -> None:
    path = grid_file(tmp_path / "p.tif", [[1.0, -9999.0]], -50, 50, 50, **more)
    with pytest.raises(InvalidInput) as refused:
        bring(town, path, datum="")
    assert code in codes(refused)
    if code == "datum_missing":
        assert bring(town, path, datum="WGS-84").people == 1
    else:
        assert bring(town, path, datum="", raster={"nodata": -9999}).people == 1


def test_negative_pixels_are_refused(town: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        bring(town, grid_file(tmp_path / "p.tif", [[1.0, -3.0]], -50, 50, 50), datum="")
    assert codes(refused) == ["negative"]


# --- grids ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid", [{"shape": "square", "spacing_m": 130}, {"shape": "h3", "resolution": 10}])
def test_a_new_grid_takes_every_layer_with_it_and_keeps_their_totals(
    town: SimpleNamespace, tmp_path: Path, grid: dict[str, Any], compute: Callable[..., Any]
) -> None:
    (run,) = compute(town)
    CellPopulation.objects.filter(layer=town.layers["night"], cell__code="c1").update(age_60_up=30)
    CellPopulation.objects.filter(layer=town.layers["night"]).exclude(cell__code="c1").update(age_60_up=5)
    PopulationLayer.objects.filter(code="night").update(groups={"age_60_up": 45})
    before = {row.area_id: row.need for row in run.area_results.all()}
    done = bring(
        town, table(tmp_path / "p.csv", (0, 0, 7, 2), (3400, 400, 5, 0)), grid=grid, time_of_day="event"
    )
    assert done.layer.current and done.layer.facts["grid"]["shape"] == grid["shape"]
    totals = dict(CellPopulation.objects.values_list("layer__code").annotate(sum=Sum("people")))
    assert totals == {"night": sum(NIGHT), "day": 130, "new": 12}
    assert all(count == int(count) for count in people("night").values()) and len(people("night")) > 4
    assert CellPopulation.objects.filter(layer__code="night").aggregate(sum=Sum("age_60_up"))["sum"] == 45
    # districts keep their people as well, for no old cell of the town lies across their border
    assert [held.people for _area, held in by_level(PopulationLayer.objects.get(code="night"), 2)[0]] == [
        160,
        70,
    ]
    # results of the run before point to the old cells, which stay without people
    assert {row.area_id: row.need for row in run.area_results.all()} == before
    assert DemandCell.objects.filter(code="c1").exists() and "c1" not in people("night")
    (again,) = compute(town)
    assert again.pk != run.pk
    need = again.area_results.get(area=town.root).need
    assert need == 115


def test_a_grid_that_is_too_fine_or_unknown_is_refused(town: SimpleNamespace, tmp_path: Path) -> None:
    path = table(tmp_path / "p.csv", (0, 0, 7, 2))
    for grid in (
        {"shape": "round", "spacing_m": 100},
        {"shape": "h3", "resolution": 40},
        {"shape": "square"},
    ):
        with pytest.raises(InvalidInput) as refused:
            bring(town, path, grid=grid)
        assert codes(refused)[0] in {"choice_unknown", "key_missing"}


# --- in use, errors, delete -------------------------------------------------------------------------


def test_taking_a_layer_into_use_changes_the_runs_from_then_on(
    town: SimpleNamespace, tmp_path: Path, compute: Callable[..., Any]
) -> None:
    (before,) = compute(town)
    done = bring(town, table(tmp_path / "p.csv", (0, 0, 40, 0)))
    assert layer_in_use(town.city, "night").code == "night"
    services.set_current(user=None, layer=done.layer)
    assert layer_in_use(town.city, "night").code == "new"
    assert PopulationLayer.objects.filter(time_of_day="night", current=True).count() == 1
    (after,) = compute(town)
    assert (before.area_results.get(area=town.root).need, after.area_results.get(area=town.root).need) == (
        115,
        20,
    )
    assert AuditEntry.objects.filter(act="population.use").get().before == {"in_use": "night"}


def test_contents_that_change_under_an_equal_total_make_a_new_snapshot(
    town: SimpleNamespace, tmp_path: Path, compute: Callable[..., Any]
) -> None:
    bring(town, table(tmp_path / "p.csv", (0, 0, 40, 0)), current=True)
    (before,) = compute(town)
    bring(town, table(tmp_path / "p.csv", (3000, 0, 40, 0)))
    (after,) = compute(town)
    assert before.snapshot_id != after.snapshot_id
    assert PopulationLayer.objects.get(code="new").current


def test_an_error_needs_its_source_and_is_a_share(town: SimpleNamespace) -> None:
    layer = town.layers["night"]
    for share, source, code in ((1.2, "x", "share-invalid"), (0.1, " ", "source-missing")):
        with pytest.raises(DomainError) as refused:
            services.set_errors(
                user=None, layer=layer, error_share=share, error_share_district=None, error_source=source
            )
        assert refused.value.code == code
    services.set_errors(
        user=None, layer=layer, error_share=0.1, error_share_district=0.2, error_source="survey of 2020"
    )
    layer.refresh_from_db()
    assert (layer.error_share, layer.error_share_district, layer.error_source) == (0.1, 0.2, "survey of 2020")


def test_only_a_layer_that_nobody_needs_is_deleted(town: SimpleNamespace, tmp_path: Path) -> None:
    done = bring(town, table(tmp_path / "p.csv", (0, 0, 40, 0)))
    town.scenario.population_layers = {"night": "new"}
    town.scenario.save()
    for layer in (town.layers["night"], done.layer):
        with pytest.raises(DomainError) as refused:
            services.delete_layer(user=None, layer=layer)
        assert refused.value.code == "layer-in-use"
    town.scenario.population_layers = {}
    town.scenario.save()
    services.delete_layer(user=None, layer=done.layer)
    assert not PopulationLayer.objects.filter(code="new").exists()
    PopulationLayer.objects.filter(code="day").update(current=False)
    with pytest.raises(DomainError) as refused:
        services.delete_layer(user=None, layer=PopulationLayer.objects.get(code="day"))
    assert refused.value.code == "layer-of-pack"


# --- census -----------------------------------------------------------------------------------------


def census(town: SimpleNamespace, tmp_path: Path, text: str, **options: Any) -> Any:
    path = tmp_path / "census.csv"
    path.write_text(text, encoding="utf-8")
    columns = {"code": "code", "people": "people", "age_0_14_share": "kids", "age_60_up_share": "a + b"}
    said = {"columns": columns, "year": 2020, "source": "worked census"} | options
    return import_census(user=None, city=town.city, path=path, options=said)


CENSUS = "code,people,kids,a,b\nT1,200,0.25,0.1,0.05\nT2,35,0.2,0.2,0.2\nZ9,1000000,#DIV/0!,x,y\n"


def test_a_census_keeps_the_rows_of_the_city_and_adds_columns(town: SimpleNamespace, tmp_path: Path) -> None:
    done = census(town, tmp_path, CENSUS)
    assert (done.areas, done.people, done.others, done.years) == (2, 235, 1, [2020])
    told = set(CensusTotal.objects.values_list("area__code", "group", "people"))
    assert told == {
        ("T1", "", 200), ("T1", "age_0_14", 50), ("T1", "age_60_up", 30),
        ("T2", "", 35), ("T2", "age_0_14", 7), ("T2", "age_60_up", 14),
    }  # fmt: skip
    census(town, tmp_path, CENSUS.replace("T1,200", "T1,210"))
    assert (
        CensusTotal.objects.count() == 6 and CensusTotal.objects.get(area=town.left, group="").people == 210
    )


def test_a_bad_census_tells_every_problem(town: SimpleNamespace, tmp_path: Path) -> None:
    text = "code,people,kids,a,b\nT1,-200,0.25,0.1,0.05\nT1,12.5,1.2,0,0\nT2,many,0,0,0\n"
    with pytest.raises(InvalidInput) as refused:
        census(town, tmp_path, text)
    assert {"negative", "not_whole", "share_invalid", "not_a_number", "code_twice"} <= set(codes(refused))
    assert not CensusTotal.objects.exists()
    with pytest.raises(InvalidInput) as refused:
        census(town, tmp_path, "code,people,kids,a,b\nX,1,0,0,0\n")
    assert codes(refused) == ["area_unknown"]


def test_differences_are_told_by_district_with_the_city_and_what_is_missing(
    town: SimpleNamespace, tmp_path: Path, person: Callable[..., Any]
) -> None:
    census(town, tmp_path, CENSUS)
    found = reconcile(town.layers["night"], 2020)
    assert found is not None and found.compared is not None
    assert [(row.area.code, row.layer.people, row.census, row.difference) for row in found.rows] == [
        ("T1", 160, 200, -40), ("T2", 70, 35, 35)
    ]  # fmt: skip
    assert found.rows[1].share == 1.0
    assert (found.compared.layer.people, found.compared.census, found.compared.difference) == (230, 235, -5)
    # districts add up to the city
    assert sum(row.layer.people for row in found.rows) == town.layers["night"].people
    CensusTotal.objects.filter(area=town.right).delete()
    found = reconcile(town.layers["night"], 2020)
    assert [row.area.code for row in found.without_census] == ["T2"] and found.compared.layer.people == 160
    assert reconcile(town.layers["night"], 2010) is None
    chen = person("chen", "viewer", town.right)
    part = reconcile(town.layers["night"], 2020, chen)
    assert (
        part.rows == [] and part.compared is None and [row.area.code for row in part.without_census] == ["T2"]
    )


def test_scaling_makes_a_layer_that_agrees_and_keeps_the_old_one(
    town: SimpleNamespace, tmp_path: Path
) -> None:
    census(town, tmp_path, CENSUS)
    night = town.layers["night"]
    CellPopulation.objects.filter(layer=night, cell__code__in=("c1", "c3")).update(
        age_60_up=20, barrier_free=8
    )
    CellPopulation.objects.filter(layer=night, cell__code__in=("c2", "c4")).update(
        age_60_up=0, barrier_free=0
    )
    PopulationLayer.objects.filter(pk=night.pk).update(
        groups={"age_60_up": 40, "barrier_free": 16}, barrier_free=16
    )
    night.refresh_from_db()
    made = services.scale_layer(user=None, layer=night, year=2020)
    # T1: 160 to 200, by 1.25; T2: 70 to 35, by a half
    assert people(made.code) == {"c1": 125, "c2": 75, "c3": 20, "c4": 15} and made.people == 235
    assert people("night") == {"c1": 100, "c2": 60, "c3": 40, "c4": 30}
    assert (made.method, made.made_from_id, made.current) == ("scaled", night.pk, False)
    # the old by the census's own count where they fit, the others by the factor; they lie as they lay
    rows = CellPopulation.objects.filter(layer=made).order_by("cell__number")
    assert list(rows.values_list("age_60_up", flat=True)) == [30, 0, 14, 0]
    assert list(rows.values_list("barrier_free", flat=True)) == [10, 0, 4, 0]
    assert made.groups == {"age_60_up": 44, "barrier_free": 14} and made.certainty == "D"
    found = reconcile(made, 2020)
    assert found.compared.difference == 0 and all(row.difference == 0 for row in found.rows)
    with pytest.raises(DomainError) as refused:
        services.scale_layer(user=None, layer=night, year=2020)
    assert refused.value.code == "code-taken"


def test_areas_without_a_census_are_not_scaled_and_named(town: SimpleNamespace, tmp_path: Path) -> None:
    census(town, tmp_path, "code,people,kids,a,b\nT1,200,0.25,0.1,0.05\n")
    made = services.preview_scaling(user=None, layer=town.layers["night"], year=2020)
    assert made.factors == {"T1": 1.25} and (made.people, made.left) == (270, 70)
    assert PopulationLayer.objects.count() == 2
    with pytest.raises(DomainError) as refused:
        services.preview_scaling(user=None, layer=town.layers["night"], year=2000)
    assert refused.value.code == "census-missing"


def test_age_groups_come_from_the_shares_of_the_districts(town: SimpleNamespace, tmp_path: Path) -> None:
    census(town, tmp_path, CENSUS)
    path = table(tmp_path / "p.csv", (0, 0, 60, 0), (400, 0, 20, 0), (1000, 0, 10, 0))
    done = bring(town, path, groups_from_census=2020)
    assert done.groups == {"age_0_14": 20 + 2, "age_60_up": 12 + 4}
    assert done.layer.facts["groups_from"]["census"] == 2020
    rows = CellPopulation.objects.filter(layer=done.layer).order_by("cell__number")
    assert list(rows.values_list("age_0_14", "age_60_up")) == [(15, 9), (5, 3), (2, 4)]
    with pytest.raises(InvalidInput) as refused:
        bring(town, path, groups_from_census=1990)
    assert codes(refused) == ["groups_unknown"]


# --- rights, jobs, commands -------------------------------------------------------------------------


def test_who_may_not_import_is_refused(
    town: SimpleNamespace, tmp_path: Path, person: Callable[..., Any]
) -> None:
    path = table(tmp_path / "p.csv", (0, 0, 7, 2))
    for user in (person("he", "viewer"), person("wu", "planner", town.left)):
        with pytest.raises(Forbidden):
            import_now(user=user, city=town.city, code="x", path=path, options={"time_of_day": "night"})
        with pytest.raises(Forbidden):
            services.set_current(user=user, layer=town.layers["night"])
        with pytest.raises(Forbidden):
            import_census(user=user, city=town.city, path=path, options={})


def test_a_file_is_checked_first_and_applied_then(
    town: SimpleNamespace, tmp_path: Path, person: Callable[..., Any], settings: Any
) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    lin = person("lin", "planner")
    content = table(tmp_path / "p.csv", (0, 0, 7, 2)).read_bytes()
    options = {"time_of_day": "event", "datum": "WGS-84"}
    job = import_upload(
        user=lin, city=town.city, code="fair", upload=SimpleUploadedFile("p.csv", content), options=options, dry_run=True
    )  # fmt: skip
    jobs.perform(job.ref)
    job.refresh_from_db()
    assert job.state == "done" and job.result["people"] == 7 and not job.result["problems"]
    assert not PopulationLayer.objects.filter(code="fair").exists()
    done = apply_checked(user=lin, job=job)
    jobs.perform(done.ref)
    done.refresh_from_db()
    assert done.state == "done" and done.result_url.startswith("/population/fair/")
    layer = PopulationLayer.objects.get(code="fair")
    assert layer.created_by == lin and layer.current and layer.time_of_day == "event"
    with pytest.raises(DomainError):
        apply_checked(user=lin, job=job)


def test_the_commands_import_reconcile_and_scale(town: SimpleNamespace, tmp_path: Path) -> None:
    path = table(tmp_path / "p.csv", (0, 0, 7, 2), (1000, 0, 20, 4))

    def run(name: str, *words: str) -> dict[str, Any]:
        out = StringIO()
        call_command(name, *words, "--city", "town", "--json", stdout=out, stderr=StringIO())
        return json.loads(out.getvalue().splitlines()[-1])

    said = run("import_population", str(path), "--code", "new", "--time", "night", "--datum", "WGS-84")
    assert said["people"] == 27 and said["id"]
    (tmp_path / "c.csv").write_text("code,n,y\nT1,14,2010\nT2,10,2010\n")
    said = run("import_census", str(tmp_path / "c.csv"), "--columns", "code=code", "people=n", "year=y")
    assert said["years"] == [2010] and said["people"] == 24
    said = run("reconcile", "--layer", "new", "--year", "2010", "--scale", "--code", "fit")
    assert [row["difference"] for row in said["areas"]] == [-7, 10] and said["scaled"] == {
        "code": "fit",
        "people": 24,
    }
    with pytest.raises(CommandError):
        run("import_population", str(path), "--code", "day", "--time", "night", "--datum", "WGS-84")
