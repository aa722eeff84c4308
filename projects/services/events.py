"""What happened, for whoever wants to know: written with the act itself, sent afterwards (see deliveries)."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from projects.models import Delivery, OutboxEvent, Project, Webhook


def tell(*, project: Project, kind: str, ref: str, payload: dict[str, Any]) -> OutboxEvent:
    """Write an event in the caller's transaction, and one delivery for each address that wants its kind."""
    event = OutboxEvent.objects.create(
        city_id=project.city_id, kind=kind, subject_ref=ref, payload={"project": project.ref, **payload}
    )
    wanted = [
        hook
        for hook in Webhook.objects.filter(city_id=project.city_id, active=True)
        if not hook.kinds or kind in hook.kinds
    ]
    Delivery.objects.bulk_create(
        Delivery(event=event, webhook=hook, next_at=timezone.now()) for hook in wanted
    )
    return event
