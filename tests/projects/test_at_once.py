"""Two people act in the same moment, in threads with connections of their own: exactly one wins, the other is told in words
with 409, and the case is as if only one had been there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from rest_framework.test import APIClient

from projects.choices import CaseState, ConditionState, StepState
from projects.models import Case, Condition, Evidence, Project, ReturnItem, Step, Submission
from projects.services import cases, routes

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*moves: Callable[[], Any]) -> list[Any]:
    """Run the moves together; what each answered, in their order."""
    gate, found = threading.Barrier(len(moves)), [None] * len(moves)

    def run(place: int, move: Callable[[], Any]) -> None:
        try:
            gate.wait(timeout=30)
            found[place] = move()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(place, move)) for place, move in enumerate(moves)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(timeout=60)
    return found


def post(user: Any, address: str, said: dict[str, Any] | None = None) -> Callable[[], Any]:
    def move() -> Any:
        client = APIClient()
        client.force_authenticate(user)
        return client.post(address, said or {}, format="json")

    return move


def one_won(answers: list[Any]) -> tuple[Any, Any]:
    """(who won, who was told): one success, one 409 with a code and a sentence."""
    states = sorted(one.status_code for one in answers)
    assert states[0] in (200, 201) and states[1:] == [409], [one.content for one in answers]
    winner = next(one for one in answers if one.status_code < 300)
    told = next(one for one in answers if one.status_code == 409)
    assert told.json()["code"] and len(told.json()["title"]) > 10
    return winner, told


@pytest.fixture
def recommended(project: Project, people: dict[str, Any]) -> Case:
    case = cases.submit(user=people["lin"], project=project, route=routes.current(code="filing"))
    cases.act(
        user=people["reform"], step=case.steps.get(task__code="recommend"), outcome="approve", reason="fine"
    )
    return case


def test_two_decide_at_once(recommended, people, person):
    other = person("qian.wu", "approver")
    address = f"/api/v1/cases/{recommended.ref}/steps/decide/"
    answers = at_once(
        post(people["zhao"], address, {"outcome": "approve", "reason": "yes"}),
        post(other, address, {"outcome": "refuse", "reason": "no"}),
    )
    winner, told = one_won(answers)
    assert told.json()["code"] == "step-not-open"
    step = recommended.steps.get(task__code="decide")
    assert step.state == StepState.DONE
    recommended.refresh_from_db()
    project = Project.objects.get(pk=recommended.project_id)
    assert (recommended.state, project.state) in {("approved", "approved"), ("refused", "refused")}
    assert winner.json()["state"] == recommended.state


def test_a_decision_and_a_withdrawal_at_once(recommended, people):
    answers = at_once(
        post(people["zhao"], f"/api/v1/cases/{recommended.ref}/steps/decide/", {"outcome": "approve", "reason": "yes"}),
        post(people["lin"], f"/api/v1/cases/{recommended.ref}/withdraw/", {"reason": "not now"}),
    )  # fmt: skip
    one_won(answers)
    recommended.refresh_from_db()
    project = Project.objects.get(pk=recommended.project_id)
    assert (recommended.state, project.state) in {("approved", "approved"), ("withdrawn", "withdrawn")}
    assert not recommended.steps.filter(state=StepState.OPEN).exists()


def test_the_same_project_is_handed_in_twice_at_once(project, people):
    address = f"/api/v1/projects/{project.ref}/submit/"
    one_won(at_once(*[post(people["lin"], address, {"route": "filing"}) for _ in range(2)]))
    assert (Case.objects.count(), Submission.objects.count()) == (1, 1)


def test_a_returned_case_is_handed_in_again_twice_at_once(recommended, people):
    step = recommended.steps.get(task__code="decide")
    cases.act(user=people["zhao"], step=step, outcome="return", reason="a plan", items=["a plan of exits"])
    cases.answer(user=people["lin"], item=ReturnItem.objects.get(), text="added")
    address = f"/api/v1/cases/{recommended.ref}/resubmit/"
    _winner, told = one_won(at_once(post(people["lin"], address), post(people["lin"], address)))
    assert told.json()["code"] == "not-returned"
    recommended.refresh_from_db()
    assert (recommended.round, recommended.state) == (2, CaseState.OPEN)
    assert Step.objects.filter(case=recommended, round=2).count() == 2
    assert Submission.objects.filter(case=recommended).count() == 2
    assert not Evidence.objects.filter(case=recommended, round=3).exists()


def test_two_say_at_once_that_a_condition_is_met(recommended, people, person):
    step = recommended.steps.get(task__code="decide")
    cases.act(
        user=people["zhao"], step=step, outcome="conditions", reason="yes", conditions=[("a second water source", None)]
    )  # fmt: skip
    condition = Condition.objects.get()
    address = f"/api/v1/projects/{recommended.project.ref}/conditions/{condition.pk}/settle/"
    winner, told = one_won(
        at_once(post(people["wang"], address, {"note": "seen"}), post(people["housing"], address, {"note": "photo"}))
    )  # fmt: skip
    assert told.json()["code"] == "condition-not-open"
    condition.refresh_from_db()
    assert (condition.state, condition.note) == (ConditionState.MET, winner.json()["note"])


def test_two_departments_answer_side_by_side_at_once_and_both_count(project, people):
    case = cases.submit(user=people["lin"], project=project, route=routes.current(code="verification"))
    cases.act(user=people["reform"], step=case.steps.get(task__code="completeness"), outcome="done")
    rest = case.steps.get(task__code="emergency")
    cases.act(user=people["emergency"], step=rest, outcome="agree")
    answers = at_once(
        post(people["housing"], f"/api/v1/cases/{case.ref}/steps/housing/", {"outcome": "agree"}),
        post(people["natural_resources"], f"/api/v1/cases/{case.ref}/steps/natural-resources/", {"outcome": "agree"}),
    )  # fmt: skip
    assert [one.status_code for one in answers] == [200, 200]
    # The next task is open, once, although neither saw the other's answer when it began.
    assert case.steps.get(task__code="recommend").state == StepState.OPEN
    assert case.steps.filter(state=StepState.OPEN).count() == 1
