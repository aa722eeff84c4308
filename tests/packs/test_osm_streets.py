"""Streets out of hand-made OpenStreetMap files: what tags mean, and how links become streets.

Nodes lie on a plane of metres east and north of 104° E, 30° N.
"""

import gzip
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.gis.geos import Polygon

from core.models import City
from engine.network import RoadGraph
from facilities.importers.problems import Problems
from planning.importers.osm import read_osm_roads
from planning.importers.osm_ways import WayRule, barrier_stops, speed_of, way_rule
from planning.importers.packs import Layer
from planning.importers.roads import read_roads
from planning.services.networks import Streets, make_streets

METRE = 1 / 111_320.0
NAN = math.nan
TOWN = City(code="X", bounds=Polygon.from_bbox((103.9, 29.9, 104.1, 30.1)))
SPEEDS = {"residential": 20.0, "primary": 40.0, "motorway": 80.0, "*": 15.0}


def osm(
    nodes: dict[int, tuple[float, float]], ways: list[tuple[list[int], dict[str, str]]], tags: Any = None
) -> str:
    """An .osm file: nodes by number in metres, ways as node numbers with tags, tags of nodes."""
    tags = tags or {}

    def told(of: dict[str, str]) -> str:
        return "".join(f'<tag k="{key}" v="{value}"/>' for key, value in of.items())

    points = "".join(
        f'<node id="{n}" version="1" lat="{30 + y * METRE:.7f}" lon="{104 + x * METRE / math.cos(math.radians(30)):.7f}">'
        f"{told(tags.get(n, {}))}</node>"
        for n, (x, y) in nodes.items()
    )
    lines = "".join(
        f'<way id="{100 + n}" version="1">{"".join(f"<nd ref={chr(34)}{ref}{chr(34)}/>" for ref in refs)}{told(of)}</way>'
        for n, (refs, of) in enumerate(ways)
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><osm version="0.6">{points}{lines}</osm>'


@pytest.fixture
def streets(tmp_path: Path) -> Callable[..., Streets]:
    """The network of a hand-made file."""

    def make(*args: Any, name: str = "town.osm", **options: Any) -> Streets:
        path = tmp_path / name
        text = osm(*args).encode()
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        problems = Problems()
        layer = Layer("roads", "roads", path, name, "WGS-84", {}, options)
        rows = read_roads(layer, problems, None, SPEEDS)
        assert rows is not None, [str(problem.message) for problem in problems]
        return make_streets(city=TOWN, parts=[("roads", rows)], join_m=None)

    return make


def one(graph: RoadGraph) -> tuple[float, float, float]:
    """Length and both speeds of the only street."""
    assert graph.streets == 1
    return float(graph.length_m[0]), float(graph.speed_ab_kmh[0]), float(graph.speed_ba_kmh[0])


@pytest.mark.parametrize(
    ("text", "kmh"),
    [
        ("50", 50), ("50 km/h", 50), ("30 mph", 48.28032), ("60;40", 40), ("80|60", 60), ("walk", 5), ("DE:walk", 5),
        ("none", NAN), ("signals", NAN), ("CN:urban", NAN), ("", NAN), ("0", NAN), ("900", NAN), ("fast", NAN),
    ],
)  # fmt: skip
def test_a_speed_tag_is_a_number_or_leaves_it_to_the_class(text: str, kmh: float) -> None:
    assert speed_of(text) == pytest.approx(kmh, nan_ok=True)


@pytest.mark.parametrize(
    ("tags", "along", "against", "walk"),
    [
        ({"highway": "residential"}, NAN, NAN, True),
        ({"highway": "residential", "oneway": "yes"}, NAN, 0, True),
        ({"highway": "residential", "oneway": "-1"}, 0, NAN, True),
        ({"highway": "residential", "junction": "roundabout"}, NAN, 0, True),
        ({"highway": "motorway"}, NAN, 0, False),
        ({"highway": "motorway", "oneway": "no", "foot": "yes"}, NAN, NAN, True),
        ({"highway": "trunk", "motorroad": "yes"}, NAN, NAN, False),
        ({"highway": "primary", "maxspeed": "60", "maxspeed:backward": "40"}, 60, 40, True),
        ({"highway": "footway"}, 0, 0, True),
        ({"highway": "footway", "motor_vehicle": "yes"}, NAN, NAN, True),
        ({"highway": "track"}, 0, 0, True),
        ({"highway": "track", "tracktype": "grade1"}, NAN, NAN, True),
        ({"highway": "track", "tracktype": "grade1", "motor_vehicle": "agricultural"}, 0, 0, True),
        ({"highway": "service", "access": "private"}, None, None, None),
        ({"highway": "service", "access": "private", "foot": "yes"}, 0, 0, True),
        ({"highway": "service", "access": "private", "motor_vehicle": "destination"}, NAN, NAN, False),
        ({"highway": "residential", "motorcar": "yes", "vehicle": "no"}, NAN, NAN, True),
        ({"highway": "cycleway", "foot": "no"}, None, None, None),
    ],
)
def test_access_and_direction_follow_the_more_special_tag(
    tags: Any, along: Any, against: Any, walk: Any
) -> None:
    rule = way_rule(tags)
    if walk is None:
        assert rule.left_out == "closed"
    else:
        assert (rule.along_kmh, rule.against_kmh) == pytest.approx((along, against), nan_ok=True)
        assert rule.walk == walk and not rule.left_out


def test_what_is_not_built_sails_or_is_no_road_is_left_out_with_its_reason() -> None:
    assert way_rule({"highway": "construction"}).left_out == "not_built"
    assert way_rule({"route": "ferry"}).left_out == "ferry"
    assert way_rule({"highway": "rest_area"}) == WayRule(left_out="not_a_road")


def test_a_bollard_stops_cars_a_gate_only_when_it_says_so() -> None:
    assert barrier_stops({"barrier": "bollard"}) == (True, False)
    assert barrier_stops({"barrier": "bollard", "motor_vehicle": "yes"}) == (False, False)
    assert barrier_stops({"barrier": "gate"}) == (False, False)
    assert barrier_stops({"barrier": "gate", "access": "private"}) == (True, True)
    assert barrier_stops({"barrier": "gate", "access": "no", "foot": "yes"}) == (True, False)
    assert barrier_stops({"barrier": "wall"}) == (False, False)


CORNERS = {1: (0, 0), 2: (300, 0), 3: (300, 400), 4: (700, 400)}


def test_a_bend_belongs_to_its_street_which_keeps_its_line_and_its_length(
    streets: Callable[..., Streets],
) -> None:
    made = streets(CORNERS, [([1, 2, 3, 4], {"highway": "residential"})])
    length, there, back = one(made.used)
    assert length == pytest.approx(300 + 400 + 400, rel=2e-3) and there == back == 20
    assert made.facts["bends_taken_in"] == 2
    assert np.diff(made.used.line_ptr).tolist() == [2]
    drawn = np.column_stack([made.used.line_x, made.used.line_y])
    start = np.array([made.used.node_x[made.used.a[0]], made.used.node_y[made.used.a[0]]])
    legs = np.hypot(*np.diff(np.vstack([start, drawn]), axis=0).T)
    assert legs[1] == pytest.approx(400, rel=5e-3) and legs[0] in (
        pytest.approx(300, rel=5e-3),
        pytest.approx(400, rel=5e-3),
    )


def test_two_ways_that_go_on_alike_are_one_street_however_they_were_drawn(
    streets: Callable[..., Streets],
) -> None:
    same = {"highway": "primary", "oneway": "yes"}
    made = streets(CORNERS, [([1, 2], same), ([4, 3, 2], {"highway": "primary", "oneway": "-1"})])
    assert made.full.streets == 1
    assert {float(made.full.speed_ab_kmh[0]), float(made.full.speed_ba_kmh[0])} == {0.0, 40.0}


def test_a_street_changes_where_its_speed_or_class_does(streets: Callable[..., Streets]) -> None:
    ways = [([1, 2], {"highway": "residential"}), ([2, 3], {"highway": "residential", "maxspeed": "30"})]
    made = streets(CORNERS, [*ways, ([3, 4], {"highway": "primary", "maxspeed": "30"})])
    assert made.used.streets == 3
    assert sorted(made.used.speed_ab_kmh.tolist()) == [20, 30, 30]
    assert made.assumed_used.sum() == 1


def test_a_different_speed_each_way_stays_one_street(streets: Callable[..., Streets]) -> None:
    tags = {"highway": "primary", "maxspeed:forward": "60", "maxspeed:backward": "40"}
    made = streets(CORNERS, [([1, 2, 3], tags)])
    _length, there, back = one(made.used)
    assert {there, back} == {60, 40}


def test_ways_are_cut_where_they_meet_and_not_where_they_only_cross(streets: Callable[..., Streets]) -> None:
    nodes = {1: (0, 0), 2: (100, 0), 3: (200, 0), 4: (100, 100), 5: (150, 50), 6: (150, -50)}
    road = {"highway": "residential"}
    made = streets(nodes, [([1, 2, 3], road), ([2, 4], road), ([5, 6], road)])
    assert made.full.streets == 4 and made.used.streets == 3
    assert made.facts["islands"] == 1 and sorted(made.part.tolist()) == [0, 0, 0, 0, 1, 1]


def test_a_round_trip_from_one_crossing_and_a_lone_ring_keep_a_node_each_side(
    streets: Callable[..., Streets],
) -> None:
    nodes = {1: (-100, 0), 2: (0, 0), 3: (100, 50), 4: (200, 0), 5: (100, -50)}
    road = {"highway": "residential"}
    made = streets(nodes, [([1, 2], road), ([2, 3, 4, 5, 2], road)])
    assert made.used.streets == 3 and not (made.used.a == made.used.b).any()
    assert made.used.length_m.sum() == pytest.approx(100 + 4 * math.hypot(100, 50), abs=0.5)
    ring = streets(nodes, [([2, 3, 4, 5, 2], road)], name="ring.osm")
    assert ring.used.streets == 2 and not (ring.used.a == ring.used.b).any()


def test_roundabouts_run_one_way(streets: Callable[..., Streets]) -> None:
    nodes = {1: (-100, 0), 2: (0, 0), 3: (20, 20), 4: (40, 0), 5: (20, -20), 6: (140, 0)}
    round_ = {"highway": "residential", "junction": "roundabout"}
    made = streets(
        nodes,
        [
            ([1, 2], {"highway": "residential"}),
            ([4, 6], {"highway": "residential"}),
            ([2, 5, 4, 3, 2], round_),
        ],
    )
    single = (made.used.speed_ab_kmh == 0) != (made.used.speed_ba_kmh == 0)
    assert made.used.streets == 4 and single.sum() == 2


def test_a_bollard_ends_driving_but_not_walking(streets: Callable[..., Streets]) -> None:
    road = {"highway": "residential"}
    nodes = {1: (0, 0), 2: (100, 0), 3: (200, 0), 4: (0, 100), 5: (100, 100)}
    made = streets(nodes, [([1, 2, 3], road), ([1, 4, 5], road)], {2: {"barrier": "bollard"}})
    assert made.facts["layers"][0]["barriers"] == {"nodes": 1, "also_on_foot": 0}
    assert made.full.parts("walk").max() == 0
    drive = made.full.parts("drive")
    cut_off = np.argmax(made.full.node_x)
    assert drive[cut_off] != 0
    walked_only = made.used.usable("walk") & ~made.used.usable("drive")
    assert made.used.length_m[walked_only].sum() == pytest.approx(
        102, abs=0.5
    )  # the last 100 m and the step across


def test_a_private_gate_stops_everybody(streets: Callable[..., Streets]) -> None:
    road = {"highway": "residential"}
    made = streets(CORNERS, [([1, 2, 3, 4], road)], {2: {"barrier": "gate", "access": "private"}})
    assert made.full.streets == 2 and made.facts["islands"] == 1


def test_footpaths_are_for_walkers_only_and_motorways_for_cars_only(streets: Callable[..., Streets]) -> None:
    nodes = {1: (0, 0), 2: (500, 0), 3: (500, 300), 4: (0, 300)}
    motorway = {"highway": "motorway", "oneway": "no"}
    made = streets(
        nodes, [([1, 2], motorway), ([1, 4], {"highway": "footway"}), ([4, 3, 2], {"highway": "residential"})]
    )
    graph = made.used
    name = np.array(made.classes)[graph.klass]
    assert not graph.walk[name == "motorway"].any() and graph.walk[name != "motorway"].all()
    assert (graph.speed_ab_kmh[name == "footway"] == 0).all()
    assert made.facts["on_foot_only_km"] == pytest.approx(0.3, rel=5e-3)
    assert made.facts["not_on_foot_km"] == pytest.approx(0.5, rel=5e-3)


def test_a_pack_may_drop_classes_and_name_speeds_and_ranks(streets: Callable[..., Streets]) -> None:
    ways = [
        ([1, 2], {"highway": "residential", "maxspeed": "30"}),
        ([2, 3], {"highway": "primary"}),
        ([3, 4], {"highway": "service"}),
    ]
    made = streets(
        CORNERS,
        ways,
        {},
        drop=["service"],
        speeds_kmh={"residential": 12, "default": 33},
        ranks={"primary": 1},
    )
    name = np.array(made.classes)[made.used.klass]
    assert dict(zip(name.tolist(), made.used.speed_ab_kmh.tolist(), strict=True)) == {
        "residential": 12,
        "primary": 33,
    }
    assert not made.assumed_used.any()
    assert sorted(made.rank.tolist()) == [1, 3]


def test_compressed_files_read_alike(streets: Callable[..., Streets]) -> None:
    ways = [([1, 2, 3, 4], {"highway": "residential"})]
    assert one(streets(CORNERS, ways).used) == one(streets(CORNERS, ways, name="town.osm.gz").used)


def refused(path: Path) -> list[str]:
    problems = Problems()
    layer = Layer("roads", "roads", path, path.name, "WGS-84", {}, {})
    assert read_roads(layer, problems, None, SPEEDS) is None
    return [problem.code for problem in problems]


def test_files_that_are_cut_off_empty_or_hold_no_road_are_refused(
    tmp_path: Path, shared_data_dir: Path
) -> None:
    whole = (shared_data_dir / "osm" / "liechtenstein-latest.osm.pbf").read_bytes()
    cut = tmp_path / "cut.osm.pbf"
    cut.write_bytes(whole[: len(whole) // 2])
    assert refused(cut) == ["file_broken"]
    cut.write_bytes(whole[:10])
    assert refused(cut) == ["file_broken"]
    cut.write_bytes(b"")
    assert refused(cut) == ["file_empty"]
    packed = tmp_path / "cut.osm.gz"
    packed.write_bytes((shared_data_dir / "osm" / "andorra.osm.gz").read_bytes()[:200_000])
    assert refused(packed) == ["file_broken"]
    assert refused(tmp_path / "absent.osm") == ["file_missing"]
    bare = tmp_path / "bare.osm"
    bare.write_text(osm(CORNERS, [([1, 2], {"building": "yes"})]))
    assert refused(bare) == ["roads_missing"]
    alone = tmp_path / "alone.osm"
    alone.write_text(osm({1: (0, 0)}, [([1], {"highway": "residential"})]))
    assert refused(alone) == ["roads_missing"]


def test_nodes_at_zero_are_named_and_streets_outside_the_city_are_another_citys(tmp_path: Path) -> None:
    text = osm(CORNERS, [([1, 2, 3, 4], {"highway": "residential"})])
    lost = tmp_path / "zero.osm"
    lost.write_text(
        text.replace(
            '<node id="4" version="1"', '<node id="4" version="1" lat="0" lon="0"/><node id="40" version="1"'
        )
    )
    assert refused(lost) == ["zero_place"]
    path = tmp_path / "town.osm"
    path.write_text(text)
    problems = Problems()
    rows = read_osm_roads(path, path.name, problems, (103.0, 29.0, 104.0 + 200 * METRE, 31.0))
    assert rows is not None and not len(problems)
    assert rows.links == 1 and rows.facts["left_out"]["outside"]["km"] == pytest.approx(0.8, abs=0.01)
