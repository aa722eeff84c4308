"""Two small cities, each with two districts, and the people who act in them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.core.cache import cache
from django.utils import timezone

from core.choices import AreaLevel, OrganisationKind, Role
from core.models import Area, City, Membership, Organisation, User


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """Redis outlives the rollback of a test."""
    cache.clear()


def square(west: float, south: float, size: float) -> MultiPolygon:
    return MultiPolygon(Polygon.from_bbox((west, south, west + size, south + size)), srid=4326)


def make_city(code: str, west: float, south: float = 30.0) -> City:
    """`<code>` with the districts `<code>01` (west) and `<code>02` (east), each 0.1 degrees wide."""
    shape = square(west, south, 0.2)
    city = City.objects.create(
        code=code, name=f"城{code}", name_en=f"City {code}", bounds=shape[0], loaded_at=timezone.now()
    )
    whole = Area.objects.create(
        city=city,
        code=code,
        name=city.name,
        level=AreaLevel.CITY,
        path=f"{code}/",
        geometry=shape,
        label_point=shape.point_on_surface,
    )
    for number, left in (("01", west), ("02", west + 0.1)):
        part = square(left, south, 0.1)
        Area.objects.create(
            city=city, code=code + number, name=f"区{number}", name_en=f"District {number}", level=AreaLevel.DISTRICT,
            parent=whole, path=f"{code}/{code}{number}/", geometry=part, label_point=part.point_on_surface,
        )  # fmt: skip
    Organisation.objects.create(
        city=city, code=f"{code}-bureau", name="局", kind=OrganisationKind.DEPARTMENT, area=whole
    )
    return city


@pytest.fixture
def city(db: None) -> City:
    return make_city("51", 104.0)


@pytest.fixture
def other_city(db: None) -> City:
    return make_city("11", 116.0)


@pytest.fixture
def person(db: None) -> Callable[..., User]:
    """`person("lin", "planner", area)`: a user who holds these roles; without an area, the whole of the only city."""

    def make(username: str, *roles: str, area: Any = None) -> User:
        user = User.objects.create_user(username, password="a good long word", name=username.title())
        for role in roles:
            place = area or Area.objects.get(level=AreaLevel.CITY)
            Membership.objects.create(
                user=user,
                organisation=Organisation.objects.get(code=f"{place.city.code}-bureau"),
                role=Role(role),
                area=place,
            )
        return user

    return make


@pytest.fixture
def district(city: City) -> Area:
    """The western district of the city."""
    return Area.objects.get(city=city, code="5101")
