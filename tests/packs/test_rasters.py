"""The raster reader: where pixels lie, what counts as a value, and every reason to refuse a file."""

from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine

from engine import crs
from facilities.importers.problems import Problems
from planning.importers import rasters
from planning.importers.rasters import Raster, read_raster

# 0.01° pixels: four columns from 104.00 E, three rows down from 30.03 N
DEGREES = Affine(0.01, 0, 104.0, 0, -0.01, 30.03)
VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)


def write(
    path: Path,
    values: np.ndarray = VALUES,
    *,
    crs: Any = "EPSG:4326",
    transform: Affine = DEGREES,
    **more: Any,
) -> Path:
    bands = values if values.ndim == 3 else values[None]
    shape = {"count": bands.shape[0], "height": bands.shape[1], "width": bands.shape[2]}
    with rasterio.open(
        path, "w", driver="GTiff", dtype=bands.dtype, crs=crs, transform=transform, **shape, **more
    ) as out:
        out.write(bands)
    return path


def read(path: Path, **more: Any) -> tuple[Raster | None, list[Any]]:
    problems = Problems()
    return read_raster(path, problems, label=path.name, **more), list(problems)


def codes(found: list[Any]) -> list[str]:
    return [problem.code for problem in found]


def test_pixels_lie_where_the_file_says(tmp_path: Path) -> None:
    raster, found = read(write(tmp_path / "a.tif"))
    assert raster is not None and not found
    lon, lat = raster.centres()
    assert (lon.shape, raster.datum) == ((3, 4), "WGS-84")
    assert lon[2, 3] == pytest.approx(104.035) and lat[2, 3] == pytest.approx(30.005)
    assert raster.values[2, 3] == 11


def test_only_pixels_that_reach_into_the_box_are_read(tmp_path: Path) -> None:
    raster, _ = read(write(tmp_path / "a.tif"), inside=(104.012, 29.9, 104.028, 30.008))
    assert raster is not None
    assert raster.values.tolist() == [[9, 10]]
    assert raster.centres()[0].tolist()[0] == pytest.approx([104.015, 104.025])


def test_the_area_of_a_pixel_is_its_area_on_the_ellipsoid(tmp_path: Path) -> None:
    raster, _ = read(write(tmp_path / "a.tif"))
    assert raster is not None
    outline = raster.outlines(raster.values == 5)[0]
    area, _length = pyproj.Geod(ellps="WGS84").geometry_area_perimeter(outline)
    assert raster.areas_m2()[1, 1] == pytest.approx(abs(area), rel=1e-5)


def test_a_projection_that_stretches_does_not_change_the_ground_area(tmp_path: Path) -> None:
    # Web Mercator draws 30° N larger by 1/cos: a pixel of 1,000 m holds about 866 m x 866 m of ground
    x, y = pyproj.Transformer.from_crs(4326, 3857, always_xy=True).transform(104.0, 30.0)
    path = write(tmp_path / "a.tif", crs="EPSG:3857", transform=Affine(1000, 0, x, 0, -1000, y))
    raster, _ = read(path)
    assert raster is not None and raster.datum == "EPSG:3857"
    outline = raster.outlines(raster.values == 0)[0]
    area, _length = pyproj.Geod(ellps="WGS84").geometry_area_perimeter(outline)
    assert raster.areas_m2()[0, 0] == pytest.approx(abs(area), rel=1e-5)
    assert raster.areas_m2()[0, 0] == pytest.approx(750_000, rel=0.01)


