"""From the engine's score to the rows of a run: by cell, hexagon, area and role. Whole units; four states add up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.world import REASON_OTHER_ROLE, STATES, Score
from planning.bridge.columns import fetch_columns
from planning.bridge.freeze import FACILITY
from planning.bridge.frozen import Frozen
from planning.bridge.hexagons import hexagon_keys, web_mercator
from planning.bridge.people_groups import group_people
from planning.bridge.situation import people_counted
from planning.bridge.world import COUNTS, OTHER_ROLE, REASONS, Situation
from planning.choices import PeopleGroup

CLASSES = 5


def states_of(score: Score) -> np.ndarray:
    """(k, 4, n) units by service, state and cell."""
    return np.stack([getattr(score, state) for state in STATES], axis=1)


def people_by_service(situation: Situation) -> np.ndarray:
    """(k, n) the people each standard counts, whole layer (not only those in the scenario)."""
    rows = [
        people_counted(situation.frozen, situation.question.scenario, row, situation.question.time_of_day)
        for row in situation.standards
    ]
    return np.stack(rows) if rows else np.zeros((0, situation.frozen.cells))


def cell_columns(situation: Situation, score: Score, k: int, people: np.ndarray) -> dict[str, np.ndarray]:
    """Cells with need, by database id."""
    need = situation.world.demand.need[k]
    rows = np.flatnonzero(need > 0)
    return {
        "cell_id": np.asarray(situation.frozen["cell_id"])[rows],
        "need": need[rows],
        "people": people[rows],
        **{state: getattr(score, state)[k][rows] for state in STATES},
    }


def area_columns(situation: Situation, score: Score, k: int, people: np.ndarray) -> dict[str, np.ndarray]:
    """Every area of every level: own cells plus everything below."""
    values = {"need": situation.world.demand.need[k], "people": people, "cells": np.ones(len(people))}
    return _by_area(situation.frozen, values | {state: getattr(score, state)[k] for state in STATES})


def area_group_columns(situation: Situation, score: Score, k: int) -> dict[str, np.ndarray] | None:
    """The same for the need that only barrier-free places may serve: areas that have such need; None where nobody is
    told apart."""
    people = special_people(situation, k)
    if score.special is None or people is None:
        return None
    states = score.special[:, k]
    out = _by_area(
        situation.frozen,
        {"need": states.sum(axis=0), "people": people} | dict(zip(STATES, states, strict=True)),
    )
    rows = np.flatnonzero((out["need"] > 0) | (out["people"] > 0))
    return {name: column[rows] for name, column in out.items()}


def special_people(situation: Situation, k: int) -> np.ndarray | None:
    """(n,) the people who need barrier-free places, of those that standard k counts; None: not told apart."""
    standard = situation.standards[k]
    if standard["service"] not in situation.frozen.staying:
        return None
    question = situation.question
    return group_people(
        situation.frozen, question.scenario, standard, PeopleGroup.BARRIER_FREE, question.time_of_day
    )


def area_sums(frozen: Frozen, column: np.ndarray) -> np.ndarray:
    """Sums (a,) float of a column (n,) by area: an area's own cells and everything below it."""
    areas, index = len(frozen["area_id"]), np.asarray(frozen["cell_area"])
    held = index >= 0
    return roll_up(frozen, np.bincount(index[held], np.asarray(column)[held], areas))


def roll_up(frozen: Frozen, own: np.ndarray) -> np.ndarray:
    """(..., a) what lies in each area itself, changed in place to what lies in it and below it, and given back."""
    # Areas are in path order: parents come first, so they are summed from the end.
    parent = np.asarray(frozen["area_parent"])
    for position in range(len(parent) - 1, -1, -1):
        if parent[position] >= 0:
            own[..., parent[position]] += own[..., position]
    return own


