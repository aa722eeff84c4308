"""Four states: where each unit of need ends, exactly.

served: assigned to a role that is ready in time. late: assigned to a role that converts too slowly. no room: not
assigned although some role with capacity is in reach. out of reach: no role with capacity in reach. For need that only
barrier-free capacity may serve, capacity means barrier-free capacity.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.allocation import assign_best, assign_best_of, assign_nearest_of
from engine.bands import BandedReach, assign_nearest_in_bands
from engine.checks import InvalidInput, check_world
from engine.tally import ServiceTally, put_special_first, tally, tally_taken
from engine.transport import Transport, bare_transport_of, cell_ties, role_ties, transport_of
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
    return supply_in_play(world.supply, world.demand.need.sum(axis=1) > 0)


def supply_in_play(supply: Supply, in_play: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """What role_supply returns where the services (k,) that somebody needs are known."""
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
    served, then most assigned, then least travel unless minimise_travel is False). Raises InvalidInput.

    Where special need and barrier-free capacity are told apart, only such capacity serves such need (both nearest and
    best stay exact), and those who need it are placed before the others of their cell.
    """
    if assignment not in ASSIGNMENTS:
        raise InvalidInput([f"assignment {assignment!r} is not nearest or best"])
    if check:
        check_world(world)
    supply, reason = role_supply(world)
    ready, tie, cell_tie = role_ready(world), role_ties(world.supply), cell_ties(world)
    parts, minimised = [], assignment == "best"
    for service in range(world.services):
        *part, least = _scored((world, service, supply, ready, tie, cell_tie), assignment, minimise_travel)
        parts.append(tuple(part))
        minimised &= least
    return joined_score(world, supply, reason, parts, assignment, minimised)


def score_service(
    world: World, service: int, assignment: str = "nearest"
) -> tuple[NDArray[np.int32], NDArray[np.bool_], ServiceTally, bool]:
    """One service of `score_world`: (sink roles, sink is barrier-free, tally, travel is least). Services do not wait for
    each other - which roles count depends on the need of all, not on their assignments - so any worker may do one, and
    `joined_score` of the first three of each is the whole score."""
    supply, _reason = role_supply(world)
    ready, tie, cell_tie = role_ready(world), role_ties(world.supply), cell_ties(world)
    return _scored((world, service, supply, ready, tie, cell_tie), assignment, True)


def _scored(given: tuple, assignment: str, minimise_travel: bool):
    """What score_service returns, from the arguments of transport_of."""
    world, service, *_ = given
    if assignment == "nearest" and isinstance(world.reach[service], BandedReach):
        transport = bare_transport_of(*given)
        sites = world.supply.role_site[transport.role].astype(np.int64)
        return transport.role, transport.special, _in_bands(world.reach[service], sites, transport), False
    transport, least = transport_of(*given), False
    if assignment == "best":
        result = assign_best_of(transport, minimise_travel=minimise_travel)
        put_special_first(transport, result.units)
        least = result.travel_minimised
    else:
        result = assign_nearest_of(transport)
    return transport.role, transport.special, tally(transport, result.units), least


def _in_bands(reach: BandedReach, sites: NDArray[np.int64], transport: Transport) -> ServiceTally:
    taken = assign_nearest_in_bands(reach.search, reach.limit, sites, transport, reach.pairs_at_once)
    reachable = np.zeros(len(transport.need), bool)
    if len(sites) and not transport.grouped:
        reachable = reach.reachable(sites)
    elif len(sites):
        reachable[1::2] = reach.reachable(sites)
        if transport.special.any():
            reachable[0::2] = reach.reachable(sites[transport.special])
    return tally_taken(transport, taken.sink, taken.row, taken.units, taken.cost, reachable)


def joined_score(
    world: World,
    supply: NDArray[np.int64],
    reason: NDArray[np.int8],
    parts: Sequence[tuple[NDArray[np.int32], NDArray[np.bool_], ServiceTally]],
    assignment: str,
    travel_minimised: bool,
) -> Score:
    """The Score of all services from (sink roles, sink is barrier-free, tally) of each."""
    k, n, roles = world.services, world.demand.cells, world.supply.roles
    states = np.zeros((4, k, n), np.int64)
    special = np.zeros((4, k, n), np.int64) if world.grouped else None
    role_served, role_late, taken = (np.zeros(roles, np.int64) for _ in range(3))
    for service, (role, is_special, part) in enumerate(parts):
        states[:, service] = part.states
        if special is not None:
            special[:, service] = part.special
        np.add.at(role_served, role, part.sink_served)  # few: one or two sinks a role
        np.add.at(role_late, role, part.sink_late)
        np.add.at(taken, role[is_special], (part.sink_served + part.sink_late)[is_special])

    def column(name: str, dtype: type) -> NDArray:
        return np.concatenate([np.empty(0, dtype), *(getattr(part, name) for _, _, part in parts)])

    return Score(
        *states,
        role_served=role_served,
        role_late=role_late,
        role_supply=supply,
        role_reason=reason,
        pair_role=column("pair_role", np.int32),
        pair_cell=column("pair_cell", np.int32),
        pair_units=column("pair_units", np.int64),
        pair_cost=column("pair_cost", np.float32),
        travel=np.array([part.travel for _, _, part in parts]),
        travel_minimised=bool(travel_minimised),
        assignment=assignment,
        special=special,
        pair_special=column("pair_special", np.int64) if world.grouped else None,
        role_special=np.minimum(world.supply.role_special_capacity, supply) if world.grouped else None,
        role_special_taken=taken if world.grouped else None,
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
    return sum_states(np.stack([score.served, score.late, score.no_room, score.out_of_reach]), area, areas)


def sum_states(states: NDArray[np.int64], area: ArrayLike, areas: int) -> NDArray[np.int64]:
    """(areas, k, 4) from (4, k, n), for example from Score.special."""
    return _sum_states(states, np.ascontiguousarray(area, np.int64), areas)


@njit(cache=True, nogil=True)
def _sum_states(states, area, areas):
    out = np.zeros((areas, states.shape[1], states.shape[0]), np.int64)
    for state in range(states.shape[0]):
        for service in range(states.shape[1]):
            for cell in range(area.size):
                if area[cell] >= 0:
                    out[area[cell], service, state] += states[state, service, cell]
    return out


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
