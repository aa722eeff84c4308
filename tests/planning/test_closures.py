"""Closed and slowed streets: nobody travels on a closed one, and the run says what that did to whom."""

import json
from dataclasses import replace

import numpy as np
import pytest
from django.contrib.gis.geos import MultiPolygon

from core.errors import InvalidInput
from planning.bridge.asked import frozen_of, question_of
from planning.bridge.roads import load_roads, open_roads, road_state
from planning.bridge.world import build_situation
from planning.models import HazardLayer, HazardZone, RoadNetwork, Standard
from planning.services import road_rules, scenarios
from tests.planning.streets import add_streets, main_road
from tests.planning.town import PLANE, box

FLOODED = main_road(600)


@pytest.fixture
def streets(town):
    """The town with its roads, asked for ten minutes on foot."""
    add_streets(town)
    Standard.objects.update(reach_unit="min", reach_limit=10)
    return town


def ruled(town, *rules):
    scenarios.update_scenario(
        user=None, scenario=town.scenario, version=None, changes={"road_rules": list(rules)}
    )
    town.scenario.refresh_from_db()
    return town


def states(run):
    return {name: run.totals[0][name] for name in ("served", "late", "no_room", "out_of_reach")}


def lonlat(*corners):
    lon, lat = PLANE.inverse([x for x, _y in corners], [y for _x, y in corners])
    return np.column_stack([lon, lat]).tolist()


OPEN = {"served": 60, "late": 30, "no_room": 10, "out_of_reach": 15}
CUT = {"served": 60, "late": 20, "no_room": 20, "out_of_reach": 15}


def test_on_open_streets_the_second_cell_also_goes_to_the_far_place(streets, compute):
    run = compute(streets)[0]
    assert states(run) == OPEN
    assert "roads" not in run.facts
    assert run.facts["off_map"]["short_fixed_shelter"] == {"need": 0, "share": 0.0}


def test_a_closed_street_is_never_used_and_the_way_round_is_too_long(streets, compute):
    ruled(streets, {"kind": "list", "source_ids": [FLOODED], "factor": None})
    run = compute(streets)[0]
    assert states(run) == CUT
    assert run.facts["roads"]["closed_km"] == pytest.approx(0.1) and run.facts["roads"]["slowed_km"] == 0


def test_the_way_round_is_taken_where_time_allows(streets, compute):
    ruled(streets, {"kind": "list", "source_ids": [FLOODED], "factor": None})
    run = compute(streets, reach_overrides={"short_fixed_shelter": 13})[0]
    # 950 m round the lane are 12.67 min: the second cell reaches the far place again
    assert run.totals[0]["late"] == 30


@pytest.mark.parametrize(("factor", "expected"), [(2, OPEN), (4, CUT)])
def test_a_slowed_street_takes_so_many_times_as_long(streets, compute, factor, expected):
    # 450 m + 2 x 100 m = 8.67 min, 450 m + 4 x 100 m = 11.3 min
    ruled(streets, {"kind": "list", "source_ids": [FLOODED], "factor": factor})
    run = compute(streets)[0]
    assert states(run) == expected
    assert run.facts["roads"]["slowed_km"] == pytest.approx(0.1) and run.facts["roads"]["closed_km"] == 0


def test_a_slow_street_is_no_longer_in_metres(streets, compute):
    Standard.objects.update(reach_unit="m", reach_limit=560)
    ruled(streets, {"kind": "list", "source_ids": [FLOODED], "factor": 4})
    assert states(compute(streets)[0]) == OPEN
    ruled(streets, {"kind": "list", "source_ids": [FLOODED], "factor": None})
    assert states(compute(streets)[0]) == CUT


def test_streets_in_a_zone_of_the_named_class_and_severity_close(streets, compute):
    layer = HazardLayer.objects.create(city=streets.city, code="flood", name="洪水", hazard="flood")
    for klass, severity, x in (("deep", 3, 630), ("shallow", 1, 1230)):
        ground = MultiPolygon(box(x, -50, x + 40, 50), srid=4326)
        HazardZone.objects.create(layer=layer, klass=klass, severity=severity, geometry=ground)
    rule = {"kind": "zone", "hazard_layer": "flood", "zone_class": "deep", "factor": None}
    ruled(streets, rule)
    assert closed_sources(streets, compute(streets)[0]) == {FLOODED}
    ruled(streets, rule | {"zone_class": "*"})
    assert closed_sources(streets, compute(streets)[0]) == {FLOODED, main_road(1200)}
    ruled(streets, rule | {"zone_class": "*", "min_severity": 2})
    assert closed_sources(streets, compute(streets)[0]) == {FLOODED}
    ruled(streets, rule | {"road_classes": ["lane"]})
    assert closed_sources(streets, compute(streets)[0]) == set()


