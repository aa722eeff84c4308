"""Reads the ranges of a run: where its uncertain inputs may put need and gap, by area and service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from core import policies
from core.models import Area
from facilities.models import ServiceType
from planning.choices import AnalysisKind, RunState
from planning.models import Analysis, AreaRange, Run


def newest_range(run: Run) -> Analysis | None:
    """The newest finished range analysis of a run; whoever may see the run may see it."""
    return (
        Analysis.objects.filter(run=run, kind=AnalysisKind.RANGE, state=RunState.DONE).order_by("-id").first()
    )


def ranges_of(
    run: Run, service: ServiceType | None = None, areas: Iterable[Area | int] | None = None
) -> dict[tuple[int, int], AreaRange]:
    """(service id, area id) -> where need and gap may lie, from the newest range analysis; empty when there is none.

    `areas`: records or ids. What a person may see is decided by the areas asked for.
    """
    newest = newest_range(run)
    if newest is None:
        return {}
    rows = AreaRange.objects.filter(analysis=newest)
    if service is not None:
        rows = rows.filter(service=service)
    if areas is not None:
        rows = rows.filter(area_id__in=[one.pk if isinstance(one, Area) else one for one in areas])
    return {(row.service_id, row.area_id): row for row in rows}


def range_rows(analysis: Analysis, *, user: Any) -> QuerySet[AreaRange]:
    """Rows of the areas the person may see, by service, then in the order of the areas."""
    rows = AreaRange.objects.filter(analysis=analysis)
    rows = rows.filter(policies.visible(user, area="area", city="area__city"))
    return rows.select_related("area", "service").order_by("service__sort_order", "area__path")
