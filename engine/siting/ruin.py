"""Ruin and recreate in one compiled loop: hundreds of moves a second on models of millions of edges.

The flow is kept by group: a short list of the nodes that serve it, which is all a re-routing looks at. Every change of
flow is one entry (group, node, units) of a journal; deficit and room follow from it, so a move is undone by reading the
journal backwards, and the value comes back exactly. Where nobody unserved can be reached by any re-routing, that is
remembered until a node there is closed (the set of groups such a search has seen is closed under re-routing, so capacity
added elsewhere cannot change it).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray


class Town(NamedTuple):
    """State of the search. Shapes: v nodes, g groups, e edges, o options, s exclusive sets, r rows."""

    node_ptr: NDArray
    edge_group: NDArray
    group_ptr: NDArray
    group_node: NDArray
    units: NDArray
    weight: NDArray  # (g,) value of one unit served
    open: NDArray
    room: NDArray
    deficit: NDArray
    serve_node: NDArray  # (e,) nodes that serve group g: from group_ptr[g], serve_count[g] of them
    serve_units: NDArray
    serve_count: NDArray
    mark_node: NDArray
    mark_group: NDArray
    via_node: NDArray  # (v,) the group through which a search came to the node
    via_group: NDArray  # (g,) the node from which it came to the group
    queue: NDArray
    stamp: NDArray
    dead: NDArray  # (g,) number of the failed search that saw the group
    ended: NDArray  # (ids,) failed searches that no longer count
    ends: NDArray  # (1,) how many numbers are given out
    journal_group: NDArray
    journal_node: NDArray
    journal_units: NDArray
    journal_size: NDArray
    option_ptr: NDArray
    option_node: NDArray
    taken: NDArray
    cost: NDArray
    merit: NDArray
    set_ptr: NDArray  # exclusive sets of an option: option_set[set_ptr[o]:set_ptr[o + 1]]
    option_set: NDArray
    set_taken: NDArray
    rows: NDArray  # (o, r)
    row_limit: NDArray
    row_used: NDArray
    spent: NDArray  # (1,) fen
    value: NDArray  # (1,)
    effort: NDArray  # (1,) groups one re-routing may look at


@njit(cache=True, nogil=True)
def _move(t, g, v, d):
    """d units of group g more (or less) on node v."""
    at, end = t.group_ptr[g], t.group_ptr[g] + t.serve_count[g]
    while at < end and t.serve_node[at] != v:
        at += 1
    if at == end:
        t.serve_node[at] = v
        t.serve_units[at] = d
        t.serve_count[g] += 1
    else:
        t.serve_units[at] += d
        if t.serve_units[at] == 0:
            t.serve_node[at] = t.serve_node[end - 1]
            t.serve_units[at] = t.serve_units[end - 1]
            t.serve_count[g] -= 1
    t.deficit[g] -= d
    t.room[v] -= d
    t.value[0] += t.weight[g] * d
    size = t.journal_size[0]
    if size < t.journal_group.size:
        t.journal_group[size], t.journal_node[size], t.journal_units[size] = g, v, d
    t.journal_size[0] = size + 1


@njit(cache=True, nogil=True)
def _served_by(t, g, v):
    for at in range(t.group_ptr[g], t.group_ptr[g] + t.serve_count[g]):
        if t.serve_node[at] == v:
            return t.serve_units[at]
    return np.int64(0)


@njit(cache=True, nogil=True)
def _is_dead(t, g):
    return t.dead[g] > 0 and not t.ended[t.dead[g]]


@njit(cache=True, nogil=True)
def push(t, j):
    """Bring unserved units to node j's room, re-routing others as far as the effort allows."""
    for e in range(t.node_ptr[j], t.node_ptr[j + 1]):
        if t.room[j] == 0:
            return
        g = t.edge_group[e]
        d = min(t.deficit[g], t.room[j])
        if d > 0:
            _move(t, g, j, d)
    looked = np.int64(0)
    while t.room[j] > 0 and looked < t.effort[0]:
        t.stamp[0] += 1
        stamp = t.stamp[0]
        head, tail, pushed, cut = 0, 1, np.int64(0), False
        t.queue[0] = j
        t.mark_node[j] = stamp
        while head < tail and t.room[j] > 0 and not cut:
            v = t.queue[head]
            head += 1
            for e in range(t.node_ptr[v], t.node_ptr[v + 1]):
                g = t.edge_group[e]
                if t.mark_group[g] == stamp or _is_dead(t, g):
                    continue
                t.mark_group[g] = stamp
                t.via_group[g] = v
                looked += 1
                if t.deficit[g] > 0 and v != j:
                    d, x = min(t.room[j], t.deficit[g]), v
                    while x != j and d > 0:
                        d = min(d, _served_by(t, t.via_node[x], x))
                        x = t.via_group[t.via_node[x]]
                    if d > 0:
                        _move(t, g, v, d)
                        x = v
                        while x != j:
                            h = t.via_node[x]
                            _move(t, h, x, -d)
                            x = t.via_group[h]
                            _move(t, h, x, d)
                        pushed += d
                        if t.room[j] == 0:
                            return
                for at in range(t.group_ptr[g], t.group_ptr[g] + t.serve_count[g]):
                    w = t.serve_node[at]
                    if t.mark_node[w] != stamp:
                        t.mark_node[w] = stamp
                        t.via_node[w] = g
                        t.queue[tail] = w
                        tail += 1
            if looked > t.effort[0]:
                cut = True
            if pushed > 0 and head < tail and t.room[j] > 0 and looked > 4096:
                break
        if pushed == 0:
            if not cut and t.ends[0] + 1 < t.ended.size:
                t.ends[0] += 1
                for i in range(tail):
                    v = t.queue[i]
                    for e in range(t.node_ptr[v], t.node_ptr[v + 1]):
                        t.dead[t.edge_group[e]] = t.ends[0]
            return


