"""Idle assets as vector tiles."""

from __future__ import annotations

from typing import Any

from django.db.models import Max

from core import policies
from core.models import City
from core.selectors.tiles import BOUNDS, Tile, TileLayer, city_version, kept_tile, make_tile, mvt_geometry
from facilities.selectors.tiles import rights_sql
from inventory.models import IdleAsset

DRAWN = f"""
select i.id, i.ref, i.name, nullif(i.name_en, '') as name_en, i.kind, i.status, i.tenure,
    coalesce(i.floor_m2, i.land_m2) as size_m2, o.services, o.cheapest_fen, {mvt_geometry("i.point")} as geom
from inventory_idleasset i
left join core_area a on a.id = i.area_id
left join lateral (
    select string_agg(distinct s.code, ',') as services, min(o.cost_fen) as cheapest_fen
    from inventory_assetoption o join facilities_servicetype s on s.id = o.service_id where o.asset_id = i.id
) o on true
where i.city_id = %(city)s and i.point && {BOUNDS} and {{rights}}
    and (cardinality(%(services)s::text[]) = 0
         or exists (select 1 from inventory_assetoption o join facilities_servicetype s on s.id = o.service_id
                    where o.asset_id = i.id and s.code = any(%(services)s::text[])))
    and (cardinality(%(statuses)s::text[]) = 0 or i.status = any(%(statuses)s::text[]))
order by size_m2 desc nulls last
limit 20000
"""


def asset_tile(
    *, user: Any, city: City, services: list[str], statuses: list[str], z: int, x: int, y: int
) -> Tile:
    """Layer `idle-assets` for one tile, with a person's rights."""
    paths = policies.visible_paths(user, city.pk)
    last = IdleAsset.objects.filter(city=city).aggregate(last=Max("updated_at"))["last"]

    def make() -> bytes:
        rights, params = rights_sql(paths)
        params |= {"city": city.pk, "services": services, "statuses": statuses}
        return make_tile(
            z, x, y, [TileLayer("idle-assets", DRAWN.format(rights=rights), params, feature_id="id")]
        )

    key = ("idle-assets", city_version(city), str(last), services, statuses, z, x, y, paths)
    return kept_tile(key, make)
