"""Collect every problem of an import, then speak once.

A reader never stops at the first bad cell: it adds a `Problem` with file, row and column and goes on, so that one
answer lists everything that has to be corrected. The same kind of problem in the same column is listed a limited
number of times and then only counted: a file of a million rows with one wrong column should not give a million lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

ERROR, WARNING = "error", "warning"
LISTED_PER_KIND = 20


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. `text` is a translatable template with %(name)s places, filled from `params`."""

    code: str
    text: Any
    params: dict[str, Any] = field(default_factory=dict)
    file: str = ""
    row: int | None = None
    column: str = ""
    severity: str = ERROR

    @property
    def message(self) -> str:
        return str(self.text) % self.params if self.params else str(self.text)

    @property
    def place(self) -> str:
        parts = [self.file] if self.file else []
        if self.row is not None:
            parts.append(_now("row %(row)d") % {"row": self.row})
        if self.column:
            parts.append(_now("column %(column)s") % {"column": self.column})
        return ", ".join(parts)

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message

    def as_dict(self) -> dict[str, Any]:
        return {
            "severity": self.severity,
            "code": self.code,
            "file": self.file,
            "row": self.row,
            "column": self.column,
            "message": self.message,
        }


class Problems:
    """A list of problems that stays short: at most `listed` of one kind in one column of one file."""

    def __init__(self, *, listed: int = LISTED_PER_KIND) -> None:
        self._listed = listed
        self._items: list[Problem] = []
        self._seen: Counter[tuple[str, str, str, str]] = Counter()

    def add(
        self,
        code: str,
        text: Any,
        *,
        file: str = "",
        row: int | None = None,
        column: str = "",
        severity: str = ERROR,
        **params: Any,
    ) -> None:
        key = (severity, file, column, code)
        self._seen[key] += 1
        if self._seen[key] <= self._listed:
            clean = {k: int(v) if hasattr(v, "dtype") and v.dtype.kind in "iu" else v for k, v in params.items()}
            row = None if row is None else int(row)
            self._items.append(Problem(code, text, clean, file, row, column, severity))

    def warn(self, code: str, text: Any, **where: Any) -> None:
        self.add(code, text, severity=WARNING, **where)

    def add_rows(self, code: str, text: Any, rows: Iterable[int], **where: Any) -> None:
        """The same problem in many rows; only the first ones are listed, the rest is counted."""
        numbers = list(rows)
        for row in numbers[: self._listed]:
            self.add(code, text, row=row, **where)
        rest = len(numbers) - self._listed
        if rest > 0:
            severity = where.get("severity", ERROR)
            self._seen[(severity, where.get("file", ""), where.get("column", ""), code)] += rest

    def extend(self, other: Problems) -> None:
        self._items.extend(other._items)
        self._seen.update(other._seen)

    def __iter__(self):
        """Every listed problem, then one line for each kind that was cut short."""
        yield from self._items
        for (severity, file, column, code), count in self._seen.items():
            if count > self._listed:
                more = count - self._listed
                text = _("and %(more)d more of the same kind (%(kind)s)")
                yield Problem(code, text, {"more": more, "kind": code}, file, None, column, severity)

    def __len__(self) -> int:
        return sum(self._seen.values())

    def count(self, severity: str) -> int:
        return sum(n for (kind, *_rest), n in self._seen.items() if kind == severity)

    @property
    def has_errors(self) -> bool:
        return self.count(ERROR) > 0

    def of(self, severity: str) -> list[Problem]:
        return [problem for problem in self if problem.severity == severity]

    def bad_rows(self) -> set[int]:
        """Row numbers of the listed errors."""
        return {p.row for p in self._items if p.severity == ERROR and p.row is not None}

    def as_list(self) -> list[dict[str, Any]]:
        return [problem.as_dict() for problem in self]
