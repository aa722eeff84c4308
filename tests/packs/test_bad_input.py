"""A pack that is wrong: one clear message with file, row and column; nothing in the database."""

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils.translation import override

from core.errors import Problem
from core.models import Area, City, PackLayer
from facilities.importers.columns import Column
from facilities.importers.problems import Problems
from facilities.importers.tables import read_table
from facilities.models import Facility
from planning.models import DemandCell
from tests.packs.conftest import FILES, features, square

PLACES = 'path = "places.csv"\ndatum = "WGS-84"'
Refused = Callable[[Path], list[Problem]]
Make = Callable[..., Path]


def nothing_is_there() -> bool:
    return not any(model.objects.exists() for model in (City, Area, PackLayer, Facility, DemandCell))


def told(problems: list[Problem]) -> list[tuple[str, str, int | None, str]]:
    return [(p.code, p.file, p.row, p.column) for p in problems if p.level == "error"]


def test_a_layer_without_a_datum_is_refused(pack: Make, refused: Refused) -> None:
    problems = refused(pack(manifest=(PLACES, 'path = "places.csv"')))
    assert told(problems) == [("datum_missing", "city.toml: facilities.places", None, "")]
    assert "GCJ-02" in str(problems[0].message) and nothing_is_there()


def test_an_unknown_datum_is_refused(pack: Make, refused: Refused) -> None:
    problems = refused(pack(manifest=(PLACES, PLACES.replace("WGS-84", "Mars"))))
    assert told(problems) == [("datum_unknown", "city.toml: facilities.places", None, "")]


def test_an_unknown_column_names_what_the_file_has(pack: Make, refused: Refused) -> None:
    problems = refused(pack(manifest=('rooms = "rooms"', 'rooms = "rooms_total"')))
    assert told(problems) == [("column_unknown", "places.csv", 1, "rooms_total")]
    assert "id, name, use, lon, lat, area_m2, rooms" in str(problems[0].message) and nothing_is_there()


def test_text_in_a_number_is_named_with_row_and_column(pack: Make, refused: Refused) -> None:
    problems = refused(pack(**{"places.csv": FILES["places.csv"].replace(",100\n", ",hundred\n")}))
    assert told(problems) == [("not_a_number", "places.csv", 3, "rooms")]
    assert '"hundred" is not a number.' in str(problems[0].message) and nothing_is_there()