def closed_sources(town, run):
    state = road_state(frozen_of(run), question_of(run))
    if state.weight is None:
        return set()
    return set(np.asarray(state.graph.source_id)[np.isinf(state.weight)].tolist())


def test_a_run_keeps_the_ground_that_was_under_water_when_it_was_asked(streets, compute):
    layer = HazardLayer.objects.create(city=streets.city, code="flood", name="洪水", hazard="flood")
    ground = MultiPolygon(box(630, -50, 670, 50), srid=4326)
    zone = HazardZone.objects.create(layer=layer, klass="deep", severity=3, geometry=ground)
    ruled(streets, {"kind": "zone", "hazard_layer": "flood", "zone_class": "deep", "factor": None})
    before = compute(streets)[0]
    zone.geometry = MultiPolygon(box(1230, -50, 1270, 50), srid=4326)
    zone.save()
    after = compute(streets)[0]
    assert closed_sources(streets, before) == {FLOODED}
    assert closed_sources(streets, after) == {main_road(1200)} and before.pk != after.pk


def test_a_line_closes_what_it_crosses_and_an_area_what_lies_in_it(streets, compute):
    line = {"type": "LineString", "coordinates": lonlat((650, -60), (650, 60))}
    ruled(streets, {"kind": "lines", "geometry": line, "buffer_m": 5, "factor": None})
    assert closed_sources(streets, compute(streets)[0]) == {FLOODED}
    ring = lonlat((610, -50), (690, -50), (690, 250), (610, 250), (610, -50))
    area = {"type": "Polygon", "coordinates": [ring]}
    ruled(streets, {"kind": "lines", "geometry": area, "buffer_m": 0, "factor": None})
    assert closed_sources(streets, compute(streets)[0]) == {FLOODED, 2}


def test_where_rules_meet_closed_wins_else_the_longest_time(streets, compute):
    ids = [FLOODED, main_road(1200)]
    ruled(
        streets,
        {"kind": "list", "source_ids": ids, "factor": 2},
        {"kind": "list", "source_ids": ids, "factor": 5},
        {"kind": "list", "source_ids": [FLOODED], "factor": None},
    )
    run = compute(streets)[0]
    state = road_state(frozen_of(run), question_of(run))
    weight = dict(zip(np.asarray(state.graph.source_id).tolist(), state.weight.tolist(), strict=True))
    assert weight[FLOODED] == np.inf and weight[main_road(1200)] == 5 and weight[main_road(0)] == 1


def test_people_who_had_a_place_in_reach_and_have_none_now_are_counted(streets, compute):
    streets.scenario.closed_facilities.add(streets.places[0])
    ruled(streets, {"kind": "list", "source_ids": [FLOODED], "factor": None})
    run = compute(streets)[0]
    # with A shut only B can take the second cell, and the closed street parts them: 60 people x 0.5
    assert run.facts["roads"]["cut_off"]["short_fixed_shelter"] == {"need": 30, "people": 30.0}


def test_trips_with_closures_are_trips_on_roads_that_lack_those_streets(streets, compute):
    """Differential: closing a street by its weight and never having had it give the same times."""
    Standard.objects.update(mode="drive")
    shut = (FLOODED, main_road(-100), main_road(2900), 2)
    run = compute(ruled(streets, {"kind": "list", "source_ids": list(shut), "factor": None}))[0]
    closed = build_situation(frozen_of(run), question_of(run)).world.reach[0]
    add_streets(streets, without=shut)
    bare = compute(ruled(streets))[0]
    missing = build_situation(frozen_of(bare), question_of(bare)).world.reach[0]
    assert np.array_equal(closed.indptr, missing.indptr) and np.array_equal(closed.cell, missing.cell)
    np.testing.assert_allclose(closed.cost, missing.cost, atol=1e-4)
    assert run.totals == bare.totals


def test_a_scenario_without_rules_keeps_its_hash_and_one_with_rules_gets_another(streets, compute):
    streets.scenario.refresh_from_db()
    plain = compute(streets)[0]
    ruled(streets, {"kind": "list", "source_ids": [FLOODED], "factor": 2})
    other = compute(streets)[0]
    assert "road_rules" not in plain.scenario_frozen and plain.params_sha256 != other.params_sha256
    ruled(streets)
    assert compute(streets)[0].pk == plain.pk


