"""Bring facilities in: check a whole file, then write all of it or nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import shapely
from django.db import connection, transaction

from core import policies
from core.errors import Problem
from core.models import Area, City, PackLayer
from core.services import audit
from core.services.refs import next_ref, registry_refs
from facilities.choices import BatchState
from facilities.importers.geometry import city_box, declared_datum
from facilities.importers.problems import ERROR, WARNING, Problems
from facilities.importers.registry import FacilityMapping, FacilityRows, facility_rows
from facilities.importers.tables import read_table
from facilities.models import Facility, ImportBatch, PeacetimeUse, RowIssue
from facilities.services.bulk import copy_rows
from facilities.services.capabilities import derive_capabilities


@dataclass(frozen=True)
class Written:
    """What an import did to the registry. The three numbers add up to the rows of the file."""

    added: int
    changed: int
    unchanged: int

    @property
    def rows(self) -> int:
        return self.added + self.changed + self.unchanged


def import_facilities(
    *,
    user: Any,
    city: City,
    path: str | Path,
    file_name: str,
    mapping: FacilityMapping,
    datum: str,
    format: str = "",
    encoding: str = "utf-8-sig",
    sheet: str = "",
    delimiter: str = ",",
    synthetic: bool = False,
    apply: bool = True,
) -> ImportBatch:
    """Check a file and, when nothing is wrong and `apply`, write it in one transaction.

    The batch keeps every problem with its row and column. With one error nothing is written and the batch is refused.
    """
    policies.demand(user, "facility.import", city)
    problems = Problems()
    name = declared_datum(datum, file_name, problems)
    by_geometry = (format or Path(path).suffix.lstrip(".").lower()) in ("geojson", "json", "gpkg", "shp")
    by_geometry = by_geometry and "lon" not in mapping.columns
    table = read_table(
        path, format, encoding, mapping.wanted(point_geometry=by_geometry), problems=problems, label=file_name,
        sheet=sheet, delimiter=delimiter, geometry=by_geometry,
    )  # fmt: skip
    rows = None
    if table is not None and name is not None:
        uses = set(PeacetimeUse.objects.values_list("code", flat=True))
        rows = facility_rows(table, mapping, name, uses, problems, inside=box_of(city))
    good = rows is not None and not problems.has_errors
    with transaction.atomic():
        state = BatchState.REFUSED if not good else (BatchState.APPLIED if apply else BatchState.CHECKED)
        written = None
        if rows is not None and good and apply:
            written = write_facilities(city=city, rows=rows, layer=None, synthetic=synthetic)
            named = Facility.objects.filter(city=city, source_id__in=rows.source_id.tolist())
            derive_capabilities(city=city, facility_ids=list(named.values_list("pk", flat=True)))
        batch = record_batch(
            city=city, layer=None, file_name=file_name, sha256=file_sha256(path), datum=name or datum, mapping=mapping,
            state=state, rows=len(table) if table is not None else 0, written=written, problems=problems,
            median_shift_m=rows.places.shift_m if rows is not None else None, user=user,
        )  # fmt: skip
        after = {"state": state, "rows": batch.rows, "added": batch.added, "changed": batch.changed}
        audit.record(user=user, act="facility.import", subject=batch, ref=batch.ref, after=after)
    return batch


def box_of(city: City) -> tuple[float, float, float, float] | None:
    """The box the city's places must lie in, from its areas; None before any area is there."""
    shapes = [bytes(area.geometry.wkb) for area in Area.objects.filter(city=city, level=1)]
    if not shapes:
        return None
    return city_box(shapely.from_wkb(np.array(shapes, dtype=object)))


