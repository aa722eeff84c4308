"""The owner of a project is called its builder: functions in the database use the word owner for a variable."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("projects", "0010_nothing_is_built_twice")]
    operations = [migrations.RenameField("project", "owner", "builder")]
