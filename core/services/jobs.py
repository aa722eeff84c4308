"""Long work. The Job row is the truth: a broker that loses a message, or a worker that dies, loses no job.

`submit` writes the row and sends word on commit. `perform` claims the row by a conditional update, keeps a
heartbeat in a thread, and hands the work a `Progress`. `watch` takes up again what lost its worker.
"""

import hashlib
import json
import logging
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from core.choices import JobState
from core.errors import DomainError
from core.models import Job
from core.services.refs import next_ref

log = logging.getLogger(__name__)
Work = Callable[[Job, "Progress"], dict[str, Any]]
_KINDS: dict[str, Work] = {}


class JobCancelled(Exception):
    """Raised inside the work when someone asked to stop."""


class JobLost(Exception):
    """Another worker holds the job now; this one must write nothing more."""


def kind(name: str) -> Callable[[Work], Work]:
    """Register the function that does jobs of this kind. It must be safe to run twice."""

    def register(work: Work) -> Work:
        _KINDS[name] = work
        return work

    return register


def submit(
    *,
    kind: str,
    user: Any = None,
    city: Any = None,
    title: str = "",
    params: dict[str, Any],
    queue: str = "analysis",
    dedupe: bool = True,
) -> tuple[Job, bool]:
    """Queue a job; `(job, created)`. While the same work waits or runs, that job is answered instead."""
    key = hashlib.sha256(json.dumps([kind, params], sort_keys=True).encode()).hexdigest() if dedupe else ""
    try:
        with transaction.atomic():
            job = Job.objects.create(
                ref=next_ref("J"), kind=kind, queue=queue, city=city, title=title, params=params, dedupe_key=key,
                created_by=user if getattr(user, "is_authenticated", False) else None,
            )  # fmt: skip
    except IntegrityError:
        return Job.objects.get(dedupe_key=key, state__in=[JobState.QUEUED, JobState.RUNNING]), False
    transaction.on_commit(lambda: send(job))
    return job, True


def send(job: Job) -> None:
    """Tell the workers. A broker that is down is no loss: the watch sends again."""
    from core.tasks import perform_job

    try:
        perform_job.apply_async(kwargs={"ref": job.ref}, queue=job.queue, retry=False)
    except Exception:
        log.warning("job %s waits: the broker does not answer", job.ref, exc_info=True)


class Progress:
    """What the work tells while it runs. Calls are cheap; the row is written at most about twice a second."""

    def __init__(self, job: Job) -> None:
        self.job, self._last = job, 0.0

    def __call__(self, share: float, message: str = "") -> None:
        import time

        now = time.monotonic()
        if now - self._last < 0.5 and share < 1:
            return
        self._last = now
        touched = Job.objects.filter(pk=self.job.pk, worker_token=self.job.worker_token, state=JobState.RUNNING).update(
            progress=min(max(share, 0.0), 1.0), message=str(message)[:300], heartbeat_at=timezone.now()
        )
        if not touched:
            raise JobLost(self.job.ref)
        self.check()

    def should_stop(self) -> bool:
        return Job.objects.filter(pk=self.job.pk).filter(Q(cancel_requested=True) | ~Q(worker_token=self.job.worker_token)).exists()

    def check(self) -> None:
        if Job.objects.filter(pk=self.job.pk, cancel_requested=True).exists():
            raise JobCancelled(self.job.ref)


class _Heartbeat(threading.Thread):
    """Keeps the row fresh while native code holds the main thread."""

    def __init__(self, job: Job) -> None:
        super().__init__(daemon=True)
        self.job, self.stopped = job, threading.Event()

    def run(self) -> None:
        try:
            while not self.stopped.wait(settings.JOB_HEARTBEAT_SECONDS):
                Job.objects.filter(pk=self.job.pk, worker_token=self.job.worker_token, state=JobState.RUNNING).update(
                    heartbeat_at=timezone.now()
                )
        except Exception:
            log.exception("heartbeat of %s stopped", self.job.ref)
        finally:
            connection.close()


