"""Every aim, rule and limit of a siting question against its definition (siting_truth.py), by both ways of solving."""

import time
from dataclasses import replace

import numpy as np
import pytest

from engine.checks import InvalidInput
from engine.siting import infeasible
from engine.siting import solve as solving
from engine.siting.case import build_case
from engine.siting.frame import Goal
from engine.siting.lines import cut_lines, lines
from engine.siting.question import AIMS, RULES, Limit, Question
from engine.siting.robustness import price_of_robustness
from engine.siting.solve import solve
from engine.siting.valuing import Valuer
from engine.world import Demand, Option, World
from tests.engine.siting_truth import Truth, each_limit_gone, random_question, relaxed
from tests.engine.towns import random_town, standard, street_town


def only_decomposed(monkeypatch):
    """As if every model were large."""
    monkeypatch.setattr(solving, "SMALL_MODEL_EDGES", -1)
    monkeypatch.setattr(solving, "TINY_MODEL_EDGES", -1)


def check_against_truth(seed, aim, rule, *, sure=True):
    worlds, options, question = random_question(seed, aim, rule)
    answer = solve(worlds, options, question, time_limit_s=5, seed=seed)
    truth = Truth(worlds, options, question, answer.notes.get("displacing", ()))
    best, feasible, alone = truth.solve()
    if best is None:
        assert (answer.status, answer.chosen.size) == ("infeasible", 0)
        return
    chosen = tuple(sorted(answer.chosen.tolist()))
    assert chosen in feasible  # budget, must, banned, limits, spacing, exclusive roles, targets
    assert answer.value == pytest.approx(truth.worth(chosen, alone), abs=1e-6)
    sign = -1 if aim == "cheapest" else 1
    assert sign * answer.bound >= sign * best - 1e-6
    if sure:
        assert answer.status == "optimal"
    if answer.status == "optimal":
        assert answer.value == pytest.approx(best, abs=1e-6)
    else:
        assert sign * (best - answer.value) <= answer.gap * max(abs(answer.bound), abs(answer.value)) + 1e-6
    assert answer.newly == pytest.approx(truth.newly(chosen))
    assert (
        answer.units.sum(axis=0).tolist() == (answer.served_after - answer.served_before).sum(axis=1).tolist()
    )
    assert answer.cost_fen == sum(options[i].cost_fen for i in chosen)
    if aim == "fairest" and sure:
        equal = [c for c in feasible if truth.worth(c, alone) >= best - 1e-7]
        most = max(float(truth.weights @ truth.newly(c)) for c in equal)
        assert float(truth.weights @ truth.newly(chosen)) == pytest.approx(most, abs=1e-6)


@pytest.mark.parametrize("seed", range(17))
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("aim", AIMS)
def test_small_plans_equal_brute_force(aim, rule, seed):
    check_against_truth(seed, aim, rule)


@pytest.mark.parametrize("seed", range(20, 22))
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("aim", AIMS)
def test_plans_of_the_decomposition_equal_brute_force(aim, rule, seed, monkeypatch):
    only_decomposed(monkeypatch)
    monkeypatch.setattr(infeasible, "AT_LEAST_LARGE_S", 1.0)
    check_against_truth(seed, aim, rule, sure=False)


@pytest.mark.parametrize("seed", range(30, 54))
def test_the_mean_of_worlds_by_prices_and_search_beside_brute_force(seed, monkeypatch):
    # Its bound must hold and its plan keep every limit; that it is the best is not promised on such towns.
    monkeypatch.setattr(solving, "SMALL_MODEL_EDGES", -1)
    monkeypatch.setattr(infeasible, "AT_LEAST_LARGE_S", 1.0)
    worlds, options, question = random_question(seed, "most", "expected")
    answer = solve(worlds, options, question, time_limit_s=2, seed=seed)
    truth = Truth(worlds, options, question, answer.notes.get("displacing", ()))
    best, feasible, alone = truth.solve()
    if best is None:
        assert answer.status in ("infeasible", "unknown")
        return
    if not answer.chosen.size and answer.status == "unknown":
        assert answer.bound >= best - 1e-6
        return
    chosen = tuple(sorted(answer.chosen.tolist()))
    assert chosen in feasible
    assert answer.value == pytest.approx(truth.worth(chosen, alone), abs=1e-6)
    assert answer.value - 1e-6 <= best <= answer.bound + 1e-6


# Worked examples of docs/algorithms/siting-aims.md


def two_quarters(*needs):
    """A street with people at 0 (area 0) and at 5000 m (area 1); one world per pair of needs, nothing there yet."""
    town = street_town([(0, 1), (5000, 1)], [], sites=[0, 5000])
    return [
        replace(
            town, demand=replace(town.demand, need=np.array([pair], np.int64), people=np.array(pair, float))
        )
        for pair in needs
    ]


