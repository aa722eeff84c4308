"""People who need barrier-free places: a whole part of all need, served only by barrier-free places, told everywhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.need import need_units, part_units
from facilities.models import Capability, ServiceType
from planning.models import AreaGroupResult, CellPopulation, PopulationLayer
from planning.services.kept_scores import kept_score
from tests.planning.town import SERVICE, standard

STATES = ("served", "late", "no_room", "out_of_reach")
# by night: c1 20 of 100, c2 10 of 60, c3 6 of 40, c4 30 of 30; half of them need a place: 10 + 5 + 3 + 15 = 33
BARRIER_FREE = [20.0, 10.0, 6.0, 30.0]


@pytest.fixture
def told_apart(town):
    """The night layer tells who needs barrier-free places; A has 8 of its 60, B all of its 30."""
    layer = town.layers["night"]
    for cell, part in zip(town.cells, BARRIER_FREE, strict=True):
        CellPopulation.objects.filter(layer=layer, cell=cell).update(barrier_free=part)
    PopulationLayer.objects.filter(pk=layer.pk).update(barrier_free=sum(BARRIER_FREE))
    for role, places in zip(town.roles, (8.9, 30, 40, None), strict=True):
        Capability.objects.filter(pk=role.pk).update(barrier_free_capacity=places)
    town.scenario.refresh_from_db()
    return town


def test_a_layer_that_tells_nobody_apart_gives_todays_numbers(town, compute):
    run = compute(town)[0]
    assert "groups" not in run.totals[0] and not AreaGroupResult.objects.filter(run=run).exists()
    assert kept_score(run).special is None


def test_only_barrier_free_places_serve_those_who_need_them(told_apart, compute):
    run = compute(told_apart)[0]
    total, group = run.totals[0], run.totals[0]["groups"]["barrier_free"]
    assert group["people"] == sum(BARRIER_FREE)
    # c1's ten and c2's five reach only A with its eight; c3's three go to B, late; c4's role has lapsed
    assert {name: group[name] for name in ("need", *STATES)} == {
        "need": 33, "served": 8, "late": 3, "no_room": 7, "out_of_reach": 15,
    }  # fmt: skip
    assert total["need"] == 115 and sum(total[name] for name in STATES) == 115
    # the rest of A stays for the others: 40 of c1 and 12 of c2, beside the 8
    assert total["served"] == 60


def test_states_of_the_group_lie_within_those_of_all_in_every_cell_and_area(told_apart, compute):
    for assignment in ("nearest", "best"):
        run = compute(told_apart, assignment=assignment)[0]
        score = kept_score(run)
        for n, name in enumerate(STATES):
            assert (score.special[n] <= getattr(score, name)).all()
        rows = {row.area.code: row for row in AreaGroupResult.objects.filter(run=run).select_related("area")}
        assert {code: row.need for code, row in rows.items()} == {"T": 33, "T1": 15, "T2": 18}
        for name in STATES:
            assert getattr(rows["T"], name) == getattr(rows["T1"], name) + getattr(rows["T2"], name)


def test_places_that_nobody_called_barrier_free_promise_nothing(told_apart, compute):
    Capability.objects.update(barrier_free_capacity=None)
    group = compute(told_apart)[0].totals[0]["groups"]["barrier_free"]
    assert group["served"] == group["late"] == 0 and group["out_of_reach"] == 33


def test_a_warehouse_floor_is_no_place_to_stay(told_apart, compute):
    supply = ServiceType.objects.create(
        code="supply_warehouse",
        name="库",
        name_en="Warehouse",
        domain="supply",
        unit="m²",
        unit_name="平方米",
    )
    standard(told_apart.profile, supply, driver="displaced", ratio=0.1)
    told_apart.scenario.services.add(supply)
    totals = {row["service"]: row for row in compute(told_apart)[0].totals}
    assert "groups" in totals[SERVICE] and "groups" not in totals["supply_warehouse"]


def test_the_pages_and_the_api_tell_the_group_to_those_who_may_see_it(told_apart, compute, person, client):
    run = compute(told_apart)[0]
    client.force_login(person("lin", "planner"))
    assert "Of these, 33 places must be barrier-free" in client.get(f"/runs/{run.ref}/").content.decode()
    why = client.get(f"/gaps/T1/{SERVICE}/?run={run.ref}").content.decode()
    assert "Of these, 15 places must be barrier-free" in why
    assert client.get(f"/api/v1/runs/{run.ref}/").json()["totals"][0]["groups"]["barrier_free"]["need"] == 33
    rows = client.get(f"/api/v1/runs/{run.ref}/area-groups/?group=barrier_free&level=2").json()["results"]
    assert {row["code"]: (row["group"], row["need"]) for row in rows} == {
        "T1": ("barrier_free", 15), "T2": ("barrier_free", 18),
    }  # fmt: skip
    told = client.get(f"/api/v1/runs/{run.ref}/why/?area=T1&service={SERVICE}").json()
    assert told["groups"]["barrier_free"]["served"] == 8
    client.force_login(person("chen", "viewer", told_apart.left))
    assert "Of these, 15 places must be barrier-free" in client.get(f"/runs/{run.ref}/").content.decode()
    rows = client.get(f"/api/v1/runs/{run.ref}/area-groups/").json()["results"]
    assert [row["code"] for row in rows] == ["T1"]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(0, 1)), min_size=1, max_size=40),
    st.floats(0.001, 2),
    st.floats(0, 1),
)
def test_the_groups_need_is_whole_never_more_than_all_need_and_loses_little(cells, ratio, share):
    people = np.array([one for one, _part in cells])
    part = people * np.array([one for _people, one in cells])
    need = need_units(people, share, ratio)
    units = part_units(part, share, ratio, need)
    assert (units >= 0).all() and (units <= need).all()
    exact = np.cumsum(part * share * ratio)
    # what a cell could not hold passes on: the running sum never runs ahead, and is at most a unit behind
    assert (np.cumsum(units) <= np.floor(exact + 0.5 + 1e-6)).all()
    assert units.sum() >= np.floor(exact[-1] + 0.5) - 1


def test_all_of_a_cells_people_may_need_barrier_free_places():
    need = need_units([3.0, 3.0, 3.0], 1.0, 0.5)
    assert part_units([3.0, 3.0, 3.0], 1.0, 0.5, need).tolist() == need.tolist()
    assert part_units([], 1.0, 0.5, need[:0]).tolist() == []
