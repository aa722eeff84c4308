"""What happened to a facility, read from the audit."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.utils.translation import gettext_lazy as _

from core.models import AuditEntry
from facilities.models import Capability, Facility

TYPE = "facilities.facility"


ACTS = {
    "facility.add": _("Added to the registry"),
    "facility.change": _("Changed"),
    "facility.close": _("Closed"),
    "facility.commission": _("Works accepted"),
    "capability.add": _("Role added"),
    "capability.change": _("Role changed"),
    "certificate.add": _("Certificate added"),
    "certificate.remove": _("Certificate removed"),
    "agreement.add": _("Agreement added"),
    "agreement.remove": _("Agreement removed"),
    "proposal.add": _("Change proposed"),
    "proposal.reject": _("Proposal rejected"),
    "stock.move": _("Stock moved"),
    "stock.count": _("Stock counted"),
}


def field_words(name: str) -> str:
    """What people call a field that the audit names."""
    for model in (Facility, Capability):
        try:
            return str(model._meta.get_field(name).verbose_name)
        except FieldDoesNotExist:
            continue
    return name


def entry_words(entry: AuditEntry) -> str:
    """One line: the act, and each field with its old and new value."""
    before, after = entry.before or {}, entry.after or {}
    parts = []
    for name, value in after.items():
        if (
            name in {"version", "proposal"}
            or not entry.before
            or before.get(name) == value
            or entry.act == "proposal.add"
        ):
            continue
        shown = [("—" if one in (None, "", []) else str(one))[:60] for one in (before.get(name), value)]
        parts.append(f"{field_words(name)} {shown[0]} → {shown[1]}")
    word = str(ACTS.get(entry.act, entry.act))
    if entry.act == "stock.move":
        return (
            f"{word}: {after.get('item', '')} {after.get('quantity', 0):+,d} → {after.get('on_hand', 0):,d}"
        )
    if after.get("service"):
        word = f"{word} ({after['service']})"
    return f"{word}: {'; '.join(parts)}" if parts else word


def history(facility: Facility, limit: int = 12) -> list[AuditEntry]:
    """The newest entries first, each with `words`."""
    entries = AuditEntry.objects.filter(subject_type=TYPE, subject_ref=facility.ref).select_related("user")
    found = list(entries.order_by("-id")[:limit])
    for entry in found:
        entry.words = entry_words(entry)
    return found


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
