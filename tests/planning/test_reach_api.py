"""How far people get: the API draws rings, and counts people at the travel times of their cells."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapely
from rest_framework.test import APIClient

from planning.importers.road_rows import RoadRows
from planning.services import networks
from tests.planning.town import PLANE


@pytest.fixture
def client(town: SimpleNamespace, person: Any) -> APIClient:
    program = APIClient()
    program.force_authenticate(person("lin", "planner"))
    return program


def where(x: float, y: float = 0.0) -> str:
    lon, lat = PLANE.inverse([x], [y])
    return f"{float(lon[0]):.7f},{float(lat[0]):.7f}"


def build_roads(town: SimpleNamespace, speeds: float = 30.0) -> None:
    """A road along the town's line from 0 to 1000 m; from 1000 m on one way to 3100 m."""
    lon, lat = PLANE.inverse(np.array([0.0, 1000.0, 3100.0, 3100.0]), np.array([0.0, 0.0, 0.0, 900.0]))
    tail, head = np.array([0, 1, 2, 3]), np.array([1, 2, 3, 1])
    every = np.ones(4, bool)
    rows = RoadRows(
        lon, lat, tail, head, np.full(4, np.nan), np.full(4, speeds), ~every, np.array([False, True, True, True]), every,
        np.zeros(4, np.int64), np.full(4, 3), np.arange(4), ("street",), 4,
    )  # fmt: skip
    streets = networks.make_streets(city=town.city, parts=[("roads", rows)])
    networks.write_network(
        city=town.city, streets=streets, layer=None, source="worked example", synthetic=True
    )


def test_without_roads_a_circle_names_its_method(town: SimpleNamespace, client: APIClient) -> None:
    answer = client.get(f"/api/v1/reach/?from={where(0)}&minutes=5,10&city=town")
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"].startswith("application/geo+json")
    told = answer.json()
    # 10 min x 75 m/min / 1.3 = 577 m straight: c1 at 0 m and c2 at 400 m; 5 min: 288 m, c1 alone.
    assert [(one["properties"]["limit"], one["properties"]["people"]) for one in told["features"]] == [
        (10, 160),
        (5, 100),
    ]
    assert told["method"] == "straight" and "1.3" in told["method_words"]
    wide, narrow = (shapely.from_geojson(str(one["geometry"]).replace("'", '"')) for one in told["features"])
    assert wide.covers(narrow)


def test_along_streets_people_are_counted_at_their_cells(town: SimpleNamespace, client: APIClient) -> None:
    build_roads(town)
    told = client.get(f"/api/v1/reach/?from={where(400)}&metres=700&city=town").json()
    # c2 here, c1 400 m, c3 600 m along the road
    assert told["method"] == "roads" and told["network"]
    properties = told["features"][0]["properties"]
    assert (properties["people"], properties["cells"]) == (200, 3)
    assert [one["name_en"] for one in told["facilities"]] == ["Place 1", "Place 2"]
    assert told["facilities"][0]["cost"] == pytest.approx(300, abs=2)


def test_direction_matters_on_one_way_streets(town: SimpleNamespace, client: APIClient) -> None:
    build_roads(town)
    # From 900 m one drives 2.1 km one way to c4; back it is farther, by the street in the north.
    asked = f"/api/v1/reach/?from={where(900)}&metres=2150&mode=drive&city=town"
    outwards = client.get(f"{asked}&direction=from").json()["features"][0]["properties"]["people"]
    homewards = client.get(f"{asked}&direction=to").json()["features"][0]["properties"]["people"]
    assert (outwards, homewards) == (230, 200)


def test_a_run_answers_with_its_own_roads_and_time_of_day(
    town: SimpleNamespace, client: APIClient, compute: Any
) -> None:
    run = compute(town, ["day"])[0]
    build_roads(town)  # loaded after the run: the run knows no roads
    told = client.get(f"/api/v1/reach/?from={where(0)}&metres=450&run={run.ref}").json()
    assert (told["method"], told["run"], told["time_of_day"]) == ("straight", run.ref, "day")
    assert told["features"][0]["properties"]["people"] == 120


def test_streets_that_the_runs_scenario_closes_carry_nobody(
    town: SimpleNamespace, client: APIClient, compute: Any
) -> None:
    build_roads(town)
    open_run = compute(town)[0]
    town.scenario.road_rules = [{"kind": "list", "source_ids": [0], "road_classes": ["*"], "factor": None}]
    town.scenario.save()
    shut_run = compute(town)[0]
    # Two minutes along the street at 30 km/h; beside it, at 250 m a minute, c1 and c2 are farther away than that.
    asked = f"/api/v1/reach/?from={where(1000)}&minutes=2.2&mode=drive&direction=from&run="
    everyone = client.get(asked + open_run.ref).json()
    few = client.get(asked + shut_run.ref).json()
    assert everyone["closed_km"] == 0 and few["closed_km"] == pytest.approx(1.0, abs=0.01)
    people = [one["features"][0]["properties"]["people"] for one in (everyone, few)]
    assert people == [200, 40]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("minutes=10", 400, "number-unreadable"),
        ("from=104&minutes=10", 400, "place-unreadable"),
        ("from=HERE", 400, "reach-limits"),
        ("from=HERE&minutes=10&metres=10", 400, "reach-limits"),
        ("from=HERE&minutes=1,2,3,4,5,6", 400, "reach-limits"),
        ("from=HERE&minutes=121", 400, "reach-out-of-range"),
        ("from=HERE&minutes=0", 400, "reach-out-of-range"),
        ("from=HERE&minutes=nan", 400, "reach-out-of-range"),
        ("from=HERE&minutes=ten", 400, "number-unreadable"),
        ("from=HERE&minutes=10&mode=fly", 400, "reach-unreadable"),
        ("from=HERE&minutes=10&colour=red", 400, "unknown-filter"),
        ("from=100.0,20.0&minutes=10", 422, "outside-city"),
        ("from=500,20&minutes=10", 400, "place-unreadable"),
        ("from=HERE&minutes=10&run=R-0", 404, "not-found"),
    ],
)
def test_what_cannot_be_read_is_a_problem_with_its_code(
    town: SimpleNamespace, client: APIClient, query: str, status: int, code: str
) -> None:
    answer = client.get("/api/v1/reach/?" + query.replace("HERE", where(0)))
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].startswith("application/problem+json")
    assert answer.json()["code"] == code


def test_a_districts_viewer_counts_the_people_of_the_district(town: SimpleNamespace, person: Any) -> None:
    program = APIClient()
    program.force_authenticate(person("he", "viewer", town.right))
    told = program.get(f"/api/v1/reach/?from={where(400)}&metres=1000").json()
    assert told["features"][0]["properties"]["people"] == 40
    assert [one["name_en"] for one in told["facilities"]] == ["Place 2"]
    program.force_authenticate(person("chen", ""))
    assert program.get(f"/api/v1/reach/?from={where(400)}&metres=1000&city=town").status_code == 404
