"""What is handed in with a round, word for word, and what changed since the round before."""

from __future__ import annotations

from typing import Any

from django.forms.models import model_to_dict
from django.utils import timezone

from engine.archive import content_hash
from planning.models import Intervention
from projects.models import Case, Evidence, Project, Submission

FIELDS = (
    "name", "name_en", "description", "investment_code", "kind", "units", "conversion_hours", "cost_fen", "starts_on",
    "ends_on", "gap_promised",
    "land_m2", "duplicate_reason",
)  # fmt: skip


def content_of(project: Project) -> dict[str, Any]:
    """Everything a decision on the project stands on, as plain values."""
    said = {name: _plain(getattr(project, name)) for name in FIELDS}
    said |= {
        "service": project.service.code,
        "area": project.area.code if project.area else "",
        "facility": project.facility.ref if project.facility else "",
        "idle_asset": project.idle_asset.ref if project.idle_asset else "",
        "point": [round(project.point.x, 7), round(project.point.y, 7)],
        "need": project.need,
        "alternatives": project.alternatives,
        "money": [
            [line.year, line.source, line.amount_fen]
            for line in project.budget_lines.order_by("year", "source")
        ],
        "tranches": [
            [one.number, one.name, one.amount_fen, one.final] for one in project.tranches.order_by("number")
        ],
        "milestones": [
            [one.number, one.name, _plain(one.planned_on), one.works_percent]
            for one in project.milestones.order_by("number")
        ],
        "responsibilities": [
            [one.level, one.organisation.code, one.task, _plain(one.due_on)]
            for one in project.responsibilities.select_related("organisation").order_by("level", "id")
        ],
    }
    return said


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def freeze(case: Case, user: Any) -> Submission:
    """Keep the round's content, and as evidence the run, snapshot and plan it cites."""
    project = case.project
    content = content_of(project)
    if case.tranche is not None:
        content["tranche"] = model_to_dict(case.tranche, fields=["number", "name", "amount_fen", "final"])
    made = Submission.objects.create(
        case=case, round=case.round, content=content, sha256=content_hash({}, content), submitted_by=user,
        submitted_at=timezone.now(),
    )  # fmt: skip
    if project.intervention is not None:
        _freeze_plan(case, project.intervention)
    return made


def _freeze_plan(case: Case, intervention: Intervention) -> None:
    version = intervention.version
    plan = {
        "plan": version.plan.ref, "version": version.number, "order": intervention.order,
        "value": version.value, "bound": version.bound, "status": version.status, "engine": version.engine_version,
        "units": intervention.units, "cost_fen": intervention.cost_fen,
    }  # fmt: skip
    _keep(
        case,
        "plan",
        version.plan.name,
        version.plan.name_en,
        f"/plans/{version.plan.ref}/?version={version.number}",
        plan,
    )
    for run in version.baseline_runs.select_related("snapshot", "scenario"):
        facts = {
            "run": run.ref, "snapshot": run.snapshot.sha256 if run.snapshot else "", "engine": run.engine_version, "time_of_day": run.time_of_day,
            "params": run.params_sha256, "standards": run.standards_frozen,
        }  # fmt: skip
        _keep(case, "run", run.scenario.name, run.scenario.name_en, f"/runs/{run.ref}/", facts, run)


def _keep(
    case: Case, kind: str, title: str, title_en: str, link: str, content: dict[str, Any], run: Any = None
) -> None:
    Evidence.objects.create(
        case=case, round=case.round, kind=kind, title=title, title_en=title_en, link=link, content=content,
        sha256=content_hash({}, content), run=run,
    )  # fmt: skip


def changes(case: Case, round_: int | None = None) -> list[tuple[str, Any, Any]]:
    """(field, before, now) of what differs between a round and the one before it; by default the newest."""
    number = case.round if round_ is None else round_
    rows = {row.round: row.content for row in case.submissions.filter(round__in=[number - 1, number])}
    if number not in rows or number - 1 not in rows:
        return []
    before, now = rows[number - 1], rows[number]
    return [
        (key, before.get(key), now.get(key))
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]
