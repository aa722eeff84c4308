"""Read many rows straight into numpy: binary COPY out, no Python object a row.

Rows come in the order in which they lie in their tables, and are put in order and joined here: in the database a join
and a sort of a million rows take longer than the reading.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from django.db import connection

_KINDS = {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float8": ">f8", "bool": "?"}
_HEAD_BYTES, _TAIL_BYTES = 19, 2


def fetch_columns(
    query: str, params: Sequence[Any], columns: Sequence[tuple[str, str]]
) -> dict[str, np.ndarray]:
    """Columns (name, kind) of `query` as arrays (n,); kind is int2, int4, int8, float8 or bool.

    The query must give each column in that type and never NULL (coalesce there): every row then has the same width,
    so the answer is one block of memory. Raises ValueError when a row does not fit.
    """
    layout: list[tuple[str, str]] = [("_fields", ">i2")]
    for name, kind in columns:
        layout += [(f"_size_{name}", ">i4"), (name, _KINDS[kind])]
    row = np.dtype(layout)
    casts = ", ".join(f'"{name}"::{kind} as "{name}"' for name, kind in columns)
    buffer = io.BytesIO()
    with connection.cursor() as cursor:
        statement = cursor.cursor.mogrify(
            f"copy (select {casts} from ({query}) rows) to stdout (format binary)", params
        )
        cursor.copy_expert(statement.decode(), buffer)
    block = buffer.getbuffer()[_HEAD_BYTES : len(buffer.getbuffer()) - _TAIL_BYTES]
    if len(block) % row.itemsize:
        raise ValueError("a column is NULL or has another width than declared")
    rows = np.frombuffer(block, dtype=row)
    for name, _kind in columns:
        if len(rows) and not (rows[f"_size_{name}"] == row[name].itemsize).all():
            raise ValueError(f"{name}: NULL or another width than declared")
    return {name: rows[name].astype(row[name].newbyteorder("=")) for name, _kind in columns}


def fetch_cells(city_id: int, layers: Mapping[str, tuple[int, Sequence[str]]]) -> dict[str, np.ndarray]:
    """id, lon, lat, area (-1: none) of a city's cells (n,) by their number, and people_NAME of each layer NAME ->
    (layer id, groups it tells apart), 0 where it holds nobody; then also GROUP_NAME (`PeopleGroup` values)."""
    rows = fetch_columns(
        "select id, number, st_x(point) lon, st_y(point) lat, coalesce(area_id, -1) area"
        " from planning_demandcell where city_id = %s",
        [city_id],
        [("number", "int4"), ("id", "int8"), ("lon", "float8"), ("lat", "float8"), ("area", "int8")],
    )
    number = rows.pop("number")
    if not (np.diff(number) > 0).all():
        order = np.argsort(number, kind="stable")
        rows = {name: values[order] for name, values in rows.items()}
    for name, (layer_id, groups) in layers.items():
        told = ["people", *groups]
        counts = fetch_columns(
            f"select cell_id, {', '.join(f'coalesce({column}, 0) {column}' for column in told)}"
            " from planning_cellpopulation where layer_id = %s",
            [layer_id],
            [("cell_id", "int8"), *((column, "float8") for column in told)],
        )
        at = positions(rows["id"], counts["cell_id"])
        for column in told:
            values = rows[f"{column}_{name}"] = np.zeros(len(number))
            values[at] = counts[column]
    return rows


def positions(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each of `wanted` (m,) stands among the different `ids` (n,). Raises ValueError when one is not there."""
    if not len(wanted):
        return np.empty(0, np.int64)
    first = int(ids.min()) if len(ids) else 0
    span = int(ids.max()) - first + 1 if len(ids) else 0
    if span > 8 * len(ids) + 1_000:
        order = np.argsort(ids)
        at = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    else:
        # Rows written in one go have ids in a row: a table of them all is smaller than a sort is slow.
        table = np.full(span + 1, -1, np.int64)
        table[ids - first] = np.arange(len(ids))
        at = table[np.where((wanted >= first) & (wanted < first + span), wanted - first, span)]
    if (at < 0).any() or not np.array_equal(ids[at], wanted):
        raise ValueError("an id is not there")
    return at
