"""Proven lines over the decisions: prices on people's need, and what they say any plan can serve at most.

Put a price u on each group's need (0 <= u <= pay, what serving one of its people is worth at prices omega of worlds and
areas). Every node then earns at most its capacity filled with the groups in reach that leave most, so for every plan x

    sum omega y  <=  sum need u + fillings of what exists + sum over decisions of their nodes' fillings x taken,

for each world by itself. It holds for any u: weak duality of the assignment, each flow bounded by the group's need
(Benders 1962; the strengthened form of capacitated location). Prices come from minimal cuts of a given plan, where the
line is tight, or from prices.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.siting.case import Case
from engine.siting.frame import measure_world

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@njit(cache=True, nogil=True)
def fillings(node_ptr, edge_group, units, need, left):
    """(v,) best filling of each node when groups leave `left` (g,) per unit."""
    out = np.zeros(units.size)
    for v in range(units.size):
        lo, hi = node_ptr[v], node_ptr[v + 1]
        total, worth = np.int64(0), 0.0
        for e in range(lo, hi):
            g = edge_group[e]
            if left[g] > 0.0:
                total += need[g]
                worth += left[g] * need[g]
        if total > units[v]:
            paid = np.empty(hi - lo)
            for e in range(lo, hi):
                paid[e - lo] = -left[edge_group[e]]
            worth, room = 0.0, units[v]
            for i in np.argsort(paid):
                if paid[i] >= 0.0 or room == 0:
                    break
                take = min(room, need[edge_group[lo + i]])
                worth -= paid[i] * take
                room -= take
        out[v] = worth
    return out


def lines(case: Case, omega: Floats, price: Floats) -> tuple[Floats, Floats]:
    """(constant (w,), slope (w, d)): sum of omega (measures,) y over the measures of world w <= constant + slope x, for
    prices (g,) in weighted units."""
    m, worlds = case.model, len(case.weights)
    pay = omega[case.group_measure] * case.group_value
    price = np.clip(price, 0.0, pay)
    worth = fillings(m.node_ptr, m.edge_group, m.node_units, m.group_need, pay - price)
    constant = np.bincount(measure_world(case), omega * case.steady, worlds).astype(np.float64)
    constant += np.bincount(case.group_world, m.group_need * price, worlds)
    stands = m.node_option < 0
    constant += np.bincount(m.node_world[stands], worth[stands], worlds)
    slope = np.zeros((worlds, case.decisions))
    np.add.at(slope, (m.node_world[~stands], m.node_option[~stands]), worth[~stands])
    return constant, slope


def cut_lines(
    case: Case, steps: list[tuple[Flags, Flags]], rank: Ints | None
) -> list[tuple[Floats, Floats, Floats]]:
    """(omega, constant, slope) of the minimal cuts that Valuer.serve found on its way: each is tight at its plan."""
    found = []
    order = [0] if rank is None else np.unique(rank)
    for (inside, short), step in zip(steps, order, strict=True):
        omega = np.ones(case.measures) if rank is None else (rank <= step).astype(float)
        price = np.where(inside & ~short, case.group_value, 0.0)
        found.append((omega, *lines(case, omega, price)))
    return found