def test_a_city_without_roads_refuses_a_run_with_road_rules(town, compute):
    line = {"type": "LineString", "coordinates": lonlat((650, -60), (650, 60))}
    ruled(town, {"kind": "lines", "geometry": line, "factor": None})
    run = compute(town)[0]
    assert run.state == "refused" and [problem["code"] for problem in run.refusal] == ["no_roads"]


def test_a_run_is_refused_when_the_ground_a_rule_names_is_gone(streets, compute):
    layer = HazardLayer.objects.create(city=streets.city, code="flood", name="洪水", hazard="flood")
    ground = MultiPolygon(box(630, -50, 670, 50), srid=4326)
    zone = HazardZone.objects.create(layer=layer, klass="deep", severity=3, geometry=ground)
    ruled(streets, {"kind": "zone", "hazard_layer": "flood", "zone_class": "deep", "factor": None})
    HazardZone.objects.update(klass="very deep")
    run = compute(streets)[0]
    assert [(one["code"], one["what"]) for one in run.refusal] == [("no_class_for_roads", "deep")]
    zone.delete()
    run = compute(streets)[0]
    assert [(one["code"], one["what"]) for one in run.refusal] == [("no_zones_for_roads", "flood")]


def test_everything_wrong_with_the_rules_is_said_at_once(streets):
    rules = [
        {"kind": "flood", "factor": None},
        {"kind": "zone", "zone_class": "deep", "factor": 0.5},
        {
            "kind": "lines",
            "geometry": {"type": "Point", "coordinates": [0, 0]},
            "buffer_m": -1,
            "factor": None,
        },
        {
            "kind": "lines",
            "geometry": {"type": "LineString", "coordinates": [[500, 900], [1, 1]]},
            "factor": 2,
        },
        {"kind": "list", "source_ids": [1.5]},
        {"kind": "list", "source_ids": [1], "factor": 2, "colour": "red"},
    ]
    with pytest.raises(InvalidInput) as refused:
        ruled(streets, *rules)
    assert [(problem.column.removeprefix("road_rules"), problem.code) for problem in refused.value.problems] == [
        ("[0].kind", "choice_unknown"), ("[1].factor", "factor_invalid"), ("[2].buffer_m", "buffer_invalid"),
        ("[2].geometry", "geometry_kind"), ("[3].geometry", "geometry_range"), ("[4].source_ids", "source_ids_invalid"),
        ("[4].factor", "key_missing"), ("[5].colour", "key_unknown"),
    ]  # fmt: skip
    unknown = [
        {"kind": "zone", "hazard_layer": "quake", "zone_class": "IX", "factor": None},
        {"kind": "list", "source_ids": [1, 77], "road_classes": ["motorway"], "factor": 2},
    ]
    with pytest.raises(InvalidInput) as refused:
        ruled(streets, *unknown)
    assert [(problem.column, problem.code) for problem in refused.value.problems] == [
        ("road_rules[0].hazard_layer", "layer_unknown"), ("road_rules[1].road_classes", "road_class_unknown"),
        ("road_rules[1].source_ids", "street_unknown"),
    ]  # fmt: skip


def test_the_streets_a_scenario_closes_come_as_geojson(streets, compute):
    ruled(
        streets,
        {"kind": "list", "source_ids": [FLOODED], "factor": None},
        {"kind": "list", "source_ids": [2], "factor": 3},
    )
    told = road_rules.scenario_streets(scenario=streets.scenario)
    assert told["streets"] == told["shown"] == 2
    first, second = told["features"]
    assert first["properties"] == {
        **first["properties"],
        "source_id": FLOODED,
        "closed": True,
        "factor": None,
    }
    assert second["properties"]["factor"] == 3 and not second["properties"]["closed"]
    np.testing.assert_allclose(
        sorted(first["geometry"]["coordinates"]), sorted(lonlat((600, 0), (700, 0))), atol=2e-6
    )


def test_a_copy_of_a_scenario_has_its_rules(streets):
    ruled(streets, {"kind": "list", "source_ids": [FLOODED], "factor": None})
    copy = scenarios.copy_scenario(user=None, scenario=streets.scenario, name="again")
    assert copy.road_rules == streets.scenario.road_rules


def test_open_roads_are_the_same_roads_without_the_rules(streets, compute):
    plain = compute(streets)[0]
    ruled(streets, {"kind": "list", "source_ids": [FLOODED], "factor": None})
    run = compute(streets)[0]
    frozen, question = frozen_of(run), question_of(run)
    assert open_roads(frozen, question).key == road_state(frozen_of(plain), question_of(plain)).key
    assert road_state(frozen, question).key != open_roads(frozen, question).key
    other_hour = replace(question, time_of_day="day")
    assert road_state(frozen, other_hour).key == road_state(frozen, question).key


