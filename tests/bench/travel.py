"""T4: road times within a limit from many sites, against scipy's Dijkstra and pandana's contraction hierarchies."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from engine.network import RoadGraph, Snap
from engine.travel import reach_by_road
from engine.world import Reach
from tests.bench import _rows
from tests.bench._city import road_grid

SCIPY_TARGET, PANDANA_TARGET = 4.0, 6.0
# Ours answers in float32 minutes; a time within this of the limit may fall on either side of it.
FLOAT32 = 2.0**-22
# pandana adds up whole thousandths of a minute, one rounding for each of up to this many streets.
PANDANA_STEP_MIN, STREETS_A_TRIP = 1e-3, 600


def versions() -> list[str]:
    return [_rows.version(name) for name in ("scipy", "numpy", "numba")] + (
        [_rows.version("pandana"), _rows.version("pandas")] if _rows.with_peers() else []
    )


def town(nodes: int, sources: int, seed: int = 11) -> tuple[RoadGraph, np.ndarray]:
    """A road graph and its source nodes, sorted as the platform sorts its sites."""
    random = np.random.default_rng(seed)
    graph = RoadGraph.build(**road_grid(nodes, random))
    chosen = random.choice(graph.nodes, min(sources, graph.nodes), replace=False)
    return graph, chosen


def minutes(graph: RoadGraph) -> csr_matrix:
    """(v, v) minutes by car along each street in its allowed directions, turned round: people drive to the site."""
    ab, ba = graph.speed_ab_kmh > 0, graph.speed_ba_kmh > 0
    tail = np.concatenate([graph.a[ab], graph.b[ba]])
    head = np.concatenate([graph.b[ab], graph.a[ba]])
    metres = np.concatenate([graph.length_m[ab], graph.length_m[ba]])
    speed = np.concatenate([graph.speed_ab_kmh[ab], graph.speed_ba_kmh[ba]])
    # Parallel streets: csr_matrix would add their times up, the search wants the shortest.
    weight = metres * 60.0 / (speed * 1000.0)
    order = np.lexsort((weight, tail, head))
    head, tail, weight = head[order], tail[order], weight[order]
    first = np.ones(len(head), bool)
    first[1:] = (head[1:] != head[:-1]) | (tail[1:] != tail[:-1])
    return csr_matrix((weight[first], (head[first], tail[first])), shape=(graph.nodes, graph.nodes))


def ours(
    graph: RoadGraph, sources: np.ndarray, limit: float, snaps: tuple[Snap | None, ...] = (None, None)
) -> Reach:
    """The platform's own call: every node is a cell, so that both sides answer for the same places. Straight trips
    across a block are priced out; sites and cells on nodes have entry legs of 0."""
    return reach_by_road(
        graph, graph.node_x[sources], graph.node_y[sources], graph.node_x, graph.node_y, limit, "min", "drive",
        detour=1e6, sites_snap=snaps[0], cells_snap=snaps[1],
    )  # fmt: skip


def scipy_block(matrix: csr_matrix, sources: np.ndarray, limit: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """(nodes, minutes) by source. In blocks, because scipy answers with a dense (block, v) table."""
    found = []
    block = max(1, 32_000_000 // matrix.shape[0])
    for start in range(0, len(sources), block):
        table = dijkstra(matrix, directed=True, indices=sources[start : start + block], limit=limit)
        for line in table:
            at = np.flatnonzero(np.isfinite(line))
            found.append((at, line[at]))
    return found


def largest_difference(reach: Reach, other: list, limit: float, slack: float) -> tuple[float, int]:
    """(minutes, pairs): the largest difference over the pairs of both; demands that only pairs within `slack` of the
    limit are missing on either side."""
    largest, pairs = 0.0, 0
    for row, (at, cost) in enumerate(other):
        cells, mine = reach.row(row)
        both, left, right = np.intersect1d(cells, at, assume_unique=True, return_indices=True)
        only_mine, only_theirs = np.delete(mine, left), np.delete(cost, right)
        _rows.demand(
            bool((only_mine >= limit - slack).all() and (only_theirs >= limit - slack).all()),
            f"source {row}: {len(only_mine)} and {len(only_theirs)} places on one side only",
        )
        if len(both):
            largest = max(largest, float(np.abs(mine[left] - cost[right]).max()))
        pairs += len(both)
    return largest, pairs


def run(size: str) -> list[_rows.Row]:
    nodes, sources, limit = _rows.of(size, (272_000, 500, 15.0), (40_000, 100, 8.0), (900, 12, 3.0))
    rounds = _rows.of(size, 5, 3, 2)
    graph, chosen = town(nodes, sources)
    matrix = minutes(graph)
    what = f"{graph.nodes:,} nodes, {len(chosen)} sources, {limit:g} min"
    reach = ours(graph, chosen, limit)
    difference, pairs = largest_difference(reach, scipy_block(matrix, chosen, limit), limit, limit * FLOAT32)
    _rows.demand(difference <= limit * FLOAT32, f"minutes differ from scipy by {difference}")
    nodes_snap = graph.snap(graph.node_x, graph.node_y, mode="drive")
    snaps = Snap(nodes_snap.street[chosen], nodes_snap.along[chosen], nodes_snap.entry_m[chosen]), nodes_snap
    again = ours(graph, chosen, limit, snaps)
    _rows.demand(
        np.array_equal(reach.cell, again.cell) and np.array_equal(reach.cost, again.cost),
        "snapped once differs",
    )
    sides = {
        "search": lambda: ours(graph, chosen, limit, snaps),
        "call": lambda: ours(graph, chosen, limit),
        "scipy": lambda: scipy_block(matrix, chosen, limit),
    }
    pandana_check = ""
    if _rows.with_peers():
        network, numbers = pandana_network(graph)
        slack = PANDANA_STEP_MIN * STREETS_A_TRIP
        theirs = pandana_block(network, numbers, chosen, limit)
        gap, both = largest_difference(reach, theirs, limit, slack)
        _rows.demand(gap <= slack, f"minutes differ from pandana by {gap}")
        pandana_check = (
            f"{both:,} times, largest difference {gap:.2g} min (it counts in thousandths a street)"
        )
        sides["pandana"] = lambda: pandana_block(network, numbers, chosen, limit)
    seconds = _rows.compare(sides, rounds)
    told = f"{pairs:,} times, largest difference {difference:.2g} min (float32)"
    search, call = f"search alone, {what}", f"whole call with snapping every node, {what}"
    scipy_name, pandana_name = (
        "scipy.sparse.csgraph.dijkstra(limit)",
        "pandana nodes_in_range, preprocessing not counted",
    )
    rows = [
        _rows.row("T4-scipy", search, seconds["search"], scipy_name, seconds["scipy"], SCIPY_TARGET, told),
        _rows.row("T4-scipy-call", call, seconds["call"], scipy_name, seconds["scipy"], None, told),
    ]
    if pandana_check:
        rows.append(
            _rows.row(
                "T4-pandana",
                search,
                seconds["search"],
                pandana_name,
                seconds["pandana"],
                PANDANA_TARGET,
                pandana_check,
            )
        )
    return rows


def pandana_network(graph: RoadGraph):
    """Its network with the contraction done, and node numbers."""
    import pandana  # AGPL: a peer of this benchmark, never imported by the platform
    import pandas

    links = minutes(graph).tocoo()
    number = pandas.Series(np.arange(graph.nodes))
    network = pandana.Network(
        pandas.Series(graph.node_x), pandas.Series(graph.node_y), pandas.Series(links.row.astype(np.int64)),
        pandas.Series(links.col.astype(np.int64)), pandas.DataFrame({"minutes": links.data}), twoway=False,
    )  # fmt: skip
    return network, number


def pandana_block(network, numbers, sources: np.ndarray, limit: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """(nodes, minutes) by source."""
    table = network.nodes_in_range(numbers.iloc[sources].tolist(), limit, imp_name="minutes")
    source, at = table["source"].to_numpy(), table["destination"].to_numpy()
    cost = table["minutes" if "minutes" in table else "weight"].to_numpy()
    order = np.lexsort((at, source))
    source, at, cost = source[order], at[order], cost[order]
    first, last = np.searchsorted(source, sources), np.searchsorted(source, sources, side="right")
    return [(at[i:j], cost[i:j]) for i, j in zip(first, last, strict=True)]
