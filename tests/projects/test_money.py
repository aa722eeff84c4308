"""Sums and locks that hold on any path: page, program, administrator, raw SQL."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from core.errors import DomainError, Forbidden
from planning.choices import FundSource
from projects.choices import Outcome
from projects.models import (
    BudgetLine,
    Case,
    Condition,
    Milestone,
    Payment,
    Project,
    Release,
    Tranche,
)
from projects.services import cases, money, routes
from tests.projects.money_steps import commission, through, try_conversion

pytestmark = pytest.mark.django_db


@pytest.fixture
def approved(project: Project, people: dict[str, Any], approval: Any) -> Project:
    Tranche.objects.create(project=project, number=1, name="合同签订", amount_fen=10_000_000_00)
    Tranche.objects.create(
        project=project, number=2, name="验收并通过首次演练", amount_fen=14_600_000_00, final=True
    )
    case = cases.submit(user=people["lin"], project=project, route=approval)
    through(case, people, Outcome.CONDITIONS, conditions=[("接入第二水源", date(2026, 12, 15))])
    project.refresh_from_db()
    assert project.state == "approved"
    return project


def ask(tranche: Tranche, people: dict[str, Any]) -> Case:
    return cases.ask_release(user=people["lin"], tranche=tranche)


def test_a_condition_of_the_approval_holds_the_first_tranche_until_it_is_met(approved, people):
    first = approved.tranches.get(number=1)
    assert [one.text for one in first.conditions.all()] == ["接入第二水源"]
    with pytest.raises(DomainError, match="第二水源") as refused:
        through(ask(first, people), people)
    assert refused.value.code == "tranche-blocked"
    assert not Release.objects.exists()
    condition = Condition.objects.get()
    with pytest.raises(Forbidden):
        cases.settle_condition(user=people["lin"], condition=condition, note="done")
    cases.settle_condition(user=people["wang"], condition=condition, note="竣工照片 P-12，现场查看")
    case = Case.objects.get(tranche=first)
    through(case, people)
    release = Release.objects.get()
    assert release.amount_fen == 10_000_000_00
    assert (release.recommended_by, release.decided_by, release.override_by) == (
        people["wang"],
        people["zhao"],
        None,
    )


def test_two_officers_with_reasons_may_release_although_something_is_open(approved, people):
    first = approved.tranches.get(number=1)
    through(
        ask(first, people), people, Outcome.CONDITIONS, recommended=Outcome.CONDITIONS,
        conditions=[("水源接通后补交照片", date(2026, 12, 20))],
    )  # fmt: skip
    release = Release.objects.get()
    assert release.override_by == people["wang"]
    assert release.override_reason == "as seen / as seen"


def test_the_last_tranche_needs_a_passed_conversion_check_and_no_two_officers_go_round_it(approved, people):
    last = approved.tranches.get(number=2)
    case = ask(last, people)
    with pytest.raises(DomainError, match="conversion check"):
        through(
            case, people, Outcome.CONDITIONS, recommended=Outcome.CONDITIONS, conditions=[("later", None)]
        )
    handed = commission(approved, people, passed=False)
    with pytest.raises(DomainError, match="conversion check"):
        through(case, people)
    try_conversion(handed, people, passed=True)
    through(case, people)
    assert Release.objects.get().amount_fen == 14_600_000_00


def test_a_release_by_hand_is_refused_by_the_database(approved, people):
    first = approved.tranches.get(number=1)
    Condition.objects.update(state="met", settled_by=people["wang"], note="seen")
    said = {"tranche": first, "amount_fen": 1_00, "recommended_by": people["wang"], "decided_by": people["zhao"], "released_at": timezone.now()}  # fmt: skip
    with pytest.raises(DatabaseError, match="by the decision on it"), transaction.atomic():
        Release.objects.create(**said)
    through(ask(first, people), people)
    for sql in ("update projects_release set amount_fen = 1", "delete from projects_release"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


def test_payments_never_pass_what_was_released_and_a_mistake_is_a_second_row(approved, people):
    first = approved.tranches.get(number=1)
    day = date(2026, 11, 20)
    with pytest.raises(DomainError, match="no more is paid than was released"):
        money.pay(user=people["wang"], tranche=first, amount_fen=1, payee="锦江城投", paid_on=day, key="a")
    cases.settle_condition(user=people["wang"], condition=Condition.objects.get(), note="seen")
    through(ask(first, people), people)
    paid = money.pay(
        user=people["wang"], tranche=first, amount_fen=10_000_000_00, payee="锦江城投", paid_on=day, key="b"
    )
    twice = money.pay(
        user=people["wang"], tranche=first, amount_fen=10_000_000_00, payee="锦江城投", paid_on=day, key="b"
    )
    assert twice == paid
    assert Payment.objects.count() == 1
    with pytest.raises(DomainError, match="no more is paid"):
        money.pay(user=people["wang"], tranche=first, amount_fen=1, payee="锦江城投", paid_on=day, key="c")
    money.take_back(user=people["wang"], payment=paid, amount_fen=4_00, key="d", reason="重复计价")
    assert money.totals(approved)["paid_fen"] == 10_000_000_00 - 4_00
    with pytest.raises(DomainError, match="taken back"):
        money.take_back(
            user=people["wang"], payment=paid, amount_fen=paid.amount_fen, key="e", reason="again"
        )
    money.take_back(user=people["wang"], payment=paid, key="f", reason="the rest")
    assert money.totals(approved)["paid_fen"] == 0
    with pytest.raises(DatabaseError), transaction.atomic():
        Payment.objects.filter(pk=paid.pk).update(amount_fen=1)


def test_lines_add_up_to_the_approved_total_whoever_changes_them(approved, people):
    money.set_lines(
        user=people["wang"], project=approved, lines=[(2027, FundSource.LOCAL, approved.approved_fen)]
    )
    with pytest.raises(DomainError, match="another amount"):
        money.set_lines(user=people["wang"], project=approved, lines=[(2027, FundSource.LOCAL, 1)])
    with pytest.raises(DatabaseError, match="add up"), transaction.atomic():
        BudgetLine.objects.update(amount_fen=5)
        with connection.cursor() as cursor:
            cursor.execute("set constraints all immediate")
    with pytest.raises(DatabaseError, match="stays"), transaction.atomic():
        Project.objects.filter(pk=approved.pk).update(approved_fen=1)


def test_a_project_is_not_handed_in_while_its_lines_do_not_cover_its_cost(project, people, approval):
    money.set_lines(user=people["lin"], project=project, lines=[(2026, FundSource.LOCAL, 1)])
    with pytest.raises(DomainError, match="budget lines"):
        cases.submit(user=people["lin"], project=project, route=approval)


def test_a_milestone_is_seen_by_another_than_who_reports_it(project, people):
    said = {"project": project, "number": 1, "name": "主体完成", "planned_on": date(2027, 1, 1)}
    with pytest.raises(DatabaseError), transaction.atomic():
        Milestone.objects.create(**said, reached_on=date(2027, 1, 2), seen_by=people["wang"])
    with pytest.raises(DatabaseError), transaction.atomic():
        Milestone.objects.create(
            **said, reported_by=people["wang"], reached_on=date(2027, 1, 2), seen_by=people["wang"]
        )


def test_an_open_condition_is_not_untied_and_a_settled_one_does_not_open_again(approved, people):
    first = approved.tranches.get(number=1)
    with pytest.raises(DatabaseError, match="untied"), transaction.atomic():
        first.conditions.clear()
    condition = Condition.objects.get()
    with pytest.raises(DatabaseError), transaction.atomic():
        Condition.objects.update(state="waived")
    cases.settle_condition(user=people["wang"], condition=condition, note="seen")
    with pytest.raises(DatabaseError), transaction.atomic():
        Condition.objects.update(state="open")


def test_nobody_writes_approved_into_a_case_or_a_project(project, people, approval):
    with pytest.raises(DatabaseError, match="by its case"), transaction.atomic():
        Project.objects.filter(pk=project.pk).update(state="approved")
    case = cases.submit(user=people["lin"], project=project, route=approval)
    with pytest.raises(DatabaseError, match="by its decision"), transaction.atomic():
        Case.objects.filter(pk=case.pk).update(state="approved")
    assert routes.current(code="release").for_tranche
