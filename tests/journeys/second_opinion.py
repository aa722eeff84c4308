"""The same questions worked out a second time, on purpose in another way: plain SQL over the registry, scipy's own
Dijkstra on the road files, a loop over sorted trips, a linear program. Nothing here imports engine or planning.

Shapes: n cells, m places, r roles. Distances in metres of a transverse Mercator plane around the city.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import shapely
from django.db import connection
from scipy.optimize import linprog
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

STATES = ("served", "late", "no_room", "out_of_reach")
WALK_M_PER_MIN, LANE_M_PER_MIN, DETOUR, BLOCK_M = 75.0, 250.0, 1.3, 500.0


def rows(query: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchall()


# --- roads ------------------------------------------------------------------------------------------


@dataclass
class Roads:
    """Streets t between nodes, each once: length_m, km/h forwards and backwards (0: not allowed), whether people walk
    there. crossings, streets: how many are left when bends belong to their streets."""

    x: np.ndarray
    y: np.ndarray
    ends: np.ndarray
    length: np.ndarray
    speed: np.ndarray
    walk: np.ndarray
    crossings: int
    streets: int
    twins: int = 0

    def snap(self, x: np.ndarray, y: np.ndarray, mode: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Nearest street of each point that the mode may use, by trying all: (street, share along it, metres to it)."""
        ax, ay = self.x[self.ends[:, 0]], self.y[self.ends[:, 0]]
        dx, dy = self.x[self.ends[:, 1]] - ax, self.y[self.ends[:, 1]] - ay
        square = np.maximum(dx * dx + dy * dy, 1e-12)
        street, along, far = np.empty(len(x), int), np.empty(len(x)), np.empty(len(x))
        for i, (px, py) in enumerate(zip(x, y, strict=True)):
            share = np.clip(((px - ax) * dx + (py - ay) * dy) / square, 0, 1)
            away = np.hypot(ax + share * dx - px, ay + share * dy - py)
            away[~(self.walk if mode == "walk" else (self.speed > 0).any(axis=1))] = np.inf
            street[i] = np.argmin(away)
            along[i], far[i] = share[street[i]], away[street[i]]
        return street, along, far

    def costs(self, unit: str, mode: str) -> tuple[np.ndarray, float]:
        """(streets, 2) cost forwards and backwards, inf where not allowed, and the cost of a metre off the roads."""
        if mode == "walk":
            metre = 1.0 if unit == "m" else 1 / WALK_M_PER_MIN
            cost = np.where(self.walk, self.length * metre, np.inf)
            return np.repeat(cost[:, None], 2, axis=1), metre
        with np.errstate(divide="ignore"):
            time = self.length[:, None] * 0.06 / self.speed
        cost = time if unit == "min" else np.repeat(self.length[:, None], 2, axis=1)
        return np.where(self.speed > 0, cost, np.inf), 1.0 if unit == "m" else 1 / LANE_M_PER_MIN


def read_roads(nodes: Path, links: Path, names: dict[str, str], plane: pyproj.Proj, speed_of: Any) -> Roads:
    """From the files as the source wrote them. `names`: columns id, lon, lat, from, to, length; `speed_of(row)` gives
    km/h and whether the link is one-way. Driven is the largest part where all reach all by car, walked the largest part
    that hangs together."""
    with nodes.open(encoding="utf-8-sig") as file:
        table = list(csv.DictReader(file))
    number = {row[names["id"]]: n for n, row in enumerate(table)}
    x, y = plane(
        [float(row[names["lon"]]) for row in table],
        [float(row[names["lat"]]) for row in table],
    )
    x, y = np.array(x), np.array(y)
    held: dict[tuple[int, int], list[list[float]]] = {}
    with links.open(encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            a, b = number[row[names["from"]]], number[row[names["to"]]]
            if a == b:
                continue
            length = max(float(row[names["length"]]), float(np.hypot(x[a] - x[b], y[a] - y[b])))
            speed, oneway = speed_of(row)
            there, back = (speed, 0.0 if oneway else speed)
            low, high = min(a, b), max(a, b)
            held.setdefault((low, high), []).append([length, there, back] if a < b else [length, back, there])
    ends, out, twins = [], [], 0
    for pair, streets in held.items():
        streets.sort()
        while streets:
            one = streets.pop(0)
            # two one-way links that mirror each other, about equally long, are one street
            if streets and streets[0][0] <= 1.1 * one[0] and {one[1] > 0, streets[0][1] > 0} == {True, False}:
                two = streets.pop(0)
                one = [one[0], max(one[1], two[1]), max(one[2], two[2])]
                twins += 1
            ends.append(pair)
            out.append(one)
    ends, street = np.array(ends), np.array(out)
    go, back = street[:, 1] > 0, street[:, 2] > 0
    tail, head = np.r_[ends[go, 0], ends[back, 1]], np.r_[ends[go, 1], ends[back, 0]]
    links_by_car = csr_array((np.ones(len(tail)), (tail, head)), shape=(len(x), len(x)))
    part = connected_components(links_by_car, connection="strong")[1]
    main = part == np.bincount(part).argmax()
    driven = main[ends[:, 0]] & main[ends[:, 1]]
    all_links = csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(x), len(x)))
    near = connected_components(all_links, directed=False)[1]
    walked = (near == np.bincount(near).argmax())[ends[:, 0]]
    bend, extra = bends(x, y, ends, street)
    street[~driven, 1:] = 0
    keep = driven | walked
    used = np.unique(ends[keep])
    gone = int(bend[used].sum()) - sum(keep[t] for t in extra)
    return Roads(
        x, y, ends[keep], street[keep, 0], street[keep, 1:], walked[keep], len(used) - gone, int(keep.sum()) - gone, twins
    )  # fmt: skip


