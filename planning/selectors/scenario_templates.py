"""The templates that scenarios begin from, read from `planning/reference/scenario_templates.toml`.

A `Template` says what it is for, and holds
- the defaults of a new scenario: `hazard`, `extent`, `services`, `times_of_day`, `close_inside_zone`, `duration_hours`;
- `classes`: the hazard classes its rates are told for, hardest hit first. A class of a hazard layer is the same when its
  name is the class's `code` or one of `also`, or (rasters) when it begins at or above `starts_at` in `unit`;
- `variants`: sets of values to choose from, the first one offered first. Each has the rates (`affected_share`,
  `displaced_share`, `seeking_share`, `zone_rates`), the inputs of the template's model (`model`), and for each uncertain
  number its range and source (`rate_facts`, by the number's place in the scenario);
- `fields`: the inputs of its model, for a form. `path`: the key in `model`. `kind`:
    number    one number from `low` to `high` in `unit`
    share     one number from 0 to 1
    shares    {option: share}, 1 in all
    by_class  {class: {option: number from `low` to `high`}}; in a scenario without zones the one class is called "*"
    choice    the code of one of `options`
    service   the code of a service of the scenario
  A field that is not `required` may be left out of `model`.

Names and words come in both languages (`name`, `name_en`; filter `local_name`); sources are English and translated when shown.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError

FILE = Path(__file__).resolve().parent.parent / "reference" / "scenario_templates.toml"


@dataclass(frozen=True)
class Option:
    code: str
    name: str
    name_en: str


@dataclass(frozen=True)
class Field:
    path: str
    kind: str
    name: str
    name_en: str
    required: bool
    help: str = ""
    help_en: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class HazardClass:
    code: str
    name: str
    name_en: str
    also: tuple[str, ...] = ()
    starts_at: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Variant:
    code: str
    name: str
    name_en: str
    rate_source: str
    rate_certainty: str
    affected_share: float | None = None
    displaced_share: float | None = None
    seeking_share: float | None = None
    zone_rates: dict[str, dict[str, float]] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    rate_facts: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Template:
    code: str
    hazard: str
    name: str
    name_en: str
    about: str
    about_en: str
    extent: str
    services: tuple[str, ...]
    times_of_day: tuple[str, ...]
    close_inside_zone: bool
    duration_hours: float | None
    classes: tuple[HazardClass, ...]
    variants: tuple[Variant, ...]
    fields: tuple[Field, ...]

    def variant(self, code: str = "") -> Variant:
        """The variant of that code; the first one when none is named. Raises DomainError for an unknown one."""
        if not code:
            return self.variants[0]
        found = next((one for one in self.variants if one.code == code), None)
        if found is None:
            raise DomainError(
                "unknown-variant",
                _("%(words)s is not a variant of this template.") % {"words": code},
                status=422,
            )
        return found

    def as_dict(self) -> dict[str, Any]:
        """Plain values for the API and the command."""
        return asdict(self)


@dataclass(frozen=True)
class Observation:
    """Figures counted together somewhere, on one date or on dates that `about` tells apart."""

    code: str
    name: str
    name_en: str
    about: str
    about_en: str
    source: str
    certainty: str
    figures: dict[str, float]


@cache
def templates() -> tuple[Template, ...]:
    """Every template, in the order they are offered."""
    rows = tomllib.loads(FILE.read_text(encoding="utf-8"))["template"]
    return tuple(_template(row) for row in rows)


@cache
def observation(code: str) -> Observation:
    """What was observed, by code. KeyError for an unknown one."""
    rows = tomllib.loads(FILE.read_text(encoding="utf-8"))["observation"]
    return {row["code"]: Observation(**row) for row in rows}[code]


def find_template(code: str) -> Template | None:
    return next((one for one in templates() if one.code == code), None)


def template_of(code: str) -> Template:
    """The template of that code. Raises DomainError (404) for an unknown one."""
    found = find_template(code)
    if found is None:
        raise DomainError("unknown-template", _("%(words)s is not a template.") % {"words": code}, status=404)
    return found


def template_document(
    template_code: str, variant: str = "", classes: Iterable[str] | None = None
) -> dict[str, Any]:
    """Field values of a scenario that begins from the template; services by code. Its own to change.

    `classes`: names of the classes of the hazard layer the scenario will use. Rates are then given by those names, and
    classes the template knows nothing about have none: the run will ask for them.
    """
    template = template_of(template_code)
    chosen = template.variant(variant)
    document = {
        "template": template.code,
        "hazard": template.hazard,
        "extent": template.extent,
        "services": list(template.services),
        "times_of_day": list(template.times_of_day),
        "close_inside_zone": template.close_inside_zone,
        "duration_hours": template.duration_hours,
        "affected_share": chosen.affected_share,
        "displaced_share": chosen.displaced_share,
        "seeking_share": chosen.seeking_share,
        "zone_rates": copy.deepcopy(chosen.zone_rates),
        "model": copy.deepcopy(chosen.model),
        "rate_facts": copy.deepcopy(chosen.rate_facts),
        "rate_source": chosen.rate_source,
        "rate_certainty": chosen.rate_certainty,
    }
    if classes is not None and template.classes:
        _rename(document, {name: known for name in classes if (known := class_named(template, name))})
    return document


def class_named(template: Template, name: str) -> str:
    """Code of the template's class that a hazard layer calls `name`; empty when it knows none such."""
    wanted = name.strip().casefold()
    for one in template.classes:
        if wanted in {one.code.casefold(), *(other.casefold() for other in one.also)}:
            return one.code
    return ""


def _rename(document: dict[str, Any], known: dict[str, str]) -> None:
    """Give rates, inputs by class and their ranges the names of the layer's classes: {name in the layer: class}."""

    def renamed(rows: dict[str, Any]) -> dict[str, Any]:
        return {name: copy.deepcopy(rows[code]) for name, code in known.items() if code in rows}

    starts = {"zone_rates.": document["zone_rates"]}
    document["zone_rates"] = renamed(document["zone_rates"])
    for path in [one.path for one in template_of(document["template"]).fields if one.kind == "by_class"]:
        if path in document["model"]:
            starts[f"model.{path}."] = document["model"][path]
            document["model"][path] = renamed(document["model"][path])
    facts: dict[str, Any] = {}
    for place, fact in document["rate_facts"].items():
        start = next((one for one in starts if place.startswith(one)), None)
        if start is None:
            facts[place] = fact
            continue
        code, what = place.removeprefix(start).rsplit(".", 1)
        facts |= {f"{start}{name}.{what}": dict(fact) for name, own in known.items() if own == code}
    document["rate_facts"] = facts


def _template(row: dict[str, Any]) -> Template:
    return Template(
        code=row["code"], hazard=row["hazard"], name=row["name"], name_en=row["name_en"], about=row["about"],
        about_en=row["about_en"], extent=row["extent"], services=tuple(row["services"]),
        times_of_day=tuple(row["times_of_day"]), close_inside_zone=row["close_inside_zone"],
        duration_hours=row.get("duration_hours"),
        classes=tuple(
            HazardClass(
                code=one["code"], name=one["name"], name_en=one["name_en"], also=tuple(one.get("also", ())),
                starts_at=one.get("from"), unit=one.get("unit", ""),
            )
            for one in row.get("class", ())
        ),
        variants=tuple(Variant(**one) for one in row["variant"]),
        fields=tuple(
            Field(**{k: v for k, v in one.items() if k != "option"}, options=tuple(Option(**o) for o in one.get("option", ())))
            for one in row.get("field", ())
        ),
    )  # fmt: skip
