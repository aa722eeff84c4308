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
BLOCK = 0.5  # pairs looked at before the most violated one enters, in square roots of their number


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
def _list(v, up, first_child, after, before):
    head = first_child[up]
    after[v] = head
    before[v] = -1
    if head >= 0:
        before[head] = v
    first_child[up] = v


@njit(cache=True, nogil=True)
def _unlist(v, up, first_child, after, before):
    if before[v] >= 0:
        after[before[v]] = after[v]
    else:
        first_child[up] = after[v]
    if after[v] >= 0:
        before[after[v]] = before[v]


@njit(cache=True, nogil=True)
def _hang(v, cells, parent, children, first_child, after, before):
    """List v under its parent; a cell is only listed while a facility hangs from it."""
    up = parent[v]
    if v < cells:
        if children[v] > 0:
            _list(v, up, first_child, after, before)
        return
    _list(v, up, first_child, after, before)
    if up < cells:
        children[up] += 1
        if children[up] == 1:
            _list(up, parent[up], first_child, after, before)


@njit(cache=True, nogil=True)
def _unhang(v, cells, parent, children, first_child, after, before):
    up = parent[v]
    if v < cells:
        if children[v] > 0:
            _unlist(v, up, first_child, after, before)
        return
    _unlist(v, up, first_child, after, before)
    if up < cells:
        children[up] -= 1
        if children[up] == 0:
            _unlist(up, parent[up], first_child, after, before)


@njit(cache=True, nogil=True)
def _depth(v, cells, root, parent, depth):
    if v == root:
        return 0
    if v >= cells:
        return depth[v - cells]
    return 1 if parent[v] == root else depth[parent[v] - cells] + 1


@njit(cache=True, nogil=True)
def _move_part(inner, shift, cells, root, parent, price, depth, first_child, after, stack):
    """The whole part below `inner` moves by one price; depths follow its new place. Cells carry neither, so only
    facilities and the cells between them are walked."""
    size = 1
    stack[0] = inner
    while size > 0:
        size -= 1
        v = np.int64(stack[size])
        if v >= cells:
            price[v - cells] += shift
            depth[v - cells] = _depth(np.int64(parent[v]), cells, root, parent, depth) + 1
        w = np.int64(first_child[v])
        while w >= 0:
            stack[size] = w
            size += 1
            w = np.int64(after[w])


@njit(cache=True, nogil=True)
def simplex(
    cell_ptr,
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

    need and capacity are above 0. Pairs are ordered by cell, those of cell c at cell_ptr[c]..cell_ptr[c+1].
    pair_cost (p,) integers >= 0, unassigned_cost int64, facility_cost (f,) int64. Returns (pivots, done); with done
    False the flow is feasible but max_pivots ran out.

    Nearly every cell is a leaf of the tree, so a cell's price is worked out from its parent when it is wanted, and a
    change of prices walks over facilities only.
    """
    cells, facilities, pairs = need.size, capacity.size, pair_cell.size
    root = np.int64(cells + facilities)
    nodes = root + 1
    spare = need.copy()  # flow on cell -> root
    taken = np.zeros(facilities, np.int64)  # flow on facility -> root
    for p in range(pairs):
        spare[pair_cell[p]] -= units[p]
        taken[pair_facility[p]] += units[p]

    first_child = np.full(nodes, -1, np.int32)
    after, before = np.full(nodes, -1, np.int32), np.full(nodes, -1, np.int32)
    children = np.zeros(cells, np.int32)
    for v in range(cells, root):
        _hang(v, cells, parent, children, first_child, after, before)
    price, depth = np.zeros(facilities, np.int64), np.zeros(facilities, np.int32)
    stack = np.empty(nodes, np.int32)
    size = 1
    stack[0] = root
    while size > 0:
        size -= 1
        v = np.int64(stack[size])
        if v >= cells and v != root:
            up, e, f = np.int64(parent[v]), pred[v], v - cells
            depth[f] = _depth(up, cells, root, parent, depth) + 1
            if up == root:
                price[f] = facility_cost[f]
            else:  # from the cell's price
                over = parent[up]
                price[f] = unassigned_cost if over == root else price[over - cells] + pair_cost[pred[up]]
                price[f] -= pair_cost[e]
        w = np.int64(first_child[v])
        while w >= 0:
            stack[size] = w
            size += 1
            w = np.int64(after[w])

    block = max(np.int64(64), np.int64(BLOCK * np.sqrt(pairs)))
    at, pivots = np.int64(0), np.int64(0)
    while pivots < max_pivots:
        # Block search: the most violated arc of the first block that has one. After the cells come the facilities.
        worst, entering, seen, in_block = np.int64(0), np.int64(-1), np.int64(0), np.int64(0)
        entering_cell = np.int64(-1)
        while seen <= cells:
            if at < cells:
                up = parent[at]
                mine = unassigned_cost if up == root else price[up - cells] + pair_cost[pred[at]]
                if unassigned_cost - mine < worst:
                    worst, entering, entering_cell = unassigned_cost - mine, pairs + at, at
                for p in range(cell_ptr[at], cell_ptr[at + 1]):
                    rc = pair_cost[p] + price[pair_facility[p]] - mine
                    if rc < worst:
                        worst, entering, entering_cell = rc, p, at
                in_block += cell_ptr[at + 1] - cell_ptr[at] + 1
                at += 1
            else:
                for f in range(facilities):
                    rc = facility_cost[f] - price[f]
                    if taken[f] == capacity[f]:  # at its upper bound (in the tree rc is 0 either way)
                        rc = -rc
                    if rc < worst:
                        worst, entering = rc, pairs + cells + f
                in_block += facilities
                at = np.int64(0)
            seen += 1
            if in_block >= block:
                if entering >= 0:
                    break
                in_block = np.int64(0)
        if entering < 0:
            return pivots, True
        pivots += 1

        # Flow will go first -> second over the entering arc, up from second to the join and down to first.
        delta = BIG
        if entering < pairs:
            first, second = entering_cell, np.int64(cells + pair_facility[entering])
        elif entering < pairs + cells:
            first, second = entering - pairs, root
        else:
            f = entering - pairs - cells
            delta = capacity[f]
            if taken[f] == 0:
                first, second = cells + f, root
            else:
                first, second = root, cells + f
        v, w = first, second
        leaving, on_first = np.int64(-1), False
        v_depth = _depth(v, cells, root, parent, depth)
        w_depth = _depth(w, cells, root, parent, depth)
        while v != w:
            if v_depth >= w_depth:
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
                v_depth -= 1
            else:
                w = np.int64(parent[w])
                w_depth -= 1
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
        # The part that is cut off moves by the reduced cost of the arc it hangs from now.
        if entering < pairs:
            shift = worst if on_first else -worst
        elif entering < pairs + cells:
            shift = worst
        else:
            f = entering - pairs - cells
            shift = facility_cost[f] - price[f]
        # Turn the path inner .. leaving round and hang it under outer.
        v, up, e = inner, outer, entering
        while True:
            old_up, old_e = np.int64(parent[v]), pred[v]
            _unhang(v, cells, parent, children, first_child, after, before)
            parent[v], pred[v] = up, e
            _hang(v, cells, parent, children, first_child, after, before)
            if v == leaving:
                break
            up, e = v, old_e
            v = old_up
        _move_part(inner, shift, cells, root, parent, price, depth, first_child, after, stack)
    return pivots, False
