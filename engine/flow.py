"""Exact transport: a network simplex in whole numbers, started from the greedy assignment.

Cells send units to facilities within reach; what nobody takes goes to the root at a price. The basis is a tree hung
from the root and kept strongly feasible (every node can still send a unit to the root), so the method cannot cycle
(Cunningham 1976; Ahuja, Magnanti and Orlin 1993, chapter 11).

Nodes: cells 0..c-1, facilities c..c+f-1, root c+f.
Arcs: pairs 0..p-1 (cell -> facility), then c arcs cell -> root (unassigned), then f arcs facility -> root (capacity).
"""

from __future__ import annotations

import numpy as np
from numba import njit

BIG = np.int64(1) << 60


@njit(cache=True, nogil=True)
def greedy(order, pair_cell, pair_facility, need, capacity):
    """Take pairs in `order`, each as much as both ends still allow. Units per pair, int64."""
    units = np.zeros(pair_cell.size, np.int64)
    left, room = need.copy(), capacity.copy()
    for p in order:
        c, f = pair_cell[p], pair_facility[p]
        if left[c] > 0 and room[f] > 0:
            take = min(left[c], room[f])
            units[p] = take
            left[c] -= take
            room[f] -= take
    return units


@njit(cache=True, nogil=True)
def greedy_tree(order, pair_cell, pair_facility, need, capacity):
    """The greedy assignment as a strongly feasible tree.

    Each step that moves units exhausts a facility, which then hangs from the cell (its pair arc carries flow), or
    the cell, which hangs from the facility. What is left at the end hangs from the root. Returns units per pair,
    parent, pred arc.
    """
    cells, facilities, pairs = need.size, capacity.size, pair_cell.size
    root = cells + facilities
    parent = np.full(root + 1, root, np.int32)
    pred = np.empty(root + 1, np.int64)
    for c in range(cells):
        pred[c] = pairs + c
    for f in range(facilities):
        pred[cells + f] = pairs + cells + f
    parent[root] = -1
    pred[root] = -1
    units = np.zeros(pairs, np.int64)
    left, room = need.copy(), capacity.copy()
    for p in order:
        c, f = pair_cell[p], pair_facility[p]
        if left[c] > 0 and room[f] > 0:
            take = min(left[c], room[f])
            units[p] = take
            left[c] -= take
            room[f] -= take
            if room[f] == 0:
                parent[cells + f] = c
                pred[cells + f] = p
            else:
                parent[c] = cells + f
                pred[c] = p
    return units, parent, pred


@njit(cache=True, nogil=True)
def _hang(v, up, first_child, after, before):
    head = first_child[up]
    after[v] = head
    before[v] = -1
    if head >= 0:
        before[head] = v
    first_child[up] = v


@njit(cache=True, nogil=True)
def _unhang(v, up, first_child, after, before):
    if before[v] >= 0:
        after[before[v]] = after[v]
    else:
        first_child[up] = after[v]
    if after[v] >= 0:
        before[after[v]] = before[v]


