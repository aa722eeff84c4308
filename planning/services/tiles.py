"""Vector tiles of results and people: hexagons in wide views, the cells themselves near by, hazard zones.

People with a role for the whole city share the tiles of stored sums. Others see only the cells of their own areas:
near by the rows are filtered, in wide views their cells are summed anew from the run's arrays.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db import connection
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.models import City
from core.selectors.tiles import (
    BOUNDS,
    ENVELOPE,
    EXTENT,
    WIDER,
    Tile,
    TileLayer,
    city_version,
    kept_tile,
    make_tile,
    mvt_geometry,
)
from engine.world import STATES
from facilities.models import ServiceType
from facilities.selectors.tiles import rights_sql
from planning.bridge import artefacts
from planning.bridge.columns import fetch_columns
from planning.bridge.frozen import Frozen, load_frozen
from planning.bridge.hexagons import hexagon_keys, web_mercator
from planning.bridge.situation import counted_at, layer_told
from planning.models import HazardLayer, PopulationLayer, Run
from planning.selectors.hazards import ground_key
from planning.services.analysis_tiles import Drawn

COUNTED = ("people", "need", *STATES)
TILE_MERCATOR = "ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => 0.015625)"
GROUP_GEOMETRY = f"ST_AsMVTGeom(g.geometry, {ENVELOPE}, {EXTENT}, 64, true)"
# A cell without an outline is drawn as a square of its area (1 ha where that is unknown).
CELL_GEOMETRY = mvt_geometry(
    "coalesce(c.geometry, ST_Buffer(c.point::geography, sqrt(coalesce(c.area_m2, 10000)) / 2, 'endcap=square quad_segs=1')::geometry)"
)
CELLS_HERE = (
    f"c.city_id = %(city)s and (c.geometry && {BOUNDS} or (c.geometry is null and c.point && {BOUNDS}))"
)


def whole_city(user: Any, city: City) -> list[str] | None:
    """None for people who may see all of the city, else the paths they may see."""
    paths = policies.visible_paths(user, city.pk)
    if paths is None or any(path.count("/") == 1 for path in paths):
        return None
    return paths


def group_levels_of(city: City) -> list[int]:
    key = "group-levels:" + hashlib.sha256(city_version(city).encode()).hexdigest()
    levels = cache.get(key)
    if levels is None:
        with connection.cursor() as cursor:
            cursor.execute(
                "select distinct level from planning_cellgroup where city_id = %s order by level", [city.pk]
            )
            levels = [row[0] for row in cursor.fetchall()]
        cache.set(key, levels, 3600)
    return levels


def level_for(city: City, z: int) -> int | None:
    """The level of hexagons drawn at a zoom; None: the cells themselves."""
    levels = group_levels_of(city)
    if not levels or z > levels[-1]:
        return None
    return max(z, levels[0])


def _states(row: str, other: str | None) -> str:
    """Attributes of a feature: the four states, and with a second run the gap before and after."""
    columns = [f"coalesce({row}.{name}, 0)::bigint as {name}" for name in ("need", *STATES)]
    gap = "coalesce({0}.late + {0}.no_room + {0}.out_of_reach, 0)::bigint"
    columns.append(f"{gap.format(row)} as gap")
    if other:
        columns += [f"{gap.format(other)} as gap_before", f"{gap.format(row)} as gap_after"]
    return ", ".join(columns)


def cell_tile(
    *,
    user: Any,
    run: Run,
    service: ServiceType,
    before: Run | None,
    z: int,
    x: int,
    y: int,
    more: Drawn | None = None,
) -> Tile:
    """Layer `cells`: people, need, the four states and gap; with `before` also gap_before and gap_after; with `more` the
    numbers of an analysis of the run."""
    city = run.city
    paths, level = whole_city(user, city), level_for(city, z)
    drawn = more.analysis.ref if more else ""
    key = (
        "cells",
        city_version(city),
        run.ref,
        service.code,
        before.ref if before else "",
        drawn,
        z,
        x,
        y,
        paths,
    )

    def make() -> bytes:
        params = {
            "city": city.pk,
            "run": run.pk,
            "before": before.pk if before else 0,
            "service": service.pk,
            "level": level,
        }
        tile = (z, x, y)
        if level is None:
            params |= more.of_cells(city.pk, tile) if more else {}
            return make_tile(z, x, y, [_cells(params, run, service, before, paths, more)])
        if paths is None:
            params |= more.of_hexagons(city.pk, level, tile) if more else {}
            return make_tile(z, x, y, [_groups(params, before, more)])
        return make_tile(z, x, y, [_own_groups(run, before, service, level, paths, tile, more)])

    return kept_tile(key, make)


def _cells(
    params: dict[str, Any],
    run: Run,
    service: ServiceType,
    before: Run | None,
    paths: list[str] | None,
    more: Drawn | None,
) -> TileLayer:
    rights, allowed = rights_sql(paths)
    layer = people_layer(run, service)
    join = (
        "left join planning_cellresult b on b.run_id = %(before)s and b.service_id = %(service)s and b.cell_id = c.id"
        if before
        else ""
    )
    sql = f"""
        select c.id, c.code, coalesce(r.people, p.people, 0)::float8 as people, {_states("r", "b" if before else None)},
            case when p.cell_id is null and r.cell_id is null then true end as no_data{more.columns if more else ""},
            {CELL_GEOMETRY} as geom
        from planning_demandcell c
        left join planning_cellresult r on r.run_id = %(run)s and r.service_id = %(service)s and r.cell_id = c.id {join}
        {more.join("c") if more else ""}
        left join planning_cellpopulation p on p.layer_id = %(layer)s and p.cell_id = c.id
        left join core_area a on a.id = c.area_id
        where {CELLS_HERE} and {rights}"""
    return TileLayer("cells", sql, params | allowed | {"layer": layer}, feature_id="id")


def people_layer(run: Run, service: ServiceType) -> int:
    """Id of the population layer whose people a run counts for a service; 0 where its snapshot tells of none."""
    driver = next(row["driver"] for row in run.standards_frozen if row["service"] == service.code)
    time, code = counted_at(run.scenario_frozen, driver, run.time_of_day)
    found = layer_told(load_frozen(run.snapshot).meta, time, code) if run.snapshot else None
    return int(found["id"]) if found else 0


# A tile holds few of a run's hexagons: each one's result is looked up (OFFSET 0 keeps the planner from reading them all),
# and its geometry is worked out once, not again for the tile's own question whether there is any.
GROUP_RESULT = """left join lateral (
            select * from planning_cellgroupresult
            where run_id = %({run})s and service_id = %(service)s and group_id = g.id offset 0) {name} on true"""


def _groups(params: dict[str, Any], before: Run | None, more: Drawn | None) -> TileLayer:
    join = GROUP_RESULT.format(run="before", name="b") if before else ""
    sql = f"""
        select g.id, g.cells, round(coalesce(r.people, 0)::numeric, 1)::float8 as people, {_states("r", "b" if before else None)}
            {more.columns if more else ""}, g.geom
        from (
            select g.id, g.cells, {GROUP_GEOMETRY} as geom from planning_cellgroup g
            where g.city_id = %(city)s and g.level = %(level)s and g.geometry && {TILE_MERCATOR} offset 0) g
        {GROUP_RESULT.format(run="run", name="r")} {join}
        {more.join("g") if more else ""}"""
    return TileLayer("cells", sql, params, feature_id="id")


def _own_groups(
    run: Run,
    before: Run | None,
    service: ServiceType,
    level: int,
    paths: list[str],
    tile: tuple[int, int, int],
    more: Drawn | None,
) -> TileLayer:
    """Hexagons summed from the person's own cells only."""
    frozen = load_frozen(run.snapshot)  # type: ignore[arg-type]
    rows = own_rows(frozen, paths, tile)
    keys, index = np.unique(
        hexagon_keys(*web_mercator(frozen["cell_lon"][rows], frozen["cell_lat"][rows]), level),
        return_inverse=True,
    )
    sums = {
        name: np.bincount(index, values[rows], len(keys))
        for name, values in kept_columns(run, service).items()
    }
    if before is not None:
        old = kept_columns(before, service)
        sums["gap_before"] = np.bincount(index, sum(old[name][rows] for name in STATES[1:]), len(keys))
    for name, values in (more.by_place(rows) if more else {}).items():
        sums[name] = np.bincount(index, values, len(keys))
    return unnested("cells", run.city_id, level, keys, sums)


