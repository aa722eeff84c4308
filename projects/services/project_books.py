"""Lists of projects as workbooks: the empty form, what stands in the platform, and the user's own file with its problems."""

from __future__ import annotations

import io
from collections import defaultdict
from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.errors import DomainError
from core.templatetags.pingji import is_chinese, local_name
from facilities.models import ImportBatch, ServiceType
from inventory.choices import InterventionKind
from planning.choices import FundSource
from projects.importers.project_list import FEN_OF_WAN, HEADINGS
from projects.models import BudgetLine, Project

# What the column of kinds says, so that the file can be read again.
_KIND_WORDS = {
    InterventionKind.BUILD: ("新建", "new"), InterventionKind.CONVERT: ("改建", "rebuild"),
    InterventionKind.EXTEND: ("扩建", "extend"), InterventionKind.UPGRADE: ("改造提升", "upgrade"),
    InterventionKind.STOCK: ("储备", "stock"), InterventionKind.RETIRE: ("retire", "retire"),
}  # fmt: skip


def _heads() -> list[tuple[str, str, bool]]:
    """(heading, hint, required) in the reader's language."""
    chinese = is_chinese()
    return [
        (one.zh if chinese else one.en, one.hint if chinese else one.hint_en, one.column.required)
        for one in HEADINGS.values()
    ]


def _sheet(book: Any, lines: list[dict[str, Any]]) -> None:
    sheet = book.add_worksheet(_("Projects"))
    must = book.add_format({"bold": True, "bg_color": "#e6f0ec", "border": 1, "text_wrap": True, "valign": "top"})  # fmt: skip
    may = book.add_format({"bold": True, "bg_color": "#f4f6f5", "border": 1, "text_wrap": True, "valign": "top"})  # fmt: skip
    for place, ((head, hint, required), name) in enumerate(zip(_heads(), HEADINGS, strict=True)):
        sheet.write_string(0, place, f"{head} *" if required else head, must if required else may)
        if hint:
            sheet.write_comment(0, place, hint)
        sheet.set_column(place, place, 28 if name in ("name", "site", "description", "builder") else 15)
    sheet.set_row(0, 34)
    sheet.freeze_panes(1, 2)
    names = list(HEADINGS)
    kinds = [_KIND_WORDS[kind][0 if is_chinese() else 1] for kind in _KIND_WORDS]
    sheet.data_validation(1, names.index("kind"), 5000, names.index("kind"), {"validate": "list", "source": kinds, "error_type": "warning"})  # fmt: skip
    for row, line in enumerate(lines, start=1):
        for place, name in enumerate(HEADINGS):
            value = line.get(name)
            if value is None or value == "":
                continue
            if isinstance(value, int | float):
                sheet.write_number(row, place, value)
            else:
                sheet.write_string(row, place, str(value))


def template() -> bytes:
    """The empty form in the reader's language, with what each column takes and the services there are."""
    import xlsxwriter

    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        _sheet(book, [])
        words = book.add_worksheet(_("What goes where"))
        bold = book.add_format({"bold": True})
        for place, head in enumerate((_("Column"), _("Needed"), _("What it takes"))):
            words.write_string(0, place, head, bold)
        for row, (head, hint, required) in enumerate(_heads(), start=1):
            words.write_row(row, 0, [head, _("yes") if required else "", hint])
        words.set_column(0, 0, 28)
        words.set_column(2, 2, 60)
        services = book.add_worksheet(_("Services"))
        for place, head in enumerate((_("Code"), _("Name"), _("Unit"))):
            services.write_string(0, place, head, bold)
        for row, one in enumerate(ServiceType.objects.all(), start=1):
            services.write_row(row, 0, [one.code, local_name(one), one.unit_name if is_chinese() else one.unit])  # fmt: skip
        services.set_column(0, 1, 28)
    return target.getvalue()


