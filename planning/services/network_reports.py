"""The quality report of a road network: measured against the city's people and places, stored with the network.

A job, since a large city takes a minute. What is written: RoadNetwork.report (JSON, docs/networks.md) and one
NetworkIsland a patch of roads that the largest part cannot reach and be reached from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core import policies
from core.models import City, Job, PackLayer
from core.services import audit, jobs
from core.services.jobs import Progress
from engine import ENGINE_VERSION
from engine.crs import LocalMetric
from engine.network import RoadGraph, Snap
from facilities.choices import FacilityStatus
from facilities.services.bulk import copy_rows
from planning.bridge import artefacts, road_quality
from planning.bridge.columns import fetch_columns
from planning.bridge.datum_check import fit_of_points, fit_of_roads
from planning.bridge.exposure import street_lines
from planning.bridge.plane import plane_centre
from planning.models import NetworkIsland, PopulationLayer, RoadNetwork
from planning.selectors.population import layer_in_use
from planning.services import networks

KIND = "network_report"
MOST_FAR_PLACES, MOST_ISLANDS = 200, 5_000
DATUMS = ["WGS-84", "GCJ-02", "BD-09"]
BY_HAND = -1


@dataclass(frozen=True)
class Held:
    """The city's people (n,) and places (m,) in the network's plane. place_layer: pack layer, BY_HAND for none;
    place_datum: index in DATUMS of the datum each was declared in."""

    layer: PopulationLayer | None
    x: np.ndarray
    y: np.ndarray
    people: np.ndarray
    place_id: np.ndarray
    place_lon: np.ndarray
    place_lat: np.ndarray
    place_x: np.ndarray
    place_y: np.ndarray
    place_layer: np.ndarray
    place_datum: np.ndarray


def request_report(*, user: Any, network: RoadNetwork) -> Job:
    """Queue the report of a network on request. Raises Forbidden."""
    policies.demand(user, "run.start", network.city)
    with transaction.atomic():
        job, created = _queue(user, network)
        if created:
            audit.record(user=user, act="network.report", subject=network, after={"job": job.ref})
    return job


def queue_report(*, user: Any, network: RoadNetwork) -> Job:
    """Queue the report that follows a load or an import, for whoever was allowed that."""
    return _queue(user, network)[0]


def _queue(user: Any, network: RoadNetwork) -> tuple[Job, bool]:
    """While a report of the network waits or runs, that job is answered."""
    title = _("Report on the roads %(ref)s") % {"ref": network.ref}
    return jobs.submit(
        kind=KIND, user=user, city=network.city, title=title, title_en=f"Report on the roads {network.ref}",
        params={"network": network.ref}, queue="analysis",
    )  # fmt: skip


@jobs.kind(KIND)
def report_network(job: Job, progress: Progress) -> dict[str, Any]:
    """Compute and store the report of the job's network. Safe to run twice."""
    network = RoadNetwork.objects.select_related("city", "layer").get(ref=job.params["network"])
    report = make_report(network=network, progress=progress)
    return {"result_url": f"/networks/{network.ref}/", "result": {"warnings": len(report["warnings"])}}


def make_report(*, network: RoadNetwork, progress: Progress | None = None) -> dict[str, Any]:
    """Measure a network, store what was found, and answer it."""

    def say(share: float, words: str) -> None:
        if progress is not None:
            progress(share, words)

    say(0.02, _("Reading people and places"))
    used = RoadGraph.load(artefacts.folder_of(network.folder))
    graph, part = _everything(network, used)
    plane, meta = _plane_of(network)
    held = _held(network.city, plane)
    say(0.1, _("Measuring distances to streets"))
    nearest, nearest_place = graph.snap(held.x, held.y), graph.snap(held.place_x, held.place_y)
    cells = graph.snap(held.x, held.y, mode="drive")
    places = graph.snap(held.place_x, held.place_y, mode="drive")
    main = used.snap(held.x, held.y, mode="drive").entry_m
    say(0.4, _("Looking for islands"))
    islands = road_quality.islands_of(graph, part)
    sums = road_quality.island_sums(
        graph, islands, _on_the_map(nearest), held.people, _on_the_map(nearest_place)
    )
    off = cells.entry_m > road_quality.OFF_MAP_M
    lost = road_quality.cut_off(graph, cells.street, off, _on_the_map(places))
    report: dict[str, Any] = {
        "engine": ENGINE_VERSION,
        "population_layer": held.layer.code if held.layer else None,
        "time_of_day": held.layer.time_of_day if held.layer else None,
        "streets": road_quality.street_facts(graph, list(meta.get("classes") or [])),
        "largest_part": {
            "nodes": used.nodes,
            "streets": used.streets,
            "km": float(used.length_m.sum() / 1000),
        },
        "distances": road_quality.distances(nearest.entry_m, held.people),
        "distances_to_largest_part": road_quality.distances(main, held.people),
        "unreached": _unreached(held, lost, off),
        "facilities": _far_places(held, nearest_place.entry_m),
        "islands": {
            "count": islands.count,
            "km": float(sums["length_km"].sum()),
            **{name: float(sums[name].sum()) for name in ("people", "cells", "facilities")},
        },
    }
    say(0.55, _("Comparing road lengths with straight lines"))
    report["detours"] = road_quality.detours(used, held.x, held.y, held.people, held.place_x, held.place_y)
    say(0.75, _("Checking the datum of layers"))
    report["datum"] = _datum_fits(network, graph, plane, held)
    report["warnings"] = _warnings(report)
    say(0.95, _("Writing"))
    rows = _island_rows(network, graph, plane, islands, sums)
    with transaction.atomic():
        if progress is not None:
            progress.hold()
        _write(network, report, rows)
    return report


