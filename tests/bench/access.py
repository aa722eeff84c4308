"""T1-T3: cells within a distance of facilities, and two-step floating catchments, against geopandas, scipy, PySAL and SQL."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from engine.access import Decay, two_step_straight
from engine.pairs import pairs_within
from tests.bench import _rows
from tests.bench._city import people_grid, scattered_sites

RADIUS_M = 3_000.0
EDGES, WEIGHTS = (1_000.0, 2_000.0, 3_000.0), (1.0, 0.68, 0.22)
T1_TARGETS = {"geopandas": 6.0, "postgis": 18.0, "ckdtree": 2.5}
T2_TARGET, T3_TARGET, T3_MEMORY = 50.0, 80.0, 20.0
SAME = 1e-9
TIME_LIMIT_S = 600.0

Town = dict[str, np.ndarray]


def versions() -> list[str]:
    packages = ["numpy", "numba", "scipy"]
    if _rows.with_peers():
        packages += ["access", "pandas", "geopandas", "shapely"]
    return [_rows.version(name) for name in packages]


def run(size: str) -> list[_rows.Row]:
    cells, sites = _rows.of(size, (200_000, 5_000), (40_000, 1_000), (2_500, 60))
    rounds = _rows.of(size, 5, 3, 1)
    given = town(cells, sites)
    with sql_tables(given) as sql:
        rows = pairs(given, sql, rounds) + catchments(given, sql, rounds)
    big = _rows.of(size, (1_600_000, 20_000), (100_000, 2_000), (2_500, 60))
    return rows + large(town(*big, seed=7), rounds, T3_MEMORY if size == _rows.FULL else 0.0)


def installed(package: str) -> bool:
    return _rows.with_peers() and importlib.util.find_spec(package) is not None


def town(cells: int, sites: int, seed: int = 6) -> Town:
    random = np.random.default_rng(seed)
    x, y, people = people_grid(cells, random)
    site_x, site_y = scattered_sites(x, y, people, sites, random)
    capacity = random.integers(50, 2_000, sites).astype(np.float64)
    return {"x": x, "y": y, "people": people, "site_x": site_x, "site_y": site_y, "capacity": capacity}


def by_us(given: Town) -> np.ndarray:
    return two_step_straight(
        given["site_x"], given["site_y"], given["x"], given["y"], given["people"], given["capacity"],
        Decay.zones(EDGES, WEIGHTS),
    )[0]  # fmt: skip


def all_pairs(given: Town) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """site, cell and float64 metres of every pair, by scipy's tree."""
    sites = cKDTree(np.column_stack([given["site_x"], given["site_y"]]))
    cells = cKDTree(np.column_stack([given["x"], given["y"]]))
    found = sites.sparse_distance_matrix(cells, RADIUS_M, output_type="ndarray")
    order = np.argsort(found["i"] * len(given["x"]) + found["j"])
    return found["i"][order], found["j"][order], found["v"][order]


# --- T1: pairs ------------------------------------------------------------------------------------


def pairs(given: Town, sql: Sql, rounds: int) -> list[_rows.Row]:
    """Every pair with its distance. The trees and spatial indexes of the peers are made before, ours within the run."""
    places = np.column_stack([given["site_x"], given["site_y"]])
    sites, cells = cKDTree(places), cKDTree(np.column_stack([given["x"], given["y"]]))

    def ours() -> Any:
        return pairs_within(given["site_x"], given["site_y"], given["x"], given["y"], RADIUS_M)

    trees = {
        "sparse_distance_matrix": lambda: sites.sparse_distance_matrix(
            cells, RADIUS_M, output_type="ndarray"
        ),
        "query_ball_point": lambda: cells.query_ball_point(places, RADIUS_M, workers=-1, return_sorted=False),
    }
    quickest = min(trees, key=lambda name: _rows.clock(trees[name])[0])
    mine = ours()
    site, cell, far = all_pairs(given)
    same = np.array_equal(np.repeat(np.arange(mine.sites), np.diff(mine.indptr)), site)
    _rows.demand(same and np.array_equal(mine.cell, cell), "pairs of the tree differ")
    _rows.demand(np.allclose(mine.cost, far, rtol=1e-6, atol=1e-4), "distances of the tree differ")
    told = f"{mine.pairs:,} pairs, each distance to float32"
    peers: dict[str, tuple[str, Callable[[], Any], str]] = {
        "ckdtree": (f"scipy cKDTree {quickest}", trees[quickest], told)
    }
    _rows.demand(sql.pairs() == mine.pairs, "PostGIS counts other pairs")
    peers["postgis"] = (
        "PostGIS ST_DWithin on a GiST index, pairs counted and not sent",
        sql.pairs,
        f"{mine.pairs:,} pairs",
    )
    title = "geopandas sjoin dwithin"
    if installed("geopandas"):
        peers["geopandas"] = (title, *geopandas_pairs(given, site, cell))
    seconds = _rows.compare({"ours": ours, **{name: peer[1] for name, peer in peers.items()}}, rounds)
    what = f"{len(given['x']):,} cells x {mine.sites:,} facilities, {RADIUS_M:g} m"
    return [
        _rows.row(f"T1-{name}", what, seconds["ours"], title, seconds[name], T1_TARGETS[name], check)
        for name, (title, _act, check) in peers.items()
    ] + (
        []
        if "geopandas" in peers
        else [_rows.absent("T1-geopandas", what, seconds["ours"], title, T1_TARGETS["geopandas"])]
    )


