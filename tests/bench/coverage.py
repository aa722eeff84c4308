"""T1-T3 and T7-T9: reach and accessibility, who goes where within capacity, the loss of each facility, edits of one."""

from __future__ import annotations

import highspy
import numpy as np

from engine.allocation import assign_best, assign_nearest
from engine.travel import reach_straight
from tests.bench import _changes, _rows, access
from tests.bench._city import people_grid, scattered_sites

TARGET = 20.0
REACH_M = 800.0
TIME_LIMIT_S = 600.0
METHODS = ("simplex", "ipm")
WORTH = 32.0
# float32 costs against the whole numbers of the flow and the tolerances of the solver
RELATIVE = 1e-6


def versions() -> list[str]:
    mine = [_rows.version(name) for name in ("highspy", "numpy", "numba")]
    return mine + [version for version in access.versions() if version not in mine]


def town(cells: int, sites: int, seed: int = 5) -> dict[str, np.ndarray]:
    """Pairs within reach on a polycentric grid; capacity is 0.9 of the need, spread unevenly, so that rooms are short
    in some places and free in others."""
    random = np.random.default_rng(seed)
    x, y, people = people_grid(cells, random)
    site_x, site_y = scattered_sites(x, y, people, sites, random)
    # about the same number of facilities near every cell, whatever the size
    reach_m = REACH_M * float(np.sqrt(cells / sites / 25.0))
    reach = reach_straight(site_x, site_y, x, y, reach_m, "m", "walk", 1.3)
    need = np.rint(people * 0.2).astype(np.int64)
    share = random.gamma(0.7, size=sites)
    capacity = np.rint(share / share.sum() * need.sum() * 0.9).astype(np.int64)
    return {
        "cell": reach.cell, "facility": np.repeat(np.arange(sites, dtype=np.int32), np.diff(reach.indptr)),
        "cost": reach.cost, "need": need, "capacity": capacity, "ready": np.ones(sites, bool),
    }  # fmt: skip


def transport_lp(given: dict[str, np.ndarray], weight: np.ndarray) -> highspy.Highs:
    """maximise sum weight x flow with flow out of a cell <= need, into a facility <= capacity."""
    cells, pairs = len(given["need"]), len(given["cell"])
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = pairs, cells + len(given["capacity"])
    lp.col_cost_ = weight
    lp.col_lower_, lp.col_upper_ = np.zeros(pairs), np.full(pairs, highspy.kHighsInf)
    lp.row_lower_ = np.full(lp.num_row_, -highspy.kHighsInf)
    lp.row_upper_ = np.concatenate([given["need"], given["capacity"]]).astype(float)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = 2 * np.arange(pairs + 1, dtype=np.int32)
    lp.a_matrix_.index_ = np.column_stack([given["cell"], cells + given["facility"]]).ravel().astype(np.int32)
    lp.a_matrix_.value_ = np.ones(2 * pairs)
    lp.sense_ = highspy.ObjSense.kMaximize
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.passModel(lp)
    return solver


def solve(given: dict[str, np.ndarray], weight: np.ndarray, method: str) -> np.ndarray | None:
    """Flow (p,) of an optimum; None when the time is up."""
    solver = transport_lp(given, weight)
    solver.setOptionValue("solver", method)
    solver.setOptionValue("time_limit", TIME_LIMIT_S)
    solver.run()
    if solver.getModelStatus() == highspy.HighsModelStatus.kTimeLimit:
        return None
    _rows.demand(solver.getModelStatus() == highspy.HighsModelStatus.kOptimal, "HiGHS found no optimum")
    return np.asarray(solver.getSolution().col_value)


def order_free(given: dict[str, np.ndarray]) -> np.ndarray:
    """Costs no two of which are equal, so that nearest-first has one answer."""
    order = np.lexsort((given["facility"], given["cell"], given["cost"]))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank


def nearest_by_rounds(given: dict[str, np.ndarray]) -> np.ndarray:
    """Nearest-first by another rule, in plain numpy: in each round every cell offers what it has left to its nearest
    facility that has not refused it, every facility keeps the nearest offers it has room for (deferred acceptance)."""
    cell, facility = given["cell"], given["facility"]
    rank, need, capacity = order_free(given), given["need"], given["capacity"]
    by_rank = np.argsort(rank)
    wish = by_rank[np.argsort(cell[by_rank], kind="stable")]  # pairs by cell, nearest first
    take = by_rank[np.argsort(facility[by_rank], kind="stable")]  # pairs by facility, nearest first
    first_wish = np.searchsorted(cell[wish], np.arange(len(need)))
    first_take = np.searchsorted(facility[take], np.arange(len(capacity)))
    accepted = need[cell].copy()  # the most each pair may still carry
    while True:
        # what each cell offers down its list: fill the nearest as far as it accepts, then the next
        offered = _waterfill(accepted[wish], need, cell[wish], first_wish)
        flow = np.empty_like(offered)
        flow[wish] = offered
        kept = _waterfill(flow[take], capacity, facility[take], first_take)
        after = np.empty_like(kept)
        after[take] = kept
        if np.array_equal(after, flow):
            return flow
        accepted = np.where(after < flow, after, accepted)


