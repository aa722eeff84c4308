"""A job cut into pieces that any worker may take. The rows are the truth here too; the broker only calls for help.

The job's own worker (the parent) writes one row a piece, calls for help, and then works like every other hand: take
the next waiting piece, do it, repeat. It waits only for pieces that a living process is doing at that moment, and a
piece never waits for another, so one worker with one hand comes to an end like a hundred. A piece is safe to do twice:
what it makes is named by its inputs, and what it answers is written by the one that holds its row. See
docs/scale-out.md.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext as _
from django.utils.translation import override

from core.choices import JobState
from core.errors import DomainError
from core.models import Job, JobShard
from core.selectors.jobs import pieces_of
from core.services import jobs
from core.services.holders import holder_alive, new_token
from core.services.jobs import Heartbeat, JobCancelled, JobLost, Progress

log = logging.getLogger(__name__)
Check = Callable[[], None]
Work = Callable[[dict[str, Any], Check], dict[str, Any] | None]

# Calls for help at most; a hand that comes too late finds nothing left and goes.
MOST_HELPERS = 16
# A helper goes to the end of the queue after this long, so that other jobs get their turn.
HELP_SECONDS = 120.0
LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class Kind:
    work: Work
    title: Any


_KINDS: dict[str, Kind] = {}


def kind(name: str, title: Any = "") -> Callable[[Work], Work]:
    """Register the function of one piece: `work(params, check)` answers a small dict or None. It must be safe to run
    twice, also at the same time; `check` raises when it should stop. `title` names the stage for people."""

    def register(work: Work) -> Work:
        _KINDS[name] = Kind(work, title)
        return work

    return register


def _known(name: str) -> Kind:
    if name not in _KINDS:
        autodiscover_modules("tasks")
    if name not in _KINDS:
        words = _("This worker does not know work of the kind %(kind)s.") % {"kind": name}
        raise DomainError("job-kind-unknown", words)
    return _KINDS[name]


def title_of(name: str) -> str:
    """What people call a kind of piece; its name where nothing is known."""
    with suppress(DomainError):
        return str(_known(name).title) or name
    return name


def pieces_told(job: Job) -> list[dict[str, Any]]:
    """What people and programs are told of a job's pieces, stage by stage: title, pieces, how many wait, run, are
    done or failed, the worker processes that took part, seconds. Empty for a job that was not cut."""
    stages = job.result.get("pieces", []) if job.over else pieces_of([job]).get(job.pk, [])
    return [stage | {"title": title_of(stage["kind"])} for stage in stages]


def engine_threads() -> int:
    """Threads that one piece may use, so that the hands of one machine do not fight for its cores: ENGINE_THREADS, which
    a worker sets to its cores / concurrency when nobody else did; else all cores."""
    return max(1, int(os.environ.get("ENGINE_THREADS") or 0) or len(os.sched_getaffinity(0)))


# --- the parent ------------------------------------------------------------------------------------


def work_out(
    job: Job,
    progress: Progress,
    stage: str,
    params_list: Sequence[dict[str, Any]],
    kind: str,
    from_share: float = 0.0,
    to_share: float = 1.0,
    words: str = "",
) -> list[dict[str, Any]]:
    """Do one stage of a job in pieces, with every worker that has a hand free; the answers, in order.

    `stage` names the stage within the job, `kind` the registered function; `words` tells people what is done and may
    hold %(done)d and %(all)d. A job taken up again keeps the pieces it has. Raises JobCancelled, JobLost (let them
    pass) and, when a piece fails, DomainError with that piece's code and words once nobody works on the stage.
    """
    rows = json.loads(json.dumps([{"kind": kind, "given": params} for params in params_list]))
    if not rows:
        return []
    _known(kind)
    waiting = _lay_out(job, progress, stage, rows)
    calls = min(waiting - 1, MOST_HELPERS)
    if calls > 0:
        transaction.on_commit(partial(jobs.send_help, job, stage, calls))
    span = _Span(job, stage, from_share, to_share, words or title_of(kind))
    progress(*span.now(), at_once=True)
    with Hand(job, stage, parent=True, tell=span.tell) as hand:
        while True:
            progress.check()
            if (shard := hand.claim()) is not None:
                hand.do(shard)
                progress(*span.now())
            elif _settled(job, stage):
                break
            else:
                time.sleep(LOOK_SECONDS)
    answers = list(_rows(job, stage).order_by("number").values_list("result", flat=True))
    progress(*span.now(), at_once=True)
    return answers


def _rows(job: Job, stage: str) -> QuerySet[JobShard]:
    return JobShard.objects.filter(job_id=job.pk, stage=stage)


def _lay_out(job: Job, progress: Progress, stage: str, rows: list[dict[str, Any]]) -> int:
    """Write the rows of a stage; those a lost parent left stay when they ask the same. How many wait."""
    with transaction.atomic():
        progress.hold()
        there = list(_rows(job, stage).order_by("number").values_list("number", "params"))
        if there != list(enumerate(rows)):
            _rows(job, stage).delete()
            JobShard.objects.bulk_create(
                [
                    JobShard(job=job, stage=stage, number=number, params=params)
                    for number, params in enumerate(rows)
                ],
                batch_size=1000,
            )
        return _rows(job, stage).filter(state=JobState.QUEUED).count()


def _settled(job: Job, stage: str) -> bool:
    """Is every piece done? Takes up what a dead hand held. Raises DomainError when a piece failed and all stand still."""
    rows = _rows(job, stage)
    for shard in rows.filter(state=JobState.RUNNING):
        if _lost(shard):
            _take_up(job, shard)
    counts = rows.aggregate(
        running=Count("id", filter=Q(state=JobState.RUNNING)),
        open=Count("id", filter=~Q(state=JobState.DONE)),
        failed=Count("id", filter=Q(state=JobState.FAILED)),
    )
    if counts["failed"] and not counts["running"]:
        failed = rows.filter(state=JobState.FAILED).order_by("number")[0]
        raise DomainError(failed.error_code, failed.error)
    return not counts["open"]


def _lost(shard: JobShard) -> bool:
    """The same rule as for jobs: a living process may be silent for a while, a far one must give signs of life."""
    alive = holder_alive(shard.worker_token)
    seconds = settings.JOB_LOST_AFTER_SECONDS if alive is None else settings.JOB_SILENT_AT_MOST_SECONDS
    oldest = timezone.now() - timedelta(seconds=seconds)
    return alive is False or shard.heartbeat_at is None or shard.heartbeat_at < oldest


def _take_up(job: Job, shard: JobShard) -> None:
    same = JobShard.objects.filter(
        pk=shard.pk,
        state=JobState.RUNNING,
        worker_token=shard.worker_token,
        heartbeat_at=shard.heartbeat_at,
    )
    if shard.attempts < settings.JOB_MAX_ATTEMPTS:
        if same.update(state=JobState.QUEUED, worker_token=""):
            log.warning("job %s: %s %d lost its worker, taken up again", job.ref, shard.stage, shard.number)
            jobs.send_help(job, shard.stage, 1)
        return
    words = _("The worker stopped %(count)d times; the job was given up.") % {"count": shard.attempts}
    same.update(state=JobState.FAILED, error_code="worker-lost", error=words, finished_at=timezone.now())


class _Span:
    """Where a stage lies in the whole job, and the words for it, said in the language of the one who asked."""

    def __init__(self, job: Job, stage: str, low: float, high: float, words: str) -> None:
        self.rows, self.low, self.high, self.words = _rows(job, stage), low, high, str(words)
        self.mine = Job.objects.filter(pk=job.pk, worker_token=job.worker_token, state=JobState.RUNNING)

    def now(self) -> tuple[float, str]:
        counts = self.rows.aggregate(all=Count("id"), done=Count("id", filter=Q(state=JobState.DONE)))
        share = self.low + (self.high - self.low) * counts["done"] / max(counts["all"], 1)
        return share, self.words % counts if "%(" in self.words else self.words

    def tell(self) -> None:
        """For the heartbeat: pieces that others finish move the bar while the parent works on its own."""
        share, message = self.now()
        self.mine.update(progress=share, message=message[:300], heartbeat_at=timezone.now())


# --- the helpers -----------------------------------------------------------------------------------


def help_out(*, ref: str, stage: str) -> None:
    """Take pieces of a running job until none waits, or for HELP_SECONDS: then somebody else may have the turn."""
    job = Job.objects.filter(ref=ref, state=JobState.RUNNING, cancel_requested=False).first()
    if job is None:
        return
    begun = time.monotonic()
    with (
        suppress(JobCancelled, JobLost),
        override(job.language or settings.LANGUAGE_CODE),
        Hand(job, stage) as hand,
    ):
        while (shard := hand.claim()) is not None:
            hand.do(shard)
            if time.monotonic() - begun > HELP_SECONDS:
                jobs.send_help(job, stage, 1)
                return


class Hand:
    """One process at work on the pieces of one stage. Its token names it in the rows; a thread keeps them fresh."""

    def __init__(
        self, job: Job, stage: str, *, parent: bool = False, tell: Callable[[], None] | None = None
    ) -> None:
        self.job, self.stage, self.parent, self.token = job, stage, parent, new_token()
        self.rows = _rows(job, stage)
        self.mine = self.rows.filter(worker_token=self.token, state=JobState.RUNNING)
        self._asked, self._tell = 0.0, tell
        self._heartbeat = Heartbeat(f"{job.ref} {stage}", self._beat, min(settings.JOB_HEARTBEAT_SECONDS, 2))

    def __enter__(self) -> Hand:
        self._heartbeat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._heartbeat.stopped.set()
        self._heartbeat.join(timeout=10)

    def _beat(self) -> None:
        self.mine.update(heartbeat_at=timezone.now())
        if self._tell is not None:
            self._tell()

    def claim(self) -> JobShard | None:
        """The next waiting piece, now this hand's; None when there is none, one has failed, or the job must stop."""
        self.check(at_once=True)
        with transaction.atomic():
            waiting = self.rows.filter(state=JobState.QUEUED).order_by("number")
            shard = waiting.select_for_update(skip_locked=True).first()
            if shard is None or self.rows.filter(state=JobState.FAILED).exists():
                return None
            now = timezone.now()
            JobShard.objects.filter(pk=shard.pk).update(
                state=JobState.RUNNING,
                worker_token=self.token,
                started_at=now,
                heartbeat_at=now,
                attempts=F("attempts") + 1,
            )
        return shard

    def check(self, at_once: bool = False) -> None:
        """Raise JobCancelled or JobLost when this hand must stop. For inner loops: asks at most twice a second."""
        now = time.monotonic()
        if not at_once and now - self._asked < 0.5:
            return
        self._asked = now
        row = (
            Job.objects.filter(pk=self.job.pk, state=JobState.RUNNING)
            .values_list("cancel_requested", "worker_token")
            .first()
        )
        if row is None or (self.parent and row[1] != self.job.worker_token):
            raise JobLost(self.job.ref)
        if row[0]:
            raise JobCancelled(self.job.ref)

    def do(self, shard: JobShard) -> None:
        """Do one piece and write its answer or its failure; a hand that is stopped gives the piece back."""
        try:
            answer = _known(shard.params["kind"]).work(shard.params["given"], self._still_wanted) or {}
        except (JobCancelled, JobLost):
            self._give_back()
            raise
        except _Overtaken:
            self._give_back()
        except DomainError as error:
            self._fail(error.code, str(error.message))
        except MemoryError:
            self._fail("out-of-memory", jobs.no_memory())
        except Exception as error:
            log.exception("job %s: %s %d failed", self.job.ref, self.stage, shard.number)
            self._fail(*jobs.said(error))
        except BaseException:
            self._give_back()
            raise
        else:
            self.mine.update(state=JobState.DONE, result=answer, finished_at=timezone.now())

    def _still_wanted(self) -> None:
        """What a piece calls: like check, and it stops when another piece has failed the stage or this one was taken."""
        before = self._asked
        self.check()
        if self._asked != before and (
            not self.mine.exists() or self.rows.filter(state=JobState.FAILED).exists()
        ):
            raise _Overtaken

    def _fail(self, code: str, words: str) -> None:
        self.mine.update(state=JobState.FAILED, error_code=code, error=words, finished_at=timezone.now())

    def _give_back(self) -> None:
        self.mine.update(state=JobState.QUEUED, worker_token="", attempts=F("attempts") - 1)


class _Overtaken(Exception):
    """Nobody waits for this piece any more."""