def geopandas_pairs(given: Town, site: np.ndarray, cell: np.ndarray) -> tuple[Callable[[], Any], str]:
    import geopandas

    sites = geopandas.GeoDataFrame(geometry=geopandas.points_from_xy(given["site_x"], given["site_y"]))
    cells = geopandas.GeoDataFrame(geometry=geopandas.points_from_xy(given["x"], given["y"]))
    cells.sindex  # noqa: B018  made here, kept by the frame

    def join() -> Any:
        return sites.sjoin(cells, predicate="dwithin", distance=RADIUS_M)

    found = join()
    key = np.sort(found.index.to_numpy() * len(cells) + found["index_right"].to_numpy())
    _rows.demand(np.array_equal(key, site * len(cells) + cell), "pairs of geopandas differ")
    return join, f"{len(site):,} pairs; the peer gives no distances"


# --- T2: two-step floating catchments -------------------------------------------------------------


def catchments(given: Town, sql: Sql, rounds: int) -> list[_rows.Row]:
    """From coordinates to the score of every cell. PySAL is given its table of pairs; SQL has its indexes."""
    mine = by_us(given)
    peers: dict[str, tuple[str, Callable[[], Any]]] = {
        "sql": ("the two steps in SQL, PostGIS", sql.catchments)
    }
    _same(mine, sql.catchments(), "SQL")
    count = sql.pairs()
    if installed("access"):
        site, cell, far = all_pairs(given)
        ways = pysal_ways(given, site, cell, far)
        quickest = min(ways, key=lambda name: _rows.clock(ways[name])[0])
        _same(mine, ways[quickest](), "PySAL")
        peers["pysal"] = (f"PySAL access, pairs given, {quickest}", ways[quickest])
    seconds = _rows.compare(
        {"ours": lambda: by_us(given), **{name: peer[1] for name, peer in peers.items()}}, rounds
    )
    what = f"E2SFCA, {len(mine):,} cells x {len(given['capacity']):,} facilities, {count:,} pairs"
    return [
        _rows.row(
            f"T2-{name}", what, seconds["ours"], title, seconds[name], T2_TARGET, f"every cell to {SAME:g}"
        )
        for name, (title, _act) in peers.items()
    ] + (
        []
        if "pysal" in peers
        else [_rows.absent("T2-pysal", what, seconds["ours"], "PySAL access, pairs given", T2_TARGET)]
    )


def pysal_ways(
    given: Town, site: np.ndarray, cell: np.ndarray, far: np.ndarray
) -> dict[str, Callable[[], np.ndarray]]:
    """PySAL as documented, and with the weight of each pair in place of its distance, which spares it a Python call
    a pair."""
    from access import weights

    step = weights.step_fn(dict(zip(EDGES, WEIGHTS, strict=True)))
    weight = weight_of(far)
    return {
        "step_fn": lambda: by_pysal(given, site, cell, far, step),
        "weights in the table": lambda: by_pysal(given, site, cell, weight, np.positive),
    }


