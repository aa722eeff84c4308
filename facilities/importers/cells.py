"""Turn raw cells into typed arrays. The fast way first; cell by cell only where the fast way met a surprise."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from facilities.importers.problems import Problems

if TYPE_CHECKING:
    from facilities.importers.columns import Column

_GROUPED = re.compile(r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$")
_PLAIN = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_NOTHING = {"", "-", "—", "–", "null", "none", "n/a", "na", "nan"}
_DATE = re.compile(r"^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?$")


def convert(raw: Any, rows: np.ndarray, column: Column, label: str, problems: Problems) -> np.ndarray:
    """One block of one column: text -> object array of stripped str, numbers -> float64 with nan for empty."""
    if column.kind == "text":
        values = text_array(raw)
        if column.required:
            _missing(np.flatnonzero(values == ""), rows, column, label, problems)
        return values
    if column.kind == "date":
        return _dates(raw, rows, column, label, problems)
    numbers = _numbers(raw, rows, column, label, problems)
    _limits(numbers, rows, column, label, problems)
    return numbers


def text_array(raw: Any) -> np.ndarray:
    values = np.empty(len(raw), dtype=object)
    values[:] = [cell.strip() if isinstance(cell, str) else as_text(cell) for cell in raw]
    return values


def as_text(cell: Any) -> str:
    """Codes typed as numbers come back as written: 510104, not 510104.0."""
    if cell is None:
        return ""
    if isinstance(cell, (float, np.floating)):
        return "" if math.isnan(cell) else (str(int(cell)) if float(cell).is_integer() else repr(float(cell)))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == datetime.min.time() else cell.isoformat()
    return str(cell).strip()


def _numbers(raw: Any, rows: np.ndarray, column: Column, label: str, problems: Problems) -> np.ndarray:
    if isinstance(raw, np.ndarray) and raw.dtype.kind in "iufb":
        numbers = raw.astype(np.float64)
        infinite = np.flatnonzero(np.isinf(numbers))
        for i in infinite:
            _not_a_number(str(raw[i]), rows[i], column, label, problems)
        numbers[infinite] = np.nan
    else:
        numbers = _parse(raw, rows, column, label, problems)
    if column.required:
        _missing(np.flatnonzero(np.isnan(numbers) & ~_told(raw, numbers)), rows, column, label, problems)
    return numbers


def _parse(raw: Any, rows: np.ndarray, column: Column, label: str, problems: Problems) -> np.ndarray:
    try:
        if "_" in "".join(raw):  # Python reads 1_000 as a number; people do not write it
            raise ValueError
        numbers = np.array(raw, dtype=np.float64)
        if np.isfinite(numbers).all():
            return numbers
    except (ValueError, TypeError):
        pass
    numbers = np.full(len(raw), np.nan)
    for i, cell in enumerate(raw):
        value = number_of(cell)
        if value is None:
            _not_a_number(as_text(cell), rows[i], column, label, problems)
        else:
            numbers[i] = value
    return numbers


def number_of(cell: Any) -> float | None:
    """The number in a cell; nan when it is empty, None when it is text. Full-width digits and 1,234 are numbers."""
    if cell is None:
        return math.nan
    if isinstance(cell, (bool, date, datetime)):
        return None
    if isinstance(cell, (int, float, np.integer, np.floating)):
        return None if math.isinf(cell) else float(cell)
    text = unicodedata.normalize("NFKC", str(cell)).strip()
    if text.lower() in _NOTHING:
        return math.nan
    if _GROUPED.match(text):
        text = text.replace(",", "")
    return float(text) if _PLAIN.match(text) and math.isfinite(float(text)) else None


def _told(raw: Any, numbers: np.ndarray) -> np.ndarray:
    """Cells that are nan because they held text: they were reported already and are not missing as well."""
    told = np.zeros(len(numbers), dtype=bool)
    if isinstance(raw, np.ndarray) and raw.dtype.kind in "iufb":
        return told
    for i in np.flatnonzero(np.isnan(numbers)):
        told[i] = number_of(raw[i]) is None
    return told


def _not_a_number(cell: str, row: int, column: Column, label: str, problems: Problems) -> None:
    text = _('"%(cell)s" is not a number.')
    problems.add("not_a_number", text, file=label, row=row, column=column.source, cell=cell[:60])


def _missing(places: np.ndarray, rows: np.ndarray, column: Column, label: str, problems: Problems) -> None:
    if len(places):
        text = _("A value is missing.")
        problems.add_rows("value_missing", text, rows[places], file=label, column=column.source)


def _limits(numbers: np.ndarray, rows: np.ndarray, column: Column, label: str, problems: Problems) -> None:
    where: dict[str, Any]
    with np.errstate(invalid="ignore"):
        if column.minimum is not None:
            for i in np.flatnonzero(numbers < column.minimum):
                code = "negative" if column.minimum == 0 else "too_small"
                text = _("%(value)s is less than %(limit)s.")
                where = {"file": label, "row": rows[i], "column": column.source}
                problems.add(code, text, **where, value=f"{numbers[i]:g}", limit=f"{column.minimum:g}")
        if column.maximum is not None:
            for i in np.flatnonzero(numbers > column.maximum):
                text = _("%(value)s is more than %(limit)s.")
                where = {"file": label, "row": rows[i], "column": column.source}
                problems.add("too_large", text, **where, value=f"{numbers[i]:g}", limit=f"{column.maximum:g}")
        if column.kind == "whole":
            for i in np.flatnonzero(np.isfinite(numbers) & (numbers != np.floor(numbers))):
                text = _("%(value)s is not a whole number.")
                where = {"file": label, "row": rows[i], "column": column.source}
                problems.add("not_whole", text, **where, value=f"{numbers[i]:g}")


def _dates(raw: Any, rows: np.ndarray, column: Column, label: str, problems: Problems) -> np.ndarray:
    values = np.full(len(raw), "", dtype=object)
    for i, cell in enumerate(raw):
        text = unicodedata.normalize("NFKC", as_text(cell))[:20]
        match = _DATE.match(text.split("T")[0])
        if not text:
            continue
        try:
            values[i] = date(*(int(part) for part in match.groups())).isoformat() if match else None
        except ValueError:
            values[i] = None
        if values[i] is None:
            values[i] = ""
            words = _('"%(cell)s" is not a date. Write 2026-11-20.')
            problems.add("not_a_date", words, file=label, row=rows[i], column=column.source, cell=text)
    if column.required:
        _missing(np.flatnonzero(values == ""), rows, column, label, problems)
    return values
