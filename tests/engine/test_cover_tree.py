"""The tree of maximal covering: a ceiling at every moment, the best of all choices when it is closed, leaves that prove it."""

from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import pytest

from engine.checks import InvalidInput
from engine.location import Cover
from engine.location.cover_tree import CoverTree, check_leaves, worth_of_choice
from engine.location.grouping import grouped


def instance(seed, cells=40, sites=9):
    random = np.random.default_rng(seed)
    people, places = random.random((cells, 2)), random.random((sites, 2))
    near = np.hypot(*(people[:, None] - places[None]).transpose(2, 0, 1)) <= random.uniform(0.15, 0.4)
    indptr = np.concatenate([[0], np.cumsum(near.sum(axis=1))])
    group = grouped(Cover(indptr, np.nonzero(near)[1], random.integers(1, 30, cells).astype(float), sites))
    return group, int(random.integers(1, sites)), random


def every(m, p):
    sizes = range(m + 1) if p is None else (p,)
    return chain.from_iterable(combinations(range(m), k) for k in sizes)


@pytest.mark.parametrize("priced", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_the_ceiling_is_one_at_every_moment_and_the_closed_tree_is_the_best_of_all_choices(seed, priced):
    group, p, random = instance(seed)
    m = group.sites
    charge = random.uniform(0, 0.6, m) * group.weight.sum() / 3 if priced else np.zeros(m)
    p = None if priced else p
    best = max(worth_of_choice(group, np.array(c, np.int64), charge) for c in every(m, p))
    tree = CoverTree(group, p, charge=charge, rounds=60)
    heard = [(tree.value, tree.ceiling)]
    for _turn in range(400):
        tree.grow(60.0, nodes=1, told=lambda value, ceiling: heard.append((value, ceiling)))
        if tree.ceiling <= tree.value * (1 + 1e-9) + 1e-9:
            break
        assert check_leaves(group, p, tree.leaves, charge) >= best * (1 - 1e-9)
    assert all(ceiling >= best * (1 - 1e-9) and value <= best * (1 + 1e-9) for value, ceiling in heard)
    assert tree.value == pytest.approx(best, rel=1e-9) and tree.ceiling == pytest.approx(best, rel=1e-8)
    assert worth_of_choice(group, tree.sites, charge) == pytest.approx(best, rel=1e-9)
    assert check_leaves(group, p, tree.leaves, charge) == pytest.approx(best, rel=1e-7)


@pytest.mark.parametrize("seed", range(15))
def test_other_charges_give_other_ceilings_that_hold_and_the_tree_closes_again(seed):
    group, _p, random = instance(seed)
    m = group.sites
    tree = CoverTree(group, None, charge=random.uniform(0, 1, m) * group.weight.sum() / 5, rounds=60)
    tree.grow(60.0, nodes=4)
    other = random.uniform(0, 1, m) * group.weight.sum() / 5
    best = max(worth_of_choice(group, np.array(c, np.int64), other) for c in every(m, None))
    assert tree.recharge(other) >= best - 1e-9
    assert tree.grow(60.0) == pytest.approx(best, rel=1e-8)
    assert check_leaves(group, None, tree.leaves, other) == pytest.approx(best, rel=1e-7)


def grown(seed=3):
    group, _p, _random = instance(seed, 60, 12)
    tree = CoverTree(group, 4, rounds=5)
    tree.grow(60.0, nodes=6)
    assert len(tree.leaves) > 3
    return group, tree.leaves


def test_leaves_that_were_tampered_with_are_refused():
    group, leaves = grown()
    check_leaves(group, 4, leaves)
    first = leaves[0]
    site = (first.inside + first.outside)[0]
    wrong = [
        leaves[1:],  # one is missing
        [*leaves, first],  # one is there twice
        [replace(first, outside=(), inside=()), *leaves[1:]],  # one claims everything
        [replace(first, inside=(*first.inside, site), outside=(*first.outside, site)), *leaves[1:]],
        [replace(first, inside=(*first.inside, 99)), *leaves[1:]],
        [replace(first, price=first.price[:-1]), *leaves[1:]],
        [replace(first, price=first.price * np.nan), *leaves[1:]],
        [],
    ]
    for tampered in wrong:
        with pytest.raises(InvalidInput):
            check_leaves(group, 4, tampered)


def test_a_ceiling_that_a_leaf_claims_is_not_believed():
    group, leaves = grown()
    honest = check_leaves(group, 4, leaves)
    # Prices of nothing prove that nobody is left out; prices in full prove what four sites cover, counted one by one.
    nothing = [replace(leaf, ceiling=0.0, price=np.zeros_like(leaf.price)) for leaf in leaves]
    assert check_leaves(group, 4, nothing) == pytest.approx(group.weight.sum())
    full = [replace(leaf, ceiling=0.0, price=group.weight.astype(np.float32)) for leaf in leaves]
    assert check_leaves(group, 4, full) >= honest


def test_the_worked_example_of_the_page():
    # Three groups, each covered by two of three sites: one site covers 2 of 3, and fractions of 1/2 cover 3 of 3 with 1.5.
    group = grouped(Cover(np.array([0, 2, 4, 6]), np.array([0, 1, 1, 2, 0, 2]), np.ones(3), 3))
    tree = CoverTree(group, 1)
    assert tree.value == 2.0 and tree.ceiling == pytest.approx(2.0, rel=1e-6)
    free = CoverTree(group, None, charge=np.full(3, 0.75), rounds=200)
    free.grow(60.0)
    # Two sites cover 3 for 1.5; one covers 2 for 0.75: 1.5 or 1.25. The relaxation says 3 - 1.5 x 0.75 = 1.875.
    assert (free.value, free.ceiling) == (1.5, pytest.approx(1.5, rel=1e-7))
    assert len(free.leaves) > 1
