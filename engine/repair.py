"""Local changes of the nearest-first assignment, exact: people who move on, vacancies that are filled.

Both sides agree on one strict order of pairs, so there is exactly one stable assignment, the greedy one. Where capacity
goes, those who lose their place ask down their lists and push out whoever stands behind them (deferred acceptance, Gale
and Shapley 1962; in units, Baiou and Balinski 2002). Where capacity comes, a place with room asks down its own list and
draws people away from places they like less. Each ends in the stable assignment of the new capacities, whatever the
order of the steps.
"""

from __future__ import annotations

from numba import njit

from engine.ledger import touch_pair, touch_row, touch_sink


@njit(cache=True, nogil=True)
def shrink(ledger, s, by):
    """Take `by` units of capacity from sink s; those turned away wait until `settle`."""
    touch_sink(ledger, s)
    free = min(ledger.room[s], by)
    ledger.room[s] -= free
    by -= free
    p = ledger.last[s]
    while by > 0:
        while ledger.units[p] == 0:
            p -= 1
        gone = min(by, ledger.units[p])
        _turn_away(ledger, p, gone)
        by -= gone
    ledger.last[s] = p


@njit(cache=True, nogil=True)
def close(ledger, s):
    """Take all capacity from sink s; those turned away wait until `settle`. Units turned away."""
    touch_sink(ledger, s)
    gone = 0
    for p in range(ledger.sink_begin[s], ledger.last[s] + 1):
        if ledger.units[p] > 0:
            gone += ledger.units[p]
            _turn_away(ledger, p, ledger.units[p])
    ledger.room[s] = 0
    ledger.last[s] = ledger.sink_begin[s] - 1
    return gone


@njit(cache=True, nogil=True)
def _turn_away(ledger, p, amount):
    touch_pair(ledger, p)
    ledger.units[p] -= amount
    r, after = ledger.row[p], ledger.row_at[p] + 1
    if not ledger.row_waits[r]:
        ledger.row_waits[r] = True
        ledger.row_stack[ledger.waiting[0]] = r
        ledger.waiting[0] += 1
        ledger.want_from[r] = after
    elif after < ledger.want_from[r]:
        ledger.want_from[r] = after
    ledger.want[r] += amount


@njit(cache=True, nogil=True)
def settle(ledger):
    """Let everybody who was turned away ask on. Units left without a place in the end."""
    lost = 0
    while ledger.waiting[0] > 0:
        ledger.waiting[0] -= 1
        r = ledger.row_stack[ledger.waiting[0]]
        ledger.row_waits[r] = False
        want, at = ledger.want[r], ledger.want_from[r]
        ledger.want[r] = 0
        touch_row(ledger, r)
        while want > 0 and at < ledger.row_end[r]:
            p = ledger.row_list[at]
            s = ledger.sink[p]
            given = min(want, ledger.room[s])
            if given > 0:
                touch_sink(ledger, s)
                ledger.room[s] -= given
            if given < want and ledger.last[s] > p:
                touch_sink(ledger, s)
                w = ledger.last[s]
                while given < want and w > p:
                    if ledger.units[w] == 0:
                        w -= 1
                        continue
                    moved = min(want - given, ledger.units[w])
                    _turn_away(ledger, w, moved)
                    given += moved
                ledger.last[s] = w
            if given > 0:
                touch_pair(ledger, p)
                ledger.units[p] += given
                want -= given
                if p > ledger.last[s]:
                    ledger.last[s] = p
                if at > ledger.worst[r]:
                    ledger.worst[r] = at
            at += 1
        ledger.left[r] += want
        lost += want
    return lost


@njit(cache=True, nogil=True)
def grow(ledger, s, by):
    """Give sink s `by` more units of capacity; the vacancy waits until `fill`."""
    _vacate(ledger, s, by)


@njit(cache=True, nogil=True)
def _vacate(ledger, s, amount):
    touch_sink(ledger, s)
    if ledger.room[s] == 0:
        # A full sink turned people away from its last one on; before that, everybody who wanted in is in.
        p = ledger.last[s]
        while p >= ledger.sink_begin[s] and ledger.units[p] == 0:
            p -= 1
        ledger.last[s] = p
        ledger.vacant_from[s] = max(p, ledger.sink_begin[s])
        if not ledger.sink_waits[s]:
            ledger.sink_waits[s] = True
            ledger.sink_stack[ledger.waiting[1]] = s
            ledger.waiting[1] += 1
    ledger.room[s] += amount


@njit(cache=True, nogil=True)
def fill(ledger):
    """Let every vacancy be filled. Units placed that had no place before."""
    placed = 0
    while ledger.waiting[1] > 0:
        ledger.waiting[1] -= 1
        s = ledger.sink_stack[ledger.waiting[1]]
        ledger.sink_waits[s] = False
        touch_sink(ledger, s)
        for p in range(ledger.vacant_from[s], ledger.sink_end[s]):
            if ledger.room[s] == 0:
                break
            r, at = ledger.row[p], ledger.row_at[p]
            taken = min(ledger.left[r], ledger.room[s])
            if taken > 0:
                touch_row(ledger, r)
                ledger.left[r] -= taken
                placed += taken
                if at > ledger.worst[r]:
                    ledger.worst[r] = at
            w = ledger.worst[r]
            if taken < ledger.room[s] and w > at:
                touch_row(ledger, r)
                while taken < ledger.room[s] and w > at:
                    other = ledger.row_list[w]
                    if ledger.units[other] == 0:
                        w -= 1
                        continue
                    moved = min(ledger.room[s] - taken, ledger.units[other])
                    _vacate(ledger, ledger.sink[other], moved)
                    touch_pair(ledger, other)
                    ledger.units[other] -= moved
                    taken += moved
                ledger.worst[r] = w
            if taken > 0:
                touch_pair(ledger, p)
                ledger.units[p] += taken
                ledger.room[s] -= taken
                if p > ledger.last[s]:
                    ledger.last[s] = p
    return placed
