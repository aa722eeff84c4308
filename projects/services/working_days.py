"""Working days: due dates count them, holidays and make-up days included.

Years the package `chinesecalendar` knows are announced by the State Council; later ones are begun from weekends and the
days fixed by law (Regulations on public holidays, 2024 amendment: 1 January, 1 and 2 May, 1 to 3 October) and stay
"not yet announced" until somebody enters the notice.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import chinese_calendar
from chinese_calendar.constants import Holiday, holidays, in_lieu_days, workdays
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.services import audit
from projects.models import CalendarDay, CalendarYear
from projects.selectors.working_days import (
    add_working_days,
    is_announced,
    is_working,
    working_days_between,
)

__all__ = [
    "add_working_days", "is_announced", "is_working", "known_years", "load_calendar", "set_year", "working_days_between",
]  # fmt: skip

PACKAGE = f"chinesecalendar {chinese_calendar.__version__}"
FIRST_YEAR = 2020
_FIXED = {(1, 1): "New Year's Day", (5, 1): "Labour Day", (5, 2): "Labour Day", (10, 1): "National Day", (10, 2): "National Day", (10, 3): "National Day"}  # fmt: skip
_CHINESE = {"New Year's Day": "元旦", "Labour Day": "劳动节", "National Day": "国庆节"} | {
    kind.value: kind.chinese for kind in Holiday
}


def known_years() -> range:
    """Years whose notice the package holds."""
    return range(FIRST_YEAR, max(day.year for day in holidays) + 1)


def load_calendar(*, until: int) -> int:
    """Begin every year up to `until` that is not there yet; years that exist are never touched. Years begun."""
    have = set(CalendarYear.objects.values_list("year", flat=True))
    begun = [year for year in range(FIRST_YEAR, until + 1) if year not in have]
    announced = known_years()
    with transaction.atomic():
        for year in begun:
            known = year in announced
            CalendarYear.objects.create(year=year, announced=known, source=PACKAGE if known else "")
        rows = [row for year in begun for row in _days(year, year in announced)]
        CalendarDay.objects.bulk_create(rows, ignore_conflicts=True)
    return len(begun)


def _days(year: int, announced: bool) -> Iterable[CalendarDay]:
    if not announced:
        for (month, day), name in _FIXED.items():
            when = date(year, month, day)
            if when.weekday() < 5:
                yield CalendarDay(date=when, working=False, name=_CHINESE[name], name_en=name)
        return
    for when, name in {**holidays, **in_lieu_days}.items():
        if when.year == year and when.weekday() < 5:
            yield CalendarDay(date=when, working=False, name=_CHINESE.get(name, name), name_en=name)
    for when, name in workdays.items():
        if when.year == year and when.weekday() >= 5:
            yield CalendarDay(date=when, working=True, name=_CHINESE.get(name, name), name_en=name)


def set_year(
    *, user: Any, year: int, days: Iterable[tuple[date, bool, str, str]], announced: bool, source: str
) -> CalendarYear:
    """Enter a year's notice: every day that differs from its weekday, (date, working, name, English name)."""
    if user is not None:
        policies.demand(user, "calendar.edit")
    listed = list(days)
    if wrong := sorted({day.isoformat() for day, *_rest in listed if day.year != year}):
        raise DomainError(
            "other-year", _("These days are not in %(year)s: %(words)s.") % {"year": year, "words": ", ".join(wrong)}, status=422
        )  # fmt: skip
    if len({day for day, *_rest in listed}) < len(listed):
        raise DomainError("day-twice", _("A day stands twice in the list."), status=422)
    if announced and not source.strip():
        raise DomainError("no-source", _("Name the notice that announces the year."), status=422)
    with transaction.atomic():
        row, _created = CalendarYear.objects.get_or_create(year=year)
        row = CalendarYear.objects.select_for_update().get(pk=row.pk)
        before = {
            "announced": row.announced,
            "days": [
                [day.isoformat(), working]
                for day, working in CalendarDay.objects.filter(date__year=year).values_list("date", "working")
            ],
        }
        CalendarDay.objects.filter(date__year=year).delete()
        CalendarDay.objects.bulk_create(
            CalendarDay(date=day, working=working, name=name, name_en=name_en)
            for day, working, name, name_en in listed
            if working != (day.weekday() < 5)
        )
        row.announced, row.source = announced, source.strip()
        row.save()
        audit.record(
            user=user, act="calendar.edit", subject=row, ref=str(year), before=before,
            after={"announced": announced, "days": [[day.isoformat(), working] for day, working, *_rest in listed]},
        )  # fmt: skip
    return row
