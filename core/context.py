"""What every page shows around its content."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from core.choices import JobState

# How much waits for a person, counted by the apps above: `count(user) -> int`. Asked only where the rail is drawn.
_WAITING: list[Callable[[Any], int]] = []


def register_waiting(count: Callable[[Any], int]) -> Callable[[Any], int]:
    """Add to the number beside the inbox. Called when the app that counts is ready."""
    _WAITING.append(count)
    return count


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
        "waiting_count": cache(lambda: sum(count(user) for count in _WAITING)),
        "languages": settings.LANGUAGES,
    }
