"""Two versions side by side (see versions.py): figures with differences, what they stand on, which interventions they share."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from core.errors import DomainError
from planning.models import Intervention, InterventionMoney, PlanVersion
from planning.selectors.plan_comparisons import compare_versions, named_version
from tests.planning.test_plans import suggested
from tests.planning.versions import A_FEN, B_FEN, two_versions


@pytest.fixture
def pair(priced: SimpleNamespace, compute: Any) -> SimpleNamespace:
    priced.runs = compute(priced)
    priced.a, priced.b = two_versions(priced, priced.runs)
    return priced


def figures(pair: SimpleNamespace, user: Any = None) -> dict[str, tuple[Any, Any, Any]]:
    return {
        one.code: (one.a, one.b, one.change) for one in compare_versions(pair.a, pair.b, user=user).figures
    }


def test_figures_stand_side_by_side_with_their_difference(pair: SimpleNamespace) -> None:
    told = figures(pair)
    assert told["cost_fen"] == (A_FEN, B_FEN, B_FEN - A_FEN)
    assert told["interventions"] == (3, 2, -1)
    assert told["value"][0] == pytest.approx(55) and told["value"][1] == pytest.approx(35)
    assert told["closed"] == (55, 35, -20) and told["left"] == (0, 20, 20)
    assert told["coverage"][0] == 1 and told["coverage"][1] == pytest.approx(95 / 115)
    assert told["worst_area"][1] == pytest.approx(60 / 80)


def test_the_worst_area_is_named(pair: SimpleNamespace) -> None:
    worst = next(
        one for one in compare_versions(pair.a, pair.b, user=None).figures if one.code == "worst_area"
    )
    assert worst.note_b == pair.left


def test_every_intervention_of_both_stands_in_exactly_one_group(pair: SimpleNamespace) -> None:
    found = compare_versions(pair.a, pair.b, user=None)
    assert found.counts() == {"only_a": 1, "only_b": 0, "both": 2, "size": 0}
    assert next(one.a.kind for one in found.steps if one.state == "only_a") == "extend"
    assert sum(1 for one in found.steps if one.a) == 3 and sum(1 for one in found.steps if one.b) == 2
    turned = compare_versions(pair.b, pair.a, user=None).counts()
    assert turned == {"only_a": 0, "only_b": 1, "both": 2, "size": 0}


def test_the_same_place_in_another_size_is_one_step(pair: SimpleNamespace) -> None:
    stocked = pair.b.interventions.get(kind="stock")
    mine = pair.a.interventions.get(kind="stock")
    Intervention.objects.filter(pk=mine.pk).update(key="stock:c1")
    Intervention.objects.filter(pk=stocked.pk).update(key="stock:c1@0.5", units=15, cost_fen=6_000)
    found = compare_versions(pair.a, pair.b, user=None)
    (step,) = [one for one in found.steps if one.state == "size"]
    assert (step.a.units, step.b.units) == (30, 15) and found.counts()["both"] == 1


def test_the_same_ground_is_told_as_such_but_for_the_budget(pair: SimpleNamespace) -> None:
    found = compare_versions(pair.a, pair.b, user=None)
    assert {one.code for one in found.bases} == {"budget"} and not any(one.weighty for one in found.bases)


def test_other_runs_standards_and_prices_are_said_plainly(pair: SimpleNamespace, compute: Any) -> None:
    from planning.models import CostRate

    day = compute(pair, ["day"])
    CostRate.objects.filter(kind="stock").update(per_unit_fen=200)
    other = suggested(pair, [*pair.runs, *day], 70_000)
    told = {one.code: one for one in compare_versions(pair.a, other, user=None).bases}
    assert {"runs", "prices"} <= set(told) and told["runs"].weighty and told["prices"].weighty
    found = compare_versions(pair.a, other, user=None)
    assert [run.time_of_day for run in found.only_in[1]] == ["day"] and len(found.shared) == 1
    # standards: the same scenario run by a longer reach
    wider = compute(pair, ["night"], reach_overrides={pair.service.code: 600})
    third = suggested(pair, wider, 70_000)
    assert "reach" in {one.code for one in compare_versions(pair.a, third, user=None).bases}


def test_money_by_year_and_source_is_compared(pair: SimpleNamespace) -> None:
    for version, year in ((pair.a, 2027), (pair.b, 2028)):
        for one in version.interventions.all():
            InterventionMoney.objects.create(
                intervention=one, year=year, source="local", amount_fen=one.cost_fen
            )
    told = [(one.a, one.b, one.change) for one in compare_versions(pair.a, pair.b, user=None).money]
    assert told == [(A_FEN, 0, -A_FEN), (0, B_FEN, B_FEN)]


def test_a_district_compares_only_its_own(pair: SimpleNamespace, person: Any) -> None:
    kim = person("kim", "planner", pair.left)
    told = figures(pair, kim)
    assert told["cost_fen"] == (40_000, 0, -40_000) and told["closed"] == (20, 0, -20)
    assert not {"value", "bound", "gap"} & set(told)
    assert compare_versions(pair.a, pair.b, user=kim).counts() == {
        "only_a": 1,
        "only_b": 0,
        "both": 0,
        "size": 0,
    }


def test_what_cannot_stand_side_by_side_is_refused(pair: SimpleNamespace) -> None:
    with pytest.raises(DomainError, match="same version"):
        compare_versions(pair.a, pair.a, user=None)
    computing = PlanVersion.objects.create(plan=pair.a.plan, number=9, budget_fen=1)
    with pytest.raises(DomainError, match="no result"):
        compare_versions(pair.a, computing, user=None)


@pytest.mark.parametrize("words", ["", "P-0:1", "{ref}:99", "{ref}:x", "{ref}:123456789"])
def test_a_name_that_means_no_version_finds_none(pair: SimpleNamespace, person: Any, words: str) -> None:
    assert named_version(words.format(ref=pair.a.plan.ref), user=None) is None


def test_names_find_versions_as_far_as_the_person_may_see(pair: SimpleNamespace, person: Any) -> None:
    ref = pair.a.plan.ref
    assert named_version(f"{ref}:1", user=None) == pair.a and named_version(ref, user=None) == pair.b
    assert named_version(f"{ref}:1", user=person("chen", "")) is None


def test_page_api_and_command_tell_the_same(
    pair: SimpleNamespace, person: Any, client: Client, capsys: Any
) -> None:
    client.force_login(person("lin", "planner"))
    ref = pair.a.plan.ref
    told = client.get(f"/api/v1/plans/{ref}/versions/1/compare/?with={ref}:2").json()
    call_command("plan_compare", f"{ref}:1", f"{ref}:2", "--json")
    assert json.loads(capsys.readouterr().out) == told
    assert told["counts"]["both"] == 2 and len(told["interventions"]) == 3
    call_command("plan_compare", f"{ref}:1", f"{ref}:2")
    assert "only in A 1" in capsys.readouterr().out
    page = client.get(f"/plans/{ref}/compare/?version=1&with={ref}:2").content.decode()
    assert (
        "only in A" in page
        and "Only in A 1" in page
        and '"state": "only_a"' in page
        and "/tiles/differences/" in page
    )
    assert "P-" in client.get(f"/plans/{ref}/compare/?version=1").content.decode()
    assert client.get(f"/plans/{ref}/compare/?version=1&with={ref}:7").status_code == 404
    assert client.get(f"/api/v1/plans/{ref}/versions/1/compare/?with=no").status_code == 404
    with pytest.raises(CommandError):
        call_command("plan_compare", f"{ref}:1", "P-0:1")
