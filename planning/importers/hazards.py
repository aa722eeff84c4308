"""Hazard zones and the base map's water and green, out of drawn polygons and lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty
from facilities.choices import Hazard
from facilities.importers.columns import Column, Columns
from facilities.importers.geometry import place_shapes, shapes_shift_m
from facilities.importers.problems import Problems
from facilities.importers.tables import read_table
from planning.importers.hazard_overlaps import class_grounds, find_overlaps
from planning.importers.hazard_rasters import (
    LONGEST_CLASS,
    MOST_SEVERE,
    SEVERITY_WORDS,
    read_hazard_raster,
    severity_of,
)
from planning.importers.layer_tables import read_layer
from planning.importers.osm_shapes import SURFACES
from planning.importers.packs import Layer
from planning.importers.rasters import Box, is_raster


@dataclass
class ZoneRows:
    """Ground by class, (n,): multipolygons, the worst class with the highest severity. `facts`: what was counted and what
    overlaps; `cut_offs`: of a raster, as in `HazardLayer.cut_offs`."""

    klass: np.ndarray
    severity: np.ndarray
    shape: np.ndarray
    shift_m: float | None
    facts: dict[str, Any]
    cut_offs: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class MapRows:
    """Surfaces and lines of the base map, (n,)."""

    name: np.ndarray
    rank: np.ndarray
    shape: np.ndarray
    shift_m: float | None


def read_hazard(layer: Layer, problems: Problems, inside: Box | None) -> ZoneRows | None:
    """The ground of a hazard layer: drawn polygons with a class, or a raster with cut-offs."""
    _check_facts(layer, problems)
    if is_raster(layer.path):
        return _read_raster(layer, problems, inside)
    for name in ("cut_offs", "band", "nodata", "simplify_m"):
        if name in layer.options:
            text = _("%(cell)s belongs to a raster (GeoTIFF or ASCII grid), and this file is none.")
            problems.add("key_unknown", text, file=layer.label, column=f"{layer.name}.{name}", cell=name)
    if layer.path is None or layer.datum is None:
        return None
    wanted = {"class": Column(layer.columns.get("class", "class"), required=True)}
    if "severity" in layer.columns:
        wanted["severity"] = Column(layer.columns["severity"], kind="whole", required=True, minimum=1)
    table = read_table(
        layer.path, columns=wanted, problems=problems, label=layer.label, geometry=True, **layer.reading()
    )
    if table is None:
        return None
    shapes, bad = place_shapes(table.shapes, layer.datum, table, problems, inside=inside)
    rank = _severities(layer, table, problems)
    if bad.any() or problems.has_errors:
        return None
    far = _outside(shapes, inside)
    if far.all():
        text = _("No polygon touches the city.")
        problems.add("outside_city", text, file=layer.label, column="geometry")
        return None
    klass = table["class"]
    facts: dict[str, Any] = {
        "kind": "polygon", "datum": layer.datum, "polygons": len(shapes), "outside": int(far.sum()),
        "classes": class_grounds(klass, rank, shapes),
        "overlaps": find_overlaps(klass, rank, shapes, layer.label, problems),
    }  # fmt: skip
    if problems.has_errors:
        return None
    several = np.empty(len(shapes), dtype=object)
    several[:] = [s if s.geom_type == "MultiPolygon" else shapely.MultiPolygon([s]) for s in shapes]
    return ZoneRows(klass, rank, several, shapes_shift_m(table.shapes, layer.datum), facts)


def _check_facts(layer: Layer, problems: Problems) -> None:
    """What is said about the layer as a whole: hazard, return period, certainty, names."""
    said = layer.options
    where: dict[str, Any] = {"file": layer.label}
    if said.get("hazard") not in Hazard.values:
        text = _("Say which hazard it is: %(known)s.")
        problems.add(
            "key_missing", text, **where, column=f"{layer.name}.hazard", known=", ".join(Hazard.values)
        )
    years = said.get("return_period_years")
    if years is not None and not (
        isinstance(years, int) and not isinstance(years, bool) and 1 <= years <= 1_000_000
    ):
        text = _('The return period is a whole number of years from 1 on, not "%(cell)s".')
        problems.add("not_whole", text, **where, column=f"{layer.name}.return_period_years", cell=str(years))
    if str(said.get("certainty", "D")) not in Certainty.values:
        text = _('"%(cell)s" is not one of: %(known)s.')
        problems.add(
            "choice_unknown", text, **where, column=f"{layer.name}.certainty", cell=str(said["certainty"]),
            known=", ".join(Certainty.values),
        )  # fmt: skip
    for name, most in (("title", 120), ("title_en", 120), ("unit", 20)):
        if len(str(said.get(name, ""))) > most:
            text = _("The text is longer than %(most)d characters.")
            problems.add("text_too_long", text, **where, column=f"{layer.name}.{name}", most=most)


def _read_raster(layer: Layer, problems: Problems, inside: Box | None) -> ZoneRows | None:
    if layer.columns or "severity" in layer.options:
        text = _("A raster has no columns: its classes and severities are told by cut_offs.")
        problems.add("key_unknown", text, file=layer.label, column=f"{layer.name}.columns")
    ground = read_hazard_raster(
        layer.path, problems, label=layer.label, key=layer.name, options=layer.options, datum=layer.datum,
        inside=inside,
    )  # fmt: skip
    if ground is None or problems.has_errors:
        return None
    # what the file itself says about its place is the datum it was read in
    layer.datum = ground.datum
    cut_offs = [one.as_dict() for one in ground.cut_offs]
    return ZoneRows(ground.klass, ground.severity, ground.shape, ground.shift_m, ground.facts, cut_offs)


def _severities(layer: Layer, table: Columns, problems: Problems) -> np.ndarray:
    """Severity (n,) of every polygon, from its column or from the classes of the layer; 0 where it is not told."""
    where: dict[str, Any] = {"file": layer.label}
    long = np.array([len(name) > LONGEST_CLASS for name in table["class"]], dtype=bool)
    text = _("The text is longer than %(most)d characters.")
    problems.add_rows(
        "text_too_long", text, table.rows[long], **where, column=table.source("class"), most=LONGEST_CLASS
    )
    if "severity" in table:
        rank = np.nan_to_num(table.number("severity"), nan=0.0)
        high = rank > MOST_SEVERE
        text = _("The value is higher than %(most)d.")
        problems.add_rows(
            "too_large", text, table.rows[high], **where, column=table.source("severity"), most=MOST_SEVERE
        )
        return rank.astype(np.int64)
    told = layer.options.get("severity", {})
    severity: dict[str, int] = {}
    for name, value in (told if isinstance(told, dict) else {}).items():
        rank_of = severity_of(value)
        severity[str(name)] = rank_of or 0
        if rank_of is None:
            column = f"{layer.name}.severity"
            problems.add(
                "severity_invalid",
                SEVERITY_WORDS,
                **where,
                column=column,
                cell=str(value),
                name=name,
                most=MOST_SEVERE,
            )
    for value in sorted(set(table["class"].tolist()) - set(severity) - {""}):
        text = _('The class "%(cell)s" has no severity in the pack.')
        more: dict[str, Any] = {**where, "column": table.source("class"), "cell": value}
        problems.add_rows("class_unknown", text, table.rows[table["class"] == value], **more)
    return np.array([severity.get(value, 0) for value in table["class"]], dtype=np.int64)


def _outside(shapes: np.ndarray, inside: Box | None) -> np.ndarray:
    """(n,) bool: polygons that do not touch the box of the city."""
    if inside is None:
        return np.zeros(len(shapes), dtype=bool)
    west, south, east, north = inside
    box = shapely.bounds(shapes)
    return (box[:, 0] > east) | (box[:, 2] < west) | (box[:, 1] > north) | (box[:, 3] < south)


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
