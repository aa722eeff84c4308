"""Several sets of roads of one city as one network: main roads from one survey, the dense centre from another.

Sets are joined where they come near each other. The set drawn with longer links gives way: its nodes move onto the
nodes or streets of the finer one. Dead ends of the finer set that stop short of a street of the coarser one reach it.
Nothing is thrown away: a street that both sets hold is two ways to go, of about the same length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
# nearer than this to the end of a link, a projection is that end
AT_END_M = 1.0
# places along a link that must lie beside the other set for the link to count as drawn twice
STATIONS = np.linspace(0.1, 0.9, 9)


@dataclass
class Joined:
    """Links (e,) after joining: tail and head, which old link each is a piece of, and its share of that link's length.
    x, y (v,): nodes, some moved. on_nodes, on_streets, dead_ends: how many nodes were joined in each way.
    doubled_km: length of the coarser sets' links that run beside the finer ones all along."""

    x: Floats
    y: Floats
    tail: Ints
    head: Ints
    link: Ints
    share: Floats
    on_nodes: int = 0
    on_streets: int = 0
    dead_ends: int = 0
    doubled_km: float = 0.0

    @property
    def joins(self) -> int:
        return self.on_nodes + self.on_streets + self.dead_ends


def join(
    x: ArrayLike, y: ArrayLike, tail: ArrayLike, head: ArrayLike, link_set: ArrayLike, tolerance_m: float
) -> Joined:
    """Join sets 1, 2, … one after the other onto what is joined already. x, y (v,) plane metres; tail, head (e,) node
    numbers; link_set (e,) 0, 1, …; sets must not share nodes. tolerance_m: how far apart two points of different sets
    may lie and still be one place; must be above 0."""
    links = np.asarray(tail).size
    state = Joined(
        np.array(x, np.float64), np.array(y, np.float64), np.array(tail, np.int64), np.array(head, np.int64),
        np.arange(links), np.ones(links),
    )  # fmt: skip
    of_link = np.asarray(link_set, np.int64)
    for number in range(1, int(of_link.max(initial=0)) + 1):
        here = of_link[state.link]
        base, added = np.flatnonzero(here < number), np.flatnonzero(here == number)
        if base.size and added.size:
            coarse, fine = (base, added) if _usual(state, base) >= _usual(state, added) else (added, base)
            _join_two(state, coarse, fine, float(tolerance_m))
    return state


def _usual(state: Joined, links: Ints) -> float:
    tail, head = state.tail[links], state.head[links]
    return float(np.median(np.hypot(state.x[tail] - state.x[head], state.y[tail] - state.y[head])))


def _join_two(state: Joined, coarse: Ints, fine: Ints, tolerance: float) -> None:
    coarse_nodes = np.unique(np.r_[state.tail[coarse], state.head[coarse]])
    fine_nodes = np.unique(np.r_[state.tail[fine], state.head[fine]])
    lines = {"coarse": _lines(state, coarse), "fine": _lines(state, fine)}
    alias = np.arange(len(state.x))
    # a coarse node near a fine one is that one
    tree = cKDTree(np.column_stack([state.x[fine_nodes], state.y[fine_nodes]]))
    away, near = tree.query(
        np.column_stack([state.x[coarse_nodes], state.y[coarse_nodes]]), distance_upper_bound=tolerance
    )
    hit = np.isfinite(away)
    alias[coarse_nodes[hit]] = fine_nodes[near[hit]]
    state.on_nodes += int(hit.sum())
    # any other coarse node near a fine street lies on it
    rest = coarse_nodes[~hit]
    cuts = [_cuts(state, rest, fine, lines["fine"], tolerance, alias, move=True)]
    moved = np.unique(cuts[0][2])
    state.on_streets += len(moved)
    # a fine dead end that stops short of a coarse street reaches it
    ends = _dead_ends(state, fine)
    ends = np.setdiff1d(ends, alias[coarse_nodes])
    before = alias.copy()
    cuts.append(_cuts(state, ends, coarse, lines["coarse"], tolerance, alias, move=False))
    reached = np.union1d(cuts[1][2], np.flatnonzero(alias != before))
    state.dead_ends += len(reached)
    state.doubled_km += _doubled_km(state, coarse, lines, np.r_[coarse_nodes[hit], moved], tolerance)
    alias = alias[alias]
    state.tail, state.head = alias[state.tail], alias[state.head]
    link, along, node = (np.concatenate(parts) for parts in zip(*cuts, strict=True))
    _split(state, link, along, alias[node])


