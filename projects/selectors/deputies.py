"""Who stands in for whom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from core import policies
from core.models import Area, City, Membership
from projects.models import Deputy


def offices_of(person: Any, roles: Sequence[str] = ()) -> QuerySet[Membership]:
    """Roles in force, of these kinds when given."""
    today = timezone.localdate()
    rows = Membership.objects.filter(user=person, valid_from__lte=today)
    rows = rows.filter(Q(valid_to=None) | Q(valid_to__gte=today))
    return rows.filter(role__in=roles) if roles else rows


def places_of(person: Any) -> list[Area]:
    """Areas in which somebody holds an office."""
    areas = offices_of(person).values("area")
    return list(Area.objects.filter(pk__in=areas).defer("geometry").order_by("path"))


def place_of(person: Any) -> Area | None:
    """The widest of them, for the audit."""
    return next(iter(places_of(person)), None)


def overlapping(principal: Any, valid_from: date, valid_to: date) -> QuerySet[Deputy]:
    """Deputies of the same person in a time."""
    return Deputy.objects.filter(
        principal=principal, ended_at=None, valid_from__lte=valid_to, valid_to__gte=valid_from
    ).select_related("deputy")


def deputies_visible_to(user: Any) -> QuerySet[Deputy]:
    """One's own on both sides; for who may name deputies, those of the people who hold an office in the areas below."""
    rows = Deputy.objects.select_related("principal", "deputy", "named_by", "ended_by").order_by(
        "-valid_from", "-id"
    )
    if getattr(user, "is_superuser", False):
        return rows
    mine = Q(principal_id=user.pk) | Q(deputy_id=user.pk)
    below = Q(pk__in=[])
    for role, top, city in policies.memberships(user):
        if role in policies.GRANTS["deputy.edit"]:
            below |= Q(area__city_id=city, area__path__startswith=top)
    offices = Membership.objects.filter(below, user_id=OuterRef("principal_id"))
    return rows.filter(mine | Exists(offices))


def people_of(city: City) -> QuerySet[Any]:
    """Active people who hold an office in the city, for choosing."""
    held = Membership.objects.filter(user_id=OuterRef("pk"), area__city=city)
    return get_user_model().objects.filter(Exists(held), is_active=True).order_by("username")


def principals_for(user: Any, city: City) -> list[Any]:
    """People for whom the user may name a deputy: herself, and whom she has a say over."""
    from core.choices import Role

    officers = Membership.objects.filter(
        user_id=OuterRef("pk"), area__city=city, role__in=(Role.REVIEWER, Role.APPROVER)
    )
    found = people_of(city).filter(Exists(officers))
    if getattr(user, "is_superuser", False):
        return list(found)
    tops = [
        top
        for role, top, city_id in policies.memberships(user)
        if city_id == city.pk and role in policies.GRANTS["deputy.edit"]
    ]
    below = Q(pk__in=[])
    for top in tops:
        below |= Q(area__path__startswith=top, area__city=city)
    outside = Membership.objects.filter(user_id=OuterRef("pk")).exclude(below)
    return list(found.filter(Q(pk=user.pk) | ~Exists(outside)) if tops else found.filter(pk=user.pk))
