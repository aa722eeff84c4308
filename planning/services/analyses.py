"""Asks a finished run more than its four states. Same run, settings and engine: the stored analysis is answered."""

from __future__ import annotations

import time
from types import ModuleType
from typing import Any

import numpy as np
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core import policies
from core.choices import JobState
from core.errors import DomainError
from core.models import Job
from core.services import audit, jobs
from core.services.jobs import Progress
from core.services.refs import next_ref
from engine import ENGINE_VERSION
from engine.archive import content_hash
from facilities.services.bulk import copy_arrays
from planning.bridge import artefacts
from planning.choices import AnalysisKind, RunState
from planning.models import Analysis, Run
from planning.services import (
    analysis_access,
    analysis_backup,
    analysis_equity,
    analysis_hours,
    analysis_loss,
    analysis_range,
)
from planning.services.analysis_case import Outcome, case_of, keep_drawn
from planning.services.runs import one_at_a_time

KIND = "analyse"
KINDS: dict[str, ModuleType] = {
    AnalysisKind.HOURS: analysis_hours,
    AnalysisKind.LOSS: analysis_loss,
    AnalysisKind.BACKUP: analysis_backup,
    AnalysisKind.ACCESS: analysis_access,
    AnalysisKind.EQUITY: analysis_equity,
    AnalysisKind.RANGE: analysis_range,
}


def start_analysis(
    *, user: Any, run: Run, kind: str, params: dict[str, Any] | None = None, queue: str = "analysis"
) -> tuple[Analysis, Job | None]:
    """The analysis with these settings, and the job that computes it (None when it is there already).

    `params` left out take the kind's defaults. `user` None: a command of this machine. Raises DomainError.
    """
    if user is not None:
        policies.demand(user, "run.start", run.city)
    if kind not in KINDS:
        raise DomainError(
            "unknown-kind",
            _("%(words)s is not a kind of analysis.") % {"words": kind},
            status=422,
            known=list(KINDS),
        )
    if run.state != RunState.DONE:
        raise DomainError("run-not-done", _("Only a finished run can be analysed."), status=422)
    settings = KINDS[kind].clean(params or {})
    digest = content_hash({}, [run.ref, run.params_sha256, str(kind), settings, ENGINE_VERSION])
    with transaction.atomic():
        one_at_a_time(digest)
        same = Analysis.objects.filter(params_sha256=digest, run=run).select_related("job")
        if found := same.filter(state=RunState.DONE).first():
            return found, None
        alive = same.filter(
            state=RunState.WAITING, job__state__in=[JobState.QUEUED, JobState.RUNNING]
        ).first()
        if alive is not None:
            return alive, alive.job
        analysis = Analysis.objects.create(
            run=run, ref=next_ref("AN"), kind=kind, params=settings, params_sha256=digest, engine_version=ENGINE_VERSION,
            created_by=user if getattr(user, "is_authenticated", False) else None,
        )  # fmt: skip
        job, _created = jobs.submit(
            kind=KIND, user=user, city=run.city, title=run.scenario.name, title_en=run.scenario.name_en,
            params={"analysis": analysis.ref}, queue=queue,
        )  # fmt: skip
        analysis.job = job
        analysis.save(update_fields=["job"])
        audit.record(
            user=user,
            act="run.analyse",
            subject=run,
            after={"analysis": analysis.ref, "kind": str(kind), "job": job.ref},
        )
    return analysis, job


@jobs.kind(KIND)
def analyse(job: Job, progress: Progress) -> dict[str, Any]:
    """Compute the analysis of a job and write it whole in one transaction. Safe to run twice."""
    analysis = Analysis.objects.select_related("run__snapshot", "run__plan_version", "run__city").get(
        ref=job.params["analysis"]
    )
    if analysis.state == RunState.WAITING:
        analysis = _computed(analysis, job, progress)
    address = f"/runs/{analysis.run.ref}/analyses/{analysis.kind}/?analysis={analysis.ref}"
    return {"result_url": address, "result": {"analysis": analysis.ref}}


def _computed(analysis: Analysis, job: Job, progress: Progress) -> Analysis:
    started = time.monotonic()
    progress(0.0, _("Reading run %(ref)s") % {"ref": analysis.run.ref})
    case = case_of(analysis.run)
    outcome = KINDS[analysis.kind].work(case, analysis.params, progress)
    progress(0.9, _("Writing %(ref)s") % {"ref": analysis.ref})
    keep_drawn(case, outcome)
    progress.check()
    folder = f"analyses/{analysis.ref}-{job.worker_token[-8:]}"
    artefacts.keep(folder, outcome.arrays, outcome.meta | {"kind": analysis.kind, "services": case.codes})
    try:
        with transaction.atomic():
            progress.hold()
            _finish(analysis, folder, outcome, time.monotonic() - started)
    except IntegrityError:
        # Another job answered the same question first: its row is the answer, this one goes.
        twin = Analysis.objects.filter(params_sha256=analysis.params_sha256, state=RunState.DONE).first()
        if twin is None:
            raise
        Analysis.objects.filter(pk=analysis.pk, state=RunState.WAITING).delete()
        return twin
    return analysis


def _finish(analysis: Analysis, folder: str, outcome: Outcome, seconds: float) -> None:
    """Write the rows and move the analysis from waiting to done; nothing happens when it no longer waits."""
    moved = Analysis.objects.filter(pk=analysis.pk, state=RunState.WAITING).update(
        state=RunState.DONE, folder=folder, facts=outcome.facts, seconds=round(seconds, 3),
        finished_at=timezone.now(), engine_version=ENGINE_VERSION,
    )  # fmt: skip
    if not moved:
        return
    with connection.cursor() as cursor:
        for table, columns in outcome.rows:
            count = len(columns[0][2])
            if count:
                copy_arrays(cursor, table, [("analysis_id", "int8", np.full(count, analysis.pk)), *columns])


@jobs.after(KIND)
def tidy_analysis(job: Job) -> None:
    """A job that ended without being done leaves no analysis waiting for ever."""
    Analysis.objects.filter(ref=job.params["analysis"], state=RunState.WAITING).update(
        state=RunState.FAILED, finished_at=timezone.now()
    )
