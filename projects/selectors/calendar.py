"""A year of working days, as a wall calendar shows it."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date
from typing import Any

from projects.models import CalendarDay, CalendarYear


@dataclass(frozen=True)
class DayView:
    """kind: work, weekend, off (a holiday on a weekday), makeup (a weekend day that is worked)."""

    date: date
    kind: str
    row: CalendarDay | None


@dataclass(frozen=True)
class YearView:
    """months: (first day, weeks of seven DayView or None, working days of the month)."""

    year: CalendarYear | None
    number: int
    months: list[tuple[date, list[list[DayView | None]], int]]
    days: list[CalendarDay]

    @property
    def working(self) -> int:
        return sum(count for _first, _weeks, count in self.months)


def years() -> list[CalendarYear]:
    return list(CalendarYear.objects.order_by("year"))


def year_view(number: int) -> YearView:
    rows = list(CalendarDay.objects.filter(date__year=number).order_by("date"))
    known = {row.date: row for row in rows}

    def view(day: date) -> DayView:
        row, weekend = known.get(day), day.weekday() >= 5
        works = row.working if row is not None else not weekend
        kind = ("makeup" if weekend else "work") if works else ("weekend" if weekend else "off")
        return DayView(day, kind, row)

    months = []
    for month in range(1, 13):
        weeks: list[list[Any]] = [
            [view(day) if day.month == month else None for day in week]
            for week in calendar.Calendar().monthdatescalendar(number, month)
        ]
        count = sum(1 for week in weeks for one in week if one and one.kind in ("work", "makeup"))
        months.append((date(number, month, 1), weeks, count))
    return YearView(CalendarYear.objects.filter(year=number).first(), number, months, rows)
