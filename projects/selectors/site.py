"""What the pages of the works show: milestones with their history, reports, inspections, findings, photos in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from core import policies
from core.models import Membership
from core.templatetags.pingji import day as day_words
from core.templatetags.pingji import num
from projects.choices import MilestoneAct
from projects.models import (
    Finding,
    Inspection,
    Milestone,
    MilestoneChange,
    Photo,
    ProgressReport,
    Project,
    ReportVersion,
)


@dataclass
class MilestoneView:
    """A milestone with what was said about it. `approved_on` is the day that was approved, wherever it moved since."""

    milestone: Milestone
    approved_on: date
    changes: list[MilestoneChange] = field(default_factory=list)
    late_days: int = 0

    @property
    def moved(self) -> bool:
        return self.approved_on != self.milestone.planned_on


def milestone_views(project: Project, today: date | None = None) -> list[MilestoneView]:
    day = today or timezone.localdate()
    rows = project.milestones.select_related("reported_by", "seen_by", "seen_in").prefetch_related(
        Prefetch("changes", MilestoneChange.objects.select_related("said_by").order_by("id"))
    )
    found = []
    for one in rows.order_by("number"):
        said = list(one.changes.all())
        moved = [change for change in said if change.act == MilestoneAct.REVISED]
        first = moved[0].from_on if moved and moved[0].from_on else one.planned_on
        found.append(
            MilestoneView(
                one, first, said, ((one.reached_on or max(day, one.planned_on)) - one.planned_on).days
            )
        )
    return found


def reports_of(project: Project) -> QuerySet[ProgressReport]:
    return (
        project.reports.select_related("reported_by")
        .prefetch_related("photos", Prefetch("versions", ReportVersion.objects.select_related("reported_by")))
        .order_by("-month")
    )


def inspections_of(project: Project) -> QuerySet[Inspection]:
    return project.inspections.select_related("done_by", "drawn", "called_off_by").prefetch_related(
        "findings", "inspectors"
    )


def findings_of(project: Project) -> QuerySet[Finding]:
    """Overdue and open ones first."""
    return (
        Finding.objects.filter(inspection__project=project)
        .select_related("inspection", "rectified_by", "closed_by")
        .order_by("closed_at", "due_on", "id")
    )


def photos_of(project: Project) -> QuerySet[Photo]:
    return project.photos.select_related("report", "inspection", "finding", "milestone", "added_by").order_by(
        F("taken_at").desc(nulls_last=True), "-id"
    )


def inspectors_at(project: Project) -> QuerySet[Any]:
    """People who may inspect this project, those who reported on it left out."""
    path = project.area.path if project.area is not None else ""
    codes = path.strip("/").split("/")
    above = ["/".join(codes[: n + 1]) + "/" for n in range(len(codes))]
    today = timezone.localdate()
    roles = Membership.objects.filter(
        Q(valid_to=None) | Q(valid_to__gte=today),
        role__in=policies.GRANTS["works.inspect"],
        valid_from__lte=today,
        area__city_id=project.city_id,
        area__path__in=above,
        user=OuterRef("pk"),
    )
    spoke = ProgressReport.objects.filter(project=project, reported_by=OuterRef("pk"))
    people = get_user_model().objects.filter(Exists(roles), ~Exists(spoke), is_active=True)
    return people.order_by("name", "username")


@dataclass(frozen=True)
class Said:
    """One thing that was found about a photo, in words; `href` leads to the other picture where the reader may see it."""

    code: str
    words: str
    href: str = ""


def metres_words(metres: float) -> str:
    """2345 -> "2.3 km", 120 -> "120 m"."""
    return f"{num(metres / 1000, 1)} km" if metres >= 1000 else f"{num(metres)} m"


def _day(text: str) -> str:
    return day_words(parse_date(text))


def _holder(facts: dict[str, Any]) -> str:
    """Where the other picture is: a report, an inspection, a finding, a milestone."""
    if facts.get("finding"):
        return _("finding %(ref)s") % {"ref": facts["finding"]}
    if facts.get("inspection"):
        return _("inspection %(ref)s") % {"ref": facts["inspection"]}
    if facts.get("month"):
        return _("report of %(month)s") % {"month": facts["month"]}
    if facts.get("milestone"):
        return _("milestone %(number)s") % {"number": facts["milestone"]}
    return _("another place")


def problem_words(problem: dict[str, Any], seen_projects: set[str]) -> Said:
    """A problem as a sentence. Of a project that the reader may not see only that there is one is said."""
    code = str(problem.get("code", ""))
    if code == "no-position":
        return Said(code, _("no position"))
    if code == "far":
        return Said(
            code, _("taken %(distance)s from the site") % {"distance": metres_words(problem["metres"])}
        )
    if code == "shifted":
        words = _("taken %(distance)s from the site as written; %(shifted)s if the camera writes GCJ-02")
        return Said(
            code,
            words
            % {
                "distance": metres_words(problem["metres"]),
                "shifted": metres_words(problem["metres_shifted"]),
            },
        )
    if code == "no-time":
        return Said(code, _("no time"))
    if code == "in-future":
        return Said(code, _("its clock is in the future: %(day)s") % {"day": _day(problem["taken"])})
    if code == "before-works":
        return Said(
            code,
            _("taken before the works began: %(day)s, begun %(began)s")
            % {"day": _day(problem["taken"]), "began": _day(problem["began"])},
        )
    if code == "before-finding":
        return Said(
            code,
            _("taken before the finding: %(day)s, found %(found)s")
            % {"day": _day(problem["taken"]), "found": _day(problem["found"])},
        )
    if code == "outside-window":
        return Said(
            code,
            _("taken on %(day)s, not between %(first)s and %(last)s")
            % {
                "day": _day(problem["taken"]),
                "first": _day(problem["first"]),
                "last": _day(problem["last"]),
            },
        )
    if code in ("same", "alike"):
        return _copy_words(code, problem, seen_projects)
    return Said(code, code)


def _copy_words(code: str, problem: dict[str, Any], seen_projects: set[str]) -> Said:
    if problem["project"] not in seen_projects:
        words = (
            _("the same picture as in another project")
            if code == "same"
            else _("almost the same picture as in another project")
        )
        return Said(code, words)
    words = (
        _("the same picture as in %(where)s of %(project)s")
        if code == "same"
        else _("almost the same picture as in %(where)s of %(project)s")
    )
    return Said(
        code,
        words % {"where": _holder(problem), "project": problem["project"]},
        reverse("photo", args=[problem["photo"]]),
    )


@dataclass(frozen=True)
class PhotoView:
    """A photo and what was found about it, in words."""

    photo: Photo
    problems: list[Said]


def photo_views(photos: list[Photo], user: Any) -> list[PhotoView]:
    """Photos with their words; which other projects the reader may see is asked once."""
    others = {
        one["project"] for photo in photos for one in photo.problems if one.get("code") in ("same", "alike")
    }
    seen = set(
        Project.objects.filter(policies.visible(user), ref__in=others).values_list("ref", flat=True)
        if others
        else []
    )
    return [PhotoView(one, [problem_words(problem, seen) for problem in one.problems]) for one in photos]
