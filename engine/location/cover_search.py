"""Choices for maximal covering: greedy, interchange, and shaking. Kernels over entries by group and by site.

indptr, site, weight: groups as in `Grouped`; ptr, group: the same entries by site. What an interchange knows of a choice
is kept up to date group by group (Resende and Werneck 2007), also while sites go and come in shaking:

    place (sites,)     position of an open site in `chosen`, -1 closed
    times (groups,)    open sites that cover the group
    gain (sites,)      what a closed site would add
    loss (p,)          what only the k-th chosen covers
    both (p, sites)    what only the k-th chosen and the site cover: not lost when the one comes for the other
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.location.grouping import Grouped

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A shaken choice may be this much worse than the one it came from and still be gone on from.
WORSE = 2e-4
# After this many rounds in which nothing better was found than since the last time, half of the sites are drawn anew.
PATIENCE = 200
HOPS = (
    2  # how far from its middle a shake reaches: sites that share a group, and those that share one with them
)


@njit(nogil=True, cache=True)
def covered_weight(indptr, site, weight, chosen, sites):
    """Weight of the groups that one of `chosen` covers."""
    is_open = np.zeros(sites, np.bool_)
    for k in range(len(chosen)):
        is_open[chosen[k]] = True
    total = 0.0
    for i in range(len(weight)):
        for q in range(indptr[i], indptr[i + 1]):
            if is_open[site[q]]:
                total += weight[i]
                break
    return total


@njit(nogil=True, cache=True)
def add_greedily(indptr, site, weight, ptr, group, p):
    """(p,) sites, each the one that adds most to those before it; the lowest number among equals. What a site adds only
    falls, so those on top of a heap are summed anew until one stays on top (lazy greedy, Minoux 1978)."""
    sites = len(ptr) - 1
    value, heap = np.zeros(sites), np.arange(sites)
    for j in range(sites):
        for q in range(ptr[j], ptr[j + 1]):
            value[j] += weight[group[q]]
    for at in range(sites // 2 - 1, -1, -1):
        _sink(heap, value, at, sites)
    covered = np.zeros(len(weight), np.bool_)
    chosen = np.empty(p, np.int64)
    left = sites
    for k in range(p):
        while True:
            best = heap[0]
            total = 0.0
            for q in range(ptr[best], ptr[best + 1]):
                if not covered[group[q]]:
                    total += weight[group[q]]
            same = total >= value[best]
            value[best] = total
            if same:
                break
            _sink(heap, value, 0, left)
            if heap[0] == best:
                break
        chosen[k] = best
        left -= 1
        heap[0] = heap[left]
        _sink(heap, value, 0, left)
        for q in range(ptr[best], ptr[best + 1]):
            covered[group[q]] = True
    return chosen


@njit(nogil=True, cache=True)
def _sink(heap, value, at, size):
    """Let the entry at a place of a heap (greatest value first, then lowest number) down to where it belongs."""
    moved = heap[at]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        a = heap[child]
        if child + 1 < size:
            b = heap[child + 1]
            if value[b] > value[a] or (value[b] == value[a] and b < a):
                child += 1
                a = b
        if value[a] > value[moved] or (value[a] == value[moved] and a < moved):
            heap[at] = a
            at = child
        else:
            break
    heap[at] = moved


@njit(nogil=True, cache=True)
def _known(indptr, site, weight, chosen, place, times, gain, loss, both):
    """Fill what is known of a choice; the weight it covers."""
    place[:], times[:], gain[:], loss[:], both[:] = -1, 0, 0.0, 0.0, 0.0
    for k in range(len(chosen)):
        place[chosen[k]] = k
    total = 0.0
    for i in range(len(weight)):
        only = -1
        for t in range(indptr[i], indptr[i + 1]):
            if place[site[t]] >= 0:
                times[i] += 1
                only = place[site[t]]
        if times[i] == 0:
            for t in range(indptr[i], indptr[i + 1]):
                gain[site[t]] += weight[i]
        else:
            total += weight[i]
            if times[i] == 1:
                loss[only] += weight[i]
                for t in range(indptr[i], indptr[i + 1]):
                    both[only, site[t]] += weight[i]
    return total


@njit(nogil=True, cache=True)
def _go(indptr, site, weight, ptr, group, chosen, place, times, gain, loss, both, go):
    """Close the go-th chosen; its place stays empty until `_come`."""
    gone = chosen[go]
    for q in range(ptr[gone], ptr[gone + 1]):
        i = group[q]
        if times[i] == 1:
            for t in range(indptr[i], indptr[i + 1]):
                gain[site[t]] += weight[i]
        elif times[i] == 2:
            for t in range(indptr[i], indptr[i + 1]):
                k = place[site[t]]
                if k >= 0 and k != go:
                    loss[k] += weight[i]
                    for s in range(indptr[i], indptr[i + 1]):
                        both[k, site[s]] += weight[i]
                    break
        times[i] -= 1
    place[gone] = -1
    loss[go] = 0.0
    both[go, :] = 0.0


@njit(nogil=True, cache=True)
def _come(indptr, site, weight, ptr, group, chosen, place, times, gain, loss, both, go, come):
    """Open a site at the empty place `go`."""
    chosen[go] = come
    for q in range(ptr[come], ptr[come + 1]):
        i = group[q]
        if times[i] == 0:
            loss[go] += weight[i]
            for t in range(indptr[i], indptr[i + 1]):
                gain[site[t]] -= weight[i]
                both[go, site[t]] += weight[i]
        elif times[i] == 1:
            for t in range(indptr[i], indptr[i + 1]):
                k = place[site[t]]
                if k >= 0:
                    loss[k] -= weight[i]
                    for s in range(indptr[i], indptr[i + 1]):
                        both[k, site[s]] -= weight[i]
                    break
        times[i] += 1
    place[come] = go


@njit(nogil=True, cache=True)
def _exchange(indptr, site, weight, ptr, group, chosen, place, times, gain, loss, both, total):
    """Exchange one for one, the best each time, while one gains; the weight covered then."""
    sites, p = len(place), len(chosen)
    add = np.empty(sites)
    moves = 0
    while moves < 100_000:
        for j in range(sites):
            add[j] = gain[j] if place[j] < 0 else -np.inf
        best, come, go = 1e-9 * max(total, 1e-300), -1, -1
        for k in range(p):
            row, cost = both[k], loss[k]
            for j in range(sites):
                change = add[j] + row[j] - cost
                if change > best:
                    best, come, go = change, j, k
        if come < 0:
            break
        moves += 1
        total += best
        _go(indptr, site, weight, ptr, group, chosen, place, times, gain, loss, both, go)
        _come(indptr, site, weight, ptr, group, chosen, place, times, gain, loss, both, go, come)
    return total


@njit(nogil=True, cache=True)
def interchange(indptr, site, weight, ptr, group, chosen):
    """Change `chosen` in place by the best exchange of one site for another while one gains; the weight it covers."""
    sites, p = len(ptr) - 1, len(chosen)
    place, times = np.empty(sites, np.int64), np.empty(len(weight), np.int32)
    gain, loss, both = np.empty(sites), np.empty(p), np.empty((p, sites))
    total = _known(indptr, site, weight, chosen, place, times, gain, loss, both)
    return _exchange(indptr, site, weight, ptr, group, chosen, place, times, gain, loss, both, total)


@njit(nogil=True, cache=True)
def _neighbours(indptr, site, ptr, group):
    """(ptr, site): for each site the others that share a group with it."""
    sites = len(ptr) - 1
    seen = np.full(sites, -1, np.int64)
    out, kept, at = np.zeros(sites + 1, np.int64), np.empty(max(sites, 16), np.int32), 0
    for j in range(sites):
        seen[j] = j
        for q in range(ptr[j], ptr[j + 1]):
            for t in range(indptr[group[q]], indptr[group[q] + 1]):
                if seen[site[t]] != j:
                    seen[site[t]] = j
                    if at == len(kept):
                        grown = np.empty(2 * at, np.int32)
                        grown[:at] = kept
                        kept = grown
                    kept[at] = site[t]
                    at += 1
        out[j + 1] = at
    return out, kept[:at].copy()


@njit(nogil=True, cache=True)
def _draw(state):
    """A number in 0..1 (splitmix64), so that the answer follows from the seed on every machine and thread."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return float((z ^ (z >> np.uint64(31))) >> np.uint64(11)) / 9007199254740992.0


