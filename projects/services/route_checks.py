"""Reads a route from YAML and says, all at once, everything that would let a case stand still or go round two people."""

from __future__ import annotations

import re
from typing import Any

import yaml
from django.utils.translation import gettext_lazy as _

from core.choices import AreaLevel, Certainty, DepartmentFunction, Role
from core.errors import DomainError, InvalidInput, Problem
from facilities.models import ServiceType
from inventory.choices import InterventionKind
from projects.choices import RouteKind, TaskKind

CONDITIONS = {"cost_from_fen", "cost_below_fen", "kinds", "services", "domains"}
ROUTE_KEYS = ["code", "kind", "for_tranche", "name", "name_en", "source", "certainty", "stages"]
STAGE_KEYS = ["code", "name", "name_en", "tasks"]
TASK_KEYS = ["code", "order", "kind", "role", "department", "area_level", "name", "name_en", "due", "escalate", "escalate_role", "only"]  # fmt: skip
LARGEST_BYTES = 200_000
_CODE = re.compile(r"[-a-zA-Z0-9_]{1,40}")
_LENGTHS = {"name": 120, "name_en": 120, "source": 300}


def read_document(text: str) -> dict[str, Any]:
    """A route from YAML, or InvalidInput with everything that is wrong."""
    if len(text.encode()) > LARGEST_BYTES:
        raise DomainError("too-long", _("A route is a page of text, not a book."), status=422)
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as broken:
        raise DomainError(
            "bad-yaml", _("The file is no YAML: %(words)s") % {"words": str(broken)}, status=422
        ) from None
    except (ValueError, RecursionError) as broken:
        raise DomainError("bad-yaml", _("The file is no YAML: %(words)s") % {"words": str(broken)[:200]}, status=422) from None  # fmt: skip
    if problems := check_document(document):
        raise InvalidInput(_("The route cannot be used. Correct what is listed."), problems)
    return document


def write_document(document: dict[str, Any]) -> str:
    """The YAML of a stored route, its keys in the order in which people write them."""

    def ordered(part: dict[str, Any], keys: list[str]) -> dict[str, Any]:
        return {key: part[key] for key in keys if key in part} | {
            key: value for key, value in part.items() if key not in keys
        }

    said = ordered(document, ROUTE_KEYS)
    said["stages"] = [
        ordered(stage, STAGE_KEYS) | {"tasks": [ordered(task, TASK_KEYS) for task in stage["tasks"]]}
        for stage in document.get("stages", [])
    ]
    return yaml.safe_dump(said, allow_unicode=True, sort_keys=False, width=120)


class _Found:
    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def say(self, place: str, code: str, message: Any) -> None:
        self.problems.append(Problem(code, message, column=place))

    def one_of(self, place: str, value: Any, allowed: Any) -> None:
        if value not in allowed:
            words = ", ".join(str(one) for one in allowed if one != "")
            self.say(place, "unknown", _("One of %(words)s.") % {"words": words})

    def text(self, place: str, part: dict[str, Any], needed: tuple[str, ...]) -> None:
        for key in needed:
            if part.get(key) in (None, ""):
                self.say(f"{place}{key}", "missing", _("This is needed."))
        for key, most in _LENGTHS.items():
            value = part.get(key)
            if value is not None and not isinstance(value, str):
                self.say(f"{place}{key}", "not-a-text", _("A text is needed here; put it in quotes."))
            elif isinstance(value, str) and len(value) > most:
                self.say(f"{place}{key}", "too-long", _("At most %(most)s characters.") % {"most": most})
        code = part.get("code")
        if code not in (None, "") and not (isinstance(code, str) and _CODE.fullmatch(code)):
            self.say(f"{place}code", "bad-code", _("A code has letters a to z, digits, - and _, at most 40."))

    def keys(self, place: str, part: dict[str, Any], known: list[str]) -> None:
        for key in sorted((key for key in part if key not in known), key=str):
            self.say(f"{place}{key}", "unknown", _("This is not known here."))


