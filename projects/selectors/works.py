"""What is known of the works of a project: what was said, what was seen, what waits for whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from core import policies
from core.models import City
from core.templatetags.pingji import local_name
from projects.choices import FindingState, ProjectState
from projects.models import (
    Finding,
    Inspection,
    Milestone,
    ProgressReport,
    Project,
    Rectification,
)
from projects.selectors.working_days import add_working_days
from projects.selectors.works_rules import limits

SEEN, REPORTED = "seen", "reported"


# --- months ----------------------------------------------------------------------------------------


def month_of(day: date) -> date:
    return day.replace(day=1)


def month_after(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def months_between(first: date, last: date) -> list[date]:
    """First days of the months from `first` to `last`, both included."""
    found, month = [], month_of(first)
    while month <= last:
        found.append(month)
        month = month_after(month)
    return found


def report_due_on(month: date) -> date:
    """The day by which the report of a month is due."""
    return add_working_days(month_after(month) - timedelta(days=1), limits().report_working_days)


# --- two sides -------------------------------------------------------------------------------------


def has_reported(project: Project, user: Any) -> bool:
    """Has this person spoken for the builder of this project? The database asks the same (projects_reported_by)."""
    return _asked("projects_reported_by", project, user)


def has_looked(project: Project, user: Any) -> bool:
    """Has this person inspected this project? The database asks the same (projects_looked_at_by)."""
    return _asked("projects_looked_at_by", project, user)


def _asked(function: str, project: Project, user: Any) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"select {function}(%s, %s)", [project.pk, user.pk])
        return bool(cursor.fetchone()[0])


# --- how far ---------------------------------------------------------------------------------------


def percent_series(project: Project) -> list[tuple[date, float, str]]:
    """(day, works done in %, "seen" | "reported"), by day. A month counts at its end, or on the day it was reported if
    that came first; on one day what was seen comes after what was said."""
    said = []
    for report in project.reports.all():
        end = month_after(report.month) - timedelta(days=1)
        said.append((min(end, timezone.localdate(report.reported_at)), report.works_percent, REPORTED))
    seen = [
        (one.done_on, one.works_percent, SEEN)
        for one in project.inspections.all()
        if one.done_on is not None and one.works_percent is not None
    ]
    return sorted([*said, *seen], key=lambda row: (row[0], row[2] == SEEN))


@dataclass(frozen=True)
class Share:
    """How far the works of one project are. `on` is the day it was seen, or the month that was reported."""

    percent: float
    basis: str
    on: date


def shares_of(project_ids: Iterable[int]) -> dict[int, Share]:
    """How far each of many projects is, in one statement: the newest share seen on site, else the newest reported."""
    ids = list(project_ids)
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select distinct on (project_id) project_id, works_percent, basis, day from (
                select project_id, works_percent, 'seen' as basis, done_on as day, id from projects_inspection
                    where project_id = any(%(ids)s) and done_on is not null and works_percent is not null
                union all
                select project_id, works_percent, 'reported', month, id from projects_progressreport
                    where project_id = any(%(ids)s)) as said
            order by project_id, basis = 'seen' desc, day desc, id desc
            """,
            {"ids": ids},
        )
        return {row[0]: Share(row[1], row[2], row[3]) for row in cursor.fetchall()}


def with_shares(projects: QuerySet[Project]) -> QuerySet[Project]:
    """Projects with `seen_percent`, `seen_on`, `reported_percent`, `reported_month`, `findings_open` and
    `findings_overdue`, all in the statement that reads them."""
    seen = Inspection.objects.filter(project=OuterRef("pk"), done_on__isnull=False).order_by(
        "-done_on", "-id"
    )
    said = ProgressReport.objects.filter(project=OuterRef("pk")).order_by("-month")
    open_ = Finding.objects.exclude(state=FindingState.CLOSED).filter(inspection__project=OuterRef("pk"))
    late = open_.filter(state=FindingState.OPEN, due_on__lt=timezone.localdate())

    def count(rows: QuerySet[Finding]) -> Any:
        counted = rows.order_by().values("inspection__project").annotate(count=Count("pk")).values("count")
        return Coalesce(Subquery(counted), 0)

    return projects.annotate(
        seen_percent=Subquery(seen.values("works_percent")[:1]),
        seen_on=Subquery(seen.values("done_on")[:1]),
        reported_percent=Subquery(said.values("works_percent")[:1]),
        reported_month=Subquery(said.values("month")[:1]),
        findings_open=count(open_),
        findings_overdue=count(late),
    )


