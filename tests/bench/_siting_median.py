"""S5: p-median with a cutoff."""

from __future__ import annotations

from tests.bench import _rows


def versions() -> list[str]:
    return []


def run(size: str) -> list[_rows.Row]:
    return []
