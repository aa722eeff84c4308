"""The frozen question of a run: which people, which shares, which standards. Finds every missing rate before anything
is computed: a missing rate refuses the run and is named; it is never zero."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import shapely
from django.utils.translation import gettext_lazy as _

from core.choices import TimeOfDay
from engine.need import need_units
from planning.bridge.frozen import Frozen
from planning.choices import Driver, Extent

_WORDS = {
    "no_services": _("The scenario names no service."),
    "no_standard": _("The standards have no entry for the service %(what)s that is valid today."),
    "no_population": _("The city has no population layer for this time of day: %(what)s."),
    "no_such_layer": _("The scenario names a population layer that the city does not have: %(what)s"),
    "no_group": _("The population layer does not tell this group apart: %(what)s."),
    "phase_after_end": _(
        "The service %(what)s is only needed later than the scenario lasts: lengthen it, or leave the service out."
    ),
    "attendance_elsewhere": _(
        "An attendance is given for the time of day “event”; this run is for another: %(what)s."
    ),
    "attendance_of_residents": _(
        "The service %(what)s counts residents, whom an attendance does not change: leave it out of the scenario."
    ),
    "no_drawn": _("The scenario strikes drawn ground, but nothing is drawn."),
    "no_areas": _("The scenario strikes chosen areas, but none is chosen."),
    "no_zones": _(
        "The scenario strikes the zones of a hazard layer, but the layer is missing or empty. %(what)s"
    ),
    "no_zones_for_roads": _("A road rule names a hazard layer that is missing or empty. %(what)s"),
    "no_class_for_roads": _("A road rule names a class that its hazard layer does not have: %(what)s"),
    "no_roads": _("The scenario closes or slows roads, but the city has no roads loaded."),
    "no_affected_share": _("The share of people affected is missing."),
    "no_displaced_share": _("The share of the affected who leave home is missing."),
    "no_seeking_share": _("The share of the displaced who seek shelter is missing."),
    "no_seeking_share_in_zone": _(
        "The share of the displaced who seek shelter is missing for the zone class %(what)s."
    ),
    "no_affected_share_in_zone": _("The share of people affected is missing for the zone class %(what)s."),
    "no_displaced_share_in_zone": _(
        "The share of the affected who leave home is missing for the zone class %(what)s."
    ),
}


def refusal_words(problem: dict[str, str]) -> str:
    """What is missing, in the reader's language."""
    words = _WORDS.get(problem.get("code", ""))
    return str(words % {"what": problem.get("what", "")}) if words else problem.get("message", "")


# What each driver multiplies, from everybody inside to those who come to a shelter.
CHAIN = ("affected", "displaced", "seeking")
RATES_OF_DRIVER = {Driver.AFFECTED: CHAIN[:1], Driver.DISPLACED: CHAIN[:2], Driver.SHELTERED: CHAIN}


def missing_rates(
    scenario: dict[str, Any], standards: list[dict[str, Any]], meta: dict[str, Any], time_of_day: str,
    late: Collection[str] = (),
) -> list[dict[str, str]]:  # fmt: skip
    """Everything that keeps the run from being computed: `{"code", "what", "message"}`; empty when nothing does.

    `meta`: of the snapshot. `late`: services that the profile knows, but only for phases after the scenario's end.
    """
    problems: list[dict[str, str]] = []
    zone_classes = {code: layer["classes"] for code, layer in meta["zones"].items()}

    def miss(code: str, what: str = "") -> None:
        problem = {"code": code, "what": what}
        problems.append(problem | {"message": refusal_words(problem)})

    having = {row["service"] for row in standards}
    if not scenario["services"]:
        miss("no_services")
    for service in scenario["services"]:
        if service not in having:
            miss("phase_after_end" if service in late else "no_standard", service)
    for standard in standards:
        time, code = counted_at(scenario, standard["driver"], time_of_day)
        people = layer_told(meta, time, code)
        if people is None:
            miss("no_such_layer", code) if code else miss("no_population", time)
        elif standard.get("group") and standard["group"] not in people["groups"]:
            miss("no_group", standard["group"])
    if scenario.get("present"):
        # The attendance has multiplied every need: that is right for people counted at the event alone.
        if time_of_day != TimeOfDay.EVENT:
            miss("attendance_elsewhere", str(TimeOfDay(time_of_day).label))
        for standard in standards:
            if standard["driver"] == Driver.RESIDENTS:
                miss("attendance_of_residents", standard["service"])
    if scenario["extent"] == Extent.AREAS and not scenario["areas"]:
        miss("no_areas")
    if scenario["extent"] == Extent.DRAWN and not scenario.get("drawn"):
        miss("no_drawn")
    drivers = {row["driver"] for row in standards}
    wanted = [name for name in CHAIN if any(name in RATES_OF_DRIVER.get(driver, ()) for driver in drivers)]
    if scenario["extent"] == Extent.ZONES:
        layer = scenario["hazard_layer"]
        if layer is None or not zone_classes.get(layer):
            miss("no_zones", layer or "")
        for klass in zone_classes.get(layer or "", []):
            for name in wanted:
                own = (scenario["zone_rates"].get(klass) or {}).get(name)
                if own is None and scenario.get(f"{name}_share") is None:
                    miss(f"no_{name}_share_in_zone", klass)
    else:
        for name in wanted:
            if scenario.get(f"{name}_share") is None:
                miss(f"no_{name}_share")
    rules = scenario.get("road_rules") or []
    if rules and not meta["network"]:
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
    """Who is in the scenario: (n,) inside, (n,) share affected, (n,) share displaced of the affected, (n,) share seeking
    shelter of the displaced; (m,) sites on ground where the scenario closes places. nan: a share that is missing."""

    def __init__(self, frozen: Frozen, scenario: dict[str, Any]) -> None:
        n = frozen.cells
        self.site_inside = np.zeros(frozen.sites, bool)
        layer = scenario["hazard_layer"]
        if layer in frozen.meta["zones"]:
            zone = np.asarray(frozen[f"site_zone_{layer}"])
            least = scenario.get("close_from_severity")
            severe = [value >= (least or 0) for value in frozen.meta["zones"][layer].get("severities", [])]
            # One more place at the end: class -1 (outside every zone) reads it.
            self.site_inside = np.array([*severe, False])[zone] if least and severe else zone >= 0
        whole = {name: scenario.get(f"{name}_share") for name in CHAIN}
        if scenario["extent"] == Extent.ZONES:
            zone = np.asarray(frozen[f"cell_zone_{layer}"])
            classes = frozen.meta["zones"][layer]["classes"]
            self.inside = zone >= 0
            self.affected, self.displaced, self.seeking = (
                self._by_class(zone, classes, scenario["zone_rates"], name, whole[name]) for name in CHAIN
            )
            return
        self.inside = np.ones(n, bool)
        if scenario["extent"] == Extent.AREAS:
            self.inside = frozen.cells_in(frozen.areas_below(scenario["areas"]))
        elif scenario["extent"] == Extent.DRAWN:
            ground = shapely.geometry.shape(scenario["drawn"])
            shapely.prepare(ground)
            self.inside = shapely.intersects_xy(ground, frozen["cell_lon"], frozen["cell_lat"])
            self.site_inside |= shapely.intersects_xy(ground, frozen["site_lon"], frozen["site_lat"])
        self.affected, self.displaced, self.seeking = (
            np.where(self.inside, np.nan if (rate := whole[name]) is None else float(rate), 0.0)
            for name in CHAIN
        )

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


