"""The second half of the demonstration programme: contract, works, money after the works, handover into the registry."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from core.choices import OrganisationKind
from core.models import Organisation
from projects.choices import CaseState, StepState
from projects.models import Case, Milestone, Project, Tranche
from projects.selectors import checklist
from projects.services import (
    cases,
    contracts,
    handover,
    inspections,
    milestones,
    money,
    responsibilities,
    works,
)
from projects.services.demo_clock import on
from projects.services.demo_officers import act_for, open_steps, person

BUILDER = ("柳台建工集团有限公司（演示）", "Liutai Construction Group (demonstration)")
# How far the works of each story are, month by month, in percent of all works.
PACE = (3, 8, 15, 24, 34, 45, 56, 66, 75, 84, 92, 97, 100, 100)


def name_the_four(project: Project, day: date) -> None:
    """Leadership, territory, department and enterprise: who answers for what, by when."""
    city, lin = project.city, person("lin.wei")
    builder, _made = Organisation.objects.get_or_create(
        code=f"{city.code}-builder"[:40],
        defaults={"city": city, "name": BUILDER[0], "name_en": BUILDER[1], "kind": OrganisationKind.ENTERPRISE},
    )  # fmt: skip
    office = {one.code.rpartition("-")[2]: one for one in Organisation.objects.filter(city=city)}
    rows = (
        (OrganisationKind.LEADERSHIP, office["reform"], "zhao.min", "统筹项目推进，每季度调度一次", 90),
        (OrganisationKind.TERRITORY, office["district"], None, "落实用地与群众安置", 45),
        (OrganisationKind.DEPARTMENT, office["emergency"], "wang.jun", "核验转换方案与应急功能", 120),
        (OrganisationKind.ENTERPRISE, builder, "sun.li", "按期完成施工并组织转换演练", 400),
    )
    for level, organisation, who, task, days in rows:
        responsibilities.name(
            user=lin, project=project, level=level, organisation=organisation, person=person(who) if who else None,
            task=task, due_on=day + timedelta(days=days),
        )  # fmt: skip


def ask_release(tranche: Tranche, day: date) -> Case:
    with on(day):
        return cases.ask_release(user=person("lin.wei"), tranche=tranche)


def through(case: Case, day: date) -> None:
    """Recommended by one officer, decided by another two days later."""
    case.refresh_from_db()
    while case.state == CaseState.OPEN and (waiting := open_steps(case)):
        for step in waiting:
            with on(day):
                act_for(step)
        day += timedelta(days=2)
        case.refresh_from_db()
    assert not case.steps.filter(round=case.round, state=StepState.OPEN).exists()


def start(project: Project, started: date) -> None:
    """The contract, and the first day on site."""
    with on(started - timedelta(days=5)):
        contracts.sign(
            user=person("qian.yi"), project=project, number=f"HT-{project.ref}", payee=BUILDER[0],
            amount_fen=project.cost_fen * 9 // 10, signed_on=timezone.localdate(),
        )  # fmt: skip
    with on(started):
        works.start(user=person("sun.li"), project=project, started_on=started)


def build(project: Project, *, first_month: date, months: range, tranche: Tranche, finding: bool) -> None:
    """A report for each month, every third month an inspection, every second a payment out of the tranche."""
    paid = [number for number in months if number % 2]
    for number in months:
        month = _month_after(first_month, number)
        after = _month_after(first_month, number + 1)
        with on(min(after + timedelta(days=2), timezone.localdate())):
            works.report(
                user=person("sun.li"),
                project=project,
                month=month,
                works_percent=PACE[number],
                text=f"第{number + 1}个月：按计划施工",
            )
        if number in paid:
            with on(min(after + timedelta(days=6), timezone.localdate())):
                money.pay(
                    user=person("qian.yi"), tranche=tranche, amount_fen=tranche.amount_fen * 9 // 10 // len(paid),
                    payee=BUILDER[0], paid_on=timezone.localdate(), key=f"{project.ref}-{number}",
                    contract=project.contracts.get(),
                )  # fmt: skip
        if number % 3 == 2:
            said = inspections.FindingSaid("应急水源第二路未接通", "major", "GB 55028-2022 4.2.7")
            visit(
                project,
                min(after + timedelta(days=8), timezone.localdate()),
                PACE[number] - 1,
                [said] if finding and number == 5 else [],
            )


def _month_after(first: date, count: int) -> date:
    return date(first.year + (first.month - 1 + count) // 12, (first.month - 1 + count) % 12 + 1, 1)


def visit(project: Project, day: date, percent: float, findings: Any = (), milestones: Any = ()) -> None:
    """Somebody of the other side is on site and writes down what is there."""
    wang = person("wang.jun")
    with on(day, 15):
        planned = inspections.plan(user=wang, project=project, planned_on=day, inspectors=[wang])
        inspections.do(
            user=wang, inspection=planned, done_on=day, works_percent=percent, note="现场核对形象进度",
            inspectors=[wang], findings=findings, milestones=milestones,
        )  # fmt: skip


def reach(milestone: Milestone, day: date, percent: float) -> None:
    """Reported by the builder's side, seen on site by an inspector some days later."""
    with on(day):
        milestones.report(user=person("sun.li"), milestone=milestone, reported_on=day, text="节点完成")
    milestone.refresh_from_db()
    visit(milestone.project, day + timedelta(days=5), percent, milestones=[milestone])


def hand_over(project: Project, day: date) -> None:
    """As built three units short, tried on site, accepted into the registry, the last tranche released."""
    built = max(1, project.units - 3)
    with on(day):
        said: dict[str, Any] = {} if project.facility_id else {"use": "other"}
        handover.report(
            user=person("sun.li"), project=project, built_units=built, reported_hours=project.conversion_hours or 24.0,
            as_built=said, note="竣工移交",
        )  # fmt: skip
    with on(day + timedelta(days=6)):
        project.refresh_from_db()
        answers = {one.code: "yes" for one in checklist.items_for(project)}
        handover.check(
            user=person("wang.jun"), project=project, checked_on=timezone.localdate(), tried_units=built,
            tried_hours=(project.conversion_hours or 24.0) + 2.0, answers=answers, passed=True, note="夜间实测转换",
        )  # fmt: skip
    with on(day + timedelta(days=12)):
        project.refresh_from_db()
        handover.accept(
            user=person("zhao.min"), project=project, although="协议由街道另行签订", note="同意入库"
        )
