"""Every path of every shipped route is walked, by the service and over HTTP: no dead end, no illegal move, no way round two
people."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from core.errors import DomainError, Forbidden
from projects.choices import OUTCOMES, CaseState, Outcome, ProjectState, StepState, TaskKind
from projects.models import Case, Condition, Deputy, Project, ReturnItem, Route, Step, Tranche
from projects.selectors import officers
from projects.services import cases, routes
from tests.projects.walking import FINAL, ByApi, ByService, Refused, Walk, said

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("hands", [ByService, ByApi])
@pytest.mark.parametrize(("code", "fewest"), [("approval", 30), ("verification", 24), ("filing", 10)])
def test_every_path_of_a_route_ends_in_a_decision_a_return_or_a_withdrawal(
    code: str, fewest: int, hands: Any, project: Project, people: dict[str, Any]
):
    walk = Walk(hands(), people)
    if hands is ByApi and code == "approval":
        # The longest route over HTTP once; the other routes show there that a second round is like the first.
        walk.last_round, fewest = 1, fewest // 2
    case = walk.hands.submit(people["lin"], project, routes.current(code=code))
    walk.walk(case)
    assert walk.ends == FINAL | {CaseState.OPEN, CaseState.RETURNED}
    assert len(walk.seen) >= fewest


@pytest.fixture
def tranche(project: Project, people: dict[str, Any]) -> Tranche:
    """The first of two tranches of an approved project, with nothing in its way."""
    for number, amount in enumerate((10_000_000_00, 14_600_000_00), start=1):
        Tranche.objects.create(
            project=project, number=number, name=f"T{number}", amount_fen=amount, final=number == 2
        )
    case = cases.submit(user=people["lin"], project=project, route=routes.current(code="filing"))
    for name, code, outcome in (("reform", "recommend", "approve"), ("zhao", "decide", "approve")):
        cases.act(user=people[name], step=case.steps.get(task__code=code), outcome=outcome, reason="as seen")
    return Tranche.objects.select_related("project").get(project=project, number=1)


@pytest.mark.parametrize("blocked", [False, True])
@pytest.mark.parametrize("hands", [ByService, ByApi])
def test_every_path_of_a_release_keeps_an_open_condition_unless_two_officers_say_although(
    hands: Any, blocked: bool, tranche: Tranche, people: dict[str, Any]
):
    if blocked:
        step = Step.objects.get(task__code="decide", case__tranche=None)
        tranche.conditions.add(
            Condition.objects.create(project=tranche.project, step=step, text="a second water source")
        )
    walk = ReleaseWalk(hands(), people, blocked)
    case = cases.ask_release(user=people["lin"], tranche=tranche)
    walk.walk(case)
    assert walk.ends >= {CaseState.OPEN, CaseState.RETURNED, CaseState.REFUSED, CaseState.WITHDRAWN}
    assert (CaseState.APPROVED in walk.ends) is not blocked
    assert walk.ends & {CaseState.CONDITIONAL}, "two officers can say although"


class ReleaseWalk(Walk):
    """A decision on a blocked tranche is refused where the recommendation did not say “although” too."""

    def __init__(self, hands: Any, people: dict[str, Any], blocked: bool) -> None:
        super().__init__(_Lenient(hands, blocked), people)


class _Lenient:
    """Passes every move on. What the tranche's open condition refuses is expected, and then nothing has moved."""

    def __init__(self, hands: Any, blocked: bool) -> None:
        self.hands, self.blocked = hands, blocked

    def __getattr__(self, name: str) -> Any:
        return getattr(self.hands, name)

    def act(self, user: Any, step: Step, outcome: str, **more: Any) -> None:
        freed = step.task.kind == TaskKind.DECIDE and outcome in (Outcome.APPROVE, Outcome.CONDITIONS)
        step.refresh_from_db()
        recommended = Step.objects.filter(
            case=step.case, round=step.round, task__kind=TaskKind.RECOMMEND, state=StepState.DONE
        ).first()
        both = (
            recommended is not None
            and recommended.outcome == Outcome.CONDITIONS
            and outcome == Outcome.CONDITIONS
        )
        may = step.state == StepState.OPEN and officers.standing(user, step).may
        if not (self.blocked and freed and may and not both):
            self.hands.act(user, step, outcome, **more)
            return
        with pytest.raises(Refused, match="tranche-blocked"):
            self.hands.act(user, step, outcome, **more)
        step.refresh_from_db()
        assert step.state == StepState.OPEN
        assert not hasattr(Tranche.objects.get(pk=step.case.tranche_id), "release")


def test_tasks_side_by_side_may_be_answered_in_any_order(project: Project, people: dict[str, Any]):
    """The walk takes them in one order; 8 random walks of two routes take any, with any answer, and end as well."""
    ends = set()
    for seed in range(8):
        dice = random.Random(seed)
        with transaction.atomic():
            code = dice.choice(["verification", "filing"])
            case = cases.submit(
                user=people["lin"],
                project=Project.objects.get(pk=project.pk),
                route=routes.current(code=code),
            )
            for _move in range(80):
                case.refresh_from_db()
                if case.state in FINAL:
                    break
                _random_move(case, people, dice)
            assert case.state in FINAL, seed
            left = case.steps.filter(state__in=[StepState.OPEN, StepState.WAITING])
            assert not left.exists()
            ends.add(case.state)
            transaction.set_rollback(True)
    assert len(ends) >= 2


