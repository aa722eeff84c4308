import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from engine.checks import InvalidInput
from engine.network import RoadGraph
from engine.travel import reach_by_road, reach_straight


def corner_street(**more) -> RoadGraph:
    """Two streets of 1 km meeting at a right angle: (0,0)-(1000,0)-(1000,1000), 60 km/h."""
    return RoadGraph.build(
        [0, 1000, 1000], [0, 0, 1000], [0, 1], [1, 2], [1000, 1000], [60, 60], keep="all", **more
    )


def costs(reach, site=0):
    return dict(zip(reach.row(site)[0].tolist(), reach.row(site)[1].tolist(), strict=True))


def test_a_trip_is_entry_leg_plus_streets_plus_exit_leg():
    # Worked example of docs/algorithms/reach.md: 100 in, 500 + 250 along, 50 out = 900 m = 12 min on foot.
    reach = reach_by_road(corner_street(), [500], [100], [950], [250], 2000, "m", "walk", direct_m=0)
    assert costs(reach) == {0: 900.0}
    minutes = reach_by_road(corner_street(), [500], [100], [950], [250], 15, "min", "walk", direct_m=0)
    assert costs(minutes)[0] == pytest.approx(12.0)


def test_driving_uses_the_street_speed_and_a_slow_entry():
    reach = reach_by_road(corner_street(), [500], [0], [1000], [250], 5, "min", "drive", direct_m=0)
    assert costs(reach)[0] == pytest.approx(0.75)
    aside = reach_by_road(corner_street(), [500], [100], [1000], [250], 5, "min", "drive", direct_m=0)
    assert costs(aside)[0] == pytest.approx(0.75 + 100 / 250)


def test_people_walk_straight_through_their_own_block_when_that_is_shorter():
    reach = reach_by_road(corner_street(), [800], [0], [1000], [200], 2000, "m", "walk")
    assert costs(reach)[0] == pytest.approx(1.3 * np.hypot(200, 200), rel=1e-6)
    around = reach_by_road(corner_street(), [800], [0], [1000], [200], 2000, "m", "walk", direct_m=100)
    assert costs(around)[0] == pytest.approx(400)


def test_the_limit_itself_is_in_reach():
    assert costs(reach_by_road(corner_street(), [0], [0], [1000], [0], 1000, "m", "walk")) == {0: 1000.0}
    assert costs(reach_by_road(corner_street(), [0], [0], [1000], [0], 999, "m", "walk")) == {}
    assert costs(reach_straight([0], [0], [1000], [0], 1300, "m", "walk")) == {0: 1300.0}


def test_one_way_streets_bind_drivers_but_not_walkers():
    # A one-way triangle 0 -> 1 -> 2 -> 0: from the cell on 1-2 to the site on 0-1 a driver goes round.
    graph = RoadGraph.build(
        [0, 300, 0], [0, 0, 400], [0, 1, 2], [1, 2, 0], [300, 500, 400], [60] * 3, [True] * 3
    )
    site, cell = ([150], [0]), ([150], [200])
    drive = reach_by_road(graph, *site, *cell, 5000, "m", "drive", direct_m=0)
    assert costs(drive)[0] == pytest.approx(250 + 400 + 150)
    away = reach_by_road(graph, *site, *cell, 5000, "m", "drive", direct_m=0, to_site=False)
    assert costs(away)[0] == pytest.approx(150 + 250)
    assert costs(reach_by_road(graph, *site, *cell, 5000, "m", "walk", direct_m=0))[0] == pytest.approx(400)


def test_on_the_own_one_way_street_one_cannot_turn_back():
    graph = RoadGraph.build(
        [0, 300, 0], [0, 0, 400], [0, 1, 2], [1, 2, 0], [300, 500, 400], [60] * 3, [True] * 3
    )
    reach = reach_by_road(graph, [100], [0], [50, 200], [0, 0], 5000, "m", "drive", direct_m=0)
    assert costs(reach) == pytest.approx({0: 50.0, 1: 100 + 500 + 400 + 100})


def test_two_links_that_mirror_each_other_are_one_street():
    graph = RoadGraph.build([0, 100], [0, 0], [0, 1], [1, 0], [110, 112], [30, 40], [True, True])
    assert graph.streets == 1
    assert sorted([graph.speed_ab_kmh[0], graph.speed_ba_kmh[0]]) == [30, 40]


