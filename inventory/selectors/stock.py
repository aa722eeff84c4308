"""Stock levels, derived in SQL from the ledger, and the ledger itself."""

from __future__ import annotations

from typing import Any

from django.db.models import Max, Min, Q, QuerySet, Sum

from core import policies
from facilities.models import Facility
from inventory.models import ItemType, Lot, StockMovement, Stocktake


def movements_for(user: Any) -> QuerySet[StockMovement]:
    seen = policies.visible(user, area="lot__facility__area", city="lot__facility__city")
    return StockMovement.objects.filter(seen).select_related("lot__facility", "lot__item", "by")


def lots_for(user: Any) -> QuerySet[Lot]:
    """Lots with `on_hand`: the sum of their lines."""
    seen = policies.visible(user, area="facility__area", city="facility__city")
    return (
        Lot.objects.filter(seen)
        .select_related("facility", "item")
        .annotate(on_hand=Sum("movements__quantity", default=0))
    )


def levels_for(user: Any, facilities: QuerySet[Facility] | None = None) -> QuerySet[Any]:
    """One row a facility and item: on hand, next expiry of what is there, last movement."""
    seen = policies.visible(user, area="facility__area", city="facility__city")
    lots = Lot.objects.filter(seen)
    if facilities is not None:
        lots = lots.filter(facility__in=facilities.order_by().values("pk"))
    return (
        lots.values(
            "facility__ref", "facility__name", "facility__name_en", "facility__city_id", "item__code", "item__name", "item__name_en",
            "item__unit", "item__per_place",
        )
        .annotate(
            on_hand=Sum("movements__quantity", default=0),
            next_expiry=Min("expires_on", filter=Q(movements__isnull=False)),
            last_movement=Max("movements__at"),
        )
        .order_by("facility__ref", "item__code")
    )  # fmt: skip


def shelves(facility: Facility) -> list[dict[str, Any]]:
    """What one facility holds, by item, beside what its largest active role would need where that is known."""
    places = facility.capabilities.filter(status="active", service__domain="shelter").aggregate(
        most=Max("capacity")
    )["most"]
    rows = (
        Lot.objects.filter(facility=facility)
        .values("item__code", "item__name", "item__name_en", "item__unit", "item__per_place")
        .annotate(on_hand=Sum("movements__quantity", default=0), next_expiry=Min("expires_on"))
        .order_by("item__code")
    )
    found = []
    for row in rows:
        per_place = row["item__per_place"]
        need = per_place * places if per_place and places else None
        found.append(
            {
                "name": row["item__name"], "name_en": row["item__name_en"], "unit": row["item__unit"], "on_hand": row["on_hand"],
                "needed": need, "next_expiry": row["next_expiry"],
            }
        )  # fmt: skip
    return found


def last_stocktake(facility: Facility) -> Stocktake | None:
    return facility.stocktakes.order_by("-counted_on").first()


def items() -> QuerySet[ItemType]:
    return ItemType.objects.all()
