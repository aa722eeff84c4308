"""A scenario as one document: everything in it that can move a number, and the words a reader needs."""

from __future__ import annotations

import json
from typing import Any

from planning.bridge.attendance import with_present_now
from planning.bridge.templates import worked_out
from planning.models import Scenario

# Told only where something is said, so that a scenario without them keeps its hash from version to version.
SAID = (
    "road_rules", "template", "model", "seeking_share", "rate_facts", "population_layers", "duration_hours", "stay_shares",
    "multipliers", "close_from_severity",
)  # fmt: skip


def scenario_document(scenario: Scenario) -> dict[str, Any]:
    """The scenario as it was written, related records by code."""
    told = {
        "ref": scenario.ref,
        "name": scenario.name,
        "name_en": scenario.name_en,
        "hazard": scenario.hazard,
        "extent": scenario.extent,
        "areas": sorted(scenario.areas.values_list("code", flat=True)),
        "hazard_layer": scenario.hazard_layer.code if scenario.hazard_layer else None,
        "affected_share": scenario.affected_share,
        "displaced_share": scenario.displaced_share,
        "zone_rates": scenario.zone_rates,
        "rate_source": scenario.rate_source,
        "rate_certainty": scenario.rate_certainty,
        "ratio_overrides": scenario.ratio_overrides,
        "services": list(scenario.services.order_by("sort_order", "code").values_list("code", flat=True)),
        "close_inside_zone": scenario.close_inside_zone,
        "closed_facilities": sorted(scenario.closed_facilities.values_list("pk", flat=True)),
    }
    more = {name: getattr(scenario, name) for name in SAID}
    told |= {name: value for name, value in more.items() if value not in (None, "", [], {}, "custom")}
    if scenario.drawn is not None:
        told["drawn"] = json.loads(scenario.drawn.json)
    return told


def asked_document(scenario: Scenario) -> dict[str, Any]:
    """The scenario as it was written, with the people on the ground where an attendance is held against them."""
    return with_present_now(scenario_document(scenario), scenario.city)


def freeze_scenario(scenario: Scenario) -> dict[str, Any]:
    """The document a run is computed from: rates that a template works out stand in it as numbers."""
    return worked_out(asked_document(scenario))
