"""T4-T6: road times within a limit from many sites, against scipy's Dijkstra, pandana's hierarchies and pgRouting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from engine.network import RoadGraph
from engine.travel import node_times, reach_by_road
from engine.world import Reach
from tests.bench import _pgrouting, _rows
from tests.bench._city import road_grid

T4 = {"scipy": 4.0, "pandana": 6.0, "pgrouting": 10.0}
T5 = {"scipy": 10.0, "pandana": 15.0}
T6 = {"pandana": 25.0}
# Ours answers in float32 minutes; a time within this of the limit may fall on either side of it.
FLOAT32 = 2.0**-22
# pandana adds up whole thousandths of a minute, one rounding for each of up to this many streets.
PANDANA_STEP_MIN, STREETS_A_TRIP = 1e-3, 600
# pandana hands over its times in blocks of this many sources, for all of them at once need not fit the memory.
PEER_BLOCK = 250
SCIPY = "scipy.sparse.csgraph.dijkstra(limit)"
PANDANA = "pandana nodes_in_range, preprocessing not counted"
PANDANA_REBUILT = "pandana nodes_in_range, its network built anew"
PGROUTING = "pgRouting pgr_drivingDistance, rows left in the database"

Rows = list[tuple[np.ndarray, np.ndarray]]


def versions() -> list[str]:
    return [_rows.version(name) for name in ("scipy", "numpy", "numba")] + (
        [_rows.version("pandana"), _rows.version("pandas")] if _rows.with_peers() else []
    )


def run(size: str) -> list[_rows.Row]:
    return town_times(size) + region_times(size) + hazard_times(size)


def town(nodes: int, sources: int, seed: int = 11) -> tuple[RoadGraph, np.ndarray]:
    """A road graph for driving and its source nodes. Nobody walks, so that it is one part for every peer."""
    random = np.random.default_rng(seed)
    given = road_grid(nodes, random)
    graph = RoadGraph.build(**given, walk=np.zeros(len(given["length_m"]), bool))
    chosen = random.choice(graph.nodes, min(sources, graph.nodes), replace=False)
    return graph, chosen


def town_times(size: str) -> list[_rows.Row]:
    """T4: one town, every peer."""
    nodes, sources, limit = _rows.of(size, (272_000, 500, 15.0), (40_000, 100, 8.0), (900, 12, 3.0))
    graph, chosen = town(nodes, sources)
    matrix = minutes(graph)
    what = f"{graph.nodes:,} nodes, {len(chosen)} sources, {limit:g} min"
    reach = node_times(graph, chosen, limit, "min", "drive")
    told = same_as_scipy(reach, scipy_block(matrix, chosen, limit), limit)
    same_as_scipy(whole_call(graph, chosen, limit), scipy_block(matrix, chosen, limit), limit)
    sides: dict[str, Callable[[], Any]] = {
        "search": lambda: node_times(graph, chosen, limit, "min", "drive"),
        "call": lambda: whole_call(graph, chosen, limit),
        "scipy": lambda: scipy_block(matrix, chosen, limit),
    }
    pandana_told = pgrouting_told = ""
    network = pandana_network(matrix, graph)
    if network is not None:
        pandana_told = same_as_pandana(reach, pandana_block(network, chosen, limit), limit)
        sides["pandana"] = lambda: pandana_search(network, chosen, limit)
    with _pgrouting.routes(graph) as routes:
        if routes is not None:
            some = chosen[:: max(1, len(chosen) // 20)]
            same_as_scipy(node_times(graph, some, limit, "min", "drive"), routes.times(some, limit), limit)
            counted = reach.pairs, float(reach.cost.sum(dtype=np.float64))
            pgrouting_told = (
                f"{_pgrouting.demand_same(counted, routes.count(chosen, limit))} ({routes.version})"
            )
            sides["pgrouting"] = lambda: routes.count(chosen, limit)
        seconds = _rows.compare(sides, _rows.of(size, 5, 3, 1))
    search, call = f"search between nodes, {what}", f"whole call with snapping every node, {what}"
    rows = [
        _rows.row("T4-scipy", search, seconds["search"], SCIPY, seconds["scipy"], T4["scipy"], told),
        _rows.row("T4-scipy-call", call, seconds["call"], SCIPY, seconds["scipy"], None, told),
    ]
    rows.append(peer_row("T4-pandana", search, seconds, "pandana", PANDANA, T4["pandana"], pandana_told))
    rows.append(
        peer_row("T4-pgrouting", search, seconds, "pgrouting", PGROUTING, T4["pgrouting"], pgrouting_told)
    )
    return rows


def region_times(size: str) -> list[_rows.Row]:
    """T5: a region of nearly a million nodes."""
    nodes, sources, limit = _rows.of(size, (940_000, 3_000, 20.0), (90_000, 150, 12.0), (1_600, 12, 3.0))
    graph, chosen = town(nodes, sources, seed=12)
    chosen = np.sort(chosen)
    matrix = minutes(graph)
    what = f"search between nodes, {graph.nodes:,} nodes, {len(chosen):,} sources, {limit:g} min, 2 threads"
    some = chosen[:: max(1, len(chosen) // 40)]
    sampled = node_times(graph, some, limit, "min", "drive")
    told = f"every {max(1, len(chosen) // 40)}th source: " + same_as_scipy(
        sampled, scipy_block(matrix, some, limit), limit
    )
    sides: dict[str, Callable[[], Any]] = {
        "search": lambda: node_times(graph, chosen, limit, "min", "drive", threads=2),
        "scipy": lambda: scipy_block(matrix, chosen, limit),
    }
    network = pandana_network(matrix, graph)
    pandana_told = ""
    if network is not None:
        pandana_told = same_as_pandana(sampled, pandana_block(network, some, limit), limit)
        sides["pandana"] = lambda: pandana_search(network, chosen, limit)
    seconds = _rows.compare(sides, _rows.of(size, 5, 2, 1))
    return [
        _rows.row("T5-scipy", what, seconds["search"], SCIPY, seconds["scipy"], T5["scipy"], told),
        peer_row("T5-pandana", what, seconds, "pandana", PANDANA, T5["pandana"], pandana_told),
    ]


def hazard_times(size: str) -> list[_rows.Row]:
    """T6: streets close and slow down, and all times are wanted again."""
    nodes, sources, limit = _rows.of(size, (1_000_000, 5_000, 20.0), (60_000, 100, 10.0), (900, 12, 3.0))
    graph, chosen = town(nodes, sources, seed=13)
    random = np.random.default_rng(13)
    weight = np.where(random.random(graph.streets) < 0.04, np.inf, 1.0)
    weight[(random.random(graph.streets) < 0.2) & (weight == 1)] = 2.0
    what = f"new weights to all times, {graph.nodes:,} nodes, {len(chosen):,} sources, {limit:g} min"

    def ours() -> Reach:
        return node_times(graph, chosen, limit, "min", "drive", weight=weight)

    some = chosen[:: max(1, len(chosen) // 40)]
    sampled = node_times(graph, some, limit, "min", "drive", weight=weight)
    same_as_scipy(sampled, scipy_block(minutes(graph, weight), some, limit), limit)
    sides: dict[str, Callable[[], Any]] = {"search": ours}
    told = ""
    shut = minutes(graph, weight)  # what it is built from is laid out before
    network = pandana_network(shut, graph)
    if network is not None:
        told = f"every {max(1, len(chosen) // 40)}th source: " + same_as_pandana(
            sampled, pandana_block(network, some, limit), limit
        )
        del network

        def theirs() -> None:
            pandana_search(pandana_network(shut, graph), chosen, limit)

        sides["pandana"] = theirs
    seconds = _rows.compare(sides, _rows.of(size, 5, 2, 1))
    return [peer_row("T6-pandana", what, seconds, "pandana", PANDANA_REBUILT, T6["pandana"], told)]


def peer_row(
    id: str, what: str, seconds: dict[str, list[float]], side: str, peer: str, target: float, told: str
) -> _rows.Row:
    if side not in seconds:
        return _rows.absent(id, what, seconds["search"], peer, target)
    return _rows.row(id, what, seconds["search"], peer, seconds[side], target, told)


def minutes(graph: RoadGraph, weight: np.ndarray | None = None) -> csr_matrix:
    """(v, v) minutes by car along each open street in its allowed directions, turned round: people drive to the site."""
    factor = np.ones(graph.streets) if weight is None else weight
    ab, ba = (graph.speed_ab_kmh > 0) & np.isfinite(factor), (graph.speed_ba_kmh > 0) & np.isfinite(factor)
    tail = np.concatenate([graph.a[ab], graph.b[ba]])
    head = np.concatenate([graph.b[ab], graph.a[ba]])
    metres = np.concatenate([(graph.length_m * factor)[ab], (graph.length_m * factor)[ba]])
    speed = np.concatenate([graph.speed_ab_kmh[ab], graph.speed_ba_kmh[ba]])
    # Parallel streets: csr_matrix would add their times up, the search wants the shortest.
    cost = metres * 60.0 / (speed * 1000.0)
    order = np.lexsort((cost, tail, head))
    head, tail, cost = head[order], tail[order], cost[order]
    first = np.ones(len(head), bool)
    first[1:] = (head[1:] != head[:-1]) | (tail[1:] != tail[:-1])
    return csr_matrix((cost[first], (head[first], tail[first])), shape=(graph.nodes, graph.nodes))


def whole_call(graph: RoadGraph, sources: np.ndarray, limit: float) -> Reach:
    """The platform's own call: every node is a cell, so that both sides answer for the same places. Straight trips
    across a block are priced out; sites and cells on nodes have entry legs of 0."""
    return reach_by_road(
        graph, graph.node_x[sources], graph.node_y[sources], graph.node_x, graph.node_y, limit, "min", "drive",
        detour=1e6,
    )  # fmt: skip


def scipy_tables(matrix: csr_matrix, sources: np.ndarray, limit: float) -> Iterator[np.ndarray]:
    """(block, v) minutes, inf beyond the limit; in blocks, for these tables are dense."""
    block = max(1, 32_000_000 // matrix.shape[0])
    for start in range(0, len(sources), block):
        yield dijkstra(matrix, directed=True, indices=sources[start : start + block], limit=limit)


def scipy_block(matrix: csr_matrix, sources: np.ndarray, limit: float) -> Rows:
    """(nodes, minutes) by source."""
    found = []
    for table in scipy_tables(matrix, sources, limit):
        for line in table:
            at = np.flatnonzero(np.isfinite(line))
            found.append((at, line[at]))
    return found


def same_as_scipy(reach: Reach, other: Rows, limit: float) -> str:
    """Demands times equal to float32; what was compared."""
    gap, pairs = largest_difference(reach, other, limit, limit * FLOAT32)
    _rows.demand(gap <= limit * FLOAT32, f"minutes differ from scipy or pgRouting by {gap}")
    return f"{pairs:,} times, largest difference {gap:.2g} min (float32)"


def same_as_pandana(reach: Reach, other: Rows, limit: float) -> str:
    slack = PANDANA_STEP_MIN * STREETS_A_TRIP
    gap, pairs = largest_difference(reach, other, limit, slack)
    _rows.demand(gap <= slack, f"minutes differ from pandana by {gap}")
    return f"{pairs:,} times, largest difference {gap:.2g} min (it counts in thousandths a street)"


def largest_difference(reach: Reach, other: Rows, limit: float, slack: float) -> tuple[float, int]:
    """(minutes, pairs): the largest difference over the pairs of both; demands that only pairs within `slack` of the
    limit are missing on either side."""
    largest, pairs = 0.0, 0
    for row, (at, cost) in enumerate(other):
        cells, mine = reach.row(row)
        both, left, right = np.intersect1d(cells, at, assume_unique=True, return_indices=True)
        only_mine, only_theirs = np.delete(mine, left), np.delete(cost, right)
        _rows.demand(
            bool((only_mine >= limit - slack).all() and (only_theirs >= limit - slack).all()),
            f"scipy or another peer, source {row}: {len(only_mine)} and {len(only_theirs)} places on one side only",
        )
        if len(both):
            largest = max(largest, float(np.abs(mine[left] - cost[right]).max()))
        pairs += len(both)
    return largest, pairs


def pandana_network(matrix: csr_matrix, graph: RoadGraph) -> Any:
    """Its network with the contraction done; None where it is not installed."""
    if not _rows.with_peers():
        return None
    try:
        import pandana  # AGPL: a peer of this benchmark, never imported by the platform
        import pandas
    except ImportError:
        return None

    links = matrix.tocoo()
    return pandana.Network(
        pandas.Series(graph.node_x), pandas.Series(graph.node_y), pandas.Series(links.row.astype(np.int64)),
        pandas.Series(links.col.astype(np.int64)), pandas.DataFrame({"minutes": links.data}), twoway=False,
    )  # fmt: skip


def pandana_search(network: Any, sources: np.ndarray, limit: float) -> Any:
    """What is timed: its table of (source, destination, minutes), in blocks, each let go when the next is there."""
    for first in range(0, len(sources), PEER_BLOCK):
        table = network.nodes_in_range(
            [int(one) for one in sources[first : first + PEER_BLOCK]], limit, imp_name="minutes"
        )
    return table


def pandana_block(network: Any, sources: np.ndarray, limit: float) -> Rows:
    """(nodes, minutes) by source."""
    table = network.nodes_in_range([int(one) for one in sources], limit, imp_name="minutes")
    source, at = table["source"].to_numpy(), table["destination"].to_numpy()
    cost = table["minutes" if "minutes" in table else "weight"].to_numpy()
    order = np.lexsort((at, source))
    source, at, cost = source[order], at[order], cost[order]
    first, last = np.searchsorted(source, sources), np.searchsorted(source, sources, side="right")
    return [(at[i:j], cost[i:j]) for i, j in zip(first, last, strict=True)]
