"""What a scenario does to the roads: checks its rules against the city, and tells what they close and slow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from core.errors import InvalidInput
from core.models import City
from engine.crs import LocalMetric
from facilities.importers.problems import Problems
from planning.bridge.exposure import street_lines
from planning.bridge.frozen import Frozen, latest_frozen, load_frozen
from planning.bridge.roads import RoadState, load_roads, road_state
from planning.bridge.scenario_document import freeze_scenario
from planning.bridge.world import Question
from planning.importers.road_rules import LIST, ZONE, read_road_rules
from planning.models import HazardLayer, HazardZone, RoadNetwork, Scenario
from planning.selectors.sources import road_class_word
from planning.services.snapshots import take_snapshot

MOST_STREETS_DRAWN = 5_000


def checked_road_rules(
    rules: Any, *, city: City, hazard_layer: HazardLayer | None, where: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The rules in one spelling. Raises InvalidInput with everything that is wrong with any of them."""
    problems = Problems()
    clean = read_road_rules(rules, problems, where)
    if clean and not problems.count("error"):
        _known_to_city(clean, city, hazard_layer, problems, dict(where or {}))
    if problems.count("error"):
        raise InvalidInput(_("Some road rules cannot be used."), list(problems), code="bad-road-rules")
    return clean


def _known_to_city(
    rules: list[dict[str, Any]],
    city: City,
    hazard_layer: HazardLayer | None,
    problems: Problems,
    where: dict[str, Any],
) -> None:
    start = where.pop("column", "road_rules")
    zones: dict[str, set[str]] = {layer.code: set() for layer in HazardLayer.objects.filter(city=city)}
    for code, klass in (
        HazardZone.objects.filter(layer__city=city).values_list("layer__code", "klass").distinct()
    ):
        zones[code].add(klass)
    network = RoadNetwork.objects.filter(city=city, current=True).first()
    roads = load_roads(network.sha256) if network else None
    unknown = _('"%(cell)s" is not one of: %(known)s.')
    for n, rule in enumerate(rules):
        at = f"{start}[{n}]"
        if rule["kind"] == ZONE:
            layer = rule.get("hazard_layer") or (hazard_layer.code if hazard_layer else "")
            if layer not in zones:
                text = _("Choose the hazard layer whose zones count.") if not layer else unknown
                problems.add(
                    "layer_unknown",
                    text,
                    **where,
                    column=f"{at}.hazard_layer",
                    cell=layer,
                    known=", ".join(sorted(zones)),
                )
            elif rule["zone_class"] != "*" and rule["zone_class"] not in zones[layer]:
                known = ", ".join(["*", *sorted(zones[layer])])
                problems.add(
                    "class_unknown",
                    unknown,
                    **where,
                    column=f"{at}.zone_class",
                    cell=rule["zone_class"],
                    known=known,
                )
        if roads is None:
            continue
        if lost := [one for one in rule["road_classes"] if one != "*" and one not in roads.classes]:
            known = ", ".join(["*", *roads.classes])
            problems.add(
                "road_class_unknown",
                unknown,
                **where,
                column=f"{at}.road_classes",
                cell=", ".join(lost),
                known=known,
            )
        if rule["kind"] == LIST:
            ids = np.array(rule["source_ids"], dtype=np.int64)
            missing = ids[~np.isin(ids, np.asarray(roads.graph.source_id))]
            if len(missing):
                text = _(
                    "%(count)d of these streets are not in the roads of this city, the first is %(cell)s."
                )
                problems.add(
                    "street_unknown",
                    text,
                    **where,
                    column=f"{at}.source_ids",
                    cell=int(missing[0]),
                    count=len(missing),
                )


def road_classes_of(city: City) -> list[str]:
    """Names of the road classes of the city's roads; empty without roads or where the source names none."""
    network = RoadNetwork.objects.filter(city=city, current=True).first()
    return list(load_roads(network.sha256).classes) if network else []


def effect_words(factor: float | None) -> str:
    """What a rule does to a street, in words."""
    if factor is None:
        return gettext("closed")
    return gettext("takes %(times)s times as long") % {"times": f"{factor:g}"}


