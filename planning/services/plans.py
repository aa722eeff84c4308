"""Plans: ask for a suggestion, edit a change-set by hand, freeze a version."""

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
from core.models import City
from core.services import audit, jobs
from core.services.refs import next_ref
from engine import ENGINE_VERSION
from engine.archive import content_hash
from facilities.models import ServiceType
from planning.bridge.options import Candidate, RateCard
from planning.choices import RunState, VersionState
from planning.models import Plan, PlanVersion, Run
from planning.services import siting
from planning.services.runs import one_at_a_time


def suggest_plan(
    *,
    user: Any,
    city: City,
    runs: Sequence[Run],
    budget_fen: int,
    name: str = "",
    name_en: str = "",
    plan: Plan | None = None,
    services: Iterable[ServiceType] = (),
    weights: dict[str, float] | None = None,
    kinds: Sequence[str] = (),
    time_limit_seconds: int = 60,
    seed: int = 1,
) -> PlanVersion:
    """A version that is being computed (its `job` does it), or the stored one that answered the same question.

    `services`: those whose gap counts (all when empty); `weights`: value of one unit by service; `kinds`: what may be
    done (all when empty). `plan`: the plan that gets the new version, else a new plan. `user` None: a command.
    """
    if user is not None:
        policies.demand(user, "plan.edit", city)
    chosen = list(services)
    clean = _checked(city, runs, budget_fen, chosen, weights or {}, kinds, time_limit_seconds, plan, name)
    ordered = sorted(runs, key=lambda run: (run.scenario_id, run.time_of_day, run.pk))
    told = {
        "runs": [run.params_sha256 for run in ordered], "budget_fen": int(budget_fen), "services": sorted(row.code for row in chosen),
        "weights": clean, "kinds": sorted(kinds), "seconds": int(time_limit_seconds), "seed": int(seed),
        "rates": RateCard.now().frozen(), "engine": ENGINE_VERSION,
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
            running = (
                found.state == VersionState.COMPUTING
                and found.job
                and found.job.state in (JobState.QUEUED, JobState.RUNNING)
            )
            if running or found.state in (VersionState.DRAFT, VersionState.FROZEN):
                return found
        if plan is None:
            plan = Plan.objects.create(
                city=city, ref=next_ref("P"), name=name, name_en=name_en, created_by=_who(user)
            )
        version = _new_version(
            plan, user, ordered, int(budget_fen), chosen, clean, int(time_limit_seconds), int(seed)
        )
        version.params_sha256, version.facts = digest, {"origin": "suggested", "kinds": list(kinds)}
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
            after={"version": version.number, "budget_fen": int(budget_fen)},
        )
    return version


def _who(user: Any) -> Any:
    return user if getattr(user, "is_authenticated", False) else None


def _checked(
    city: City, runs: Sequence[Run], budget_fen: int, services: Sequence[ServiceType], weights: dict[str, Any], kinds: Sequence[str],
    seconds: int, plan: Plan | None, name: str,
) -> dict[str, float]:  # fmt: skip
    """Everything a person may have got wrong, before anything is stored; returns the weights as numbers."""
    if not runs:
        raise DomainError("no-runs", _("Choose at least one finished run as the baseline."), status=422)
    if any(run.city_id != city.pk or run.state != RunState.DONE or run.plan_version_id for run in runs):
        raise DomainError(
            "runs-not-baseline", _("Only finished runs of today's registry can be a baseline."), status=422
        )
    if len({run.snapshot_id for run in runs}) > 1:
        raise DomainError(
            "runs-differ", _("The runs stand on different snapshots; run them again together."), status=422
        )
    if not 0 < int(budget_fen) <= 10**15:
        raise DomainError("budget-out-of-range", _("The budget must be above 0."), status=422)
    if not 1 <= int(seconds) <= 1800:
        raise DomainError(
            "time-out-of-range", _("The time limit must lie between 1 and 1800 seconds."), status=422
        )
    known = {row["service"] for run in runs for row in run.standards_frozen}
    if missing := sorted({row.code for row in services} - known):
        raise DomainError(
            "unknown-service",
            _("No chosen run counts the service %(words)s.") % {"words": ", ".join(missing)},
            status=422,
        )
    if wrong := [kind for kind in kinds if kind not in siting.KINDS]:
        raise DomainError(
            "unknown-kind", _("%(words)s is not an intervention.") % {"words": ", ".join(wrong)}, status=422
        )
    if plan is not None and plan.city_id != city.pk:
        raise DomainError("other-city", _("The plan belongs to another city."), status=422)
    if plan is None and not name.strip():
        raise DomainError("no-name", _("Give the plan a name."), status=422)
    clean: dict[str, float] = {}
    for code, weight in sorted(weights.items()):
        if code not in known or not isinstance(weight, int | float) or not 0 <= weight < 1e9:
            raise DomainError(
                "bad-weight",
                _("A weight must be a number of 0 or more for a service of the runs."),
                status=422,
            )
        clean[code] = float(weight)
    return clean


