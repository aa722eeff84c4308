"""Two runs side by side. By night the town is worked out in `town.py`; by day, with 60, 60, 0 and 10 people, half of whom
leave home: c1 30 and c2 30 go to A (60), c3 needs nothing, c4's 5 are out of reach. Night to day the gap falls by 20 at
c2 (no room), 20 at c3 (late) and 10 at c4."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client

from core.errors import DomainError
from engine import ENGINE_VERSION
from planning.models import Analysis, AreaRange, AreaResult, CellResult, Run
from planning.selectors.comparisons import (
    compared_areas,
    compared_totals,
    demand_comparable,
    differences,
)
from planning.services.batches import start_batch
from planning.services.cell_groups import build_cell_groups
from planning.services.difference_tiles import classed, difference_breaks, step_of
from planning.services.sweeps import Sweep
from tests.planning.test_batches import done
from tests.planning.test_tiles import NEAR, WIDE, cells, total
from tests.planning.town import SERVICE


@pytest.fixture
def pair(town: SimpleNamespace, compute: Callable[..., Any]) -> list[Run]:
    """The night and the day."""
    return compute(town, ["night", "day"])


@pytest.fixture
def wide_town(town: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The town is too small for hexagons; here every level from 6 to 12 has them."""
    monkeypatch.setattr("planning.services.cell_groups.group_levels", lambda x, y: range(6, 13))
    build_cell_groups(town.city)
    return town


def range_row(run: Run, result: AreaResult, low: int, high: int) -> AreaRange:
    analysis = Analysis.objects.filter(run=run).first() or Analysis.objects.create(
        run=run,
        ref=f"AN-{run.ref}",
        kind="range",
        state="done",
        params_sha256=run.ref,
        engine_version=ENGINE_VERSION,
    )
    return AreaRange.objects.create(
        analysis=analysis, service=result.service, area=result.area, need=result.need, need_p10=result.need, need_p50=result.need,
        need_p90=result.need, gap=result.gap, gap_p10=low, gap_p50=result.gap, gap_p90=high,
    )  # fmt: skip


def test_need_and_gap_of_each_area_stand_side_by_side(pair: list[Run], person: Callable[..., Any]) -> None:
    night, day = pair
    rows = {one.area.code: one for one in compared_areas(night, day, user=person("lin", "planner"), level=2)}
    assert len(rows) == 2 and len(set(rows)) == 2
    west, east = (next(one for one in rows.values() if one.before.need == need) for need in (80, 35))
    # West: c1 and c2, 80 and 60 needed, 20 and 0 short. East: c3 and c4, 35 and 5 needed, 35 and 5 short.
    assert (west.need_change, west.gap_change) == (-20, -20)
    assert (east.need_change, east.gap_change) == (-30, -30)


def test_changes_of_districts_add_up_to_that_of_the_city(pair: list[Run]) -> None:
    rows = compared_areas(*pair, user=None)
    city = [one for one in rows if one.area.level == 1]
    assert (
        sum(one.gap_change for one in rows if one.area.level == 2)
        == sum(one.gap_change for one in city)
        == -50
    )


def test_someone_of_one_district_compares_only_that(
    town: SimpleNamespace, pair: list[Run], person: Callable[..., Any]
) -> None:
    chen = person("chen", "planner", town.left)
    assert {one.area.code for one in compared_areas(*pair, user=chen)} == {town.left.code}
    assert [one.gap_change for one in compared_totals(*pair, user=chen)] == [-20]
    assert [one.gap_change for one in compared_totals(*pair, user=person("lin", "planner"))] == [-50]


def test_ranges_that_overlap_are_told_and_unknown_ones_are_not_guessed(pair: list[Run]) -> None:
    night, day = pair
    row = next(one for one in compared_areas(night, day, user=None, level=2) if one.before.need == 80)
    assert row.ranges_overlap is None
    range_row(night, row.before, 10, 30)
    assert (
        next(one for one in compared_areas(night, day, user=None) if one.area == row.area).ranges_overlap
        is None
    )
    range_row(day, row.after, 0, 12)
    assert (
        next(one for one in compared_areas(night, day, user=None) if one.area == row.area).ranges_overlap
        is True
    )
    AreaRange.objects.filter(analysis__run=day).update(gap_p90=9)
    assert (
        next(one for one in compared_areas(night, day, user=None) if one.area == row.area).ranges_overlap
        is False
    )


def test_it_says_what_was_asked_differently(
    town: SimpleNamespace, pair: list[Run], compute: Callable[..., Any]
) -> None:
    assert [one.code for one in differences(*pair)] == ["time_of_day"]
    best = compute(town, ["night"], assignment="best")[0]
    assert [one.code for one in differences(pair[0], best)] == ["assignment"]
    sweep = Sweep(town.scenario, "displaced_share", 0.1, 0.2, 2)
    batch = done(
        start_batch(user=None, city=town.city, sweep=sweep, times_of_day=["night"], detour_factor=1.0)
    )
    varied = batch.runs.get(entries__position=1)
    told = {one.code: one for one in differences(pair[0], varied)}
    assert set(told) == {"variation"} and told["variation"].after == "displaced_share = 0.1"
    town.scenario.refresh_from_db()
    town.scenario.affected_share, town.scenario.version = 0.9, 2
    town.scenario.save()
    later = compute(town, ["night"])[0]
    assert [(one.code, one.before, one.after) for one in differences(pair[0], later)] == [
        ("version", "1", "2")
    ]
    town.roles[0].capacity = 80
    town.roles[0].save()
    newer = compute(town, ["night"])[0]
    assert [one.code for one in differences(later, newer)] == ["snapshot"]


