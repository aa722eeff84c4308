"""Rules that close or slow streets in a scenario: their shape, checked with every problem at once.

    {"kind": "zone", "zone_class": "deep", "min_severity": 2, "hazard_layer": "flood", "road_classes": ["*"], "factor": null}
    {"kind": "lines", "geometry": GeoJSON, "buffer_m": 20, "factor": 3, "name": "..."}
    {"kind": "list", "source_ids": [1, 2], "factor": null}

factor null closes, a number of at least 1 multiplies the time; a pack writes factor = "closed", for TOML knows no
null. Optional in all: name, road_classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import shapely
from django.utils.translation import gettext_lazy as _
from shapely.errors import GEOSException
from shapely.geometry import shape as shape_of

from facilities.importers.problems import Problems

ZONE, LINES, LIST = "zone", "lines", "list"
KEYS = {
    ZONE: {"zone_class", "min_severity", "hazard_layer"},
    LINES: {"geometry", "buffer_m"},
    LIST: {"source_ids"},
}
COMMON = {"kind", "factor", "name", "road_classes"}
MOST_RULES, MOST_CORNERS, MOST_IDS = 50, 5_000, 20_000
MOST_FACTOR, MOST_BUFFER_M, USUAL_BUFFER_M = 100.0, 2_000.0, 20.0


def read_road_rules(
    rules: Any, problems: Problems, where: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The rules in one spelling; what is wrong goes to `problems` with the rule's place in `column`."""
    where = dict(where or {})
    start = where.pop("column", "road_rules")
    if not isinstance(rules, list) or any(not isinstance(rule, dict) for rule in rules):
        problems.add("road_rules_invalid", _("Road rules are a list of objects."), **where, column=start)
        return []
    if len(rules) > MOST_RULES:
        text = _("At most %(most)d rules.")
        problems.add("road_rules_many", text, **where, column=start, most=MOST_RULES)
        return []
    return [_Rule(rule, problems, where, f"{start}[{n}]").read() for n, rule in enumerate(rules)]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


