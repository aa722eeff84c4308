"""Money against work, month by month: what was planned, what was released, what was paid, what stands on the site.

The method and a worked example: docs/algorithms/money-curve.md. Everything is whole fen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from projects.models import Payment, Project, Release
from projects.selectors import works
from projects.selectors.money_drawing import (
    NARROW,
    WIDE,
    Drawing,
    Line,
    draw,
    month_starts,
    next_month,
)

# A chart of more months than these would be a mistake in a date.
MOST_MONTHS = 240


@dataclass(frozen=True)
class Month:
    """One row of the table: sums at the end of the month (of today in the running one); None where it is not known yet."""

    first: date
    planned_fen: int | None
    released_fen: int | None
    paid_fen: int | None
    works_fen: int | None
    works_percent: float | None
    said_percent: float | None


@dataclass(frozen=True)
class MoneyCurve:
    """What the chart, its table, the API and the command say of one project or of a programme.

    `works` are (day, percent, "seen" or "reported"): what was seen where somebody has looked, else what was reported, which
    `said` has in any case. `base_fen` is what 100 % of the works is worth."""

    today: date
    base_fen: int
    months: list[Month]
    planned: list[tuple[date, int]]
    released: list[tuple[date, int]]
    paid: list[tuple[date, int]]
    works: list[tuple[date, float, str]]
    works_money: list[tuple[date, int]]
    said: list[tuple[date, float]]

    @property
    def planned_fen(self) -> int:
        return self.planned[-1][1] if self.planned else 0

    @property
    def released_fen(self) -> int:
        return self.released[-1][1] if self.released else 0

    @property
    def paid_fen(self) -> int:
        return self.paid[-1][1] if self.paid else 0

    @property
    def works_fen(self) -> int | None:
        return self.works_money[-1][1] if self.works_money else None

    @property
    def works_percent(self) -> float | None:
        return self.works[-1][1] if self.works else None

    @property
    def works_how(self) -> str:
        """How the newest share of works is known: seen, reported, or not at all."""
        return self.works[-1][2] if self.works else ""

    @property
    def finding(self) -> str:
        """nothing-paid, works-unknown, behind (paid at most what stands there) or ahead."""
        if self.paid_fen <= 0:
            return "nothing-paid"
        if self.works_fen is None:
            return "works-unknown"
        return "ahead" if self.paid_fen > self.works_fen else "behind"

    @property
    def sentence(self) -> str:
        return {
            "nothing-paid": _("Nothing is paid yet."),
            "works-unknown": _("Money is paid, but no works are reported yet: needs explanation."),
            "behind": _("Payment is behind work, as it should be."),
            "ahead": _("Paid ahead of works: needs explanation."),
        }[self.finding]

    @property
    def empty(self) -> bool:
        return not (self.planned or self.released or self.paid or self.works)

    @cached_property
    def lines(self) -> list[Line]:
        """In the order of the key: plan, works, released, paid. Built when read, in the reader's language."""
        return [
            line
            for line in (
                Line("planned", pgettext("money", "Planned"), self.planned),
                Line("works", _("Works done"), self.works_money),
                Line("released", _("Released"), self._until_today(self.released), steps=True),
                Line("paid", _("Paid"), self._until_today(self.paid)),
            )
            if line.points
        ]

    def _until_today(self, points: Sequence[tuple[date, int]]) -> list[tuple[date, int]]:
        """A line of what happened begins at nothing and goes on as it is until today."""
        if not points:
            return []
        start = self.months[0].first if self.months else points[0][0]
        begun = [(min(start, points[0][0]), 0), *points]
        last = max(self.today, points[-1][0])
        return begun if points[-1][0] == last else [*begun, (last, points[-1][1])]

    @property
    def drawings(self) -> list[tuple[str, Drawing]]:
        """For a wide and for a narrow screen; the style sheet shows one of them."""
        if not self.months:
            return []
        first, last = self.months[0].first, self.months[-1].first
        return [
            (name, draw(lines=self.lines, first=first, last=last, today=self.today, size=size))
            for name, size in (("wide", WIDE), ("narrow", NARROW))
        ]


def as_seen(series: Sequence[tuple[date, float, str]]) -> list[tuple[date, float, str]]:
    """What inspectors saw counts; only where nobody has looked yet, what the builder reports."""
    seen = [row for row in series if row[2] == works.SEEN]
    return seen or list(series)


def worth(percent: float, base_fen: int) -> int:
    """The share of the cost that so much of the works is worth, in fen."""
    return int((Decimal(str(percent)) * base_fen / 100).to_integral_value(ROUND_HALF_UP))


