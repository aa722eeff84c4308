"""Once a day: the whole audit is checked, and how it ends is written down outside the database and told to every city's
addresses. Whoever keeps what they were told can later see that nobody replaced the chain."""

from __future__ import annotations

from typing import Any

from core.models import AuditCheck, City
from core.services import audit_chain
from projects.choices import EventKind
from projects.services import events


def anchor_audit() -> AuditCheck:
    check = audit_chain.check_now()
    payload: dict[str, Any] = {
        "entries": check.entries, "sha256": check.last_sha256, "checked_at": check.at, "in_order": not check.kind,
        "break": check.kind,
    }  # fmt: skip
    if not check.kind:
        audit_chain.write_anchor(audit_chain.Anchor(check.entries, check.last_sha256), at=check.at)
    payload["checked_at"] = check.at.isoformat()
    for city_id in City.objects.values_list("pk", flat=True):
        events.tell_city(city_id=city_id, kind=EventKind.AUDIT_ANCHOR, ref="audit", payload=payload)
    return check