class _Rule:
    def __init__(self, rule: dict[str, Any], problems: Problems, where: dict[str, Any], start: str) -> None:
        self.rule, self.problems, self.where, self.start = rule, problems, where, start

    def bad(self, code: str, text: Any, name: str, **params: Any) -> None:
        self.problems.add(code, text, **self.where, column=f"{self.start}.{name}", **params)

    def read(self) -> dict[str, Any]:
        rule, kind = self.rule, self.rule.get("kind")
        if kind not in KEYS:
            text = _('"%(cell)s" is not one of: %(known)s.')
            self.bad("choice_unknown", text, "kind", cell=kind, known=", ".join(KEYS))
            return {}
        for name in sorted(set(rule) - COMMON - KEYS[kind]):
            known = ", ".join(sorted(COMMON | KEYS[kind]))
            self.bad("key_unknown", _('"%(cell)s" is not one of: %(known)s.'), name, cell=name, known=known)
        out: dict[str, Any] = {"kind": kind} | getattr(self, f"_{kind}")()
        out["road_classes"] = self._road_classes()
        out["factor"] = self._factor()
        name = rule.get("name") or ""
        if not isinstance(name, str) or len(name) > 120:
            text = _("The text is longer than %(longest)d characters.")
            self.bad("text_too_long", text, "name", longest=120)
        elif name.strip():
            out["name"] = name.strip()
        return out

    def _factor(self) -> float | None:
        if "factor" not in self.rule:
            self.bad(
                "key_missing",
                _("Say what happens: factor null closes, 3 takes three times as long."),
                "factor",
            )
            return None
        factor = self.rule["factor"]
        if factor is None or factor == "closed":
            return None
        if not _number(factor) or not 1 <= factor <= MOST_FACTOR:
            text = _('"%(cell)s" is not a factor from 1 to %(most)d; null closes.')
            self.bad("factor_invalid", text, "factor", cell=factor, most=MOST_FACTOR)
            return None
        return float(factor)

    def _road_classes(self) -> list[str]:
        named = self.rule.get("road_classes") or ["*"]
        if not isinstance(named, list) or any(not isinstance(one, str) or not one for one in named):
            self.bad(
                "road_classes_invalid",
                _('Road classes are a list of names; "*" stands for all.'),
                "road_classes",
            )
            return ["*"]
        return ["*"] if "*" in named else sorted(set(named))

    def _zone(self) -> dict[str, Any]:
        klass, severity = self.rule.get("zone_class", "*"), self.rule.get("min_severity")
        out: dict[str, Any] = {"zone_class": klass}
        if not isinstance(klass, str) or not klass:
            self.bad(
                "zone_class_invalid", _('Name a class of the hazard layer, or "*".'), "zone_class", cell=klass
            )
        if severity is not None:
            if not isinstance(severity, int) or isinstance(severity, bool) or not 0 <= severity <= 1000:
                text = _('"%(cell)s" is not a whole number from 0.')
                self.bad("severity_invalid", text, "min_severity", cell=severity)
            else:
                out["min_severity"] = severity
        if self.rule.get("hazard_layer"):
            out["hazard_layer"] = str(self.rule["hazard_layer"])
        return out

    def _lines(self) -> dict[str, Any]:
        geometry, buffer_m = self.rule.get("geometry"), self.rule.get("buffer_m", USUAL_BUFFER_M)
        kinds = ("LineString", "Polygon", "MultiLineString", "MultiPolygon")
        if not _number(buffer_m) or not 0 <= buffer_m <= MOST_BUFFER_M:
            text = _('"%(cell)s" is not a distance from 0 to %(most)d m.')
            self.bad("buffer_invalid", text, "buffer_m", cell=buffer_m, most=MOST_BUFFER_M)
            buffer_m = USUAL_BUFFER_M
        if not isinstance(geometry, dict) or geometry.get("type") not in kinds:
            text = _("Give a GeoJSON geometry: %(known)s.")
            self.bad("geometry_kind", text, "geometry", known=", ".join(kinds))
            return {}
        try:
            shape = shape_of(geometry)
            corners = shapely.get_coordinates(shape)
            drawn = not shape.is_empty and shape.is_valid
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, GEOSException):
            self.bad("geometry_invalid", _("The drawing is not a valid geometry."), "geometry")
            return {}
        if not drawn:
            self.bad("geometry_invalid", _("The drawing is not a valid geometry."), "geometry")
        elif len(corners) > MOST_CORNERS:
            text = _("The drawing has more than %(most)d corners.")
            self.bad("geometry_large", text, "geometry", most=MOST_CORNERS)
        elif (abs(corners[:, 0]) > 180).any() or (abs(corners[:, 1]) > 90).any():
            self.bad(
                "geometry_range", _("Coordinates are longitude and latitude in degrees (WGS-84)."), "geometry"
            )
        if buffer_m == 0 and "Line" in geometry["type"]:
            self.bad("buffer_invalid", _("A line needs a distance above 0 m."), "buffer_m", cell=0)
        kept = {"type": geometry["type"], "coordinates": geometry.get("coordinates")}
        return {"geometry": kept, "buffer_m": float(buffer_m)}

    def _list(self) -> dict[str, Any]:
        ids = self.rule.get("source_ids")
        whole = isinstance(ids, list) and all(
            isinstance(i, int) and not isinstance(i, bool) and 0 <= i < 2**63 for i in ids
        )
        if not whole or not ids:
            text = _("Give the numbers of the streets in the source, as whole numbers.")
            self.bad("source_ids_invalid", text, "source_ids")
            return {"source_ids": []}
        assert isinstance(ids, list)
        if len(ids) > MOST_IDS:
            self.bad("source_ids_many", _("At most %(most)d streets."), "source_ids", most=MOST_IDS)
            return {"source_ids": []}
        return {"source_ids": sorted(set(ids))}
