"""What if there were a facility here: who would be served by it, on top of a finished run. Nothing is written."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from django.contrib.gis.geos import Point
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import AreaLevel
from core.errors import DomainError
from core.models import Area
from engine.coverage import score_world
from engine.incremental import Standing
from engine.world import Reach, Score, Supply, World
from facilities.models import ServiceType
from planning.bridge.one_place import Way, cells_of_place, plane_of, rings_of_place
from planning.bridge.situation import ratio_of
from planning.bridge.world import Situation
from planning.choices import Assignment, RunState
from planning.models import HazardZone, Run
from planning.services.kept_scores import kept_score
from planning.services.reach import cells_seen, place_in_city
from planning.services.runs import changes_of, situation_of

MOST_CAPACITY = 10_000_000
KEPT_RUNS = 2
_kept: OrderedDict[str, _Open] = OrderedDict()
_lock = threading.Lock()


@dataclass
class _Open:
    """A run held in this process for the next question: its world, its score and, nearest-first, its standing
    assignment, which one thread at a time may change and put back."""

    situation: Situation
    score: Score
    standing: Standing | None
    turn: threading.Lock


@dataclass(frozen=True)
class AreaGain:
    """An area with need in reach of the pin: units served now that were not, and the gap before and after."""

    area: Area
    served_gain: int
    late_gain: int
    need: int
    gap_before: int
    gap_after: int


@dataclass(frozen=True)
class WhatIf:
    """The answer for the cells the person may see. Units of the service throughout.

    served_gain: served in time more than before; late_gain: served late more than before (negative where late people
    are served in time now); newly_in_reach: need that no usable facility reached before; taken: units in the new
    facility; moved: of them those whose people are served elsewhere today; people: those behind the served gain. reason: why it would
    supply nothing ("" when it does). cells: columns lon, lat, gain of the cells that gain. shape: the ground within the
    limit, for drawing; None when it was not asked for.
    """

    run: Run
    service: ServiceType
    lon: float
    lat: float
    capacity: int
    barrier_free_capacity: int
    hours: float
    limit: float
    unit: str
    mode: str
    conversion_limit_hours: float | None
    ready: bool
    reason: str
    served_gain: int
    late_gain: int
    newly_in_reach: int
    special_served_gain: int | None
    taken: int
    moved: int
    people: float
    need_in_reach: int
    people_in_reach: float
    gap_before: int
    gap_after: int
    areas: list[AreaGain]
    cells: dict[str, np.ndarray]
    shape: shapely.Geometry | None


def what_if(
    *,
    user: Any,
    run: Run,
    service: ServiceType,
    lon: float,
    lat: float,
    capacity: int,
    barrier_free_capacity: int = 0,
    hours: float = 0.0,
    with_shape: bool = False,
) -> WhatIf:
    """Score `run` again with one more facility of `capacity` units at (lon, lat) that opens `hours` after activation.

    Exact: the same people, roads, limits and assignment as the run, and what is served here may free room elsewhere.
    `user` None: this machine. Raises DomainError: no finished run, a service it does not count, a place outside the
    city, impossible numbers.
    """
    if user is not None:
        policies.demand(user, "view", run.city)
    _check(run, service, capacity, barrier_free_capacity, hours)
    place_in_city(run.city, lon, lat)
    held = _opened(run)
    situation = held.situation
    frozen = situation.frozen
    k = [row["service"] for row in situation.standards].index(service.code)
    rule = situation.world.standards[k]
    x, y = (float(at[0]) for at in plane_of(frozen).forward([lon], [lat]))
    way = Way(rule.reach_unit, rule.mode, situation.question.detour_factor)
    cells, cost = cells_of_place(frozen, situation.roads, x, y, rule.reach_limit, way)
    shape = None
    if with_shape:  # drawing takes longer than counting
        shape = rings_of_place(frozen, situation.roads, x, y, [rule.reach_limit], way)[0]
    ready = rule.conversion_limit_hours is None or hours <= rule.conversion_limit_hours
    reason = _inside_hazard(situation, lon, lat)
    supplied = 0 if reason else capacity
    special = 0 if reason else barrier_free_capacity
    if situation.world.demand.special_need is None:
        special = 0
    with held.turn:
        gain = _gain(held, k, cells, cost, supplied, special, ready)
    seen = cells_seen(user, run.city, frozen)
    served, late = np.where(seen, gain.served, 0), np.where(seen, gain.late, 0)
    need, gap = situation.world.demand.need[k], held.score.gap[k]
    mine = cells[seen[cells]]
    ratio = ratio_of(situation.question.scenario, situation.standards[k])
    rows = np.flatnonzero(served != 0)
    return WhatIf(
        run=run, service=service, lon=lon, lat=lat, capacity=capacity, barrier_free_capacity=barrier_free_capacity,
        hours=hours, limit=rule.reach_limit, unit=rule.reach_unit, mode=rule.mode,
        conversion_limit_hours=rule.conversion_limit_hours, ready=ready, reason=reason,
        served_gain=int(served.sum()), late_gain=int(late.sum()),
        newly_in_reach=int(np.where(seen, gain.fresh, 0).sum()),
        special_served_gain=None if gain.special is None else int(np.where(seen, gain.special, 0).sum()),
        taken=gain.taken, moved=max(gain.taken - int(gain.served.sum()) - max(int(gain.late.sum()), 0), 0), people=float(served.sum() / ratio) if ratio else 0.0,
        need_in_reach=int(need[mine].sum()), people_in_reach=float(situation.world.demand.people[mine].sum()),
        gap_before=int(gap[seen].sum()), gap_after=int(gap[seen].sum() - served.sum()),
        areas=_areas(user, situation, k, held.score, served, late, mine), shape=shape,
        cells={
            "lon": np.asarray(frozen["cell_lon"])[rows], "lat": np.asarray(frozen["cell_lat"])[rows], "gain": served[rows],
        },
    )  # fmt: skip


def _check(run: Run, service: ServiceType, capacity: int, special: int, hours: float) -> None:
    if run.state != RunState.DONE:
        raise DomainError("run-not-done", _("Only a finished run can be asked."), status=422)
    if service.code not in {row["service"] for row in run.standards_frozen}:
        raise DomainError("service-not-counted", _("This run does not count the service."), status=422)
    if not 0 < capacity <= MOST_CAPACITY:
        words = _("The capacity must lie above 0 and at most at %(most)d.")
        raise DomainError("capacity-out-of-range", words % {"most": MOST_CAPACITY}, status=422)
    if not 0 <= special <= capacity:
        words = _("Barrier-free places are a part of the capacity.")
        raise DomainError("barrier-free-out-of-range", words, status=422)
    if not (np.isfinite(hours) and 0 <= hours <= 10_000):
        raise DomainError("hours-out-of-range", _("Hours must lie between 0 and 10,000."), status=422)


def _opened(run: Run) -> _Open:
    """The run's world and score, from this process when it was asked lately."""
    key = f"{run.ref} {run.params_sha256} {run.engine_version}"
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    situation, score = situation_of(run, changes_of(run)), kept_score(run)
    nearest = run.assignment == Assignment.NEAREST
    held = _Open(situation, score, Standing(situation.world, score) if nearest else None, threading.Lock())
    with _lock:
        _kept[key] = held
        while len(_kept) > KEPT_RUNS:
            _kept.popitem(last=False)
    return held


