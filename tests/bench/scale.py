"""X1: a whole scoring of a mega-city by two workers against one, the same rows, within 4 GiB a worker."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import _rows
from tests.bench._database import own_database
from tests.bench._workers import Peak, workers

TARGET = 1.5
MOST_BYTES = 4 << 30
SERVICES = ["emergency_shelter", "short_fixed_shelter", "medical_point"]
# Shelters as far as people may walk, so that every place reaches about a thousand cells.
REACH = {"short_fixed_shelter": 3000.0}
DIGEST = """
    select count(*), md5(string_agg(concat_ws(' ', cell_id, service_id, need, served, late, no_room, out_of_reach), '|'
    order by run_id, service_id, cell_id)) from planning_cellresult where run_id = any(%s)
"""


def versions() -> list[str]:
    return [_rows.version(name) for name in ("django", "celery", "numpy", "numba")]


def run(size: str) -> list[_rows.Row]:
    people, cells, facilities, rounds = _rows.of(
        size, (25_000_000, 1_600_000, 20_000, 2), (1_000_000, 60_000, 0, 1), (60_000, 2_000, 0, 1)
    )
    mark = f"bench-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="pingji-scale-") as folder:
        # Before the settings are read: workers and this process share the queues' prefix and the artefacts.
        os.environ |= {"VAR_DIR": folder, "CACHE_PREFIX": mark}
        with own_database():
            city = city_made(Path(folder), people, cells, facilities)
            return _measure(size, Path(folder), city, rounds)


def city_made(folder: Path, people: int, cells: int, facilities: int) -> Any:
    from core.models import City
    from planning.services.city_packs import load_city
    from planning.services.synthetic_city import make_city

    make_city(folder=str(folder / "pack"), people=people, seed=3, cells=cells)
    load_city(path=folder / "pack")
    city = City.objects.get()
    if facilities:
        _grow(city, facilities)
    return city


def _grow(city: Any, wanted: int) -> None:
    """More facilities where there are some, about 200 m off, with the same roles."""
    from django.contrib.gis.geos import Point

    from facilities.models import Capability, Facility

    there = list(Facility.objects.filter(city=city).order_by("pk"))
    old, new = there[: max(0, wanted - len(there))], []
    roles: dict[int, list[Capability]] = {}
    for role in Capability.objects.filter(facility__in=[one.pk for one in old]):
        roles.setdefault(role.facility_id, []).append(role)
    keys = [one.pk for one in old]
    for number, place in enumerate(old):
        place.pk, place._state.adding = None, True
        place.ref, place.source_id = f"FA-X{number:06d}", f"x{number}"
        place.point = Point(place.point.x + 0.0015, place.point.y + 0.001, srid=4326)
        new.append(place)
    made = Facility.objects.bulk_create(new, batch_size=2000)
    copies = []
    for key, place in zip(keys, made, strict=True):
        for role in roles.get(key, []):
            role.pk, role._state.adding, role.facility_id = None, True, place.pk
            copies.append(role)
    Capability.objects.bulk_create(copies, batch_size=5000)


def _measure(size: str, folder: Path, city: Any, rounds: int) -> list[_rows.Row]:
    from facilities.models import Facility, ServiceType
    from planning.models import Scenario

    scenario = Scenario.objects.create(
        city=city, ref="S-BENCH", name="bench", hazard="earthquake", extent="everywhere", affected_share=1,
        displaced_share=0.2, times_of_day=["night", "day"],
    )  # fmt: skip
    scenario.services.set(ServiceType.objects.filter(code__in=SERVICES))
    seen: dict[str, Any] = {}
    peaks: list[Peak] = []

    def score(count: int) -> float:
        seconds, digest, pairs, stages = _score(city, scenario, count, folder, peaks)
        seen.setdefault("digest", digest)
        _rows.demand(
            digest == seen["digest"], f"{count} workers wrote other rows: {digest} not {seen['digest']}"
        )
        seen.update({"pairs": pairs, f"stages {count}": stages})
        return seconds

    # The first search of a fresh installation compiles its kernels; that is nobody's speed.
    if size != _rows.TINY:
        score(2)
        peaks.clear()
    sides = {"two": lambda: score(2), "one": lambda: score(1)}
    seconds = _rows.compare(sides, rounds, timed=lambda side: side())
    own, held = max(one.anonymous for one in peaks), max(one.resident for one in peaks)
    if size == _rows.FULL:
        _rows.demand(own <= MOST_BYTES, f"a worker needed {own / 2**30:.2f} GiB")
    cells, places = city.cells.count(), Facility.objects.filter(city=city).count()
    what = f"{cells:,} cells x {places:,} facilities, night and day, {len(SERVICES)} services, {seen['pairs']:,} pairs in reach"
    check = (
        f"the same {seen['digest'][0]:,} rows; a worker held at most {own / 2**30:.2f} GiB of its own, {held / 2**30:.2f} GiB"
        f" with mapped files; one {seen['stages 1']}; two {seen['stages 2']}"
    )
    return [_rows.row("X1-workers", what, seconds["two"], "one worker", seconds["one"], TARGET, check)]


def _score(
    city: Any, scenario: Any, count: int, folder: Path, peaks: list[Peak]
) -> tuple[float, Any, int, str]:
    """Seconds of a job that finds nothing prepared, the digest of its rows, pairs in reach, seconds by stage."""
    from django.db import connection

    from core.models import Job
    from planning.bridge import artefacts
    from planning.models import CellResult, Run
    from planning.services import runs

    for name in ("reach", "snaps", "scores", "results"):
        artefacts.forget(name)
    CellResult.objects.all().delete()
    Run.objects.all().delete()
    with workers(count, folder) as peak:
        made, job = runs.start_runs(user=None, city=city, scenario=scenario, reach_overrides=REACH)
        assert job is not None
        while not Job.objects.get(pk=job.pk).over:
            time.sleep(0.1)
    job.refresh_from_db()
    _rows.demand(job.state == "done", f"the job is {job.state}: {job.error}")
    peaks.append(peak)
    with connection.cursor() as cursor:
        cursor.execute(DIGEST, [[run.pk for run in made]])
        digest = cursor.fetchone()
    stages = ", ".join(f"{row['stage']} {row['seconds']} s" for row in job.result["pieces"])
    seconds = (job.finished_at - job.started_at).total_seconds()
    pairs = Run.objects.get(pk=made[0].pk).facts["pairs_in_reach"]
    return seconds, digest, sum(pairs.values()), stages
