"""A project that has been through everything, made of rows with plain values, so that what goes out can be compared."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from core.choices import OrganisationKind
from core.models import Organisation
from projects.choices import CaseState, Outcome
from projects.models import (
    Case,
    Commissioning,
    Condition,
    Contract,
    Inspection,
    Milestone,
    Payment,
    Project,
    Responsibility,
    SupplementaryAgreement,
    Tranche,
)
from projects.selectors import officers
from projects.services import cases

NOON = datetime(2027, 6, 1, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
CODE = "2611-510104-04-01-123456"


def through(case: Case, people: dict[str, Any], **more: Any) -> Case:
    """Bring a case to its approval, with a condition where `conditions` are given."""
    for _ in range(40):
        case.refresh_from_db()
        if case.state != CaseState.OPEN:
            return case
        step = case.steps.filter(state="open").select_related("task").order_by("id").first()
        assert step is not None
        one = next(one for one in people.values() if officers.standing(one, step).may)
        last = step.task.kind == "decide" and more.get("conditions")
        word = {"check": "done", "provide": "done", "countersign": "agree"}.get(
            step.task.kind, Outcome.APPROVE
        )
        cases.act(
            user=one, step=step, outcome=Outcome.CONDITIONS if last else word, reason=more.get("reason", "as seen"),
            conditions=more["conditions"] if last else (),
        )  # fmt: skip
    raise AssertionError("the case does not end")


def plan_money(project: Project) -> None:
    """Two tranches, two milestones, the second tranche last."""
    Milestone.objects.create(
        project=project, number=1, name="主体完工", planned_on=date(2027, 1, 20), works_percent=60
    )
    Milestone.objects.create(
        project=project, number=2, name="验收", planned_on=date(2027, 5, 20), works_percent=100
    )
    Tranche.objects.create(project=project, number=1, name="合同签订", amount_fen=10_000_000_01)
    Tranche.objects.create(
        project=project, number=2, name="验收并通过首次演练", amount_fen=14_599_999_99, final=True
    )


def responsible(project: Project) -> None:
    for code, name, level in (
        ("kfq-housing", "住房和城乡建设局", OrganisationKind.DEPARTMENT),
        ("wx-group", "文轩体育集团", OrganisationKind.ENTERPRISE),
    ):
        office, _made = Organisation.objects.get_or_create(
            code=code, defaults={"city": project.city, "name": name, "kind": level}
        )
        Responsibility.objects.create(project=project, level=level, organisation=office, task="组织施工", due_on=date(2027, 5, 1))  # fmt: skip


def approve(project: Project, people: dict[str, Any], route: Any, **more: Any) -> Case:
    Project.objects.filter(pk=project.pk).update(
        investment_code=CODE, starts_on=date(2026, 12, 1), ends_on=date(2027, 5, 31), conversion_hours=24,
    )  # fmt: skip
    project.refresh_from_db()
    plan_money(project)
    responsible(project)
    case = cases.submit(user=people["lin"], project=project, route=route)
    through(case, people, **more)
    project.refresh_from_db()
    assert project.state == "approved"
    return case


def build(project: Project, people: dict[str, Any]) -> None:
    """Works, money and handover of an approved project."""
    lin, wang, zhao = people["lin"], people["wang"], people["zhao"]
    for condition in Condition.objects.filter(project=project, state="open"):
        Condition.objects.filter(pk=condition.pk).update(
            state="met", settled_by=wang, settled_at=timezone.now(), note="现场查看"
        )
    Inspection.objects.create(
        project=project, ref=f"I-{project.ref}", planned_on=date(2027, 1, 25), done_on=date(2027, 1, 26), works_percent=55,
        created_by=wang, done_by=wang,
    )  # fmt: skip
    signed = Contract.objects.create(
        project=project, number="HT-01", payee="锦江建工有限公司", payee_code="91510104MA6CEXAMP7", amount_fen=9_500_000_01,
        signed_on=date(2026, 12, 5), signed_by=wang,
    )  # fmt: skip
    Contract.objects.create(
        project=project, number="HT-02", payee="张师傅", amount_fen=20_000_00, signed_on=date(2026, 12, 6), signed_by=wang,
    )  # fmt: skip
    SupplementaryAgreement.objects.create(
        contract=signed, number="HT-01-B1", amount_fen=-500_000_01, signed_on=date(2027, 1, 8), reason="缩减装修", signed_by=wang
    )  # fmt: skip
    through(cases.ask_release(user=lin, tranche=project.tranches.get(number=1)), people)
    first = project.tranches.get(number=1)
    Payment.objects.create(project=project, contract=signed, tranche=first, payee=signed.payee, amount_fen=3_000_000_01, paid_on=date(2026, 12, 20), recorded_by=wang, key=f"{project.ref}-1")  # fmt: skip
    wrong = Payment.objects.create(project=project, contract=signed, tranche=first, payee=signed.payee, amount_fen=1_000_00, paid_on=date(2026, 12, 21), recorded_by=wang, key=f"{project.ref}-2")  # fmt: skip
    Payment.objects.create(project=project, contract=signed, tranche=first, payee=signed.payee, amount_fen=-1_000_00, paid_on=date(2026, 12, 22), corrects=wrong, recorded_by=wang, key=f"{project.ref}-3")  # fmt: skip
    Commissioning.objects.create(
        project=project, built_units=880, conversion_hours=20, check_passed=True, checked_on=date(2027, 5, 20),
        handed_by=lin, checked_by=wang, accepted_by=zhao, accepted_at=NOON,
    )  # fmt: skip
    Project.objects.filter(pk=project.pk).update(started_on=date(2026, 12, 8))
    Project.objects.filter(pk=project.pk).update(state="works")
    Project.objects.filter(pk=project.pk).update(state="commissioned")
    project.refresh_from_db()