def weight_of(far: np.ndarray) -> np.ndarray:
    return np.append(WEIGHTS, 0.0)[np.searchsorted(EDGES, far)]


def by_pysal(
    given: Town, site: np.ndarray, cell: np.ndarray, cost: np.ndarray, weigh: Callable[..., Any]
) -> np.ndarray:
    import pandas
    from access import Access

    people = pandas.DataFrame({"geoid": np.arange(len(given["people"])), "people": given["people"]})
    room = pandas.DataFrame({"geoid": np.arange(len(given["capacity"])), "capacity": given["capacity"]})
    table = pandas.DataFrame({"cell": cell, "site": site, "cost": cost}, copy=False)
    asked = Access(
        demand_df=people, demand_index="geoid", demand_value="people", supply_df=room, supply_index="geoid",
        supply_value="capacity", cost_df=table, cost_origin="cell", cost_dest="site", cost_name="cost",
    )  # fmt: skip
    found = asked.two_stage_fca(name="e2sfca", weight_fn=weigh)["e2sfca_capacity"]
    return found.reindex(people["geoid"]).fillna(0.0).to_numpy()


def _same(mine: np.ndarray, theirs: np.ndarray, name: str) -> None:
    # Nobody in reach of a facility: a peer may call its ratio infinite or nothing; people never meet such a one.
    _rows.demand(
        np.allclose(mine, theirs, rtol=SAME, atol=0), f"{name} differs by {np.abs(mine - theirs).max()}"
    )


# --- T3: the whole city, each side in a process of its own, so that its memory can be told ---------


def large(given: Town, rounds: int, memory: float) -> list[_rows.Row]:
    site, cell, far = all_pairs(given)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for key, array in {**given, "site": site, "cell": cell, "far": far}.items():
            np.save(folder / f"{key}.npy", array)
        count = len(site)
        del site, cell, far
        told: dict[str, list[dict[str, Any] | None]] = {"ours": []}
        if installed("access"):
            told["pysal"] = []

        def alone(side: str) -> float:
            told[side].append(in_own_process(side, folder))
            return told[side][-1]["seconds"] if told[side][-1] else TIME_LIMIT_S  # type: ignore[index]

        seconds = _rows.compare(
            {side: lambda side=side: side for side in told}, rounds, lambda side: alone(side())
        )
        what = f"E2SFCA, {len(given['x']):,} cells x {len(given['capacity']):,} facilities, {count:,} pairs"
        if "pysal" not in told:
            return [_rows.absent("T3-pysal", what, seconds["ours"], "PySAL access, pairs given", T3_TARGET)]
        ended = told["pysal"][0] is not None
        check = f"PySAL did not end in {TIME_LIMIT_S:g} s or ran out of memory"
        if ended:
            _same(np.load(folder / "ours.npy"), np.load(folder / "pysal.npy"), "PySAL")
            check = f"every cell to {SAME:g}"
    mine, theirs = (
        statistics.median(one["mib"] for one in told[side] if one) if told[side][0] else float("inf")
        for side in told
    )
    share = "" if not ended else f", 1/{theirs / mine:.0f}"
    what += f"; memory {mine:,.0f} MiB against {theirs:,.0f} MiB{share}"
    peer = "PySAL access, pairs given" + ("" if ended else f", > {TIME_LIMIT_S:g} s")
    row = _rows.row("T3-pysal", what, seconds["ours"], peer, seconds["pysal"], T3_TARGET, check)
    return [dataclasses.replace(row, ok=row.ok and theirs >= memory * mine)]


def in_own_process(side: str, folder: Path) -> dict[str, Any] | None:
    """Seconds and MiB of one side; None when it does not end."""
    code = f"import sys; sys.path.append({str(_rows.PEERS)!r}); from tests.bench.access import child; child({side!r}, {str(folder)!r})"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=_rows.ROOT,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT_S + 120,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        _rows.demand("MemoryError" in done.stderr or done.returncode < 0, f"{side}: {done.stderr[-2000:]}")
        return None
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def child(side: str, folder: str) -> None:
    """One side in this process: prints its seconds and how much memory the case took on top of the libraries."""
    small = town(2_500, 60)
    act: Callable[[Town], np.ndarray] = by_us if side == "ours" else _pysal
    act(
        small if side == "ours" else small | dict(zip(("site", "cell", "far"), all_pairs(small), strict=True))
    )
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = _memory_mib("VmRSS")
    names = ["x", "y", "people", "site_x", "site_y", "capacity"]
    if side == "pysal":
        names = ["x", "people", "capacity", "site", "cell", "far"]
    given = {name: np.load(Path(folder) / f"{name}.npy") for name in names}
    seconds, score = _rows.clock(lambda: act(given))
    peak = _memory_mib("VmHWM")
    np.save(Path(folder) / f"{side}.npy", score)
    print(json.dumps({"seconds": seconds, "mib": max(peak - before, 1.0)}))


