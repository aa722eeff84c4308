"""Which numbers of a run are only known within a range, and how far.

A range comes from where the number comes from: the scenario (`rate_facts`), the standard (`ratio_low`, `ratio_high`), the
population layer (`error_share` for all districts alike, `error_share_district` for each by itself). A number without one
stays where it is and is listed, so that a reader sees what is not varied. See docs/algorithms/uncertainty.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.choices import AreaLevel
from engine.uncertainty import Input
from facilities.models import ServiceType
from planning.bridge.frozen import Frozen
from planning.bridge.scenario_rules import is_number, number_at, with_number
from planning.bridge.situation import (
    CHAIN,
    RATES_OF_DRIVER,
    counted_at,
    layer_told,
)
from planning.bridge.templates import WORK, worked_out
from planning.bridge.world import Situation
from planning.choices import Driver, Extent
from planning.models import PopulationLayer
from planning.selectors.scenario_templates import find_template

Floats = np.ndarray
SHARES = (*(f"{name}_share" for name in CHAIN), "zone_rates.", "stay_shares.")


@dataclass
class Uncertain:
    """inputs: what is drawn, in order; told: for each key of `keys` (inputs that stand for one number in the reader's eyes
    share a key: the errors of all districts) what it is, its range and source; fixed: numbers without a range."""

    inputs: list[Input] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    fixed: list[dict[str, Any]] = field(default_factory=list)

    def add(self, inputs: list[Input], told: dict[str, Any]) -> None:
        self.inputs += inputs
        self.keys += [told["key"]] * len(inputs)
        first = inputs[0]
        self.told.append(told | {"low": first.low, "mid": first.mid, "high": first.high})

    def column(self, key: str) -> int | None:
        return next((n for n, one in enumerate(self.inputs) if one.key == key), None)

    @property
    def middle(self) -> Floats:
        """(inputs,) every input in the middle: the run itself."""
        return np.array([one.mid for one in self.inputs])

    def ends(self) -> Floats:
        """(2 x told, inputs): each told number at its low end, then at its high end, the others in the middle."""
        rows = np.tile(self.middle, (2 * len(self.told), 1)).reshape(2 * len(self.told), len(self.inputs))
        for n, told in enumerate(self.told):
            for column, one in enumerate(self.inputs):
                if self.keys[column] == told["key"]:
                    rows[2 * n, column], rows[2 * n + 1, column] = one.low, one.high
        return rows


# --- which numbers ---------------------------------------------------------------------------------


def uncertain_inputs(situation: Situation) -> Uncertain:
    """Every number the need of this situation rests on, with its range or as one that has none."""
    document, found = situation.question.scenario, Uncertain()
    facts = document.get("rate_facts") or {}
    model = [key for key in _leaves(document.get("model") or {}, "model") if _works(document)]
    varied_model = [key for key in model if _range(facts, key, number_at(document, key)) is not None]
    read = [key for key in numbers_read(situation) if not (varied_model and _is_worked_out(document, key))]
    names = _names(situation)
    for key in [*model, *read]:
        value = number_at(document, key)
        if value is None:
            continue
        fact = facts.get(key) or {}
        told = _kind_of(key, names, document) | {
            "key": key, "source": fact.get("source") or document.get("rate_source", ""), "clause": fact.get("clause", ""),
            "certainty": fact.get("certainty") or document.get("rate_certainty", ""),
        }  # fmt: skip
        span = _range(facts, key, value)
        if span is None:
            found.fixed.append(told | {"value": value})
        else:
            found.add([Input(key, span[0], value, span[1])], told)
    _add_standards(found, situation, names)
    _add_people(found, situation)
    return found


def _add_standards(found: Uncertain, situation: Situation, names: dict[str, dict[str, str]]) -> None:
    for row in situation.standards:
        code = row["service"]
        if code in situation.question.scenario["ratio_overrides"]:
            continue
        told = {
            "key": f"standard.{code}.ratio", "kind": "ratio", **names[code], "source": row["ratio_source"],
            "clause": row.get("ratio_clause", ""), "certainty": row["ratio_certainty"],
        }  # fmt: skip
        low, high = row.get("ratio_low"), row.get("ratio_high")
        low, high = (row["ratio"] if end is None else float(end) for end in (low, high))
        if low < high:
            found.add([Input(told["key"], low, row["ratio"], high)], told)
        else:
            found.fixed.append(told | {"value": row["ratio"]})


def _add_people(found: Uncertain, situation: Situation) -> None:
    """One factor for a layer as a whole, and one for each district."""
    layers = {one["code"]: one for one in _layers(situation)}
    kept = {
        row.pk: row for row in PopulationLayer.objects.filter(pk__in=[one["id"] for one in layers.values()])
    }
    districts = districts_of(situation.frozen)[1]
    for code, one in layers.items():
        row = kept.get(one["id"])
        told = {
            "key": f"population.{code}", "kind": "people", "name": row.name if row else code,
            "name_en": (row.name_en or row.name) if row else code, "source": (row.error_source or row.source) if row else "",
            "clause": "", "certainty": row.certainty if row else "",
        }  # fmt: skip
        error, own = one.get("error_share") or 0.0, one.get("error_share_district") or 0.0
        if error:
            found.add([Input(told["key"], 1.0 - error, 1.0, 1.0 + error)], told)
        if own and districts:
            told |= {
                "key": f"population.{code}.districts",
                "kind": "people_districts",
                "count": len(districts),
            }
            found.add(
                [Input(district_key(code, area), 1.0 - own, 1.0, 1.0 + own) for area in districts], told
            )
        if not error and not (own and districts):
            found.fixed.append(told | {"value": 1.0})


def _layers(situation: Situation) -> list[dict[str, Any]]:
    question = situation.question
    found = []
    for row in situation.standards:
        told = layer_told(
            situation.frozen.meta, *counted_at(question.scenario, row["driver"], question.time_of_day)
        )
        if told is not None:
            found.append(told)
    return found


def district_key(layer: str, area: str) -> str:
    return f"population.{layer}.district.{area}"


def districts_of(frozen: Frozen) -> tuple[np.ndarray, list[str]]:
    """(n,) number of each cell's district (that many: in none), and the codes of the districts that hold any cell."""
    level, parent = np.asarray(frozen["area_level"]), np.asarray(frozen["area_parent"])
    mine = np.full(len(level) + 1, -1)
    for place in range(len(level)):
        mine[place] = place if level[place] == AreaLevel.DISTRICT else mine[parent[place]]
    of_cell = mine[np.asarray(frozen["cell_area"])]
    held = np.unique(of_cell[of_cell >= 0])
    number = np.full(len(level) + 1, len(held))
    number[held] = np.arange(len(held))
    return number[of_cell], [frozen.meta["areas"][place] for place in held]