WEST, EAST = Option(0, 0, "build", 12, 10), Option(1, 0, "build", 12, 10)


@pytest.mark.parametrize(
    ("rule", "tail", "chosen", "value"),
    [
        ("expected", 0.5, 0, 5.0),
        ("worst", 0.5, 1, -7.0),
        ("tail", 0.5, 1, -7.0),
        ("tail", 0.75, 1, -17 / 3),
        ("regret", 0.5, 0, -6.0),
    ],
)
def test_one_sum_of_money_and_two_storms(rule, tail, chosen, value):
    worlds = two_quarters((7, 0), (3, 9))
    question = Question(budget_fen=10, rule=rule, tail=tail)
    answer = solve(worlds, [WEST, EAST], question)
    assert (answer.chosen.tolist(), answer.status) == ([chosen], "optimal")
    assert answer.value == pytest.approx(value)


SIZES = [Option(0, 0, "build", 10, 60), Option(1, 0, "build", 8, 40), Option(0, 0, "build", 5, 25)]
TOWN = two_quarters((10, 8))
AREA = np.array([0, 1])


def test_the_cheapest_plan_for_a_share_of_all_and_of_each_quarter():
    half = solve(TOWN, SIZES, Question(aim="cheapest", target=0.5))
    assert (half.chosen.tolist(), half.value, half.bound, half.status) == ([0], 60.0, 60.0, "optimal")
    assert solve(TOWN, SIZES, Question(aim="cheapest", target=0.4)).chosen.tolist() == [1]
    each = solve(TOWN, SIZES, Question(aim="cheapest", area_target=np.array([0.5, 0.5]), area=AREA, areas=2))
    assert (sorted(each.chosen.tolist()), each.value) == ([1, 2], 65.0)
    assert each.area_share_before.tolist() == [0.0, 0.0]
    assert each.area_share_after == pytest.approx([0.5, 1.0])


def test_the_fairest_plan_lifts_the_worst_quarter_then_serves_most():
    fair = solve(TOWN, SIZES, Question(aim="fairest", budget_fen=85, area=AREA, areas=2))
    assert (sorted(fair.chosen.tolist()), fair.value) == ([1, 2], 0.5)
    most = solve(TOWN, SIZES, Question(budget_fen=85, area=AREA, areas=2))
    assert most.value == 13.0
    # One place both quarters reach: shares come out even, the last person split in thought.
    between = street_town([(0, 10), (600, 8)], [], sites=[300])
    shared = solve([between], [Option(0, 0, "build", 9, 5)], Question(aim="fairest", area=AREA, areas=2))
    assert shared.area_share_after == pytest.approx([0.5, 0.5])


def test_closing_a_place_is_paid_for_in_people_and_worth_its_merit():
    town = street_town([(0, 10)], [(0, 6), (100, 8)])
    close = Option(0, 0, "retire", 6, 2, role=0)
    alone = solve([town], [close], Question(merit=np.array([3.0])))
    assert (alone.chosen.tolist(), alone.value) == (
        [0],
        1.0,
    )  # two of ten lose their place, three units of merit
    assert alone.units.tolist() == [[-2]]
    kept = solve([town], [close], Question(merit=np.array([1.0])))
    assert (kept.chosen.tolist(), kept.value) == ([], 0.0)
    build = Option(0, 0, "build", 2, 5)
    both = solve([town], [close, build], Question(budget_fen=7, merit=np.array([3.0, 0.0])))
    assert (sorted(both.chosen.tolist()), both.value, both.served_after.tolist()) == ([0, 1], 3.0, [[10]])
    must = solve([town], [close], Question(must=(0,)))
    assert (must.chosen.tolist(), must.value, must.units.tolist()) == ([0], -2.0, [[-2]])


def test_where_no_plan_exists_the_smallest_changes_are_told():
    # Worked example of docs/algorithms/infeasible.md.
    one = Limit("number", np.ones(3, np.int64), most=1)
    question = Question(budget_fen=60, target=0.9, limits=(one,))
    answer = solve(TOWN, SIZES, question)
    assert (answer.status, answer.chosen.size, answer.notes["relaxations_proven"]) == ("infeasible", 0, True)
    (only,) = answer.relaxations
    assert (only.name, only.now, only.together) == ("target", 0.9, False)
    assert (only.needed, only.units) == (pytest.approx(10 / 18), pytest.approx(0.9 * 18 - 10))
    richer = solve(TOWN, SIZES, replace(question, limits=()))
    assert {r.name: r.needed for r in richer.relaxations} == {"budget": 100, "target": pytest.approx(10 / 18)}
    # Two musts that stand too close, each of which could go.
    near = solve(TOWN, SIZES, Question(must=(0, 2), apart=(np.array([0, 2]),)))
    assert {r.name for r in near.relaxations} == {"must:0", "must:2", "apart"}
    # No single change helps: the must is too dear, and one place at most and two at least cannot both be.
    two = Limit("two", np.ones(3, np.int64), least=2)
    both = solve(TOWN, SIZES, Question(budget_fen=50, must=(0,), limits=(one, two)))
    assert {r.name: (r.now, r.needed, r.together) for r in both.relaxations} == {
        "budget": (50, 60, True),
        "two": (2, 1, True),
    }


