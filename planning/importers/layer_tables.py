"""The table behind a layer, whatever kind of file it lies in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from facilities.importers.columns import Column, Columns
from facilities.importers.problems import Problems
from facilities.importers.tables import read_table
from planning.importers.osm import is_osm
from planning.importers.osm_shapes import read_osm_table, wanted_tags
from planning.importers.packs import Layer

Box = tuple[float, float, float, float] | None
DRAWN = (".geojson", ".json", ".gpkg", ".shp")


def from_osm(layer: Layer) -> bool:
    return is_osm(layer.path, layer.format)


def has_shapes(layer: Layer) -> bool:
    """Whether the file holds places as geometry, so that no columns need to."""
    return layer.path is not None and (from_osm(layer) or layer.path.suffix.lower() in DRAWN)


def read_layer(
    layer: Layer,
    columns: Mapping[str, Column],
    problems: Problems,
    *,
    geometry: bool,
    kind: str,
    inside: Box = None,
) -> Columns | None:
    """The wanted columns of a layer's file. `kind` and `inside` say what to take of OpenStreetMap (`read_osm_table`)."""
    assert layer.path is not None
    if not from_osm(layer):
        return read_table(
            layer.path, columns=columns, problems=problems, label=layer.label, geometry=geometry, **layer.reading()
        )  # fmt: skip
    tags = wanted_tags(layer.options.get("osm"), layer.label, f"{layer.name}.osm", problems)
    if tags is None:
        return None
    assumed = layer.options.get("assume", {})
    # what the pack assumes where a tag is missing is not missing
    relaxed = {
        name: Column(c.source, c.kind, c.required and name not in assumed, c.minimum, c.maximum)
        for name, c in columns.items()
    }
    return read_osm_table(layer.path, layer.label, tags, relaxed, problems, kind=kind, inside=inside)


def assume(table: Columns, layer: Layer, fields: Mapping[str, Column], problems: Problems) -> None:
    """Fill empty fields with what the layer assumes: assume = { rooms = 20 }. `fields`: all that a layer of this kind
    may have, read from the file or not."""
    for name, value in layer.options.get("assume", {}).items():
        where: dict[str, Any] = {"file": layer.label, "column": f"{layer.name}.assume.{name}"}
        if name not in fields:
            text = _("The field is not known. Known: %(known)s.")
            problems.add("key_unknown", text, known=", ".join(sorted(fields)), **where)
        elif fields[name].kind in ("number", "whole"):
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                text = _('"%(cell)s" is not a number of 0 or more.')
                problems.add("not_a_number", text, cell=str(value), **where)
                continue
            values = table.number(name)
            table.values[name] = np.where(np.isnan(values), float(value), values)
        else:
            texts = table.text(name).copy()
            texts[texts == ""] = str(value)
            table.values[name] = texts
