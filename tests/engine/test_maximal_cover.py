"""Maximal cover of a city: its parts against plain ones, the whole against trying everything, the proof by a second way."""

from itertools import combinations

import numpy as np
import pytest

from engine.checks import InvalidInput
from engine.grouping import group_rows
from engine.location import Cover, maximal, maximal_cover, partial_cover, set_cover
from engine.location.certificate import check_maximal
from engine.location.cover_bound import bound, bound_of
from engine.location.cover_search import Shaker, add_greedily, covered_weight, interchange
from engine.location.grouping import grouped, grouped_free, grouped_reach, grouped_straight, undominated
from engine.location.incidence import ReachCover, StraightCover, covered_value, groups_of
from engine.location.mip import minimise
from engine.pairs import pairs_within


def plane(seed, cells=400, sites=12, radius=18.0):
    random = np.random.default_rng(seed)
    x, y = random.random((2, cells)) * 100
    weight = random.integers(0, 30, cells).astype(float)
    site_x, site_y = random.random((2, sites)) * 100
    return StraightCover(site_x, site_y, x, y, weight, radius)


def table_of(cover):
    """(n, m) who covers whom, by broadcasting."""
    far = np.hypot(cover.cell_x[:, None] - cover.site_x, cover.cell_y[:, None] - cover.site_y)
    return far <= cover.radius_m


def listed(table, weight):
    _demand, site = np.nonzero(table)
    return Cover(np.r_[0, np.cumsum(table.sum(axis=1))], site, weight, table.shape[1])


def named(group):
    return sorted(
        (tuple(group.site[a:b].tolist()), round(w, 6))
        for a, b, w in zip(group.indptr[:-1], group.indptr[1:], group.weight, strict=True)
    )


@pytest.mark.parametrize("seed", range(30))
def test_coordinates_reach_and_lists_make_the_same_groups(seed):
    cover = plane(seed, cells=300, sites=1 + seed % 9)
    table = table_of(cover)
    reach = pairs_within(cover.site_x, cover.site_y, cover.cell_x, cover.cell_y, cover.radius_m)
    plain = {}
    for row, weight in zip(table, cover.weight, strict=True):
        key = tuple(np.flatnonzero(row).tolist())
        if key and weight > 0:
            plain[key] = plain.get(key, 0.0) + weight
    made = (
        groups_of(cover),
        groups_of(ReachCover.of(reach, cover.weight, np.column_stack([cover.cell_x, cover.cell_y]))),
        grouped(listed(table, cover.weight)),
    )
    for group in made:
        assert named(group) == sorted(plain.items())
        assert group.uncovered == cover.weight[~table.any(axis=1)].sum()
    middle = {key: np.zeros(2) for key in plain}
    for row, weight, x, y in zip(table, cover.weight, cover.cell_x, cover.cell_y, strict=True):
        if weight > 0 and row.any():
            middle[tuple(np.flatnonzero(row).tolist())] += np.array([x, y]) * weight
    assert {tuple(np.round(at, 6)) for at in made[0].middle} == {
        tuple(np.round(at, 6)) for at in made[1].middle
    }
    for number in range(made[0].groups):
        key = tuple(made[0].site[made[0].indptr[number] : made[0].indptr[number + 1]].tolist())
        assert np.allclose(made[0].middle[number], middle[key] / plain[key])


def test_a_coincidence_of_row_sums_merges_nobody(monkeypatch):
    cover = plane(3)
    reach = pairs_within(cover.site_x, cover.site_y, cover.cell_x, cover.cell_y, cover.radius_m)
    honest = named(groups_of(cover))

    def same_words(columns):
        return np.ones((2, columns), np.uint64)

    for module in ("engine.grouping", "engine.location.grouping"):
        monkeypatch.setattr(f"{module}.words", same_words)
    rows = [reach.row(j)[0] for j in range(reach.sites)]
    assert named(groups_of(cover)) == honest
    assert named(grouped_reach(rows, cover.weight, reach.sites)) == honest
    assert named(grouped(listed(table_of(cover), cover.weight))) == honest
    row, column = np.nonzero(table_of(cover))
    own = group_rows(row, column, cover.demands, cover.sites)
    keys = [tuple(np.flatnonzero(line)) for line in table_of(cover)]
    assert len(set(zip(own.tolist(), keys, strict=True))) == len(set(keys)) == len(set(own.tolist()))


def test_repeated_and_unsorted_sites_of_a_demand_count_once():
    cover = Cover([0, 3, 5], [1, 0, 1, 0, 1], [5.0, 7.0], 2)
    assert named(grouped(cover)) == [((0, 1), 12.0)]
    assert covered_value(cover, np.array([1])) == 12.0