@dataclass(frozen=True)
class _Gain:
    """By cell (n,): served, late, fresh (newly in reach), special served (None where not told apart)."""

    served: np.ndarray
    late: np.ndarray
    fresh: np.ndarray
    special: np.ndarray | None
    taken: int


def _gain(
    held: _Open, k: int, cells: np.ndarray, cost: np.ndarray, capacity: int, special: int, ready: bool
) -> _Gain:
    n = held.situation.frozen.cells
    if not capacity or not len(cells):
        nobody = np.zeros(n, np.int64)
        return _Gain(nobody, nobody, nobody, None, 0)
    if held.standing is not None:
        found = held.standing.what_if(k, cells, cost, capacity, special, ready)
        return _Gain(
            found.served_gain, found.late_gain, found.newly_in_reach, found.special_served_gain, found.taken
        )
    return _gain_at_best(held, k, cells, cost, capacity, special, ready)


def _gain_at_best(
    held: _Open, k: int, cells: np.ndarray, cost: np.ndarray, capacity: int, special: int, ready: bool
) -> _Gain:
    """Best possible: the service alone, scored again with one more site. Who is served where may shift between cells
    of equal worth; the sums are the best possible before and after."""
    world, score = held.situation.world, held.score
    supply, demand = world.supply, world.demand
    mine = np.flatnonzero((supply.role_service == k) & (score.role_supply > 0))
    sites = supply.sites
    hours = np.where(np.isnan(supply.role_hours[mine]), np.inf, supply.role_hours[mine])
    limit = world.standards[k].conversion_limit_hours
    own_hours = 0.0 if ready else np.nextafter(limit or 0.0, np.inf)

    def with_new(column: np.ndarray, value: Any) -> np.ndarray:
        return np.append(np.asarray(column), value)

    need_special, room_special = demand.special_need, supply.role_special_capacity
    own = Supply(
        with_new(supply.x_m, 0.0), with_new(supply.y_m, 0.0), with_new(supply.role_site[mine], sites),
        np.zeros(len(mine) + 1, np.int16), with_new(score.role_supply[mine], capacity),
        with_new(np.where(np.isinf(hours), np.nan, hours), own_hours), np.ones(len(mine) + 1, bool),
        with_new(supply.role_rank[mine], 1), np.zeros(len(mine) + 1, bool), np.zeros(len(mine) + 1, np.int8),
        None if room_special is None else with_new(np.minimum(room_special[mine], score.role_supply[mine]), special),
    )  # fmt: skip
    reach = world.reach[k]
    longer = Reach(
        np.append(reach.indptr, reach.indptr[-1] + len(cells)),
        np.concatenate([reach.cell, cells]),
        np.concatenate([reach.cost, cost]),
    )
    narrow = type(demand)(
        demand.x_m, demand.y_m, demand.need[[k]], demand.people, demand.area,
        None if need_special is None else need_special[[k]],
    )  # fmt: skip
    after = score_world(
        World(narrow, own, (world.standards[k],), (longer,)), "best", minimise_travel=False, check=False
    )
    fresh = np.zeros(held.situation.frozen.cells, np.int64)
    fresh[cells] = score.out_of_reach[k][cells]
    return _Gain(
        after.served[0] - score.served[k], after.late[0] - score.late[k], fresh,
        None if after.special is None or score.special is None else after.special[0, 0] - score.special[0, k],
        int(after.role_served[-1] + after.role_late[-1]),
    )  # fmt: skip


