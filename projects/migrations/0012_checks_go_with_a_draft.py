"""A draft that was never handed in can be deleted with the checks made of it; 0010 keeps those of every other project."""

from django.db import migrations

GO = "drop trigger if exists duplicate_checks_stay on projects_duplicatecheck"
STAY = """
create trigger duplicate_checks_stay before update or delete on projects_duplicatecheck
    for each row execute function core_refuse_change()
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0035_events_in_order_and_rules_by_two")]
    operations = [migrations.RunSQL(GO, STAY)]