@pytest.mark.parametrize("seed", range(20))
def test_what_is_left_of_a_cover_and_who_is_dominated(seed):
    cover = plane(seed, cells=60, sites=9, radius=30.0)
    group, table = groups_of(cover), table_of(cover)[cover.weight > 0]
    weight = cover.weight[cover.weight > 0]
    held, free = np.array([2, 5]), np.array([8, 0, 3])
    rest, sure = grouped_free(group, held, free)
    done = table[:, held].any(axis=1)
    assert sure == weight[done].sum()
    for chosen in combinations(range(3), 2):
        got = covered_weight(*rest.arrays, np.array(chosen), 3)
        assert got == pytest.approx(weight[~done & table[:, free[list(chosen)]].any(axis=1)].sum())
    useful = undominated(group)
    sets = [frozenset(np.flatnonzero(table[:, j])) for j in range(9)]
    for j in range(9):
        above = [k for k in range(9) if k != j and sets[j] <= sets[k] and (sets[j] != sets[k] or k < j)]
        assert useful[j] == (bool(sets[j]) and not above)


@pytest.mark.parametrize("seed", range(40))
def test_the_way_for_cities_agrees_with_trying_everything(seed, monkeypatch):
    """The whole chain of search, prices and solver, not the short way that small models take."""
    monkeypatch.setattr(maximal, "SMALL_ENTRIES", 0)
    cover = plane(seed, cells=150, sites=10, radius=float(12 + seed % 20))
    table, p = table_of(cover), 1 + seed % 6
    best = max(cover.weight[table[:, list(c)].any(axis=1)].sum() for c in combinations(range(10), p))
    told = []
    answer = maximal_cover(
        cover, p, seconds=120, seed=seed, live=lambda value, ceiling: told.append((value, ceiling))
    )
    assert answer.value <= best + 1e-9 <= answer.bound + 2e-9
    assert answer.status == "optimal" and answer.value == pytest.approx(best)
    assert answer.gap == pytest.approx(abs(answer.bound - answer.value) / max(answer.bound, 1e-12), abs=1e-12)
    assert check_maximal(cover, p, answer).proved
    assert all(value <= best + 1e-9 and ceiling >= best - 1e-6 for value, ceiling in told)
    # A stopped search is not wrong, only wider.
    early = maximal_cover(cover, p, seconds=20, seed=seed, should_stop=lambda: True)
    assert early.value <= best + 1e-9 <= early.bound + 2e-9 and check_maximal(cover, p, early).proved


@pytest.mark.parametrize("seed", range(20))
def test_interchange_and_shaking_never_lose_and_know_what_they_cover(seed):
    group = groups_of(plane(seed, cells=600, sites=40, radius=12.0))
    entries = (*group.arrays, *group.by_site())
    chosen = add_greedily(*entries, 6)
    table = np.zeros((group.groups, group.sites), bool)
    table[np.repeat(np.arange(group.groups), np.diff(group.indptr)), group.site] = True
    left, plain = np.ones(group.groups, bool), []
    for _ in range(6):
        adds = (group.weight * left) @ table
        adds[plain] = -1
        plain.append(int(np.argmax(adds)))
        left &= ~table[:, plain[-1]]
    assert chosen.tolist() == plain
    before = covered_weight(*group.arrays, chosen, group.sites)
    after = interchange(*entries, chosen)
    assert after == pytest.approx(covered_weight(*group.arrays, chosen, group.sites)) and after >= before
    for k in range(6):
        for j in range(group.sites):
            other = chosen.copy()
            other[k] = j
            assert covered_weight(*group.arrays, other, group.sites) <= after * (1 + 1e-9)
    shaker = Shaker(group, chosen, np.full(group.sites, 6 / group.sites), seed)
    shaker.shake(40)
    assert shaker.value >= after - 1e-9 and len(set(shaker.best.tolist())) == 6
    assert shaker.value == pytest.approx(covered_weight(*group.arrays, shaker.best, group.sites))
    again = Shaker(group, chosen, np.full(group.sites, 6 / group.sites), seed)
    again.shake(15)
    again.shake(25)
    assert again.best.tolist() == shaker.best.tolist()