@pytest.mark.parametrize("path", ["exact model", "decomposition"])
def test_relaxations_are_enough_and_the_smallest(path, monkeypatch):
    if path == "decomposition":
        only_decomposed(monkeypatch)
        monkeypatch.setattr(infeasible, "AT_LEAST_LARGE_S", 2.0)
    seen = 0
    for seed in range(60, 60 + (30 if path == "exact model" else 8)):
        worlds, options, question = random_question(seed, "cheapest" if seed % 2 else "most", "expected")
        answer = solve(worlds, options, question, time_limit_s=5)
        if answer.status != "infeasible":
            continue
        seen += 1
        left_out = answer.notes["displacing"]

        def exists(asked, worlds=worlds, options=options, left_out=left_out):
            return bool(Truth(worlds, options, asked, left_out).solve()[1])

        singles = [r for r in answer.relaxations if not r.together]
        truly = {name for name, without in each_limit_gone(question) if exists(without)}
        if path == "exact model":
            assert {r.name for r in singles} == truly
            assert answer.relaxations
        else:
            assert {r.name for r in singles} <= truly
        for change in singles:
            assert exists(relaxed(question, [change]))
            if path == "exact model" and change.name.split(":")[0] not in ("must", "apart", "banned"):
                assert not exists(relaxed(question, [change], 1e-5))
        together = [r for r in answer.relaxations if r.together]
        if together and path == "exact model":
            assert exists(relaxed(question, together))
    assert seen >= 2


# Bounds, lines and assignments


def larger_question(aim="most", rule="worst"):
    rng = np.random.default_rng(3)
    world = random_town(3, cells=150, sites=60, services=2)
    worlds = [world]
    for _ in range(2):
        need = rng.integers(0, 14, world.demand.need.shape)
        worlds.append(
            World(
                Demand(world.demand.x_m, world.demand.y_m, need, world.demand.people, world.demand.area),
                world.supply,
                world.standards,
                world.reach,
            )
        )
    options = [
        Option(int(rng.integers(0, 60)), int(rng.integers(0, 2)), "build", int(rng.integers(5, 60)),
               int(rng.integers(100, 2000)), 0.0, int(rng.integers(0, 50)))
        for _ in range(100)
    ]  # fmt: skip
    question = Question(
        budget_fen=9000, aim=aim, rule=rule, target=0.4 if aim == "cheapest" else None,
        limits=(Limit("number", np.ones(100, np.int64), most=14),), area=rng.integers(0, 4, 150), areas=4,
    )  # fmt: skip
    return worlds, options, replace(question, budget_fen=None if aim == "cheapest" else 9000)