def planned_percent(milestones: Iterable[Milestone], on: date) -> int:
    """Share of the works that the milestones promise by a day."""
    return max((one.works_percent for one in milestones if one.planned_on <= on), default=0)


@dataclass(frozen=True)
class WorksSummary:
    """The works of one project in a few lines, for its case page."""

    project: Project
    seen: Inspection | None
    reported: ProgressReport | None
    planned_percent: int
    milestones: list[Milestone]
    milestones_seen: int
    milestones_to_see: int
    milestones_late: int
    next_milestone: Milestone | None
    months_missing: list[date]
    photos: int
    photos_marked: int
    inspections_done: int
    next_inspection: Inspection | None
    findings_open: list[Finding]
    findings_overdue: int

    @property
    def percent(self) -> float | None:
        """What is known best: seen before said."""
        best = self.seen or self.reported
        return best.works_percent if best else None


def months_missing(project: Project, reports: Iterable[ProgressReport], today: date) -> list[date]:
    """Months of the works whose report is due and not there."""
    if project.started_on is None or project.state != ProjectState.WORKS:
        return []
    have = {report.month for report in reports}
    over = month_of(today) - timedelta(days=1)
    open_ = [month for month in months_between(project.started_on, over) if month not in have]
    # Only the last month can still be within its period.
    return [month for month in open_ if month_after(month) <= over or report_due_on(month) < today]


def summary(project: Project) -> WorksSummary:
    today = timezone.localdate()
    milestones = list(project.milestones.order_by("number"))
    reports = list(project.reports.order_by("month"))
    inspections = list(project.inspections.order_by("done_on", "id"))
    done = [one for one in inspections if one.done_on is not None]
    ahead = sorted(
        (one for one in inspections if one.done_on is None and one.called_off_at is None),
        key=lambda one: one.planned_on,
    )
    open_ = list(
        Finding.objects.filter(inspection__project=project)
        .exclude(state=FindingState.CLOSED)
        .select_related("inspection")
    )
    problems = list(project.photos.values_list("problems", flat=True))
    left = [one for one in milestones if one.reached_on is None]
    return WorksSummary(
        project=project,
        seen=done[-1] if done else None,
        reported=reports[-1] if reports else None,
        planned_percent=planned_percent(milestones, today),
        milestones=milestones,
        milestones_seen=len(milestones) - len(left),
        milestones_to_see=sum(1 for one in left if one.reported_on is not None),
        milestones_late=sum(1 for one in left if one.planned_on < today),
        next_milestone=left[0] if left else None,
        months_missing=months_missing(project, reports, today),
        photos=len(problems),
        photos_marked=sum(1 for one in problems if one),
        inspections_done=len(done),
        next_inspection=ahead[0] if ahead else None,
        findings_open=open_,
        findings_overdue=sum(1 for one in open_ if one.state == FindingState.OPEN and one.due_on < today),
    )


# --- what waits ------------------------------------------------------------------------------------


def _where(user: Any, act: str) -> Q:
    """Projects at whose place one of the person's roles grants `act`."""
    if getattr(user, "is_superuser", False):
        return Q()
    query = Q(pk__in=[])
    for role, top, city_id in policies.memberships(user):
        if role in policies.GRANTS[act]:
            places = Q(area__path__startswith=top)
            if policies.city_wide(top):
                places |= Q(area=None)
            query |= Q(city_id=city_id) & places
    return query


def _row(kind: str, title: str, href: str, due_on: date | None, project: Project) -> dict[str, Any]:
    return {"kind": kind, "title": title, "href": href, "due_on": due_on, "project": project}


def waiting_for(user: Any, city: City | None) -> list[dict[str, Any]]:
    """What of the works waits for one person: {kind, title, href, due_on, project}. Nobody is asked to look at what they
    reported, or to report what they look at."""
    found: list[dict[str, Any]] = []
    builder = Project.objects.filter(_where(user, "works.report"))
    looker = Project.objects.filter(_where(user, "works.inspect"))
    if city is not None:
        builder, looker = builder.filter(city=city), looker.filter(city=city)
    found += _to_report(user, builder) + _milestones_to_report(user, builder) + _to_rectify(user, builder)
    found += _to_see(user, looker) + _to_inspect(user, looker) + _to_close(user, looker)
    return found


def _looked(user: Any, project: str) -> Q:
    """Rows whose project (lookup `project`) this person has inspected."""
    looked = Inspection.objects.filter(done_on__isnull=False).filter(Q(done_by=user) | Q(inspectors=user))
    return Q(Exists(looked.filter(project=OuterRef(project))))