def test_curved_streets_are_met_where_they_really_run(db, tmp_path):
    import shapely

    from engine.network import RoadGraph
    from planning.bridge.exposure import streets_touching

    graph = RoadGraph.build(
        [0, 1000], [0, 0], [0], [1], [1600.0], 30.0, keep="all", line_ptr=[0, 2], line_x=[200, 800], line_y=[400, 400],
    )  # fmt: skip
    bend, chord = shapely.box(450, 390, 550, 410), shapely.box(450, -10, 550, 10)
    street, shape = streets_touching(graph, np.array([bend, chord]))
    assert street.tolist() == [0] and shape.tolist() == [0]


def test_the_page_adds_and_removes_rules_and_says_them_in_words(streets, person, client):
    client.force_login(person("lin", "planner"))
    page = f"/scenarios/{streets.scenario.ref}/roads/"
    sent = {
        "kind": "list",
        "source_ids": f"{FLOODED}, 2",
        "effect": "slower",
        "factor": "3",
        "road_classes": ["main"],
    }
    assert client.post(page, sent).status_code == 302
    streets.scenario.refresh_from_db()
    assert streets.scenario.road_rules == [
        {"kind": "list", "source_ids": [2, FLOODED], "road_classes": ["main"], "factor": 3.0}
    ]
    words = client.get(f"/scenarios/{streets.scenario.ref}/").content.decode()
    assert "2 listed streets" in words and "takes 3 times as long" in words and "0.1 km are slower" in words
    drawn = json.dumps({"type": "LineString", "coordinates": lonlat((650, -60), (650, 60))})
    assert (
        client.post(
            page, {"kind": "lines", "geometry": drawn, "buffer_m": "5", "effect": "closed"}
        ).status_code
        == 302
    )
    assert "0.1 km are closed" in client.get(page).content.decode()
    bad = client.post(page, {"kind": "lines", "geometry": "{", "effect": "closed"})
    assert bad.status_code == 422 and "valid GeoJSON" in bad.content.decode()
    unknown = client.post(page, {"kind": "list", "source_ids": "77", "effect": "closed"})
    assert unknown.status_code == 422 and "not in the roads of this city" in unknown.content.decode()
    streets.scenario.refresh_from_db()
    gone = {"number": "0", "version": streets.scenario.version}
    assert client.post(f"{page}remove/", gone).status_code == 302
    streets.scenario.refresh_from_db()
    assert [rule["kind"] for rule in streets.scenario.road_rules] == ["lines"]


def test_who_may_not_edit_sees_the_rules_and_cannot_change_them(streets, person, client):
    ruled(streets, {"kind": "list", "source_ids": [FLOODED], "factor": None})
    client.force_login(person("vera", "viewer"))
    assert "1 listed streets" in client.get(f"/scenarios/{streets.scenario.ref}/").content.decode()
    assert client.get(f"/scenarios/{streets.scenario.ref}/streets.geojson").json()["streets"] == 1
    page = f"/scenarios/{streets.scenario.ref}/roads/"
    assert client.get(page).status_code == 403
    assert client.post(page, {"kind": "list", "source_ids": "2", "effect": "closed"}).status_code == 403


def test_the_api_writes_rules_reads_them_and_names_every_problem(streets, person, client):
    client.force_login(person("lin", "planner"))
    address = f"/api/v1/scenarios/{streets.scenario.ref}/"
    etag = client.get(address)["ETag"]

    def patch(rules, tag):
        return client.patch(
            address, {"road_rules": rules}, content_type="application/json", headers={"if-match": tag}
        )

    refused = patch([{"kind": "zone"}, {"kind": "list", "source_ids": [77], "factor": None}], etag)
    assert refused.status_code == 422 and len(refused.json()["problems"]) >= 1
    assert refused.json()["problems"][0]["column"] == "road_rules[0].factor"
    done = patch([{"kind": "list", "source_ids": [FLOODED], "factor": None}], etag)
    assert done.status_code == 200 and done.json()["road_rules"][0]["factor"] is None
    assert client.get(f"{address}streets/").json()["shown"] == 1


def test_the_graph_of_a_network_is_read_once(streets):
    network = RoadNetwork.objects.get(current=True)
    assert load_roads(network.sha256) is load_roads(network.sha256)
