"""Demand cells of a city and who is in them, in arrays: written by binary COPY, read back, and people of older cells put
on new ones. A city may have a million cells."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from django.db import connection
from scipy.spatial import cKDTree

from core.choices import AreaLevel
from core.models import Area, AreaPart, City
from engine.need import morton_order
from engine.reallocation import spread
from facilities.services.bulk import copy_arrays, light_tables, points_ewkb, reserve_ids, rings_ewkb
from facilities.services.imports import AREA_OF_POINT, NEAR_M
from planning.bridge.columns import fetch_columns
from planning.bridge.freeze import told_groups
from planning.importers.population import Cells
from planning.importers.population_grids import Grid
from planning.importers.population_groups import spread_groups
from planning.models import DemandCell, PopulationLayer
from planning.services.cell_groups import build_cell_groups
from planning.services.census import census_groups

# From here on it is quicker to build the indexes anew than to grow them.
MANY_CELLS = 100_000
_OUT_OF_THE_WAY = 1_000_000_000


@dataclass
class NewLayer:
    """What is to be said of a layer, by the names of its fields. `groups_from`: year of the census whose shares tell its
    groups."""

    code: str
    fields: dict[str, Any]
    groups_from: int | None = None


@dataclass
class HeldCells:
    """The n cells that a city has, with outlines, in the order of their numbers."""

    id: np.ndarray
    code: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    shapes: np.ndarray
    area: np.ndarray
    people: dict[str, np.ndarray] = field(default_factory=dict)
    groups: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.id)

    @property
    def grid(self) -> Grid:
        return Grid(self.code, self.lon, self.lat, self.shapes)


def outline_of(city: City) -> Any:
    """The outline of the city in degrees, from its areas; None before any is there."""
    shapes = [
        shapely.from_wkb(bytes(area.geometry.wkb))
        for area in Area.objects.filter(city=city, level=AreaLevel.CITY)
    ]
    return shapely.union_all(shapes) if shapes else None


def held_cells(city: City, layers: list[PopulationLayer]) -> HeldCells:
    """The cells of a city and the people of these layers on them. Cells without an outline take no people and are not
    among them."""
    where = "where city_id = %s and geometry is not null order by number"
    rows = fetch_columns(
        f"select id, st_x(point) lon, st_y(point) lat, coalesce(area_id, -1) area from planning_demandcell {where}",
        [city.pk], [("id", "int8"), ("lon", "float8"), ("lat", "float8"), ("area", "int8")],
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(f"select code, st_asbinary(geometry) from planning_demandcell {where}", [city.pk])
        told = cursor.fetchall()
    code, outline = np.empty(len(told), dtype=object), np.empty(len(told), dtype=object)
    code[:] = [one for one, _wkb in told]
    outline[:] = [bytes(wkb) for _code, wkb in told]
    held = HeldCells(rows["id"], code, rows["lon"], rows["lat"], shapely.from_wkb(outline), rows["area"])
    for layer in layers:
        counts = counts_of(layer)
        order = np.argsort(held.id)
        at = order[np.minimum(np.searchsorted(held.id, counts["cell_id"], sorter=order), len(held) - 1)]
        known = held.id[at] == counts["cell_id"]
        for name in counts.keys() - {"cell_id"}:
            values = np.zeros(len(held))
            values[at[known]] = counts[name][known]
            if name == "people":
                held.people[layer.code] = values
            else:
                held.groups.setdefault(layer.code, {})[name] = values
    return held


def counts_of(layer: PopulationLayer) -> dict[str, np.ndarray]:
    """cell_id (m,), people (m,) and each group (m,) that the layer tells apart."""
    told = ["people", *told_groups(layer)]
    return fetch_columns(
        f"select cell_id, {', '.join(f'coalesce({column}, 0) {column}' for column in told)}"
        " from planning_cellpopulation where layer_id = %s order by cell_id",
        [layer.pk], [("cell_id", "int8"), *((column, "float8") for column in told)],
    )  # fmt: skip


def put_on_new(held: HeldCells, cells: Cells) -> None:
    """Put the people of every held layer on `cells`: one to one where a cell stays as it is, by area where it does not.

    Every old cell keeps its people; one that meets no new cell gives them to the nearest."""
    if not held.people:
        return
    old, new, weight = _joins(held, cells)
    for name, people in held.people.items():
        whole = bool((people == np.floor(people)).all())
        made = spread(people, old, new, weight, len(cells), whole)
        parts = spread_groups(made.rows, old, held.groups.get(name, {}), whole)
        # cells where nobody of the layer is need no row
        cells.people[name] = np.where(made.people > 0, made.people, np.nan)
        cells.groups[name] = {
            group: np.bincount(new, part, minlength=len(cells)) for group, part in parts.items()
        }


def _joins(held: HeldCells, cells: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(old, new, weight) of old cells that hold people with the new cells they lie on."""
    index = {value: i for i, value in enumerate(cells.code.tolist())}
    same = np.array([index.get(value, -1) for value in held.code.tolist()], dtype=np.int64)
    near = same >= 0
    near[near] = (
        np.hypot(held.lon[near] - cells.lon[same[near]], held.lat[near] - cells.lat[same[near]]) < 1e-6
    )
    full = np.any([people > 0 for people in held.people.values()], axis=0)
    stay, move = np.flatnonzero(near), np.flatnonzero(~near & full)
    old, new, weight = stay, same[stay], np.ones(len(stay))
    if len(move):
        grid = Grid.of(cells)
        source, cell, area = grid.overlaps(held.shapes[move])
        lost = np.setdiff1d(np.arange(len(move)), source)
        narrow = np.cos(np.radians(np.mean(cells.lat)))
        centres = cKDTree(np.column_stack([cells.lon * narrow, cells.lat]))
        nearest = centres.query(np.column_stack([held.lon[move[lost]] * narrow, held.lat[move[lost]]]))[1]
        old = np.concatenate([old, move[source], move[lost]])
        new = np.concatenate([new, cell, nearest])
        weight = np.concatenate([weight, area, np.ones(len(lost))])
    return old, new, weight


