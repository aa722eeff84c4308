"""A town of four cells and three facilities whose answer is worked out by hand.

On one line, metres east of the centre; reach 500 m straight (detour 1), ready within 72 h:

    0        100      400   450      950 1000                 3000  3050
    c1 50    A 60     c2 30 yard     B 30 c3 20               c4 15 D hotel (possible, 15)
                                     (100 h: late)            C 40 (agreement lapsed)

Need by night (people x affected 1 x displaced 0.5 x ratio 1): 50 + 30 + 20 + 15 = 115 places.
c1: A serves 50. c2 is 300 m from A, which has 10 left: 10 served, 20 no room (B is 550 m away). c3: B, 20 late.
c4: C's agreement has lapsed and D is not designated: 15 out of reach.  Served 60, late 20, no room 20, out 15.
"""

from datetime import date
from types import SimpleNamespace
from typing import Any

from django.contrib.gis.geos import MultiPolygon, Point, Polygon
from django.utils import timezone

from core.choices import AreaLevel
from core.models import Area, City
from engine.crs import LocalMetric
from facilities.models import Agreement, Capability, Facility, PeacetimeUse, ServiceType
from inventory.models import AssetOption, IdleAsset
from planning.models import CellPopulation, DemandCell, PopulationLayer, Scenario, Standard, StandardProfile

PLANE = LocalMetric(104.0, 30.6)
SERVICE = "short_fixed_shelter"
NIGHT = [100.0, 60.0, 40.0, 30.0]
DAY = [60.0, 60.0, 0.0, 10.0]
CELLS_AT = [0, 400, 1000, 3000]


def at(x: float, y: float = 0.0) -> Point:
    lon, lat = PLANE.inverse([x], [y])
    return Point(float(lon[0]), float(lat[0]), srid=4326)


def box(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    ring = [at(x0, y0), at(x1, y0), at(x1, y1), at(x0, y1), at(x0, y0)]
    return Polygon([(p.x, p.y) for p in ring], srid=4326)


def standard(profile: StandardProfile, service: ServiceType, **changes: Any) -> Standard:
    row = {
        "driver": "displaced", "ratio": 1.0, "ratio_text": "一人一位", "ratio_text_en": "1 a person", "ratio_source": "worked example",
        "ratio_certainty": "D", "reach_limit": 500, "reach_unit": "m", "mode": "walk", "reach_source": "worked example",
        "reach_certainty": "D", "conversion_limit_hours": 72,
    }  # fmt: skip
    return Standard.objects.create(profile=profile, service=service, **(row | changes))


def publish(profile: StandardProfile) -> None:
    """The town's profile is a draft, so that tests may change its standards; from here on they stay as they are."""
    StandardProfile.objects.filter(pk=profile.pk).update(status="published")
    profile.refresh_from_db()


def facility(city: City, area: Area, number: int, x: float, use: PeacetimeUse) -> Facility:
    point = at(x)
    return Facility.objects.create(
        city=city, ref=f"FA-9{number:04d}", source_id=f"t{number}", name=f"设施{number}", name_en=f"Place {number}", use=use, area=area,
        point=point, datum="WGS-84", original_x=point.x, original_y=point.y,
    )  # fmt: skip


def build_town() -> SimpleNamespace:
    """The town in the database; attributes name its records."""
    city = City.objects.create(
        code="town",
        name="小镇",
        name_en="Town",
        synthetic=True,
        bounds=box(-500, -500, 3500, 500),
        loaded_at=timezone.now(),
    )
    whole, west, east = box(-500, -500, 3500, 500), box(-500, -500, 700, 500), box(700, -500, 3500, 500)

    def area(code: str, name: str, level: int, ground: Polygon, parent: Area | None) -> Area:
        return Area.objects.create(
            city=city,
            code=code,
            name=name,
            name_en=name,
            level=level,
            parent=parent,
            path=(parent.path if parent else "") + f"{code}/",
            geometry=MultiPolygon(ground, srid=4326),
            label_point=ground.centroid,
        )

    root = area("T", "Town", AreaLevel.CITY, whole, None)
    left, right = (
        area("T1", "West", AreaLevel.DISTRICT, west, root),
        area("T2", "East", AreaLevel.DISTRICT, east, root),
    )
    cells = [
        DemandCell.objects.create(
            city=city,
            number=n,
            code=f"c{n + 1}",
            area=left if n < 2 else right,
            point=at(x),
            geometry=box(x - 50, -50, x + 50, 50),
        )
        for n, x in enumerate(CELLS_AT)
    ]
    layers = {}
    for time, counts in (("night", NIGHT), ("day", DAY)):
        layers[time] = PopulationLayer.objects.create(
            city=city, code=time, name=time, time_of_day=time, people=sum(counts), cells=4
        )
        for cell, people in zip(cells, counts, strict=True):
            CellPopulation.objects.create(layer=layers[time], cell=cell, people=people)
    service = ServiceType.objects.create(
        code=SERVICE,
        name="短期固定避难场所",
        name_en="Short fixed shelter",
        domain="shelter",
        unit="places",
        unit_name="人",
    )
    park = PeacetimeUse.objects.create(code="park", name="公园", name_en="Park")
    hotel = PeacetimeUse.objects.create(code="hotel", name="酒店", name_en="Hotel")
    places = [
        facility(city, left, 1, 100, park), facility(city, right, 2, 950, park), facility(city, right, 3, 3000, park), facility(city, right, 4, 3050, hotel)
    ]  # fmt: skip
    roles = [
        Capability.objects.create(
            facility=place, service=service, status=status, capacity=capacity, conversion_hours_declared=hours
        )
        for place, status, capacity, hours in zip(
            places,
            ("active", "active", "active", "possible"),
            (60.9, 30, 40, 15),
            (24, 100, 24, 48),
            strict=True,
        )
    ]
    Agreement.objects.create(facility=places[2], valid_from=date(2020, 1, 1), valid_to=date(2021, 1, 1))
    yard_point = at(450)
    yard = IdleAsset.objects.create(
        city=city, ref="IA-90001", source_id="y", name="旧厂", name_en="Old yard", kind="land", area=left, point=yard_point, datum="WGS-84",
        original_x=yard_point.x, original_y=yard_point.y,
    )  # fmt: skip
    option = AssetOption.objects.create(
        asset=yard,
        service=service,
        kind="build",
        capacity=25,
        cost_fen=100_000,
        conversion_hours=24,
        lead_months=9,
    )
    profile = StandardProfile.objects.create(
        code="worked", name="算例", name_en="Worked example", is_default=True
    )
    standard(profile, service)
    scenario = Scenario.objects.create(
        city=city, ref="S-90001", name="地震", name_en="Earthquake", hazard="earthquake", affected_share=1, displaced_share=0.5,
        rate_source="worked example", times_of_day=["night", "day"],
    )  # fmt: skip
    scenario.services.add(service)
    return SimpleNamespace(
        city=city, root=root, left=left, right=right, cells=cells, layers=layers, service=service, places=places, roles=roles, park=park,
        hotel=hotel, yard=yard, option=option, profile=profile, scenario=scenario,
    )  # fmt: skip
