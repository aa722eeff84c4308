"""Suggests what to build, how much and where, under a budget; scores the plan with the same engine; writes it whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from django.contrib.gis.geos import Point
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core.choices import JobState
from core.models import Job
from core.services import jobs
from core.services.jobs import JobCancelled, Progress
from core.services.refs import next_ref
from engine import ENGINE_VERSION
from engine.siting.suggest import suggest_sites
from engine.world import Choice, World
from facilities.models import Facility, ServiceType
from inventory.choices import InterventionKind
from inventory.models import IdleAsset
from planning.bridge.freeze import FACILITY
from planning.bridge.frozen import Frozen
from planning.bridge.options import Candidate, RateCard, candidates, engine_options
from planning.bridge.world import Change, Situation, build_situation
from planning.choices import RunState, VersionState
from planning.models import Intervention, PlanVersion, Run
from planning.services import results, travel_times
from planning.services.runs import compute, finish, frozen_of, params_hash, question_of

SUGGEST, RESCORE = "site", "rescore"
KINDS = [kind for kind in InterventionKind.values if kind != InterventionKind.RETIRE]
_STAGES = {
    "model": _("Building the model"),
    "greedy": _("Finding a first plan"),
    "proof": _("Proving how good it can be"),
    "bound": _("Bounding what any plan can do"),
    "search": _("Improving the plan"),
    "check": _("Measuring the plan"),
}


def baseline(version: PlanVersion) -> list[Run]:
    return list(
        version.baseline_runs.select_related("snapshot", "scenario", "profile").order_by(
            "scenario_id", "time_of_day", "pk"
        )
    )


def situations_of(version: PlanVersion, runs: Sequence[Run]) -> list[Situation]:
    """One world for each baseline run, all over the same services: a service a scenario does not ask for has no need."""
    rows: dict[str, dict[str, Any]] = {}
    for run in runs:
        for row in run.standards_frozen:
            rows.setdefault(row["service"], row)
    chosen = set(version.services.values_list("code", flat=True)) or set(rows)
    found = []
    for run in runs:
        own = {row["service"]: row for row in run.standards_frozen}
        question = replace(question_of(run), standards=[own.get(code, row) for code, row in rows.items()])
        situation = build_situation(frozen_of(run), question)
        standards = [
            replace(
                rule,
                weight=float(version.weights.get(rule.service, rule.weight))
                if rule.service in chosen
                else 0.0,
            )
            for rule in situation.world.standards
        ]
        found.append(replace(situation, world=replace(situation.world, standards=tuple(standards))))
    return found


def options_of(
    version: PlanVersion, situations: Sequence[Situation], rates: RateCard
) -> tuple[list[Candidate], dict[str, int]]:
    services = list(version.services.values_list("code", flat=True)) or [
        row["service"] for row in situations[0].standards
    ]
    return candidates(situations, rates, services, version.facts.get("kinds") or KINDS)


@jobs.kind(SUGGEST)
def site(job: Job, progress: Progress) -> dict[str, Any]:
    """Find the interventions of a plan version, score it, and write all in one transaction. Safe to run twice."""
    version = PlanVersion.objects.select_related("plan__city").get(pk=job.params["version"])
    if version.state != VersionState.COMPUTING:
        return _outcome(version)
    runs = baseline(version)
    travel_times.prepare(job, progress, runs, 0.0, 0.05)
    progress(0.05, str(_("Reading the baseline")), at_once=True)
    situations = situations_of(version, runs)
    rates = RateCard.now()
    listed, left_out = options_of(version, situations, rates)
    progress(0.08, str(_("Weighing %(count)s options")) % {"count": len(listed)})
    worlds: list[World] = [one.world for one in situations]
    choice = suggest_sites(
        worlds, engine_options(situations[0], listed), version.budget_fen, None, float(version.time_limit_seconds), int(version.seed),
        lambda share, stage: progress(0.1 + 0.6 * share, str(_STAGES.get(stage, stage))), progress.should_stop,
    )  # fmt: skip
    if choice.status == "cancelled":
        raise JobCancelled(job.ref)
    chosen = [listed[int(number)] for number in choice.chosen]
    facts = version.facts | {
        "left_out": left_out,
        "options_by_kind": _by_kind(listed),
        "bound_source": choice.bound_source,
        "notes": {key: value for key, value in choice.notes.items() if isinstance(value, int | float | str)},
        "rates": rates.frozen(),
    }
    _complete(
        job,
        progress,
        version,
        runs,
        situations[0].frozen,
        chosen,
        choice,
        facts,
        bound=choice.bound,
        candidates_count=len(listed),
    )
    version.refresh_from_db()
    return _outcome(version)


@jobs.kind(RESCORE)
def rescore(job: Job, progress: Progress) -> dict[str, Any]:
    """Score a change-set that a person edited. What it is worth and what each part adds is measured, nothing is chosen."""
    version = PlanVersion.objects.select_related("plan__city").get(pk=job.params["version"])
    if version.state != VersionState.COMPUTING:
        return _outcome(version)
    runs = baseline(version)
    travel_times.prepare(job, progress, runs, 0.0, 0.05)
    progress(0.05, str(_("Reading the baseline")), at_once=True)
    situations = situations_of(version, runs)
    listed, _left_out = options_of(version, situations, RateCard.now())
    by_key = {one.key: one for one in listed}
    chosen = [by_key[key] for key in job.params["keys"] if key in by_key]
    cost = sum(one.cost_fen for one in chosen)
    choice = suggest_sites(
        [one.world for one in situations], engine_options(situations[0], chosen), cost, None, 20.0, int(version.seed),
        lambda share, _stage: progress(0.1 + 0.5 * share, str(_("Measuring the plan"))), progress.should_stop,
    )  # fmt: skip
    if choice.status == "cancelled":
        raise JobCancelled(job.ref)
    # The engine proposes nothing that adds nothing; what a person wants stays in the plan, at the end, with 0 added.
    first = [int(number) for number in choice.chosen]
    rest = [number for number in range(len(chosen)) if number not in set(first)]
    ordered = [chosen[number] for number in [*first, *rest]]
    padded = replace(
        choice,
        units_newly_served=np.concatenate(
            [choice.units_newly_served, np.zeros((len(rest), len(runs)), np.int64)]
        ),
        people_newly_served=np.concatenate([choice.people_newly_served, np.zeros(len(rest))]),
    )
    bound = version.facts.get("parent_bound")
    _complete(
        job,
        progress,
        version,
        runs,
        situations[0].frozen,
        ordered,
        padded,
        version.facts,
        bound=bound,
        candidates_count=len(listed),
    )
    version.refresh_from_db()
    return _outcome(version)


def _by_kind(listed: Sequence[Candidate]) -> dict[str, int]:
    kinds: dict[str, int] = {}
    for one in listed:
        kinds[one.kind] = kinds.get(one.kind, 0) + 1
    return kinds


def _outcome(version: PlanVersion) -> dict[str, Any]:
    return {
        "result_url": f"/plans/{version.plan.ref}/?version={version.number}",
        "result": {"plan": version.plan.ref, "version": version.number},
    }


def _complete(
    job: Job, progress: Progress, version: PlanVersion, runs: Sequence[Run], frozen: Frozen, chosen: Sequence[Candidate], choice: Choice,
    facts: dict[str, Any], *, bound: float | None, candidates_count: int,
) -> None:  # fmt: skip
    """Score every baseline run with the changes, then write interventions, runs and the version together."""
    changes = [one.change(order) for order, one in enumerate(chosen, start=1)]
    # Each intervention is told by the run where it helps most: one that only helps by night is not worth nothing.
    newly = choice.units_newly_served.max(axis=1).tolist() if len(chosen) else []
    by_run = {run.ref: choice.units_newly_served[:, number].tolist() for number, run in enumerate(runs)}
    # Those maxima belong to different runs and services and must not be summed; what may be is the weighted worth.
    worth = choice.people_newly_served.tolist()
    facts = facts | {"newly_served_by_run": by_run, "worth": worth, "keys": [one.key for one in chosen]}
    after = []
    for number, run in enumerate(runs):
        progress(0.7 + 0.2 * number / len(runs), str(_("Scoring after the plan: %(ref)s")) % {"ref": run.ref})
        twin = after_run(version, run, changes)
        situation, score, tables, seconds = compute(twin, changes)
        name = f"results/{twin.ref}-{job.worker_token[-8:]}"
        results.keep_score(name=name, situation=situation, score=score)
        tables.facts["results"] = name
        after.append((twin, situation, tables, seconds))
    progress.check()
    value, gap = float(choice.value), None
    if bound is not None:
        bound = max(float(bound), value)
        gap = (bound - value) / bound if bound > 0 else 0.0
    progress(0.92, str(_("Writing the plan")))
    with transaction.atomic():
        progress.hold()
        moved = PlanVersion.objects.filter(pk=version.pk, state=VersionState.COMPUTING).update(
            state=VersionState.DRAFT, cost_fen=sum(one.cost_fen for one in chosen), value=value, bound=bound, gap=gap,
            status=choice.status if version.facts.get("origin") != "edited" else "within" if bound is not None else "feasible",
            seconds=round(choice.seconds, 2), engine_version=ENGINE_VERSION, candidates=candidates_count, facts=facts,
        )  # fmt: skip
        if not moved:
            return
        version.interventions.all().delete()
        made = Intervention.objects.bulk_create(_interventions(version, frozen, chosen, newly))
        ids = {row.order: row.pk for row in made}
        for twin, situation, tables, seconds in after:
            twin.job = job
            twin.save()
            finish(twin, situation, tables, seconds, ids)


def after_run(version: PlanVersion, run: Run, changes: Sequence[Change]) -> Run:
    """The baseline run's question, asked of the changed registry; not yet saved."""
    settings = {
        "time_of_day": run.time_of_day, "assignment": run.assignment, "reach_overrides": run.reach_overrides, "detour_factor": run.detour_factor,
        "speeds_frozen": run.speeds_frozen,
    }  # fmt: skip
    told = [[c.kind, c.site, c.service, c.units, c.hours, c.role, c.order] for c in changes]
    digest = params_hash(
        run.snapshot, run.scenario_frozen, run.standards_frozen, settings | {"version": version.pk}, told
    )
    return Run(
        ref=next_ref("R"), city=run.city, scenario=run.scenario, scenario_version=run.scenario_version, scenario_frozen=run.scenario_frozen,
        profile=run.profile, standards_frozen=run.standards_frozen, snapshot=run.snapshot, params_sha256=digest, engine_version=ENGINE_VERSION,
        reach_method=run.reach_method, state=RunState.WAITING, plan_version=version, created_by=version.created_by,
        speed_profile=run.speed_profile, **settings,
    )  # fmt: skip


