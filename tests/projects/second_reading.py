"""The alert rules once more, in plain Python over plain values, written from docs/algorithms/supervision-alerts.md alone.

Nothing here is shared with the platform: no SQL, no thresholds file, no calendar table (working days come from a hand
list), no date helpers. It answers which (rule, occasion, due day) a sequence of runs, explanations and closings must give.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from pyproj import Geod

from tests.projects.histories import SITE, History

# Thresholds of the shipped rules as the page prints them: (numbers, working days to answer, whose responsibility).
SHIPPED: dict[str, tuple[dict[str, int], int, str]] = {
    "late-start": ({"late": 30}, 10, "territory"),
    "lag": ({"behind": 10, "again": 90}, 10, "enterprise"),
    "low-payment": ({"below": 50, "after": 90, "again": 90}, 10, "department"),
    "scope-shrink": ({"less": 5}, 10, "department"),
    "overdue": ({"milestone": 15, "end": 0}, 10, "enterprise"),
    "paid-ahead": ({"ahead": 30, "again": 90}, 5, "department"),
    "idle-funds": ({"months": 6, "left": 50, "again": 180}, 10, "department"),
    "payee": ({"from": 0, "back": 365}, 5, "department"),
    "silence": ({"months": 2, "again": 60}, 5, "enterprise"),
    "evidence": ({"photos": 1, "wait": 3, "back": 365}, 5, "enterprise"),
    "far-from-site": ({"away": 500, "back": 365}, 5, "enterprise"),
    "capacity-below": ({"percent": 95}, 10, "department"),
}
STANDING = {"lag", "low-payment", "paid-ahead", "idle-funds", "silence"}
REPORT_DUE_WORKING_DAYS = 5
EARTH = Geod(ellps="WGS84")

# Notices of the State Council for 2025 and 2026 (国办发明电〔2024〕12号, 〔2025〕7号): free weekdays and worked weekends.
_FREE = """2025-01-01 2025-01-28 2025-01-29 2025-01-30 2025-01-31 2025-02-03 2025-02-04 2025-04-04 2025-05-01 2025-05-02
2025-05-05 2025-06-02 2025-10-01 2025-10-02 2025-10-03 2025-10-06 2025-10-07 2025-10-08 2026-01-01 2026-01-02 2026-02-16
2026-02-17 2026-02-18 2026-02-19 2026-02-20 2026-02-23 2026-04-06 2026-05-01 2026-05-04 2026-05-05 2026-06-19 2026-09-25
2026-10-01 2026-10-02 2026-10-05 2026-10-06 2026-10-07""".split()
_WORKED = """2025-01-26 2025-02-08 2025-04-27 2025-09-28 2025-10-11 2026-01-04 2026-02-14 2026-02-28 2026-05-09 2026-09-20
2026-10-10""".split()


def works(day: date) -> bool:
    text = day.isoformat()
    return text in _WORKED or (day.weekday() < 5 and text not in _FREE)


def after_working_days(day: date, count: int) -> date:
    while count:
        day += timedelta(days=1)
        count -= works(day)
    return day


def one_decimal(value: Fraction | float | str) -> Decimal:
    exact = (
        value if isinstance(value, Fraction) else Fraction(repr(value) if isinstance(value, float) else value)
    )
    tenths = math.floor(exact * 10 + Fraction(1, 2))
    return Decimal(tenths) / 10


def months_on(day: date, count: int) -> date:
    """The same day of a later month, or its last where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    for number in range(day.day, 27, -1):
        try:
            return date(year, month + 1, number)
        except ValueError:
            continue
    return date(year, month + 1, day.day)


def known_percent(one: History, day: date) -> Decimal:
    said = [(report.on, 0, report.month, report.percent) for report in one.reports if report.on <= day]
    seen = [(on, 1, n, percent) for n, (on, percent) in enumerate(one.inspections) if on <= day]
    newest = max([*said, *seen], key=lambda row: (row[0], row[1], str(row[2]).zfill(12)), default=None)
    return one_decimal(newest[3]) if newest else Decimal(0)


