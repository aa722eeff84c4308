"""What happened, for whoever wants to know: written with the act itself, sent afterwards (see deliveries).

An event and its deliveries are rows of the transaction of the act. What was rolled back is not told, what was committed is
never forgotten, whatever becomes of the worker or the broker: word to them is only a nudge, and the rows are the truth.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction
from django.dispatch import Signal
from django.utils import timezone

from core.services.audit import CHAIN_LOCK
from projects.choices import EventKind
from projects.models import Delivery, OutboxEvent, Project, Webhook

# Sent after a commit that left something to deliver. The transport (projects.tasks) listens.
told = Signal()


def tell(*, project: Project, kind: str, ref: str, payload: dict[str, Any]) -> OutboxEvent:
    """Write an event in the caller's transaction, and one delivery for each address that wants its kind.

    Call it last, beside `audit.record`: acts queue from here to the end of their transaction.
    """
    return _write(
        city_id=project.city_id, project=project, kind=kind, ref=ref, payload={"project": project.ref, **payload}
    )  # fmt: skip


def tell_city(
    *, city_id: int, kind: str, ref: str, payload: dict[str, Any], only: Webhook | None = None
) -> OutboxEvent:
    """The same for what belongs to no project. `only`: for this address alone, whatever it asked for."""
    return _write(city_id=city_id, project=None, kind=kind, ref=ref, payload=payload, only=only)


def _write(
    *, city_id: int, project: Project | None, kind: str, ref: str, payload: dict[str, Any], only: Webhook | None = None
) -> OutboxEvent:  # fmt: skip
    kind = EventKind(kind).value  # a kind that nobody could ask for is a mistake of ours
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Numbers become visible in their order: under the lock, the next is drawn when the one before is committed.
            cursor.execute("select pg_advisory_xact_lock(%s)", [CHAIN_LOCK])
            cursor.execute("select nextval('projects_event_number')")
            number = cursor.fetchone()[0]
        event = OutboxEvent.objects.create(
            number=number, city_id=city_id, project=project, kind=kind, subject_ref=ref, payload=payload
        )
        if only is not None:
            queue([event], [only])
        else:
            hooks = Webhook.objects.filter(city_id=city_id, active=True)
            queue([event], [hook for hook in hooks if not hook.kinds or kind in hook.kinds])
    return event


def tell_all(*, kind: str, told: list[tuple[Project, str, dict[str, Any]]]) -> list[OutboxEvent]:
    """Many events of one kind, (project, ref, payload) each, in a few statements however many there are. Call it last."""
    if not told:
        return []
    kind = EventKind(kind).value
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [CHAIN_LOCK])
            cursor.execute("select nextval('projects_event_number') from generate_series(1, %s)", [len(told)])
            numbers = sorted(row[0] for row in cursor.fetchall())
        made = OutboxEvent.objects.bulk_create(
            OutboxEvent(
                number=number, city_id=project.city_id, project=project, kind=kind, subject_ref=ref,
                payload={"project": project.ref, **payload},
            )
            for number, (project, ref, payload) in zip(numbers, told, strict=True)
        )  # fmt: skip
        hooks = [hook for hook in Webhook.objects.filter(active=True) if not hook.kinds or kind in hook.kinds]
        for city_id in sorted({event.city_id for event in made}):
            queue(
                [event for event in made if event.city_id == city_id],
                [hook for hook in hooks if hook.city_id == city_id],
            )
    return made


def queue(events: Iterable[OutboxEvent], hooks: Iterable[Webhook]) -> int:
    """A delivery of each event for each address, where there is none yet. How many were asked for."""
    now, listed = timezone.now(), list(hooks)
    rows = [
        Delivery(event=event, webhook=hook, number=event.number, stream=stream_of(event), next_at=now)
        for event in events
        for hook in listed
    ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)
    if rows:
        nudge()
    return len(rows)


def stream_of(event: OutboxEvent) -> str:
    """What is told in order: all of one project; else all of one record."""
    return str(event.payload.get("project") or event.subject_ref)[:80]


def nudge() -> None:
    """Send word once the transaction is committed; once, however much it wrote."""
    if not any(entry[1] is _send_word for entry in connection.run_on_commit):
        transaction.on_commit(_send_word)


def _send_word() -> None:
    told.send_robust(sender=None)
