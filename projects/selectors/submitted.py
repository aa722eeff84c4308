"""What of a project a decision stands on, as plain values: what is handed in word for word, and what would be today."""

from __future__ import annotations

from typing import Any

from projects.models import Project

FIELDS = (
    "name", "name_en", "description", "investment_code", "kind", "units", "conversion_hours", "cost_fen", "starts_on",
    "ends_on", "gap_promised", "land_m2", "duplicate_reason", "site", "builder", "lead_department",
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
