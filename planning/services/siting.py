"""Suggests what to build, how much and where, under a budget; scores the plan with the same engine; writes it whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core.choices import JobState
from core.errors import DomainError
from core.models import Job
from core.services import jobs
from core.services.jobs import JobCancelled, Progress
from engine import ENGINE_VERSION
from engine.siting.again import start_from
from engine.siting.question import Answer
from engine.siting.question import Question as EngineQuestion
from engine.siting.solve import solve
from engine.world import World
from inventory.choices import InterventionKind
from planning.bridge.options import Candidate, RateCard, candidates, engine_options
from planning.bridge.plan_rules import told_by_run
from planning.bridge.siting_limits import Asked, build_question, run_weights
from planning.bridge.siting_limits import told as told_relaxation
from planning.bridge.siting_question import asked as asked_in
from planning.bridge.world import Situation, build_situation
from planning.choices import Aim, Rule, VersionState
from planning.models import Intervention, InterventionMoney, PlanVersion, Run
from planning.services import explanations, phasing, results, travel_times
from planning.services.runs import compute, finish, frozen_of, question_of
from planning.services.siting_live import LiveTrail, thinned
from planning.services.siting_live import told as told_number
from planning.services.siting_rows import after_run, interventions_of

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
    kinds = list(version.facts.get("kinds") or KINDS)
    if asked_in(version.question, "retire"):
        kinds.append(str(InterventionKind.RETIRE))
    return candidates(situations, rates, services, kinds, sizes=bool(asked_in(version.question, "sizes")))


def rates_of(version: PlanVersion) -> RateCard:
    """The prices that the version was worked out with; today's where it does not tell."""
    kept = version.facts.get("rates")
    return RateCard.kept(kept) if kept else RateCard.now()


def budget_asked(version: PlanVersion) -> int | None:
    """The budget that the version's question names, None where it names none; see plans.suggest_plan."""
    asked = version.facts.get("budget_asked", version.budget_fen)
    return None if asked is None else int(asked)


def asked_of(
    version: PlanVersion, runs: Sequence[Run], situations: Sequence[Situation], listed: Sequence[Candidate]
) -> Asked:
    """The version's question in the engine's terms, over these options."""
    return build_question(
        version.question, aim=version.aim, rule=version.rule, budget_fen=budget_asked(version),
        situations=situations, runs=[run.ref for run in runs], listed=listed,
    )  # fmt: skip


@jobs.kind(SUGGEST)
def site(job: Job, progress: Progress) -> dict[str, Any]:
    """Answer a plan version's question, score the plan, and write all in one transaction. Safe to run twice."""
    version = PlanVersion.objects.select_related("plan__city", "parent").get(pk=job.params["version"])
    if version.state != VersionState.COMPUTING:
        return _outcome(version)
    runs = baseline(version)
    travel_times.prepare(job, progress, runs, 0.0, 0.05)
    progress(0.05, str(_("Reading the baseline")), at_once=True)
    situations = situations_of(version, runs)
    rates = RateCard.now()
    listed, left_out = options_of(version, situations, rates)
    asked = asked_of(version, runs, situations, listed)
    progress(0.08, str(_("Weighing %(count)s options")) % {"count": len(listed)}, at_once=True)
    worlds: list[World] = [one.world for one in situations]
    options = engine_options(situations[0], listed)
    live = LiveTrail(version, job)
    by_key = {one.key: number for number, one in enumerate(listed)}
    warm = (
        [by_key[key] for key in (version.parent.facts.get("keys") or []) if key in by_key]
        if version.parent
        else []
    )
    priced = _priced(version)
    answer = solve(
        worlds, options, asked.question, time_limit_s=float(version.time_limit_seconds), seed=int(version.seed),
        progress=lambda share, stage: progress(0.1 + (0.4 if priced else 0.6) * share, str(_STAGES.get(stage, stage))),
        live=live, should_stop=progress.should_stop, should_finish=live.should_finish,
        warm=start_from(worlds, options, asked.question, warm, time_limit_s=0.2 * version.time_limit_seconds) if warm else None,
    )  # fmt: skip
    if answer.status == "cancelled":
        raise JobCancelled(job.ref)
    facts = version.facts | {
        "left_out": left_out | asked.left_out,
        "options_by_kind": _by_kind(listed),
        "bound_source": answer.bound_source,
        "notes": {key: value for key, value in answer.notes.items() if isinstance(value, int | float | str)},
        "rates": rates.frozen(),
    }
    if answer.status == "infeasible":
        _write_no_plan(progress, version, answer, asked, facts, len(listed))
        version.refresh_from_db()
        return _outcome(version)
    if answer.status == "unknown":
        version.refresh_from_db(fields=["finish_requested"])
        if version.finish_requested:
            raise DomainError(
                "nothing-to-keep",
                _(
                    "The search was ended before it had found a plan that keeps every limit; there was nothing to keep."
                ),
            )
        raise DomainError(
            "no-plan-found",
            _("No plan that keeps every limit was found within %(seconds)s s, and it is not proved that there is none. Give the search more time, or loosen a limit.")
            % {"seconds": version.time_limit_seconds},
        )  # fmt: skip
    shares = asked.question.world_weights(len(worlds)).tolist()
    facts["robust"] = told_by_run([run.ref for run in runs], worlds, answer, shares, asked.question.tail)
    if priced:
        facts["price_of_robustness"] = _price(version, progress, runs, worlds, options, asked, answer, live)
    _complete(job, progress, version, runs, situations, [listed[int(number)] for number in answer.chosen], answer, facts,
              asked=asked, candidates_count=len(listed))  # fmt: skip
    version.refresh_from_db()
    return _outcome(version)


