"""The frozen question of a run: which people, which shares, which standards. Finds every missing rate before anything
is computed: a missing rate refuses the run and is named; it is never zero."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from core.choices import TimeOfDay
from engine.need import need_units
from planning.bridge.frozen import Frozen
from planning.choices import Driver, Extent
from planning.models import Scenario, StandardProfile


def freeze_scenario(scenario: Scenario) -> dict[str, Any]:
    """All of a scenario that can move a number, and the words a reader needs. Road rules are told only where there are
    some, so that a scenario without them keeps its hash."""
    told = {
        "ref": scenario.ref,
        "name": scenario.name,
        "name_en": scenario.name_en,
        "hazard": scenario.hazard,
        "extent": scenario.extent,
        "areas": sorted(scenario.areas.values_list("code", flat=True)),
        "hazard_layer": scenario.hazard_layer.code if scenario.hazard_layer else None,
        "affected_share": scenario.affected_share,
        "displaced_share": scenario.displaced_share,
        "zone_rates": scenario.zone_rates,
        "rate_source": scenario.rate_source,
        "rate_certainty": scenario.rate_certainty,
        "ratio_overrides": scenario.ratio_overrides,
        "services": list(scenario.services.order_by("sort_order", "code").values_list("code", flat=True)),
        "close_inside_zone": scenario.close_inside_zone,
        "closed_facilities": sorted(scenario.closed_facilities.values_list("pk", flat=True)),
    }
    return told | ({"road_rules": scenario.road_rules} if scenario.road_rules else {})


def freeze_standards(profile: StandardProfile, services: list[str]) -> list[dict[str, Any]]:
    """The standards of a profile for these services, in their order; a service without one is left out."""
    rows = {
        row.service.code: row
        for row in profile.standards.filter(service__code__in=services).select_related("service")
    }
    names = [
        "driver", "ratio", "ratio_text", "ratio_text_en", "ratio_source", "ratio_clause", "ratio_certainty", "reach_limit",
        "reach_unit", "mode", "reach_source", "reach_clause", "reach_certainty", "conversion_limit_hours",
        "conversion_source", "conversion_clause", "conversion_certainty", "weight",
    ]  # fmt: skip
    return [
        {"service": code, "unit": rows[code].service.unit}
        | {name: getattr(rows[code], name) for name in names}
        for code in services
        if code in rows
    ]


_WORDS = {
    "no_services": _("The scenario names no service."),
    "no_standard": _("The standards have no entry for the service %(what)s."),
    "no_population": _("The city has no population layer for this time of day: %(what)s."),
    "no_areas": _("The scenario strikes chosen areas, but none is chosen."),
    "no_zones": _(
        "The scenario strikes the zones of a hazard layer, but the layer is missing or empty. %(what)s"
    ),
    "no_zones_for_roads": _("A road rule names a hazard layer that is missing or empty. %(what)s"),
    "no_class_for_roads": _("A road rule names a class that its hazard layer does not have: %(what)s"),
    "no_roads": _("The scenario closes or slows roads, but the city has no roads loaded."),
    "no_affected_share": _("The share of people affected is missing."),
    "no_displaced_share": _("The share of the affected who leave home is missing."),
    "no_affected_share_in_zone": _("The share of people affected is missing for the zone class %(what)s."),
    "no_displaced_share_in_zone": _(
        "The share of the affected who leave home is missing for the zone class %(what)s."
    ),
}


def refusal_words(problem: dict[str, str]) -> str:
    """What is missing, in the reader's language."""
    words = _WORDS.get(problem.get("code", ""))
    return str(words % {"what": problem.get("what", "")}) if words else problem.get("message", "")