def test_a_projected_raster_lies_where_pyproj_says(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", crs="EPSG:32648", transform=Affine(100, 0, 400_000, 0, -100, 3_320_000))
    raster, found = read(path, datum="WGS-84")
    assert raster is not None and not found
    assert raster.datum == "EPSG:32648"
    lon, lat = raster.centres()
    said = pyproj.Transformer.from_crs(32648, 4326, always_xy=True).transform(400_350, 3_319_750)
    assert (lon[2, 3], lat[2, 3]) == pytest.approx(said)


def test_a_turned_raster_is_cut_to_the_box(tmp_path: Path) -> None:
    turned = Affine.translation(104.0, 30.0) @ Affine.rotation(30) @ Affine.scale(0.01, -0.01)
    path = write(tmp_path / "a.tif", transform=turned)
    whole, _ = read(path)
    assert whole is not None
    lon, lat = whole.centres()
    box = (lon[1, 2] - 0.001, lat[1, 2] - 0.001, lon[1, 2] + 0.001, lat[1, 2] + 0.001)
    part, _ = read(path, inside=box)
    assert part is not None and part.values.tolist() == [[6]]
    assert part.centres()[0][0, 0] == pytest.approx(lon[1, 2])


def test_a_shifted_datum_is_honoured(tmp_path: Path) -> None:
    raster, found = read(write(tmp_path / "a.tif"), datum="GCJ-02")
    assert raster is not None and codes(found) == ["datum_shifted"] and found[0].level == "warning"
    lon, lat = raster.centres()
    said = crs.to_wgs84(104.005, 30.025, "GCJ-02")
    assert (lon[0, 0], lat[0, 0]) == pytest.approx((said[0][0], said[1][0]))
    moved = crs.great_circle_m(104.005, 30.025, lon[0, 0], lat[0, 0])
    assert 100 < moved < 700


def test_a_file_without_datum_takes_the_declared_one(tmp_path: Path) -> None:
    raster, found = read(write(tmp_path / "a.tif", crs=None), datum="CGCS2000")
    assert raster is not None and not found and raster.datum == "CGCS2000"


@pytest.mark.parametrize(
    ("said", "declared", "code"),
    [
        (None, None, "datum_missing"),
        ("EPSG:4326", "mars", "datum_unknown"),
        ("EPSG:4326", "EPSG:32648", "datum_wrong"),
        ("EPSG:4214", "WGS-84", "datum_wrong"),
        ("EPSG:32648", "GCJ-02", "datum_wrong"),
    ],
)
def test_a_datum_that_is_missing_or_contradicted_is_refused(
    tmp_path: Path, said: str | None, declared: str | None, code: str
) -> None:
    raster, found = read(write(tmp_path / "a.tif", crs=said), datum=declared)
    assert raster is None and codes(found) == [code]


def test_metres_cannot_be_declared_as_degrees(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", crs=None, transform=Affine(100, 0, 400_000, 0, -100, 3_320_000))
    raster, found = read(path, datum="WGS-84")
    assert raster is None and codes(found) == ["out_of_range"]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_picture_without_position_is_refused(tmp_path: Path) -> None:
    raster, found = read(write(tmp_path / "a.tif", transform=Affine.identity()))
    assert raster is None and codes(found) == ["raster_no_place"]


def test_declared_nodata_is_no_value(tmp_path: Path) -> None:
    values = VALUES.copy()
    values[0, 0], values[0, 1] = -9999, -1
    raster, found = read(write(tmp_path / "a.tif", values, nodata=-9999), nodata=-1)
    assert raster is not None and not found
    assert np.isnan(raster.values[0, :2]).all() and raster.with_value.sum() == 10
    assert raster.nodata == (-9999, -1)


@pytest.mark.parametrize("code", [-9999, -999, -3.4028234663852886e38])
def test_a_code_for_no_value_that_is_not_declared_is_refused(tmp_path: Path, code: float) -> None:
    values = VALUES.copy()
    values[0, :2] = code
    raster, found = read(write(tmp_path / "a.tif", values))
    assert raster is None and codes(found) == ["nodata_undeclared"]
    assert "2" in str(found[0].message) and f"{np.float32(code):g}" in str(found[0].message)


def test_the_largest_whole_number_is_taken_for_a_code(tmp_path: Path) -> None:
    values = np.array([[1, 2], [3, 65535]], np.uint16)
    assert codes(read(write(tmp_path / "a.tif", values))[1]) == ["nodata_undeclared"]
    raster, found = read(write(tmp_path / "b.tif", values), nodata=65535)
    assert raster is not None and not found


def test_infinite_values_are_refused(tmp_path: Path) -> None:
    values = VALUES.copy()
    values[1, 1] = np.inf
    raster, found = read(write(tmp_path / "a.tif", values))
    assert raster is None and "not_finite" in codes(found)


def test_scale_and_offset_of_the_file_count(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.array([[10, 255]], np.uint8), nodata=255)
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (0.1,), (2.0,)
    raster, _ = read(path)
    assert raster is not None
    assert raster.values[0, 0] == pytest.approx(3.0) and np.isnan(raster.values[0, 1])


def test_a_missing_band_is_named(tmp_path: Path) -> None:
    raster, found = read(write(tmp_path / "a.tif"), band=2)
    assert raster is None and codes(found) == ["band_missing"]
    second, _ = read(write(tmp_path / "b.tif", np.stack([VALUES, VALUES + 100])), band=2)
    assert second is not None and second.values[0, 0] == 100


def test_a_raster_of_another_city_is_refused(tmp_path: Path) -> None:
    raster, found = read(write(tmp_path / "a.tif"), inside=(116, 39, 117, 40))
    assert raster is None and codes(found) == ["outside_city"]


def test_a_raster_without_any_value_in_the_city_is_refused(tmp_path: Path) -> None:
    raster, found = read(write(tmp_path / "a.tif", np.full((3, 4), -1, np.float32), nodata=-1))
    assert raster is None and codes(found) == ["raster_empty"]


def test_a_raster_beyond_the_limit_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rasters, "MOST_PIXELS", 11)
    raster, found = read(write(tmp_path / "a.tif"))
    assert raster is None and codes(found) == ["raster_too_large"]


def test_other_files_are_no_rasters(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text("code,lon\n1,2\n")
    assert codes(read(tmp_path / "a.tif")[1]) == ["raster_broken"]
    assert codes(read(tmp_path / "b.tif")[1]) == ["file_missing"]


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    values = VALUES.copy()
    values[0, 0], values[0, 1] = -9999, np.inf
    _, found = read(write(tmp_path / "a.tif", values, crs=None))
    assert sorted(codes(found)) == ["datum_missing", "nodata_undeclared", "not_finite"]


def test_an_ascii_grid_is_read_with_a_declared_datum(tmp_path: Path) -> None:
    lines = ["ncols 2", "nrows 2", "xllcorner 104.0", "yllcorner 30.0", "cellsize 0.01", "NODATA_value -9999"]
    (tmp_path / "a.asc").write_text("\n".join([*lines, "0.5 1.5", "-9999 2.5", ""]))
    raster, found = read(tmp_path / "a.asc", datum="WGS-84")
    assert raster is not None and not found
    assert np.nan_to_num(raster.values, nan=-1).tolist() == [[0.5, 1.5], [-1, 2.5]]
    outline = raster.outlines(raster.values == 2.5)[0]
    assert shapely.bounds(outline) == pytest.approx([104.01, 30.0, 104.02, 30.01])
