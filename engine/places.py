"""Points on streets in the order of streets, so that what a search reaches is read in one go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.network import RoadGraph, Snap

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Places:
    """Place p holds point `point[p]` at share along[p] of its street from node_a[p] to node_b[p], `leg` from it;
    it comes to those ends at cost from_a[p] and from_b[p] (inf: not allowed).

    Places of street e: street_first[e]:street_first[e+1]; of streets that begin at node v: a_first[v]:a_first[v+1];
    b_place[b_first[v]:b_first[v+1]] those of streets that end there.
    """

    street_first: Ints
    point: NDArray[np.int32]
    along: Floats
    leg: Floats
    node_a: NDArray[np.int32]
    node_b: NDArray[np.int32]
    from_a: Floats
    from_b: Floats
    a_first: Ints
    b_first: Ints
    b_place: NDArray[np.int32]

    @classmethod
    def of(cls, graph: RoadGraph, snap: Snap, ab: Floats, ba: Floats, leg_cost: float) -> Places:
        """ab, ba (e,): cost of going along each street; leg_cost: of one metre off the streets. Points without a
        street have no place."""
        order, street_first = _by_number(np.array(snap.street), graph.streets)
        street = np.asarray(snap.street)[order]
        along, leg = np.asarray(snap.along)[order], np.asarray(snap.entry_m)[order] * leg_cost
        a, b = np.array(graph.a), np.array(graph.b)
        from_a, from_b = _to_ends(street, along, leg, np.ascontiguousarray(ab), np.ascontiguousarray(ba))
        node_a, node_b = a[street], b[street]
        # Streets are sorted by their a end, so places of streets that begin at a node lie together.
        a_first = np.searchsorted(node_a, np.arange(graph.nodes + 1)).astype(np.int64)
        b_place, b_first = _by_number(node_b, graph.nodes)
        return cls(street_first, order, along, leg, node_a, node_b, from_a, from_b, a_first, b_first, b_place)


@njit(cache=True, nogil=True)
def _by_number(number, count):
    """(order, first (count+1,)): positions sorted by number, those below 0 left out."""
    first = np.zeros(count + 1, np.int64)
    for i in range(number.size):
        if number[i] >= 0:
            first[number[i] + 1] += 1
    for c in range(count):
        first[c + 1] += first[c]
    at = first[:-1].copy()
    order = np.empty(first[count], np.int32)
    for i in range(number.size):
        if number[i] >= 0:
            order[at[number[i]]] = i
            at[number[i]] += 1
    return order, first


@njit(cache=True, nogil=True)
def _to_ends(street, along, leg, ab, ba):
    """Cost to the a end and to the b end of each place's street. At the very end of a one-way street a place is at the
    crossing, whichever way the street may be used."""
    from_a, from_b = np.empty(street.size), np.empty(street.size)
    for p in range(street.size):
        e, u = street[p], along[p]
        from_a[p] = leg[p] + u * ba[e] if u > 0.0 and ba[e] < np.inf else (leg[p] if u == 0.0 else np.inf)
        from_b[p] = (
            leg[p] + (1.0 - u) * ab[e] if u < 1.0 and ab[e] < np.inf else (leg[p] if u == 1.0 else np.inf)
        )
    return from_a, from_b
