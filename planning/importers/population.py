"""People by cell and time of day: points with a cell shape, or polygons whose counts are spread on a regular grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from django.utils.translation import gettext_lazy as _

from core.choices import TimeOfDay
from facilities.importers.columns import Column, Columns
from facilities.importers.geometry import place_points, place_shapes, shapes_shift_m
from facilities.importers.problems import Problems
from facilities.importers.registry import repeated_codes
from facilities.importers.tables import read_table
from planning.importers.buildings import spread_over_buildings
from planning.importers.layer_tables import from_osm, read_layer
from planning.importers.osm_shapes import AREA_M2, AREAS
from planning.importers.packs import Layer

METRES_PER_DEGREE = 111_320.0


@dataclass
class Cells:
    """n cells. corners: (n, k, 2) degrees, closed rings. people: layer -> (n,), nan where a layer has no such cell.
    barrier_free: layer -> (n,) of these people, those who need barrier-free places; only layers that tell them apart."""

    code: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    corners: np.ndarray
    area_m2: np.ndarray
    people: dict[str, np.ndarray] = field(default_factory=dict)
    barrier_free: dict[str, np.ndarray] = field(default_factory=dict)
    shifts: dict[str, float | None] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.code)

    def put_in(self, order: np.ndarray) -> None:
        """Reorder every array."""
        self.code, self.lon, self.lat = self.code[order], self.lon[order], self.lat[order]
        self.corners, self.area_m2 = self.corners[order], self.area_m2[order]
        self.people = {name: people[order] for name, people in self.people.items()}
        self.barrier_free = {name: part[order] for name, part in self.barrier_free.items()}


@dataclass
class _Read:
    layer: Layer
    code: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    people: np.ndarray
    area_m2: np.ndarray
    shift_m: float | None
    shape: dict[str, Any]
    barrier_free: np.ndarray | None = None


# The two ways a source may tell how many people need barrier-free places: a count, or a share from 0 to 1.
BARRIER_FREE, BARRIER_FREE_SHARE = "barrier_free", "barrier_free_share"


def read_population(
    layers: list[Layer], problems: Problems, inside: tuple[float, float, float, float] | None
) -> Cells | None:
    """Every population layer of a pack on one set of cells; cells that share a code are one cell."""
    before = problems.count("error")
    reads: list[_Read] = []
    tables: dict[tuple, Columns | None] = {}
    for layer in layers:
        if layer.options.get("time_of_day") not in TimeOfDay.values:
            text = _("The time of day must be one of: %(known)s.")
            known = ", ".join(TimeOfDay.values)
            problems.add(
                "key_missing", text, file=layer.label, column=f"{layer.name}.time_of_day", known=known
            )
        shape = layer.options.get("cell") or layer.options.get("spread")
        if not isinstance(shape, dict) or float(shape.get("spacing_m", 0)) <= 0:
            text = _(
                "Say the shape of the cells: cell = { shape, spacing_m }, or spread = { spacing_m } for polygons."
            )
            problems.add("key_missing", text, file=layer.label, column=f"{layer.name}.cell")
            continue
        if layer.path is None or layer.datum is None:
            continue
        if from_osm(layer):
            read = _spread_total(layer, shape, problems, inside)
        else:
            spread = "spread" in layer.options
            read = (_spread_polygons if spread else _read_points)(
                layer, shape, problems, inside, tables, layers
            )
        if read is not None:
            reads.append(read)
    if not reads or problems.count("error") > before:
        return None
    return _one_set(reads, problems)


def _read_points(
    layer: Layer,
    shape: dict[str, Any],
    problems: Problems,
    inside: tuple[float, float, float, float] | None,
    tables: dict[tuple, Columns | None],
    layers: list[Layer],
) -> _Read | None:
    given = layer.columns
    assert layer.path is not None and layer.datum is not None
    place: tuple[str, ...] = (str(layer.path), layer.encoding, layer.layer, layer.sheet, layer.delimiter)
    place += tuple(given.get(name, name) for name in ("code", "lon", "lat"))
    if place not in tables:
        # day and night in one file are read in one go
        wanted = {
            "code": Column(given.get("code", "code"), required=True),
            "lon": Column(given.get("lon", "lon"), "number", required=True),
            "lat": Column(given.get("lat", "lat"), "number", required=True),
        }
        if "area_m2" in given:
            wanted["area_m2"] = Column(given["area_m2"], "number", minimum=0)
        for other in layers:
            if other.path == layer.path and "cell" in other.options:
                column = other.columns.get("people", "people")
                wanted[f"people:{column}"] = Column(column, "number", required=True, minimum=0)
                for name in (BARRIER_FREE, BARRIER_FREE_SHARE):
                    if name in other.columns:
                        wanted[f"{name}:{other.columns[name]}"] = Column(
                            other.columns[name], "number", minimum=0
                        )
        table = read_table(
            layer.path, columns=wanted, problems=problems, label=layer.label, **layer.reading()
        )
        tables[place] = table
        if table is not None:
            _unique_codes(table, problems)
    table = tables[place]
    if table is None:
        return None
    places = place_points(table["lon"], table["lat"], layer.datum, table, problems, inside=inside)
    people = table[f"people:{given.get('people', 'people')}"]
    area = table.number("area_m2")
    area = np.where(np.isnan(area), _cell_area(shape), area)
    part = _barrier_free(layer, table, people, problems)
    return _Read(layer, table["code"], places.lon, places.lat, people, area, places.shift_m, shape, part)


def _barrier_free(layer: Layer, table: Columns, people: np.ndarray, problems: Problems) -> np.ndarray | None:
    """Of the people (n,), those who need barrier-free places; an empty field counts nobody, a layer without the
    column says nothing (None)."""
    for name in (BARRIER_FREE, BARRIER_FREE_SHARE):
        if name not in layer.columns:
            continue
        column = layer.columns[name]
        given = np.nan_to_num(table.number(f"{name}:{column}"))
        most = people if name == BARRIER_FREE else np.ones(len(people))
        text = _("More people need barrier-free places than there are people.")
        problems.add_rows("group_too_large", text, table.rows[given > most], file=table.file, column=column)
        return given if name == BARRIER_FREE else people * given
    return None


def _unique_codes(table: Columns, problems: Problems) -> None:
    codes = table["code"].tolist()
    if len(set(codes)) < len(codes):
        repeated_codes(table["code"], table, problems, column=table.source("code"))
    if max(map(len, codes)) > 40:
        text = _("The text is longer than %(longest)d characters.")
        problems.add("text_too_long", text, file=table.file, column=table.source("code"), longest=40)


def _cell_area(shape: dict[str, Any]) -> float:
    spacing = float(shape["spacing_m"])
    return spacing**2 * (np.sqrt(3) / 2 if shape.get("shape", "hexagon") == "hexagon" else 1.0)


def _spread_polygons(
    layer: Layer,
    shape: dict[str, Any],
    problems: Problems,
    inside: tuple[float, float, float, float] | None,
    tables: dict[tuple, Columns | None],
    layers: list[Layer],
) -> _Read | None:
    """Polygons with a count: the count goes evenly on the grid points inside; every polygon keeps its exact total.

    Points of a square grid in degrees scaled to metres at the layer's middle; a polygon too small to hold a grid
    point gets one cell at a point inside it.
    """
    assert layer.path is not None and layer.datum is not None
    given = layer.columns
    wanted = {"people": Column(given.get("people", "people"), "number", required=True, minimum=0)}
    table = read_table(
        layer.path, columns=wanted, problems=problems, label=layer.label, geometry=True, **layer.reading()
    )
    if table is None:
        return None
    shapes, bad = place_shapes(table.shapes, layer.datum, table, problems, inside=inside)
    if bad.any():
        return None
    spacing = float(shape["spacing_m"])
    west, south, east, north = shapely.total_bounds(shapes)
    step_y = spacing / METRES_PER_DEGREE
    step_x = step_y / np.cos(np.radians((south + north) / 2))
    columns, lines = np.arange(west, east + step_x, step_x), np.arange(south, north + step_y, step_y)
    if len(columns) * len(lines) > 40_000_000:
        text = _("A grid of %(spacing)s m has too many points here; choose a wider one.")
        problems.add(
            "grid_too_fine", text, file=layer.label, column="spread.spacing_m", spacing=f"{spacing:g}"
        )
        return None
    tree = shapely.STRtree(shapes)
    lons: list[np.ndarray] = []
    lats: list[np.ndarray] = []
    owners: list[np.ndarray] = []
    codes: list[str] = []
    for number, y in enumerate(lines):
        hit = tree.query(shapely.points(columns, np.full(len(columns), y)), predicate="intersects")
        # a point on a border belongs to the first polygon only
        point, first = np.unique(hit[0], return_index=True)
        lons.append(columns[point])
        lats.append(np.full(len(point), y))
        owners.append(hit[1][first])
        codes += [f"{number}-{column}" for column in point.tolist()]
    lon, lat, owner = np.concatenate(lons), np.concatenate(lats), np.concatenate(owners)
    alone = np.setdiff1d(np.arange(len(shapes)), owner)
    if len(alone):
        points = shapely.point_on_surface(shapes[alone])
        lon, lat = np.r_[lon, shapely.get_x(points)], np.r_[lat, shapely.get_y(points)]
        owner = np.r_[owner, alone]
        codes += [f"p-{i}" for i in alone.tolist()]
    people = _whole_shares(table["people"], owner)
    code = np.empty(len(codes), dtype=object)
    code[:] = codes
    shift = shapes_shift_m(table.shapes, layer.datum)
    shape = {"shape": "square", **shape}
    return _Read(layer, code, lon, lat, people, np.full(len(code), _cell_area(shape)), shift, shape)


def _spread_total(
    layer: Layer, shape: dict[str, Any], problems: Problems, inside: tuple[float, float, float, float] | None
) -> _Read | None:
    """A total that the pack states, laid over the buildings of an OpenStreetMap file by the area of their outlines."""
    total = layer.options.get("people_total")
    if "spread" not in layer.options or isinstance(total, bool) or not isinstance(total, int) or total <= 0:
        text = _("Buildings hold no counts: say people_total and spread = { spacing_m }.")
        problems.add("key_missing", text, file=layer.label, column=f"{layer.name}.people_total")
        return None
    wanted = {"area_m2": Column(AREA_M2, "number")}
    table = read_layer(layer, wanted, problems, geometry=True, kind=AREAS, inside=inside)
    if table is None:
        return None
    squares = spread_over_buildings(table.shapes, table["area_m2"], total, float(shape["spacing_m"]))
    shape = {"shape": "square", **shape}
    area = np.full(len(squares.code), _cell_area(shape))
    return _Read(layer, squares.code, squares.lon, squares.lat, squares.people, area, 0.0, shape)


def _whole_shares(totals: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Each owner's total in equal shares that are whole people where the total is; the sum is exact."""
    count = np.bincount(owner, minlength=len(totals))
    order = np.argsort(owner, kind="stable")
    start = np.r_[0, np.cumsum(count)][:-1]
    place = np.empty(len(owner), dtype=np.int64)
    place[order] = np.arange(len(owner)) - start[owner[order]]
    whole = np.floor(totals)
    base = np.floor(whole / np.maximum(count, 1))
    rest = whole - base * count
    people = base[owner] + (place < rest[owner])
    people[place == 0] += (totals - whole)[owner[place == 0]]
    return people


