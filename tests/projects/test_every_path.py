"""Every path of every shipped route is walked: no dead end, no illegal move, no way round two people."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from core.errors import DomainError
from projects.choices import OUTCOMES, CaseState, Outcome, ProjectState, StepState, TaskKind
from projects.models import Case, Project, ReturnItem, Route, Step
from projects.selectors import officers
from projects.services import cases, routes

pytestmark = pytest.mark.django_db
LAST_ROUND = 2
FINAL = {CaseState.APPROVED, CaseState.CONDITIONAL, CaseState.REFUSED, CaseState.WITHDRAWN}


class Undo(Exception):
    """Ends a branch: everything it did is taken back."""


def said(outcome: str) -> dict[str, Any]:
    more: dict[str, Any] = {"reason": "because"}
    if outcome == Outcome.RETURN:
        more["items"] = ["a plan of the exits"]
    if outcome == Outcome.CONDITIONS:
        more["conditions"] = [("a second water source", None)]
    return more


def key_of(case: Case) -> tuple:
    steps = case.steps.filter(round=case.round).values_list("task__stage__code", "task__code", "state")
    conditions = case.project.conditions.filter(step__case=case, state="open").exists()
    return case.state, case.round, conditions, tuple(sorted(steps))


def officer_for(step: Step, people: dict[str, Any]) -> Any:
    """Somebody who may do it, as the rule of two stands."""
    for one in people.values():
        if officers.standing(one, step).may:
            return one
    return None


def walk(case: Case, people: dict[str, Any], seen: dict[tuple, int], tried: set[tuple]) -> None:
    """`tried`: tasks whose door was tried by everybody already, by task and round; whose hand is in the case does not
    depend on the order of the countersigns."""
    case.refresh_from_db()
    key = key_of(case)
    if key in seen:
        return
    seen[key] = 1
    now = list(case.steps.filter(round=case.round).select_related("task", "case__project"))
    if case.state in FINAL:
        assert not [step for step in now if step.state in (StepState.OPEN, StepState.WAITING)]
        with pytest.raises(DomainError):
            cases.withdraw(user=people["lin"], case=case, reason="too late")
        with pytest.raises(DomainError):
            cases.resubmit(user=people["lin"], case=case)
        return
    branches = []
    if case.state == CaseState.RETURNED:
        if case.round < LAST_ROUND:
            branches.append(lambda: again(case, people))
    else:
        todo = [step for step in now if step.state == StepState.OPEN]
        assert todo, "an open case in which nobody has anything to do"
        for step in todo:
            if (step.task_id, case.round) not in tried:
                tried.add((step.task_id, case.round))
                nobody_else(step, people)
            one = officer_for(step, people)
            assert one is not None, f"nobody may do {step.task.code}"
            branches += [
                lambda step=step, one=one, outcome=outcome: cases.act(
                    user=one, step=step, outcome=outcome, **said(outcome)
                )
                for outcome in OUTCOMES[step.task.kind]
            ]
        for step in now:
            if step.state != StepState.OPEN:
                assert officers.standing(people["wang"], step).refused == "step-not-open"
    branches.append(lambda: cases.withdraw(user=people["lin"], case=case, reason="not now"))
    for branch in branches:
        try:
            with transaction.atomic():
                branch()
                walk(Case.objects.select_related("project").get(pk=case.pk), people, seen, tried)
                raise Undo
        except Undo:
            pass


def again(case: Case, people: dict[str, Any]) -> None:
    with pytest.raises(DomainError, match="not answered"):
        cases.resubmit(user=people["lin"], case=case)
    for item in ReturnItem.objects.filter(step__case=case, step__round=case.round):
        cases.answer(user=people["lin"], item=item, text="added")
    cases.resubmit(user=people["lin"], case=case)


def nobody_else(step: Step, people: dict[str, Any]) -> None:
    """Who may not do it is refused by the service, and a hand of two people by the database as well."""
    for name, one in people.items():
        if officers.standing(one, step).may:
            continue
        with pytest.raises(DomainError):
            cases.act(user=one, step=step, outcome=OUTCOMES[step.task.kind][0], reason="let me")
        step.refresh_from_db()
        assert step.state == StepState.OPEN, name
    if step.task.kind in (TaskKind.RECOMMEND, TaskKind.DECIDE):
        with pytest.raises(IntegrityError), transaction.atomic():
            Step.objects.filter(pk=step.pk).update(
                state=StepState.DONE, outcome=Outcome.APPROVE, done_by=people["lin"], done_at=step.opened_at
            )


@pytest.mark.parametrize(("code", "fewest"), [("approval", 40), ("verification", 20), ("filing", 6)])
def test_every_path_of_a_route_ends_in_a_decision_a_return_or_a_withdrawal(
    code: str, fewest: int, project: Project, people: dict[str, Any]
):
    case = cases.submit(user=people["lin"], project=project, route=routes.current(code=code))
    seen: dict[tuple, int] = {}
    walk(case, people, seen, set())
    ends = {key[0] for key in seen}
    assert ends >= FINAL | {CaseState.OPEN, CaseState.RETURNED}
    assert len(seen) >= fewest


def test_a_project_of_a_health_service_and_a_dear_one_take_the_further_steps(
    project: Project, people: dict[str, Any], approval: Route
):
    case = cases.submit(user=people["lin"], project=project, route=approval)
    codes = {step.task.code: step.state for step in cases.steps_now(case)}
    assert codes["completeness"] == StepState.OPEN
    step = case.steps.get(task__code="completeness")
    cases.act(user=people["wang"], step=step, outcome=Outcome.DONE)
    codes = {step.task.code: step.state for step in cases.steps_now(case)}
    assert codes["health"] == StepState.SKIPPED
    assert {codes[one] for one in ("reform", "housing", "natural-resources", "emergency", "finance")} == {
        StepState.OPEN
    }
    assert cases.applies({"cost_from_fen": 500000000}, project)
    assert project.state == ProjectState.REVIEW
