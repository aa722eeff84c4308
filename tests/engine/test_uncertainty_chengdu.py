"""A thousand draws on the real Chengdu: 4,857 hexes, five services, and a handful of draws scored one by one."""

from dataclasses import replace

import numpy as np

from engine.coverage import score_world, sum_by_area
from engine.crs import LocalMetric, to_wgs84
from engine.draws import DrawnNeed, Draws
from engine.need import need_units
from engine.travel import reach_straight
from engine.uncertainty import Input, draw, percentiles
from engine.world import Demand, Standard, Supply, World
from tests.engine import chengdu_gaussian as second

# Reach in metres and units a person of five services: three on the shelters, two on the hotels.
SERVICES = ((1_000.0, 1.0), (2_500.0, 0.3), (5_000.0, 0.1), (1_500.0, 0.02), (4_000.0, 0.05))
INPUTS = [
    Input("displaced, west", 0.10, 0.12, 0.20), Input("displaced, east", 0.05, 0.10, 0.12), Input("people", 0.9, 1.0, 1.1),
    *(Input(f"ratio {k}", 0.8, 1.0, 1.4) for k in range(5)),
]  # fmt: skip


def chengdu(folder) -> tuple[World, np.ndarray]:
    """The world without need, and the class of each hex: west or east of the middle."""
    lon, lat, people = second.hexes(folder, "night")
    plane = LocalMetric(104.1, 30.7)
    x, y = plane.forward(lon, lat)
    hotel_lon, hotel_lat, hotel_places = second.hotels(folder)
    hotels = (*plane.forward(*to_wgs84(hotel_lon, hotel_lat, "GCJ-02")), hotel_places)
    shelter_lon, shelter_lat, shelter_places = second.shelters(folder)
    shelters = (*plane.forward(shelter_lon, shelter_lat), shelter_places)
    sites = [shelters] * 3 + [hotels] * 2
    site_x, site_y, capacity = (np.concatenate(column) for column in zip(*sites, strict=True))
    service = np.repeat(np.arange(5), [len(one[0]) for one in sites])
    roles = len(service)
    hours = np.random.default_rng(4).choice([6.0, 24.0, 96.0], roles)
    supply = Supply(
        site_x, site_y, np.arange(roles), service, np.floor(capacity).astype(np.int64), hours, np.ones(roles, bool),
        np.zeros(roles, np.int16), np.zeros(roles, bool),
    )  # fmt: skip
    standards = tuple(
        Standard(f"s{k}", ratio, "displaced", limit, "m", "walk", 72.0)
        for k, (limit, ratio) in enumerate(SERVICES)
    )
    reach = tuple(reach_straight(site_x, site_y, x, y, limit, "m", "walk", 1.3) for limit, _ratio in SERVICES)
    west = (x > np.median(x)).astype(np.int32)
    need = np.zeros((5, len(people)), np.int64)
    return World(Demand(x, y, need, people, west), supply, standards, reach), west


def test_a_thousand_draws_hold_against_scores_of_single_draws(shared_data_dir):
    world, west = chengdu(shared_data_dir / "chengdu")
    assert world.demand.cells == 4_857
    values = draw(INPUTS, 1_000, 1)
    share = values[:, :2] * values[:, 2:3]
    needs = [DrawnNeed(world.demand.people, west, share, SERVICES[k][1] * values[:, 3 + k]) for k in range(5)]
    draws = Draws(world, needs, west, 2)
    found = [draws.service(k) for k in range(5)]
    for d in (0, 333, 999):
        need = np.stack([need_units(one.people, one.share[d][one.group], one.ratio[d]) for one in needs])
        score = score_world(replace(world, demand=replace(world.demand, need=need)))
        states = sum_by_area(score, west, 2)
        for k in range(5):
            assert found[k][0][d, :2].tolist() == states[:, k].sum(axis=1).tolist()
            assert found[k][1][d, :2].tolist() == states[:, k, 1:].sum(axis=1).tolist()
    for need, gap in found:
        low, middle, high = percentiles(gap.sum(axis=1))
        assert 0 <= low <= middle <= high <= need.sum(axis=1).max()
        assert percentiles(need.sum(axis=1))[0] > 0
    assert any(np.ptp(gap.sum(axis=1)) > 0 for _need, gap in found)
