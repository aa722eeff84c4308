"""D1-D3: loading demand cells, reading them into arrays, and the tiles of a whole city, against the usual ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.bench import _rows
from tests.bench._database import Grid, grid_city, own_database
from tests.bench._tiles import tiles

CHUNK = 20_000
D1_TARGETS = {"orm": 120.0, "values": 15.0}
D2_TARGETS = {"orm": 20.0, "rows": 4.0}
PEERS = {
    "orm": "Django bulk_create",
    "values": "psycopg2 execute_values",
}
CELLS_DIGEST = "select count(*), md5(string_agg(c::text, '|' order by id)) from planning_demandcell c"
PEOPLE_DIGEST = "select count(*), md5(string_agg(cell_id || ' ' || people, '|' order by cell_id)) from planning_cellpopulation"


class _UndoError(Exception):
    """Ends a transaction whose rows have served."""


def versions() -> list[str]:
    return [_rows.version(name) for name in ("django", "psycopg2-binary", "numpy")]


def run(size: str) -> list[_rows.Row]:
    cells, rounds = _rows.of(size, (1_600_000, 5), (20_000, 3), (1_500, 1))
    with own_database():
        grid = grid_city(cells)
        # Loading a whole city needs a city that is still empty: it comes before the others fill theirs.
        loads = _rows.of(size, 5, 2, 1)
        rows = load_rows(grid, loads) + load_city(grid, loads)
        fill(grid)
        rows += read(grid, rounds)
        tiled = grid if cells >= 60_000 else fill(grid_city(_rows.of(size, cells, 60_000, 20_000), seed=4))
        return rows + tiles(tiled, rounds)


# --- D1: loading ----------------------------------------------------------------------------------


def load_rows(grid: Grid, rounds: int) -> list[_rows.Row]:
    """Rows into the table of cells, its indexes and keys off for everybody: what is left is how rows travel."""
    from django.db import connection, transaction

    from facilities.services.bulk import copy_arrays, light_tables
    from planning.services.population_cells import _columns

    ids = np.arange(1, len(grid.cells) + 1)
    area = np.full(len(grid.cells), grid.city.areas.get().pk)
    seen: dict[str, Any] = {}

    def ours(cursor: Any) -> None:
        columns = [*_columns(grid.cells, ids, grid.city), ("area_id", "int8?", area)]
        copy_arrays(cursor, "planning_demandcell", columns)

    sides: dict[str, Callable[[Any], None]] = {
        "ours": ours,
        "orm": lambda cursor: cells_by_orm(grid, ids, area),
        "values": lambda cursor: cells_by_values(cursor, grid, ids, area),
    }

    def timed(name: str) -> float:
        try:
            with (
                transaction.atomic(),
                connection.cursor() as cursor,
                light_tables(cursor, ["planning_demandcell"]),
            ):
                seconds, _none = _rows.clock(lambda: sides[name](cursor))
                if name not in seen:
                    cursor.execute(CELLS_DIGEST)
                    seen[name] = cursor.fetchone()
                raise _UndoError
        except _UndoError:
            return seconds

    timed("ours")
    seconds = _rows.compare(
        {name: lambda name=name: timed(name) for name in sides}, rounds, lambda action: action()
    )
    for name in PEERS:
        _rows.demand(seen[name] == seen["ours"] and seen[name][0] == len(ids), f"rows of {name} differ")
    return [
        _rows.row(
            f"D1-{name}", f"{len(ids):,} cells into their table, indexes off for both", seconds["ours"], PEERS[name],
            seconds[name], D1_TARGETS[name], f"every row of {seen['ours'][0]:,} by hash",
        )
        for name in PEERS
    ]  # fmt: skip


def load_city(grid: Grid, rounds: int) -> list[_rows.Row]:
    """The whole load of a population: cells, people, indexes. Ours also finds the area of each cell and makes the
    hexagons of wide views; the peers are given the areas and make none."""
    from django.db import connection, transaction

    from facilities.services.bulk import light_tables, reserve_ids
    from planning.models import PopulationLayer
    from planning.services.population_cells import MANY_CELLS

    tables = ["planning_demandcell", "planning_cellpopulation"]
    area = np.full(len(grid.cells), grid.city.areas.get().pk)
    seen: dict[str, Any] = {}

    def by(write_cells: Callable[..., None], write_people: Callable[..., None]) -> Callable[[Any], None]:
        def write(cursor: Any) -> None:
            ids = reserve_ids(cursor, "planning_demandcell", len(grid.cells))
            layer = PopulationLayer.objects.create(
                city=grid.city, code="night", name="night", time_of_day="night"
            )
            write_cells(cursor, ids)
            write_people(cursor, ids, layer)

        def act(cursor: Any) -> None:
            if len(grid.cells) < MANY_CELLS:
                return write(cursor)
            with light_tables(cursor, tables):
                return write(cursor)

        return act

    sides = {
        "ours": lambda cursor: write_all(grid),
        "orm": by(lambda cursor, ids: cells_by_orm(grid, ids, area), lambda cursor, ids, layer: people_by_orm(grid, ids, layer)),
        "values": by(
            lambda cursor, ids: cells_by_values(cursor, grid, ids, area),
            lambda cursor, ids, layer: people_by_values(cursor, grid, ids, layer),
        ),
    }  # fmt: skip

    def timed(name: str) -> float:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("alter sequence planning_demandcell_id_seq restart")
                seconds, _none = _rows.clock(lambda: sides[name](cursor))
                if name not in seen:
                    cursor.execute(CELLS_DIGEST)
                    cells = cursor.fetchone()
                    cursor.execute(PEOPLE_DIGEST)
                    seen[name] = (cells, cursor.fetchone())
                raise _UndoError
        except _UndoError:
            return seconds

    timed("ours")
    seconds = _rows.compare(
        {name: lambda name=name: timed(name) for name in sides}, rounds, lambda action: action()
    )
    for name in PEERS:
        _rows.demand(seen[name] == seen["ours"], f"cells or people of {name} differ")
    return [
        _rows.row(
            f"D1-city-{name}",
            f"{len(grid.cells):,} cells and people, whole load; ours with areas and hexagons, the peer without",
            seconds["ours"], PEERS[name], seconds[name], None, "every row of both tables by hash",
        )
        for name in PEERS
    ]  # fmt: skip


def write_all(grid: Grid) -> None:
    """The platform's own load."""
    from planning.services.pack_population import write_population

    layer = SimpleNamespace(name="night", options={"time_of_day": "night"}, source="", synthetic=True)
    write_population(city=grid.city, cells=grid.cells, layers={"night": (layer, None)})


