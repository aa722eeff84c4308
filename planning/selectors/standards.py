"""Reads standards through the chain of profiles: what a profile does not say it takes from the one above."""

from __future__ import annotations

from django.db.models import QuerySet

from core.models import City
from planning.choices import Phase, ProfileStatus
from planning.models import MinimumNeed, Standard, StandardProfile


def chain(profile: StandardProfile) -> list[StandardProfile]:
    """The profile and those above it, itself first. A loop, which the services refuse, ends it."""
    found = [profile]
    while (above := found[-1].parent) is not None and above not in found:
        found.append(above)
    return found


def effective_standards(profile: StandardProfile) -> list[Standard]:
    """One row for each service and phase: the profile's own, or that of the nearest profile above that has one.
    `row.profile` tells whose it is. In the order of services and phases."""
    levels = chain(profile)
    rank = {one.pk: place for place, one in enumerate(levels)}
    rows = Standard.objects.filter(profile__in=levels).select_related("service", "profile")
    nearest: dict[tuple[int, str], Standard] = {}
    for row in sorted(rows, key=lambda row: -rank[row.profile_id]):
        nearest[row.service_id, row.phase] = row
    return sorted(
        nearest.values(), key=lambda row: (row.service.sort_order, row.service.code, _order(row.phase))
    )


def effective_needs(profile: StandardProfile) -> list[MinimumNeed]:
    """One row for each minimum need and phase, found in the same way."""
    levels = chain(profile)
    rank = {one.pk: place for place, one in enumerate(levels)}
    rows = MinimumNeed.objects.filter(profile__in=levels).select_related("profile")
    nearest: dict[tuple[str, str], MinimumNeed] = {}
    for row in sorted(rows, key=lambda row: -rank[row.profile_id]):
        nearest[row.code, row.phase] = row
    return sorted(nearest.values(), key=lambda row: (row.sort_order, row.code, _order(row.phase)))


def local_profiles(profile: StandardProfile, city: City) -> list[StandardProfile]:
    """Published profiles of areas inside the city that derive from this one, wider areas first."""
    derived: QuerySet[StandardProfile] = (
        StandardProfile.objects.filter(
            status=ProfileStatus.PUBLISHED, area__city=city, area__parent__isnull=False
        )
        .exclude(pk=profile.pk)
        .select_related("area", "parent")
        .order_by("area__path")
    )
    return [one for one in derived if profile in chain(one)[1:]]


def _order(phase: str) -> int:
    return Phase.values.index(phase) + 1 if phase else 0
