"""The work behind an explanation: the version's question, its change-set and every other option, measured exactly.

Written as plain data, so that it can be read, filtered and exported without the engine:

    chosen    [{order, key, rank, lost, lost_units {run: units}, only_need {run}, only_people {run}, value_without,
                per_yuan, next {place …, value, newly {run}} or null, keeps_target}]
    rejected  [{place …, reason, by, limit, gain, gain_units {run}, alone, per_yuan, swap_out, swap_net, swap_bound,
                saves_fen, saves_out}]      by, swap_out, saves_out: orders of chosen interventions
    place …   key, kind, service, units, cost_fen, hours, lead_months, name, name_en, area, area_path, facility,
              idle_asset, lon, lat

Values are weighted units newly served, the mean of the runs by weight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from core.models import Job
from core.services import jobs
from core.services.jobs import JobCancelled, Progress
from engine import ENGINE_VERSION
from engine.siting.explain import Explanation, Kept, Rejected, explain_plan
from facilities.models import Facility
from inventory.models import IdleAsset
from planning.bridge.freeze import FACILITY
from planning.bridge.frozen import Frozen
from planning.bridge.options import Candidate, engine_options
from planning.models import PlanExplanation, PlanVersion
from planning.services import siting, travel_times
from planning.services.explanations import COMPUTED, EXPLAIN, explained

TIME_LIMIT_SECONDS = 120.0


@jobs.kind(EXPLAIN)
def explain(job: Job, progress: Progress) -> dict[str, Any]:
    """Explain a computed version and store it in one transaction. Safe to run twice."""
    version = PlanVersion.objects.select_related("plan__city").get(pk=job.params["version"])
    if version.state not in COMPUTED or explained(version):
        return _outcome(version)
    runs = siting.baseline(version)
    travel_times.prepare(job, progress, runs, 0.0, 0.1)
    progress(0.1, str(_("Reading the baseline")), at_once=True)
    situations = siting.situations_of(version, runs)
    listed, _left_out = siting.options_of(version, situations, siting.rates_of(version))
    at = {one.key: number for number, one in enumerate(listed)}
    keys = list(version.facts.get("keys") or [])
    if gone := [key for key in keys if key not in at]:
        raise DomainError(
            "options-changed",
            _("The prices or papers behind this plan were changed since: %(words)s is not possible any more. Ask the plan anew to have it explained.")
            % {"words": ", ".join(gone)},
        )  # fmt: skip
    asked = siting.asked_of(version, runs, situations, listed)
    told = explain_plan(
        [one.world for one in situations], engine_options(situations[0], listed), asked.question, [at[key] for key in keys],
        time_limit_s=TIME_LIMIT_SECONDS, should_stop=progress.should_stop,
        progress=lambda share: progress(0.15 + 0.75 * share, str(_("Weighing every place against the plan"))),
    )  # fmt: skip
    if told is None:
        raise JobCancelled(job.ref)
    progress(0.92, str(_("Writing the reasons")))
    refs = [run.ref for run in runs]
    places = _Places(situations[0].frozen, listed)
    order = {at[key]: number for number, key in enumerate(keys, start=1)}
    facts = {
        "engine": ENGINE_VERSION, "keys": keys, "value": told.value, "newly": _by_run(refs, told.newly), "worst_per_yuan": told.worst_per_yuan,
        "rule": told.rule, "no_swap_helps": told.no_swap_helps, "complete": told.complete, "tried": told.tried,
        "seconds": round(told.seconds, 2), "options": len(listed),
    }  # fmt: skip
    with transaction.atomic():
        progress.hold()
        PlanExplanation.objects.update_or_create(
            version=version,
            defaults={
                "chosen": [_kept(one, order, refs, places) for one in told.kept],
                "rejected": _rejected(told, order, refs, places),
                "facts": facts,
            },
        )
    return _outcome(version)


def _outcome(version: PlanVersion) -> dict[str, Any]:
    return {
        "result_url": f"/plans/{version.plan.ref}/rejected/?version={version.number}",
        "result": {"plan": version.plan.ref, "version": version.number},
    }


def _kept(one: Kept, order: dict[int, int], refs: Sequence[str], places: _Places) -> dict[str, Any]:
    return {
        "order": order[one.option], "key": places.listed[one.option].key, "rank": one.rank, "lost": _number(one.lost),
        "lost_units": _by_run(refs, one.lost_units), "only_need": _by_run(refs, one.only_need),
        "only_people": _by_run(refs, one.only_people), "value_without": _number(one.value_without), "per_yuan": _number(one.per_yuan),
        "keeps_target": one.keeps_target,
        "next": None if one.next_option < 0 else places.of(one.next_option) | {
            "value": _number(one.next_value), "newly": _by_run(refs, one.next_newly),
        },
    }  # fmt: skip


def _rejected(
    told: Explanation, order: dict[int, int], refs: Sequence[str], places: _Places
) -> list[dict[str, Any]]:
    """The most useful on top of the plan first."""
    ranked = sorted(told.rejected, key=lambda one: (-one.gain, -one.alone, one.option))
    return [_one_rejected(one, order, refs, places) for one in ranked]


def _one_rejected(
    one: Rejected, order: dict[int, int], refs: Sequence[str], places: _Places
) -> dict[str, Any]:
    return places.of(one.option) | {
        "reason": one.reason, "by": order.get(one.by), "limit": one.limit,
        "gain": _number(one.gain), "gain_units": _by_run(refs, one.gain_units), "alone": _number(one.alone),
        "per_yuan": _number(one.per_yuan), "swap_out": order.get(one.swap_out), "swap_net": _number(one.swap_net),
        "swap_bound": _number(one.swap_bound), "saves_fen": one.swap_saves_fen, "saves_out": order.get(one.saves_out),
    }  # fmt: skip


def _by_run(refs: Sequence[str], values: np.ndarray) -> dict[str, float | int | None]:
    return {ref: _number(value) for ref, value in zip(refs, values.tolist(), strict=True)}


def _number(value: float | int | None) -> float | int | None:
    """As JSON can hold it: whole where it is whole; what is worth without end is not a number."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if float(value).is_integer() else round(float(value), 6)


