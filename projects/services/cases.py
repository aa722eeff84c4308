"""How a case goes: handed in, worked on step by step, returned and handed in again, decided, withdrawn.

Every move is one conditional update on the step and the case: of two people who act at once one is told that the step is
over. What the database itself refuses (drafter, recommender and decider are different people; a step that is over stays)
is in the migrations. What moves when a step is done is in `case_moves`.
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
from core.models import City
from core.services import audit
from core.services.refs import next_ref
from projects.choices import CaseState, Outcome, ProjectState, RouteState, StepState, TaskKind
from projects.models import Case, Condition, Project, Release, ReturnItem, Route, Step, Tranche
from projects.selectors import officers
from projects.services import case_moves, duplicates, events, investment_codes, money, routes, submissions
from projects.services.case_moves import applies
from projects.services.conditions import settle_condition
from projects.services.working_days import add_working_days

__all__ = [
    "act", "answer", "applies", "ask_release", "check", "enter_code", "escalate", "refusal", "resubmit", "settle_condition",
    "steps_now", "submit", "withdraw",
]  # fmt: skip

_REFUSED = {
    "forbidden": _("This task is not yours."),
    "drafter-may-not": _("Whoever drafted it may neither recommend nor decide."),
    "two-people": _("Recommending and deciding are done by two different people."),
    "step-not-open": _("This task is no longer open; somebody was quicker, or the case has moved on."),
}


def refusal(code: str) -> Any:
    """Words for why somebody may not do a step (officers.Standing.refused)."""
    return _REFUSED[code]


def _demand_ready(project: Project) -> None:
    """What must be there before a project is handed in, for the first time or again."""
    budget = money.totals(project)["budget_fen"]
    if budget != project.cost_fen:
        raise DomainError(
            "lines-not-cost", _("The budget lines do not add up to the cost."), status=422, budget_fen=budget,
            cost_fen=project.cost_fen,
        )  # fmt: skip
    tranches = list(project.tranches.values_list("amount_fen", flat=True))
    if tranches and sum(tranches) != project.cost_fen:
        raise DomainError(
            "tranches-not-cost", _("The tranches do not add up to the cost."), status=422,
            tranches_fen=sum(tranches), cost_fen=project.cost_fen,
        )  # fmt: skip


def _demand_nothing_twice(user: Any, project: Project) -> None:
    """What is near is looked for and kept, before anything else: who is refused for want of a reason can read it."""
    duplicates.check(user=user, project=project)
    duplicates.demand_reason(project=project)


def submit(*, user: Any, project: Project, route: Route) -> Case:
    """Hand a project in. Its facts and evidence are frozen with it."""
    policies.demand(user, "project.submit", project)
    if route.state != RouteState.PUBLISHED or route.for_tranche:
        raise DomainError("route-not-published", _("Cases go by a published route for projects."), status=422)
    _demand_ready(project)
    _demand_nothing_twice(user, project)
    with transaction.atomic():
        moved = Project.objects.filter(
            pk=project.pk, state__in=[ProjectState.DRAFT, ProjectState.WITHDRAWN]
        ).update(state=ProjectState.REVIEW)
        if not moved:
            raise DomainError("project-not-draft", _("Only a draft can be handed in."))
        project.refresh_from_db()
        # Asked again under the lock: somebody may have changed the money in between.
        _demand_ready(project)
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
    case_moves.lay_out(case)
    case_moves.advance(case)
    audit.record(
        user=user, act="case.submit", subject=project, ref=case.ref, after={"round": 1, "route": str(route)}
    )
    events.tell(
        project=project, kind="case.submitted", ref=case.ref, payload={"round": 1, "route": str(route)}
    )
    return case


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
    """Do a task. `items`: what to change, with a return; `conditions`: (text, due), with an approval under conditions (a
    recommendation only proposes them); `principal`: for whom, where the person acts as a deputy."""
    step = Step.objects.select_related(
        "task", "case__project__area", "case__project__city", "case__route"
    ).get(pk=step.pk)
    stand = officers.standing(user, step, principal=principal)
    if not stand.may:
        words = _REFUSED[stand.refused]
        if stand.refused == "step-not-open":
            raise DomainError(stand.refused, words)
        raise Forbidden(words, stand.refused)
    wanted, asked = case_moves.checked(step, outcome, reason, items, conditions)
    try:
        with transaction.atomic():
            return _act(user, step, stand.principal, outcome, reason.strip(), wanted, asked)
    except IntegrityError as refused:
        # Somebody's hand came in between, or a sum was changed: the database has the last word.
        raise DomainError(
            "refused-by-register",
            _("The register refuses this: %(words)s") % {"words": str(refused).splitlines()[0]},
        ) from None


def _act(
    user: Any, step: Step, principal: Any, outcome: str, reason: str, wanted: list[str], asked: list[Any]
) -> Step:
    # The case's row is the lock under which its steps move.
    case = Case.objects.select_for_update().get(pk=step.case_id)
    proposes = step.task.kind not in case_moves.BINDING
    moved = Step.objects.filter(
        pk=step.pk, state=StepState.OPEN, round=case.round, case__state=CaseState.OPEN
    ).update(
        state=StepState.DONE, outcome=outcome, reason=reason, done_at=timezone.now(), done_by=user,
        done_for=principal,
        proposed=[[text, due.isoformat() if due else None] for text, due in asked] if proposes else [],
    )  # fmt: skip
    if not moved:
        raise DomainError("step-not-open", _REFUSED["step-not-open"])
    step.refresh_from_db()
    ReturnItem.objects.bulk_create(ReturnItem(step=step, text=text) for text in wanted)
    if asked and not proposes:
        Condition.objects.bulk_create(
            Condition(project=step.case.project, step=step, text=text, due_on=due) for text, due in asked
        )
        money.tie(project=step.case.project, step=step)
    if outcome == Outcome.RETURN and step.task.kind != TaskKind.RECOMMEND:
        case_moves.close(case, CaseState.RETURNED)
    elif step.task.kind == TaskKind.DECIDE:
        case_moves.decide(case, step, outcome)
    else:
        case_moves.advance(case)
    after = {"step": step.task.code, "round": case.round, "outcome": outcome, "items": wanted, "conditions": [text for text, _due in asked]}  # fmt: skip
    if principal is not None:
        after["deputy_of"] = principal.username
    kind = f"case.{step.task.kind}"
    audit.record(user=user, act=kind, subject=case.project, ref=case.ref, after=after, reason=reason)
    events.tell(project=case.project, kind=kind, ref=case.ref, payload=after)
    return step


def check(
    *,
    step: Step,
    outcome: str,
    reason: str = "",
    items: Sequence[str] = (),
    conditions: Sequence[tuple[str, date | None]] = (),
) -> None:
    """Everything `act` would refuse about the answer itself, before anybody confirms."""
    case_moves.checked(step, outcome, reason, items, conditions)
    if step.task.kind == TaskKind.DECIDE and outcome in (Outcome.APPROVE, Outcome.CONDITIONS):
        if step.case.tranche is None:
            case_moves.demand_code(step.case.project)
        else:
            case_moves.demand_free(step.case, outcome)


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
    if case.tranche_id is None and case.state == CaseState.RETURNED:
        _demand_nothing_twice(user, Project.objects.get(pk=case.project_id))
    with transaction.atomic():
        moved = Case.objects.filter(pk=case.pk, state=CaseState.RETURNED, round=case.round).update(
            state=CaseState.OPEN, round=case.round + 1, drafter=user, submitted_at=timezone.now()
        )
        if not moved:
            raise DomainError("not-returned", _("The case is not with you now."))
        left = ReturnItem.objects.filter(step__case=case, step__round=case.round, answer="").count()
        if left:
            raise DomainError(
                "items-open", _("%(count)s changes are not answered yet.") % {"count": left}, status=422
            )
        case = Case.objects.select_related("project__service", "route", "tranche").get(pk=case.pk)
        if case.tranche_id is None:
            Project.objects.filter(pk=case.project_id).update(state=ProjectState.REVIEW)
            case.project.refresh_from_db()
            _demand_ready(case.project)
        submissions.freeze(case, user)
        case_moves.lay_out(case)
        case_moves.advance(case)
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
        case_moves.close(case, CaseState.WITHDRAWN)
        audit.record(user=user, act="case.withdraw", subject=case.project, ref=case.ref, reason=reason)
        events.tell(
            project=case.project, kind="case.withdrawn", ref=case.ref, payload={"reason": reason.strip()}
        )
    return case


def enter_code(*, user: Any, project: Project, code: str) -> Project:
    """Name the investment code of a project that is being decided on and has none: it often comes while a case is on its
    way, and nobody should have to return a case for it. A code that is there is never changed this way."""
    policies.demand(user, "project.edit", project)
    clean = investment_codes.clean(code)
    try:
        with transaction.atomic():
            moved = Project.objects.filter(
                pk=project.pk, investment_code="", state=ProjectState.REVIEW
            ).update(investment_code=clean)
            if not moved:
                raise DomainError(
                    "code-there", _("The project has an investment code already, or is not being decided on.")
                )
            project.refresh_from_db()
            audit.record(
                user=user, act="project.code", subject=project, before={"investment_code": ""},
                after={"investment_code": clean},
            )  # fmt: skip
            events.tell(
                project=project, kind="project.changed", ref=project.ref, payload={"investment_code": clean}
            )
    except IntegrityError:
        raise DomainError(
            "investment-code-used", _("Another project has this investment code."), status=422
        ) from None
    return project


def escalate(*, today: date | None = None, city: City | None = None) -> list[Step]:
    """Mark open steps that are late by the task's further days: the one above is told. Each step once."""
    day = today or timezone.localdate()
    late = Step.objects.filter(
        state=StepState.OPEN, case__state=CaseState.OPEN, escalated_at=None, due_on__lt=day
    ).select_related("task", "case__project")
    if city is not None:
        late = late.filter(case__project__city=city)
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