def replace_cells(
    *, city: City, cells: Cells, layers: list[NewLayer], keep: list[PopulationLayer]
) -> dict[str, int]:
    """Give the city these cells, with the people of new layers and of those to keep. Rows by code.

    Cells keep their identity by code. Cells that nobody holds any more are deleted unless a result points to them; then
    they stay, without people. Layers that are neither new nor kept are deleted."""
    taken = {layer.code for layer in layers}
    keep = [layer for layer in keep if layer.code not in taken]
    if keep:
        put_on_new(held_cells(city, keep), cells)
    middle = np.cos(np.radians(float(np.mean(cells.lat))))
    cells.put_in(morton_order(cells.lon * middle, cells.lat))
    fresh = not DemandCell.objects.filter(city=city).exists()
    with connection.cursor() as cursor:
        cursor.execute(
            "delete from planning_cellpopulation where layer_id in"
            " (select id from planning_populationlayer where city_id = %s)",
            [city.pk],
        )
        PopulationLayer.objects.filter(city=city).exclude(
            code__in=[*taken, *(one.code for one in keep)]
        ).delete()
        if fresh and len(cells) >= MANY_CELLS:
            with light_tables(cursor, ["planning_demandcell", "planning_cellpopulation"]):
                return _write(cursor, city, cells, layers, keep, fresh)
        return _write(cursor, city, cells, layers, keep, fresh)


