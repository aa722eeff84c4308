"""Hexagons over the web map's plane (EPSG:3857): which one holds a point, and where its corners are.

For each zoom level the plane is tiled by pointy-top hexagons, `ACROSS` of them to the width of a tile, so a wide view
draws two or three thousand shapes instead of all the cells. A hexagon's key holds its two axial coordinates.
"""

from __future__ import annotations

import numpy as np

WORLD_M = 40_075_016.685578488
ACROSS = 48
_HALF = 1 << 24
_BITS = 25
FIRST_LEVEL = 6
LAST_LEVEL = 14
# A tile of raw cells stays below the size a browser takes in one bite.
CELLS_A_TILE = 8_000


def web_mercator(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Degrees (n,) -> EPSG:3857 metres."""
    radius = WORLD_M / (2 * np.pi)
    return radius * np.radians(lon), radius * np.log(
        np.tan(np.pi / 4 + np.radians(np.clip(lat, -85.05, 85.05)) / 2)
    )


def hexagon_width(level: int) -> float:
    """Flat-to-flat width in EPSG:3857 metres at a zoom level."""
    return WORLD_M / 2**level / ACROSS


def hexagon_keys(x: np.ndarray, y: np.ndarray, level: int) -> np.ndarray:
    """Key (n,) int64 of the hexagon that holds each point; axial rounding by the largest error."""
    side = hexagon_width(level) / np.sqrt(3)
    q = (np.sqrt(3) / 3 * x - y / 3) / side
    r = (2 / 3 * y) / side
    s = -q - r
    rq, rr, rs = np.rint(q), np.rint(r), np.rint(s)
    dq, dr, ds = np.abs(rq - q), np.abs(rr - r), np.abs(rs - s)
    fix_q = (dq > dr) & (dq > ds)
    fix_r = ~fix_q & (dr > ds)
    rq = np.where(fix_q, -rr - rs, rq).astype(np.int64)
    rr = np.where(fix_r, -rq - rs, rr).astype(np.int64)
    return ((rq + _HALF) << _BITS) | (rr + _HALF)


def hexagon_corners(keys: np.ndarray, level: int) -> np.ndarray:
    """Closed rings (n, 7, 2) of the hexagons, EPSG:3857 metres."""
    width = hexagon_width(level)
    side = width / np.sqrt(3)
    q = (np.asarray(keys, np.int64) >> _BITS) - _HALF
    r = (np.asarray(keys, np.int64) & ((1 << _BITS) - 1)) - _HALF
    x, y = width * (q + r / 2), 1.5 * side * r
    angle = np.radians(30 + 60 * np.arange(7))
    return np.stack([x[:, None] + side * np.cos(angle), y[:, None] + side * np.sin(angle)], axis=2)


def group_levels(x: np.ndarray, y: np.ndarray) -> range:
    """Zoom levels that need grouping: up to where the fullest tile holds few enough cells to draw them as they are."""
    level = FIRST_LEVEL
    while level <= LAST_LEVEL:
        tile_m = WORLD_M / 2**level
        tiles = (np.floor(x / tile_m).astype(np.int64) << 32) + np.floor(y / tile_m).astype(np.int64)
        if np.unique(tiles, return_counts=True)[1].max(initial=0) <= CELLS_A_TILE:
            break
        level += 1
    return range(FIRST_LEVEL, level)
