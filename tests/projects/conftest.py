"""A small city with its departments, and the people of a case: Lin drafts, Wang recommends, Zhao decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.gis.geos import MultiPolygon, Point, Polygon

from core.choices import DepartmentFunction, OrganisationKind, Role
from core.models import Area, City, Membership, Organisation
from facilities.models import ServiceType
from planning.choices import FundSource
from projects.models import Project, Route
from projects.services import money, routes, working_days

User = get_user_model()


@pytest.fixture
def town(db: None) -> City:
    from planning.services.reference import load_reference

    load_reference()
    city = City.objects.create(code="town", name="小城", name_en="Small town")
    square = MultiPolygon(Polygon.from_bbox((104.0, 30.0, 104.1, 30.1)))
    top = Area.objects.create(
        city=city,
        code="510100",
        name="小城",
        level=1,
        path="510100/",
        geometry=square,
        label_point=square.point_on_surface,
    )
    Area.objects.create(
        city=city,
        code="510104",
        name="锦江区",
        level=2,
        parent=top,
        path="510100/510104/",
        geometry=square,
        label_point=square.point_on_surface,
    )
    working_days.load_calendar(until=2028)
    routes.load_shipped()
    return city


@pytest.fixture
def person(town: City) -> Callable[..., Any]:
    """`person("wang.jun", "reviewer", department="finance")`: somebody with a role for the whole town."""

    def make(username: str, *roles: str, department: str = "", area: str = "510100") -> Any:
        user, _created = User.objects.get_or_create(username=username, defaults={"name": username})
        office, _created = Organisation.objects.get_or_create(
            code=f"office-{department or 'hall'}",
            defaults={
                "city": town, "name": department or "hall", "kind": OrganisationKind.DEPARTMENT, "function": department,
            },
        )  # fmt: skip
        for role in roles:
            Membership.objects.create(
                user=user, organisation=office, role=role, area=Area.objects.get(code=area)
            )
        return user

    return make


@pytest.fixture
def people(person: Callable[..., Any]) -> dict[str, Any]:
    """Lin drafts, Wang recommends, Zhao decides, Chen has no role; one officer for each department."""
    found = {
        "lin": person("lin.wei", Role.PLANNER),
        "wang": person("wang.jun", Role.REVIEWER),
        "zhao": person("zhao.min", Role.APPROVER),
        "chen": person("chen.yu"),
    }
    for department in DepartmentFunction.values:
        found[department] = person(f"officer.{department}", Role.REVIEWER, department=department)
    return found


@pytest.fixture
def project(town: City, people: dict[str, Any]) -> Project:
    made = Project.objects.create(
        city=town, ref="PJ-1", name="文轩体育馆改造", kind="convert", units=900, cost_fen=24_600_000_00,
        service=ServiceType.objects.get(code="short_fixed_shelter"), area=Area.objects.get(code="510104"),
        point=Point(104.05, 30.05, srid=4326), created_by=people["lin"], gap_promised=640, investment_code="2603-510104-04-01-482917",
    )  # fmt: skip
    money.set_lines(
        user=people["lin"],
        project=made,
        lines=[(2026, FundSource.CENTRAL, 14_600_000_00), (2027, FundSource.LOCAL, 10_000_000_00)],
    )
    return made


@pytest.fixture
def approval(town: City) -> Route:
    return routes.current(code="approval")