def _lines(state: Joined, links: Ints) -> NDArray[np.object_]:
    tail, head = state.tail[links], state.head[links]
    ends = np.stack([state.x[tail], state.y[tail], state.x[head], state.y[head]], axis=1)
    return shapely.linestrings(ends.reshape(-1, 2, 2))


def _cuts(
    state: Joined,
    nodes: Ints,
    links: Ints,
    lines: NDArray[np.object_],
    tolerance: float,
    alias: Ints,
    move: bool,
) -> tuple[Ints, Floats, Ints]:
    """(link, share along it, node) where a node cuts the nearest links (a street drawn once a direction is two). A node
    at the end of its nearest link becomes that end in `alias`. `move`: the node moves onto the link."""
    points = shapely.points(state.x[nodes], state.y[nodes])
    node, line = shapely.STRtree(lines).query(points, predicate="dwithin", distance=tolerance)
    away = shapely.distance(points[node], lines[line])
    nearest = np.full(len(nodes), np.inf)
    np.minimum.at(nearest, node, away)
    kept = away <= nearest[node] + 1e-6
    node, line = node[kept], line[kept]
    length = shapely.length(lines[line])
    along = shapely.line_locate_point(lines[line], points[node])
    at_tail, at_head = along <= AT_END_M, along >= length - AT_END_M
    end = np.where(at_tail, state.tail[links[line]], state.head[links[line]])
    at_end = at_tail | at_head
    alias[nodes[node[at_end]]] = alias[end[at_end]]
    inside = ~at_end & ~np.isin(node, node[at_end])
    node, line, along, length = node[inside], line[inside], along[inside], length[inside]
    if move and node.size:
        onto = shapely.get_coordinates(shapely.line_interpolate_point(lines[line], along))
        state.x[nodes[node]], state.y[nodes[node]] = onto[:, 0], onto[:, 1]
    return links[line], along / np.maximum(length, 1e-9), nodes[node]


def _dead_ends(state: Joined, links: Ints) -> Ints:
    """Nodes with one neighbour."""
    pairs = np.sort(np.stack([state.tail[links], state.head[links]], axis=1), axis=1)
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    nodes, count = np.unique(pairs, return_counts=True)
    return nodes[count == 1]


def _doubled_km(
    state: Joined, coarse: Ints, lines: dict[str, NDArray[np.object_]], joined: Ints, tolerance: float
) -> float:
    pairs = np.sort(np.stack([state.tail[coarse], state.head[coarse]], axis=1), axis=1)
    _pairs, first = np.unique(pairs, axis=0, return_index=True)
    both = np.isin(state.tail[coarse], joined) & np.isin(state.head[coarse], joined)
    first = first[both[first]]
    if not first.size:
        return 0.0
    one = lines["coarse"][first]
    stations = shapely.line_interpolate_point(one[:, None], STATIONS[None, :], normalized=True)
    tree = shapely.STRtree(lines["fine"])
    hit = tree.query(stations.ravel(), predicate="dwithin", distance=tolerance)[0]
    beside = np.zeros(stations.size, bool)
    beside[hit] = True
    return float(shapely.length(one)[beside.reshape(stations.shape).all(axis=1)].sum() / 1000)


def _split(state: Joined, link: Ints, along: Floats, node: Ints) -> None:
    """Cut links at nodes: each piece keeps its share of the length."""
    if not link.size:
        return
    order = np.lexsort((along, link))
    link, along, node = link[order], along[order], node[order]
    opens = np.r_[True, link[1:] != link[:-1]]
    closes = np.r_[link[1:] != link[:-1], True]
    # the piece before each cut, then the last piece of each link
    tail = np.where(opens, state.tail[link], np.r_[-1, node[:-1]])
    share = np.where(opens, along, along - np.r_[0.0, along[:-1]])
    last = np.flatnonzero(closes)
    pieces = {
        "tail": np.r_[tail, node[last]],
        "head": np.r_[node, state.head[link[last]]],
        "link": np.r_[state.link[link], state.link[link[last]]],
        "share": np.r_[share * state.share[link], (1 - along[last]) * state.share[link[last]]],
    }
    whole = np.ones(len(state.tail), bool)
    whole[link] = False
    for name, value in pieces.items():
        setattr(state, name, np.r_[getattr(state, name)[whole], value])