def _write(
    cursor: Any, city: City, cells: Cells, layers: list[NewLayer], keep: list[PopulationLayer], fresh: bool
) -> dict[str, int]:
    ids, area = _insert_cells(cursor, city, cells) if fresh else _upsert_cells(cursor, city, cells)
    written = {}
    for layer in keep:
        written[layer.code] = write_counts(
            cursor, layer, ids, cells.people[layer.code], cells.groups.get(layer.code, {})
        )
    for new in layers:
        people, groups = cells.people[new.code], cells.groups.get(new.code, {})
        facts = dict(new.fields.get("facts", {}))
        if new.groups_from is not None:
            more, told = census_groups(
                city=city, year=new.groups_from, area=area, people=np.nan_to_num(people)
            )
            groups, facts = more | groups, facts | told
        record, _made = PopulationLayer.objects.update_or_create(
            city=city, code=new.code, defaults=new.fields | {"facts": facts}
        )
        written[new.code] = write_counts(cursor, record, ids, people, groups)
    cursor.execute("analyze planning_demandcell, planning_cellpopulation")
    build_cell_groups(city)
    return written


def write_counts(
    cursor: Any, layer: PopulationLayer, ids: np.ndarray, people: np.ndarray, groups: dict[str, np.ndarray]
) -> int:
    """Store a layer's people (n,) and groups on the cells of these ids (n,), nan where it has no cell, and its totals."""
    here = np.flatnonzero(~np.isnan(people))
    held = {group: part[here] for group, part in groups.items()}
    columns = [
        ("layer_id", "int8", np.full(len(here), layer.pk)),
        ("cell_id", "int8", ids[here]),
        ("people", "float8", people[here]),
        *((group, "float8", part) for group, part in held.items()),
    ]
    copy_arrays(cursor, "planning_cellpopulation", columns)
    layer.people, layer.cells = float(people[here].sum()), len(here)
    layer.groups = {group: float(part.sum()) for group, part in held.items()}
    layer.barrier_free = layer.groups.get("barrier_free")
    layer.facts = layer.facts | {"sha256": content_sha256(here, people[here], held)}
    layer.save(update_fields=["people", "cells", "groups", "barrier_free", "facts"])
    return len(here)


def content_sha256(at: np.ndarray, people: np.ndarray, groups: dict[str, np.ndarray]) -> str:
    """Hash of who is where: equal layers are equal, whatever they are called."""
    digest = hashlib.sha256(np.ascontiguousarray(at, dtype="<i8").tobytes())
    digest.update(np.ascontiguousarray(people, dtype="<f8").tobytes())
    for group in sorted(groups):
        digest.update(group.encode())
        digest.update(np.ascontiguousarray(groups[group], dtype="<f8").tobytes())
    return digest.hexdigest()


def _columns(cells: Cells, ids: np.ndarray, city: City) -> list[tuple[str, str, np.ndarray]]:
    return [
        ("id", "int8", ids),
        ("city_id", "int8", np.full(len(cells), city.pk)),
        ("number", "int4", np.arange(len(cells))),
        ("code", "text", cells.code),
        ("point", "bytes", points_ewkb(cells.lon, cells.lat)),
        ("geometry", "bytes", rings_ewkb(cells.corners)),
        ("area_m2", "float8", cells.area_m2),
    ]


