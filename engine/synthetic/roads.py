"""A road hierarchy: ring roads, radials to the towns, arterials and local streets; bridges only on larger roads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from engine.synthetic.people import People
from engine.synthetic.terrain import Terrain

Array = np.ndarray
RING, RADIAL, ARTERIAL, LOCAL, LINK = "ring", "radial", "arterial", "local", "link"
BLOCK_M = 400.0
STEP_M = 500.0


@dataclass(frozen=True)
class Roads:
    """x_m, y_m (n,); tail, head (e,) node indices; length_m (e,); kind (e,) str; oneway (e,) bool."""

    x_m: Array
    y_m: Array
    tail: Array
    head: Array
    length_m: Array
    kind: Array
    oneway: Array


def make_roads(rng: np.random.Generator, terrain: Terrain, people: People) -> Roads:
    cells = cKDTree(np.column_stack([people.x_m, people.y_m]))
    points, tail, head, kind = _blocks(rng, terrain, people, cells)
    for path, name, closed in _main_roads(rng, terrain, people):
        along = len(points) + np.arange(len(path))
        next_along = np.roll(along, -1) if closed else along[1:]
        away, near = cKDTree(points).query(path)
        joined = away < BLOCK_M * 1.1
        points = np.vstack([points, path])
        tail = np.concatenate([tail, along[: len(next_along)], along[joined]])
        head = np.concatenate([head, next_along, near[joined]])
        kind = np.concatenate([kind, _named(name, len(next_along)), _named(LINK, int(joined.sum()))])
    return _largest_part(rng, points, tail, head, kind)


def _named(name: str, count: int) -> Array:
    return np.full(count, name, dtype=object)


def _blocks(
    rng: np.random.Generator, terrain: Terrain, people: People, cells: cKDTree
) -> tuple[Array, Array, Array, Array]:
    """Local streets and every fourth one an arterial, where people live."""
    turn = rng.uniform(-0.2, 0.2)
    half = int(1.2 * terrain.size_m / BLOCK_M)
    j, i = np.mgrid[-half : half + 1, -half : half + 1]
    u = (i + rng.uniform(-0.14, 0.14, i.shape)) * BLOCK_M
    v = (j + rng.uniform(-0.14, 0.14, j.shape)) * BLOCK_M
    x, y = u * np.cos(turn) - v * np.sin(turn), u * np.sin(turn) + v * np.cos(turn)
    away = cells.query(np.column_stack([x.ravel(), y.ravel()]))[0].reshape(i.shape)
    arterial_node = (i % 4 == 0) | (j % 4 == 0)
    near = away < np.where(arterial_node, 1_800.0, BLOCK_M * 0.8) + people.spacing_m
    exists = near & ~terrain.wet(x.ravel(), y.ravel(), 15.0).reshape(i.shape)
    number = np.full(i.shape, -1)
    number[exists] = np.arange(int(exists.sum()))
    tails, heads, kinds = [], [], []
    for across, line in ((True, j), (False, i)):
        one = number[:, :-1] if across else number[:-1, :]
        two = number[:, 1:] if across else number[1:, :]
        main = (line[:, :-1] if across else line[:-1, :]) % 4 == 0
        both = (one >= 0) & (two >= 0)
        tails.append(one[both])
        heads.append(two[both])
        kinds.append(np.where(main[both], ARTERIAL, LOCAL).astype(object))
    tail, head, kind = np.concatenate(tails), np.concatenate(heads), np.concatenate(kinds)
    points = np.column_stack([x[exists], y[exists]])
    wet = np.zeros(len(tail), dtype=bool)
    lake = np.zeros(len(tail), dtype=bool)
    for share in (0.2, 0.35, 0.5, 0.65, 0.8):
        at = points[tail] * (1 - share) + points[head] * share
        wet |= terrain.wet(at[:, 0], at[:, 1])
        for one_lake in terrain.lakes:
            lake |= one_lake.contains(at[:, 0], at[:, 1])
    local = kind == LOCAL
    bridge = wet & ~lake & ~local & (rng.random(len(tail)) < 0.75)
    keep = (~wet | bridge) & ~(local & (rng.random(len(tail)) < 0.1))
    return points, tail[keep], head[keep], kind[keep]


def _main_roads(rng: np.random.Generator, terrain: Terrain, people: People) -> list[tuple[Array, str, bool]]:
    roads = []
    for share in (0.12, 0.24, 0.42):
        radius = share * terrain.size_m
        corners = max(24, int(2 * np.pi * radius / STEP_M))
        angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
        wobble = (
            1
            + 0.04 * np.sin(3 * angle + rng.uniform(0, 6.28))
            + 0.03 * np.sin(5 * angle + rng.uniform(0, 6.28))
        )
        roads.append(
            (np.column_stack([np.cos(angle), np.sin(angle)]) * (radius * wobble)[:, None], RING, True)
        )
    inner = 0.03 * terrain.size_m
    for x, y in zip(people.towns.x[1:], people.towns.y[1:], strict=True):
        far, bearing = np.hypot(x, y), np.arctan2(y, x)
        away = np.arange(inner, far, STEP_M)
        sway = 0.05 * np.sin(np.linspace(0, np.pi * rng.uniform(1, 2.5), len(away)))
        angle = bearing + sway * rng.choice([-1, 1])
        roads.append((np.column_stack([away * np.cos(angle), away * np.sin(angle)]), RADIAL, False))
    return roads


def _largest_part(rng: np.random.Generator, points: Array, tail: Array, head: Array, kind: Array) -> Roads:
    n = len(points)
    graph = csr_matrix((np.ones(len(tail)), (tail, head)), shape=(n, n))
    part = connected_components(graph, directed=False)[1]
    main = part == np.bincount(part).argmax()
    number = np.cumsum(main) - 1
    edge = main[tail]
    tail, head, kind = number[tail[edge]], number[head[edge]], kind[edge]
    points = points[main]
    length = np.hypot(*(points[tail] - points[head]).T)
    oneway = (kind == LOCAL) & (rng.random(len(tail)) < 0.03)
    return Roads(points[:, 0], points[:, 1], tail, head, length, kind, oneway)
