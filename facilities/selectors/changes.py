"""What happened to a facility, read from the audit."""

from __future__ import annotations

from typing import Any

from core.models import AuditEntry
from facilities.models import Facility

TYPE = "facilities.facility"


def history(facility: Facility, limit: int = 12) -> list[AuditEntry]:
    """The newest entries first."""
    entries = AuditEntry.objects.filter(subject_type=TYPE, subject_ref=facility.ref).select_related("user")
    return list(entries.order_by("-id")[:limit])


def history_count(facility: Facility) -> int:
    return AuditEntry.objects.filter(subject_type=TYPE, subject_ref=facility.ref).count()


def changes_since(facility: Facility, version: int) -> list[dict[str, Any]]:
    """Fields changed after `version`: {field, base, theirs, who, at}, one row a field, oldest base and newest value."""
    entries = (
        AuditEntry.objects.filter(subject_type=TYPE, subject_ref=facility.ref, after__version__gt=version)
        .select_related("user")
        .order_by("id")
    )
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        for field, value in (entry.after or {}).items():
            if field == "version":
                continue
            row = found.setdefault(field, {"field": field, "base": (entry.before or {}).get(field)})
            row.update(theirs=value, who=str(entry.user or ""), at=entry.at.isoformat())
    return list(found.values())