def planned_percent(one: History, day: date) -> Decimal:
    points = [(planned, percent) for planned, percent, _seen in one.milestones if percent > 0]
    if begin := one.starts_on or one.started_on:
        points.append((begin, 0))
    if one.ends_on:
        points.append((one.ends_on, 100))
    before = max((point for point in points if point[0] <= day), default=None)
    after = min((point for point in points if point[0] > day), default=None)
    if before is None:
        return Decimal(0)
    if after is None:
        return one_decimal(Fraction(before[1]))
    share = Fraction((day - before[0]).days, (after[0] - before[0]).days)
    return one_decimal(before[1] + (after[1] - before[1]) * share)


def paid(one: History, day: date, tranche: int | None = None) -> int:
    total = 0
    for pay in one.payments:
        if tranche in (None, pay.tranche):
            total += pay.fen if pay.on <= day else 0
            total -= pay.taken_back[0] if pay.taken_back and pay.taken_back[1] <= day else 0
    return total


def written_alike(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).split()).lower()


def metres(one: tuple[float, float], other: tuple[float, float]) -> int:
    _there, _back, distance = EARTH.inv(*one, *other)
    return int(Decimal(distance).quantize(Decimal(1), ROUND_HALF_UP))


Found = Iterable[tuple[str, str]]  # (thing, occasion; "" where the matter is standing)


def late_start(one: History, day: date, t: dict[str, int]) -> Found:
    planned = max(filter(None, [one.starts_on, one.approved_on]))
    last = planned + timedelta(days=t["late"])
    if day > last and (one.started_on is None or one.started_on > last):
        yield "", f"start:{planned}"


def lag(one: History, day: date, t: dict[str, int]) -> Found:
    begun = one.started_on is not None and one.started_on <= day
    if begun and planned_percent(one, day) - known_percent(one, day) >= t["behind"]:
        yield "", ""


def low_payment(one: History, day: date, t: dict[str, int]) -> Found:
    rest = one.approved_fen - sum(fen for _year, fen in one.lines)
    due = Fraction(0)
    for year, fen in [*one.lines, (2099, rest)]:
        if year < day.year:
            due += fen
        elif year == day.year:
            due += Fraction(fen * (day.month - 1), 12)
    if (
        (day - one.approved_on).days >= t["after"]
        and due > 0
        and Fraction(paid(one, day)) / due < Fraction(t["below"], 100)
    ):
        yield "", ""


def scope_shrink(one: History, day: date, t: dict[str, int]) -> Found:
    if one.units is not None and Fraction(one.approved_units - one.units, one.approved_units) >= Fraction(
        t["less"], 100
    ):
        yield "", f"units:{one.units}"


def overdue(one: History, day: date, t: dict[str, int]) -> Found:
    for number, (planned, _percent, seen) in enumerate(one.milestones, start=1):
        last = planned + timedelta(days=t["milestone"])
        if day > last and (seen is None or seen > last):
            yield f"milestone:{number}", f"milestone:{number}:{planned}"
    if one.ends_on and day > one.ends_on + timedelta(days=t["end"]):
        yield "end", f"end:{one.ends_on}"


def paid_ahead(one: History, day: date, t: dict[str, int]) -> Found:
    rows = [pay for pay in one.payments if pay.on <= day]
    share = Fraction(paid(one, day) * 100, one.approved_fen)
    if rows and share - Fraction(known_percent(one, day)) >= t["ahead"]:
        yield "", ""


def idle_funds(one: History, day: date, t: dict[str, int]) -> Found:
    for number, (fen, released) in enumerate(one.tranches, start=1):
        left = Fraction(fen - paid(one, day, number), fen)
        if released and months_on(released, t["months"]) <= day and left >= Fraction(t["left"], 100):
            yield f"tranche:{number}", ""


def payee(one: History, day: date, t: dict[str, int]) -> Found:
    for pay, key in zip(one.payments, one.payment_ids, strict=True):
        if not pay.on <= day <= pay.on + timedelta(days=t["back"]) or pay.fen < t["from"] * 100:
            continue
        if pay.taken_back and pay.taken_back[1] <= day and pay.taken_back[0] == pay.fen:
            continue
        names = {written_alike(name) for name, signed in one.contracts if signed <= pay.on}
        if written_alike(pay.payee) not in names:
            yield f"payment:{key}", f"payment:{key}"


