"""What the database itself promises of standards: a published profile never changes, nor do its numbers."""

from django.db import migrations

REFUSE = """
create function planning_refuse_published() returns trigger language plpgsql as $$
declare
    owner bigint := case when tg_op = 'DELETE' then old.profile_id else new.profile_id end;
    said text;
begin
    select status into said from planning_standardprofile where id = owner;
    if tg_op = 'UPDATE' and old.profile_id <> new.profile_id then
        raise exception 'a row of % stays with its profile', tg_table_name using errcode = 'integrity_constraint_violation';
    end if;
    -- no row: the profile itself is being deleted, which its own trigger has allowed
    if said is not null and said <> 'draft' then
        raise exception 'the standards of a % profile do not change', said using errcode = 'integrity_constraint_violation';
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end $$;
create trigger published_standards_stay before insert or update or delete on planning_standard
    for each row execute function planning_refuse_published();
create trigger published_needs_stay before insert or update or delete on planning_minimumneed
    for each row execute function planning_refuse_published();

create function planning_profile_moves() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        if old.status <> 'draft' then
            raise exception 'a % profile is kept', old.status using errcode = 'integrity_constraint_violation';
        end if;
        return old;
    end if;
    if old.status = 'published' and new.status = 'draft' or old.status = 'retired' and new.status <> 'retired' then
        raise exception 'a % profile does not become %', old.status, new.status using errcode = 'integrity_constraint_violation';
    end if;
    if old.status <> 'draft' and (old.parent_id is distinct from new.parent_id or old.area_id is distinct from new.area_id
            or old.family <> new.family or old.version <> new.version or old.level <> new.level or old.code <> new.code) then
        raise exception 'a % profile does not change', old.status using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end $$;
create trigger profile_moves_forward before update or delete on planning_standardprofile
    for each row execute function planning_profile_moves();

create trigger scenario_versions_stay before update on planning_scenarioversion
    for each row execute function core_refuse_change();
"""
ALLOW = """
drop trigger scenario_versions_stay on planning_scenarioversion;
drop trigger profile_moves_forward on planning_standardprofile;
drop function planning_profile_moves();
drop trigger published_needs_stay on planning_minimumneed;
drop trigger published_standards_stay on planning_standard;
drop function planning_refuse_published();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0002_database_promises"), ("planning", "0005_how_much_is_needed")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
