"""One project, or all of a programme, on a time axis: planned against what was reported, seen and done.

Each month is equally wide, places are pixels from the left; every bar and mark carries its words, which the table beside the
picture says too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from core.templatetags.pingji import day as day_words
from core.templatetags.pingji import is_chinese, local_name
from projects.choices import CaseState, ConditionState, ProjectState
from projects.models import Milestone, Project, Release
from projects.selectors.money_drawing import month_starts, next_month
from projects.selectors.site import milestone_views

# Pixels of a month: enough for its number.
MONTH = 30
# An axis of more years than this would be a mistake in a date.
MOST_MONTHS = 180


@dataclass(frozen=True)
class Axis:
    """Months from the first to the last, each MONTH wide; `today` as a place, None when it lies outside."""

    first: date
    end: date
    months: list[tuple[int, str, str]]
    today: int | None

    @property
    def width(self) -> int:
        return MONTH * self._index(self.end)

    def _index(self, when: date) -> int:
        return (when.year - self.first.year) * 12 + when.month - self.first.month

    def at(self, when: date) -> int:
        start = when.replace(day=1)
        share = (when - start).days / (next_month(start) - start).days
        return max(0, min(self.width, round(MONTH * (self._index(when) + share))))


@dataclass(frozen=True)
class Bar:
    kind: str
    at: int
    wide: int
    words: str


@dataclass(frozen=True)
class Mark:
    """`kind`: planned, reported, seen, due, done, released, paid; each has its own shape."""

    kind: str
    at: int
    words: str


@dataclass(frozen=True)
class Row:
    """One line of the picture and of the table. `late_days` above 0: a day that was set has passed, or was passed."""

    label: str
    href: str
    note: str
    planned_from: date | None
    planned_on: date | None
    said_on: date | None
    done_on: date | None
    late_days: int
    bars: list[Bar] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    state: str = ""

    @property
    def words(self) -> str:
        """The picture of this row in one sentence."""
        said = [one.words for one in (*self.bars, *self.marks)]
        if self.late_days > 0:
            said.append(late_words(self.late_days, self.done_on is not None))
        return "; ".join(said)


@dataclass(frozen=True)
class Group:
    label: str
    rows: list[Row]


@dataclass(frozen=True)
class Schedule:
    axis: Axis | None
    groups: list[Group]

    @property
    def late(self) -> int:
        return sum(
            1 for group in self.groups for row in group.rows if row.late_days > 0 and row.done_on is None
        )

    @property
    def count(self) -> int:
        return sum(len(group.rows) for group in self.groups)


def late_words(days: int, over: bool) -> str:
    return (_("%(days)s days late at the end") if over else _("%(days)s days late")) % {"days": days}


def axis_of(days: Iterable[date | None], today: date) -> Axis | None:
    """The months that hold all `days`."""
    known = [one for one in days if one is not None]
    if not known:
        return None
    first, last = min(known).replace(day=1), max(known)
    starts = month_starts(first, last)[:MOST_MONTHS]
    end = next_month(starts[-1])
    bare = Axis(first, end, [], None)
    months, year = [], None
    for start in starts:
        word = f"{start.month}月" if is_chinese() else str(start.month)
        months.append((bare.at(start), word, str(start.year) if start.year != year else ""))
        year = start.year
    return Axis(first, end, months, bare.at(today) if first <= today < end else None)


def _bar(axis: Axis, kind: str, begins: date, ends: date, words: str) -> Bar:
    left = axis.at(begins)
    return Bar(kind, left, max(axis.at(ends) - left, 4), words)


def _span(words: str, begins: date, ends: date) -> str:
    return f"{words} {day_words(begins)} – {day_words(ends)}"


# --- one project -----------------------------------------------------------------------------------


def of_project(project: Project, today: date | None = None) -> Schedule:
    """Milestones, tranches, cases, conditions and responsibilities of one project."""
    day = today or timezone.localdate()
    drafts = [
        (_("Project"), [_whole(project, day)]),
        (_("Milestones"), _milestones(project, day)),
        (_("Tranches"), _tranches(project, day)),
        (_("Cases"), _cases(project, day)),
        (_("Conditions"), _conditions(project, day)),
        (_("Responsibilities"), _responsibilities(project, day)),
    ]
    rows = [row for _label, found in drafts for row in found]
    axis = axis_of([one for row in rows for one in (row.planned_from, row.planned_on, row.said_on, row.done_on)] + [day], day)  # fmt: skip
    if axis is None:
        return Schedule(None, [])
    return Schedule(
        axis, [Group(label, [_drawn(axis, row, day) for row in found]) for label, found in drafts if found]
    )


def _drawn(axis: Axis, row: Row, today: date) -> Row:
    """Put the days of a row on the axis: a bar where it has a beginning, marks for what was planned, said and done."""
    bars, marks = [], []
    if row.planned_from and row.planned_on and row.state != "case":
        bars.append(_bar(axis, "planned", row.planned_from, row.planned_on, _span(_("planned"), row.planned_from, row.planned_on)))  # fmt: skip
    elif row.planned_from and row.state == "case":
        ends = row.done_on or today
        bars.append(_bar(axis, "actual" if row.done_on else "open", row.planned_from, ends, _span(_("case"), row.planned_from, ends)))  # fmt: skip
    if row.state == "works" and row.said_on:
        ends = row.done_on or max(today, row.said_on)
        bars.append(_bar(axis, "actual", row.said_on, ends, _span(_("works"), row.said_on, ends)))
    elif row.said_on:
        marks.append(Mark("reported", axis.at(row.said_on), _("reported %(day)s") % {"day": day_words(row.said_on)}))  # fmt: skip
    if row.planned_on and not row.planned_from:
        marks.append(Mark("planned", axis.at(row.planned_on), _("planned %(day)s") % {"day": day_words(row.planned_on)}))  # fmt: skip
    if row.done_on and row.state not in ("case", "works"):
        marks.append(Mark("done", axis.at(row.done_on), _("done %(day)s") % {"day": day_words(row.done_on)}))
    if row.late_days > 0 and row.done_on is None and row.planned_on:
        bars.append(_bar(axis, "late", row.planned_on, today, late_words(row.late_days, False)))
    return Row(**{**row.__dict__, "bars": bars, "marks": marks})


def _late(due: date | None, done: date | None, today: date, going: bool = True) -> int:
    if due is None or not (done or going):
        return 0
    return max(((done or today) - due).days, 0)


GOING = (ProjectState.APPROVED, ProjectState.WORKS)


def _whole(project: Project, today: date) -> Row:
    handed = getattr(project, "commissioning", None)
    done = timezone.localdate(handed.accepted_at) if handed is not None and handed.accepted_at else None
    return Row(
        label=str(project.get_state_display()), href=reverse("project", args=[project.ref]), note=_("from start to handover"),
        planned_from=project.starts_on, planned_on=project.ends_on, said_on=project.started_on, done_on=done,
        late_days=_late(project.ends_on, done, today, project.state in GOING), state="works",
    )  # fmt: skip


def _milestones(project: Project, today: date) -> list[Row]:
    going = project.approved_fen is not None
    return [
        Row(
            label=f"{view.milestone.number}. {local_name(view.milestone)}", href="",
            note=_("approved for %(day)s") % {"day": day_words(view.approved_on)} if view.moved else "",
            planned_from=None, planned_on=view.milestone.planned_on, said_on=view.milestone.reported_on,
            done_on=view.milestone.reached_on, late_days=_late(view.milestone.planned_on, view.milestone.reached_on, today, going),
        )
        for view in milestone_views(project, today)
    ]  # fmt: skip


def _tranches(project: Project, today: date) -> list[Row]:
    asked: dict[int | None, date] = {}
    for one in project.cases.filter(tranche__isnull=False).order_by("submitted_at"):
        asked.setdefault(one.tranche_id, timezone.localdate(one.submitted_at))
    found = []
    for tranche in project.tranches.select_related("release").prefetch_related("milestones"):
        release: Release | None = getattr(tranche, "release", None)
        due = max((one.planned_on for one in tranche.milestones.all()), default=None)
        done = timezone.localdate(release.released_at) if release else None
        found.append(
            Row(
                label=f"{tranche.number}. {local_name(tranche)}", href=reverse("project_money", args=[project.ref]) + "#tranches",
                note=_("asked for and released"), planned_from=None, planned_on=due, said_on=asked.get(tranche.pk), done_on=done,
                late_days=_late(due, done, today, project.approved_fen is not None),
            )
        )  # fmt: skip
    return found


def _cases(project: Project, today: date) -> list[Row]:
    found = []
    for case in project.cases.select_related("tranche", "route").order_by("submitted_at"):
        due = max((step.due_on for step in case.steps.filter(state="open") if step.due_on), default=None)
        name = _("Release of tranche %(number)s") % {"number": case.tranche.number} if case.tranche else local_name(case.route)  # fmt: skip
        found.append(
            Row(
                label=f"{case.ref}, {name}", href=reverse("project", args=[project.ref]), note=str(case.get_state_display()),
                planned_from=timezone.localdate(case.submitted_at), planned_on=due, said_on=None,
                done_on=timezone.localdate(case.closed_at) if case.closed_at else None,
                late_days=_late(due, None, today, case.state == CaseState.OPEN), state="case",
            )
        )  # fmt: skip
    return found


def _conditions(project: Project, today: date) -> list[Row]:
    return [
        Row(
            label=one.text, href="", note=str(one.get_state_display()), planned_from=None, planned_on=one.due_on, said_on=None,
            done_on=timezone.localdate(one.settled_at) if one.settled_at else None,
            late_days=_late(one.due_on, timezone.localdate(one.settled_at) if one.settled_at else None, today, one.state == ConditionState.OPEN),
        )
        for one in project.conditions.exclude(state=ConditionState.WAIVED)
    ]  # fmt: skip


def _responsibilities(project: Project, today: date) -> list[Row]:
    return [
        Row(
            label=one.task, href="", note=f"{one.get_level_display()}, {local_name(one.organisation)}", planned_from=None,
            planned_on=one.due_on, said_on=None, done_on=timezone.localdate(one.done_at) if one.done_at else None,
            late_days=_late(one.due_on, timezone.localdate(one.done_at) if one.done_at else None, today),
        )
        for one in project.responsibilities.select_related("organisation")
    ]  # fmt: skip


# --- the programme ---------------------------------------------------------------------------------


def ordered(rows: QuerySet[Project], by: str) -> QuerySet[Project]:
    """By group, then by the day they start: so that a page of them has whole groups one after the other."""
    return rows.order_by("state" if by == "state" else "area__path", "starts_on", "pk").select_related(
        "area", "commissioning"
    )


def programme(rows: Iterable[Project], *, by: str = "area", today: date | None = None, names: dict[str, str] | None = None) -> Schedule:  # fmt: skip
    """A row for each project of `rows`, grouped by district or by state; three statements whatever their number."""
    day = today or timezone.localdate()
    projects = list(ordered(rows, by) if isinstance(rows, QuerySet) else rows)
    points: dict[int, list[Milestone]] = defaultdict(list)
    for one in Milestone.objects.filter(project__in=[row.pk for row in projects]).order_by(
        "project", "number"
    ):
        points[one.project_id].append(one)
    known = [one for row in projects for one in (row.starts_on, row.ends_on, row.started_on)]
    known += [
        one for marks in points.values() for mark in marks for one in (mark.planned_on, mark.reached_on)
    ]
    axis = axis_of([*known, day] if any(known) else [], day)
    if axis is None:
        return Schedule(None, [])
    found: dict[str, list[Row]] = defaultdict(list)
    for project in projects:
        found[_group(project, by)].append(_programme_row(axis, project, points[project.pk], day))
    order = list(ProjectState.values) if by == "state" else sorted(found)
    return Schedule(
        axis, [Group(_group_name(code, by, names or {}), found[code]) for code in order if code in found]
    )


def _group(project: Project, by: str) -> str:
    if by == "state":
        return project.state
    parts = project.area.path.strip("/").split("/") if project.area is not None else [""]
    return parts[1] if len(parts) > 1 else parts[0]


def _group_name(code: str, by: str, names: dict[str, str]) -> str:
    return (
        str(ProjectState(code).label) if by == "state" else names.get(code, code) or _("outside every area")
    )


def _programme_row(axis: Axis, project: Project, points: list[Milestone], today: date) -> Row:
    base = _whole(project, today)
    going = project.state in GOING
    bars, marks = [], []
    if project.starts_on and project.ends_on:
        bars.append(_bar(axis, "planned", project.starts_on, project.ends_on, _span(_("planned"), project.starts_on, project.ends_on)))  # fmt: skip
    if project.started_on:
        ends = base.done_on or max(today, project.started_on)
        bars.append(
            _bar(axis, "actual", project.started_on, ends, _span(_("works"), project.started_on, ends))
        )
    late = base.late_days
    for one in points:
        missed = _late(one.planned_on, one.reached_on, today, going)
        kind = "done" if one.reached_on else ("missed" if missed and going else "planned")
        words = _("milestone %(number)s, %(name)s, planned %(day)s") % {"number": one.number, "name": local_name(one), "day": day_words(one.planned_on)}  # fmt: skip
        if one.reached_on:
            words += ", " + _("seen %(day)s") % {"day": day_words(one.reached_on)}
        marks.append(Mark(kind, axis.at(one.reached_on or one.planned_on), words))
        if going and one.reached_on is None:
            late = max(late, missed)
    if going and project.started_on is None and project.starts_on:
        late = max(late, (today - project.starts_on).days)
    return Row(
        label=local_name(project), href=reverse("project_schedule", args=[project.ref]), note=str(project.get_state_display()),
        planned_from=project.starts_on, planned_on=project.ends_on, said_on=project.started_on, done_on=base.done_on,
        late_days=late, bars=bars, marks=marks,
    )  # fmt: skip


def answer(schedule: Schedule) -> list[dict[str, Any]]:
    """The table as plain values, for the API and the command."""
    return [
        {
            "group": group.label, "label": row.label, "note": row.note, "planned_from": row.planned_from,
            "planned_on": row.planned_on, "reported_on": row.said_on, "done_on": row.done_on, "late_days": max(row.late_days, 0),
        }
        for group in schedule.groups
        for row in group.rows
    ]  # fmt: skip
