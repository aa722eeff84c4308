"""S1 to S4: maximal cover."""

from __future__ import annotations

from tests.bench import _rows


def versions() -> list[str]:
    return []


def run(size: str) -> list[_rows.Row]:
    return []
