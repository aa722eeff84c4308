"""Due dates against the State Council's notices for 2025 and 2026, written down by hand from 国办发明电〔2024〕12号 and
国办发明电〔2025〕7号."""

from datetime import date, timedelta

import pytest

from core.errors import DomainError
from projects.models import CalendarYear
from projects.services import working_days
from projects.services.working_days import add_working_days, is_working, working_days_between

pytestmark = pytest.mark.django_db

# First and last free day of each holiday, and the make-up days.
HOLIDAYS = {
    2025: ["01-01 01-01", "01-28 02-04", "04-04 04-06", "05-01 05-05", "05-31 06-02", "10-01 10-08"],
    2026: [
        "01-01 01-03",
        "02-15 02-23",
        "04-04 04-06",
        "05-01 05-05",
        "06-19 06-21",
        "09-25 09-27",
        "10-01 10-07",
    ],
}
MAKE_UP = {
    2025: ["01-26", "02-08", "04-27", "09-28", "10-11"],
    2026: ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"],
}


def by_hand(year: int) -> set[date]:
    """Working days of a year from the notice alone."""
    free, extra = set(), {date.fromisoformat(f"{year}-{text}") for text in MAKE_UP[year]}
    for span in HOLIDAYS[year]:
        first, last = (date.fromisoformat(f"{year}-{text}") for text in span.split())
        free |= {first + timedelta(days=n) for n in range((last - first).days + 1)}
    days = (date(year, 1, 1) + timedelta(days=n) for n in range(365))
    return {day for day in days if (day.weekday() < 5 or day in extra) and day not in free}


@pytest.fixture(autouse=True)
def calendar() -> None:
    working_days.load_calendar(until=2028)


def test_every_day_of_2025_and_2026_is_working_or_free_as_the_notices_say():
    for year in (2025, 2026):
        told = by_hand(year)
        read: dict = {}
        ours = {day for n in range(365) if is_working(day := date(year, 1, 1) + timedelta(days=n), read)}
        assert ours == told
    assert len(by_hand(2025)) == 248
    assert len(by_hand(2026)) == 248


def test_due_dates_from_every_day_of_both_years_equal_a_hand_calendar():
    days = sorted(by_hand(2025) | by_hand(2026))
    for n in range(700):
        start = date(2025, 1, 1) + timedelta(days=n)
        later = [day for day in days if day > start]
        if len(later) < 10:
            break
        assert add_working_days(start, 5) == later[4]
        assert add_working_days(start, 10) == later[9]
        assert working_days_between(start, later[9]) == 10


def test_a_period_that_begins_before_the_spring_festival_ends_after_its_make_up_days():
    # Five working days from Thursday 23 January 2025: Friday 24, Sunday 26 (make-up), Monday 27, then 5 and 6 February.
    assert add_working_days(date(2025, 1, 23), 5) == date(2025, 2, 6)


def test_a_year_that_is_not_announced_says_so_and_counts_the_days_fixed_by_law():
    assert not working_days.is_announced(date(2028, 5, 1))
    assert working_days.is_announced(date(2026, 5, 1))
    assert not is_working(date(2027, 10, 1))
    assert is_working(date(2027, 10, 4))


def test_a_notice_that_is_entered_replaces_what_was_begun():
    working_days.set_year(
        user=None, year=2027, announced=True, source="国办发明电〔2026〕1号",
        days=[(date(2027, 2, 8), False, "春节", "Spring Festival"), (date(2027, 2, 20), True, "春节", "Spring Festival")],
    )  # fmt: skip
    assert not is_working(date(2027, 2, 8))
    assert is_working(date(2027, 2, 20))
    assert is_working(date(2027, 10, 1))
    assert CalendarYear.objects.get(year=2027).announced
    working_days.load_calendar(until=2028)
    assert not is_working(date(2027, 2, 8))


def test_a_notice_without_its_number_or_with_days_of_another_year_is_refused():
    with pytest.raises(DomainError, match="notice"):
        working_days.set_year(user=None, year=2027, announced=True, source=" ", days=[])
    with pytest.raises(DomainError, match="2028-01-01"):
        working_days.set_year(
            user=None, year=2027, announced=True, source="x", days=[(date(2028, 1, 1), False, "", "")]
        )