def file_sha256(path: str | Path) -> str:
    digest = hashlib.sha256()
    if Path(path).is_file():
        with open(path, "rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


class Mapped(Protocol):
    """What a batch keeps of how its file was read."""

    def as_dict(self) -> dict[str, object]: ...


def record_batch(
    *,
    city: City,
    layer: PackLayer | None,
    file_name: str,
    sha256: str,
    datum: str,
    mapping: Mapped,
    state: str,
    rows: int,
    written: Written | None,
    problems: Problems,
    median_shift_m: float | None,
    user: Any,
) -> ImportBatch:
    """One row about the file, one row about every problem."""
    batch = ImportBatch.objects.create(
        ref=next_ref("IM"), city=city, layer=layer, file_name=file_name[:300], sha256=sha256, datum=datum[:16],
        mapping=mapping.as_dict(), state=state, rows=rows, added=written.added if written else 0,
        changed=written.changed if written else 0, unchanged=written.unchanged if written else 0,
        errors=problems.count(ERROR), warnings=problems.count(WARNING), median_shift_m=median_shift_m,
        created_by=user if getattr(user, "is_authenticated", False) else None,
    )  # fmt: skip
    keep_issues(batch, problems)
    return batch


def keep_issues(batch: ImportBatch, problems: Problems) -> None:
    """One row about every problem that was found in the file of a batch."""
    RowIssue.objects.bulk_create([_issue(batch, problem) for problem in problems], batch_size=2000)


def _issue(batch: ImportBatch, problem: Problem) -> RowIssue:
    return RowIssue(
        batch=batch, level=problem.level, row=problem.row, column=problem.column[:80], code=problem.code[:60],
        message=str(problem.message)[:400], value=problem.value[:200],
    )  # fmt: skip


_INCOMING = """
create temp table incoming_facility (
    number integer, source_id text, use text, status text, lon float8, lat float8, original_x float8,
    original_y float8, name text, name_en text, address text, owner text, operator text, contact text,
    area_m2 float8, rooms integer, beds integer, units float8, stars smallint, entry_minutes float8,
    readiness_minutes float8, confirmed_on date, ref text
) on commit drop
"""
_COPIED = (
    "name", "name_en", "status", "address", "point", "datum", "original_x", "original_y", "area_m2", "rooms", "beds",
    "units", "stars", "owner", "operator", "contact", "synthetic", "layer_id", "confirmed_on", "use_id",
)  # fmt: skip
_VALUES = (
    "i.name", "i.name_en", "i.status", "i.address", "st_setsrid(st_makepoint(i.lon, i.lat), 4326)", "%(datum)s",
    "i.original_x", "i.original_y", "i.area_m2", "i.rooms", "i.beds", "i.units", "i.stars", "i.owner", "i.operator",
    "i.contact", "%(synthetic)s", "%(layer)s::bigint", "i.confirmed_on", "u.id",
)  # fmt: skip
# the paper trail (layer, synthetic flag) follows the file, but does not by itself make a row "changed"
# a file that says nothing about the minutes leaves what the registry knows
_MINUTES = [(name, f"coalesce(i.{name}, f.{name})") for name in ("entry_minutes", "readiness_minutes")]
_COMPARED = [*_MINUTES] + [
    pair for pair in zip(_COPIED, _VALUES, strict=True) if pair[0] not in ("layer_id", "synthetic")
]


def write_facilities(*, city: City, rows: FacilityRows, layer: PackLayer | None, synthetic: bool) -> Written:
    """Upsert by the source's id. References stay; a row that brings nothing new is left alone. In a transaction."""
    values: dict[str, Any] = {
        "city": city.pk,
        "datum": rows.places.datum,
        "synthetic": synthetic,
        "layer": layer.pk if layer else None,
    }
    with connection.cursor() as cursor:
        cursor.execute("drop table if exists incoming_facility")
        cursor.execute(_INCOMING)
        columns = [
            "number", "source_id", "use", "status", "lon", "lat", "original_x", "original_y", "name", "name_en",
            "address", "owner", "operator", "contact", "area_m2", "rooms", "beds", "units", "stars",
            "entry_minutes", "readiness_minutes", "confirmed_on",
        ]  # fmt: skip
        copy_rows(cursor, "incoming_facility", columns, _lines(rows))
        join = (
            "from incoming_facility i join facilities_peacetimeuse u on u.code = i.use"
            " {kind} join facilities_facility f on f.city_id = %(city)s and f.source_id = i.source_id"
        )
        cursor.execute(
            f"select i.number {join.format(kind='left')} where f.id is null order by i.number", values
        )
        fresh = [number for (number,) in cursor.fetchall()]
        refs = registry_refs("FA", len(fresh)) if fresh else []
        cursor.execute(
            "update incoming_facility i set ref = r.ref from unnest(%s::int[], %s::text[]) as r(number, ref)"
            " where r.number = i.number",
            [fresh, refs],
        )
        places = f"({', '.join('f.' + name for name, _v in _COMPARED)})"
        differs = f"{places} is distinct from ({', '.join(value for _n, value in _COMPARED)})"
        sets = ", ".join(
            f"{name} = {value}" for name, value in [*zip(_COPIED, _VALUES, strict=True), *_MINUTES]
        )
        cursor.execute(
            f"update facilities_facility f set {sets}, version = f.version + 1, updated_at = now()"
            " from incoming_facility i join facilities_peacetimeuse u on u.code = i.use"
            f" where f.city_id = %(city)s and f.source_id = i.source_id and {differs}",
            values,
        )
        changed = cursor.rowcount
        cursor.execute(
            f"insert into facilities_facility (city_id, ref, source_id, {', '.join(_COPIED)}, entry_minutes,"
            f" readiness_minutes, version, created_at, updated_at)"
            f" select %(city)s, i.ref, i.source_id, {', '.join(_VALUES)},"
            " coalesce(i.entry_minutes, 0), coalesce(i.readiness_minutes, 0), 1, now(), now()"
            " from incoming_facility i join facilities_peacetimeuse u on u.code = i.use"
            " where i.ref is not null order by i.number",
            values,
        )
        added = cursor.rowcount
        assign_areas(cursor, "facilities_facility", city)
    return Written(added, changed, len(rows) - added - changed)


def _lines(rows: FacilityRows) -> Any:
    whole = {"rooms", "beds", "stars"}

    def number(name: str, value: float) -> Any:
        if np.isnan(value):
            return None
        return int(value) if name in whole else repr(float(value))

    places, texts, numbers = rows.places, rows.texts, rows.numbers
    for i in range(len(rows)):
        yield (
            i, rows.source_id[i], rows.use[i], rows.status[i], repr(float(places.lon[i])), repr(float(places.lat[i])),
            repr(float(places.original_x[i])), repr(float(places.original_y[i])), texts["name"][i], texts["name_en"][i],
            texts["address"][i], texts["owner"][i], texts["operator"][i], texts["contact"][i],
            number("area_m2", numbers["area_m2"][i]), number("rooms", numbers["rooms"][i]),
            number("beds", numbers["beds"][i]), number("units", numbers["units"][i]),
            number("stars", numbers["stars"][i]), number("entry_minutes", numbers["entry_minutes"][i]),
            number("readiness_minutes", numbers["readiness_minutes"][i]), rows.confirmed_on[i] or None,
        )  # fmt: skip


# A point just outside every border (a clipped cell, a rounded coordinate) belongs to the nearest area this close.
NEAR_M = 500
AREA_OF_POINT = """
coalesce(
    (select p.area_id from core_areapart p join core_area a on a.id = p.area_id
     where a.city_id = %(city)s and p.geometry && s.point and st_intersects(p.geometry, s.point)
     order by p.level desc, p.area_id limit 1),
    (select p.area_id from core_areapart p join core_area a on a.id = p.area_id
     where a.city_id = %(city)s and p.geometry && st_expand(s.point, 0.01)
        and st_dwithin(p.geometry::geography, s.point::geography, %(near)s)
     order by p.level desc, st_distance(p.geometry, s.point), p.area_id limit 1)
)
"""


def assign_areas(cursor: Any, table: str, city: City) -> None:
    """The deepest area each point lies in, in one statement; only rows whose area changes are written."""
    cursor.execute(
        f"""
        update "{table}" t set area_id = found.area_id
        from (select s.id, {AREA_OF_POINT} as area_id from "{table}" s where s.city_id = %(city)s) found
        where found.id = t.id and t.area_id is distinct from found.area_id
        """,
        {"city": city.pk, "near": NEAR_M},
    )


@dataclass(frozen=True)
class RoleRule:
    """A role that a layer gives to its facilities: `uses` empty means every use that has a capacity rule."""

    service: str
    status: str
    uses: Sequence[str] = ()
    hours: float | None = None
    cost_fen: int | None = None
    cost_fen_per_unit: int | None = None
    conditions: str = ""
    hazards: Sequence[str] = ()
    synthetic: bool = False


def apply_roles(*, city: City, layer: PackLayer | None, roles: Sequence[RoleRule]) -> int:
    """Give the facilities of a layer their roles; capacity comes from the registry's rules. One statement a role.

    A capacity that was declared for a facility stays; observed hours stay always.
    """
    written = 0
    with connection.cursor() as cursor:
        for role in roles:
            cursor.execute(
                """
                insert into facilities_capability (facility_id, service_id, status, capacity, capacity_source, rule_id,
                    hazards, conversion_hours_declared, conversion_cost_fen, exclusive, rank, conditions, synthetic)
                select f.id, r.service_id, %(status)s, n.amount * r.factor / r.divisor, 'rule', r.id, %(hazards)s::jsonb,
                    coalesce(%(hours)s::float8, r.conversion_hours),
                    case when %(cost)s::bigint is null and %(each)s::bigint is null then null
                        else coalesce(%(cost)s::bigint, 0)
                            + round(coalesce(%(each)s::bigint, 0) * n.amount * r.factor / r.divisor)::bigint end,
                    r.exclusive, r.rank, %(conditions)s, %(synthetic)s
                from facilities_facility f
                join facilities_capacityrule r on r.use_id = f.use_id
                join facilities_servicetype s on s.id = r.service_id and s.code = %(service)s
                join facilities_peacetimeuse u on u.id = f.use_id
                cross join lateral (select case r.attribute when 'area_m2' then f.area_m2 when 'rooms' then f.rooms
                    when 'beds' then f.beds else f.units end as amount) n
                where f.city_id = %(city)s and f.layer_id is not distinct from %(layer)s and n.amount is not null
                    and (cardinality(%(uses)s::text[]) = 0 or u.code = any(%(uses)s::text[]))
                on conflict (facility_id, service_id) do update set
                    status = excluded.status, rule_id = excluded.rule_id, exclusive = excluded.exclusive,
                    rank = excluded.rank, hazards = excluded.hazards, conditions = excluded.conditions,
                    capacity = case when facilities_capability.capacity_source = 'declared'
                        then facilities_capability.capacity else excluded.capacity end,
                    conversion_hours_declared = excluded.conversion_hours_declared,
                    conversion_cost_fen = excluded.conversion_cost_fen, synthetic = excluded.synthetic
                """,
                {
                    "city": city.pk, "layer": layer.pk if layer else None, "service": role.service,
                    "status": role.status, "uses": list(role.uses), "hours": role.hours, "cost": role.cost_fen,
                    "each": role.cost_fen_per_unit, "conditions": role.conditions, "synthetic": role.synthetic,
                    "hazards": json.dumps(list(role.hazards)),
                },
            )  # fmt: skip
            written += cursor.rowcount
    return written


def roles_by_service(roles: Mapping[str, Mapping[str, Any]]) -> list[RoleRule]:
    """`{"isolation_lodging": {"status": "possible", "hours": 48, "cost_yuan_per_unit": 8000}}` as rules."""
    rules = []
    for service, terms in roles.items():
        yuan, each = terms.get("cost_yuan"), terms.get("cost_yuan_per_unit")
        rules.append(
            RoleRule(
                service=service, status=terms.get("status", "active"), uses=tuple(terms.get("uses", ())),
                hours=terms.get("hours"), cost_fen=None if yuan is None else round(yuan * 100),
                cost_fen_per_unit=None if each is None else round(each * 100), conditions=terms.get("conditions", ""),
                hazards=tuple(terms.get("hazards", ())), synthetic=bool(terms.get("synthetic", False)),
            )
        )  # fmt: skip
    return rules
