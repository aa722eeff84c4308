"""A plan's version as a document to print: A4, in the reader's language, maps as vector graphics.

WeasyPrint lays it out; Chinese stands in Noto Sans CJK (package fonts-noto-cjk). Nothing is fetched from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from core.choices import AreaLevel
from core.errors import DomainError
from core.templatetags.pingji import local_name, num, pct, unit, yuan
from inventory.choices import InterventionKind
from planning.choices import FundSource
from planning.selectors.plan_areas import PlanAreaRow
from planning.services.assumptions import assumptions_table
from planning.services.official_tables import scenario_label, time_label
from planning.services.plan_facts import PlanFacts
from planning.services.plan_maps import (
    change_classes,
    class_map,
    coverage_classes,
    ground_of,
    kind_colour,
    layout_map,
)
from planning.services.plan_tables import rate_table, units_of
from planning.services.plan_words import basis_lines, price_words, proof_words, question_lines
from planning.services.tables_export import whose_rows

# One page of maps for each run and service; of many, those of which the plan closes most.
MOST_MAPS = 8
Tell = Callable[[float], None]


def plan_pdf(facts: PlanFacts, tell: Tell = lambda share: None) -> bytes:
    """`tell(share)` says how far it is; it may raise to stop."""
    try:
        # Loads Pango, which only the process that lays out needs.
        from weasyprint import HTML
    except OSError as missing:
        words = _(
            "This machine lacks the libraries that lay out documents (Pango); script/bootstrap installs them."
        )
        raise DomainError("no-pdf-here", words, status=503) from missing

    html = plan_html(facts)
    tell(0.4)
    content = HTML(string=html, url_fetcher=_nothing_outside).write_pdf()
    tell(0.98)
    assert isinstance(content, bytes)
    return content


def _nothing_outside(url: str, *args: Any, **kwargs: Any) -> Any:
    raise ValueError(f"a document of a plan fetches nothing: {url}")


def plan_html(facts: PlanFacts) -> str:
    """The document before it is laid out."""
    totals = [row for row in facts.area_rows if row.total]
    ordered = sorted(totals, key=lambda row: -(row.closed or 0))
    ground = ground_of(facts)
    shown = [row for row in ordered if row.after is not None][:MOST_MAPS]
    context = {
        "lang": get_language() or "en", "facts": facts, "plan": facts.plan, "version": facts.version, "city": facts.city,
        "whose": whose_rows(facts.city.pk, facts.user), "figures": _figures(facts, ordered), "question": question_lines(facts.version),
        "proof": proof_words(facts), "prices": price_words(facts), "basis": basis_lines(facts),
        "totals": [_total(row) for row in totals],
        "layout": layout_map(facts, ground, 660, 620), "kinds": _kinds(facts),
        "maps": [_maps(facts, ground, row) for row in shown], "left_out": max(len(totals) - len(shown), 0),
        "interventions": [_intervention(facts, one) for one in facts.interventions],
        "areas": _areas(facts), "money": _money(facts), "total_fen": facts.total_fen(),
        "assumptions": assumptions_table(facts.runs), "rates": rate_table(facts),
        "alternatives": len(facts.alternatives),
    }  # fmt: skip
    return render_to_string("planning/plan_pdf.html", context)


def _figures(facts: PlanFacts, ordered: list[PlanAreaRow]) -> list[tuple[str, str, str]]:
    """(label, number, note) for the cover."""
    found = [
        (
            _("Cost"),
            yuan(facts.total_fen()),
            _("of a budget of %(budget)s") % {"budget": yuan(facts.version.budget_fen)},
        ),
        (_("Interventions"), num(len(facts.interventions)), _("in order of what each yuan buys")),
    ]
    if ordered and ordered[0].after is not None:
        row = ordered[0]
        found.append(
            (
                _("Gap closed"),
                f"{num(row.closed)} {unit(row.service)}",
                _("%(service)s, %(scenario)s, %(time)s: %(before)s → %(after)s")
                % {
                    "service": local_name(row.service),
                    "scenario": scenario_label(row.before_run),
                    "time": time_label(row.before_run.time_of_day).lower(),
                    "before": num(row.before.gap),
                    "after": num(row.after.gap),  # type: ignore[union-attr]
                },
            )
        )
        found.append(
            (_("Coverage"), f"{pct(row.before.coverage)} → {pct(row.after.coverage)}", _("share of the need served in time"))  # type: ignore[union-attr]
        )  # fmt: skip
    running = sum(one.running_fen_year for one in facts.interventions)
    peacetime = sum(one.peacetime_fen_year for one in facts.interventions)
    found.append((_("Running cost a year"), yuan(running), ""))
    found.append((_("Peacetime value a year"), yuan(peacetime), ""))
    return found


def _total(row: PlanAreaRow) -> dict[str, Any]:
    return {
        "row": row,
        "service": local_name(row.service),
        "unit": unit(row.service),
        "scenario": scenario_label(row.before_run),
        "time": time_label(row.before_run.time_of_day),
    }


def _kinds(facts: PlanFacts) -> list[dict[str, Any]]:
    labels = dict(InterventionKind.choices)
    counts: dict[str, int] = {}
    for one in facts.interventions:
        counts[one.kind] = counts.get(one.kind, 0) + 1
    return [
        {"label": labels[kind], "colour": kind_colour(kind), "count": counts[kind]}
        for kind in InterventionKind.values
        if kind in counts
    ]


def _maps(facts: PlanFacts, ground: Any, total: PlanAreaRow) -> dict[str, Any]:
    """Coverage before and with the plan, and the change of the gap, for one run and service."""
    level = AreaLevel.STREET if ground.streets else AreaLevel.DISTRICT
    rows = [
        row
        for row in facts.area_rows
        if row.area is not None
        and row.area.level == level
        and row.service.pk == total.service.pk
        and row.before_run.pk == total.before_run.pk
    ]
    before = coverage_classes(rows, "before", _("Coverage before"))
    after = coverage_classes(rows, "after", _("Coverage with the plan"))
    change = change_classes(rows, _("Change of the gap by area, %(unit)s") % {"unit": unit(total.service)})
    return {
        **_total(total),
        "coverage": [
            {"title": one.title, "svg": class_map(ground, one, 325, 290)} for one in (before, after)
        ],
        "coverage_legend": before.legend,
        "change": {
            "title": change.title,
            "svg": class_map(ground, change, 660, 430),
            "legend": change.legend,
        },
        "level": str(AreaLevel(level).label).lower(),
    }


def _intervention(facts: PlanFacts, one: Any) -> dict[str, Any]:
    return {
        "one": one,
        "units": units_of(one),
        "unit": unit(one.service),
        "district": local_name(facts.area_at(one.area, AreaLevel.DISTRICT))
        if facts.area_at(one.area, AreaLevel.DISTRICT)
        else "",
        "colour": kind_colour(one.kind),
    }


def _areas(facts: PlanFacts) -> list[dict[str, Any]]:
    """Districts (or what the person's areas are) of each run and service, with the total last."""
    groups: dict[tuple[int, int], dict[str, Any]] = {}
    for row in facts.area_rows:
        key = (row.before_run.pk, row.service.pk)
        group = groups.setdefault(key, {"rows": []})
        if row.total:
            group |= _total(row) | {"total": row}
        elif row.top:
            group["rows"].append(row)
    return list(groups.values())


def _money(facts: PlanFacts) -> dict[str, Any]:
    """Years down, sources across; what stands in no year apart, so that it adds up to the cost."""
    sums = facts.by_year_and_source()
    years = sorted({year for year, _source in sums})
    sources = [code for code in FundSource.values if any(source == code for _year, source in sums)]
    labels = dict(FundSource.choices)
    rows = [
        {
            "year": year,
            "cells": [sums.get((year, code)) for code in sources],
            "sum": sum(fen for (own, _source), fen in sums.items() if own == year),
        }
        for year in years
    ]
    return {
        "sources": [str(labels[code]) for code in sources],
        "rows": rows,
        "sums": [sum(fen for (_year, source), fen in sums.items() if source == code) for code in sources],
        "left": facts.total_fen() - sum(sums.values()),
    }
