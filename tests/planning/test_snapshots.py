"""Snapshots: same content, same snapshot; frozen inputs are read back as they were; an ended job leaves nothing waiting."""

import numpy as np
from django.core.files.storage import storages

from core.models import Job
from core.services import jobs
from engine import archive
from facilities.models import Capability, Facility
from inventory.models import IdleAsset
from planning.bridge import artefacts
from planning.bridge.frozen import load_frozen
from planning.choices import RunState
from planning.models import CellResult, Run, Snapshot
from planning.services import runs
from planning.services.snapshots import take_snapshot


def test_the_same_content_is_the_same_snapshot_and_any_change_is_another(town):
    first = take_snapshot(city=town.city)
    assert take_snapshot(city=town.city) == first and Snapshot.objects.count() == 1
    Facility.objects.filter(pk=town.places[0].pk).update(name="另一个名字")
    assert take_snapshot(city=town.city) == first
    Capability.objects.filter(pk=town.roles[0].pk).update(capacity=61)
    assert take_snapshot(city=town.city) != first


def test_a_snapshot_is_named_by_the_hash_of_what_is_in_it(town):
    snapshot = take_snapshot(city=town.city)
    arrays, meta = archive.load(artefacts.folder_of(snapshot.folder), verify=True)
    assert archive.content_hash(arrays, meta) == snapshot.sha256
    assert snapshot.sha256 in snapshot.folder


def test_a_snapshot_holds_cells_places_and_roles_as_they_are_now(town):
    frozen = load_frozen(take_snapshot(city=town.city))
    assert frozen.people("night").tolist() == [100, 60, 40, 30] and frozen.people("day").sum() == 130
    assert np.allclose(np.diff(frozen["cell_x"]), [400, 600, 2000], atol=0.01)
    assert [frozen.meta["areas"][n] for n in frozen["cell_area"]] == ["T1", "T1", "T2", "T2"]
    assert frozen["role_lapsed_agreement"].tolist() == [False, False, True, False]
    assert frozen["role_possible"].tolist() == [False, False, False, True]
    assert frozen.sites == 5 and frozen["option_capacity"].tolist() == [25]


def test_a_snapshot_that_lost_its_folder_is_written_again(town):
    import shutil

    snapshot = take_snapshot(city=town.city)
    shutil.rmtree(storages["artefacts"].path(snapshot.folder))
    assert take_snapshot(city=town.city) == snapshot
    assert artefacts.exists(snapshot.folder)


def test_a_cancelled_job_leaves_no_run_waiting_and_no_result(town, compute):
    (run,), job = runs.start_runs(
        user=None, city=town.city, scenario=town.scenario, times_of_day=["night"], detour_factor=1.0
    )
    Job.objects.filter(pk=job.pk).update(cancel_requested=True)
    jobs.perform(job.ref)
    run.refresh_from_db()
    assert run.state == RunState.FAILED and not CellResult.objects.exists()
    assert compute(town)[0].state == RunState.DONE


def test_a_job_that_is_done_twice_writes_once(town, compute):
    run = compute(town)[0]
    Job.objects.update(state="queued", worker_token="")
    jobs.perform(run.job.ref)
    assert CellResult.objects.count() == 4 and Run.objects.get().state == RunState.DONE


def test_the_same_question_asked_twice_before_the_answer_is_one_run(town):
    ask = {"user": None, "city": town.city, "scenario": town.scenario, "times_of_day": ["night"]}
    (first,), job = runs.start_runs(**ask)
    (second,), other = runs.start_runs(**ask)
    assert first == second and job.pk == (other or job).pk and Run.objects.count() == 1


def test_a_city_without_places_is_all_out_of_reach(town, compute):
    Facility.objects.all().delete()
    IdleAsset.objects.all().delete()
    total = compute(town)[0].totals[0]
    assert total["need"] == total["out_of_reach"] == 115
