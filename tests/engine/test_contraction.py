"""Streets out of links: what may be taken in, and that distances stay."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from engine.contraction import contract
from engine.network import RoadGraph
from engine.travel import reach_by_road


def links(rng: np.random.Generator, nodes: int, count: int) -> RoadGraph:
    """A random network with many nodes of degree two."""
    x, y = rng.uniform(0, 1000, nodes), rng.uniform(0, 1000, nodes)
    chain = np.column_stack([np.arange(nodes - 1), np.arange(1, nodes)])
    more = rng.integers(0, nodes, (count, 2))
    ends = np.vstack([chain, more[more[:, 0] != more[:, 1]]])
    speed = rng.choice([20.0, 40.0], len(ends), p=[0.9, 0.1])
    oneway = rng.random(len(ends)) < 0.1
    length = np.hypot(x[ends[:, 0]] - x[ends[:, 1]], y[ends[:, 0]] - y[ends[:, 1]])
    return RoadGraph.build(x, y, ends[:, 0], ends[:, 1], length, speed, oneway, keep="all")


def times(graph: RoadGraph) -> np.ndarray:
    """Minutes between all nodes by car."""
    ab, ba = graph.speed_ab_kmh > 0, graph.speed_ba_kmh > 0
    tail, head = np.r_[graph.a[ab], graph.b[ba]], np.r_[graph.b[ab], graph.a[ba]]
    cost = np.r_[graph.length_m[ab] / graph.speed_ab_kmh[ab], graph.length_m[ba] / graph.speed_ba_kmh[ba]]
    order = np.lexsort((-cost, head, tail))
    best = dict(
        zip(zip(tail[order].tolist(), head[order].tolist(), strict=True), cost[order].tolist(), strict=True)
    )
    at = np.array(list(best))
    matrix = csr_array((list(best.values()), (at[:, 0], at[:, 1])), shape=(graph.nodes,) * 2)
    return dijkstra(matrix) * 0.06


@given(st.integers(0, 10_000))
def test_times_between_the_nodes_that_stay_are_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = links(rng, int(rng.integers(3, 40)), int(rng.integers(0, 12)))
    small, first = contract(graph)
    assert small.streets <= graph.streets and len(first) == small.streets
    assert small.length_m.sum() == pytest.approx(graph.length_m.sum())
    assert not (small.a == small.b).any()
    place = {
        (x, y): n for n, (x, y) in enumerate(zip(graph.node_x.tolist(), graph.node_y.tolist(), strict=True))
    }
    was = np.array([place[at] for at in zip(small.node_x.tolist(), small.node_y.tolist(), strict=True)])
    np.testing.assert_allclose(times(small), times(graph)[np.ix_(was, was)], rtol=1e-9)


@given(st.integers(0, 10_000))
def test_the_line_of_a_street_runs_through_every_node_it_took_in(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = links(rng, 20, 4)
    small, _first = contract(graph)
    assert len(small.line_x) == graph.nodes - small.nodes
    for t in range(small.streets):
        low, high = small.line_ptr[t], small.line_ptr[t + 1]
        x = np.r_[small.node_x[small.a[t]], small.line_x[low:high], small.node_x[small.b[t]]]
        y = np.r_[small.node_y[small.a[t]], small.line_y[low:high], small.node_y[small.b[t]]]
        assert np.hypot(np.diff(x), np.diff(y)).sum() == pytest.approx(small.length_m[t])


def test_labels_and_nodes_to_keep_stop_a_street() -> None:
    x = np.arange(5) * 100.0
    graph = RoadGraph.build(x, np.zeros(5), [0, 1, 2, 3], [1, 2, 3, 4], [100.0] * 4, 30.0, keep="all")
    assert contract(graph)[0].streets == 1
    assert contract(graph, graph.node_x == 200)[0].streets == 2
    assert contract(graph, label=(graph.node_x[graph.a] + graph.node_x[graph.b]) > 500)[0].streets == 2


def test_a_link_longer_than_its_line_does_not_stretch_its_neighbour() -> None:
    graph = RoadGraph.build([0, 100, 200], [0, 0, 0], [0, 1], [1, 2], [150.0, 100.0], 30.0, keep="all")
    assert contract(graph)[0].streets == 2


@given(st.integers(0, 10_000))
def test_people_reach_the_same_places_as_cheaply_with_bends_taken_in(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = links(rng, int(rng.integers(3, 30)), int(rng.integers(0, 6)))
    small, _first = contract(graph)
    assert (small.a < small.b).all() and (np.diff(small.a) >= 0).all()
    sites, cells = rng.uniform(0, 1000, (2, 3)), rng.uniform(0, 1000, (2, 20))
    reaches = [
        reach_by_road(one, *sites, *cells, 2000.0, "m", "walk", direct_m=0.0, kernel="float")
        for one in (graph, small)
    ]
    tables = []
    for reach in reaches:
        table = np.full((3, 20), np.inf)
        table[np.repeat(np.arange(3), np.diff(reach.indptr)), reach.cell] = reach.cost
        tables.append(np.where(table > 1999, np.inf, table))
    np.testing.assert_allclose(tables[1], tables[0], rtol=1e-5, atol=0.01)
