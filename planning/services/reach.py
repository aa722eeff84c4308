"""How far people get: who comes to a place within a time or a distance, or is reached from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from django.contrib.gis.geos import Point
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import AreaLevel, TimeOfDay
from core.errors import DomainError
from core.models import Area, City
from facilities.choices import FacilityStatus
from facilities.models import Facility
from planning.bridge.asked import frozen_of, question_of
from planning.bridge.freeze import FACILITY
from planning.bridge.frozen import Frozen, latest_frozen, load_frozen
from planning.bridge.one_place import Way, cells_of_place, plane_of, rings_of_place, sites_of_place
from planning.bridge.roads import open_roads, road_state
from planning.bridge.speeds import default_speeds, freeze_speeds
from planning.bridge.world import Question
from planning.choices import ReachMethod
from planning.models import RoadNetwork, Run
from planning.services.snapshots import take_snapshot

MOST_LIMITS, MOST_MINUTES, MOST_METRES = 5, 120.0, 50_000.0
MODES, DIRECTIONS = ("walk", "drive"), ("to", "from")
PLACES_LISTED = 500


@dataclass(frozen=True)
class Ring:
    """What lies within one limit: ground in degrees (for drawing only), people and cells counted at the cells'
    travel times, facilities the person may see."""

    limit: float
    shape: shapely.Geometry
    people: float
    cells: int
    facilities: int


@dataclass(frozen=True)
class PlaceReached:
    facility: Facility
    cost: float


@dataclass(frozen=True)
class Reached:
    """method: a ReachMethod. closed_km: streets that the run's scenario closes. Rings from the smallest limit up."""

    lon: float
    lat: float
    unit: str
    mode: str
    direction: str
    method: str
    detour: float
    time_of_day: str
    city: City
    run: Run | None
    network_sha: str | None
    closed_km: float
    rings: list[Ring]
    facilities: list[PlaceReached]


def reach_from(
    *,
    user: Any,
    city: City,
    run: Run | None = None,
    lon: float,
    lat: float,
    limits: Sequence[float],
    unit: str = "min",
    mode: str = "walk",
    direction: str = "to",
) -> Reached:
    """Who reaches (lon, lat) within each limit, or is reached from there: on the roads of a run (its speeds, closures
    and people), else on those of the city's newest snapshot with everything open. `user` None: this machine.

    Raises DomainError: limits, mode or direction that are not possible, a place outside the city.
    """
    if user is not None:
        policies.demand(user, "view", city)
    wanted = _checked(limits, unit, mode, direction)
    place_in_city(city, lon, lat)
    frozen, question = _inputs(city, run)
    roads = road_state(frozen, question) if run else open_roads(frozen, question)
    x, y = (float(at[0]) for at in plane_of(frozen).forward([lon], [lat]))
    way = Way(unit, mode, question.detour_factor, to_place=direction == "to")
    cells, cost = cells_of_place(frozen, roads, x, y, wanted[-1], way)
    sites, site_cost = sites_of_place(frozen, roads, x, y, wanted[-1], way)
    people, seen = _people(frozen, question.time_of_day), cells_seen(user, city, frozen)
    places = _places(user, frozen, sites, site_cost)
    shapes = rings_of_place(frozen, roads, x, y, wanted, way)
    counted = seen[cells] & (people[cells] > 0)
    rings = []
    for limit, shape in zip(wanted, shapes, strict=True):
        within = counted & (cost <= np.float32(limit))
        rings.append(
            Ring(
                limit, shape, float(people[cells[within]].sum()), int(within.sum()),
                sum(one.cost <= limit for one in places),
            )
        )  # fmt: skip
    return Reached(
        lon=lon, lat=lat, unit=unit, mode=mode, direction=direction, detour=question.detour_factor, city=city, run=run,
        method=str(ReachMethod.ROADS if roads else ReachMethod.STRAIGHT), time_of_day=question.time_of_day,
        network_sha=roads.network_sha if roads else None, closed_km=roads.closed_km if roads else 0.0, rings=rings,
        facilities=places[:PLACES_LISTED],
    )  # fmt: skip


