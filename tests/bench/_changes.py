"""T8 and T9, rows of the benchmark `coverage`: losing each facility, and editing one, against scoring everything again."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from engine.coverage import score_world
from engine.incremental import Standing
from engine.loss import loss_of_each
from engine.travel import reach_straight
from engine.world import Demand, Reach, Score, Standard, Supply, World
from tests.bench import _rows
from tests.bench._city import people_grid, scattered_sites

LOSS_TARGET, EDIT_TARGET = 50.0, 20.0
EDITS = 500


def rows(size: str) -> list[_rows.Row]:
    loss = _rows.of(size, (200_000, 2_000), (20_000, 200), (900, 30))
    best = _rows.of(size, (50_000, 1_000), (10_000, 100), (900, 30))
    edits = _rows.of(size, (10_000, 500, EDITS), (10_000, 500, 50), (900, 30, 8))
    rounds = _rows.of(size, 5, 3, 1)
    return [
        losing("nearest", "T8", "nearest first", loss, rounds),
        losing("best", "T8-best", "best possible", best, rounds),
        editing(*edits, rounds),
    ]


def city(cells: int, sites: int, services: int = 1, reach_m: float | None = None, seed: int = 5) -> World:
    """Capacity 0.9 of the need, spread unevenly; most roles ready, some late; with several services half of the sites
    have exclusive roles."""
    random = np.random.default_rng(seed)
    x, y, people = people_grid(cells, random)
    site_x, site_y = scattered_sites(x, y, people, sites, random)
    # about the same number of facilities near every cell, whatever the size
    limit = 1_600.0 * np.sqrt(cells / sites / 100.0) if reach_m is None else reach_m
    reach = reach_straight(site_x, site_y, x, y, limit, "m", "walk", 1.3)
    need = np.stack([np.rint(people * share).astype(np.int64) for share in np.linspace(0.2, 0.1, services)])
    spread = random.gamma(0.7, size=(services, sites))
    spread *= 0.9 * need.sum(axis=1, keepdims=True) / spread.sum(axis=1, keepdims=True)
    roles = services * sites
    exclusive = np.tile(random.random(sites) < 0.5, services) & (services > 1)
    supply = Supply(
        site_x, site_y, np.tile(np.arange(sites), services), np.repeat(np.arange(services), sites),
        np.rint(spread).astype(np.int64).ravel(), random.choice([0.0, 12.0, 72.0], roles, p=[0.6, 0.3, 0.1]),
        random.random(roles) < 0.95, random.integers(0, 3, roles), exclusive,
    )  # fmt: skip
    standards = [Standard(f"s{k}", 0.2, "people", limit, "m", "walk", 24.0) for k in range(services)]
    return World(
        Demand(x, y, need, people, np.zeros(cells, np.int32)), supply, standards, (reach,) * services
    )


def losing(assignment: str, id: str, words: str, size: tuple[int, int], rounds: int) -> _rows.Row:
    world = city(*size)
    before = score_world(world, assignment, minimise_travel=False).served.sum(axis=1)
    found: dict[str, np.ndarray] = {}

    def ours() -> None:
        found["ours"] = loss_of_each(world, assignment)

    def again() -> None:
        lost = np.zeros((world.supply.sites, world.services), np.int64)
        for site in range(world.supply.sites):
            usable = world.supply.role_usable & (world.supply.role_site != site)
            without = world.with_supply(replace(world.supply, role_usable=usable))
            after = score_world(without, assignment, minimise_travel=False, check=False)
            lost[site] = before - after.served.sum(axis=1)
        found["again"] = lost

    ours()
    seconds = _rows.compare({"ours": ours, "again": again}, rounds)
    _rows.demand(np.array_equal(found["ours"], found["again"]), f"losses differ under {assignment}")
    what = (
        f"loss of each of {size[1]:,} facilities, {words}, {size[0]:,} cells, {world.reach[0].pairs:,} pairs"
    )
    check = f"all {size[1]:,} losses equal, {int(found['ours'].sum()):,} units in all"
    return _rows.row(
        id, what, seconds["ours"], "the city scored again without each", seconds["again"], LOSS_TARGET, check
    )


def editing(cells: int, sites: int, edits: int, rounds: int) -> _rows.Row:
    world = city(cells, sites, services=3, reach_m=2_500.0)
    score = score_world(world)
    random = np.random.default_rng(11)
    cases = [edited(world, random) for _ in range(edits)]
    opening, standing = _rows.clock(lambda: opened(world, score))
    found: dict[str, list[Score]] = {}

    def ours() -> None:
        found["ours"] = [standing.rescored(after, [site]).score for after, site in cases]

    def again() -> None:
        found["again"] = [score_world(after) for after, _ in cases]

    for after, site in cases[:20]:  # compiled before
        standing.rescored(after, [site])
    seconds = _rows.compare({"ours": ours, "again": again}, rounds)
    told = [standing.rescored(after, [site]).full for after, site in cases]
    _rows.demand(not any(told), f"scored in full: {[word for word in told if word]}")
    for mine, theirs in zip(found["ours"], found["again"], strict=True):
        for field in fields(Score):
            one, other = getattr(mine, field.name), getattr(theirs, field.name)
            _rows.demand(bool(np.array_equal(one, other)), f"{field.name} differs after an edit")
    what = (
        f"{edits} edits of one facility (capacity, hours, use, place, a new one), {cells:,} cells x {sites:,} "
        f"facilities x 3 services, {3 * world.reach[0].pairs:,} pairs; opened once in {opening:.2g} s"
    )
    check = f"every array of all {edits} scores is equal"
    return _rows.row(
        "T9", what, seconds["ours"], "the full score of each", seconds["again"], EDIT_TARGET, check
    )


def opened(world: World, score: Score) -> Standing:
    standing = Standing(world, score)
    for service in range(world.services):
        standing.service(service)
    return standing


def edited(world: World, random: np.random.Generator) -> tuple[World, int]:
    """(world, site): one facility edited at random."""
    supply = world.supply
    what = random.choice(["capacity", "hours", "use", "move", "add"])
    if what in ("move", "add"):
        return _placed(world, random, what == "add")
    role = int(random.integers(0, supply.roles))
    names = ("role_capacity", "role_hours", "role_usable")
    columns = {name: getattr(supply, name).copy() for name in names}
    if what == "capacity":
        columns["role_capacity"][role] = int(supply.role_capacity[role] * random.uniform(0, 3)) + 1
    elif what == "hours":
        columns["role_hours"][role] = random.choice([0.0, 72.0])
    else:
        columns["role_usable"][role] ^= True
    return world.with_supply(replace(supply, **columns)), int(supply.role_site[role])


def _placed(world: World, random: np.random.Generator, added: bool) -> tuple[World, int]:
    """One site a few hundred metres off, or a new one with a role, with its own search for the cells in reach."""
    supply, demand, old = world.supply, world.demand, world.reach[0]
    near = int(random.integers(0, supply.sites))
    site = supply.sites if added else near
    x, y = (place[near] + random.uniform(-300, 300) for place in (supply.x_m, supply.y_m))
    limit = float(old.cost.max())
    own = reach_straight(np.array([x]), np.array([y]), demand.x_m, demand.y_m, limit, "m", "walk", 1.3)
    after = slice(int(old.indptr[near + 1]) if not added else old.pairs, None)
    before = slice(0, int(old.indptr[near]) if not added else old.pairs)
    lengths = np.append(np.diff(old.indptr), 0) if added else np.diff(old.indptr)
    lengths[site] = own.pairs
    reach = Reach(
        np.concatenate([[0], np.cumsum(lengths)]),
        np.concatenate([old.cell[before], own.cell, old.cell[after]]),
        np.concatenate([old.cost[before], own.cost, old.cost[after]]),
    )
    columns = {name: getattr(supply, name).copy() for name in ("x_m", "y_m")}
    if added:
        columns = {
            name: np.append(getattr(supply, name), getattr(supply, name)[-1]) for name in SUPPLY_COLUMNS
        }
        columns["role_site"][-1], columns["role_service"][-1] = site, int(random.integers(0, world.services))
        columns["role_capacity"][-1] = int(random.integers(1, 2_000))
    columns["x_m"][site], columns["y_m"][site] = x, y
    return replace(world, supply=replace(supply, **columns), reach=(reach,) * world.services), site


SUPPLY_COLUMNS = ("x_m", "y_m", "role_site", "role_service", "role_capacity", "role_hours", "role_usable",
                  "role_rank", "role_exclusive", "role_reason")  # fmt: skip
