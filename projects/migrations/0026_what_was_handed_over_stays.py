"""A check of the conversion stays as it was found, what was accepted stays accepted, and what somebody did stays done."""

from django.db import migrations

STAY = """
create function projects_commissioning_stays() returns trigger language plpgsql as $$
begin
    if old.accepted_by_id is not null then
        perform projects_no('what was accepted into the registry stays');
    end if;
    if tg_op = 'DELETE' then
        if old.checked_by_id is not null then perform projects_no('what was checked on site stays'); end if;
        return old;
    end if;
    if new.project_id <> old.project_id then perform projects_no('a commissioning belongs to its project'); end if;
    return new;
end $$;
create trigger commissioning_stays before update or delete on projects_commissioning
    for each row execute function projects_commissioning_stays();

create trigger conversion_checks_stay before update or delete on projects_conversioncheck
    for each row execute function core_refuse_change();

create function projects_conversion_check_allowed() returns trigger language plpgsql as $$
declare
    held projects_commissioning%rowtype;
begin
    select * into held from projects_commissioning where id = new.commissioning_id for update;
    if held.accepted_by_id is not null then
        perform projects_no('what was accepted into the registry is not checked again');
    end if;
    if held.handed_by_id = new.checked_by_id then
        perform projects_no('who reported the works does not check them');
    end if;
    return new;
end $$;
create trigger conversion_check_allowed before insert on projects_conversioncheck
    for each row execute function projects_conversion_check_allowed();

create function projects_responsibility_stays() returns trigger language plpgsql as $$
begin
    if old.done_at is not null then perform projects_no('what somebody did stays done'); end if;
    if tg_op = 'DELETE' then return old; end if;
    if (new.done_at is null) <> (new.done_by_id is null) then
        perform projects_no('what is done was done by somebody');
    end if;
    return new;
end $$;
create trigger responsibility_stays before update or delete on projects_responsibility
    for each row execute function projects_responsibility_stays();
"""
GO = """
drop trigger responsibility_stays on projects_responsibility; drop function projects_responsibility_stays();
drop trigger conversion_check_allowed on projects_conversioncheck; drop function projects_conversion_check_allowed();
drop trigger conversion_checks_stay on projects_conversioncheck;
drop trigger commissioning_stays on projects_commissioning; drop function projects_commissioning_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0002_database_promises"), ("projects", "0025_handover_checks")]
    operations = [migrations.RunSQL(STAY, GO)]
