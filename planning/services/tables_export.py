"""The official tables of a run, or of a batch of runs, as one workbook in the reader's language."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

import xlsxwriter
from django.utils import timezone
from django.utils.translation import gettext as _

from core import policies
from core.errors import DomainError
from core.models import Area
from core.templatetags.pingji import day, dt, joined, local_name
from planning.choices import RunState
from planning.models import Batch, Run
from planning.selectors.official_tables import times_of_question
from planning.selectors.ranges import newest_range
from planning.services.assumptions import assumptions_table
from planning.services.official_tables import (
    NUMBER,
    SHARE,
    TEXT,
    WHOLE,
    Table,
    demand_table,
    gap_table,
    scenario_label,
    scenario_table,
    time_label,
)

FORMATS = {WHOLE: "#,##0", NUMBER: "#,##0.####", SHARE: "0.0%"}
HEAD_ROW = 3


@dataclass(frozen=True)
class Book:
    name: str
    content: bytes


def tables_of_run(*, user: Any, run: Run) -> Book:
    """The tables of a finished run and its twins at other times of day. `user` None: a command of this machine."""
    return _book(times_of_question(run), user, run.ref)


def tables_of_batch(*, user: Any, batch: Batch) -> Book:
    """The tables of the finished runs of a batch, in its order."""
    runs = Run.objects.filter(entries__batch=batch, state=RunState.DONE).order_by("entries__position")
    return _book(list(runs.select_related("scenario", "profile", "snapshot", "city")), user, batch.ref)


def _book(runs: list[Run], user: Any, ref: str) -> Book:
    runs = [run for run in runs if run.state == RunState.DONE]
    if not runs:
        raise DomainError("run-not-done", _("Only a finished run has tables."), status=422)
    city = runs[0].city
    if user is not None:
        policies.demand(user, "view", city)
    out = io.BytesIO()
    # Rows go to disk as they come: a city of ten thousand streets never stands in memory.
    book = xlsxwriter.Workbook(out, {"constant_memory": True})
    book.set_properties(
        {"title": ref, "company": local_name(city), "created": timezone.now().replace(tzinfo=None)}
    )
    styles = Styles(book)
    _notes(book, styles, runs, user)
    for table in (
        scenario_table(runs, user),
        demand_table(runs, user),
        gap_table(runs, user),
        assumptions_table(runs),
    ):
        write_table(book, styles, table, _ran(runs))
    book.close()
    return Book(f"{ref}-{timezone.localdate()}.xlsx", out.getvalue())


class Styles:
    def __init__(self, book: Any) -> None:
        base = {"font_size": 10, "valign": "top"}
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.note = book.add_format({"font_color": "#555555", "font_size": 9})
        self.head = book.add_format({**base, "bold": True, "text_wrap": True, "bottom": 1})
        self.head_number = book.add_format(
            {**base, "bold": True, "text_wrap": True, "bottom": 1, "align": "right"}
        )
        self.unit = book.add_format({**base, "font_color": "#555555", "text_wrap": True, "bottom": 1})
        self.unit_number = book.add_format(
            {**base, "font_color": "#555555", "text_wrap": True, "bottom": 1, "align": "right"}
        )
        self.text = book.add_format(base)
        self.of = {kind: book.add_format({**base, "num_format": code}) for kind, code in FORMATS.items()}
        self.bold = book.add_format({**base, "bold": True})
        self.wrapped = book.add_format({**base, "text_wrap": True})
        self.left = {
            kind: book.add_format({**base, "num_format": code, "align": "left"})
            for kind, code in FORMATS.items()
        }


def write_table(book: Any, styles: Styles, table: Table, stands_on: str) -> None:
    """A sheet: title, note and what it stands on, heads with units under them, rows; heads and the first columns stay in
    sight."""
    sheet = book.add_worksheet(f"{table.key} {table.title}"[:31])
    for n, column in enumerate(table.columns):
        sheet.set_column(n, n, column.width)
    sheet.write_string(0, 0, f"{table.key} {table.title}", styles.title)
    sheet.write_string(1, 0, f"{table.note} {stands_on}", styles.note)
    for n, column in enumerate(table.columns):
        sheet.write_string(
            HEAD_ROW, n, column.head, styles.head if column.kind == TEXT else styles.head_number
        )
    for n, column in enumerate(table.columns):
        style = styles.unit if column.kind == TEXT else styles.unit_number
        sheet.write_string(HEAD_ROW + 1, n, column.unit, style)
    last = HEAD_ROW + 1
    for last, row in enumerate(table.rows, start=HEAD_ROW + 2):
        for n, (column, value) in enumerate(zip(table.columns, row, strict=True)):
            write_cell(sheet, last, n, column.kind, value, styles)
    sheet.freeze_panes(HEAD_ROW + 2, table.frozen)
    sheet.autofilter(HEAD_ROW + 1, 0, max(last, HEAD_ROW + 1), len(table.columns) - 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(HEAD_ROW, HEAD_ROW + 1)


def write_cell(sheet: Any, row: int, n: int, kind: str, value: Any, styles: Styles) -> None:
    """Words are never formulas; what is unknown stays empty."""
    if value is None or value == "" or (isinstance(value, float) and not math.isfinite(value)):
        return
    if kind == TEXT:
        sheet.write_string(row, n, str(value), styles.text)
    else:
        sheet.write_number(row, n, value, styles.of[kind])


def _ran(runs: list[Run]) -> str:
    return _("Runs: %(refs)s. Printed on %(day)s.") % {
        "refs": ", ".join(run.ref for run in runs),
        "day": day(timezone.localdate()),
    }


def _notes(book: Any, styles: Styles, runs: list[Run], user: Any) -> None:
    """What the workbook stands on: one row for each run, then what is in it and for whom."""
    sheet = book.add_worksheet(_("Notes"))
    heads = [
        _("Run"), _("Scenario"), _("Version"), _("Time of day"), _("Standards"), _("Snapshot"), _("Agreements as of"), _("Engine"), _("Computed"),
        _("Range analysis"), _("Hash of the settings"),
    ]  # fmt: skip
    for n, width in enumerate((14, 28, 8, 12, 30, 12, 16, 10, 20, 14, 16)):
        sheet.set_column(n, n, width)
    city = runs[0].city
    title = _("%(city)s: need, gaps and what they stand on") % {"city": local_name(city)}
    sheet.write_string(0, 0, title, styles.title)
    said = [_("Printed on %(when)s.") % {"when": dt(timezone.now())}, whose_rows(city.pk, user)]
    if city.synthetic:
        said.append(_("Every number is made up: this is a synthetic city."))
    for n, words in enumerate(said, start=1):
        sheet.write_string(n, 0, words, styles.note)
    at = len(said) + 2
    for n, head in enumerate(heads):
        sheet.write_string(at, n, head, styles.head)
    for row, run in enumerate(runs, start=at + 1):
        ranged = newest_range(run)
        told = [
            run.ref, scenario_label(run), run.scenario_version, time_label(run.time_of_day), local_name(run.profile),
            run.snapshot.sha256[:12] if run.snapshot else "", day(run.snapshot.as_of) if run.snapshot else "", run.engine_version,
            dt(run.finished_at), ranged.ref if ranged else _("not asked for"), run.params_sha256[:12],
        ]  # fmt: skip
        for n, value in enumerate(told):
            if isinstance(value, int):
                sheet.write_number(row, n, value, styles.of[WHOLE])
            else:
                sheet.write_string(row, n, str(value), styles.text)


def whose_rows(city_id: int, user: Any) -> str:
    """Whose rows these are: the whole city, or the areas the person may see."""
    paths = None if user is None else policies.visible_paths(user, city_id)
    if paths is None or policies.sees_whole_city(user, city_id):
        return _("The whole city.")
    names = [local_name(area) for area in Area.objects.filter(city=city_id, path__in=paths).defer("geometry")]
    return _("Only these areas: %(areas)s.") % {"areas": joined(names)}
