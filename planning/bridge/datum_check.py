"""Does a layer of points lie better on the roads in another datum than the one it was declared in?

A wrong datum moves a city by 300-700 m, which no single point shows. Places people visit stand beside streets: read
in the right datum their median distance to the nearest street is small; read in a wrong one they lie as if scattered.
But a shift alone can bring points nearer to streets (parks and schools lie inside blocks; any shift scatters them), so
each shift is compared with the same shift turned in other directions: only a shift that also beats all of those is
more than luck. See docs/algorithms/road-quality.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.crs import LocalMetric, UnknownDatum, from_wgs84, outside_china, parse_datum, to_wgs84
from engine.network import RoadGraph

DATUMS = ("WGS-84", "GCJ-02", "BD-09")
FEWEST_POINTS, MOST_POINTS = 30, 2_000
# Eighths of a turn; the half turn is left out: it undoes the shift, so it is the opposite question.
TURNS = tuple(np.pi / 4 * k for k in (1, 2, 3, 5, 6, 7))
# Clearly better: the median falls by 30 % and 10 m, and lies a fifth below every turned shift.
LEAST_DROP, LEAST_GAIN_M, BELOW_TURNED = 0.3, 10.0, 0.8
SEED = 20_110


@dataclass(frozen=True)
class DatumFit:
    """Median metres from points to streets: as declared, and read in another datum (`tried` rows:
    {"datum", "median_m", "turned_low_m"}). suspect: the datum that fits clearly better, None where none does."""

    declared: str
    points: int
    median_m: float
    tried: list[dict[str, Any]]
    suspect: str | None


def _plain(datum: str) -> str:
    """One of DATUMS: whatever is no shifted datum stands where WGS-84 stands."""
    try:
        name = parse_datum(datum)
    except UnknownDatum:
        return "WGS-84"
    return name if name in DATUMS else "WGS-84"


def _median_m(graph: RoadGraph, x: np.ndarray, y: np.ndarray) -> float:
    return float(np.median(graph.snap(x, y).entry_m))


def _sample(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inside = np.flatnonzero(~outside_china(lon, lat))
    if len(inside) > MOST_POINTS:
        inside = np.sort(np.random.default_rng(SEED).choice(inside, MOST_POINTS, replace=False))
    return lon[inside], lat[inside]


def _compare(
    graph: RoadGraph,
    plane: LocalMetric,
    here: tuple[np.ndarray, np.ndarray],
    declared: str,
    others: dict[str, tuple[np.ndarray, np.ndarray]],
) -> DatumFit:
    x, y = plane.forward(*here)
    median = _median_m(graph, x, y)
    tried: list[dict[str, Any]] = []
    for datum, there in others.items():
        x1, y1 = plane.forward(*there)
        east, north = x1 - x, y1 - y
        turned = min(
            _median_m(
                graph,
                x + east * np.cos(turn) - north * np.sin(turn),
                y + east * np.sin(turn) + north * np.cos(turn),
            )
            for turn in TURNS
        )
        tried.append({"datum": datum, "median_m": _median_m(graph, x1, y1), "turned_low_m": turned})
    better = [
        row
        for row in tried
        if row["median_m"] <= (1 - LEAST_DROP) * median
        and row["median_m"] <= median - LEAST_GAIN_M
        and row["median_m"] <= BELOW_TURNED * row["turned_low_m"]
    ]
    best = min(better, key=lambda row: row["median_m"])["datum"] if better else None
    return DatumFit(declared, len(x), median, tried, best)


def fit_of_points(
    graph: RoadGraph, plane: LocalMetric, lon: np.ndarray, lat: np.ndarray, declared: str
) -> DatumFit | None:
    """Points (n,) in WGS-84 as they were read from `declared`, against the same numbers read in the other datums.
    None where the question cannot be asked: too few points, or none inside China, where alone the datums differ."""
    west, south = _sample(np.asarray(lon, np.float64), np.asarray(lat, np.float64))
    if len(west) < FEWEST_POINTS or not graph.streets:
        return None
    plain = _plain(declared)
    written = from_wgs84(west, south, plain)
    others = {datum: to_wgs84(*written, datum) for datum in DATUMS if datum != plain}
    return _compare(graph, plane, (west, south), declared, others)


def fit_of_roads(
    graph: RoadGraph, plane: LocalMetric, lon: np.ndarray, lat: np.ndarray, declared: str
) -> DatumFit | None:
    """The roads themselves, against points (n,) taken as right: moving every street one way brings it as near to the
    points as moving the points the other way, so the points are moved. None as above."""
    west, south = _sample(np.asarray(lon, np.float64), np.asarray(lat, np.float64))
    if len(west) < FEWEST_POINTS or not graph.streets:
        return None
    plain = _plain(declared)
    others = {
        # Roads written in `datum` and read as `plain` stand where those who read them so would put these points.
        datum: to_wgs84(*from_wgs84(west, south, datum), plain)
        for datum in DATUMS
        if datum != plain
    }
    return _compare(graph, plane, (west, south), declared, others)
