"""Works: their start, and the months that are reported.

Two sides: whoever reports the works of a project does not look at them, and the other way round; the database refuses it
too (migration 0016). Nothing said is overwritten without what stood before being kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError, Forbidden
from core.services import audit
from projects.choices import CaseState, ProjectState
from projects.models import Case, Contract, ProgressReport, Project
from projects.selectors import works as seen
from projects.services import events, photos
from projects.services.pictures import Picture


def start(*, user: Any, project: Project, started_on: date, reason: str = "") -> Project:
    """Works begin. They need an approval, and a contract signed by then: government invested works do not begin before
    their conditions are there (政府投资条例 2019, art. 20), and a construction permit asks for the builder's contract
    (建筑工程施工许可管理办法 2021, art. 4). Works by own hands or below the limit of the permit need a reason instead."""
    policies.demand(user, "works.report", project)
    if project.state == ProjectState.WORKS:
        raise DomainError("works-begun", _("The works have begun already."))
    if project.state != ProjectState.APPROVED:
        raise DomainError("project-not-approved", _("Works begin after the project is approved."))
    _check_start(project, started_on)
    signed = Contract.objects.filter(project=project, signed_on__lte=started_on).exists()
    if not signed and not reason.strip():
        raise DomainError(
            "no-contract",
            _(
                "No contract that was signed by then is recorded. Record it first, or say why works begin without one."
            ),
            status=422,
        )
    with transaction.atomic():
        moved = Project.objects.filter(pk=project.pk, state=ProjectState.APPROVED).update(
            state=ProjectState.WORKS, started_on=started_on, version=F("version") + 1
        )
        if not moved:
            raise DomainError("works-begun", _("The works have begun already."))
        project.refresh_from_db()
        after = {"started_on": started_on, "contract": signed}
        audit.record(
            user=user, act="works.start", subject=project, before={"state": ProjectState.APPROVED}, after=after,
            reason=reason.strip(),
        )  # fmt: skip
        events.tell(
            project=project, kind="works.started", ref=project.ref,
            payload={"started_on": started_on.isoformat(), "contract": signed},
        )  # fmt: skip
    return project


def correct_start(*, user: Any, project: Project, started_on: date, reason: str) -> Project:
    """Another first day, while nothing has been reported for it."""
    policies.demand(user, "works.report", project)
    if project.state != ProjectState.WORKS:
        raise DomainError("works-not-begun", _("The works have not begun, or are over."))
    if not reason.strip():
        raise DomainError("no-reason", _("Say why."), status=422)
    _check_start(project, started_on)
    with transaction.atomic():
        held = Project.objects.select_for_update().get(pk=project.pk)
        if held.reports.exists():
            raise DomainError(
                "works-reported", _("The first day of works that were reported on does not change.")
            )
        before = held.started_on
        Project.objects.filter(pk=held.pk).update(started_on=started_on, version=F("version") + 1)
        project.refresh_from_db()
        audit.record(
            user=user, act="works.start", subject=project, before={"started_on": before},
            after={"started_on": started_on}, reason=reason.strip(),
        )  # fmt: skip
        events.tell(
            project=project, kind="works.started", ref=project.ref,
            payload={"started_on": started_on.isoformat(), "corrected": True},
        )  # fmt: skip
    return project


def _check_start(project: Project, started_on: date) -> None:
    if started_on > timezone.localdate():
        raise DomainError("day-in-future", _("The day lies in the future."), status=422)
    approved = Case.objects.filter(
        project=project, tranche=None, state__in=[CaseState.APPROVED, CaseState.CONDITIONAL]
    ).aggregate(last=Max("closed_at"))["last"]
    if approved is not None and started_on < timezone.localdate(approved):
        raise DomainError(
            "start-before-approval",
            _("The project was approved on %(day)s; works do not begin before.")
            % {"day": timezone.localdate(approved).isoformat()},
            status=422,
        )


# --- months ----------------------------------------------------------------------------------------


def report(
    *,
    user: Any,
    project: Project,
    month: date,
    works_percent: float,
    text: str,
    reason: str = "",
    pictures: Sequence[Picture] = (),
) -> ProgressReport:
    """What was done in a month, once. The same report sent twice is one; another one for the month is a correction."""
    policies.demand(user, "works.report", project)
    demand_builders_side(project, user)
    demand_works(project)
    month = seen.month_of(month)
    _check_month(project, month)
    percent, text, reason = check_share(works_percent), text.strip(), reason.strip()
    _check_text(text)
    there = ProgressReport.objects.filter(project=project, month=month).first()
    if there is None:
        _check_fall(project, month, percent, reason)
    with transaction.atomic():
        try:
            with transaction.atomic():
                made = there or ProgressReport.objects.create(
                    project=project,
                    month=month,
                    works_percent=percent,
                    text=text,
                    reason=reason,
                    reported_by=user,
                )
        except IntegrityError as refused:
            there = ProgressReport.objects.filter(project=project, month=month).first()
            if there is None:
                raise refused_by_register(refused) from None
            made = there
        if there is not None and (there.works_percent, there.text, there.reported_by_id) != (
            percent, text, user.pk,
        ):  # fmt: skip
            raise DomainError(
                "report-there",
                _("This month is reported already, with %(percent)g %%. Correct that report instead.")
                % {"percent": there.works_percent},
                month=f"{month:%Y-%m}",
            )
        kept = photos.keep(user=user, project=project, pictures=pictures, report=made)
        if there is None or kept:
            after = {
                "month": f"{month:%Y-%m}", "works_percent": percent, "version": made.version,
                "photos": [one.sha256 for one in kept],
            }  # fmt: skip
            audit.record(user=user, act="works.report", subject=project, after=after, reason=reason)
            events.tell(
                project=project,
                kind="works.reported",
                ref=project.ref,
                payload={**after, "photos": len(kept)},
            )
    return made


def correct_report(
    *,
    user: Any,
    report: ProgressReport,
    works_percent: float,
    text: str,
    reason: str,
    version: int | None = None,
    pictures: Sequence[Picture] = (),
) -> ProgressReport:
    """Say a month again. What stood before is kept by the database; `version` is the one that was read."""
    project = report.project
    policies.demand(user, "works.report", project)
    demand_builders_side(project, user)
    demand_works(project)
    percent, text, reason = check_share(works_percent), text.strip(), reason.strip()
    _check_text(text)
    if not reason:
        raise DomainError("no-reason", _("Say why the report is corrected."), status=422)
    read = report.version if version is None else version
    if (report.works_percent, report.text) == (percent, text) and not pictures:
        raise DomainError("nothing-changed", _("Nothing differs from the report that is there."), status=422)
    before = {"works_percent": report.works_percent, "text": report.text, "version": report.version}
    try:
        with transaction.atomic():
            moved = ProgressReport.objects.filter(pk=report.pk, version=read).update(
                works_percent=percent, text=text, reason=reason, reported_by=user, reported_at=timezone.now(),
                version=read + 1,
            )  # fmt: skip
            if not moved:
                raise DomainError(
                    "changed-meanwhile",
                    _("Somebody corrected this report meanwhile. Look at it again."),
                    status=412,
                )
            report.refresh_from_db()
            kept = photos.keep(user=user, project=project, pictures=pictures, report=report)
            after = {
                "month": f"{report.month:%Y-%m}", "works_percent": percent, "version": report.version,
                "photos": [one.sha256 for one in kept],
            }  # fmt: skip
            audit.record(
                user=user, act="works.report", subject=project, before=before, after=after, reason=reason
            )
            events.tell(
                project=project,
                kind="works.reported",
                ref=project.ref,
                payload={**after, "photos": len(kept)},
            )
    except IntegrityError as refused:
        raise refused_by_register(refused) from None
    return report


def demand_works(project: Project) -> None:
    if project.state != ProjectState.WORKS:
        raise DomainError("works-not-begun", _("The works have not begun, or are over."))


def demand_builders_side(project: Project, user: Any) -> None:
    if seen.has_looked(project, user):
        raise Forbidden(
            _("You have inspected this project; its works are reported by somebody else."), "two-sides"
        )


def demand_lookers_side(project: Project, user: Any) -> None:
    if seen.has_reported(project, user):
        raise Forbidden(
            _("You have reported works of this project; somebody else looks at them."), "two-sides"
        )


def _check_month(project: Project, month: date) -> None:
    if month > seen.month_of(timezone.localdate()):
        raise DomainError("month-in-future", _("The month has not begun."), status=422)
    if project.started_on is not None and month < seen.month_of(project.started_on):
        raise DomainError(
            "month-before-works",
            _("The works began on %(day)s; no month before is reported.")
            % {"day": project.started_on.isoformat()},
            status=422,
        )


def check_share(percent: float) -> float:
    try:
        number = float(percent)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= 100:
        raise DomainError("bad-share", _("Works done are a share from 0 to 100 %."), status=422)
    return round(number, 2)


def _check_text(text: str) -> None:
    if not text:
        raise DomainError("no-text", _("Say what was done."), status=422)


def _check_fall(project: Project, month: date, percent: float, reason: str) -> None:
    most = project.reports.filter(month__lt=month).aggregate(most=Max("works_percent"))["most"]
    if most is not None and percent < most and not reason:
        raise DomainError(
            "works-go-back",
            _("An earlier month reported %(percent)g %%. Say why it is less now.") % {"percent": most},
            status=422,
        )


def refused_by_register(error: Exception) -> DomainError:
    return DomainError(
        "works-refused", _("The register refuses this: %(words)s.") % {"words": str(error).splitlines()[0]}
    )


def check_day(project: Project, day: date) -> None:
    if day > timezone.localdate():
        raise DomainError("day-in-future", _("The day lies in the future."), status=422)
    if project.started_on is not None and day < project.started_on:
        raise DomainError("day-before-works", _("The day lies before the works began."), status=422)
