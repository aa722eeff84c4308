"""Streets out of short links: what joins exactly two alike links is a bend of one street, not a crossing.

Sources draw a street as many straight links. Searching is faster, and answers are easier to read, when each street
between two crossings is one edge that keeps its line and its real length.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.network import RoadGraph

Ints = NDArray[np.int64]
# streets of one kind: lengths over lines agree in this many decimals
STRETCH_DECIMALS = 6


def contract(
    graph: RoadGraph, keep_nodes: ArrayLike | None = None, label: ArrayLike | None = None
) -> tuple[RoadGraph, Ints]:
    """The same network with every bend taken into its street, and for each new street (e,) the number of the old
    street it begins with (int64), to carry over what else is known about it.

    A node goes when exactly two streets meet there that agree in class, walking, `label` (e,), in their speeds as
    driven through it and in how much longer they are than their line (to a millionth: else a share of the line would no
    longer be that share of the length); `keep_nodes` (v,) bool stay. A street that would come back to where it began keeps one node in
    its middle, so that no street is a loop. Lengths add up; the nodes that went become corners of the line. Nodes
    without streets are dropped.
    """
    streets = graph.streets
    same = np.zeros(streets, np.int64) if label is None else np.asarray(label, np.int64)
    first, second = _meeting(graph, same, _stretch(graph), keep_nodes)
    order, forward, begins = _in_order(graph, *_chains(graph.a, graph.b, first, second))
    last = np.r_[begins[1:], streets][: len(begins)] - 1
    head, tail = order[begins], order[last]
    a = np.where(forward[begins], graph.a[head], graph.b[head])
    b = np.where(forward[last], graph.b[tail], graph.a[tail])
    length = np.add.reduceat(graph.length_m[order], begins) if streets else np.zeros(0)
    ab, ba = graph.speed_ab_kmh[head], graph.speed_ba_kmh[head]
    ptr, x, y = _lines(graph, order, forward, begins)
    used = np.zeros(graph.nodes, bool)
    used[a], used[b] = True, True
    number = np.cumsum(used) - 1
    merged = RoadGraph(
        node_x=graph.node_x[used],
        node_y=graph.node_y[used],
        a=number[a].astype(np.int32),
        b=number[b].astype(np.int32),
        length_m=length,
        speed_ab_kmh=np.where(forward[begins], ab, ba),
        speed_ba_kmh=np.where(forward[begins], ba, ab),
        walk=graph.walk[head],
        klass=graph.klass[head],
        source_id=graph.source_id[head],
        line_ptr=ptr,
        line_x=x,
        line_y=y,
    )
    return merged, head


def _stretch(graph: RoadGraph) -> NDArray[np.float64]:
    """Length over length of the line (e,), rounded; 1 for streets without extent, which fit anywhere."""
    own = np.repeat(np.arange(graph.streets), np.diff(graph.line_ptr))
    x, y = (
        np.concatenate([node[graph.a], line, node[graph.b]])
        for node, line in ((graph.node_x, graph.line_x), (graph.node_y, graph.line_y))
    )
    street = np.concatenate([np.arange(graph.streets), own, np.arange(graph.streets)])
    order = np.argsort(street, kind="stable")
    x, y, street = x[order], y[order], street[order]
    step = np.where(street[1:] == street[:-1], np.hypot(np.diff(x), np.diff(y)), 0.0)
    line_m = np.bincount(street[1:], weights=step, minlength=graph.streets) if len(street) else np.zeros(0)
    return np.where(line_m > 0.1, np.round(graph.length_m / np.maximum(line_m, 0.1), STRETCH_DECIMALS), 1.0)


def _meeting(
    graph: RoadGraph, label: Ints, stretch: NDArray[np.float64], keep_nodes: ArrayLike | None
) -> tuple[Ints, Ints]:
    """For each node that is only a bend, the two streets that meet there (v,) int64; -1 at every other node."""
    ends = np.concatenate([graph.a, graph.b]).astype(np.int64)
    street = np.tile(np.arange(graph.streets), 2)
    leaving = np.concatenate([graph.speed_ab_kmh, graph.speed_ba_kmh])
    arriving = np.concatenate([graph.speed_ba_kmh, graph.speed_ab_kmh])
    order = np.argsort(ends, kind="stable")
    count = np.bincount(ends, minlength=graph.nodes)
    at = np.r_[0, np.cumsum(count)][:-1]
    bend = count == 2
    if keep_nodes is not None:
        bend &= ~np.asarray(keep_nodes, bool)
    nodes = np.flatnonzero(bend)
    one, two = order[at[nodes]], order[at[nodes] + 1]
    s, t = street[one], street[two]
    alike = (s != t) & (leaving[one] == arriving[two]) & (arriving[one] == leaving[two])
    alike &= stretch[s] == stretch[t]
    alike &= (graph.klass[s] == graph.klass[t]) & (graph.walk[s] == graph.walk[t]) & (label[s] == label[t])
    first, second = np.full(graph.nodes, -1, np.int64), np.full(graph.nodes, -1, np.int64)
    first[nodes[alike]], second[nodes[alike]] = s[alike], t[alike]
    return first, second


@njit(cache=True)
def _chains(a, b, first, second):  # pragma: no cover - compiled
    """Streets (e,) in the order in which chains run through them, whether each runs from a to b, and where chains
    begin. Chains start at nodes that stay; what is left then are rings."""
    streets = len(a)
    order, forward = np.empty(streets, np.int64), np.empty(streets, np.bool_)
    begins = np.empty(streets, np.int64)
    seen = np.zeros(streets, np.bool_)
    filled = chains = 0
    for rings in (False, True):
        for start_street in range(streets):
            if seen[start_street]:
                continue
            node = a[start_street]
            if first[node] >= 0 and not rings:
                node = b[start_street]
                if first[node] >= 0:
                    continue
            start, street, chain_at = node, start_street, filled
            begins[chains] = filled
            chains += 1
            while True:
                seen[street] = True
                order[filled], forward[filled] = street, a[street] == node
                filled += 1
                node = b[street] if a[street] == node else a[street]
                if first[node] < 0 or node == start:
                    break
                street = second[node] if first[node] == street else first[node]
            if node == start and filled - chain_at > 1:
                begins[chains] = chain_at + (filled - chain_at) // 2
                chains += 1
    return order, forward, begins[:chains]


def _in_order(
    graph: RoadGraph, order: Ints, forward: NDArray[np.bool_], begins: Ints
) -> tuple[Ints, NDArray[np.bool_], Ints]:
    """The same chains as a graph wants its streets: each from its lower to its higher node, sorted by these."""
    if not len(begins):
        return order, forward, begins
    size = np.diff(np.r_[begins, len(order)])
    last = begins + size - 1
    a = np.where(forward[begins], graph.a[order[begins]], graph.b[order[begins]])
    b = np.where(forward[last], graph.b[order[last]], graph.a[order[last]])
    turned = a > b
    chain = np.lexsort((np.add.reduceat(graph.length_m[order], begins), np.maximum(a, b), np.minimum(a, b)))
    size = size[chain]
    starts = np.cumsum(size) - size
    step = np.arange(len(order)) - np.repeat(starts, size)
    back = np.repeat(turned[chain], size)
    place = np.repeat(np.where(turned, last, begins)[chain], size) + np.where(back, -step, step)
    return order[place], forward[place] != back, starts


def _lines(graph: RoadGraph, order: Ints, forward: NDArray[np.bool_], begins: Ints):
    """(line_ptr, line_x, line_y) of the chains: the corners of each street and the bends between them."""
    own = np.diff(graph.line_ptr)[order]
    closing = np.zeros(len(order), bool)
    if len(order):
        closing[np.r_[begins[1:] - 1, len(order) - 1]] = True
    count = own + ~closing
    total = np.r_[0, np.cumsum(count)].astype(np.int64)
    x, y = np.empty(total[-1]), np.empty(total[-1])
    _fill(
        order, forward, closing, total, graph.a, graph.b, graph.node_x, graph.node_y,
        graph.line_ptr, graph.line_x, graph.line_y, x, y,
    )  # fmt: skip
    return np.r_[total[begins], total[-1]].astype(np.int64), x, y


@njit(cache=True)
def _fill(
    order, forward, closing, total, a, b, node_x, node_y, ptr, line_x, line_y, x, y
):  # pragma: no cover
    for place in range(len(order)):
        street, at = order[place], total[place]
        low, high = ptr[street], ptr[street + 1]
        for step in range(high - low):
            corner = low + step if forward[place] else high - 1 - step
            x[at + step], y[at + step] = line_x[corner], line_y[corner]
        if not closing[place]:
            node = b[street] if forward[place] else a[street]
            x[at + high - low], y[at + high - low] = node_x[node], node_y[node]
