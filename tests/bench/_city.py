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
