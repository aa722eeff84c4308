"""The page of the range of need and gap: how sure the numbers are, area by area, and what makes them unsure."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from core.choices import AreaLevel
from core.templatetags.pingji import local_name, num, pct, unit
from facilities.models import ServiceType
from planning.models import Analysis, AreaRange
from planning.selectors import gaps
from planning.selectors.ranges import facts_in_words, input_in_percent, range_rows
from planning.views.readings import Reading

DRIVERS_SHOWN = 12


def shown(request: HttpRequest, analysis: Analysis, service: ServiceType) -> dict[str, Any]:
    """What the page says of one service, as far as the person may see."""
    facts = facts_in_words(analysis.facts)
    whole_city = gaps.sees_whole_city(request.user, analysis.run.city_id)
    said = facts["services"].get(service.code) if whole_city else None
    every = range_rows(analysis, user=request.user).filter(service=service)
    level = _level(set(every.order_by().values_list("area__level", flat=True).distinct()))
    shown_rows = every.filter(area__level=level, need_p90__gt=0).defer("area__geometry")
    rows = list(shown_rows.order_by("-gap_p90", "area__path"))
    most = max((row.gap_p90 for row in rows), default=0)
    return {
        "rows": [{"row": row, "bar": _bar(row.gap_p10, row.gap, row.gap_p90, most)} for row in rows],
        "level": AreaLevel(level).label if level else "", "said": said, "varied": facts["varied"],
        "sure": [_sure(said, measure, label) for measure, label in (("gap", _("Gap")), ("need", _("Need")))] if said else [],
        "drivers": _drivers(said["drivers"]["gap"] or said["drivers"]["need"]) if said else [],
        "driven": _("gap") if said and said["drivers"]["gap"] else _("need"),
        "inputs": [_input(one) for one in facts["inputs"]], "fixed": [_input(one) for one in facts["fixed"]],
        "draws": facts["draws"], "reading": _reading(facts, said, rows, service),
    }  # fmt: skip


def _level(levels: set[int]) -> int | None:
    """The widest level below the city that the person sees; the city's own where there is no other."""
    return min(levels - {AreaLevel.CITY}, default=min(levels, default=None))


def _bar(low: int, value: int, high: int, most: int) -> dict[str, str]:
    """Left edge and width of a range and the place of its number, in percent of the longest."""
    scale = 100.0 / most if most else 0.0
    return {
        "left": f"{low * scale:.2f}", "width": f"{max((high - low) * scale, 0.6):.2f}",
        "at": f"{min(max(value * scale, 0.0), 100.0):.2f}",
    }  # fmt: skip


def _sure(said: dict[str, Any], measure: str, label: str) -> dict[str, Any]:
    """One range of the whole city on a line of its own that begins at 0."""
    low, middle, high = (said[f"{measure}_{name}"] for name in ("p10", "p50", "p90"))
    most = max(high, said[measure]) * 1.1
    return {
        "label": label, "value": said[measure], "low": low, "middle": middle, "high": high,
        "bar": _bar(low, said[measure], high, int(most)),
    }  # fmt: skip


def _drivers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"size": abs(row["swing"])} for row in rows[:DRIVERS_SHOWN]]


def _input(one: dict[str, Any]) -> dict[str, Any]:
    """An input with its numbers as people read them."""

    def said(name: str) -> str:
        value = one.get(name)
        if value is None:
            return ""
        if input_in_percent(one):
            digits = 0 if abs(value * 100 - round(value * 100)) < 1e-9 else (1 if value >= 0.01 else 2)
            return pct(value, digits)
        return num(value, 0) if value >= 1000 else f"{value:.4g}"

    return one | {name: said(name) for name in ("low", "mid", "high", "value")}


def _reading(
    facts: dict[str, Any], said: dict[str, Any] | None, rows: list[AreaRange], service: ServiceType
) -> Reading:
    if not facts["varied"]:
        return Reading(
            _("Nothing this run rests on has a range, so its numbers have none."),
            _(
                "Give the numbers of the scenario, the standards or the population layer a low and a high end to see how sure the gap is."
            ),
        )
    if said is None:
        if not rows:
            return Reading(_("Nobody needs this service in this scenario."))
        row = rows[0]
        told = {
            "area": local_name(row.area), "low": num(row.gap_p10), "high": num(row.gap_p90), "unit": unit(service),
        }  # fmt: skip
        return Reading(
            _("In %(area)s the gap lies between %(low)s and %(high)s %(unit)s in eight draws of ten.") % told
        )
    if not said["need_p90"]:
        return Reading(_("Nobody needs this service in this scenario."))
    told = {
        "low": num(said["gap_p10"]), "high": num(said["gap_p90"]), "value": num(said["gap"]), "middle": num(said["gap_p50"]),
        "unit": unit(service),
    }  # fmt: skip
    sentence = _("The gap lies between %(low)s and %(high)s %(unit)s in eight draws of ten.") % told
    if said["gap_p10"] == said["gap_p90"]:
        sentence = (
            _("The gap is %(low)s %(unit)s in eight draws of ten: the uncertain inputs hardly move it.")
            % told
        )
    tail = _("The run itself says %(value)s; half of the draws lie below %(middle)s.") % told
    drivers = said["drivers"]["gap"]
    if drivers and drivers[0]["share"] >= 0.05:
        tail += " " + _("The largest part of the spread comes from: %(what)s, %(share)s.") % {
            "what": drivers[0]["label"], "share": pct(drivers[0]["share"], 0),
        }  # fmt: skip
    return Reading(sentence, tail)
