"""U1: a thousand draws of uncertain inputs against scoring the same city once for each draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.coverage import score_world
from engine.draws import DrawnNeed, Draws
from engine.need import need_units
from engine.travel import reach_straight
from engine.uncertainty import Input, draw
from engine.world import Demand, Standard, Supply, World
from tests.bench import _rows
from tests.bench._city import people_grid, scattered_sites

TARGET = 10.0
# Metres of reach and facilities of the five services of a city like Chengdu, which has 4,857 cells.
SERVICES = ((1000.0, 1200), (2500.0, 300), (800.0, 2000), (5000.0, 120), (1500.0, 600))
CLASSES, DISTRICTS = 4, 20


def versions() -> list[str]:
    return [_rows.version(name) for name in ("numpy", "numba", "scipy")]


def city(cells: int, seed: int = 11) -> World:
    """Five services on a polycentric grid; capacity lies unevenly, so that it is short in some places and free in others,
    and a fifth of the places are late."""
    random = np.random.default_rng(seed)
    x, y, people = people_grid(cells, random)
    places, reach, standards = [], [], []
    for k, (limit, count) in enumerate(SERVICES):
        count = max(8, count * cells // 4857)
        site_x, site_y = scattered_sites(x, y, people, count, random)
        share = random.gamma(0.7, size=count)
        capacity = np.rint(share / share.sum() * people.sum() * 0.1).astype(np.int64)
        places.append((site_x, site_y, np.full(count, k), capacity))
        standards.append(Standard(f"s{k}", 1.0, "displaced", limit, "m", "walk", 24.0))
    site_x, site_y, service, capacity = (np.concatenate(column) for column in zip(*places, strict=True))
    for one in standards:
        reach.append(reach_straight(site_x, site_y, x, y, one.reach_limit, "m", "walk", 1.3))
    roles = len(site_x)
    supply = Supply(
        site_x, site_y, np.arange(roles), service, capacity, random.choice([6.0, 12.0, 24.0, 24.0, 72.0], roles),
        np.ones(roles, bool), np.zeros(roles, np.int16), np.zeros(roles, bool),
    )  # fmt: skip
    need = np.zeros((len(SERVICES), len(people)), np.int64)
    area = random.integers(0, DISTRICTS, len(people))
    return World(Demand(x, y, need, people, area), supply, tuple(standards), tuple(reach))


def needs_of(world: World, count: int, seed: int) -> list[DrawnNeed]:
    """Rates of four hazard classes, a ratio for each service, and the error of the population are drawn."""
    random = np.random.default_rng(seed)
    group = random.integers(0, CLASSES, world.demand.cells).astype(np.int32)
    inputs = [Input(f"rate {n}", 0.02 * (n + 1), 0.05 * (n + 1), 0.07 * (n + 1)) for n in range(CLASSES)]
    inputs += [
        Input("people", 0.9, 1.0, 1.1),
        *(Input(f"ratio {k}", 0.8, 1.0, 1.3) for k in range(world.services)),
    ]
    values = draw(inputs, count, seed)
    share = values[:, :CLASSES] * values[:, CLASSES : CLASSES + 1]
    return [
        DrawnNeed(world.demand.people, group, share, values[:, CLASSES + 1 + k].copy())
        for k in range(world.services)
    ]


def one_by_one(world: World, needs: list[DrawnNeed], which: list[int]) -> np.ndarray:
    """(draws, services, areas, 2) need and gap: a whole score for each draw."""
    found = np.zeros((len(which), world.services, DISTRICTS, 2), np.int64)
    for n, d in enumerate(which):
        need = np.stack([need_units(one.people, one.share[d][one.group], one.ratio[d]) for one in needs])
        score = score_world(replace(world, demand=replace(world.demand, need=need)), check=False)
        for k in range(world.services):
            for at, values in enumerate((need[k], score.gap[k])):
                found[n, k, :, at] = np.bincount(world.demand.area, values, DISTRICTS).astype(np.int64)
    return found


def all_at_once(world: World, needs: list[DrawnNeed]) -> np.ndarray:
    """The same for every draw."""
    draws = Draws(world, needs, world.demand.area, DISTRICTS)
    found = [np.stack(draws.service(k), axis=-1)[:, :DISTRICTS] for k in range(world.services)]
    return np.stack(found, axis=1)


def run(size: str) -> list[_rows.Row]:
    cells, count, sampled, rounds = _rows.of(
        size, (4_857, 1_000, 20, 3), (4_857, 200, 8, 2), (400, 100, 4, 1)
    )
    world = city(cells)
    needs = needs_of(world, count, 3)
    which = np.linspace(0, count - 1, sampled).astype(int).tolist()
    ours, peer = all_at_once(world, needs), one_by_one(world, needs, which)
    _rows.demand(bool(np.array_equal(ours[which], peer)), "need or gap of a district differs in a draw")
    seconds = _rows.compare(
        {"ours": lambda: all_at_once(world, needs), "peer": lambda: one_by_one(world, needs, which)}, rounds
    )
    return [_row(world, count, sampled, seconds)]


def _row(world: World, count: int, sampled: int, seconds: dict[str, list[float]]) -> _rows.Row:
    reaching = zip(world.reach, range(world.services), strict=True)
    pairs = sum(
        int(np.diff(reach.indptr)[world.supply.role_site[world.supply.role_service == k]].sum())
        for reach, k in reaching
    )
    return _rows.row(
        "U1",
        f"need and gap of {count:,} draws, {world.demand.cells:,} cells, {world.services} services, {pairs:,} pairs",
        seconds["ours"],
        f"score_world draw by draw, {sampled} draws scaled to {count:,}",
        # Every draw is as much work as any other, so those the peer was given stand for all.
        [one * count / sampled for one in seconds["peer"]],
        TARGET,
        f"need and gap by district equal in {sampled} draws",
    )
