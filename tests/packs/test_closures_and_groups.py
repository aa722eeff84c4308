"""What a pack may say about closed roads, barrier-free people and places, and doors."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Problem
from facilities.models import Capability, Facility
from planning.models import CellPopulation, PopulationLayer, Scenario
from planning.services.city_packs import load_city

pytestmark = pytest.mark.django_db

RULES = 'zone_rates = { deep = { affected = 1.0, displaced = 0.5 } }\nroad_rules = [{ kind = "zone", zone_class = "%s", factor = %s }]'
PEOPLE = 'columns = { code = "code", lon = "lon", lat = "lat", people = "people" }'
ROLES = (
    '[[roles]]\nname = "roles"\npath = "roles.csv"\ncolumns = { facility = "facility", service = "service", %s }\n\n'
    "[[idle_assets]]"
)


def ruled(klass: str, factor: str) -> tuple[str, str]:
    return "zone_rates = { deep = { affected = 1.0, displaced = 0.5 } }", RULES % (klass, factor)


def test_a_scenario_of_a_pack_closes_roads(pack: Callable[..., Path]) -> None:
    load_city(path=pack(manifest=ruled("deep", '"closed"')))
    assert Scenario.objects.get().road_rules == [
        {"kind": "zone", "zone_class": "deep", "road_classes": ["*"], "factor": None}
    ]


def test_a_rule_with_an_unknown_class_or_effect_refuses_the_pack(
    pack: Callable[..., Path], refused: Callable[[Path], list[Problem]]
) -> None:
    (problem,) = refused(pack(manifest=ruled("depe", '"closed"')))
    assert problem.code == "class_unknown" and problem.column == "scenarios.flood.road_rules[0].zone_class"
    assert "deep" in str(problem.message) and problem.file == "city.toml"
    (problem,) = refused(pack(manifest=ruled("deep", '"shut"')))
    assert problem.code == "factor_invalid" and problem.column == "scenarios.flood.road_rules[0].factor"


def test_people_who_need_barrier_free_places_come_as_a_count_or_as_a_share(pack: Callable[..., Path]) -> None:
    for number, (column, cells) in enumerate(
        [("barrier_free", ("5", "", "0")), ("barrier_free_share", ("0.05", "", "0.5"))]
    ):
        named = PEOPLE.replace('people = "people"', f'people = "people", {column} = "special"')
        rows = ("a,104.05,30.05,100", "b,104.15,30.05,250", "c,104.16,30.06,0")
        people = "code,lon,lat,people,special\n" + "".join(
            f"{row},{part}\n" for row, part in zip(rows, cells, strict=True)
        )
        load_city(path=pack(manifest=(PEOPLE, named), folder=f"p{number}", **{"people.csv": people}))
        assert PopulationLayer.objects.get().barrier_free == 5
        assert set(CellPopulation.objects.values_list("cell__code", "barrier_free")) == {
            ("a", 5), ("b", 0), ("c", 0)
        }  # fmt: skip


def test_a_pack_without_the_column_tells_nobody_apart(pack: Callable[..., Path]) -> None:
    load_city(path=pack())
    assert PopulationLayer.objects.get().barrier_free is None
    assert not CellPopulation.objects.filter(barrier_free__isnull=False).exists()


def test_more_barrier_free_people_than_people_are_refused_with_their_rows(
    pack: Callable[..., Path], refused: Callable[[Path], list[Problem]]
) -> None:
    named = PEOPLE.replace('people = "people"', 'people = "people", barrier_free = "special"')
    people = "code,lon,lat,people,special\na,104.05,30.05,100,101\nb,104.15,30.05,250,3\nc,104.16,30.06,0,1\n"
    problems = refused(pack(manifest=(PEOPLE, named), **{"people.csv": people}))
    assert [(one.code, one.row, one.column) for one in problems] == [
        ("group_too_large", 2, "special"), ("group_too_large", 4, "special")
    ]  # fmt: skip


def test_a_role_table_tells_barrier_free_places_as_a_number_or_as_a_share(
    pack: Callable[..., Path], refused: Callable[[Path], list[Problem]]
) -> None:
    said = 'capacity = "capacity", barrier_free_capacity = "free", barrier_free_share = "share"'
    roles = (
        "facility,service,capacity,free,share\nS1,short_fixed_shelter,,,0.25\nH1,short_fixed_shelter,80,12,\n"
    )
    load_city(path=pack(manifest=("[[idle_assets]]", ROLES % said), **{"roles.csv": roles}))
    found = dict(
        Capability.objects.filter(service__code="short_fixed_shelter").values_list(
            "facility__source_id", "barrier_free_capacity"
        )
    )
    assert found == {"S1": 1200 * 0.25, "H1": 12}
    problems = refused(
        pack(
            manifest=("[[idle_assets]]", ROLES % said),
            **{"roles.csv": roles.replace("80,12", "80,81")},
        )
    )
    assert [(one.code, one.row, one.column) for one in problems] == [("barrier_free_too_large", 3, "free")]


def test_minutes_of_doors_come_with_the_facilities_and_stay_when_a_file_says_nothing(
    pack: Callable[..., Path], refused: Callable[[Path], list[Problem]]
) -> None:
    plain = 'area_m2 = "area_m2", rooms = "rooms" }'
    named = plain.replace(" }", ', entry_minutes = "door", readiness_minutes = "opening" }')
    places = "id,name,use,lon,lat,area_m2,rooms,door,opening\nS1,第一小学,学校,104.05,30.05,4000,,%s,30\nH1,悦来酒店,hotel,104.15,30.05,,100,,\n"
    load_city(path=pack(manifest=(plain, named), **{"places.csv": places % "2.5"}))
    minutes = ("source_id", "entry_minutes", "readiness_minutes")
    assert set(Facility.objects.values_list(*minutes)) == {("S1", 2.5, 30), ("H1", 0, 0)}
    load_city(path=pack())
    assert set(Facility.objects.values_list(*minutes)) == {("S1", 2.5, 30), ("H1", 0, 0)}
    (problem,) = refused(pack(manifest=(plain, named), **{"places.csv": places % "600"}))
    assert problem.column == "door" and problem.row == 2
