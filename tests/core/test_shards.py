"""A job in pieces: every free hand helps, a killed one costs only the piece it held, nothing is lost or done for two.

With real workers on a real broker, unless the test is about what a single process must do.
"""

import os
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone, translation

from core.models import Job, JobShard
from core.selectors.jobs import pieces_of
from core.services import jobs, shards
from core.services.holders import new_token
from tests.core import job_kinds
from tests.core.test_jobs import OWN_KINDS, holder, wait_for

SQUARES = [0, 1, 4, 9, 16, 25, 36, 49]


def cut_job(diary: Path, seconds: float = 0.3, pieces: int = 8, **more: Any) -> Job:
    params = {"diary": str(diary), "seconds": seconds, "pieces": pieces, **more}
    return jobs.submit(kind="test.pieces", params=params)[0]


def entries(diary: Path) -> dict[str, list[int]]:
    """Processes by word, in the order they wrote it."""
    found: dict[str, list[int]] = defaultdict(list)
    for line in diary.read_text().splitlines() if diary.exists() else []:
        word, pid = line.split()
        found[word].append(int(pid))
    return found


def hands(diary: Path) -> Counter[int]:
    """How many pieces each process finished."""
    return Counter(pid for word, pids in entries(diary).items() if word.startswith("did-") for pid in pids)


