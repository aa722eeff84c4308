"""Whom two places share: of the people that one place reaches, those whom others reach too.

Counted on travel times at cells, on the roads of the newest inputs where there are any; the share of two circles stands
beside it for whoever checks with a pair of compasses. See docs/algorithms/duplicate-building.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection

from core.choices import TimeOfDay
from core.models import City
from engine.crs import LocalMetric
from engine.network import Snap
from engine.travel import DETOUR, reach_by_road, reach_straight
from engine.world import Reach
from planning.bridge.asked import frozen_of, question_of
from planning.bridge.freeze import FACILITY
from planning.bridge.frozen import Frozen, latest_frozen
from planning.bridge.one_place import USUAL_DRIVE_M_PER_MIN, USUAL_WALK_M_PER_MIN, plane_of
from planning.bridge.reach import search_of_service
from planning.bridge.roads import RoadState, load_roads, open_roads
from planning.bridge.searches import cells_snap
from planning.bridge.speeds import default_speeds, freeze_speeds
from planning.bridge.world import Question
from planning.models import PopulationLayer, Run

# Rows searched at once: a place that reaches a whole city by car has a pair for each of its cells.
PLACES_AT_ONCE = 32
# A bound on how far one gets in a minute by car, only to leave out what cannot matter.
FASTEST_M_PER_MIN = 2_500.0


@dataclass(frozen=True)
class Limit:
    """How far a service reaches: "m" or "min", "walk" or "drive"."""

    amount: float
    unit: str
    mode: str

    @property
    def usual_m_per_min(self) -> float:
        return USUAL_WALK_M_PER_MIN if self.mode == "walk" else USUAL_DRIVE_M_PER_MIN

    @property
    def usual_radius_m(self) -> float:
        """Radius of the circle that stands for the reach: straight line x detour at usual speed."""
        return (self.amount if self.unit == "m" else self.amount * self.usual_m_per_min) / DETOUR

    @property
    def farthest_m(self) -> float:
        """Straight metres beyond which nobody can be within the limit, however good the way."""
        fastest = 2 * USUAL_WALK_M_PER_MIN if self.mode == "walk" else FASTEST_M_PER_MIN
        return self.amount if self.unit == "m" else self.amount * fastest


@dataclass(frozen=True)
class Ground:
    """People (n,) at cells (n,) in plane metres, ids (n,) of the cells, and the roads between; roads None: straight lines
    x detour. `frozen` None: the cells were read from the tables."""

    cell_id: np.ndarray
    x: np.ndarray
    y: np.ndarray
    people: np.ndarray
    plane: LocalMetric
    time_of_day: str
    detour: float = DETOUR
    frozen: Frozen | None = None
    roads: RoadState | None = None


@dataclass(frozen=True)
class Shared:
    """people, cell_id (c,): in reach of the place. For each of the others (k,): percent (nan where nobody lives in
    reach), circle_percent, distance_m (straight)."""

    people: float
    cell_id: np.ndarray
    percent: np.ndarray
    circle_percent: np.ndarray
    distance_m: np.ndarray


def ground_of(city: City, run: Run | None, lon: float, lat: float) -> Ground:
    """People and roads around a place: of a run, without its closures; else of the newest snapshot; else the tables,
    straight lines."""
    try:
        frozen = frozen_of(run) if run is not None and run.snapshot is not None else latest_frozen(city)
    except FileNotFoundError:  # the store was emptied; the tables are still there
        frozen = None
    if frozen is None:
        return _of_tables(city, lon, lat)
    if run is not None and run.snapshot is not None:
        question = question_of(run)
        code = str(question.scenario.get("population_layers", {}).get(question.time_of_day, ""))
    else:
        times = set(frozen.meta["layers"])
        time = TimeOfDay.NIGHT if TimeOfDay.NIGHT in times or not times else sorted(times)[0]
        question, code = Question({}, [], str(time), speeds=freeze_speeds(default_speeds())), ""
    try:
        people = frozen.people(question.time_of_day, code)
    except KeyError:
        people = np.zeros(frozen.cells)
    return Ground(
        np.asarray(frozen["cell_id"]), np.asarray(frozen["cell_x"]), np.asarray(frozen["cell_y"]), people,
        plane_of(frozen), question.time_of_day, question.detour_factor, frozen, open_roads(frozen, question),
    )  # fmt: skip


def _of_tables(city: City, lon: float, lat: float) -> Ground:
    """The cells of the layer in use (at night where there is one), in one statement, on a plane around the place."""
    layers = {row.time_of_day: row for row in PopulationLayer.objects.filter(city=city, current=True)}
    layer = layers.get(TimeOfDay.NIGHT) or next((layers[key] for key in sorted(layers)), None)
    with connection.cursor() as cursor:
        cursor.execute(
            "select c.id, st_x(c.point), st_y(c.point), p.people from planning_demandcell c"
            " join planning_cellpopulation p on p.cell_id = c.id and p.layer_id = %s where c.city_id = %s order by c.number",
            [layer.pk if layer else None, city.pk],
        )
        rows = np.array(cursor.fetchall(), dtype=np.float64).reshape(-1, 4)
    plane = LocalMetric(round(lon, 1), round(lat, 1))
    x, y = plane.forward(rows[:, 1], rows[:, 2])
    time = layer.time_of_day if layer else str(TimeOfDay.NIGHT)
    return Ground(rows[:, 0].astype(np.int64), np.asarray(x), np.asarray(y), rows[:, 3], plane, time)


def shared_people(
    ground: Ground,
    limit: Limit,
    service: str,
    lon: float,
    lat: float,
    other_lon: np.ndarray,
    other_lat: np.ndarray,
    other_facility: np.ndarray,
) -> Shared:
    """Whom the place at (lon, lat) shares with each of the others (k,). other_facility: id of the facility (-1: none),
    whose way may lie in the store already."""
    x, y = ground.plane.forward(np.append(other_lon, lon), np.append(other_lat, lat))
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    own = _reach(ground, limit, x[-1:], y[-1:]).row(0)[0]
    mine = np.zeros(len(ground.people))
    mine[own] = ground.people[own]
    total = float(mine.sum())
    distance = np.hypot(x[:-1] - x[-1], y[:-1] - y[-1])
    both = np.zeros(len(distance))
    if total > 0:
        left = np.flatnonzero(distance <= 2 * limit.farthest_m)
        done = _stored(ground, limit, service, x, y, np.asarray(other_facility), left, mine, both)
        left = np.setdiff1d(left, done)
        for part in np.array_split(left, max(1, -(-len(left) // PLACES_AT_ONCE))):
            both[part] = _shared_with(ground, limit, own, x[part], y[part])
    with np.errstate(invalid="ignore", divide="ignore"):
        percent = 100.0 * both / total if total > 0 else np.full(len(both), np.nan)
    return Shared(
        total,
        ground.cell_id[own],
        np.minimum(percent, 100.0),
        circle_percent(distance, limit.usual_radius_m),
        distance,
    )


def circle_percent(distance: np.ndarray, radius: float) -> np.ndarray:
    """The share of a circle that an equal circle covers whose centre lies `distance` away, both in metres."""
    half = np.clip(np.asarray(distance) / (2 * radius), 0.0, 1.0)
    return 100.0 * 2.0 / np.pi * (np.arccos(half) - half * np.sqrt(1.0 - half**2))


def _reach(ground: Ground, limit: Limit, x: np.ndarray, y: np.ndarray, only: Any = slice(None)) -> Reach:
    """Cells that reach the places (k,); `only`: of these cells, counted from 0."""
    cell_x, cell_y = ground.x[only], ground.y[only]
    if ground.roads is None or ground.frozen is None:
        return reach_straight(
            x, y, cell_x, cell_y, limit.amount, limit.unit, limit.mode, ground.detour, threads=1
        )
    roads = ground.roads
    roads.graph.known.setdefault("segments", load_roads(roads.network_sha).graph.segments())
    snap = cells_snap(ground.frozen, roads.network_sha, limit.mode)
    return reach_by_road(
        roads.graph, x, y, cell_x, cell_y, limit.amount, limit.unit, limit.mode, ground.detour, threads=1,
        weight=roads.weight_for(limit.unit), walk_m_per_min=roads.walk_m_per_min, entry_m_per_min=roads.entry_m_per_min,
        cells_snap=Snap(snap.street[only], snap.along[only], snap.entry_m[only]),
    )  # fmt: skip


def _shared_with(ground: Ground, limit: Limit, own: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(k,) the people at the cells `own` that reach each place too. Straight lines are one table of distances, in which no
    pair has to be kept."""
    people = ground.people[own]
    if ground.roads is None:
        metre = ground.detour / (1.0 if limit.unit == "m" else limit.usual_m_per_min)
        far = np.hypot(ground.x[own] - x[:, None], ground.y[own] - y[:, None])
        near = (far * metre).astype(np.float32) <= np.float32(limit.amount)
        return np.asarray(near @ people)
    reach = _reach(ground, limit, x, y, own)
    upto = np.concatenate([[0.0], np.cumsum(people[reach.cell])])
    return np.asarray(upto[reach.indptr[1:]] - upto[reach.indptr[:-1]])


