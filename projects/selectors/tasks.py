"""The task list of a case page: every stage from the proposal to the registry, what is done, what waits, what cannot start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.templatetags.pingji import local_name
from projects.choices import CaseState, ConditionState, FindingState, ProjectState, StepState
from projects.models import Case, Commissioning, Condition, Finding, Project, Step

DONE, NOW, OPEN, LATE, WAIT = "done", "now", "open", "late", "wait"
CANNOT = gettext_lazy("Cannot start yet")


@dataclass(frozen=True)
class Row:
    """One task. `how`: done, now (the reader's turn), open (somebody else's), late, wait (cannot start: not linked)."""

    title: str
    how: str
    words: str
    href: str = ""
    note: str = ""
    due_on: date | None = None
    yours: bool = False


@dataclass
class Stage:
    title: str
    rows: list[Row] = field(default_factory=list)
    # Month the stage ended in, or "now"; empty before it begins.
    when: str = ""


@dataclass(frozen=True)
class TaskList:
    stages: list[Stage]

    @property
    def total(self) -> int:
        return sum(len(stage.rows) for stage in self.stages)

    @property
    def done(self) -> int:
        return sum(row.how == DONE for stage in self.stages for row in stage.rows)


def task_list(project: Project, case: Case | None, mine: set[int]) -> TaskList:
    """`case`: that of the project's approval; `mine`: ids of the steps the reader may do now."""
    stages = [*_approval(case, mine), *_after(project, mine)]
    for stage in stages:
        if not stage.when and any(row.how in (NOW, OPEN, LATE) for row in stage.rows):
            stage.when = _("now")
    return TaskList(stages)


def _approval(case: Case | None, mine: set[int]) -> list[Stage]:
    if case is None:
        return []
    steps = list(
        case.steps.filter(round=case.round)
        .select_related("task__stage")
        .order_by("task__stage__order", "task__order", "task__code")
    )
    found: dict[int, Stage] = {}
    ended: dict[int, Any] = {}
    for step in steps:
        stage = step.task.stage
        if step.state == StepState.SKIPPED:
            continue
        found.setdefault(stage.pk, Stage(local_name(stage))).rows.append(_step(case, step, mine))
        if step.done_at is not None:
            ended[stage.pk] = max(filter(None, (ended.get(stage.pk), step.done_at)))
    for pk, stage in found.items():
        if pk in ended and all(row.how == DONE for row in stage.rows):
            stage.when = f"{timezone.localtime(ended[pk]):%Y-%m}"
    stages = list(found.values())
    conditions = Condition.objects.filter(step__case=case, step__round=case.round)
    states = list(conditions.values_list("state", "due_on"))
    if states and stages and case.state in (CaseState.APPROVED, CaseState.CONDITIONAL):
        stages[-1].rows.append(_conditions(states))
    return stages


def _conditions(states: list[tuple[str, date | None]]) -> Row:
    met = sum(state != ConditionState.OPEN for state, _due in states)
    late = any(state == ConditionState.OPEN and due and due < timezone.localdate() for state, due in states)
    title = ngettext("%(count)d condition", "%(count)d conditions", len(states)) % {"count": len(states)}
    if met == len(states):
        return Row(title, DONE, _("Completed"), "#conditions")
    words = _("%(met)s of %(count)s met") % {"met": met, "count": len(states)}
    return Row(title, LATE if late else OPEN, words, "#conditions")


def _step(case: Case, step: Step, mine: set[int]) -> Row:
    title = local_name(step.task)
    if step.state == StepState.DONE:
        href = reverse("case_step_done", args=[case.ref, step.round, step.task.code])
        # A plain answer is “Completed”; what was said otherwise is worth its word.
        plain = step.outcome in ("done", "agree", "approve")
        return Row(title, DONE, _("Completed") if plain else str(step.get_outcome_display()), href)
    if step.state == StepState.OPEN:
        href = reverse("case_step", args=[case.ref, step.task.code])
        return _open(title, href, step.due_on, step.pk in mine)
    if step.state == StepState.STOPPED:
        return Row(title, WAIT, str(step.get_state_display()))
    return Row(title, WAIT, str(CANNOT))


def _open(title: str, href: str, due_on: date | None, yours: bool) -> Row:
    late = (timezone.localdate() - due_on).days if due_on is not None else 0
    if late > 0:
        words = ngettext("%(days)d day overdue", "%(days)d days overdue", late) % {"days": late}
        return Row(title, LATE, words, href, _("waits for you") if yours else "", due_on, yours)
    return Row(title, NOW if yours else OPEN, _("Waits for you") if yours else "", href, "", due_on, yours)


def _after(project: Project, mine: set[int]) -> list[Stage]:
    begun = project.state in (ProjectState.APPROVED, ProjectState.WORKS, ProjectState.COMMISSIONED)
    return [_works(project, begun, mine), _commissioning(project)]


