"""Small towns for the engine's tests: on one straight street, places in metres, so every number can be worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.travel import reach_straight
from engine.world import ADDING_KINDS, READYING_KINDS, Demand, Option, Reach, Standard, Supply, World


def standard(service="shelter", limit=1000.0, hours=24.0, weight=1.0) -> Standard:
    return Standard(service, 1.0, "people", limit, "m", "walk", hours, weight)


def street_town(cells, roles, *, sites=None, standards=None, needs=None) -> World:
    """cells: [(x, need)]. roles: [(x, capacity)] or dicts with x, capacity and optional service, hours, usable, rank,
    exclusive, reason; roles at one x share a site. sites: further empty places. Straight lines without detour."""
    roles = [role if isinstance(role, dict) else {"x": role[0], "capacity": role[1]} for role in roles]
    standards = standards or [standard()]
    places = sorted({role["x"] for role in roles} | set(sites or []))
    x = np.array([c[0] for c in cells], float)
    need = np.array(needs if needs is not None else [[c[1] for c in cells]], np.int64)
    site_x = np.array(places, float)
    supply = Supply(
        site_x,
        np.zeros(len(places)),
        [places.index(role["x"]) for role in roles],
        [role.get("service", 0) for role in roles],
        [role["capacity"] for role in roles],
        [role.get("hours", 0.0) for role in roles],
        [role.get("usable", True) for role in roles],
        [role.get("rank", 0) for role in roles],
        [role.get("exclusive", False) for role in roles],
        [role.get("reason", 0) for role in roles],
    )
    reach = [
        reach_straight(site_x, np.zeros(len(places)), x, np.zeros(len(x)), s.reach_limit, "m", "walk", 1.0)
        for s in standards
    ]
    people = need[0].astype(float)
    return World(Demand(x, np.zeros(len(x)), need, people, np.zeros(len(x))), supply, standards, reach)


def random_town(seed: int, cells=8, sites=5, services=2, scale=1) -> World:
    """A town where everything happens: several services, late, lapsed and exclusive roles, shared sites."""
    rng = np.random.default_rng(seed)
    site, cell = rng.random((2, sites)) * 1000, rng.random((2, cells)) * 1000
    roles = int(rng.integers(1, 2 * sites))
    supply = Supply(
        *site,
        rng.integers(0, sites, roles),
        rng.integers(0, services, roles),
        rng.integers(0, 20, roles) * scale,
        rng.choice([0.0, 24.0, 72.0, np.nan], roles),
        rng.random(roles) < 0.8,
        rng.integers(0, 3, roles),
        rng.random(roles) < 0.5,
    )
    standards = [standard(f"s{i}", weight=float(rng.choice([0.5, 1.0, 2.0]))) for i in range(services)]
    far = np.hypot(site[0][:, None] - cell[0], site[1][:, None] - cell[1])
    reach = []
    for _ in range(services):
        near = far <= rng.uniform(200, 500)
        reach.append(Reach(np.concatenate([[0], near.sum(axis=1).cumsum()]), np.nonzero(near)[1], far[near]))
    need = rng.integers(0, 12, (services, cells)) * scale
    return World(Demand(*cell, need, np.ones(cells), np.zeros(cells)), supply, standards, reach)


def random_options(seed: int, world: World, count=7) -> list[Option]:
    rng = np.random.default_rng(seed)
    supply, options = world.supply, []
    for _ in range(count):
        kind = str(rng.choice(ADDING_KINDS + READYING_KINDS))
        cost, hours, key = (
            int(rng.integers(0, 50)),
            float(rng.choice([0.0, 24.0, 72.0])),
            int(rng.integers(-1, 3)),
        )
        if kind in READYING_KINDS:
            role = int(rng.integers(0, supply.roles))
            units = int(supply.role_capacity[role])
            place = int(supply.role_site[role]), int(supply.role_service[role])
        else:
            role, units = -1, int(rng.integers(0, 25))
            place = int(rng.integers(0, supply.sites)), int(rng.integers(0, world.services))
        options.append(Option(*place, kind, units, cost, hours, key, role))
    return options


def with_barrier_free(world: World, seed: int, *, everything=False) -> World:
    """The same town where part of the need asks for barrier-free places and part of the room is (or everything is)."""
    rng = np.random.default_rng(seed + 77)
    capacity = world.supply.role_capacity
    special = capacity if everything else rng.integers(0, capacity + 1)
    need = rng.integers(0, world.demand.need + 1)
    return replace(
        world,
        demand=replace(world.demand, special_need=need),
        supply=replace(world.supply, role_special_capacity=special),
    )


def without_sites(world: World, sites) -> World:
    """The same town with every role of `sites` unusable."""
    usable = world.supply.role_usable & ~np.isin(world.supply.role_site, sites)
    return world.with_supply(replace(world.supply, role_usable=usable))


def any_town(seed: int, **size) -> World:
    """random_town, with barrier-free places in every second one; larger ones now and then."""
    world = random_town(seed, **({"cells": 40, "sites": 12} if seed % 3 == 0 else {}) | size)
    return with_barrier_free(world, seed) if seed % 2 else world
