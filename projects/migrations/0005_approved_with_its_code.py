"""A project is approved with its national investment code, and keeps one; a recommendation can propose conditions."""

from django.db import migrations, models

REFUSE = r"""
create function projects_code_of_approved() returns trigger language plpgsql as $$
begin
    if new.state = 'approved' and old.state not in ('approved', 'works', 'commissioned')
            and new.investment_code !~ '^\d{2}(0[1-9]|1[0-2])-\d{6}-\d{2}-\d{2}-\d{6}$' then
        perform projects_no('a project is approved with its national investment code');
    end if;
    if old.approved_fen is not null and old.investment_code <> '' and new.investment_code = '' then
        perform projects_no('an approved project keeps its national investment code');
    end if;
    return new;
end $$;
create trigger project_code before update on projects_project
    for each row execute function projects_code_of_approved();
"""
ALLOW = """
drop trigger project_code on projects_project; drop function projects_code_of_approved();
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0004_what_stays_as_it_was_said")]
    operations = [
        migrations.AddField(
            model_name="step",
            name="proposed",
            field=models.JSONField(blank=True, default=list, verbose_name="conditions proposed"),
        ),
        migrations.RunSQL(REFUSE, ALLOW),
    ]
