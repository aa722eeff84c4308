"""Hazard zones out of a raster: values put into classes by cut-offs that are data, and each class drawn as ground.

A class begins at its cut-off and ends where the next one begins; below the first cut-off there is no hazard. The ground
of a class is exactly its pixels: nothing is smoothed unless the import asks for it. See docs/algorithms/hazard-rasters.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from django.utils.translation import gettext_lazy as _
from rasterio import features

from engine.need import morton_order
from facilities.importers.problems import Problems
from planning.importers.rasters import Box, Raster, read_raster

METRES_PER_DEGREE = 111_320.0
LONGEST_CLASS, MOST_SEVERE, MOST_CLASSES = 40, 100, 20
NO_VALUE, NO_HAZARD = -2, -1
# Edges are cut this short before they are turned into degrees, so that a straight line of a projection stays on its
# curve: 16 pixels of 100 m leave it by 5 cm.
EDGE_PIXELS = 16
# Corners of one row of ground: parts near each other share a row, so that a tile reads only what it draws.
ROW_CORNERS = 8_000


@dataclass(frozen=True)
class CutOff:
    """A class of a raster hazard: values from `start` on, up to the start of the next class."""

    klass: str
    start: float
    severity: int

    def as_dict(self) -> dict[str, Any]:
        return {"klass": self.klass, "from": self.start, "severity": self.severity}


@dataclass
class ClassGround:
    """Ground by class, (n,): several rows may be of one class. `facts`: what was counted, for the record of the layer."""

    klass: np.ndarray
    severity: np.ndarray
    shape: np.ndarray
    cut_offs: list[CutOff]
    facts: dict[str, Any]
    datum: str
    shift_m: float | None


def checked_cut_offs(said: Any, problems: Problems, **where: Any) -> list[CutOff]:
    """The classes, lowest cut-off first; empty when something is wrong, with every reason in `problems`."""
    if not isinstance(said, list | tuple) or not said:
        text = _("Say where each class begins: class, lowest value, severity.")
        problems.add("cut_offs_missing", text, **where)
        return []
    if len(said) > MOST_CLASSES:
        text = _("There are %(count)d classes; up to %(most)d are taken.")
        problems.add("cut_offs_many", text, count=len(said), most=MOST_CLASSES, **where)
        return []
    before = problems.count("error")
    found = [_cut_off(one, problems, where) for one in said]
    classes = [one for one in found if one is not None]
    for name in sorted({one.klass for one in classes}):
        if sum(one.klass == name for one in classes) > 1:
            problems.add("class_twice", _('The class "%(cell)s" is named twice.'), cell=name, **where)
    for start in sorted({one.start for one in classes}):
        names = [one.klass for one in classes if one.start == start]
        if len(names) > 1:
            text = _("The classes %(names)s begin at the same value, %(cell)s.")
            problems.add("cut_off_twice", text, cell=f"{start:g}", names=", ".join(names), **where)
    return [] if problems.count("error") > before else sorted(classes, key=lambda one: one.start)


def _cut_off(one: Any, problems: Problems, where: dict[str, Any]) -> CutOff | None:
    if not isinstance(one, dict) or one.keys() - {"klass", "from", "severity"} or len(one) < 3:
        text = _("Write a class as klass, from and severity, not as %(cell)s.")
        problems.add("cut_off_invalid", text, cell=str(one)[:80], **where)
        return None
    name = str(one["klass"]).strip()
    start, severity = number_of(one["from"]), severity_of(one["severity"])
    right = True
    if not name or len(name) > LONGEST_CLASS:
        text = _('The name of a class has 1 to %(most)d characters; "%(cell)s" does not.')
        problems.add("class_invalid", text, cell=name[:60], most=LONGEST_CLASS, **where)
        right = False
    if start is None:
        text = _('"%(cell)s" is no number to begin the class %(name)s at.')
        problems.add("not_a_number", text, cell=str(one["from"]), name=name, **where)
        right = False
    if severity is None:
        problems.add(
            "severity_invalid",
            SEVERITY_WORDS,
            cell=str(one["severity"]),
            name=name,
            most=MOST_SEVERE,
            **where,
        )
        right = False
    return (
        CutOff(name, float(start), int(severity))
        if right and start is not None and severity is not None
        else None
    )


SEVERITY_WORDS = _('The severity of %(name)s is a whole number from 1 to %(most)d, not "%(cell)s".')


def number_of(said: Any) -> float | None:
    if isinstance(said, bool):
        return None
    try:
        value = float(said)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def severity_of(said: Any) -> int | None:
    value = number_of(said)
    return int(value) if value is not None and value == int(value) and 1 <= value <= MOST_SEVERE else None


def classify(raster: Raster, cut_offs: list[CutOff]) -> np.ndarray:
    """Position of each pixel's class in `cut_offs`, (rows, columns) int16; NO_HAZARD below the first, NO_VALUE without.

    A value equal to a cut-off belongs to the class that begins there, in the precision the file stores."""
    starts = np.array([one.start for one in cut_offs])
    if raster.stored_as == "float32":
        starts = starts.astype(np.float32).astype(np.float64)
    found = np.searchsorted(starts, raster.values, side="right").astype(np.int16) - 1
    return np.where(np.isnan(raster.values), NO_VALUE, found).astype(np.int16)


def ground_of(raster: Raster, classes: np.ndarray, simplify_m: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """(polygons (p,) in WGS-84, their class (p,)): pixels of one class that share an edge are one polygon.

    `classes` (rows, columns) as of `classify`. `simplify_m` > 0 lets edges move by that much; 0 keeps the pixels."""
    rings: list[np.ndarray] = []
    rings_before, owner = [0], []
    for geometry, klass in features.shapes(classes, mask=classes >= 0, connectivity=4):
        rings.extend(np.asarray(ring) for ring in geometry["coordinates"])
        rings_before.append(len(rings))
        owner.append(klass)
    if not rings:
        return np.empty(0, dtype=object), np.empty(0, np.int64)
    corners_before = np.cumsum([0, *(len(ring) for ring in rings)])
    parts = (corners_before, np.array(rings_before))
    shapes = shapely.from_ragged_array(shapely.GeometryType.POLYGON, np.concatenate(rings), parts)
    if not raster.separable:
        shapes = shapely.segmentize(shapes, EDGE_PIXELS)
    shapes = shapely.transform(shapes, lambda at: np.column_stack(raster.places(at[:, 0], at[:, 1])))
    if simplify_m > 0:
        shapes = shapely.simplify(shapes, simplify_m / METRES_PER_DEGREE)
    return shapes, np.array(owner, dtype=np.int64)


def in_rows(shapes: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(multipolygons (n,), their class (n,)): the polygons of a class put together with their neighbours."""
    middle = shapely.bounds(shapes)
    order = morton_order((middle[:, 0] + middle[:, 2]) / 2, (middle[:, 1] + middle[:, 3]) / 2)
    order = order[np.argsort(owner[order], kind="stable")]
    shapes, owner = shapes[order], owner[order]
    corners = np.cumsum(shapely.get_num_coordinates(shapes)) // ROW_CORNERS
    fresh = np.r_[False, (np.diff(owner) != 0) | (np.diff(corners) != 0)]
    row = np.cumsum(fresh)
    return shapely.multipolygons(shapes, indices=row), owner[np.r_[True, fresh[1:]]]


