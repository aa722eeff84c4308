"""The checklist of a conversion, as data beside the routes: what is looked at on site for this kind of works and service."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from inventory.choices import InterventionKind
from planning.models import Standard, StandardProfile
from planning.selectors.standards import effective_standards
from projects.models import Project

FILE = Path(settings.BASE_DIR) / "projects" / "rules" / "conversion_check.yaml"
YES, NO, NA = "yes", "no", "na"
ANSWERS = (YES, NO, NA)


@dataclass(frozen=True)
class Item:
    """One thing to look at. `required`: a "no" keeps the check from being passed."""

    code: str
    name: str
    name_en: str
    required: bool
    source: str
    certainty: str


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def checklist_name() -> str:
    """Code and version, kept with each check."""
    return f"{_document()['code']} {_document()['version']}"


def items_for(project: Project) -> list[Item]:
    """The items that hold for the kind of works and the domain of the service, in the order of the file."""
    found = []
    for row in _document()["items"]:
        if project.kind in row.get("kinds", [project.kind]) and project.service.domain in row.get(
            "domains", [project.service.domain]
        ):
            found.append(
                Item(
                    row["code"],
                    row["name"],
                    row["name_en"],
                    bool(row["required"]),
                    row["source"],
                    row["certainty"],
                )
            )
    return found


def limit_hours(project: Project) -> float | None:
    """Within how many hours the default standards want the service ready: the strictest of its phases, None where no
    standard says."""
    rows = [row for row in standards_of(project) if row.conversion_limit_hours is not None]
    return min((float(row.conversion_limit_hours or 0) for row in rows), default=None)


def standards_of(project: Project) -> list[Standard]:
    profile = StandardProfile.objects.filter(is_default=True).first()
    if profile is None:
        return []
    return [row for row in effective_standards(profile) if row.service_id == project.service_id]


def converts(project: Project) -> bool:
    """Is there anything to try? Where a role ends nothing is converted."""
    return project.kind != InterventionKind.RETIRE
