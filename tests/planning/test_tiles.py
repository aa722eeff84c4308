"""Tiles carry the run's numbers, in wide views and near by, and only to those who may see them."""

import pytest
from django.test import Client

from planning.bridge import hexagons
from planning.services.cell_groups import build_cell_groups
from tests.planning import mvt
from tests.planning.town import SERVICE

NEAR, WIDE = 14, 8


def tile_of(lon, lat, z):
    import math

    n = 2**z
    return int((lon + 180) / 360 * n), int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * n)


@pytest.fixture
def grouped(town, monkeypatch):
    """The town is too small for hexagons; here every level from 6 to 12 has them."""
    for module in ("planning.services.cell_groups.group_levels",):
        monkeypatch.setattr(module, lambda x, y: range(6, 13))
    assert build_cell_groups(town.city)[6] == 1
    return town


def cells(user, z, town, path="cells", called=None, **query):
    """Features of the tiles around the town, by zoom; `called`: the name of the layer in them, where it differs."""
    client = Client()
    client.force_login(user)
    found = []
    seen = set()
    for cell in town.cells:
        x, y = tile_of(cell.point.x, cell.point.y, z)
        if (x, y) in seen:
            continue
        seen.add((x, y))
        answer = client.get(f"/tiles/{path}/{z}/{x}/{y}.pbf", {"city": "town", **query})
        if answer.status_code == 204:
            continue
        assert answer.status_code == 200, answer.content
        found += [(feature["_id"], feature) for feature in mvt.features(answer.content, called or path)]
    return list(dict(found).values())


def total(features, name):
    return sum(feature[name] for feature in features)


@pytest.mark.parametrize("z", [NEAR, WIDE, 12, 3])
def test_a_tile_holds_the_four_states_of_the_run(grouped, compute, person, z):
    run = compute(grouped)[0]
    features = cells(person("lin", "planner"), z, grouped, run=run.ref, service=SERVICE)
    assert [
        total(features, name) for name in ("need", "served", "late", "no_room", "out_of_reach", "gap")
    ] == [115, 60, 20, 20, 15, 55]
    assert total(features, "people") == 230


@pytest.mark.parametrize("z", [NEAR, WIDE])
def test_a_person_of_one_district_gets_only_its_cells(grouped, compute, person, z):
    run = compute(grouped)[0]
    features = cells(person("wang", "viewer", grouped.left), z, grouped, run=run.ref, service=SERVICE)
    assert total(features, "need") == 80 and total(features, "gap") == 20 and total(features, "people") == 160


@pytest.mark.parametrize("z", [NEAR, WIDE])
def test_someone_without_a_role_gets_no_tile(grouped, compute, person, z):
    run = compute(grouped)[0]
    client = Client()
    assert client.get(f"/tiles/cells/{z}/0/0.pbf", {"run": run.ref, "service": SERVICE}).status_code == 401
    client.force_login(person("chen", ""))
    assert client.get(f"/tiles/cells/{z}/0/0.pbf", {"run": run.ref, "service": SERVICE}).status_code == 404


@pytest.mark.parametrize("z", [NEAR, WIDE])
@pytest.mark.parametrize("whole", [True, False])
def test_two_runs_show_the_gap_before_and_after(grouped, compute, person, z, whole):
    before = compute(grouped)[0]
    grouped.roles[0].capacity = 80
    grouped.roles[0].save()
    after = compute(grouped)[0]
    user = person("lin", "planner", None if whole else grouped.left)
    features = cells(user, z, grouped, run=after.ref, service=SERVICE, before=before.ref)
    assert total(features, "gap_before") - total(features, "gap_after") == 20
    same = cells(user, z, grouped, run=before.ref, service=SERVICE, compare=after.ref)
    assert total(same, "gap_after") == total(features, "gap_after")


@pytest.mark.parametrize("z", [NEAR, WIDE])
def test_population_tiles_hold_the_people(grouped, person, z):
    assert total(cells(person("lin", "viewer"), z, grouped, "population", layer="night"), "people") == 230
    assert (
        total(cells(person("wu", "viewer", grouped.right), z, grouped, "population", time="day"), "people")
        == 10
    )


def test_every_point_lies_in_the_hexagon_of_its_key():
    import numpy as np
    import shapely

    random = np.random.default_rng(1)
    x, y = hexagons.web_mercator(random.uniform(103, 105, 300), random.uniform(30, 31, 300))
    for level in (6, 9, 12):
        rings = hexagons.hexagon_corners(hexagons.hexagon_keys(x, y, level), level)
        inside = shapely.distance(shapely.polygons(rings), shapely.points(x, y))
        assert inside.max() < 1e-6


def test_building_the_hexagons_twice_changes_nothing(grouped):
    from planning.models import CellGroup

    before = set(CellGroup.objects.values_list("pk", flat=True))
    build_cell_groups(grouped.city)
    assert set(CellGroup.objects.values_list("pk", flat=True)) == before
