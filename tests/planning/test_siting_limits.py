"""Pieces of a question's way to the engine, without a city: sets of places too near, limits that give way."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from planning.bridge.options import Candidate
from planning.bridge.plan_rules import rules_of, tail_mean
from planning.bridge.siting_limits import cliques, run_weights, spaced
from planning.bridge.siting_question import DEFAULTS, KEYS, Known, clean_question
from planning.bridge.siting_relaxed import relaxed


def option(number, site, key, kind="build"):
    return Candidate(f"{kind}:o{number}", kind, "s", site, -1, 10, 100, 0.0, 1, key)


@given(st.integers(0, 2**32 - 1), st.integers(2, 14), st.floats(0.05, 0.6))
def test_sets_of_places_forbid_exactly_the_pairs_too_near(seed, count, metres):
    """Brute force over every choice: it keeps the sets where and only where no two places are nearer than asked."""
    random = np.random.default_rng(seed)
    at = random.random((count, 2))
    frozen = {"site_x": at[:, 0], "site_y": at[:, 1]}
    site = random.integers(0, count, count)
    listed = [option(n, int(s), int(random.integers(0, count))) for n, s in enumerate(site)]
    sets = [set(one.tolist()) for one in spaced(frozen, listed, "build", float(metres))]
    for a, b in itertools.combinations(range(count), 2):
        first, second = listed[a], listed[b]
        near = first.site != second.site and np.hypot(*(at[first.site] - at[second.site])) < metres
        together = any({a, b} <= one for one in sets)
        # Options of one place that exclude each other anyway may share a set; others may not.
        same_knot = (first.site, first.exclusive_key) == (second.site, second.exclusive_key)
        assert near == together or (together and same_knot)


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.floats(0, 1))
def test_cliques_cover_every_pair_and_nothing_else(seed, knots, share):
    random = np.random.default_rng(seed)
    every = np.array(list(itertools.combinations(range(knots), 2)), np.int64).reshape(-1, 2)
    pairs = every[random.random(len(every)) < share]
    joined = {tuple(pair) for pair in pairs.tolist()}
    covered = {pair for one in cliques(knots, pairs) for pair in itertools.combinations(one, 2)}
    assert covered == joined


def test_exactly_the_distance_is_far_enough():
    frozen = {"site_x": np.array([0.0, 100.0]), "site_y": np.zeros(2)}
    listed = [option(0, 0, 0), option(1, 1, 1)]
    assert spaced(frozen, listed, "build", 100.0) == []
    assert len(spaced(frozen, listed, "build", 100.0001)) == 1


def test_a_large_city_is_spaced_within_seconds():
    random = np.random.default_rng(1)
    at = random.random((6000, 2)) * 40_000
    frozen = {"site_x": at[:, 0], "site_y": at[:, 1]}
    listed = [option(n, n, n) for n in range(6000)]
    began = time.monotonic()
    sets = spaced(frozen, listed, "build", 1000.0)
    assert sets and time.monotonic() - began < 60


def test_the_mean_of_the_worst_splits_a_run_that_lies_across_the_edge():
    """Losses 10, 4, 1 at thirds; of the worst half: a third of 10 and a sixth of 4."""
    assert tail_mean(np.array([1.0, 10.0, 4.0]), np.full(3, 1 / 3), 0.5) == pytest.approx(
        (10 / 3 + 4 / 6) / 0.5
    )
    told = rules_of(
        np.array([10.0, 8.0]), np.array([4.0, 1.0]), np.array([0.5, 0.5]), 0.5, np.array([5.0, 8.0])
    )
    assert told == {"expected": 2.5, "worst": -7.0, "tail": -7.0, "regret": -7.0}


def test_weights_of_runs_are_shares_of_one():
    assert run_weights({"run_weights": {"b": 3.0}}, ["a", "b"]) == (0.25, 0.75)
    assert run_weights({}, ["a", "b", "c"]) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


AREAS = {"C": 1, "D1": 2, "D2": 2, "S": 3}


@pytest.mark.parametrize(
    ("document", "budget", "told", "expected"),
    [
        ({}, 10, {"name": "budget", "now": 10, "needed": 12.2}, ({}, 13)),
        ({"years": [{"year": 1, "budget_fen": 4}, {"year": 2, "budget_fen": 6}]}, 10, {"name": "budget", "now": 10, "needed": 13},
         ({"years": [{"year": 1, "budget_fen": 4}, {"year": 2, "budget_fen": 9}]}, 13)),
        ({"target": 0.9}, 1, {"name": "target", "now": 0.9, "needed": 0.7777779}, ({"target": 0.777777}, 1)),
        ({"area_target": 0.9}, 1, {"name": "area_target:D1", "now": 0.9, "needed": 0.5}, ({"area_target": {"D1": 0.5, "D2": 0.9}}, 1)),
        ({"area_target": {"D1": 0.9}}, 1, {"name": "area_target:D1", "now": 0.9, "needed": 0.0}, ({"area_target": {}}, 1)),
        ({"number": {"most": 2}}, 1, {"name": "number", "now": 2, "needed": 3}, ({"number": {"most": 3}}, 1)),
        ({"number_by_kind": {"build": {"least": 4, "most": 9}}}, 1, {"name": "number:build", "now": 4, "needed": 2},
         ({"number_by_kind": {"build": {"least": 2, "most": 9}}}, 1)),
        ({"number_by_area": {"S": {"least": 4}}}, 1, {"name": "area-number:S", "now": 4, "needed": 1}, ({"number_by_area": {"S": {"least": 1}}}, 1)),
        ({"land_m2_by_area": {"D1": 5}}, 1, {"name": "land:D1", "now": 5, "needed": 7}, ({"land_m2_by_area": {"D1": 7}}, 1)),
        ({"running_limit_fen_year": 5}, 1, {"name": "running", "now": 5, "needed": 7}, ({"running_limit_fen_year": 7}, 1)),
        ({"funds": {"central": {"limit_fen": None}, "local": {"limit_fen": 5}}}, 1, {"name": "fund:central,local", "now": 5, "needed": 9},
         ({"funds": {"central": {"limit_fen": None}, "local": {"limit_fen": 9}}}, 1)),
        ({"must": ["build:o1", "build:o2"]}, 1, {"name": "must:build:o1", "now": 1, "needed": 0}, ({"must": ["build:o2"]}, 1)),
        ({"spacing_m": {"build": 5}}, 1, {"name": "apart", "now": 0, "needed": 1}, ({}, 1)),
    ],
)  # fmt: skip
def test_a_limit_gives_way_to_the_side_that_lets_a_plan_exist(document, budget, told, expected):
    before = repr(document)
    found, new_budget = relaxed(document, budget, [told], AREAS)
    wanted, wanted_budget = expected
    assert new_budget == wanted_budget and found.keys() == wanted.keys()
    if "target" in document:
        assert found["target"] == pytest.approx(wanted["target"]) and found["target"] <= told["needed"]
    else:
        assert found == wanted
    assert repr(document) == before


def test_every_key_is_read_and_what_says_nothing_is_left_out():
    known = Known(runs=["R"], areas=AREAS)
    assert clean_question(dict(DEFAULTS), aim="most", rule="expected", budget_fen=1, known=known) == {}
    empty = dict.fromkeys(KEYS)
    assert clean_question(empty, aim="most", rule="expected", budget_fen=1, known=known) == {}
    with pytest.raises(InvalidInput) as refused:
        clean_question([], aim="most", rule="expected", budget_fen=1, known=known)
    assert refused.value.problems[0].column == "question"
    streets = {"area_level": 3, "area_target": {"D1": 0.5, "S": 0.5}}
    with pytest.raises(InvalidInput) as refused:
        clean_question(streets, aim="most", rule="expected", budget_fen=1, known=known)
    assert [problem.column for problem in refused.value.problems] == ["area_target.D1"]


@pytest.mark.parametrize("value", [True, "x", [], {}, -1, float("nan"), float("inf"), 10**40])
@pytest.mark.parametrize("name", [name for name in KEYS if name not in ("must", "banned")])
def test_no_value_of_any_key_breaks_the_check(name, value):
    known = Known(runs=["R"], areas=AREAS)
    try:
        clean_question({name: value}, aim="most", rule="expected", budget_fen=1, known=known)
    except InvalidInput as refused:
        assert refused.problems and all(problem.column.startswith(name) for problem in refused.problems)


def test_areas_of_cells_at_a_level_and_outside():
    from planning.bridge.siting_limits import areas_of_cells

    arrays = {
        "area_level": np.array([1, 2, 3, 2]), "area_parent": np.array([-1, 0, 1, 0]), "cell_area": np.array([0, 1, 2, 3, -1]),
    }  # fmt: skip

    frozen = type(
        "F", (), {"meta": {"areas": ["C", "D1", "S", "D2"]}, "__getitem__": lambda self, name: arrays[name]}
    )()
    codes, area = areas_of_cells(frozen, 2)
    assert codes == ["D1", "D2"] and area.tolist() == [-1, 0, 0, 1, -1]
    assert areas_of_cells(frozen, 3)[1].tolist() == [-1, -1, 0, -1, -1]
    assert areas_of_cells(frozen, 1)[1].tolist() == [0, 0, 0, 0, -1]