def read_hazard_raster(
    path: Any,
    problems: Problems,
    *,
    label: str,
    key: str,
    options: dict[str, Any],
    datum: str | None,
    inside: Box | None,
) -> ClassGround | None:
    """The ground of each class of a raster. `options`: cut_offs, band, nodata, simplify_m as in a city pack; `key` names
    the layer in what is said about them. None when it cannot be used."""
    cut_offs = checked_cut_offs(options.get("cut_offs"), problems, file=label, column=f"{key}.cut_offs")
    told: dict[str, float | None] = {}
    for name, least in (("band", 1.0), ("nodata", -math.inf), ("simplify_m", 0.0)):
        value = options.get(name)
        told[name] = None if value in (None, "") else number_of(value)
        wrong = value not in (None, "") and (told[name] is None or told[name] < least)  # type: ignore[operator]
        if wrong:
            text = (
                _('"%(cell)s" is not a number of %(least)g or more.') if least > -math.inf else NOT_A_NUMBER
            )
            where: dict[str, Any] = {"file": label, "column": f"{key}.{name}"}
            problems.add("not_a_number", text, cell=str(value), least=least, **where)
    band = int(told["band"] or 1)
    raster = read_raster(
        path, problems, label=label, band=band, datum=datum, nodata=told["nodata"], inside=inside
    )
    if raster is None or not cut_offs:
        return None
    classes = classify(raster, cut_offs)
    shapes, owner = ground_of(raster, classes, told["simplify_m"] or 0.0)
    if not len(shapes):
        text = _(
            "No pixel reaches the first class, which begins at %(start)s; the highest value is %(most)s."
        )
        most = f"{float(np.nanmax(raster.values)):g}"
        problems.add("hazard_empty", text, file=label, start=f"{cut_offs[0].start:g}", most=most)
        return None
    pixels, area_m2 = counted(raster, classes, len(cut_offs))
    for one, number in zip(cut_offs, pixels, strict=True):
        if not number:
            text = _("No pixel inside the city lies in the class %(cell)s.")
            problems.warn("class_empty", text, file=label, column=f"{key}.cut_offs", cell=one.klass)
    multi, number_of_class = in_rows(shapes, owner)
    names = np.array([one.klass for one in cut_offs], dtype=object)
    severity = np.array([one.severity for one in cut_offs])
    facts = {
        "kind": "raster", "datum": raster.datum, "columns": classes.shape[1], "rows": classes.shape[0], "band": band,
        "nodata": list(raster.nodata), "without_value": int((classes == NO_VALUE).sum()),
        "below": int((classes == NO_HAZARD).sum()), "polygons": len(shapes),
        "lowest": float(np.nanmin(raster.values)), "highest": float(np.nanmax(raster.values)),
        "simplify_m": told["simplify_m"] or 0.0,
        "classes": [
            {"klass": one.klass, "severity": one.severity, "from": one.start, "pixels": int(n), "area_m2": float(m2)}
            for one, n, m2 in zip(cut_offs, pixels, area_m2, strict=True)
        ],
        "overlaps": [],
    }  # fmt: skip
    return ClassGround(
        names[number_of_class],
        severity[number_of_class],
        multi,
        cut_offs,
        facts,
        raster.datum,
        raster.shift_m,
    )


NOT_A_NUMBER = _('"%(cell)s" is not a number.')


def counted(raster: Raster, classes: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (count,) and ground in m² (count,) of each class."""
    here = classes >= 0
    pixels = np.bincount(classes[here], minlength=count)
    return pixels, np.bincount(classes[here], raster.areas_m2()[here], minlength=count)