def _pysal(given: Town) -> np.ndarray:
    """The quicker of PySAL's ways; the weights of the pairs are worked out on its clock, and take the distances' room."""
    return by_pysal(given, given["site"], given["cell"], weight_of(given.pop("far")), np.positive)


def _memory_mib(name: str) -> float:
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return int(told.split(f"{name}:")[1].split()[0]) / 1024


# --- SQL ------------------------------------------------------------------------------------------


class Sql:
    """Both tables in a schema of the benchmark's own, with GiST indexes, vacuumed; as many workers as there are cores."""

    def __init__(self, cursor: Any, cells: int) -> None:
        self.cursor, self.cells = cursor, cells

    def pairs(self) -> int:
        self.cursor.execute(
            "select count(*) from site s join cell c on st_dwithin(s.place, c.place, %s)", [RADIUS_M]
        )
        found: int = self.cursor.fetchone()[0]
        return found

    def catchments(self) -> np.ndarray:
        """Both steps on one table of pairs, made in the statement."""
        self.cursor.execute(
            """
            with pair as materialized (
                select s.id site, c.id cell, c.people, s.capacity,
                       case when d <= %(e0)s then %(w0)s when d <= %(e1)s then %(w1)s else %(w2)s end::float8 weight
                from site s join cell c on st_dwithin(s.place, c.place, %(e2)s)
                cross join lateral (select st_distance(s.place, c.place) d) far),
            ratio as (
                select site, max(capacity) / nullif(sum(people * weight), 0) ratio from pair group by site)
            select cell, sum(ratio * weight) from pair join ratio using (site) group by cell""",
            {
                "e0": EDGES[0],
                "e1": EDGES[1],
                "e2": EDGES[2],
                "w0": WEIGHTS[0],
                "w1": WEIGHTS[1],
                "w2": WEIGHTS[2],
            },
        )
        found = np.array(self.cursor.fetchall(), dtype=float)
        score = np.zeros(self.cells)
        score[found[:, 0].astype(np.int64)] = np.nan_to_num(found[:, 1])
        return score


@contextmanager
def sql_tables(given: Town) -> Iterator[Sql]:
    """The town in PostGIS, in a schema that is dropped at the end."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db import connection

    from facilities.services.bulk import copy_arrays

    schema = f"bench_access_{os.getpid()}"
    with connection.cursor() as cursor:
        # The platform's own migrations ask for it too; here the database may still be empty.
        cursor.execute("create extension if not exists postgis")
        cursor.execute(f"create schema {schema}")
        try:
            cursor.execute(f"set search_path to {schema}, public")
            cursor.execute("set max_parallel_workers_per_gather = %s", [len(os.sched_getaffinity(0))])
            cursor.execute("set work_mem = '1GB'")
            for table, x, y, amount in (
                ("cell", "x", "y", "people"),
                ("site", "site_x", "site_y", "capacity"),
            ):
                count = len(given[x])
                cursor.execute(
                    f"create unlogged table {table} (id int4, x float8, y float8, {amount} float8)"
                )
                columns = [
                    ("id", "int4", np.arange(count)),
                    ("x", "float8", given[x]),
                    ("y", "float8", given[y]),
                ]
                copy_arrays(cursor, table, [*columns, (amount, "float8", given[amount])])
                cursor.execute(f"alter table {table} add place geometry(point)")
                cursor.execute(f"update {table} set place = st_makepoint(x, y)")
                cursor.execute(f"create index on {table} using gist (place)")
                cursor.execute(f"vacuum (full, analyze) {table}")
            yield Sql(cursor, len(given["x"]))
        finally:
            cursor.execute(f"set search_path to public; drop schema {schema} cascade")
