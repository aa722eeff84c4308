"""What differs between two worlds for the nearest-first assignment, sink by sink."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.transport import rank_by, role_ties
from engine.world import Reach, Supply, World

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Change:
    """One sink that changes: `sink` its number before (-1: there was none), `by` the change of its capacity. closes:
    what was there goes; inserts: a sink of `capacity` units comes (both: it is ordered or reached otherwise now)."""

    sink: int
    role: int
    special: bool
    by: int
    closes: bool
    inserts: bool
    capacity: int
    ready: bool


class Before(Protocol):
    """The side of engine.incremental.Standing that is compared."""

    world: World
    supply: Ints
    ready: NDArray[np.bool_]
    tie: Ints
    alone: NDArray[np.bool_]

    def service(self, number: int) -> Any: ...


def incomparable(before: World, after: World, sites: Ints) -> str:
    """Why `after` cannot be reached from `before` by changing sinks at `sites`; "" when it can."""
    one, other = before.demand, after.demand
    if one is not other:
        same = before.grouped == after.grouped and one.cells == other.cells
        names = ("need", "x_m", "y_m") + (("special_need",) if before.grouped else ())
        if not same or not all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names):
            return "the cells or their need changed"
    if before.services != after.services or before.grouped != after.grouped:
        return "the services changed"
    m, r = before.supply.sites, before.supply.roles
    if after.supply.sites < m or after.supply.roles < r:
        return "sites or roles were taken away"
    for name in ("role_site", "role_service"):
        if not np.array_equal(getattr(before.supply, name), getattr(after.supply, name)[:r]):
            return "roles changed their place or service"
    named = np.zeros(after.supply.sites, bool)
    named[sites[(sites >= 0) & (sites < after.supply.sites)]] = True
    # Services often share one search: each pair of tables is looked at once.
    tables = {(id(old), id(new)): (old, new) for old, new in zip(before.reach, after.reach, strict=True)}
    for old, new in tables.values():
        if old is not new and not _same_elsewhere(old, new, named[:m], m):
            return "reach changed at sites that were not named"
    return ""


def ties_after(before: Before, after: World) -> Ints:
    """(r,) order among equal costs in `after`, to be compared within a service. It is the one before where no role was
    added and none changed that shares its point with another of its service, for place comes first in the order."""
    one, other = before.world.supply, after.supply
    if one is other:
        return before.tie
    still = (
        one.roles == other.roles and np.array_equal(one.x_m, other.x_m) and np.array_equal(one.y_m, other.y_m)
    )
    if still and not (_other_keys(one, other) & ~before.alone).any():
        return before.tie
    return role_ties(other)


def alone_at_its_point(supply: Supply) -> NDArray[np.bool_]:
    """(r,) no other role of the same service stands at exactly the same point."""
    x, y = supply.x_m[supply.role_site], supply.y_m[supply.role_site]
    order = np.lexsort((x, y, supply.role_service))
    same = np.zeros(supply.roles + 1, bool)
    a, b = order[:-1], order[1:]
    same[1:-1] = (x[a] == x[b]) & (y[a] == y[b]) & (supply.role_service[a] == supply.role_service[b])
    alone = np.empty(supply.roles, bool)
    alone[order] = ~(same[:-1] | same[1:])
    return alone


def _same_elsewhere(old: Reach, new: Reach, named: NDArray[np.bool_], sites: int) -> bool:
    """The rows of every site that is not named are equal."""
    lengths, others = np.diff(old.indptr[: sites + 1]), np.diff(new.indptr[: sites + 1])
    if not np.array_equal(lengths[~named], others[~named]):
        return False
    edges = np.flatnonzero(named)
    for first, last in zip([0, *(edges + 1)], [*edges, sites], strict=True):
        a, b = slice(old.indptr[first], old.indptr[last]), slice(new.indptr[first], new.indptr[last])
        if not np.array_equal(old.cell[a], new.cell[b]) or not np.array_equal(old.cost[a], new.cost[b]):
            return False
    return True


def changes_between(
    before: Before,
    after: World,
    supply: Ints,
    ready: NDArray[np.bool_],
    tie: Ints,
    sites: Sequence[int] | Ints,
) -> dict[int, list[Change]]:
    """Changes by service. supply, ready, tie (r,): of `after`."""
    world = before.world
    r, more = world.supply.roles, after.supply.roles - world.supply.roles
    supply_before = np.concatenate([before.supply, np.zeros(more, np.int64)])
    special = special_before = np.zeros(r + more, np.int64)
    if after.grouped:
        special = np.minimum(after.supply.role_special_capacity, supply)
        special_before = np.minimum(
            np.concatenate([world.supply.role_special_capacity, np.zeros(more, np.int64)]), supply_before
        )
    ready_before = np.concatenate([before.ready, ready[r:]])
    counts = (supply > 0) | (supply_before > 0)
    moved = _moved(world, after, sites) & counts
    anew = (ready != ready_before) & counts | moved
    hit = anew | (supply != supply_before) | (special != special_before) | _reordered(before, after, counts)
    found: dict[int, list[Change]] = {}
    for role in np.flatnonzero(hit):
        service = int(after.supply.role_service[role])
        standing = before.service(service)
        fresh = anew[role] or (role < r and _out_of_order(before, standing, role, tie))
        for is_special in (False, True) if after.grouped else (False,):
            now, then = (
                int(part[role] if is_special else whole[role] - part[role])
                for whole, part in ((supply, special), (supply_before, special_before))
            )
            if now == then and not fresh:
                continue
            sink = np.flatnonzero(
                (standing.role[: standing.sinks] == role) & (standing.special[: standing.sinks] == is_special)
            )
            number = int(sink[0]) if len(sink) else -1
            found.setdefault(service, []).append(
                Change(
                    number, int(role), is_special, now - then, number >= 0 and (fresh or now == 0),
                    now > 0 and (number < 0 or bool(fresh)), now, bool(ready[role]),
                )
            )  # fmt: skip
    return found


def _moved(before: World, after: World, sites: Sequence[int] | Ints) -> NDArray[np.bool_]:
    """(r,) roles whose reach is another one now."""
    moved = np.zeros(after.supply.roles, bool)
    for site in np.asarray(sites, np.int64):
        if not 0 <= site < before.supply.sites:
            continue
        for service, (old, new) in enumerate(zip(before.reach, after.reach, strict=True)):
            if old is not new and not all(
                np.array_equal(a, b) for a, b in zip(old.row(site), new.row(site), strict=True)
            ):
                moved |= (after.supply.role_site == site) & (after.supply.role_service == service)
    return moved


KEYS = ("role_capacity", "role_hours", "role_rank")


def _other_keys(one: Supply, other: Supply) -> NDArray[np.bool_]:
    """(r,) roles of `one` of which a key of the order other than the place is another one in `other`."""
    out = np.zeros(one.roles, bool)
    for name in KEYS:
        old, new = getattr(one, name), getattr(other, name)[: one.roles]
        out |= (old != new) & ~((old != old) & (new != new))
    return out


def _reordered(before: Before, after: World, counts: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(r,) roles that equal trips may tell apart in another way now."""
    r, one, other = before.world.supply.roles, before.world.supply, after.supply
    out = np.zeros(other.roles, bool)
    if one is not other:
        place = one.role_site
        out[:r] = _other_keys(one, other)
        out[:r] |= (one.x_m[place] != other.x_m[place]) | (one.y_m[place] != other.y_m[place])
    return out & counts


def _out_of_order(before: Before, standing: Any, role: int, tie: Ints) -> bool:
    """The role stands elsewhere among its service's sinks than it did."""
    if tie is before.tie:
        return False
    sinks = standing.transport
    now = rank_by(2 * tie[sinks.role] + sinks.special)
    mine = sinks.role == role
    return bool((now[mine] != sinks.sink_rank[mine]).any())
