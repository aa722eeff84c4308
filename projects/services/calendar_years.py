"""A year's working days as announced: entered, corrected, and what that does to days that tasks are due on.

A task that is open keeps counting working days, not dates: when holidays of a later year become known, its last day moves
back with them. It is never moved forward: a day that somebody was told holds. Days written into decisions (conditions,
milestones) are dates, not periods, and stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, InvalidInput, Problem
from core.services import audit
from projects.choices import CaseState, StepState
from projects.models import CalendarYear, Step
from projects.selectors.working_days import add_working_days
from projects.services import working_days

Day = tuple[date, bool, str, str]


@dataclass(frozen=True)
class Entered:
    """year: what is known now; moved: open tasks whose last day is later than before."""

    year: CalendarYear
    moved: int


def enter_year(*, user: Any, year: int, days: Iterable[Day], announced: bool, source: str) -> Entered:
    """Enter every day of a year that differs from its weekday, and carry open tasks along."""
    listed = list(days)
    if not working_days.FIRST_YEAR <= year <= timezone.localdate().year + 10:
        raise DomainError("year-out-of-range", _("From %(first)s to ten years ahead.") % {"first": working_days.FIRST_YEAR}, status=422)  # fmt: skip
    if any(len(name) > 60 or len(name_en) > 60 for _day, _working, name, name_en in listed) or len(source) > 200:  # fmt: skip
        raise DomainError("too-long", _("Names of days have at most 60 characters, the notice 200."), status=422)  # fmt: skip
    with transaction.atomic():
        row = working_days.set_year(user=user, year=year, days=listed, announced=announced, source=source)
        moved = _move_open_tasks(year)
        if moved:
            audit.record(user=user, act="calendar.redate", subject=row, ref=str(year), after={"tasks": moved})
    return Entered(row, moved)


def _move_open_tasks(year: int) -> int:
    """Open tasks whose time reaches into the year get the last day that the calendar gives them now, if it is later."""
    read: dict[int, dict[date, bool]] = {}
    last: dict[tuple[date, int], date] = {}
    changed = []
    steps = Step.objects.select_for_update(of=("self",)).filter(
        state=StepState.OPEN, case__state=CaseState.OPEN, due_on__year__gte=year, opened_at__year__lte=year
    )
    for step in steps.select_related("task").order_by("pk"):
        begun = timezone.localdate(step.opened_at)
        key = (begun, step.task.due_working_days)
        if key not in last:
            last[key] = add_working_days(*key, read)
        if step.due_on is not None and last[key] > step.due_on:
            step.due_on = last[key]
            changed.append(step)
    Step.objects.bulk_update(changed, ["due_on"], batch_size=500)
    return len(changed)


def read_days(text: str, year: int) -> list[Day]:
    """Days of a pasted list, one a line: `2027-02-05 off 春节 Spring Festival` or `2027-02-14 work`. Every line that cannot
    be read is named at once."""
    found: list[Day] = []
    problems: list[Problem] = []
    seen: dict[date, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split(maxsplit=3)
        if not words or line.lstrip().startswith("#"):
            continue
        try:
            day = date.fromisoformat(words[0])
        except ValueError:
            problems.append(Problem("bad-date", _("Begin the line with a date like 2027-02-05."), row=number, value=words[0]))  # fmt: skip
            continue
        kind = words[1].lower() if len(words) > 1 else ""
        if kind not in ("off", "work", "休", "班"):
            problems.append(Problem("bad-kind", _("After the date comes off or work."), row=number, value=kind))  # fmt: skip
            continue
        if day.year != year:
            problems.append(Problem("other-year", _("This day is not in %(year)s.") % {"year": year}, row=number, value=words[0]))  # fmt: skip
        if day in seen:
            problems.append(Problem("day-twice", _("This day stands on line %(line)s already.") % {"line": seen[day]}, row=number, value=words[0]))  # fmt: skip
        works = kind in ("work", "班")
        if works == (day.weekday() < 5):
            problems.append(Problem("no-difference", _("This is so by its weekday already; list only days that differ."), row=number, value=words[0]))  # fmt: skip
        seen[day] = number
        found.append((day, works, words[2] if len(words) > 2 else "", words[3] if len(words) > 3 else ""))
    if problems:
        raise InvalidInput(_("The list cannot be used. Correct what is listed."), problems)
    return found


def written(days: Iterable[Any]) -> str:
    """The same list, from CalendarDay rows."""
    return "\n".join(
        " ".join(filter(None, [row.date.isoformat(), "work" if row.working else "off", row.name.replace(" ", ""), row.name_en if row.name else ""]))
        for row in days
    )  # fmt: skip
