"""Refusals that carry more than words."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


class ChangedMeanwhile(DomainError):
    """Someone else saved first. `changes` is what they changed: [{field, label, base, theirs, yours}]."""

    status = 412

    def __init__(self, *, version: int, changes: list[dict[str, Any]]) -> None:
        super().__init__(
            "changed-meanwhile",
            _(
                "Someone else changed this record while you were working. Nothing of yours was saved yet, and nothing is lost."
            ),
            current_version=version,
            changes=changes,
        )
        self.version, self.changes = version, changes
