"""The road graph: what is refused, what is put right, who may use which street, and where points enter."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import archive
from engine.checks import InvalidInput
from engine.network import RoadGraph
from engine.streets import curve_order
from engine.travel import nearest_by_road, node_times, reach_by_road, street_speeds


def wiggly(seed: int = 1, links: int = 40, nodes: int = 25) -> RoadGraph:
    """Streets with up to four corners each between random nodes."""
    rng = np.random.default_rng(seed)
    x, y = rng.random((2, nodes)) * 2000
    start, end = rng.integers(0, nodes, (2, links))
    counts = rng.integers(0, 5, links)
    ptr = np.concatenate([[0], np.cumsum(counts)])
    return RoadGraph.build(
        x, y, start, end, np.full(links, 100.0), 30.0, keep="all", line_ptr=ptr,
        line_x=rng.random(ptr[-1]) * 2000, line_y=rng.random(ptr[-1]) * 2000,
    )  # fmt: skip


def lines_of(graph: RoadGraph) -> list[shapely.LineString]:
    lines = []
    for e in range(graph.streets):
        own = slice(graph.line_ptr[e], graph.line_ptr[e + 1])
        a, b = graph.a[e], graph.b[e]
        x = [graph.node_x[a], *graph.line_x[own], graph.node_x[b]]
        y = [graph.node_y[a], *graph.line_y[own], graph.node_y[b]]
        lines.append(shapely.LineString(np.column_stack([x, y])))
    return lines


def test_nodes_lie_along_a_curve_so_that_neighbours_are_near():
    x, y = (one.ravel().astype(float) for one in np.meshgrid(np.arange(16), np.arange(16)))
    order = curve_order(x, y)
    assert sorted(order) == list(range(256))
    steps = np.hypot(np.diff(x[order]), np.diff(y[order]))
    assert steps.max() == 1.0


def test_streets_follow_their_first_node():
    graph = wiggly()
    assert np.all(np.diff(graph.a) >= 0) and np.all(graph.a < graph.b)


@pytest.mark.parametrize("seed", range(5))
def test_snapping_finds_the_nearest_point_of_the_real_lines(seed):
    graph = wiggly(seed)
    rng = np.random.default_rng(seed)
    x, y = rng.random((2, 300)) * 4000 - 1000  # some far outside
    lines = lines_of(graph)
    far = np.stack([shapely.distance(line, shapely.points(x, y)) for line in lines])
    snap = graph.snap(x, y)
    assert snap.entry_m == pytest.approx(far.min(axis=0), abs=1e-6)
    for n in range(300):
        line = lines[snap.street[n]]
        at = line.interpolate(snap.along[n], normalized=True)
        assert np.hypot(at.x - x[n], at.y - y[n]) == pytest.approx(snap.entry_m[n], abs=1e-6)


def test_snapping_finds_the_nearest_street_across_wide_empty_land():
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.random(400) * 1000, [200_000, 200_050]])
    y = np.concatenate([rng.random(400) * 1000, [150_000, 150_000]])
    start, end = np.arange(0, 402, 2), np.arange(1, 402, 2)
    graph = RoadGraph.build(x, y, start, end, np.zeros(201), 30.0, keep="all")
    px, py = rng.random((2, 200)) * 300_000 - 50_000
    far = np.min(shapely.distance(np.array(lines_of(graph))[:, None], shapely.points(px, py)), axis=0)
    assert graph.snap(px, py).entry_m == pytest.approx(far, rel=1e-9)


def test_the_share_along_a_street_with_corners_is_by_its_length():
    # From (0, 0) up 300 m, then 100 m to the right: (0, 150) is 150 of 400 m along.
    graph = RoadGraph.build(
        [0, 100], [0, 300], [0], [1], [400], [30], line_ptr=[0, 1], line_x=[0.0], line_y=[300.0]
    )
    snap = graph.snap([-20.0, 100.0], [150.0, 300.0])
    assert snap.along.tolist() == [0.375, 1.0]
    reach = reach_by_road(graph, [100], [300], [-20], [150], 1000, "m", "walk", direct_m=0)
    assert reach.cost.tolist() == [270.0]


def test_a_street_given_backwards_keeps_its_corners_in_order():
    graph = RoadGraph.build([0, 0], [0, 300], [1], [0], [500], [30], line_ptr=[0, 2], line_x=[100.0, 100.0],
                            line_y=[300.0, 0.0])  # fmt: skip
    assert graph.line_y.tolist() == [0.0, 300.0]
    assert graph.snap([100], [150]).along.tolist() == [0.5]


def test_who_is_farther_than_the_limit_is_not_on_the_map():
    graph = RoadGraph.build([0, 1000], [0, 0], [0], [1], [1000], [30])
    snap = graph.snap([500, 500], [100, 101], limit_m=100.0)
    assert snap.street.tolist() == [0, -1]
    assert np.isinf(snap.entry_m[1])
    reach = reach_by_road(
        graph, [0], [0], [500, 500], [100, 101], 9000, "m", "drive", direct_m=0, snap_limit_m=100
    )
    assert reach.cell.tolist() == [0]


def test_footpaths_are_walked_and_motorways_driven():
    """A motorway straight ahead, a footpath beside it, a street that goes round both."""
    graph = RoadGraph.build(
        [0, 1000, 500], [0, 0, 600], [0, 0, 0, 2], [1, 1, 2, 1], [1000, 1100, 800, 800], [100.0, 0.0, 40.0, 40.0],
        walk=[False, True, True, True], klass=[0, 1, 2, 2], source_id=[10, 11, 12, 13],
    )  # fmt: skip
    motorway, footpath = (int(np.flatnonzero(graph.source_id == one)[0]) for one in (10, 11))
    ends = [0], [0], [1000], [0]
    drive = reach_by_road(graph, *ends, 5000, "m", "drive", direct_m=0)
    walk = reach_by_road(graph, *ends, 5000, "m", "walk", direct_m=0)
    assert (drive.cost.tolist(), walk.cost.tolist()) == ([1000.0], [1100.0])
    assert graph.snap([500], [1], mode="drive").street.tolist() == [motorway]
    assert graph.snap([500], [1], mode="walk").street.tolist() == [footpath]


def test_each_mode_keeps_its_own_largest_part():
    """A trap: one can drive into 2 and not out. It stays for walkers; the far footpath is an island and goes."""
    graph = RoadGraph.build(
        [0, 100, 200, 9000, 9100], [0] * 5, [0, 1, 3], [1, 2, 4], [100, 100, 100], [30.0, 30.0, 0.0],
        [False, True, False], walk=[True, True, True], source_id=[1, 2, 3],
    )  # fmt: skip
    assert graph.source_id.tolist() == [1, 2]
    assert graph.usable("drive").tolist() == [True, False]
    assert graph.usable("walk").tolist() == [True, True]


def test_parts_are_numbered_from_the_largest():
    graph = RoadGraph.build(
        [0, 100, 200, 5000, 5100], [0] * 5, [0, 1, 3], [1, 2, 4], [100] * 3, 30.0, [False, True, False],
        keep="all",
    )  # fmt: skip
    walk, drive = graph.parts("walk"), graph.parts("drive")
    assert np.bincount(walk).tolist() == [3, 2]
    assert np.bincount(drive).tolist() == [2, 2, 1]
    assert np.bincount(graph.parts("drive", connection="weak")).tolist() == [3, 2]


def test_a_closed_bridge_makes_an_island_out_of_reach():
    graph = RoadGraph.build(
        [0, 100, 200, 300], [0] * 4, [0, 1, 2], [1, 2, 3], [100] * 3, 30.0, source_id=[1, 2, 3]
    )
    bridge = np.where(graph.source_id == 2, np.inf, 1.0)
    assert np.bincount(graph.parts("walk", closed=np.isinf(bridge))).tolist() == [2, 2]
    cells = [50, 110, 300], [0, 0, 0]
    for mode in ("walk", "drive"):
        open_way = reach_by_road(graph, [0], [0], *cells, 900, "m", mode, direct_m=0)
        shut = reach_by_road(graph, [0], [0], *cells, 900, "m", mode, direct_m=0, weight=bridge)
        assert open_way.cell.tolist() == [0, 1, 2]
        # 110 lies on the bridge: it enters by the next open street, 10 m back
        assert dict(zip(shut.cell.tolist(), shut.cost.tolist(), strict=True)) == {0: 50.0, 1: 110.0}


def test_mirrored_links_merge_and_keep_walkers_and_line():
    graph = RoadGraph.build(
        [0, 100], [0, 0], [0, 1, 0], [1, 0, 1], [110, 112, 110], [30, 40, 30], [True, True, True],
        walk=[False, True, False], line_ptr=[0, 0, 1, 1], line_x=[50.0], line_y=[10.0],
    )  # fmt: skip
    assert graph.streets == 1 and graph.walk.tolist() == [True]
    assert sorted([graph.speed_ab_kmh[0], graph.speed_ba_kmh[0]]) == [30, 40]


def test_the_two_halves_of_a_crescent_stay_two_streets():
    graph = RoadGraph.build(
        [0, 200], [0, 0], [0, 0], [1, 1], [300, 300], 30.0, line_ptr=[0, 1, 2], line_x=[100.0, 100.0],
        line_y=[100.0, -100.0],
    )  # fmt: skip
    assert graph.streets == 2


def test_a_loop_with_corners_is_cut_in_two_and_one_without_falls_away():
    """A lane of 100 m ends in a ring of 400 m."""
    graph = RoadGraph.build(
        [0, 100], [0, 0], [0, 1, 1], [1, 1, 1], [100, 400, 80], 30.0, line_ptr=[0, 0, 3, 3],
        line_x=[150.0, 200.0, 150.0], line_y=[50.0, 0.0, -50.0],
    )  # fmt: skip
    assert (graph.nodes, graph.streets) == (3, 3)
    assert graph.length_m.sum() == pytest.approx(500)
    reach = reach_by_road(graph, [0], [0], [200, 150], [0, -50], 900, "m", "walk", direct_m=0)
    assert reach.cost.tolist() == pytest.approx([300.0, 200.0])


def test_every_bad_link_is_told_at_once():
    with pytest.raises(InvalidInput) as refused:
        RoadGraph.build(
            [0, 1, 2], [0, 0, 0], [0, 1, 2, 0, 9], [1, 2, 0, 2, 0], [-5.0, np.nan, 1, 1, 1], [30, 0, 900, np.nan, 30],
            line_ptr=[0, 1, 1, 1, 1, 1], line_x=[np.inf], line_y=[0.0],
        )  # fmt: skip
    told = "; ".join(refused.value.problems)
    assert "1 name a node that does not exist" in told
    assert "length must be finite and not negative (2 are not)" in told
    assert "at most 200 km/h (3 are not)" in told
    assert "every corner" in told


@pytest.mark.parametrize(
    "given",
    [
        {"edge_from": [], "edge_to": [], "length_m": [], "speed_kmh": []},
        {"edge_from": [0, 1], "edge_to": [1], "length_m": [1.0], "speed_kmh": [30.0]},
        {"speed_kmh": [0.0]},
        {"speed_kmh": [0.0], "walk": [False]},
        {"line_ptr": [0, 2], "line_x": [1.0], "line_y": [1.0]},
        {"keep": "most"},
        {"walk": [True, True]},
    ],
)
def test_links_that_cannot_be_streets_are_refused(given):
    usual = {"edge_from": [0], "edge_to": [1], "length_m": [100.0], "speed_kmh": [30.0]}
    with pytest.raises(InvalidInput):
        RoadGraph.build([0, 100], [0, 0], **{**usual, **given})


def test_zero_lengths_take_the_straight_line_and_repeats_fall_away():
    graph = RoadGraph.build([0, 300], [0, 400], [0, 0, 0], [1, 1, 1], [0.0, 0.0, 0.0], 30.0)
    assert graph.streets == 1 and graph.length_m.tolist() == [500.0]


def test_streets_of_no_length_are_crossed_at_no_cost():
    graph = RoadGraph.build([0, 0, 0, 100], [0] * 4, [0, 1, 2], [1, 2, 3], [0.0, 0.0, 100.0], 30.0)
    for kernel in ("bucket", "float"):
        found = node_times(graph, [3], 500, "m", "walk", kernel=kernel)
        assert found.cost.tolist() == [100.0, 100.0, 100.0, 0.0]


def test_a_network_of_one_node_reaches_nothing_by_road():
    graph = RoadGraph.build([5.0], [5.0], [0], [0], [10.0], [30.0])
    assert (graph.nodes, graph.streets) == (1, 0)
    assert graph.snap([0.0], [0.0]).street.tolist() == [-1]
    assert reach_by_road(graph, [0], [0], [10], [0], 100, "m", "drive", direct_m=0).pairs == 0
    assert reach_by_road(graph, [0], [0], [10], [0], 100, "m", "drive").cost.tolist() == [13.0]
    assert node_times(graph, [0], 5, "min", "walk").cell.tolist() == [0]
    cost, site = nearest_by_road(graph, [0], [0], [10], [0], 100, "m", "walk", direct_m=0)
    assert np.isinf(cost[0]) and site.tolist() == [-1]


def test_a_shelter_in_a_lake_is_far_but_not_an_error():
    graph = RoadGraph.build([0, 1000], [0, 0], [0], [1], [1000], [60])
    reach = reach_by_road(graph, [500], [30_000], [500], [0], 10, "min", "drive")
    assert reach.pairs == 0
    slow = reach_by_road(graph, [500], [30_000], [500], [0], 200, "min", "drive")
    assert slow.cost.tolist() == [120.0]


def test_empty_questions_have_empty_answers():
    graph = RoadGraph.build([0, 1000], [0, 0], [0], [1], [1000], [60])
    assert reach_by_road(graph, [], [], [1.0], [1.0], 5, "min", "walk").sites == 0
    none = reach_by_road(graph, [1.0], [1.0], [], [], 5, "min", "walk")
    assert (none.sites, none.pairs) == (1, 0)
    assert node_times(graph, [], 5, "min", "walk").sites == 0
    cost, site = nearest_by_road(graph, [], [], [1.0], [1.0], 5, "min", "walk")
    assert np.isinf(cost).all() and site.tolist() == [-1]


@pytest.mark.parametrize(
    "given",
    [
        {"site_x": [np.nan]},
        {"cell_y": [np.inf]},
        {"cell_x": [1.0, 2.0]},
        {"weight": [0.0]},
        {"weight": [np.nan]},
        {"weight": [1.0, 1.0]},
        {"closed": [True, False]},
        {"site_extra": [-1.0]},
        {"site_extra": [1.0, 1.0]},
        {"kernel": "magic"},
        {"limit": 0},
        {"limit": np.inf},
        {"unit": "km"},
        {"mode": "fly"},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(given):
    graph = RoadGraph.build([0, 1000], [0, 0], [0], [1], [1000], [60])
    usual = {
        "site_x": [0.0], "site_y": [0.0], "cell_x": [1.0], "cell_y": [1.0], "limit": 5, "unit": "min", "mode": "walk"
    }  # fmt: skip
    with pytest.raises(InvalidInput):
        reach_by_road(graph, **{**usual, **given})


def test_speeds_of_classes_replace_the_sources_and_factors_slow_them():
    graph = RoadGraph.build(
        [0, 100, 200, 300], [0] * 4, [0, 1, 2], [1, 2, 3], [100] * 3, [30.0, 50.0, 0.0], [False, True, False],
        keep="all", walk=[True] * 3, klass=[0, 1, 7],
    )  # fmt: skip
    quicker = street_speeds(graph, [np.nan, 80.0], [0.5, 0.75])
    assert quicker.speed_ab_kmh.tolist() == [15.0, 60.0, 0.0]
    assert quicker.speed_ba_kmh.tolist() == [15.0, 0.0, 0.0]
    assert graph.speed_ab_kmh.tolist() == [30.0, 50.0, 0.0]
    with pytest.raises(InvalidInput, match="200 km/h"):
        street_speeds(graph, [np.nan, 80.0], [1.0, 3.0])
    with pytest.raises(InvalidInput):
        street_speeds(graph, [np.nan, 80.0], [1.0])


def test_an_older_folder_without_the_newer_columns_loads(tmp_path):
    graph = RoadGraph.build([0, 100, 200], [0] * 3, [0, 1], [1, 2], [100, 100], 30.0)
    old = {
        name: graph.arrays()[name]
        for name in ("node_x", "node_y", "a", "b", "length_m", "speed_ab_kmh", "speed_ba_kmh")
    }
    archive.save(tmp_path / "old", old)
    again = RoadGraph.load(tmp_path / "old")
    assert again.walk.all() and again.source_id.tolist() == [-1, -1] and again.klass.tolist() == [0, 0]
    assert reach_by_road(again, [0], [0], [200], [0], 500, "m", "walk", direct_m=0).cost.tolist() == [200.0]


def test_streets_out_of_order_are_refused_rather_than_searched_wrongly():
    graph = RoadGraph.build([0, 100, 200], [0] * 3, [0, 1], [1, 2], [100, 100], 30.0)
    per_street = ("a", "b", "length_m", "speed_ab_kmh", "speed_ba_kmh", "walk", "klass", "source_id")
    turned = RoadGraph.from_arrays(
        {name: value[::-1] if name in per_street else value for name, value in graph.arrays().items()}
    )
    with pytest.raises(InvalidInput, match="order"):
        reach_by_road(turned, [0], [0], [200], [0], 500, "m", "walk")


def test_a_graph_with_corners_saved_and_loaded_is_the_same(tmp_path):
    graph = wiggly()
    name = graph.save(tmp_path / "roads", {"classes": ["street"]})
    again = RoadGraph.load(tmp_path / "roads")
    assert again.save(tmp_path / "copy", {"classes": ["street"]}) == name
    assert {key: value.tolist() for key, value in again.arrays().items()} == {
        key: value.tolist() for key, value in graph.arrays().items()
    }


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 30))
def test_no_network_of_any_shape_breaks_the_build(seed, nodes, links):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 5, (2, nodes)) * 100.0  # many at the same spot
    start, end = rng.integers(0, nodes, (2, links))
    walk = rng.random(links) < 0.5
    speed = np.where(walk & (rng.random(links) < 0.5), 0.0, 30.0)
    counts = rng.integers(0, 3, links)
    ptr = np.concatenate([[0], np.cumsum(counts)])
    lines = {"line_ptr": ptr, "line_x": rng.random(ptr[-1]) * 500, "line_y": rng.random(ptr[-1]) * 500}
    one_way = rng.random(links) < 0.5
    for keep in ("all", "weak", "strong"):
        graph = RoadGraph.build(
            x, y, start, end, rng.random(links) * 300, speed, one_way, keep, walk=walk, **lines
        )
        assert len(graph.line_ptr) == graph.streets + 1 and graph.line_ptr[-1] == len(graph.line_x)
        if keep == "strong" and graph.usable("drive").any():
            inside = np.unique(np.concatenate([graph.a, graph.b])[np.tile(graph.usable("drive"), 2)])
            assert len(np.unique(graph.parts("drive")[inside])) == 1
        snap = graph.snap(x, y)
        assert (np.isfinite(snap.entry_m) == (graph.streets > 0)).all()