@njit(cache=True, nogil=True)
def simplex(
    pair_cell,
    pair_facility,
    pair_cost,
    need,
    capacity,
    unassigned_cost,
    facility_cost,
    units,
    parent,
    pred,
    max_pivots,
):
    """Improve (units, parent, pred) in place to the least total cost. Integers throughout.

    need and capacity are above 0. pair_cost (p,) int64 >= 0, unassigned_cost int64, facility_cost (f,) int64. Returns (pivots, done); with done
    False the flow is feasible but max_pivots ran out.
    """
    cells, facilities, pairs = need.size, capacity.size, pair_cell.size
    root = cells + facilities
    nodes, arcs = root + 1, pairs + cells + facilities
    spare = need.copy()  # flow on cell -> root
    taken = np.zeros(facilities, np.int64)  # flow on facility -> root
    for p in range(pairs):
        spare[pair_cell[p]] -= units[p]
        taken[pair_facility[p]] += units[p]

    first_child = np.full(nodes, -1, np.int32)
    after, before = np.full(nodes, -1, np.int32), np.full(nodes, -1, np.int32)
    for v in range(root):
        _hang(v, parent[v], first_child, after, before)
    price, depth = np.zeros(nodes, np.int64), np.zeros(nodes, np.int32)
    stack = np.empty(nodes, np.int32)
    size = 1
    stack[0] = root
    while size > 0:
        size -= 1
        v = stack[size]
        if v != root:
            up, e = parent[v], pred[v]
            depth[v] = depth[up] + 1
            if e < pairs:
                # up arc: v is the cell; down arc: v is the facility
                price[v] = price[up] + pair_cost[e] if v < cells else price[up] - pair_cost[e]
            elif v < cells:
                price[v] = price[up] + unassigned_cost
            else:
                price[v] = price[up] + facility_cost[v - cells]
        w = first_child[v]
        while w >= 0:
            stack[size] = w
            size += 1
            w = after[w]

    block = max(np.int64(64), np.int64(np.sqrt(arcs)))
    at, pivots = np.int64(0), np.int64(0)
    while pivots < max_pivots:
        # Block search: the most violated arc of the first block that has one.
        worst, entering, seen, in_block = np.int64(0), np.int64(-1), np.int64(0), np.int64(0)
        while seen < arcs:
            if at < pairs:
                rc = pair_cost[at] - price[pair_cell[at]] + price[cells + pair_facility[at]]
            elif at < pairs + cells:
                rc = unassigned_cost - price[at - pairs]
            else:
                f = at - pairs - cells
                rc = facility_cost[f] - price[cells + f]
                if taken[f] == capacity[f]:  # at its upper bound (in the tree rc is 0 either way)
                    rc = -rc
            if rc < worst:
                worst, entering = rc, at
            at += 1
            if at == arcs:
                at = 0
            seen += 1
            in_block += 1
            if in_block == block:
                if entering >= 0:
                    break
                in_block = np.int64(0)
        if entering < 0:
            return pivots, True
        pivots += 1

        # Flow will go first -> second over the entering arc, up from second to the join and down to first.
        delta = BIG
        if entering < pairs:
            first, second = np.int64(pair_cell[entering]), np.int64(cells + pair_facility[entering])
        elif entering < pairs + cells:
            first, second = entering - pairs, np.int64(root)
        else:
            f = entering - pairs - cells
            delta = capacity[f]
            if taken[f] == 0:
                first, second = cells + f, np.int64(root)
            else:
                first, second = np.int64(root), cells + f
        v, w = first, second
        leaving, on_first = np.int64(-1), False
        while v != w:
            if depth[v] >= depth[w]:
                e = pred[v]
                if e < pairs:
                    room = units[e] if v < cells else BIG
                elif v < cells:
                    room = spare[v]
                else:
                    room = taken[v - cells]
                # strict below: of ties on this side the one nearest to `first` leaves ...
                if room < delta:
                    delta, leaving, on_first = room, v, True
                v = np.int64(parent[v])
            else:
                w = np.int64(parent[w])
        join = v
        v = second
        while v != join:
            e = pred[v]
            if e < pairs:
                room = BIG if v < cells else units[e]
            elif v < cells:
                room = BIG
            else:
                room = capacity[v - cells] - taken[v - cells]
            # ... and on the way up the last one, so that every node keeps a way to the root.
            if room <= delta:
                delta, leaving, on_first = room, v, False
            v = np.int64(parent[v])

        if delta > 0:
            if entering < pairs:
                units[entering] += delta
            elif entering < pairs + cells:
                spare[entering - pairs] += delta
            else:
                f = entering - pairs - cells
                taken[f] += delta if first == cells + f else -delta
            v = first
            while v != join:
                e = pred[v]
                if e < pairs:
                    units[e] += -delta if v < cells else delta
                elif v < cells:
                    spare[v] -= delta
                else:
                    taken[v - cells] -= delta
                v = np.int64(parent[v])
            v = second
            while v != join:
                e = pred[v]
                if e < pairs:
                    units[e] += delta if v < cells else -delta
                elif v < cells:
                    spare[v] += delta
                else:
                    taken[v - cells] += delta
                v = np.int64(parent[v])
        if leaving < 0:
            continue  # the entering arc went from one bound to the other

        inner, outer = (first, second) if on_first else (second, first)
        # Turn the path inner .. leaving round and hang it under outer.
        v, up, e = inner, outer, entering
        while True:
            old_up, old_e = np.int64(parent[v]), pred[v]
            _unhang(v, old_up, first_child, after, before)
            parent[v], pred[v] = up, e
            _hang(v, up, first_child, after, before)
            if v == leaving:
                break
            up, e = v, old_e
            v = old_up
        # The whole cut-off part moves by one price; depths follow the new path.
        e = pred[inner]
        if e < pairs:
            fresh = price[outer] + pair_cost[e] if inner < cells else price[outer] - pair_cost[e]
        elif inner < cells:
            fresh = unassigned_cost  # outer is the root
        else:
            fresh = facility_cost[inner - cells]
        shift = fresh - price[inner]
        size = 1
        stack[0] = inner
        while size > 0:
            size -= 1
            v = np.int64(stack[size])
            price[v] += shift
            depth[v] = depth[parent[v]] + 1
            w = np.int64(first_child[v])
            while w >= 0:
                stack[size] = w
                size += 1
                w = np.int64(after[w])
    return pivots, False
