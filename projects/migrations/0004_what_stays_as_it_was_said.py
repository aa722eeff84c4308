"""A check that a decision was read with, and what went out to the public, stay word for word."""

from django.db import migrations

STAY = """
create trigger duplicate_checks_stay before update or delete on projects_duplicatecheck
    for each row execute function core_refuse_change();
create trigger publications_stay before update or delete on projects_publication
    for each row execute function core_refuse_change();
create trigger publication_rules_stay before update or delete on projects_publicationrule
    for each row execute function core_refuse_change();
create trigger delivery_attempts_stay before update on projects_deliveryattempt
    for each row execute function core_refuse_change();
"""
GO = """
drop trigger delivery_attempts_stay on projects_deliveryattempt;
drop trigger publication_rules_stay on projects_publicationrule;
drop trigger publications_stay on projects_publication;
drop trigger duplicate_checks_stay on projects_duplicatecheck;
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0003_works_rules_and_publication")]
    operations = [migrations.RunSQL(STAY, GO)]
