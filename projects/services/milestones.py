"""Milestones: reported by one side, seen on site by the other, sent back, moved with a reason that stays.

The day that was approved stays readable: the first move keeps it, and the database lets a date move only together with a
row that says from where, to where and why (migration 0016).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.services import audit
from projects.choices import MilestoneAct, ProjectState
from projects.models import Inspection, Milestone, MilestoneChange
from projects.services import events, photos, works
from projects.services.pictures import Picture


def report(
    *,
    user: Any,
    milestone: Milestone,
    reported_on: date,
    text: str = "",
    pictures: Sequence[Picture] = (),
) -> Milestone:
    """The builder's side says that a milestone is there. It counts only when somebody else has seen it."""
    project = milestone.project
    policies.demand(user, "works.report", project)
    works.demand_builders_side(project, user)
    works.demand_works(project)
    works.check_day(project, reported_on)
    with transaction.atomic():
        moved = Milestone.objects.filter(pk=milestone.pk, reported_on=None, reached_on=None).update(
            reported_on=reported_on, reported_by=user
        )
        if not moved:
            raise DomainError("milestone-reported", _("This milestone is reported already."))
        _tell(
            user,
            milestone,
            MilestoneAct.REPORTED,
            "milestone.reported",
            to_on=reported_on,
            text=text,
            pictures=pictures,
        )
    return milestone


def see(
    *,
    user: Any,
    milestone: Milestone,
    reached_on: date,
    text: str = "",
    inspection: Inspection | None = None,
    pictures: Sequence[Picture] = (),
) -> Milestone:
    """Somebody of the other side saw it on site: from now on it is reached. Money that waits for it may go its way."""
    project = milestone.project
    policies.demand(user, "works.inspect", project)
    works.demand_lookers_side(project, user)
    works.check_day(project, reached_on)
    if inspection is not None and (inspection.project_id != project.pk or inspection.done_on is None):
        raise DomainError(
            "other-inspection", _("Name an inspection of this project that has been made."), status=422
        )
    with transaction.atomic():
        try:
            with transaction.atomic():
                moved = Milestone.objects.filter(
                    pk=milestone.pk, reported_on__isnull=False, reached_on=None
                ).update(reached_on=reached_on, seen_by=user, seen_in=inspection)
        except IntegrityError as refused:
            raise works.refused_by_register(refused) from None
        if not moved:
            raise DomainError(
                "milestone-not-reported", _("This milestone is not reported, or was seen already.")
            )
        _tell(
            user,
            milestone,
            MilestoneAct.SEEN,
            "milestone.seen",
            to_on=reached_on,
            text=text,
            pictures=pictures,
        )
    return milestone


def send_back(*, user: Any, milestone: Milestone, reason: str) -> Milestone:
    """Looked at, and not there yet: the report is taken off, with the reason."""
    policies.demand(user, "works.inspect", milestone.project)
    works.demand_lookers_side(milestone.project, user)
    if not reason.strip():
        raise DomainError("no-reason", _("Say what is missing."), status=422)
    with transaction.atomic():
        moved = Milestone.objects.filter(pk=milestone.pk, reported_on__isnull=False, reached_on=None).update(
            reported_on=None, reported_by=None
        )
        if not moved:
            raise DomainError(
                "milestone-not-reported", _("This milestone is not reported, or was seen already.")
            )
        _tell(
            user,
            milestone,
            MilestoneAct.SENT_BACK,
            "project.changed",
            from_on=milestone.reported_on,
            text=reason,
        )
    return milestone


def revise(*, user: Any, milestone: Milestone, planned_on: date, reason: str) -> Milestone:
    """Move the planned day. Who looks at the works grants it, not who does them; the approved day stays readable."""
    project = milestone.project
    policies.demand(user, "works.inspect", project)
    works.demand_lookers_side(project, user)
    if project.state not in (ProjectState.APPROVED, ProjectState.WORKS):
        raise DomainError("project-not-approved", _("Dates are moved here once the project is approved."))
    if not reason.strip():
        raise DomainError("no-reason", _("Say why."), status=422)
    if planned_on == milestone.planned_on:
        raise DomainError("nothing-changed", _("This is the day that is planned already."), status=422)
    with transaction.atomic():
        held = Milestone.objects.select_for_update().get(pk=milestone.pk)
        if held.reached_on is not None:
            raise DomainError("milestone-reached", _("A milestone that was seen stays as it is."))
        if held.planned_on != milestone.planned_on:
            raise DomainError(
                "changed-meanwhile", _("Somebody moved this day meanwhile. Look at it again."), status=412
            )
        before = held.planned_on
        MilestoneChange.objects.create(
            milestone=held,
            act=MilestoneAct.REVISED,
            from_on=before,
            to_on=planned_on,
            text=reason.strip(),
            said_by=user,
        )
        held.planned_on = planned_on
        held.save(update_fields=["planned_on"])
        milestone.refresh_from_db()
        _record(user, milestone, MilestoneAct.REVISED, "project.changed", before, planned_on, reason.strip())
    return milestone


def _tell(
    user: Any,
    milestone: Milestone,
    act: str,
    kind: str,
    *,
    from_on: date | None = None,
    to_on: date | None = None,
    text: str = "",
    pictures: Sequence[Picture] = (),
) -> None:
    """Keep what was said of a milestone, its pictures, the audit and the event."""
    MilestoneChange.objects.create(
        milestone=milestone, act=act, from_on=from_on, to_on=to_on, text=text.strip(), said_by=user
    )
    photos.keep(user=user, project=milestone.project, pictures=pictures, milestone=milestone)
    milestone.refresh_from_db()
    _record(user, milestone, act, kind, from_on, to_on, text.strip())


def _record(
    user: Any, milestone: Milestone, act: str, kind: str, before: date | None, after: date | None, reason: str
) -> None:
    project = milestone.project
    audit.record(
        user=user, act=f"milestone.{act}", subject=project, ref=f"{project.ref}/{milestone.number}",
        before={"on": before}, after={"milestone": milestone.number, "on": after}, reason=reason,
    )  # fmt: skip
    payload = {"milestone": milestone.number, "act": act, "on": after.isoformat() if after else None}
    events.tell(project=project, kind=kind, ref=project.ref, payload=payload)
