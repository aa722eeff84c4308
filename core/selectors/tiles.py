"""Vector tiles made by PostGIS: one layer is one SELECT, a tile is its layers one after another, kept in Redis.

Other apps draw their own layers with the same parts:

    sql = f'''select f.ref, f.name, {mvt_geometry("f.point")} as geom from facilities_facility f
              where f.city_id = %(city)s and f.point && {BOUNDS}'''
    tile = kept_tile(("facilities", city.pk, version, z, x, y), lambda: make_tile(z, x, y, [TileLayer("facilities", sql, {"city": city.pk})]))

The SELECT may use `%(z)s %(x)s %(y)s` and `%(tolerance)s` (degrees, half a screen pixel).
"""

import gzip
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.core.cache import cache
from django.db import connection

from core import policies
from core.choices import MapFeatureKind
from core.models import City

EXTENT = 4096
MAX_ZOOM = 20
MAX_BYTES = 600 * 1024
KEPT_SECONDS = 24 * 3600
ENVELOPE = "ST_TileEnvelope(%(z)s, %(x)s, %(y)s)"
# The tile in degrees with the margin that lines need to be drawn to its edge; the spatial index answers to it.
BOUNDS = "ST_Transform(ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => 0.015625), 4326)"

# Wider still: what is cut here leaves no edge in sight.
WIDER = "ST_Transform(ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => 0.0625), 4326)"


@dataclass(frozen=True)
class TileLayer:
    """`sql` answers rows with `geom` (see mvt_geometry) and the properties; `feature_id` names an integer column."""

    name: str
    sql: str
    params: dict[str, Any] = field(default_factory=dict)
    feature_id: str | None = None


@dataclass(frozen=True)
class Tile:
    """Gzipped; empty when nothing lies in it."""

    gzipped: bytes
    etag: str

    @property
    def empty(self) -> bool:
        return not self.gzipped


def on_grid(z: int, x: int, y: int) -> bool:
    return 0 <= z <= MAX_ZOOM and 0 <= x < 2**z and 0 <= y < 2**z


def tolerance_degrees(z: int) -> float:
    """Half a pixel of a 512 px tile at the equator."""
    return 360 / 2**z / 1024


def mvt_geometry(expression: str) -> str:
    """SQL that puts a WGS-84 geometry on the tile's grid."""
    return f"ST_AsMVTGeom(ST_Transform({expression}, 3857), {ENVELOPE}, {EXTENT}, 64, true)"


def make_tile(z: int, x: int, y: int, layers: Iterable[TileLayer]) -> bytes:
    parts = []
    with connection.cursor() as cursor:
        for layer in layers:
            params = {"z": z, "x": x, "y": y, "tolerance": tolerance_degrees(z), **layer.params}
            feature_id = f", '{layer.feature_id}'" if layer.feature_id else ""
            cursor.execute(
                f"select ST_AsMVT(drawn, '{layer.name}', {EXTENT}, 'geom'{feature_id}) from ({layer.sql}) drawn where geom is not null",  # noqa: S608
                params,
            )
            parts.append(bytes(cursor.fetchone()[0] or b""))
    return b"".join(parts)


def kept_tile(key: tuple[Any, ...], make: Callable[[], bytes]) -> Tile:
    """The tile under `key`, made if Redis has none. The key must change with the data and with what may be seen."""
    name = "tile:" + hashlib.sha256(repr(key).encode()).hexdigest()
    gzipped = cache.get(name)
    if gzipped is None:
        raw = make()
        gzipped = gzip.compress(raw, compresslevel=5, mtime=0) if raw else b""
        cache.set(name, gzipped, KEPT_SECONDS)
    return Tile(gzipped, f'"{hashlib.sha256(gzipped).hexdigest()[:24]}"')


def city_version(city: City) -> str:
    """Changes whenever a pack is loaded."""
    return f"{city.pk}/{city.pack_sha256}/{city.loaded_at.isoformat() if city.loaded_at else ''}"


# --- the base map ----------------------------------------------------------------------------------

AREAS = f"""
select a.id, a.code, a.name, a.name_en, a.level,
    {mvt_geometry(f"ST_Simplify(ST_ClipByBox2D(a.geometry, {WIDER}), %(tolerance)s / 2, true)")} as geom
from core_area a
where a.city_id = %(city)s and a.level <= %(level)s and a.geometry && {BOUNDS} and {{rights}}"""