def silence(one: History, day: date, t: dict[str, int]) -> Found:
    if not one.started_on or one.started_on > day:
        return
    number = day.year * 12 + day.month - 1
    while True:  # the newest month whose report was due before this day
        number -= 1
        last = date((number + 1) // 12, (number + 1) % 12 + 1, 1) - timedelta(days=1)
        if after_working_days(last, REPORT_DUE_WORKING_DAYS) < day:
            break
    spoken = [one.started_on.year * 12 + one.started_on.month - 2]
    spoken += [report.month.year * 12 + report.month.month - 1 for report in one.reports if report.on <= day]
    if number - max(spoken) >= t["months"]:
        yield "", ""


def evidence(one: History, day: date, t: dict[str, int]) -> Found:
    spoilt = {"same", "alike", "in-future", "before-works", "before-finding", "outside-window"}
    for report in one.reports:
        last = report.on + timedelta(days=t["wait"])
        if last < day <= report.on + timedelta(days=t["back"]):
            good = [on for on, wrong, _where in report.photos if wrong not in spoilt and on <= last]
            if len(good) < t["photos"]:
                name = f"report:{report.month:%Y-%m}"
                yield name, name


def far_from_site(one: History, day: date, t: dict[str, int]) -> Found:
    for report in one.reports:
        for on, wrong, where in report.photos:
            asked = where and wrong != "shifted" and on <= day <= on + timedelta(days=t["back"])
            if asked and metres(where, SITE) > t["away"]:
                yield f"report:{report.month:%Y-%m}", f"report:{report.month:%Y-%m}"
    if one.moved_to and metres(one.moved_to, SITE) > t["away"]:
        yield "site", f"site:{one.moved_to[0]:.5f},{one.moved_to[1]:.5f}"


def capacity_below(one: History, day: date, t: dict[str, int]) -> Found:
    if not one.built or one.built[1] > day:
        return
    if Fraction(one.built[0], one.approved_units) < Fraction(t["percent"], 100):
        yield "", f"built:{one.built[0]}"


RULES: dict[str, Callable[[History, date, dict[str, int]], Found]] = {
    "late-start": late_start, "lag": lag, "low-payment": low_payment, "scope-shrink": scope_shrink, "overdue": overdue,
    "paid-ahead": paid_ahead, "idle-funds": idle_funds, "payee": payee, "silence": silence, "evidence": evidence,
    "far-from-site": far_from_site, "capacity-below": capacity_below,
}  # fmt: skip


@dataclass
class Held:
    """An alert of one project as this reading keeps it."""

    code: str
    thing: str
    occasion: str
    due_on: date
    closed_on: date | None = None
    ended: bool = False


@dataclass
class Reader:
    """Runs the rules over one project, day after day, and remembers."""

    one: History
    held: list[Held] = field(default_factory=list)

    def run(self, day: date) -> None:
        if day < self.one.approved_on:
            return
        for code, (thresholds, answer, _level) in SHIPPED.items():
            found = dict(RULES[code](self.one, day, thresholds))
            mine = [alert for alert in self.held if alert.code == code]
            due = after_working_days(day, answer)
            if code not in STANDING:
                for thing, occasion in found.items():
                    if not any(alert.occasion == occasion for alert in mine):
                        self.held.append(Held(code, thing, occasion, due))
                continue
            for thing in found:
                same = [alert for alert in mine if alert.thing == thing]
                covered = any(
                    alert.closed_on is None
                    or (not alert.ended and (day - alert.closed_on).days < thresholds["again"])
                    for alert in same
                )
                if not covered:
                    self.held.append(Held(code, thing, f"{thing}@{day}", due))
            for alert in mine:
                if alert.thing not in found:
                    alert.ended = True
                elif alert.closed_on is None:
                    alert.ended = False

    def answer(self) -> set[tuple[str, str, date]]:
        return {(alert.code, alert.occasion, alert.due_on) for alert in self.held}
