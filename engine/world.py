"""The records the engine reads and returns. All are frozen; arrays are numpy.

Letters used in shapes: k services, n cells, m sites, r roles (a role is one service at one site),
p assigned pairs, c chosen options, w worlds (for example day and night over the same cells).
Need, capacity and everything counted are whole service units (int64) at every level, so the four states
add up exactly wherever they are summed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import ENGINE_VERSION

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Why a role that exists supplies nothing. The caller sets the first three in Supply.role_reason; the last two
# are found by the engine.
REASON_NONE = 0
REASON_INSIDE_HAZARD = 1
REASON_LAPSED = 2
REASON_CLOSED = 3
REASON_OTHER_ROLE = 4
REASON_NO_CAPACITY = 5
REASON_WORDS = {
    REASON_NONE: "",
    REASON_INSIDE_HAZARD: "inside_hazard",
    REASON_LAPSED: "lapsed",
    REASON_CLOSED: "closed",
    REASON_OTHER_ROLE: "other_role",
    REASON_NO_CAPACITY: "no_capacity",
}

ADDING_KINDS = ("convert", "extend", "build")
READYING_KINDS = ("upgrade", "stock")
CLOSING_KINDS = ("retire",)
OPTION_KINDS = ADDING_KINDS + READYING_KINDS + CLOSING_KINDS

STATES = ("served", "late", "no_room", "out_of_reach")


def _array(values: Any, dtype: type) -> NDArray[Any]:
    """Contiguous array of `dtype` when nothing is lost by the cast; otherwise as given, for checks to report."""
    array = np.asarray(values)
    if array.dtype == np.dtype(dtype):
        return np.ascontiguousarray(array)
    if array.dtype.kind not in "biuf" or (array.dtype.kind == "f" and np.dtype(dtype).kind in "iu"):
        if array.dtype.kind == "f" and array.size and not np.all(array == np.rint(array)):
            return array
        if array.dtype.kind not in "biuf":
            return array
    return np.ascontiguousarray(array.astype(dtype))


def _coerce(record: object, **dtypes: type) -> None:
    for name, dtype in dtypes.items():
        object.__setattr__(record, name, _array(getattr(record, name), dtype))


@dataclass(frozen=True, slots=True)
class Standard:
    """What one service must reach. `reach_limit` is metres or minutes as `reach_unit` says.

    `ratio` is service units per affected person. `conversion_limit_hours` None means any hours will do.
    `weight` values one unit of this service's gap in siting.
    """

    service: str
    ratio: float
    driver: str
    reach_limit: float
    reach_unit: str  # "m" | "min"
    mode: str  # "walk" | "drive"
    conversion_limit_hours: float | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Demand:
    """Cells. x_m, y_m: (n,) local metres. need: (k, n) int64 units. people: (n,). area: (n,) index of the
    smallest area that holds the cell, -1 when none. special_need: (k, n) int64, the part of the need that only
    barrier-free capacity may serve; None: no groups are told apart."""

    x_m: Floats
    y_m: Floats
    need: Ints
    people: Floats
    area: NDArray[np.int32]
    special_need: Ints | None = None

    def __post_init__(self) -> None:
        _coerce(self, x_m=np.float64, y_m=np.float64, need=np.int64, people=np.float64, area=np.int32)
        if self.special_need is not None:
            _coerce(self, special_need=np.int64)

    @property
    def cells(self) -> int:
        return int(self.x_m.shape[0])


@dataclass(frozen=True, slots=True)
class Supply:
    """Sites (existing facilities and empty places) and their roles.

    role_site (r,) int32, role_service (r,) int16, role_capacity (r,) int64 units, role_hours (r,) hours to convert
    (NaN = unknown, treated as late when the standard has a limit), role_usable (r,) bool (False: inside the hazard,
    lapsed, closed; say which in role_reason), role_rank (r,) int16 (lower = taken first), role_exclusive (r,) bool.
    Of the exclusive roles of one site only the lowest-rank usable one whose service is in play (total need > 0)
    supplies anything; the others supply 0 for the reason "other role".
    role_special_capacity (r,) int64: the barrier-free part of role_capacity, which serves anybody; None: not told apart.
    """

    x_m: Floats
    y_m: Floats
    role_site: NDArray[np.int32]
    role_service: NDArray[np.int16]
    role_capacity: Ints
    role_hours: Floats
    role_usable: NDArray[np.bool_]
    role_rank: NDArray[np.int16]
    role_exclusive: NDArray[np.bool_]
    role_reason: NDArray[np.int8] | None = None
    role_special_capacity: Ints | None = None

    def __post_init__(self) -> None:
        if self.role_reason is None:
            object.__setattr__(self, "role_reason", np.zeros(len(self.role_site), np.int8))
        _coerce(
            self, x_m=np.float64, y_m=np.float64, role_site=np.int32, role_service=np.int16,
            role_capacity=np.int64, role_hours=np.float64, role_usable=np.bool_, role_rank=np.int16,
            role_exclusive=np.bool_, role_reason=np.int8,
        )  # fmt: skip
        if self.role_special_capacity is not None:
            _coerce(self, role_special_capacity=np.int64)

    @property
    def sites(self) -> int:
        return int(self.x_m.shape[0])

    @property
    def roles(self) -> int:
        return int(self.role_site.shape[0])


@dataclass(frozen=True, slots=True)
class Reach:
    """Site -> cells within a limit, compressed by rows: the cells of site j are cell[indptr[j]:indptr[j+1]],
    ascending, with their travel cost (metres or minutes) in `cost`."""

    indptr: Ints
    cell: NDArray[np.int32]
    cost: NDArray[np.float32]

    def __post_init__(self) -> None:
        _coerce(self, indptr=np.int64, cell=np.int32, cost=np.float32)

    @property
    def sites(self) -> int:
        return len(self.indptr) - 1

    @property
    def pairs(self) -> int:
        return int(self.indptr[-1])

    def row(self, site: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        rows = slice(int(self.indptr[site]), int(self.indptr[site + 1]))
        return self.cell[rows], self.cost[rows]

    def within(self, limit: float) -> Reach:
        """The same search cut at a smaller limit: one travel run at the largest cutoff serves all smaller ones."""
        keep = self.cost <= np.float32(limit)
        kept = np.concatenate([[0], np.cumsum(keep, dtype=np.int64)])
        return Reach(kept[self.indptr], self.cell[keep], self.cost[keep])

    def take(self, sites: NDArray[Any]) -> Reach:
        """Rows of `sites`, in that order (for example to place several roles or records at one travel source)."""
        sites = np.asarray(sites, np.int64)
        lengths = (self.indptr[1:] - self.indptr[:-1])[sites]
        indptr = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        index = np.arange(indptr[-1]) - np.repeat(indptr[:-1] - self.indptr[sites], lengths)
        return Reach(indptr, self.cell[index], self.cost[index])


@dataclass(frozen=True, slots=True)
class World:
    """One frozen situation: demand, supply, standards and one Reach per service, in the standards' order."""

    demand: Demand
    supply: Supply
    standards: tuple[Standard, ...]
    reach: tuple[Reach, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "standards", tuple(self.standards))
        object.__setattr__(self, "reach", tuple(self.reach))

    @property
    def services(self) -> int:
        return len(self.standards)

    @property
    def grouped(self) -> bool:
        """Some need may only be served by barrier-free capacity."""
        return self.demand.special_need is not None and self.supply.role_special_capacity is not None

    def with_supply(self, supply: Supply) -> World:
        return replace(self, supply=supply)


