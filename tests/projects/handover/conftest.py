"""The hand-worked town of the planning tests, with the people who hand works over in it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from core.choices import Role
from core.models import Membership, Organisation, User
from projects.models import Project
from tests.planning.conftest import compute, own_artefacts, priced  # noqa: F401
from tests.planning.town import build_town
from tests.projects.handover.steps import put_in_works


@pytest.fixture
def town(db: None) -> SimpleNamespace:
    """The hand-worked town of tests/planning/town.py."""
    return build_town()


@pytest.fixture
def crew(town: SimpleNamespace) -> SimpleNamespace:
    """Lin plans, Sun builds, Wang and Tang check, Zhao and Qian accept, Chen has no role; Wu decides for the east only."""
    office = Organisation.objects.create(city=town.city, code="office", name="局", kind="department")

    def make(name: str, *roles: str, area: Any = None) -> User:
        user = User.objects.create_user(username=name, password="not-a-secret", name=name)
        for role in roles:
            Membership.objects.create(user=user, organisation=office, role=role, area=area or town.root)
        return user

    return SimpleNamespace(
        lin=make("lin.wei", Role.PLANNER), sun=make("sun.li", Role.STEWARD), wang=make("wang.jun", Role.REVIEWER),
        tang=make("tang.lei", Role.AUDITOR), zhao=make("zhao.min", Role.APPROVER), qian=make("qian.bo", Role.APPROVER),
        chen=make("chen.yu"), wu=make("wu.di", Role.APPROVER, area=town.right), office=office,
        both=make("both.one", Role.STEWARD, Role.REVIEWER, Role.APPROVER),
    )  # fmt: skip


@pytest.fixture
def in_works(town: SimpleNamespace, crew: SimpleNamespace) -> Callable[..., Project]:
    """`in_works("convert", units=15, facility=town.places[3])`: a project whose works have begun."""
    count = iter(range(1, 100))

    def make(kind: str, *, units: int, **more: Any) -> Project:
        place = more.get("facility") or more.get("idle_asset")
        fields = {
            "service": town.service,
            "name": "工程",
            "name_en": "Works",
            "point": place.point if place else town.places[0].point,
            "area": place.area if place else town.left,
        }
        made = Project.objects.create(
            city=town.city, ref=f"PJ-9{next(count):03d}", kind=kind, units=units,
            cost_fen=0, created_by=crew.lin, **(fields | more),
        )  # fmt: skip
        return put_in_works(made)

    return make
