"""What every page shows around its content."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from core.choices import JobState


def frame(request: HttpRequest) -> dict[str, Any]:
    from core import policies
    from core.models import Job

    user = getattr(request, "user", None)
    city = getattr(request, "city", None)
    if user is None or not user.is_authenticated:
        return {"city": None, "languages": settings.LANGUAGES}
    running = (
        Job.objects.filter(state__in=[JobState.QUEUED, JobState.RUNNING]).filter(created_by=user).count()
    )
    roles = sorted({role for role, _top, _city in policies.memberships(user)})
    return {
        "city": city if city else None,
        "running_jobs": running,
        "roles": roles,
        "languages": settings.LANGUAGES,
    }
