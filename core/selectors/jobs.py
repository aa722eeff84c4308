"""Reads jobs."""

from collections.abc import Sequence
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Max, Min, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform

from core import policies
from core.choices import JobState
from core.models import City, Job, JobShard

WORKER_SEEN = "worker-seen"


def jobs_visible_to(user: Any, jobs: QuerySet[Job] | None = None) -> QuerySet[Job]:
    """The person's own jobs; and those of a city for who holds, for the whole city, a role that starts or audits them.

    Two people who ask for the same work share one job, so whoever may start it also sees it.
    """
    if jobs is None:
        jobs = Job.objects.select_related("created_by", "city")
    if getattr(user, "is_superuser", False):
        return jobs
    return jobs.filter(Q(created_by_id=user.pk) | Q(city_id__in=policies.cities_with(user, "job.view")))


def running_count(user: Any) -> int:
    return Job.objects.filter(state__in=[JobState.QUEUED, JobState.RUNNING], created_by=user).count()


def job_rows(*, user: Any, city: City | None, state: str = "") -> QuerySet[Job]:
    rows = jobs_visible_to(user)
    if city:
        rows = rows.filter(Q(city=city) | Q(city=None))
    return rows.filter(state=state) if state else rows


def pieces_of(jobs: Sequence[Job]) -> dict[int, list[dict[str, Any]]]:
    """By job id, for jobs cut into pieces: each stage with its pieces by state, the worker processes that hold or
    did them, and seconds from its first start to its last sign. Two queries, however many jobs."""
    rows = JobShard.objects.filter(job__in=[job.pk for job in jobs])
    hands: dict[tuple[int, str], set[str]] = {}
    for pk, stage, token in (
        rows.exclude(worker_token="").values_list("job_id", "stage", "worker_token").distinct()
    ):
        hands.setdefault((pk, stage), set()).add(token.rpartition("|")[0])
    stages = rows.order_by().values("job_id", "stage").annotate(
        kind=Min(KeyTextTransform("kind", "params")), begun=Min("started_at"), ended=Max("finished_at"), pieces=Count("id"),
        **{state.value: Count("id", filter=Q(state=state)) for state in JobState},
    )  # fmt: skip
    found: dict[int, list[dict[str, Any]]] = {}
    for row in sorted(stages, key=lambda one: (one["begun"] is None, str(one["begun"]), one["stage"])):
        begun, ended = row.pop("begun"), row.pop("ended")
        seconds = round((ended - begun).total_seconds(), 1) if begun and ended else 0.0
        pk = row.pop("job_id")
        found.setdefault(pk, []).append(
            row | {"workers": len(hands.get((pk, row["stage"]), ())), "seconds": seconds}
        )
    return found


def worker_seen() -> bool:
    """Did a worker give a sign of life within the last minute?"""
    return cache.get(WORKER_SEEN) is not None
