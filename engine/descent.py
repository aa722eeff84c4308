"""Projected L-BFGS for smooth functions on a box, without BLAS.

scipy's L-BFGS-B spends its time in threaded BLAS calls on short vectors and slows down a hundredfold on a busy
machine; these loops do not. Directions come from the usual two-loop recursion over the free variables
(Nocedal 1980; Bertsekas 1982 for the projection).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def _direction(gradient, free, steps, turns, curve, count, newest):
    """-(inverse Hessian estimate) x gradient over the free variables; 0 elsewhere."""
    memory, n = steps.shape
    d = np.empty(n)
    for i in range(n):
        d[i] = gradient[i] if free[i] else 0.0
    alpha = np.zeros(memory)
    for back in range(count):
        k = (newest - back) % memory
        total = 0.0
        for i in range(n):
            total += steps[k, i] * d[i]
        alpha[k] = total / curve[k]
        for i in range(n):
            d[i] -= alpha[k] * turns[k, i]
    if count > 0:
        norm = 0.0
        for i in range(n):
            norm += turns[newest, i] * turns[newest, i]
        scale = curve[newest] / norm
        for i in range(n):
            d[i] *= scale
    for back in range(count - 1, -1, -1):
        k = (newest - back) % memory
        total = 0.0
        for i in range(n):
            total += turns[k, i] * d[i]
        beta = total / curve[k]
        for i in range(n):
            d[i] += (alpha[k] - beta) * steps[k, i]
    for i in range(n):
        d[i] = -d[i] if free[i] else 0.0
    return d


@njit(cache=True, nogil=True)
def _moved(x, d, length, low, high, gradient):
    """x + length x d put back into the box, and gradient . (new - x)."""
    out, slope = np.empty(x.size), 0.0
    for i in range(x.size):
        out[i] = min(max(x[i] + length * d[i], low[i]), high[i])
        slope += gradient[i] * (out[i] - x[i])
    return out, slope


@njit(cache=True, nogil=True)
def _dots(a, b):
    out = 0.0
    for i in range(a.size):
        out += a[i] * b[i]
    return out


def descend(
    function: Callable[[Floats], tuple[float, Floats]],
    x: Floats,
    low: Floats,
    high: Floats,
    most: int,
    go_on: Callable[[], bool],
    memory: int = 20,
    patience: float = 1e-7,
) -> Floats:
    """Minimise function(x) -> (value, gradient) over low <= x <= high from x. Stops after `most` steps, when go_on()
    is False, or when 10 steps together gain less than `patience` of the value."""
    x = np.clip(x, low, high)
    value, gradient = function(x)
    n = len(x)
    steps, turns, curve = np.zeros((memory, n)), np.zeros((memory, n)), np.ones(memory)
    count, newest, earlier = 0, -1, value
    for step in range(most):
        if not go_on():
            break
        free = ~(((x <= low) & (gradient > 0)) | ((x >= high) & (gradient < 0)))
        d = _direction(gradient, free, steps, turns, curve, count, max(newest, 0))
        if _dots(d, gradient) > -1e-14 * abs(value):
            d, count = np.where(free, -gradient, 0.0), 0
        length = 1.0 if count else min(1.0, 1.0 / max(float(np.abs(d).sum()), 1e-12))
        for _ in range(30):
            trial, slope = _moved(x, d, length, low, high, gradient)
            trial_value, trial_gradient = function(trial)
            if trial_value <= value + 1e-4 * slope:
                break
            length *= 0.5
        else:
            if count == 0:
                break
            count = 0
            continue
        s, y = trial - x, trial_gradient - gradient
        bend = _dots(s, y)
        x, value, gradient = trial, trial_value, trial_gradient
        if bend > 1e-12 * np.sqrt(_dots(s, s) * _dots(y, y)):
            newest = (newest + 1) % memory
            steps[newest], turns[newest], curve[newest] = s, y, bend
            count = min(count + 1, memory)
        if step % 10 == 9:
            if earlier - value < patience * abs(value):
                break
            earlier = value
    return x
