"""What the database itself promises of plans: a frozen version never changes, and it goes only with its whole city.

Changes are refused at once. What is taken away is looked at when the transaction ends: then a version whose city is gone
too may go, in whatever order its rows went, and parts of a version may go only with the version. Comments and
explanations hang on a version without being part of it.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

REFUSE = """
create function planning_frozen_version_stays() returns trigger language plpgsql as $$
declare
    -- what a record elsewhere takes with it when it is deleted: it may become nothing, and nothing else
    ties text[] := array['created_by_id', 'frozen_by_id', 'job_id', 'parent_id'];
    tie text;
begin
    if old.state <> 'frozen' then
        return new;
    end if;
    if to_jsonb(new) - ties is distinct from to_jsonb(old) - ties then
        raise exception 'version % of plan % is frozen', old.number, old.plan_id using errcode = 'integrity_constraint_violation';
    end if;
    foreach tie in array ties loop
        if to_jsonb(new) -> tie is distinct from to_jsonb(old) -> tie and to_jsonb(new) -> tie <> 'null'::jsonb then
            raise exception 'version % of plan % is frozen', old.number, old.plan_id using errcode = 'integrity_constraint_violation';
        end if;
    end loop;
    return new;
end $$;
create trigger frozen_version_stays before update on planning_planversion
    for each row execute function planning_frozen_version_stays();

-- Whose city it is can be asked only while the plan is there; whether that city is gone only when all is done.
create function planning_frozen_version_leaves() returns trigger language plpgsql as $$
begin
    if old.state = 'frozen' then
        perform set_config('pingji.city_of_version_' || old.id,
            coalesce((select city_id::text from planning_plan where id = old.plan_id), ''), true);
    end if;
    return old;
end $$;
create trigger frozen_version_leaves before delete on planning_planversion
    for each row execute function planning_frozen_version_leaves();
create function planning_frozen_version_left() returns trigger language plpgsql as $$
declare
    city text := current_setting('pingji.city_of_version_' || old.id, true);
begin
    if old.state = 'frozen' and city <> '' and exists (select 1 from core_city where id = city::bigint) then
        raise exception 'version % is frozen and goes only with its city', old.number
            using errcode = 'integrity_constraint_violation';
    end if;
    return null;
end $$;
create constraint trigger frozen_version_left after delete on planning_planversion deferrable initially deferred
    for each row execute function planning_frozen_version_left();

create function planning_frozen_version_of(tab text, part jsonb) returns bigint language sql stable as $$
    select case tab
        when 'planning_intervention' then (part ->> 'version_id')::bigint
        when 'planning_interventionmoney' then
            (select version_id from planning_intervention where id = (part ->> 'intervention_id')::bigint)
        else (part ->> 'planversion_id')::bigint end
$$;
create function planning_frozen_part_stays() returns trigger language plpgsql as $$
declare
    owner bigint := planning_frozen_version_of(tg_table_name, to_jsonb(new));
    was bigint := case when tg_op = 'UPDATE' then planning_frozen_version_of(tg_table_name, to_jsonb(old)) end;
begin
    if exists (select 1 from planning_planversion where id in (owner, was) and state = 'frozen') then
        raise exception 'a frozen version keeps its %', tg_table_name using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end $$;
create function planning_frozen_part_left() returns trigger language plpgsql as $$
begin
    -- money whose intervention is gone too was part of what that row's own trigger judges
    if exists (select 1 from planning_planversion
               where id = planning_frozen_version_of(tg_table_name, to_jsonb(old)) and state = 'frozen') then
        raise exception 'a frozen version keeps its %', tg_table_name using errcode = 'integrity_constraint_violation';
    end if;
    return null;
end $$;
"""
PARTS = [
    "planning_intervention",
    "planning_interventionmoney",
    "planning_planversion_baseline_runs",
    "planning_planversion_services",
]
for part in PARTS:
    REFUSE += f"""
create trigger frozen_part_stays before insert or update on {part}
    for each row execute function planning_frozen_part_stays();
create constraint trigger frozen_part_left after delete on {part} deferrable initially deferred
    for each row execute function planning_frozen_part_left();
"""
ALLOW = "".join(
    f"drop trigger frozen_part_left on {part}; drop trigger frozen_part_stays on {part};\n" for part in PARTS
)
ALLOW += """
drop trigger frozen_version_left on planning_planversion;
drop trigger frozen_version_leaves on planning_planversion;
drop trigger frozen_version_stays on planning_planversion;
drop function planning_frozen_part_left();
drop function planning_frozen_part_stays();
drop function planning_frozen_version_of(text, jsonb);
drop function planning_frozen_version_left();
drop function planning_frozen_version_leaves();
drop function planning_frozen_version_stays();
"""


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("planning", "0072_plans_people_can_argue_over"),
    ]
    operations = [
        migrations.AddField(
            model_name="planversion",
            name="content_sha256",
            field=models.CharField(
                blank=True,
                help_text="Of question, runs, change-set and money; see planning.services.plan_freeze.",
                max_length=64,
                verbose_name="hash of what was frozen",
            ),
        ),
        migrations.AddField(
            model_name="planversion",
            name="frozen_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="frozen by",
            ),
        ),
        migrations.RunSQL(REFUSE, ALLOW),
    ]
