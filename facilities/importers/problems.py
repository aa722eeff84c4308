"""Collect every problem of an import, then speak once.

A reader never stops at the first bad cell: it adds a `Problem` with file, row and column and goes on, so that one
answer lists everything that has to be corrected. The same kind of problem in the same column is listed a limited
number of times and then only counted: a file of a million rows with one wrong column should not give a million lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

from core.errors import InvalidInput, Problem

ERROR, WARNING = "error", "warning"
LISTED_PER_KIND = 20


def _fill(text: Any, params: dict[str, Any]) -> str:
    return str(text) % params if params else str(text)


# filled when it is shown, so that each reader gets the words in their own language
filled = lazy(_fill, str)


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
            row = None if row is None else int(row)
            value = str(params.get("cell", params.get("value", "")))
            self._items.append(Problem(code, filled(text, params), file, row, column, value, severity))

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

    def __iter__(self) -> Iterator[Problem]:
        """Every listed problem, then one line for each kind that was cut short."""
        yield from self._items
        for (severity, file, column, code), count in self._seen.items():
            if count > self._listed:
                more = count - self._listed
                text = _("and %(more)d more of the same kind (%(kind)s)")
                message = filled(text, {"more": more, "kind": code})
                yield Problem(code, message, file, None, column, level=severity)

    def __len__(self) -> int:
        return sum(self._seen.values())

    def count(self, severity: str) -> int:
        return sum(n for (kind, *_rest), n in self._seen.items() if kind == severity)

    @property
    def has_errors(self) -> bool:
        return self.count(ERROR) > 0

    def of(self, severity: str) -> list[Problem]:
        return [problem for problem in self if problem.level == severity]

    def raise_if_any(self, message: Any) -> None:
        """Say everything at once. Warnings alone do not stop an import; they are said with the errors."""
        if self.has_errors:
            raise InvalidInput(message, list(self))
