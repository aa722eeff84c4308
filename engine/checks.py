"""Look at every input, collect every problem, speak once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.world import (
    ADDING_KINDS,
    CLOSING_KINDS,
    OPTION_KINDS,
    READYING_KINDS,
    Option,
    Reach,
    Standard,
    World,
)


class InvalidInput(ValueError):
    """Inputs the engine refuses. `problems` lists every one of them in words."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(self.problems))


def _length(problems: list[str], name: str, array: np.ndarray, shape: tuple[int, ...]) -> bool:
    if array.shape != shape:
        problems.append(f"{name}: shape {array.shape}, expected {shape}")
        return False
    return True


def _range(problems: list[str], name: str, array: np.ndarray, low: float, high: float | None = None) -> None:
    bad = ~(array >= low) if high is None else ~((array >= low) & (array < high))
    if np.any(bad):
        problems.append(f"{name}: {int(bad.sum())} values outside {low}..{'' if high is None else high}")


def _whole(problems: list[str], name: str, array: np.ndarray) -> None:
    if array.dtype.kind not in "iu":
        problems.append(f"{name}: must be whole units, got {array.dtype}")


def world_problems(world: World) -> list[str]:
    """Every reason this world cannot be scored, in words; empty when it can."""
    problems: list[str] = []
    demand, supply = world.demand, world.supply
    k, n, m, r = world.services, demand.cells, supply.sites, supply.roles
    for name, array in (("cell y_m", demand.y_m), ("cell people", demand.people), ("cell area", demand.area)):
        _length(problems, name, array, (n,))
    if _length(problems, "need", demand.need, (k, n)):
        _whole(problems, "need", demand.need)
        _range(problems, "need", demand.need, 0)
    problems += _group_problems(world)
    for name, array in (("cell x_m", demand.x_m), ("cell y_m", demand.y_m), ("site x_m", supply.x_m),
                        ("site y_m", supply.y_m), ("cell people", demand.people)):  # fmt: skip
        if array.dtype.kind != "f" or not np.all(np.isfinite(array)):
            problems.append(f"{name}: every value must be a finite number")
    _length(problems, "site y_m", supply.y_m, (m,))
    for name in ("site", "service", "capacity", "hours", "usable", "rank", "exclusive", "reason"):
        _length(problems, f"role {name}", getattr(supply, f"role_{name}"), (r,))
    _range(problems, "role site", supply.role_site, 0, m)
    _range(problems, "role service", supply.role_service, 0, k)
    _whole(problems, "role capacity", supply.role_capacity)
    _range(problems, "role capacity", supply.role_capacity, 0)
    if supply.role_hours.dtype.kind == "f":
        _range(problems, "role hours", supply.role_hours[~np.isnan(supply.role_hours)], 0)
    for standard in world.standards:
        problems += standard_problems(standard)
    if len(world.reach) != k:
        problems.append(f"reach: {len(world.reach)} tables for {k} services")
    for number, reach in enumerate(world.reach):
        name = f"reach {number}"
        if not isinstance(reach, Reach):  # pairs are searched for in bands: there is nothing to look at yet
            if reach.sites != m:
                problems.append(f"{name}: searches {reach.sites} sites of {m}")
            continue
        if not _length(problems, f"{name} indptr", reach.indptr, (m + 1,)):
            continue
        if reach.indptr[0] != 0 or np.any(np.diff(reach.indptr) < 0):
            problems.append(f"{name} indptr: must start at 0 and never fall")
            continue
        _length(problems, f"{name} cell", reach.cell, (reach.pairs,))
        _length(problems, f"{name} cost", reach.cost, (reach.pairs,))
        _range(problems, f"{name} cell", reach.cell, 0, n)
        if not np.all(np.isfinite(reach.cost)) or np.any(reach.cost < 0):
            problems.append(f"{name} cost: must be finite and not negative")
    return problems


