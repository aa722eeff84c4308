"""Four states: where each unit of need ends, exactly.

served: assigned to a role that is ready in time. late: assigned to a role that converts too slowly. no room: not
assigned although some role with capacity is in reach. out of reach: no role with capacity in reach.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.allocation import assign_best, assign_nearest
from engine.checks import InvalidInput, check_world
from engine.world import (
    REASON_NO_CAPACITY,
    REASON_NONE,
    REASON_OTHER_ROLE,
    Score,
    Supply,
    World,
)

ASSIGNMENTS = ("nearest", "best")


def role_supply(world: World) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Capacity (r,) that counts in this world, and (r,) why a role supplies nothing (REASON_*).

    Of the exclusive roles of one site, the usable one of lowest rank whose service is in play (total need > 0) and
    that has any capacity counts; equal ranks are taken in role order.
    """
    supply = world.supply
    in_play = world.demand.need.sum(axis=1) > 0
    usable = supply.role_usable & (supply.role_capacity > 0)
    reason = np.where(
        supply.role_usable,
        np.where(supply.role_capacity > 0, REASON_NONE, REASON_NO_CAPACITY),
        supply.role_reason,
    ).astype(np.int8)
    contender = np.flatnonzero(usable & supply.role_exclusive & in_play[supply.role_service])
    order = contender[np.lexsort((contender, supply.role_rank[contender], supply.role_site[contender]))]
    first = np.ones(len(order), bool)
    first[1:] = supply.role_site[order[1:]] != supply.role_site[order[:-1]]
    reason[order[~first]] = REASON_OTHER_ROLE
    # An exclusive role of a service nobody needs now also yields when its site serves in another role.
    busy = np.zeros(supply.sites, bool)
    busy[supply.role_site[order[first]]] = True
    idle = usable & supply.role_exclusive & ~in_play[supply.role_service] & busy[supply.role_site]
    reason[idle] = REASON_OTHER_ROLE
    counts = usable & (reason != REASON_OTHER_ROLE)
    return np.where(counts, supply.role_capacity, 0).astype(np.int64), reason


def role_ready(world: World) -> NDArray[np.bool_]:
    """(r,) True when the role converts within its standard's limit. Unknown hours cannot be promised: not ready,
    unless the standard sets no limit."""
    limits = np.array(
        [np.inf if s.conversion_limit_hours is None else s.conversion_limit_hours for s in world.standards]
    )
    limit = limits[world.supply.role_service] if world.supply.roles else np.empty(0)
    with np.errstate(invalid="ignore"):
        return np.isinf(limit) | (world.supply.role_hours <= limit)


def _rank(*keys: NDArray) -> NDArray[np.int64]:
    """Rank (0..) by the given keys, first key first."""
    order = np.lexsort(keys[::-1])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank


def role_ties(supply: Supply) -> NDArray[np.int64]:
    """(r,) rank of roles by place and size, so that equal trips are told apart by what a role is, not by its row."""
    index = np.arange(supply.roles)
    hours = np.nan_to_num(supply.role_hours, nan=np.inf)
    place = supply.role_site
    return _rank(supply.x_m[place], supply.y_m[place], supply.role_capacity, hours, supply.role_rank, index)


