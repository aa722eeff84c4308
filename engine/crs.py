"""Coordinates: the datums Chinese city data comes in, to and from WGS-84, and a local metric plane.

CGCS2000 (EPSG:4490) is treated as WGS-84: the two differ by less than 0.2 m, below any use here.
GCJ-02 is the obfuscated datum of Chinese map services; its offset (100-700 m) follows the publicly known polynomial
on the Krasovsky 1940 ellipsoid. BD-09 is Baidu's further shift of GCJ-02. Outside China's bounding box
(72.004-137.8347 E, 0.8293-55.8271 N) the shift is none, as in the map services.
Arrays in, arrays out; degrees, longitude first. See docs/algorithms/coordinates.md.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import pyproj
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]

WGS84 = "WGS-84"
DATUMS = ("WGS-84", "CGCS2000", "GCJ-02", "BD-09")

KRASOVSKY_A = 6378245.0
KRASOVSKY_EE = 0.00669342162296594323
BD_TURN = np.pi * 3000.0 / 180.0
EARTH_RADIUS_M = 6371008.8


class UnknownDatum(ValueError):
    """The datum is missing or not one we know. Nothing is guessed: a wrong guess moves a city by 500 m."""


def parse_datum(text: str | None) -> str:
    """The canonical name of a declared datum: WGS-84, CGCS2000, GCJ-02, BD-09 or EPSG:nnnn.

    Accepts the usual spellings (wgs84, gcj02, 火星坐标, 4490 ...). Raises UnknownDatum when empty or unknown.
    """
    if text is None or not str(text).strip():
        raise UnknownDatum("datum is not declared")
    word = re.sub(r"[\s_\-]", "", str(text)).upper()
    known = {
        "WGS84": "WGS-84", "EPSG:4326": "WGS-84", "4326": "WGS-84", "CRS84": "WGS-84", "OGC:CRS84": "WGS-84",
        "CGCS2000": "CGCS2000", "EPSG:4490": "CGCS2000", "4490": "CGCS2000", "国家2000": "CGCS2000",
        "GCJ02": "GCJ-02", "GCJ": "GCJ-02", "火星坐标": "GCJ-02", "火星坐标系": "GCJ-02",
        "BD09": "BD-09", "BD09LL": "BD-09", "百度坐标": "BD-09",
    }  # fmt: skip
    if word in known:
        return known[word]
    match = re.fullmatch(r"(?:EPSG:?)?(\d{4,6})", word)
    if match:
        name = f"EPSG:{match.group(1)}"
        try:
            pyproj.CRS.from_user_input(name)
        except pyproj.exceptions.CRSError:
            raise UnknownDatum(f"{text}: no such EPSG code") from None
        return name
    raise UnknownDatum(f"{text}: not a datum we know")


def outside_china(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.bool_]:
    lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    return ~((lon >= 72.004) & (lon <= 137.8347) & (lat >= 0.8293) & (lat <= 55.8271))


def _gcj_offset(lon: Floats, lat: Floats) -> Pair:
    """Degrees that GCJ-02 adds to WGS-84 at (lon, lat)."""
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    ripple = 20.0 * np.sin(6.0 * np.pi * x) + 20.0 * np.sin(2.0 * np.pi * x)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += (ripple + 20.0 * np.sin(np.pi * y) + 40.0 * np.sin(np.pi / 3.0 * y)) * 2.0 / 3.0
    north += (160.0 * np.sin(np.pi / 12.0 * y) + 320.0 * np.sin(np.pi / 30.0 * y)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += (ripple + 20.0 * np.sin(np.pi * x) + 40.0 * np.sin(np.pi / 3.0 * x)) * 2.0 / 3.0
    east += (150.0 * np.sin(np.pi / 12.0 * x) + 300.0 * np.sin(np.pi / 30.0 * x)) * 2.0 / 3.0
    phi = np.radians(lat)
    magic = 1.0 - KRASOVSKY_EE * np.sin(phi) ** 2
    meridian = KRASOVSKY_A * (1.0 - KRASOVSKY_EE) / (magic * np.sqrt(magic))
    parallel = KRASOVSKY_A / np.sqrt(magic) * np.cos(phi)
    abroad = outside_china(lon, lat)
    d_lon = np.where(abroad, 0.0, np.degrees(east / parallel))
    d_lat = np.where(abroad, 0.0, np.degrees(north / meridian))
    return d_lon, d_lat


def _wgs_to_gcj(lon: Floats, lat: Floats) -> Pair:
    d_lon, d_lat = _gcj_offset(lon, lat)
    return lon + d_lon, lat + d_lat


def _gcj_to_wgs(lon: Floats, lat: Floats) -> Pair:
    """Inverse by fixed-point iteration; the offset changes by < 1 % per degree, so it gains two digits a step."""
    abroad = outside_china(lon, lat)
    west, south = lon.copy(), lat.copy()
    for _ in range(30):
        d_lon, d_lat = _gcj_offset(west, south)
        miss_lon = np.where(abroad, 0.0, west + d_lon - lon)
        miss_lat = np.where(abroad, 0.0, south + d_lat - lat)
        west, south = west - miss_lon, south - miss_lat
        if max(np.max(np.abs(miss_lon), initial=0.0), np.max(np.abs(miss_lat), initial=0.0)) < 1e-12:
            break
    return west, south


def _gcj_to_bd(lon: Floats, lat: Floats) -> Pair:
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * BD_TURN)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * BD_TURN)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def _bd_to_gcj(lon: Floats, lat: Floats) -> Pair:
    west, south = lon - 0.0065, lat - 0.006
    for _ in range(30):
        east, north = _gcj_to_bd(west, south)
        miss_lon, miss_lat = east - lon, north - lat
        west, south = west - miss_lon, south - miss_lat
        if max(np.max(np.abs(miss_lon), initial=0.0), np.max(np.abs(miss_lat), initial=0.0)) < 1e-12:
            break
    return west, south


@lru_cache(maxsize=32)
def _transformer(source: str, target: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source, target, always_xy=True)


def _pair(lon: ArrayLike, lat: ArrayLike) -> Pair:
    return np.array(lon, np.float64, ndmin=1), np.array(lat, np.float64, ndmin=1)


def to_wgs84(lon: ArrayLike, lat: ArrayLike, datum: str) -> Pair:
    """(lon, lat) arrays (n,) in WGS-84 degrees from coordinates in `datum` (for projected EPSG codes: x, y metres).

    Raises UnknownDatum. Values a datum cannot hold become inf, never a silent wrong place.
    """
    name = parse_datum(datum)
    lon, lat = _pair(lon, lat)
    if name in ("WGS-84", "CGCS2000"):
        return lon, lat
    if name == "GCJ-02":
        return _gcj_to_wgs(lon, lat)
    if name == "BD-09":
        west, south = _bd_to_gcj(lon, lat)
        abroad = outside_china(west, south)
        inner = _gcj_to_wgs(west, south)
        return np.where(abroad, lon, inner[0]), np.where(abroad, lat, inner[1])
    return _pair(*_transformer(name, "EPSG:4326").transform(lon, lat))


def from_wgs84(lon: ArrayLike, lat: ArrayLike, datum: str) -> Pair:
    """The inverse of `to_wgs84`."""
    name = parse_datum(datum)
    lon, lat = _pair(lon, lat)
    if name in ("WGS-84", "CGCS2000"):
        return lon, lat
    if name == "GCJ-02":
        return _wgs_to_gcj(lon, lat)
    if name == "BD-09":
        abroad = outside_china(lon, lat)
        outer = _gcj_to_bd(*_wgs_to_gcj(lon, lat))
        return np.where(abroad, lon, outer[0]), np.where(abroad, lat, outer[1])
    return _pair(*_transformer("EPSG:4326", name).transform(lon, lat))


def great_circle_m(lon_a: ArrayLike, lat_a: ArrayLike, lon_b: ArrayLike, lat_b: ArrayLike) -> Floats:
    """Metres between points on the mean sphere (haversine)."""
    lon_a, lat_a, lon_b, lat_b = (np.radians(np.asarray(v, np.float64)) for v in (lon_a, lat_a, lon_b, lat_b))
    half = np.sin((lat_b - lat_a) / 2) ** 2 + np.cos(lat_a) * np.cos(lat_b) * np.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(half, 0, 1)))


def shift_m(lon: ArrayLike, lat: ArrayLike, datum: str) -> Floats:
    """Metres each point moves when its declared `datum` is honoured, against reading the numbers as WGS-84.

    For a projected datum the numbers cannot be read as degrees, so the shift is NaN.
    """
    name = parse_datum(datum)
    lon, lat = _pair(lon, lat)
    if name.startswith("EPSG:") and pyproj.CRS.from_user_input(name).is_projected:
        return np.full(lon.shape, np.nan)
    return great_circle_m(lon, lat, *to_wgs84(lon, lat, name))


class LocalMetric:
    """A metric plane around (lon0, lat0): transverse Mercator on the WGS-84 ellipsoid, scale 1 at the centre.

    Within 100 km of the centre distances are right to 0.02 %. Degrees in, metres out; and back.
    """

    def __init__(self, lon0: float, lat0: float) -> None:
        self.lon0, self.lat0 = float(lon0), float(lat0)
        plane = (
            f"+proj=tmerc +lat_0={self.lat0!r} +lon_0={self.lon0!r} +k=1 +x_0=0 +y_0=0 +ellps=WGS84 +units=m"
        )
        self._proj = pyproj.Proj(plane)

    def forward(self, lon: ArrayLike, lat: ArrayLike) -> Pair:
        return _pair(*self._proj(*_pair(lon, lat)))

    def inverse(self, x_m: ArrayLike, y_m: ArrayLike) -> Pair:
        return _pair(*self._proj(*_pair(x_m, y_m), inverse=True))
