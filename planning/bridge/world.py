"""From a snapshot and a question to the engine's World, with the reason why each role does or does not count.

A plan's change-set is applied here, on the frozen baseline, so that before and after are scored alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.world import (
    REASON_CLOSED,
    REASON_INSIDE_HAZARD,
    REASON_LAPSED,
    REASON_NONE,
    Demand,
    Standard,
    Supply,
    World,
)
from inventory.choices import InterventionKind
from planning.bridge.freeze import FACILITY, HAZARDS, PLACE_CLOSED, PLACE_PLANNED
from planning.bridge.frozen import Frozen
from planning.bridge.people_groups import special_need_of
from planning.bridge.reach import limit_of, reach_of_service
from planning.bridge.roads import RoadState, road_state
from planning.bridge.situation import Shares, counted_at, layer_told, need_of, ratio_of
from planning.choices import Driver, SupplyReason

# Reasons as small numbers, in this order, so that they fit an array.
REASONS = [
    SupplyReason.COUNTS, SupplyReason.LAPSED_AGREEMENT, SupplyReason.LAPSED_CERTIFICATE, SupplyReason.INSIDE_HAZARD,
    SupplyReason.CLOSED, SupplyReason.OTHER_ROLE, SupplyReason.WRONG_HAZARD, SupplyReason.NOT_DESIGNATED, SupplyReason.RETIRED,
]  # fmt: skip
_NUMBER = {reason: number for number, reason in enumerate(REASONS)}
COUNTS, OTHER_ROLE, NOT_DESIGNATED = (
    _NUMBER[SupplyReason.COUNTS], _NUMBER[SupplyReason.OTHER_ROLE], _NUMBER[SupplyReason.NOT_DESIGNATED],
)  # fmt: skip
_LAPSED = (_NUMBER[SupplyReason.LAPSED_AGREEMENT], _NUMBER[SupplyReason.LAPSED_CERTIFICATE])
_ENGINE_REASON = np.array(
    [
        REASON_NONE,
        REASON_LAPSED,
        REASON_LAPSED,
        REASON_INSIDE_HAZARD,
        REASON_CLOSED,
        REASON_NONE,
        REASON_CLOSED,
        REASON_CLOSED,
        REASON_CLOSED,
    ],
    dtype=np.int8,
)


@dataclass(frozen=True)
class Question:
    """What a run asks, all of it frozen."""

    scenario: dict[str, Any]
    standards: list[dict[str, Any]]
    time_of_day: str
    reach_overrides: dict[str, float] = field(default_factory=dict)
    detour_factor: float = 1.3
    speeds: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One intervention on the frozen registry. `role` is the row in the snapshot's roles, -1 for a new place."""

    kind: str
    site: int
    service: str
    units: int
    hours: float
    role: int = -1
    order: int = 0


@dataclass(frozen=True)
class Roles:
    """All roles of a question's services, (r,) each: those the engine may use and those it may not.

    row: in the snapshot's roles (-1: a plan's new place); order: the intervention that made or changed it (0: none);
    reason: number in REASONS; capacity whole units, special the barrier-free part of it.
    """

    row: np.ndarray
    site: np.ndarray
    service: np.ndarray
    capacity: np.ndarray
    special: np.ndarray
    hours: np.ndarray
    rank: np.ndarray
    exclusive: np.ndarray
    reason: np.ndarray
    order: np.ndarray


@dataclass(frozen=True)
class Situation:
    """The engine's world with what is needed to read its answer. k services in the order of `standards`; roads: None
    for a city without them."""

    frozen: Frozen
    question: Question
    standards: list[dict[str, Any]]
    shares: Shares
    world: World
    roles: Roles
    roads: RoadState | None = None