@njit(cache=True, nogil=True)
def _rehome(t, g, wanted):
    """Send up to `wanted` unserved units of group g to open room, at first hand or by moving one other group on."""
    for q in range(t.group_ptr[g], t.group_ptr[g + 1]):
        w = t.group_node[q]
        if t.open[w] and t.room[w] > 0:
            d = min(wanted, t.room[w])
            _move(t, g, w, d)
            wanted -= d
            if wanted == 0:
                return


@njit(cache=True, nogil=True)
def close_node(t, j):
    """Close a node; its people go where there is open room at hand."""
    t.open[j] = False
    for e in range(t.node_ptr[j], t.node_ptr[j + 1]):
        g = t.edge_group[e]
        d = _served_by(t, g, j)
        if d > 0:
            if t.dead[g] > 0:
                t.ended[t.dead[g]] = True
            _move(t, g, j, -d)
            _rehome(t, g, d)


@njit(cache=True, nogil=True)
def set_option(t, o, on):
    """Take or drop an option, without a look at what is allowed."""
    sign = 1 if on else -1
    t.taken[o] = on
    t.spent[0] += sign * t.cost[o]
    t.value[0] += sign * t.merit[o]
    for r in range(t.row_used.size):
        t.row_used[r] += sign * t.rows[o, r]
    for i in range(t.set_ptr[o], t.set_ptr[o + 1]):
        t.set_taken[t.option_set[i]] += sign
    for i in range(t.option_ptr[o], t.option_ptr[o + 1]):
        v = t.option_node[i]
        if on:
            t.open[v] = True
            push(t, v)
        else:
            close_node(t, v)


@njit(cache=True, nogil=True)
def allowed(t, o, budget):
    """May the option be added: within the budget to the fen, alone in its sets, no row pushed over its limit."""
    if t.taken[o] or (t.cost[o] > 0 and t.spent[0] + t.cost[o] > budget):
        return False
    for i in range(t.set_ptr[o], t.set_ptr[o + 1]):
        if t.set_taken[t.option_set[i]] > 0:
            return False
    for r in range(t.row_used.size):
        if t.rows[o, r] > 0 and t.row_used[r] + t.rows[o, r] > t.row_limit[r]:
            return False
    return True


@njit(cache=True, nogil=True)
def feasible(t, budget):
    if t.spent[0] > budget:
        return False
    for r in range(t.row_used.size):
        if t.row_used[r] > t.row_limit[r]:
            return False
    return True


@njit(cache=True, nogil=True)
def at_hand(t, o):
    """Value of the unserved units within reach of the option, at most its capacity, plus its merit."""
    total = t.merit[o]
    for i in range(t.option_ptr[o], t.option_ptr[o + 1]):
        v = t.option_node[i]
        units, room, value = np.int64(0), t.units[v], 0.0
        for e in range(t.node_ptr[v], t.node_ptr[v + 1]):
            g = t.edge_group[e]
            units += t.deficit[g]
            value += t.deficit[g] * t.weight[g]
        total += value * min(1.0, room / max(units, 1))
    return total


@njit(cache=True, nogil=True)
def undo(t, flips, count, value):
    """Put back flips[:count] (options in the order they were changed) and the flow by the journal; the value too."""
    for i in range(count - 1, -1, -1):
        o = flips[i]
        on = not t.taken[o]
        sign = 1 if on else -1
        t.taken[o] = on
        t.spent[0] += sign * t.cost[o]
        for r in range(t.row_used.size):
            t.row_used[r] += sign * t.rows[o, r]
        for k in range(t.set_ptr[o], t.set_ptr[o + 1]):
            t.set_taken[t.option_set[k]] += sign
        for k in range(t.option_ptr[o], t.option_ptr[o + 1]):
            t.open[t.option_node[k]] = on
    if t.journal_size[0] > t.journal_group.size:
        return False
    for i in range(t.journal_size[0] - 1, -1, -1):
        _move(t, t.journal_group[i], t.journal_node[i], -t.journal_units[i])
    t.journal_size[0] = 0
    t.value[0] = value
    return True


