"""What pages say of the classes of a hazard: the step of each in the legend, and what the map needs to draw them."""

from __future__ import annotations

from typing import Any

from core.templatetags.pingji import local_name
from planning.choices import Extent
from planning.models import HazardLayer, Run
from planning.selectors import hazards as selectors

# legend steps of map and tables: the hardest class is the darkest and has the closest hatching
STEPS = 5


def steps_of(classes: list[str]) -> dict[str, int]:
    """Step 1 to 5 of each class; `classes` come hardest first."""
    if len(classes) == 1:
        return {classes[0]: 4}
    last = max(len(classes) - 1, 1)
    return {name: STEPS - round(place * (STEPS - 1) / last) for place, name in enumerate(classes)}


def zones_config(layer: HazardLayer, steps: dict[str, int]) -> dict[str, Any]:
    """Tiles and steps of a layer for the map; the address of the tiles changes with the ground."""
    city, ground = layer.city.code, selectors.ground_key(layer)[:12]
    return {
        "tiles": f"/tiles/zones/{layer.code}/{{z}}/{{x}}/{{y}}.pbf?city={city}&ground={ground}",
        "classes": [{"name": name, "step": step} for name, step in steps.items()],
    }


def zones_of_run(user: Any, run: Run) -> dict[str, Any] | None:
    """The hazard layer that a run's scenario struck, as its ground is now: {"layer", "name", "classes", "config"}."""
    told = run.scenario_frozen
    if told.get("extent") != Extent.ZONES:
        return None
    layer = selectors.layers_visible_to(user, run.city).filter(code=told.get("hazard_layer") or "").first()
    if layer is None:
        return None
    steps = steps_of(selectors.class_names([layer]).get(layer.pk, []))
    return {
        "layer": layer, "name": local_name(layer),
        "classes": [{"name": name, "step": step} for name, step in steps.items()],
        "config": zones_config(layer, steps) | {"over": True},
    }  # fmt: skip
