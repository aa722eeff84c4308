"""Polygons with counts (townships, census districts), spread onto cells by area or onto the grid points inside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from django.utils.translation import gettext_lazy as _

from engine.reallocation import spread
from facilities.importers.columns import Column
from facilities.importers.geometry import place_shapes, shapes_shift_m
from facilities.importers.problems import Problems
from facilities.importers.tables import read_table
from planning.choices import LayerMethod
from planning.importers.buildings import spread_over_buildings
from planning.importers.layer_tables import read_layer
from planning.importers.osm_shapes import AREA_M2, AREAS
from planning.importers.packs import Layer
from planning.importers.population_cells import METRES_PER_DEGREE, Box, Read, cell_area_m2
from planning.importers.population_groups import group_columns, group_counts, spread_groups
from planning.importers.population_sources import Sources

# Borders drawn twice differ by slivers; more than this share of the smaller polygon is a true overlap.
SLIVER = 0.01
MOST_POINTS = 40_000_000


def read_polygons(layer: Layer, problems: Problems, inside: Box) -> Sources | None:
    """Drawn polygons with people and groups. Overlaps are reported: people there may be counted twice."""
    assert layer.path is not None and layer.datum is not None
    column = layer.columns.get("people", "people")
    wanted = {"people": Column(column, "number", required=True, minimum=0)} | group_columns(layer)
    table = read_table(
        layer.path, columns=wanted, problems=problems, label=layer.label, geometry=True, **layer.reading()
    )
    if table is None:
        return None
    clip = bool(layer.options.get("clip"))
    shapes, bad = place_shapes(table.shapes, layer.datum, table, problems, inside=None if clip else inside)
    people = table["people"]
    groups = group_counts(layer, table, people, problems)
    if bad.any() or np.isnan(people).any():
        return None
    facts: dict[str, Any] = {"people_in_file": float(people.sum()), "sources": len(people)}
    pairs = _overlapping(shapes)
    if len(pairs):
        facts["overlapping"] = len(pairs)
        for one, other in pairs[:20]:
            text = _("The polygon overlaps that of row %(other)d; people there may be counted twice.")
            problems.warn(
                "polygons_overlap", text, file=layer.label, row=int(table.rows[one]), column="geometry",
                other=int(table.rows[other]),
            )  # fmt: skip
    shift = shapes_shift_m(table.shapes, layer.datum)
    return Sources(
        layer, LayerMethod.POLYGONS, people, groups, table.rows, shift, shapes=shapes, clip=clip, facts=facts
    )  # fmt: skip


def _overlapping(shapes: np.ndarray) -> np.ndarray:
    """Pairs (p, 2) of polygons that share more than a sliver of the smaller one."""
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    one, other = one[one < other], other[one < other]
    touching = shapely.touches(shapes[one], shapes[other])
    one, other = one[~touching], other[~touching]
    shared = shapely.area(shapely.intersection(shapes[one], shapes[other]))
    area = shapely.area(shapes)
    true = shared > SLIVER * np.minimum(area[one], area[other])
    return np.column_stack([one[true], other[true]])


def by_centre(sources: Sources, shape: dict[str, Any], problems: Problems) -> Read | None:
    """The count goes evenly on the points of a square grid inside each polygon, so that cells summed by area give the
    polygon's total too.

    The grid stands in degrees scaled to metres at the layer's middle; a polygon too small to hold a grid point gets one
    cell at a point inside it.
    """
    layer, shapes = sources.layer, sources.shapes
    assert shapes is not None
    spacing = float(shape["spacing_m"])
    west, south, east, north = shapely.total_bounds(shapes)
    step_y = spacing / METRES_PER_DEGREE
    step_x = step_y / np.cos(np.radians((south + north) / 2))
    columns, lines = np.arange(west, east + step_x, step_x), np.arange(south, north + step_y, step_y)
    if len(columns) * len(lines) > MOST_POINTS:
        text = _("A grid of %(spacing)s m has too many points here; choose a wider one.")
        problems.add(
            "grid_too_fine", text, file=layer.label, column="spread.spacing_m", spacing=f"{spacing:g}"
        )
        return None
    tree = shapely.STRtree(shapes)
    lons: list[np.ndarray] = []
    lats: list[np.ndarray] = []
    owners: list[np.ndarray] = []
    codes: list[str] = []
    for number, y in enumerate(lines):
        hit = tree.query(shapely.points(columns, np.full(len(columns), y)), predicate="intersects")
        # a point on a border belongs to the first polygon only
        point, first = np.unique(hit[0], return_index=True)
        lons.append(columns[point])
        lats.append(np.full(len(point), y))
        owners.append(hit[1][first])
        codes += [f"{number}-{column}" for column in point.tolist()]
    lon, lat, owner = np.concatenate(lons), np.concatenate(lats), np.concatenate(owners)
    alone = np.setdiff1d(np.arange(len(shapes)), owner)
    if len(alone):
        points = shapely.point_on_surface(shapes[alone])
        lon, lat = np.r_[lon, shapely.get_x(points)], np.r_[lat, shapely.get_y(points)]
        owner = np.r_[owner, alone]
        codes += [f"p-{i}" for i in alone.tolist()]
    code = np.empty(len(codes), dtype=object)
    code[:] = codes
    made = spread(sources.people, owner, np.arange(len(owner)), np.ones(len(owner)), len(owner))
    groups = spread_groups(made.rows, owner, sources.groups)
    shape = {"shape": "square", **shape}
    area = np.full(len(code), cell_area_m2(shape))
    return Read(
        layer, code, lon, lat, made.people, area, sources.shift_m, shape, groups, None, LayerMethod.POLYGONS, sources.facts,
    )  # fmt: skip


def spread_total(layer: Layer, shape: dict[str, Any], problems: Problems, inside: Box) -> Read | None:
    """A total that the pack states, laid over the buildings of an OpenStreetMap file by the area of their outlines."""
    total = layer.options.get("people_total")
    if "spread" not in layer.options or isinstance(total, bool) or not isinstance(total, int) or total <= 0:
        text = _("Buildings hold no counts: say people_total and spread = { spacing_m }.")
        problems.add("key_missing", text, file=layer.label, column=f"{layer.name}.people_total")
        return None
    wanted = {"area_m2": Column(AREA_M2, "number")}
    table = read_layer(layer, wanted, problems, geometry=True, kind=AREAS, inside=inside)
    if table is None:
        return None
    squares = spread_over_buildings(table.shapes, table["area_m2"], total, float(shape["spacing_m"]))
    shape = {"shape": "square", **shape}
    area = np.full(len(squares.code), cell_area_m2(shape))
    facts = {"people_in_file": float(total), "sources": len(table)}
    return Read(
        layer, squares.code, squares.lon, squares.lat, squares.people, area, 0.0, shape, {}, None,
        LayerMethod.POLYGONS, facts,
    )  # fmt: skip
