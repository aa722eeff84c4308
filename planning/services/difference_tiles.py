"""Vector tiles of the difference of two runs, and the class breaks that its colours need.

The runs may stand on different snapshots and count different people: cells and hexagons are matched by their rows, and
whoever is there in either run is there. Rights as in `planning.services.tiles`: people with a role for the whole city
share the tiles of stored sums, others get their own cells only.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from django.core.cache import cache

from core.selectors.tiles import Tile, TileLayer, city_version, kept_tile, make_tile
from engine.world import STATES
from facilities.models import ServiceType
from facilities.selectors.tiles import rights_sql
from planning.bridge.columns import fetch_columns
from planning.bridge.frozen import load_frozen
from planning.bridge.hexagons import hexagon_keys, web_mercator
from planning.models import Run
from planning.services import tiles

MEASURES = ("gap", "need")
KEPT_SECONDS = 24 * 3600
# The outer classes begin where one in five of the cells that change lies beyond, and never below ten units: the middle
# class is a tenth of it, one unit.
SHARE_WITHIN, LEAST_STEP = 80, 10
_GAP = "coalesce({0}.late + {0}.no_room + {0}.out_of_reach, 0)::bigint"
_COLUMNS = f"""
            greatest(coalesce(b.need, 0), coalesce(f.need, 0))::bigint as need,
            coalesce(b.need, 0)::bigint as need_before, coalesce(f.need, 0)::bigint as need_after,
            {_GAP.format("b")} as gap_before, {_GAP.format("f")} as gap_after"""


def difference_tile(
    *, user: Any, before: Run, after: Run, service: ServiceType, z: int, x: int, y: int
) -> Tile:
    """Layer `cells`: people (of the run that counts more of them), need (the larger), need_before, need_after, gap_before
    and gap_after of one service; `no_data` where neither run's people are known."""
    city = after.city
    paths, level = tiles.whole_city(user, city), tiles.level_for(city, z)
    key = ("difference", city_version(city), before.ref, after.ref, service.code, z, x, y, paths)
    params = {
        "city": city.pk, "before": before.pk, "after": after.pk, "service": service.pk, "level": level,
    }  # fmt: skip

    def make() -> bytes:
        if level is None:
            layer = _cells(params, before, after, service, paths)
        elif paths is None:
            layer = _groups(params)
        else:
            layer = _own_groups(before, after, service, level, paths, (z, x, y))
        return make_tile(z, x, y, [layer])

    return kept_tile(key, make)


def _cells(
    params: dict[str, Any], before: Run, after: Run, service: ServiceType, paths: list[str] | None
) -> TileLayer:
    rights, allowed = rights_sql(paths)
    sql = f"""
        select c.id, c.code,
            greatest(coalesce(b.people, p.people, 0), coalesce(f.people, q.people, 0))::float8 as people, {_COLUMNS},
            case when coalesce(p.cell_id, q.cell_id, f.cell_id, b.cell_id) is null then true end as no_data,
            {tiles.CELL_GEOMETRY} as geom
        from planning_demandcell c
        left join planning_cellresult b on b.run_id = %(before)s and b.service_id = %(service)s and b.cell_id = c.id
        left join planning_cellresult f on f.run_id = %(after)s and f.service_id = %(service)s and f.cell_id = c.id
        left join planning_cellpopulation p on p.layer_id = %(layer_before)s and p.cell_id = c.id
        left join planning_cellpopulation q on q.layer_id = %(layer_after)s and q.cell_id = c.id
        left join core_area a on a.id = c.area_id
        where {tiles.CELLS_HERE} and {rights}"""
    layers = {
        "layer_before": tiles.people_layer(before, service),
        "layer_after": tiles.people_layer(after, service),
    }
    return TileLayer("cells", sql, params | allowed | layers, feature_id="id")


def _groups(params: dict[str, Any]) -> TileLayer:
    people = "greatest(coalesce(b.people, 0), coalesce(f.people, 0))"
    sql = f"""
        select g.id, g.cells, round({people}::numeric, 1)::float8 as people, {_COLUMNS}, g.geom
        from (
            select g.id, g.cells, {tiles.GROUP_GEOMETRY} as geom from planning_cellgroup g
            where g.city_id = %(city)s and g.level = %(level)s and g.geometry && {tiles.TILE_MERCATOR} offset 0) g
        {tiles.GROUP_RESULT.format(run="before", name="b")} {tiles.GROUP_RESULT.format(run="after", name="f")}"""
    return TileLayer("cells", sql, params, feature_id="id")


