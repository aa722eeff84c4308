"""Versions of a city's road network: join what was read, make streets of it, keep it, put it in use.

The network in use holds what people can count on: streets where every crossing reaches every other by car, and
footpaths that hang together with them. Everything that was read is kept beside it, so that islands can be listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from core.choices import MapFeatureKind
from core.errors import InvalidInput, Problem
from core.models import City, PackLayer
from core.services.refs import next_ref
from engine import archive
from engine.checks import InvalidInput as EngineRefused
from engine.contraction import contract
from engine.joining import Joined, join
from engine.network import RoadGraph
from planning.bridge import artefacts
from planning.bridge.exposure import street_lines
from planning.bridge.plane import city_plane, plane_centre
from planning.importers.road_rows import RoadRows, side_by_side
from planning.models import RoadNetwork
from planning.services.pack_areas import replace_map_features

# lines of the base map are gathered into squares of this many degrees, so that a tile reads few rows
SQUARE_DEGREES = 0.05
# a link that says it is shorter than the straight line by more than this was measured wrong: it is counted
MENDED_M, MENDED_SHARE = 1.0, 0.01
FULL = "-full"


@dataclass
class Streets:
    """A network before it is stored. `full` holds everything that was read, `used` what runs use; assumed_* (streets,)
    True where the source gave no speed; part (v,) of `full`: 0 = in use, 1, 2, … islands, the one with most nodes
    first; rank (streets,) of `full`: importance on the map."""

    full: RoadGraph
    used: RoadGraph
    assumed_full: np.ndarray
    assumed_used: np.ndarray
    part: np.ndarray
    rank: np.ndarray
    classes: tuple[str, ...]
    facts: dict[str, Any]
    largest_part_share: float


def make_streets(
    *, city: City, parts: Sequence[tuple[str, RoadRows]], join_m: float | None = None
) -> Streets:
    """One network of all layers (name, links) of a city. With join_m, layers that come that near are connected.
    Without it each stays for itself, and the largest part counts. Raises InvalidInput."""
    rows = side_by_side([part for _name, part in parts])
    x, y = city_plane(city).forward(rows.lon, rows.lat)
    apart = np.hypot(x[rows.tail] - x[rows.head], y[rows.tail] - y[rows.head])
    mended = (rows.length_m > 0) & (rows.length_m < apart * (1 - MENDED_SHARE) - MENDED_M)
    set_of_link = np.repeat(np.arange(len(parts)), [part.links for _name, part in parts])
    joined = Joined(x, y, rows.tail, rows.head, np.arange(rows.links), np.ones(rows.links))
    if join_m and len(parts) > 1:
        joined = join(x, y, rows.tail, rows.head, set_of_link, join_m)
    x, y, tail, head, link = joined.x, joined.y, joined.tail, joined.head, joined.link
    straight = np.hypot(x[tail] - x[head], y[tail] - y[head])
    given = rows.length_m[link] * joined.share
    measured = ~(given > 0)
    length = np.where(measured, straight, given)
    loop = tail == head
    # the number of the link rides along as its source, to find speeds, ranks and numbers again
    try:
        linked = RoadGraph.build(
            x, y, tail[~loop], head[~loop], length[~loop], rows.speed_kmh[link][~loop], rows.oneway[link][~loop], "all",
            walk=rows.walk[link][~loop], klass=rows.klass[link][~loop], source_id=np.arange(len(link))[~loop],
        )  # fmt: skip
    except EngineRefused as refused:
        said = [Problem("roads_invalid", text) for text in refused.problems]
        raise InvalidInput(_("These roads cannot be used."), said) from None
    keep = _kept_nodes(linked, x, y, rows.kept_nodes())
    assumed = rows.assumed[link]
    full, _first = contract(linked, keep, label=assumed[linked.source_id])
    used = full.largest_part("strong")
    part = island_of(full)
    facts = _facts(parts, rows, linked, full, used, part, joined, join_m)
    facts |= {"loops": int(loop.sum()), "mended_lengths": int(mended.sum())}
    facts["speeds"]["assumed_km_share"] = _share(used.length_m, assumed[used.source_id])
    from_link, to_link = full.source_id, used.source_id
    return Streets(
        full=replace(full, source_id=rows.source_id[link[from_link]]),
        used=replace(used, source_id=rows.source_id[link[to_link]]),
        assumed_full=assumed[from_link],
        assumed_used=assumed[to_link],
        part=part,
        rank=rows.rank[link[from_link]].astype(np.int8),
        classes=rows.classes,
        facts=facts,
        largest_part_share=float((part == 0).sum() / max(1, full.nodes)),
    )


def _kept_nodes(graph: RoadGraph, x: np.ndarray, y: np.ndarray, keep: np.ndarray) -> np.ndarray | None:
    """Which nodes of the graph, which renumbers, lie where one must stay."""
    if not keep.any():
        return None
    places = np.unique(x[keep] + 1j * y[keep])
    return np.isin(graph.node_x + 1j * graph.node_y, places)


def island_of(graph: RoadGraph) -> np.ndarray:
    """(v,) 0 for nodes that the network in use reaches, else the number of the node's island (1 has most nodes).

    In use: the largest part where driving leads from every node to every other, and nodes without any driven street
    that walkers reach from the largest part on foot. An island is what hangs together among the rest.
    """
    driven = np.zeros(graph.nodes, bool)
    drives = graph.usable("drive")
    driven[graph.a[drives]] = driven[graph.b[drives]] = True
    inside = (driven & (graph.parts("drive") == 0)) | (~driven & (graph.parts("walk") == 0))
    if not drives.any():
        inside = graph.parts("walk") == 0
    outside = np.flatnonzero(~inside[graph.a] & ~inside[graph.b])
    links = csr_matrix(
        (np.ones(len(outside), np.int8), (graph.a[outside], graph.b[outside])), shape=(graph.nodes,) * 2
    )
    _count, component = connected_components(links, directed=False)
    found, number = np.unique(component[~inside], return_inverse=True)
    size = np.bincount(number.ravel(), minlength=len(found))
    place = np.empty(len(found), np.int32)
    place[np.argsort(-size, kind="stable")] = np.arange(1, len(found) + 1)
    part = np.zeros(graph.nodes, np.int32)
    part[~inside] = place[number.ravel()]
    return part


def _share(length: np.ndarray, which: np.ndarray) -> float:
    return round(float(length[which].sum() / max(1e-9, length.sum())), 4)


def _facts(
    parts: Sequence[tuple[str, RoadRows]], rows: RoadRows, linked: RoadGraph, full: RoadGraph, used: RoadGraph,
    part: np.ndarray, joined: Joined, join_m: float | None,
) -> dict[str, Any]:  # fmt: skip
    """What a reader of the network is told about how it was made; lengths in km."""
    km, drives = used.length_m / 1000, used.usable("drive")
    speed = np.maximum(used.speed_ab_kmh, used.speed_ba_kmh)
    classes = {}
    for number, name in enumerate(rows.classes):
        here = used.klass == number
        driven = here & drives
        if here.any():
            classes[name] = {
                "streets": int(here.sum()),
                "km": round(float(km[here].sum()), 3),
                "on_foot_only_km": round(float(km[here & ~drives].sum()), 3),
                "mean_kmh": round(float(np.average(speed[driven], weights=km[driven] + 1e-9)), 1)
                if driven.any()
                else None,
            }
    one_way = drives & ((used.speed_ab_kmh == 0) | (used.speed_ba_kmh == 0))
    driven_full = full.usable("drive")
    facts: dict[str, Any] = {
        "layers": [
            {"name": name, "rows": one.rows, "nodes": one.nodes, "links": one.links, **one.facts}
            for name, one in parts
        ],
        "links": rows.links,
        "repeated_links": int((joined.tail != joined.head).sum()) - linked.streets,
        "bends_taken_in": linked.nodes - full.nodes,
        "streets_read": full.streets,
        "classes": classes,
        "speeds": {
            "mean_kmh": round(float(np.average(speed[drives], weights=km[drives] + 1e-9)), 1) if drives.any() else None
        },
        "driven_km": round(float(km[drives].sum()), 3),
        "one_way_km": round(float(km[one_way].sum()), 3),
        "on_foot_only_km": round(float(km[~drives].sum()), 3),
        "not_on_foot_km": round(float(km[~used.walk].sum()), 3),
        "islands": int(part.max(initial=0)),
        "left_out_km": round(float((full.length_m.sum() - used.length_m.sum()) / 1000), 3),
        "not_driven_any_more_km": round(
            float(full.length_m[driven_full].sum() / 1000 - km[drives].sum()), 3
        ),
    }  # fmt: skip
    if join_m and len(parts) > 1:
        facts["joins"] = {
            "join_m": join_m, "on_nodes": joined.on_nodes, "on_streets": joined.on_streets,
            "dead_ends": joined.dead_ends, "doubled_km": round(joined.doubled_km, 3),
        }  # fmt: skip
    return facts


@transaction.atomic
def write_network(
    *, city: City, streets: Streets, layer: PackLayer | None, source: str, synthetic: bool
) -> RoadNetwork:
    """Store the arrays, then make this the city's network in use; the former one stays and stops being current. An
    equal network is taken up again instead of being stored twice."""
    lon0, lat0 = plane_centre(city)
    meta = {"lon0": lon0, "lat0": lat0, "city": city.code, "classes": list(streets.classes)}
    arrays = {**streets.used.arrays(), "speed_assumed": streets.assumed_used}
    sha256 = archive.content_hash(arrays, meta)
    folder = f"networks/{sha256[:2]}/{sha256}"
    extra = {"speed_assumed": streets.assumed_full, "part": streets.part, "rank": streets.rank}
    everything = {**streets.full.arrays(), **extra}
    # crumbs may differ where the network in use is the same
    full_folder = f"{folder}{FULL}-{archive.content_hash(everything, meta)[:16]}"
    artefacts.keep(folder, arrays, meta)
    artefacts.keep(full_folder, everything, meta)
    RoadNetwork.objects.filter(city=city, current=True).exclude(sha256=sha256).update(current=False)
    network = RoadNetwork.objects.filter(city=city, sha256=sha256).first()
    if network is None:
        last = RoadNetwork.objects.filter(city=city).aggregate(last=Max("version"))["last"] or 0
        network = RoadNetwork(city=city, sha256=sha256, ref=next_ref("N"), version=last + 1)
    network.folder, network.nodes, network.edges = folder, streets.used.nodes, streets.used.streets
    network.length_km = float(streets.used.length_m.sum() / 1000)
    network.largest_part_share = streets.largest_part_share
    network.source, network.facts = source[:300], {**streets.facts, "full_folder": full_folder}
    network.layer, network.synthetic, network.current = layer, synthetic, True
    network.save()
    _draw(city, streets)
    return network


def load_full(network: RoadNetwork) -> tuple[RoadGraph, np.ndarray]:
    """Everything that was read for a network: the graph (keep="all") and the part of each node (v,): 0 = in use,
    1, 2, … islands. Raises FileNotFoundError for a network that was stored before islands were kept."""
    folder = network.facts.get("full_folder")
    if not folder:
        raise FileNotFoundError(network.folder + FULL)
    arrays, _meta = artefacts.load(folder)
    return RoadGraph.from_arrays(arrays), np.asarray(arrays["part"])


def _draw(city: City, streets: Streets) -> None:
    """Lines of the base map: one multi-line a rank and square."""
    graph, plane = streets.full, city_plane(city)
    if not graph.streets:
        return
    lines = shapely.transform(
        street_lines(graph, np.arange(graph.streets)),
        lambda at: np.column_stack(plane.inverse(at[:, 0], at[:, 1])),
    )
    lon, lat = plane.inverse(graph.node_x, graph.node_y)
    cell = [np.floor(degrees[graph.a] / SQUARE_DEGREES) for degrees in (lon, lat)]
    keys, group = np.unique(np.column_stack([*cell, streets.rank]), axis=0, return_inverse=True)
    group = group.ravel()
    order = np.argsort(group, kind="stable")
    shapes = shapely.multilinestrings(lines[order], indices=group[order])
    names = np.full(len(shapes), "", dtype=object)
    ranks = keys[:, 2].astype(int)
    replace_map_features(city=city, kind=MapFeatureKind.ROAD, names=names, ranks=ranks, shapes=shapes)
