"""Steps that every reader shares: check the header, convert a block of cells, join the blocks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from django.utils.translation import gettext_lazy as _

from facilities.importers.cells import convert
from facilities.importers.columns import Column, Columns
from facilities.importers.problems import Problems


def missing_columns(header: list[str], columns: Mapping[str, Column], label: str, problems: Problems) -> bool:
    """Add a problem for each wanted column that the header does not have; True if any."""
    lost = False
    for column in columns.values():
        if column.source not in header:
            lost = True
            text = _('There is no column "%(wanted)s". The file has: %(has)s.')
            has = ", ".join(header[:40]) or "—"
            problems.add(
                "column_unknown", text, file=label, row=1, column=column.source, wanted=column.source, has=has
            )
    seen = [name for name in header if name]
    for name in {c.source for c in columns.values()}:
        if seen.count(name) > 1:
            text = _('The column "%(name)s" appears %(count)d times.')
            problems.add(
                "column_twice", text, file=label, row=1, column=name, name=name, count=seen.count(name)
            )
            lost = True
    return lost


def assemble(
    blocks: list[tuple[np.ndarray, dict[str, np.ndarray]]],
    columns: Mapping[str, Column],
    label: str,
    header: list[str],
    problems: Problems,
    geometry: np.ndarray | None = None,
) -> Columns | None:
    """Join converted blocks; an import without a single row is a problem, not an empty success."""
    if not blocks or not sum(len(rows) for rows, _values in blocks):
        problems.add("file_empty", _("The file has a header but no rows."), file=label)
        return None
    rows = np.concatenate([rows for rows, _values in blocks])
    values = {name: np.concatenate([block[name] for _rows, block in blocks]) for name in columns}
    sources = {name: column.source for name, column in columns.items()}
    return Columns(label, values, rows, geometry, tuple(header), sources)


def convert_block(
    raw: Mapping[str, object], rows: np.ndarray, columns: Mapping[str, Column], label: str, problems: Problems
) -> dict[str, np.ndarray]:
    return {name: convert(raw[name], rows, column, label, problems) for name, column in columns.items()}
