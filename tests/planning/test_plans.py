"""Siting in the hand-worked town: the best change-set is known, and scoring it equals scoring the edited registry."""

import pytest

from core.errors import DomainError
from core.services import jobs
from inventory.models import AssetOption
from planning.choices import VersionState
from planning.models import AreaResult, CellResult, FacilityResult, Run
from planning.services import plan_edits, plans
from planning.services.plan_freeze import freeze_version
from tests.planning.town import SERVICE

STATES = ("need", "served", "late", "no_room", "out_of_reach")


def suggested(town, runs, budget, **more):
    version = plans.suggest_plan(
        user=None, city=town.city, runs=runs, budget_fen=budget, name="方案", time_limit_seconds=10, **more
    )
    if version.state == VersionState.COMPUTING:
        jobs.perform(version.job.ref)
        version.job.refresh_from_db()
        assert version.job.state == "done", version.job.error
    version.refresh_from_db()
    return version


def test_the_best_change_set_for_the_budget_is_found_and_proven(priced, compute):
    version = suggested(priced, compute(priced), 70_000)
    rows = list(version.interventions.all())
    assert {(row.kind, row.name_en, row.units, row.cost_fen) for row in rows} == {
        ("stock", "Place 2", 30, 8_000), ("upgrade", "Place 3", 40, 20_000), ("extend", "Place 1", 30, 40_000)
    }  # fmt: skip
    assert version.cost_fen == 68_000 and version.status == "optimal"
    assert version.value == pytest.approx(55) and version.bound == pytest.approx(55)
    assert sum(row.people_newly_served for row in rows) == 55
    after = Run.objects.get(plan_version=version)
    assert [after.totals[0][name] for name in STATES] == [115, 115, 0, 0, 0]


@pytest.mark.parametrize(("budget", "served"), [(1, 60), (8_000, 80), (28_000, 95), (49_000, 100)])
def test_a_plan_never_costs_more_than_its_budget(priced, compute, budget, served):
    version = suggested(priced, compute(priced), budget)
    assert version.cost_fen <= budget and version.bound >= version.value
    assert Run.objects.get(plan_version=version).totals[0]["served"] == served


def test_scoring_the_change_set_equals_scoring_the_edited_registry(priced, compute):
    version = suggested(priced, compute(priced), 70_000)
    after = Run.objects.get(plan_version=version)
    first, second, third, _last = priced.roles
    first.capacity += 30
    first.save()
    second.conversion_hours_declared = 24
    second.save()
    priced.places[2].agreements.all().delete()
    edited = compute(priced)[0]
    assert [after.totals[0][name] for name in STATES] == [edited.totals[0][name] for name in STATES]

    def cells(run):
        rows = CellResult.objects.filter(run=run).order_by("cell__number")
        return [tuple(getattr(row, name) for name in STATES) for row in rows]

    def roles(run):
        rows = FacilityResult.objects.filter(run=run).order_by("facility_id")
        return [(row.facility_id, row.capacity, row.served, row.late, row.reason) for row in rows]

    assert cells(after) == cells(edited)
    assert roles(after) == roles(edited)
    assert third.service.code == SERVICE


def test_an_idle_place_becomes_a_role_with_its_own_result(priced, compute):
    version = suggested(priced, compute(priced), 200_000, kinds=["build", "convert"])
    built = version.interventions.get(kind="build")
    assert built.idle_asset == priced.yard and built.people_newly_served == 20
    row = FacilityResult.objects.get(intervention=built, facility=None)
    # The yard is nearer to c2 than A is, so 25 go there and 5 to A, where 10 had gone.
    assert (row.capacity, row.served) == (25, 25)
    assert AreaResult.objects.get(run=row.run, area=priced.left).served == 80


def test_one_idle_place_becomes_only_one_thing(priced, compute):
    AssetOption.objects.create(
        asset=priced.yard,
        service=priced.service,
        kind="convert",
        capacity=10,
        cost_fen=1_000,
        conversion_hours=24,
    )
    version = suggested(priced, compute(priced), 10_000_000)
    assert version.interventions.filter(idle_asset=priced.yard).count() <= 1


def test_day_and_night_share_one_plan(priced, compute):
    version = suggested(priced, compute(priced, ["night", "day"]), 70_000)
    assert version.baseline_runs.count() == 2 and version.runs.count() == 2
    for run in version.runs.all():
        total = run.totals[0]
        assert total["need"] == sum(total[name] for name in STATES[1:])


