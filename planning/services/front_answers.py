"""A trade-off front in one document, the same for the API and the command."""

from __future__ import annotations

from typing import Any

from planning.choices import VersionState
from planning.models import Front
from planning.selectors.plan_fronts import versions_of_points


def front_answer(front: Front, *, points: bool = True) -> dict[str, Any]:
    facts, made = front.facts, versions_of_points(front)
    answer: dict[str, Any] = {
        "ref": front.ref, "plan": front.plan.ref, "version": front.version.number,
        "state": "done" if front.state == VersionState.DRAFT else front.state, "budget_fen": facts.get("budget_fen"),
        "time_limit_seconds": front.time_limit_seconds, "seed": front.seed, "seconds": front.seconds,
        "engine_version": front.engine_version, "job": front.job.ref if front.job else None, "failure": facts.get("failure"),
        "stopped": facts.get("stopped"), "tried": facts.get("tried"), "count": len(front.points),
        "worst_share_before": facts.get("worst_share_before"), "lines": facts.get("lines"),
    }  # fmt: skip
    if points:
        places = facts.get("places") or {}
        answer["points"] = [
            one | {"interventions": [{"key": key} | places.get(key, {}) for key in one["keys"]], "made": made.get(one["number"])}
            for one in front.points
        ]  # fmt: skip
    return answer
