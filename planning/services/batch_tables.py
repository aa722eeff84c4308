"""The table of a batch as a file: one line for each run and service."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

import xlsxwriter
from django.utils.translation import gettext as _

from planning.models import Batch
from planning.selectors.batches import BatchRow
from planning.services.batch_answers import HEADS, table_rows

FORMS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def batch_table(*, batch: Batch, rows: Iterable[BatchRow], form: str) -> bytes:
    """`form`: "csv" (with a mark that spreadsheets read as UTF-8) or "xlsx" (head frozen, filters on)."""
    lines = [[line.get(name) for name in HEADS] for line in table_rows(rows)]
    return _csv(lines) if form == "csv" else _xlsx(batch, lines)


def _csv(lines: list[list[Any]]) -> bytes:
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\r\n")
    writer.writerow(HEADS)
    writer.writerows([["" if value is None else _safe(value) for value in line] for line in lines])
    return b"\xef\xbb\xbf" + held.getvalue().encode()


def _safe(value: Any) -> Any:
    """A spreadsheet must not take a name for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t" and value else value


def _xlsx(batch: Batch, lines: list[list[Any]]) -> bytes:
    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"in_memory": True, "strings_to_formulas": False}) as book:
        strong, share = book.add_format({"bold": True}), book.add_format({"num_format": "0.0%"})
        sheet = book.add_worksheet(_("Batch"))
        for at, name in enumerate(HEADS):
            sheet.write(0, at, name, strong)
        for n, line in enumerate(lines, start=1):
            for at, value in enumerate(line):
                if value is not None:
                    sheet.write(n, at, value, *([share] if HEADS[at] == "coverage" else []))
        sheet.freeze_panes(1, 2)
        sheet.autofilter(0, 0, max(len(lines), 1), len(HEADS) - 1)
        sheet.autofit()
        about = book.add_worksheet(_("About"))
        told = [
            (_("Batch"), batch.ref), (_("Name"), batch.name), (_("Standards"), batch.profile.code),
            (_("Assignment"), str(batch.get_assignment_display())), (_("Created"), batch.created_at.isoformat()),
        ]  # fmt: skip
        for n, (label, value) in enumerate(told):
            about.write(n, 0, label, strong)
            about.write(n, 1, value)
        about.autofit()
    return held.getvalue()