def perform(ref: str) -> None:
    """Do a job unless someone else does it or did it. Called by the task; safe to call twice."""
    token = str(uuid.uuid4())
    now = timezone.now()
    claimed = Job.objects.filter(ref=ref, state=JobState.QUEUED).update(
        state=JobState.RUNNING, worker_token=token, started_at=now, heartbeat_at=now, attempts=F("attempts") + 1,
        progress=0, message="", error="", error_code="",
    )  # fmt: skip
    if not claimed:
        return
    job = Job.objects.get(ref=ref)
    heartbeat = _Heartbeat(job)
    heartbeat.start()
    try:
        if job.cancel_requested:
            raise JobCancelled(ref)
        outcome = _KINDS[job.kind](job, Progress(job))
        _finish(job, JobState.DONE, progress=1.0, message="", **outcome)
    except JobCancelled:
        _finish(job, JobState.CANCELLED, message=_("Stopped on request."))
    except JobLost:
        log.warning("job %s was taken over by another worker", ref)
    except DomainError as error:
        _finish(job, JobState.FAILED, error_code=error.code, error=str(error.message))
    except Exception as error:
        log.exception("job %s failed", ref)
        _finish(job, JobState.FAILED, error_code="internal", error=_("The work stopped on an internal error: %(error)s") % {"error": error})
    finally:
        heartbeat.stopped.set()


def _finish(job: Job, state: str, **fields: Any) -> None:
    changed = Job.objects.filter(pk=job.pk, worker_token=job.worker_token, state=JobState.RUNNING).update(
        state=state, finished_at=timezone.now(), heartbeat_at=timezone.now(), **fields
    )
    if changed:
        _over(job.kind, job.pk, state)


_AFTER: dict[str, Callable[[Job], None]] = {}


def after(name: str) -> Callable[[Callable[[Job], None]], Callable[[Job], None]]:
    """Register what tidies up when a job of this kind ended without being done."""

    def register(tidy: Callable[[Job], None]) -> Callable[[Job], None]:
        _AFTER[name] = tidy
        return tidy

    return register


def _over(kind: str, pk: int, state: str) -> None:
    if state != JobState.DONE and kind in _AFTER:
        _AFTER[kind](Job.objects.get(pk=pk))


def cancel(*, user: Any, job: Job) -> None:
    """Ask a job to stop. One that only waits is stopped at once."""
    from core import policies

    if job.created_by_id != getattr(user, "pk", None):
        policies.demand(user, "job.cancel", job if job.city_id else None)
    stopped = Job.objects.filter(pk=job.pk, state=JobState.QUEUED).update(
        state=JobState.CANCELLED, cancel_requested=True, finished_at=timezone.now(), message=_("Stopped on request.")
    )
    if stopped:
        _over(job.kind, job.pk, JobState.CANCELLED)
    elif not Job.objects.filter(pk=job.pk, state=JobState.RUNNING).update(cancel_requested=True):
        raise DomainError("job-over", _("This job is already over."))


def watch() -> dict[str, int]:
    """Take up jobs whose worker died, fail those that died too often, and send again what nobody claimed."""
    now = timezone.now()
    silent = now - timedelta(seconds=settings.JOB_LOST_AFTER_SECONDS)
    counts = {"resumed": 0, "failed": 0, "sent_again": 0}
    for job in Job.objects.filter(state=JobState.RUNNING, heartbeat_at__lt=silent):
        mine = Job.objects.filter(pk=job.pk, state=JobState.RUNNING, worker_token=job.worker_token, heartbeat_at__lt=silent)
        if job.attempts >= settings.JOB_MAX_ATTEMPTS or job.cancel_requested:
            state = JobState.CANCELLED if job.cancel_requested else JobState.FAILED
            if mine.update(
                state=state, finished_at=now, worker_token="", error_code="worker-lost",
                error=_("The worker stopped %(count)d times; the job was given up.") % {"count": job.attempts},
            ):  # fmt: skip
                counts["failed"] += 1
                _over(job.kind, job.pk, state)
        elif mine.update(state=JobState.QUEUED, worker_token="", message=_("The worker stopped; the job is taken up again.")):
            counts["resumed"] += 1
            send(job)
    for job in Job.objects.filter(state=JobState.QUEUED, created_at__lt=silent, heartbeat_at=None):
        Job.objects.filter(pk=job.pk).update(heartbeat_at=now)
        send(job)
        counts["sent_again"] += 1
    for job in Job.objects.filter(state=JobState.QUEUED, heartbeat_at__lt=now - timedelta(seconds=120)):
        Job.objects.filter(pk=job.pk).update(heartbeat_at=now)
        send(job)
        counts["sent_again"] += 1
    return counts
