"""Work for the tests: it writes down each start and each end, so that doubled work shows."""

import os
import time
from pathlib import Path
from typing import Any

from django.db import transaction

from core.errors import DomainError
from core.models import Job
from core.services import jobs


def note(job: Job, word: str) -> None:
    with Path(job.params["diary"]).open("a") as diary:
        diary.write(f"{word} {os.getpid()}\n")


@jobs.kind("test.sleep")
def sleep(job: Job, progress: jobs.Progress) -> dict[str, Any]:
    """Sleep in small steps; the first attempt may be longer than the next."""
    note(job, "start")
    steps = int(job.params["seconds" if job.attempts == 1 else "seconds_next"] * 10)
    for step in range(steps):
        time.sleep(0.1)
        progress(step / steps, "sleeping")
    with transaction.atomic():
        progress.hold()
        note(job, "end")
    return {"result_url": "/jobs/", "result": {"attempt": job.attempts}}


@jobs.kind("test.refuse")
def refuse(job: Job, progress: jobs.Progress) -> dict[str, Any]:
    from django.utils.translation import gettext as _

    raise DomainError("test-refused", _("Not found"))


@jobs.after("test.sleep")
def tidy(job: Job) -> None:
    note(job, "tidied")
