"""What the database itself promises: trigram search, and an audit that nobody can rewrite."""

from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations

REFUSE = """
create function core_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'integrity_constraint_violation';
end $$;
create trigger audit_is_append_only before update or delete on core_auditentry
    for each row execute function core_refuse_change();
"""
ALLOW = """
drop trigger audit_is_append_only on core_auditentry;
drop function core_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]
    run_before = [("facilities", "0001_initial")]
    operations = [TrigramExtension(), migrations.RunSQL(REFUSE, ALLOW)]
