"""Reads trade-off fronts of a plan. Their figures speak of the whole city, so they are for those who may see all of it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from core import policies
from core.models import City
from planning.choices import VersionState
from planning.models import Front, PlanVersion


def fronts_seen(user: Any) -> QuerySet[Front]:
    """Fronts of the cities the person may see whole, newest first."""
    cities = City.objects.filter(policies.visible_cities(user))
    whole = [city.pk for city in cities if policies.sees_whole_city(user, city.pk)]
    return (
        Front.objects.filter(plan__city__in=whole)
        .select_related("plan__city", "version__plan__city", "job", "created_by")
        .order_by("-id")
    )


def front_in_view(version: PlanVersion, *, user: Any, ref: str = "") -> Front | None:
    """The front asked for, else the one being computed, else the newest that is done, else the newest."""
    rows = fronts_seen(user).filter(version=version)
    if ref and (found := rows.filter(ref=ref).first()):
        return found
    newest = rows.first()
    if newest is not None and newest.state == VersionState.COMPUTING:
        return newest
    return rows.filter(state=VersionState.DRAFT).first() or newest


def versions_of_points(front: Front) -> dict[int, int]:
    """{point: version} for points that became versions."""
    rows = PlanVersion.objects.filter(plan_id=front.plan_id, facts__front=front.ref).exclude(
        state=VersionState.FAILED
    )
    return {one.facts["front_point"]: one.number for one in rows.order_by("id")}