def own_rows(frozen: Frozen, paths: list[str], tile: tuple[int, int, int]) -> np.ndarray:
    """Numbers of the snapshot's cells within `paths` that a tile may show."""
    own = frozen.areas_below([path.rstrip("/").rsplit("/", 1)[-1] for path in paths])
    return np.flatnonzero(frozen.cells_in(own) & _inside(frozen["cell_lon"], frozen["cell_lat"], tile))


def kept_columns(run: Run, service: ServiceType) -> dict[str, np.ndarray]:
    """(n,) people, need and states of one service from the arrays kept beside the run."""
    try:
        arrays, meta = artefacts.load(run.facts["results"])
    except (KeyError, FileNotFoundError):
        raise DomainError(
            "no-score", _("This run keeps no details. Run it again to see why."), status=404
        ) from None
    k = meta["services"].index(service.code)
    kept = {name: np.asarray(arrays[name][k]) for name in ("people", *STATES)}
    kept["need"] = sum(kept[name] for name in STATES)  # type: ignore[assignment]
    return kept


def _inside(lon: np.ndarray, lat: np.ndarray, tile: tuple[int, int, int]) -> np.ndarray:
    """(n,) bool: points within the tile and a generous rim (hexagons reach beyond their cells)."""
    z, x, y = tile
    mx, my = web_mercator(np.asarray(lon), np.asarray(lat))
    width = 40_075_016.685578488 / 2**z
    left, top = -20_037_508.342789244 + x * width, 20_037_508.342789244 - y * width
    rim = width / 16
    return (mx > left - rim) & (mx < left + width + rim) & (my < top + rim) & (my > top - width - rim)


