"""Lists of projects that were brought in or refused: who may see them, what they would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db.models import Q, QuerySet

from core import policies
from core.models import City
from facilities.models import ImportBatch, ServiceType
from projects.models import Project


def imports_of(user: Any, city: City | None = None) -> QuerySet[ImportBatch]:
    """A person's own files, and for auditors and administrators of a whole city those of everybody."""
    rows = ImportBatch.objects.filter(mapping__of="projects").select_related("city", "created_by")
    if city is not None:
        rows = rows.filter(city=city)
    if getattr(user, "is_superuser", False):
        return rows
    return rows.filter(Q(created_by=user) | Q(city_id__in=policies.cities_with(user, "audit.view")))


def file_of(batch: ImportBatch) -> Path | None:
    """The file itself, while it is kept."""
    path = Path(batch.mapping.get("path", "") or "/nowhere")
    return path if path.is_file() else None


def preview(batch: ImportBatch) -> list[dict[str, Any]]:
    """The first rows as they would be (or were) taken over, each with its service."""
    services = {one.code: one for one in ServiceType.objects.all()}
    rows = [dict(row) | {"service": services.get(row["service"])} for row in batch.mapping.get("preview", [])]
    for row in rows:
        row["changes"] = [one | {"label": Project._meta.get_field(one["field"]).verbose_name} for one in row["changes"]]  # fmt: skip
    return rows
