"""Newer data about what a case was handed in with: a newer run of the same question, a newer frozen version of the plan, a
place or a standard that changed. The evidence stays as frozen; this only says what would be read today.

A run answers the same question when scenario, time of day and rule of assignment are the same, it carries no plan's changes
and no numbers of its own, and it counts the project's service. (The scenario's own version may be newer: that is the news.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from core.templatetags.pingji import day, hours, local_name, num, unit, yuan
from facilities.choices import CapabilityStatus, FacilityStatus
from inventory.choices import AssetStatus, Tenure
from planning.choices import RunState, VersionState
from planning.models import Intervention, Run
from projects.models import Case, Evidence, Project
from projects.selectors import evidence as figures


@dataclass(frozen=True)
class Figure:
    """One figure as frozen and now. `unit`: of the service, fen, h, m² or empty for words."""

    code: str
    label: str
    unit: str
    frozen: Any
    newer: Any

    @property
    def changed(self) -> bool:
        return self.frozen != self.newer

    @property
    def difference(self) -> Any:
        """newer − frozen where both are numbers."""
        both = (self.frozen, self.newer)
        numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in both)
        return self.newer - self.frozen if numbers else None

    def _said(self, value: Any) -> str:
        if value is None:
            return "—"
        if self.unit == "fen":
            return yuan(value)
        if self.unit == "h":
            return f"{hours(value)} h"
        if isinstance(value, int | float) and not isinstance(value, bool):
            return f"{num(value)} {self.unit}".strip()
        return str(value)

    @property
    def frozen_words(self) -> str:
        return self._said(self.frozen)

    @property
    def newer_words(self) -> str:
        return self._said(self.newer)


@dataclass(frozen=True)
class Compared:
    """One piece of evidence beside what answers the same now."""

    evidence: Evidence
    newer_link: str
    newer_words: str
    newer_on: datetime | None
    figures: list[Figure] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.evidence.kind

    @property
    def title(self) -> str:
        return local_name(self.evidence, "title")

    @property
    def frozen_link(self) -> str:
        return self.evidence.link

    @property
    def frozen_words(self) -> str:
        said = self.evidence.content
        if self.kind == "plan":
            return _("version %(number)s") % {"number": said.get("version")}
        return str(
            said.get("run") or said.get("facility") or said.get("idle_asset") or self.evidence.sha256[:12]
        )


@dataclass(frozen=True)
class Newer:
    """What is newer than a round's evidence; empty `evidence` when nothing is."""

    case: Case
    frozen_at: datetime
    evidence: list[Compared]
    summary: list[str]


def of_case(case: Case) -> Newer:
    """Everything newer than the evidence of the case's newest round. A handful of statements."""
    rows = list(case.evidence.filter(round=case.round).select_related("run__scenario", "run__snapshot"))
    project = case.project
    found = [
        *_runs([row for row in rows if row.kind == "run"], project),
        *_plans([row for row in rows if row.kind == "plan"], project),
        *_places([row for row in rows if row.kind in ("facility", "idle")], project),
    ]
    return Newer(case, case.submitted_at, found, [_summary(one, project) for one in found])


def _runs(rows: list[Evidence], project: Project) -> list[Compared]:
    frozen = [row.run for row in rows if row.run is not None]
    if not frozen:
        return []
    candidates = list(
        Run.objects.filter(
            city_id=project.city_id, state=RunState.DONE, plan_version=None, variation={},
            scenario_id__in={run.scenario_id for run in frozen}, id__gt=min(run.pk for run in frozen),
        )
        .select_related("scenario", "snapshot")
        .order_by("-id")
    )  # fmt: skip
    found = []
    for row in rows:
        run = row.run
        if run is None:
            continue
        newer = next(
            (
                one
                for one in candidates
                if one.pk > run.pk
                and (one.scenario_id, one.time_of_day, one.assignment)
                == (run.scenario_id, run.time_of_day, run.assignment)
                and figures.counts(one, project.service.code)
            ),
            None,
        )
        if newer is None:
            continue
        now, before = figures.of_run(newer, project), row.content
        found.append(
            Compared(row, f"/runs/{newer.ref}/", newer.ref, newer.finished_at or newer.created_at, _run_figures(before, now, project))
        )  # fmt: skip
    return found


def _run_figures(before: dict[str, Any], now: dict[str, Any], project: Project) -> list[Figure]:
    measured = unit(project.service)
    area = local_name(project.area) if project.area is not None else ""
    rows = [
        ("city", "need", _("Need in the whole city")), ("city", "gap", _("Gap in the whole city")),
        ("area", "need", _("Need in %(area)s") % {"area": area}), ("area", "gap", _("Gap in %(area)s") % {"area": area}),
        ("place", "capacity", _("Capacity of the place")), ("place", "served", _("Served by the place")),
    ]  # fmt: skip
    found = [
        Figure(f"{part}.{name}", label, measured, (before.get(part) or {}).get(name), (now.get(part) or {}).get(name))
        for part, name, label in rows
        if before.get(part) or now.get(part)
    ]  # fmt: skip
    for name, label in (("snapshot", _("Snapshot")), ("engine", _("Engine")), ("scenario_version", _("Version of the scenario"))):  # fmt: skip
        one, two = before.get(name), now.get(name)
        if name == "snapshot":
            one, two = str(one or "")[:8], str(two or "")[:8]
        found.append(Figure(name, label, "", str(one if one is not None else "—"), str(two)))
    return found


