"""Capacity of the registry by role and peacetime use."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet, Sum

from core.models import City
from facilities.choices import CapabilityStatus, FacilityStatus
from facilities.models import Capability


def capacity_table(city: City, capabilities: QuerySet[Capability] | None = None) -> list[dict[str, Any]]:
    """Every role a facility has or could take, by peacetime use: service, use, unit, capacity (unrounded), places.

    Closed facilities and retired roles are left out. `capabilities` narrows it, e.g. to what a person may see.
    """
    chosen = Capability.objects.all() if capabilities is None else capabilities
    rows = (
        chosen.filter(facility__city=city)
        .exclude(status=CapabilityStatus.RETIRED)
        .exclude(facility__status=FacilityStatus.CLOSED)
        .order_by("service__sort_order", "service__code", "facility__use__sort_order", "facility__use__code")
        .values(
            "service__code",
            "facility__use__code",
            "service__unit",
            "service__sort_order",
            "facility__use__sort_order",
        )
        .annotate(total=Sum("capacity"), places=Count("facility", distinct=True))
    )
    return [
        {
            "service": row["service__code"],
            "use": row["facility__use__code"],
            "unit": row["service__unit"],
            "capacity": row["total"],
            "places": row["places"],
        }
        for row in rows
    ]
