"""A believable city out of a seed: terrain, people, areas, roads, facilities, idle assets. Pure numbers.

The same people, seed and cells give the same city, number by number. Coordinates are metres around the centre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.synthetic.areas import Areas, make_areas
from engine.synthetic.names import place_names
from engine.synthetic.people import People, make_people, size_of
from engine.synthetic.places import Facilities, IdleAssets, make_facilities, make_idle_assets
from engine.synthetic.roads import Roads, make_roads
from engine.synthetic.terrain import Terrain, make_terrain

SMALLEST_PEOPLE, LARGEST_PEOPLE, LARGEST_CELLS = 50_000, 25_000_000, 1_600_000


@dataclass(frozen=True)
class SyntheticCity:
    """`names`: one for the city, then districts, then streets."""

    people_total: int
    seed: int
    terrain: Terrain
    people: People
    areas: Areas
    roads: Roads
    facilities: Facilities
    idle_assets: IdleAssets
    city_name: tuple[str, str]
    district_names: list[tuple[str, str]]
    street_names: list[tuple[str, str]]


def default_cells(people: int) -> int:
    """About 200 people a cell, so that the main job of a city of 3 million runs on 15,000 cells."""
    return int(np.clip(people // 200, 1_000, 125_000))


def build_city(people: int, seed: int, cells: int | None = None) -> SyntheticCity:
    """Raises ValueError outside 50,000–25,000,000 people and 500–1,600,000 cells."""
    cells = default_cells(people) if cells is None else cells
    if not SMALLEST_PEOPLE <= people <= LARGEST_PEOPLE:
        raise ValueError(f"people must be {SMALLEST_PEOPLE:,}–{LARGEST_PEOPLE:,}")
    if not 500 <= cells <= LARGEST_CELLS:
        raise ValueError(f"cells must be 500–{LARGEST_CELLS:,}")
    # every part has its own stream, so a change in one does not move the others
    streams = [np.random.default_rng([seed, part]) for part in range(7)]
    terrain = make_terrain(streams[0], size_of(people, cells))
    crowd = make_people(streams[1], terrain, people, cells)
    areas = make_areas(streams[2], crowd, people)
    names = place_names(streams[6], 1 + len(areas.districts) + len(areas.streets))
    districts = len(areas.districts)
    return SyntheticCity(
        people_total=people,
        seed=seed,
        terrain=terrain,
        people=crowd,
        areas=areas,
        roads=make_roads(streams[3], terrain, crowd),
        facilities=make_facilities(streams[4], terrain, crowd, areas, people),
        idle_assets=make_idle_assets(streams[5], terrain, crowd, areas, people),
        city_name=names[0],
        district_names=names[1 : 1 + districts],
        street_names=names[1 + districts :],
    )


__all__ = [
    "LARGEST_CELLS",
    "LARGEST_PEOPLE",
    "SMALLEST_PEOPLE",
    "SyntheticCity",
    "build_city",
    "default_cells",
]