def bends(x: np.ndarray, y: np.ndarray, ends: np.ndarray, street: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Which nodes only join two streets that go on alike, and one street of each closed round, which keeps a node."""
    straight = np.hypot(x[ends[:, 0]] - x[ends[:, 1]], y[ends[:, 0]] - y[ends[:, 1]])
    longer = [
        round(length / line, 6) if line > 0.1 else 1.0
        for length, line in zip(street[:, 0], straight, strict=True)
    ]
    at: dict[int, list[tuple[int, float, float]]] = {}
    for t, (a, b) in enumerate(ends.tolist()):
        _length, there, back = street[t]
        at.setdefault(a, []).append((t, there, back))
        at.setdefault(b, []).append((t, back, there))
    bend, chain = np.zeros(len(x), bool), list(range(len(ends)))

    def head(t: int) -> int:
        while chain[t] != t:
            t = chain[t]
        return t

    closed = []
    for node, meeting in at.items():
        if len(meeting) == 2:
            (s, s_out, s_in), (t, t_out, t_in) = meeting
            if s_out == t_in and s_in == t_out and longer[s] == longer[t]:
                bend[node] = True
                chain[head(s)] = head(t)
    rest: dict[int, list[int]] = {}
    for t in range(len(ends)):
        rest.setdefault(head(t), []).append(t)
    for members in rest.values():
        tips = [node for t in members for node in ends[t].tolist() if not bend[node]]
        if len(members) > 1 and len(tips) == 2 and tips[0] == tips[1]:
            closed.append(members[0])
    return bend, closed


def trips(
    roads: Roads | None, sites: np.ndarray, cells: np.ndarray, limit: float, unit: str, mode: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Everyone who can come: (site, cell, cost) of all pairs within the limit, people travelling to the site."""
    metre = 1.0 if unit == "m" else 1 / (WALK_M_PER_MIN if mode == "walk" else LANE_M_PER_MIN)
    if roads is None:
        metre = metre if mode == "walk" or unit == "m" else 1 / 500.0  # 30 km/h without roads
        found = []
        for j, (x, y) in enumerate(sites):
            cost = np.hypot(cells[:, 0] - x, cells[:, 1] - y) * DETOUR * metre
            near = np.flatnonzero(cost <= limit)
            found.append((np.full(len(near), j), near, cost[near]))
        return tuple(np.concatenate(part) for part in zip(*found, strict=True))  # type: ignore[return-value]
    cost, metre = roads.costs(unit, mode)
    cheapest: dict[tuple[int, int], float] = {}
    for (a, b), (there, back) in zip(roads.ends.tolist(), cost.tolist(), strict=True):
        for tail, head, value in ((a, b, there), (b, a, back)):
            if np.isfinite(value):
                # turned round: the search starts at the site
                cheapest[head, tail] = min(value, cheapest.get((head, tail), np.inf))
    at = np.array(list(cheapest))
    graph = csr_array(
        (np.maximum(list(cheapest.values()), 1e-9), (at[:, 0], at[:, 1])), shape=(len(roads.x), len(roads.x))
    )
    c_street, c_along, c_far = roads.snap(cells[:, 0], cells[:, 1], mode)
    s_street, s_along, s_far = roads.snap(sites[:, 0], sites[:, 1], mode)
    starts, row_of = np.unique(roads.ends[s_street], return_inverse=True)
    row_of = row_of.reshape(-1, 2)
    ways = dijkstra(graph, indices=starts, limit=limit)
    # leaving a street towards its ends, and coming onto it from them
    leave = np.stack([_part(c_along, cost[c_street, 1]), _part(1 - c_along, cost[c_street, 0])])
    enter = np.stack([_part(s_along, cost[s_street, 0]), _part(1 - s_along, cost[s_street, 1])])
    found = []
    for j, (x, y) in enumerate(sites):
        road = np.full(len(cells), np.inf)
        for s in (0, 1):
            for c in (0, 1):
                road = np.minimum(road, leave[c] + ways[row_of[j, s], roads.ends[c_street, c]] + enter[s, j])
        own = np.flatnonzero(c_street == s_street[j])
        ahead = s_along[j] - c_along[own]
        along = np.where(ahead >= 0, cost[s_street[j], 0], cost[s_street[j], 1])
        road[own] = np.minimum(road[own], _part(np.abs(ahead), along))
        road = road + (c_far + s_far[j]) * metre
        straight = np.hypot(cells[:, 0] - x, cells[:, 1] - y)
        # on foot, a place farther than a block from every street is off the map
        free = straight <= BLOCK_M
        if mode == "walk":
            free |= (c_far > BLOCK_M) | (s_far[j] > BLOCK_M)
        road = np.minimum(road, np.where(free, straight * DETOUR * metre, np.inf))
        near = np.flatnonzero(road <= limit)
        found.append((np.full(len(near), j), near, road[near]))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))  # type: ignore[return-value]


