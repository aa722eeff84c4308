"""Classic location models against all choices there are, and against published optima."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from engine.checks import InvalidInput
from engine.location import (
    Cover,
    Sites,
    Warehouses,
    backup_cover,
    capacitated,
    cover_within,
    first_order,
    maximal_cover,
    p_centre,
    p_median,
    partial_cover,
    set_cover,
)
from engine.location.chains import chains
from engine.location.cover_bound import bound, bound_of
from engine.location.grouping import grouped
from engine.location.records import located


def town(seed, whole=True):
    """A few demands and sites on a plane; some ways missing, some demands of nobody."""
    random = np.random.default_rng(seed)
    n, m = int(random.integers(2, 13)), int(random.integers(2, 9))
    cost = np.hypot(*(random.random((n, 1, 2)) - random.random((1, m, 2))).transpose(2, 0, 1)) * 100
    cost = np.rint(cost) if whole else cost
    if seed % 3 == 0:
        cost[random.random((n, m)) < 0.15] = np.inf
    weight = random.integers(0 if seed % 4 == 0 else 1, 20, n).astype(float)
    return Sites(cost, weight), int(random.integers(1, m + 1)), float(random.uniform(15, 70)), random


def choices(m, p):
    return (list(chosen) for chosen in combinations(range(m), p))


def close(a, b):
    return a == pytest.approx(b, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(200))
def test_every_model_finds_what_trying_everything_finds(seed):
    sites, p, limit, random = town(seed, whole=seed % 2 == 0)
    m = sites.cost.shape[1]
    covers = sites.cost <= limit
    weight = sites.weight

    best = max(weight[covers[:, chosen].any(axis=1)].sum() for chosen in choices(m, p))
    answer = maximal_cover(cover_within(sites, limit), p, seconds=20)
    assert answer.status == "optimal" and close(answer.value, best) and answer.bound >= best * (1 - 1e-9)
    assert len(answer.sites) == p

    twice = 0.3
    best = max(
        (1 - twice) * weight[covers[:, chosen].any(axis=1)].sum()
        + twice * weight[covers[:, chosen].sum(axis=1) > 1].sum()
        for chosen in choices(m, p)
    )
    answer = backup_cover(cover_within(sites, limit), p, twice, seconds=20)
    assert close(answer.value, best) and answer.status == "optimal"

    counted = weight > 0
    sizes = [k for k in range(m + 1) if any(covers[counted][:, c].any(axis=1).all() for c in choices(m, k))]
    answer = set_cover(cover_within(sites, limit), seconds=20)
    assert (answer.status == "infeasible") == (not sizes)
    assert not sizes or (answer.value == sizes[0] and answer.status == "optimal")

    share = float(random.uniform(0.3, 0.9))
    sizes = [k for k in range(m + 1)
             if any(weight[covers[:, c].any(axis=1)].sum() >= share * weight.sum() * (1 - 1e-12) for c in choices(m, k))]  # fmt: skip
    answer = partial_cover(cover_within(sites, limit), share, seconds=20)
    assert (answer.status == "infeasible") == (not sizes)
    assert not sizes or answer.value == sizes[0]

    near = [np.where(counted[:, None], sites.cost[:, c], 0.0).min(axis=1) for c in choices(m, p)]
    sums = [float((way[counted] * weight[counted]).sum()) for way in near]
    best = min(sums)
    answer = p_median(sites, p, seconds=20)
    assert (answer.status == "infeasible") == (not np.isfinite(best))
    assert not np.isfinite(best) or (close(answer.value, best) and answer.status == "optimal")

    if counted.any():
        best = min(float(way[counted].max()) for way in near)
        answer = p_centre(sites, p, seconds=20)
        assert (answer.status == "infeasible") == (not np.isfinite(best))
        assert not np.isfinite(best) or (close(answer.value, best) and answer.status == "optimal")


@pytest.mark.parametrize("seed", range(60))
def test_warehouses_cost_what_trying_every_set_of_them_costs(seed):
    random = np.random.default_rng(seed)
    n, m = int(random.integers(2, 7)), int(random.integers(2, 6))
    demand = random.integers(1, 30, n).astype(float)
    capacity = random.integers(10, 60, m).astype(float) + demand.sum() / m
    plants = Warehouses(capacity, random.integers(0, 200, m).astype(float), demand, random.integers(1, 100, (n, m)).astype(float))  # fmt: skip
    best = np.inf
    for size in range(1, m + 1):
        for chosen in choices(m, size):
            if capacity[chosen].sum() < demand.sum():
                continue
            k = len(chosen)
            served = np.kron(np.eye(n), np.ones(k))
            loads = np.zeros((k, n * k))
            for i in range(n):
                loads[:, i * k : (i + 1) * k] = np.eye(k) * demand[i]
            found = linprog(
                plants.cost[:, chosen].ravel(),
                A_ub=loads,
                b_ub=capacity[chosen],
                A_eq=served,
                b_eq=np.ones(n),
            )
            if found.status == 0:
                best = min(best, found.fun + plants.fixed[chosen].sum())
    answer = capacitated(plants, seconds=20)
    assert answer.value == pytest.approx(best, rel=1e-7) and answer.status == "optimal"
    assert answer.bound <= best * (1 + 1e-7)


@given(st.integers(0, 10_000))
@settings(max_examples=60)
def test_any_prices_give_a_ceiling_for_maximal_covering(seed):
    sites, p, limit, random = town(seed)
    group = grouped(cover_within(sites, limit))
    if not group.groups:
        return
    covers = sites.cost <= limit
    best = max(
        sites.weight[covers[:, chosen].any(axis=1)].sum() for chosen in choices(sites.cost.shape[1], p)
    )
    price = random.random(group.groups) * group.weight * 1.2
    assert bound_of(group, p, price) >= best - 1e-9
    found = bound(group, p, start=np.arange(p), settled=1e-9, rounds=400)
    assert found.value >= best - 1e-9
    # What the bound calls decided is so in every choice that is better than a given one, here than just below the best.
    surely_in, surely_out = found.decided(best - 1e-6)
    for chosen in choices(sites.cost.shape[1], p):
        if sites.weight[covers[:, chosen].any(axis=1)].sum() >= best - 1e-9:
            held = np.isin(np.arange(sites.cost.shape[1]), chosen)
            assert held[surely_in].all() and not held[surely_out].any()


def test_a_larger_cover_is_proved_with_prices_and_the_rest_by_the_solver():
    random = np.random.default_rng(5)
    people, places = random.random((6_000, 2)) * 100, random.random((200, 2)) * 100
    cost = np.hypot(*(people[:, None] - places[None]).transpose(2, 0, 1))
    answer = maximal_cover(
        cover_within(Sites(cost, random.integers(1, 50, 6_000).astype(float)), 12.0), 12, seconds=200
    )
    assert answer.status == "optimal" and "prices" in answer.bound_source


def test_wrong_input_is_named_in_full():
    with pytest.raises(InvalidInput) as refused:
        Sites(np.array([[1.0, -1.0], [2.0, np.nan]]), np.array([1.0, -3.0]))
    assert len(refused.value.problems) == 2
    sites = Sites(np.ones((2, 2)), np.ones(2))
    for wrong in (lambda: p_median(sites, 3), lambda: p_centre(sites, 0), lambda: cover_within(sites, -1.0),
                  lambda: partial_cover(cover_within(sites, 1), 1.5), lambda: backup_cover(cover_within(sites, 1), 1, 2.0)):  # fmt: skip
        with pytest.raises(InvalidInput):
            wrong()
    with pytest.raises(InvalidInput, match="needed"):
        Warehouses(np.array([1.0]), np.array([1.0]), np.array([5.0]), np.array([[1.0]]))


def test_a_search_without_a_choice_does_not_pass_for_a_proof_that_there_is_none():
    stopped = located("p-median", np.empty(0, int), np.inf, 12.0, 0.1, 0, "a stopped search")
    assert (stopped.status, stopped.bound, stopped.gap) == ("unknown", 12.0, np.inf)
    # One site reaches everybody, but only from afar: cheap sites that leave somebody out must not hide it.
    cost = np.full((6, 7), np.inf)
    cost[np.arange(6), np.arange(6)] = 0.0
    cost[:, 6] = 1_000.0
    answer = p_median(Sites(cost, np.ones(6)), 1, seconds=10)
    assert (answer.status, answer.value, answer.sites.tolist()) == ("optimal", 6_000.0, [6])
    cost[2, 6] = np.inf
    assert p_median(Sites(cost, np.ones(6)), 1, seconds=10).status == "infeasible"


@given(st.integers(0, 10_000))
@settings(max_examples=60)
def test_a_bound_with_sites_fixed_and_charged_is_above_every_such_choice(seed):
    sites, p, limit, random = town(seed)
    group = grouped(cover_within(sites, limit))
    if not group.groups:
        return
    m = sites.cost.shape[1]
    covers, charge = sites.cost <= limit, random.random(m) * 15
    state = random.integers(0, 4, m)
    held, barred = np.flatnonzero(state == 0), np.flatnonzero(state == 1)

    def worth(chosen):
        return sites.weight[covers[:, chosen].any(axis=1)].sum() - charge[chosen].sum()

    sets = [
        c for k in range(m + 1) for c in choices(m, k) if set(held) <= set(c) and not set(barred) & set(c)
    ]
    free = bound(group, None, fixed_in=held, fixed_out=barred, charge=charge, settled=1e-9, rounds=800)
    assert free.value >= max(worth(c) for c in sets) - 1e-9
    of_size = [worth(c) for c in sets if len(c) == p]
    again = bound(
        group, p, fixed_in=held, fixed_out=barred, charge=charge, warm=free, settled=1e-9, rounds=800
    )
    assert not of_size or again.value >= max(of_size) - 1e-9
    assert again.relaxed <= again.value + 1e-9
    anything = random.random(group.groups) * group.weight
    assert not of_size or bound_of(group, p, anything, again.low, again.high, charge) >= max(of_size) - 1e-9


@given(st.integers(0, 10_000))
@settings(max_examples=100)
def test_rows_told_as_differences_add_up_to_the_same_sums(seed):
    random = np.random.default_rng(seed)
    sites = int(random.integers(1, 9))
    demands = int(random.integers(1, 60))
    lengths = random.integers(0, sites + 1, demands)
    site = np.concatenate([random.choice(sites, k, replace=False) for k in lengths])
    group = grouped(Cover(np.r_[0, np.cumsum(lengths)], site, random.random(demands), sites))
    line = chains(group.indptr, group.site, sites)
    assert sorted(line.order.tolist()) == list(range(group.groups))
    assert (line.parent < np.arange(group.groups)).all()
    table = np.zeros((group.groups, sites))
    table[np.repeat(np.arange(group.groups), np.diff(group.indptr)), group.site] = 1
    share, price = random.random(sites), random.random(group.groups)
    reached, worth, room = np.empty(group.groups), np.empty(sites), np.empty(group.groups)
    first_order.covered(line.parent, line.ptr, line.change, share, reached)
    first_order.worths(line.parent, line.ptr, line.change, price[line.order], room, worth)
    assert np.allclose(reached, (table @ share)[line.order]) and np.allclose(worth, price @ table)
