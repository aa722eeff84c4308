"""Road graph: streets between nodes, ready to search in either direction.

A street is stored once with a speed for each direction (0 = not allowed), however the source wrote it: two directed
links that mirror each other become one street, so a point snapped to it can leave both ways.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from engine import archive
from engine.checks import InvalidInput

Floats = NDArray[np.float64]

# Two links that mirror each other are one street when their lengths agree this well; else they are two roads.
TWIN_LENGTH_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Snap:
    """Where points (n,) enter the network: street (n,) int32 (-1 none), along (n,) share of the street from its `a`
    end, entry_m (n,) straight metres from the point to the street."""

    street: NDArray[np.int32]
    along: Floats
    entry_m: Floats


@dataclass(frozen=True, slots=True)
class RoadGraph:
    """Nodes (v,) in local metres; streets (e,) between nodes a and b with length_m and km/h from a to b and back.

    Street t has index t everywhere (closures, snaps). Motor speeds say where driving is allowed; walkers use every
    street both ways.
    """

    node_x: Floats
    node_y: Floats
    a: NDArray[np.int32]
    b: NDArray[np.int32]
    length_m: Floats
    speed_ab_kmh: Floats
    speed_ba_kmh: Floats

    @classmethod
    def build(
        cls,
        node_x: ArrayLike,
        node_y: ArrayLike,
        edge_from: ArrayLike,
        edge_to: ArrayLike,
        length_m: ArrayLike,
        speed_kmh: ArrayLike,
        oneway: ArrayLike | None = None,
        keep: str = "strong",
    ) -> RoadGraph:
        """From links as sources write them: node numbers (e,), metres, km/h, one-way flags (None = all one-way
        False). Mirrored one-way links merge; loops and links shorter than the straight line are put right
        (a link cannot be shorter than the distance between its ends).

        keep: "strong" keeps the largest part where every node reaches every other by car, "weak" ignores
        directions, "all" keeps everything. Raises InvalidInput.
        """
        x, y = np.asarray(node_x, np.float64), np.asarray(node_y, np.float64)
        start, end = np.asarray(edge_from, np.int64), np.asarray(edge_to, np.int64)
        length = np.array(length_m, np.float64)
        speed = np.broadcast_to(np.asarray(speed_kmh, np.float64), length.shape)
        single = np.zeros(length.shape, bool) if oneway is None else np.asarray(oneway, bool)
        problems = []
        if not np.all(np.isfinite(x)) or not np.all(np.isfinite(y)) or x.shape != y.shape:
            problems.append("road nodes: every node needs a finite x and y")
        if not (start.shape == end.shape == length.shape == single.shape):
            problems.append("road links: columns differ in length")
        elif length.size == 0:
            problems.append("road links: there are none")
        else:
            bad = (start < 0) | (start >= x.size) | (end < 0) | (end >= x.size)
            if bad.any():
                problems.append(f"road links: {int(bad.sum())} name a node that does not exist")
            if not np.all(length >= 0) or not np.all(np.isfinite(length)):
                problems.append("road links: length must be finite and not negative")
            if not np.all(speed > 0) or not np.all(np.isfinite(speed)):
                problems.append("road links: speed must be above 0 km/h")
        if problems:
            raise InvalidInput(problems)
        real = start != end
        start, end, length, speed, single = start[real], end[real], length[real], speed[real], single[real]
        length = np.maximum(length, np.hypot(x[start] - x[end], y[start] - y[end]))
        streets = _merge_twins(start, end, length, speed, single)
        graph = cls(x, y, *streets)
        return graph if keep == "all" else graph.largest_part(keep)

    @property
    def nodes(self) -> int:
        return len(self.node_x)

    @property
    def streets(self) -> int:
        return len(self.a)

    def largest_part(self, connection: str = "strong") -> RoadGraph:
        """The connected part with most nodes; node and street numbers are packed. Drops the crumbs of a cut-out."""
        ab, ba = self.speed_ab_kmh > 0, self.speed_ba_kmh > 0
        tail = np.concatenate([self.a[ab], self.b[ba]])
        head = np.concatenate([self.b[ab], self.a[ba]])
        links = csr_matrix((np.ones(len(tail), np.int8), (tail, head)), shape=(self.nodes, self.nodes))
        _, part = connected_components(links, directed=True, connection=connection)
        kept = part == np.argmax(np.bincount(part))
        number = np.cumsum(kept) - 1
        inside = kept[self.a] & kept[self.b]
        return RoadGraph(
            self.node_x[kept],
            self.node_y[kept],
            number[self.a[inside]].astype(np.int32),
            number[self.b[inside]].astype(np.int32),
            self.length_m[inside],
            self.speed_ab_kmh[inside],
            self.speed_ba_kmh[inside],
        )

    def snap(self, x_m: ArrayLike, y_m: ArrayLike, closed: ArrayLike | None = None) -> Snap:
        """The nearest point on the nearest open street for each point (n,). Streets are straight between nodes;
        a share along the line is the same share along the real length. Closed streets let nobody in."""
        x, y = np.asarray(x_m, np.float64), np.asarray(y_m, np.float64)
        open_streets = (
            np.arange(self.streets) if closed is None else np.flatnonzero(~np.asarray(closed, bool))
        )
        if open_streets.size == 0 or x.size == 0:
            return Snap(np.full(x.shape, -1, np.int32), np.zeros(x.shape), np.full(x.shape, np.inf))
        a, b = self.a[open_streets], self.b[open_streets]
        ends = np.stack([self.node_x[a], self.node_y[a], self.node_x[b], self.node_y[b]], axis=1)
        tree = shapely.STRtree(shapely.linestrings(ends.reshape(-1, 2, 2)))
        nearest = tree.nearest(shapely.points(x, y))
        ax, ay, bx, by = ends[nearest].T
        squared = np.maximum((bx - ax) ** 2 + (by - ay) ** 2, 1e-12)
        along = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / squared, 0.0, 1.0)
        entry = np.hypot(ax + along * (bx - ax) - x, ay + along * (by - ay) - y)
        return Snap(open_streets[nearest].astype(np.int32), along, entry)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> RoadGraph:
        return cls(**{name: arrays[name] for name in cls.__slots__})

    def save(self, folder: str | os.PathLike[str], meta: Any = None) -> str:
        """Write as a folder of .npy files; returns the content hash."""
        return archive.save(folder, self.arrays(), meta)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> RoadGraph:
        """Memory-mapped: many workers share one copy."""
        return cls.from_arrays(archive.load(folder)[0])


def _merge_twins(start, end, length, speed, single):
    """Arrays of links -> (a, b, length, speed_ab, speed_ba) of streets, each pair of mirrored links once.

    Links are sorted by (low node, high node, length); a one-way link joins the next one when that runs the other
    way, and exact repeats of a link fall away.
    """
    low, high = np.minimum(start, end), np.maximum(start, end)
    up = single & (start < end)
    down = single & (start > end)
    order = np.lexsort((speed, length, high, low))
    low, high, length, speed = low[order], high[order], length[order], speed[order]
    up_speed = np.where(down[order], 0.0, speed)
    down_speed = np.where(up[order], 0.0, speed)
    alone = np.ones(low.size, bool)
    same = (low[1:] == low[:-1]) & (high[1:] == high[:-1])
    same &= length[1:] <= length[:-1] * (1 + TWIN_LENGTH_TOLERANCE)
    for first in np.flatnonzero(same):  # only the mirrored links; each step depends on the last
        second = first + 1
        if not alone[first]:
            continue
        mirrored = (up_speed[first] == 0 and down_speed[second] == 0) or (
            down_speed[first] == 0 and up_speed[second] == 0
        )
        repeated = (up_speed[first] > 0) == (up_speed[second] > 0) and (down_speed[first] > 0) == (
            down_speed[second] > 0
        )
        if mirrored or repeated:
            up_speed[second] = max(up_speed[first], up_speed[second])
            down_speed[second] = max(down_speed[first], down_speed[second])
            length[second] = length[first]
            alone[first] = False
    return (
        low[alone].astype(np.int32),
        high[alone].astype(np.int32),
        length[alone],
        up_speed[alone],
        down_speed[alone],
    )
