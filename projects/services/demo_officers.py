"""Who does the tasks of the demonstration programme, and what they say."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from projects.choices import Outcome, StepState, TaskKind
from projects.models import Case, Step
from projects.selectors import officers
from projects.services import cases

WORDS: dict[str, str] = {
    TaskKind.COUNTERSIGN: "符合本部门要求",
    TaskKind.CHECK: "材料齐全",
    TaskKind.RECOMMEND: "需求测算可追溯，投资合理，建议批准",
    TaskKind.DECIDE: "同意",
}
PLAIN: dict[str, str] = {
    TaskKind.PROVIDE: Outcome.DONE,
    TaskKind.CHECK: Outcome.DONE,
    TaskKind.COUNTERSIGN: Outcome.AGREE,
}


def person(username: str) -> Any:
    return get_user_model().objects.get(username=username)


def officer(step: Step) -> Any:
    """Somebody who may do the step in person; the administrator stays out of it."""
    for one in officers.officers_of(step).filter(is_superuser=False).order_by("pk"):
        if officers.standing(one, step).may:
            return one
    raise DomainError(
        "no-officer", _("Nobody may do %(task)s; run demo_accounts first.") % {"task": step.task.name}
    )


def open_steps(case: Case) -> list[Step]:
    found = Step.objects.filter(case=case, round=case.round, state=StepState.OPEN)
    return list(found.select_related("task__stage", "case__project__area", "case__project__city"))


def act_for(step: Step, outcome: str = "", **more: Any) -> None:
    """Let its officer do the step: the plain outcome with the usual words, unless told otherwise."""
    said = outcome or PLAIN.get(step.task.kind, Outcome.APPROVE)
    more.setdefault("reason", WORDS.get(step.task.kind, ""))
    cases.act(user=officer(step), step=step, outcome=said, **more)
