"""The stock ledger is append-only: a wrong line is answered by a correction, never rewritten."""

from django.db import migrations

REFUSE = """
create trigger stock_ledger_is_append_only before update or delete on inventory_stockmovement
    for each row execute function core_refuse_change();
"""
ALLOW = "drop trigger stock_ledger_is_append_only on inventory_stockmovement;"


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial"), ("core", "0002_database_promises")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
