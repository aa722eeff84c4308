"""What a run found for people who need more than a place."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet, Sum

from core import policies
from core.models import Area
from facilities.models import ServiceType
from planning.choices import PeopleGroup
from planning.models import AreaGroupResult, Run
from planning.selectors.gaps import STATE_FIELDS, Totals, sees_whole_city


def group_results(run: Run, service: ServiceType, *, user: Any) -> QuerySet[AreaGroupResult]:
    """Rows by area that the person may see."""
    rows = AreaGroupResult.objects.filter(run=run, service=service)
    return rows.filter(policies.visible(user, area="area", city="area__city")).select_related("area")


def group_totals(
    run: Run, service: ServiceType, *, user: Any, group: str = PeopleGroup.BARRIER_FREE
) -> Totals | None:
    """As `gaps.totals`, of one group; None where the run does not tell it apart."""
    if sees_whole_city(user, run.city_id):
        stored = next((row for row in run.totals if row["service"] == service.code), {})
        told = stored.get("groups", {}).get(group)
        return Totals(told["people"], *(int(told[name]) for name in STATE_FIELDS)) if told else None
    paths = policies.visible_paths(user, run.city_id) or []
    own = Area.objects.filter(city_id=run.city_id, path__in=paths)
    tops = [
        area.pk for area in own if not any(area.path != path and area.path.startswith(path) for path in paths)
    ]
    found = AreaGroupResult.objects.filter(run=run, service=service, group=group, area__in=tops).aggregate(
        people=Sum("people"), **{name: Sum(name) for name in STATE_FIELDS}
    )
    return None if found["need"] is None else Totals(**found)


def group_in_area(
    run: Run, service: ServiceType, area: Area, *, user: Any, group: str = PeopleGroup.BARRIER_FREE
) -> AreaGroupResult | None:
    return group_results(run, service, user=user).filter(area=area, group=group).first()