def _one_set(reads: list[_Read], problems: Problems) -> Cells:
    """The union of the layers' cells by code. A code whose place differs by more than a cell is a problem."""
    first = reads[0]
    code, lon, lat, area = first.code, first.lon, first.lat, first.area_m2
    places: list[np.ndarray] = [np.arange(len(code))]
    for read in reads[1:]:
        if len(read.code) == len(code) and (read.code is code or (read.code == code).all()):
            here = np.arange(len(code))
        else:
            index = {value: i for i, value in enumerate(code.tolist())}
            here = np.array([index.get(value, -1) for value in read.code.tolist()])
            new = here < 0
            here[new] = len(code) + np.arange(int(new.sum()))
            code = np.concatenate([code, read.code[new]])
            lon, lat = np.r_[lon, read.lon[new]], np.r_[lat, read.lat[new]]
            area = np.r_[area, read.area_m2[new]]
        away = (
            np.hypot((lon[here] - read.lon) * np.cos(np.radians(lat[here])), lat[here] - read.lat)
            * METRES_PER_DEGREE
        )
        moved = np.flatnonzero(away > float(read.shape["spacing_m"]))
        for i in moved[:20]:
            text = _('The cell "%(cell)s" lies %(metres)d m from where another population layer has it.')
            where: dict[str, Any] = {"file": read.layer.label, "column": "code"}
            problems.add("cell_moved", text, **where, cell=read.code[i], metres=int(away[i]))
        places.append(here)
    cells = Cells(code, lon, lat, _corners(lon, lat, first.shape), area)
    for read, here in zip(reads, places, strict=True):
        people = np.full(len(code), np.nan)
        people[here] = read.people
        cells.people[read.layer.name] = people
        if read.barrier_free is not None:
            part = np.zeros(len(code))
            part[here] = read.barrier_free
            cells.barrier_free[read.layer.name] = part
        cells.shifts[read.layer.name] = read.shift_m
        cells.rows[read.layer.name] = len(read.code)
    return cells


def _corners(lon: np.ndarray, lat: np.ndarray, shape: dict[str, Any]) -> np.ndarray:
    """Closed rings around the centres: hexagons with a corner at `turn_degrees` from east, or squares."""
    spacing = float(shape["spacing_m"])
    if shape.get("shape", "hexagon") == "hexagon":
        angle = np.radians(np.arange(7) * 60.0 + float(shape.get("turn_degrees", 30.0)))
        radius = spacing / np.sqrt(3)
    else:
        angle = np.radians(np.arange(5) * 90.0 + 45.0 + float(shape.get("turn_degrees", 0.0)))
        radius = spacing / np.sqrt(2)
    angle[-1] = angle[0]
    dx = radius * np.cos(angle) / METRES_PER_DEGREE
    dy = radius * np.sin(angle) / METRES_PER_DEGREE
    corners = np.empty((len(lon), len(angle), 2))
    corners[:, :, 0] = lon[:, None] + dx / np.cos(np.radians(lat))[:, None]
    corners[:, :, 1] = lat[:, None] + dy
    return corners
