"""Cells read without a sort or a join in the database equal those read with them."""

import numpy as np
import pytest
from django.db import connection

from core.models import City
from planning.bridge.columns import fetch_cells, positions
from planning.models import CellPopulation, DemandCell, PopulationLayer

pytestmark = pytest.mark.django_db


@pytest.fixture
def city():
    """Cells whose numbers run against their ids; a night layer of some of them, a day layer that tells barrier-free."""
    made = City.objects.create(code="c", name="c", synthetic=True)
    order = [4, 0, 3, 1, 2]
    cells = [
        DemandCell.objects.create(
            city=made, number=number, code=f"c{number}", point=f"SRID=4326;POINT({100 + number} 30)"
        )
        for number in order
    ]
    night = PopulationLayer.objects.create(city=made, code="n", name="n", time_of_day="night")
    day = PopulationLayer.objects.create(city=made, code="d", name="d", time_of_day="day", barrier_free=3)
    for cell, people in zip(cells[:3], (7.0, 5.0, 2.5), strict=True):
        CellPopulation.objects.create(layer=night, cell=cell, people=people)
    CellPopulation.objects.create(layer=day, cell=cells[1], people=9.0, barrier_free=3.0)
    CellPopulation.objects.create(layer=day, cell=cells[4], people=1.0)
    return made, night, day


def test_cells_come_by_number_with_the_people_of_each_layer(city):
    made, night, day = city
    rows = fetch_cells(made.pk, {"night": (night.pk, []), "day": (day.pk, ["barrier_free"])})
    assert rows["lon"].tolist() == [100, 101, 102, 103, 104]
    assert rows["people_night"].tolist() == [5.0, 0.0, 0.0, 2.5, 7.0]
    assert rows["people_day"].tolist() == [9.0, 0.0, 1.0, 0.0, 0.0]
    assert rows["barrier_free_day"].tolist() == [3.0, 0.0, 0.0, 0.0, 0.0]
    assert "barrier_free_night" not in rows
    assert rows["area"].tolist() == [-1] * 5
    with connection.cursor() as cursor:
        cursor.execute("select id from planning_demandcell where city_id = %s order by number", [made.pk])
        assert rows["id"].tolist() == [row[0] for row in cursor.fetchall()]


def test_a_city_without_cells_has_none():
    made = City.objects.create(code="e", name="e", synthetic=True)
    assert all(len(values) == 0 for values in fetch_cells(made.pk, {"night": (-1, [])}).values())


@pytest.mark.parametrize("spread", [1, 1_000_000])
def test_positions_are_found_in_rows_of_ids_and_in_scattered_ones(spread):
    random = np.random.default_rng(2)
    ids = random.permutation(2_000) * spread + 17
    wanted = ids[random.integers(0, 2_000, 500)]
    assert np.array_equal(ids[positions(ids, wanted)], wanted)
    for stranger in (16, 18 if spread > 1 else 2_017, -5):
        with pytest.raises(ValueError, match="not there"):
            positions(ids, np.array([17, stranger]))


def test_nothing_wanted_is_nowhere():
    assert len(positions(np.array([1, 2]), np.empty(0, np.int64))) == 0
    with pytest.raises(ValueError, match="not there"):
        positions(np.empty(0, np.int64), np.array([1]))
