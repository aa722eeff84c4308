"""Money holds on every path: tranches and contracts stay as approved and signed, ties go only by two officers, a release
and a payment ask everything again under one lock. Closes what an attack on 0002 found (tests/projects/test_money_attacks.py)."""

from importlib import import_module

from django.db import migrations

HOLD = """
-- what was signed and moved: written once
create trigger contracts_stay before update or delete on projects_contract
    for each row execute function core_refuse_change();
create trigger supplements_stay before update or delete on projects_supplementaryagreement
    for each row execute function core_refuse_change();
create function projects_supplement_allowed() returns trigger language plpgsql as $$
begin
    perform 1 from projects_contract where id = new.contract_id for update;
    if (select amount_fen from projects_contract where id = new.contract_id) + new.amount_fen + (
            select coalesce(sum(amount_fen), 0) from projects_supplementaryagreement where contract_id = new.contract_id) <= 0 then
        perform projects_no('a contract holds more than nothing');
    end if;
    return new;
end $$;
create trigger supplement_allowed before insert on projects_supplementaryagreement
    for each row execute function projects_supplement_allowed();

-- a table of money is not emptied in one stroke. Only the databases of tests say that theirs may be.
create function projects_no_truncate() returns trigger language plpgsql as $$
begin
    if current_setting('pingji.may_truncate', true) is distinct from 'on' then
        perform projects_no(tg_table_name || ' is not emptied');
    end if;
    return null;
end $$;
do $$
declare
    one text;
begin
    foreach one in array array['release', 'payment', 'budgetline', 'tranche', 'milestone', 'contract', 'supplementaryagreement',
            'conditionmove', 'condition', 'tranche_conditions', 'tranche_milestones', 'case', 'step', 'submission', 'evidence',
            'commissioning', 'project'] loop
        execute format('create trigger not_emptied before truncate on projects_%s for each statement
            execute function projects_no_truncate()', one);
    end loop;
end $$;

-- tranches: as they were handed in and approved
create function projects_tranche_stays() returns trigger language plpgsql as $$
declare
    owner bigint;
    held record;
begin
    if tg_op = 'UPDATE' and row(old.project_id, old.number, old.name, old.amount_fen, old.final)
            is not distinct from row(new.project_id, new.number, new.name, new.amount_fen, new.final) then
        return new;
    end if;
    foreach owner in array case tg_op when 'INSERT' then array[new.project_id] when 'DELETE' then array[old.project_id]
            else array[old.project_id, new.project_id] end loop
        select approved_fen, state into held from projects_project where id = owner for update;
        if held.approved_fen is not null or held.state = 'review' then
            perform projects_no('tranches stay as they were handed in and approved');
        end if;
    end loop;
    return case when tg_op = 'DELETE' then old else new end;
end $$;
create trigger tranche_stays before insert or update or delete on projects_tranche
    for each row execute function projects_tranche_stays();

-- approved money: by an approved case, and the tranches hold no more than it
create function projects_approved_by_case() returns trigger language plpgsql as $$
begin
    if new.approved_fen is null then return new; end if;
    if not exists (select 1 from projects_case where project_id = new.id and tranche_id is null
            and state in ('approved', 'conditional')) then
        perform projects_no('money is approved by the case of its project');
    end if;
    if (tg_op = 'INSERT' or old.approved_fen is null) and new.approved_fen < (
            select coalesce(sum(amount_fen), 0) from projects_tranche where project_id = new.id) then
        perform projects_no('the tranches hold more than is approved');
    end if;
    return new;
end $$;
create trigger approved_by_case before insert or update on projects_project
    for each row execute function projects_approved_by_case();

-- a case asks one question from its first day to its last
create function projects_case_stays() returns trigger language plpgsql as $$
begin
    if row(old.project_id, old.tranche_id, old.route_id, old.ref) is distinct from row(new.project_id, new.tranche_id, new.route_id, new.ref) then
        perform projects_no('a case keeps its project, its tranche and its route');
    end if;
    return new;
end $$;
create trigger case_stays before update on projects_case for each row execute function projects_case_stays();

-- conditions: what was asked stays; met in the eyes of somebody who did not draft; waived only with the round it was asked in
create function projects_condition_holds() returns trigger language plpgsql as $$
declare
    asked record;
begin
    if row(old.project_id, old.step_id, old.text) is distinct from row(new.project_id, new.step_id, new.text) then
        perform projects_no('a condition stays as it was asked');
    end if;
    if new.state = old.state then return new; end if;
    select c.id, c.state, c.drafter_id, c.round as now_round, s.round, p.created_by_id into asked
        from projects_step s join projects_case c on c.id = s.case_id join projects_project p on p.id = c.project_id
        where s.id = new.step_id;
    if new.state = 'met' and (new.settled_by_id in (asked.drafter_id, asked.created_by_id) or exists (
            select 1 from projects_submission where case_id = asked.id and submitted_by_id = new.settled_by_id)) then
        perform projects_no('whoever drafted it does not say that its conditions are met');
    end if;
    if new.state = 'waived' and asked.state not in ('returned', 'refused', 'withdrawn') and asked.round >= asked.now_round then
        perform projects_no('a condition is met, not waived');
    end if;
    return new;
end $$;
create trigger condition_holds before update on projects_condition
    for each row execute function projects_condition_holds();

-- ties: more of them at any time before the release; an open condition leaves a tranche only for another one, by two officers
create function projects_tie_allowed() returns trigger language plpgsql as $$
declare
    owner bigint := (select project_id from projects_tranche where id = new.tranche_id);
    other bigint := case when tg_table_name = 'projects_tranche_conditions'
        then (select project_id from projects_condition where id = (to_jsonb(new)->>'condition_id')::bigint)
        else (select project_id from projects_milestone where id = (to_jsonb(new)->>'milestone_id')::bigint) end;
begin
    perform 1 from projects_project where id = owner for update;
    if owner is distinct from other then
        perform projects_no('a tranche waits for conditions and milestones of its own project');
    end if;
    if exists (select 1 from projects_release where tranche_id = new.tranche_id) then
        perform projects_no('this tranche is released already');
    end if;
    return new;
end $$;
create trigger tie_allowed before insert on projects_tranche_conditions
    for each row execute function projects_tie_allowed();
create trigger tie_allowed before insert on projects_tranche_milestones
    for each row execute function projects_tie_allowed();

create or replace function projects_tie_stays() returns trigger language plpgsql as $$
declare
    held record;
begin
    if tg_op = 'UPDATE' then perform projects_no('a tie is added or goes, it does not turn into another one'); end if;
    select p.id, p.approved_fen, p.state into held from projects_tranche t join projects_project p on p.id = t.project_id
        where t.id = old.tranche_id;
    perform 1 from projects_project where id = held.id for update;
    if exists (select 1 from projects_release where tranche_id = old.tranche_id) then
        perform projects_no('what a release was decided with stays');
    end if;
    if tg_table_name = 'projects_tranche_conditions' and exists (
            select 1 from projects_condition where id = (to_jsonb(old)->>'condition_id')::bigint and state = 'open')
        and not exists (select 1 from projects_conditionmove m
            join projects_tranche_conditions tc on tc.condition_id = m.condition_id and tc.tranche_id = m.to_tranche_id
            where m.tie = old.id and m.from_tranche_id = old.tranche_id and m.agreed
                and m.condition_id = (to_jsonb(old)->>'condition_id')::bigint
                and not exists (select 1 from projects_release r where r.tranche_id = m.to_tranche_id)) then
        perform projects_no('an open condition is not untied from its tranche');
    end if;
    if tg_table_name = 'projects_tranche_milestones' and (held.approved_fen is not null or held.state = 'review') and exists (
            select 1 from projects_milestone where id = (to_jsonb(old)->>'milestone_id')::bigint and reached_on is null) then
        perform projects_no('a milestone that was approved with its tranche is not untied before it is reached');
    end if;
    return old;
end $$;

create function projects_move_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then perform projects_no('a move that was asked for is kept'); end if;
    if tg_op = 'INSERT' then
        if new.agreed is not null then perform projects_no('a move is asked for by one and agreed to by another'); end if;
        if not exists (select 1 from projects_tranche_conditions where id = new.tie and condition_id = new.condition_id
                    and tranche_id = new.from_tranche_id)
                or (select project_id from projects_tranche where id = new.from_tranche_id)
                    <> (select project_id from projects_tranche where id = new.to_tranche_id) then
            perform projects_no('a condition moves between tranches of its project, from one that it holds');
        end if;
        return new;
    end if;
    if old.agreed is not null or row(old.condition_id, old.tie, old.from_tranche_id, old.to_tranche_id, old.reason, old.asked_by_id, old.asked_at)
            is distinct from row(new.condition_id, new.tie, new.from_tranche_id, new.to_tranche_id, new.reason, new.asked_by_id, new.asked_at) then
        perform projects_no('a move stays as it was asked and answered');
    end if;
    if new.agreed and exists (select 1 from projects_project p join projects_tranche t on t.project_id = p.id
            where t.id = new.from_tranche_id and p.created_by_id in (new.answered_by_id, new.asked_by_id)) then
        perform projects_no('whoever drafted it does not move its conditions');
    end if;
    return new;
end $$;
create trigger move_stays before insert or update or delete on projects_conditionmove
    for each row execute function projects_move_stays();

-- sums, under the lock on the project, for the project that had the line and the one that has it
create or replace function projects_lines_are_the_total() returns trigger language plpgsql as $$
declare
    owner bigint;
    approved bigint;
begin
    foreach owner in array array_remove(case
            when tg_table_name = 'projects_project' then array[(to_jsonb(new)->>'id')::bigint]
            when tg_op = 'INSERT' then array[(to_jsonb(new)->>'project_id')::bigint]
            when tg_op = 'DELETE' then array[(to_jsonb(old)->>'project_id')::bigint]
            else array[(to_jsonb(old)->>'project_id')::bigint, (to_jsonb(new)->>'project_id')::bigint] end, null) loop
        select approved_fen into approved from projects_project where id = owner for update;
        if approved is not null and approved <> (
                select coalesce(sum(amount_fen), 0) from projects_budgetline where project_id = owner) then
            perform projects_no('the budget lines add up to what was approved');
        end if;
    end loop;
    return null;
end $$;

create or replace function projects_release_allowed() returns trigger language plpgsql as $$
declare
    what record;
    total bigint;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        perform projects_no('money moves where everybody sees what others have moved (read committed)');
    end if;
    perform 1 from projects_project p join projects_tranche t on t.project_id = p.id where t.id = new.tranche_id for update of p;
    select t.*, p.approved_fen, p.state as project_state into what
        from projects_tranche t join projects_project p on p.id = t.project_id where t.id = new.tranche_id;
    if what.approved_fen is null or what.project_state not in ('approved', 'works', 'commissioned') then
        perform projects_no('money is released for approved projects');
    end if;
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
            join projects_routestage ds on ds.id = dt.stage_id and ds.route_id = c.route_id
            join projects_step r on r.case_id = c.id and r.round = c.round and r.state = 'done'
                and r.outcome in ('approve', 'conditions') and r.done_by_id = new.recommended_by_id
            join projects_routetask rt on rt.id = r.task_id and rt.kind = 'recommend'
            join projects_routestage rs on rs.id = rt.stage_id and rs.route_id = c.route_id
            where c.tranche_id = new.tranche_id and c.state in ('open', 'approved', 'conditional')
                and not exists (select 1 from projects_step s where s.case_id = c.id and s.round = c.round
                    and s.state in ('open', 'waiting'))) then
        perform projects_no('a tranche is released by the decision on it');
    end if;
    -- the last one, whether or not it was called so: a project of one tranche does not go round the check either
    if (what.final or not exists (select 1 from projects_tranche where project_id = what.project_id and number > what.number))
            and not exists (select 1 from projects_commissioning
                where project_id = what.project_id and check_passed and accepted_by_id is not null and built_units > 0) then
        perform projects_no('the last tranche needs the capacity as built and a passed conversion check');
    end if;
    if exists (select 1 from projects_tranche_conditions tc join projects_condition c on c.id = tc.condition_id
                where tc.tranche_id = new.tranche_id and c.state = 'open')
            or exists (select 1 from projects_tranche_milestones tm join projects_milestone m on m.id = tm.milestone_id
                where tm.tranche_id = new.tranche_id and m.reached_on is null) then
        if new.override_by_id is null or btrim(new.override_reason) = '' then
            perform projects_no('a condition or a milestone of this tranche is open');
        end if;
        -- both officers said so themselves, each with a reason
        if new.override_by_id <> new.recommended_by_id or not exists (
                select 1 from projects_case c
                join projects_step d on d.case_id = c.id and d.round = c.round and d.state = 'done' and d.outcome = 'conditions'
                    and d.done_by_id = new.decided_by_id and btrim(d.reason) <> ''
                join projects_routetask dt on dt.id = d.task_id and dt.kind = 'decide'
                join projects_step r on r.case_id = c.id and r.round = c.round and r.state = 'done' and r.outcome = 'conditions'
                    and r.done_by_id = new.recommended_by_id and btrim(r.reason) <> ''
                join projects_routetask rt on rt.id = r.task_id and rt.kind = 'recommend'
                where c.tranche_id = new.tranche_id and c.state in ('open', 'approved', 'conditional')) then
            perform projects_no('although something is open, both officers say so, each with a reason');
        end if;
    elsif new.override_by_id is not null then
        perform projects_no('nothing is open that two officers would have to pass over');
    end if;
    return new;
end $$;

create or replace function projects_payment_allowed() returns trigger language plpgsql as $$
declare
    released bigint;
    paid bigint;
    first record;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        perform projects_no('money moves where everybody sees what others have moved (read committed)');
    end if;
    perform 1 from projects_project where id = new.project_id for update;
    if new.project_id <> (select project_id from projects_tranche where id = new.tranche_id) then
        perform projects_no('the tranche belongs to another project');
    end if;
    if new.contract_id is not null and new.project_id <> (select project_id from projects_contract where id = new.contract_id) then
        perform projects_no('the contract belongs to another project');
    end if;
    if btrim(new.payee) = '' then perform projects_no('a payment has a payee'); end if;
    select coalesce(sum(amount_fen), 0) into released from projects_release where tranche_id = new.tranche_id;
    select coalesce(sum(amount_fen), 0) into paid from projects_payment where tranche_id = new.tranche_id;
    if paid + new.amount_fen > released then perform projects_no('no more is paid than was released'); end if;
    if new.corrects_id is not null then
        select * into first from projects_payment where id = new.corrects_id;
        if new.amount_fen >= 0 or first.corrects_id is not null or row(first.project_id, first.tranche_id, first.contract_id, first.payee)
                is distinct from row(new.project_id, new.tranche_id, new.contract_id, new.payee) then
            perform projects_no('what is taken back goes back where it came from');
        end if;
        if (select coalesce(sum(amount_fen), 0) from projects_payment where id = new.corrects_id or corrects_id = new.corrects_id)
                + new.amount_fen < 0 then
            perform projects_no('no more is taken back than was paid');
        end if;
    end if;
    return new;
end $$;
"""

