"""What the publication pages read: who may be published, what went out, and the newest for everybody."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from core.models import City
from projects.models import Project, Publication
from projects.selectors.pages import projects_visible_to


def candidates(user: Any, city: City, states: Any) -> QuerySet[Project]:
    """Projects that may be published or are, the published first."""
    return projects_visible_to(user, city).filter(state__in=states).order_by("-published", "ref")


def history(city: City) -> QuerySet[Publication]:
    return (
        Publication.objects.filter(city=city).select_related("rule", "published_by").defer("content").order_by("-number")
    )  # fmt: skip


def newest_public(city_code: str) -> Publication | None:
    """What the world may read of a city: the newest publication, whoever asks. None where nothing ever went out."""
    return Publication.objects.filter(city__code=city_code).order_by("-number").first()
