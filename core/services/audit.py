"""Writes the audit. Each entry's hash covers the one before it, so nothing can be taken out unseen."""

import hashlib
import json
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from core.middleware import request_id
from core.models import AuditEntry

# Any fixed number: the advisory lock that makes writers queue, so that the chain has one order.
CHAIN_LOCK = 7_314_159


def entry_sha256(entry: AuditEntry) -> str:
    """Hash of everything the entry says, and of the hash before it."""
    text = json.dumps(
        [
            entry.at.isoformat(), entry.user_id, entry.act, entry.subject_type, entry.subject_ref, entry.area_path,
            entry.before, entry.after, entry.reason, entry.request_id, entry.previous_sha256,
        ],
        ensure_ascii=False, sort_keys=True, default=str,
    )  # fmt: skip
    return hashlib.sha256(text.encode()).hexdigest()


def record(
    *,
    user: Any,
    act: str,
    subject: Any,
    ref: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditEntry:
    """Write one entry inside the caller's transaction."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [CHAIN_LOCK])
        area = getattr(subject, "area", None)
        entry = AuditEntry(
            at=timezone.now(),
            user=user if getattr(user, "is_authenticated", False) else None,
            act=act,
            subject_type=subject._meta.label_lower,
            subject_ref=ref or str(getattr(subject, "ref", "") or getattr(subject, "code", "") or subject.pk),
            area_path=area.path if area is not None else "",
            before=json.loads(json.dumps(before, default=str)) if before is not None else None,
            after=json.loads(json.dumps(after, default=str)) if after is not None else None,
            reason=reason,
            request_id=request_id.get(),
            previous_sha256=AuditEntry.objects.order_by("-id").values_list("sha256", flat=True).first() or "",
        )
        entry.sha256 = entry_sha256(entry)
        entry.save()
    return entry
