"""The last tranche asks for the conversion check itself: a row of a trial that was passed, not only a word that says so."""

from importlib import import_module

from django.db import migrations

_BEFORE = import_module("projects.migrations.0031_money_holds_on_every_path").HOLD
_START = _BEFORE.index("create or replace function projects_release_allowed()")
_FUNCTION = _BEFORE[_START : _BEFORE.index("end $$;", _START) + len("end $$;")]
_ASKED = """            and not exists (select 1 from projects_commissioning
                where project_id = what.project_id and check_passed and accepted_by_id is not null and built_units > 0) then"""
_ASKS = """            and not exists (select 1 from projects_commissioning m
                where m.project_id = what.project_id and m.check_passed and m.accepted_by_id is not null and m.built_units > 0
                    and (select c.passed from projects_conversioncheck c where c.commissioning_id = m.id
                        order by c.number desc limit 1)) then"""
assert _ASKED in _FUNCTION


class Migration(migrations.Migration):
    dependencies = [("projects", "0013_a_deleted_draft_leaves_its_events")]
    operations = [migrations.RunSQL(_FUNCTION.replace(_ASKED, _ASKS), _FUNCTION)]