def _priced(version: PlanVersion) -> bool:
    """Whether what the rule costs against the plan that is best on the mean is asked for."""
    wanted = bool(version.question.get("price_of_robustness"))
    return wanted and version.rule != Rule.EXPECTED and version.aim == Aim.MOST


def _price(
    version: PlanVersion, progress: Progress, runs: Sequence[Run], worlds: list[World], options: list[Any], asked: Asked,
    answer: Answer, live: LiveTrail,
) -> dict[str, Any]:  # fmt: skip
    """The same question under "expected", from the plan found: what the mean loses for the rule's sake."""
    mean = solve(
        worlds, options, replace(asked.question, rule=Rule.EXPECTED.value), time_limit_s=float(version.time_limit_seconds),
        seed=int(version.seed), progress=lambda share, _stage: progress(0.5 + 0.2 * share, str(_("Working out what the rule costs"))),
        should_stop=progress.should_stop, should_finish=live.should_finish, warm=answer.chosen.tolist(),
    )  # fmt: skip
    if mean.status == "cancelled":
        raise JobCancelled(progress.job.ref)
    shares = asked.question.world_weights(len(worlds)).tolist()
    told = told_by_run([run.ref for run in runs], worlds, mean, shares, asked.question.tail)
    return told | {"status": mean.status, "gap": told_number(mean.gap), "cost_fen": int(mean.cost_fen)}


@jobs.kind(RESCORE)
def rescore(job: Job, progress: Progress) -> dict[str, Any]:
    """Score a change-set that a person edited: the same measurement as of a plan that was found, with everything a must.
    What it is worth and what each part adds is measured, nothing is chosen."""
    version = PlanVersion.objects.select_related("plan__city").get(pk=job.params["version"])
    if version.state != VersionState.COMPUTING:
        return _outcome(version)
    runs = baseline(version)
    travel_times.prepare(job, progress, runs, 0.0, 0.05)
    progress(0.05, str(_("Reading the baseline")), at_once=True)
    situations = situations_of(version, runs)
    rates = rates_of(version)
    listed, _left_out = options_of(version, situations, rates)
    by_key = {one.key: one for one in listed}
    if gone := [key for key in job.params["keys"] if key not in by_key]:
        raise DomainError(
            "unknown-option", _("This is not possible here: %(words)s.") % {"words": ", ".join(gone)}
        )
    wanted = [by_key[key] for key in job.params["keys"]]
    worlds = [one.world for one in situations]
    weights = run_weights(version.question, [run.ref for run in runs])
    question = EngineQuestion(weights=weights, must=tuple(range(len(wanted))))
    answer = solve(
        worlds, engine_options(situations[0], wanted), question, time_limit_s=20.0, seed=int(version.seed),
        progress=lambda share, _stage: progress(0.1 + 0.5 * share, str(_("Measuring the plan"))),
        should_stop=progress.should_stop,
    )  # fmt: skip
    if answer.status == "cancelled":
        raise JobCancelled(job.ref)
    # What a limit of the engine keeps out (a change of use) or what adds nothing stays in the person's plan, at the end.
    first = [int(number) for number in answer.chosen]
    rest = [number for number in range(len(wanted)) if number not in set(first)]
    padded = replace(
        answer,
        units=np.concatenate([answer.units, np.zeros((len(rest), len(runs)), np.int64)]),
        worth=np.concatenate([answer.worth, np.zeros(len(rest))]),
    )
    tail = float(asked_in(version.question, "tail"))
    facts = version.facts | {
        "robust": told_by_run([run.ref for run in runs], worlds, answer, weights, tail),
        "rates": rates.frozen(),
    }
    _complete(job, progress, version, runs, situations, [wanted[number] for number in [*first, *rest]], padded, facts,
              asked=None, candidates_count=len(listed))  # fmt: skip
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


def _write_no_plan(
    progress: Progress, version: PlanVersion, answer: Answer, asked: Asked, facts: dict[str, Any], count: int
) -> None:  # fmt: skip
    """The version says that no plan exists, and which limits would have to move."""
    told = [told_relaxation(one, asked) for one in answer.relaxations]
    with transaction.atomic():
        progress.hold()
        PlanVersion.objects.filter(pk=version.pk, state=VersionState.COMPUTING).update(
            state=VersionState.NO_PLAN, status=answer.status, seconds=round(answer.seconds, 2), engine_version=ENGINE_VERSION,
            candidates=count, facts=facts | {"relaxations": told, "relaxations_proven": bool(answer.notes.get("relaxations_proven"))}, trail=[],
        )  # fmt: skip