def unnested(name: str, city_id: int, level: int, keys: np.ndarray, sums: dict[str, np.ndarray]) -> TileLayer:
    """A layer whose numbers come with the query; only the outlines are read from the table."""
    listed = {column: np.round(values, 1).tolist() for column, values in sums.items()}
    arrays = ", ".join(f"%({column})s::float8[]" for column in listed)
    said = ", ".join(
        f"v.{column}::float8" if column == "people" else f"v.{column}::bigint" for column in listed
    )
    extra = ", (v.late + v.no_room + v.out_of_reach)::bigint as gap" if "late" in listed else ""
    if "gap_before" in listed and "gap_after" not in listed:
        extra += ", (v.late + v.no_room + v.out_of_reach)::bigint as gap_after"
    sql = f"""
        select g.id, {said}{extra}, {GROUP_GEOMETRY} as geom
        from unnest(%(keys)s::bigint[], {arrays}) as v(key, {", ".join(listed)})
        join planning_cellgroup g on g.city_id = %(city)s and g.level = %(level)s and g.key = v.key"""
    return TileLayer(
        name, sql, {"city": city_id, "level": level, "keys": keys.tolist(), **listed}, feature_id="id"
    )


def population_tile(*, user: Any, layer: PopulationLayer, z: int, x: int, y: int) -> Tile:
    """Layer `population`: people by cell, or by hexagon in wide views."""
    city = layer.city
    paths, level = whole_city(user, city), level_for(city, z)

    def make() -> bytes:
        if level is None:
            rights, more = rights_sql(paths)
            sql = f"""
                select c.id, c.code, p.people::float8 as people, {CELL_GEOMETRY} as geom
                from planning_demandcell c join planning_cellpopulation p on p.layer_id = %(layer)s and p.cell_id = c.id
                left join core_area a on a.id = c.area_id
                where {CELLS_HERE} and {rights}"""
            return make_tile(
                z,
                x,
                y,
                [TileLayer("population", sql, {"city": city.pk, "layer": layer.pk, **more}, feature_id="id")],
            )
        keys, people = _people_by_hexagon(layer, level, paths)
        here = fetch_columns(
            "select key from planning_cellgroup where city_id = %s and level = %s and geometry && ST_TileEnvelope(%s, %s, %s, margin => 0.015625)",
            [city.pk, level, z, x, y], [("key", "int8")],
        )["key"]  # fmt: skip
        found = np.flatnonzero(np.isin(keys, here))
        return make_tile(
            z, x, y, [unnested("population", city.pk, level, keys[found], {"people": people[found]})]
        )

    return kept_tile(("population", city_version(city), layer.pk, z, x, y, paths), make)


def _people_by_hexagon(
    layer: PopulationLayer, level: int, paths: list[str] | None
) -> tuple[np.ndarray, np.ndarray]:
    """(keys, people) of one level, summed once for everyone with the same rights."""
    told = repr((city_version(layer.city), layer.pk, level, paths)).encode()
    name = "people-by-hexagon:" + hashlib.sha256(told).hexdigest()
    kept = cache.get(name)
    if kept is None:
        rights, more = rights_sql(paths)
        joins = (
            ""
            if paths is None
            else f"left join core_area a on a.id = c.area_id where {rights.replace('%(below)s', '%s')}"
        )
        rows = fetch_columns(
            f"select st_x(c.point) lon, st_y(c.point) lat, p.people from planning_cellpopulation p join planning_demandcell c on c.id = p.cell_id and p.layer_id = %s {joins}",
            [layer.pk, *([more["below"]] * rights.count("%(below)s") if more else [])],
            [("lon", "float8"), ("lat", "float8"), ("people", "float8")],
        )  # fmt: skip
        keys, index = np.unique(
            hexagon_keys(*web_mercator(rows["lon"], rows["lat"]), level), return_inverse=True
        )
        kept = (keys.tobytes(), np.bincount(index, rows["people"], len(keys)).tobytes())
        cache.set(name, kept, 24 * 3600)
    return np.frombuffer(kept[0], np.int64), np.frombuffer(kept[1], np.float64)


def zone_tile(*, layer: HazardLayer, z: int, x: int, y: int) -> Tile:
    """Layer `zones`: the ground of each class of a hazard layer; the same for everyone with a role in the city."""

    def make() -> bytes:
        sql = f"""
            select h.id, h.klass as class, h.severity, {mvt_geometry(f"ST_Simplify(ST_ClipByBox2D(h.geometry, {WIDER}), %(tolerance)s / 2, true)")} as geom
            from planning_hazardzone h where h.layer_id = %(layer)s and h.geometry && {BOUNDS} order by h.severity"""
        return make_tile(z, x, y, [TileLayer("zones", sql, {"layer": layer.pk}, feature_id="id")])

    return kept_tile(("zones", city_version(layer.city), layer.pk, ground_key(layer), z, x, y), make)
