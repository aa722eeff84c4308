"""What sheltered people need, by profile and by time, two profiles side by side; for a number of people or those of a run.

Amounts of one time hold for everybody then: stocks and buildings are counted once, what is used up is counted by the day.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import AreaLevel
from core.errors import DomainError
from core.models import Area
from facilities.models import ServiceType
from planning.bridge.asked import frozen_of
from planning.bridge.results import area_sums
from planning.bridge.situation import Shares, counted_at, people_counted, share_counted
from planning.choices import PHASE_BEGINS_HOURS, Driver, NeedBasis, Phase, RunState
from planning.models import AreaResult, MinimumNeed, Run, StandardProfile
from planning.selectors.standards import effective_needs

PEOPLE_MOST, DAYS_MOST = 100_000_000, 3650
SEEKING, DISPLACED, SERVED = "seeking", "displaced", "served"


@dataclass(frozen=True)
class Period:
    """Days of the stay, both counted: the first is day 1."""

    first: int
    last: int

    @property
    def days(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Side:
    """What one profile asks for: the row, and the quantity in units of the row for all people (in the whole period, where
    it is used up by the day)."""

    row: MinimumNeed
    quantity: float
    daily: float | None


@dataclass(frozen=True)
class NeedLine:
    """One need in one period. A side is None where the profile does not name it then."""

    period: Period
    own: Side | None
    other: Side | None

    @property
    def share(self) -> float | None:
        """other over own, less 1; None where one is missing or they count differently."""
        if self.own is None or self.other is None or not self.own.quantity:
            return None
        alike = self.own.row.unit_en == self.other.row.unit_en
        return self.other.quantity / self.own.quantity - 1 if alike else None

    @property
    def differs(self) -> bool:
        if self.own is None or self.other is None:
            return self.own is not self.other
        one, two = self.own.row, self.other.row
        return (one.amount, one.basis, one.unit_en) != (two.amount, two.basis, two.unit_en)


@dataclass(frozen=True)
class NeedOf:
    """One need: its periods, and the whole stay in units: the sum of what is used up, the most at once of what stays."""

    code: str
    named: MinimumNeed
    lines: list[NeedLine]
    own: float | None
    other: float | None

    @property
    def differs(self) -> bool:
        return any(line.differs for line in self.lines)


@dataclass(frozen=True)
class PeopleOfArea:
    area: Area
    people: int


@dataclass(frozen=True)
class ShelteredPeople:
    """Sheltered people of a run: by district as far as the person may see, and all of them. `stage`: what they are."""

    run: Run
    stage: str
    people: int
    areas: list[PeopleOfArea]


def minimum_needs(
    *, people: int, days: int, profile: StandardProfile, other: StandardProfile | None = None
) -> list[NeedOf]:
    """Quantities for `people` sheltered for `days`, by need and period; in the order of the first profile, then what only
    the other one names. Neighbouring phases in which neither side changes are one period."""
    if not 1 <= people <= PEOPLE_MOST:
        raise DomainError(
            "people-out-of-range", _("Give a whole number of people from 1 to 100,000,000."), status=422
        )
    if not 1 <= days <= DAYS_MOST:
        raise DomainError("days-out-of-range", _("Give a whole number of days from 1 to 3,650."), status=422)
    own = _by_code(effective_needs(profile))
    others = _by_code(effective_needs(other)) if other is not None else {}
    found = []
    for code in [*own, *(code for code in others if code not in own)]:
        lines = [
            NeedLine(period, _side(one, people, period), _side(two, people, period))
            for period, one, two in _periods(own.get(code, {}), others.get(code, {}), days)
        ]
        if not lines:
            continue
        named = next(iter((own.get(code) or others[code]).values()))
        found.append(
            NeedOf(
                code,
                named,
                lines,
                _whole([line.own for line in lines]),
                _whole([line.other for line in lines]),
            )
        )
    return found


def sheltered_people(
    *, run: Run, user: Any, stage: str = SEEKING, service: ServiceType | None = None
) -> ShelteredPeople:
    """The people of a finished run who must be kept: those who seek shelter (those displaced, where the scenario gives no
    share who seek it), or those whom `service` serves. Whole people, by largest remainder over the districts."""
    if run.state != RunState.DONE:
        raise DomainError("run-not-done", _("The run has no result yet."), status=422)
    if stage not in (SEEKING, DISPLACED, SERVED):
        raise DomainError(
            "unknown-stage", _("Count those who seek shelter, are displaced or are served."), status=422
        )
    if stage == SERVED and service is None:
        raise DomainError("service-missing", _("Say by which service they are served."), status=422)
    frozen, scenario = frozen_of(run), run.scenario_frozen
    shares = Shares(frozen, scenario)
    if service is not None and stage == SERVED:
        standard = next((row for row in run.standards_frozen if row["service"] == service.code), None)
        if standard is None:
            raise DomainError("service-not-counted", _("This run does not count the service."), status=404)
        column = people_counted(frozen, scenario, standard, run.time_of_day) * share_counted(
            shares, standard["driver"]
        )
        sums = area_sums(frozen, np.nan_to_num(column))
    else:
        time, code = counted_at(scenario, Driver.PRESENT, run.time_of_day)
        driver = {SEEKING: Driver.SHELTERED, DISPLACED: Driver.DISPLACED}
        people = frozen.people(time, code)
        column = people * share_counted(shares, driver[stage])
        if stage == SEEKING and not np.isfinite(column).all():
            stage, column = DISPLACED, people * share_counted(shares, Driver.DISPLACED)
        if not np.isfinite(column).all():
            raise DomainError(
                "rates-missing", _("The scenario does not say how many people leave home."), status=422
            )
        sums = area_sums(frozen, column)
    return _told(
        run,
        user,
        stage,
        service,
        dict(zip(np.asarray(frozen["area_id"]).tolist(), sums.tolist(), strict=True)),
    )


def _told(
    run: Run, user: Any, stage: str, service: ServiceType | None, sums: dict[int, float]
) -> ShelteredPeople:
    """The people by district, or by the person's own areas where they are smaller; cells in no district count in the city
    alone."""
    served = _served_shares(run, service) if stage == SERVED and service is not None else None

    def people_in(area: Area) -> float:
        return sums.get(area.pk, 0.0) * (1.0 if served is None else served.get(area.pk, 0.0))

    areas = list(Area.objects.filter(city=run.city_id).order_by("path"))
    paths = None if user is None else policies.visible_paths(user, run.city_id)
    if paths is None or any(policies.city_wide(path) for path in paths):
        tops = [area for area in areas if area.level == AreaLevel.CITY]
    else:
        inner = {path for path in paths for other in paths if path != other and path.startswith(other)}
        tops = [area for area in areas if area.path in set(paths) - inner]
    rows = [
        area
        for area in areas
        if area.level == AreaLevel.DISTRICT and any(area.path.startswith(top.path) for top in tops)
    ] or tops
    values = [people_in(area) for area in rows]
    people = round(sum(people_in(area) for area in tops))
    counts = _whole_people(values, min(people, round(sum(values))))
    told = [PeopleOfArea(area, count) for area, count in zip(rows, counts, strict=True)]
    return ShelteredPeople(run, stage, people, told)


def _served_shares(run: Run, service: ServiceType) -> dict[int, float]:
    rows = AreaResult.objects.filter(run=run, service=service).values_list("area_id", "served", "need")
    return {area: served / need for area, served, need in rows if need}


def _whole_people(values: Sequence[float], total: int) -> list[int]:
    """Whole numbers that add up to `total`, by largest remainder."""
    floors = [math.floor(value) for value in values]
    order = sorted(range(len(values)), key=lambda n: (floors[n] - values[n], n))
    for n in order[: max(0, total - sum(floors))]:
        floors[n] += 1
    return floors


def _by_code(rows: Sequence[MinimumNeed]) -> dict[str, dict[str, MinimumNeed]]:
    found: dict[str, dict[str, MinimumNeed]] = {}
    for row in rows:
        found.setdefault(row.code, {})[row.phase] = row
    return found


def _periods(
    own: dict[str, MinimumNeed], other: dict[str, MinimumNeed], days: int
) -> list[tuple[Period, MinimumNeed | None, MinimumNeed | None]]:
    """The phases of the stay with the row of each side; a row for the phase comes before one for all the time."""
    begins = [PHASE_BEGINS_HOURS[phase] // 24 for phase in Phase] + [DAYS_MOST]
    found: list[tuple[Period, MinimumNeed | None, MinimumNeed | None]] = []
    for n, phase in enumerate(Phase.values):
        if begins[n] >= days:
            break
        one, two = own.get(phase) or own.get(""), other.get(phase) or other.get("")
        if one is None and two is None:
            continue
        period = Period(begins[n] + 1, min(begins[n + 1], days))
        if (
            found
            and _same(found[-1][1], one)
            and _same(found[-1][2], two)
            and found[-1][0].last + 1 == period.first
        ):
            found[-1] = (Period(found[-1][0].first, period.last), one, two)
        else:
            found.append((period, one, two))
    return found


def _same(one: MinimumNeed | None, two: MinimumNeed | None) -> bool:
    if one is None or two is None:
        return one is two
    names = ("amount", "basis", "unit_en", "source", "clause", "certainty")
    return all(getattr(one, name) == getattr(two, name) for name in names)


def _side(row: MinimumNeed | None, people: int, period: Period) -> Side | None:
    if row is None:
        return None
    if row.basis == NeedBasis.PERSON_DAY:
        return Side(row, people * row.amount * period.days, people * row.amount)
    if row.basis == NeedBasis.PEOPLE_PER_UNIT:
        # 1e-9 forgives binary fractions; the last few people need a whole toilet too
        return Side(row, float(math.ceil(people / row.amount - 1e-9)), None)
    return Side(row, people * row.amount, None)


def _whole(sides: Sequence[Side | None]) -> float | None:
    known = [side for side in sides if side is not None]
    if not known:
        return None
    used_up = all(side.row.basis == NeedBasis.PERSON_DAY for side in known)
    return sum(side.quantity for side in known) if used_up else max(side.quantity for side in known)
