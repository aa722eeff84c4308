"""Promised against realised in the hand-worked town: what a run serves with a facility and would serve without it, checked
against a second run of a registry in which the facility is really switched off."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import DomainError, Forbidden
from core.models import Job, User
from core.services import jobs
from facilities.models import Agreement, Capability, ServiceType
from planning.models import Run
from planning.services import plans
from planning.services.plan_freeze import freeze_version
from projects.models import Commissioning, Project, RealisedGap
from projects.selectors import results as read
from projects.selectors.handover import summary
from projects.services import drafts, results
from tests.planning.town import standard
from tests.projects.handover.steps import TODAY, handed_over, put_in_works

pytestmark = pytest.mark.django_db


def reckoned(town: Any) -> list[RealisedGap]:
    """The job that followed the newest run (the best possible assignment waits for somebody to ask), done."""
    job, _created = results.start(user=None, city=town.city)
    jobs.perform(job.ref)
    job.refresh_from_db()
    assert job.state == "done", job.error
    newest = RealisedGap.objects.order_by("-run_id").values_list("run__snapshot", flat=True).first()
    return list(
        RealisedGap.objects.filter(run__snapshot=newest).order_by("run_id", "project_id", "service_id")
    )


def gap(run: Run, service: str = "short_fixed_shelter") -> int:
    total = next(row for row in run.totals if row["service"] == service)
    return total["need"] - total["served"]


@pytest.mark.parametrize("assignment", ["nearest", "best"])
def test_the_gap_shrinks_by_exactly_what_was_realised(town, crew, in_works, compute, assignment):
    before = compute(town, assignment=assignment)[0]
    handed_over(in_works("build", units=25, idle_asset=town.yard, gap_promised=25), crew, 25, use="park")
    after = compute(town, assignment=assignment)[0]
    mine, joint = sorted(reckoned(town), key=lambda row: row.project_id is None)
    assert (before.totals[0]["served"], after.totals[0]["served"]) == (60, 80)
    # 25 people go to the yard, 5 of whom A would have served: it closes 20, as the new run shows.
    assert (mine.served_with_units, mine.served_without_units, mine.realised, mine.promised_units) == (
        80,
        60,
        20,
        25,
    )
    assert gap(after) == gap(before) - mine.realised
    assert (joint.project, joint.realised) == (None, 20)
    assert mine.facts["taken"] == (25 if assignment == "nearest" else mine.facts["taken"])


def test_several_projects_that_share_people_close_less_together_than_one_by_one(
    town, crew, in_works, compute
):
    """c4's 15 could go to C (40, its agreement renewed) or to D (15): without either one, the other takes them all."""
    paper = {"party": "业主", "valid_from": TODAY.isoformat()}
    handed_over(
        in_works("upgrade", units=40, facility=town.places[2], gap_promised=15), crew, 40, agreements=[paper]
    )
    handed_over(in_works("convert", units=15, facility=town.places[3], gap_promised=15), crew, 15)
    run = compute(town)[0]
    rows = reckoned(town)
    alone = [row.realised for row in rows if row.project]
    joint = next(row for row in rows if row.project is None)
    assert (alone, joint.realised, joint.promised_units) == ([0, 0], 15, 30)
    told = read.results(crew.lin, town.city)
    (block,) = told.blocks
    assert (block.run, block.promised, block.realised, block.shared, len(block.lines)) == (run, 30, 0, 15, 2)
    assert any("others would serve 15" in words for line in block.lines for words in line.reasons)


def undo(town: Any, found: Commissioning) -> None:
    """The registry as it was, by hand: the independent way."""
    kind, role = found.project.kind, found.capability
    if kind == "build":
        Capability.objects.filter(facility=found.facility).update(status="possible")
    elif kind == "convert":
        Capability.objects.filter(pk=role.pk).update(
            status="possible", capacity=15, conversion_hours_observed=None
        )
    elif kind == "extend":
        Capability.objects.filter(pk=role.pk).update(capacity=60.9, conversion_hours_observed=None)
    elif kind == "stock":
        Capability.objects.filter(pk=role.pk).update(
            conversion_hours_declared=100, conversion_hours_observed=None
        )
    elif kind == "upgrade":
        Agreement.objects.filter(facility=found.facility, valid_from=TODAY).delete()
    else:
        Capability.objects.filter(pk=role.pk).update(status="active")


