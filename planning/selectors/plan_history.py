"""Who made which version of a plan when, and what changed from the version it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core import policies
from planning.models import Intervention, Plan, PlanVersion


@dataclass(frozen=True)
class VersionStep:
    """`was`: the version it was made from, None where it answers a question of its own. `added`, `removed`, `kept`:
    interventions that the person sees, by option; None where there is nothing to set them against."""

    version: PlanVersion
    was: PlanVersion | None
    interventions: int
    cost_fen: int
    added: int | None = None
    removed: int | None = None
    kept: int | None = None

    @property
    def budget_change_fen(self) -> int | None:
        return None if self.was is None else self.version.budget_fen - self.was.budget_fen


def version_history(plan: Plan, *, user: Any) -> list[VersionStep]:
    """Newest first; two queries. `user` None: a command of this machine."""
    versions = list(
        plan.versions.select_related("created_by", "frozen_by", "parent", "job").order_by("-number")
    )
    rows = Intervention.objects.filter(version__plan=plan)
    if user is not None:
        rows = rows.filter(policies.visible(user, area="area", city="version__plan__city"))
    keys: dict[int, set[Any]] = {}
    costs: dict[int, int] = {}
    for pk, key, order, cost in rows.values_list("version_id", "key", "order", "cost_fen"):
        keys.setdefault(pk, set()).add(key or order)
        costs[pk] = costs.get(pk, 0) + cost
    by_number = {one.number: one for one in versions}
    by_pk = {one.pk: one for one in versions}
    found = []
    for one in versions:
        was = by_pk.get(one.parent_id or 0) or by_number.get(one.facts.get("from_version") or 0)
        mine, theirs = keys.get(one.pk, set()), keys.get(was.pk, set()) if was else set()
        told = (len(mine - theirs), len(theirs - mine), len(mine & theirs)) if was else (None, None, None)
        found.append(VersionStep(one, was, len(mine), costs.get(one.pk, 0), *told))
    return found
