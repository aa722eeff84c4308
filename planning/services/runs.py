"""Starts runs and computes them. Same snapshot, settings and engine: the stored run is answered."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import JobState, TimeOfDay
from core.errors import DomainError
from core.models import City, Job
from core.services import audit, jobs, shards
from core.services.jobs import Progress
from core.services.refs import next_ref
from engine import ENGINE_VERSION
from engine.archive import content_hash
from engine.coverage import score_world
from engine.world import Score
from planning.bridge.asked import frozen_of, question_of
from planning.bridge.freeze import FACILITY, IDLE_ASSET
from planning.bridge.frozen import load_frozen
from planning.bridge.reach import reach_method
from planning.bridge.scenario_document import freeze_scenario
from planning.bridge.situation import missing_rates
from planning.bridge.speeds import default_speeds, freeze_speeds
from planning.bridge.standard_rows import freeze_standards
from planning.bridge.world import Change, Situation, build_situation
from planning.choices import Assignment, ProfileStatus, RunState
from planning.models import BatchRun, Run, Scenario, Snapshot, SpeedProfile, StandardProfile
from planning.selectors.standards import effective_standards
from planning.services import results, scoring, travel_times
from planning.services.snapshots import take_snapshot

KIND, WRITE = "score", "write"


# Called with the references of runs that were just scored.
WHEN_SCORED: list[Callable[[Sequence[str]], None]] = []


def when_scored(act: Callable[[Sequence[str]], None]) -> Callable[[Sequence[str]], None]:
    """Register what follows a finished scoring job. It may not fail, and what takes long is a job of its own."""
    WHEN_SCORED.append(act)
    return act


def default_profile() -> StandardProfile:
    profile = StandardProfile.objects.filter(is_default=True).first()
    if profile is None:
        raise DomainError("no-profile", _("No standard profile is marked as the default."))
    return profile


def start_runs(
    *,
    user: Any,
    city: City,
    scenario: Scenario,
    times_of_day: Sequence[str] = (),
    profile: StandardProfile | None = None,
    assignment: str = Assignment.NEAREST,
    reach_overrides: dict[str, float] | None = None,
    detour_factor: float = 1.3,
    speed_profile: SpeedProfile | None = None,
) -> tuple[list[Run], Job | None]:
    """One run for each time of day, and the job that computes those not yet computed (None when all are there).
    `speed_profile` None: the default one.

    Runs that lack a rate are stored as refused, with all that is missing. `user` None: a command of this machine.
    """
    if user is not None:
        policies.demand(user, "run.start", city)
    profile = profile or default_profile()
    overrides = checked_settings(
        city, scenario, profile, times_of_day, assignment, reach_overrides or {}, detour_factor
    )
    times = list(dict.fromkeys(times_of_day or scenario.times_of_day or [TimeOfDay.NIGHT]))
    snapshot = take_snapshot(city=city)
    frozen_scenario = freeze_scenario(scenario)
    standards = freeze_standards(profile, frozen_scenario, city)
    speed_profile = speed_profile or default_speeds()
    speeds = freeze_speeds(speed_profile)
    runs, job = [], None
    with transaction.atomic():
        for time_of_day in times:
            settings = {
                "time_of_day": time_of_day, "assignment": assignment, "reach_overrides": overrides, "detour_factor": detour_factor,
                "speeds_frozen": speeds,
            }  # fmt: skip
            runs.append(
                run_for(
                    user,
                    city,
                    scenario,
                    profile,
                    snapshot,
                    frozen_scenario,
                    standards,
                    settings,
                    speed_profile,
                )
            )
        waiting = [run for run in runs if run.state == RunState.WAITING]
        new = [run for run in waiting if run.job_id is None]
        job = next((run.job for run in waiting if run.job_id), None)
        if new:
            refs = [run.ref for run in new]
            job, _created = jobs.submit(
                kind=KIND,
                user=user,
                city=city,
                title=scenario.name,
                title_en=scenario.name_en,
                params={"runs": refs},
                queue="analysis",
            )
            Run.objects.filter(pk__in=[run.pk for run in new]).update(job=job)
            audit.record(user=user, act="run.start", subject=new[0], after={"runs": refs, "job": job.ref})
    for run in runs:
        run.refresh_from_db()
    return runs, job


def checked_settings(
    city: City,
    scenario: Scenario,
    profile: StandardProfile,
    times: Sequence[str],
    assignment: str,
    overrides: dict[str, Any],
    detour: float,
) -> dict[str, float]:
    """Settings a person may have got wrong; returns the reach limits as numbers."""
    if scenario.city_id != city.pk:
        raise DomainError("other-city", _("The scenario belongs to another city."), status=422)
    if profile.area is not None and profile.area.city_id != city.pk:
        raise DomainError("other-city", _("The profile holds in another city."), status=422)
    if profile.status == ProfileStatus.RETIRED:
        raise DomainError("profile-retired", _("These standards are retired; choose others."), status=422)
    if unknown := [time for time in times if time not in TimeOfDay.values]:
        raise DomainError(
            "unknown-time", _("%(words)s is not a time of day.") % {"words": ", ".join(unknown)}, status=422
        )
    if assignment not in Assignment.values:
        raise DomainError(
            "unknown-assignment",
            _("%(words)s is not a way to assign people.") % {"words": assignment},
            status=422,
        )
    if not 1 <= detour <= 3:
        raise DomainError("detour-out-of-range", _("The detour factor must lie between 1 and 3."), status=422)
    services = set(scenario.services.values_list("code", flat=True))
    clean: dict[str, float] = {}
    for code, limit in sorted(overrides.items()):
        if code not in services:
            raise DomainError(
                "unknown-service",
                _("%(words)s is not a service of this scenario.") % {"words": code},
                status=422,
            )
        try:
            clean[code] = float(limit)
        except (TypeError, ValueError):
            clean[code] = 0.0
        if not 0 < clean[code] <= 100_000:
            raise DomainError("reach-out-of-range", _("A reach must be a number above 0."), status=422)
    return clean


def run_for(
    user: Any, city: City, scenario: Scenario, profile: StandardProfile, snapshot: Snapshot, frozen: dict[str, Any],
    standards: list[dict[str, Any]], settings: dict[str, Any], speed_profile: SpeedProfile | None,
    variation: dict[str, float] | None = None, known: Collection[str] | None = None,
) -> Run:  # fmt: skip
    """The stored run with these settings, or a new one: waiting, or refused with everything that is missing.
    `variation`: the numbers of the scenario that `frozen` has otherwise than the scenario as written. `known`: services
    of the profile, where the caller has looked already."""
    digest = params_hash(snapshot, frozen, standards, settings)
    same = Run.objects.filter(params_sha256=digest, city=city)
    one_at_a_time(digest)
    alive = Q(state=RunState.WAITING, job__state__in=[JobState.QUEUED, JobState.RUNNING])
    found = same.filter(Q(state=RunState.DONE) | alive).order_by("state", "pk").first()
    if found is not None:
        if found.variation and not variation:
            # What was a step of a sweep is now what the scenario says.
            found.variation, found.scenario_version = {}, scenario.version
            found.save(update_fields=["variation", "scenario_version"])
        return found
    meta = load_frozen(snapshot).meta
    if known is None:
        known = {row.service.code for row in effective_standards(profile, timezone.localdate())}
    problems = missing_rates(frozen, standards, meta, settings["time_of_day"], known)
    if problems and (found := same.filter(state=RunState.REFUSED, refusal=problems).first()):
        return found
    return Run.objects.create(
        ref=next_ref("R"), city=city, scenario=scenario, scenario_version=scenario.version, scenario_frozen=frozen,
        profile=profile, standards_frozen=standards, snapshot=snapshot, params_sha256=digest, engine_version=ENGINE_VERSION,
        reach_method=reach_method(load_frozen(snapshot)), state=RunState.REFUSED if problems else RunState.WAITING,
        refusal=problems, finished_at=timezone.now() if problems else None,
        created_by=user if getattr(user, "is_authenticated", False) else None, speed_profile=speed_profile,
        variation=variation or {}, **settings,
    )  # fmt: skip


def one_at_a_time(digest: str) -> None:
    """Two people who ask the same at once get one answer: the second waits until the first has stored the question."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [int(digest[:15], 16)])


