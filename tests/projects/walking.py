"""Walks every path of a route, by the service or over HTTP: the same walk, two kinds of hands.

Tasks that are open side by side commute: which of them is answered first changes nothing of what can follow. So the walk
takes them in one order and tries every answer of the first; that the order does not matter is tested by itself with random
orders (test_every_path.py). Two rounds are walked: the third is like the second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import pytest
from django.db import IntegrityError, transaction
from rest_framework.test import APIClient

from core.errors import DomainError
from projects.choices import OUTCOMES, CaseState, Outcome, StepState, TaskKind
from projects.models import Case, Project, ReturnItem, Route, Step
from projects.selectors import officers
from projects.services import cases

LAST_ROUND = 2
FINAL = {CaseState.APPROVED, CaseState.CONDITIONAL, CaseState.REFUSED, CaseState.WITHDRAWN}


class Undo(Exception):
    """Ends a branch: everything it did is taken back."""


class Refused(Exception):
    """A move that was refused, with its code, however it was made."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Hands(Protocol):
    def submit(self, user: Any, project: Project, route: Route) -> Case: ...
    def act(self, user: Any, step: Step, outcome: str, **said: Any) -> None: ...
    def answer(self, user: Any, item: ReturnItem, text: str) -> None: ...
    def resubmit(self, user: Any, case: Case) -> None: ...
    def withdraw(self, user: Any, case: Case, reason: str) -> None: ...


class ByService:
    def _do(self, call: Callable[..., Any], **said: Any) -> Any:
        try:
            return call(**said)
        except DomainError as refused:
            raise Refused(refused.code) from refused

    def submit(self, user: Any, project: Project, route: Route) -> Case:
        return self._do(cases.submit, user=user, project=project, route=route)

    def act(self, user: Any, step: Step, outcome: str, **said: Any) -> None:
        self._do(cases.act, user=user, step=step, outcome=outcome, **said)

    def answer(self, user: Any, item: ReturnItem, text: str) -> None:
        self._do(cases.answer, user=user, item=item, text=text)

    def resubmit(self, user: Any, case: Case) -> None:
        self._do(cases.resubmit, user=user, case=case)

    def withdraw(self, user: Any, case: Case, reason: str) -> None:
        self._do(cases.withdraw, user=user, case=case, reason=reason)


class ByApi:
    """The same over HTTP: what is refused is a problem document with a code and a sentence."""

    def __init__(self) -> None:
        self.clients: dict[int, APIClient] = {}

    def _post(self, user: Any, address: str, said: dict[str, Any] | None = None) -> Any:
        client = self.clients.setdefault(user.pk, APIClient())
        client.force_authenticate(user)
        answer = client.post(address, said or {}, format="json")
        if answer.status_code >= 400:
            problem = answer.json()
            assert answer.status_code in (403, 404, 409, 422), problem
            assert answer.headers["Content-Type"].startswith("application/problem+json")
            assert problem["title"] and problem["code"]
            raise Refused(problem["code"])
        return answer.json()

    def submit(self, user: Any, project: Project, route: Route) -> Case:
        made = self._post(user, f"/api/v1/projects/{project.ref}/submit/", {"route": route.code})
        return Case.objects.get(ref=made["ref"])

    def act(self, user: Any, step: Step, outcome: str, **said: Any) -> None:
        said["conditions"] = [{"text": text, "due_on": due} for text, due in said.get("conditions", [])]
        self._post(
            user, f"/api/v1/cases/{step.case.ref}/steps/{step.task.code}/", {"outcome": outcome, **said}
        )

    def answer(self, user: Any, item: ReturnItem, text: str) -> None:
        self._post(user, f"/api/v1/cases/{item.step.case.ref}/answer/", {"item": item.pk, "text": text})

    def resubmit(self, user: Any, case: Case) -> None:
        self._post(user, f"/api/v1/cases/{case.ref}/resubmit/")

    def withdraw(self, user: Any, case: Case, reason: str) -> None:
        self._post(user, f"/api/v1/cases/{case.ref}/withdraw/", {"reason": reason})


def said(outcome: str) -> dict[str, Any]:
    more: dict[str, Any] = {"reason": "because"}
    if outcome == Outcome.RETURN:
        more["items"] = ["a plan of the exits"]
    if outcome == Outcome.CONDITIONS:
        more["conditions"] = [("a second water source", None)]
    return more


