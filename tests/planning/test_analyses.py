"""What is asked of a run beyond its four states, worked out by hand in the town."""

import json

import numpy as np
import pytest

from core.choices import JobState
from core.errors import DomainError, Forbidden
from core.models import Job
from core.services import jobs
from facilities.models import Capability
from planning.bridge import artefacts
from planning.bridge.analyses import kept_arrays
from planning.models import Analysis, AreaHourResult, LossResult, Run
from planning.services import analyses, plans
from planning.services import analysis_tables as tables
from planning.services.analyses import start_analysis
from tests.planning.test_groups import told_apart
from tests.planning.town import SERVICE, facility

__all__ = ["told_apart"]


@pytest.fixture
def night(town, compute):
    return compute(town)[0]


@pytest.fixture
def analyse():
    """`analyse(run, "loss")`: the finished analysis."""

    def act(run, kind, **params):
        analysis, job = start_analysis(user=None, run=run, kind=kind, params=params)
        if job is not None:
            jobs.perform(job.ref)
            job.refresh_from_db()
            assert job.state == JobState.DONE, job.error
        analysis.refresh_from_db()
        return analysis

    return act


def served_at(analysis, code):
    rows = AreaHourResult.objects.filter(analysis=analysis, area__code=code).order_by("hour")
    return {row.hour: row.served for row in rows}


def test_a_place_counts_from_the_hour_its_conversion_ends(night, analyse):
    analysis = analyse(night, "hours", hours=[1, 6, 24, 72, 100])
    assert served_at(analysis, "T") == {0: 0, 1: 0, 6: 0, 24: 60, 72: 60, 100: 80}
    assert served_at(analysis, "T1") == {0: 0, 1: 0, 6: 0, 24: 60, 72: 60, 100: 60}
    assert served_at(analysis, "T2") == {0: 0, 1: 0, 6: 0, 24: 0, 72: 0, 100: 20}


def test_the_curve_knows_hours_that_nobody_chose(night, analyse):
    said = analyse(night, "hours").facts
    assert said["hours"] == [0, 1, 6, 24, 72] and said["points"] == [0, 1, 6, 24, 72, 100]
    assert said["services"][SERVICE]["served"] == [0, 0, 0, 60, 60, 80]


def test_the_hour_of_the_share_is_told_or_why_there_is_none(town, night, analyse, person):
    lin = person("lin", "planner")
    whole, rows = tables.hour_table(analyse(night, "hours"), town.service, user=lin)
    assert whole.hour is None and whole.why == "reach"
    assert {row.area.code: (row.hour, row.why) for row in rows} == {
        "T1": (None, "capacity"),
        "T2": (None, "reach"),
    }
    _whole, rows = tables.hour_table(analyse(night, "hours", share=0.75), town.service, user=lin)
    assert {row.area.code: row.hour for row in rows} == {"T1": 24, "T2": None}


def test_unknown_hours_are_named_where_they_are_what_is_missing(town, compute, analyse, person):
    Capability.objects.filter(facility=town.places[1]).update(conversion_hours_declared=None)
    analysis = analyse(compute(town)[0], "hours", share=0.5)
    _whole, rows = tables.hour_table(analysis, town.service, user=person("lin", "planner"))
    assert {row.area.code: (row.hour, row.why) for row in rows} == {
        "T1": (24, ""),
        "T2": (None, "hours_unknown"),
    }


def test_coverage_never_falls_from_hour_to_hour_in_any_area_or_cell(night, analyse):
    analysis = analyse(night, "hours", hours=[0, 24, 100])
    held = kept_arrays(analysis)
    assert (np.diff(held["area_served"], axis=0) >= 0).all()
    cells = np.stack([held[f"cell_served_{n}"] for n in range(3)])
    assert (np.diff(cells, axis=0) >= 0).all() and cells.sum(axis=(1, 2)).tolist() == [0, 60, 80]


def test_the_loss_of_a_place_is_what_scoring_without_it_no_longer_serves(town, compute, analyse):
    helper = facility(town.city, town.left, 5, 300, town.park)
    Capability.objects.create(
        facility=helper, service=town.service, status="active", capacity=25, conversion_hours_declared=24
    )
    run = compute(town)[0]
    found = {
        row.facility_id: row for row in LossResult.objects.filter(analysis=analyse(run, "loss"), other=None)
    }
    served = run.totals[0]["served"]
    for place in (town.places[0], town.places[1], helper):
        town.scenario.closed_facilities.set([place])
        town.scenario.version += 1
        town.scenario.save()
        without = compute(town)[0].totals[0]["served"]
        assert found[place.pk].lost == served - without, place.ref
    assert found[helper.pk].lost < found[helper.pk].served  # the other takes some of it over


