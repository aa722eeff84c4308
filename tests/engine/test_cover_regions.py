"""The regional ceiling of maximal covering: one at every moment and whatever the prices; its proof cannot be forged."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from engine.checks import InvalidInput
from engine.location.cover_bound import bound
from engine.location.cover_regions import RegionalBound, RegionalProof, check_regions, split
from engine.location.cover_tree import CoverTree, worth_of_choice
from engine.location.grouping import grouped_straight


def instance(seed):
    random = np.random.default_rng(seed)
    cell_x, cell_y = random.random((2, 60)) * 100
    site_x, site_y = random.random((2, 12)) * 100
    group = grouped_straight(site_x, site_y, cell_x, cell_y, random.integers(1, 30, 60).astype(float), 22.0)
    p = int(random.integers(2, 6))
    values = [worth_of_choice(group, np.array(c)) for c in combinations(range(12), p)]
    return group, p, max(values), random


@pytest.mark.parametrize("seed", range(25))
def test_the_ceiling_holds_at_every_moment_and_never_rises_above_the_linear_one(seed):
    group, p, best, _random = instance(seed)
    prices = bound(group, p, settled=1e-7, rounds=3_000)
    regional = RegionalBound(group, p, prices, best, 8.0)
    assert len(regional.regions) > 1
    assert regional.best <= prices.value * (1 + 1e-6)
    heard = [regional.best]
    regional.run(0.6, told=heard.append)
    assert all(ceiling >= best * (1 - 1e-9) for ceiling in heard)
    assert heard == sorted(heard, reverse=True)
    assert check_regions(group, p, regional.proof()) == pytest.approx(regional.best, rel=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_any_prices_and_any_cut_give_a_ceiling(seed):
    group, p, best, random = instance(seed)
    label = np.unique(random.integers(0, 4, group.groups), return_inverse=True)[1]
    price, leaves = [], []
    for one in split(group, label):
        price.append(random.uniform(0, 1, one.part.sites) * group.weight.sum() / 10)
        tree = CoverTree(one.part, None, charge=price[-1], rounds=20)
        tree.grow(1.0, nodes=int(random.integers(0, 5)))
        leaves.append(tuple(tree.leaves))
    proved = check_regions(group, p, RegionalProof(label, tuple(price), tuple(leaves)))
    assert proved >= best - 1e-6


def test_one_region_with_its_tree_closed_at_the_right_prices_is_exact():
    # One region holds everything: with every copy at the price of the p-th best the tree finds the optimum's ceiling.
    group, p, best, _random = instance(3)
    prices = bound(group, p, settled=1e-7, rounds=3_000)
    regional = RegionalBound(group, p, prices, best, 1_000.0)
    regional.run(2.0)
    assert len(regional.regions) == 1 and best - 1e-6 <= regional.best <= prices.value * (1 + 1e-6)


def test_a_proof_that_was_tampered_with_is_refused():
    group, p, best, _random = instance(1)
    regional = RegionalBound(group, p, bound(group, p, rounds=500), best, 8.0)
    regional.run(0.3)
    proof = regional.proof()
    check_regions(group, p, proof)
    first = next(k for k, leaves in enumerate(proof.leaves) if len(leaves) > 1)
    fewer = list(proof.leaves)
    fewer[first] = fewer[first][1:]
    wrong = [
        replace(proof, leaves=tuple(fewer)),
        replace(proof, leaves=proof.leaves[1:]),
        replace(proof, label=proof.label[:-1]),
        replace(proof, label=proof.label - 1),
        replace(proof, price=(proof.price[0][:-1], *proof.price[1:])),
        replace(proof, price=(proof.price[0] * np.nan, *proof.price[1:])),
    ]
    for tampered in wrong:
        with pytest.raises(InvalidInput):
            check_regions(group, p, tampered)
    # Cheaper copies prove a higher ceiling of the regions: nothing is gained by writing other prices into a proof.
    cheaper = replace(proof, price=tuple(one * 0.5 for one in proof.price))
    assert check_regions(group, p, cheaper) >= best - 1e-9
