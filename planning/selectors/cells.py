"""Single cells of a city, and what a run found in them."""

from __future__ import annotations

from typing import Any

from core import policies
from core.models import City
from facilities.models import ServiceType
from planning.models import CellResult, DemandCell, Run


def cell_seen(*, user: Any, city: City, code: str) -> DemandCell | None:
    """The cell of that code, if the person may see it."""
    if not code:
        return None
    cells = DemandCell.objects.filter(policies.visible(user), city=city, code=code.replace("\x00", ""))
    return cells.select_related("area").defer("area__geometry").first()


def result_of_cell(*, run: Run, cell: DemandCell, service: ServiceType) -> CellResult:
    """A cell without need has no row: all its states are 0."""
    found = CellResult.objects.filter(run=run, cell=cell, service=service).first()
    return found or CellResult(need=0, served=0, late=0, no_room=0, out_of_reach=0, people=0)
