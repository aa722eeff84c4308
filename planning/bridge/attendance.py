"""People a population layer counts on the ground of a mass event: what an attendance is held against."""

from __future__ import annotations

from typing import Any

from core.choices import TimeOfDay
from core.models import City
from planning.bridge.frozen import Frozen, latest_frozen
from planning.bridge.situation import Shares, layer_told
from planning.choices import Extent, ScenarioTemplate


def has_attendance(document: dict[str, Any]) -> bool:
    return (
        document.get("template") == ScenarioTemplate.MASS_EVENT
        and (document.get("model") or {}).get("attendance") is not None
    )


def with_present(document: dict[str, Any], frozen: Frozen | None) -> dict[str, Any]:
    """The document with `present`: the people of its event layer on its ground. As it is where no attendance is
    told, or nobody can be counted."""
    if not has_attendance(document) or frozen is None:
        return document
    code = str((document.get("population_layers") or {}).get(TimeOfDay.EVENT, ""))
    zones = document["extent"] == Extent.ZONES and document["hazard_layer"] not in frozen.meta["zones"]
    drawn = document["extent"] == Extent.DRAWN and not document.get("drawn")
    if zones or drawn or layer_told(frozen.meta, TimeOfDay.EVENT, code) is None:
        return document
    people = frozen.people(TimeOfDay.EVENT, code)
    present = float(people[Shares(frozen, document).inside].sum())
    return document | {"present": present}


def with_present_now(document: dict[str, Any], city: City) -> dict[str, Any]:
    """The same, counted in the city's newest snapshot; a run takes one before it freezes its question."""
    return with_present(document, latest_frozen(city)) if has_attendance(document) else document
