"""What the numbers of a scenario must keep to: one check for pages, API, commands and packs, every problem at once.

`fields` are values of a Scenario as plain data: `template`, `model`, `extent`, `services` (codes), `times_of_day`,
`affected_share`, `displaced_share`, `seeking_share`, `zone_rates`, `ratio_overrides`, `multipliers`, `stay_shares`,
`population_layers`, `duration_hours`, `close_from_severity`, `rate_facts`. A field that is left out is not looked at.

A number's *place* is its keys joined by dots: `displaced_share`, `zone_rates.deep.displaced`,
`model.damage.VIII.extensive`. A key may hold dots itself ("1.5 m and more").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.choices import Certainty, TimeOfDay
from core.errors import InvalidInput, Problem
from facilities.importers.problems import Problems
from planning.bridge.model_rules import Bad, check_model, model_limits
from planning.choices import Phase, ScenarioTemplate

LINKS = ("affected", "displaced", "seeking")
SHARES = tuple(f"{name}_share" for name in LINKS)
# Fields whose numbers may have a range and a source.
TOLD = (*SHARES, "zone_rates", "ratio_overrides", "multipliers", "stay_shares", "model")
FACT_KEYS = {"low", "high", "source", "clause", "certainty"}
MOST_RATIO, MOST_TIMES, MOST_HOURS, LONGEST = 1000.0, 1000.0, 87_600.0, 300


def scenario_problems(fields: Mapping[str, Any], classes: Collection[str] | None = None) -> list[Problem]:
    """Everything wrong with the numbers of a scenario; empty when they can be used. `classes`: names of the classes of its
    hazard layer, where they are known."""
    problems = Problems()
    check_scenario(fields, problems, classes=classes)
    return list(problems)


def demand_sound(fields: Mapping[str, Any], classes: Collection[str] | None = None) -> None:
    """Raises InvalidInput with every problem of the numbers."""
    if problems := scenario_problems(fields, classes):
        raise InvalidInput(_("Some numbers of the scenario cannot be used."), problems, code="bad-scenario")


def check_scenario(
    fields: Mapping[str, Any],
    problems: Problems,
    where: Mapping[str, Any] | None = None,
    classes: Collection[str] | None = None,
) -> None:
    """The same, told to `problems` with each number's place in `column`; `where` names the file, and a `column` in it
    comes before the place."""
    _Check(fields, problems, dict(where or {}), classes).all()


# --- places of numbers ------------------------------------------------------------------------------


def keys_of(document: Mapping[str, Any], place: str) -> tuple[str, ...] | None:
    """The keys that lead to a place in nested mappings; None where the document has no such place."""
    if place in document:
        return (place,)
    for key, value in document.items():
        if isinstance(value, Mapping) and place.startswith(f"{key}."):
            rest = keys_of(value, place[len(key) + 1 :])
            if rest is not None:
                return (key, *rest)
    return None


def number_at(document: Mapping[str, Any], place: str) -> float | None:
    """The number at a place; None where there is none."""
    keys = keys_of(document, place)
    value: Any = document
    for key in keys or ():
        value = value[key]
    return float(value) if keys and is_number(value) else None


def with_number(document: dict[str, Any], place: str, value: float) -> dict[str, Any]:
    """A document with another number at a place that it has; only the mappings on the way are copied. KeyError where
    there is no such place."""
    keys = keys_of(document, place)
    if keys is None:
        raise KeyError(place)
    changed = dict(document)
    inner = changed
    for key in keys[:-1]:
        inner[key] = dict(inner[key])
        inner = inner[key]
    inner[keys[-1]] = value
    return changed


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


# --- the check --------------------------------------------------------------------------------------


class _Check:
    def __init__(
        self,
        fields: Mapping[str, Any],
        problems: Problems,
        where: dict[str, Any],
        classes: Collection[str] | None,
    ) -> None:
        self.fields, self.problems, self.where, self.classes = fields, problems, where, classes
        self.start = f"{column}." if (column := where.pop("column", "")) else ""
        self.services = set(fields.get("services") or ())

    def bad(self, code: str, text: Any, place: str, **params: Any) -> None:
        self.problems.add(code, text, **self.where, column=self.start + place, **params)

    def all(self) -> None:
        for name in SHARES:
            if (value := self.fields.get(name)) is not None:
                self.within(name, value, 0.0, 1.0)
        self.zone_rates()
        self.by_service("ratio_overrides", self.ratio)
        self.by_service(
            "multipliers", lambda place, value: self.within(place, value, 0.0, MOST_TIMES, _FACTOR)
        )
        self.stay_shares()
        self.population_layers()
        self.plain_numbers()
        self.template()
        self.rate_facts()

    def mapping(self, name: str) -> dict[str, Any]:
        value = self.fields.get(name) or {}
        if not isinstance(value, Mapping):
            self.bad("not_an_object", _("Write this as names with their values."), name)
            return {}
        return dict(value)

    def within(self, place: str, value: Any, low: float, high: float, text: Any = None) -> bool:
        if is_number(value) and low <= value <= high:
            return True
        if text is None and (low, high) == (0.0, 1.0):
            self.bad("share_invalid", _('"%(cell)s" is not a share from 0 to 1.'), place, cell=value)
        else:
            text = text or _('"%(cell)s" is not a number from %(low)s to %(high)s.')
            self.bad("number_invalid", text, place, cell=value, low=f"{low:g}", high=f"{high:g}")
        return False

    def known(self, place: str, value: Any, choices: Iterable[str]) -> bool:
        listed = list(choices)
        if value in listed:
            return True
        text = _('"%(cell)s" is not one of: %(known)s.')
        self.bad("choice_unknown", text, place, cell=value, known=", ".join(map(str, listed)))
        return False

    def zone_rates(self) -> None:
        for klass, row in self.mapping("zone_rates").items():
            place = f"zone_rates.{klass}"
            if self.classes is not None:
                self.known(place, klass, self.classes)
            if not isinstance(row, Mapping):
                text = _("Rates by class are written as shares of people affected, displaced and seeking.")
                self.bad("not_an_object", text, place)
                continue
            for name, value in row.items():
                if self.known(f"{place}.{name}", name, LINKS) and value is not None:
                    self.within(f"{place}.{name}", value, 0.0, 1.0)

    def by_service(self, name: str, check: Callable[[str, Any], object]) -> None:
        for code, value in self.mapping(name).items():
            if self.known(f"{name}.{code}", code, sorted(self.services)):
                check(f"{name}.{code}", value)

    def ratio(self, place: str, value: Any) -> None:
        if not is_number(value) or not 0 < value <= MOST_RATIO:
            text = _('"%(cell)s" is not a number above 0, at most %(high)s.')
            self.bad("ratio_invalid", text, place, cell=value, high=f"{MOST_RATIO:g}")

    def stay_shares(self) -> None:
        for phase, value in self.mapping("stay_shares").items():
            if self.known(f"stay_shares.{phase}", phase, Phase.values):
                self.within(f"stay_shares.{phase}", value, 0.0, 1.0)

    def population_layers(self) -> None:
        for time, code in self.mapping("population_layers").items():
            place = f"population_layers.{time}"
            if self.known(place, time, TimeOfDay.values) and not (isinstance(code, str) and code):
                self.bad("text_missing", _("Name a population layer by its code."), place)

    def plain_numbers(self) -> None:
        hours, severity = self.fields.get("duration_hours"), self.fields.get("close_from_severity")
        if hours is not None and not (is_number(hours) and 0 < hours <= MOST_HOURS):
            text = _('"%(cell)s" is not a number of hours above 0, at most %(high)s.')
            self.bad("hours_invalid", text, "duration_hours", cell=hours, high=f"{MOST_HOURS:g}")
        whole = isinstance(severity, int) and not isinstance(severity, bool)
        if severity is not None and not (whole and 0 <= severity <= 1000):
            text = _('"%(cell)s" is not a whole number from 0.')
            self.bad("severity_invalid", text, "close_from_severity", cell=severity)

    def template(self) -> None:
        code = self.fields.get("template", "")
        if (code or self.fields.get("model")) and self.known("template", code, ScenarioTemplate.values):
            check_model(self.fields, self.mapping("model"), _bad_at(self, "model"), self.classes)

    # --- ranges and sources ---

    def rate_facts(self) -> None:
        for place, fact in self.mapping("rate_facts").items():
            at = f"rate_facts.{place}"
            number = number_at(self.fields, place)
            if place.split(".")[0] not in TOLD or number is None:
                text = _('The scenario has no number at "%(cell)s".')
                self.bad("place_unknown", text, at, cell=place)
                continue
            if not isinstance(fact, Mapping):
                self.bad("not_an_object", _("Write this as names with their values."), at)
                continue
            for name in sorted(set(fact) - FACT_KEYS):
                self.known(f"{at}.{name}", name, sorted(FACT_KEYS))
            for name in ("source", "clause"):
                if not isinstance(fact.get(name, ""), str) or len(fact.get(name, "")) > LONGEST:
                    text = _("The text is longer than %(longest)d characters.")
                    self.bad("text_too_long", text, f"{at}.{name}", longest=LONGEST)
            if fact.get("certainty"):
                self.known(f"{at}.certainty", fact["certainty"], Certainty.values)
            self.ends(place, at, number, fact)

    def ends(self, place: str, at: str, number: float, fact: Mapping[str, Any]) -> None:
        low, high = fact.get("low"), fact.get("high")
        if low is None and high is None:
            return
        if low is None or high is None:
            self.bad("end_missing", _("A range has both ends: give low and high."), at)
            return
        limits = self.limits(place)
        if limits is None:
            text = _("These shares are 1 in all, so that one of them cannot vary by itself.")
            self.bad("cannot_vary", text, at)
            return
        sound = [self.within(f"{at}.{name}", end, *limits) for name, end in (("low", low), ("high", high))]
        if all(sound) and not low <= number <= high:
            text = _("The range from %(low)s to %(high)s does not hold the number itself, %(cell)s.")
            self.bad("range_turned", text, at, low=f"{low:g}", high=f"{high:g}", cell=f"{number:g}")

    def limits(self, place: str) -> tuple[float, float] | None:
        """Least and most that a number may be; None: it cannot vary by itself."""
        head, _dot, rest = place.partition(".")
        if head == "model":
            return model_limits(str(self.fields.get("template", "")), rest)
        return (0.0, {"ratio_overrides": MOST_RATIO, "multipliers": MOST_TIMES}.get(head, 1.0))


_FACTOR = _('"%(cell)s" is not a factor from %(low)s to %(high)s.')


def _bad_at(check: _Check, start: str) -> Bad:
    def bad(code: str, text: Any, place: str, **params: Any) -> None:
        check.bad(code, text, f"{start}.{place}" if place else start, **params)

    return bad
