"""Nested areas without gaps or overlaps: small random patches, gathered into streets, districts and the city.

The patches are Voronoi cells of a jittered lattice. A border is the set of patch edges between two owners, so a
street's border and its district's border are the same points, and borders look winding for free.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import Voronoi, cKDTree

from engine.synthetic.people import People

Array = np.ndarray
Rings = list[list[Array]]  # polygons, each a list of closed rings: outline first, then holes


@dataclass(frozen=True)
class Areas:
    """One entry per street: its district. Polygons in metres. centre_*: (s, 2)."""

    city: Rings
    districts: list[Rings]
    streets: list[Rings]
    street_district: Array
    street_centre: Array
    district_centre: Array


def street_count(people: int) -> int:
    return int(np.clip(people / 45_000, 12, 600))


def district_count(people: int) -> int:
    return int(np.clip(round(6 + people / 1_000_000), 4 if people < 300_000 else 8, 16))


def make_areas(rng: np.random.Generator, people: People, total: int) -> Areas:
    streets, districts = street_count(total), district_count(total)
    cells = np.column_stack([people.x_m, people.y_m])
    built = len(cells) * people.spacing_m**2 * 0.87
    patch = float(np.sqrt(1.5 * built / (streets * 30)))
    patch = max(patch, 1.2 * people.spacing_m)
    beyond = 1.3 * patch
    low, high = cells.min(axis=0) - 3 * beyond - 3 * patch, cells.max(axis=0) + 3 * beyond + 3 * patch
    gx, gy = np.meshgrid(np.arange(low[0], high[0], patch), np.arange(low[1], high[1], patch))
    seeds = np.column_stack([gx.ravel(), gy.ravel()]) + rng.uniform(-0.36, 0.36, (gx.size, 2)) * patch
    away, nearest = cKDTree(cells).query(seeds)
    inside = away <= beyond
    weight = (people.night[nearest] / max(1, people.night.max())) ** 0.5 + 0.08
    street_centre = _gather(rng, seeds[inside], weight[inside], streets)
    street_weight = np.bincount(
        cKDTree(street_centre).query(cells)[1], people.night, minlength=len(street_centre)
    )
    district_centre = _gather(rng, street_centre, street_weight + 1.0, districts)
    street_district = cKDTree(district_centre).query(street_centre)[1]
    used, street_district = np.unique(street_district, return_inverse=True)
    owner = np.full(len(seeds), -1)
    owner[inside] = cKDTree(street_centre).query(seeds[inside])[1]
    used_streets, owner[inside] = np.unique(owner[inside], return_inverse=True)
    street_district, street_centre = street_district[used_streets], street_centre[used_streets]
    patches = Voronoi(seeds)
    district_owner = np.where(owner >= 0, street_district[owner], -1)
    return Areas(
        city=_outlines(patches, np.where(owner >= 0, 0, -1), 1)[0],
        districts=_outlines(patches, district_owner, len(used)),
        streets=_outlines(patches, owner, len(street_centre)),
        street_district=street_district,
        street_centre=street_centre,
        district_centre=district_centre[used],
    )


def _gather(rng: np.random.Generator, points: Array, weight: Array, count: int) -> Array:
    """Weighted k-means centres, (count, 2)."""
    count = min(count, len(points))
    centres = points[rng.choice(len(points), count, replace=False, p=weight / weight.sum())]
    for _ in range(15):
        near = cKDTree(centres).query(points)[1]
        mass = np.bincount(near, weight, minlength=count)
        sums = [np.bincount(near, weight * points[:, k], minlength=count) for k in (0, 1)]
        filled = mass > 0
        centres[filled] = np.column_stack(sums)[filled] / mass[filled, None]
    return centres


def _outlines(patches: Voronoi, owner: Array, count: int) -> list[Rings]:
    """Polygons of every owner 0..count-1 from the patch edges that part two owners."""
    a, b = patches.ridge_points[:, 0], patches.ridge_points[:, 1]
    ends = np.array([pair if len(pair) == 2 else (-1, -1) for pair in patches.ridge_vertices])
    border = (owner[a] != owner[b]) & (ends[:, 0] >= 0)
    a, b, ends = a[border], b[border], ends[border]
    start, end = patches.vertices[ends[:, 0]], patches.vertices[ends[:, 1]]
    middle = (start + end) / 2
    side = (end[:, 0] - start[:, 0]) * (patches.points[a, 1] - middle[:, 1])
    side -= (end[:, 1] - start[:, 1]) * (patches.points[a, 0] - middle[:, 0])
    left, right = np.where(side > 0, owner[a], owner[b]), np.where(side > 0, owner[b], owner[a])
    following: list[dict[int, int]] = [{} for _ in range(count)]
    for (tail, head), on_left, on_right in zip(ends.tolist(), left.tolist(), right.tolist(), strict=True):
        if on_left >= 0:
            following[on_left][tail] = head
        if on_right >= 0:
            following[on_right][head] = tail
    return [_polygons(steps, patches.vertices) for steps in following]


def _polygons(steps: dict[int, int], vertices: Array) -> Rings:
    outlines: list[Array] = []
    holes: list[Array] = []
    while steps:
        first, at = next(iter(steps.items()))
        chain = [first]
        del steps[first]
        while at != first:
            chain.append(at)
            at = steps.pop(at)
        ring = vertices[[*chain, first]]
        x, y = ring[:, 0], ring[:, 1]
        area = 0.5 * np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])
        (outlines if area > 0 else holes).append(ring)
    outlines.sort(key=lambda ring: -len(ring))
    polygons = [[ring] for ring in outlines]
    for hole in holes:
        home = next((p for p in polygons if _inside(hole[0], p[0])), polygons[0])
        home.append(hole)
    return polygons


def _inside(point: Array, ring: Array) -> bool:
    x, y = ring[:-1, 0], ring[:-1, 1]
    x2, y2 = ring[1:, 0], ring[1:, 1]
    crosses = (y > point[1]) != (y2 > point[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        at = x + (point[1] - y) * (x2 - x) / (y2 - y)
    return bool(np.count_nonzero(crosses & (at > point[0])) % 2)