def fill(grid: Grid) -> Grid:
    from django.db import transaction

    with transaction.atomic():
        write_all(grid)
    return grid


def cells_by_orm(grid: Grid, ids: np.ndarray, area: np.ndarray) -> None:
    from django.contrib.gis.geos import GEOSGeometry

    from facilities.services.bulk import points_ewkb, rings_ewkb
    from planning.models import DemandCell

    cells = grid.cells
    for part in parts(len(cells)):
        points, rings = points_ewkb(cells.lon[part], cells.lat[part]), rings_ewkb(cells.corners[part])
        numbers = range(part.start, part.stop)
        DemandCell.objects.bulk_create(
            [
                DemandCell(
                    id=id_, city_id=grid.city.pk, number=number, code=code, area_id=area_id, area_m2=area_m2,
                    point=GEOSGeometry(memoryview(point)), geometry=GEOSGeometry(memoryview(ring)),
                )
                for id_, number, code, area_id, area_m2, point, ring in zip(
                    ids[part].tolist(), numbers, cells.code[part], area[part].tolist(), cells.area_m2[part].tolist(),
                    points, rings, strict=True,
                )
            ],
            batch_size=2_000,
        )  # fmt: skip


def people_by_orm(grid: Grid, ids: np.ndarray, layer: Any) -> None:
    from planning.models import CellPopulation

    for part in parts(len(ids)):
        CellPopulation.objects.bulk_create(
            [
                CellPopulation(layer_id=layer.pk, cell_id=cell, people=people)
                for cell, people in zip(ids[part].tolist(), grid.people[part].tolist(), strict=True)
            ],
            batch_size=5_000,
        )


