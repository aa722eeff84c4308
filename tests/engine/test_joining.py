"""Two sets of roads become one where they come near each other."""

import numpy as np
import pytest

from engine.joining import join
from engine.network import RoadGraph


def parts(joined) -> int:
    graph = RoadGraph.build(
        joined.x, joined.y, joined.tail, joined.head, np.ones(len(joined.tail)), 30.0, keep="all"
    )
    used = np.unique(np.r_[graph.a, graph.b])
    return len(np.unique(graph.parts("walk")[used]))


def ladder(
    offset: float, step: float, count: int, first: int
) -> tuple[list[float], list[float], list[int], list[int]]:
    x = [n * step for n in range(count)]
    return x, [offset] * count, list(range(first, first + count - 1)), list(range(first + 1, first + count))


def test_a_coarse_node_near_a_fine_one_moves_onto_it() -> None:
    fx, fy, ft, fh = ladder(0, 100, 11, 3)
    x, y = [0, 500, 1000, *fx], [8, 8, 8, *fy]
    tail, head = [0, 1, *ft], [1, 2, *fh]
    joined = join(x, y, tail, head, [0] * 2 + [1] * 10, 10)
    assert (joined.on_nodes, joined.on_streets, joined.dead_ends) == (3, 0, 0)
    assert parts(joined) == 1
    assert joined.tail[:2].tolist() == [3, 8] and joined.head[:2].tolist() == [8, 13]
    assert joined.doubled_km == pytest.approx(1.0)
    assert parts(join(x, y, tail, head, [0] * 2 + [1] * 10, 5)) == 2


def test_a_coarse_node_beside_a_fine_street_cuts_it_in_both_directions_and_keeps_its_length() -> None:
    # one fine street of 100 m, once a direction; a coarse road comes down to it 40 m along
    x, y = [40, 40, 0, 100], [5, 1005, 0, 0]
    joined = join(x, y, [0, 2, 3], [1, 3, 2], [0, 1, 1], 10)
    assert joined.on_streets == 1 and parts(joined) == 1
    assert (joined.x[0], joined.y[0]) == pytest.approx((40, 0))
    cut = joined.link != 0
    assert cut.sum() == 4
    assert sorted(joined.share[cut].round(3).tolist()) == [0.4, 0.4, 0.6, 0.6]
    assert np.bincount(joined.link, weights=joined.share).tolist() == pytest.approx([1, 1, 1])


def test_a_dead_end_that_stops_short_of_a_main_road_reaches_it() -> None:
    # fine streets of 50 m come up from the south and stop 6 m before a main road of 2 km
    x, y = [-1000, 1000, 0, 0, 0], [0, 0, -106, -56, -6]
    joined = join(x, y, [0, 2, 3], [1, 3, 4], [0, 1, 1], 10)
    assert joined.dead_ends == 1 and parts(joined) == 1
    pieces = np.flatnonzero(joined.link == 0)
    assert sorted(joined.share[pieces].tolist()) == pytest.approx([0.5, 0.5])


def test_roads_that_cross_far_from_any_node_stay_apart() -> None:
    x, y = [-1000, 1000, 0, 0], [0, 0, -400, 400]
    joined = join(x, y, [0, 2], [1, 3], [0, 1], 25)
    assert joined.joins == 0 and parts(joined) == 2


def test_three_sets_join_one_after_the_other() -> None:
    x, y = [0, 1000, 1005, 2000, 2003, 3000], [0.0] * 6
    joined = join(x, y, [0, 2, 4], [1, 3, 5], [0, 1, 2], 10)
    assert parts(joined) == 1 and joined.joins == 2