def test_a_closed_street_carries_nobody_and_lets_nobody_in():
    graph = corner_street()
    closed = np.array([False, True])
    reach = reach_by_road(graph, [500], [0], [1000], [1000], 5000, "m", "walk", direct_m=0, closed=closed)
    assert costs(reach)[0] == pytest.approx(500 + 1000)  # walks straight to the open corner
    nobody = reach_by_road(graph, [500], [0], [400], [0], 5000, "m", "walk", direct_m=0, closed=[True, True])
    assert nobody.pairs == 0


def test_crumbs_of_a_cut_out_are_dropped():
    graph = RoadGraph.build([0, 1, 2, 50, 51], [0] * 5, [0, 1, 3], [1, 2, 4], [1, 1, 1], [30] * 3)
    assert (graph.nodes, graph.streets) == (3, 2)


def test_a_smaller_limit_is_a_filter_of_the_larger_search():
    rng = np.random.default_rng(3)
    site, cell = rng.random((2, 20)) * 3000, rng.random((2, 200)) * 3000
    wide = reach_straight(*site, *cell, 1500, "m", "walk")
    narrow = reach_straight(*site, *cell, 700, "m", "walk")
    cut = wide.within(700)
    assert cut.indptr.tolist() == narrow.indptr.tolist()
    assert cut.cell.tolist() == narrow.cell.tolist()


def test_straight_reach_equals_all_pairs():
    rng = np.random.default_rng(4)
    site, cell = rng.random((2, 30)) * 3000, rng.random((2, 300)) * 3000
    far = np.hypot(site[0][:, None] - cell[0], site[1][:, None] - cell[1]) * 1.3
    reach = reach_straight(*site, *cell, 12, "min", "walk")
    for number in range(30):
        assert reach.row(number)[0].tolist() == np.flatnonzero(far[number] <= 900).tolist()
        assert reach.row(number)[1] == pytest.approx(far[number][far[number] <= 900] / 75, rel=1e-5)


@pytest.mark.parametrize("mode", ["walk", "drive"])
@pytest.mark.parametrize("seed", range(6))
def test_travel_equals_scipy_dijkstra_on_random_graphs(seed, mode):
    rng = np.random.default_rng(seed)
    nodes, links, sites, cells = 60, 150, 12, 80
    x, y = rng.random((2, nodes)) * 4000
    start, end = rng.integers(0, nodes, (2, links))
    straight = np.hypot(x[start] - x[end], y[start] - y[end])
    graph = RoadGraph.build(x, y, start, end, straight * rng.uniform(1, 1.5, links), rng.choice([30.0, 60.0], links),
                            rng.random(links) < 0.4, keep="all")  # fmt: skip
    closed = rng.random(graph.streets) < 0.1
    site, cell = rng.random((2, sites)) * 4000, rng.random((2, cells)) * 4000
    limit = 12.0 if mode == "drive" else 60.0
    reach = reach_by_road(graph, *site, *cell, limit, "min", mode, closed=closed, direct_m=400)

    # The same by scipy: a directed graph with every site and cell as a node of its own on its street. A place at the
    # very end of a one-way street is at the crossing, from which every street of the crossing can be taken.
    def part(share, cost):
        return 0.0 if share == 0 else share * cost

    walk = mode == "walk"
    leg = 1 / 75 if walk else 1 / 250
    ab = (
        graph.length_m / 75
        if walk
        else graph.length_m * 0.06 / np.where(graph.speed_ab_kmh > 0, graph.speed_ab_kmh, np.nan)
    )
    ba = (
        graph.length_m / 75
        if walk
        else graph.length_m * 0.06 / np.where(graph.speed_ba_kmh > 0, graph.speed_ba_kmh, np.nan)
    )
    ab, ba = np.where(closed, np.nan, ab), np.where(closed, np.nan, ba)
    arcs = [(graph.a[e], graph.b[e], ab[e]) for e in range(graph.streets)]
    arcs += [(graph.b[e], graph.a[e], ba[e]) for e in range(graph.streets)]
    cell_snap, site_snap = graph.snap(*cell, closed), graph.snap(*site, closed)
    total = graph.nodes + cells + sites
    for c in range(cells):
        e, t, here = cell_snap.street[c], cell_snap.along[c], graph.nodes + c
        arcs += [(here, graph.b[e], part(1 - t, ab[e]) + cell_snap.entry_m[c] * leg)]
        arcs += [(here, graph.a[e], part(t, ba[e]) + cell_snap.entry_m[c] * leg)]
        for s in np.flatnonzero(site_snap.street == e):
            u = site_snap.along[s]
            way = part(u - t, ab[e]) if u >= t else part(t - u, ba[e])
            arcs += [
                (here, graph.nodes + cells + s, way + (cell_snap.entry_m[c] + site_snap.entry_m[s]) * leg)
            ]
    for s in range(sites):
        e, t, there = site_snap.street[s], site_snap.along[s], graph.nodes + cells + s
        arcs += [(graph.a[e], there, part(t, ab[e]) + site_snap.entry_m[s] * leg)]
        arcs += [(graph.b[e], there, part(1 - t, ba[e]) + site_snap.entry_m[s] * leg)]
    best = {}
    for tail, head, cost in arcs:
        if np.isfinite(cost):
            best[tail, head] = min(best.get((tail, head), np.inf), max(cost, 1e-12))
    matrix = csr_matrix((list(best.values()), np.array(list(best)).T), shape=(total, total))
    far = dijkstra(matrix, indices=np.arange(graph.nodes, graph.nodes + cells))[:, graph.nodes + cells :].T
    line = np.hypot(site[0][:, None] - cell[0], site[1][:, None] - cell[1])
    free = line <= 400
    if walk:  # off the map, whatever is closed
        free |= (graph.snap(*site).entry_m > 400)[:, None] | (graph.snap(*cell).entry_m > 400)
    far = np.minimum(far, np.where(free, line * 1.3 * leg, np.inf))
    for s in range(sites):
        found = np.full(cells, np.inf)
        found[reach.row(s)[0]] = reach.row(s)[1]
        clear = np.abs(far[s] - limit) > 1e-4
        inside = (far[s] <= limit) & clear
        assert found[inside] == pytest.approx(far[s][inside], rel=1e-5, abs=1e-5)
        assert np.isinf(found[(far[s] > limit) & clear]).all()


