"""A list of projects (项目清单、储备库) out of a table: headings of either language, every wrong cell named.

Columns follow table T8 of a city's plan: code, name, kind of construction, site, scale, investment by source, land, builder,
lead department, stage, start and end.
"""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from facilities.importers.cells import as_text
from facilities.importers.columns import Column, Columns
from facilities.importers.geometry import Places, place_points
from facilities.importers.problems import Problems
from inventory.choices import InterventionKind
from planning.choices import FundSource

FEN_OF_WAN = 1_000_000  # one 万元 in fen


@dataclass(frozen=True)
class Heading:
    """A column of the list: what its head says in both languages, other heads that mean the same, and its values."""

    zh: str
    en: str
    column: Column
    also: tuple[str, ...] = ()
    hint: str = ""
    hint_en: str = ""


def _text(required: bool = False) -> Column:
    return Column("", "text", required)


def _amount(name: str) -> Heading:
    zh, en, also = _MONEY[name]
    return Heading(f"{zh}（万元）", f"{en}, 10,000 yuan", Column("", "number", minimum=0, maximum=1e9), also)


_MONEY: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "total": ("总投资", "Total investment", ("投资总额", "估算总投资", "investment", "cost")),
    FundSource.CENTRAL: ("中央预算内投资", "Central budget", ("中央资金", "中央预算")),
    FundSource.SPECIAL_BOND: ("地方政府专项债券", "Special bond", ("专项债券", "专项债")),
    FundSource.LOCAL: ("地方财政资金", "Local budget", ("地方资金", "地方预算", "市县财政")),
    FundSource.POLICY_BANK: ("政策性银行贷款", "Policy bank", ("政策性贷款",)),
    FundSource.COMMERCIAL_BANK: ("商业银行贷款", "Commercial bank", ("商业贷款", "银行贷款")),
    FundSource.PRIVATE: ("社会资本", "Private capital", ("社会投资", "企业自筹", "民间资本")),
}
HEADINGS: dict[str, Heading] = {
    "investment_code": Heading(
        "项目代码", "Investment code", _text(), ("国家投资项目代码", "code", "project code"),
        "形如 2601-510104-04-01-123456，可空", "like 2601-510104-04-01-123456; may be empty",
    ),
    "name": Heading("项目名称", "Name", _text(True), ("名称", "project name", "project")),
    "name_en": Heading("英文名称", "English name", _text(), ("name_en",)),
    "service": Heading(
        "服务类型", "Service", _text(True), ("类型", "项目类型", "type", "service type"),
        "服务类型的代码或名称", "code or name of a service",
    ),
    "kind": Heading(
        "建设性质", "Construction", _text(True), ("性质", "new/rebuild/designate", "kind", "intervention"),
        "新建、改建、扩建、改造提升、指定", "new, rebuild, extend, upgrade, designate",
    ),
    "site": Heading("建设地点", "Site", _text(), ("地点", "项目地点", "address", "location")),
    "lon": Heading("经度", "Longitude", Column("", "number", True), ("lon", "lng", "x")),
    "lat": Heading("纬度", "Latitude", Column("", "number", True), ("lat", "y")),
    "units": Heading(
        "建设规模", "Scale", Column("", "whole", True, minimum=1, maximum=1e9), ("规模", "新增能力", "units", "size"),
        "新增的服务单位数（床、间、人、m²）", "units of the service gained (beds, rooms, places, m²)",
    ),
    "conversion_hours": Heading(
        "平急转换时间（小时）", "Conversion, h", Column("", "number", minimum=0, maximum=100_000), ("转换时间", "hours"),
    ),
    **{name: _amount(name) for name in ("total", *FundSource.values)},
    "land_m2": Heading(
        "用地面积（平方米）", "Land, m²", Column("", "number", minimum=0, maximum=1e9), ("用地面积", "用地", "land", "land_m2")
    ),
    "builder": Heading("建设单位", "Builder", _text(), ("业主", "项目业主", "项目单位", "owner")),
    "lead_department": Heading("牵头部门", "Lead department", _text(), ("责任部门", "主管部门", "lead dept", "department")),
    "stage": Heading("前期阶段", "Stage", _text(), ("阶段", "项目阶段")),
    "starts_on": Heading(
        "计划开工", "Start", _text(), ("开工时间", "开工日期", "计划开工时间", "begin"), "2027-03-01、2027-03 或 2027",
        "2027-03-01, 2027-03 or 2027",
    ),
    "ends_on": Heading(
        "计划竣工", "End", _text(), ("竣工时间", "竣工日期", "完工时间", "计划竣工时间", "finish"), "月份即月末，年份即年末",
        "a month means its last day, a year the same",
    ),
    "description": Heading("建设内容", "What is done", _text(), ("主要建设内容", "content", "description")),
}  # fmt: skip
LONGEST = {
    "name": 200, "name_en": 200, "site": 200, "builder": 160, "lead_department": 120, "stage": 60, "description": 10_000,
}  # fmt: skip
KINDS: dict[str, str] = {
    "新建": InterventionKind.BUILD, "new": InterventionKind.BUILD, "改建": InterventionKind.CONVERT,
    "改造": InterventionKind.CONVERT, "rebuild": InterventionKind.CONVERT, "reconstruct": InterventionKind.CONVERT,
    "扩建": InterventionKind.EXTEND, "改扩建": InterventionKind.EXTEND, "extension": InterventionKind.EXTEND,
    # Designating gives a place that stands a role: in the registry's words it is converted.
    "指定": InterventionKind.CONVERT, "designate": InterventionKind.CONVERT, "designated": InterventionKind.CONVERT,
    "改造提升": InterventionKind.UPGRADE, "提升": InterventionKind.UPGRADE, "储备": InterventionKind.STOCK,
    **{str(one): str(one) for one in InterventionKind.values},
}  # fmt: skip
_ERRORS = ("#REF!", "#N/A", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!")
# Stands for a day that could not be read; the problem is told already.
UNREADABLE = date.min
_DAY = re.compile(r"^(\d{4})(?:[-/.年](\d{1,2})(?:[-/.月](\d{1,2})日?|月?)|年?)$")


def plain(head: str) -> str:
    """A heading as it is compared: half-width, lower case, without spaces, stars and what stands in brackets."""
    text = unicodedata.normalize("NFKC", head).lower()
    text = re.sub(r"\(.*?\)|\[.*?\]|[\s*:]+", "", text)
    return text.split(",")[0]


def fields_of(header: list[str]) -> dict[str, str]:
    """{field: heading in the file} of the headings that are known. A heading that stands twice is left to the reader."""
    known = {
        plain(said): name for name, one in HEADINGS.items() for said in (one.zh, one.en, *one.also, name)
    }
    found: dict[str, str] = {}
    for said in header:
        name = known.get(plain(said))
        if name is not None and name not in found:
            found[name] = said
    return found


def columns_of(header: list[str]) -> dict[str, Column]:
    """What is to be read of a file with this header; a required column it lacks is asked for by both its names."""
    found = fields_of(header)
    wanted = {}
    for name, one in HEADINGS.items():
        if name in found or one.column.required:
            source = found.get(name) or f"{one.zh} / {one.en}"
            kind, limits = one.column.kind, (one.column.minimum, one.column.maximum)
            wanted[name] = Column(source, kind, one.column.required, *limits)
    return wanted


def header_of(path: Path) -> list[str]:
    """The headings of a workbook's first sheet or of a CSV file; empty when it cannot be read (reading it says why)."""
    try:
        if path.suffix.lower() == ".csv":
            import csv

            with path.open(encoding="utf-8-sig", newline="") as text:
                return [name.strip() for name in next(csv.reader(text), [])]
        import openpyxl

        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            return [
                as_text(one) for one in next(book.worksheets[0].iter_rows(max_row=1, values_only=True), ())
            ]
        finally:
            book.close()
    except Exception:
        return []


def formulas_without_value(path: Path, table: Columns, problems: Problems) -> None:
    """Cells that hold a formula which nobody has computed read as empty: say so instead of taking nothing for an answer."""
    import openpyxl

    if path.suffix.lower() != ".xlsx":
        return
    places = {said: list(table.header).index(said) for said in table.sources.values() if said in table.header}
    names = {place: said for said, place in places.items()}
    formulas = openpyxl.load_workbook(path, read_only=True)
    values = openpyxl.load_workbook(path, read_only=True, data_only=True)
    text = _("This formula has no value yet. Open the file in a spreadsheet program and save it.")
    try:
        both = zip(
            formulas.worksheets[0].iter_rows(min_row=2, values_only=True),
            values.worksheets[0].iter_rows(min_row=2, values_only=True),
            strict=False,
        )
        for row, (asked, told) in enumerate(both, start=2):
            for place, said in names.items():
                cell = asked[place] if place < len(asked) else None
                if isinstance(cell, str) and cell.startswith("=") and told[place] is None:
                    problems.add("formula_without_value", text, file=table.file, row=row, column=said, cell=cell[:60])  # fmt: skip
    finally:
        formulas.close()
        values.close()


@dataclass(frozen=True)
class ProjectRow:
    """One checked row. Money in fen by source; `fields` as a project stores them; `service` is a code; lon and lat WGS-84."""

    row: int
    fields: dict[str, Any]
    service: str
    lon: float
    lat: float
    money: dict[str, int]


def project_rows(
    table: Columns,
    datum: str,
    services: Mapping[str, str],
    problems: Problems,
    *,
    inside: tuple[float, float, float, float] | None,
) -> tuple[list[ProjectRow], Places]:
    """Check every row; what is wrong is in `problems`. `services`: {word people write: code}. Rows that miss something
    are left out, so that the rest can still be looked at."""
    _texts(table, problems)
    bad = {int(one.row) for one in problems if one.row is not None and one.level == "error"}
    places = place_points(table["lon"], table["lat"], datum, table, problems, inside=inside)
    bad |= {int(one) for one in table.rows[places.bad]}
    rows = []
    for i, number in enumerate(table.rows.tolist()):
        where = {"file": table.file, "row": number}
        said = {name: str(table.text(name)[i]) for name in LONGEST}
        service = _known(table, "service", i, services, problems)
        kind = _known(table, "kind", i, KINDS, problems)
        starts = _day(table, "starts_on", i, problems)
        ends = _day(table, "ends_on", i, problems)
        known = UNREADABLE not in (starts, ends)
        reversed_days = known and starts is not None and ends is not None and ends < starts
        if reversed_days:
            problems.add(
                "dates_reversed", _("It ends before it begins."), **where, column=table.source("ends_on")
            )
        money = _money(table, i, problems)
        if service is None or kind is None or not known or money is None:
            continue
        if number in bad or reversed_days:
            continue
        hours, land = float(table.number("conversion_hours")[i]), float(table.number("land_m2")[i])
        fields = said | {
            "investment_code": str(table.text("investment_code")[i]), "kind": kind, "units": int(table["units"][i]),
            "cost_fen": money.pop("total"), "conversion_hours": None if np.isnan(hours) else hours,
            "land_m2": None if np.isnan(land) else land, "starts_on": starts, "ends_on": ends,
        }  # fmt: skip
        rows.append(ProjectRow(number, fields, service, float(places.lon[i]), float(places.lat[i]), money))
    return rows, places


def _texts(table: Columns, problems: Problems) -> None:
    for name, one in HEADINGS.items():
        if name not in table or one.column.kind != "text":
            continue
        values = table[name]
        where: dict[str, Any] = {"file": table.file, "column": table.source(name)}
        if longest := LONGEST.get(name):
            text = _("The text is longer than %(longest)d characters.")
            too_long = np.flatnonzero([len(value) > longest for value in values])
            problems.add_rows("text_too_long", text, table.rows[too_long], **where, longest=longest)
        broken = np.flatnonzero([value in _ERRORS for value in values])
        problems.add_rows("formula_error", _("The formula of this cell failed."), table.rows[broken], **where)


def _known(table: Columns, name: str, i: int, words: Mapping[str, str], problems: Problems) -> str | None:
    said = str(table[name][i])
    if not said or said in _ERRORS:
        return None
    found = words.get(plain(said))
    if found is None:
        text = _('"%(cell)s" is not one of: %(known)s.')
        problems.add(
            "choice_unknown", text, file=table.file, row=table.rows[i], column=table.source(name), cell=said[:60],
            known=", ".join(words),
        )  # fmt: skip
    return found


def _day(table: Columns, name: str, i: int, problems: Problems) -> date | None:
    """The day in a cell; a month or a year alone means its first day, for an end its last. UNREADABLE: it cannot be."""
    said = unicodedata.normalize("NFKC", str(table.text(name)[i])).split("T")[0].strip()
    if not said or said in ("-", "—", "–"):
        return None
    found = _DAY.match(said)
    try:
        if found is None:
            raise ValueError
        year, month = int(found[1]), int(found[2] or (12 if name == "ends_on" else 1))
        last = monthrange(year, month)[1] if name == "ends_on" else 1
        day = date(year, month, int(found[3] or last))
        if not 2000 <= year <= 2100:
            raise ValueError
    except ValueError:
        text = _('"%(cell)s" is not a date. Write 2026-11-20.')
        column = table.source(name)
        problems.add("not_a_date", text, file=table.file, row=table.rows[i], column=column, cell=said[:20])
        return UNREADABLE
    return day


def _money(table: Columns, i: int, problems: Problems) -> dict[str, int] | None:
    """{source: fen} and "total"; None when it cannot be: no amount, or a total that is not the sum."""
    found: dict[str, int] = {}
    where: dict[str, Any] = {"file": table.file, "row": table.rows[i]}
    for name in ("total", *FundSource.values):
        amount = float(table.number(name)[i])
        if np.isnan(amount) or not 0 <= amount <= 1e9:
            continue
        fen = fen_of_wan(amount)
        if fen is None:
            text = _("The amount has parts of a fen.")
            problems.add("not_whole_fen", text, **where, column=table.source(name), value=f"{amount:g}")
            return None
        if fen or name == "total":
            found[name] = fen
    parts = sum(fen for name, fen in found.items() if name != "total")
    if "total" not in found and not parts:
        text = _("Say what it costs: the total, or the amount of each source.")
        problems.add("value_missing", text, **where, column=table.source("total"))
        return None
    if found.setdefault("total", parts) != parts and parts:
        text = _("The sources add up to %(parts)s, the total says %(total)s (10,000 yuan).")
        values: dict[str, Any] = {
            "parts": f"{parts / FEN_OF_WAN:,g}",
            "total": f"{found['total'] / FEN_OF_WAN:,g}",
        }
        problems.add("sum_differs", text, **where, column=table.source("total"), **values)
        return None
    return found


def fen_of_wan(amount: float) -> int | None:
    """Fen in an amount of 万元 as a cell holds it: the number as it is written, not its binary neighbour."""
    try:
        fen = Decimal(repr(float(amount))) * FEN_OF_WAN
    except InvalidOperation:
        return None
    return int(fen) if fen == fen.to_integral_value() else None
