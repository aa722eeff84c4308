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


def tell_all(*, kind: str, told: list[tuple[Project, str, dict[str, Any]]]) -> None:
    """Write many events of one kind, (project, ref, payload) each, in two statements however many there are."""
    made = OutboxEvent.objects.bulk_create(
        OutboxEvent(
            city_id=project.city_id, kind=kind, subject_ref=ref, payload={"project": project.ref, **payload}
        )
        for project, ref, payload in told
    )
    hooks = [hook for hook in Webhook.objects.filter(active=True) if not hook.kinds or kind in hook.kinds]
    now = timezone.now()
    Delivery.objects.bulk_create(
        Delivery(event=event, webhook=hook, next_at=now)
        for event in made
        for hook in hooks
        if hook.city_id == event.city_id
    )
