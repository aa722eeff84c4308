"""A project with three tranches, two milestones and a condition, and how its cases and works come to their end."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils import timezone

from projects.choices import CaseState, Outcome
from projects.models import Case, Commissioning, ConversionCheck, Milestone, Project, Tranche
from projects.selectors import officers
from projects.services import cases, drafts

PARTS = (8_000_000_00, 9_000_000_00, 7_600_000_00)  # 24.6 million in all


def through(case: Case, people: dict[str, Any], outcome: str = Outcome.APPROVE, **more: Any) -> Case:
    """Bring a case to its end with the last word `outcome`."""
    for _ in range(40):
        case.refresh_from_db()
        if case.state != CaseState.OPEN:
            return case
        step = case.steps.filter(state="open").select_related("task").first()
        one = next(one for one in people.values() if officers.standing(one, step).may)
        word = {"check": "done", "countersign": "agree", "recommend": more.get("recommended", "approve")}.get(
            step.task.kind, outcome
        )
        asked = more.get("conditions", ()) if step.task.kind == "decide" else ()
        cases.act(user=one, step=step, outcome=word, reason="as seen", conditions=asked)
    raise AssertionError("the case does not end")


def planned(project: Project, people: dict[str, Any]) -> Project:
    drafts.set_tranches(
        user=people["lin"], project=project,
        tranches=[("合同签订", PARTS[0]), ("主体完成", PARTS[1]), ("验收并通过首次演练", PARTS[2])],
        milestones=[("主体完成", date(2026, 9, 1), 50), ("竣工", date(2027, 5, 1), 100)],
    )  # fmt: skip
    return project


def approve(
    project: Project, people: dict[str, Any], approval: Any, condition: str = "接入第二水源"
) -> Project:
    """Approved under one condition, which holds the first tranche (none: without)."""
    case = cases.submit(user=people["lin"], project=planned(project, people), route=approval)
    asked = [(condition, date(2026, 12, 15))] if condition else []
    through(case, people, Outcome.CONDITIONS if condition else Outcome.APPROVE, conditions=asked)
    return Project.objects.get(pk=project.pk)


def tranche(project: Project, number: int) -> Tranche:
    return Tranche.objects.select_related("project__area").get(project=project, number=number)


def ask(project: Project, number: int, people: dict[str, Any]) -> Case:
    return cases.ask_release(user=people["lin"], tranche=tranche(project, number))


def settle(project: Project, people: dict[str, Any]) -> None:
    from projects.services import conditions

    for one in project.conditions.filter(state="open"):
        conditions.settle_condition(user=people["wang"], condition=one, note="现场查看")


def reach(project: Project, number: int, people: dict[str, Any], day: date = date(2026, 9, 3)) -> None:
    Milestone.objects.filter(project=project, number=number).update(
        reported_on=day, reported_by=people["lin"], reached_on=day, seen_by=people["finance"]
    )


def release(project: Project, number: int, people: dict[str, Any]) -> None:
    settle(project, people)
    through(ask(project, number, people), people)


def commission(project: Project, people: dict[str, Any], passed: bool = True) -> Commissioning:
    """As built and tried once; accepted where the trial was passed."""
    made = Commissioning.objects.create(project=project, built_units=880)
    try_conversion(made, people, passed)
    return made


def try_conversion(made: Commissioning, people: dict[str, Any], passed: bool) -> None:
    ConversionCheck.objects.create(
        commissioning=made, number=made.checks.count() + 1, checklist="made-up", checked_on=date(2027, 5, 1), tried_units=880,
        tried_hours=20, passed=passed, reasons=[] if passed else ["too-late"], checked_by=people["wang"],
    )  # fmt: skip
    Commissioning.objects.filter(pk=made.pk).update(
        check_passed=passed, checked_on=date(2027, 5, 1), checked_by=people["wang"], conversion_hours=20
    )
    if passed:
        Commissioning.objects.filter(pk=made.pk).update(
            accepted_by=people["zhao"], accepted_at=timezone.now()
        )
