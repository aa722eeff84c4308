"""Figures that a decision stands on, as plain values: read once to be frozen, and again to see whether they still hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from core.choices import TimeOfDay
from core.templatetags.pingji import local_name, num
from facilities.models import Capability, Facility
from inventory.models import IdleAsset
from planning.models import AreaResult, FacilityResult, Intervention, Run
from projects.choices import EvidenceKind
from projects.models import Case, Evidence, Project


def runs_of(project: Project) -> list[Run]:
    """The baseline runs of the project's plan version that count its service, in the order they were made."""
    if project.intervention is None:
        return []
    rows = project.intervention.version.baseline_runs.select_related("snapshot", "scenario").order_by("id")
    return [run for run in rows if counts(run, project.service.code)]


def counts(run: Run, service: str) -> bool:
    return any(row.get("service") == service for row in run.totals)


def _states(row: Any) -> dict[str, int]:
    need, served = int(row["need"]), int(row["served"])
    return {"need": need, "served": served, "gap": need - served}


def of_run(run: Run, project: Project) -> dict[str, Any]:
    """What a run says of the project's service: the whole city, the project's area, and the place itself. Whole units."""
    service = project.service.code
    found: dict[str, Any] = {
        "run": run.ref, "snapshot": run.snapshot.sha256 if run.snapshot else "", "engine": run.engine_version,
        "time_of_day": run.time_of_day, "assignment": run.assignment, "params": run.params_sha256,
        "scenario": run.scenario.ref, "scenario_version": run.scenario_version, "service": service,
        "city": next((_states(row) for row in run.totals if row.get("service") == service), None),
    }  # fmt: skip
    if project.area_id:
        area = (
            AreaResult.objects.filter(run=run, service=project.service, area_id=project.area_id)
            .values("need", "served")
            .first()
        )
        found["area"] = _states(area) if area is not None else None
    if project.facility_id:
        place = (
            FacilityResult.objects.filter(
                run=run, service=project.service, facility_id=project.facility_id, intervention=None
            )
            .values("capacity", "served", "late")
            .first()
        )
        found["place"] = place
    return found


def of_plan(one: Intervention) -> dict[str, Any]:
    """A plan version with what it says of the intervention. Money in fen."""
    version = one.version
    return {
        "plan": version.plan.ref, "version": version.number, "order": one.order, "value": version.value, "bound": version.bound,
        "status": version.status, "engine": version.engine_version, "content": version.content_sha256, "units": one.units,
        "cost_fen": one.cost_fen, "hours": one.hours, "newly_served": one.people_newly_served, "kind": one.kind,
    }  # fmt: skip


def of_facility(facility: Facility, service_id: int) -> dict[str, Any]:
    """The place as the registry has it, with its role for the project's service."""
    role = Capability.objects.filter(facility=facility, service_id=service_id).first()
    return {
        "facility": facility.ref, "name": facility.name, "status": facility.status, "version": facility.version,
        "area_m2": facility.area_m2, "capacity": role.capacity if role else None, "role": role.status if role else None,
        "hours": (role.conversion_hours_observed or role.conversion_hours_declared) if role else None,
        "point": [round(facility.point.x, 6), round(facility.point.y, 6)],
    }  # fmt: skip


def of_idle(asset: IdleAsset) -> dict[str, Any]:
    return {
        "idle_asset": asset.ref, "name": asset.name, "status": asset.status, "version": asset.version,
        "floor_m2": asset.floor_m2, "land_m2": asset.land_m2, "tenure": asset.tenure,
        "point": [round(asset.point.x, 6), round(asset.point.y, 6)],
    }  # fmt: skip


# --- as a page shows it ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """One piece of evidence in words. `certainty`: letter of how sure its source is, where it has one."""

    kind: str
    kind_words: Any
    title: str
    link: str
    note: str
    certainty: str
    sha256: str


def listed(case: Case) -> list[Shown]:
    """Evidence of the case's newest round, kind by kind."""
    order = EvidenceKind.values
    rows = case.evidence.filter(round=case.round).select_related("run__scenario")
    words = dict(EvidenceKind.choices)
    found = [
        Shown(
            one.kind,
            words.get(one.kind, one.kind),
            _title(one),
            one.link,
            _note(one),
            _certainty(one),
            one.sha256,
        )
        for one in rows
    ]
    return sorted(found, key=lambda one: order.index(one.kind) if one.kind in order else len(order))


def _title(one: Evidence) -> str:
    if one.kind == EvidenceKind.RUN:
        return str(one.content.get("run") or local_name(one, "title"))
    if one.kind == EvidenceKind.DUPLICATES:
        return _("largest overlap %(share)s") % {"share": one.title}
    return local_name(one, "title")


def _note(one: Evidence) -> str:
    said = one.content
    if one.kind == EvidenceKind.PLAN:
        return _("intervention %(order)s") % {"order": said.get("order")}
    if one.kind == EvidenceKind.RUN:
        moment = said.get("time_of_day", "")
        words = str(TimeOfDay(moment).label) if moment in TimeOfDay.values else moment
        return f"{local_name(one, 'title')}, {words}"
    if one.kind == EvidenceKind.SNAPSHOT:
        return _("%(sites)s places, %(cells)s cells") % {
            "sites": num(said.get("sites")),
            "cells": num(said.get("cells")),
        }
    if one.kind == EvidenceKind.STANDARDS:
        return str(said.get("reach_clause") or "")
    if one.kind in (EvidenceKind.FACILITY, EvidenceKind.IDLE):
        return _("as registered, change %(version)s") % {"version": said.get("version")}
    if one.kind == EvidenceKind.DUPLICATES and said.get("needs_reason"):
        return _("reason given: %(text)s") % {"text": said.get("reason", "")}
    return ""


def _certainty(one: Evidence) -> str:
    if one.kind != EvidenceKind.STANDARDS:
        return ""
    said = one.content
    # The weakest part of a standard is as sure as all of it.
    return max(
        (str(said.get(f"{part}_certainty") or "") for part in ("ratio", "reach", "conversion")), default=""
    )
