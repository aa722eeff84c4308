"""Roads out of node and link tables, drawn lines or OpenStreetMap, as links between numbered nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from django.utils.translation import gettext_lazy as _

from facilities.importers.columns import Column, Columns
from facilities.importers.geometry import place_points, place_shapes, shapes_shift_m
from facilities.importers.problems import Problems
from facilities.importers.tables import read_table
from planning.importers.osm import is_osm, read_osm_roads
from planning.importers.packs import Layer
from planning.importers.road_columns import give_speeds, link_columns, link_rows
from planning.importers.road_rows import RoadRows

Box = tuple[float, float, float, float] | None
# corners of lines that agree in this many decimals of a degree (1 cm) are one place
DECIMALS = 7


def read_roads(
    layer: Layer, problems: Problems, inside: Box, profile: Mapping[str, float] | None = None
) -> RoadRows | None:
    """The links of one layer; None when anything is wrong with it. `profile`: km/h by class ("*" = all others) for
    links that neither the source nor the layer gives a speed."""
    before = problems.count("error")
    if layer.extra:
        roads = _from_tables(layer, problems, inside)
    elif layer.path is not None and is_osm(layer.path, layer.format):
        roads = _from_osm(layer, problems, inside)
    elif layer.path is None or layer.datum is None:
        return None
    else:
        roads = _from_lines(layer, problems, inside)
    if roads is None:
        return None
    if not (roads.tail != roads.head).any() and problems.count("error") == before:
        text = _("No road is left to load.")
        problems.add("roads_missing", text, file=layer.label)
    give_speeds(layer, roads, profile or {}, problems)
    return None if problems.count("error") > before else roads


def _from_osm(layer: Layer, problems: Problems, inside: Box) -> RoadRows | None:
    assert layer.path is not None
    roads = read_osm_roads(layer.path, layer.label, problems, inside)
    if roads is None:
        return None
    drop = [n for n, name in enumerate(roads.classes) if name in layer.options.get("drop", [])]
    kept = ~np.isin(roads.klass, drop)
    if not kept.all():
        roads.facts["left_out"]["dropped"] = {"ways": len(np.unique(roads.source_id[~kept]))}
        for name in ("tail", "head", "length_m", "speed_kmh", "assumed", "oneway", "walk", "klass", "rank", "source_id"):  # fmt: skip
            setattr(roads, name, getattr(roads, name)[kept])
    return roads


def _reading(layer: Layer, part: dict[str, Any]) -> dict[str, Any]:
    reading = layer.reading()
    return {name: str(part.get(name, value)) for name, value in reading.items()}


def _from_tables(layer: Layer, problems: Problems, inside: Box) -> RoadRows | None:
    nodes_part, links_part = layer.options.get("nodes", {}), layer.options.get("links", {})
    if set(layer.extra) != {"nodes", "links"}:
        text = _("Give both nodes = { path, columns } and links = { path, columns }.")
        problems.add("key_missing", text, file=layer.label, column=layer.name)
        return None
    named = nodes_part.get("columns", {})
    wanted = {"id": Column(named.get("id", "id"), required=True)}
    wanted["lon"] = Column(named.get("lon", "lon"), "number", required=True)
    wanted["lat"] = Column(named.get("lat", "lat"), "number", required=True)
    nodes_path = layer.extra["nodes"]
    nodes = read_table(
        nodes_path, columns=wanted, problems=problems, label=nodes_path.name, **_reading(layer, nodes_part)
    )
    links = _read_links(layer, links_part, layer.extra["links"], problems)
    if nodes is None or links is None:
        return None
    number: dict[str, int] = {}
    for i, (node, row) in enumerate(zip(nodes["id"].tolist(), nodes.rows.tolist(), strict=True)):
        if node in number:
            text = _('The code "%(cell)s" is already used in row %(first)d.')
            where: dict[str, Any] = {"file": nodes.file, "row": row, "column": nodes.source("id")}
            problems.add("code_twice", text, **where, cell=node, first=int(nodes.rows[number[node]]))
        number.setdefault(node, i)
    tail, head = (_numbers(links, name, number, problems) for name in ("tail", "head"))
    lon, lat, shift = _placed(layer, nodes, problems, inside)
    return link_rows(layer, links, lon, lat, tail, head, shift, problems, rows=len(links))


def _placed(
    layer: Layer, nodes: Columns, problems: Problems, inside: Box
) -> tuple[np.ndarray, np.ndarray, float | None]:
    """Where the nodes lie; nowhere when the datum is not known, and then only 0, 0 can be told to be wrong."""
    if layer.datum is None:
        zero = (nodes["lon"] == 0) & (nodes["lat"] == 0)
        column = ", ".join(nodes.source(name) for name in ("lon", "lat"))
        text = _("The coordinates are 0, 0.")
        problems.add_rows("zero_place", text, nodes.rows[zero], file=nodes.file, column=column)
        nowhere = np.full(len(nodes), np.nan)
        return nowhere, nowhere, None
    places = place_points(nodes["lon"], nodes["lat"], layer.datum, nodes, problems, inside=inside)
    return places.lon, places.lat, places.shift_m


def _read_links(layer: Layer, part: dict[str, Any], path: Any, problems: Problems) -> Columns | None:
    named = part.get("columns", {})
    wanted = {"tail": Column(named.get("from", "from"), required=True)}
    wanted["head"] = Column(named.get("to", "to"), required=True)
    wanted |= link_columns(named)
    return read_table(path, columns=wanted, problems=problems, label=path.name, **_reading(layer, part))


def _numbers(links: Columns, name: str, number: dict[str, int], problems: Problems) -> np.ndarray:
    found = np.array([number.get(node, -1) for node in links[name].tolist()], dtype=np.int64)
    for i in np.flatnonzero((found < 0) & (links[name] != "")):
        text = _('There is no node "%(cell)s".')
        where: dict[str, Any] = {"file": links.file, "row": links.rows[i], "column": links.source(name)}
        problems.add("id_unknown", text, **where, cell=links[name][i])
    return found


def _from_lines(layer: Layer, problems: Problems, inside: Box) -> RoadRows | None:
    """Lines become links between their corners; corners at the same place (1 cm) are one node, so lines are connected
    where they share a corner and not where they only cross."""
    assert layer.path is not None and layer.datum is not None
    wanted = {name: column for name, column in link_columns(layer.columns).items() if name != "length"}
    table = read_table(
        layer.path, columns=wanted, problems=problems, label=layer.label, geometry=True, **layer.reading()
    )
    if table is None:
        return None
    kinds = ("LineString", "MultiLineString")
    shapes, bad = place_shapes(table.shapes, layer.datum, table, problems, kinds=kinds, inside=inside)
    if bad.any():
        return None
    shift = shapes_shift_m(table.shapes, layer.datum)
    parts, row_of_part = shapely.get_parts(shapes, return_index=True)
    corners, part_of_corner = shapely.get_coordinates(parts, return_index=True)
    if not _places_in_order(table, corners, row_of_part[part_of_corner], inside, problems):
        return None
    nodes, number = np.unique(np.round(corners, DECIMALS), axis=0, return_inverse=True)
    number = number.ravel()
    same = part_of_corner[1:] == part_of_corner[:-1]
    tail, head = number[:-1][same], number[1:][same]
    row_of_link = row_of_part[part_of_corner[:-1][same]]
    rows = len(table)
    table.rows = table.rows[row_of_link]
    table.values = {name: v[row_of_link] for name, v in table.values.items()}
    table.geometry = None
    return link_rows(layer, table, nodes[:, 0], nodes[:, 1], tail, head, shift, problems, rows=rows)


def _places_in_order(
    table: Columns, corners: np.ndarray, row: np.ndarray, inside: Box, problems: Problems
) -> bool:
    """Whether no corner lies at 0, 0 and no line wholly outside the city."""
    where: dict[str, Any] = {"file": table.file, "column": "geometry"}
    zero = np.unique(row[(corners == 0).all(axis=1)])
    problems.add_rows("zero_place", _("The coordinates are 0, 0."), table.rows[zero], **where)
    far = np.zeros(0, np.int64)
    if inside is not None:
        west, south, east, north = inside
        lon, lat = corners.T
        near = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
        far = np.setdiff1d(np.unique(row), np.unique(np.r_[row[near], zero]))
        text = _("The place lies outside the city (%(box)s).")
        box = f"{west:.2f}–{east:.2f}, {south:.2f}–{north:.2f}"
        problems.add_rows("outside_city", text, table.rows[far], **where, box=box)
    return not len(zero) and not len(far)
