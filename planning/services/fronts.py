"""Trade-off fronts of a version: plans between cost, coverage, fairness and peacetime value, found by a job; one of them
picked becomes a draft version of the plan, scored like any other."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import JobState
from core.errors import DomainError
from core.models import Job
from core.services import audit, jobs
from core.services.jobs import JobCancelled, Progress
from core.services.refs import next_ref
from engine import ENGINE_VERSION
from engine.archive import content_hash
from engine.siting.front import FrontPlan, TradeOffs, trade_offs
from facilities.models import Facility
from inventory.models import IdleAsset
from planning.bridge.freeze import FACILITY
from planning.bridge.options import Candidate, RateCard, engine_options
from planning.bridge.siting_limits import areas_of_cells
from planning.bridge.siting_question import MOST_FEN, asked
from planning.bridge.world import Situation
from planning.choices import Aim, Rule, VersionState
from planning.models import Front, PlanVersion
from planning.services import plan_edits, siting, travel_times
from planning.services.runs import one_at_a_time

FRONT = "front"
LONGEST_SECONDS = 1800
COMPUTED = (VersionState.DRAFT, VersionState.FROZEN)
_STAGES = {
    "model": _("Building the model"),
    "search": _("Looking for plans by budget"),
    "fair": _("Looking for fairer plans"),
    "peacetime": _("Looking for plans of more peacetime value"),
    "bound": _("Bounding what any plan can do"),
    "check": _("Leaving out what is beaten"),
}


def start_front(
    *,
    user: Any,
    version: PlanVersion,
    budget_fen: int | None = None,
    time_limit_seconds: int = 120,
    seed: int = 1,
) -> Front:
    """The front of the version's question that is being computed, or the stored one that answers the same.

    `budget_fen`: the largest budget looked at, by default the version's. Raises DomainError.
    """
    if user is not None:
        policies.demand(user, "plan.edit", version.plan.city)
    if version.state not in COMPUTED:
        raise DomainError("version-not-ready", _("Trade-offs are asked of a computed version."))
    if not 1 <= int(time_limit_seconds) <= LONGEST_SECONDS:
        raise DomainError(
            "time-out-of-range", _("The time limit must lie between 1 and 1800 seconds."), status=422
        )
    if budget_fen is not None and not 0 < int(budget_fen) <= MOST_FEN:
        raise DomainError("budget-out-of-range", _("The budget must be above 0."), status=422)
    budget = int(version.budget_fen or version.cost_fen) if budget_fen is None else int(budget_fen)
    told = {
        "version": version.pk, "question": version.question, "weights": version.weights, "budget_fen": budget, "seed": int(seed),
        "kinds": version.facts.get("kinds") or [], "seconds": int(time_limit_seconds), "engine": ENGINE_VERSION,
        "rates": RateCard.now().frozen(),
    }  # fmt: skip
    digest = content_hash({}, json.loads(json.dumps(told)))
    with transaction.atomic():
        one_at_a_time(digest)
        for found in Front.objects.filter(version=version, params_sha256=digest).select_related("job"):
            if (found.state == VersionState.DRAFT and not found.facts.get("finish")) or _alive(found):
                return found
        front = Front.objects.create(
            plan=version.plan, version=version, ref=next_ref("TF"), seed=int(seed), params_sha256=digest,
            time_limit_seconds=int(time_limit_seconds), facts={"budget_fen": budget},
            created_by=user if getattr(user, "is_authenticated", False) else None,
        )  # fmt: skip
        front.job, _created = jobs.submit(
            kind=FRONT, user=user, city=version.plan.city, title=version.plan.name, title_en=version.plan.name_en,
            params={"front": front.ref},
        )  # fmt: skip
        front.save(update_fields=["job"])
        audit.record(
            user=user, act="plan.front", subject=version.plan,
            after={"front": front.ref, "version": version.number, "budget_fen": budget},
        )  # fmt: skip
    return front


def _alive(front: Front) -> bool:
    job = front.job
    return bool(
        front.state == VersionState.COMPUTING and job and job.state in jobs.ALIVE and not job.cancel_requested
    )


def finish_front(*, user: Any, front: Front) -> Front:
    """Keep what has been found so far. Asked twice, it is asked once."""
    if user is not None:
        policies.demand(user, "plan.edit", front.plan.city)
    with transaction.atomic():
        held = Front.objects.select_for_update().get(pk=front.pk)
        if held.state != VersionState.COMPUTING:
            raise DomainError("not-computing", _("These trade-offs are not being computed."))
        if not held.facts.get("finish"):
            held.facts = held.facts | {"finish": True}
            held.save(update_fields=["facts"])
            audit.record(user=user, act="plan.finish", subject=front.plan, after={"front": front.ref})
    front.refresh_from_db()
    return front


def pick_point(*, user: Any, front: Front, point: int) -> PlanVersion:
    """The draft version with exactly the change-set of a point, scored by its job; picked twice, the same version."""
    if user is not None:
        policies.demand(user, "plan.edit", front.plan.city)
    found = next((one for one in front.points if one["number"] == point), None)
    if front.state != VersionState.DRAFT or found is None:
        raise DomainError(
            "unknown-point", _("These trade-offs have no plan %(number)s.") % {"number": point}, status=404
        )
    version = front.version
    keys, wanted = list(version.facts.get("keys") or []), list(found["keys"])
    if sorted(keys) == sorted(wanted):
        return version
    with transaction.atomic():
        one_at_a_time(content_hash({}, ["front", front.pk, point]))
        again = PlanVersion.objects.filter(plan=front.plan, facts__front=front.ref, facts__front_point=point)
        same = again.exclude(state=VersionState.FAILED).order_by("-id").first()
        if same is not None:
            return same
        # Its question is the version's for this money: the ceiling at that cost is its bound.
        new = plan_edits.edit_version(
            user=user, version=version, remove=[order for order, key in enumerate(keys, start=1) if key not in wanted],
            add=[key for key in wanted if key not in keys], budget_fen=found["cost_fen"],
        )  # fmt: skip
        new.facts = new.facts | {"front": front.ref, "front_point": point}
        same_prices = front.facts.get("rates") == RateCard.now().frozen()
        if (
            version.aim == Aim.MOST
            and version.rule == Rule.EXPECTED
            and same_prices
            and not new.facts.get("breaks")
        ):
            new.facts["parent_bound"] = found["bound"]
        new.save(update_fields=["facts"])
    return new


# --- the job --------------------------------------------------------------------------------------------------------


@jobs.kind(FRONT)
def compute_front(job: Job, progress: Progress) -> dict[str, Any]:
    """Find the plans of a front and write them whole. Safe to run twice."""
    front = Front.objects.select_related("version__plan__city", "plan").get(ref=job.params["front"])
    outcome = {
        "result_url": f"/plans/{front.plan.ref}/trade-offs/?version={front.version.number}&front={front.ref}",
        "result": {"plan": front.plan.ref, "version": front.version.number, "front": front.ref},
    }
    if front.state != VersionState.COMPUTING:
        return outcome
    version, started = front.version, time.monotonic()
    runs = siting.baseline(version)
    travel_times.prepare(job, progress, runs, 0.0, 0.05)
    progress(0.05, str(_("Reading the baseline")), at_once=True)
    situations = siting.situations_of(version, runs)
    rates = RateCard.now()
    listed, left_out = siting.options_of(version, situations, rates)
    question = siting.asked_of(version, runs, situations, listed).question
    codes, area = areas_of_cells(situations[0].frozen, int(asked(version.question, "area_level")))
    progress(0.08, str(_("Weighing %(count)s options")) % {"count": len(listed)}, at_once=True)
    found = trade_offs(
        [one.world for one in situations], engine_options(situations[0], listed),
        replace(question, budget_fen=front.facts["budget_fen"], area=area if codes else None, areas=len(codes)),
        [one.peacetime_fen_year - one.running_fen_year for one in listed],
        time_limit_s=float(front.time_limit_seconds), seed=int(front.seed), known_bound=_proved(front, rates),
        progress=lambda share, stage: progress(0.1 + 0.85 * share, str(_STAGES[stage])),
        should_stop=progress.should_stop, should_finish=_Asked(front),
    )  # fmt: skip
    if found.status == "cancelled":
        raise JobCancelled(job.ref)
    points = [_point(number, plan, listed, codes) for number, plan in enumerate(found.plans, start=1)]
    used = {key for one in points for key in one["keys"]}
    progress.check()
    with transaction.atomic():
        progress.hold()
        held = Front.objects.select_for_update().get(pk=front.pk)
        if held.state != VersionState.COMPUTING:
            return outcome
        held.facts = held.facts | _facts(found, listed, left_out, version) | {
            "rates": rates.frozen(), "places": _places(situations[0], [one for one in listed if one.key in used])
        }  # fmt: skip
        held.points, held.state = points, VersionState.DRAFT
        held.seconds, held.engine_version = round(time.monotonic() - started, 2), ENGINE_VERSION
        held.save()
    return outcome


def _proved(front: Front, rates: RateCard) -> float | None:
    """The bound the version itself has, where it speaks of the same thing: people within at least this budget, at today's
    prices, and nothing beside people."""
    version = front.version
    further = {"peacetime_weight", "target", "area_target"} & {
        key for key, said in version.question.items() if said
    }
    same = version.aim == Aim.MOST and version.rule == Rule.EXPECTED and not further
    within = front.facts["budget_fen"] is not None and front.facts["budget_fen"] <= version.budget_fen
    priced = version.facts.get("rates") == rates.frozen() and version.engine_version == ENGINE_VERSION
    return float(version.bound) if same and within and priced and version.bound is not None else None


class _Asked:
    """Whether somebody wants what there is; the database is asked twice a second."""

    def __init__(self, front: Front) -> None:
        self.front, self.at, self.said = front, -math.inf, False

    def __call__(self) -> bool:
        if not self.said and time.monotonic() - self.at >= 0.5:
            self.at = time.monotonic()
            self.said = Front.objects.filter(pk=self.front.pk, facts__finish=True).exists()
        return self.said


def _point(number: int, plan: FrontPlan, listed: Sequence[Candidate], codes: Sequence[str]) -> dict[str, Any]:
    shares = {code: share for code, share in zip(codes, plan.shares) if not math.isnan(share)}
    return {
        "number": number, "keys": [listed[one].key for one in plan.chosen], "cost_fen": plan.cost_fen, "value": plan.value,
        "worst_share": plan.worst_share, "worst_area": None if plan.worst_area is None else codes[plan.worst_area],
        "shares": shares, "peacetime_fen_year": plan.peacetime_fen_year, "bound": plan.bound, "gap": plan.gap,
    }  # fmt: skip


def _facts(
    found: TradeOffs, listed: Sequence[Candidate], left_out: dict[str, int], version: PlanVersion
) -> dict[str, Any]:
    """Lines, what was tried, and where the version itself stands on the axes."""
    by_key = {one.key: one for one in listed}
    own = [by_key[key] for key in version.facts.get("keys") or [] if key in by_key]
    return {
        "lines": [list(line) for line in found.lines], "worst_share_before": found.worst_share_before, "tried": found.tried,
        "stopped": found.status == "stopped", "options": len(listed), "left_out": left_out, "bound_source": "dual prices",
        "this": {
            "cost_fen": version.cost_fen, "value": version.value,
            "peacetime_fen_year": sum(one.peacetime_fen_year - one.running_fen_year for one in own),
        },
    }  # fmt: skip


def _places(situation: Situation, used: Sequence[Candidate]) -> dict[str, dict[str, Any]]:
    """What the page tells of each option of any point: name, position, kind, size, cost, areas."""
    frozen = situation.frozen
    kind, pk = np.asarray(frozen["site_kind"]), np.asarray(frozen["site_id"])
    facilities = Facility.objects.in_bulk([int(pk[one.site]) for one in used if kind[one.site] == FACILITY])
    assets = IdleAsset.objects.in_bulk([int(pk[one.site]) for one in used if kind[one.site] != FACILITY])
    told = {}
    for one in used:
        place: Any = (facilities if kind[one.site] == FACILITY else assets).get(int(pk[one.site]))
        told[one.key] = {
            "name": place.name if place else one.key, "name_en": place.name_en if place else "", "ref": place.ref if place else "",
            "facility": bool(kind[one.site] == FACILITY), "lon": float(frozen["site_lon"][one.site]),
            "lat": float(frozen["site_lat"][one.site]), "kind": str(one.kind), "service": one.service, "units": one.units,
            "cost_fen": one.cost_fen, "lead_months": one.lead_months, "area": list(one.area),
        }  # fmt: skip
    return told


@jobs.after(FRONT)
def tidy_front(job: Job) -> None:
    """A job that ended without being done leaves a front that says so."""
    reason = str(_("Stopped on request.")) if job.state == JobState.CANCELLED else job.error
    front = Front.objects.filter(ref=job.params["front"], state=VersionState.COMPUTING).first()
    if front is not None:
        front.state, front.facts = VersionState.FAILED, front.facts | {"failure": reason}
        front.save(update_fields=["state", "facts"])
