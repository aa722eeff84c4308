"""The roads of a pack: all its layers become one network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.models import City, PackLayer
from facilities.importers.problems import Problems
from planning.importers.osm import is_osm
from planning.importers.packs import Layer
from planning.importers.road_rows import RoadRows
from planning.importers.roads import read_roads
from planning.models import RoadNetwork, SpeedProfile
from planning.services.networks import make_streets, write_network

Box = tuple[float, float, float, float] | None
MOST_JOIN_M = 200.0


def class_speeds(code: str) -> dict[str, float] | None:
    """km/h by road class of a speed profile at any time of day ("" = the default profile, "*" = all other classes);
    None when there is no such profile."""
    profiles = (
        SpeedProfile.objects.filter(code=code) if code else SpeedProfile.objects.filter(is_default=True)
    )
    profile = profiles.first()
    if profile is None:
        return None
    rules = profile.rules.filter(time_of_day="").values_list("road_class", "kmh")
    return {road_class: kmh for road_class, kmh in rules if kmh is not None}


def read_road_layer(layer: Layer, problems: Problems, inside: Box) -> RoadRows | None:
    """The links of one layer with their speeds. A profile that the layer names counts as the layer's own word; only
    the speeds of the default profile may be replaced by those of another one in a run."""
    code = str(layer.options.get("profile", ""))
    speeds = class_speeds(code)
    if speeds is None and code:
        text = _('There is no speed profile "%(cell)s". Known: %(known)s.')
        known = ", ".join(SpeedProfile.objects.values_list("code", flat=True))
        problems.add(
            "choice_unknown", text, file=layer.label, column=f"{layer.name}.profile", cell=code, known=known
        )
        return None
    if not code and not is_osm(layer.path, layer.format) and "class" not in _columns(layer):
        speeds = None  # without classes a default speed would be a guess nobody declared
    roads = read_roads(layer, problems, inside, speeds)
    if roads is not None and code:
        roads.assumed[:] = False
    return roads


def _columns(layer: Layer) -> Mapping[str, str]:
    return {**layer.columns, **layer.options.get("links", {}).get("columns", {})}


def join_metres(layers: Sequence[Layer], problems: Problems) -> float | None:
    """The widest `join_m` that the layers declare; None when none does."""
    found: list[float] = []
    for layer in layers:
        value = layer.options.get("join_m")
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST_JOIN_M:
            text = _('"%(cell)s" is no distance to join roads over: above 0, at most %(most)d m.')
            where: dict[str, Any] = {"file": layer.label, "column": f"{layer.name}.join_m"}
            problems.add("join_invalid", text, **where, cell=value, most=MOST_JOIN_M)
            continue
        found.append(float(value))
    return max(found) if found else None


def write_roads(
    *, city: City, layers: Sequence[Layer], roads: Mapping[str, RoadRows], records: Mapping[str, PackLayer]
) -> RoadNetwork:
    """The new network is the city's current one; an equal one is kept as it is."""
    parts = [(layer.name, roads[layer.name]) for layer in layers]
    streets = make_streets(city=city, parts=parts, join_m=join_metres(layers, Problems()))
    source = "; ".join(dict.fromkeys(layer.source for layer in layers if layer.source))
    return write_network(
        city=city, streets=streets, layer=records[layers[0].name], source=source,
        synthetic=any(layer.synthetic for layer in layers),
    )  # fmt: skip
