"""Write the scenarios of a pack. One that people edited since keeps their values: the pack only brings the first draft."""

from __future__ import annotations

from typing import Any

from core.models import Area, City
from core.services.refs import next_ref
from facilities.models import ServiceType
from planning.models import HazardLayer, Scenario


def write_scenario(*, city: City, values: dict[str, Any]) -> Scenario:
    """Add the scenario, or bring it to the pack's values while nobody has edited it (created_by is empty)."""
    fields = {
        name: value for name, value in values.items() if name not in ("areas", "services", "hazard_layer")
    }
    hazard_layer = HazardLayer.objects.filter(city=city, code=values["hazard_layer"]).first()
    scenario = Scenario.objects.filter(city=city, code=values["code"]).first()
    if scenario is None:
        scenario = Scenario(city=city, ref=next_ref("S"))
    elif scenario.created_by_id is not None:
        return scenario
    else:
        scenario.version += 1
    for name, value in fields.items():
        setattr(scenario, name, value)
    scenario.hazard_layer = hazard_layer
    scenario.save()
    scenario.services.set(ServiceType.objects.filter(code__in=values["services"]))
    scenario.areas.set(Area.objects.filter(city=city, code__in=values["areas"]))
    return scenario