def role_reasons(frozen: Frozen, scenario: dict[str, Any], shares: Shares) -> np.ndarray:
    """(r,) number in REASONS for every role of the snapshot. What the scenario forbids comes before what papers lack:
    a place under water cannot be helped by a new agreement."""
    site = np.asarray(frozen["role_site"])
    reason = np.zeros(len(site), np.int8)
    possible = np.asarray(frozen["role_possible"]) | (np.asarray(frozen["site_state"])[site] == PLACE_PLANNED)
    reason[np.asarray(frozen["role_lapsed_certificate"])] = _NUMBER[SupplyReason.LAPSED_CERTIFICATE]
    reason[np.asarray(frozen["role_lapsed_agreement"])] = _NUMBER[SupplyReason.LAPSED_AGREEMENT]
    reason[possible] = NOT_DESIGNATED
    hazards = np.asarray(frozen["role_hazards"])
    bit = 1 << HAZARDS.index(scenario["hazard"]) if scenario["hazard"] in HAZARDS else 0
    reason[(hazards != 0) & (hazards & bit == 0)] = _NUMBER[SupplyReason.WRONG_HAZARD]
    if scenario["close_inside_zone"]:
        reason[shares.site_inside[site]] = _NUMBER[SupplyReason.INSIDE_HAZARD]
    closed = np.asarray(frozen["site_state"]) == PLACE_CLOSED
    closed |= (np.asarray(frozen["site_kind"]) == FACILITY) & np.isin(
        frozen["site_id"], scenario["closed_facilities"]
    )
    reason[closed[site]] = _NUMBER[SupplyReason.CLOSED]
    return reason


def sites_shut(frozen: Frozen, scenario: dict[str, Any], shares: Shares) -> np.ndarray:
    """(m,) True where nothing can be relied on in this scenario: closed, or inside the zone."""
    shut = np.asarray(frozen["site_state"]) == PLACE_CLOSED
    shut |= (np.asarray(frozen["site_kind"]) == FACILITY) & np.isin(
        frozen["site_id"], scenario["closed_facilities"]
    )
    return shut | (shares.site_inside & bool(scenario["close_inside_zone"]))


def build_situation(
    frozen: Frozen, question: Question, changes: Sequence[Change] = (), services: Sequence[str] | None = None
) -> Situation:
    """The world of a question. `services` (codes) narrows or widens what is looked at: a service the scenario does not
    ask for gets no need, so that worlds of several scenarios can be compared."""
    wanted = set(question.scenario["services"])
    standards = [row for row in question.standards if services is None or row["service"] in services]
    shares = Shares(frozen, question.scenario)
    position = {code: n for n, code in enumerate(frozen.service_codes)}
    need = np.zeros((len(standards), frozen.cells), np.int64)
    special: np.ndarray | None = None
    for k, standard in enumerate(standards):
        if standard["service"] not in wanted:
            continue
        need[k] = need_of(frozen, shares, question.scenario, standard, question.time_of_day)
        part = special_need_of(frozen, shares, question.scenario, standard, question.time_of_day, need[k])
        if part is not None:
            special = np.zeros_like(need) if special is None else special
            special[k] = part
    time, code = counted_at(question.scenario, Driver.PRESENT, question.time_of_day)
    known = layer_told(frozen.meta, time, code) is not None
    people = frozen.people(time, code) if known else np.zeros(frozen.cells)
    demand = Demand(frozen["cell_x"], frozen["cell_y"], need, people, frozen["cell_area"], special)
    roles = read_roles(frozen, question, standards, shares, changes)
    supply = supply_of(frozen, roles, grouped=special is not None)
    limits = [limit_of(question, standard) for standard in standards]
    roads = road_state(frozen, question)
    reach = tuple(
        reach_of_service(
            frozen,
            position[row["service"]],
            limit,
            row["reach_unit"],
            row["mode"],
            question.detour_factor,
            roads,
        )
        for row, limit in zip(standards, limits, strict=True)
    )
    rules = tuple(
        Standard(
            row["service"], ratio_of(question.scenario, row), row["driver"], limit, row["reach_unit"], row["mode"],
            row["conversion_limit_hours"], row["weight"],
        )
        for row, limit in zip(standards, limits, strict=True)
    )  # fmt: skip
    return Situation(frozen, question, standards, shares, World(demand, supply, rules, reach), roles, roads)


