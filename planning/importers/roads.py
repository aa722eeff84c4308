"""Roads out of node and link tables or of drawn lines, as links between numbered nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from django.utils.translation import gettext_lazy as _

from facilities.importers.columns import Column, Columns
from facilities.importers.geometry import place_points, place_shapes, shapes_shift_m
from facilities.importers.problems import Problems
from facilities.importers.tables import read_table
from planning.importers.packs import Layer

UNITS = {"m": 1.0, "km": 1000.0}
TRUE = {"1", "true", "yes", "t", "y", "是", "单行", "f->t", "ft"}


@dataclass
class RoadRows:
    """lon, lat (v,); tail, head (e,) node numbers; length_m nan where it is to be measured; rank 1 (widest) to 4."""

    lon: np.ndarray
    lat: np.ndarray
    tail: np.ndarray
    head: np.ndarray
    length_m: np.ndarray
    speed_kmh: np.ndarray
    oneway: np.ndarray
    rank: np.ndarray
    shift_m: float | None
    rows: int


def read_roads(
    layer: Layer, problems: Problems, inside: tuple[float, float, float, float] | None
) -> RoadRows | None:
    before = problems.count("error")
    roads = _from_tables(layer, problems, inside) if layer.extra else _from_lines(layer, problems, inside)
    if roads is None or problems.count("error") > before:
        return None
    _doubt_lengths(layer, roads, problems)
    return roads


def _reading(layer: Layer, part: dict[str, Any]) -> dict[str, Any]:
    reading = layer.reading()
    return {name: str(part.get(name, value)) for name, value in reading.items()}


def _from_tables(
    layer: Layer, problems: Problems, inside: tuple[float, float, float, float] | None
) -> RoadRows | None:
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
    if nodes is None or links is None or layer.datum is None:
        return None
    places = place_points(nodes["lon"], nodes["lat"], layer.datum, nodes, problems, inside=inside)
    number: dict[str, int] = {}
    for i, (node, row) in enumerate(zip(nodes["id"].tolist(), nodes.rows.tolist(), strict=True)):
        if node in number:
            text = _('The code "%(cell)s" is already used in row %(first)d.')
            where: dict[str, Any] = {"file": nodes.file, "row": row, "column": nodes.source("id")}
            problems.add("code_twice", text, **where, cell=node, first=int(nodes.rows[number[node]]))
        number.setdefault(node, i)
    tail, head = (_numbers(links, name, number, problems) for name in ("tail", "head"))
    return _finish(layer, links, places.lon, places.lat, tail, head, places.shift_m, problems)


def _link_columns(layer: Layer, named: dict[str, str]) -> dict[str, Column]:
    wanted = {}
    kinds = {"length": "number", "speed_kmh": "number", "class": "text", "oneway": "text", "both": "text"}
    for name, kind in kinds.items():
        if named.get(name):
            minimum = 0.0 if name == "length" else None
            wanted[name] = Column(named[name], kind, minimum=minimum)
    return wanted


def _read_links(layer: Layer, part: dict[str, Any], path: Any, problems: Problems) -> Columns | None:
    named = part.get("columns", {})
    wanted = {"tail": Column(named.get("from", "from"), required=True)}
    wanted["head"] = Column(named.get("to", "to"), required=True)
    wanted |= _link_columns(layer, named)
    return read_table(path, columns=wanted, problems=problems, label=path.name, **_reading(layer, part))


def _numbers(links: Columns, name: str, number: dict[str, int], problems: Problems) -> np.ndarray:
    found = np.array([number.get(node, -1) for node in links[name].tolist()], dtype=np.int64)
    for i in np.flatnonzero((found < 0) & (links[name] != "")):
        text = _('There is no node "%(cell)s".')
        where: dict[str, Any] = {"file": links.file, "row": links.rows[i], "column": links.source(name)}
        problems.add("id_unknown", text, **where, cell=links[name][i])
    return found


def _from_lines(
    layer: Layer, problems: Problems, inside: tuple[float, float, float, float] | None
) -> RoadRows | None:
    """Lines become links between their corners; corners at the same place (1 cm) are one node."""
    if layer.path is None or layer.datum is None:
        return None
    wanted = {
        name: column for name, column in _link_columns(layer, layer.columns).items() if name != "length"
    }
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
    nodes, number = np.unique(np.round(corners, 7), axis=0, return_inverse=True)
    number = number.ravel()
    same = part_of_corner[1:] == part_of_corner[:-1]
    tail, head = number[:-1][same], number[1:][same]
    table.rows = table.rows[row_of_part[part_of_corner[:-1][same]]]
    table.values = {name: v[row_of_part[part_of_corner[:-1][same]]] for name, v in table.values.items()}
    return _finish(layer, table, nodes[:, 0], nodes[:, 1], tail, head, shift, problems)


def _finish(
    layer: Layer,
    links: Columns,
    lon: np.ndarray,
    lat: np.ndarray,
    tail: np.ndarray,
    head: np.ndarray,
    shift: float | None,
    problems: Problems,
) -> RoadRows:
    options = layer.options
    unit = options.get("length_unit", "m")
    if unit not in UNITS:
        text = _('The unit "%(cell)s" is not known: m or km.')
        problems.add("unit_unknown", text, file=layer.label, column=f"{layer.name}.length_unit", cell=unit)
    length = links.number("length") * UNITS.get(unit, 1.0)
    classes = links.text("class")
    speeds = {str(name): float(value) for name, value in options.get("speeds_kmh", {}).items()}
    ranks = {str(name): int(value) for name, value in options.get("ranks", {}).items()}
    known, which = np.unique(classes.astype(str), return_inverse=True)
    by_class = np.array([speeds.get(name, speeds.get("default", np.nan)) for name in known])[which.ravel()]
    given = links.number("speed_kmh")
    # a class that the pack gives a speed beats the source's own; a source writes 0 or less for "unknown"
    own = (
        np.isfinite(given)
        & (given > 0)
        & ~np.isin(classes.astype(str), [n for n in speeds if n != "default"])
    )
    speed = np.where(own, given, by_class)
    lost = ~np.isfinite(speed) | (speed <= 0)
    text = _("There is no speed for this road: give speeds_kmh with a default.")
    problems.add_rows(
        "speed_missing", text, links.rows[lost], file=links.file, column=f"{layer.name}.speeds_kmh"
    )
    rank = np.array([ranks.get(name, ranks.get("default", 3)) for name in known])[which.ravel()]
    if "oneway" in links:
        oneway = np.array([word.lower() in TRUE for word in links["oneway"].tolist()], dtype=bool)
    elif "both" in links:  # the other way of saying it: whether the street may be used backwards
        oneway = np.array([word.lower() not in TRUE for word in links["both"].tolist()], dtype=bool)
    else:
        oneway = np.full(len(tail), bool(options.get("oneway", False)))
    keep = ~np.isin(classes.astype(str), [str(name) for name in options.get("drop", [])])
    return RoadRows(
        lon,
        lat,
        tail[keep],
        head[keep],
        length[keep],
        speed[keep],
        oneway[keep],
        rank[keep],
        shift,
        len(tail),
    )


def _doubt_lengths(layer: Layer, roads: RoadRows, problems: Problems) -> None:
    """A length in the wrong unit shows: a road is about as long as the line between its ends."""
    given = np.isfinite(roads.length_m) & (roads.length_m > 0)
    if not given.any():
        return
    a, b = roads.tail[given], roads.head[given]
    dx = (roads.lon[a] - roads.lon[b]) * np.cos(np.radians(roads.lat[a]))
    straight = np.hypot(dx, roads.lat[a] - roads.lat[b]) * 111_320.0
    far = straight > 5
    ratio = float(np.median(roads.length_m[given][far] / straight[far])) if far.any() else 1.0
    if not 0.5 <= ratio <= 5:
        text = _("The lengths are %(ratio)s times the distance between the ends: is length_unit right?")
        problems.add(
            "unit_doubtful", text, file=layer.label, column=f"{layer.name}.length_unit", ratio=f"{ratio:.3g}"
        )
