"""The linear relaxation of maximal cover by a primal-dual first-order method, from any start and with any sites fixed.

    greatest  sum w[i] min(1, sum of y over the sites of i) - sum charge[j] y[j],   low <= y <= high,  sum y = p (or free)

Iterates (y, prices) are reflected and pulled back to an anchor (Halpern), which moves when the fixed-point error has
fallen enough; the balance of the two step sizes follows the distances both sides travel. Steps by row and column.
Sources: Pock and Chambolle 2011; Applegate et al. 2021; Lu and Yang 2024 (restarted Halpern).

Every iterate's prices prove a bound, and its shares a value of the relaxation; the best of both are kept. Sums over rows
run along `Chains`, which is why a city's iteration takes a millisecond.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Places in the array of scalars that a run keeps between calls.
BALANCE, SINCE, FIRST_ERROR, LAST_ERROR, SHIFT, ALL, BOUND, RELAXED, SCALARS = 0, 1, 2, 3, 4, 5, 6, 7, 9
CHECK_EVERY = 8


@njit(nogil=True, cache=True)
def to_p(values, step, low, high, p, shift):
    """(shares, shift): the nearest to `values` in low..high that sum to p, distances weighed by 1/step:
    values - shift x step, cut. `shift` in is where to look first."""
    below, above = np.inf, -np.inf
    for j in range(len(values)):
        below = min(below, (values[j] - high[j]) / step[j])
        above = max(above, (values[j] - low[j]) / step[j])
    if not below <= shift <= above:
        shift = 0.5 * (below + above)
    for _ in range(100):
        total, slope = 0.0, 0.0
        for j in range(len(values)):
            share = values[j] - shift * step[j]
            if share >= high[j]:
                total += high[j]
            elif share <= low[j]:
                total += low[j]
            else:
                total += share
                slope += step[j]
        if abs(total - p) <= 1e-11 * max(p, 1.0):
            break
        if total > p:
            below = shift
        else:
            above = shift
        ahead = shift + (total - p) / slope if slope > 0 else np.inf
        shift = ahead if below < ahead < above else 0.5 * (below + above)
        if above - below <= 1e-15 * max(abs(above), abs(below)):
            break
    out = np.empty(len(values))
    for j in range(len(values)):
        out[j] = min(high[j], max(low[j], values[j] - shift * step[j]))
    return out, shift


@njit(nogil=True, cache=True)
def best_worth(net, low, high, p):
    """The most that sites can be worth: those held in, and the best of the free ones, p in all (p < 0: as many as gain)."""
    total, held, free = 0.0, 0, 0
    rest = np.empty(len(net))
    for j in range(len(net)):
        if low[j] > 0.5:
            total += net[j]
            held += 1
        elif high[j] > 0.5:
            rest[free] = net[j]
            free += 1
    rest = rest[:free]
    if p < 0:
        for j in range(free):
            total += max(0.0, rest[j])
        return total
    want = int(p) - held
    if want <= 0:
        return total
    if want >= free:
        return total + rest.sum()
    least = np.partition(rest, free - want)
    return total + least[free - want :].sum()


@njit(nogil=True, cache=True)
def covered(parent, ptr, change, share, out):
    """out (n,): sum of the shares of each row's sites."""
    for i in range(len(parent)):
        total = out[parent[i]] if parent[i] >= 0 else 0.0
        for q in range(ptr[i], ptr[i + 1]):
            j = change[q]
            total += share[j] if j >= 0 else -share[~j]
        out[i] = total


@njit(nogil=True, cache=True)
def worths(parent, ptr, change, price, below, worth):
    """worth (m,): sum of the prices of each site's rows. below (n,): room for the sums of families."""
    worth[:] = 0.0
    below[:] = price
    for i in range(len(parent) - 1, -1, -1):
        total = below[i]
        if parent[i] >= 0:
            below[parent[i]] += total
        for q in range(ptr[i], ptr[i + 1]):
            j = change[q]
            if j >= 0:
                worth[j] += total
            else:
                worth[~j] -= total


