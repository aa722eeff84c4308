"""People who are only known as a total, laid where the buildings are.

Each building takes its share of the total by the area of its outline; buildings gather in the squares of a regular
grid. Squares hold whole people and the total stays exact (largest remainders).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from engine.reallocation import spread

METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True)
class Squares:
    """n squares of the grid that hold buildings: code, centre in degrees, people."""

    code: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    people: np.ndarray


def spread_over_buildings(shapes: np.ndarray, area_m2: np.ndarray, total: int, spacing_m: float) -> Squares:
    """Outlines in degrees (WGS-84), their areas, the people to lay out, the width of a square in metres."""
    centre = shapely.centroid(shapes)
    lon, lat = shapely.get_x(centre), shapely.get_y(centre)
    weight = np.nan_to_num(area_m2)
    # lines of the grid stand where they would for a neighbouring city: a larger cut-out keeps the codes
    step_y = spacing_m / METRES_PER_DEGREE
    step_x = step_y / np.cos(np.radians(np.round(np.median(lat), 1)))
    line, column = np.floor(lat / step_y).astype(np.int64), np.floor(lon / step_x).astype(np.int64)
    squares, owner = np.unique(np.column_stack([line, column]), axis=0, return_inverse=True)
    share = np.bincount(owner.ravel(), weights=weight, minlength=len(squares))
    kept = share > 0
    squares, share = squares[kept], share[kept]
    code = np.empty(len(squares), dtype=object)
    code[:] = [f"{y}-{x}" for y, x in squares.tolist()]
    return Squares(
        code, (squares[:, 1] + 0.5) * step_x, (squares[:, 0] + 0.5) * step_y, whole_parts(share, total)
    )


def whole_parts(weight: np.ndarray, total: int) -> np.ndarray:
    """`total` in whole numbers (n,) as near to the weights as they can be; the first of equals gets the odd one."""
    one = np.zeros(len(weight), np.int64)
    return spread(np.array([float(total)]), one, np.arange(len(weight)), weight, len(weight)).rows
