from engine.coverage import score_world
from engine.explain import explain_cells
from engine.world import REASON_LAPSED
from tests.engine.towns import standard, street_town


def test_every_role_in_reach_says_why_it_takes_no_more():
    world = street_town(
        [(0, 30), (5000, 1)],
        [
            (100, 4),
            {"x": 200, "capacity": 5, "hours": 72.0},
            {"x": 300, "capacity": 6, "usable": False, "reason": REASON_LAPSED},
            {"x": 400, "capacity": 0},
            (5000, 9),
        ],
    )
    told = explain_cells(world, score_world(world), 0, [0])
    assert (told.need, told.served, told.late, told.no_room, told.out_of_reach) == (30, 4, 5, 21, 0)
    assert told.binds == "room"
    assert [(r.nearest_cost, r.reason, r.taken_here) for r in told.roles] == [
        (100.0, "full", 4), (200.0, "full_and_late", 5), (300.0, "lapsed", 0), (400.0, "no_capacity", 0),
    ]  # fmt: skip


def test_a_place_with_room_that_the_short_ones_cannot_reach_says_so():
    world = street_town([(0, 5), (900, 5), (1800, 5)], [(0, 20)])
    told = explain_cells(world, score_world(world), 0, [0, 1, 2])
    assert (told.binds, told.roles[0].reason, told.roles[0].room) == (
        "distance",
        "room_left_out_of_reach",
        10,
    )
    assert explain_cells(world, score_world(world), 0, [0]).binds == "none"


def test_places_taken_by_others_are_counted():
    world = street_town([(0, 5), (500, 5)], [(0, 5)])
    told = explain_cells(world, score_world(world), 0, [1])
    assert (told.roles[0].taken, told.roles[0].taken_here, told.roles[0].reason) == (5, 0, "full")


def test_another_role_of_the_same_place_is_named():
    role = {"x": 0, "capacity": 10, "exclusive": True}
    world = street_town([(0, 0)], [role | {"service": 0, "rank": 1}, role | {"service": 1, "rank": 0}],
                        standards=[standard("shelter"), standard("isolation")], needs=[[4], [4]])  # fmt: skip
    told = explain_cells(world, score_world(world), 0, [0])
    assert (told.binds, told.roles[0].reason, told.roles[0].supply) == ("distance", "other_role", 0)


def test_late_places_with_room_are_late():
    world = street_town([(0, 4)], [{"x": 0, "capacity": 9, "hours": 90.0}])
    told = explain_cells(world, score_world(world), 0, [0])
    assert (told.binds, told.roles[0].reason) == ("time", "late")
