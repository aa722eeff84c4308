"""One service as a transport problem: rows of need, sinks of capacity, and the pairs that may carry units.

Without groups a row is a cell and a sink is a role. Where barrier-free places are told apart each cell has two rows
(2 x cell: those who need one; 2 x cell + 1: everybody else) and each role two sinks: the barrier-free part of its
capacity, which every row may use, and the rest, which only ordinary rows may use. That makes the groups a plain
transport problem, so everything that holds for one holds for both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.checks import InvalidInput
from engine.world import Reach, Supply, World


@dataclass(frozen=True, slots=True)
class Transport:
    """rows q (q = n, or 2n with groups), sinks s, pairs p ordered by sink, then row.

    need (q,), capacity (s,) int64; ready (s,); role (s,) int32; special (s,) bool: barrier-free.
    row_rank (q,), sink_rank (s,): order among equal costs. sink_ptr (s+1,) int64; row (p,), sink (p,) int32; cost (p,).
    """

    need: NDArray[np.int64]
    capacity: NDArray[np.int64]
    ready: NDArray[np.bool_]
    role: NDArray[np.int32]
    special: NDArray[np.bool_]
    row_rank: NDArray[np.int64]
    sink_rank: NDArray[np.int64]
    sink_ptr: NDArray[np.int64]
    row: NDArray[np.int32]
    sink: NDArray[np.int32]
    cost: NDArray[np.float32]
    grouped: bool

    @property
    def pairs(self) -> int:
        return len(self.row)

    @property
    def cells(self) -> int:
        return len(self.need) // 2 if self.grouped else len(self.need)

    def by_cell(self, units: NDArray[Any]) -> NDArray[Any]:
        """(n,) from (q,): both rows of a cell together."""
        return units.reshape(-1, 2).sum(axis=1) if self.grouped else units

    def with_capacity(self, capacity: NDArray[np.int64]) -> Transport:
        """The same pairs with other capacities (s,)."""
        return replace(self, capacity=np.asarray(capacity, np.int64))


def rank_by(*keys: NDArray[Any]) -> NDArray[np.int64]:
    """Rank (0..) by the given keys, first key first; equal ones in their order."""
    order = np.lexsort(keys[::-1])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank


def role_ties(supply: Supply) -> NDArray[np.int64]:
    """(r,) rank of roles by place and size, so that equal trips are told apart by what a role is, not by its row."""
    hours = np.nan_to_num(supply.role_hours, nan=np.inf)
    place = supply.role_site
    return rank_by(supply.x_m[place], supply.y_m[place], supply.role_capacity, hours, supply.role_rank)


def cell_ties(world: World) -> NDArray[np.int64]:
    """(n,) rank of cells by place."""
    return rank_by(world.demand.x_m, world.demand.y_m)


def row_needs(world: World, service: int) -> NDArray[np.int64]:
    """(q,) need of the rows of a service."""
    need = world.demand.need[service]
    if not world.grouped:
        return need
    special = world.demand.special_need[service]
    rows = np.empty(2 * len(need), np.int64)
    rows[0::2], rows[1::2] = special, need - special
    return rows


def row_ranks(cell_tie: NDArray[np.int64], grouped: bool) -> NDArray[np.int64]:
    """(q,): of the two rows of a cell those who need a barrier-free place come first."""
    if not grouped:
        return cell_tie
    rows = np.empty(2 * len(cell_tie), np.int64)
    rows[0::2], rows[1::2] = 2 * cell_tie, 2 * cell_tie + 1
    return rows


def sinks_of(
    world: World, service: int, supply: NDArray[np.int64], supply_special: NDArray[np.int64] | None
) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.int64]]:
    """(role, special, capacity) of the sinks of a service that have any capacity, by role; of the two sinks of a role
    the ordinary one first, so that a barrier-free place is not taken while an ordinary one is free."""
    roles = np.flatnonzero((world.supply.role_service == service) & (supply > 0)).astype(np.int32)
    if supply_special is None:
        return roles, np.zeros(len(roles), bool), supply[roles]
    role, special = np.repeat(roles, 2), np.tile([False, True], len(roles))
    free = supply_special[role]
    capacity = np.where(special, free, supply[role] - free)
    kept = capacity > 0
    return role[kept], special[kept], capacity[kept]


def transport_of(
    world: World,
    service: int,
    supply: NDArray[np.int64],
    ready: NDArray[np.bool_],
    role_tie: NDArray[np.int64],
    cell_tie: NDArray[np.int64],
) -> Transport:
    """The transport problem of one service; supply (r,) capacity that counts, ready (r,), ties as ranks. Raises
    InvalidInput where the pairs are only searched for in bands."""
    reach = world.reach[service]
    if not isinstance(reach, Reach):
        raise InvalidInput(
            [f"reach {service}: its pairs are searched in bands, which only nearest-first scores can use"]
        )
    bare = bare_transport_of(world, service, supply, ready, role_tie, cell_tie)
    sites = world.supply.role_site[bare.role].astype(np.int64)
    ptr, row, sink, cost = sink_pairs(reach, sites, bare.special, bare.need, bare.grouped)
    return replace(bare, sink_ptr=ptr, row=row, sink=sink, cost=cost)


def bare_transport_of(
    world: World,
    service: int,
    supply: NDArray[np.int64],
    ready: NDArray[np.bool_],
    role_tie: NDArray[np.int64],
    cell_tie: NDArray[np.int64],
) -> Transport:
    """Rows and sinks of one service without any pair."""
    grouped = world.grouped
    special_supply = np.minimum(world.supply.role_special_capacity, supply) if grouped else None
    role, special, capacity = sinks_of(world, service, supply, special_supply)
    none = np.empty(0, np.int32)
    return Transport(
        row_needs(world, service), capacity, ready[role], role, special, row_ranks(cell_tie, grouped),
        rank_by(2 * role_tie[role] + special), np.zeros(len(role) + 1, np.int64), none, none, np.empty(0, np.float32),
        grouped,
    )  # fmt: skip


def sink_pairs(
    reach: Reach, sites: NDArray[np.int64], special: NDArray[np.bool_], need: NDArray[np.int64], grouped: bool
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """(sink_ptr, row, sink, cost): every row with need that the sinks at `sites` reach and may serve."""
    ptr = _count_pairs(reach.indptr, reach.cell, sites, special, need, grouped)
    return ptr, *_fill_pairs(reach.indptr, reach.cell, reach.cost, sites, special, need, grouped, ptr)


@njit(cache=True, nogil=True)
def _count_pairs(indptr, cell, sites, special, need, grouped):
    ptr = np.zeros(sites.size + 1, np.int64)
    for s in range(sites.size):
        count = 0
        for e in range(indptr[sites[s]], indptr[sites[s] + 1]):
            c = np.int64(cell[e])
            if not grouped:
                count += need[c] > 0
            else:
                count += need[2 * c + 1] > 0
                if special[s]:
                    count += need[2 * c] > 0
        ptr[s + 1] = ptr[s] + count
    return ptr


@njit(cache=True, nogil=True)
def _fill_pairs(indptr, cell, reach_cost, sites, special, need, grouped, ptr):
    pairs = ptr[-1]
    row, sink, cost = np.empty(pairs, np.int32), np.empty(pairs, np.int32), np.empty(pairs, np.float32)
    at = 0
    for s in range(sites.size):
        for e in range(indptr[sites[s]], indptr[sites[s] + 1]):
            c = np.int64(cell[e])
            first, last = c, c + 1
            if grouped:
                first, last = (2 * c if special[s] else 2 * c + 1), 2 * c + 2
            for r in range(first, last):
                if need[r] > 0:
                    row[at], sink[at], cost[at] = r, s, reach_cost[e]
                    at += 1
    return row, sink, cost
