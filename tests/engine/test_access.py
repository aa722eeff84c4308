"""Two-step floating catchments: by hand, against plain numpy, and where the trips there and back differ."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import access
from engine.access import Decay, StraightCatchments, two_step, two_step_straight
from engine.checks import InvalidInput
from engine.pairs import pairs_within
from engine.world import Reach

DECAYS = [
    Decay.step(900),
    Decay.zones([300, 600, 900], [1.0, 0.68, 0.22]),
    Decay.zones([200, 900], [0.5, 0.8]),
    Decay.zones([100, 300, 500, 700, 900], [1.0, 0.8, 0.5, 0.6, 0.1]),
    Decay.gaussian(900),
    Decay.gaussian(700, 2.0, to_zero=True),
]


def town(seed, sites=40, cells=300, side=4_000):
    random = np.random.default_rng(seed)
    places = [random.random(count) * side for count in (sites, sites, cells, cells)]
    people = random.random(cells) * 300 * (random.random(cells) > 0.2)
    return places, people, random.integers(0, 500, sites).astype(float)


def plain(weight, people, capacity):
    """weight (m, n): the formula and nothing else."""
    demand = weight @ people
    ratio = np.divide(capacity, demand, out=np.zeros(len(capacity)), where=demand > 0)
    return weight.T @ ratio, ratio


def plain_weight(decay, far):
    """Written again from the formulas, not with Decay.of."""
    if decay.beta is None:
        weight = np.zeros(far.shape)
        for edge, value in reversed(list(zip(decay.edges, decay.weights, strict=True))):
            weight[far <= edge] = value
        return weight
    floor = np.exp(-1 / decay.beta) if decay.to_zero else 0.0
    bell = (np.exp(-((far / decay.limit) ** 2) / decay.beta) - floor) / (1 - floor)
    return np.where(far <= decay.limit, bell, 0)


def matrix(rows):
    """A Reach from minutes (m, n); inf: not in reach."""
    minutes = np.array(rows, float)
    near = np.isfinite(minutes)
    return Reach(np.concatenate([[0], near.sum(axis=1).cumsum()]), np.nonzero(near)[1], minutes[near])


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("seed", range(4))
def test_straight_catchments_equal_the_formula(decay, seed):
    (sx, sy, cx, cy), people, capacity = town(seed)
    far = np.hypot(np.subtract.outer(sx, cx), np.subtract.outer(sy, cy))
    wanted, wanted_ratio = plain(plain_weight(decay, far), people, capacity)
    found, ratio = two_step_straight(sx, sy, cx, cy, people, capacity, decay)
    assert np.allclose(found, wanted, rtol=1e-11, atol=0)
    assert np.allclose(ratio, wanted_ratio, rtol=1e-11, atol=0)
    assert np.array_equal(found == 0, wanted == 0)


@pytest.mark.parametrize("decay", DECAYS)
def test_stored_pairs_equal_the_formula(decay):
    (sx, sy, cx, cy), people, capacity = town(7)
    reach = pairs_within(sx, sy, cx, cy, decay.limit)
    far = np.full((len(sx), len(cx)), np.inf)
    far[np.repeat(np.arange(len(sx)), np.diff(reach.indptr)), reach.cell] = reach.cost
    wanted, wanted_ratio = plain(plain_weight(decay, far), people, capacity)
    found, ratio = two_step(reach, people, capacity, decay)
    assert np.allclose(found, wanted, rtol=1e-11, atol=1e-15)
    assert np.allclose(ratio, wanted_ratio, rtol=1e-11, atol=0)


@given(st.integers(0, 10_000), st.sampled_from(DECAYS))
def test_what_people_can_count_on_is_the_capacity_somebody_reaches(seed, decay):
    (sx, sy, cx, cy), people, capacity = town(seed, 15, 80, 2_500)
    found, ratio = two_step_straight(sx, sy, cx, cy, people, capacity, decay)
    assert people @ found == pytest.approx(capacity[ratio > 0].sum(), rel=1e-9)


def test_two_shelters_on_one_street_worked_by_hand():
    # cells at 0, 500, 1,500 m with 100, 50, 150 people; shelters at 0 (60 places) and 1,000 m (90 places); within
    # 500 m a trip counts 1, within 1,000 m 0.5
    decay = Decay.zones([500, 1_000], [1.0, 0.5])
    given_ = (
        [0.0, 1_000.0],
        [0.0, 0.0],
        [0.0, 500.0, 1_500.0],
        [0.0, 0.0, 0.0],
        [100, 50, 150],
        [60, 90],
        decay,
    )
    found, ratio = two_step_straight(*given_)
    # first shelter: 100 + 50 = 150 people; second: 0.5 x 100 + 50 + 150 = 250
    assert ratio == pytest.approx([60 / 150, 90 / 250])
    assert found == pytest.approx([0.4 + 0.5 * 0.36, 0.4 + 0.36, 0.36])


def test_trips_there_and_back_that_differ_are_each_used_where_they_belong():
    """Three quarters, two clinics, one-way streets; 15 minutes. From the quarters to clinic P: 5, 12, 20 minutes, to
    clinic Q: 20, 8, 4. The other way from P: 5, 20, 8, from Q: 9, 8, 4. A transposed table would let the third quarter
    share P and the first share Q (as in PySAL access, issue 18)."""
    there = matrix([[5, 12, 20], [20, 8, 4]])
    back = matrix([[5, 20, 8], [9, 8, 4]])
    people, capacity, decay = [100, 60, 40], [80, 25], Decay.step(15)
    # 100 + 60 people share the 80 of P, 60 + 40 the 25 of Q
    found, ratio = two_step(there, people, capacity, decay)
    assert ratio.tolist() == [0.5, 0.25]
    assert found.tolist() == [0.5, 0.75, 0.25]
    assert np.dot(people, found) == sum(capacity)
    # where the service drives to the people, the same shares are counted on by who it gets to in time
    found, ratio = two_step(there, people, capacity, decay, back=back)
    assert ratio.tolist() == [0.5, 0.25]
    assert found.tolist() == [0.75, 0.25, 0.75]
    wrong, _ratio = two_step(back, people, capacity, decay)
    assert not np.allclose(wrong, [0.5, 0.75, 0.25])


def test_nobody_in_reach_of_a_facility_gives_it_no_ratio():
    found, ratio = two_step_straight(
        [0.0, 0.0], [0.0, 50.0], [0.0, 9e5], [0.0, 0.0], [0, 10], [5, 5], Decay.step(100)
    )
    assert ratio.tolist() == [0, 0] and found.tolist() == [0, 0]


def test_the_gaussian_is_one_at_the_door_and_nothing_beyond_the_limit():
    # at half the way exp(-0.25 / 0.5), at the limit exp(-2)
    told = Decay.gaussian(1_000, 0.5).of([0.0, 500.0, 1_000.0, 1_000.1])
    assert told == pytest.approx([1.0, 0.6065306597126334, 0.1353352832366127, 0.0])
    lowered = Decay.gaussian(1_000, 0.5, to_zero=True).of([0.0, 500.0, 1_000.0, 1_000.1])
    half = (0.6065306597126334 - 0.1353352832366127) / 0.8646647167633873
    assert lowered == pytest.approx([1.0, half, 0.0, 0.0])
    # Dai (2010) is beta 2: (exp(-1/8) - exp(-1/2)) / (1 - exp(-1/2))
    dai = (0.8824969025845955 - 0.6065306597126334) / 0.3934693402873666
    assert Decay.gaussian(1_000, 2, to_zero=True).of([500.0]) == pytest.approx([dai])


def test_zones_end_at_their_edges():
    decay = Decay.zones([10, 20], [1.0, 0.3])
    assert decay.of([0, 10, 10.01, 20, 20.01]).tolist() == [1.0, 1.0, 0.3, 0.3, 0.0]


def test_blocks_worked_out_apart_add_up_to_the_whole(monkeypatch):
    monkeypatch.setattr(access, "BLOCK_CELLS", 64)
    (sx, sy, cx, cy), people, capacity = town(11)
    decay = DECAYS[1]
    whole = [
        two_step_straight(sx, sy, cx, cy, people, capacity, decay, threads=threads) for threads in (1, 3)
    ]
    apart = StraightCatchments(sx, sy, cx, cy, decay)
    assert apart.blocks == 5
    # another machine works out the blocks in any order; they are added in theirs
    partial = {block: apart.demand(block, people) for block in (3, 1, 4, 0, 2)}
    demand = np.stack([partial[block] for block in range(apart.blocks)]).sum(axis=0)
    ratio = np.divide(capacity, demand, out=np.zeros(len(sx)), where=demand > 0)
    found = np.zeros(len(cx))
    for block in (4, 0, 2, 1, 3):
        cells, value = apart.access(block, ratio)
        found[cells] = value
    for told_access, told_ratio in whole:
        assert np.array_equal(told_access, found) and np.array_equal(told_ratio, ratio)


def test_stored_pairs_do_not_depend_on_the_number_of_threads(monkeypatch):
    monkeypatch.setattr(access, "LEAST_PAIRS", 100)
    (sx, sy, cx, cy), people, capacity = town(5)
    reach = pairs_within(sx, sy, cx, cy, 900)
    one, three = (two_step(reach, people, capacity, DECAYS[1], threads=threads) for threads in (1, 3))
    assert np.array_equal(one[0], three[0]) and np.array_equal(one[1], three[1])


def test_a_town_without_sites_or_cells_has_no_access():
    found, ratio = two_step_straight([], [], [1.0], [1.0], [5], [], Decay.step(5))
    assert found.tolist() == [0] and len(ratio) == 0
    found, ratio = two_step_straight([1.0], [1.0], [], [], [], [5], Decay.step(5))
    assert len(found) == 0 and ratio.tolist() == [0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Decay.step(0),
        lambda: Decay.zones([], []),
        lambda: Decay.zones([2, 1], [1, 1]),
        lambda: Decay.zones([1, 2], [1]),
        lambda: Decay.zones([1], [-1]),
        lambda: Decay.zones([np.inf], [1]),
        lambda: Decay.gaussian(5, 0),
    ],
)
def test_a_decay_that_is_none_is_refused(make):
    with pytest.raises(InvalidInput, match="decay"):
        make()


def test_every_wrong_amount_is_told():
    with pytest.raises(InvalidInput) as told:
        two_step(matrix([[1, 2]]), [1, -1], [np.nan, 2], Decay.step(5))
    assert len(told.value.problems) == 3
    with pytest.raises(InvalidInput, match="people"):
        two_step_straight([0.0], [0.0], [0.0], [0.0], [1, 2], [1], Decay.step(5))
    with pytest.raises(InvalidInput, match="back"):
        two_step(matrix([[1, 2]]), [1, 1], [1], Decay.step(5), back=matrix([[1, 2], [1, 2]]))
