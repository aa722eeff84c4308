"""What the pages, the API and the commands read of projects and cases."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet

from core import policies
from core.models import City
from projects.models import Case, Project, ReturnItem
from projects.selectors import officers


def projects_visible_to(user: Any, city: City | None = None) -> QuerySet[Project]:
    """Projects in the areas of a person's roles, and in those of whom the person is a deputy for today."""
    query = policies.visible(user)
    for principal in officers.principals_of(user):
        query |= policies.visible(principal)
    rows = Project.objects.filter(query).select_related("area", "service", "city", "created_by")
    return rows.filter(city=city) if city is not None else rows


def returned_items(case: Case) -> list[ReturnItem]:
    return list(
        ReturnItem.objects.filter(step__case=case, step__round=case.round).select_related(
            "step__task", "step__done_by"
        )
    )


def counts_by_state(user: Any, city: City) -> dict[str, int]:
    rows = projects_visible_to(user, city).order_by().values_list("state").annotate(count=Count("pk"))
    return dict(rows)
