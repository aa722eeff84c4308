"""The question a plan answers, as a document: checked completely, brought into one form, and changed where it is relaxed.

The same words on the page, the API and the command; every key may be left out. Money in fen, areas by code:

    target              share of the weighted need that must be served, 0 to 1
    area_target         the same of each area of `area_level`: one share for all, or {"<code>": share}
    area_level          1 city, 2 district (default), 3 street: the areas that targets and fairness speak of
    tail                share of the scenarios' weight that the rule "tail" looks at (default 0.2)
    run_weights         {"<run>": weight}; a run not named weighs 1
    number              {"least": n, "most": n} interventions
    number_by_kind      {"<kind>": {"least": n, "most": n}}
    number_by_area      {"<code>": {"least": n, "most": n}}, areas of any level
    funds               {"<source>": {"limit_fen": fen, "kinds": [kinds it may pay]}}; no kinds: all; no limit: without end
    years               [{"year": 2027, "budget_fen": fen}, …]: their sum is the budget
    carry_over          what a year leaves over may be spent in the next (default true)
    must, banned        keys of options ("build:o12" means any size of it, "build:o12@0.5" that size)
    spacing_m           {"<kind>": metres}: places of that kind lie at least so far apart, as the crow flies
    land_m2_by_area     {"<code>": m2}: idle land that buildings may take there
    running_limit_fen_year   what the plan may cost to keep, a year
    running_years       years of running cost that "cheapest" adds to what is built (default 0)
    peacetime_weight    weighted units of need that 10,000 yuan a year of peacetime value less running cost is worth
    sizes               places may be taken in the rate card's size steps (default false)
    retire              designated roles may be closed (default false)
    price_of_robustness solve once more under "expected" to tell what another rule costs (default false)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.choices import AreaLevel
from core.errors import InvalidInput, Problem
from inventory.choices import InterventionKind
from planning.choices import Aim, FundSource, Rule

MOST_FEN = 10**15
MOST_COUNT = 1_000_000
MOST_METRES = 100_000
MOST_M2 = 10**12
MOST_RUNNING_YEARS = 50
MOST_KEYS = 5000
YEARS = (2000, 2100)
LEVELS = (AreaLevel.CITY, AreaLevel.DISTRICT, AreaLevel.STREET)
DEFAULTS: dict[str, Any] = {
    "area_level": int(AreaLevel.DISTRICT),
    "tail": 0.2,
    "carry_over": True,
    "running_years": 0,
    "peacetime_weight": 0.0,
    "sizes": False,
    "retire": False,
    "price_of_robustness": False,
}


@dataclass(frozen=True)
class Known:
    """What a question may name: references of its runs, levels of the city's areas by code, and whether a key is that of
    an option of the city (None: not looked at)."""

    runs: Collection[str]
    areas: Mapping[str, int]
    options: Callable[[Collection[str]], Collection[str]] | None = None


def clean_question(
    document: Any, *, aim: str, rule: str, budget_fen: int | None, known: Known
) -> dict[str, Any]:
    """The document in one form: keys in a fixed order, defaults and empty parts left out, numbers as numbers, so that equal
    questions are equal documents. Raises InvalidInput with every problem; `column` is the path in the document."""
    check = _Check(document, known)
    if aim not in Aim.values:
        check.say("aim", "unknown-aim", _("“%(value)s” is no aim."), aim)
    if rule not in Rule.values:
        check.say("rule", "unknown-rule", _("“%(value)s” is no rule."), rule)
    clean = check.all()
    if aim == Aim.CHEAPEST and not {"target", "area_target"} & (clean.keys() | check.wrong()):
        check.say("target", "target-missing", _("The cheapest plan needs a coverage to reach."))
    if aim != Aim.CHEAPEST and budget_fen is None and not check.ends(clean):
        check.say(
            "budget_fen",
            "no-budget",
            _("Give a budget, budgets by year, or the most interventions there may be."),
        )
    if check.problems:
        raise InvalidInput(_("The question cannot be asked like this."), check.problems, code="bad-question")
    return clean


def asked(document: Mapping[str, Any], name: str) -> Any:
    """The value of a key, or what holds when it is left out."""
    return document.get(name, DEFAULTS.get(name))


def budget_of(document: Mapping[str, Any], budget_fen: int | None) -> int | None:
    """The budget that holds: the years' sum where years are given."""
    years = document.get("years")
    return sum(int(row["budget_fen"]) for row in years) if years else budget_fen


