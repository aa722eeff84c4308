"""Inspections on site and what they find: planned, made, findings rectified by one side and closed by the other.

An inspection that was made stays as it is, its findings stay as they were written (migration 0016). Each time something is
put right is a round of its own, accepted or not, with who said so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.services import audit
from core.services.refs import next_ref
from projects.choices import FindingState, ProjectState, Severity
from projects.models import Finding, Inspection, InspectionDraw, Milestone, Project, Rectification
from projects.selectors.works_rules import Limits
from projects.services import events, photos, works, works_rules
from projects.services import milestones as milestones_of_works
from projects.services.pictures import Picture
from projects.services.working_days import add_working_days


@dataclass(frozen=True)
class FindingSaid:
    """A finding as an inspector writes it. Without a day it is due after the working days of its severity."""

    text: str
    severity: str
    clause: str = ""
    due_on: date | None = None


def plan(
    *,
    user: Any,
    project: Project,
    planned_on: date,
    inspectors: Sequence[Any] = (),
    note: str = "",
    drawn: InspectionDraw | None = None,
) -> Inspection:
    """Put an inspection on the calendar. Without inspectors it waits for whoever may inspect there."""
    if drawn is None:
        policies.demand(user, "works.inspect", project)
        works.demand_lookers_side(project, user)
    if project.state != ProjectState.WORKS:
        raise DomainError("works-not-begun", _("The works have not begun, or are over."))
    if project.started_on is not None and planned_on < project.started_on:
        raise DomainError("day-before-works", _("The day lies before the works began."), status=422)
    _check_inspectors(project, inspectors)
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        same = Inspection.objects.filter(
            project=project,
            planned_on=planned_on,
            created_by=user,
            drawn=None,
            done_on=None,
            called_off_at=None,
        ).first()
        if drawn is None and same is not None:
            return same  # the button was pressed twice
        made = Inspection.objects.create(
            project=project,
            ref=next_ref("IN"),
            planned_on=planned_on,
            note=note.strip(),
            created_by=user,
            drawn=drawn,
        )
        made.inspectors.set(inspectors)
        audit.record(
            user=user, act="inspection.plan", subject=project, ref=made.ref,
            after={"planned_on": planned_on, "draw": drawn.ref if drawn else None},
        )  # fmt: skip
    return made


def _check_inspectors(project: Project, people: Sequence[Any]) -> None:
    for one in people:
        if not policies.allows(one, "works.inspect", project):
            raise DomainError(
                "not-an-inspector",
                _("%(name)s may not inspect here.") % {"name": one.name or one.get_username()},
                status=422,
            )
        works.demand_lookers_side(project, one)


def call_off(*, user: Any, inspection: Inspection, reason: str) -> Inspection:
    """An inspection that will not be made. It stays, drawn ones above all, with the reason."""
    policies.demand(user, "inspection.draw" if inspection.drawn_id else "works.inspect", inspection.project)
    if not reason.strip():
        raise DomainError("no-reason", _("Say why."), status=422)
    with transaction.atomic():
        moved = Inspection.objects.filter(pk=inspection.pk, done_on=None, called_off_at=None).update(
            called_off_at=timezone.now(), called_off_by=user, called_off_reason=reason.strip()
        )
        if not moved:
            raise DomainError("inspection-over", _("This inspection was made or called off already."))
        inspection.refresh_from_db()
        audit.record(
            user=user,
            act="inspection.call-off",
            subject=inspection.project,
            ref=inspection.ref,
            reason=reason.strip(),
        )
    return inspection


def do(
    *,
    user: Any,
    inspection: Inspection,
    done_on: date,
    works_percent: float,
    note: str,
    inspectors: Sequence[Any] = (),
    milestones: Sequence[Milestone] = (),
    findings: Sequence[FindingSaid] = (),
    pictures: Sequence[Picture] = (),
) -> Inspection:
    """Write down what was seen: how far the works are, milestones that are there, findings. Written once."""
    project = inspection.project
    policies.demand(user, "works.inspect", project)
    works.demand_lookers_side(project, user)
    there = list(dict.fromkeys([*inspectors, user]))
    _check_inspectors(project, there)
    works.check_day(project, done_on)
    percent = works.check_share(works_percent)
    if not note.strip():
        raise DomainError("no-text", _("Say what was seen."), status=422)
    limits = works_rules.current()
    asked = [_checked(one, done_on, limits) for one in findings]
    with transaction.atomic():
        held = Inspection.objects.select_for_update().get(pk=inspection.pk)
        if held.done_on is not None or held.called_off_at is not None:
            raise DomainError("inspection-over", _("This inspection was made or called off already."))
        held.inspectors.set(there)
        held.done_on, held.works_percent, held.note, held.done_by = done_on, percent, note.strip(), user
        try:
            with transaction.atomic():
                held.save(update_fields=["done_on", "works_percent", "note", "done_by"])
        except IntegrityError as refused:
            raise works.refused_by_register(refused) from None
        inspection.refresh_from_db()
        made = [_open(user, inspection, *one) for one in asked]
        kept = photos.keep(user=user, project=project, pictures=pictures, inspection=inspection)
        for one in milestones:
            milestones_of_works.see(user=user, milestone=one, reached_on=done_on, inspection=inspection)
        after = {
            "done_on": done_on, "works_percent": percent, "inspectors": [one.get_username() for one in there],
            "findings": [one.ref for one in made], "milestones": [one.number for one in milestones],
            "photos": [one.sha256 for one in kept],
        }  # fmt: skip
        audit.record(user=user, act="inspection.done", subject=project, ref=inspection.ref, after=after)
        events.tell(
            project=project, kind="inspection.done", ref=inspection.ref,
            payload={**after, "done_on": done_on.isoformat(), "photos": len(kept)},
        )  # fmt: skip
    return inspection


def _checked(said: FindingSaid, done_on: date, limits: Limits) -> tuple[FindingSaid, date]:
    if not said.text.strip():
        raise DomainError("no-finding", _("Say what was found."), status=422)
    if said.severity not in Severity.values:
        raise DomainError("unknown-severity", _("Say how grave the finding is."), status=422)
    due = said.due_on or add_working_days(done_on, limits.finding_working_days(said.severity))
    if due < done_on:
        raise DomainError(
            "due-before-inspection", _("A finding is due after the day it was found."), status=422
        )
    return said, due


def open_finding(*, user: Any, inspection: Inspection, said: FindingSaid) -> Finding:
    """A finding that comes after the inspection was written down, say from a laboratory."""
    policies.demand(user, "works.inspect", inspection.project)
    works.demand_lookers_side(inspection.project, user)
    if inspection.done_on is None:
        raise DomainError("inspection-not-done", _("Findings come with an inspection that was made."))
    asked, due = _checked(said, inspection.done_on, works_rules.current())
    with transaction.atomic():
        return _open(user, inspection, asked, due)


def _open(user: Any, inspection: Inspection, said: FindingSaid, due: date) -> Finding:
    made = Finding.objects.create(
        inspection=inspection, ref=next_ref("F"), text=said.text.strip(), clause=said.clause.strip()[:80],
        severity=said.severity, due_on=due,
    )  # fmt: skip
    after = {
        "inspection": inspection.ref,
        "severity": said.severity,
        "due_on": due.isoformat(),
        "text": made.text,
    }
    audit.record(user=user, act="finding.open", subject=inspection.project, ref=made.ref, after=after)
    events.tell(project=inspection.project, kind="finding.opened", ref=made.ref, payload=after)
    return made


def rectify(*, user: Any, finding: Finding, text: str, pictures: Sequence[Picture] = ()) -> Rectification:
    """The builder's side says what was done about a finding."""
    project = finding.inspection.project
    policies.demand(user, "works.report", project)
    works.demand_builders_side(project, user)
    if not text.strip():
        raise DomainError("no-text", _("Say what was done."), status=422)
    with transaction.atomic():
        moved = Finding.objects.filter(pk=finding.pk, state=FindingState.OPEN).update(
            state=FindingState.RECTIFIED,
            rectification=text.strip(),
            rectified_by=user,
            rectified_at=timezone.now(),
        )
        if not moved:
            raise DomainError("finding-not-open", _("This finding waits to be checked, or is closed."))
        finding.refresh_from_db()
        number = (finding.rectifications.aggregate(last=Max("number"))["last"] or 0) + 1
        try:
            with transaction.atomic():
                made = Rectification.objects.create(
                    finding=finding, number=number, due_on=finding.due_on, text=text.strip(), done_by=user
                )
        except IntegrityError as refused:
            raise works.refused_by_register(refused) from None
        kept = photos.keep(user=user, project=project, pictures=pictures, rectification=made)
        after = {"round": number, "text": made.text, "photos": [one.sha256 for one in kept]}
        audit.record(user=user, act="finding.rectify", subject=project, ref=finding.ref, after=after)
        events.tell(
            project=project,
            kind="finding.rectified",
            ref=finding.ref,
            payload={"round": number, "photos": len(kept)},
        )
    return made


