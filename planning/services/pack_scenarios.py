"""Write the scenarios of a pack. One that people edited since keeps their values: the pack only brings the first draft."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from core.models import Area, City
from core.services.refs import next_ref
from facilities.importers.problems import Problems
from facilities.models import ServiceType
from planning.bridge.scenario_rules import check_scenario
from planning.choices import Extent
from planning.models import HazardLayer, HazardZone, Scenario
from planning.services.road_rules import checked_road_rules
from planning.services.scenario_versions import keep_version


def write_scenario(*, city: City, values: dict[str, Any]) -> Scenario:
    """Add the scenario, or bring it to the pack's values while nobody has edited it (created_by is empty).

    Raises InvalidInput when rates or a road rule name a class, or a street, that the city does not have."""
    fields = {
        name: value for name, value in values.items() if name not in ("areas", "services", "hazard_layer")
    }
    hazard_layer = HazardLayer.objects.filter(city=city, code=values["hazard_layer"]).first()
    # The layers and roads of the pack are written by now: names in rates and rules can be held against them.
    place = f"scenarios.{values['code']}"
    if values["extent"] == Extent.ZONES:
        zones = HazardZone.objects.filter(layer=hazard_layer)
        problems, classes = Problems(), sorted(set(zones.values_list("klass", flat=True)))
        check_scenario(values, problems, {"file": "city.toml", "column": place}, classes)
        problems.raise_if_any(_("The pack was not loaded. Correct what is listed and load it again."))
    fields["road_rules"] = checked_road_rules(
        values["road_rules"], city=city, hazard_layer=hazard_layer,
        where={"file": "city.toml", "column": f"{place}.road_rules"},
    )  # fmt: skip
    scenario = Scenario.objects.filter(city=city, code=values["code"]).first()
    if scenario is None:
        scenario = Scenario(city=city, ref=next_ref("S"))
    elif scenario.created_by_id is not None:
        return scenario
    else:
        keep_version(scenario=scenario, user=None)
        scenario.version += 1
    for name, value in fields.items():
        setattr(scenario, name, value)
    scenario.hazard_layer = hazard_layer
    scenario.save()
    scenario.services.set(ServiceType.objects.filter(code__in=values["services"]))
    scenario.areas.set(Area.objects.filter(city=city, code__in=values["areas"]))
    keep_version(scenario=scenario, user=None)
    return scenario