def _new_version(
    plan: Plan,
    user: Any,
    runs: Sequence[Run],
    budget: int,
    services: Sequence[ServiceType],
    weights: dict[str, float],
    seconds: int,
    seed: int,
) -> PlanVersion:
    Plan.objects.select_for_update().get(pk=plan.pk)
    number = (plan.versions.aggregate(last=Max("number"))["last"] or 0) + 1
    version = PlanVersion.objects.create(
        plan=plan,
        number=number,
        budget_fen=budget,
        weights=weights,
        time_limit_seconds=seconds,
        seed=seed,
        created_by=_who(user),
    )
    version.baseline_runs.set(runs)
    version.services.set(services)
    return version


def edit_version(
    *,
    user: Any,
    version: PlanVersion,
    remove: Iterable[int] = (),
    add: Iterable[str] = (),
    budget_fen: int | None = None,
) -> PlanVersion:
    """A new draft version without the interventions of the orders `remove` and with the options of the keys `add`
    (see `open_options`), scored again by its job. The version edited stays as it is."""
    if user is not None:
        policies.demand(user, "plan.edit", version.plan.city)
    if version.state not in (VersionState.DRAFT, VersionState.FROZEN):
        raise DomainError("version-not-ready", _("Only a computed version can be edited."))
    keys = list(version.facts.get("keys") or [])
    gone = {int(order) for order in remove}
    if wrong := sorted(order for order in gone if not 1 <= order <= len(keys)):
        raise DomainError(
            "unknown-order",
            _("There is no intervention %(words)s.") % {"words": ", ".join(map(str, wrong))},
            status=422,
        )
    wanted = [key for order, key in enumerate(keys, start=1) if order not in gone]
    wanted += [key for key in dict.fromkeys(add) if key not in wanted]
    offered = {one.key: one for one in _candidates(version)}
    if unknown := [key for key in wanted if key not in offered]:
        raise DomainError(
            "unknown-option",
            _("This is not possible here: %(words)s.") % {"words": ", ".join(unknown)},
            status=422,
        )
    _no_clash([offered[key] for key in wanted])
    budget = int(version.budget_fen if budget_fen is None else budget_fen)
    cost = sum(offered[key].cost_fen for key in wanted)
    if cost > budget:
        raise DomainError(
            "over-budget",
            _("The change-set costs more than the budget."),
            status=422,
            cost_fen=cost,
            budget_fen=budget,
        )
    with transaction.atomic():
        new = _new_version(
            version.plan, user, siting.baseline(version), budget, list(version.services.all()), version.weights,
            version.time_limit_seconds, version.seed,
        )  # fmt: skip
        # The bound holds for every plan within the same budget and question, so also for the edited one.
        bound = version.bound if budget == version.budget_fen else None
        new.facts = {
            "origin": "edited",
            "kinds": version.facts.get("kinds") or [],
            "from_version": version.number,
            "parent_bound": bound,
        }
        new.job, _created = jobs.submit(
            kind=siting.RESCORE, user=user, city=version.plan.city, title=version.plan.name,
            title_en=version.plan.name_en,
            params={"version": new.pk, "keys": wanted},
        )  # fmt: skip
        new.save()
        audit.record(
            user=user, act="plan.edit", subject=version.plan,
            before={"version": version.number, "keys": keys}, after={"version": new.number, "keys": wanted},
        )  # fmt: skip
    return new


def _no_clash(chosen: Sequence[Candidate]) -> None:
    """A place takes one exclusive role, and an asset becomes one thing."""
    seen: set[int] = set()
    for one in chosen:
        if one.exclusive_key in seen:
            raise DomainError(
                "roles-clash",
                _("Two of these interventions exclude each other at the same place."),
                status=422,
            )
        seen.add(one.exclusive_key)


def _candidates(version: PlanVersion) -> list[Candidate]:
    situations = siting.situations_of(version, siting.baseline(version))
    return siting.options_of(version, situations, RateCard.now())[0]


def open_options(*, version: PlanVersion, limit: int = 500) -> list[dict[str, Any]]:
    """Options of the version's question that are not in its change-set, largest first: key, kind, service, units, cost."""
    taken = set(version.facts.get("keys") or [])
    listed = [one for one in _candidates(version) if one.key not in taken]
    listed.sort(key=lambda one: (-one.units, one.key))
    return [
        {
            "key": one.key,
            "kind": one.kind,
            "service": one.service,
            "units": one.units,
            "cost_fen": one.cost_fen,
            "hours": one.hours,
        }
        for one in listed[:limit]
    ]