def until(true: Callable[[], Any], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


# --- with real workers ------------------------------------------------------------------------------


def test_two_workers_share_the_pieces_and_the_answers_come_in_order(
    start_worker: Callable[..., Any], tmp_path: Path
) -> None:
    start_worker(**OWN_KINDS)
    start_worker(**OWN_KINDS)
    job = wait_for(cut_job(tmp_path / "diary"), "done")
    assert job.result["squares"] == SQUARES
    assert len(hands(tmp_path / "diary")) == 2 and sum(hands(tmp_path / "diary").values()) == 8
    (told,) = job.result["pieces"]
    assert (told["stage"], told["kind"], told["pieces"], told["done"], told["workers"]) == (
        "squares", "test.square", 8, 8, 2,
    )  # fmt: skip
    assert not JobShard.objects.exists()


def test_one_worker_with_one_hand_does_all_pieces_alone(
    start_worker: Callable[..., Any], tmp_path: Path
) -> None:
    start_worker(**OWN_KINDS)
    job = wait_for(cut_job(tmp_path / "diary", seconds=0.05), "done")
    assert job.result["squares"] == SQUARES and len(hands(tmp_path / "diary")) == 1


def test_every_hand_a_parent_of_its_own_job_comes_to_an_end(
    start_worker: Callable[..., Any], tmp_path: Path
) -> None:
    start_worker(concurrency=2, **OWN_KINDS)
    made = [cut_job(tmp_path / f"diary-{n}", seconds=0.1) for n in range(4)]
    for job in made:
        assert wait_for(job, "done").result["squares"] == SQUARES


def test_a_helper_killed_in_the_middle_of_a_piece_costs_only_that_piece(
    start_worker: Callable[..., Any], tmp_path: Path
) -> None:
    first, second = start_worker(**OWN_KINDS), start_worker(**OWN_KINDS)
    diary = tmp_path / "diary"
    job = wait_for(cut_job(diary, seconds=1.0), "running")
    until(lambda: len(hands(diary)) == 2)
    helper = next(one for one in (first, second) if os.getpgid(holder(job)) != one.pid)
    until(lambda: any(pid_of_group(token) == helper.pid for token in running_tokens()))
    helper.kill()
    job = wait_for(job, "done")
    done = entries(diary)
    assert (job.result["squares"], job.attempts) == (SQUARES, 1)
    assert all(len(done[f"did-{n}"]) == 1 for n in range(8)), "a piece was lost or written twice"
    assert sum(len(done[f"begin-{n}"]) for n in range(8)) == 9


def running_tokens() -> list[str]:
    return list(JobShard.objects.filter(state="running").values_list("worker_token", flat=True))


def pid_of_group(token: str) -> int:
    try:
        return os.getpgid(int(token.split("|")[1]))
    except ProcessLookupError:
        return -1


def test_a_killed_parent_is_followed_by_one_that_keeps_the_finished_pieces(
    start_worker: Callable[..., Any], tmp_path: Path
) -> None:
    start_worker(**OWN_KINDS)
    diary = tmp_path / "diary"
    job = wait_for(cut_job(diary, seconds=0.5), "running")
    until(lambda: sum(hands(diary).values()) >= 2)
    os.kill(holder(job), signal.SIGKILL)
    job = wait_for(job, "done")
    done = entries(diary)
    assert (job.attempts, len(done["parent"]), job.result["squares"]) == (2, 2, SQUARES)
    assert len(done["did-0"]) == len(done["did-1"]) == 1, "finished pieces were done again"
    assert sum(hands(diary).values()) == 8


def test_cancelling_stops_every_hand(
    start_worker: Callable[..., Any], tmp_path: Path, admin_user: Any
) -> None:
    start_worker(**OWN_KINDS)
    start_worker(**OWN_KINDS)
    diary = tmp_path / "diary"
    job = wait_for(cut_job(diary, seconds=60, pieces=4), "running")
    until(lambda: len(running_tokens()) == 2)
    jobs.cancel(user=admin_user, job=job)
    wait_for(job, "cancelled", seconds=15)
    time.sleep(1)
    assert not hands(diary) and not JobShard.objects.exists()
    assert sum(len(pids) for word, pids in entries(diary).items() if word.startswith("begin-")) == 2


def test_a_refused_piece_ends_the_job_with_its_own_words_in_the_language_of_the_one_who_asked(
    start_worker: Callable[..., Any], tmp_path: Path
) -> None:
    start_worker(**OWN_KINDS)
    start_worker(**OWN_KINDS)
    with translation.override("zh-hans"):
        job = cut_job(tmp_path / "diary", seconds=0.5, bad=1)
        words = translation.gettext("Not found")
    job = wait_for(job, "failed")
    assert (job.error_code, job.error) == ("test-refused", words) and words != "Not found"
    assert sum(hands(tmp_path / "diary").values()) < 7, "the others went on for nothing"
    assert job.result["pieces"][0]["failed"] == 1


# --- within one process -----------------------------------------------------------------------------


def performed(job: Job) -> Job:
    jobs.perform(job.ref)
    job.refresh_from_db()
    return job


def test_without_a_broker_the_parent_does_everything(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.tasks import help_job

    def refused(**_: Any) -> None:
        raise ConnectionError("no broker")

    job = cut_job(tmp_path / "diary", seconds=0)
    monkeypatch.setattr(help_job, "apply_async", refused)
    assert performed(job).result["squares"] == SQUARES


def test_a_help_call_that_comes_too_late_finds_nothing_to_do(transactional_db: None, tmp_path: Path) -> None:
    job = performed(cut_job(tmp_path / "diary", seconds=0))
    shards.help_out(ref=job.ref, stage="squares")
    shards.help_out(ref="J-nobody", stage="squares")
    assert len(hands(tmp_path / "diary")) == 1 and job.state == "done"


def test_pieces_left_by_a_lost_parent_are_kept_only_when_they_ask_the_same(
    transactional_db: None, tmp_path: Path
) -> None:
    job = cut_job(tmp_path / "diary", seconds=0, pieces=2)
    given = {**job.params, "n": 0}
    JobShard.objects.create(
        job=job, stage="squares", number=0, params={"kind": "test.square", "given": given}, state="done",
        result={"square": 111},
    )  # fmt: skip
    JobShard.objects.create(
        job=job, stage="squares", number=1, params={"kind": "test.square", "given": {**given, "n": 1}}
    )
    assert performed(job).result["squares"] == [111, 1]
    other = cut_job(tmp_path / "other", seconds=0, pieces=2)
    JobShard.objects.create(
        job=other, stage="squares", number=0, params={"kind": "test.square", "given": given}, state="done",
        result={"square": 111},
    )  # fmt: skip
    assert performed(other).result["squares"] == [0, 1]


def test_a_piece_that_keeps_losing_its_worker_fails_the_job_in_words(
    transactional_db: None, tmp_path: Path
) -> None:
    job = cut_job(tmp_path / "diary", seconds=0, pieces=2)
    params = [{"kind": "test.square", "given": {**job.params, "n": n}} for n in range(2)]
    JobShard.objects.create(job=job, stage="squares", number=0, params=params[0])
    JobShard.objects.create(
        job=job, stage="squares", number=1, params=params[1], state="running", attempts=3,
        worker_token="elsewhere|1|1|x", heartbeat_at=timezone.now() - timedelta(minutes=5),
    )  # fmt: skip
    job = performed(job)
    assert (job.state, job.error_code) == ("failed", "worker-lost") and "3 times" in job.error


def test_a_piece_of_a_living_process_is_waited_for_however_silent_it_is(
    transactional_db: None, tmp_path: Path
) -> None:
    job = cut_job(tmp_path / "diary", seconds=0, pieces=2)
    token = new_token()
    for n in range(2):
        JobShard.objects.create(
            job=job,
            stage="squares",
            number=n,
            params={"kind": "test.square", "given": {**job.params, "n": n}},
        )
    JobShard.objects.filter(number=1).update(
        state="running", worker_token=token, heartbeat_at=timezone.now() - timedelta(minutes=3)
    )

    def finish_later() -> None:
        until(lambda: len(hands(tmp_path / "diary")) == 1)
        time.sleep(0.5)
        JobShard.objects.filter(worker_token=token).update(state="done", result={"square": 7})
        connection.close()

    slow = threading.Thread(target=finish_later)
    slow.start()
    job = performed(job)
    slow.join()
    assert job.result["squares"] == [0, 7]


def test_an_internal_error_of_a_piece_is_told_not_swallowed(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = shards.Kind(lambda params, check: 1 / 0, "")  # type: ignore[arg-type,return-value]
    monkeypatch.setitem(shards._KINDS, "test.square", broken)
    job = performed(cut_job(tmp_path / "diary"))
    assert (job.state, job.error_code) == ("failed", "internal") and "ZeroDivisionError" in job.error


@pytest.mark.parametrize(
    ("told", "hands", "threads"), [(None, 1, 4), (None, 2, 2), (None, 8, 1), ("3", 2, 3)]
)
def test_the_hands_of_a_worker_share_its_cores_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, told: str | None, hands: int, threads: int
) -> None:
    from core.tasks import share_the_cores

    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    monkeypatch.setenv("ENGINE_THREADS", told or "")
    if told is None:
        monkeypatch.delenv("ENGINE_THREADS")
        assert shards.engine_threads() == 4
    share_the_cores(options={"concurrency": hands})
    assert shards.engine_threads() == threads


def test_the_state_of_all_pieces_is_read_in_two_queries(
    transactional_db: None, tmp_path: Path, django_assert_num_queries: Any
) -> None:
    job = cut_job(tmp_path / "diary")
    for number, state in enumerate(("done", "running", "queued")):
        JobShard.objects.create(
            job=job, stage="squares", number=number, params={"kind": "test.square"}, state=state,
            worker_token="" if state == "queued" else f"here|{number}|1|x",
        )  # fmt: skip
    with django_assert_num_queries(2):
        (told,) = pieces_of([job])[job.pk]
    assert (told["pieces"], told["done"], told["running"], told["queued"], told["workers"]) == (3, 1, 1, 1, 2)


def test_page_and_api_tell_the_stages_while_they_run_and_afterwards(
    transactional_db: None, tmp_path: Path, admin_client: Any
) -> None:
    job = cut_job(tmp_path / "diary", seconds=0)
    for number, state in enumerate(("done", "running", "queued")):
        JobShard.objects.create(
            job=job, stage="squares", number=number, params={"kind": "test.square"}, state=state,
            worker_token="" if state == "queued" else f"here|{number}|1|x",
        )  # fmt: skip
    Job.objects.filter(pk=job.pk).update(
        state="running", heartbeat_at=timezone.now(), worker_token=new_token()
    )
    line = admin_client.get(f"/jobs/{job.ref}/progress/").content.decode()
    assert "1 of 3 pieces" in line and "2 worker processes" in line
    table = admin_client.get(f"/jobs/{job.ref}/").content.decode()
    assert "Squares" in table and "Running now" in table
    (told,) = admin_client.get(f"/api/v1/jobs/{job.ref}/").json()["pieces"]
    assert (told["title"], told["pieces"], told["done"], told["running"], told["workers"]) == (
        "Squares",
        3,
        1,
        1,
        2,
    )
    Job.objects.filter(pk=job.pk).update(state="queued")
    job = performed(job)
    assert "Squares" in admin_client.get(f"/jobs/{job.ref}/progress/?stages").content.decode()
    assert admin_client.get(f"/api/v1/jobs/{job.ref}/").json()["pieces"][0]["done"] == 8
    assert "pieces" not in admin_client.get("/api/v1/jobs/").json()["results"][0]


assert job_kinds
