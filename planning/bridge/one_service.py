"""One service taken out of a world, to be worked on alone."""

from __future__ import annotations

import numpy as np

from engine.world import Demand, Score, Supply, World


def world_of_one(world: World, score: Score, k: int) -> tuple[World, dict[int, int]]:
    """The world of service k, exactly as it plays in the whole (a role taken by another use still supplies 0), and the
    place of each of its roles by their place in the whole."""
    supply, demand = world.supply, world.demand
    mine = np.flatnonzero(supply.role_service == k)
    reason = np.zeros(supply.roles, np.int8) if supply.role_reason is None else supply.role_reason
    capacity = np.where(supply.role_usable[mine], score.role_supply[mine], supply.role_capacity[mine])
    own = Supply(
        supply.x_m, supply.y_m, supply.role_site[mine], np.zeros(len(mine), np.int16), capacity, supply.role_hours[mine],
        supply.role_usable[mine], supply.role_rank[mine], np.zeros(len(mine), bool), reason[mine],
        None if supply.role_special_capacity is None else np.minimum(supply.role_special_capacity[mine], capacity),
    )  # fmt: skip
    special = None if demand.special_need is None else demand.special_need[[k]]
    narrow = Demand(demand.x_m, demand.y_m, demand.need[[k]], demand.people, demand.area, special)
    return World(narrow, own, (world.standards[k],), (world.reach[k],)), {
        int(role): n for n, role in enumerate(mine)
    }