@njit(nogil=True, cache=True)
def advance(
    count, parent, ptr, change, weight, row_step, site_step, low, high, p, charge,
    share, price, reached, worth, share_0, price_0, reached_0, worth_0, scalars, best_price, best_share,
):  # fmt: skip
    """Run `count` iterations from where the arrays and scalars stand. share, worth (m,), price, reached (n,): the iterate,
    the sums over its rows and columns; those with _0: the anchor."""
    n, m = len(weight), len(share)
    reached_to, price_to, below, worth_to = np.empty(n), np.empty(n), np.empty(n), np.empty(m)
    for _ in range(count):
        balance = scalars[BALANCE]
        step = site_step / balance
        wanted = share + step * (worth - charge)
        if p >= 0:
            share_to, scalars[SHIFT] = to_p(wanted, step, low, high, p, scalars[SHIFT])
        else:
            share_to = np.minimum(high, np.maximum(low, wanted))
        left, gained, moved, crossed = 0.0, 0.0, 0.0, 0.0
        for i in range(n):
            total = reached_to[parent[i]] if parent[i] >= 0 else 0.0
            for q in range(ptr[i], ptr[i + 1]):
                j = change[q]
                total += share_to[j] if j >= 0 else -share_to[~j]
            reached_to[i] = total
        for i in range(n):
            rate = row_step[i] * balance
            to = min(weight[i], max(0.0, price[i] - rate * (2.0 * reached_to[i] - reached[i] - 1.0)))
            price_to[i] = to
            below[i] = to
            gone = to - price[i]
            left += weight[i] - to
            gained += weight[i] * min(1.0, reached_to[i])
            moved += gone * gone / rate
            crossed += gone * (reached_to[i] - reached[i])
        worth_to[:] = 0.0
        for i in range(n - 1, -1, -1):
            total = below[i]
            if parent[i] >= 0:
                below[parent[i]] += total
            for q in range(ptr[i], ptr[i + 1]):
                j = change[q]
                if j >= 0:
                    worth_to[j] += total
                else:
                    worth_to[~j] -= total
        for j in range(m):
            gone = share_to[j] - share[j]
            moved += gone * gone / step[j]
            gained -= charge[j] * share_to[j]
        error = np.sqrt(max(moved + 2.0 * crossed, 0.0))
        scalars[ALL] += 1
        since = scalars[SINCE]
        if int(scalars[ALL]) % CHECK_EVERY == 0:
            ceiling = left + best_worth(worth_to - charge, low, high, p)
            if ceiling < scalars[BOUND]:
                scalars[BOUND] = ceiling
                best_price[:] = price_to
            if gained > scalars[RELAXED]:
                scalars[RELAXED] = gained
                best_share[:] = share_to
        if since == 0:
            scalars[FIRST_ERROR] = error
        again = since > 0 and (
            error <= 0.2 * scalars[FIRST_ERROR]
            or (error <= 0.8 * scalars[FIRST_ERROR] and error > scalars[LAST_ERROR])
            or since >= 0.36 * scalars[ALL]
        )
        scalars[LAST_ERROR] = error
        if again:
            far_share, far_price = 0.0, 0.0
            for j in range(m):
                gone = share_to[j] - share_0[j]
                far_share += gone * gone / site_step[j]
            for i in range(n):
                gone = price_to[i] - price_0[i]
                far_price += gone * gone / row_step[i]
            if far_share > 1e-20 and far_price > 1e-20:
                scalars[BALANCE] = np.exp(
                    0.5 * np.log(np.sqrt(far_price / far_share)) + 0.5 * np.log(balance)
                )
            share[:], price[:], reached[:], worth[:] = share_to, price_to, reached_to, worth_to
            share_0[:], price_0[:], reached_0[:], worth_0[:] = share_to, price_to, reached_to, worth_to
            scalars[SINCE] = 0
            continue
        pull = 1.0 / (since + 2.0)
        for j in range(m):
            share[j] = (1.0 - pull) * (2.0 * share_to[j] - share[j]) + pull * share_0[j]
            worth[j] = (1.0 - pull) * (2.0 * worth_to[j] - worth[j]) + pull * worth_0[j]
        for i in range(n):
            price[i] = (1.0 - pull) * (2.0 * price_to[i] - price[i]) + pull * price_0[i]
            reached[i] = (1.0 - pull) * (2.0 * reached_to[i] - reached[i]) + pull * reached_0[i]
        scalars[SINCE] = since + 1
