"""Where people are by night and by day: a dense core, satellite towns, business centres, hexagonal cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.synthetic.terrain import Terrain

Array = np.ndarray
HEX = np.sqrt(3) / 2  # area of a hexagonal cell = HEX x spacing squared


@dataclass(frozen=True)
class Towns:
    """Centres of settlement; the first is the core. x, y, weight, scale_m: (t,)."""

    x: Array
    y: Array
    weight: Array
    scale_m: Array

    def density(self, x: Array, y: Array) -> Array:
        total = np.zeros(len(x))
        for cx, cy, weight, scale in zip(self.x, self.y, self.weight, self.scale_m, strict=True):
            total += weight * np.exp(-np.hypot(x - cx, y - cy) / scale)
        return total


@dataclass(frozen=True)
class People:
    """x_m, y_m (n,) centres of hexagonal cells; night, day (n,) int64 people; spacing_m between centres."""

    x_m: Array
    y_m: Array
    night: Array
    day: Array
    spacing_m: float
    towns: Towns


def size_of(people: int, cells: int) -> float:
    """Side (m) of the built-up square: about 5,500 people per km2, and no cell smaller than 100 m across."""
    return float(np.sqrt(max(people / 5_500 * 1e6, cells * 100.0**2)))


def make_towns(rng: np.random.Generator, terrain: Terrain, people: int) -> Towns:
    count = int(np.clip(4 + people / 900_000, 5, 18))
    size = terrain.size_m
    bearing = np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.uniform(-0.25, 0.25, count)
    away = rng.uniform(0.36, 0.72, count) * size
    x, y = np.r_[0.0, away * np.cos(bearing)], np.r_[0.0, away * np.sin(bearing)]
    weight = np.r_[1.0, rng.uniform(0.12, 0.42, count)]
    scale = np.r_[0.155 * size, rng.uniform(0.035, 0.075, count) * size]
    return Towns(x, y, weight, scale)


def make_people(rng: np.random.Generator, terrain: Terrain, people: int, cells: int) -> People:
    towns = make_towns(rng, terrain, people)
    spacing = terrain.size_m / np.sqrt(cells * HEX)
    x, y = _lattice(1.12 * terrain.size_m, spacing)
    noise = _noise(rng, x, y, terrain.size_m)
    attraction = towns.density(x, y) * np.exp(0.32 * noise)
    attraction[terrain.wet(x, y, spacing * 0.3)] = -1.0
    keep = np.sort(np.argsort(-attraction, kind="stable")[:cells])
    x, y, attraction = x[keep], y[keep], attraction[keep]
    night = _whole(attraction**0.8 * rng.lognormal(0.0, 0.4, len(x)), people)
    centres = rng.choice(len(x), size=min(6, len(x)), p=attraction / attraction.sum(), replace=False)
    jobs = np.exp(-np.hypot(x, y) / (0.06 * terrain.size_m)) * 4.0
    for i in centres:
        jobs += rng.uniform(0.8, 2.0) * np.exp(-np.hypot(x - x[i], y - y[i]) / (0.03 * terrain.size_m))
    jobs *= rng.lognormal(0.0, 0.6, len(x))
    commuters = int(people * 0.03)
    day = _whole(0.56 * night / people + 0.44 * jobs / jobs.sum(), people + commuters)
    return People(x, y, night, day, float(spacing), towns)


def _lattice(half_m: float, spacing: float) -> tuple[Array, Array]:
    """Centres of pointy-top hexagons that fill a square."""
    rows = int(half_m / (spacing * HEX))
    columns = int(half_m / spacing)
    j, i = np.mgrid[-rows : rows + 1, -columns : columns + 1]
    return ((i + 0.5 * (j % 2)) * spacing).ravel(), (j * spacing * HEX).ravel()


def _noise(rng: np.random.Generator, x: Array, y: Array, size_m: float) -> Array:
    total = np.zeros(len(x))
    for _ in range(10):
        fx, fy = rng.normal(0, 5.0 / size_m, 2)
        total += np.sin(2 * np.pi * (fx * x + fy * y) + rng.uniform(0, 2 * np.pi))
    return total / np.sqrt(5)


def _whole(weight: Array, total: int) -> Array:
    """Whole people in proportion to weight with the exact total (largest remainders)."""
    share = weight / weight.sum() * total
    whole = np.floor(share).astype(np.int64)
    rest = int(total - whole.sum())
    whole[np.argsort(-(share - whole), kind="stable")[:rest]] += 1
    return whole
