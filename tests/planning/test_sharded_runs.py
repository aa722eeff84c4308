"""A scoring in pieces is the scoring in one: same rows whoever helps and whoever is killed. With real workers."""

import os
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.contrib.gis.geos import Point
from django.db import connection

from core.models import Job, JobShard
from core.services import jobs
from engine.coverage import joined_score, role_supply, score_service, score_world
from engine.world import Score
from facilities.models import Capability, Facility, ServiceType
from planning.bridge import searches
from planning.models import CellGroupResult, CellPopulation, CellResult, PopulationLayer, Run
from planning.services import runs, scoring
from tests.core.test_shards import pid_of_group, running_tokens, until
from tests.engine.towns import random_town
from tests.planning.town import PLANE, at, facility, standard

SMALL_BLOCKS = {"DJANGO_SETTINGS_MODULE": "tests.planning.worker_settings"}
ROWS = [
    ("planning_cellresult", "cell_id, service_id, need, people, served, late, no_room, out_of_reach"),
    ("planning_arearesult", "area_id, service_id, need, people, served, late, no_room, out_of_reach"),
    (
        "planning_facilityresult",
        "facility_id, service_id, capacity, served, late, hours, cells_in_reach, reason",
    ),
]


@pytest.fixture
def busy(town: SimpleNamespace) -> SimpleNamespace:
    """The town with eight more facilities and a second service that some of them share exclusively."""
    town.lodging = ServiceType.objects.create(
        code="lodging", name="住宿", name_en="Lodging", domain="lodging", unit="rooms", unit_name="间"
    )
    standard(town.profile, town.lodging, driver="residents", ratio=0.2, reach_limit=800)
    town.scenario.services.add(town.lodging)
    for n in range(8):
        place = facility(town.city, town.left, 20 + n, 150.0 + 320 * n, town.park)
        for service, capacity, rank in ((town.service, 9, 1), (town.lodging, 6, 2)):
            Capability.objects.create(
                facility=place, service=service, status="active", capacity=capacity, rank=rank,
                conversion_hours_declared=24, exclusive=n % 2 == 0,
            )  # fmt: skip
    return town


def rows_of(run: Run) -> list[Any]:
    found = []
    with connection.cursor() as cursor:
        for table, columns in ROWS:
            cursor.execute(f"select {columns} from {table} where run_id = %s order by 1, 2", [run.pk])
            found.append(cursor.fetchall())
    return found


def asked(town: SimpleNamespace, **settings: Any) -> tuple[list[Run], Job]:
    found, job = runs.start_runs(
        user=None, city=town.city, scenario=town.scenario, times_of_day=["night", "day"], detour_factor=1.0, **settings
    )  # fmt: skip
    assert job is not None
    return found, job


