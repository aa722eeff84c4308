"""Answers that several apps give alike."""

from typing import Any

from django.urls import reverse
from rest_framework.response import Response

from core.models import Job


def job_url(job: Job) -> str:
    return reverse("job-detail", kwargs={"ref": job.ref})


def accepted(job: Job, **extra: Any) -> Response:
    """202: the work is queued. `Location` is where to ask how far it is; `extra` rides along (say, the run's ref)."""
    from core.api.jobs import JobSerializer

    address = job_url(job)
    body = {"job": JobSerializer(job).data, **extra}
    return Response(body, status=202, headers={"Location": address, "Retry-After": "1"})
