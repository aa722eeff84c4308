"""A database of the benchmark's own, made for it and dropped after it: nobody's city is touched."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.bench._city import people_grid

SERVICE = "bench-shelter"
METRES_A_DEGREE = 111_320.0
LON0, LAT0 = 104.0, 30.6


@contextmanager
def own_database() -> Iterator[None]:
    """Sets Django up and gives the process an empty database with all tables."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.conf import settings

    mark = f"bench_{os.getpid()}"
    settings.CACHES["default"]["KEY_PREFIX"] = mark
    django.setup()
    from django.db import connection

    usual = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"{usual}_{mark}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(usual, verbosity=0)


@dataclass
class Grid:
    """A city in the database and its cells as arrays, in the order of their numbers."""

    city: Any
    cells: Any
    people: np.ndarray


def grid_city(cells: int, seed: int = 2) -> Grid:
    """A city without cells yet: 100 m squares around (LON0, LAT0), with one area that holds them all."""
    from django.contrib.gis.geos import MultiPolygon, Polygon

    from core.models import Area, City
    from engine.need import morton_order
    from planning.importers.population import Cells

    x, y, people = people_grid(cells, np.random.default_rng(seed))
    x, y = x - x.mean(), y - y.mean()
    across = METRES_A_DEGREE * np.cos(np.radians(LAT0))
    corner = 50.0 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])
    lon, lat = LON0 + x / across, LAT0 + y / METRES_A_DEGREE
    corners = np.stack(
        [lon[:, None] + corner[:, 0] / across, lat[:, None] + corner[:, 1] / METRES_A_DEGREE], axis=2
    )
    code = np.array([f"c{number:07d}" for number in range(cells)], dtype=object)
    made = Cells(code, lon, lat, corners, np.full(cells, 10_000.0), {"night": people.astype(float)})
    order = morton_order(lon * np.cos(np.radians(LAT0)), lat)
    made.put_in(order)
    city = City.objects.create(
        code=f"bench{cells}", name="bench", synthetic=True, pack_sha256=uuid.uuid4().hex
    )
    box = Polygon.from_bbox((lon.min() - 0.1, lat.min() - 0.1, lon.max() + 0.1, lat.max() + 0.1))
    Area.objects.create(
        city=city, code="bench", name="bench", level=1, path="bench/", geometry=MultiPolygon(box, srid=4326),
        label_point=box.centroid,
    )  # fmt: skip
    return Grid(city, made, made.people["night"])
