"""A small city with a registry: two districts, a gym, a hotel and a park, and the people of the core's tests."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.gis.geos import Point

from core.models import Area, AreaPart, City
from facilities.models import Facility, PeacetimeUse
from facilities.services.capabilities import derive_capabilities
from facilities.services.reference import load_reference
from tests.api.conftest import api
from tests.core.conftest import city, district, empty_cache, other_city, person

__all__ = ["api", "city", "district", "empty_cache", "other_city", "person"]


@pytest.fixture
def town(city: City) -> City:
    """The city with its reference rows and with parts of its areas, so that a point finds its district."""
    load_reference()
    for area in Area.objects.filter(city=city):
        AreaPart.objects.create(area=area, level=area.level, geometry=area.geometry[0])
    return city


@pytest.fixture
def facility(town: City) -> Callable[..., Facility]:
    """`facility("gym", area_m2=4000, lon=104.05)`: west of 104.1 lies district 5101, east of it 5102."""
    made: list[Facility] = []

    def make(use: str, *, lon: float = 104.05, lat: float = 30.05, name: str = "", **fields: Any) -> Facility:
        number = len(made) + 1
        area = Area.objects.get(city=town, code="5101" if lon < 104.1 else "5102")
        one = Facility.objects.create(
            city=town, ref=f"FA-9{number:04d}", name=name or f"场所{number}", name_en=f"Place {number}",
            use=PeacetimeUse.objects.get(code=use), area=area, point=Point(lon, lat, srid=4326), datum="WGS-84",
            original_x=lon, original_y=lat, **fields,
        )  # fmt: skip
        derive_capabilities(city=town, facility_ids=[one.pk], designated=["short_fixed_shelter"])
        made.append(one)
        return one

    return make
