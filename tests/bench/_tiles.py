"""D3: the tile of a whole city from stored hexagons, against a tile of the cells themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.bench import _rows
from tests.bench._database import LAT0, LON0, Grid

D3_TARGETS = {8: 200.0, 10: 30.0}
MAX_TILE_KIB = 600


def tiles(grid: Grid, rounds: int) -> list[_rows.Row]:
    """The tile in the city's middle with nothing kept in memory: from stored hexagons, and from the cells."""
    from core.selectors.tiles import make_tile
    from planning.models import CellGroup
    from planning.services import tiles as drawn

    run, service = scored_run(grid)
    levels = set(CellGroup.objects.filter(city=grid.city).values_list("level", flat=True))
    rows = []
    for z, target in D3_TARGETS.items():
        _rows.demand(z in levels, f"no hexagons at zoom {z}: the city is too small")
        x, y = middle_tile(z)
        params = {"city": grid.city.pk, "run": run.pk, "before": 0, "service": service.pk, "level": z}
        wide = drawn._groups(params, None, None)
        near = drawn._cells(params | {"level": None}, run, service, None, None, None)
        check = same_need(grid, wide, near, z, x, y)
        sides = {"ours": lambda: make_tile(z, x, y, [wide]), "raw": lambda: make_tile(z, x, y, [near])}  # noqa: B023
        size = len(sides["ours"]()) / 1024
        _rows.demand(size <= MAX_TILE_KIB, f"the tile has {size:.0f} KiB")
        seconds = _rows.compare(sides, rounds)
        what = f"z{z} tile in the middle of {len(grid.cells):,} cells, {size:.0f} KiB"
        peer = "PostGIS tile of the cells themselves, indexed"
        rows.append(_rows.row(f"D3-z{z}", what, seconds["ours"], peer, seconds["raw"], target, check))
    return rows


def middle_tile(z: int) -> tuple[int, int]:
    n = 2**z
    return int((LON0 + 180) / 360 * n), int((1 - math.asinh(math.tan(math.radians(LAT0))) / math.pi) / 2 * n)


def scored_run(grid: Grid) -> tuple[Any, Any]:
    """A finished run whose results are in the tables: a need of a fifth of the people, served to seven tenths."""
    from django.db import connection, transaction

    from facilities.models import ServiceType
    from facilities.services.bulk import copy_arrays
    from planning.bridge.columns import fetch_columns
    from planning.bridge.hexagons import hexagon_keys, web_mercator
    from planning.models import Run, Scenario, StandardProfile

    service = ServiceType.objects.create(
        code="bench", name="bench", name_en="bench", domain="shelter", unit="places"
    )
    profile = StandardProfile.objects.create(code="bench", name="bench", name_en="bench")
    scenario = Scenario.objects.create(
        city=grid.city, ref="SC-BENCH", name="bench", hazard="earthquake", times_of_day=["night"]
    )
    run = Run.objects.create(
        ref="RU-BENCH", city=grid.city, scenario=scenario, scenario_version=1, profile=profile, time_of_day="night",
        params_sha256="0" * 64, engine_version="bench", state="done",
        standards_frozen=[{"service": service.code, "driver": "displaced"}],
    )  # fmt: skip
    cell = fetch_columns(
        "select id from planning_demandcell where city_id = %s order by number",
        [grid.city.pk],
        [("id", "int8")],
    )["id"]
    group = fetch_columns(
        "select id, level, key from planning_cellgroup where city_id = %s order by level, key",
        [grid.city.pk], [("id", "int8"), ("level", "int2"), ("key", "int8")],
    )  # fmt: skip
    need = needed(grid)
    x, y = web_mercator(grid.cells.lon, grid.cells.lat)
    with transaction.atomic(), connection.cursor() as cursor:
        copy_arrays(
            cursor, "planning_cellresult", [*four_states(run, service, need), ("cell_id", "int8", cell)]
        )
        for level in np.unique(group["level"]).tolist():
            mine = group["level"] == level
            at = np.searchsorted(group["key"][mine], hexagon_keys(x, y, level))
            sums = np.rint(np.bincount(at, need, int(mine.sum()))).astype(np.int64)
            listed = [*four_states(run, service, sums), ("group_id", "int8", group["id"][mine])]
            copy_arrays(cursor, "planning_cellgroupresult", listed)
        cursor.execute("analyze planning_cellresult, planning_cellgroupresult")
    return run, service


def needed(grid: Grid) -> np.ndarray:
    return np.rint(grid.people * 0.2).astype(np.int64)


def four_states(run: Any, service: Any, need: np.ndarray) -> list[tuple[str, str, np.ndarray]]:
    """Columns of a result whose states add up."""
    count, served = len(need), need * 7 // 10
    none = np.zeros(count, np.int64)
    return [
        ("run_id", "int8", np.full(count, run.pk)), ("service_id", "int8", np.full(count, service.pk)),
        ("people", "float8", need * 5.0), ("need", "int8", need), ("served", "int8", served), ("late", "int8", none),
        ("no_room", "int8", need - served), ("out_of_reach", "int8", none),
    ]  # fmt: skip


def same_need(grid: Grid, wide: Any, near: Any, z: int, x: int, y: int) -> str:
    """Every hexagon whose cells are all drawn in the raw tile must show the sum of their need."""
    from core.selectors.tiles import tolerance_degrees
    from planning.bridge.columns import fetch_columns
    from planning.bridge.hexagons import hexagon_keys, web_mercator

    def shown(layer: Any, extra: str, kinds: list[tuple[str, str]]) -> dict[str, np.ndarray]:
        params = layer.params | {"z": z, "x": x, "y": y, "tolerance": tolerance_degrees(z)}
        return fetch_columns(f"select {extra} from ({layer.sql}) d where geom is not null", params, kinds)

    hexagons = shown(
        wide, "(select key from planning_cellgroup g where g.id = d.id) as key, d.cells, d.need",
        [("key", "int8"), ("cells", "int4"), ("need", "int8")],
    )  # fmt: skip
    cells = shown(
        near, "(select number from planning_demandcell c where c.id = d.id) as number, d.need",
        [("number", "int4"), ("need", "int8")],
    )  # fmt: skip
    _rows.demand(np.array_equal(cells["need"], needed(grid)[cells["number"]]), "a cell shows another need")
    mx, my = web_mercator(grid.cells.lon[cells["number"]], grid.cells.lat[cells["number"]])
    keys, index = np.unique(hexagon_keys(mx, my, z), return_inverse=True)
    sums = np.rint(np.bincount(index, cells["need"], len(keys))).astype(np.int64)
    counts = np.bincount(index, minlength=len(keys))
    order = np.argsort(hexagons["key"])
    at = np.minimum(np.searchsorted(hexagons["key"], keys, sorter=order), len(order) - 1)
    at = order[at]
    whole = (hexagons["key"][at] == keys) & (hexagons["cells"][at] == counts)
    _rows.demand(bool(whole.any()), "no hexagon lies wholly in the tile")
    _rows.demand(
        bool(np.array_equal(hexagons["need"][at][whole], sums[whole])), "a hexagon shows another sum"
    )
    return f"need of {int(whole.sum()):,} hexagons = sum over their {int(counts[whole].sum()):,} cells"
