"""Coverage over time: what is served 1, 6, 24, 72 hours after activation, and when a share is reached.

At hour h only the roles that have converted by then count, each at full capacity; the standard's limit plays no part.
Which of the exclusive roles of a place it takes up does not change with the hour. Under "nearest" a new place never
takes service from anybody (the stable assignment is monotone in capacity: Gale and Sotomayor 1985), so each cell's curve
rises; under "best" the total rises.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.allocation import assign_best_of
from engine.checks import InvalidInput, check_world
from engine.coverage import ASSIGNMENTS, role_supply
from engine.ledger import ledger_of
from engine.repair import fill, grow
from engine.transport import Transport, cell_ties, role_ties, transport_of
from engine.world import World

Ints = NDArray[np.int64]


def coverage_over_hours(world: World, hours: ArrayLike, assignment: str = "nearest") -> Ints:
    """(h, k, n) units of need served by roles that converted by each of `hours` (h,), in any order. Roles whose hours
    are unknown never count. Raises InvalidInput."""
    hours = np.asarray(hours, np.float64).reshape(-1)
    if assignment not in ASSIGNMENTS:
        raise InvalidInput([f"assignment {assignment!r} is not nearest or best"])
    if not (np.isfinite(hours) & (hours >= 0)).all():
        raise InvalidInput(["hours: must be finite and not negative"])
    check_world(world)
    supply = np.where(np.isnan(world.supply.role_hours), 0, role_supply(world)[0])
    ready = np.ones(world.supply.roles, bool)
    tie, cell_tie = role_ties(world.supply), cell_ties(world)
    out = np.zeros((len(hours), world.services, world.demand.cells), np.int64)
    by_hour = np.argsort(hours, kind="stable")
    work = _nearest if assignment == "nearest" else _best
    for service in range(world.services):
        # Roles later than the last hour asked for never come up.
        asked = np.where(world.supply.role_hours <= hours.max(initial=-1.0), supply, 0)
        transport = transport_of(world, service, asked, ready, tie, cell_tie)
        served = work(transport, world.supply.role_hours[transport.role], hours[by_hour])
        for number, row in zip(by_hour, served, strict=True):
            out[number, service] = transport.by_cell(row)
    return out


def _nearest(transport: Transport, opens: NDArray[np.float64], hours: NDArray[np.float64]) -> Ints:
    """(h, q) for rising hours: sinks are added in order of their hours and draw whom they can."""
    order = np.argsort(opens, kind="stable")
    upto = np.searchsorted(opens[order], hours, side="right")
    ledger, _ = ledger_of(transport, empty=True)
    return _served_as_opened(ledger, order, transport.capacity, upto, transport.need)


@njit(cache=True, nogil=True)
def _served_as_opened(ledger, order, capacity, upto, need):
    out = np.empty((upto.size, need.size), np.int64)
    done = 0
    for h in range(upto.size):
        while done < upto[h]:
            grow(ledger, order[done], capacity[order[done]])
            done += 1
        fill(ledger)
        out[h] = need - ledger.left
    return out


def _best(transport: Transport, opens: NDArray[np.float64], hours: NDArray[np.float64]) -> Ints:
    """(h, q) for rising hours: the most that can be served by what is open, hour by hour."""
    out = np.zeros((len(hours), len(transport.need)), np.int64)
    for number, hour in enumerate(hours):
        if number and not ((opens > hours[number - 1]) & (opens <= hour)).any():
            out[number] = out[number - 1]
            continue
        there = transport.with_capacity(np.where(opens <= hour, transport.capacity, 0))
        units = assign_best_of(there, minimise_travel=False).units
        out[number] = np.bincount(transport.row, units, len(transport.need)).astype(np.int64)
    return out


def hour_of_share(
    served: ArrayLike, need: ArrayLike, hours: ArrayLike, share: float = 0.9
) -> NDArray[np.float64]:
    """First hour at which `share` of the need is served: served (h, ...) units at each of `hours` (h,), need (...).
    NaN where never; the first hour where nobody needs anything. Exact at the share itself (whole units)."""
    hours = np.asarray(hours, np.float64)
    order = np.argsort(hours, kind="stable")
    served, need = np.asarray(served)[order], np.asarray(need)
    # Whole units: the least count that is not below the share, so that 9 of 10 are 0.9 whatever the rounding.
    wanted = np.ceil(need * share - 1e-9)
    reached = served >= wanted
    first = np.argmax(reached, axis=0)
    return np.where(reached.any(axis=0), hours[order][first], np.nan)