def test_numbers_are_read_as_people_write_them(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('n\n"1,234.5"\n１２\n 7 \n1e3\n-\n1_000\n', encoding="utf-8")
    problems = Problems()
    table = read_table(tmp_path / "a.csv", columns={"n": Column("n", "number")}, problems=problems)
    assert table is not None and table["n"][:4].tolist() == [1234.5, 12, 7, 1000]
    assert [(p.code, p.row) for p in problems] == [("not_a_number", 7)]


def test_swapped_coordinates_are_recognised(pack: Make, refused: Refused) -> None:
    problems = refused(pack(**{"places.csv": FILES["places.csv"].replace("104.15,30.05", "30.05,104.15")}))
    assert told(problems) == [("swapped", "places.csv", 3, "lon, lat")] and nothing_is_there()


def test_coordinates_out_of_range_or_in_another_city_are_refused(pack: Make, refused: Refused) -> None:
    people = "code,lon,lat,people\na,204.05,30.05,100\nb,116.4,39.9,250\nc,0,0,5\n"
    problems = refused(pack(**{"people.csv": people}))
    assert told(problems) == [
        ("out_of_range", "people.csv", 2, "lon, lat"),
        ("zero_place", "people.csv", 4, "lon, lat"),
        ("outside_city", "people.csv", 3, "lon, lat"),
    ]
    assert nothing_is_there()


def test_a_polygon_that_crosses_itself_is_named_with_the_place(pack: Make, refused: Refused) -> None:
    bow = {
        "type": "Polygon",
        "coordinates": [[[104, 30], [104.2, 30.1], [104.2, 30], [104, 30.1], [104, 30]]],
    }
    problems = refused(
        pack(**{"areas.geojson": features(({"code": "9001", "name": "镇", "level": "city"}, bow))})
    )
    assert told(problems) == [("geometry_invalid", "areas.geojson", 1, "geometry")]
    assert "Self-intersection" in str(problems[0].message) and nothing_is_there()


def test_a_code_that_appears_twice_names_the_first_row(pack: Make, refused: Refused) -> None:
    problems = refused(pack(**{"places.csv": FILES["places.csv"] + "S1,又一所,school,104.1,30.01,10,\n"}))
    assert told(problems) == [("code_twice", "places.csv", 4, "id")]
    assert "row 2" in str(problems[0].message) and nothing_is_there()


def test_an_area_code_that_appears_twice_is_refused(pack: Make, refused: Refused) -> None:
    areas = features(
        ({"code": "1", "name": "一", "level": "district"}, square(104.0, 30.0, 104.1, 30.1)),
        ({"code": "1", "name": "二", "level": "district"}, square(104.1, 30.0, 104.2, 30.1)),
    )
    assert told(refused(pack(**{"areas.geojson": areas}))) == [("code_twice", "areas.geojson", 2, "code")]


@pytest.mark.parametrize("content", ["", "id,name,use,lon,lat,area_m2,rooms\n", "\n\n"])
def test_an_empty_file_is_refused(pack: Make, refused: Refused, content: str) -> None:
    assert told(refused(pack(**{"places.csv": content}))) == [("file_empty", "places.csv", None, "")]
    assert nothing_is_there()


def test_a_missing_file_is_refused(pack: Make, refused: Refused) -> None:
    assert told(refused(pack(**{"people.csv": None}))) == [("file_missing", "people.csv", None, "")]


def test_an_undeclared_gb18030_file_is_recognised(pack: Make, refused: Refused) -> None:
    problems = refused(pack(**{"places.csv": FILES["places.csv"].encode("gb18030")}))
    assert told(problems) == [("encoding_wrong", "places.csv", 2, "")]
    assert 'encoding = "gb18030"' in str(problems[0].message) and nothing_is_there()


def test_an_unknown_use_lists_the_known_ones(pack: Make, refused: Refused) -> None:
    problems = refused(pack(**{"places.csv": FILES["places.csv"].replace("hotel", "castle")}))
    assert told(problems) == [("use_unknown", "places.csv", 3, "use")]
    assert "convention_centre" in str(problems[0].message) and nothing_is_there()


def test_negative_rooms_and_capacity_are_refused(pack: Make, refused: Refused) -> None:
    places, options = (
        FILES["places.csv"].replace(",100\n", ",-100\n"),
        FILES["options.csv"].replace(",600,", ",-6,"),
    )
    problems = refused(pack(**{"places.csv": places, "options.csv": options}))
    assert told(problems) == [
        ("negative", "places.csv", 3, "rooms"),
        ("negative", "options.csv", 2, "capacity"),
    ]


def test_a_row_with_too_few_cells_is_named(pack: Make, refused: Refused) -> None:
    problems = refused(pack(**{"links.csv": "from,to,length_m\n1,2,8700\n2,3\n"}))
    assert told(problems) == [("row_width", "links.csv", 3, "")]


def test_a_link_to_no_node_and_an_option_of_no_asset_are_named(pack: Make, refused: Refused) -> None:
    links, options = FILES["links.csv"] + "3,99,10\n", FILES["options.csv"].replace("A1", "A9")
    problems = refused(pack(**{"links.csv": links, "options.csv": options}))
    assert told(problems) == [("id_unknown", "links.csv", 4, "to"), ("id_unknown", "options.csv", 2, "asset")]


def test_a_scenario_with_an_impossible_share_or_an_unknown_layer_is_refused(
    pack: Make, refused: Refused
) -> None:
    problems = refused(pack(manifest=("displaced = 0.5", "displaced = 50")))
    assert told(problems) == [
        ("share_invalid", "city.toml", None, "scenarios.flood.zone_rates.deep.displaced")
    ]
    problems = refused(pack(manifest=('hazard_layer = "flood-zone"', 'hazard_layer = "quake"')))
    assert told(problems) == [("layer_unknown", "city.toml", None, "scenarios.flood.hazard_layer")]


def test_a_misspelt_key_of_the_manifest_is_named(pack: Make, refused: Refused) -> None:
    problems = refused(pack(manifest=("use_values", "use_value")))
    assert ("key_unknown", "city.toml", None, "facilities.places.use_value") in told(problems)


def test_a_manifest_that_is_not_there_or_not_toml_is_refused(
    pack: Make, refused: Refused, tmp_path: Path
) -> None:
    assert told(refused(tmp_path / "nowhere")) == [("file_missing", "nowhere", None, "")]
    folder = pack()
    (folder / "city.toml").write_text("[city\n", encoding="utf-8")
    assert told(refused(folder)) == [("manifest_broken", "city.toml", None, "")]


def test_problems_of_all_layers_are_said_together(pack: Make, refused: Refused) -> None:
    broken: dict[str, Any] = {
        "places.csv": FILES["places.csv"].replace(",100\n", ",many\n"),
        "people.csv": FILES["people.csv"].replace("250", "-250"),
        "idle.csv": FILES["idle.csv"].replace("premises", "castle"),
    }
    files = {problem.file for problem in refused(pack(**broken))}
    assert files == {"places.csv", "people.csv", "idle.csv"} and nothing_is_there()


def test_one_kind_of_problem_is_listed_twenty_times_and_then_counted(pack: Make, refused: Refused) -> None:
    rows = "".join(f"x{i},104.05,30.05,none at all\n" for i in range(500))
    problems = refused(pack(**{"people.csv": FILES["people.csv"] + rows}))
    assert len(problems) == 21 and "480" in str(problems[-1].message)


def test_a_refused_change_leaves_the_loaded_city_as_it_was(pack: Make, refused: Refused) -> None:
    from planning.services.city_packs import load_city

    load_city(path=pack())
    before = list(Facility.objects.order_by("pk").values())
    refused(pack(**{"places.csv": FILES["places.csv"].replace("4000", "9000").replace("100\n", "x\n")}))
    assert list(Facility.objects.order_by("pk").values()) == before


def test_messages_speak_the_readers_language(pack: Make, refused: Refused) -> None:
    problems = refused(pack(**{"places.csv": FILES["places.csv"].replace(",100\n", ",hundred\n")}))
    with override("zh-hans"):
        assert "hundred" in str(problems[0].message)


@pytest.mark.django_db
def test_the_command_lists_the_problems_and_fails(pack: Make) -> None:
    with pytest.raises(CommandError) as said:
        call_command("load_city", str(pack(**{"places.csv": FILES["places.csv"].replace(",100\n", ",x\n")})))
    assert "places.csv, row 3, rooms" in str(said.value)


def test_a_file_of_200_mb_is_streamed(tmp_path: Path) -> None:
    """Only the wanted column is held: far less memory than the file has bytes."""
    path, line = tmp_path / "big.csv", "%07d,{}\n".format("想" * 60)
    with open(path, "w", encoding="utf-8") as out:
        out.write("n,text\n")
        for start in range(0, 1_100_000, 100_000):
            out.write("".join([line % n for n in range(start, start + 100_000)]))
    assert path.stat().st_size > 200e6
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    problems = Problems()
    table = read_table(path, columns={"n": Column("n", "whole")}, problems=problems)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert table is not None and len(table) == 1_100_000 and not problems.has_errors
    assert grown < 150


@pytest.mark.parametrize("name", ["areas.geojson", "book.xlsx"])
def test_a_file_too_large_for_its_kind_is_refused_before_it_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with open(path, "wb") as out:
        out.truncate(200 * 2**20)
    problems = Problems()
    assert read_table(path, columns={}, problems=problems) is None
    assert [p.code for p in problems] == ["file_too_large"]
    assert "200 MB" in str(next(iter(problems)).message)
