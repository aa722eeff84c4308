"""What each answer to a task leads to, in words, and the facts that lie beside the question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from core.templatetags.pingji import day, hours, local_name, num, pct, unit, yuan
from projects.choices import OUTCOMES, ConditionState, FindingState, Outcome, StepState, TaskKind
from projects.models import Condition, Finding, Release, Step, SupervisionAlert
from projects.selectors import works


@dataclass(frozen=True)
class Choice:
    """An answer with its consequence. `asks`: what opens under it (items, conditions or nothing)."""

    code: str
    label: str
    leads_to: str
    asks: str = ""


@dataclass(frozen=True)
class Fact:
    term: str
    value: str
    note: str = ""
    late: str = ""


def choices(step: Step, reasons: list[str]) -> list[Choice]:
    """`reasons`: what still stands in the way of the tranche, in words; empty for a project."""
    asks = {Outcome.RETURN: "items", Outcome.CONDITIONS: "conditions"}
    return [
        Choice(one, label(step, one), _leads_to(step, one, reasons), asks.get(Outcome(one), ""))
        for one in OUTCOMES[step.task.kind]
    ]


def label(step: Step, outcome: str) -> str:
    """What the answer is called where it is given: a tranche is released, not approved."""
    if step.case.tranche_id is not None and step.task.kind == TaskKind.DECIDE:
        words = {Outcome.APPROVE: _("Release"), Outcome.CONDITIONS: _("Release with conditions")}
        return words.get(Outcome(outcome), str(Outcome(outcome).label))
    if step.task.kind == TaskKind.RECOMMEND:
        words = {
            Outcome.APPROVE: _("Recommend approval"), Outcome.CONDITIONS: _("Recommend approval with conditions"),
            Outcome.RETURN: _("Recommend returning it"), Outcome.REFUSE: _("Recommend refusal"),
        }  # fmt: skip
        return words[Outcome(outcome)]
    return str(Outcome(outcome).label)


def _leads_to(step: Step, outcome: str, reasons: list[str]) -> str:
    case = step.case
    drafter = local_name(case.drafter)
    if outcome == Outcome.RETURN and step.task.kind != TaskKind.RECOMMEND:
        return _("Goes back to %(name)s with your list; once answered, every task is asked again.") % {
            "name": drafter
        }
    if step.task.kind == TaskKind.RECOMMEND:
        words = {
            Outcome.APPROVE: _("Your opinion goes to the decision; nothing is approved yet."),
            Outcome.CONDITIONS: _(
                "The conditions you propose stand ready for the decision; they bind once it takes them up."
            ),
            Outcome.RETURN: _("The decision sees your list; only the decision can send it back."),
            Outcome.REFUSE: _("The decision sees your reason; only the decision can refuse."),
        }
        return words[Outcome(outcome)]
    if step.task.kind == TaskKind.COUNTERSIGN:
        if outcome == Outcome.AGREE:
            return _("Your department has no objection.")
        return _("Your conditions bind if the case is approved, whether or not the decision repeats them.")
    if step.task.kind in (TaskKind.CHECK, TaskKind.PROVIDE):
        return _("The next task opens.")
    return _decision(step, outcome, reasons)


def _decision(step: Step, outcome: str, reasons: list[str]) -> str:
    case, project = step.case, step.case.project
    if case.tranche is not None:
        amount = yuan(case.tranche.amount_fen)
        if outcome == Outcome.REFUSE:
            return _("The tranche stays closed; it can be asked for again.")
        if reasons and outcome == Outcome.APPROVE:
            return _("Not possible while this is open: %(words)s.") % {"words": "; ".join(reasons)}
        if reasons:
            if case.tranche.final:
                return _("Not possible: nobody goes round the check of the last tranche.")
            return _(
                "Although something is open: only if the recommendation said so too; both reasons are kept with the release."
            )
        if outcome == Outcome.APPROVE:
            return _("%(amount)s can be paid from now on.") % {"amount": amount}
        return _("%(amount)s can be paid from now on; the conditions hold the next tranche.") % {
            "amount": amount
        }
    if outcome == Outcome.REFUSE:
        return _("The project ends here and cannot be handed in again.")
    bound = Condition.objects.filter(
        step__case=case, step__round=case.round, state=ConditionState.OPEN
    ).count()
    words = _("%(amount)s is approved; tranches can be asked for.") % {"amount": yuan(project.cost_fen)}
    if outcome == Outcome.CONDITIONS:
        words = _("%(amount)s is approved; the next tranche waits until the conditions are met.") % {"amount": yuan(project.cost_fen)}  # fmt: skip
    if bound:
        words += " " + _("%(count)s conditions of departments bind as well.") % {"count": bound}
    return words


def facts(step: Step, totals: dict[str, int]) -> list[Fact]:
    """What one looks at before answering: size, money, works as seen, what is open, who has said what."""
    case = step.case
    project = case.project
    ready = (
        _("%(count)s %(unit)s ready in %(hours)s h")
        if project.conversion_hours is not None
        else "%(count)s %(unit)s"
    )
    size = {
        "count": num(project.units),
        "unit": unit(project.service),
        "hours": hours(project.conversion_hours),
    }
    found = [Fact(_("Project"), local_name(project), ready % size)]
    if case.tranche_id is None:
        found.append(
            Fact(_("Cost"), yuan(project.cost_fen), project.investment_code or _("no investment code yet"))
        )
        if project.gap_promised is not None:
            found.append(Fact(_("Closes a gap of"), f"{num(project.gap_promised)} {unit(project.service)}"))
    found += _progress(step, totals)
    found += _open(step)
    return found


def _progress(step: Step, totals: dict[str, int]) -> list[Fact]:
    project = step.case.project
    found = []
    if not totals["approved_fen"]:
        return []
    share = works.shares_of([project.pk]).get(project.pk)
    if share is not None:
        basis = _("seen on site") if share.basis == "seen" else _("as reported")
        found.append(Fact(_("Works done"), pct(share.percent / 100, 0), f"{basis}{_(', ')}{day(share.on)}"))
    paid = _("%(paid)s of %(approved)s") % {
        "paid": yuan(totals["paid_fen"]),
        "approved": yuan(totals["approved_fen"]),
    }
    found.append(Fact(_("Paid"), pct(totals["paid_fen"] / totals["approved_fen"], 0), paid))
    left = totals["released_fen"] - totals["paid_fen"]
    found.append(Fact(_("Released, not paid"), yuan(left)))
    return found


def _open(step: Step) -> list[Fact]:
    project, today = step.case.project, timezone.localdate()
    found = []
    findings = list(
        Finding.objects.filter(inspection__project=project)
        .exclude(state=FindingState.CLOSED)
        .order_by("due_on", "id")
    )
    if findings:
        late = sum(one.due_on < today for one in findings)
        words = "; ".join(f"{one.ref} {one.text}" for one in findings[:3])
        found.append(
            Fact(
                _("Open findings"),
                str(len(findings)),
                words,
                _("%(count)s overdue") % {"count": late} if late else "",
            )
        )
    alerts = list(
        SupervisionAlert.objects.filter(project=project).exclude(state="closed").select_related("rule")
    )
    if alerts:
        late = sum(one.state == "open" and one.due_on < today for one in alerts)
        words = "; ".join(local_name(one.rule) for one in alerts[:3])
        found.append(
            Fact(
                _("Needs explanation"),
                str(len(alerts)),
                words,
                _("%(count)s overdue") % {"count": late} if late else "",
            )
        )
    bound = list(
        Condition.objects.filter(
            project=project, state=ConditionState.OPEN, step__case__state__in=["approved", "conditional"]
        ).order_by("due_on", "id")
    )
    if bound:
        late = sum(one.due_on is not None and one.due_on < today for one in bound)
        found.append(Fact(_("Open conditions"), str(len(bound)), "; ".join(one.text for one in bound[:3]), _("%(count)s overdue") % {"count": late} if late else ""))  # fmt: skip
    return found


def opinions(step: Step) -> list[Step]:
    """What others have said in this round, the recommendation first."""
    rows = step.case.steps.filter(round=step.round, state=StepState.DONE).select_related(
        "task", "done_by", "done_for"
    )
    found = list(rows.prefetch_related("conditions", "return_items").order_by("done_at"))
    return sorted(found, key=lambda one: one.task.kind != TaskKind.RECOMMEND)


def released_by(step: Step) -> Release | None:
    """The release that this decision made, if it made one."""
    if step.case.tranche_id is None or step.task.kind != TaskKind.DECIDE:
        return None
    return Release.objects.filter(tranche_id=step.case.tranche_id).first()


def proposed(step: Step) -> list[tuple[str, Any]]:
    """Conditions that this round's recommendation proposes: (text, day as text)."""
    said = step.case.steps.filter(
        round=step.round, task__kind=TaskKind.RECOMMEND, state=StepState.DONE
    ).first()
    return [(text, due or "") for text, due in said.proposed] if said is not None else []
