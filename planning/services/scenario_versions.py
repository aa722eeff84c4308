"""The versions of a scenario: what it said each time it was saved, and what differs between two of them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from planning.bridge.scenario_document import scenario_document
from planning.models import Scenario, ScenarioVersion

# Both name the scenario itself, not what it says.
_NAMES = ("ref",)


def version_document(scenario: Scenario) -> dict[str, Any]:
    """The whole scenario as one document, from which it can be restored: beside what moves a number, the times of day it
    is run for and its notes; facilities by reference."""
    return scenario_document(scenario) | {
        "times_of_day": list(scenario.times_of_day),
        "notes": scenario.notes,
        "closed_facilities": sorted(scenario.closed_facilities.values_list("ref", flat=True)),
    }


def keep_version(*, scenario: Scenario, user: Any, note: str = "") -> ScenarioVersion:
    """Store what the scenario says now under its version number, with who wrote it and what changed. A version that is
    stored already stays as it is, so this can be called again."""
    kept, _created = ScenarioVersion.objects.get_or_create(
        scenario=scenario,
        version=scenario.version,
        defaults={
            "document": version_document(scenario),
            "note": note.strip()[:300],
            "created_by": user if getattr(user, "is_authenticated", False) else None,
        },
    )
    return kept


def version_of(*, scenario: Scenario, number: int) -> ScenarioVersion:
    """One stored version. The present one of a scenario from before versions were kept is told as it stands, unstored."""
    found = scenario.versions.select_related("created_by").filter(version=number).first()
    if found is None and number == scenario.version:
        found = ScenarioVersion(
            scenario=scenario, version=number, document=version_document(scenario), created_by=scenario.created_by,
            created_at=scenario.updated_at,
        )  # fmt: skip
    if found is None:
        raise DomainError(
            "no-version", _("The scenario has no version %(number)s.") % {"number": number}, status=404
        )
    return found


def compare_versions(*, scenario: Scenario, older: int, newer: int) -> list[dict[str, Any]]:
    """What differs between two versions, field by field: [{"field", "before", "after"}] in the order of the documents.

    A field inside another is named by its place, like zone_rates.deep.displaced; None: not said."""
    before = _flat(version_of(scenario=scenario, number=older).document)
    after = _flat(version_of(scenario=scenario, number=newer).document)
    names = [*before, *(name for name in after if name not in before)]
    return [
        {"field": name, "before": before.get(name), "after": after.get(name)}
        for name in names
        if before.get(name) != after.get(name)
    ]


def _flat(document: dict[str, Any]) -> dict[str, Any]:
    """Values by place. A drawing is one value: nobody reads its corners one by one."""
    found: dict[str, Any] = {}

    def go(place: str, value: Any) -> None:
        if isinstance(value, dict) and value and place != "drawn":
            for name, inner in value.items():
                go(f"{place}.{name}" if place else str(name), inner)
        elif value not in (None, "", [], {}):
            found[place] = value

    go("", {name: value for name, value in document.items() if name not in _NAMES})
    return found