def _random_move(case: Case, people: dict[str, Any], dice: random.Random) -> None:
    if case.state == CaseState.RETURNED:
        if dice.random() < 0.1:
            cases.withdraw(user=people["lin"], case=case, reason="no")
            return
        for item in ReturnItem.objects.filter(step__case=case, step__round=case.round):
            cases.answer(user=people["lin"], item=item, text="done")
        cases.resubmit(user=people["lin"], case=case)
        return
    todo = list(
        case.steps.filter(round=case.round, state=StepState.OPEN).select_related("task", "case__project")
    )
    step = dice.choice(todo)
    able = [one for one in people.values() if officers.standing(one, step).may]
    assert able, step.task.code
    # Mostly forward, so that walks reach a decision within their moves.
    outcome = OUTCOMES[step.task.kind][0] if dice.random() < 0.7 else dice.choice(OUTCOMES[step.task.kind])
    cases.act(user=dice.choice(able), step=step, outcome=outcome, **said(outcome))


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


# --- no way round two people -----------------------------------------------------------------------


@pytest.fixture
def recommended(project: Project, people: dict[str, Any]) -> Case:
    """A filing that reform has recommended: only the decision is left."""
    case = cases.submit(user=people["lin"], project=project, route=routes.current(code="filing"))
    cases.act(
        user=people["reform"], step=case.steps.get(task__code="recommend"), outcome="approve", reason="fine"
    )
    return case


def _decide(user: Any, case: Case) -> Step:
    return cases.act(user=user, step=case.steps.get(task__code="decide"), outcome="approve", reason="yes")


def test_whoever_recommended_does_not_decide_even_with_the_role(recommended, person, people):
    person("officer.reform", "approver")
    with pytest.raises(Forbidden, match="two different people"):
        _decide(people["reform"], recommended)


def test_an_administrator_without_the_role_decides_nothing(recommended, people, django_user_model):
    root = django_user_model.objects.create_superuser(username="root", password="not-a-secret")
    with pytest.raises(Forbidden):
        _decide(root, recommended)


def test_neither_a_drafter_nor_a_recommender_comes_back_as_a_deputy(recommended, people):
    today = timezone.localdate()
    for name, code in (("lin", "drafter-may-not"), ("reform", "two-people")):
        Deputy.objects.create(
            principal=people["zhao"],
            deputy=people[name],
            valid_from=today,
            valid_to=today + timedelta(days=3),
        )
        assert officers.standing(people[name], recommended.steps.get(task__code="decide")).refused == code
        with pytest.raises(Forbidden):
            _decide(people[name], recommended)


def test_a_deputy_of_who_recommended_does_not_decide_for_the_approver(recommended, person, people):
    """Who stands for somebody shares that person's hand: neither the deputy nor the one represented is on both sides."""
    today = timezone.localdate()
    sun = person("sun.li")
    person("officer.reform", "approver")
    Deputy.objects.create(principal=people["reform"], deputy=sun, valid_from=today, valid_to=today)
    with pytest.raises(Forbidden, match="two different people"):
        _decide(sun, recommended)
    Deputy.objects.create(principal=people["zhao"], deputy=sun, valid_from=today, valid_to=today)
    assert _decide(sun, recommended).done_for == people["zhao"]


@pytest.mark.parametrize("who", ["lin", "reform"])
def test_sql_does_not_decide_for_a_hand_that_was_there(recommended, people, who):
    step = recommended.steps.get(task__code="decide")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "update projects_step set state = 'done', outcome = 'approve', done_at = now(), done_by_id = %s where id = %s",
            [people[who].pk, step.pk],
        )


def test_sql_does_not_approve_a_case_without_its_decision_nor_a_project_without_its_case(recommended, people):
    for statement in (
        "update projects_case set state = 'approved' where id = %s",
        "update projects_project set state = 'approved' where id = (select project_id from projects_case where id = %s)",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [recommended.pk])


# --- the investment code ---------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["approval", "verification", "filing"])
def test_no_route_approves_a_project_without_its_investment_code(code, project, people):
    Project.objects.filter(pk=project.pk).update(investment_code="")
    project.refresh_from_db()
    case = cases.submit(user=people["lin"], project=project, route=routes.current(code=code))
    while (
        step := case.steps.filter(round=1, state=StepState.OPEN).exclude(task__kind=TaskKind.DECIDE).first()
    ):
        able = next(one for one in people.values() if officers.standing(one, step).may)
        cases.act(user=able, step=step, outcome=OUTCOMES[step.task.kind][0], reason="fine")
    with pytest.raises(DomainError) as refused:
        _decide(people["zhao"], case)
    assert refused.value.code == "investment-code-missing"
    with pytest.raises(DomainError) as wrong:
        cases.enter_code(user=people["lin"], project=project, code="2613-510104-04-01-482917")
    assert wrong.value.code == "bad-investment-code"
    cases.enter_code(user=people["lin"], project=project, code="２６０３-510104-04-01-482917")
    _decide(people["zhao"], case)
    project.refresh_from_db()
    assert (project.state, project.investment_code) == ("approved", "2603-510104-04-01-482917")
    with pytest.raises(DomainError, match="has an investment code"):
        cases.enter_code(user=people["lin"], project=project, code="2604-510104-04-01-482917")
    with pytest.raises(IntegrityError), transaction.atomic():
        Project.objects.filter(pk=project.pk).update(investment_code="")


# --- what a recommendation leads to ----------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["return", "refuse", "conditions"])
def test_whatever_is_recommended_the_decision_is_free(outcome, project, people):
    case = cases.submit(user=people["lin"], project=project, route=routes.current(code="filing"))
    more = said(outcome)
    cases.act(user=people["reform"], step=case.steps.get(task__code="recommend"), outcome=outcome, **more)
    # Proposed, not asked: it binds nobody until the decision takes it up.
    assert not Condition.objects.exists()
    assert case.steps.get(task__code="recommend").proposed == (
        [["a second water source", None]] if outcome == "conditions" else []
    )
    _decide(people["zhao"], case)
    case.refresh_from_db()
    assert case.state == CaseState.APPROVED
