"""Water, flood bands and fault bands of a made-up city, as functions that can be tested at a point and drawn.

Every winding line is a function graph in a turned frame (v = f(u)), and bands around it are shifts along v. Such a
band can never cross itself, whatever the random phases are. Coordinates are metres from the city's centre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Waves:
    """A smooth random function: sum of sines. amplitude (k,), frequency (k,) per metre, phase (k,)."""

    base: float
    amplitude: Array
    frequency: Array
    phase: Array

    def __call__(self, u: Array) -> Array:
        u = np.asarray(u, dtype=float)[..., None]
        return self.base + (self.amplitude * np.sin(2 * np.pi * self.frequency * u + self.phase)).sum(axis=-1)


def waves(rng: np.random.Generator, base: float, amplitude: float, length_m: float, terms: int = 3) -> Waves:
    steps = np.arange(1, terms + 1)
    lengths = length_m / steps * rng.uniform(0.8, 1.25, terms)
    return Waves(base, amplitude / steps**1.6, 1 / lengths, rng.uniform(0, 2 * np.pi, terms))


@dataclass(frozen=True)
class Band:
    """Points whose v lies between middle(u) + low(u) and middle(u) + high(u), for u from start to end."""

    angle: float
    middle: Waves
    low: Waves
    high: Waves
    start: float
    end: float

    def turned(self, x: Array, y: Array) -> tuple[Array, Array]:
        c, s = np.cos(self.angle), np.sin(self.angle)
        return x * c + y * s, -x * s + y * c

    def straight(self, u: Array, v: Array) -> tuple[Array, Array]:
        c, s = np.cos(self.angle), np.sin(self.angle)
        return u * c - v * s, u * s + v * c

    def contains(self, x: Array, y: Array, margin_m: float = 0.0) -> Array:
        u, v = self.turned(x, y)
        v = v - self.middle(u)
        inside = (u >= self.start - margin_m) & (u <= self.end + margin_m)
        return inside & (v >= self.low(u) - margin_m) & (v <= self.high(u) + margin_m)

    def ring(self, step_m: float) -> Array:
        """Closed outline, (k, 2), counter-clockwise."""
        u = np.linspace(self.start, self.end, max(8, int((self.end - self.start) / step_m)))
        middle = self.middle(u)
        lower = np.column_stack(self.straight(u, middle + self.low(u)))
        upper = np.column_stack(self.straight(u, middle + self.high(u)))
        return np.vstack([lower, upper[::-1], lower[:1]])

    def line(self, step_m: float) -> Array:
        u = np.linspace(self.start, self.end, max(8, int((self.end - self.start) / step_m)))
        return np.column_stack(self.straight(u, self.middle(u)))


@dataclass(frozen=True)
class Lake:
    """A blob around (x, y): radius by direction is a short Fourier series, so the outline is star-shaped."""

    x: float
    y: float
    radius_m: float
    amplitude: Array
    phase: Array

    def radius(self, angle: Array) -> Array:
        k = np.arange(2, 2 + len(self.amplitude))
        waves_ = self.amplitude * np.cos(np.asarray(angle)[..., None] * k + self.phase)
        return self.radius_m * (1 + waves_.sum(axis=-1))

    def contains(self, x: Array, y: Array, margin_m: float = 0.0) -> Array:
        dx, dy = x - self.x, y - self.y
        near = np.hypot(dx, dy) <= self.radius_m * 1.6 + margin_m
        inside = np.zeros(np.shape(x), dtype=bool)
        dx, dy = dx[near], dy[near]
        inside[near] = np.hypot(dx, dy) <= self.radius(np.arctan2(dy, dx)) + margin_m
        return inside

    def ring(self, corners: int = 48) -> Array:
        angle = np.linspace(0, 2 * np.pi, corners + 1)
        r = self.radius(angle)
        ring = np.column_stack([self.x + r * np.cos(angle), self.y + r * np.sin(angle)])
        ring[-1] = ring[0]
        return ring


@dataclass(frozen=True)
class Terrain:
    """size_m: side of the square with the city's built-up area. flood and fault: (class code, bands)."""

    size_m: float
    river: Band
    tributary: Band
    lakes: tuple[Lake, ...]
    flood: tuple[tuple[str, tuple[Band, ...]], ...]
    fault_line: Band
    fault: tuple[tuple[str, tuple[Band, ...]], ...]

    def wet(self, x: Array, y: Array, margin_m: float = 0.0) -> Array:
        """True where there is water, (n,) bool."""
        wet = self.river.contains(x, y, margin_m) | self.tributary.contains(x, y, margin_m)
        for lake in self.lakes:
            wet |= lake.contains(x, y, margin_m)
        return wet


