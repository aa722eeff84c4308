"""pgRouting as a peer: a database of the benchmark's own with the streets as it likes them best."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.network import RoadGraph
from tests.bench import _rows


@dataclass
class Routes:
    """Streets in table `street` of a database, with minutes there and back; pgRouting's version."""

    cursor: Any
    version: str

    def count(self, sources: np.ndarray, limit: float) -> tuple[int, float]:
        """(rows, sum of minutes) of pgr_drivingDistance from all sources at once; the rows stay in the database, so
        that sending them is not counted."""
        self.cursor.execute(
            "SELECT count(*), sum(agg_cost) FROM pgr_drivingDistance("
            "'SELECT id, source, target, cost, reverse_cost FROM street', %s, %s::float8, true)",
            [[int(one) for one in sources], limit],
        )
        rows, total = self.cursor.fetchone()
        return int(rows), float(total)

    def times(self, sources: np.ndarray, limit: float) -> list[tuple[np.ndarray, np.ndarray]]:
        """(nodes, minutes) by source."""
        self.cursor.execute(
            "SELECT from_v, node, agg_cost FROM pgr_drivingDistance("
            "'SELECT id, source, target, cost, reverse_cost FROM street', %s, %s::float8, true)"
            " ORDER BY from_v, node",
            [[int(one) for one in sources], limit],
        )
        table = np.array(self.cursor.fetchall(), np.float64)
        return [
            (table[table[:, 0] == one, 1].astype(np.int64), table[table[:, 0] == one, 2]) for one in sources
        ]


@contextmanager
def routes(graph: RoadGraph) -> Iterator[Routes | None]:
    """None where pgRouting is not installed or no database can be made. Dropped at the end."""
    import psycopg2
    from psycopg2.extensions import quote_ident

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.conf import settings

    usual = settings.DATABASES["default"]
    place = {
        "user": usual["USER"],
        "password": usual["PASSWORD"],
        "host": usual["HOST"],
        "port": usual["PORT"],
    }
    told = {key: value for key, value in place.items() if value}
    try:
        admin = psycopg2.connect(dbname=usual["NAME"], **told)
    except psycopg2.OperationalError:
        yield None
        return
    admin.autocommit = True
    name = f"{usual['NAME']}_routes_{os.getpid()}"
    with admin.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pgrouting'")
        if cursor.fetchone() is None:
            admin.close()
            yield None
            return
        cursor.execute(f"CREATE DATABASE {quote_ident(name, admin)}")
    try:
        own = psycopg2.connect(dbname=name, **told)
        own.autocommit = True
        try:
            with own.cursor() as cursor:
                cursor.execute("CREATE EXTENSION pgrouting CASCADE")
                cursor.execute("SELECT pgr_version()")
                version = f"pgrouting {cursor.fetchone()[0]}"
                _fill(cursor, graph)
                yield Routes(cursor, version)
        finally:
            own.close()
    finally:
        with admin.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {quote_ident(name, admin)}")
        admin.close()


def _fill(cursor: Any, graph: RoadGraph) -> None:
    """Streets with their minutes turned round, for people drive to the site; -1 = not that way. Compiling the query
    just in time costs more than it gives here."""
    cursor.execute("SET jit = off")
    cursor.execute("SET work_mem = '256MB'")
    cursor.execute(
        "CREATE UNLOGGED TABLE street (id bigint, source bigint, target bigint, cost float8, reverse_cost float8)"
    )
    costs = []
    for speed in (graph.speed_ba_kmh, graph.speed_ab_kmh):
        allowed = speed > 0
        costs.append(
            np.where(allowed, graph.length_m * 60.0 / (np.where(allowed, speed, 1.0) * 1000.0), -1.0)
        )
    lines = io.StringIO()
    table = np.column_stack([np.arange(graph.streets), graph.a, graph.b, *costs])
    np.savetxt(lines, table, fmt=["%d", "%d", "%d", "%.17g", "%.17g"], delimiter="\t")
    lines.seek(0)
    cursor.copy_expert("COPY street FROM STDIN", lines)
    cursor.execute("VACUUM ANALYZE street")


def demand_same(ours: tuple[int, float], theirs: tuple[int, float]) -> str:
    """What was compared over all sources: the number of times and their sum."""
    rows, total = ours
    _rows.demand(
        abs(rows - theirs[0]) <= 1e-5 * rows and abs(total - theirs[1]) <= 1e-5 * total,
        f"pgRouting found {theirs[0]} times that sum to {theirs[1]}, ours {rows} and {total}",
    )
    return f"{rows:,} times in number and sum to 1e-5"
