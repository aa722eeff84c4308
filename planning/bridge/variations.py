"""The numbers of a scenario that a run may vary, and the document with some of them varied.

A number's place is its keys joined by dots (`planning.bridge.scenario_rules`); `zone_rates.*.displaced` stands for every
class that has a rate of its own. A number of a template's model is varied before the template works out its rates, every
other number after.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from planning.bridge.scenario_document import asked_document
from planning.bridge.scenario_rules import demand_sound, is_number, with_number
from planning.bridge.situation import CHAIN
from planning.bridge.templates import worked_out
from planning.choices import Extent
from planning.models import Scenario

MODEL = "model."
EVERY_CLASS = "zone_rates.*."
# Shares lie between 0 and 1; what multiplies a ratio or replaces it may be larger.
MOST = {"multipliers": 1000.0, "ratio_overrides": 1000.0}


def numbers_of(scenario: Scenario) -> dict[str, float | None]:
    """Every number that a run of this scenario reads and that may be varied, by its place; None where it is missing or
    differs by class."""
    written = asked_document(scenario)
    document = worked_out(copy.deepcopy(written))
    found: dict[str, float | None] = {}
    rates = document["zone_rates"] if document["extent"] == Extent.ZONES else {}
    for name in CHAIN:
        own = {klass: row[name] for klass, row in rates.items() if row.get(name) is not None}
        if len(own) > 1:
            same = set(own.values())
            found[EVERY_CLASS + name] = same.pop() if len(same) == 1 else None
        found |= {f"zone_rates.{klass}.{name}": float(rate) for klass, rate in own.items()}
        if not own or len(own) < len(rates):
            found[f"{name}_share"] = document.get(f"{name}_share")
    for code in document["services"]:
        found[f"multipliers.{code}"] = float(document.get("multipliers", {}).get(code, 1.0))
        if code in document["ratio_overrides"]:
            found[f"ratio_overrides.{code}"] = float(document["ratio_overrides"][code])
    return found | dict(_leaves(written.get("model") or {}, MODEL))


def _leaves(inside: dict[str, Any], above: str) -> Iterator[tuple[str, float]]:
    for name, value in inside.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{name}.")
        elif is_number(value):
            yield above + name, float(value)


def most_of(place: str) -> float:
    """The largest value that makes sense at a place; a model's own numbers are checked by their template."""
    return MOST.get(place.split(".")[0], float("inf") if place.startswith(MODEL) else 1.0)


def is_share(place: str) -> bool:
    """Is the number at this place a share, which people read in per cent?"""
    return most_of(place) == 1.0


def freeze_varied(scenario: Scenario, variation: dict[str, float]) -> dict[str, Any]:
    """The document a run is computed from, with some numbers replaced (place -> value). Raises InvalidInput for a number
    that the scenario's template cannot work with."""
    written = asked_document(scenario)
    for place, value in variation.items():
        if place.startswith(MODEL):
            written = with_number(written, place, value)
    if any(place.startswith(MODEL) for place in variation):
        demand_sound({"template": written.get("template", ""), "model": written["model"]})
    document = worked_out(written)
    for place, value in variation.items():
        if not place.startswith(MODEL):
            document = _replaced(document, place, value)
    return document


def _replaced(document: dict[str, Any], place: str, value: float) -> dict[str, Any]:
    if place.startswith(EVERY_CLASS):
        name = place.removeprefix(EVERY_CLASS)
        for klass, row in document["zone_rates"].items():
            if row.get(name) is not None:
                document = with_number(document, f"zone_rates.{klass}.{name}", value)
        return document
    head, _dot, last = place.partition(".")
    if head in MOST:  # a multiplier that nobody has set stands at 1 without being told
        return document | {head: {**(document.get(head) or {}), last: value}}
    return (
        document | {place: value}
        if place not in document and not last
        else with_number(document, place, value)
    )
