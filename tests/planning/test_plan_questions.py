"""What a plan can be asked in the hand-worked town, and what it answers: every aim, rule and limit through the service."""

import pytest

from core.errors import DomainError, InvalidInput
from core.services import jobs
from inventory.models import AssetOption
from planning.choices import VersionState
from planning.models import CostRate, PlanVersion, Run
from planning.services import plans, siting
from tests.planning.test_plans import STATES, suggested


def asked(town, runs, question=None, budget=70_000, **more):
    return suggested(town, runs, budget, question=question or {}, **more)


def keys(version):
    return sorted(row.key for row in version.interventions.all())


def key_of(town, kind, number):
    return f"{kind}:c{town.roles[number].pk}"


# --- the question is checked ------------------------------------------------------------------------


def test_every_problem_of_a_question_is_told_at_once_by_its_place(priced, compute):
    bad = {
        "target": 2, "area_target": {"T9": 0.5, "T1": "x"}, "area_level": 9, "tail": 0, "run_weights": {"R-9": 1},
        "number": {"most": -1}, "number_by_kind": {"plant": {"most": 1}}, "number_by_area": {"T1": {"least": 3, "most": 1}},
        "funds": {"lottery": {"limit_fen": 5}, "central": {"limit_fen": "x", "kinds": ["plant"]}},
        "years": [{"year": 2027}, {"year": 2028, "budget_fen": -1}], "carry_over": "yes", "must": ["build:o0"],
        "banned": "x", "spacing_m": {"build": -5}, "land_m2_by_area": {"T1": 1.5}, "running_years": 999,
        "peacetime_weight": -1, "sizes": 1, "colour": "red",
    }  # fmt: skip
    with pytest.raises(InvalidInput) as refused:
        asked(priced, compute(priced), bad)
    found = {problem.column for problem in refused.value.problems}
    assert found >= {
        "target", "area_target.T9", "area_target.T1", "area_level", "tail", "run_weights.R-9", "number.most",
        "number_by_kind.plant", "number_by_area.T1", "funds.lottery", "funds.central.kinds", "funds.central.limit_fen",
        "years.0", "years.1.budget_fen", "carry_over", "must", "banned", "spacing_m.build", "land_m2_by_area.T1",
        "running_years", "peacetime_weight", "sizes", "colour",
    }  # fmt: skip
    assert refused.value.code == "bad-question" and not PlanVersion.objects.exists()


