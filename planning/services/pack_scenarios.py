"""Write the scenarios of a pack. One that people edited since keeps their values: the pack only brings the first draft."""

from __future__ import annotations

from typing import Any

from core.models import Area, City
from core.services.refs import next_ref
from facilities.models import ServiceType
from planning.models import HazardLayer, Scenario
from planning.services.road_rules import checked_road_rules


def write_scenario(*, city: City, values: dict[str, Any]) -> Scenario:
    """Add the scenario, or bring it to the pack's values while nobody has edited it (created_by is empty).

    Raises InvalidInput when a road rule names a class or a street that the city does not have."""
    fields = {
        name: value for name, value in values.items() if name not in ("areas", "services", "hazard_layer")
    }
    hazard_layer = HazardLayer.objects.filter(city=city, code=values["hazard_layer"]).first()
    # The layers and roads of the pack are written by now: names in the rules can be held against them.
    fields["road_rules"] = checked_road_rules(
        values["road_rules"], city=city, hazard_layer=hazard_layer,
        where={"file": "city.toml", "column": f"scenarios.{values['code']}.road_rules"},
    )  # fmt: skip
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