def alone(town: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> list[Any]:
    """The rows of both runs scored in this process, each search in one block, each world in one go; then forgotten."""
    made, job = asked(town, **settings)

    def whole(run: Run) -> Any:
        situation = runs.situation_of(run)
        return situation, score_world(situation.world, run.assignment)

    with monkeypatch.context() as patch:
        patch.setattr(scoring, "scored", whole)
        jobs.perform(job.ref)
    told = [(rows_of(run), Run.objects.get(pk=run.pk).totals) for run in made]
    assert all(any(rows) for rows, _totals in told)
    Run.objects.all().delete()
    Job.objects.all().delete()
    from planning.bridge import artefacts

    for family in artefacts.names_in("reach"):
        artefacts.forget(f"reach/{family}")
    return told


def finished(job: Job, seconds: float = 90) -> Job:
    until(lambda: Job.objects.get(pk=job.pk).over, seconds)
    job.refresh_from_db()
    assert job.state == "done", job.error
    return job


@pytest.mark.parametrize("assignment", ["nearest", "best"])
def test_two_workers_find_what_one_finds(
    start_worker: Any, busy: SimpleNamespace, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, assignment: str
) -> None:
    expected = alone(busy, monkeypatch, assignment=assignment)
    start_worker(VAR_DIR=str(tmp_path), SLOW_SEARCH_SECONDS="0.2", **SMALL_BLOCKS)
    start_worker(VAR_DIR=str(tmp_path), SLOW_SEARCH_SECONDS="0.2", **SMALL_BLOCKS)
    made, job = asked(busy, assignment=assignment)
    job = finished(job)
    assert [(rows_of(run), Run.objects.get(pk=run.pk).totals) for run in made] == expected
    stages = {row["stage"]: row for row in job.result["pieces"]}
    assert set(stages) == {"reach", "join", "assign", "write"}
    assert stages["reach"]["workers"] == 2 and stages["reach"]["done"] == stages["reach"]["pieces"] > 5
    assert stages["assign"]["pieces"] == 4
    assert not JobShard.objects.exists()


def test_a_worker_killed_in_the_middle_of_a_search_changes_nothing(
    start_worker: Any, busy: SimpleNamespace, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = alone(busy, monkeypatch)
    workers = [
        start_worker(VAR_DIR=str(tmp_path), SLOW_SEARCH_SECONDS="0.6", **SMALL_BLOCKS) for _ in range(2)
    ]
    made, job = asked(busy)
    until(lambda: len(running_tokens()) == 2)
    parent = os.getpgid(int(Job.objects.get(pk=job.pk).worker_token.split("|")[1]))
    victim = next(one for one in workers if one.pid != parent)
    until(lambda: any(pid_of_group(token) == victim.pid for token in running_tokens()))
    victim.kill()
    job = finished(job)
    assert job.attempts == 1
    assert [(rows_of(run), Run.objects.get(pk=run.pk).totals) for run in made] == expected


def test_a_killed_parent_leaves_its_blocks_to_the_next_one(
    start_worker: Any, busy: SimpleNamespace, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = alone(busy, monkeypatch)
    first = start_worker(VAR_DIR=str(tmp_path), SLOW_SEARCH_SECONDS="0.4", **SMALL_BLOCKS)
    made, job = asked(busy)
    until(lambda: JobShard.objects.filter(stage="reach", state="done").count() >= 2)
    first.kill()
    kept = dict(JobShard.objects.filter(stage="reach", state="done").values_list("number", "finished_at"))
    start_worker(VAR_DIR=str(tmp_path), SLOW_SEARCH_SECONDS="0.4", **SMALL_BLOCKS)
    until(lambda: JobShard.objects.filter(stage="reach", state="done").count() > len(kept))
    again = dict(JobShard.objects.filter(number__in=kept, stage="reach").values_list("number", "finished_at"))
    assert again == kept, "finished blocks were searched again"
    assert finished(job).attempts == 2
    assert [(rows_of(run), Run.objects.get(pk=run.pk).totals) for run in made] == expected


def test_each_stage_says_what_it_does_and_the_share_never_falls(
    busy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searches, "LEAST_BLOCK", 1)
    monkeypatch.setattr(searches, "MOST_BLOCK", 4)
    told: list[tuple[float, str]] = []
    real = jobs.Progress.__call__

    def heard(self: Any, share: float, message: str = "", **more: Any) -> None:
        told.append((share, message))
        real(self, share, message, **more)

    monkeypatch.setattr(jobs.Progress, "__call__", heard)
    _made, job = asked(busy)
    jobs.perform(job.ref)
    words = [message.split(":")[0] for _share, message in told]
    assert list(dict.fromkeys(words)) == [
        "Looking for travel times that are known", "Travel times", "Putting travel times together", "Assigning people",
        "Adding up and writing",
    ]  # fmt: skip
    assert [share for share, _message in told] == sorted(share for share, _message in told)


def test_the_same_question_on_the_same_roads_is_searched_once_for_night_and_day(
    busy: SimpleNamespace,
) -> None:
    _made, job = asked(busy)
    jobs.perform(job.ref)
    job.refresh_from_db()
    stages = {row["stage"]: row for row in job.result["pieces"]}
    assert (stages["join"]["pieces"], stages["assign"]["pieces"]) == (2, 4)
    # Other people in the same places travel as long.
    CellPopulation.objects.filter(layer=busy.layers["night"]).update(people=33)
    PopulationLayer.objects.filter(pk=busy.layers["night"].pk).update(people=132)
    _made, other = asked(busy)
    jobs.perform(other.ref)
    other.refresh_from_db()
    assert other.state == "done" and {row["stage"] for row in other.result["pieces"]} == {"assign", "write"}


def test_a_new_place_is_searched_with_all_of_its_service(
    busy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    _made, job = asked(busy)
    jobs.perform(job.ref)
    lon, lat = PLANE.inverse([700.0], [0.0])
    Facility.objects.filter(source_id="t20").update(point=Point(float(lon[0]), float(lat[0]), srid=4326))
    made, job = asked(busy)
    jobs.perform(job.ref)
    job.refresh_from_db()
    assert {row["stage"] for row in job.result["pieces"]} == {"reach", "join", "assign", "write"}
    assert Run.objects.get(pk=made[0].pk).state == "done" and at(700.0)


def test_pairs_beyond_what_fits_are_taken_in_bands_and_answer_the_same(
    busy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = alone(busy, monkeypatch)
    monkeypatch.setattr(scoring, "MOST_PAIRS_AT_ONCE", 1)
    banded: list[str] = []
    real = scoring.stored_bands
    monkeypatch.setattr(
        scoring, "stored_bands", lambda *given: banded.append(given[1]) or real(*given, pairs_at_once=2)
    )
    made, job = asked(busy)
    jobs.perform(job.ref)
    assert len(banded) == 4
    assert [(rows_of(run), Run.objects.get(pk=run.pk).totals) for run in made] == expected


def test_a_best_assignment_too_large_for_a_worker_is_refused_in_words(
    busy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "MOST_PAIRS_BEST", 1)
    _made, job = asked(busy, assignment="best")
    jobs.perform(job.ref)
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "assignment-too-large") and "nearest" in job.error
    assert set(Run.objects.values_list("state", flat=True)) == {"failed"}


def test_a_run_that_goes_takes_its_cells_with_it(busy: SimpleNamespace) -> None:
    """The database does not check each cell's run; deleting must not leave any behind."""
    _made, job = asked(busy)
    jobs.perform(job.ref)
    assert CellResult.objects.exists()
    Run.objects.all().delete()
    assert not CellResult.objects.exists() and not CellGroupResult.objects.exists()


@pytest.mark.parametrize("assignment", ["nearest", "best"])
@pytest.mark.parametrize("seed", range(12))
def test_services_scored_apart_join_to_the_score_of_the_whole(seed: int, assignment: str) -> None:
    world = random_town(seed, cells=12, sites=6, services=3)
    parts = [score_service(world, k, assignment) for k in range(3)]
    minimised = assignment == "best" and all(part[3] for part in parts)
    joined = joined_score(world, *role_supply(world), [part[:3] for part in parts], assignment, minimised)
    whole = score_world(world, assignment)
    for name in Score.__dataclass_fields__:
        one, other = getattr(joined, name), getattr(whole, name)
        assert np.array_equal(one, other) if isinstance(other, np.ndarray) else one == other, name


def test_waiting_for_pieces_does_not_slow_a_small_town(busy: SimpleNamespace) -> None:
    """No stage of a small job sleeps: the parent finds nothing to wait for."""
    _made, job = asked(busy)
    slept: list[float] = []
    real = time.sleep
    try:
        time.sleep = slept.append  # type: ignore[assignment]
        jobs.perform(job.ref)
    finally:
        time.sleep = real
    assert not slept and Job.objects.get(pk=job.pk).state == "done"
