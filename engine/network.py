"""Road graph: streets between nodes, ready to search in either direction, on foot and by car.

A street is stored once with a speed for each direction (0 = not allowed), however the source wrote it: two directed
links that mirror each other become one street, so a point snapped to it can leave both ways. Nodes lie along a
Hilbert curve and streets follow their first node, so a search stays within few pages of memory.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from engine import archive
from engine.checks import InvalidInput
from engine.snapping import Segments, Snap
from engine.streets import Links, curve_order, cut_loops, merged, taken_lines

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

MOST_KMH = 200.0
UNKNOWN = -1

__all__ = ["MOST_KMH", "RoadGraph", "Snap"]


@dataclass(frozen=True, slots=True, eq=False)
class RoadGraph:
    """Nodes (v,) in local metres; streets (e,) between nodes a and b with length_m and km/h from a to b and back.

    Street t has index t everywhere (closures, weights, snaps). Motor speeds say where driving is allowed, `walk` where
    walking is, both ways: speed 0 both ways and walk True is a footpath, walk False a motorway. klass is the index of
    the road class (names are the caller's), source_id the source's own number (-1 unknown). line_x/line_y
    [line_ptr[t]:line_ptr[t+1]] are the corners strictly between a and b, from a to b; none = straight.
    """

    node_x: Floats
    node_y: Floats
    a: NDArray[np.int32]
    b: NDArray[np.int32]
    length_m: Floats
    speed_ab_kmh: Floats
    speed_ba_kmh: Floats
    walk: Mask = None  # type: ignore[assignment]  # what an older folder lacks is put in below
    klass: NDArray[np.int16] = None  # type: ignore[assignment]
    source_id: Ints = None  # type: ignore[assignment]
    line_ptr: Ints = None  # type: ignore[assignment]
    line_x: Floats = None  # type: ignore[assignment]
    line_y: Floats = None  # type: ignore[assignment]
    # What was worked out once for this graph, by name; never part of what is stored.
    known: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        streets = len(self.a)
        usual = {
            "walk": (np.ones, streets, bool), "klass": (np.zeros, streets, np.int16), "source_id": (None, streets, np.int64),
            "line_ptr": (np.zeros, streets + 1, np.int64), "line_x": (np.zeros, 0, np.float64), "line_y": (np.zeros, 0, np.float64),
        }  # fmt: skip
        for name, (make, size, dtype) in usual.items():
            if getattr(self, name) is None:
                value = make(size, dtype) if make else np.full(size, UNKNOWN, dtype)
                object.__setattr__(self, name, value)

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
        *,
        walk: ArrayLike | None = None,
        klass: ArrayLike | None = None,
        source_id: ArrayLike | None = None,
        line_ptr: ArrayLike | None = None,
        line_x: ArrayLike | None = None,
        line_y: ArrayLike | None = None,
    ) -> RoadGraph:
        """From links as sources write them: node numbers (e,), metres, km/h, one-way flags (None = all False), walking
        flags (None = all True), class, source number, corners from start to end. Mirrored one-way links merge; a loop
        is cut at its middle corner; a link shorter than the straight line between its ends is as long as that.
        Nodes and streets are renumbered along a Hilbert curve: find yours again by `source_id`.

        keep: "strong" keeps for driving the largest part where every node reaches every other by car, and for walking
        the largest part connected on foot: a street outside the one loses its speeds, outside the other its
        walkers, outside both it is dropped. "weak" ignores directions for driving too, "all" keeps everything.
        Raises InvalidInput with every problem: nodes without coordinates, links to unknown nodes, lengths that are
        negative or no number, speeds outside (0, 200] km/h (0 is allowed where walking is told to be), bad lines.
        """
        x, y = np.asarray(node_x, np.float64), np.asarray(node_y, np.float64)
        start = np.asarray(edge_from, np.int64)
        size = start.shape
        usual_ptr = np.zeros(len(start) + 1, np.int64) if line_ptr is None else np.asarray(line_ptr, np.int64)
        links = Links(
            start,
            np.asarray(edge_to, np.int64),
            np.array(length_m, np.float64),
            np.full(size, float(speed_kmh)) if np.ndim(speed_kmh) == 0 else np.array(speed_kmh, np.float64),
            np.zeros(size, bool) if oneway is None else np.asarray(oneway, bool),
            np.ones(size, bool) if walk is None else np.asarray(walk, bool),
            np.zeros(size, np.int16) if klass is None else np.asarray(klass, np.int16),
            np.full(size, UNKNOWN, np.int64) if source_id is None else np.asarray(source_id, np.int64),
            usual_ptr,
            np.empty(0) if line_x is None else np.asarray(line_x, np.float64),
            np.empty(0) if line_y is None else np.asarray(line_y, np.float64),
        )
        problems = _problems(x, y, links, walking_told=walk is not None)
        if keep not in ("strong", "weak", "all"):
            problems.append(f"keep {keep!r} is not strong, weak or all")
        if problems:
            raise InvalidInput(problems)
        x, y, links = cut_loops(x, y, links)
        order = curve_order(x, y)
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        x, y = x[order], y[order]
        links.start, links.end = place[links.start], place[links.end]
        straight = np.hypot(x[links.start] - x[links.end], y[links.start] - y[links.end])
        links.length = np.maximum(links.length, straight)
        graph = cls(x, y, **merged(x, y, links))
        return graph if keep == "all" else graph.largest_part(keep)

    @property
    def nodes(self) -> int:
        return len(self.node_x)

    @property
    def streets(self) -> int:
        return len(self.a)

    def usable(self, mode: str) -> Mask:
        """(e,) True for streets that `mode` ("walk" | "drive") may use in some direction."""
        if mode == "walk":
            return np.asarray(self.walk, bool)
        return (np.asarray(self.speed_ab_kmh) > 0) | (np.asarray(self.speed_ba_kmh) > 0)

    def parts(
        self, mode: str = "drive", closed: ArrayLike | None = None, connection: str = "strong"
    ) -> NDArray[np.int32]:
        """(v,) number of the connected part of each node, 0 = the one with most nodes. Driving: every node of a part
        reaches every other by car (connection "weak" ignores directions); walking goes both ways. closed (e,)
        streets connect nothing."""
        shut = np.zeros(self.streets, bool) if closed is None else np.asarray(closed, bool)
        if mode == "walk":
            ab = ba = np.asarray(self.walk, bool) & ~shut
        else:
            ab, ba = (np.asarray(self.speed_ab_kmh) > 0) & ~shut, (np.asarray(self.speed_ba_kmh) > 0) & ~shut
        tail = np.concatenate([self.a[ab], self.b[ba]])
        head = np.concatenate([self.b[ab], self.a[ba]])
        links = csr_matrix((np.ones(len(tail), np.int8), (tail, head)), shape=(self.nodes, self.nodes))
        _, part = connected_components(links, directed=True, connection=connection)
        sizes = np.bincount(part, minlength=1)
        rank = np.empty(len(sizes), np.int32)
        rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
        return rank[part]

    def largest_part(self, connection: str = "strong") -> RoadGraph:
        """The part with most nodes for each mode, as `build` says; node and street numbers are packed."""
        drive = self.parts("drive", connection=connection) == 0
        walk = self.parts("walk") == 0
        driven = drive[self.a] & drive[self.b] & self.usable("drive")
        walked = walk[self.a] & walk[self.b] & self.usable("walk")
        inside = np.flatnonzero(driven | walked)
        kept = np.zeros(self.nodes, bool)
        kept[self.a[inside]] = kept[self.b[inside]] = True
        if not inside.size:
            kept |= drive
        number = np.cumsum(kept) - 1
        line_ptr, corners = taken_lines(self.line_ptr, inside)
        return RoadGraph(
            self.node_x[kept],
            self.node_y[kept],
            number[self.a[inside]].astype(np.int32),
            number[self.b[inside]].astype(np.int32),
            self.length_m[inside],
            np.where(driven, self.speed_ab_kmh, 0.0)[inside],
            np.where(driven, self.speed_ba_kmh, 0.0)[inside],
            walked[inside],
            self.klass[inside],
            self.source_id[inside],
            line_ptr,
            self.line_x[corners],
            self.line_y[corners],
        )

    def snap(
        self,
        x_m: ArrayLike,
        y_m: ArrayLike,
        closed: ArrayLike | None = None,
        *,
        mode: str | None = None,
        limit_m: float = np.inf,
    ) -> Snap:
        """The nearest point on the nearest open street for each point (n,), on the street's real line. `mode` asks
        streets of this mode only (None: all). Closed streets let nobody in. Farther than limit_m: no street."""
        mask = np.ones(self.streets, bool) if mode is None else self.usable(mode)
        if closed is not None:
            mask = mask & ~np.asarray(closed, bool)
        return self.segments().nearest(x_m, y_m, mask, limit_m)

    def segments(self) -> Segments:
        """The straight pieces of all streets in a grid, made once for this graph."""
        if "segments" not in self.known:
            self.known["segments"] = Segments.of(
                self.node_x, self.node_y, self.a, self.b, self.line_ptr, self.line_x, self.line_y
            )
        return self.known["segments"]

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {one.name: getattr(self, one.name) for one in fields(self) if one.init}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> RoadGraph:
        """From `arrays()`. What an older folder lacks is put in: walking everywhere, one class, straight streets."""
        return cls(**{one.name: arrays.get(one.name) for one in fields(cls) if one.init})

    def save(self, folder: str | os.PathLike[str], meta: Any = None) -> str:
        """Write as a folder of .npy files; returns the content hash."""
        return archive.save(folder, self.arrays(), meta)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> RoadGraph:
        """Memory-mapped: many workers share one copy."""
        return cls.from_arrays(archive.load(folder)[0])


def _problems(x: Floats, y: Floats, links: Links, walking_told: bool) -> list[str]:
    """Everything that keeps these links from being streets, in words."""
    problems = []
    if not np.all(np.isfinite(x)) or not np.all(np.isfinite(y)) or x.shape != y.shape:
        problems.append("road nodes: every node needs a finite x and y")
    columns = [getattr(links, name).shape for name in Links.__slots__[:8]]
    if any(shape != columns[0] for shape in columns) or links.line_ptr.shape != (len(links.start) + 1,):
        return [*problems, "road links: columns differ in length"]
    if links.length.size == 0:
        return [*problems, "road links: there are none"]
    bad = (links.start < 0) | (links.start >= x.size) | (links.end < 0) | (links.end >= x.size)
    if bad.any():
        problems.append(f"road links: {int(bad.sum())} name a node that does not exist")
    bad = ~(links.length >= 0) | ~np.isfinite(links.length)
    if bad.any():
        problems.append(f"road links: length must be finite and not negative ({int(bad.sum())} are not)")
    on_foot_only = (links.speed == 0) & links.walk if walking_told else np.zeros(len(links.start), bool)
    bad = ~((links.speed > 0) & (links.speed <= MOST_KMH)) & ~on_foot_only
    if bad.any():
        problems.append(
            f"road links: speed must be above 0 and at most {MOST_KMH:g} km/h ({int(bad.sum())} are not)"
        )
    ptr = links.line_ptr
    if not (ptr[0] == 0 and np.all(np.diff(ptr) >= 0) and ptr[-1] == len(links.line_x) == len(links.line_y)):
        problems.append("road links: corners do not belong to the links")
    elif not np.all(np.isfinite(links.line_x)) or not np.all(np.isfinite(links.line_y)):
        problems.append("road links: every corner needs a finite x and y")
    return problems
