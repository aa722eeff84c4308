"""Many rows at once: COPY in binary for arrays, COPY as text for mixed rows, and tables made light for big loads.

Rows that grow with the city never go through the ORM one by one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any

import numpy as np

SRID = 4326
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
_END = b"\xff\xff"
_FIXED = {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float8": ">f8", "bool": "?"}
_POINT_HEAD = np.frombuffer(b"\x01\x01\x00\x00\x20" + SRID.to_bytes(4, "little"), dtype=np.uint8)
BLOCK_ROWS = 20_000
BLOCKS_AHEAD = 4
SHORT_TEXT = 64
READ_BYTES = 1 << 20


def points_ewkb(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """EWKB of points, (n, 25) uint8."""
    out = np.empty((len(lon), 25), dtype=np.uint8)
    out[:, :9] = _POINT_HEAD
    out[:, 9:] = np.ascontiguousarray(np.column_stack([lon, lat]).astype("<f8")).view(np.uint8)
    return out


def rings_ewkb(corners: np.ndarray) -> np.ndarray:
    """EWKB of polygons with one ring of k corners each (closed): (n, k, 2) degrees -> (n, 17 + 16 k) uint8."""
    n, k, _two = corners.shape
    out = np.empty((n, 17 + 16 * k), dtype=np.uint8)
    head = (
        b"\x01\x03\x00\x00\x20"
        + SRID.to_bytes(4, "little")
        + (1).to_bytes(4, "little")
        + k.to_bytes(4, "little")
    )
    out[:, :17] = np.frombuffer(head, dtype=np.uint8)
    out[:, 17:] = np.ascontiguousarray(corners.astype("<f8")).reshape(n, -1).view(np.uint8)
    return out


def copy_arrays(cursor: Any, table: str, columns: Sequence[tuple[str, str, np.ndarray]]) -> int:
    """COPY (name, kind, array) columns in binary; kind is int2, int4, int8, float8, bool, bytes or text.

    "bytes" is an (n, k) uint8 matrix (geometry); "text" an object array; nan in float8 and -1 in "int8?" or "int4?"
    go in as NULL. Rows of equal byte lengths are written as one block, so this is quick where codes have equal width.
    """
    count = len(columns[0][2])
    names = ", ".join(f'"{name}"' for name, _kind, _array in columns)
    statement = f'copy "{table}" ({names}) from stdin with (format binary)'
    with _ahead(_binary(columns, count)) as blocks:
        cursor.copy_expert(statement, _Stream(blocks), READ_BYTES)
    return count


@contextmanager
def _ahead(blocks: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    """The same blocks, made on a thread while the database still takes in the ones before."""
    ready: Queue[bytes | BaseException | None] = Queue(BLOCKS_AHEAD)
    given_up = Event()

    def make() -> None:
        try:
            for block in blocks:
                ready.put(block)
                if given_up.is_set():
                    return
            ready.put(None)
        except BaseException as problem:
            ready.put(problem)

    def take() -> Iterator[bytes]:
        while (block := ready.get()) is not None:
            if isinstance(block, BaseException):
                raise block
            yield block

    maker = Thread(target=make, daemon=True)
    maker.start()
    try:
        yield take()
    finally:
        given_up.set()
        while maker.is_alive():
            # The maker may be waiting for room; what it made is no longer wanted.
            with suppress(Empty):
                ready.get(timeout=0.01)
        maker.join()


def _binary(columns: Sequence[tuple[str, str, np.ndarray]], count: int) -> Iterator[bytes]:
    yield _SIGNATURE
    for start in range(0, count, BLOCK_ROWS):
        part = slice(start, min(start + BLOCK_ROWS, count))
        fields = [_field(kind, array[part]) for _name, kind, array in columns]
        lengths = np.column_stack([length for length, _values in fields])
        groups: Iterable[np.ndarray | None]
        if (lengths == lengths[0]).all():
            groups = [None]
        else:
            _unique, inverse = np.unique(lengths, axis=0, return_inverse=True)
            order = np.argsort(inverse.ravel(), kind="stable")
            groups = np.split(order, np.flatnonzero(np.diff(inverse.ravel()[order])) + 1)
        for rows in groups:
            yield _block(fields, lengths[0 if rows is None else rows[0]], rows)
    yield _END


def _field(kind: str, array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Byte length of every value (-1 = NULL) and the values: an (n, k) uint8 matrix, or bytes objects for text."""
    n = len(array)
    if kind == "bytes":
        return np.full(n, array.shape[1]), array
    if kind == "text":
        listed = array.tolist()
        if n and None not in listed and all(map(str.isascii, listed)) and max(map(len, listed)) <= SHORT_TEXT:
            # Codes and numbers: one matrix, each row as long as the longest.
            matrix = np.array(listed, dtype=np.bytes_)
            return np.char.str_len(matrix), matrix.view(np.uint8).reshape(n, -1)
        coded = [None if value is None else value.encode() for value in listed]
        lengths = np.array([-1 if value is None else len(value) for value in coded])
        values = np.empty(n, dtype=object)
        values[:] = coded
        return lengths, values
    nullable, base = kind.endswith("?"), kind.rstrip("?")
    dtype = np.dtype(_FIXED[base])
    lengths = np.full(n, dtype.itemsize)
    if base == "float8":
        lengths[np.isnan(array)] = -1
    elif nullable:
        lengths[array < 0] = -1
    return lengths, np.ascontiguousarray(array).astype(dtype).view(np.uint8).reshape(n, dtype.itemsize)


