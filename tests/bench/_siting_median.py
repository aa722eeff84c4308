"""S5: p-median with a cutoff, a whole city within a time and a memory, and against spopt with CBC."""

from __future__ import annotations

import dataclasses
import multiprocessing
import resource
from typing import Any

import numpy as np

from engine.location import near_places, p_median_cutoff
from engine.location.p_median_check import check_places, price_of_demands
from tests.bench import _rows
from tests.bench._city import metropolis, places_of

GAP_TARGET = 0.001
MOST_MIB = 1_024.0
TOLERANCE = 1e-6


def versions() -> list[str]:
    return [_rows.version(name) for name in ("spopt", "pulp", "numpy", "numba")]


def town(cells: int, places: int, seed: int = 9) -> tuple[np.ndarray, ...]:
    x, y, people = metropolis(cells)
    return x, y, people, *places_of(x, y, people, places, seed)


def run(size: str) -> list[_rows.Row]:
    cells, places, p, cutoff, limit_s = _rows.of(
        size,
        (1_600_000, 2_000, 50, 5_000.0, 90.0),
        (40_000, 300, 12, 3_000.0, 15.0),
        (2_500, 40, 5, 1_500.0, 4.0),
    )
    small = _rows.of(size, (2_000, 200, 10, 240.0), (400, 50, 5, 20.0), (100, 20, 3, 10.0))
    return [city(cells, places, p, cutoff, limit_s), against_spopt(*small)]


def city(cells: int, places: int, p: int, cutoff: float, limit_s: float) -> _rows.Row:
    """One city, in a process of its own so that its memory can be told. No peer takes this size: what is held against it
    is the time allowed; `ok` asks for the gap and the memory too."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        told = pool.apply(_city, (cells, places, p, cutoff, limit_s))
    _rows.demand(told["floor"] <= told["value"] * (1 + TOLERANCE), "the floor is above the value")
    for name, again in (("bound", "floor"), ("value", "cost")):
        _rows.demand(
            abs(told[name] - told[again]) <= TOLERANCE * told[again],
            f"{name} {told[name]} checked {told[again]}",
        )
    what = (
        f"p-median with a cutoff of {cutoff / 1000:g} km: {cells:,} cells x {places:,} sites, {told['pairs']:,} pairs, p {p};"
        f" value {told['value']:,.0f}, floor {told['bound']:,.0f}, gap {told['gap']:.4%} of the cost,"
        f" {told['saved_gap']:.4%} of what the sites save; {told['mib']:.0f} MiB"
    )
    made = _rows.row(
        "S5-city", what, [told["seconds"]], "the time allowed", [limit_s], None,
        "bound and value anew in float64 from every cell and every site",
    )  # fmt: skip
    return dataclasses.replace(
        made, ok=told["gap"] <= GAP_TARGET and told["mib"] <= MOST_MIB and told["seconds"] <= 1.05 * limit_s
    )


def _city(cells: int, places: int, p: int, cutoff: float, limit_s: float) -> dict[str, Any]:
    x, y, people, sx, sy = town(cells, places)
    # Compiles the kernels.
    p_median_cutoff(near_places(*town(3_600, 150), 1_500.0), 5, seconds=3)
    made: list[Any] = []

    def ours() -> None:
        near = near_places(x, y, people, sx, sy, cutoff)
        made.extend([near, p_median_cutoff(near, p, seconds=0.92 * limit_s, gap=1e-5)])

    seconds, _none = _rows.clock(ours)
    near, answer = made
    prices = np.full(near.rows, cutoff) if answer.prices is None else answer.prices
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    floor, cost = check_places(
        x, y, people, sx, sy, cutoff, cutoff, p, price_of_demands(near, prices, cutoff), answer.sites
    )
    nothing = float(people.sum()) * cutoff
    return {
        "seconds": seconds, "pairs": len(near.site), "value": answer.value, "cost": cost, "bound": answer.bound,
        # A town small enough for branch and bound has no prices to check; its floor is the tree's.
        "floor": answer.bound if answer.prices is None else floor, "gap": answer.gap, "mib": mib,
        "saved_gap": (answer.value - answer.bound) / max(nothing - answer.bound, 1e-9),
    }  # fmt: skip


def against_spopt(cells: int, places: int, p: int, limit_s: float) -> _rows.Row:
    x, y, people, sx, sy = town(cells, places)
    cutoff = 2_000.0
    cost = np.minimum(np.hypot(x[:, None] - sx, y[:, None] - sy), cutoff)
    id, peer = "S5-spopt", f"spopt p-median with CBC, limit {limit_s:g} s"
    what = f"p-median with a cutoff: {cells:,} cells x {places} sites, p {p}"
    answers: list[Any] = []
    p_median_cutoff(near_places(*town(400, 20), 1_500.0), 2, seconds=2)

    def ours() -> None:
        answers.append(p_median_cutoff(near_places(x, y, people, sx, sy, cutoff), p, seconds=limit_s))

    if not _rows.with_peers() or (solve := _spopt(cost, people, p, limit_s)) is None:
        return _rows.absent(id, what, [_rows.clock(ours)[0]], peer, None)
    theirs: list[tuple[float, bool]] = []
    seconds = _rows.compare({"ours": ours, "peer": lambda: theirs.append(solve())}, 1)
    answer, (value, closed) = answers[0], theirs[0]
    if closed:
        _rows.demand(
            answer.bound <= value * (1 + TOLERANCE),
            f"our floor {answer.bound} above the peer's optimum {value}",
        )
        _rows.demand(
            answer.value >= value * (1 - TOLERANCE), f"our value {answer.value} below an optimum {value}"
        )
    told = f"ours {answer.status} at {answer.value:,.0f}; spopt " + (f"{value:,.0f}" if closed else "> limit")
    return _rows.row(
        id, f"{what}; {told}", seconds["ours"], peer, seconds["peer"], None,
        "our floor and value hold against the peer's optimum where it has one",
    )  # fmt: skip


def _spopt(cost: np.ndarray, people: np.ndarray, p: int, limit_s: float) -> Any:
    """() -> (value, whether it is proved); None where spopt is not installed."""
    try:
        import pulp
        from spopt.locate import PMedian
    except ImportError:
        return None

    def solve() -> tuple[float, bool]:
        model = PMedian.from_cost_matrix(cost, people, p_facilities=p)
        solver = pulp.PULP_CBC_CMD(msg=False, timeLimit=limit_s, threads=2)
        model.problem.solve(solver)
        value = pulp.value(model.problem.objective)
        return (
            float("inf") if value is None else float(value)
        ), model.problem.sol_status == pulp.LpSolutionOptimal

    return solve
