"""Write idle assets and their options: upsert by the source's id, references stay."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.db import connection

from core.models import City, PackLayer
from core.services.refs import registry_refs
from facilities.services.bulk import copy_rows
from facilities.services.imports import Written, assign_areas
from inventory.importers.idle_assets import AssetRows, OptionRows

_INCOMING = """
create temp table incoming_asset (
    number integer, source_id text, name text, name_en text, kind text, former_use text, tenure text, address text,
    lon float8, lat float8, original_x float8, original_y float8, floor_m2 float8, land_m2 float8,
    constraints_text text, ref text
) on commit drop
"""
_FIELDS = (
    "name", "name_en", "kind", "former_use", "tenure", "address", "original_x", "original_y", "floor_m2", "land_m2",
    "constraints_text",
)  # fmt: skip
_POINT = "st_setsrid(st_makepoint(i.lon, i.lat), 4326)"


def write_idle_assets(*, city: City, rows: AssetRows, layer: PackLayer | None, synthetic: bool) -> Written:
    values: dict[str, Any] = {
        "city": city.pk,
        "datum": rows.places.datum,
        "synthetic": synthetic,
        "layer": layer.pk if layer else None,
    }
    own = ", ".join(f"i.{name}" for name in _FIELDS)
    with connection.cursor() as cursor:
        cursor.execute("drop table if exists incoming_asset")
        cursor.execute(_INCOMING)
        columns = ["number", "source_id", "lon", "lat", *_FIELDS]
        copy_rows(cursor, "incoming_asset", columns, _lines(rows))
        cursor.execute(
            "select i.number from incoming_asset i left join inventory_idleasset a"
            " on a.city_id = %(city)s and a.source_id = i.source_id where a.id is null order by i.number",
            values,
        )
        fresh = [number for (number,) in cursor.fetchall()]
        cursor.execute(
            "update incoming_asset i set ref = r.ref from unnest(%s::int[], %s::text[]) as r(number, ref)"
            " where r.number = i.number",
            [fresh, registry_refs("IA", len(fresh)) if fresh else []],
        )
        cursor.execute(
            f"update inventory_idleasset a set ({', '.join(_FIELDS)}, point, datum, synthetic, layer_id, version,"
            f" updated_at) = ({own}, {_POINT}, %(datum)s, %(synthetic)s, %(layer)s::bigint, a.version + 1, now())"
            " from incoming_asset i where a.city_id = %(city)s and a.source_id = i.source_id"
            f" and ({', '.join('a.' + name for name in _FIELDS)}, a.point, a.datum)"
            f" is distinct from ({own}, {_POINT}, %(datum)s)",
            values,
        )
        changed = cursor.rowcount
        cursor.execute(
            f"insert into inventory_idleasset (city_id, ref, source_id, {', '.join(_FIELDS)}, point, datum, synthetic,"
            f" layer_id, status, version, created_at, updated_at) select %(city)s, i.ref, i.source_id, {own}, {_POINT},"
            " %(datum)s, %(synthetic)s, %(layer)s::bigint, 'idle', 1, now(), now()"
            " from incoming_asset i where i.ref is not null order by i.number",
            values,
        )
        added = cursor.rowcount
        assign_areas(cursor, "inventory_idleasset", city)
    return Written(added, changed, len(rows) - added - changed)


def _lines(rows: AssetRows) -> Any:
    def number(value: float) -> str | None:
        return None if np.isnan(value) else repr(float(value))

    places, texts = rows.places, rows.texts
    for i in range(len(rows)):
        yield (
            i, rows.source_id[i], number(places.lon[i]), number(places.lat[i]), texts["name"][i], texts["name_en"][i],
            rows.kind[i], texts["former_use"][i], rows.tenure[i], texts["address"][i], number(places.original_x[i]),
            number(places.original_y[i]), number(rows.floor_m2[i]), number(rows.land_m2[i]), texts["constraints"][i],
        )  # fmt: skip


def write_options(*, city: City, rows: OptionRows) -> int:
    """What each asset may become. An asset named here has exactly the options given here afterwards."""
    with connection.cursor() as cursor:
        cursor.execute("drop table if exists incoming_option")
        cursor.execute(
            "create temp table incoming_option (asset text, service text, kind text, capacity float8, cost_fen bigint,"
            " hours float8, months smallint) on commit drop"
        )
        lines = (
            (
                rows.asset[i], rows.service[i], rows.kind[i], repr(float(rows.capacity[i])),
                round(float(rows.cost_yuan[i]) * 100), None if np.isnan(rows.hours[i]) else repr(float(rows.hours[i])),
                int(rows.lead_months[i]),
            )
            for i in range(len(rows.asset))
        )  # fmt: skip
        columns = ["asset", "service", "kind", "capacity", "cost_fen", "hours", "months"]
        copy_rows(cursor, "incoming_option", columns, lines)
        cursor.execute(
            "delete from inventory_assetoption o using inventory_idleasset a where a.id = o.asset_id and a.city_id = %s"
            " and a.source_id in (select asset from incoming_option)"
            " and not exists (select 1 from incoming_option i join facilities_servicetype s on s.code = i.service"
            " where i.asset = a.source_id and s.id = o.service_id and i.kind = o.kind)",
            [city.pk],
        )
        cursor.execute(
            "insert into inventory_assetoption (asset_id, service_id, kind, capacity, cost_fen, conversion_hours,"
            " lead_months) select a.id, s.id, i.kind, i.capacity, i.cost_fen, i.hours, i.months"
            " from incoming_option i join inventory_idleasset a on a.city_id = %s and a.source_id = i.asset"
            " join facilities_servicetype s on s.code = i.service"
            " on conflict (asset_id, service_id, kind) do update set capacity = excluded.capacity,"
            " cost_fen = excluded.cost_fen, conversion_hours = excluded.conversion_hours,"
            " lead_months = excluded.lead_months",
            [city.pk],
        )
        return cursor.rowcount
