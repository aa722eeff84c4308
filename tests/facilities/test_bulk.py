"""Rows through binary COPY come out as they went in, whatever their lengths, and a failure leaves nothing running."""

import threading

import numpy as np
import pytest
from django.db import connection, transaction
from psycopg2.errors import UniqueViolation

from facilities.services import bulk
from facilities.services.bulk import copy_arrays, points_ewkb, rings_ewkb

pytestmark = pytest.mark.django_db


@pytest.fixture
def cursor():
    with connection.cursor() as made:
        made.execute(
            "create temp table bulk_row (id int8 primary key, small int2, number int4, far int8, share float8, good bool,"
            " told text, place geometry(point, 4326), ground geometry(polygon, 4326))"
        )
        yield made
        made.execute("drop table if exists bulk_row")


def texts(kind: str, count: int) -> np.ndarray:
    short = [f"c{number:04d}" for number in range(count)]
    if kind == "mixed":
        words = ["", "a", None, "锦江区", "x" * 300, "längere Straße"]
        short = [words[number % len(words)] for number in range(count)]
    return np.array(short, dtype=object)


@pytest.mark.parametrize("kind", ["equal", "mixed"])
def test_every_kind_of_column_comes_back(cursor, kind, monkeypatch):
    monkeypatch.setattr(bulk, "BLOCK_ROWS", 7)
    count = 50
    random = np.random.default_rng(1)
    told = texts(kind, count)
    share = random.random(count)
    share[::3] = np.nan
    far = np.where(np.arange(count) % 4 == 0, -1, np.arange(count) * 10**10)
    lon, lat = 104 + random.random(count), 30 + random.random(count)
    corners = np.stack([lon, lat], axis=1)[:, None, :] + np.array([[0, 0], [0.1, 0], [0.1, 0.1], [0, 0]])
    written = copy_arrays(
        cursor, "bulk_row",
        [
            ("id", "int8", np.arange(count)), ("small", "int2", np.arange(count) - 5), ("number", "int4", np.full(count, -7)),
            ("far", "int8?", far), ("share", "float8", share), ("good", "bool", np.arange(count) % 2 == 0),
            ("told", "text", told), ("place", "bytes", points_ewkb(lon, lat)), ("ground", "bytes", rings_ewkb(corners)),
        ],
    )  # fmt: skip
    assert written == count
    cursor.execute(
        "select small, number, far, share, good, told, st_x(place), st_y(place), st_xmax(ground) from bulk_row order by id"
    )
    rows = cursor.fetchall()
    assert [row[0] for row in rows] == list(range(-5, count - 5))
    assert {row[1] for row in rows} == {-7}
    assert [row[2] for row in rows] == [None if value < 0 else value for value in far.tolist()]
    assert [row[3] for row in rows] == [None if np.isnan(value) else value for value in share]
    assert [row[4] for row in rows] == [number % 2 == 0 for number in range(count)]
    assert [row[5] for row in rows] == told.tolist()
    assert [row[6:8] for row in rows] == list(zip(lon, lat, strict=True))
    assert [row[8] for row in rows] == corners[:, :, 0].max(axis=1).tolist()


def test_no_rows_are_no_rows(cursor):
    assert (
        copy_arrays(
            cursor, "bulk_row", [("id", "int8", np.empty(0, int)), ("told", "text", texts("equal", 0))]
        )
        == 0
    )
    cursor.execute("select count(*) from bulk_row")
    assert cursor.fetchone() == (0,)


def test_a_row_the_database_refuses_stops_the_maker_of_the_others(cursor, monkeypatch):
    monkeypatch.setattr(bulk, "BLOCK_ROWS", 10)
    before = threading.active_count()
    with pytest.raises(UniqueViolation), transaction.atomic():
        copy_arrays(cursor, "bulk_row", [("id", "int8", np.zeros(5_000, int))])
    assert threading.active_count() == before


def test_a_value_that_cannot_be_written_is_told_where_it_is_asked_for(cursor, monkeypatch):
    monkeypatch.setattr(bulk, "BLOCK_ROWS", 10)
    told = texts("equal", 500)
    told[400] = 5
    with pytest.raises(Exception, match="str"), transaction.atomic():
        copy_arrays(cursor, "bulk_row", [("id", "int8", np.arange(500)), ("told", "text", told)])
