"""Lines of money over time as a drawing: places in pixels, words at the ends of the lines, ticks.

Knows nothing of projects. What comes in are dated amounts in fen; what goes out is put into SVG by the template
projects/parts/money_drawing.html. Widths are real pixels of two sizes (a wide and a narrow screen), so that words stay 12 px.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import get_language

Points = Sequence[tuple[date, int]]
WIDE, NARROW = (620, 250), (330, 230)
_CHAR, _LINE = 6.6, 15.0


@dataclass(frozen=True)
class Stroke:
    """One line: what it is (a class of the style sheet), its path, and whether a dot marks its end."""

    kind: str
    path: str
    dot: tuple[str, str] | None


@dataclass(frozen=True)
class Word:
    kind: str
    x: str
    y: str
    text: str
    anchor: str = "start"


@dataclass(frozen=True)
class Drawing:
    width: int
    height: int
    left: str
    right: str
    top: str
    bottom: str
    grid: list[tuple[str, str]]
    months: list[tuple[str, str, str]]
    today_x: str | None
    strokes: list[Stroke]
    words: list[Word]


@dataclass(frozen=True)
class Line:
    """A series to draw. `steps`: it jumps. `ends`: the words at its end stand there."""

    kind: str
    label: str
    points: Points
    steps: bool = False


def in_chinese() -> bool:
    return (get_language() or "en").startswith("zh")


def unit_fen() -> int:
    """Fen in one unit of the axis: 1 million yuan, or 万元."""
    return 10**6 if in_chinese() else 10**8


def ticks_of(most_fen: int, count: int = 5) -> list[int]:
    """Round amounts from 0 to at least `most_fen`, about `count` of them, in fen.

    >>> ticks_of(24_600_000_00)
    [0, 500000000, 1000000000, 1500000000, 2000000000, 2500000000]
    """
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor * count >= most_fen:
                size = step * factor
                return [size * number for number in range(-(-max(most_fen, 1) // size) + 1)]
        step *= 10


def amount_text(fen: int, digits: int | None = None) -> str:
    """An amount in the unit of the axis, with no more decimals than it has (or with `digits`)."""
    value = Decimal(fen) / unit_fen()
    if digits is not None:
        return f"{value:,.{digits}f}"
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def end_text(fen: int) -> str:
    """For the end of a line: 12.8; small sums keep two decimals."""
    value = abs(fen) / unit_fen()
    return amount_text(fen, 1 if value >= 10 else 2)


def month_starts(first: date, last: date) -> list[date]:
    """First days of the months from `first`'s to `last`'s, both included."""
    found, year, month = [], first.year, first.month
    while (year, month) <= (last.year, last.month):
        found.append(date(year, month, 1))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found


def next_month(day: date) -> date:
    return date(day.year + 1, 1, 1) if day.month == 12 else date(day.year, day.month + 1, 1)


def draw(
    *, lines: Sequence[Line], first: date, last: date, today: date | None, size: tuple[int, int]
) -> Drawing:
    """Put the lines on a canvas of `size` pixels. `first` and `last` are the first days of its first and its last month."""
    width, height = size
    end = next_month(last)
    days = max((end - first).days, 1)
    ticks = ticks_of(max((fen for line in lines for _day, fen in line.points), default=0))
    labels = [f"{line.label} {end_text(line.points[-1][1])}" for line in lines if line.points]
    left = 10.0 + _CHAR * max(len(amount_text(tick)) for tick in ticks)
    planned_ends_last = max((_wide(text) for text in labels), default=0.0)
    right = width - min(planned_ends_last + 12, width * 0.36)
    top, bottom = 22.0, height - 38.0

    def at_x(day: date) -> float:
        return left + (right - left) * min(max((day - first).days, 0), days) / days

    def at_y(fen: int) -> float:
        return bottom - (bottom - top) * fen / max(ticks[-1], 1)

    strokes, ends = [], []
    for line in lines:
        if not line.points:
            continue
        places = [(at_x(day), at_y(fen)) for day, fen in line.points]
        strokes.append(Stroke(line.kind, _path(places, line.steps), _dot(line.kind, places[-1])))
        ends.append((line, places[-1]))
    return Drawing(
        width=width, height=height, left=f"{left:.1f}", right=f"{right:.1f}", top=f"{top:.1f}", bottom=f"{bottom:.1f}",
        grid=[(f"{at_y(tick):.1f}", amount_text(tick)) for tick in ticks],
        months=_months(first, last, at_x, right - left), today_x=f"{at_x(today):.1f}" if today and first <= today < end else None,
        strokes=strokes, words=_words(ends, width, top, bottom),
    )  # fmt: skip


def _path(places: Sequence[tuple[float, float]], steps: bool) -> str:
    said = f"M{places[0][0]:.1f} {places[0][1]:.1f}"
    for x, y in places[1:]:
        said += f"H{x:.1f}V{y:.1f}" if steps else f"L{x:.1f} {y:.1f}"
    return said


def _dot(kind: str, place: tuple[float, float]) -> tuple[str, str] | None:
    return None if kind == "planned" else (f"{place[0]:.1f}", f"{place[1]:.1f}")


def _wide(text: str) -> float:
    """About how many pixels 12 px words take."""
    return sum(12.0 if ord(sign) > 0x2E7F else _CHAR for sign in text)


def _words(
    ends: Sequence[tuple[Line, tuple[float, float]]], width: int, top: float, bottom: float
) -> list[Word]:
    """The words at the ends of the lines, one above the other where they would meet, never outside the canvas."""
    placed = sorted(ends, key=lambda one: one[1][1])
    ys: list[float] = []
    for _line, (_x, y) in placed:
        ys.append(max(y + 4, ys[-1] + _LINE) if ys else max(y + 4, top))
    over = ys[-1] - (bottom - 2) if ys else 0.0
    if over > 0:
        ys[-1] -= over
        for number in range(len(ys) - 2, -1, -1):
            ys[number] = min(ys[number], ys[number + 1] - _LINE)
    found = []
    for (line, (x, _y)), y in zip(placed, ys, strict=True):
        text = f"{line.label} {end_text(line.points[-1][1])}"
        at = min(x + 8, width - _wide(text) - 2)
        found.append(Word(line.kind, f"{at:.1f}", f"{y:.1f}", text))
    return found


def _months(first: date, last: date, at_x: Any, room: float) -> list[tuple[str, str, str]]:
    """(x, month, year or nothing) under the axis, as many as there is room for."""
    starts = month_starts(first, last)
    each = 30.0
    every = next((step for step in (1, 2, 3, 6, 12) if room / max(len(starts), 1) * step >= each), 24)
    shown = [day for day in starts if (day.month - 1) % every == 0] or starts[:1]
    said, year = [], None
    for day in shown:
        word = date_format(day, "n月") if in_chinese() else date_format(day, "M")
        said.append((f"{at_x(day):.1f}", word, str(day.year) if day.year != year else ""))
        year = day.year
    return said