def missing_rates(
    scenario: dict[str, Any],
    standards: list[dict[str, Any]],
    layers: set[str],
    zone_classes: dict[str, list[str]],
    time_of_day: str,
    roads: bool = True,
) -> list[dict[str, str]]:
    """Everything that keeps the run from being computed: `{"code", "what", "message"}`; empty when nothing does.

    `layers`: times of day the city has people for. `zone_classes`: classes by hazard layer. `roads`: it has some.
    """
    problems: list[dict[str, str]] = []

    def miss(code: str, what: str = "") -> None:
        problem = {"code": code, "what": what}
        problems.append(problem | {"message": refusal_words(problem)})

    having = {row["service"] for row in standards}
    if not scenario["services"]:
        miss("no_services")
    for service in scenario["services"]:
        if service not in having:
            miss("no_standard", service)
    drivers = {row["driver"] for row in standards}
    if drivers - {Driver.RESIDENTS} and time_of_day not in layers:
        miss("no_population", time_of_day)
    if Driver.RESIDENTS in drivers and TimeOfDay.NIGHT not in layers:
        miss("no_population", TimeOfDay.NIGHT)
    if scenario["extent"] == Extent.AREAS and not scenario["areas"]:
        miss("no_areas")
    wanted = [("affected", "affected_share")] if drivers & {Driver.AFFECTED, Driver.DISPLACED} else []
    wanted += [("displaced", "displaced_share")] if Driver.DISPLACED in drivers else []
    if scenario["extent"] == Extent.ZONES:
        layer = scenario["hazard_layer"]
        if layer is None or not zone_classes.get(layer):
            miss("no_zones", layer or "")
        for klass in zone_classes.get(layer or "", []):
            for name, whole in wanted:
                if (scenario["zone_rates"].get(klass) or {}).get(name) is None and scenario[whole] is None:
                    miss(f"no_{whole}_in_zone", klass)
    else:
        for _name, whole in wanted:
            if scenario[whole] is None:
                miss(f"no_{whole}")
    rules = scenario.get("road_rules") or []
    if rules and not roads:
        miss("no_roads")
    for rule in rules:
        if rule["kind"] != "zone":
            continue
        layer = rule.get("hazard_layer") or scenario["hazard_layer"] or ""
        if not zone_classes.get(layer):
            miss("no_zones_for_roads", layer)
        elif rule["zone_class"] not in ("*", *zone_classes[layer]):
            miss("no_class_for_roads", rule["zone_class"])
    return [dict(item) for item in {tuple(sorted(problem.items())): problem for problem in problems}.values()]


class Shares:
    """Who is in the scenario: (n,) inside, (n,) affected share, (n,) displaced share of the affected."""

    def __init__(self, frozen: Frozen, scenario: dict[str, Any]) -> None:
        n = frozen.cells
        self.site_inside = np.zeros(frozen.sites, bool)
        layer = scenario["hazard_layer"]
        if layer in frozen.meta["zones"]:
            self.site_inside = np.asarray(frozen[f"site_zone_{layer}"]) >= 0
        affected, displaced = scenario["affected_share"], scenario["displaced_share"]
        if scenario["extent"] == Extent.ZONES:
            zone = np.asarray(frozen[f"cell_zone_{layer}"])
            classes = frozen.meta["zones"][layer]["classes"]
            self.inside = zone >= 0
            self.affected = self._by_class(zone, classes, scenario["zone_rates"], "affected", affected)
            self.displaced = self._by_class(zone, classes, scenario["zone_rates"], "displaced", displaced)
            return
        self.inside = np.ones(n, bool)
        if scenario["extent"] == Extent.AREAS:
            self.inside = frozen.cells_in(frozen.areas_below(scenario["areas"]))
        self.affected = np.where(self.inside, np.nan if affected is None else affected, 0.0)
        self.displaced = np.where(self.inside, np.nan if displaced is None else displaced, 0.0)

    @staticmethod
    def _by_class(
        zone: np.ndarray, classes: list[str], rates: dict[str, Any], name: str, whole: float | None
    ) -> np.ndarray:
        by_class = []
        for klass in classes:
            own = (rates.get(klass) or {}).get(name)
            chosen = whole if own is None else own
            by_class.append(np.nan if chosen is None else chosen)
        # One more place at the end: class -1 (outside every zone) reads it.
        return np.array([*by_class, 0.0])[zone]


def people_counted(frozen: Frozen, driver: str, time_of_day: str) -> np.ndarray:
    """(n,) the people a standard of this driver looks at: residents are those who are there at night."""
    return frozen.people(TimeOfDay.NIGHT if driver == Driver.RESIDENTS else time_of_day)


def share_counted(shares: Shares, driver: str) -> np.ndarray:
    """(n,) the share of those people that needs the service."""
    inside = shares.inside.astype(np.float64)
    if driver == Driver.AFFECTED:
        return inside * shares.affected
    if driver == Driver.DISPLACED:
        return inside * shares.affected * shares.displaced
    return inside


def ratio_of(scenario: dict[str, Any], standard: dict[str, Any]) -> float:
    """The scenario may set a ratio of its own."""
    return float(scenario["ratio_overrides"].get(standard["service"], standard["ratio"]))


def need_of(
    frozen: Frozen, shares: Shares, scenario: dict[str, Any], standard: dict[str, Any], time_of_day: str
) -> np.ndarray:
    """(n,) whole units needed. Cells are numbered along the Morton curve, so every neighbourhood is right too."""
    driver = standard["driver"]
    return need_units(
        people_counted(frozen, driver, time_of_day),
        share_counted(shares, driver),
        ratio_of(scenario, standard),
    )
