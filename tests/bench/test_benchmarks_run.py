"""Every benchmark runs at its smallest, finds both sides equal, and says so in rows of one form. Nothing is timed here."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench import _rows, coverage, travel
from tests.bench.__main__ import NAMES

ROOT = Path(__file__).resolve().parent.parent.parent
FORM: dict[str, tuple[type, ...]] = {
    "id": (str,),
    "what": (str,),
    "ours_s": (float,),
    "peer": (str,),
    "peer_s": (float, type(None)),
    "ratio": (float, type(None)),
    "target": (float, type(None)),
    "ok": (bool,),
    "rounds": (int,),
    "load": (float,),
    "check": (str,),
}
ACCESS = {"T1-ckdtree", "T1-postgis", "T1-geopandas", "T2-sql", "T2-pysal", "T3-pysal"}
EXPECTED = {
    "access": ACCESS,
    "alerts": {"A1-loop"},
    "batch": {"X2-batch"},
    "coverage": ACCESS | {"T7-best", "T7-nearest", "T8", "T8-best", "T9"},
    "db": {"D1-orm", "D1-values", "D1-city-orm", "D1-city-values", "D2-orm", "D2-rows", "D3-z8", "D3-z10"},
    "scale": {"X1-workers"},
    "siting": {
        "S1-8k",
        "S2-minute",
        "S2-regions",
        "S2b",
        "S3-10min",
        "S4-pdlp",
        "S4-ipm",
        "S5-city",
        "S5-spopt",
        "S6-small",
        "S6-joint-5",
    },
    "uncertainty": {"U1"},
    "travel": {
        "T4-scipy",
        "T4-scipy-call",
        "T4-pandana",
        "T4-pgrouting",
        "T5-scipy",
        "T5-pandana",
        "T6-pandana",
    },
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.bench", *arguments],
        cwd=ROOT, env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def last_line(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert len(lines) == 1, "only the result goes to standard output"
    told = json.loads(lines[0])
    assert isinstance(told, dict)
    return told


def test_every_module_beside_this_one_is_a_named_benchmark():
    found = {path.stem for path in Path(__file__).parent.glob("[a-z]*.py")} - {"test_benchmarks_run"}
    assert found == set(NAMES) == set(EXPECTED)


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_runs_and_its_rows_have_one_form(name: str):
    told = last_line(run(name, "--tiny", "--json"))
    assert told["benchmark"] == name and told["size"] == "tiny" and told["versions"]
    rows = told["rows"]
    assert {row["id"] for row in rows} == EXPECTED[name]
    for row in rows:
        assert set(row) == set(FORM)
        for key, kinds in FORM.items():
            assert isinstance(row[key], kinds) and (
                key in ("ok", "rounds") or not isinstance(row[key], bool)
            ), key
        assert row["what"] and row["peer"] and row["check"] and row["ours_s"] > 0
        if row["check"] == "peer absent":
            assert (row["peer_s"], row["ratio"], row["rounds"], row["ok"]) == (None, None, 0, False)
            continue
        if (
            row["peer"] == "no peer"
        ):  # a size at which none gets past its first linear program: the gap is the claim
            assert (row["peer_s"], row["ratio"], row["target"]) == (None, None, None)
            continue
        assert row["peer_s"] > 0 and row["rounds"] >= 1
        if row["target"] is not None:
            assert row["ok"] == (row["ratio"] >= row["target"])


def test_an_unknown_benchmark_is_refused_with_the_names_there_are():
    done = run("nonsense")
    assert done.returncode == 2
    assert all(name in done.stderr for name in NAMES)


def test_a_benchmark_stops_when_the_peer_computes_something_else(monkeypatch: pytest.MonkeyPatch):
    real = coverage.assign_nearest

    def one_unit_less(**given: Any) -> Any:
        result = real(**given)
        result.units[np.argmax(result.units)] -= 1
        return result

    monkeypatch.setattr(coverage, "assign_nearest", one_unit_less)
    with pytest.raises(_rows.Unequal, match="nearest-first"):
        coverage.assignment(_rows.TINY)


def test_a_benchmark_stops_when_a_travel_time_is_wrong(monkeypatch: pytest.MonkeyPatch):
    real = travel.scipy_block

    def a_second_more(*given: Any) -> Any:
        found = real(*given)
        found[0][1][-1] += 1 / 60
        return found

    monkeypatch.setattr(travel, "scipy_block", a_second_more)
    with pytest.raises(_rows.Unequal, match="scipy"):
        travel.run(_rows.TINY)


def test_the_ratio_is_the_median_of_the_rounds_both_sides_ran():
    one = _rows.row("X", "what", [1.0, 2.0, 4.0], "peer", [10.0, 10.0], 7.0, "check")
    assert (one.ratio, one.rounds, one.ours_s, one.peer_s, one.ok) == (7.5, 2, 2.0, 10.0, True)


def test_sides_take_turns_and_a_slow_peer_runs_once():
    calls: list[str] = []

    def act(name: str, seconds: float) -> Any:
        def go() -> float:
            calls.append(name)
            return seconds

        return go

    sides = {"ours": act("ours", 0.1), "peer": act("peer", 0.2), "slow": act("slow", 61.0)}
    seconds = _rows.compare(sides, 3, timed=lambda action: action())
    assert calls == ["ours", "peer", "slow", "peer", "ours", "ours", "peer"]
    assert [len(seconds[name]) for name in sides] == [3, 3, 1]