def test_any_prices_give_a_line_that_holds():
    worlds, options, question = larger_question("fairest", "expected")
    case = build_case(worlds, options, question)
    valuer, rng = Valuer(case), np.random.default_rng(0)
    for _ in range(20):
        taken = rng.random(case.decisions) < rng.random()
        omega = rng.random(case.measures) * (rng.random(case.measures) < 0.7)
        rank = valuer.ranks(omega)
        y, steps = valuer.serve(taken, rank)
        world = np.repeat(np.arange(3), case.measures // 3)
        for weights, (constant, slope) in [
            (omega, lines(case, omega, rng.random(case.model.groups) * 3)),
            *((w, (c, s)) for w, c, s in cut_lines(case, steps, rank)),
        ]:
            served = np.bincount(world, weights * y, 3)
            assert (served <= constant + slope @ taken + 1e-6).all()
        # The minimal cuts are tight at their own plan: nobody serves more of the areas that come first.
        weights, constant, slope = cut_lines(case, steps, rank)[0]
        assert np.bincount(world, weights * y, 3) == pytest.approx(constant + slope @ taken)


@pytest.mark.parametrize(
    ("aim", "rule"), [("most", "worst"), ("most", "tail"), ("cheapest", "expected"), ("fairest", "expected")]
)
def test_both_ways_agree_on_larger_towns_and_keep_every_limit(aim, rule, monkeypatch):
    worlds, options, question = larger_question(aim, rule)
    whole = solve(worlds, options, question, time_limit_s=10 if aim == "cheapest" else 3, seed=1)
    only_decomposed(monkeypatch)
    parts = solve(worlds, options, question, time_limit_s=10 if aim == "cheapest" else 3, seed=1)
    sign = -1 if aim == "cheapest" else 1
    for answer in (whole, parts):
        assert answer.status in ("optimal", "within")
        assert len(answer.chosen) <= 14
        assert question.budget_fen is None or answer.cost_fen <= question.budget_fen
        keys = [options[i].exclusive_key for i in answer.chosen]
        assert len(keys) == len(set(keys))
        assert sign * answer.bound >= sign * answer.value
        trail = np.array(answer.trail)
        assert (sign * trail[1:, 1] >= sign * trail[:-1, 1]).all()
        assert (sign * trail[1:, 2] <= sign * trail[:-1, 2]).all()
    assert sign * whole.bound >= sign * parts.value - 1e-6
    assert sign * parts.bound >= sign * whole.value - 1e-6


def test_the_same_seed_gives_the_same_answer():
    worlds, options, question = random_question(5, "most", "worst")
    first, again = (solve(worlds, options, question, seed=9) for _ in range(2))
    assert (first.chosen.tolist(), first.value, first.bound) == (
        again.chosen.tolist(),
        again.value,
        again.bound,
    )


def test_a_warm_start_is_never_made_worse(monkeypatch):
    worlds, options, question = larger_question()
    only_decomposed(monkeypatch)
    first = solve(worlds, options, question, time_limit_s=3)
    warm = solve(worlds, options, question, time_limit_s=0.5, warm=first.chosen.tolist())
    assert warm.value >= first.value - 1e-9


@pytest.mark.parametrize("edges", [10**9, -1])
def test_an_end_is_at_once_and_honest(edges, monkeypatch):
    monkeypatch.setattr(solving, "SMALL_MODEL_EDGES", edges)
    monkeypatch.setattr(solving, "TINY_MODEL_EDGES", edges)
    worlds, options, question = larger_question()
    told: list[tuple[float, float]] = []
    asked: list[float] = []

    def finish():
        if told and np.isfinite(told[-1][0]) and not asked:
            asked.append(time.monotonic())
        return bool(asked)

    answer = solve(
        worlds,
        options,
        question,
        time_limit_s=60,
        should_finish=finish,
        live=lambda v, b: told.append((v, b)),
    )
    assert asked
    assert time.monotonic() - asked[0] < 3
    assert answer.status in ("within", "optimal")
    assert answer.value <= answer.bound
    stopped = solve(worlds, options, question, should_stop=lambda: True)
    assert (stopped.status, stopped.chosen.size) == ("cancelled", 0)


def test_the_price_of_robustness_is_what_each_plan_gives_up():
    worlds = two_quarters((7, 0), (3, 9))
    table = price_of_robustness(worlds, [WEST, EAST], [[0], [1], []], Question(tail=0.5), best_alone=[7, 9])
    assert table.newly.tolist() == [[7, 3], [0, 9], [0, 0]]
    assert table.gap.tolist() == [[0, 9], [7, 3], [7, 12]]
    assert table.value.tolist() == [[5, -9, -9, -6], [4.5, -7, -7, -7], [0, -12, -12, -9]]
    assert table.price.tolist() == [[0, 2, 2, 0], [0.5, 0, 0, 1], [5, 5, 5, 3]]


def test_a_role_is_retired_by_one_option_only():
    town = street_town([(0, 10)], [(0, 6)])
    twice = [Option(0, 0, "retire", 6, cost, role=0) for cost in (1, 2)]
    with pytest.raises(InvalidInput, match="role 0: more than one option retires it"):
        solve([town], twice, Question(merit=np.ones(2)))


def test_every_problem_of_a_question_is_told_at_once():
    with pytest.raises(InvalidInput) as refused:
        solve(
            TOWN,
            SIZES,
            Question(aim="best", rule="luck", tail=0.0, must=(0, 7), banned=(0,), merit=np.ones(2)),
        )
    assert len(refused.value.problems) == 6


def test_worlds_without_weight_are_measured_but_do_not_count():
    worlds = two_quarters((7, 0), (3, 9))
    answer = solve(worlds, [WEST, EAST], Question(budget_fen=10, rule="worst", weights=(1.0, 0.0)))
    assert (answer.chosen.tolist(), answer.value) == ([0], 0.0)
    assert answer.units.tolist() == [[7, 3]]
    assert Goal().small(build_case(worlds, [WEST], Question())) is False


def test_two_services_weigh_what_their_standards_say():
    standards = [standard("shelter"), standard("medical", weight=3.0)]
    town = street_town([(0, 0)], [], sites=[0], standards=standards, needs=[[10], [10]])
    options = [Option(0, 0, "build", 10, 10), Option(0, 1, "build", 5, 10)]
    answer = solve([town], options, Question(aim="cheapest", target=0.3, budget_fen=20))
    assert (answer.chosen.tolist(), answer.value) == (
        [1],
        10.0,
    )  # 15 of 40 weighted; ten beds of shelter are only 10
