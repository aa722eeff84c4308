"""Made-up cities for the benchmarks, from a seed: people on a grid, sites, a road graph. Nothing real is in them."""

from __future__ import annotations

import numpy as np

CELL_M = 100.0


def people_grid(cells: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x_m, y_m and people (n,) of about square 100 m cells around several centres of falling density."""
    side = int(np.ceil(np.sqrt(cells)))
    number = np.arange(cells)
    x, y = (number % side + 0.5) * CELL_M, (number // side + 0.5) * CELL_M
    extent = side * CELL_M
    density = np.full(cells, 2.0)
    for rank in range(12):
        cx, cy = random.normal(0.5, 0.22, 2) * extent
        spread = extent * random.uniform(0.03, 0.1)
        density += 250.0 / (1 + rank) * np.exp(-np.hypot(x - cx, y - cy) / spread)
    return x, y, random.poisson(density).astype(np.float64)


def scattered_sites(
    x: np.ndarray, y: np.ndarray, people: np.ndarray, sites: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Sites (m,) where people are, not on cell middles, no two trips equal."""
    at = random.choice(len(x), sites, replace=sites > len(x), p=people / people.sum())
    return x[at] + random.uniform(-45, 45, sites), y[at] + random.uniform(-45, 45, sites)


def road_grid(nodes: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Arrays for RoadGraph.build: a jittered grid of streets about 150 m apart with a seventh of the links missing,
    faster roads every 8 and every 32 lines, a tenth of the small streets one-way."""
    side = int(np.ceil(np.sqrt(nodes)))
    line, column = np.divmod(np.arange(side * side), side)
    x, y = (
        column * 150.0 + random.uniform(-50, 50, side * side),
        line * 150.0 + random.uniform(-50, 50, side * side),
    )
    number = np.arange(side * side).reshape(side, side)
    starts, ends = [number[:, :-1].ravel(), number[:-1].ravel()], [number[:, 1:].ravel(), number[1:].ravel()]
    along = np.concatenate(
        [line.reshape(side, side)[:, :-1].ravel(), column.reshape(side, side)[:-1].ravel()]
    )
    start, end = np.concatenate(starts), np.concatenate(ends)
    speed = np.where(along % 32 == 0, 70.0, np.where(along % 8 == 0, 45.0, 25.0))
    keep = (random.random(len(start)) > 1 / 7) | (speed > 25)
    start, end, speed = start[keep], end[keep], speed[keep]
    length = np.hypot(x[start] - x[end], y[start] - y[end]) * random.uniform(1.0, 1.25, len(start))
    oneway = (random.random(len(start)) < 0.1) & (speed == 25)
    return {"node_x": x, "node_y": y, "edge_from": start, "edge_to": end, "length_m": length, "speed_kmh": speed,
            "oneway": oneway}  # fmt: skip


METROPOLES = (200_000, 400_000, 800_000)  # smaller ones are drawn before a larger one, from the same streams


def metropolis(cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x_m, y_m and people (n,), 25 million in all, of the n densest 100 m squares around one old centre and thirteen
    younger ones: an uneven outline, empty land between, neighbours that differ. The cities that the targets of siting
    were set on."""
    shape, living = np.random.default_rng(11), np.random.default_rng(7)
    middle = np.vstack([[0.0, 0.0], shape.normal(0, 22_000.0, (13, 2))])
    size = np.concatenate([[6.0], shape.uniform(0.4, 2.2, 13)])
    spread = np.concatenate([[13_000.0], shape.uniform(4_000.0, 11_000.0, 13)])

    def waves() -> list[tuple[float, float, float]]:
        return [(*shape.normal(0, 1 / 6_000.0, 2), shape.uniform(0, 6.28)) for _ in range(12)]

    for smaller in METROPOLES:
        if smaller < cells:
            waves()
            living.lognormal(0, 0.7, smaller)
    half = int(np.sqrt(cells * 2.2) * CELL_M / 2)
    line = np.arange(-half, half, CELL_M) + CELL_M / 2
    x, y = (axis.ravel() for axis in np.meshgrid(line, line))
    density, unevenness = np.zeros(len(x)), np.zeros(len(x))
    for (mx, my), high, wide in zip(middle, size, spread, strict=True):
        density += high * np.exp(-np.hypot(x - mx, y - my) / wide)
    for fx, fy, phase in waves():
        unevenness += np.sin((x * fx + y * fy) * 2 * np.pi + phase)
    density *= np.exp(0.25 * unevenness)
    kept = np.sort(np.argpartition(-density, cells)[:cells])
    people = density[kept] * living.lognormal(0, 0.7, cells)
    return x[kept], y[kept], np.maximum(people * 25e6 / people.sum(), 0.01)


def places_of(
    x: np.ndarray, y: np.ndarray, people: np.ndarray, sites: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sites (m,) rather where people are (people to the power 0.7), anywhere in their squares."""
    random = np.random.default_rng(seed)
    chance = people**0.7
    at = random.choice(len(x), sites, replace=False, p=chance / chance.sum())
    moved = random.uniform(-50, 50, (sites, 2))
    return x[at] + moved[:, 0], y[at] + moved[:, 1]
