"""Choices for the p-median with a cutoff: interchange with stored nearest and second nearest sites, and shaking.

Rows as in `Nearby`; ptr, row: the same pairs by site. For each row the kernel keeps its nearest and second nearest
chosen site, and

    gain[j]     what opening j takes off,
    loss[k]     what closing the k-th chosen adds,
    both[k, j]  what is not lost when j opens as k closes,

so that the exchange of k for j changes the sum by loss[k] - gain[j] - both[k, j]. An exchange touches only the rows that
either site reaches (Resende and Werneck 2007).
"""

from __future__ import annotations

import numpy as np
from numba import njit

NOBODY = -1


@njit(cache=True)
def _look(low, high, site, cost, place, penalty):
    """(cost of the nearest chosen, of the second nearest, place of the nearest) of a row; penalty where none."""
    first, second, who = penalty, penalty, NOBODY
    for q in range(low, high):
        k = place[site[q]]
        if k >= 0:
            if who < 0:
                first, who = np.float64(cost[q]), k
            else:
                second = np.float64(cost[q])
                break
    return first, second, who


@njit(cache=True)
def _enter(low, high, site, cost, weight, first, second, who, sign, gain, loss, both):
    """Add (sign 1) or take away (-1) what a row gives to the three sums."""
    if who >= 0:
        loss[who] += sign * weight * (second - first)
    for q in range(low, high):
        c = cost[q]
        if c >= second:
            break
        if c < first:
            gain[site[q]] += sign * weight * (first - c)
            if who >= 0:
                both[who, site[q]] += sign * weight * (second - first)
        elif who >= 0:
            both[who, site[q]] += sign * weight * (second - c)


@njit(cache=True)
def cost_of(indptr, site, cost, weight, penalty, chosen, sites):
    """Sum over the rows of weight x cost of the nearest chosen site, the penalty where none is near."""
    is_open = np.zeros(sites, np.bool_)
    for k in range(len(chosen)):
        is_open[chosen[k]] = True
    total = 0.0
    for i in range(len(weight)):
        way = penalty
        for q in range(indptr[i], indptr[i + 1]):
            if is_open[site[q]]:
                way = np.float64(cost[q])
                break
        total += weight[i] * way
    return total


@njit(cache=True)
def _stand(indptr, site, cost, weight, penalty, chosen, sites):
    """Everything an exchange needs, for `chosen`: place (m,), first, second, who (r,), gain, loss, both."""
    p, rows = len(chosen), len(weight)
    place = np.full(sites, -1, np.int32)
    for k in range(p):
        place[chosen[k]] = k
    first, second, who = np.empty(rows), np.empty(rows), np.empty(rows, np.int32)
    gain, loss, both = np.zeros(sites), np.zeros(p), np.zeros((p, sites))
    for i in range(rows):
        low, high = indptr[i], indptr[i + 1]
        first[i], second[i], who[i] = _look(low, high, site, cost, place, penalty)
        _enter(low, high, site, cost, weight[i], first[i], second[i], who[i], 1.0, gain, loss, both)
    return place, first, second, who, gain, loss, both


@njit(cache=True)
def _swap(indptr, site, cost, weight, ptr, row, penalty, chosen, stand, go, come):
    """Open `come` for the go-th chosen; the rows that either reaches are looked at anew."""
    place, first, second, who, gain, loss, both = stand
    gone = chosen[go]
    place[gone], place[come], chosen[go] = -1, go, come
    for turned in range(2):
        # Rows that both sites reach are looked at twice; the second time nothing changes.
        moved = gone if turned == 0 else come
        for t in range(ptr[moved], ptr[moved + 1]):
            i = row[t]
            low, high = indptr[i], indptr[i + 1]
            a, b, k = _look(low, high, site, cost, place, penalty)
            if a != first[i] or b != second[i] or k != who[i]:
                _enter(low, high, site, cost, weight[i], first[i], second[i], who[i], -1.0, gain, loss, both)
                _enter(low, high, site, cost, weight[i], a, b, k, 1.0, gain, loss, both)
                first[i], second[i], who[i] = a, b, k


@njit(cache=True)
def _descend(indptr, site, cost, weight, ptr, row, penalty, chosen, stand, allowed, most, least):
    """(exchanges, what they take off): the best exchange each time, while it takes off more than `least`."""
    place, gain, loss, both = stand[0], stand[4], stand[5], stand[6]
    moves, total = 0, 0.0
    while moves < most:
        best, come, go = least, -1, -1
        for k in range(len(chosen)):
            for j in range(len(allowed)):
                change = gain[allowed[j]] - loss[k] + both[k, allowed[j]]
                if change > best and place[allowed[j]] < 0:
                    best, come, go = change, allowed[j], k
        if come < 0:
            break
        moves += 1
        total += best
        _swap(indptr, site, cost, weight, ptr, row, penalty, chosen, stand, go, come)
    return moves, total


