"""What must be true of the rows of a profile, one by one and together."""

from __future__ import annotations

import math
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.errors import Problem
from facilities.importers.problems import filled
from planning.choices import Driver, NeedBasis, PeopleGroup, Phase, ProfileLevel, ReachUnit, TravelMode
from planning.models import MinimumNeed, Standard, StandardProfile
from planning.selectors.deviations import row_differences
from planning.selectors.standards import effective_needs, effective_standards, thing_of

CERTAINTIES = ("A", "B", "C", "D")
# What a district may not change: facilities near its border serve the districts beside it too.
OF_FACILITIES = ("reach_limit", "reach_unit", "mode", "conversion_limit_hours", "weight", "driver", "group")
RATIO_MOST, REACH_MOST, HOURS_MOST, AMOUNT_MOST = 100_000.0, 1_000_000.0, 100_000.0, 1e9
_CHOICES = {
    "driver": Driver.values, "group": ["", *PeopleGroup.values], "phase": ["", *Phase.values], "reach_unit": ReachUnit.values,
    "mode": TravelMode.values, "basis": NeedBasis.values,
}  # fmt: skip


def standard_problems(row: Standard, above: Standard | None, profile: StandardProfile) -> list[Problem]:
    """Everything wrong with one standard, by the name of the field. `above`: the row of the profile above for the same
    service and phase; None where it has none."""
    found = _Found()
    found.choices(row, ("driver", "group", "phase", "reach_unit", "mode"))
    found.number("ratio", row.ratio, RATIO_MOST)
    found.number("reach_limit", row.reach_limit, REACH_MOST)
    if row.conversion_limit_hours is not None:
        found.number("conversion_limit_hours", row.conversion_limit_hours, HOURS_MOST)
    if not _is_number(row.weight) or row.weight < 0:
        found.say("weight", "number-out-of-range", _("Give a number of 0 or more."))
    if row.per_people < 1:
        found.say("per_people", "number-out-of-range", _("Give a whole number of 1 or more."))
    if row.ratio_low is not None and not (_is_number(row.ratio_low) and 0 <= row.ratio_low <= row.ratio):
        found.say(
            "ratio_low", "range-crossed", _("The lowest likely value lies between 0 and the ratio itself.")
        )
    if row.ratio_high is not None and not (_is_number(row.ratio_high) and row.ratio <= row.ratio_high):
        found.say("ratio_high", "range-crossed", _("The highest likely value is not below the ratio itself."))
    found.sourced(row, "ratio_source", "ratio_certainty")
    found.sourced(row, "reach_source", "reach_certainty")
    if row.conversion_limit_hours is not None:
        found.sourced(row, "conversion_source", "conversion_certainty")
    if row.valid_from and row.valid_to and row.valid_to < row.valid_from:
        found.say("valid_to", "dates-crossed", _("The last day lies before the first."))
    if profile.level == ProfileLevel.DISTRICT:
        found.district(row, above)
    if profile.parent_id and not row.reason.strip() and row_differences(row, above):
        found.say("reason", "reason-missing", _("Say why it differs from the profile above."))
    return found.problems


def need_problems(row: MinimumNeed, above: MinimumNeed | None, profile: StandardProfile) -> list[Problem]:
    """Everything wrong with one minimum need, by the name of the field."""
    found = _Found()
    found.choices(row, ("basis", "phase"))
    found.number("amount", row.amount, AMOUNT_MOST)
    for name in ("code", "name", "unit"):
        if not getattr(row, name).strip():
            found.say(name, "value-missing", _("Fill this in."))
    found.sourced(row, "source", "certainty")
    if profile.parent_id and not row.reason.strip() and row_differences(row, above):
        found.say("reason", "reason-missing", _("Say why it differs from the profile above."))
    return found.problems


def problems_of(profile: StandardProfile) -> list[Problem]:
    """Everything that keeps a draft from being published, with the service or need it is about in `file`."""
    above = profile.parent
    base: dict[Any, Any] = {} if above is None else {thing_of(row): row for row in effective_standards(above)}
    base_needs: dict[Any, Any] = (
        {} if above is None else {thing_of(row): row for row in effective_needs(above)}
    )
    problems = []
    own = list(profile.standards.select_related("service"))
    for row in own:
        for problem in standard_problems(row, base.get(thing_of(row)), profile):
            problems.append(_of(problem, row.service.code, row.phase))
    for need in profile.minimum_needs.all():
        for problem in need_problems(need, base_needs.get(thing_of(need)), profile):
            problems.append(_of(problem, need.code, need.phase))
    effective = effective_standards(profile)
    if not effective:
        problems.append(Problem("profile-empty", _("The profile has no standard yet, and none above it.")))
    problems += phase_problems(effective)
    today = timezone.localdate()
    if profile.valid_to and profile.valid_to < today:
        problems.append(
            Problem("profile-over", _("The last day of the profile has passed."), column="valid_to")
        )
    if above is not None and above.status == "draft":
        problems.append(
            Problem(
                "parent-draft", _("The profile above is a draft itself; publish it first."), column="parent"
            )
        )
    return problems


def phase_problems(rows: list[Standard]) -> list[Problem]:
    """Phases of one service must count the same people, else the phase that asks for most has no meaning."""
    said: dict[int, Standard] = {}
    problems = []
    for row in rows:
        first = said.setdefault(row.service_id, row)
        if (row.driver, row.group) != (first.driver, first.group):
            words = filled(
                _("The phases of %(service)s count different people; they must agree."),
                {"service": row.service.code},
            )
            problems.append(Problem("phases-disagree", words, file=row.service.code, column="driver"))
    return problems


def _of(problem: Problem, code: str, phase: str) -> Problem:
    place = f"{code} {phase}".strip()
    return Problem(problem.code, problem.message, file=place, column=problem.column, value=problem.value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


class _Found:
    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def say(self, column: str, code: str, words: Any) -> None:
        self.problems.append(Problem(code, words, column=column))

    def choices(self, row: Any, names: tuple[str, ...]) -> None:
        for name in names:
            if getattr(row, name) not in _CHOICES[name]:
                self.say(name, "choice-unknown", _("Choose one of the values."))

    def number(self, column: str, value: Any, most: float) -> None:
        if not _is_number(value) or not 0 < value <= most:
            words = filled(_("Give a number above 0 and not above %(most)s."), {"most": f"{most:,.0f}"})
            self.say(column, "number-out-of-range", words)

    def sourced(self, row: Any, source: str, certainty: str) -> None:
        if not getattr(row, source).strip():
            self.say(
                source,
                "source-missing",
                _("Name the source; write “our proposal” where there is none."),
            )
        if getattr(row, certainty) not in CERTAINTIES:
            self.say(certainty, "certainty-missing", _("Say how sure it is."))

    def district(self, row: Standard, above: Standard | None) -> None:
        if above is None:
            self.say(
                "ratio",
                "district-adds",
                _(
                    "A district may change a ratio of the profile above; a service or phase of its own has nothing to stand on."
                ),
            )
            return
        for name in OF_FACILITIES:
            if getattr(row, name) != getattr(above, name):
                self.say(
                    name,
                    "district-only-ratios",
                    _(
                        "A district may change ratios only: this belongs to facilities that serve across its border."
                    ),
                )
