"""Write demand cells and who is in them. A city may have a million cells: everything goes through binary COPY."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from django.db import connection

from core.models import Area, City, PackLayer
from engine.need import morton_order
from facilities.services.bulk import copy_arrays, light_tables, points_ewkb, reserve_ids, rings_ewkb
from facilities.services.imports import AREA_OF_POINT, NEAR_M
from planning.importers.packs import Layer
from planning.importers.population import Cells
from planning.models import DemandCell, PopulationLayer
from planning.services.cell_groups import build_cell_groups

# From here on it is quicker to build the indexes anew than to grow them.
MANY_CELLS = 100_000
_OUT_OF_THE_WAY = 1_000_000_000


def write_population(
    *, city: City, cells: Cells, layers: dict[str, tuple[Layer, PackLayer]]
) -> dict[str, int]:
    """Replace the counts of every layer; cells keep their identity by code. Returns rows by layer name.

    Cells that no layer holds any more are deleted unless a result points to them; then they stay, without people.
    """
    middle = np.cos(np.radians(float(np.mean(cells.lat))))
    cells.put_in(morton_order(cells.lon * middle, cells.lat))
    fresh = not DemandCell.objects.filter(city=city).exists()
    with connection.cursor() as cursor:
        cursor.execute(
            "delete from planning_cellpopulation where layer_id in"
            " (select id from planning_populationlayer where city_id = %s)",
            [city.pk],
        )
        PopulationLayer.objects.filter(city=city).exclude(code__in=layers).delete()
        if fresh and len(cells) >= MANY_CELLS:
            with light_tables(cursor, ["planning_demandcell", "planning_cellpopulation"]):
                return _write(cursor, city, cells, layers, fresh)
        return _write(cursor, city, cells, layers, fresh)


def _write(
    cursor: Any, city: City, cells: Cells, layers: dict[str, tuple[Layer, PackLayer]], fresh: bool
) -> dict[str, int]:
    ids = _insert_cells(cursor, city, cells) if fresh else _upsert_cells(cursor, city, cells)
    written = {}
    others = PopulationLayer.objects.filter(city=city, current=True)
    for name, (layer, record) in layers.items():
        people = cells.people[name]
        here = ~np.isnan(people)
        part = cells.barrier_free.get(name)
        population, _made = PopulationLayer.objects.update_or_create(
            city=city, code=name,
            defaults={
                "name": str(layer.options.get("title", name)), "name_en": str(layer.options.get("title_en", "")),
                "time_of_day": layer.options["time_of_day"], "people": float(people[here].sum()),
                "current": not others.filter(time_of_day=layer.options["time_of_day"]).exclude(code=name).exists(),
                "groups": {} if part is None else {"barrier_free": float(part[here].sum())},
                "barrier_free": None if part is None else float(part[here].sum()),
                "cells": int(here.sum()), "layer": record, "synthetic": layer.synthetic,
            },
        )  # fmt: skip
        count = int(here.sum())
        columns = [
            ("layer_id", "int8", np.full(count, population.pk)),
            ("cell_id", "int8", ids[here]),
            ("people", "float8", people[here]),
        ]
        if part is not None:
            columns.append(("barrier_free", "float8", part[here]))
        copy_arrays(cursor, "planning_cellpopulation", columns)
        written[name] = count
    cursor.execute("analyze planning_demandcell, planning_cellpopulation")
    build_cell_groups(city)
    return written


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


def _insert_cells(cursor: Any, city: City, cells: Cells) -> np.ndarray:
    ids = reserve_ids(cursor, "planning_demandcell", len(cells))
    area = areas_of_points(city, cells.lon, cells.lat)
    copy_arrays(cursor, "planning_demandcell", [*_columns(cells, ids, city), ("area_id", "int8?", area)])
    return ids


def areas_of_points(city: City, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """The deepest area around each point, (n,) area ids; -1 where there is none within NEAR_M.

    The same rule as `assign_areas`, but in arrays: a million questions to the database take a minute, this seconds.
    """
    found = np.full(len(lon), -1, dtype=np.int64)
    areas = Area.objects.filter(city=city)
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


def _upsert_cells(cursor: Any, city: City, cells: Cells) -> np.ndarray:
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
    return ids