@njit(cache=True, nogil=True)
def refill(t, pool, count, worth, charge, noise, mix, least, budget, flips, flipped):
    """Add of pool[:count], best first, what gives at least `least` of its charge, as long as it is allowed. Scores mix
    what is at hand now with the worth at the prices; they only fall while options are added, so an old score is looked at
    again before it is believed. Returns how many flips there are now."""
    score, old = np.empty(count), np.zeros(count, np.bool_)
    for i in range(count):
        o = pool[i]
        score[i] = -1.0
        if allowed(t, o, budget):
            hand = at_hand(t, o)
            score[i] = ((1.0 - mix) * hand + mix * min(worth[o], 1.3 * hand)) / charge[o] * noise[i]
    while True:
        best = -1
        for i in range(count):
            if score[i] > least and (best < 0 or score[i] > score[best]):
                best = i
        if best < 0:
            return flipped
        o = pool[best]
        if not allowed(t, o, budget):
            score[best] = -1.0
            continue
        if old[best]:
            hand = at_hand(t, o)
            score[best] = ((1.0 - mix) * hand + mix * min(worth[o], 1.3 * hand)) / charge[o] * noise[best]
            old[best] = False
            continue
        if flipped >= flips.size - 1:
            return flipped
        before = t.value[0]
        score[best] = -1.0
        set_option(t, o, True)
        flips[flipped] = o
        flipped += 1
        if t.value[0] - before < 0.8 * least * charge[o]:
            set_option(t, o, False)
            flips[flipped] = o
            flipped += 1
            continue
        old[:] = True


@njit(cache=True, nogil=True)
def moves(
    t,
    seed,
    count,
    most,
    near_ptr,
    near,
    leaders,
    worth,
    charge,
    forced,
    budget,
    warmth,
    saved,
    best,
    best_taken,
    told,
):
    """`count` moves: drop up to `most` options around a random place, fill up again, keep what is not worse by more than
    `warmth`. Money saved counts `saved` of its price. best (1,), best_taken (o,): the best plan within all limits so far.
    told (3,): moves kept, moves undone, journals that ran over."""
    np.random.seed(seed)
    options = t.taken.size
    flips = np.empty(4096, np.int64)
    pool = np.empty(512, np.int64)
    noise = np.empty(512)
    inside = np.zeros(options, np.int64)
    for number in range(1, count + 1):
        centre = (
            leaders[np.random.randint(leaders.size)]
            if np.random.random() < 0.6
            else np.random.randint(options)
        )
        t.journal_size[0] = 0
        value, spent, flipped, size = t.value[0], 0.0, 0, 0
        wanted = np.random.randint(1, most + 1)
        keep = np.random.random() * 0.6
        lo, hi = near_ptr[centre], near_ptr[centre + 1]
        for i in range(lo, hi):
            o = near[i]
            if t.taken[o] and not forced[o] and flipped < wanted and np.random.random() > keep:
                set_option(t, o, False)
                flips[flipped] = o
                flipped += 1
                spent -= charge[o]
        if np.random.random() < 0.3:  # money also moves between places
            o = np.random.randint(options)
            if t.taken[o] and not forced[o]:
                set_option(t, o, False)
                flips[flipped] = o
                flipped += 1
                spent -= charge[o]
        for i in range(flipped):
            inside[flips[i]] = number
            pool[size] = flips[i]
            size += 1
        for i in range(lo, hi):
            if size < 400 and inside[near[i]] != number and np.random.random() < 0.8:
                inside[near[i]] = number
                pool[size] = near[i]
                size += 1
        if np.random.random() < 0.4:
            for _ in range(16):
                o = leaders[np.random.randint(leaders.size)]
                if inside[o] != number:
                    inside[o] = number
                    pool[size] = o
                    size += 1
        rough = 0.3 * np.random.random() ** 2
        for i in range(size):
            noise[i] = np.exp(rough * np.random.normal())
        dropped = flipped
        flipped = refill(
            t, pool, size, worth, charge, noise, np.random.random() * 0.6, 0.5, budget, flips, flipped
        )
        for i in range(dropped, flipped):
            spent += charge[flips[i]] if t.taken[flips[i]] else -charge[flips[i]]
        good = feasible(t, budget) and t.value[0] - saved * spent >= value - warmth
        if good:
            told[0] += 1
            if t.value[0] > best[0] + 1e-9:
                best[0] = t.value[0]
                best_taken[:] = t.taken
        elif undo(t, flips, flipped, value):
            told[1] += 1
        else:
            told[2] += 1
            return False
    return True
