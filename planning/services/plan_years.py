"""A draft phased anew for other yearly budgets and sources.

Its change-set, value and proof stay, so the draft itself takes the new years and money; a frozen version never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.models import Job
from core.services import audit, jobs
from core.services.jobs import Progress
from engine.archive import content_hash
from planning.bridge.options import Candidate, RateCard
from planning.bridge.siting_question import Known, clean_question
from planning.bridge.world import Situation
from planning.choices import VersionState
from planning.models import Intervention, InterventionMoney, PlanVersion
from planning.services import phasing, siting, travel_times
from planning.services.runs import one_at_a_time

PHASE = "phase"


def phase_again(
    *, user: Any, version: PlanVersion, years: Any, carry_over: bool = True, funds: Any = None
) -> Job:
    """The job that gives a draft new years and money. years: [{"year", "budget_fen"}, …]; funds as in the question.

    Asking the same again while it runs answers the same job; asking otherwise meanwhile is refused. Raises DomainError.
    """
    if user is not None:
        policies.demand(user, "plan.edit", version.plan.city)
    _must_be_draft(version)
    asked_for = {"years": years, "carry_over": carry_over, "funds": funds or {}}
    clean = clean_question(
        asked_for, aim="most", rule="expected", budget_fen=None, known=Known(runs=[], areas={})
    )
    params = {"version": version.pk, "question": clean}
    with transaction.atomic():
        one_at_a_time(content_hash({}, ["phase", version.pk]))
        alive = phasing_job(version)
        if alive is not None and alive.params != params:
            raise DomainError(
                "phasing-underway", _("This version is being phased already; wait for it or stop it.")
            )
        job, created = jobs.submit(
            kind=PHASE, user=user, city=version.plan.city, title=version.plan.name, title_en=version.plan.name_en,
            params=params, queue="interactive",
        )  # fmt: skip
        if created:
            audit.record(
                user=user,
                act="plan.phase",
                subject=version.plan,
                after={"version": version.number, "question": clean},
            )
    return job


def phasing_job(version: PlanVersion) -> Job | None:
    """The job that phases this version now, if any."""
    alive = Job.objects.filter(kind=PHASE, state__in=jobs.ALIVE, cancel_requested=False)
    return alive.filter(params__version=version.pk).order_by("-id").first()


def _must_be_draft(version: PlanVersion) -> None:
    if version.state == VersionState.FROZEN:
        raise DomainError(
            "version-frozen",
            _("A frozen version never changes. Edit it to get a new draft, then phase that."),
        )
    if version.state != VersionState.DRAFT:
        raise DomainError("version-not-ready", _("Only a computed version can be phased."))


@jobs.kind(PHASE)
def phase_version(job: Job, progress: Progress) -> dict[str, Any]:
    """Phase a draft for the question of the job and write years, money and facts together. Safe to run twice."""
    version = PlanVersion.objects.select_related("plan__city").get(pk=job.params["version"])
    _must_be_draft(version)
    question = {
        key: value for key, value in version.question.items() if key not in ("years", "carry_over", "funds")
    }
    version.question = question | job.params["question"]
    runs = siting.baseline(version)
    travel_times.prepare(job, progress, runs, 0.0, 0.2)
    progress(0.2, str(_("Reading the baseline")), at_once=True)
    situations = siting.situations_of(version, runs)
    rows = list(version.interventions.order_by("order"))
    chosen = _chosen(version, situations, rows)
    progress(0.5, str(_("Choosing the years")), at_once=True)
    years, money, facts = phasing.phase(version, situations, chosen)
    progress.check()
    with transaction.atomic():
        progress.hold()
        held = PlanVersion.objects.select_for_update().get(pk=version.pk)
        _must_be_draft(held)
        for row, year in zip(rows, years, strict=True):
            row.year = year
        Intervention.objects.bulk_update(rows, ["year"])
        write_money(rows, money)
        held.question = version.question
        held.facts = {key: value for key, value in held.facts.items() if key != "phasing"} | facts
        held.save(update_fields=["question", "facts"])
    return {
        "result_url": f"/plans/{version.plan.ref}/years/?version={version.number}",
        "result": {"plan": version.plan.ref, "version": version.number},
    }


def write_money(rows: Sequence[Intervention], money: Sequence[phasing.Money]) -> None:
    """Replace what the interventions take from which source in which year."""
    InterventionMoney.objects.filter(intervention__in=[row.pk for row in rows]).delete()
    InterventionMoney.objects.bulk_create(
        InterventionMoney(intervention=row, year=year, source=source, amount_fen=fen)
        for row, parts in zip(rows, money, strict=True)
        for year, source, fen in parts
    )


def _chosen(
    version: PlanVersion, situations: Sequence[Situation], rows: Sequence[Intervention]
) -> list[Candidate]:
    """The version's interventions as options, at the cost and lead time they were chosen with."""
    listed = {one.key: one for one in siting.options_of(version, situations, RateCard.now())[0]}
    keys = [
        row.key or key for row, key in zip(rows, version.facts.get("keys") or [""] * len(rows), strict=True)
    ]
    if gone := [row.name for row, key in zip(rows, keys, strict=True) if key not in listed]:
        raise DomainError(
            "option-gone",
            _("No longer possible: %(names)s. Edit the version first.") % {"names": ", ".join(gone[:5])},
        )
    return [_as_chosen(listed[key], row) for key, row in zip(keys, rows, strict=True)]


def _as_chosen(option: Candidate, row: Intervention) -> Candidate:
    """Prices may have changed since: a plan is phased at its own."""
    return replace(option, cost_fen=row.cost_fen, lead_months=row.lead_months, units=row.units)