def planned_months(
    *, lines: Sequence[tuple[int, int]], begins: date, ends: date, points: Sequence[tuple[date, int]]
) -> list[tuple[date, int]]:
    """Planned money, cumulative, on the first day of each month after `begins` (so: at the end of each month).

    Each year's money is spread over the months of that year as the planned works are: straight between the milestones
    `points` (day, works %), 0 at `begins` and 100 at `ends`; evenly where no works are planned in that year. Each year
    ends on exactly what the lines up to it hold.
    """
    by_year: dict[int, int] = {}
    for year, fen in lines:
        by_year[year] = by_year.get(year, 0) + fen
    if not by_year:
        return []
    way = _planned_works(begins, max(begins, ends), points)
    # A year with money and without works still has a place on the axis.
    starts = month_starts(
        min(begins, date(min(by_year), 12, 1)), max(begins, ends, date(max(by_year), 1, 31))
    )
    found: list[tuple[date, int]] = [(starts[0], 0)]
    before = 0
    for year in sorted({day.year for day in starts} | set(by_year)):
        mine = [day for day in starts if day.year == year]
        amount = by_year.get(year, 0)
        weights = [_works_at(way, next_month(day)) - _works_at(way, day) for day in mine]
        whole = sum(weights, Fraction(0))
        if not whole:
            weights, whole = [Fraction(1)] * len(mine), Fraction(len(mine))
        so_far = Fraction(0)
        for day, weight in zip(mine, weights, strict=True):
            so_far += weight
            found.append((next_month(day), before + int(amount * so_far / whole)))
        before += amount
    return found


def _planned_works(begins: date, ends: date, points: Sequence[tuple[date, int]]) -> list[tuple[date, int]]:
    way, most = [(begins, 0)], 0
    for day, percent in sorted(points):
        if begins < day < ends and percent > most:
            way.append((day, percent))
            most = percent
    return [*way, (ends, 100)] if ends > begins else [(begins, 100)]


def _works_at(way: Sequence[tuple[date, int]], day: date) -> Fraction:
    if day <= way[0][0]:
        return Fraction(0)
    for (left, low), (right, high) in pairwise(way):
        if day <= right:
            return low + Fraction((high - low) * (day - left).days, (right - left).days)
    return Fraction(way[-1][1])


def time_of(project: Project, lines: Sequence[tuple[int, int]], points: Sequence[tuple[date, int]]) -> tuple[date, date]:  # fmt: skip
    """From when to when the project is planned: its own days, else those of its milestones and lines."""
    begins = project.starts_on or (date(min(year for year, _fen in lines), 1, 1) if lines else timezone.localdate(project.created_at))  # fmt: skip
    last = [day for day, _percent in points]
    ends = project.ends_on or max(last, default=date(max(year for year, _fen in lines), 12, 31) if lines else begins)  # fmt: skip
    return begins, max(begins, ends)


def cumulative(rows: Sequence[tuple[date, int]]) -> list[tuple[date, int]]:
    """One point a day with the sum until then."""
    found: list[tuple[date, int]] = []
    total = 0
    for day, fen in sorted(rows):
        total += fen
        if found and found[-1][0] == day:
            found[-1] = (day, total)
        else:
            found.append((day, total))
    return found


def at(points: Sequence[tuple[date, Any]], day: date) -> Any:
    """The last value on or before `day`, None before the first."""
    value = None
    for when, said in points:
        if when > day:
            break
        value = said
    return value


def curve(project: Project, today: date | None = None) -> MoneyCurve:
    """The money of one project against its works."""
    day = today or timezone.localdate()
    lines = list(project.budget_lines.values_list("year", "amount_fen"))
    points = list(project.milestones.values_list("planned_on", "works_percent"))
    released = cumulative(
        [
            (timezone.localdate(moment), fen)
            for moment, fen in Release.objects.filter(tranche__project=project).values_list(
                "released_at", "amount_fen"
            )
        ]
    )
    paid = cumulative(list(Payment.objects.filter(project=project).values_list("paid_on", "amount_fen")))
    begins, ends = time_of(project, lines, points)
    planned = planned_months(lines=lines, begins=begins, ends=ends, points=points)
    base = project.approved_fen if project.approved_fen is not None else project.cost_fen
    series = [row for row in works.percent_series(project) if row[0] <= day]
    done = as_seen(series)
    return assemble(
        today=day, base_fen=base, planned=planned, released=released, paid=paid, works=done,
        works_money=[(when, worth(percent, base)) for when, percent, _how in done],
        said=[(when, percent) for when, percent, how in series if how == works.REPORTED],
    )  # fmt: skip


def assemble(
    *,
    today: date,
    base_fen: int,
    planned: list[tuple[date, int]],
    released: list[tuple[date, int]],
    paid: list[tuple[date, int]],
    works: list[tuple[date, float, str]],
    works_money: list[tuple[date, int]],
    said: list[tuple[date, float]],
) -> MoneyCurve:
    """Put series of any origin together: the months they span and the table of month ends."""
    happened = [*released, *paid, *works_money]
    known = [when for when, _fen in (*planned, *happened)]
    months: list[Month] = []
    if known:
        last = max([when for when, _fen in happened] + [planned[-2][0] if len(planned) > 1 else today] + ([today] if happened else []))  # fmt: skip
        shares = [(when, percent) for when, percent, _how in works]
        for first in month_starts(min(known), last)[:MOST_MONTHS]:
            after = next_month(first)
            over = first <= today
            end = min(after, today) if after > today else date.fromordinal(after.toordinal() - 1)
            months.append(
                Month(
                    first=first, planned_fen=at(planned, after) if planned else None,
                    released_fen=(at(released, end) or 0) if over else None,
                    paid_fen=(at(paid, end) or 0) if over else None,
                    works_fen=at(works_money, end) if over else None, works_percent=at(shares, end) if over else None,
                    said_percent=at(said, end) if over else None,
                )
            )  # fmt: skip
    return MoneyCurve(
        today=today, base_fen=base_fen, months=months, planned=planned, released=released, paid=paid, works=works,
        works_money=works_money, said=said,
    )  # fmt: skip
