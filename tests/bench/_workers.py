"""Celery workers of a benchmark's own: on its database, its queue names and its folder of artefacts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.bench._rows import ROOT


@dataclass
class Peak:
    """Most memory of any one process, in bytes: anonymous (its own), and all that it ever held, mapped files too."""

    anonymous: int = 0
    resident: int = 0
    stop: threading.Event = field(default_factory=threading.Event)


def _environment() -> dict[str, str]:
    from django.db import connection

    url = urlsplit(os.environ["DATABASE_URL"])
    address = urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}"))
    if url.netloc == "":
        address = address.replace(":/", ":///", 1)
    # One thread a worker: what is measured is a second worker, not a second thread.
    return {**os.environ, "DATABASE_URL": address, "ENGINE_THREADS": "1"}


@contextmanager
def workers(count: int, folder: Path) -> Iterator[Peak]:
    """`count` workers with one hand each, ready to work; what memory they needed."""
    running, peak = [], Peak()
    for number in range(count):
        log = (folder / f"worker-{number}.log").open("ab")
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config", "worker", "--queues", "interactive,analysis,bulk",
                 "--concurrency", "1", "--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--hostname",
                 f"bench-{os.getpid()}-{number}@localhost"],
                cwd=ROOT, env=_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        )  # fmt: skip
        log.close()
    try:
        _wait_until_ready(count)
        watcher = threading.Thread(target=_watch, args=({one.pid for one in running}, peak), daemon=True)
        watcher.start()
        yield peak
        peak.stop.set()
        watcher.join()
    finally:
        for one in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            one.wait()


def _wait_until_ready(count: int) -> None:
    from config import celery_app

    names = [f"bench-{os.getpid()}-{number}@localhost" for number in range(count)]
    deadline = time.monotonic() + 60
    while len(celery_app.control.ping(destination=names, timeout=0.5)) < count:
        if time.monotonic() > deadline:
            raise RuntimeError("the workers did not start")


def _watch(groups: set[int], peak: Peak) -> None:
    while not peak.stop.wait(0.2):
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError, KeyError):
                if os.getpgid(int(folder.name)) not in groups:
                    continue
                said = dict(
                    line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line
                )
                peak.anonymous = max(peak.anonymous, int(said["RssAnon"].split()[0]) * 1024)
                peak.resident = max(peak.resident, int(said["VmHWM"].split()[0]) * 1024)