def workbook(rows: QuerySet[Project]) -> bytes:
    """Projects as the import reads them, coordinates in WGS-84, amounts in 10,000 yuan."""
    import xlsxwriter

    money: dict[int, dict[str, int]] = defaultdict(dict)
    mine = rows.order_by().values("pk")
    lines = BudgetLine.objects.filter(project__in=mine).values_list("project", "source", "amount_fen")
    for owner, source, fen in lines:
        money[owner][source] = money[owner].get(source, 0) + fen
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        _sheet(book, [_line(one, money[one.pk]) for one in rows])
    return target.getvalue()


def _line(one: Project, money: dict[str, int]) -> dict[str, Any]:
    said: dict[str, Any] = {
        name: getattr(one, name)
        for name in ("investment_code", "name", "name_en", "site", "units", "conversion_hours", "land_m2", "builder",
                     "lead_department", "stage", "starts_on", "ends_on", "description")
    }  # fmt: skip
    said |= {
        "service": one.service.code, "kind": _KIND_WORDS[InterventionKind(one.kind)][0 if is_chinese() else 1],
        "lon": round(one.point.x, 7), "lat": round(one.point.y, 7), "total": one.cost_fen / FEN_OF_WAN,
    }  # fmt: skip
    # Lines that do not add up to the cost yet would be refused as a sum: then the total alone is said.
    if money and sum(money.values()) == one.cost_fen:
        said |= {source: money[source] / FEN_OF_WAN for source in FundSource.values if source in money}
    return said


def with_problems(batch: ImportBatch) -> bytes:
    """The user's own workbook: wrong cells red, a last column saying what is wrong in the row, a sheet listing all. Its
    formulas and other sheets stay as they were."""
    import openpyxl
    from openpyxl.styles import Font, PatternFill
    from openpyxl.utils import get_column_letter

    path = Path(batch.mapping.get("path", ""))
    if not path.is_file():
        raise DomainError("upload-gone", _("This upload is gone. Choose the file again."), status=404)
    if path.suffix.lower() == ".csv":
        book = openpyxl.Workbook()
        _fill_from_csv(book.active, path)
    else:
        try:
            book = openpyxl.load_workbook(path)
        except Exception:
            book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    red, amber = (PatternFill("solid", start_color=one) for one in ("FFF6D5D2", "FFFBEBC8"))
    heads = {str(cell.value).strip(): cell.column for cell in sheet[1] if cell.value is not None}
    last = sheet.max_column + 1
    said: dict[int, list[str]] = defaultdict(list)
    issues = list(batch.issues.order_by("row", "id"))
    for issue in issues:
        row = issue.row or 1
        fill = red if issue.level == "error" else amber
        named = [one.strip() for one in issue.column.split(", ")] if issue.column else []
        for name in [issue.column, *named]:
            if name in heads:
                sheet.cell(row=row, column=heads[name]).fill = fill
        said[row].append(f"{issue.column}: {issue.message}" if issue.column else issue.message)
    head = sheet.cell(row=1, column=last, value=_("Problems"))
    head.font = Font(bold=True)
    sheet.column_dimensions[get_column_letter(last)].width = 60
    for row, words in said.items():
        if row > 1:
            sheet.cell(row=row, column=last).value = _plain("; ".join(words))
    name = _("Problems")
    taken = set(book.sheetnames)
    number = 2
    while name in taken:
        name, number = f"{_('Problems')} {number}", number + 1
    listed = book.create_sheet(name)
    listed.append([_("Row"), _("Column"), _("Level"), _("Problem"), _("Value")])
    for issue in issues:
        listed.append(
            [issue.row, _plain(issue.column), issue.level, _plain(issue.message), _plain(issue.value)]
        )
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _fill_from_csv(sheet: Any, path: Path) -> None:
    import csv

    with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        for line in csv.reader(text):
            sheet.append([_plain(cell) for cell in line])


def _plain(text: str) -> str:
    """Words in a cell, never a formula, without what a workbook cannot hold."""
    clean = "".join(one for one in text if one >= " " or one in "\t\n")
    return f"'{clean}" if clean[:1] in ("=", "+", "-", "@") else clean
