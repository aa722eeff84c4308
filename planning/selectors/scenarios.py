"""Reads scenarios and standard profiles."""

from typing import Any

from django.db.models import Count, OuterRef, Prefetch, QuerySet, Subquery

from core import policies
from core.models import City
from facilities.models import CapacityRule, ServiceType
from planning.choices import RunState
from planning.models import CostRate, RoadNetwork, Run, Scenario, SpeedProfile, Standard, StandardProfile


def scenarios_visible_to(user: Any, city: City) -> QuerySet[Scenario]:
    if not policies.allows(user, "view", city):
        return Scenario.objects.none()
    return Scenario.objects.filter(city=city).select_related("hazard_layer", "created_by")


def scenario_rows(user: Any, city: City) -> list[Scenario]:
    """Scenarios with their newest finished run as `latest_run`."""
    newest = (
        Run.objects.filter(scenario=OuterRef("pk"), state=RunState.DONE, plan_version=None, variation={})
        .order_by("-id")
        .values("pk")[:1]
    )
    rows = list(
        scenarios_visible_to(user, city)
        .annotate(latest_run_id=Subquery(newest))
        .prefetch_related("services")
        .order_by("ref")
    )
    runs = Run.objects.in_bulk([row.latest_run_id for row in rows if row.latest_run_id])
    for row in rows:
        row.latest_run = runs.get(row.latest_run_id)
    return rows


def zone_rates(scenario: Scenario) -> list[dict[str, Any]]:
    """The rates by class as rows, hardest hit first."""
    rows = [
        {"name": name, "affected": rates.get("affected"), "displaced": rates.get("displaced")}
        for name, rates in scenario.zone_rates.items()
    ]
    return sorted(rows, key=lambda row: -((row["affected"] or 0) * (row["displaced"] or 0)))


def service_ratios(scenario: Scenario) -> list[dict[str, Any]]:
    return [
        {"service": service, "ratio": scenario.ratio_overrides.get(service.code)}
        for service in scenario.services.all()
    ]


def profiles() -> QuerySet[StandardProfile]:
    return (
        StandardProfile.objects.select_related("area", "parent")
        .annotate(services=Count("standards"))
        .order_by("-is_default", "code")
    )


def speed_profiles() -> QuerySet[SpeedProfile]:
    return SpeedProfile.objects.prefetch_related("rules").order_by("-is_default", "code")


def speeds_on_offer(city: City) -> list[SpeedProfile]:
    """The profiles to choose from for a run, the default one first; none where there are no roads or nothing to choose."""
    listed = list(speed_profiles()) if RoadNetwork.objects.filter(city=city, current=True).exists() else []
    return listed if len(listed) > 1 else []


def standards_by_profile() -> list[dict[str, Any]]:
    listed = profiles().prefetch_related(Prefetch("standards", Standard.objects.select_related("service")))
    return [{"profile": profile, "standards": list(profile.standards.all())} for profile in listed]


def standards_of(profile: StandardProfile) -> QuerySet[Standard]:
    return profile.standards.select_related("service")


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
