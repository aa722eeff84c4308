"""Sends what the outbox holds: at least once, in order within a project, with patience, and never through one slow receiver.

A hand claims a delivery by a conditional update with a lease (`held_until`), posts it, and marks it by another. Killed in
between, the lease runs out and the delivery is posted again, with the same event id. One address is tried by one hand at a
time; the others' deliveries go out beside it.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Max
from django.utils import timezone

from core.services import audit
from projects.choices import DeliveryState
from projects.models import Delivery, DeliveryAttempt, Webhook
from projects.services import events, webhook_wire

log = logging.getLogger(__name__)
HANDS = 8
# How long one pass takes up new work, and how long one attempt may take in all.
PASS_SECONDS = 20.0
GONE = 410

# One due delivery of each address that nobody is sending to: the first that no earlier one of its stream waits before.
_CLAIM = """
with picked as (
    select d.id, d.held_until as held_before
    from projects_webhook w
    cross join lateral (
        select d.id, d.held_until from projects_delivery d
        where d.webhook_id = w.id and d.state = 'waiting' and d.next_at <= %(now)s
            and (d.held_until is null or d.held_until <= %(now)s)
            and not exists (select 1 from projects_delivery e where e.webhook_id = d.webhook_id and e.stream = d.stream
                and e.state = 'waiting' and e.number < d.number)
        order by d.number limit 1
        for update of d skip locked
    ) as d
    where w.active and w.id <> all(%(busy)s)
        and not exists (select 1 from projects_delivery h
            where h.webhook_id = w.id and h.state = 'waiting' and h.held_until > %(now)s)
    limit %(limit)s
)
update projects_delivery d set held_until = %(until)s, attempts = d.attempts + 1
from picked where d.id = picked.id
returning d.id, picked.held_before
"""


def waits_seconds() -> list[float]:
    """How long to wait after each attempt that failed; after the last nothing is tried any more."""
    return [float(word) for word in settings.WEBHOOK_RETRY_SECONDS]


def attempts_at_most() -> int:
    return len(waits_seconds()) + 1


@dataclass
class _Flight:
    """One attempt on its way. `token`: the lease; whoever holds another one is not us."""

    delivery: Delivery
    token: datetime
    ends: float
    line: webhook_wire.Line = field(default_factory=webhook_wire.Line)


def _claim(busy: Iterable[int], limit: int) -> list[Delivery]:
    now = timezone.now()
    until = now + timedelta(seconds=settings.WEBHOOK_HOLD_SECONDS)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "until": until, "busy": list(busy), "limit": limit})
        found = dict(cursor.fetchall())
        # A lease that ran out is an attempt nobody could tell the end of.
        lost = [pk for pk, held_before in found.items() if held_before is not None]
        DeliveryAttempt.objects.bulk_create(
            DeliveryAttempt(delivery_id=pk, error="the sender stopped before it could note the answer")
            for pk in lost
        )
    rows = Delivery.objects.select_related("webhook", "event__city", "event__project")
    return list(rows.filter(pk__in=found).order_by("number"))


def deliver_due(*, seconds: float = PASS_SECONDS) -> dict[str, int]:
    """One pass: everything that is due now, address by address side by side. How many were taken, failed, given up."""
    counts = {"sent": 0, "failed": 0, "dead": 0}
    flights: dict[Future[webhook_wire.Answer], _Flight] = {}
    # An address that failed rests until the next pass: its other deliveries would only fail too.
    resting: set[int] = set()
    ends = time.monotonic() + seconds
    pool = ThreadPoolExecutor(HANDS, thread_name_prefix="webhooks")
    try:
        while True:
            free = HANDS - len(flights)
            if free and time.monotonic() < ends:
                busy = resting | {flight.delivery.webhook_id for flight in flights.values()}
                for delivery in _claim(busy, free):
                    flight = _Flight(
                        delivery,
                        delivery.held_until,  # type: ignore[arg-type]
                        time.monotonic() + 2 * settings.WEBHOOK_TIMEOUT_SECONDS,
                    )
                    flights[pool.submit(_send, flight)] = flight
            if not flights:
                break
            done, _left = wait(flights, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in done:
                flight = flights.pop(future)
                if not _settle(flight, future.result(), counts):
                    resting.add(flight.delivery.webhook_id)
            for future, flight in list(flights.items()):
                if time.monotonic() > flight.ends:
                    # It drips, or its name is still being looked up: the hand is left behind.
                    del flights[future]
                    flight.line.cut_off()
                    took = int(2000 * settings.WEBHOOK_TIMEOUT_SECONDS)
                    _settle(flight, webhook_wire.Answer(None, "no answer in time", took), counts)
                    resting.add(flight.delivery.webhook_id)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return counts


def _send(flight: _Flight) -> webhook_wire.Answer:
    """In a thread: only the network, no database."""
    delivery = flight.delivery
    hook, event = delivery.webhook, delivery.event
    body = webhook_wire.body_of(event, delivery.attempts)
    headers = webhook_wire.headers_of(event, delivery.attempts, body, secrets_of(hook))
    return webhook_wire.send(hook.url, body, headers, flight.line)


def secrets_of(hook: Webhook) -> list[str]:
    """The secrets that sign now: the one in force, and the one before until it ends."""
    before = hook.secret_before_until is not None and hook.secret_before_until > timezone.now()
    return [hook.secret, *([hook.secret_before] if before and hook.secret_before else [])]


def _settle(flight: _Flight, answer: webhook_wire.Answer, counts: dict[str, int]) -> bool:
    """Note what became of an attempt; True when it was taken."""
    delivery, now = flight.delivery, timezone.now()
    mine = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING, held_until=flight.token)
    fields: dict[str, Any] = {"status": answer.status, "error": answer.error, "held_until": None}
    waits = waits_seconds()
    made = delivery.attempts - delivery.replayed_at_attempt
    dead = not answer.taken and (made > len(waits) or answer.status == GONE)
    if answer.taken:
        fields |= {"state": DeliveryState.SENT, "sent_at": now}
    elif dead:
        # The moment it was given up stands where the next attempt would.
        fields |= {"state": DeliveryState.DEAD, "next_at": now}
    else:
        pause = max(waits[made - 1] * random.uniform(0.8, 1.2), answer.retry_after_seconds)
        fields |= {"next_at": now + timedelta(seconds=pause)}
    with transaction.atomic():
        DeliveryAttempt.objects.create(
            delivery=delivery, status=answer.status, error=answer.error, milliseconds=answer.milliseconds
        )
        moved = mine.update(**fields)
        if moved and dead:
            _switch_off_if_nobody_listens(delivery.webhook)
    if moved:
        counts["sent" if answer.taken else "dead" if dead else "failed"] += 1
    return answer.taken


def _switch_off_if_nobody_listens(hook: Webhook) -> None:
    """Too many given up since the last that was taken: the address is left alone, and its page says so."""
    dead = Delivery.objects.filter(webhook=hook, state=DeliveryState.DEAD)
    last = Delivery.objects.filter(webhook=hook).aggregate(at=Max("sent_at"))["at"]
    if last is not None:
        dead = dead.filter(next_at__gt=last)
    if dead.count() < settings.WEBHOOK_OFF_AFTER_DEAD:
        return
    if Webhook.objects.filter(pk=hook.pk, active=True).update(active=False, off_at=timezone.now()):
        audit.record(
            user=None, act="webhook.off", subject=hook, ref=f"webhook {hook.pk}", after={"given_up": dead.count()}
        )  # fmt: skip


def anything_due() -> bool:
    now = timezone.now()
    return (
        Delivery.objects.filter(state=DeliveryState.WAITING, webhook__active=True, next_at__lte=now)
        .exclude(held_until__gt=now)
        .exists()
    )


# --- again, and no more ----------------------------------------------------------------------------


def send_again(rows: Any) -> int:
    """Put deliveries that are over back in line: the same event ids, with all their attempts before them."""
    moved = rows.filter(state__in=[DeliveryState.DEAD, DeliveryState.SENT]).update(
        state=DeliveryState.WAITING, next_at=timezone.now(), held_until=None, sent_at=None,
        replayed_at_attempt=F("attempts"),
    )  # fmt: skip
    if moved:
        events.nudge()
    return moved


_OLD = """
select e.id from projects_outboxevent e where e.created_at < %s and not exists (
    select 1 from projects_delivery d join projects_webhook w on w.id = d.webhook_id
    where d.event_id = e.id and d.state = 'waiting' and w.active)
order by e.number limit %s for update of e skip locked
"""


def forget_old(*, days: int | None = None, batch: int = 5000) -> int:
    """Delete events, with their deliveries, that are older than the time they are kept. What an address that is switched on
    still waits for stays. The audit keeps what happened."""
    cutoff = timezone.now() - timedelta(days=settings.WEBHOOK_KEEP_DAYS if days is None else days)
    gone = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_OLD, [cutoff, batch])
            old = [pk for (pk,) in cursor.fetchall()]
            cursor.execute(
                "delete from projects_deliveryattempt a using projects_delivery d"
                " where a.delivery_id = d.id and d.event_id = any(%s)",
                [old],
            )
            cursor.execute("delete from projects_delivery where event_id = any(%s)", [old])
            cursor.execute("delete from projects_outboxevent where id = any(%s)", [old])
            count = len(old)
        gone += count
        if count < batch:
            return gone
