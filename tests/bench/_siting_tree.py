"""S2b and S2 beyond the linear bound."""

from __future__ import annotations

from tests.bench import _rows


def versions() -> list[str]:
    return []


def run(size: str) -> list[_rows.Row]:
    return []
