"""A second opinion on the Gaussian score of the Chengdu study, with numpy and csv alone.

    python tests/engine/chengdu_gaussian.py ../shared/data/chengdu

Shares nothing with the platform: it reads the study's files, writes the two steps from the formula with every distance
in one table, and prints the share of people in each band. `published` is how the study's published scores come about,
found by computing them again to the last digit: great circles on a sphere of 6,371 km, the Gaussian cut at the limit as
it is, and the hotels' GCJ-02 coordinates taken for WGS-84.
"""

import csv
import sys
from pathlib import Path

import numpy as np

EAST_M, NORTH_M = 95_400.0, 111_000.0  # a degree, on the plane of the study's program
SPHERE_M = 6_371_000.0
BETA, SHELTER_M, HOTEL_M = 0.5, 3_000.0, 1_000.0
M2_A_PERSON, USED, USED_GYM = 2.0, 0.60, 0.65
PEOPLE_A_ROOM, ROOMS_USED = 2, 0.7
BANDS = (("severe", 0.5), ("short", 1.0), ("balanced", 1.5), ("ample", np.inf))
GRIDS = {"day": "demand_grids_daytime_CLEAN.csv", "night": "demand_grids_nighttime_CLEAN.csv"}


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def numbers(rows: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows])


def hexes(folder: Path, time_of_day: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """lon, lat, people of the 4,857 hexes."""
    rows = table(folder / "population" / GRIDS[time_of_day])
    return numbers(rows, "lon"), numbers(rows, "lat"), numbers(rows, "population")


def shelters(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """lon, lat, places: area x 0.60 (gyms 0.65) / 2.0 m2."""
    rows = table(folder / "facilities" / "supply_facilities_CLEAN.csv")
    used = np.array([USED_GYM if row["facility_subtype"] == "体育场馆" else USED for row in rows])
    return numbers(rows, "lon"), numbers(rows, "lat"), numbers(rows, "total_area_m2") * used / M2_A_PERSON


def hotels(folder: Path, datum_right: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """lon, lat, places: rooms x 2 x 0.7."""
    rows = table(folder / "facilities" / "hotel_facilities_filtered.csv")
    lon, lat = numbers(rows, "lon"), numbers(rows, "lat")
    if datum_right:
        lon, lat = unshifted(lon, lat)
    return lon, lat, numbers(rows, "rooms") * PEOPLE_A_ROOM * ROOMS_USED


def shifted(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """WGS-84 -> GCJ-02, the known formula."""
    pi, a, ee = np.pi, 6378245.0, 0.00669342162296594323
    x, y = lon - 105, lat - 35
    both = (20 * np.sin(6 * x * pi) + 20 * np.sin(2 * x * pi)) * 2 / 3
    dy = -100 + 2 * x + 3 * y + 0.2 * y**2 + 0.1 * x * y + 0.2 * np.sqrt(abs(x)) + both
    dy += (20 * np.sin(y * pi) + 40 * np.sin(y / 3 * pi)) * 2 / 3
    dy += (160 * np.sin(y / 12 * pi) + 320 * np.sin(y * pi / 30)) * 2 / 3
    dx = 300 + x + 2 * y + 0.1 * x**2 + 0.1 * x * y + 0.1 * np.sqrt(abs(x)) + both
    dx += (20 * np.sin(x * pi) + 40 * np.sin(x / 3 * pi)) * 2 / 3
    dx += (150 * np.sin(x / 12 * pi) + 300 * np.sin(x / 30 * pi)) * 2 / 3
    w = 1 - ee * np.sin(lat / 180 * pi) ** 2
    return (
        lon + dx * 180 / (a / np.sqrt(w) * np.cos(lat / 180 * pi) * pi),
        lat + dy * 180 / (a * (1 - ee) / (w * np.sqrt(w)) * pi),
    )


def unshifted(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """GCJ-02 -> WGS-84: the place that shifts to (lon, lat)."""
    west, south = lon.copy(), lat.copy()
    for _ in range(40):
        east, north = shifted(west, south)
        west, south = west - (east - lon), south - (north - lat)
    return west, south


def on_plane(places, cells) -> np.ndarray:
    """Metres (m, n) between (lon, lat) on a flat city."""
    east = (places[0][:, None] * EAST_M - cells[0] * EAST_M) ** 2
    return np.sqrt(east + (places[1][:, None] * NORTH_M - cells[1] * NORTH_M) ** 2)


def on_sphere(places, cells) -> np.ndarray:
    """Metres (m, n) along great circles."""
    (lon_a, lat_a), (lon_b, lat_b) = np.radians(places), np.radians(cells)
    half = np.sin((lat_a[:, None] - lat_b) / 2) ** 2
    half += np.cos(lat_a[:, None]) * np.cos(lat_b) * np.sin((lon_a[:, None] - lon_b) / 2) ** 2
    return 2 * SPHERE_M * np.arcsin(np.sqrt(half))


def gaussian_two_steps(far, people, capacity, limit, to_zero):
    """Access (n,) from metres (m, n)."""
    end = np.exp(-1 / BETA) if to_zero else 0.0
    weight = np.where(far <= limit, (np.exp(-((far / limit) ** 2) / BETA) - end) / (1 - end), 0.0)
    weighted = weight @ people
    ratio = np.zeros(len(capacity))
    ratio[weighted > 0] = capacity[weighted > 0] / weighted[weighted > 0]
    return ratio @ weight


def score(folder: Path, time_of_day: str, metres=on_plane, to_zero=True, datum_right=True):
    """Access to shelters, access to hotels, people: (4857,) each."""
    lon, lat, people = hexes(folder, time_of_day)
    told = []
    for (*where, places), limit in ((shelters(folder), SHELTER_M), (hotels(folder, datum_right), HOTEL_M)):
        told.append(gaussian_two_steps(metres(where, (lon, lat)), people, places, limit, to_zero))
    return *told, people


def published(folder: Path, time_of_day: str):
    return score(folder, time_of_day, on_sphere, to_zero=False, datum_right=False)


def bands(access: np.ndarray, people: np.ndarray) -> dict[str, float]:
    """Share of the people in each band."""
    index = np.searchsorted([top for _name, top in BANDS[:-1]], access, side="right")
    held = np.bincount(index, people, len(BANDS)) / people.sum()
    return {name: float(share) for (name, _top), share in zip(BANDS, held, strict=True)}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for when in GRIDS:
        for title, (base, extra, people) in (
            ("as published", published(folder, when)),
            ("as published, hotels at their right places", score(folder, when, on_sphere, False)),
            ("to zero at the limit, hotels at their right places", score(folder, when, on_sphere)),
        ):
            for what, access in (("shelters", base), ("shelters and hotels", base + extra)):
                shares = ", ".join(f"{name} {share:.2%}" for name, share in bands(access, people).items())
                mean = access @ people / people.sum()
                print(
                    f"{when}, {title}, {what}: {shares}; mean of a person {mean:.6f}, of a hex {access.mean():.9f}"
                )
