"""`manage.py solve_location` on files as libraries write them."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

SF = "benchmarks/spopt_sf/SF_network_distance_candidateStore_16_censusTract_205_new.csv"


def solved(path, **options):
    out = StringIO()
    call_command("solve_location", str(path), json=True, stdout=out, **options)
    return json.loads(out.getvalue())


@pytest.mark.parametrize(
    ("file", "kind", "options", "value"),
    [
        ("benchmarks/orlib/pmed1.txt", "orlib-pmed", {"model": "p-median"}, 5819),
        ("benchmarks/orlib/pmed5.txt", "orlib-pmed", {"model": "p-median"}, 1355),
        ("benchmarks/orlib/cap41.txt", "orlib-cap", {"model": "capacitated"}, 1040444.375),
        ("benchmarks/orlib/cap71.txt", "orlib-cap", {"model": "capacitated"}, 932615.750),
        ("benchmarks/orlib/cap101.txt", "orlib-cap", {"model": "capacitated"}, 796648.4375),
        (SF, "matrix", {"model": "max-cover", "p": 4, "limit": 5000.0}, 875247),
        (SF, "matrix", {"model": "p-median", "p": 4}, 2848268129.7145),
        (SF, "matrix", {"model": "p-centre", "p": 4}, 7403.0638),
        (SF, "matrix", {"model": "set-cover", "limit": 5000.0}, 8),
    ],
)
def test_published_optima_are_found_and_proved(shared_data_dir, file, kind, options, value):
    answer = solved(shared_data_dir / file, format=kind, seconds=120.0, **options)
    assert answer["status"] == "optimal" and answer["gap"] <= 1e-6
    assert answer["value"] == pytest.approx(value, abs=6e-5)
    assert answer["bound"] == pytest.approx(value, rel=1e-6)


def test_a_wide_table_is_read_with_weights_and_missing_ways(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("place,people,A,B\nx,10,1,9\ny,20,8,\nz,30,7,2\n", encoding="utf-8")
    # A alone: 10 + 160 + 210 = 380; B cannot serve y.
    answer = solved(table, format="matrix", model="p-median", p=1)
    assert (answer["value"], answer["sites"], answer["status"]) == (380, ["A"], "optimal")


def test_what_is_wrong_with_file_or_question_is_said(tmp_path):
    cut = tmp_path / "cut.txt"
    cut.write_text("3 2 1\n1 2 5\n", encoding="utf-8")
    words = tmp_path / "words.txt"
    words.write_text("2 1 capacity 3 capacity 4 10 1 2", encoding="utf-8")
    table = tmp_path / "table.csv"
    table.write_text("place,A\nx,far\n", encoding="utf-8")
    for path, options, said in (
        (cut, {"format": "orlib-pmed", "model": "p-median"}, "before all its edges"),
        (words, {"format": "orlib-cap", "model": "capacitated"}, "leaves the capacity open"),
        (table, {"format": "matrix", "model": "p-median", "p": 1}, "not a number"),
        (cut, {"format": "orlib-pmed", "model": "capacitated"}, "Warehouse files"),
        (tmp_path / "none", {"format": "matrix", "model": "p-median"}, "no file"),
    ):
        with pytest.raises(CommandError, match=said):
            solved(path, **options)
    table.write_text("place,A\nx,4\n", encoding="utf-8")
    with pytest.raises(CommandError, match="--limit, --p"):
        solved(table, format="matrix", model="max-cover")
    with pytest.raises(CommandError, match="p: 5 is not between"):
        solved(table, format="matrix", model="p-median", p=5)
    words_answer = solved(words, format="orlib-cap", model="capacitated", capacity=20.0)
    assert words_answer["value"] == 4


def places(folder):
    cells, sites = folder / "cells.csv", folder / "sites.csv"
    cells.write_text("x_m,y_m,weight\n0,0,10\n1000,0,20\n5000,0,30\n", encoding="utf-8")
    sites.write_text("name,x_m,y_m\nA,0,0\nB,1500,0\nC,4000,0\n", encoding="utf-8")
    return cells, sites


def test_places_are_read_for_medians_with_a_cutoff_and_for_covers(tmp_path):
    cells, sites = places(tmp_path)
    answer = solved(cells, sites=sites, format="points", model="p-median", p=2, cutoff=2_000.0)
    assert (answer["value"], answer["sites"], answer["status"]) == (50_000, ["A", "C"], "optimal")
    dearer = solved(
        cells, sites=sites, format="points", model="p-median", p=1, cutoff=2_000.0, penalty=9_000.0
    )
    # C: 10 x 9,000 + 20 x 9,000 + 30 x 1,000; A: 20 x 1,000 + 30 x 9,000, which is less than B: 25,000 + 270,000.
    assert (dearer["value"], dearer["sites"]) == (290_000, ["A"])
    everybody = solved(cells, sites=sites, format="points", model="p-median", p=1)
    assert everybody["value"] == min(20_000 + 150_000, 15_000 + 10_000 + 105_000, 40_000 + 60_000 + 30_000)
    covered = solved(cells, sites=sites, format="points", model="max-cover", p=1, limit=1_000.0)
    assert (covered["value"], covered["status"]) == (30, "optimal")
    fewest = solved(cells, sites=sites, format="points", model="set-cover", limit=1_500.0)
    assert fewest["value"] == 2


def test_places_that_cannot_be_used_are_named_cell_by_cell(tmp_path):
    cells, sites = places(tmp_path)
    cells.write_text("x_m,y_m,weight\n0,0,10\nfar,0,-3\n5000,,30\n", encoding="utf-8")
    with pytest.raises(CommandError, match="far") as refused:
        solved(cells, sites=sites, format="points", model="p-median", p=1, cutoff=2_000.0)
    assert "negative" in str(refused.value)
    cells, sites = places(tmp_path)
    nameless = tmp_path / "nameless.csv"
    nameless.write_text("a,b\n1,2\n", encoding="utf-8")
    asked = {"format": "points", "model": "p-median", "p": 1}
    for given, said in (
        ({"sites": None, "cutoff": 9.0}, "second file"),
        ({"sites": nameless, "cutoff": 9.0}, "x_m and y_m"),
        ({"sites": sites, "penalty": 9.0}, "needs a cutoff"),
        ({"sites": sites, "cutoff": 9.0, "penalty": 5.0}, "penalty"),
        ({"sites": sites, "cutoff": -1.0}, "cutoff"),
        ({"sites": sites, "model": "max-cover", "cutoff": 9.0}, "only with it"),
        ({"sites": tmp_path / "none.csv", "cutoff": 9.0}, "no file"),
    ):
        with pytest.raises(CommandError, match=said):
            solved(cells, **{**asked, **given})
