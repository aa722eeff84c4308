"""Reads standards through the chain of profiles: what a profile does not say it takes from the one above."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, TypeVar

from django.db.models import Q, QuerySet
from django.forms.models import model_to_dict

from core import policies
from core.models import City
from facilities.models import ServiceType
from planning.choices import Phase, ProfileStatus
from planning.models import MinimumNeed, Standard, StandardProfile

Row = TypeVar("Row", Standard, MinimumNeed)


def chain(profile: StandardProfile) -> list[StandardProfile]:
    """The profile and those above it, itself first. A loop, which the services refuse, ends it."""
    found = [profile]
    while (above := found[-1].parent) is not None and above not in found:
        found.append(above)
    return found


def profiles_visible_to(user: Any) -> QuerySet[StandardProfile]:
    """Profiles of no area concern everybody; those of an area, whoever has a role in its city. `user` None: a command."""
    rows = StandardProfile.objects.select_related("area", "area__city", "parent", "created_by", "reviewed_by")
    return rows if user is None else rows.filter(seen_by(user))


def seen_by(user: Any, prefix: str = "") -> Q:
    """The filter behind `profiles_visible_to`; `prefix` is the path to the profile from another model."""
    mine = City.objects.filter(policies.visible_cities(user))
    return Q(**{f"{prefix}area": None}) | Q(**{f"{prefix}area__city__in": mine})


def versions_of(profile: StandardProfile) -> QuerySet[StandardProfile]:
    """Every version of the profile's family, newest first."""
    family = profile.family or profile.code
    rows = StandardProfile.objects.filter(Q(family=family) | Q(pk=profile.pk))
    return rows.select_related("created_by", "reviewed_by").order_by("-version", "-id")


def former_version(profile: StandardProfile) -> StandardProfile | None:
    """The version before this one, whatever became of it."""
    return versions_of(profile).filter(version__lt=profile.version).first()


def effective_standards(profile: StandardProfile, on: date | None = None) -> list[Standard]:
    """One row for each service and phase: the profile's own, or that of the nearest profile above that has one.
    `row.profile` tells whose it is. In the order of services and phases. `on`: only rows that are valid on that day."""
    levels = chain(profile)
    rows = Standard.objects.filter(profile__in=levels).select_related(
        "service", "profile", "changed_by", "reviewed_by", "profile__reviewed_by"
    )
    if on is not None:
        rows = rows.filter(Q(valid_from=None) | Q(valid_from__lte=on), Q(valid_to=None) | Q(valid_to__gte=on))
    return nearest_rows(rows, levels)


def effective_needs(profile: StandardProfile) -> list[MinimumNeed]:
    """One row for each minimum need and phase, found in the same way."""
    levels = chain(profile)
    rows = MinimumNeed.objects.filter(profile__in=levels).select_related("profile", "profile__reviewed_by")
    return nearest_rows(rows, levels)


def nearest_rows(rows: Iterable[Row], levels: Sequence[StandardProfile]) -> list[Row]:
    """Of rows of several profiles, for each thing and phase the row of the first of `levels` that has one."""
    rank = {one.pk: place for place, one in enumerate(levels)}
    nearest: dict[tuple[Any, str], Row] = {}
    for row in sorted(rows, key=lambda row: -rank[row.profile_id]):
        nearest[thing_of(row)] = row
    return sorted(nearest.values(), key=lambda row: (*_place(row), _order(row.phase)))


def thing_of(row: Standard | MinimumNeed) -> tuple[Any, str]:
    """What a row speaks of: a service or a minimum need, and the phase."""
    return (row.service_id if isinstance(row, Standard) else row.code), row.phase


def _place(row: Standard | MinimumNeed) -> tuple[int, str]:
    if isinstance(row, Standard):
        return row.service.sort_order, row.service.code
    return row.sort_order, row.code


def governing_profile(profile: StandardProfile) -> StandardProfile:
    """The profile that judges a whole city when `profile` is chosen: itself, or the nearest above it that is not that of
    a district. A district's profile holds in its district; the rest of the city keeps what it derives from."""
    for one in chain(profile):
        if not is_local(one):
            return one
    return profile


def standard_for(profile: StandardProfile, service: ServiceType) -> Standard | None:
    """What judges a service in a run by the profile: the first phase that it speaks of; None where it does not."""
    rows = effective_standards(governing_profile(profile))
    return next((row for row in rows if row.service_id == service.pk), None)


def profiles_on_offer(city: City, *, drafts: bool = False) -> QuerySet[StandardProfile]:
    """Published profiles (and drafts) that a run of the city may be judged by, the default one first."""
    here = Q(area=None) | Q(area__city=city)
    states = [ProfileStatus.PUBLISHED, *([ProfileStatus.DRAFT] if drafts else [])]
    rows = StandardProfile.objects.filter(here, status__in=states)
    return rows.select_related("area").order_by("-is_default", "code")


def is_local(profile: StandardProfile) -> bool:
    """Does it hold for a part of a city only?"""
    return profile.area is not None and profile.area.parent_id is not None


def local_profiles(
    profile: StandardProfile, city: City, adopting: StandardProfile | None = None
) -> list[StandardProfile]:
    """Published profiles of areas inside the city that derive from this one, wider areas first. `adopting`: a draft that
    counts as if it were published already, in place of the former version of its family."""
    derived: QuerySet[StandardProfile] = (
        StandardProfile.objects.filter(area__city=city, area__parent__isnull=False)
        .exclude(pk=profile.pk)
        .select_related("area", "parent")
        .order_by("area__path")
    )
    holds = Q(status=ProfileStatus.PUBLISHED)
    if adopting is not None:
        holds = (holds & ~Q(family=adopting.family or adopting.code)) | Q(pk=adopting.pk)
    return [one for one in derived.filter(holds) if profile in chain(one)[1:]]


def children_of(profile: StandardProfile) -> QuerySet[StandardProfile]:
    """Published profiles that derive from this very version."""
    return profile.children.filter(status=ProfileStatus.PUBLISHED).select_related("area").order_by("code")


def revision_of(record: StandardProfile | Standard | MinimumNeed) -> int:
    """A whole number that changes whenever the record does, so that nobody overwrites what they have not seen. That of
    a profile changes with its rows too."""
    if isinstance(record, StandardProfile):
        return int(record.updated_at.timestamp() * 1_000_000) if record.updated_at else 0
    said = json.dumps(model_to_dict(record), sort_keys=True, default=str, ensure_ascii=False)
    return int(hashlib.sha256(said.encode()).hexdigest()[:12], 16)


def _order(phase: str) -> int:
    return Phase.values.index(phase) + 1 if phase else 0
