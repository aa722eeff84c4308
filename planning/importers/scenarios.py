"""The scenarios that come with a pack: plain declarations, checked for known codes and sound numbers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import shapely
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty, TimeOfDay
from facilities.choices import Hazard
from facilities.importers.problems import Problems
from planning.bridge.scenario_rules import check_scenario
from planning.choices import Extent, ScenarioTemplate
from planning.importers.extents import read_extent
from planning.importers.packs import Layer
from planning.importers.road_rules import read_road_rules

SHARES = ("affected_share", "displaced_share", "seeking_share")
TABLES = ("ratio_overrides", "multipliers", "stay_shares", "population_layers", "rate_facts", "model")


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
    wanted_layer = str(options.get("hazard_layer", ""))
    if extent == Extent.ZONES and wanted_layer not in hazard_layers:
        text = _('There is no hazard layer "%(cell)s" in the pack.')
        problems.add("layer_unknown", text, **key("hazard_layer"), cell=wanted_layer)
    values: dict[str, Any] = {
        "code": layer.name,
        "name": str(options.get("title", layer.name)),
        "name_en": str(options.get("title_en", "")),
        "hazard": one_of("hazard", Hazard.values),
        "extent": extent,
        "areas": each_of("areas", areas),
        "hazard_layer": wanted_layer,
        "drawn": _drawn(layer, extent, problems),
        "rate_source": str(options.get("rate_source", "")),
        "rate_certainty": one_of("rate_certainty", Certainty.values, Certainty.D),
        "services": each_of("services", services),
        "times_of_day": each_of("times_of_day", TimeOfDay.values) or [TimeOfDay.DAY, TimeOfDay.NIGHT],
        "close_inside_zone": bool(options.get("close_inside_zone", True)),
        "road_rules": read_road_rules(options.get("road_rules", []), problems, key("road_rules")),
        "synthetic": layer.synthetic,
        "notes": str(options.get("notes", "")),
    }
    numbers: dict[str, Any] = {
        "template": str(options.get("template", ScenarioTemplate.CUSTOM)),
        "zone_rates": options.get("zone_rates", {}),
        "duration_hours": options.get("duration_hours"),
        "close_from_severity": options.get("close_from_severity"),
    }
    numbers |= {name: options.get(name) for name in SHARES} | {name: options.get(name, {}) for name in TABLES}
    where = {"file": layer.label, "column": f"scenarios.{layer.name}"}
    check_scenario(values | numbers, problems, where)
    if not values["services"]:
        problems.add("key_missing", _("Name at least one service."), **key("services"))
    return values | _plain(numbers) if problems.count("error") == before else None


def _plain(numbers: dict[str, Any]) -> dict[str, Any]:
    """Sound numbers as they are stored: shares as fractions, both first links named in every class."""
    told = {name: None if numbers[name] is None else float(numbers[name]) for name in SHARES}
    rates = {
        str(klass): {name: row.get(name) for name in ("affected", "displaced")} | dict(row)
        for klass, row in numbers["zone_rates"].items()
    }
    rates = {
        klass: {name: None if value is None else float(value) for name, value in row.items()}
        for klass, row in rates.items()
    }
    ratios = {code: float(value) for code, value in numbers["ratio_overrides"].items()}
    return numbers | told | {"zone_rates": rates, "ratio_overrides": ratios}


def _drawn(layer: Layer, extent: str, problems: Problems) -> MultiPolygon | None:
    """The ground in the layer's own file, for a scenario that strikes drawn ground."""
    if extent != Extent.DRAWN:
        return None
    if layer.path is None:
        text = _("Drawn ground lies in a file: give its path and datum.")
        problems.add("key_missing", text, file=layer.label, column=f"scenarios.{layer.name}.path")
        return None
    if not layer.path.is_file():
        problems.add("file_missing", _("The file does not exist."), file=layer.path.name)
        return None
    if layer.datum is None:  # said already
        return None
    ground = read_extent(layer.path, layer.datum, problems)
    if ground is None:
        return None
    shape = GEOSGeometry(memoryview(shapely.to_wkb(shapely.force_2d(ground))), srid=4326)
    return shape if isinstance(shape, MultiPolygon) else MultiPolygon(shape, srid=4326)