# Labels of polygons repeat at the seams of tiles; points do not.
AREA_LABELS = f"""
select a.id, a.code, a.name, a.name_en, a.level, {mvt_geometry("a.label_point")} as geom
from core_area a
where a.city_id = %(city)s and a.level <= %(level)s and a.label_point && {BOUNDS} and {{rights}}"""

# `class` is the word map styles know for a rank.
CLASS = "case f.rank when 1 then 'motorway' when 2 then 'primary' when 3 then 'secondary' else 'minor' end"
# Wide views: many short lines become few long ones before they are simplified, and names are left out.
LINES_WIDE = f"""
select f.rank, {CLASS} as class, null as name,
    {mvt_geometry("ST_Simplify(ST_LineMerge(ST_CollectionExtract(f.geometry, 2)), %(tolerance)s)")} as geom
from core_mapfeature f
where f.city_id = %(city)s and f.kind = %(kind)s and f.rank <= %(rank)s and ST_Dimension(f.geometry) = 1 and f.geometry && {BOUNDS}"""
LINES_NEAR = f"""
select f.rank, {CLASS} as class, nullif(f.name, '') as name, {mvt_geometry("f.geometry")} as geom
from core_mapfeature f
where f.city_id = %(city)s and f.kind = %(kind)s and f.rank <= %(rank)s and ST_Dimension(f.geometry) = 1 and f.geometry && {BOUNDS}"""
# A surface smaller than a pixel or two is not drawn.
SURFACES = f"""
select f.rank, null as class, case when %(z)s >= 12 then nullif(f.name, '') end as name,
    {mvt_geometry("ST_Simplify(f.geometry, %(tolerance)s)")} as geom
from core_mapfeature f
where f.city_id = %(city)s and f.kind = %(kind)s and f.rank <= %(rank)s and ST_Dimension(f.geometry) = 2 and f.geometry && {BOUNDS}
    and (%(z)s >= 13 or ST_XMax(f.geometry) - ST_XMin(f.geometry) > %(tolerance)s * 2
        or ST_YMax(f.geometry) - ST_YMin(f.geometry) > %(tolerance)s * 2)"""
WIDE_BELOW = 12


def area_level(z: int) -> int:
    """The lowest level of areas drawn at a zoom."""
    return 2 if z < 9 else 3 if z < 11 else 4


def road_rank(z: int) -> int:
    return 1 if z < 9 else 2 if z < 11 else 3 if z < 13 else 9


def surface_rank(z: int) -> int:
    return 1 if z < 7 else 2 if z < 9 else 9


def _rights(paths: list[str] | None) -> tuple[str, dict[str, Any]]:
    """SQL for the areas within `paths`, and those that contain them, so that a map has its frame."""
    if paths is None:
        return "true", {}
    above = sorted(
        {"/".join(path.split("/")[: n + 1]) + "/" for path in paths for n in range(path.count("/") - 1)}
    )
    return "(a.path like any(%(below)s) or a.path = any(%(above)s))", {
        "below": [path.replace("_", "\\_").replace("%", "\\%") + "%" for path in paths],
        "above": above,
    }


def area_tile(*, user: Any, city: City, z: int, x: int, y: int) -> Tile:
    """Layers `areas` and `area_labels`: the areas a person may see."""
    paths = policies.visible_paths(user, city.pk)

    def make() -> bytes:
        rights, params = _rights(paths)
        params |= {"city": city.pk, "level": area_level(z)}
        return make_tile(
            z, x, y,
            [
                TileLayer("areas", AREAS.format(rights=rights), params, feature_id="id"),
                TileLayer("area_labels", AREA_LABELS.format(rights=rights), params, feature_id="id"),
            ],
        )  # fmt: skip

    return kept_tile(("areas", city_version(city), z, x, y, paths), make)


def base_tile(*, kind: MapFeatureKind, city: City, z: int, x: int, y: int) -> Tile:
    """Layers `roads`, `water` or `green`: the same for everyone with a role in the city."""
    name = {"road": "roads"}.get(kind.value, kind.value)

    def make() -> bytes:
        rank = road_rank(z) if kind == MapFeatureKind.ROAD else surface_rank(z)
        tile = b""
        while rank:
            params = {"city": city.pk, "kind": kind.value, "rank": rank}
            sql = LINES_WIDE if z < WIDE_BELOW else LINES_NEAR
            if kind != MapFeatureKind.ROAD:
                sql = f"{sql} union all {SURFACES}"
            tile = make_tile(z, x, y, [TileLayer(name, sql, params)])
            if len(tile) <= MAX_BYTES:
                break
            rank = min(rank, 4) - 1
        return tile

    return kept_tile((name, city_version(city), z, x, y), make)
