"""Gathers a city's inputs into arrays, and writes them once as a folder named by their hash.

Cells are by far the largest part and change only with the population, so they are taken over from the last
snapshot while their key is the same; the registry is read anew each time.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection

from core.choices import AreaLevel
from core.models import Area, City
from engine import archive
from engine.crs import LocalMetric
from facilities.choices import CapabilityStatus, FacilityStatus, Hazard
from facilities.models import ServiceType
from facilities.selectors.supply import SupplyRow, supply_columns, supply_rows
from inventory.selectors.idle_assets import OptionRow, option_rows
from planning.bridge import artefacts
from planning.bridge.columns import fetch_cells, fetch_columns
from planning.bridge.exposure import keep_exposure, zone_hashes
from planning.bridge.plane import plane_centre
from planning.bridge.roads import load_roads
from planning.choices import PeopleGroup
from planning.models import HazardLayer, PopulationLayer, RoadNetwork, Snapshot

FACILITY, IDLE_ASSET = 0, 1
PLACE_OPEN, PLACE_PLANNED, PLACE_CLOSED = 0, 1, 2
_PLACE = {
    FacilityStatus.ACTIVE: PLACE_OPEN,
    FacilityStatus.PLANNED: PLACE_PLANNED,
    FacilityStatus.CLOSED: PLACE_CLOSED,
}
HAZARDS = [str(code) for code in Hazard.values]


@dataclass
class Draft:
    """Arrays and meta of a snapshot that is not yet written."""

    arrays: dict[str, np.ndarray]
    meta: dict[str, Any]
    network: RoadNetwork | None

    @property
    def sha256(self) -> str:
        return archive.content_hash(self.arrays, self.meta)


def gather(city: City, as_of: datetime.date, last: Snapshot | None) -> Draft:
    """Read everything a run may need; one statement for each kind of row."""
    network = RoadNetwork.objects.filter(city=city, current=True).first()
    centre = _centre(city, network)
    areas = list(
        Area.objects.filter(city=city)
        .order_by("path")
        .values_list("id", "code", "level", "parent_id", "path")
    )
    layers = list(PopulationLayer.objects.filter(city=city).select_related("layer").order_by("id"))
    hazards = list(HazardLayer.objects.filter(city=city).order_by("id"))
    ground = zone_hashes(hazards)
    key = _cells_key(city, centre, areas, layers, hazards, ground)
    meta: dict[str, Any] = {
        "city": city.code,
        "plane": centre,
        "network": network.sha256 if network else None,
        "cells_key": key,
        "layers": {layer.time_of_day: _layer_told(layer) for layer in layers if layer.current},
        "other_layers": {
            layer.code: _layer_told(layer) | {"time_of_day": layer.time_of_day}
            for layer in layers
            if not layer.current
        },
        "areas": [code for _id, code, _level, _parent, _path in areas],
        "services": list(ServiceType.objects.order_by("id").values_list("id", "code")),
        "staying": sorted(ServiceType.objects.exclude(domain="supply").values_list("code", flat=True)),
        "hazards": HAZARDS,
        "zones": {
            layer.code: {
                "id": layer.pk,
                "hazard": layer.hazard,
                "classes": _classes(layer),
                "severities": _severities(layer),
            }
            for layer in hazards
        },
    }
    for layer in hazards:
        meta["zones"][layer.code]["streets"] = _exposure(network, centre, layer, ground)
    meta = json.loads(json.dumps(meta))
    plane = LocalMetric(*centre)
    arrays = _taken_over(last, key)
    if arrays is None:
        arrays = _cells(city, plane, areas, layers) | _cell_zones(city, hazards)
    arrays |= _registry(city, as_of, plane, areas, meta, hazards)
    return Draft(arrays, meta, network)


def _centre(city: City, network: RoadNetwork | None) -> tuple[float, float]:
    if network is not None:
        meta = archive.read_meta(artefacts.folder_of(network.folder)).get("meta") or {}
        if "lon0" in meta:
            return float(meta["lon0"]), float(meta["lat0"])
    return plane_centre(city)


def _exposure(
    network: RoadNetwork | None, centre: tuple[float, float], layer: HazardLayer, ground: dict[int, str]
) -> str | None:
    """Name of the artefact that tells which streets lie on which ground of a hazard; None without roads or ground."""
    if network is None or layer.pk not in ground:
        return None
    return keep_exposure(network.sha256, load_roads(network.sha256).graph, centre, layer.pk, ground[layer.pk])


def _layer_told(layer: PopulationLayer) -> dict[str, Any]:
    """What a reader of the snapshot must know of a layer beside its people by cell."""
    return {
        "id": layer.pk,
        "code": layer.code,
        "groups": told_groups(layer),
        "error_share": layer.error_share,
        "error_share_district": layer.error_share_district,
    }


def told_groups(layer: PopulationLayer) -> list[str]:
    """The groups that the layer's source tells apart, in the order of `PeopleGroup`."""
    told = set(layer.groups) | ({PeopleGroup.BARRIER_FREE} if layer.barrier_free is not None else set())
    return [str(group) for group in PeopleGroup.values if group in told]


