"""What was told of a draft stays word for word when the draft is deleted; only the tie to the row is let go."""

from django.db import migrations

LET_GO = """
create or replace function projects_event_stays() returns trigger language plpgsql as $$
begin
    if old.project_id is not null and new.project_id is null
            and (to_jsonb(new) - 'project_id') = (to_jsonb(old) - 'project_id')
            and not exists (select 1 from projects_case where project_id = old.project_id) then
        return new;
    end if;
    perform projects_no('what was told stays as it was told');
    return null;
end $$;
"""
HOLD = """
create or replace function projects_event_stays() returns trigger language plpgsql as $$
begin
    perform projects_no('what was told stays as it was told');
    return null;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0012_checks_go_with_a_draft")]
    operations = [migrations.RunSQL(LET_GO, HOLD)]
