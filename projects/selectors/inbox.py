"""What waits for a person, from every part of the programme, with counts that equal what each filter shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.models import City
from projects.choices import CaseState, ConditionState, StepState
from projects.models import Case, Condition, Project, Step
from projects.selectors import alerts, handover, money_page, officers, responsibilities, works

WEEK = timedelta(days=7)
# Words for what is waited for; the order is that of the filter.
KINDS: dict[str, Any] = {
    "decide": _("To decide"),
    "recommend": _("To recommend"),
    "countersign": _("To countersign"),
    "check": _("To check"),
    "provide": _("To provide"),
    "returned": _("Returned to you"),
    "escalated": _("Late, told to you"),
    "condition": _("Conditions to settle"),
    "condition-due": _("Conditions to meet"),
    "milestone": _("Milestones to see on site"),
    "milestone-report": _("Milestones to report"),
    "report": _("Progress reports"),
    "inspection": _("Inspections"),
    "finding": _("Findings to rectify"),
    "finding-close": _("Findings to close"),
    "alert": _("Alerts to explain"),
    "alert-close": _("Alerts to close"),
    "responsibility": _("Responsibilities"),
    "condition-move": _("Conditions to move to another tranche"),
    "handover": _("Handovers"),
    "handover-check": _("Handovers to check"),
    "handover-accept": _("Handovers to accept"),
}
# Other parts offer `waiting_for(user, city) -> list[dict]` (kind, title, href, due_on, project).
SOURCES = (works, alerts, handover, responsibilities, money_page)


@dataclass(frozen=True)
class Waiting:
    """One thing that waits. overdue_days: above 0 when its day is past. title and detail come in both languages."""

    kind: str
    title: Any
    href: str
    due_on: date | None
    project: Project
    overdue_days: int = 0
    title_en: Any = ""
    detail: Any = ""
    detail_en: Any = ""
    case_ref: str = ""
    task: str = ""
    deputy_of: Any = None
    escalated: bool = False

    @property
    def project_ref(self) -> str:
        return self.project.ref

    @property
    def project_name(self) -> str:
        return self.project.name

    @property
    def area(self) -> str:
        return self.project.area.code if self.project.area is not None else ""

    @property
    def kind_words(self) -> Any:
        return KINDS.get(self.kind, self.kind)

    @property
    def due_soon(self) -> bool:
        """Due today or within a week from today, and not late."""
        return (
            self.due_on is not None and not self.overdue_days and self.due_on <= timezone.localdate() + WEEK
        )


@dataclass(frozen=True)
class Facet:
    """One choice of a filter and how many rows it shows together with the other filters."""

    value: str
    name: Any
    name_en: Any
    count: int


@dataclass(frozen=True)
class Inbox:
    """`rows` after the filters; `total` before them. Each facet counts what choosing it shows."""

    rows: list[Waiting]
    total: int
    overdue: int
    this_week: int
    kinds: list[Facet]
    dues: list[Facet]
    areas: list[Facet]
    chosen: dict[str, str] = field(default_factory=dict)


def _row(project: Project, kind: str, title: Any, href: str, due_on: date | None, **more: Any) -> Waiting:
    today = timezone.localdate()
    late = (today - due_on).days if due_on is not None and due_on < today else 0
    return Waiting(
        kind=kind, title=title, href=href, due_on=due_on, project=project, overdue_days=late, **more
    )


def _steps(user: Any, city: City | None) -> Iterable[Waiting]:
    for step, stand in officers.open_steps_for(user):
        case = step.case
        if city is not None and case.project.city_id != city.pk:
            continue
        yield _row(
            case.project, step.task.kind, step.task.name, reverse("case_step", args=[case.ref, step.task.code]),
            step.due_on, title_en=step.task.name_en, detail=step.task.stage.name, detail_en=step.task.stage.name_en,
            case_ref=case.ref, task=step.task.code, deputy_of=stand.principal, escalated=step.escalated_at is not None,
        )  # fmt: skip


def _escalated(user: Any, city: City | None) -> Iterable[Waiting]:
    """Late tasks of others that were told to the one above: to everybody who holds that role at the place."""
    held = [(role, top, of) for role, top, of in policies.memberships(user)]
    rows = (
        Step.objects.filter(
            state=StepState.OPEN, case__state=CaseState.OPEN, escalated_at__isnull=False,
            task__escalate_role__in={role for role, _top, _of in held},
        )
        .select_related("task__stage", "case__project__area")
        .order_by("due_on", "id")
    )  # fmt: skip
    for step in rows.filter(case__project__city=city) if city is not None else rows:
        project = step.case.project
        path = project.area.path if project.area is not None else ""
        if not any(
            role == step.task.escalate_role
            and of == project.city_id
            and (path.startswith(top) if path else policies.city_wide(top))
            for role, top, of in held
        ):
            continue
        yield _row(
            project, "escalated", step.task.name, reverse("project", args=[project.ref]), step.due_on, title_en=step.task.name_en,
            detail=step.task.stage.name, detail_en=step.task.stage.name_en, case_ref=step.case.ref, task=step.task.code, escalated=True,
        )  # fmt: skip


def _returned(user: Any, city: City | None) -> Iterable[Waiting]:
    rows = (
        Case.objects.filter(Q(drafter=user) | Q(project__created_by=user), state=CaseState.RETURNED)
        .select_related("project__area")
        .order_by("id")
    )
    for case in rows.filter(project__city=city) if city is not None else rows:
        href = reverse("case_answers", args=[case.ref])
        yield _row(
            case.project, "returned", _("Answer and hand in again"), href, None, case_ref=case.ref,
            detail=_("round %(round)s") % {"round": case.round},
        )  # fmt: skip


def _conditions(user: Any, city: City | None) -> Iterable[Waiting]:
    """Open conditions of approvals: to who asked for them, who says whether they are met, and to who drafted the project."""
    rows = (
        Condition.objects.filter(
            state=ConditionState.OPEN, step__case__state__in=[CaseState.APPROVED, CaseState.CONDITIONAL]
        )
        .filter(
            Q(step__done_by=user)
            | Q(step__done_for=user)
            | Q(step__case__drafter=user)
            | Q(project__created_by=user)
        )
        .select_related("project__area", "step__case", "step__task")
        .order_by("due_on", "id")
    )
    for one in rows.filter(project__city=city) if city is not None else rows:
        asked = user.pk in (one.step.done_by_id, one.step.done_for_id)
        yield _row(
            one.project, "condition" if asked else "condition-due", one.text, reverse("condition", args=[one.pk]), one.due_on,
            case_ref=one.step.case.ref, detail=one.step.task.name, detail_en=one.step.task.name_en,
        )  # fmt: skip


def waiting_for(user: Any, city: City | None = None) -> list[Waiting]:
    """Everything that waits for the person: overdue first, then soonest due, what has no day last."""
    steps = list(_steps(user, city))
    own = {(row.case_ref, row.task) for row in steps}
    told = [row for row in _escalated(user, city) if (row.case_ref, row.task) not in own]
    found = [*_returned(user, city), *steps, *told, *_conditions(user, city)]
    for source in SOURCES:
        for row in source.waiting_for(user, city):
            more = {key: row[key] for key in ("title_en", "detail", "detail_en") if key in row}
            found.append(
                _row(row["project"], row["kind"], row["title"], row["href"], row.get("due_on"), **more)
            )
    return sorted(found, key=lambda row: (row.due_on or date.max, row.project_ref, row.kind))


def _fits(row: Waiting, chosen: Mapping[str, str], *, but: str = "") -> bool:
    due = chosen.get("due", "") if but != "due" else ""
    return (
        (but == "kind" or not chosen.get("kind") or row.kind == chosen["kind"])
        and (but == "area" or not chosen.get("area") or row.area == chosen["area"])
        and (not due or (row.overdue_days > 0 if due == "overdue" else row.due_soon))
    )


def inbox(user: Any, city: City | None = None, chosen: Mapping[str, str] | None = None) -> Inbox:
    """The inbox, narrowed by `chosen` (kind, due: overdue or week, area). A value that nothing has shows nothing."""
    said = {key: value for key, value in (chosen or {}).items() if value and key in ("kind", "due", "area")}
    if said.get("due") not in (None, "overdue", "week"):
        said.pop("due")
    rows = waiting_for(user, city)
    kinds = Counter(row.kind for row in rows if _fits(row, said, but="kind"))
    by_due = [row for row in rows if _fits(row, said, but="due")]
    areas = Counter(row.project.area for row in rows if _fits(row, said, but="area"))
    order = list(KINDS)
    return Inbox(
        rows=[row for row in rows if _fits(row, said)],
        total=len(rows),
        overdue=sum(row.overdue_days > 0 for row in rows),
        this_week=sum(row.due_soon for row in rows),
        kinds=[
            Facet(code, KINDS.get(code, code), "", kinds[code])
            for code in sorted(kinds, key=lambda code: order.index(code) if code in order else len(order))
        ],
        dues=[
            Facet("overdue", _("Overdue"), "", sum(row.overdue_days > 0 for row in by_due)),
            Facet("week", _("Due within a week"), "", sum(row.due_soon for row in by_due)),
        ],
        areas=[
            Facet(area.code, area.name, area.name_en, count)
            for area, count in sorted(areas.items(), key=lambda one: one[0].code if one[0] else "")
            if area is not None
        ],
        chosen=said,
    )
