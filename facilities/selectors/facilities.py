"""Facilities, read. Everything a person may not see is left out here, so that list, count, export and related lists agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, FloatField, Max, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum

from core import policies
from core.models import Area, City
from facilities.choices import CapabilityStatus
from facilities.models import Agreement, Capability, Certificate, ChangeProposal, Facility, ImportBatch
from facilities.selectors.readiness import capabilities_now


def facilities_for(user: Any) -> QuerySet[Facility]:
    return Facility.objects.filter(policies.visible(user)).select_related("use", "area", "city")


def capabilities_for(user: Any) -> QuerySet[Capability]:
    seen = policies.visible(user, area="facility__area", city="facility__city")
    return capabilities_now().filter(seen).select_related("service", "facility", "facility__area", "rule")


def certificates_for(user: Any) -> QuerySet[Certificate]:
    return Certificate.objects.filter(
        policies.visible(user, area="facility__area", city="facility__city")
    ).select_related("facility__area")


def agreements_for(user: Any) -> QuerySet[Agreement]:
    return Agreement.objects.filter(
        policies.visible(user, area="facility__area", city="facility__city")
    ).select_related("facility__area")


def proposals_for(user: Any) -> QuerySet[ChangeProposal]:
    seen = policies.visible(user, area="facility__area", city="facility__city")
    return ChangeProposal.objects.filter(seen).select_related(
        "facility", "facility__area", "proposed_by", "decided_by"
    )


def imports_for(user: Any) -> QuerySet[ImportBatch]:
    """Files are a matter of whoever may bring them in, and of auditors: they show rows of the whole city. Files of other
    records (mapping["of"] says which) have lists of their own."""
    batches = ImportBatch.objects.filter(mapping__of__isnull=True).select_related("city", "created_by")
    if getattr(user, "is_superuser", False):
        return batches
    allowed = policies.GRANTS["facility.import"] | policies.GRANTS["audit.view"]
    cities = {city for role, _top, city in policies.memberships(user) if role in allowed}
    mine = Q(created_by=user) if getattr(user, "is_authenticated", False) else Q(pk__in=[])
    whole = {
        city for role, top, city in policies.memberships(user) if role in allowed and top.count("/") == 1
    }
    return batches.filter(Q(city_id__in=whole) | (mine & Q(city_id__in=cities)))


@dataclass(frozen=True)
class RoleFilter:
    """Conditions that one and the same role of a facility must meet."""

    services: Sequence[str] = ()
    statuses: Sequence[str] = ()
    readiness: Sequence[str] = ()
    capacity_min: float | None = None

    def __bool__(self) -> bool:
        return bool(self.services or self.statuses or self.readiness or self.capacity_min is not None)

    def roles(self, *, with_readiness: bool = False) -> QuerySet[Capability]:
        """Roles that meet the conditions; retired ones only when asked for."""
        roles = capabilities_now() if self.readiness or with_readiness else Capability.objects.all()
        if self.services:
            roles = roles.filter(service__code__in=self.services)
        roles = (
            roles.filter(status__in=self.statuses)
            if self.statuses
            else roles.exclude(status=CapabilityStatus.RETIRED)
        )
        if self.readiness:
            roles = roles.filter(readiness__in=self.readiness)
        if self.capacity_min is not None:
            roles = roles.filter(capacity__gte=self.capacity_min)
        return roles.order_by()


def with_roles(facilities: QuerySet[Facility], role: RoleFilter) -> QuerySet[Facility]:
    return facilities.filter(pk__in=role.roles().values("facility")) if role else facilities


def with_capacity(facilities: QuerySet[Facility], role: RoleFilter) -> QuerySet[Facility]:
    """Adds `capacity`: that of the largest role that meets the conditions (units differ between services)."""
    roles = role.roles().values("facility").annotate(most=Max("capacity"))
    largest = roles.filter(facility=OuterRef("pk")).values("most")
    return facilities.annotate(capacity=Subquery(largest, output_field=FloatField()))


def with_shown_roles(facilities: QuerySet[Facility]) -> QuerySet[Facility]:
    """Adds `shown_roles`: the roles of each facility with readiness and service, two statements for any number."""
    roles = (
        capabilities_now()
        .exclude(status=CapabilityStatus.RETIRED)
        .select_related("service")
        .order_by("rank", "service__sort_order")
    )
    return facilities.prefetch_related(Prefetch("capabilities", queryset=roles, to_attr="shown_roles"))


# The functions below take places filtered by everything but the role conditions, and apply those once, to the roles.


def sums_by_service(places: QuerySet[Facility], role: RoleFilter) -> list[dict[str, Any]]:
    """What the matching roles of these places add up to: code, names, unit, capacity, places."""
    rows = (
        role.roles()
        .filter(facility__in=places.order_by().values("pk"))
        .exclude(facility__status="closed")
        .values(
            "service__code",
            "service__name",
            "service__name_en",
            "service__unit",
            "service__unit_name",
            "service__shape",
        )
        .annotate(capacity=Sum("capacity"), places=Count("pk"))
        .order_by("service__sort_order")
    )
    return [{name.removeprefix("service__"): value for name, value in row.items()} for row in rows]


def count_by_service(places: QuerySet[Facility], role: RoleFilter) -> dict[str, int]:
    rows = role.roles().filter(facility__in=places.order_by().values("pk")).values_list("service__code")
    return dict(rows.annotate(n=Count("facility", distinct=True)))


def count_by_status(places: QuerySet[Facility], role: RoleFilter) -> dict[str, int]:
    rows = role.roles().filter(facility__in=places.order_by().values("pk")).values_list("status")
    return dict(rows.annotate(n=Count("facility", distinct=True)))


def count_by_readiness(places: QuerySet[Facility], role: RoleFilter) -> dict[str, int]:
    roles = role.roles(with_readiness=True).filter(facility__in=places.order_by().values("pk"))
    return dict(roles.values_list("readiness").annotate(n=Count("facility", distinct=True)))


def count_by_use(facilities: QuerySet[Facility]) -> dict[str, int]:
    return dict(facilities.order_by().values_list("use__code").annotate(n=Count("pk")))


def count_by_area(facilities: QuerySet[Facility]) -> dict[str, int]:
    """Facilities by area path, each area with everything below it."""
    totals: dict[str, int] = {}
    for path, count in (
        facilities.order_by().exclude(area=None).values_list("area__path").annotate(n=Count("pk"))
    ):
        codes = path.strip("/").split("/")
        for depth in range(1, len(codes) + 1):
            above = "/".join(codes[:depth]) + "/"
            totals[above] = totals.get(above, 0) + count
    return totals


def areas_of(city: City, user: Any) -> list[Area]:
    """Areas a person may choose from, in tree order, without their boundaries."""
    areas = Area.objects.filter(city=city).filter(policies.visible_areas(user)).order_by("path")
    return list(areas.only("id", "code", "name", "name_en", "level", "path", "city_id"))
