"""Ruin and recreate in one compiled loop over the flow of town.py: hundreds of moves a second on millions of edges.

A move closes a few options around a place and fills up again with what gives most for its charge (Schrimpf et al. 2000);
a move that is not kept is undone by the journal, and the value comes back exactly.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.siting.town import begin, close_node, fill_at_hand, hope, is_roomy, move, root, settle


@njit(cache=True, nogil=True)
def set_option(t, o, on):
    """Take or drop an option, without a look at what is allowed and without re-routing: settle does that."""
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
            fill_at_hand(t, v)
            if t.room[v] > 0:
                is_roomy(t, v)
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
    over = 0
    for r in range(t.row_used.size):
        over += t.row_used[r] > t.row_limit[r]
    return over == 0


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
def undo(t, flips, count, value, ends):
    """Put back flips[:count] (options in the order they were changed) and the flow by the journal; the value too.
    ends: how many searches had failed before. False when the journal had run over: the state is of no use then."""
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
        move(t, t.journal_group[i], t.journal_node[i], -t.journal_units[i])
    t.journal_size[0] = 0
    t.value[0] = value
    for number in range(ends + 1, t.ends[0] + 1):  # what failed since then failed from another state
        t.ended[root(t, number)] = True
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
    random,
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
    options = t.taken.size
    flips = np.empty(4096, np.int64)
    pool = np.empty(512, np.int64)
    noise = np.empty(512)
    inside = np.zeros(options, np.int64)
    for number in range(1, count + 1):
        centre = (
            leaders[random.integers(0, leaders.size)]
            if random.random() < 0.6
            else random.integers(0, options)
        )
        begin(t)
        value, ends, spent, flipped, size = t.value[0], t.ends[0], 0.0, 0, 0
        wanted = random.integers(1, most + 1)
        keep = random.random() * 0.6
        lo, hi = near_ptr[centre], near_ptr[centre + 1]
        for i in range(lo, hi):
            o = near[i]
            if t.taken[o] and not forced[o] and flipped < wanted and random.random() > keep:
                set_option(t, o, False)
                flips[flipped] = o
                flipped += 1
                spent -= charge[o]
        if random.random() < 0.3:  # money also moves between places
            o = random.integers(0, options)
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
            if size < 400 and inside[near[i]] != number and random.random() < 0.8:
                inside[near[i]] = number
                pool[size] = near[i]
                size += 1
        if random.random() < 0.4:
            for _ in range(16):
                o = random.integers(0, options)
                if random.random() < 0.5:
                    o = leaders[random.integers(0, leaders.size)]
                if inside[o] != number:
                    inside[o] = number
                    pool[size] = o
                    size += 1
        rough = 0.3 * random.random() ** 2
        for i in range(size):
            noise[i] = np.exp(rough * random.normal())
        dropped = flipped
        least = 0.5 if random.random() < 0.8 else 0.0
        flipped = refill(
            t, pool, size, worth, charge, noise, random.random() * 0.6, least, budget, flips, flipped
        )
        for i in range(dropped, flipped):
            if t.taken[flips[i]]:  # what was tried and dropped again costs nothing
                spent += charge[flips[i]]
        good = feasible(t, budget)
        wish = value - warmth + saved * spent
        if good and t.value[0] < wish + warmth:
            # Re-routing, where it could still make the move good or the best.
            promise = t.value[0] + hope(t)
            if promise >= wish or promise > best[0]:
                settle(t)
        if good and t.value[0] > best[0] + 1e-9:
            best[0] = t.value[0]
            best_taken[:] = t.taken
            wish = t.value[0]
        if good and t.value[0] >= wish:
            told[0] += 1
        elif undo(t, flips, flipped, value, ends):
            told[1] += 1
        else:
            told[2] += 1
            return False
    return True
