"""How a case moves on: its tasks laid out, the next ones opened, decided, closed. Called by `cases` inside its transactions,
under the lock on the case's row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from projects.choices import OUTCOMES, CaseState, ConditionState, Outcome, ProjectState, StepState, TaskKind
from projects.models import Case, Condition, Project, Step
from projects.services import investment_codes, money
from projects.services.working_days import add_working_days

# Where a decision leaves a project.
_AFTER: dict[str, str] = {
    CaseState.APPROVED: ProjectState.APPROVED, CaseState.CONDITIONAL: ProjectState.APPROVED,
    CaseState.REFUSED: ProjectState.REFUSED, CaseState.RETURNED: ProjectState.RETURNED,
    CaseState.WITHDRAWN: ProjectState.WITHDRAWN,
}  # fmt: skip
BINDING = (TaskKind.COUNTERSIGN, TaskKind.DECIDE)


def lay_out(case: Case) -> None:
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


def advance(case: Case) -> None:
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


def checked(
    step: Step, outcome: str, reason: str, items: Sequence[str], conditions: Sequence[tuple[str, Any]]
) -> tuple[list[str], list[tuple[str, Any]]]:
    """The items and conditions of an answer without their empty rows; DomainError for what the words themselves lack."""
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
    if outcome == Outcome.CONDITIONS and step.task.kind in BINDING and not asked:
        raise DomainError("no-conditions", _("Name at least one condition."), status=422)
    if asked and outcome != Outcome.CONDITIONS:
        raise DomainError(
            "conditions-not-asked", _("Conditions go with an approval under conditions."), status=422
        )
    return wanted, asked


def demand_code(project: Project) -> None:
    """Whatever the route, a project is approved with its national investment code (Regulation on government investment,
    State Council order 712, article 10; order 673, article 4). Optional until then."""
    if not project.investment_code:
        raise DomainError(
            "investment-code-missing",
            _("A project is approved with its national investment code, and this one has none yet."),
            status=422,
        )
    investment_codes.clean(project.investment_code)


def demand_free(case: Case, outcome: str) -> None:
    """Would the decision free the tranche? Asked before anybody confirms; the decision and the database ask again."""
    assert case.tranche is not None
    reasons = money.open_reasons(case.tranche)
    said = Step.objects.filter(
        case=case, round=case.round, task__kind=TaskKind.RECOMMEND, state=StepState.DONE
    ).first()
    both = said is not None and said.outcome == outcome == Outcome.CONDITIONS
    if reasons and (not both or case.tranche.final):
        raise DomainError(
            "tranche-blocked",
            _("This tranche is not free: %(words)s.") % {"words": "; ".join(reasons)},
            reasons=reasons,
        )


def decide(case: Case, step: Step, outcome: str) -> None:
    if outcome == Outcome.REFUSE:
        close(case, CaseState.REFUSED)
        return
    if case.tranche_id is None:
        demand_code(Project.objects.get(pk=case.project_id))
    # What a department made a condition binds, whether or not the decision repeats it.
    bound = Condition.objects.filter(
        step__case=case, step__round=case.round, state=ConditionState.OPEN
    ).exists()
    state = CaseState.CONDITIONAL if bound else CaseState.APPROVED
    if case.tranche_id:
        money.release_decided(case=case, step=step)
    close(case, state)


def close(case: Case, state: str) -> None:
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
