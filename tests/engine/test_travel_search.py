"""The bucket queue, the reference heap, scipy and the nearest-site search tell the same times."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from engine.buckets import bucket_rows
from engine.network import RoadGraph
from engine.rows import gathered, lowest
from engine.search import Search
from engine.travel import nearest_by_road, node_times, reach_by_road
from engine.trips import arcs, arriving, street_costs, street_factors


def random_roads(seed: int, nodes: int = 80, links: int = 220, **more) -> RoadGraph:
    rng = np.random.default_rng(seed)
    x, y = rng.random((2, nodes)) * 4000
    start, end = rng.integers(0, nodes, (2, links))
    straight = np.hypot(x[start] - x[end], y[start] - y[end])
    return RoadGraph.build(x, y, start, end, straight * rng.uniform(1, 1.5, links), rng.choice([5.0, 30.0, 90.0], links),
                           rng.random(links) < 0.4, keep="all", **more)  # fmt: skip


def by_scipy(graph: RoadGraph, factor: np.ndarray, mode: str) -> np.ndarray:
    """(v, v) minutes from each node to each other."""
    best: dict[tuple[int, int], float] = {}
    for e in range(graph.streets):
        for tail, head, speed in (
            (graph.a[e], graph.b[e], graph.speed_ab_kmh[e]),
            (graph.b[e], graph.a[e], graph.speed_ba_kmh[e]),
        ):
            metres_a_minute = 75.0 if mode == "walk" else speed * 1000 / 60
            if np.isfinite(factor[e]) and metres_a_minute > 0:
                cost = graph.length_m[e] / metres_a_minute * factor[e]
                best[tail, head] = min(best.get((tail, head), np.inf), cost)
    at = np.array(list(best)).T
    return dijkstra(csr_matrix((list(best.values()), at), shape=(graph.nodes, graph.nodes)))


def dense(reach, columns: int) -> np.ndarray:
    out = np.full((reach.sites, columns), np.inf)
    for site in range(reach.sites):
        cells, costs = reach.row(site)
        assert np.all(np.diff(cells) > 0)
        out[site, cells] = costs
    return out


@pytest.mark.parametrize("kernel", ["bucket", "float"])
@pytest.mark.parametrize("mode", ["walk", "drive"])
@pytest.mark.parametrize("seed", range(4))
def test_node_times_equal_scipy_on_random_graphs(seed, mode, kernel):
    graph = random_roads(seed)
    rng = np.random.default_rng(seed)
    factor = np.where(rng.random(graph.streets) < 0.15, np.inf, rng.uniform(1, 4, graph.streets))
    far = by_scipy(graph, factor, mode)
    limit = float(np.median(far[np.isfinite(far)]))
    source = rng.permutation(graph.nodes)
    for to_source, truth in ((True, far.T), (False, far)):
        told = node_times(
            graph, source, limit, "min", mode, weight=factor, kernel=kernel, to_source=to_source
        )
        found, wanted = dense(told, graph.nodes), truth[source]
        assert np.array_equal(np.isfinite(found), wanted.astype(np.float32) <= np.float32(limit))
        inside = np.isfinite(found)
        assert found[inside] == pytest.approx(wanted[inside], rel=2**-22)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["walk", "drive"]),
    st.sampled_from(["m", "min"]),
    st.floats(0.02, 3.0),
    st.booleans(),
)
def test_the_bucket_queue_tells_the_reference_to_the_last_bit(seed, mode, unit, scale, to_site):
    rng = np.random.default_rng(seed)
    graph = random_roads(seed, nodes=int(rng.integers(2, 90)), links=int(rng.integers(1, 250)))
    weight = np.where(
        rng.random(graph.streets) < 0.1, np.inf, rng.choice([1.0, 1e-6, 1e6, 2.5], graph.streets)
    )
    limit = scale * (4000.0 if unit == "m" else 25.0)
    site, cell = rng.random((2, 10)) * 4000, rng.random((2, 120)) * 4000
    asked = (graph, *site, *cell, limit, unit, mode)
    more = {"weight": weight, "to_site": to_site, "site_extra": rng.random(10)}
    fast, slow = (reach_by_road(*asked, kernel=kernel, **more) for kernel in ("bucket", "float"))
    assert fast.indptr.tolist() == slow.indptr.tolist()
    assert fast.cell.tolist() == slow.cell.tolist()
    assert fast.cost.tobytes() == slow.cost.tobytes()
    nodes = np.arange(graph.nodes)
    fast, slow = (
        node_times(graph, nodes, limit, unit, mode, weight=weight, kernel=kernel)
        for kernel in ("bucket", "float")
    )
    assert fast.cell.tobytes() == slow.cell.tobytes() and fast.cost.tobytes() == slow.cost.tobytes()


@pytest.mark.parametrize("width", [1e-3, 0.1, 1.0, 1000.0])
def test_the_width_of_the_buckets_changes_no_time(width):
    graph = random_roads(7)
    found = node_times(graph, [3], 60.0, "min", "drive", kernel="float")
    ptr, near, _side = arcs(graph)
    ab, ba = street_costs(graph, "min", "drive", street_factors(graph, None))
    search = Search.of(ptr, near, arriving(graph, ab, ba), 60.0, "bucket")
    own = search.scratch()
    head = np.full(int(60.1 / width) + 2, -1, np.int32)
    # lists with room for two waiting nodes: the search begins again with more room until they suffice
    lengths, node, cost, used = bucket_rows(
        np.array([[3]]), np.zeros((1, 1)), ptr, near, search.cost, np.float32(60), 60.0, 1 / width, own.dist,
        own.node_bits, head, np.empty(2, np.int32), np.empty(2, np.int32), own.row_node, own.row_cost,
    )  # fmt: skip
    assert lengths[0] == used == found.pairs
    assert node[:used].tolist() == found.cell.tolist()
    assert cost[:used].astype(np.float32).tobytes() == found.cost.tobytes()
    assert np.isinf(own.dist).all() and not own.node_bits.any() and (head == -1).all()


@pytest.mark.parametrize("mode", ["walk", "drive"])
@pytest.mark.parametrize("seed", range(4))
def test_the_nearest_site_is_the_least_of_all_rows(seed, mode):
    graph = random_roads(seed, nodes=300, links=800)
    rng = np.random.default_rng(seed)
    site, cell = rng.random((2, 30)) * 5500 - 800, rng.random((2, 400)) * 5500 - 800
    limit = 6.0 if mode == "drive" else 25.0
    more = {
        "weight": np.where(rng.random(graph.streets) < 0.1, np.inf, rng.uniform(1, 3, graph.streets)),
        "site_extra": rng.random(30) * 3,
    }
    rows = dense(reach_by_road(graph, *site, *cell, limit, "min", mode, **more), 400).astype(np.float32)
    cost, nearest = nearest_by_road(graph, *site, *cell, limit, "min", mode, **more)
    assert cost.tolist() == rows.min(axis=0).tolist()
    reached = np.isfinite(cost)
    assert np.array_equal(rows[nearest[reached], np.flatnonzero(reached)], cost[reached])
    assert (nearest[~reached] == -1).all() and reached.any() and not reached.all()


def test_of_equally_near_sites_the_first_is_nearest():
    graph = RoadGraph.build([0, 1000, 2000], [0] * 3, [0, 1], [1, 2], [1000, 1000], 30.0)
    asked = [1000.0, 1000.0], [0.0, 0.0]
    for order in ([0.0, 2000.0], [2000.0, 0.0], [0.0, 0.0]):
        cost, site = nearest_by_road(graph, order, [0.0, 0.0], *asked, 5000, "m", "walk", direct_m=0)
        assert cost.tolist() == [1000.0, 1000.0] and site.tolist() == [0, 0]


def test_entry_minutes_are_added_to_every_trip_of_a_site():
    graph = RoadGraph.build([0, 1000], [0, 0], [0], [1], [1000], [60])
    asked = (graph, [0, 0], [0, 0], [1000, 100], [0, 0], 10, "min", "drive")
    plain, gated = reach_by_road(*asked), reach_by_road(*asked, site_extra=[0.0, 9.5])
    assert plain.cost.tolist()[:2] == gated.cost.tolist()[:2]
    assert gated.row(1)[0].tolist() == [1]  # 9.5 + 1 min is too late for the far one
    assert gated.row(1)[1] == pytest.approx(9.5 + 0.1)


def test_a_slow_street_costs_more_and_a_detour_may_pay():
    graph = RoadGraph.build(
        [0, 1000, 500], [0, 0, 500], [0, 0, 2], [1, 2, 1], [1000, 800, 800], 60.0, source_id=[1, 2, 3]
    )
    straight = graph.source_id == 1
    for factor, wanted in ((1.0, 1000), (1.5, 1500), (2.0, 1600)):
        weight = np.where(straight, factor, 1.0)
        reach = reach_by_road(graph, [0], [0], [1000], [0], 9000, "m", "drive", direct_m=0, weight=weight)
        assert reach.cost.tolist() == [wanted]


@pytest.mark.parametrize("mode", ["walk", "drive"])
def test_a_snap_made_on_open_roads_serves_closures_too(mode):
    graph = random_roads(11, nodes=200, links=500)
    rng = np.random.default_rng(11)
    site, cell = rng.random((2, 15)) * 4000, rng.random((2, 300)) * 4000
    closed = rng.random(graph.streets) < 0.3
    asked = (graph, *site, *cell, 20.0, "min", mode)
    anew = reach_by_road(*asked, closed=closed)
    known = reach_by_road(
        *asked, weight=np.where(closed, np.inf, 1.0), sites_snap=graph.snap(*site, mode=mode),
        cells_snap=graph.snap(*cell, mode=mode),
    )  # fmt: skip
    assert anew.cell.tolist() == known.cell.tolist() and anew.cost.tolist() == known.cost.tolist()


def test_closing_streets_never_makes_a_trip_shorter():
    graph = random_roads(12, nodes=150, links=400)
    rng = np.random.default_rng(12)
    source = np.arange(20)
    shut = np.where(rng.random(graph.streets) < 0.2, np.inf, 1.0)
    before = dense(node_times(graph, source, 30, "min", "drive"), graph.nodes)
    after = dense(node_times(graph, source, 30, "min", "drive", weight=shut), graph.nodes)
    assert np.all(after >= before) and np.any(after > before)


def test_one_thread_and_many_give_the_same_rows_in_the_order_of_sites():
    graph = random_roads(13, nodes=400, links=1200)
    rng = np.random.default_rng(13)
    site, cell = rng.random((2, 300)) * 4000, rng.random((2, 500)) * 4000
    one, many = (reach_by_road(graph, *site, *cell, 15, "min", "walk", threads=threads) for threads in (1, 3))
    assert one.indptr.tolist() == many.indptr.tolist() and one.cost.tobytes() == many.cost.tobytes()
    alone = reach_by_road(graph, *site[:, 250:251], *cell, 15, "min", "walk")
    assert alone.cell.tolist() == one.row(250)[0].tolist()


def test_the_lowest_bit_of_every_word_is_found():
    for bit in range(64):
        assert lowest(np.uint64((1 << bit) | (1 << 63))) == bit


def test_rows_of_blocks_come_back_in_the_order_of_sites():
    reach = gathered(
        [np.array([2, 0]), np.array([1])],
        [
            (np.array([1, 2]), np.array([7, 1, 2], np.int32), np.array([0.7, 0.1, 0.2], np.float32)),
            (np.array([0]), np.empty(0, np.int32), np.empty(0, np.float32)),
        ],
        3,
    )
    assert reach.indptr.tolist() == [0, 2, 2, 3] and reach.cell.tolist() == [1, 2, 7]