def _block(
    fields: list[tuple[np.ndarray, np.ndarray]], lengths: np.ndarray, rows: np.ndarray | None
) -> bytes:
    """Rows of equal layout as one byte matrix; `rows` None takes them all."""
    count = len(fields[0][1]) if rows is None else len(rows)
    out = np.empty((count, 2 + 4 * len(fields) + int(np.maximum(lengths, 0).sum())), dtype=np.uint8)
    out[:, :2] = np.frombuffer(len(fields).to_bytes(2, "big"), dtype=np.uint8)
    at = 2
    for length, (_all, values) in zip(lengths.tolist(), fields, strict=True):
        out[:, at : at + 4] = np.frombuffer(length.to_bytes(4, "big", signed=True), dtype=np.uint8)
        at += 4
        if length > 0:
            chosen = values if rows is None else values[rows]
            if chosen.dtype == object:
                chosen = chosen.astype(f"S{length}").view(np.uint8).reshape(count, length)
            out[:, at : at + length] = chosen[:, :length]
            at += length
    return out.tobytes()


class _Stream:
    """What copy_expert reads from: blocks made as they are asked for, handed out without copying the rest."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._block, self._at = blocks, b"", 0

    def read(self, size: int) -> bytes:
        if self._at >= len(self._block):
            self._block, self._at = next(self._blocks, b""), 0
        part = self._block[self._at : self._at + size]
        self._at += size
        return part


def copy_rows(cursor: Any, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows of Python values as CSV; None is NULL. For thousands of mixed rows, not millions."""
    names = ", ".join(f'"{name}"' for name in columns)

    def blocks() -> Iterator[bytes]:
        buffer = io.StringIO()
        writer = csv.writer(buffer, quoting=csv.QUOTE_MINIMAL)
        for number, row in enumerate(rows, start=1):
            writer.writerow([r"\N" if value is None else value for value in row])
            if number % 5_000 == 0:
                yield buffer.getvalue().encode()
                buffer.seek(0)
                buffer.truncate()
        yield buffer.getvalue().encode()

    cursor.copy_expert(
        f"copy \"{table}\" ({names}) from stdin with (format csv, null '\\N')",
        _Stream(iter(_filled(blocks()))),
    )


def _filled(blocks: Iterator[bytes]) -> Iterator[bytes]:
    return (block for block in blocks if block)


def reserve_ids(cursor: Any, table: str, count: int) -> np.ndarray:
    """`count` fresh primary keys in a row, (count,) int64. The table is locked against other loads first."""
    cursor.execute(f'lock table "{table}" in share row exclusive mode')
    cursor.execute("select pg_get_serial_sequence(%s, 'id')", [table])
    sequence = cursor.fetchone()[0]
    cursor.execute("select nextval(%s)", [sequence])
    first = cursor.fetchone()[0]
    cursor.execute("select setval(%s, %s)", [sequence, first + max(count, 1) - 1])
    return np.arange(first, first + count, dtype=np.int64)


@contextmanager
def light_tables(cursor: Any, tables: Sequence[str]) -> Iterator[None]:
    """Take indexes, unique and foreign keys off the tables, and put them back after the rows are in.

    Building an index once is many times faster than growing it by millions of rows, and one join checks a foreign
    key faster than a trigger a row. All inside the caller's transaction: if a row breaks a promise, putting it back
    fails and nothing stays. The tables are locked meanwhile.
    """
    dropped: list[str] = []
    cursor.execute("set constraints all immediate")
    cursor.execute("set local maintenance_work_mem = '512MB'")
    for table in tables:
        cursor.execute(
            "select conname, pg_get_constraintdef(oid) from pg_constraint"
            " where conrelid = %s::regclass and contype in ('f', 'u') order by contype desc, conname",
            [f'"{table}"'],
        )
        for name, definition in cursor.fetchall():
            dropped.append(f'alter table "{table}" add constraint "{name}" {definition}')
            cursor.execute(f'alter table "{table}" drop constraint "{name}"')
        cursor.execute(
            "select c.relname, pg_get_indexdef(i.indexrelid) from pg_index i join pg_class c on c.oid = i.indexrelid"
            " where i.indrelid = %s::regclass and not i.indisprimary"
            " and not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid)",
            [f'"{table}"'],
        )
        for name, definition in cursor.fetchall():
            dropped.append(definition)
            cursor.execute(f'drop index "{name}"')
    yield
    for statement in dropped:
        cursor.execute(statement)
