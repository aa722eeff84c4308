"""The standards a run is judged by, frozen: one row for each service, with whose row it is and what differs by place."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from core.models import City
from planning.choices import PHASE_BEGINS_HOURS, Phase
from planning.models import Standard, StandardProfile
from planning.selectors.standards import chain, effective_standards, governing_profile, local_profiles

NAMES = [
    "driver", "group", "phase", "ratio", "ratio_low", "ratio_high", "per_people", "ratio_text", "ratio_text_en", "ratio_source",
    "ratio_clause", "ratio_certainty", "reach_limit", "reach_unit", "mode", "reach_source", "reach_clause", "reach_certainty",
    "conversion_limit_hours", "conversion_source", "conversion_clause", "conversion_certainty", "weight",
]  # fmt: skip


def freeze_standards(
    profile: StandardProfile, scenario: dict[str, Any], city: City | None = None
) -> list[dict[str, Any]]:
    """The standards of a profile for the services of a frozen scenario, in their order; a service without one, or whose
    phases all begin after the scenario has ended, or whose rows are not valid today, is left out.

    Where a service has several phases, the one that asks for most a person (ratio x share still in need) governs the run;
    all of them stand under "phases". `city`: ratios of published profiles of its districts go into "local". A district's
    own profile is judged as if it were published: it holds in its district, and what it derives from in the rest.
    """
    by_service: dict[str, list[Standard]] = {}
    chosen, profile = profile, governing_profile(profile)
    for row in effective_standards(profile, timezone.localdate()):
        by_service.setdefault(row.service.code, []).append(row)
    adopting = chosen if chosen.pk != profile.pk else None
    local = _local_rows(local_profiles(profile, city, adopting), profile) if city is not None else []
    frozen = []
    for code in scenario["services"]:
        rows = [row for row in by_service.get(code, []) if begins_in_time(row.phase, scenario)]
        if not rows:
            continue
        told = [_told(row, scenario) for row in rows]
        governs = max(told, key=lambda row: row["ratio"] * row["stay_share"])
        governs["phases"] = [
            {name: row[name] for name in ("phase", "ratio", "stay_share", "ratio_certainty")}
            | {"local": _local(row, local)}
            for row in told
        ]
        governs["local"] = _local(governs, local)
        frozen.append(governs)
    return frozen


def begins_in_time(phase: str, scenario: dict[str, Any]) -> bool:
    """Does the phase begin before the scenario has ended?"""
    lasts = scenario.get("duration_hours")
    return not phase or lasts is None or PHASE_BEGINS_HOURS[Phase(phase)] < lasts


def stay_share(phase: str, scenario: dict[str, Any]) -> float:
    """Share of the people who still need the service in the phase; everybody where the scenario does not say."""
    return float(scenario.get("stay_shares", {}).get(phase, 1.0)) if phase else 1.0


def _told(row: Standard, scenario: dict[str, Any]) -> dict[str, Any]:
    return {
        "service": row.service.code,
        "unit": row.service.unit,
        "profile": row.profile.code,
        "stay_share": stay_share(row.phase, scenario),
    } | {name: getattr(row, name) for name in NAMES}


def _local_rows(
    local: list[StandardProfile], profile: StandardProfile
) -> list[tuple[str, dict[tuple[str, str], Standard]]]:
    """(area, what was said between it and the profile of the run by service and phase), wider areas first."""
    above = {one.pk for one in chain(profile)}
    return [
        (
            one.area.code,
            {
                (row.service.code, row.phase): row
                for row in effective_standards(one, timezone.localdate())
                if row.profile_id not in above
            },
        )
        for one in local
        if one.area is not None
    ]


def _local(
    told: dict[str, Any], local: list[tuple[str, dict[tuple[str, str], Standard]]]
) -> list[dict[str, Any]]:
    """Ratios of districts that differ from one frozen row, wider areas first."""
    found: list[dict[str, Any]] = []
    for area, rows in local:
        row = rows.get((told["service"], told["phase"]))
        # An inner area may go back to the city's ratio inside a wider one that left it.
        if row is None or (row.ratio == told["ratio"] and not found):
            continue
        found.append(
            {
                "area": area, "profile": row.profile.code, "ratio": row.ratio, "ratio_text": row.ratio_text,
                "ratio_text_en": row.ratio_text_en, "ratio_source": row.ratio_source, "ratio_clause": row.ratio_clause,
                "ratio_certainty": row.ratio_certainty, "reason": row.reason,
            }
        )  # fmt: skip
    return found
