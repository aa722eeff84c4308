"""The p-median with a cutoff: against every choice there is, with floors that hold whatever the prices."""

import sys
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.checks import InvalidInput
from engine.location import Sites, near_places, near_table, p_median_cutoff
from engine.location.p_median_check import check_places, floor_of_prices, price_of_demands
from engine.location.p_median_exchange import cost_of, exchange, overlaps, shake


def town(seed, cells=30, sites=9):
    random = np.random.default_rng(seed)
    x, y = random.random((2, cells)) * 100
    if seed % 3 == 0:
        x[: cells // 2], y[: cells // 2] = x[cells // 2 :][: cells // 2], y[cells // 2 :][: cells // 2]
    people = random.integers(0 if seed % 2 else 1, 9, cells).astype(float)
    sx, sy = random.random((2, sites)) * 100
    return x, y, people, sx, sy, float(random.uniform(15, 60)), int(random.integers(1, sites + 1))


def cost_by_hand(x, y, people, sx, sy, cutoff, penalty, chosen):
    way = np.hypot(x[:, None] - sx[chosen], y[:, None] - sy[chosen])
    return float((people * np.where(way <= cutoff, way, np.inf).min(axis=1).clip(max=penalty)).sum())


def best_of_all(places, cutoff, penalty, p):
    return min(
        cost_by_hand(*places, cutoff, penalty, list(c)) for c in combinations(range(len(places[3])), p)
    )


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_it_finds_what_trying_everything_finds_and_its_floor_is_below_it_at_every_moment(
    seed, large, monkeypatch
):
    if large:  # what a city goes through, on a town that can be tried out
        module = sys.modules["engine.location.p_median_cutoff"]
        monkeypatch.setattr(module, "SMALL_TABLE", 0)
        monkeypatch.setattr(module, "TIRED", 8)
    x, y, people, sx, sy, cutoff, p = town(seed)
    penalty = cutoff * (1 if seed % 4 else 1.5)
    best = best_of_all((x, y, people, sx, sy), cutoff, penalty, p)
    heard = []
    near = near_places(x, y, people, sx, sy, cutoff)
    answer = p_median_cutoff(
        near, p, penalty, seconds=120, live=lambda value, bound: heard.append((value, bound))
    )
    assert answer.value == pytest.approx(best, rel=1e-9) or (large and answer.value >= best)
    assert answer.value <= best * 1.02 + 1e-9
    assert answer.bound <= best * (1 + 1e-9)
    assert answer.value == pytest.approx(
        cost_by_hand(x, y, people, sx, sy, cutoff, penalty, answer.sites), rel=1e-12
    )
    assert len(answer.sites) == p and answer.assigned.shape == (30,)
    # Distances are kept in float32 while the search runs: what it tells on the way is good to that.
    assert all(value >= best * (1 - 1e-6) and bound <= best * (1 + 1e-6) for value, bound in heard)
    if not large:
        assert answer.status == "optimal"
    elif answer.prices is not None:
        floor, cost = check_places(
            x,
            y,
            people,
            sx,
            sy,
            cutoff,
            penalty,
            p,
            price_of_demands(near, answer.prices, penalty),
            answer.sites,
        )
        assert floor >= answer.bound * (1 - 1e-9) and cost == pytest.approx(answer.value, rel=1e-12)


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_any_prices_are_a_floor_and_both_ways_of_summing_them_agree(seed):
    x, y, people, sx, sy, cutoff, p = town(seed, 20, 7)
    near = near_places(x, y, people, sx, sy, cutoff)
    random = np.random.default_rng(seed)
    price = random.uniform(-0.2, 1.2, near.rows) * cutoff
    floor = floor_of_prices(near, p, cutoff, price)
    assert floor <= best_of_all((x, y, people, sx, sy), cutoff, cutoff, p) + 1e-9
    each = price_of_demands(near, np.clip(price, 0, cutoff), cutoff)
    again, _cost = check_places(x, y, people, sx, sy, cutoff, cutoff, p, each, np.arange(p))
    assert again == pytest.approx(floor, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_sums_kept_from_exchange_to_exchange_are_those_of_a_fresh_start(seed):
    x, y, people, sx, sy, cutoff, _p = town(seed, 200, 20)
    near, p = near_places(x, y, people, sx, sy, cutoff), 5
    chosen, everywhere = np.arange(p), np.arange(20)
    exchange(*near.arrays, *near.by_site(), cutoff, chosen, everywhere, 100)
    value = cost_of(*near.arrays, cutoff, chosen, 20)
    # A local optimum: no exchange of one for one is better.
    for k in range(p):
        for j in set(range(20)) - set(chosen.tolist()):
            other = chosen.copy()
            other[k] = j
            assert cost_of(*near.arrays, cutoff, other, 20) >= value * (1 - 1e-8)
    shared = overlaps(near.indptr, near.site, near.weight, 20)
    shake(
        *near.arrays,
        *near.by_site(),
        cutoff,
        chosen,
        everywhere,
        np.ones(20),
        shared,
        np.random.default_rng(seed),
        30,
        3,
    )
    assert len(set(chosen.tolist())) == p and cost_of(*near.arrays, cutoff, chosen, 20) <= value * (1 + 1e-9)


def test_the_worked_example_of_the_page():
    near = near_places(
        [0, 1_000, 5_000], [0, 0, 0], [10, 20, 30], [0, 1_500, 4_000], [0, 0, 0], cutoff_m=2_000
    )
    one = p_median_cutoff(near, 1)
    assert (one.sites.tolist(), one.value, one.status) == ([0], 80_000.0, "optimal")
    two = p_median_cutoff(near, 2)
    assert (two.sites.tolist(), two.value, two.assigned.tolist()) == ([0, 2], 50_000.0, [0, 0, 2])
    # Prices of 2,000, 1,500 and 2,000 metres add up to 110,000; the greatest worth is 30,000.
    assert floor_of_prices(near, 1, 2_000, np.array([2_000.0, 1_500.0, 2_000.0])) == 80_000.0


def test_a_table_of_costs_and_a_town_where_nobody_is_near():
    sites = Sites(np.array([[1.0, 8.0], [9.0, 2.0], [50.0, 60.0]]), np.array([3.0, 4.0, 5.0]))
    answer = p_median_cutoff(near_table(sites, 9.0), 1, 20.0)
    assert answer.value == min(3 * 1 + 4 * 9 + 5 * 20, 3 * 8 + 4 * 2 + 5 * 20) and answer.status == "optimal"
    lonely = p_median_cutoff(near_places([0], [0], [7], [100], [0], 10.0), 1)
    assert (lonely.value, lonely.bound, lonely.assigned.tolist()) == (70.0, 70.0, [-1])


def test_wrong_input_is_named():
    with pytest.raises(InvalidInput) as refused:
        near_places([0.0], [0.0], [-1.0], [0.0], [0.0], 0.0)
    assert len(refused.value.problems) == 2
    near = near_places([0.0], [0.0], [1.0], [0.0], [0.0], 10.0)
    for wrong in (lambda: p_median_cutoff(near, 2), lambda: p_median_cutoff(near, 1, 5.0)):
        with pytest.raises(InvalidInput):
            wrong()


def test_it_stops_when_it_is_told_to():
    random = np.random.default_rng(1)
    x, y = random.random((2, 5_000)) * 10_000
    sx, sy = random.random((2, 200)) * 10_000
    near = near_places(x, y, np.ones(5_000), sx, sy, 2_000)
    answer = p_median_cutoff(near, 8, seconds=60, should_stop=lambda: True)
    assert answer.status == "within" and answer.bound <= answer.value and answer.seconds < 60
