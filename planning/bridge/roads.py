"""The roads of a run: which streets are open, how much longer they take, how fast people move on them.

Closures and slow-downs are one weight a street on the network as it stands; speeds come from a frozen profile.
Networks are folders of arrays. What an importer may add for this module: meta {"classes": [names]} for `klass`, and an
array `speed_assumed` (streets,) bool: the source gave no speed there, so a profile's km/h may take its place. Without
it every speed is the source's own, and a profile only multiplies it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely.geometry import shape as shape_of

from engine.network import RoadGraph
from engine.travel import street_speeds
from planning.bridge import artefacts
from planning.bridge.exposure import exposed_streets, streets_touching, to_plane
from planning.bridge.frozen import Frozen
from planning.models import RoadNetwork

if TYPE_CHECKING:
    from planning.bridge.world import Question

USUAL_WALK_M_PER_MIN, USUAL_ENTRY_M_PER_MIN = 75.0, 250.0


@dataclass(frozen=True)
class Roads:
    """A stored network: its graph, the names of its road classes, and (streets,) True where no source gave a speed."""

    graph: RoadGraph
    classes: tuple[str, ...]
    assumed: np.ndarray | None


@dataclass(frozen=True)
class RoadState:
    """Everything about roads that can move a travel time, and what a reader is told of it.

    graph: speeds of the profile and time of day applied. weight (streets,): what each street's cost is multiplied by,
    inf = closed; None when no rule touches a street. key: hash of network, speeds and weights. Lengths in km.
    """

    network_sha: str
    graph: RoadGraph
    weight: np.ndarray | None
    key: str
    walk_m_per_min: float
    entry_m_per_min: float
    closed_km: float
    slowed_km: float

    def weight_for(self, unit: str) -> np.ndarray | None:
        """The weight array for a limit in "min" or in "m": a slow street is not a longer one, a closed one is closed."""
        if self.weight is None or unit == "min":
            return self.weight
        closed = np.isinf(self.weight)
        return np.where(closed, np.inf, 1.0) if closed.any() else None


def road_state(frozen: Frozen, question: Question) -> RoadState | None:
    """The roads of a question; None for a city without roads. Kept in this process for the next caller."""
    return _state_of(frozen, question, question.scenario.get("road_rules") or [])


def open_roads(frozen: Frozen, question: Question) -> RoadState | None:
    """The same roads at the same speeds with nothing closed and nothing slowed."""
    return _state_of(frozen, question, [])


def _state_of(frozen: Frozen, question: Question, rules: list[dict[str, Any]]) -> RoadState | None:
    sha = frozen.meta["network"]
    if not sha:
        return None
    layers = {code: layer.get("streets") for code, layer in frozen.meta["zones"].items()}
    told = [rules, question.scenario.get("hazard_layer"), layers if rules else None, frozen.meta["plane"]]
    return _state(
        sha,
        json.dumps(question.speeds, sort_keys=True),
        question.time_of_day,
        json.dumps(told, sort_keys=True),
    )


@lru_cache(maxsize=3)
def load_roads(sha256: str) -> Roads:
    """A network by its hash, memory-mapped. Raises FileNotFoundError."""
    folder = RoadNetwork.objects.values_list("folder", flat=True).filter(sha256=sha256).first()
    if folder is None:
        raise FileNotFoundError(sha256)
    arrays, meta = artefacts.load(folder)
    assumed = arrays.get("speed_assumed")
    return Roads(
        RoadGraph.load(artefacts.folder_of(folder)), tuple((meta or {}).get("classes") or ()), assumed
    )


@lru_cache(maxsize=4)
def _state(sha: str, speeds_json: str, time_of_day: str, rules_json: str) -> RoadState:
    roads, speeds = load_roads(sha), json.loads(speeds_json)
    rules, layer, layers, centre = json.loads(rules_json)
    graph, told_speeds = _at_speeds(roads, speeds, time_of_day)
    weight = street_weight(roads, rules, layer, layers or {}, tuple(centre))
    walk = float(speeds.get("walk_m_per_min") or USUAL_WALK_M_PER_MIN)
    entry = float(speeds.get("entry_m_per_min") or USUAL_ENTRY_M_PER_MIN)
    told = [sha, told_speeds, walk, entry]
    told.append(None if weight is None else hashlib.sha256(weight.tobytes()).hexdigest())
    km = np.asarray(graph.length_m) / 1000.0
    closed = np.isinf(weight) if weight is not None else np.zeros(0, bool)
    slowed = (weight > 1) & ~closed if weight is not None else closed
    return RoadState(
        network_sha=sha, graph=graph, weight=weight, key=hashlib.sha256(json.dumps(told).encode()).hexdigest(),
        walk_m_per_min=walk, entry_m_per_min=entry,
        closed_km=float(km[closed].sum()) if weight is not None else 0.0,
        slowed_km=float(km[slowed].sum()) if weight is not None else 0.0,
    )  # fmt: skip


def speeds_at(
    speeds: dict[str, Any], time_of_day: str, classes: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """(km/h (c,), nan = none said; factor (c,)) of each road class at a time of day.

    km/h: the class before "*", this time of day before always. Factor: this time of day before always, then the class
    before "*".
    """
    said = {(row["road_class"], row["time_of_day"]): row for row in speeds.get("rules", [])}
    kmh, factor = np.full(len(classes), np.nan), np.ones(len(classes))
    for n, name in enumerate(classes):
        for key in ((name, time_of_day), (name, ""), ("*", time_of_day), ("*", "")):
            if key in said and said[key]["kmh"] is not None:
                kmh[n] = said[key]["kmh"]
                break
        for key in ((name, time_of_day), ("*", time_of_day), (name, ""), ("*", "")):
            if key in said:
                factor[n] = said[key]["factor"]
                break
    return kmh, factor


def _at_speeds(roads: Roads, speeds: dict[str, Any], time_of_day: str) -> tuple[RoadGraph, Any]:
    """The graph at the profile's speeds, and what was changed about it (None: nothing) for the key."""
    graph, classes = roads.graph, roads.classes or ("*",)
    kmh, factor = speeds_at(speeds, time_of_day, classes)
    if roads.assumed is None or not roads.assumed.any():
        kmh[:] = np.nan
    told = [
        [name, None if np.isnan(one) else float(one), float(times)]
        for name, one, times in zip(classes, kmh, factor, strict=True)
        if not np.isnan(one) or times != 1
    ]
    if not told:
        return graph, None
    if not roads.classes:  # every street is of the one class "*"
        graph = replace(graph, klass=np.zeros(graph.streets, np.int16))
        graph.known["segments"] = roads.graph.segments()
    slower = street_speeds(graph, np.full(len(classes), np.nan), factor)
    if roads.assumed is None or np.isnan(kmh).all():
        return slower, told
    given = street_speeds(graph, kmh, factor)
    ab: np.ndarray = np.where(roads.assumed, given.speed_ab_kmh, slower.speed_ab_kmh)
    ba: np.ndarray = np.where(roads.assumed, given.speed_ba_kmh, slower.speed_ba_kmh)
    mixed = replace(slower, speed_ab_kmh=ab, speed_ba_kmh=ba)
    mixed.known["segments"] = graph.segments()  # the lines are the same
    return mixed, told


