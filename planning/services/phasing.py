"""In which year each intervention of a plan is done, and from which source it is paid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planning.bridge.options import Candidate
from planning.bridge.world import Situation
from planning.models import PlanVersion


def phase(
    version: PlanVersion, situations: Sequence[Situation], chosen: Sequence[Candidate]
) -> tuple[list[int | None], list[list[tuple[int, str, int]]], dict[str, Any]]:
    """(year of each, [(year, source, fen), …] of each, facts to keep with the version), in the order of `chosen`."""
    return [None] * len(chosen), [[] for _ in chosen], {}
