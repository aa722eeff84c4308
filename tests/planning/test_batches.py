"""Many scenarios as one job: reuse, refusals, sweeps, cancel, a killed worker. The town is worked out by hand."""

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import DomainError, Forbidden
from core.models import AuditEntry, Job, JobShard
from core.services import jobs
from planning.bridge import artefacts
from planning.bridge.variations import numbers_of
from planning.models import AreaResult, Batch, BatchRun, Run, Scenario
from planning.selectors import gaps
from planning.services import batches, runs, scoring, travel_times
from planning.services.batches import start_batch
from planning.services.sweeps import Sweep, sweep_named
from tests.core.test_shards import pid_of_group, running_tokens, until

SERVICE = "short_fixed_shelter"


def more_scenarios(town: SimpleNamespace, count: int) -> list[Scenario]:
    """The town's scenario and others in which fewer leave home."""
    town.scenario.refresh_from_db()
    found = [town.scenario]
    for n in range(1, count):
        made = Scenario.objects.create(
            city=town.city, ref=f"S-9{n:04d}9", name=f"情景{n}", name_en=f"Scenario {n}", hazard="earthquake",
            affected_share=1, displaced_share=0.5 - 0.4 * n / count, times_of_day=["night", "day"],
        )  # fmt: skip
        made.services.add(town.service)
        found.append(Scenario.objects.get(pk=made.pk))
    return found


def done(batch: Batch) -> Batch:
    if batch.job is not None:
        jobs.perform(batch.job.ref)
        batch.job.refresh_from_db()
        assert batch.job.state == "done", batch.job.error
    return batch


def needs(batch: Batch) -> dict[tuple[str, str], int]:
    rows = batch.runs.order_by("entries__position")
    return {(run.scenario.ref, run.time_of_day): run.totals[0]["need"] for run in rows}


def test_every_scenario_at_every_time_is_one_run_of_one_job(town: SimpleNamespace) -> None:
    three = more_scenarios(town, 3)
    batch = done(start_batch(user=None, city=town.city, scenarios=three, detour_factor=1.0))
    assert batch.job is not None and batch.ref.startswith("B-")
    assert batch.runs.count() == 6 and set(batch.runs.values_list("state", flat=True)) == {"done"}
    assert len(set(batch.runs.values_list("snapshot", flat=True))) == 1
    # 230 people x share leaving home, by night; a half of 230 is 115, as in the worked example.
    assert needs(batch)[town.scenario.ref, "night"] == 115
    assert AuditEntry.objects.filter(act="batch.start").count() == 1
    assert not JobShard.objects.exists()


def test_a_batch_finds_what_single_runs_find(town: SimpleNamespace, compute: Callable[..., Any]) -> None:
    alone = compute(town, ["night", "day"])
    columns = ("area", "service", "need", "served", "late", "no_room", "out_of_reach")
    expected = [sorted(AreaResult.objects.filter(run=run).values_list(*columns)) for run in alone]
    Run.objects.all().delete()
    artefacts.forget("reach")
    batch = done(
        start_batch(user=None, city=town.city, scenarios=more_scenarios(town, 9), times_of_day=["night", "day"], detour_factor=1.0)
    )  # fmt: skip
    own = batch.runs.filter(scenario=town.scenario).order_by("-time_of_day")
    found = [sorted(AreaResult.objects.filter(run=run).values_list(*columns)) for run in own]
    assert found == expected


def test_stored_runs_are_answered_and_a_batch_of_them_needs_no_job(
    town: SimpleNamespace, compute: Callable[..., Any]
) -> None:
    town.scenario.refresh_from_db()
    stored = compute(town, ["night"])[0]
    batch = start_batch(
        user=None, city=town.city, scenarios=[town.scenario], times_of_day=["night"], detour_factor=1.0
    )
    assert batch.job is None and list(batch.runs.all()) == [stored]
    wider = start_batch(
        user=None,
        city=town.city,
        scenarios=more_scenarios(town, 2),
        times_of_day=["night"],
        detour_factor=1.0,
    )
    assert wider.job is not None and len(wider.job.params["groups"]) == 1
    assert stored in wider.runs.all()


