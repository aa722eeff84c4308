"""Limited-memory quasi-Newton steps on a box, for vectors of hundreds of thousands of numbers.

The usual two-loop recursion (Nocedal 1980) reads the memory four times per step. Here the recursion runs on inner
products (Chen, Wang, Zhou 2014), so that one sweep gives the products and one the direction; the memory is kept in single
precision, which only tilts the direction a little. Box by projection (Bertsekas 1982).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CHUNK = 4096
AHEAD = 1e-4  # share of the promised descent a step must keep (Armijo)


@njit(cache=True, nogil=True, fastmath=True)
def _dots(row, x, y, z, out, at):
    """out[0..2, at] += row . x, y, z. Chunks are short enough for single precision to add up in."""
    a, b, c = np.float32(0.0), np.float32(0.0), np.float32(0.0)
    for i in range(row.size):
        a += row[i] * x[i]
        b += row[i] * y[i]
        c += row[i] * z[i]
    out[0, at] += a
    out[1, at] += b
    out[2, at] += c


@njit(cache=True, nogil=True)
def _products(steps, turns, d, slot, count, out):
    """out (3, 2 memory): inner products of the memory with the step and the turn in `slot`, and with d. One sweep."""
    memory, n = steps.shape
    out[:] = 0.0
    short = np.empty(CHUNK, np.float32)
    for low in range(0, n, CHUNK):
        high = min(low + CHUNK, n)
        z = short[: high - low]
        z[:] = d[low:high]
        x, y = steps[slot, low:high], turns[slot, low:high]
        for k in range(count):
            _dots(steps[k, low:high], x, y, z, out, k)
            _dots(turns[k, low:high], x, y, z, out, memory + k)


@njit(cache=True, nogil=True, fastmath=True)
def _add(out, row, other, a, b):
    for i in range(out.size):
        out[i] += a * row[i] + b * other[i]


@njit(cache=True, nogil=True)
def _combined(steps, turns, d, count, share, scale):
    """d becomes scale x d + share . (steps, turns)."""
    memory, n = steps.shape
    short = np.empty(CHUNK, np.float32)
    for low in range(0, n, CHUNK):
        high = min(low + CHUNK, n)
        out = short[: high - low]
        out[:] = d[low:high] * scale
        for k in range(count):
            _add(
                out,
                steps[k, low:high],
                turns[k, low:high],
                np.float32(share[k]),
                np.float32(share[memory + k]),
            )
        d[low:high] = out


@njit(cache=True, nogil=True)
def _shares(gram, products, count, newest):
    """The two-loop recursion on inner products: (share (2 memory,), scale) with direction = scale x d + share . memory.

    gram (2 memory, 2 memory): inner products of steps and turns. products (2 memory,): with d.
    """
    memory = gram.shape[0] // 2
    share, alpha, scale = np.zeros(2 * memory), np.zeros(memory), 1.0
    for back in range(count):
        k = (newest - back) % memory
        total = products[k]
        for j in range(count):
            total += share[memory + j] * gram[k, memory + j]
        alpha[k] = total / gram[k, memory + k]
        share[memory + k] -= alpha[k]
    if count > 0:
        scale = gram[newest, memory + newest] / gram[memory + newest, memory + newest]
        share *= scale
    for back in range(count - 1, -1, -1):
        k = (newest - back) % memory
        total = scale * products[memory + k]
        for j in range(count):
            total += share[j] * gram[j, memory + k] + share[memory + j] * gram[memory + j, memory + k]
        share[k] += alpha[k] - total / gram[k, memory + k]
    return share, scale


@njit(cache=True, nogil=True, fastmath=True)
def _masked(x, gradient, low, high, d):
    """d: the gradient where x may follow its descent, 0 where the box stops it."""
    for i in range(x.size):
        stopped = (x[i] <= low[i] and gradient[i] > 0) or (x[i] >= high[i] and gradient[i] < 0)
        d[i] = 0.0 if stopped else gradient[i]


@njit(cache=True, nogil=True, fastmath=True)
def _turned(x, gradient, low, high, d):
    """d becomes -d, 0 where the box stops it. d . gradient."""
    total = 0.0
    for i in range(x.size):
        stopped = (x[i] <= low[i] and gradient[i] > 0) or (x[i] >= high[i] and gradient[i] < 0)
        d[i] = 0.0 if stopped else -d[i]
        total += d[i] * gradient[i]
    return total


@njit(cache=True, nogil=True, fastmath=True)
def _moved(x, d, length, low, high, gradient, out):
    """out: x + length x d put back into the box. gradient . (out - x)."""
    slope = 0.0
    for i in range(x.size):
        out[i] = min(max(x[i] + length * d[i], low[i]), high[i])
        slope += gradient[i] * (out[i] - x[i])
    return slope


@njit(cache=True, nogil=True, fastmath=True)
def _kept(x, new, gradient, new_gradient, step, turn):
    """Store the step and the turn of the gradient; step . turn, step . step, turn . turn in full precision."""
    a, b, c = 0.0, 0.0, 0.0
    for i in range(x.size):
        s, y = new[i] - x[i], new_gradient[i] - gradient[i]
        step[i], turn[i] = s, y
        a += s * y
        b += s * s
        c += y * y
    return a, b, c


def descend(
    function: Callable[[Floats, bool], tuple[float, Floats]],
    x: Floats,
    low: Floats,
    high: Floats,
    most: int,
    go_on: Callable[[], bool],
    memory: int = 12,
    patience: float = 1e-7,
    refresh: int = 20,
) -> Floats:
    """Minimise function(x, whole) -> (value, gradient) over low <= x <= high from x. Stops after `most` steps, when
    go_on() is False, or when `refresh` steps together gain less than `patience` of the value. Every `refresh` steps the
    function is asked for the whole (whole is True) and may in between leave out what hardly counts."""
    x = np.clip(x, low, high)
    value, gradient = function(x, True)
    n = len(x)
    steps, turns = np.zeros((memory, n), np.float32), np.zeros((memory, n), np.float32)
    gram, products = np.zeros((2 * memory, 2 * memory)), np.zeros((3, 2 * memory))
    d, trial = np.empty(n), np.empty(n)
    count, newest, earlier, fresh = 0, 0, value, False
    for step in range(1, most + 1):
        if not go_on():
            break
        if step % refresh == 0:
            value, gradient = function(x, True)
            if earlier - value < patience * abs(value):
                break
            earlier = value
        _masked(x, gradient, low, high, d)
        if count:
            _products(steps, turns, d, newest, count, products)
            if fresh:
                for row, vector in ((newest, products[0]), (memory + newest, products[1])):
                    gram[row], gram[:, row] = vector, vector
            share, scale = _shares(gram, products[2], count, newest)
            _combined(steps, turns, d, count, share, scale)
        if _turned(x, gradient, low, high, d) > -1e-14 * abs(value):
            count = 0
            _masked(x, gradient, low, high, d)
            _turned(x, gradient, low, high, d)
        length = 1.0 if count else min(1.0, 1.0 / max(float(np.abs(d).sum()), 1e-12))
        for _ in range(30):
            slope = _moved(x, d, length, low, high, gradient, trial)
            trial_value, trial_gradient = function(trial, False)
            if trial_value <= value + AHEAD * slope:
                break
            length *= 0.5
        else:
            if count == 0:
                break
            count = 0
            continue
        slot = (newest + 1) % memory if count else 0
        bend, moved, turned = _kept(x, trial, gradient, trial_gradient, steps[slot], turns[slot])
        x, trial, value, gradient = trial, x, trial_value, trial_gradient
        # What is too small for float32 to hold would divide by zero.
        fresh = bend > max(1e-12 * np.sqrt(moved * turned), 1e-24)
        if fresh:
            newest, count = slot, min(count + 1, memory)
        else:
            count = min(count, memory - 1)  # the oldest pair was overwritten by one that is of no use
    return x
