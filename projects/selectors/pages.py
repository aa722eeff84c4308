"""What the pages, the API and the commands read of projects and cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet

from core import policies
from core.models import City
from projects.choices import StepState
from projects.models import Case, Project, ReturnItem, Step
from projects.selectors import officers


def projects_visible_to(user: Any, city: City | None = None) -> QuerySet[Project]:
    """Projects in the areas of a person's roles, and in those of whom the person is a deputy for today."""
    query = policies.visible(user)
    for principal in officers.principals_of(user):
        query |= policies.visible(principal)
    rows = Project.objects.filter(query).select_related("area", "service", "city", "created_by")
    return rows.filter(city=city) if city is not None else rows


@dataclass(frozen=True)
class StageView:
    name: str
    name_en: str
    steps: list[Step]


def stages(case: Case, round_: int | None = None) -> list[StageView]:
    steps = case.steps.filter(round=round_ or case.round).select_related("task__stage", "done_by", "done_for")
    found: dict[int, StageView] = {}
    for step in steps.order_by("task__stage__order", "task__order", "task__code"):
        stage = step.task.stage
        found.setdefault(stage.order, StageView(stage.name, stage.name_en, [])).steps.append(step)
    return list(found.values())


def returned_items(case: Case) -> list[ReturnItem]:
    return list(
        ReturnItem.objects.filter(step__case=case, step__round=case.round).select_related(
            "step__task", "step__done_by"
        )
    )


def timeline(project: Project) -> list[Step]:
    """Everything that was done on its cases, newest first."""
    return list(
        Step.objects.filter(case__project=project, state=StepState.DONE)
        .select_related("task", "done_by", "done_for", "case")
        .order_by("-done_at")
    )


def counts_by_state(user: Any, city: City) -> dict[str, int]:
    rows = projects_visible_to(user, city).order_by().values_list("state").annotate(count=Count("pk"))
    return dict(rows)
