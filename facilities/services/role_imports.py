"""Roles and papers that tables give to facilities: status, declared capacity, hours; agreements and certificates."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.db import connection

from core.models import City
from facilities.importers.registry import PaperRows, RoleRows
from facilities.services.bulk import copy_rows

PAPERS = {"agreements": "facilities_agreement", "certificates": "facilities_certificate"}


def write_roles(*, city: City, rows: RoleRows, synthetic: bool) -> int:
    """One capability a row. Capacity: as declared in the row, else by the registry's rule for the facility's use.

    Rows for which neither gives a capacity are left out; how many were written is returned.
    """

    def number(value: float) -> str | None:
        return None if np.isnan(value) else repr(float(value))

    lines = (
        (
            rows.facility[i], rows.service[i], rows.status[i], number(rows.hours[i]), number(rows.observed_hours[i]),
            number(rows.capacity[i]), number(rows.barrier_free[i]), number(rows.barrier_free_share[i]),
            None if np.isnan(rows.cost_yuan[i]) else round(float(rows.cost_yuan[i]) * 100),
            rows.conditions[i],
        )
        for i in range(len(rows.facility))
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("drop table if exists incoming_role")
        cursor.execute(
            "create temp table incoming_role (facility text, service text, status text, hours float8, observed float8,"
            " capacity float8, barrier_free float8, barrier_free_share float8, cost_fen bigint, conditions text) on commit drop"
        )
        columns = [
            "facility", "service", "status", "hours", "observed", "capacity", "barrier_free", "barrier_free_share", "cost_fen",
            "conditions",
        ]  # fmt: skip
        copy_rows(cursor, "incoming_role", columns, lines)
        cursor.execute(
            """
            insert into facilities_capability (facility_id, service_id, status, capacity, capacity_source, rule_id,
                hazards, conversion_hours_declared, conversion_hours_observed, conversion_cost_fen, exclusive, rank,
                conditions, synthetic, barrier_free_capacity)
            select f.id, s.id, i.status, coalesce(i.capacity, n.amount * r.factor / r.divisor),
                case when i.capacity is null then 'rule' else 'declared' end,
                case when i.capacity is null then r.id end, '[]', coalesce(i.hours, r.conversion_hours), i.observed,
                i.cost_fen, coalesce(r.exclusive, true), coalesce(r.rank, 1), coalesce(i.conditions, ''), %(synthetic)s,
                case when i.barrier_free is null then i.barrier_free_share * coalesce(i.capacity, n.amount * r.factor / r.divisor)
                    when i.barrier_free > coalesce(i.capacity, n.amount * r.factor / r.divisor)
                    then coalesce(i.capacity, n.amount * r.factor / r.divisor) else i.barrier_free end
            from incoming_role i
            join facilities_facility f on f.city_id = %(city)s and f.source_id = i.facility
            join facilities_servicetype s on s.code = i.service
            left join facilities_capacityrule r on r.service_id = s.id and r.use_id = f.use_id
            cross join lateral (select case r.attribute when 'area_m2' then f.area_m2 when 'rooms' then f.rooms
                when 'beds' then f.beds when 'units' then f.units end as amount) n
            where coalesce(i.capacity, n.amount * r.factor / r.divisor) is not null
            on conflict (facility_id, service_id) do update set
                status = excluded.status, capacity = excluded.capacity, capacity_source = excluded.capacity_source,
                rule_id = excluded.rule_id, conversion_hours_declared = excluded.conversion_hours_declared,
                conversion_hours_observed =
                    coalesce(excluded.conversion_hours_observed, facilities_capability.conversion_hours_observed),
                conversion_cost_fen = excluded.conversion_cost_fen, exclusive = excluded.exclusive,
                rank = excluded.rank, conditions = excluded.conditions, synthetic = excluded.synthetic,
                barrier_free_capacity = case
                    when coalesce(excluded.barrier_free_capacity, facilities_capability.barrier_free_capacity) > excluded.capacity
                    then excluded.capacity
                    else coalesce(excluded.barrier_free_capacity, facilities_capability.barrier_free_capacity) end
            """,
            {"city": city.pk, "synthetic": synthetic},
        )
        return cursor.rowcount


def write_papers(*, city: City, kind: str, rows: PaperRows, synthetic: bool) -> int:
    """Agreements or certificates. The papers of every facility named here are replaced by those given here."""
    table = PAPERS[kind]
    lines = (
        (
            rows.facility[i],
            rows.kind[i],
            rows.number[i],
            rows.party[i],
            rows.valid_from[i] or None,
            rows.valid_to[i] or None,
        )
        for i in range(len(rows.facility))
    )
    extra: dict[str, tuple[str, Any]] = {
        "agreements": ("party, synthetic", "coalesce(i.party, ''), %(synthetic)s"),
        "certificates": ("kind, number", "coalesce(i.kind, ''), coalesce(i.number, '')"),
    }
    names, values = extra[kind]
    with connection.cursor() as cursor:
        cursor.execute("drop table if exists incoming_paper")
        cursor.execute(
            "create temp table incoming_paper (facility text, kind text, number text, party text, valid_from date,"
            " valid_to date) on commit drop"
        )
        copy_rows(
            cursor, "incoming_paper", ["facility", "kind", "number", "party", "valid_from", "valid_to"], lines
        )
        given = {"city": city.pk, "synthetic": synthetic}
        cursor.execute(
            f"delete from {table} p using facilities_facility f where f.id = p.facility_id and f.city_id = %(city)s"
            " and f.source_id in (select facility from incoming_paper)",
            given,
        )
        cursor.execute(
            f"insert into {table} (facility_id, valid_from, valid_to, {names})"
            f" select f.id, i.valid_from, i.valid_to, {values} from incoming_paper i"
            " join facilities_facility f on f.city_id = %(city)s and f.source_id = i.facility",
            given,
        )
        return cursor.rowcount
