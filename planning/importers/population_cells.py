"""Cells with people in them: what every reader of population ends in, and the files that bring their own cells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from facilities.importers.columns import Column, Columns
from facilities.importers.geometry import place_points
from facilities.importers.problems import Problems
from facilities.importers.registry import repeated_codes
from facilities.importers.tables import read_table
from planning.choices import LayerMethod
from planning.importers.packs import Layer
from planning.importers.population_groups import group_columns, group_counts

METRES_PER_DEGREE = 111_320.0
LONGEST_CODE = 40
Box = tuple[float, float, float, float] | None


@dataclass
class Cells:
    """n cells. corners: (n, k, 2) degrees, closed rings. people: layer -> (n,), nan where a layer has no such cell.
    groups: layer -> group -> (n,) of these people; only the groups that the layer tells apart. methods, facts: how each
    layer came to the cells and what reading it found."""

    code: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    corners: np.ndarray
    area_m2: np.ndarray
    people: dict[str, np.ndarray] = field(default_factory=dict)
    groups: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    shifts: dict[str, float | None] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.code)

    def put_in(self, order: np.ndarray) -> None:
        """Reorder every array."""
        self.code, self.lon, self.lat = self.code[order], self.lon[order], self.lat[order]
        self.corners, self.area_m2 = self.corners[order], self.area_m2[order]
        self.people = {name: people[order] for name, people in self.people.items()}
        self.groups = {
            name: {group: part[order] for group, part in parts.items()} for name, parts in self.groups.items()
        }


@dataclass
class Read:
    """One layer on cells of its own. `corners` None: regular cells of `shape` around the centres."""

    layer: Layer
    code: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    people: np.ndarray
    area_m2: np.ndarray
    shift_m: float | None
    shape: dict[str, Any]
    groups: dict[str, np.ndarray] = field(default_factory=dict)
    corners: np.ndarray | None = None
    method: str = LayerMethod.CELLS
    facts: dict[str, Any] = field(default_factory=dict)
    rows: int | None = None


def read_cells(
    layer: Layer,
    shape: dict[str, Any],
    problems: Problems,
    inside: Box,
    tables: dict[tuple, Columns | None],
    layers: list[Layer],
) -> Read | None:
    """Points that are the middles of regular cells: each row of the file is one cell with its people."""
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
                wanted |= group_columns(other)
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
    area = np.where(np.isnan(area), cell_area_m2(shape), area)
    groups = group_counts(layer, table, people, problems)
    return Read(layer, table["code"], places.lon, places.lat, people, area, places.shift_m, shape, groups)


def _unique_codes(table: Columns, problems: Problems) -> None:
    codes = table["code"].tolist()
    if len(set(codes)) < len(codes):
        repeated_codes(table["code"], table, problems, column=table.source("code"))
    if max(map(len, codes)) > LONGEST_CODE:
        text = _("The text is longer than %(longest)d characters.")
        problems.add("text_too_long", text, file=table.file, column=table.source("code"), longest=40)


def cell_area_m2(shape: dict[str, Any]) -> float:
    """Area of a regular cell of this spacing between centres."""
    spacing = float(shape["spacing_m"])
    return spacing**2 * (np.sqrt(3) / 2 if shape.get("shape", "hexagon") == "hexagon" else 1.0)


def one_set(reads: list[Read], problems: Problems) -> Cells:
    """The union of the layers' cells by code. A code whose place differs by more than a cell is a problem."""
    first = reads[0]
    code, lon, lat, area, corners = first.code, first.lon, first.lat, first.area_m2, first.corners
    places: list[np.ndarray] = [np.arange(len(code))]
    for read in reads[1:]:
        if len(read.code) == len(code) and (read.code is code or (read.code == code).all()):
            here = np.arange(len(code))
        else:
            index = {value: i for i, value in enumerate(code.tolist())}
            here = np.array([index.get(value, -1) for value in read.code.tolist()])
            new = here < 0
            here[new] = len(code) + np.arange(int(new.sum()))
            if corners is not None or read.corners is not None:
                held = corners_of(lon, lat, first.shape) if corners is None else corners
                more = (
                    corners_of(read.lon[new], read.lat[new], read.shape)
                    if read.corners is None
                    else read.corners[new]
                )
                corners = np.concatenate(_alike(held, more))
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
    cells = Cells(code, lon, lat, corners_of(lon, lat, first.shape) if corners is None else corners, area)
    for read, here in zip(reads, places, strict=True):
        people = np.full(len(code), np.nan)
        people[here] = read.people
        name = read.layer.name
        cells.people[name] = people
        for group, counts in read.groups.items():
            part = np.zeros(len(code))
            part[here] = counts
            cells.groups.setdefault(name, {})[group] = part
        cells.shifts[name] = read.shift_m
        cells.rows[name] = len(read.code) if read.rows is None else read.rows
        cells.methods[name], cells.facts[name] = read.method, read.facts
    return cells


def _alike(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rings of equal length: the last corner of the shorter ones is said again."""
    longest = max(one.shape[1], other.shape[1])

    def filled(rings: np.ndarray) -> np.ndarray:
        return np.concatenate([rings, np.repeat(rings[:, -1:], longest - rings.shape[1], axis=1)], axis=1)

    return filled(one), filled(other)


def corners_of(lon: np.ndarray, lat: np.ndarray, shape: dict[str, Any]) -> np.ndarray:
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
