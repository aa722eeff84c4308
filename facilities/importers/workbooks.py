"""One sheet of an Excel workbook; formulas give their stored values."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from django.utils.translation import gettext_lazy as _

from facilities.importers.blocks import assemble, convert_block, missing_columns
from facilities.importers.cells import as_text
from facilities.importers.columns import Column, Columns
from facilities.importers.problems import Problems


def read_workbook(
    path: Path, label: str, sheet: str, columns: Mapping[str, Column], problems: Problems
) -> Columns | None:
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, OSError, ValueError):
        problems.add("file_broken", _("The file cannot be opened as an XLSX workbook."), file=label)
        return None
    try:
        if sheet and sheet not in book.sheetnames:
            text = _('There is no sheet "%(sheet)s". The workbook has: %(has)s.')
            problems.add("sheet_unknown", text, file=label, sheet=sheet, has=", ".join(book.sheetnames))
            return None
        lines = (book[sheet] if sheet else book.worksheets[0]).iter_rows(values_only=True)
        header = [as_text(cell) for cell in next(lines, ())]
        if not any(header):
            problems.add("file_empty", _("The file is empty."), file=label)
            return None
        if missing_columns(header, columns, label, problems):
            return None
        kept = [
            (row, cells) for row, cells in enumerate(lines, start=2) if any(as_text(cell) for cell in cells)
        ]
    finally:
        book.close()
    rows = np.array([row for row, _cells in kept], dtype=np.int64)
    raw = {}
    for name, column in columns.items():
        place = header.index(column.source)
        raw[name] = [cells[place] if place < len(cells) else None for _row, cells in kept]
    blocks = [(rows, convert_block(raw, rows, columns, label, problems))] if kept else []
    return assemble(blocks, columns, label, header, problems)