def test_two_lost_together_cost_at_least_as_much_as_each(town, compute, analyse, person):
    helper = facility(town.city, town.left, 5, 300, town.park)
    Capability.objects.create(
        facility=helper, service=town.service, status="active", capacity=25, conversion_hours_declared=24
    )
    analysis = analyse(compute(town)[0], "loss")
    table = tables.loss_table(analysis, town.service, user=person("lin", "planner"))
    (pair,) = table.pairs
    assert {pair.facility, pair.other} == {town.places[0], helper}
    assert pair.lost == 80 and pair.beyond == 80 - sum(row.lost for row in table.rows)


def test_backup_counts_ready_places_in_reach(town, night, analyse, person):
    analysis = analyse(night, "backup")
    said = analysis.facts["services"][SERVICE]
    assert said["need_by_count"] == [35, 80, 0, 0] and said["people_by_count"] == [70.0, 160.0, 0.0, 0.0]
    assert said["median_cost"][0] == pytest.approx(100, abs=0.5) and said["median_cost"][1:] == [None, None]
    _whole, rows = tables.backup_table(analysis, town.service, user=person("lin", "planner"))
    assert {row.area.code: row.parts for row in rows} == {"T1": [0, 80, 0, 0], "T2": [35, 0, 0, 0]}


def test_accessibility_is_places_in_reach_for_each_one_that_is_needed(town, night, analyse, person):
    analysis = analyse(night, "access", method="2sfca")
    assert kept_arrays(analysis)["cell_score"][0].tolist() == pytest.approx([0.75, 0.75, 1.5, 0])
    said = analysis.facts["services"][SERVICE]
    assert said["need_by_band"] == pytest.approx([15, 80, 0, 20]) and said["mean"] == pytest.approx(90 / 115)
    whole, rows = tables.access_table(analysis, town.service, user=person("lin", "planner"))
    assert whole.score == pytest.approx(90 / 115)
    assert {row.area.code: row.score for row in rows} == {
        "T1": pytest.approx(0.75),
        "T2": pytest.approx(30 / 35),
    }


def test_every_decay_hands_out_the_places_it_has_and_no_more(night, analyse):
    for settings in ({}, {"method": "e2sfca"}, {"method": "2sfca", "catchment": 0.8}, {"beta": 2}):
        said = analyse(night, "access", **settings).facts["services"][SERVICE]
        assert said["mean"] * said["need"] == pytest.approx(90)


def test_fairness_follows_from_the_shares_of_the_cells(town, night, analyse, person):
    analysis = analyse(night, "equity")
    said = analysis.facts["services"][SERVICE]
    assert said["share"] == pytest.approx(60 / 115) and said["worst_share"] == 0
    assert said["without"] == pytest.approx(35 / 115)
    assert said["lorenz"][0] == [0, 0] and said["lorenz"][-1] == [1, 1]
    # mean absolute difference over twice the mean, by hand
    held = [(1, 50), (1 / 3, 30), (0, 20), (0, 15)]
    spread = sum(w1 * w2 * abs(a - b) for a, w1 in held for b, w2 in held)
    assert said["gini"] == pytest.approx(spread / (2 * 115 * 60))
    assert said["last"]["area"] == "T2" and said["best"]["share"] == pytest.approx(0.75)
    rows = tables.equity_rows(analysis, town.service, user=person("lin", "planner"))
    assert [(row.area.code, row.worst) for row in rows] == [("T2", pytest.approx(11.5)), ("T1", 0)]


def test_the_same_question_is_answered_from_the_store(night, analyse):
    first = analyse(night, "hours", hours=[24, 1, 6, 72])
    again, job = start_analysis(user=None, run=night, kind="hours")
    assert again == first and job is None
    other, job = start_analysis(user=None, run=night, kind="hours", params={"share": 0.5})
    assert other != first and job is not None
    same, still = start_analysis(user=None, run=night, kind="hours", params={"share": 0.5})
    assert (same, still) == (other, job)


