"""Check places and shapes while importing: declared datum, range, swapped axes, crossing rings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from django.utils.translation import gettext_lazy as _

from engine import crs
from facilities.importers.columns import Columns
from facilities.importers.problems import Problems

DATUMS = "WGS-84, CGCS2000, GCJ-02, BD-09, EPSG:nnnn"


@dataclass(frozen=True)
class Places:
    """Converted points beside the original ones. All (n,); `bad` marks points that must not be used."""

    lon: np.ndarray
    lat: np.ndarray
    original_x: np.ndarray
    original_y: np.ndarray
    datum: str
    bad: np.ndarray
    shift_m: (
        float | None
    )  # median distance between the original numbers read as WGS-84 and the converted point


def declared_datum(declared: str, label: str, problems: Problems) -> str | None:
    """The datum in its one spelling; a file that does not declare it is refused, never guessed."""
    if not str(declared or "").strip():
        text = _("The datum is not declared. Say which of these the coordinates are in: %(datums)s.")
        problems.add("datum_missing", text, file=label, datums=DATUMS)
        return None
    try:
        return crs.parse_datum(str(declared))
    except ValueError:
        text = _('The datum "%(declared)s" is not known. Use one of: %(datums)s.')
        problems.add("datum_unknown", text, file=label, declared=declared, datums=DATUMS)
        return None


def place_points(
    x: np.ndarray,
    y: np.ndarray,
    datum: str,
    table: Columns,
    problems: Problems,
    *,
    names: tuple[str, str] = ("lon", "lat"),
    inside: tuple[float, float, float, float] | None = None,
) -> Places:
    """Convert points to WGS-84. `inside` is the box (west, south, east, north) that the city may reach."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    bad = ~(np.isfinite(x) & np.isfinite(y))
    columns = [table.source(name) for name in names]
    where: dict[str, Any] = {"file": table.file, "column": ", ".join(columns)}
    degrees = not datum.startswith("EPSG:") or (np.nanmax(np.abs(np.r_[x, y, 0.0])) <= 360)
    if degrees:
        swapped = ~bad & _swapped(x, y, inside)
        text = _("Longitude and latitude look swapped.")
        problems.add_rows("swapped", text, table.rows[swapped], **where)
        outside = ~bad & ~swapped & ((np.abs(x) > 180) | (np.abs(y) > 90))
        text = _("The coordinates are out of range: longitude −180 to 180, latitude −90 to 90.")
        problems.add_rows("out_of_range", text, table.rows[outside], **where)
        zero = ~bad & (x == 0) & (y == 0)
        problems.add_rows("zero_place", _("The coordinates are 0, 0."), table.rows[zero], **where)
        bad = bad | swapped | outside | zero
    lon, lat = np.full(len(x), np.nan), np.full(len(x), np.nan)
    if (~bad).any():
        lon[~bad], lat[~bad] = crs.to_wgs84(x[~bad], y[~bad], datum)
    lost = ~bad & ~(np.isfinite(lon) & np.isfinite(lat) & (np.abs(lon) <= 180) & (np.abs(lat) <= 90))
    text = _("The coordinates do not fit the declared datum %(datum)s.")
    problems.add_rows("out_of_range", text, table.rows[lost], **where, datum=datum)
    bad = bad | lost
    if inside is not None:
        west, south, east, north = inside
        with np.errstate(invalid="ignore"):
            far = ~bad & ((lon < west) | (lon > east) | (lat < south) | (lat > north))
        text = _("The place lies outside the city (%(box)s).")
        box = f"{west:.2f}–{east:.2f}, {south:.2f}–{north:.2f}"
        problems.add_rows("outside_city", text, table.rows[far], **where, box=box)
        bad = bad | far
    return Places(lon, lat, x, y, datum, bad, median_shift_m(x, y, lon, lat, bad, degrees))


def median_shift_m(
    x: np.ndarray, y: np.ndarray, lon: np.ndarray, lat: np.ndarray, bad: np.ndarray, degrees: bool
) -> float | None:
    """Median metres that the conversion moved the points; None for projected coordinates."""
    good = ~bad
    if not degrees or not good.any():
        return None
    return float(np.median(crs.great_circle_m(x[good], y[good], lon[good], lat[good])))


