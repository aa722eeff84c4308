"""Years for the options of a plan, against every schedule there is; values by the scorer, not by the model."""

from itertools import product

import numpy as np
import pytest

from engine.checks import InvalidInput
from engine.coverage import score_world
from engine.interventions import apply_options
from engine.siting.growth import Growth
from engine.siting.model import build_model
from engine.siting.phasing import NO_ROOM, TOO_DEAR, Budgets, phase_plan
from engine.world import Demand, Option, World
from tests.engine.towns import random_options, random_town, street_town


def worth_of_subsets(worlds, weights, options):
    """V of each subset as a bit mask, by scoring the changed city."""
    standards = np.array([one.weight for one in worlds[0].standards])
    today = [score_world(world, "best", minimise_travel=False).served.sum(axis=1) for world in worlds]
    out = np.zeros(1 << len(options))
    for mask in range(1 << len(options)):
        chosen = [i for i in range(len(options)) if mask >> i & 1]
        for weight, world, before in zip(weights, worlds, today, strict=True):
            after = score_world(
                apply_options(world, options, chosen), "best", minimise_travel=False
            ).served.sum(axis=1)
            out[mask] += weight * float((after - before) @ standards)
    return out


def area_of(schedule, worth, lead, years, horizon) -> float:
    """Month by month, by the definition."""
    begin = 12 * (np.array(years) - years[0])
    total = 0.0
    for month in range(horizon):
        mask = sum(1 << i for i, y in enumerate(schedule) if y >= 0 and begin[y] + lead[i] <= month)
        total += worth[mask] / 12.0
    return total


def within(schedule, options, money, carry) -> bool:
    left = 0
    for year, given in enumerate(money):
        left = (
            (left if carry else 0)
            + given
            - sum(o.cost_fen for o, y in zip(options, schedule, strict=True) if y == year)
        )
        if left < 0:
            return False
    return True


def small_case(seed):
    rng = np.random.default_rng(seed)
    world = random_town(seed, int(rng.integers(4, 9)), int(rng.integers(3, 6)), int(rng.integers(1, 3)))
    worlds, weights = [world], [1.0]
    if seed % 2:
        need = rng.integers(0, 12, world.demand.need.shape)
        night = Demand(world.demand.x_m, world.demand.y_m, need, world.demand.people, world.demand.area)
        worlds, weights = [world, World(night, world.supply, world.standards, world.reach)], [0.5, 1.0]
    listed = [one for one in random_options(seed, world, 9) if one.kind in ("build", "convert", "extend")][:4]
    lead = rng.choice([0, 3, 6, 14, 24], len(listed))
    years = np.cumsum(rng.integers(1, 3, int(rng.integers(1, 4)))) + 2026
    money = rng.integers(0, 70, len(years))
    return worlds, weights, listed, lead, years, money, bool(rng.integers(0, 2))