def test_settings_that_make_no_sense_are_refused_in_words(night):
    for kind, params, code in (
        ("hours", {"hours": []}, "hours-unreadable"), ("hours", {"hours": [1, -3]}, "setting-out-of-range"),
        ("hours", {"share": "many"}, "setting-out-of-range"), ("loss", {"hours": [1]}, "unknown-setting"),
        ("access", {"method": "best"}, "unknown-method"), ("access", {"method": "e2sfca", "zones": [[0.5, 1], [0.2, 1]]}, "zones-unreadable"),
        ("equity", {"worst": 0.9}, "setting-out-of-range"), ("luck", {}, "unknown-kind"),
    ):  # fmt: skip
        with pytest.raises(DomainError) as refused:
            start_analysis(user=None, run=night, kind=kind, params=params)
        assert refused.value.code == code and refused.value.status == 422
    assert Analysis.objects.count() == 0 and Job.objects.filter(kind="analyse").count() == 0


def test_a_viewer_may_not_start_one(night, person):
    with pytest.raises(Forbidden):
        start_analysis(user=person("he", "viewer"), run=night, kind="loss")


def test_a_job_that_fails_leaves_no_analysis_waiting(night, monkeypatch):
    analysis, job = start_analysis(user=None, run=night, kind="loss")
    artefacts.folder_of(night.facts["results"]).rename(
        artefacts.folder_of(night.facts["results"]).with_name("gone")
    )
    jobs.perform(job.ref)
    job.refresh_from_db()
    analysis.refresh_from_db()
    assert (job.state, job.error_code, analysis.state) == (JobState.FAILED, "no-score", "failed")
    assert LossResult.objects.count() == 0


def test_doing_the_job_twice_changes_nothing(night, analyse):
    analysis = analyse(night, "loss")
    rows = LossResult.objects.count()
    assert analyses.analyse(analysis.job, lambda *_said: None)["result"] == {"analysis": analysis.ref}
    assert LossResult.objects.count() == rows > 0


def test_an_analysis_speaks_only_of_what_a_person_may_see(town, night, analyse, person):
    wang = person("wang", "viewer", town.left)
    whole, rows = tables.hour_table(analyse(night, "hours"), town.service, user=wang)
    assert whole.need == 80 and [row.area.code for row in rows] == ["T1"]
    table = tables.loss_table(analyse(night, "loss"), town.service, user=wang)
    assert [row.facility for row in table.rows] == [town.places[0]]
    whole, _rows = tables.backup_table(analyse(night, "backup"), town.service, user=wang)
    assert whole.parts == [0, 80, 0, 0]


def test_facts_can_be_written_as_json(night, analyse):
    for kind in ("hours", "loss", "backup", "access", "equity"):
        assert json.dumps(analyse(night, kind).facts)


def test_the_run_of_a_plan_is_analysed_with_the_plans_own_places(town, compute, analyse):
    version = plans.suggest_plan(
        user=None, city=town.city, runs=compute(town), budget_fen=100_000, name="方案", time_limit_seconds=5
    )
    jobs.perform(version.job.ref)
    after = Run.objects.get(plan_version=version)
    assert after.totals[0]["served"] == 80  # the yard, built for 20 of the second cell
    for kind in ("hours", "backup", "access", "equity"):
        assert analyse(after, kind).facts["services"][SERVICE]["need"] == 115
    said = analyse(after, "loss").facts
    assert (
        said["idle_assets"] == 1 and said["services"][SERVICE]["top"][0]["lost"] < 60
    )  # the yard takes some over


def test_fairness_tells_those_who_need_barrier_free_places_apart(told_apart, compute, analyse):
    said = analyse(compute(told_apart)[0], "equity").facts["services"][SERVICE]
    assert said["groups"] == [
        {"group": "barrier_free", "need": 33, "served": 8},
        {"group": "others", "need": 82, "served": 52},
    ]


def test_hours_and_losses_keep_to_barrier_free_places_too(told_apart, compute, analyse):
    run = compute(told_apart)[0]
    hours = analyse(run, "hours").facts
    # at the hour of the standard's limit the curve meets the run itself
    assert hours["services"][SERVICE]["served"][hours["points"].index(72)] == run.totals[0]["served"]
    place = LossResult.objects.get(analysis=analyse(run, "loss"), facility=told_apart.places[0])
    assert place.lost == run.totals[0]["served"] == 60