def check_document(document: Any) -> list[Problem]:
    """Everything that would let a case stand still or go round two people."""
    found = _Found()
    if not isinstance(document, dict):
        return [Problem("not-a-route", _("A route is a list of names and values."))]
    found.keys("", document, ROUTE_KEYS)
    found.text("", document, ("code", "name", "kind", "stages"))
    if document.get("kind") not in (None, ""):
        found.one_of("kind", document["kind"], RouteKind.values)
    found.one_of("certainty", document.get("certainty", Certainty.D), Certainty.values)
    if not isinstance(document.get("for_tranche", False), bool):
        found.say("for_tranche", "not-a-choice", _("true or false."))
    stages = document.get("stages")
    if stages and not isinstance(stages, list):
        found.say("stages", "not-a-list", _("A list is needed here."))
    # (stage, order, kind, place) of every task, to see what comes before what.
    order: list[tuple[int, int, str, str]] = []
    codes: list[str] = []
    tasks: list[str] = []
    for number, stage in enumerate(stages if isinstance(stages, list) else [], start=1):
        _check_stage(found, number, stage, order, codes, tasks)
    for names, place in ((codes, "stages"), (tasks, "tasks")):
        for twice in sorted({name for name in names if names.count(name) > 1}):
            found.say(place, "twice", _("The code %(code)s stands twice.") % {"code": twice})
    _check_two_people(found, order)
    return found.problems


def _check_stage(
    found: _Found, number: int, stage: Any, order: list[tuple[int, int, str, str]], codes: list[str], tasks: list[str]
) -> None:  # fmt: skip
    place = f"stages[{number}]"
    if not isinstance(stage, dict) or not stage.get("code") or not isinstance(stage.get("tasks"), list) or not stage["tasks"]:  # fmt: skip
        found.say(place, "missing", _("A stage has a code and tasks."))
        return
    found.keys(f"{place}.", stage, STAGE_KEYS)
    found.text(f"{place}.", stage, ("code",))
    codes.append(str(stage["code"]))
    for at, task in enumerate(stage["tasks"], start=1):
        where = f"{place}.tasks[{at}]"
        if not isinstance(task, dict):
            found.say(where, "missing", _("A task is a list of names and values."))
            continue
        found.keys(f"{where}.", task, TASK_KEYS)
        found.text(f"{where}.", task, ("code", "kind", "role", "name"))
        tasks.append(str(task.get("code")))
        for key, allowed in (
            ("kind", TaskKind.values),
            ("role", Role.values),
            ("escalate_role", Role.values),
            ("department", ["", *DepartmentFunction.values]),
            ("area_level", AreaLevel.values),
        ):
            if task.get(key) not in (None, ""):
                found.one_of(f"{where}.{key}", task[key], allowed)
        for key in ("due", "escalate", "order"):
            value = task.get(key, 1)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 365:
                found.say(f"{where}.{key}", "not-a-number", _("A whole number from 0 to 365."))
        _check_only(found, where, task)
        turn = task.get("order", 1)
        order.append((number, turn if isinstance(turn, int) else 1, str(task.get("kind")), where))


def _check_only(found: _Found, where: str, task: dict[str, Any]) -> None:
    only = task.get("only")
    if only in (None, {}):
        return
    if not isinstance(only, dict):
        found.say(f"{where}.only", "unknown", _("A list of names and values is needed here."))
        return
    found.keys(f"{where}.only.", only, sorted(CONDITIONS))
    if task.get("kind") in (TaskKind.DECIDE, TaskKind.RECOMMEND):
        found.say(f"{where}.only", "always", _("Recommending and deciding are never left out."))
    for key in ("cost_from_fen", "cost_below_fen"):
        value = only.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            found.say(f"{where}.only.{key}", "not-a-number", _("A whole number of fen is needed."))
    known: dict[str, list[str]] = {"kinds": list(InterventionKind.values)}
    if "services" in only or "domains" in only:
        rows = ServiceType.objects.values_list("code", "domain")
        known["services"] = sorted({code for code, _domain in rows})
        known["domains"] = sorted({domain for _code, domain in rows})
    for key, allowed in known.items():
        values = only.get(key, [])
        if not isinstance(values, list):
            found.say(f"{where}.only.{key}", "not-a-list", _("A list is needed here."))
            continue
        # Before the reference lists are loaded nothing can be said about their codes.
        for value in values if allowed else []:
            found.one_of(f"{where}.only.{key}", value, allowed)


def _check_two_people(found: _Found, order: list[tuple[int, int, str, str]]) -> None:
    decides = [row for row in order if row[2] == TaskKind.DECIDE]
    recommends = [row for row in order if row[2] == TaskKind.RECOMMEND]
    if len(decides) != 1:
        found.say("stages", "one-decision", _("A route has exactly one decision."))
    elif [row for row in order if row[:2] >= decides[0][:2] and row != decides[0]]:
        found.say(decides[0][3], "decision-last", _("The decision comes last, and nothing beside it."))
    if len(recommends) != 1:
        found.say("stages", "one-recommendation", _("A route has exactly one recommendation."))
    elif decides and not recommends[0][:2] < decides[0][:2]:
        found.say(recommends[0][3], "recommend-first", _("The recommendation comes before the decision."))
