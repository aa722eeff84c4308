"""Plans: ask for a suggestion, relax a question without a plan, finish a search early."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import JobState
from core.errors import DomainError
from core.models import Area, City
from core.services import audit, jobs
from core.services.refs import next_ref
from engine import ENGINE_VERSION
from engine.archive import content_hash
from facilities.models import ServiceType
from planning.bridge.options import RateCard
from planning.bridge.siting_relaxed import can_relax, relaxed
from planning.choices import Aim, Rule, VersionState
from planning.models import Plan, PlanVersion, Run
from planning.services import siting
from planning.services.plan_asked import checked
from planning.services.runs import one_at_a_time


def suggest_plan(
    *,
    user: Any,
    city: City,
    runs: Sequence[Run],
    budget_fen: int | None,
    name: str = "",
    name_en: str = "",
    plan: Plan | None = None,
    services: Iterable[ServiceType] = (),
    weights: dict[str, float] | None = None,
    kinds: Sequence[str] = (),
    aim: str = Aim.MOST,
    rule: str = Rule.EXPECTED,
    question: dict[str, Any] | None = None,
    time_limit_seconds: int = 60,
    seed: int = 1,
    parent: PlanVersion | None = None,
) -> PlanVersion:
    """A version that is being computed (its `job` does it), or the stored one that answered the same question.

    `services`: those whose gap counts (all when empty); `weights`: value of one unit by service; `kinds`: what may be
    done (all but retire when empty). `plan`: the plan that gets the new version, else a new plan. `parent`: a version of
    it, whose change-set the search starts from. `question`: see planning.bridge.siting_question. `user` None: a command.

    `budget_fen` may be None for the cheapest plan, with budgets by year, and where the number of interventions ends the
    plan. Then the version's own budget_fen is what the years add up to, or else, once computed, what the plan costs (0
    until then): the database promises that a plan never costs more than its budget_fen, and what was asked stands in
    facts["budget_asked"].
    """
    if user is not None:
        policies.demand(user, "plan.edit", city)
    chosen = list(services)
    clean, document, budget = checked(
        city=city, runs=runs, budget_fen=budget_fen, services=chosen, weights=weights or {}, kinds=kinds,
        seconds=time_limit_seconds, plan=plan, name=name, aim=aim, rule=rule, question=question, parent=parent,
    )  # fmt: skip
    ordered = sorted(runs, key=lambda run: (run.scenario_id, run.time_of_day, run.pk))
    told = {
        "runs": [run.params_sha256 for run in ordered], "budget_fen": budget, "services": sorted(row.code for row in chosen),
        "weights": clean, "kinds": sorted(kinds), "seconds": int(time_limit_seconds), "seed": int(seed),
        "rates": RateCard.now().frozen(), "engine": ENGINE_VERSION, "aim": aim, "rule": rule, "question": document,
        "refs": [run.ref for run in ordered] if "run_weights" in document else [],
        "parent": parent.pk if parent else None,
    }  # fmt: skip
    digest = content_hash({}, json.loads(json.dumps(told)))
    same = (
        PlanVersion.objects.filter(plan__city=city, params_sha256=digest)
        .select_related("plan", "job")
        .order_by("-id")
    )
    if plan is not None:
        same = same.filter(plan=plan)
    with transaction.atomic():
        one_at_a_time(digest)
        for found in same:
            if _answers(found):
                return found
        if plan is None:
            plan = Plan.objects.create(
                city=city, ref=next_ref("P"), name=name, name_en=name_en, created_by=_who(user)
            )
        version = _new_version(
            plan, user, ordered, budget or 0, chosen, clean, int(time_limit_seconds), int(seed),
            aim=aim, rule=rule, question=document, parent=parent,
        )  # fmt: skip
        version.params_sha256 = digest
        version.facts = {"origin": "suggested", "kinds": list(kinds), "budget_asked": budget}
        version.job, _created = jobs.submit(
            kind=siting.SUGGEST,
            user=user,
            city=city,
            title=plan.name,
            title_en=plan.name_en,
            params={"version": version.pk},
        )
        version.save()
        audit.record(
            user=user,
            act="plan.suggest",
            subject=plan,
            after={
                "version": version.number,
                "budget_fen": budget,
                "aim": aim,
                "rule": rule,
                "question": document,
            },
        )
    return version


def _answers(found: PlanVersion) -> bool:
    """Whether a version of the same question spares the work: it is being computed, or computed to its end. One that was
    ended early answers only when what it kept was proved the best."""
    if found.state == VersionState.COMPUTING:
        return bool(
            found.job
            and found.job.state in (JobState.QUEUED, JobState.RUNNING)
            and not found.job.cancel_requested
        )
    if found.finish_requested and found.status != "optimal":
        return False
    return found.state in (VersionState.DRAFT, VersionState.FROZEN, VersionState.NO_PLAN)


def suggest_relaxed(*, user: Any, version: PlanVersion, relaxation: int | None = None) -> PlanVersion:
    """The question of a version without a plan asked again, with the limit of that position in its relaxations moved as far
    as it must be; None: all those that only help together. A new version of the same plan."""
    if user is not None:
        policies.demand(user, "plan.edit", version.plan.city)
    told = list(version.facts.get("relaxations") or [])
    if version.state != VersionState.NO_PLAN:
        raise DomainError("version-has-plan", _("Only a question without a plan can be relaxed."))
    if relaxation is None:
        moved = [one for one in told if one["together"]]
    else:
        moved = told[relaxation : relaxation + 1] if relaxation >= 0 else []
    if not moved or not all(can_relax(one) for one in moved):
        raise DomainError("unknown-relaxation", _("There is no such limit to move."), status=422)
    areas = dict(Area.objects.filter(city=version.plan.city).values_list("code", "level"))
    document, budget = relaxed(version.question, siting.budget_asked(version), moved, areas)
    return suggest_plan(
        user=user, city=version.plan.city, plan=version.plan, runs=siting.baseline(version),
        budget_fen=None if document.get("years") else budget, services=list(version.services.all()),
        weights=version.weights, kinds=version.facts.get("kinds") or [], aim=version.aim, rule=version.rule,
        question=document, time_limit_seconds=version.time_limit_seconds, seed=version.seed, parent=version,
    )  # fmt: skip


def finish_version(*, user: Any, version: PlanVersion) -> PlanVersion:
    """Keep the best plan found so far: the search ends as soon as it has one, with the bound proved until then. Asked
    twice, it is asked once."""
    if user is not None:
        policies.demand(user, "plan.edit", version.plan.city)
    with transaction.atomic():
        held = PlanVersion.objects.select_for_update().get(pk=version.pk)
        if held.state != VersionState.COMPUTING or held.facts.get("origin") != "suggested":
            raise DomainError("not-computing", _("No search is under way for this version."))
        if not held.finish_requested:
            PlanVersion.objects.filter(pk=held.pk).update(finish_requested=True)
            audit.record(
                user=user, act="plan.finish", subject=version.plan, after={"version": version.number}
            )
    version.refresh_from_db()
    return version


def _who(user: Any) -> Any:
    return user if getattr(user, "is_authenticated", False) else None


def _new_version(
    plan: Plan,
    user: Any,
    runs: Sequence[Run],
    budget: int,
    services: Sequence[ServiceType],
    weights: dict[str, float],
    seconds: int,
    seed: int,
    *,
    aim: str = Aim.MOST,
    rule: str = Rule.EXPECTED,
    question: dict[str, Any] | None = None,
    parent: PlanVersion | None = None,
) -> PlanVersion:
    Plan.objects.select_for_update().get(pk=plan.pk)
    number = (plan.versions.aggregate(last=Max("number"))["last"] or 0) + 1
    version = PlanVersion.objects.create(
        plan=plan,
        number=number,
        budget_fen=budget,
        weights=weights,
        aim=aim,
        rule=rule,
        question=question or {},
        parent=parent,
        time_limit_seconds=seconds,
        seed=seed,
        created_by=_who(user),
    )
    version.baseline_runs.set(runs)
    version.services.set(services)
    return version