def test_the_same_question_is_answered_by_the_stored_version(priced, compute):
    runs = compute(priced)
    first, again = suggested(priced, runs, 70_000), suggested(priced, runs, 70_000)
    assert first.pk == again.pk
    assert suggested(priced, runs, 60_000).pk != first.pk


def test_a_person_may_take_out_and_add_interventions_in_a_new_version(priced, compute):
    version = suggested(priced, compute(priced), 70_000)
    stocked = version.interventions.get(kind="stock")
    option = next(row for row in plan_edits.open_options(version=version) if row["kind"] == "convert")
    edited = plan_edits.edit_version(
        user=None, version=version, remove=[stocked.order], add=[option["key"]], budget_fen=150_000
    )
    jobs.perform(edited.job.ref)
    edited.refresh_from_db()
    assert edited.state == VersionState.DRAFT and edited.number == 2 and edited.cost_fen == 110_000
    assert {row.kind for row in edited.interventions.all()} == {"upgrade", "extend", "convert"}
    assert Run.objects.get(plan_version=edited).totals[0]["late"] == 20
    version.refresh_from_db()
    assert version.interventions.count() == 3
    with pytest.raises(DomainError) as refused:
        plan_edits.edit_version(user=None, version=version, add=[option["key"]])
    assert refused.value.code == "over-budget"


def test_a_frozen_version_stays_as_it_is(priced, compute):
    version = freeze_version(user=None, version=suggested(priced, compute(priced), 70_000))
    assert version.state == VersionState.FROZEN and version.frozen_at
    with pytest.raises(DomainError):
        freeze_version(user=None, version=version)


def test_a_job_that_fails_leaves_a_version_that_says_so(priced, compute, monkeypatch):
    from planning.services import siting

    def broken(*_args, **_more):
        raise RuntimeError("no more memory")

    monkeypatch.setattr(siting, "solve", broken)
    version = plans.suggest_plan(
        user=None, city=priced.city, runs=compute(priced), budget_fen=70_000, name="方案"
    )
    jobs.perform(version.job.ref)
    version.refresh_from_db()
    assert version.state == VersionState.FAILED and "no more memory" in version.facts["failure"]
    assert not version.interventions.exists() and not Run.objects.filter(plan_version=version).exists()


def test_people_newly_served_are_people_and_not_units(priced, compute):
    """At two units a person, 30 units more are the need of 15 people."""
    from planning.services.answers import plan_answer

    priced.scenario.ratio_overrides = {SERVICE: 2.0}
    priced.scenario.save()
    version = suggested(priced, compute(priced), 8_000)
    assert [row.people_newly_served for row in version.interventions.all()] == [30]
    assert [row["people_newly_served"] for row in plan_answer(version)["interventions"]] == [15]


def test_a_place_never_gets_two_roles_that_exclude_each_other(priced, compute):
    """C's shelter lapsed and may be renewed; C could also become lodging. Both would pay, only one is chosen."""
    from facilities.models import Capability, ServiceType
    from tests.planning.town import standard

    lodging = ServiceType.objects.create(
        code="isolation_lodging",
        name="隔离",
        name_en="Isolation",
        domain="lodging",
        unit="rooms",
        unit_name="间",
    )
    standard(priced.profile, lodging, driver="residents", ratio=0.1, reach_limit=5000)
    priced.scenario.services.add(lodging)
    Capability.objects.create(
        facility=priced.places[2], service=lodging, status="possible", capacity=20, conversion_hours_declared=24,
        conversion_cost_fen=1_000, rank=2,
    )  # fmt: skip
    version = suggested(priced, compute(priced), 10_000_000)
    assert version.interventions.filter(facility=priced.places[2]).count() == 1
    after = {row["service"]: row for row in Run.objects.get(plan_version=version).totals}
    before = {row["service"]: row for row in version.baseline_runs.get().totals}
    gained = sum(after[code]["served"] - before[code]["served"] for code in after)
    assert gained == sum(row.people_newly_served for row in version.interventions.all())


def test_a_reach_that_no_worker_could_hold_is_refused_in_words(town, compute, monkeypatch):
    from planning.bridge import reach
    from planning.services import runs

    monkeypatch.setattr(reach, "MOST_PAIRS", 3)
    _runs, job = runs.start_runs(user=None, city=town.city, scenario=town.scenario, times_of_day=["night"])
    jobs.perform(job.ref)
    job.refresh_from_db()
    assert job.state == "failed" and job.error_code == "reach-too-large" and "shorter reach" in job.error