def _stored(
    ground: Ground, limit: Limit, service: str, x: np.ndarray, y: np.ndarray, facility: np.ndarray, wanted: np.ndarray,
    mine: np.ndarray, both: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Fill `both` for places whose way a run has searched already; answers which. One that has moved since is left."""
    frozen = ground.frozen
    if frozen is None or service not in frozen.service_codes or not len(wanted):
        return np.empty(0, np.int64)
    search = search_of_service(
        frozen, frozen.service_codes.index(service), limit.amount, limit.unit, limit.mode, ground.detour, ground.roads
    )  # fmt: skip
    try:
        reach = search.found()
    except OSError:
        reach = None
    if reach is None:
        return np.empty(0, np.int64)
    return np.fromiter(_from_store(search.sites, reach, frozen, x, y, facility, wanted, mine, both), np.int64)


def _from_store(
    sites: np.ndarray, reach: Reach, frozen: Frozen, x: np.ndarray, y: np.ndarray, facility: np.ndarray, wanted: np.ndarray,
    mine: np.ndarray, both: np.ndarray,
) -> Iterator[int]:  # fmt: skip
    kind, pk = np.asarray(frozen["site_kind"])[sites], np.asarray(frozen["site_id"])[sites]
    row_of = {int(one): row for row, one in enumerate(pk) if kind[row] == FACILITY}
    site_x, site_y = np.asarray(frozen["site_x"])[sites], np.asarray(frozen["site_y"])[sites]
    for place in wanted.tolist():
        row = row_of.get(int(facility[place]))
        if row is None or np.hypot(site_x[row] - x[place], site_y[row] - y[place]) > 1.0:
            continue
        cells = reach.cell[reach.indptr[row] : reach.indptr[row + 1]]
        both[place] = mine[cells].sum()
        yield place
