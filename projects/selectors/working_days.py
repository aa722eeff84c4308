"""Counting working days by the calendar that is stored (see services.working_days, which fills it)."""

from __future__ import annotations

from datetime import date, timedelta

from projects.models import CalendarDay, CalendarYear


def is_working(day: date, exceptions: dict[int, dict[date, bool]] | None = None) -> bool:
    """Is this a working day? `exceptions` by year saves reading them for every day of a loop."""
    of_year = (exceptions or {}).get(day.year)
    if of_year is None:
        of_year = dict(CalendarDay.objects.filter(date__year=day.year).values_list("date", "working"))
        if exceptions is not None:
            exceptions[day.year] = of_year
    return of_year.get(day, day.weekday() < 5)


def add_working_days(start: date, count: int, exceptions: dict[int, dict[date, bool]] | None = None) -> date:
    """The last day of a period of `count` working days that begins on the day after `start` (Civil Code, article 201: the
    day it begins on does not count). With 0 the first working day from `start` on."""
    read = {} if exceptions is None else exceptions
    day, left = start, count
    if left == 0:
        while not is_working(day, read):
            day += timedelta(days=1)
        return day
    while left:
        day += timedelta(days=1)
        if is_working(day, read):
            left -= 1
    return day


def working_days_between(start: date, end: date) -> int:
    """Working days after `start` up to and with `end`; negative when end lies before start."""
    if end < start:
        return -working_days_between(end, start)
    read: dict[int, dict[date, bool]] = {}
    return sum(is_working(start + timedelta(days=n), read) for n in range(1, (end - start).days + 1))


def is_announced(day: date) -> bool:
    return CalendarYear.objects.filter(year=day.year, announced=True).exists()
