"""People by source (a point, a township, a pixel) put on a grid, every source's total kept. What finds no cell is said."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import shapely
from django.utils.translation import gettext_lazy as _

from engine.reallocation import spread
from facilities.importers.problems import Problems
from planning.importers.packs import Layer
from planning.importers.population_grids import Grid
from planning.importers.population_groups import spread_groups

# A place that lies in no cell goes to the nearest one when it is inside the city, or this near to a cell.
NEAR_M = 500.0


@dataclass
class Sources:
    """s sources of people. Points have lon, lat; outlines have `shapes` (degrees of WGS-84). `rows`: where each stands in
    its file. `whole`: whole totals become whole people. `clip`: what lies outside the city is left out and counted,
    otherwise it is a problem."""

    layer: Layer
    method: str
    people: np.ndarray
    groups: dict[str, np.ndarray]
    rows: np.ndarray
    shift_m: float | None
    lon: np.ndarray | None = None
    lat: np.ndarray | None = None
    shapes: np.ndarray | None = None
    whole: bool = True
    clip: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Placed:
    """People (n,) and groups by cell of the grid, and what was found on the way."""

    people: np.ndarray
    groups: dict[str, np.ndarray]
    facts: dict[str, Any]


def place(
    sources: Sources, grid: Grid, ground: Any, problems: Problems, weights: np.ndarray | None = None
) -> Placed:
    """Put sources on the grid. `ground`: the city's outline in degrees, or None; `weights` (n,): what people are spread
    by beside the area, e.g. the people a layer has in each cell."""
    if sources.shapes is None:
        return _place_points(sources, grid, ground, problems)
    if sources.clip and ground is not None:
        sources = _cut_at_border(sources, ground)
    return _place_outlines(sources, grid, problems, weights)


def _cut_at_border(sources: Sources, ground: Any) -> Sources:
    """Outlines across the city's border keep the share of their people that lies inside; the rest is counted as left
    out."""
    assert sources.shapes is not None
    shapely.prepare(ground)
    share = shapely.contains_properly(ground, sources.shapes).astype(np.float64)
    across = np.flatnonzero(share == 0)
    inside = shapely.intersection(ground, sources.shapes[across])
    # both areas lie in the same few kilometres: degrees do for their ratio
    share[across] = shapely.area(inside) / shapely.area(sources.shapes[across])
    shapes = sources.shapes.copy()
    shapes[across] = inside
    held = share > 0
    left = float((sources.people * (1 - share)).sum())
    facts = sources.facts | (
        {"left_out": {"sources": int((share < 1).sum()), "people": left}} if left > 0 else {}
    )
    groups = {name: (part * share)[held] for name, part in sources.groups.items()}
    return replace(
        sources, people=(sources.people * share)[held], groups=groups, rows=sources.rows[held], shapes=shapes[held],
        whole=sources.whole and not len(across), facts=facts,
    )  # fmt: skip


def _place_points(sources: Sources, grid: Grid, ground: Any, problems: Problems) -> Placed:
    assert sources.lon is not None and sources.lat is not None
    at_lon, at_lat = sources.lon, sources.lat
    facts = dict(sources.facts)
    if sources.clip and ground is not None:
        shapely.prepare(ground)
        inside = shapely.intersects_xy(ground, at_lon, at_lat)
        _say_lost(sources, np.flatnonzero(~inside), facts, problems)
        sources = replace(
            sources, people=np.where(inside, sources.people, 0.0),
            groups={name: np.where(inside, part, 0.0) for name, part in sources.groups.items()},
        )  # fmt: skip
    cell, nearest = grid.holders(at_lon, at_lat)
    open_ = np.flatnonzero(cell < 0)
    if len(open_):
        lon, lat = at_lon[open_], at_lat[open_]
        metres = grid.metres_to(nearest[open_], lon, lat)
        near = metres <= NEAR_M
        if ground is not None:
            near |= shapely.intersects_xy(ground, lon, lat)
        cell[open_[near]] = nearest[open_[near]]
        moved = sources.people[open_[near]]
        if moved.sum() > 0:
            facts["moved"] = {
                "places": int((moved > 0).sum()), "people": float(moved.sum()), "farthest_m": float(metres[near][moved > 0].max()),
            }  # fmt: skip
    _say_lost(sources, np.flatnonzero(cell < 0), facts, problems)
    held = np.flatnonzero(cell >= 0)
    # one source for all: each point gives everything it has to its cell
    people = np.bincount(cell[held], sources.people[held], minlength=len(grid)).astype(np.float64)
    groups = {
        name: np.bincount(cell[held], part[held], minlength=len(grid)).astype(np.float64)
        for name, part in sources.groups.items()
    }
    return Placed(people, groups, facts)


def _place_outlines(sources: Sources, grid: Grid, problems: Problems, weights: np.ndarray | None) -> Placed:
    assert sources.shapes is not None
    source, cell, area = grid.overlaps(sources.shapes)
    facts = dict(sources.facts)
    weight = area
    if weights is not None:
        weight = area * (weights / grid.area_m2)[cell]
        told = np.bincount(source, weight, minlength=len(sources.people)) > 0
        blank = ~told & (np.bincount(source, area, minlength=len(sources.people)) > 0)
        # where the weighting layer knows nobody, the area decides
        weight = np.where(told[source], weight, area)
        if blank.any():
            facts["spread_by_area_only"] = {
                "sources": int(blank.sum()),
                "people": float(sources.people[blank].sum()),
            }
    made = spread(sources.people, source, cell, weight, len(grid), sources.whole)
    parts = spread_groups(made.rows, source, sources.groups, sources.whole)
    _say_lost(sources, made.unplaced, facts, problems)
    groups = {name: np.bincount(cell, part, minlength=len(grid)) for name, part in parts.items()}
    return Placed(made.people, groups, facts)


def _say_lost(sources: Sources, lost: np.ndarray, facts: dict[str, Any], problems: Problems) -> None:
    people = float(sources.people[lost].sum())
    if people <= 0:
        return
    if sources.clip:
        before = facts.get("left_out", {"sources": 0, "people": 0.0})
        count = int((sources.people[lost] > 0).sum())
        facts["left_out"] = {"sources": before["sources"] + count, "people": before["people"] + people}
        return
    text = _("The place holds people and lies on no cell of the city.")
    rows = sources.rows[lost[sources.people[lost] > 0]]
    problems.add_rows("outside_city", text, rows, file=sources.layer.label)
