"""Prices on the demands against the solver on the whole model: same optimum, floors that hold."""

import sys

import numpy as np
import pytest

from engine.location import Warehouses, capacitated
from engine.location.capacitated_search import Search, cost_of_plan, served_from


def plants(seed, m=6, n=12):
    random = np.random.default_rng(seed)
    demand = random.integers(0 if seed % 3 == 0 else 1, 30, n).astype(float)
    cost = random.integers(1, 100, (n, m)) * np.maximum(demand, 1.0)[:, None]
    if seed % 4 == 0:
        cost[random.random((n, m)) < 0.15] = np.inf
    capacity = random.integers(10, 80, m).astype(float) + demand.sum() / m
    return Warehouses(capacity, random.integers(0, 3_000, m).astype(float), demand, cost)


@pytest.mark.parametrize("seed", range(40))
def test_prices_find_what_the_solver_finds_and_never_claim_more(seed, monkeypatch):
    town = plants(seed)
    solved = capacitated(town, seconds=120)
    monkeypatch.setattr(sys.modules["engine.location.capacitated"], "MOST_PAIRS", 0)
    priced = capacitated(town, seconds=120)
    assert priced.status == solved.status
    if solved.status == "infeasible":
        return
    assert priced.value == pytest.approx(solved.value, rel=1e-7)
    assert priced.bound <= solved.value * (1 + 1e-7)
    assert np.isfinite(town.cost[np.arange(len(town.demand)), priced.assigned]).all()


@pytest.mark.parametrize("seed", range(10))
def test_a_search_that_is_stopped_at_once_has_a_floor_below_the_optimum(seed):
    town = plants(seed, 10, 25)
    best = capacitated(town, seconds=120)
    search = Search(town, 0.0, 0)
    floor = search.run()
    if best.status == "optimal":
        assert floor <= best.value * (1 + 1e-9)
        assert search.best >= best.value * (1 - 1e-7)
        flow = served_from(town, best.sites, 5.0)
        assert cost_of_plan(town, best.sites, flow) == pytest.approx(best.value, rel=1e-7)
        assert (flow.T @ town.demand <= town.capacity * (1 + 1e-6)).all()
