"""Grids that people are put on: the cells a city has, or new squares or H3 hexagons over its ground; and how points and
polygons lie on them. Areas are measured in an equal-area plane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import h3.api.numpy_int as h3
import numpy as np
import pyproj
import shapely
from django.utils.translation import gettext_lazy as _
from scipy.spatial import cKDTree

from facilities.importers.problems import Problems
from planning.importers.population_cells import METRES_PER_DEGREE, Cells

SHAPES = ("square", "h3")
FINEST_H3, MOST_CELLS = 12, 2_000_000
_TRIVIAL_M2 = 1e-3


@dataclass(frozen=True)
class Grid:
    """n cells with outlines `shapes` (n,) polygons in degrees of WGS-84 and centres lon, lat (n,)."""

    code: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    shapes: np.ndarray

    def __len__(self) -> int:
        return len(self.code)

    @classmethod
    def of(cls, cells: Cells) -> Grid:
        return cls(cells.code, cells.lon, cells.lat, shapely.polygons(cells.corners))

    @cached_property
    def _plane(self) -> pyproj.Transformer:
        lat, lon = float(np.median(self.lat)), float(np.median(self.lon))
        told = f"+proj=cea +lat_ts={lat:.4f} +lon_0={lon:.4f} +ellps=WGS84 +units=m"
        return pyproj.Transformer.from_crs("EPSG:4326", told, always_xy=True)

    def to_plane(self, shapes: np.ndarray) -> np.ndarray:
        """Outlines (m,) in metres of an equal-area plane."""
        corners = shapely.get_coordinates(shapes)
        x, y = self._plane.transform(corners[:, 0], corners[:, 1])
        return shapely.set_coordinates(np.array(shapes, dtype=object, copy=True), np.column_stack([x, y]))

    @cached_property
    def _flat(self) -> np.ndarray:
        return self.to_plane(self.shapes)

    @cached_property
    def area_m2(self) -> np.ndarray:
        return shapely.area(self._flat)

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self._flat)

    @cached_property
    def _centres(self) -> cKDTree:
        return cKDTree(np.column_stack(self._plane.transform(self.lon, self.lat)))

    @property
    def width_m(self) -> float:
        """Side of a square as large as the middle cell."""
        return float(np.sqrt(np.median(self.area_m2)))

    def holders(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For points (m,): the cell that each lies in, -1 for none; and the nearest centre's cell."""
        x, y = self._plane.transform(lon, lat)
        nearest = self._centres.query(np.column_stack([x, y]), workers=1)[1]
        found = np.where(shapely.intersects_xy(self._flat[nearest], x, y), nearest, -1)
        # cells need not be regular: the nearest centre is not always the right one
        open_ = np.flatnonzero(found < 0)
        if len(open_):
            point, cell = self._tree.query(shapely.points(x[open_], y[open_]), predicate="intersects")
            first = np.unique(point, return_index=True)[1]
            found[open_[point[first]]] = cell[first]
        return found, nearest

    def metres_to(self, cell: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Metres (m,) from points to the outline of the cell named for each."""
        x, y = self._plane.transform(lon, lat)
        return shapely.distance(self._flat[cell], shapely.points(x, y))

    def overlaps(self, shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(shape, cell, m²) of every overlap of outlines in degrees with cells, shape by shape."""
        flat = self.to_plane(shapes)
        shapely.prepare(flat)
        source, cell = self._tree.query(flat, predicate="intersects")
        order = np.lexsort((cell, source))
        source, cell = source[order], cell[order]
        # most cells lie wholly inside; only those on a border are cut
        inside = shapely.contains_properly(flat[source], self._flat[cell])
        area = np.where(inside, self.area_m2[cell], 0.0)
        cut = np.flatnonzero(~inside)
        area[cut] = shapely.area(shapely.intersection(flat[source[cut]], self._flat[cell[cut]]))
        kept = area > _TRIVIAL_M2
        return source[kept], cell[kept], area[kept]


def checked_grid(said: Any, problems: Problems, *, file: str, column: str) -> dict[str, Any] | None:
    """What a pack or a person says of a new grid: { shape = "square", spacing_m } or { shape = "h3", resolution }."""
    said = dict(said) if isinstance(said, dict) else {}
    shape = str(said.get("shape", "h3" if "resolution" in said else "square"))
    if shape not in SHAPES:
        text = _('"%(cell)s" is not one of: %(known)s.')
        problems.add(
            "choice_unknown", text, file=file, column=f"{column}.shape", cell=shape, known=", ".join(SHAPES)
        )
        return None
    key, low, high = ("resolution", 5, FINEST_H3) if shape == "h3" else ("spacing_m", 20, 20_000)
    value = said.get(key)
    fits = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    if not fits or (shape == "h3" and int(value) != value):
        text = _("Say a number from %(low)s to %(high)s.")
        problems.add("key_missing", text, file=file, column=f"{column}.{key}", low=low, high=high)
        return None
    return said | {"shape": shape, key: int(value) if shape == "h3" else float(value)}


def make_grid(said: dict[str, Any], ground: Any, problems: Problems, *, file: str) -> Cells | None:
    """Cells without people over `ground` (one shape in degrees): every square or hexagon that touches it."""
    text = _("This grid has more than %(most)d cells here; choose a wider one.")
    if _count(said, ground) > MOST_CELLS:
        problems.add("grid_too_fine", text, file=file, column="spread", most=MOST_CELLS)
        return None
    made = _hexagons(ground, said["resolution"]) if said["shape"] == "h3" else _squares(ground, said)
    code, lon, lat, corners = made
    cells = Cells(code, lon, lat, corners, np.empty(len(code)))
    cells.area_m2 = Grid.of(cells).area_m2
    return cells


def _count(said: dict[str, Any], ground: Any) -> float:
    """About how many cells there will be (squares: of the box, because they are cut out of it)."""
    west, south, east, north = shapely.bounds(ground)
    narrow = np.cos(np.radians((south + north) / 2))
    if said["shape"] == "square":
        return (east - west) * narrow * (north - south) * (METRES_PER_DEGREE / said["spacing_m"]) ** 2
    m2 = shapely.area(ground) * narrow * METRES_PER_DEGREE**2
    return m2 / h3.average_hexagon_area(said["resolution"], unit="m^2")


def _squares(ground: Any, said: dict[str, Any]) -> tuple[np.ndarray, ...]:
    west, south, east, north = shapely.bounds(ground)
    # lines of the grid stand where they would for a neighbouring city: a larger cut-out keeps the codes
    step_y = said["spacing_m"] / METRES_PER_DEGREE
    step_x = step_y / np.cos(np.radians(np.round((south + north) / 2, 1)))
    lines = np.arange(np.floor(south / step_y), np.floor(north / step_y) + 1)
    columns = np.arange(np.floor(west / step_x), np.floor(east / step_x) + 1)
    column, line = (part.ravel() for part in np.meshgrid(columns, lines))
    x0, y0 = column * step_x, line * step_y
    shapes = shapely.box(x0, y0, x0 + step_x, y0 + step_y)
    shapely.prepare(ground)
    kept = shapely.intersects(ground, shapes)
    x0, y0, line, column = x0[kept], y0[kept], line[kept], column[kept]
    code = np.empty(len(x0), dtype=object)
    code[:] = [f"{y:.0f}-{x:.0f}" for y, x in zip(line.tolist(), column.tolist(), strict=True)]
    corners = np.empty((len(x0), 5, 2))
    corners[:, :, 0] = x0[:, None] + step_x * np.array([0, 1, 1, 0, 0])
    corners[:, :, 1] = y0[:, None] + step_y * np.array([0, 0, 1, 1, 0])
    return code, x0 + step_x / 2, y0 + step_y / 2, corners


def _hexagons(ground: Any, resolution: int) -> tuple[np.ndarray, ...]:
    whole = h3.geo_to_h3shape(shapely.geometry.mapping(ground))
    ids = np.sort(np.asarray(h3.h3shape_to_cells_experimental(whole, resolution, "overlap")))
    # h3 answers one hexagon a call; a grid is made once for a city
    listed = ids.tolist()
    centre = np.array([h3.cell_to_latlng(one) for one in listed]).reshape(-1, 2)
    rings = [h3.cell_to_boundary(one) for one in listed]
    longest = max((len(ring) for ring in rings), default=6) + 1
    filled = [(*ring, *(ring[:1] * (longest - len(ring)))) for ring in rings]
    corners = np.array(filled).reshape(-1, longest, 2)[:, :, ::-1]
    code = np.empty(len(ids), dtype=object)
    code[:] = [h3.int_to_str(one) for one in listed]
    return code, centre[:, 1], centre[:, 0], corners
