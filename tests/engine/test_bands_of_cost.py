from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bands import BandedReach, assign_nearest_in_bands
from engine.checks import InvalidInput
from engine.coverage import role_ready, role_supply, score_world
from engine.explain import explain_cells
from engine.loss import loss_of_each
from engine.network import RoadGraph
from engine.road_bands import road_bands
from engine.transport import bare_transport_of, cell_ties, role_ties
from engine.travel import reach_by_road
from engine.world import Demand, Reach, Supply, World
from tests.bench._city import road_grid
from tests.engine.test_editing_places import same
from tests.engine.towns import any_town, random_town, standard, street_town, with_barrier_free

SEEDS = st.integers(0, 10_000)


def banded(
    reach: Reach, cells: int, limit: float, pairs_at_once: int, asked: list | None = None
) -> BandedReach:
    """A search over pairs that are there already. It tells a little more than it is asked for, as it may."""

    def search(sites, wanted, low, high):
        found = reach.take(sites)
        keep = wanted[found.cell] & (found.cost <= high + 5)
        kept = np.concatenate([[0], np.cumsum(keep)])
        if asked is not None:
            asked.append((int(wanted.sum()), low, high))
        return Reach(kept[found.indptr], found.cell[keep], found.cost[keep])

    def nearest(sites, high):
        out = np.full(cells, np.inf, np.float32)
        found = reach.take(sites).within(high)
        np.minimum.at(out, found.cell, found.cost)
        return out

    return BandedReach(reach.sites, limit, search, nearest, pairs_at_once)


def in_bands(world, pairs_at_once):
    reach = [
        banded(r, world.demand.cells, float(r.cost.max(initial=1.0)), pairs_at_once) for r in world.reach
    ]
    return replace(world, reach=tuple(reach))


@given(seed=SEEDS, pairs_at_once=st.sampled_from([1, 3, 20, 1000]))
@settings(max_examples=80, deadline=None)
def test_bands_score_as_all_pairs_at_once(seed, pairs_at_once):
    world = any_town(seed)
    # Whole steps of 20 m: many trips are equal, and bands begin and end on them.
    world = replace(
        world, reach=tuple(Reach(r.indptr, r.cell, np.rint(r.cost / 20) * 20) for r in world.reach)
    )
    score = score_world(in_bands(world, pairs_at_once))
    same(score, score_world(world))
    cells = np.arange(world.demand.cells)
    told = [explain_cells(w, score, 0, cells) for w in (in_bands(world, pairs_at_once), world)]
    assert repr(told[0]) == repr(told[1])  # unknown hours are no number, and equal nothing


def test_later_bands_look_only_for_those_who_are_still_short():
    # Worked example of docs/algorithms/assignment.md: four cells 50 m from a place of 10, six 700 m from one of 20.
    world = street_town([(50, 2)] * 4 + [(2300, 3)] * 6, [(0, 10), (3000, 20)])
    asked: list = []
    reach = banded(world.reach[0], 10, 1000.0, 8, asked)
    supply, ready = role_supply(world)[0], role_ready(world)
    sinks = bare_transport_of(world, 0, supply, ready, role_ties(world.supply), cell_ties(world))
    taken = assign_nearest_in_bands(reach.search, 1000.0, world.supply.role_site[sinks.role], sinks, 8)
    assert taken.units.sum() == 26
    assert taken.room.tolist() == [2, 2]
    assert taken.most_held <= 8
    assert asked[0][0] == 10 and asked[-1][0] == 6


def test_what_needs_all_pairs_says_so():
    world = in_bands(with_barrier_free(random_town(3), 3), 10)
    with pytest.raises(InvalidInput, match="bands"):
        loss_of_each(world)
    with pytest.raises(InvalidInput, match="bands"):
        score_world(world, "best")


@pytest.mark.parametrize("pairs_at_once", [200, 100_000])
def test_bands_of_drives_score_as_the_reach_by_road_does(pairs_at_once):
    rng = np.random.default_rng(4)
    graph = RoadGraph.build(**road_grid(900, rng))
    cell_x, cell_y = rng.random((2, 400)) * 4000
    site_x, site_y = rng.random((2, 12)) * 4000
    extra = rng.random(12) * 2
    given = (graph, site_x, site_y, cell_x, cell_y, 5.0, "min", "drive")
    need = rng.integers(0, 30, (1, 400))
    supply = Supply(site_x, site_y, np.arange(12), np.zeros(12, int), rng.integers(100, 700, 12),
                    rng.choice([0.0, 72.0], 12), np.ones(12, bool), np.zeros(12, int), np.zeros(12, bool))  # fmt: skip
    demand = Demand(cell_x, cell_y, need, need[0].astype(float), np.zeros(400, np.int32))
    rule = replace(standard(limit=5.0), reach_unit="min", mode="drive")
    whole, bands = (
        World(demand, supply, (rule,), (way(*given, site_extra=extra, **more),))
        for way, more in ((reach_by_road, {}), (road_bands, {"pairs_at_once": pairs_at_once}))
    )
    assert (score_world(whole).totals() > 0).all()
    same(score_world(bands), score_world(whole))
