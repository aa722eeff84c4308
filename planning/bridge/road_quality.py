"""How good a road network is for a city's people and places: distances to streets, islands, doubtful streets, detours.

Pure arrays in, plain dicts out (JSON). n cells, m places, v nodes, e streets. See docs/algorithms/road-quality.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order

from engine.network import RoadGraph
from engine.travel import reach_by_road

NEAR_M = (50, 100, 200, 500)
OFF_MAP_M = 500.0  # the engine's own limit: farther from every street, roads say nothing about a place
FAR_PLACE_M = 200.0
HISTOGRAM_M = (0, 25, 50, 100, 200, 300, 500, 1000)  # the last bin is open
LONG_FACTOR, SHORT_STRAIGHT_M = 5.0, 20.0
SLOWEST_KMH, FASTEST_KMH = 5.0, 130.0
SEED = 20_110
DETOUR_PLACES, DETOUR_CELLS = 60, 2_000
DETOUR_NEAR_M, DETOUR_FAR_M, DETOUR_LIMIT = 500.0, 5_000.0, 4.0


@dataclass(frozen=True)
class Islands:
    """Streets that the network in use does not reach, in connected patches: street (e,) int32 number of the patch from
    0, -1 for streets in use; count patches."""

    street: np.ndarray
    count: int


def islands_of(graph: RoadGraph, part: np.ndarray) -> Islands:
    """From the part of each node (v,): 0 = in use, 1, 2, … islands. A street out of or into the network in use, where
    no car comes back, belongs to the island at its other end."""
    number = np.maximum(part[graph.a], part[graph.b])
    kept, packed = np.unique(number[number > 0], return_inverse=True)
    street = np.full(graph.streets, -1, np.int32)
    street[number > 0] = packed.ravel()
    return Islands(street, len(kept))


def island_sums(
    graph: RoadGraph,
    islands: Islands,
    cell_street: np.ndarray,
    people: np.ndarray,
    place_street: np.ndarray,
) -> dict[str, np.ndarray]:
    """By island: nodes, length_km, people and cells whose nearest street lies on it, facilities. cell_street (n,) and
    place_street (m,): the nearest street of each, -1 none."""
    count, on = islands.count, np.flatnonzero(islands.street >= 0)
    which = islands.street[on]

    def held(street: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
        number = np.where(street >= 0, islands.street[street], -1)
        mine = number >= 0
        return np.bincount(number[mine], None if weight is None else weight[mine], count)

    pairs = np.unique(
        np.stack([np.tile(which, 2), np.concatenate([graph.a[on], graph.b[on]])], axis=1), axis=0
    )
    return {
        "nodes": np.bincount(pairs[:, 0], minlength=count),
        "length_km": np.bincount(which, np.asarray(graph.length_m)[on], count) / 1000.0,
        "people": held(cell_street, people),
        "cells": held(cell_street),
        "facilities": held(place_street),
    }


def weighted_quantiles(values: np.ndarray, weight: np.ndarray, shares: tuple[float, ...]) -> list[float]:
    """The value below which each share of the weight lies; [] when there is no weight."""
    held = weight > 0
    if not held.any():
        return []
    order = np.argsort(values[held], kind="stable")
    ranked, grown = values[held][order], np.cumsum(weight[held][order])
    at = np.searchsorted(grown, np.asarray(shares) * grown[-1])
    return [float(value) for value in ranked[np.minimum(at, len(ranked) - 1)]]


def distances(entry_m: np.ndarray, people: np.ndarray) -> dict[str, Any]:
    """How far people (n,) live from the nearest street: shares, quantiles by people, histogram."""
    total = float(people.sum())
    p50, p90, p99 = weighted_quantiles(entry_m, people, (0.5, 0.9, 0.99)) or (None, None, None)
    held = people > 0
    edges = np.append(np.asarray(HISTOGRAM_M, np.float64), np.inf)
    bins = np.histogram(entry_m, edges, weights=people)[0]
    off = entry_m > OFF_MAP_M
    return {
        "people": total,
        "cells": int(held.sum()),
        "within": [{"metres": limit, "people": float(people[entry_m <= limit].sum())} for limit in NEAR_M],
        "p50_m": p50,
        "p90_m": p90,
        "p99_m": p99,
        "max_m": float(entry_m[held].max()) if held.any() and np.isfinite(entry_m[held]).any() else None,
        "histogram": {"edges_m": list(HISTOGRAM_M), "people": [float(value) for value in bins]},
        "off_map": {
            "metres": OFF_MAP_M,
            "people": float(people[off].sum()),
            "cells": int((off & held).sum()),
        },
    }


def cut_off(
    graph: RoadGraph, cell_street: np.ndarray, cell_off: np.ndarray, place_street: np.ndarray
) -> np.ndarray:
    """(n,) True for cells from which no road leads a car to any of the places: off the map, or on streets from which
    none can be driven to. Searched once from all places against the traffic."""
    a, b = np.asarray(graph.a, np.int64), np.asarray(graph.b, np.int64)
    ab, ba = np.asarray(graph.speed_ab_kmh) > 0, np.asarray(graph.speed_ba_kmh) > 0
    tail, head = np.concatenate([a[ab], b[ba]]), np.concatenate([b[ab], a[ba]])
    goal, streets = graph.nodes, place_street[place_street >= 0]
    # A place on a street is reached from the end where the traffic towards it enters.
    enters = np.concatenate([a[streets[ab[streets]]], b[streets[ba[streets]]]])
    links = csr_matrix(
        (
            np.ones(len(tail) + len(enters), np.int8),
            (np.concatenate([head, np.full(len(enters), goal)]), np.concatenate([tail, enters])),
        ),
        shape=(goal + 1, goal + 1),
    )
    reached = np.zeros(goal + 1, bool)
    reached[breadth_first_order(links, goal, directed=True, return_predecessors=False)] = True
    leaves = np.zeros(graph.streets, bool)  # from somewhere on the street, traffic reaches a place
    leaves |= ab & reached[b]
    leaves |= ba & reached[a]
    leaves[streets] = True
    on = cell_street >= 0
    return cell_off | ~np.where(on, leaves[cell_street], False)


def street_facts(graph: RoadGraph, classes: list[str]) -> dict[str, Any]:
    """Lengths by class, dead ends, one-way and walk-only streets, doubtful lengths and speeds of a graph."""
    length = np.asarray(graph.length_m, np.float64)
    ab, ba = np.asarray(graph.speed_ab_kmh), np.asarray(graph.speed_ba_kmh)
    cars = graph.usable("drive")
    top = np.maximum(ab, ba)
    degree = np.bincount(graph.a, minlength=graph.nodes) + np.bincount(graph.b, minlength=graph.nodes)
    klass = np.asarray(graph.klass)
    named = classes if len(classes) and len(klass) and int(klass.max(initial=-1)) < len(classes) else []
    rows = []
    for number, name in enumerate(named):
        mine = klass == number
        if not mine.any():
            continue
        driven = mine & cars
        weight = length[driven]
        mean = float(np.average(top[driven], weights=weight)) if weight.sum() > 0 else None
        rows.append(
            {
                "class": name,
                "streets": int(mine.sum()),
                "km": float(length[mine].sum() / 1000),
                "kmh": mean,
            }
        )
    straight = np.hypot(
        np.asarray(graph.node_x)[graph.a] - np.asarray(graph.node_x)[graph.b],
        np.asarray(graph.node_y)[graph.a] - np.asarray(graph.node_y)[graph.b],
    )
    plain = np.diff(np.asarray(graph.line_ptr)) == 0  # a street with corners of its own may well be longer
    return {
        "nodes": graph.nodes,
        "streets": graph.streets,
        "km": float(length.sum() / 1000),
        "classes": sorted(rows, key=lambda row: -row["km"]),
        "dead_ends": int((degree == 1).sum()),
        "oneway_streets": int((cars & ((ab == 0) | (ba == 0))).sum()),
        "walk_only_km": float(length[~cars].sum() / 1000),
        "lengths": {
            "zero": int((length <= 0).sum()),
            "below_straight": int((length < straight - np.maximum(1.0, 0.01 * straight)).sum()),
            "above_5_times": int(
                (plain & (length > LONG_FACTOR * np.maximum(straight, SHORT_STRAIGHT_M))).sum()
            ),
        },
        "speeds": {
            "below_5_kmh": int((cars & (top < SLOWEST_KMH)).sum()),
            "above_130_kmh": int((top > FASTEST_KMH).sum()),
        },
    }


def detours(
    graph: RoadGraph,
    cell_x: np.ndarray,
    cell_y: np.ndarray,
    people: np.ndarray,
    place_x: np.ndarray,
    place_y: np.ndarray,
) -> dict[str, Any] | None:
    """Road length / straight line by car, of pairs 0.5 to 5 km apart between drawn cells (more people, more likely)
    and drawn places that lie on the map; and how fast that is in the straight line. None without such pairs. A pair
    with no way within four times the farthest straight line counts as above 3."""
    draw = np.random.default_rng(SEED)
    peopled = np.flatnonzero(people > 0)
    if not len(peopled) or not len(place_x) or not graph.streets:
        return None
    cells = np.unique(
        draw.choice(peopled, min(DETOUR_CELLS, len(peopled)), p=people[peopled] / people[peopled].sum())
    )
    places = np.sort(draw.choice(len(place_x), min(DETOUR_PLACES, len(place_x)), replace=False))
    cx, cy, px, py = cell_x[cells], cell_y[cells], place_x[places], place_y[places]
    on_cells, on_places = (graph.snap(*at, mode="drive").entry_m <= OFF_MAP_M for at in ((cx, cy), (px, py)))
    cx, cy, px, py = cx[on_cells], cy[on_cells], px[on_places], py[on_places]
    if not len(cx) or not len(px):
        return None
    straight = np.hypot(px[:, None] - cx[None, :], py[:, None] - cy[None, :])
    asked = (straight >= DETOUR_NEAR_M) & (straight <= DETOUR_FAR_M)
    if not asked.any():
        return None
    metres, minutes = (
        _table(reach_by_road(graph, px, py, cx, cy, limit, unit, "drive", direct_m=0), asked.shape)
        for limit, unit in ((DETOUR_LIMIT * DETOUR_FAR_M, "m"), (120.0, "min"))
    )
    ratio = metres[asked] / straight[asked]
    found = np.isfinite(ratio)
    speed = straight[asked] / 1000 / (minutes[asked] / 60)
    timed = np.isfinite(speed) & (speed > 0)
    return {
        "pairs": int(asked.sum()),
        "no_way": int((~found).sum()),
        "above_3": int((~(ratio <= 3)).sum()),
        "ratio": _quantiles(ratio[found]),
        "straight_kmh": _quantiles(speed[timed]),
        "near_m": DETOUR_NEAR_M,
        "far_m": DETOUR_FAR_M,
        "seed": SEED,
    }


def _table(reach: Any, shape: tuple[int, int]) -> np.ndarray:
    table = np.full(shape, np.inf)
    table[np.repeat(np.arange(shape[0]), np.diff(reach.indptr)), reach.cell] = reach.cost
    return table


def _quantiles(values: np.ndarray) -> dict[str, float] | None:
    if not len(values):
        return None
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
    return {"p5": float(low), "p50": float(middle), "p95": float(high)}


def island_shapes(graph: RoadGraph, islands: Islands, lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(MultiLineStrings (count,), a point on each) from `lines`: those of the island streets in street order."""
    number = islands.street[islands.street >= 0]
    order = np.argsort(number, kind="stable")
    shapes = shapely.multilinestrings(lines[order], indices=number[order])
    middle = shapely.line_interpolate_point(lines[order], 0.5, normalized=True)
    first = np.searchsorted(number[order], np.arange(islands.count))
    return shapes, middle[first]
