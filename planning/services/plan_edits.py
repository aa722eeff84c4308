"""A plan changed by hand: measured again as it is (`edit_version`), or searched anew around what is locked and banned
(`resolve_version`). The version edited stays as it is; both make a new draft of the same plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.services import audit, jobs
from core.templatetags.pingji import yuan
from engine.siting.question import Question
from planning.bridge.options import Candidate
from planning.bridge.siting_limits import Asked
from planning.choices import VersionState
from planning.models import Plan, PlanVersion
from planning.services import plans, siting

COMPUTED = (VersionState.DRAFT, VersionState.FROZEN)


def edit_version(
    *,
    user: Any,
    version: PlanVersion,
    remove: Iterable[int] = (),
    add: Iterable[str] = (),
    budget_fen: int | None = None,
) -> PlanVersion:
    """A new draft version without the interventions of the orders `remove` and with the options of the keys `add`
    (see `open_options`), scored again by its job.

    What excludes each other, or costs more than the budget, is refused. Any other limit of the question may be broken by
    hand: the version then says which (facts["breaks"]), and the bound, which speaks of plans within the limits, is not
    carried over. Asked for the same again while it is measured, the version that is being measured is answered."""
    _may(user, version)
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
    if sorted(wanted) == sorted(keys) and budget_fen in (None, version.budget_fen):
        raise DomainError("nothing-changed", _("Nothing is taken out or put in."), status=422)
    listed, asked = _asked(version)
    at = {one.key: number for number, one in enumerate(listed)}
    if unknown := [key for key in wanted if key not in at]:
        raise DomainError(
            "unknown-option",
            _("This is not possible here: %(words)s.") % {"words": ", ".join(unknown)},
            status=422,
        )
    _no_clash([listed[at[key]] for key in wanted])
    cost = sum(listed[at[key]].cost_fen for key in wanted)
    asked_budget = siting.budget_asked(version) if budget_fen is None else int(budget_fen)
    budget = cost if asked_budget is None else asked_budget
    if cost > budget:
        raise DomainError(
            "over-budget",
            _(
                "The change-set costs %(cost)s, more than the budget of %(budget)s. Take something out, or give another budget."
            )
            % {"cost": yuan(cost), "budget": yuan(budget)},
            status=422,
            cost_fen=cost,
            budget_fen=budget,
        )
    broken = broken_limits(asked.question, [at[key] for key in wanted], [one.key for one in listed])
    holds = not broken and asked_budget == siting.budget_asked(version)
    with transaction.atomic():
        Plan.objects.select_for_update().get(pk=version.plan_id)
        for found in version.children.filter(state=VersionState.COMPUTING).select_related("plan", "job"):
            if found.facts.get("origin") == "edited" and found.job and found.job.params.get("keys") == wanted:
                return found
        new = plans._new_version(
            version.plan, user, siting.baseline(version), budget, list(version.services.all()), version.weights,
            version.time_limit_seconds, version.seed, aim=version.aim, rule=version.rule, question=version.question,
            parent=version,
        )  # fmt: skip
        new.facts = {
            "origin": "edited", "kinds": version.facts.get("kinds") or [], "from_version": version.number, "budget_asked": asked_budget,
            "parent_bound": version.bound if holds else None, "breaks": broken,
            # the prices stay those of the version that is edited: only so its bound speaks of the same plans
            "rates": siting.rates_of(version).frozen(),
            "removed": [key for key in keys if key not in wanted], "added": [key for key in wanted if key not in keys],
        }  # fmt: skip
        new.job, _created = jobs.submit(
            kind=siting.RESCORE, user=user, city=version.plan.city, title=version.plan.name, title_en=version.plan.name_en,
            params={"version": new.pk, "keys": wanted}, queue="interactive",
        )  # fmt: skip
        new.save()
        audit.record(
            user=user, act="plan.edit", subject=version.plan,
            before={"version": version.number, "keys": keys}, after={"version": new.number, "keys": wanted},
        )  # fmt: skip
    return new


def resolve_version(
    *, user: Any, version: PlanVersion, must: Iterable[str] = (), banned: Iterable[str] = (), free: Iterable[str] = (),
    budget_fen: int | None = None, time_limit_seconds: int | None = None, seed: int | None = None,
) -> PlanVersion:  # fmt: skip
    """The version's question asked again with these options locked (`must`) or `banned` beside what its question locks and
    bans already, `free` from both; searched from the version's own change-set. A further version of the plan."""
    _may(user, version)
    locked, out, loose = set(must), set(banned), set(free)
    if both := sorted((locked & out) | (loose & (locked | out))):
        raise DomainError(
            "locked-and-banned",
            _("The same place cannot be locked and banned at once: %(words)s.") % {"words": ", ".join(both)},
            status=422,
        )
    document = dict(version.question)
    document["must"] = sorted((set(document.get("must", [])) - out - loose) | locked)
    document["banned"] = sorted((set(document.get("banned", [])) - locked - loose) | out)
    budget = siting.budget_asked(version) if budget_fen is None else int(budget_fen)
    return plans.suggest_plan(
        user=user, city=version.plan.city, plan=version.plan, runs=siting.baseline(version),
        budget_fen=None if document.get("years") else budget, services=list(version.services.all()), weights=version.weights,
        kinds=version.facts.get("kinds") or [], aim=version.aim, rule=version.rule, question=document, parent=version,
        time_limit_seconds=version.time_limit_seconds if time_limit_seconds is None else time_limit_seconds,
        seed=version.seed if seed is None else seed,
    )  # fmt: skip


