"""The scenarios that come with a pack: plain declarations, checked for known codes and sane shares."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.choices import Certainty, TimeOfDay
from facilities.choices import Hazard
from facilities.importers.problems import Problems
from planning.choices import Extent
from planning.importers.packs import Layer
from planning.importers.road_rules import read_road_rules


def read_scenario(
    layer: Layer,
    problems: Problems,
    *,
    services: Collection[str],
    areas: Collection[str],
    hazard_layers: Collection[str],
) -> dict[str, Any] | None:
    """Field values of a Scenario; related rows by code. A missing rate stays missing: the run will refuse it."""
    before = problems.count("error")
    options = layer.options

    def key(name: str) -> dict[str, Any]:
        return {"file": layer.label, "column": f"scenarios.{layer.name}.{name}"}

    def one_of(name: str, known: Collection[str], default: str = "") -> str:
        value = str(options.get(name, default))
        if value not in known:
            text = _('"%(cell)s" is not one of: %(known)s.')
            problems.add("choice_unknown", text, **key(name), cell=value, known=", ".join(known))
        return value

    def share(name: str, value: Any) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            text = _('"%(cell)s" is not a share from 0 to 1.')
            problems.add("share_invalid", text, **key(name), cell=value)
            return None
        return float(value)

    def each_of(name: str, known: Collection[str]) -> list[str]:
        values = [str(value) for value in options.get(name, [])]
        for value in values:
            if value not in known:
                text = _('"%(cell)s" is not one of: %(known)s.')
                problems.add(
                    "choice_unknown", text, **key(name), cell=value, known=", ".join(sorted(known)[:20])
                )
        return values

    extent = one_of("extent", Extent.values, Extent.EVERYWHERE)
    zone_rates = {}
    for klass, rates in options.get("zone_rates", {}).items():
        zone_rates[str(klass)] = {
            n: share(f"zone_rates.{klass}.{n}", rates.get(n)) for n in ("affected", "displaced")
        }
    wanted_layer = str(options.get("hazard_layer", ""))
    if extent == Extent.ZONES and wanted_layer not in hazard_layers:
        text = _('There is no hazard layer "%(cell)s" in the pack.')
        problems.add("layer_unknown", text, **key("hazard_layer"), cell=wanted_layer)
    values = {
        "code": layer.name,
        "name": str(options.get("title", layer.name)),
        "name_en": str(options.get("title_en", "")),
        "hazard": one_of("hazard", Hazard.values),
        "extent": extent,
        "areas": each_of("areas", areas),
        "hazard_layer": wanted_layer,
        "affected_share": share("affected_share", options.get("affected_share")),
        "displaced_share": share("displaced_share", options.get("displaced_share")),
        "zone_rates": zone_rates,
        "rate_source": str(options.get("rate_source", "")),
        "rate_certainty": one_of("rate_certainty", Certainty.values, Certainty.D),
        "services": each_of("services", services),
        "times_of_day": each_of("times_of_day", TimeOfDay.values) or list(TimeOfDay.values),
        "ratio_overrides": {str(k): float(v) for k, v in options.get("ratio_overrides", {}).items()},
        "close_inside_zone": bool(options.get("close_inside_zone", True)),
        "road_rules": read_road_rules(options.get("road_rules", []), problems, key("road_rules")),
        "synthetic": layer.synthetic,
        "notes": str(options.get("notes", "")),
    }
    if not values["services"]:
        problems.add("key_missing", _("Name at least one service."), **key("services"))
    return values if problems.count("error") == before else None