def numbers_read(situation: Situation) -> list[str]:
    """Places in the document of the numbers that a template does not take in but the need is worked out from."""
    document = situation.question.scenario
    drivers = [RATES_OF_DRIVER.get(Driver(row["driver"]), ()) for row in situation.standards]
    wanted = [name for name in CHAIN if any(name in rates for rates in drivers)]
    keys: list[str] = []
    for name in wanted:
        classes = zone_classes(situation) if document["extent"] == Extent.ZONES else [""]
        keys += [rate_key(document, klass, name) for klass in classes]
    for row in situation.standards:
        keys += [f"{part}.{row['service']}" for part in ("ratio_overrides", "multipliers")]
        keys += [f"stay_shares.{phase['phase']}" for phase in phases_of(row) if phase["phase"]]
    return [key for key in dict.fromkeys(keys) if number_at(document, key) is not None]


def rate_key(document: dict[str, Any], klass: str, name: str) -> str:
    own = (document["zone_rates"].get(klass) or {}).get(name) if klass else None
    return f"{name}_share" if own is None else f"zone_rates.{klass}.{name}"


def zone_classes(situation: Situation) -> list[str]:
    return situation.frozen.meta["zones"][situation.question.scenario["hazard_layer"]]["classes"]


def phases_of(row: dict[str, Any]) -> list[dict[str, Any]]:
    own = {"phase": row.get("phase", ""), "ratio": row["ratio"], "stay_share": row.get("stay_share", 1.0)}
    return row.get("phases") or [own]


def _range(facts: dict[str, Any], key: str, value: float | None) -> tuple[float, float] | None:
    """Low and high end of a number, held around it and, where it is a share, within 0 and 1; None: no range given."""
    fact = facts.get(key) or {}
    low, high = fact.get("low"), fact.get("high")
    if value is None or (low is None and high is None):
        return None
    ends = (value if low is None else float(low)), (value if high is None else float(high))
    most = max(1.0, value) if key.startswith(SHARES) else np.inf
    least, most = min(max(ends[0], 0.0), value), max(min(ends[1], most), value)
    return (least, most) if least < most else None


# --- words -----------------------------------------------------------------------------------------


def _names(situation: Situation) -> dict[str, dict[str, str]]:
    codes = [row["service"] for row in situation.standards]
    return {code: {"name": code, "name_en": code} for code in codes} | {
        row.code: {"name": row.name, "name_en": row.name_en or row.name}
        for row in ServiceType.objects.filter(code__in=codes)
    }


def _kind_of(key: str, names: dict[str, dict[str, str]], document: dict[str, Any]) -> dict[str, str]:
    """What a number is (`kind`) and of what (`name`, `name_en`), for `planning.selectors.ranges.input_words`."""
    part, _dot, rest = key.partition(".")
    if part == "zone_rates":
        klass, _dot, name = rest.rpartition(".")
        return {"kind": f"{name}_in_zone", "name": klass, "name_en": klass}
    if part == "model":
        return {"kind": "model", **_model_names(document.get("template", ""), rest)}
    if part in ("ratio_overrides", "multipliers"):
        return {"kind": part, **names[rest]}
    return {"kind": part, "name": rest, "name_en": rest}


def _model_names(template: str, path: str) -> dict[str, str]:
    """The words of the template's field, with the class and the option the number stands for."""
    fields = found.fields if (found := find_template(template)) else ()
    one = next((row for row in fields if path == row.path or path.startswith(f"{row.path}.")), None)
    if one is None:
        return {"name": path, "name_en": path}
    rest = path[len(one.path) + 1 :]
    klass, _dot, last = rest.rpartition(".")
    option = next((row for row in one.options if row.code == last), None)
    inside = [word for word in (klass.replace("*", ""), option.name if option else last) if word]
    inside_en = [word for word in (klass.replace("*", ""), option.name_en if option else last) if word]
    return {
        "name": "，".join([one.name, *inside]),
        "name_en": ", ".join([one.name_en, *inside_en]),
    }


# --- numbers that a template takes in ----------------------------------------------------------------


def _leaves(node: dict[str, Any], before: str) -> Iterator[str]:
    for name, value in node.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{before}.{name}")
        elif is_number(value):
            yield f"{before}.{name}"


def _works(document: dict[str, Any]) -> bool:
    return bool(WORK.get(document.get("template", "")) and document.get("model"))


def _is_worked_out(document: dict[str, Any], key: str) -> bool:
    """Does the template set this number itself, whatever stands there?"""
    value = number_at(document, key)
    if value is None or not _works(document):
        return False
    return number_at(worked_out(with_number(document, key, value * 0.5 if value else 0.5)), key) == value