def _own_groups(
    before: Run, after: Run, service: ServiceType, level: int, paths: list[str], tile: tuple[int, int, int]
) -> TileLayer:
    """Hexagons summed from the person's own cells only, run by run: each has its own snapshot."""
    sides = [_own_sums(run, service, level, paths, tile) for run in (before, after)]
    keys = np.union1d(sides[0][0], sides[1][0])
    old, new = ({name: _at(keys, side[0], values) for name, values in side[1].items()} for side in sides)
    sums = {"people": np.maximum(old["people"], new["people"]), "need": np.maximum(old["need"], new["need"])}
    for name in ("need", "gap"):
        sums |= {f"{name}_before": old[name], f"{name}_after": new[name]}
    return tiles.unnested("cells", after.city_id, level, keys, sums)


def _own_sums(
    run: Run, service: ServiceType, level: int, paths: list[str], tile: tuple[int, int, int]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    frozen = load_frozen(run.snapshot)  # type: ignore[arg-type]
    rows = tiles.own_rows(frozen, paths, tile)
    lon, lat = np.asarray(frozen["cell_lon"])[rows], np.asarray(frozen["cell_lat"])[rows]
    keys, index = np.unique(hexagon_keys(*web_mercator(lon, lat), level), return_inverse=True)
    kept = tiles.kept_columns(run, service)
    kept["gap"] = sum(kept[name] for name in STATES[1:])  # type: ignore[assignment]
    return keys, {name: np.bincount(index, kept[name][rows], len(keys)) for name in ("people", "need", "gap")}


def _at(keys: np.ndarray, own: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(k,) the values at `keys` (ascending, containing `own`); 0 where there are none."""
    found = np.zeros(len(keys))
    found[np.searchsorted(keys, own)] = values
    return found


# --- class breaks ----------------------------------------------------------------------------------


def difference_breaks(*, before: Run, after: Run, service: ServiceType) -> dict[str, Any]:
    """By measure ("gap", "need"): `step`, the edge of the outer classes for cells; `levels`, the same for the hexagons of
    each zoom; `counts` (5,) cells in the classes from "many more" to "many fewer". Worked out once for two runs."""
    told = repr((city_version(after.city), before.ref, after.ref, service.code)).encode()
    name = "difference-breaks:" + hashlib.sha256(told).hexdigest()
    kept = cache.get(name)
    if kept is None:
        kept = _worked_out_breaks(before, after, service)
        cache.set(name, kept, KEPT_SECONDS)
    return kept


def _worked_out_breaks(before: Run, after: Run, service: ServiceType) -> dict[str, Any]:
    asked = [before.pk, service.pk, after.pk, service.pk]
    change = ", ".join(f"coalesce(f.{one}, 0) - coalesce(b.{one}, 0) as {one}" for one in ("need", "served"))
    both = """from (select {key}, need, served from {table} where run_id = %s and service_id = %s) b
        full join (select {key}, need, served from {table} where run_id = %s and service_id = %s) f using ({key})"""
    cells = fetch_columns(
        f"select {change} " + both.format(key="cell_id", table="planning_cellresult"),
        asked, [("need", "int8"), ("served", "int8")],
    )  # fmt: skip
    groups = fetch_columns(
        f"select g.level, {change} "
        + both.format(key="group_id", table="planning_cellgroupresult")
        + " join planning_cellgroup g on g.id = group_id",
        asked, [("level", "int4"), ("need", "int8"), ("served", "int8")],
    )  # fmt: skip
    found = {}
    for measure in MEASURES:
        of_cells, of_groups = (
            one["need"] - one["served"] if measure == "gap" else one["need"] for one in (cells, groups)
        )
        step = step_of(of_cells)
        found[measure] = {
            "step": step,
            "levels": {
                str(level): step_of(of_groups[groups["level"] == level])
                for level in np.unique(groups["level"]).tolist()
            },
            "counts": classed(of_cells, step),
        }
    return found


def step_of(change: np.ndarray) -> int:
    """The edge of the outer classes: a round number near the 80th percentile of what changes at all, 10 or more."""
    size = np.abs(change[change != 0])
    if not len(size):
        return LEAST_STEP
    wanted = float(np.percentile(size, SHARE_WITHIN))
    scale = 10.0 ** np.floor(np.log10(max(wanted, 1.0)))
    return max(LEAST_STEP, int(min((1, 2, 5, 10), key=lambda one: abs(one * scale - wanted)) * scale))


def classed(change: np.ndarray, step: int) -> list[int]:
    """How many changes lie in each class: more than `step` more, more, about the same (within a tenth of it), fewer,
    more than `step` fewer. The edges are those of the map: a class begins with its lower edge."""
    edges = [-step, -step / 10, step / 10, step]
    counts = np.bincount(np.searchsorted(edges, change, side="right"), minlength=5)
    return counts[::-1].tolist()