@njit(cache=True)
def exchange(indptr, site, cost, weight, ptr, row, penalty, chosen, allowed, most):
    """Change `chosen` in place by the best exchange for one of the `allowed` sites while one helps, at most `most`
    times; the number of exchanges."""
    sites = len(ptr) - 1
    stand = _stand(indptr, site, cost, weight, penalty, chosen, sites)
    least = 1e-9 * max((weight * stand[1]).sum(), 1e-300)
    return _descend(indptr, site, cost, weight, ptr, row, penalty, chosen, stand, allowed, most, least)[0]


@njit(cache=True)
def overlaps(indptr, site, weight, sites):
    """(m, m) float32: weight of the rows that both sites reach."""
    shared = np.zeros((sites, sites), np.float32)
    for i in range(len(weight)):
        for q in range(indptr[i], indptr[i + 1]):
            for t in range(indptr[i], q):
                shared[site[q], site[t]] += weight[i]
                shared[site[t], site[q]] += weight[i]
    return shared


@njit(cache=True)
def shake(
    indptr, site, cost, weight, ptr, row, penalty, chosen, allowed, likely, shared, random, rounds, widest
):
    """Rounds of: a few sites around one of the chosen change places at random, interchange, back when that was worse.

    random: a numpy Generator. likely (m,): how often a site is taken among its neighbours. `chosen` ends as the best met; the rounds that helped.
    """
    sites, p = len(ptr) - 1, len(chosen)
    stand = _stand(indptr, site, cost, weight, penalty, chosen, sites)
    least = 1e-9 * max((weight * stand[1]).sum(), 1e-300)
    place, first = stand[0], stand[1]
    now = (weight * first).sum()
    helped, old = 0, chosen.copy()
    chance = np.empty(len(allowed))
    for _round in range(rounds):
        old[:] = chosen
        middle = chosen[random.integers(0, p)]
        for _turn in range(1 + random.integers(0, widest)):
            # Who goes: one that shares people with the middle; who comes: one that shares people with who goes.
            most, go = -1.0, 0
            for k in range(p):
                likeness = (shared[middle, chosen[k]] if chosen[k] != middle else 0.0) + 1e-6
                likeness *= random.random() ** 2
                if likeness > most:
                    most, go = likeness, k
            total = 0.0
            for a in range(len(allowed)):
                j = allowed[a]
                if place[j] < 0:
                    total += (shared[chosen[go], j] + shared[middle, j]) * likely[j]
                chance[a] = total
            if total <= 0:
                continue
            come = allowed[min(np.searchsorted(chance, random.random() * total), len(allowed) - 1)]
            if place[come] < 0:
                _swap(indptr, site, cost, weight, ptr, row, penalty, chosen, stand, go, come)
        _descend(indptr, site, cost, weight, ptr, row, penalty, chosen, stand, allowed, 200, least)
        after = (weight * first).sum()
        if after < now - least:
            now = after
            helped += 1
            continue
        if after <= now + least:
            continue
        # Back: whoever is new gives his place to somebody who went.
        for k in range(p):
            if place[old[k]] < 0:
                for t in range(p):
                    new = True
                    for s in range(p):
                        if old[s] == chosen[t]:
                            new = False
                            break
                    if new:
                        _swap(indptr, site, cost, weight, ptr, row, penalty, chosen, stand, t, old[k])
                        break
    return helped


@njit(cache=True)
def open_greedily(indptr, site, cost, weight, ptr, row, penalty, p):
    """(p,) sites, each the one that takes most off the sum after those before it; the lowest number among equals."""
    sites, rows = len(ptr) - 1, len(weight)
    way, gain = np.full(rows, penalty), np.zeros(sites)
    for i in range(rows):
        for q in range(indptr[i], indptr[i + 1]):
            gain[site[q]] += weight[i] * (penalty - cost[q])
    is_open, chosen = np.zeros(sites, np.bool_), np.empty(p, np.int64)
    for k in range(p):
        best = -1
        for j in range(sites):
            if not is_open[j] and (best < 0 or gain[j] > gain[best]):
                best = j
        chosen[k], is_open[best] = best, True
        for t in range(ptr[best], ptr[best + 1]):
            i = row[t]
            low, high, near = indptr[i], indptr[i + 1], way[i]
            for q in range(low, high):
                if site[q] == best:
                    near = min(near, np.float64(cost[q]))
                    break
            if near < way[i]:
                for q in range(low, high):
                    c = cost[q]
                    if c >= way[i]:
                        break
                    gain[site[q]] -= weight[i] * (way[i] - max(np.float64(c), near))
                way[i] = near
    return chosen
