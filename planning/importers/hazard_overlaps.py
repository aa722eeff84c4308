"""How much ground the classes of a hazard cover, and where they lie on top of each other.

Of two classes the higher severity wins, so an overlap of different severities is only told. Where two classes of the
same severity overlap nobody could say which rates count: that is refused with the place and the size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyproj
import shapely
from django.utils.translation import gettext_lazy as _

from facilities.importers.problems import Problems

EQUAL_AREA = "+proj=cea +ellps=WGS84 +units=m"
# neighbours that share a border drawn twice overlap by slivers of this size
SLIVER_M2 = 1.0


def in_square_metres(shapes: np.ndarray) -> np.ndarray:
    """The shapes (n,) of WGS-84 degrees in a plane whose areas are those of the ellipsoid."""
    plane = pyproj.Proj(EQUAL_AREA)
    return shapely.transform(shapes, lambda at: np.column_stack(plane(at[:, 0], at[:, 1])))


def class_grounds(klass: np.ndarray, severity: np.ndarray, shapes: np.ndarray) -> list[dict[str, Any]]:
    """One row a class, hardest first: {"klass", "severity", "polygons", "area_m2"}; ground drawn twice counts once."""
    flat = in_square_metres(shapes)
    rows = []
    for name in np.unique(klass.astype(str)):
        here = klass == name
        area = float(shapely.area(shapely.union_all(flat[here])))
        worst = int(severity[here].max())
        rows.append({"klass": str(name), "severity": worst, "polygons": int(here.sum()), "area_m2": area})
    return sorted(rows, key=lambda row: (-row["severity"], row["klass"]))


def find_overlaps(
    klass: np.ndarray, severity: np.ndarray, shapes: np.ndarray, label: str, problems: Problems
) -> list[dict[str, Any]]:
    """Pairs of classes that overlap: {"winner", "other", "area_m2", "lon", "lat"} with a place inside the overlap.

    Equal severities go to `problems` as `classes_overlap`; the answer holds the others, largest first."""
    flat = in_square_metres(shapes)
    one, other = shapely.STRtree(flat).query(flat, predicate="intersects")
    keep = (one < other) & (klass[one] != klass[other])
    one, other = one[keep], other[keep]
    if not len(one):
        return []
    # the winner stands first, so that a pair of classes is the same pair whichever was drawn first
    turn = (severity[other] > severity[one]) | (
        (severity[other] == severity[one]) & (klass[other].astype(str) < klass[one].astype(str))
    )
    one, other = np.where(turn, other, one), np.where(turn, one, other)
    common = shapely.intersection(flat[one], flat[other])
    real = shapely.area(common) > SLIVER_M2
    one, other, common = one[real], other[real], common[real]
    if not len(one):
        return []
    keys = np.array([klass[one].astype(str), klass[other].astype(str), severity[one] == severity[other]])
    pairs, member = np.unique(keys, axis=1, return_inverse=True)
    member = member.ravel()
    plane = pyproj.Proj(EQUAL_AREA)
    found = []
    for number in range(pairs.shape[1]):
        mine = np.flatnonzero(member == number)
        largest = mine[np.argmax(shapely.area(common[mine]))]
        place = shapely.point_on_surface(common[largest])
        lon, lat = plane(place.x, place.y, inverse=True)
        area = float(shapely.area(shapely.union_all(common[mine])))
        row = {
            "winner": str(klass[one[mine[0]]]), "other": str(klass[other[mine[0]]]), "area_m2": area,
            "lon": round(float(lon), 6), "lat": round(float(lat), 6),
        }  # fmt: skip
        if severity[one[mine[0]]] == severity[other[mine[0]]]:
            text = _(
                "The classes %(winner)s and %(other)s have the same severity and overlap on %(area)s m² of ground, for"
                " instance at %(place)s. Give one of them a higher severity, or draw them apart."
            )
            problems.add(
                "classes_overlap", text, file=label, column="geometry", winner=row["winner"], other=row["other"],
                area=f"{area:,.0f}", place=f"{lon:.5f}, {lat:.5f}",
            )  # fmt: skip
        else:
            found.append(row)
    return sorted(found, key=lambda row: -row["area_m2"])
