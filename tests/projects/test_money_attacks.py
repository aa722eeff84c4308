"""Release is impossible on any path while something it waits for is open, except by two officers with a reason; sums hold.

Everything here tries to go round that: pages, API, commands, Django's admin as a superuser, bulk writes, raw SQL, tricks with
deferred constraints and savepoints, and two sessions at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from core.errors import DomainError, Forbidden
from planning.choices import FundSource
from projects.choices import Outcome
from projects.models import (
    BudgetLine,
    Case,
    Condition,
    Contract,
    Milestone,
    Payment,
    Project,
    Release,
    Step,
    Tranche,
)
from projects.services import cases, money, ties
from tests.projects.money_steps import (
    PARTS,
    approve,
    ask,
    commission,
    planned,
    reach,
    release,
    settle,
    through,
    tranche,
)

pytestmark = pytest.mark.django_db
TODAY = date(2026, 10, 1)


@pytest.fixture
def approved(project, people, approval) -> Project:
    return approve(project, people, approval)


def sql(text: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(text, values)
        cursor.execute("set constraints all immediate")


def refused(text: str, *values: Any, why: str | None = None) -> None:
    with pytest.raises(DatabaseError, match=why):
        sql(text, *values)


def row(project: Project, people: dict[str, Any], number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "tranche": tranche(project, number), "amount_fen": 1_00, "recommended_by": people["wang"],
        "decided_by": people["zhao"], "released_at": timezone.now(),
    } | more  # fmt: skip


def decide(case: Case, people: dict[str, Any]) -> Step:
    """Everything on the case but the decision."""
    from projects.selectors import officers

    while True:
        step = case.steps.filter(round=case.round, state="open").select_related("task").first()
        if step.task.kind == "decide":
            return step
        one = next(one for one in people.values() if officers.standing(one, step).may)
        cases.act(user=one, step=step, outcome="approve" if step.task.kind == "recommend" else {"check": "done"}.get(step.task.kind, "agree"), reason="x")  # fmt: skip


# --- while a condition or a milestone is open ------------------------------------------------------


def test_page_api_and_command_do_not_release_while_a_condition_is_open(approved, people):
    case = ask(approved, 1, people)
    step = decide(case, people)
    page = Client()
    page.force_login(people["zhao"])
    address = reverse("case_step", args=[case.ref, step.task.code])
    page.post(address, {"outcome": "approve", "reason": "x", "go": "yes"})
    api = APIClient()
    api.force_authenticate(people["zhao"])
    said = api.post(
        f"/api/v1/cases/{case.ref}/steps/decide/", {"outcome": "approve", "reason": "x"}, format="json"
    )
    assert said.status_code == 409
    assert said.json()["code"] == "tranche-blocked"
    with pytest.raises(CommandError, match="tranche-blocked"):
        call_command("project", "act", case.ref, "decide", "approve", "--reason", "x", "--as", "zhao.min")
    # conditions said by the second officer alone are not two officers
    said = api.post(
        f"/api/v1/cases/{case.ref}/steps/decide/",
        {"outcome": "conditions", "reason": "x", "conditions": [{"text": "later"}]}, format="json",
    )  # fmt: skip
    assert said.json()["code"] == "tranche-blocked"
    assert not Release.objects.exists()
    assert Case.objects.get(pk=case.pk).state == "open"


def test_a_superuser_goes_round_nothing(approved, people):
    boss = get_user_model().objects.create_superuser("root", "root@example.org", "x")
    case = ask(approved, 1, people)
    step = decide(case, people)
    with pytest.raises(DomainError):
        cases.act(user=boss, step=step, outcome="approve", reason="I may")
    assert not Release.objects.exists()
    request = type("Request", (), {"user": boss})()
    ours = set(apps.get_app_config("projects").get_models())
    for model, site in admin.site._registry.items():
        if model in ours:
            assert not site.has_add_permission(request)
            assert not site.has_change_permission(request)
            assert not site.has_delete_permission(request)
    client = Client()
    client.force_login(boss)
    for name in ("release", "payment", "tranche", "condition", "milestone", "contract", "budgetline"):
        assert client.post(f"/admin/projects/{name}/add/", {}).status_code in (403, 404)


def test_the_rows_of_a_release_are_refused_however_they_are_written(approved, people):
    case = ask(approved, 1, people)
    decide(case, people)
    for write in (
        lambda: Release.objects.create(**row(approved, people)),
        lambda: Release.objects.bulk_create([Release(**row(approved, people))]),
        lambda: Release.objects.create(**row(approved, people, override_by=people["wang"], override_reason="because")),
        lambda: Release.objects.create(**row(approved, people, override_by=people["lin"], override_reason="because")),
        lambda: Release.objects.bulk_create([Release(**row(approved, people, override_by=people["wang"], override_reason=" "))]),
    ):  # fmt: skip
        with pytest.raises(DatabaseError), transaction.atomic():
            write()
    refused(
        "insert into projects_release (tranche_id, amount_fen, recommended_by_id, decided_by_id, override_reason, released_at)"
        " select %s, 100, %s, %s, '', now()", tranche(approved, 1).pk, people["wang"].pk, people["zhao"].pk,
    )  # fmt: skip
    assert not Release.objects.exists()


def test_an_open_milestone_holds_its_tranche_as_a_condition_does(approved, people):
    release(approved, 1, people)
    case = ask(approved, 2, people)
    with pytest.raises(DomainError, match="主体完成"):
        through(case, people)
    reach(approved, 1, people)
    through(case, people)
    assert Release.objects.count() == 2


UNDER_IT = [
    "update projects_condition set state = 'waived', settled_by_id = %(wang)s, note = 'x'",
    "update projects_condition set state = 'met', settled_by_id = %(lin)s, note = 'x'",
    "update projects_condition set state = 'met', settled_by_id = null, note = 'x'",
    "update projects_condition set text = 'nothing'",
    "update projects_condition set project_id = project_id + 1",
    "delete from projects_condition",
    "delete from projects_tranche_conditions",
    "delete from projects_tranche_milestones",
    "update projects_tranche_conditions set tranche_id = %(second)s",
    "update projects_tranche_milestones set tranche_id = %(first)s",
    "update projects_tranche set final = false",
    "update projects_tranche set amount_fen = amount_fen + 1",
    "update projects_tranche set number = number + 10",
    "delete from projects_tranche where number = 3",
    "insert into projects_tranche (project_id, number, name, name_en, amount_fen, final) values (%(project)s, 9, 'x', '', 1, false)",
    "update projects_milestone set reached_on = current_date",
    "update projects_milestone set project_id = project_id + 1",
    "delete from projects_milestone",
    "update projects_project set approved_fen = approved_fen + 1",
    "update projects_project set approved_fen = null",
    "update projects_case set tranche_id = %(second)s where tranche_id is not null",
    "update projects_case set tranche_id = %(second)s where tranche_id is null",
    "update projects_case set route_id = (select max(id) from projects_route)",
    "update projects_step set state = 'open' where state = 'done'",
    "delete from projects_budgetline",
    "update projects_budgetline set amount_fen = amount_fen + 1",
    "update projects_budgetline set amount_fen = amount_fen + 1; set constraints all deferred; set constraints all immediate",
    "update projects_budgetline set project_id = (select max(id) from projects_project) where year = 2026",
]


def test_what_a_tranche_waits_for_is_not_changed_under_it(approved, people):
    ask(approved, 1, people)
    ids = {
        "wang": people["wang"].pk, "lin": people["lin"].pk, "first": tranche(approved, 1).pk, "second": tranche(approved, 2).pk,
        "project": approved.pk,
    }  # fmt: skip
    Project.objects.create(
        city=approved.city, ref="PJ-2", name="x", kind="convert", units=1, cost_fen=1, service=approved.service, point=approved.point,
    )  # fmt: skip
    for text in UNDER_IT:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(text, ids)
            cursor.execute("set constraints all immediate")
            pytest.fail(f"went through: {text}")


READ = [
    "update projects_project set cost_fen = cost_fen - 1",
    "update projects_project set units = units - 1",
    "update projects_project set state = 'draft'; delete from projects_tranche_milestones; delete from projects_tranche",
    "update projects_project set state = 'draft'; update projects_tranche set final = false",
    "update projects_project set state = 'draft'; insert into projects_tranche (project_id, number, name, name_en, amount_fen, final)"
    " select id, 4, 'x', '', 1, true from projects_project",
    "update projects_budgetline set year = 2030",
    "delete from projects_budgetline",
    "update projects_milestone set planned_on = planned_on + 400",
    "update projects_milestone set works_percent = 1",
    "update projects_project set state = 'draft'; delete from projects_tranche_milestones",
]  # fmt: skip


def test_what_is_being_decided_on_stays_as_it_was_handed_in(project, people, approval):
    cases.submit(user=people["lin"], project=planned(project, people), route=approval)
    for text in READ:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(text)
            cursor.execute("set constraints all immediate")
            pytest.fail(f"went through: {text}")


MONEY_TABLES = (
    "release", "payment", "budgetline", "tranche", "contract", "condition", "tranche_conditions", "tranche_milestones",
    "milestone", "conditionmove", "supplementaryagreement",
)  # fmt: skip


def test_no_table_of_money_is_emptied_in_one_stroke(approved):
    for table in MONEY_TABLES:
        with (
            pytest.raises(DatabaseError, match="not emptied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("set constraints all immediate")
            cursor.execute("set local pingji.may_truncate = ''")
            cursor.execute(f"truncate projects_{table} cascade")


def test_a_tie_that_goes_and_comes_back_inside_a_savepoint_frees_nothing(approved, people):
    with transaction.atomic():
        with pytest.raises(DatabaseError, match="untied"), transaction.atomic():
            tranche(approved, 1).conditions.clear()
        assert tranche(approved, 1).conditions.count() == 1
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set constraints all deferred")
        cursor.execute("savepoint a")
        cursor.execute("delete from projects_tranche_conditions")


def test_money_approved_by_hand_releases_nothing(project, people):
    planned(project, people)
    refused("update projects_project set approved_fen = cost_fen", why="by the case")
    refused("update projects_project set state = 'approved', approved_fen = cost_fen", why="case")


def test_two_rows_in_one_transaction_do_not_release_twice(approved, people):
    release(approved, 1, people)
    first = Release.objects.get()
    with pytest.raises(DatabaseError), transaction.atomic():
        Release.objects.create(**row(approved, people))
    refused("update projects_release set tranche_id = %s", tranche(approved, 2).pk)
    refused("delete from projects_release")
    refused(
        "insert into projects_release select * from projects_release on conflict (id) do update set amount_fen = 1"
    )
    assert Release.objects.get() == first
    assert first.amount_fen == PARTS[0]


# --- two officers ----------------------------------------------------------------------------------


def test_two_officers_pass_over_a_condition_and_it_holds_the_next_tranche(approved, people):
    through(
        ask(approved, 1, people), people, Outcome.CONDITIONS, recommended=Outcome.CONDITIONS,
        conditions=[("补交照片", None)],
    )  # fmt: skip
    made = Release.objects.get()
    assert made.override_by == people["wang"]
    assert made.decided_by == people["zhao"]
    held = {one.text for one in tranche(approved, 2).conditions.filter(state="open")}
    assert held == {"接入第二水源", "补交照片"}
    refused("delete from projects_tranche_conditions where tranche_id = %s", tranche(approved, 1).pk)


def test_a_condition_moves_only_when_one_asks_and_another_agrees(approved, people):
    condition = Condition.objects.get()
    said = {"condition": condition, "from_tranche": tranche(approved, 1), "to_tranche": tranche(approved, 2)}
    with pytest.raises(Forbidden):
        ties.ask_move(user=people["lin"], reason="later", **said)
    with pytest.raises(DomainError, match="why"):
        ties.ask_move(user=people["wang"], reason=" ", **said)
    move = ties.ask_move(user=people["wang"], reason="水源明年接通", **said)
    with pytest.raises(DomainError, match="already"):
        ties.ask_move(user=people["wang"], reason="again", **said)
    assert list(tranche(approved, 1).conditions.all()) == [condition]
    refused("delete from projects_tranche_conditions", why="untied")
    refused(
        "update projects_conditionmove set agreed = true, answered_by_id = asked_by_id, answered_at = now()"
    )
    refused(
        "update projects_conditionmove set agreed = true, answered_by_id = %s, answered_at = now()",
        people["lin"].pk,
    )
    with pytest.raises(Forbidden):
        ties.answer_move(user=people["wang"], move=move, agree=True, words="ok")
    ties.answer_move(user=people["zhao"], move=move, agree=True, words="同意")
    assert not tranche(approved, 1).conditions.exists()
    assert list(tranche(approved, 2).conditions.all()) == [condition]
    with pytest.raises(DomainError, match="answered already"):
        ties.answer_move(user=people["zhao"], move=move, agree=False, words="no")
    # The move was for that tie: from the second it does not go by it.
    refused("delete from projects_tranche_conditions", why="untied")
    refused("delete from projects_conditionmove")


def test_a_refused_move_changes_nothing_and_a_released_tranche_takes_no_condition(approved, people):
    condition = Condition.objects.get()
    move = ties.ask_move(
        user=people["wang"], condition=condition, from_tranche=tranche(approved, 1), to_tranche=tranche(approved, 3),
        reason="later",
    )  # fmt: skip
    ties.answer_move(user=people["zhao"], move=move, agree=False, words="水源是前提")
    assert list(tranche(approved, 1).conditions.all()) == [condition]
    ties.tie_more(
        user=people["wang"], tranche=tranche(approved, 1), milestones=[Milestone.objects.get(number=1)]
    )
    assert any("主体完成" in reason for reason in money.open_reasons(tranche(approved, 1)))
    reach(approved, 1, people)
    release(approved, 1, people)
    with pytest.raises(DomainError, match="released already"):
        ties.tie_more(
            user=people["wang"], tranche=tranche(approved, 1), milestones=[Milestone.objects.get(number=2)]
        )
    refused(
        "insert into projects_tranche_milestones (tranche_id, milestone_id) values (%s, %s)",
        tranche(approved, 1).pk, Milestone.objects.get(number=2).pk, why="released already",
    )  # fmt: skip


# --- the last tranche ------------------------------------------------------------------------------


def all_but_the_last(project: Project, people: dict[str, Any]) -> None:
    release(project, 1, people)
    reach(project, 1, people)
    release(project, 2, people)
    reach(project, 2, people)


def test_nobody_goes_round_the_conversion_check_of_the_last_tranche(approved, people):
    all_but_the_last(approved, people)
    case = ask(approved, 3, people)
    with pytest.raises(DomainError, match="conversion check"):
        through(
            case, people, Outcome.CONDITIONS, recommended=Outcome.CONDITIONS, conditions=[("later", None)]
        )
    Commission = apps.get_model("projects", "Commissioning")
    with transaction.atomic():
        # A row that says "passed" without a check that was made is no passed check.
        Commission.objects.create(
            project=approved, built_units=880, check_passed=True, checked_on=TODAY, checked_by=people["wang"],
            conversion_hours=20, accepted_by=people["zhao"], accepted_at=timezone.now(),
        )  # fmt: skip
        with pytest.raises(DomainError, match="conversion check"):
            through(case, people)
        transaction.set_rollback(True)
    commission(approved, people)
    through(case, people)
    assert Release.objects.filter(tranche__number=3).exists()


def test_one_tranche_for_everything_is_the_last_one_too(project, people, approval):
    Tranche.objects.create(project=project, number=1, name="全部", amount_fen=project.cost_fen)
    through(cases.submit(user=people["lin"], project=project, route=approval), people)
    project.refresh_from_db()
    with pytest.raises(DomainError, match="conversion check"):
        through(ask(project, 1, people), people)


# --- payments and contracts ------------------------------------------------------------------------


def paid(project: Project, people: dict[str, Any], number: int, fen: int, key: str) -> Payment:
    return money.pay(
        user=people["wang"], tranche=tranche(project, number), amount_fen=fen, payee="锦江城投", paid_on=TODAY, key=key
    )  # fmt: skip


def test_what_is_taken_back_goes_back_where_it_came_from(approved, people):
    release(approved, 1, people)
    reach(approved, 1, people)
    release(approved, 2, people)
    first = paid(approved, people, 1, PARTS[0], "a")
    said = {
        "project": approved, "payee": first.payee, "paid_on": TODAY, "corrects": first, "recorded_by": people["wang"],
    }  # fmt: skip
    for wrong in (
        {"tranche": tranche(approved, 2), "amount_fen": -5},
        {"tranche": tranche(approved, 1), "amount_fen": 5},
        {"tranche": tranche(approved, 1), "amount_fen": -5, "payee": "另一家"},
        {"tranche": tranche(approved, 1), "amount_fen": -PARTS[0] - 1},
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            Payment.objects.create(**(said | wrong), key=str(wrong))
    money.take_back(user=people["wang"], payment=first, key="b", reason="重复")
    with pytest.raises(DomainError):
        money.take_back(user=people["wang"], payment=first, key="c", reason="again")
    back = Payment.objects.get(key="b")
    with pytest.raises(DomainError):
        money.take_back(user=people["wang"], payment=back, key="d", reason="back of the back")


def test_many_rows_in_one_statement_do_not_pass_the_release_together(approved, people):
    release(approved, 1, people)
    half = PARTS[0] // 2
    rows = [
        Payment(
            project=approved, tranche=tranche(approved, 1), payee="锦江城投", amount_fen=half + number, paid_on=TODAY, key=str(number)
        )
        for number in range(2)
    ]  # fmt: skip
    with pytest.raises(DatabaseError, match="no more is paid"), transaction.atomic():
        Payment.objects.bulk_create(rows)
    assert not Payment.objects.exists()


def test_a_payment_cites_a_contract_of_its_own_project(approved, people):
    release(approved, 1, people)
    other = Project.objects.create(
        city=approved.city, ref="PJ-2", name="x", kind="convert", units=1, cost_fen=1, service=approved.service, point=approved.point,
    )  # fmt: skip
    contract = Contract.objects.create(
        project=other, number="HT-9", payee="锦江城投", amount_fen=5, signed_on=TODAY
    )
    with pytest.raises(DatabaseError, match="another project"), transaction.atomic():
        Payment.objects.create(
            project=approved, tranche=tranche(approved, 1), contract=contract, payee="x", amount_fen=1, paid_on=TODAY, key="k"
        )  # fmt: skip
    refused("update projects_contract set amount_fen = 6", why="append-only")
    refused("delete from projects_contract", why="append-only")


# --- two sessions at once --------------------------------------------------------------------------


def at_once(*acts: Callable[[], Any]) -> list[Exception | None]:
    """Each in a session of its own, begun together; what each was refused with."""
    gate, ends = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int) -> None:
        try:
            gate.wait(10)
            acts[number]()
        except (DatabaseError, DomainError) as error:
            ends[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    return ends


@pytest.mark.django_db(transaction=True)
def test_of_two_payments_at_once_that_together_pass_the_release_one_is_refused(project, people, approval):
    approved = approve(project, people, approval, condition="")
    release(approved, 1, people)
    most = PARTS[0]
    ends = at_once(
        lambda: paid(approved, people, 1, most * 6 // 10, "one"),
        lambda: paid(approved, people, 1, most * 6 // 10, "two"),
        lambda: paid(approved, people, 1, most * 6 // 10, "three"),
    )
    assert [end is None for end in ends].count(True) == 1
    assert Payment.objects.count() == 1
    # the same payment sent twice at once is one payment, and both are told so
    ends = at_once(*[lambda: paid(approved, people, 1, 7_00, "same")] * 2)
    assert ends == [None, None]
    assert Payment.objects.filter(key="same").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_session_that_does_not_see_what_others_paid_pays_nothing(project, people, approval):
    approved = approve(project, people, approval, condition="")
    release(approved, 1, people)
    for level in ("repeatable read", "serializable"):
        with pytest.raises(DomainError, match="read committed"), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"set transaction isolation level {level}")
            paid(approved, people, 1, 1, level)
    assert not Payment.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_decisions_and_a_condition_at_once_no_release_slips_through(project, people, approval):
    approved = approve(project, people, approval)
    settle(approved, people)
    case = ask(approved, 1, people)
    step = decide(case, people)
    ends = at_once(*[lambda: cases.act(user=people["zhao"], step=step, outcome="approve", reason="x")] * 2)
    assert [end is None for end in ends].count(True) == 1
    assert Release.objects.count() == 1
    # while one ties a milestone to a tranche another releases it: one of them is refused, whoever comes second
    reach(approved, 1, people)
    later = ask(approved, 2, people)
    last = decide(later, people)
    ends = at_once(
        lambda: cases.act(user=people["zhao"], step=last, outcome="approve", reason="x"),
        lambda: ties.tie_more(user=people["wang"], tranche=tranche(approved, 2), milestones=[Milestone.objects.get(number=2)]),
    )  # fmt: skip
    assert [end is None for end in ends].count(True) == 1
    held = tranche(approved, 2).milestones.filter(reached_on=None).exists()
    assert held != Release.objects.filter(tranche__number=2).exists()


@pytest.mark.django_db(transaction=True)
def test_lines_changed_by_two_at_once_still_add_up(project, people, approval):
    approved = approve(project, people, approval, condition="")
    total = approved.approved_fen

    def move(year: int) -> Callable[[], Any]:
        lines = [(2026, FundSource.CENTRAL, total - year), (2027, FundSource.LOCAL, year)]
        return lambda: money.set_lines(user=people["wang"], project=approved, lines=lines)

    assert at_once(*[move(one) for one in (1, 22, 333)]) == [None] * 3
    assert sum(BudgetLine.objects.values_list("amount_fen", flat=True)) == total

    def half(add: int) -> Callable[[], Any]:
        def act() -> None:
            with transaction.atomic():
                BudgetLine.objects.filter(year=2026).update(amount_fen=total // 2 + add)

        return act

    assert all(end is not None for end in at_once(half(1), half(2)))
    assert sum(BudgetLine.objects.values_list("amount_fen", flat=True)) == total