def _plans(rows: list[Evidence], project: Project) -> list[Compared]:
    if not rows or project.intervention is None:
        return []
    row, mine = rows[0], project.intervention
    same = Intervention.objects.filter(
        version__plan_id=mine.version.plan_id, version__state=VersionState.FROZEN,
        version__number__gt=int(row.content.get("version") or 0),
    )  # fmt: skip
    newest = same.select_related("version__plan").order_by("-version__number").first()
    if newest is None:
        return []
    version = newest.version
    place = {
        "facility_id": mine.facility_id,
        "idle_asset_id": mine.idle_asset_id,
        "service_id": mine.service_id,
    }
    now = Intervention.objects.filter(version=version, **place).select_related("version__plan").first()
    said = figures.of_plan(now) if now is not None else {}
    before = row.content
    measured = unit(project.service)
    found = [
        Figure("chosen", _("Chosen by the plan"), "", _("yes"), _("yes") if now is not None else _("no")),
        Figure("newly_served", _("Need newly served"), measured, before.get("newly_served"), said.get("newly_served")),
        Figure("units", _("Units gained"), measured, before.get("units"), said.get("units")),
        Figure("cost_fen", _("Cost"), "fen", before.get("cost_fen"), said.get("cost_fen")),
        Figure("hours", _("Ready after"), "h", before.get("hours"), said.get("hours")),
        Figure("order", _("Place in the order"), "", before.get("order"), said.get("order")),
    ]  # fmt: skip
    link = f"/plans/{version.plan.ref}/?version={version.number}"
    words = _("version %(number)s") % {"number": version.number}
    return [Compared(row, link, words, version.frozen_at, found)]


def _places(rows: list[Evidence], project: Project) -> list[Compared]:
    found = []
    for row in rows:
        asset = project.facility if row.kind == "facility" else project.idle_asset
        if asset is None:
            continue
        now = (
            figures.of_facility(project.facility, project.service_id)
            if row.kind == "facility" and project.facility is not None
            else figures.of_idle(asset)  # type: ignore[arg-type]
        )
        before = row.content
        changed = [
            Figure(name, label, measured, _word(name, before.get(name)), _word(name, now.get(name)))
            for name, label, measured in _place_labels(project)
            if name in before or name in now
        ]
        # The version counts every change of the record; only what a decision reads is news.
        if any(one.changed for one in changed):
            link = f"/facilities/{asset.ref}/" if row.kind == "facility" else f"/inventory/idle/{asset.ref}/"
            found.append(Compared(row, link, asset.ref, asset.updated_at, changed))
    return found


def _place_labels(project: Project) -> list[tuple[str, str, str]]:
    measured = unit(project.service)
    return [
        ("name", _("Name"), ""), ("status", _("Status"), ""), ("capacity", _("Capacity in this role"), measured),
        ("role", _("State of the role"), ""), ("hours", _("Conversion, h"), "h"), ("area_m2", _("Area, m²"), "m²"),
        ("floor_m2", _("Floor area, m²"), "m²"), ("land_m2", _("Land, m²"), "m²"), ("tenure", _("Tenure"), ""),
        ("point", _("Position"), ""),
    ]  # fmt: skip


def _word(name: str, value: Any) -> Any:
    """Codes of closed lists in the reader's words; positions as text."""
    lists: dict[str, list[Any]] = {
        "status": [FacilityStatus, AssetStatus], "role": [CapabilityStatus], "tenure": [Tenure],
    }  # fmt: skip
    for one in lists.get(name, []):
        if value in one.values:
            return str(one(value).label)
    return ", ".join(f"{part:.6f}" for part in value) if name == "point" and value else value


def _summary(one: Compared, project: Project) -> str:
    """One sentence for the notice on the case page."""
    on = day(one.newer_on)
    by = {figure.code: figure for figure in one.figures}
    if one.kind == "run":
        gap = by.get("area.gap") or by.get("city.gap")
        said = {"run": one.newer_words, "day": on}
        if gap is None or gap.difference is None:
            return _("Run %(run)s (%(day)s) answers the same question.") % said
        where = (
            _("in %(area)s") % {"area": local_name(project.area)}
            if gap.code == "area.gap"
            else _("in the city")
        )
        said |= {"where": where, "gap": gap.newer_words, "frozen": gap.frozen_words}
        if not gap.difference:
            return _("Run %(run)s (%(day)s) finds the same gap %(where)s: %(gap)s.") % said
        return _("Run %(run)s (%(day)s) finds a gap %(where)s of %(gap)s, not %(frozen)s.") % said
    if one.kind == "plan":
        said = {"words": one.newer_words, "day": on}
        if by["chosen"].changed:
            return _("The plan's %(words)s (frozen %(day)s) no longer chooses this place.") % said
        served = by["newly_served"]
        said |= {"now": served.newer_words, "frozen": served.frozen_words}
        return _("The plan's %(words)s (frozen %(day)s) closes a gap of %(now)s here, not %(frozen)s.") % said
    names = "; ".join(f"{figure.label}: {figure.frozen_words} → {figure.newer_words}" for figure in one.figures if figure.changed)  # fmt: skip
    return _("The place has changed in the registry since: %(words)s.") % {"words": names}
