"""The metric plane that all distances of a city are measured in."""

from __future__ import annotations

from core.models import City
from engine.crs import LocalMetric


def plane_centre(city: City) -> tuple[float, float]:
    """Centre (lon, lat) of a city's extent, rounded so that a small change of the extent moves nothing."""
    if city.bounds is None:
        return 0.0, 0.0
    west, south, east, north = city.bounds.extent
    return round((west + east) / 2, 1), round((south + north) / 2, 1)


def city_plane(city: City) -> LocalMetric:
    """Whoever stores a road network in metres uses this plane and puts {"lon0", "lat0"} into its meta."""
    return LocalMetric(*plane_centre(city))
