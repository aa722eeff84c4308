"""Long work: asked once, done once, stopped on request, taken up when its worker dies. With real workers."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone, translation

from core.errors import DomainError, Forbidden
from core.models import Job
from core.services import jobs
from tests.core import job_kinds

OWN_KINDS = {"DJANGO_SETTINGS_MODULE": "tests.core.worker_settings"}


def sleeper(diary: Path, seconds: float = 0.2, seconds_next: float = 0.2, **options: Any) -> Job:
    params = {"diary": str(diary), "seconds": seconds, "seconds_next": seconds_next}
    return jobs.submit(kind="test.sleep", params=params, **options)[0]


def wait_for(job: Job, *states: str, seconds: float = 60) -> Job:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        job.refresh_from_db()
        if job.state in states:
            return job
        assert not job.over, f"{job.ref} is {job.state}: {job.message}{job.error}"
        time.sleep(0.1)
    raise AssertionError(f"{job.ref} is {job.state} ({job.message}) after {seconds} s, not {states}")


def words(diary: Path) -> Counter[str]:
    return (
        Counter(line.split()[0] for line in diary.read_text().splitlines()) if diary.exists() else Counter()
    )


def started(diary: Path, **options: Any) -> Job:
    """A long job that a worker has really begun."""
    job = wait_for(sleeper(diary, seconds=120, **options), "running")
    while not words(diary):
        time.sleep(0.05)
    return job


def holder(job: Job) -> int:
    return int(job.worker_token.split("|")[1])


# --- with a real worker ----------------------------------------------------------------------------


def test_a_worker_does_the_job_once_and_says_where_the_result_is(
    start_worker: Callable[..., Any], tmp_path: Path
) -> None:
    start_worker(**OWN_KINDS)
    job = wait_for(sleeper(tmp_path / "diary", 1.0), "done")
    assert (job.progress, job.result_url, job.result, job.attempts) == (1.0, "/jobs/", {"attempt": 1}, 1)
    assert words(tmp_path / "diary") == {"start": 1, "end": 1}


def test_a_killed_child_process_is_noticed_and_its_job_is_taken_up_again(
    start_worker: Callable[..., Any], tmp_path: Path
) -> None:
    start_worker(**OWN_KINDS)
    job = started(tmp_path / "diary")
    os.kill(holder(job), signal.SIGKILL)
    job = wait_for(job, "done", seconds=60)
    assert (job.attempts, words(tmp_path / "diary")) == (2, {"start": 2, "end": 1})


def test_a_killed_worker_leaves_its_job_to_the_next_worker_without_a_scheduler(
    start_worker: Callable[..., Any], tmp_path: Path
) -> None:
    first = start_worker(**OWN_KINDS)
    job = started(tmp_path / "diary")
    first.kill()
    killed_at = time.monotonic()
    start_worker(**OWN_KINDS)
    job = wait_for(job, "done", seconds=60)
    assert time.monotonic() - killed_at < 60
    assert (job.attempts, words(tmp_path / "diary")) == (2, {"start": 2, "end": 1})


def test_a_job_whose_message_the_broker_lost_is_done_all_the_same(
    start_worker: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "send", lambda job: None)
    job = sleeper(tmp_path / "diary")
    Job.objects.filter(pk=job.pk).update(created_at=timezone.now() - timedelta(minutes=1))
    start_worker(**OWN_KINDS)
    wait_for(job, "done", seconds=30)


def test_a_running_job_stops_when_asked_and_tidies_up(
    start_worker: Callable[..., Any], tmp_path: Path, admin_user: Any
) -> None:
    start_worker(**OWN_KINDS)
    job = started(tmp_path / "diary")
    jobs.cancel(user=admin_user, job=job)
    job = wait_for(job, "cancelled", seconds=15)
    assert words(tmp_path / "diary") == {"start": 1, "tidied": 1}


def test_a_refusal_is_told_in_the_language_of_the_one_who_asked(start_worker: Callable[..., Any]) -> None:
    start_worker(**OWN_KINDS)
    with translation.override("zh-hans"):
        job, _created = jobs.submit(kind="test.refuse", params={})
        words_then = translation.gettext("Not found")
    job = wait_for(job, "failed")
    assert (job.error_code, job.error) == ("test-refused", words_then)
    assert words_then != "Not found"


# --- without one -----------------------------------------------------------------------------------


def test_a_double_click_answers_the_same_job(transactional_db: None, tmp_path: Path) -> None:
    first, second = sleeper(tmp_path / "diary"), sleeper(tmp_path / "diary")
    assert first == second
    assert sleeper(tmp_path / "other") != first


def test_work_asked_for_again_while_the_old_job_still_stops_is_a_new_job(
    transactional_db: None, tmp_path: Path
) -> None:
    first = sleeper(tmp_path / "diary")
    Job.objects.filter(pk=first.pk).update(state="running", cancel_requested=True)
    assert sleeper(tmp_path / "diary") != first


def test_a_job_that_waits_is_cancelled_at_once_and_never_done(
    transactional_db: None, tmp_path: Path, admin_user: Any
) -> None:
    job = sleeper(tmp_path / "diary")
    jobs.cancel(user=admin_user, job=job)
    jobs.perform(job.ref)
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert words(tmp_path / "diary") == {"tidied": 1}
    with pytest.raises(DomainError, match="already over"):
        jobs.cancel(user=admin_user, job=job)


def test_only_the_owner_or_an_administrator_of_the_city_may_cancel(
    city: Any, other_city: Any, person: Callable[..., Any], tmp_path: Path
) -> None:
    top = city.areas.get(level=1)
    owner, planner = person("lin", "planner", area=top), person("he", "planner", area=top)
    elsewhere = person("xu", "admin", area=other_city.areas.get(level=1))
    job = sleeper(tmp_path / "diary", user=owner, city=city)
    for nobody in (planner, elsewhere, AnonymousUser()):
        with pytest.raises(Forbidden):
            jobs.cancel(user=nobody, job=job)
    jobs.cancel(user=owner, job=job)


def test_a_job_that_keeps_losing_its_worker_is_failed_in_words(
    transactional_db: None, tmp_path: Path
) -> None:
    job = sleeper(tmp_path / "diary")
    Job.objects.filter(pk=job.pk).update(
        state="running",
        attempts=3,
        worker_token="elsewhere|1|1|x",
        heartbeat_at=timezone.now() - timedelta(seconds=40),
    )
    assert jobs.watch()["failed"] == 1
    job.refresh_from_db()
    assert (job.state, job.error_code, job.over) == ("failed", "worker-lost", True)
    assert "3 times" in job.error
    assert words(tmp_path / "diary") == {"tidied": 1}


def test_a_living_process_that_is_silent_keeps_its_job(transactional_db: None, tmp_path: Path) -> None:
    """Native code can keep the heartbeat's thread from running: that must not double the work."""
    job = sleeper(tmp_path / "diary")
    silent = {"state": "running", "attempts": 1, "heartbeat_at": timezone.now() - timedelta(minutes=3)}
    Job.objects.filter(pk=job.pk).update(worker_token=jobs.new_token(), **silent)
    assert jobs.watch() == {"resumed": 0, "failed": 0, "sent_again": 0}
    Job.objects.filter(pk=job.pk).update(worker_token="another machine|1|1|x", **silent)
    assert jobs.watch()["resumed"] == 1


def test_a_worker_that_lost_its_job_writes_nothing_more(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = sleeper(tmp_path / "diary", seconds=0.5)

    def taken_over(*_: Any) -> dict[str, Any]:
        Job.objects.filter(pk=job.pk).update(worker_token="another machine|1|1|x", progress=0.25)
        return {"result_url": "/wrong/"}

    monkeypatch.setitem(jobs._KINDS, "test.sleep", taken_over)
    jobs.perform(job.ref)
    job.refresh_from_db()
    assert (job.state, job.progress, job.result_url) == ("running", 0.25, "")


def test_an_unknown_kind_and_an_internal_error_are_told_not_swallowed(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = jobs.submit(kind="test.nobody", params={})[0]
    jobs.perform(unknown.ref)
    unknown.refresh_from_db()
    assert (unknown.state, unknown.error_code) == ("failed", "job-kind-unknown")
    monkeypatch.setitem(jobs._KINDS, "test.broken", lambda *_: 1 / 0)
    broken = jobs.submit(kind="test.broken", params={})[0]
    jobs.perform(broken.ref)
    broken.refresh_from_db()
    assert (broken.state, broken.error_code) == ("failed", "internal")
    assert "ZeroDivisionError" in broken.error


assert job_kinds
