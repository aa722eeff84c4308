"""The hand-worked town with a real worker and a real browser, for journeys from the first page to the answer."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.core.cache import cache

from core.models import AreaPart, Membership, Organisation, User
from facilities.models import Capability, Facility
from planning.models import CostRate
from tests.planning.town import build_town, publish


@pytest.fixture
def town(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[SimpleNamespace]:
    """Artefacts of the town lie in the test's own folder, where `at_work` finds them too."""
    storages = {**settings.STORAGES}
    storages["artefacts"] = {
        **storages["artefacts"],
        "OPTIONS": {"location": str(tmp_path / "artefacts"), "base_url": None},
    }
    settings.STORAGES = storages
    settings.VAR_DIR = tmp_path
    cache.clear()
    built = build_town()
    for area in (built.root, built.left, built.right):
        AreaPart.objects.create(area=area, level=area.level, geometry=area.geometry[0])
    CostRate.objects.create(
        service=built.service, kind="stock", fixed_fen=5_000, per_unit_fen=100, hours=24, source="worked example"
    )  # fmt: skip
    # The page offers published standards.
    publish(built.profile)
    yield built


@pytest.fixture
def at_work(town: SimpleNamespace, start_worker: Callable[..., Any], tmp_path: Path) -> Any:
    """A Celery worker that does the town's jobs."""
    return start_worker(VAR_DIR=str(tmp_path))


@pytest.fixture
def person(town: SimpleNamespace) -> Callable[..., User]:
    """`person("lin", "planner", area)`: someone with a role there, in the whole town when no area is named."""
    house = Organisation.objects.create(city=town.city, code="house", name="局", kind="department")

    def make(name: str, role: str, area: Any = None) -> User:
        user = User.objects.create_user(username=name, password="not-a-secret", name=name.title())
        Membership.objects.create(user=user, organisation=house, role=role, area=area or town.root)
        return user

    return make


@pytest.fixture
def stray(town: SimpleNamespace) -> Facility:
    """A place whose point lies in no area: it may be in anybody's district."""
    point = Point(104.0, 30.7, srid=4326)
    one = Facility.objects.create(
        city=town.city, ref="FA-99999", source_id="stray", name="界外", name_en="Stray place", use=town.park,
        point=point, datum="WGS-84", original_x=point.x, original_y=point.y,
    )  # fmt: skip
    Capability.objects.create(facility=one, service=town.service, status="active", capacity=500)
    return one


@pytest.fixture
def show() -> Callable[[Any, str], None]:
    """Open an address and wait until its map, if it has one, is drawn."""

    def act(page: Any, address: str) -> None:
        page.goto(address)
        if page.locator("#map-config").count():
            page.wait_for_selector("body[data-ready]", timeout=30_000)

    return act