def rule_words(rule: dict[str, Any]) -> dict[str, str]:
    """A rule for a reader: {"which", "roads", "effect", "name"}."""
    if rule["kind"] == ZONE:
        which = (
            gettext("in every zone")
            if rule["zone_class"] == "*"
            else gettext("in the zone %(klass)s") % {"klass": gettext(rule["zone_class"])}
        )
        if rule.get("min_severity"):
            which += gettext(", severity %(least)d and above") % {"least": rule["min_severity"]}
        if rule.get("hazard_layer"):
            which += f" ({rule['hazard_layer']})"
    elif rule["kind"] == LIST:
        which = gettext("%(count)d listed streets") % {"count": len(rule["source_ids"])}
    elif rule.get("buffer_m"):
        which = gettext("within %(metres)s m of a drawing") % {"metres": f"{rule['buffer_m']:g}"}
    else:
        which = gettext("that touch a drawing")
    named = rule.get("road_classes") or ["*"]
    comma = pgettext("between items of a list", ", ")
    roads = gettext("all roads") if "*" in named else comma.join(map(road_class_word, named))
    return {
        "which": which,
        "roads": roads,
        "effect": effect_words(rule["factor"]),
        "name": rule.get("name", ""),
    }


def effect_on_roads(*, scenario: Scenario) -> tuple[RoadState, Frozen] | None:
    """The city's roads as they are now under the scenario's rules, and the snapshot they were read from; None without
    roads or without rules."""
    network = RoadNetwork.objects.filter(city=scenario.city, current=True).first()
    if network is None or not scenario.road_rules:
        return None
    frozen = latest_frozen(scenario.city)
    layer = scenario.hazard_layer.code if scenario.hazard_layer else None
    known = frozen.meta["zones"] if frozen else {}
    wanted = {rule.get("hazard_layer") or layer for rule in scenario.road_rules if rule["kind"] == ZONE}
    if (
        frozen is None
        or frozen.meta["network"] != network.sha256
        or any(not (known.get(one) or {}).get("streets") for one in wanted)
    ):
        frozen = load_frozen(take_snapshot(city=scenario.city))
    state = road_state(frozen, Question(freeze_scenario(scenario), [], scenario.times_of_day[0]))
    return (state, frozen) if state else None


def streets_of(
    state: RoadState, centre: tuple[float, float], most: int = MOST_STREETS_DRAWN
) -> dict[str, Any]:
    """Closed and slowed streets as GeoJSON (WGS-84), one feature a street: closed ones first, then the longest.

    {"type", "features", "streets": how many there are, "shown": how many are drawn}.
    """
    touched = np.flatnonzero(state.weight > 1) if state.weight is not None else np.empty(0, np.int64)
    weight = state.weight[touched] if state.weight is not None else np.empty(0)
    order = np.lexsort((-np.asarray(state.graph.length_m)[touched], -weight))[:most]
    shown = touched[order]
    plane = LocalMetric(*centre)
    lines = shapely.transform(
        street_lines(state.graph, shown),
        lambda at: np.round(np.column_stack(plane.inverse(at[:, 0], at[:, 1])), 6),
    )
    features = [
        {
            "type": "Feature", "geometry": shapely.geometry.mapping(line),
            "properties": {"street": int(street), "source_id": int(source), "closed": bool(np.isinf(times)), "factor": None if np.isinf(times) else float(times)},
        }
        for line, street, source, times in zip(
            lines, shown, np.asarray(state.graph.source_id)[shown], weight[order], strict=True
        )
    ]  # fmt: skip
    return {"type": "FeatureCollection", "features": features, "streets": len(touched), "shown": len(shown)}


def scenario_streets(*, scenario: Scenario) -> dict[str, Any]:
    """GeoJSON of the streets that a scenario closes or slows on today's roads."""
    found = effect_on_roads(scenario=scenario)
    if found is None:
        return {"type": "FeatureCollection", "features": [], "streets": 0, "shown": 0}
    state, frozen = found
    return streets_of(state, tuple(frozen.meta["plane"]))
