"""A run's world as it would be had some works never been done: their roles are put back, everything else stays.

The frozen roles are edited and read again by the same rules as any snapshot's, so that a place inside the zone, a lapsed
paper or an exclusive role that comes forward again counts as it would in a run of the registry from before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from engine.world import World
from planning.bridge.freeze import FACILITY, HAZARDS
from planning.bridge.frozen import Frozen
from planning.bridge.world import Situation, build_situation, read_roles, supply_of

ACTIVE, RETIRED = "active", "retired"
_UNSAID = float("nan")


@dataclass(frozen=True)
class RoleBack:
    """One role of a place: its database id, its service, and its state before (None: there was none) and after the works, as
    facilities.services.capabilities.capability_state tells them."""

    capability: int
    service: str
    before: dict[str, Any] | None
    after: dict[str, Any]


@dataclass(frozen=True)
class Works:
    """What one project wrote into the registry. lapsed_*: of the place before, so that all its roles lacked the paper;
    open_before: False where the place was only planned, or not there at all."""

    facility: int
    roles: list[RoleBack] = field(default_factory=list)
    open_before: bool = True
    lapsed_agreement: bool = False
    lapsed_certificate: bool = False


def counted(frozen: Frozen, works: Works) -> bool:
    """Does this snapshot hold the place at all? A place whose only role has ended is in no snapshot."""
    return _site(frozen, works.facility) >= 0


def roles_of(situation: Situation, works: Works, service: str) -> np.ndarray:
    """Positions in the situation's roles of what the works gave for a service."""
    ids = [one.capability for one in works.roles if one.service == service]
    rows = np.flatnonzero(np.isin(np.asarray(situation.frozen["role_capability"]), ids))
    return np.flatnonzero(np.isin(situation.roles.row, rows))


def world_without(situation: Situation, undone: Iterable[Works]) -> tuple[World, np.ndarray]:
    """The world without the works in `undone`, and the sites where it differs. Roles that had ended come back at the end of
    the list, so that role numbers stay."""
    frozen = situation.frozen
    columns = {name: np.array(value) for name, value in frozen.arrays.items() if name.startswith("role_")}
    added: list[dict[str, Any]] = []
    sites: set[int] = set()
    for works in undone:
        site = _site(frozen, works.facility)
        if site < 0:
            continue
        sites.add(site)
        _undo(frozen, columns, works, site, added)
    if added:
        columns = {
            name: np.concatenate([column, np.array([row[name] for row in added], column.dtype)])
            for name, column in columns.items()
        }
    before = replace(frozen, arrays={**frozen.arrays, **columns})
    if added:
        # Nobody looked for the ways to a place that no longer has the role: they are searched for now.
        return build_situation(before, situation.question).world, np.array(sorted(sites), np.int64)
    roles = read_roles(before, situation.question, situation.standards, situation.shares, ())
    world = situation.world
    supply = supply_of(before, roles, grouped=world.grouped)
    return world.with_supply(supply), np.array(sorted(sites), np.int64)


def _site(frozen: Frozen, facility: int) -> int:
    found = np.flatnonzero(
        (np.asarray(frozen["site_kind"]) == FACILITY) & (np.asarray(frozen["site_id"]) == facility)
    )
    return int(found[0]) if len(found) else -1


def _undo(
    frozen: Frozen, columns: dict[str, np.ndarray], works: Works, site: int, added: list[dict[str, Any]]
) -> None:
    here = columns["role_site"] == site
    if not works.open_before:
        columns["role_possible"][here] = True
    if works.lapsed_agreement:
        columns["role_lapsed_agreement"][here] = True
    if works.lapsed_certificate:
        columns["role_lapsed_certificate"][here] = True
    for role in works.roles:
        row = np.flatnonzero(columns["role_capability"] == role.capability)
        if len(row):
            _put_back(columns, int(row[0]), role)
        elif role.before is not None and role.before["status"] == ACTIVE:
            added.append(_ended(frozen, columns, site, role))


def _put_back(columns: dict[str, np.ndarray], row: int, role: RoleBack) -> None:
    """A role that was not designated before gives nothing; one that was gives what it gave. Capacity is taken back by its
    difference, so that what was corrected or built since stays."""
    before, after = role.before, role.after
    if before is None or before["status"] != ACTIVE:
        columns["role_possible"][row] = True
        return
    columns["role_capacity"][row] = max(
        columns["role_capacity"][row] - (after["capacity"] - before["capacity"]), 0.0
    )
    if (
        "role_special_capacity" in columns
        and after["barrier_free_capacity"] != before["barrier_free_capacity"]
    ):
        columns["role_special_capacity"][row] = _number(before["barrier_free_capacity"])
    if _hours(after) != _hours(before):
        columns["role_hours"][row] = _number(_hours(before))
    columns["role_exclusive"][row], columns["role_rank"][row] = before["exclusive"], before["rank"]


def _ended(frozen: Frozen, columns: dict[str, np.ndarray], site: int, role: RoleBack) -> dict[str, Any]:
    """The row of a role that has ended, as the snapshot before had it."""
    before = role.before or {}
    bits = sum(1 << HAZARDS.index(code) for code in before["hazards"] if code in HAZARDS)
    here = columns["role_site"] == site
    row = dict.fromkeys(columns, 0) | {
        "role_site": site, "role_service": frozen.service_codes.index(role.service), "role_capability": role.capability,
        "role_possible": False, "role_capacity": before["capacity"],
        "role_special_capacity": _number(before["barrier_free_capacity"]), "role_hours": _number(_hours(before)),
        "role_cost": -1, "role_exclusive": before["exclusive"], "role_rank": before["rank"], "role_hazards": bits,
        "role_lapsed_agreement": bool(columns["role_lapsed_agreement"][here].any()),
        "role_lapsed_certificate": bool(columns["role_lapsed_certificate"][here].any()),
    }  # fmt: skip
    return {name: row[name] for name in columns}


def _hours(state: dict[str, Any]) -> float | None:
    """Observed beats declared."""
    observed = state["conversion_hours_observed"]
    return state["conversion_hours_declared"] if observed is None else observed


def _number(value: float | None) -> float:
    return _UNSAID if value is None else float(value)
