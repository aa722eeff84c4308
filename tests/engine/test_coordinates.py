import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import crs

CHINA = st.tuples(st.floats(74, 134), st.floats(4, 53))


@pytest.mark.parametrize("datum", ["GCJ-02", "BD-09", "EPSG:32648", "EPSG:4490"])
@given(point=CHINA)
def test_there_and_back_is_the_same_point(datum, point):
    lon, lat = point
    if datum == "EPSG:32648" and not 99 < lon < 111:
        return
    back = crs.to_wgs84(*crs.from_wgs84([lon], [lat], datum), datum)
    assert abs(back[0][0] - lon) < 1e-9
    assert abs(back[1][0] - lat) < 1e-9


def test_the_offset_of_gcj_in_chengdu_is_some_360_metres():
    # Worked example of docs/algorithms/coordinates.md.
    lon, lat = crs.to_wgs84([104.06], [30.67], "GCJ-02")
    assert lon[0] == pytest.approx(104.05750898, abs=1e-8)
    assert lat[0] == pytest.approx(30.67242835, abs=1e-8)
    assert crs.shift_m([104.06], [30.67], "GCJ-02")[0] == pytest.approx(360.1, abs=0.05)


def test_gcj_agrees_with_the_published_point_of_tiananmen():
    # WGS-84 116.39123 39.90691 is shown at 116.39747 39.90831 by Chinese map services (to about 5 m).
    lon, lat = crs.from_wgs84([116.39123343], [39.90714974], "GCJ-02")
    assert crs.great_circle_m(lon, lat, 116.397477, 39.908553)[0] < 10


def test_bd_lies_beyond_gcj():
    gcj = crs.from_wgs84([116.40], [39.90], "GCJ-02")
    bd = crs.from_wgs84([116.40], [39.90], "BD-09")
    assert 800 < crs.great_circle_m(*gcj, *bd)[0] < 1200


@pytest.mark.parametrize("datum", ["GCJ-02", "BD-09"])
@pytest.mark.parametrize("point", [(2.35, 48.85), (-70.0, -33.0), (151.2, -33.9)])
def test_outside_china_nothing_moves(datum, point):
    lon, lat = crs.from_wgs84([point[0]], [point[1]], datum)
    assert (lon[0], lat[0]) == point
    assert crs.shift_m([point[0]], [point[1]], datum)[0] == 0


@pytest.mark.parametrize(
    ("text", "name"),
    [("wgs84", "WGS-84"), ("EPSG:4326", "WGS-84"), ("cgcs2000", "CGCS2000"), ("4490", "CGCS2000"), ("gcj02", "GCJ-02"),
     ("GCJ-02 ", "GCJ-02"), ("火星坐标", "GCJ-02"), ("bd09", "BD-09"), ("epsg:32648", "EPSG:32648")],
)  # fmt: skip
def test_usual_spellings_are_understood(text, name):
    assert crs.parse_datum(text) == name


@pytest.mark.parametrize("text", ["", None, "  ", "mars", "EPSG:999999", "GPS"])
def test_a_missing_or_unknown_datum_is_refused(text):
    with pytest.raises(crs.UnknownDatum):
        crs.parse_datum(text)


def test_the_local_plane_measures_metres_and_comes_back():
    plane = crs.LocalMetric(104.06, 30.66)
    lon, lat = np.array([104.06, 104.30, 103.80]), np.array([30.66, 30.90, 30.50])
    x, y = plane.forward(lon, lat)
    assert (x[0], y[0]) == pytest.approx((0, 0), abs=1e-6)
    assert np.hypot(x, y)[1:] == pytest.approx(crs.great_circle_m(104.06, 30.66, lon[1:], lat[1:]), rel=3e-3)
    assert plane.inverse(x, y)[0] == pytest.approx(lon, abs=1e-10)


def test_the_shift_of_a_projected_datum_is_unknown_not_zero():
    assert np.isnan(crs.shift_m([500000.0], [3400000.0], "EPSG:32648")).all()
