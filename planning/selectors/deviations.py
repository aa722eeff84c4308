"""What a profile says otherwise than another one: which parameter, by how much, why and who."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from planning.models import MinimumNeed, Standard, StandardProfile
from planning.selectors.standards import (
    chain,
    effective_needs,
    effective_standards,
    nearest_rows,
    profiles_visible_to,
    thing_of,
)

# Parameter of a standard -> which of its certainties tells how sure it is.
STANDARD_PARAMETERS = {
    "driver": "ratio", "group": "ratio", "ratio": "ratio", "ratio_low": "ratio", "ratio_high": "ratio", "reach_limit": "reach",
    "reach_unit": "reach", "mode": "reach", "conversion_limit_hours": "conversion", "weight": "ratio",
}  # fmt: skip
NEED_PARAMETERS = ("amount", "basis", "unit_en")
CHANGED, ADDED = "changed", "added"
Row = Standard | MinimumNeed


@dataclass(frozen=True)
class Deviation:
    """One parameter of one row. `own` and `above` are the two values (above None: the other profile has no such row);
    `row` and `base` are the rows they stand in. Ratios are units a person, reach metres or minutes, limits hours."""

    parameter: str
    own: Any
    above: Any
    row: Row
    base: Row | None

    @property
    def kind(self) -> str:
        return ADDED if self.base is None else CHANGED

    @property
    def code(self) -> str:
        return self.row.service.code if isinstance(self.row, Standard) else self.row.code

    @property
    def thing(self) -> Any:
        """What has a name in both languages: the service, or the need itself."""
        return self.row.service if isinstance(self.row, Standard) else self.row

    @property
    def difference(self) -> float | None:
        """own - above; None where one is not a number."""
        both = (self.own, self.above)
        if any(isinstance(one, bool) or not isinstance(one, int | float) for one in both):
            return None
        return float(self.own - self.above)

    @property
    def share(self) -> float | None:
        """The difference as a share of the value above."""
        return self.difference / self.above if self.difference is not None and self.above else None

    @property
    def own_certainty(self) -> str:
        return certainty_of(self.row, self.parameter)

    @property
    def above_certainty(self) -> str:
        return "" if self.base is None else certainty_of(self.base, self.parameter)

    @property
    def changed_by(self) -> Any:
        return getattr(self.row, "changed_by", None) or self.row.profile.created_by

    @property
    def reviewed_by(self) -> Any:
        return getattr(self.row, "reviewed_by", None) or self.row.profile.reviewed_by


def certainty_of(row: Row, parameter: str) -> str:
    if isinstance(row, MinimumNeed):
        return row.certainty
    return str(getattr(row, f"{STANDARD_PARAMETERS[parameter]}_certainty"))


def deviations(profile: StandardProfile, against: StandardProfile | None = None) -> list[Deviation]:
    """Every number that the profile, with all it inherits, says otherwise than `against` does (None: than the profile it
    derives from); nothing where there is no such profile. In the order of services, then of minimum needs."""
    against = against or profile.parent
    if against is None or against.pk == profile.pk:
        return []
    return [
        *_differences(effective_standards(profile), effective_standards(against)),
        *_differences(effective_needs(profile), effective_needs(against)),
    ]


def root_of(profile: StandardProfile) -> StandardProfile:
    """The profile at the top of the chain."""
    return chain(profile)[-1]


def row_differences(row: Row, base: Row | None) -> list[Deviation]:
    """What one row says otherwise than another; a row that the other profile lacks is one deviation, its ratio or
    amount."""
    if isinstance(row, Standard):
        main, names = "ratio", tuple(STANDARD_PARAMETERS)
    else:
        main, names = "amount", NEED_PARAMETERS
    if base is None:
        return [Deviation(main, getattr(row, main), None, row, None)]
    return [
        Deviation(name, getattr(row, name), getattr(base, name), row, base)
        for name in names
        if getattr(row, name) != getattr(base, name)
    ]


def deviation_counts() -> dict[int, int]:
    """{profile id: how many of its numbers differ from the profile above}, for all profiles, in three statements."""
    profiles = {one.pk: one for one in StandardProfile.objects.all()}
    for one in profiles.values():
        if one.parent_id:
            one.parent = profiles[one.parent_id]
    rows: dict[int, list[list[Any]]] = defaultdict(lambda: [[], []])
    for place, found in enumerate((Standard.objects.select_related("service"), MinimumNeed.objects.all())):
        for row in found:
            rows[row.profile_id][place].append(row)
    counts = {}
    for one in profiles.values():
        if one.parent is None:
            continue
        above = chain(one.parent)
        counts[one.pk] = sum(
            len(_differences(rows[one.pk][place], nearest_rows([row for level in above for row in rows[level.pk][place]], above)))
            for place in (0, 1)
        )  # fmt: skip
    return counts


def profile_rows(user: Any) -> list[StandardProfile]:
    """Profiles for a list, the default one first, then by family, newest version first; each with `services` (how many
    it has rows for itself) and `deviations` (how many of its numbers differ from the profile it derives from)."""
    rows = list(
        profiles_visible_to(user)
        .annotate(services=Count("standards__service", distinct=True))
        .order_by("-is_default", "family", "-version", "code")
    )
    counts = deviation_counts()
    for row in rows:
        row.deviations = counts.get(row.pk, 0)
    return rows


def _differences(own: Sequence[Any], other: Sequence[Any]) -> list[Deviation]:
    base = {thing_of(row): row for row in other}
    return [one for row in own for one in row_differences(row, base.get(thing_of(row)))]
