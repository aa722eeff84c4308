"""Streets for the hand-worked town: a main road along its line, and a lane round one stretch of it.

         lane    (500, 200) ----------- (800, 200)
                     |                      |
    -200 ... 400  (500, 0) - 600 - 700 - (800, 0)  900 ... 3200    main road, a crossing every 100 m

Street from x to x + 100 on the main road has the source number 10000 + x; the lane's three parts 1, 2, 3. Walking 75
m/min: c2 (400) to B (950) is 550 m, 7.33 min; round the lane 950 m, 12.67 min.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np

from engine.network import RoadGraph
from planning.bridge import artefacts
from planning.bridge.plane import city_plane, plane_centre
from planning.models import RoadNetwork
from tests.planning.town import PLANE

CLASSES = ["main", "lane"]


def main_road(x: int) -> int:
    """Source number of the main street from x to x + 100."""
    return 10_000 + x


def add_streets(
    town: SimpleNamespace, without: tuple[int, ...] = (), assumed: bool = False, kmh: float = 30.0
) -> RoadNetwork:
    """Store the streets as the town's current network. `without`: source numbers left out. `assumed`: no source says
    how fast one drives there."""
    along = np.arange(-200, 3201, 100)
    x = np.concatenate([along, [500, 800]]).astype(float)
    y = np.concatenate([np.zeros(len(along)), [200, 200]])
    at = {int(value): n for n, value in enumerate(along)}
    links = [(at[int(v)], at[int(v)] + 1, main_road(int(v)), 0) for v in along[:-1]]
    links += [
        (at[500], len(along), 1, 1),
        (len(along), len(along) + 1, 2, 1),
        (len(along) + 1, at[800], 3, 1),
    ]
    tail, head, source, klass = (np.array(column) for column in zip(*links, strict=True))
    kept = ~np.isin(source, without)
    # The town measures from its own centre, the city's plane from its extent.
    lon, lat = PLANE.inverse(x, y)
    px, py = city_plane(town.city).forward(lon, lat)
    length = np.hypot(x[tail] - x[head], y[tail] - y[head])
    graph = RoadGraph.build(
        px,
        py,
        tail[kept],
        head[kept],
        length[kept],
        kmh,
        keep="all",
        klass=klass[kept],
        source_id=source[kept],
    )
    lon0, lat0 = plane_centre(town.city)
    arrays: dict[str, Any] = graph.arrays()
    if assumed:
        arrays["speed_assumed"] = np.ones(graph.streets, bool)
    number = RoadNetwork.objects.count() + 1
    folder = f"networks/test-{number}"
    meta = {"lon0": lon0, "lat0": lat0, "classes": CLASSES}
    digest = artefacts.keep(folder, arrays, meta)
    RoadNetwork.objects.filter(city=town.city).update(current=False)
    return RoadNetwork.objects.create(
        city=town.city, ref=f"N-9{number:04d}", sha256=digest, folder=folder, nodes=graph.nodes, edges=graph.streets,
        length_km=float(graph.length_m.sum() / 1000), version=number,
    )  # fmt: skip
