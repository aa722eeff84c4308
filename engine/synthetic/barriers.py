"""Who in a made-up city needs barrier-free places, which places are, and how long doors take. Pure numbers, no dice:
what is added here moves nothing else of the city."""

from __future__ import annotations

import numpy as np

from engine.synthetic.people import People
from engine.synthetic.places import Facilities

Array = np.ndarray

# People who cannot use a place with steps: about 3 in 100, more where the old town is. Invented, of the order of
# severe and moderate mobility impairment (85 million disabled people of 1.34 billion in China, 2010, a quarter of
# them of the limbs) with the very old added.
LEAST_SHARE, OLD_TOWN_SHARE = 0.022, 0.018
# By day they mostly stay where they live.
AT_HOME_BY_DAY = 0.8

# use -> share of the capacity that is barrier-free, minutes from the street to the door, minutes until somebody opens
DOORS: dict[str, tuple[float, float, float]] = {
    "hospital": (0.9, 3, 0),
    "clinic": (0.8, 1, 10),
    "hotel": (0.06, 2, 0),
    "school": (0.15, 3, 30),
    "gym": (0.3, 3, 45),
    "park": (0.35, 2, 0),
    "community_centre": (0.25, 1, 20),
    "convention_centre": (0.5, 5, 60),
    "warehouse": (0.0, 4, 30),
}
# One place in six has never said how much of it is barrier-free.
SILENT = 6


def barrier_free_people(crowd: People) -> tuple[Array, Array]:
    """(night (n,), day (n,)) whole people of each cell who need barrier-free places, at most all of them."""
    core = np.exp(-np.hypot(crowd.x_m, crowd.y_m) / (3.0 * crowd.towns.scale_m[0]))
    share = LEAST_SHARE + OLD_TOWN_SHARE * core
    night = np.minimum(_carried(crowd.night * share), crowd.night)
    day_exact = AT_HOME_BY_DAY * night + (1 - AT_HOME_BY_DAY) * crowd.day * share
    return night, np.minimum(_carried(day_exact), crowd.day)


def _carried(exact: Array) -> Array:
    """Whole numbers whose running sum is the exact one rounded."""
    return np.diff(np.floor(np.cumsum(exact) + 0.5), prepend=0).astype(np.int64)


def door_minutes(places: Facilities) -> tuple[Array, Array]:
    """(entry (f,), readiness (f,)) minutes of each place; larger grounds take longer to walk in."""
    entry = np.array([DOORS[use][1] for use in places.use.tolist()], dtype=float)
    readiness = np.array([DOORS[use][2] for use in places.use.tolist()], dtype=float)
    large = np.nan_to_num(places.area_m2) > 50_000
    return entry + 2.0 * large, readiness


def barrier_free_share(places: Facilities) -> Array:
    """(f,) share of the capacity that is barrier-free, nan where nobody has said."""
    number = np.arange(len(places.use))
    share = np.array([DOORS[use][0] for use in places.use.tolist()], dtype=float)
    # between six tenths and one and four tenths of the usual, told apart by the golden ratio
    varied = np.round(np.minimum(share * (0.6 + 0.8 * ((number * 0.6180339887) % 1.0)), 1.0), 2)
    return np.where(number % SILENT == SILENT - 1, np.nan, varied)
