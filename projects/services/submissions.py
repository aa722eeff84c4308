"""What is handed in with a round, word for word, with its hash and its evidence. What changed since: selectors/changes."""

from __future__ import annotations

from typing import Any

from django.forms.models import model_to_dict
from django.utils import timezone

from engine.archive import content_hash
from projects.models import Case, Submission
from projects.selectors.submitted import content_of
from projects.services import evidence

__all__ = ["content_of", "freeze"]


def freeze(case: Case, user: Any) -> Submission:
    """Keep the round's content, and the evidence it cites."""
    project = case.project
    content = content_of(project)
    if case.tranche is not None:
        content["tranche"] = model_to_dict(case.tranche, fields=["number", "name", "amount_fen", "final"])
    made = Submission.objects.create(
        case=case, round=case.round, content=content, sha256=content_hash({}, content), submitted_by=user,
        submitted_at=timezone.now(),
    )  # fmt: skip
    evidence.freeze(case)
    return made