def counted_at(scenario: dict[str, Any], driver: str, time_of_day: str) -> tuple[str, str]:
    """Time of day and code (empty: the layer in use) of the people a driver looks at: residents are those who are there
    at night."""
    time = str(TimeOfDay.NIGHT if driver == Driver.RESIDENTS else time_of_day)
    return time, str(scenario.get("population_layers", {}).get(time, ""))


def layer_told(meta: dict[str, Any], time_of_day: str, code: str) -> dict[str, Any] | None:
    """What a snapshot's meta says of a population layer; None: the city has none such."""
    used = meta["layers"].get(time_of_day)
    if not code or (used and used["code"] == code):
        return used
    other = meta.get("other_layers", {}).get(code)
    return other if other and other["time_of_day"] == time_of_day else None


def people_counted(
    frozen: Frozen, scenario: dict[str, Any], standard: dict[str, Any], time_of_day: str
) -> np.ndarray:
    """(n,) the people a standard looks at: everybody of the layer, or the group it is for."""
    time, code = counted_at(scenario, standard["driver"], time_of_day)
    if not standard.get("group"):
        return frozen.people(time, code)
    found = frozen.group(standard["group"], time, code)
    if found is None:
        raise KeyError(standard["group"])
    return found


def share_counted(shares: Shares, driver: str) -> np.ndarray:
    """(n,) the share of those people that needs the service."""
    share = shares.inside.astype(np.float64)
    for name in RATES_OF_DRIVER.get(Driver(driver), ()):
        share = share * getattr(shares, name)
    return share


def ratio_of(scenario: dict[str, Any], standard: dict[str, Any]) -> float:
    """Units for each person counted: the standard's, or what the scenario sets instead, times the scenario's multiplier
    and the share still in need in the governing phase."""
    service = standard["service"]
    ratio = float(scenario["ratio_overrides"].get(service, standard["ratio"]))
    return ratio * float(scenario.get("multipliers", {}).get(service, 1.0)) * standard.get("stay_share", 1.0)


def local_factor(frozen: Frozen, scenario: dict[str, Any], standard: dict[str, Any]) -> np.ndarray | float:
    """(n,) a district's own ratio over the city's; 1 where none differs. A ratio that the scenario sets holds everywhere."""
    local = standard.get("local") or []
    if not local or standard["service"] in scenario["ratio_overrides"]:
        return 1.0
    factor = np.ones(frozen.cells)
    for row in local:
        factor[frozen.cells_in(frozen.areas_below([row["area"]]))] = row["ratio"] / standard["ratio"]
    return factor


def need_of(
    frozen: Frozen, shares: Shares, scenario: dict[str, Any], standard: dict[str, Any], time_of_day: str
) -> np.ndarray:
    """(n,) whole units needed. Cells are numbered along the Morton curve, so every neighbourhood is right too."""
    return need_units(
        people_counted(frozen, scenario, standard, time_of_day),
        share_counted(shares, standard["driver"]) * local_factor(frozen, scenario, standard),
        ratio_of(scenario, standard),
    )
