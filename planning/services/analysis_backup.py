"""Backup coverage: how many usable facilities that are ready in time each cell has in reach, full or not."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from engine.backup import backup_coverage, kth_cost
from planning.services.analysis_case import Case, Outcome, Say, only

CLASSES = 4  # 0, 1, 2, 3 and more
CAPPED = 9  # more than so many say nothing more, and keep a hexagon's mean honest


def clean(params: dict[str, Any]) -> dict[str, Any]:
    only(params, ())
    return {}


def work(case: Case, params: dict[str, Any], say: Say) -> Outcome:
    """Need and people by the number of usable, ready facilities in reach; cost of the nearest, second and third."""
    world = case.situation.world
    say(0.1, _("Counting facilities in reach"))
    count = np.asarray(backup_coverage(world))
    say(0.4, _("The nearest, the second and the third"))
    costs = np.stack([np.asarray(kth_cost(world, kth)) for kth in (1, 2, 3)])
    say(0.7, _("Summing by area"))
    klass = np.minimum(count, CLASSES - 1)
    scope = case.situation.shares.inside
    areas = len(case.frozen["area_id"])
    need = np.zeros((len(case.codes), CLASSES, areas), np.int64)
    people = np.zeros((len(case.codes), CLASSES, areas))
    services = {}
    for k, code in enumerate(case.codes):
        for one in range(CLASSES):
            here = klass[k] == one
            need[k, one] = case.units_by_area(np.where(here, case.need[k], 0))
            people[k, one] = case.by_area(np.where(here & scope, case.people[k], 0))
        services[code] = _facts(case, k, klass[k], costs[:, k], scope)
    arrays = {
        "area_id": np.asarray(case.frozen["area_id"]), "area_need": need, "area_people": people,
        "cell_count": count.astype(np.int16), "cell_cost": costs.astype(np.float32),
    }  # fmt: skip
    drawn = {"backup": np.minimum(count, CAPPED).astype(np.int64) * case.need}
    return Outcome({"services": services}, arrays, {}, [], drawn)


def _facts(case: Case, k: int, klass: np.ndarray, costs: np.ndarray, scope: np.ndarray) -> dict[str, Any]:
    need, people = case.need[k], np.where(scope, case.people[k], 0.0)
    return {
        "need": int(need.sum()),
        "people": float(people.sum()),
        "need_by_count": [int(need[klass == one].sum()) for one in range(CLASSES)],
        "people_by_count": [float(people[klass == one].sum()) for one in range(CLASSES)],
        "cells_by_count": [int(((klass == one) & (need > 0)).sum()) for one in range(CLASSES)],
        # By need: half of those who have a first, second, third facility in reach have it nearer than this.
        "median_cost": [_median(cost, need) for cost in costs],
        "unit": case.situation.standards[k]["reach_unit"],
    }


def _median(cost: np.ndarray, weight: np.ndarray) -> float | None:
    held = np.flatnonzero(np.isfinite(cost) & (weight > 0))
    if not len(held):
        return None
    order = held[np.argsort(cost[held], kind="stable")]
    upto = np.cumsum(weight[order])
    return round(float(cost[order[np.searchsorted(upto, upto[-1] / 2)]]), 2)
