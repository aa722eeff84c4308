"""Reads people's roles, and the audit."""

from typing import Any

from django.db.models import Q, QuerySet

from core import policies
from core.models import AuditEntry, City, Membership, Organisation


def organisations_visible_to(user: Any) -> QuerySet[Organisation]:
    """Organisations of the areas a person has a role in, and those of the whole city."""
    return Organisation.objects.select_related("city", "area").filter(policies.visible(user, shared=True))


def memberships_visible_to(user: Any) -> QuerySet[Membership]:
    """One's own; for administrators, all in the areas they administer."""
    rows = Membership.objects.select_related("user", "organisation", "area__city")
    if getattr(user, "is_superuser", False):
        return rows
    query = Q(user_id=user.pk)
    for role, top, city in policies.memberships(user):
        if role in policies.GRANTS["people.edit"]:
            query |= Q(area__city_id=city, area__path__startswith=top)
    return rows.filter(query)


def audit_visible_to(user: Any) -> QuerySet[AuditEntry]:
    """Entries of the areas that a person audits; what belongs to no area is for who audits a whole city."""
    rows = AuditEntry.objects.select_related("user")
    if getattr(user, "is_superuser", False):
        return rows
    query = Q(pk__in=[])
    held = [
        (top, city) for role, top, city in policies.memberships(user) if role in policies.GRANTS["audit.view"]
    ]
    codes = dict(City.objects.filter(pk__in={city for _top, city in held}).values_list("pk", "code"))
    for top, city in held:
        if policies.city_wide(top):
            query |= Q(city_code__in=[codes[city], ""])
        else:
            query |= Q(city_code=codes[city], area_path__startswith=top)
    return rows.filter(query)
