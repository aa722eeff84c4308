"""What no page, program, administrator or command can do: go round two people, an open condition, or a sum."""

from django.db import migrations

REFUSE = """
create function projects_no(said text) returns void language plpgsql as $$
begin
    raise exception '%', said using errcode = 'integrity_constraint_violation';
end $$;

-- routes: a published version stays
create function projects_route_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        if old.state <> 'draft' then perform projects_no('a published route is kept'); end if;
        return old;
    end if;
    if old.state <> 'draft' and (old.sha256 <> new.sha256 or old.document <> new.document or old.version <> new.version
            or old.code <> new.code or old.kind <> new.kind or old.for_tranche <> new.for_tranche) then
        perform projects_no('a published route does not change');
    end if;
    if old.state = 'retired' and new.state <> 'retired' or old.state = 'published' and new.state = 'draft' then
        perform projects_no('a route does not go back');
    end if;
    return new;
end $$;
create trigger route_stays before update or delete on projects_route
    for each row execute function projects_route_stays();
create function projects_route_part_stays() returns trigger language plpgsql as $$
declare
    part record := case when tg_op = 'DELETE' then old else new end;
    owner bigint := case when tg_table_name = 'projects_routestage' then (to_jsonb(part)->>'route_id')::bigint
        else (select route_id from projects_routestage where id = (to_jsonb(part)->>'stage_id')::bigint) end;
begin
    if (select state from projects_route where id = owner) <> 'draft' then
        perform projects_no('a published route does not change');
    end if;
    return part;
end $$;
create trigger route_stages_stay before insert or update or delete on projects_routestage
    for each row execute function projects_route_part_stays();
create trigger route_tasks_stay before insert or update or delete on projects_routetask
    for each row execute function projects_route_part_stays();

-- what was handed in, evidence, money that moved: written once
create trigger submissions_stay before update or delete on projects_submission
    for each row execute function core_refuse_change();
create trigger evidence_stays before update or delete on projects_evidence
    for each row execute function core_refuse_change();
create trigger releases_stay before update or delete on projects_release
    for each row execute function core_refuse_change();
create trigger payments_stay before update or delete on projects_payment
    for each row execute function core_refuse_change();

-- steps: over is over, and two people
create function projects_step_moves() returns trigger language plpgsql as $$
declare
    task_kind text;
    hands bigint[];
    drafters bigint[];
    others bigint[];
begin
    if tg_op <> 'INSERT' and old.state in ('done', 'skipped', 'stopped') then
        perform projects_no('a step that is over stays as it is');
    end if;
    if tg_op = 'DELETE' then return old; end if;
    if new.state <> 'done' then return new; end if;
    select kind into task_kind from projects_routetask where id = new.task_id;
    if task_kind not in ('recommend', 'decide') then return new; end if;
    perform 1 from projects_case where id = new.case_id for update;
    hands := array_remove(array[new.done_by_id, new.done_for_id], null);
    select array_agg(who) into drafters from (
        select drafter_id as who from projects_case where id = new.case_id
        union select submitted_by_id from projects_submission where case_id = new.case_id
        union select p.created_by_id from projects_project p join projects_case c on c.project_id = p.id
            where c.id = new.case_id and p.created_by_id is not null) as d;
    if hands && drafters then
        perform projects_no('whoever drafted it may neither recommend nor decide');
    end if;
    select array_remove(array_agg(s.done_by_id) || array_agg(s.done_for_id), null) into others
        from projects_step s join projects_routetask t on t.id = s.task_id
        where s.case_id = new.case_id and s.state = 'done' and s.id is distinct from new.id
            and t.kind in ('recommend', 'decide') and t.kind <> task_kind;
    if hands && others then
        perform projects_no('recommending and deciding are done by two different people');
    end if;
    return new;
end $$;
create trigger step_moves before insert or update or delete on projects_step
    for each row execute function projects_step_moves();

-- cases: decided is decided, and approved only by a decision
create function projects_case_moves() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' and old.state in ('approved', 'conditional', 'refused', 'withdrawn') then
        perform projects_no('a case that is over stays as it is');
    end if;
    if tg_op = 'DELETE' then return old; end if;
    if new.state in ('approved', 'conditional', 'refused') and not exists (
            select 1 from projects_step s join projects_routetask t on t.id = s.task_id
            where s.case_id = new.id and s.round = new.round and s.state = 'done' and t.kind = 'decide'
                and (s.outcome = 'refuse') = (new.state = 'refused') and s.outcome <> 'return')
        then perform projects_no('a case is decided by its decision');
    end if;
    return new;
end $$;
create trigger case_moves before insert or update or delete on projects_case
    for each row execute function projects_case_moves();

-- projects: approved only by an approved case
create function projects_project_moves() returns trigger language plpgsql as $$
begin
    if new.state in ('approved', 'works', 'commissioned') and not exists (
            select 1 from projects_case where project_id = new.id and tranche_id is null
                and state in ('approved', 'conditional'))
        then perform projects_no('a project is approved by its case');
    end if;
    if tg_op = 'UPDATE' and old.approved_fen is not null and new.approved_fen is distinct from old.approved_fen then
        perform projects_no('what was approved stays');
    end if;
    if new.state = 'commissioned' and not exists (select 1 from projects_commissioning
            where project_id = new.id and check_passed and accepted_by_id is not null)
        then perform projects_no('a project is commissioned after its conversion check has been passed and accepted');
    end if;
    return new;
end $$;
create trigger project_moves before insert or update on projects_project
    for each row execute function projects_project_moves();

-- conditions: settled is settled; a met one has a name
create function projects_condition_moves() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' and old.state <> 'open' then perform projects_no('a settled condition stays'); end if;
    if tg_op = 'DELETE' then perform projects_no('a condition is kept'); end if;
    if new.state = 'met' and (new.settled_by_id is null or new.note = '') then
        perform projects_no('a condition is met by somebody, and how');
    end if;
    if new.state = 'waived' and (select state from projects_case where id =
            (select case_id from projects_step where id = new.step_id)) in ('approved', 'conditional')
            and new.settled_by_id is null then
        perform projects_no('a condition of an approval is not waived by itself');
    end if;
    return new;
end $$;
create trigger condition_moves before insert or update or delete on projects_condition
    for each row execute function projects_condition_moves();
create function projects_tie_stays() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'projects_tranche_conditions' and exists (
            select 1 from projects_condition where id = (to_jsonb(old)->>'condition_id')::bigint and state = 'open') then
        perform projects_no('an open condition is not untied from its tranche');
    end if;
    if tg_table_name = 'projects_tranche_milestones' and exists (
            select 1 from projects_milestone m join projects_project p on p.id = m.project_id
            where m.id = (to_jsonb(old)->>'milestone_id')::bigint and m.reached_on is null and p.approved_fen is not null) then
        perform projects_no('a milestone that was approved with its tranche is not untied before it is reached');
    end if;
    return old;
end $$;
create trigger tie_stays before delete or update on projects_tranche_conditions
    for each row execute function projects_tie_stays();
create trigger tie_stays before delete or update on projects_tranche_milestones
    for each row execute function projects_tie_stays();
alter table projects_milestone add constraint milestone_reached_by_somebody
    check (reached_on is null or (seen_by_id is not null and reported_by_id is not null));

-- sums
create function projects_lines_are_the_total() returns trigger language plpgsql as $$
declare
    owner bigint := case when tg_table_name = 'projects_project' then (to_jsonb(new)->>'id')::bigint
        else (to_jsonb(case when tg_op = 'DELETE' then old else new end)->>'project_id')::bigint end;
    approved bigint;
begin
    select approved_fen into approved from projects_project where id = owner;
    if approved is not null and approved <> (
            select coalesce(sum(amount_fen), 0) from projects_budgetline where project_id = owner) then
        perform projects_no('the budget lines add up to what was approved');
    end if;
    return null;
end $$;
create constraint trigger lines_are_the_total after insert or update or delete on projects_budgetline
    deferrable initially deferred for each row execute function projects_lines_are_the_total();
create constraint trigger lines_are_the_total after insert or update on projects_project
    deferrable initially deferred for each row execute function projects_lines_are_the_total();

create function projects_release_allowed() returns trigger language plpgsql as $$
declare
    what record;
    total bigint;
begin
    select t.*, p.approved_fen, p.created_by_id into what
        from projects_tranche t join projects_project p on p.id = t.project_id where t.id = new.tranche_id;
    perform 1 from projects_project where id = what.project_id for update;
    if what.approved_fen is null then perform projects_no('money is released for approved projects'); end if;
    if new.amount_fen > what.amount_fen then perform projects_no('no more is released than the tranche holds'); end if;
    select coalesce(sum(r.amount_fen), 0) into total from projects_release r
        join projects_tranche t on t.id = r.tranche_id where t.project_id = what.project_id;
    if total + new.amount_fen > what.approved_fen then
        perform projects_no('no more is released than the budget holds');
    end if;
    if not exists (select 1 from projects_case c
            join projects_step d on d.case_id = c.id and d.round = c.round and d.state = 'done'
                and d.outcome in ('approve', 'conditions') and d.done_by_id = new.decided_by_id
            join projects_routetask dt on dt.id = d.task_id and dt.kind = 'decide'
            join projects_step r on r.case_id = c.id and r.round = c.round and r.state = 'done'
                and r.done_by_id = new.recommended_by_id
            join projects_routetask rt on rt.id = r.task_id and rt.kind = 'recommend'
            where c.tranche_id = new.tranche_id) then
        perform projects_no('a tranche is released by the decision on it');
    end if;
    if what.final and not exists (select 1 from projects_commissioning
            where project_id = what.project_id and check_passed and accepted_by_id is not null) then
        perform projects_no('the last tranche needs the capacity as built and a passed conversion check');
    end if;
    if (exists (select 1 from projects_tranche_conditions tc join projects_condition c on c.id = tc.condition_id
                where tc.tranche_id = new.tranche_id and c.state = 'open')
            or exists (select 1 from projects_tranche_milestones tm join projects_milestone m on m.id = tm.milestone_id
                where tm.tranche_id = new.tranche_id and m.reached_on is null))
            and (new.override_by_id is null or new.override_reason = '') then
        perform projects_no('a condition or a milestone of this tranche is open');
    end if;
    return new;
end $$;
create trigger release_allowed before insert on projects_release
    for each row execute function projects_release_allowed();

create function projects_payment_allowed() returns trigger language plpgsql as $$
declare
    released bigint;
    paid bigint;
begin
    perform 1 from projects_project where id = new.project_id for update;
    if new.project_id <> (select project_id from projects_tranche where id = new.tranche_id) then
        perform projects_no('the tranche belongs to another project');
    end if;
    select coalesce(sum(amount_fen), 0) into released from projects_release where tranche_id = new.tranche_id;
    select coalesce(sum(amount_fen), 0) into paid from projects_payment where tranche_id = new.tranche_id;
    if paid + new.amount_fen > released then perform projects_no('no more is paid than was released'); end if;
    if new.corrects_id is not null and (
            select coalesce(sum(amount_fen), 0) from projects_payment where id = new.corrects_id or corrects_id = new.corrects_id
        ) + new.amount_fen < 0 then
        perform projects_no('no more is taken back than was paid');
    end if;
    return new;
end $$;
create trigger payment_allowed before insert on projects_payment
    for each row execute function projects_payment_allowed();
"""