def _waterfill(most: np.ndarray, total: np.ndarray, owner: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Give each owner's total to its rows in order, each row at most `most`."""
    before = np.cumsum(most) - most
    start = np.zeros(len(total), np.int64)
    has = first < len(owner)
    start[has] = before[first[has]]
    return np.clip(total[owner] - (before - start[owner]), 0, most)


def run(size: str) -> list[_rows.Row]:
    return [*access.run(size), *assignment(size), *_changes.rows(size)]


def assignment(size: str) -> list[_rows.Row]:
    """Full: the quick instance first, so that both are proven equal where the solver ends, then the large one."""
    if size == _rows.TINY:
        return measure("T7", 600, 30, 2)
    rows = measure("T7", 5_000, 200, 3)
    if size == _rows.FULL:
        rows += measure("T7-full", 200_000, 2_000, 5)
    return rows


def measure(id: str, cells: int, sites: int, rounds: int) -> list[_rows.Row]:
    given = town(cells, sites)
    what = f"{cells:,} cells x {sites:,} facilities, {len(given['cell']):,} pairs"
    cost = given["cost"].astype(np.float64)
    # In units of the longest trip, so that the solver's tolerances fit. One unit more must be worth more than every
    # detour it causes; were WORTH too small, the solver would assign fewer and the check below would stop.
    gain = WORTH - cost / cost.max()

    def ours() -> np.ndarray:
        return assign_best(**_arguments(given)).units

    def nearest() -> np.ndarray:
        return assign_nearest(**_arguments(given)).units

    ours(), nearest()
    trials = {method: _rows.clock(lambda method=method: solve(given, gain, method)) for method in METHODS}
    quickest = min(trials, key=lambda method: trials[method][0])
    best, flow = assign_best(**_arguments(given)), trials[quickest][1]
    demand_met, travel = int(best.units.sum()), float(best.units @ cost)
    _within(given, best.units)
    _rows.demand(best.travel_minimised, "the travel stage did not finish")
    if flow is None:
        quickest, check = "simplex", f"not proven here: HiGHS did not end in {TIME_LIMIT_S:g} s"
    else:
        most = float(flow.sum())
        _rows.demand(abs(most - demand_met) <= RELATIVE * most, f"assigned {demand_met} against {most}")
        told = abs(flow @ cost - best.units @ cost)
        _rows.demand(told <= RELATIVE * travel, f"travel differs by {told}")
        total = int(given["need"].sum())
        check = f"both assign {demand_met:,} of {total:,} units and travel {travel:.6g} unit-metres"
    _rows.demand(
        np.array_equal(nearest(), nearest_by_rounds(given)), "nearest-first differs from its other rule"
    )
    served = int(nearest().sum())
    _rows.demand(served <= demand_met, "nearest-first assigns more than is possible")
    sides = {"best": ours, "nearest": nearest, "highs": lambda: solve(given, gain, quickest)}
    seconds = _rows.compare(sides, rounds)
    peer = f"HiGHS {quickest} on the transport LP" + ("" if flow is not None else f", > {TIME_LIMIT_S:g} s")
    told = f"every pair as by deferred acceptance; {served:,} units of at most {demand_met:,}"
    return [
        _rows.row(f"{id}-{name}", f"{title}, {what}", seconds[name], peer, seconds["highs"], TARGET, said)
        for name, title, said in (("best", "best possible", check), ("nearest", "nearest-first", told))
    ]


def _arguments(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        "pair_cell": given["cell"], "pair_facility": given["facility"], "pair_cost": given["cost"],
        "need": given["need"], "capacity": given["capacity"], "ready": given["ready"],
    }  # fmt: skip


def _within(given: dict[str, np.ndarray], units: np.ndarray) -> None:
    used = np.bincount(given["facility"], units, len(given["capacity"]))
    gone = np.bincount(given["cell"], units, len(given["need"]))
    _rows.demand(
        bool((used <= given["capacity"]).all() and (gone <= given["need"]).all()), "a limit is broken"
    )