def supply_of(frozen: Frozen, roles: Roles, *, grouped: bool) -> Supply:
    """What the engine may use of these roles. grouped: barrier-free places are told apart."""
    return Supply(
        frozen["site_x"], frozen["site_y"], roles.site, roles.service, roles.capacity, roles.hours,
        roles.reason == COUNTS, roles.rank, roles.exclusive, _ENGINE_REASON[roles.reason], roles.special if grouped else None,
    )  # fmt: skip


def read_roles(
    frozen: Frozen,
    question: Question,
    standards: list[dict[str, Any]],
    shares: Shares,
    changes: Sequence[Change],
) -> Roles:
    """Roles of the question's services, changed by the plan, capacities floored to whole units at the very end.

    Hours are those of the conversion and, before them, the minutes until somebody opens the place. What a plan builds,
    extends or converts is barrier-free as a whole, as the engine takes it (GB 55019-2021)."""
    k_of = {row["service"]: k for k, row in enumerate(standards)}
    to_k = np.array([k_of.get(code, -1) for code in frozen.service_codes], dtype=np.int16)
    service = to_k[np.asarray(frozen["role_service"])] if frozen.roles else np.empty(0, np.int16)
    capacity = np.array(frozen["role_capacity"], dtype=np.float64)
    special = frozen.role_special_capacity()
    hours = np.array(frozen["role_hours"], dtype=np.float64)
    reason = role_reasons(frozen, question.scenario, shares)
    order = np.zeros(frozen.roles, np.int64)
    shut = sites_shut(frozen, question.scenario, shares)
    new: list[tuple[int, int, int, float, int, int]] = []
    for change in changes:
        if change.service not in k_of:
            continue
        if change.role < 0:
            state = _NUMBER[SupplyReason.INSIDE_HAZARD] if shut[change.site] else COUNTS
            new.append((change.site, k_of[change.service], change.units, change.hours, state, change.order))
            continue
        order[change.role] = change.order
        if change.kind == InterventionKind.RETIRE:
            # What the scenario forbids anyway keeps its own reason: the plan takes nothing away there.
            if reason[change.role] == COUNTS:
                reason[change.role] = _NUMBER[SupplyReason.RETIRED]
            continue
        if change.kind == InterventionKind.EXTEND:
            capacity[change.role] += change.units
            special[change.role] += change.units
            continue
        if change.kind == InterventionKind.CONVERT:
            capacity[change.role] = special[change.role] = change.units
            hours[change.role] = change.hours
        else:
            hours[change.role] = np.fmin(hours[change.role], change.hours)
        if reason[change.role] in (*_LAPSED, NOT_DESIGNATED):
            reason[change.role] = COUNTS
    rows = np.flatnonzero(service >= 0)
    added = np.array(new, dtype=np.float64).reshape(-1, 6)

    def joined(old: np.ndarray, column: int | None, dtype: type, fill: Any = 0) -> np.ndarray:
        extra = np.full(len(added), fill) if column is None else added[:, column]
        return np.concatenate([old, extra]).astype(dtype)

    # 1e-6 of a unit forgives binary fractions: 0.7 x 10 is 7 places, not 6.
    units = np.floor(joined(capacity[rows], 2, np.float64) + 1e-6).astype(np.int64)
    special_units = np.floor(joined(special[rows], 2, np.float64) + 1e-6).astype(np.int64)
    site = joined(np.asarray(frozen["role_site"])[rows], 0, np.int32)
    opening_hours = frozen.site_column("readiness_minutes")[site] / 60.0
    return Roles(
        row=joined(rows, None, np.int64, -1),
        site=site,
        service=joined(service[rows], 1, np.int16),
        capacity=units,
        special=np.minimum(special_units, units),
        hours=joined(hours[rows], 3, np.float64) + opening_hours,
        rank=joined(np.asarray(frozen["role_rank"])[rows], None, np.int16, 1),
        exclusive=joined(np.asarray(frozen["role_exclusive"])[rows], None, np.bool_, False),
        reason=joined(reason[rows], 4, np.int8),
        order=joined(order[rows], 5, np.int64),
    )
