"""Writes scenarios. A scenario that was run keeps its past versions inside its runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import Certainty, TimeOfDay
from core.errors import DomainError
from core.models import Area, City
from core.services import audit
from core.services.refs import next_ref
from facilities.models import ServiceType
from planning.choices import Extent
from planning.models import HazardLayer, Scenario
from planning.services.road_rules import checked_road_rules


def create_scenario(
    *,
    user: Any,
    city: City,
    name: str,
    hazard: str,
    services: Iterable[ServiceType],
    times_of_day: Sequence[str],
    name_en: str = "",
    extent: str = Extent.EVERYWHERE,
    areas: Iterable[Area] = (),
    hazard_layer: HazardLayer | None = None,
    affected_share: float | None = None,
    displaced_share: float | None = None,
    zone_rates: dict[str, dict[str, float]] | None = None,
    ratio_overrides: dict[str, float] | None = None,
    rate_source: str = "",
    rate_certainty: str = Certainty.D,
    close_inside_zone: bool = True,
    road_rules: Sequence[dict[str, Any]] = (),
    notes: str = "",
) -> Scenario:
    """A new scenario. Rates left open stay open: a run that needs them is refused and names them."""
    if user is not None:
        policies.demand(user, "scenario.edit", city)
    services, areas = list(services), list(areas)
    _check(
        city=city, name=name, services=services, times_of_day=times_of_day, shares=(affected_share, displaced_share), extent=extent,
        areas=areas, hazard_layer=hazard_layer, zone_rates=zone_rates or {}, ratio_overrides=ratio_overrides or {},
    )  # fmt: skip
    hazard_layer = hazard_layer if extent == Extent.ZONES else None
    rules = checked_road_rules(list(road_rules), city=city, hazard_layer=hazard_layer)
    with transaction.atomic():
        scenario = Scenario.objects.create(
            city=city, ref=next_ref("S"), name=name.strip(), name_en=name_en.strip(), hazard=hazard, extent=extent,
            hazard_layer=hazard_layer, road_rules=rules, affected_share=affected_share,
            displaced_share=displaced_share, zone_rates=zone_rates or {}, ratio_overrides=ratio_overrides or {},
            rate_source=rate_source, rate_certainty=rate_certainty, times_of_day=list(dict.fromkeys(times_of_day)),
            close_inside_zone=close_inside_zone, notes=notes,
            created_by=user if getattr(user, "is_authenticated", False) else None,
        )  # fmt: skip
        scenario.services.set(services)
        scenario.areas.set(areas if extent == Extent.AREAS else [])
        audit.record(
            user=user,
            act="scenario.create",
            subject=scenario,
            after={"name": scenario.name, "hazard": hazard},
        )
    return scenario


def _check(
    *, city: City, name: str, services: list[ServiceType], times_of_day: Sequence[str], shares: Iterable[float | None], extent: str,
    areas: list[Area], hazard_layer: HazardLayer | None, zone_rates: dict[str, Any], ratio_overrides: dict[str, Any],
) -> None:  # fmt: skip
    """Everything a person may have got wrong in a scenario."""
    if not name.strip():
        raise DomainError("no-name", _("Give the scenario a name."), status=422)
    if not services:
        raise DomainError("no-services", _("Choose at least one service."), status=422)
    if not times_of_day or set(times_of_day) - set(TimeOfDay.values):
        raise DomainError("no-time", _("Choose day, night or both."), status=422)
    if any(not isinstance(row, dict) for row in zone_rates.values()):
        raise DomainError(
            "bad-zone-rates",
            _("Rates by class are written as a share of people affected and displaced."),
            status=422,
        )
    listed = [*shares, *(row.get(key) for row in zone_rates.values() for key in ("affected", "displaced"))]
    for share in listed:
        if share is not None and not (isinstance(share, int | float) and 0 <= share <= 1):
            raise DomainError("share-out-of-range", _("A share must lie between 0 and 1."), status=422)
    known = {row.code for row in services}
    for code, ratio in ratio_overrides.items():
        if code not in known or not isinstance(ratio, int | float) or not 0 < ratio <= 1000:
            raise DomainError(
                "bad-ratio", _("A ratio must be a number above 0 for a service of the scenario."), status=422
            )
    if extent == Extent.AREAS and not areas:
        raise DomainError("no-areas", _("Choose at least one area."), status=422)
    if extent == Extent.ZONES and hazard_layer is None:
        raise DomainError("no-hazard-layer", _("Choose the hazard layer whose zones count."), status=422)
    if any(area.city_id != city.pk for area in areas) or (
        hazard_layer is not None and hazard_layer.city_id != city.pk
    ):
        raise DomainError(
            "other-city", _("Areas and hazard layers must belong to the same city."), status=422
        )


FIELDS = (
    "name", "name_en", "hazard", "extent", "hazard_layer", "affected_share", "displaced_share", "zone_rates", "ratio_overrides",
    "rate_source", "rate_certainty", "times_of_day", "close_inside_zone", "road_rules", "notes",
)  # fmt: skip
LISTS = ("services", "areas", "closed_facilities")


def update_scenario(
    *, user: Any, scenario: Scenario, version: int | None, changes: dict[str, Any]
) -> Scenario:
    """Change fields against the version the person has seen (None: whatever it is). Runs keep what they ran with."""
    if user is not None:
        policies.demand(user, "scenario.edit", scenario.city)
    if unknown := set(changes) - {*FIELDS, *LISTS}:
        raise DomainError(
            "unknown-field",
            _("%(words)s cannot be changed.") % {"words": ", ".join(sorted(unknown))},
            status=422,
        )
    with transaction.atomic():
        scenario = Scenario.objects.select_for_update().get(pk=scenario.pk)
        if version is not None and version != scenario.version:
            raise DomainError(
                "changed-meanwhile",
                _("The scenario was changed meanwhile; read it again."),
                status=412,
                version=scenario.version,
            )
        said = {name: getattr(scenario, name) for name in FIELDS} | {
            name: list(getattr(scenario, name).all()) for name in LISTS
        }
        new = said | changes
        new |= {name: list(new[name]) for name in LISTS}
        _check(
            city=scenario.city, name=new["name"], services=new["services"], times_of_day=new["times_of_day"],
            shares=(new["affected_share"], new["displaced_share"]), extent=new["extent"], areas=new["areas"],
            hazard_layer=new["hazard_layer"], zone_rates=new["zone_rates"], ratio_overrides=new["ratio_overrides"],
        )  # fmt: skip
        if any(place.city_id != scenario.city_id for place in new["closed_facilities"]):
            raise DomainError("other-city", _("Closed facilities must belong to the same city."), status=422)
        new["road_rules"] = checked_road_rules(
            new["road_rules"], city=scenario.city, hazard_layer=new["hazard_layer"]
        )
        for name in FIELDS:
            setattr(scenario, name, new[name])
        scenario.version += 1
        # From now on a person answers for the values; loading the pack again leaves them alone.
        if scenario.created_by_id is None and getattr(user, "is_authenticated", False):
            scenario.created_by = user
        scenario.save()
        for name in LISTS:
            getattr(scenario, name).set(new[name])
        changed = sorted(name for name in changes if said[name] != new[name])
        audit.record(
            user=user, act="scenario.update", subject=scenario,
            before={name: _told(said[name]) for name in changed}, after={name: _told(new[name]) for name in changed},
        )  # fmt: skip
    return scenario


def _told(value: Any) -> Any:
    return (
        [str(getattr(one, "ref", "") or getattr(one, "code", one)) for one in value]
        if isinstance(value, list)
        else value
    )


def copy_scenario(*, user: Any, scenario: Scenario, name: str = "", name_en: str = "") -> Scenario:
    """A scenario of one's own to change, with everything the other has."""
    kept = {field: getattr(scenario, field) for field in FIELDS if field not in ("name", "name_en")}
    new = create_scenario(
        user=user, city=scenario.city, services=scenario.services.all(), areas=scenario.areas.all(),
        name=name or f"{scenario.name} (2)", name_en=name_en or (f"{scenario.name_en} (2)" if scenario.name_en else ""), **kept,
    )  # fmt: skip
    new.closed_facilities.set(scenario.closed_facilities.all())
    return new
