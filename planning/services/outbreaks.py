"""The course of the outbreak behind a scenario, day by day."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from planning.bridge.templates import outbreak_of, worked_out
from planning.choices import ScenarioTemplate
from planning.models import Scenario

COMPARTMENTS = ("susceptible", "infected", "infectious_unfound", "infectious_found", "isolated", "recovered")
WEEK = 7
# A week with less than this share of the peak is not drawn once the outbreak is over.
OVER = 0.005


def outbreak_course(*, scenario: Scenario) -> dict[str, Any]:
    """People for 10,000 residents by day: {"peak_per_10000", "peak_day", "still_rising", "days": [{"day", the compartments,
    "quarantined", "places", "beds"}]}. Raises DomainError (404) for a scenario without an outbreak."""
    if scenario.template != ScenarioTemplate.EPIDEMIC_CURVE or not scenario.model:
        raise DomainError(
            "no-outbreak", _("The scenario is not worked out from the course of an outbreak."), status=404
        )
    # Bad inputs are refused in the same words as a run.
    worked_out({"template": scenario.template, "model": scenario.model, "ratio_overrides": {}})
    course = outbreak_of(scenario.model)
    columns = [
        *course.compartments.T, course.contacts, course.places, course.beds,
    ]  # fmt: skip
    rows = (np.stack(columns, axis=1) * 10_000).round(4).tolist()
    names = (*COMPARTMENTS, "quarantined", "places", "beds")
    return {
        "peak_per_10000": course.peak * 10_000,
        "peak_day": course.peak_day,
        "still_rising": course.rising,
        "days": [{"day": day} | dict(zip(names, row, strict=True)) for day, row in enumerate(rows)],
    }


def course_by_week(*, scenario: Scenario) -> list[dict[str, Any]]:
    """The most people in isolation places in each week, for 10,000 residents, as bars of a chart whose width and height are
    100: {"week" (from 1), "places", "x", "y", "width", "height"}. Empty where there is no outbreak, or nobody is isolated."""
    try:
        course = outbreak_course(scenario=scenario)
    except DomainError:
        return []
    places = np.array([row["places"] for row in course["days"]])
    weeks = [float(places[day : day + WEEK].max()) for day in range(0, len(places), WEEK)]
    peak = max(weeks)
    if not peak > 0:
        return []
    last = max(number for number, value in enumerate(weeks) if value >= OVER * peak) + 1
    step = 100.0 / last
    return [
        {
            "week": number + 1, "places": value, "x": f"{number * step:.3f}", "width": f"{step * 0.85:.3f}",
            "y": f"{100 - 100 * value / peak:.3f}", "height": f"{100 * value / peak:.3f}",
        }
        for number, value in enumerate(weeks[:last])
    ]  # fmt: skip
