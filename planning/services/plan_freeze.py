"""Freezing a version, and the hash of what was frozen: the question, the runs, the change-set and its money.

The database refuses every later change (migration 0079); the hash lets a reader of an exported file see that it tells
what was frozen.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.services import audit
from engine.archive import content_hash
from planning.choices import RunState, VersionState
from planning.models import InterventionMoney, PlanVersion, Run


def freeze_version(*, user: Any, version: PlanVersion) -> PlanVersion:
    """From now on the version never changes; it may be cited and become projects."""
    if user is not None:
        policies.demand(user, "plan.edit", version.plan.city)
    with transaction.atomic():
        held = PlanVersion.objects.select_for_update().filter(pk=version.pk, state=VersionState.DRAFT).first()
        if held is None:
            raise DomainError("version-not-draft", _("Only a draft version can be frozen."))
        digest = content_sha256(held)
        PlanVersion.objects.filter(pk=held.pk).update(
            state=VersionState.FROZEN,
            frozen_at=timezone.now(),
            frozen_by=user if getattr(user, "is_authenticated", False) else None,
            content_sha256=digest,
        )
        audit.record(
            user=user,
            act="plan.freeze",
            subject=version.plan,
            after={"version": version.number, "content_sha256": digest},
        )
    version.refresh_from_db()
    return version


def content_sha256(version: PlanVersion) -> str:
    """The hash of what the version says now. Of a frozen version it equals the stored one."""
    return content_hash({}, json.loads(json.dumps(audit.plain(content_of(version)), sort_keys=True)))


def content_of(version: PlanVersion) -> dict[str, Any]:
    """What is hashed, in plain values: nothing that depends on who reads, in which language or when."""
    money: dict[int, list[list[Any]]] = {}
    for part in InterventionMoney.objects.filter(intervention__version=version).order_by("year", "source"):
        money.setdefault(part.intervention_id, []).append([part.year, part.source, part.amount_fen])
    rows = version.interventions.select_related("service", "facility", "idle_asset").order_by("order")
    return {
        "plan": version.plan.ref,
        "version": version.number,
        "question": {
            "aim": version.aim,
            "rule": version.rule,
            "budget_fen": version.budget_fen,
            "services": sorted(version.services.values_list("code", flat=True)),
            "weights": version.weights,
            "limits": version.question,
            "kinds": sorted(version.facts.get("kinds") or []),
            "rates": version.facts.get("rates"),
            "seed": version.seed,
            "time_limit_seconds": version.time_limit_seconds,
        },
        "answer": {
            "value": version.value,
            "bound": version.bound,
            "aim_value": version.aim_value,
            "aim_bound": version.aim_bound,
            "gap": version.gap,
            "status": version.status,
            "cost_fen": version.cost_fen,
            "engine": version.engine_version,
        },
        "runs": {
            "before": _runs(version.baseline_runs.select_related("snapshot")),
            "after": _runs(
                Run.objects.filter(plan_version=version, state=RunState.DONE).select_related("snapshot")
            ),
        },
        "change_set": [
            {
                "order": one.order,
                "key": one.key,
                "kind": one.kind,
                "service": one.service.code,
                "place": one.facility.ref if one.facility else one.idle_asset.ref if one.idle_asset else "",
                "point": [one.point.x, one.point.y],
                "units": one.units,
                "cost_fen": one.cost_fen,
                "hours": one.hours,
                "lead_months": one.lead_months,
                "newly_served": one.people_newly_served,
                "running_fen_year": one.running_fen_year,
                "peacetime_fen_year": one.peacetime_fen_year,
                "year": one.year,
                "money": money.get(one.pk, []),
            }
            for one in rows
        ],
    }


def _runs(runs: Any) -> list[list[Any]]:
    """Reference, settings, snapshot and totals of each run, by reference."""
    return [
        [
            run.ref,
            run.params_sha256,
            run.snapshot.sha256 if run.snapshot else "",
            run.engine_version,
            run.totals,
        ]
        for run in runs.order_by("ref")
    ]