def params_hash(
    snapshot: Snapshot | None,
    scenario: dict[str, Any],
    standards: list[dict[str, Any]],
    settings: dict[str, Any],
    changes: Sequence[Any] = (),
) -> str:
    """Names everything that can move a number of the run."""
    told = [
        snapshot.sha256 if snapshot else None,
        scenario,
        standards,
        settings,
        list(changes),
        ENGINE_VERSION,
    ]
    return content_hash({}, told)


def situation_of(
    run: Run, changes: Sequence[Change] = (), services: Sequence[str] | None = None
) -> Situation:
    """The engine's world of a run, from its own snapshot and frozen settings."""
    return build_situation(frozen_of(run), question_of(run), changes, services)


def changes_of(run: Run) -> list[Change]:
    """The change-set behind a run of a plan, from its stored interventions; empty for a run of today's registry."""
    if run.plan_version is None:
        return []
    frozen = frozen_of(run)
    kind, pk = np.asarray(frozen["site_kind"]), np.asarray(frozen["site_id"])
    site_of = {(int(k), int(one)): n for n, (k, one) in enumerate(zip(kind, pk, strict=True))}
    service_of = {code: n for n, code in enumerate(frozen.service_codes)}
    found = []
    for row in run.plan_version.interventions.select_related("service"):
        site = site_of[
            (FACILITY, row.facility_id) if row.facility_id else (IDLE_ASSET, row.idle_asset_id or 0)
        ]
        roles = np.flatnonzero(
            (np.asarray(frozen["role_site"]) == site)
            & (np.asarray(frozen["role_service"]) == service_of[row.service.code])
        )
        role = int(roles[0]) if row.facility_id and len(roles) else -1
        found.append(
            Change(row.kind, site, row.service.code, row.units, float(row.hours or 0.0), role, row.order)
        )
    return found


