"""The alert rules by the clock and by hand: each run is a job, so that everybody sees that it ran and what it found."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from core import policies
from core.models import City, Job
from core.services import jobs
from core.services.jobs import Progress
from projects.models import Project, SupervisionRun
from projects.selectors.alerts import now_in, today_in
from projects.services import alerts, cases

RUN = "supervision"
# From this hour of the city's day on: officials find the morning's alerts when they come.
FROM_HOUR = 5


def start(*, user: Any, city: City) -> Job:
    """Run the rules for the city's present day now, as a job. Asked twice, it is one run."""
    policies.demand(user, "alert.run", city)
    return _submit(user, city, today_in(city))


def start_due(*, at: datetime | None = None) -> list[Job]:
    """Queue today's run of every city with projects where the day has begun and none has run for it yet."""
    begun = []
    for city in City.objects.filter(pk__in=Project.objects.values("city")):
        local = now_in(city, at)
        if local.hour < FROM_HOUR or SupervisionRun.objects.filter(city=city, day__gte=local.date()).exists():
            continue
        begun.append(_submit(None, city, local.date()))
    return begun


def _submit(user: Any, city: City, day: date) -> Job:
    job, _created = jobs.submit(
        kind=RUN, user=user, city=city, title=f"督查规则 {day}", title_en=f"Supervision rules, {day}",
        params={"day": day.isoformat()}, queue="interactive",
    )  # fmt: skip
    return job


@jobs.kind(RUN)
def work(job: Job, progress: Progress) -> dict[str, Any]:
    """Late steps and late alerts are told, the rules are run. Safe to run twice: what was told and raised is not again."""
    day, city = date.fromisoformat(job.params["day"]), job.city
    assert city is not None  # a run is always of a city
    progress(0.1)
    steps = cases.escalate(today=day, city=city)
    progress(0.3)
    run = alerts.raise_alerts(city=city, today=day, user=job.created_by)
    return {
        "result_url": "/supervision/",
        "result": {
            "day": day.isoformat(), "raised": run.raised, "ended": run.ended, "escalated": run.escalated,
            "steps_escalated": len(steps), "projects": run.projects,
        },
    }  # fmt: skip
