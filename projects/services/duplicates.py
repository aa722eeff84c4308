"""Nothing is built twice: what stands or is planned near a project is found, and above the rule a reason is asked for.

What is found is kept with the project, so that a decision can be read with it later. docs/algorithms/duplicate-building.md
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.services import audit
from planning.bridge.catchments import Limit, ground_of, shared_people
from projects.models import DuplicateCheck, DuplicateRule, Project
from projects.selectors import duplicates as near

# So many rows are kept of what was found; the counts say how many there were.
KEPT_ROWS = 60
LONGEST_REASON = 4000


def check(*, user: Any, project: Project) -> DuplicateCheck:
    """Look what is near and keep it. The same found again is answered with the row that is there. `user` None: a machine."""
    if user is not None:
        policies.demand(user, "project.edit", project)
    rule = near.rule_for(project.city, project.service)
    found, largest, needs = _find(project, rule)
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        last = project.duplicate_checks.first()
        if last is not None and last.found == found and last.rule_id == (rule.pk if rule else None):
            return last
        made = DuplicateCheck.objects.create(
            project=project,
            rule=rule,
            found=found,
            overlap_percent=largest,
            needs_reason=needs,
            checked_by=user,
        )
        after = {"overlap_percent": largest, "needs_reason": needs, "found": found["counts"]}
        audit.record(user=user, act="project.duplicates", subject=project, after=after)
    return made


def demand_reason(*, project: Project) -> None:
    """Raise DomainError "duplicate-reason" when the newest check asks for a reason and none is written."""
    last = project.duplicate_checks.select_related("rule").first()
    if last is None or not last.needs_reason or project.duplicate_reason.strip():
        return
    named = [row["name"] for row in [*last.found["rows"], *last.found["idle"]] if row["above"]]
    words = _("Write why it is built although others are near: %(names)s.")
    more = len(named) - 3
    names = ", ".join(named[:3]) + (f" +{more}" if more > 0 else "")
    raise DomainError(
        "duplicate-reason", words % {"names": names}, status=422, overlap_percent=last.overlap_percent,
        rule_percent=last.rule.overlap_percent if last.rule else None, found=last.found["counts"],
    )  # fmt: skip


def _find(project: Project, rule: DuplicateRule | None) -> tuple[dict[str, Any], float, bool]:
    """(what is kept, largest overlap in %, is a reason needed)."""
    standard = near.reach_standard(project.city, project.service)
    run = near.newest_run(project.city, project.service)
    building = project.kind in near.BUILDING
    found: dict[str, Any] = {"basis": "none", "by": "", "building": building, "rows": [], "gap": None}
    rows: list[dict[str, Any]] = []
    if standard is not None:
        limit = Limit(standard.reach_limit, standard.reach_unit, standard.mode)
        rows = near.same_service_near(project, 2 * limit.farthest_m)
        ground = ground_of(project.city, run, project.point.x, project.point.y)
        lon, lat = (np.array([row[name] for row in rows], dtype=float) for name in ("lon", "lat"))
        ids = np.array(
            [row["facility_id"] if row["kind"] == "facility" else -1 for row in rows], dtype=np.int64
        )
        shared = shared_people(
            ground, limit, project.service.code, project.point.x, project.point.y, lon, lat, ids
        )
        # Where nobody lives in reach there is no share of people; then the circles alone are compared.
        by_people = shared.people > 0
        for row, people, circle in zip(rows, shared.percent, shared.circle_percent, strict=True):
            row["circle_percent"] = round(float(circle), 1)
            row["overlap_percent"] = round(float(people if by_people else circle), 1)
        rows = [row for row in rows if row["overlap_percent"] > 0 or row["circle_percent"] > 0]
        found |= {
            "basis": "roads" if ground.roads is not None else "straight", "by": "people" if by_people else "circles",
            "time_of_day": ground.time_of_day, "people": round(shared.people), "cells": len(shared.cell_id),
            "snapshot": run.snapshot.sha256 if run is not None and run.snapshot is not None else "",
            "standard": {
                "limit": limit.amount, "unit": limit.unit, "mode": limit.mode, "profile": standard.profile.code,
                "certainty": standard.reach_certainty, "radius_m": round(limit.usual_radius_m),
            },
        }  # fmt: skip
        if run is not None and run.snapshot is not None:
            states = near.gap_in_cells(run, project.service, shared.cell_id.tolist())
            found["gap"] = {"run": run.ref, **states}
            _add_room(rows, near.free_units(run, project.service, ids[ids >= 0].tolist()))
    limit_percent = rule.overlap_percent if rule is not None else math.inf
    for row in rows:
        row["above"] = building and row["overlap_percent"] > limit_percent
    rows.sort(key=lambda row: (-row["overlap_percent"], row["distance_m"], row["kind"], row["id"]))
    idle = near.idle_near(project, rule.idle_radius_m) if rule is not None else []
    for row in idle:
        row["above"] = building
    largest = max((row["overlap_percent"] for row in rows), default=0.0)
    needs = building and (any(row["above"] for row in rows) or bool(idle))
    totals = {row["kind"]: row["total"] for row in rows}
    counted = {
        kind: sum(row["kind"] == kind for row in rows) for kind in ("facility", "project", "intervention")
    }
    found["counts"] = counted | {"above": sum(row["above"] for row in rows), "idle": len(idle)}
    # Farther than the nearest MOST of a kind: not weighed, and said so.
    found["not_weighed"] = {kind: total - near.MOST for kind, total in totals.items() if total > near.MOST}
    found["rows"] = [_kept(row) for row in rows[:KEPT_ROWS]]
    found["idle"] = [_kept(row) for row in idle[:KEPT_ROWS]]
    found["idle_radius_m"] = rule.idle_radius_m if rule is not None else None
    found["rule_percent"] = rule.overlap_percent if rule is not None else None
    return found, largest, needs


def _add_room(rows: list[dict[str, Any]], room: dict[int, tuple[int, str]]) -> None:
    for row in rows:
        if row["kind"] == "facility" and row["facility_id"] in room:
            row["free_units"], row["reason"] = room[row["facility_id"]]


def _kept(row: dict[str, Any]) -> dict[str, Any]:
    names = (
        "kind", "id", "ref", "name", "name_en", "area", "area_en", "area_path", "lon", "lat", "state", "part",
        "overlap_percent", "circle_percent", "free_units", "reason", "above", "cost_fen", "hours",
    )  # fmt: skip
    kept = {name: row[name] for name in names if row.get(name) is not None}
    return kept | {"distance_m": round(row["distance_m"]), "capacity": math.floor(row["capacity"])}
