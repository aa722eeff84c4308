"""Addresses that want to know: added, changed, given a new secret, tried, switched off and on, removed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.models import City
from core.services import audit
from projects.choices import DeliveryState, EventKind
from projects.models import Delivery, OutboxEvent, Webhook
from projects.services import deliveries, events, webhook_wire

LONGEST_OVERLAP_HOURS = 24 * 30


def _ref(hook: Webhook) -> str:
    return f"webhook {hook.pk}"


def _new_secret() -> str:
    return "whsec_" + secrets.token_urlsafe(32)


def _checked(name: str, url: str, kinds: Sequence[str]) -> tuple[str, str, list[str]]:
    if not name.strip():
        raise DomainError("no-name", _("Give it a name."), status=422)
    if unknown := sorted(set(kinds) - set(EventKind.values)):
        raise DomainError(
            "unknown-event", _("There is no event %(words)s.") % {"words": ", ".join(unknown)}, status=422
        )
    if len(url) > 300 or len(name) > 80:
        raise DomainError("too-long", _("A name has at most 80 characters, an address at most 300."), status=422)  # fmt: skip
    # In the order of the list, each once: two people who tick the same boxes store the same words.
    return name.strip(), webhook_wire.check_url(url), [kind for kind in EventKind.values if kind in kinds]


def add(*, user: Any, city: City, name: str, url: str, kinds: Sequence[str] = ()) -> tuple[Webhook, str]:
    """A new address and its secret, which is told only now. No kinds: all."""
    policies.demand(user, "webhook.edit", city)
    name, url, wanted = _checked(name, url, kinds)
    secret = _new_secret()
    with transaction.atomic():
        hook = Webhook.objects.create(
            city=city, name=name, url=url, kinds=wanted, secret=secret, created_by=user
        )
        audit.record(
            user=user, act="webhook.add", subject=hook, ref=_ref(hook), after={"name": name, "url": url, "kinds": wanted}
        )  # fmt: skip
    return hook, secret


def change(*, user: Any, webhook: Webhook, name: str, url: str, kinds: Sequence[str], active: bool) -> Webhook:  # fmt: skip
    """Change what it is called, where it is, what it wants, and whether it is switched on."""
    policies.demand(user, "webhook.edit", webhook.city)
    name, url, wanted = _checked(name, url, kinds)
    with transaction.atomic():
        hook = Webhook.objects.select_for_update().get(pk=webhook.pk)
        before = {"name": hook.name, "url": hook.url, "kinds": hook.kinds, "active": hook.active}
        after = {"name": name, "url": url, "kinds": wanted, "active": active}
        if before == after:
            return hook
        hook.name, hook.url, hook.kinds, hook.active = name, url, wanted, active
        hook.off_at = None if active else hook.off_at
        hook.save(update_fields=["name", "url", "kinds", "active", "off_at"])
        audit.record(user=user, act="webhook.change", subject=hook, ref=_ref(hook), before=before, after=after)  # fmt: skip
        if active:
            events.nudge()
    return hook


def rotate(*, user: Any, webhook: Webhook, overlap_hours: int = 24) -> str:
    """A new secret, told only now. The one before signs beside it for some hours; 0: it ends at once."""
    policies.demand(user, "webhook.edit", webhook.city)
    if not 0 <= overlap_hours <= LONGEST_OVERLAP_HOURS:
        raise DomainError("overlap-hours", _("From 0 to %(most)s hours.") % {"most": LONGEST_OVERLAP_HOURS}, status=422)  # fmt: skip
    secret = _new_secret()
    with transaction.atomic():
        hook = Webhook.objects.select_for_update().get(pk=webhook.pk)
        hook.secret_before = hook.secret if overlap_hours else ""
        hook.secret_before_until = timezone.now() + timedelta(hours=overlap_hours) if overlap_hours else None
        hook.secret = secret
        hook.save(update_fields=["secret", "secret_before", "secret_before_until"])
        audit.record(
            user=user, act="webhook.rotate", subject=hook, ref=_ref(hook), after={"overlap_hours": overlap_hours}
        )  # fmt: skip
    return secret


def remove(*, user: Any, webhook: Webhook) -> None:
    """Take an address away, with what still waited for it. The events themselves stay."""
    policies.demand(user, "webhook.edit", webhook.city)
    with transaction.atomic():
        hook = Webhook.objects.select_for_update().filter(pk=webhook.pk).first()
        if hook is None:
            raise DomainError("webhook-gone", _("This address was taken away already."))
        waiting = hook.deliveries.filter(state=DeliveryState.WAITING).count()
        before = {"name": hook.name, "url": hook.url, "kinds": hook.kinds, "waiting": waiting}
        ref = _ref(hook)
        city = hook.city
        hook.delete()
        audit.record(user=user, act="webhook.remove", subject=city, ref=ref, before=before)


def ping(*, user: Any, webhook: Webhook) -> OutboxEvent:
    """Send a test message, the way everything is sent."""
    policies.demand(user, "webhook.edit", webhook.city)
    if not webhook.active:
        raise DomainError("webhook-off", _("The address is switched off; switch it on first."))
    with transaction.atomic():
        return events.tell_city(
            city_id=webhook.city_id, kind=EventKind.WEBHOOK_PING, ref=_ref(webhook), payload={"by": user.get_username()},
            only=webhook,
        )  # fmt: skip


def replay(*, user: Any, delivery: Delivery) -> Delivery:
    """Send one delivery again, with the same event id: one that was given up, or one that was taken."""
    hook = delivery.webhook
    policies.demand(user, "webhook.edit", hook.city)
    _demand_on(hook)
    with transaction.atomic():
        if not deliveries.send_again(Delivery.objects.filter(pk=delivery.pk)):
            raise DomainError("delivery-waits", _("It is in line already."))
        audit.record(
            user=user, act="webhook.replay", subject=hook, ref=_ref(hook), after={"events": [str(delivery.event_id)]}
        )  # fmt: skip
    delivery.refresh_from_db()
    return delivery


def replay_dead(*, user: Any, webhook: Webhook) -> int:
    """Send again everything that was given up. How many."""
    policies.demand(user, "webhook.edit", webhook.city)
    _demand_on(webhook)
    with transaction.atomic():
        count = deliveries.send_again(webhook.deliveries.filter(state=DeliveryState.DEAD))
        if not count:
            raise DomainError("nothing-dead", _("Nothing was given up here."))
        audit.record(
            user=user, act="webhook.replay", subject=webhook, ref=_ref(webhook), after={"given_up": count}
        )  # fmt: skip
    return count


def catch_up(*, user: Any, webhook: Webhook, after: int) -> int:
    """Put in line every kept event behind this number that the address wants and never had: those from before it was there,
    or from while it was switched off. How many."""
    policies.demand(user, "webhook.edit", webhook.city)
    _demand_on(webhook)
    missed = OutboxEvent.objects.filter(city_id=webhook.city_id, number__gt=after)
    missed = missed.exclude(deliveries__webhook=webhook).exclude(kind=EventKind.WEBHOOK_PING)
    if webhook.kinds:
        missed = missed.filter(kind__in=webhook.kinds)
    with transaction.atomic():
        count = events.queue(missed.iterator(chunk_size=2000), [webhook])
        audit.record(
            user=user, act="webhook.catch-up", subject=webhook, ref=_ref(webhook), after={"after": after, "events": count}
        )  # fmt: skip
    return count


def _demand_on(hook: Webhook) -> None:
    if not hook.active:
        raise DomainError("webhook-off", _("The address is switched off; switch it on first."))
