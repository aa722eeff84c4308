"""What the pages of analyses show: rows by area, curves and bars, each only as far as the person may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import F, Sum

from core.models import Area
from facilities.models import ServiceType
from planning.bridge.analyses import Kept, kept_arrays, mine
from planning.models import Analysis
from planning.selectors import analyses, gaps
from planning.services.analysis_hours import wanted_units, why_never

ROWS_SHOWN, PAIRS_SHOWN = 100, 20


@dataclass(frozen=True)
class HourRow:
    """Need and what is served of it at each kept hour; `hour` is when the share is reached, else `why` it never is.
    `area` None stands for all that the person may see; `curve`: served at every point of the curve."""

    area: Area | None
    need: int
    served: list[int]
    hour: float | None
    why: str
    curve: list[int]

    @property
    def shares(self) -> list[float | None]:
        return [value / self.need if self.need else None for value in self.served]


def hour_table(
    analysis: Analysis, service: ServiceType, *, user: Any, level: int | None = None
) -> tuple[HourRow, list[HourRow]]:
    """(everything the person may see, the areas of a level)."""
    held = kept_arrays(analysis)
    k, places = held.k(service.code), held.places()
    hours, points, share = held.meta["hours"], held.meta["points"], float(held.meta["share"])
    at = [points.index(hour) for hour in hours]

    def row(area: Area | None, served: np.ndarray, last: int, need: int, out: int) -> HourRow:
        reached = np.flatnonzero(served >= wanted_units(need, share)) if need else np.empty(0, np.int64)
        hour = float(points[int(reached[0])]) if len(reached) else None
        why = "" if hour is not None or not need else why_never(int(served[-1]), last, need, out, share)
        return HourRow(area, need, served[at].tolist(), hour, why, served.tolist())

    city = analysis.run.city_id
    if gaps.sees_whole_city(user, city):
        # cells that lie in no area are counted here and nowhere else
        said, out = analysis.facts["services"][service.code], gaps.totals(analysis.run, service, user=user)
        last = int(mine(held["area_last"][k], held, user, city))
        whole = row(None, np.array(said["served"]), last, said["need"], out.out_of_reach if out else 0)
    else:
        own = [
            mine(values, held, user, city)
            for values in (held["area_last"][k], held["area_need"][k], held["area_out"][k])
        ]
        whole = row(None, mine(held["area_served"][:, k], held, user, city), *map(int, own))
    rows = []
    for area in analyses.areas_shown(user=user, run=analysis.run, service=service, level=level):
        n = places.get(area.pk)
        if n is not None:
            served = held["area_served"][:, k, n]
            rows.append(
                row(
                    area,
                    served,
                    int(held["area_last"][k, n]),
                    int(held["area_need"][k, n]),
                    int(held["area_out"][k, n]),
                )
            )
    return whole, rows


@dataclass(frozen=True)
class LossTable:
    """The worst places and pairs; `served` of everything served today; `top_served` of it stands on the worst ten."""

    rows: list[Any]
    pairs: list[Any]
    count: int
    critical: int
    top_served: int
    served: int


def loss_table(analysis: Analysis, service: ServiceType, *, user: Any) -> LossTable:
    every = analyses.loss_rows(analysis, user=user).filter(service=service)
    alone = every.filter(other=None).annotate(taken_over=F("served") - F("lost"))
    rows: list[Any] = list(alone[:ROWS_SHOWN])
    by_place = dict(alone.values_list("facility", "lost"))
    pairs: list[Any] = list(every.exclude(other=None)[:PAIRS_SHOWN])
    for pair in pairs:
        pair.beyond = pair.lost - by_place.get(pair.facility_id, 0) - by_place.get(pair.other_id, 0)
    whole = alone.aggregate(served=Sum("served"))["served"] or 0
    return LossTable(
        rows,
        pairs,
        alone.count(),
        alone.filter(lost__gt=0).count(),
        sum(row.served for row in rows[:10]),
        whole,
    )


@dataclass(frozen=True)
class ShareRow:
    """Units by class, in one order for the whole table."""

    area: Area | None
    need: float
    parts: list[float]
    score: float | None = None
    people: float | None = None

    @property
    def last(self) -> float:
        return self.parts[-1]


def backup_table(analysis: Analysis, service: ServiceType, *, user: Any) -> tuple[ShareRow, list[ShareRow]]:
    """Need by number of facilities in reach: 0, 1, 2, 3 and more."""
    held = kept_arrays(analysis)
    k = held.k(service.code)
    return _by_class(analysis, service, user, held, held["area_need"][k], held["area_people"][k])


def access_table(analysis: Analysis, service: ServiceType, *, user: Any) -> tuple[ShareRow, list[ShareRow]]:
    """Need by band, from severe to ample, with the mean score."""
    held = kept_arrays(analysis)
    k = held.k(service.code)
    need = held["area_need"][k]
    return _by_class(analysis, service, user, held, need, None, held["area_mean"][k] * need.sum(axis=0))


def _by_class(
    analysis: Analysis, service: ServiceType, user: Any, held: Kept, need: np.ndarray, people: np.ndarray | None,
    scored: np.ndarray | None = None,
) -> tuple[ShareRow, list[ShareRow]]:  # fmt: skip
    places = held.places()

    def row(area: Area | None, parts: np.ndarray, count: float | None, total: float | None) -> ShareRow:
        whole = float(parts.sum())
        score = float(total) / whole if total is not None and whole else None
        return ShareRow(area, whole, parts.tolist(), score, count)

    city = analysis.run.city_id
    summed = mine(need, held, user, city)
    whole = row(
        None, summed, None if people is None else float(mine(people, held, user, city).sum()),
        None if scored is None else float(mine(np.nan_to_num(scored), held, user, city)),
    )  # fmt: skip
    rows = []
    for area in analyses.areas_shown(user=user, run=analysis.run, service=service):
        n = places.get(area.pk)
        if n is not None:
            rows.append(
                row(
                    area, need[:, n], None if people is None else float(people[:, n].sum()),
                    None if scored is None else float(scored[n]),
                )
            )  # fmt: skip
    return whole, rows


@dataclass(frozen=True)
class EquityRow:
    area: Area
    need: int
    served: int
    worst: float

    @property
    def share(self) -> float:
        return self.served / self.need


def equity_rows(analysis: Analysis, service: ServiceType, *, user: Any) -> list[EquityRow]:
    """Districts with the share of their need that is served, and how much of the worst-served need lies in each."""
    held = kept_arrays(analysis)
    k, places = held.k(service.code), held.places()
    levels = gaps.levels_of(analysis.run, service, user=user)
    if not levels:
        return []
    rows = gaps.area_results(analysis.run, service, user=user).filter(area__level=min(levels), need__gt=0)
    rows = rows.defer("area__geometry", "area__parent__geometry")
    found = [
        EquityRow(row.area, row.need, row.served, float(held["area_worst"][k, places[row.area_id]]))
        for row in rows
        if row.area_id in places
    ]
    return sorted(found, key=lambda row: (row.share, row.area.path))