def check(*, user: Any, finding: Finding, accepted: bool, answer: str, due_on: date | None = None) -> Finding:
    """Somebody of the other side looks at what was done: it closes the finding, or opens it again until `due_on`
    (without one after the working days of its severity)."""
    project = finding.inspection.project
    policies.demand(user, "works.inspect", project)
    works.demand_lookers_side(project, user)
    if not answer.strip():
        raise DomainError("no-reason", _("Say what was found."), status=422)
    today = timezone.localdate()
    if due_on is not None and (accepted or due_on < today):
        raise DomainError(
            "bad-due-day", _("A new day, today or later, goes with what is not accepted."), status=422
        )
    with transaction.atomic():
        held = Finding.objects.select_for_update().get(pk=finding.pk)
        round_ = held.rectifications.filter(accepted=None).order_by("-number").first()
        if held.state != FindingState.RECTIFIED or round_ is None:
            raise DomainError("finding-not-rectified", _("Nothing that was done waits to be checked here."))
        round_.accepted, round_.answer, round_.checked_by = accepted, answer.strip(), user
        round_.checked_at = timezone.now()
        try:
            with transaction.atomic():
                round_.save(update_fields=["accepted", "answer", "checked_by", "checked_at"])
        except IntegrityError as refused:
            raise works.refused_by_register(refused) from None
        if accepted:
            held.state, held.closed_by, held.closed_at = FindingState.CLOSED, user, timezone.now()
        else:
            days = works_rules.current().finding_working_days(held.severity)
            held.state, held.rectified_by, held.rectified_at = FindingState.OPEN, None, None
            held.due_on = due_on or max(held.due_on, add_working_days(today, days))
        held.save(update_fields=["state", "closed_by", "closed_at", "rectified_by", "rectified_at", "due_on"])
        finding.refresh_from_db()
        after = {"round": round_.number, "accepted": accepted, "due_on": held.due_on.isoformat()}
        audit.record(
            user=user, act="finding.close" if accepted else "finding.reopen", subject=project, ref=finding.ref,
            after=after, reason=answer.strip(),
        )  # fmt: skip
        events.tell(
            project=project,
            kind="finding.closed" if accepted else "finding.opened",
            ref=finding.ref,
            payload=after,
        )
    return finding
