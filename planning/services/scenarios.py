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
    notes: str = "",
) -> Scenario:
    """A new scenario. Rates left open stay open: a run that needs them is refused and names them."""
    if user is not None:
        policies.demand(user, "scenario.edit", city)
    services, areas = list(services), list(areas)
    if not name.strip():
        raise DomainError("no-name", _("Give the scenario a name."), status=422)
    if not services:
        raise DomainError("no-services", _("Choose at least one service."), status=422)
    if not times_of_day or set(times_of_day) - set(TimeOfDay.values):
        raise DomainError("no-time", _("Choose day, night or both."), status=422)
    for share in (affected_share, displaced_share):
        if share is not None and not 0 <= share <= 1:
            raise DomainError("share-out-of-range", _("A share must lie between 0 and 1."), status=422)
    if extent == Extent.AREAS and not areas:
        raise DomainError("no-areas", _("Choose at least one area."), status=422)
    if extent == Extent.ZONES and hazard_layer is None:
        raise DomainError("no-hazard-layer", _("Choose the hazard layer whose zones count."), status=422)
    if any(area.city_id != city.pk for area in areas) or (hazard_layer is not None and hazard_layer.city_id != city.pk):
        raise DomainError("other-city", _("Areas and hazard layers must belong to the same city."), status=422)
    with transaction.atomic():
        scenario = Scenario.objects.create(
            city=city, ref=next_ref("SC"), name=name.strip(), name_en=name_en.strip(), hazard=hazard, extent=extent,
            hazard_layer=hazard_layer if extent == Extent.ZONES else None, affected_share=affected_share,
            displaced_share=displaced_share, zone_rates=zone_rates or {}, ratio_overrides=ratio_overrides or {},
            rate_source=rate_source, rate_certainty=rate_certainty, times_of_day=list(dict.fromkeys(times_of_day)),
            close_inside_zone=close_inside_zone, notes=notes,
            created_by=user if getattr(user, "is_authenticated", False) else None,
        )  # fmt: skip
        scenario.services.set(services)
        scenario.areas.set(areas if extent == Extent.AREAS else [])
        audit.record(user=user, act="scenario.create", subject=scenario, after={"name": scenario.name, "hazard": hazard})
    return scenario
