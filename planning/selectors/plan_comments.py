"""What people say about a plan's version, as far as a person may see it."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from core import policies
from planning.models import PlanComment, PlanVersion


def comments_seen(version: PlanVersion, *, user: Any) -> QuerySet[PlanComment]:
    """Comments on the version as a whole, and on the interventions that the person sees; oldest first. `user` None: a
    command of this machine."""
    rows = PlanComment.objects.filter(version=version)
    if user is not None:
        if not policies.allows(user, "view", version.plan.city):
            return rows.none()
        where = policies.visible(user, area="intervention__area", city="version__plan__city")
        rows = rows.filter(Q(intervention=None) | (Q(intervention__isnull=False) & where))
    return rows.select_related(
        "intervention", "intervention__service", "created_by", "resolved_by", "version__plan"
    ).order_by("created_at", "id")


def open_count(version: PlanVersion, *, user: Any) -> int:
    """Comments that nobody has marked as answered."""
    return comments_seen(version, user=user).filter(resolved_at=None).count()