def test_a_scenario_without_a_rate_is_part_of_the_batch_with_what_is_missing(town: SimpleNamespace) -> None:
    two = more_scenarios(town, 2)
    Scenario.objects.filter(pk=two[1].pk).update(displaced_share=None)
    batch = done(
        start_batch(user=None, city=town.city, scenarios=Scenario.objects.order_by("pk"), detour_factor=1.0)
    )
    refused = batch.runs.filter(state="refused")
    assert refused.count() == 2 and batch.runs.filter(state="done").count() == 2
    assert {problem["code"] for run in refused for problem in run.refusal} == {"no_displaced_share"}


def test_a_run_that_cannot_be_computed_does_not_stop_the_others(
    town: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ten = more_scenarios(town, 9)
    real = scoring._score

    def too_large(run: Run, k: int) -> Any:
        if run.scenario_id == ten[4].pk:
            raise DomainError("assignment-too-large", "far too large")
        return real(run, k)

    monkeypatch.setattr(scoring, "_score", too_large)
    batch = done(
        start_batch(user=None, city=town.city, scenarios=ten, times_of_day=["night"], detour_factor=1.0)
    )
    states = dict(batch.runs.values_list("scenario", "state"))
    assert states.pop(ten[4].pk) == "failed" and set(states.values()) == {"done"}
    assert batch.runs.get(state="failed").refusal[0]["message"] == "far too large"


def test_travel_times_of_all_scenarios_are_searched_once(
    town: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[int] = []
    real = travel_times.sweeps_of
    monkeypatch.setattr(
        travel_times, "sweeps_of", lambda given: searched.append(len(found := list(given))) or real(found)
    )
    batch = start_batch(user=None, city=town.city, scenarios=more_scenarios(town, 9), detour_factor=1.0)
    done(batch)
    assert searched == [1]
    stages = {row["stage"]: row for row in Job.objects.get(pk=batch.job_id).result["pieces"]}
    assert set(stages) == {"reach", "join", "scenario"} and stages["scenario"]["pieces"] == 9


def test_it_says_how_many_scenarios_are_done(town: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    real = jobs.Progress.__call__

    def heard(self: Any, share: float, message: str = "", **more: Any) -> None:
        told.append(message)
        real(self, share, message, **more)

    monkeypatch.setattr(jobs.Progress, "__call__", heard)
    done(start_batch(user=None, city=town.city, scenarios=more_scenarios(town, 9), detour_factor=1.0))
    assert "0 of 9 scenarios" in told and "9 of 9 scenarios" in told


def test_no_situation_stays_in_memory_when_a_piece_is_done(town: SimpleNamespace) -> None:
    done(start_batch(user=None, city=town.city, scenarios=more_scenarios(town, 2), detour_factor=1.0))
    assert not scoring._last


def test_two_batches_of_the_same_scenarios_share_the_waiting_runs(town: SimpleNamespace) -> None:
    first = start_batch(user=None, city=town.city, scenarios=more_scenarios(town, 2), detour_factor=1.0)
    second = start_batch(user=None, city=town.city, scenarios=Scenario.objects.all(), detour_factor=1.0)
    assert second.job is None
    assert set(first.runs.values_list("pk", flat=True)) == set(second.runs.values_list("pk", flat=True))
    done(first)
    assert set(second.runs.values_list("state", flat=True)) == {"done"}


def test_a_batch_that_is_stopped_keeps_what_was_scored(
    town: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = start_batch(
        user=None,
        city=town.city,
        scenarios=more_scenarios(town, 9),
        times_of_day=["night"],
        detour_factor=1.0,
    )
    real, seen = runs.write_run, []

    def stop_after_two(params: dict[str, Any], check: Any) -> Any:
        seen.append(params)
        if len(seen) == 3:
            Job.objects.filter(pk=batch.job_id).update(cancel_requested=True)
        return real(params, lambda: None)

    monkeypatch.setattr(batches.runs, "write_run", stop_after_two)
    jobs.perform(batch.job.ref)
    assert Job.objects.get(pk=batch.job_id).state == "cancelled"
    states = list(batch.runs.values_list("state", flat=True))
    assert (states.count("done"), states.count("failed")) == (3, 6)


def test_a_quicker_twin_takes_the_place_of_a_run_in_the_batch(
    town: SimpleNamespace, compute: Callable[..., Any]
) -> None:
    batch = start_batch(
        user=None, city=town.city, scenarios=[town.scenario], times_of_day=["night"], detour_factor=1.0
    )
    waiting = batch.runs.get()
    digest = waiting.params_sha256
    Run.objects.filter(pk=waiting.pk).update(params_sha256="0" * 64)
    twin = compute(town, ["night"])[0]
    Run.objects.filter(pk=waiting.pk).update(params_sha256=digest)
    done(batch)
    assert list(batch.runs.all()) == [twin] and not Run.objects.filter(pk=waiting.pk).exists()


# --- a number in steps -----------------------------------------------------------------------------


def test_a_sweep_varies_one_number_without_copies_of_the_scenario(town: SimpleNamespace) -> None:
    sweep = Sweep(town.scenario, "displaced_share", 0.1, 0.5, 5)
    batch = done(
        start_batch(user=None, city=town.city, sweep=sweep, times_of_day=["night"], detour_factor=1.0)
    )
    assert Scenario.objects.count() == 1
    found = [
        (run.scenario_frozen["displaced_share"], run.totals[0]["need"])
        for run in batch.runs.order_by("entries__position")
    ]
    # 230 people by night: 10 % are 23 places, 50 % are 115.
    assert found == [(0.1, 23), (0.2, 46), (0.3, 69), (0.4, 92), (0.5, 115)]
    assert batch.sweep == {
        "scenario": town.scenario.ref,
        "path": "displaced_share",
        "from": 0.1,
        "to": 0.5,
        "steps": 5,
    }


def test_a_varied_run_does_not_speak_for_its_scenario(
    town: SimpleNamespace, compute: Callable[..., Any], person: Callable[..., Any]
) -> None:
    lin = person("lin", "planner")
    written = compute(town, ["night"])[0]
    batch = done(
        start_batch(user=None, city=town.city, sweep=Sweep(town.scenario, "displaced_share", 0.1, 0.2, 2), times_of_day=["night"])
    )  # fmt: skip
    assert batch.runs.count() == 2 and not batch.runs.filter(variation={}).exists()
    assert gaps.main_run(user=lin, city=town.city) == written
    assert set(gaps.latest_of_each(user=lin, city=town.city)) == {written}
    varied = batch.runs.first()
    assert gaps.run_in_view(user=lin, city=town.city, ref=varied.ref) == varied


def test_what_was_a_step_becomes_the_scenarios_own_run_when_it_says_so(town: SimpleNamespace) -> None:
    town.scenario.refresh_from_db()
    done(
        start_batch(
            user=None, city=town.city, sweep=Sweep(town.scenario, "displaced_share", 0.1, 0.2, 2), times_of_day=["night"], detour_factor=1.0
        )
    )  # fmt: skip
    Scenario.objects.filter(pk=town.scenario.pk).update(displaced_share=0.1, version=2)
    found, job = runs.start_runs(
        user=None, city=town.city, scenario=Scenario.objects.get(), times_of_day=["night"], detour_factor=1.0
    )
    assert job is None and (found[0].variation, found[0].scenario_version) == ({}, 2)


def test_a_class_with_its_own_rate_is_varied_and_a_rate_that_nobody_reads_is_not_offered(
    town: SimpleNamespace,
) -> None:
    town.scenario.extent = "zones"
    town.scenario.zone_rates = {
        "deep": {"affected": 1, "displaced": 0.2},
        "0.5 m": {"affected": 1, "displaced": 0.1},
    }
    town.scenario.save()
    known = numbers_of(town.scenario)
    assert known["zone_rates.deep.displaced"] == 0.2 and known["zone_rates.0.5 m.displaced"] == 0.1
    assert known["zone_rates.*.affected"] == 1 and "displaced_share" not in known
    with pytest.raises(DomainError) as refused:
        start_batch(user=None, city=town.city, sweep=Sweep(town.scenario, "displaced_share", 0.1, 0.2, 2))
    assert refused.value.code == "unknown-number" and "zone_rates.deep.displaced" in str(
        refused.value.message
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("displaced_share:0.1:1.2:3", "steps-do-not-rise"),
        ("displaced_share:0.3:0.1:3", "steps-do-not-rise"),
        ("displaced_share:-0.1:0.1:3", "steps-do-not-rise"),
        ("displaced_share:0.1:0.2:1", "steps-out-of-range"),
        (f"multipliers.{SERVICE}:0:2:3", "steps-do-not-rise"),
        ("notes:0:1:3", "unknown-number"),
        ("displaced_share", "sweep-unreadable"),
        ("displaced_share:a:b:3", "sweep-unreadable"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused_in_words(
    town: SimpleNamespace, words: str, code: str
) -> None:
    with pytest.raises(DomainError) as refused:
        start_batch(user=None, city=town.city, sweep=sweep_named(town.scenario, words))
    assert refused.value.code == code
    assert not Batch.objects.exists()


# --- what is refused -------------------------------------------------------------------------------


def test_nobody_without_the_right_starts_one(town: SimpleNamespace, person: Callable[..., Any]) -> None:
    with pytest.raises(Forbidden):
        start_batch(user=person("vera", "viewer"), city=town.city, scenarios=[town.scenario])
    with pytest.raises(Forbidden):
        start_batch(user=person("west", "planner", town.left), city=town.city, scenarios=[town.scenario])


def test_an_empty_batch_and_one_that_is_too_large_are_refused(
    town: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DomainError, match="at least one"):
        start_batch(user=None, city=town.city)
    monkeypatch.setattr(batches, "MOST_RUNS", 1)
    with pytest.raises(DomainError, match="2 runs"):
        start_batch(user=None, city=town.city, scenarios=[town.scenario])


def test_retired_standards_are_refused(town: SimpleNamespace) -> None:
    type(town.profile).objects.filter(pk=town.profile.pk).update(status="retired")
    town.profile.refresh_from_db()
    with pytest.raises(DomainError) as refused:
        start_batch(user=None, city=town.city, scenarios=[town.scenario], profile=town.profile)
    assert refused.value.code == "profile-retired"


# --- with real workers -----------------------------------------------------------------------------


def test_a_worker_killed_in_the_middle_of_a_batch_changes_nothing(
    start_worker: Any, town: SimpleNamespace, tmp_path: Any
) -> None:
    twelve = more_scenarios(town, 12)
    expected = needs(done(start_batch(user=None, city=town.city, scenarios=twelve, detour_factor=1.0)))
    BatchRun.objects.all().delete()
    Run.objects.all().delete()
    Job.objects.all().delete()
    slow = {"DJANGO_SETTINGS_MODULE": "tests.planning.worker_settings", "SLOW_SCENARIO_SECONDS": "0.4"}
    workers = [start_worker(VAR_DIR=str(tmp_path), **slow) for _ in range(2)]
    batch = start_batch(user=None, city=town.city, scenarios=twelve, detour_factor=1.0)
    until(
        lambda: (
            len(running_tokens()) == 2 and JobShard.objects.filter(stage="scenario", state="done").exists()
        )
    )
    parent = os.getpgid(int(Job.objects.get(pk=batch.job_id).worker_token.split("|")[1]))
    victim = next(one for one in workers if one.pid != parent)
    until(lambda: any(pid_of_group(token) == victim.pid for token in running_tokens()))
    victim.kill()
    until(lambda: Job.objects.get(pk=batch.job_id).over, 90)
    job = Job.objects.get(pk=batch.job_id)
    assert job.state == "done", job.error
    assert needs(batch) == expected
    assert job.attempts == 1 and {row["stage"] for row in job.result["pieces"]} >= {"scenario"}
