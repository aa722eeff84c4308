"""What a stored run asked, and the inputs it stands on."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from planning.bridge.frozen import Frozen, load_frozen
from planning.bridge.world import Question
from planning.models import Run


def question_of(run: Run) -> Question:
    return Question(
        run.scenario_frozen, run.standards_frozen, run.time_of_day, run.reach_overrides, run.detour_factor,
        run.speeds_frozen,
    )  # fmt: skip


def frozen_of(run: Run) -> Frozen:
    """The inputs a run stands on. Raises DomainError when it has none."""
    if run.snapshot is None:
        raise DomainError("no-snapshot", _("This run has no snapshot."))
    return load_frozen(run.snapshot)
