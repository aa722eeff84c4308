"""A project has an owner now, so the variable of that name in the sum of budget lines gets another."""

from django.db import migrations

SUMS = """
create or replace function projects_lines_are_the_total() returns trigger language plpgsql as $$
declare
    of_project bigint := case when tg_table_name = 'projects_project' then (to_jsonb(new)->>'id')::bigint
        else (to_jsonb(case when tg_op = 'DELETE' then old else new end)->>'project_id')::bigint end;
    total_fen bigint;
begin
    select p.approved_fen into total_fen from projects_project p where p.id = of_project;
    if total_fen is not null and total_fen <> (
            select coalesce(sum(l.amount_fen), 0) from projects_budgetline l where l.project_id = of_project) then
        perform projects_no('the budget lines add up to what was approved');
    end if;
    return null;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0010_nothing_is_built_twice")]
    operations = [migrations.RunSQL(SUMS, migrations.RunSQL.noop)]
