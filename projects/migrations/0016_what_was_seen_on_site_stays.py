"""Works on site: two sides, and what was said stays, whoever writes."""

from django.db import migrations

REFUSE = """
-- two sides: whoever reports works of a project does not look at them as its inspector, and the other way round
create function projects_reported_by(which bigint, who bigint) returns boolean language sql stable as $$
    select exists (select 1 from projects_progressreport where project_id = which and reported_by_id = who)
        or exists (select 1 from projects_reportversion v join projects_progressreport r on r.id = v.report_id
            where r.project_id = which and v.reported_by_id = who)
        or exists (select 1 from projects_milestone where project_id = which and reported_by_id = who)
        or exists (select 1 from projects_milestonechange c join projects_milestone m on m.id = c.milestone_id
            where m.project_id = which and c.said_by_id = who and c.act = 'reported')
        or exists (select 1 from projects_rectification x join projects_finding f on f.id = x.finding_id
            join projects_inspection i on i.id = f.inspection_id where i.project_id = which and x.done_by_id = who)
$$;
create function projects_looked_at_by(which bigint, who bigint) returns boolean language sql stable as $$
    select exists (select 1 from projects_inspection where project_id = which and done_by_id = who)
        or exists (select 1 from projects_inspection i join projects_inspection_inspectors n on n.inspection_id = i.id
            where i.project_id = which and n.user_id = who and i.done_on is not null)
        or exists (select 1 from projects_milestone where project_id = which and seen_by_id = who)
        or exists (select 1 from projects_milestonechange c join projects_milestone m on m.id = c.milestone_id
            where m.project_id = which and c.said_by_id = who and c.act in ('sent_back', 'seen'))
        or exists (select 1 from projects_rectification x join projects_finding f on f.id = x.finding_id
            join projects_inspection i on i.id = f.inspection_id where i.project_id = which and x.checked_by_id = who)
$$;

-- the start
create function projects_works_begin() returns trigger language plpgsql as $$
begin
    if new.state = 'works' and new.started_on is null then
        perform projects_no('works that go on have a first day');
    end if;
    if tg_op = 'UPDATE' and old.started_on is not null and new.started_on is distinct from old.started_on and exists (
            select 1 from projects_progressreport where project_id = new.id) then
        perform projects_no('the first day of works that were reported on stays');
    end if;
    return new;
end $$;
create trigger works_begin before insert or update on projects_project
    for each row execute function projects_works_begin();

-- progress reports: what stood before a correction is kept; less than the month before needs a reason
create function projects_report_moves() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then perform projects_no('a progress report is kept'); end if;
    perform pg_advisory_xact_lock(hashtext('projects_progressreport'), new.project_id::int);
    if extract(day from new.month) <> 1 then perform projects_no('a month is named by its first day'); end if;
    if new.reason = '' and exists (select 1 from projects_progressreport where project_id = new.project_id
            and id is distinct from new.id
            and (month < new.month and works_percent > new.works_percent
                or tg_op = 'UPDATE' and month > new.month and works_percent < new.works_percent)) then
        perform projects_no('works that go back need a reason');
    end if;
    if new.reported_by_id is not null and projects_looked_at_by(new.project_id, new.reported_by_id) then
        perform projects_no('whoever inspects a project does not report its works');
    end if;
    if tg_op = 'INSERT' then return new; end if;
    if old.project_id <> new.project_id or old.month <> new.month then
        perform projects_no('a progress report stays with its month');
    end if;
    if row(old.works_percent, old.text, old.reason, old.reported_by_id, old.version)
            is distinct from row(new.works_percent, new.text, new.reason, new.reported_by_id, new.version) then
        if new.version <> old.version + 1 or new.reason = '' then
            perform projects_no('a correction is a new version with a reason');
        end if;
        insert into projects_reportversion (report_id, version, works_percent, text, reason, reported_by_id, reported_at)
            values (old.id, old.version, old.works_percent, old.text, old.reason, old.reported_by_id, old.reported_at);
    end if;
    return new;
end $$;
create trigger report_moves before insert or update or delete on projects_progressreport
    for each row execute function projects_report_moves();
create trigger report_versions_stay before update or delete on projects_reportversion
    for each row execute function core_refuse_change();

-- photos are evidence
create trigger photos_stay before update or delete on projects_photo
    for each row execute function core_refuse_change();

-- milestones of an approved project: the date moves only with a kept reason; seen is seen
create function projects_milestone_moves() returns trigger language plpgsql as $$
declare
    approved boolean := (select approved_fen is not null from projects_project where id = old.project_id);
begin
    if tg_op = 'DELETE' then
        if approved then perform projects_no('a milestone that was approved is kept'); end if;
        return old;
    end if;
    if not approved then return new; end if;
    if row(old.project_id, old.number, old.name, old.works_percent)
            is distinct from row(new.project_id, new.number, new.name, new.works_percent) then
        perform projects_no('a milestone stays as it was approved');
    end if;
    if old.planned_on <> new.planned_on and not exists (
            select 1 from projects_milestonechange where milestone_id = new.id and act = 'revised'
                and from_on = old.planned_on and to_on = new.planned_on
                and id = (select max(id) from projects_milestonechange where milestone_id = new.id)) then
        perform projects_no('a date that moves keeps where it was and why');
    end if;
    if old.reached_on is not null and row(old.reached_on, old.seen_by_id, old.reported_by_id, old.planned_on, old.seen_in_id)
            is distinct from row(new.reached_on, new.seen_by_id, new.reported_by_id, new.planned_on, new.seen_in_id) then
        perform projects_no('a milestone that was seen stays');
    end if;
    if new.seen_by_id is not null and old.seen_by_id is null and projects_reported_by(new.project_id, new.seen_by_id) then
        perform projects_no('a milestone is seen by somebody who does not report the works');
    end if;
    if new.reported_by_id is not null and new.reported_by_id is distinct from old.reported_by_id
            and projects_looked_at_by(new.project_id, new.reported_by_id) then
        perform projects_no('whoever inspects a project does not report its works');
    end if;
    return new;
end $$;
create trigger milestone_moves before update or delete on projects_milestone
    for each row execute function projects_milestone_moves();
create trigger milestone_changes_stay before update or delete on projects_milestonechange
    for each row execute function core_refuse_change();

-- inspections: done is done
create function projects_inspection_moves() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' and (old.done_on is not null or old.called_off_at is not null) then
        perform projects_no('an inspection that is over stays as it is');
    end if;
    if tg_op = 'DELETE' then
        perform projects_no('an inspection is called off, not deleted');
    end if;
    if tg_op = 'UPDATE' and row(old.project_id, old.ref, old.drawn_id) is distinct from row(new.project_id, new.ref, new.drawn_id) then
        perform projects_no('an inspection stays with its project and its draw');
    end if;
    if new.done_by_id is not null and projects_reported_by(new.project_id, new.done_by_id) then
        perform projects_no('an inspection is made by somebody who does not report the works');
    end if;
    return new;
end $$;
create trigger inspection_moves before insert or update or delete on projects_inspection
    for each row execute function projects_inspection_moves();
create function projects_inspectors_stay() returns trigger language plpgsql as $$
declare
    part record := case when tg_op = 'DELETE' then old else new end;
    owner record;
begin
    select project_id, done_on into owner from projects_inspection where id = part.inspection_id;
    if owner.done_on is not null then perform projects_no('an inspection that is over stays as it is'); end if;
    if tg_op <> 'DELETE' and projects_reported_by(owner.project_id, part.user_id) then
        perform projects_no('an inspection is made by somebody who does not report the works');
    end if;
    return part;
end $$;
create trigger inspectors_stay before insert or update or delete on projects_inspection_inspectors
    for each row execute function projects_inspectors_stay();

-- findings: the words stay; closed only after an accepted rectification, and stays closed
create function projects_finding_moves() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then perform projects_no('a finding is kept'); end if;
    if tg_op = 'INSERT' then
        if new.state <> 'open' then perform projects_no('a finding begins open'); end if;
        return new;
    end if;
    if old.state = 'closed' then perform projects_no('a closed finding stays closed'); end if;
    if row(old.inspection_id, old.ref, old.text, old.clause, old.severity)
            is distinct from row(new.inspection_id, new.ref, new.text, new.clause, new.severity) then
        perform projects_no('a finding stays as it was written');
    end if;
    if old.due_on <> new.due_on and not (old.state = 'rectified' and new.state = 'open') then
        perform projects_no('the day a finding is due moves only with the answer to a rectification');
    end if;
    if old.state = 'open' and new.state = 'closed' then perform projects_no('a finding is rectified before it is closed'); end if;
    if new.state = 'closed' and (new.closed_by_id is null or not exists (
            select 1 from projects_rectification where finding_id = new.id and accepted and checked_by_id = new.closed_by_id)) then
        perform projects_no('a finding is closed by whoever accepted what was done');
    end if;
    return new;
end $$;
create trigger finding_moves before insert or update or delete on projects_finding
    for each row execute function projects_finding_moves();
create function projects_rectification_moves() returns trigger language plpgsql as $$
declare
    owner bigint := (select i.project_id from projects_finding f join projects_inspection i on i.id = f.inspection_id
        where f.id = case when tg_op = 'DELETE' then old.finding_id else new.finding_id end);
begin
    if tg_op = 'DELETE' then perform projects_no('a rectification is kept'); end if;
    if tg_op = 'INSERT' then
        if new.accepted is not null then perform projects_no('a rectification is checked after it was reported'); end if;
        if projects_looked_at_by(owner, new.done_by_id) then
            perform projects_no('whoever inspects a project does not put its findings right');
        end if;
        return new;
    end if;
    if old.accepted is not null or row(old.finding_id, old.number, old.due_on, old.text, old.done_by_id, old.done_at)
            is distinct from row(new.finding_id, new.number, new.due_on, new.text, new.done_by_id, new.done_at) then
        perform projects_no('what was said of a rectification stays');
    end if;
    if new.checked_by_id is not null and projects_reported_by(owner, new.checked_by_id) then
        perform projects_no('a finding is closed by somebody who does not report the works');
    end if;
    return new;
end $$;
create trigger rectification_moves before insert or update or delete on projects_rectification
    for each row execute function projects_rectification_moves();

-- rules
create function projects_works_rule_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        if old.state <> 'draft' then perform projects_no('a published rule is kept'); end if;
        return old;
    end if;
    if old.state <> 'draft' and row(old.version, old.values, old.source, old.certainty, old.drafted_by_id, old.published_by_id, old.published_at)
            is distinct from row(new.version, new.values, new.source, new.certainty, new.drafted_by_id, new.published_by_id, new.published_at) then
        perform projects_no('a published rule does not change');
    end if;
    if old.state = 'retired' and new.state <> 'retired' or old.state = 'published' and new.state = 'draft' then
        perform projects_no('a rule does not go back');
    end if;
    return new;
end $$;
create trigger works_rule_stays before update or delete on projects_worksrule
    for each row execute function projects_works_rule_stays();

-- draws: the list is frozen before the seed is known, and the result is what the seed makes of it.
-- Efraimidis and Spirakis (2006): the largest u^(1/w); here ln(u)/w, which has the same order.
create function projects_draw(seed text, list jsonb, how_many int) returns jsonb language sql immutable as $$
    select coalesce(jsonb_agg(ref order by place), '[]'::jsonb) from (
        select ref, row_number() over (order by ln(u) / weight desc, ref) as place from (
            select one->>'ref' as ref, (one->>'weight')::float8 as weight,
                ((('x' || substr(encode(sha256(convert_to(seed || '|' || (one->>'ref'), 'UTF8')), 'hex'), 1, 13))::bit(52)::bigint
                    + 0.5) / 4503599627370496::float8)::float8 as u
            from jsonb_array_elements(list) as one) as numbers) as places
    where place <= how_many
$$;
create function projects_draw_moves() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then perform projects_no('a draw is kept'); end if;
    if tg_op = 'INSERT' then
        if new.seed <> '' or new.drawn_at is not null or new.chosen <> '[]'::jsonb then
            perform projects_no('a draw is announced before its seed is known');
        end if;
        if new.seed_expected_at <= clock_timestamp() then perform projects_no('a draw is announced before its seed is known'); end if;
        return new;
    end if;
    if old.drawn_at is not null or old.voided_at is not null then perform projects_no('a draw that is over stays as it is'); end if;
    if row(old.city_id, old.area_id, old.ref, old.rule_id, old.count, old.weights, old.list_sha256, old.seed_source, old.seed_expected_at,
                old.announced_by_id, old.announced_at)
            is distinct from row(new.city_id, new.area_id, new.ref, new.rule_id, new.count, new.weights, new.list_sha256, new.seed_source,
                new.seed_expected_at, new.announced_by_id, new.announced_at) then
        perform projects_no('what was announced of a draw stays');
    end if;
    if new.drawn_at is not null then
        if clock_timestamp() < new.seed_expected_at then perform projects_no('the seed is not known yet'); end if;
        if new.chosen <> projects_draw(new.seed, new.weights, new.count) then
            perform projects_no('what was drawn is not what the seed makes of the list');
        end if;
    elsif new.seed <> '' or new.chosen <> '[]'::jsonb then
        perform projects_no('seed and result are written together');
    end if;
    return new;
end $$;
create trigger draw_moves before insert or update or delete on projects_inspectiondraw
    for each row execute function projects_draw_moves();
"""

ALLOW = """
drop trigger draw_moves on projects_inspectiondraw; drop function projects_draw_moves(); drop function projects_draw(text, jsonb, int);
drop trigger works_rule_stays on projects_worksrule; drop function projects_works_rule_stays();
drop trigger rectification_moves on projects_rectification; drop function projects_rectification_moves();
drop trigger finding_moves on projects_finding; drop function projects_finding_moves();
drop trigger inspectors_stay on projects_inspection_inspectors; drop function projects_inspectors_stay();
drop trigger inspection_moves on projects_inspection; drop function projects_inspection_moves();
drop trigger milestone_changes_stay on projects_milestonechange;
drop trigger milestone_moves on projects_milestone; drop function projects_milestone_moves();
drop trigger photos_stay on projects_photo;
drop trigger report_versions_stay on projects_reportversion;
drop trigger report_moves on projects_progressreport; drop function projects_report_moves();
drop trigger works_begin on projects_project; drop function projects_works_begin();
drop function projects_looked_at_by(bigint, bigint); drop function projects_reported_by(bigint, bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0015_works_on_site")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
