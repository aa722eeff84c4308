"""The columns an analysis adds to a run's own rows by area and cell, looked up in its arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from planning.bridge.analyses import Kept, cell_places, kept_arrays
from planning.choices import AccessBand, AnalysisKind
from planning.models import Analysis, AreaResult, CellResult

COUNTS = ("0", "1", "2", "3_more")


def area_columns(analysis: Analysis) -> list[str]:
    if analysis.kind == AnalysisKind.HOURS:
        return ["hour_of_share", *_hours(analysis)]
    if analysis.kind == AnalysisKind.BACKUP:
        return [f"{what}_in_reach_of_{count}" for what in ("need", "people") for count in COUNTS]
    if analysis.kind == AnalysisKind.ACCESS:
        return ["score", *(f"need_{band}" for band in AccessBand.values)]
    return ["worst_served_need"]


def cell_columns(analysis: Analysis) -> list[str]:
    if analysis.kind == AnalysisKind.HOURS:
        return _hours(analysis)
    if analysis.kind == AnalysisKind.BACKUP:
        return ["facilities_in_reach", "cost_1", "cost_2", "cost_3"]
    return ["score"]


def _hours(analysis: Analysis) -> list[str]:
    return [f"served_at_{hour:g}h" for hour in analysis.facts["hours"]]


def fill_areas(analysis: Analysis, rows: list[AreaResult]) -> None:
    """Set the columns on each row; None where the analysis says nothing of the area."""
    held = kept_arrays(analysis)
    places = held.places()
    for row in rows:
        n = places.get(row.area_id)
        values = _area_values(analysis, held, held.k(row.service.code), n) if n is not None else {}
        for name in area_columns(analysis):
            setattr(row, name, values.get(name))


def _area_values(analysis: Analysis, held: Kept, k: int, n: int) -> dict[str, Any]:
    if analysis.kind == AnalysisKind.HOURS:
        points = held.meta["points"]
        served = {
            f"served_at_{hour:g}h": int(held["area_served"][points.index(hour), k, n])
            for hour in held.meta["hours"]
        }
        return {"hour_of_share": _known(held["area_hour"][k, n]), **served}
    if analysis.kind == AnalysisKind.BACKUP:
        return {
            f"{what}_in_reach_of_{count}": float(held[f"area_{what}"][k, one, n])
            for what in ("need", "people")
            for one, count in enumerate(COUNTS)
        }
    if analysis.kind == AnalysisKind.ACCESS:
        bands = {
            f"need_{band}": float(held["area_need"][k, one, n]) for one, band in enumerate(AccessBand.values)
        }
        return {"score": _known(held["area_mean"][k, n]), **bands}
    return {"worst_served_need": float(held["area_worst"][k, n])}


def fill_cells(analysis: Analysis, rows: list[CellResult]) -> None:
    held, names = kept_arrays(analysis), cell_columns(analysis)
    places = cell_places(analysis.run, [row.cell_id for row in rows])
    for row, n in zip(rows, places.tolist(), strict=True):
        values = _cell_values(analysis, held, held.k(row.service.code), n) if n >= 0 else {}
        for name in names:
            setattr(row, name, values.get(name))


def _cell_values(analysis: Analysis, held: Kept, k: int, n: int) -> dict[str, Any]:
    if analysis.kind == AnalysisKind.HOURS:
        return {name: int(held[f"cell_served_{one}"][k, n]) for one, name in enumerate(_hours(analysis))}
    if analysis.kind == AnalysisKind.BACKUP:
        costs = {f"cost_{one + 1}": _known(held["cell_cost"][one, k, n]) for one in range(3)}
        return {"facilities_in_reach": int(held["cell_count"][k, n]), **costs}
    return {"score": float(held["cell_score"][k, n])}


def _known(value: Any) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
