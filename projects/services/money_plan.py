"""The money of a project that is drafted, as one whole: lines, tranches and milestones are saved together or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db import transaction

from projects.models import Project
from projects.services import drafts, money


def set_plan(
    *,
    user: Any,
    project: Project,
    lines: Sequence[tuple[int, str, int]],
    tranches: Sequence[tuple[str, int]],
    milestones: Sequence[tuple[str, date, int]],
) -> None:
    """`lines` (year, source, fen), `tranches` (due when, fen), `milestones` (name, planned, works %)."""
    with transaction.atomic():
        money.set_lines(user=user, project=project, lines=lines)
        drafts.set_tranches(user=user, project=project, tranches=tranches, milestones=milestones)