def _spoke(user: Any, project: str) -> Q:
    """Rows whose project this person has reported on."""
    return (
        Q(Exists(ProgressReport.objects.filter(project=OuterRef(project), reported_by=user)))
        | Q(Exists(Milestone.objects.filter(project=OuterRef(project), reported_by=user)))
        | Q(
            Exists(Rectification.objects.filter(finding__inspection__project=OuterRef(project), done_by=user))
        )
    )


def _to_report(user: Any, projects: QuerySet[Project]) -> list[dict[str, Any]]:
    month = month_of(month_of(timezone.localdate()) - timedelta(days=1))
    rows = (
        projects.filter(state=ProjectState.WORKS, started_on__lt=month_after(month))
        .filter(~Exists(ProgressReport.objects.filter(project=OuterRef("pk"), month=month)))
        .exclude(_looked(user, "pk"))
        .select_related("area")
    )
    due = report_due_on(month)
    words = _("Report on %(month)s") % {"month": f"{month:%Y-%m}"}
    return [
        _row("report", words, reverse("works_report", args=[one.ref]) + f"?month={month:%Y-%m}", due, one)
        for one in rows
    ]


def _milestones_to_report(user: Any, projects: QuerySet[Project]) -> list[dict[str, Any]]:
    """Milestones that are planned within a week, or were planned before."""
    rows = (
        Milestone.objects.filter(
            project__in=projects,
            project__state=ProjectState.WORKS,
            reported_on=None,
            reached_on=None,
            planned_on__lte=timezone.localdate() + timedelta(days=7),
        )
        .exclude(_looked(user, "project"))
        .select_related("project__area")
    )
    return [
        _row(
            "milestone-report",
            _("Report when reached: %(name)s") % {"name": local_name(one)},
            reverse("works_milestone", args=[one.project.ref, one.number]),
            one.planned_on,
            one.project,
        )
        for one in rows
    ]


def _to_rectify(user: Any, projects: QuerySet[Project]) -> list[dict[str, Any]]:
    rows = (
        Finding.objects.filter(inspection__project__in=projects, state=FindingState.OPEN)
        .exclude(_looked(user, "inspection__project"))
        .select_related("inspection__project__area")
    )
    return [
        _row(
            "finding",
            _("Rectify %(ref)s: %(text)s") % {"ref": one.ref, "text": one.text},
            reverse("finding", args=[one.ref]),
            one.due_on,
            one.inspection.project,
        )
        for one in rows
    ]


def _to_see(user: Any, projects: QuerySet[Project]) -> list[dict[str, Any]]:
    rows = (
        Milestone.objects.filter(project__in=projects, reported_on__isnull=False, reached_on=None)
        .exclude(reported_by=user)
        .exclude(_spoke(user, "project"))
        .select_related("project__area")
    )
    days = limits().inspect_working_days
    read: dict[int, dict[date, bool]] = {}
    return [
        _row(
            "milestone",
            _("See on site: %(name)s") % {"name": local_name(one)},
            reverse("works_milestone", args=[one.project.ref, one.number]),
            add_working_days(one.reported_on, days, read) if one.reported_on else None,
            one.project,
        )
        for one in rows
    ]


def _to_inspect(user: Any, projects: QuerySet[Project]) -> list[dict[str, Any]]:
    rows = (
        Inspection.objects.filter(project__in=projects, done_on=None, called_off_at=None)
        .filter(Q(inspectors=None) | Q(inspectors=user))
        .exclude(_spoke(user, "project"))
        .select_related("project__area")
        .distinct()
    )
    return [
        _row(
            "inspection",
            _("Inspect on site"),
            reverse("inspection", args=[one.ref]),
            one.planned_on,
            one.project,
        )
        for one in rows
    ]


def _to_close(user: Any, projects: QuerySet[Project]) -> list[dict[str, Any]]:
    rows = (
        Finding.objects.filter(inspection__project__in=projects, state=FindingState.RECTIFIED)
        .exclude(rectified_by=user)
        .exclude(_spoke(user, "inspection__project"))
        .select_related("inspection__project__area")
    )
    return [
        _row(
            "finding-close",
            _("Check what was done about %(ref)s: %(text)s") % {"ref": one.ref, "text": one.text},
            reverse("finding", args=[one.ref]),
            one.due_on,
            one.inspection.project,
        )
        for one in rows
    ]
