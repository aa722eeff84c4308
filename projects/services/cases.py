"""How a case goes: handed in, worked on step by step, returned and handed in again, decided, withdrawn.

Every move is one conditional update on the step and the case: of two people who act at once one is told that the step is
over. What the database itself refuses (drafter, recommender and decider are different people; a step that is over stays)
is in the migrations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError, Forbidden
from core.services import audit
from core.services.refs import next_ref
from projects.choices import (
    OUTCOMES,
    CaseState,
    ConditionState,
    Outcome,
    ProjectState,
    RouteState,
    StepState,
    TaskKind,
)
from projects.models import Case, Condition, Project, Release, ReturnItem, Route, Step, Tranche
from projects.selectors import officers
from projects.services import events, money, routes, submissions
from projects.services.working_days import add_working_days

# Where a decision leaves a project.
_AFTER: dict[str, str] = {
    CaseState.APPROVED: ProjectState.APPROVED, CaseState.CONDITIONAL: ProjectState.APPROVED,
    CaseState.REFUSED: ProjectState.REFUSED, CaseState.RETURNED: ProjectState.RETURNED,
    CaseState.WITHDRAWN: ProjectState.WITHDRAWN,
}  # fmt: skip
_REFUSED = {
    "forbidden": _("This task is not yours."),
    "drafter-may-not": _("Whoever drafted it may neither recommend nor decide."),
    "two-people": _("Recommending and deciding are done by two different people."),
    "step-not-open": _("This task is no longer open; somebody was quicker, or the case has moved on."),
}


def submit(*, user: Any, project: Project, route: Route) -> Case:
    """Hand a project in. Its facts and evidence are frozen with it."""
    policies.demand(user, "project.submit", project)
    if route.state != RouteState.PUBLISHED or route.for_tranche:
        raise DomainError("route-not-published", _("Cases go by a published route for projects."), status=422)
    budget = money.totals(project)["budget_fen"]
    if budget != project.cost_fen:
        raise DomainError(
            "lines-not-cost", _("The budget lines do not add up to the cost."), status=422, budget_fen=budget,
            cost_fen=project.cost_fen,
        )  # fmt: skip
    with transaction.atomic():
        moved = Project.objects.filter(
            pk=project.pk, state__in=[ProjectState.DRAFT, ProjectState.WITHDRAWN]
        ).update(state=ProjectState.REVIEW)
        if not moved:
            raise DomainError("project-not-draft", _("Only a draft can be handed in."))
        project.refresh_from_db()
        return _begin(user, project, route, None)


def ask_release(*, user: Any, tranche: Tranche, route: Route | None = None) -> Case:
    """Ask for a tranche. What stands in its way is asked when it is decided; the database asks again."""
    policies.demand(user, "project.submit", tranche.project)
    if tranche.project.approved_fen is None:
        raise DomainError("project-not-approved", _("Money is released for approved projects."))
    if Release.objects.filter(tranche=tranche).exists():
        raise DomainError("tranche-released", _("This tranche is released already."))
    way = route or routes.current(code="release")
    if way.state != RouteState.PUBLISHED or not way.for_tranche:
        raise DomainError(
            "route-not-published", _("Tranches go by a published route for tranches."), status=422
        )
    with transaction.atomic():
        return _begin(user, tranche.project, way, tranche)


def _begin(user: Any, project: Project, route: Route, tranche: Any) -> Case:
    try:
        with transaction.atomic():
            case = Case.objects.create(
                project=project,
                tranche=tranche,
                route=route,
                ref=next_ref("C"),
                drafter=user,
                submitted_at=timezone.now(),
            )
    except IntegrityError:
        raise DomainError("case-open", _("This is already being decided.")) from None
    submissions.freeze(case, user)
    _lay_out(case)
    _advance(case)
    audit.record(
        user=user, act="case.submit", subject=project, ref=case.ref, after={"round": 1, "route": str(route)}
    )
    events.tell(
        project=project, kind="case.submitted", ref=case.ref, payload={"round": 1, "route": str(route)}
    )
    return case


def _lay_out(case: Case) -> None:
    tasks = [task for stage in case.route.stages.prefetch_related("tasks") for task in stage.tasks.all()]
    Step.objects.bulk_create(Step(case=case, task=task, round=case.round) for task in tasks)


def applies(condition: dict[str, Any], project: Project) -> bool:
    """Is a task with this condition asked for of this project?"""
    cost = project.cost_fen
    return (
        cost >= condition.get("cost_from_fen", 0)
        and cost < condition.get("cost_below_fen", cost + 1)
        and project.kind in condition.get("kinds", [project.kind])
        and project.service.code in condition.get("services", [project.service.code])
        and project.service.domain in condition.get("domains", [project.service.domain])
    )


def _advance(case: Case) -> None:
    """Open the next tasks: those of the first order that is not over."""
    steps = list(
        case.steps.filter(round=case.round)
        .select_related("task__stage")
        .order_by("task__stage__order", "task__order")
    )
    now, today = timezone.now(), timezone.localdate()
    over = {StepState.DONE, StepState.SKIPPED}
    groups = sorted({(step.task.stage.order, step.task.order) for step in steps})
    for group in groups:
        mine = [step for step in steps if (step.task.stage.order, step.task.order) == group]
        if all(step.state in over for step in mine):
            continue
        for step in mine:
            if step.state != StepState.WAITING:
                continue
            if not applies(step.task.condition, case.project):
                step.state = StepState.SKIPPED
                step.save(update_fields=["state"])
                continue
            step.state, step.opened_at = StepState.OPEN, now
            step.due_on = add_working_days(today, step.task.due_working_days)
            step.save(update_fields=["state", "opened_at", "due_on"])
        if any(step.state == StepState.OPEN for step in mine):
            return


def act(
    *,
    user: Any,
    step: Step,
    outcome: str,
    reason: str = "",
    items: Sequence[str] = (),
    conditions: Sequence[tuple[str, date | None]] = (),
    principal: Any = None,
) -> Step:
    """Do a task. `items`: what to change, with a return; `conditions`: (text, due), with an approval under conditions;
    `principal`: for whom, where the person acts as a deputy."""
    step = Step.objects.select_related(
        "task", "case__project__area", "case__project__city", "case__route"
    ).get(pk=step.pk)
    stand = officers.standing(user, step, principal=principal)
    if not stand.may:
        error = Forbidden if stand.refused in ("forbidden", "drafter-may-not", "two-people") else DomainError
        words = _REFUSED[stand.refused]
        raise error(words, stand.refused) if error is Forbidden else DomainError(stand.refused, words)
    wanted, asked = _checked(step, outcome, reason, items, conditions)
    with transaction.atomic():
        # The case's row is the lock under which its steps move.
        case = Case.objects.select_for_update().get(pk=step.case_id)
        moved = Step.objects.filter(
            pk=step.pk, state=StepState.OPEN, round=case.round, case__state=CaseState.OPEN
        ).update(
            state=StepState.DONE, outcome=outcome, reason=reason.strip(), done_at=timezone.now(), done_by=user,
            done_for=stand.principal,
        )  # fmt: skip
        if not moved:
            raise DomainError("step-not-open", _REFUSED["step-not-open"])
        step.refresh_from_db()
        ReturnItem.objects.bulk_create(ReturnItem(step=step, text=text) for text in wanted)
        Condition.objects.bulk_create(
            Condition(project=step.case.project, step=step, text=text, due_on=due) for text, due in asked
        )
        if asked:
            money.tie(project=step.case.project, step=step)
        if outcome == Outcome.RETURN and step.task.kind != TaskKind.RECOMMEND:
            _close(case, CaseState.RETURNED)
        elif step.task.kind == TaskKind.DECIDE:
            _decide(case, step, outcome, user)
        else:
            _advance(case)
        after = {"step": step.task.code, "round": case.round, "outcome": outcome, "items": wanted, "conditions": [text for text, _due in asked]}  # fmt: skip
        if stand.principal is not None:
            after["deputy_of"] = stand.principal.username
        audit.record(
            user=user,
            act=f"case.{step.task.kind}",
            subject=case.project,
            ref=case.ref,
            after=after,
            reason=reason,
        )
        events.tell(project=case.project, kind=f"case.{step.task.kind}", ref=case.ref, payload=after)
    return step


def refusal(code: str) -> Any:
    """Words for why somebody may not do a step (officers.Standing.refused)."""
    return _REFUSED[code]


def check(
    *,
    step: Step,
    outcome: str,
    reason: str = "",
    items: Sequence[str] = (),
    conditions: Sequence[tuple[str, date | None]] = (),
) -> None:
    """Everything `act` would refuse about the words themselves, before anybody confirms."""
    _checked(step, outcome, reason, items, conditions)


def _checked(
    step: Step, outcome: str, reason: str, items: Sequence[str], conditions: Sequence[tuple[str, date | None]]
) -> tuple[list[str], list[tuple[str, date | None]]]:
    allowed = OUTCOMES[step.task.kind]
    if outcome not in allowed:
        raise DomainError(
            "unknown-outcome", _("Here one can say: %(words)s.") % {"words": ", ".join(str(Outcome(one).label) for one in allowed)}, status=422
        )  # fmt: skip
    wanted = [text.strip() for text in items if text.strip()]
    asked = [(text.strip(), due) for text, due in conditions if text.strip()]
    plain = outcome in (Outcome.DONE, Outcome.AGREE)
    if not plain and not reason.strip():
        raise DomainError("no-reason", _("Say why."), status=422)
    if outcome == Outcome.RETURN and not wanted:
        raise DomainError("no-items", _("List what has to change, one item each."), status=422)
    if outcome != Outcome.RETURN and wanted:
        raise DomainError(
            "items-without-return", _("Changes are asked for by returning the case."), status=422
        )
    binds = step.task.kind in (TaskKind.COUNTERSIGN, TaskKind.DECIDE)
    if outcome == Outcome.CONDITIONS and binds and not asked:
        raise DomainError("no-conditions", _("Name at least one condition."), status=422)
    if asked and outcome != Outcome.CONDITIONS:
        raise DomainError(
            "conditions-not-asked", _("Conditions go with an approval under conditions."), status=422
        )
    return wanted, asked


def _decide(case: Case, step: Step, outcome: str, user: Any) -> None:
    if outcome == Outcome.REFUSE:
        _close(case, CaseState.REFUSED)
        return
    # What a department made a condition binds, whether or not the decision repeats it.
    bound = Condition.objects.filter(
        step__case=case, step__round=case.round, state=ConditionState.OPEN
    ).exists()
    state = CaseState.CONDITIONAL if bound else CaseState.APPROVED
    if case.tranche_id:
        money.release_decided(case=case, step=step)
    _close(case, state)


def _close(case: Case, state: str) -> None:
    """Leave the open state; what was not done yet is stopped."""
    case.steps.filter(round=case.round, state__in=[StepState.WAITING, StepState.OPEN]).update(
        state=StepState.STOPPED
    )
    case.state = state
    case.closed_at = None if state == CaseState.RETURNED else timezone.now()
    case.save(update_fields=["state", "closed_at"])
    if state in (CaseState.RETURNED, CaseState.REFUSED, CaseState.WITHDRAWN):
        # A condition of a round that came to nothing asks for nothing.
        Condition.objects.filter(step__case=case, step__round=case.round, state=ConditionState.OPEN).update(
            state=ConditionState.WAIVED,
            note=str(_("The round it was asked in came to nothing.")),
            settled_at=timezone.now(),
        )
    if case.tranche_id is None:
        project = Project.objects.select_for_update().get(pk=case.project_id)
        project.state = _AFTER[state]
        if state in (CaseState.APPROVED, CaseState.CONDITIONAL):
            project.approved_fen, project.approved_units = project.cost_fen, project.units
        project.version += 1
        project.save(update_fields=["state", "approved_fen", "approved_units", "version"])


def answer(*, user: Any, item: ReturnItem, text: str) -> ReturnItem:
    """Answer one change that was asked for."""
    case = item.step.case
    policies.demand(user, "project.submit", case.project)
    if not text.strip():
        raise DomainError("no-answer", _("Say what was changed, or why not."), status=422)
    with transaction.atomic():
        moved = ReturnItem.objects.filter(
            pk=item.pk, step__case__state=CaseState.RETURNED, step__round=case.round
        ).update(answer=text.strip(), answered_by=user, answered_at=timezone.now())
        if not moved:
            raise DomainError("not-returned", _("The case is not with you now."))
        audit.record(
            user=user,
            act="case.answer",
            subject=case.project,
            ref=case.ref,
            after={"item": item.pk, "answer": text.strip()},
        )
    item.refresh_from_db()
    return item


def resubmit(*, user: Any, case: Case) -> Case:
    """Hand a returned case in again: a new round on the same route version, everything asked anew."""
    policies.demand(user, "project.submit", case.project)
    left = ReturnItem.objects.filter(step__case=case, step__round=case.round, answer="").count()
    if left:
        raise DomainError(
            "items-open", _("%(count)s changes are not answered yet.") % {"count": left}, status=422
        )
    with transaction.atomic():
        moved = Case.objects.filter(pk=case.pk, state=CaseState.RETURNED, round=case.round).update(
            state=CaseState.OPEN, round=case.round + 1, drafter=user, submitted_at=timezone.now()
        )
        if not moved:
            raise DomainError("not-returned", _("The case is not with you now."))
        case = Case.objects.select_related("project__service", "route", "tranche").get(pk=case.pk)
        if case.tranche_id is None:
            Project.objects.filter(pk=case.project_id).update(state=ProjectState.REVIEW)
        submissions.freeze(case, user)
        _lay_out(case)
        _advance(case)
        audit.record(
            user=user, act="case.resubmit", subject=case.project, ref=case.ref, after={"round": case.round}
        )
        events.tell(project=case.project, kind="case.submitted", ref=case.ref, payload={"round": case.round})
    return case


def withdraw(*, user: Any, case: Case, reason: str) -> Case:
    """Take a case back before it is decided."""
    policies.demand(user, "project.submit", case.project)
    if not reason.strip():
        raise DomainError("no-reason", _("Say why."), status=422)
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case.pk)
        if case.state not in (CaseState.OPEN, CaseState.RETURNED):
            raise DomainError("case-closed", _("The case is decided."))
        _close(case, CaseState.WITHDRAWN)
        audit.record(user=user, act="case.withdraw", subject=case.project, ref=case.ref, reason=reason)
        events.tell(
            project=case.project, kind="case.withdrawn", ref=case.ref, payload={"reason": reason.strip()}
        )
    return case


def settle_condition(*, user: Any, condition: Condition, note: str) -> Condition:
    """Say how a condition was met. Not by who drafted the project: somebody looks."""
    policies.demand(user, "condition.settle", condition.project)
    if condition.project.created_by_id == user.pk or condition.step.case.drafter_id == user.pk:
        raise Forbidden(_REFUSED["drafter-may-not"], "drafter-may-not")
    if not note.strip():
        raise DomainError("no-note", _("Say how it was met and where that can be seen."), status=422)
    with transaction.atomic():
        moved = Condition.objects.filter(pk=condition.pk, state=ConditionState.OPEN).update(
            state=ConditionState.MET, note=note.strip(), settled_by=user, settled_at=timezone.now()
        )
        if not moved:
            raise DomainError("condition-not-open", _("This condition is settled already."))
        audit.record(
            user=user,
            act="condition.met",
            subject=condition.project,
            after={"condition": condition.text, "note": note.strip()},
        )
        events.tell(
            project=condition.project,
            kind="condition.met",
            ref=condition.project.ref,
            payload={"condition": condition.text},
        )
    condition.refresh_from_db()
    return condition


def escalate(*, today: date | None = None) -> list[Step]:
    """Mark open steps that are late by the task's further days: the one above is told. Each step once."""
    day = today or timezone.localdate()
    late = Step.objects.filter(
        state=StepState.OPEN, case__state=CaseState.OPEN, escalated_at=None, due_on__lt=day
    ).select_related("task", "case__project")
    told = []
    for step in late:
        if step.due_on is None or add_working_days(step.due_on, step.task.escalate_working_days) >= day:
            continue
        with transaction.atomic():
            if Step.objects.filter(pk=step.pk, state=StepState.OPEN, escalated_at=None).update(
                escalated_at=timezone.now()
            ):
                audit.record(
                    user=None,
                    act="case.escalate",
                    subject=step.case.project,
                    ref=step.case.ref,
                    after={"step": step.task.code},
                )
                events.tell(
                    project=step.case.project,
                    kind="case.escalated",
                    ref=step.case.ref,
                    payload={"step": step.task.code, "to": step.task.escalate_role},
                )
                told.append(step)
    return told


def steps_now(case: Case) -> Iterable[Step]:
    return case.steps.filter(round=case.round).select_related("task__stage", "done_by", "done_for")
