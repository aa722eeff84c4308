"""Cells drawn together in wide views: hexagons by zoom level, made once when the population is loaded."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
from django.db import connection, transaction

from core.models import City
from facilities.services.bulk import copy_arrays, light_tables, rings_ewkb
from planning.bridge.columns import fetch_columns
from planning.bridge.hexagons import group_levels, hexagon_corners, hexagon_keys, web_mercator
from planning.models import CellGroup

MANY = 20_000
_MERCATOR = np.frombuffer((3857).to_bytes(4, "little"), dtype=np.uint8)


def build_cell_groups(city: City) -> dict[int, int]:
    """Replace the hexagons of a city; `{level: groups}`. Cells must be in the table. One COPY for all levels."""
    cells = fetch_columns(
        "select st_x(point) lon, st_y(point) lat from planning_demandcell where city_id = %s",
        [city.pk], [("lon", "float8"), ("lat", "float8")],
    )  # fmt: skip
    x, y = web_mercator(cells["lon"], cells["lat"])
    levels, keys, counts, rings, made = [], [], [], [], {}
    for level in group_levels(x, y):
        found, cells_in = np.unique(hexagon_keys(x, y, level), return_counts=True)
        levels.append(np.full(len(found), level))
        keys.append(found)
        counts.append(cells_in)
        rings.append(hexagon_corners(found, level))
        made[level] = len(found)
    if _same(city, levels, keys):
        return made
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Results of earlier runs hang on the old hexagons; they go with them.
            cursor.execute(
                "delete from planning_cellgroupresult where group_id in (select id from planning_cellgroup where city_id = %s)",
                [city.pk],
            )
            cursor.execute("delete from planning_cellgroup where city_id = %s", [city.pk])
            if made:
                geometry = rings_ewkb(np.concatenate(rings))
                geometry[:, 5:9] = _MERCATOR
                # Indexes and keys are put back once, in one go, instead of grown row by row.
                with (
                    light_tables(cursor, [CellGroup._meta.db_table])
                    if len(geometry) > MANY
                    else nullcontext()
                ):
                    copy_arrays(
                        cursor, CellGroup._meta.db_table,
                        [
                            ("city_id", "int8", np.full(len(geometry), city.pk)),
                            ("level", "int2", np.concatenate(levels)),
                            ("key", "int8", np.concatenate(keys)),
                            ("cells", "int4", np.concatenate(counts)),
                            ("geometry", "bytes", geometry),
                        ],
                    )  # fmt: skip
                cursor.execute("analyze planning_cellgroup")
    return made


def _same(city: City, levels: list[np.ndarray], keys: list[np.ndarray]) -> bool:
    """Are these the hexagons already stored? Then results that hang on them stay."""
    held = fetch_columns(
        "select level, key from planning_cellgroup where city_id = %s order by level, key",
        [city.pk], [("level", "int2"), ("key", "int8")],
    )  # fmt: skip
    none = np.empty(0, np.int64)
    return np.array_equal(np.concatenate([none, *levels]), held["level"]) and np.array_equal(
        np.concatenate([none, *keys]), held["key"]
    )
