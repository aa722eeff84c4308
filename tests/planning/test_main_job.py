"""The main job through a real worker: nothing half-done when it dies, and the answer of a real city."""

import json
import time
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from core.choices import JobState
from planning.choices import RunState
from planning.models import AreaResult, CellResult, FacilityResult, Run
from planning.services import runs

STATES = ("served", "late", "no_room", "out_of_reach")


def until(true, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def waiting_for(table):
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_locks where relation = %s::regclass and not granted", [table])
        return cursor.fetchone()[0]


def test_a_worker_killed_while_it_writes_leaves_no_half_result_and_the_job_is_done_once(
    start_worker, town, tmp_path
):
    first = start_worker(VAR_DIR=str(tmp_path), JOB_LOST_AFTER_SECONDS="5")
    blocker = connection.get_new_connection(connection.get_connection_params())
    try:
        with blocker.cursor() as cursor:
            cursor.execute("begin")
            cursor.execute("lock table planning_arearesult in access exclusive mode")
        (run,), job = runs.start_runs(
            user=None, city=town.city, scenario=town.scenario, times_of_day=["night"], detour_factor=1.0
        )
        # Cells are written, areas are not: the worker stands in the middle of its transaction.
        until(lambda: waiting_for("planning_arearesult") > 0)
        first.kill()
        with blocker.cursor() as cursor:
            cursor.execute("rollback")
    finally:
        blocker.close()
    run.refresh_from_db()
    assert run.state == RunState.WAITING and not CellResult.objects.exists()
    killed = time.monotonic()
    start_worker(VAR_DIR=str(tmp_path), JOB_LOST_AFTER_SECONDS="5")
    until(lambda: Run.objects.get(pk=run.pk).state == RunState.DONE)
    assert time.monotonic() - killed < 60
    until(lambda: type(job).objects.get(pk=job.pk).state == JobState.DONE)
    job.refresh_from_db()
    assert job.attempts == 2
    assert (
        CellResult.objects.count() == 4
        and AreaResult.objects.count() == 3
        and FacilityResult.objects.count() == 4
    )


def test_without_a_worker_the_command_says_so(transactional_db, town, monkeypatch):
    from planning.services import answers

    monkeypatch.setattr(answers, "NOBODY_AFTER_SECONDS", 1.0)
    with pytest.raises(CommandError, match="No worker took the job"):
        call_command("score", "--city", "town")


def test_the_main_job_answers_what_how_much_and_where_for_chengdu(
    start_worker, shared_data_dir, tmp_path, settings, capsys
):
    start_worker(VAR_DIR=str(tmp_path))
    pack = Path(settings.BASE_DIR) / "cases" / "chengdu"
    call_command("serve_main_job", "--pack", str(pack), "--json")
    answer = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert set(answer) == {"city", "capacity", "runs", "plan", "seconds"}
    assert answer["city"] == {"code": "510100", "name": "成都市", "synthetic": False}
    shelters = sum(
        row["capacity"]
        for row in answer["capacity"]
        if row["service"] == "short_fixed_shelter" and row["use"] != "hotel"
    )
    hotels = next(
        row["capacity"]
        for row in answer["capacity"]
        if row["service"] == "short_fixed_shelter" and row["use"] == "hotel"
    )
    assert shelters == pytest.approx(9_474_161, abs=1) and hotels == pytest.approx(290_393.6, abs=0.01)
    assert {run["time_of_day"] for run in answer["runs"]} == {"day", "night"}
    for run in answer["runs"]:
        for row in run["services"]:
            assert set(row) == {"service", "unit", "need", *STATES}
            assert row["need"] == sum(row[state] for state in STATES) > 0
    plan = answer["plan"]
    assert set(plan) >= {"ref", "budget_fen", "cost_fen", "value", "bound", "gap", "status", "interventions"}
    assert plan["cost_fen"] == sum(row["cost_fen"] for row in plan["interventions"]) <= plan["budget_fen"]
    assert 0 < plan["value"] <= plan["bound"] and plan["gap"] == pytest.approx(
        (plan["bound"] - plan["value"]) / plan["bound"]
    )
    assert set(plan["interventions"][0]) >= {
        "kind",
        "service",
        "units",
        "name",
        "lon",
        "lat",
        "cost_fen",
        "people_newly_served",
    }
    levels_add_up()
    call_command("serve_main_job", "--pack", str(pack), "--json")
    again = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert {**again, "seconds": 0} == {**answer, "seconds": 0}


def levels_add_up():
    """Each level of areas holds the same need and states as the run's total, and as its cells and roles."""
    for run in Run.objects.filter(state=RunState.DONE):
        total = {row["service"]: row for row in run.totals}
        with connection.cursor() as cursor:
            for query in (
                "select s.code, a.level, sum(need), sum(served), sum(late), sum(no_room), sum(out_of_reach) from planning_arearesult r"
                " join core_area a on a.id = r.area_id join facilities_servicetype s on s.id = r.service_id where run_id = %s group by 1, 2",
                "select s.code, 0, sum(need), sum(served), sum(late), sum(no_room), sum(out_of_reach) from planning_cellresult r"
                " join facilities_servicetype s on s.id = r.service_id where run_id = %s group by 1, 2",
            ):
                cursor.execute(query, [run.pk])
                for code, _level, *states in cursor.fetchall():
                    assert [int(value) for value in states] == [
                        total[code][name] for name in ("need", *STATES)
                    ]
            cursor.execute(
                "select s.code, sum(served), sum(late) from planning_facilityresult r join facilities_servicetype s on s.id = r.service_id"
                " where run_id = %s group by 1", [run.pk],
            )  # fmt: skip
            for code, served, late in cursor.fetchall():
                assert (int(served), int(late)) == (total[code]["served"], total[code]["late"])
