"""A run may vary one number of its scenario, so that a sweep needs no copies of it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("planning", "0006_published_standards_stay"),
    ]

    operations = [
        migrations.AddField(
            model_name="batch",
            name="sweep",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text='{"scenario": "S-00001", "path": "displaced_share", "from": 0.05, "to": 0.3, "steps": 6}; empty: scenarios as written.',
                verbose_name="one number in steps",
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="variation",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text='By their place in the scenario: {"displaced_share": 0.1}; empty: the scenario as written.',
                verbose_name="numbers changed for this run",
            ),
        ),
    ]