def _layer_name(layer: PopulationLayer) -> str:
    """How the arrays of a layer are called: by the time of day when it is in use, and by its own code otherwise."""
    return layer.time_of_day if layer.current else f"{layer.time_of_day}-{layer.code}"


def _classes(layer: HazardLayer) -> list[str]:
    return sorted(set(layer.zones.values_list("klass", flat=True)))


def _severities(layer: HazardLayer) -> list[int]:
    """The severity of each of `_classes`: the highest where zones of one class differ."""
    found: dict[str, int] = {}
    for klass, severity in layer.zones.values_list("klass", "severity"):
        found[klass] = max(severity, found.get(klass, 0))
    return [found[klass] for klass in _classes(layer)]


def _cells_key(
    city: City,
    centre: tuple[float, float],
    areas: list[tuple[Any, ...]],
    layers: list[PopulationLayer],
    hazards: list[HazardLayer],
    ground: dict[int, str],
) -> str:
    """Hash of all that the cells' arrays depend on, found without reading the cells one by one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*), min(id), max(id), sum(coalesce(area_id, 0)) from planning_demandcell where city_id = %s",
            [city.pk],
        )
        cells = cursor.fetchone()
    zones = [list(pair) for pair in sorted(ground.items())]
    told = [
        city.pk, list(centre), [str(value) for value in cells], areas, zones,
        [[layer.pk, _layer_name(layer), layer.people, layer.cells, layer.layer.sha256 if layer.layer else "", layer.barrier_free, layer.groups, layer.facts.get("sha256", "")] for layer in layers],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()


def _taken_over(last: Snapshot | None, key: str) -> dict[str, np.ndarray] | None:
    if last is None or not artefacts.exists(last.folder):
        return None
    arrays, meta = artefacts.load(last.folder)
    if meta["cells_key"] != key:
        return None
    return {name: array for name, array in arrays.items() if name.startswith(("cell_", "area_"))}


def _cells(
    city: City, plane: LocalMetric, areas: list[tuple[Any, ...]], layers: list[PopulationLayer]
) -> dict[str, np.ndarray]:
    rows = fetch_cells(city.pk, {_layer_name(layer): (layer.pk, told_groups(layer)) for layer in layers})
    ids = np.array([area[0] for area in areas], dtype=np.int64)
    index = {area[0]: position for position, area in enumerate(areas)}
    root = next((n for n, area in enumerate(areas) if area[2] == AreaLevel.CITY), -1)
    x, y = plane.forward(rows["lon"], rows["lat"])
    arrays = {
        "cell_id": rows["id"], "cell_lon": rows["lon"], "cell_lat": rows["lat"], "cell_x": x, "cell_y": y,
        # Cells that lie in no smaller area belong to the city as a whole, so that totals lose nobody.
        "cell_area": _index_of(rows["area"], ids, root),
        "area_id": ids,
        "area_level": np.array([area[2] for area in areas], dtype=np.int16),
        "area_parent": np.array([index.get(area[3], -1) for area in areas], dtype=np.int32),
    }  # fmt: skip
    for layer in layers:
        name = _layer_name(layer)
        for column in ("people", *told_groups(layer)):
            arrays[f"cell_{column}_{name}"] = rows[f"{column}_{name}"]
    return arrays


def _index_of(values: np.ndarray, ids: np.ndarray, missing: int) -> np.ndarray:
    """Position (n,) int32 of each value among `ids`; `missing` where it is not there."""
    if not len(ids):
        return np.full(len(values), missing, np.int32)
    order = np.argsort(ids)
    found = np.minimum(np.searchsorted(ids, values, sorter=order), len(ids) - 1)
    position = order[found]
    return np.where(ids[position] == values, position, missing).astype(np.int32)


_COVERED = """
    with parts as (
        select severity, %s_class.position class, st_subdivide(z.geometry, 128) ground
        from planning_hazardzone z join unnest(%%s::text[]) with ordinality %s_class(klass, position) using (klass)
        where z.layer_id = %%s)