def _checked(limits: Sequence[float], unit: str, mode: str, direction: str) -> list[float]:
    """The limits in rising order, once each."""
    if unit not in ("m", "min") or mode not in MODES or direction not in DIRECTIONS:
        raise DomainError(
            "reach-unreadable", _("Ask for minutes or metres, walk or drive, to or from."), status=400
        )
    most = MOST_MINUTES if unit == "min" else MOST_METRES
    wanted = sorted(set(limits))
    if not wanted or len(wanted) > MOST_LIMITS:
        raise DomainError(
            "reach-limits", _("Give one to %(most)d limits.") % {"most": MOST_LIMITS}, status=400
        )
    if not all(np.isfinite(one) and 0 < one <= most for one in wanted):
        words = (
            _("Minutes must lie above 0 and at most at %(most)d.")
            if unit == "min"
            else _("Metres must lie above 0 and at most at %(most)d.")
        )
        raise DomainError("reach-out-of-range", words % {"most": most}, status=400)
    return wanted


def place_in_city(city: City, lon: float, lat: float) -> None:
    """Refuse a place outside the city's areas (outside its extent where it has none)."""
    if not (np.isfinite([lon, lat]).all() and -180 <= lon <= 180 and -90 <= lat <= 90):
        raise DomainError(
            "place-unreadable", _("Give a longitude and a latitude, in this order."), status=400
        )
    point = Point(lon, lat, srid=4326)
    areas = Area.objects.filter(city=city, level=AreaLevel.CITY)
    inside = (
        areas.filter(geometry__covers=point).exists()
        if areas.exists()
        else city.bounds is None or city.bounds.covers(point)
    )
    if not inside:
        raise DomainError("outside-city", _("This place lies outside the city."), status=422)


def _inputs(city: City, run: Run | None) -> tuple[Frozen, Question]:
    if run is not None:
        return frozen_of(run), question_of(run)
    frozen = latest_frozen(city)
    current = RoadNetwork.objects.filter(city=city, current=True).values_list("sha256", flat=True).first()
    if frozen is None or frozen.meta["network"] != current:
        frozen = load_frozen(take_snapshot(city=city))
    times = set(frozen.meta["layers"])
    time_of_day = TimeOfDay.NIGHT if TimeOfDay.NIGHT in times or not times else sorted(times)[0]
    return frozen, Question({}, [], str(time_of_day), speeds=freeze_speeds(default_speeds()))


def _people(frozen: Frozen, time_of_day: str) -> np.ndarray:
    name = f"cell_people_{time_of_day}"
    return frozen.people(time_of_day) if name in frozen.arrays else np.zeros(frozen.cells)


def cells_seen(user: Any, city: City, frozen: Frozen) -> np.ndarray:
    """(n,) True for the cells of areas the person may see."""
    paths = None if user is None else policies.visible_paths(user, city.pk)
    if paths is None or any(policies.city_wide(path) for path in paths):
        return np.ones(frozen.cells, bool)
    codes = [path.strip("/").split("/")[-1] for path in paths]
    return frozen.cells_in(frozen.areas_below(codes))


def _places(user: Any, frozen: Frozen, sites: np.ndarray, cost: np.ndarray) -> list[PlaceReached]:
    """Facilities of today's registry among the sites of the snapshot, the nearest first."""
    kind, pk = np.asarray(frozen["site_kind"])[sites], np.asarray(frozen["site_id"])[sites]
    costs = dict(zip(pk[kind == FACILITY].tolist(), cost[kind == FACILITY].tolist(), strict=True))
    mine = Facility.objects.exclude(status=FacilityStatus.CLOSED)
    if user is not None:
        mine = mine.filter(policies.visible(user))
    found = mine.in_bulk(list(costs))
    return sorted(
        (PlaceReached(place, float(costs[pk])) for pk, place in found.items()),
        key=lambda one: (one.cost, one.facility.ref),
    )
