"""While a case asks for a project, its cost, units, lines, tranches and milestones stay as they were handed in, whatever the
project's row says of its state: what is approved is what was read."""

from django.db import migrations

HOLD = """
create function projects_being_decided(which bigint) returns boolean language sql stable as $$
    select exists (select 1 from projects_case where project_id = which and tranche_id is null and state = 'open')
$$;

create function projects_facts_stay() returns trigger language plpgsql as $$
begin
    if row(old.cost_fen, old.units) is distinct from row(new.cost_fen, new.units) and projects_being_decided(old.id) then
        perform projects_no('what is being decided on does not change');
    end if;
    return new;
end $$;
create trigger facts_stay before update on projects_project for each row execute function projects_facts_stay();

create function projects_parts_stay() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' and projects_being_decided(old.project_id) or tg_op <> 'DELETE' and projects_being_decided(new.project_id) then
        perform projects_no('what is being decided on does not change');
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end $$;
create trigger parts_stay before insert or update or delete on projects_budgetline
    for each row execute function projects_parts_stay();
create trigger parts_stay before insert or update or delete on projects_tranche
    for each row execute function projects_parts_stay();
create trigger parts_stay before insert or delete or update of project_id, number, planned_on, works_percent on projects_milestone
    for each row execute function projects_parts_stay();
create function projects_tie_read_stays() returns trigger language plpgsql as $$
begin
    if projects_being_decided((select project_id from projects_tranche where id = old.tranche_id)) then
        perform projects_no('what is being decided on does not change');
    end if;
    return old;
end $$;
create trigger tie_read_stays before delete on projects_tranche_milestones
    for each row execute function projects_tie_read_stays();
"""
LET_GO = """
drop trigger tie_read_stays on projects_tranche_milestones; drop function projects_tie_read_stays();
drop trigger parts_stay on projects_milestone; drop trigger parts_stay on projects_tranche;
drop trigger parts_stay on projects_budgetline; drop function projects_parts_stay();
drop trigger facts_stay on projects_project; drop function projects_facts_stay();
drop function projects_being_decided(bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0017_an_outcome_does_not_please")]
    operations = [migrations.RunSQL(HOLD, LET_GO)]