def test_every_problem_of_a_road_file_is_told_at_once():
    with pytest.raises(InvalidInput) as refused:
        RoadGraph.build([0, np.nan], [0, 0], [0], [7], [-1.0], [0.0])
    assert len(refused.value.problems) == 4


def test_a_graph_saved_and_loaded_is_the_same(tmp_path):
    graph = corner_street()
    name = graph.save(tmp_path / "roads", {"source": "test"})
    again = RoadGraph.load(tmp_path / "roads")
    assert again.length_m.tolist() == graph.length_m.tolist()
    assert again.save(tmp_path / "copy", {"source": "test"}) == name


def test_on_foot_a_place_off_the_map_is_reached_straight_ahead_times_the_detour():
    """One street along y = 0; a hamlet 900 m north of it, a hut 400 m north. The shelter is 700 m from the hamlet."""
    graph = RoadGraph.build([0.0, 2000.0], [0.0, 0.0], [0], [1], [2000.0], [30.0])
    cells_x, cells_y = [1000.0, 1000.0], [900.0, 400.0]
    reach = reach_by_road(graph, [1700.0], [900.0], cells_x, cells_y, 1000.0, "m", "walk")
    assert dict(zip(reach.cell.tolist(), reach.cost.tolist(), strict=True)) == {0: pytest.approx(910.0)}
    # The hut is on the map, the shelter is not: 860.2 m straight is 1,118 m, beyond 1,000 m but within 1,200 m.
    wider = reach_by_road(graph, [1700.0], [900.0], cells_x, cells_y, 1200.0, "m", "walk")
    assert dict(zip(wider.cell.tolist(), wider.cost.tolist(), strict=True))[1] == pytest.approx(
        1.3 * 860.2325, rel=1e-5
    )


def test_a_closed_street_does_not_put_its_houses_off_the_map():
    graph = RoadGraph.build(
        [0.0, 2000.0, 0.0], [0.0, 0.0, 3000.0], [0, 0], [1, 2], [2000.0, 3000.0], [30.0, 30.0]
    )
    open_way = reach_by_road(graph, [1900.0], [0.0], [1000.0], [0.0], 1500.0, "m", "walk")
    shut = reach_by_road(graph, [1900.0], [0.0], [1000.0], [0.0], 1500.0, "m", "walk", closed=[True, False])
    assert open_way.cost.tolist() == [pytest.approx(900.0)]
    assert shut.cell.size == 0
