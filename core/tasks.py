"""Celery tasks of the core: each loads by reference and calls one service."""

from typing import Any

from celery import shared_task

from core.services import jobs


@shared_task(name="core.tasks.perform_job")
def perform_job(*, ref: str, **_: Any) -> None:
    jobs.perform(ref)


@shared_task(name="core.tasks.watch_jobs", ignore_result=True)
def watch_jobs(**_: Any) -> dict[str, int]:
    return jobs.watch()