def test_what_cannot_stand_side_by_side_is_refused(pair: list[Run]) -> None:
    night, day = pair
    with pytest.raises(DomainError, match="same run"):
        demand_comparable(night, night)
    Run.objects.filter(pk=day.pk).update(totals=[{"service": "other"}])
    day.refresh_from_db()
    with pytest.raises(DomainError, match="no service in common"):
        demand_comparable(night, day)
    day.state = "waiting"
    with pytest.raises(DomainError, match="no result"):
        demand_comparable(night, day)


# --- tiles -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("z", [NEAR, WIDE])
def test_a_tile_holds_need_and_gap_of_both(
    wide_town: SimpleNamespace,
    compute: Callable[..., Any],
    person: Callable[..., Any],
    z: int,
) -> None:
    night, day = compute(wide_town, ["night", "day"])
    found = cells(
        person("lin", "planner"),
        z,
        wide_town,
        "differences",
        "cells",
        before=night.ref,
        after=day.ref,
        service=SERVICE,
    )
    names = ("need_before", "need_after", "gap_before", "gap_after")
    assert [total(found, name) for name in names] == [115, 65, 55, 5]


def test_the_difference_of_each_cell_is_what_is_worked_out_by_hand(
    town: SimpleNamespace, pair: list[Run], person: Callable[..., Any]
) -> None:
    night, day = pair
    found = cells(
        person("lin", "planner"),
        NEAR,
        town,
        "differences",
        "cells",
        before=night.ref,
        after=day.ref,
        service=SERVICE,
    )
    by_id = {one["_id"]: one["gap_after"] - one["gap_before"] for one in found}
    assert [by_id[cell.pk] for cell in town.cells] == [0, -20, -20, -10]
    with connection.cursor() as cursor:
        cursor.execute(
            "select c.id, (select coalesce(sum(need - served), 0) from planning_cellresult where run_id = %s and cell_id = c.id)"
            " - (select coalesce(sum(need - served), 0) from planning_cellresult where run_id = %s and cell_id = c.id)"
            " from planning_demandcell c", [day.pk, night.pk],
        )  # fmt: skip
        assert by_id == {pk: int(change) for pk, change in cursor.fetchall()}


def test_people_of_either_run_are_there_and_nobody_is_another_thing_than_no_need(
    town: SimpleNamespace, pair: list[Run], person: Callable[..., Any]
) -> None:
    night, day = pair
    cell = town.cells[2]  # 40 by night, nobody by day
    found = {
        one["_id"]: one
        for one in cells(
            person("lin", "planner"),
            NEAR,
            town,
            "differences",
            "cells",
            before=night.ref,
            after=day.ref,
            service=SERVICE,
        )
    }
    assert found[cell.pk]["people"] == 40 and found[cell.pk]["need"] == 20
    assert not CellResult.objects.filter(run=day, cell=cell, need__gt=0).exists()


@pytest.mark.parametrize("z", [NEAR, WIDE])
def test_a_person_of_one_district_sees_the_difference_there(
    wide_town: SimpleNamespace,
    compute: Callable[..., Any],
    person: Callable[..., Any],
    z: int,
) -> None:
    night, day = compute(wide_town, ["night", "day"])
    chen = person("chen", "viewer", wide_town.left)
    found = cells(
        chen, z, wide_town, "differences", "cells", before=night.ref, after=day.ref, service=SERVICE
    )
    assert [total(found, name) for name in ("need_before", "need_after", "gap_before", "gap_after")] == [
        80,
        60,
        20,
        0,
    ]
    assert total(found, "people") == 160


def test_tiles_of_others_or_of_nothing_are_refused(pair: list[Run], person: Callable[..., Any]) -> None:
    night, day = pair
    client = Client()
    ask = {"before": night.ref, "after": day.ref, "service": SERVICE}
    address = "/tiles/differences/8/0/0.pbf"
    assert client.get(address, ask).status_code == 401
    client.force_login(person("nobody", ""))
    assert client.get(address, ask).status_code == 404
    client.force_login(person("lin", "planner"))
    assert client.get(address, ask | {"service": "none"}).status_code == 404
    assert client.get(address, ask | {"after": night.ref}).status_code == 422
    assert client.get(address, ask | {"after": "R-0"}).status_code == 404


def test_the_outer_classes_begin_at_a_round_number(pair: list[Run], town: SimpleNamespace) -> None:
    assert step_of(np.array([0, 0])) == 10 and step_of(np.array([3, -4, 0])) == 10
    # 80 in 100 of 1…100 lie below 80.2, and 100 is the round number nearest to it
    assert step_of(np.arange(1, 101)) == 100 and step_of(-2 * np.arange(1, 101)) == 200
    found = difference_breaks(before=pair[0], after=pair[1], service=town.service)
    # 0, -20, -20 and -10: nothing beyond 20, three cells with fewer, one about the same.
    assert (found["gap"]["step"], found["gap"]["counts"]) == (20, [0, 0, 1, 3, 0])


def test_a_change_at_an_edge_is_in_the_class_that_the_map_paints() -> None:
    # MapLibre's step: from an edge on the next colour. -20 … -2 … 2 … 20
    changes = np.array([-21, -20, -3, -2, 0, 1, 2, 19, 20, 30])
    assert classed(changes, 20) == [2, 2, 3, 2, 1]
