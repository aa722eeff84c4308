"""Reads analyses of runs, each only as far as the person may see."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from core import policies
from core.choices import JobState, TimeOfDay
from core.models import Area, City
from facilities.models import ServiceType
from planning.choices import RunState
from planning.models import Analysis, AreaHourResult, LossResult, Run
from planning.selectors import gaps


def analyses_seen(user: Any) -> QuerySet[Analysis]:
    """Analyses of runs in the cities the person has a role in, newest first."""
    cities = City.objects.filter(policies.visible_cities(user))
    return (
        Analysis.objects.filter(run__city__in=cities)
        .select_related("run__city", "run__scenario", "run__snapshot", "job", "created_by")
        .order_by("-id")
    )


def analysis_in_view(*, user: Any, run: Run, kind: str, ref: str = "") -> Analysis | None:
    """The analysis asked for, else the newest of the kind that is done, else one that is being computed or failed."""
    rows = analyses_seen(user).filter(run=run, kind=kind)
    if ref and (found := rows.filter(ref=ref).first()):
        return found
    if done := rows.filter(state=RunState.DONE).first():
        return done
    alive = rows.filter(state=RunState.WAITING, job__state__in=[JobState.QUEUED, JobState.RUNNING])
    return alive.first() or rows.first()


def finished(*, user: Any, run: Run, kind: str) -> Analysis | None:
    return analyses_seen(user).filter(run=run, kind=kind, state=RunState.DONE).first()


def tops(user: Any, city_id: int) -> list[int]:
    """Ids of the widest areas that make up all a person may see: the city itself for those who may see it whole."""
    areas = Area.objects.filter(city_id=city_id)
    paths = policies.visible_paths(user, city_id)
    if paths is None or gaps.sees_whole_city(user, city_id):
        return list(areas.filter(parent=None).values_list("pk", flat=True))
    outer = [path for path in paths if not any(path != one and path.startswith(one) for one in paths)]
    return list(areas.filter(path__in=outer).values_list("pk", flat=True))


def areas_shown(*, user: Any, run: Run, service: ServiceType, level: int | None = None) -> list[Area]:
    """Areas of a level (the widest below the city when not said) with results that the person may see, in order."""
    rows = gaps.area_results(run, service, user=user)
    levels = gaps.levels_of(run, service, user=user)
    if not levels:
        return []
    rows = rows.filter(area__level=level or min(levels), need__gt=0).order_by("area__path")
    return [row.area for row in rows.defer("area__geometry", "area__parent__geometry")]


def hour_rows(analysis: Analysis, *, user: Any) -> QuerySet[AreaHourResult]:
    rows = AreaHourResult.objects.filter(analysis=analysis)
    rows = rows.filter(policies.visible(user, area="area", city="area__city"))
    return rows.select_related("area", "service").order_by("service__sort_order", "area__path", "hour")


def loss_rows(analysis: Analysis, *, user: Any) -> QuerySet[LossResult]:
    """Places the person may see; a pair only when both may be seen."""
    mine = policies.visible(user, area="facility__area", city="facility__city")
    rows = LossResult.objects.filter(analysis=analysis).filter(mine)
    hidden = LossResult.objects.filter(analysis=analysis, other__isnull=False).exclude(
        policies.visible(user, area="other__area", city="other__city")
    )
    rows = rows.exclude(pk__in=hidden.values("pk"))
    related = ("facility__area", "facility__use", "other__area", "service")
    return rows.select_related(*related).order_by("service__sort_order", "-lost", "-served", "pk")


def same_at_other_times(run: Run, *, user: Any) -> list[Run]:
    """This run and those that differ from it only in the time of day, in the order of the day."""
    found = [gaps.same_run_at(run, code, user=user) for code in TimeOfDay.values]
    return [one for one in found if one is not None]