def cells_by_values(cursor: Any, grid: Grid, ids: np.ndarray, area: np.ndarray) -> None:
    from psycopg2.extras import execute_values

    from facilities.services.bulk import points_ewkb, rings_ewkb

    cells = grid.cells
    for part in parts(len(cells)):
        points, rings = points_ewkb(cells.lon[part], cells.lat[part]), rings_ewkb(cells.corners[part])
        execute_values(
            cursor.cursor,
            "insert into planning_demandcell (id, city_id, number, code, area_id, area_m2, point, geometry) values %s",
            zip(
                ids[part].tolist(), [grid.city.pk] * len(points), range(part.start, part.stop), cells.code[part],
                area[part].tolist(), cells.area_m2[part].tolist(), hexes(points), hexes(rings), strict=True,
            ),
            page_size=5_000,
        )  # fmt: skip


def people_by_values(cursor: Any, grid: Grid, ids: np.ndarray, layer: Any) -> None:
    from psycopg2.extras import execute_values

    execute_values(
        cursor.cursor, "insert into planning_cellpopulation (layer_id, cell_id, people) values %s",
        zip([layer.pk] * len(ids), ids.tolist(), grid.people.tolist(), strict=True), page_size=10_000,
    )  # fmt: skip


def hexes(block: np.ndarray) -> list[str]:
    text, width = block.tobytes().hex(), 2 * block.shape[1]
    return [text[at : at + width] for at in range(0, len(text), width)]


def parts(count: int) -> Iterator[slice]:
    for start in range(0, count, CHUNK):
        yield slice(start, min(start + CHUNK, count))


# --- D2: reading ----------------------------------------------------------------------------------


def read(grid: Grid, rounds: int) -> list[_rows.Row]:
    from django.db import connection
    from django.db.models import F, FloatField, Func

    from planning.bridge.columns import fetch_cells
    from planning.models import DemandCell, PopulationLayer

    layer = PopulationLayer.objects.get(city=grid.city, code="night")
    columns = [("id", "int8"), ("lon", "float8"), ("lat", "float8"), ("area", "int8"), ("people", "float8")]
    dtype = np.dtype([(name, "i8" if kind == "int8" else "f8") for name, kind in columns])
    query = (
        "select c.id, st_x(c.point) lon, st_y(c.point) lat, coalesce(c.area_id, -1) area, coalesce(p.people, 0) people"
        " from planning_demandcell c left join planning_cellpopulation p on p.cell_id = c.id and p.layer_id = %s"
        " where c.city_id = %s order by c.number"
    )
    params = [layer.pk, grid.city.pk]

    def ours() -> dict[str, np.ndarray]:
        found = fetch_cells(grid.city.pk, {"night": (layer.pk, [])})
        return {"people": found.pop("people_night"), **found}

    def orm() -> np.ndarray:
        found = (
            DemandCell.objects.filter(city=grid.city, counts__layer=layer)
            .annotate(
                lon=Func(F("point"), function="ST_X", output_field=FloatField()),
                lat=Func(F("point"), function="ST_Y", output_field=FloatField()),
            )
            .order_by("number")
            .values_list("id", "lon", "lat", "area_id", "counts__people")
        )
        return np.fromiter(found.iterator(chunk_size=CHUNK), dtype)

    def rows() -> np.ndarray:
        with connection.cursor() as cursor:
            cursor.execute(query, params)
            return np.array(cursor.fetchall(), dtype)

    mine = ours()
    for name, theirs in (("values_list", orm()), ("fetchall", rows())):
        _rows.demand(len(theirs) == len(grid.cells), f"{name} gives {len(theirs)} rows")
        _rows.demand(all(np.array_equal(mine[key], theirs[key]) for key in mine), f"columns of {name} differ")
    seconds = _rows.compare({"ours": ours, "orm": orm, "rows": rows}, rounds)
    what = f"{len(grid.cells):,} cells with people into arrays"
    return [
        _rows.row(
            f"D2-{name}",
            what,
            seconds["ours"],
            peer,
            seconds[name],
            D2_TARGETS[name],
            "every value of five columns",
        )
        for name, peer in (("orm", "Django values_list"), ("rows", "psycopg2 fetchall"))
    ]