@dataclass
class _Check:
    document: Any
    known: Known
    problems: list[Problem] = field(default_factory=list)

    def say(self, path: str, code: str, message: Any, value: Any = "") -> None:
        self.problems.append(
            Problem(
                code,
                message % {"value": value} if "%(" in str(message) else message,
                column=path,
                value=str(value)[:80],
            )
        )

    def wrong(self) -> set[str]:
        """Keys of which something has been said already."""
        return {problem.column.partition(".")[0] for problem in self.problems}

    def ends(self, clean: Mapping[str, Any]) -> bool:
        """Whether something but a budget keeps the plan from growing without end."""
        return (
            bool({"years", "number"} & self.wrong()) or "years" in clean or "most" in clean.get("number", {})
        )

    def all(self) -> dict[str, Any]:
        if not isinstance(self.document, Mapping):
            self.say("question", "not-a-document", _("The question is a document of keys and values."))
            return {}
        for name in self.document:
            if name not in _READERS:
                self.say(str(name), "unknown-key", _("The question has no key “%(value)s”."), name)
        clean = {}
        for name, read in _READERS.items():
            if name not in self.document or self.document[name] is None:
                continue
            value = read(self, name, self.document[name])
            if value is not None and value != DEFAULTS.get(name) and value not in ({}, []):
                clean[name] = value
        level = clean.get("area_level", DEFAULTS["area_level"])
        wanted = clean.get("area_target")
        for code in wanted if isinstance(wanted, Mapping) else ():
            if self.known.areas.get(code, level) != level:
                self.say(
                    f"area_target.{code}",
                    "other-level",
                    _("The area %(value)s is of another level than the targets."),
                    code,
                )
        weights = clean.get("run_weights", {})
        if self.known.runs and all(weights.get(run, 1.0) == 0 for run in self.known.runs):
            self.say("run_weights", "all-zero", _("At least one run must weigh something."))
        for key in sorted(set(clean.get("must", [])) & set(clean.get("banned", []))):
            self.say("banned", "must-and-banned", _("%(value)s is both a must and banned."), key)
        return clean

    # --- one value ---------------------------------------------------------------------------------

    def number(self, path: str, value: Any, low: float, high: float, *, above: bool = False) -> float | None:
        """A number from low (or above it) to high, in words that name both ends."""
        fine = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not fine or not low <= value <= high or (above and value == low):
            words = (
                _("Give a number above %(low)s, at most %(high)s.")
                if above
                else _("Give a number from %(low)s to %(high)s.")
            )
            self.problems.append(
                Problem(
                    "out-of-range",
                    words % {"low": f"{low:,g}", "high": _plain(high)},
                    column=path,
                    value=str(value)[:80],
                )
            )
            return None
        return float(value)

    def whole(self, path: str, value: Any, low: int, high: int) -> int | None:
        fine = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not fine or value != int(value) or not low <= value <= high:
            words = _("Give a whole number from %(low)s to %(high)s.")
            self.problems.append(
                Problem(
                    "out-of-range",
                    words % {"low": _plain(low), "high": _plain(high)},
                    column=path,
                    value=str(value)[:80],
                )
            )
            return None
        return int(value)

    def yes(self, path: str, value: Any) -> bool | None:
        if not isinstance(value, bool):
            self.say(path, "not-yes-or-no", _("Say true or false."), value)
            return None
        return value

    def share(self, path: str, value: Any) -> float | None:
        return self.number(path, value, 0, 1, above=True)

    def most_least(self, path: str, value: Any) -> dict[str, int] | None:
        part = self.mapping(path, value)
        if part is None:
            return None
        found = {}
        for name, number in part.items():
            if name not in ("least", "most"):
                self.say(
                    f"{path}.{name}", "unknown-key", _("Only “least” and “most” can be said here."), name
                )
            elif number is not None:
                read = self.whole(f"{path}.{name}", number, 0, MOST_COUNT)
                if read is not None:
                    found[name] = read
        if found.get("least", 0) > found.get("most", MOST_COUNT):
            self.say(path, "least-above-most", _("The least is more than the most."))
        if found.get("least") == 0:
            del found["least"]
        return {name: found[name] for name in sorted(found)}

    def mapping(self, path: str, value: Any) -> Mapping[str, Any] | None:
        if not isinstance(value, Mapping):
            self.say(path, "not-a-document", _("Give keys with values here."), value)
            return None
        return value

    def named(
        self, path: str, value: Any, check: Callable[[str, str], bool], read: Callable[[str, Any], Any]
    ) -> dict | None:
        """{name: what `read` makes of the value}, names in order; `check` says what is wrong with a name."""
        part = self.mapping(path, value)
        if part is None:
            return None
        found = {}
        for name in sorted(part, key=str):
            if check(f"{path}.{name}", str(name)) and part[name] is not None:
                one = read(f"{path}.{name}", part[name])
                if one is not None and one != {}:
                    found[str(name)] = one
        return found

    def kind(self, path: str, name: str) -> bool:
        if name in InterventionKind.values:
            return True
        self.say(path, "unknown-kind", _("“%(value)s” is not an intervention."), name)
        return False

    def area(self, path: str, code: str) -> bool:
        if code in self.known.areas:
            return True
        self.say(path, "unknown-area", _("The city has no area %(value)s."), code)
        return False

    def run(self, path: str, ref: str) -> bool:
        if ref in self.known.runs:
            return True
        self.say(path, "unknown-run", _("%(value)s is none of the chosen runs."), ref)
        return False

    def source(self, path: str, name: str) -> bool:
        if name in FundSource.values:
            return True
        self.say(path, "unknown-source", _("“%(value)s” is no source of money."), name)
        return False

    def fund(self, path: str, value: Any) -> dict[str, Any] | None:
        part = self.mapping(path, value)
        if part is None:
            return None
        found: dict[str, Any] = {}
        for name in part:
            if name not in ("limit_fen", "kinds"):
                self.say(
                    f"{path}.{name}",
                    "unknown-key",
                    _("Only “limit_fen” and “kinds” can be said of a source."),
                    name,
                )
        if part.get("kinds"):
            if isinstance(part["kinds"], list | tuple):
                found["kinds"] = sorted(
                    {str(one) for one in part["kinds"] if self.kind(f"{path}.kinds", str(one))}
                )
            else:
                self.say(f"{path}.kinds", "not-a-list", _("Give a list."), part["kinds"])
        limit = part.get("limit_fen")
        found["limit_fen"] = None if limit is None else self.whole(f"{path}.limit_fen", limit, 0, MOST_FEN)
        return found

    def years(self, path: str, value: Any) -> list[dict[str, int]] | None:
        if not isinstance(value, list | tuple):
            self.say(path, "not-a-list", _("Give a list."), value)
            return None
        found: dict[int, dict[str, int]] = {}
        for number, row in enumerate(value):
            place = f"{path}.{number}"
            if not isinstance(row, Mapping) or set(row) != {"year", "budget_fen"}:
                self.say(place, "not-a-year", _("Give each year as “year” and “budget_fen”."), row)
                continue
            year = self.whole(f"{place}.year", row["year"], *YEARS)
            budget = self.whole(f"{place}.budget_fen", row["budget_fen"], 0, MOST_FEN)
            if year is not None and year in found:
                self.say(f"{place}.year", "year-twice", _("The year %(value)s is given twice."), year)
            elif year is not None and budget is not None:
                found[year] = {"year": year, "budget_fen": budget}
        if found and not any(row["budget_fen"] for row in found.values()) and path not in self.wrong():
            self.say(path, "no-budget", _("At least one year needs a budget."))
        return [found[year] for year in sorted(found)]

    def keys(self, path: str, value: Any) -> list[str] | None:
        if not isinstance(value, list | tuple):
            self.say(path, "not-a-list", _("Give a list."), value)
            return None
        if len(value) > MOST_KEYS:
            self.say(path, "too-many", _("Name at most %(value)s places."), MOST_KEYS)
            return None
        found = sorted({str(one) for one in value})
        if self.known.options is not None:
            there = set(self.known.options(found))
            for key in found:
                if key not in there:
                    self.say(path, "unknown-option", _("The city has no option %(value)s."), key)
        return found

    def area_target(self, path: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return self.named(path, value, self.area, self.share)
        return self.share(path, value)

    def level(self, path: str, value: Any) -> int | None:
        if value not in [int(one) for one in LEVELS]:
            self.say(path, "unknown-level", _("Areas are 1 the city, 2 districts or 3 streets."), value)
            return None
        return int(value)


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


# In the order in which a question is told; each takes (check, path, value).
_READERS: dict[str, Callable[[_Check, str, Any], Any]] = {
    "target": lambda c, p, v: c.share(p, v),
    "area_target": lambda c, p, v: c.area_target(p, v),
    "area_level": lambda c, p, v: c.level(p, v),
    "tail": lambda c, p, v: c.share(p, v),
    "run_weights": lambda c, p, v: c.named(p, v, c.run, lambda q, w: c.number(q, w, 0, 1_000_000)),
    "number": lambda c, p, v: c.most_least(p, v),
    "number_by_kind": lambda c, p, v: c.named(p, v, c.kind, c.most_least),
    "number_by_area": lambda c, p, v: c.named(p, v, c.area, c.most_least),
    "funds": lambda c, p, v: c.named(p, v, c.source, c.fund),
    "years": lambda c, p, v: c.years(p, v),
    "carry_over": lambda c, p, v: c.yes(p, v),
    "must": lambda c, p, v: c.keys(p, v),
    "banned": lambda c, p, v: c.keys(p, v),
    "spacing_m": lambda c, p, v: c.named(
        p, v, c.kind, lambda q, w: c.number(q, w, 0, MOST_METRES, above=True)
    ),
    "land_m2_by_area": lambda c, p, v: c.named(p, v, c.area, lambda q, w: c.whole(q, w, 0, MOST_M2)),
    "running_limit_fen_year": lambda c, p, v: c.whole(p, v, -MOST_FEN, MOST_FEN),
    "running_years": lambda c, p, v: c.whole(p, v, 0, MOST_RUNNING_YEARS),
    "peacetime_weight": lambda c, p, v: c.number(p, v, 0, 1_000_000_000),
    "sizes": lambda c, p, v: c.yes(p, v),
    "retire": lambda c, p, v: c.yes(p, v),
    "price_of_robustness": lambda c, p, v: c.yes(p, v),
}
KEYS = tuple(_READERS)
