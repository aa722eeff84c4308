"""Write areas and base map surfaces of a pack."""

from __future__ import annotations

import numpy as np
import shapely
from django.db import connection

from core.choices import AreaLevel, MapFeatureKind
from core.models import City
from facilities.services.bulk import copy_rows
from planning.importers.areas import AreaRows
from planning.importers.hazards import MapRows

# corners of one piece of a boundary that is cut small for point-in-area questions
PIECE_CORNERS = 96


def ewkb_hex(shapes: np.ndarray) -> list[str]:
    return list(shapely.to_wkb(shapely.set_srid(shapes, 4326), hex=True, include_srid=True))


def write_areas(*, city: City, rows: AreaRows) -> int:
    """Upsert areas by code, cut them into pieces for point-in-area, and set the city's extent."""
    shapes = ewkb_hex(rows.shape)
    lines = (
        (
            i, rows.code[i], rows.name[i], rows.name_en[i], int(rows.level[i]), rows.parent[i], rows.path[i], shapes[i],
            "t" if rows.synthetic[i] else "f",
        )
        for i in range(len(rows))
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("drop table if exists incoming_area")
        cursor.execute(
            "create temp table incoming_area (number integer, code text, name text, name_en text, level smallint,"
            " parent text, path text, geometry geometry(multipolygon, 4326), synthetic boolean) on commit drop"
        )
        columns = ["number", "code", "name", "name_en", "level", "parent", "path", "geometry", "synthetic"]
        copy_rows(cursor, "incoming_area", columns, lines)
        # paths are unique: free those of areas that move before they are given out again
        cursor.execute(
            "update core_area a set path = '~' || a.id || '/' from incoming_area i"
            " where a.city_id = %s and a.code = i.code and a.path <> i.path",
            [city.pk],
        )
        cursor.execute(
            """
            insert into core_area (city_id, code, name, name_en, level, path, geometry, label_point, area_km2, synthetic)
            select %s, code, name, coalesce(name_en, ''), level, path, geometry, st_pointonsurface(geometry),
                st_area(geometry::geography) / 1e6, synthetic
            from incoming_area order by level, number
            on conflict (city_id, code) do update set name = excluded.name, name_en = excluded.name_en,
                level = excluded.level, path = excluded.path, geometry = excluded.geometry,
                label_point = excluded.label_point, area_km2 = excluded.area_km2, synthetic = excluded.synthetic
            """,
            [city.pk],
        )
        cursor.execute(
            "update core_area a set parent_id = p.id from incoming_area i left join core_area p"
            " on p.city_id = %s and p.code = i.parent where a.city_id = %s and a.code = i.code"
            " and a.parent_id is distinct from p.id",
            [city.pk, city.pk],
        )
        cursor.execute(
            "delete from core_areapart where area_id in (select id from core_area where city_id = %s)",
            [city.pk],
        )
        # An area that the pack no longer has stays for the results that name it, but nobody lives in it any more.
        cursor.execute(
            "insert into core_areapart (area_id, level, geometry)"
            " select id, level, piece from core_area, lateral st_subdivide(geometry, %s) piece"
            " where city_id = %s and code in (select code from incoming_area) and st_geometrytype(piece) = 'ST_Polygon'",
            [PIECE_CORNERS, city.pk],
        )
        cursor.execute(
            "update core_city set bounds = (select st_envelope(geometry) from core_area where city_id = %s and level = %s)"
            " where id = %s",
            [city.pk, AreaLevel.CITY, city.pk],
        )
        cursor.execute("analyze core_areapart")
    city.refresh_from_db(fields=["bounds"])
    return len(rows)


def replace_map_features(
    *, city: City, kind: str, names: np.ndarray, ranks: np.ndarray, shapes: np.ndarray
) -> int:
    """All base map features of one kind."""
    coded = ewkb_hex(shapes)
    with connection.cursor() as cursor:
        cursor.execute("delete from core_mapfeature where city_id = %s and kind = %s", [city.pk, kind])
        lines = ((city.pk, kind, int(ranks[i]), str(names[i])[:120], coded[i]) for i in range(len(coded)))
        copy_rows(cursor, "core_mapfeature", ["city_id", "kind", "rank", "name", "geometry"], lines)
    return len(coded)


def write_map(*, city: City, kind: str, parts: list[MapRows]) -> int:
    """The surfaces of all layers of one kind (water or green) together."""
    assert kind in MapFeatureKind.values
    return replace_map_features(
        city=city, kind=kind, names=np.concatenate([part.name for part in parts]),
        ranks=np.concatenate([part.rank for part in parts]), shapes=np.concatenate([part.shape for part in parts]),
    )  # fmt: skip
