"""Which streets run through which ground of a hazard: found once for a network and a hazard layer, kept as an artefact.

A snapshot names the artefact, so a run of last year still closes the streets that were under water then.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely
from django.db import connection

from engine.crs import LocalMetric
from engine.network import RoadGraph
from planning.bridge import artefacts

# Streets lie along the Morton curve, so a chunk covers little ground and most zones are told apart by their boxes.
CHUNK_STREETS = 200_000
METRES_PER_DEGREE = 111_320.0


def street_lines(graph: RoadGraph, streets: np.ndarray) -> np.ndarray:
    """LineStrings (s,) of the streets (s,) in plane metres, through their own corners. No loop over streets."""
    line_ptr = np.asarray(graph.line_ptr)
    first = line_ptr[streets]
    inner = line_ptr[streets + 1] - first
    count = inner + 2
    start = np.concatenate([[0], np.cumsum(count)])
    a, b = np.asarray(graph.a)[streets], np.asarray(graph.b)[streets]
    corners = np.empty((start[-1], 2))
    for axis, (node, line) in enumerate(((graph.node_x, graph.line_x), (graph.node_y, graph.line_y))):
        node = np.asarray(node)
        corners[start[:-1], axis] = node[a]
        corners[start[1:] - 1, axis] = node[b]
        if inner.any():
            place = np.arange(inner.sum()) - np.repeat(np.cumsum(inner) - inner, inner)
            taken = np.asarray(line)[np.repeat(first, inner) + place]
            corners[np.repeat(start[:-1] + 1, inner) + place, axis] = taken
    return shapely.linestrings(corners, indices=np.repeat(np.arange(len(streets)), count))


def _chunks(graph: RoadGraph, box: tuple[float, float, float, float]) -> Iterator[np.ndarray]:
    """Numbers of the streets whose own box meets `box`, a chunk at a time."""
    west, south, east, north = box
    x, y = np.asarray(graph.node_x), np.asarray(graph.node_y)
    for begin in range(0, graph.streets, CHUNK_STREETS):
        rows = np.arange(begin, min(begin + CHUNK_STREETS, graph.streets))
        a, b = np.asarray(graph.a)[rows], np.asarray(graph.b)[rows]
        # A corner lies no farther from the ends than the street is long.
        half = np.asarray(graph.length_m)[rows] / 2
        near = np.minimum(x[a], x[b]) - half <= east
        near &= np.maximum(x[a], x[b]) + half >= west
        near &= np.minimum(y[a], y[b]) - half <= north
        near &= np.maximum(y[a], y[b]) + half >= south
        if near.any():
            yield rows[near]


def streets_touching(graph: RoadGraph, shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(streets (p,), shape numbers (p,)) of every street that touches or lies in one of `shapes` (plane metres)."""
    if not len(shapes) or not graph.streets:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    found: list[np.ndarray] = []
    for rows in _chunks(graph, tuple(shapely.total_bounds(shapes))):
        shape, street = shapely.STRtree(street_lines(graph, rows)).query(shapes, predicate="intersects")
        found.append(np.stack([rows[street], shape]))
    pairs = np.concatenate(found, axis=1) if found else np.empty((2, 0), np.int64)
    return pairs[0], pairs[1]


def to_plane(shapes: np.ndarray, centre: tuple[float, float]) -> np.ndarray:
    """Shapes in degrees (WGS-84) as shapes in the city's plane metres."""
    plane = LocalMetric(*centre)
    return shapely.transform(shapes, lambda at: np.column_stack(plane.forward(at[:, 0], at[:, 1])))


def keep_exposure(
    network_sha: str, graph: RoadGraph, centre: tuple[float, float], layer_id: int, zones_md5: str
) -> str:
    """Name of the artefact for this network and these zones; made on the first call.

    Arrays street (p,) int32 and kind (p,) int16: street p touches ground of kinds[kind]; meta {"kinds": [[class, severity]]}.
    """
    told = json.dumps([network_sha, centre, zones_md5])
    name = f"exposure/{hashlib.sha256(told.encode()).hexdigest()}"
    if artefacts.exists(name):
        return name
    with connection.cursor() as cursor:
        cursor.execute(
            "select klass, severity, st_asbinary(geometry) from planning_hazardzone where layer_id = %s order by id",
            [layer_id],
        )
        rows = cursor.fetchall()
    kinds = sorted({(klass, severity) for klass, severity, _shape in rows})
    number = {kind: n for n, kind in enumerate(kinds)}
    shapes = shapely.from_wkb([bytes(shape) for _klass, _severity, shape in rows])
    parts, owner = shapely.get_parts(np.asarray(shapes, dtype=object), return_index=True)
    street, part = streets_touching(graph, to_plane(parts, centre))
    kind_of = np.array([number[klass, severity] for klass, severity, _shape in rows], dtype=np.int64)
    pair = np.unique(street * max(len(kinds), 1) + (kind_of[owner[part]] if len(part) else part))
    arrays: dict[str, np.ndarray] = {
        "street": (pair // max(len(kinds), 1)).astype(np.int32),
        "kind": (pair % max(len(kinds), 1)).astype(np.int16),
    }
    artefacts.keep(name, arrays, {"kinds": [list(kind) for kind in kinds]})
    return name


def exposed_streets(name: str, zone_class: str, min_severity: int | None) -> np.ndarray:
    """Numbers (s,) of the streets on ground of the class ("*": any) and at least that severity."""
    arrays, meta = artefacts.load(name)
    wanted = [
        n
        for n, (klass, severity) in enumerate(meta["kinds"])
        if zone_class in ("*", klass) and severity >= (min_severity or 0)
    ]
    return np.unique(np.asarray(arrays["street"])[np.isin(arrays["kind"], wanted)])


def zone_hashes(layers: list[Any]) -> dict[int, str]:
    """md5 of the ground of each hazard layer, by id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select layer_id, md5(string_agg(md5(st_asbinary(geometry)) || klass || severity, '' order by id))"
            " from planning_hazardzone where layer_id = any(%s) group by layer_id order by layer_id",
            [[layer.pk for layer in layers]],
        )
        return dict(cursor.fetchall())
