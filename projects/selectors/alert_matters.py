"""What each alert rule finds over a whole programme on one day: one SQL statement a rule, no loop over projects.

Every statement yields (project_id, thing, occasion, facts): `thing` names what of the project it is about, `occasion`
what the alert is raised once for; a standing matter has no occasion of its own (services/alerts.py gives it the day it
is raised on). The definitions, boundary by boundary, are in docs/algorithms/supervision-alerts.md; tests compare them
with a second reading of that page in plain Python.

Parameters: city, day, tz, the thresholds of the rule by their keys, and `due_month` where a rule asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass

# Projects that the rules look at, with the day of their approval and what was approved (as handed in, word for word).
_PROJECTS = """
    p as materialized (
        select p.id, p.starts_on, p.ends_on, p.started_on, p.approved_fen, p.approved_units, p.units, p.state,
            p.point, c.approved_on, s.content
        from projects_project p
        join lateral (
            select id, round, (closed_at at time zone %(tz)s)::date as approved_on
            from projects_case
            where project_id = p.id and tranche_id is null and state in ('approved', 'conditional')
            order by closed_at desc, id desc limit 1) c on true
        left join projects_submission s on s.case_id = c.id and s.round = c.round
        where p.city_id = %(city)s and p.state = any(%(states)s) and c.approved_on <= %(day)s
    )"""
# Works done by the day: the newest of what inspections saw and reports said; of two of one day what was seen.
_DONE = """
    done as materialized (
        select distinct on (project_id) project_id, percent, said_on, kind, ref from (
            select r.project_id, round(r.works_percent::numeric, 1) as percent,
                (r.reported_at at time zone %(tz)s)::date as said_on, 'report' as kind,
                to_char(r.month, 'YYYY-MM') as ref, 0 as seen, 0::bigint as number
            from projects_progressreport r join p on p.id = r.project_id
            where (r.reported_at at time zone %(tz)s)::date <= %(day)s
            union all
            select i.project_id, round(i.works_percent::numeric, 1), i.done_on, 'inspection', i.ref, 1, i.id
            from projects_inspection i join p on p.id = i.project_id
            where i.done_on <= %(day)s and i.works_percent is not null) w
        order by project_id, said_on desc, seen desc, number desc, ref desc
    )"""
_WORKS_FACTS = """'works_percent', coalesce(done.percent, 0), 'works_kind', coalesce(done.kind, ''),
        'works_ref', coalesce(done.ref, ''), 'works_on', done.said_on"""

_LATE_START = f"""
    with {_PROJECTS}
    select id, '', 'start:' || planned, jsonb_build_object(
        'planned_on', starts_on, 'approved_on', approved_on, 'counted_from', planned, 'started_on',
        case when started_on <= %(day)s then started_on end, 'late_days',
        least(%(day)s, coalesce(started_on, %(day)s)) - planned)
    from (select *, greatest(starts_on, approved_on) as planned from p) p
    where %(day)s - planned > %(late_days)s and (started_on is null or started_on - planned > %(late_days)s)"""

# The plan: 0 % on the planned start, each milestone's share on its day, 100 % on the end, straight lines between.
_LAG = f"""
    with {_PROJECTS}, {_DONE},
    point as materialized (
        select id as project_id, coalesce(starts_on, started_on) as on_day, 0 as percent from p
            where coalesce(starts_on, started_on) is not null
        union all select m.project_id, m.planned_on, m.works_percent from projects_milestone m
            join p on p.id = m.project_id where m.works_percent > 0
        union all select id, ends_on, 100 from p where ends_on is not null),
    planned as (
        select p.id, case
            when before.on_day is null then 0
            when after.on_day is null then round(before.percent::numeric, 1)
            else round(before.percent + (after.percent - before.percent) * (%(day)s - before.on_day)::numeric
                / (after.on_day - before.on_day), 1) end as percent
        from p
        left join lateral (select on_day, percent from point where project_id = p.id and on_day <= %(day)s
            order by on_day desc, percent desc limit 1) before on true
        left join lateral (select on_day, percent from point where project_id = p.id and on_day > %(day)s
            order by on_day, percent limit 1) after on true
        where p.started_on <= %(day)s)
    select planned.id, '', null, jsonb_build_object(
        'planned_percent', planned.percent, 'behind_points', planned.percent - coalesce(done.percent, 0),
        {_WORKS_FACTS})
    from planned left join done on done.project_id = planned.id
    where planned.percent - coalesce(done.percent, 0) >= %(behind_points)s"""

# Budget due: all lines of earlier years, and of this year's one twelfth for each month that is over.
_LOW_PAYMENT = f"""
    with {_PROJECTS},
    due as (
        select l.project_id, sum(case when l.year < extract(year from %(day)s::date) then l.amount_fen * 12
            when l.year = extract(year from %(day)s::date)
                then l.amount_fen * (extract(month from %(day)s::date)::int - 1) else 0 end) as twelfths
        from projects_budgetline l join p on p.id = l.project_id group by l.project_id),
    paid as (
        select y.project_id, sum(y.amount_fen) as fen from projects_payment y join p on p.id = y.project_id
        where y.paid_on <= %(day)s group by y.project_id)
    select p.id, '', null, jsonb_build_object(
        'due_fen', div(due.twelfths, 12), 'paid_fen', coalesce(paid.fen, 0), 'approved_on', p.approved_on,
        'paid_percent', round(coalesce(paid.fen, 0) * 1200 / due.twelfths, 1))
    from p join due on due.project_id = p.id left join paid on paid.project_id = p.id
    where %(day)s - p.approved_on >= %(after_days)s and due.twelfths > 0
        and coalesce(paid.fen, 0) * 1200 < %(below_percent)s * due.twelfths"""

_SCOPE_SHRINK = f"""
    with {_PROJECTS}
    select id, '', 'units:' || units, jsonb_build_object('approved_units', approved_units, 'units', units,
        'less_percent', round((approved_units - units) * 100.0 / approved_units, 1))
    from p where approved_units > 0 and (approved_units - units) * 100 >= %(less_percent)s * approved_units"""

_OVERDUE = f"""
    with {_PROJECTS}
    select p.id, 'milestone:' || m.number, 'milestone:' || m.number || ':' || m.planned_on, jsonb_build_object(
        'milestone', m.number, 'name', m.name, 'name_en', m.name_en, 'planned_on', m.planned_on,
        'reported_on', m.reported_on, 'reached_on', case when m.reached_on <= %(day)s then m.reached_on end,
        'late_days', least(%(day)s, coalesce(m.reached_on, %(day)s)) - m.planned_on)
    from p join projects_milestone m on m.project_id = p.id
    where %(day)s - m.planned_on > %(milestone_days)s
        and (m.reached_on is null or m.reached_on - m.planned_on > %(milestone_days)s)
    union all
    select id, 'end', 'end:' || ends_on, jsonb_build_object('planned_on', ends_on, 'late_days', %(day)s - ends_on)
    from p where %(day)s - ends_on > %(end_days)s"""

_PAID_AHEAD = f"""
    with {_PROJECTS}, {_DONE},
    paid as (
        select y.project_id, sum(y.amount_fen) as fen from projects_payment y join p on p.id = y.project_id
        where y.paid_on <= %(day)s group by y.project_id)
    select p.id, '', null, jsonb_build_object('paid_fen', paid.fen, 'approved_fen', p.approved_fen,
        'paid_percent', round(paid.fen * 100 / p.approved_fen, 1),
        'ahead_points', round(paid.fen * 100 / p.approved_fen, 1) - coalesce(done.percent, 0), {_WORKS_FACTS})
    from p join paid on paid.project_id = p.id left join done on done.project_id = p.id
    where p.approved_fen > 0 and paid.fen * 100 >= (coalesce(done.percent, 0) + %(ahead_points)s) * p.approved_fen"""

_IDLE_FUNDS = f"""
    with {_PROJECTS},
    free as (
        select t.project_id, t.number, r.amount_fen, (r.released_at at time zone %(tz)s)::date as released_on,
            coalesce((select sum(y.amount_fen) from projects_payment y
                where y.tranche_id = t.id and y.paid_on <= %(day)s), 0) as paid_fen
        from projects_tranche t join p on p.id = t.project_id join projects_release r on r.tranche_id = t.id)
    select project_id, 'tranche:' || number, null, jsonb_build_object('tranche', number, 'released_fen', amount_fen,
        'released_on', released_on, 'paid_fen', paid_fen, 'left_fen', amount_fen - paid_fen,
        'left_percent', round((amount_fen - paid_fen) * 100 / amount_fen, 1))
    from free
    where (released_on + make_interval(months => %(idle_months)s))::date <= %(day)s
        and (amount_fen - paid_fen) * 100 >= %(left_percent)s * amount_fen"""

# Names are compared without regard to width, case and spaces.
_NAME = "lower(regexp_replace(normalize({}, NFKC), '\\s', '', 'g'))"
_PAYEE = f"""
    with {_PROJECTS}
    select p.id, 'payment:' || y.id, 'payment:' || y.id, jsonb_build_object(
        'payment', y.id, 'payee', y.payee, 'amount_fen', y.amount_fen, 'paid_on', y.paid_on,
        'contracts', (select count(*) from projects_contract c where c.project_id = p.id and c.signed_on <= y.paid_on))
    from p join projects_payment y on y.project_id = p.id
    where y.corrects_id is null and y.amount_fen >= %(from_yuan)s::bigint * 100
        and y.paid_on <= %(day)s and %(day)s - y.paid_on <= %(look_back_days)s
        and y.amount_fen + coalesce((select sum(x.amount_fen) from projects_payment x
            where x.corrects_id = y.id and x.paid_on <= %(day)s), 0) > 0
        and not exists (select 1 from projects_contract c where c.project_id = p.id and c.signed_on <= y.paid_on
            and {_NAME.format("c.payee")} = {_NAME.format("y.payee")})"""

# Months count by their number since year 0; before the first report the month before the start speaks.
_SILENCE = f"""
    with {_PROJECTS},
    said as (
        select r.project_id, max(r.month) as month from projects_progressreport r join p on p.id = r.project_id
        where (r.reported_at at time zone %(tz)s)::date <= %(day)s group by r.project_id),
    silent as (
        select p.id, p.started_on, said.month as last_month,
            (extract(year from %(due_month)s::date) * 12 + extract(month from %(due_month)s::date)
            - extract(year from n.since) * 12 - extract(month from n.since))::int as months
        from p left join said on said.project_id = p.id
        cross join lateral (select greatest(said.month,
            (date_trunc('month', p.started_on) - interval '1 month')::date) as since) n
        where p.started_on <= %(day)s)
    select id, '', null, jsonb_build_object('silent_months', months, 'last_month', last_month,
        'started_on', started_on, 'due_month', %(due_month)s::date)
    from silent where months >= %(silent_months)s"""

# Photos come with what was found wrong with them on upload.
_EVIDENCE = f"""
    with {_PROJECTS},
    first as (select report_id, min(reported_at) as at from projects_reportversion group by report_id),
    said as materialized (
        select r.id, r.project_id, r.month, r.works_percent,
            (coalesce(first.at, r.reported_at) at time zone %(tz)s)::date as said_on
        from projects_progressreport r join p on p.id = r.project_id left join first on first.report_id = r.id
        where %(day)s - (r.reported_at at time zone %(tz)s)::date <= %(look_back_days)s),
    counted as (
        select said.*, (select count(*) from projects_photo f where f.report_id = said.id
                and (f.added_at at time zone %(tz)s)::date - said.said_on <= %(wait_days)s
                and not exists (select 1 from jsonb_array_elements(f.problems) x
                    where x->>'code' = any(%(no_evidence)s))) as photos,
            (select count(*) from projects_photo f where f.report_id = said.id
                and (f.added_at at time zone %(tz)s)::date <= %(day)s) as all_photos
        from said where %(day)s - said_on > %(wait_days)s and %(day)s - said_on <= %(look_back_days)s)
    select project_id, 'report:' || to_char(month, 'YYYY-MM'), 'report:' || to_char(month, 'YYYY-MM'),
        jsonb_build_object('month', month, 'reported_on', said_on, 'works_percent', works_percent, 'photos', photos,
            'all_photos', all_photos)
    from counted where photos < %(photos_count)s"""

_FAR = f"""
    with {_PROJECTS},
    site as (
        select id as project_id, point, coalesce(case when jsonb_array_length(content->'point') = 2 then
            st_setsrid(st_makepoint((content->'point'->>0)::float8, (content->'point'->>1)::float8), 4326) end,
            point) as approved from p),
    away as (
        select f.project_id, round(st_distance(f.point::geography, site.approved::geography)::numeric) as metres,
            (f.added_at at time zone %(tz)s)::date as added_on,
            case when f.report_id is not null then 'report:' || to_char(r.month, 'YYYY-MM')
                when f.inspection_id is not null then 'inspection:' || i.ref else 'photo:' || f.id end as thing
        from projects_photo f join site on site.project_id = f.project_id
        left join projects_progressreport r on r.id = f.report_id
        left join projects_inspection i on i.id = f.inspection_id
        where f.point is not null and not exists (
            select 1 from jsonb_array_elements(f.problems) x where x->>'code' = 'shifted'))
    select project_id, thing, thing, jsonb_build_object('photos', count(*), 'away_m', max(metres),
        'added_on', min(added_on))
    from away where metres > %(away_m)s and added_on <= %(day)s and %(day)s - added_on <= %(look_back_days)s
    group by project_id, thing
    union all
    select project_id, 'site', 'site:' || round(st_x(point)::numeric, 5) || ',' || round(st_y(point)::numeric, 5),
        jsonb_build_object('away_m', round(st_distance(point::geography, approved::geography)::numeric))
    from site where round(st_distance(point::geography, approved::geography)::numeric) > %(away_m)s"""

_CAPACITY = f"""
    with {_PROJECTS}
    select p.id, '', 'built:' || b.built_units, jsonb_build_object('built_units', b.built_units, 'approved_units',
        p.approved_units, 'built_percent', round(b.built_units * 100.0 / p.approved_units, 1), 'known_on', n.known_on)
    from p join projects_commissioning b on b.project_id = p.id
    cross join lateral (select least(coalesce((b.handed_at at time zone %(tz)s)::date, b.checked_on),
        coalesce(b.checked_on, (b.handed_at at time zone %(tz)s)::date)) as known_on) n
    where p.approved_units > 0 and n.known_on <= %(day)s
        and b.built_units * 100 < %(built_percent)s * p.approved_units"""

BUILDING = ["approved", "works"]
KEPT = ["approved", "works", "commissioned"]


@dataclass(frozen=True)
class Matter:
    """How a rule finds what it asks about. `standing`: it goes on and ends, rather than being one record or one day;
    `states`: of the projects it looks at."""

    statement: str
    standing: bool
    states: list[str]


MATTERS: dict[str, Matter] = {
    "late-start": Matter(_LATE_START, False, BUILDING),
    "lag": Matter(_LAG, True, BUILDING),
    "low-payment": Matter(_LOW_PAYMENT, True, BUILDING),
    "scope-shrink": Matter(_SCOPE_SHRINK, False, BUILDING),
    "overdue": Matter(_OVERDUE, False, BUILDING),
    "paid-ahead": Matter(_PAID_AHEAD, True, BUILDING),
    "idle-funds": Matter(_IDLE_FUNDS, True, KEPT),
    "payee": Matter(_PAYEE, False, KEPT),
    "silence": Matter(_SILENCE, True, BUILDING),
    "evidence": Matter(_EVIDENCE, False, BUILDING),
    "far-from-site": Matter(_FAR, False, KEPT),
    "capacity-below": Matter(_CAPACITY, False, KEPT),
}
# What may be wrong with a photo (services/photos.py) so that it is no picture of these works at this time. One without
# a time or place of its own counts; what is wrong with its place has a rule of its own.
NO_EVIDENCE = ["same", "alike", "in-future", "before-works", "before-finding", "outside-window"]

# Find and raise in one statement; the same occasion a second time falls away on its unique key.
_RAISE = """
    with found (project_id, thing, occasion, facts) as materialized ({found}),
    raised as (
        insert into projects_supervisionalert (project_id, rule_id, code, thing, occasion, facts, state, owner_id,
            raised_on, due_on, explanation, closing_note)
        select f.project_id, %(rule)s, %(code)s, f.thing, {occasion}, f.facts, 'open', o.owner_id, %(day)s, %(due)s,
            '', ''
        from found f join projects_project p on p.id = f.project_id
        left join lateral ({owner}) o on true
        where {wanted}
        on conflict (project_id, code, occasion) do nothing
        returning id, project_id){ends}
    select (select count(*) from found) as standing, {ended} as ended,
        coalesce((select jsonb_agg(jsonb_build_array(id, project_id) order by id) from raised), '[]') as raised"""
# Who explains: a person named for the rule's level, else another named one, else who drafted the project.
_OWNER = """
    select coalesce(
        (select r.person_id from projects_responsibility r join core_user u on u.id = r.person_id and u.is_active
            where r.project_id = p.id
            order by r.level = %(level)s desc, array_position(
                array['territory', 'department', 'enterprise', 'leadership', 'community'], r.level::text), r.id
            limit 1),
        (select u.id from core_user u where u.id = p.created_by_id and u.is_active)) as owner_id"""
# A standing matter: not while one is unclosed, nor before the peace after a closed one is over, unless it had ended.
_STANDING_WANTED = """not exists (
            select 1 from projects_supervisionalert a
            where a.project_id = f.project_id and a.code = %(code)s and a.thing = f.thing
                and (a.state <> 'closed' or a.ended_on is null and %(day)s - a.closed_on < %(again_days)s))"""
_STANDING_ENDS = """
    , ended as (
        update projects_supervisionalert a set ended_on = %(day)s
        from projects_project q
        where q.id = a.project_id and q.city_id = %(city)s and a.code = %(code)s and a.ended_on is null
            and not exists (select 1 from found f where f.project_id = a.project_id and f.thing = a.thing)
        returning a.id),
    back as (
        update projects_supervisionalert a set ended_on = null
        from found f
        where f.project_id = a.project_id and f.thing = a.thing and a.code = %(code)s and a.state <> 'closed'
            and a.ended_on is not null
        returning a.id)"""


def raising(code: str) -> str:
    """The statement that finds and raises everything of one rule; answers (standing, ended, [[alert, project] …])."""
    matter = MATTERS[code]
    return _RAISE.format(
        found=matter.statement,
        occasion="f.thing || '@' || %(day)s::date" if matter.standing else "f.occasion",
        owner=_OWNER,
        wanted=_STANDING_WANTED if matter.standing else "true",
        ends=_STANDING_ENDS if matter.standing else "",
        ended="(select count(*) from ended)" if matter.standing else "0",
    )
