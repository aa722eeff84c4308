"""The money of many projects together, read in one statement: lines by year and source, sums by district, and by month what
was released, paid and done. Refused and withdrawn projects have no money and are left out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from projects.models import Project
from projects.selectors.money_curve import MoneyCurve, assemble, cumulative
from projects.selectors.money_drawing import next_month
from projects.selectors.money_page import Matrix, matrix
from projects.selectors.programme import STOPPED

# `chosen`: the projects a person may see and asked for. What the works are worth is the share seen on site (reported only
# where nobody has looked) of the approved sum, rounded to the fen for each project as its own chart does.
_STATEMENT = """
with chosen as (select p.id, coalesce(p.approved_fen, p.cost_fen) as base, p.cost_fen, coalesce(p.approved_fen, 0) as approved,
        coalesce(nullif(split_part(a.path, '/', 2), ''), split_part(a.path, '/', 1), '') as district
    from projects_project p left join core_area a on a.id = p.area_id
    where p.id in ({chosen}) and p.state <> all(%(stopped)s)),
lines as (select l.* from projects_budgetline l join chosen c on c.id = l.project_id),
freed as (select t.project_id, r.amount_fen, (r.released_at at time zone %(zone)s)::date as day
    from projects_release r join projects_tranche t on t.id = r.tranche_id join chosen c on c.id = t.project_id),
paid as (select y.project_id, y.amount_fen, y.paid_on as day from projects_payment y join chosen c on c.id = y.project_id),
seen as (select i.project_id, i.done_on as day, i.works_percent::text::numeric as percent, i.id from projects_inspection i
    join chosen c on c.id = i.project_id
    where i.done_on <= %(today)s and i.works_percent is not null),
points as (select * from seen
    union all select r.project_id, least((r.month + interval '1 month' - interval '1 day')::date,
            (r.reported_at at time zone %(zone)s)::date), r.works_percent::text::numeric, r.id
        from projects_progressreport r join chosen c on c.id = r.project_id
        where not exists (select 1 from seen s where s.project_id = r.project_id)),
worth as (select o.project_id, o.day, round(o.percent * c.base / 100)::bigint as fen, row_number() over w as place,
        row_number() over (partition by o.project_id order by o.day desc, o.id desc) as back
    from points o join chosen c on c.id = o.project_id where o.day <= %(today)s
    window w as (partition by o.project_id order by o.day, o.id)),
grown as (select day, fen - coalesce(lag(fen) over (partition by project_id order by place), 0) as fen from worth)
select jsonb_build_object(
    'projects', (select count(*) from chosen),
    'lines', (select coalesce(jsonb_agg(jsonb_build_array(year, source, fen)), '[]'::jsonb) from
        (select year, source, sum(amount_fen)::bigint as fen from lines group by year, source) x),
    'districts', (select coalesce(jsonb_agg(to_jsonb(x) order by district), '[]'::jsonb) from (
        select c.district, count(*) as projects, sum(c.cost_fen)::bigint as cost_fen, sum(c.approved)::bigint as approved_fen,
            sum(c.base)::bigint as base_fen,
            coalesce(sum(l.fen), 0)::bigint as planned_fen, coalesce(sum(f.fen), 0)::bigint as released_fen,
            coalesce(sum(y.fen), 0)::bigint as paid_fen, coalesce(sum(v.fen), 0)::bigint as works_fen
        from chosen c
        left join (select project_id, sum(amount_fen) as fen from lines group by 1) l on l.project_id = c.id
        left join (select project_id, sum(amount_fen) as fen from freed group by 1) f on f.project_id = c.id
        left join (select project_id, sum(amount_fen) as fen from paid group by 1) y on y.project_id = c.id
        left join worth v on v.project_id = c.id and v.back = 1
        group by c.district) x),
    'released', (select coalesce(jsonb_agg(jsonb_build_array(month, fen) order by month), '[]'::jsonb) from
        (select {end} as month, sum(amount_fen)::bigint as fen from freed group by 1) x),
    'paid', (select coalesce(jsonb_agg(jsonb_build_array(month, fen) order by month), '[]'::jsonb) from
        (select {end} as month, sum(amount_fen)::bigint as fen from paid group by 1) x),
    'works', (select coalesce(jsonb_agg(jsonb_build_array(month, fen) order by month), '[]'::jsonb) from
        (select {end} as month, sum(fen)::bigint as fen from grown group by 1) x))
"""

# What happened in a month counts at its end; what happened in the running one today.
_END = """case when day <= %(today)s then least((date_trunc('month', day) + interval '1 month' - interval '1 day')::date, %(today)s)
    else (date_trunc('month', day) + interval '1 month' - interval '1 day')::date end"""


@dataclass(frozen=True)
class District:
    """Sums of one district's projects, in fen. `code` "" for places outside every area."""

    code: str
    projects: int
    cost_fen: int
    planned_fen: int
    approved_fen: int
    released_fen: int
    paid_fen: int
    works_fen: int
    base_fen: int


@dataclass(frozen=True)
class ProgrammeMoney:
    projects: int
    matrix: Matrix
    districts: list[District]
    total: District
    curve: MoneyCurve


def read(rows: QuerySet[Project], today: date | None = None) -> ProgrammeMoney:
    """The money of the projects in `rows` (already narrowed to what the person may see)."""
    day = today or timezone.localdate()
    chosen, params = rows.order_by().values("pk").query.sql_with_params()
    names = {f"chosen_{number}": value for number, value in enumerate(params)}
    sql = _STATEMENT.format(
        chosen=chosen % tuple(f"%({name})s" for name in names) if names else chosen, end=_END
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, names | {"stopped": [str(one) for one in STOPPED], "zone": settings.TIME_ZONE, "today": day})  # fmt: skip
        said = _json(cursor.fetchone()[0])
    districts = [District(code=row.pop("district"), **row) for row in said["districts"]]
    lines = [(int(year), str(source), int(fen)) for year, source, fen in said["lines"]]
    total = District("", *(sum(getattr(one, name) for one in districts) for name in (
        "projects", "cost_fen", "planned_fen", "approved_fen", "released_fen", "paid_fen", "works_fen", "base_fen")))  # fmt: skip
    released, paid, done = (_points(said[name]) for name in ("released", "paid", "works"))
    share = total.works_fen * 100 / total.base_fen if total.base_fen else 0.0
    return ProgrammeMoney(
        projects=said["projects"], matrix=matrix(lines), districts=districts, total=total,
        curve=assemble(
            today=day, base_fen=total.base_fen, planned=_planned(lines), released=released, paid=paid,
            works=[(done[-1][0], share, "seen")] if done else [], works_money=done, said=[],
        ),
    )  # fmt: skip


def _json(value: Any) -> dict[str, Any]:
    return json.loads(value) if isinstance(value, str) else value


def _points(rows: list[list[Any]]) -> list[tuple[date, int]]:
    return cumulative([(date.fromisoformat(day), int(fen)) for day, fen in rows])


def _planned(lines: list[tuple[int, str, int]]) -> list[tuple[date, int]]:
    """Each year's lines spread evenly over its months: many projects have no common milestones."""
    by_year: dict[int, int] = {}
    for year, _source, fen in lines:
        by_year[year] = by_year.get(year, 0) + fen
    if not by_year:
        return []
    found, before = [(date(min(by_year), 1, 1), 0)], 0
    for year in range(min(by_year), max(by_year) + 1):
        amount = by_year.get(year, 0)
        found += [(next_month(date(year, month, 1)), before + amount * month // 12) for month in range(1, 13)]
        before += amount
    return found