"""


def _cell_zones(city: City, hazards: list[HazardLayer]) -> dict[str, np.ndarray]:
    """Class (n,) int16 of each cell in each hazard layer, -1 outside; the highest severity wins."""
    arrays = {}
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from planning_demandcell where city_id = %s", [city.pk])
        count = cursor.fetchone()[0]
    for layer in hazards:
        hits = fetch_columns(
            _COVERED % ("k", "k")
            + """ select distinct on (c.number) c.number, p.class from parts p
                join planning_demandcell c on c.city_id = %s and st_covers(p.ground, c.point)
                order by c.number, p.severity desc, p.class""",
            [_classes(layer), layer.pk, city.pk], [("number", "int4"), ("class", "int2")],
        )  # fmt: skip
        inside = np.full(count, -1, np.int16)
        inside[hits["number"]] = hits["class"] - 1
        arrays[f"cell_zone_{layer.code}"] = inside
    return arrays


def _site_zones(lon: np.ndarray, lat: np.ndarray, hazards: list[HazardLayer]) -> dict[str, np.ndarray]:
    arrays = {}
    for layer in hazards:
        hits = fetch_columns(
            _COVERED % ("k", "k")
            + """ select distinct on (s.n) s.n, p.class from parts p
                join unnest(%s::float8[], %s::float8[]) with ordinality s(lon, lat, n)
                  on st_covers(p.ground, st_setsrid(st_point(s.lon, s.lat), 4326))
                order by s.n, p.severity desc, p.class""",
            [_classes(layer), layer.pk, lon.tolist(), lat.tolist()], [("n", "int4"), ("class", "int2")],
        )  # fmt: skip
        inside = np.full(len(lon), -1, np.int16)
        inside[hits["n"] - 1] = hits["class"] - 1
        arrays[f"site_zone_{layer.code}"] = inside
    return arrays


def _registry(
    city: City,
    as_of: datetime.date,
    plane: LocalMetric,
    areas: list[tuple[Any, ...]],
    meta: dict[str, Any],
    hazards: list[HazardLayer],
) -> dict[str, np.ndarray]:
    roles, options = supply_rows(city, as_of), option_rows(city)
    area_of = {area[4]: position for position, area in enumerate(areas)}
    service_of = {pk: position for position, (pk, _code) in enumerate(meta["services"])}
    sites: dict[tuple[int, int], int] = {}
    places: list[tuple[Any, ...]] = []
    meta["uses"] = sorted({row.use for row in roles})
    use_of = {code: position for position, code in enumerate(meta["uses"])}
    for row in roles:
        if sites.setdefault((FACILITY, row.facility_id), len(places)) == len(places):
            places.append(
                (
                    FACILITY,
                    row.facility_id,
                    row.lon,
                    row.lat,
                    area_of.get(row.area_path, -1),
                    use_of[row.use],
                    _PLACE[FacilityStatus(row.facility_status)],
                    row.entry_minutes,
                    row.readiness_minutes,
                    0.0,
                )
            )
    for option in options:
        if sites.setdefault((IDLE_ASSET, option.asset_id), len(places)) == len(places):
            places.append(
                (
                    IDLE_ASSET,
                    option.asset_id,
                    option.lon,
                    option.lat,
                    area_of.get(option.area_path, -1),
                    -1,
                    PLACE_OPEN,
                    0.0,
                    0.0,
                    option.land_m2,
                )
            )
    kind, pk, lon, lat, area, use, state, entry, readiness, land = (
        (np.array(column) for column in zip(*places, strict=True)) if places else (np.empty(0),) * 10
    )
    lon, lat = lon.astype(np.float64), lat.astype(np.float64)
    x, y = plane.forward(lon, lat)
    arrays: dict[str, np.ndarray] = {
        "site_kind": kind.astype(np.int8), "site_id": pk.astype(np.int64), "site_lon": lon, "site_lat": lat, "site_x": x, "site_y": y,
        "site_area": area.astype(np.int32), "site_use": use.astype(np.int16), "site_state": state.astype(np.int8),
        "site_entry_minutes": entry.astype(np.float64), "site_readiness_minutes": readiness.astype(np.float64),
        # nan: idle land that nobody has measured.
        "site_land_m2": land.astype(np.float64),
    }  # fmt: skip
    arrays |= _site_zones(lon, lat, hazards)
    arrays |= _roles(roles, sites, service_of)
    arrays |= _options(options, sites, service_of, meta)
    return arrays


def _roles(
    rows: list[SupplyRow], sites: dict[tuple[int, int], int], service_of: dict[int, int]
) -> dict[str, np.ndarray]:
    columns = supply_columns(rows)
    bit = {code: 1 << position for position, code in enumerate(HAZARDS)}
    return {
        "role_site": np.array([sites[FACILITY, row.facility_id] for row in rows], dtype=np.int32),
        "role_service": np.array([service_of[row.service_id] for row in rows], dtype=np.int16),
        "role_capability": columns["capability_id"],
        "role_possible": np.array([row.status == CapabilityStatus.POSSIBLE for row in rows], dtype=np.bool_),
        "role_capacity": columns["capacity"],
        # nan: nobody has said how much of it is barrier-free.
        "role_special_capacity": columns["barrier_free"],
        "role_hours": columns["hours"],
        "role_cost": columns["cost_fen"],
        "role_exclusive": columns["exclusive"],
        "role_rank": columns["rank"],
        # No bit set: it may serve in any hazard.
        "role_hazards": np.array(
            [sum(bit.get(code, 0) for code in row.hazards) for row in rows], dtype=np.int32
        ),
        "role_lapsed_agreement": columns["lapsed_agreement"],
        "role_lapsed_certificate": columns["lapsed_certificate"],
    }


def _options(
    rows: list[OptionRow], sites: dict[tuple[int, int], int], service_of: dict[int, int], meta: dict[str, Any]
) -> dict[str, np.ndarray]:
    kinds = meta["kinds"] = sorted({row.kind for row in rows})
    return {
        "option_site": np.array([sites[IDLE_ASSET, row.asset_id] for row in rows], dtype=np.int32),
        "option_service": np.array([service_of[row.service_id] for row in rows], dtype=np.int16),
        "option_kind": np.array([kinds.index(row.kind) for row in rows], dtype=np.int8),
        "option_capacity": np.array([row.capacity for row in rows], dtype=np.float64),
        "option_cost": np.array([row.cost_fen for row in rows], dtype=np.int64),
        "option_hours": np.array(
            [np.nan if row.hours is None else row.hours for row in rows], dtype=np.float64
        ),
        "option_lead": np.array([row.lead_months for row in rows], dtype=np.int16),
        "option_id": np.array([row.option_id for row in rows], dtype=np.int64),
    }