def _insert_cells(cursor: Any, city: City, cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    ids = reserve_ids(cursor, "planning_demandcell", len(cells))
    area = areas_of_points(city, cells.lon, cells.lat)
    copy_arrays(cursor, "planning_demandcell", [*_columns(cells, ids, city), ("area_id", "int8?", area)])
    return ids, area


def areas_of_points(city: City, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """The deepest area around each point, (n,) area ids; -1 where there is none within NEAR_M.

    The same rule as `assign_areas`, but in arrays: a million questions to the database take a minute, this seconds.
    """
    found = np.full(len(lon), -1, dtype=np.int64)
    # areas that the city no longer has are kept for old results, but without the pieces that a pack cuts of them
    areas, ground = Area.objects.filter(city=city), AreaPart.objects.filter(area__city=city)
    if ground.exists():
        areas = areas.filter(pk__in=ground.values("area_id"))
    for level in areas.order_by("-level").values_list("level", flat=True).distinct():
        # only what no deeper level holds; among equals the area with the lowest id is written last and stays
        open_ = np.flatnonzero(found < 0)
        if not len(open_):
            return found
        # points from west to east: an area looks at those of its own strip only
        open_ = open_[np.argsort(lon[open_], kind="stable")]
        x, y = lon[open_], lat[open_]
        for area, geometry in areas.filter(level=level).order_by("-id").values_list("id", "geometry"):
            shape = shapely.from_wkb(bytes(geometry.wkb))
            shapely.prepare(shape)
            west, south, east, north = shape.bounds
            strip = np.arange(np.searchsorted(x, west), np.searchsorted(x, east, side="right"))
            strip = strip[(y[strip] >= south) & (y[strip] <= north)]
            found[open_[strip[shapely.intersects_xy(shape, x[strip], y[strip])]]] = area
    lost = np.flatnonzero(found < 0)
    if len(lost):
        with connection.cursor() as cursor:
            cursor.execute(
                f"select s.number, {AREA_OF_POINT} from (select number, st_setsrid(st_makepoint(x, y), 4326) as point"
                " from unnest(%(numbers)s::int[], %(lon)s::float8[], %(lat)s::float8[]) as u(number, x, y)) s",
                {"city": city.pk, "near": NEAR_M, "numbers": lost.tolist(), "lon": lon[lost].tolist(), "lat": lat[lost].tolist()},
            )  # fmt: skip
            for number, area in cursor.fetchall():
                found[number] = -1 if area is None else area
    return found


def _upsert_cells(cursor: Any, city: City, cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """Cells that are there already keep their id; numbers follow the new Morton order."""
    cursor.execute("select code, id from planning_demandcell where city_id = %s", [city.pk])
    known = dict(cursor.fetchall())
    ids = np.array([known.get(code, -1) for code in cells.code.tolist()], dtype=np.int64)
    new = ids < 0
    ids[new] = reserve_ids(cursor, "planning_demandcell", int(new.sum()))
    cursor.execute("drop table if exists incoming_cell")
    cursor.execute("create temp table incoming_cell (like planning_demandcell) on commit drop")
    area = areas_of_points(city, cells.lon, cells.lat)
    copy_arrays(cursor, "incoming_cell", [*_columns(cells, ids, city), ("area_id", "int8?", area)])
    # numbers are unique: the old ones step aside before the new ones are given
    cursor.execute(
        "update planning_demandcell set number = number %% %s + %s where city_id = %s",
        [_OUT_OF_THE_WAY, _OUT_OF_THE_WAY, city.pk],
    )
    cursor.execute(
        "update planning_demandcell c set number = i.number, point = i.point, geometry = i.geometry,"
        " area_m2 = i.area_m2, area_id = i.area_id from incoming_cell i where c.id = i.id"
    )
    cursor.execute(
        "insert into planning_demandcell (id, city_id, number, code, point, geometry, area_m2, area_id)"
        " select i.id, i.city_id, i.number, i.code, i.point, i.geometry, i.area_m2, i.area_id from incoming_cell i"
        " left join planning_demandcell c on c.id = i.id where c.id is null"
    )
    cursor.execute(
        "delete from planning_demandcell c where c.city_id = %s"
        " and not exists (select 1 from incoming_cell i where i.id = c.id)"
        " and not exists (select 1 from planning_cellresult r where r.cell_id = c.id)",
        [city.pk],
    )
    # what results still point to goes behind the living cells
    cursor.execute(
        "update planning_demandcell c set number = %s + o.place from"
        " (select id, row_number() over (order by id) - 1 as place from planning_demandcell"
        "  where city_id = %s and number >= %s) o where o.id = c.id",
        [len(cells), city.pk, _OUT_OF_THE_WAY],
    )
    return ids, area
