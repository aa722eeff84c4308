"""Read many rows straight into numpy: binary COPY out, no Python object a row."""

from __future__ import annotations

import io
from collections.abc import Sequence
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