KINDS = {
    "convert": (3, 15),
    "extend": (0, 30),
    "stock": (1, 30),
    "upgrade": (2, 40),
    "build": (None, 25),
    "retire": (0, 60),
}


@pytest.mark.parametrize("assignment", ["nearest", "best"])
@pytest.mark.parametrize("kind", KINDS)
def test_without_it_the_world_serves_what_a_run_of_the_switched_off_facility_serves(
    town, crew, in_works, compute, kind, assignment
):
    number, units = KINDS[kind]
    place = {"idle_asset": town.yard} if number is None else {"facility": town.places[number]}
    more = (
        {"use": "park"}
        if kind == "build"
        else {"agreements": [{"party": "业主", "valid_from": TODAY.isoformat()}]}
        if kind == "upgrade"
        else {}
    )
    if kind == "retire":  # another role keeps the place in the snapshot
        lodging = ServiceType.objects.create(
            code="lodging", name="住宿", name_en="Lodging", domain="lodging", unit="rooms", unit_name="间"
        )
        Capability.objects.create(facility=town.places[0], service=lodging, status="possible", capacity=5)
    found = handed_over(in_works(kind, units=units, **place), crew, units, **more)
    run = compute(town, assignment=assignment)[0]
    row = next(row for row in reckoned(town) if row.project_id == found.project_id)
    undo(town, found)
    switched_off = compute(town, assignment=assignment)[0]
    assert switched_off.pk != run.pk
    assert row.served_with_units == run.totals[0]["served"]
    assert row.served_without_units == switched_off.totals[0]["served"]
    assert (row.realised > 0) == (kind != "retire")


def test_a_role_that_excludes_another_is_reckoned_for_both_services(town, crew, in_works, compute):
    """A gives lodging from now on; where both are needed it no longer gives shelter. Without the conversion it would."""
    lodging = ServiceType.objects.create(
        code="lodging",
        name="住宿",
        name_en="Lodging",
        domain="lodging",
        unit="rooms",
        unit_name="间",
        sort_order=1,
    )
    standard(town.profile, lodging, driver="residents", ratio=0.1, reach_limit=500)
    town.scenario.services.add(lodging)
    Capability.objects.filter(pk=town.roles[0].pk).update(rank=2)
    Capability.objects.create(facility=town.places[0], service=lodging, status="possible", capacity=9, rank=1)
    before = compute(town)[0]
    found = handed_over(in_works("convert", units=9, facility=town.places[0], service=lodging), crew, 9)
    after = compute(town)[0]
    rows = {row.service.code: row for row in reckoned(town) if row.project_id == found.project_id}
    old, new = ({row["service"]: row["served"] for row in run.totals} for run in (before, after))
    assert rows["lodging"].realised == new["lodging"] - old["lodging"] == 9
    assert (
        rows["short_fixed_shelter"].realised == new["short_fixed_shelter"] - old["short_fixed_shelter"] == -60
    )
    assert rows["short_fixed_shelter"].facts == {"aside": True}
    told = read.results(crew.lin, town.city)
    assert {block.service.code: (len(block.lines), len(block.asides)) for block in told.blocks} == {
        "lodging": (1, 0),
        "short_fixed_shelter": (0, 1),
    }