@pytest.mark.parametrize("seed", range(60))
def test_small_plans_are_phased_as_well_as_every_schedule_allows(seed):
    worlds, weights, options, lead, years, money, carry = small_case(seed)
    assert not build_model(worlds, options, weights, 10**6).displacing
    found = phase_plan(worlds, options, lead, years, money, carry=carry, weights=weights, time_limit_s=10)
    worth = worth_of_subsets(worlds, weights, options)
    schedules = [
        one
        for one in product(range(-1, len(years)), repeat=len(options))
        if within(one, options, money, carry)
    ]
    best = max(area_of(one, worth, lead, years, found.horizon) for one in schedules)
    assert within(found.year.tolist(), options, money, carry)
    assert found.area == pytest.approx(
        area_of(found.year.tolist(), worth, lead, years, found.horizon), abs=1e-9
    )
    assert found.greedy_area == pytest.approx(
        area_of(found.greedy_year.tolist(), worth, lead, years, found.horizon), abs=1e-9
    )
    assert found.greedy_area - 1e-9 <= found.area <= best + 1e-9
    assert found.bound >= best - 1e-9
    assert found.status == "optimal" and found.area == pytest.approx(best, rel=1e-6, abs=1e-9)
    assert {one for one, _ in found.left} == {i for i, y in enumerate(found.year) if y < 0}
    for one, why in found.left:
        dear = options[one].cost_fen > (money.sum() if carry else money.max())
        assert why == (TOO_DEAR if dear else NO_ROOM)
        if not dear:  # not even now is there a year for it
            for year in range(len(years)):
                tried = found.year.copy()
                tried[one] = year
                assert not within(tried.tolist(), options, money, carry)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_it_is_never_worse_than_the_greedy_order(seed, seconds):
    rng = np.random.default_rng(1000 + seed)
    world = random_town(1000 + seed, 30, 14, 2)
    options = [o for o in random_options(seed, world, 40) if o.kind in ("build", "convert", "extend")]
    money = rng.integers(20, 200, int(rng.integers(2, 6)))
    lead = rng.integers(0, 30, len(options))
    carry = bool(seed % 2)
    found = phase_plan(
        [world], options, lead, 2027 + np.arange(len(money)), money, carry=carry, time_limit_s=seconds
    )
    assert found.area >= found.greedy_area - 1e-9
    assert found.bound >= found.area and found.gap == pytest.approx(
        (found.bound - found.area) / max(found.bound, 1e-12)
    )
    assert within(found.year.tolist(), options, money, carry)
    assert within(found.greedy_year.tolist(), options, money, carry)
    assert (np.diff(found.value) >= -1e-9).all()
    standards = np.array([one.weight for one in world.standards])
    assert found.value == pytest.approx((found.units * standards).sum(axis=(1, 2)))


def test_a_street_with_three_works_and_two_years():
    """Worked example of docs/algorithms/phasing.md.

    Three places 10 km apart. A serves 40 for 60, B 30 for 50, C 25 for 40; A takes 12 months, B and C 0. Money 90 and
    60, carried over. Per yuan: A 0.67, C 0.625, B 0.6. Greedy: A in the first year (60 of 90 spent), C in the second
    (30 + 60 = 90 left, 40 spent), B in the second. Better: B and C first (90), A second: 55 from month 0 on, A's 40
    from month 24 on. The area ends with month 24 + 12 = 36: 55 x 3 + 40 x 1 = 205 against 40 x 2 + 55 x 2 = 190.
    """
    world = street_town([(0, 40), (10_000, 30), (20_000, 25)], [], sites=[0, 10_000, 20_000])
    options = [
        Option(0, 0, "build", 40, 60, 0.0),
        Option(1, 0, "build", 30, 50, 0.0),
        Option(2, 0, "build", 25, 40, 0.0),
    ]
    found = phase_plan([world], options, [12, 0, 0], [2027, 2028], [90, 60])
    assert found.horizon == 36
    assert found.greedy_year.tolist() == [0, 1, 1] and found.greedy_area == pytest.approx(190)
    assert found.year.tolist() == [1, 0, 0] and found.area == pytest.approx(205)
    assert found.status == "optimal" and found.spent.tolist() == [90, 60] and found.left == ()
    assert found.month.tolist() == [0, 24] and found.value.tolist() == [55, 95]
    assert found.at([12, 24, 36]).tolist() == [55, 95, 95] and found.at([12, 24], greedy=True).tolist() == [
        95,
        95,
    ]
    assert found.units_at([12])[0, 0, 0] == 55


def test_money_left_over_waits_only_where_it_may():
    world = street_town([(0, 40)], [], sites=[0])
    option = [Option(0, 0, "build", 40, 100, 0.0)]
    saved = phase_plan([world], option, [0], [2027, 2028], [60, 60])
    assert saved.year.tolist() == [1] and saved.left == ()
    lost = phase_plan([world], option, [0], [2027, 2028], [60, 60], carry=False)
    assert lost.year.tolist() == [-1] and lost.left == ((0, TOO_DEAR),)
    assert lost.area == 0 and lost.status == "optimal"


