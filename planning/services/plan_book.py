"""A plan's version as a workbook in the reader's language: what it stands on, T7, T8, T9, areas, money, prices, T13."""

from __future__ import annotations

import io

import xlsxwriter
from django.utils import timezone
from django.utils.translation import gettext as _

from core.templatetags.pingji import day, local_name, pct
from planning.services.assumptions import assumptions_table
from planning.services.official_tables import WHOLE
from planning.services.plan_facts import PlanFacts
from planning.services.plan_tables import (
    annual_table,
    area_table,
    money_table,
    project_table,
    rate_table,
    siting_table,
    yuan_of,
)
from planning.services.plan_words import basis_lines, question_lines
from planning.services.tables_export import Styles, whose_rows, write_table


def plan_book(facts: PlanFacts) -> bytes:
    """XLSX; rows go to disk as they come, so that a plan of a large city never stands in memory."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"constant_memory": True})
    book.set_properties(
        {
            "title": facts.title,
            "company": local_name(facts.city),
            "comments": facts.digest,
            "created": timezone.now().replace(tzinfo=None),
        }
    )
    styles = Styles(book)
    _cover(book, styles, facts)
    stands_on = _("Plan %(ref)s, version %(number)s; runs %(runs)s. Printed on %(day)s.") % {
        "ref": facts.plan.ref, "number": facts.version.number, "runs": ", ".join(run.ref for run in facts.runs),
        "day": day(timezone.localdate()),
    }  # fmt: skip
    for table in (
        siting_table(facts),
        project_table(facts),
        annual_table(facts),
        area_table(facts),
        money_table(facts),
        rate_table(facts),
        assumptions_table(facts.runs),
    ):
        write_table(book, styles, table, stands_on)
    book.close()
    return out.getvalue()


def _cover(book: xlsxwriter.Workbook, styles: Styles, facts: PlanFacts) -> None:
    """Figures, the question in words, and what every number stands on. Row by row: constant memory goes only downwards."""
    sheet = book.add_worksheet(_("Notes"))
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 110)
    sheet.write_string(0, 0, facts.title, styles.title)
    sheet.write_string(1, 0, whose_rows(facts.city.pk, facts.user), styles.note)
    at = 3

    def head(words: str) -> None:
        nonlocal at
        sheet.write_string(at, 0, words, styles.head)
        at += 1

    def line(label: str, value: str | float | int | None, kind: str = "") -> None:
        nonlocal at
        sheet.write_string(at, 0, label, styles.text)
        if isinstance(value, int | float):
            sheet.write_number(at, 1, value, styles.left.get(kind, styles.text))
        elif value is not None:
            sheet.write_string(at, 1, value, styles.wrapped)
        at += 1

    head(_("Figures"))
    line(_("Interventions"), len(facts.interventions), WHOLE)
    line(_("Cost, yuan"), yuan_of(facts.total_fen()), "number")
    line(
        _("Running cost a year, yuan"),
        yuan_of(sum(one.running_fen_year for one in facts.interventions)),
        "number",
    )
    line(
        _("Peacetime value a year, yuan"),
        yuan_of(sum(one.peacetime_fen_year for one in facts.interventions)),
        "number",
    )
    if facts.whole:
        line(_("Weighted need newly served"), facts.version.value, "number")
        line(_("No plan can serve more than"), facts.version.bound, "number")
        line(
            _("Distance from the bound"), pct(facts.version.gap, 2) if facts.version.gap is not None else "—"
        )
    at += 1
    head(_("Question and limits"))
    for label, words in question_lines(facts.version):
        line(label, words)
    at += 1
    head(_("What it stands on"))
    for label, words in basis_lines(facts):
        line(label, words)