def test_promises_are_read_in_the_plans_run_of_the_same_question(town, crew, priced, compute):
    runs = compute(town, ["night", "day"])
    version = plans.suggest_plan(
        user=None, city=town.city, runs=runs, budget_fen=70_000, name="方案", time_limit_seconds=10
    )
    jobs.perform(version.job.ref)
    version.refresh_from_db()
    freeze_version(user=crew.lin, version=version)
    version.refresh_from_db()
    made = {one.kind: one for one in drafts.from_plan(user=crew.lin, version=version)}
    stock = put_in_works(made["stock"])
    handed_over(stock, crew, stock.units, 24)
    after = {run.time_of_day: run for run in compute(town, ["night", "day"])}
    rows = {row.run.time_of_day: row for row in reckoned(town) if row.project_id == stock.pk}
    told = {Run.objects.get(ref=row["run"]).time_of_day: row["newly_served"] for row in stock.need["runs"]}
    for time, row in rows.items():
        assert row.run == after[time]
        assert (row.promised_units, row.facts["promised_from"]) == (told[time], "run")
    # By night B serves the 20 of c3 in time; by day nobody is there, as the plan knew.
    assert rows["night"].realised == 20 and rows["day"].realised == 0 == told["day"]


def test_reasons_tell_what_the_figures_show(town, crew, in_works, compute):
    handed_over(
        in_works("convert", units=15, facility=town.places[3], gap_promised=15, conversion_hours=10),
        crew,
        9,
        24,
    )
    compute(town)
    row = next(row for row in reckoned(town) if row.project)
    assert (row.realised, row.promised_units) == (9, 15)
    words = read.reasons_of(row)
    assert "built smaller: 9 of 15 units" in words and any(one.startswith("opens later") for one in words)
    Capability.objects.filter(pk=town.roles[3].pk).update(conversion_hours_observed=100)
    compute(town)
    row = next(row for row in reckoned(town) if row.project)
    assert row.realised == 0 and "opens too late for 9 units" in read.reasons_of(row)


def test_a_run_from_before_counts_nothing_and_the_next_one_is_asked_for(town, crew, in_works, compute):
    project = in_works("convert", units=15, facility=town.places[3])
    compute(town)
    assert not Job.objects.filter(kind="realise").exists()
    with pytest.raises(DomainError) as refused:
        results.start(user=crew.lin, city=town.city)
    assert refused.value.code == "nothing-commissioned"
    handed_over(project, crew, 15)
    with pytest.raises(DomainError) as refused:
        results.start(user=crew.lin, city=town.city)
    assert refused.value.code == "no-run"
    assert [one.project for one in read.results(crew.lin, town.city).waiting] == [project]
    compute(town)
    with pytest.raises(Forbidden):
        results.start(user=crew.chen, city=town.city)
    one, _created = results.start(user=crew.lin, city=town.city)
    two, created = results.start(user=crew.lin, city=town.city)
    assert (one.pk, created) == (two.pk, False)
    reckoned(town)
    assert read.results(crew.lin, town.city).waiting == []
    assert summary(Project.objects.get(pk=project.pk)).realised[0].realised == 15


def test_reckoned_twice_the_rows_are_the_same_and_district_officers_see_their_own(
    town, crew, in_works, compute
):
    handed_over(in_works("extend", units=30, facility=town.places[0]), crew, 30)
    handed_over(in_works("convert", units=15, facility=town.places[3]), crew, 15)
    compute(town)
    first = [(row.project_id, row.realised) for row in reckoned(town)]
    job, _created = results.start(user=crew.lin, city=town.city)
    jobs.perform(job.ref)
    assert [(row.project_id, row.realised) for row in reckoned(town)] == first and len(first) == 3
    wu = read.results(User.objects.get(pk=crew.wu.pk), town.city)
    assert [line.row.project.area for block in wu.blocks for line in block.lines] == [town.right]
    assert (wu.whole_city, [block.joint for block in wu.blocks]) == (False, [None])
    assert read.results(crew.chen, town.city).blocks == []


def test_a_place_whose_only_role_ended_is_in_no_run_and_said_so(town, crew, in_works, compute):
    found = handed_over(in_works("retire", units=60, facility=town.places[0]), crew, 60)
    assert [one.pk for one in read.results(crew.lin, town.city).waiting] == [found.pk]
    compute(town)
    assert reckoned(town) == []
    told = read.results(crew.lin, town.city)
    assert ([one.pk for one in told.gone], told.waiting, told.blocks) == ([found.pk], [], [])
