"""Many scenarios as one job: one snapshot for all, every travel time searched once, each scenario a piece that any worker
may take. Stored runs are answered; a scenario that lacks a rate is part of the batch with what is missing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import TimeOfDay
from core.errors import DomainError
from core.models import City, Job
from core.services import audit, jobs, shards
from core.services.jobs import Progress
from core.services.refs import next_ref
from planning.bridge.scenario_document import freeze_scenario
from planning.bridge.speeds import default_speeds, freeze_speeds
from planning.bridge.standard_rows import freeze_standards
from planning.bridge.variations import freeze_varied
from planning.choices import Assignment, RunState
from planning.models import Batch, BatchRun, Run, Scenario, SpeedProfile, StandardProfile
from planning.selectors.standards import effective_standards
from planning.services import runs, scoring, travel_times
from planning.services.snapshots import take_snapshot
from planning.services.sweeps import Sweep, steps_of

KIND, SCORE = "batch", "scenario"
# What follows a run by itself (its range) follows those of a batch this small; hundreds of jobs would bury all others.
FEW_RUNS = 24
MOST_RUNS = 1000
# From so many scenarios on, one of them whole is a piece that keeps every hand busy; fewer are cut by service first.
WHOLE_FROM = 8
_Case = tuple[Scenario, dict[str, float], dict[str, Any]]


def start_batch(
    *,
    user: Any,
    city: City,
    name: str = "",
    scenarios: Iterable[Scenario] = (),
    sweep: Sweep | None = None,
    times_of_day: Sequence[str] = (),
    profile: StandardProfile | None = None,
    assignment: str = Assignment.NEAREST,
    detour_factor: float = 1.3,
    speed_profile: SpeedProfile | None = None,
) -> Batch:
    """Runs of all these scenarios, or of one scenario with one number varied in steps, under the same standards.

    `times_of_day` empty: those that each scenario names. The batch's job computes the runs that are not stored yet; there
    is none when all are. Runs that lack a rate are stored as refused and belong to the batch. `user` None: a command of
    this machine. Raises DomainError.
    """
    if user is not None:
        policies.demand(user, "run.start", city)
    chosen = list({one.pk: one for one in ([sweep.scenario] if sweep else scenarios)}.values())
    if not chosen:
        raise DomainError("no-scenarios", _("Choose at least one scenario."), status=422)
    profile = profile or runs.default_profile()
    for scenario in chosen:
        runs.checked_settings(city, scenario, profile, times_of_day, assignment, {}, detour_factor)
    cases: list[_Case] = (
        [(sweep.scenario, step, freeze_varied(sweep.scenario, step)) for step in steps_of(sweep)]
        if sweep
        else [(one, {}, freeze_scenario(one)) for one in chosen]
    )
    asked = [(case, time_of_day) for case in cases for time_of_day in _times(case[0], times_of_day)]
    if len(asked) > MOST_RUNS:
        words = _(
            "The batch would need %(count)d runs, more than the %(most)d that fit one. Make several of it."
        )
        raise DomainError("batch-too-large", words % {"count": len(asked), "most": MOST_RUNS}, status=422)
    snapshot = take_snapshot(city=city)
    speed_profile = speed_profile or default_speeds()
    common = {
        "assignment": assignment, "reach_overrides": {}, "detour_factor": detour_factor,
        "speeds_frozen": freeze_speeds(speed_profile),
    }  # fmt: skip
    standards = _standards_of(cases, profile, city)
    known = {row.service.code for row in effective_standards(profile, timezone.localdate())}
    with transaction.atomic():
        # Two batches that ask some of the same things take their turns in the same order.
        for digest in sorted(
            runs.params_hash(snapshot, case[2], standards[id(case)], {"time_of_day": at, **common})
            for case, at in asked
        ):
            runs.one_at_a_time(digest)
        found = [
            runs.run_for(
                user, city, case[0], profile, snapshot, case[2], standards[id(case)], {"time_of_day": at, **common},
                speed_profile, case[1], known,
            )
            for case, at in asked
        ]  # fmt: skip
        batch = Batch.objects.create(
            city=city, ref=next_ref("B"), name=name.strip()[:120] or _usual_name(cases, sweep), profile=profile,
            assignment=assignment, sweep=sweep.told() if sweep else {},
            created_by=user if getattr(user, "is_authenticated", False) else None,
        )  # fmt: skip
        kept = list({run.pk: run for run in found}.values())
        BatchRun.objects.bulk_create(
            BatchRun(batch=batch, run=run, position=n) for n, run in enumerate(kept, start=1)
        )
        _ask(batch, user, kept)
        audit.record(
            user=user, act="batch.start", subject=batch,
            after={"runs": len(kept), "scenarios": [one.ref for one in chosen], "sweep": batch.sweep},
        )  # fmt: skip
    return Batch.objects.select_related("job", "profile", "city").get(pk=batch.pk)


def _standards_of(
    cases: Sequence[_Case], profile: StandardProfile, city: City
) -> dict[int, list[dict[str, Any]]]:
    """By `id` of the case. What is frozen depends on few things of a scenario: those that agree in them share it."""
    found: dict[str, list[dict[str, Any]]] = {}
    by_case = {}
    for case in cases:
        document = case[2]
        key = json.dumps([document["services"], document.get("duration_hours"), document.get("stay_shares")])
        if key not in found:
            found[key] = freeze_standards(profile, document, city)
        by_case[id(case)] = found[key]
    return by_case


def _times(scenario: Scenario, asked: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(asked or scenario.times_of_day or [TimeOfDay.NIGHT]))


def _usual_name(cases: Sequence[_Case], sweep: Sweep | None) -> str:
    """Named in the language of the one who asks."""
    scenario = cases[0][0]
    english = (get_language() or "").startswith("en") and scenario.name_en
    first = english or scenario.name
    if sweep:
        return str(_("%(number)s in %(steps)s steps") % {"number": first[:90], "steps": sweep.steps})
    return first[:120] if len(cases) == 1 else f"{first[:100]} + {len(cases) - 1}"


def _ask(batch: Batch, user: Any, found: Sequence[Run]) -> None:
    """Queue the job that computes the runs nobody computes yet. Runs that another job has in hand stay there."""
    new = [run for run in found if run.state == RunState.WAITING and run.job_id is None]
    if not new:
        return
    groups: dict[str, list[str]] = {}
    for run in new:
        groups.setdefault(f"{run.scenario_id} {sorted(run.variation.items())}", []).append(run.ref)
    job, _created = jobs.submit(
        kind=KIND, user=user, city=batch.city, title=batch.name, title_en=batch.name,
        params={"batch": batch.ref, "groups": list(groups.values())}, queue="analysis",
    )  # fmt: skip
    Run.objects.filter(pk__in=[run.pk for run in new]).update(job=job)
    Batch.objects.filter(pk=batch.pk).update(job=job)


def rename_batch(*, user: Any, batch: Batch, name: str) -> Batch:
    """Give a batch another name."""
    if user is not None:
        policies.demand(user, "run.start", batch.city)
    if not name.strip():
        raise DomainError("no-name", _("Give the batch a name."), status=422)
    with transaction.atomic():
        before, batch.name = batch.name, name.strip()[:120]
        batch.save(update_fields=["name"])
        audit.record(
            user=user, act="batch.rename", subject=batch, before={"name": before}, after={"name": batch.name}
        )
    return batch


# --- the job ---------------------------------------------------------------------------------------


@jobs.kind(KIND)
def score_batch(job: Job, progress: Progress) -> dict[str, Any]:
    """Compute the runs of a batch. Each scenario is written when it is scored, so results appear one by one; a run that
    cannot be computed is marked with the reason and the others go on. Safe to run twice."""
    started = time.monotonic()
    groups = job.params["groups"]
    refs = [ref for group in groups for ref in group]
    place = {ref: n for n, ref in enumerate(refs)}
    found = Run.objects.select_related("snapshot").filter(ref__in=refs, state=RunState.WAITING)
    waiting = sorted(found, key=lambda run: place[run.ref])
    travel_times.prepare(job, progress, waiting, 0.0, 0.3)
    begun = 0.3
    if len(groups) < WHOLE_FROM:
        scoring.assign_in_pieces(job, progress, waiting, 0.3, 0.6)
        begun = 0.6
    shared, keys = (time.monotonic() - started) / max(len(waiting), 1), [run.pk for run in waiting]
    del found, waiting
    words = str(_("%(done)d of %(all)d scenarios"))
    # All of the job's scenarios, so that a job taken up again asks for the same pieces.
    told = [{"runs": group} for group in groups]
    answers = shards.work_out(job, progress, SCORE, told, SCORE, begun, 1.0, words)
    Run.objects.filter(pk__in=keys, state=RunState.DONE).update(seconds=F("seconds") + shared)
    if len(refs) <= FEW_RUNS:
        for act in runs.WHEN_SCORED:
            act([ref for one in answers for ref in one["runs"]])
    return {
        "result_url": f"/batches/{job.params['batch']}/",
        "result": {"batch": job.params["batch"], "runs": [ref for one in answers for ref in one["runs"]]},
    }


@shards.kind(SCORE, _("Scoring scenarios"))
def score_scenario(params: dict[str, Any], check: shards.Check) -> dict[str, Any]:
    """Score and write the runs of one scenario (its times of day), one after another."""
    answers = []
    for ref in params["runs"]:
        check()
        try:
            answers.append((runs.write_run({"run": ref}, check) or {"run": ref})["run"])
        except DomainError as error:
            _give_up(ref, error)
            answers.append(ref)
        finally:
            scoring.forget_situation()
    return {"runs": answers}


def _give_up(ref: str, error: DomainError) -> None:
    """What keeps one run from being computed need not keep the others."""
    problem = {"code": error.code, "what": "", "message": str(error.message)}
    Run.objects.filter(ref=ref, state=RunState.WAITING).update(
        state=RunState.FAILED, refusal=[problem], finished_at=timezone.now()
    )


@jobs.after(KIND)
def tidy_batch(job: Job) -> None:
    """A job that ended without being done leaves no run waiting for ever; what was scored stays."""
    refs = [ref for group in job.params["groups"] for ref in group]
    waiting = Run.objects.filter(ref__in=refs, state=RunState.WAITING)
    for run in waiting:
        scoring.forget_pieces(run)
    waiting.update(state=RunState.FAILED, finished_at=timezone.now())
