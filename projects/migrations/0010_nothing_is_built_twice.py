"""What an imported list says of a project; rules and checks against building twice stay as they were."""

from django.db import migrations, models

REFUSE = """
create function projects_duplicate_rule_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        if old.state <> 'draft' then perform projects_no('a published rule is kept'); end if;
        return old;
    end if;
    if old.state <> 'draft' and (to_jsonb(old) - 'state') <> (to_jsonb(new) - 'state') then
        perform projects_no('a published rule does not change');
    end if;
    if old.state = 'retired' and new.state <> 'retired' or old.state = 'published' and new.state = 'draft' then
        perform projects_no('a rule does not go back');
    end if;
    return new;
end $$;
create trigger duplicate_rule_stays before update or delete on projects_duplicaterule
    for each row execute function projects_duplicate_rule_stays();
create unique index duplicate_rule_published_once on projects_duplicaterule
    (coalesce(city_id, 0), coalesce(service_id, 0)) where state = 'published';

-- what was found stays; with a draft that was never handed in it may go
create function projects_duplicate_check_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' or exists (select 1 from projects_case where project_id = old.project_id) then
        perform projects_no('a check against building twice is kept');
    end if;
    return old;
end $$;
create trigger duplicate_check_stays before update or delete on projects_duplicatecheck
    for each row execute function projects_duplicate_check_stays();

-- handed in only with the reason that the newest check asks for
create function projects_duplicate_reason_given() returns trigger language plpgsql as $$
declare
    what record;
    needed boolean;
begin
    select p.id, p.duplicate_reason, c.tranche_id into what from projects_case c join projects_project p on p.id = c.project_id
        where c.id = new.case_id;
    if what.tranche_id is not null then return new; end if;
    select needs_reason into needed from projects_duplicatecheck where project_id = what.id
        order by checked_at desc, id desc limit 1;
    if needed and btrim(what.duplicate_reason) = '' then
        perform projects_no('others are near: a reason is needed before it is handed in');
    end if;
    return new;
end $$;
create trigger duplicate_reason_given before insert on projects_submission
    for each row execute function projects_duplicate_reason_given();
"""
ALLOW = """
drop trigger duplicate_reason_given on projects_submission; drop function projects_duplicate_reason_given();
drop trigger duplicate_check_stays on projects_duplicatecheck; drop function projects_duplicate_check_stays();
drop index duplicate_rule_published_once;
drop trigger duplicate_rule_stays on projects_duplicaterule; drop function projects_duplicate_rule_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0021_alerts_stay_as_said")]
    operations = [
        migrations.AddField(
            "project", "site", models.CharField("site in words", max_length=200, blank=True, default=""), preserve_default=False
        ),
        migrations.AddField(
            "project", "owner", models.CharField("who builds it", max_length=160, blank=True, default=""), preserve_default=False
        ),
        migrations.AddField(
            "project", "lead_department", models.CharField("department in the lead", max_length=120, blank=True, default=""),
            preserve_default=False,
        ),
        migrations.AddField(
            "project", "stage", models.CharField("stage, as the list has it", max_length=60, blank=True, default=""),
            preserve_default=False,
        ),
        migrations.RunSQL(REFUSE, ALLOW),
    ]  # fmt: skip
