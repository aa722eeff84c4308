"""Write the road network of a pack: a graph of arrays in the artefact store, and lines for the base map."""

from __future__ import annotations

import numpy as np
import shapely

from core.choices import MapFeatureKind
from core.models import City, PackLayer
from core.services.refs import next_ref
from engine import archive
from engine.network import RoadGraph
from planning.bridge import artefacts
from planning.bridge.plane import city_plane, plane_centre
from planning.importers.roads import RoadRows
from planning.models import RoadNetwork
from planning.services.pack_areas import replace_map_features

# lines of the base map are gathered into squares of this many degrees, so that a tile reads few rows
SQUARE_DEGREES = 0.05


def write_roads(*, city: City, layer: PackLayer, roads: RoadRows, synthetic: bool) -> RoadNetwork:
    """The new network is the city's current one; an equal one is kept as it is."""
    x, y = city_plane(city).forward(roads.lon, roads.lat)
    straight = np.hypot(x[roads.tail] - x[roads.head], y[roads.tail] - y[roads.head])
    length = np.where(np.isfinite(roads.length_m) & (roads.length_m > 0), roads.length_m, straight)
    graph = RoadGraph.build(x, y, roads.tail, roads.head, length, roads.speed_kmh, roads.oneway)
    lon0, lat0 = plane_centre(city)
    meta = {"lon0": lon0, "lat0": lat0, "city": city.code}
    arrays = graph.arrays()
    sha256 = archive.content_hash(arrays, meta)
    folder = f"networks/{sha256[:2]}/{sha256}"
    artefacts.keep(folder, arrays, meta)
    used = len(np.unique(np.r_[roads.tail, roads.head]))
    RoadNetwork.objects.filter(city=city, current=True).exclude(sha256=sha256).update(current=False)
    network = RoadNetwork.objects.filter(city=city, sha256=sha256).first()
    if network is None:
        network = RoadNetwork(city=city, sha256=sha256, ref=next_ref("N"))
    network.folder, network.nodes, network.edges = folder, graph.nodes, graph.streets
    network.length_km = float(graph.length_m.sum() / 1000)
    network.largest_part_share = graph.nodes / max(1, used)
    network.layer, network.synthetic, network.current = layer, synthetic, True
    network.save()
    _draw(city, roads)
    return network


def _draw(city: City, roads: RoadRows) -> None:
    """One multi-line a rank and square; both directions of a street are drawn once."""
    pair = np.sort(np.column_stack([roads.tail, roads.head]), axis=1)
    _pairs, first = np.unique(pair, axis=0, return_index=True)
    tail, head, rank = roads.tail[first], roads.head[first], roads.rank[first]
    square = np.column_stack(
        [np.floor(roads.lon[tail] / SQUARE_DEGREES), np.floor(roads.lat[tail] / SQUARE_DEGREES), rank]
    )
    _keys, group = np.unique(square, axis=0, return_inverse=True)
    group = group.ravel()
    order = np.argsort(group, kind="stable")
    ends = np.stack([roads.lon[tail], roads.lat[tail], roads.lon[head], roads.lat[head]], axis=1).reshape(
        -1, 2, 2
    )
    lines = shapely.linestrings(ends[order])
    shapes = shapely.multilinestrings(lines, indices=group[order])
    ranks = np.asarray(_keys)[:, 2].astype(int)
    names = np.full(len(shapes), "", dtype=object)
    replace_map_features(city=city, kind=MapFeatureKind.ROAD, names=names, ranks=ranks, shapes=shapes)
