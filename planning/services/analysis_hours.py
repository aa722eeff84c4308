"""Coverage after activation: what is served by what is ready h hours after the order is given.

The standard's limit plays no part; a role counts from the hour its conversion ends. See docs/analyses.md.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from core.errors import DomainError
from engine.coverage import role_supply
from engine.hours import coverage_over_hours, hour_of_share
from engine.world import World
from planning.bridge.one_service import world_of_one
from planning.choices import NeverServed
from planning.models import AreaHourResult
from planning.services.analysis_case import MOST_HELD, Case, Outcome, Say, number, only

HOURS = [1.0, 6.0, 24.0, 72.0]
MOST_CHOSEN, MOST_POINTS, LONGEST = 12, 24, 8760.0


def clean(params: dict[str, Any]) -> dict[str, Any]:
    """`hours` that results are kept for, `share` whose hour is looked for."""
    only(params, ("hours", "share"))
    asked = params.get("hours", HOURS)
    if not isinstance(asked, (list, tuple)) or not 1 <= len(asked) <= MOST_CHOSEN:
        raise DomainError(
            "hours-unreadable",
            _("Name 1 to %(most)d hours, like 1, 6, 24, 72.") % {"most": MOST_CHOSEN},
            status=422,
        )
    hours = sorted({number(one, _("An hour"), 0, LONGEST) for one in asked})
    return {"hours": hours, "share": number(params.get("share", 0.9), _("The share"), 0.01, 1)}


def work(case: Case, params: dict[str, Any], say: Say) -> Outcome:
    """Served by hour: for the chosen hours by cell and area, for the curve by area at every hour that matters."""
    chosen = sorted({0.0, *params["hours"]})
    points = _points(case, chosen)
    k_all, areas = len(case.codes), len(case.frozen["area_id"])
    by_area = np.zeros((len(points) + 1, k_all, areas), np.int64)
    city = np.zeros((len(points) + 1, k_all), np.int64)
    drawn = {f"served_{n}": np.zeros(case.need.shape, np.int32) for n in range(len(chosen))}
    # The last step counts roles of unknown hours as if they came last: what is missing without them is their doing.
    steps = [*points, points[-1] + 1]
    many = max(1, MOST_HELD // max(1, case.frozen.cells))
    for k in case.in_play:
        say(
            0.05 + 0.75 * k / k_all,
            _("Served hour by hour, service %(number)d of %(all)d") % {"number": k + 1, "all": k_all},
        )
        world = _unknown_last(world_of_one(case.situation.world, case.score, k)[0], steps[-1])
        for start in range(0, len(steps), many):
            part = steps[start : start + many]
            served = coverage_over_hours(world, np.array(part), case.run.assignment)[:, 0]
            for at, hour in enumerate(part, start=start):
                values = served[at - start]
                city[at, k], by_area[at, k] = values.sum(), case.units_by_area(values)
                if at < len(points) and hour in chosen:
                    drawn[f"served_{chosen.index(hour)}"][k] = values
    need = np.stack([case.units_by_area(row) for row in case.need])
    out = np.stack([case.units_by_area(row) for row in case.score.out_of_reach])
    say(0.85, _("Summing by area"))
    reached = _hours_of(by_area[:-1], need, points, params["share"])
    facts = {
        "hours": chosen,
        "points": points,
        "share": params["share"],
        "services": {
            code: {
                "need": int(case.need[k].sum()),
                "served": city[:-1, k].tolist(),
                **_reaching(
                    city[:, k], int(case.need[k].sum()), int(case.score.out_of_reach[k].sum()), points, params
                ),
            }
            for k, code in enumerate(case.codes)
        },
    }
    arrays = {
        "area_id": np.asarray(case.frozen["area_id"]), "area_served": by_area[:-1], "area_last": by_area[-1],
        "area_need": need, "area_out": out, "area_hour": reached,
    }  # fmt: skip
    meta = {"hours": chosen, "points": points, "share": params["share"]}
    return Outcome(facts, arrays, meta, _rows(case, chosen, points, by_area, need), drawn)


def _points(case: Case, chosen: list[float]) -> list[float]:
    """The chosen hours and every hour at which some counting role is ready; where these are many, as many of them as
    tell the curve, the last always among them."""
    supply = case.situation.world.supply
    counts = role_supply(case.situation.world)[0] > 0
    ready = np.unique(supply.role_hours[counts & np.isfinite(supply.role_hours)])
    room = max(MOST_POINTS - len(chosen), 2)
    if len(ready) > room:
        ready = np.unique(np.quantile(ready, np.linspace(0, 1, room), method="nearest"))
    return sorted({*chosen, *ready.tolist()})


def _unknown_last(world: World, hour: float) -> World:
    supply = world.supply
    known = np.where(np.isnan(supply.role_hours), hour, supply.role_hours)
    return world.with_supply(replace(supply, role_hours=known))


def _hours_of(served: np.ndarray, need: np.ndarray, points: list[float], share: float) -> np.ndarray:
    """(k, a) first hour at which an area is served to the share; NaN where it never is, or needs nothing."""
    reached = hour_of_share(served, need, np.array(points), share)
    return np.where(need > 0, reached, np.nan)


def wanted_units(need: int, share: float) -> int:
    """The least whole units that are not below the share, as engine.hours has it: 9 of 10 are 0.9."""
    return math.ceil(need * share - 1e-9)


def why_never(served: int, last: int, need: int, out: int, share: float) -> str:
    """Why a place is never served to the share: too much of it is out of reach, places have unknown hours, or room."""
    wanted = wanted_units(need, share)
    if need - out < wanted:
        return NeverServed.REACH
    return NeverServed.UNKNOWN if last >= wanted and served < wanted else NeverServed.CAPACITY


def _reaching(
    served: np.ndarray, need: int, out: int, points: list[float], params: dict[str, Any]
) -> dict[str, Any]:
    if not need:
        return {"hour": None, "why_never": ""}
    hour = float(hour_of_share(served[:-1], np.int64(need), np.array(points), params["share"]))
    if hour == hour:
        return {"hour": hour, "why_never": ""}
    return {
        "hour": None,
        "why_never": why_never(int(served[-2]), int(served[-1]), need, out, params["share"]),
    }


def _rows(
    case: Case, chosen: list[float], points: list[float], by_area: np.ndarray, need: np.ndarray
) -> list[tuple[str, list[tuple[str, str, np.ndarray]]]]:
    ids, rows = np.asarray(case.frozen["area_id"]), []
    for k, code in enumerate(case.codes):
        for hour in chosen:
            held = np.flatnonzero(need[k] > 0)
            rows.append(
                (
                    AreaHourResult._meta.db_table,
                    [
                        ("service_id", "int8", np.full(len(held), case.frozen.service_ids[code])),
                        ("area_id", "int8", ids[held]),
                        ("hour", "float8", np.full(len(held), hour)),
                        ("need", "int8", need[k][held]),
                        ("served", "int8", by_area[points.index(hour), k][held]),
                    ],
                )
            )
    return rows
