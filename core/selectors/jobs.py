"""Reads jobs."""

from typing import Any

from django.core.cache import cache
from django.db.models import Q, QuerySet

from core import policies
from core.choices import JobState
from core.models import City, Job

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


def worker_seen() -> bool:
    """Did a worker give a sign of life within the last minute?"""
    return cache.get(WORKER_SEEN) is not None
