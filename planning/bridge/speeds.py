"""Speeds of a profile, frozen for a run."""

from __future__ import annotations

from typing import Any

from planning.models import SpeedProfile


def freeze_speeds(profile: SpeedProfile | None) -> dict[str, Any]:
    """All of a profile that can move a travel time, and where its numbers come from; empty without a profile: every
    street at its own speed."""
    if profile is None:
        return {}
    names = ["code", "name", "name_en", "walk_m_per_min", "entry_m_per_min", "walk_source", "walk_certainty"]
    rules = ["road_class", "time_of_day", "kmh", "factor", "source", "certainty"]
    return {name: getattr(profile, name) for name in names} | {
        "rules": [{name: getattr(row, name) for name in rules} for row in profile.rules.all()]
    }


def default_speeds() -> SpeedProfile | None:
    return SpeedProfile.objects.filter(is_default=True).first()
