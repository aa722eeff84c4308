"""The real cities, read where their files lie."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db.models import Sum

from core.models import Area, City, PackLayer
from facilities.models import Capability, Facility, ImportBatch
from planning.models import CellPopulation, DemandCell, RoadNetwork, Scenario
from planning.services.city_packs import load_city

pytestmark = pytest.mark.django_db
STATES = ("served", "late", "no_room", "out_of_reach")


def scored(code: str) -> list[dict[str, Any]]:
    """Score every scenario of a city here; the four states of each service must add up to its need."""
    out = StringIO()
    call_command("score", city=code, inline=True, json=True, stdout=out, stderr=StringIO())
    rows = [row for run in json.loads(out.getvalue())["runs"] for row in run["services"]]
    assert rows
    for row in rows:
        assert sum(row[state] for state in STATES) == row["need"] > 0
    return rows


def total(service: str, status: str) -> float:
    return Capability.objects.filter(service__code=service, status=status).aggregate(sum=Sum("capacity"))[
        "sum"
    ]


def test_chengdu_has_the_capacity_of_the_study_and_its_hotels_on_their_streets(shared_data_dir: Path) -> None:
    load_city(path=settings.BASE_DIR / "cases" / "chengdu")
    assert total("short_fixed_shelter", "active") == pytest.approx(9_474_161, abs=1)
    assert total("short_fixed_shelter", "possible") == pytest.approx(290_393.6, abs=0.01)
    assert total("isolation_lodging", "possible") == 207_424
    assert set(
        Capability.objects.filter(facility__use__code="park").values_list("service__code", flat=True)
    ) == {"short_fixed_shelter"}
    hotels = ImportBatch.objects.get(file_name="hotel_facilities_filtered.csv")
    assert hotels.datum == "GCJ-02" and hotels.median_shift_m == pytest.approx(350, abs=30)
    assert PackLayer.objects.get(name="hotels").median_shift_m == hotels.median_shift_m
    assert Facility.objects.count() == 1_054 + 2_264
    people = CellPopulation.objects.values_list("layer__time_of_day").annotate(sum=Sum("people"))
    assert dict(people) == {"day": 6_999_939, "night": 6_998_920}
    assert DemandCell.objects.count() == 4_857
    assert not DemandCell.objects.filter(area=None).exists()
    assert sorted(Area.objects.filter(level=2).values_list("name_en", flat=True)) == [
        "Chenghua", "Jinjiang", "Jinniu", "Qingyang", "Wuhou",
    ]  # fmt: skip
    assert set(Scenario.objects.values_list("code", flat=True)) == {"earthquake", "epidemic"}
    assert not City.objects.get().synthetic
    assert not load_city(path=settings.BASE_DIR / "cases" / "chengdu").changed


def test_chengdu_has_one_network_of_its_main_roads_and_its_centre(shared_data_dir: Path) -> None:
    load_city(path=settings.BASE_DIR / "cases" / "chengdu")
    network = RoadNetwork.objects.get()
    joins = network.facts["joins"]
    assert joins["on_nodes"] > 500 and joins["on_streets"] > 0 and joins["dead_ends"] > 0
    # two sets that each hang together: joined, every crossing reaches every other
    assert network.largest_part_share == 1 and network.facts["islands"] == 0
    assert network.facts["layers"][1]["nodes"] == 4_139
    assert network.facts["driven_km"] == pytest.approx(network.length_km, abs=0.001)


def test_beijing_keeps_the_total_of_every_township_on_its_grid(shared_data_dir: Path) -> None:
    load_city(path=settings.BASE_DIR / "cases" / "beijing")
    source = json.loads(
        (shared_data_dir / "beijing" / "beijing_townships_worldpop.geojson").read_text(encoding="utf-8")
    )
    totals = [feature["properties"]["pop_worldpop"] for feature in source["features"]]
    assert CellPopulation.objects.aggregate(sum=Sum("people"))["sum"] == sum(totals) == 20_755_648
    by_area = dict(
        DemandCell.objects.values_list("area__code")
        .annotate(sum=Sum("counts__people"))
        .order_by("area__code")
    )
    assert len(by_area) == 331
    for number, people in enumerate(totals, start=1):
        assert by_area[f"110000-{number:03d}"] == people
    assert Area.objects.filter(level=2).count() == 16
    assert Area.objects.get(name="建外街道").parent.code == "110105"
    network = RoadNetwork.objects.get()
    assert network.nodes > 20_000
    # footpaths are kept, motorways are not walked
    assert network.facts["classes"]["footway"]["on_foot_only_km"] > 150
    assert network.facts["classes"]["motorway"]["km"] <= network.facts["not_on_foot_km"] < 450
    # outside the mapped inner city walkers go straight ahead
    [shelters] = scored("110000")
    assert 0.1 < shelters["served"] / shelters["need"] < 0.3


def test_liechtenstein_is_scored_on_its_own_streets(shared_data_dir: Path) -> None:
    load_city(path=settings.BASE_DIR / "cases" / "liechtenstein")
    rows = scored("LI")
    assert {row["service"]: row["need"] for row in rows} == {
        "short_fixed_shelter": 4_680,
        "isolation_lodging": 78,
    }
    shelters = next(row for row in rows if row["service"] == "short_fixed_shelter")
    assert 0.3 < shelters["served"] / shelters["need"] < 0.7
