"""Facilities as vector tiles. Every feature is one facility in its foremost role (or in the role asked for)."""

from __future__ import annotations

from typing import Any

from django.db.models import Max, Q
from django.utils import timezone

from core import policies
from core.models import City
from core.selectors.tiles import BOUNDS, Tile, TileLayer, city_version, kept_tile, make_tile, mvt_geometry
from facilities.models import Facility
from facilities.selectors.facilities import RoleFilter

# From here on every facility is drawn; further out each square of the tile shows its largest and says how many it has.
ALL_FROM_ZOOM = 14
GRID = 24

DRAWN = f"""
select id, ref, name, name_en, use, service, shape, unit, round(capacity::numeric, 1)::float8 as capacity, status, readiness, usable,
    count, geom
from (
    select best.*, {mvt_geometry("best.point")} as geom,
        count(*) over cell as count,
        row_number() over (cell order by best.capacity desc, best.id) as place
    from (
        select distinct on (f.id) f.id, f.ref, f.name, nullif(f.name_en, '') as name_en, u.code as use, s.code as service,
            s.shape, s.unit, r.capacity, r.status, r.readiness, f.point,
            (f.status = 'active' and r.status = 'active' and r.readiness <> 'lapsed') as usable
        from facilities_facility f
        join ({{roles}}) r on r.facility_id = f.id
        join facilities_servicetype s on s.id = r.service_id
        join facilities_peacetimeuse u on u.id = f.use_id
        left join core_area a on a.id = f.area_id
        where f.city_id = %(city)s and f.status <> 'closed' and f.point && {BOUNDS} and {{rights}}
        order by f.id, (r.status = 'active') desc, r.rank, s.sort_order
    ) best
    window cell as (partition by floor(ST_X(ST_Transform(best.point, 3857)) / %(square)s),
                                 floor(ST_Y(ST_Transform(best.point, 3857)) / %(square)s))
) ranked
where %(z)s >= {ALL_FROM_ZOOM} or place = 1
order by capacity desc
limit 20000
"""
WORLD_M = 40_075_016.685578488


def named(queryset: Any, prefix: str) -> tuple[str, dict[str, Any]]:
    """The SQL of a queryset with named parameters, to stand inside hand-written SQL."""
    sql, values = queryset.query.sql_with_params()
    parts = sql.split("%s")
    names = [f"{prefix}{number}" for number in range(len(values))]
    filled = "".join(part + (f"%({names[n]})s" if n < len(names) else "") for n, part in enumerate(parts))
    return filled, dict(zip(names, values, strict=True))


def registry_version(city: City) -> str:
    """Changes with every write to the city's facilities, and at midnight, when papers lapse."""
    last = Facility.objects.filter(city=city).aggregate(last=Max("updated_at"))["last"]
    return f"{city_version(city)}/{last.isoformat() if last else ''}/{timezone.localdate()}"


def rights_sql(paths: list[str] | None) -> tuple[str, dict[str, Any]]:
    """What `policies.visible` says, as SQL on `a` (the area, left joined)."""
    if paths is None:
        return "true", {}
    below = [path.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%") + "%" for path in paths]
    rights = "a.path like any(%(below)s::text[])"
    if any(policies.city_wide(path) for path in paths):
        rights = f"(a.id is null or {rights})"
    return rights, {"below": below}


def facility_tile(
    *, user: Any, city: City, role: RoleFilter, uses: list[str], z: int, x: int, y: int
) -> Tile:
    """Layer `facilities` for one tile, with a person's rights."""
    paths = policies.visible_paths(user, city.pk)

    def make() -> bytes:
        chosen = role.roles(with_readiness=True).filter(Q(facility__use__code__in=uses) if uses else Q())
        roles, params = named(
            chosen.values("facility_id", "service_id", "status", "capacity", "rank", "readiness"), "r"
        )
        rights, mine = rights_sql(paths)
        params |= {**mine, "city": city.pk, "square": WORLD_M / 2**z / GRID}
        return make_tile(
            z,
            x,
            y,
            [TileLayer("facilities", DRAWN.format(roles=roles, rights=rights), params, feature_id="id")],
        )

    key = (
        "facilities",
        registry_version(city),
        role.services,
        role.statuses,
        role.readiness,
        role.capacity_min,
        uses,
        z,
        x,
        y,
        paths,
    )
    return kept_tile(key, make)