def compute(run: Run, changes: Sequence[Change] = ()) -> tuple[Situation, Score, results.Tables, float]:
    """Score a run without writing anything to the database: (situation, score, rows, seconds)."""
    started = time.monotonic()
    situation = situation_of(run, changes)
    score = score_world(situation.world, run.assignment)
    tables = results.tabulate(city_id=run.city_id, situation=situation, score=score)
    return situation, score, tables, time.monotonic() - started


@jobs.kind(KIND)
def score_runs(job: Job, progress: Progress) -> dict[str, Any]:
    """Compute the runs of a job in pieces that any worker may take: travel times, assignments, then each run added up
    and written whole in one transaction. Safe to run twice."""
    started = time.monotonic()
    refs = list(job.params["runs"])
    found = Run.objects.select_related("snapshot").filter(ref__in=refs, state=RunState.WAITING)
    waiting = sorted(found, key=lambda run: refs.index(run.ref))
    travel_times.prepare(job, progress, waiting, 0.0, 0.45)
    scoring.assign_in_pieces(job, progress, waiting, 0.45, 0.65)
    shared = (time.monotonic() - started) / max(len(waiting), 1)
    words = str(_("Adding up and writing: %(done)d of %(all)d runs"))
    # All of the job's runs, so that a job taken up again asks for the same pieces.
    answers = shards.work_out(job, progress, WRITE, [{"run": ref} for ref in refs], WRITE, 0.65, 1.0, words)
    Run.objects.filter(pk__in=[run.pk for run in waiting]).update(seconds=F("seconds") + shared)
    refs = [answer["run"] for answer in answers]
    for act in WHEN_SCORED:
        act(refs)
    return {"result_url": f"/runs/{refs[0]}/", "result": {"runs": refs}}


@shards.kind(WRITE, _("Adding up and writing"))
def write_run(params: dict[str, Any], check: shards.Check) -> dict[str, Any]:
    """Add up one run by area and hexagon and write it; its reference, or that of an equal run that was quicker."""
    run = Run.objects.select_related("snapshot").filter(ref=params["run"]).first()
    if run is None or run.state != RunState.WAITING:
        return params
    started = time.monotonic()
    situation, score = scoring.scored(run)
    tables = results.tabulate(city_id=run.city_id, situation=situation, score=score)
    name = f"results/{run.ref}-{uuid.uuid4().hex[:8]}"
    results.keep_score(name=name, situation=situation, score=score)
    tables.facts["results"] = name
    check()
    scoring.forget_situation()
    del score
    try:
        # Two hands that both think the run is theirs: the second waits for the first one's row and finds it done.
        with transaction.atomic():
            finish(run, situation, tables, time.monotonic() - started)
    except IntegrityError:
        # Another job finished the same question first: its run is the answer, this row goes.
        same = Run.objects.filter(params_sha256=run.params_sha256, state=RunState.DONE)
        twin = same.exclude(pk=run.pk).first()
        if twin is None:
            raise
        with transaction.atomic():
            BatchRun.objects.filter(run=run).exclude(batch__runs=twin).update(run=twin)
            Run.objects.filter(pk=run.pk, state=RunState.WAITING).delete()
        return {"run": twin.ref}
    scoring.forget_pieces(run)
    return params


def finish(
    run: Run,
    situation: Situation,
    tables: results.Tables,
    seconds: float,
    interventions: dict[int, int] | None = None,
) -> None:
    """Write the rows and move the run from waiting to done; nothing happens when it is no longer waiting."""
    moved = Run.objects.filter(pk=run.pk, state=RunState.WAITING).update(
        state=RunState.DONE, totals=tables.totals, breaks=tables.breaks, facts=tables.facts, seconds=round(seconds, 3),
        finished_at=timezone.now(), engine_version=ENGINE_VERSION,
    )  # fmt: skip
    if moved:
        results.write(
            run=run, tables=tables, service_ids=situation.frozen.service_ids, interventions=interventions
        )


@jobs.after(KIND)
def tidy_runs(job: Job) -> None:
    """A job that ended without being done leaves no run waiting for ever, and no half score in the store."""
    waiting = Run.objects.filter(ref__in=job.params["runs"], state=RunState.WAITING)
    for run in waiting:
        scoring.forget_pieces(run)
    waiting.update(state=RunState.FAILED, finished_at=timezone.now())
