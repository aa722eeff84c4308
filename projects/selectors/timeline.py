"""Everything that happened to a project, newest first, and what is due, on top: one statement for each kind of thing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from core.templatetags.pingji import day, local_name, num, yuan
from projects.choices import CaseState, ConditionState, FindingState, Outcome, StepState
from projects.models import (
    Case,
    Commissioning,
    Condition,
    Finding,
    Project,
    Release,
    ReturnItem,
    Step,
    Submission,
    SupervisionAlert,
)


@dataclass(frozen=True)
class Entry:
    """One line. `at`: when it happened, or the day it is due. `who`: a person or None; `href`: where it can be read."""

    at: datetime
    what: str
    who: Any = None
    words: str = ""
    href: str = ""
    due: bool = False
    late: bool = False
    whole_day: bool = False


def _moment(when: date) -> datetime:
    return timezone.make_aware(datetime.combine(when, time.min))


def due(project: Project) -> list[Entry]:
    """What is asked for and not done yet, soonest first."""
    today = timezone.localdate()
    rows: list[tuple[date, str, str]] = []
    steps = Step.objects.filter(
        case__project=project, state=StepState.OPEN, case__state=CaseState.OPEN
    ).select_related("task", "case__tranche")
    for step in steps:
        if step.due_on is not None:
            rows.append(
                (step.due_on, _step_words(step), reverse("case_step", args=[step.case.ref, step.task.code]))
            )
    for one in _bound(project).filter(state=ConditionState.OPEN, due_on__isnull=False):
        assert one.due_on is not None
        rows.append(
            (one.due_on, _("Condition: %(text)s") % {"text": one.text}, reverse("condition", args=[one.pk]))
        )
    for finding in Finding.objects.filter(inspection__project=project).exclude(state=FindingState.CLOSED):
        rows.append(
            (finding.due_on, _("Finding %(ref)s: %(text)s") % {"ref": finding.ref, "text": finding.text}, "")
        )
    for alert in SupervisionAlert.objects.filter(project=project, state="open").select_related("rule"):
        rows.append((alert.due_on, _("To explain: %(rule)s") % {"rule": local_name(alert.rule)}, f"/supervision/alerts/{alert.pk}/"))  # fmt: skip
    return [
        Entry(_moment(when), words, href=href, due=True, late=when < today, whole_day=True)
        for when, words, href in sorted(rows, key=lambda row: row[0])
    ]


def _bound(project: Project) -> Any:
    """Conditions that an approval left behind; those of rounds that came to nothing asked for nothing."""
    return Condition.objects.filter(
        project=project, step__case__state__in=[CaseState.APPROVED, CaseState.CONDITIONAL]
    )


def _step_words(step: Step) -> str:
    name = local_name(step.task)
    if step.case.tranche is not None:
        return _("Tranche %(number)s: %(task)s") % {"number": step.case.tranche.number, "task": name}
    return name


def happened(project: Project) -> list[Entry]:
    """Everything that was done, newest first."""
    found = [
        Entry(project.created_at, _("Drafted"), project.created_by),
        *_cases(project), *_money(project), *_works(project), *_supervision(project), *_handover(project),
    ]  # fmt: skip
    return sorted(found, key=lambda entry: entry.at, reverse=True)


def _cases(project: Project) -> Iterable[Entry]:
    rounds = Submission.objects.filter(case__project=project).select_related("case__tranche", "submitted_by")
    for one in rounds:
        what = (
            _("Handed in again, round %(round)s") % {"round": one.round} if one.round > 1 else _("Handed in")
        )
        if one.case.tranche is not None:
            what = _("Asked for tranche %(number)s") % {"number": one.case.tranche.number}
        yield Entry(one.submitted_at, what, one.submitted_by, one.case.ref)
    steps = (
        Step.objects.filter(case__project=project, state=StepState.DONE)
        .select_related("task", "done_by", "done_for", "case__tranche")
        .prefetch_related("return_items", "conditions")
    )
    for step in steps:
        assert step.done_at is not None
        words = [step.reason] if step.reason else []
        words += [one.text for one in step.return_items.all()] + [one.text for one in step.conditions.all()]
        if step.done_for is not None:
            words.append(_("as deputy of %(name)s") % {"name": local_name(step.done_for)})
        what = f"{_step_words(step)}{_(': ')}{Outcome(step.outcome).label}"
        href = reverse("case_step_done", args=[step.case.ref, step.round, step.task.code])
        yield Entry(step.done_at, what, step.done_by, " · ".join(words), href)
    for item in ReturnItem.objects.filter(step__case__project=project).exclude(answered_at=None).select_related("answered_by"):  # fmt: skip
        assert item.answered_at is not None
        yield Entry(
            item.answered_at, _("Answered: %(text)s") % {"text": item.text}, item.answered_by, item.answer
        )
    for case in Case.objects.filter(project=project, state=CaseState.WITHDRAWN).exclude(closed_at=None):
        assert case.closed_at is not None
        yield Entry(case.closed_at, _("Withdrawn"), case.drafter, case.ref)
    for met in Condition.objects.filter(project=project, state=ConditionState.MET).select_related(
        "settled_by"
    ):
        assert met.settled_at is not None
        yield Entry(met.settled_at, _("Condition met: %(text)s") % {"text": met.text}, met.settled_by, met.note, reverse("condition", args=[met.pk]))  # fmt: skip


def _money(project: Project) -> Iterable[Entry]:
    for one in Release.objects.filter(tranche__project=project).select_related("tranche", "decided_by"):
        what = _("Tranche %(number)s released, %(amount)s") % {"number": one.tranche.number, "amount": yuan(one.amount_fen)}  # fmt: skip
        yield Entry(one.released_at, what, one.decided_by, one.override_reason)
    for pay in project.payments.select_related("recorded_by"):
        words = (
            _("Paid %(amount)s to %(payee)s")
            if pay.amount_fen > 0
            else _("Taken back %(amount)s from %(payee)s")
        )
        said = words % {"amount": yuan(abs(pay.amount_fen)), "payee": pay.payee}
        yield Entry(_moment(pay.paid_on), said, pay.recorded_by, pay.note, whole_day=True)
    for signed in project.contracts.select_related("signed_by"):
        said = _("Contract %(number)s with %(payee)s, %(amount)s") % {"number": signed.number, "payee": signed.payee, "amount": yuan(signed.amount_fen)}  # fmt: skip
        yield Entry(_moment(signed.signed_on), said, signed.signed_by, whole_day=True)


def _works(project: Project) -> Iterable[Entry]:
    if project.started_on is not None:
        yield Entry(_moment(project.started_on), _("Works begun"), whole_day=True)
    for one in project.reports.select_related("reported_by"):
        said = _("Report of %(month)s: works %(percent)s %% done") % {"month": f"{one.month:%Y-%m}", "percent": num(one.works_percent)}  # fmt: skip
        yield Entry(one.reported_at, said, one.reported_by, one.text)
    for point in project.milestones.select_related("seen_by", "reported_by"):
        if point.reached_on is not None:
            yield Entry(_moment(point.reached_on), _("Milestone seen on site: %(name)s") % {"name": local_name(point)}, point.seen_by, whole_day=True)  # fmt: skip
        elif point.reported_on is not None:
            yield Entry(_moment(point.reported_on), _("Milestone reported: %(name)s") % {"name": local_name(point)}, point.reported_by, whole_day=True)  # fmt: skip
    for seen in project.inspections.exclude(done_on=None).select_related("done_by"):
        assert seen.done_on is not None
        said = _("Inspection %(ref)s: works %(percent)s %% done") % {
            "ref": seen.ref,
            "percent": num(seen.works_percent),
        }
        yield Entry(_moment(seen.done_on), said, seen.done_by, seen.note, whole_day=True)


def _supervision(project: Project) -> Iterable[Entry]:
    rows = Finding.objects.filter(inspection__project=project).select_related(
        "inspection", "rectified_by", "closed_by"
    )
    for one in rows:
        named = {"ref": one.ref}
        if one.inspection.done_on is not None:
            yield Entry(_moment(one.inspection.done_on), _("Finding %(ref)s") % named, one.inspection.done_by, one.text, whole_day=True)  # fmt: skip
        if one.rectified_at is not None:
            yield Entry(
                one.rectified_at, _("Finding %(ref)s rectified") % named, one.rectified_by, one.rectification
            )
        if one.closed_at is not None:
            yield Entry(one.closed_at, _("Finding %(ref)s closed") % named, one.closed_by)
    alerts = SupervisionAlert.objects.filter(project=project).select_related(
        "rule", "explained_by", "closed_by"
    )
    for alert in alerts:
        href, name = f"/supervision/alerts/{alert.pk}/", {"rule": local_name(alert.rule)}
        yield Entry(
            _moment(alert.raised_on), _("Needs explanation: %(rule)s") % name, href=href, whole_day=True
        )
        if alert.explained_at is not None:
            yield Entry(
                alert.explained_at,
                _("Explained: %(rule)s") % name,
                alert.explained_by,
                alert.explanation,
                href,
            )
        if alert.closed_at is not None:
            yield Entry(
                alert.closed_at, _("Alert closed: %(rule)s") % name, alert.closed_by, alert.closing_note, href
            )


def _handover(project: Project) -> Iterable[Entry]:
    found = (
        Commissioning.objects.filter(project=project)
        .select_related("handed_by", "checked_by", "accepted_by")
        .first()
    )
    if found is None:
        return
    if found.handed_at is not None:
        yield Entry(found.handed_at, _("Reported as built, %(units)s units") % {"units": num(found.built_units)}, found.handed_by)  # fmt: skip
    if found.checked_on is not None:
        what = _("Conversion check passed") if found.check_passed else _("Conversion check not passed")
        yield Entry(_moment(found.checked_on), what, found.checked_by, whole_day=True)
    if found.accepted_at is not None:
        yield Entry(found.accepted_at, _("Accepted into the registry on %(day)s") % {"day": day(found.accepted_at)}, found.accepted_by)  # fmt: skip
