"""Points with counts: addresses, houses, villages. Each gives all its people to the cell it lies in."""

from __future__ import annotations

import numpy as np
import shapely

from facilities.importers.columns import Column
from facilities.importers.geometry import place_points
from facilities.importers.problems import Problems
from facilities.importers.tables import read_table
from planning.choices import LayerMethod
from planning.importers.layer_tables import has_shapes
from planning.importers.packs import Layer
from planning.importers.population_cells import Box
from planning.importers.population_groups import group_columns, group_counts
from planning.importers.population_sources import Sources


def read_points(layer: Layer, problems: Problems, inside: Box) -> Sources | None:
    """A table with lon, lat and people, or drawn points with people."""
    assert layer.path is not None and layer.datum is not None
    given, drawn = layer.columns, has_shapes(layer)
    column = given.get("people", "people")
    wanted = {"people": Column(column, "number", required=True, minimum=0)} | group_columns(layer)
    if not drawn:
        wanted |= {name: Column(given.get(name, name), "number", required=True) for name in ("lon", "lat")}
    table = read_table(
        layer.path, columns=wanted, problems=problems, label=layer.label, geometry=drawn, **layer.reading()
    )  # fmt: skip
    if table is None:
        return None
    x, y = (
        (shapely.get_x(table.shapes), shapely.get_y(table.shapes)) if drawn else (table["lon"], table["lat"])
    )
    # what lies far outside is left out where that is wished, and a problem where it is not
    clip = bool(layer.options.get("clip"))
    places = place_points(x, y, layer.datum, table, problems, inside=None if clip else inside)
    people = table["people"]
    groups = group_counts(layer, table, people, problems)
    good = np.flatnonzero(~places.bad & ~np.isnan(people))
    return Sources(
        layer, LayerMethod.POINTS, people[good], {name: part[good] for name, part in groups.items()},
        table.rows[good], places.shift_m, lon=places.lon[good], lat=places.lat[good], clip=clip,
        facts={"people_in_file": float(people[good].sum()), "sources": len(good)},
    )  # fmt: skip
