"""Facilities and idle assets of a made-up city, sized by its people, with papers of which some have lapsed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from engine.synthetic.areas import Areas
from engine.synthetic.people import People
from engine.synthetic.terrain import Terrain

Array = np.ndarray


@dataclass(frozen=True)
class Kind:
    """How many there are, where they like to be, how big they are, and how far they are made ready.

    people_each: people a place; crowd: exponent of night people in choosing cells; size: median and spread (log) of
    the attribute; designated: share with an active role; papers: share of the designated ones with an agreement,
    of which lapsed is the share out of date.
    """

    use: str
    people_each: float
    crowd: float
    attribute: str
    size: float
    spread: float
    smallest: float
    largest: float
    designated: float
    papers: float
    lapsed: float


KINDS = (
    Kind("hospital", 60_000, 0.8, "beds", 480, 0.7, 60, 3_000, 0.40, 0.3, 0.10),
    Kind("clinic", 30_000, 0.9, "beds", 22, 0.4, 6, 80, 0.25, 0.0, 0.0),
    Kind("hotel", 6_500, 1.1, "rooms", 78, 0.55, 24, 620, 0.22, 1.0, 0.15),
    Kind("school", 6_500, 0.85, "area_m2", 11_000, 0.55, 2_500, 120_000, 0.55, 0.5, 0.10),
    Kind("gym", 55_000, 0.7, "area_m2", 7_500, 0.6, 1_500, 60_000, 0.60, 0.6, 0.12),
    Kind("park", 5_000, 0.55, "area_m2", 4_500, 0.9, 800, 260_000, 0.65, 0.0, 0.0),
    Kind("community_centre", 26_000, 0.9, "area_m2", 1_700, 0.45, 400, 9_000, 0.55, 0.2, 0.08),
    Kind("convention_centre", 900_000, 0.2, "area_m2", 42_000, 0.4, 15_000, 180_000, 0.34, 1.0, 0.25),
    Kind("warehouse", 95_000, -0.25, "area_m2", 9_000, 0.6, 2_000, 90_000, 0.25, 0.7, 0.12),
)

# roles a use takes when it is designated, the first being its main one; what stays possible is left to a plan
ROLES = {
    "hospital": ("medical_point",),
    "clinic": ("medical_point",),
    "hotel": ("isolation_lodging", "short_fixed_shelter"),
    "school": ("short_fixed_shelter", "emergency_shelter"),
    "gym": ("short_fixed_shelter", "emergency_shelter", "medical_point"),
    "park": ("emergency_shelter", "short_fixed_shelter"),
    "community_centre": ("short_fixed_shelter",),
    "convention_centre": ("medical_point", "short_fixed_shelter"),
    "warehouse": ("supply_warehouse",),
}
HOURS = {  # median hours to make ready; the standards ask for 24, 72, 48, 24 and 24
    "emergency_shelter": 4.0, "short_fixed_shelter": 40.0, "isolation_lodging": 34.0, "medical_point": 16.0,
    "supply_warehouse": 14.0,
}  # fmt: skip


@dataclass(frozen=True)
class Facilities:
    """Everything (f,). street: index into the city's streets; number: running number of its use in that street.

    agreement and certificate: months until they end, negative when lapsed, nan when there is none.
    roles: (facility, service, status, hours) rows, "active" or "possible".
    """

    x_m: Array
    y_m: Array
    use: Array
    street: Array
    number: Array
    area_m2: Array
    rooms: Array
    beds: Array
    stars: Array
    agreement: Array
    certificate: Array
    roles: list[tuple[int, str, str, float]]


@dataclass(frozen=True)
class IdleAssets:
    """(a,) assets and their options: (asset, service, kind, capacity, cost in yuan, hours, lead months)."""

    x_m: Array
    y_m: Array
    former: Array
    land: Array
    size_m2: Array
    tenure: Array
    street: Array
    options: list[tuple[int, str, str, int, int, float, int]]


def make_facilities(
    rng: np.random.Generator, terrain: Terrain, people: People, areas: Areas, total: int
) -> Facilities:
    street_of = cKDTree(areas.street_centre)
    parts: list[dict[str, Array]] = []
    roles: list[tuple[int, str, str, float]] = []
    for kind in KINDS:
        count = max(2, round(total / kind.people_each))
        x, y, _cell = _spread(rng, terrain, people, kind.crowd, count)
        size = np.clip(kind.size * np.exp(rng.normal(0, kind.spread, count)), kind.smallest, kind.largest)
        size = np.round(size, -1 if kind.attribute == "area_m2" else 0)
        nothing = np.full(count, np.nan)
        stars = (
            rng.choice([2, 3, 4, 5], count, p=[0.42, 0.33, 0.20, 0.05]) if kind.use == "hotel" else nothing
        )
        designated = rng.random(count) < kind.designated
        has_papers = designated & (rng.random(count) < kind.papers)
        ended = rng.random(count) < kind.lapsed
        months = np.where(ended, -rng.integers(1, 30, count), rng.integers(3, 60, count)).astype(float)
        checked = designated & (rng.random(count) < 0.5)
        overdue = rng.random(count) < 0.05
        first = sum(len(part["x"]) for part in parts)
        services = ROLES[kind.use]
        for i in range(count):
            for order, service in enumerate(services):
                active = bool(designated[i]) and (order == 0 or kind.use in ("park", "school", "gym"))
                if service == "medical_point" and kind.use == "gym":
                    active = False
                slow = 2.6 if rng.random() < 0.16 else 1.0
                hours = float(np.round(HOURS[service] * slow * np.exp(rng.normal(0, 0.25)), 0))
                roles.append((first + i, service, "active" if active else "possible", max(1.0, hours)))
        parts.append(
            {
                "x": x, "y": y, "use": np.full(count, kind.use, dtype=object),
                "area_m2": size if kind.attribute == "area_m2" else nothing,
                "rooms": size if kind.attribute == "rooms" else nothing,
                "beds": size if kind.attribute == "beds" else nothing,
                "stars": np.asarray(stars, dtype=float),
                "agreement": np.where(has_papers, months, np.nan),
                "certificate": np.where(checked, np.where(overdue, -2.0, rng.integers(4, 36, count)), np.nan),
            }
        )  # fmt: skip
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    street = street_of.query(np.column_stack([joined["x"], joined["y"]]))[1]
    return Facilities(
        joined["x"], joined["y"], joined["use"], street, _running(joined["use"], street), joined["area_m2"],
        joined["rooms"], joined["beds"], joined["stars"], joined["agreement"], joined["certificate"], roles,
    )  # fmt: skip


def _spread(
    rng: np.random.Generator, terrain: Terrain, people: People, crowd: float, count: int
) -> tuple[Array, Array, Array]:
    """Dry places in cells chosen by people to the power `crowd`."""
    weight = (people.night + 5.0) ** crowd
    cell = rng.choice(len(weight), count, p=weight / weight.sum(), replace=count > len(weight))
    x, y = people.x_m[cell].copy(), people.y_m[cell].copy()
    shift = rng.uniform(-0.42, 0.42, (count, 2)) * people.spacing_m
    dry = ~terrain.wet(x + shift[:, 0], y + shift[:, 1], 12.0)
    x[dry] += shift[dry, 0]
    y[dry] += shift[dry, 1]
    return x, y, cell


def _running(use: Array, street: Array) -> Array:
    """1, 2, 3 … among the places of one use in one street."""
    key = np.char.add(use.astype(str), np.char.mod("|%d", street))
    order = np.argsort(key, kind="stable")
    first = np.r_[True, key[order][1:] != key[order][:-1]]
    start = np.maximum.accumulate(np.where(first, np.arange(len(key)), 0))
    number = np.empty(len(key), dtype=np.int64)
    number[order] = np.arange(len(key)) - start + 1
    return number


IDLE = (  # former use, land?, share, median m2, spread, crowd, services it may take
    ("factory", False, 0.26, 9_000, 0.6, 0.1, ("short_fixed_shelter", "supply_warehouse", "medical_point")),
    ("school", False, 0.16, 5_200, 0.4, 0.5, ("short_fixed_shelter", "medical_point")),
    ("office", False, 0.16, 4_200, 0.5, 0.7, ("isolation_lodging", "short_fixed_shelter")),
    ("market", False, 0.14, 6_500, 0.5, 0.5, ("supply_warehouse", "short_fixed_shelter")),
    ("dormitory", False, 0.10, 5_500, 0.4, 0.4, ("isolation_lodging", "short_fixed_shelter")),
    ("land", True, 0.18, 15_000, 0.7, 0.4, ("emergency_shelter", "short_fixed_shelter", "isolation_lodging")),
)
# per service: m2 of floor (or land) a unit, yuan a unit for premises and for land, hours, months
COSTS = {
    "emergency_shelter": (1.6, 90, 160, 4.0, 6),
    "short_fixed_shelter": (3.4, 1_100, 4_200, 36.0, 8),
    "isolation_lodging": (42.0, 52_000, 165_000, 24.0, 12),
    "medical_point": (14.0, 38_000, 120_000, 20.0, 10),
    "supply_warehouse": (1.6, 900, 2_600, 12.0, 7),
}


def make_idle_assets(
    rng: np.random.Generator, terrain: Terrain, people: People, areas: Areas, total: int
) -> IdleAssets:
    count = max(8, round(total / 26_000))
    which = rng.choice(len(IDLE), count, p=[row[2] for row in IDLE])
    x, y, size = np.zeros(count), np.zeros(count), np.zeros(count)
    for k, row in enumerate(IDLE):
        chosen = which == k
        x[chosen], y[chosen], _cell = _spread(rng, terrain, people, row[5], int(chosen.sum()))
        size[chosen] = np.round(row[3] * np.exp(rng.normal(0, row[4], int(chosen.sum()))), -1)
    land = np.array([IDLE[k][1] for k in which])
    former = np.array([IDLE[k][0] for k in which], dtype=object)
    tenure = rng.choice(
        np.array(["public", "collective", "private"], dtype=object), count, p=[0.55, 0.2, 0.25]
    )
    options = []
    for i in range(count):
        for service in IDLE[which[i]][6]:
            m2, premises_yuan, land_yuan, hours, months = COSTS[service]
            capacity = int(size[i] * (0.55 if land[i] else 0.7) / m2)
            if capacity < 1:
                continue
            each = (land_yuan if land[i] else premises_yuan) * np.exp(rng.normal(0, 0.2))
            cost = round((150_000 + capacity * each) / 1_000) * 1_000
            options.append((i, service, "build" if land[i] else "convert", capacity, cost, hours, months))
    street = cKDTree(areas.street_centre).query(np.column_stack([x, y]))[1]
    return IdleAssets(x, y, former, land, size, tenure, street, options)
