"""What the pages, the API and the command read of routes."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from projects.choices import CaseState
from projects.models import Route, RouteTask


def routes() -> QuerySet[Route]:
    """Every version, newest first, with how many cases run on it and how many ever did."""
    return (
        Route.objects.select_related("published_by", "drafted_by")
        .annotate(
            running=Count("cases", filter=Q(cases__state__in=[CaseState.OPEN, CaseState.RETURNED])),
            cases_all=Count("cases"),
        )
        .order_by("code", "-version")
    )


@dataclass(frozen=True)
class Turn:
    """Tasks that open together: the next turn opens when all of these are over."""

    order: int
    tasks: list[RouteTask]


@dataclass(frozen=True)
class StageTurns:
    name: str
    name_en: str
    turns: list[Turn]


def turns(route: Route) -> list[StageTurns]:
    """The stages of a route and, in each, what opens together."""
    found = []
    for stage in route.stages.prefetch_related("tasks").order_by("order"):
        by_order: dict[int, list[RouteTask]] = {}
        for task in stage.tasks.all():
            by_order.setdefault(task.order, []).append(task)
        found.append(
            StageTurns(
                stage.name,
                stage.name_en,
                [
                    Turn(order, sorted(by_order[order], key=lambda task: task.pk))
                    for order in sorted(by_order)
                ],
            )
        )
    return found
