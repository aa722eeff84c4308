"""Writes the audit. Each entry's hash covers the one before it, a key that is not in the database seals it, and one row
keeps how long the chain is and how it ends (ADR 0023): what can be found later is in `audit_chain`."""

import json
from contextvars import ContextVar
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.utils import timezone

from core import policies
from core.models import AuditEntry, City
from core.services import audit_chain
from core.services.audit_chain import plain

# Set by the middleware for every request; ties an entry to the lines in the log.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# Any fixed number: the advisory lock that makes writers queue, so that the chain has one order.
CHAIN_LOCK = 7_314_159


def _as_json(said: dict[str, Any] | None) -> Any:
    return None if said is None else plain(json.loads(json.dumps(said, cls=_Encoder, allow_nan=False)))


class _Encoder(DjangoJSONEncoder):
    def default(self, value: Any) -> Any:
        try:
            return super().default(value)
        except TypeError:
            return str(value)


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
    """Write one entry inside the caller's transaction.

    Writers queue until that transaction ends, so a long one should call this last.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [CHAIN_LOCK])
            # The id is part of what the hash covers, so it is drawn before; under the lock, so that it grows with the chain.
            cursor.execute("select nextval(pg_get_serial_sequence('core_auditentry', 'id'))")
            pk = cursor.fetchone()[0]
        path, city_id = policies.place_of(subject)
        city = City.objects.filter(pk=city_id).values_list("code", flat=True).first() if city_id else ""
        head = audit_chain.trusted_head()
        entry = AuditEntry(
            pk=pk,
            at=timezone.now(),
            user=user if getattr(user, "is_authenticated", False) else None,
            act=act,
            subject_type=subject._meta.label_lower,
            subject_ref=(
                ref or str(getattr(subject, "ref", "") or getattr(subject, "code", "") or subject.pk)
            )[:80],
            city_code=city or "",
            area_path=path,
            trail_ref=_trail(subject),
            before=_as_json(before),
            after=_as_json(after),
            reason=reason.replace("\x00", ""),
            request_id=request_id.get(),
        )
        number, entry.previous_sha256 = audit_chain.place_after(head)
        entry.number = number + 1
        entry.sha256 = audit_chain.entry_sha256(entry)
        entry.seal, entry.key_id = audit_chain.seal_entry(entry.number, entry.sha256)
        entry.save(force_insert=True)
        if head is not None:
            head.count, head.last_id, head.last_sha256 = entry.number, pk, entry.sha256
            head.seal, head.key_id = audit_chain.seal_head(head)
            head.save()
    return entry


def _trail(subject: Any) -> str:
    """Reference of the project that a record is, or belongs to."""
    paths: tuple[tuple[str, ...], ...] = ((), ("case",), ("tranche",), ("step", "case"))
    for path in paths:
        place: Any = subject
        for name in path:
            place = getattr(place, name, None)
        owner = getattr(place, "project", None)
        if ref := getattr(owner, "ref", None):
            return str(ref)[:40]
    return str(getattr(subject, "ref", "") or "")[:40]