@njit(nogil=True, cache=True)
def _around(near_ptr, near, place, middle, seen, mark, queue, hops):
    """Open sites at most `hops` neighbourhoods from a site, nearest first: their number, and they in `queue`."""
    seen[middle] = mark
    queue[0] = middle
    first, last = 0, 1
    for _ in range(hops):
        end = last
        for at in range(first, end):
            for q in range(near_ptr[queue[at]], near_ptr[queue[at] + 1]):
                j = near[q]
                if seen[j] != mark:
                    seen[j] = mark
                    queue[last] = j
                    last += 1
        first = end
    return last


@njit(nogil=True, cache=True)
def _shake(
    indptr, site, weight, ptr, group, near_ptr, near, chosen, place, times, gain, loss, both, total, here, here_total,
    best, best_total, chance, state, since, rounds, most,
):  # fmt: skip
    """`rounds` times: some sites near one another go, others come, then exchanges; see `Shaker`. (totals now, gone on
    from, best); the choices in `chosen`, `here`, `best`."""
    sites, p = len(place), len(chosen)
    seen, queue, open_near = np.full(sites, -1, np.int64), np.empty(sites, np.int64), np.empty(p, np.int64)
    going, held = np.empty(p, np.int64), np.zeros(sites, np.bool_)
    for turn in range(rounds):
        state[1] += np.uint64(1)
        anew = state[1] > np.uint64(PATIENCE)
        count = (p + 1) // 2 if anew else 1 + int(_draw(state) * min(most, p))
        middle = chosen[int(_draw(state) * p)]
        reached = _around(near_ptr, near, place, middle, seen, turn, queue, HOPS)
        opened = 0
        for at in range(reached):
            if place[queue[at]] >= 0:
                open_near[opened] = place[queue[at]]
                opened += 1
        if anew:
            opened = p
            for k in range(p):
                open_near[k] = k
        count = min(count, opened)
        for k in range(count):
            at = k + int(_draw(state) * (opened - k)) if k else 0
            open_near[k], open_near[at] = open_near[at], open_near[k]
            going[k] = open_near[k]
            _go(indptr, site, weight, ptr, group, chosen, place, times, gain, loss, both, going[k])
        for k in range(count):
            # As the relaxation would have it, anywhere: what goes here may come there.
            come = -1
            while come < 0 or place[come] >= 0:
                come = min(sites - 1, np.searchsorted(chance, _draw(state) * chance[-1], side="right"))
            _come(indptr, site, weight, ptr, group, chosen, place, times, gain, loss, both, going[k], come)
        total = 0.0
        for i in range(len(weight)):
            if times[i] > 0:
                total += weight[i]
        total = _exchange(indptr, site, weight, ptr, group, chosen, place, times, gain, loss, both, total)
        if total > best_total * (1 + 1e-12):
            best[:], best_total = chosen, total
        if anew or total > since[0] * (1 + 1e-12):
            state[1], since[0] = np.uint64(0), total
        if anew or total >= here_total * (1 - WORSE):
            here[:], here_total = chosen, total
            if total < best_total and not anew and _draw(state) < 0.02:
                here[:], here_total = best, best_total
        if total < here_total:
            # Back to where this one came from, by the sites that differ.
            held[:] = False
            for k in range(p):
                held[here[k]] = True
            missing, at = np.empty(p, np.int64), 0
            for k in range(p):
                if place[here[k]] < 0:
                    missing[at] = here[k]
                    at += 1
            for k in range(p):
                if not held[chosen[k]]:
                    at -= 1
                    _go(indptr, site, weight, ptr, group, chosen, place, times, gain, loss, both, k)
                    _come(
                        indptr,
                        site,
                        weight,
                        ptr,
                        group,
                        chosen,
                        place,
                        times,
                        gain,
                        loss,
                        both,
                        k,
                        missing[at],
                    )
            total = here_total
    return total, here_total, best_total


