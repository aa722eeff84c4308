"""Writes the results of one run: everything by COPY, inside the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection

from engine.world import STATES, Score
from facilities.services.bulk import copy_arrays, copy_rows
from planning.bridge import artefacts, results
from planning.bridge.road_facts import road_facts
from planning.bridge.world import Situation
from planning.choices import PeopleGroup
from planning.models import AreaGroupResult, AreaResult, CellGroupResult, CellResult, FacilityResult, Run


@dataclass
class Tables:
    """What goes into the database for one run, worked out before the transaction opens."""

    cells: list[tuple[str, dict[str, np.ndarray]]]
    groups: list[tuple[str, dict[str, np.ndarray]]]
    areas: list[tuple[str, dict[str, np.ndarray]]]
    people_groups: list[tuple[str, dict[str, np.ndarray]]]
    roles: dict[str, np.ndarray]
    services: list[str]
    totals: list[dict[str, Any]]
    breaks: dict[str, Any]
    facts: dict[str, Any]


def tabulate(*, city_id: int, situation: Situation, score: Score) -> Tables:
    """All rows of a run. Raises ValueError if the four states do not add up to the need in some cell."""
    need = situation.world.demand.need
    if not np.array_equal(score.need, need):
        raise ValueError("the four states do not add up to the need")
    people = results.people_by_service(situation)
    groups = results.Groups(city_id, situation)
    cells, grouped, areas, apart, breaks, short = [], [], [], [], {}, {}
    for k, standard in enumerate(situation.standards):
        code, gap = standard["service"], score.gap[k]
        cells.append((code, results.cell_columns(situation, score, k, people[k])))
        grouped.append((code, results.group_columns(groups, situation, score, k, people[k])))
        areas.append((code, results.area_columns(situation, score, k, people[k])))
        if (columns := results.area_group_columns(situation, score, k)) is not None:
            apart.append((code, columns))
        breaks[code] = results.class_breaks(
            gap, need[k], {level: groups.sums(level, gap) for level in groups.ids}
        )
        short[code] = _short_areas(situation, areas[-1][1])
    facts = {
        "short_areas": short,
        "cells_without_area": int((np.asarray(situation.frozen["cell_area"]) < 0).sum()),
        "travel": {row["service"]: float(score.travel[k]) for k, row in enumerate(situation.standards)},
        "travel_minimised": bool(score.travel_minimised),
        "pairs_in_reach": {
            row["service"]: situation.world.reach[k].pairs for k, row in enumerate(situation.standards)
        },
    } | road_facts(situation)
    return Tables(
        cells, grouped, areas, apart, results.role_columns(situation, score), [row["service"] for row in situation.standards],
        results.totals(situation, score, people), breaks, facts,
    )  # fmt: skip


def _short_areas(situation: Situation, columns: dict[str, np.ndarray]) -> dict[str, dict[str, int]]:
    """By level: how many areas with need, and how many of them fall short."""
    level = np.asarray(situation.frozen["area_level"])
    gap = columns["need"] - columns["served"]
    return {
        str(one): {
            "areas": int((level == one).sum()),
            "with_need": int(((level == one) & (columns["need"] > 0)).sum()),
            "short": int(((level == one) & (gap > 0)).sum()),
        }
        for one in np.unique(level).tolist()
    }


def keep_score(*, name: str, situation: Situation, score: Score) -> None:
    """The score as arrays beside the rows: answers "why this number" and restricted tiles without a second run."""
    # A cell needs fewer than two thousand million units; half the bytes for a city of millions of cells.
    arrays = {state: getattr(score, state).astype(np.int32) for state in STATES}
    arrays |= {
        f: getattr(score, f)
        for f in (
            "role_served",
            "role_late",
            "role_supply",
            "role_reason",
            "pair_role",
            "pair_cell",
            "pair_units",
            "pair_cost",
            "travel",
        )
    }
    for part in ("special", "pair_special", "role_special", "role_special_taken"):
        if (told := getattr(score, part)) is not None:
            arrays[part] = told.astype(np.int32) if part == "special" else told
    arrays["people"] = results.people_by_service(situation).astype(np.float32)
    meta = {
        "services": [row["service"] for row in situation.standards],
        "assignment": score.assignment,
        "travel_minimised": bool(score.travel_minimised),
    }
    artefacts.keep(name, arrays, meta)


def write(
    *, run: Run, tables: Tables, service_ids: dict[str, int], interventions: dict[int, int] | None = None
) -> None:
    """COPY the rows of a run. `interventions`: id by order, for a plan's new places."""
    with connection.cursor() as cursor:
        for model, key, parts in (
            (CellResult, "cell_id", tables.cells),
            (CellGroupResult, "group_id", tables.groups),
            (AreaResult, "area_id", tables.areas),
            (AreaGroupResult, "area_id", tables.people_groups),
        ):
            for code, columns in parts:
                count = len(columns[key])
                if not count:
                    continue
                listed = [
                    ("run_id", "int8", np.full(count, run.pk)),
                    ("service_id", "int8", np.full(count, service_ids[code])),
                    (key, "int8", columns[key]),
                    ("people", "float8", columns["people"]),
                    *((name, "int8", columns[name]) for name in ("need", *STATES)),
                ]
                if "cells" in columns:
                    listed.append(("cells", "int4", columns["cells"]))
                if model is AreaGroupResult:
                    listed.append(
                        ("group", "text", np.full(count, str(PeopleGroup.BARRIER_FREE), dtype=object))
                    )
                copy_arrays(cursor, model._meta.db_table, listed)
        copy_rows(
            cursor, FacilityResult._meta.db_table,
            ["run_id", "service_id", "facility_id", "intervention_id", "capacity", "served", "late", "hours", "cells_in_reach", "reason"],
            _role_rows(run, tables, service_ids, interventions or {}),
        )  # fmt: skip


def _role_rows(
    run: Run, tables: Tables, service_ids: dict[str, int], interventions: dict[int, int]
) -> list[tuple[Any, ...]]:
    roles = tables.roles
    services = [service_ids[code] for code in tables.services]
    columns = (
        roles["k"].tolist(), roles["facility_id"].tolist(), roles["order"].tolist(), roles["capacity"].tolist(), roles["served"].tolist(),
        roles["late"].tolist(), roles["hours"].tolist(), roles["cells_in_reach"].tolist(), results.reason_codes(roles["reason"]),
    )  # fmt: skip
    return [
        (
            run.pk, services[k], facility if facility >= 0 else None, interventions.get(order), capacity, served, late,
            None if hours != hours else hours, reached, reason,
        )
        for k, facility, order, capacity, served, late, hours, reached, reason in zip(*columns, strict=True)
    ]  # fmt: skip