def _interventions(
    version: PlanVersion, frozen: Frozen, chosen: Sequence[Candidate], newly: Sequence[int]
) -> list[Intervention]:
    services = {row.code: row for row in ServiceType.objects.all()}
    kind, pk = np.asarray(frozen["site_kind"]), np.asarray(frozen["site_id"])
    facilities = Facility.objects.in_bulk([int(pk[one.site]) for one in chosen if kind[one.site] == FACILITY])
    assets = IdleAsset.objects.in_bulk([int(pk[one.site]) for one in chosen if kind[one.site] != FACILITY])
    rows = []
    for order, (one, gained) in enumerate(zip(chosen, newly, strict=True), start=1):
        facility = facilities.get(int(pk[one.site])) if kind[one.site] == FACILITY else None
        asset = assets.get(int(pk[one.site])) if facility is None else None
        place: Any = facility or asset
        rows.append(
            Intervention(
                version=version, order=order, kind=one.kind, service=services[one.service], facility=facility, idle_asset=asset,
                name=place.name, name_en=place.name_en, area_id=place.area_id,
                point=Point(float(frozen["site_lon"][one.site]), float(frozen["site_lat"][one.site]), srid=4326),
                units=one.units, cost_fen=one.cost_fen, hours=one.hours, lead_months=one.lead_months, people_newly_served=int(gained),
            )
        )  # fmt: skip
    return rows


@jobs.after(SUGGEST)
@jobs.after(RESCORE)
def tidy_version(job: Job) -> None:
    """A job that ended without being done leaves a version that says so."""
    reason = str(_("Stopped on request.")) if job.state == JobState.CANCELLED else job.error
    version = PlanVersion.objects.filter(pk=job.params["version"], state=VersionState.COMPUTING).first()
    if version is not None:
        version.state, version.facts = VersionState.FAILED, version.facts | {"failure": reason}
        version.save(update_fields=["state", "facts"])
