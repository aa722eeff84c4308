"""Backup coverage and the kth nearest facility, by hand and against a plain count."""

from dataclasses import replace

import numpy as np
import pytest

from engine import backup
from engine.backup import backup_coverage, kth_cost
from engine.checks import InvalidInput
from engine.coverage import role_ready, role_supply
from tests.engine.towns import random_town, street_town


def test_a_street_with_three_shelters_by_hand():
    # shelters at 0, 600 and 900 m; reach 1,000 m; the one at 600 m converts too late
    world = street_town(
        [(0, 5), (850, 5), (1_500, 5), (2_500, 5)],
        [(0, 10), {"x": 600, "capacity": 10, "hours": 72.0}, (900, 10)],
    )
    assert backup_coverage(world).tolist() == [[2, 2, 1, 0]]
    assert kth_cost(world, 1).tolist() == [[0, 50, 600, np.inf]]
    assert kth_cost(world, 2).tolist() == [[900, 850, np.inf, np.inf]]
    assert np.isinf(kth_cost(world, 3)).all()


def test_two_roles_at_one_place_are_no_backup_of_each_other():
    world = street_town([(0, 5)], [(100, 10), (100, 20)])
    assert backup_coverage(world).tolist() == [[1]]


def test_what_supplies_nothing_is_no_backup():
    world = street_town(
        [(0, 5)],
        [(100, 10), {"x": 200, "capacity": 10, "usable": False}, {"x": 300, "capacity": 0}, (400, 10)],
    )
    assert backup_coverage(world).tolist() == [[2]]
    assert kth_cost(world, 2).tolist() == [[400]]


def plain_costs(world, service):
    """Costs (sites, n) of what is usable and ready, inf elsewhere."""
    far = np.full((world.supply.sites, world.demand.cells), np.inf, np.float32)
    counts = (role_supply(world)[0] > 0) & role_ready(world) & (world.supply.role_service == service)
    for site in world.supply.role_site[counts]:
        cell, cost = world.reach[service].row(int(site))
        far[site, cell] = cost
    return far


@pytest.mark.parametrize("seed", range(30))
def test_counts_and_distances_equal_a_plain_count(seed, monkeypatch):
    monkeypatch.setattr(backup, "LEAST_CELLS", 3)
    world = random_town(seed, cells=12, sites=9)
    count = backup_coverage(world)
    for service in range(world.services):
        far = plain_costs(world, service)
        assert np.array_equal(count[service], np.isfinite(far).sum(axis=0))
        ranked = np.sort(far, axis=0)
        for kth in (1, 2, 4):
            assert np.array_equal(kth_cost(world, kth)[service], ranked[kth - 1])


def test_a_kth_that_is_no_rank_is_refused():
    with pytest.raises(InvalidInput, match="kth"):
        kth_cost(street_town([(0, 1)], [(0, 1)]), 0)


def test_a_world_that_cannot_be_scored_is_refused():
    world = street_town([(0, 1)], [(0, 1)])
    with pytest.raises(InvalidInput):
        backup_coverage(replace(world, reach=()))