class _Places:
    """What a reader needs to know of an option: what would be done, where, for how much."""

    def __init__(self, frozen: Frozen, listed: Sequence[Candidate]) -> None:
        self.listed, self.frozen = listed, frozen
        kind, pk = np.asarray(frozen["site_kind"]), np.asarray(frozen["site_id"])
        sites = sorted({one.site for one in listed})
        self.is_facility = {site: bool(kind[site] == FACILITY) for site in sites}
        facilities = Facility.objects.select_related("area").in_bulk(
            [int(pk[site]) for site in sites if self.is_facility[site]]
        )
        assets = IdleAsset.objects.select_related("area").in_bulk(
            [int(pk[site]) for site in sites if not self.is_facility[site]]
        )
        self.record: dict[int, Any] = {
            site: (facilities if self.is_facility[site] else assets).get(int(pk[site])) for site in sites
        }

    def of(self, option: int) -> dict[str, Any]:
        one = self.listed[option]
        record = self.record[one.site]
        own = getattr(record, "ref", None)
        area = getattr(record, "area", None)
        return {
            "key": one.key, "kind": str(one.kind), "service": one.service, "units": one.units, "cost_fen": one.cost_fen, "hours": one.hours,
            "lead_months": one.lead_months, "name": getattr(record, "name", one.key), "name_en": getattr(record, "name_en", ""),
            "area": area.code if area else None, "area_path": area.path if area else "",
            "facility": own if self.is_facility[one.site] else None, "idle_asset": None if self.is_facility[one.site] else own,
            "lon": round(float(self.frozen["site_lon"][one.site]), 6), "lat": round(float(self.frozen["site_lat"][one.site]), 6),
        }  # fmt: skip
