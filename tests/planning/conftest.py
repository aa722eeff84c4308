"""The hand-worked town, and people with roles in it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache

from core.models import Membership, Organisation, User
from core.services import jobs
from planning.models import CostRate
from planning.services import runs
from tests.planning.town import build_town


@pytest.fixture(autouse=True)
def own_artefacts(settings: Any, tmp_path: Path) -> Iterator[None]:
    """Snapshots and reach tables of a test stay in its own folder."""
    storages = {**settings.STORAGES}
    storages["artefacts"] = {
        **storages["artefacts"],
        "OPTIONS": {"location": str(tmp_path / "artefacts"), "base_url": None},
    }
    settings.STORAGES = storages
    cache.clear()
    yield


@pytest.fixture
def town(db: None) -> SimpleNamespace:
    return build_town()


@pytest.fixture
def person(town: SimpleNamespace) -> Callable[..., User]:
    """`person("lin", "planner", area)`: someone with a role there."""
    house = Organisation.objects.create(city=town.city, code="house", name="局", kind="department")

    def make(name: str, role: str, area: Any = None) -> User:
        user = User.objects.create_user(username=name, password="not-a-secret")
        if role:
            Membership.objects.create(user=user, organisation=house, role=role, area=area or town.root)
        return user

    return make


@pytest.fixture
def compute(django_capture_on_commit_callbacks: Any) -> Callable[..., Any]:
    """Start the town's runs and do their job here: `compute(town, ["night"])` -> runs."""

    def act(town: SimpleNamespace, times: list[str] | None = None, **settings: Any) -> list[Any]:
        settings.setdefault("detour_factor", 1.0)
        found, job = runs.start_runs(
            user=None, city=town.city, scenario=town.scenario, times_of_day=times or ["night"], **settings
        )
        if job is not None:
            jobs.perform(job.ref)
            job.refresh_from_db()
            assert job.state == "done", job.error
        for run in found:
            run.refresh_from_db()
        return found

    return act


@pytest.fixture
def priced(town: SimpleNamespace) -> SimpleNamespace:
    """Prices: extend A by 30 for 40,000; stock B for 8,000; renew C for 20,000; convert D for 50,000; yard 100,000."""
    for kind, fixed, unit, share in (
        ("extend", 10_000, 1_000, 0.5),
        ("stock", 5_000, 100, None),
        ("upgrade", 20_000, 0, None),
    ):
        CostRate.objects.create(
            service=town.service,
            kind=kind,
            fixed_fen=fixed,
            per_unit_fen=unit,
            max_share=share,
            hours=24,
            source="worked example",
        )
    town.roles[3].conversion_cost_fen = 50_000
    town.roles[3].save()
    return town
