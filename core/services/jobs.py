"""Long work. The Job row is the truth: a broker that loses a message, or a worker that dies, loses no job.

`submit` writes the row and sends word on commit. `perform` claims the row by a conditional update, keeps a
heartbeat in a thread, and hands the work a `Progress`. Work that many hands can share is cut by
`core.services.shards`. `watch` takes up again what lost its worker; it runs in every
worker's main process, by the scheduler, and when somebody looks at a job.
"""

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from core import policies
from core.choices import JobState
from core.errors import DomainError
from core.models import Job, JobShard
from core.selectors.jobs import pieces_of
from core.services import audit
from core.services.holders import holder_alive, new_token
from core.services.refs import next_ref

log = logging.getLogger(__name__)
Work = Callable[[Job, "Progress"], dict[str, Any] | None]
_KINDS: dict[str, Work] = {}
_AFTER: dict[str, Callable[[Job], None]] = {}
ALIVE = (JobState.QUEUED, JobState.RUNNING)


class JobCancelled(Exception):
    """Raised inside the work when someone asked to stop."""


class JobLost(Exception):
    """Another worker holds the job now; this one must write nothing more."""


# --- kinds of work ---------------------------------------------------------------------------------


def kind(name: str) -> Callable[[Work], Work]:
    """Register the function that does jobs of this kind. It must be safe to run twice.

    It may return {"result_url": …, "result": {…}}. Register in a module that the app's `tasks` or `apps` imports.
    """

    def register(work: Work) -> Work:
        _KINDS[name] = work
        return work

    return register


def after(name: str) -> Callable[[Callable[[Job], None]], Callable[[Job], None]]:
    """Register what tidies up when a job of this kind ended without being done. It runs in the same transaction."""

    def register(tidy: Callable[[Job], None]) -> Callable[[Job], None]:
        _AFTER[name] = tidy
        return tidy

    return register


# --- asking for work -------------------------------------------------------------------------------


def submit(
    *,
    kind: str,
    user: Any = None,
    city: Any = None,
    title: str = "",
    title_en: str = "",
    params: dict[str, Any],
    queue: str = "analysis",
    dedupe: bool = True,
) -> tuple[Job, bool]:
    """Queue a job; `(job, created)`. While the same work waits or runs, that job is answered instead."""
    same = json.dumps([kind, getattr(city, "pk", None), params], sort_keys=True)
    key = hashlib.sha256(same.encode()).hexdigest() if dedupe else ""
    for _attempt in range(5):
        if key and (
            job := Job.objects.filter(dedupe_key=key, state__in=ALIVE, cancel_requested=False).first()
        ):
            return job, False
        try:
            with transaction.atomic():
                job = Job.objects.create(
                    ref=next_ref("J"), kind=kind, queue=queue, city=city, title=str(title)[:200], title_en=str(title_en)[:200],
                    params=params,
                    dedupe_key=key, language=get_language() or "",
                    created_by=user if getattr(user, "is_authenticated", False) else None,
                )  # fmt: skip
        except IntegrityError:
            # Someone else was quicker, or the one before still stops: then it must not stand in the way of the new.
            Job.objects.filter(dedupe_key=key, state__in=ALIVE, cancel_requested=True).update(dedupe_key="")
            continue
        transaction.on_commit(partial(send, job))
        return job, True
    raise DomainError("job-not-queued", _("The work could not be queued; try again."), status=503)


def send(job: Job) -> None:
    """Tell the workers. A broker that is down is no loss: the watch sends again."""
    from core.tasks import perform_job

    try:
        perform_job.apply_async(kwargs={"ref": job.ref}, queue=job.queue, retry=False)
    except Exception:
        log.warning("job %s waits: the broker does not answer", job.ref, exc_info=True)


def send_help(job: Job, stage: str, count: int) -> bool:
    """Tell `count` hands that this job has pieces to take; False when the broker does not answer."""
    from core.tasks import help_job

    try:
        for _number in range(count):
            help_job.apply_async(kwargs={"ref": job.ref, "stage": stage}, queue=job.queue, retry=False)
    except Exception:
        log.warning("job %s works alone: the broker does not answer", job.ref, exc_info=True)
        return False
    return True


def cancel(*, user: Any, job: Job) -> None:
    """Ask a job to stop. One that only waits is stopped at once."""
    if job.created_by_id != getattr(user, "pk", None):
        policies.demand(user, "job.cancel", job)
    with transaction.atomic():
        stopped = Job.objects.filter(pk=job.pk, state=JobState.QUEUED).update(
            state=JobState.CANCELLED,
            cancel_requested=True,
            finished_at=timezone.now(),
            message=_("Stopped on request."),
        )
        if stopped:
            _tidy(Job.objects.get(pk=job.pk))
        elif not Job.objects.filter(pk=job.pk, state=JobState.RUNNING).update(cancel_requested=True):
            raise DomainError("job-over", _("This job is already over."))
        audit.record(user=user, act="job.cancel", subject=job)


