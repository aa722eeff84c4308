"""Celery tasks of the core: each loads by reference and calls one service. And what a worker does beside its tasks."""

import os
import threading
import time
from typing import Any

from celery import shared_task
from celery.signals import celeryd_init, worker_ready, worker_shutting_down
from django.core.cache import cache

from core.selectors.jobs import WORKER_SEEN
from core.services import audit_checks, jobs, shards  # audit_checks: registers its kind of job

__all__ = ["audit_checks", "help_job", "perform_job", "watch_jobs"]
_stop = threading.Event()


@shared_task(name="core.tasks.perform_job")
def perform_job(*, ref: str, **_: Any) -> None:
    jobs.perform(ref)


@shared_task(name="core.tasks.help_job")
def help_job(*, ref: str, stage: str, **_: Any) -> None:
    shards.help_out(ref=ref, stage=stage)


@shared_task(name="core.tasks.watch_jobs", acks_late=False)
def watch_jobs(**_: Any) -> dict[str, int]:
    return jobs.watch()


def note_worker() -> None:
    cache.set(WORKER_SEEN, time.time(), 60)


@celeryd_init.connect
def share_the_cores(options: Any = None, **_: Any) -> None:
    """Hands of one worker divide its cores among them, before they are forked; ENGINE_THREADS says otherwise. Several
    workers on one machine must be told by hand."""
    cores = len(os.sched_getaffinity(0))
    hands = (options or {}).get("concurrency") or cores
    os.environ.setdefault("ENGINE_THREADS", str(max(1, cores // int(hands))))


@worker_ready.connect
def start_watching(**_: Any) -> None:
    """The worker's main process watches too: the scheduler may be gone, and the pool may be busy for an hour."""
    threading.Thread(
        target=jobs.keep_watch, args=(_stop, note_worker), daemon=True, name="watch over jobs"
    ).start()


@worker_shutting_down.connect
def stop_watching(**_: Any) -> None:
    _stop.set()