def service_pairs(
    world: World, service: int, supply: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """(roles, pair_facility, pair_cell, pair_cost): roles of the service with capacity, and every cell with need they
    reach; pair_facility indexes `roles`."""
    roles = np.flatnonzero((world.supply.role_service == service) & (supply > 0)).astype(np.int32)
    reach = world.reach[service].take(world.supply.role_site[roles])
    facility = np.repeat(np.arange(len(roles), dtype=np.int32), np.diff(reach.indptr))
    wanted = world.demand.need[service][reach.cell] > 0
    if wanted.all():
        return roles, facility, reach.cell, reach.cost
    return roles, facility[wanted], reach.cell[wanted], reach.cost[wanted]


def score_world(
    world: World, assignment: str = "nearest", *, minimise_travel: bool = True, check: bool = True
) -> Score:
    """Score every service of a world. assignment: "nearest" (people go to the nearest with room) or "best" (most
    served, then most assigned, then least travel unless minimise_travel is False). Raises InvalidInput."""
    if assignment not in ASSIGNMENTS:
        raise InvalidInput([f"assignment {assignment!r} is not nearest or best"])
    if check:
        check_world(world)
    demand, k, n = world.demand, world.services, world.demand.cells
    supply, reason = role_supply(world)
    ready, tie = role_ready(world), role_ties(world.supply)
    cell_tie = _rank(demand.x_m, demand.y_m, np.arange(n))
    states = {name: np.zeros((k, n), np.int64) for name in ("served", "late", "no_room", "out_of_reach")}
    role_served, role_late = np.zeros(len(supply), np.int64), np.zeros(len(supply), np.int64)
    travel, parts, minimised = np.zeros(k), [], assignment == "best"
    for service in range(k):
        roles, facility, cell, cost = service_pairs(world, service, supply)
        need = demand.need[service]
        ranks = np.argsort(np.argsort(tie[roles], kind="stable"), kind="stable")
        given = (cell, facility, cost, need, supply[roles], ready[roles], cell_tie, ranks)
        if assignment == "best":
            result = assign_best(*given, minimise_travel=minimise_travel)
            minimised &= result.travel_minimised
        else:
            result = assign_nearest(*given)
        reachable = np.zeros(n, bool)
        reachable[cell] = True
        used = np.flatnonzero(result.units)
        units, used_cell, used_role = result.units[used], cell[used], roles[facility[used]]
        in_time = ready[used_role]
        np.add.at(states["served"][service], used_cell[in_time], units[in_time])
        np.add.at(states["late"][service], used_cell[~in_time], units[~in_time])
        np.add.at(role_served, used_role[in_time], units[in_time])
        np.add.at(role_late, used_role[~in_time], units[~in_time])
        left = need - states["served"][service] - states["late"][service]
        states["no_room"][service] = np.where(reachable, left, 0)
        states["out_of_reach"][service] = np.where(reachable, 0, left)
        travel[service] = float(np.sum(units * cost[used].astype(np.float64)))
        parts.append((used_role, used_cell, units, cost[used]))
    joined = [np.concatenate(columns) if parts else np.empty(0) for columns in zip(*parts, strict=True)]
    return Score(
        **states,
        role_served=role_served,
        role_late=role_late,
        role_supply=supply,
        role_reason=reason,
        pair_role=joined[0].astype(np.int32),
        pair_cell=joined[1].astype(np.int32),
        pair_units=joined[2].astype(np.int64),
        pair_cost=joined[3].astype(np.float32),
        travel=travel,
        travel_minimised=bool(minimised),
        assignment=assignment,
    )


def served_in_time(world: World, service: int) -> tuple[int, NDArray, NDArray, NDArray, NDArray]:
    """Most units of one service that roles ready in time can serve, exact, and how: (total, roles, pair_facility,
    pair_cell, pair_units), pair_facility indexing `roles`."""
    supply = np.where(role_ready(world), role_supply(world)[0], 0)
    roles, facility, cell, cost = service_pairs(world, service, supply)
    need = world.demand.need[service]
    units = assign_best(
        cell, facility, cost, need, supply[roles], np.ones(len(roles), bool), minimise_travel=False
    ).units
    return int(units.sum()), roles, facility, cell, units


def sum_by_area(score: Score, area: ArrayLike, areas: int) -> NDArray[np.int64]:
    """(areas, k, 4) units by area, service and state (order of world.STATES). `area` (n,) gives each cell's area at the
    wanted level, -1 for none (left out)."""
    area = np.asarray(area, np.int64)
    inside = area >= 0
    states = np.stack([score.served, score.late, score.no_room, score.out_of_reach], axis=2)  # (k, n, 4)
    out = np.zeros((areas, *states.shape[::2]), np.int64)
    np.add.at(out, area[inside], states.transpose(1, 0, 2)[inside])
    return out


def loss_without(world: World, sites: ArrayLike, assignment: str = "best") -> NDArray[np.int64]:
    """(len(sites), k) units no longer served in time when each site alone falls out, the others staying."""
    sites = np.asarray(sites, np.int64)
    before = score_world(world, assignment, minimise_travel=False).served.sum(axis=1)
    lost = np.zeros((len(sites), world.services), np.int64)
    supply = world.supply
    for row, site in enumerate(sites):
        usable = supply.role_usable & (supply.role_site != site)
        without = Supply(
            supply.x_m, supply.y_m, supply.role_site, supply.role_service, supply.role_capacity, supply.role_hours,
            usable, supply.role_rank, supply.role_exclusive, supply.role_reason,
        )  # fmt: skip
        after = score_world(world.with_supply(without), assignment, minimise_travel=False, check=False)
        lost[row] = before - after.served.sum(axis=1)
    return lost


def class_breaks(values: ArrayLike, k: int = 5) -> NDArray[np.float64]:
    """Readable upper limits of at most k map classes of the values above 0, ascending, computed once per run.

    Quantiles of the positive values, each rounded to 1, 2, 2.5, 5 or 10 x a power of ten, duplicates dropped; the last
    one is rounded up so that it holds the largest value. Zero is a class of its own and not counted. Empty when no
    value is above 0.
    """
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values) & (values > 0)]
    if values.size == 0:
        return np.empty(0)
    inner = np.quantile(values, np.arange(1, k) / k)
    top = _readable(float(values.max()), up=True)
    breaks = sorted({_readable(float(v)) for v in inner})
    return np.array([b for b in breaks if b < values.max()] + [top])


def _readable(value: float, up: bool = False) -> float:
    """`value` to the nearest (or next higher) of 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10 x a power of ten."""
    power = 10.0 ** np.floor(np.log10(value))
    steps = np.array([1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]) * power
    if up:
        return float(f"{steps[np.argmax(steps >= value * (1 - 1e-12))]:.12g}")
    return float(f"{steps[np.argmin(np.abs(steps - value))]:.12g}")
