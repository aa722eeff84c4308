"""What a decision stands on, kept with its hash when a round is handed in: plan, runs with their figures, snapshot,
standards, the place as registered, the duplicate check, who answers for what. Newer data never changes it."""

from __future__ import annotations

from typing import Any

from engine.archive import content_hash
from planning.models import Intervention, Run
from projects.models import Case, Evidence, Project
from projects.selectors import evidence as figures


def freeze(case: Case) -> None:
    """Keep everything that this round cites. A case about a tranche cites what its project was approved with and the place."""
    project = case.project
    if project.intervention is not None:
        _plan(case, project.intervention)
        runs = figures.runs_of(project)
        for run in runs:
            _keep(
                case, "run", run.scenario.name, run.scenario.name_en, f"/runs/{run.ref}/",
                figures.of_run(run, project), run,
            )  # fmt: skip
        _snapshots(case, runs)
        _standards(case, runs, project.service.code)
    _place(case, project)
    _duplicates(case, project)
    _responsibilities(case, project)


def _keep(
    case: Case, kind: str, title: str, title_en: str, link: str, content: dict[str, Any], run: Any = None
) -> None:
    Evidence.objects.create(
        case=case, round=case.round, kind=kind, title=title[:200], title_en=title_en[:200], link=link[:200],
        content=content, sha256=content_hash({}, content), run=run,
    )  # fmt: skip


def _plan(case: Case, intervention: Intervention) -> None:
    version = intervention.version
    name = f"{version.plan.name} v{version.number}"
    english = f"{version.plan.name_en} v{version.number}" if version.plan.name_en else ""
    link = f"/plans/{version.plan.ref}/?version={version.number}"
    _keep(case, "plan", name, english, link, figures.of_plan(intervention))


def _snapshots(case: Case, runs: list[Run]) -> None:
    """Each snapshot once, however many runs read it."""
    seen: dict[str, Run] = {}
    for run in runs:
        if run.snapshot is not None:
            seen.setdefault(run.snapshot.sha256, run)
    for sha256, run in seen.items():
        assert run.snapshot is not None
        content = {
            "sha256": sha256, "cells": run.snapshot.cells, "sites": run.snapshot.sites,
            "as_of": run.snapshot.as_of.isoformat(), "runs": sorted(one.ref for one in runs if one.snapshot == run.snapshot),
        }  # fmt: skip
        _keep(case, "snapshot", run.snapshot.short, "", f"/runs/{run.ref}/", content)


def _standards(case: Case, runs: list[Run], service: str) -> None:
    """Each standard of the service once: ratio, reach and conversion with source, clause and certainty."""
    seen: set[str] = set()
    for run in runs:
        for row in run.standards_frozen:
            if row.get("service") != service:
                continue
            digest = content_hash({}, row)
            if digest in seen:
                continue
            seen.add(digest)
            said = (str(row.get(f"{part}_source") or "") for part in ("ratio", "reach", "conversion"))
            sources = dict.fromkeys(filter(None, said))
            link = f"/standards/{row['profile']}/" if row.get("profile") else ""
            _keep(case, "standards", ", ".join(sources) or str(row.get("profile", "")), "", link, dict(row))


def _place(case: Case, project: Project) -> None:
    if project.facility is not None:
        content = figures.of_facility(project.facility, project.service_id)
        link = f"/facilities/{project.facility.ref}/"
        _keep(case, "facility", project.facility.name, project.facility.name_en, link, content)
    if project.idle_asset is not None:
        content = figures.of_idle(project.idle_asset)
        link = f"/inventory/idle/{project.idle_asset.ref}/"
        _keep(case, "idle", project.idle_asset.name, project.idle_asset.name_en, link, content)


def _duplicates(case: Case, project: Project) -> None:
    last = project.duplicate_checks.select_related("rule").first()
    if last is None:
        return
    content = {
        "check": last.pk, "checked_at": last.checked_at.isoformat(), "overlap_percent": last.overlap_percent,
        "needs_reason": last.needs_reason, "reason": project.duplicate_reason, "found": last.found,
        "rule": last.rule.version if last.rule is not None else None,
    }  # fmt: skip
    _keep(
        case, "duplicates", f"{last.overlap_percent:g} %", "", f"/projects/{project.ref}/duplicates/", content
    )


def _responsibilities(case: Case, project: Project) -> None:
    rows = [
        {
            "level": one.level, "organisation": one.organisation.code, "name": one.organisation.name,
            "person": one.person.username if one.person is not None else "", "task": one.task,
            "due_on": one.due_on.isoformat() if one.due_on else None,
        }
        for one in project.responsibilities.select_related("organisation", "person").order_by("level", "id")
    ]  # fmt: skip
    if rows:
        names = ", ".join(dict.fromkeys(str(row["name"]) for row in rows))
        _keep(
            case, "responsibilities", names, "", f"/projects/{project.ref}/responsibilities/", {"rows": rows}
        )
