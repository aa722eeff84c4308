"""Who may do a task: role x area x department, in person or as somebody's deputy, and never against the rule of two."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from core.models import Area, Membership
from projects.choices import CaseState, StepState, TaskKind
from projects.models import Case, Deputy, Project, RouteTask, Step

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


def principals_of(user: Any) -> list[Any]:
    """Active people for whom somebody is a deputy today."""
    if not getattr(user, "is_authenticated", False) or getattr(user, "is_superuser", False):
        return []
    today = timezone.localdate()
    return list(
        get_user_model()
        .objects.filter(
            deputies__deputy=user,
            deputies__valid_from__lte=today,
            deputies__valid_to__gte=today,
            is_active=True,
        )
        .distinct()
    )


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


# Open steps that a person may do, in one statement: what `standing` asks step by step. Each with the person acted for, the
# person herself first. `hands` are those whose hand would be on the step; the rule of two holds for all of them.
_MINE = """
with hand as (
    select %(user)s::bigint as principal
    union select d.principal_id from projects_deputy d join core_user u on u.id = d.principal_id
        where d.deputy_id = %(user)s and %(today)s between d.valid_from and d.valid_to and u.is_active
), post as (
    select h.principal, m.role, a.path, a.city_id, o.function
    from hand h
    join core_membership m on m.user_id = h.principal and m.valid_from <= %(today)s
        and (m.valid_to is null or m.valid_to >= %(today)s)
    join core_area a on a.id = m.area_id
    join core_organisation o on o.id = m.organisation_id
), todo as (
    select s.id, s.case_id, s.due_on, t.kind, t.role, t.department, p.city_id, p.created_by_id, c.drafter_id,
        case when t.area_level is null or t.area_level = 0 then coalesce(pa.path, top.path, '')
            else array_to_string((string_to_array(trim(both '/' from coalesce(pa.path, top.path, '')), '/'))
                [1:t.area_level], '/') || '/' end as place
    from projects_step s
    join projects_case c on c.id = s.case_id and c.state = 'open' and c.round = s.round
    join projects_project p on p.id = c.project_id
    join projects_routetask t on t.id = s.task_id
    left join core_area pa on pa.id = p.area_id
    left join lateral (select a.path from core_area a where a.city_id = p.city_id and a.level = 1
        order by a.id limit 1) as top on pa.id is null
    where s.state = 'open' and t.role in (select role from post) and (%(project)s::bigint is null or p.id = %(project)s)
)
select distinct on (todo.due_on, todo.id) todo.id, nullif(post.principal, %(user)s)
from todo
join post on post.role = todo.role and post.city_id = todo.city_id and starts_with(todo.place, post.path)
    and (todo.department = '' or post.function = todo.department)
where todo.kind not in ('recommend', 'decide') or (
    not array[%(user)s::bigint, post.principal] && array[todo.drafter_id, coalesce(todo.created_by_id, -1)]
    and not exists (select 1 from projects_submission b where b.case_id = todo.case_id
        and b.submitted_by_id in (%(user)s, post.principal))
    and not exists (select 1 from projects_step o join projects_routetask ot on ot.id = o.task_id
        where o.case_id = todo.case_id and o.state = 'done' and ot.kind in ('recommend', 'decide')
            and ot.kind <> todo.kind
            and (o.done_by_id in (%(user)s, post.principal) or o.done_for_id in (%(user)s, post.principal))))
order by todo.due_on, todo.id, post.principal <> %(user)s, post.principal
"""


def open_steps_for(user: Any, project: Project | None = None) -> list[tuple[Step, Standing]]:
    """Open steps this person may do, of one project or all, soonest due first. Three statements, however many there are."""
    if not getattr(user, "is_active", False):
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _MINE,
            {"user": user.pk, "today": timezone.localdate(), "project": project.pk if project else None},
        )
        found = cursor.fetchall()
    steps = (
        Step.objects.filter(pk__in=[pk for pk, _principal in found])
        .select_related(
            "task__stage",
            "case__project__area",
            "case__project__city",
            "case__project__service",
            "case__tranche",
        )
        .in_bulk()
    )
    people = get_user_model().objects.in_bulk({principal for _pk, principal in found if principal})
    return [(steps[pk], Standing(True, people.get(principal))) for pk, principal in found if pk in steps]


def count_open_steps(user: Any) -> int:
    """How many steps wait for this person: one statement, for the number beside the inbox on every page."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"select count(*) from ({_MINE}) as mine",  # noqa: S608
            {"user": user.pk, "today": timezone.localdate(), "project": None},
        )
        return int(cursor.fetchone()[0])


def names_of(step: Step, most: int = 3) -> list[Any]:
    """Who has the step now, for words such as “with Wang Jun”: a few people who may do it by the rule of two."""
    said = already_said(step.case)
    people = [one for one in officers_of(step).order_by("pk") if not clashes(step.task.kind, [one.pk], said)]
    return people[:most]
