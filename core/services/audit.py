"""Writes the audit. Each entry's hash covers the one before it, so nothing can be taken out unseen."""

import hashlib
import json
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.utils import timezone

from core import policies
from core.models import AuditEntry, City

# Set by the middleware for every request; ties an entry to the lines in the log.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# Any fixed number: the advisory lock that makes writers queue, so that the chain has one order.
CHAIN_LOCK = 7_314_159


def plain(value: Any) -> Any:
    """What jsonb will give back for `value`: it knows one kind of number, so 2.0 and 2 must hash alike."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return value.replace("\x00", "")
    return value


def entry_sha256(entry: AuditEntry) -> str:
    """Hash of everything the entry says, and of the hash before it."""
    text = json.dumps(
        [
            entry.at.isoformat(), entry.user_id, entry.act, entry.subject_type, entry.subject_ref, entry.city_code,
            entry.area_path, plain(entry.before), plain(entry.after), entry.reason, entry.request_id, entry.previous_sha256,
        ],
        ensure_ascii=False, sort_keys=True, cls=DjangoJSONEncoder,
    )  # fmt: skip
    return hashlib.sha256(text.encode()).hexdigest()


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
        path, city_id = policies.place_of(subject)
        city = City.objects.filter(pk=city_id).values_list("code", flat=True).first() if city_id else ""
        entry = AuditEntry(
            at=timezone.now(),
            user=user if getattr(user, "is_authenticated", False) else None,
            act=act,
            subject_type=subject._meta.label_lower,
            subject_ref=(
                ref or str(getattr(subject, "ref", "") or getattr(subject, "code", "") or subject.pk)
            )[:80],
            city_code=city or "",
            area_path=path,
            before=_as_json(before),
            after=_as_json(after),
            reason=reason,
            request_id=request_id.get(),
            previous_sha256=AuditEntry.objects.order_by("-id").values_list("sha256", flat=True).first() or "",
        )
        entry.sha256 = entry_sha256(entry)
        entry.save()
    return entry


@dataclass(frozen=True)
class ChainReport:
    """`broken` names the first entry whose hash, or link to the one before, does not hold."""

    entries: int
    broken: int | None
    last_sha256: str


def verify_chain() -> ChainReport:
    """Recompute every hash from the first entry on."""
    previous, count = "", 0
    for entry in AuditEntry.objects.order_by("id").iterator(chunk_size=2000):
        if entry.previous_sha256 != previous or entry_sha256(entry) != entry.sha256:
            return ChainReport(count, entry.pk, previous)
        previous, count = entry.sha256, count + 1
    return ChainReport(count, None, previous)