# --- doing the work --------------------------------------------------------------------------------


class Progress:
    """What the work tells while it runs. Calls are cheap; the row is written at most about twice a second."""

    def __init__(self, job: Job) -> None:
        self.job, self._last, self._asked = job, 0.0, 0.0

    def _mine(self) -> Any:
        return Job.objects.filter(pk=self.job.pk, worker_token=self.job.worker_token, state=JobState.RUNNING)

    def __call__(self, share: float, message: str = "", *, at_once: bool = False) -> None:
        """Say how far the work is, 0 to 1; `at_once` where a stage begins. Raises JobCancelled or JobLost: let them
        pass."""
        now = time.monotonic()
        if now - self._last < 0.5 and share < 1 and not at_once:
            return
        self._last = now
        share = min(max(float(share), 0.0), 1.0)
        if not self._mine().update(progress=share, message=str(message)[:300], heartbeat_at=timezone.now()):
            raise JobLost(self.job.ref)
        self.check()

    def should_stop(self) -> bool:
        """For loops that may not raise (a solver's callback): asks the database at most four times a second."""
        now = time.monotonic()
        if now - self._asked < 0.25:
            return False
        self._asked = now
        return not self._mine().filter(cancel_requested=False).exists()

    def check(self) -> None:
        """Raise JobCancelled or JobLost when the work must stop."""
        asked = self._mine().values_list("cancel_requested", flat=True).first()
        if asked is None:
            raise JobLost(self.job.ref)
        if asked:
            raise JobCancelled(self.job.ref)

    def hold(self) -> None:
        """Lock the job's row inside the transaction that writes the result: nobody takes the job over meanwhile."""
        if not self._mine().select_for_update().exists():
            raise JobLost(self.job.ref)


class Heartbeat(threading.Thread):
    """Gives a sign of life while native code holds the main thread."""

    def __init__(self, name: str, beat: Callable[[], object], every_seconds: float | None = None) -> None:
        super().__init__(daemon=True, name=f"heartbeat {name}")
        self.beat, self.stopped = beat, threading.Event()
        self.every_seconds = every_seconds or settings.JOB_HEARTBEAT_SECONDS

    def run(self) -> None:
        while not self.stopped.wait(self.every_seconds):
            try:
                self.beat()
            except Exception:
                # A database that restarts must not make a living worker look dead for good.
                log.warning("no %s", self.name, exc_info=True)
                connection.close()
        connection.close()


def perform(ref: str) -> None:
    """Do a job unless someone else does it or did it. Called by the task; safe to call twice."""
    now = timezone.now()
    claimed = Job.objects.filter(ref=ref, state=JobState.QUEUED).update(
        state=JobState.RUNNING, worker_token=new_token(), started_at=now, heartbeat_at=now, attempts=F("attempts") + 1,
        progress=0, message="", error="", error_code="",
    )  # fmt: skip
    if not claimed:
        # The broker gives a dead worker's message to another: then this is the first sign of that death.
        watch()
        return
    job = Job.objects.select_related("city", "created_by").get(ref=ref)
    mine = Job.objects.filter(pk=job.pk, worker_token=job.worker_token, state=JobState.RUNNING)
    heartbeat = Heartbeat(job.ref, lambda: mine.update(heartbeat_at=timezone.now()))
    heartbeat.start()
    try:
        with override(job.language or settings.LANGUAGE_CODE):
            _work(job)
    finally:
        heartbeat.stopped.set()


def _work(job: Job) -> None:
    progress = Progress(job)
    try:
        progress.check()
        if job.kind not in _KINDS:
            autodiscover_modules("tasks")
        if job.kind not in _KINDS:
            raise DomainError(
                "job-kind-unknown",
                _("This worker does not know work of the kind %(kind)s.") % {"kind": job.kind},
            )
        outcome = _KINDS[job.kind](job, progress) or {}
        _finish(job, JobState.DONE, progress=1.0, message="", **outcome)
    except JobCancelled:
        _finish(job, JobState.CANCELLED, message=_("Stopped on request."))
    except JobLost:
        log.warning("job %s is held by another worker or over", job.ref)
    except DomainError as error:
        _finish(job, JobState.FAILED, message="", error_code=error.code, error=str(error.message))
    except MemoryError:
        _finish(job, JobState.FAILED, message="", error_code="out-of-memory", error=no_memory())
    except Exception as error:
        log.exception("job %s failed", job.ref)
        code, words = said(error)
        _finish(job, JobState.FAILED, message="", error_code=code, error=words)


def no_memory() -> str:
    return _("The work needs more memory than the worker has.")


