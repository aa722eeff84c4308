"""S1 to S6: siting with a proof, against named peers."""

from __future__ import annotations

from tests.bench import _rows, _siting_cover, _siting_joint, _siting_median, _siting_tree

PARTS = (_siting_cover, _siting_tree, _siting_median, _siting_joint)


def versions() -> list[str]:
    return sorted({line for part in PARTS for line in part.versions()})


def run(size: str) -> list[_rows.Row]:
    return [row for part in PARTS for row in part.run(size)]