def _inside_hazard(situation: Situation, lon: float, lat: float) -> str:
    """A place under water supplies nothing where the scenario says so."""
    scenario = situation.question.scenario
    layer = situation.frozen.meta["zones"].get(scenario.get("hazard_layer") or "")
    if not scenario.get("close_inside_zone") or not layer:
        return ""
    inside = HazardZone.objects.filter(
        layer_id=layer["id"], geometry__covers=Point(lon, lat, srid=4326)
    ).exists()
    return str(_("inside the hazard zone, where the scenario closes every place")) if inside else ""


def _areas(
    user: Any,
    situation: Situation,
    k: int,
    score: Score,
    served: np.ndarray,
    late: np.ndarray,
    reached: np.ndarray,
) -> list[AreaGain]:
    """The finest areas whose cells the pin reaches or that gain, those that gain most first."""
    frozen = situation.frozen
    index = np.asarray(frozen["cell_area"])
    touched = np.union1d(reached, np.flatnonzero((served != 0) | (late != 0)))
    positions = np.unique(index[touched][index[touched] >= 0])
    if not len(positions):
        return []
    held, count = index >= 0, len(frozen["area_id"])
    need, gap, more, behind = (
        np.bincount(index[held], values[held], count).astype(np.int64)
        for values in (situation.world.demand.need[k], score.gap[k], served, late)
    )
    ids = np.asarray(frozen["area_id"])
    mine = Area.objects.filter(pk__in=ids[positions].tolist(), level__gt=AreaLevel.CITY)
    if user is not None:
        mine = mine.filter(policies.visible_areas(user))
    areas = mine.in_bulk()
    rows = [
        AreaGain(
            areas[int(ids[n])], int(more[n]), int(behind[n]), int(need[n]), int(gap[n]), int(gap[n] - more[n])
        )
        for n in positions.tolist()
        if int(ids[n]) in areas and need[n] > 0
    ]
    return sorted(rows, key=lambda row: (-row.served_gain, -row.gap_after, row.area.path))
