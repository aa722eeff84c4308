"""What a search tells while it runs: its value and bound as they improve, and whether somebody wants the best so far."""

from __future__ import annotations

import math
import time
from typing import Any

from core.choices import JobState
from core.models import Job
from planning.choices import VersionState
from planning.models import PlanVersion

EVERY_SECONDS = 0.5
ASK_EVERY_SECONDS = 0.25
MOST_POINTS = 240


class LiveTrail:
    """Given to the engine as `live` and `should_finish`. The version's trail is written at most twice a second, and only
    by the worker that holds the job."""

    def __init__(self, version: PlanVersion, job: Job, seconds_before: float = 0.0) -> None:
        self.version, self.job, self.before = version, job, seconds_before
        self.started = time.monotonic()
        self.points: list[list[float | None]] = []
        self.wrote, self.asked, self.known, self.finish = -math.inf, -math.inf, False, False
        # A job that was taken up again begins its trail anew.
        self._mine().update(trail=[])

    def _mine(self) -> Any:
        return PlanVersion.objects.filter(
            pk=self.version.pk,
            state=VersionState.COMPUTING,
            job__worker_token=self.job.worker_token,
            job__state=JobState.RUNNING,
        )

    def __call__(self, value: float, bound: float) -> None:
        self.known = self.known or math.isfinite(value)
        point = [round(self.before + time.monotonic() - self.started, 2), told(value), told(bound)]
        self.points = thinned([*self.points, point])
        if time.monotonic() - self.wrote >= EVERY_SECONDS:
            self.write()

    def write(self) -> None:
        self.wrote = time.monotonic()
        self._mine().update(trail=self.points)

    def should_finish(self) -> bool:
        """Whether somebody asked to keep the best so far; not before there is one. Asks the database four times a second."""
        now = time.monotonic()
        if self.known and not self.finish and now - self.asked >= ASK_EVERY_SECONDS:
            self.asked = now
            self.finish = PlanVersion.objects.filter(pk=self.version.pk, finish_requested=True).exists()
            if self.points and now - self.wrote >= EVERY_SECONDS:
                self.write()
        return self.known and self.finish


def told(value: float | None) -> float | None:
    """A number that JSON can hold: None where it is not known."""
    return None if value is None or not math.isfinite(value) else float(value)


def thinned(points: list[list[float | None]]) -> list[list[float | None]]:
    """At most MOST_POINTS of them, the first and the last among them."""
    return points if len(points) <= MOST_POINTS else [*points[:-1:2], points[-1]]
