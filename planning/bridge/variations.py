"""The numbers of a scenario that a run may vary, by their place in the document, and the document with one varied.

Places are written as `planning.selectors.document_numbers` says. A number of a template's model is varied before the template works
out its rates, every other number after.
"""

from __future__ import annotations

import copy
from typing import Any

from planning.bridge.scenario_document import scenario_document
from planning.bridge.situation import CHAIN
from planning.bridge.templates import worked_out
from planning.choices import Extent
from planning.models import Scenario
from planning.selectors.document_numbers import EVERY_CLASS, parts_of

MODEL = "model."
# Shares lie between 0 and 1; what multiplies a ratio or replaces it may be larger.
MOST = {"multipliers": 1000.0, "ratio_overrides": 1000.0}


def numbers_of(scenario: Scenario) -> dict[str, float | None]:
    """Every number that a run of this scenario reads and that may be varied, by its place; None where it is missing or
    differs by class."""
    written = scenario_document(scenario)
    document = worked_out(copy.deepcopy(written))
    found: dict[str, float | None] = {}
    rates = document["zone_rates"] if document["extent"] == Extent.ZONES else {}
    for name in CHAIN:
        own = {klass: row[name] for klass, row in rates.items() if row.get(name) is not None}
        if len(own) > 1:
            same = set(own.values())
            found[f"zone_rates.{EVERY_CLASS}.{name}"] = same.pop() if len(same) == 1 else None
        found |= {f"zone_rates.{klass}.{name}": float(rate) for klass, rate in own.items()}
        if not own or len(own) < len(rates):
            found[f"{name}_share"] = document.get(f"{name}_share")
    for code in document["services"]:
        found[f"multipliers.{code}"] = float(document.get("multipliers", {}).get(code, 1.0))
        if code in document["ratio_overrides"]:
            found[f"ratio_overrides.{code}"] = float(document["ratio_overrides"][code])
    for name, value in (written.get("model") or {}).items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[MODEL + name] = float(value)
    return found


def most_of(path: str) -> float:
    """The largest value that makes sense at a place; a model's own numbers are checked by their template."""
    return MOST.get(path.split(".")[0], float("inf") if path.startswith(MODEL) else 1.0)


def freeze_varied(scenario: Scenario, variation: dict[str, float]) -> dict[str, Any]:
    """The document a run is computed from, with some numbers replaced (place -> value)."""
    written = copy.deepcopy(scenario_document(scenario))
    for path, value in variation.items():
        if path.startswith(MODEL):
            _put(written, path, value)
    document = worked_out(written)
    for path, value in variation.items():
        if not path.startswith(MODEL):
            _put(document, path, value)
    return document


def _put(document: dict[str, Any], path: str, value: float) -> None:
    head, middle, last = parts_of(path)
    if head == "zone_rates":
        rows = document["zone_rates"]
        for klass in rows if middle == EVERY_CLASS else [middle]:
            if middle != EVERY_CLASS or rows[klass].get(last) is not None:
                rows[klass] = {**(rows.get(klass) or {}), last: value}
    elif last:
        document[head] = {**(document.get(head) or {}), last: value}
    else:
        document[head] = value