def test_the_worked_example_of_the_page():
    # Demands a, b, c, d of 6, 5, 4, 3 people; sites X covers a b, Y covers b c, Z covers c d; one site.
    cover = Cover([0, 1, 3, 5, 6], [0, 0, 1, 1, 2, 2], [6.0, 5.0, 4.0, 3.0], 3)
    assert covered_value(cover, np.array([0])) == 11
    group = grouped(cover)
    assert bound_of(group, 1, group.weight) == 11 and bound_of(group, 1, 0 * group.weight) == 18
    proved = bound(group, 1, settled=1e-9, rounds=2_000)
    assert proved.value == pytest.approx(11.0, abs=1e-6)
    answer = maximal_cover(cover, 1)
    assert (answer.value, answer.sites.tolist(), answer.status) == (11.0, [0], "optimal")


def test_a_false_claim_does_not_pass_the_check(monkeypatch):
    monkeypatch.setattr(maximal, "SMALL_ENTRIES", 0)
    from dataclasses import replace

    cover = plane(1, cells=300, sites=15, radius=15.0)
    answer = maximal_cover(cover, 4, should_stop=lambda: True)
    assert check_maximal(cover, 4, answer).proved and answer.prices is not None
    for false in (
        replace(answer, value=answer.value + 1),
        replace(answer, bound=answer.value - 1),
        replace(answer, bound=answer.bound * 1.5 + 1),
        replace(answer, sites=answer.sites[:-1]),
        replace(answer, prices=answer.prices * 0),
    ):
        assert not check_maximal(cover, 4, false).proved


@pytest.mark.parametrize("seed", range(30))
def test_set_and_partial_cover_of_places_agree_with_trying_everything(seed):
    cover = plane(seed, cells=80, sites=9, radius=35.0)
    table, counted = table_of(cover), cover.weight > 0
    sizes = [
        k
        for k in range(1, 10)
        if any(table[counted][:, list(c)].any(axis=1).all() for c in combinations(range(9), k))
    ]
    answer = set_cover(cover, seconds=20)
    assert (answer.status == "infeasible") == (not sizes)
    if sizes:
        assert answer.value == sizes[0] and answer.status == "optimal"
        assert covered_value(cover, answer.sites) == cover.weight.sum()
        cost = np.random.default_rng(seed).integers(1, 20, 9).astype(float)
        best = min(cost[list(c)].sum() for k in range(1, 10) for c in combinations(range(9), k)
                   if table[counted][:, list(c)].any(axis=1).all())  # fmt: skip
        dear = set_cover(cover, seconds=20, cost=cost)
        assert dear.value == best and dear.status == "optimal"
    share = 0.5 + 0.01 * seed
    sizes = [
        k for k in range(1, 10)
        if any(cover.weight[table[:, list(c)].any(axis=1)].sum() >= share * cover.weight.sum() * (1 - 1e-12)
               for c in combinations(range(9), k))
    ]  # fmt: skip
    part = partial_cover(cover, share, seconds=20)
    assert (part.status == "infeasible") == (not sizes)
    assert not sizes or (part.value == sizes[0] and part.status == "optimal")


def test_wrong_places_and_weights_are_named():
    cover = plane(0)
    for wrong in (
        lambda: grouped_straight(cover.site_x, cover.site_y, cover.cell_x, cover.cell_y, cover.weight, 0.0),
        lambda: grouped_straight(
            cover.site_x, cover.site_y, cover.cell_x, cover.cell_y, -cover.weight - 1, 5.0
        ),
        lambda: groups_of(ReachCover([np.array([0, 400], np.int32)], cover.weight)),
        lambda: maximal_cover(cover, 13),
    ):
        with pytest.raises(InvalidInput):
            wrong()


def test_the_solver_can_be_stopped_and_tells_how_far_it_is():
    random = np.random.default_rng(0)
    group = groups_of(plane(0, cells=4_000, sites=120, radius=9.0))
    from engine.location.cover_programs import with_covered

    told, looks = [], []

    def stop():
        looks.append(1)
        return len(looks) > 5

    weight = group.weight / group.weight.sum()
    found = with_covered(
        group, np.r_[np.zeros(120), -weight], np.r_[np.ones(120), np.zeros(group.groups)], 30.0, 30.0, 120.0, 0,
        should_stop=stop, told=lambda value, floor: told.append((value, floor)),
    )  # fmt: skip
    assert told and (found.closed or len(looks) <= 12)
    assert found.x is None or found.value >= found.bound - 1e-9
    # Another count of threads than before is taken too.
    for threads in (1, 2):
        one = minimise(
            -random.random(3), _identity(3), np.zeros(3), np.ones(3), np.ones(3, bool), 5.0, threads=threads
        )
        assert one.closed


def _identity(count):
    from scipy.sparse import csc_array, eye

    return csc_array(eye(count))
