"""An explanation as one plain object, for the API and the command."""

from __future__ import annotations

from typing import Any

from core.choices import JobState
from planning.models import PlanVersion
from planning.selectors.explanations import Told, counted, told_to
from planning.services.explanation_words import reason_words
from planning.services.explanations import job_of

NONE, COMPUTING, READY, FAILED = "none", "computing", "ready", "failed"


def state_of(version: PlanVersion, told: Told | None) -> str:
    """none (not asked for) | computing | ready | failed."""
    if told is not None:
        return READY
    job = job_of(version)
    if job is None or job.state == JobState.DONE:
        return NONE
    return COMPUTING if job.state in (JobState.QUEUED, JobState.RUNNING) else FAILED


def explanation_answer(version: PlanVersion, *, user: Any) -> dict[str, Any]:
    """State, job, facts, each chosen intervention, and how many places were rejected for which reason; what the person
    may see. `user` None: a command."""
    told = told_to(version, user=user)
    job = job_of(version)
    return {
        "plan": version.plan.ref, "version": version.number, "state": state_of(version, told), "job": job.ref if job else None,
        "facts": {name: value for name, value in told.facts.items() if name != "keys"} if told else None,
        "chosen": [told.chosen[order] for order in sorted(told.chosen)] if told else [],
        "rejected": {"count": len(told.rejected), "by_reason": counted(told.rejected, "reason")} if told else None,
    }  # fmt: skip


def rejected_answer(row: dict[str, Any], told: Told) -> dict[str, Any]:
    """A rejected place with its reason in words."""
    return row | {"words": reason_words(row, told.names, aim=told.version.aim)}
