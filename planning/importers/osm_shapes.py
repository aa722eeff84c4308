"""Places and areas out of an OpenStreetMap file, as a table like any other: a row an object, tags as columns.

What is wanted is told by tags: { tourism = ["hotel", "hostel"], name = true }: every tag named must be there, with one
of the values, or with any (true). Closed ways and multipolygon relations come as polygons, the rest as points; an
object drawn both ways, as a point inside its own outline, is taken once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import shapely
from django.utils.translation import gettext_lazy as _

from facilities.importers.blocks import assemble, convert_block
from facilities.importers.columns import Column, Columns
from facilities.importers.problems import ERROR, WARNING, Problems
from planning.importers.osm import each, opened

# columns that are no tags: the object's number, and the area of its outline in square metres
ID, AREA_M2 = "@id", "@area_m2"
AREAS, PLACES, SURFACES = "areas", "places", "surfaces"
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
METRES_PER_DEGREE = 111_320.0

Wanted = Mapping[str, frozenset[str] | None]


def wanted_tags(declared: Any, label: str, column: str, problems: Problems) -> Wanted | None:
    """The declared tags, None for any value; None altogether when the declaration cannot be read."""
    good = isinstance(declared, dict) and bool(declared)
    tags: dict[str, frozenset[str] | None] = {}
    for key, value in declared.items() if good else ():
        if value is True:
            tags[str(key)] = None
        elif isinstance(value, str):
            tags[str(key)] = frozenset((value,))
        elif isinstance(value, list) and value and all(isinstance(one, str) for one in value):
            tags[str(key)] = frozenset(value)
        else:
            good = False
    if not good:
        text = _('Say which objects: osm = { key = "value", key = ["value", "value"], key = true }.')
        problems.add("key_missing", text, file=label, column=column)
        return None
    return tags


@dataclass
class _Objects:
    wanted: Wanted
    kind: str
    sources: tuple[str, ...]
    ids: list[str] = field(default_factory=list)
    shapes: list[Any] = field(default_factory=list)
    said: list[tuple[str, ...]] = field(default_factory=list)
    cut_off: int = 0
    factory: Any = field(default_factory=osmium.geom.WKBFactory)

    def take(self, thing: Any) -> None:
        tags = thing.tags
        for key, values in self.wanted.items():
            value = tags.get(key)
            if value is None or (values is not None and value not in values):
                return
        name, shape = self._drawn(thing)
        if shape is None:
            return
        self.ids.append(name)
        self.shapes.append(shape)
        self.said.append(tuple(tags.get(source) or "" for source in self.sources))

    def _drawn(self, thing: Any) -> tuple[str, Any]:
        """Number and shape of an object; no shape for what is not asked for or was cut off with the file."""
        try:
            if thing.is_area():
                name = f"{'w' if thing.from_way() else 'r'}{thing.orig_id()}"
                return name, shapely.from_wkb(self.factory.create_multipolygon(thing))
            if thing.is_node() and self.kind == PLACES:
                return f"n{thing.id}", shapely.Point(thing.lon, thing.lat)
            if thing.is_way() and self.kind == SURFACES and not thing.is_closed():
                return f"w{thing.id}", shapely.from_wkb(self.factory.create_linestring(thing))
        except (RuntimeError, osmium.InvalidLocationError):
            self.cut_off += 1
        return "", None

    def of(self, path: str) -> Iterator[Any]:
        keys = osmium.filter.KeyFilter(*self.wanted)
        reader = osmium.FileProcessor(path).with_locations().with_areas(keys)
        return iter(reader.with_filter(keys))


def read_osm_table(
    path: Path,
    label: str,
    wanted: Wanted,
    columns: Mapping[str, Column],
    problems: Problems,
    *,
    kind: str = AREAS,
    inside: tuple[float, float, float, float] | None = None,
) -> Columns | None:
    """The objects with the wanted tags as rows with geometry (WGS-84); None when there are none or the file is broken.

    kind: "areas" polygons only, "places" also points, "surfaces" polygons and open lines. A number is the first one in
    its tag. Objects outside `inside` are another city's; outlines that cannot be put right are left out and counted.
    """
    sources = tuple(column.source for column in columns.values())
    found = _Objects(wanted, kind, sources)
    if not opened(path, label, problems) or not each(found.of, path, label, problems, found.take):
        return None
    if found.cut_off:
        text = _("%(count)d objects are cut off at the edge of the file and were left out.")
        problems.warn("cut_off", text, file=label, count=found.cut_off)
    shapes = np.empty(len(found.shapes), dtype=object)
    shapes[:] = found.shapes
    kept = _usable(shapes, label, problems)
    if kind == PLACES:
        kept &= ~_drawn_twice(shapes)
    if inside is not None:
        kept &= shapely.intersects(shapes, shapely.box(*inside))
    if not kept.any():
        text = _("No object in the file has these tags: %(tags)s.")
        told = ", ".join(f"{key}={'/'.join(sorted(v)) if v else '*'}" for key, v in wanted.items())
        # a pack for any country may ask for what this one does not have; without areas there is no city
        severity = ERROR if kind == AREAS else WARNING
        problems.add("file_empty", text, file=label, tags=told, severity=severity)
        return None
    shapes = shapes[kept]
    said = [row for row, keep in zip(found.said, kept.tolist(), strict=True) if keep]
    ids = np.array(found.ids, dtype=object)[kept]
    areas = _square_metres(shapes)
    raw: dict[str, Any] = {}
    for place, (name, column) in enumerate(columns.items()):
        if column.source == ID:
            raw[name] = ids.tolist()
        elif column.source == AREA_M2:
            raw[name] = areas
        else:
            texts = [row[place] for row in said]
            raw[name] = [_number(text) for text in texts] if column.kind in ("number", "whole") else texts
    rows = np.arange(1, len(ids) + 1)
    values = convert_block(raw, rows, columns, label, problems)
    return assemble([(rows, values)], columns, label, sorted(set(sources)), problems, shapes)


def _number(text: str) -> str:
    """Tags hold words around numbers: "4 S", "ca. 20"."""
    found = _NUMBER.search(text)
    return found[0] if found else ""


def _usable(shapes: np.ndarray, label: str, problems: Problems) -> np.ndarray:
    """Put broken outlines right in place; (n,) False where that leaves no area."""
    broken = np.flatnonzero(~shapely.is_valid(shapes)) if len(shapes) else np.zeros(0, int)
    for i in broken:
        parts = [
            part for part in shapely.get_parts(shapely.make_valid(shapes[i])) if part.geom_type == "Polygon"
        ]
        shapes[i] = shapely.MultiPolygon(parts)
    lost = shapely.is_empty(shapes) if len(shapes) else np.zeros(0, bool)
    if lost.any():
        text = _("%(count)d outlines are broken and were left out.")
        problems.warn("geometry_invalid", text, file=label, count=int(lost.sum()))
    return ~lost


def _drawn_twice(shapes: np.ndarray) -> np.ndarray:
    """(n,) True for points inside an outline of the same table."""
    twice = np.zeros(len(shapes), bool)
    point = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
    outlines, points = shapes[~point], np.flatnonzero(point)
    if len(outlines) and len(points):
        twice[points[shapely.STRtree(outlines).query(shapes[points], predicate="intersects")[0]]] = True
    return twice


def _square_metres(shapes: np.ndarray) -> np.ndarray:
    """Areas of outlines (nan for points), in a plane scaled at each outline's own latitude."""
    middle = shapely.get_y(shapely.centroid(shapes))
    area = shapely.area(shapes) * METRES_PER_DEGREE**2 * np.cos(np.radians(middle))
    return np.where(area > 0, np.round(area, 1), np.nan)
