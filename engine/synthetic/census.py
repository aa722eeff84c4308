"""A census of a made-up city: residents of each district and how old they are. Pure numbers, no dice: what is added here
moves nothing else of the city."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from engine.synthetic.areas import Areas
from engine.synthetic.people import People

Array = np.ndarray

YEAR = 2020
# Of the order of the census of 2020: 17.9 % aged 0-14, 18.7 % aged 60 and over, 13.5 % aged 65 and over; large cities
# have fewer children. Districts vary around it, the old town has more old people.
YOUNG, OLD, OLDER_OF_OLD = 0.13, 0.18, 0.72
# The grid of the city and its census differ, as they do in real cities: by so much in all, and more by district.
GRID_ABOVE, BY_DISTRICT = 0.03, 0.04


@dataclass(frozen=True)
class Census:
    """Residents (d,) of each district and the shares (d,) of them by age."""

    people: Array
    age_0_14: Array
    age_60_up: Array
    age_65_up: Array


def make_census(crowd: People, areas: Areas) -> Census:
    """Districts in the order of `areas.districts`; whole people."""
    street = cKDTree(areas.street_centre).query(np.column_stack([crowd.x_m, crowd.y_m]))[1]
    count = len(areas.districts)
    held = np.bincount(areas.street_district[street], crowd.night, minlength=count)
    number = np.arange(count)
    # told apart by the golden ratio, between -1 and 1
    turn = 2 * ((number * 0.6180339887) % 1.0) - 1
    people = np.floor(held / (1 + GRID_ABOVE + BY_DISTRICT * turn) + 0.5)
    away = np.hypot(areas.district_centre[:, 0], areas.district_centre[:, 1])
    core = np.exp(-away / (3.0 * crowd.towns.scale_m[0]))
    old = np.round(OLD + 0.05 * core - 0.02 * turn, 4)
    return Census(
        people, np.round(YOUNG - 0.02 * core + 0.02 * turn, 4), old, np.round(old * OLDER_OF_OLD, 4)
    )