def _on_the_map(snap: Snap) -> np.ndarray:
    """Nearest streets, -1 where even that one is too far away to say anything."""
    return np.where(snap.entry_m <= road_quality.OFF_MAP_M, snap.street, -1)


def _everything(network: RoadNetwork, used: RoadGraph) -> tuple[RoadGraph, np.ndarray]:
    """All streets that were read and the part of each node; of a network stored before islands were kept, what it has."""
    try:
        return networks.load_full(network)
    except FileNotFoundError:
        return used, np.zeros(used.nodes, np.int32)


def _plane_of(network: RoadNetwork) -> tuple[LocalMetric, dict[str, Any]]:
    _arrays, meta = artefacts.load(network.folder)
    meta = meta or {}
    lon0, lat0 = plane_centre(network.city)
    return LocalMetric(meta.get("lon0", lon0), meta.get("lat0", lat0)), meta


def _held(city: City, plane: LocalMetric) -> Held:
    """People by night where the city has such a layer, else its newest one; places that are not closed."""
    layer = layer_in_use(city)
    cells = fetch_columns(
        "select st_x(c.point) lon, st_y(c.point) lat, coalesce(p.people, 0) people from planning_demandcell c"
        " left join planning_cellpopulation p on p.cell_id = c.id and p.layer_id = %s"
        " where c.city_id = %s order by c.number",
        [layer.pk if layer else -1, city.pk],
        [("lon", "float8"), ("lat", "float8"), ("people", "float8")],
    )
    places = fetch_columns(
        "select id, st_x(point) lon, st_y(point) lat, coalesce(layer_id, %s) layer,"
        " coalesce(array_position(%s::text[], datum::text), 1) - 1 datum"
        " from facilities_facility where city_id = %s and status <> %s order by id",
        [BY_HAND, DATUMS, city.pk, FacilityStatus.CLOSED],
        [("id", "int8"), ("lon", "float8"), ("lat", "float8"), ("layer", "int8"), ("datum", "int2")],
    )
    x, y = plane.forward(cells["lon"], cells["lat"])
    place_x, place_y = plane.forward(places["lon"], places["lat"])
    return Held(
        layer, x, y, cells["people"], places["id"], places["lon"], places["lat"], place_x, place_y, places["layer"],
        places["datum"],
    )  # fmt: skip


def _unreached(held: Held, lost: np.ndarray, off: np.ndarray) -> dict[str, Any]:
    """Who cannot drive to any place; of them those who do live on a street. Nothing is said without places."""
    if not len(held.place_id):
        return {"people": None, "cells": None, "on_streets": None}
    return {
        "people": float(held.people[lost].sum()),
        "cells": int((lost & (held.people > 0)).sum()),
        "on_streets": float(held.people[lost & ~off].sum()),
    }


def _far_places(held: Held, entry_m: np.ndarray) -> dict[str, Any]:
    """Places far from every street, the farthest first: perhaps in a lake, perhaps on a road that is not mapped."""
    far = np.flatnonzero(entry_m > road_quality.FAR_PLACE_M)
    far = far[np.argsort(-entry_m[far], kind="stable")]
    return {
        "count": len(held.place_id),
        "far_m": road_quality.FAR_PLACE_M,
        "far_count": len(far),
        "off_map": int((entry_m > road_quality.OFF_MAP_M).sum()),
        "far": [
            {"id": int(held.place_id[n]), "metres": float(entry_m[n])} for n in far[:MOST_FAR_PLACES].tolist()
        ],
    }