class Shaker:
    """Iterated local search from a choice: a random open site and some of those near it go, as many come anywhere, drawn
    by the shares of the relaxation, then exchanges over all sites. A choice that is hardly worse is gone on from, now and
    then the best one; after long in vain half of the sites are drawn anew. best (p,), value: the best so far."""

    def __init__(self, group: Grouped, chosen: Ints, share: Floats, seed: int, most: int = 8) -> None:
        self.entries: Any = (*group.arrays, *group.by_site())
        sites, p = group.sites, len(chosen)
        self.near: Any = _neighbours(group.indptr, group.site, *group.by_site())
        self.chosen = np.asarray(chosen, np.int64).copy()
        self.known: Any = (
            np.empty(sites, np.int64), np.empty(group.groups, np.int32), np.empty(sites), np.empty(p),
            np.empty((p, sites)),
        )  # fmt: skip
        self.total = float(_known(*group.arrays, self.chosen, *self.known))
        self.here, self.here_total = self.chosen.copy(), self.total
        self.best, self.value = self.chosen.copy(), self.total
        self.chance = np.cumsum(share + 0.02 * max(float(share.sum()), 1e-9) / sites)
        self.most = most
        self.state, self.since = np.array([2 * seed + 1, 0], np.uint64), np.array([self.total])

    def shake(self, rounds: int) -> bool:
        """Whether `rounds` rounds found something better."""
        before = self.value
        given: Any = (
            *self.entries, *self.near, self.chosen, *self.known, self.total, self.here, self.here_total, self.best,
            self.value, self.chance, self.state, self.since, rounds, self.most,
        )  # fmt: skip
        self.total, self.here_total, self.value = _shake(*given)
        return self.value > before