ALLOW = """
drop trigger payment_allowed on projects_payment; drop function projects_payment_allowed();
drop trigger release_allowed on projects_release; drop function projects_release_allowed();
drop trigger lines_are_the_total on projects_project; drop trigger lines_are_the_total on projects_budgetline;
drop function projects_lines_are_the_total();
alter table projects_milestone drop constraint milestone_reached_by_somebody;
drop trigger tie_stays on projects_tranche_milestones; drop trigger tie_stays on projects_tranche_conditions;
drop function projects_tie_stays();
drop trigger condition_moves on projects_condition; drop function projects_condition_moves();
drop trigger project_moves on projects_project; drop function projects_project_moves();
drop trigger case_moves on projects_case; drop function projects_case_moves();
drop trigger step_moves on projects_step; drop function projects_step_moves();
drop trigger payments_stay on projects_payment; drop trigger releases_stay on projects_release;
drop trigger evidence_stays on projects_evidence; drop trigger submissions_stay on projects_submission;
drop trigger route_tasks_stay on projects_routetask; drop trigger route_stages_stay on projects_routestage;
drop function projects_route_part_stays();
drop trigger route_stays on projects_route; drop function projects_route_stays();
drop function projects_no(text);
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0002_database_promises"), ("projects", "0001_initial")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
