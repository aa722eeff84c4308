"""Reads scenarios and standard profiles."""

from collections.abc import Sequence
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery

from core import policies
from core.models import City
from facilities.models import CapacityRule, ServiceType
from planning.choices import ProfileStatus, RunState
from planning.models import CostRate, RoadNetwork, Run, Scenario, SpeedProfile, StandardProfile


def scenarios_visible_to(user: Any, city: City) -> QuerySet[Scenario]:
    if not policies.allows(user, "view", city):
        return Scenario.objects.none()
    return Scenario.objects.filter(city=city).select_related("hazard_layer", "created_by")


def narrowed(
    rows: QuerySet[Scenario], *, hazards: Sequence[str] = (), extents: Sequence[str] = (), templates: Sequence[str] = (),
    services: Sequence[str] = (), search: str = "",
) -> QuerySet[Scenario]:  # fmt: skip
    """Those of any of the hazards, extents, templates and services (codes) named, and with the words in name or reference."""
    wanted = {"hazard__in": hazards, "extent__in": extents, "template__in": templates}
    rows = rows.filter(**{name: values for name, values in wanted.items() if values})
    if services:
        rows = rows.filter(services__code__in=services).distinct()
    for word in search.split():
        rows = rows.filter(
            Q(name__icontains=word)
            | Q(name_en__icontains=word)
            | Q(ref__icontains=word)
            | Q(code__icontains=word)
        )
    return rows


def scenario_rows(user: Any, city: City, **filters: Any) -> list[Scenario]:
    """Scenarios with their newest finished run as `latest_run`; `filters` as in `narrowed`."""
    newest = (
        Run.objects.filter(scenario=OuterRef("pk"), state=RunState.DONE, plan_version=None, variation={})
        .exclude(profile__status=ProfileStatus.DRAFT, profile__is_default=False)
        .order_by("-profile__is_default", "-id")
        .values("pk")[:1]
    )
    rows = list(
        narrowed(scenarios_visible_to(user, city), **filters)
        .annotate(latest_run_id=Subquery(newest))
        .prefetch_related("services")
        .order_by("ref")
    )
    runs = Run.objects.in_bulk([row.latest_run_id for row in rows if row.latest_run_id])
    for row in rows:
        row.latest_run = runs.get(row.latest_run_id)
    return rows


def versions_of(scenario: Scenario) -> list[dict[str, Any]]:
    """Every version a person can open, newest first: {"number", "note", "by", "at", "current"}. The present one of a
    scenario from before versions were kept is told from the scenario itself."""
    rows = [
        {"number": row.version, "note": row.note, "by": row.created_by, "at": row.created_at, "current": row.version == scenario.version}
        for row in scenario.versions.select_related("created_by").defer("document").order_by("-version")
    ]  # fmt: skip
    if not any(row["current"] for row in rows):
        now = {"number": scenario.version, "note": "", "by": scenario.created_by, "at": scenario.updated_at}
        rows.insert(0, now | {"current": True})
    return rows


def service_ratios(scenario: Scenario) -> list[dict[str, Any]]:
    """Services with what the scenario changes about them: its own ratio, and what the need is multiplied by."""
    return [
        {
            "service": service,
            "ratio": scenario.ratio_overrides.get(service.code),
            "times": scenario.multipliers.get(service.code),
        }
        for service in scenario.services.all()
    ]


def speed_profiles() -> QuerySet[SpeedProfile]:
    return SpeedProfile.objects.prefetch_related("rules").order_by("-is_default", "code")


def speeds_on_offer(city: City) -> list[SpeedProfile]:
    """The profiles to choose from for a run, the default one first; none where there are no roads or nothing to choose."""
    listed = list(speed_profiles()) if RoadNetwork.objects.filter(city=city, current=True).exists() else []
    return listed if len(listed) > 1 else []


def capacity_rules() -> QuerySet[CapacityRule]:
    return CapacityRule.objects.select_related("service", "use").order_by(
        "service__sort_order", "service__code", "use__sort_order"
    )


def cost_rates() -> QuerySet[CostRate]:
    return CostRate.objects.select_related("service", "use").order_by(
        "service__sort_order", "service__code", "kind", "use__sort_order"
    )


def runs_with(profile: StandardProfile, *, user: Any, city: City) -> QuerySet[Run]:
    if not policies.allows(user, "view", city):
        return Run.objects.none()
    runs = Run.objects.filter(profile=profile, city=city, state=RunState.DONE, plan_version=None)
    return runs.select_related("scenario").order_by("-id")


def all_services() -> QuerySet[ServiceType]:
    return ServiceType.objects.order_by("sort_order", "code")