def open_options(*, version: PlanVersion, limit: int = 500) -> list[dict[str, Any]]:
    """Options of the version's question that are not in its change-set, largest first: key, kind, service, units, cost."""
    taken = set(version.facts.get("keys") or [])
    situations = siting.situations_of(version, siting.baseline(version))
    listed = [
        one
        for one in siting.options_of(version, situations, siting.rates_of(version))[0]
        if one.key not in taken
    ]
    listed.sort(key=lambda one: (-one.units, one.key))
    return [
        {
            "key": one.key, "kind": one.kind, "service": one.service, "units": one.units, "cost_fen": one.cost_fen, "hours": one.hours,
            "area": one.area[-1] if one.area else None,
        }
        for one in listed[:limit]
    ]  # fmt: skip


def broken_limits(question: Question, chosen: Sequence[int], keys: Sequence[str]) -> list[dict[str, Any]]:
    """Limits of the question that a change-set does not keep: [{name, now, most, least}], and name "must", "banned" or
    "spacing" with the keys in question."""
    done = set(chosen)
    rows: list[dict[str, Any]] = []
    for limit in question.limits:
        total = int(np.asarray(limit.amount)[list(chosen)].sum()) if chosen else 0
        if (limit.most is not None and total > limit.most) or (
            limit.least is not None and total < limit.least
        ):
            rows.append({"name": limit.name, "now": total, "most": limit.most, "least": limit.least})
    if missing := sorted(set(question.must) - done):
        rows.append({"name": "must", "keys": [keys[i] for i in missing]})
    if barred := sorted(set(question.banned) & done):
        rows.append({"name": "banned", "keys": [keys[i] for i in barred]})
    near = sorted({i for group in question.apart if len(done & {int(i) for i in group}) > 1 for i in done & {int(i) for i in group}})  # fmt: skip
    if near:
        rows.append({"name": "spacing", "keys": [keys[i] for i in near]})
    return rows


def _may(user: Any, version: PlanVersion) -> None:
    if user is not None:
        policies.demand(user, "plan.edit", version.plan.city)
    if version.state not in COMPUTED:
        raise DomainError("version-not-ready", _("Only a computed version can be edited."))


def _asked(version: PlanVersion) -> tuple[list[Candidate], Asked]:
    runs = siting.baseline(version)
    situations = siting.situations_of(version, runs)
    listed, _left_out = siting.options_of(version, situations, siting.rates_of(version))
    return listed, siting.asked_of(version, runs, situations, listed)


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