@dataclass(frozen=True, slots=True)
class Option:
    """Something that could be done at a site, once, as a whole.

    convert, extend, build: add a role of `service` with `units` capacity, ready after `hours`.
    upgrade, stock: make the existing role number `role` usable and ready after `hours`; its capacity stays, and
    `units` only repeats it for the reader.
    retire: the existing role number `role` supplies nothing any more; `units` is what it held.
    At most one option is taken per `exclusive_key` (-1: no such limit). `key` is the caller's own name for it.
    """

    site: int
    service: int
    kind: str
    units: int
    cost_fen: int
    hours: float = 0.0
    exclusive_key: int = -1
    role: int = -1
    key: Any = None


Intervention = Option


@dataclass(frozen=True, slots=True)
class Score:
    """Each unit of need in exactly one of four states.

    served, late, no_room, out_of_reach: (k, n) int64 units, summing to the need.
    role_served, role_late: (r,) units assigned. role_supply: (r,) capacity that counted; role_reason: (r,) why not.
    pair_role, pair_cell, pair_units, pair_cost: (p,) who goes where. travel: (k,) unit-metres or unit-minutes.
    special: (4, k, n) the four states of the need for barrier-free places, in the order of STATES, contained in the
    totals (None: not told apart). pair_special: (p,) units of the pair that need one. role_special: (r,) barrier-free
    capacity that counted; role_special_taken: (r,) units in it, whoever they are.
    """

    served: Ints
    late: Ints
    no_room: Ints
    out_of_reach: Ints
    role_served: Ints
    role_late: Ints
    role_supply: Ints
    role_reason: NDArray[np.int8]
    pair_role: NDArray[np.int32]
    pair_cell: NDArray[np.int32]
    pair_units: Ints
    pair_cost: NDArray[np.float32]
    travel: Floats
    travel_minimised: bool
    assignment: str
    engine_version: str = ENGINE_VERSION
    special: Ints | None = None
    pair_special: Ints | None = None
    role_special: Ints | None = None
    role_special_taken: Ints | None = None

    @property
    def need(self) -> Ints:
        return self.served + self.late + self.no_room + self.out_of_reach

    @property
    def gap(self) -> Ints:
        """(k, n) units not served in time: late + no room + out of reach."""
        return self.late + self.no_room + self.out_of_reach

    def totals(self) -> Ints:
        """(k, 4) units by state, columns as in STATES."""
        return np.stack([getattr(self, state).sum(axis=1) for state in STATES], axis=1)


@dataclass(frozen=True, slots=True)
class Choice:
    """What siting suggests.

    chosen: (c,) option indices, best value for money first. value: weighted units newly served in time, measured on
    unaggregated cells; bound: proven, no plan within the budget is worth more; gap: (bound - value) / bound.
    people_newly_served: (c,) each option's share of the value in that order; its sum is the value.
    units_newly_served: (c, w) the same in whole units of the option's service per world.
    status: optimal (gap <= 1e-6) | within (proven gap) | feasible (no bound) | infeasible | cancelled.
    bound_source names the proof. served_before, served_after: (w, k) units served in time.
    """

    chosen: Ints
    value: float
    bound: float
    gap: float
    status: str
    cost_fen: int
    people_newly_served: Floats
    units_newly_served: Ints
    served_before: Ints
    served_after: Ints
    bound_source: str
    seed: int
    seconds: float
    engine_version: str = ENGINE_VERSION
    notes: dict[str, Any] = field(default_factory=dict)
