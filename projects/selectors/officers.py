"""Who may do a task: role x area x department, in person or as somebody's deputy, and never against the rule of two."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from core.models import Area, Membership
from projects.choices import CaseState, StepState, TaskKind
from projects.models import Case, Deputy, RouteTask, Step

TWO_PEOPLE = (TaskKind.RECOMMEND, TaskKind.DECIDE)


@dataclass(frozen=True)
class Standing:
    """May somebody do a step? `principal`: for whom, where the person is a deputy. `refused`: why not, as a code."""

    may: bool
    principal: Any = None
    refused: str = ""


def _in_force() -> Q:
    today = timezone.localdate()
    return Q(valid_from__lte=today) & (Q(valid_to=None) | Q(valid_to__gte=today))


def place_of_task(task: RouteTask, area: Area | None, city_path: str) -> str:
    """Path of the area whose officers do the task: that of the project, or the one above it at the task's level."""
    path = area.path if area is not None else city_path
    if task.area_level:
        return "/".join(path.strip("/").split("/")[: task.area_level]) + "/"
    return path


def memberships_for(task: RouteTask, path: str, city_id: int) -> QuerySet[Membership]:
    """Memberships in force that make somebody an officer for this task at this place."""
    tops = [
        "/".join(path.strip("/").split("/")[: n + 1]) + "/" for n in range(path.strip("/").count("/") + 1)
    ]
    found = Membership.objects.filter(_in_force(), role=task.role, area__city_id=city_id, area__path__in=tops)
    return found.filter(organisation__function=task.department) if task.department else found


def officers_of(step: Step) -> QuerySet[Any]:
    """People who may do the step in person, before the rule of two."""
    project = step.case.project
    path = place_of_task(step.task, project.area, city_path(project.city))
    return get_user_model().objects.filter(
        Exists(memberships_for(step.task, path, project.city_id).filter(user=OuterRef("pk"))), is_active=True
    )


def city_path(city: Any) -> str:
    return Area.objects.filter(city=city, level=1).values_list("path", flat=True).first() or ""


def already_said(case: Case) -> dict[str, set[int]]:
    """Whose hand is in the case: drafters, and by kind of task who did it in any round, deputies and those they stood for."""
    said: dict[str, set[int]] = {"drafter": {case.drafter_id}}
    said["drafter"].update(case.submissions.values_list("submitted_by", flat=True))
    if case.project.created_by_id:
        said["drafter"].add(case.project.created_by_id)
    rows = Step.objects.filter(case=case, state=StepState.DONE, task__kind__in=TWO_PEOPLE)
    for kind, by, for_ in rows.values_list("task__kind", "done_by_id", "done_for_id"):
        said.setdefault(kind, set()).update({one for one in (by, for_) if one})
    return said


def clashes(kind: str, people: Iterable[int], said: dict[str, set[int]]) -> str:
    """Code of the rule that these people would break by doing a task of this kind, or nothing."""
    if kind not in TWO_PEOPLE:
        return ""
    mine = set(people)
    if mine & said.get("drafter", set()):
        return "drafter-may-not"
    other = TaskKind.DECIDE if kind == TaskKind.RECOMMEND else TaskKind.RECOMMEND
    return "two-people" if mine & said.get(other, set()) else ""


def standing(user: Any, step: Step, *, principal: Any = None) -> Standing:
    """May `user` do the step now, as `principal`'s deputy where given (any they may stand for when None)?"""
    case = step.case
    if case.state != CaseState.OPEN or step.state != StepState.OPEN or step.round != case.round:
        return Standing(False, refused="step-not-open")
    if not getattr(user, "is_active", False):
        return Standing(False, refused="forbidden")
    officers = officers_of(step)
    said = already_said(case)
    refused = "forbidden"
    if principal is None and officers.filter(pk=user.pk).exists():
        refused = clashes(step.task.kind, [user.pk], said)
        if not refused:
            return Standing(True)
    today = timezone.localdate()
    stands = Deputy.objects.filter(
        deputy=user, valid_from__lte=today, valid_to__gte=today, principal__in=officers
    ).select_related("principal")
    if principal is not None:
        stands = stands.filter(principal=principal)
    for one in stands:
        clash = clashes(step.task.kind, [user.pk, one.principal_id], said)
        if not clash:
            return Standing(True, one.principal)
        refused = clash
    return Standing(False, refused=refused)


def open_steps_for(user: Any) -> list[tuple[Step, Standing]]:
    """The inbox: open steps this person may do, soonest due first."""
    steps = (
        Step.objects.filter(state=StepState.OPEN, case__state=CaseState.OPEN)
        .select_related("task__stage", "case__project__area", "case__project__city", "case__project__service")
        .order_by("due_on", "id")
    )
    roles = set(user.memberships.filter(_in_force()).values_list("role", flat=True))
    today = timezone.localdate()
    for pk in Deputy.objects.filter(deputy=user, valid_from__lte=today, valid_to__gte=today).values_list(
        "principal", flat=True
    ):
        roles |= set(Membership.objects.filter(_in_force(), user_id=pk).values_list("role", flat=True))
    found = ((step, standing(user, step)) for step in steps.filter(task__role__in=roles))
    return [(step, stand) for step, stand in found if stand.may]
