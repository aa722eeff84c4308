"""Work for the tests: it writes down each start and each end, so that doubled work shows."""

import os
import time
from pathlib import Path
from typing import Any

from django.db import transaction

from core.errors import DomainError
from core.models import Job
from core.services import jobs, shards


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


@jobs.kind("test.pieces")
def pieces(job: Job, progress: jobs.Progress) -> dict[str, Any]:
    """Square some numbers in pieces; each takes `seconds`, the number `bad` is refused."""
    note(job, "parent")
    given = [{**job.params, "n": n} for n in range(int(job.params["pieces"]))]
    answers = shards.work_out(
        job, progress, "squares", given, "test.square", 0.0, 0.9, "%(done)d of %(all)d squares"
    )
    with transaction.atomic():
        progress.hold()
        note(job, "end")
    return {"result_url": "/jobs/", "result": {"squares": [answer["square"] for answer in answers]}}


@shards.kind("test.square", "Squares")
def square(params: dict[str, Any], check: shards.Check) -> dict[str, Any]:
    from django.utils.translation import gettext as _

    n, diary = params["n"], Path(params["diary"])
    with diary.open("a") as lines:
        lines.write(f"begin-{n} {os.getpid()}\n")
    if n == params.get("bad"):
        raise DomainError("test-refused", _("Not found"))
    for _step in range(int(params["seconds"] * 20)):
        time.sleep(0.05)
        check()
    with diary.open("a") as lines:
        lines.write(f"did-{n} {os.getpid()}\n")
    return {"square": n * n}