def _shifted(base: Waves, by: Waves) -> Waves:
    return Waves(
        base.base + by.base,
        np.r_[base.amplitude, by.amplitude],
        np.r_[base.frequency, by.frequency],
        np.r_[base.phase, by.phase],
    )


def _mirrored(wave: Waves) -> Waves:
    return Waves(-wave.base, -wave.amplitude, wave.frequency, wave.phase)


def make_terrain(rng: np.random.Generator, size_m: float) -> Terrain:
    scale = float(np.clip(size_m / 23_000, 0.6, 3.0))
    reach = 1.25 * size_m
    angle = rng.uniform(-0.45, 0.45)
    bend = waves(rng, rng.choice([-1, 1]) * 0.09 * size_m, 0.05 * size_m, 0.62 * size_m)
    width = waves(rng, 130 * scale, 25 * scale, 0.35 * size_m, 2)
    river = Band(angle, bend, _mirrored(width), width, -reach, reach)
    flood, inner = [], width
    for code, extra in (("deep", 110), ("medium", 170), ("shallow", 240)):
        outer = _shifted(inner, waves(rng, extra * scale, 0.30 * extra * scale, 0.25 * size_m))
        bands: tuple[Band, ...]
        if code == "deep":
            bands = (Band(angle, bend, _mirrored(outer), outer, -reach, reach),)
        else:
            upper = Band(angle, bend, inner, outer, -reach, reach)
            lower = Band(angle, bend, _mirrored(outer), _mirrored(inner), -reach, reach)
            bands = (upper, lower)
        flood.append((code, bands))
        inner = outer
    # the tributary comes down to the river from one side: it ends where it is surely inside the river's bed
    foot = rng.uniform(0.15, 0.4) * size_m * rng.choice([-1, 1])
    turn = angle + np.pi / 2
    wiggle = waves(rng, -foot, 0.02 * size_m, 0.4 * size_m)
    narrow = waves(rng, 45 * scale, 8 * scale, 0.3 * size_m, 1)
    mouth = float(bend(np.array([foot]))[0])
    tributary = Band(turn, wiggle, _mirrored(narrow), narrow, mouth, reach)
    lakes = _lakes(rng, size_m, scale)
    fault_angle = angle + rng.uniform(0.7, 1.1)
    trace = waves(rng, rng.choice([-1, 1]) * 0.34 * size_m, 0.012 * size_m, 0.7 * size_m)
    near = waves(rng, 0.02 * size_m, 0.003 * size_m, 0.4 * size_m, 2)
    mid = _shifted(near, waves(rng, 0.09 * size_m, 0.01 * size_m, 0.5 * size_m, 2))
    far = _shifted(mid, waves(rng, 1.6 * size_m, 0.0, 0.5 * size_m, 1))
    span = 1.6 * size_m
    zones = (
        ("IX", (Band(fault_angle, trace, _mirrored(near), near, -span, span),)),
        ("VIII", _both_sides(fault_angle, trace, near, mid, span)),
        ("VII", _both_sides(fault_angle, trace, mid, far, span)),
    )
    thin = Waves(1.0, np.zeros(1), np.ones(1), np.zeros(1))
    fault_line = Band(fault_angle, trace, _mirrored(thin), thin, -span, span)
    return Terrain(size_m, river, tributary, lakes, tuple(flood), fault_line, zones)


def _both_sides(angle: float, middle: Waves, inner: Waves, outer: Waves, span: float) -> tuple[Band, ...]:
    return (
        Band(angle, middle, inner, outer, -span, span),
        Band(angle, middle, _mirrored(outer), _mirrored(inner), -span, span),
    )


def _lakes(rng: np.random.Generator, size_m: float, scale: float) -> tuple[Lake, ...]:
    lakes = []
    for _ in range(int(rng.integers(4, 7))):
        bearing, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.12, 0.7) * size_m
        amplitude, phase = rng.uniform(0.03, 0.13, 3), rng.uniform(0, 2 * np.pi, 3)
        radius = rng.uniform(280, 850) * scale
        lakes.append(Lake(away * np.cos(bearing), away * np.sin(bearing), radius, amplitude, phase))
    return tuple(lakes)
