"""What the classic models read and answer. Letters in shapes: n demands, m sites, e entries of a cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine import ENGINE_VERSION
from engine.checks import InvalidInput

# A proved gap this small is called optimal: the tree is closed, or float sums differ in their last figures.
PROVED = 1e-6


@dataclass(frozen=True, slots=True)
class Sites:
    """cost (n, m): of serving demand i from site j, inf where it may not; weight (n,): people of the demand."""

    cost: NDArray[np.float64]
    weight: NDArray[np.float64]

    def __post_init__(self) -> None:
        cost, weight = np.asarray(self.cost, np.float64), np.asarray(self.weight, np.float64)
        problems = []
        if cost.ndim != 2 or 0 in cost.shape:
            problems.append("cost: a table of demands by sites is needed")
        elif weight.shape != (cost.shape[0],):
            problems.append(f"weight: {weight.size} values for {cost.shape[0]} demands")
        if np.isnan(cost).any() or (cost < 0).any():
            problems.append(f"cost: negative or not a number in {int((~(cost >= 0)).sum())} places")
        if not np.isfinite(weight).all() or (weight < 0).any():
            problems.append(f"weight: negative or not finite in {int((~(weight >= 0)).sum())} places")
        if problems:
            raise InvalidInput(problems)
        object.__setattr__(self, "cost", np.ascontiguousarray(cost))
        object.__setattr__(self, "weight", np.ascontiguousarray(weight))


@dataclass(frozen=True, slots=True)
class Cover:
    """Which sites cover which demands, by demand: those of i are site[indptr[i]:indptr[i + 1]]; weight (n,)."""

    indptr: NDArray[np.int64]
    site: NDArray[np.int32]
    weight: NDArray[np.float64]
    sites: int

    def __post_init__(self) -> None:
        indptr, site = np.asarray(self.indptr, np.int64), np.asarray(self.site, np.int32)
        weight = np.asarray(self.weight, np.float64)
        problems = []
        if (
            len(indptr) != len(weight) + 1
            or indptr[0] != 0
            or indptr[-1] != len(site)
            or (np.diff(indptr) < 0).any()
        ):
            problems.append("indptr: does not divide the entries among the demands")
        if len(site) and (site.min() < 0 or site.max() >= self.sites):
            problems.append(f"site: outside 0..{self.sites - 1}")
        if not np.isfinite(weight).all() or (weight < 0).any():
            problems.append("weight: negative or not finite")
        if problems:
            raise InvalidInput(problems)
        for name, array in (("indptr", indptr), ("site", site), ("weight", weight)):
            object.__setattr__(self, name, np.ascontiguousarray(array))

    @property
    def demands(self) -> int:
        return len(self.weight)


@dataclass(frozen=True, slots=True)
class Warehouses:
    """capacity (m,) and fixed cost (m,) of sites; demand (n,); cost (n, m) of serving all of demand i from site j."""

    capacity: NDArray[np.float64]
    fixed: NDArray[np.float64]
    demand: NDArray[np.float64]
    cost: NDArray[np.float64]

    def __post_init__(self) -> None:
        problems = []
        n, m = np.shape(self.cost) if np.ndim(self.cost) == 2 else (0, 0)
        for name, wanted in (("capacity", m), ("fixed", m), ("demand", n)):
            array = np.asarray(getattr(self, name), np.float64)
            if array.shape != (wanted,) or not np.isfinite(array).all() or (array < 0).any():
                problems.append(f"{name}: {wanted} finite values from 0 are needed")
            object.__setattr__(self, name, array)
        cost = np.asarray(self.cost, np.float64)
        if not (n and m) or np.isnan(cost).any() or (cost < 0).any():
            problems.append("cost: a table of demands by sites, none negative, is needed")
        if not problems and self.capacity.sum() < self.demand.sum() - 1e-9:
            problems.append(f"capacity: {self.capacity.sum():g} in all, but {self.demand.sum():g} are needed")
        if problems:
            raise InvalidInput(problems)
        object.__setattr__(self, "cost", np.ascontiguousarray(cost))


@dataclass(frozen=True, slots=True)
class Located:
    """An answer with its proof.

    sites: chosen, ascending. value: of the model's aim, recomputed from the inputs. bound: proved; no choice is better
    (a ceiling where the aim is to gain, a floor where it is to spend). gap: |bound - value| / |value or bound|, never
    negative. status: optimal | within (stopped at a proved gap) | infeasible (proved) | unknown (stopped before any choice
    was found: value inf). assigned (n,): site of each demand, -1 none (None for models that assign nobody). bound_source
    names the proof; prices: its numbers, where the model gives them.
    """

    model: str
    sites: NDArray[np.int64]
    value: float
    bound: float
    gap: float
    status: str
    seconds: float
    seed: int
    bound_source: str
    assigned: NDArray[np.int64] | None = None
    prices: NDArray[np.float64] | None = None
    engine_version: str = ENGINE_VERSION


def located(
    model: str, sites: ArrayLike, value: float, bound: float, seconds: float, seed: int, source: str,
    assigned: NDArray[np.int64] | None = None,
) -> Located:  # fmt: skip
    """An answer whose gap and status follow from value and bound. A float's last figures never turn a gap negative."""
    gap = abs(bound - value) / max(abs(value), abs(bound), 1e-12) if np.isfinite(bound) else np.inf
    # A stopped search without any choice knows nothing: it must not pass for a proof that there is none.
    if not np.isfinite(value):
        gap, status = np.inf, "unknown"
    else:
        status = "optimal" if gap <= PROVED else "within"
    return Located(
        model, np.sort(np.asarray(sites, np.int64)), float(value), float(bound), float(gap), status, seconds, seed, source, assigned
    )  # fmt: skip


def impossible(model: str, n: int, seconds: float, seed: int, source: str) -> Located:
    """No choice keeps the limits: proved by `source`."""
    none = np.empty(0, np.int64)
    return Located(model, none, np.nan, np.nan, np.nan, "infeasible", seconds, seed, source, None)


def cover_within(sites: Sites, limit: float) -> Cover:
    """Demands are covered by the sites whose cost is at most `limit`."""
    if not (np.isfinite(limit) and limit >= 0):
        raise InvalidInput([f"limit: {limit} is not a number from 0"])
    demand, site = np.nonzero(sites.cost <= limit)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(demand, minlength=len(sites.weight)))])
    return Cover(indptr, site.astype(np.int32), sites.weight, sites.cost.shape[1])


def check_count(p: int, m: int) -> None:
    if not 1 <= p <= m:
        raise InvalidInput([f"p: {p} is not between 1 and the {m} sites"])
