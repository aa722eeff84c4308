"""Travel searches in blocks: put together they are the one search, a longer one serves a shorter one, and whatever can
move a travel time gives the folder another name."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.network import RoadGraph
from engine.travel import reach_by_road, reach_straight
from engine.world import Reach
from planning.bridge import artefacts, searches
from planning.bridge.frozen import Frozen
from planning.bridge.roads import RoadState
from planning.bridge.searches import Search, Sweep, cells_snap, reach_found_by, sweeps_of
from planning.models import RoadNetwork
from tests.bench._city import people_grid, road_grid, scattered_sites

SITES = 60


def inputs(seed: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, y, people = people_grid(1500, rng)
    site_x, site_y = scattered_sites(x, y, people, SITES, rng)
    # Some people and places far from every street: on foot they are reached straight ahead.
    x[-8:], y[-8:] = 6000.0 + 50.0 * np.arange(8), 3800.0
    site_x[:4], site_y[:4] = [6010.0, 6130.0, 6220.0, 6330.0], 3800.0
    return {
        "cell_id": np.arange(len(x)), "cell_x": x, "cell_y": y, "site_id": np.arange(SITES), "site_x": site_x,
        "site_y": site_y, "site_entry_minutes": rng.integers(0, 4, SITES).astype(float),
    }  # fmt: skip


@pytest.fixture
def straight() -> Frozen:
    return Frozen("snapshots/a", inputs(), {"network": None})


@pytest.fixture
def roads(town: SimpleNamespace) -> RoadState:
    """A stored network with a closed and a slowed street in every ten."""
    grid = road_grid(900, np.random.default_rng(4))
    graph = RoadGraph.build(*(grid[name] for name in ("node_x", "node_y", "edge_from", "edge_to", "length_m", "speed_kmh", "oneway")))  # fmt: skip
    graph.save(artefacts._local("networks/n")[0], {})
    RoadNetwork.objects.create(
        city=town.city, ref="N-1", sha256="n" * 64, folder="networks/n", nodes=graph.nodes, edges=graph.streets, length_km=1
    )  # fmt: skip
    weight = np.ones(graph.streets)
    weight[::10], weight[5::10] = np.inf, 2.5
    return RoadState("n" * 64, graph, weight, "key", 75.0, 250.0, 1.0, 1.0)


def search_of(frozen: Frozen, roads: RoadState | None = None, **changes: Any) -> Search:
    asked = {"sites": np.arange(SITES), "limit": 600.0, "unit": "m", "mode": "walk", "detour": 1.3} | changes
    return Search(frozen, roads=roads, **asked)


def same(one: Reach, other: Reach) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("indptr", "cell", "cost")
    )


def in_blocks(search: Search, size: int) -> Reach:
    sweep = Sweep([search], size)
    assert sweep.blocks > 2
    for block in reversed(range(sweep.blocks)):
        sweep.do(block)
    sweep.put_together(search)
    found = search.found()
    assert found is not None and found.pairs > 100
    return found


@pytest.mark.parametrize(
    ("unit", "mode", "limit"), [("m", "walk", 900.0), ("min", "walk", 15.0), ("min", "drive", 6.0)]
)
def test_blocks_put_together_are_the_one_search_to_the_bit(
    roads: RoadState, unit: str, mode: str, limit: float
) -> None:
    frozen = Frozen("snapshots/a", inputs(), {"network": roads.network_sha})
    search = search_of(frozen, roads, unit=unit, mode=mode, limit=limit)
    extra = frozen["site_entry_minutes"] if unit == "min" else None
    whole = reach_by_road(
        roads.graph, search.x, search.y, frozen["cell_x"], frozen["cell_y"], limit, unit, mode, 1.3, site_extra=extra,
        weight=roads.weight_for(unit),
    )  # fmt: skip
    assert same(in_blocks(search, 17), whole)
    if mode == "walk":
        far = cells_snap(frozen, roads.network_sha, "walk").entry_m > 500
        assert far.any() and np.isin(np.flatnonzero(far), whole.cell).any(), "no trip leaves the map here"


def test_without_roads_blocks_are_the_one_search_too(straight: Frozen) -> None:
    search = search_of(straight)
    whole = reach_straight(
        search.x, search.y, straight["cell_x"], straight["cell_y"], 600.0, "m", "walk", 1.3
    )
    assert same(in_blocks(search, 13), whole)
    assert artefacts.names_in(search.family) == ["600.0"], "the blocks stayed behind"


def test_a_shorter_limit_is_cut_from_a_longer_one_without_a_search(
    roads: RoadState, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = Frozen("snapshots/a", inputs(), {"network": roads.network_sha})
    long = search_of(frozen, roads, unit="min", mode="drive", limit=8.0)
    short = replace(long, limit=4.5)
    apart = search_of(
        frozen, replace(roads, key="the same streets under another key"), unit="min", mode="drive", limit=4.5
    )
    searched = reach_found_by(apart)
    reach_found_by(long)
    monkeypatch.setattr(searches, "_search", None)
    monkeypatch.setattr(searches, "BLOCK_PAIRS", 700)
    assert short.family == long.family and short.family != apart.family
    assert same(reach_found_by(short), searched)
    assert artefacts.names_in(long.family) == ["4.5", "8.0"]


def test_a_longer_limit_is_not_taken_from_a_shorter_one(straight: Frozen) -> None:
    reach_found_by(search_of(straight, limit=300.0))
    assert search_of(straight, limit=600.0).found() is None


def test_searches_that_share_places_are_done_in_one_sweep_and_answer_as_alone(straight: Frozen) -> None:
    long = search_of(straight, sites=np.arange(0, 40), limit=800.0)
    inside = search_of(straight, sites=np.arange(5, 45), limit=500.0)
    elsewhere = search_of(straight, sites=np.arange(45, SITES), limit=200.0)
    other_way = search_of(straight, sites=np.arange(0, 40), limit=10.0, unit="min")
    sweeps = sweeps_of([inside, long, elsewhere, other_way, long])
    assert sorted(len(sweep.searches) for sweep in sweeps) == [1, 1, 2]
    for sweep in sweeps:
        for block in range(sweep.blocks):
            sweep.do(block)
        for search in sweep.searches:
            sweep.put_together(search)
    for search in (long, inside, elsewhere, other_way):
        extra = search.extra
        alone = reach_straight(
            search.x, search.y, straight["cell_x"], straight["cell_y"], search.limit, search.unit, "walk", 1.3, site_extra=extra
        )  # fmt: skip
        found = search.found()
        assert found is not None and same(found, alone)
    assert sweeps_of([inside, long, elsewhere, other_way]) == []


def test_a_block_that_went_missing_is_searched_again(straight: Frozen) -> None:
    search = search_of(straight)
    sweep = Sweep([search], 20)
    sweep.do(0)
    sweep.do(2)
    artefacts.forget(sweep.block_name(search, 0))
    sweep.put_together(search)
    whole = reach_straight(
        search.x, search.y, straight["cell_x"], straight["cell_y"], 600.0, "m", "walk", 1.3
    )
    found = search.found()
    assert found is not None and same(found, whole)


@pytest.mark.parametrize(
    "change",
    [
        {"limit": 601.0}, {"unit": "min"}, {"mode": "drive"}, {"detour": 1.2}, {"sites": np.arange(1, SITES)},
        {"cell_y": 1.0}, {"site_x": 1.0}, {"roads": "weights"},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_whatever_can_move_a_travel_time_gives_another_name(straight: Frozen, change: dict[str, Any]) -> None:
    key, value = next(iter(change.items()))
    if key in straight.arrays:
        other = search_of(replace(straight, arrays={**straight.arrays, key: straight[key] + value}))
    elif key == "roads":
        other = search_of(straight, SimpleNamespace(key=value))  # type: ignore[arg-type]
    else:
        other = search_of(straight, **change)
    assert other.name != search_of(straight).name


def test_minutes_at_the_gate_count_for_limits_in_minutes_only(straight: Frozen) -> None:
    slow = replace(
        straight, arrays={**straight.arrays, "site_entry_minutes": straight["site_entry_minutes"] + 1}
    )
    assert search_of(slow).name == search_of(straight).name
    assert search_of(slow, unit="min").name != search_of(straight, unit="min").name


def test_where_cells_enter_is_found_once(roads: RoadState, monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = Frozen("snapshots/a", inputs(5), {"network": roads.network_sha})
    searches._loaded_snap.cache_clear()
    first = cells_snap(frozen, roads.network_sha, "walk")
    searches._loaded_snap.cache_clear()
    monkeypatch.setattr(RoadGraph, "snap", None)
    again = cells_snap(frozen, roads.network_sha, "walk")
    assert np.array_equal(first.street, again.street) and np.array_equal(first.along, again.along)


def test_nobody_to_reach_is_an_empty_reach(straight: Frozen) -> None:
    found = reach_found_by(search_of(straight, sites=np.empty(0, np.int64)))
    assert (found.sites, found.pairs) == (0, 0)


def test_a_folder_written_piece_by_piece_is_stored_whole_or_not_at_all(settings: Any) -> None:
    with pytest.raises(RuntimeError), artefacts.drafted("reach/x") as draft:
        draft.array("cell", np.int32, 3)(np.full(3, 7))
        raise RuntimeError
    with pytest.raises(ValueError, match="cell"), artefacts.drafted("reach/x") as draft:
        draft.array("cell", np.int32, 3)(np.full(2, 7))
    assert not artefacts.exists("reach/x") and artefacts.names_in("reach") == []
    with artefacts.drafted("reach/x", {"told": 1}) as draft:
        append = draft.array("cell", np.int32, 3)
        append(np.full(1, 7))
        append(np.full(2, 7))
        draft.array("none", np.float32, 0)
    kept = artefacts.load("reach/x")[0]
    with artefacts.drafted("reach/x") as draft:
        draft.array("cell", np.int32, 1)(np.full(1, 9))
    arrays, meta = artefacts.load("reach/x")
    assert (arrays["cell"].tolist(), arrays["none"].size, meta) == ([7, 7, 7], 0, {"told": 1})
    assert artefacts.keep("reach/y", {name: np.array(kept[name]) for name in kept}, {"told": 1})
    artefacts.forget("reach/x")
    assert artefacts.names_in("reach") == ["y"] and kept["cell"].tolist() == [7, 7, 7]
