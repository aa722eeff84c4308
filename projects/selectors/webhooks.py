"""What the pages, the API and the command read of addresses, deliveries and events."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from core import policies
from core.models import City
from projects.choices import DeliveryState
from projects.models import Delivery, OutboxEvent, Webhook


def webhooks_for(user: Any, city: City | None = None) -> QuerySet[Webhook]:
    """Addresses that the person may set up: those of cities where she is an administrator for the whole city."""
    rows = Webhook.objects.select_related("city", "created_by")
    if not getattr(user, "is_superuser", False):
        rows = rows.filter(city_id__in=policies.cities_with(user, "webhook.edit"))
    return rows.filter(city=city) if city is not None else rows


def with_counts(rows: QuerySet[Webhook]) -> QuerySet[Webhook]:
    """Each with how many deliveries wait, were taken, were given up, and when the last was taken."""
    return rows.annotate(
        waiting=Count("deliveries", filter=Q(deliveries__state=DeliveryState.WAITING)),
        sent=Count("deliveries", filter=Q(deliveries__state=DeliveryState.SENT)),
        dead=Count("deliveries", filter=Q(deliveries__state=DeliveryState.DEAD)),
        last_sent_at=Max("deliveries__sent_at"),
    )


def deliveries_of(hook: Webhook, *, state: str = "") -> QuerySet[Delivery]:
    """Newest first, with their event and every try."""
    rows = Delivery.objects.filter(webhook=hook).select_related("event__project").prefetch_related("tries")
    return (rows.filter(state=state) if state in DeliveryState.values else rows).order_by("-number")


def events_visible_to(user: Any) -> QuerySet[OutboxEvent]:
    """Events of the projects that the person may see; what belongs to no project is for who sees the whole city."""
    rows = OutboxEvent.objects.select_related("city", "project")
    return rows.filter(policies.visible(user, area="project__area", city="city"))