def _swapped(x: np.ndarray, y: np.ndarray, inside: tuple[float, float, float, float] | None) -> np.ndarray:
    """Points that only make sense with the axes exchanged."""
    with np.errstate(invalid="ignore"):
        if inside is None:
            return (np.abs(y) > 90) & (np.abs(y) <= 180) & (np.abs(x) <= 90)
        west, south, east, north = inside
        west, south, east, north = west - 1, south - 1, east + 1, north + 1
        fits = (x >= west) & (x <= east) & (y >= south) & (y <= north)
        fits_swapped = (y >= west) & (y <= east) & (x >= south) & (x <= north)
    return ~fits & fits_swapped


def place_shapes(
    shapes: np.ndarray,
    datum: str,
    table: Columns,
    problems: Problems,
    *,
    kinds: tuple[str, ...] = ("Polygon", "MultiPolygon"),
    inside: tuple[float, float, float, float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Shapes in WGS-84 and the mask of the bad ones. Polygons that cross themselves are named with the place."""
    names = np.array([shape.geom_type if shape is not None else "" for shape in shapes], dtype=object)
    where: dict[str, Any] = {"file": table.file, "column": "geometry"}
    empty = (names == "") | shapely.is_empty(shapes)
    problems.add_rows("geometry_missing", _("The row has no geometry."), table.rows[empty], **where)
    other = ~empty & ~np.isin(names, kinds)
    for i in np.flatnonzero(other):
        text = _("The geometry is a %(has)s; a %(wanted)s is needed.")
        problems.add(
            "geometry_kind", text, row=table.rows[i], **where, has=names[i], wanted=" / ".join(kinds)
        )
    bad = empty | other
    crossing = ~bad & ~shapely.is_valid(shapes)
    for i in np.flatnonzero(crossing):
        text = _("The polygon crosses itself or is broken: %(reason)s")
        problems.add(
            "geometry_invalid", text, row=table.rows[i], **where, reason=shapely.is_valid_reason(shapes[i])
        )
    bad = bad | crossing
    corners, owner = shapely.get_coordinates(shapes[~bad], return_index=True)
    if not len(corners):
        return shapes, bad
    rows = np.flatnonzero(~bad)[owner]
    degrees = not datum.startswith("EPSG:") or np.abs(corners).max() <= 360
    wrong = np.zeros(len(shapes), dtype=bool)
    if degrees:
        swapped = np.zeros(len(shapes), dtype=bool)
        swapped[np.unique(rows[_swapped(corners[:, 0], corners[:, 1], inside)])] = True
        text = _("Longitude and latitude look swapped.")
        problems.add_rows("swapped", text, table.rows[swapped], **where)
        wrong[np.unique(rows[(np.abs(corners[:, 0]) > 180) | (np.abs(corners[:, 1]) > 90)])] = True
        wrong &= ~swapped
        text = _("The coordinates are out of range: longitude −180 to 180, latitude −90 to 90.")
        problems.add_rows("out_of_range", text, table.rows[wrong], **where)
        bad = bad | swapped | wrong
    converted = shapes.copy()
    good = ~bad
    if good.any():
        corners = shapely.get_coordinates(shapes[good])
        lon, lat = crs.to_wgs84(corners[:, 0], corners[:, 1], datum)
        converted[good] = shapely.set_coordinates(shapes[good].copy(), np.column_stack([lon, lat]))
        if not (np.isfinite(lon).all() and np.isfinite(lat).all() and np.abs(lat).max() <= 90):
            text = _("The coordinates do not fit the declared datum %(datum)s.")
            problems.add("out_of_range", text, **where, datum=datum)
            bad = np.ones(len(shapes), dtype=bool)
    return converted, bad


def shapes_shift_m(shapes: np.ndarray, datum: str) -> float | None:
    """Median metres by which honouring the datum moves the corners; None for projected coordinates."""
    corners = shapely.get_coordinates(shapes)
    shift = crs.shift_m(corners[:, 0], corners[:, 1], datum) if len(corners) else np.array([np.nan])
    return None if np.isnan(shift).all() else float(np.nanmedian(shift))


def city_box(shapes: np.ndarray, margin: float = 0.5) -> tuple[float, float, float, float]:
    """The box around the areas, `margin` degrees wider: places outside it belong to another city."""
    west, south, east, north = shapely.total_bounds(shapes)
    return west - margin, south - margin, east + margin, north + margin