def _part(share: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Share of a street's cost; nothing at its end even where the street itself may not be used."""
    with np.errstate(invalid="ignore"):
        return np.where(share == 0, 0.0, share * cost)


# --- the registry, read by SQL ------------------------------------------------------------------------


@dataclass
class Question:
    """What one stored run asks, read from scenario and standards, and what it may use."""

    run: int
    time: str
    standards: dict[str, dict[str, Any]]
    need: dict[str, np.ndarray]
    exact: dict[str, np.ndarray]
    people: dict[str, np.ndarray]
    roles: list[dict[str, Any]]
    cells: np.ndarray
    cell_id: np.ndarray
    lonlat: np.ndarray
    shares: dict[str, np.ndarray] = field(default_factory=dict)


def plane_of(city: int) -> pyproj.Proj:
    west, south, east, north = rows(
        "select st_xmin(bounds), st_ymin(bounds), st_xmax(bounds), st_ymax(bounds) from core_city where id = %s",
        city,
    )[0]
    lon0, lat0 = round((west + east) / 2, 1), round((south + north) / 2, 1)
    return pyproj.Proj(proj="tmerc", lat_0=lat0, lon_0=lon0, k=1, ellps="WGS84")


def zone_of(layer: int, lonlat: np.ndarray) -> np.ndarray:
    """Class (n,) of the most severe zone around each point, "" outside."""
    found = np.full(len(lonlat), "", dtype=object)
    points = shapely.points(lonlat)
    listed = rows("select klass, st_asbinary(geometry) from planning_hazardzone where layer_id = %s order by severity, klass desc", layer)  # fmt: skip
    for klass, shape in listed:
        ground = shapely.from_wkb(bytes(shape))
        shapely.prepare(ground)
        found[shapely.intersects(ground, points)] = klass
    return found


def cumulative(exact: np.ndarray) -> np.ndarray:
    """Whole units that add up along the order of the cells, one at a time."""
    given, total, need = 0, 0.0, np.zeros(len(exact), np.int64)
    for i, value in enumerate(exact.tolist()):
        total += value
        upto = int(np.floor(total + 0.5 + 1e-9))
        need[i], given = upto - given, upto
    return need


def read_question(run: int) -> Question:
    city, scenario, profile, time, as_of = rows(
        "select r.city_id, r.scenario_id, r.profile_id, r.time_of_day, s.as_of from planning_run r"
        " join planning_snapshot s on s.id = r.snapshot_id where r.id = %s", run,
    )[0]  # fmt: skip
    names = "hazard extent hazard_layer_id affected_share displaced_share zone_rates ratio_overrides close_inside_zone"
    values = rows(f"select {', '.join(names.split())} from planning_scenario where id = %s", scenario)[0]
    told: dict[str, Any] = dict(zip(names.split(), values, strict=True))
    for name in ("zone_rates", "ratio_overrides"):
        told[name] = told[name] if isinstance(told[name], dict) else json.loads(told[name])
    columns = "driver ratio reach_limit reach_unit mode conversion_limit_hours weight"
    standards = {
        row[0]: dict(zip(columns.split(), row[1:], strict=True))
        for row in rows(
            f"select t.code, {', '.join('s.' + c for c in columns.split())} from planning_standard s"
            " join facilities_servicetype t on t.id = s.service_id where s.profile_id = %s and s.service_id in"
            " (select servicetype_id from planning_scenario_services where scenario_id = %s)", profile, scenario,
        )
    }  # fmt: skip
    listed = rows(
        "select c.id, st_x(c.point), st_y(c.point), coalesce(n.people, 0), coalesce(p.people, 0) from planning_demandcell c"
        " left join (select q.* from planning_cellpopulation q join planning_populationlayer l on l.id = q.layer_id"
        "  where l.city_id = %s and l.current and l.time_of_day = 'night') n on n.cell_id = c.id"
        " left join (select q.* from planning_cellpopulation q join planning_populationlayer l on l.id = q.layer_id"
        "  where l.city_id = %s and l.current and l.time_of_day = %s) p on p.cell_id = c.id where c.city_id = %s order by c.number",
        city, city, time, city,
    )  # fmt: skip
    table = np.array(listed, dtype=float)
    lonlat, night, present = table[:, 1:3], table[:, 3], table[:, 4]
    n = len(table)
    zone = np.full(n, "", dtype=object)
    if told["hazard_layer_id"]:
        zone = zone_of(told["hazard_layer_id"], lonlat)
    by_zone = told["extent"] == "zones"
    assert told["extent"] in ("zones", "everywhere")
    inside = zone != "" if by_zone else np.ones(n, bool)

    def share(name: str) -> np.ndarray:
        whole = told[f"{name}_share"]
        if not by_zone:
            return np.full(n, np.nan if whole is None else whole)
        rate = {klass: told["zone_rates"].get(klass, {}).get(name, whole) for klass in set(zone) - {""}}
        return np.array([rate[klass] if klass else 0.0 for klass in zone], dtype=float)

    affected, displaced = share("affected"), share("displaced")
    need, exact, people = {}, {}, {}
    for service, rule in standards.items():
        counted = night if rule["driver"] == "residents" else present
        factor = {
            "affected": affected,
            "displaced": affected * displaced,
        }.get(rule["driver"], np.ones(n))
        ratio = told["ratio_overrides"].get(service, rule["ratio"])
        exact[service] = np.where(inside, counted * factor * ratio, 0.0)
        need[service], people[service] = cumulative(exact[service]), counted
    plane = plane_of(city)
    cells = np.column_stack(plane(lonlat[:, 0], lonlat[:, 1]))
    roles = _roles(city, scenario, told, as_of, plane, standards)
    count_roles(roles, standards, {service: int(units.sum()) for service, units in need.items()})
    return Question(
        run, time, standards, need, exact, people, roles, cells, table[:, 0].astype(int), lonlat,
        {"inside": inside, "affected": affected, "displaced": displaced},
    )  # fmt: skip


def _roles(
    city: int, scenario: int, told: dict[str, Any], as_of: Any, plane: pyproj.Proj, standards: dict[str, Any]
) -> list[dict[str, Any]]:
    in_force = "(valid_from is null or valid_from <= %(day)s) and (valid_to is null or valid_to >= %(day)s)"
    with connection.cursor() as cursor:
        cursor.execute(
            "select f.id, t.code, c.status, f.status, c.capacity,"
            " coalesce(c.conversion_hours_observed, c.conversion_hours_declared), f.entry_minutes, f.readiness_minutes / 60,"
            " c.exclusive, c.rank, c.hazards, st_x(f.point), st_y(f.point), c.id,"
            " exists(select 1 from facilities_agreement a where a.facility_id = f.id) and not exists"
            f" (select 1 from facilities_agreement a where a.facility_id = f.id and {in_force}),"
            " exists(select 1 from facilities_certificate a where a.facility_id = f.id) and not exists"
            f" (select 1 from facilities_certificate a where a.facility_id = f.id and {in_force}),"
            " f.id in (select facility_id from planning_scenario_closed_facilities where scenario_id = %(scenario)s)"
            " from facilities_capability c join facilities_facility f on f.id = c.facility_id"
            " join facilities_servicetype t on t.id = c.service_id"
            " where f.city_id = %(city)s and c.status <> 'retired' order by f.id, c.rank, c.service_id",
            {"day": as_of, "scenario": scenario, "city": city},
        )
        listed = cursor.fetchall()
    names = "facility service status place capacity hours door opening exclusive rank hazards lon lat id agreement certificate shut"
    found = [dict(zip(names.split(), row, strict=True)) for row in listed]
    if not found:
        return []
    lonlat = np.array([[one["lon"], one["lat"]] for one in found])
    zone = np.full(len(found), "", dtype=object)
    if told["hazard_layer_id"] and told["close_inside_zone"]:
        zone = zone_of(told["hazard_layer_id"], lonlat)
    xs, ys = plane(lonlat[:, 0], lonlat[:, 1])
    for one, klass, x, y in zip(found, zone, xs, ys, strict=True):
        one["x"], one["y"] = x, y
        one["units"] = int(np.floor(one["capacity"] + 1e-6))
        hazards = one["hazards"] if isinstance(one["hazards"], list) else json.loads(one["hazards"])
        if one["shut"] or one["place"] == "closed":
            one["reason"] = "closed"
        elif klass:
            one["reason"] = "inside_hazard"
        elif hazards and told["hazard"] not in hazards:
            one["reason"] = "wrong_hazard"
        elif one["status"] == "possible" or one["place"] == "planned":
            one["reason"] = "not_designated"
        elif one["agreement"]:
            one["reason"] = "lapsed_agreement"
        elif one["certificate"]:
            one["reason"] = "lapsed_certificate"
        else:
            one["reason"] = "counts"
    return [one for one in found if one["service"] in standards]


def count_roles(
    roles: list[dict[str, Any]], standards: dict[str, dict[str, Any]], total_need: dict[str, int]
) -> None:
    """Sets `supply` and `ready`: of the exclusive roles of one place only the usable one of lowest rank counts whose
    service anybody needs."""
    taken: dict[int, dict[str, Any]] = {}
    for one in sorted(roles, key=lambda role: role["rank"]):
        limit = standards[one["service"]]["conversion_limit_hours"]
        one["ready"] = limit is None or (one["hours"] is not None and one["hours"] + one["opening"] <= limit)
        one["supply"] = one["units"] if one["reason"] == "counts" else 0
        if one["supply"] and one["exclusive"] and total_need.get(one["service"], 0):
            if one["facility"] in taken:
                one["supply"], one["reason"] = 0, "other_role"
            taken.setdefault(one["facility"], one)


# --- who goes where -----------------------------------------------------------------------------------


def nearest_first(
    need: np.ndarray, roles: list[dict[str, Any]], pairs: tuple[np.ndarray, ...], cells: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Everyone to the nearest with room, in time before late: states (n,) and units by role (r, 2) served and late."""
    left, room = need.tolist(), [one["supply"] for one in roles]
    queue = sorted(
        (not roles[j]["ready"], np.float32(cost), cells[i, 0], cells[i, 1], roles[j]["x"], roles[j]["y"], roles[j]["units"], j, i)
        for j, i, cost in zip(*(part.tolist() for part in pairs), strict=True)
        if need[i] > 0 and room[j] > 0
    )  # fmt: skip
    states = {name: np.zeros(len(need), np.int64) for name in STATES}
    by_role = np.zeros((len(roles), 2), np.int64)
    for late, *_where, j, i in queue:
        units = min(left[i], room[j])
        if units:
            left[i] -= units
            room[j] -= units
            states["late" if late else "served"][i] += units
            by_role[j, int(late)] += units
    reached = np.zeros(len(need), bool)
    reached[[entry[-1] for entry in queue]] = True
    states["no_room"] = np.where(reached, left, 0)
    states["out_of_reach"] = np.where(reached, 0, left)
    return states, by_role


def best_quantities(
    need: np.ndarray, roles: list[dict[str, Any]], pairs: tuple[np.ndarray, ...]
) -> tuple[int, int]:
    """(served in time, late) of the best assignment there is, by a linear program: a unit in time is worth 2, a late
    one 1. Flows of whole numbers have whole optima."""
    supply = np.array([one["supply"] for one in roles])
    j, i, _cost = pairs
    use = (supply[j] > 0) & (need[i] > 0)
    j, i = j[use], i[use]
    if not len(j):
        return 0, 0
    ready = np.array([bool(one["ready"]) for one in roles])[j]
    ones, column = np.ones(len(j)), np.arange(len(j))
    limits = coo_array(
        (np.r_[ones, ones], (np.r_[i, len(need) + j], np.r_[column, column])),
        shape=(len(need) + len(roles), len(j)),
    ).tocsr()
    answer = linprog(
        -np.where(ready, 2.0, 1.0), A_ub=limits, b_ub=np.r_[need, supply], bounds=(0, None), method="highs"
    )
    assert answer.status == 0, answer.message
    return round(float(answer.x[ready].sum())), round(float(answer.x[~ready].sum()))
