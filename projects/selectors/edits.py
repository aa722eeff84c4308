"""Who changed what in a project since somebody read it."""

from __future__ import annotations

from typing import Any

from core.models import AuditEntry
from projects.models import Project


def since(project: Project, version: int) -> list[dict[str, Any]]:
    """[{field, before, now, by, by_en, at}] of the changes to a draft after `version`, one a field: what stood then, what
    stands now, who changed it last."""
    rows = AuditEntry.objects.filter(
        subject_type=project._meta.label_lower, subject_ref=project.ref, act="project.edit"
    ).select_related("user")
    found: dict[str, dict[str, Any]] = {}
    for row in rows.order_by("id"):
        after, before = dict(row.after or {}), row.before or {}
        if int(after.pop("version", 0)) <= version:
            continue
        for field, now in after.items():
            first = found.get(field, {}).get("before", before.get(field))
            name = getattr(row.user, "name", "") or getattr(row.user, "username", "") or "—"
            found[field] = {
                "field": field, "before": first, "now": now, "by": name, "at": row.at.isoformat(),
            }  # fmt: skip
    return [row for row in found.values() if row["before"] != row["now"]]
