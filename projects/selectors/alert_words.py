"""What an alert says, in the reader's language: the figures as of the day it was raised, and where they can be seen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.templatetags.pingji import day as day_words
from core.templatetags.pingji import local_name, num, yuan
from projects.models import SupervisionAlert

Facts = dict[str, Any]


def _day(text: str | None) -> str:
    return day_words(date.fromisoformat(text)) if text else "—"


def _month(text: str) -> str:
    return text[:7]


def _works(facts: Facts) -> str:
    """Where the share of works comes from."""
    if facts["works_kind"] == "inspection":
        return _("%(percent)s %% seen on %(day)s (inspection %(ref)s)") % _works_values(facts)
    if facts["works_kind"] == "report":
        return _("%(percent)s %% reported on %(day)s (report of %(ref)s)") % _works_values(facts)
    return _("no works reported or seen")


def _works_values(facts: Facts) -> Facts:
    return {
        "percent": num(facts["works_percent"], 1), "day": _day(facts["works_on"]), "ref": facts["works_ref"]
    }  # fmt: skip


def _late_start(facts: Facts) -> str:
    values = {"days": facts["late_days"], "day": _day(facts["counted_from"])}
    if facts["started_on"]:
        return _("Works began %(days)s days after %(day)s, when they were to begin.") % values
    return _("Works have not begun %(days)s days after %(day)s, when they were to begin.") % values


def _lag(facts: Facts) -> str:
    return _("%(points)s points behind: %(planned)s %% planned by that day; %(works)s.") % {
        "points": num(facts["behind_points"], 1), "planned": num(facts["planned_percent"], 1), "works": _works(facts),
    }  # fmt: skip


def _low_payment(facts: Facts) -> str:
    return _("%(paid)s paid of %(due)s of budget due so far: %(percent)s %%.") % {
        "paid": yuan(facts["paid_fen"]), "due": yuan(facts["due_fen"]), "percent": num(facts["paid_percent"], 1),
    }  # fmt: skip


def _scope_shrink(facts: Facts) -> str:
    return _("%(units)s units now, %(approved)s approved: %(percent)s %% less.") % {
        "units": num(facts["units"]), "approved": num(facts["approved_units"]), "percent": num(facts["less_percent"], 1),
    }  # fmt: skip


def _overdue(facts: Facts) -> str:
    values = {"days": facts["late_days"], "day": _day(facts["planned_on"])}
    if "milestone" not in facts:
        return _("Not commissioned %(days)s days after its end, %(day)s.") % values
    values |= {"number": facts["milestone"], "name": local_name(facts)}
    if facts["reached_on"]:
        return _("Milestone %(number)s, %(name)s, was seen on site %(days)s days after %(day)s.") % values
    return _("Milestone %(number)s, %(name)s, is not seen on site %(days)s days after %(day)s.") % values


def _paid_ahead(facts: Facts) -> str:
    return _("Paid %(paid)s %% of what was approved (%(sum)s), %(points)s points ahead of the works; %(works)s.") % {
        "paid": num(facts["paid_percent"], 1), "sum": yuan(facts["paid_fen"]), "points": num(facts["ahead_points"], 1),
        "works": _works(facts),
    }  # fmt: skip


def _idle_funds(facts: Facts) -> str:
    return _("%(left)s of tranche %(number)s (%(percent)s %%) not paid out since its release on %(day)s.") % {
        "left": yuan(facts["left_fen"]), "number": facts["tranche"], "percent": num(facts["left_percent"], 1),
        "day": _day(facts["released_on"]),
    }  # fmt: skip


def _payee(facts: Facts) -> str:
    return _("%(sum)s paid to %(payee)s on %(day)s; no contract signed by then names this payee.") % {
        "sum": yuan(facts["amount_fen"]), "payee": facts["payee"], "day": _day(facts["paid_on"]),
    }  # fmt: skip


def _silence(facts: Facts) -> str:
    values = {"count": facts["silent_months"], "until": _month(facts["due_month"])}
    if facts["last_month"]:
        return ngettext(
            "%(count)s month without a report until %(until)s; the last one is of %(last)s.",
            "%(count)s months without a report until %(until)s; the last one is of %(last)s.",
            facts["silent_months"],
        ) % {**values, "last": _month(facts["last_month"])}
    return _("No report at all since works began on %(day)s, %(count)s months until %(until)s.") % {
        **values, "day": _day(facts["started_on"]),
    }  # fmt: skip


def _evidence(facts: Facts) -> str:
    values = {"month": _month(facts["month"]), "day": _day(facts["reported_on"]), "photos": facts["photos"], "all": facts["all_photos"]}  # fmt: skip
    return (
        _("The report of %(month)s, made on %(day)s, has %(photos)s photos that count, of %(all)s.") % values
    )


def _far(facts: Facts) -> str:
    if "photos" not in facts:
        return _("The project now stands %(metres)s m from the site that was approved.") % {
            "metres": num(facts["away_m"])
        }
    return ngettext(
        "%(count)s photo was taken up to %(metres)s m from the approved site.",
        "%(count)s photos were taken up to %(metres)s m from the approved site.",
        facts["photos"],
    ) % {"count": facts["photos"], "metres": num(facts["away_m"])}


def _capacity(facts: Facts) -> str:
    return _("%(built)s units built, %(approved)s approved: %(percent)s %%.") % {
        "built": num(facts["built_units"]), "approved": num(facts["approved_units"]),
        "percent": num(facts["built_percent"], 1),
    }  # fmt: skip


_SENTENCES: dict[str, Callable[[Facts], str]] = {
    "late-start": _late_start, "lag": _lag, "low-payment": _low_payment, "scope-shrink": _scope_shrink,
    "overdue": _overdue, "paid-ahead": _paid_ahead, "idle-funds": _idle_funds, "payee": _payee, "silence": _silence,
    "evidence": _evidence, "far-from-site": _far, "capacity-below": _capacity,
}  # fmt: skip
# Page of the project where the figures of a rule can be seen, by its address name.
_PAGES: dict[str, tuple[str, ...]] = {
    "late-start": ("project_works", "project_schedule"), "lag": ("project_works", "project_schedule"),
    "low-payment": ("project_money",), "scope-shrink": (), "overdue": ("project_works", "project_schedule"),
    "paid-ahead": ("project_money", "project_works"), "idle-funds": ("project_money",), "payee": ("project_money",),
    "silence": ("project_works",), "evidence": ("project_works",), "far-from-site": ("project_works",),
    "capacity-below": ("project_handover",),
}  # fmt: skip


def sentence(alert: SupervisionAlert) -> str:
    """The facts in one sentence."""
    return _SENTENCES[alert.code](alert.facts)


def links(alert: SupervisionAlert) -> list[dict[str, str]]:
    """Where the figures can be seen: the project, its money, works or handover, the inspection that saw them."""
    ref = alert.project.ref
    words = {
        "project_money": _("Money"), "project_works": _("Works"), "project_schedule": _("Schedule"),
        "project_handover": _("Handover"),
    }  # fmt: skip
    found = [{"label": _("Project %(ref)s") % {"ref": ref}, "href": reverse("project", args=[ref])}]
    for name in _PAGES[alert.code]:
        found.append({"label": words[name], "href": _address(name, ref)})
    kind, _colon, rest = alert.thing.partition(":")
    inspection = alert.facts.get("works_ref") if alert.facts.get("works_kind") == "inspection" else None
    inspection = rest if kind == "inspection" else inspection
    if inspection:
        found.append({"label": _("Inspection %(ref)s") % {"ref": inspection}, "href": _address("inspection", inspection)})  # fmt: skip
    return [one for one in found if one["href"]]


def _address(name: str, *words: str) -> str:
    try:
        return reverse(name, args=words)
    except NoReverseMatch:
        return ""