def _datum_fits(
    network: RoadNetwork, graph: RoadGraph, plane: LocalMetric, held: Held
) -> list[dict[str, Any]]:
    """Each layer of places in turn, then the roads against all places together."""
    names = dict(PackLayer.objects.filter(city=network.city).values_list("pk", "name"))
    keys = np.unique(np.stack([held.place_layer, held.place_datum.astype(np.int64)], axis=1), axis=0)
    found, trusted = [], np.ones(len(held.place_id), bool)
    for layer, datum in keys.tolist():
        mine = (held.place_layer == layer) & (held.place_datum == datum)
        fit = fit_of_points(graph, plane, held.place_lon[mine], held.place_lat[mine], DATUMS[datum])
        if fit is None:
            continue
        found.append({"what": "facilities", "layer": names.get(layer), **vars(fit)})
        if fit.suspect:
            trusted &= ~mine
    declared = network.layer.datum if network.layer else "WGS-84"
    fit = fit_of_roads(graph, plane, held.place_lon[trusted], held.place_lat[trusted], declared)
    if fit is not None:
        found.append({"what": "roads", "layer": network.layer.name if network.layer else None, **vars(fit)})
    return found


def _warnings(report: dict[str, Any]) -> list[dict[str, Any]]:
    """What a person should look at: {"code", figures}; words are found when they are read."""
    found: list[dict[str, Any]] = []
    for row in report["datum"]:
        if row["suspect"]:
            best = next(one for one in row["tried"] if one["datum"] == row["suspect"])
            told = {"layer": row["layer"], "declared": row["declared"], "suspect": row["suspect"]}
            figures = {"from_m": row["median_m"], "to_m": best["median_m"]}
            found.append({"code": f"datum_of_{row['what']}", **told, **figures})
    near = report["distances"]
    if not near["people"]:
        found.append({"code": "no_people"})
    elif near["off_map"]["people"] > 0.01 * near["people"]:
        found.append(
            {"code": "people_off_the_map", "people": near["off_map"]["people"], "of": near["people"]}
        )
    if report["islands"]["people"] > 0:
        found.append(
            {
                "code": "people_on_islands",
                "people": report["islands"]["people"],
                "count": report["islands"]["count"],
            }
        )
    if report["unreached"]["on_streets"]:
        found.append({"code": "unreached", "people": report["unreached"]["on_streets"]})
    if report["facilities"]["far_count"]:
        facts = {name: report["facilities"][name] for name in ("far_count", "far_m", "count")}
        found.append({"code": "far_places", **facts})
    lengths, speeds = report["streets"]["lengths"], report["streets"]["speeds"]
    if sum(lengths.values()):
        found.append({"code": "lengths", "streets": sum(lengths.values())})
    if sum(speeds.values()):
        found.append({"code": "speeds", "streets": sum(speeds.values())})
    detour = report["detours"]
    if detour and detour["above_3"] > 0.05 * detour["pairs"]:
        found.append({"code": "detours", "above_3": detour["above_3"], "pairs": detour["pairs"]})
    return found


def _island_rows(
    network: RoadNetwork,
    graph: RoadGraph,
    plane: LocalMetric,
    islands: road_quality.Islands,
    sums: dict[str, np.ndarray],
) -> list[tuple[Any, ...]]:
    """Rows of the islands, those with most people first; the very many of a torn network end at MOST_ISLANDS."""
    if not islands.count:
        return []
    lines = street_lines(graph, np.flatnonzero(islands.street >= 0))
    lines = shapely.transform(lines, lambda at: np.column_stack(plane.inverse(at[:, 0], at[:, 1])))
    shapes, points = road_quality.island_shapes(graph, islands, lines)
    order = np.lexsort((np.arange(islands.count), -sums["length_km"], -sums["people"]))[:MOST_ISLANDS]
    columns = (
        *(shapely.to_wkb(shapely.set_srid(part[order], 4326), hex=True, include_srid=True) for part in (points, shapes)),
        *(sums[name][order].tolist() for name in ("nodes", "length_km", "people", "cells", "facilities")),
    )  # fmt: skip
    return [
        (network.pk, number, point, shape, int(nodes), km, people, int(cells), int(facilities))
        for number, (point, shape, nodes, km, people, cells, facilities) in enumerate(
            zip(*columns, strict=True), start=1
        )
    ]


def _write(network: RoadNetwork, report: dict[str, Any], rows: list[tuple[Any, ...]]) -> None:
    NetworkIsland.objects.filter(network=network).delete()
    names = [
        "network_id",
        "number",
        "point",
        "geometry",
        "nodes",
        "length_km",
        "people",
        "cells",
        "facilities",
    ]
    with connection.cursor() as cursor:
        copy_rows(cursor, NetworkIsland._meta.db_table, names, rows)
        cursor.execute(
            "update planning_networkisland i set area_id = found.id from ("
            " select distinct on (o.id) o.id island, a.id from planning_networkisland o"
            " join core_areapart p on st_covers(p.geometry, o.point) join core_area a on a.id = p.area_id"
            " where o.network_id = %s and a.city_id = %s order by o.id, a.level desc, a.id) found"
            " where i.id = found.island",
            [network.pk, network.city_id],
        )
    RoadNetwork.objects.filter(pk=network.pk).update(report=report, reported_at=timezone.now())
