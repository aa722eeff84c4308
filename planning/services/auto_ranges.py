"""A finished run of a city that is not too large gets its range by itself, in a job of its own behind all others."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.conf import settings

from core.choices import JobState
from planning.choices import AnalysisKind, RunState
from planning.models import Analysis, DemandCell, Run
from planning.services import runs
from planning.services.analyses import start_analysis

log = logging.getLogger(__name__)


@runs.when_scored
def queue_ranges(refs: Sequence[str]) -> None:
    """Queue the range with default settings of these finished runs; one that has any range, or waits for one, is passed
    over. The runs are done: what goes wrong here must not undo them."""
    if not settings.AUTO_RANGE_MAX_CELLS:
        return
    for run in Run.objects.filter(ref__in=refs, state=RunState.DONE).select_related("city", "scenario"):
        try:
            if not _has_range(run) and _cells(run) <= settings.AUTO_RANGE_MAX_CELLS:
                start_analysis(user=None, run=run, kind=AnalysisKind.RANGE, queue="bulk")
        except Exception:
            log.exception("the range of run %s was not queued", run.ref)


def _has_range(run: Run) -> bool:
    asked = Analysis.objects.filter(run=run, kind=AnalysisKind.RANGE)
    alive = asked.filter(state=RunState.WAITING, job__state__in=[JobState.QUEUED, JobState.RUNNING])
    return asked.filter(state=RunState.DONE).exists() or alive.exists()


def _cells(run: Run) -> int:
    return DemandCell.objects.filter(city_id=run.city_id).count()