def test_what_serves_nobody_new_is_still_done_when_there_is_money():
    world = street_town([(0, 40)], [(0, 40)], sites=[0])
    found = phase_plan([world], [Option(0, 0, "build", 5, 10, 0.0)], [3], [2027], [10])
    assert found.year.tolist() == [0] and found.area == 0 and found.left == ()


def test_a_plan_of_nothing_has_an_empty_curve():
    world = street_town([(0, 40)], [], sites=[0])
    found = phase_plan([world], [], [], [2027], [10])
    assert found.year.tolist() == [] and found.area == 0 and found.at([12]).tolist() == [0]
    assert found.units_at([12]).shape == (1, 1, 1)


def test_what_closes_is_done_last_and_the_curve_tells_it():
    """A shelter for 10 of 30 people is closed once its successor for 25 stands."""
    world = street_town([(0, 30)], [(0, 10)], sites=[0])
    options = [Option(0, 0, "retire", 10, 5, 0.0, role=0), Option(0, 0, "build", 25, 20, 0.0)]
    found = phase_plan([world], options, [1, 6], [2027, 2028], [20, 20])
    assert found.year.tolist() == [1, 0] and found.spent.tolist() == [20, 5] and found.left == ()
    assert found.month.tolist() == [6, 13] and found.value.tolist() == [20, 15]
    assert found.units[:, 0, 0].tolist() == [20, 15]
    assert found.status == "optimal" and found.area == pytest.approx(20 * (30 - 6) / 12)
    poor = phase_plan([world], options, [1, 6], [2027], [4])
    assert dict(poor.left) == {0: TOO_DEAR, 1: TOO_DEAR} and poor.month.tolist() == []


def test_bad_input_is_told_together():
    world = street_town([(0, 40)], [], sites=[0])
    with pytest.raises(InvalidInput) as caught:
        phase_plan([world], [Option(0, 0, "build", 5, 10, 0.0)], [-1], [2028, 2027], [1, -1])
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("carry", [True, False])
def test_first_room_is_the_first_year_that_fits(carry):
    rng = np.random.default_rng(5)
    for _ in range(300):
        money, spent = rng.integers(0, 20, 4), rng.integers(0, 12, 4)
        budgets = Budgets(np.arange(2027, 2031), money, carry)
        if not budgets.fits(spent):
            continue
        cost = int(rng.integers(0, 25))
        tried = [budgets.fits(spent + cost * (np.arange(4) == year)) for year in range(4)]
        assert budgets.first_room(spent, cost) == (tried.index(True) if any(tried) else -1)


def test_sets_are_worth_the_same_however_they_are_asked():
    world = random_town(3, 12, 6, 2)
    options = [o for o in random_options(3, world, 12) if o.kind in ("build", "convert", "extend")]
    growth, worth = Growth([world], options, [1.0]), worth_of_subsets([world], [1.0], options)
    rng = np.random.default_rng(0)
    for _ in range(40):
        done = rng.random(len(options)) < 0.5
        mask = sum(1 << int(i) for i in np.flatnonzero(done))
        assert growth.value(done) == pytest.approx(worth[mask])
        for one, gain in enumerate(growth.gains(done)):
            assert gain == pytest.approx(worth[mask | 1 << one] - worth[mask])


@pytest.mark.parametrize("seed", range(8))
def test_the_greedy_order_is_by_what_each_yuan_buys_after_those_before(seed):
    world = random_town(seed, 20, 10, 2)
    options = [o for o in random_options(seed, world, 25) if o.kind in ("build", "convert", "extend")]
    growth = Growth([world], options, [1.0])
    price = np.array([max(o.cost_fen, 1) for o in options], float)
    done = np.zeros(len(options), bool)
    for one in growth.greedily(price, lambda _: True, done.copy(), growth.gains(done).copy()):
        plain = Growth([world], options, [1.0]).gains(done) / price
        assert plain[one] == pytest.approx(plain.max()) and plain[one] > 0
        done[one] = True
    assert growth.gains(done).max(initial=0) == 0