def key_of(case: Case) -> tuple[Any, ...]:
    steps = case.steps.filter(round=case.round).values_list("task__stage__code", "task__code", "state")
    conditions = case.project.conditions.filter(step__case=case, state="open").exists()
    proposed = case.steps.filter(round=case.round, task__kind=TaskKind.RECOMMEND).values_list(
        "outcome", flat=True
    )
    # What was recommended opens the same decision, but a tranche is freed by it otherwise.
    override = case.tranche_id is not None and Outcome.CONDITIONS in proposed
    return case.state, case.round, conditions, override, tuple(sorted(steps))


def officer_for(step: Step, people: dict[str, Any]) -> Any:
    """Somebody who may do it, as the rule of two stands."""
    return next((one for one in people.values() if officers.standing(one, step).may), None)


class Walk:
    """One walk of one route. `seen`: states that were reached; `tried`: tasks at whose door everybody else has knocked."""

    def __init__(self, hands: Hands, people: dict[str, Any]) -> None:
        self.hands, self.people = hands, people
        # Over HTTP everybody knocks at each door once; by the service in every round.
        self.every_round = isinstance(hands, ByService)
        self.last_round = LAST_ROUND
        self.seen: set[tuple[Any, ...]] = set()
        self.tried: set[tuple[int, int]] = set()
        self.ends: set[str] = set()

    def walk(self, case: Case) -> None:
        case.refresh_from_db()
        key = key_of(case)
        if key in self.seen:
            return
        self.seen.add(key)
        self.ends.add(case.state)
        now = list(case.steps.filter(round=case.round).select_related("task__stage", "case__project"))
        lin = self.people["lin"]
        if case.state in FINAL:
            assert not [step for step in now if step.state in (StepState.OPEN, StepState.WAITING)]
            for move in (
                lambda: self.hands.withdraw(lin, case, "too late"),
                lambda: self.hands.resubmit(lin, case),
            ):
                with pytest.raises(Refused):
                    move()
            return
        branches: list[Callable[[], None]] = [lambda: self.hands.withdraw(lin, case, "not now")]
        if case.state == CaseState.RETURNED:
            if case.round < self.last_round:
                branches.append(lambda: self.again(case))
        else:
            todo = sorted(
                (step for step in now if step.state == StepState.OPEN), key=lambda step: step.task.code
            )
            assert todo, "an open case in which nobody has anything to do"
            for step in todo:
                door = (step.task_id, case.round if self.every_round else 0)
                if door not in self.tried:
                    self.tried.add(door)
                    self.nobody_else(step)
            first = todo[0]
            one = officer_for(first, self.people)
            assert one is not None, f"nobody may do {first.task.code}"
            branches += [
                lambda outcome=outcome: self.hands.act(one, first, outcome, **said(outcome))  # type: ignore[misc]
                for outcome in OUTCOMES[first.task.kind]
            ]
            self.only_open_ones(now)
        for branch in branches:
            try:
                with transaction.atomic():
                    branch()
                    self.walk(Case.objects.select_related("project", "tranche").get(pk=case.pk))
                    raise Undo
            except Undo:
                pass

    def again(self, case: Case) -> None:
        lin = self.people["lin"]
        with pytest.raises(Refused, match="items-open"):
            self.hands.resubmit(lin, case)
        for item in ReturnItem.objects.filter(step__case=case, step__round=case.round).select_related(
            "step__case__project", "step__task"
        ):
            self.hands.answer(lin, item, "added")
        self.hands.resubmit(lin, case)

    def only_open_ones(self, now: list[Step]) -> None:
        """No illegal transition: a task that is not open is nobody's."""
        closed = next((step for step in now if step.state != StepState.OPEN), None)
        if closed is not None:
            with pytest.raises(Refused, match="step-not-open"):
                outcome = OUTCOMES[closed.task.kind][0]
                self.hands.act(self.people["wang"], closed, outcome, reason="now")

    def nobody_else(self, step: Step) -> None:
        """Who may not do it is refused, and a hand of two people by the database as well."""
        for name, one in self.people.items():
            if officers.standing(one, step).may:
                continue
            with pytest.raises(Refused):
                self.hands.act(one, step, OUTCOMES[step.task.kind][0], reason="let me")
            step.refresh_from_db()
            assert step.state == StepState.OPEN, name
        if step.task.kind in (TaskKind.RECOMMEND, TaskKind.DECIDE):
            with pytest.raises(IntegrityError), transaction.atomic():
                Step.objects.filter(pk=step.pk).update(
                    state=StepState.DONE, outcome=Outcome.APPROVE, done_by=self.people["lin"], done_at=step.opened_at
                )  # fmt: skip
