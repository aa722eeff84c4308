"""Places of demands and of sites from CSV files, for location models on coordinates: files of millions of rows."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from facilities.importers.problems import Problems

_COLUMNS = {
    "x": ("x_m", "x", "easting"),
    "y": ("y_m", "y", "northing"),
    "weight": ("weight", "people", "population", "demand"),
    "name": ("name", "site", "id", "ref"),
}


@dataclass(frozen=True, slots=True)
class PointsRead:
    """x, y (n,): metres in one projection. weight (n,): 1 where the file has none. names: None where it has none."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    weight: NDArray[np.float64]
    names: list[str] | None


def read_points(path: Path, problems: Problems, *, named: bool = False) -> PointsRead | None:
    """One row a place. Every cell that is not a number, is negative where it may not be, or is missing is a problem."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        heads = [head.strip().lower() for head in next(csv.reader(file), [])]
    at = {what: next((heads.index(n) for n in names if n in heads), None) for what, names in _COLUMNS.items()}
    if at["x"] is None or at["y"] is None:
        problems.add("column_missing", _("The file needs columns x_m and y_m, in metres."), file=path.name)
        return None
    wanted = [what for what in ("x", "y", "weight") if at[what] is not None]
    columns = [int(at[what] or 0) for what in wanted]
    try:
        table = np.loadtxt(
            path, delimiter=",", skiprows=1, usecols=columns, ndmin=2, encoding="utf-8-sig", quotechar='"', comments=None
        )  # fmt: skip
    except (ValueError, UnicodeDecodeError):
        _tell_cells(path, problems, {what: int(at[what] or 0) for what in wanted})
        return None
    if not len(table):
        problems.add("file_empty", _("The file holds no rows."), file=path.name)
        return None
    values = dict(zip(wanted, table.T, strict=True))
    wrong = ~np.isfinite(table).all(axis=1) | (values.get("weight", np.zeros(1)) < 0)
    if wrong.any():
        _tell_cells(path, problems, {what: int(at[what] or 0) for what in wanted})
        return None
    names = _names(path, at["name"]) if named and at["name"] is not None else None
    weight = values.get("weight", np.ones(len(table)))
    return PointsRead(values["x"].copy(), values["y"].copy(), weight.copy(), names)


def _names(path: Path, column: int) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        next(rows, None)
        return [row[column].strip() for row in rows if row]


def _tell_cells(path: Path, problems: Problems, columns: dict[str, int]) -> None:
    """Walk the file slowly and name each cell that cannot be used."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file)
        next(rows, None)
        for row in rows:
            if not row:
                continue
            number = rows.line_num
            for what, column in columns.items():
                cell = row[column].strip() if column < len(row) else ""
                try:
                    value = float(cell)
                except ValueError:
                    value = float("nan")
                if not np.isfinite(value):
                    text = _("“%(cell)s” is not a number.")
                    problems.add("not_a_number", text, file=path.name, row=number, column=what, cell=cell)
                elif what == "weight" and value < 0:
                    text = _("A weight of %(cell)s is negative.")
                    problems.add("negative", text, file=path.name, row=number, column=what, cell=cell)
