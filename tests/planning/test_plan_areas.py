"""A plan by area, service and run in the hand-worked town (see versions.py): sums are true, rights hold."""

import csv
import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from planning.models import AreaResult, DemandCell, Intervention
from planning.selectors.plan_areas import NOTHING, plan_area_rows
from tests.planning.town import SERVICE
from tests.planning.versions import two_versions


@pytest.fixture
def plan(priced: SimpleNamespace, compute: Any) -> SimpleNamespace:
    priced.a, priced.b = two_versions(priced, compute(priced, ["night", "day"]))
    priced.night = priced.a.baseline_runs.get(time_of_day="night")
    return priced


def by_area(version: Any, user: Any = None, time: str = "night") -> dict[str, Any]:
    rows = [row for row in plan_area_rows(version, user=user) if row.before_run.time_of_day == time]
    return {"total" if row.total else row.area.name_en if row.area else "outside": row for row in rows}


def test_each_district_tells_before_with_the_plan_closed_and_cost(plan: SimpleNamespace) -> None:
    rows = by_area(plan.a)
    west, east, total = rows["West"], rows["East"], rows["total"]
    assert (west.before.gap, west.after.gap, west.closed) == (20, 0, 20)
    assert (east.before.gap, east.after.gap, east.closed) == (35, 0, 35)
    assert (west.works.count, west.works.units, west.works.cost_fen) == (1, 30, 40_000)
    assert (east.works.count, east.works.units, east.works.cost_fen) == (2, 70, 28_000)
    assert (total.before.gap, total.closed, total.works.cost_fen) == (55, 55, 68_000)


@pytest.mark.parametrize("which", ["a", "b"])
def test_top_areas_add_up_to_the_total_in_every_run_and_service(plan: SimpleNamespace, which: str) -> None:
    rows = plan_area_rows(getattr(plan, which), user=None)
    totals = [row for row in rows if row.total]
    assert len(totals) == 2
    for total in totals:
        parts = [
            row
            for row in rows
            if row.top and row.before_run == total.before_run and row.service == total.service
        ]
        for side in ("before", "after"):
            for name in ("need", "served", "late", "no_room", "out_of_reach", "gap"):
                assert sum(getattr(getattr(row, side), name) for row in parts) == getattr(
                    getattr(total, side), name
                )
        for name in ("count", "units", "cost_fen"):
            assert sum(getattr(row.works, name) for row in parts) == getattr(total.works, name)


def test_what_lies_outside_every_area_stands_in_a_row_of_its_own(plan: SimpleNamespace, person: Any) -> None:
    """A cell and a place without an area belong to the city but to no district."""
    for run in (plan.night, plan.a.runs.get(time_of_day="night")):
        row = AreaResult.objects.get(run=run, area=plan.right, service=plan.service)
        row.need, row.served, row.late, row.no_room, row.out_of_reach = 0, 0, 0, 0, 0
        row.save()
    Intervention.objects.filter(version=plan.a, kind="upgrade").update(area=None)
    rows = by_area(plan.a)
    assert (rows["outside"].before.need, rows["outside"].before.gap, rows["outside"].closed) == (35, 35, 35)
    assert rows["outside"].works.cost_fen == 20_000
    assert rows["West"].before.need + rows["outside"].before.need == rows["total"].before.need
    own = by_area(plan.a, person("kim", "planner", plan.right))
    assert "outside" not in own and own["East"].works.cost_fen == 8_000


def test_a_planner_of_one_district_sees_its_rows_and_their_sum(plan: SimpleNamespace, person: Any) -> None:
    rows = by_area(plan.a, person("kim", "planner", plan.left))
    assert set(rows) == {"total", "West"}
    assert (rows["total"].before.need, rows["total"].closed, rows["total"].works.cost_fen) == (80, 20, 40_000)


def test_someone_without_a_role_sees_nothing(plan: SimpleNamespace, person: Any) -> None:
    assert all(row.before == NOTHING for row in by_area(plan.a, person("chen", "")).values())
    client = Client()
    client.force_login(person("chen2", ""))
    assert client.get(f"/api/v1/plans/{plan.a.plan.ref}/versions/1/areas/").status_code == 404
    assert client.get(f"/plans/{plan.a.plan.ref}/areas/").status_code in (403, 404)


def test_the_number_of_queries_does_not_grow_with_the_areas(
    plan: SimpleNamespace, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(8):
        plan_area_rows(plan.a, user=None)
    assert DemandCell.objects.count() == 4


def test_page_api_csv_and_command_tell_the_same(
    plan: SimpleNamespace, person: Any, client: Client, capsys: Any
) -> None:
    client.force_login(person("lin", "planner"))
    ref = plan.a.plan.ref
    told = client.get(f"/api/v1/plans/{ref}/versions/1/areas/?run={plan.night.ref}&level=2").json()["rows"]
    assert [(row["row"], row["name_en"], row["gap_before"], row["gap_after"], row["cost_fen"]) for row in told] == [
        ("total", None, 55, 0, 68_000), ("area", "West", 20, 0, 40_000), ("area", "East", 35, 0, 28_000)
    ]  # fmt: skip
    body = b"".join(client.get(f"/api/v1/plans/{ref}/versions/1/areas/?format=csv").streaming_content)
    lines = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))
    assert len(lines) == 6 and {line["service"] for line in lines} == {SERVICE}
    assert (
        sum(int(line["closed"]) for line in lines if line["row"] == "total" and line["run"] == plan.night.ref)
        == 55
    )
    call_command("plan_areas", f"{ref}:1", "--json", "--run", plan.night.ref, "--level", "2")
    assert json.loads(capsys.readouterr().out)["rows"] == told
    for language, heading in (("en", "By area"), ("zh-hans", "<table")):
        page = client.get(f"/plans/{ref}/areas/?version=1", headers={"accept-language": language})
        assert page.status_code == 200 and heading in page.content.decode()
        assert "0.00" in page.content.decode() or "0.0" in page.content.decode()


@pytest.mark.parametrize("asked", ["run=R-1999-0001", "service=nothing"])
def test_an_unknown_run_or_service_is_said(
    plan: SimpleNamespace, person: Any, client: Client, asked: str
) -> None:
    client.force_login(person("lin", "planner"))
    answer = client.get(f"/api/v1/plans/{plan.a.plan.ref}/versions/1/areas/?{asked}")
    assert answer.status_code == 422 and answer.json()["code"].startswith("unknown-")
