"""The programme's money as a workbook, in the reader's language: by district, by year and source, by month; in yuan."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import xlsxwriter
from django.utils.translation import gettext as _

from projects.selectors.programme_money import ProgrammeMoney


def workbook(money: ProgrammeMoney, names: dict[str, str]) -> bytes:
    """`names`: what a district's code is called. Sums stand in their own row, so that they can be checked."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom"})
    cell, whole = book.add_format({"num_format": "#,##0.00"}), book.add_format({"num_format": "#,##0"})

    def sheet(title: str, heads: list[str], rows: list[list[Any]], counts: int) -> None:
        """`counts`: how many columns before the amounts."""
        page = book.add_worksheet(title[:31])
        page.freeze_panes(1, 1)
        page.set_column(0, 0, 22)
        page.set_column(1, len(heads), 18)
        page.write_row(0, 0, heads, head)
        for number, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                if value is None:
                    continue
                if column < counts:
                    page.write(number, column, value, whole)
                else:
                    page.write_number(number, column, Decimal(value) / 100, cell)

    total = money.total
    amounts = ["cost_fen", "planned_fen", "approved_fen", "released_fen", "paid_fen", "works_fen"]
    sheet(
        _("By district"),
        [_("District"), _("Projects"), _("Cost, yuan"), _("Planned, yuan"), _("Approved, yuan"), _("Released, yuan"), _("Paid, yuan"), _("Works done, yuan")],
        [[names.get(one.code, one.code), one.projects, *(getattr(one, name) for name in amounts)] for one in money.districts]
        + [[_("In all"), total.projects, *(getattr(total, name) for name in amounts)]],
        2,
    )  # fmt: skip
    sheet(
        _("By year and source"),
        [_("Year"), *(_("%(source)s, yuan") % {"source": label} for _code, label in money.matrix.sources), _("In all, yuan")],
        [[str(year), *cells, fen] for year, cells, fen in money.matrix.years]
        + [[_("In all"), *money.matrix.by_source, money.matrix.total_fen]],
        1,
    )  # fmt: skip
    sheet(
        _("By month"),
        [_("Month"), _("Planned, yuan"), _("Released, yuan"), _("Paid, yuan"), _("Works done, yuan")],
        [[f"{row.first:%Y-%m}", row.planned_fen, row.released_fen, row.paid_fen, row.works_fen] for row in money.curve.months],
        1,
    )  # fmt: skip
    book.close()
    return buffer.getvalue()