def _works(project: Project, begun: bool, mine: set[int]) -> Stage:
    """Start, each tranche, milestones, the last inspection, open findings."""
    stage = Stage(_("Works and money"))
    works = reverse("project_works", args=[project.ref])
    if project.started_on is not None:
        stage.rows.append(Row(_("Works begun"), DONE, _("Completed"), works))
    else:
        stage.rows.append(Row(_("Works begun"), OPEN if begun else WAIT, _("To do") if begun else str(CANNOT), works if begun else ""))  # fmt: skip
    stage.rows += _tranches(project, begun, mine)
    points = list(project.milestones.values_list("reached_on", "planned_on"))
    if points:
        seen = sum(reached is not None for reached, _planned in points)
        late = any(reached is None and planned < timezone.localdate() for reached, planned in points)
        words = _("%(seen)s of %(count)s seen") % {"seen": seen, "count": len(points)}
        how = DONE if seen == len(points) else (LATE if late else OPEN) if begun else WAIT
        title = ngettext("%(count)d milestone", "%(count)d milestones", len(points)) % {"count": len(points)}
        stage.rows.append(Row(title, how, _("Completed") if how == DONE else words if begun else str(CANNOT), works if begun else ""))  # fmt: skip
    last = project.inspections.exclude(done_on=None).order_by("-done_on", "-id").first()
    if last is not None:
        stage.rows.append(Row(_("Inspection %(ref)s") % {"ref": last.ref}, DONE, _("Completed"), works))
    findings = Finding.objects.filter(inspection__project=project).exclude(state=FindingState.CLOSED)
    for one in findings.order_by("due_on", "id"):
        late_days = (timezone.localdate() - one.due_on).days
        words = (
            ngettext("%(days)d day overdue", "%(days)d days overdue", late_days) % {"days": late_days}
            if late_days > 0
            else str(one.get_state_display())
        )
        stage.rows.append(Row(_("Finding %(ref)s") % {"ref": one.ref}, LATE if late_days > 0 else OPEN, words, works, one.text, one.due_on))  # fmt: skip
    return stage


def _tranches(project: Project, begun: bool, mine: set[int]) -> list[Row]:
    """A released tranche is done; one that is asked for leads to its open task; the others to the money."""
    money = reverse("project_money", args=[project.ref])
    asked: dict[int, list[Step]] = {}
    steps = Step.objects.filter(
        case__project=project, case__tranche__isnull=False, case__state=CaseState.OPEN, state=StepState.OPEN
    ).select_related("case", "task")
    for step in steps:
        asked.setdefault(step.case.tranche_id or 0, []).append(step)
    returned = set(
        Case.objects.filter(project=project, state=CaseState.RETURNED).values_list("tranche_id", flat=True)
    )
    found = []
    for one in project.tranches.select_related("release").order_by("number"):
        title = _("Tranche %(number)s") % {"number": one.number}
        if hasattr(one, "release"):
            found.append(Row(title, DONE, _("Released"), money))
        elif one.pk in asked:
            step = min(asked[one.pk], key=lambda step: step.pk not in mine)
            row = _open(
                title,
                reverse("case_step", args=[step.case.ref, step.task.code]),
                step.due_on,
                step.pk in mine,
            )
            found.append(
                row if row.words else Row(title, row.how, local_name(step.task), row.href, due_on=row.due_on)
            )
        elif one.pk in returned:
            found.append(Row(title, OPEN, _("Returned for changes"), money))
        else:
            found.append(Row(title, OPEN if begun else WAIT, _("To ask for") if begun else str(CANNOT), money if begun else ""))  # fmt: skip
    return found


def _commissioning(project: Project) -> Stage:
    stage = Stage(_("Commissioning"))
    found = Commissioning.objects.filter(project=project).first()
    ready = project.state in (ProjectState.WORKS, ProjectState.COMMISSIONED)
    page = reverse("project_handover", args=[project.ref])
    tried = found is not None and found.checked_by_id is not None
    passed = tried and found is not None and found.check_passed
    accepted = found is not None and found.accepted_by_id is not None
    for title, done, now in (
        (_("Reported as built"), found is not None and found.handed_by_id is not None, ready),
        (_("Conversion check"), passed, found is not None),
        (_("Into the registry"), accepted, passed),
    ):
        if done:
            stage.rows.append(Row(title, DONE, _("Completed"), page))
        elif now:
            failed = title == _("Conversion check") and tried
            stage.rows.append(
                Row(title, LATE if failed else OPEN, _("Not passed") if failed else _("To do"), page)
            )
        else:
            stage.rows.append(Row(title, WAIT, str(CANNOT)))
    if accepted and found is not None and found.accepted_at is not None:
        stage.when = f"{timezone.localtime(found.accepted_at):%Y-%m}"
    elif project.ends_on is not None:
        stage.when = f"{project.ends_on:%Y-%m}"
    return stage