@pytest.mark.parametrize(
    ("more", "column"),
    [
        ({"aim": "cheapest", "budget": None}, "target"), ({"aim": "dearest"}, "aim"), ({"rule": "luck"}, "rule"),
        ({"budget": None}, "budget_fen"),
        ({"question": {"years": [{"year": 2027, "budget_fen": 5}]}}, "years"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(priced, compute, more, column):
    with pytest.raises(InvalidInput) as refused:
        asked(priced, compute(priced), **more)
    assert column in {problem.column for problem in refused.value.problems}


def test_equal_questions_are_one_however_they_are_written(priced, compute):
    runs = compute(priced)
    first = asked(priced, runs, {"number": {"most": 3}, "sizes": False, "funds": {}})
    again = asked(priced, runs, {"tail": 0.2, "number": {"least": 0, "most": 3.0}})
    assert first.pk == again.pk and first.question == {"number": {"most": 3}}


# --- limits -----------------------------------------------------------------------------------------


def test_number_must_and_banned_are_kept(priced, compute):
    runs = compute(priced)
    assert len(keys(asked(priced, runs, {"number": {"most": 1}}))) == 1
    must = key_of(priced, "convert", 3)
    assert must in keys(asked(priced, runs, {"must": [must]}, budget=100_000))
    banned = key_of(priced, "extend", 0)
    assert banned not in keys(asked(priced, runs, {"banned": [banned]}, budget=1_000_000))


def test_least_in_an_area_is_kept_even_where_another_place_would_pay_more(priced, compute):
    version = asked(
        priced, compute(priced), {"number_by_area": {"T1": {"least": 1}}, "number": {"most": 1}}, 45_000
    )
    assert keys(version) == [key_of(priced, "extend", 0)] and version.status == "optimal"


def test_a_must_that_is_not_possible_here_fails_in_words(priced, compute):
    role = priced.roles[0]
    version = plans.suggest_plan(
        user=None, city=priced.city, runs=compute(priced), budget_fen=70_000, name="x",
        question={"must": [f"stock:c{role.pk}"]},
    )  # fmt: skip
    jobs.perform(version.job.ref)
    version.refresh_from_db()
    assert version.state == VersionState.FAILED and f"stock:c{role.pk}" in version.facts["failure"]


def test_a_source_pays_only_what_it_may(priced, compute):
    """10,000 that may pay anything and 60,000 for upgrades only: the stock for 8,000 and the upgrade for 20,000."""
    funds = {"local": {"limit_fen": 10_000}, "central": {"limit_fen": 60_000, "kinds": ["upgrade"]}}
    version = asked(priced, compute(priced), {"funds": funds})
    assert keys(version) == sorted([key_of(priced, "stock", 1), key_of(priced, "upgrade", 2)])
    spent = {}
    for row in version.interventions.all():
        assert sum(part.amount_fen for part in row.money.all()) in (0, row.cost_fen)
        for part in row.money.all():
            spent[part.source] = spent.get(part.source, 0) + part.amount_fen
    assert all(amount <= funds[source]["limit_fen"] for source, amount in spent.items())


def test_the_budgets_of_the_years_are_the_budget(priced, compute):
    years = [{"year": 2028, "budget_fen": 40_000}, {"year": 2027, "budget_fen": 28_000}]
    version = asked(priced, compute(priced), {"years": years}, None)
    assert version.budget_fen == 68_000 and version.cost_fen <= 68_000
    assert version.question["years"] == sorted(years, key=lambda row: row["year"])
    assert {row.year for row in version.interventions.all()} <= {2027, 2028}


def test_places_of_a_kind_keep_their_distance(priced, compute):
    runs = compute(priced)
    other = AssetOption.objects.create(
        asset=_second_yard(priced), service=priced.service, kind="build", capacity=25, cost_fen=100_000,
        conversion_hours=24,
    )  # fmt: skip
    runs = compute(priced)
    only = {"number_by_kind": {kind: {"most": 0} for kind in ("extend", "stock", "upgrade", "convert")}}
    must = {"must": [f"build:o{priced.option.pk}", f"build:o{other.pk}"]}
    both = asked(priced, runs, only | must, 1_000_000)
    assert len(keys(both)) == 2
    apart = asked(priced, runs, only | must | {"spacing_m": {"build": 101}}, 1_000_000)
    assert apart.state == VersionState.NO_PLAN
    edge = asked(priced, runs, only | must | {"spacing_m": {"build": 99}}, 1_000_000)
    assert len(keys(edge)) == 2


def _second_yard(town, land=None):
    from inventory.models import IdleAsset
    from tests.planning.town import at

    point = at(550)
    return IdleAsset.objects.create(
        city=town.city, ref="IA-90002", source_id="y2", name="二厂", name_en="Second yard", kind="land", area=town.left,
        point=point, datum="WGS-84", original_x=point.x, original_y=point.y, land_m2=land,
    )  # fmt: skip


def test_land_that_nobody_measured_is_left_out_where_land_is_limited(priced, compute):
    other = AssetOption.objects.create(
        asset=_second_yard(priced, 900.4), service=priced.service, kind="build", capacity=25, cost_fen=100_000,
        conversion_hours=24,
    )  # fmt: skip
    runs = compute(priced)
    built = f"build:o{other.pk}"
    tight = asked(priced, runs, {"land_m2_by_area": {"T1": 900}}, 10_000_000)
    assert built not in keys(tight) and tight.facts["left_out"]["land_unknown"] == 1
    assert f"build:o{priced.option.pk}" not in keys(tight)
    assert built in keys(asked(priced, runs, {"land_m2_by_area": {"T1": 901}, "must": [built]}, 10_000_000))


# --- aims and rules ---------------------------------------------------------------------------------


def test_the_cheapest_plan_names_no_budget_and_its_cost_is_stored(priced, compute):
    """95 of 115: stock (20) for 8,000 and upgrade (15) for 20,000 reach 95; nothing cheaper does."""
    version = asked(priced, compute(priced), {"target": 95 / 115}, None, aim="cheapest")
    assert version.cost_fen == 28_000 == version.budget_fen == version.aim_value
    assert version.aim_bound <= version.aim_value and version.status == "optimal"
    assert (
        siting.budget_asked(version) is None and version.bound is None and version.value == pytest.approx(35)
    )


def test_a_coverage_in_each_area_is_reached(priced, compute):
    version = asked(priced, compute(priced), {"area_target": {"T1": 1.0}}, None, aim="cheapest")
    assert keys(version) == [key_of(priced, "extend", 0)] and version.cost_fen == 40_000


def test_the_fairest_plan_lifts_the_worst_served_area(priced, compute):
    """West serves 60 of 80, East 0 of 35. With 30,000 East can have 35 of 35: then West's 0.75 is the worst share."""
    version = asked(priced, compute(priced), {}, 30_000, aim="fairest")
    assert version.aim_value == pytest.approx(0.75) and version.aim_bound >= version.aim_value - 1e-9
    after = Run.objects.get(plan_version=version).totals[0]
    assert after["served"] >= 95


@pytest.mark.parametrize("rule", ["expected", "worst", "tail", "regret"])
def test_each_rule_answers_with_its_value_and_tells_every_run(priced, compute, rule):
    version = asked(priced, compute(priced, ["night", "day"]), {}, 28_000, rule=rule)
    assert version.state == VersionState.DRAFT and version.status == "optimal"
    told = version.facts["robust"]
    assert len(told["runs"]) == 2 and told["rules"][rule] == pytest.approx(version.aim_value, abs=1e-6)
    assert version.aim_bound >= version.aim_value - 1e-6
    assert (told["rules"]["regret"] is None) == (rule != "regret")


def test_what_a_rule_costs_is_told_when_asked(priced, compute):
    version = asked(
        priced, compute(priced, ["night", "day"]), {"price_of_robustness": True}, 28_000, rule="worst"
    )
    mean = version.facts["price_of_robustness"]
    assert mean["rules"]["expected"] >= version.facts["robust"]["rules"]["expected"] - 1e-9
    assert mean["rules"]["worst"] <= version.facts["robust"]["rules"]["worst"] + 1e-9


def test_runs_weigh_as_asked(priced, compute):
    runs = compute(priced, ["night", "day"])
    refs = {run.time_of_day: run.ref for run in runs}
    night = asked(priced, runs, {"run_weights": {refs["day"]: 0.0}}, 28_000)
    told = {row["ref"]: row for row in night.facts["robust"]["runs"]}
    assert told[refs["night"]]["weight"] == 1 and night.value == pytest.approx(told[refs["night"]]["newly"])


def test_peacetime_value_can_tip_the_scale(priced, compute):
    CostRate.objects.create(
        service=priced.service, kind="build", fixed_fen=0, per_unit_fen=0, peacetime_fen_unit=100_000_000, source="worked"
    )  # fmt: skip
    runs = compute(priced)
    plain = asked(priced, runs, {"number": {"most": 1}}, 100_000)
    tipped = asked(priced, runs, {"number": {"most": 1}, "peacetime_weight": 1.0}, 100_000)
    assert f"build:o{priced.option.pk}" not in keys(plain)
    assert keys(tipped) == [f"build:o{priced.option.pk}"] and tipped.bound is None
    assert tipped.interventions.get().peacetime_fen_year == 25 * 100_000_000


# --- sizes and retiring -----------------------------------------------------------------------------


def test_a_place_may_be_taken_in_a_smaller_size_only_when_asked(priced, compute):
    CostRate.objects.filter(kind="extend").update(steps=[0.5, 1])
    runs = compute(priced)
    whole = asked(priced, runs, {}, 25_000, kinds=["extend"])
    assert keys(whole) == []
    half = asked(priced, runs, {"sizes": True}, 25_000, kinds=["extend"])
    row = half.interventions.get()
    assert row.key == key_of(priced, "extend", 0) + "@0.5" and (row.units, row.cost_fen) == (15, 25_000)
    must = asked(priced, runs, {"sizes": True, "must": [key_of(priced, "extend", 0)]}, 25_000)
    assert key_of(priced, "extend", 0) + "@0.5" in keys(must)


def test_a_part_of_an_asset_pays_the_fixed_part_whole(priced, compute):
    CostRate.objects.create(
        service=priced.service, kind="build", fixed_fen=20_000, per_unit_fen=1, steps=[0.5, 1], source="worked"
    )  # fmt: skip
    version = asked(priced, compute(priced), {"sizes": True}, 61_000, kinds=["build"])
    row = version.interventions.get()
    # 12 of 25 places: 20,000 + 80,000 x 12 / 25.
    assert (row.key, row.units, row.cost_fen) == (f"build:o{priced.option.pk}@0.5", 12, 58_400)


def test_retiring_pays_only_where_running_cost_counts_and_never_by_itself(priced, compute):
    """C and D serve the same 15: closing B (late, serves nobody) saves its running cost."""
    CostRate.objects.create(
        service=priced.service, kind="retire", fixed_fen=1_000, per_unit_fen=0, running_fen_unit=100_000, source="worked"
    )  # fmt: skip
    runs = compute(priced)
    assert not [
        key for key in keys(asked(priced, runs, {"peacetime_weight": 1.0}, 1_000_000)) if "retire" in key
    ]
    version = asked(priced, runs, {"peacetime_weight": 1.0, "retire": True}, 1_500)
    row = version.interventions.get()
    assert row.key == key_of(priced, "retire", 1) and row.running_fen_year == -30 * 100_000
    after = Run.objects.get(plan_version=version).totals[0]
    assert after["served"] == 60 and after["late"] == 0 and after["no_room"] + after["out_of_reach"] == 55


# --- no plan exists ---------------------------------------------------------------------------------


def test_where_no_plan_exists_the_smallest_changes_are_told_and_can_be_asked(priced, compute):
    version = asked(priced, compute(priced), {"target": 95 / 115}, 20_000)
    assert version.state == VersionState.NO_PLAN and version.status == "infeasible" and not version.cost_fen
    told = {one["name"]: one for one in version.facts["relaxations"]}
    assert told["budget"]["now"] == 20_000 and told["budget"]["needed"] == 28_000
    assert told["target"]["needed"] == pytest.approx(80 / 115, abs=1e-3)
    number = [one["name"] for one in version.facts["relaxations"]].index("budget")
    relaxed = plans.suggest_relaxed(user=None, version=version, relaxation=number)
    jobs.perform(relaxed.job.ref)
    relaxed.refresh_from_db()
    assert relaxed.state == VersionState.DRAFT and relaxed.cost_fen == 28_000 and relaxed.parent == version
    with pytest.raises(DomainError):
        plans.suggest_relaxed(user=None, version=relaxed, relaxation=0)
    with pytest.raises(DomainError):
        plans.suggest_relaxed(user=None, version=version, relaxation=99)


@pytest.mark.parametrize(
    ("question", "budget", "name"),
    [
        ({"target": 0.9, "number": {"most": 1}}, 10_000_000, "number"),
        ({"target": 0.9, "number_by_kind": {"stock": {"most": 0}, "extend": {"most": 0}}}, 90_000, None),
        ({"area_target": {"T2": 1.0}, "number_by_area": {"T2": {"most": 1}}}, 10_000_000, None),
        ({"number_by_area": {"T1": {"least": 5}}}, 10_000_000, "area-number:T1"),
        ({"funds": {"local": {"limit_fen": 100}}, "target": 0.9}, 10_000_000, None),
        ({"area_target": 1.0}, 41_000, None),
    ],
)  # fmt: skip
def test_every_limit_can_be_relaxed_into_a_plan(priced, compute, question, budget, name):
    version = asked(priced, compute(priced), question, budget)
    assert version.state == VersionState.NO_PLAN, version.facts
    told = version.facts["relaxations"]
    assert told and (name is None or name in {one["name"] for one in told})
    alone = [number for number, one in enumerate(told) if not one["together"]]
    for number in alone or [None]:
        relaxed = plans.suggest_relaxed(user=None, version=version, relaxation=number)
        if relaxed.state == VersionState.COMPUTING:
            jobs.perform(relaxed.job.ref)
            relaxed.refresh_from_db()
        assert relaxed.state == VersionState.DRAFT, (told[number or 0], relaxed.facts)
        assert relaxed.cost_fen <= relaxed.budget_fen


# --- while it computes ------------------------------------------------------------------------------


def test_somebody_may_keep_the_best_so_far(priced, compute):
    version = plans.suggest_plan(
        user=None, city=priced.city, runs=compute(priced), budget_fen=70_000, name="x", question={"number": {"most": 9}}
    )  # fmt: skip
    plans.finish_version(user=None, version=version)
    assert plans.finish_version(user=None, version=version).finish_requested
    jobs.perform(version.job.ref)
    version.refresh_from_db()
    assert version.state == VersionState.DRAFT and version.cost_fen <= 70_000
    assert version.aim_bound is None or version.aim_bound >= version.aim_value
    with pytest.raises(DomainError) as refused:
        plans.finish_version(user=None, version=version)
    assert refused.value.code == "not-computing"


def test_the_trail_tells_value_and_bound_and_ends_at_the_answer(priced, compute):
    version = asked(priced, compute(priced), {"number": {"most": 9}})
    assert version.trail and version.trail[-1][1] == pytest.approx(version.aim_value)
    seconds = [point[0] for point in version.trail]
    assert seconds == sorted(seconds)


def test_a_job_taken_up_again_writes_the_plan_once(priced, compute):
    version = plans.suggest_plan(
        user=None, city=priced.city, runs=compute(priced), budget_fen=70_000, name="x"
    )
    jobs.perform(version.job.ref)
    version.refresh_from_db()
    before = keys(version), version.interventions.count(), version.runs.count()
    version.job.state = "queued"
    version.job.save()
    jobs.perform(version.job.ref)
    version.refresh_from_db()
    assert (keys(version), version.interventions.count(), version.runs.count()) == before


def test_a_new_version_starts_from_its_parent(priced, compute):
    runs = compute(priced)
    first = asked(priced, runs, {"number": {"most": 9}})
    second = plans.suggest_plan(
        user=None, city=priced.city, plan=first.plan, runs=runs, budget_fen=70_000, question={"number": {"most": 8}}, parent=first
    )  # fmt: skip
    jobs.perform(second.job.ref)
    second.refresh_from_db()
    assert second.parent == first and keys(second) == keys(first) and second.number == 2
    stranger = asked(priced, runs, {}, 69_000)
    with pytest.raises(DomainError) as refused:
        plans.suggest_plan(
            user=None, city=priced.city, plan=first.plan, runs=runs, budget_fen=1, parent=stranger
        )
    assert refused.value.code == "other-plan"


def test_the_changed_registry_scores_as_the_change_set_does_when_a_role_goes(priced, compute):
    CostRate.objects.create(
        service=priced.service, kind="retire", fixed_fen=0, per_unit_fen=0, source="worked"
    )
    must = {"must": [key_of(priced, "retire", 0)], "retire": True, "number": {"most": 1}}
    version = asked(priced, compute(priced), must, 1)
    after = Run.objects.get(plan_version=version)
    role = priced.roles[0]
    role.status = "retired"
    role.save()
    edited = compute(priced)[0]
    assert [after.totals[0][name] for name in STATES] == [edited.totals[0][name] for name in STATES]
