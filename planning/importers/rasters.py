"""One band of a raster file as an array of values with the place of every pixel: for people and for hazards alike.

Only the part inside the city is read. A raster must say where it lies: in the file, by a declared datum, or both when
they agree. Values that stand for "no value" must be declared in the file or with the import: a code such as -9999 that
is not declared is refused with words, because it would count as people or as depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio
import shapely
from affine import Affine
from django.utils.translation import gettext_lazy as _
from rasterio.errors import RasterioError
from rasterio.windows import Window

from engine import crs
from facilities.importers.geometry import DATUMS, declared_datum
from facilities.importers.problems import Problems

Box = tuple[float, float, float, float]
# No driver that follows references to other files: an uploaded file is read, and nothing else.
DRIVERS = {".tif": "GTiff", ".tiff": "GTiff", ".asc": "AAIGrid"}
MOST_PIXELS = 36_000_000
BLOCK_PIXELS = 1_000_000
PLAIN, SHIFTED = ("WGS-84", "CGCS2000"), ("GCJ-02", "BD-09")
# codes that stand for "no value" in practice and hardly ever for anything else
LIKELY_NODATA = (-999.0, -9999.0, -99999.0, -32767.0, -32768.0, -2147483648.0)
FLOAT_NODATA = 1e37
_EQUAL_AREA = "+proj=cea +ellps=WGS84 +units=m"


@dataclass(frozen=True)
class Source:
    """What the coordinates of a raster are in. `datum`: in words; `projection`: set where pyproj converts them."""

    datum: str
    projection: pyproj.CRS | None = None

    @property
    def plain(self) -> bool:
        """The coordinates are degrees of WGS-84 already (CGCS2000 counts as WGS-84)."""
        return self.projection is None and self.datum in PLAIN

    def to_wgs84(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.projection is None:
            return crs.to_wgs84(x, y, self.datum)
        return pyproj.Transformer.from_crs(self.projection, "EPSG:4326", always_xy=True).transform(x, y)

    def from_wgs84(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.projection is None:
            return crs.from_wgs84(lon, lat, self.datum)
        return pyproj.Transformer.from_crs("EPSG:4326", self.projection, always_xy=True).transform(lon, lat)


@dataclass(frozen=True)
class Raster:
    """Values (rows, columns) float64 of one band, NaN where there is none. `transform` leads from (column, row) of a
    pixel's corner to coordinates of `source`."""

    label: str
    values: np.ndarray
    transform: Affine
    source: Source
    nodata: tuple[float, ...]
    # what the values were stored as: a limit of 0.7 means the float32 0.7 in a float32 file
    stored_as: str = "float64"

    @property
    def datum(self) -> str:
        return self.source.datum

    @property
    def separable(self) -> bool:
        """Longitude depends on the column only and latitude on the row only."""
        return self.source.plain and self.transform.b == 0 and self.transform.d == 0

    @property
    def with_value(self) -> np.ndarray:
        """(rows, columns) bool: pixels that have a value."""
        return ~np.isnan(self.values)

    @property
    def shift_m(self) -> float | None:
        """Metres that the datum moves the raster's middle; None for projected coordinates."""
        if self.source.projection is not None:
            return None
        rows, columns = self.values.shape
        x, y = self.transform @ (columns / 2, rows / 2)
        return float(crs.shift_m(x, y, self.datum)[0])

    def places(self, column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(lon, lat) in WGS-84 of positions counted in pixels from the upper left corner; shape as given."""
        column, row = np.asarray(column, np.float64), np.asarray(row, np.float64)
        t = self.transform
        x, y = t.a * column + t.b * row + t.c, t.d * column + t.e * row + t.f
        if self.source.plain:
            return x, y
        lon, lat = self.source.to_wgs84(x.ravel(), y.ravel())
        return np.reshape(lon, x.shape), np.reshape(lat, y.shape)

    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """(lon, lat), each (rows, columns): the middle of every pixel in WGS-84."""
        rows, columns = self.values.shape
        if self.separable:
            lon, _lat = self.places(np.arange(columns) + 0.5, np.zeros(columns))
            _lon, lat = self.places(np.zeros(rows), np.arange(rows) + 0.5)
            return np.broadcast_to(lon, (rows, columns)), np.broadcast_to(lat[:, None], (rows, columns))
        lon, lat = np.empty((rows, columns)), np.empty((rows, columns))
        for first, last in self._row_blocks():
            column, row = np.meshgrid(np.arange(columns) + 0.5, np.arange(first, last) + 0.5)
            lon[first:last], lat[first:last] = self.places(column, row)
        return lon, lat

    def areas_m2(self) -> np.ndarray:
        """(rows, columns) ground area of every pixel in m², on the WGS-84 ellipsoid.

        Corners are laid into a cylindrical equal-area plane, so a distorting projection does not count."""
        rows, columns = self.values.shape
        plane = pyproj.Proj(_EQUAL_AREA)
        if self.separable:
            _lon, lat = self.places(np.zeros(rows + 1), np.arange(rows + 1))
            x, y = plane(np.full(rows + 1, abs(self.transform.a)), lat)
            return np.broadcast_to((np.abs(np.diff(y)) * x[0])[:, None], (rows, columns))
        area = np.empty((rows, columns))
        for first, last in self._row_blocks():
            column, row = np.meshgrid(np.arange(columns + 1.0), np.arange(first, last + 1.0))
            x, y = plane(*self.places(column, row))
            # twice the area of a quadrangle: its two diagonals crossed
            across = (x[1:, 1:] - x[:-1, :-1]) * (y[1:, :-1] - y[:-1, 1:])
            across -= (y[1:, 1:] - y[:-1, :-1]) * (x[1:, :-1] - x[:-1, 1:])
            area[first:last] = np.abs(across) / 2
        return area

    def outlines(self, picked: np.ndarray) -> np.ndarray:
        """Polygons (n,) in WGS-84 of the pixels where `picked` (rows, columns) is true, row by row."""
        row, column = np.nonzero(picked)
        at_column = column[:, None] + np.array([0, 1, 1, 0, 0])
        at_row = row[:, None] + np.array([0, 0, 1, 1, 0])
        return shapely.polygons(np.stack(self.places(at_column, at_row), axis=-1))

    def _row_blocks(self) -> Iterator[tuple[int, int]]:
        rows, columns = self.values.shape
        step = max(1, BLOCK_PIXELS // max(columns, 1))
        for first in range(0, rows, step):
            yield first, min(first + step, rows)


def is_raster(path: str | Path | None) -> bool:
    """Whether a file is named like a raster that is read."""
    return path is not None and Path(path).suffix.lower() in DRIVERS


def read_raster(
    path: str | Path,
    problems: Problems,
    *,
    label: str,
    band: int = 1,
    datum: str | None = None,
    nodata: float | None = None,
    inside: Box | None = None,
) -> Raster | None:
    """One band of a GeoTIFF or ASCII grid; None when it cannot be used, with every reason in `problems`.

    `datum`: the declared one, needed where the file names none; `nodata`: a further code for "no value", as written in
    the file; `inside`: (west, south, east, north) in WGS-84 degrees, only pixels that reach into it are read."""
    path = Path(path)
    if not path.is_file():
        problems.add("file_missing", _("The file does not exist."), file=label)
        return None
    try:
        with rasterio.open(path, driver=DRIVERS.get(path.suffix.lower(), "GTiff")) as opened:
            return _read(opened, problems, label, band, datum, nodata, inside)
    except (RasterioError, OSError, ValueError) as error:
        text = _("The file is not a raster that can be read (GeoTIFF or ASCII grid): %(reason)s")
        problems.add("raster_broken", text, file=label, reason=str(error).splitlines()[0][:200])
        return None


def _read(
    opened: Any,
    problems: Problems,
    label: str,
    band: int,
    datum: str | None,
    nodata: float | None,
    inside: Box | None,
) -> Raster | None:
    source = _source(opened, datum, label, problems)
    here = opened.transform
    if here.is_identity or here.determinant == 0:
        text = _("The raster does not say where on the ground it lies: it has no position and pixel size.")
        problems.add("raster_no_place", text, file=label)
        source = None
    if not 1 <= band <= opened.count:
        text = _("The file has %(count)d bands; there is no band %(cell)s.")
        problems.add("band_missing", text, file=label, column="band", cell=band, count=opened.count)
        return None
    if opened.dtypes[band - 1].startswith("complex"):
        text = _("The band holds complex numbers, which mean nothing here.")
        problems.add("band_complex", text, file=label, column="band")
        return None
    window = Window(0, 0, opened.width, opened.height)
    if source is not None:
        found = _window(opened, source, label, inside, problems)
        if found is None:
            return None
        window = found
    if window.width * window.height > MOST_PIXELS:
        if source is None:
            return None
        text = _(
            "The raster has %(count)d million pixels inside the city; up to %(most)d million are read."
            " Cut it to the city or make its pixels larger."
        )
        count = round(window.width * window.height / 1e6)
        problems.add("raster_too_large", text, file=label, count=count, most=MOST_PIXELS // 10**6)
        return None
    values, codes = _values(opened, band, window, nodata, label, problems)
    if source is None or values is None:
        return None
    if np.isnan(values).all():
        text = _("The raster has no value inside the city.")
        problems.add("raster_empty", text, file=label)
        return None
    exact = (opened.scales[band - 1], opened.offsets[band - 1]) == (1.0, 0.0)
    stored = opened.dtypes[band - 1] if exact else "float64"
    return Raster(
        label, values, here @ Affine.translation(window.col_off, window.row_off), source, codes, stored
    )


def _file_crs(opened: Any) -> pyproj.CRS | None:
    """The reference system that the file names; None where it names none or only a local one."""
    if not opened.crs:
        return None
    try:
        found = pyproj.CRS.from_wkt(opened.crs.to_wkt())
    except (pyproj.exceptions.CRSError, RasterioError):
        return None
    return found if found.geodetic_crs is not None else None


def _source(opened: Any, declared: str | None, label: str, problems: Problems) -> Source | None:
    """The file's own words and the declared datum brought together; a contradiction is refused, never resolved."""
    said = _file_crs(opened)
    datum = None
    if str(declared or "").strip():
        datum = declared_datum(str(declared), label, problems)
        if datum is None:
            return None
    if said is None:
        if datum is None:
            text = _(
                "The raster does not name its datum and none is declared. Say which of these it is in: %(datums)s."
            )
            problems.add("datum_missing", text, file=label, datums=DATUMS)
            return None
        return _fitting(Source(datum), opened, label, problems)
    own = _own_source(said)
    if datum is None or _agrees(said, own, datum):
        return own
    where: dict[str, Any] = {"file": label, "column": "datum", "cell": datum, "said": said.name}
    if datum in SHIFTED and said.is_geographic and own.plain:
        text = _(
            'The file says "%(said)s", as files in %(cell)s often do because they cannot name it: %(cell)s counts.'
        )
        problems.warn("datum_shifted", text, **where)
        return Source(datum)
    text = _('The declared datum %(cell)s contradicts the file, which says "%(said)s".')
    problems.add("datum_wrong", text, **where)
    return None


def _own_source(said: pyproj.CRS) -> Source:
    """The source as the file tells it: plain degrees where they are WGS-84 or CGCS2000, else its own projection."""
    if said.is_geographic and _geodetic(said) is not None:
        return Source(str(_geodetic(said)))
    code = said.to_epsg()
    return Source(f"EPSG:{code}" if code else said.name, said)


def _geodetic(said: pyproj.CRS) -> str | None:
    """WGS-84 or CGCS2000 when the system stands on one of them."""
    base = said.geodetic_crs
    code = base.to_epsg() if base is not None else None
    if code in (4326, 4979):
        return "WGS-84"
    if code in (4490, 4480):
        return "CGCS2000"
    name = (base.datum.name if base is not None and base.datum is not None else "").lower()
    if "world geodetic system 1984" in name or name in ("wgs_1984", "wgs 84", "wgs84", "d_wgs_1984"):
        return "WGS-84"
    if "china 2000" in name or "china_2000" in name or "cgcs" in name:
        return "CGCS2000"
    return None


def _agrees(said: pyproj.CRS, own: Source, datum: str) -> bool:
    """Whether a declared datum says the same as the file. WGS-84 and CGCS2000 agree with whatever stands on them."""
    if datum in PLAIN:
        return _geodetic(said) is not None
    if datum in SHIFTED:
        return False
    return own.datum == datum or said.equals(pyproj.CRS.from_user_input(datum), ignore_axis_order=True)


def _fitting(source: Source, opened: Any, label: str, problems: Problems) -> Source | None:
    """The source when the raster's numbers can be in it: metres cannot be degrees."""
    left, bottom, right, top = opened.bounds
    in_degrees = source.datum in (*PLAIN, *SHIFTED)
    west, north = source.to_wgs84(np.array([left, right]), np.array([top, bottom]))
    fits = np.isfinite(west).all() and np.isfinite(north).all()
    if in_degrees:
        fits = max(abs(left), abs(right)) <= 360.5 and max(abs(top), abs(bottom)) <= 90.5
    if fits:
        return source
    text = _("The coordinates do not fit the declared datum %(datum)s.")
    problems.add("out_of_range", text, file=label, column="datum", datum=source.datum)
    return None


def _window(opened: Any, source: Source, label: str, inside: Box | None, problems: Problems) -> Window | None:
    """The pixels that reach into the box; None when there are none."""
    if inside is None:
        return Window(0, 0, opened.width, opened.height)
    west, south, east, north = inside
    along = np.linspace(0, 1, 33)
    lon = west + (east - west) * np.concatenate([along, along, np.zeros(33), np.ones(33)])
    lat = south + (north - south) * np.concatenate([np.zeros(33), np.ones(33), along, along])
    x, y = (np.asarray(part) for part in source.from_wgs84(lon, lat))
    known = np.isfinite(x) & np.isfinite(y)
    back = ~opened.transform
    column = back.a * x[known] + back.b * y[known] + back.c
    row = back.d * x[known] + back.e * y[known] + back.f
    left, right = _clipped(column, opened.width)
    top, bottom = _clipped(row, opened.height)
    if right <= left or bottom <= top:
        text = _("The raster does not touch the city (%(box)s).")
        box = f"{west:.2f}–{east:.2f}, {south:.2f}–{north:.2f}"
        problems.add("outside_city", text, file=label, box=box)
        return None
    return Window(left, top, right - left, bottom - top)


def _clipped(positions: np.ndarray, count: int) -> tuple[int, int]:
    if not len(positions):
        return 0, 0
    low, high = np.floor(positions.min() + 1e-6), np.ceil(positions.max() - 1e-6)
    return int(np.clip(low, 0, count)), int(np.clip(high, 0, count))


def _values(
    opened: Any, band: int, window: Window, nodata: float | None, label: str, problems: Problems
) -> tuple[np.ndarray | None, tuple[float, ...]]:
    """The band's values with NaN for "no value", and the codes that stood for it. Codes are compared as written in the
    file, before its scale and offset."""
    raw = opened.read(band, window=window, masked=True)
    hidden = np.ma.getmaskarray(raw)
    values = np.asarray(raw.data).astype(np.float64)
    codes = [float(code) for code in (opened.nodatavals[band - 1], nodata) if code is not None]
    if nodata is not None:
        # a code given in decimal may be stored rounded to the file's own precision
        same = np.asarray(nodata).astype(raw.dtype) if raw.dtype.kind == "f" else np.asarray(nodata)
        hidden = hidden | (raw.data == same)
    values[hidden] = np.nan
    usable = _codes_declared(values, opened.dtypes[band - 1], label, problems)
    endless = int(np.isinf(values).sum())
    if endless:
        text = _("%(count)d pixels are infinite. Give them a number or the code for no value.")
        problems.add("not_finite", text, file=label, count=endless)
        usable = False
    scale, offset = opened.scales[band - 1], opened.offsets[band - 1]
    if (scale, offset) != (1.0, 0.0):
        values = values * scale + offset
    return (values if usable else None), tuple(dict.fromkeys(codes))


def _codes_declared(values: np.ndarray, dtype: str, label: str, problems: Problems) -> bool:
    """False when values remain that look like an undeclared code for "no value"."""
    suspects = [*LIKELY_NODATA]
    if dtype in ("int16", "uint16", "int32", "uint32"):
        suspects.append(float(np.iinfo(dtype).max))
    low, high = (np.nanmin(values), np.nanmax(values)) if not np.isnan(values).all() else (0.0, 0.0)
    counts = {code: int((values == code).sum()) for code in suspects if low <= code <= high}
    huge = (
        np.isfinite(values) & (np.abs(values) >= FLOAT_NODATA)
        if max(abs(low), abs(high)) >= FLOAT_NODATA
        else None
    )
    if huge is not None and huge.any():
        code = float(values[huge][0])
        counts[code] = int(huge.sum())
    text = _(
        "%(count)d pixels have the value %(cell)s, which looks like a code for no value. Declare it as such, in the file"
        " or with the import."
    )
    found = {code: count for code, count in counts.items() if count}
    for code, count in found.items():
        problems.add("nodata_undeclared", text, file=label, column="nodata", cell=f"{code:g}", count=count)
    if dtype == "uint8" and high == 255 and (values == 255).sum() > 0.05 * np.isfinite(values).sum():
        hint = _("%(count)d pixels have the value 255. If that stands for no value, declare it.")
        problems.warn("nodata_perhaps", hint, file=label, column="nodata", count=int((values == 255).sum()))
    return not found
