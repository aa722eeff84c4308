"""Areas for drawing: they agree with the counted reach near streets, nest, and open where roads close."""

import numpy as np
import pytest
import shapely

from engine.checks import InvalidInput
from engine.contours import rings
from engine.isochrone import isochrones
from engine.network import RoadGraph
from engine.travel import reach_by_road


def grid_of_streets(side: int = 20, step: float = 150.0) -> RoadGraph:
    line, column = np.divmod(np.arange(side * side), side)
    number = np.arange(side * side).reshape(side, side)
    start = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    end = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    return RoadGraph.build(column * step, line * step, start, end, np.zeros(len(start)), 30.0)


@pytest.mark.parametrize("mode", ["walk", "drive"])
def test_points_on_streets_lie_inside_exactly_when_they_are_in_reach(mode):
    graph = grid_of_streets()
    rng = np.random.default_rng(1)
    street, share = rng.integers(0, graph.streets, 800), rng.random(800)
    a, b = graph.a[street], graph.b[street]
    x = graph.node_x[a] + share * (graph.node_x[b] - graph.node_x[a])
    y = graph.node_y[a] + share * (graph.node_y[b] - graph.node_y[a])
    limit = 12.0 if mode == "walk" else 2.0
    (area,) = isochrones(graph, 1400.0, 1420.0, [limit], "min", mode)
    reach = reach_by_road(graph, [1400.0], [1420.0], x, y, limit * 1.5, "min", mode)
    cost = np.full(800, np.inf)
    cost[reach.cell] = reach.cost
    inside = shapely.contains_xy(area, x, y)
    # a raster step of 10 m either way
    near = 25.0 * (1 / 75 if mode == "walk" else 60 / 30_000)
    assert inside[cost < limit - near].all()
    assert not inside[cost > limit + near].any()
    assert inside.any() and not inside.all()


def test_areas_come_in_the_order_asked_and_each_holds_the_smaller_ones():
    graph = grid_of_streets(30)
    large, small, middle = isochrones(graph, 2000.0, 2000.0, [20, 5, 10], "min", "walk")
    assert small.area < middle.area < large.area
    assert small.difference(middle).area < 1e-6 and middle.difference(large).area < 1e-6
    assert all(one.is_valid and one.geom_type == "MultiPolygon" for one in (large, small, middle))


def test_a_closed_bridge_leaves_the_other_bank_out():
    graph = RoadGraph.build(
        [0, 1000, 1400, 2400], [0] * 4, [0, 1, 2], [1, 2, 3], [0] * 3, 30.0, source_id=[1, 2, 3]
    )
    bridge = np.where(graph.source_id == 2, np.inf, 1.0)
    (open_way,) = isochrones(graph, 500.0, 0.0, [3000], "m", "walk")
    (shut,) = isochrones(graph, 500.0, 0.0, [3000], "m", "walk", weight=bridge)
    assert open_way.contains(shapely.Point(2000, 0)) and shut.contains(shapely.Point(900, 0))
    assert not shut.intersects(shapely.box(1200, -500, 3000, 500))


def test_a_one_way_street_is_drawn_for_the_way_people_go():
    graph = RoadGraph.build([0, 1000, 500], [0, 0, 900], [0, 1, 2], [1, 2, 0], [0] * 3, 60.0, [True] * 3)
    (coming,) = isochrones(graph, 500.0, 0.0, [400], "m", "drive", direct_m=0)
    (going,) = isochrones(graph, 500.0, 0.0, [400], "m", "drive", direct_m=0, to_site=False)
    assert coming.contains(shapely.Point(200, 0)) and not coming.contains(shapely.Point(800, 0))
    assert going.contains(shapely.Point(800, 0)) and not going.contains(shapely.Point(200, 0))


def test_far_from_every_street_walkers_get_a_disc_and_drivers_nothing():
    graph = RoadGraph.build([0, 1000], [0, 0], [0], [1], [0], 30.0)
    (disc,) = isochrones(graph, 0.0, 5000.0, [10], "min", "walk")
    assert disc.area == pytest.approx(np.pi * (750 / 1.3) ** 2, rel=0.02)
    (none,) = isochrones(graph, 0.0, 50_000.0, [10], "min", "drive", direct_m=0)
    assert none.is_empty


def test_minutes_at_the_gate_make_the_area_smaller():
    graph = grid_of_streets()
    (plain,) = isochrones(graph, 1400.0, 1400.0, [10], "min", "walk")
    (gated,) = isochrones(graph, 1400.0, 1400.0, [10], "min", "walk", extra=3.0)
    (seven,) = isochrones(graph, 1400.0, 1400.0, [7], "min", "walk")
    assert gated.area < plain.area and gated.area == pytest.approx(seven.area, rel=1e-6)


@pytest.mark.parametrize("limits", [[], [0], [-1, 5], [np.nan], [np.inf]])
def test_limits_that_make_no_sense_are_refused(limits):
    with pytest.raises(InvalidInput):
        isochrones(grid_of_streets(3), 0.0, 0.0, limits, "min", "walk")


def test_contours_close_and_holes_are_rings_of_their_own():
    field = np.full((9, 9), 5.0)
    field[2:7, 2:7] = 1.0
    field[4, 4] = 5.0
    x, y, ring = rings(field, 3.0)
    assert ring.max() == 1
    for number in range(2):
        own = ring == number
        assert x[own][0] == x[own][-1] and y[own][0] == y[own][-1]