# What 0002 said of the functions that are replaced above.
_BEFORE = import_module("projects.migrations.0002_what_the_database_refuses").REFUSE


def _as_before(name: str) -> str:
    start = _BEFORE.index(f"create function {name}()")
    return "create or replace " + _BEFORE[start + len("create ") : _BEFORE.index("end $$;", start) + len("end $$;")]


LET_GO = (
    "\n".join(
        _as_before(name)
        for name in (
            "projects_tie_stays", "projects_lines_are_the_total", "projects_release_allowed", "projects_payment_allowed",
        )
    )
    + """
drop trigger move_stays on projects_conditionmove; drop function projects_move_stays();
drop trigger tie_allowed on projects_tranche_milestones; drop trigger tie_allowed on projects_tranche_conditions;
drop function projects_tie_allowed();
drop trigger condition_holds on projects_condition; drop function projects_condition_holds();
drop trigger case_stays on projects_case; drop function projects_case_stays();
drop trigger approved_by_case on projects_project; drop function projects_approved_by_case();
drop trigger tranche_stays on projects_tranche; drop function projects_tranche_stays();
drop function projects_no_truncate() cascade;
drop trigger supplement_allowed on projects_supplementaryagreement; drop function projects_supplement_allowed();
drop trigger supplements_stay on projects_supplementaryagreement; drop trigger contracts_stay on projects_contract;
"""
)


class Migration(migrations.Migration):
    dependencies = [("projects", "0030_contracts_grow_and_conditions_move")]
    operations = [migrations.RunSQL(HOLD, LET_GO)]
