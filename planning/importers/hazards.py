"""Hazard zones and the base map's water and green, out of drawn polygons and lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from django.utils.translation import gettext_lazy as _

from facilities.choices import Hazard
from facilities.importers.columns import Column
from facilities.importers.geometry import place_shapes, shapes_shift_m
from facilities.importers.problems import Problems
from facilities.importers.tables import read_table
from planning.importers.layer_tables import read_layer
from planning.importers.osm_shapes import SURFACES
from planning.importers.packs import Layer


@dataclass
class ZoneRows:
    """Ground by class, (n,): multipolygons, the worst class with the highest severity."""

    klass: np.ndarray
    severity: np.ndarray
    shape: np.ndarray
    shift_m: float | None


@dataclass
class MapRows:
    """Surfaces and lines of the base map, (n,)."""

    name: np.ndarray
    rank: np.ndarray
    shape: np.ndarray
    shift_m: float | None


def read_hazard(
    layer: Layer, problems: Problems, inside: tuple[float, float, float, float] | None
) -> ZoneRows | None:
    if layer.options.get("hazard") not in Hazard.values:
        text = _("Say which hazard it is: %(known)s.")
        column = f"{layer.name}.hazard"
        problems.add("key_missing", text, file=layer.label, column=column, known=", ".join(Hazard.values))
    if layer.path is None or layer.datum is None:
        return None
    wanted = {"class": Column(layer.columns.get("class", "class"), required=True)}
    table = read_table(
        layer.path, columns=wanted, problems=problems, label=layer.label, geometry=True, **layer.reading()
    )
    if table is None:
        return None
    shapes, bad = place_shapes(table.shapes, layer.datum, table, problems, inside=inside)
    severity = {str(name): int(value) for name, value in layer.options.get("severity", {}).items()}
    for value in sorted(set(table["class"].tolist()) - set(severity)):
        text = _('The class "%(cell)s" has no severity in the pack.')
        where: dict[str, Any] = {"file": layer.label, "column": table.source("class"), "cell": value}
        problems.add_rows("class_unknown", text, table.rows[table["class"] == value], **where)
    if bad.any() or problems.has_errors:
        return None
    several = np.empty(len(shapes), dtype=object)
    several[:] = [s if s.geom_type == "MultiPolygon" else shapely.MultiPolygon([s]) for s in shapes]
    rank = np.array([severity[value] for value in table["class"]])
    return ZoneRows(table["class"], rank, several, shapes_shift_m(table.shapes, layer.datum))


def read_map_shapes(
    layer: Layer, problems: Problems, inside: tuple[float, float, float, float] | None
) -> MapRows | None:
    if layer.path is None or layer.datum is None:
        return None
    wanted: dict[str, Column] = {n: Column(layer.columns[n]) for n in ("name", "rank") if n in layer.columns}
    table = read_layer(layer, wanted, problems, geometry=True, kind=SURFACES)
    if table is None:
        return None
    kinds = ("Polygon", "MultiPolygon", "LineString", "MultiLineString")
    shapes, bad = place_shapes(table.shapes, layer.datum, table, problems, kinds=kinds, inside=inside)
    if bad.any():
        return None
    rank = (
        np.array([int(float(word)) if word else 3 for word in table.text("rank")])
        if "rank" in table
        else None
    )
    if rank is None:
        rank = np.full(len(table), int(layer.options.get("rank", 2)))
    return MapRows(table.text("name"), rank, shapes, shapes_shift_m(table.shapes, layer.datum))