def _group_problems(world: World) -> list[str]:
    """The barrier-free part of need and capacity: whole, and never more than the whole."""
    problems: list[str] = []
    demand, supply = world.demand, world.supply
    if demand.special_need is not None and supply.role_special_capacity is None:
        problems.append("special need: no role says how much of its capacity is barrier-free")
    for name, part, whole in (
        ("special need", demand.special_need, demand.need),
        ("role special capacity", supply.role_special_capacity, supply.role_capacity),
    ):
        if part is None or not _length(problems, name, part, whole.shape):
            continue
        _whole(problems, name, part)
        bad = int(((part < 0) | (part > whole)).sum())
        if bad:
            problems.append(f"{name}: {bad} values below 0 or above the whole")
    return problems


def standard_problems(standard: Standard) -> list[str]:
    """Every reason this standard cannot be used."""
    problems = []
    if standard.reach_unit not in ("m", "min"):
        problems.append(f"standard {standard.service}: reach unit {standard.reach_unit!r} is not m or min")
    if standard.mode not in ("walk", "drive"):
        problems.append(f"standard {standard.service}: mode {standard.mode!r} is not walk or drive")
    if not standard.reach_limit > 0:
        problems.append(f"standard {standard.service}: reach limit must be above 0")
    if not standard.ratio >= 0:
        problems.append(f"standard {standard.service}: ratio must not be negative")
    if not (np.isfinite(standard.weight) and standard.weight >= 0):
        problems.append(f"standard {standard.service}: weight must be a finite number, not negative")
    if standard.conversion_limit_hours is not None and not standard.conversion_limit_hours >= 0:
        problems.append(f"standard {standard.service}: conversion limit must not be negative")
    return problems


def check_world(world: World) -> None:
    """Raise InvalidInput with every problem of the world."""
    problems = world_problems(world)
    if problems:
        raise InvalidInput(problems)


def check_siting(
    worlds: Sequence[World], options: Sequence[Option], budget_fen: int, weights: Sequence[float]
) -> None:
    """Raise InvalidInput with every problem of a siting call."""
    problems: list[str] = []
    if not worlds:
        raise InvalidInput(["worlds: at least one is needed"])
    for number, world in enumerate(worlds):
        problems += [f"world {number}: {line}" for line in world_problems(world)]
    first = worlds[0]
    for number, world in enumerate(worlds[1:], start=1):
        if (world.services, world.supply.sites, world.supply.roles) != (
            first.services,
            first.supply.sites,
            first.supply.roles,
        ):
            problems.append(f"world {number}: services, sites and roles must match world 0")
    if len(weights) != len(worlds) or not all(np.isfinite(w) and w >= 0 for w in weights):
        problems.append("weights: one finite number, not negative, per world")
    if int(budget_fen) != budget_fen or budget_fen < 0:
        problems.append("budget_fen: whole fen, not negative")
    for number, option in enumerate(options):
        problems += [f"option {number}: {line}" for line in _option_problems(option, first)]
    if problems:
        raise InvalidInput(problems)


def _option_problems(option: Option, world: World) -> list[str]:
    problems = []
    if option.kind not in OPTION_KINDS:
        problems.append(f"kind {option.kind!r} is not one of {', '.join(OPTION_KINDS)}")
    if not 0 <= option.site < world.supply.sites:
        problems.append(f"site {option.site} does not exist")
    if not 0 <= option.service < world.services:
        problems.append(f"service {option.service} does not exist")
    if int(option.units) != option.units or option.units < 0:
        problems.append("units: whole, not negative")
    if int(option.cost_fen) != option.cost_fen or option.cost_fen < 0:
        problems.append("cost_fen: whole, not negative")
    if not option.hours >= 0:
        problems.append("hours: must be a number, not negative")
    if option.kind in READYING_KINDS + CLOSING_KINDS:
        if not 0 <= option.role < world.supply.roles:
            problems.append(f"role {option.role} does not exist")
        elif (world.supply.role_site[option.role], world.supply.role_service[option.role]) != (
            option.site,
            option.service,
        ):
            problems.append(f"role {option.role} is not of that site and service")
    if option.kind in ADDING_KINDS and option.role >= world.supply.roles:
        problems.append(f"role {option.role} does not exist")
    return problems