def said(error: Exception) -> tuple[str, str]:
    """Code and words for an error that nobody foresaw."""
    if type(error).__name__ == "SoftTimeLimitExceeded":
        return "too-long", _("The work was stopped because it took longer than %(minutes)d minutes.") % {
            "minutes": settings.CELERY_TASK_SOFT_TIME_LIMIT // 60
        }
    return "internal", _("The work stopped on an internal error: %(error)s") % {
        "error": f"{type(error).__name__}: {str(error)[:300]}"
    }


def _finish(job: Job, state: str, **fields: Any) -> None:
    """Write the end of the job and tidy up, together; nothing when another worker holds it."""
    mine = Job.objects.filter(pk=job.pk, worker_token=job.worker_token, state=JobState.RUNNING)
    with transaction.atomic():
        if not mine.update(state=state, finished_at=timezone.now(), heartbeat_at=timezone.now(), **fields):
            return
        _sweep(job)
        if state != JobState.DONE:
            _tidy(Job.objects.get(pk=job.pk))


def _sweep(job: Job) -> None:
    """The pieces of a job that is over go; what stays is how many there were and who took part."""
    if pieces := pieces_of([job]).get(job.pk):
        over = Job.objects.get(pk=job.pk)
        Job.objects.filter(pk=job.pk).update(result=over.result | {"pieces": pieces})
        JobShard.objects.filter(job=job).delete()


def _tidy(job: Job) -> None:
    """What the kind does when its job ended without being done; its failure must not keep the job from ending."""
    if job.kind not in _AFTER:
        return
    try:
        with transaction.atomic():
            _AFTER[job.kind](job)
    except Exception:
        log.exception("tidying after job %s failed", job.ref)


# --- watching over the workers ---------------------------------------------------------------------


def watch() -> dict[str, int]:
    """Take up jobs whose worker died, fail those that died too often, and send again what nobody claimed."""
    now = timezone.now()
    silent = now - timedelta(seconds=settings.JOB_LOST_AFTER_SECONDS)
    counts = {"resumed": 0, "failed": 0, "sent_again": 0}
    for job in Job.objects.filter(state=JobState.RUNNING):
        alive = holder_alive(job.worker_token)
        # A living holder may be silent: native code can keep the heartbeat's thread from running for a while.
        patience = silent if alive is None else now - timedelta(seconds=settings.JOB_SILENT_AT_MOST_SECONDS)
        if alive is False or job.heartbeat_at is None or job.heartbeat_at < patience:
            with override(job.language or settings.LANGUAGE_CODE):
                counts[_take_up(job)] += 1
    waits = Q(heartbeat_at=None, created_at__lt=silent) | Q(heartbeat_at__lt=now - timedelta(seconds=60))
    for job in Job.objects.filter(waits, state=JobState.QUEUED):
        # The heartbeat of a waiting job is when word of it was last sent.
        if Job.objects.filter(pk=job.pk, state=JobState.QUEUED, heartbeat_at=job.heartbeat_at).update(
            heartbeat_at=now
        ):
            send(job)
            counts["sent_again"] += 1
    return counts


def _take_up(job: Job) -> str:
    now = timezone.now()
    same = Job.objects.filter(
        pk=job.pk, state=JobState.RUNNING, worker_token=job.worker_token, heartbeat_at=job.heartbeat_at
    )
    if not job.cancel_requested and job.attempts < settings.JOB_MAX_ATTEMPTS:
        words = _("The worker stopped; the job is taken up again.")
        if same.update(state=JobState.QUEUED, worker_token="", progress=0, heartbeat_at=now, message=words):
            log.warning("job %s lost its worker and is taken up again", job.ref)
            send(job)
        return "resumed"
    end: dict[str, Any] = {"state": JobState.CANCELLED, "message": _("Stopped on request.")}
    if not job.cancel_requested:
        words = _("The worker stopped %(count)d times; the job was given up.") % {"count": job.attempts}
        end = {"state": JobState.FAILED, "message": "", "error_code": "worker-lost", "error": words}
    with transaction.atomic():
        if same.update(finished_at=now, worker_token="", **end):
            log.warning("job %s lost its worker and is %s", job.ref, end["state"])
            _sweep(job)
            _tidy(Job.objects.get(pk=job.pk))
    return "failed"


def look_after() -> None:
    """The watch, at most every ten seconds: for pages that show a job, should no worker and no scheduler be alive."""
    try:
        if cache.add("jobs-looked-after", True, 10):
            watch()
    except Exception:
        log.warning("the watch over jobs failed", exc_info=True)


def keep_watch(stop: threading.Event, note: Callable[[], None], every_seconds: float = 15.0) -> None:
    """For a worker's main process: watch from the first moment on, also while all its hands are full."""
    while not stop.is_set():
        for step in (note, watch):
            try:
                step()
            except Exception:
                log.warning("the watch over jobs failed", exc_info=True)
        # A connection left open here would be inherited by the pool's next process.
        connection.close()
        stop.wait(every_seconds)