def street_weight(
    roads: Roads,
    rules: list[dict[str, Any]],
    hazard_layer: str | None,
    layers: dict[str, str | None],
    centre: tuple[float, float],
) -> np.ndarray | None:
    """(streets,) what each street's cost is multiplied by; inf = closed; None when no street is touched.

    Where several rules meet on a street, closed wins, else the largest factor. `layers`: artefact of exposed streets by
    hazard layer.
    """
    graph = roads.graph
    weight = np.ones(graph.streets)
    for rule in rules:
        if rule["kind"] == "zone":
            name = layers.get(rule.get("hazard_layer") or hazard_layer or "")
            if not name:
                continue
            streets = exposed_streets(name, rule["zone_class"], rule.get("min_severity"))
        elif rule["kind"] == "lines":
            streets = drawn_streets(graph, rule, centre)
        else:
            streets = np.flatnonzero(np.isin(np.asarray(graph.source_id), rule["source_ids"]))
        named = rule.get("road_classes") or ["*"]
        if "*" not in named:
            kept = [n for n, one in enumerate(roads.classes) if one in named]
            streets = streets[np.isin(np.asarray(graph.klass)[streets], kept)]
        factor = np.inf if rule["factor"] is None else float(rule["factor"])
        weight[streets] = np.maximum(weight[streets], factor)
    return weight if (weight > 1).any() else None


def drawn_streets(graph: RoadGraph, rule: dict[str, Any], centre: tuple[float, float]) -> np.ndarray:
    """Numbers of the streets that come within `buffer_m` of a drawing (GeoJSON geometry, degrees)."""
    drawn = to_plane(np.array([shape_of(rule["geometry"])], dtype=object), centre)
    if rule.get("buffer_m"):
        drawn = shapely.buffer(drawn, float(rule["buffer_m"]))
    return np.unique(streets_touching(graph, shapely.get_parts(drawn))[0])
