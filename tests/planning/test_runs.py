"""Runs of the hand-worked town: the numbers, the refusals, and that nothing is computed twice."""

import pytest

from planning.choices import RunState
from planning.models import AreaResult, CellResult, FacilityResult, Run, Snapshot
from tests.planning.town import SERVICE

STATES = ("need", "served", "late", "no_room", "out_of_reach")


def states(row):
    return tuple(getattr(row, name) for name in STATES)


def test_the_town_ends_in_the_four_states_worked_out_by_hand(town, compute):
    run = compute(town)[0]
    assert run.state == RunState.DONE
    total = run.totals[0]
    assert [total[name] for name in STATES] == [115, 60, 20, 20, 15]
    assert total["service"] == SERVICE and total["people"] == 230
    cells = {row.cell.code: states(row) for row in CellResult.objects.filter(run=run).select_related("cell")}
    assert cells == {
        "c1": (50, 50, 0, 0, 0),
        "c2": (30, 10, 0, 20, 0),
        "c3": (20, 0, 20, 0, 0),
        "c4": (15, 0, 0, 0, 15),
    }


def test_need_and_states_are_equal_at_every_level(town, compute):
    run = compute(town)[0]
    areas = {row.area.code: states(row) for row in AreaResult.objects.filter(run=run).select_related("area")}
    assert areas == {"T": (115, 60, 20, 20, 15), "T1": (80, 60, 0, 20, 0), "T2": (35, 0, 20, 0, 15)}
    by_role = FacilityResult.objects.filter(run=run)
    assert sum(row.served for row in by_role) == 60 and sum(row.late for row in by_role) == 20


def test_every_role_says_why_it_supplies_what_it_supplies(town, compute):
    run = compute(town)[0]
    rows = {
        row.facility.source_id: row
        for row in FacilityResult.objects.filter(run=run).select_related("facility")
    }
    assert {key: row.reason for key, row in rows.items()} == {
        "t1": "counts", "t2": "counts", "t3": "lapsed_agreement", "t4": "not_designated"
    }  # fmt: skip
    assert rows["t1"].capacity == 60 and rows["t1"].served == 60 and rows["t1"].cells_in_reach == 2
    assert rows["t2"].late == 20 and rows["t2"].served == 0


def test_a_missing_rate_refuses_the_run_and_is_named(town, compute):
    town.scenario.displaced_share = town.scenario.affected_share = None
    town.scenario.save()
    run = compute(town)[0]
    assert run.state == RunState.REFUSED and run.job is None
    assert {problem["code"] for problem in run.refusal} == {"no_affected_share", "no_displaced_share"}
    assert all(problem["message"] for problem in run.refusal)
    assert not CellResult.objects.filter(run=run).exists()


def test_a_question_that_is_refused_again_is_one_run(town, compute):
    town.scenario.displaced_share = None
    town.scenario.save()
    assert compute(town)[0].ref == compute(town)[0].ref
    assert Run.objects.count() == 1


def test_the_same_question_is_answered_by_the_stored_run(town, compute):
    first = compute(town, ["night", "day"])
    again = compute(town, ["night", "day"])
    assert [run.ref for run in first] == [run.ref for run in again]
    assert Run.objects.count() == 2 and Snapshot.objects.count() == 1
    other = compute(town, reach_overrides={SERVICE: 600})
    assert other[0].ref not in {run.ref for run in first}


def test_a_changed_registry_makes_a_new_snapshot_and_a_new_run(town, compute):
    first = compute(town)[0]
    town.roles[0].capacity = 80
    town.roles[0].save()
    second = compute(town)[0]
    assert second.snapshot_id != first.snapshot_id
    assert second.totals[0]["served"] == 80


@pytest.mark.parametrize("assignment", ["nearest", "best"])
def test_both_assignments_obey_capacity_and_add_up(town, compute, assignment):
    run = compute(town, ["day"], assignment=assignment)[0]
    total = run.totals[0]
    assert total["need"] == total["served"] + total["late"] + total["no_room"] + total["out_of_reach"] == 65
    for row in FacilityResult.objects.filter(run=run):
        assert row.served + row.late <= row.capacity
