"""Random acts of random people on the money of one project: after each of them the sums hold, asked by plain SQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from core.errors import DomainError
from planning.choices import FundSource
from projects.models import Condition, ConditionMove, Contract, Milestone, Payment, Project, Step
from projects.services import cases, conditions, contracts, money, ties
from tests.projects.money_steps import PARTS, approve, commission, tranche

DAY = date(2026, 10, 1)
WHO = st.sampled_from(["lin", "wang", "zhao", "chen", "finance", "reform"])
NUMBERS = st.integers(1, 3)
FEN = st.one_of(st.integers(1, 100), st.integers(1, 2 * PARTS[1]), st.sampled_from(PARTS))

# Each has to hold whatever was done. What they select must be nothing.
NEVER = {
    "lines are what was approved": """
        select p.id from projects_project p where p.approved_fen is not null and p.approved_fen <>
            (select coalesce(sum(amount_fen), 0) from projects_budgetline where project_id = p.id)""",
    "released at most budget": """
        select p.id from projects_project p where (select coalesce(sum(r.amount_fen), 0) from projects_release r
            join projects_tranche t on t.id = r.tranche_id where t.project_id = p.id) >
            (select coalesce(sum(amount_fen), 0) from projects_budgetline where project_id = p.id)""",
    "paid at most released, tranche by tranche": """
        select t.id from projects_tranche t where (select coalesce(sum(amount_fen), 0) from projects_payment where tranche_id = t.id)
            > (select coalesce(sum(amount_fen), 0) from projects_release where tranche_id = t.id)""",
    "no payment below nothing": """
        select y.id from projects_payment y where y.corrects_id is null and y.amount_fen +
            (select coalesce(sum(amount_fen), 0) from projects_payment where corrects_id = y.id) < 0""",
    "an open condition holds a tranche that is not free, while there is one": """
        select c.id from projects_condition c where c.state = 'open'
            and exists (select 1 from projects_tranche t left join projects_release r on r.tranche_id = t.id
                where t.project_id = c.project_id and r.id is null)
            and exists (select 1 from projects_step s join projects_case k on k.id = s.case_id
                where s.id = c.step_id and k.state in ('approved', 'conditional')
                and (k.tranche_id is null or exists (select 1 from projects_tranche t2 left join projects_release r2 on r2.tranche_id = t2.id
                    where t2.project_id = c.project_id and r2.id is null)))
            and not exists (select 1 from projects_tranche_conditions tc left join projects_release r on r.tranche_id = tc.tranche_id
                where tc.condition_id = c.id and r.id is null)""",
    "a release passed over something only by two officers": """
        select r.id from projects_release r where r.recommended_by_id = r.decided_by_id
            or (r.override_by_id is not null and (r.override_by_id = r.decided_by_id or btrim(r.override_reason) = ''))""",
    "the last tranche only after a passed check": """
        select r.id from projects_release r join projects_tranche t on t.id = r.tranche_id where t.number = 3 and not exists
            (select 1 from projects_commissioning m join projects_conversioncheck c on c.commissioning_id = m.id
                where m.project_id = t.project_id and c.passed and m.accepted_by_id is not null)""",
    "the tranches are those that were approved": """
        select p.id from projects_project p where p.approved_fen is not null and p.ref = 'PJ-1' and
            (select sum(amount_fen) from projects_tranche where project_id = p.id) <> p.approved_fen""",
}
BY_HAND = (
    "update projects_tranche set amount_fen = amount_fen + 100 where number = %(number)s",
    "delete from projects_tranche_conditions where tranche_id in (select id from projects_tranche where number = %(number)s)",
    "delete from projects_tranche_milestones",
    "update projects_condition set state = 'waived', note = 'x'",
    "update projects_payment set amount_fen = amount_fen + 1",
    "update projects_release set amount_fen = amount_fen + 1",
    "delete from projects_payment",
    "update projects_budgetline set amount_fen = amount_fen + %(fen)s",
    "update projects_project set approved_fen = approved_fen + %(fen)s",
    "insert into projects_release (tranche_id, amount_fen, recommended_by_id, decided_by_id, override_by_id, override_reason, released_at)"
    " select t.id, t.amount_fen, %(wang)s, %(zhao)s, %(wang)s, 'x', now() from projects_tranche t where number = %(number)s",
    "insert into projects_payment (project_id, tranche_id, payee, amount_fen, paid_on, note, recorded_at, key)"
    " select project_id, id, 'x', %(fen)s, current_date, '', now(), 'by-hand-' || random() from projects_tranche where number = %(number)s",
    "update projects_milestone set reached_on = null",
    "update projects_commissioning set accepted_by_id = checked_by_id",
)  # fmt: skip


@pytest.mark.django_db
def test_whatever_people_do_the_sums_hold(project, people, approval):
    approved = approve(project, people, approval)
    done: dict[str, int] = {}

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.story = transaction.atomic()
            self.story.__enter__()
            self.keys = itertools.count()

        def teardown(self) -> None:
            transaction.set_rollback(True)
            self.story.__exit__(None, None, None)

        def attempt(self, name: str, act: Callable[[], Any]) -> None:
            """One act as if it were a transaction of its own: what it deferred is asked at its end."""
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    act()
                    cursor.execute("set constraints all immediate")
                    cursor.execute("set constraints all deferred")
                done[name] = done.get(name, 0) + 1
            except (DomainError, DatabaseError):
                pass

        def one(self, rows: Any, number: int) -> Any:
            found = list(rows.order_by("pk"))
            return found[number % len(found)] if found else None

        @rule(who=WHO, number=NUMBERS, fen=FEN)
        def pay(self, who: str, number: int, fen: int) -> None:
            key = str(next(self.keys))
            self.attempt("pay", lambda: money.pay(
                user=people[who], tranche=tranche(approved, number), amount_fen=fen, payee="甲", paid_on=DAY, key=key))  # fmt: skip

        @rule(who=WHO, which=st.integers(0, 9), fen=st.one_of(st.none(), FEN))
        def take_back(self, who: str, which: int, fen: int | None) -> None:
            if payment := self.one(Payment.objects.filter(corrects=None), which):
                key = str(next(self.keys))
                self.attempt("back", lambda: money.take_back(user=people[who], payment=payment, key=key, reason="x", amount_fen=fen))  # fmt: skip

        @rule(who=WHO, fen=FEN, right=st.booleans())
        def lines(self, who: str, fen: int, right: bool) -> None:
            rest = approved.approved_fen - fen + (0 if right else 1)
            self.attempt("lines", lambda: money.set_lines(
                user=people[who], project=approved, lines=[(2026, FundSource.LOCAL, fen), (2028, FundSource.PRIVATE, rest)]))  # fmt: skip

        @rule(number=NUMBERS)
        def ask(self, number: int) -> None:
            self.attempt(
                "ask", lambda: cases.ask_release(user=people["lin"], tranche=tranche(approved, number))
            )

        @rule(
            who=WHO,
            which=st.integers(0, 5),
            word=st.sampled_from(["approve", "approve", "agree", "done", "conditions", "return"]),
        )
        def act(self, who: str, which: int, word: str) -> None:
            if step := self.one(Step.objects.filter(state="open"), which):
                self.attempt(word, lambda: cases.act(
                    user=people[who], step=step, outcome=word, reason="x", items=["改"] if word == "return" else [],
                    conditions=[("再看", None)] if word == "conditions" and step.task.kind != "recommend" else []))  # fmt: skip

        @rule(which=st.integers(0, 5))
        def go_on(self, which: int) -> None:
            """The officer whose turn it is says yes: otherwise no case would ever come to its end."""
            if step := self.one(Step.objects.filter(state="open"), which):
                word = {"check": "done", "countersign": "agree"}.get(step.task.kind, "approve")
                for who in ("wang", "finance", "zhao", "reform"):
                    self.attempt(
                        "on", lambda who=who: cases.act(user=people[who], step=step, outcome=word, reason="x")
                    )  # type: ignore[misc]

        @rule(who=WHO, which=st.integers(0, 5))
        def settle(self, who: str, which: int) -> None:
            if condition := self.one(Condition.objects.filter(state="open"), which):
                self.attempt("settle", lambda: conditions.settle_condition(user=people[who], condition=condition, note="x"))  # fmt: skip

        @rule(number=st.integers(1, 2))
        def reach(self, number: int) -> None:
            self.attempt("reach", lambda: Milestone.objects.filter(project=approved, number=number).update(
                reported_on=DAY, reported_by=people["lin"], reached_on=DAY, seen_by=people["finance"]))  # fmt: skip

        @rule(who=WHO, number=NUMBERS, which=st.integers(0, 5))
        def tie(self, who: str, number: int, which: int) -> None:
            if condition := self.one(Condition.objects.filter(state="open"), which):
                self.attempt("tie", lambda: ties.tie_more(user=people[who], tranche=tranche(approved, number), conditions=[condition]))  # fmt: skip

        @rule(who=WHO, start=NUMBERS, to=NUMBERS, which=st.integers(0, 5))
        def move(self, who: str, start: int, to: int, which: int) -> None:
            if condition := self.one(Condition.objects.filter(state="open"), which):
                self.attempt("move", lambda: ties.ask_move(
                    user=people[who], condition=condition, from_tranche=tranche(approved, start), to_tranche=tranche(approved, to), reason="x"))  # fmt: skip

        @rule(who=WHO, which=st.integers(0, 5), agree=st.booleans())
        def answer(self, who: str, which: int, agree: bool) -> None:
            if move := self.one(ConditionMove.objects.filter(agreed=None), which):
                self.attempt("answer", lambda: ties.answer_move(user=people[who], move=move, agree=agree, words="x"))  # fmt: skip

        @rule(who=WHO, fen=FEN, less=st.booleans())
        def contract(self, who: str, fen: int, less: bool) -> None:
            name = str(next(self.keys))
            found = Contract.objects.first()
            if found is None:
                self.attempt("contract", lambda: contracts.sign(
                    user=people[who], project=approved, number=name, payee="甲", amount_fen=fen, signed_on=DAY))  # fmt: skip
            else:
                self.attempt("supplement", lambda: contracts.supplement(
                    user=people[who], contract=found, number=name, amount_fen=-fen if less else fen, signed_on=DAY, reason="x"))  # fmt: skip

        @rule(passed=st.booleans())
        def hand_over(self, passed: bool) -> None:
            self.attempt("hand over", lambda: commission(approved, people, passed))

        @rule(which=st.integers(0, len(BY_HAND) - 1), number=NUMBERS, fen=FEN)
        def by_hand(self, which: int, number: int, fen: int) -> None:
            said = {"number": number, "fen": fen, "wang": people["wang"].pk, "zhao": people["zhao"].pk}

            def write() -> None:
                with connection.cursor() as cursor:
                    cursor.execute(BY_HAND[which], said)

            self.attempt("by hand", write)

        @invariant()
        def holds(self) -> None:
            with connection.cursor() as cursor:
                for words, text in NEVER.items():
                    cursor.execute(text)
                    assert cursor.fetchone() is None, words

    run_state_machine_as_test(
        Machine, settings=settings(
            max_examples=12, stateful_step_count=40, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    # The machine did something: a test whose acts are all refused would prove nothing.
    assert done.get("ask")
    assert done.get("lines")
    assert Project.objects.get(pk=approved.pk).approved_fen == sum(PARTS)
