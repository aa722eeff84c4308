"""A draw whose outcome may be known is called off by somebody else than who announced it."""

from django.db import migrations

REFUSE = """
create function projects_draw_called_off() returns trigger language plpgsql as $$
begin
    if new.voided_at is not null and old.voided_at is null and clock_timestamp() >= old.seed_expected_at
            and new.voided_by_id is not distinct from old.announced_by_id then
        perform projects_no('once the outcome may be known, somebody else calls the draw off');
    end if;
    return new;
end $$;
create trigger draw_called_off before update on projects_inspectiondraw
    for each row execute function projects_draw_called_off();
"""
ALLOW = """
drop trigger draw_called_off on projects_inspectiondraw; drop function projects_draw_called_off();
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0032_a_passed_check_is_a_check")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
