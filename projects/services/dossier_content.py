"""What a dossier says, before it is a file: sections of paragraphs, tables and drawings, and where each figure comes from.

PDF, DOCX and workbook are three renderings of this one structure, so they cannot say different things. Its hash covers
every word, figure, link and picture in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from core.templatetags.pingji import day, dt, num

TEXT, MONEY, WHOLE, NUMBER = "text", "money", "whole", "number"


@dataclass(frozen=True)
class Span:
    """A piece of text. A figure has its number (money in fen) and the source it rests on; both make it a link."""

    text: str
    source: int = 0
    value: int | float | None = None
    kind: str = TEXT
    href: str = ""
    strong: bool = False


Line = Sequence[Span]


@dataclass(frozen=True)
class Paragraph:
    spans: tuple[Span, ...]
    note: bool = False


@dataclass(frozen=True)
class Column:
    head: str
    kind: str = TEXT
    width: int = 2


@dataclass(frozen=True)
class Table:
    """`sheet`: the name of its sheet in a workbook. `sums`: a last row that adds up."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Span, ...], ...]
    sheet: str = ""
    sums: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Figure:
    caption: str
    picture: Any
    words: str


@dataclass(frozen=True)
class Photographs:
    """(JPEG bytes, caption) of a few small pictures."""

    pictures: tuple[tuple[bytes, str], ...]


@dataclass(frozen=True)
class Section:
    title: str
    blocks: tuple[Any, ...]


@dataclass(frozen=True)
class Source:
    number: int
    what: str
    ref: str
    sha256: str
    engine: str
    clause: str
    href: str


@dataclass(frozen=True)
class Dossier:
    ref: str
    title: str
    subtitle: str
    lead: tuple[Span, ...]
    sections: tuple[Section, ...]
    sources: tuple[Source, ...]
    synthetic: bool
    language: str
    # Moment of the newest thing in it; a file made again of the same things carries the same moment.
    as_of: datetime

    @property
    def sha256(self) -> str:
        text = json.dumps(
            [self.ref, self.title, self.subtitle, plain(self.lead), plain(self.sections), plain(self.sources), self.synthetic, self.language],
            ensure_ascii=False, sort_keys=True,
        )  # fmt: skip
        return hashlib.sha256(text.encode()).hexdigest()


def plain(thing: Any) -> Any:
    """A block as plain values; pictures by their hash."""
    if isinstance(thing, bytes):
        return hashlib.sha256(thing).hexdigest()
    if isinstance(thing, str | int | float | bool) or thing is None:
        return thing
    if isinstance(thing, list | tuple):
        return [plain(one) for one in thing]
    if hasattr(thing, "__dataclass_fields__"):
        return [type(thing).__name__, *(plain(getattr(thing, name)) for name in thing.__dataclass_fields__)]
    return str(thing)


@dataclass
class Sources:
    """The numbered list at the end: each source once, in the order in which figures first rest on it."""

    rows: dict[str, Source] = field(default_factory=dict)

    def cite(
        self, key: str, what: str, path: str, *, ref: str = "", sha256: str = "", engine: str = "", clause: str = ""
    ) -> int:  # fmt: skip
        found = self.rows.get(key)
        if found is None:
            found = Source(len(self.rows) + 1, what, ref or key, sha256, engine, clause, absolute(path))
            self.rows[key] = found
        return found.number

    def all(self) -> tuple[Source, ...]:
        return tuple(self.rows.values())


def absolute(path: str) -> str:
    return path if path.startswith("http") else f"{settings.SITE_URL}{path}"


# --- pieces ----------------------------------------------------------------------------------------


def t(text: Any, *, strong: bool = False, href: str = "") -> Span:
    said = "" if text is None else str(text)
    return Span(said if said.strip() else "—", strong=strong, href=absolute(href) if href else "")


def figure(value: int | float | None, source: int, unit: str = "", digits: int = 0) -> Span:
    """A number with its unit and source; an unknown one says so."""
    if value is None:
        return Span("—")
    shown = num(value, digits)
    kind = WHOLE if isinstance(value, int) else NUMBER
    return Span(f"{shown} {unit}".strip(), source, value, kind)


def hours_figure(value: float | None, source: int) -> Span:
    return Span("—") if value is None else Span(f"{value:g} h", source, value, NUMBER)


def percent_figure(value: float | None, source: int) -> Span:
    return Span("—") if value is None else Span(f"{value:g}%", source, value, NUMBER)


def yuan_text(fen: int) -> str:
    """Exactly, in yuan with two decimals: 24,600,000.00."""
    whole, rest = divmod(abs(fen), 100)
    return f"{'−' if fen < 0 else ''}{whole:,}.{rest:02d}"


def money(fen: int | None, source: int) -> Span:
    return Span("—") if fen is None else Span(yuan_text(fen), source, fen, MONEY)


def money_words(fen: int, source: int) -> Span:
    """In a sentence: with the currency."""
    return Span(_("%(yuan)s yuan") % {"yuan": yuan_text(fen)}, source, fen, MONEY)


def when(said: date | datetime | str | None) -> Span:
    if said is None or said == "":
        return Span("—")
    if isinstance(said, str):
        said = datetime.fromisoformat(said) if "T" in said else date.fromisoformat(said)
    return Span(dt(said) if isinstance(said, datetime) else day(said))


def pairs(caption: str, rows: Iterable[tuple[str, Span]], sheet: str = "") -> Table:
    """Names and values, with a head of its own so that a reader by ear knows which is which."""
    return Table(
        caption,
        (Column(_("What"), width=2), Column(_("Value"), width=5)),
        tuple((t(name), one) for name, one in rows),
        sheet,
    )


def summed(rows: Iterable[tuple[Span, ...]], columns: Sequence[Column], source: int) -> tuple[Span, ...]:
    """The last row: money columns added up, exactly."""
    listed = list(rows)
    said: list[Span] = []
    for n, column in enumerate(columns):
        if column.kind == MONEY:
            said.append(money(sum(int(row[n].value or 0) for row in listed), source))
        else:
            said.append(Span(_("In all") if n == 0 else ""))
    return tuple(said)