def _complete(
    job: Job, progress: Progress, version: PlanVersion, runs: Sequence[Run], situations: Sequence[Situation],
    chosen: Sequence[Candidate], answer: Answer, facts: dict[str, Any], *, asked: Asked | None, candidates_count: int,
) -> None:  # fmt: skip
    """Score every baseline run with the changes, then write interventions, money, runs and the version together. `asked`:
    the question that was solved, None for a change-set that was only measured."""
    changes = [one.change(order) for order, one in enumerate(chosen, start=1)]
    # Each intervention is told by the run where it helps most: one that only helps by night is not worth nothing. What
    # retiring takes away is no need newly served.
    newly = np.maximum(answer.units.max(axis=1), 0).tolist() if len(chosen) else []
    by_run = {run.ref: answer.units[:, number].tolist() for number, run in enumerate(runs)}
    # Those maxima belong to different runs and services and must not be summed; what may be is the weighted worth.
    facts = facts | {
        "newly_served_by_run": by_run,
        "worth": answer.worth.tolist(),
        "keys": [one.key for one in chosen],
    }
    years, money, more = phasing.phase(version, situations, chosen)
    facts |= more
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
    proof = _proved(version, answer, asked)
    cost = sum(one.cost_fen for one in chosen)
    # Where the question names no budget, the version's own is what the plan costs; see plans.suggest_plan.
    budget = cost if budget_asked(version) is None else version.budget_fen
    progress(0.92, str(_("Writing the plan")))
    with transaction.atomic():
        progress.hold()
        moved = PlanVersion.objects.filter(pk=version.pk, state=VersionState.COMPUTING).update(
            state=VersionState.DRAFT, cost_fen=cost, budget_fen=budget, **proof, seconds=round(answer.seconds, 2),
            engine_version=ENGINE_VERSION, candidates=candidates_count, facts=facts,
            trail=thinned([[round(at, 2), told_number(value), told_number(bound)] for at, value, bound in answer.trail]),
        )  # fmt: skip
        if not moved:
            return
        version.interventions.all().delete()
        made = Intervention.objects.bulk_create(
            interventions_of(version, situations[0].frozen, chosen, newly, years)
        )
        InterventionMoney.objects.bulk_create(
            InterventionMoney(intervention=row, year=year, source=source, amount_fen=amount)
            for row, parts in zip(made, money, strict=True)
            for year, source, amount in parts
        )
        ids = {row.order: row.pk for row in made}
        for twin, situation, tables, seconds in after:
            twin.job = job
            twin.save()
            finish(twin, situation, tables, seconds, ids)
        transaction.on_commit(partial(explain, version.pk))


def explain(pk: int) -> None:
    explanations.ask(PlanVersion.objects.select_related("plan__city").get(pk=pk))


def _proved(version: PlanVersion, answer: Answer, asked: Asked | None) -> dict[str, Any]:
    """Value, bound, gap and status, of the aim and in weighted units newly served (the mean of the runs by weight).

    Of a measured change-set nothing is searched: the bound of the version it was made from holds, where budget and
    question are the same, for every plan within them."""
    weights = run_weights(version.question, [run.ref for run in baseline(version)])
    value = float(np.asarray(weights) @ answer.newly)
    if asked is None:
        bound = version.facts.get("parent_bound")
        bound = None if bound is None else max(float(bound), value)
        gap = None if bound is None else (bound - value) / bound if bound > 0 else 0.0
        return {
            "value": value, "bound": bound, "gap": gap, "status": "feasible" if bound is None else "within",
            "aim_value": value if version.aim == Aim.MOST and version.rule == Rule.EXPECTED else None, "aim_bound": None,
        }  # fmt: skip
    # Only there the aim is the mean itself, and its bound one of it.
    mean = version.aim == Aim.MOST and version.rule == Rule.EXPECTED and asked.question.merit is None
    bound = told_number(answer.bound) if mean else None
    return {
        "value": value, "bound": None if bound is None else max(bound, value), "gap": told_number(answer.gap),
        "status": answer.status, "aim_value": told_number(answer.value), "aim_bound": told_number(answer.bound),
    }  # fmt: skip


@jobs.after(SUGGEST)
@jobs.after(RESCORE)
def tidy_version(job: Job) -> None:
    """A job that ended without being done leaves a version that says so."""
    reason = str(_("Stopped on request.")) if job.state == JobState.CANCELLED else job.error
    version = PlanVersion.objects.filter(pk=job.params["version"], state=VersionState.COMPUTING).first()
    if version is not None:
        version.state, version.facts = VersionState.FAILED, version.facts | {"failure": reason}
        version.save(update_fields=["state", "facts"])
