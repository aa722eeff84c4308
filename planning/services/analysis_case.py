"""What every kind of analysis starts from and ends in: a run's own world and score; facts, arrays and rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from engine.world import Score
from planning.bridge.frozen import Frozen
from planning.bridge.results import Groups, people_by_service
from planning.bridge.world import Situation
from planning.models import Run
from planning.services.answers import people_behind
from planning.services.kept_scores import kept_score
from planning.services.runs import changes_of, situation_of

Say = Callable[[float, str], None]
# Numbers held at once while something is summed by cell: half a gigabyte of whole numbers.
MOST_HELD = 64_000_000


@dataclass
class Case:
    """A finished run as the engine sees it. k services, n cells, m sites, a areas in path order."""

    run: Run
    situation: Situation
    score: Score

    @property
    def frozen(self) -> Frozen:
        return self.situation.frozen

    @property
    def need(self) -> np.ndarray:
        """(k, n) whole units."""
        return self.situation.world.demand.need

    @cached_property
    def codes(self) -> list[str]:
        return [row["service"] for row in self.situation.standards]

    @cached_property
    def people(self) -> np.ndarray:
        """(k, n) the people each standard counts."""
        return people_by_service(self.situation)

    @cached_property
    def groups(self) -> Groups:
        return Groups(self.run.city_id, self.situation)

    @cached_property
    def in_play(self) -> list[int]:
        """Services that somebody needs in this scenario."""
        return [k for k in range(len(self.codes)) if self.need[k].any()]

    def people_of(self, k: int, units: int) -> int:
        """How many people's need so many units of service k meet, by the ratio the run used."""
        return people_behind(int(units), self.situation.world.standards[k].ratio)

    def by_area(self, values: np.ndarray) -> np.ndarray:
        """(a,) sums of (n,) values: an area's own cells and everything below it; children come after their parents."""
        areas, index = len(self.frozen["area_id"]), np.asarray(self.frozen["cell_area"])
        held = index >= 0
        sums = np.bincount(index[held], np.asarray(values, np.float64)[held], areas)
        parents = np.asarray(self.frozen["area_parent"])
        for position in range(areas - 1, -1, -1):
            if parents[position] >= 0:
                sums[parents[position]] += sums[position]
        return sums

    def units_by_area(self, values: np.ndarray) -> np.ndarray:
        """As by_area, in whole units."""
        return np.rint(self.by_area(values)).astype(np.int64)

    def in_districts(self) -> np.ndarray:
        """Positions of the areas one level below the city, as far as the city has any."""
        level = np.asarray(self.frozen["area_level"])
        below = level[level > level.min()] if len(level) else level
        return np.flatnonzero(level == below.min()) if len(below) else np.empty(0, np.int64)


@dataclass
class Outcome:
    """`facts` are shown first; `arrays` go to the store beside `meta`; `rows` are (table, columns) for COPY, where a
    column is (name, kind, values) and the analysis's own id is added when they are written.

    `drawn`: (k, n) numbers by name that tiles carry: they may be summed, so that a hexagon's number is the sum of its
    cells."""

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    rows: list[tuple[str, list[tuple[str, str, np.ndarray]]]] = field(default_factory=list)
    drawn: dict[str, np.ndarray] = field(default_factory=dict)


def case_of(run: Run) -> Case:
    """The run's own snapshot, settings and kept score. Raises DomainError when it keeps no score."""
    score = kept_score(run)
    return Case(run, situation_of(run, changes_of(run)), score)


def keep_drawn(case: Case, outcome: Outcome) -> None:
    """Put what tiles draw among the arrays: by cell, and summed by hexagon of each level."""
    ids = case.groups.ids
    for name, values in outcome.drawn.items():
        outcome.arrays[f"cell_{name}"] = _small(values)
        for level in ids:
            sums = np.stack([case.groups.sums(level, row) for row in values])
            outcome.arrays[f"hexagon{level}_{name}"] = _small(np.rint(sums).astype(np.int64))
    for level, values in ids.items():
        outcome.arrays[f"hexagon{level}_id"] = values
    outcome.meta |= {
        "drawn": list(outcome.drawn),
        "levels": [int(level) for level in ids],
        "services": case.codes,
    }


def _small(values: np.ndarray) -> np.ndarray:
    """Half the bytes where the numbers allow it."""
    fits = not values.size or (values.min() >= -(2**31) and values.max() < 2**31)
    return values.astype(np.int32) if fits else values


def number(value: Any, name: str, low: float, high: float) -> float:
    """A setting as a number within its limits. Raises DomainError."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = float("nan")
    if isinstance(value, bool) or not low <= found <= high:
        raise DomainError(
            "setting-out-of-range",
            _("%(name)s must be a number from %(low)s to %(high)s.")
            % {"name": name, "low": f"{low:g}", "high": f"{high:g}"},
            status=422,
        )
    return found


def only(params: dict[str, Any], known: Iterable[str]) -> None:
    """Refuse settings that this kind does not have."""
    if unknown := sorted(set(params) - set(known)):
        raise DomainError(
            "unknown-setting",
            _("This analysis has no setting %(names)s.") % {"names": ", ".join(unknown)},
            status=422,
            unknown=unknown,
            known=sorted(known),
        )