def _by_area(frozen: Frozen, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sums (a,) of values (n,) by area, children added to their parents; all but people are whole."""
    out = {name: area_sums(frozen, column) for name, column in values.items()}
    whole = {name: np.rint(column).astype(np.int64) for name, column in out.items() if name != "people"}
    return {"area_id": np.asarray(frozen["area_id"]), "people": out["people"], **whole}


def role_columns(situation: Situation, score: Score) -> dict[str, np.ndarray]:
    """Every role of the services in play: what it supplied and why no more."""
    roles, frozen = situation.roles, situation.frozen
    reason = np.where(
        (score.role_reason == REASON_OTHER_ROLE) & (roles.reason == COUNTS), OTHER_ROLE, roles.reason
    )
    in_play = situation.world.demand.need.sum(axis=1) > 0
    kept = np.flatnonzero(in_play[roles.service]) if len(roles.service) else np.empty(0, np.int64)
    reached = np.zeros(len(roles.site), np.int64)
    for k, reach in enumerate(situation.world.reach):
        mine = roles.service == k
        reached[mine] = np.diff(reach.indptr)[roles.site[mine]]
    site = roles.site[kept]
    return {
        "k": roles.service[kept],
        "site": site,
        "facility_id": np.where(
            np.asarray(frozen["site_kind"])[site] == FACILITY, np.asarray(frozen["site_id"])[site], -1
        ),
        "order": roles.order[kept],
        "capacity": roles.capacity[kept],
        "served": score.role_served[kept],
        "late": score.role_late[kept],
        "hours": roles.hours[kept],
        "cells_in_reach": reached[kept],
        "reason": reason[kept],
    }


def reason_codes(numbers: np.ndarray) -> list[str]:
    return [str(REASONS[number]) for number in numbers]


def totals(situation: Situation, score: Score, people: np.ndarray) -> list[dict[str, Any]]:
    """One dict a service: people in the scenario, need and the four states of the whole city."""
    rows = []
    for k, standard in enumerate(situation.standards):
        row: dict[str, Any] = {"service": standard["service"], "unit": standard["unit"]}
        row["people"] = float(people[k].sum())
        row["people_inside"] = float(people[k][situation.shares.inside].sum())
        row["need"] = int(situation.world.demand.need[k].sum())
        row |= {state: int(getattr(score, state)[k].sum()) for state in STATES}
        if (told_apart := group_totals(situation, score, k)) is not None:
            row["groups"] = {str(PeopleGroup.BARRIER_FREE): told_apart}
        rows.append(row)
    return rows


def group_totals(situation: Situation, score: Score, k: int) -> dict[str, Any] | None:
    """People, need and the four states of those who need barrier-free places; None where nobody is told apart."""
    people = special_people(situation, k)
    if score.special is None or people is None:
        return None
    states = score.special[:, k].sum(axis=1).tolist()
    return {"people": float(people.sum()), "need": int(sum(states))} | dict(zip(STATES, states, strict=True))


def _edges(values: np.ndarray) -> list[int]:
    """Four rising whole lower edges of classes 2 to 5, from quintiles rounded to two figures; about equal counts."""
    if not len(values):
        return [2, 3, 4, 5]
    edges: list[int] = []
    for share in (0.2, 0.4, 0.6, 0.8):
        value = float(np.quantile(values, share))
        figures = 10 ** max(int(np.floor(np.log10(max(value, 1)))) - 1, 0)
        edge = max(int(round(value / figures) * figures), (edges[-1] if edges else 1) + 1)
        edges.append(edge)
    return edges


def _classes(values: np.ndarray, edges: Sequence[float]) -> list[int]:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=CLASSES).tolist()


COVERAGE_EDGES = [20, 50, 80, 95]


def class_breaks(gap: np.ndarray, need: np.ndarray, groups: dict[int, np.ndarray]) -> dict[str, Any]:
    """Edges and counts for the legend of one service: `{"gap": {"edges", "counts"}, "coverage": {...},
    "zero": cells with need and no gap, "levels": {zoom: edges}}`. Edges are for cells; wide views draw hexagons, whose
    own edges stand under "levels"."""
    short = gap[gap > 0]
    edges = _edges(short)
    coverage = 100.0 * (need - gap)[need > 0] / need[need > 0]
    return {
        "gap": {"edges": edges, "counts": _classes(short, edges)},
        "coverage": {"edges": COVERAGE_EDGES, "counts": _classes(coverage, COVERAGE_EDGES)},
        "zero": int(((need > 0) & (gap == 0)).sum()),
        "levels": {str(level): _edges(values[values > 0]) for level, values in groups.items()},
    }


class Groups:
    """The hexagons of a city and which cell lies in which: made once a run, used for each service."""

    def __init__(self, city_id: int, situation: Situation) -> None:
        rows = fetch_columns(
            "select id, level, key from planning_cellgroup where city_id = %s order by level, key",
            [city_id], [("id", "int8"), ("level", "int2"), ("key", "int8")],
        )  # fmt: skip
        self.ids: dict[int, np.ndarray] = {}
        self.index: dict[int, np.ndarray] = {}
        if not len(rows["id"]):
            return
        x, y = web_mercator(
            np.asarray(situation.frozen["cell_lon"]), np.asarray(situation.frozen["cell_lat"])
        )
        for level in np.unique(rows["level"]).tolist():
            mine = rows["level"] == level
            keys, ids = rows["key"][mine], rows["id"][mine]
            wanted = hexagon_keys(x, y, level)
            index = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            # A cell whose hexagon is not there (cells loaded later than hexagons) is left out of wide views only.
            self.index[level] = np.where(keys[index] == wanted, index, -1)
            self.ids[level] = ids

    def sums(self, level: int, values: np.ndarray) -> np.ndarray:
        index = self.index[level]
        held = index >= 0
        return np.bincount(index[held], values[held], len(self.ids[level]))


def group_columns(
    groups: Groups, situation: Situation, score: Score, k: int, people: np.ndarray
) -> dict[str, np.ndarray]:
    """Hexagons of all levels that hold people or need."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("group_id", "need", "people", *STATES)}
    for level, ids in groups.ids.items():
        need = np.rint(groups.sums(level, situation.world.demand.need[k])).astype(np.int64)
        here = groups.sums(level, people)
        rows = np.flatnonzero((need > 0) | (here > 0))
        parts["group_id"].append(ids[rows])
        parts["need"].append(need[rows])
        parts["people"].append(here[rows])
        for state in STATES:
            parts[state].append(np.rint(groups.sums(level, getattr(score, state)[k])).astype(np.int64)[rows])
    return {
        name: np.concatenate(values) if values else np.empty(0, np.int64) for name, values in parts.items()
    }
