"""The bound of bound.py with every maximum rounded off, and its gradient: what the search for prices descends on.

max(0, y) becomes heat s^2 + max(0, y - heat) with s = (y + heat) / (2 heat) cut to 0..1: equal to max(0, y) outside the
band |y| < heat, at most heat / 4 above it, with slope s. Unlike the soft maximum by exponentials it needs no special
function, and what lies outside the band has exactly no pull. The choice among the options of one exclusive set is the
usual soft maximum; there are few of those.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath=True)
def fillings(nodes, node_ptr, edge_group, need, pay, fee, heat, worth, load):
    """For the listed nodes: worth (v,) = sum need x max(0, pay - fee) rounded off; load (v,) = sum need x its slope.
    pay (g,) and fee, heat (v,) in units of value."""
    for i in range(nodes.size):
        v = nodes[i]
        total, taken, paid, warm = 0.0, 0.0, fee[v], heat[v]
        half = 0.5 / warm
        for e in range(node_ptr[v], node_ptr[v + 1]):
            g = edge_group[e]
            y = pay[g] - paid
            s = min(max((y + warm) * half, 0.0), 1.0)
            total += need[g] * (warm * s * s + max(y - warm, 0.0))
            taken += need[g] * s
        worth[v] = total
        load[v] = taken


@njit(cache=True, nogil=True, fastmath=True)
def pulls(nodes, node_ptr, edge_group, need, pay, fee, heat, factor, pull):
    """pull (g,) += factor x need x slope over the edges of the listed nodes: how much the value falls as pay rises."""
    for i in range(nodes.size):
        v = nodes[i]
        f = factor[v]
        if f <= 0.0:
            continue
        half, shift = 0.5 / heat[v], heat[v] - fee[v]
        for e in range(node_ptr[v], node_ptr[v + 1]):
            g = edge_group[e]
            s = min(max((pay[g] + shift) * half, 0.0), 1.0)
            pull[g] += f * need[g] * s


@njit(cache=True, nogil=True)
def soft_choice(key_ptr, key_option, profit, warmth, forced, share):
    """Sum over exclusive sets of the soft maximum of 0 and the profits; share (o,) its slopes. A forced option is chosen
    whatever it earns."""
    total = 0.0
    for k in range(key_ptr.size - 1):
        lo, hi = key_ptr[k], key_ptr[k + 1]
        bound = False
        for i in range(lo, hi):
            share[key_option[i]] = 0.0
        for i in range(lo, hi):
            o = key_option[i]
            if forced[o]:
                share[o] = 1.0
                total += profit[o]
                bound = True
        if bound:
            continue
        heat, top = warmth[k], 0.0
        for i in range(lo, hi):
            top = max(top, profit[key_option[i]])
        rest = np.exp(-top / heat)
        for i in range(lo, hi):
            rest += np.exp((profit[key_option[i]] - top) / heat)
        for i in range(lo, hi):
            share[key_option[i]] = np.exp((profit[key_option[i]] - top) / heat) / rest
        total += top + heat * np.log(rest)
    return total


@njit(cache=True, nogil=True)
def hard_choice(key_ptr, key_option, profit, forced, key_best, key_second, leader):
    """The same without rounding off: key_best (k,) what each set earns at most, leader (k,) the option that earns it or
    -1 for none, key_second (k,) what the set earns at most without the leader. Returns the sum of key_best."""
    total = 0.0
    for k in range(key_ptr.size - 1):
        best, second, lead, must = 0.0, 0.0, -1, False
        for i in range(key_ptr[k], key_ptr[k + 1]):
            o = key_option[i]
            if forced[o]:
                best = best + profit[o] if must else profit[o]
                second, lead, must = best, o, True
        if not must:
            for i in range(key_ptr[k], key_ptr[k + 1]):
                o = key_option[i]
                if profit[o] > best:
                    second, best, lead = best, profit[o], o
                elif profit[o] > second:
                    second = profit[o]
        key_best[k], key_second[k], leader[k] = best, second, lead
        total += best
    return total


@njit(cache=True, nogil=True)
def fillings_exactly(low, high, node_ptr, edge_group, units, need, pay, worth, last):
    """worth (v,) of nodes low..high: best filling of each, its units to the groups that pay most; last (v,) what the
    last of its units earns, 0 where it is not filled."""
    for v in range(low, high):
        lo, hi = node_ptr[v], node_ptr[v + 1]
        total, wanted, count = 0.0, np.int64(0), 0
        for e in range(lo, hi):
            g = edge_group[e]
            if pay[g] > 0.0:
                total += pay[g] * need[g]
                wanted += need[g]
                count += 1
        worth[v], last[v] = total, 0.0
        if wanted <= units[v]:
            continue
        offer, group = np.empty(count), np.empty(count, np.int64)
        k = 0
        for e in range(lo, hi):
            g = edge_group[e]
            if pay[g] > 0.0:
                offer[k], group[k] = -pay[g], g
                k += 1
        total, room = 0.0, units[v]
        for i in np.argsort(offer):
            if room == 0:
                break
            take = min(room, need[group[i]])
            total -= offer[i] * take
            room -= take
            last[v] = -offer[i]
        worth[v] = total
